/* Host states and counters, compared with a plain array; and their size. */
#include "lib/base/hosts.h"
#include "lib/base/limit.h"
#include "regress/lib/tap.h"

#define NKEYS	3000

static uint32_t	seed = 7;

static uint32_t
rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8);
}

static void
key(struct addr *a, uint32_t i)
{
	addr_parse("10.0.0.0", a);
	a->b[13] = (uint8_t)(i >> 16);
	a->b[14] = (uint8_t)(i >> 8);
	a->b[15] = (uint8_t)i;
}

static void
test_hosts(void)
{
	static struct host	 model[NKEYS];
	struct hosts		*t = hosts_new();
	const struct host	*got;
	size_t			 n = 0;
	struct host		 h;
	size_t			 used = 0;
	int64_t			 sum = 0;
	uint32_t		 i, k;
	int			 wrong = 0;

	key(&h.key, 1);
	ok(hosts_get(t, &h.key) == NULL, "nothing in an empty table");
	/* Three phases: mostly in, half and half, mostly out. */
	for (i = 0; i < 60000; i++) {
		k = rnd() % NKEYS;
		memset(&h, 0, sizeof(h));
		key(&h.key, k);
		if (rnd() % 4 > i / 20000) {
			h.white = rnd() % 2;
			h.trapped = rnd() % 3;
			h.reason = (uint8_t)(rnd() % TRAP_MAX);
		}
		hosts_set(t, &h);
		model[k] = h;
		if (i % 500 != 0)
			continue;
		for (k = 0; k < NKEYS; k++) {
			key(&h.key, k);
			got = hosts_get(t, &h.key);
			if (model[k].white == 0 && model[k].trapped == 0)
				wrong += got != NULL;
			else
				wrong += got == NULL ||
				    got->white != model[k].white ||
				    got->trapped != model[k].trapped ||
				    got->reason != model[k].reason;
		}
	}
	is_int(wrong, 0, "after every 500 of 60000 changes all is right");
	for (k = 0; k < NKEYS; k++) {
		used += model[k].white != 0 || model[k].trapped != 0;
		sum += model[k].white + model[k].trapped;
	}
	ok(used > 0, "some are left");
	is_int(hosts_count(t), used, "the count is right");
	for (k = 0; k < NKEYS; k++) {
		key(&h.key, k);
		if ((got = hosts_get(t, &h.key)) == NULL)
			continue;
		n++;
		sum -= got->white + got->trapped;
	}
	ok(n == used && sum == 0, "each sees them all, once");
	hosts_free(t);
	hosts_free(NULL);
	is_int(sizeof(struct host), 40, "a host is 40 octets");
	is_str(trap_reason_str(TRAP_SPAMTRAP), "spamtrap", "a reason's name");
	is_str(trap_reason_str(TRAP_MX), "low-priority-mx", "another");
	is_str(trap_reason_str(TRAP_MAX), "unknown", "none");
	for (i = 0, wrong = 0; i < TRAP_MAX; i++)
		wrong += trap_reason_str(i) == NULL;
	is_int(wrong, 0, "every reason has a name");
}

static const struct addr_cut	full = { 32, 128 }, networks = { 24, 64 };

static int64_t
white(const struct hosts *t, uint32_t i)
{
	const struct host	*h;
	struct addr		 a;

	key(&a, i);
	h = hosts_get(t, &a);
	return (h == NULL ? 0 : h->white);
}

static void
set(struct hosts *t, uint32_t i, int64_t until)
{
	struct host	h;

	memset(&h, 0, sizeof(h));
	key(&h.key, i);
	h.white = until;
	if (hosts_set(t, &h) == -1)
		abort();
}

/* As at a start: a stream, whose states count when it is over. */
static struct hosts *
loaded(void)
{
	struct hosts	*t = hosts_new();

	if (t == NULL || hosts_begin(t, &full) == -1)
		abort();
	set(t, 1, 100);
	set(t, 2, 100);
	set(t, 3, 100);
	hosts_end(t);
	return (t);
}

