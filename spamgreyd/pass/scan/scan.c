/*
 * One question to a scanner: which server, how often, how long; the request
 * out, the answer in, at the same time.  Knows no protocol and no session but
 * by its number.  A question is told its outcome once, from the event loop,
 * and may be cancelled at any time, from inside its own callbacks too.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/scan/scan_int.h"

#define READ_ONCE	16384
#define WRITE_TURN	(4 * SCAN_WINDOW)
/*
 * Is an answer whole?  A module reads it from its beginning to tell, so a long
 * one is not looked at again before it has grown by an eighth, or after a
 * moment when no more comes: the work is in proportion to its length, however
 * small the pieces are.
 */
#define LOOK_FREE	4096		/* octets: looked at with each read */
#define LOOK_AGAIN	20		/* ms */

struct scan {
	struct scan_conf	*conf;
	uint64_t		 session;
	int			(*make)(struct scan_request *, unsigned int,
				    void *);
	scan_more		 more;
	scan_done		 done;
	void			*arg;
	struct scan_sock	 sock;
	struct event		 rd, wr, timer, later;
	int			 talking;	/* rd, wr are there */
	int			 writing;	/* wr is added */
	int			 pausing;	/* before the next try */
	int			 busy;		/* in a callback, or in a use */
	int			 gone;		/* cancelled meanwhile */
	struct scan_request	 req;
	uint64_t		 at;		/* octets of it that are out */
	int			 fd;		/* of the message, until it is sent */
	struct buf		 in;
	size_t			 looked;	/* octets of it at the last look */
	int64_t			 deadline;	/* clock_mono, of it all */
	unsigned int		 tries;		/* that are left */
	unsigned int		 tried;		/* servers, bits */
	unsigned int		 server;
	char			 why[SCAN_WHY + SCAN_NAME + 8];
};

static uint8_t	window[SCAN_WINDOW];	/* what is not taken is made again */

static void	next_try(struct scan *);

/* The connection and what was to be sent there; not the answer. */
static void
hang_up(struct scan *s)
{
	if (s->talking) {
		event_del(&s->rd);
		event_del(&s->wr);
	}
	event_del(&s->later);
	s->talking = s->writing = 0;
	sock_close(&s->sock);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	request_clear(&s->req);
}

static void
scan_free(struct scan *s)
{
	hang_up(s);
	event_del(&s->timer);
	if (s->busy == 0) {
		buf_free(&s->in);
		free(s);
	} else
		s->gone = 1;
}

void
scan_cancel(struct scan *s)
{
	if (s != NULL && !s->gone)
		scan_free(s);
}

int
scan_sent(const struct scan *s)
{
	return (s->at >= request_len(&s->req));
}

/* The end of a use: -1 when s is gone. */
static int
used(struct scan *s)
{
	int	gone = s->gone;

	if (--s->busy == 0 && gone) {
		buf_free(&s->in);
		free(s);
	}
	return (gone ? -1 : 0);
}

static void
finish(struct scan *s, const uint8_t *whole, size_t len)
{
	scan_done	 done = s->done;

	hang_up(s);
	event_del(&s->timer);
	s->busy++;
	s->gone = 1;			/* (so that cancelling it is nothing) */
	done(whole, len, whole == NULL ? s->why : NULL, s->arg);
	(void)used(s);
}

/* Nothing that another server could do better. */
static void
fail_here(struct scan *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	finish(s, NULL, 0);
}

static int
may_try(const struct scan *s)
{
	return (s->tries > 0 && buf_len(&s->in) == 0 &&
	    clock_mono() + SCAN_AGAIN < s->deadline);
}

/* This server does not answer, or not as it should. */
static void
fail(struct scan *s, const char *why)
{
	char	name[SCAN_NAME];

	snprintf(s->why, sizeof(s->why), "%s: %s",
	    scan_name(s->conf, s->server, name), why);
	s->conf->server[s->server].avoid = clock_mono() + SCAN_AVOID;
	if (!may_try(s)) {
		health_bad(s->conf, s->why);
		finish(s, NULL, 0);
		return;
	}
	log_debug("%016llx pass %s %s; trying again",
	    (unsigned long long)s->session, s->conf->module, s->why);
	hang_up(s);
	if (s->conf->n > 1) {
		next_try(s);
		return;
	}
	s->pausing = 1;
	scan_timer(&s->timer, SCAN_AGAIN);
}

/* --- out */

static int
send_window(struct scan *s)
{
	ssize_t	n, w;

	if ((n = request_fill(&s->req, s->at, window, sizeof(window))) <= 0)
		return (n == 0 ? 0 : -2);
	if ((w = send(s->sock.fd, window, (size_t)n, MSG_NOSIGNAL)) == -1)
		return (-1);
	s->at += (uint64_t)w;
	return (w > 0 ? (int)w : 1);
}

/* The descriptor goes once, between head and the rest of tail. */
static int
send_message_fd(struct scan *s)
{
	if (s->fd == -1 && (s->fd = spool_fd(s->req.spool)) == -1)
		return (-2);
	if (request_send_fd(&s->req, s->sock.fd, s->fd) == -1)
		return (-1);
	close(s->fd);
	s->fd = -1;
	s->at++;
	return (1);
}

static void
want_write(struct scan *s, int on)
{
	if (on == s->writing)
		return;
	s->writing = on;
	if (!on)
		event_del(&s->wr);
	else if (event_add(&s->wr, NULL) == -1)
		fail_here(s, "cannot add an event for the connection");
}

/*
 * As much as it takes, up to a turn's share.  When it takes nothing any more
 * for good, what it said before is still to be read: the end comes from there.
 */
