/*
 * killload: makes greylist sessions at a steady rate from many networks,
 * whatever happens to the daemon.  It records each tuple that was answered with
 * the greylist text at DATA, with the times of the session's begin and of the
 * answer. The test then looks for each of them in the database.
 *
 * A session begins at its own time and does not wait for others.  A session
 * that fails is counted and not repeated.
 */
#include <sys/types.h>
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
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#define TICK_MS		5
#define LINE_MAX_IN	1024
#define LATENCIES	2000000

enum step { STEP_BANNER, STEP_EHLO, STEP_MAIL, STEP_RCPT, STEP_DATA };

struct session {
	struct event	*ev;
	int		 fd;
	enum step	 step;
	unsigned int	 source;
	uint64_t	 number;
	double		 began;
	double		 asked;		/* when the last command was sent */
	char		 in[LINE_MAX_IN];
	size_t		 len;
};

static struct {
	uint64_t	begun, grey, unstored, limited, white, other;
	uint64_t	refused, reset, timeout;
} count;

static struct event_base	*base;
static FILE			*record;
static struct sockaddr_in	 server;
static unsigned int		 nsources = 200, max_open = 8000, nopen;
static unsigned int		 patience = 60;
static uint64_t			 nsessions;	/* 0: until -d or a signal */
static int			 fixed;		/* the same tuple each time */
static const char		*prefix = "x";
static double			 rate = 1000, started, duration;
static float			*latency;
static size_t			 nlatency;
static int			 ending;

static double
now(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec + ts.tv_nsec / 1e9);
}

static void
session_free(struct session *s)
{
	event_free(s->ev);
	close(s->fd);
	free(s);
	nopen--;
	if (nopen == 0 && ending)
		event_base_loopbreak(base);
}

/* Each source in a /24 of its own: 127.x.y.1. */
static void
source_addr(unsigned int i, struct sockaddr_in *sin)
{
	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(0x7f000001U + ((i + 256) << 8));
}

static void
source_text(unsigned int i, char text[INET_ADDRSTRLEN])
{
	struct sockaddr_in	sin;

	source_addr(i, &sin);
	inet_ntop(AF_INET, &sin.sin_addr, text, INET_ADDRSTRLEN);
}

/* Only recipients make tuples differ: the key folds senders. */
static void
recipient(const struct session *s, char *text, size_t size)
{
	if (fixed)
		snprintf(text, size, "<%s@example.org>", prefix);
	else
		snprintf(text, size, "<%s%" PRIu64 "@example.org>", prefix,
		    s->number);
}

static void
answered(struct session *s, const char *line)
{
	char	addr[INET_ADDRSTRLEN], to[128];
	double	t = now();

	if (nlatency < LATENCIES)
		latency[nlatency++] = (float)((t - s->asked) * 1000);
	if (strncmp(line, "451 4.7.1", 9) == 0) {
		count.grey++;
		if (record == NULL)
			return;
		source_text(s->source, addr);
		recipient(s, to, sizeof(to));
		fprintf(record, "%.3f %.3f %s|<load@example.com>|%s\n",
		    s->began, t, addr, to);
	} else if (strncmp(line, "451 4.3.0", 9) == 0)
		count.unstored++;
	else if (strncmp(line, "421", 3) == 0)
		count.limited++;
	else if (strncmp(line, "451", 3) == 0)
		count.white++;
	else {
		if (count.other++ < 5)
			warnx("reply: %s", line);
	}
}

/* Handles the last line of a reply.  1: the session is over. */
static int
step(struct session *s, const char *line)
{
	char	cmd[256], to[128];

	if (line[0] != '2' || s->step == STEP_DATA) {
		answered(s, line);
		return (1);
	}
	switch (s->step) {
	case STEP_BANNER:
		snprintf(cmd, sizeof(cmd), "EHLO load.example.com\r\n");
		break;
	case STEP_EHLO:
		snprintf(cmd, sizeof(cmd),
		    "MAIL FROM:<load@example.com>\r\n");
		break;
	case STEP_MAIL:
		recipient(s, to, sizeof(to));
		snprintf(cmd, sizeof(cmd), "RCPT TO:%s\r\n", to);
		break;
	default:
		snprintf(cmd, sizeof(cmd), "DATA\r\n");
		break;
	}
	s->step++;
	/* The time from RCPT to the answer at DATA includes the disk. */
	if (s->step <= STEP_RCPT)
		s->asked = now();
	if (send(s->fd, cmd, strlen(cmd), MSG_NOSIGNAL) == -1) {
		count.reset++;
		return (1);
	}
	return (0);
}

static int
lines(struct session *s)
{
	char	*nl;

	while ((nl = memchr(s->in, '\n', s->len)) != NULL) {
		*nl = '\0';
		if (nl - s->in >= 4 && s->in[3] == ' ' && step(s, s->in))
			return (1);
		s->len -= (size_t)(nl + 1 - s->in);
		memmove(s->in, nl + 1, s->len);
	}
	return (s->len == sizeof(s->in));
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s = arg;
	ssize_t		 n;

	if (what & EV_TIMEOUT) {
		count.timeout++;
		session_free(s);
		return;
	}
	n = read(fd, s->in + s->len, sizeof(s->in) - s->len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (n == -1 && errno == ECONNREFUSED)
			count.refused++;
		else
			count.reset++;
		session_free(s);
		return;
	}
	s->len += (size_t)n;
	if (lines(s))
		session_free(s);
}