/* All states are told again while hosts come. */
static void
test_loading(void)
{
	struct hosts	*t = loaded();

	is_int(hosts_begin(t, &full), 0, "a second stream begins");
	ok(white(t, 1) == 100 && white(t, 2) == 100 && white(t, 3) == 100,
	    "no host is unknown while its state is loaded");
	set(t, 1, 200);
	is_int(white(t, 1), 200, "a state of the stream is in force at once");
	set(t, 1, 300);			/* a change meanwhile … */
	set(t, 2, 0);
	ok(white(t, 1) == 300 && white(t, 2) == 0,
	    "and so is a change that comes meanwhile");
	is_int(hosts_count(t), 2, "the table from before is counted");
	hosts_end(t);
	is_int(white(t, 1), 300, "the change outlives the stream");
	ok(white(t, 2) == 0 && white(t, 3) == 0,
	    "what the whole stream did not have is gone");
	is_int(hosts_count(t), 1, "and not counted");
	hosts_free(t);
}

static void
test_broken_off(void)
{
	struct hosts	*t = loaded();

	hosts_begin(t, &full);
	set(t, 4, 100);
	hosts_begin(t, &full);
	ok(white(t, 1) == 100 && white(t, 2) == 100,
	    "a stream that breaks off leaves the table as it was");
	set(t, 1, 200);
	hosts_end(t);
	ok(white(t, 1) == 200 && white(t, 2) == 0 && white(t, 4) == 0,
	    "only the whole stream counts");
	hosts_begin(t, &full);
	hosts_free(t);
}

/* `admit' is another after a reload: the keys are networks now. */
static void
test_recut(void)
{
	struct hosts	*t = loaded();

	hosts_begin(t, &networks);
	ok(white(t, 1) == 100 && white(t, 2) == 100,
	    "while keys of another length are loaded the old ones are found");
	is_int(white(t, 77), 0, "and no other");
	set(t, 0, 500);			/* 10.0.0.0/24 */
	ok(white(t, 77) == 500 && white(t, 1) == 500,
	    "a key of the new length counts for its network at once");
	hosts_end(t);
	ok(white(t, 3) == 500 && white(t, 256) == 0,
	    "the new keys are in force");
	hosts_free(t);
}

static void
test_limit(void)
{
	static uint32_t	 model[NKEYS];
	struct limit	*t = limit_new();
	struct addr	 a;
	size_t		 used = 0;
	uint32_t	 i, k, n;
	int		 wrong = 0;

	key(&a, 1);
	is_int(limit_dec(t, &a), 0, "below zero there is nothing");
	is_int(limit_keys(t), 0, "and no key");
	for (i = 0; i < 60000; i++) {
		k = rnd() % NKEYS;
		key(&a, k);
		if (rnd() % 4 > i / 20000)
			n = limit_inc(t, &a), model[k]++;
		else {
			n = limit_dec(t, &a);
			model[k] -= model[k] > 0;
		}
		wrong += n != model[k];
	}
	is_int(wrong, 0, "60000 counts");
	for (k = 0; k < NKEYS; k++) {
		key(&a, k);
		wrong += limit_get(t, &a) != model[k];
		used += model[k] > 0;
	}
	is_int(wrong, 0, "and what remains of them");
	is_int(limit_keys(t), used, "a key at zero is gone");
	for (k = 0; k < NKEYS; k++) {
		key(&a, k);
		while (limit_dec(t, &a) > 0)
			continue;
	}
	is_int(limit_keys(t), 0, "all gone");
	limit_inc(t, &a);
	limit_clear(t);
	is_int(limit_get(t, &a), 0, "cleared");
	limit_free(t);
}

int
main(void)
{
	test_hosts();
	test_loading();
	test_broken_off();
	test_recut();
	test_limit();
	return (done());
}
