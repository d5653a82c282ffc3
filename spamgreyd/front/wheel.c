/*
 * Front: one timer for all connections. Those that stutter sit in slots of a
 * wheel, one slot a tick, and get an octet when their slot is served. The
 * timeouts are coarse: each tick looks at a part of all connections, and all
 * are looked at in about a second.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

#define TICK_MS		20		/* one slot; a stutter is a multiple */
#define SLOTS		1024		/* 20 s, more than any stutter */
#define SCAN_MIN	64		/* connections looked at a wheel_tick */
#define EXPIRY_CHECK	86400		/* s between looks at certificates */

LIST_HEAD(slot, conn);

static struct slot	 wheel[SLOTS];
static struct event	*tick_ev;
static int64_t		 served;		/* the last tick that was served */
static size_t		 next_scan;	/* where the next look for timeouts begins */
static uint32_t		 certs_seen;

static void
wheel_arm(void)
{
	struct timeval	tv = { 0, TICK_MS * 1000 };

	event_add(tick_ev, &tv);
}

/*
 * Serves a slot. None of its connections comes back into it: a stutter is at
 * least one tick and less than a turn.
 */
static void
slot_serve(struct slot *s)
{
	struct conn	*c;

	while ((c = LIST_FIRST(s)) != NULL) {
		LIST_REMOVE(c, slot);
		c->flags &= ~F_WHEEL;
		conn_due(c);
	}
}

/*
 * What a state may last. LINGER, CLOSING, HANDSHAKE: fixed times. HANDOVER and
 * WAIT: until pass or store should have answered. PUMP: only how long the
 * client does not read, as pass sees its silence. All others: `limit session'
 * of the whole, and `limit idle' without a line.
 */
static void
conn_timeout(struct conn *c, uint32_t now)
{
	const struct conf_limit	*l = &c->live->conf->limit;
	int64_t			 idle = now - c->last;
	int64_t			 age = clock_mono() / 1000 - c->start / 1000;

	if (c->state == ST_LINGER || c->state == ST_CLOSING) {
		if (idle < (c->state == ST_LINGER ? CLIENT_LINGER :
		    CLIENT_LAST_REPLY))
			return;
		conn_die(c, END_NONE);
	} else if (c->state == ST_PUMP) {
		if (buf_len(&c->io.out) == 0 || idle < l->idle)
			return;
		front.stat[STAT_TIMEOUT]++;
		conn_die(c, END_IDLE);
	} else if (c->state == ST_HANDOVER) {
		if (now - c->wait < FRONT_HANDOVER_WAIT)
			return;
		handover_late(c);
	} else if (c->state == ST_HANDSHAKE && idle >= CLIENT_HANDSHAKE) {
		front.stat[STAT_TLS_FAILED]++;
		conn_die(c, END_TLS);
	} else if (age >= (conn_is_black(c) ? l->session_trapped :
	    l->session_grey)) {
		front.stat[STAT_TIMEOUT]++;
		conn_expel(c, END_SESSION, "4.4.2",
		    "This connection has lasted too long");
	} else if (c->state == ST_WAIT) {
		if (now - c->wait >= FRONT_STORE_WAIT)
			tx_unstored(c, "the database does not answer");
		else
			return;
	} else if (idle >= (front.stress && (c->kind == KIND_GREY ||
	    conn_is_black(c)) ? l->idle_stress : l->idle)) {
		front.stat[STAT_TIMEOUT]++;
		conn_expel(c, END_IDLE, "4.4.2", "Timeout, closing");
		/* The client does not read either: do not wait for that. */
		if (buf_len(&c->io.out) > 0)
			conn_die(c, END_IDLE);
	} else
		return;
	conn_settle(c);
}

/* The next part of all connections, as large as lets a second see them all. */
static void
timeouts_scan(void)
{
	size_t		 n = front.nconns * TICK_MS / 1000 + 1;
	uint32_t	 now = front_now();
	struct conn	*c;

	if (n < SCAN_MIN)
		n = SCAN_MIN;
	if (n > front.nconns)
		n = front.nconns;
	while (n-- > 0) {
		if (next_scan >= front.nconns)
			next_scan = 0;
		if ((c = front.conns[next_scan++]) != NULL)
			conn_timeout(c, now);
	}
}

static void
certs_check(uint32_t now)
{
	if (now - certs_seen < EXPIRY_CHECK)
		return;
	certs_seen = now;
	listeners_expiry(&front.listeners);
}

/*
 * Serves all slots that are due (more than one when the loop was late), then
 * the rest. It sleeps for a day while there is no connection.
 */
static void
wheel_tick(evutil_socket_t fd, short what, void *arg)
{
	int64_t	now = clock_mono() / TICK_MS;

	(void)fd;
	(void)what;
	(void)arg;
	if (now - served > SLOTS)
		served = now - SLOTS;
	while (served < now)
		slot_serve(&wheel[++served % SLOTS]);
	rcpt_unpark();
	handover_unpark();
	timeouts_scan();
	certs_check(front_now());
	if (front.count == 0 && certs_seen != 0) {
		struct timeval day = { EXPIRY_CHECK, 0 };

		event_add(tick_ev, &day);
		return;
	}
	wheel_arm();
}

void
wheel_init(void)
{
	if ((tick_ev = evtimer_new(front.base, wheel_tick, NULL)) == NULL)
		fatalx("front: out of memory");
	served = clock_mono() / TICK_MS;
	certs_seen = front_now();
	wheel_arm();
}

void
wheel_start(void)
{
	served = clock_mono() / TICK_MS;
	wheel_arm();
}

/*
 * Puts the connection into the slot of its next octet. Ticks count from the
 * last one served: counted from the clock, a late loop would find the slot
 * behind it and serve it a whole turn later.
 */
void
wheel_add(struct conn *c)
{
	int64_t	ticks = c->live->conf->stutter_ms / TICK_MS;

	if (c->flags & F_WHEEL)
		return;
	if (ticks < 1)
		ticks = 1;
	if (ticks >= SLOTS)
		ticks = SLOTS - 1;
	ticks += clock_mono() / TICK_MS - served;
	if (ticks >= SLOTS)
		ticks = SLOTS - 1;
	LIST_INSERT_HEAD(&wheel[(served + ticks) % SLOTS], c, slot);
	c->flags |= F_WHEEL;
}

void
wheel_del(struct conn *c)
{
	if (!(c->flags & F_WHEEL))
		return;
	LIST_REMOVE(c, slot);
	c->flags &= ~F_WHEEL;
}
