/*
 * Counters by key; see limit.h.  A record whose count is zero is a free place.
 */
#include <stdlib.h>

#include "lib/base/addrmap.h"
#include "lib/base/limit.h"

struct counter {
	struct addr	key;
	uint32_t	count;	/* 0: free */
};

struct limit {
	struct addrmap	map;
};

/* The table keeps no flag of its own, see addrmap.h. */
static int
counter_occupied(const void *record)
{
	const struct counter	*c = record;

	return (c->count != 0);
}

struct limit *
limit_new(void)
{
	struct limit	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	if (addrmap_init(&l->map, sizeof(struct counter),
	    counter_occupied) == -1) {
		free(l);
		return (NULL);
	}
	return (l);
}

void
limit_free(struct limit *l)
{
	if (l == NULL)
		return;
	addrmap_free(&l->map);
	free(l);
}

void
limit_clear(struct limit *l)
{
	addrmap_clear(&l->map);
}

/* A key that is not there has 0. */
uint32_t
limit_get(const struct limit *l, const struct addr *key)
{
	const struct counter	*c = addrmap_get(&l->map, key);

	return (c == NULL ? 0 : c->count);
}

/*
 * Without memory the answer is 0, which no successful call returns, so the
 * caller can refuse instead of letting an uncounted connection in.
 */
uint32_t
limit_inc(struct limit *l, const struct addr *key)
{
	struct counter	*c;

	if ((c = addrmap_put(&l->map, key)) == NULL)
		return (0);
	if (c->count < UINT32_MAX)
		c->count++;
	return (c->count);
}

/* The record goes with its last count, and the table shrinks. */
uint32_t
limit_dec(struct limit *l, const struct addr *key)
{
	struct counter	*c = addrmap_get(&l->map, key);

	if (c == NULL)
		return (0);
	if (c->count > 1)
		return (--c->count);
	addrmap_remove(&l->map, c);
	return (0);
}

size_t
limit_keys(const struct limit *l)
{
	return (l->map.used);
}
