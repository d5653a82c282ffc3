/*
 * The sync block on its way from the parent to store; no other child gets any
 * of it (ship.c), since it has the key.  First comes the block with its key,
 * then its sockets with their descriptors, then its peers, a message each.  All
 * are MSG_CONF_SYNC and begin with their part.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/ship_int.h"

/* What a MSG_CONF_SYNC has: its first byte. */
enum part { PART_BLOCK, PART_SOCK, PART_PEER };

/*
 * Sends a socket with a copy of its descriptor; the parent keeps the original.
 */
static int
send_sock(struct chan *ch, const struct conf_sync_sock *k)
{
	struct ipc	*ipc = chan_ipc(ch);
	int		 fd = -1;

	if (k->fd != -1 && (fd = fcntl(k->fd, F_DUPFD_CLOEXEC, 0)) == -1)
		return (-1);
	ipc_begin(ipc, MSG_CONF_SYNC, 0);
	ipc_put_u8(ipc, PART_SOCK);
	ipc_put_u8(ipc, (uint8_t)k->kind);
	ipc_put_addr(ipc, &k->addr);
	ipc_put_u16(ipc, k->port);
	ci_put_opt(ipc, k->ifname);
	ipc_put_u32(ipc, k->ttl);
	ipc_put_u8(ipc, k->v2 != 0);
	return (chan_send(ch, fd));
}

/*
 * Appends the socket, whose descriptor now belongs to the configuration.  An
 * unknown kind is malformed.
 */
static int
recv_sock(struct conf_sync *s, struct msg *m)
{
	struct conf_sync_sock	*k;
	uint8_t			 kind = msg_get_u8(m);

	if (kind > SYNC_SEND ||
	    (k = conf_sync_sock_add(s, (enum sync_kind)kind)) == NULL)
		return (-1);
	msg_get_addr(m, &k->addr);
	k->port = msg_get_u16(m);
	if (ci_take_opt(m, &k->ifname) == -1)
		return (-1);
	k->ttl = msg_get_u32(m);
	k->v2 = msg_get_u8(m);
	k->fd = msg_take_fd(m);
	return (0);
}

/* A peer has no descriptor: datagrams leave through the sockets. */
static int
send_peer(struct chan *ch, const struct conf_sync_peer *p)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_SYNC, 0);
	ipc_put_u8(ipc, PART_PEER);
	ipc_put_addr(ipc, &p->addr);
	ipc_put_u16(ipc, p->port);
	ipc_put_u8(ipc, p->v2 != 0);
	return (chan_send(ch, -1));
}

/* Appends the peer. */
static int
recv_peer(struct conf_sync *s, struct msg *m)
{
	struct conf_sync_peer	*p;

	if ((p = conf_sync_peer_add(s)) == NULL)
		return (-1);
	msg_get_addr(m, &p->addr);
	p->port = msg_get_u16(m);
	p->v2 = msg_get_u8(m);
	return (0);
}

/*
 * Sends the block, then its sockets and peers.  An empty key (length 0) means
 * that the block has no key of that version.
 */
int
ci_send_sync(struct chan *ch, const struct conf_sync *s, enum conf_send what)
{
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;
	struct ipc			*ipc = chan_ipc(ch);

	if (s == NULL || what != SEND_STORE)
		return (0);
	ipc_begin(ipc, MSG_CONF_SYNC, 0);
	ipc_put_u8(ipc, PART_BLOCK);
	ci_put_block(ipc, s, CB_SYNC);
	ipc_put_data(ipc, s->key.v2, s->key.v2_len);
	ipc_put_data(ipc, s->key.v3, s->key.has ? sizeof(s->key.v3) : 0);
	if (chan_send(ch, -1) == -1)
		return (-1);
	TAILQ_FOREACH(k, &s->socks, entry)
		if (send_sock(ch, k) == -1)
			return (-1);
	TAILQ_FOREACH(p, &s->peers, entry)
		if (send_peer(ch, p) == -1)
			return (-1);
	return (0);
}

/* A key must have exactly its size, or be absent. */
static int
recv_block(struct config *c, struct msg *m)
{
	struct sync_key	*key;
	const uint8_t	*v2, *v3;
	size_t		 n2, n3;

	if (c->sync != NULL || (c->sync = conf_sync_new()) == NULL ||
	    ci_take_block(m, c->sync, CB_SYNC) == -1)
		return (-1);
	key = &c->sync->key;
	v2 = msg_get_data(m, &n2);
	v3 = msg_get_data(m, &n3);
	if (m->err || (n2 != 0 && n2 != sizeof(key->v2)) ||
	    (n3 != 0 && n3 != sizeof(key->v3)))
		return (-1);
	if (n2 != 0)
		memcpy(key->v2, v2, n2);
	key->v2_len = n2;
	if (n3 != 0)
		memcpy(key->v3, v3, n3);
	key->has = n3 != 0;
	return (0);
}

/* The block must come first, its sockets and peers after it. */
int
ci_recv_sync(struct config *c, struct msg *m)
{
	uint8_t	part = msg_get_u8(m);

	if (part == PART_BLOCK)
		return (recv_block(c, m));
	if (c->sync == NULL)
		return (-1);
	return (part == PART_SOCK ? recv_sock(c->sync, m) :
	    part == PART_PEER ? recv_peer(c->sync, m) : -1);
}
