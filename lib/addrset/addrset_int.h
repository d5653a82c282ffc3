/*
 * The image of addrset.h, for addrset.c and build.c only: a head, then
 * a table of n lists, then their arrays, each at a multiple of 8 from the
 * beginning.
 */
#ifndef ADDRSET_INT_H
#define ADDRSET_INT_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/be.h"

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

struct addrset_list {		/* offsets from the beginning, and ranges */
	uint64_t	off4, n4;
	uint64_t	off6, n6;
};

static inline uint32_t
addrset_v4(const struct addr *a)
{
	return (be_get32(a->b + ADDR4_AT));
}

static inline void
addrset_from_v4(uint32_t v, struct addr *a)
{
	uint8_t	ip4[ADDR4_LEN];

	be_put32(ip4, v);
	addr_set4(a, ip4);
}

#endif
