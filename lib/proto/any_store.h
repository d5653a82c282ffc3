/*
 * Between store and any child that it has a channel to: the time that expiries
 * are compared with, and the counters of spamgreydb stats.
 *
 *	store -> front, pass, fw	CLOCK
 *	store -> any			STAT_ASK
 *	any -> store			STAT... STAT_END
 *
 * CLOCK has no answer.  The child answers each STAT_ASK with one STAT for each
 * of its counters and then STAT_END, all with the id of the question.
 */
#ifndef PROTO_ANY_STORE_H
#define PROTO_ANY_STORE_H

#include <stdint.h>

#include "lib/ipc/ipc.h"

enum {
	MSG_CLOCK = 80		/* i64: seconds since 1970, or 0 when the clock
				   cannot be trusted; see clock_judged */
};

enum {
	MSG_STAT_ASK = 112,	/* id; no body */
	MSG_STAT,		/* id; name str, value i64 */
	MSG_STAT_END		/* id; no body: there are no more counters */
};

/*
 * parent.h says what put and get return.  The name of a counter that get hands
 * out belongs to the message.
 */
int	 proto_put_clock(struct ipc *, int64_t asof);
int	 proto_get_clock(struct msg *, int64_t *asof);
int	 proto_put_stat(struct ipc *, uint64_t id, const char *, int64_t);
int	 proto_get_stat(struct msg *, const char **, int64_t *);

#endif
