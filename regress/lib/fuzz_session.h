/*
 * For fuzz targets that play whole sessions: an input that is read as orders,
 * four clients, in clear or under TLS, the orders to them, and what each reply
 * of a server must be.
 */
#ifndef FUZZ_SESSION_H
#define FUZZ_SESSION_H

#include <sys/types.h>
#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <tls.h>

#include "lib/conf/config.h"

#define FUZZ_LINE_MAX	512		/* of a reply, RFC 5321 4.5.3.1.5 */
#define PLAYERS		4
#define ORDER_AT_ONCE	0x80	/* the next order before the loop turns */

/* The orders with which those of each role begin. */
enum {
	ORDER_OPEN, ORDER_LINE, ORDER_LINE2, ORDER_DATA, ORDER_EOF, ORDER_CLOSE,
	ORDER_ROLE
};

/* Lines that player_say knows; of those of a role, one ends the session or is
 * a whole message. */
enum { LINE_DATA = 6, LINE_STARTTLS = 8, LINE_MESSAGE = 13, LINE_DOT = 14 };

/* The rest of the input. */
struct feed {
	const uint8_t	*p;
	size_t		 n;
};

/* The client's side.  The zeroed structure with a descriptor is a new one. */
struct player {
	int		 fd;		/* -1: there is none */
	struct tls	*tls;
	int		 handshake;	/* of TLS is not done */
	int		 deaf;		/* does not read */
	int		 over;		/* the server has closed */
	int		 body;		/* 354 was the last reply */
	int		 loose;		/* its replies cannot be counted */
	int		 last_words;	/* a reply after which none may come */
	unsigned int	 commands, finals, last_code;
	size_t		 len;
	char		 line[FUZZ_LINE_MAX + 1];
};

static unsigned long	 fuzz_sessions;	/* of all inputs */
static struct player	 players[PLAYERS];
static unsigned int	 said_data;	/* DATA, or what may be one */

static inline uint8_t
feed_byte(struct feed *f)
{
	if (f->n == 0)
		return (0);
	f->n--;
	return (*f->p++);
}

static inline const uint8_t *
feed_data(struct feed *f, size_t *len)
{
	const uint8_t	*p;
	size_t		 n = feed_byte(f);

	*len = n < f->n ? n : f->n;
	p = f->p;
	f->p += *len;
	f->n -= *len;
	return (p);
}

/* The log takes printable ASCII only. */
static inline void
fuzz_log(int priority, const char *text, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			abort();
}

static inline void
fuzz_count(void)
{
	fprintf(stderr, "# sessions: %lu\n", fuzz_sessions);
}

/* "NNN text" or "NNN-text", CRLF, nothing odd inside. */
static void
player_line(struct player *p)
{
	const char	*s = p->line;
	size_t		 i;

	if (p->len < 6 || s[p->len - 2] != '\r' ||
	    (s[3] != ' ' && s[3] != '-') || s[0] < '2' || s[0] > '5' ||
	    !isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[2]))
		abort();
	for (i = 0; i < p->len - 2; i++)
		if (s[i] < ' ' || s[i] > '~')
			abort();
	if (p->last_words)
		abort();
	if (s[3] == '-')
		return;
	p->finals++;
	p->last_code = (unsigned int)atoi(s);
}

/* reply is called after each final line. */
static void
player_take(struct player *p, const char *buf, size_t n,
    void (*reply)(struct player *))
{
	size_t	i;

	for (i = 0; i < n; i++) {
		if (p->len == FUZZ_LINE_MAX)
			abort();
		p->line[p->len++] = buf[i];
		if (buf[i] != '\n')
			continue;
		player_line(p);
		if (p->line[3] == ' ')
			reply(p);
		p->len = 0;
	}
}

static void
player_end_tls(struct player *p)
{
	tls_free(p->tls);
	p->tls = NULL;
	p->over = 1;
}

static void
player_read(struct player *p, void (*reply)(struct player *))
{
	char	buf[4096];
	ssize_t	n;

	if (p->fd == -1 || p->deaf || p->over)
		return;
	if (p->tls != NULL && p->handshake) {
		switch (tls_handshake(p->tls)) {
		case 0:
			p->handshake = 0;
			break;
		case -1:
			player_end_tls(p);
			return;
		default:
			return;
		}
	}
	for (;;) {
		n = p->tls != NULL ? tls_read(p->tls, buf, sizeof(buf)) :
		    recv(p->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			break;
		player_take(p, buf, (size_t)n, reply);
	}
	if (p->tls != NULL) {
		if (n == 0 || n == -1)
			player_end_tls(p);
	} else if (n == 0 || errno != EAGAIN)
		p->over = 1;
}

static void
player_write(struct player *p, const void *data, size_t n)
{
	if (p->fd == -1 || p->over || n == 0)
		return;
	if (p->tls != NULL && !p->handshake)
		(void)tls_write(p->tls, data, n);
	else if (send(p->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)n)
		p->loose = 1;
}

static void
player_begin_tls(struct player *p)
{
	struct tls_config	*c;

	if (p->fd == -1 || p->over || p->tls != NULL)
		return;
	if ((c = tls_config_new()) == NULL || (p->tls = tls_client()) == NULL)
		abort();
	tls_config_insecure_noverifycert(c);
	tls_config_insecure_noverifyname(c);
	if (tls_configure(p->tls, c) == -1 ||
	    tls_connect_socket(p->tls, p->fd, "mx") == -1)
		abort();
	tls_config_free(c);
	p->handshake = p->loose = 1;
}

static void
player_close(struct player *p)
{
	tls_free(p->tls);
	if (p->fd != -1)
		close(p->fd);
	memset(p, 0, sizeof(*p));
	p->fd = -1;
}

/* The other end of a new connection from 192.0.2.1 to .4; a is its address. */
static int
player_open(struct player *p, struct addr *a)
{
	int	sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1 ||
	    addr_parse("192.0.2.1", a) == -1)
		abort();
	a->b[15] = (uint8_t)(1 + (p - players));
	p->fd = sv[1];
	fuzz_sessions++;
	return (sv[0]);
}

