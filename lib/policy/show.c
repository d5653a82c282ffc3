/*
 * What an address is, why, until when, and what its next visit will get, as
 * facts for `spamgreydb show'.  Reads only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"

#define TUPLES_SHOWN	20

struct show {
	struct policy	*p;
	void		(*fact)(const char *, const char *, void *);
	void		*arg;
	int64_t		 now;
	struct state	 s;
	struct addr	 net;
	/* Of the host itself, and of others of its network. */
	size_t		 tuples, mature, others, others_mature;
	int64_t		 first_left;	/* of the tuple that matures next; -1 */
	int64_t		 others_left;
};

static void
say(struct show *s, const char *name, const char *fmt, ...)
    __attribute__((__format__(printf, 3, 4)));

static void
say(struct show *s, const char *name, const char *fmt, ...)
{
	char	buf[3 * LOG_LINE_MAX];
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	s->fact(name, buf, s->arg);
}

/*
 * For programs: "#name" is a number, "=name" a text.  What these say is said
 * in words besides.
 */
static void
say_number(struct show *s, const char *name, int64_t value)
{
	char	key[48];

	snprintf(key, sizeof(key), "#%s", name);
	say(s, key, "%" PRId64, value);
}

static void
say_text(struct show *s, const char *name, const char *value)
{
	char	key[48];

	snprintf(key, sizeof(key), "=%s", name);
	say(s, key, "%s", value);
}

