/*
 * Between store and fw: the hosts that the firewall lets pass.
 *
 *	store -> fw	FW_BEGIN FW_HOST... FW_END FW_DO FW_LOOK
 *	fw -> store	FW_DONE FW_LOOKED
 *
 * The hosts between BEGIN and END are the whole set: fw removes what else is in
 * the table.  Each FW_DO after that changes one entry.
 */
#ifndef PROTO_STORE_FW_H
#define PROTO_STORE_FW_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_FW_BEGIN = 96,	/* no body: the whole set follows */
	MSG_FW_HOST,		/* addr (cut to `admit'), plen u8, until i64 */
	MSG_FW_END,		/* no body: the set is complete */
	MSG_FW_DO,		/* id, addr, plen u8, until i64 (0: remove it);
				   answered by FW_DONE unless the id is 0 */
	MSG_FW_DONE,		/* id, u8: 1: the table has been changed */
	MSG_FW_LOOK,		/* id, addr, plen u8, i64 0: is it in the table?
				   For the unspecified address: is there
				   room? */
	MSG_FW_LOOKED		/* id, u8 status (as CTL_END), str text */
};

/*
 * plen: bits of the prefix, of 128 also for IPv4.  until: seconds since 1970.
 * parent.h says what put and get return.
 */
int	 proto_put_fw(struct ipc *, uint16_t type, uint64_t id,
	    const struct addr *, uint8_t plen, int64_t until);
int	 proto_get_fw(struct msg *, struct addr *, uint8_t *plen,
	    int64_t *until);

#endif