static void
session_begin(void)
{
	struct timeval		 tv = { patience, 0 };
	struct sockaddr_in	 from;
	struct session		*s;
	int			 on = 1;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		err(1, NULL);
	s->number = count.begun++;
	s->source = (unsigned int)(s->number % nsources);
	s->began = now();
	if ((s->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	evutil_make_socket_nonblocking(s->fd);
	/* The kernel chooses the port at connect, so ports can be shared. */
	setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
	    sizeof(on));
	source_addr(s->source, &from);
	if (bind(s->fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(1, "bind");
	if ((s->ev = event_new(base, s->fd, EV_READ | EV_PERSIST, on_read,
	    s)) == NULL)
		errx(1, "event");
	nopen++;
	if (connect(s->fd, (struct sockaddr *)&server, sizeof(server)) == -1 &&
	    errno != EINPROGRESS) {
		count.refused++;
		session_free(s);
		return;
	}
	event_add(s->ev, &tv);
}

static void
finish(void)
{
	if (ending)
		return;
	ending = 1;
	if (nopen == 0)
		event_base_loopbreak(base);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	double		t = now() - started;
	uint64_t	due = (uint64_t)(t * rate);

	(void)fd;
	(void)what;
	(void)arg;
	if (ending)
		return;
	if (nsessions != 0 && due > nsessions)
		due = nsessions;
	while (count.begun < due) {
		if (nopen >= max_open) {
			/* Missed sessions are not made up for. */
			started += (double)(due - count.begun) / rate;
			break;
		}
		session_begin();
	}
	if ((duration != 0 && t >= duration) ||
	    (nsessions != 0 && count.begun >= nsessions))
		finish();
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	finish();
}

static int
cmp(const void *a, const void *b)
{
	const float	*x = a, *y = b;

	return ((*x > *y) - (*x < *y));
}

static void
report(void)
{
	size_t	n = nlatency;

	qsort(latency, n, sizeof(*latency), cmp);
	printf("begun %" PRIu64 " grey %" PRIu64 " unstored %" PRIu64
	    " limited %" PRIu64 " white %" PRIu64 " other %" PRIu64
	    " refused %" PRIu64 " reset %" PRIu64 " timeout %" PRIu64,
	    count.begun, count.grey, count.unstored, count.limited,
	    count.white, count.other, count.refused, count.reset,
	    count.timeout);
	if (n > 0)
		printf(" p50ms %.1f p99ms %.1f maxms %.1f", latency[n / 2],
		    latency[n * 99 / 100], latency[n - 1]);
	printf("\n");
}

static void __attribute__((__noreturn__))
usage(void)
{
	fprintf(stderr, "usage: killload [-f] [-a address] [-c open] "
	    "[-d seconds] [-n sessions]\n\t[-o record] [-r rate] "
	    "[-s sources] [-t patience] [-x prefix] port\n");
	exit(2);
}

static void
options(int argc, char **argv)
{
	int	ch;

	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((ch = getopt(argc, argv, "a:c:d:fn:o:r:s:t:x:")) != -1)
		switch (ch) {
		case 'a':
			if (inet_pton(AF_INET, optarg, &server.sin_addr) != 1)
				usage();
			break;
		case 'c':
			max_open = (unsigned int)atoi(optarg);
			break;
		case 'd':
			duration = atof(optarg);
			break;
		case 'f':
			fixed = 1;
			break;
		case 'n':
			nsessions = strtoull(optarg, NULL, 10);
			break;
		case 'o':
			if ((record = fopen(optarg, "a")) == NULL)
				err(1, "%s", optarg);
			setvbuf(record, NULL, _IOLBF, 0);
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 's':
			nsources = (unsigned int)atoi(optarg);
			break;
		case 't':
			patience = (unsigned int)atoi(optarg);
			break;
		case 'x':
			prefix = optarg;
			break;
		default:
			usage();
		}
	if (optind + 1 != argc || nsources == 0 || rate <= 0)
		usage();
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(argv[optind]));
}

int
main(int argc, char **argv)
{
	struct timeval	tv = { 0, TICK_MS * 1000 };
	struct event	*tick, *term, *intr;

	options(argc, argv);
	if ((latency = calloc(LATENCIES, sizeof(*latency))) == NULL ||
	    (base = event_base_new()) == NULL)
		err(1, NULL);
	tick = event_new(base, -1, EV_PERSIST, on_tick, NULL);
	term = evsignal_new(base, SIGTERM, on_signal, NULL);
	intr = evsignal_new(base, SIGINT, on_signal, NULL);
	if (tick == NULL || term == NULL || intr == NULL)
		errx(1, "event");
	started = now();
	event_add(tick, &tv);
	event_add(term, NULL);
	event_add(intr, NULL);
	event_base_dispatch(base);
	if (record != NULL && fclose(record) == EOF)
		err(1, "record");
	report();
	return (0);
}
