/*
 * An ipc channel in an event loop; see chan.h.
 *
 * A channel may be freed from inside any of its callbacks: while `busy' it is
 * only marked dead, and it is freed when the outermost function that called
 * back returns.  After every callback `dead' is looked at before anything
 * else.
 *
 * Sending activates one event at the tail of libevent's active queue.  It runs
 * after the callbacks that are already due in this turn of the loop, and what
 * all of them queued leaves in one write.  The same event, as a timer, writes
 * what was sent by chan_send_later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc/chan.h"
#include "lib/base/log.h"

#define CHAN_READS	16		/* a turn, each of up to 64 KiB */
#define CHAN_READS_DRAIN 256		/* chan_drain */

struct chan {
	struct ipc		 ipc;
	char			*peer;
	const struct chan_rule	*rules;
	void			*arg;
	void			(*ended)(struct chan *, enum chan_end, void *);
	int			(*permit)(const struct msg *, void *);
	void			(*on_batch)(struct chan *, void *);
	unsigned int		 batch;		/* frames; 0: no limit */
	unsigned int		 pending;	/* frames since on_batch */
	struct event		*ev_read;
	struct event		*ev_write;	/* after EAGAIN */
	struct event		*ev_flush;	/* the end of this turn, or later */
	struct event		*ev_more;	/* go on in the next turn */
	int			 flushing;	/* ev_flush is active */
	int			 writing;	/* ev_write is added */
	int			 paused;
	int			 busy;
	int			 dead;
	int			 nowrite;	/* the peer takes no more */
	int			 over;		/* it has ended; `how' says how */
	int			 told;		/* `ended' was called */
	enum chan_end		 how;
};

static void	chan_cb_read(evutil_socket_t, short, void *);
static void	chan_cb_write(evutil_socket_t, short, void *);
static void	chan_cb_flush(evutil_socket_t, short, void *);
static void	chan_cb_more(evutil_socket_t, short, void *);

/* Only when nobody is inside of one of its callbacks. */
static void
chan_destroy(struct chan *c)
{
	if (c->ev_read != NULL)
		event_free(c->ev_read);
	if (c->ev_write != NULL)
		event_free(c->ev_write);
	if (c->ev_flush != NULL)
		event_free(c->ev_flush);
	if (c->ev_more != NULL)
		event_free(c->ev_more);
	ipc_clear(&c->ipc);
	free(c->peer);
	free(c);
}

/*
 * A peer from which no message may bring a descriptor has all of them closed.
 */
struct chan *
chan_new(struct event_base *base, int fd, const char *peer,
    const struct chan_rule *rules, void *arg,
    void (*ended)(struct chan *, enum chan_end, void *))
{
	struct chan	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return (NULL);
	}
	ipc_init(&c->ipc, fd);
	c->rules = rules;
	c->arg = arg;
	c->ended = ended;
	for (; rules->type != 0; rules++)
		if (rules->flags & CHAN_FD)
			c->ipc.fdok = 1;
	c->peer = strdup(peer);
	c->ev_read = event_new(base, fd, EV_READ | EV_PERSIST, chan_cb_read, c);
	c->ev_write = event_new(base, fd, EV_WRITE, chan_cb_write, c);
	c->ev_flush = event_new(base, -1, 0, chan_cb_flush, c);
	c->ev_more = event_new(base, -1, 0, chan_cb_more, c);
	if (c->peer == NULL || c->ev_read == NULL || c->ev_write == NULL ||
	    c->ev_flush == NULL || c->ev_more == NULL ||
	    event_add(c->ev_read, NULL) == -1) {
		chan_destroy(c);
		errno = ENOMEM;
		return (NULL);
	}
	return (c);
}

/*
 * Go on after the next look at all descriptors and timers.  An event that is
 * made active from a callback would run before it: libevent empties its queue
 * first, and a peer that always has a batch ready would be the only one
 * served.
 */
static void
chan_more(struct chan *c)
{
	static const struct timeval	now = { 0, 0 };

	(void)event_add(c->ev_more, &now);
}

/* From here on the channel is not freed, only marked dead. */
static void
chan_enter(struct chan *c)
{
	c->busy++;
}

/* The outermost one frees a channel that died inside. */
static void
chan_leave(struct chan *c)
{
	if (--c->busy == 0 && c->dead)
		chan_destroy(c);
}

