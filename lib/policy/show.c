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

#define TUPLES_SHOWN	20	/* of the host, and of its neighbours */
#define WALK_STEP	1000	/* entries in one call of db_walk */

/*
 * What was found so far.  A tuple of the network may be another host's; those
 * are the others.
 */
struct show {
	struct policy	*p;
	void		(*fact)(const char *, const char *, void *);
	void		*arg;
	int64_t		 now;
	struct host_state	 s;
	struct addr	 net;
	/* Of the host itself, and of others of its network. */
	size_t		 tuples, mature, others, others_mature;
	int64_t		 first_left;	/* of the tuple that matures next; -1 */
	int64_t		 others_left;
};

static void
put_fact(struct show *s, const char *name, const char *fmt, ...)
    __attribute__((__format__(printf, 3, 4)));

static void
put_fact(struct show *s, const char *name, const char *fmt, ...)
{
	char	buf[3 * LOG_LINE_MAX];
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	s->fact(name, buf, s->arg);
}

/*
 * A fact for programs, beside the one in words: a number has # before its
 * name, a text has =.
 */
static void
put_fact_number(struct show *s, const char *name, int64_t value)
{
	char	key[48];

	snprintf(key, sizeof(key), "#%s", name);
	put_fact(s, key, "%" PRId64, value);
}

/* For programs, as put_fact_number. */
static void
put_fact_text(struct show *s, const char *name, const char *value)
{
	char	key[48];

	snprintf(key, sizeof(key), "=%s", name);
	put_fact(s, key, "%s", value);
}

/*
 * "2026-11-23 17:00:00 UTC (in 5m)"; 0 and HOST_FOREVER are "for ever".
 * Returns buf.
 */
static const char *
time_text(const struct show *s, int64_t t, char *buf, size_t size)
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

/*
 * The lists that have the address, and whether one of them may be out of
 * date.
 */
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
			put_fact(s, kind, "%s", l->name);
		else
			put_fact(s, kind,
			    "%s, as it was loaded %s; loading has failed since "
			    "%s",
			    l->name,
			    time_text(s, l->loaded, loaded, sizeof(loaded)),
			    time_text(s, l->failed, since, sizeof(since)));
	}
}

/* Counters of the lists, and the size of each list by its name. */
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

/* Why the host is WHITE. */
static void
show_why(struct show *s, const struct entry *e)
{
	static const char *const words[WHITE_MAX] = {[WHITE_UNKNOWN] = "unknown"
								       ": an "
								       "earlier"
								       " versio"
								       "n, "
								       "which "
								       "kept "
								       "no "
								       "reason,"
								       " made "
								       "it "
								       "WHITE",
	    [WHITE_RETRY] = "it retried the message",
	    [WHITE_NOT_TO] = "it sent to a recipient that is never delayed",
	    [WHITE_MANUAL] = "by hand: spamgreydb added it",
	    [WHITE_TRACKER] = "by the tracker: our mail server connected to it",
	    [WHITE_SYNC] = "by sync: another machine reported it",
	    [WHITE_IMPORT] = "by an import"};
	unsigned int	why = e->reason < WHITE_MAX ? e->reason : 0;
	char		from[512], to[512];

	put_fact_text(s, "white_reason", white_reason_str(why));
	if (why != WHITE_RETRY && why != WHITE_NOT_TO) {
		put_fact(s, "why", "%s", words[why]);
		return;
	}
	log_encode_str(from, sizeof(from), e->from);
	log_encode_str(to, sizeof(to), e->to);
	put_fact(s, "why", "%s from %s to %s", words[why], from, to);
	put_fact_text(s, "white_from", from);
	put_fact_text(s, "white_to", to);
}

/* The numbers of an entry for programs; prefix is "white" or "trapped". */
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
		if (n[i].value == 0 && strcmp(n[i].name, "since") == 0)
			continue; /* spamdb does not store it for a trap */
		snprintf(key, sizeof(key), "%s_%s", prefix, n[i].name);
		put_fact_number(s, key, n[i].value);
	}
}

