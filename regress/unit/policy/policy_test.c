/*
 * The store's policy, with a real database and a clock that the test moves:
 * greylisting, keys, the clock rule, imports.  Files beside this one have traps,
 * lists, limits and what is shown.
 */
/* LIBS: -ldb */
#include <sys/resource.h>

#include <signal.h>

#include "regress/lib/policy_fixture.h"

static void
test_greylisting(void)
{
	fresh();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "first sight is grey");
	is_int(ans.left, 180, "seconds left");
	is_int(ans.seq, 7, "sequence echoed");
	is_int(ntold, 0, "no host state changed");
	is_int(stat_of("entries grey"), 1, "one entry");
	clock_fake_advance(179);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "too early");
	is_int(ans.left, 1, "one second left");
	clock_fake_advance(1);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "matured");
	is_int(ntold, 1, "the sink is told, once, after the commit");
	ok(told.white == T0 + 180 + 36 * DAY && told.trapped == 0,
	    "WHITE for 36 days");
	is_int(told_table, told.white, "in the table as long");
	is_int(stat_of("entries grey"), 1, "the tuple stays");
	is_int(stat_of("entries white"), 1, "and WHITE is there");
	is_int(rcpt("192.0.2.1", A, "<other@example.net>"), RCPT_WHITE,
	    "the host is WHITE for any recipient");
	is_int(stat_of("entries grey"), 1, "no tuple for it");
	is_int(stat_of("white-at-front"), 1, "counted");
	is_int(rcpt_flags("192.0.2.1", A, B, RCPT_F_WHITE | RCPT_F_AGAIN),
	    RCPT_WHITE, "and again in the session");
	is_int(stat_of("white-at-front"), 1, "not counted twice");

	is_int(rcpt("192.0.2.2", A, B), RCPT_PASS,
	    "another host of the network passes with the same tuple");
	ok(host_of("192.0.2.2").white != 0, "and is WHITE itself");
	is_int(rcpt("192.0.2.3", "<x@example.com>", B), RCPT_GREY,
	    "with another tuple it is not");
	is_int(rcpt("192.0.3.2", A, B), RCPT_GREY, "nor another network");
	is_int(rcpt("192.0.3.2", "<A@EXAMPLE.com>", B), RCPT_GREY, "same key");
	is_int(rcpt("192.0.3.2", "<>", B), RCPT_GREY, "null sender too");
	is_int(rcpt("2001:db8::1", A, B), RCPT_GREY, "IPv6");
	clock_fake_advance(180);
	is_int(rcpt("2001:db8::ffff", A, B), RCPT_PASS, "from the same /64");
	is_int(told.key.b[15], 0, "the key is cut to /64");

	pass_by(36 * DAY);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY,
	    "WHITE that is past is not, though nothing expired it yet");
	finish();
}

static void
test_demote(void)
{
	struct addr	a = ip("192.0.2.1");

	fresh();
	rcpt("192.0.2.1", A, B);
	clock_fake_advance(200);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "WHITE");
	clock_fake_advance(100);
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_white(p, &a), "deleted by hand");
	ok(told.white == 0 && told_table == 0, "told");
	tick();
	expire();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY,
	    "the matured tuple does not undo it");
	is_int(ans.left, 180, "it begins anew");
	is_int(rcpt("192.0.2.2", A, B), RCPT_GREY, "so for its neighbours");
	clock_fake_advance(180);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "and passes again");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_demote(p, &a), DB_OK, "demoted");
	is_int(rcpt_flags("192.0.2.9", A, B, 0), -1,
	    "no transaction inside of one");
	policy_abort(p);
	ok(host_of("192.0.2.1").white != 0, "aborted: nothing happened");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_demote(p, &a), DB_OK, "demoted");
	is_int(policy_demote(p, &a), DB_NONE, "not WHITE any more");
	policy_abort(p);
	clock_fake_advance(DAY);
	tick();
	expire();
	is_int(stat_of("entries stamp"), 0, "stamps go with the last tuple");
	finish();
}

