/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* conncontrol: open connections of a host, and which addresses are one host. */
#include "regress/lib/module_fixture.h"

#define OVER	"4.3.2 Too many open connections."

extern const struct module mod_conncontrol;
const struct module *const modules[] = { &mod_conncontrol, NULL };

static struct session	*open_sessions[FIX_SESSIONS];
static size_t		 nopen;

static const char *
visit(struct pass_conf *pc, const char *client)
{
	struct session	*s = fix_session(pc, client);

	open_sessions[nopen++] = s;
	return (fix_stage(s, STAGE_CONNECT));
}

static void
all_go(void)
{
	while (nopen > 0)
		fix_session_free(open_sessions[--nopen]);
}

static void
limits(void)
{
	struct pass_conf	*pc = fix_conf("conncontrol { max 2 }");
	struct session		*s;

	is_str(visit(pc, "192.0.2.1"), "", "the first");
	is_str(visit(pc, "192.0.2.1"), "", "the second");
	is_str(visit(pc, "192.0.2.1"), "close 421 " OVER, "the third");
	is_int(fix_outcome_at, fix_now, "at once");
	is_str(visit(pc, "192.0.2.2"), "", "its neighbour");
	is_str(visit(pc, "192.0.2.1"), "close 421 " OVER, "the fourth");
	fix_session_free(open_sessions[--nopen]);
	fix_session_free(open_sessions[2]);
	open_sessions[2] = open_sessions[--nopen];
	is_str(visit(pc, "192.0.2.1"), "close 421 " OVER,
	    "when those that were refused went, two are open still");
	all_go();
	is_str(visit(pc, "192.0.2.1"), "", "when all went");
	all_go();
	is_str(visit(pc, "2001:db8::1"), "", "IPv6");
	is_str(visit(pc, "2001:db8::2"), "", "another of its /64");
	is_str(visit(pc, "2001:db8::ffff:1"), "close 421 " OVER,
	    "is the same host");
	is_str(visit(pc, "2001:db8:0:1::1"), "", "the next /64 is not");
	s = fix_session(pc, "2001:db8::3");
	open_sessions[nopen++] = s;
	s->ms.whitelisted = 1;
	is_str(fix_stage(s, STAGE_CONNECT), "", "whitelisted: no limit");
	all_go();
	is_int(mod_stat("module.conncontrol.over"), 4, "the counter");
	fix_conf_free(pc);
}

static void
networks(void)
{
	struct pass_conf	*pc;
	int			 i;

	pc = fix_conf("conncontrol { max 3 max 1 for 198.51.100.0/24\n"
	    "max 2 for 198.51.100.128/25 max 0 for 10.0.0.0/8\n"
	    "max 1 for 2001:db8::/32 fold ip6 /128 fold ip4 /31\n"
	    "reply tempfail }");
	(void)visit(pc, "198.51.100.1");
	is_str(visit(pc, "198.51.100.1"), "452 " OVER, "a network's own; 452");
	is_str(visit(pc, "198.51.100.0"), "452 " OVER, "ip4 /31");
	is_str(visit(pc, "198.51.100.2"), "", "but no more");
	(void)visit(pc, "198.51.100.129");
	is_str(visit(pc, "198.51.100.129"), "", "the longest network");
	all_go();
	for (i = 0; i < 12; i++)
		(void)visit(pc, "10.1.2.3");
	is_str(fix_outcome, "", "0: any number");
	all_go();
	(void)visit(pc, "2001:db8::1");
	is_str(visit(pc, "2001:db8::2"), "", "ip6 /128");
	is_str(visit(pc, "2001:db8::1"), "452 " OVER, "an address of it");
	all_go();
	fix_conf_free(pc);

	/* A limit for a network leaves the others their default. */
	pc = fix_conf("conncontrol { max 1 for 198.51.100.0/24 log-only }");
	(void)visit(pc, "198.51.100.1");
	(void)fix_logged();
	is_str(visit(pc, "198.51.100.1"), "", "log-only");
	is_str(fix_logged(), "0000000000000abc pass conncontrol log-only "
	    "stage=connect reply=421/4.3.2 text=Too\\x20many\\x20open\\x20"
	    "connections.\n", "is logged");
	all_go();
	fix_conf_free(pc);
}

