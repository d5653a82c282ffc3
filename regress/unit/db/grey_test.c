/*
 * The greylist policy as a function of (tuple, entry, now, settings).
 */
#include "lib/db/grey.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)

static const struct grey_conf	conf = {
	.pass = 180, .grey = 86400, .white = 36 * 86400, .trapped = 86400,
	.match = { 24, 64 }, .admit = { 32, 64 }
};
static struct entry	e;
static int64_t		left;

static void
fresh(void)
{
	entry_init(&e, ENTRY_GREY);
	addr_parse("192.0.2.1", &e.addr);
}

static enum grey_verdict
decide(int found, int64_t stamp, int64_t now)
{
	left = -1;
	return (grey_decide(&conf, &e, found, stamp, now, now, &left));
}

static void
test_life(void)
{
	fresh();
	is_int(decide(0, 0, T0), GREY_NEW, "first sight");
	is_int(left, 180, "seconds left");
	ok(e.first == T0 && e.expire == T0 + 86400 && e.pass == e.expire &&
	    e.block == 1 && e.passed == 0, "as spamd writes it");
	is_int(decide(1, 0, T0), GREY_WAIT, "the same second");
	is_int(decide(1, 0, T0 + 179), GREY_WAIT, "a second early");
	is_int(left, 1, "one second left");
	is_int(e.block, 3, "counted");
	is_int(decide(1, 0, T0 + 180), GREY_PASS, "exactly at pass: passed");
	is_int(left, 0, "nothing left");
	is_int(e.pass, T0 + 180, "when it passed");
	is_int(e.passed, 1, "counted");
	is_int(decide(1, 0, T0 + 500), GREY_PASS, "passes again");
	is_int(e.pass, T0 + 180, "the time of the first");
	is_int(e.expire, T0 + 86400, "never extended");
	is_int(decide(1, 0, T0 + 100), GREY_PASS,
	    "has passed, and the clock went back");
}

static void
test_late(void)
{
	fresh();
	decide(0, 0, T0);
	is_int(decide(1, 0, T0 + 86399), GREY_PASS, "the last second");
	fresh();
	decide(0, 0, T0);
	is_int(decide(1, 0, T0 + 86400), GREY_NEW, "expired: begins anew");
	is_int(e.first, T0 + 86400, "from now");
	is_int(e.block, 1, "counts too");
	fresh();
	decide(0, 0, T0);
	e.expire = 0;
	is_int(decide(1, 0, T0 + 10), GREY_NEW,
	    "a tuple without expiry does not live for ever");
}

static void
test_stamp(void)
{
	fresh();
	decide(0, 0, T0);
	decide(1, 0, T0 + 200);
	is_int(decide(1, T0 + 300, T0 + 400), GREY_NEW,
	    "demoted since: a matured tuple begins anew");
	is_int(e.first, T0 + 400, "from now");
	is_int(decide(1, T0 + 300, T0 + 500), GREY_WAIT, "waits");
	is_int(decide(1, T0 + 300, T0 + 580), GREY_PASS,
	    "and passes again as any other");
}

static void
test_clock_back(void)
{
	fresh();
	decide(0, 0, T0);
	is_int(decide(1, 0, T0 - 5000), GREY_WAIT, "the clock went back");
	is_int(left, 180, "waits at most pass from now");
	is_int(decide(1, 0, T0 - 5000 + 180), GREY_PASS, "then passes");
}

static void
test_promote(void)
{
	struct entry	w;
	struct addr	host;

	fresh();
	decide(0, 0, T0);
	decide(1, 0, T0 + 60);
	decide(1, 0, T0 + 180);
	addr_parse("192.0.2.1", &host);
	grey_promote(&conf, &e, &host, T0 + 180, &w);
	ok(w.type == ENTRY_WHITE && addr_cmp(&w.net, &host) == 0 &&
	    addr_cmp(&w.addr, &e.addr) == 0, "WHITE for the host");
	ok(w.first == T0 && w.pass == T0 + 180 &&
	    w.expire == T0 + 180 + 36 * 86400, "times");
	ok(w.block == 2 && w.passed == 1, "counts copied");
	is_str(w.comment, "", "no comment");
}

int
main(void)
{
	test_life();
	test_late();
	test_stamp();
	test_clock_back();
	test_promote();
	return (done());
}
