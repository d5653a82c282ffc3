/*
 * What an entry is worth when two machines compare their databases: hashes
 * that are equal on both when all that merges is (merge.h), whatever each
 * database's own hash key and slots are.  Nothing is written here.
 */
#include <string.h>

#include "lib/sync/mergeio.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

/* The first octet of what is hashed, so that no two kinds are ever the same. */
enum { OF_ID, OF_LIVE, OF_TOMB, OF_ALONE };

#define ID_MAX	(2 + 16 + 3 * MAILADDR_KEY_MAX)

static size_t
add_str(uint8_t *dst, const char *s)
{
	size_t	n = strnlen(s, MAILADDR_KEY_MAX - 1);

	memcpy(dst, s, n);
	dst[n] = '\0';
	return (n + 1);
}

/* By what is normalised and cut, not by the database's key. */
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
		n += add_str(buf + n, e->rcpt);
	else {
		if (e->type == ENTRY_GREY)
			tuple_key(p, &key, &t);
		memcpy(buf + n, key.net.b, sizeof(key.net.b));
		n += sizeof(key.net.b);
	}
	if (e->type == ENTRY_GREY) {
		n += add_str(buf + n, t.from);
		n += add_str(buf + n, t.to);
		if (p->conf->grey.match_helo)
			n += add_str(buf + n, e->helo);
	}
	return (siphash24(seed, buf, n));
}

/* 0: it cannot be put into octets. */
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

/* A deletion alone: what was said of the entry before it is its past. */
static struct merge_state
bare(const struct merge_state *s)
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
	b = bare(&s);
	d->sum = state_sum(&b, d->id, OF_TOMB, seed);
	d->alone = state_sum(s.e.last == 0 ? &b : &s, d->id, OF_ALONE, seed);
	return (d->alone != 0);	/* else others cannot have had it */
}
