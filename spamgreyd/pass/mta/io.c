/*
 * Bytes to and from an MTA: a command is one write, a reply usually one read.
 * Input is put together to replies.  What comes without having been asked for
 * is kept apart (m->ahead), because it must never be taken for an answer.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/pass/mta/mta_int.h"

/* A read is used at once, so all connections share one buffer. */
static uint8_t	read_buf[MTA_READ];

static void	io_readable(evutil_socket_t, short, void *);
static void	io_writable(evutil_socket_t, short, void *);

/*
 * A use of m has ended.  Returns -1 if m was freed in between; then its memory
 * is freed now.
 */
static int
mta_release(struct mta *m)
{
	int	gone = (m->flags & MF_FREED) != 0;

	if (--m->uses == 0 && gone)
		free(m);
	return (gone ? -1 : 0);
}

int
mta_tell(struct mta *m, const struct mta_event *ev)
{
	m->uses++;
	m->cb(m, ev, m->arg);
	return (mta_release(m));
}

/*
 * For a probe: the addresses of the connection itself.  PROXY's ways to say
 * "for myself" are not accepted by all servers (Postfix refuses UNKNOWN,
 * OpenSMTPD stops at LOCAL).
 */
static void
own_ends(const struct mta *m, struct mta_client *c)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);

	memset(c, 0, sizeof(*c));
	c->dst = m->target->addr;
	c->dport = m->target->port;
	c->addr = c->dst;
	if (getsockname(m->fd, (struct sockaddr *)&ss, &len) == 0)
		(void)addr_from_sa((struct sockaddr *)&ss, &c->addr, &c->port);
}

/*
 * Queues the header of the PROXY protocol, which must come before everything
 * else.  Returns -1 if there is no memory.
 */
static int
proxy_header(struct mta *m)
{
	const struct mta_client	*c = &m->client;
	struct mta_client	 own;
	uint8_t			 header[128];
	size_t			 n;

	if (m->relay->client != CLIENT_PROXY1 &&
	    m->relay->client != CLIENT_PROXY2)
		return (0);
	if (m->flags & MF_PROBE) {
		own_ends(m, &own);
		c = &own;
	}
	if (m->relay->client == CLIENT_PROXY1)
		n = mta_proxy1(c, (char *)header, sizeof(header));
	else
		n = mta_proxy2(c, header, sizeof(header));
	return (buf_add(&m->out, header, n));
}

void
mta_io_begin(struct mta *m)
{
	buf_drain_keep(&m->out, buf_len(&m->out));
	m->flags |= MF_STALE;
	event_assign(&m->io_read, m->base, m->fd, EV_READ | EV_PERSIST,
	    io_readable, m);
	event_assign(&m->io_write, m->base, m->fd, EV_WRITE | EV_PERSIST,
	    io_writable, m);
	if (proxy_header(m) == -1) {
		mta_fail(m, MTAF_MEMORY, "out of memory");
		return;
	}
	if (event_add(&m->io_read, NULL) == -1) {
		mta_fail(m, MTAF_MEMORY, "no event for the connection");
		return;
	}
	m->flags |= MF_WATCHED;
	mta_flush(m);
}

/* Says QUIT if that is possible at once; its reply is not awaited. */
static void
say_quit(struct mta *m)
{
	if ((m->flags & MF_WDEAD) || buf_len(&m->out) > 0)
		return;
	if (m->tls != NULL)
		(void)mta_tls_write(m, "QUIT\r\n", 6);
	else
		(void)send(m->fd, "QUIT\r\n", 6, MSG_NOSIGNAL);
}

/* Input that was not asked for belongs to the connection and goes with it. */
void
mta_io_end(struct mta *m, int quit)
{
	if (m->fd == -1)
		return;
	if (quit)
		say_quit(m);
	if (m->flags & MF_WATCHED)
		event_del(&m->io_read);
	mta_want_write(m, 0);
	m->flags &= ~(unsigned int)MF_WATCHED;
	mta_tls_end(m);
	close(m->fd);
	m->fd = -1;
	smtpreply_reuse(&m->ahead);
}

