/*
 * Front: the life of one connection: made, read, written, timed out by the
 * wheel, ended. It knows octets and states; what they mean is the business of
 * smtp.c.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"
#include "spamgreyd/os/os.h"

static uint8_t	read_buf[16384];	/* one for all: a read is used at once */

static void	conn_read(struct conn *);
static void	conn_event(evutil_socket_t, short, void *);

uint32_t
front_now(void)
{
	return ((uint32_t)(clock_mono() / 1000));
}

int
conn_is_black(const struct conn *c)
{
	return (c->kind == KIND_TRAPPED || c->kind == KIND_BLACK);
}

/*
 * Does the reply go out an octet at a time? Trapped and blacklisted hosts get
 * all of it so. Unknown hosts only at the beginning, and not when places are
 * rare: waiting hosts must not keep real senders out.
 */
int
conn_stutters(const struct conn *c)
{
	const struct config	*conf = c->live->conf;

	if (conf->stutter_ms == 0 || c->io.tls != NULL || (c->flags & F_RUSH))
		return (0);
	if (conn_is_black(c))
		return (1);
	if (c->kind != KIND_GREY)
		return (0);
	/* (64 bits: a reload may have lowered max below the count) */
	if ((uint64_t)front.count * 100 >
	    (uint64_t)front.live->max * FRONT_STRESS_HIGH)
		return (0);
	return (clock_mono() - c->start < conf->stutter_grey * 1000);
}

/*
 * The number of a connection that has ended finds nothing, even when its
 * descriptor is in use again.
 */
struct conn *
conn_by_id(uint64_t id)
{
	size_t		 fd = id & SESSION_FD_MASK;
	struct conn	*c;

	if (fd >= front.nconns || (c = front.conns[fd]) == NULL || c->id != id)
		return (NULL);
	return (c);
}

/*
 * The array of connections by descriptor grows as descriptors do. -1: no
 * memory.
 */
static int
conns_insert(struct conn *c)
{
	struct conn	**p;
	size_t		  n;

	if ((size_t)c->io.fd >= front.nconns) {
		n = front.nconns == 0 ? 64 : front.nconns * 2;
		while ((size_t)c->io.fd >= n)
			n *= 2;
		if ((p = reallocarray(front.conns, n, sizeof(*p))) == NULL)
			return (-1);
		memset(p + front.nconns, 0, (n - front.nconns) * sizeof(*p));
		front.conns = p;
		front.nconns = n;
	}
	front.conns[c->io.fd] = c;
	return (0);
}

/*
 * Two marks, so that a number of connections around one of them does not
 * switch the timeouts to and fro. One log line for each change.
 */
static void
stress_update(void)
{
	uint64_t	max = front.live->max;

	if (!front.stress && (uint64_t)front.count * 100 > max *
	    FRONT_STRESS_HIGH) {
		front.stress = 1;
		log_warnx("front: %u of %llu connections in use; unknown hosts "
		    "have %lld s for a command until fewer than %d %% are in "
		    "use",
		    front.count, (unsigned long long)max,
		    (long long)front.live->conf->limit.idle_stress,
		    FRONT_STRESS_LOW);
	} else if (front.stress && (uint64_t)front.count * 100 < max *
	    FRONT_STRESS_LOW) {
		front.stress = 0;
		log_info("front: %u of %llu connections in use; normal "
		    "timeouts again", front.count, (unsigned long long)max);
	}
}

struct conn *
conn_new(struct listener *l, int fd, const struct addr *client, uint16_t port,
    enum conn_kind kind, uint64_t lists, unsigned int reason)
{
	struct client_io	 none = { .fd = fd };
	struct conn		*c;

