/*
 * Counters by key: open addressing with linear probing.  Deletion shifts the
 * run that follows back, so that there are no tombstones and a table that
 * empties is as fast as a new one.
 */
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "siphash.h"

#define LIMIT_MIN	64	/* slots; always a power of two */

struct slot {
	struct addr	key;
	uint32_t	count;	/* 0: free */
};

struct limit {
	struct slot	*slots;
	size_t		 size;
	size_t		 used;
	uint8_t		 hashkey[16];
};

struct limit *
limit_new(void)
{
	struct limit	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	if ((l->slots = calloc(LIMIT_MIN, sizeof(*l->slots))) == NULL) {
		free(l);
		return (NULL);
	}
	l->size = LIMIT_MIN;
	arc4random_buf(l->hashkey, sizeof(l->hashkey));
	return (l);
}

void
limit_free(struct limit *l)
{
	if (l == NULL)
		return;
	free(l->slots);
	free(l);
}

void
limit_clear(struct limit *l)
{
	memset(l->slots, 0, l->size * sizeof(*l->slots));
	l->used = 0;
}

static size_t
home(const struct limit *l, const struct addr *key)
{
	return (siphash24(l->hashkey, key->b, sizeof(key->b)) & (l->size - 1));
}

/* The key's slot, or the free one where it would go. */
static struct slot *
find(const struct limit *l, const struct addr *key)
{
	size_t	i;

	for (i = home(l, key); l->slots[i].count != 0;
	    i = (i + 1) & (l->size - 1))
		if (addr_cmp(&l->slots[i].key, key) == 0)
			break;
	return (&l->slots[i]);
}

static int
resize(struct limit *l, size_t size)
{
	struct slot	*old = l->slots, *new;
	size_t		 i, oldsize = l->size;

	if ((new = calloc(size, sizeof(*new))) == NULL)
		return (-1);
	l->slots = new;
	l->size = size;
	for (i = 0; i < oldsize; i++)
		if (old[i].count != 0)
			*find(l, &old[i].key) = old[i];
	free(old);
	return (0);
}

uint32_t
limit_get(const struct limit *l, const struct addr *key)
{
	return (find(l, key)->count);
}

uint32_t
limit_inc(struct limit *l, const struct addr *key)
{
	struct slot	*s = find(l, key);

	if (s->count == 0) {
		if ((l->used + 1) * 4 > l->size * 3) {
			if (resize(l, l->size * 2) == -1)
				return (0);
			s = find(l, key);
		}
		s->key = *key;
		l->used++;
	}
	if (s->count < UINT32_MAX)
		s->count++;
	return (s->count);
}

static void
remove_slot(struct limit *l, size_t hole)
{
	size_t	i, h, mask = l->size - 1;

	for (i = (hole + 1) & mask; l->slots[i].count != 0;
	    i = (i + 1) & mask) {
		h = home(l, &l->slots[i].key);
		/* does the hole lie on i's way from its home? */
		if (((i - h) & mask) >= ((i - hole) & mask)) {
			l->slots[hole] = l->slots[i];
			hole = i;
		}
	}
	l->slots[hole].count = 0;
	l->used--;
	if (l->size > LIMIT_MIN && l->used * 8 < l->size)
		(void)resize(l, l->size / 2);
}

uint32_t
limit_dec(struct limit *l, const struct addr *key)
{
	struct slot	*s = find(l, key);

	if (s->count == 0)
		return (0);
	if (--s->count == 0) {
		s->count = 1;	/* occupied until remove_slot is done with it */
		remove_slot(l, (size_t)(s - l->slots));
		return (0);
	}
	return (s->count);
}

size_t
limit_keys(const struct limit *l)
{
	return (l->used);
}
