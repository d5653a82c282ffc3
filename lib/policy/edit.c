/*
 * Changes that somebody asks for (spamgreydb, a reaction), import, expiry and
 * the clock rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/policy/policy_int.h"

/* Seconds by which the clock may be behind or ahead of the newest entry.  A
 * machine that was off for a week is plausible; more needs --clock-ok. */
#define CLOCK_BEHIND	3600
#define CLOCK_AHEAD	(7 * 86400)
#define GREY_BATCH	64 /* tuples that policy_delete_grey finds at once */
#define GREY_STEP	1000	/* entries it looks at in one call of db_walk */

/* Adds one, but never wraps. */
static uint32_t
increment(uint32_t n)
{
	return (n < UINT32_MAX ? n + 1 : n);
}

/*
 * Says whether a lookup failed; "not found" and "malformed" both mean that
 * there is no entry.
 */
static int
get_failed(enum db_result rc)
{
	return (rc != DB_OK && rc != DB_NONE && rc != DB_BAD);
}

/*
 * Reads a host's entry to be edited: what is there, or a new one with first
 * 0.  Its comment belongs to the database, so nothing may be read before it
 * is written.
 */
static enum db_result
edit_host(struct policy *p, enum entry_type type, const struct addr *full,
    struct entry *e, int *found)
{
	struct entry	key;
	struct addr	host;
	enum db_result	rc;

	policy_host(p, full, &host);
	host_entry_key(type, &host, &key);
	if (get_failed(rc = db_get(p->db, &key, e)))
		return (rc);
	*found = rc != DB_NONE;
	if (rc != DB_OK)
		*e = key;
	e->addr = *full;
	return (DB_OK);
}

/* A new comment replaces the old one; no comment leaves it. */
static const char *
choose_comment(const char *comment, const char *old)
{
	if (comment == NULL || comment[0] == '\0')
		return (old);
	return (comment);
}

/*
 * Makes the host WHITE, or renews it.  The counters are those that spamdb
 * shows for an added host.
 */
enum db_result
policy_white_for(struct policy *p, const struct addr *addr, int64_t until,
    const char *comment, enum white_reason reason)
{
	struct entry	e;
	enum db_result	rc;
	int64_t		now = clock_wall();
	int		found;

	if ((rc = edit_host(p, ENTRY_WHITE, addr, &e, &found)) != DB_OK)
		return (rc);
	if (e.first == 0) {		/* spamdb -a counts 1|0, then 1|1 */
		e.first = now;
		e.block = 1;
	} else
		e.passed = increment(e.passed);
	e.pass = now;
	e.expire = expiry_from_until(until, now + p->conf->grey.white);
	e.reason = (uint8_t)reason;
	e.from = e.to = "";
	e.comment = choose_comment(comment, e.comment);
	if ((rc = policy_put(p, &e, found, addr)) != DB_OK)
		return (rc);
	return (policy_changed(p, &e.net, addr));
}

enum db_result
policy_white(struct policy *p, const struct addr *addr, int64_t until,
    const char *comment)
{
	return (policy_white_for(p, addr, until, comment, WHITE_MANUAL));
}

/*
 * Traps a host until expire.  extend 1: an end that is later already stays.
 * A trap that has expired begins again, with a new count.
 */
enum db_result
policy_trap_host(struct policy *p, const struct addr *full, int64_t expire,
    unsigned int reason, const char *comment, int extend)
{
	struct entry	e;
	enum db_result	rc;
	int64_t		now = clock_wall(), asof = policy_asof(p);
	char		buf[ENTRY_STR_MAX + 1];
	int		found, live;

	if ((rc = edit_host(p, ENTRY_TRAPPED, full, &e, &found)) != DB_OK)
		return (rc);
	live = e.first != 0 && (e.expire == 0 || e.expire > asof);
	if (!live) {
		e.first = now;
		e.block = 0;
		e.comment = "";
	}
	e.block = increment(e.block);
	e.pass = now;
	e.expire = live && extend ? later_expiry(e.expire, expire) : expire;
	e.reason = (uint8_t)reason;
	strlcpy(buf, choose_comment(comment, e.comment), sizeof(buf));
	e.comment = buf;
	if ((rc = policy_put(p, &e, found, full)) != DB_OK)
		return (rc);
	return (policy_changed(p, &e.net, full));
}

/* By hand: the end is the one that was asked for, even if it is earlier. */
enum db_result
policy_trap(struct policy *p, const struct addr *addr, int64_t until,
    unsigned int reason, const char *comment)
{
	return (policy_trap_host(p, addr,
	    expiry_from_until(until, clock_wall() + p->conf->grey.trapped),
	    reason, comment, 0));
}

/*
 * Deletes a host's entry of this type, leaves a tombstone, and notes the
 * change.
 */
