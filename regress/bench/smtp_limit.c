/*
 * smtp_limit: the fastest possible server on this machine.  It keeps no state,
 * decides nothing and answers each command with a fixed string.  front's speed
 * is measured as a ratio to this one, in the same run.
 *	smtp_limit [-s]		prints "port N", serves until killed
 *	-s	write an octet a second to each connection, and nothing else
 */
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENTS		256
#define TICKS		50		/* a second */

static uint8_t	*open_fds;		/* by descriptor */
static int	 max_fd;

static const struct {
	const char	*verb, *reply;
} replies[] = {
	{ "EHLO", "250-mx.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n"
	    "250 ENHANCEDSTATUSCODES\r\n" },
	{ "MAIL", "250 2.1.0 Ok\r\n" },
	{ "RCPT", "250 2.1.5 Ok\r\n" },
	{ "DATA", "451 4.7.1 Greylisted, please try again in 180 seconds\r\n" },
	{ "QUIT", "221 2.0.0 mx.test Bye\r\n" }
};

static int64_t
now_ms(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void
done(int fd)
{
	open_fds[fd] = 0;
	close(fd);
}

static void
serve(int fd)
{
	char		 buf[2048];
	ssize_t		 n;
	size_t		 i;

	n = recv(fd, buf, sizeof(buf), 0);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			done(fd);
		return;
	}
	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		if (n >= 4 && memcmp(buf, replies[i].verb, 4) == 0) {
			(void)send(fd, replies[i].reply,
			    strlen(replies[i].reply), MSG_NOSIGNAL);
			if (buf[0] == 'Q')
				done(fd);
			return;
		}
	done(fd);
}

static void
take(int ep, int lfd, int stutter)
{
	static const char	banner[] =
	    "220 mx.test ESMTP; Tue, 14 Nov 2023 22:13:20 +0000\r\n";
	struct epoll_event	ev;
	int			fd, i;

	for (i = 0; i < 64; i++) {
		fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		if (fd > max_fd)
			max_fd = fd;
		open_fds[fd] = 1;
		memset(&ev, 0, sizeof(ev));
		ev.events = EPOLLIN;
		ev.data.fd = fd;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
			err(1, "epoll_ctl");
		if (!stutter)
			(void)send(fd, banner, sizeof(banner) - 1,
			    MSG_NOSIGNAL);
	}
}

/* A part of all connections each tick, each of them once a second. */
static void
octets(int64_t tick)
{
	int	fd;

	for (fd = (int)(tick % TICKS); fd <= max_fd; fd += TICKS)
		if (open_fds[fd])
			(void)send(fd, "2", 1, MSG_NOSIGNAL);
}

int
main(int argc, char *argv[])
{
	struct epoll_event	 evs[EVENTS], ev = { .events = EPOLLIN };
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	socklen_t		 len = sizeof(sin);
	struct rlimit		 rl;
	int64_t			 tick, last = now_ms() * TICKS / 1000;
	int			 ep, lfd, i, n, on = 1, stutter;

	stutter = argc > 1 && strcmp(argv[1], "-s") == 0;
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		err(1, "getrlimit");
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	if ((open_fds = calloc(1, (size_t)rl.rlim_cur)) == NULL)
		err(1, NULL);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(lfd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(lfd, 1024) == -1 ||
	    getsockname(lfd, (struct sockaddr *)&sin, &len) == -1 ||
	    (ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "listen");
	(void)setsockopt(lfd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	ev.data.fd = lfd;
	epoll_ctl(ep, EPOLL_CTL_ADD, lfd, &ev);
	printf("port %u\n", ntohs(sin.sin_port));
	fflush(stdout);
	for (;;) {
		n = epoll_wait(ep, evs, EVENTS, stutter ? 1000 / TICKS : -1);
		for (i = 0; i < n; i++)
			if (evs[i].data.fd == lfd)
				take(ep, lfd, stutter);
			else
				serve(evs[i].data.fd);
		tick = now_ms() * TICKS / 1000;
		while (stutter && last < tick)
			octets(++last);
	}
}
