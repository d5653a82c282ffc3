/*
 * Front: STARTTLS of a connection, through libtls, never blocking.  The
 * certificate's context is tlsctx.c's; a connection keeps the one it was
 * accepted with.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tls.h>

#include "../lib/log.h"
#include "front.h"

/* Unknown hosts alone have a limit, all together and those of one network:
 * one that has a whole network must not take TLS away from the others. */
int
front_tls_room(const struct conn *c)
{
	const struct conf_limit	*l = &c->fc->conf->limit;
	struct addr		 net;

	if (c->kind != KIND_GREY)
		return (1);
	addr_cut(&c->client, &l->network, &net);
	return (front.tls < l->tls &&
	    limit_get(front.tls_net, &net) < conf_tls_per_network(l));
}

/* By its own configuration, which stays, so that each goes where it came. */
static void
count_network(struct conn *c, int begins)
{
	struct addr	net;

	addr_cut(&c->client, &c->fc->conf->limit.network, &net);
	if (begins && c->kind == KIND_GREY) {
		if (limit_inc(front.tls_net, &net) > 0)
			c->flags |= F_TLS_COUNTED;
	} else if (c->flags & F_TLS_COUNTED) {
		limit_dec(front.tls_net, &net);
		c->flags &= ~F_TLS_COUNTED;
	}
}

int
front_tls_begin(struct conn *c)
{
	/* Whatever came in clear before is as if never sent. */
	buf_free(&c->in);
	if (c->cert == NULL ||
	    (c->tls = tlsctx_accept(c->cert, c->fd)) == NULL) {
		front.stat[STAT_TLS_FAILED]++;
		return (-1);
	}
	front.tls++;
	count_network(c, 1);
	front.stat[STAT_TLS]++;
	c->state = ST_HANDSHAKE;
	c->last = front_now();
	front_tls_handshake(c);
	return (0);
}

/* A fresh start after it: who the client said it was, counts no more. */
void
front_tls_handshake(struct conn *c)
{
	char		 enc[FRONT_LOG_FIELD];
	const char	*version;

	switch (tls_handshake(c->tls)) {
	case 0:
		/* "TLSv1.3"; the string goes with the session. */
		version = tls_conn_version(c->tls);
		c->tls_minor = version != NULL && version[0] != '\0' ?
		    (uint8_t)(version[strlen(version) - 1] - '0') : 2;
		c->state = ST_COMMAND;
		c->offered = 0;
		c->flags &= ~F_ESMTP;
		c->flags |= F_TLS_MORE;
		tx_free(c);
		free(c->helo);
		c->helo = NULL;
		c->last = front_now();
		return;
	case TLS_WANT_POLLIN:
		return;
	case TLS_WANT_POLLOUT:
		c->flags |= F_WANT_WRITE;
		return;
	default:
		log_debug("%016llx tls handshake: %s",
		    (unsigned long long)c->id, tls_error(c->tls) == NULL ? "" :
		    log_encode_str(enc, sizeof(enc), tls_error(c->tls)));
		front.stat[STAT_TLS_FAILED]++;
		conn_die(c, END_TLS);
	}
}

static ssize_t
tls_result(struct conn *c, ssize_t n)
{
	switch (n) {
	case TLS_WANT_POLLOUT:
		c->flags |= F_WANT_WRITE;
		/* FALLTHROUGH */
	case TLS_WANT_POLLIN:
		errno = EAGAIN;
		return (-1);
	case -1:
		errno = ECONNRESET;
		return (-1);
	default:
		return (n);
	}
}

ssize_t
front_tls_read(struct conn *c, void *data, size_t len)
{
	return (tls_result(c, tls_read(c->tls, data, len)));
}

/* Waits for room in any case: a reply is not held up by a read that the
 * protocol itself would want (TLS 1.2 renegotiation is off). */
ssize_t
front_tls_write(struct conn *c, const void *data, size_t len)
{
	return (tls_result(c, tls_write(c->tls, data, len)));
}

void
front_tls_end(struct conn *c)
{
	if (c->tls == NULL)
		return;
	if (c->state != ST_HANDSHAKE)
		(void)tls_close(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
	front.tls--;
	count_network(c, 0);
}
