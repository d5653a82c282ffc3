/*
 * Merging: the order and number of exchanges make no difference, with random
 * states and with random changes on three machines; and the results of the
 * usual cases.
 */
#include "lib/base/hosts.h"
#include "lib/sync/merge.h"
#include "regress/lib/tap.h"

#define LIFE	40

static uint64_t		seed = 20260607;

/* The same numbers everywhere. */
static unsigned int
rnd(unsigned int n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((unsigned int)(seed >> 33) % n);
}

static const enum entry_type	kinds[] = { ENTRY_GREY, ENTRY_WHITE,
    ENTRY_TRAPPED, ENTRY_SPAMTRAP, ENTRY_STAMP };
static const char *const	words[] = { "", "<a@example.org>", "b" };

static struct merge_state
state(enum entry_type type)
{
	struct merge_state	s;

	memset(&s, 0, sizeof(s));
	entry_init(&s.e, type);
	addr_parse("192.0.2.1", &s.e.addr);
	return (s);
}

/* Small numbers, so that ties and the edges are frequent. */
static struct merge_state
random_state(enum entry_type type)
{
	struct merge_state	s = state(type);

	s.e.addr.b[15] = (uint8_t)rnd(3);
	if (rnd(4) != 0) {
		s.e.last = 1 + rnd(8);
		s.e.gen = rnd(3) == 0 ? rnd(4) : 0;
		s.e.first = rnd(8);
		s.e.expire = type == ENTRY_GREY ? 1 + rnd(12) : rnd(12);
		s.e.pass = type == ENTRY_GREY && rnd(2) == 0 ? s.e.expire :
		    rnd(12);
		s.e.block = rnd(4);
		s.e.passed = rnd(4);
	}
	if (type == ENTRY_TRAPPED)
		s.e.reason = (uint8_t)rnd(TRAP_MAX);
	if (type == ENTRY_GREY) {
		s.e.helo = words[rnd(3)];
		s.e.from = words[rnd(3)];
		s.e.to = words[rnd(3)];
	} else
		s.e.comment = words[rnd(3)];
	if (type != ENTRY_STAMP && rnd(2) == 0) {
		s.gone = 1 + rnd(8);
		s.keep = 1 + rnd(14);
	}
	return (s);
}

static struct merge_state
merged(struct merge_state a, const struct merge_state *b, int64_t now)
{
	merge_states(&a, b, now);
	return (a);
}

static void
test_laws(void)
{
	struct merge_state	a, b, c, ab, bc, x, y;
	enum entry_type		type;
	int64_t			now;
	unsigned int		i;
	int			comm = 1, assoc = 1, idem = 1, again = 1,
				expired = 1;

	for (i = 0; i < 300000; i++) {
		type = kinds[rnd(5)];
		now = rnd(10);
		a = random_state(type);
		b = random_state(type);
		c = random_state(type);
		ab = merged(a, &b, now);
		x = merged(b, &a, now);
		comm &= merge_same(&ab, &x);
		bc = merged(b, &c, now);
		x = merged(ab, &c, now);
		y = merged(a, &bc, now);
		assoc &= merge_same(&x, &y);
		x = merged(ab, &ab, now);
		idem &= merge_same(&x, &ab);
		x = merged(ab, &b, now);
		again &= merge_same(&x, &ab);
		merge_judge(&a, now);
		merge_judge(&b, now);
		expired &= (a.e.last != 0 || b.e.last != 0) ==
		    (ab.e.last != 0);
		expired &= ab.e.last == 0 || ab.e.expire == 0 ||
		    ab.e.expire > now;
	}
	ok(comm, "a + b is b + a");
	ok(assoc, "(a + b) + c is a + (b + c)");
	ok(idem, "a + a is a");
	ok(again, "what came before may come again");
	ok(expired, "what has expired is not there, and does not come back");
}

