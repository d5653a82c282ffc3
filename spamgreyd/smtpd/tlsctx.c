/*
 * Certificates for STARTTLS, of front and of pass: libtls contexts that are
 * made from bytes and counted by reference, so that one that is replaced
 * lives on as long as a session has it.  No file is opened here, so it works
 * in an empty chroot; what a session does with its context is the role's.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tls.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/smtpd/tlsctx.h"

#define CERT_WARN	(7 * 86400)	/* s before the end of a certificate */

struct tlsctx {
	unsigned int	 refs;
	struct tls	*ctx;
	char		*name;		/* of the file, for messages */
	int64_t		 notafter;
};

/* One end of the test handshake: the octets that it reads, and its own. */
struct pipe {
	struct buf	*from, *to;
};

void
tlsctx_init(void)
{
	/* Now, while what the library wants to read can be read. */
	if (tls_init() == -1)
		fatalx("tls_init failed");
}

/*
 * libtls' callbacks for the test handshake: one end reads what the other
 * wrote.
 */
static ssize_t
pipe_read(struct tls *t, void *data, size_t len, void *arg)
{
	struct pipe	*p = arg;

	(void)t;
	if (buf_len(p->from) == 0)
		return (TLS_WANT_POLLIN);
	if (len > buf_len(p->from))
		len = buf_len(p->from);
	memcpy(data, buf_ptr(p->from), len);
	buf_drain(p->from, len);
	return ((ssize_t)len);
}

static ssize_t
pipe_write(struct tls *t, const void *data, size_t len, void *arg)
{
	struct pipe	*p = arg;

	(void)t;
	return (buf_add(p->to, data, len) == -1 ? -1 : (ssize_t)len);
}

/*
 * The client of the test handshake, which takes any certificate. NULL: no
 * memory.
 */
static struct tls *
rehearsal_client(void)
{
	struct tls_config	*config;
	struct tls		*client;

	if ((config = tls_config_new()) == NULL)
		return (NULL);
	tls_config_insecure_noverifycert(config);
	tls_config_insecure_noverifyname(config);
	if ((client = tls_client()) != NULL &&
	    tls_configure(client, config) == -1) {
		tls_free(client);
		client = NULL;
	}
	tls_config_free(config);
	return (client);
}

/*
 * A handshake with ourselves, in memory. It shows that certificate and key
 * work before a client finds out, and is the only way in which libtls tells
 * when a certificate expires. -1: logged.
 */
static int
rehearse(struct tlsctx *t)
{
	struct buf	 up = { 0 }, down = { 0 };
	struct pipe	 cp = { &down, &up }, sp = { &up, &down };
	struct tls	*client, *server = NULL;
	int		 i, a = TLS_WANT_POLLIN, b = TLS_WANT_POLLIN;

	if ((client = rehearsal_client()) == NULL)
		return (-1);
	if (tls_connect_cbs(client, pipe_read, pipe_write, &cp,
	    "localhost") == 0 &&
	    tls_accept_cbs(t->ctx, &server, pipe_read, pipe_write, &sp) == 0)
		for (i = 0; i < 16 && (a != 0 || b != 0); i++) {
			if (a != 0 && (a = tls_handshake(client)) == -1)
				break;
			if (b != 0 && (b = tls_handshake(server)) == -1)
				break;
		}
	if (a == 0 && b == 0)
		t->notafter = (int64_t)tls_peer_cert_notafter(client);
	else
		log_warnx("tls certificate %s: test handshake failed: %s",
		    t->name, server != NULL && tls_error(server) != NULL ?
		    tls_error(server) : tls_error(client) != NULL ?
		    tls_error(client) : "no reason given");
	tls_free(server);
	tls_free(client);
	buf_free(&up);
	buf_free(&down);
	return (a == 0 && b == 0 ? 0 : -1);
}

/* The keys are wiped from libtls' configuration at the end. -1: logged. */
static int
tlsctx_setup(struct tlsctx *t, const struct conf_tls *ct)
{
	struct tls_config	*config;
	const char		*why;
	int			 r = -1;

	if ((config = tls_config_new()) == NULL) {
		log_warnx("tls: out of memory");
		return (-1);
	}
	if (tls_config_set_keypair_mem(config, ct->cert, ct->cert_len,
	    ct->key, ct->key_len) == -1 ||
	    tls_config_set_protocols(config,
	    TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_ciphers(config, "compat") == -1 ||
	    tls_configure(t->ctx, config) == -1) {
		why = tls_config_error(config);
		if (why == NULL)
			why = tls_error(t->ctx);
		log_warnx("tls certificate %s key %s: %s; are they in PEM and "
		    "do they belong together?", ct->cert_file, ct->key_file,
		    why != NULL ? why : "unknown error");
	} else
		r = rehearse(t);
	tls_config_clear_keys(config);
	tls_config_free(config);
	return (r);
}

struct tlsctx *
tlsctx_new(const struct conf_tls *ct)
{
	struct tlsctx	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->refs = 1;
	if ((t->name = strdup(ct->cert_file)) == NULL ||
	    (t->ctx = tls_server()) == NULL ||
	    tlsctx_setup(t, ct) == -1) {
		tlsctx_unref(t);
		return (NULL);
	}
	tlsctx_expiry(t);
	return (t);
}

struct tlsctx *
tlsctx_renew(const struct conf_tls *ct, struct tlsctx *before)
{
	struct tlsctx	*t = tlsctx_new(ct);

	if (t == NULL && before != NULL) {
		log_warnx("the certificate in use stays");
		t = tlsctx_ref(before);
	}
	return (t);
}

struct tlsctx *
tlsctx_ref(struct tlsctx *t)
{
	if (t != NULL)
		t->refs++;
	return (t);
}

void
tlsctx_unref(struct tlsctx *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	tls_free(t->ctx);
	free(t->name);
	free(t);
}

/*
 * Warns from CERT_WARN before the end; called at each configuration and once a
 * day.
 */
void
tlsctx_expiry(const struct tlsctx *t)
{
	int64_t		left;
	char		date[32] = "?";
	time_t		when;
	struct tm	tm;

	if (t == NULL)
		return;
	left = t->notafter - clock_wall();
	if (left > CERT_WARN)
		return;
	when = (time_t)t->notafter;
	if (gmtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	log_warnx("tls certificate %s %s %s; renew it and reload", t->name,
	    left <= 0 ? "has expired:" : "expires:", date);
}

struct tls *
tlsctx_accept(struct tlsctx *t, int fd)
{
	struct tls	*session = NULL;

	if (tls_accept_fds(t->ctx, &session, fd, fd) == -1) {
		log_warnx("tls: %s", tls_error(t->ctx));
		return (NULL);
	}
	return (session);
}
