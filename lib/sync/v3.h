/*
 * Our own sync datagrams, version 3: IPv4 and IPv6, all kinds of entries that
 * merge (merge.h), deletions too, several in a datagram.  Pure but for the
 * MAC.
 *
 *	version[1]=3 zero[1] length[2] id[8] epoch[8] counter[8] time[8]
 *	hmac[32], then states as in mergeio.h
 * Integers big-endian.  The HMAC-SHA256 is over all of it with itself zero, and
 * there is no version 3 without a key.  id: the sender's database, so that a
 * host ignores its own datagrams.  epoch: grows with each start of the sender.
 * counter: from 1 in each epoch.  time: the sender's clock.
 *
 * A datagram is at most SYNC3_MAX octets, which no path has to split; an entry
 * whose strings are longer than that goes in one of its own of at most
 * SYNC3_BIG, which IP carries in pieces.
 *
 * Replay: of each sender a window of the last SYNC3_WINDOW counters is kept; what
 * came before, or is older than the window, or of an earlier epoch, is refused.
 * A receiver that has just started knows no windows; what can be replayed to it
 * then is bounded by the time, and merging it again changes nothing.
 */
#ifndef SYNC3_H
#define SYNC3_H

#include <stddef.h>
#include <stdint.h>

#include "lib/sync/mergeio.h"
#include "lib/sync/key.h"

#define SYNC3_MAX	1400
#define SYNC3_HDR	68
#define SYNC3_BIG	(SYNC3_HDR + MERGEIO_MAX)
#define SYNC3_SKEW	MERGE_AHEAD
#define SYNC3_WINDOW	1024

struct sync3_hdr {
	uint64_t	id, epoch, counter;
	int64_t		time;
};

/* A datagram being made. */
struct sync3_out {
	uint8_t		b[SYNC3_BIG];
	size_t		len;		/* 0: nothing in it */
};

void	 sync3_begin(struct sync3_out *);
/* 1: it is in; 0: the datagram is full, seal and send it and try again; -1:
 * never, such a state cannot be sent. */
int	 sync3_add(struct sync3_out *, const struct merge_state *);
/* Its length; 0: no key, or libcrypto failed. */
size_t	 sync3_seal(struct sync3_out *, const struct sync3_hdr *,
	    const struct sync_key *);

/*
 * Was it made with our key, and is every item of it valid?  NULL, or
 * what is wrong.  sync3_next then gives its items: pos begins at SYNC3_HDR;
 * strbuf as for merge_get.  0: no more.
 */
const char *sync3_open(const uint8_t *, size_t len, const struct sync_key *,
	    int64_t now, struct sync3_hdr *);
int	 sync3_next(const uint8_t *, size_t len, size_t *pos,
	    struct merge_state *, char *strbuf);

/* What was heard of one sender; a zeroed one: nothing. */
struct sync3_window {
	uint64_t	id, epoch, top;
	uint64_t	seen[SYNC3_WINDOW / 64];
};
/* 1: new, and noted; 0: a replay, or too late. */
int	 sync3_window(struct sync3_window *, const struct sync3_hdr *);

#endif
