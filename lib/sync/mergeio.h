/*
 * A state of merge.h as octets: what a sync of version 3 carries of an entry,
 * live and in bulk.  Pure functions.  Octets that are read are checked as if a
 * stranger had written them: lengths, kinds, times within 40 bits, no control
 * character in a string, nothing left over.  Equal states have equal octets.
 *
 *	kind[1] len[2] flags[1] addr[4|16, not SPAMTRAP]
 *	with flag TIMES	last[5] first[5] pass[5] expire[5] block[4] passed[4]
 *	with flag GEN	gen[5]
 *	with flag GONE	gone[5] keep[5]
 *	TRAPPED		reason[1]
 *	GREY		helo from to;  SPAMTRAP	address comment;  others comment
 *
 * Integers are big-endian; a string is length[2] and its octets; len counts
 * what comes behind it.  net and hash are not part of it: each database makes
 * its own.
 */
#ifndef MERGEIO_H
#define MERGEIO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/sync/merge.h"

#define MERGEIO_MAX	(128 + 3 * (2 + MAILADDR_KEY_MAX))

/* How many octets it took; 0: it does not fit into size, or is not a state that
 * can be sent (a control character in a string, a string that is too long). */
size_t	 merge_put(uint8_t *dst, size_t size, const struct merge_state *);
/*
 * How many octets were used of len; 0: malformed.  strbuf (MERGEIO_MAX octets)
 * receives the strings, which the state borrows.
 */
size_t	 merge_get(const uint8_t *, size_t len, struct merge_state *,
	    char *strbuf);
/* Is there nothing below space, and no DEL, in it? */
int	 merge_clean(const char *);

#endif
