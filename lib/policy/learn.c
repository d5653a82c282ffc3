/*
 * The good and bad messages of hosts in the database, one REPUTE entry per
 * host (an address cut to `admit').  People and filters report them by
 * `spamgreydb learn', and pass reports what it relayed or refused.
 *
 * The counts are halved after each `decay', counted from when the host was
 * first seen.  On disk they are as of the last change; a reader halves them
 * as often as was due since then, so nothing must be written for it.  When
 * both would be 0 the entry has expired.
 *
 * What follows from the counts is for the administrator to configure, and by
 * default nothing does.  Hosts that content is never held against are spared
 * here too.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/policy/policy_int.h"

/*
 * Says whether an address is in a list of the learn block, which has networks
 * and names of address lists.
 */
static int
in_learn_list(const struct policy *p, const struct conf_strings *list,
    const struct addr *addr)
{
	const struct conf_string	*s;
	const struct conf_list		*l;
	struct prefix			 pre;
	uint64_t			 lists = 0;

	TAILQ_FOREACH(s, list, entry) {
		if (prefix_parse(s->text, &pre) == 0) {
			if (prefix_has(&pre, addr))
				return (1);
			continue;
		}
		TAILQ_FOREACH(l, &p->conf->lists, entry)
			if (strcmp(l->name, s->text) == 0)
				lists |= UINT64_C(1) << l->index;
	}
	return (lists != 0 &&
	    addrset_lookup_mask(p->conf->set, addr, lists) != 0);
}

/* Says whether no relay on the Internet can have this address. */
static int
is_private_address(const struct addr *addr)
{
	static const char *const	nets[] = { "0.0.0.0/8", "10.0.0.0/8",
	    "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12",
	    "192.168.0.0/16", "::/128", "fc00::/7", "fe80::/10" };
	struct prefix			pre;
	size_t				i;

	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (prefix_parse(nets[i], &pre) == 0 && prefix_has(&pre, addr))
			return (1);
	return (0);
}

const char *
policy_trusts(const struct policy *p, unsigned int kind,
    const struct addr *addr)
{
	switch (kind) {
	case HOP_LOCAL:
		return ("local");
	case HOP_SELF:
		return ("self");
	case HOP_ADDR:
		break;
	default:
		return (NULL);
	}
	if (addr_is_loopback(addr))
		return ("loopback");
	if (is_private_address(addr))
		return ("private");
	return (
	    in_learn_list(p, &p->conf->learn.trusted, addr) ? "trusted" : NULL);
}

/* How often n can be halved until nothing is left. */
static unsigned int
halvings(uint32_t n)
{
	unsigned int	k = 0;

	for (; n > 0; n >>= 1)
		k++;
	return (k);
}

/*
 * Halves the counts as often as was due until now.  A clock that went back,
 * or that is out of range (0), changes nothing.
 */
static void
decay(struct entry *e, int64_t every, int64_t now)
{
	int64_t	n;

	if (now <= e->pass || e->pass < e->first)
		return;
	n = (now - e->first) / every - (e->pass - e->first) / every;
	e->block = n < 32 ? e->block >> n : 0;
	e->passed = n < 32 ? e->passed >> n : 0;
}

void
policy_repute_now(struct policy *p, struct entry *e)
{
	decay(e, p->conf->learn.decay, policy_asof(p));
}

/*
 * When both counts will be 0: after so many more halvings, the next of which
 * is less than `every' seconds away.
 */
static int64_t
expires_at(const struct entry *e, int64_t every)
{
	int64_t	n = halvings(e->block > e->passed ? e->block : e->passed);

	n += (e->pass - e->first) / every;
	if (n >= (ENTRY_TIME_MAX - e->first) / every)
		return (ENTRY_TIME_MAX);
	return (e->first + n * every);
}

/* Adds two counts, but never wraps. */
static uint32_t
saturating_add(uint32_t a, uint32_t b)
{
	return (a > UINT32_MAX - b ? UINT32_MAX : a + b);
}

/*
 * Reads the counts of a host as of now, or makes a new entry.  *found: it has
 * an entry.
 */
static enum db_result
read_counts(struct policy *p, const struct addr *host, int64_t now,
    struct entry *e, int *found)
{
	struct entry	key;
	enum db_result	rc;

	host_entry_key(ENTRY_REPUTE, host, &key);
	rc = db_get(p->db, &key, e);
	*found = rc != DB_NONE;
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	if (rc == DB_OK)
		decay(e, p->conf->learn.decay, policy_asof(p));
	/* Nothing is left of earlier counts: it begins again. */
	if (rc != DB_OK || (e->block == 0 && e->passed == 0)) {
		*e = key;
		e->first = now;
	}
	if (e->first > now)		/* the clock went back */
		e->first = now;
	e->comment = "";
	return (DB_OK);
}

