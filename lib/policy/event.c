/*
 * What hosts did lately, and what follows from it: the lines `on EVENT …
 * after N in TIME of bad N%' of the configuration.  The counts are in memory
 * only.  The memory is bounded, and the host that was quiet longest is
 * forgotten first.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/clock.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

#define BUCKETS		4096	/* of the hash table */

/* One event in a record. */
struct event_seen {
	int64_t		when;
	uint64_t	what;		/* a hash; 0 where all events count */
};

/*
 * The last `size' events of one kind of one host, as a ring.  When it holds
 * that many and the oldest is young enough, the n-th within the time has
 * happened.  Of different things (events_count_of) each has one place, with
 * the time when it came last.
 */
struct event_record {
	TAILQ_ENTRY(event_record)	 lru;
	LIST_ENTRY(event_record)	 hash;
	struct addr		 host;
	unsigned int		 event;
	uint32_t		 size, count, next;
	struct event_seen		 seen[];
};

/* All records, in a hash table and in the order of their last event. */
struct events {
	TAILQ_HEAD(, event_record)	 lru;		/* the quietest first */
	LIST_HEAD(, event_record)	 bucket[BUCKETS];
	size_t			 memory;
	uint8_t			 key[16];
};

/* NULL: no memory. */
struct events *
events_new(void)
{
	struct events	*ev;

	if ((ev = calloc(1, sizeof(*ev))) == NULL)
		return (NULL);
	TAILQ_INIT(&ev->lru);
	arc4random_buf(ev->key, sizeof(ev->key));
	return (ev);
}

/* The bytes that a record counts against EVENTS_MEMORY_MAX. */
static size_t
record_size(uint32_t n)
{
	return (sizeof(struct event_record) + n * sizeof(struct event_seen));
}

static void
record_drop(struct events *ev, struct event_record *r)
{
	TAILQ_REMOVE(&ev->lru, r, lru);
	LIST_REMOVE(r, hash);
	ev->memory -= record_size(r->size);
	free(r);
}

size_t
events_memory(const struct events *ev)
{
	return (ev->memory);
}

void
events_clear(struct events *ev)
{
	struct event_record	*r;

	while ((r = TAILQ_FIRST(&ev->lru)) != NULL)
		record_drop(ev, r);
}

void
events_free(struct events *ev)
{
	if (ev == NULL)
		return;
	events_clear(ev);
	free(ev);
}

/* The key is secret, so that a client cannot fill one bucket. */
static size_t
event_bucket(const struct events *ev, const struct addr *host,
    unsigned int event)
{
	uint8_t	b[sizeof(host->b) + 1];

	memcpy(b, host->b, sizeof(host->b));
	b[sizeof(host->b)] = (uint8_t)event;
	return (siphash24(ev->key, b, sizeof(b)) % BUCKETS);
}

/*
 * Returns the host's record for this event as the youngest one, and makes it
 * if it is not there.  NULL: no memory, and the event is not counted.
 */
static struct event_record *
record_find(struct events *ev, const struct addr *host, unsigned int event,
    uint32_t n)
{
	struct event_record	*r;
	size_t		 b = event_bucket(ev, host, event);

	LIST_FOREACH(r, &ev->bucket[b], hash)
		if (r->event == event && addr_cmp(&r->host, host) == 0)
			break;
	if (r != NULL && r->size != n) {	/* a reload changed `after' */
		record_drop(ev, r);
		r = NULL;
	}
	if (r != NULL) {
		TAILQ_REMOVE(&ev->lru, r, lru);
		TAILQ_INSERT_TAIL(&ev->lru, r, lru);
		return (r);
	}
	if (record_size(n) > EVENTS_MEMORY_MAX)
		return (NULL);
	while (ev->memory + record_size(n) > EVENTS_MEMORY_MAX)
		record_drop(ev, TAILQ_FIRST(&ev->lru));
	if ((r = calloc(1, record_size(n))) == NULL)
		return (NULL);
	r->host = *host;
	r->event = event;
	r->size = n;
	ev->memory += record_size(n);
	TAILQ_INSERT_TAIL(&ev->lru, r, lru);
	LIST_INSERT_HEAD(&ev->bucket[b], r, hash);
	return (r);
}

/* n of 0 or 1 means each time, and needs no record. */
int
events_count(struct events *ev, const struct addr *host, unsigned int event,
    uint32_t n, int64_t within_ms, int64_t now_ms)
{
	struct event_record	*r;

	if (n <= 1)
		return (1);
	if ((r = record_find(ev, host, event, n)) == NULL)
		return (0);
	r->seen[r->next].when = now_ms;
	r->next = (r->next + 1) % n;
	if (r->count < n)
		r->count++;
	/* When the ring is full, `next' is the oldest of the last n. */
	return (r->count == n && now_ms - r->seen[r->next].when <
	    within_ms);
}

/*
 * A thing that is there already only gets the new time; a new one takes a
 * free place, or that of the thing that was seen longest ago.
 */
