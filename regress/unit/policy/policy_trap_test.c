/*
 * What traps a host, what a trap does and how it ends: spamtraps, domains that
 * are not ours, the low-priority MX, events, and traps by hand.
 */
/* LIBS: -ldb */
#include "regress/lib/policy_fixture.h"

/* Traps of the configuration: spamtraps, and domains that are not ours. */
static void
trap_of_the_file(void)
{
	is_int(rcpt("192.0.2.1", A, "<john.doe@EXAMPLE.org>"), RCPT_TRAPPED,
	    "spamtrap of the file");
	is_int(ans.reason, TRAP_SPAMTRAP, "reason");
	ok(told.trapped == T0 + DAY && told_table == 0, "told");
	is_int(rcpt("192.0.2.1", A, "<b@example.org>"), RCPT_TRAPPED,
	    "any recipient from then on");
	is_int(rcpt("192.0.2.2", A, "<b@example.org>"), RCPT_GREY,
	    "another host is not trapped");
	is_int(rcpt("192.0.2.2", A, "<b@notexample.org>"), RCPT_TRAPPED,
	    "domains match on label boundaries");
	is_int(ans.reason, TRAP_DOMAIN, "reason");
	is_int(rcpt("192.0.2.3", A, "<b@sub.example.org>"), RCPT_GREY,
	    "a subdomain is allowed");
	is_int(rcpt("192.0.2.3", A, "<postmaster>"), RCPT_GREY,
	    "<postmaster> never traps");
	is_int(rcpt("192.0.2.3", A, "<Abuse@Example.org>"), RCPT_GREY,
	    "abuse@ allowed domain, even if somebody made it a spamtrap");
	is_int(rcpt("192.0.2.3", A, "<postmaster@mx.example.org>"), RCPT_GREY,
	    "postmaster@ hostname");
	is_int(rcpt("192.0.2.3", A, "<postmaster@example.com>"), RCPT_TRAPPED,
	    "postmaster@ elsewhere does");

}

/* A spamtrap of the database, however its address is written. */
static void
trap_of_the_database(void)
{
	int64_t	outside;

	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_spamtrap(p, "<Trap@Example.ORG>", 1, ""),
	    "spamtrap of the database");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_spamtrap(p, "<Trap>", 1, ""), DB_BAD,
	    "one without a domain is refused");
	policy_abort(p);
	is_int(rcpt("192.0.2.4", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "traps");

	is_int(rcpt("192.0.2.6", A, "<trap@example.org.>"), RCPT_TRAPPED,
	    "a final dot");
	is_int(rcpt("192.0.2.7", A, "<\"trap\"@example.org>"), RCPT_TRAPPED,
	    "quotes");
	is_int(rcpt("192.0.2.8", A, "<@a.example,@b.example:trap@example.org>"),
	    RCPT_TRAPPED, "a source route");
	is_int(rcpt("192.0.2.9", A, "<\"john.doe\"@example.org.>"),
	    RCPT_TRAPPED, "those of the file too");
	outside = stat_of("outside");
	is_int(rcpt("192.0.2.10", A, "<example.org>"), RCPT_GREY,
	    "a local part without a domain is one of ours");
	is_int(stat_of("outside"), outside, "and not counted as outside");
	is_int(rcpt("192.0.2.11", A, "<postmaster@[192.0.2.25]>"), RCPT_GREY,
	    "so is postmaster at an address literal");
	is_int(rcpt_flags("192.0.2.11", A, "<joe@[IPv6:2001:db8::25]>",
	    RCPT_F_TO_US), RCPT_GREY, "or anybody at a literal of ours");
	is_int(rcpt("192.0.2.12", A, "<joe@[192.0.2.25]>"), RCPT_TRAPPED,
	    "but not at another one");
	is_int(rcpt("192.0.2.13", A, "<x@evil.test(.example.org>"), RCPT_GREY,
	    "what is no address is not compared with rules");
}

