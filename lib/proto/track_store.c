/*
 * The layout of the message of track_store.h.
 */
#include <stddef.h>
#include <string.h>

#include "lib/proto/track_store.h"

/* n must not be more than TRACK_SEEN_MAX. */
int
proto_put_track(struct ipc *ipc, const struct track_seen *seen, size_t n)
{
	size_t	i;

	ipc_begin(ipc, MSG_TRACK, 0);
	for (i = 0; i < n; i++) {
		ipc_put_u8(ipc, seen[i].outbound);
		ipc_put_addr(ipc, &seen[i].host);
		ipc_put_u32(ipc, seen[i].count);
	}
	return (ipc->failed ? -1 : 0);
}

/*
 * The number is not sent: the items fill the message.  Items past
 * TRACK_SEEN_MAX are left over, which makes the message malformed.
 */
int
proto_get_track(struct msg *m, struct track_seen *seen, size_t *n)
{
	for (*n = 0; *n < TRACK_SEEN_MAX && !m->err && msg_left(m) > 0;
	    (*n)++, seen++) {
		seen->outbound = msg_get_u8(m);
		msg_get_addr(m, &seen->host);
		seen->count = msg_get_u32(m);
		if (seen->outbound > 1 || seen->count == 0)
			m->err = 1;
	}
	return (msg_end(m));
}