/*
 * Says whether n messages of a kind, among the others, fulfil a rule `after N
 * of N%'.
 */
static int
reaches_rule(const struct conf_learn_rule *r, uint32_t n, uint32_t others)
{
	return (r->after != 0 && n >= r->after &&
	    (uint64_t)n * 100 >= ((uint64_t)n + others) * r->percent);
}

/*
 * Returns why nothing follows for this host, whatever its counts are; NULL:
 * it may.
 */
static const char *
why_not_applied(struct policy *p, const struct addr *addr,
    const struct host_state *s, int vouched)
{
	if (s->whitelisted)
		return ("whitelisted");
	if (in_learn_list(p, &p->conf->learn.except, addr))
		return ("except");
	if (vouched)
		return ("vouched");
	return (mails_vouch(p->mails, &s->host) ? "good-mail" : NULL);
}

/*
 * Traps the host or makes WHITE last longer, if its counts call for it.  Only
 * a bad message can trap, and only a good one can extend.
 */
static enum db_result
apply_rules(struct policy *p, const struct addr *addr,
    const struct learn_add *add, struct learned *l)
{
	const struct conf_learn	*c = &p->conf->learn;
	struct host_state		 s;
	enum db_result		 rc;
	int64_t			 now = clock_wall();
	int			 trap, extend;

	trap = add->bad > 0 && reaches_rule(&c->trap, l->bad, l->good);
	extend =
	    !trap && add->good > 0 && reaches_rule(&c->extend, l->good, l->bad);
	if (!trap && !extend)
		return (DB_OK);
	if ((rc = policy_state(p, addr, &s)) != DB_OK)
		return (rc);
	if (trap) {
		l->why_not = why_not_applied(p, addr, &s, add->vouched);
		if (l->why_not == NULL)
			l->did = LEARNED_TRAP;
		if (add->dry)
			return (DB_OK);
		p->stat[l->why_not != NULL ? PST_SPARED :
		    PST_TRAPPED_LEARN]++;
		return (l->why_not != NULL ?
			DB_OK :
			policy_trap_host(p, addr,
			    now +
				(c->trap_for != 0 ? c->trap_for :
						    p->conf->grey.trapped),
			    TRAP_LEARN, "", 1));
	}
	if (s.h.white == 0 || s.h.trapped != 0)
		return (DB_OK);		/* there is no WHITE to extend */
	l->did = LEARNED_EXTEND;
	return (add->dry ? DB_OK : policy_extend(p, &s.host, addr, 0));
}

enum db_result
policy_learn(struct policy *p, const struct addr *addr,
    const struct learn_add *add, struct learned *l)
{
	struct entry	e;
	struct addr	host, full = *addr;
	enum db_result	rc;
	int64_t		now = clock_wall();
	int		found;

	memset(l, 0, sizeof(*l));
	policy_host(p, addr, &host);
	if ((rc = read_counts(p, &host, now, &e, &found)) != DB_OK)
		return (rc);
	e.addr = full;
	e.block = saturating_add(e.block, add->bad);
	e.passed = saturating_add(e.passed, add->good);
	/* A wrong clock must not set a time that keeps it from decaying. */
	if (policy_asof(p) != 0 || e.pass == 0)
		e.pass = now;
	e.expire = expires_at(&e, p->conf->learn.decay);
	l->good = e.passed;
	l->bad = e.block;
	if (!add->dry) {
		if ((rc = policy_put(p, &e, found, &full)) != DB_OK)
			return (rc);
		p->stat[PST_LEARN_GOOD] += add->good;
		p->stat[PST_LEARN_BAD] += add->bad;
	}
	return (apply_rules(p, &full, add, l));
}

enum db_result
policy_repute(struct policy *p, const struct addr *addr, struct entry *e)
{
	struct addr	host;
	struct entry	key;
	enum db_result	rc;

	policy_host(p, addr, &host);
	host_entry_key(ENTRY_REPUTE, &host, &key);
	if ((rc = db_get(p->db, &key, e)) == DB_OK)
		policy_repute_now(p, e);
	return (rc);
}

enum db_result
policy_delete_repute(struct policy *p, const struct addr *addr)
{
	struct addr	host;
	struct entry	key;

	policy_host(p, addr, &host);
	host_entry_key(ENTRY_REPUTE, &host, &key);
	key.addr = *addr;
	return (policy_del(p, &key));
}

/* One word for the log and for spamgreydb. */
const char *
policy_learned_str(const struct learned *l)
{
	switch (l->did) {
	case LEARNED_TRAP:
		return ("trap");
	case LEARNED_EXTEND:
		return ("extend");
	case LEARNED_COUNT:
		break;
	}
	return (l->why_not != NULL ? "spared" : "count");
}