/* One who has a /48 is one customer, but all of a provider may be in one. */
static void
one_network(void)
{
	struct pass_conf	*pc = fix_conf("conncontrol { max 2 }");
	struct session		*s;
	char			 client[32];
	int			 i;

	for (i = 0; i < 8; i++) {
		snprintf(client, sizeof(client), "2001:db8:7:%x::1", i);
		is_str(visit(pc, client), "", "four times a host's number");
	}
	is_str(visit(pc, "2001:db8:7:ff::1"), "close 421 " OVER,
	    "and no more of one /48");
	is_int(mod_stat("module.conncontrol.over-network"), 1, "counted");
	is_str(visit(pc, "2001:db8:8::1"), "", "the next /48 is another");
	s = open_sessions[nopen++] = fix_session(pc, "2001:db8:7:ff::2");
	s->ms.white = 1;
	is_str(fix_stage(s, STAGE_CONNECT), "", "a white host");
	s = open_sessions[nopen++] = fix_session(pc, "2001:db8:7:fe::1");
	module_vouch(&s->ms);
	is_str(fix_stage(s, STAGE_CONNECT), "",
	    "one that a whitelist of the DNS vouches for");
	is_str(visit(pc, "2001:db8:7:fe::1"), "", "and in its next session");
	all_go();
	for (i = 0; i < 8; i++) {
		snprintf(client, sizeof(client), "198.51.77.%d", i);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "", "when all went, none is counted");
	is_str(visit(pc, "198.51.77.99"), "close 421 " OVER, "a /24 of IPv4");
	all_go();
	fix_conf_free(pc);

	pc = fix_conf("conncontrol { max 2 max 3 for 192.0.0.0/8 network-max 1 "
	    "network ip4 /16 network ip6 /32 }");
	(void)visit(pc, "203.7.1.1");
	is_str(fix_outcome, "", "network-max");
	is_str(visit(pc, "203.7.99.1"), "close 421 " OVER, "of a /16");
	for (i = 0; i < 12; i++) {
		snprintf(client, sizeof(client), "192.7.%d.1", i);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "", "a network with its own number has four times");
	is_str(visit(pc, "192.7.99.1"), "close 421 " OVER, "that");
	all_go();
	fix_conf_free(pc);
	pc = fix_conf("conncontrol { max 1 network-max 0 }");
	for (i = 0; i < 12; i++) {
		snprintf(client, sizeof(client), "192.7.%d.1", i);
		(void)visit(pc, client);
	}
	is_str(fix_outcome, "", "network-max 0: any number");
	all_go();
	fix_conf_free(pc);
}

/* A reload in between: what is open stays counted. */
static void
reload(void)
{
	struct pass_conf	*old = fix_conf("conncontrol { max 0 }");
	struct pass_conf	*pc = fix_conf("conncontrol { max 3 }");
	int			 i;

	for (i = 0; i < 3; i++)
		(void)visit(old, "203.0.113.1");
	is_str(visit(pc, "203.0.113.1"), "close 421 " OVER,
	    "a limit that comes with a reload counts what is open");
	all_go();
	is_str(visit(pc, "203.0.113.1"), "", "nothing is left over");
	all_go();
	fix_conf_free(old);
	fix_conf_free(pc);
}

static void
defaults(void)
{
	struct pass_conf	*pc = fix_conf("conncontrol { max 1 for 10.0.0.1 }");
	int			 i;

	for (i = 0; i < 50; i++)
		(void)visit(pc, "203.0.113.2");
	is_str(fix_outcome, "", "50 by default");
	is_str(visit(pc, "203.0.113.2"), "close 421 " OVER, "and no more");
	all_go();
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	if (chain_open() == -1)
		return (1);
	limits();
	networks();
	one_network();
	reload();
	defaults();
	mod_bad("conncontrol", "max 5 max 6",
	    "max: given twice without a network");
	mod_bad("conncontrol", "max 5 for 10.0.0.0/8 max 6 for 10.0.0.0/8",
	    "max: given twice for the same network");
	mod_bad("conncontrol", "max 1000001",
	    "max: \"1000001\" is not between 0 and 1000000");
	mod_bad("conncontrol", "fold ip4 /33",
	    "fold: must be ip4 / and a length from 0 to 32");
	mod_bad("conncontrol", "fold ip6 64",
	    "fold: must be ip6 / and a length from 0 to 128");
	mod_bad("conncontrol", "reply 421",
	    "reply: \"421\" is none of terminate|tempfail");
	return (done());
}
