/*
 * The layout of the messages of store_fw.h: FW_HOST, FW_DO and FW_LOOK have the
 * same one, so that there is one put and one get for the three.
 */
#include <stddef.h>
#include <string.h>

#include "lib/proto/store_fw.h"

/* type: MSG_FW_HOST, MSG_FW_DO or MSG_FW_LOOK. */
int
proto_put_fw(struct ipc *ipc, uint16_t type, uint64_t id,
    const struct addr *a, uint8_t plen, int64_t until)
{
	ipc_begin(ipc, type, id);
	ipc_put_addr(ipc, a);
	ipc_put_u8(ipc, plen);
	ipc_put_i64(ipc, until);
	return (ipc->failed ? -1 : 0);
}

/* until is in seconds since 1970; a negative one is malformed. */
int
proto_get_fw(struct msg *m, struct addr *a, uint8_t *plen, int64_t *until)
{
	msg_get_addr(m, a);
	*plen = msg_get_u8(m);
	*until = msg_get_i64(m);
	if (*plen > 128 || *until < 0)
		m->err = 1;
	return (msg_end(m));
}
