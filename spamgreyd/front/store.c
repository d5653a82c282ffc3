/*
 * Front: the channel to store. Host states come in and are kept as a copy.
 * Each RCPT goes out and its answer comes back; it is found by the session's
 * number, so that an answer to a session that is gone finds nothing.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

static void
rcpt_send_failed(struct conn *c)
{
	tx_unstored(c, "the queue to the database is full");
}

/* Queues the RCPT to store; -1: it could not be queued. */
static int
rcpt_send(struct conn *c)
{
	struct rcpt_req	req;

	memset(&req, 0, sizeof(req));
	req.seq = c->seq;
	req.client = c->client;
	req.helo = c->helo;
	req.from = c->tx->from;
	req.to = c->tx->mailbox;
	if (c->flags & F_LOWMX) {
		req.flags |= RCPT_F_LOWMX;
		req.mx = c->dst;
	}
	if (c->kind == KIND_WHITE || c->kind == KIND_WHITELISTED ||
	    c->kind == KIND_PASS)
		req.flags |= RCPT_F_WHITE;
	if (c->flags & F_ASKED)
		req.flags |= RCPT_F_AGAIN;
	if (c->tx->to_us)
		req.flags |= RCPT_F_TO_US;
	if (proto_put_rcpt(chan_ipc(front.store), c->id, &req) == -1 ||
	    chan_send(front.store, -1) == -1)
		return (-1);
	c->flags |= F_ASKED;
	return (0);
}

/*
 * Above FRONT_STORE_HIGH the client is not read on until there is room, or
 * until it has waited so long (FRONT_STORE_WAIT) that it gets a 451.
 */
void
rcpt_ask(struct conn *c)
{
	struct tx	*tx = c->tx;

	c->state = ST_WAIT;
	c->wait = front_now();
	c->seq++;
	if (front.store == NULL ||
	    chan_queued(front.store) > FRONT_STORE_HIGH ||
	    !TAILQ_EMPTY(&front.parked)) {
		tx->is_parked = 1;
		TAILQ_INSERT_TAIL(&front.parked, tx, parked);
		return;
	}
	if (rcpt_send(c) == -1)
		rcpt_send_failed(c);
}

/*
 * Sends the RCPTs that wait, in the order in which they came, once the queue
 * is down to FRONT_STORE_LOW.
 */
void
rcpt_unpark(void)
{
	struct tx	*tx;

	if (front.store == NULL || chan_queued(front.store) > FRONT_STORE_LOW)
		return;
	while ((tx = TAILQ_FIRST(&front.parked)) != NULL &&
	    chan_queued(front.store) <= FRONT_STORE_HIGH) {
		TAILQ_REMOVE(&front.parked, tx, parked);
		tx->is_parked = 0;
		if (rcpt_send(tx->conn) == -1) {
			rcpt_send_failed(tx->conn);
			conn_settle(tx->conn);
		}
	}
}

/* A connection came to a listener that is no low-priority MX. */
void
tell_visit(const struct addr *client)
{
	struct ipc	*ipc;

	if (front.store == NULL)
		return;
	ipc = chan_ipc(front.store);
	ipc_begin(ipc, MSG_VISIT, 0);
	ipc_put_addr(ipc, client);
	(void)chan_send(front.store, -1);
}

/*
 * A white host came although the firewall should have sent it to pass: store
 * puts it back into the table.
 */
void
tell_white_seen(const struct addr *client)
{
	struct ipc	*ipc;

	if (front.store == NULL)
		return;
	ipc = chan_ipc(front.store);
	ipc_begin(ipc, MSG_WHITE_SEEN, 0);
	ipc_put_addr(ipc, client);
	(void)chan_send(front.store, -1);
}

/*
 * Store wants to know that a client was refused for a limit, not how many: at
 * most once a second.
 */
void
tell_overlimit(void)
{
	static int64_t	last = INT64_MIN;
	int64_t		now = clock_mono() / 1000;

	if (front.store == NULL || now == last)
		return;
	last = now;
	(void)chan_send_empty(front.store, MSG_OVERLIMIT, 0);
}

void
tell_event(const struct conn *c, enum host_event event)
{
	struct event_msg	m;

	if (front.store == NULL)
		return;
	memset(&m, 0, sizeof(m));
	m.client = c->client;
	m.event = (uint8_t)event;
	if (proto_put_event(chan_ipc(front.store), c->id, &m) == 0)
		(void)chan_send(front.store, -1);
}

static void
front_on_hosts_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	hosts_end(front.hosts);
	accept_hosts_ready();
}

/*
 * The sequence number tells an answer to this RCPT from a late one to an
 * earlier RCPT of the session.
 */
static void
front_on_answer(struct chan *ch, struct msg *m, void *arg)
{
	struct rcpt_answer	 ans;
	struct conn		*c;

	(void)ch;
	(void)arg;
	if (proto_get_rcpt_answer(m, &ans) == -1)
		return;
	c = conn_by_id(m->id);
	if (c == NULL || c->state != ST_WAIT || c->seq != ans.seq) {
		front.stat[STAT_LATE]++;
		return;
	}
	tx_answer(c, &ans);
	conn_settle(c);
}

static void
front_on_store_up(struct chan *ch, struct msg *m, void *arg)
{
	uint8_t		 up = msg_get_u8(m);
	const char	*why = msg_get_str(m);

	(void)ch;
	(void)arg;
	/* Store answers RCPTs with "not stored" then; this is for the log. */
	if (up)
		log_info("front: the database is up");
	else
		log_warnx("front: the database is down: %s", why);
}

static void
front_on_stat_ask(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	front_stats(m->id);
}

static const struct chan_rule store_rules[] = {
	{ MSG_CLOCK, 0, states_clock },
	{ MSG_HOSTS_BEGIN, 0, states_begin },
	{ MSG_HOST, 0, states_host },
	{ MSG_CAPS, 0, handover_on_caps },
	{ MSG_HOSTS_END, 0, front_on_hosts_end },
	{ MSG_RCPT_ANSWER, 0, front_on_answer },
	{ MSG_STORE_UP, 0, front_on_store_up },
	{ MSG_STAT_ASK, 0, front_on_stat_ask },
	{ 0, 0, NULL }
};

/*
 * The parent ends the whole set when store dies. Until then clients wait, and
 * are told after a while that nothing was stored. A peer that sends malformed
 * messages is not waited for.
 */
static void
front_store_ended(struct chan *ch, enum chan_end end, void *arg)
{
	(void)arg;
	if (end == CHAN_BROKEN)
		fatalx("front: store sent a malformed message");
	log_warnx("front: store is gone");
	front.store = NULL;
	chan_free(ch);
}

void
front_store_peer(struct child *c, int fd)
{
	if ((front.hosts = hosts_new()) == NULL)
		fatalx("front: out of memory");
	front.store = chan_new(c->base, fd, "store", store_rules, front.hosts,
	    front_store_ended);
	if (front.store == NULL)
		fatal("front: channel to store");
}
