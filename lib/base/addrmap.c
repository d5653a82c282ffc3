/*
 * The table of addrmap.h.  Three quarters full it doubles, an eighth full it
 * halves, so that a flood of addresses gives its memory back.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrmap.h"
#include "lib/base/siphash.h"

#define ADDRMAP_MIN	64	/* slots */

static void *
slot(const struct addrmap *m, size_t i)
{
	return (m->slots + i * m->stride);
}

int
addrmap_init(struct addrmap *m, size_t stride, int (*occupied)(const void *))
{
	memset(m, 0, sizeof(*m));
	if ((m->slots = calloc(ADDRMAP_MIN, stride)) == NULL)
		return (-1);
	m->stride = stride;
	m->size = ADDRMAP_MIN;
	m->occupied = occupied;
	arc4random_buf(m->hashkey, sizeof(m->hashkey));
	return (0);
}

void
addrmap_free(struct addrmap *m)
{
	free(m->slots);
	m->slots = NULL;
}

void
addrmap_clear(struct addrmap *m)
{
	memset(m->slots, 0, m->size * m->stride);
	m->used = 0;
}

static size_t
home(const struct addrmap *m, const struct addr *key)
{
	return (siphash24(m->hashkey, key->b, sizeof(key->b)) & (m->size - 1));
}

/* The key's slot, or the free one where it would go. */
static size_t
find(const struct addrmap *m, const struct addr *key)
{
	size_t	i;

	for (i = home(m, key); m->occupied(slot(m, i));
	    i = (i + 1) & (m->size - 1))
		if (addr_cmp(slot(m, i), key) == 0)
			break;
	return (i);
}

static int
resize(struct addrmap *m, size_t size)
{
	struct addrmap	 old = *m;
	uint8_t		*new;
	size_t		 i;

	if ((new = calloc(size, m->stride)) == NULL)
		return (-1);
	m->slots = new;
	m->size = size;
	for (i = 0; i < old.size; i++)
		if (m->occupied(slot(&old, i)))
			memcpy(slot(m, find(m, slot(&old, i))), slot(&old, i),
			    m->stride);
	free(old.slots);
	return (0);
}

void *
addrmap_get(const struct addrmap *m, const struct addr *key)
{
	void	*s = slot(m, find(m, key));

	return (m->occupied(s) ? s : NULL);
}

void *
addrmap_put(struct addrmap *m, const struct addr *key)
{
	void	*s = slot(m, find(m, key));

	if (m->occupied(s))
		return (s);
	if ((m->used + 1) * 4 > m->size * 3) {
		if (resize(m, m->size * 2) == -1)
			return (NULL);
		s = slot(m, find(m, key));
	}
	memcpy(s, key, sizeof(*key));
	m->used++;
	return (s);
}

void
addrmap_remove(struct addrmap *m, void *record)
{
	size_t	i, h, mask = m->size - 1;
	size_t	hole = (size_t)((uint8_t *)record - m->slots) / m->stride;

	for (i = (hole + 1) & mask; m->occupied(slot(m, i));
	    i = (i + 1) & mask) {
		h = home(m, slot(m, i));
		/* does the hole lie on i's way from its home? */
		if (((i - h) & mask) >= ((i - hole) & mask)) {
			memcpy(slot(m, hole), slot(m, i), m->stride);
			hole = i;
		}
	}
	memset(slot(m, hole), 0, m->stride);
	m->used--;
	/* too little memory for a smaller one leaves the larger */
	if (m->size > ADDRMAP_MIN && m->used * 8 < m->size)
		(void)resize(m, m->size / 2);
}

void
addrmap_each(const struct addrmap *m, void (*fn)(const void *, void *),
    void *arg)
{
	size_t	i;

	for (i = 0; i < m->size; i++)
		if (m->occupied(slot(m, i)))
			fn(slot(m, i), arg);
}