	if ((c = calloc(1, sizeof(*c))) != NULL)
		c->io.fd = fd;
	if (c == NULL || conns_insert(c) == -1) {
		log_warn("front: connection");
		client_no_memory(&none);
		close(fd);
		free(c);
		return (NULL);
	}
	c->id = (front.next_id++ << SESSION_FD_BITS) | (uint64_t)fd;
	c->client = *client;
	c->port = port;
	c->live = front.live;
	c->live->refs++;
	c->io.cert = tlsctx_ref(l->tls);
	c->listener = l->id;
	c->kind = (uint8_t)kind;
	c->lists = lists;
	c->reason = (uint8_t)reason;
	c->start = clock_mono();
	c->last = front_now();
	if (l->lowmx)
		c->flags |= F_LOWMX;
	if (handover_at_connect(kind))
		handover_begin(c, handover_kind(c));
	else if (kind != KIND_WHITELISTED)
		c->flags |= F_COUNTED;
	listener_dst(l, fd, client, port, &c->dst, &c->dport);
	if (front.count++ == 0)
		wheel_start();
	if (conn_is_black(c))
		front.black++;
	stress_update();
	if (c->live->conf->log_spamd)
		front_spamd_connected(c);
	if (c->state == ST_HANDOVER)
		return (c);		/* conn_settle hands it over */
	reply_banner(c);
	/* Has it spoken already?  With stutter the loop finds that out. */
	if (!conn_stutters(c))
		conn_read(c);
	return (c);
}

void
conn_set_kind(struct conn *c, enum conn_kind kind)
{
	if (conn_is_black(c))
		front.black--;
	c->kind = (uint8_t)kind;
	if (conn_is_black(c))
		front.black++;
}

/* Logs the end of the connection, counts it out everywhere and frees it. */
void
conn_free(struct conn *c)
{
	if (!front.silent) {
		front_log_end(c);
		if (c->live->conf->log_spamd)
			front_spamd_ended(c);
	}
	front.stat[front_stat_verdict(c)]++;
	if (conn_is_black(c))
		front.black--;
	if (c->flags & F_COUNTED)
		accept_uncount(c->live->conf, &c->client);
	wheel_del(c);
	handover_forget(c);
	pump_free(c);
	front_tls_end(c);
	front.conns[c->io.fd] = NULL;
	client_end(&c->io);
	tx_free(c);
	free(c->helo);
	free(c->log_from);
	free(c->log_to);
	front_conf_unref(c->live);
	free(c);
	front.count--;
	stress_update();
}

/* Ends the connection now; the first reason counts. conn_settle frees it. */
void
conn_die(struct conn *c, enum conn_end end)
{
	if (c->end == END_NONE)
		c->end = (uint8_t)end;
	if (end == END_MEMORY && c->state < ST_TLS_START)
		client_no_memory(&c->io);
	c->state = ST_DEAD;
}

/* Ends the connection when all that is queued has been sent. */
void
conn_close(struct conn *c, enum conn_end end)
{
	if (c->end == END_NONE)
		c->end = (uint8_t)end;
	tx_free(c);
	if (c->state < ST_CLOSING)
		c->state = ST_CLOSING;
}

/* Writes n octets of what waits, or all. */
static void
conn_write(struct conn *c, size_t n)
{
	int	hangup;
	ssize_t	w = client_write(&c->io, n, &hangup);

	if (w == -1)
		conn_die(c, hangup ? END_HANGUP : END_ERROR);
	if (w <= 0)
		return;
	c->last = front_now();
	buf_drain(&c->io.out, (size_t)w);
	if (buf_len(&c->io.out) == 0)
		c->flags |= F_BANNER;
}

/*
 * Writes all that waits, or leaves it to the wheel where the connection
 * stutters.
 */
static void
conn_flush(struct conn *c)
{
	if (buf_len(&c->io.out) == 0 || c->state == ST_DEAD ||
	    (c->io.flags & IO_FULL))
		return;
	if (conn_stutters(c)) {
		wheel_add(c);
		return;
	}
	wheel_del(c);
	conn_write(c, buf_len(&c->io.out));
	if (buf_len(&c->io.out) > 0)
		c->io.flags |= IO_FULL;
}

/* The wheel says that the next octet is due. */
void
conn_due(struct conn *c)
{
	if (conn_stutters(c)) {
		/* A full socket is tried again a stutter later. */
		conn_write(c, 1);
		c->io.flags &= (uint8_t)~IO_FULL;
	}
	conn_settle(c);
}

/*
 * How many octets of input are still kept while it cannot be answered. A line
 * must fit; a client that talks while we stutter is held for long and gets
 * little.
 */
static size_t
input_room(const struct conn *c)
{
	size_t	max = c->live->conf->limit.line + 2, len = buf_len(&c->io.in);

	if ((c->flags & F_WHEEL) && max > FRONT_STUTTER_INPUT)
		max = FRONT_STUTTER_INPUT;
	return (len < max ? max - len : 0);
}

/*
 * Reads what fits. Under TLS until there is no more, as what libtls has read
 * ahead makes no descriptor ready.
 */
