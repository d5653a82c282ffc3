/*
 * Between store and fw: the hosts that the firewall lets pass.
 *
 *	store -> fw	FW_BEGIN FW_HOST... FW_END FW_DO FW_LOOK
 *	fw -> store	FW_DONE FW_LOOKED
 */
#ifndef PROTO_STORE_FW_H
#define PROTO_STORE_FW_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_FW_BEGIN = 96,	/* the whole set follows */
	MSG_FW_HOST,		/* addr (cut to admit), plen u8, until i64 */
	MSG_FW_END,
	MSG_FW_DO,		/* id, addr, plen u8, until i64 (0: take out); answered when id */
	MSG_FW_DONE,		/* id, u8 ok */
	MSG_FW_LOOK,		/* id, addr, plen u8, i64 0: is it in the table?
				   the unspecified address: is there room? */
	MSG_FW_LOOKED		/* id, u8 status (as CTL_END), str text */
};

int	 proto_put_fw(struct ipc *, uint16_t type, uint64_t id,
	    const struct addr *, uint8_t plen, int64_t until);
int	 proto_get_fw(struct msg *, struct addr *, uint8_t *plen,
	    int64_t *until);

#endif
