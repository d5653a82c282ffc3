/*
 * Counters by key: how many of something each host or network has now.
 * An entry that falls to zero is gone.  16-byte keys (struct addr), siphash
 * with a key of the process' own, so that nobody can aim at one bucket.
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
