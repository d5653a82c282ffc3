/*
 * Hashes of entries, for the comparison of two databases.  The hashes of a
 * key are equal on two machines when everything that merges (merge.h) is
 * equal, whatever hash key and slots each database uses.  Nothing is written
 * here.
 */
#include <string.h>

#include "lib/sync/mergeio.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

/* The first byte of what is hashed, so that two kinds never get one hash. */
enum { OF_ID, OF_LIVE, OF_TOMB, OF_ALONE };

#define ID_MAX	(2 + 16 + 3 * MAILADDR_KEY_MAX)	/* kind, type, net, strings */

/*
 * Puts a string with its NUL, cut so that three of them fit into ID_MAX.
 * Returns the bytes used.
 */
static size_t
put_hash_string(uint8_t *dst, const char *s)
{
	size_t	n = strnlen(s, MAILADDR_KEY_MAX - 1);

	memcpy(dst, s, n);
	dst[n] = '\0';
	return (n + 1);
}

/*
 * Hashes what makes the key, normalised and cut: the hash in the database is
 * different on each machine.
 */
static uint64_t
key_id(const struct policy *p, const struct entry *e, const uint8_t *seed)
{
	static struct tuple	t;
	struct entry		key = *e;
	uint8_t			buf[ID_MAX];
	size_t			n = 2;

	buf[0] = OF_ID;
	buf[1] = (uint8_t)e->type;
	if (e->type == ENTRY_SPAMTRAP)
		n += put_hash_string(buf + n, e->rcpt);
	else {
		if (e->type == ENTRY_GREY)
			tuple_key(p, &key, &t);
		memcpy(buf + n, key.net.b, sizeof(key.net.b));
		n += sizeof(key.net.b);
	}
	if (e->type == ENTRY_GREY) {
		n += put_hash_string(buf + n, t.from);
		n += put_hash_string(buf + n, t.to);
		if (p->conf->grey.match_helo)
			n += put_hash_string(buf + n, e->helo);
	}
	return (siphash24(seed, buf, n));
}

/*
 * Hashes a state.  what keeps the kinds apart.  Returns 0 when the state
 * cannot be encoded.
 */
static uint64_t
state_sum(const struct merge_state *s, uint64_t id, int what,
    const uint8_t *seed)
{
	uint8_t	buf[1 + sizeof(id) + MERGEIO_MAX];
	size_t	n;

	buf[0] = (uint8_t)what;
	memcpy(buf + 1, &id, sizeof(id));
	if ((n = merge_put(buf + 1 + sizeof(id), MERGEIO_MAX, s)) == 0)
		return (0);
	return (siphash24(seed, buf, 1 + sizeof(id) + n));
}

/* The deletion alone; what was said about the entry before is past. */
static struct merge_state
tombstone_only(const struct merge_state *s)
{
	struct merge_state	b;

	memset(&b, 0, sizeof(b));
	entry_init(&b.e, s->e.type);
	b.gone = s->gone;
	b.keep = s->keep;
	return (b);
}

int
policy_digest(const struct policy *p, const struct entry *e,
    const uint8_t seed[16], int64_t asof, struct policy_digest *d)
{
	struct merge_state	s, b;
	struct entry		of = *e;

	memset(d, 0, sizeof(*d));
	d->tomb = e->type == ENTRY_GONE;
	of.type = d->tomb ? e->of : e->type;
	if (!merge_syncs(of.type))
		return (0);
	merge_from(&s, d->tomb ? NULL : e, d->tomb ? e : NULL);
	b = s;
	merge_states(&s, &b, asof);
	if (s.gone == 0 && s.e.last == 0)
		return (0);
	d->id = key_id(p, &of, seed);
	if (!d->tomb) {
		d->sum = state_sum(&s, d->id, OF_LIVE, seed);
		return (d->sum == 0 ? -1 : 1);
	}
	b = tombstone_only(&s);
	d->sum = state_sum(&b, d->id, OF_TOMB, seed);
	d->alone = state_sum(s.e.last == 0 ? &b : &s, d->id, OF_ALONE, seed);
	return (d->alone != 0);	/* 0: it could not have been sent */
}
