/*
 * An ipc channel in an event loop; see chan.h.
 *
 * Sending only queues and makes the flush event active; libevent appends it
 * to the events that are active in this turn, so it runs after them and one
 * write takes what all of them queued.
 *
 * A handler may free the channel: chan_free then only marks it while frames
 * are being handled, and the last step frees it.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "chan.h"
#include "log.h"

#define CHAN_READS	16	/* a turn; then the others have theirs */

struct chan {
	struct ipc		 ipc;
	struct event		 rd;
	struct event		 wr;
	struct event		 flush;
	struct event		 again;		/* frames left when resumed */
	const struct chan_rule	*rules;
	void			*arg;
	void			(*ended)(struct chan *, enum chan_end, void *);
	void			(*batch)(struct chan *, void *);
	unsigned int		 batch_max;
	unsigned int		 depth;		/* inside handlers */
	int			 dead;		/* freed while inside */
	int			 over;		/* ended was called, or is due */
	int			 paused;
	char			 peer[32];
};

static void	 chan_handle(struct chan *);

static void
chan_destroy(struct chan *c)
{
	event_del(&c->rd);
	event_del(&c->wr);
	event_del(&c->flush);
	event_del(&c->again);
	ipc_clear(&c->ipc);
	free(c);
}

void
chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	c->dead = 1;
	c->over = 1;
	if (c->depth == 0)
		chan_destroy(c);
}

/* Leaves the outermost handler: 1 when the channel is gone. */
static int
chan_leave(struct chan *c)
{
	if (--c->depth == 0 && c->dead) {
		chan_destroy(c);
		return (1);
	}
	return (c->dead);
}

static void
chan_end(struct chan *c, enum chan_end how)
{
	if (c->over)
		return;
	c->over = 1;
	event_del(&c->rd);
	event_del(&c->wr);
	event_del(&c->flush);
	c->ended(c, how, c->arg);
}

static void
chan_broken(struct chan *c, const struct msg *m, const char *what)
{
	log_warnx("%s sent %s (message type %u, %zu octets)", c->peer, what,
	    m->type, m->len);
	chan_end(c, CHAN_BROKEN);
}

static void
chan_dispatch(struct chan *c, struct msg *m)
{
	const struct chan_rule	*r;

	for (r = c->rules; r->type != 0; r++)
		if (r->type == m->type)
			break;
	if (r->type == 0)
		chan_broken(c, m, "a message it may not send");
	else if (m->fd != -1 && !(r->flags & CHAN_FD))
		chan_broken(c, m, "a descriptor it may not send");
	else {
		r->handler(c, m, c->arg);
		if (!c->over && msg_end(m) == -1)
			chan_broken(c, m, "a malformed message");
	}
	if (m->fd != -1)
		close(m->fd);
}

/* All whole frames; on_batch after each batch_max, and at the end. */
static void
chan_handle(struct chan *c)
{
	struct msg	m;
	unsigned int	n = 0;
	int		r = 0;

	c->depth++;
	while (!c->over && !c->paused && (r = ipc_next(&c->ipc, &m)) == 1) {
		chan_dispatch(c, &m);
		if (++n == c->batch_max && !c->over) {
			n = 0;
			if (c->batch != NULL)
				c->batch(c, c->arg);
		}
	}
	if (n > 0 && !c->dead && c->batch != NULL)
		c->batch(c, c->arg);
	if (r == -1 && !c->over) {
		memset(&m, 0, sizeof(m));
		chan_broken(c, &m, "what is not a frame");
	}
	(void)chan_leave(c);
}

/* 0 go on, -1 nothing more now (or the end, told). */
static int
chan_read_once(struct chan *c)
{
	int	r = ipc_read(&c->ipc);

	if (r == 1) {
		c->depth++;
		chan_handle(c);
		return (chan_leave(c) || c->over || c->paused ? -1 : 0);
	}
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == ENOMEM || errno == ENOBUFS))
		return (-1);
	c->depth++;
	chan_end(c, CHAN_EOF);
	(void)chan_leave(c);
	return (-1);
}

void
chan_drain(struct chan *c)
{
	unsigned int	i;

	/* not from a handler: its frame lies in the buffer */
	if (c->over || c->paused || c->depth > 0)
		return;
	for (i = 0; i < CHAN_READS; i++)
		if (chan_read_once(c) == -1)
			break;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	chan_drain(arg);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	struct chan	*c = arg;

	(void)fd;
	(void)what;
	if (c->over)
		return;
	switch (ipc_flush(&c->ipc)) {
	case 1:
		event_del(&c->wr);
		break;
	case 0:
		event_add(&c->wr, NULL);
		break;
	default:
		/*
		 * The peer is gone; what it said before that is still to be
		 * read, and the read ends in EOF.
		 */
		event_del(&c->wr);
		event_active(&c->rd, EV_READ, 0);
		break;
	}
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	chan_handle(arg);
}

struct chan *
chan_new(struct event_base *base, int fd, const char *peer,
    const struct chan_rule *rules, void *arg,
    void (*ended)(struct chan *, enum chan_end, void *))
{
	struct chan		*c;
	const struct chan_rule	*r;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return (NULL);
	}
	ipc_init(&c->ipc, fd);
	c->rules = rules;
	c->arg = arg;
	c->ended = ended;
	strlcpy(c->peer, peer, sizeof(c->peer));
	for (r = rules; r->type != 0; r++)
		if (r->flags & CHAN_FD)
			c->ipc.fdok = 1;
	event_assign(&c->rd, base, fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->wr, base, fd, EV_WRITE | EV_PERSIST, on_flush, c);
	event_assign(&c->flush, base, -1, 0, on_flush, c);
	event_assign(&c->again, base, -1, 0, on_again, c);
	if (event_add(&c->rd, NULL) == -1) {
		ipc_clear(&c->ipc);
		free(c);
		return (NULL);
	}
	return (c);
}

void
chan_on_batch(struct chan *c, void (*fn)(struct chan *, void *))
{
	c->batch = fn;
}

void
chan_set_batch(struct chan *c, unsigned int n)
{
	c->batch_max = n;
}

struct ipc *
chan_ipc(struct chan *c)
{
	return (&c->ipc);
}

int
chan_send(struct chan *c, int fd)
{
	if (ipc_send(&c->ipc, fd) == -1)
		return (-1);
	if (!c->over && !event_pending(&c->wr, EV_WRITE, NULL))
		event_active(&c->flush, EV_WRITE, 0);
	return (0);
}

int
chan_send_empty(struct chan *c, uint16_t type, uint64_t id)
{
	ipc_begin(&c->ipc, type, id);
	return (chan_send(c, -1));
}

size_t
chan_queued(const struct chan *c)
{
	return (ipc_queued(&c->ipc));
}

void
chan_flush(struct chan *c)
{
	if (c->ipc.fd != -1)
		(void)ipc_flush(&c->ipc);
}

void
chan_pause(struct chan *c)
{
	if (c->paused || c->over)
		return;
	c->paused = 1;
	event_del(&c->rd);
}

void
chan_resume(struct chan *c)
{
	if (!c->paused || c->over)
		return;
	c->paused = 0;
	event_add(&c->rd, NULL);
	event_active(&c->again, EV_TIMEOUT, 0);
}

void *
chan_arg(struct chan *c)
{
	return (c->arg);
}
