/*
 * smtpsink: a mail server that records bytes.  Each message goes to its own
 * file: "FROM <path> parameters" and "RCPT <path> parameters" as they came, an
 * empty line, and the exact bytes of the message before dot-stuffing.  Only
 * CRLF ends a line and only CRLF.CRLF ends a message.  Any other CR, LF or
 * control character is logged in hex: a proxy before it must not pass one.
 *	smtpsink [-fx] [-e keyword] ... [-l log] [-m size] [-p port] [-w ms]
 *	    directory
 *	-e	keywords of EHLO, instead of PIPELINING, SIZE, 8BITMIME,
 *		SMTPUTF8, DSN, ENHANCEDSTATUSCODES; XCLIENT works if offered
 *	-f	write the file and its name to disk before the 250
 *	-l	log every command, in order
 *	-m	the largest message, 50 MB by default
 *	-w	the time to store a message, one after the other
 *	-x	recipients unknown* get 550, later* 450
 * Prints "port N" and runs until it is killed, which may be at any time.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define CONNS		1024
#define COMMAND_MAX	65536
#define KEYWORDS	32

enum state { COMMAND, BOL, TEXT, CR, DOT, DOT_CR };	/* the others: in DATA */

struct buffer {
	char	*p;
	size_t	 len, size;
};

struct conn {
	uint64_t	 id;
	enum state	 state;
	int		 fd, closing, rcpts;
	struct buffer	 line, out, envelope, message;
	size_t		 bare;			/* CR or LF alone, in DATA */
};

static struct conn	*conns[CONNS];
static unsigned int	 nconns;
static const char	*dir, *keywords[KEYWORDS];
static size_t		 nkeywords;
static size_t		 size_max = 50000000;
static FILE		*journal;
static uint64_t		 nstored, nconn;
static int		 sync_first, choosy, dirfd_, slow_ms;

static void
add(struct buffer *b, const void *p, size_t len)
{
	if (b->len + len > b->size) {
		b->size = (b->len + len) * 2;
		if ((b->p = realloc(b->p, b->size)) == NULL)
			err(1, NULL);
	}
	memcpy(b->p + b->len, p, len);
	b->len += len;
}

static void
add_byte(struct buffer *b, char c)
{
	if (b->len < b->size)
		b->p[b->len++] = c;
	else
		add(b, &c, 1);
}

static void
say(struct conn *c, const char *text)
{
	add(&c->out, text, strlen(text));
	add(&c->out, "\r\n", 2);
}

/* Logs a command as it came, in hex if it has unusual bytes. */
static void
note(const struct conn *c, const char *what, const char *p, size_t len)
{
	size_t	i;
	int	odd = 0;

	if (journal == NULL)
		return;
	for (i = 0; i < len; i++)
		odd |= (unsigned char)p[i] < 0x20 || p[i] == 0x7f;
	fprintf(journal, "%ju %s%s ", (uintmax_t)c->id, what,
	    odd ? " HEX" : "");
	for (i = 0; i < len; i++)
		fprintf(journal, odd ? "%02x" : "%c", (unsigned char)p[i]);
	fputc('\n', journal);
	fflush(journal);
}

static void
transaction_clear(struct conn *c)
{
	c->envelope.len = c->message.len = 0;
	c->rcpts = 0;
	c->bare = 0;
}

static int
write_all(int fd, const struct buffer *b)
{
	size_t	done = 0;
	ssize_t	n;

	for (; done < b->len; done += (size_t)n)
		if ((n = write(fd, b->p + done, b->len - done)) <= 0)
			return (-1);
	return (0);
}

/* A whole message gets a name with .msg; a part of one never does. */
static int
store(struct conn *c)
{
	char	tmp[64], name[64];
	int	fd, rc = -1;

	snprintf(tmp, sizeof(tmp), "%ld.%ju.tmp", (long)getpid(),
	    (uintmax_t)++nstored);
	snprintf(name, sizeof(name), "%ld.%ju.msg", (long)getpid(),
	    (uintmax_t)nstored);
	fd = openat(dirfd_, tmp, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd == -1)
		return (-1);
	(void)poll(NULL, 0, slow_ms);
	add(&c->envelope, "\n", 1);
	if (write_all(fd, &c->envelope) == 0 &&
	    write_all(fd, &c->message) == 0 &&
	    (!sync_first || fsync(fd) == 0) &&
	    renameat(dirfd_, tmp, dirfd_, name) == 0 &&
	    (!sync_first || fsync(dirfd_) == 0))
		rc = 0;
	close(fd);
	return (rc);
}

static void
end_of_data(struct conn *c)
{
	char	where[32];

	c->state = COMMAND;
	if (c->bare != 0) {
		snprintf(where, sizeof(where), "%zu", c->bare);
		note(c, "BARE", where, strlen(where));
	}
	if (c->message.len > size_max)
		say(c, "552 5.3.4 Message too big");
	else if (store(c) == -1)
		say(c, "452 4.3.1 Cannot store it");
	else
		say(c, "250 2.0.0 Ok: stored");
	transaction_clear(c);
}

