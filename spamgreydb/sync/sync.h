/*
 * Inside of bulk sync (this room and commands/sync.c) only.
 *
 *	local.c		our database, through conn.c: what there is, states of
 *			some ids, merging; both sides use it
 *	link.c		ssh and frames
 *	server.c	the side that answers
 *	compare.c	the side that drives: which ids differ
 *	commands/sync.c	the hosts one after another, exchange, report
 */
#ifndef SPAMGREYDB_SYNC_H
#define SPAMGREYDB_SYNC_H

#include <sys/types.h>

#include "lib/base/buf.h"
#include "spamgreydb/sync/bulk.h"
#include "spamgreydb/sync/bulkset.h"
#include "spamgreydb/spamgreydb.h"

/* local.c */
struct sync_local {
	struct config	*conf;
	struct conn	*conn;		/* NULL: not open */
	struct bulkset	 set;
	uint32_t	 unsaid;	/* entries that cannot be said to others */
};
int	 local_open(struct sync_local *);		/* -1: said why */
void	 local_close(struct sync_local *);
/* What there is, as of then; in place of what was known. */
int	 local_index(struct sync_local *, const uint8_t seed[BULK_SEED],
	    int64_t asof);
/* The states of ids, as many as fit into the frame; *done: of how many. */
int	 local_states(struct sync_local *, const uint64_t *ids, size_t n,
	    struct bulk_put *, size_t *done);
/* Merges octets of states; adds to *d. */
int	 local_merge(struct sync_local *, const uint8_t *, size_t len,
	    struct bulk_done *d);
void	 local_hello(const struct sync_local *, struct bulk_hello *);

/* link.c */
struct sync_link {
	const char	*host;		/* for messages */
	const char	*rsh;		/* what was run */
	pid_t		 pid;		/* 0: none */
	int		 in, out;	/* descriptors */
	struct buf	 buf;
	uint64_t	 received, sent;	/* octets */
	int		 greeted;	/* a frame has come */
	struct bulk_put	 frame;		/* to be sent */
};
/* Runs rsh host program sync --server, without a shell here. -1: said. */
int	 link_open(struct sync_link *, const char *rsh, const char *host,
	    const char *program);
void	 link_stdio(struct sync_link *);
/* Sends l->frame.  -1: the other end is gone, or too much; not said. */
int	 link_send(struct sync_link *);
/* 1 a frame; 0 end of file; -1 malformed, or errno. */
int	 link_next(struct sync_link *, struct bulk_get *);
/* Sends l->frame and waits for an answer of this type.  -1: said why. */
int	 link_ask(struct sync_link *, enum bulk_type, struct bulk_get *);
/* The answer alone. */
int	 link_answer(struct sync_link *, enum bulk_type, struct bulk_get *);
void	 link_close(struct sync_link *);

/* server.c */
int	 sync_server(struct config *);

/* compare.c */
struct sync_diff {
	/* An id that only we have, only they have, or both have and differ;
	 * -1 ends it.  The link is free for other requests meanwhile. */
	int	(*fn)(int ours, int theirs, uint64_t id, void *);
	void	*arg;
};
int	 sync_compare(struct sync_local *, struct sync_link *,
	    const struct bulk_sum *theirs, const struct sync_diff *);

#endif
