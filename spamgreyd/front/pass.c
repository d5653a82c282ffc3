/*
 * Front's end of the channel to pass: sessions go on there, with their
 * descriptor, envelope and what was read ahead. From the moment that all of it
 * is queued, front neither reads nor writes the client's socket. Its own
 * descriptor stays open until pass has taken the session (HANDOVER_OK). When
 * pass refuses it, or has ended, the session goes on here as it would without
 * pass.
 *
 * No answer is another matter: pass may have the socket and speak to the
 * client at any moment, and two voices on one connection lose mail. So the
 * client is told 421, and the socket is shut down for both.
 *
 * Under TLS pass gets one end of a socketpair instead, and pump.c has the
 * other.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

#define INPUT_CHUNK	8192		/* octets of input in one frame */

/* Does the configuration allow it, and is there a pass to take it? */
static int
can_hand_over(const struct front_conf *live)
{
	return (config_hands_over(live->conf) && front.pass != NULL &&
	    chan_queued(front.pass) < FRONT_PASS_HIGH);
}

int
handover_at_connect(enum conn_kind kind)
{
	return ((kind == KIND_WHITE || kind == KIND_WHITELISTED) &&
	    can_hand_over(front.live));
}

int
handover_possible(const struct conn *c)
{
	return (!(c->flags & F_NO_HANDOVER) && can_hand_over(c->live) &&
	    (c->tx == NULL || !c->tx->too_long));
}

/*
 * The rest is done when what was said before is sent: conn_settle comes to
 * handover_step then.
 */
void
handover_begin(struct conn *c, enum handover_kind kind)
{
	c->state = ST_HANDOVER;
	c->handed = (uint8_t)kind;
	c->wait = front_now();
}

/*
 * Whitelisted or not: by the lists as they are now, not as they were when the
 * host connected.
 */
enum handover_kind
handover_kind(const struct conn *c)
{
	return (addrset_lookup_mask(front.live->conf->set, &c->client,
	    front.live->white) != 0 ? HANDOVER_WHITELISTED : HANDOVER_WHITE);
}

/* The session itself: HANDOVER_BEGIN. -1: it could not be queued. */
static int
send_begin(struct conn *c)
{
	struct handover	h;
	struct tx	*tx = c->tx;

	memset(&h, 0, sizeof(h));
	h.client = c->client;
	h.dst = c->dst;
	h.port = c->port;
	h.dport = c->dport;
	h.kind = c->handed;
	if (c->flags & F_BANNER)
		h.flags |= HANDOVER_BANNER;
	if (c->flags & F_ESMTP)
		h.flags |= HANDOVER_ESMTP;
	if (c->io.cert == NULL)
		h.flags |= HANDOVER_NO_TLS;
	if (tx != NULL)
		h.flags |= HANDOVER_PENDING;
	h.bad = c->bad;
	h.events = c->events;
	h.offered = c->offered;
	h.listener = c->listener;
	h.start = c->start;
	h.helo = c->helo;
	if (tx != NULL) {
		h.from = tx->from;
		h.from_params = tx->from_params;
	}
	if (c->io.tls != NULL) {
		h.tls_version = tls_conn_version(c->io.tls);
		h.tls_cipher = tls_conn_cipher(c->io.tls);
	}
	return (proto_put_handover(chan_ipc(front.pass), c->id, &h) == -1 ||
	    chan_send(front.pass, -1) == -1 ? -1 : 0);
}

static int
send_rcpt(const struct conn *c, const char *to, const char *params)
{
	struct ipc	*ipc = chan_ipc(front.pass);

	ipc_begin(ipc, MSG_HANDOVER_RCPT, c->id);
	ipc_put_str(ipc, to);
	ipc_put_str(ipc, params);
	return (chan_send(front.pass, -1));
}

/*
 * The recipients that were answered 250, then the one that has no answer yet.
 */
static int
send_rcpts(const struct conn *c)
{
	const struct tx	*tx = c->tx;
	const char	*p, *params;
	size_t		 at = 0;

	while (at < buf_len(&tx->rcpts)) {
		p = (const char *)buf_ptr(&tx->rcpts) + at;
		params = p + strlen(p) + 1;
		if (send_rcpt(c, p, params) == -1)
			return (-1);
		at += strlen(p) + strlen(params) + 2;
	}
	return (send_rcpt(c, tx->to, tx->to_params));
}

/* What was read ahead, in pieces that fit into a frame. */
static int
send_input(const struct conn *c)
{
	struct ipc	*ipc = chan_ipc(front.pass);
	size_t		 at, n, len = buf_len(&c->io.in);

	for (at = 0; at < len; at += n) {
		n = len - at < INPUT_CHUNK ? len - at : INPUT_CHUNK;
		ipc_begin(ipc, MSG_HANDOVER_INPUT, c->id);
		ipc_put_data(ipc, buf_ptr(&c->io.in) + at, n);
		if (chan_send(front.pass, -1) == -1)
			return (-1);
	}
	return (0);
}

/*
 * All messages of one hand-over, the descriptor with the last. NULL, or why it
 * is refused. One that stops in the middle is void: pass forgets it at the
 * next BEGIN.
 */
