/*
 * The policy takes a configuration into use: rules, what the database must be
 * brought in line with, and the counters that are in memory only.
 *
 * What of the configuration shaped the database is kept in META: "cuts" (how
 * keys are cut), "visits-since" (since when visits at the primary MX are
 * kept) and "clock" (the newest time written).  A difference is worked off in
 * transactions of bounded size, each of which leaves a database that is as
 * good as before.  "cuts" is written with the last of them, so a kill in
 * between only means that the next start looks at all entries again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/be.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "lib/smtp/mailaddr.h"

#define WALK_STEP	4096	/* entries in one call of db_walk */
#define RELEASE_STEP	256	/* hosts in a transaction */
#define TUPLE_SLOTS	8	/* keys that db_get_tuple tries in a row */

/* Reads a time.  A missing or malformed one is 0. */
static enum db_result
meta_get_time(struct policy *p, const char *name, int64_t *t)
{
	uint8_t		b[8];
	size_t		len;
	uint64_t	v;
	enum db_result	rc;

	*t = 0;
	rc = db_meta_get(p->db, name, b, sizeof(b), &len);
	if (rc == DB_NONE || rc == DB_BAD || (rc == DB_OK && len != 8))
		return (DB_OK);		/* as if it were not there */
	if (rc != DB_OK)
		return (rc);
	v = be_get64(b);
	*t = v > ENTRY_TIME_MAX ? 0 : (int64_t)v;
	return (DB_OK);
}

enum db_result
meta_put_time(struct policy *p, const char *name, int64_t t)
{
	uint8_t	b[8];

	be_put64(b, (uint64_t)t);
	return (db_meta_put(p->db, name, b, sizeof(b)));
}

/* Writes one META value in a transaction of its own. */
static enum db_result
commit_meta(struct policy *p, const char *name, const void *value, size_t len)
{
	enum db_result	rc;

	if ((rc = policy_begin(p)) != DB_OK)
		return (rc);
	if ((rc = db_meta_put(p->db, name, value, len)) == DB_OK)
		return (policy_commit(p));
	policy_abort(p);
	return (rc);
}

/* For db_walk: counts an entry. */
static int
count_one(const struct entry *e, void *arg)
{
	policy_count(arg, e->type, &e->addr, 1);
	return (0);
}

/*
 * Counts all entries from the beginning, by the cuts of the new
 * configuration.  A million take half a second.
 */
static enum db_result
count_entries(struct policy *p)
{
	struct db_pos	pos = { { { 0 }, 0 }, 0 };
	enum db_result	rc = DB_OK;

	memset(p->entries, 0, sizeof(p->entries));
	limit_clear(p->net_grey);
	limit_clear(p->host_grey);
	p->admit = p->conf->grey.admit;
	p->net_cut = p->conf->limit.network;
	while (rc == DB_OK && !pos.done)
		rc = db_walk(p->db, &pos, NULL, NULL, WALK_STEP, count_one, p);
	return (rc);
}

