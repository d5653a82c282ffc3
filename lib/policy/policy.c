/*
 * The policy's core: host states as they are on disk, what changed in the
 * open transaction, and the counters beside the database.  Knows no process.
 *
 * A host has up to two entries, WHITE and TRAPPED; TRAPPED stands over WHITE
 * while it lasts.  Both are judged by the clock whenever they are read, so an
 * expiry run that has not come yet makes no difference to anybody; what it
 * adds is that fronts and firewall are told.
 *
 * Two kinds of things are kept beside the database and have to follow its
 * transactions: counters (tally: changed at once, changed back by an abort)
 * and the changes of hosts (told through the sink after the commit, and
 * forgotten by an abort).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"

struct policy *
policy_new(struct db *db, const struct policy_sink *sink, void *arg)
{
	struct policy	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (NULL);
	p->db = db;
	if (sink != NULL)
		p->sink = *sink;
	p->arg = arg;
	p->net_grey = limit_new();
	p->host_grey = limit_new();
	p->events = events_new();
	p->outside = events_new();
	p->mails = mails_new();
	p->lowmx_grace = clock_mono() + LOWMX_GRACE * 1000;
	p->limit_logged = -LIMIT_LOG_EVERY;
	if (p->net_grey == NULL || p->host_grey == NULL ||
	    p->events == NULL || p->outside == NULL || p->mails == NULL) {
		policy_free(p);
		return (NULL);
	}
	return (p);
}

void
policy_free(struct policy *p)
{
	if (p == NULL)
		return;
	rules_free(&p->rules.domains);
	rules_free(&p->rules.spamtraps);
	rules_free(&p->rules.not_to);
	limit_free(p->net_grey);
	limit_free(p->host_grey);
	events_free(p->events);
	events_free(p->outside);
	mails_free(p->mails);
	free(p->tally);
	free(p->change);
	free(p->change_table);
	buf_free(&p->said);
	free(p);
}

/* What the counters say of GREY entries by network and host. */
static void
count_now(struct policy *p, enum entry_type type, const struct addr *addr,
    int delta)
{
	struct addr	net, host;

	p->entries[type] += delta;
	if (type != ENTRY_GREY)
		return;
	addr_cut(addr, &p->net_cut, &net);
	addr_cut(addr, &p->admit, &host);
	if (delta > 0) {
		limit_inc(p->net_grey, &net);
		limit_inc(p->host_grey, &host);
	} else {
		limit_dec(p->net_grey, &net);
		limit_dec(p->host_grey, &host);
	}
}

/* Counts, and notes it for an abort while a transaction is open. */
void
policy_count(struct policy *p, enum entry_type type, const struct addr *addr,
    int delta)
{
	struct tally	*t;
	size_t		 n;

	count_now(p, type, addr, delta);
	if (!db_in_txn(p->db))
		return;
	if (p->ntally == p->tally_size) {
		n = p->tally_size == 0 ? 256 : p->tally_size * 2;
		if ((t = reallocarray(p->tally, n, sizeof(*t))) == NULL) {
			p->lost = 1;
			return;
		}
		p->tally = t;
		p->tally_size = n;
	}
	t = &p->tally[p->ntally++];
	t->type = type;
	t->addr = *addr;
	t->delta = delta;
}

enum db_result
policy_begin(struct policy *p)
{
	if (db_in_txn(p->db))
		return (DB_BAD);
	p->ntally = p->nchange = 0;
	p->lost = 0;
	return (db_begin(p->db));
}

/* The transaction is gone: counters go back, nobody is told anything. */
static void
forget(struct policy *p)
{
	/* Backwards, so that no counter goes below zero on the way. */
	while (p->ntally > 0) {
		p->ntally--;
		count_now(p, p->tally[p->ntally].type,
		    &p->tally[p->ntally].addr, -p->tally[p->ntally].delta);
	}
	p->nchange = 0;
	p->lost = 0;
	buf_drain(&p->said, buf_len(&p->said));
}

/* All there are. */
uint64_t
policy_entries(const struct policy *p)
{
	uint64_t	n = 0;
	size_t		i;

	for (i = 0; i < sizeof(p->entries) / sizeof(p->entries[0]); i++)
		n += (uint64_t)p->entries[i];
	return (n);
}