/* A RCPT of a host that says hello by that name. */
static int
rcpt_helo(const char *helo)
{
	struct rcpt_req	req = { .helo = helo, .from = A, .to = B };

	req.client = ip("192.0.2.1");
	if (policy_begin(p) != DB_OK)
		return (-1);
	if (policy_rcpt(p, &req, &ans, NULL) != DB_OK) {
		policy_abort(p);
		return (-1);
	}
	return (policy_commit(p) == DB_OK ? ans.verdict : -1);
}

static void
test_match_helo(void)
{
	struct entry	one, two;
	struct tuple	t;

	begin_with(config_new());
	start();
	is_int(rcpt_helo("one.example"), RCPT_GREY, "a HELO");
	is_int(rcpt_helo("two.example"), RCPT_GREY, "another HELO");
	is_int(stat_of("entries grey"), 1, "is the same tuple");
	finish();
	begin_with(config_new());
	conf->grey.match_helo = 1;
	start();
	is_int(rcpt_helo("one.example"), RCPT_GREY, "match helo: a HELO");
	is_int(rcpt_helo("one.example"), RCPT_GREY, "the same HELO");
	is_int(stat_of("entries grey"), 1, "is the same tuple");
	is_int(rcpt_helo("two.example"), RCPT_GREY, "another HELO");
	is_int(stat_of("entries grey"), 2, "is another tuple");
	clock_fake_advance(conf->grey.pass);
	is_int(rcpt_helo("three.example"), RCPT_GREY,
	    "a retry with a third HELO begins again");
	is_int(rcpt_helo("one.example"), RCPT_PASS,
	    "one with the first HELO passes");
	entry_init(&one, ENTRY_GREY);
	one.addr = ip("192.0.2.1");
	one.helo = "one.example";
	one.from = A;
	one.to = B;
	two = one;
	two.helo = "two.example";
	tuple_key(p, &two, &t);
	tuple_key(p, &one, &t);
	ok(one.hash != two.hash, "the HELO is in the hash");
	ok(tuple_same(&one, &one, &t), "the same tuple");
	ok(!tuple_same(&one, &two, &t),
	    "tuples with one hash are told apart by their HELO");
	finish();
}

/* Another tuple in a slot of this one, as nobody can make it. */
static void
collide(const char *client, const char *from, const char *to,
    const char *other_from, const char *other_to, unsigned int slot)
{
	static struct tuple	 t;
	struct entry		 e;

	entry_init(&e, ENTRY_GREY);
	e.addr = ip(client);
	e.helo = "mail.example.com";
	e.from = from;
	e.to = to;
	tuple_key(p, &e, &t);
	e.hash += slot;
	e.from = other_from;
	e.to = other_to;
	e.first = T0 - DAY;
	e.pass = e.expire = T0 + DAY;
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_store(p, &e, 0, &e.addr), "a tuple of the same hash");
}

static void
test_collision(void)
{
	unsigned int	i;

	fresh();
	collide("192.0.2.1", A, B, "<x@example.com>", B, 0);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "another sender's tuple");
	collide("192.0.3.1", A, B, A, "<x@example.net>", 0);
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "another recipient's");
	is_int(stat_of("entries grey"), 4, "each has its own");
	for (i = 0; i < 8; i++)
		collide("192.0.4.1", A, B, "<x@example.com>", B, i);
	is_int(rcpt("192.0.4.1", A, B), RCPT_UNSTORED, "no slot is free");
	is_int(rcpt("192.0.4.1", "<y@example.com>", B), RCPT_GREY,
	    "but for another tuple");
	finish();
}

/* A commit that fails leaves no trace in counters, and nobody is told. */
static void
test_commit_fails(void)
{
	struct rlimit	old, none = { 0, 0 };

	fresh();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "one tuple");
	getrlimit(RLIMIT_FSIZE, &old);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ntold = 0;
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_white(p, ipp("192.0.2.2"), 0, ""), DB_OK, "another host");
	is_int(stat_of("entries white"), 1, "is counted");
	setrlimit(RLIMIT_FSIZE, &none);
	is_int(policy_commit(p), DB_DOWN, "the log cannot be written");
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(stat_of("entries white"), 0, "and is not counted any more");
	is_int(ntold, 0, "nobody is told");
	finish();
}

