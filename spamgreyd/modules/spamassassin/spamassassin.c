/*
 * Module spamassassin: asks SpamAssassin's spamd for the score of each message,
 * which adds to its points.  spamd gets the message with a trace line in front,
 * as our mail server would write it.  It can be told which user the message is
 * for, so that the user's own rules and Bayes count.
 *
 * A message has one score.  If spamd is asked for several users, the lowest
 * score counts against `reject at', so that no recipient loses a message that
 * would be accepted for them alone; the highest counts against `mark at'.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/log.h"
#include "spamgreyd/modules/spamassassin/spamc_users.h"
#include "spamgreyd/pass/scan/scan.h"
#include "spamgreyd/runner/module.h"

/* spamd's port. */
#define SPAMD_PORT	783
/* Milliseconds that the module waits longer than scan may take. */
#define LATE		2000
/*
 * Bytes of a field's value, and of a piece of the header that is read at once.
 */
#define FIELD_MAX	8192
#define HEAD_CHUNK	4096
/* Questions that are under way at once for one message. */
#define CHECKS_MAX	4
/* The header field with the scores of all users (WHOSE_EACH). */
#define USERS_FIELD	"X-Spamgreyd-Users"
/* How spamd's own fields begin. */
#define PREFIX		"X-Spam-"

enum { COUNT_SCANNED, COUNT_FLAGGED, COUNT_TOO_LARGE, COUNT_ONE_USER,
    COUNT_ERROR };
static const char *const counters[] = {
	"scanned", "flagged", "too-large", "one-user", "failed", NULL
};

/*
 * Which user the message is for: a name in the configuration; the recipients'
 * user, who must be the same for all; the first recipient's; each recipient's.
 */
enum whose { WHOSE_FIXED, WHOSE_ONE, WHOSE_FIRST, WHOSE_EACH };

/*
 * The settings.  max is the size in bytes of the largest message that is sent.
 */
struct conf {
	struct scan_conf *scan;
	uint64_t	 max;
	enum spamc_verb	 verb;
	enum whose	 whose;
	/* A user is the local part of the address only. */
	int		 local;
	/* The name for WHOSE_FIXED; NULL: spamd's own user. */
	char		*fixed;
	/* What spamd flags as spam is of the class spam. */
	int		 class;
	/* In addition the score does not count as points. */
	int		 alone;
};

struct data;
/*
 * One question to spamd, about one user.  It lies in the session's data; forget
 * cancels it.
 */
struct check {
	struct data	*d;
	struct scan	*scan;		/* NULL: not under way */
	size_t		 user;		/* its place in d->users */
	char		 why[256];
};
/*
 * A session's data; the users and the questions are those of the current
 * message.
 */
struct data {
	uint64_t	 key;
	struct conf	*conf;
	struct spamc_users users;	/* of this message */
	/*
	 * WHOSE_EACH: users of the recipients that the mail server has accepted
	 * so far.
	 */
	struct spamc_users taken;
	struct check	 check[CHECKS_MAX];
	size_t		 next;		/* the user to ask for next */
	/* Answers that have come. */
	size_t		 answers;
};

const struct module mod_spamassassin;

/* --- one message */

/*
 * scan asks for the question to this server; each try comes here again.  The
 * sending side is shut down after the message, as spamd expects.  Returns -1 if
 * there is no memory or the session is gone.
 */
static int
make(struct scan_request *r, unsigned int server, void *arg)
{
	struct check	*c = arg;
	struct data	*d = c->d;
	struct msession	*s = module_session(d->key);
	struct scan_sender sender;

	(void)server;
	if (s == NULL)
		return (-1);
	r->spool = s->spool;
	r->how = SCAN_RAW;
	r->shut = 1;
	sender = (struct scan_sender){ .id = s->id, .client = &s->client,
	    .hostname = s->hostname, .name = s->name, .helo = s->helo,
	    .from = s->from, .tls_version = s->tls_version,
	    .esmtp = s->esmtp };
	if (scan_received(&sender, &r->before) == -1)
		return (-1);
	return (spamc_head(&r->head, d->conf->verb,
	    d->users.list[c->user].name,
	    buf_len(&r->before) + spool_size(s->spool)));
}

