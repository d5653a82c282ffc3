/*
 * What hosts did lately: `on EVENT … after N in TIME'.  In memory only; the
 * memory is bounded, and the host that was quiet longest is forgotten first.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "../lib/addr.h"
#include "../lib/siphash.h"
#include "policy_int.h"

#define BUCKETS		4096
#define MEMORY_MAX	(16 * 1024 * 1024)

/* A ring of the times of the last n; with n events in it and the oldest
 * young enough, the n-th within the time has happened. */
struct record {
	TAILQ_ENTRY(record)	 lru;
	LIST_ENTRY(record)	 hash;
	struct addr		 host;
	unsigned int		 event;
	uint32_t		 size, count, next;
	int64_t			 when[];
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

/* What a record counts against MEMORY_MAX. */
static size_t
record_size(uint32_t n)
{
	return (sizeof(struct record) + n * sizeof(int64_t));
}

static void
drop(struct events *ev, struct record *r)
{
	TAILQ_REMOVE(&ev->lru, r, lru);
	LIST_REMOVE(r, hash);
	ev->memory -= record_size(r->size);
	free(r);
}

void
events_free(struct events *ev)
{
	struct record	*r;

	if (ev == NULL)
		return;
	while ((r = TAILQ_FIRST(&ev->lru)) != NULL)
		drop(ev, r);
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
	if (record_size(n) > MEMORY_MAX)
		return (NULL);
	while (ev->memory + record_size(n) > MEMORY_MAX)
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

/* After a reaction the count begins anew: N more for the next one. */
int
events_count(struct events *ev, const struct addr *host, unsigned int event,
    uint32_t n, int64_t within_ms, int64_t now_ms)
{
	struct record	*r;

	if (n <= 1)
		return (1);
	if ((r = find(ev, host, event, n)) == NULL)
		return (0);
	r->when[r->next] = now_ms;
	r->next = (r->next + 1) % n;
	if (r->count < n)
		r->count++;
	/* The ring is full: `next' is the oldest of the last n. */
	if (r->count < n || now_ms - r->when[r->next] >= within_ms)
		return (0);
	drop(ev, r);
	return (1);
}