/* "2026-11-23 17:00:00 UTC (in 5m)"; 0 is never. */
static const char *
when(const struct show *s, int64_t t, char *buf, size_t size)
{
	struct tm	 tm;
	time_t		 tt = (time_t)t;
	int64_t		 d = t > s->now ? t - s->now : s->now - t;
	char		 date[40], span[24];

	if (t == 0 || t == HOST_FOREVER) {
		strlcpy(buf, "for ever", size);
		return (buf);
	}
	if (gmtime_r(&tt, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		snprintf(date, sizeof(date), "%" PRId64, t);
	if (d < 120)
		snprintf(span, sizeof(span), "%" PRId64 "s", d);
	else if (d < 7200)
		snprintf(span, sizeof(span), "%" PRId64 "m", d / 60);
	else if (d < 172800)
		snprintf(span, sizeof(span), "%" PRId64 "h", d / 3600);
	else
		snprintf(span, sizeof(span), "%" PRId64 "d", d / 86400);
	snprintf(buf, size, t > s->now ? "%s (in %s)" : "%s (%s ago)", date,
	    span);
	return (buf);
}

/* The lists that name the address, and one that may name it wrongly. */
static void
show_lists(struct show *s)
{
	const struct conf_list	*l;
	const char		*kind;
	char			 since[80], loaded[80];

	TAILQ_FOREACH(l, &s->p->conf->lists, entry) {
		if (!(s->s.lists & (UINT64_C(1) << l->index)))
			continue;
		kind = l->kind == LIST_WHITE ? "whitelist" : "blacklist";
		if (l->failed == 0)
			say(s, kind, "%s", l->name);
		else
			say(s, kind, "%s, as it was loaded %s; loading it fails "
			    "since %s", l->name, when(s, l->loaded, loaded,
			    sizeof(loaded)), when(s, l->failed, since,
			    sizeof(since)));
	}
}

void
policy_list_stats(const struct policy *p,
    void (*stat)(const char *, int64_t, void *), void *arg)
{
	const struct conf_list	*l;
	char			 name[80];
	int64_t			 n = 0, failed = 0, ranges = 0;

	TAILQ_FOREACH(l, &p->conf->lists, entry) {
		n++;
		failed += l->failed != 0;
		ranges += (int64_t)l->count;
	}
	stat("lists", n, arg);
	stat("lists failed", failed, arg);
	stat("lists ranges", ranges, arg);
	TAILQ_FOREACH(l, &p->conf->lists, entry) {
		snprintf(name, sizeof(name), "list %s", l->name);
		stat(name, (int64_t)l->count, arg);
	}
}

/* Why it is WHITE. */
static void
show_why(struct show *s, const struct entry *e)
{
	static const char *const words[WHITE_MAX] = {
		[WHITE_UNKNOWN] = "not noted: an earlier version made it WHITE",
		[WHITE_RETRY] = "it retried the message",
		[WHITE_NOT_TO] = "it sent to a recipient that is never delayed",
		[WHITE_MANUAL] = "by hand: spamgreydb added it",
		[WHITE_TRACKER] = "by the tracker: our mail server called it",
		[WHITE_SYNC] = "by sync: another machine said so",
		[WHITE_IMPORT] = "by an import"
	};
	unsigned int	why = e->reason < WHITE_MAX ? e->reason : 0;
	char		from[512], to[512];

	say_text(s, "white_reason", white_reason_str(why));
	if (why != WHITE_RETRY && why != WHITE_NOT_TO) {
		say(s, "why", "%s", words[why]);
		return;
	}
	log_encode_str(from, sizeof(from), e->from);
	log_encode_str(to, sizeof(to), e->to);
	say(s, "why", "%s from %s to %s", words[why], from, to);
	say_text(s, "white_from", from);
	say_text(s, "white_to", to);
}

/* What is known of it for programs: prefix is "white" or "trapped". */
static void
show_numbers(struct show *s, const struct entry *e, const char *prefix)
{
	const struct { const char *name; int64_t value; } n[] = {
		{ "until", e->expire },
		{ "since", e->first },
		{ "refused", e->block },
		{ "passed", e->passed }
	};
	char	key[32];
	size_t	i;

	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		if (n[i].value == 0 && i == 1)
			continue;	/* spamdb does not say it of a trap */
		snprintf(key, sizeof(key), "%s_%s", prefix, n[i].name);
		say_number(s, key, n[i].value);
	}
}

/* A trap or WHITE that is in force. */
static void
show_live(struct show *s, const struct entry *e, const char *name)
{
	char	at[80], text[4 * ENTRY_STR_MAX + 1], key[32];
	int	trapped = e->type == ENTRY_TRAPPED;
	int	rcpt = trapped && (e->reason == TRAP_SPAMTRAP ||
		    e->reason == TRAP_DOMAIN || e->reason == TRAP_MX);

	if (e->expire == 0)
		say(s, name, "for ever");
	else
		say(s, name, "until %s", when(s, e->expire, at, sizeof(at)));
	show_numbers(s, e, name);
	if (e->first != 0)
		say(s, "since", "%s", when(s, e->first, at, sizeof(at)));
	if (trapped) {
		say(s, "reason", "%s", trap_reason_str(e->reason));
		say_text(s, "trapped_reason", trap_reason_str(e->reason));
	} else {
		show_why(s, e);
		say(s, "counts", "refused %u, passed %u", e->block, e->passed);
	}
	if (e->comment[0] == '\0')
		return;
	(void)entry_put_text(text, e->comment);	/* blanks stay */
	say(s, rcpt ? "recipient" : "comment", "%s", text);
	snprintf(key, sizeof(key), "%s_%s", name, rcpt ? "recipient" :
	    "comment");
	say_text(s, key, text);
}

/* One of the host's entries: until when, since when, why. */
static enum db_result
show_host(struct show *s, enum entry_type type, const char *name)
{
	struct entry	key, e;
	enum db_result	rc;
	char		at[80];

	host_key(type, &s->s.host, &key);
	if (type == ENTRY_VISIT)
		key.net = s->net;
	if ((rc = db_get(s->p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	if (type == ENTRY_STAMP || type == ENTRY_VISIT) {
		say(s, name, "%s", when(s, e.pass, at, sizeof(at)));
		say_number(s, type == ENTRY_STAMP ? "demoted_at" :
		    "primary_seen_at", e.pass);
	} else if (e.expire != 0 && e.expire <= policy_asof(s->p))
		say(s, name, "expired %s", when(s, e.expire, at, sizeof(at)));
	else
		show_live(s, &e, name);
	return (DB_OK);
}

/* What was learned of its messages. */
static enum db_result
show_repute(struct show *s, const struct addr *addr)
{
	struct entry	e;
	enum db_result	rc;
	char		at[80];

	if ((rc = policy_repute(s->p, addr, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	if (e.block == 0 && e.passed == 0)
		return (DB_OK);
	say(s, "learned", "%u good, %u bad, the last %s", e.passed, e.block,
	    when(s, e.pass, at, sizeof(at)));
	say_number(s, "learned_good", e.passed);
	say_number(s, "learned_bad", e.block);
	say_number(s, "learned_at", e.pass);
	return (DB_OK);
}

/* When it passed, or will. */
static const char *
tuple_passes(const struct show *s, const struct entry *e, int64_t left,
    char *buf, size_t size)
{
	char	at[80];

	if (e->pass < e->expire)
		snprintf(buf, size, "passed %s", when(s, e->pass, at,
		    sizeof(at)));
	else if (left == 0)
		strlcpy(buf, "passes at the next attempt", size);
	else
		snprintf(buf, size, "passes from %s", when(s, s->now + left, at,
		    sizeof(at)));
	return (buf);
}

/* The tuple counts; returns how long until it passes. */
static int64_t
count_tuple(struct show *s, const struct entry *e, int own)
{
	const struct grey_conf	*g = &s->p->conf->grey;
	int64_t			*first = own ? &s->first_left : &s->others_left;
	int64_t			 left;

	left = e->pass < e->expire ? 0 : g->pass - (s->now - e->first);
	if (left <= 0) {
		left = 0;
		(*(own ? &s->mature : &s->others_mature))++;
	} else if (*first == -1 || left < *first)
		*first = left;
	(*(own ? &s->tuples : &s->others))++;
	return (left);
}

/*
 * A tuple of the address' network.  It is the host's own if the host came with
 * it last; those of its neighbours are told apart, though it may pass with
 * them.
 */
static int
show_tuple(const struct entry *e, void *arg)
{
	struct show	*s = arg;
	struct addr	 host;
	char		 from[512], to[512], helo[256], ip[ADDR_STRLEN],
			 at[80], passes[100];
	int64_t		 left;
	int		 own;

	if (e->expire <= policy_asof(s->p) || e->first < s->s.stamp)
		return (0);
	policy_host(s->p, &e->addr, &host);
	own = addr_cmp(&host, &s->s.host) == 0;
	left = count_tuple(s, e, own);
	if ((own ? s->tuples : s->others) > TUPLES_SHOWN)
		return (0);
	say(s, own ? "tuple" : "neighbour", "from %s to %s helo %s last from "
	    "%s, %s, refused %u, expires %s",
	    log_encode_str(from, sizeof(from), e->from),
	    log_encode_str(to, sizeof(to), e->to),
	    log_encode_str(helo, sizeof(helo), e->helo),
	    addr_str(&e->addr, ip), tuple_passes(s, e, left, passes,
	    sizeof(passes)), e->block, when(s, e->expire, at, sizeof(at)));
	return (0);
}

static void
show_counts(struct show *s)
{
	if (s->tuples > TUPLES_SHOWN)
		say(s, "tuples", "%zu, of which %d are shown", s->tuples,
		    TUPLES_SHOWN);
	if (s->others > TUPLES_SHOWN)
		say(s, "neighbours", "%zu, of which %d are shown", s->others,
		    TUPLES_SHOWN);
	say_number(s, "tuples", (int64_t)s->tuples);
	say_number(s, "neighbours", (int64_t)s->others);
	if (s->s.whitelisted || s->s.h.trapped != 0 || s->s.blacklisted ||
	    s->s.h.white != 0)
		return;
	if (s->mature > 0 || s->others_mature > 0)
		say_number(s, "passes_at", s->now);
	else if (s->first_left != -1 || s->others_left != -1)
		say_number(s, "passes_at", s->now + (s->first_left != -1 &&
		    (s->others_left == -1 || s->first_left < s->others_left) ?
		    s->first_left : s->others_left));
}

/* What it sent lately, while that is remembered. */
static void
show_mail(struct show *s)
{
	uint64_t	good, bad;

	mails_sum(s->p->mails, &s->s.host, MAIL_WEEK, &good, &bad);
	if (good + bad == 0)
		return;
	say(s, "mail", "%" PRIu64 " good, %" PRIu64 " bad in 7 days%s", good,
	    bad, mails_vouch(s->p->mails, &s->s.host) ?
	    "; content is not held against it" : "");
}

static const char *
next_of_white(const struct config *conf)
{
	if (conf->fw != FW_NONE)
		return ("is not delayed; the firewall's table has it");
	if (config_hands_over(conf))
		return ("is not delayed; it is handed over to pass");
	return ("gets one 451: with `firewall none' nobody lets it through");
}

/* Of a host that is on no list, neither WHITE nor TRAPPED. */
static const char *
next_of_grey(const struct show *s, char *buf, size_t size)
{
	if (s->mature > 0)
		return ("passes with one of its tuples; with any other it is "
		    "greylisted");
	if (s->others_mature > 0)
		return ("passes with a tuple of its network; with any other "
		    "it is greylisted");
	if (s->first_left != -1)
		snprintf(buf, size, "is greylisted; one of its tuples passes "
		    "in %" PRId64 " seconds", s->first_left);
	else if (s->others_left != -1)
		snprintf(buf, size, "is greylisted; a tuple of its network "
		    "passes in %" PRId64 " seconds", s->others_left);
	else
		strlcpy(buf, "is greylisted", size);
	return (buf);
}

/* By the precedence that rcpt.c follows. */
static void
show_next(struct show *s, const struct addr *addr)
{
	const char	*state, *next, *white;
	const char	*remedy = "to let it in: spamgreydb add";
	char		 buf[200], ip[ADDR_STRLEN];

	white = next_of_white(s->p->conf);
	if (s->s.whitelisted) {
		state = "whitelisted";
		next = white;
		remedy = NULL;
	} else if (s->s.h.trapped != 0) {
		state = s->s.h.white != 0 ? "trapped (over white)" : "trapped";
		next = "is held in the tarpit and refused";
		if (s->s.h.white != 0)
			remedy = "to let it in: spamgreydb delete trapped";
	} else if (s->s.blacklisted) {
		state = "blacklisted";
		next = "is held in the tarpit and refused";
		remedy = NULL;
	} else if (s->s.h.white != 0) {
		state = "white";
		next = white;
		remedy = "to send it back: spamgreydb delete white";
	} else {
		state = s->tuples > 0 ? "grey" : "unknown";
		next = next_of_grey(s, buf, sizeof(buf));
	}
	say(s, "state", "%s", state);
	say(s, "next visit", "%s", next);
	if (remedy != NULL) {
		say(s, "command", "%s %s", remedy, addr_str(addr, ip));
		say(s, "=command", "%s %s", strchr(remedy, ':') + 2, ip);
	} else
		say(s, "command", "none: change the list that names it, then "
		    "spamgreydb load%s", s->s.whitelisted ? "" :
		    "; or except it there");
}

enum db_result
policy_show(struct policy *p, const struct addr *addr,
    void (*fact)(const char *, const char *, void *), void *arg)
{
	struct show	s;
	struct prefix	within = { *addr, 128 };
	struct db_pos	pos = { { { 0 }, 0 }, 0 };
	struct prefix	cut;
	char		buf[PREFIX_STRLEN];
	enum db_result	rc;

	memset(&s, 0, sizeof(s));
	s.p = p;
	s.fact = fact;
	s.arg = arg;
	s.now = clock_wall();
	s.first_left = s.others_left = -1;
	if ((rc = policy_state(p, addr, &s.s)) != DB_OK)
		return (rc);
	say(&s, "address", "%s", addr_str(addr, buf));
	cut.addr = s.s.host;
	cut.len = (uint8_t)addr_cut_len(addr, &p->conf->grey.admit);
	say(&s, "host", "%s", prefix_str(&cut, buf));
	addr_cut(addr, &p->conf->grey.match, &s.net);
	cut.addr = s.net;
	cut.len = (uint8_t)addr_cut_len(addr, &p->conf->grey.match);
	say(&s, "network", "%s", prefix_str(&cut, buf));
	show_lists(&s);
	if ((rc = show_host(&s, ENTRY_TRAPPED, "trapped")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_WHITE, "white")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_STAMP, "demoted")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_VISIT, "seen at the primary")) != DB_OK ||
	    (rc = show_repute(&s, addr)) != DB_OK)
		return (rc);
	show_mail(&s);
	while (rc == DB_OK && !pos.done)
		rc = db_walk(p->db, &pos, "g", &within, 1000, show_tuple, &s);
	if (rc != DB_OK)
		return (rc);
	show_counts(&s);
	show_next(&s, addr);
	return (DB_OK);
}
