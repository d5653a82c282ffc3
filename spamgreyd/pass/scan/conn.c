/*
 * A longer conversation with a scanner: a connection that stays, with bytes in
 * both directions.  What the bytes mean and how long to wait for them is the
 * user's part; only making the connection has a time limit here.
 *
 * Callbacks may close the connection.  Therefore each call of one is counted in
 * `busy', and the memory is freed only when the last of them has returned
 * (used).
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spamgreyd/pass/scan/scan_int.h"

/* Bytes of one read, bytes that are written in a turn, bytes of the queue. */
#define READ_ONCE	16384
#define WRITE_TURN	(4 * SCAN_WINDOW)
#define QUEUE_MAX	(4 * 1024 * 1024)

/*
 * A connection.  It owns its buffers and its descriptor; the user owns the
 * pointer until scan_close.
 */
struct scan_conn {
	struct scan_sock sock;
	struct event	 rd, wr;
	/* The events rd and wr are assigned. */
	int		 talking;
	int		 writing;	/* wr is added */
	/*
	 * Writing failed for good.  What the scanner said before can still be
	 * read.
	 */
	int		 wdead;
	/* The user was told that the connection is gone. */
	int		 ended;
	/* Callbacks that are running. */
	int		 busy;
	/* It was closed while a callback was running. */
	int		 gone;
	struct buf	 in, out;
	void		(*ready)(struct scan_conn *, void *);
	size_t		(*input)(struct scan_conn *, const uint8_t *, size_t,
			    const char *, void *);
	void		*arg;
	/* room is called when fewer bytes than this are queued. */
	size_t		 less;
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

/*
 * A callback has returned.  Returns -1 if c was closed in between; then it is
 * freed.
 */
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

/*
 * Tells the user, once, that the connection is gone.  The user usually closes
 * it, so c may be freed afterwards.
 */
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

/* Switches the event for writing on or off. */
static void
want_write(struct scan_conn *c, int on)
{
	if (!c->talking || on == c->writing)
		return;
	c->writing = on;
	if (!on)
		event_del(&c->wr);
	else if (event_add(&c->wr, NULL) == -1)
		/* The user's own timeout ends it. */
		c->writing = 0;
}

/*
 * Writes what is queued, at most WRITE_TURN bytes, so that other connections
 * have their turn.  Then tells a user who waits for room.
 */
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
	/*
	 * A write error is not reported here: what the scanner said before it
	 * closed is still to be read, and the end comes from reading.
	 */
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

/*
 * Reads once and gives all input that was not used yet to the user.  Input that
 * the user leaves is limited to SCAN_ANSWER_MAX bytes.
 */
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

/* The connection was made, or failed. The user may have queued data already. */
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
		/* The end of the connection will be reported, or was. */
		return (0);
	if (len > QUEUE_MAX - buf_len(&c->out) ||
	    buf_add(&c->out, data, len) == -1)
		return (-1);
	want_write(c, 1);
	return (0);
}

/*
 * The last words are sent only if nothing is queued before them; whether the
 * socket takes all of them does not matter.
 */
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
		/* Called from the event loop, even if there is room now. */
		want_write(c, 1);
}
