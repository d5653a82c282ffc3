/*
 * STARTTLS of a client, for front and pass: the handshake, step by step as the
 * socket becomes ready, and the end.  The certificate's context is tlsctx.c's;
 * a connection keeps the one that it was accepted with.
 */
#include <sys/types.h>

#include <tls.h>

#include "lib/base/log.h"
#include "spamgreyd/smtpd/smtpd.h"

int
client_tls_begin(struct client_io *io)
{
	/* Nothing that came in clear may count (RFC 3207 4.2). */
	buf_free(&io->in);
	if (io->cert == NULL ||
	    (io->tls = tlsctx_accept(io->cert, io->fd)) == NULL)
		return (-1);
	return (0);
}

int
client_handshake(struct client_io *io, uint64_t id)
{
	char		 enc[CLIENT_LOG_FIELD];
	const char	*error;

	switch (tls_handshake(io->tls)) {
	case 0:
		io->flags |= IO_SECURE | IO_MORE;
		return (1);
	case TLS_WANT_POLLIN:
		return (0);
	case TLS_WANT_POLLOUT:
		io->flags |= IO_FULL;
		return (0);
	default:
		error = tls_error(io->tls);
		log_debug("%016llx tls handshake: %s", (unsigned long long)id,
		    error == NULL ? "" :
		    log_encode_str(enc, sizeof(enc), error));
		return (-1);
	}
}

void
client_tls_end(struct client_io *io)
{
	if (io->tls == NULL)
		return;
	if (io->flags & IO_SECURE)
		(void)tls_close(io->tls);
	tls_free(io->tls);
	io->tls = NULL;
	io->flags &= (uint8_t)~IO_SECURE;
}
