/*
 * Pass: STARTTLS of a client, through libtls, never blocking.  The
 * certificate's context is tlsctx.c's; a session keeps the one it began with.
 * TLS to the MTA is pass_mta's, TLS of a session that was handed over front's.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <tls.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "pass.h"

int
pass_tls_begin(struct session *s)
{
	/* Whatever came in clear before is as if never sent. */
	buf_free(&s->in);
	if (s->cert == NULL ||
	    (s->tls = tlsctx_accept(s->cert, s->fd)) == NULL) {
		pass.stat[PSTAT_TLS_FAILED]++;
		return (-1);
	}
	pass.stat[PSTAT_TLS]++;
	s->state = PS_HANDSHAKE;
	s->last = clock_mono();
	pass_tls_handshake(s);
	return (0);
}

/* Names for modules, the log and the Received line; they outlive the TLS. */
static int
names_keep(struct session *s)
{
	const char	*version = tls_conn_version(s->tls);
	const char	*cipher = tls_conn_cipher(s->tls);

	s->tls_version = strdup(version != NULL ? version : "TLS");
	s->tls_cipher = strdup(cipher != NULL ? cipher : "unknown");
	s->ms.tls_version = s->tls_version;
	s->ms.tls_cipher = s->tls_cipher;
	return (s->tls_version == NULL || s->tls_cipher == NULL ? -1 : 0);
}

/*
 * A fresh start: who the client said it was counts no more, and an MTA that
 * was told so is not used.
 */
static void
start_anew(struct session *s)
{
	ptx_free(s);
	relay_drop(s);
	free(s->helo);
	s->helo = NULL;
	s->ms.helo = NULL;
	s->ms.esmtp = 0;
	s->offered = 0;
	s->state = PS_COMMAND;
	s->flags |= PF_TLS_MORE;
	s->last = clock_mono();
}

void
pass_tls_handshake(struct session *s)
{
	char	enc[PASS_LOG_FIELD];

	switch (tls_handshake(s->tls)) {
	case 0:
		if (names_keep(s) == -1) {
			pass_die(s, PE_MEMORY);
			return;
		}
		start_anew(s);
		return;
	case TLS_WANT_POLLIN:
		return;
	case TLS_WANT_POLLOUT:
		s->flags |= PF_WANT_WRITE;
		return;
	default:
		log_debug("%016llx tls handshake: %s",
		    (unsigned long long)s->ms.id, tls_error(s->tls) == NULL ?
		    "" : log_encode_str(enc, sizeof(enc), tls_error(s->tls)));
		pass.stat[PSTAT_TLS_FAILED]++;
		pass_die(s, PE_TLS);
	}
}

static ssize_t
tls_result(struct session *s, ssize_t n)
{
	switch (n) {
	case TLS_WANT_POLLOUT:
		s->flags |= PF_WANT_WRITE;
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

ssize_t
pass_tls_read(struct session *s, void *data, size_t len)
{
	return (tls_result(s, tls_read(s->tls, data, len)));
}

ssize_t
pass_tls_write(struct session *s, const void *data, size_t len)
{
	return (tls_result(s, tls_write(s->tls, data, len)));
}

void
pass_tls_end(struct session *s)
{
	if (s->tls == NULL)
		return;
	if (s->state != PS_HANDSHAKE)
		(void)tls_close(s->tls);
	tls_free(s->tls);
	s->tls = NULL;
}
