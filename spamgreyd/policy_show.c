/*
 * What an address is, why, until when, and what its next visit will get, as
 * facts for `spamgreydb show'.  Reads only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "policy_int.h"

#define TUPLES_SHOWN	20

struct show {
	struct policy	*p;
	void		(*fact)(const char *, const char *, void *);
	void		*arg;
	int64_t		 now;
	struct state	 s;
	struct addr	 net;
	size_t		 tuples, mature;
	int64_t		 first_left;	/* of the tuple that matures next; -1 */
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

/* One of the host's entries: until when, since when, why. */
static enum db_result
show_host(struct show *s, enum entry_type type, const char *name)
{
	struct entry	key, e;
	enum db_result	rc;
	char		at[80], text[3 * ENTRY_STR_MAX];

	host_key(type, &s->s.host, &key);
	if (type == ENTRY_VISIT)
		key.net = s->net;
	if ((rc = db_get(s->p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	if (type == ENTRY_STAMP || type == ENTRY_VISIT) {
		say(s, name, "%s", when(s, e.pass, at, sizeof(at)));
		return (DB_OK);
	}
	if (e.expire != 0 && e.expire <= policy_asof(s->p)) {
		say(s, name, "expired %s", when(s, e.expire, at, sizeof(at)));
		return (DB_OK);
	}
	if (e.expire == 0)
		say(s, name, "for ever");
	else
		say(s, name, "until %s", when(s, e.expire, at, sizeof(at)));
	if (e.first != 0)	/* spamdb does not say it of a trap */
		say(s, "since", "%s", when(s, e.first, at, sizeof(at)));
	if (type == ENTRY_TRAPPED)
		say(s, "reason", "%s", trap_reason_str(e.reason));
	else
		say(s, "counts", "refused %u, passed %u", e.block, e.passed);
	(void)entry_put_text(text, e.comment);	/* blanks stay */
	if (e.comment[0] != '\0')
		say(s, type == ENTRY_TRAPPED && (e.reason == TRAP_SPAMTRAP ||
		    e.reason == TRAP_DOMAIN || e.reason == TRAP_MX) ?
		    "recipient" : "comment", "%s", text);
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
	if (e.block > 0 || e.passed > 0)
		say(s, "learned", "%u good, %u bad, the last %s", e.passed,
		    e.block, when(s, e.pass, at, sizeof(at)));
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

/* A tuple of the address' network: any of its hosts may mature it. */
static int
show_tuple(const struct entry *e, void *arg)
{
	struct show	*s = arg;
	const struct grey_conf *g = &s->p->conf->grey;
	char		 from[512], to[512], helo[256], ip[ADDR_STRLEN],
			 at[80], passes[100];
	int64_t		 left;

	if (e->expire <= policy_asof(s->p) || e->first < s->s.stamp)
		return (0);
	left = e->pass < e->expire ? 0 : g->pass - (s->now - e->first);
	if (left <= 0) {
		left = 0;
		s->mature++;
	} else if (s->first_left == -1 || left < s->first_left)
		s->first_left = left;
	if (s->tuples++ >= TUPLES_SHOWN)
		return (0);
	say(s, "tuple", "from %s to %s helo %s last from %s, %s, refused %u, "
	    "expires %s", log_encode_str(from, sizeof(from), e->from),
	    log_encode_str(to, sizeof(to), e->to),
	    log_encode_str(helo, sizeof(helo), e->helo),
	    addr_str(&e->addr, ip), tuple_passes(s, e, left, passes,
	    sizeof(passes)), e->block, when(s, e->expire, at, sizeof(at)));
	return (0);
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

/* By the precedence that policy_rcpt.c follows. */
static void
show_next(struct show *s)
{
	const char	*state, *next, *white;
	char		 buf[200];

	white = next_of_white(s->p->conf);
	if (s->s.whitelisted) {
		state = "whitelisted";
		next = white;
	} else if (s->s.h.trapped != 0) {
		state = s->s.h.white != 0 ? "trapped (over white)" : "trapped";
		next = "is held in the tarpit and refused";
	} else if (s->s.blacklisted) {
		state = "blacklisted";
		next = "is held in the tarpit and refused";
	} else if (s->s.h.white != 0) {
		state = "white";
		next = white;
	} else {
		state = s->tuples > 0 ? "grey" : "unknown";
		if (s->mature > 0)
			next = "passes with one of its tuples; with any other "
			    "it is greylisted";
		else if (s->first_left != -1) {
			snprintf(buf, sizeof(buf), "is greylisted; one of its "
			    "tuples passes in %" PRId64 " seconds",
			    s->first_left);
			next = buf;
		} else
			next = "is greylisted";
	}
	say(s, "state", "%s", state);
	say(s, "next visit", "%s", next);
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
	s.first_left = -1;
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
	if (s.tuples > TUPLES_SHOWN)
		say(&s, "tuples", "%zu, of which %d are shown", s.tuples,
		    TUPLES_SHOWN);
	show_next(&s);
	return (DB_OK);
}
