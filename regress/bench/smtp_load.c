/*
 * smtp_load: SMTP clients with addresses of 127.0.0.0/8, each in its own /24,
 * so that the limits for hosts and networks work as with real clients.
 *	smtp_load [-m] [-b net] [-c concurrent] [-d seconds | -n sessions]
 *	    [-f first] [-g reply] [-s sources] [-t tag] host port
 *		whole greylist sessions, each with a tuple of its own; -d: as
 *		many as begin in that time
 *	smtp_load hold [-b net] [-c silent] -n connections [-s sources]
 *	    -d seconds host port
 *		opens so many and keeps them, reading what comes, for that
 *		time or up to SIGTERM; on SIGUSR1 prints how many octets came;
 *		-c: opens none while this many have got nothing yet
 * -b: sources are 127.net.0.1 and on, default 64; or net is the first parts of
 *	another network, as in 198.18.
 * -f: the number of the first source.
 * -g: how the reply begins that greylists, to RCPT, to DATA or to the message;
 *	default "451 4.7.1".
 * -m: sends a short message where DATA is accepted.
 * Prints name=value lines.  A session is counted by the reply that ended it.
 */
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVENTS	256

#define SOURCES_MAX	(200 * 0x3fff)

/* waiting for its reply */
enum step { BANNER, EHLO, MAIL, RCPT, DATA, MESSAGE, QUIT };

struct session {
	int		 fd;		/* -1: free */
	enum step	 step;
	uint64_t	 number;
	int64_t		 began;		/* us */
	size_t		 len;
	char		 buf[1024];
};

static struct sockaddr_in to;
static unsigned int	  sources = 200;
static uint64_t		  first;		/* source of session 0 */
static uint32_t		  base = 0x7f400001;	/* source 0 */
static const char	 *tag = "l", *greylists = "451 4.7.1";
static int		  with_message;
static uint64_t		  begun, ended, active, wanted = 10000;
static int64_t		  last_begin;		/* us; 0: no end */
static uint64_t		  grey, unstored, over, other, failed, octets;
static int64_t		 *latency;
static size_t		  latency_size;
static int		  ep;
static volatile sig_atomic_t over_now, tell_now;  /* hold: a signal came */

/* The first source of -b. */
static uint32_t
network(const char *arg)
{
	unsigned int	a = 127, b = 0, c = 0;

	if (strchr(arg, '.') == NULL ? sscanf(arg, "%u", &b) != 1 :
	    sscanf(arg, "%u.%u.%u", &a, &b, &c) < 2)
		errx(2, "%s: not a network", arg);
	return ((a & 0xff) << 24 | (b & 0xff) << 16 | (c & 0xff) << 8 | 1);
}

static void
on_term(int sig)
{
	(void)sig;
	over_now = 1;
}

static void
on_usr1(int sig)
{
	(void)sig;
	tell_now = 1;
}

static int64_t
now_us(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/* From source i, in steps of a /24; after 0x3fff of them from the next address
 * of each. */
static int
dial(uint64_t i)
{
	struct sockaddr_in	from = { .sin_family = AF_INET };
	int			fd, on = 1;

	i = (first + i) % sources;
	from.sin_addr.s_addr = htonl(base +
	    ((uint32_t)(i % 0x3fff) << 8) + (uint32_t)(i / 0x3fff));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		err(1, "socket");
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 &&
	    errno != EINPROGRESS) {
		close(fd);
		return (-1);
	}
	return (fd);
}

static void
begin(struct session *s)
{
	struct epoll_event	ev;

	s->fd = -1;
	while (begun < wanted) {
		s->began = now_us();
		if (last_begin != 0 && s->began > last_begin)
			return;
		s->number = begun++;
		s->step = BANNER;
		s->len = 0;
		if ((s->fd = dial(s->number)) == -1) {
			failed++;
			continue;
		}
		active++;
		memset(&ev, 0, sizeof(ev));
		ev.events = EPOLLIN;
		ev.data.ptr = s;
		if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &ev) == -1)
			err(1, "epoll_ctl");
		return;
	}
}

static void
end(struct session *s)
{
	if (ended == latency_size) {
		latency_size = latency_size == 0 ? 4096 : 2 * latency_size;
		latency = realloc(latency, latency_size * sizeof(*latency));
		if (latency == NULL)
			err(1, NULL);
	}
	latency[ended++] = now_us() - s->began;
	active--;
	close(s->fd);
	begin(s);
}

