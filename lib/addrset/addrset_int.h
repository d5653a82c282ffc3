/*
 * The image of addrset.h; for this room only.  A head, n lists, then their
 * arrays, each at a multiple of 8 from the beginning.
 */
#ifndef ADDRSET_INT_H
#define ADDRSET_INT_H

#include <stdint.h>

#include "lib/base/addr.h"

#define ADDRSET_MAGIC	UINT64_C(0x5350474c49535431)	/* "SPGLIST1" */

struct range4 {			/* host order, both ends inside */
	uint32_t	lo, hi;
};

struct range6 {
	struct addr	lo, hi;
};

struct addrset_head {
	uint64_t	magic;
	uint64_t	size;		/* of the image */
	uint64_t	n;		/* lists */
};

struct addrset_list {
	uint64_t	off4, n4;
	uint64_t	off6, n6;
};

static inline uint32_t
addrset_v4(const struct addr *a)
{
	return ((uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 |
	    (uint32_t)a->b[14] << 8 | a->b[15]);
}

static inline void
addrset_from_v4(uint32_t v, struct addr *a)
{
	*a = (struct addr){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
	    (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
	    (uint8_t)v } };
}

#endif
