/*
 * Making a connection to a scanner: by TCP from here, to a unix socket through
 * the parent, because pass is confined and has no file system to find the
 * socket in.  The result is always reported from the event loop, never from
 * inside sock_open.
 *
 * The timer has two tasks: it is the time limit, and it is activated at once to
 * report a result (sock_ready, sock_fail).
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "spamgreyd/pass/scan/scan_int.h"

/* Milliseconds until a server with a full backlog is tried again. */
#define BUSY_AGAIN	100

struct event_base	*scan_base;
/* Asks the parent, see scan_init. */
static int		(*ask_parent)(uint64_t, const char *, const char *);

/*
 * Connections that were asked for at the parent, by id; ids are never reused.
 */
static LIST_HEAD(, scan_sock)	asked = LIST_HEAD_INITIALIZER(asked);
static uint64_t			last_id;

void
scan_init(struct event_base *base, int (*ask)(uint64_t, const char *,
    const char *))
{
	scan_base = base;
	ask_parent = ask;
}

static void	sock_try(struct scan_sock *);
static void	sock_timer(evutil_socket_t, short, void *);

/* A timer that cannot be set fires at once, so that nothing waits for ever. */
void
scan_timer(struct event *ev, int64_t ms)
{
	struct timeval	tv;

	if (ms < 0)
		ms = 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (evtimer_add(ev, &tv) == -1)
		event_active(ev, EV_TIMEOUT, 1);
}

void
sock_init(struct scan_sock *k)
{
	memset(k, 0, sizeof(*k));
	k->fd = -1;
}

/* Leaves a state, with what belongs to it, and enters the next one. */
static void
sock_state(struct scan_sock *k, enum sock_state state)
{
	if (k->state == SOCK_ASKED)
		LIST_REMOVE(k, entry);
	if (k->state == SOCK_CONNECTING)
		event_del(&k->ev);
	k->state = state;
}

/* Reports the failure from the event loop. */
static void
sock_fail(struct scan_sock *k, const char *why)
{
	sock_state(k, SOCK_FAILED);
	snprintf(k->why, sizeof(k->why), "%s", why);
	event_active(&k->timer, EV_TIMEOUT, 1);
}

static void
sock_ready(struct scan_sock *k)
{
	sock_state(k, SOCK_MADE);
	event_active(&k->timer, EV_TIMEOUT, 1);
}

/* The TCP connection was made or refused. */
static void
sock_connected(evutil_socket_t fd, short what, void *arg)
{
	struct scan_sock	*k = arg;
	socklen_t		 len = sizeof(int);
	int			 error = 0;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0)
		sock_fail(k, strerror(error));
	else
		sock_ready(k);
}

/* Begins a TCP connection. */
static void
sock_tcp(struct scan_sock *k)
{
	const struct scan_server	*s = &k->conf->server[k->server];
	struct sockaddr_storage		 ss;
	socklen_t			 len;
	int				 on = 1;

	len = addr_to_sa(&s->addr, s->port, &ss);
	if ((k->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0)) == -1) {
		sock_fail(k, strerror(errno));
		return;
	}
	(void)setsockopt(k->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(k->fd, (struct sockaddr *)&ss, len) == 0) {
		sock_ready(k);
		return;
	}
	if (errno != EINPROGRESS && errno != EINTR) {
		sock_fail(k, strerror(errno));
		return;
	}
	event_assign(&k->ev, scan_base, k->fd, EV_WRITE, sock_connected,
	    k);
	k->state = SOCK_CONNECTING;
	if (event_add(&k->ev, NULL) == -1)
		sock_fail(k, "cannot add an event for the connection");
}

/* Begins an attempt, the first one or another one after SOCK_BUSY. */
static void
sock_try(struct scan_sock *k)
{
	const struct scan_server	*s = &k->conf->server[k->server];

	scan_timer(&k->timer, k->deadline - clock_mono());
	if (s->path == NULL) {
		sock_tcp(k);
		return;
	}
	k->id = ++last_id;
	LIST_INSERT_HEAD(&asked, k, entry);
	k->state = SOCK_ASKED;
	if (ask_parent(k->id, k->conf->module, s->path) == -1)
		sock_fail(k, "the connection could not be requested from the "
		    "parent");
}

/*
 * The parent's answer.  If nobody waits for it any more, the descriptor is
 * closed.
 */
void
scan_socket(uint64_t id, uint32_t error, int fd)
{
	struct scan_sock	*k;

	LIST_FOREACH(k, &asked, entry)
		if (k->id == id)
			break;
	if (k == NULL || error != 0 || fd == -1) {
		if (fd != -1)
			close(fd);
		if (k == NULL)
			return;
		/* Its backlog is full.  As with TCP, there may be room soon. */
		if (error == EAGAIN) {
			sock_state(k, SOCK_BUSY);
			scan_timer(&k->timer, BUSY_AGAIN);
		} else
			sock_fail(k, error != 0 ? strerror((int)error) :
			    "no descriptor received (is the limit of open "
			    "files reached?)");
		return;
	}
	(void)evutil_make_socket_nonblocking(fd);
	k->fd = fd;
	sock_ready(k);
}

/*
 * Reports a result, tries a busy server again, or ends the attempt for lack of
 * time.
 */
static void
sock_timer(evutil_socket_t fd, short what, void *arg)
{
	struct scan_sock	*k = arg;

	(void)fd;
	(void)what;
	if (k->state == SOCK_BUSY && clock_mono() < k->deadline) {
		sock_try(k);
		return;
	}
	if (k->state == SOCK_MADE) {
		event_del(&k->timer);
		k->made(k, NULL, k->arg);
		return;
	}
	if (k->state != SOCK_FAILED) {
		snprintf(k->why, sizeof(k->why), k->state == SOCK_BUSY ?
		    "it is too busy to accept a connection" :
		    "timeout: no connection");
		sock_state(k, SOCK_FAILED);
	}
	event_del(&k->timer);
	k->made(k, k->why, k->arg);
}

/* ms: the time limit for making the connection. */
void
sock_open(struct scan_sock *k, const struct scan_conf *conf,
    unsigned int server, int64_t ms, sock_made made, void *arg)
{
	sock_init(k);
	k->conf = conf;
	k->server = server;
	k->deadline = clock_mono() + ms;
	k->made = made;
	k->arg = arg;
	evtimer_assign(&k->timer, scan_base, sock_timer, k);
	sock_try(k);
}

void
sock_close(struct scan_sock *k)
{
	if (k->state == SOCK_NONE)
		return;
	sock_state(k, SOCK_NONE);
	event_del(&k->timer);
	if (k->fd != -1)
		close(k->fd);
	k->fd = -1;
}