enum db_result
policy_commit(struct policy *p)
{
	enum db_result	rc;
	size_t		i;
	int64_t		now;

	/* Who was not told of a change would have to be wrong for ever. */
	if (p->lost) {
		policy_abort(p);
		return (DB_DOWN);
	}
	db_counted(p->db, policy_entries(p));
	if ((rc = db_commit(p->db)) != DB_OK) {
		forget(p);
		return (rc);
	}
	/* For the clock rule: the newest time that is on disk. */
	if ((now = policy_asof(p)) > p->newest)
		p->newest = now;
	p->ntally = 0;
	for (i = 0; i < p->nchange; i++)
		if (p->sink.host != NULL)
			p->sink.host(&p->change[i], p->change_table[i],
			    p->arg);
	p->nchange = 0;
	policy_said(p);
	return (DB_OK);
}

void
policy_abort(struct policy *p)
{
	db_abort(p->db);
	forget(p);
}

/* What becomes WHITE or TRAPPED: the address cut to `admit'. */
void
policy_host(const struct policy *p, const struct addr *addr,
    struct addr *host)
{
	addr_cut(addr, &p->conf->grey.admit, host);
}

void
host_key(enum entry_type type, const struct addr *host, struct entry *e)
{
	entry_init(e, type);
	e->net = *host;
}

/* An expiry as a time until when: 0 when it is past. */
static int64_t
judged(int64_t expire, int64_t asof)
{
	if (expire == 0)
		return (HOST_FOREVER);
	return (expire > asof ? expire : 0);
}

/*
 * WHITE and TRAPPED of a host, judged.  A malformed entry is none.  Where no
 * entry of a type exists the look into the tree is spared.
 */
enum db_result
host_times(struct policy *p, const struct addr *host, struct host *h)
{
	struct entry	key, e;
	enum db_result	rc;
	int64_t		asof = policy_asof(p);

	memset(h, 0, sizeof(*h));
	h->key = *host;
	host_key(ENTRY_WHITE, host, &key);
	rc = p->entries[ENTRY_WHITE] == 0 ? DB_NONE : db_get(p->db, &key, &e);
	if (rc == DB_OK)
		h->white = judged(e.expire, asof);
	else if (rc != DB_NONE && rc != DB_BAD)
		return (rc);
	host_key(ENTRY_TRAPPED, host, &key);
	rc = p->entries[ENTRY_TRAPPED] == 0 ? DB_NONE : db_get(p->db, &key, &e);
	if (rc == DB_OK) {
		h->trapped = judged(e.expire, asof);
		if (h->trapped != 0)
			h->reason = e.reason < TRAP_MAX ? e.reason : TRAP_NONE;
	} else if (rc != DB_NONE && rc != DB_BAD)
		return (rc);
	return (DB_OK);
}

/* All that decides over an address: lists, host state, demotion. */
enum db_result
policy_state(struct policy *p, const struct addr *addr, struct state *s)
{
	struct entry	key, e;
	enum db_result	rc;

	policy_host(p, addr, &s->host);
	s->lists = addrset_lookup(p->conf->set, addr);
	s->whitelisted = (s->lists & p->white_lists) != 0;
	s->blacklisted = !s->whitelisted &&
	    (s->lists & p->black_lists) != 0;
	s->stamp = 0;
	if ((rc = host_times(p, &s->host, &s->h)) != DB_OK)
		return (rc);
	if (p->entries[ENTRY_STAMP] == 0)
		return (DB_OK);
	host_key(ENTRY_STAMP, &s->host, &key);
	if ((rc = db_get(p->db, &key, &e)) == DB_OK)
		s->stamp = e.first;
	return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
}

/* The firewall's table holds WHITE and whitelisted, less TRAPPED and
 * blacklisted; whitelisted stands above both of these. */
static int64_t
in_table(const struct policy *p, const struct host *h,
    const struct addr *full)
{
	uint64_t	lists = addrset_lookup(p->conf->set, full);

	if (lists & p->white_lists)
		return (HOST_FOREVER);
	if (h->trapped != 0 || (lists & p->black_lists))
		return (0);
	return (h->white);
}

/*
 * In the middle of the transaction, which sees its own writes: the state as it
 * will be once it is committed.
 */