static void
verdict(const char *reply)
{
	if (strncmp(reply, greylists, strlen(greylists)) == 0)
		grey++;
	else if (strncmp(reply, "451 4.3.0", 9) == 0)
		unstored++;
	else if (strncmp(reply, "421", 3) == 0)
		over++;
	else
		other++;
}

/* Writes what follows an accepted command to line.  Returns its length. */
static int
next_command(const struct session *s, char *line, size_t size)
{
	unsigned long long	number = s->number;

	switch (s->step) {
	case BANNER:
		return (snprintf(line, size, "EHLO client.test\r\n"));
	case EHLO:
		return (snprintf(line, size,
		    "MAIL FROM:<sender@host-%llx.%s.example>\r\n", number, tag));
	case MAIL:
		return (snprintf(line, size,
		    "RCPT TO:<someone@example.org>\r\n"));
	case RCPT:
		return (snprintf(line, size, "DATA\r\n"));
	case DATA:
		return (snprintf(line, size, "From: <s@host-%llx.example>\r\n"
		    "To: <someone@example.org>\r\nSubject: %s %llx\r\n\r\n"
		    "Message %llx\r\n.\r\n", number, tag, number, number));
	default:
		return (snprintf(line, size, "QUIT\r\n"));
	}
}

/* Handles a whole reply: sends the next command, or ends.  1: ended. */
static int
advance(struct session *s, const char *last)
{
	static const char	want[] = { '2', '2', '2', '2', '3', '4' };
	char			line[512];
	int			n;

	if (s->step == QUIT)
		return (1);
	/* A deferred session ends with QUIT. */
	if (s->step >= RCPT && last[0] == '4') {
		verdict(last);
		s->step = MESSAGE;
	} else if (last[0] != want[s->step] ||
	    (s->step == DATA && !with_message)) {
		verdict(last);
		return (1);
	}
	n = next_command(s, line, sizeof(line));
	s->step++;
	if (send(s->fd, line, (size_t)n, MSG_NOSIGNAL) != n) {
		failed++;
		return (1);
	}
	return (0);
}

static void
readable(struct session *s)
{
	char	*nl, *line = s->buf;
	ssize_t	 n;

	n = recv(s->fd, s->buf + s->len, sizeof(s->buf) - s->len - 1, 0);
	if (n <= 0) {
		if (n == -1 && errno == EAGAIN)
			return;
		failed++;
		end(s);
		return;
	}
	s->len += (size_t)n;
	s->buf[s->len] = '\0';
	while ((nl = strchr(line, '\n')) != NULL) {
		if (nl - line < 4 || line[3] != '-')
			if (advance(s, line)) {
				end(s);
				return;
			}
		line = nl + 1;
	}
	s->len -= (size_t)(line - s->buf);
	memmove(s->buf, line, s->len);
}

