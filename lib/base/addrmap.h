/*
 * A table from addresses to records of one size.  Open addressing with linear
 * probing, siphash under a key of the table's own, so that nobody can aim at
 * one slot; deletion moves the records that follow back, so that there are no
 * tombstones, and a table that empties shrinks.
 *
 * A record begins with its struct addr; one that `occupied' denies is free (a
 * record of zeros must be free).  The table owns the records; a pointer to one
 * is valid until the next put or remove.
 */
#ifndef ADDRMAP_H
#define ADDRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

struct addrmap {
	uint8_t		*slots;
	size_t		 stride;	/* size of a record */
	size_t		 size;		/* slots, a power of two */
	size_t		 used;
	int		(*occupied)(const void *record);
	uint8_t		 hashkey[16];
};

/* 0, or -1 without memory.  The stride is the size of a record. */
int	 addrmap_init(struct addrmap *, size_t stride,
	    int (*occupied)(const void *));
void	 addrmap_free(struct addrmap *);
/* Frees all records; the memory of the slots stays. */
void	 addrmap_clear(struct addrmap *);
/* The key's record, or NULL. */
void	*addrmap_get(const struct addrmap *, const struct addr *);
/*
 * A place for the key: its record, or a free one that has the key set and
 * counts as used; the caller makes it occupied at once.  NULL: no memory.
 */
void	*addrmap_put(struct addrmap *, const struct addr *);
/* The record is one that get or put returned; it is zeroed or moved over. */
void	 addrmap_remove(struct addrmap *, void *record);

#endif
