/*
 * One connection to an MTA: targets tried in turn, the time that each step may
 * take, failures, and the end.  What is said is in step.c.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/mta/mta_int.h"

static void	mta_vfail(struct mta *, enum mta_failure, const char *,
		    va_list) __attribute__((__format__(printf, 3, 0)));
static void	mta_set_why(struct mta *, const char *, va_list)
		    __attribute__((__format__(printf, 2, 0)));
static void	mta_connect(struct mta *, int);
static void	mta_next(struct mta *);

/* What the process gave to mta_init. */
static const struct mta_calls	*calls;

/*
 * Connections that wait for a socket from the parent, by id; ids are never
 * reused.
 */
static LIST_HEAD(, mta)	asking = LIST_HEAD_INITIALIZER(asking);
static uint64_t		last_ask;

/* As the log has them. */
static const char *const failure_names[] = {
	[MTAF_NONE] = "none", [MTAF_CONNECT] = "connect",
	[MTAF_TIMEOUT] = "timeout", [MTAF_CLOSED] = "closed",
	[MTAF_NONSENSE] = "nonsense", [MTAF_TLS] = "tls",
	[MTAF_CLIENT] = "client-address", [MTAF_REFUSED] = "refused",
	[MTAF_SPOOL] = "spool", [MTAF_MEMORY] = "memory"
};

/* What was awaited when the time was up. */
static const char *const step_names[] = {
	[MS_CONNECT] = "banner", [MS_EHLO] = "reply to EHLO",
	[MS_HELO] = "reply to HELO", [MS_STARTTLS] = "reply to STARTTLS",
	[MS_HANDSHAKE] = "TLS handshake", [MS_XCLIENT] = "reply to XCLIENT",
	[MS_COMMAND] = "reply to a command", [MS_DATA] = "reply to DATA",
	[MS_BODY] = "room for more of the message",
	[MS_DOT] = "reply to the end of the message", [MS_DEAD] = NULL
};

/*
 * Sets when the time of the current step ends (clock_mono; 0: never).  The
 * timer is only set if it would fire too late.  If it fires too early, it is
 * set again then.  So the steps of a dialogue cost no system call and no work
 * in libevent.
 */
static void
mta_until(struct mta *m, int64_t deadline)
{
	int64_t		now = clock_mono(), ms;
	struct timeval	tv;

	m->deadline = deadline;
	if (deadline == 0 || (m->fires != 0 && m->fires <= deadline))
		return;
	ms = deadline > now ? deadline - now : 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	m->fires = evtimer_add(&m->timer, &tv) == 0 ? deadline : 0;
}

/* The timeouts of the configuration are in seconds. */
void
mta_wait(struct mta *m, enum pass_timeout pt)
{
	mta_until(m, clock_mono() + m->conf->timeout[pt] * 1000);
}

void
mta_wait_none(struct mta *m)
{
	mta_until(m, 0);
}

/*
 * Returns 1 if the connection is made.  Nothing waits for that event, so it is
 * asked for when it matters.
 */
static int
mta_connected(const struct mta *m)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);

	return (getpeername(m->fd, (struct sockaddr *)&ss, &len) == 0);
}

/*
 * The time of the current step is over.  For MS_CONNECT two times apply: that
 * for the connection, and when it is made, that for the banner.
 */
static void
mta_late(struct mta *m)
{
	int64_t	banner = m->began + m->conf->timeout[PT_BANNER] * 1000;
	int64_t	connect = m->began + m->conf->timeout[PT_CONNECT] * 1000;
	int	connected = m->state == MS_CONNECT && mta_connected(m);

	switch (m->state) {
	case MS_SOCKET:
		mta_fail(m, MTAF_CLIENT, "no socket with the client's address "
		    "in time");
		return;
	case MS_CONNECT:
		if (clock_mono() < (connected ? banner : connect)) {
			mta_until(m, connected ? banner : connect);
			return;
		}
		if (!connected) {
			mta_fail(m, MTAF_CONNECT, "no connection within "
			    "%lld s", (long long)m->conf->timeout[PT_CONNECT]);
			return;
		}
		break;
	default:
		break;
	}
	mta_fail(m, MTAF_TIMEOUT, "no %s in time", step_names[m->state]);
}

/* The deadline may have moved since the timer was set. */
static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct mta	*m = arg;

	(void)fd;
	(void)what;
	m->fires = 0;
	if (m->deadline == 0)
		return;
	if (clock_mono() < m->deadline)
		mta_until(m, m->deadline);
	else
		mta_late(m);
}

/* Sets why, for the log and for a client: one line of printable ASCII. */
static void
mta_set_why(struct mta *m, const char *fmt, va_list ap)
{
	size_t	i;

	(void)vsnprintf(m->why, sizeof(m->why), fmt, ap);
	for (i = 0; m->why[i] != '\0'; i++)
		if (m->why[i] < ' ' || m->why[i] > '~')
			m->why[i] = '?';
}

