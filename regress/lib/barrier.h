/*
 * A barrier for programs that take orders: barrier() calls its function, once a
 * call, when the event loop has nothing left to do.  Each timer that is due soon has then fired
 * some times; nobody waited for it.  barrier_init() comes before other events
 * are made.
 */
#include <event2/event.h>

#define BARRIER_SOON_MS	100
#define BARRIER_ROUNDS	3
#define BARRIER_TIMERS	64

static struct event	*barrier_ev, *barrier_soon[BARRIER_TIMERS];
static int		 barrier_calls, barrier_rounds, barrier_nsoon;
static void		(*barrier_then)(void);

static int
barrier_timer(const struct event_base *base, const struct event *ev, void *arg)
{
	struct timeval	 at, now;

	(void)arg;
	if (!event_pending(ev, EV_TIMEOUT, &at) || event_get_fd(ev) != -1)
		return (0);
	/* event_pending() answers by the time of day. */
	evutil_gettimeofday(&now, NULL);
	(void)base;
	if ((at.tv_sec - now.tv_sec) * 1000 +
	    (at.tv_usec - now.tv_usec) / 1000 > BARRIER_SOON_MS)
		return (0);
	barrier_soon[barrier_nsoon++] = (struct event *)(uintptr_t)ev;
	return (barrier_nsoon == BARRIER_TIMERS);
}

/* This event has the least priority, so no other one was ready. */
static void
barrier_quiet(evutil_socket_t fd, short what, void *arg)
{
	int	i;

	(void)fd;
	(void)what;
	if (barrier_rounds-- == 0) {
		for (; barrier_calls > 0; barrier_calls--)
			barrier_then();
		return;
	}
	barrier_nsoon = 0;
	event_base_foreach_event(arg, barrier_timer, NULL);
	for (i = 0; i < barrier_nsoon; i++)
		event_active(barrier_soon[i], EV_TIMEOUT, 0);
	event_active(barrier_ev, 0, 0);
}

static void
barrier_init(struct event_base *base, void (*then)(void))
{
	event_base_priority_init(base, 3);
	barrier_ev = event_new(base, -1, 0, barrier_quiet, base);
	event_priority_set(barrier_ev, 2);
	barrier_then = then;
}

static void
barrier(void)
{
	barrier_calls++;
	barrier_rounds = BARRIER_ROUNDS;
	event_active(barrier_ev, 0, 0);
}
