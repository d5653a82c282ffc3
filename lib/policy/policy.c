/*
 * The core of the policy: host states as they are on disk, what changed in
 * the open transaction, and the counters that are kept beside the database.
 *
 * A host has up to two entries, WHITE and TRAPPED; TRAPPED overrules WHITE
 * while it lasts.  Both are compared with the clock whenever they are read,
 * so an entry that has expired counts for nothing even before an expiry run
 * deletes it.  What the run adds is that the fronts and the firewall are
 * told.
 *
 * Two kinds of things are kept beside the database and must follow its
 * transactions: counters (changed at once, and changed back by an abort:
 * struct tally) and changes of hosts (told through the sink after the commit,
 * and forgotten by an abort).
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
	buf_free(&p->for_peers);
	free(p);
}

/*
 * Changes the counters for an entry: by type, and for GREY entries by network
 * and host too.
 */
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

/*
 * Counts, and notes the change while a transaction is open.  Without memory
 * for the note the transaction cannot be committed any more (lost).
 */
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

/*
 * The transaction is gone: counters are changed back, and nobody is told
 * anything.
 */
static void
undo_transaction(struct policy *p)
{
	/* Backwards, so that no counter goes below zero on the way. */
	while (p->ntally > 0) {
		p->ntally--;
		count_now(p, p->tally[p->ntally].type,
		    &p->tally[p->ntally].addr, -p->tally[p->ntally].delta);
	}
	p->nchange = 0;
	p->lost = 0;
	buf_drain(&p->for_peers, buf_len(&p->for_peers));
}

/* The number of entries of all types. */
uint64_t
policy_entries(const struct policy *p)
{
	uint64_t	n = 0;
	size_t		i;

	for (i = 0; i < sizeof(p->entries) / sizeof(p->entries[0]); i++)
		n += (uint64_t)p->entries[i];
	return (n);
}

/*
 * Makes the transaction durable, then tells the sink what changed, in the
 * order of the changes.
 */
enum db_result
policy_commit(struct policy *p)
{
	enum db_result	rc;
	size_t		i;
	int64_t		now;

	/* A change that cannot be told would leave a copy wrong for good. */
	if (p->lost) {
		policy_abort(p);
		return (DB_DOWN);
	}
	db_counted(p->db, policy_entries(p));
	if ((rc = db_commit(p->db)) != DB_OK) {
		undo_transaction(p);
		return (rc);
	}
	/* The clock rule compares the clock with the newest time on disk. */
	if ((now = policy_asof(p)) > p->newest)
		p->newest = now;
	p->ntally = 0;
	for (i = 0; i < p->nchange; i++)
		if (p->sink.host != NULL)
			p->sink.host(&p->change[i], p->change_table[i],
			    p->arg);
	p->nchange = 0;
	policy_tell_peers(p);
	return (DB_OK);
}

void
policy_abort(struct policy *p)
{
	db_abort(p->db);
	undo_transaction(p);
}

/*
 * The host of an address: the address cut to `admit'.  Hosts become WHITE or
 * TRAPPED, not addresses.
 */
void
policy_host(const struct policy *p, const struct addr *addr,
    struct addr *host)
{
	addr_cut(addr, &p->conf->grey.admit, host);
}

/* Makes the key of a host's entry of this type. */
void
host_entry_key(enum entry_type type, const struct addr *host, struct entry *e)
{
	entry_init(e, type);
	e->net = *host;
}

/*
 * An expiry as in struct host: the time when it ends, 0 when that is past,
 * HOST_FOREVER when it never ends.
 */
static int64_t
in_force_until(int64_t expire, int64_t asof)
{
	if (expire == 0)
		return (HOST_FOREVER);
	return (expire > asof ? expire : 0);
}

/*
 * Reads WHITE and TRAPPED of a host.  A malformed entry counts as absent.  A
 * type of which there is no entry at all is not looked up.
 */
