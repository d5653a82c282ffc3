/*
 * The comparison of the firewall's table with the set that should be in it:
 * at the start, after a reload, every five minutes, and whenever somebody
 * else touched the table.
 *
 * Reading the table is one call.  What has to be done then goes in slices,
 * with the event loop between them, so that a promotion need not wait.  Each
 * slice looks at the wanted set again, since it may have changed in the
 * meantime.
 *
 *	extra	in the table and not wanted: removed first
 *	stale	wanted, but with another time to live: set again
 *	absent	wanted and not in the table: added
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw_int.h"

#define FW_DRIFT	90	/* s: a timeout that is wrong by more is set
				   again; the kernel counts it from when it was
				   added, and a call may take some seconds */

static void	sync_compare(struct fw_role *);

/* 0, or -1: no memory, and the list is as before. */
int
fw_list_add(struct fw_list *l, const struct addr *a, uint8_t plen,
    int64_t until)
{
	struct fw_host	*bigger;
	size_t		 size = l->size == 0 ? 64 : l->size * 2;

	if (l->n == l->size) {
		bigger = reallocarray(l->h, size, sizeof(*bigger));
		if (bigger == NULL)
			return (-1);
		l->h = bigger;
		l->size = size;
	}
	l->h[l->n].addr = *a;
	l->h[l->n].plen = plen;
	l->h[l->n].refused = 0;
	l->h[l->n].in = 0;
	l->h[l->n++].until = until;
	return (0);
}

void
fw_list_free(struct fw_list *l)
{
	free(l->h);
	memset(l, 0, sizeof(*l));
}

/* Ends a comparison that is under way; what it still had to do is found
 * again by the next one. */
static void
sync_forget(struct fw_sync *s)
{
	fw_list_free(&s->extra);
	fw_list_free(&s->stale);
	fw_list_free(&s->absent);
	s->running = 0;
}

/* Has sync_step() called in that many milliseconds. */
static void
again_in(struct fw_sync *s, int64_t ms)
{
	struct timeval	tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(s->work, &tv);
}

/*
 * A callback of the driver's dump: one element of the table.  It is either
 * not wanted (extra), or wanted with another time to live (stale), or right.
 */
static void
on_element(const struct addr *a, uint8_t plen, int64_t left, void *arg)
{
	struct fw_role	*r = arg;
	struct fw_sync	*s = &r->sync;
	struct fw_want	*w = fw_set_get(&r->want, a, plen);
	int64_t		 ought, asof = clock_asof();
	int		 rc = 0;

	if (w == NULL || w->by == 0) {
		rc = fw_list_add(&s->extra, a, plen, 0);
	} else {
		w->seen = s->pass;
		w->in = 1;
		/* clock_asof() is 0 while the clock is not credible: then
		 * times in the table stay as they are. */
		if (r->drv->timeouts && asof != 0) {
			ought = w->until == HOST_FOREVER ? -1 :
			    w->until - asof;
			if ((ought == -1) != (left == -1) ||
			    (ought != -1 && llabs(ought - left) > FW_DRIFT))
				rc = fw_list_add(&s->stale, a, plen, w->until);
		}
	}
	if (rc == -1)
		s->failed = 1;
}

/* After the dump: what is wanted and was not seen is to be added. */
static void
find_absent(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	struct fw_want	*w;
	size_t		 i = 0;

	while ((w = fw_set_next(&r->want, &i)) != NULL) {
		if (w->by == 0 || w->seen == s->pass)
			continue;
		w->in = 0;
		if (fw_list_add(&s->absent, &w->addr, w->plen, w->until) == -1)
			s->failed = 1;
	}
}

/* The first comparison is over, well or not.  Blacklists wait for it,
 * because hosts come first, but they do not wait for ever. */
static void
tried(struct fw_role *r)
{
	if (r->tried)
		return;
	r->tried = 1;
	fw_tables_go(r);
}

/* A comparison failed: another one follows after FW_RETRY_MS. */
static void
sync_fail(struct fw_role *r)
{
	tried(r);
	sync_forget(&r->sync);
	r->sync.retry = clock_mono() + FW_RETRY_MS;
}

/*
 * The table does not exist.  1: it was made again, is empty, and can be
 * filled; 0: it cannot be made now, and fw_sync_tick() tries again each
 * second.
 */