/* TRAPPED stands over WHITE, and ends. */
static void
trap_over_white(void)
{
	struct entry	key, e;

	is_int(rcpt("192.0.2.5", A, "<support@example.org>"), RCPT_PASS,
	    "`not to' recipients pass at once");
	is_int(stat_of("entries grey"), 9, "without a tuple");
	is_int(rcpt("192.0.2.5", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "trapped over WHITE");
	ok(told.white != 0 && told.trapped != 0, "both are told");
	is_int(told_table, 0, "out of the table");
	clock_fake_advance(DAY - 1);
	is_int(rcpt("192.0.2.5", A, "<b@example.org>"), RCPT_TRAPPED,
	    "the last second");
	clock_fake_advance(1);
	is_int(rcpt("192.0.2.5", A, "<b@example.org>"), RCPT_WHITE,
	    "past: WHITE again, before any expiry run");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.2"), 0, TRAP_MANUAL, ""),
	    "a host that was trapped is trapped again");
	host_entry_key(ENTRY_TRAPPED, ipp("192.0.2.2"), &key);
	is_int(db_get(db, &key, &e), DB_OK, "there");
	ok(e.block == 1 && e.first == clock_wall(), "and counts as new");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_trapped(p, ipp("192.0.2.2")), "and let go");
	ntold = 0;
	(void)addr_parse("192.0.2.5", &watched);
	watched_table = -1;
	is_int(tick(), 1, "the clock is fine");
	ok(expire() > 0, "expiry run");
	ok(watched_table > clock_wall(),
	    "a trap that ended over WHITE: into the table again");
	is_int(ntold > 0, 1, "hosts are told of");
	is_int(stat_of("entries trapped"), 0, "no TRAPPED is left");
	ok(host_of("192.0.2.5").white != 0, "WHITE survived");
}

/* A trap by hand ends by hand. */
static void
trap_by_hand(void)
{
	struct addr	a = ip("192.0.2.1");

	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, &a, HOST_FOREVER, TRAP_MANUAL, "Joe said so"),
	    "trapped by hand, for ever");
	is_int(told.trapped, HOST_FOREVER, "told");
	pass_by(400 * DAY);
	is_int(rcpt("192.0.2.1", A, "<b@example.org>"), RCPT_TRAPPED,
	    "for ever");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_trapped(p, &a), "let go by hand");
	is_int(told.trapped, 0, "told");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_delete_trapped(p, &a), DB_NONE, "not there any more");
	policy_abort(p);
}

static void
test_trap(void)
{
	begin_with(config_new());
	add_string(&conf->spamtraps, "john.doe@example.org");
	add_string(&conf->spamtraps, "abuse@example.org");
	add_string(&conf->domains, "example.org");
	add_string(&conf->domains, ".example.org");
	add_string(&conf->not_to, "support@example.org");
	conf->outside_after = 1;
	start();
	trap_of_the_file();
	trap_of_the_database();
	trap_over_white();
	trap_by_hand();
	finish();
}

/* After TRAPPED ends the host that is still WHITE is told with its place. */
static void
test_trap_over_white(void)
{
	struct addr	a = ip("192.0.2.1");

	fresh();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, &a, 0, ""), "WHITE by hand");
	ok(told_table == T0 + 36 * DAY, "in the table");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, &a, T0 + 100, TRAP_MANUAL, ""), "TRAPPED");
	is_int(told_table, 0, "out");
	clock_fake_advance(100);
	tick();
	is_int(expire(), 1, "TRAPPED ends");
	ok(told.trapped == 0 && told_table == T0 + 36 * DAY,
	    "in the table again");
	pass_by(36 * DAY - 100);
	is_int(expire(), 1, "WHITE ends");
	ok(told.white == 0 && told_table == 0, "and is told, too");
	finish();
}

static void
add_lowmx(void)
{
	struct conf_listen	*l = calloc(1, sizeof(*l));

	l->low_priority_mx = 1;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listens, l, entry);
}

static void
visit(const char *client)
{
	struct addr	a = ip(client);

	policy_begin(p);
	policy_visit(p, &a);
	policy_commit(p);
}