static void
mta_log_failure(const struct mta *m, const char *then)
{
	char	a[ADDR_STRLEN], why[MTA_WHY * 4];

	log_event(m->client.id, "mta", "target=%s port=%u failed=%s why=%s "
	    "then=%s", addr_str(&m->target->addr, a),
	    (unsigned int)m->target->port, failure_names[m->failure],
	    log_encode_str(why, sizeof(why), m->why), then);
}

/*
 * Returns 1 if another target is tried.  After READY the client's commands have
 * gone to this target, so none is tried.
 */
static int
mta_another(const struct mta *m)
{
	if (m->state >= MS_READY || (m->flags & MF_FINAL) ||
	    m->failure == MTAF_MEMORY)
		return (0);
	return (m->tries < m->conf->tries &&
	    TAILQ_NEXT(m->target, entry) != NULL);
}

/*
 * TLS that is tried but not required, and fails, is left out: the same target
 * is tried again without it.  Returns 1 if so.
 */
static int
mta_again_clear(struct mta *m)
{
	if (m->relay->tls != RELAY_TLS_TRY || (m->flags & MF_CLEAR) ||
	    m->state != MS_HANDSHAKE)
		return (0);
	mta_log_failure(m, "in-clear");
	m->flags |= MF_CLEAR;
	return (1);
}

/*
 * A failure: closes the socket and decides what follows. mta_after_failure does
 * it from the event loop, because no callback may be called from here.  A
 * second failure before that is ignored.
 */
static void
mta_vfail(struct mta *m, enum mta_failure failure, const char *fmt,
    va_list ap)
{
	enum mta_state	then = MS_DEAD;
	int		quit;

	if (m->state == MS_DEAD || m->state == MS_NEXT)
		return;
	m->failure = failure;
	mta_set_why(m, fmt, ap);
	m->after_dot = m->state == MS_DOT;
	quit = m->state < MS_READY && (failure == MTAF_REFUSED ||
	    failure == MTAF_CLIENT);
	if (m->state == MS_SOCKET)
		LIST_REMOVE(m, asking);
	if (mta_again_clear(m))
		then = MS_NEXT;
	else if (mta_another(m)) {
		mta_log_failure(m, "next-target");
		m->target = TAILQ_NEXT(m->target, entry);
		m->index++;
		m->flags &= ~(unsigned int)MF_CLEAR;
		m->tries++;
		then = MS_NEXT;
	}
	mta_io_end(m, quit);
	m->state = then;
	mta_wait_none(m);
	event_active(&m->after_failure, EV_TIMEOUT, 1);
}

void
mta_fail(struct mta *m, enum mta_failure failure, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	mta_vfail(m, failure, fmt, ap);
	va_end(ap);
}

void
mta_fail_final(struct mta *m, enum mta_failure failure, const char *fmt, ...)
{
	va_list	ap;

	m->flags |= MF_FINAL;
	va_start(ap, fmt);
	mta_vfail(m, failure, fmt, ap);
	va_end(ap);
}

/*
 * From the event loop, after a failure: tries the next target, or reports the
 * end.
 */
static void
mta_after_failure(evutil_socket_t fd, short what, void *arg)
{
	struct mta		*m = arg;
	struct mta_event	 ev = { 0 };

	(void)fd;
	(void)what;
	if (m->state == MS_NEXT) {
		mta_next(m);
		return;
	}
	ev.what = MTA_DEAD;
	ev.failure = m->failure;
	ev.why = m->why;
	if (m->failure == MTAF_REFUSED)
		ev.reply = &m->reply;
	ev.after_dot = m->after_dot;
	(void)mta_tell(m, &ev);
}

/*
 * Asks the parent for a socket with the client's own address as its source;
 * only the parent has the privilege to make one.
 */
static void
mta_ask(struct mta *m)
{
	if (addr_is4(&m->client.addr) != addr_is4(&m->target->addr)) {
		mta_fail(m, MTAF_CLIENT, "the client's address is of another "
		    "family than the target's");
		return;
	}
	m->ask = ++last_ask;
	LIST_INSERT_HEAD(&asking, m, asking);
	m->state = MS_SOCKET;
	mta_wait(m, PT_CONNECT);
	if (calls == NULL || calls->ask_socket(m->ask, m->relay, m->index,
	    &m->client.addr, 0) == -1)
		mta_fail(m, MTAF_CLIENT, "no socket with the client's address: "
		    "the request failed");
}

