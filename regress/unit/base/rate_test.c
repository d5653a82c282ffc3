/*
 * Rates by key: the window slides, buckets fill, tables keep their size, and a
 * flood of keys does not remove a busy one.
 */
#include <stdint.h>

#include "lib/base/rate.h"
#include "regress/lib/tap.h"

#define MIN		60000

static uint32_t
add(struct rate *r, const char *key, int64_t now, uint32_t n)
{
	return (rate_add(r, key, strlen(key), MIN, now, n));
}

static void
test_window(void)
{
	struct rate	*r = rate_new(64);
	int64_t		 now = 7000000001;
	unsigned int	 i, worst = 0, n;

	is_int(add(r, "a", now, 0), 0, "nothing yet");
	is_int(add(r, "a", now, 1), 1, "one");
	is_int(add(r, "a", now + 59999, 1), 2, "two within the window");
	is_int(add(r, "a", now + MIN + 4000, 1), 2, "the first is out of it");
	is_int(add(r, "a", now + MIN + 4000, 0), 2, "to look changes nothing");
	is_int(add(r, "b", now, 5), 5, "weights");
	is_int(add(r, "a", now + 3 * MIN, 0), 0, "long ago");
	is_int(add(r, "a", now + 30 * MIN, 1), 1, "and again");
	/* Ten a second: 600 in any minute, at every moment. */
	for (i = 0; i < 10000; i++) {
		n = add(r, "even", now + i * 100, 1);
		if (i >= 700 && (n < 599 || n > 602))
			worst = n;
	}
	is_int(worst, 0, "a steady flow counts the same at any time");
	is_int(rate_add(r, "a", 1, 2 * MIN, now + 30 * MIN, 1), 1,
	    "another window begins anew");
	is_int(add(r, "max", now, UINT32_MAX), UINT32_MAX, "saturated");
	is_int(add(r, "max", now, 7), UINT32_MAX, "and still");
	add(r, "back", now, 3);
	is_int(add(r, "back", now - 5000, 1), 4, "a clock that stands back");
	is_int(rate_add(r, "tiny", 4, 1, now, 1), 1, "a tiny window");
	is_int(rate_add(r, "tiny", 4, 1, now + 20, 1), 1, "is over soon");
	is_int(rate_add(r, "zero", 4, MIN, 0, 1), 1, "at time nought");
	rate_free(r);
	rate_free(NULL);
}

/*
 * 512 places, 300,000 keys a minute that come once or twice, and eleven that
 * come once a second and began before them: these are counted to the last.
 */
static void
test_flood(void)
{
	struct rate	*r = rate_new(512);
	char		 busy[16];
	uint64_t	 key = 0;
	int64_t		 now = 1000000;
	uint32_t	 n, least = UINT32_MAX;
	unsigned int	 second, i;

	for (second = 0; second < 120; second++, now += 1000) {
		for (i = 0; second >= 10 && i < 5000; i++) {
			key++;
			rate_add(r, &key, sizeof(key), MIN, now, 1 + i % 2);
		}
		for (i = 0; i < 11; i++) {
			snprintf(busy, sizeof(busy), "busy%u", i);
			n = add(r, busy, now, 1);
			if (second >= 60 && n < least)
				least = n;
		}
	}
	ok(least >= 60, "in a flood the busy ones are counted");
	rate_free(r);
}

/* Who was busy and is no more is the first to go. */
static void
test_old(void)
{
	struct rate	*r = rate_new(8);
	int		 i;

	for (i = 0; i < 8; i++)
		rate_add(r, &i, sizeof(i), MIN, 1000, 100);
	for (i = 100; i < 108; i++)
		rate_add(r, &i, sizeof(i), MIN, 1000 + 3 * MIN, 1);
	i = 3;
	is_int(rate_add(r, &i, sizeof(i), MIN, 1000 + 3 * MIN, 0), 0, "gone");
	i = 107;
	is_int(rate_add(r, &i, sizeof(i), MIN, 1000 + 3 * MIN, 0), 1, "here");
	rate_free(r);
}

static int64_t
take(struct tokens *t, const char *key, int64_t now, uint32_t n)
{
	return (tokens_take(t, key, strlen(key), 10, 1000, now, n));
}

static void
test_tokens(void)
{
	struct tokens	*t = tokens_new(64);
	int64_t		 now = 5000000;
	unsigned int	 i, taken;

	for (taken = i = 0; i < 15; i++)
		taken += take(t, "a", now, 1) == 0;
	is_int(taken, 10, "a full bucket at once");
	is_int(take(t, "a", now, 1), 100, "and when there is one again");
	is_int(take(t, "a", now + 99, 1), 1, "not a millisecond earlier");
	is_int(tokens_wait(t, "a", 1, 10, 1000, now + 100, 1), 0, "now");
	is_int(take(t, "a", now + 100, 1), 0, "and it was still there");
	is_int(take(t, "a", now + 100, 1), 100, "but one only");
	for (taken = 0, i = 1000; i < 11000; i++)
		taken += take(t, "b", now + i, 1) == 0;
	ok(taken >= 109 && taken <= 110, "then at its rate, the burst first");
	is_int(take(t, "c", now, 10), 0, "ten at once");
	is_int(take(t, "c", now, 3), 300, "three more");
	is_int(take(t, "d", now, 11), 0, "more than it holds: all it holds");
	is_int(take(t, "d", now + 1000, 11), 0, "each time");
	is_int(take(t, "d", now + 1001, 11), 999, "when it is full");
	/* After a reload the bucket is a smaller one. */
	is_int(tokens_take(t, "e", 1, 1, 86400000, now, 1), 0, "a day's");
	is_int(tokens_wait(t, "e", 1, 1, 1000, now, 1), 1000,
	    "now a second's");
	is_int(tokens_take(t, "f", 1, UINT32_MAX, 1, now, 1), 0,
	    "as many as there are numbers");
	tokens_free(t);
	tokens_free(NULL);
}

/* Who keeps to n in any time T is never refused, bursts or not. */
static void
test_conforming(void)
{
	struct tokens	*t = tokens_new(8);
	int64_t		 when[2000], now = 1000000;
	unsigned int	 i, refused = 0;

	srand(1);
	for (i = 0; i < 2000; i++) {
		now += rand() % 4 == 0 ? rand() % 900 : 0;
		if (i >= 10 && now < when[i - 10] + 1000)
			now = when[i - 10] + 1000;
		when[i] = now;
		refused += take(t, "a", now, 1) != 0;
	}
	is_int(refused, 0, "ten in any second are never too many");
	tokens_free(t);
}

static void
test_tokens_flood(void)
{
	struct tokens	*t = tokens_new(512);
	uint64_t	 key = 0;
	int64_t		 now = 1000000;
	unsigned int	 second, i, taken = 0;

	for (second = 0; second < 60; second++, now += 1000) {
		for (i = 0; i < 5000; i++) {
			key++;
			tokens_take(t, &key, sizeof(key), 100, MIN, now, 1);
		}
		for (i = 0; i < 10; i++)
			taken += tokens_take(t, "busy", 4, 100, MIN, now,
			    1) == 0;
	}
	ok(taken >= 190 && taken <= 200, "in a flood the busy one is held");
	tokens_free(t);
}

int
main(void)
{
	test_window();
	test_flood();
	test_old();
	test_tokens();
	test_conforming();
	test_tokens_flood();
	return (done());
}