static int
by_value(const void *a, const void *b)
{
	int64_t	x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

static void
load(unsigned int concurrent, double seconds)
{
	struct epoll_event	 evs[EVENTS];
	struct session		*s;
	int64_t			 start = now_us(), took;
	unsigned int		 i;
	int			 n;

	if ((s = calloc(concurrent, sizeof(*s))) == NULL)
		err(1, NULL);
	if (seconds > 0) {
		last_begin = start + (int64_t)(seconds * 1e6);
		wanted = UINT64_MAX;
	}
	for (i = 0; i < concurrent; i++)
		begin(&s[i]);
	while (active > 0) {
		if ((n = epoll_wait(ep, evs, EVENTS, 60000)) == 0)
			errx(1, "nothing for 60 s, %llu of %llu ended",
			    (unsigned long long)ended,
			    (unsigned long long)begun);
		while (n-- > 0)
			readable(evs[n].data.ptr);
	}
	if (ended == 0)
		errx(1, "no session, %llu failed", (unsigned long long)failed);
	took = now_us() - start;
	qsort(latency, ended, sizeof(*latency), by_value);
	printf("sessions=%llu\nseconds=%.3f\nrate=%.0f\np50_us=%lld\n"
	    "p99_us=%lld\ngrey=%llu\nunstored=%llu\nover_limit=%llu\n"
	    "other=%llu\nfailed=%llu\n", (unsigned long long)ended,
	    (double)took / 1e6, (double)ended * 1e6 / (double)took,
	    (long long)latency[ended / 2], (long long)latency[ended * 99 / 100],
	    (unsigned long long)grey, (unsigned long long)unstored,
	    (unsigned long long)over, (unsigned long long)other,
	    (unsigned long long)failed);
}

/* Opens them a few at a time, so that no backlog overflows; none while this many
 * have got nothing yet. */
static void
hold(double seconds, uint64_t most)
{
	struct epoll_event	 evs[EVENTS], ev;
	char			 buf[4096];
	int64_t			 until = 0;
	uint64_t		 open = 0, silent = 0;
	uint8_t			*quiet;		/* by descriptor */
	ssize_t			 got;
	int			 fd, i, n;

	signal(SIGTERM, on_term);
	signal(SIGUSR1, on_usr1);
	if ((quiet = calloc(1, (size_t)getdtablesize())) == NULL)
		err(1, NULL);
	while (!over_now && (until == 0 || now_us() < until)) {
		for (i = 0; i < 100 && begun < wanted && silent < most; i++) {
			memset(&ev, 0, sizeof(ev));
			ev.events = EPOLLIN;
			if ((fd = dial(begun++)) == -1) {
				failed++;
				continue;
			}
			ev.data.fd = fd;
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
			quiet[fd] = 1;
			silent++;
			open++;
		}
		if (begun == wanted && until == 0) {
			printf("opened=%llu\n", (unsigned long long)open);
			fflush(stdout);
			until = now_us() + (int64_t)(seconds * 1e6);
		}
		if (tell_now) {
			tell_now = 0;
			printf("octets=%llu\n", (unsigned long long)octets);
			fflush(stdout);
		}
		n = epoll_wait(ep, evs, EVENTS, begun < wanted ? 1 : 100);
		while (n-- > 0) {
			got = recv(evs[n].data.fd, buf, sizeof(buf), 0);
			if (got == -1 && errno == EAGAIN)
				continue;
			silent -= (uint64_t)quiet[evs[n].data.fd];
			quiet[evs[n].data.fd] = 0;
			if (got > 0)
				octets += (uint64_t)got;
			else {
				close(evs[n].data.fd);
				open--;
				over++;
			}
		}
	}
	printf("held=%llu\noctets=%llu\nended_by_server=%llu\nfailed=%llu\n",
	    (unsigned long long)open, (unsigned long long)octets,
	    (unsigned long long)over, (unsigned long long)failed);
}

int
main(int argc, char *argv[])
{
	struct rlimit	rl;
	unsigned int	concurrent = 0;
	double		seconds = 0;
	int		ch, holding;

	holding = argc > 1 && strcmp(argv[1], "hold") == 0;
	argc -= holding;
	argv += holding;
	while ((ch = getopt(argc, argv, "b:c:d:f:g:mn:s:t:")) != -1)
		switch (ch) {
		case 'b':
			base = network(optarg);
			break;
		case 'c':
			concurrent = (unsigned int)atoi(optarg);
			break;
		case 'd':
			seconds = atof(optarg);
			break;
		case 'f':
			first = strtoull(optarg, NULL, 10);
			break;
		case 'g':
			greylists = optarg;
			break;
		case 'm':
			with_message = 1;
			break;
		case 'n':
			wanted = strtoull(optarg, NULL, 10);
			break;
		case 's':
			sources = (unsigned int)atoi(optarg);
			break;
		case 't':
			tag = optarg;
			break;
		default:
			return (2);
		}
	if (argc - optind != 2 || sources == 0 || sources > SOURCES_MAX)
		errx(2, "usage: smtp_load [hold] [-m] [-b net] [-c concurrent] "
		    "[-d seconds] [-f first] [-g reply] [-n count] "
		    "[-s sources] [-t tag] host port");
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
	if (inet_pton(AF_INET, argv[optind], &to.sin_addr) != 1)
		errx(2, "%s: not an IPv4 address", argv[optind]);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	if ((ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll");
	if (concurrent == 0)
		concurrent = holding ? UINT_MAX : 200;
	if (holding)
		hold(seconds, concurrent);
	else
		load(concurrent, seconds);
	return (0);
}
