/*
 * tls_flood PORT MIB: a client under TLS that sends as fast as a socket takes
 * it, for tls_flood.t: what it says is encrypted beforehand, in many small
 * records.  One line without an end, of so many MiB; then its end.  Prints
 * "ready" before, and each reply.
 */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#define RECORD	512

static uint8_t	*kept;			/* NULL: it goes out at once */
static size_t	 nkept, room;
static int	 fd;

static ssize_t
take(struct tls *t, void *buf, size_t len, void *arg)
{
	ssize_t	n = read(fd, buf, len);

	(void)t;
	(void)arg;
	if (n < 0)
		err(1, "read");
	return (n);
}

static void
out(const void *buf, size_t len)
{
	const uint8_t	*p = buf;
	ssize_t		 n;

	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = send(fd, p, len, MSG_NOSIGNAL)) < 0) {
			puts("the end");
			exit(0);
		}
}

static ssize_t
give(struct tls *t, const void *buf, size_t len, void *arg)
{
	(void)t;
	(void)arg;
	if (kept == NULL)
		out(buf, len);
	else if (len > room - nkept)
		errx(1, "records of more than twice their text");
	else {
		memcpy(kept + nkept, buf, len);
		nkept += len;
	}
	return ((ssize_t)len);
}

/* Octets up to the end of a reply; t NULL: in clear. */
static void
reply(struct tls *t, int show)
{
	char	line[512];
	size_t	n;
	ssize_t	got;

	do {
		for (n = 0; n < sizeof(line) - 1; n++) {
			do {	/* (a ticket is no text) */
				got = t == NULL ? read(fd, line + n, 1) :
				    tls_read(t, line + n, 1);
			} while (t != NULL && got == TLS_WANT_POLLIN);
			if (got != 1) {
				puts("the end");
				exit(0);
			}
			if (line[n] == '\n')
				break;
		}
		line[n] = '\0';
	} while (n > 3 && line[3] == '-');
	if (show)
		puts(line);
}

static struct tls *
begin(uint16_t port)
{
	struct sockaddr_in	 sin = { 0 };
	struct tls_config	*config = tls_config_new();
	struct tls		*t = tls_client();

	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		err(1, "connect");
	reply(NULL, 0);
	out("EHLO c.test\r\n", 13);
	reply(NULL, 0);
	out("STARTTLS\r\n", 10);
	reply(NULL, 0);
	tls_config_insecure_noverifycert(config);
	tls_config_insecure_noverifyname(config);
	if (tls_configure(t, config) == -1 ||
	    tls_connect_cbs(t, take, give, NULL, "mx.test") == -1 ||
	    tls_handshake(t) != 0)
		errx(1, "tls: %s", tls_error(t));
	tls_config_free(config);
	return (t);
}

int
main(int argc, char *argv[])
{
	static char	 text[RECORD];
	struct tls	*t;
	size_t		 i, records;

	if (argc != 3)
		errx(2, "usage: tls_flood PORT MIB");
	t = begin((uint16_t)atoi(argv[1]));
	records = (size_t)atoi(argv[2]) * 1024 * 1024 / RECORD;
	room = records * RECORD * 2;
	if ((kept = malloc(room)) == NULL)
		err(1, "malloc");
	memset(text, 'x', sizeof(text));
	for (i = 0; i < records; i++)
		if (tls_write(t, text, sizeof(text)) != RECORD)
			errx(1, "tls: %s", tls_error(t));
	if (tls_write(t, "\r\n", 2) != 2)
		errx(1, "tls: %s", tls_error(t));
	puts("ready");
	fflush(stdout);
	out(kept, nkept);
	reply(t, 1);
	fflush(stdout);
	tls_free(t);
	free(kept);
	return (0);
}