static enum db_result
delete_host_entry(struct policy *p, enum entry_type type,
    const struct addr *addr)
{
	struct entry	e;
	struct addr	host;
	enum db_result	rc;

	policy_host(p, addr, &host);
	host_entry_key(type, &host, &e);
	e.addr = *addr;
	if ((rc = policy_delete_entry(p, &e)) != DB_OK)
		return (rc);
	return (policy_changed(p, &host, addr));
}

/*
 * WHITE is deleted, and a STAMP of now keeps tuples that matured before from
 * making the host WHITE again.
 */
enum db_result
policy_demote(struct policy *p, const struct addr *addr)
{
	struct entry	e;
	enum db_result	rc;
	int64_t		now = clock_wall();
	int		found;

	if ((rc = delete_host_entry(p, ENTRY_WHITE, addr)) != DB_OK)
		return (rc);
	if ((rc = edit_host(p, ENTRY_STAMP, addr, &e, &found)) != DB_OK)
		return (rc);
	e.first = e.pass = now;
	e.expire = now + p->conf->grey.grey;	/* no tuple lives longer */
	p->stat[PST_DEMOTED]++;
	return (policy_put(p, &e, found, addr));
}

/* The same by hand: an old tuple must not undo it. */
enum db_result
policy_delete_white(struct policy *p, const struct addr *addr)
{
	return (policy_demote(p, addr));
}

/* Leaves a tombstone, so that other machines delete the trap too. */
enum db_result
policy_delete_trapped(struct policy *p, const struct addr *addr)
{
	return (delete_host_entry(p, ENTRY_TRAPPED, addr));
}

/* Other machines may have another configuration, so they are told nothing. */
enum db_result
policy_let_go(struct policy *p, const struct addr *addr)
{
	struct entry	e;
	struct addr	host;
	enum db_result	rc;

	policy_host(p, addr, &host);
	host_entry_key(ENTRY_TRAPPED, &host, &e);
	e.addr = *addr;
	if ((rc = policy_del(p, &e)) != DB_OK)
		return (rc);
	return (policy_changed(p, &host, addr));
}

/* Tuples of one address, found by a walk. */
struct grey_found {
	const struct addr	*addr;
	struct entry		 key[GREY_BATCH];
	size_t			 n, max;
};

/* For db_walk: collects keys of tuples.  Returns 1 when the batch is full. */
static int
find_grey(const struct entry *e, void *arg)
{
	struct grey_found	*f = arg;

	if (addr_cmp(&e->addr, f->addr) != 0)
		return (0);
	entry_init(&f->key[f->n], ENTRY_GREY);
	f->key[f->n].net = e->net;
	f->key[f->n].hash = e->hash;
	f->key[f->n++].addr = e->addr;
	return (f->n == f->max);
}

/* A walk finds a batch, which is then deleted; the walk goes on behind it. */
enum db_result
policy_delete_grey(struct policy *p, const struct addr *addr, int all,
    size_t *n)
{
	static struct grey_found f;
	struct prefix		 within = { *addr, 128 };
	struct db_pos		 pos = { { { 0 }, 0 }, 0 };
	enum db_result		 rc = DB_OK;
	size_t			 i;

	*n = 0;
	f.addr = addr;
	f.max = all ? GREY_BATCH : 1;
	do {
		f.n = 0;
		while (!pos.done && f.n < f.max && rc == DB_OK)
			rc = db_walk(p->db, &pos, "g", &within, GREY_STEP,
			    find_grey, &f);
		for (i = 0; i < f.n && rc == DB_OK; i++) {
			if ((rc = policy_delete_entry(p, &f.key[i])) == DB_OK)
				(*n)++;
		}
	} while (rc == DB_OK && all && !pos.done);
	if (rc != DB_OK)
		return (rc);
	return (*n > 0 ? DB_OK : DB_NONE);
}

/*
 * The key is in lower case; adding it again counts, and may change the
 * comment.
 */
enum db_result
policy_spamtrap(struct policy *p, const char *rcpt, int add,
    const char *comment)
{
	struct entry	e, old;
	enum db_result	rc;
	char		lower[MAILADDR_KEY_MAX];
	int64_t		now = clock_wall();

	if (mailaddr_rcpt(rcpt, lower, sizeof(lower)) == -1 ||
	    strchr(lower, '@') == NULL)
		return (DB_BAD);
	entry_init(&e, ENTRY_SPAMTRAP);
	e.rcpt = lower;
	if (!add)
		return (policy_delete_entry(p, &e));
	if (get_failed(rc = db_get(p->db, &e, &old)))
		return (rc);
	e.first = rc == DB_OK && old.first != 0 ? old.first : now;
	e.pass = now;
	e.block = 1;
	e.passed = rc == DB_OK ? increment(old.passed) : 0;
	e.last = rc == DB_OK ? old.last : 0;
	e.gen = rc == DB_OK ? old.gen : 0;
	e.comment = choose_comment(comment, rc == DB_OK ? old.comment : "");
	return (policy_put(p, &e, rc != DB_NONE, &e.addr));
}

