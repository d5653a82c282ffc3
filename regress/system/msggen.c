/* LIBS: -lm */
/*
 * msggen: sends the messages of messages.h over several connections at once and
 * records the outcome of each.
 *	msggen [-r] [-c connections] [-l large] [-n number] [-o list]
 *	    [-R rate] [-S seed] [-t patience] [host] port
 *	-o	write a line for each when its outcome is known: id, size,
 *		outcome, tries; the outcome is the reply's code, "lost"
 *		(closed before the final dot) or "unknown" (after it)
 *	-r	like a mail server: send what was deferred or lost again
 *		until it is accepted or refused, for at most patience
 *	-R	new messages a second
 * Some are sent command by command, some pipelined, some small ones in pieces
 * of a few bytes, and several over one connection.  The last line has the
 * counts, and the outcomes of the tries that were repeated.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "regress/lib/messages.h"

#define CONNS_MAX	256
#define REPLY_MAX	4096
#define A_CONN		12		/* messages over one connection */
#define AGAIN_S		0.2
#define REPLY_S		600.0

enum step { BANNER, EHLO, MAIL, RCPT, DATA, DOT, QUIT };
enum how { LOCKSTEP, PIPELINED, PIECES, AT_ONCE };

struct conn {
	int		 fd;		/* -1: free */
	enum step	 step;
	enum how	 how;
	int		 sent;		/* messages */
	int		 size, eightbit, pipelining;	/* EHLO offers */
	unsigned int	 id, rcpts;	/* rcpts: replies awaited */
	double		 since;
	char		 reply[REPLY_MAX];
	size_t		 len;
	uint8_t		*out;
	size_t		 outlen, outpos, outsize;
	struct message	 m;
};

/* The messages to send: first tries in order, then retries at their time. */
struct work {
	double		 due, first;
	unsigned int	 tries;
	enum { WAITING, UNDER_WAY, DECIDED } state;
};

static struct conn		 conns[CONNS_MAX];
static struct work		*work;
static struct sockaddr_in	 to;
static unsigned int		 nconns = 10, n = 100, large, total, decided;
static unsigned int		 first_waiting, under_way, tries;
static unsigned int		 accepted, refused, putoff, lost, unknown;
static unsigned int		 again_putoff, again_lost, again_unknown;
static uint64_t			 seed = 1, octets;
static double			 rate, started, patience = 300;
static int			 again;
static FILE			*list;

static double
now(void)
{
	struct timespec	ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
}

/* Records an outcome: final, or to be tried again. */
static void
outcome(struct conn *c, const char *what)
{
	struct work	*w = &work[c->id];

	if (strcmp(what, "250") == 0) {
		accepted++;
		octets += c->m.len;
	} else if (again && what[0] != '5' && now() - w->first < patience) {
		w->state = WAITING;
		*(what[0] == '4' ? &again_putoff : what[0] == 'l' ?
		    &again_lost : &again_unknown) += 1;
		w->due = now() + AGAIN_S;
		if (c->id < first_waiting)
			first_waiting = c->id;
		goto done;
	} else if (what[0] == '5')
		refused++;
	else if (what[0] == '4')
		putoff++;
	else if (what[0] == 'l')
		lost++;
	else
		unknown++;
	if (list != NULL)
		fprintf(list, "%u %zu %s %u\n", c->id, c->m.len, what,
		    w->tries);
	w->state = DECIDED;
	decided++;
done:
	under_way--;
	free(c->m.data);
	c->m.data = NULL;
}

static void
conn_close(struct conn *c, const char *what)
{
	if (c->m.data != NULL)
		outcome(c, what != NULL ? what :
		    c->step == DOT ? "unknown" : "lost");
	close(c->fd);
	free(c->out);
	memset(c, 0, sizeof(*c));
	c->fd = -1;
}

static void
conn_queue(struct conn *c, const void *p, size_t len)
{
	if (c->outlen + len > c->outsize) {
		c->outsize = (c->outlen + len) * 2;
		if ((c->out = realloc(c->out, c->outsize)) == NULL)
			err(1, NULL);
	}
	if (len != 0)
		memcpy(c->out + c->outlen, p, len);
	c->outlen += len;
}

static void
conn_line(struct conn *c, const char *text)
{
	conn_queue(c, text, strlen(text));
	conn_queue(c, "\r\n", 2);
}

static int
work_take(unsigned int *id)
{
	unsigned int	i;
	double		t = now();

	while (first_waiting < total && work[first_waiting].state == DECIDED)
		first_waiting++;
	for (i = first_waiting; i < total; i++) {
		if (work[i].tries == 0 && work[i].due > t)
			return (0);
		if (work[i].state != WAITING || work[i].due > t)
			continue;
		if (work[i].tries++ == 0)
			work[i].first = t;
		work[i].state = UNDER_WAY;
		under_way++;
		tries++;
		*id = i;
		return (1);
	}
	return (0);
}

