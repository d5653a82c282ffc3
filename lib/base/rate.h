/*
 * How often: two tables of fixed size, for keys that strangers choose.  Pure:
 * the clock (milliseconds, monotonic) is an argument.
 *
 *	struct rate	events of each key within a window that slides
 *	struct tokens	token buckets: n in a time, at once or spread over it
 *
 * A key is some octets (an address, a string); only its siphash, under a key
 * of the table's own, is kept.  When a place is needed, the key goes that was
 * least active (of the eight that share its set), so that a flood of new keys
 * does not make the table forget a busy one.  A table owns its memory, all of
 * which is allocated by new and freed by free.
 */
#ifndef RATE_H
#define RATE_H

#include <stddef.h>
#include <stdint.h>

struct rate;

/* keys: a power of two at least 8, else the next one.  NULL: no memory. */
struct rate *rate_new(size_t keys);
void	 rate_free(struct rate *);		/* NULL is fine */
/*
 * The key's events in the last `window' ms, with n more now; n 0 only looks.
 * The window is sixteen parts and the one that runs out, which counts in
 * proportion to what is left of it.  A key that comes with another window than
 * before begins again.
 */
uint32_t rate_add(struct rate *, const void *key, size_t len, int64_t window,
	    int64_t now, uint32_t n);

struct tokens;

struct tokens *tokens_new(size_t keys);
void	 tokens_free(struct tokens *);
/*
 * n tokens of a bucket that holds `rate' and fills in `per' ms.  0: taken; else
 * the ms until there are so many, and nothing is taken.  n above rate never
 * fits, and is taken as rate.
 */
int64_t	 tokens_take(struct tokens *, const void *key, size_t len,
	    uint32_t rate, int64_t per, int64_t now, uint32_t n);
/* The same answer, and nothing is taken in any case. */
int64_t	 tokens_wait(const struct tokens *, const void *key, size_t len,
	    uint32_t rate, int64_t per, int64_t now, uint32_t n);

#endif
