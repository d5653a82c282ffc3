/*
 * SpamAssassin's spamd: its score adds to the points of a message.  spamd sees
 * the message with a trace line in front as our MTA would write it, and it may
 * be told whose it is, so that a user's own rules and Bayes count; then a
 * transaction holds the recipients of one user, and the others get their turn.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "module.h"
#include "scan.h"
#include "spamc.h"

#define SPAMD_PORT	783
#define LATE		2000		/* ms that scan may be late itself */
#define FIELD_MAX	8192
#define HEAD_CHUNK	4096
#define PREFIX		"X-Spam-"	/* of spamd's fields */

enum { COUNT_SCANNED, COUNT_FLAGGED, COUNT_TOO_LARGE, COUNT_ONE_USER,
    COUNT_ERROR };
static const char *const counters[] = {
	"scanned", "flagged", "too-large", "one-user", "failed", NULL
};

enum user { USER_FIXED, USER_RECIPIENT, USER_LOCAL };

struct conf {
	struct scan_conf *scan;
	uint64_t	 max;
	enum spamc_verb	 verb;
	enum user	 user;
	char		*fixed;		/* NULL: spamd's own */
	int		 class;		/* what it flags is the class spam */
};

struct data {
	struct scan	*scan;		/* NULL: none under way */
	uint64_t	 key;
	struct conf	*conf;
	char		 why[256];
};

const struct module mod_spamassassin;

/* --- one message */

static void
user_of(const struct conf *conf, const char *rcpt,
    char dst[SPAMC_USER_MAX + 1])
{
	dst[0] = '\0';
	if (rcpt != NULL)
		spamc_user(rcpt, conf->user == USER_LOCAL, dst);
}

static int
make(struct scan_request *r, unsigned int server, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);
	char		 user[SPAMC_USER_MAX + 1];
	const char	*name = d->conf->fixed;

	(void)server;
	if (s == NULL)
		return (-1);
	if (d->conf->user != USER_FIXED) {
		user_of(d->conf, module_rcpt(s, 0), user);
		name = user;
	}
	r->spool = s->spool;
	r->how = SCAN_RAW;
	r->shut = 1;
	if (scan_received(s, &r->before) == -1)
		return (-1);
	return (spamc_head(&r->head, d->conf->verb, name,
	    buf_len(&r->before) + spool_size(s->spool)));
}

static int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	struct data		*d = arg;
	struct spamc_reply	 r;
	int			 got;

	got = spamc_parse(p, len, eof, d->conf->verb, &r, d->why,
	    sizeof(d->why));
	if (got == -1)
		*why = d->why;
	return (got);
}

/* HEADERS: spamd's fields; what pretends to be one is gone (on_eom). */
static int
fields(struct msession *s, const struct spamc_reply *r)
{
	struct msgedit	*e = module_edit(s, &mod_spamassassin);
	char		 name[64], value[FIELD_MAX];
	size_t		 at = 0;

	if (e == NULL)
		return (-1);
	while (spamc_field(r, &at, name, sizeof(name), value, sizeof(value)))
		if (msgedit_insert(e, 0, name, value) == -1)
			return (-1);
	return (0);
}

/* A field of that prefix; what comes after the header is not looked at. */
static int
has_forged(const struct spool *message)
{
	uint8_t		chunk[HEAD_CHUNK];
	uint64_t	at = 0;
	ssize_t		n, i;
	size_t		col = 0, same = 0;

	while ((n = spool_read(message, at, chunk, sizeof(chunk))) > 0) {
		for (i = 0; i < n; i++) {
			if (chunk[i] == '\n') {
				if (col <= 1)		/* "\r\n" */
					return (0);
				col = same = 0;
				continue;
			}
			if (col == same && same < sizeof(PREFIX) - 1 &&
			    tolower(chunk[i]) == tolower((uint8_t)PREFIX[same])
			    && ++same == sizeof(PREFIX) - 1)
				return (1);
			col++;
		}
		at += (uint64_t)n;
	}
	return (0);
}

/*
 * Fields that came with the message and pretend to be spamd's.  Who is to find
 * spamd's own is to find no others, also where spamd was not asked or could
 * not; else they go where a mark would contradict them.
 */
static int
forged(struct msession *s, const struct conf *conf)
{
	struct msgedit	*e;

	if (!has_forged(s->spool))
		return (0);
	e = module_edit(s, &mod_spamassassin);
	return (e == NULL ? -1 : msgedit_drop(e, PREFIX,
	    conf->verb != SPAMC_HEADERS));
}

static struct verdict
judge(struct msession *s, const struct conf *conf,
    const struct spamc_reply *r)
{
	char	symbols[SPAMC_SYMBOLS_MAX + 1], name[64];

	spamc_symbols(r, conf->verb, symbols);
	module_score(s, &mod_spamassassin, r->score, symbols);
	if (conf->verb == SPAMC_HEADERS && fields(s, r) == -1)
		return (verdict_error("its header fields are too much"));
	if (!r->flagged)
		return (verdict_next());
	module_count(&mod_spamassassin, COUNT_FLAGGED);
	if (!conf->class)
		return (verdict_next());
	snprintf(name, sizeof(name), "score %.1f of %.1f",
	    (double)r->score / 1000, (double)r->required / 1000);
	return (module_found(s, &mod_spamassassin, CLASS_SPAM, name));
}

