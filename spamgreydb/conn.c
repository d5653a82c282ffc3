/*
 * The connection to whoever answers: the daemon through its control socket
 * or, when no daemon runs, the database in this process.  For the rest of the
 * command both are frames.  It blocks, as a command may.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "spamgreydb/spamgreydb.h"

#define PATIENCE	10000		/* ms to wait for a lock or a start */
#define RETRY		100		/* ms between tries */
#define QUEUE_HIGH	(256 * 1024)	/* bytes; conn_send waits above it */

/* A connection. */
struct conn {
	struct ipc	 ipc;
	struct direct	*direct;	/* NULL: the socket */
	int64_t		 deadline;	/* of the first answer; 0: none */
	int		 quiet;		/* do not report an end */
	int		 lost;		/* it has ended, or was too late */
};

/* Connects.  Returns a socket, or -1 with errno. */
static int
try_socket(const char *path)
{
	struct sockaddr_un	 sun;
	int			 fd, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return (-1);
	/* Not blocking, so that a full backlog is an error to wait out. */
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* To begin a frame and put into it. */
struct ipc *
conn_ipc(struct conn *c)
{
	return (&c->ipc);
}

/* Waits for the socket: 1 it is ready, 0 too late, -1 with errno. */
static int
wait_socket(struct conn *c)
{
	struct pollfd	pfd = { c->ipc.fd, POLLIN, 0 };
	int64_t		left = -1;
	int		r;

	if (ipc_queued(&c->ipc) > 0)
		pfd.events |= POLLOUT;
	if (c->deadline != 0 && (left = c->deadline - clock_mono()) <= 0)
		return (0);
	if ((r = poll(&pfd, 1, (int)left)) == -1 && errno == EINTR)
		return (1);
	return (r);
}

/*
 * Reads and writes once.  Returns 1, or 0 with errno when the connection has
 * ended or it is too late.  With wait it blocks, but not while at most `high'
 * bytes are queued, since no answer need be on its way then; SIZE_MAX: an
 * answer is wanted.
 */
static int
step_socket(struct conn *c, int wait, size_t high)
{
	int	r;

	if (ipc_flush(&c->ipc) == -1 && errno != EPIPE &&
	    errno != ECONNRESET)
		return (0);
	if (wait && high != SIZE_MAX && ipc_queued(&c->ipc) <= high)
		return (1);
	if (wait) {
		if ((r = wait_socket(c)) == 0)
			errno = ETIMEDOUT;
		if (r <= 0)
			return (0);
	}
	if ((r = ipc_read(&c->ipc)) == 1 ||
	    (r == -1 && (errno == EAGAIN || errno == EINTR)))
		return (1);
	if (r == 0)
		errno = ECONNRESET;
	return (0);
}

/*
 * With the database in this process, the engine is run until it has something
 * to say.
 */
int
conn_next(struct conn *c, struct msg *m, int wait)
{
	int	r;

	for (;;) {
		if ((r = ipc_next(&c->ipc, m)) == 1)
			return (1);
		if (r == -1) {
			out_error("the program that answers on the control "
				  "socket is not spamgreyd");
			return (-1);
		}
		if (c->direct != NULL) {
			if (direct_run(c->direct, &c->ipc) == -1)
				return (-1);
			if (buf_len(&c->ipc.in) == 0)
				return (0);
			continue;
		}
		if (step_socket(c, wait, SIZE_MAX) == 0) {
			c->lost = 1;
			if (c->deadline == 0 && !c->quiet)
				out_error("the daemon closed the connection "
					  "before it answered; what it had "
					  "changed is kept");
			return (-1);
		}
		if (!wait && (r = ipc_next(&c->ipc, m)) != 0)
			return (r);
		if (!wait)
			return (0);
	}
}

/* Waits only when the queue is long, since most requests are one frame. */
int
conn_send(struct conn *c)
{
	if (ipc_send(&c->ipc, -1) == -1) {
		out_error("cannot send the request: %s", strerror(errno));
		return (-1);
	}
	if (c->direct != NULL)
		return (direct_run(c->direct, &c->ipc));
	while (ipc_queued(&c->ipc) > QUEUE_HIGH) {
		if (step_socket(c, 1, QUEUE_HIGH) == 0) {
			out_error("the daemon closed the connection; what it "
				  "had changed is kept");
			return (-1);
		}
	}
	return (0);
}

enum hello { HELLO_OK, HELLO_AGAIN, HELLO_FAILED };

/*
 * Greets.  The two programs must be of one version.  HELLO_AGAIN: the
 * connection ended at once, as when the store process is starting again.
 */
static enum hello
hello(struct conn *c)
{
	struct msg	m;
	uint32_t	version;

	ipc_begin(&c->ipc, CTL_HELLO, 0);
	ipc_put_u32(&c->ipc, PROTO_VERSION);
	if (conn_send(c) == -1)
		return (HELLO_FAILED);
	switch (conn_next(c, &m, 1)) {
	case 1:
		break;
	default:
		return (HELLO_AGAIN);		/* a store that starts again */
	}
	version = msg_get_u32(&m);
	if (m.type != CTL_HELLO || msg_end(&m) == -1) {
		out_error("the program that answers on the control socket is "
			  "not spamgreyd");
		return (HELLO_FAILED);
	}
	if (version != PROTO_VERSION) {
		out_error("the daemon speaks version %u of the control "
			  "protocol and this spamgreydb version %d; restart "
			  "the daemon",
		    version, PROTO_VERSION);
		return (HELLO_FAILED);
	}
	c->deadline = 0;
	return (HELLO_OK);
}

/* Says whether this error of connect(2) can mean that there is no daemon. */
static int
no_daemon(int error)
{
	return (error == ENOENT || error == ECONNREFUSED);
}

enum tried { TRIED_OPEN, TRIED_AGAIN, TRIED_FAILED, TRIED_NONE };

/* Tries the socket once.  FAILED: reported; NONE: there is no daemon. */
static enum tried
try_daemon(struct conn *c, const struct config *conf)
{
	int	fd;

	if ((fd = try_socket(conf->socket)) != -1) {
		ipc_init(&c->ipc, fd);
		switch (hello(c)) {
		case HELLO_OK:
			return (TRIED_OPEN);
		case HELLO_AGAIN:
			ipc_clear(&c->ipc);
			return (TRIED_AGAIN);
		case HELLO_FAILED:
			break;
		}
		return (TRIED_FAILED);
	}
	if (errno == EAGAIN)
		return (TRIED_AGAIN);
	if (no_daemon(errno))
		return (TRIED_NONE);
	out_error("%s: %s%s", conf->socket, strerror(errno),
	    errno == EACCES || errno == EPERM ? "; be root, or a "
	    "member of the socket's group" : "");
	return (TRIED_FAILED);
}

/*
 * Tries the socket, then the database.  Returns 1 when one is open, 0 to try
 * again, -1 to give up (reported).
 */
static int
try_open(struct conn *c, struct config *conf, int how, pid_t *pid)
{
	*pid = 0;
	switch (try_daemon(c, conf)) {
	case TRIED_OPEN:
		return (1);
	case TRIED_AGAIN:
		return (0);
	case TRIED_FAILED:
		return (-1);
	case TRIED_NONE:
		break;
	}
	switch (direct_open(conf, how, &c->direct, pid)) {
	case DIRECT_OK:
		ipc_init(&c->ipc, -1);
		return (hello(c) == HELLO_OK ? 1 : -1);
	case DIRECT_LOCKED:
		return (0);
	case DIRECT_FAILED:
		break;
	}
	return (-1);
}

/*
 * The lock may be held for a short while by another spamgreydb, so it is
 * tried again.
 */
struct conn *
conn_open(struct config *conf, int how)
{
	struct conn	*c;
	pid_t		 pid;
	int		 r;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		out_error("no memory");
		return (NULL);
	}
	c->ipc.fd = -1;
	c->deadline = clock_mono() + PATIENCE;
	while ((r = try_open(c, conf, how, &pid)) == 0 &&
	    clock_mono() < c->deadline)
		(void)poll(NULL, 0, RETRY);
	if (r == 1)
		return (c);
	if (r == 0 && pid != 0)
		out_error("%s is in use by process %ld, and nothing answers on "
			  "%s; is another spamgreydb running, or a daemon with "
			  "another `control socket'?",
		    conf->statedir, (long)pid, conf->socket);
	else if (r == 0)
		out_error("nothing answers on %s; is the daemon starting, or "
		    "stopped by a signal?", conf->socket);
	conn_close(c);
	return (NULL);
}

void
conn_quiet(struct conn *c)
{
	c->quiet = 1;
}

int
conn_lost(const struct conn *c)
{
	return (c->lost);
}

/* After a reload has ended the connection. */
int
conn_again(struct conn *c, const struct config *conf, int64_t deadline)
{
	enum tried	r;

	do {
		ipc_clear(&c->ipc);
		c->lost = 0;
		c->deadline = deadline;
		if ((r = try_daemon(c, conf)) == TRIED_AGAIN)
			(void)poll(NULL, 0, RETRY);
	} while (r == TRIED_AGAIN && clock_mono() < deadline);
	c->deadline = deadline;
	if (r == TRIED_NONE)
		out_error("the daemon has ended; its log says why");
	else if (r == TRIED_AGAIN)
		out_error("nothing answers on %s", conf->socket);
	return (r == TRIED_OPEN ? 0 : -1);
}

int
conn_is_direct(const struct conn *c)
{
	return (c->direct != NULL);
}

/* NULL is fine. */
void
conn_close(struct conn *c)
{
	if (c == NULL)
		return;
	ipc_clear(&c->ipc);
	direct_close(c->direct);
	free(c);
}