/* Logs what damage has cost, once. */
static void
log_lost(struct policy *p)
{
	struct db_lost	lost;
	struct tm	tm;
	time_t		when;
	char		text[32] = "?";

	if (!db_lost(p->db, &lost) || p->lost_said == lost.times)
		return;
	p->lost_said = lost.times;
	when = (time_t)lost.time;
	if (localtime_r(&when, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	log_warnx("%s: the last %llu commits, up to %s, are missing; there "
	    "were %llu entries then, and %llu are here; what was damaged is "
	    "in %s/%s; check the disk, then enter a backup with "
	    "\"spamgreydb import\" or run \"spamgreydb sync\" with a peer",
	    lost.made_again ? "the database was damaged and made again of what "
	    "could be read" : "the database's log is damaged",
	    (unsigned long long)lost.commits, text,
	    (unsigned long long)lost.entries,
	    (unsigned long long)policy_entries(p), p->conf->statedir,
	    lost.aside[0] == '\0' ? "db" : lost.aside);
}

/* The cuts of a configuration, as "cuts" keeps them. */
static void
cuts_of(const struct config *conf, uint8_t cuts[5])
{
	const struct grey_conf	*g = &conf->grey;

	cuts[0] = g->match.ip4;
	cuts[1] = g->match.ip6;
	cuts[2] = g->admit.ip4;
	cuts[3] = g->admit.ip6;
	cuts[4] = g->match_helo != 0;
}

/*
 * Compares how the keys on disk are cut with what the configuration wants.
 * On a difference policy_rekey has work to do.
 */
static enum db_result
check_cuts(struct policy *p)
{
	uint8_t		want[5], have[5];
	size_t		len;
	enum db_result	rc;

	cuts_of(p->conf, want);
	rc = db_meta_get(p->db, "cuts", have, sizeof(have), &len);
	if (rc == DB_OK && len == sizeof(have) &&
	    memcmp(have, want, sizeof(have)) == 0) {
		p->rekey = 0;
		return (DB_OK);
	}
	if (rc == DB_NONE)
		return (commit_meta(p, "cuts", want, sizeof(want)));
	if (rc != DB_OK && rc != DB_BAD)
		return (rc);
	log_info("match or admit changed: giving all entries new keys");
	p->rekey = 1;
	memset(&p->rekey_pos, 0, sizeof(p->rekey_pos));
	return (DB_OK);
}

/* The keys of entries that must move. */
struct misplaced {
	struct policy	*p;
	struct entry	 key[REKEY_STEP];
	size_t		 n;
};

/*
 * For db_walk: notes an entry whose key is not what it should be.  The full
 * address and the strings are in each entry, so its key can be made from the
 * entry alone.  An entry that was moved may be met again further on in the
 * walk, and is then found to be in place.  Returns 1 when the batch is full.
 */
static int
find_misplaced(const struct entry *e, void *arg)
{
	static struct tuple	 t;
	struct misplaced	*m = arg;
	struct entry		 want = *e;

	switch (e->type == ENTRY_GONE ? e->of : e->type) {
	case ENTRY_SPAMTRAP:
		return (0);		/* of GONE: it has no address */
	case ENTRY_GREY:
		tuple_key(m->p, &want, &t);
		/* A collision puts a tuple a few slots behind its key. */
		if (addr_cmp(&want.net, &e->net) == 0 &&
		    e->hash - want.hash < TUPLE_SLOTS)
			return (0);
		break;
	case ENTRY_VISIT:
		addr_cut(&e->addr, &m->p->conf->grey.match, &want.net);
		if (addr_cmp(&want.net, &e->net) == 0)
			return (0);
		break;
	default:
		policy_host(m->p, &e->addr, &want.net);
		if (addr_cmp(&want.net, &e->net) == 0)
			return (0);
		break;
	}
	entry_init(&m->key[m->n], e->type);
	m->key[m->n].of = e->of;
	m->key[m->n].net = e->net;
	m->key[m->n++].hash = e->hash;
	return (m->n == REKEY_STEP);
}

/*
 * Gives an entry its new key.  If there is an entry already, the two are
 * merged, as in an import.
 */
static enum db_result
move_one(struct policy *p, const struct entry *key)
{
	static struct entry_strings	w;
	struct entry	e;
	enum db_result	rc;

	if ((rc = db_get(p->db, key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	/* The strings belong to the database until its next call. */
	policy_own_strings(&e, &w);
	if ((rc = policy_del(p, &e)) != DB_OK)
		return (rc);
	if ((e.type == ENTRY_WHITE || e.type == ENTRY_TRAPPED) &&
	    (rc = policy_changed(p, &e.net, &e.addr)) != DB_OK)
		return (rc);
	rc = policy_enter(p, &e);
	return (rc == DB_BAD || rc == DB_NONE ? DB_OK : rc);
}

int
policy_must_rekey(const struct policy *p)
{
	return (p->rekey && db_is_up(p->db));
}

/*
 * One slice.  When it fails it starts again from the beginning: entries that
 * were moved already are found in place.
 */
enum db_result
policy_rekey(struct policy *p, size_t max, int *more)
{
	static struct misplaced	m;
	enum db_result		rc;
	uint8_t			cuts[5];
	size_t			i;

	*more = 0;
	if (!p->rekey)
		return (DB_OK);
	m.p = p;
	m.n = 0;
	if ((rc = policy_begin(p)) != DB_OK)
		return (rc);
	rc = db_walk(p->db, &p->rekey_pos, "DPRTWXg", NULL, max,
	    find_misplaced, &m);
	for (i = 0; i < m.n && rc == DB_OK; i++)
		rc = move_one(p, &m.key[i]);
	if (rc == DB_OK && p->rekey_pos.done) {
		cuts_of(p->conf, cuts);
		rc = db_meta_put(p->db, "cuts", cuts, sizeof(cuts));
	}
	if (rc == DB_OK)
		rc = policy_commit(p);
	if (rc != DB_OK) {
		policy_abort(p);
		memset(&p->rekey_pos, 0, sizeof(p->rekey_pos));
		return (rc);
	}
	*more = !p->rekey_pos.done;
	p->rekey = *more;
	if (!*more)
		log_info("all entries have their new keys");
	return (DB_OK);
}

/*
 * Visits are kept while a listener is a low-priority one, and count from the
 * time when that began.
 */
static enum db_result
check_visits(struct policy *p)
{
	const struct conf_listen	*l;
	enum db_result			 rc;
	int64_t				 since;
	int				 wanted = 0;

	TAILQ_FOREACH(l, &p->conf->listens, entry)
		wanted |= l->low_priority_mx != 0;
	if ((rc = meta_get_time(p, "visits-since", &p->visits_since)) != DB_OK)
		return (rc);
	if (wanted == (p->visits_since != 0))
		return (DB_OK);
	since = wanted ? clock_wall() : 0;
	if ((rc = policy_begin(p)) != DB_OK)
		return (rc);
	if ((rc = meta_put_time(p, "visits-since", since)) != DB_OK ||
	    (rc = policy_commit(p)) != DB_OK) {
		policy_abort(p);
		return (rc);
	}
	p->visits_since = since;
	return (DB_OK);
}

/* Hosts to be released in one transaction. */
struct release_batch {
	struct policy	*p;
	struct addr	 addr[RELEASE_STEP];
	size_t		 n;
	enum db_result	 rc;
};

/*
 * For db_walk: notes a trapped host whose recipient (kept as the comment)
 * would not trap it any more.
 */
static int
find_release(const struct entry *e, void *arg)
{
	struct release_batch	*r = arg;
	char		 rcpt[ENTRY_STR_MAX + 1];
	struct addr	 addr = e->addr;
	uint8_t		 reason;

	if ((e->reason != TRAP_SPAMTRAP && e->reason != TRAP_DOMAIN) ||
	    e->comment[0] == '\0')
		return (0);
	/* An older version kept it in another form. */
	if (mailaddr_rcpt(e->comment, rcpt, sizeof(rcpt)) == -1)
		return (0);
	if ((r->rc = rcpt_traps(r->p, rcpt, &reason)) != DB_OK)
		return (1);
	if (reason == TRAP_NONE)
		r->addr[r->n++] = addr;
	return (r->n == RELEASE_STEP);
}

/*
 * Releases the hosts that were trapped by a recipient that is not a trap any
 * more.
 */
static enum db_result
release_hosts(struct policy *p)
{
	static struct release_batch	r;
	struct db_pos		pos = { { { 0 }, 0 }, 0 };
	enum db_result		rc;
	size_t			i, n = 0;

	r.p = p;
	while (!pos.done) {
		r.n = 0;
		r.rc = DB_OK;
		rc = db_walk(p->db, &pos, "T", NULL, WALK_STEP, find_release,
		    &r);
		if (rc != DB_OK || r.rc != DB_OK)
			return (rc != DB_OK ? rc : r.rc);
		if (r.n == 0)
			continue;
		if ((rc = policy_begin(p)) != DB_OK)
			return (rc);
		for (i = 0; i < r.n && rc == DB_OK; i++) {
			rc = policy_let_go(p, &r.addr[i]);
			if (rc == DB_NONE)
				rc = DB_OK;
		}
		if (rc != DB_OK || (rc = policy_commit(p)) != DB_OK) {
			policy_abort(p);
			return (rc);
		}
		n += r.n;
	}
	if (n > 0)
		log_info("%zu hosts were released: the recipient that trapped "
			 "them is not a trap any more",
		    n);
	return (DB_OK);
}

/*
 * The part of a configuration that needs the database.  count 1: the entries
 * must be counted again.
 */
static enum db_result
load_database(struct policy *p, int count)
{
	const char	*why;
	enum db_result	 rc;
	int		 more = 1;

	if (p->newest == 0) {
		if ((rc = meta_get_time(p, "clock", &p->newest)) != DB_OK)
			return (rc);
		p->newest_written = p->newest;
		/* A write would make any clock look right: look first. */
		policy_clock(p, 0, &why);
	}
	if (count && (rc = count_entries(p)) != DB_OK)
		return (rc);
	log_lost(p);
	if ((rc = check_cuts(p)) != DB_OK ||
	    (rc = check_visits(p)) != DB_OK)
		return (rc);
	/* At a start no client waits yet; later policy_rekey goes in slices. */
	while (!p->started && p->rekey && more)
		if ((rc = policy_rekey(p, REKEY_STEP, &more)) != DB_OK)
			return (rc);
	return (release_hosts(p));
}

/*
 * Rules and cuts are replaced first, so that a failure of the database leaves
 * the policy with one whole configuration.
 */
int
policy_configure(struct policy *p, const struct config *conf)
{
	struct rule_set	rules;
	enum db_result	rc;
	int		count;

	memset(&rules, 0, sizeof(rules));
	if (rules_build(&rules.domains, &conf->domains) == -1 ||
	    rules_build(&rules.spamtraps, &conf->spamtraps) == -1 ||
	    rules_build(&rules.not_to, &conf->not_to) == -1) {
		rules_free(&rules.domains);
		rules_free(&rules.spamtraps);
		rules_free(&rules.not_to);
		log_warnx("no memory for the configuration");
		return (-1);
	}
	rules_free(&p->rules.domains);
	rules_free(&p->rules.spamtraps);
	rules_free(&p->rules.not_to);
	p->rules = rules;
	/* A domain that was counted may be one of ours now. */
	events_clear(p->outside);
	count = !p->started || p->pending ||
	    memcmp(&p->admit, &conf->grey.admit, sizeof(p->admit)) != 0 ||
	    memcmp(&p->net_cut, &conf->limit.network,
	    sizeof(p->net_cut)) != 0;
	p->conf = conf;
	policy_lists(p);
	db_set_cuts(p->db, &conf->grey.match, &conf->grey.admit);
	/* The new configuration is in use from here on, even if this fails. */
	rc = load_database(p, count);
	/* It may be damaged, and can be made again. */
	if (rc == DB_DOWN && !p->started && db_reopen(p->db) == 0)
		rc = load_database(p, 1);
	if (rc == DB_OK) {
		p->started = 1;
		p->pending = 0;
		return (0);
	}
	if (rc == DB_NEWER)
		log_warnx("the database holds entries of a newer version of "
			  "this program; install that version");
	if (rc != DB_DOWN)
		return (-1);
	p->pending = 1;
	return (0);
}

void
policy_lists(struct policy *p)
{
	p->white_lists = config_mask(p->conf, LIST_WHITE);
	p->black_lists = config_mask(p->conf, LIST_BLACK);
}

int
policy_reopen(struct policy *p)
{
	if (db_reopen(p->db) == -1)
		return (-1);
	/* The recovery may have brought back a batch that was not counted.  A
	 * count of a million takes half a second, so only then. */
	if (load_database(p, !p->started || p->pending ||
	    !db_is_same(p->db)) != DB_OK)
		return (-1);
	p->pending = 0;
	p->started = 1;
	return (0);
}
