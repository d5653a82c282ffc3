/*
 * What hosts did lately, and what follows: `on EVENT … after N in TIME of bad
 * N%'.  The counts are in memory only; the memory is bounded, and the host
 * that was quiet longest is forgotten first.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/clock.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

#define BUCKETS		4096

struct seen {
	int64_t		when;
	uint64_t	what;		/* a hash; 0 where all events count */
};

/* A ring of the last n; with n events in it and the oldest young enough, the
 * n-th within the time has happened.  Of different things (events_count_of)
 * each has one place, with its last time. */
struct record {
	TAILQ_ENTRY(record)	 lru;
	LIST_ENTRY(record)	 hash;
	struct addr		 host;
	unsigned int		 event;
	uint32_t		 size, count, next;
	struct seen		 seen[];
};

struct events {
	TAILQ_HEAD(, record)	 lru;		/* the quietest first */
	LIST_HEAD(, record)	 bucket[BUCKETS];
	size_t			 memory;
	uint8_t			 key[16];
};

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

/* What a record counts against EVENTS_MEMORY_MAX. */
static size_t
record_size(uint32_t n)
{
	return (sizeof(struct record) + n * sizeof(struct seen));
}

static void
drop(struct events *ev, struct record *r)
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
	struct record	*r;

	while ((r = TAILQ_FIRST(&ev->lru)) != NULL)
		drop(ev, r);
}

void
events_free(struct events *ev)
{
	if (ev == NULL)
		return;
	events_clear(ev);
	free(ev);
}

static size_t
bucket(const struct events *ev, const struct addr *host, unsigned int event)
{
	uint8_t	b[sizeof(host->b) + 1];

	memcpy(b, host->b, sizeof(host->b));
	b[sizeof(host->b)] = (uint8_t)event;
	return (siphash24(ev->key, b, sizeof(b)) % BUCKETS);
}

/* The host's record for this event, a new one if need be, as the youngest;
 * NULL: no memory, and the event is not counted. */
static struct record *
find(struct events *ev, const struct addr *host, unsigned int event,
    uint32_t n)
{
	struct record	*r;
	size_t		 b = bucket(ev, host, event);

	LIST_FOREACH(r, &ev->bucket[b], hash)
		if (r->event == event && addr_cmp(&r->host, host) == 0)
			break;
	if (r != NULL && r->size != n) {	/* a reload changed `after' */
		drop(ev, r);
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
		drop(ev, TAILQ_FIRST(&ev->lru));
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

int
events_count(struct events *ev, const struct addr *host, unsigned int event,
    uint32_t n, int64_t within_ms, int64_t now_ms)
{
	struct record	*r;

	if (n <= 1)
		return (1);
	if ((r = find(ev, host, event, n)) == NULL)
		return (0);
	r->seen[r->next].when = now_ms;
	r->next = (r->next + 1) % n;
	if (r->count < n)
		r->count++;
	/* The ring is full: `next' is the oldest of the last n. */
	return (r->count == n && now_ms - r->seen[r->next].when <
	    within_ms);
}

int
events_count_of(struct events *ev, const struct addr *host,
    unsigned int event, const void *what, size_t len, uint32_t n,
    int64_t within_ms, int64_t now_ms)
{
	struct record	*r;
	struct seen	*s, *place;
	uint64_t	 hash;
	uint32_t	 recent = 0;

	if (n <= 1)
		return (1);
	if ((r = find(ev, host, event, n)) == NULL)
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

void
events_forget(struct events *ev, const struct addr *host, unsigned int event)
{
	struct record	*r;

	LIST_FOREACH(r, &ev->bucket[bucket(ev, host, event)], hash)
		if (r->event == event && addr_cmp(&r->host, host) == 0) {
			drop(ev, r);
			return;
		}
}

/* Is the event about what the host sends, not about how it speaks? */
static int
of_content(unsigned int event)
{
	return (event == EVENT_DICTIONARY || event == EVENT_VIRUS ||
	    event == EVENT_SPAM);
}

/*
 * Were enough of its messages bad?  The events themselves count as bad
 * messages too, since the word on the last one may still be on its way.
 */
static int
bad_enough(const struct policy *p, const struct conf_reaction *r,
    unsigned int event, const struct addr *host)
{
	uint64_t	good, bad;

	if (r->bad == 0)
		return (1);
	mails_sum(p->mails, host, r->within, &good, &bad);
	if (event != EVENT_DICTIONARY && of_content(event) && bad < r->after)
		bad = r->after;
	return (bad * 100 >= (good + bad) * r->bad);
}

/* Why content is never held against this host; NULL: it is. */
static const char *
spared(const struct policy *p, const struct event_msg *ev,
    const struct addr *host)
{
	if (!of_content(ev->event))
		return (NULL);
	if (ev->flags & EVENT_F_VOUCHED)
		return ("vouched");
	return (mails_vouch(p->mails, host) ? "good-mail" : NULL);
}

static enum db_result
react(struct policy *p, const struct event_msg *ev,
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
 * Front and pass have seen and logged it; here is only what follows from it.
 * After a reaction the count begins anew: N more for the next one.
 */
enum db_result
policy_event(struct policy *p, const struct event_msg *ev,
    enum conf_action *did, const char **why_not)
{
	const struct conf_reaction	*r;
	struct state			 s;
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
	if ((*why_not = spared(p, ev, &s.host)) != NULL) {
		p->stat[PST_SPARED]++;
		return (DB_OK);
	}
	return (react(p, ev, r, did));
}
