/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* ratecontrol: connections in a sliding window. */
#include "regress/lib/module_fixture.h"

#define OVER	"4.3.2 Connection rate limit exceeded."

extern const struct module mod_ratecontrol;
const struct module *const modules[] = { &mod_ratecontrol, NULL };

static const char *
visit(struct pass_conf *pc, const char *client)
{
	struct session	*s = fix_session(pc, client);
	const char	*said = fix_stage(s, STAGE_CONNECT);

	fix_session_free(s);
	return (said);
}

static void
window(void)
{
	struct pass_conf	*pc = fix_conf("ratecontrol { max 5 per 1m }");
	struct session		*s;
	struct verdict		 v = verdict_next();
	int			 i;

	for (i = 0; i < 5; i++) {
		is_str(visit(pc, "192.0.2.1"), "", "within the rate");
		fix_pass(10000);
	}
	is_str(visit(pc, "192.0.2.1"), "close 421 " OVER, "one more");
	is_str(visit(pc, "192.0.2.2"), "", "its neighbour");
	/* Six within a minute, and one falls out of it every ten seconds. */
	fix_pass(15000);
	is_str(visit(pc, "192.0.2.1"), "close 421 " OVER,
	    "the refused one counts");
	fix_pass(20000);
	is_str(visit(pc, "192.0.2.1"), "", "after a pause");
	fix_pass(120000);
	is_int(mod_stat("module.ratecontrol.over"), 2, "the counter");
	s = fix_session(pc, "192.0.2.3");
	for (i = 0; i < 6; i++)
		v = mod_ratecontrol.hook[STAGE_CONNECT](&s->ms,
		    pc->chain->link[0].conf);
	ok(v.kind == VERDICT_CLOSE && v.ms == 5000, "held back 5s by default");
	fix_session_free(s);
	(void)visit(pc, "2001:db8::1");
	for (i = 2; i < 6; i++)
		(void)visit(pc, "2001:db8::5555");
	is_str(visit(pc, "2001:db8::6"), "close 421 " OVER,
	    "a /64 is one host");
	is_str(visit(pc, "2001:db8:0:1::6"), "", "the next one is not");
	s = fix_session(pc, "192.0.2.3");
	s->ms.whitelisted = 1;
	is_str(fix_stage(s, STAGE_CONNECT), "", "whitelisted: no limit");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
networks(void)
{
	struct pass_conf	*pc;
	int			 i;

	pc = fix_conf("ratecontrol { max 2 per 10s for 198.51.100.0/24\n"
	    "max 0 per 1m for 198.51.100.128/25 reply tempfail hold no }");
	(void)visit(pc, "198.51.100.1");
	is_str(visit(pc, "198.51.100.1"), "", "a network's own rate");
	is_str(visit(pc, "198.51.100.1"), "452 " OVER, "is over; 452");
	fix_pass(11000);
	is_str(visit(pc, "198.51.100.1"), "", "and its own window");
	for (i = 0; i < 400; i++)
		(void)visit(pc, "198.51.100.130");
	is_str(fix_outcome, "", "0: any number");
	for (i = 0; i < 300; i++)
		(void)visit(pc, "203.0.113.9");
	is_str(fix_outcome, "", "the others have 300 in 60s");
	is_str(visit(pc, "203.0.113.9"), "452 " OVER, "and no more");
	fix_conf_free(pc);
}

static const char *
visit_as(struct pass_conf *pc, const char *client, int white)
{
	struct session	*s = fix_session(pc, client);
	const char	*said;

	s->ms.white = white;
	said = fix_stage(s, STAGE_CONNECT);
	fix_session_free(s);
	return (said);
}

/* One who has a /48 is one customer, but all of a provider may be in one. */
static void
one_network(void)
{
	struct pass_conf	*pc = fix_conf("ratecontrol { max 3 per 1m }");
	struct session		*s;
	char			 client[32];
	int			 i;

	for (i = 0; i < 12; i++) {
		snprintf(client, sizeof(client), "2001:db8:7:%x::1", i);
		is_str(visit(pc, client), "", "four times a host's number");
	}
	is_str(visit(pc, "2001:db8:7:ff::1"), "close 421 " OVER,
	    "and no more of one /48");
	is_int(mod_stat("module.ratecontrol.over-network"), 1, "counted");
	is_str(visit(pc, "2001:db8:8::1"), "", "the next /48 is another");
	is_str(visit_as(pc, "2001:db8:7:ff::2", 1), "", "a white host");
	s = fix_session(pc, "2001:db8:7:fe::1");
	module_vouch(&s->ms);
	fix_session_free(s);
	is_str(visit(pc, "2001:db8:7:fe::1"), "",
	    "one that a whitelist of the DNS vouched for before");
	fix_pass(24 * 3600 * 1000 + 5400 * 1000);
	for (i = 0; i < 13; i++) {
		snprintf(client, sizeof(client), "198.51.77.%d", i);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "close 421 " OVER, "a /24 of IPv4");
	for (i = 0; i < 13; i++) {
		snprintf(client, sizeof(client), "2001:db8:7:%x::1", i + 0xf2);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "close 421 " OVER, "vouched for is for a day");
	fix_conf_free(pc);

	pc = fix_conf("ratecontrol { max 3 per 1m max 5 per 1m for 192.0.0.0/8 "
	    "network-max 4 network ip4 /16 network ip6 /32 }");
	for (i = 0; i < 4; i++) {
		snprintf(client, sizeof(client), "203.7.%d.1", i);
		is_str(visit(pc, client), "", "network-max");
	}
	is_str(visit(pc, "203.7.99.1"), "close 421 " OVER, "of a /16");
	for (i = 0; i < 20; i++) {
		snprintf(client, sizeof(client), "192.7.%d.1", i);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "", "a network with its own number has four times");
	is_str(visit(pc, "192.7.99.1"), "close 421 " OVER, "that");
	fix_conf_free(pc);
}

/* A flood of hosts does not make it forget the one that is over. */
static void
flood(void)
{
	struct pass_conf	*pc = fix_conf("ratecontrol { max 20 per 60s "
				    "network-max 0 }");
	char			 client[32];
	int			 i;

	for (i = 0; i < 40; i++)
		(void)visit(pc, "203.0.113.66");
	for (i = 0; i < 150000; i++) {
		snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16,
		    i >> 8 & 255, i & 255);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "", "a new host");
	is_str(visit(pc, "203.0.113.66"), "close 421 " OVER,
	    "the old offender");
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	if (chain_open() == -1)
		return (1);
	window();
	networks();
	one_network();
	flood();
	mod_bad("ratecontrol", "max 5 per 500ms",
	    "max: the time must be between 1s and 1d");
	mod_bad("ratecontrol", "max 5 per 1s max 5 per 2s",
	    "max: given twice without a network");
	mod_bad("ratecontrol", "hold 61s",
	    "hold: \"61s\" is not between 0s and 1m");
	return (done());
}
