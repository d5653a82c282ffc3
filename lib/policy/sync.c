/*
 * The policy and other machines: what this one asserts and deletes is queued
 * and told after the commit; what they tell is merged.  How states merge is
 * in merge.h; this file knows where they stand in the database: a live entry
 * under its own key, a deletion as a tombstone beside it.
 *
 * Strings that db_get returns belong to the database until its next call, and
 * a state is made of two records; so they are copied first.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/smtp/mailaddr.h"
#include "lib/sync/mergeio.h"
#include "lib/policy/policy_int.h"

#define QUEUE_MAX	(4 * 1024 * 1024) /* bytes queued in a transaction */

/*
 * What the database has of one key.  live and tomb are where the records
 * stand, or would stand; their addr is that of the record as it was.
 */
struct known {
	struct merge_state	s;
	int			has_live, has_tomb;
	struct entry		live, tomb;
	struct entry_strings		live_words, tomb_words;
};

/* Copies the strings that the database lent. */
void
policy_own_strings(struct entry *e, struct entry_strings *w)
{
	strlcpy(w->helo, e->helo, sizeof(w->helo));
	strlcpy(w->from, e->from, sizeof(w->from));
	strlcpy(w->to, e->to, sizeof(w->to));
	strlcpy(w->comment, e->comment, sizeof(w->comment));
	strlcpy(w->rcpt, e->rcpt, sizeof(w->rcpt));
	e->helo = w->helo;
	e->from = w->from;
	e->to = w->to;
	e->comment = w->comment;
	e->rcpt = w->rcpt;
}

/*
 * Reads one record of the key of *at, which gets its slot.  *found 1: *e has
 * it, with strings of the database.  t is NULL unless it is a tuple.
 */
static enum db_result
find_record(struct policy *p, struct entry *at, struct tuple *t, int *found,
    struct entry *e)
{
	enum db_result	rc;

	*found = 0;
	if (t != NULL)
		rc = db_get_tuple(p->db, at, tuple_same, t, e);
	else if ((rc = db_get(p->db, at, e)) == DB_BAD)
		rc = DB_NONE;		/* malformed: it is overwritten */
	*found = rc == DB_OK;
	return (rc == DB_NONE ? DB_OK : rc);
}

/* Makes the key of what e is about, from its address and strings. */
static void
key_of(const struct policy *p, const struct entry *e, struct entry *key,
    struct tuple *t)
{
	*key = *e;
	if (e->type == ENTRY_GREY)
		tuple_key(p, key, t);
	else if (e->type != ENTRY_SPAMTRAP)
		policy_host(p, &e->addr, &key->net);
}

/* Reads the tombstone of a key, if there are any at all. */
static enum db_result
find_tombstone(struct policy *p, struct entry *key, struct tuple *t, int *found,
    struct entry *e)
{
	*found = 0;
	key->of = key->type;
	key->type = ENTRY_GONE;
	if (p->entries[ENTRY_GONE] == 0)
		return (DB_OK);
	return (find_record(p, key, t, found, e));
}

/*
 * Reads all that is known of e's key.  The strings of e must not be the
 * database's.
 */
static enum db_result
read_known(struct policy *p, const struct entry *e, struct known *k)
{
	static struct tuple	 t;
	struct tuple		*tp = e->type == ENTRY_GREY ? &t : NULL;
	struct entry		 live, tomb;
	enum db_result		 rc;

	memset(&k->s, 0, sizeof(k->s));
	key_of(p, e, &k->live, &t);
	k->tomb = k->live;
	if ((rc = find_record(p, &k->live, tp, &k->has_live, &live)) != DB_OK)
		return (rc);
	if (k->has_live) {
		policy_own_strings(&live, &k->live_words);
		k->live.addr = live.addr;
	}
	if ((rc = find_tombstone(p, &k->tomb, tp, &k->has_tomb, &tomb)) !=
	    DB_OK)
		return (rc);
	if (k->has_tomb)
		policy_own_strings(&tomb, &k->tomb_words);
	if (k->has_live || k->has_tomb)
		merge_from(&k->s, k->has_live ? &live : NULL,
		    k->has_tomb ? &tomb : NULL);
	else
		entry_init(&k->s.e, e->type);
	return (DB_OK);
}