enum db_result
policy_host_times(struct policy *p, const struct addr *host, struct host *h)
{
	struct entry	key, e;
	enum db_result	rc;
	int64_t		asof = policy_asof(p);

	memset(h, 0, sizeof(*h));
	h->key = *host;
	host_entry_key(ENTRY_WHITE, host, &key);
	rc = p->entries[ENTRY_WHITE] == 0 ? DB_NONE : db_get(p->db, &key, &e);
	if (rc == DB_OK)
		h->white = in_force_until(e.expire, asof);
	else if (rc != DB_NONE && rc != DB_BAD)
		return (rc);
	host_entry_key(ENTRY_TRAPPED, host, &key);
	rc = p->entries[ENTRY_TRAPPED] == 0 ? DB_NONE : db_get(p->db, &key, &e);
	if (rc == DB_OK) {
		h->trapped = in_force_until(e.expire, asof);
		if (h->trapped != 0)
			h->reason = e.reason < TRAP_MAX ? e.reason : TRAP_NONE;
	} else if (rc != DB_NONE && rc != DB_BAD)
		return (rc);
	return (DB_OK);
}

/*
 * Reads everything that decides about an address: lists, host state,
 * demotion.
 */
enum db_result
policy_state(struct policy *p, const struct addr *addr, struct host_state *s)
{
	struct entry	key, e;
	enum db_result	rc;

	policy_host(p, addr, &s->host);
	s->lists = addrset_lookup(p->conf->set, addr);
	s->whitelisted = (s->lists & p->white_lists) != 0;
	s->blacklisted = !s->whitelisted &&
	    (s->lists & p->black_lists) != 0;
	s->stamp = 0;
	if ((rc = policy_host_times(p, &s->host, &s->h)) != DB_OK)
		return (rc);
	if (p->entries[ENTRY_STAMP] == 0)
		return (DB_OK);
	host_entry_key(ENTRY_STAMP, &s->host, &key);
	if ((rc = db_get(p->db, &key, &e)) == DB_OK)
		s->stamp = e.first;
	return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
}

/*
 * Until when the host belongs into the firewall's table, 0: not.  The table
 * holds WHITE and whitelisted hosts, except those that are TRAPPED or
 * blacklisted; a whitelist overrules both of these.
 */
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
 * Notes a host whose entries were changed.  Called in the middle of the
 * transaction, which sees its own writes: the state as it will be after the
 * commit.
 */
enum db_result
policy_changed(struct policy *p, const struct addr *host,
    const struct addr *full)
{
	struct host	 h, *nh;
	int64_t		*nt;
	enum db_result	 rc;
	size_t		 n;

	if ((rc = policy_host_times(p, host, &h)) != DB_OK)
		return (rc);
	if (p->nchange > 0 &&
	    addr_cmp(&p->change[p->nchange - 1].key, host) == 0)
		p->nchange--;		/* only the last state counts */
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

/*
 * Asserts an entry, writes it, and queues it for other machines.  Types that
 * stay local (merge.h) are only written.
 */
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
	policy_queue_for_peers(p, &w);
	return (DB_OK);
}

/* Writes an entry and counts it. */
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
		/* Another host of the network used it, and now owns it. */
		policy_count(p, e->type, old, -1);
		policy_count(p, e->type, &e->addr, 1);
	}
	return (DB_OK);
}

/* Deletes an entry without a trace, and counts it. */
enum db_result
policy_del(struct policy *p, const struct entry *e)
{
	enum db_result	rc;

	if ((rc = db_del(p->db, e)) == DB_OK)
		policy_count(p, e->type, &e->addr, -1);
	return (rc);
}

/*
 * Turns an "until" as people give it into an expiry as it is stored: 0 means
 * dflt, HOST_FOREVER becomes 0, which is never.
 */
int64_t
expiry_from_until(int64_t until, int64_t dflt)
{
	if (until == 0)
		return (dflt);
	return (until >= ENTRY_TIME_MAX ? 0 : until);
}

/* Returns the later of two expiries; 0 is never, and later than all. */
int64_t
later_expiry(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return (0);
	return (a > b ? a : b);
}

/* For policy_stream: an error inside of the walk comes out by rc. */
struct stream {
	struct policy	*p;
	enum db_result	 rc;
};

/*
 * Tells the sink one host.  A host with both entries is met twice in the
 * walk, TRAPPED first, and told twice; the second time changes nothing.
 */
static int
stream_one(const struct entry *e, void *arg)
{
	struct stream	*s = arg;
	struct host	 h;
	struct addr	 host = e->net, full = e->addr;

	s->rc = policy_host_times(s->p, &host, &h);
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
	rc = policy_host_times(p, &host, h);
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