/* A trap, or WHITE, that is in force. */
static void
show_live(struct show *s, const struct entry *e, const char *name)
{
	char	at[80], text[4 * ENTRY_STR_MAX + 1], key[32];
	int	trapped = e->type == ENTRY_TRAPPED;
	int	rcpt = trapped && (e->reason == TRAP_SPAMTRAP ||
		    e->reason == TRAP_DOMAIN || e->reason == TRAP_MX);

	if (e->expire == 0)
		put_fact(s, name, "for ever");
	else
		put_fact(s, name, "until %s",
		    time_text(s, e->expire, at, sizeof(at)));
	show_numbers(s, e, name);
	if (e->first != 0)
		put_fact(s, "since", "%s", time_text(s, e->first, at,
		    sizeof(at)));
	if (trapped) {
		put_fact(s, "reason", "%s", trap_reason_str(e->reason));
		put_fact_text(s, "trapped_reason", trap_reason_str(e->reason));
	} else {
		show_why(s, e);
		put_fact(s, "counts", "refused %u, passed %u", e->block,
		    e->passed);
	}
	if (e->comment[0] == '\0')
		return;
	(void)entry_put_text(text, e->comment);	/* keeps blanks */
	put_fact(s, rcpt ? "recipient" : "comment", "%s", text);
	snprintf(key, sizeof(key), "%s_%s", name, rcpt ? "recipient" :
	    "comment");
	put_fact_text(s, key, text);
}

