/*
 * The room lib/sync: merging what several machines know, and the datagrams of
 * live sync.  store runs it, and spamgreydb for a bulk sync and for imports.
 * It may use lib/base, lib/db and libcrypto.  In the order to read:
 *
 *	merge		what two machines know of the same entry (this file)
 *	mergeio		a state as octets
 *	key		keys and MACs
 *	v2		datagrams of OpenBSD's spamd
 *	v3		our datagrams, replays
 *
 * Several headers: imports and a change of keys merge without any datagram, and
 * a bulk sync needs states but no keys.
 *
 * What two machines know of the same thing, merged so that any order and any
 * repetition of exchanges ends the same on all: merge_states is commutative,
 * associative and idempotent.  Pure functions; live sync and bulk sync both
 * use them, and so does an import and a change of the keys.
 *
 * A state is of one key: a tuple, or a host's WHITE, TRAPPED or STAMP, or a
 * SPAMTRAP.  It has three parts, each of which only ever grows:
 *	the deletion	`gone', when it was last deleted, and `keep', until when
 *			that is remembered: the later of each
 *	the assertion	e.last, and what was said then (the full address, a
 *			tuple's strings as written, the reason, the comment):
 *			the later one, and of two at the same second the
 *			one whose octets are greater
 *	the times	e.gen, and of the same generation: first the earliest,
 *			expire the latest, a tuple's pass the earliest, other
 *			passes the latest, counters the greatest.  A later
 *			generation stands over all of an earlier one.
 * It lives when its last assertion is after its last deletion; a tie is dead.
 * A dead one keeps its parts, or a third machine that deletes nothing but
 * asserts could make the order count.
 *
 * last: each writing of an entry by its own machine (a RCPT of the tuple, a
 * promotion, good mail that extends, a trap, an edit) asserts it now; a clock
 * that is behind what is known asserts one second after it (merge_now).
 * The printed times cannot be used: `pass' of a tuple or of WHITE is when it
 * passed.
 *
 * gen: an entry that begins again (after a deletion, or a tuple of a host that
 * was demoted) has the time of that deletion as its generation, so that
 * earlier values of `first' and `expire' do not come back by a merge.
 *
 * What leaves a tombstone: a deletion by hand, also of WHITE by a demotion.
 * Expiry leaves none: each machine's clock ends the entry there, and an expired
 * entry counts as absent, so that no merge brings it back.  A trap that is
 * removed because the configuration changed leaves none either: that is this
 * machine's configuration, and others may keep theirs.  A STAMP (tuples from
 * before the demotion begin again) is never deleted; it is merged with all of
 * its times the latest, beside the tombstone of its WHITE.
 *
 * Why a host is WHITE stays with the machine that made it so and is no part of
 * the state: a machine that learns of it from another notes that.
 *
 * REPUTE and VISIT stay local.  REPUTE's counts halve with time and are sums:
 * the greatest of two would lose messages, their sum would count them twice at
 * the next exchange.  A VISIT is written at nearly each connection, and is for
 * the low-priority listener of the machine that sees the primary's.
 */
#ifndef MERGE_H
#define MERGE_H

#include <stdint.h>

#include "lib/db/entry.h"

#define MERGE_AHEAD	300	/* s: as far ahead as a peer's clock may be */

/* e.type is the kind's (never GONE); e.last 0: no times are known. */
struct merge_state {
	struct entry	e;
	int64_t		gone;	/* 0: never deleted */
	int64_t		keep;
};

/* Is it a type of entry that is merged with those of other machines? */
int	 merge_syncs(enum entry_type);
/*
 * A state from what the database has of the key; either may be NULL, not both.
 * The state borrows the strings of the entry it took them from.
 */
void	 merge_from(struct merge_state *, const struct entry *live,
	    const struct entry *tomb);
/*
 * *a becomes the merge of both, as of now: what has expired by now counts as
 * not there.  Both are of the same key; net and hash stay a's.  The strings
 * of *a are then those of either.
 */
void	 merge_states(struct merge_state *a, const struct merge_state *b,
	    int64_t now);
/* The same without a second one: only takes away what has expired. */
void	 merge_judge(struct merge_state *, int64_t now);

/* What the database should hold: 1 and *live or *tomb; 0: no such record, delete
 * it.  The strings stay borrowed. */
int	 merge_live(const struct merge_state *, struct entry *live);
int	 merge_tomb(const struct merge_state *, struct entry *tomb);
/* Equal in all that merges (net and hash do not). */
int	 merge_same(const struct merge_state *, const struct merge_state *);

/*
 * For a local change.  assert: e is about to be written with the fields it
 * has; sets last and, when it begins again (fresh), gen.  gone: of its
 * tombstone, 0 none; since: a demotion that makes a tuple begin again, 0.
 * delete: the state's key is deleted now; life: the longest that an entry of
 * its kind lives by the configuration.
 */
void	 merge_assert(struct entry *e, int fresh, int64_t gone, int64_t since,
	    int64_t now);
void	 merge_delete(struct merge_state *, int64_t now, int64_t life);

/*
 * Is what a peer sent possible?  NULL, or why not: of a kind that is not
 * merged, times more than MERGE_AHEAD in the future, a tuple that never
 * expires, a keep without end.
 */
const char *merge_refuse(const struct merge_state *, int64_t now);

#endif