static void
conn_read(struct conn *c)
{
	size_t	room;
	ssize_t	n;

	do {
		if (c->state == ST_DEAD || (room = input_room(c)) == 0)
			return;
		n = client_read(&c->io, read_buf, room < sizeof(read_buf) ?
		    room : sizeof(read_buf));
		if (n == -1)
			conn_die(c, END_HANGUP);
		if (n <= 0)
			return;
		smtp_input(c, read_buf, (size_t)n);
	} while (c->io.tls != NULL);
}

/*
 * The last reply is sent: closes slowly, so that the client can read it. After
 * QUIT, and where the client has closed already, there is nothing to wait for.
 */
static void
conn_linger(struct conn *c)
{
	if (c->end == END_QUIT || (c->io.flags & IO_EOF)) {
		c->state = ST_DEAD;
		return;
	}
	front_tls_end(c);
	c->last = front_now();
	c->state = client_linger(&c->io) ? ST_DEAD : ST_LINGER;
}

/*
 * Is the socket to be read now? While a session is on its way to pass it is
 * not: what comes is for pass to read.
 */
static int
conn_wants_input(const struct conn *c)
{
	if (c->state == ST_PUMP)
		return (pump_wants(c));
	return (!(c->io.flags & IO_EOF) && c->state != ST_HANDOVER &&
	    (c->state == ST_LINGER || c->state == ST_HANDSHAKE ||
	    input_room(c) > 0));
}

/*
 * All that was queued is sent: takes the next step of the state. 1: look
 * again, there may be more to write or to do.
 */
static int
conn_step(struct conn *c)
{
	switch (c->state) {
	case ST_CLOSING:
		conn_linger(c);
		return (0);
	case ST_TLS_START:
		if (front_tls_begin(c) == -1)
			conn_die(c, END_TLS);
		return (0);
	case ST_HANDOVER:
		handover_step(c);
		return (c->state != ST_HANDOVER);
	case ST_PUMP:
		return (pump_run(c));
	case ST_COMMAND:
	case ST_DATA:
		if (smtp_resume(c))
			return (1);
		if ((c->io.flags & IO_MORE) && input_room(c) > 0) {
			conn_read(c);
			return (buf_len(&c->io.out) > 0);
		}
		return (0);
	default:
		return (0);
	}
}

void
conn_settle(struct conn *c)
{
	do {
		conn_flush(c);
	} while (c->state != ST_DEAD && buf_len(&c->io.out) == 0 &&
	    conn_step(c));
	/* A half-closed client is answered what it asked before, no more. */
	if ((c->io.flags & IO_EOF) && c->state != ST_WAIT &&
	    c->state != ST_HANDOVER && c->state != ST_PUMP &&
	    (buf_len(&c->io.out) == 0 || (c->flags & F_WHEEL)))
		conn_die(c, END_HANGUP);
	if (c->state != ST_DEAD && client_watch(&c->io, front.base,
	    conn_wants_input(c), conn_event, c) == -1)
		conn_die(c, END_ERROR);
	if (c->state == ST_DEAD)
		conn_free(c);
}

static void
conn_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	if (what & EV_WRITE)
		c->io.flags &= (uint8_t)~IO_FULL;
	if (c->state == ST_HANDSHAKE)
		front_tls_handshake(c);
	else if (c->state == ST_PUMP)
		(void)pump_run(c);
	else if ((what & EV_READ) && c->state == ST_LINGER) {
		if (client_linger_read(&c->io))
			c->state = ST_DEAD;
	} else if (what & EV_READ)
		conn_read(c);
	conn_settle(c);
}

void
conn_expel(struct conn *c, enum conn_end end, const char *enhanced,
    const char *text)
{
	/* Where pass speaks, or may speak, front adds nothing: two voices on
	 * one connection lose mail. */
	if (c->state == ST_LINGER || c->state == ST_HANDSHAKE ||
	    c->state == ST_PUMP || c->state == ST_DEAD ||
	    (c->flags & F_HANDED)) {
		conn_die(c, end);
		return;
	}
	c->flags |= F_RUSH;
	/* A reply that is half out is ended first. */
	if (c->state != ST_CLOSING)
		reply(c, "421 %s %s %s\r\n", enhanced,
		    c->live->conf->hostname, text);
	conn_close(c, end);
	conn_flush(c);
}
