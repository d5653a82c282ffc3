/*
 * Pass: STARTTLS of a client, through libtls, never blocking.  The
 * certificate's context is tlsctx.c's; a session keeps the one it began with.
 * TLS to the MTA is pass_mta's, TLS of a session that was handed over front's.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <tls.h>

#include "lib/base/clock.h"
#include "spamgreyd/pass/pass.h"

int
pass_tls_begin(struct session *s)
{
	if (client_tls_begin(&s->io) == -1) {
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
	const char	*version = tls_conn_version(s->io.tls);
	const char	*cipher = tls_conn_cipher(s->io.tls);

	s->tls_version = strdup(version != NULL ? version : "TLS");
	s->tls_cipher = strdup(cipher != NULL ? cipher : "unknown");
	s->ms.tls_version = s->tls_version;
	s->ms.tls_cipher = s->tls_cipher;
	return (s->tls_version == NULL || s->tls_cipher == NULL ? -1 : 0);
}

void
pass_tls_handshake(struct session *s)
{
	switch (client_handshake(&s->io, s->ms.id)) {
	case 1:
		if (names_keep(s) == -1) {
			pass_die(s, PE_MEMORY);
			break;
		}
		s->state = PS_COMMAND;
		s->last = clock_mono();
		break;
	case -1:
		pass.stat[PSTAT_TLS_FAILED]++;
		pass_die(s, PE_TLS);
		break;
	default:
		break;
	}
}
