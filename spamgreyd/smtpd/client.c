/*
 * A client's octets, of front and pass: read and written, in clear or under
 * TLS, and the lingering close.  What they mean is the role's business, and so
 * is time.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "spamgreyd/smtpd/smtpd.h"

#define LINGER_MAX	(256 * 1024)	/* octets thrown away after the last
					   reply; then the client is cut off */

/* The results of libtls as those of recv(2) and send(2). */
static ssize_t
client_tls_result(struct client_io *io, ssize_t n)
{
	switch (n) {
	case TLS_WANT_POLLOUT:
		io->flags |= IO_FULL;
		/* FALLTHROUGH */
	case TLS_WANT_POLLIN:
		errno = EAGAIN;
		return (-1);
	case -1:
		errno = ECONNRESET;
		return (-1);
	default:
		return (n);
	}
}

int
client_would_block(void)
{
	return (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/*
 * What libtls has read ahead makes no descriptor ready: IO_MORE says that a
 * read may bring more, until one brings nothing.
 */
ssize_t
client_read(struct client_io *io, void *data, size_t len)
{
	ssize_t	n;

	if (io->tls != NULL)
		n = client_tls_result(io, tls_read(io->tls, data, len));
	else
		n = recv(io->fd, data, len, 0);
	io->flags &= (uint8_t)~IO_MORE;
	if (n == -1)
		return (client_would_block() ? 0 : -1);
	if (n == 0)
		io->flags |= IO_EOF;
	else if (io->tls != NULL)
		io->flags |= IO_MORE;
	io->bytes_in += (uint64_t)n;
	return (n);
}

ssize_t
client_write(struct client_io *io, size_t n, int *hangup)
{
	ssize_t	w;

	*hangup = 0;
	/* With TLS too a write waits for room alone: a reply is not held up by
	 * a read that the protocol itself would want, as the renegotiation of
	 * TLS 1.2 is off. */
	if (io->tls != NULL)
		w = client_tls_result(io, tls_write(io->tls,
		    buf_ptr(&io->out), n));
	else
		w = send(io->fd, buf_ptr(&io->out), n, MSG_NOSIGNAL);
	if (w == -1 && client_would_block()) {
		io->flags |= IO_FULL;
		return (0);
	}
	if (w == -1) {
		*hangup = errno == EPIPE || errno == ECONNRESET;
		buf_free(&io->out);
		return (-1);
	}
	io->flags &= (uint8_t)~IO_FULL;
	io->bytes_out += (uint64_t)w;
	return (w);
}

void
client_no_memory(struct client_io *io)
{
	static const char	text[] = "421 4.3.0 Out of memory, please try "
				    "again later\r\n";
	ssize_t			n;

	if (io->tls != NULL || buf_len(&io->out) > 0)
		return;
	n = send(io->fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		io->bytes_out += (uint64_t)n;
}

/*
 * Input after the last reply is thrown away, as closing a socket with unread
 * input resets the connection, and the client might lose the reply.
 */
int
client_linger_read(struct client_io *io)
{
	static uint8_t	junk[16384];	/* thrown away */
	ssize_t		n;

	n = recv(io->fd, junk, sizeof(junk), 0);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		return (1);
	if (n > 0)
		io->lingered += (uint32_t)n;
	return (io->lingered > LINGER_MAX);
}

int
client_linger(struct client_io *io)
{
	client_tls_end(io);
	(void)shutdown(io->fd, SHUT_WR);
	buf_free(&io->in);
	io->lingered = 0;
	return (client_linger_read(io));
}

/*
 * The event is set again only when what it waits for changes: no system call
 * for a connection that goes on waiting for input.
 */
int
client_watch(struct client_io *io, struct event_base *base, int want_read,
    event_callback_fn fn, void *arg)
{
	short	want = 0;

	if (want_read)
		want |= EV_READ;
	if (io->flags & IO_FULL)
		want |= EV_WRITE;
	if (want == io->watched)
		return (0);
	if (io->watched)
		event_del(&io->ev);
	io->watched = want;
	if (want == 0)
		return (0);
	event_assign(&io->ev, base, io->fd, (short)(want | EV_PERSIST), fn,
	    arg);
	if (event_add(&io->ev, NULL) == -1) {
		io->watched = 0;
		return (-1);
	}
	return (0);
}

void
client_end(struct client_io *io)
{
	if (io->watched)
		event_del(&io->ev);
	client_tls_end(io);
	close(io->fd);
	buf_free(&io->in);
	buf_free(&io->out);
	tlsctx_unref(io->cert);
}