static void
conn_open(struct conn *c, unsigned int id)
{
	int	on = 1;

	memset(c, 0, sizeof(*c));
	c->id = id;
	c->since = now();
	c->step = BANNER;
	message_make(&c->m, seed, id, n);
	if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* If the server is killed before it gets the last segment of the
	 * handshake, our connection never gets anything.  A keepalive probe is
	 * answered with a reset. */
#ifdef TCP_KEEPIDLE
	(void)setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, sizeof(on));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, &on, sizeof(on));
#endif
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1 &&
	    errno != EINPROGRESS)
		conn_close(c, NULL);
}

static void
conn_rcpt(struct conn *c, unsigned int i)
{
	char	text[64];

	snprintf(text, sizeof(text), "RCPT TO:<u%u.%u@example.org>", c->id, i);
	conn_line(c, text);
}

static void
conn_mail(struct conn *c)
{
	char		text[128], size[32] = "";
	unsigned int	i;

	c->how = (enum how)(c->id % 4);
	if (c->how == PIECES && c->m.len > 8192)
		c->how = AT_ONCE;
	if (c->how == PIPELINED && !c->pipelining)
		c->how = LOCKSTEP;
	c->rcpts = 1 + (c->id % 5 == 0) + (c->id % 25 == 0);
	if (c->size)
		snprintf(size, sizeof(size), " SIZE=%zu", c->m.len);
	snprintf(text, sizeof(text), "MAIL FROM:<m%u@example.com>%s%s", c->id,
	    size, c->eightbit ? " BODY=8BITMIME" : "");
	conn_line(c, text);
	c->step = MAIL;
	if (c->how != PIPELINED)
		return;
	for (i = 0; i < c->rcpts; i++)
		conn_rcpt(c, i);
	conn_line(c, "DATA");
}

static void
conn_data(struct conn *c)
{
	size_t	i, from = 0;

	for (i = 0; i < c->m.len; i++)
		if (c->m.data[i] == '.' &&
		    (i == 0 || c->m.data[i - 1] == '\n')) {
			conn_queue(c, c->m.data + from, i - from);
			conn_queue(c, ".", 1);
			from = i;
		}
	conn_queue(c, c->m.data + from, c->m.len - from);
	conn_line(c, ".");
	c->step = DOT;
}

/* The message is done: begin another one, or end the connection. */
static void
conn_next(struct conn *c)
{
	outcome(c, "250");
	if (++c->sent < A_CONN && work_take(&c->id)) {
		message_make(&c->m, seed, c->id, n);
		conn_mail(c);
		return;
	}
	c->step = QUIT;
	conn_line(c, "QUIT");
}

static void
conn_offer(struct conn *c, const char *line)
{
	if (strncmp(line + 4, "SIZE", 4) == 0)
		c->size = 1;
	else if (strcmp(line + 4, "8BITMIME") == 0)
		c->eightbit = 1;
	else if (strcmp(line + 4, "PIPELINING") == 0)
		c->pipelining = 1;
}

/* Handles the last line of a reply. */
static void
conn_reply(struct conn *c, const char *line)
{
	static const char	want[] = "2222322";
	char			code[4];

	if (line[0] != want[c->step]) {
		strlcpy(code, line, sizeof(code));
		conn_close(c, code);
		return;
	}
	switch (c->step) {
	case BANNER:
		c->step = EHLO;
		conn_line(c, "EHLO client.example.com");
		break;
	case EHLO:
		conn_mail(c);
		break;
	case MAIL:
		c->step = RCPT;
		if (c->how != PIPELINED)
			conn_rcpt(c, c->rcpts);
		break;
	case RCPT:
		if (--c->rcpts == 0)
			c->step = DATA;
		if (c->how == PIPELINED)
			break;
		if (c->rcpts == 0)
			conn_line(c, "DATA");
		else
			conn_rcpt(c, c->rcpts);
		break;
	case DATA:
		conn_data(c);
		break;
	case DOT:
		conn_next(c);
		break;
	case QUIT:
		conn_close(c, NULL);
		break;
	}
}

static void
conn_read(struct conn *c)
{
	char	*nl, line[REPLY_MAX];
	ssize_t	 got;
	size_t	 len;

	got = read(c->fd, c->reply + c->len, sizeof(c->reply) - c->len);
	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		conn_close(c, NULL);
		return;
	}
	c->since = now();
	c->len += (size_t)got;
	while (c->fd != -1 &&
	    (nl = memchr(c->reply, '\n', c->len)) != NULL) {
		len = (size_t)(nl - c->reply) + 1;
		memcpy(line, c->reply, len);
		line[len > 1 && line[len - 2] == '\r' ? len - 2 : len - 1] =
		    '\0';
		c->len -= len;
		memmove(c->reply, c->reply + len, c->len);
		if (strlen(line) < 3 || strspn(line, "0123456789") != 3)
			errx(1, "no SMTP reply: %s", line);
		if (c->step == EHLO && strlen(line) > 4)
			conn_offer(c, line);
		if (line[3] != '-')
			conn_reply(c, line);
	}
	if (c->fd != -1 && c->len == sizeof(c->reply))
		errx(1, "a reply of more than %d octets", REPLY_MAX);
}

