/*
 * Rates by key; see rate.h.  A table is made of sets of eight places; a key's
 * hash says which set, and the eight hashes of a set lie in one line of the
 * processor's cache, apart from the counters.  Memory is allocated once, and
 * the system gives it page by page as it is used.
 *
 * Time is cut into parts of a sixteenth of the window.  A counter is a ring of
 * seventeen parts: the sixteen of the window and the oldest, which is running
 * out and counts in proportion to what is left of it.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/rate.h"
#include "lib/base/siphash.h"

#define WAYS		8	/* places of a set */
#define SLOTS		16	/* parts of a window */
#define RING		(SLOTS + 1)	/* and the one that is running out */
#define NS		INT64_C(1000000)	/* in a millisecond */
#define PER_MAX		(INT64_C(90) * 86400 * 1000)

struct table {
	uint64_t	*tags;		/* 0: a free place */
	size_t		 sets;		/* a power of two */
	uint8_t		 hashkey[16];
};

struct counter {
	int64_t		 last;		/* when it was counted */
	uint32_t	 slot;		/* ms of one part */
	uint32_t	 count[RING];	/* of part i: at i % RING */
};

struct rate {
	struct table	 table;
	struct counter	*counters;
};

/*
 * A bucket is one time: when it will be full again.  (The generic cell rate
 * algorithm: each token moves it by per / rate, and as many are there as fit
 * before now + per.)
 */
struct tokens {
	struct table	 table;
	int64_t		*full;		/* ns */
};

/*
 * As many sets as hold the keys, rounded up to a power of two.  -1: no memory.
 */
static int
table_init(struct table *t, size_t keys)
{
	for (t->sets = 1; t->sets * WAYS < keys; t->sets *= 2)
		;
	arc4random_buf(t->hashkey, sizeof(t->hashkey));
	t->tags = calloc(t->sets * WAYS, sizeof(*t->tags));
	return (t->tags == NULL ? -1 : 0);
}

/*
 * The hash of the key, and in *set the first place of its set.  0 marks a free
 * place, so a hash of 0 becomes 1.
 */
static uint64_t
table_hash(const struct table *t, const void *key, size_t len, size_t *set)
{
	uint64_t	h = siphash24(t->hashkey, key, len);

	*set = (size_t)(h & (t->sets - 1)) * WAYS;
	return (h == 0 ? 1 : h);
}

/* The place in that set that has the tag (0: a free one), or -1. */
static ssize_t
table_find(const struct table *t, size_t set, uint64_t tag)
{
	size_t	i;

	for (i = set; i < set + WAYS; i++)
		if (t->tags[i] == tag)
			return ((ssize_t)i);
	return (-1);
}

struct rate *
rate_new(size_t keys)
{
	struct rate	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if (table_init(&r->table, keys) == -1 || (r->counters =
	    calloc(r->table.sets * WAYS, sizeof(*r->counters))) == NULL) {
		rate_free(r);
		return (NULL);
	}
	return (r);
}

void
rate_free(struct rate *r)
{
	if (r == NULL)
		return;
	free(r->table.tags);
	free(r->counters);
	free(r);
}

/*
 * What is in the window that ends now; the oldest part in proportion,
 * rounded up: nothing is forgotten before its time.
 */
static uint32_t
counter_sum(const struct counter *c, int64_t now)
{
	int64_t		slot = c->slot, newest = c->last / slot;
	int64_t		age, to = now / slot;
	uint64_t	sum = 0;

	for (age = to - newest; age <= SLOTS && newest >= 0; age++, newest--)
		if (age < SLOTS)
			sum += c->count[newest % RING];
		else
			sum += (c->count[newest % RING] * (uint64_t)(slot -
			    now % slot) + (uint64_t)slot - 1) / (uint64_t)slot;
	return (sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum);
}

/* Brings the ring to now: parts that have begun since then are empty. */
static void
counter_turn(struct counter *c, int64_t now)
{
	int64_t	newest = c->last / c->slot, to = now / c->slot;

	if (to - newest >= RING)
		memset(c->count, 0, sizeof(c->count));
	else
		while (newest < to)
			c->count[++newest % RING] = 0;
	c->last = now;
}

