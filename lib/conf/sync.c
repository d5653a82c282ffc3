/*
 * sync { ... }: the sockets for the datagrams of other hosts, the peers, and
 * which of them use version 2 of the protocol, which is spamd's.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <net/if.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

/*
 * The beginning of the block.  A second one is an error, and its statements go
 * to the first.
 */
void
conf_sync_begin(struct config *c, const struct lex_token *at)
{
	conf_once(at, "sync");
	if (c->sync != NULL)
		return;
	if ((c->sync = conf_sync_new()) == NULL)
		fatal("configuration");
	conf_set_where(&c->sync->where, at);
}

/*
 * The port, or the usual one when it is missing or wrong (which was reported).
 */
static uint16_t
get_port(const struct lex_token *port)
{
	uint32_t	n = CONF_PORT;

	if (port->text != NULL &&
	    conf_number(port, "port", 1, 65535, &n) == -1)
		n = CONF_PORT;
	return ((uint16_t)n);
}

/* Reports the one that is too many. Sockets and peers are limited together. */
static void
room(const struct conf_sync *s, const struct lex_token *at)
{
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;
	unsigned int			 n = 0;

	TAILQ_FOREACH(k, &s->socks, entry)
		n++;
	TAILQ_FOREACH(p, &s->peers, entry)
		n++;
	if (n == CONF_SYNC_MAX + 1)
		conf_error(at, "sync: too many listen, multicast and peer "
		    "statements: at most %d", CONF_SYNC_MAX);
}

/* A socket of that kind at the end of the list. */
static struct conf_sync_sock *
new_sock(struct conf_sync *s, enum sync_kind kind, const struct lex_token *at,
    const struct lex_token *port)
{
	struct conf_sync_sock	*k;

	if ((k = conf_sync_sock_add(s, kind)) == NULL)
		fatal("configuration");
	k->port = get_port(port);
	room(s, at);
	return (k);
}

/* listen on ADDRESS [port N] */
void
conf_sync_listen(struct conf_sync *s, const struct lex_token *address,
    const struct lex_token *port)
{
	struct conf_sync_sock	*k = new_sock(s, SYNC_LISTEN, address, port);
	char			 text[ADDR_STRLEN];

	if (conf_address(address, "sync listen on", &k->addr) == 0)
		conf_once(address, "sync listen on %s port %u",
		    addr_str(&k->addr, text), k->port);
}

/*
 * multicast INTERFACE [port N] [ttl N] [spamd].  The group's address depends on
 * the protocol: spamd knows IPv4 only.
 */
void
conf_sync_group(struct conf_sync *s, const struct lex_token *ifname,
    const struct lex_token *port, const struct lex_token *ttl, int v2)
{
	struct conf_sync_sock	*k = new_sock(s, SYNC_GROUP, ifname, port);

	k->v2 = v2;
	(void)addr_parse(v2 ? CONF_SYNC_GROUP4 : CONF_SYNC_GROUP6, &k->addr);
	conf_replace(&k->ifname, ifname->text);
	if (strlen(ifname->text) == 0 || strlen(ifname->text) >= IF_NAMESIZE)
		conf_error(ifname, "multicast \"%s\": not the name of an "
		    "interface", ifname->text);
	else
		conf_once(ifname, "multicast \"%s\" port %u%s", ifname->text,
		    k->port, v2 ? " spamd" : "");
	if (ttl->text != NULL)
		conf_number(ttl, "ttl", 1, 255, &k->ttl);
}

/* peer ADDRESS [port N] [spamd] */
void
conf_sync_peer(struct conf_sync *s, const struct lex_token *address,
    const struct lex_token *port, int v2)
{
	struct conf_sync_peer	*p;
	char			 text[ADDR_STRLEN];

	if ((p = conf_sync_peer_add(s)) == NULL)
		fatal("configuration");
	room(s, address);
	p->port = get_port(port);
	p->v2 = v2;
	if (conf_address(address, "peer", &p->addr) == 0) {
		conf_once(address, "peer %s port %u", addr_str(&p->addr, text),
		    p->port);
		if (v2 && !addr_is4(&p->addr))
			conf_error(address, "peer %s spamd: spamd supports "
			    "only IPv4", text);
	}
}

/*
 * Is there a host to exchange with, and a key where one is required? Version 3
 * always needs a key; version 2 works without it, at a risk that is worth a
 * warning.
 */
void
conf_check_sync(const struct config *c)
{
	const struct conf_sync		*s = c->sync;
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;
	int				 listens = 0, v3 = 0, v2 = 0;

	if (s == NULL)
		return;
	TAILQ_FOREACH(k, &s->socks, entry) {
		listens |= k->kind == SYNC_LISTEN;
		if (k->kind == SYNC_GROUP)
			*(k->v2 ? &v2 : &v3) = 1;
	}
	TAILQ_FOREACH(p, &s->peers, entry)
		*(p->v2 ? &v2 : &v3) = 1;
	v2 |= s->accept_v2;
	if (!listens && !v2 && !v3)
		conf_error(conf_place("sync"), "sync: listen, peer or "
		    "multicast is missing");
	else if (s->key_file == NULL && (v3 || !v2))
		conf_error(conf_place("sync"), "sync: key is missing; "
		    "without it only peers with \"spamd\" are allowed");
	else if (s->key_file == NULL)
		conf_warning(conf_place("sync"), "sync without a key: "
		    "anybody who can send a datagram to this host can make "
		    "any host WHITE; spamd uses /etc/mail/spamd.key");
}
