/*
 * What a RCPT or a visit of a client leads to.  Everything is written in the
 * caller's open transaction; the answer may only be given when that is on
 * disk.
 *
 * The order in which a RCPT is checked is the precedence of the manual:
 * whitelisted, TRAPPED, a recipient or an MX that traps, WHITE, a recipient
 * that is never delayed; the rest is greylisted.  A blacklisted host is kept
 * in the tarpit by front and asks nothing here, unless its session is older
 * than the list.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/policy/policy_int.h"

/* One RCPT while it is decided. */
struct rcpt_work {
	const struct rcpt_req	*req;
	struct rcpt_answer	*ans;
	struct host_state		 s;
	int64_t			 now;
	struct mailaddr		 rcpt;	/* box "": not an address */
	int			 known;	/* tuple or trap was there before */
};

/*
 * Says whether a recipient never traps: <postmaster>, and postmaster@ and
 * abuse@ at an allowed domain, at `hostname' or at an address literal.  RFC
 * 5321 4.5.1 wants them to be reachable, and a literal may be an address of
 * ours that we cannot see from here.
 */
static int
rcpt_is_exempt(const struct policy *p, const char *box)
{
	const char	*at = strrchr(box, '@');

	if (mailaddr_is_role(box, p->conf->hostname))
		return (1);
	return (at != NULL && mailaddr_is_role(box, at + 1) &&
	    (at[1] == '[' || rules_match(&p->rules.domains, box)));
}

/*
 * Says whether a recipient is outside of the allowed domains.  One without a
 * domain is ours.
 */
static int
rcpt_is_outside(const struct policy *p, const char *box)
{
	return (p->rules.domains.n > 0 && strchr(box, '@') != NULL &&
	    !rules_match(&p->rules.domains, box));
}

/*
 * Finds whether, and why, this recipient traps; *reason is TRAP_NONE when it
 * does not.  A spamtrap counts before a domain.
 */
enum db_result
rcpt_traps(struct policy *p, const char *box, uint8_t *reason)
{
	struct entry	key, e;
	enum db_result	rc;

	*reason = TRAP_NONE;
	if (rcpt_is_exempt(p, box))
		return (DB_OK);
	if (rules_match(&p->rules.spamtraps, box)) {
		*reason = TRAP_SPAMTRAP;
		return (DB_OK);
	}
	if (p->entries[ENTRY_SPAMTRAP] > 0 && box[0] != '\0') {
		entry_init(&key, ENTRY_SPAMTRAP);
		key.rcpt = box;
		if ((rc = db_get(p->db, &key, &e)) == DB_OK) {
			*reason = TRAP_SPAMTRAP;
			return (DB_OK);
		} else if (rc != DB_NONE && rc != DB_BAD)
			return (rc);
	}
	if (rcpt_is_outside(p, box))
		*reason = TRAP_DOMAIN;
	return (DB_OK);
}

/*
 * Finds whether the host sends mail that is wanted.  Without pass nobody sees
 * its mail, and WHITE has to stand for that.
 */
static enum db_result
sends_good_mail(struct policy *p, const struct rcpt_work *w, int *does)
{
	struct entry	e;
	enum db_result	rc;
	uint64_t	good, bad;

	mails_sum(p->mails, &w->s.host, MAIL_WEEK, &good, &bad);
	*does = good > bad || (w->s.h.white != 0 && p->conf->pass == NULL);
	if (*does)
		return (DB_OK);
	rc = policy_repute(p, &w->req->client, &e);
	*does = rc == DB_OK && e.passed > e.block;
	return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
}

/*
 * Returns the last two labels of a domain: its owner can make subdomains at
 * no cost, so these count as one domain.
 */
static const char *
owned_part(const char *domain, size_t *len)
{
	const char	*p, *end = domain + *len;
	unsigned int	 dots = 0;

	if (*domain == '[')
		return (domain);
	for (p = end; p > domain; p--)
		if (p[-1] == '.' && p < end && ++dots == 2)
			break;
	*len = (size_t)(end - p);
	return (p);
}

/*
 * A recipient outside of the allowed domains.  One alone says nothing about
 * the host: anybody can point an MX here and write to that domain through a
 * provider whose hosts others use too.  A host that names several domains
 * within a short time is guessing, unless it is known for good mail.  *reason
 * becomes TRAP_NONE or TRAP_DOMAIN.
 */