/* Writes k->s in place of what was there: entry, tombstone, both or none. */
static enum db_result
write_known(struct policy *p, struct known *k)
{
	struct entry	e;
	enum db_result	rc = DB_OK;

	if (merge_live(&k->s, &e)) {
		e.net = k->live.net;
		e.hash = k->live.hash;
		rc = policy_store(p, &e, k->has_live, &k->live.addr);
	} else if (k->has_live)
		rc = policy_del(p, &k->live);
	if (rc != DB_OK)
		return (rc);
	if (merge_tomb(&k->s, &e)) {
		e.net = k->tomb.net;
		e.hash = k->tomb.hash;
		rc = policy_store(p, &e, k->has_tomb, &k->tomb.addr);
	} else if (k->has_tomb)
		rc = policy_del(p, &k->tomb);
	if (rc == DB_OK && (k->s.e.type == ENTRY_WHITE ||
	    k->s.e.type == ENTRY_TRAPPED))
		rc = policy_changed(p, &k->live.net, &k->s.e.addr);
	return (rc);
}

/*
 * A new entry must be later than a deletion of it before, or other machines
 * would take it for deleted.
 */
enum db_result
policy_assert(struct policy *p, struct entry *e, int found)
{
	static struct tuple	t;
	struct entry		key, tomb;
	enum db_result		rc;
	int64_t			gone = 0;
	int			has;

	if (!found && p->entries[ENTRY_GONE] > 0) {
		key_of(p, e, &key, &t);
		if ((rc = find_tombstone(p, &key, e->type == ENTRY_GREY ? &t :
		    NULL, &has, &tomb)) == DB_OK && has)
			gone = tomb.gone;
		else if (rc != DB_OK && rc != DB_BAD)
			return (rc);
	}
	merge_assert(e, !found, gone, 0, clock_wall());
	return (DB_OK);
}

/*
 * Queues a state for other machines.  Past QUEUE_MAX it is only counted; the
 * bulk sync finds what was lost.
 */
static void
queue_state(struct policy *p, const struct merge_state *s)
{
	uint8_t	*dst;
	size_t	 n;

	if (buf_len(&p->for_peers) > QUEUE_MAX ||
	    (dst = buf_reserve(&p->for_peers, MERGEIO_MAX)) == NULL ||
	    (n = merge_put(dst, MERGEIO_MAX, s)) == 0) {
		p->stat[PST_UNSAID]++;
		return;
	}
	buf_grew(&p->for_peers, n);
}

/*
 * Queues what was just written.  Its strings may be the database's own, so
 * they are copied before the lookup of a tombstone.
 */
void
policy_queue_for_peers(struct policy *p, const struct entry *e)
{
	static struct entry_strings	w;
	static struct tuple	t;
	struct merge_state	s;
	struct entry		key, tomb;
	int			has;

	if (p->sink.tell_peers == NULL || p->from_peer || p->conf->sync == NULL)
		return;
	memset(&s, 0, sizeof(s));
	s.e = *e;
	if (p->entries[ENTRY_GONE] > 0) {
		policy_own_strings(&s.e, &w);
		key_of(p, &s.e, &key, &t);
		if (find_tombstone(p, &key, e->type == ENTRY_GREY ? &t : NULL,
		    &has, &tomb) == DB_OK && has) {
			s.gone = tomb.gone;
			s.keep = tomb.expire;
		}
	}
	queue_state(p, &s);
}

/*
 * The states were encoded when they were queued, since their strings did not
 * last.
 */
