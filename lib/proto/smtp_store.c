/*
 * The layouts of the messages of smtp_store.h.
 */
#include <stddef.h>
#include <string.h>

#include "lib/proto/smtp_store.h"

int
proto_put_event(struct ipc *ipc, uint64_t session, const struct event_msg *e)
{
	ipc_begin(ipc, MSG_EVENT, session);
	ipc_put_addr(ipc, &e->client);
	ipc_put_u8(ipc, e->event);
	ipc_put_u8(ipc, e->flags);
	return (ipc->failed ? -1 : 0);
}

/* An event or a flag that does not exist is malformed. */
int
proto_get_event(struct msg *m, struct event_msg *e)
{
	msg_get_addr(m, &e->client);
	e->event = msg_get_u8(m);
	e->flags = msg_get_u8(m);
	if (e->event >= EVENT_MAX || (e->flags & ~EVENT_F_VOUCHED))
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_mail_seen(struct ipc *ipc, uint64_t session,
    const struct mail_seen *s)
{
	ipc_begin(ipc, MSG_MAIL_SEEN, session);
	ipc_put_addr(ipc, &s->client);
	ipc_put_u8(ipc, s->bad);
	ipc_put_u8(ipc, s->vouched);
	return (ipc->failed ? -1 : 0);
}

/* Both members are 0 or 1. */
int
proto_get_mail_seen(struct msg *m, struct mail_seen *s)
{
	msg_get_addr(m, &s->client);
	s->bad = msg_get_u8(m);
	s->vouched = msg_get_u8(m);
	if (s->bad > 1 || s->vouched > 1)
		m->err = 1;
	return (msg_end(m));
}

/* The id is 0: capabilities belong to no session. */
int
proto_put_caps(struct ipc *ipc, const struct mta_caps *c)
{
	ipc_begin(ipc, MSG_CAPS, 0);
	ipc_put_u8(ipc, c->known);
	ipc_put_u32(ipc, c->keywords);
	ipc_put_u64(ipc, c->size);
	ipc_put_str(ipc, c->relays);
	return (ipc->failed ? -1 : 0);
}

/*
 * c->relays is borrowed from the message; a receiver that keeps the
 * capabilities copies it.
 */
int
proto_get_caps(struct msg *m, struct mta_caps *c)
{
	c->known = msg_get_u8(m);
	c->keywords = msg_get_u32(m);
	c->size = msg_get_u64(m);
	c->relays = msg_get_str(m);
	if (c->known > 1 || (c->keywords & ~CAPS_ALL))
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_hosts_begin(struct ipc *ipc, const struct addr_cut *cut)
{
	ipc_begin(ipc, MSG_HOSTS_BEGIN, 0);
	ipc_put_u8(ipc, cut->ip4);
	ipc_put_u8(ipc, cut->ip6);
	return (ipc->failed ? -1 : 0);
}

/* Lengths of prefixes are those of each family: 32 and 128 bits at most. */
int
proto_get_hosts_begin(struct msg *m, struct addr_cut *cut)
{
	cut->ip4 = msg_get_u8(m);
	cut->ip6 = msg_get_u8(m);
	if (cut->ip4 > 32 || cut->ip6 > 128)
		m->err = 1;
	return (msg_end(m));
}

/*
 * Only what front and pass need to know of a host: until when it is WHITE, and
 * until when and why it is trapped.
 */
int
proto_put_host(struct ipc *ipc, const struct host *h)
{
	ipc_begin(ipc, MSG_HOST, 0);
	ipc_put_addr(ipc, &h->key);
	ipc_put_i64(ipc, h->white);
	ipc_put_i64(ipc, h->trapped);
	ipc_put_u8(ipc, h->reason);
	return (ipc->failed ? -1 : 0);
}

/* The members of *h that are not sent are zero. */
int
proto_get_host(struct msg *m, struct host *h)
{
	memset(h, 0, sizeof(*h));
	msg_get_addr(m, &h->key);
	h->white = msg_get_i64(m);
	h->trapped = msg_get_i64(m);
	h->reason = msg_get_u8(m);
	if (h->white < 0 || h->trapped < 0 || h->reason >= TRAP_MAX)
		m->err = 1;
	return (msg_end(m));
}