/* Inside of a callback: only marked, and nothing is called any more. */
void
chan_free(struct chan *c)
{
	if (c == NULL || c->dead)
		return;
	c->dead = 1;
	if (c->busy > 0) {
		(void)event_del(c->ev_read);
		(void)event_del(c->ev_write);
		(void)event_del(c->ev_flush);
		(void)event_del(c->ev_more);
		return;
	}
	chan_destroy(c);
}

/* The end is noted once; what is told is the first reason. */
static void
chan_over(struct chan *c, enum chan_end how)
{
	if (c->over)
		return;
	c->over = 1;
	c->how = how;
	(void)event_del(c->ev_read);
}

/* Calls `ended', from the loop only and only once. */
static void
chan_tell(struct chan *c)
{
	if (!c->over || c->told || c->dead)
		return;
	c->told = 1;
	c->ended(c, c->how, c->arg);
}

/* Ends a batch, if any frame was handled in it. */
static void
chan_batch_done(struct chan *c)
{
	if (c->pending == 0)
		return;
	c->pending = 0;
	if (c->on_batch != NULL)
		c->on_batch(c, c->arg);
}

/* One frame: is it allowed, then its handler, then was it consumed exactly? */
static void
chan_dispatch(struct chan *c, struct msg *m)
{
	const struct chan_rule	*r;

	for (r = c->rules; r->type != 0 && r->type != m->type; r++)
		continue;
	if (r->type == 0) {
		log_warnx("%s: sent a message of type %u, which it may not "
		    "send; closing", c->peer, m->type);
		chan_over(c, CHAN_BROKEN);
	} else if (m->fd != -1 && !(r->flags & CHAN_FD)) {
		log_warnx("%s: sent a descriptor with a message of type %u, "
		    "which must not have one; closing", c->peer, m->type);
		chan_over(c, CHAN_BROKEN);
	} else if (c->permit != NULL && !c->permit(m, c->arg)) {
		chan_over(c, CHAN_BROKEN);
	} else {
		r->handler(c, m, c->arg);
		if (!c->dead && msg_end(m) == -1) {
			log_warnx("%s: sent a malformed message of type %u; "
			    "closing", c->peer, m->type);
			chan_over(c, CHAN_BROKEN);
		}
	}
	if (m->fd != -1)
		close(m->fd);
}

/*
 * The whole frames that are here.  1: a batch is full, and its on_batch has
 * been called; 0: no whole frame is left, or the channel is paused or over.
 */
static int
chan_frames(struct chan *c)
{
	struct msg	m;
	int		r;

	while (!c->dead && !c->over && !c->paused) {
		if ((r = ipc_next(&c->ipc, &m)) == 0)
			return (0);
		if (r == -1) {
			log_warnx("%s: sent a malformed frame; closing",
			    c->peer);
			chan_over(c, CHAN_BROKEN);
			return (0);
		}
		c->pending++;
		chan_dispatch(c, &m);
		if (!c->dead && !c->over && c->batch != 0 &&
		    c->pending >= c->batch) {
			chan_batch_done(c);
			return (1);
		}
	}
	return (0);
}

/*
 * Handle what is here, then read and handle, at most `reads' times.  With
 * `through', full batches follow each other at once; without it the loop gets
 * its turn between them, so that the answers to the first leave before the
 * second.
 *
 * A read that emptied the socket is the last one: what comes later, an end of
 * file too, makes the socket readable again.  A channel that cannot be written
 * reads on, as for that one the empty socket is the end.
 */
static void
chan_run(struct chan *c, unsigned int reads, int through)
{
	int	r, emptied = 0;

	for (;;) {
		while (chan_frames(c)) {
			if (c->dead)
				return;
			if (!through) {
				chan_more(c);
				return;
			}
		}
		if (c->dead || c->over || c->paused ||
		    (emptied && !c->nowrite) || reads-- == 0)
			break;
		if ((r = ipc_read(&c->ipc)) == 1) {
			emptied = c->ipc.emptied;
			continue;
		}
		if (r == 0)
			chan_over(c, CHAN_EOF);
		else if (errno == EAGAIN) {
			if (c->nowrite)
				chan_over(c, CHAN_EOF);
		} else if (errno == ECONNRESET || errno == EPIPE)
			chan_over(c, CHAN_EOF);
		else {
			log_warn("%s: read", c->peer);
			chan_over(c, CHAN_BROKEN);
		}
		break;
	}
	if (!c->dead)
		chan_batch_done(c);
}