static enum db_result
decide_outside(struct policy *p, const struct rcpt_work *w, uint8_t *reason)
{
	const struct config	*c = p->conf;
	const char		*domain = strrchr(w->rcpt.box, '@');
	enum db_result		 rc;
	size_t			 len;
	int			 good;

	*reason = TRAP_NONE;
	p->stat[PST_OUTSIDE]++;
	if (c->outside_after == 0 || domain == NULL)
		return (DB_OK);
	len = strlen(++domain);
	domain = owned_part(domain, &len);
	if (!events_count_of(p->outside, &w->s.host, 0, domain, len,
	    c->outside_after, c->outside_within * 1000, clock_mono()))
		return (DB_OK);
	if ((rc = sends_good_mail(p, w, &good)) != DB_OK)
		return (rc);
	events_forget(p->outside, &w->s.host, 0);
	if (good)
		p->stat[PST_SPARED]++;
	else
		*reason = TRAP_DOMAIN;
	return (DB_OK);
}

/*
 * Says whether coming to the low-priority MX first may trap a host now:
 * visits must have been kept for as long as a mail server may take to try
 * both.
 */
static int
policy_lowmx(struct policy *p)
{
	return (p->visits_since != 0 && policy_asof(p) != 0 &&
	    clock_mono() >= p->lowmx_grace &&
	    clock_wall() - p->visits_since >= p->conf->grey.grey);
}

/*
 * Real mail servers try the primary MX first.  A WHITE host went there past
 * front, so nothing is known of its visits.
 */
static enum db_result
lowmx_traps(struct policy *p, const struct rcpt_work *w, int *traps)
{
	struct entry	key, e;
	enum db_result	rc;

	*traps = 0;
	if (!(w->req->flags & RCPT_F_LOWMX) || w->s.h.white != 0 ||
	    !policy_lowmx(p))
		return (DB_OK);
	entry_init(&key, ENTRY_VISIT);
	addr_cut(&w->req->client, &p->conf->grey.match, &key.net);
	rc = db_get(p->db, &key, &e);
	if (rc == DB_NONE || rc == DB_BAD ||
	    (rc == DB_OK && e.expire <= policy_asof(p)))
		*traps = 1;
	return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
}

static void
answer(struct rcpt_work *w, enum rcpt_verdict verdict, int64_t left)
{
	w->ans->verdict = (uint8_t)verdict;
	w->ans->left = left;
}

/*
 * Traps the host.  The recipient is kept as the comment, so that the host can
 * be released when it is no trap any more.
 */
static enum db_result
trap_client(struct policy *p, struct rcpt_work *w, uint8_t reason)
{
	static const enum policy_stat	stats[] = {
		[TRAP_SPAMTRAP] = PST_TRAPPED_SPAMTRAP,
		[TRAP_DOMAIN] = PST_TRAPPED_DOMAIN,
		[TRAP_MX] = PST_TRAPPED_MX
	};

	p->stat[stats[reason]]++;
	w->ans->reason = reason;
	answer(w, RCPT_TRAPPED, 0);
	return (policy_trap_host(p, &w->req->client,
	    w->now + p->conf->grey.trapped, reason, w->rcpt.box, 1));
}

/*
 * Makes the host WHITE, in this transaction: at once, not at a later scan.
 * The tuple stays, for the other hosts of its network.
 */
static enum db_result
promote(struct policy *p, struct rcpt_work *w, const struct entry *tuple,
    enum white_reason why)
{
	struct entry	white, key, old;
	enum db_result	rc;
	int		found;

	host_entry_key(ENTRY_WHITE, &w->s.host, &key);
	rc = db_get(p->db, &key, &old);
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	found = rc != DB_NONE;
	grey_promote(&p->conf->grey, tuple, &w->s.host, w->now, &white);
	white.reason = (uint8_t)why;
	white.from = tuple->from;
	white.to = tuple->to;
	if (rc == DB_OK) {
		white.last = old.last;
		white.gen = old.gen;
	}
	if ((rc = policy_put(p, &white, found, &white.addr)) != DB_OK ||
	    (rc = policy_changed(p, &w->s.host, &w->req->client)) != DB_OK)
		return (rc);
	answer(w, RCPT_PASS, 0);
	return (DB_OK);
}

/* Cuts a string to what an entry keeps.  buf has room for that. */
static const char *
shorten(const char *s, char *buf)
{
	if (strlen(s) <= ENTRY_STR_MAX)
		return (s);
	strlcpy(buf, s, ENTRY_STR_MAX + 1);
	return (buf);
}

/*
 * A recipient that is never delayed.  If the configuration hands over, pass
 * takes this recipient, and the host stays what it is.  Whether this session
 * can be handed over at the moment is for front to see and changes nothing
 * here: a client can prevent it, by a long envelope or many sessions, and
 * must not become WHITE by that.
 */
