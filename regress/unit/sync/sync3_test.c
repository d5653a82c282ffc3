/*
 * Our sync datagrams, version 3: states there and back, several in one, long
 * ones; a wrong key, damage, a wrong clock, replays; and forbidden entries.
 */
/* LIBS: -lcrypto */
#include "lib/base/hosts.h"
#include "lib/sync/v3.h"
#include "regress/lib/tap.h"

#define NOW	1700000000

static struct sync_key	key;
static char		strbuf[MERGEIO_MAX];

static struct merge_state
state(enum entry_type type, const char *ip)
{
	struct merge_state	s;

	memset(&s, 0, sizeof(s));
	entry_init(&s.e, type);
	if (type != ENTRY_SPAMTRAP)
		addr_parse(ip, &s.e.addr);
	s.e.last = NOW - 5;
	s.e.first = NOW - 100;
	s.e.pass = NOW - 50;
	s.e.expire = NOW + 5000;
	s.e.block = 3;
	s.e.passed = 4;
	return (s);
}

static int
same(const struct merge_state *s, const char *name)
{
	struct merge_state	t;
	uint8_t			b[MERGEIO_MAX], again[MERGEIO_MAX];
	size_t			n, i;

	n = merge_put(b, sizeof(b), s);
	if (n == 0 || merge_get(b, n, &t, strbuf) != n ||
	    !merge_same(s, &t) || merge_put(again, n, &t) != n ||
	    memcmp(b, again, n) != 0)
		return (0);
	for (i = 0; i < n; i++)
		if (merge_get(b, i, &t, strbuf) != 0) {
			printf("# %s: cut after %zu\n", name, i);
			return (0);
		}
	return (merge_put(b, n - 1, s) == 0);
}

static void
test_states(void)
{
	struct merge_state	s = state(ENTRY_GREY, "192.0.2.1");
	uint8_t			b[MERGEIO_MAX];
	char			big[MAILADDR_KEY_MAX + 1];

	s.e.helo = "mx.example.org";
	s.e.from = "<>";
	s.e.to = "<b@example.net>";
	ok(same(&s, "GREY"), "GREY, IPv4");
	s = state(ENTRY_TRAPPED, "2001:db8::1");
	s.e.reason = TRAP_MX;
	s.e.comment = "caf\xc3\xa9";
	s.e.gen = 7;
	s.gone = 9;
	s.keep = 10;
	ok(same(&s, "TRAPPED"), "TRAPPED, IPv6, generation, deletion");
	s.e.last = s.e.gen = s.e.first = s.e.pass = s.e.expire = 0;
	s.e.block = s.e.passed = 0;
	ok(same(&s, "gone"), "only a deletion");
	s = state(ENTRY_SPAMTRAP, "");
	s.e.rcpt = "joe@example.org";
	s.e.expire = 0;
	ok(same(&s, "SPAMTRAP"), "SPAMTRAP");
	s = state(ENTRY_STAMP, "192.0.2.1");
	ok(same(&s, "STAMP"), "STAMP");
	s = state(ENTRY_WHITE, "192.0.2.1");
	ok(same(&s, "WHITE"), "WHITE");
	s.e.comment = "two\nlines";
	is_int(merge_put(b, sizeof(b), &s), 0, "no control characters");
	s.e.comment = "\x7f";
	is_int(merge_put(b, sizeof(b), &s), 0, "nor DEL");
	s.e.comment = "";
	s.e.expire = ENTRY_TIME_MAX + 1;
	is_int(merge_put(b, sizeof(b), &s), 0, "a time past 40 bits");
	s = state(ENTRY_REPUTE, "192.0.2.1");
	is_int(merge_put(b, sizeof(b), &s), 0, "REPUTE stays at home");
	s = state(ENTRY_GREY, "192.0.2.1");
	memset(big, 'x', sizeof(big));
	big[ENTRY_STR_MAX] = '\0';
	s.e.helo = s.e.from = s.e.to = big;
	ok(same(&s, "long"), "the longest tuple");
	big[ENTRY_STR_MAX] = 'x';
	big[ENTRY_STR_MAX + 1] = '\0';
	is_int(merge_put(b, sizeof(b), &s), 0, "one octet more");
}

static size_t
make(struct sync3_out *o, uint64_t counter, int64_t when)
{
	struct sync3_hdr	h = { 77, 5, counter, when };

	return (sync3_seal(o, &h, &key));
}

