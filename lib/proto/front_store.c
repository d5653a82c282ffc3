/*
 * The layouts of the messages of front_store.h.
 */
#include <stddef.h>
#include <string.h>

#include "lib/base/hosts.h"
#include "lib/proto/front_store.h"

/* The address of the MX is sent only with RCPT_F_LOWMX. */
int
proto_put_rcpt(struct ipc *ipc, uint64_t session, const struct rcpt_req *r)
{
	ipc_begin(ipc, MSG_RCPT, session);
	ipc_put_u32(ipc, r->seq);
	ipc_put_addr(ipc, &r->client);
	ipc_put_u8(ipc, r->flags);
	ipc_put_str(ipc, r->helo);
	ipc_put_str(ipc, r->from);
	ipc_put_str(ipc, r->to);
	if (r->flags & RCPT_F_LOWMX)
		ipc_put_addr(ipc, &r->mx);
	return (ipc->failed ? -1 : 0);
}

/* Without RCPT_F_LOWMX r->mx is not set. */
int
proto_get_rcpt(struct msg *m, struct rcpt_req *r)
{
	r->seq = msg_get_u32(m);
	msg_get_addr(m, &r->client);
	r->flags = msg_get_u8(m);
	r->helo = msg_get_str(m);
	r->from = msg_get_str(m);
	r->to = msg_get_str(m);
	if (r->flags & ~(RCPT_F_LOWMX | RCPT_F_WHITE | RCPT_F_AGAIN |
	    RCPT_F_TO_US))
		m->err = 1;
	if (r->flags & RCPT_F_LOWMX)
		msg_get_addr(m, &r->mx);
	return (msg_end(m));
}

/* The text is sent with every verdict; it is "" where it means nothing. */
int
proto_put_rcpt_answer(struct ipc *ipc, uint64_t session,
    const struct rcpt_answer *a)
{
	ipc_begin(ipc, MSG_RCPT_ANSWER, session);
	ipc_put_u32(ipc, a->seq);
	ipc_put_u8(ipc, a->verdict);
	ipc_put_u8(ipc, a->reason);
	ipc_put_i64(ipc, a->left);
	ipc_put_str(ipc, a->text);
	return (ipc->failed ? -1 : 0);
}

/* An unknown verdict or trap reason is malformed. */
int
proto_get_rcpt_answer(struct msg *m, struct rcpt_answer *a)
{
	a->seq = msg_get_u32(m);
	a->verdict = msg_get_u8(m);
	a->reason = msg_get_u8(m);
	a->left = msg_get_i64(m);
	a->text = msg_get_str(m);
	if (a->verdict < RCPT_GREY || a->verdict > RCPT_NOT_TO ||
	    a->reason >= TRAP_MAX || a->left < 0)
		m->err = 1;
	return (msg_end(m));
}