static void
chan_cb_read(evutil_socket_t fd, short what, void *arg)
{
	struct chan	*c = arg;

	(void)fd;
	(void)what;
	chan_enter(c);
	chan_run(c, CHAN_READS, 0);
	chan_tell(c);
	chan_leave(c);
}

/* Frames may be here already, so this does what a readable socket does. */
static void
chan_cb_more(evutil_socket_t fd, short what, void *arg)
{
	chan_cb_read(fd, what, arg);
}

/*
 * When the peer is gone, what it sent before is still read; then the end is
 * told, from the loop.
 */
static void
chan_write(struct chan *c)
{
	if (c->nowrite)
		return;
	switch (ipc_flush(&c->ipc)) {
	case 1:
		if (c->writing)
			(void)event_del(c->ev_write);
		c->writing = 0;
		return;
	case 0:
		if (!c->writing && event_add(c->ev_write, NULL) == 0)
			c->writing = 1;
		return;
	}
	if (errno != EPIPE && errno != ECONNRESET)
		log_warn("%s: write", c->peer);
	c->nowrite = 1;
	if (c->writing)
		(void)event_del(c->ev_write);
	c->writing = 0;
	chan_more(c);
}

static void
chan_cb_write(evutil_socket_t fd, short what, void *arg)
{
	struct chan	*c = arg;

	(void)fd;
	(void)what;
	c->writing = 0;
	chan_write(c);
}

static void
chan_cb_flush(evutil_socket_t fd, short what, void *arg)
{
	struct chan	*c = arg;

	(void)fd;
	(void)what;
	c->flushing = 0;
	if (!c->writing)
		chan_write(c);
}

void
chan_on_frame(struct chan *c, int (*permit)(const struct msg *, void *))
{
	c->permit = permit;
}

void
chan_on_batch(struct chan *c, void (*fn)(struct chan *, void *))
{
	c->on_batch = fn;
}

void
chan_set_batch(struct chan *c, unsigned int n)
{
	c->batch = n;
}

struct ipc *
chan_ipc(struct chan *c)
{
	return (&c->ipc);
}

/* A channel whose peer is gone fails like a closed socket. */
int
chan_send(struct chan *c, int fd)
{
	if ((c->nowrite || c->dead) && !c->ipc.failed)
		c->ipc.failed = EPIPE;
	if (ipc_send(&c->ipc, fd) == -1)
		return (-1);
	if (!c->flushing && !c->writing) {
		c->flushing = 1;
		event_active(c->ev_flush, EV_WRITE, 0);
	}
	return (0);
}

/* What was queued at once already, or is being written, takes it along. */
int
chan_send_later(struct chan *c)
{
	static const struct timeval	later = { 0, CHAN_LATER * 1000 };

	if (chan_queued(c) >= CHAN_LATER_MAX || c->nowrite || c->dead)
		return (chan_send(c, -1));
	if (ipc_send(&c->ipc, -1) == -1)
		return (-1);
	if (!c->flushing && !c->writing && !event_pending(c->ev_flush,
	    EV_TIMEOUT, NULL))
		(void)event_add(c->ev_flush, &later);
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
	return (c->nowrite ? 0 : ipc_queued(&c->ipc));
}

/*
 * From one of the channel's own callbacks there is nothing to do: that one
 * goes on with it.  The caller does not expect the channel to go away under
 * it, so the end is told later.
 */
void
chan_drain(struct chan *c)
{
	if (c->busy > 0 || c->dead)
		return;
	chan_enter(c);
	chan_run(c, CHAN_READS_DRAIN, 1);
	if (!c->dead && c->over && !c->told)
		chan_more(c);
	chan_leave(c);
}

/* Without waiting for the end of this turn. */
void
chan_flush(struct chan *c)
{
	if (!c->dead)
		chan_write(c);
}

/* Whole frames that are here stay in the buffer. */
void
chan_pause(struct chan *c)
{
	if (c->paused || c->dead)
		return;
	c->paused = 1;
	(void)event_del(c->ev_read);
}

/* Frames that came before the pause wait in the buffer, not in the socket. */
void
chan_resume(struct chan *c)
{
	if (!c->paused || c->dead)
		return;
	c->paused = 0;
	if (c->over)
		return;
	(void)event_add(c->ev_read, NULL);
	chan_more(c);
}
