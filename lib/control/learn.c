/*
 * `spamgreydb learn' and `list -r' for the command engine.  The client has
 * read the Received lines of a message and sends what they say; which of
 * these relays can be believed is decided here, by the configuration in
 * force.
 */
#include <stdio.h>
#include <string.h>

#include "lib/control/ctl_int.h"

/* "192.0.2.1 trusted": a relay, and why it is passed over. */
static void
hop_fact(struct ctl *c, const char *name, unsigned int kind,
    const struct addr *addr, const char *why)
{
	static const struct addr	none;
	char				ip[ADDR_STRLEN], text[ADDR_STRLEN + 32];

	snprintf(text, sizeof(text), "%s %s",
	    kind == HOP_ADDR ||
		    (kind == HOP_SELF && addr_cmp(addr, &none) != 0) ?
		addr_str(addr, ip) :
		"-",
	    why);
	ctl_fact(c, c->id, name, text);
}

/*
 * Goes from the newest line to the first that is not trusted.  Returns its
 * index, or l->n when there is none.
 */
static size_t
first_untrusted(struct ctl *c, const struct ctl_learn *l)
{
	const char	*why;
	size_t		 i;

	for (i = 0; i < l->n; i++) {
		why = policy_trusts(c->env.policy, l->hop[i].kind,
		    &l->hop[i].addr);
		if (why == NULL)
			break;
		hop_fact(c, "passed over", l->hop[i].kind, &l->hop[i].addr,
		    why);
	}
	return (i);
}

/* Tells the client what was counted and what followed, and logs it. */
static void
send_outcome(struct ctl *c, const struct ctl_learn *l, const struct addr *addr,
    const struct learned *d)
{
	char	ip[ADDR_STRLEN];

	ctl_fact(c, c->id, "address", addr_str(addr, ip));
	ctl_fact(c, c->id, "verdict", l->bad ? "bad" : "good");
	ctl_fact_number(c, "good", d->good);
	ctl_fact_number(c, "bad", d->bad);
	ctl_fact(c, c->id, "action", policy_learned_str(d));
	if (d->why_not != NULL)
		ctl_fact(c, c->id, "why", d->why_not);
	if (l->dry)
		return;
	ctl_note(c, "learn address=%s verdict=%s good=%u bad=%u action=%s%s%s",
	    ip, l->bad ? "bad" : "good", d->good, d->bad,
	    policy_learned_str(d), d->why_not != NULL ? " why=" : "",
	    d->why_not != NULL ? d->why_not : "");
}

/* With `dry' the transaction is aborted at the end. */
int
ctl_req_learn(struct ctl *c, struct msg *m)
{
	struct ctl_learn	 l;
	struct learn_add	 add;
	struct learned		 d;
	enum db_result		 rc;
	char			 why[128];
	size_t			 i;

	if (proto_get_learn(m, &l) == -1)
		return (-1);
	c->id = m->id;
	c->count = 0;
	if ((i = first_untrusted(c, &l)) == l.n) {
		ctl_end(c, m->id, CTL_NOTFOUND, 0,
		    "no Received line names a relay that is not trusted: "
		    "nothing is counted");
		return (0);
	}
	if (l.hop[i].kind == HOP_UNCLEAR) {
		snprintf(why, sizeof(why), "Received line %zu does not say "
		    "clearly from which address the message came: nothing is "
		    "counted", i + 1);
		ctl_end(c, m->id, CTL_NOTFOUND, 0, why);
		return (0);
	}
	memset(&add, 0, sizeof(add));
	add.good = !l.bad;
	add.bad = l.bad;
	add.dry = l.dry;
	if ((rc = policy_begin(c->env.policy)) != DB_OK) {
		ctl_end_db(c, m->id, rc);
		return (0);
	}
	rc = policy_learn(c->env.policy, &l.hop[i].addr, &add, &d);
	if (rc == DB_OK && !l.dry)
		rc = policy_commit(c->env.policy);
	else
		policy_abort(c->env.policy);
	if (rc != DB_OK) {
		ctl_end_db(c, m->id, rc);
		return (0);
	}
	send_outcome(c, &l, &l.hop[i].addr, &d);
	ctl_end(c, m->id, CTL_OK, 1, "");
	return (0);
}

/* A walk over REPUTE entries, as for a list. */
int
ctl_req_repute(struct ctl *c, struct msg *m)
{
	if (proto_get_repute(m, &c->repute) == -1)
		return (-1);
	c->within = c->repute.within;
	c->types[0] = ENTRY_REPUTE;
	c->types[1] = '\0';
	ctl_job_start(c, JOB_REPUTE, m->id);
	return (0);
}

/* For db_walk.  Counts that have decayed to nothing are as good as expired. */
int
ctl_repute_entry(const struct entry *from, void *arg)
{
	struct ctl	*c = arg;
	struct entry	 e = *from;

	policy_repute_now(c->env.policy, &e);
	if ((e.block == 0 && e.passed == 0) || e.block < c->repute.bad ||
	    e.pass < c->repute.since)
		return (0);
	return (ctl_entry(&e, c));
}