/* A place for a new key: a free one, or the least active one's. */
static size_t
rate_place(struct rate *r, size_t set, int64_t now)
{
	const struct counter	*c;
	ssize_t			 place;
	size_t			 i, least = set;
	uint32_t		 sum, least_sum = UINT32_MAX;

	if ((place = table_find(&r->table, set, 0)) != -1)
		return ((size_t)place);
	for (i = set; i < set + WAYS; i++) {
		c = &r->counters[i];
		sum = counter_sum(c, now);
		if (sum < least_sum || (sum == least_sum &&
		    c->last < r->counters[least].last)) {
			least = i;
			least_sum = sum;
		}
	}
	return (least);
}

/*
 * A key without a place that only asks gets none.  Another window makes other
 * parts, so what was counted before says nothing.  A clock that is behind the
 * last event counts as the time of that event.
 */
uint32_t
rate_add(struct rate *r, const void *key, size_t len, int64_t window,
    int64_t now, uint32_t n)
{
	struct counter	*c;
	uint32_t	 slot, *count;
	uint64_t	 tag;
	size_t		 set;
	ssize_t		 place;

	if (window < SLOTS)
		window = SLOTS;
	if (window > PER_MAX)
		window = PER_MAX;
	slot = (uint32_t)((window + SLOTS - 1) / SLOTS);
	tag = table_hash(&r->table, key, len, &set);
	place = table_find(&r->table, set, tag);
	if (place == -1 && n == 0)
		return (0);
	if (place == -1) {
		place = (ssize_t)rate_place(r, set, now);
		r->table.tags[place] = tag;
		r->counters[place].slot = 0;
	}
	c = &r->counters[place];
	if (c->slot != slot) {
		memset(c, 0, sizeof(*c));
		c->slot = slot;
		c->last = now;
	}
	if (now < c->last)
		now = c->last;
	if (n > 0) {
		counter_turn(c, now);
		count = &c->count[now / slot % RING];
		*count = *count > UINT32_MAX - n ? UINT32_MAX : *count + n;
	}
	return (counter_sum(c, now));
}

struct tokens *
tokens_new(size_t keys)
{
	struct tokens	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	if (table_init(&t->table, keys) == -1 || (t->full =
	    calloc(t->table.sets * WAYS, sizeof(*t->full))) == NULL) {
		tokens_free(t);
		return (NULL);
	}
	return (t);
}

void
tokens_free(struct tokens *t)
{
	if (t == NULL)
		return;
	free(t->table.tags);
	free(t->full);
	free(t);
}

/*
 * The ms until n tokens are there; *full: when the bucket is full after they
 * are taken.  A bucket that was larger before is cut to its new size.
 */
static int64_t
bucket_wait(int64_t was, uint32_t rate, int64_t per, int64_t now, uint32_t n,
    int64_t *full)
{
	int64_t	limit;

	if (per < 1)
		per = 1;
	if (per > PER_MAX)
		per = PER_MAX;
	if (rate < 1)
		rate = 1;
	if (n > rate)
		n = rate;
	now *= NS;
	per *= NS;
	limit = now + per;
	if (was < now)
		was = now;
	if (was > limit)		/* the bucket was another before */
		was = limit;
	*full = was + per / rate * n;
	return (*full <= limit ? 0 : (*full - limit + NS - 1) / NS);
}

int64_t
tokens_wait(const struct tokens *t, const void *key, size_t len, uint32_t rate,
    int64_t per, int64_t now, uint32_t n)
{
	size_t		set;
	uint64_t	tag = table_hash(&t->table, key, len, &set);
	ssize_t		place = table_find(&t->table, set, tag);
	int64_t		full;

	return (bucket_wait(place == -1 ? 0 : t->full[place], rate, per, now,
	    n, &full));
}

/*
 * Without a free place the bucket goes that will be full first: it says least.
 */
int64_t
tokens_take(struct tokens *t, const void *key, size_t len, uint32_t rate,
    int64_t per, int64_t now, uint32_t n)
{
	size_t		set, i;
	uint64_t	tag = table_hash(&t->table, key, len, &set);
	ssize_t		place = table_find(&t->table, set, tag);
	int64_t		full, wait;

	wait = bucket_wait(place == -1 ? 0 : t->full[place], rate, per, now, n,
	    &full);
	if (wait > 0)
		return (wait);
	if (place == -1 && (place = table_find(&t->table, set, 0)) == -1) {
		place = (ssize_t)set;
		for (i = set + 1; i < set + WAYS; i++)
			if (t->full[i] < t->full[place])
				place = (ssize_t)i;
	}
	t->table.tags[place] = tag;
	t->full[place] = full;
	return (0);
}