enum db_result
policy_changed(struct policy *p, const struct addr *host,
    const struct addr *full)
{
	struct host	 h, *nh;
	int64_t		*nt;
	enum db_result	 rc;
	size_t		 n;

	if ((rc = host_times(p, host, &h)) != DB_OK)
		return (rc);
	if (p->nchange > 0 &&
	    addr_cmp(&p->change[p->nchange - 1].key, host) == 0)
		p->nchange--;		/* only the last word counts */
	if (p->nchange == p->change_size) {
		n = p->change_size == 0 ? 128 : p->change_size * 2;
		nh = reallocarray(p->change, n, sizeof(*nh));
		if (nh != NULL)
			p->change = nh;
		nt = reallocarray(p->change_table, n, sizeof(*nt));
		if (nt != NULL)
			p->change_table = nt;
		if (nh == NULL || nt == NULL) {
			p->lost = 1;
			return (DB_OK);
		}
		p->change_size = n;
	}
	p->change[p->nchange] = h;
	p->change_table[p->nchange++] = in_table(p, &h, full);
	return (DB_OK);
}

enum db_result
policy_put(struct policy *p, const struct entry *e, int found,
    const struct addr *old)
{
	struct entry	w = *e;
	enum db_result	rc;

	if (!merge_syncs(w.type))
		return (policy_store(p, &w, found, old));
	if ((rc = policy_assert(p, &w, found)) != DB_OK ||
	    (rc = policy_store(p, &w, found, old)) != DB_OK)
		return (rc);
	policy_say(p, &w);
	return (DB_OK);
}

enum db_result
policy_store(struct policy *p, const struct entry *e, int found,
    const struct addr *old)
{
	enum db_result	rc;

	if ((rc = db_put(p->db, e)) != DB_OK)
		return (rc);
	if (!found)
		policy_count(p, e->type, &e->addr, 1);
	else if (e->type == ENTRY_GREY && addr_cmp(old, &e->addr) != 0) {
		/* Another host of the network: the entry is now its. */
		policy_count(p, e->type, old, -1);
		policy_count(p, e->type, &e->addr, 1);
	}
	return (DB_OK);
}

enum db_result
policy_del(struct policy *p, const struct entry *e)
{
	enum db_result	rc;

	if ((rc = db_del(p->db, e)) == DB_OK)
		policy_count(p, e->type, &e->addr, -1);
	return (rc);
}

/* "Until" as people give it to an expiry as it is stored, 0 being never. */
int64_t
until_expire(int64_t until, int64_t dflt)
{
	if (until == 0)
		return (dflt);
	return (until >= ENTRY_TIME_MAX ? 0 : until);
}

int64_t
later(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return (0);
	return (a > b ? a : b);
}

struct stream {
	struct policy	*p;
	enum db_result	 rc;
};

static int
stream_one(const struct entry *e, void *arg)
{
	struct stream	*s = arg;
	struct host	 h;
	struct addr	 host = e->net, full = e->addr;

	/* TRAPPED comes first in key order; with WHITE under it, it is told
	 * twice, which is as good as once. */
	s->rc = host_times(s->p, &host, &h);
	if (s->rc != DB_OK)
		return (1);
	if ((h.white != 0 || h.trapped != 0) && s->p->sink.host != NULL)
		s->p->sink.host(&h, in_table(s->p, &h, &full), s->p->arg);
	return (0);
}

enum db_result
policy_stream(struct policy *p, struct db_pos *pos, size_t max)
{
	struct stream	s = { p, DB_OK };
	enum db_result	rc;

	rc = db_walk(p->db, pos, "TW", NULL, max, stream_one, &s);
	return (rc == DB_OK ? s.rc : rc);
}

enum db_result
policy_lookup(struct policy *p, const struct addr *addr, struct host *h,
    int64_t *table)
{
	struct addr	host;
	enum db_result	rc;

	policy_host(p, addr, &host);
	rc = host_times(p, &host, h);
	*table = rc == DB_OK ? in_table(p, h, addr) : 0;
	return (rc);
}

void
policy_count_white_seen(struct policy *p)
{
	p->stat[PST_WHITE_AT_FRONT]++;
}

