/*
 * Front: STARTTLS of a client, and which hosts may begin it. The handshake
 * itself is smtpd/client_tls.c's. Sessions under TLS of unknown hosts have
 * limits of their own, as each takes the memory of a hundred in clear.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <tls.h>

#include "spamgreyd/front/front.h"

/*
 * Unknown hosts alone have a limit, all together and those of one network: a
 * host that has a whole network must not take TLS away from the others.
 */
int
front_tls_room(const struct conn *c)
{
	const struct conf_limit	*l = &c->live->conf->limit;
	struct addr		 net;

	if (c->kind != KIND_GREY)
		return (1);
	addr_cut(&c->client, &l->network, &net);
	return (front.tls < l->tls &&
	    limit_get(front.tls_net, &net) < conf_tls_per_network(l));
}

/*
 * Counts the session in or out, by its own configuration: a reload must not
 * count it out elsewhere than in.
 */
static void
count_network(struct conn *c, int begins)
{
	struct addr	net;

	addr_cut(&c->client, &c->live->conf->limit.network, &net);
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
	if (client_tls_begin(&c->io) == -1) {
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

/* What the client said in clear, its HELO too, does not count any more. */
static void
handshake_done(struct conn *c)
{
	/* "TLSv1.3"; the string goes with the session. */
	const char	*version = tls_conn_version(c->io.tls);

	c->tls_minor = version != NULL && version[0] != '\0' ?
	    (uint8_t)(version[strlen(version) - 1] - '0') : 2;
	c->state = ST_COMMAND;
	c->offered = 0;
	c->flags &= ~F_ESMTP;
	tx_free(c);
	free(c->helo);
	c->helo = NULL;
	c->last = front_now();
}

void
front_tls_handshake(struct conn *c)
{
	switch (client_handshake(&c->io, c->id)) {
	case 1:
		handshake_done(c);
		break;
	case -1:
		front.stat[STAT_TLS_FAILED]++;
		conn_die(c, END_TLS);
		break;
	default:
		break;
	}
}

void
front_tls_end(struct conn *c)
{
	if (c->io.tls == NULL)
		return;
	client_tls_end(&c->io);
	front.tls--;
	count_network(c, 0);
}