/* What the machine does to its own entry: as the policy does. */
static void
assert_now(struct merge_state *s, int64_t now, int64_t expire)
{
	struct entry	live;
	int		fresh;

	merge_judge(s, now);
	fresh = !merge_live(s, &live);
	if (fresh) {
		s->e.gen = s->e.last = 0;
		s->e.first = now;
		s->e.expire = expire;
		s->e.block = s->e.passed = 0;
	} else if (s->e.expire < expire)
		s->e.expire = expire;
	s->e.pass = s->e.type == ENTRY_GREY ? s->e.expire : now;
	s->e.block++;
	merge_assert(&s->e, fresh, s->gone, 0, now);
}

/* Three machines, a common clock with errors, and exchanges that are lost,
 * late and repeated. */
static int
life_of_three(enum entry_type type)
{
	struct merge_state	m[3], old[3], mail[8];
	int64_t			now = 1000, at;
	unsigned int		i, k, to, n = 0;

	for (k = 0; k < 3; k++)
		m[k] = state(type);
	for (i = 0; i < 60; i++) {
		now += rnd(4);
		k = rnd(3);
		at = now - k;		/* each clock is a second off */
		switch (rnd(type == ENTRY_STAMP ? 3 : 4)) {
		case 0:
			assert_now(&m[k], at, at + 1 + rnd(LIFE));
			break;
		case 1:
			mail[n++ % 8] = m[k];
			break;
		case 2:
			if (n == 0)
				break;
			to = rnd(n < 8 ? n : 8);
			merge_states(&m[k], &mail[to], at);
			break;
		case 3:
			merge_delete(&m[k], at, LIFE);
			break;
		}
	}
	/* All to all, once; each in another order. */
	memcpy(old, m, sizeof(old));
	for (i = 0; i < 3; i++)
		for (k = 0; k < 3; k++)
			merge_states(&m[i], &old[(i + k) % 3], now);
	return (merge_same(&m[0], &m[1]) && merge_same(&m[1], &m[2]));
}

static void
test_lives(void)
{
	unsigned int	i;
	int		same = 1;

	for (i = 0; i < 20000; i++)
		same &= life_of_three(kinds[rnd(5)]);
	ok(same, "20,000 lives of three machines end the same on all");
}

static void
test_grey(void)
{
	struct merge_state	a = state(ENTRY_GREY), b = a, m;
	struct entry		e;

	a.e.first = 100;
	a.e.pass = a.e.expire = 1000;
	a.e.block = 3;
	a.e.last = 300;
	a.e.from = "<a1@example.org>";
	b.e.first = 200;
	b.e.pass = 500;
	b.e.expire = 900;
	b.e.block = 1;
	b.e.passed = 2;
	b.e.last = 500;
	b.e.from = "<a2@example.org>";
	m = merged(a, &b, 600);
	is_int(merge_live(&m, &e), 1, "two of a tuple");
	ok(e.first == 100 && e.expire == 1000 && e.block == 3 && e.passed == 2,
	    "first the earliest, expire the latest, the greatest counters");
	is_int(e.pass, 500, "it has passed when one had");
	is_str(e.from, "<a2@example.org>", "as it was written last");
	m = merged(a, &b, 950);
	is_int(m.e.pass, 1000, "what has expired counts for nothing");
	m = merged(a, &b, 1000);
	is_int(merge_live(&m, &e), 0, "both have");

	/* Its host was demoted at 400, on b's side it began anew. */
	b.e.first = 450;
	b.e.expire = b.e.pass = 1450;
	b.e.block = 0;
	b.e.last = 0;
	merge_assert(&b.e, 1, 0, 400, 450);
	is_int(b.e.gen, 400, "a generation of its own");
	m = merged(a, &b, 600);
	ok(m.e.first == 450 && m.e.block == 0,
	    "which the old one does not make older");
}