static const char *
send_session(struct conn *c)
{
	int	fd;

	if (front.pass == NULL)
		return ("pass is gone");
	fd = c->io.tls != NULL ? pump_new(c) :
	    fcntl(c->io.fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return (strerror(errno));
	if (send_begin(c) == -1 || (c->tx != NULL && send_rcpts(c) == -1) ||
	    send_input(c) == -1) {
		close(fd);
		return ("the queue to pass is full");
	}
	ipc_begin(chan_ipc(front.pass), MSG_HANDOVER_END, c->id);
	return (chan_send(front.pass, fd) == -1 ?
	    "the queue to pass is full" : NULL);
}

/* The session is not under way to pass any more. */
void
handover_forget(struct conn *c)
{
	if (!(c->flags & F_HANDED))
		return;
	c->flags &= ~F_HANDED;
	front.handovers--;
}

/*
 * What was said before is sent: queues the session to pass, if fewer than
 * FRONT_HANDOVERS are under way. Else handover_unpark comes back to it.
 */
void
handover_step(struct conn *c)
{
	const char	*why;

	if (c->flags & F_HANDED)
		return;
	if (front.handovers >= FRONT_HANDOVERS) {
		front.handovers_wait = 1;
		return;
	}
	if ((why = send_session(c)) != NULL) {
		handover_refused(c, why);
		return;
	}
	c->flags |= F_HANDED;
	front.handovers++;
	c->wait = front_now();
	/* A white host at connect: the firewall's table has lost it. */
	if (c->tx == NULL && c->live->conf->fw != FW_NONE)
		tell_white_seen(&c->client);
}

/*
 * Is there room again? Seldom looked at, as all connections are gone through.
 */
void
handover_unpark(void)
{
	struct conn	*c;
	size_t		 i;

	if (!front.handovers_wait || front.handovers > FRONT_HANDOVERS / 2)
		return;
	front.handovers_wait = 0;
	for (i = 0; i < front.nconns; i++) {
		c = front.conns[i];
		if (c != NULL && c->state == ST_HANDOVER &&
		    !(c->flags & F_HANDED))
			conn_settle(c);
	}
}

static void
log_refused(struct conn *c, const char *why)
{
	char	a[ADDR_STRLEN], enc[CLIENT_LOG_FIELD];

	front.stat[STAT_HANDOVER_REFUSED]++;
	log_event(c->id, "handover-refused", "address=%s why=%s",
	    addr_str(&c->client, a), log_encode_str(enc, sizeof(enc), why));
}

/*
 * The session goes on here as without pass. What pass would have said is said
 * now.
 */
void
handover_refused(struct conn *c, const char *why)
{
	log_refused(c, why);
	pump_free(c);
	handover_forget(c);
	c->flags |= F_NO_HANDOVER;
	c->state = ST_COMMAND;
	c->last = front_now();
	if (c->tx != NULL)
		tx_not_handed(c);
	else if (accept_count(c) == -1)
		conn_close(c, END_REFUSED);	/* a reply says why */
	else
		reply_banner(c);
}

/*
 * Without HANDOVER_OK or NO it is not known whether pass has the session, if
 * it was sent.
 */
void
handover_late(struct conn *c)
{
	if (!(c->flags & F_HANDED)) {
		handover_refused(c, "pass is too slow");
		return;
	}
	log_refused(c, "no answer");
	pump_free(c);
	handover_forget(c);
	conn_expel(c, END_HANDOVER, "4.3.2", "Please try again later");
}

static struct conn *
handed_conn(const struct msg *m)
{
	struct conn	*c = conn_by_id(m->id);

	return (c != NULL && c->state == ST_HANDOVER &&
	    (c->flags & F_HANDED) ? c : NULL);
}

static void
on_handover_ok(struct chan *ch, struct msg *m, void *arg)
{
	struct conn	*c = handed_conn(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == -1 || c == NULL)
		return;
	handover_forget(c);
	c->flags |= F_IN_PASS;
	if (c->io.tls != NULL)
		pump_start(c);
	else
		conn_die(c, END_HANDED);
	conn_settle(c);
	handover_unpark();
}

static void
on_handover_no(struct chan *ch, struct msg *m, void *arg)
{
	struct conn	*c = handed_conn(m);
	const char	*why = msg_get_str(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == -1 || c == NULL)
		return;
	handover_refused(c, why);
	conn_settle(c);
	handover_unpark();
}

void
handover_on_caps(struct chan *ch, struct msg *m, void *arg)
{
	struct mta_caps	caps;

	(void)ch;
	(void)arg;
	if (proto_get_caps(m, &caps) == -1)
		return;
	front.caps = caps;
	front.caps.relays = NULL;
}

static const struct chan_rule pass_rules[] = {
	{ MSG_HANDOVER_OK, 0, on_handover_ok },
	{ MSG_HANDOVER_NO, 0, on_handover_no },
	{ MSG_CAPS, 0, handover_on_caps },
	{ 0, 0, NULL }
};

/*
 * The parent ends the whole set then; until it does, all is as without pass.
 * No other process has the sockets of those that wait any more.
 */
static void
pass_ended(struct chan *ch, enum chan_end end, void *arg)
{
	struct conn	*c;
	size_t		 i;

	(void)arg;
	if (end == CHAN_BROKEN)
		fatalx("front: pass sent a malformed message");
	log_warnx("front: pass is gone");
	front.pass = NULL;
	chan_free(ch);
	for (i = 0; i < front.nconns; i++) {
		c = front.conns[i];
		if (c == NULL || c->state != ST_HANDOVER ||
		    !(c->flags & F_HANDED))
			continue;
		handover_refused(c, "pass is gone");
		conn_settle(c);
	}
}

void
handover_peer(struct child *c, int fd)
{
	front.pass = chan_new(c->base, fd, "pass", pass_rules, NULL,
	    pass_ended);
	if (front.pass == NULL)
		fatal("front: channel to pass");
}
