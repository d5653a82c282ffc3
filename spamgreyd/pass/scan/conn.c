/*
 * A longer conversation with a scanner: a connection that stays, octets in
 * both directions, nothing more.  What the octets mean, and how long to wait
 * for them, is its user's matter; only the connection itself has a time here.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spamgreyd/pass/scan/scan_int.h"

#define READ_ONCE	16384
#define WRITE_TURN	(4 * SCAN_WINDOW)
#define QUEUE_MAX	(4 * 1024 * 1024)

struct scan_conn {
	struct scan_sock sock;
	struct event	 rd, wr;
	int		 talking;	/* rd, wr are there */
	int		 writing;	/* wr is added */
	int		 wdead;		/* nothing can be written any more */
	int		 ended;		/* its user was told */
	int		 busy;		/* in a callback */
	int		 gone;		/* closed meanwhile */
	struct buf	 in, out;
	void		(*ready)(struct scan_conn *, void *);
	size_t		(*input)(struct scan_conn *, const uint8_t *, size_t,
			    const char *, void *);
	void		*arg;
	size_t		 less;		/* scan_on_room */
	void		(*room)(struct scan_conn *, void *);
	char		 why[SCAN_WHY + SCAN_NAME + 8];
};

static void
conn_free(struct scan_conn *c)
{
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

/* The end of a use: -1 when c is gone. */
static int
used(struct scan_conn *c)
{
	int	gone = c->gone;

	if (--c->busy == 0 && gone)
		conn_free(c);
	return (gone ? -1 : 0);
}

void
scan_close(struct scan_conn *c)
{
	if (c == NULL || c->gone)
		return;
	if (c->talking) {
		event_del(&c->rd);
		event_del(&c->wr);
	}
	c->talking = c->writing = 0;
	sock_close(&c->sock);
	c->gone = 1;
	if (c->busy == 0)
		conn_free(c);
}

/* c may be gone afterwards. */
static void
ended(struct scan_conn *c, const char *why)
{
	char	name[SCAN_NAME];

	if (c->ended)
		return;
	c->ended = 1;
	if (c->talking) {
		event_del(&c->rd);
		event_del(&c->wr);
	}
	c->talking = c->writing = 0;
	snprintf(c->why, sizeof(c->why), "%s: %s",
	    scan_name(c->sock.conf, c->sock.server, name), why);
	c->busy++;
	(void)c->input(c, NULL, 0, c->why, c->arg);
	(void)used(c);
}

static void
want_write(struct scan_conn *c, int on)
{
	if (!c->talking || on == c->writing)
		return;
	c->writing = on;
	if (!on)
		event_del(&c->wr);
	else if (event_add(&c->wr, NULL) == -1)
		c->writing = 0;		/* its user's time ends it */
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct scan_conn	*c = arg;
	void			(*room)(struct scan_conn *, void *) = c->room;
	ssize_t			 n = 0;
	size_t			 turn = 0;

	(void)what;
	while (buf_len(&c->out) > 0 && turn < WRITE_TURN) {
		n = send(fd, buf_ptr(&c->out), buf_len(&c->out),
		    MSG_NOSIGNAL);
		if (n == -1)
			break;
		buf_drain(&c->out, (size_t)n);
		turn += (size_t)n;
	}
	/* What it said before it went away is still to be read. */
	if (n == -1 && errno != EAGAIN && errno != EWOULDBLOCK &&
	    errno != EINTR) {
		c->wdead = 1;
		buf_free(&c->out);
	}
	want_write(c, buf_len(&c->out) > 0);
	if (room == NULL || c->wdead || buf_len(&c->out) >= c->less)
		return;
	c->room = NULL;
	c->busy++;
	room(c, c->arg);
	(void)used(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct scan_conn	*c = arg;
	uint8_t			*p;
	ssize_t			 n;
	size_t			 k;

	(void)what;
	if ((p = buf_reserve(&c->in, READ_ONCE)) == NULL) {
		ended(c, "out of memory");
		return;
	}
	n = recv(fd, p, READ_ONCE, 0);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))
		return;
	if (n <= 0) {
		ended(c, n == -1 ? strerror(errno) : buf_len(&c->in) > 0 ?
		    "it closed the connection during an answer" :
		    "it closed the connection");
		return;
	}
	buf_grew(&c->in, (size_t)n);
	c->busy++;
	k = c->input(c, buf_ptr(&c->in), buf_len(&c->in), NULL, c->arg);
	if (used(c) == -1)
		return;
	buf_drain(&c->in, k < buf_len(&c->in) ? k : buf_len(&c->in));
	if (buf_len(&c->in) >= SCAN_ANSWER_MAX)
		ended(c, "its answer is too long");
}

static void
connected(struct scan_sock *k, const char *why, void *arg)
{
	struct scan_conn	*c = arg;

	if (why != NULL) {
		ended(c, why);
		return;
	}
	event_assign(&c->rd, scan_base, k->fd, EV_READ | EV_PERSIST,
	    on_readable, c);
	event_assign(&c->wr, scan_base, k->fd, EV_WRITE | EV_PERSIST,
	    on_writable, c);
	c->talking = 1;
	if (event_add(&c->rd, NULL) == -1) {
		ended(c, "cannot add an event for the connection");
		return;
	}
	want_write(c, buf_len(&c->out) > 0 || c->room != NULL);
	c->busy++;
	c->ready(c, c->arg);
	(void)used(c);
}

struct scan_conn *
scan_connect(struct scan_conf *conf, uint64_t session, unsigned int server,
    void (*ready)(struct scan_conn *, void *),
    size_t (*input)(struct scan_conn *, const uint8_t *, size_t,
    const char *, void *), void *arg)
{
	struct scan_conn	*c;

	(void)session;
	if (server >= conf->n || (c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->ready = ready;
	c->input = input;
	c->arg = arg;
	sock_init(&c->sock);
	sock_open(&c->sock, conf, server, conf->connect, connected, c);
	return (c);
}

int
scan_write(struct scan_conn *c, const void *data, size_t len)
{
	if (c->ended || c->wdead)
		return (0);		/* the end comes, or was told */
	if (len > QUEUE_MAX - buf_len(&c->out) ||
	    buf_add(&c->out, data, len) == -1)
		return (-1);
	want_write(c, 1);
	return (0);
}

void
scan_last_words(struct scan_conn *c, const void *data, size_t len)
{
	if (c != NULL && !c->gone && c->talking && buf_len(&c->out) == 0)
		(void)send(c->sock.fd, data, len, MSG_NOSIGNAL);
	scan_close(c);
}

size_t
scan_queued(const struct scan_conn *c)
{
	return (buf_len(&c->out));
}

void
scan_on_room(struct scan_conn *c, size_t less,
    void (*fn)(struct scan_conn *, void *))
{
	c->less = less;
	c->room = fn;
	if (fn != NULL)
		want_write(c, 1);	/* from the loop, also when it is now */
}