/* Handles one byte of the message. */
static void
data(struct conn *c, char ch)
{
	if (c->state == BOL && ch == '.') {
		c->state = DOT;
		return;
	}
	if (c->state == DOT && ch == '\r') {
		c->state = DOT_CR;
		return;
	}
	if (c->state == DOT_CR && ch == '\n') {
		end_of_data(c);
		return;
	}
	if (c->state == CR || c->state == DOT_CR) {
		add_byte(&c->message, '\r');
		if (ch != '\n' || c->state == DOT_CR)
			c->bare++;
		else {
			add_byte(&c->message, '\n');
			c->state = BOL;
			return;
		}
	}
	if (ch == '\r') {
		c->state = CR;
		return;
	}
	if (ch == '\n')
		c->bare++;
	add_byte(&c->message, ch);
	c->state = TEXT;
}

static void
ehlo(struct conn *c)
{
	char	line[512];
	size_t	i;

	transaction_clear(c);
	say(c, nkeywords == 0 ? "250 sink.example.org" :
	    "250-sink.example.org");
	for (i = 0; i < nkeywords; i++) {
		if (strcmp(keywords[i], "SIZE") == 0)
			snprintf(line, sizeof(line), "250%cSIZE %zu",
			    i + 1 < nkeywords ? '-' : ' ', size_max);
		else
			snprintf(line, sizeof(line), "250%c%s",
			    i + 1 < nkeywords ? '-' : ' ', keywords[i]);
		say(c, line);
	}
}

static int
offered(const char *keyword)
{
	size_t	i, len = strlen(keyword);

	for (i = 0; i < nkeywords; i++)
		if (strncmp(keywords[i], keyword, len) == 0 &&
		    (keywords[i][len] == '\0' || keywords[i][len] == ' '))
			return (1);
	return (0);
}

static void
mail(struct conn *c, const char *arg)
{
	const char	*size;

	if (c->envelope.len != 0) {
		say(c, "503 5.5.1 Nested MAIL");
		return;
	}
	if ((size = strstr(arg, " SIZE=")) != NULL &&
	    strtoull(size + 6, NULL, 10) > size_max) {
		say(c, "552 5.3.4 Message too big");
		return;
	}
	add(&c->envelope, "FROM ", 5);
	add(&c->envelope, arg, strlen(arg));
	add(&c->envelope, "\n", 1);
	say(c, "250 2.1.0 Ok");
}

static void
rcpt(struct conn *c, const char *arg)
{
	if (c->envelope.len == 0)
		say(c, "503 5.5.1 MAIL first");
	else if (choosy && strncasecmp(arg, "<unknown", 8) == 0)
		say(c, "550 5.1.1 No such user");
	else if (choosy && strncasecmp(arg, "<later", 6) == 0)
		say(c, "450 4.2.1 Later");
	else {
		add(&c->envelope, "RCPT ", 5);
		add(&c->envelope, arg, strlen(arg));
		add(&c->envelope, "\n", 1);
		c->rcpts++;
		say(c, "250 2.1.5 Ok");
	}
}

static void
command(struct conn *c, const char *line)
{
	if (strncasecmp(line, "EHLO ", 5) == 0)
		ehlo(c);
	else if (strncasecmp(line, "HELO ", 5) == 0) {
		transaction_clear(c);
		say(c, "250 sink.example.org");
	} else if (strncasecmp(line, "MAIL FROM:", 10) == 0)
		mail(c, line + 10);
	else if (strncasecmp(line, "RCPT TO:", 8) == 0)
		rcpt(c, line + 8);
	else if (strcasecmp(line, "DATA") == 0) {
		if (c->rcpts == 0)
			say(c, "554 5.5.1 No valid recipients");
		else {
			say(c, "354 Go ahead");
			c->state = BOL;
		}
	} else if (strcasecmp(line, "RSET") == 0) {
		transaction_clear(c);
		say(c, "250 2.0.0 Ok");
	} else if (strncasecmp(line, "NOOP", 4) == 0)
		say(c, "250 2.0.0 Ok");
	else if (strncasecmp(line, "XCLIENT ", 8) == 0 && offered("XCLIENT")) {
		transaction_clear(c);
		say(c, "220 sink.example.org ESMTP");
	} else if (strcasecmp(line, "QUIT") == 0) {
		say(c, "221 2.0.0 Bye");
		c->closing = 1;
	} else
		say(c, "502 5.5.2 Not here");
}