static int
revive_table(struct fw_role *r)
{
	enum fw_result	rc = r->drv->revive();

	r->gone = rc == FW_GONE;
	if (rc == FW_OK)
		return (1);
	tried(r);
	if (rc == FW_FAILED)
		sync_fail(r);
	sync_forget(&r->sync);
	return (0);
}

/*
 * For a table that is too big to be read: FreeBSD takes and gives 65,535
 * addresses a call by default.  Its number of addresses is known all the
 * same.  If that is more than wanted, others added some, and the only way to
 * remove them is to clear the table.  1: it was cleared, and the filling
 * begins again.
 */
static int
settle_blind(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	long		 n = r->drv->count();

	s->added = n > s->before ? (size_t)(n - s->before) : 0;
	if (n <= 0 || s->refused > 0 || (size_t)n <= r->want.n)
		return (0);
	log_warnx("firewall: the table holds %ld addresses that others added, "
	    "and is too big to be read: clearing and filling it again; raise "
	    "net.pf.request_maxcount so that they can be removed one by one",
	    n - (long)r->want.n);
	if (r->drv->clear() == FW_OK)
		fw_sync_start(r, "cleared");
	else
		sync_fail(r);
	return (1);
}

/* Everything that the comparison found is done, or one step failed. */
static void
sync_finish(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;

	sync_forget(s);
	if (s->failed) {
		sync_fail(r);
		return;
	}
	r->refused += s->refused;
	if (s->full)
		fw_room_full(r);
	if (s->blind && settle_blind(r))
		return;
	if (s->added + s->removed > 0) {
		r->refills++;
		log_info("firewall: %s, %s: %zu added, %zu removed",
		    r->drv->name, s->why, s->added, s->removed);
	}
	fw_filled(r);
	tried(r);
}

/*
 * Prepares the next slice of a list: at most drv->slice elements, from which
 * those are dropped that changed since the dump (store may have sent a change
 * in between). wanted: the list is to be added, not removed.  Returns how
 * many remain at the front of the slice; l->done moves behind it.
 */
static size_t
take_slice(struct fw_role *r, struct fw_list *l, int wanted)
{
	struct fw_host	*h = l->h + l->done;
	struct fw_want	*w;
	size_t		 i, n = 0, m = l->n - l->done;

	if (m > r->drv->slice)
		m = r->drv->slice;
	for (i = 0; i < m; i++) {
		w = fw_set_get(&r->want, &h[i].addr, h[i].plen);
		if ((w != NULL && w->by != 0) != wanted)
			continue;
		h[n] = h[i];
		if (wanted)
			h[n].until = w->until;
		n++;
	}
	l->done += m;
	return (n);
}

/* How many of the slice the kernel refused. */
static size_t
count_refused(const struct fw_host *h, size_t n)
{
	size_t	i, bad = 0;

	for (i = 0; i < n; i++)
		bad += h[i].refused != 0;
	return (bad);
}

/* Notes in r->want what a successful call did to each element. */
static void
note_slice(struct fw_role *r, const struct fw_host *h, size_t n, int added)
{
	struct fw_want	*w;
	size_t		 i;

	for (i = 0; i < n; i++) {
		r->sync.full |= h[i].refused == FW_NO_ROOM;
		if ((w = fw_set_get(&r->want, &h[i].addr, h[i].plen)) != NULL)
			w->in = added && !h[i].refused;
	}
}

/* One call to the kernel.  Removals come first, then wrong times, then
 * additions. */
static enum fw_result
sync_slice(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	struct fw_list	*l = s->extra.done < s->extra.n ? &s->extra :
	    s->stale.done < s->stale.n ? &s->stale : &s->absent;
	struct fw_host	*h = l->h + l->done;
	enum fw_result	 rc;
	size_t		 n = take_slice(r, l, l != &s->extra), bad;

	if (n == 0)
		return (FW_OK);
	if (l == &s->extra)
		rc = r->drv->del(h, n);
	else
		rc = r->drv->add(h, n, clock_asof(), l == &s->absent);
	bad = count_refused(h, n);
	s->refused += bad;
	if (rc == FW_OK)
		note_slice(r, h, n, l != &s->extra);
	if (rc == FW_OK && l == &s->extra)
		s->removed += n - bad;
	else if (rc == FW_OK)
		s->added += n - bad;
	return (rc);
}