static void
test_gone(void)
{
	struct merge_state	a = state(ENTRY_TRAPPED), b, c, m;
	struct entry		e, tomb;

	a.e.first = 100;
	a.e.expire = 9000;
	a.e.last = 100;
	a.e.comment = "why";
	b = c = a;
	merge_delete(&b, 200, 1000);
	is_int(merge_live(&b, &e), 0, "deleted");
	is_int(merge_tomb(&b, &tomb), 1, "leaves a tombstone");
	ok(tomb.type == ENTRY_GONE && tomb.of == ENTRY_TRAPPED &&
	    tomb.gone == 200 && tomb.expire == 9000 && tomb.was == 9000,
	    "that lives as long as what it deleted might have");
	merge_from(&m, NULL, &tomb);
	ok(merge_same(&m, &b), "and from which the state is had again");
	m = merged(a, &b, 300);
	is_int(merge_live(&m, &e), 0, "who has it still loses it");

	c.e.last = 250;		/* trapped again there, unaware */
	m = merged(b, &c, 300);
	is_int(merge_live(&m, &e), 1, "a trap after the deletion stands");
	is_int(merge_tomb(&m, &tomb), 1, "beside the tombstone");
	is_int(tomb.last, 0, "which has no entry of its own then");
	c.e.last = 200;
	m = merged(b, &c, 300);
	is_int(merge_live(&m, &e), 0, "one of the same second does not");

	/* Trapped anew here, with the deletion known. */
	e = b.e;
	e.last = e.gen = 0;
	e.first = 300;
	e.expire = 400;
	merge_assert(&e, 1, b.gone, 0, 150);
	ok(e.last == 201 && e.gen == 200, "a clock that is behind is no harm");
	m.e = e;
	m = merged(m, &a, 301);
	ok(merge_live(&m, &e) && e.expire == 400 && e.first == 300,
	    "the times of before do not come back");
	m = merged(m, &a, 9000);
	is_int(merge_tomb(&m, &tomb), 0, "a tombstone expires too");

	a.e.expire = 0;
	merge_delete(&a, 200, 1000);
	ok(a.keep == 200 + 366 * 86400, "what was for ever is kept a year");
}

static void
test_others(void)
{
	struct merge_state	a = state(ENTRY_STAMP), b, m;

	a.e.first = a.e.pass = a.e.last = 100;
	a.e.expire = 1000;
	b = a;
	b.e.first = b.e.pass = b.e.last = 200;
	m = merged(a, &b, 300);
	is_int(m.e.first, 200, "STAMP: the last demotion");
	a = state(ENTRY_WHITE);
	a.e.last = 100;
	a.e.expire = 0;
	b = a;
	b.e.expire = 500;
	m = merged(b, &a, 300);
	is_int(m.e.expire, 0, "for ever is the latest");
	a.e.first = 0;
	b.e.first = 50;
	m = merged(b, &a, 300);
	is_int(m.e.first, 50, "first 0 is not known");
	ok(!merge_syncs(ENTRY_REPUTE) && !merge_syncs(ENTRY_VISIT) &&
	    !merge_syncs(ENTRY_META) && !merge_syncs(ENTRY_GONE) &&
	    merge_syncs(ENTRY_STAMP), "what is merged at all");
}

static void
test_refuse(void)
{
	struct merge_state	a = state(ENTRY_WHITE);

	is_str(merge_refuse(&a, 100), "neither an entry nor a deletion",
	    "nothing");
	a.e.last = 100 + MERGE_AHEAD;
	a.e.expire = 2000;
	is_str(merge_refuse(&a, 100), NULL, "a little ahead");
	a.e.last++;
	is_str(merge_refuse(&a, 100), "a time in the future", "too much");
	a.e.last = 100;
	a.gone = 500;
	is_str(merge_refuse(&a, 100), "a time in the future", "deleted then");
	a.gone = 50;
	is_str(merge_refuse(&a, 100), "a deletion that is kept forever",
	    "no keep");
	a.keep = ENTRY_TIME_MAX;
	is_str(merge_refuse(&a, 100), "a deletion that is kept forever",
	    "too long");
	a.keep = 5000;
	is_str(merge_refuse(&a, 100), NULL, "a deletion");
	a.e.type = ENTRY_GREY;
	a.e.expire = 0;
	is_str(merge_refuse(&a, 100), "a tuple that never expires", "GREY");
	a.e.type = ENTRY_REPUTE;
	is_str(merge_refuse(&a, 100), "not a kind of entry that is synced",
	    "REPUTE");
}

int
main(void)
{
	test_laws();
	test_lives();
	test_grey();
	test_gone();
	test_others();
	test_refuse();
	return (done());
}
