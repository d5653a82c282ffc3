/*
 * Ids and hashes of a database's entries, sorted, with running sums, so that
 * the sum of any range is a difference; see bulkset.h.  No database, no clock.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/be.h"
#include "spamgreydb/sync/bulkset.h"

void
bulkset_clear(struct bulkset *s)
{
	free(s->v);
	free(s->before);
	buf_free(&s->keys);
	memset(s, 0, sizeof(*s));
}

/*
 * Keys stand one behind the other, each with its length; *at is the place of
 * this one.
 */
static int
add_key(struct bulkset *s, const void *key, size_t len, uint32_t *at)
{
	uint8_t	head[2];

	if (len > UINT16_MAX || buf_len(&s->keys) > UINT32_MAX - 2 - len)
		return (-1);
	be_put16(head, (uint16_t)len);
	*at = (uint32_t)buf_len(&s->keys);
	return (buf_add(&s->keys, head, sizeof(head)) == -1 ||
	    buf_add(&s->keys, key, len) == -1 ? -1 : 0);
}

/* The key is copied. */
int
bulkset_add(struct bulkset *s, enum bulk_record record, uint64_t id,
    uint64_t sum, const void *key, size_t keylen)
{
	struct bulk_member	*m;
	size_t			 size;

	if (s->n == s->size) {
		size = s->size == 0 ? 1024 : s->size + s->size / 2;
		if (size > UINT32_MAX || (m = reallocarray(s->v, size,
		    sizeof(*m))) == NULL)
			return (-1);
		s->v = m;
		s->size = size;
	}
	m = &s->v[s->n];
	m->id = id;
	m->sum = sum;
	m->record = (uint8_t)record;
	if (add_key(s, key, keylen, &m->key) == -1)
		return (-1);
	s->n++;
	return (0);
}

/* By id, and the living record before its tombstones. */
static int
member_cmp(const void *va, const void *vb)
{
	const struct bulk_member	*a = va, *b = vb;

	if (a->id != b->id)
		return (a->id < b->id ? -1 : 1);
	return (a->record - b->record);
}

/*
 * What stands under one id becomes one member: the living record with what a
 * tombstone adds to it, or the tombstone alone, in *to.  Returns the index of
 * the next id.
 */
static size_t
combine(struct bulkset *s, size_t from, struct bulk_member *to)
{
	struct bulk_member	m = s->v[from];
	size_t			i;

	for (i = from + 1; i < s->n && s->v[i].id == m.id; i++) {
		if (m.record == BULK_LIVE) {
			if (s->v[i].record != BULK_TOMB_ALONE)
				m.sum += s->v[i].sum;
		} else if (s->v[i].record == BULK_TOMB_ALONE)
			m.sum = s->v[i].sum;
	}
	*to = m;
	return (i);
}

/* before[i] is the sum of all members before the i-th. */
int
bulkset_done(struct bulkset *s)
{
	size_t	i, n = 0;

	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), member_cmp);
	for (i = 0; i < s->n; n++)
		i = combine(s, i, &s->v[n]);
	s->n = n;
	free(s->before);
	if ((s->before = calloc(s->n + 1, sizeof(*s->before))) == NULL)
		return (-1);
	for (i = 0; i < s->n; i++)
		s->before[i + 1] = s->before[i] + s->v[i].sum;
	return (0);
}

/* The first member whose id is not below this one. */
static size_t
member_from(const struct bulkset *s, uint64_t id)
{
	size_t	from = 0, to = s->n, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (s->v[mid].id < id)
			from = mid + 1;
		else
			to = mid;
	}
	return (from);
}

/* The last id of all has no successor. */
void
bulkset_span(const struct bulkset *s, const struct bulk_range *r, size_t *from,
    size_t *to)
{
	uint64_t	last = bulk_last(r);

	*from = member_from(s, bulk_first(r));
	*to = last == UINT64_MAX ? s->n : member_from(s, last + 1);
}

void
bulkset_sum(const struct bulkset *s, const struct bulk_range *r,
    struct bulk_sum *sum)
{
	size_t	from, to;

	bulkset_span(s, r, &from, &to);
	sum->count = (uint32_t)(to - from);
	sum->sum = s->before == NULL ? 0 : s->before[to] - s->before[from];
}

/* By binary search; ids are unique after bulkset_done. */
const struct bulk_member *
bulkset_find(const struct bulkset *s, uint64_t id)
{
	size_t	i = member_from(s, id);

	return (i < s->n && s->v[i].id == id ? &s->v[i] : NULL);
}

const uint8_t *
bulkset_key(const struct bulkset *s, const struct bulk_member *m, size_t *len)
{
	const uint8_t	*p = buf_ptr(&s->keys) + m->key;

	*len = be_get16(p);
	return (p + 2);
}
