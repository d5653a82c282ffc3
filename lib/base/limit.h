/*
 * Counters by key: how many of something each host or network has now, for
 * limits per host and per network.  An entry that falls to zero is removed.
 * The table is one of addrmap.h, so nobody can aim at one bucket.  NULL from
 * limit_new: no memory.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

struct limit;

struct limit *limit_new(void);
void	 limit_free(struct limit *);
void	 limit_clear(struct limit *);
uint32_t limit_get(const struct limit *, const struct addr *);
/* The count after adding one; 0: no memory (the caller treats as over). */
uint32_t limit_inc(struct limit *, const struct addr *);
/* The count that remains.  Below zero does not exist. */
uint32_t limit_dec(struct limit *, const struct addr *);
size_t	 limit_keys(const struct limit *);

#endif
