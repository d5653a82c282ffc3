/*
 * Any bytes from a mail server, a piece at each of its turns (0xff ends a
 * piece; the first byte chooses the configuration): a whole dialogue up to the
 * final dot.  The callbacks must be consistent: no reply without a command,
 * READY once, DEAD last, a message accepted only after its dot.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/mta/mta_int.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct event_base	*base;
static struct spool		*spool;
static struct conf_pass		 conf;
static struct conf_relay	 relay;
static struct conf_target	 target;
static int			 lfd, peer;	/* the MTA's ends */

/* What the caller has asked and was told. */
static struct {
	int	asked, ready, dead, dot;
} user;

/* What we said to the MTA; notes when the end of the message was there. */
static void
listen_to(void)
{
	static char	 heard[4096];
	static size_t	 n;
	ssize_t		 r;

	if (user.asked != 2)
		n = 0;
	while ((r = recv(peer, heard + n, sizeof(heard) - n - 1,
	    MSG_DONTWAIT)) > 0) {
		n += (size_t)r;
		heard[n] = '\0';
		if (user.asked == 2 && strstr(heard, "\r\n.\r\n") != NULL)
			user.dot = 1;
		if (n > sizeof(heard) / 2)
			n = 0;
	}
}

/* It was handed to the system; it comes. */
static void
must_have_dot(void)
{
	struct pollfd	p = { .fd = peer, .events = POLLIN };

	listen_to();
	while (!user.dot) {
		if (poll(&p, 1, 10000) != 1)
			abort();
		listen_to();
	}
}

static void
told(struct mta *m, const struct mta_event *ev, void *arg)
{
	(void)arg;
	if (user.dead)
		abort();
	switch (ev->what) {
	case MTA_READY:
		if (user.ready++ || ev->ehlo == NULL)
			abort();
		if (mta_command(m, "MAIL FROM:<a@b>", PT_MAIL) == -1)
			abort();
		user.asked = 1;
		break;
	case MTA_REPLY:
		if (!user.asked || ev->reply->code < 200 ||
		    ev->reply->code / 100 == 3 || ev->reply->code > 599)
			abort();
		if (user.asked == 2) {
			if (ev->reply->code < 300)
				must_have_dot();
			user.asked = 0;
		} else {
			if (mta_data(m, NULL, spool) == -1)
				abort();
			user.asked = 2;
		}
		break;
	case MTA_DEAD:
		if (ev->failure == MTAF_NONE || ev->why[0] == '\0' ||
		    (ev->after_dot && user.asked != 2))
			abort();
		user.dead = 1;
		break;
	}
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static void
listen_on(void)
{
	struct sockaddr_storage	ss;
	struct addr		any;
	socklen_t		len = sizeof(ss);

	len = addr_to_sa(&target.addr, 0, &ss);
	if ((lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(lfd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(lfd, 16) == -1)
		exit(1);
	len = sizeof(ss);
	if (getsockname(lfd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa((struct sockaddr *)&ss, &any, &target.port) == -1)
		exit(1);
}

static void
setup(void)
{
	int	i;

	signal(SIGPIPE, SIG_IGN);
	log_set_sink(sink, NULL);
	clock_fake(1700000000, 1000000);
	if ((base = event_base_new()) == NULL || tls_init() == -1 ||
	    (spool = spool_new()) == NULL ||
	    spool_write(spool, "x\r\n.y\r\n", 7) == -1)
		exit(1);
	for (i = 0; i < PT_MAX; i++)
		conf.timeout[i] = 100;
	conf.tries = 1;
	TAILQ_INIT(&relay.targets);
	TAILQ_INSERT_TAIL(&relay.targets, &target, entry);
	addr_parse("127.0.0.1", &target.addr);
	listen_on();
}

/* Resets the connection: of many closed ones the ports would run out. */
static void
hang_up(void)
{
	struct linger	hard = { 1, 0 };

	if (peer == -1)
		return;
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(peer);
	peer = -1;
}

static void
turns(void)
{
	int	i, fd;

	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	if ((fd = accept(lfd, NULL, NULL)) != -1) {
		hang_up();	/* (it came again, now in clear) */
		peer = fd;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mta_client	 client = { .helo = "h", .hostname = "g" };
	struct mta		*m;
	const uint8_t		*end;
	size_t			 n;
	int			 half;

	if (base == NULL)
		setup();
	if (size == 0)
		return (0);
	memset(&user, 0, sizeof(user));
	addr_parse("192.0.2.1", &client.addr);
	addr_parse("192.0.2.2", &client.dst);
	relay.client = data[0] & 1 ? CLIENT_XCLIENT : CLIENT_RECEIVED;
	relay.tls = data[0] & 2 ? RELAY_TLS_TRY : RELAY_CLEAR;
	half = data[0] & 4;
	data++;
	size--;
	peer = -1;
	if ((m = mta_open(base, &conf, &relay, &client, 0, told, NULL)) ==
	    NULL)
		exit(1);
	while (peer == -1)
		turns();
	while (size > 0 && !user.dead) {
		end = memchr(data, 0xff, size);
		n = end == NULL ? size : (size_t)(end - data);
		if (n > 0 && peer != -1)
			(void)send(peer, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		turns();
		listen_to();
		n += end != NULL;
		data += n;
		size -= n;
	}
	if (half && peer != -1)
		(void)shutdown(peer, SHUT_WR);
	while (!user.dead) {
		turns();
		listen_to();
		if (!half || user.dead)
			hang_up();
		half = 0;
	}
	hang_up();
	mta_free(m);
	return (0);
}
