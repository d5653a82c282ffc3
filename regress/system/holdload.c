/*
 * holdload: opens a number of connections and keeps them until a signal ends
 * it. It reads and drops all input.  Prints a line when all are open, one when
 * so many bytes for each have come, and one at the end: how many were still
 * open.
 */
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PER_SOURCE	40	/* below what front allows a host by default */

static volatile sig_atomic_t	ended;

static void
on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

/* PER_SOURCE connections from 127.x.y.1, each source in a /24 of its own. */
static int
open_one(unsigned int i, unsigned int base, uint16_t port)
{
	struct sockaddr_in	from, to;
	int			fd, on = 1;

	memset(&from, 0, sizeof(from));
	memset(&to, 0, sizeof(to));
	from.sin_family = to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(port);
	from.sin_addr.s_addr = htonl(0x7f000001U +
	    ((base + i / PER_SOURCE) << 8));
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket %u", i);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		err(1, "connection %u", i);
	return (fd);
}

int
main(int argc, char **argv)
{
	struct epoll_event	 ev, evs[512];
	struct rlimit		 rl;
	char			 data[4096];
	uint64_t		 octets = 0, want;
	unsigned int		 i, n, base, open;
	ssize_t			 len;
	int			 ep, fd, k;

	if (argc != 5)
		errx(2, "usage: holdload connections first-network port "
		    "bytes");
	n = open = (unsigned int)atoi(argv[1]);
	want = (uint64_t)atoi(argv[4]) * n;
	base = (unsigned int)atoi(argv[2]);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	signal(SIGTERM, on_signal);
	if ((ep = epoll_create1(0)) == -1)
		err(1, "epoll");
	for (i = 0; i < n; i++) {
		fd = open_one(i, base, (uint16_t)atoi(argv[3]));
		ev.events = EPOLLIN;
		ev.data.fd = fd;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
			err(1, "epoll");
	}
	printf("open %u\n", n);
	fflush(stdout);
	while (!ended) {
		if ((k = epoll_wait(ep, evs, 512, 200)) == -1 &&
		    errno != EINTR)
			err(1, "epoll");
		for (; k > 0; k--) {
			fd = evs[k - 1].data.fd;
			len = read(fd, data, sizeof(data));
			if (len > 0) {
				if (octets < want &&
				    octets + (uint64_t)len >= want) {
					printf("stuttered %" PRIu64 "\n", want);
					fflush(stdout);
				}
				octets += (uint64_t)len;
			} else if (len == 0 || errno != EINTR) {
				close(fd);
				open--;
			}
		}
	}
	printf("held %u\n", open);
	return (0);
}
