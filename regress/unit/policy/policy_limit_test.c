/*
 * How many tuples a host and a network may have.
 */
/* LIBS: -ldb */
#include "regress/lib/policy_fixture.h"

static void
test_limits(void)
{
	char		from[64], client[64];
	unsigned int	i, grey = 0;

	begin_with(config_new());
	conf->limit.grey_per_host = 30;
	conf->limit.grey_per_network = 50;
	start();
	for (i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "<u%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		grey += rcpt("192.0.2.1", from, B) == RCPT_GREY;
	}
	is_int(grey, 30, "a host's number");
	is_int(ans.verdict, RCPT_UNSTORED, "past it: unstored");
	ok(strstr(ans.text, "host") != NULL, "says so");
	is_int(stat_of("entries grey"), 30, "nothing was stored");
	for (i = 0; i < 20; i++) {
		snprintf(from, sizeof(from), "<v%c@example.com>", 'a' + i);
		grey += rcpt("192.0.2.2", from, B) == RCPT_GREY;
	}
	is_int(grey, 50, "the network's number is reached");
	is_int(rcpt("192.0.2.2", A, B), RCPT_UNSTORED,
	    "a host that has twenty gets no more");
	ok(strstr(ans.text, "network") != NULL, "says so");
	for (grey = 0, i = 0; i < 25; i++) {
		snprintf(from, sizeof(from), "<w%c@example.com>", 'a' + i);
		grey += rcpt("192.0.2.3", from, B) == RCPT_GREY;
	}
	is_int(grey, 20, "another still gets its twenty");
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "another network is free");
	is_int(rcpt("192.0.2.1", "<uaa@example.com>", B), RCPT_GREY,
	    "a tuple that is there goes on");

	/* Two that take turns: each new tuple of one is the other's next. */
	for (grey = 0, i = 0; i < 26 * 26 * 26; i++) {
		snprintf(from, sizeof(from), "<y%c%c%c@example.com>",
		    'a' + i / 676, 'a' + i / 26 % 26, 'a' + i % 26);
		if (rcpt("192.0.2.4", from, B) != RCPT_GREY)
			break;
		grey += rcpt("192.0.2.5", from, B) == RCPT_GREY;
	}
	is_int(stat_of("entries grey"), 50 + 256 * 20 + 1,
	    "two hosts do not get round the network's number");

	/* IPv6 is counted by /48, whatever `match' says. */
	for (grey = 0, i = 0; i < 60; i++) {
		snprintf(client, sizeof(client), "2001:db8:1:%x::1", i);
		snprintf(from, sizeof(from), "<x%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		grey += rcpt(client, from, B) == RCPT_GREY;
	}
	is_int(grey, 60, "each new /64 still has its room");

	restart();
	is_int(rcpt("192.0.2.2", "<new@example.com>", B), RCPT_UNSTORED,
	    "counted anew after a restart");
	clock_fake_advance(DAY);
	tick();
	expire();
	is_int(stat_of("entries grey"), 0, "all expired");
	is_int(limit_keys(p->net_grey), 0, "no network is counted");
	is_int(limit_keys(p->host_grey), 0, "no host");
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "room again");

	/* What a network is, is a setting of its own. */
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "of another /24");
	is_int(limit_keys(p->net_grey), 2, "two networks");
	conf->limit.network.ip4 = 16;
	is_int(policy_configure(p, conf), 0, "a network is a /16 now");
	is_int(limit_keys(p->net_grey), 1, "counted again: one network");
	finish();
}

int
main(void)
{
	if (policy_fix_init("policy_limit_test") == -1)
		return (1);
	test_limits();
	policy_fix_end();
	return (done());
}
