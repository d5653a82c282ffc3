/*
 * The entries of one database as a bulk sync compares them: an id and a hash
 * for each key, in the order of the ids, with the key as the database has it.
 * Filled once, then only read; some fifty octets an entry.  A zeroed set is
 * empty; bulkset_clear frees it.
 */
#ifndef BULKSET_H
#define BULKSET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "spamgreydb/sync/bulk.h"

/* What a record says of its key.  A tombstone has two hashes: what it adds to
 * an entry that lives, and what it is alone. */
enum bulk_record { BULK_LIVE, BULK_TOMB, BULK_TOMB_ALONE };

struct bulk_member {
	uint64_t	id, sum;
	uint32_t	key;		/* where in keys */
	uint8_t		record;
};

struct bulkset {
	struct bulk_member	*v;
	size_t			 n, size;
	uint64_t		*before;	/* sums of those before, n + 1 */
	struct buf		 keys;		/* length[2] and octets, each */
};

void	 bulkset_clear(struct bulkset *);
/* -1: no memory, or more than can be counted. */
int	 bulkset_add(struct bulkset *, enum bulk_record, uint64_t id,
	    uint64_t sum, const void *key, size_t keylen);
/* All are there: from here on the rest may be asked.  -1: no memory. */
int	 bulkset_done(struct bulkset *);
/* Where a range begins, and where the next one would. */
void	 bulkset_span(const struct bulkset *, const struct bulk_range *,
	    size_t *from, size_t *to);
void	 bulkset_sum(const struct bulkset *, const struct bulk_range *,
	    struct bulk_sum *);
/* NULL: not found. */
const struct bulk_member *bulkset_find(const struct bulkset *, uint64_t id);
const uint8_t *bulkset_key(const struct bulkset *,
	    const struct bulk_member *, size_t *len);

#endif
