/*
 * The good and bad messages of hosts, as people and filters say by way of
 * `spamgreydb learn' and as pass says of what it relayed or refused: counted
 * in the database, one REPUTE entry a host (an address cut to `admit').
 *
 * The counts are halved each `decay', reckoned from when the host was first
 * seen.  On disk they are as of the last change; who reads them halves them
 * as often as has been due since, so nothing has to be written for it.  When
 * both would be 0 the entry has expired.
 *
 * What follows from them is the administrator's to say, and by default
 * nothing does; hosts that content is never held against are spared here too.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/policy/policy_int.h"

/* Is the address in a list of `learn', by itself or by a list's name? */
static int
listed(const struct policy *p, const struct conf_strings *list,
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

/* Addresses that no relay out there can have. */
static int
is_private(const struct addr *addr)
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
	if (is_private(addr))
		return ("private");
	return (listed(p, &p->conf->learn.trusted, addr) ? "trusted" : NULL);
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

/* As of now; a clock that went back, or is not believed, changes nothing. */
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

/* When both will be 0: after so many halvings more, the next one of which is
 * less than `every' away. */
static int64_t
gone_at(const struct entry *e, int64_t every)
{
	int64_t	n = halvings(e->block > e->passed ? e->block : e->passed);

	n += (e->pass - e->first) / every;
	if (n >= (ENTRY_TIME_MAX - e->first) / every)
		return (ENTRY_TIME_MAX);
	return (e->first + n * every);
}

static uint32_t
plus(uint32_t a, uint32_t b)
{
	return (a > UINT32_MAX - b ? UINT32_MAX : a + b);
}

/* The host's counts as of now; *found: it has an entry. */
static enum db_result
counts(struct policy *p, const struct addr *host, int64_t now,
    struct entry *e, int *found)
{
	struct entry	key;
	enum db_result	rc;

	host_key(ENTRY_REPUTE, host, &key);
	rc = db_get(p->db, &key, e);
	*found = rc != DB_NONE;
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	if (rc == DB_OK)
		decay(e, p->conf->learn.decay, policy_asof(p));
	/* Nothing is left of before: it begins anew. */
	if (rc != DB_OK || (e->block == 0 && e->passed == 0)) {
		*e = key;
		e->first = now;
	}
	if (e->first > now)		/* the clock went back */
		e->first = now;
	e->comment = "";
	return (DB_OK);
}

static int
enough(const struct conf_learn_rule *r, uint32_t n, uint32_t others)
{
	return (r->after != 0 && n >= r->after &&
	    (uint64_t)n * 100 >= ((uint64_t)n + others) * r->percent);
}

/* Why nothing follows for this host, whatever the counts say; NULL: it may. */
static const char *
spared(struct policy *p, const struct addr *addr, const struct state *s,
    int vouched)
{
	if (s->whitelisted)
		return ("whitelisted");
	if (listed(p, &p->conf->learn.except, addr))
		return ("except");
	if (vouched)
		return ("vouched");
	return (mails_vouch(p->mails, &s->host) ? "good-mail" : NULL);
}

/* The counts are what they are now; what was added decides what is asked. */
static enum db_result
react(struct policy *p, const struct addr *addr, const struct learn_add *add,
    struct learned *l)
{
	const struct conf_learn	*c = &p->conf->learn;
	struct state		 s;
	enum db_result		 rc;
	int64_t			 now = clock_wall();
	int			 trap, extend;

	trap = add->bad > 0 && enough(&c->trap, l->bad, l->good);
	extend = !trap && add->good > 0 && enough(&c->extend, l->good, l->bad);
	if (!trap && !extend)
		return (DB_OK);
	if ((rc = policy_state(p, addr, &s)) != DB_OK)
		return (rc);
	if (trap) {
		l->why_not = spared(p, addr, &s, add->vouched);
		if (l->why_not == NULL)
			l->did = LEARNED_TRAP;
		if (add->dry)
			return (DB_OK);
		p->stat[l->why_not != NULL ? PST_SPARED :
		    PST_TRAPPED_LEARN]++;
		return (l->why_not != NULL ? DB_OK : policy_trap_host(p, addr, now +
		    (c->trap_for != 0 ? c->trap_for : p->conf->grey.trapped),
		    TRAP_LEARN, "", 1));
	}
	if (s.h.white == 0 || s.h.trapped != 0)
		return (DB_OK);		/* nothing there to extend */
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
	if ((rc = counts(p, &host, now, &e, &found)) != DB_OK)
		return (rc);
	e.addr = full;
	e.block = plus(e.block, add->bad);
	e.passed = plus(e.passed, add->good);
	/* A time that nobody believes would keep it from ever decaying. */
	if (policy_asof(p) != 0 || e.pass == 0)
		e.pass = now;
	e.expire = gone_at(&e, p->conf->learn.decay);
	l->good = e.passed;
	l->bad = e.block;
	if (!add->dry) {
		if ((rc = policy_put(p, &e, found, &full)) != DB_OK)
			return (rc);
		p->stat[PST_LEARN_GOOD] += add->good;
		p->stat[PST_LEARN_BAD] += add->bad;
	}
	return (react(p, &full, add, l));
}

enum db_result
policy_repute(struct policy *p, const struct addr *addr, struct entry *e)
{
	struct addr	host;
	struct entry	key;
	enum db_result	rc;

	policy_host(p, addr, &host);
	host_key(ENTRY_REPUTE, &host, &key);
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
	host_key(ENTRY_REPUTE, &host, &key);
	key.addr = *addr;
	return (policy_del(p, &key));
}

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
