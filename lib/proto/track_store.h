/*
 * Between track and store: connections that the firewall logged.
 *
 *	track -> store	TRACK
 */
#ifndef PROTO_TRACK_STORE_H
#define PROTO_TRACK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_TRACK = 104	/* struct track_seen, some of them */
};

/* track -> store: connections that the firewall logged, of one host. */
struct track_seen {
	uint8_t		outbound;	/* 0: it came by; 1: we called it */
	struct addr	host;
	uint32_t	count;		/* connections, at least 1 */
};
#define TRACK_SEEN_MAX	256		/* in one message */

int	 proto_put_track(struct ipc *, const struct track_seen *, size_t n);
/* *n: how many came; seen has room for TRACK_SEEN_MAX. */
int	 proto_get_track(struct msg *, struct track_seen *seen, size_t *n);

#endif
