/*
 * STARTTLS to an MTA with libtls, without blocking.  No file is opened: the
 * parent has sent the CA certificates as bytes.
 */
#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include <tls.h>

#include "spamgreyd/pass/mta/mta_int.h"

/*
 * Without `verify' any certificate is accepted: that protects from
 * eavesdropping, not from a server that takes the MTA's place.  Returns -1 if
 * verification is wanted but cannot be done.
 */
static int
config_verify(struct tls_config *config, const struct conf_relay *relay)
{
	if (relay->tls == RELAY_TLS_VERIFY)
		return (relay->ca == NULL || relay->tls_name == NULL ? -1 :
		    tls_config_set_ca_mem(config, relay->ca, relay->ca_len));
	tls_config_insecure_noverifycert(config);
	tls_config_insecure_noverifyname(config);
	return (tls_config_set_ciphers(config, "compat"));
}

/*
 * Makes the TLS context.  Returns -1 and sets *why, which is in a static
 * buffer, because libtls' text is freed with its configuration.
 */
static int
tls_setup(struct mta *m, const char **why)
{
	static char		 text[MTA_WHY];
	struct tls_config	*config;
	int			 r = -1;

	*why = "out of memory";
	if ((config = tls_config_new()) == NULL)
		return (-1);
	if ((m->tls = tls_client()) != NULL &&
	    config_verify(config, m->relay) == 0 &&
	    tls_configure(m->tls, config) == 0 &&
	    tls_connect_socket(m->tls, m->fd, m->relay->tls_name) == 0)
		r = 0;
	else if (m->tls != NULL && tls_error(m->tls) != NULL)
		*why = tls_error(m->tls);
	else if (tls_config_error(config) != NULL)
		*why = tls_config_error(config);
	else if (m->relay->ca == NULL)
		*why = "no CA certificates to verify it with";
	(void)strlcpy(text, *why, sizeof(text));
	*why = text;
	tls_config_free(config);
	return (r);
}

void
mta_tls_begin(struct mta *m)
{
	const char	*why;

	m->state = MS_HANDSHAKE;
	if (tls_setup(m, &why) == -1) {
		mta_fail(m, MTAF_TLS, "TLS cannot be set up: %s", why);
		return;
	}
	mta_wait(m, PT_EHLO);
	mta_tls_handshake(m);
}

/*
 * Continues the handshake; called again when the socket is ready for what TLS
 * wants.
 */
void
mta_tls_handshake(struct mta *m)
{
	const char	*why;

	switch (tls_handshake(m->tls)) {
	case 0:
		mta_want_write(m, 0);
		mta_step_tls(m);
		return;
	case TLS_WANT_POLLIN:
		mta_want_write(m, 0);
		return;
	case TLS_WANT_POLLOUT:
		mta_want_write(m, 1);
		return;
	default:
		why = tls_error(m->tls);
		mta_fail(m, MTAF_TLS, "TLS handshake: %s",
		    why != NULL ? why : "no reason given");
	}
}

/* Turns libtls' results into those of recv(2) and send(2). */
static ssize_t
mta_tls_result(ssize_t n)
{
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		errno = EAGAIN;
		return (-1);
	}
	if (n == -1)
		errno = ECONNRESET;
	return (n);
}

/*
 * A read that must write first would be a renegotiation, which libtls does not
 * do.
 */
ssize_t
mta_tls_read(struct mta *m, void *data, size_t len)
{
	return (mta_tls_result(tls_read(m->tls, data, len)));
}

ssize_t
mta_tls_write(struct mta *m, const void *data, size_t len)
{
	return (mta_tls_result(tls_write(m->tls, data, len)));
}

/* tls_close may fail or would block; the connection is closed all the same. */
void
mta_tls_end(struct mta *m)
{
	if (m->tls == NULL)
		return;
	if (m->state != MS_HANDSHAKE)
		(void)tls_close(m->tls);
	tls_free(m->tls);
	m->tls = NULL;
}
