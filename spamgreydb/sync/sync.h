/*
 * The room sync of spamgreydb: the bulk sync of two databases.  For its files
 * only.
 *
 *	local.c		our database, through conn.c: the index, states of some
 *			ids, merging; both sides use it
 *	link.c		ssh and frames
 *	server.c	the side that answers
 *	compare.c	the side that drives: which ids differ
 *	commands/sync.c	host after host: exchange, report
 *
 * Each key of the database has an id, a hash; each record a sum
 * (policy_digest).  The side that drives compares sums of ranges of ids, then
 * ids, and then exchanges the states of those that differ; the merging side
 * decides what is newer (lib/sync).
 *
 * Several headers: bulk.h (the frames) and bulkset.h (the index) are pure
 * functions, which are tested and fuzzed without the rest.
 */
#ifndef SPAMGREYDB_SYNC_H
#define SPAMGREYDB_SYNC_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "spamgreydb/sync/bulk.h"
#include "spamgreydb/sync/bulkset.h"
#include "spamgreydb/spamgreydb.h"

/* Our database, and the index of it as it was last made. */
struct sync_local {
	struct config	*conf;
	struct conn	*conn;		/* NULL: not open */
	struct bulkset	 set;
	uint32_t	 unsaid;	/* entries that cannot be sent */
};
int	 local_open(struct sync_local *);	/* -1: reported, and below */
void	 local_close(struct sync_local *);
/* Makes a new index, of what is valid at that time. */
int	 local_index(struct sync_local *, const uint8_t seed[BULK_SEED],
	    int64_t asof);
/* Adds the states of ids to the frame, as many as fit; *done: of how many. */
int	 local_states(struct sync_local *, const uint64_t *ids, size_t n,
	    struct bulk_put *, size_t *done);
/* Merges encoded states; adds to *d. */
int	 local_merge(struct sync_local *, const uint8_t *, size_t len,
	    struct bulk_done *d);
void	 local_hello(const struct sync_local *, struct bulk_hello *);

/* The other side. */
struct sync_link {
	const char	*host;		/* for messages */
	const char	*rsh;		/* the program that was run */
	pid_t		 pid;		/* 0: none */
	int		 in, out;	/* descriptors */
	struct buf	 buf;
	uint64_t	 received, sent;	/* bytes */
	int		 greeted;	/* a frame has come */
	struct bulk_put	 frame;		/* the next one to be sent */
};
/* Runs "rsh host program sync --server", without a shell on this side. */
int	 link_open(struct sync_link *, const char *rsh, const char *host,
	    const char *program);
/* Uses standard input and output. */
void	 link_stdio(struct sync_link *);
/* Sends l->frame.  -1: errno; not reported. */
int	 link_send(struct sync_link *);
/* Returns 1 and a frame, valid until the next call; 0 at the end of file; -1
 * with errno (EPROTO: malformed); not reported. */
int	 link_next(struct sync_link *, struct bulk_get *);
/* Sends l->frame and waits for an answer of this type.  -1: reported. */
int	 link_ask(struct sync_link *, enum bulk_type, struct bulk_get *);
/* Waits for the answer only. */
int	 link_answer(struct sync_link *, enum bulk_type, struct bulk_get *);
void	 link_close(struct sync_link *);

/* server.c */
int	 sync_server(struct config *);

struct sync_diff {
	/* Gets an id that only we have, only they have, or that differs.
	 * -1 ends the comparison.  It may use the link. */
	int	(*fn)(int ours, int theirs, uint64_t id, void *);
	void	*arg;
};
int	 sync_compare(struct sync_local *, struct sync_link *,
	    const struct bulk_sum *theirs, const struct sync_diff *);

#endif
