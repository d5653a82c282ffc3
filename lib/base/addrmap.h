/*
 * A table from addresses to records of one size.  Open addressing with
 * linear probing, siphash under a key of its own, so that nobody can aim at
 * one slot; deletion shifts the run that follows back, so that there are no
 * tombstones, and a table that empties shrinks.
 *
 * A record begins with its struct addr; one that `occupied' denies is free
 * (all zero is).  Pointers to records are valid until the next put or remove.
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

/* -1: no memory. */
int	 addrmap_init(struct addrmap *, size_t stride,
	    int (*occupied)(const void *));
void	 addrmap_free(struct addrmap *);
void	 addrmap_clear(struct addrmap *);
/* The key's record, or NULL. */
void	*addrmap_get(const struct addrmap *, const struct addr *);
/*
 * A place for the key: its record, or a free one that has the key set and
 * counts as used; the caller makes it occupied at once.  NULL: no memory.
 */
void	*addrmap_put(struct addrmap *, const struct addr *);
void	 addrmap_remove(struct addrmap *, void *record);
void	 addrmap_each(const struct addrmap *, void (*fn)(const void *, void *),
	    void *arg);

#endif