/* Only CRLF ends a command. */
static void
command_byte(struct conn *c, char ch)
{
	size_t	i;

	add_byte(&c->line, ch);
	if (c->line.len > COMMAND_MAX) {
		note(c, "LONG", c->line.p, 64);
		say(c, "500 5.5.2 Line too long");
		c->closing = 1;
		return;
	}
	if (ch != '\n' || c->line.len < 2 || c->line.p[c->line.len - 2] != '\r')
		return;
	c->line.len -= 2;
	note(c, "COMMAND", c->line.p, c->line.len);
	for (i = 0; i < c->line.len; i++)
		if ((unsigned char)c->line.p[i] < 0x20)
			break;
	c->line.p[c->line.len] = '\0';
	if (i < c->line.len)
		say(c, "500 5.5.2 Control characters");
	else
		command(c, c->line.p);
	c->line.len = 0;
}

static void
conn_free(unsigned int i)
{
	struct conn	*c = conns[i];

	note(c, c->state == COMMAND ? "CLOSE" : "CLOSE IN DATA", "", 0);
	close(c->fd);
	free(c->line.p);
	free(c->out.p);
	free(c->envelope.p);
	free(c->message.p);
	free(c);
	conns[i] = conns[--nconns];
}

static void
conn_new(int lfd)
{
	struct conn	*c;
	int		 fd, on = 1;

	if ((fd = accept(lfd, NULL, NULL)) == -1)
		return;
	if (nconns == CONNS || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->fd = fd;
	c->id = ++nconn;
	conns[nconns++] = c;
	note(c, "OPEN", "", 0);
	say(c, "220 sink.example.org ESMTP");
}

/* Returns -1 when the connection is over. */
static int
conn_read(struct conn *c)
{
	static char	buf[262144];
	ssize_t		n, i;

	n = read(c->fd, buf, sizeof(buf));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	for (i = 0; i < n && !c->closing; i++) {
		if (c->state == COMMAND)
			command_byte(c, buf[i]);
		else
			data(c, buf[i]);
	}
	return (0);
}

static int
conn_write(struct conn *c)
{
	ssize_t	n;

	if (c->out.len == 0)
		return (0);
	n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL);
	if (n == -1)
		return (errno == EAGAIN || errno == EINTR ? 0 : -1);
	c->out.len -= (size_t)n;
	memmove(c->out.p, c->out.p + n, c->out.len);
	return (c->out.len == 0 && c->closing ? -1 : 0);
}

static void
serve(int lfd)
{
	struct pollfd	fds[CONNS + 1];
	unsigned int	i;
	int		rc;

	for (;;) {
		fds[0] = (struct pollfd){ .fd = lfd, .events = POLLIN };
		for (i = 0; i < nconns; i++)
			fds[i + 1] = (struct pollfd){ .fd = conns[i]->fd,
			    .events = (short)(conns[i]->out.len != 0 ?
			    POLLIN | POLLOUT : POLLIN) };
		if (poll(fds, nconns + 1, -1) == -1 && errno != EINTR)
			err(1, "poll");
		/* Backwards: what is freed is replaced by the last. */
		for (i = nconns; i > 0; i--) {
			if (fds[i].revents == 0)
				continue;
			rc = fds[i].revents & ~POLLOUT ?
			    conn_read(conns[i - 1]) : 0;
			if (rc == -1 || conn_write(conns[i - 1]) == -1)
				conn_free(i - 1);
		}
		if (fds[0].revents != 0)
			conn_new(lfd);
	}
}

static int
listener(uint16_t port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd, on = 1;

	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, len) == -1 ||
	    listen(fd, 512) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		err(1, "port %u", port);
	printf("port %u\n", ntohs(sin.sin_port));
	fflush(stdout);
	return (fd);
}

int
main(int argc, char **argv)
{
	uint16_t	port = 0;
	int		ch;

	while ((ch = getopt(argc, argv, "e:fl:m:p:w:x")) != -1)
		switch (ch) {
		case 'e':
			if (nkeywords == KEYWORDS)
				errx(2, "too many keywords");
			keywords[nkeywords++] = optarg;
			break;
		case 'f':
			sync_first = 1;
			break;
		case 'l':
			if ((journal = fopen(optarg, "a")) == NULL)
				err(1, "%s", optarg);
			break;
		case 'm':
			size_max = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			port = (uint16_t)atoi(optarg);
			break;
		case 'w':
			slow_ms = atoi(optarg);
			break;
		case 'x':
			choosy = 1;
			break;
		default:
			goto usage;
		}
	if (optind + 1 != argc)
		goto usage;
	dir = argv[optind];
	if ((dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) == -1)
		err(1, "%s", dir);
	if (nkeywords == 0) {
		static const char *const all[] = { "PIPELINING", "SIZE",
		    "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES" };

		for (; nkeywords < sizeof(all) / sizeof(all[0]); nkeywords++)
			keywords[nkeywords] = all[nkeywords];
	}
	serve(listener(port));
usage:
	fprintf(stderr, "usage: smtpsink [-fx] [-e keyword] ... [-l log] "
	    "[-m size] [-p port] [-w ms] directory\n");
	return (2);
}