static enum db_result
pass_not_to(struct policy *p, struct rcpt_work *w)
{
	static char	from[ENTRY_STR_MAX + 1], to[ENTRY_STR_MAX + 1];
	struct entry	e;

	if (p->from_peer || config_hands_over(p->conf)) {
		p->stat[PST_NOT_TO]++;
		answer(w, RCPT_NOT_TO, 0);
		return (DB_OK);
	}
	entry_init(&e, ENTRY_GREY);
	e.addr = w->req->client;
	e.first = w->now;
	e.passed = 1;
	e.from = shorten(w->req->from, from);
	e.to = shorten(w->req->to, to);
	p->stat[PST_NOT_TO]++;
	return (promote(p, w, &e, WHITE_NOT_TO));
}

/*
 * Says whether there is no room for another tuple of this client, and answers
 * `unstored' then.  No single network can fill the database, and no neighbour
 * is shut out: past the limit of the network a host still has GREY_HOST_ROOM
 * tuples.  A tuple counts for the host that used it last, so two hosts could
 * hand theirs to each other and always have that room; therefore it ends for
 * the network too.  Only new tuples are refused.
 */
static int
over_limit(struct policy *p, struct rcpt_work *w)
{
	const struct conf_limit	*l = &p->conf->limit;
	struct addr		 net;
	uint32_t		 host_n, net_n;
	char			 ip[ADDR_STRLEN];
	int64_t			 mono = clock_mono();

	addr_cut(&w->req->client, &p->net_cut, &net);
	host_n = limit_get(p->host_grey, &w->s.host);
	net_n = limit_get(p->net_grey, &net);
	if (host_n < l->grey_per_host &&
	    (net_n < l->grey_per_network || (host_n < GREY_HOST_ROOM &&
	    net_n - l->grey_per_network < GREY_NET_ROOM)))
		return (0);
	p->stat[PST_OVER_LIMIT]++;
	snprintf(p->text, sizeof(p->text), "too many messages from your %s "
	    "are waiting", host_n >= l->grey_per_host ? "host" : "network");
	w->ans->text = p->text;
	answer(w, RCPT_UNSTORED, 0);
	if (mono - p->limit_logged < LIMIT_LOG_EVERY) {
		p->limit_quiet++;
		return (1);
	}
	log_info("unstored: %s has %u GREY entries and its network %u (limit "
	    "grey-per-host %u, grey-per-network %u); %lu more since the last "
	    "line", addr_str(&w->req->client, ip), host_n, net_n,
	    l->grey_per_host, l->grey_per_network, p->limit_quiet);
	p->limit_logged = mono;
	p->limit_quiet = 0;
	return (1);
}

/*
 * Finds or makes the tuple.  The strings may be as long as a command line;
 * the key is made of what an entry keeps of them, so that both agree after a
 * restart.
 */
static enum db_result
greylist(struct policy *p, struct rcpt_work *w)
{
	static char		 helo[ENTRY_STR_MAX + 1],
				 from[ENTRY_STR_MAX + 1],
				 to[ENTRY_STR_MAX + 1];
	static struct tuple	 t;
	struct entry		 e, found;
	struct addr		 old;
	enum grey_verdict	 v;
	enum db_result		 rc;
	int64_t			 left;
	int			 there;

	entry_init(&e, ENTRY_GREY);
	e.addr = w->req->client;
	e.helo = shorten(w->req->helo, helo);
	e.from = shorten(w->req->from, from);
	e.to = shorten(w->req->to, to);
	tuple_key(p, &e, &t);
	rc = db_get_tuple(p->db, &e, tuple_same, &t, &found);
	if (rc == DB_BAD) {	/* all slots of this hash are taken */
		w->ans->text = "no room for this message";
		answer(w, RCPT_UNSTORED, 0);
		return (DB_OK);
	}
	if (rc != DB_OK && rc != DB_NONE)
		return (rc);
	there = rc == DB_OK;
	w->known = there;
	if (!there && over_limit(p, w))
		return (DB_OK);
	old = e.addr;
	if (there) {
		e.first = found.first;
		e.pass = found.pass;
		e.expire = found.expire;
		e.block = found.block;
		e.passed = found.passed;
		e.last = found.last;
		e.gen = found.gen;
		old = found.addr;
	}
	v = grey_decide(&p->conf->grey, &e, there, w->s.stamp, w->now,
	    policy_asof(p), &left);
	/* What other machines know of the tuple before the demotion must
	 * not come back. */
	if (v == GREY_NEW && w->s.stamp > e.gen)
		e.gen = w->s.stamp;
	if ((rc = policy_put(p, &e, there, &old)) != DB_OK)
		return (rc);
	p->stat[v == GREY_NEW ? PST_NEW : v == GREY_WAIT ? PST_WAIT :
	    PST_PASS]++;
	if (v != GREY_PASS) {
		answer(w, RCPT_GREY, left);
		return (DB_OK);
	}
	/* Blacklisted since its session began: it is not promoted now. */
	if (w->s.blacklisted) {
		answer(w, RCPT_GREY, p->conf->grey.pass);
		return (DB_OK);
	}
	return (promote(p, w, &e, WHITE_RETRY));
}