void
policy_tell_peers(struct policy *p)
{
	static char		strbuf[MERGEIO_MAX];
	struct merge_state	s;
	size_t			n;

	while (buf_len(&p->for_peers) > 0 &&
	    (n = merge_get(buf_ptr(&p->for_peers), buf_len(&p->for_peers), &s,
		 strbuf)) > 0) {
		if (p->sink.tell_peers != NULL)
			p->sink.tell_peers(&s, p->arg);
		buf_drain_keep(&p->for_peers, n);
	}
	buf_drain(&p->for_peers, buf_len(&p->for_peers));
}

/*
 * Makes the key of the tombstone from that of the entry, and the other way
 * round.
 */
static void
switch_key(struct entry *key)
{
	if (key->type == ENTRY_GONE) {
		key->type = key->of;
		key->of = (enum entry_type)0;
	} else {
		key->of = key->type;
		key->type = ENTRY_GONE;
	}
}

/*
 * The record may have been deleted, or come back, since it was listed; then
 * its other record tells.
 */
enum db_result
policy_known(struct policy *p, const struct entry *record,
    struct merge_state *s)
{
	static struct known	k;
	static struct entry_strings	w;
	struct entry		key = *record, e;
	enum db_result		rc;

	/* It may have been deleted, or come back, since it was seen. */
	if ((rc = db_get(p->db, &key, &e)) == DB_NONE &&
	    merge_syncs(key.type == ENTRY_GONE ? key.of : key.type) &&
	    key.type != ENTRY_STAMP) {
		switch_key(&key);
		rc = db_get(p->db, &key, &e);
	}
	if (rc != DB_OK)
		return (rc);
	policy_own_strings(&e, &w);
	if (e.type == ENTRY_GONE)
		e.type = e.of;
	if ((rc = read_known(p, &e, &k)) != DB_OK)
		return (rc);
	/* Merging it with itself drops what has expired and normalises it. */
	*s = k.s;
	merge_states(s, &k.s, policy_asof(p));
	return (s->e.last == 0 && s->gone == 0 ? DB_NONE : DB_OK);
}

/*
 * How long an entry of this type may live at most: a tombstone is kept so
 * long, since another machine may have asserted the entry before the
 * deletion.
 */
static int64_t
longest_life(const struct policy *p, enum entry_type type)
{
	const struct grey_conf	*g = &p->conf->grey;

	if (type == ENTRY_GREY)
		return (g->grey);
	return (g->white > g->trapped ? g->white : g->trapped);
}

/*
 * Deletes an entry and leaves a tombstone.  An entry that has expired, or
 * that still has an old key, is just deleted.
 */
enum db_result
policy_delete_entry(struct policy *p, const struct entry *key)
{
	static struct known	k;
	static struct entry_strings	w;
	struct entry		e;
	enum db_result		rc;
	int64_t			now = clock_wall();

	rc = db_get(p->db, key, &e);
	if (rc == DB_BAD)
		return (policy_del(p, key));
	if (rc != DB_OK)
		return (rc);
	policy_own_strings(&e, &w);
	if ((rc = read_known(p, &e, &k)) != DB_OK)
		return (rc == DB_BAD ? policy_del(p, key) : rc);
	merge_judge(&k.s, policy_asof(p));
	/* It has expired, or policy_rekey has not moved it yet. */
	if (!k.has_live || k.s.e.last == 0 ||
	    addr_cmp(&k.live.net, &e.net) != 0 || k.live.hash != e.hash)
		return (policy_del(p, key));
	merge_delete(&k.s, now, longest_life(p, e.type));
	if ((rc = write_known(p, &k)) != DB_OK)
		return (rc);
	if (p->sink.tell_peers != NULL && !p->from_peer &&
	    p->conf->sync != NULL)
		queue_state(p, &k.s);
	return (DB_OK);
}

