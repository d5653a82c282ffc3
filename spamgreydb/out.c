/*
 * Output: entries in spamdb's form, as an export, or as JSON with one object
 * per line.  Standard output has a large buffer and is not flushed by line.
 * After a closed pipe nothing is printed any more, and the command ends
 * quietly.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "lib/db/backup.h"
#include "lib/base/hosts.h"
#include "spamgreydb/spamgreydb.h"

#define OUT_BUFFER	(256 * 1024)	/* bytes */

static int	out_errno;	/* why standard output failed; 0: fine */
static int	json_short;	/* jansson had no memory: members are missing */
static int64_t	out_pass;	/* seconds that a tuple waits; 0 unknown */

static void *
json_memory(size_t n)
{
	void	*p = malloc(n);

	if (p == NULL)
		json_short = 1;
	return (p);
}

/* The buffer makes a list of a million lines fast. */
void
out_init(void)
{
	static char	buf[OUT_BUFFER];

	json_set_alloc_funcs(json_memory, free);
	(void)setvbuf(stdout, buf, _IOFBF, sizeof(buf));
}

/* Called before anything is printed as JSON. */
void
out_configure(const struct config *conf)
{
	out_pass = conf->grey.pass;
}

/*
 * Control characters become question marks: a daemon's text may quote a
 * client.
 */
void
out_error(const char *fmt, ...)
{
	char	text[2048], *p;
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	fprintf(stderr, "spamgreydb: %s\n", text);
}

/* After a failure nothing is printed any more. */
int
out_line(char *line, size_t len)
{
	if (len == 0 || out_errno != 0)
		return (out_errno != 0 ? -1 : 0);
	line[len] = '\n';
	if (fwrite(line, len + 1, 1, stdout) == 1)
		return (0);
	out_errno = errno != 0 ? errno : EIO;
	return (-1);
}

/* A type that spamdb does not know has no line. */
int
out_entry(const struct entry *e)
{
	static char	line[ENTRY_LINE_MAX + 1];

	return (out_line(line, entry_line(e, line)));
}

