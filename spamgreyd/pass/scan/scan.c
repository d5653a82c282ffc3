/*
 * One question to a scanner: which server, how often, how long; sending the
 * request and reading the answer at the same time.  Knows no protocol, and of
 * the session only its number.
 *
 * A question reports its outcome once, from the event loop.  It may be
 * cancelled at any time, also from its own callbacks.  Therefore each call of
 * one is counted in `busy', and the memory is freed only when the last of them
 * has returned (used).
 *
 * The time: scan_time is for all tries together; the time that is left is
 * divided among the tries that may follow (next_try).
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

/* Bytes of one read, and bytes that are written in a turn. */
#define READ_ONCE	16384
#define WRITE_TURN	(4 * SCAN_WINDOW)
/*
 * When to ask the module whether the answer is complete.  The module parses it
 * from its beginning, so a long answer is only looked at again when it has
 * grown by an eighth, or when nothing has come for a moment.  The work is then
 * in proportion to the length, however small the pieces are that the scanner
 * sends.
 */
/* Bytes up to which the module is asked after each read. */
#define LOOK_FREE	4096
/* Milliseconds without more input after which the module is asked. */
#define LOOK_AGAIN	20

/* One question.  It owns its request, its answer and its connection. */
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
	/* The events rd and wr are assigned. */
	int			 talking;
	int			 writing;	/* wr is added */
	/* Waiting before the next try; timer ends the wait. */
	int			 pausing;
	/* Callbacks that are running. */
	int			 busy;
	/* It was cancelled or has ended while a callback was running. */
	int			 gone;
	struct scan_request	 req;
	/* Bytes of the request that were sent on this connection. */
	uint64_t		 at;
	/* The descriptor of the message until it is sent, or -1. */
	int			 fd;
	struct buf		 in;
	/* Bytes of the answer when the module was last asked. */
	size_t			 looked;
	/* clock_mono when all tries must be over. */
	int64_t			 deadline;
	/* Tries that are left. */
	unsigned int		 tries;
	/* Bits of the servers that were tried. */
	unsigned int		 tried;
	unsigned int		 server;
	char			 why[SCAN_WHY + SCAN_NAME + 8];
};

/*
 * What a socket did not accept is prepared again, so one window is enough for
 * all.
 */
static uint8_t	window[SCAN_WINDOW];

static void	next_try(struct scan *);

/* Closes the connection and frees the request.  The answer stays. */
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

/* Frees s now, or when the last callback returns. */
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

/*
 * A callback has returned.  Returns -1 if s was cancelled in between; then it
 * is freed.
 */
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

/* Reports the outcome and frees s.  whole NULL: failed, s->why says how. */
static void
finish(struct scan *s, const uint8_t *whole, size_t len)
{
	scan_done	 done = s->done;

	hang_up(s);
	event_del(&s->timer);
	s->busy++;
	/* From now on scan_cancel does nothing. */
	s->gone = 1;
	done(whole, len, whole == NULL ? s->why : NULL, s->arg);
	(void)used(s);
}

/* A failure of ours: another server could not do better. */
static void
fail_here(struct scan *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	finish(s, NULL, 0);
}

/*
 * Another try is possible if there is time for it and no byte of an answer has
 * come.
 */
static int
may_try(const struct scan *s)
{
	return (s->tries > 0 && buf_len(&s->in) == 0 &&
	    clock_mono() + SCAN_AGAIN < s->deadline);
}

/*
 * This server does not answer, or not correctly: it is tried last for a while,
 * and the next one is asked.  A single server is asked again after a pause.
 */
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

/*
 * Sends the next bytes of the request.  Returns how many, 0 at the end, -1 with
 * errno of the socket, -2 with errno of the spool.
 */
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

/*
 * Sends the descriptor of the message with the first byte of tail, once;
 * returns as send_window.  A failed send keeps the descriptor for the next
 * attempt.
 */
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

/* Switches the event for writing on or off. */
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
 * Sends as much as the socket accepts, at most WRITE_TURN bytes.  If nothing
 * can be sent any more, the answer that the scanner gave before is still to be
 * read, so the failure is reported by the reading side.
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

/*
 * Asks the module whether the answer is complete, and acts on it.  s may be
 * freed afterwards.  `end' describes a connection that closed without an
 * answer.
 */
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

/* Returns 1 if the answer has grown too little since the last look. */
static int
too_early(const struct scan *s)
{
	size_t	len = buf_len(&s->in);

	return (len > LOOK_FREE && len < SCAN_ANSWER_MAX &&
	    len - s->looked < s->looked / 8);
}

/*
 * Reads once.  While a long answer comes in small pieces, a timer looks at it
 * later.
 */
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

/*
 * The connection to the server is made, or failed.  The request is made for
 * each try again, because servers may need different forms.
 */
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

/*
 * Chooses a server: the first in their order that was not tried and did not
 * fail lately, or else the first that was not tried.  When all were tried, all
 * may be tried again.
 */
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

/*
 * Begins a try.  The time that is left is divided by the servers that could
 * still be tried, so that a silent server leaves time for the others.
 */
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

/* The pause is over, or the time of this try. */
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

/*
 * Does not call back before it returns: sock_open reports from the event loop.
 */
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