static void
conn_write(struct conn *c)
{
	size_t	len = c->outlen - c->outpos;
	ssize_t	put;

	/* This changes no message: a message depends only on its number. */
	if (c->how == PIECES && len > 9)
		len = 1 + message_below(9);
	put = send(c->fd, c->out + c->outpos, len, MSG_NOSIGNAL);
	if (put == -1) {
		/* There may be a reply yet: the next read finds the end. */
		if (errno != EAGAIN && errno != EINTR)
			c->outlen = c->outpos = 0;
		return;
	}
	c->since = now();
	c->outpos += (size_t)put;
	if (c->outpos == c->outlen)
		c->outlen = c->outpos = 0;
}

static void
turn(void)
{
	struct pollfd	fds[CONNS_MAX];
	unsigned int	i, id, nfds = 0;

	for (i = 0; i < nconns; i++) {
		if (conns[i].fd == -1 && work_take(&id))
			conn_open(&conns[i], id);
		fds[i] = (struct pollfd){ .fd = conns[i].fd, .events =
		    (short)(conns[i].outlen ? POLLIN | POLLOUT : POLLIN) };
		nfds++;
	}
	if (poll(fds, nfds, 20) == -1 && errno != EINTR)
		err(1, "poll");
	for (i = 0; i < nconns; i++) {
		if (conns[i].fd == -1)
			continue;
		if (fds[i].revents & POLLOUT)
			conn_write(&conns[i]);
		if (fds[i].revents & ~POLLOUT)
			conn_read(&conns[i]);
		if (conns[i].fd != -1 && now() - conns[i].since > REPLY_S) {
			warnx("message %u: no answer for %.0f s",
			    conns[i].id, REPLY_S);
			conn_close(&conns[i], NULL);
		}
	}
}

static void __attribute__((__noreturn__))
usage(void)
{
	fprintf(stderr, "usage: msggen [-r] [-c connections] [-l large] "
	    "[-n number] [-o list]\n\t[-R rate] [-S seed] [-t patience] "
	    "[host] port\n");
	exit(2);
}

static void
options(int argc, char **argv)
{
	int	ch;

	while ((ch = getopt(argc, argv, "c:l:n:o:rR:S:t:")) != -1)
		switch (ch) {
		case 'c':
			nconns = (unsigned int)atoi(optarg);
			break;
		case 'l':
			large = (unsigned int)atoi(optarg);
			break;
		case 'n':
			n = (unsigned int)atoi(optarg);
			break;
		case 'o':
			if ((list = fopen(optarg, "w")) == NULL)
				err(1, "%s", optarg);
			setvbuf(list, NULL, _IOLBF, 0);
			break;
		case 'r':
			again = 1;
			break;
		case 'R':
			rate = atof(optarg);
			break;
		case 'S':
			seed = strtoull(optarg, NULL, 10);
			break;
		case 't':
			patience = atof(optarg);
			break;
		default:
			usage();
		}
	argc -= optind;
	argv += optind;
	if (argc < 1 || argc > 2 || nconns == 0 || nconns > CONNS_MAX)
		usage();
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[argc - 1]));
	if (inet_pton(AF_INET, argc == 2 ? argv[0] : "127.0.0.1",
	    &to.sin_addr) != 1)
		usage();
}

int
main(int argc, char **argv)
{
	unsigned int	i;

	options(argc, argv);
	total = n + large;
	if ((work = calloc(total + 1, sizeof(*work))) == NULL)
		err(1, NULL);
	started = now();
	for (i = 0; i < total && rate > 0; i++)
		work[i].due = started + i / rate;
	for (i = 0; i < nconns; i++)
		conns[i].fd = -1;
	while (decided < total)
		turn();
	for (i = 0; i < nconns; i++)
		while (conns[i].fd != -1)
			turn();
	if (list != NULL && fclose(list) == EOF)
		err(1, "list");
	printf("messages %u tries %u accepted %u refused %u put-off %u lost %u "
	    "unknown %u again-put-off %u again-lost %u again-unknown %u "
	    "octets %ju seconds %.2f\n", total, tries, accepted, refused,
	    putoff, lost, unknown, again_putoff, again_lost, again_unknown,
	    (uintmax_t)octets, now() - started);
	return (0);
}
