/*
 * Between store and any child that it has a channel to: the time as of which
 * store judges, and the counters of spamgreydb stats.
 *
 *	store -> front, pass, fw	CLOCK
 *	store -> any			STAT_ASK
 *	any -> store			STAT... STAT_END
 */
#ifndef PROTO_ANY_STORE_H
#define PROTO_ANY_STORE_H

#include <stdint.h>

#include "lib/ipc/ipc.h"

enum {
	MSG_CLOCK = 80		/* store -> front, pass, fw: i64, see
				   clock_judged */
};

enum {
	MSG_STAT_ASK = 112,
	MSG_STAT,		/* name str, value i64 */
	MSG_STAT_END
};

int	 proto_put_clock(struct ipc *, int64_t asof);
int	 proto_get_clock(struct msg *, int64_t *asof);
int	 proto_put_stat(struct ipc *, uint64_t id, const char *, int64_t);
int	 proto_get_stat(struct msg *, const char **, int64_t *);

#endif