static void
answered(const uint8_t *whole, size_t len, const char *why, void *arg)
{
	struct data		*d = arg;
	struct msession		*s = module_session(d->key);
	struct spamc_reply	 r;

	d->scan = NULL;
	if (s == NULL)			/* (forget has cancelled it) */
		return;
	if (whole == NULL || spamc_parse(whole, len, 1, d->conf->verb, &r,
	    d->why, sizeof(d->why)) != 1) {
		module_count(&mod_spamassassin, COUNT_ERROR);
		module_resume(d->key, &mod_spamassassin,
		    verdict_error("%s", whole == NULL ? why : d->why));
		return;
	}
	module_resume(d->key, &mod_spamassassin, judge(s, d->conf, &r));
}

static struct verdict
on_eom(struct msession *s, void *arg)
{
	struct conf	*conf = arg;
	struct data	*d = module_data(s, &mod_spamassassin);

	if (forged(s, conf) == -1)
		return (verdict_error("out of memory"));
	if (spool_size(s->spool) > conf->max) {
		module_count(&mod_spamassassin, COUNT_TOO_LARGE);
		return (verdict_next());
	}
	d->key = s->key;
	d->conf = conf;
	module_count(&mod_spamassassin, COUNT_SCANNED);
	d->scan = scan_start(conf->scan, s->id, make, more, answered, d);
	if (d->scan == NULL)
		return (verdict_error("out of memory"));
	return (verdict_wait(scan_time(conf->scan) + LATE));
}

/* The first recipient that is taken says whose the message is. */
static struct verdict
on_rcpt(struct msession *s, void *arg)
{
	const struct conf	*conf = arg;
	const char		*first = module_rcpt(s, 0);
	char			 one[SPAMC_USER_MAX + 1];
	char			 other[SPAMC_USER_MAX + 1];

	if (conf->user == USER_FIXED || first == NULL)
		return (verdict_next());
	user_of(conf, first, one);
	user_of(conf, s->rcpt, other);
	if (strcmp(one, other) == 0)
		return (verdict_next());
	module_count(&mod_spamassassin, COUNT_ONE_USER);
	return (verdict_tempfail(452, "4.5.3",
	    "One recipient at a time, please send to this one again"));
}

static void
forget(struct msession *s, void *arg)
{
	struct data	*d = module_data(s, &mod_spamassassin);

	(void)arg;
	scan_cancel(d->scan);
	d->scan = NULL;
}

/* --- the options */

static int
option_user(struct conf *conf, const struct module_arg *args, size_t n,
    const char **error)
{
	const char	*s;

	conf->user = strcmp(args[0].s, "recipient") == 0 ? USER_RECIPIENT :
	    strcmp(args[0].s, "local-part") == 0 ? USER_LOCAL : USER_FIXED;
	free(conf->fixed);
	conf->fixed = NULL;
	if (conf->user != USER_FIXED || n < 2) {
		if (conf->user == USER_FIXED || n < 2)
			return (0);
		*error = "only `fixed' takes a name";
		return (-1);
	}
	for (s = args[1].s; *s > ' ' && *s < 0x7f; s++)
		;
	if (*s != '\0' || s == args[1].s || s - args[1].s > SPAMC_USER_MAX) {
		*error = "a user is a word without blanks";
		return (-1);
	}
	if ((conf->fixed = strdup(args[1].s)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	return (0);
}

static int
option(void *arg, const char *keyword, const struct module_arg *args,
    size_t n, int off, const char **error)
{
	struct conf	*conf = arg;
	int		 r;

	(void)off;
	if (conf->scan == NULL && (conf->scan = scan_conf_new("spamassassin",
	    SPAMD_PORT)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	if ((r = scan_option(conf->scan, keyword, args, n, error)) != 0)
		return (r == -1 ? -1 : 0);
	if (strcmp(keyword, "max-size") == 0)
		conf->max = (uint64_t)args[0].n;
	else if (strcmp(keyword, "ask") == 0)
		conf->verb = strcmp(args[0].s, "check") == 0 ? SPAMC_CHECK :
		    strcmp(args[0].s, "headers") == 0 ? SPAMC_HEADERS :
		    SPAMC_SYMBOLS;
	else if (strcmp(keyword, "flagged") == 0)
		conf->class = strcmp(args[0].s, "spam") == 0;
	else
		return (option_user(conf, args, n, error));
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
	struct conf	*conf = arg;

	scan_conf_free(conf->scan);
	free(conf->fixed);
}

static const struct module_option options[] = {
	SCAN_OPTIONS,
	{ .keyword = "max-size", .form = "%z", .min = 1024,
	    .max = 256 * 1024 * 1024, .def = "500K",
	    .help = "larger messages are not sent" },
	{ .keyword = "ask", .form = "%w", .words = "check|symbols|headers",
	    .def = "symbols", .help = "what spamd is asked for" },
	{ .keyword = "user", .form = "%w [ %s ]",
	    .words = "fixed|recipient|local-part", .def = "fixed",
	    .help = "whose rules and Bayes count" },
	{ .keyword = "flagged", .form = "%w", .words = "points|spam",
	    .def = "points",
	    .help = "what a message is that is above spamd's own threshold" },
	{ .keyword = NULL }
};

const struct module mod_spamassassin = {
	.name = "spamassassin",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.counters = counters,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.hook = { [STAGE_RCPT] = on_rcpt, [STAGE_EOM] = on_eom },
	.forget = forget
};