/*
 * scan asks whether the answer is whole: 1 yes, 0 not yet, -1 it is malformed.
 */
static int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	struct check		*c = arg;
	struct spamc_reply	 r;
	int			 got;

	got = spamc_parse(p, len, eof, c->d->conf->verb, &r, c->why,
	    sizeof(c->why));
	if (got == -1)
		*why = c->why;
	return (got);
}

/*
 * HEADERS: inserts spamd's fields.  Forged ones were removed in on_eom.
 * Returns -1 if that fails.
 */
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

/*
 * Returns 1 if the message's own header has a field that begins like spamd's.
 * Only the header is read, because only there a reader looks.
 */
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
			    ascii_same((const char *)chunk + i, &PREFIX[same],
			    1) && ++same == sizeof(PREFIX) - 1)
				return (1);
			col++;
		}
		at += (uint64_t)n;
	}
	return (0);
}

/*
 * Removes fields that came with the message and pretend to be spamd's.  With
 * HEADERS they are always removed, also when spamd could not be asked, because
 * readers rely on spamd's fields.  Otherwise they are removed from marked
 * messages only, where they would contradict the mark.  Returns -1 if there is
 * no memory.
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

/*
 * Adds the header field and a log line for each user.  Returns -1 if there is
 * no memory.
 */
static int
tell_users(struct msession *s, const struct spamc_users *u)
{
	struct msgedit		*e = module_edit(s, &mod_spamassassin);
	const struct spamc_user	*one;
	struct buf		 b = { 0 };
	char			 enc[SPAMC_USER_MAX * 4 + 1];
	size_t			 i;
	int			 r = -1;

	for (i = 0; i < u->n; i++) {
		one = &u->list[i];
		module_log(s, &mod_spamassassin, "user=%s score=%g required=%g "
		    "flagged=%s", log_encode_str(enc, sizeof(enc), one->name),
		    (double)one->score / 1000, (double)one->required / 1000,
		    one->flagged ? "yes" : "no");
	}
	if (e != NULL && spamc_users_field(u, &b) == 0)
		r = msgedit_insert(e, 0, USERS_FIELD,
		    (const char *)buf_ptr(&b));
	buf_free(&b);
	return (r);
}

/* All answers are there: the verdict of the message. */
static struct verdict
judge(struct msession *s, struct data *d)
{
	const struct spamc_users	*u = &d->users;
	const struct spamc_user		*low = spamc_users_lowest(u);
	size_t				 flagged = spamc_users_flagged(u);
	char				 name[64];

	if (d->conf->whose == WHOSE_EACH && tell_users(s, u) == -1)
		return (verdict_error("out of memory"));
	module_score(s, &mod_spamassassin, d->conf->alone ? 0 : low->score,
	    low->symbols);
	module_score_some(s, &mod_spamassassin, d->conf->alone ? 0 :
	    spamc_users_highest(u)->score, d->conf->class && flagged > 0);
	if (flagged < u->n)
		return (verdict_next());
	module_count(&mod_spamassassin, COUNT_FLAGGED);
	if (!d->conf->class)
		return (verdict_next());
	snprintf(name, sizeof(name), "score %.1f of %.1f",
	    (double)low->score / 1000, (double)low->required / 1000);
	return (module_found(s, &mod_spamassassin, CLASS_SPAM, name));
}

static void
stop(struct data *d)
{
	size_t	i;

	for (i = 0; i < CHECKS_MAX; i++) {
		scan_cancel(d->check[i].scan);
		d->check[i].scan = NULL;
	}
	spamc_users_clear(&d->users);
}

static void	answered(const uint8_t *, size_t, const char *, void *);

/*
 * Asks for more users, up to CHECKS_MAX at once.  Returns -1 if there is no
 * memory.
 */
static int
ask(struct data *d, uint64_t session)
{
	struct check	*c;
	size_t		 i;

	for (i = 0; i < CHECKS_MAX && d->next < d->users.n; i++) {
		c = &d->check[i];
		if (c->scan != NULL)
			continue;
		c->d = d;
		c->user = d->next++;
		c->scan = scan_start(d->conf->scan, session, make, more,
		    answered, c);
		if (c->scan == NULL)
			return (-1);
	}
	return (0);
}

