/*
 * Module rspamd: sends each message with its envelope to rspamd by HTTP.  The
 * reply has an action, a score and changes of the message (reply.c); all of
 * them are carried out.  Text from the client cannot add fields to the question
 * (fact), and mail is never discarded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "spamgreyd/modules/rspamd/httpreply.h"
#include "spamgreyd/runner/module.h"
#include "spamgreyd/modules/rspamd/reply.h"
#include "spamgreyd/pass/scan/scan.h"

/* rspamd's normal worker. */
#define RSPAMD_PORT	11333
/* Milliseconds that the module waits longer than scan may take. */
#define LATE		2000
/* Recipients, bytes of a field's value, and bytes of the symbols in the log. */
#define RCPTS_MAX	1000
#define VALUE_MAX	1024
#define SYMBOLS_MAX	1024
/* In thousandths; larger scores are cut. */
#define SCORE_MAX	1000000.0

enum { COUNT_SCANNED, COUNT_REJECT, COUNT_SOFT, COUNT_MARK, COUNT_TOO_LARGE,
    COUNT_ERROR };
static const char *const counters[] = {
	"scanned", "reject", "soft-reject", "unwanted", "too-large", "failed",
	NULL
};

/*
 * The settings.  max is the size in bytes of the largest message that is sent.
 */
struct conf {
	struct scan_conf *scan;
	uint64_t	 max;
	int		 points;
};

struct data {
	struct scan	*scan;		/* NULL: none under way */
	uint64_t	 key;
	struct conf	*conf;
};

const struct module mod_rspamd;

/* --- the question */

/*
 * Adds a field "Name: value" to the question.  Control characters are replaced,
 * so that a value cannot end its line and add another field.
 */
static int
fact(struct buf *b, const char *name, const char *value)
{
	char	clean[VALUE_MAX + 1];
	size_t	i;

	if (value == NULL || *value == '\0')
		return (0);
	for (i = 0; i < VALUE_MAX && value[i] != '\0'; i++)
		clean[i] = (unsigned char)value[i] < ' ' || value[i] == 0x7f ?
		    '?' : value[i];
	clean[i] = '\0';
	return (buf_printf(b, "%s: %s\r\n", name, clean));
}

/* The envelope and the client, as rspamd's HTTP interface names them. */
static int
facts(struct buf *b, const struct msession *s)
{
	char		 text[ADDR_STRLEN], id[20];
	const char	*rcpt;
	unsigned int	 i;

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)s->id);
	if (fact(b, "IP", addr_str(&s->client, text)) == -1 ||
	    fact(b, "Hostname", s->name) == -1 ||
	    fact(b, "Helo", s->helo) == -1 ||
	    fact(b, "From", s->from) == -1 ||
	    fact(b, "Queue-Id", id) == -1 ||
	    fact(b, "MTA-Name", s->hostname) == -1 ||
	    fact(b, "TLS-Version", s->tls_version) == -1 ||
	    fact(b, "TLS-Cipher", s->tls_cipher) == -1)
		return (-1);
	for (i = 0; i < RCPTS_MAX && (rcpt = module_rcpt(s, i)) != NULL; i++)
		if (fact(b, "Rcpt", rcpt) == -1)
			return (-1);
	return (0);
}

/*
 * scan asks for the question to this server; each try comes here again.
 * Returns -1 if there is no memory or the session is gone.
 */
static int
make(struct scan_request *r, unsigned int server, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);

	(void)server;
	if (s == NULL)
		return (-1);
	r->spool = s->spool;
	r->how = SCAN_RAW;
	if (buf_printf(&r->head, "POST /checkv2 HTTP/1.1\r\nHost: localhost\r\n"
	    "Connection: close\r\nContent-Length: %llu\r\n",
	    (unsigned long long)spool_size(s->spool)) == -1 ||
	    facts(&r->head, s) == -1)
		return (-1);
	return (buf_add(&r->head, "\r\n", 2));
}

/*
 * scan asks whether the reply is whole: 1 yes, 0 not yet, -1 it is malformed.
 */
static int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	int	status;

	(void)arg;
	return (http_parse(p, len, eof, &status, NULL, why));
}

/* --- the answer */

static const char *
string(const json_t *o, const char *name)
{
	const char	*s = json_string_value(json_object_get(o, name));

	return (s == NULL ? "" : s);
}

