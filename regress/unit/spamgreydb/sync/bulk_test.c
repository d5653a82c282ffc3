/* LINK: spamgreydb/sync */
/*
 * What two spamgreydb send to each other: each frame is read as it was written,
 * and a malformed one is refused; ranges and their parts; the set of ids, its
 * sums compared with a simple addition, and how a deletion counts.
 */
#include "spamgreydb/sync/bulk.h"
#include "spamgreydb/sync/bulkset.h"
#include "regress/lib/tap.h"

static uint64_t		seed = 7;
static struct bulk_put	w;

static uint64_t
rnd64(void)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (seed ^ seed >> 29 ^ seed << 32);
}

/* The frame in w as it is read. */
static struct bulk_get
back(void)
{
	struct bulk_get	f;
	size_t		used;

	memset(&f, 0, sizeof(f));
	if (bulk_finish(&w) == -1 || bulk_next(w.b, w.len, &f, &used) != 1 ||
	    used != w.len)
		f.type = 0;
	return (f);
}

static void
test_frames(void)
{
	struct bulk_hello	h = { BULK_VERSION, 1700000000, 24, 64, 32, 64,
				    1 }, h2;
	struct bulk_done	d = { 7, 2, "a time in the future" }, d2;
	struct bulk_get		f;
	uint8_t			s[BULK_SEED];
	int64_t			asof;
	size_t			used, i;

	bulk_hello(&w, &h);
	f = back();
	ok(f.type == BULK_HELLO && bulk_get_hello(&f, &h2) == 0 &&
	    h2.version == h.version && h2.now == h.now && h2.match4 == 24 &&
	    h2.match6 == 64 && h2.admit4 == 32 && h2.admit6 == 64 &&
	    h2.helo == 1, "HELLO");
	for (i = 0; i < w.len; i++)
		if (bulk_next(w.b, i, &f, &used) != 0)
			break;
	is_int(i, w.len, "a part of a frame is none yet");
	h.version = BULK_VERSION + 1;
	bulk_hello(&w, &h);
	f = back();
	ok(bulk_get_hello(&f, &h2) == 0 && h2.version == BULK_VERSION + 1 &&
	    h2.now == 0, "of another version that is all");
	h.version = BULK_VERSION;
	h.match4 = 33;
	bulk_hello(&w, &h);
	f = back();
	is_int(bulk_get_hello(&f, &h2), -1, "a prefix that cannot be");
	w.b[6] ^= 1;
	f = back();
	is_int(bulk_get_hello(&f, &h2), -1, "no magic");
	memset(s, 5, sizeof(s));
	bulk_start(&w, s, 1700000000);
	f = back();
	memset(s, 0, sizeof(s));
	ok(bulk_get_start(&f, s, &asof) == 0 && asof == 1700000000 &&
	    s[0] == 5 && s[15] == 5, "START");
	bulk_start(&w, s, -1);
	f = back();
	is_int(bulk_get_start(&f, s, &asof), -1, "a time before 1970");
	bulk_done(&w, &d);
	f = back();
	ok(bulk_get_done(&f, &d2) == 0 && d2.news == 7 && d2.refused == 2 &&
	    strcmp(d.why, d2.why) == 0, "DONE");
	bulk_done(&w, &d);
	bulk_u16(&w, 1);
	f = back();
	is_int(bulk_get_done(&f, &d2), -1, "and more behind it");
	strlcpy(d.why, "\033[2J", sizeof(d.why));
	bulk_done(&w, &d);
	f = back();
	ok(bulk_get_done(&f, &d2) == 0 && strcmp(d2.why, "?[2J") == 0,
	    "its text is made printable");
}

static void
test_lengths(void)
{
	static uint8_t	big[BULK_BODY_MAX + 1];
	struct bulk_get	f;
	struct bulk_sum	sum;
	size_t		used;

	is_int(bulk_next((const uint8_t *)"\0\0\0\0\1", 5, &f, &used), -1,
	    "a frame without a type");
	is_int(bulk_next((const uint8_t *)"\0\1\0\2\1", 5, &f, &used), -1,
	    "one that is too long, at once");
	is_int(bulk_next((const uint8_t *)"Welcome!\n", 9, &f, &used), -1,
	    "a greeting of a shell");
	is_int(bulk_next((const uint8_t *)"\0\0\0\1\40", 5, &f, &used), -1,
	    "no such type");
	bulk_begin(&w, BULK_STATES);
	bulk_bytes(&w, big, BULK_BODY_MAX);
	f = back();
	ok(f.type == BULK_STATES && f.left == BULK_BODY_MAX, "the longest");
	bulk_begin(&w, BULK_STATES);
	bulk_bytes(&w, big, BULK_BODY_MAX + 1);
	is_int(bulk_finish(&w), -1, "what is longer is not sent");
	bulk_begin(&w, BULK_SUMS);
	sum.count = 0;
	sum.sum = 1;
	bulk_sum(&w, &sum);
	f = back();
	is_int(bulk_get_sum(&f, &sum), -1, "a sum of nothing");
}

