/*
 * Front: STARTTLS through libtls, never blocking.  Certificates come as bytes
 * from the parent; nothing here opens a file, so it works in an empty chroot.
 * A certificate that is replaced lives on as long as a session has it.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tls.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "front.h"

struct front_tls {
	unsigned int	 refs;
	struct tls	*ctx;
	char		*name;		/* of the file, for messages */
	int64_t		 notafter;
};

/* One direction of the rehearsal: what one end wrote and the other reads. */
struct pipe {
	struct buf	*from, *to;
};

void
front_tls_init(void)
{
	/* Now, while what the library wants to read can be read. */
	if (tls_init() == -1)
		fatalx("tls_init failed");
}

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
 * A handshake with ourselves, in memory: shows that certificate and key work
 * before a client finds out, and is the way in which libtls tells until when
 * a certificate is good.
 */
static int
rehearse(struct front_tls *t)
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
		log_warnx("tls certificate %s: a handshake with it fails: %s",
		    t->name, server != NULL && tls_error(server) != NULL ?
		    tls_error(server) : tls_error(client) != NULL ?
		    tls_error(client) : "no reason given");
	tls_free(server);
	tls_free(client);
	buf_free(&up);
	buf_free(&down);
	return (a == 0 && b == 0 ? 0 : -1);
}

static int
front_tls_setup(struct front_tls *t, const struct conf_tls *ct)
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

struct front_tls *
front_tls_new(const struct conf_tls *ct)
{
	struct front_tls	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->refs = 1;
	if ((t->name = strdup(ct->cert_file)) == NULL ||
	    (t->ctx = tls_server()) == NULL ||
	    front_tls_setup(t, ct) == -1) {
		front_tls_unref(t);
		return (NULL);
	}
	front_tls_expiry(t);
	return (t);
}

struct front_tls *
front_tls_ref(struct front_tls *t)
{
	if (t != NULL)
		t->refs++;
	return (t);
}

void
front_tls_unref(struct front_tls *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	tls_free(t->ctx);
	free(t->name);
	free(t);
}

void
front_tls_expiry(const struct front_tls *t)
{
	int64_t		left;
	char		date[32] = "?";
	time_t		when;
	struct tm	tm;

	if (t == NULL)
		return;
	left = t->notafter - clock_wall();
	if (left > FRONT_CERT_WARN)
		return;
	when = (time_t)t->notafter;
	if (gmtime_r(&when, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	log_warnx("tls certificate %s %s %s; renew it and reload", t->name,
	    left <= 0 ? "has expired:" : "expires:", date);
}

int
front_tls_begin(struct conn *c)
{
	/* Whatever came in clear before is as if never sent. */
	buf_free(&c->in);
	if (c->cert == NULL || tls_accept_fds(c->cert->ctx, &c->tls, c->fd,
	    c->fd) == -1) {
		log_warnx("tls: %s", c->cert == NULL ? "no certificate" :
		    tls_error(c->cert->ctx));
		front.stat[STAT_TLS_FAILED]++;
		return (-1);
	}
	front.tls++;
	front.stat[STAT_TLS]++;
	c->state = ST_HANDSHAKE;
	c->last = front_now();
	front_tls_handshake(c);
	return (0);
}

/* A fresh start after it: who the client said it was, counts no more. */
void
front_tls_handshake(struct conn *c)
{
	char		 enc[FRONT_LOG_FIELD];
	const char	*version;

	switch (tls_handshake(c->tls)) {
	case 0:
		/* "TLSv1.3"; the string goes with the session. */
		version = tls_conn_version(c->tls);
		c->tls_minor = version != NULL && version[0] != '\0' ?
		    (uint8_t)(version[strlen(version) - 1] - '0') : 2;
		c->state = ST_COMMAND;
		c->offered = 0;
		c->flags |= F_TLS_MORE;
		tx_free(c);
		free(c->helo);
		c->helo = NULL;
		c->last = front_now();
		return;
	case TLS_WANT_POLLIN:
		return;
	case TLS_WANT_POLLOUT:
		c->flags |= F_WANT_WRITE;
		return;
	default:
		log_debug("%016llx tls handshake: %s",
		    (unsigned long long)c->id, tls_error(c->tls) == NULL ? "" :
		    log_encode_str(enc, sizeof(enc), tls_error(c->tls)));
		front.stat[STAT_TLS_FAILED]++;
		conn_die(c, END_TLS);
	}
}

static ssize_t
tls_result(struct conn *c, ssize_t n)
{
	switch (n) {
	case TLS_WANT_POLLOUT:
		c->flags |= F_WANT_WRITE;
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
front_tls_read(struct conn *c, void *data, size_t len)
{
	return (tls_result(c, tls_read(c->tls, data, len)));
}

/* Waits for room in any case: a reply is not held up by a read that the
 * protocol itself would want (TLS 1.2 renegotiation is off). */
ssize_t
front_tls_write(struct conn *c, const void *data, size_t len)
{
	return (tls_result(c, tls_write(c->tls, data, len)));
}

void
front_tls_end(struct conn *c)
{
	if (c->tls == NULL)
		return;
	if (c->state != ST_HANDSHAKE)
		(void)tls_close(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
	front.tls--;
}