void
policy_count_unstored(struct policy *p)
{
	p->stat[PST_UNSTORED]++;
}

void
policy_count_fw_late(struct policy *p)
{
	p->stat[PST_FW_LATE]++;
}

void
policy_count_track_lost(struct policy *p, size_t n)
{
	p->stat[PST_TRACK_LOST] += (int64_t)n;
}

/* Who was told 421 goes to the next MX, as it should: no trap for a while. */
void
policy_overlimit(struct policy *p)
{
	p->lowmx_grace = clock_mono() + LOWMX_GRACE * 1000;
}

void
policy_stats(struct policy *p,
    void (*stat)(const char *name, int64_t value, void *), void *arg)
{
	static const struct {
		const char		*name;
		enum entry_type		 type;
	} types[] = {
		{ "entries grey", ENTRY_GREY },
		{ "entries white", ENTRY_WHITE },
		{ "entries trapped", ENTRY_TRAPPED },
		{ "entries spamtrap", ENTRY_SPAMTRAP },
		{ "entries stamp", ENTRY_STAMP },
		{ "entries visit", ENTRY_VISIT },
		{ "entries repute", ENTRY_REPUTE },
		{ "entries gone", ENTRY_GONE }
	};
	static const char *const	names[PST_MAX] = {
		[PST_RCPT] = "rcpt", [PST_NEW] = "grey-new",
		[PST_WAIT] = "grey-wait", [PST_PASS] = "passed",
		[PST_WHITE_AT_FRONT] = "white-at-front",
		[PST_NOT_TO] = "passed not-to",
		[PST_OUTSIDE] = "outside",
		[PST_TRAPPED_SPAMTRAP] = "trapped spamtrap",
		[PST_TRAPPED_DOMAIN] = "trapped domain",
		[PST_TRAPPED_MX] = "trapped low-priority-mx",
		[PST_TRAPPED_EVENT] = "trapped event",
		[PST_DEMOTED] = "demoted",
		[PST_OVER_LIMIT] = "unstored limit grey",
		[PST_EXPIRED] = "expired", [PST_IMPORTED] = "imported",
		[PST_UNSTORED] = "unstored", [PST_FW_LATE] = "firewall late",
		[PST_SPARED] = "spared", [PST_MAIL_GOOD] = "mail good",
		[PST_MAIL_BAD] = "mail bad", [PST_EXTENDED] = "white extended",
		[PST_LEARN_GOOD] = "learned good",
		[PST_LEARN_BAD] = "learned bad",
		[PST_TRAPPED_LEARN] = "trapped learn",
		[PST_UNSAID] = "sync.unsaid",
		[PST_TRACK_UNKNOWN] = "track.unknown",
		[PST_TRACK_EXTENDED] = "track.extended",
		[PST_TRACK_WHITE] = "track.whitened",
		[PST_TRACK_TRAPPED] = "track.trapped",
		[PST_TRACK_DEMOTED] = "track.demoted",
		[PST_TRACK_LISTED] = "track.blacklisted",
		[PST_TRACK_LOST] = "track.unstored"
	};
	struct db_stats	ds;
	struct db_lost	lost;
	size_t		i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		stat(types[i].name, p->entries[types[i].type], arg);
	policy_list_stats(p, stat, arg);
	for (i = 0; i < PST_MAX; i++)
		stat(names[i], p->stat[i], arg);
	stat("mail hosts", (int64_t)mails_hosts(p->mails), arg);
	stat("clock out of range", p->clock_bad, arg);
	db_stats(p->db, &ds);
	stat("database up", db_is_up(p->db), arg);
	stat("database commits", (int64_t)ds.commits, arg);
	stat("database writes", (int64_t)ds.puts, arg);
	stat("database deletes", (int64_t)ds.dels, arg);
	stat("database reopens", (int64_t)ds.reopens, arg);
	stat("database checkpoints", (int64_t)ds.checkpoints, arg);
	stat("database malformed", (int64_t)ds.bad, arg);
	stat("database lost commits", db_lost(p->db, &lost) ?
	    (int64_t)lost.commits : 0, arg);
	stat("database log bytes", (int64_t)ds.log_bytes, arg);
	if (p->sink.stats != NULL)
		p->sink.stats(stat, arg, p->arg);
}
