/*
 * The layout of the message of front_pass.h.  The other messages of a handover
 * are strings and bytes, which front and pass put and take themselves.
 */
#include <stddef.h>
#include <string.h>

#include "lib/base/event.h"
#include "lib/proto/front_pass.h"
#include "lib/smtp/caps.h"

/*
 * The recipients, the input and the descriptor follow in messages of their own.
 */
int
proto_put_handover(struct ipc *ipc, uint64_t session,
    const struct handover *h)
{
	ipc_begin(ipc, MSG_HANDOVER_BEGIN, session);
	ipc_put_addr(ipc, &h->client);
	ipc_put_addr(ipc, &h->dst);
	ipc_put_u16(ipc, h->port);
	ipc_put_u16(ipc, h->dport);
	ipc_put_u8(ipc, h->kind);
	ipc_put_u8(ipc, h->flags);
	ipc_put_u16(ipc, h->bad);
	ipc_put_u16(ipc, h->events);
	ipc_put_u32(ipc, h->offered);
	ipc_put_u32(ipc, h->listener);
	ipc_put_i64(ipc, h->start);
	ipc_put_str(ipc, h->helo);
	ipc_put_str(ipc, h->from);
	ipc_put_str(ipc, h->from_params);
	ipc_put_str(ipc, h->tls_version);
	ipc_put_str(ipc, h->tls_cipher);
	return (ipc->failed ? -1 : 0);
}

/* An unknown kind, flag, event or keyword of EHLO is malformed. */
int
proto_get_handover(struct msg *m, struct handover *h)
{
	msg_get_addr(m, &h->client);
	msg_get_addr(m, &h->dst);
	h->port = msg_get_u16(m);
	h->dport = msg_get_u16(m);
	h->kind = msg_get_u8(m);
	h->flags = msg_get_u8(m);
	h->bad = msg_get_u16(m);
	h->events = msg_get_u16(m);
	h->offered = msg_get_u32(m);
	h->listener = msg_get_u32(m);
	h->start = msg_get_i64(m);
	h->helo = msg_get_str(m);
	h->from = msg_get_str(m);
	h->from_params = msg_get_str(m);
	h->tls_version = msg_get_str(m);
	h->tls_cipher = msg_get_str(m);
	if (h->kind > HANDOVER_NOT_TO || (h->flags & ~(HANDOVER_BANNER |
	    HANDOVER_ESMTP | HANDOVER_PENDING | HANDOVER_NO_TLS)) ||
	    (h->events >> EVENT_MAX) != 0 || (h->offered & ~CAPS_ALL))
		m->err = 1;
	return (msg_end(m));
}