/*
 * Reads a number as thousandths.  Returns 0 if it is not a number, 1 if it is.
 * NaN becomes the lowest score.
 */
static int
number(const json_t *o, const char *name, int32_t *milli)
{
	const json_t	*j = json_object_get(o, name);
	double		 d;

	if (!json_is_number(j))
		return (0);
	d = json_number_value(j) * 1000;
	if (!(d > -SCORE_MAX))
		d = -SCORE_MAX;
	if (d > SCORE_MAX)
		d = SCORE_MAX;
	*milli = (int32_t)(d < 0 ? d - 0.5 : d + 0.5);
	return (1);
}

/* Joins the names of the symbols with commas, as many as fit. */
static void
symbols(json_t *o, char dst[SYMBOLS_MAX + 1])
{
	const char	*name;
	json_t		*value;
	size_t		 n = 0, len;

	dst[0] = '\0';
	json_object_foreach(json_object_get(o, "symbols"), name, value) {
		len = strlen(name);
		if (n + len + 2 > SYMBOLS_MAX)
			break;
		if (n > 0)
			dst[n++] = ',';
		memcpy(dst + n, name, len + 1);
		n += len;
	}
}

static struct verdict
failed(const char *why)
{
	module_count(&mod_rspamd, COUNT_ERROR);
	return (verdict_error("%s", why));
}

/*
 * Carries out the action.  "greylist" needs nothing, because the host has been
 * greylisted already.
 */
static struct verdict
act(struct msession *s, const json_t *o, const char *action, int32_t score)
{
	const char	*text = string(json_object_get(o, "messages"),
			    "smtp_message");
	char		 name[80];

	snprintf(name, sizeof(name), "%s, score %.2f", action,
	    (double)score / 1000);
	if (strcmp(action, "soft reject") == 0) {
		module_count(&mod_rspamd, COUNT_SOFT);
		return (verdict_tempfail(451, "4.7.1", "%s", *text == '\0' ?
		    "Please try again later" : text));
	}
	/*
	 * What rspamd would discard or quarantine is refused, so that the
	 * sender is told.
	 */
	if (strcmp(action, "reject") == 0 || strcmp(action, "discard") == 0 ||
	    strcmp(action, "quarantine") == 0) {
		module_count(&mod_rspamd, COUNT_REJECT);
		return (module_found(s, &mod_rspamd, CLASS_SPAM,
		    *text == '\0' ? name : text));
	}
	if (strcmp(action, "add header") == 0 ||
	    strcmp(action, "rewrite subject") == 0) {
		module_count(&mod_rspamd, COUNT_MARK);
		return (module_found(s, &mod_rspamd, CLASS_UNWANTED, name));
	}
	if (strcmp(action, "no action") == 0 ||
	    strcmp(action, "greylist") == 0)
		return (verdict_next());
	return (failed("its action is unknown"));
}

/* A valid reply: logs it, notes the score, then acts and makes the changes. */
static struct verdict
judge(struct msession *s, const struct conf *conf, json_t *o)
{
	const char	*action = string(o, "action");
	char		 names[SYMBOLS_MAX + 1], enc[SYMBOLS_MAX * 4 + 1];
	char		 what[40 * 4 + 1], why[RSPAMD_WHY];
	struct verdict	 v = verdict_next();
	int32_t		 score = 0;
	int		 skipped = json_is_true(json_object_get(o,
			    "is_skipped"));

	/*
	 * A message that rspamd skipped may still have an action (for example
	 * GTUBE, the test message).
	 */
	if (skipped && *action == '\0')
		return (verdict_next());
	if (*action == '\0' || strlen(action) > 40 ||
	    (!number(o, "score", &score) && !skipped))
		return (failed("its reply has no action or no score"));
	symbols(o, names);
	module_log(s, &mod_rspamd, "action=%s%s score=%g symbols=%s",
	    log_encode_str(what, sizeof(what), action),
	    rspamd_no_action(o) ? " no-action" : "", (double)score / 1000,
	    log_encode_str(enc, sizeof(enc), names));
	if (conf->points)
		module_score(s, &mod_rspamd, score, names);
	if (!rspamd_no_action(o))
		v = act(s, o, action, score);
	/* The changes of a message that is refused are not needed. */
	if (v.kind == VERDICT_NEXT &&
	    rspamd_changes(s, o, action, why) == -1)
		return (failed(why));
	return (v);
}