/* The event: one step.  Between two steps the loop serves store, so that a
 * host that was just promoted does not wait for a big table. */
static void
sync_step(evutil_socket_t fd, short what, void *arg)
{
	struct fw_role	*r = arg;
	struct fw_sync	*s = &r->sync;

	(void)fd;
	(void)what;
	if (!s->running) {
		sync_compare(r);
		return;
	}
	switch (sync_slice(r)) {
	case FW_GONE:
		if (revive_table(r))
			sync_compare(r);
		return;
	case FW_OK:
		break;
	default:
		s->failed = 1;
		sync_finish(r);
		return;
	}
	if (s->extra.done < s->extra.n || s->stale.done < s->stale.n ||
	    s->absent.done < s->absent.n)
		again_in(s, 0);
	else
		sync_finish(r);
}

/*
 * Reads the table into the three lists, and has the driver replace its
 * networks.  A blind dump counts as success: all that is wanted is added
 * again.
 */
static enum fw_result
read_table(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	enum fw_result	 rc;

	sync_forget(s);
	s->pass++;
	s->failed = s->blind = s->full = 0;
	rc = r->drv->dump(on_element, r);
	if (rc == FW_BLIND) {
		s->blind = 1;
		s->before = r->drv->count();
		rc = FW_OK;
	}
	if (rc == FW_OK && r->drv->nets != NULL)
		rc = r->drv->nets(r->nets, r->nnets);
	return (rc);
}

/* Begins a comparison.  If the table is gone, one attempt is made to make
 * it. */
static void
sync_compare(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	enum fw_result	 rc;

	s->last = clock_mono();
	s->retry = 0;
	s->added = s->removed = s->refused = 0;
	if (r->drv->dump == NULL) {
		fw_filled(r);
		tried(r);
		return;
	}
	if ((rc = read_table(r)) == FW_GONE) {
		if (!revive_table(r))
			return;
		rc = read_table(r);
	}
	if (rc != FW_OK) {
		sync_fail(r);
		return;
	}
	r->gone = 0;
	find_absent(r);
	s->running = 1;
	if (s->extra.n + s->stale.n + s->absent.n == 0)
		sync_finish(r);
	else
		again_in(s, 0);
}

void
fw_sync_start(struct fw_role *r, const char *why)
{
	sync_forget(&r->sync);
	r->sync.why = why;
	again_in(&r->sync, 0);
}

/*
 * Called by the driver and by events.  Comparisons that others cause are at
 * least FW_CHANGED_MS apart, since a script may change a table a thousand
 * times in a row.
 */
void
fw_sync_changed(void *arg)
{
	struct fw_role	*r = arg;
	struct fw_sync	*s = &r->sync;
	int64_t		 since = clock_mono() - s->last;

	fw_tables_changed(r);
	if (!r->complete || (!s->running && evtimer_pending(s->work, NULL)))
		return;
	sync_forget(s);
	s->why = "changed by others";
	again_in(s, since < FW_CHANGED_MS ? FW_CHANGED_MS - since : 0);
}

void
fw_sync_tick(struct fw_role *r)
{
	struct fw_sync	*s = &r->sync;
	int64_t		 now = clock_mono();

	fw_tables_tick(r);
	fw_room_tick(r);
	if (!r->complete || s->running || evtimer_pending(s->work, NULL))
		return;
	if (r->gone) {
		if (r->drv->revive() != FW_GONE)
			fw_sync_start(r, "the table was gone");
	} else if (s->retry != 0) {
		if (now >= s->retry)
			fw_sync_start(r, "after a failure");
	} else if (now - s->last >= FW_FULL_MS)
		fw_sync_start(r, "comparison");
	else if (r->drv->intact != NULL && r->drv->intact() != 1)
		fw_sync_start(r, "changed by others");
}

int
fw_sync_init(struct fw_role *r)
{
	r->sync.why = "start";
	r->sync.work = evtimer_new(r->c->base, sync_step, r);
	return (r->sync.work == NULL ? -1 : 0);
}

void
fw_sync_free(struct fw_role *r)
{
	sync_forget(&r->sync);
	if (r->sync.work != NULL)
		event_free(r->sync.work);
	r->sync.work = NULL;
}