/* own: the lines that are the role's. */
static void
player_say(struct player *p, unsigned int which, const char *const own[4])
{
	const char *const	lines[] = {
		"EHLO x\r\n", "HELO x\r\n", "MAIL FROM:<a@b.example>\r\n",
		"MAIL FROM:<> SIZE=9 BODY=8BITMIME\r\n",
		"RCPT TO:<u@example.org>\r\n", own[0], "DATA\r\n",
		"RSET\r\n", "STARTTLS\r\n", "QUIT\r\n", "NOOP\r\n", own[1],
		"BDAT 1\r\n", own[2], ".\r\n", own[3]
	};

	which %= sizeof(lines) / sizeof(lines[0]);
	if (p->fd == -1 || p->over)
		return;
	said_data += which == LINE_DATA;
	/* What it says ahead may be a command or not. */
	if (which == LINE_STARTTLS || p->finals < p->commands + 1 ||
	    (which == LINE_MESSAGE && !p->body))
		p->loose = 1;
	/* A line of a message has no reply, its dot has one. */
	if (!p->body || which == LINE_DOT)
		p->commands++;
	player_write(p, lines[which], strlen(lines[which]));
}

/* An order to a client.  Returns 0 if it is another's, or to open. */
static int
player_order(struct player *p, unsigned int what, uint8_t arg, struct feed *f,
    const char *const own[4])
{
	const uint8_t	*data;
	size_t		 len;

	switch (what) {
	case ORDER_LINE:
	case ORDER_LINE2:
		player_say(p, arg, own);
		return (1);
	case ORDER_DATA:
		data = feed_data(f, &len);
		p->loose = 1;
		said_data += (unsigned int)len / 5;
		player_write(p, data, len);
		return (1);
	case ORDER_EOF:
		if (p->fd != -1)
			(void)shutdown(p->fd, SHUT_WR);
		p->loose = 1;
		return (1);
	case ORDER_CLOSE:
		player_close(p);
		return (1);
	}
	return (0);
}

/* The seconds of an order to let time pass. */
static int64_t
order_seconds(uint8_t how)
{
	static const int64_t	seconds[] = { 1, 2, 11, 31, 61, 301, 601, 3601 };

	return (seconds[how & 7]);
}

/* Counts a reply.  body stays 1 while a message is expected. */
static void
player_replied(struct player *p)
{
	if (p->finals > p->commands + 2 && !p->loose)
		abort();
	p->body = p->last_code == 354;
	if (p->last_code == 221 || p->last_code == 421)
		p->loose = 1;		/* the rest has no replies */
}

static void
players_turn(struct event_base *base, unsigned int turns,
    void (*reply)(struct player *))
{
	unsigned int	i;

	while (turns-- > 0) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		for (i = 0; i < PLAYERS; i++)
			player_read(&players[i], reply);
	}
}

/* Everything is answered: a client that only sent commands has all replies. */
static void
player_check(const struct player *p)
{
	if (p->fd != -1 && !p->loose && !p->over && !p->last_words &&
	    !p->body && p->finals != p->commands + 1)
		abort();
}

static uint8_t *
fuzz_pem(int (*put)(BIO *, void *), void *what, size_t *len)
{
	BIO	*b = BIO_new(BIO_s_mem());
	char	*mem;
	uint8_t	*copy;

	if (b == NULL || !put(b, what))
		abort();
	*len = (size_t)BIO_get_mem_data(b, &mem);
	if ((copy = malloc(*len)) == NULL)
		abort();
	memcpy(copy, mem, *len);
	BIO_free(b);
	return (copy);
}

static int
fuzz_put_key(BIO *b, void *key)
{
	return (PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL));
}

static int
fuzz_put_cert(BIO *b, void *cert)
{
	return (PEM_write_bio_X509(b, cert));
}

/* A certificate that was made when the target began. */
static struct conf_tls *
fuzz_tls(void)
{
	static EVP_PKEY	*key;
	static X509	*cert;
	struct conf_tls	*t;

	if (key == NULL) {
		if ((key = EVP_EC_gen("P-256")) == NULL ||
		    (cert = X509_new()) == NULL)
			abort();
		X509_set_version(cert, 2);
		X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
		X509_gmtime_adj(X509_getm_notAfter(cert), 86400 * 3650);
		X509_set_pubkey(cert, key);
		if (X509_sign(cert, key, EVP_sha256()) == 0)
			abort();
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		abort();
	t->cert_file = strdup("cert");
	t->key_file = strdup("key");
	t->cert = fuzz_pem(fuzz_put_cert, cert, &t->cert_len);
	t->key = fuzz_pem(fuzz_put_key, key, &t->key_len);
	return (t);
}

#endif