static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct scan	*s = arg;
	int		 n, turn = 0;

	(void)fd;
	(void)what;
	do {
		if (s->req.how == SCAN_FD_MESSAGE &&
		    s->at == buf_len(&s->req.head))
			n = send_message_fd(s);
		else
			n = send_window(s);
		turn += n;
	} while (n > 0 && turn < WRITE_TURN);
	if (n == -2) {
		snprintf(s->why, sizeof(s->why), "the spool: %s",
		    strerror(errno));
		finish(s, NULL, 0);
		return;
	}
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))) {
		want_write(s, 1);
		return;
	}
	want_write(s, 0);
	if (n == 0 && s->req.shut)
		(void)shutdown(s->sock.fd, SHUT_WR);
}

/* --- in */

/* Is the answer whole?  s may be gone afterwards. */
static void
consider(struct scan *s, int eof, const char *end)
{
	static const uint8_t	 none[1];
	const char		*why = "its answer is malformed";
	size_t			 len = buf_len(&s->in);
	int			 r;

	s->looked = len;
	s->busy++;
	r = s->more(len == 0 ? none : buf_ptr(&s->in), len, eof, s->arg, &why);
	if (used(s) == -1)
		return;
	if (r == 1) {
		s->conf->server[s->server].avoid = 0;
		health_good(s->conf);
		finish(s, len == 0 ? none : buf_ptr(&s->in), len);
	} else if (r == -1 && len > 0)
		fail(s, why);
	else if (eof)
		fail(s, len > 0 ? "it closed the connection during its "
		    "answer" : end);
	else if (len >= SCAN_ANSWER_MAX)
		fail(s, "its answer is too long");
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	consider(arg, 0, "");
}

/* Has it grown too little to be looked at now? */
static int
too_early(const struct scan *s)
{
	size_t	len = buf_len(&s->in);

	return (len > LOOK_FREE && len < SCAN_ANSWER_MAX &&
	    len - s->looked < s->looked / 8);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct scan	*s = arg;
	uint8_t		*p;
	ssize_t		 n;

	(void)what;
	if ((p = buf_reserve(&s->in, READ_ONCE)) == NULL) {
		fail_here(s, "out of memory");
		return;
	}
	n = recv(fd, p, READ_ONCE, 0);
	if (n == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return;
		fail(s, strerror(errno));
		return;
	}
	buf_grew(&s->in, (size_t)n);
	if (n > 0 && too_early(s)) {
		if (!evtimer_pending(&s->later, NULL))
			scan_timer(&s->later, LOOK_AGAIN);
		return;
	}
	event_del(&s->later);
	consider(s, n == 0, "it closed the connection without an answer");
}

/* --- tries */

static void
connected(struct scan_sock *k, const char *why, void *arg)
{
	struct scan	*s = arg;
	int		 r;

	if (why != NULL) {
		fail(s, why);
		return;
	}
	s->at = 0;
	s->busy++;
	r = s->make(&s->req, s->server, s->arg);
	if (used(s) == -1)
		return;
	if (r == -1) {
		fail_here(s, "out of memory");
		return;
	}
	event_assign(&s->rd, scan_base, k->fd, EV_READ | EV_PERSIST,
	    on_readable, s);
	event_assign(&s->wr, scan_base, k->fd, EV_WRITE | EV_PERSIST,
	    on_writable, s);
	s->talking = 1;
	if (event_add(&s->rd, NULL) == -1) {
		fail_here(s, "cannot add an event for the connection");
		return;
	}
	on_writable(k->fd, EV_WRITE, s);
}

/* The first in their order that was not asked yet and did not fail lately;
 * else the first that was not asked; else all may be asked again. */
static unsigned int
choose(struct scan *s)
{
	const struct scan_conf	*c = s->conf;
	int64_t			 now = clock_mono();
	unsigned int		 i, other = c->n;

	if (s->tried == (1U << c->n) - 1)
		s->tried = 0;
	for (i = 0; i < c->n; i++) {
		if (s->tried & 1U << i)
			continue;
		if (c->server[i].avoid <= now)
			return (i);
		if (other == c->n)
			other = i;
	}
	return (other);
}

/* A silent server gets its share of the time, so that another one has some. */
static void
next_try(struct scan *s)
{
	int64_t		left = s->deadline - clock_mono(), connect;
	unsigned int	i, others = 0;

	s->server = choose(s);
	s->tried |= 1U << s->server;
	s->tries--;
	for (i = 0; i < s->conf->n; i++)
		others += !(s->tried & 1U << i);
	if (others > s->tries)
		others = s->tries;
	left /= others + 1;
	connect = left < s->conf->connect ? left : s->conf->connect;
	scan_timer(&s->timer, left);
	sock_open(&s->sock, s->conf, s->server, connect, connected, s);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct scan	*s = arg;

	(void)fd;
	(void)what;
	if (s->pausing) {
		s->pausing = 0;
		next_try(s);
	} else
		fail(s, buf_len(&s->in) > 0 ?
		    "timeout: its answer is incomplete" : "timeout: no answer");
}

struct scan *
scan_start(struct scan_conf *conf, uint64_t session,
    int (*make)(struct scan_request *, unsigned int, void *), scan_more more,
    scan_done done, void *arg)
{
	struct scan	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->conf = conf;
	s->session = session;
	s->make = make;
	s->more = more;
	s->done = done;
	s->arg = arg;
	s->fd = -1;
	s->tries = conf->tries;
	s->deadline = clock_mono() + scan_time(conf);
	sock_init(&s->sock);
	evtimer_assign(&s->timer, scan_base, on_timer, s);
	evtimer_assign(&s->later, scan_base, on_later, s);
	health_begin(conf);
	next_try(s);
	return (s);
}