/*
 * Answers a host that needs no greylisting.  It should not have come to
 * front, so the table has lost it.
 */
static enum db_result
answer_white(struct policy *p, struct rcpt_work *w)
{
	if (!(w->req->flags & RCPT_F_AGAIN))
		p->stat[PST_WHITE_AT_FRONT]++;
	answer(w, RCPT_WHITE, 0);
	return (DB_OK);
}

/* The rest of the precedence, after the lists and TRAPPED. */
static enum db_result
decide_untrapped(struct policy *p, struct rcpt_work *w)
{
	enum db_result	rc;
	uint8_t		reason;
	int		traps;

	if ((rc = rcpt_traps(p, w->rcpt.box, &reason)) != DB_OK)
		return (rc);
	if (reason == TRAP_DOMAIN && (w->req->flags & RCPT_F_TO_US))
		reason = TRAP_NONE;
	if (reason == TRAP_DOMAIN &&
	    (rc = decide_outside(p, w, &reason)) != DB_OK)
		return (rc);
	if (reason != TRAP_NONE)
		return (trap_client(p, w, reason));
	if ((rc = lowmx_traps(p, w, &traps)) != DB_OK)
		return (rc);
	if (traps)
		return (trap_client(p, w, TRAP_MX));
	if (!w->s.blacklisted && w->s.h.white != 0)
		return (answer_white(p, w));
	if (!w->s.blacklisted && rules_match(&p->rules.not_to, w->rcpt.box))
		return (pass_not_to(p, w));
	return (greylist(p, w));
}

enum db_result
policy_rcpt(struct policy *p, const struct rcpt_req *req,
    struct rcpt_answer *ans, int *known)
{
	struct rcpt_work	w;
	enum db_result	rc;

	memset(ans, 0, sizeof(*ans));
	ans->seq = req->seq;
	ans->text = "";
	w.req = req;
	w.ans = ans;
	w.now = clock_wall();
	w.known = 0;
	if (!p->from_peer)
		p->stat[PST_RCPT]++;
	/* Front refuses a malformed recipient; a peer may have accepted it. */
	if (mailaddr_check_rcpt(req->to, MAILADDR_UTF8 | MAILADDR_ROUTES,
	    &w.rcpt) != NULL)
		w.rcpt.box[0] = '\0';
	if ((rc = policy_state(p, &req->client, &w.s)) != DB_OK)
		return (rc);
	if (w.s.whitelisted)
		rc = answer_white(p, &w);
	else if (w.s.h.trapped != 0) {
		ans->reason = w.s.h.reason;
		w.known = 1;
		answer(&w, RCPT_TRAPPED, 0);
	} else
		rc = decide_untrapped(p, &w);
	if (known != NULL)
		*known = w.known;
	return (rc);
}

int
policy_keeps_visits(const struct policy *p)
{
	return (p->visits_since != 0);
}

/*
 * Keeps a visit at the primary MX.  A visit that was written a short while
 * ago (slack) need not be written again, since it lives that much longer.
 */
enum db_result
policy_visit(struct policy *p, const struct addr *client)
{
	struct entry	e, old;
	enum db_result	rc;
	int64_t		now = clock_wall(), grey, slack;

	if (p->visits_since == 0)
		return (DB_OK);
	grey = p->conf->grey.grey;
	slack = grey / 24;
	entry_init(&e, ENTRY_VISIT);
	addr_cut(client, &p->conf->grey.match, &e.net);
	rc = db_get(p->db, &e, &old);
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	if (rc == DB_OK && old.expire >= now + grey &&
	    old.expire <= now + grey + slack)
		return (DB_OK);
	e.addr = *client;
	e.first = rc == DB_OK ? old.first : now;
	e.pass = now;
	e.expire = now + grey + slack;
	return (policy_put(p, &e, rc != DB_NONE, client));
}