/* Merges a state with what is known, and writes the result if it is news. */
static enum db_result
merge_known(struct policy *p, struct known *k, const struct merge_state *in,
    int *news)
{
	struct merge_state	was = k->s;

	if (!k->has_live && !k->has_tomb)
		k->s = *in;
	merge_states(&k->s, in, policy_asof(p));
	if (k->s.e.last == 0 && k->s.gone == 0 && !k->has_live &&
	    !k->has_tomb)
		return (DB_OK);		/* it has expired */
	if (merge_same(&was, &k->s))
		return (DB_OK);
	*news = 1;
	return (write_known(p, k));
}

/* A spamtrap is merged under its normalised address. */
enum db_result
policy_merge(struct policy *p, const struct merge_state *in, int *news)
{
	static struct known	k;
	struct merge_state	e = *in;
	enum db_result		rc;
	char			lower[MAILADDR_KEY_MAX];

	*news = 0;
	if (!merge_syncs(e.e.type))
		return (DB_BAD);
	if (e.e.type == ENTRY_SPAMTRAP) {
		if (mailaddr_rcpt(e.e.rcpt, lower, sizeof(lower)) == -1 ||
		    strchr(lower, '@') == NULL)
			return (DB_BAD);
		e.e.rcpt = lower;
	}
	if ((rc = read_known(p, &e.e, &k)) != DB_OK)
		return (rc);
	return (merge_known(p, &k, &e, news));
}

/*
 * A line of a file is what the administrator wants now if the entry was
 * deleted here before; otherwise it is as old as it says.
 */
enum db_result
policy_merge_line(struct policy *p, const struct entry *line)
{
	static struct known	k;
	struct merge_state	in;
	enum db_result		rc;
	int			news;

	if ((rc = read_known(p, line, &k)) != DB_OK)
		return (rc);
	merge_judge(&k.s, policy_asof(p));
	merge_from(&in, line, NULL);
	if (k.s.e.last > k.s.gone)
		in.e.gen = k.s.e.gen;
	else if (k.s.gone != 0)
		in.e.gen = k.s.gone;
	if (in.e.last <= k.s.gone)
		in.e.last = k.s.gone + 1;
	return (merge_known(p, &k, &in, &news));
}

/* from_peer keeps what follows from being told to other machines again. */
enum db_result
policy_peer_grey(struct policy *p, const struct rcpt_req *from)
{
	struct rcpt_req		req = *from;
	struct rcpt_answer	ans;
	enum db_result		rc;

	req.flags = RCPT_F_AGAIN;
	p->from_peer = 1;
	rc = policy_rcpt(p, &req, &ans, NULL);
	p->from_peer = 0;
	return (rc);
}

/* An entry that is in force is only extended; its reason stays. */
enum db_result
policy_peer_host(struct policy *p, enum entry_type type,
    const struct addr *addr, int64_t expire)
{
	static struct entry_strings	w;
	struct entry	key, e;
	enum db_result	rc;
	int64_t		now = clock_wall(), asof = policy_asof(p);
	int		found;

	if (expire <= asof)
		return (DB_OK);
	host_entry_key(type, addr, &key);
	policy_host(p, addr, &key.net);
	rc = db_get(p->db, &key, &e);
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	found = rc != DB_NONE;
	if (rc != DB_OK || (e.expire != 0 && e.expire <= asof)) {
		key.last = rc == DB_OK ? e.last : 0;
		key.gen = rc == DB_OK ? e.gen : 0;
		e = key;
		e.first = now;
		e.expire = expire;
		e.reason = type == ENTRY_WHITE ? WHITE_SYNC : TRAP_SYNC;
	} else {
		policy_own_strings(&e, &w);
		if (type == ENTRY_WHITE && e.passed < UINT32_MAX)
			e.passed++;
		if (type == ENTRY_TRAPPED && e.block < UINT32_MAX)
			e.block++;
	}
	e.addr = *addr;
	e.pass = now;
	e.expire = later_expiry(e.expire, expire);
	p->from_peer = 1;
	if ((rc = policy_put(p, &e, found, addr)) == DB_OK)
		rc = policy_changed(p, &e.net, addr);
	p->from_peer = 0;
	return (rc);
}