/*
 * Takes one answer.  Returns the verdict of the message, or WAIT if other
 * answers are missing; the time of that WAIT is not used.
 */
static struct verdict
one_answer(struct msession *s, struct check *c, const uint8_t *whole,
    size_t len, const char *why)
{
	struct data		*d = c->d;
	struct spamc_reply	 r;

	if (whole == NULL)
		return (verdict_error("%s", why));
	if (spamc_parse(whole, len, 1, d->conf->verb, &r, c->why,
	    sizeof(c->why)) != 1)
		return (verdict_error("%s", c->why));
	if (spamc_users_answer(&d->users, c->user, &r, d->conf->verb) == -1)
		return (verdict_error("out of memory"));
	/* With several users the fields are those of the first one. */
	if (d->conf->verb == SPAMC_HEADERS && c->user == 0 &&
	    fields(s, &r) == -1)
		return (verdict_error("its header fields are too large"));
	if (++d->answers == d->users.n)
		return (judge(s, d));
	return (ask(d, s->id) == -1 ? verdict_error("out of memory") :
	    verdict_wait(0));
}

/*
 * scan has the answer, or an error in `why'; then whole is NULL.  An error ends
 * all other questions too.
 */
static void
answered(const uint8_t *whole, size_t len, const char *why, void *arg)
{
	struct check	*c = arg;
	struct data	*d = c->d;
	struct msession	*s = module_session(d->key);
	struct verdict	 v;

	c->scan = NULL;
	if (s == NULL)			/* (forget has cancelled it) */
		return;
	v = one_answer(s, c, whole, len, why);
	if (v.kind == VERDICT_WAIT)
		return;
	if (v.kind == VERDICT_ERROR)
		module_count(&mod_spamassassin, COUNT_ERROR);
	stop(d);
	module_resume(d->key, &mod_spamassassin, v);
}

static int
user_add(const struct conf *conf, struct spamc_users *u, const char *rcpt)
{
	char	user[SPAMC_USER_MAX + 1];

	spamc_user(rcpt, conf->local, user);
	return (spamc_users_add(u, user));
}

/*
 * Fills in the users of the message.  Without any recipient spamd's own user is
 * taken.  Returns -1 if there is no memory.
 */
static int
users_of(const struct msession *s, const struct conf *conf,
    struct spamc_users *u)
{
	const char	*rcpt;
	unsigned int	 i;

	if (conf->whose == WHOSE_FIXED)
		return (spamc_users_add(u, conf->fixed == NULL ? "" :
		    conf->fixed));
	for (i = 0; (rcpt = module_rcpt(s, i)) != NULL; i++) {
		if (user_add(conf, u, rcpt) == -1)
			return (-1);
		if (conf->whose != WHOSE_EACH)
			break;
	}
	return (u->n > 0 ? 0 : spamc_users_add(u, ""));
}

/*
 * Forged fields are removed before anything else, so that this also happens to
 * messages that are not sent to spamd.
 */
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
	stop(d);
	d->key = s->key;
	d->conf = conf;
	d->next = d->answers = 0;
	module_count(&mod_spamassassin, COUNT_SCANNED);
	if (users_of(s, conf, &d->users) == -1 || ask(d, s->id) == -1) {
		stop(d);
		return (verdict_error("out of memory"));
	}
	return (verdict_wait(scan_time(conf->scan) + LATE));
}

/* A new transaction has no recipients yet. */
static struct verdict
on_mail(struct msession *s, void *arg)
{
	struct data	*d = module_data(s, &mod_spamassassin);

	(void)arg;
	spamc_users_clear(&d->taken);
	return (verdict_next());
}

/*
 * Returns 1 if the recipient's user can be added.  Nothing is added: the mail
 * server may still refuse the recipient.
 */
static int
has_room(const struct msession *s, const struct conf *conf, struct data *d)
{
	char		 one[SPAMC_USER_MAX + 1], other[SPAMC_USER_MAX + 1];
	const char	*first;
	size_t		 n = d->taken.n;
	int		 r;

	if (conf->whose == WHOSE_ONE) {
		if ((first = module_rcpt(s, 0)) == NULL)
			return (1);
		spamc_user(first, conf->local, one);
		spamc_user(s->rcpt, conf->local, other);
		return (strcmp(one, other) == 0);
	}
	if (conf->whose != WHOSE_EACH)
		return (1);
	r = user_add(conf, &d->taken, s->rcpt);
	d->taken.n = n;
	return (r == 1);
}