void
policy_import_key(const struct policy *p, struct entry *e)
{
	static struct tuple	t;

	if (e->type == ENTRY_GREY)
		tuple_key(p, e, &t);
	else
		policy_host(p, &e->addr, &e->net);
}

/* A host that becomes WHITE by an import has that as its reason. */
enum db_result
policy_import(struct policy *p, const struct entry *line)
{
	struct entry	e = *line;
	enum db_result	rc;

	if (e.type == ENTRY_WHITE)
		e.reason = WHITE_IMPORT;
	if ((rc = policy_enter(p, &e)) == DB_OK)
		p->stat[PST_IMPORTED]++;
	return (rc);
}

/* Hosts that lose an entry; they are told after it is deleted. */
struct expired_hosts {
	struct policy	*p;
	struct addr	*host, *full;
	size_t		 n, max;
};

/* For db_expire, before an entry is deleted. */
static void
note_expired(const struct entry *e, void *arg)
{
	struct expired_hosts	*g = arg;

	policy_count(g->p, e->type, &e->addr, -1);
	if ((e->type == ENTRY_WHITE || e->type == ENTRY_TRAPPED) &&
	    g->n < g->max) {
		g->host[g->n] = e->net;
		g->full[g->n++] = e->addr;
	}
}

/*
 * Deletes entries, then notes the states of their hosts, all in one
 * transaction: a host with two entries keeps the other.
 */
enum db_result
policy_expire(struct policy *p, size_t max, int *more, size_t *n)
{
	struct expired_hosts	g = { p, NULL, NULL, 0, max };
	enum db_result	rc;
	int64_t		asof = policy_asof(p);
	size_t		i;

	*more = 0;
	*n = 0;
	if (asof == 0 || max == 0)
		return (DB_OK);
	g.host = calloc(max, sizeof(*g.host));
	g.full = calloc(max, sizeof(*g.full));
	if (g.host == NULL || g.full == NULL)
		rc = DB_BAD;
	else if ((rc = policy_begin(p)) == DB_OK) {
		rc = db_expire(p->db, asof, max, note_expired, &g, n);
		for (i = 0; i < g.n && rc == DB_OK; i++)
			rc = policy_changed(p, &g.host[i], &g.full[i]);
		/* A run that expired nothing need not write to disk. */
		if (rc == DB_OK && *n > 0)
			rc = policy_commit(p);
		else
			policy_abort(p);
	}
	free(g.host);
	free(g.full);
	if (rc != DB_OK) {
		*n = 0;
		return (rc);
	}
	p->stat[PST_EXPIRED] += (int64_t)*n;
	*more = *n == max;
	return (DB_OK);
}

/* Writes into clock_why by how much the clock is off, and what to do. */
static void
explain_clock(struct policy *p, int64_t now)
{
	int64_t	off = now - p->newest;

	if (off < 0)
		snprintf(p->clock_why, sizeof(p->clock_why), "the clock is "
		    "%lld minutes behind the newest entry",
		    (long long)-off / 60);
	else
		snprintf(p->clock_why, sizeof(p->clock_why), "the clock is "
		    "%lld hours ahead of the newest entry",
		    (long long)off / 3600);
	strlcat(p->clock_why,
	    "; no entry expires until the clock is right, or until `spamgreydb "
	    "expire --clock-ok' confirms it",
	    sizeof(p->clock_why));
}

const char *
policy_clock_why(const struct policy *p)
{
	return (p->clock_bad ? p->clock_why : "");
}

/*
 * Looks at the clock whenever it is asked for, so that nothing is written or
 * decided between a jump and the next minute: the first write with a wrong
 * clock would make that clock look right.
 */
int64_t
policy_asof(struct policy *p)
{
	int64_t	now = clock_wall();
	int	bad = p->newest != 0 &&
		    (now < p->newest - CLOCK_BEHIND ||
		    now > p->newest + CLOCK_AHEAD);

	if (bad) {
		explain_clock(p, now);
		if (!p->clock_bad)
			log_warnx("%s", p->clock_why);
	} else if (p->clock_bad)
		log_info("the clock is in range again; entries expire again");
	p->clock_bad = bad;
	return (bad ? 0 : now);
}

/*
 * Moves `newest' on with the clock, and writes it to META, so that the next
 * start can compare its clock with it.
 */
int
policy_clock(struct policy *p, int force, const char **why)
{
	int64_t	now = clock_wall();

	if (force)
		p->newest = now;
	*why = "";
	if (policy_asof(p) == 0) {
		*why = p->clock_why;
		return (0);
	}
	if (now > p->newest)
		p->newest = now;
	/* Kept on disk for the next start.  On a failure the database logs it
	 * and the next minute tries again. */
	if (p->newest != p->newest_written && !db_in_txn(p->db) &&
	    policy_begin(p) == DB_OK) {
		if (meta_put_time(p, "clock", p->newest) == DB_OK &&
		    policy_commit(p) == DB_OK)
			p->newest_written = p->newest;
		else
			policy_abort(p);
	}
	return (1);
}