static void
test_ranges(void)
{
	struct bulk_range	all = { 0, 0 }, r = { UINT64_C(0xabc) << 52, 3 },
				s;
	struct bulk_get		f;
	unsigned int		i, good = 0;

	ok(bulk_first(&all) == 0 && bulk_last(&all) == UINT64_MAX, "all");
	ok(bulk_first(&r) == UINT64_C(0xabc0000000000000) &&
	    bulk_last(&r) == UINT64_C(0xabcfffffffffffff), "a range");
	for (i = 0; i < 16; i++) {
		s = bulk_part(&r, i);
		good += s.depth == 4 && bulk_first(&s) == bulk_first(&r) +
		    ((uint64_t)i << 48);
	}
	is_int(good, 16, "its parts");
	r.depth = BULK_DEPTH_MAX;
	ok(bulk_first(&r) == r.prefix && bulk_last(&r) == r.prefix,
	    "one id");
	bulk_begin(&w, BULK_LIST);
	bulk_range(&w, &r);
	f = back();
	ok(bulk_get_range(&f, &s) == 0 && s.prefix == r.prefix && s.depth ==
	    r.depth && f.left == 0, "a range travels");
	r.depth = 2;
	bulk_begin(&w, BULK_LIST);
	bulk_range(&w, &r);
	f = back();
	is_int(bulk_get_range(&f, &s), -1, "with nothing behind its prefix");
	r.depth = 17;
	bulk_begin(&w, BULK_LIST);
	bulk_range(&w, &r);
	f = back();
	is_int(bulk_get_range(&f, &s), -1, "and no deeper than there is");
}

static void
test_set(void)
{
	static uint64_t		 ids[5000], sums[5000];
	struct bulkset		 set;
	struct bulk_range	 r;
	struct bulk_sum		 s;
	uint64_t		 sum;
	uint32_t		 count;
	size_t			 i, len;
	unsigned int		 round, good = 0;
	const uint8_t		*key;

	memset(&set, 0, sizeof(set));
	for (i = 0; i < 5000; i++) {
		ids[i] = rnd64();
		sums[i] = rnd64();
		if (bulkset_add(&set, BULK_LIVE, ids[i], sums[i], &ids[i],
		    8) == -1)
			abort();
	}
	is_int(bulkset_done(&set), 0, "a set");
	for (round = 0; round < 500; round++) {
		r.depth = (uint8_t)(round % 5);
		r.prefix = ids[round * 10];
		r.prefix = bulk_first(&r);
		for (sum = count = 0, i = 0; i < 5000; i++)
			if (ids[i] >= bulk_first(&r) &&
			    ids[i] <= bulk_last(&r)) {
				sum += sums[i];
				count++;
			}
		bulkset_sum(&set, &r, &s);
		good += s.count == count && s.sum == sum;
	}
	is_int(good, 500, "sums are those of its members");
	for (good = 0, i = 0; i < 5000; i++) {
		key = bulkset_key(&set, bulkset_find(&set, ids[i]), &len);
		good += len == 8 && memcmp(key, &ids[i], 8) == 0;
	}
	is_int(good, 5000, "each is found with its key");
	ok(bulkset_find(&set, 12345) == NULL, "another is not");
	bulkset_clear(&set);
}

static void
test_tombs(void)
{
	struct bulkset		 set;
	struct bulk_range	 all = { 0, 0 };
	struct bulk_sum		 s;
	size_t			 len;

	memset(&set, 0, sizeof(set));
	(void)bulkset_add(&set, BULK_TOMB_ALONE, 1, 1000, "x1", 2);
	(void)bulkset_add(&set, BULK_TOMB, 1, 20, "x1", 2);
	(void)bulkset_add(&set, BULK_TOMB, 2, 300, "x2", 2);
	(void)bulkset_add(&set, BULK_TOMB_ALONE, 2, 7, "x2", 2);
	(void)bulkset_add(&set, BULK_LIVE, 1, 4, "l1", 2);
	is_int(bulkset_done(&set), 0, "with tombstones");
	bulkset_sum(&set, &all, &s);
	ok(s.count == 2, "one for each key");
	is_int(bulkset_find(&set, 1)->sum, 24, "beside the entry");
	is_int(bulkset_find(&set, 2)->sum, 7, "and alone");
	ok(memcmp(bulkset_key(&set, bulkset_find(&set, 1), &len), "l1", 2) ==
	    0, "the entry's key is asked for");
	bulkset_clear(&set);
	is_int(bulkset_done(&set), 0, "an empty set");
	bulkset_sum(&set, &all, &s);
	ok(s.count == 0 && s.sum == 0, "has no sum");
	bulkset_clear(&set);
}

int
main(void)
{
	test_frames();
	test_lengths();
	test_ranges();
	test_set();
	test_tombs();
	return (done());
}