/* One of the entries of the host, in force or expired. */
static enum db_result
show_host(struct show *s, enum entry_type type, const char *name)
{
	struct entry	key, e;
	enum db_result	rc;
	char		at[80];

	host_entry_key(type, &s->s.host, &key);
	if (type == ENTRY_VISIT)
		key.net = s->net;
	if ((rc = db_get(s->p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	if (type == ENTRY_STAMP || type == ENTRY_VISIT) {
		put_fact(s, name, "%s", time_text(s, e.pass, at, sizeof(at)));
		put_fact_number(s, type == ENTRY_STAMP ? "demoted_at" :
		    "primary_seen_at", e.pass);
	} else if (e.expire != 0 && e.expire <= policy_asof(s->p))
		put_fact(s, name, "expired %s",
		    time_text(s, e.expire, at, sizeof(at)));
	else
		show_live(s, &e, name);
	return (DB_OK);
}

/* The counts of its messages in the database. */
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
	put_fact(s, "learned", "%u good, %u bad, the last %s", e.passed,
	    e.block, time_text(s, e.pass, at, sizeof(at)));
	put_fact_number(s, "learned_good", e.passed);
	put_fact_number(s, "learned_bad", e.block);
	put_fact_number(s, "learned_at", e.pass);
	return (DB_OK);
}

/* When a tuple passed, or will pass.  Returns buf. */
static const char *
tuple_passes(const struct show *s, const struct entry *e, int64_t left,
    char *buf, size_t size)
{
	char	at[80];

	if (e->pass < e->expire)
		snprintf(buf, size, "passed %s", time_text(s, e->pass, at,
		    sizeof(at)));
	else if (left == 0)
		strlcpy(buf, "passes at the next attempt", size);
	else
		snprintf(buf, size, "passes from %s",
		    time_text(s, s->now + left, at, sizeof(at)));
	return (buf);
}

/* Counts a tuple.  Returns the seconds until it passes. */
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
 * For db_walk: a tuple of the network.  It is the host's own if the host used
 * it last; those of its neighbours are told apart, although the host may pass
 * with them.
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
	put_fact(s, own ? "tuple" : "neighbour",
	    "from %s to %s helo %s last from %s, %s, refused %u, expires %s",
	    log_encode_str(from, sizeof(from), e->from),
	    log_encode_str(to, sizeof(to), e->to),
	    log_encode_str(helo, sizeof(helo), e->helo), addr_str(&e->addr, ip),
	    tuple_passes(s, e, left, passes, sizeof(passes)), e->block,
	    time_text(s, e->expire, at, sizeof(at)));
	return (0);
}

/* How many tuples there are, and when the first of them passes. */
static void
show_counts(struct show *s)
{
	if (s->tuples > TUPLES_SHOWN)
		put_fact(s, "tuples", "%zu, of which %d are shown", s->tuples,
		    TUPLES_SHOWN);
	if (s->others > TUPLES_SHOWN)
		put_fact(s, "neighbours", "%zu, of which %d are shown",
		    s->others, TUPLES_SHOWN);
	put_fact_number(s, "tuples", (int64_t)s->tuples);
	put_fact_number(s, "neighbours", (int64_t)s->others);
	if (s->s.whitelisted || s->s.h.trapped != 0 || s->s.blacklisted ||
	    s->s.h.white != 0)
		return;
	if (s->mature > 0 || s->others_mature > 0)
		put_fact_number(s, "passes_at", s->now);
	else if (s->first_left != -1 || s->others_left != -1)
		put_fact_number(s, "passes_at", s->now + (s->first_left != -1 &&
		    (s->others_left == -1 || s->first_left < s->others_left) ?
		    s->first_left : s->others_left));
}

/* What the host sent lately, while that is in memory. */
static void
show_mail(struct show *s)
{
	uint64_t	good, bad;

	mails_sum(s->p->mails, &s->s.host, MAIL_WEEK, &good, &bad);
	if (good + bad == 0)
		return;
	put_fact(s, "mail", "%" PRIu64 " good, %" PRIu64 " bad in 7 days%s",
	    good, bad,
	    mails_vouch(s->p->mails, &s->s.host) ? "; content is not held "
						   "against it" :
						   "");
}

/* What a WHITE host gets, by how the firewall and pass are configured. */
static const char *
next_of_white(const struct config *conf)
{
	if (conf->fw != FW_NONE)
		return ("is not delayed; the firewall's table has it");
	if (config_hands_over(conf))
		return ("is not delayed; it is handed over to pass");
	return ("gets one 451: with `firewall none' nothing lets it through");
}

/*
 * What a host gets that is on no list, and neither WHITE nor TRAPPED.  May
 * use buf.
 */
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

/*
 * The state in a word, what the next visit gets, and the command that would
 * change it.  The order is the precedence of rcpt.c.
 */
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
	put_fact(s, "state", "%s", state);
	put_fact(s, "next visit", "%s", next);
	if (remedy != NULL) {
		put_fact(s, "command", "%s %s", remedy, addr_str(addr, ip));
		put_fact(s, "=command", "%s %s", strchr(remedy, ':') + 2, ip);
	} else
		put_fact(s, "command",
		    "none: change the list that contains it, then run "
		    "spamgreydb load%s",
		    s->s.whitelisted ? "" :
				       "; or add it to that list's exceptions");
}

/*
 * First the address and its cuts, then lists, entries, tuples, and what
 * follows from all this.
 */
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
	put_fact(&s, "address", "%s", addr_str(addr, buf));
	cut.addr = s.s.host;
	cut.len = (uint8_t)addr_cut_len(addr, &p->conf->grey.admit);
	put_fact(&s, "host", "%s", prefix_str(&cut, buf));
	addr_cut(addr, &p->conf->grey.match, &s.net);
	cut.addr = s.net;
	cut.len = (uint8_t)addr_cut_len(addr, &p->conf->grey.match);
	put_fact(&s, "network", "%s", prefix_str(&cut, buf));
	show_lists(&s);
	if ((rc = show_host(&s, ENTRY_TRAPPED, "trapped")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_WHITE, "white")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_STAMP, "demoted")) != DB_OK ||
	    (rc = show_host(&s, ENTRY_VISIT, "seen at the primary")) != DB_OK ||
	    (rc = show_repute(&s, addr)) != DB_OK)
		return (rc);
	show_mail(&s);
	while (rc == DB_OK && !pos.done)
		rc = db_walk(p->db, &pos, "g", &within, WALK_STEP, show_tuple,
		    &s);
	if (rc != DB_OK)
		return (rc);
	show_counts(&s);
	show_next(&s, addr);
	return (DB_OK);
}