static void
test_lowmx(void)
{
	int	i;

	fresh();
	visit("192.0.2.1");
	is_int(stat_of("entries visit"), 0,
	    "no visits are kept without a low-priority MX");
	finish();

	begin_with(config_new());
	add_lowmx();
	start();
	visit("192.0.2.1");
	is_int(stat_of("entries visit"), 1, "visits are kept");
	clock_fake_advance(2 * HOUR);
	is_int(rcpt_flags("198.51.101.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "no trap before visits cover `grey' time");
	for (i = 0; i < 22; i++) {
		clock_fake_advance(HOUR);
		tick();
		visit("192.0.2.9");
	}
	is_int(rcpt_flags("198.51.102.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "low-priority MX first: trapped");
	is_int(ans.reason, TRAP_MX, "reason");
	is_int(rcpt_flags("192.0.2.77", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "its network was at the primary");
	is_int(rcpt("198.51.103.1", A, B), RCPT_GREY, "not at the primary");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("198.51.104.1"), 0, ""),
	    "a WHITE host");
	is_int(rcpt_flags("198.51.104.1", A, B, RCPT_F_LOWMX), RCPT_WHITE,
	    "is not trapped");

	restart();
	is_int(rcpt_flags("198.51.105.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "not within an hour of a start");
	clock_fake_advance(HOUR);
	is_int(rcpt_flags("198.51.106.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "then again: visits and first start are on disk");
	policy_overlimit(p);
	is_int(rcpt_flags("198.51.107.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "not within an hour of a limit");
	clock_fake_advance(HOUR);
	is_int(rcpt_flags("198.51.108.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "then again");
	clock_fake_advance(DAY);
	tick();
	is_int(rcpt_flags("192.0.2.78", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "a visit counts for `grey' time and a little");
	finish();
}

static void
event(const char *client, unsigned int what)
{
	struct event_msg	ev = { ip(client), (uint8_t)what, 0 };
	enum conf_action	did = ACT_LOG;
	const char		*why_not;

	ntold = 0;
	policy_begin(p);
	policy_event(p, &ev, &did, &why_not);
	policy_commit(p);
	if ((did != ACT_LOG) != (ntold != 0))
		ok(0, "what it says it did is what the sink was told");
}

static void
test_events(void)
{
	struct conf_reaction	*r;
	unsigned int		 i;
	int			 all = 0;

	begin_with(config_new());
	make_lists("198.51.100.0/24", "203.0.113.0/24");
	r = &conf->reaction[EVENT_EARLY_TALKER];
	r->action = ACT_TRAP;
	r->trap_for = HOUR;
	r->after = 3;
	r->within = HOUR;
	conf->reaction[EVENT_PIPELINING].action = ACT_DEMOTE;
	start();
	event("192.0.2.1", EVENT_BARE_LF);
	is_int(ntold, 0, "log: the store does nothing");
	event("192.0.2.1", EVENT_HTTP_COMMAND);
	ok(ntold == 1 && told.trapped == T0 + HOUR &&
	    told.reason == TRAP_FOREIGN, "http-command traps at once");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.4"), HOST_FOREVER, TRAP_MANUAL, ""),
	    "trapped by hand, for ever");
	event("192.0.2.4", EVENT_HTTP_COMMAND);
	is_int(told.trapped, HOST_FOREVER, "an event does not shorten that");
	event("192.0.2.2", EVENT_EARLY_TALKER);
	clock_fake_advance(1800);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	event("192.0.2.3", EVENT_EARLY_TALKER);
	clock_fake_advance(1800);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	is_int(ntold, 0, "the third, but the first is an hour ago");
	clock_fake_advance(1799);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	ok(ntold == 1 && told.reason == TRAP_EARLY, "three within an hour");
	event("192.0.2.2", EVENT_EARLY_TALKER);
	is_int(ntold, 0, "after a reaction three more are needed");
	for (i = 0; i < 5; i++) {
		event("198.51.100.1", EVENT_EARLY_TALKER);
		all += ntold;
	}
	is_int(all, 0, "whitelisted hosts are not trapped");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("192.0.2.9"), 0, ""),
	    "a WHITE host");
	event("192.0.2.9", EVENT_PIPELINING);
	ok(ntold == 1 && told.white == 0, "is demoted");
	event("192.0.2.9", EVENT_PIPELINING);
	is_int(ntold, 0, "only once");
	finish();
}

static void
test_release(void)
{
	struct config	*c2;

	begin_with(config_new());
	add_string(&conf->spamtraps, "one@example.org");
	add_string(&conf->spamtraps, "two@example.org");
	add_string(&conf->domains, "example.org");
	conf->outside_after = 1;
	start();
	rcpt("192.0.2.1", A, "<one@example.org>");
	rcpt("192.0.2.2", A, "<two@example.org>");
	rcpt("192.0.2.3", A, "<x@example.net>");
	rcpt("192.0.2.4", A, "<x@example.com>");
	policy_begin(p);
	policy_trap(p, ipp("192.0.2.5"), 0, TRAP_MANUAL, "");
	policy_commit(p);
	c2 = config_new();
	add_string(&c2->spamtraps, "two@example.org");
	add_string(&c2->domains, "example.org");
	add_string(&c2->domains, "example.net");
	is_int(policy_configure(p, c2), 0, "reloaded");
	config_free(conf);
	conf = c2;
	is_int(host_of("192.0.2.1").trapped, 0, "its spamtrap is gone");
	ok(host_of("192.0.2.2").trapped != 0, "this one is not");
	is_int(host_of("192.0.2.3").trapped, 0, "the domain is ours now");
	ok(host_of("192.0.2.4").trapped != 0, "this one is not");
	ok(host_of("192.0.2.5").trapped != 0, "by hand: stays");
	finish();
}

int
main(void)
{
	if (policy_fix_init("policy_trap_test") == -1)
		return (1);
	test_trap();
	test_trap_over_white();
	test_lowmx();
	test_events();
	test_release();
	policy_fix_end();
	return (done());
}