static void
test_clock(void)
{
	const char	*why = "";
	int		 i;

	fresh();
	is_int(tick(), 1, "fine at first");
	rcpt("192.0.2.1", A, B);
	clock_fake_advance(2 * DAY);
	is_int(tick(), 1, "two days ahead is fine");
	clock_fake_advance(8 * DAY);
	is_int(policy_clock(p, 0, &why), 0, "eight days in one go are not");
	ok(strstr(why, "ahead") != NULL && strstr(why, "--clock-ok") != NULL,
	    "says which way and the remedy");
	is_int(expire(), 0, "nothing expires");
	is_int(stat_of("entries grey"), 1, "still there");
	is_int(stat_of("clock out of range"), 1, "in stats");
	rcpt("198.51.100.5", A, B);
	is_int(tick(), 0, "writing does not make it right");
	restart();
	is_int(tick(), 0, "nor does a restart");
	is_int(policy_clock(p, 1, &why), 1, "--clock-ok does");
	is_int(expire(), 1, "expires");
	is_int(tick(), 1, "and stays right");

	clock_fake_advance(-3601);
	is_int(policy_clock(p, 0, &why), 0, "more than an hour behind");
	ok(strstr(why, "behind") != NULL, "says which way");
	clock_fake_advance(2);
	is_int(tick(), 1, "in range again by itself");
	for (i = 0; i < 20; i++) {
		clock_fake_advance(DAY);
		is_int(tick(), 1, "day by day");
	}
	restart();
	clock_fake_advance(7 * DAY + 1);
	is_int(tick(), 0, "off for more than a week");
	finish();
}

/* A jump of more than a week is nobody's reason to forget a host: neither the
 * one who looks it up, nor the tuples, nor what is told to others. */
static void
test_clock_jump(void)
{
	struct host	h;
	struct addr	a;
	int64_t		table;

	fresh();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("192.0.2.9"), 0, ""), "a WHITE host");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.8"), 0, TRAP_MANUAL, ""),
	    "a trapped one");
	rcpt("192.0.2.1", A, B);
	is_int(policy_asof(p), clock_wall(), "the clock is believed");
	clock_fake_advance(400 * DAY);
	/* Before any look at the clock, and with a write at once. */
	is_int(rcpt("192.0.2.9", A, B), RCPT_WHITE, "WHITE is WHITE");
	is_int(rcpt("192.0.2.8", A, B), RCPT_TRAPPED, "TRAPPED is TRAPPED");
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "a tuple goes on waiting");
	is_int(rcpt("198.51.100.5", A, B), RCPT_GREY, "one is stored");
	is_int(policy_asof(p), 0, "the clock is not believed");
	is_int(tick(), 0, "a write before that look did not make it right");
	a = *ipp("192.0.2.9");
	is_int(policy_lookup(p, &a, &h, &table), DB_OK, "looked up");
	ok(h.white == T0 + 36 * DAY && table == h.white,
	    "until when is told as it stands");
	is_int(expire(), 0, "nothing expires");
	clock_fake_advance(-400 * DAY);
	is_int(policy_asof(p), clock_wall(), "it is right, and believed");
	is_int(rcpt("192.0.2.9", A, B), RCPT_WHITE, "as before");
	finish();
}