void
mta_want_write(struct mta *m, int on)
{
	if (on == ((m->flags & MF_WRITING) != 0))
		return;
	m->flags ^= MF_WRITING;
	if (!on)
		event_del(&m->io_write);
	else if (event_add(&m->io_write, NULL) == -1) {
		m->flags &= ~(unsigned int)MF_WRITING;
		mta_fail(m, MTAF_MEMORY, "no event for the connection");
	}
}

/*
 * Writes and returns how much. 0 also means that nothing can be written any
 * more (MF_WDEAD).  Then what the MTA said before it closed is still to be
 * read; that, or the end, comes as an event of its own.
 */
size_t
mta_write(struct mta *m, const struct iovec *iov, int n)
{
	struct msghdr	msg = { 0 };
	struct iovec	copy[3];
	ssize_t		w;

	if (m->flags & MF_WDEAD)
		return (0);
	if (m->tls != NULL)
		w = mta_tls_write(m, iov[0].iov_base, iov[0].iov_len);
	else if (n == 1)
		w = send(m->fd, iov[0].iov_base, iov[0].iov_len,
		    MSG_NOSIGNAL);
	else {
		memcpy(copy, iov, sizeof(copy[0]) * (size_t)n);
		msg.msg_iov = copy;
		msg.msg_iovlen = (size_t)n;
		w = sendmsg(m->fd, &msg, MSG_NOSIGNAL);
	}
	if (w >= 0)
		return ((size_t)w);
	/* ENOTCONN: on some systems the socket is still connecting. */
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
	    (errno != ENOTCONN || m->state != MS_CONNECT))
		m->flags |= MF_WDEAD;
	return (0);
}

/*
 * Writes what is queued, and then continues with the message if there is one.
 */
void
mta_flush(struct mta *m)
{
	struct iovec	iov;
	size_t		n;

	while (buf_len(&m->out) > 0) {
		iov.iov_base = buf_ptr(&m->out);
		iov.iov_len = buf_len(&m->out);
		if ((n = mta_write(m, &iov, 1)) == 0)
			break;
		buf_drain_keep(&m->out, n);
	}
	if (m->flags & MF_WDEAD)
		mta_want_write(m, 0);
	else if (buf_len(&m->out) > 0)
		mta_want_write(m, 1);
	else if (m->state == MS_BODY)
		mta_body_write(m);
	else
		mta_want_write(m, 0);
}

/*
 * A command is only sent when nothing came that was not asked for: it could be
 * taken for the command's reply.
 */
void
mta_say(struct mta *m, enum mta_state state, enum pass_timeout pt,
    const char *line)
{
	if (mta_has_ahead(m)) {
		mta_fail_ahead(m);
		return;
	}
	if (buf_addstr(&m->out, line) == -1 ||
	    buf_add(&m->out, "\r\n", 2) == -1) {
		mta_fail(m, MTAF_MEMORY, "out of memory");
		return;
	}
	m->state = state;
	m->flags |= MF_STALE;
	mta_wait(m, pt);
	mta_flush(m);
}

int
mta_has_ahead(const struct mta *m)
{
	return (m->ahead.len > 0 || (m->flags & MF_AHEAD_BAD));
}

/*
 * Ends the connection because of a reply that was not asked for. 421 is the
 * MTA's regular way to close a connection.
 */
void
mta_fail_ahead(struct mta *m)
{
	const char	*text;
	size_t		 len;

	if (m->ahead.code == 421 && !(m->flags & MF_AHEAD_BAD) &&
	    (text = smtpreply_line(&m->ahead, 0, &len)) != NULL)
		mta_fail(m, MTAF_CLOSED, "it ended the connection: 421 %.*s",
		    (int)(len < 160 ? len : 160), text);
	else
		mta_fail(m, MTAF_NONSENSE, "it sent an unexpected reply");
}

/*
 * Takes input that was not asked for: behind a reply, or while no command is
 * under way.  Returns 1 if enough has come to judge it.
 */
