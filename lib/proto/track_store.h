/*
 * Between track and store: connections that the firewall logged.
 *
 *	track -> store	TRACK
 *
 * It is not answered.  A host is WHITE for longer when its connections are
 * seen, since front does not see a host that the firewall lets pass.
 */
#ifndef PROTO_TRACK_STORE_H
#define PROTO_TRACK_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_TRACK = 104	/* struct track_seen, up to TRACK_SEEN_MAX */
};

/* Connections with one host. */
struct track_seen {
	uint8_t		outbound;	/* 0: from the host to us; 1: from us
					   to the host */
	struct addr	host;
	uint32_t	count;		/* connections, at least 1 */
};
#define TRACK_SEEN_MAX	256		/* in one message */

int	 proto_put_track(struct ipc *, const struct track_seen *, size_t n);
/* seen has room for TRACK_SEEN_MAX; *n is how many came. */
int	 proto_get_track(struct msg *, struct track_seen *seen, size_t *n);

#endif