/* Columns as relaydb has them, for people and for awk. */
int
out_repute(const struct entry *e)
{
	char		ip[ADDR_STRLEN], date[40], line[160];
	time_t		t = (time_t)e->pass;
	struct tm	tm;
	int		len;

	if (gmtime_r(&t, &tm) == NULL || strftime(date, sizeof(date),
	    "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(date, sizeof(date), "%lld", (long long)e->pass);
	len = snprintf(line, sizeof(line) - 1, "%-39s %7u %7u %s",
	    addr_str(&e->addr, ip), e->passed, e->block, date);
	return (out_line(line, (size_t)len));
}

/* The names of the columns; for people only. */
int
out_repute_head(void)
{
	char	line[160];
	int	len;

	len = snprintf(line, sizeof(line) - 1, "%-39s %7s %7s %s", "address",
	    "good", "bad", "last counted");
	return (out_line(line, (size_t)len));
}

static void
json_int(json_t *o, const char *name, int64_t value)
{
	(void)json_object_set_new(o, name, json_integer(value));
}

/* A time twice, for programs and for people. */
void
out_json_time(json_t *o, const char *name, int64_t t)
{
	char		key[64], iso[40];
	time_t		tt = (time_t)t;
	struct tm	tm;

	json_int(o, name, t);
	snprintf(key, sizeof(key), "%s_iso", name);
	if (t == 0 || gmtime_r(&tt, &tm) == NULL ||
	    strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)json_object_set_new(o, key, json_null());
	else
		(void)json_object_set_new(o, key, json_string(iso));
}

int
out_pool(const char *domain, size_t networks, size_t mails, int64_t first,
    int64_t last, int json)
{
	char	 name[4 * ENTRY_STR_MAX + 1], line[sizeof(name) + 100];
	json_t	*o;
	int	 len;

	(void)entry_put_text(name, domain);
	if (json) {
		if ((o = json_object()) == NULL)
			return (out_json(NULL));
		(void)json_object_set_new(o, "type", json_string("POOL"));
		(void)json_object_set_new(o, "domain", json_string(name));
		(void)json_object_set_new(o, "networks",
		    json_integer((json_int_t)networks));
		(void)json_object_set_new(o, "mails",
		    json_integer((json_int_t)mails));
		out_json_time(o, "first", first);
		out_json_time(o, "last", last);
		return (out_json(o));
	}
	len = snprintf(line, sizeof(line) - 1, "POOL|%s|%zu|%zu|%lld|%lld",
	    name, networks, mails, (long long)first, (long long)last);
	return (out_line(line, (size_t)len));
}

/* Text encoded as in the lines, so that JSON is ASCII and says the same. */
static void
json_text(json_t *o, const char *name, const char *text)
{
	static char	enc[4 * ENTRY_DATA_MAX + 1];

	if (strlen(text) > ENTRY_DATA_MAX)
		return;
	entry_put_text(enc, text);
	(void)json_object_set_new(o, name, json_string(enc));
}

/*
 * While a tuple waits, its `pass' is its expiry (as in spamdb); this tells
 * when it passes, or passed.
 */
static void
put_passes(json_t *o, const struct entry *e)
{
	if (e->pass < e->expire)
		out_json_time(o, "passed_at", e->pass);
	else if (out_pass != 0)
		out_json_time(o, "passes_at", e->first + out_pass);
}

/* As in spamdb's lines. */
static const char *
type_str(enum entry_type type)
{
	switch (type) {
	case ENTRY_GREY:
		return ("GREY");
	case ENTRY_WHITE:
		return ("WHITE");
	case ENTRY_TRAPPED:
		return ("TRAPPED");
	case ENTRY_SPAMTRAP:
		return ("SPAMTRAP");
	case ENTRY_STAMP:
		return ("STAMP");
	case ENTRY_VISIT:
		return ("VISIT");
	case ENTRY_REPUTE:
		return ("REPUTE");
	case ENTRY_META:
	case ENTRY_GONE:
		break;
	}
	return ("?");
}

/* All that a line has, by name, and the times as text too. */
json_t *
out_entry_object(const struct entry *e)
{
	char	 ip[ADDR_STRLEN];
	json_t	*o;

	if ((o = json_object()) == NULL)
		return (NULL);
	json_text(o, "type", type_str(e->type));
	if (e->type == ENTRY_SPAMTRAP)
		json_text(o, "address", e->rcpt);
	else {
		json_text(o, "address", addr_str(&e->addr, ip));
		json_text(o, "network", addr_str(&e->net, ip));
	}
	if (e->type == ENTRY_GREY) {
		json_text(o, "helo", e->helo);
		json_text(o, "from", e->from);
		json_text(o, "to", e->to);
	}
	out_json_time(o, "first", e->first);
	out_json_time(o, e->type == ENTRY_REPUTE ? "last" : "pass", e->pass);
	out_json_time(o, "expire", e->expire);
	if (e->type == ENTRY_GREY)
		put_passes(o, e);
	json_int(o, e->type == ENTRY_REPUTE ? "bad" : "block", e->block);
	json_int(o, e->type == ENTRY_REPUTE ? "good" : "passed", e->passed);
	if (e->type == ENTRY_TRAPPED)
		json_text(o, "reason", trap_reason_str(e->reason));
	if (e->type == ENTRY_WHITE) {
		json_text(o, "reason", white_reason_str(e->reason));
		if (e->reason == WHITE_RETRY || e->reason == WHITE_NOT_TO) {
			json_text(o, "from", e->from);
			json_text(o, "to", e->to);
		}
	}
	if (e->comment[0] != '\0')
		json_text(o, "comment", e->comment);
	return (o);
}

/* For json_dump_callback. */
static int
out_dump(const char *data, size_t len, void *arg)
{
	(void)arg;
	if (fwrite(data, 1, len, stdout) == len)
		return (0);
	out_errno = errno != 0 ? errno : EIO;
	return (-1);
}

/* One object, compact, on one line. */
int
out_json(json_t *o)
{
	int	r;

	r = o == NULL || out_errno != 0 ? -1 : json_dump_callback(o, out_dump,
	    NULL, JSON_COMPACT);
	json_decref(o);
	if (o == NULL || json_short) {
		out_error("no memory");
		return (-1);
	}
	return (r == 0 ? out_dump("\n", 1, NULL) : -1);
}

int
out_json_entry(const struct entry *e)
{
	return (out_json(out_entry_object(e)));
}

int
out_broken_pipe(void)
{
	return (out_errno == EPIPE);
}

/* Called once at the end; a full disk shows here at the latest. */
int
out_end(void)
{
	errno = 0;
	if (out_errno == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		out_errno = errno != 0 ? errno : EIO;
	if (out_errno != 0 && out_errno != EPIPE)
		out_error("standard output: %s", strerror(out_errno));
	return (out_errno != 0 ? -1 : 0);
}