int
events_count_of(struct events *ev, const struct addr *host,
    unsigned int event, const void *what, size_t len, uint32_t n,
    int64_t within_ms, int64_t now_ms)
{
	struct event_record	*r;
	struct event_seen	*s, *place;
	uint64_t	 hash;
	uint32_t	 recent = 0;

	if (n <= 1)
		return (1);
	if ((r = record_find(ev, host, event, n)) == NULL)
		return (0);
	hash = siphash24(ev->key, what, len);
	place = r->seen;
	for (s = r->seen; s < r->seen + r->count; s++) {
		if (s->what == hash) {
			place = s;
			break;
		}
		if (s->when < place->when)
			place = s;
	}
	if (s == r->seen + r->count && r->count < n)
		place = &r->seen[r->count++];
	place->what = hash;
	place->when = now_ms;
	for (s = r->seen; s < r->seen + r->count; s++)
		recent += now_ms - s->when < within_ms;
	return (recent == n);
}

/* After a reaction, so that the next one needs n more. */
void
events_forget(struct events *ev, const struct addr *host, unsigned int event)
{
	struct event_record	*r;

	LIST_FOREACH(r, &ev->bucket[event_bucket(ev, host, event)], hash)
		if (r->event == event && addr_cmp(&r->host, host) == 0) {
			record_drop(ev, r);
			return;
		}
}

/*
 * Says whether the event is about what the host sends, not about how it
 * speaks SMTP.
 */
static int
is_content_event(unsigned int event)
{
	return (event == EVENT_DICTIONARY || event == EVENT_VIRUS ||
	    event == EVENT_SPAM);
}

/*
 * Says whether enough of its messages were bad (`of bad N%').  The events
 * themselves count as bad messages, because pass may report the last message
 * later than the event.
 */
static int
bad_enough(const struct policy *p, const struct conf_reaction *r,
    unsigned int event, const struct addr *host)
{
	uint64_t	good, bad;

	if (r->bad == 0)
		return (1);
	mails_sum(p->mails, host, r->within, &good, &bad);
	if (event != EVENT_DICTIONARY && is_content_event(event) &&
	    bad < r->after)
		bad = r->after;
	return (bad * 100 >= (good + bad) * r->bad);
}

/* Returns why content is not held against this host; NULL: it is. */
static const char *
why_spared(const struct policy *p, const struct event_msg *ev,
    const struct addr *host)
{
	if (!is_content_event(ev->event))
		return (NULL);
	if (ev->flags & EVENT_F_VOUCHED)
		return ("vouched");
	return (mails_vouch(p->mails, host) ? "good-mail" : NULL);
}

/* Traps or demotes the host, as the configuration says. */
static enum db_result
react_to_event(struct policy *p, const struct event_msg *ev,
    const struct conf_reaction *r, enum conf_action *did)
{
	static const uint8_t	reasons[EVENT_MAX] = {
		[EVENT_EARLY_TALKER] = TRAP_EARLY,
		[EVENT_PIPELINING] = TRAP_PIPELINING,
		[EVENT_BARE_LF] = TRAP_BARELF,
		[EVENT_FOREIGN_COMMAND] = TRAP_FOREIGN,
		[EVENT_HTTP_COMMAND] = TRAP_FOREIGN,
		[EVENT_DICTIONARY] = TRAP_DICTIONARY,
		[EVENT_VIRUS] = TRAP_VIRUS,
		[EVENT_SPAM] = TRAP_SPAM
	};
	enum db_result		rc;

	if (r->action == ACT_DEMOTE) {
		if ((rc = policy_demote(p, &ev->client)) == DB_OK)
			*did = ACT_DEMOTE;
		return (rc == DB_NONE ? DB_OK : rc);
	}
	*did = ACT_TRAP;
	p->stat[PST_TRAPPED_EVENT]++;
	return (policy_trap_host(p, &ev->client, clock_wall() +
	    (r->trap_for != 0 ? r->trap_for : p->conf->grey.trapped),
	    reasons[ev->event], "", 1));
}

/*
 * Front and pass have logged the event already; here is only what follows
 * from it.  After a reaction the count starts again: the next one needs N
 * more.
 */
enum db_result
policy_event(struct policy *p, const struct event_msg *ev,
    enum conf_action *did, const char **why_not)
{
	const struct conf_reaction	*r;
	struct host_state			 s;
	enum db_result			 rc;

	*did = ACT_LOG;
	*why_not = NULL;
	if (ev->event >= EVENT_MAX)
		return (DB_OK);
	r = &p->conf->reaction[ev->event];
	if (r->action == ACT_LOG)
		return (DB_OK);
	if ((rc = policy_state(p, &ev->client, &s)) != DB_OK)
		return (rc);
	if (s.whitelisted || !events_count(p->events, &s.host, ev->event,
	    r->after, r->within * 1000, clock_mono()) ||
	    !bad_enough(p, r, ev->event, &s.host))
		return (DB_OK);
	events_forget(p->events, &s.host, ev->event);
	if ((*why_not = why_spared(p, ev, &s.host)) != NULL) {
		p->stat[PST_SPARED]++;
		return (DB_OK);
	}
	return (react_to_event(p, ev, r, did));
}
