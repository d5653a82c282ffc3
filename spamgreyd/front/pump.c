/*
 * Front: a session that is under TLS here goes on in pass. Octets are pumped
 * between the client and one end of a socketpair, whose other end pass has in
 * place of a client. Each direction has one bounded buffer (the connection's
 * in and out); while that is full the other side is not read. The end of one
 * direction is passed on, and when pass closes, the client gets what is left,
 * and the end.
 *
 * Pass sees a silent client as it would see it itself. It does not see a
 * client that does not read, as what pass says is taken from it here; that
 * client's time is the wheel's (`limit idle').
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

#define PUMP_MAX	16384		/* octets kept of each direction */
#define PUMP_TURNS	16		/* of that, in one turn of the loop */

struct pump {
	struct event	 ev;		/* of pass' side */
	struct event	 more;		/* goes on in the next turn */
	int		 fd;
	short		 watched;
	int		 eof;		/* pass has closed */
	int		 deaf;		/* pass takes no more */
	int		 shut;		/* the client's end was passed on */
};

static uint8_t	pump_buf[PUMP_MAX];	/* one for all: used at once */

static void
pump_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	(void)what;
	pump_run(c);
	conn_settle(c);
}

/* The other end, for pass; -1 with errno. */
int
pump_new(struct conn *c)
{
	struct pump	*p;
	int		 sv[2];

	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1) {
		free(p);
		return (-1);
	}
	p->fd = sv[0];
	evtimer_assign(&p->more, front.base, pump_event, c);
	c->pump = p;
	return (sv[1]);
}

void
pump_free(struct conn *c)
{
	struct pump	*p = c->pump;

	if (p == NULL)
		return;
	c->pump = NULL;
	if (p->watched)
		event_del(&p->ev);
	event_del(&p->more);
	close(p->fd);
	free(p);
}

/* Is the client to be read now? */
int
pump_wants(const struct conn *c)
{
	return (!(c->io.flags & IO_EOF) && !c->pump->deaf &&
	    buf_len(&c->io.in) < PUMP_MAX);
}

/* From the client; 1: some octets came. */
static int
read_client(struct conn *c)
{
	ssize_t	n;

	if (!pump_wants(c))
		return (0);
	n = client_read(&c->io, pump_buf, PUMP_MAX - buf_len(&c->io.in));
	if (n == -1)
		conn_die(c, END_HANGUP);
	else if (n > 0 && buf_add(&c->io.in, pump_buf, (size_t)n) == -1)
		conn_die(c, END_MEMORY);
	return (n > 0);
}

/*
 * To pass. When pass takes no more, the rest is thrown away, and the client is
 * heard no more.
 */
static int
write_pass(struct conn *c)
{
	struct pump	*p = c->pump;
	ssize_t		 n;

	if (buf_len(&c->io.in) == 0)
		return (0);
	n = p->deaf ? (ssize_t)buf_len(&c->io.in) : send(p->fd,
	    buf_ptr(&c->io.in), buf_len(&c->io.in), MSG_NOSIGNAL);
	if (n == -1) {
		if (!client_would_block()) {
			p->deaf = 1;
			buf_free(&c->io.in);
		}
		return (0);
	}
	buf_drain(&c->io.in, (size_t)n);
	return (n > 0);
}

/* From pass; 1: some octets came. */
static int
read_pass(struct conn *c)
{
	struct pump	*p = c->pump;
	ssize_t		 n;

	if (p->eof || buf_len(&c->io.out) >= PUMP_MAX)
		return (0);
	n = recv(p->fd, pump_buf, PUMP_MAX - buf_len(&c->io.out), 0);
	if (n == 0 || (n == -1 && !client_would_block()))
		p->eof = p->deaf = 1;
	else if (n > 0) {
		/* The client's time to take it begins. */
		if (buf_len(&c->io.out) == 0)
			c->last = front_now();
		if (buf_add(&c->io.out, pump_buf, (size_t)n) == -1)
			conn_die(c, END_MEMORY);
	}
	return (n > 0);
}

/* What pass' side waits for becomes what its event is added for. */
static void
pump_watch(struct conn *c)
{
	struct pump	*p = c->pump;
	short		 want = 0;

	if (!p->eof && buf_len(&c->io.out) < PUMP_MAX)
		want |= EV_READ;
	if (!p->deaf && buf_len(&c->io.in) > 0)
		want |= EV_WRITE;
	if (want == p->watched)
		return;
	if (p->watched)
		event_del(&p->ev);
	p->watched = want;
	if (want == 0)
		return;
	event_assign(&p->ev, front.base, p->fd, (short)(want | EV_PERSIST),
	    pump_event, c);
	if (event_add(&p->ev, NULL) == -1) {
		p->watched = 0;
		conn_die(c, END_ERROR);
	}
}

/*
 * Moves what there is to move in both directions, a bounded number of turns;
 * conn_flush writes to the client. When pass has closed and all is sent, the
 * connection closes.
 */
int
pump_run(struct conn *c)
{
	static const struct timeval	 now = { 0, 0 };
	struct pump			*p = c->pump;
	int				 turns = PUMP_TURNS, more = 1;

	while (more && turns-- > 0 && c->state == ST_PUMP) {
		more = read_client(c);
		more |= write_pass(c);
		more |= read_pass(c);
		if (buf_len(&c->io.out) >= PUMP_MAX)
			break;
	}
	if (c->state != ST_PUMP)
		return (0);
	if ((c->io.flags & IO_EOF) && buf_len(&c->io.in) == 0 && !p->shut) {
		p->shut = 1;
		(void)shutdown(p->fd, SHUT_WR);
	}
	if (p->eof && buf_len(&c->io.out) == 0) {
		pump_free(c);
		conn_close(c, END_HANDED);
		return (1);
	}
	pump_watch(c);
	/* What libtls has read ahead makes no descriptor ready. */
	if (more && turns < 0 && pump_wants(c))
		(void)event_add(&p->more, &now);
	return (buf_len(&c->io.out) > 0);
}

/* Pass has the session. */
void
pump_start(struct conn *c)
{
	buf_free(&c->io.in);		/* was sent as HANDOVER_INPUT */
	c->io.flags &= (uint8_t)~IO_MORE;
	c->state = ST_PUMP;
	tx_free(c);
	(void)pump_run(c);
}
