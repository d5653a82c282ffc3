/*
 * The table of addrmap.h.  When it is three quarters full it doubles, and when
 * it is an eighth full it halves, so that a flood of addresses gives its
 * memory back.  Between the two there is room enough that a table does not
 * grow and shrink at each step.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrmap.h"
#include "lib/base/siphash.h"

#define ADDRMAP_MIN	64	/* slots; a power of two */

/* The i-th record, free or not. */
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

/*
 * Where the search for a key begins.  The hash key is the table's own, so
 * nobody outside can choose addresses that share a slot.
 */
static size_t
home_slot(const struct addrmap *m, const struct addr *key)
{
	return (siphash24(m->hashkey, key->b, sizeof(key->b)) & (m->size - 1));
}

/* The key's slot, or the free one where it would go. */
static size_t
find_slot(const struct addrmap *m, const struct addr *key)
{
	size_t	i;

	for (i = home_slot(m, key); m->occupied(slot(m, i));
	    i = (i + 1) & (m->size - 1))
		if (addr_cmp(slot(m, i), key) == 0)
			break;
	return (i);
}

/*
 * Moves all records to a table of that many slots.  -1: no memory, and nothing
 * has changed.
 */
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
			memcpy(slot(m, find_slot(m, slot(&old, i))),
			    slot(&old, i), m->stride);
	free(old.slots);
	return (0);
}

void *
addrmap_get(const struct addrmap *m, const struct addr *key)
{
	void	*s = slot(m, find_slot(m, key));

	return (m->occupied(s) ? s : NULL);
}

void *
addrmap_put(struct addrmap *m, const struct addr *key)
{
	void	*s = slot(m, find_slot(m, key));

	if (m->occupied(s))
		return (s);
	if ((m->used + 1) * 4 > m->size * 3) {
		if (resize(m, m->size * 2) == -1)
			return (NULL);
		s = slot(m, find_slot(m, key));
	}
	memcpy(s, key, sizeof(*key));
	m->used++;
	return (s);
}

/*
 * Closes the hole by moving back records of the run behind it, so that no
 * tombstones are needed.  A record may fill the hole only if the hole lies on
 * the way from the record's home slot to where it is now.
 */
void
addrmap_remove(struct addrmap *m, void *record)
{
	size_t	i, h, mask = m->size - 1;
	size_t	hole = (size_t)((uint8_t *)record - m->slots) / m->stride;

	for (i = (hole + 1) & mask; m->occupied(slot(m, i));
	    i = (i + 1) & mask) {
		h = home_slot(m, slot(m, i));
		if (((i - h) & mask) >= ((i - hole) & mask)) {
			memcpy(slot(m, hole), slot(m, i), m->stride);
			hole = i;
		}
	}
	memset(slot(m, hole), 0, m->stride);
	m->used--;
	/* Without memory for a smaller table the larger one stays. */
	if (m->size > ADDRMAP_MIN && m->used * 8 < m->size)
		(void)resize(m, m->size / 2);
}