static void
test_datagram(void)
{
	static struct sync3_out	o;
	struct merge_state	s = state(ENTRY_GREY, "192.0.2.1"), t;
	struct sync3_hdr	h;
	char			big[ENTRY_STR_MAX + 1];
	size_t			len, pos = SYNC3_HDR, n = 0, got = 0;
	int			r;

	s.e.from = "<a@example.org>";
	s.e.to = "<b@example.net>";
	s.e.helo = "mx.example.org";
	sync3_begin(&o);
	is_int(make(&o, 1, NOW), 0, "an empty one is none");
	while ((r = sync3_add(&o, &s)) == 1) {
		n++;
		s.e.addr.b[15]++;
	}
	is_int(r, 0, "it is full");
	ok(n >= 10, "ten tuples and more in one");
	len = make(&o, 9, NOW);
	ok(len <= SYNC3_MAX && len > SYNC3_MAX - 150, "of 1400 octets at most");
	is_str(sync3_open(o.b, len, &key, NOW, &h), NULL, "it is read");
	ok(h.id == 77 && h.epoch == 5 && h.counter == 9 && h.time == NOW,
	    "its header");
	while (sync3_next(o.b, len, &pos, &t, strbuf))
		if (t.e.addr.b[15] == 1 + got++)
			n--;
	is_int(n, 0, "and all its entries");

	memset(big, 'x', sizeof(big));
	big[ENTRY_STR_MAX] = '\0';
	s.e.helo = s.e.from = s.e.to = big;
	is_int(sync3_add(&o, &s), 0, "a long tuple waits for one of its own");
	sync3_begin(&o);
	is_int(sync3_add(&o, &s), 1, "which it fills");
	is_int(sync3_add(&o, &s), 0, "alone");
	len = make(&o, 10, NOW);
	ok(len > SYNC3_MAX && len <= SYNC3_BIG, "more than 1400 octets");
	is_str(sync3_open(o.b, len, &key, NOW, &h), NULL, "it is read");
	s.e.from = "\n";
	is_int(sync3_add(&o, &s), -1, "what cannot be sent");
	sync3_begin(&o);
	is_int(sync3_add(&o, &s), -1, "is not");
}

static void
test_refused(void)
{
	static struct sync3_out	o;
	struct merge_state	s = state(ENTRY_WHITE, "2001:db8::1");
	struct sync3_hdr	h;
	struct sync_key		other, none;
	uint8_t			d[SYNC3_BIG + 1];
	size_t			len, i;
	int			refused = 1;

	sync3_begin(&o);
	sync3_add(&o, &s);
	len = make(&o, 1, NOW);
	memcpy(d, o.b, len);
	synckey_make((const uint8_t *)"other\n", 6, &other);
	synckey_make(NULL, 0, &none);
	is_str(sync3_open(d, len, &other, NOW, &h), "key", "another key");
	is_str(sync3_open(d, len, &none, NOW, &h), "key", "no key");
	h.id = h.epoch = h.counter = 1;
	h.time = NOW;
	is_int(sync3_seal(&o, &h, &none), 0, "nothing is sent without one");
	for (i = 0; i < len; i++)
		refused &= sync3_open(d, i, &key, NOW, &h) != NULL;
	ok(refused, "each octet counts");
	for (i = 0, refused = 1; i < len * 8; i++) {
		d[i / 8] ^= (uint8_t)(1 << i % 8);
		refused &= sync3_open(d, len, &key, NOW, &h) != NULL;
		d[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ok(refused, "each bit counts");
	is_str(sync3_open(d, sizeof(d), &key, NOW, &h), "length", "too long");
	is_str(sync3_open(d, len, &key, NOW + SYNC3_SKEW, &h), NULL,
	    "a clock that is five minutes off");
	is_str(sync3_open(d, len, &key, NOW + SYNC3_SKEW + 1, &h), "time",
	    "and one second");
	is_str(sync3_open(d, len, &key, NOW - SYNC3_SKEW - 1, &h), "time",
	    "the other way");
	make(&o, 0, NOW);
	is_str(sync3_open(o.b, len, &key, NOW, &h), "counter", "counter 0");
	o.b[SYNC3_HDR] = 'R';
	make(&o, 1, NOW);
	is_str(sync3_open(o.b, len, &key, NOW, &h), "an entry",
	    "a kind that does not sync");
}

static void
test_window(void)
{
	struct sync3_window	w;
	struct sync3_hdr	h = { 1, 10, 5, NOW };
	uint64_t		i;
	int			good = 1, none = 1;

	memset(&w, 0, sizeof(w));
	is_int(sync3_window(&w, &h), 1, "the first");
	is_int(sync3_window(&w, &h), 0, "again: a replay");
	h.counter = 3;
	is_int(sync3_window(&w, &h), 1, "one that was overtaken");
	is_int(sync3_window(&w, &h), 0, "once");
	h.counter = 5 + SYNC3_WINDOW - 1;
	is_int(sync3_window(&w, &h), 1, "far ahead");
	h.counter = 5;
	is_int(sync3_window(&w, &h), 0, "the first, still known");
	h.counter = 4;
	is_int(sync3_window(&w, &h), 0, "too old");
	h.counter = 1;
	is_int(sync3_window(&w, &h), 0, "too old, and its bit is free");
	h.counter = 6;
	is_int(sync3_window(&w, &h), 1, "just not");
	for (i = 2000; i < 6000; i += 3) {
		h.counter = i;
		good &= sync3_window(&w, &h);
		none &= !sync3_window(&w, &h);
		h.counter = i - 2;
		good &= sync3_window(&w, &h);
	}
	ok(good, "each is new once");
	ok(none, "and only once");
	h.counter = UINT64_MAX;
	is_int(sync3_window(&w, &h), 1, "the last counter there is");
	h.epoch = 9;
	is_int(sync3_window(&w, &h), 0, "an epoch before");
	h.epoch = 11;
	h.counter = 1;
	is_int(sync3_window(&w, &h), 1, "the sender started anew");
	is_int(sync3_window(&w, &h), 0, "a replay of that");
	h.epoch = 10;
	h.counter = 2;
	is_int(sync3_window(&w, &h), 0,
	    "an epoch before, with a counter that is new in this one");
}

int
main(void)
{
	synckey_make((const uint8_t *)"secret\n", 7, &key);
	test_states();
	test_datagram();
	test_refused();
	test_window();
	return (done());
}