/* Begins with m->target. What was learned from the last target is forgotten. */
static void
mta_next(struct mta *m)
{
	int	fd;

	memset(&m->ehlo, 0, sizeof(m->ehlo));
	m->flags &= MF_PROBE | MF_CLEAR;
	m->state = MS_CONNECT;
	m->began = clock_mono();
	if (m->relay->client == CLIENT_TRANSPARENT && !(m->flags & MF_PROBE)) {
		mta_ask(m);
		return;
	}
	fd = socket(addr_is4(&m->target->addr) ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		mta_fail(m, MTAF_CONNECT, "no socket: %s", strerror(errno));
	else
		mta_connect(m, fd);
}

/*
 * Connects fd, which is m's from now on.  The banner shows that the connection
 * is made.
 */
static void
mta_connect(struct mta *m, int fd)
{
	struct sockaddr_storage	ss;
	socklen_t		len;
	int64_t			banner, connect_by;
	int			on = 1;

	m->fd = fd;
	m->state = MS_CONNECT;
	m->began = clock_mono();
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	len = addr_to_sa(&m->target->addr, m->target->port, &ss);
	if (connect(fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS && errno != EINTR) {
		mta_fail(m, MTAF_CONNECT, "no connection: %s",
		    strerror(errno));
		return;
	}
	banner = m->began + m->conf->timeout[PT_BANNER] * 1000;
	connect_by = m->began + m->conf->timeout[PT_CONNECT] * 1000;
	mta_until(m, banner < connect_by ? banner : connect_by);
	mta_io_begin(m);
}

/* If the mta that asked is gone, no mta has the id and the socket is closed. */
void
mta_socket(uint64_t id, uint32_t error, int fd)
{
	struct mta	*m;

	LIST_FOREACH(m, &asking, asking)
		if (m->ask == id)
			break;
	if (m == NULL) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (error != 0 || fd == -1) {
		if (fd != -1)
			close(fd);
		mta_fail(m, MTAF_CLIENT, "no socket with the client's "
		    "address: %s", error != 0 ? strerror((int)error) :
		    "none came");
		return;
	}
	LIST_REMOVE(m, asking);
	(void)evutil_make_socket_nonblocking(fd);
	mta_connect(m, fd);
}

void
mta_init(const struct mta_calls *c)
{
	calls = c;
}

/*
 * Copies the client; its texts become our own.  Returns -1 if there is no
 * memory, and the caller frees what was copied.
 */
static int
mta_copy_client(struct mta *m, const struct mta_client *client)
{
	m->client = *client;
	m->client.helo = m->client.hostname = NULL;
	if (client->helo != NULL &&
	    (m->helo = strdup(client->helo)) == NULL)
		return (-1);
	m->hostname = strdup(client->hostname);
	m->client.helo = m->helo;
	m->client.hostname = m->hostname;
	return (m->hostname == NULL ? -1 : 0);
}

/*
 * A failure, even of the first step, is reported from the event loop, so cb is
 * not called before this returns.
 */
struct mta *
mta_open(struct event_base *base, const struct conf_pass *conf,
    const struct conf_relay *relay, const struct mta_client *client,
    int probe, mta_cb cb, void *arg)
{
	struct mta	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	if (mta_copy_client(m, client) == -1) {
		free(m->helo);
		free(m->hostname);
		free(m);
		return (NULL);
	}
	m->base = base;
	m->conf = conf;
	m->relay = relay;
	m->cb = cb;
	m->arg = arg;
	m->fd = -1;
	m->flags = probe ? MF_PROBE : 0;
	m->target = TAILQ_FIRST(&relay->targets);
	m->tries = 1;
	evtimer_assign(&m->timer, base, timer_fired, m);
	evtimer_assign(&m->after_failure, base, mta_after_failure, m);
	mta_next(m);
	return (m);
}

/*
 * If a callback of m is running, the memory stays until it has returned
 * (mta_release).
 */
void
mta_free(struct mta *m)
{
	if (m == NULL)
		return;
	if (m->state == MS_SOCKET)
		LIST_REMOVE(m, asking);
	mta_io_end(m, m->state == MS_READY);
	event_del(&m->timer);
	event_del(&m->after_failure);
	mta_body_free(m);
	buf_free(&m->out);
	smtpreply_clear(&m->reply);
	smtpreply_clear(&m->ahead);
	free(m->xclient2);
	free(m->helo);
	free(m->hostname);
	m->flags |= MF_FREED;
	if (m->uses == 0)
		free(m);
}

const struct smtp_ehlo *
mta_ehlo(const struct mta *m)
{
	return (&m->ehlo);
}

const struct conf_relay *
mta_relay(const struct mta *m)
{
	return (m->relay);
}

const struct addr *
mta_target(const struct mta *m, uint16_t *port)
{
	if (port != NULL)
		*port = m->target->port;
	return (&m->target->addr);
}

int
mta_idle(const struct mta *m)
{
	return (m->state == MS_READY && !mta_has_ahead(m));
}

int
mta_dotted(const struct mta *m)
{
	return (m->state == MS_DOT);
}

/* Control characters would let a client add commands of its own. */
int
mta_command(struct mta *m, const char *line, enum pass_timeout pt)
{
	const unsigned char	*s;

	if (m->state != MS_READY)
		return (-1);
	for (s = (const unsigned char *)line; *s != '\0'; s++)
		if (*s < 0x20 || *s == 0x7f)
			return (-1);
	mta_say(m, MS_COMMAND, pt, line);
	return (0);
}

int
mta_data(struct mta *m, const struct buf *head, const struct spool *spool)
{
	if (m->state != MS_READY || mta_body_init(m, head, spool) == -1)
		return (-1);
	mta_say(m, MS_DATA, PT_DATA, "DATA");
	return (0);
}