static void
test_rekey(void)
{
	struct addr	a;
	int		more = 1, n = 0;
	unsigned int	i;
	char		client[32];
	struct config	*c2;

	fresh();
	rcpt("192.0.2.1", A, B);
	for (i = 0; i < 600; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.1", i / 200, i % 200);
		rcpt(client, A, B);
	}
	a = ip("2001:db8::5:1");
	policy_begin(p);
	policy_white(p, &a, 0, "");
	policy_commit(p);
	c2 = config_new();
	c2->grey.match.ip4 = 32;
	c2->grey.admit.ip6 = 128;
	is_int(policy_configure(p, c2), 0, "reloaded");
	is_int(policy_must_rekey(p), 1, "keys are to be made anew");
	while (more && policy_rekey(p, 100, &more) == DB_OK)
		n++;
	ok(n > 5, "in slices");
	is_int(policy_must_rekey(p), 0, "done");
	config_free(conf);
	conf = c2;
	is_int(stat_of("entries grey"), 601, "no entry was lost");
	is_int(stat_of("entries white"), 1, "nor the WHITE one");
	clock_fake_advance(180);
	is_int(rcpt("192.0.2.2", A, B), RCPT_GREY, "a neighbour is not known");
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "the host itself passes");
	is_int(rcpt("10.2.199.1", A, B), RCPT_PASS, "the last one too");
	is_int(rcpt("2001:db8::5:1", A, B), RCPT_WHITE, "admit cut anew");
	is_int(rcpt("2001:db8::5:2", A, B), RCPT_GREY, "its neighbour not");

	/* At a start it is done before anybody is served. */
	conf->grey.match.ip4 = 16;
	restart();
	is_int(policy_must_rekey(p), 0, "nothing is left to do");
	is_int(stat_of("entries grey"), 5, "tuples of a network are one now");
	is_int(rcpt("10.1.77.77", A, B), RCPT_PASS, "as old as the oldest");
	finish();
}

static void
import(const char *text)
{
	char		line[512];
	struct entry	e;
	const char	*why;

	snprintf(line, sizeof(line), "%s", text);
	if (entry_parse_line(line, &e, &why) == -1)
		abort();
	policy_begin(p);
	is_int(policy_import(p, &e), e.expire != 0 && e.expire <= clock_wall() ?
	    DB_NONE : DB_OK, text);
	policy_commit(p);
}

static void
test_import(void)
{
	struct entry	key, e;

	fresh();
	import("GREY|192.0.2.1|h|" A "|" B "|1699999900|1700014300|1700014300|1|0");
	import("GREY|192.0.2.9|h|" A "|" B "|1699999800|1700014200|1700014200|2|0");
	is_int(stat_of("entries grey"), 1, "the same tuple is merged");
	clock_fake_advance(20);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "as old as the older");
	import("WHITE|192.0.2.20|||1600000000|1600000000|1700100000|3|4");
	import("WHITE|192.0.2.20|||1500000000|1650000000|1700200000|1|9");
	host_entry_key(ENTRY_WHITE, ipp("192.0.2.20"), &key);
	is_int(db_get(db, &key, &e), DB_OK, "there");
	ok(e.first == 1500000000 && e.pass == 1650000000 &&
	    e.expire == 1700200000 && e.block == 3 && e.passed == 9, "merged");
	import("WHITE|192.0.2.21|||1|1|1600000000|3|4");
	is_int(host_of("192.0.2.21").white, 0, "what is past is left out");
	import("TRAPPED|192.0.2.22|1700086400");
	is_int(host_of("192.0.2.22").reason, TRAP_IMPORT, "its reason");
	import("SPAMTRAP|TRAP@example.org");
	is_int(rcpt("192.0.2.30", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "a spamtrap that was imported");
	is_int(stat_of("entries white"), 2, "counted");
	finish();
}

static void
test_delete_grey(void)
{
	struct addr	a = ip("192.0.2.1");
	size_t		n;
	unsigned int	i;
	char		from[64];

	fresh();
	for (i = 0; i < 150; i++) {
		snprintf(from, sizeof(from), "<u%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		rcpt("192.0.2.1", from, B);
	}
	rcpt("192.0.2.2", A, B);
	policy_begin(p);
	commit(policy_delete_grey(p, &a, 0, &n), "one tuple");
	is_int(n, 1, "one");
	is_int(stat_of("entries grey"), 150, "the others stay");
	policy_begin(p);
	commit(policy_delete_grey(p, &a, 1, &n), "all of the address");
	is_int(n, 149, "all");
	is_int(stat_of("entries grey"), 1, "its neighbour's stays");
	policy_begin(p);
	is_int(policy_delete_grey(p, &a, 1, &n), DB_NONE, "none left");
	policy_abort(p);
	finish();
}

int
main(void)
{
	if (policy_fix_init("policy_test") == -1)
		return (1);
	test_greylisting();
	test_demote();
	test_match_helo();
	test_collision();
	test_commit_fails();
	test_clock();
	test_clock_jump();
	test_rekey();
	test_import();
	test_delete_grey();
	policy_fix_end();
	return (done());
}