static int
ahead_input(struct mta *m, const uint8_t *data, size_t len)
{
	size_t	used;

	if (m->flags & MF_AHEAD_BAD)
		return (1);
	switch (smtpreply_input(&m->ahead, data, len, &used)) {
	case SMTPREPLY_MORE:
		return (0);
	case SMTPREPLY_DONE:
		return (1);
	default:
		m->flags |= MF_AHEAD_BAD;
		return (1);
	}
}

/* Returns 1 if the MTA owes a reply. */
static int
asked(const struct mta *m)
{
	return (m->state != MS_READY && m->state != MS_NEXT &&
	    m->state != MS_DEAD);
}

/* Takes input that belongs to the reply; a complete reply goes to mta_step. */
static void
io_input(struct mta *m, const uint8_t *data, size_t len)
{
	size_t	used;

	if (!asked(m)) {
		if (m->state == MS_READY && ahead_input(m, data, len))
			mta_fail_ahead(m);
		return;
	}
	if (m->flags & MF_STALE) {
		smtpreply_reuse(&m->reply);
		m->flags &= ~(unsigned int)MF_STALE;
	}
	switch (smtpreply_input(&m->reply, data, len, &used)) {
	case SMTPREPLY_MORE:
		return;
	case SMTPREPLY_DONE:
		break;
	case SMTPREPLY_NOMEM:
		mta_fail(m, MTAF_MEMORY, "out of memory");
		return;
	default:
		mta_fail(m, MTAF_NONSENSE, "its reply is not valid SMTP");
		return;
	}
	if (used < len)
		(void)ahead_input(m, data + used, len - used);
	mta_step(m);
}

/* The MTA has closed the connection (n is 0), or it broke (-1, errno). */
static void
io_closed(struct mta *m, ssize_t n)
{
	int	connecting = m->state == MS_CONNECT;

	if (n == -1 && connecting && errno != ECONNRESET && errno != EPIPE)
		mta_fail(m, MTAF_CONNECT, "no connection: %s",
		    strerror(errno));
	else if (m->state == MS_HANDSHAKE)
		mta_fail(m, MTAF_TLS, "it closed the connection during the "
		    "TLS handshake");
	else if (m->ahead.code == 421)
		mta_fail_ahead(m);
	else
		mta_fail(m, MTAF_CLOSED, "it closed the connection%s",
		    m->state != MS_READY && !(m->flags & MF_STALE) ?
		    " in the middle of a reply" : "");
}

/*
 * Reads once in a turn.  Under TLS it reads until there is no more, because
 * input that the library holds already makes no descriptor ready.  Returns -1
 * if m may be gone.
 */
static int
io_read(struct mta *m)
{
	ssize_t	n;

	do {
		if (m->tls != NULL)
			n = mta_tls_read(m, read_buf, sizeof(read_buf));
		else
			n = recv(m->fd, read_buf, sizeof(read_buf), 0);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == EINTR))
			return (0);
		if (n <= 0) {
			io_closed(m, n);
			return (-1);
		}
		m->uses++;
		io_input(m, read_buf, (size_t)n);
		if (mta_release(m) == -1)
			return (-1);
	} while (m->tls != NULL && m->state != MS_HANDSHAKE && m->fd != -1);
	return (m->fd == -1 ? -1 : 0);
}

static void
io_readable(evutil_socket_t fd, short what, void *arg)
{
	struct mta	*m = arg;

	(void)fd;
	(void)what;
	if (m->state == MS_HANDSHAKE)
		mta_tls_handshake(m);
	else if (io_read(m) == 0 && m->tls != NULL && buf_len(&m->out) > 0)
		/* TLS may have had to read before it could write. */
		mta_flush(m);
}

static void
io_writable(evutil_socket_t fd, short what, void *arg)
{
	struct mta	*m = arg;

	(void)fd;
	(void)what;
	if (m->state == MS_HANDSHAKE)
		mta_tls_handshake(m);
	else
		mta_flush(m);
}
