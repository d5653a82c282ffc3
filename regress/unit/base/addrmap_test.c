/*
 * The table of counters and host states, compared with a plain array: growth,
 * deletion in the middle of runs, and shrinking.
 */
#include <stdint.h>

#include "lib/base/hosts.h"
#include "lib/base/limit.h"
#include "regress/lib/tap.h"

#define KEYS	3000

static uint32_t	model[KEYS];

static struct addr
key(unsigned int i)
{
	struct addr	a;
	char		text[ADDR_STRLEN];

	snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255,
	    i & 255);
	addr_parse(text, &a);
	return (a);
}

static int
agrees(const struct limit *l)
{
	struct addr	a;
	size_t		used = 0;
	unsigned int	i;

	for (i = 0; i < KEYS; i++) {
		a = key(i);
		if (limit_get(l, &a) != model[i])
			return (0);
		used += model[i] != 0;
	}
	return (used == limit_keys(l));
}

static void
counters(void)
{
	struct limit	*l = limit_new();
	struct addr	 a = key(0);
	unsigned int	 round, i, at;
	uint32_t	 state = 12345;

	is_int(limit_get(l, &a), 0, "an unknown key counts nothing");
	is_int(limit_dec(l, &a), 0, "and cannot go below");
	is_int(limit_inc(l, &a), 1, "one");
	is_int(limit_inc(l, &a), 2, "two");
	is_int(limit_dec(l, &a), 1, "one again");
	is_int(limit_dec(l, &a), 0, "none");
	is_int(limit_keys(l), 0, "and the key is gone");
	for (round = 0; round < 6; round++) {
		for (i = 0; i < 20000; i++) {
			state = state * 1103515245 + 12345;
			at = (state >> 8) % KEYS;
			a = key(at);
			/* odd rounds mostly remove, so that it shrinks */
			if ((state >> 4) % 10 < (round % 2 ? 2U : 8U))
				model[at] = limit_inc(l, &a);
			else {
				if (model[at] > 0)
					model[at]--;
				limit_dec(l, &a);
			}
		}
		ok(agrees(l), "as the plain array says");
	}
	limit_clear(l);
	is_int(limit_keys(l), 0, "cleared");
	limit_free(l);
	limit_free(NULL);
}

static void
states(void)
{
	struct hosts		*h = hosts_new();
	struct host		 one;
	const struct host	*got;
	unsigned int		 i, n = 0;

	memset(&one, 0, sizeof(one));
	for (i = 0; i < KEYS; i++) {
		one.key = key(i);
		one.white = 7;
		one.trapped = i % 3 == 0 ? 9 : 0;
		hosts_set(h, &one);
	}
	is_int(hosts_count(h), KEYS, "all are in");
	for (i = 0; i < KEYS; i++) {
		one.key = key(i);
		got = hosts_get(h, &one.key);
		n += got != NULL && got->white == 7;
	}
	is_int(n, KEYS, "each is seen once");
	one.key = key(6);
	got = hosts_get(h, &one.key);
	ok(got != NULL && got->trapped == 9, "a TRAPPED one");
	for (i = 0; i < KEYS; i += 2) {
		one.key = key(i);
		one.white = one.trapped = 0;
		hosts_set(h, &one);
		hosts_set(h, &one);	/* twice is as once */
	}
	is_int(hosts_count(h), KEYS / 2, "half were removed");
	for (i = n = 0; i < KEYS; i++) {
		one.key = key(i);
		n += (hosts_get(h, &one.key) != NULL) == (i % 2 == 1);
	}
	is_int(n, KEYS, "the right half");
	hosts_free(h);
	is_str(trap_reason_str(TRAP_MX), "low-priority-mx", "a reason");
	is_str(trap_reason_str(250), "unknown", "no reason");
}

int
main(void)
{
	counters();
	states();
	return (done());
}