/* Reads the whole HTTP reply.  Only status 200 with a JSON object is one. */
static struct verdict
reply(struct msession *s, const struct conf *conf, const uint8_t *p,
    size_t len)
{
	struct buf	 body = { 0 };
	struct verdict	 v;
	const char	*why = "";
	json_error_t	 error;
	json_t		*o = NULL;
	char		 text[80];
	int		 status = 0;

	if (http_parse(p, len, 1, &status, &body, &why) != 1)
		v = failed(why);
	else if (status != 200) {
		snprintf(text, sizeof(text), "its status is %d", status);
		v = failed(text);
	} else if (buf_len(&body) == 0 || (o = json_loadb(
	    (const char *)buf_ptr(&body), buf_len(&body), 0, &error)) == NULL ||
	    !json_is_object(o))
		v = failed("its reply is not a JSON object");
	else
		v = judge(s, conf, o);
	json_decref(o);
	buf_free(&body);
	return (v);
}

/* scan has the reply, or an error in `why'; then whole is NULL. */
static void
answered(const uint8_t *whole, size_t len, const char *why, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);

	d->scan = NULL;
	if (s == NULL)			/* (forget has cancelled it) */
		return;
	module_resume(d->key, &mod_rspamd, whole == NULL ? failed(why) :
	    reply(s, d->conf, whole, len));
}

static struct verdict
on_eom(struct msession *s, void *arg)
{
	struct conf	*conf = arg;
	struct data	*d = module_data(s, &mod_rspamd);

	if (spool_size(s->spool) > conf->max) {
		module_count(&mod_rspamd, COUNT_TOO_LARGE);
		return (verdict_next());
	}
	d->key = s->key;
	d->conf = conf;
	module_count(&mod_rspamd, COUNT_SCANNED);
	d->scan = scan_start(conf->scan, s->id, make, more, answered, d);
	if (d->scan == NULL)
		return (verdict_error("out of memory"));
	return (verdict_wait(scan_time(conf->scan) + LATE));
}

static void
forget(struct msession *s, void *arg)
{
	struct data	*d = module_data(s, &mod_rspamd);

	(void)arg;
	scan_cancel(d->scan);
	d->scan = NULL;
}

/*
 * jansson reads the seed of its hash tables from a device file.  After the
 * process has dropped its privileges it could not open it.
 */
static int
open_seed(void)
{
	json_object_seed(0);
	return (0);
}

/* --- the options */

static int
option(void *arg, const char *keyword, const struct module_arg *args,
    size_t n, int off, const char **error)
{
	struct conf	*conf = arg;
	int		 r;

	(void)off;
	if (conf->scan == NULL && (conf->scan = scan_conf_new("rspamd",
	    RSPAMD_PORT)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	if ((r = scan_option(conf->scan, keyword, args, n, error)) != 0)
		return (r == -1 ? -1 : 0);
	if (strcmp(keyword, "max-size") == 0)
		conf->max = (uint64_t)args[0].n;
	else
		conf->points = strcmp(args[0].s, "points") == 0;
	return (0);
}

static int
check(void *arg, const char **error)
{
	return (scan_check(((struct conf *)arg)->scan, error));
}

static void
conf_clear(void *arg)
{
	scan_conf_free(((struct conf *)arg)->scan);
}

/*
 * rspamd's own fields.  Readers trust them, so those of incoming messages are
 * removed.
 */
static const char *const drops[] = { "X-Spam", "X-Rspamd", NULL };

static const struct module_option options[] = {
	SCAN_OPTIONS,
	{ .keyword = "max-size", .form = "%z", .min = 1024,
	    .max = 1024 * 1024 * 1024, .def = "50M",
	    .help = "larger messages are not sent" },
	{ .keyword = "score", .form = "%w", .words = "log|points",
	    .def = "log", .help = "what becomes of its score" },
	{ .keyword = NULL }
};

const struct module mod_rspamd = {
	.name = "rspamd",
	.says = "content",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.counters = counters,
	.drops = drops,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.open = open_seed,
	.hook = { [STAGE_EOM] = on_eom },
	.forget = forget
};