/*
 * Defers recipients that cannot be in the same message.  With WHOSE_ONE all
 * must be the user of the first accepted recipient; with WHOSE_EACH there can
 * be SPAMC_USERS_MAX users.  The client sends to the others in another
 * transaction.
 */
static struct verdict
on_rcpt(struct msession *s, void *arg)
{
	const struct conf	*conf = arg;

	if (has_room(s, conf, module_data(s, &mod_spamassassin)))
		return (verdict_next());
	module_count(&mod_spamassassin, COUNT_ONE_USER);
	return (verdict_tempfail(452, "4.5.3", conf->whose == WHOSE_ONE ?
	    "One recipient at a time; please send to this recipient again "
	    "later" :
	    "Too many recipients at a time; please send to this recipient "
	    "again later"));
}

/* The mail server has accepted the recipient: its user counts. */
static struct verdict
on_rcpt_reply(struct msession *s, void *arg)
{
	const struct conf	*conf = arg;
	struct data		*d = module_data(s, &mod_spamassassin);

	if (conf->whose == WHOSE_EACH && s->reply_code < 300 &&
	    user_add(conf, &d->taken, s->rcpt) != 1)
		return (verdict_tempfail(451, "4.3.0",
		    "Out of memory; please try again later"));
	return (verdict_next());
}

static void
forget(struct msession *s, void *arg)
{
	struct data	*d = module_data(s, &mod_spamassassin);

	(void)arg;
	stop(d);
	spamc_users_clear(&d->taken);
}

/* --- the options */

/*
 * The option user.  After `first' and `each' the word local-part may follow,
 * after `fixed' a user's name.
 */
static int
option_user(struct conf *conf, const struct module_arg *args, size_t n,
    const char **error)
{
	const char	*s;

	conf->whose = strcmp(args[0].s, "each") == 0 ? WHOSE_EACH :
	    strcmp(args[0].s, "first") == 0 ? WHOSE_FIRST :
	    strcmp(args[0].s, "fixed") == 0 ? WHOSE_FIXED : WHOSE_ONE;
	conf->local = strcmp(args[0].s, "local-part") == 0;
	free(conf->fixed);
	conf->fixed = NULL;
	if (n < 2)
		return (0);
	if (args[1].kind == ARG_WORD) {
		conf->local = 1;
		if ((conf->whose == WHOSE_FIRST || conf->whose == WHOSE_EACH) &&
		    n == 2 && strcmp(args[1].s, "local-part") == 0)
			return (0);
		*error = "a second word is \"local-part\", after \"first\" or "
		    "\"each\"";
		return (-1);
	}
	if (conf->whose != WHOSE_FIXED) {
		*error = "only \"fixed\" can be followed by a user name";
		return (-1);
	}
	for (s = args[1].s; *s > ' ' && *s < 0x7f; s++)
		;
	if (*s != '\0' || s == args[1].s || s - args[1].s > SPAMC_USER_MAX) {
		*error = "a user name must be printable ASCII without blanks";
		return (-1);
	}
	if ((conf->fixed = strdup(args[1].s)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	return (0);
}

static void
option_flagged(struct conf *conf, const char *word)
{
	conf->class = strcmp(word, "points") != 0;
	conf->alone = strcmp(word, "alone") == 0;
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
		option_flagged(conf, args[0].s);
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
	{ .keyword = "user", .form = "%w [ %w ] [ %s ]",
	    .words = "fixed|recipient|local-part|first|each", .def = "fixed",
	    .help = "whose rules and Bayes count" },
	{ .keyword = "flagged", .form = "%w", .words = "points|spam|alone",
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
	.says = "content",
	.counters = counters,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.hook = { [STAGE_MAIL] = on_mail, [STAGE_RCPT] = on_rcpt,
	    [STAGE_RCPT_REPLY] = on_rcpt_reply, [STAGE_EOM] = on_eom },
	.forget = forget
};
