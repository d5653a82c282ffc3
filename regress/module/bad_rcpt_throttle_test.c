/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* bad_rcpt_throttle: which clients are delayed, for how long, and which are
 * disconnected. */
#include "regress/lib/module_fixture.h"

#define AWAY	"close 421 4.7.0 Too many bad recipients; closing connection"

extern const struct module mod_bad_rcpt_throttle;
const struct module *const modules[] = { &mod_bad_rcpt_throttle, NULL };

/* One RCPT and the MTA's answer: how long it waited, or -1: sent away. */
static int64_t
rcpt(struct session *s, int code)
{
	const char	*said = mod_rcpt(s, "<x@example.org>");
	int64_t		 waited = 0;

	if (said == NULL) {
		waited = mod_waits();
		said = fix_outcome;
	}
	if (said == NULL || *said != '\0')
		return (said != NULL && strcmp(said, AWAY) == 0 ? -1 : -2);
	(void)mod_answer(s, code);
	return (waited);
}

static void
session(void)
{
	struct pass_conf	*pc = fix_conf("bad_rcpt_throttle { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int64_t			 sum = 0;
	int			 i;

	is_int(rcpt(s, 250), 0, "good");
	is_int(rcpt(s, 450), 0, "put off by the MTA");
	is_int(rcpt(s, 550), 0, "the first bad one");
	is_int(fix_stored[EVENT_DICTIONARY], 1, "is an event");
	is_int(rcpt(s, 250), 1000, "the next one waits 1s");
	(void)mod_mail(s, "<another@example.com>");
	is_int(rcpt(s, 250), 1000, "in the next transaction too");
	is_int(fix_stored[EVENT_DICTIONARY], 1, "good ones are no event");
	for (i = 0; i < 23; i++)
		sum += rcpt(s, 550);
	is_int(sum, 23000, "each of 23 bad ones waits");
	is_int(rcpt(s, 550), 1000, "the 25th bad one");
	is_int(rcpt(s, 250), -1, "then it is sent away");
	s->ms.rcpt_is_role = 1;
	is_int(rcpt(s, 250), 0, "but postmaster has mail");
	fix_session_free(s);
	is_int(fix_stored[EVENT_DICTIONARY], 25, "25 events");
	is_int(mod_stat("module.bad_rcpt_throttle.bad"), 25, "counted");
	is_int(mod_stat("module.bad_rcpt_throttle.shutdown"), 2, "counted");
	ok(strstr(fix_logged(), "bad_rcpt_throttle throttled bad=1 "
	    "host-bad=1 host-good=1\n") != NULL, "logged");
	fix_conf_free(pc);
	/* Another configuration: the host's count stays. */
	pc = fix_conf("bad_rcpt_throttle { shutdown no client no after 2 "
	    "delay 20s }");
	s = fix_session(pc, "192.0.2.1");
	is_int(rcpt(s, 550) + rcpt(s, 550), 0, "after 2");
	is_int(rcpt(s, 250), 20000, "20s");
	is_int(rcpt(s, 250), 20000, "20s");
	is_int(rcpt(s, 250), 20000, "20s");
	is_int(rcpt(s, 250), 0, "60s in a session");
	for (sum = i = 0; i < 100; i++)
		sum += rcpt(s, 550);
	is_int(sum, 0, "and no shutdown");
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf("bad_rcpt_throttle { at-most 2500ms }");
	s = fix_session(pc, "192.0.2.77");
	(void)rcpt(s, 550);
	is_int(rcpt(s, 250) + rcpt(s, 250) + rcpt(s, 250) + rcpt(s, 250),
	    2500, "at most that in all");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* One recipient a connection: the host is known all the same. */
static int64_t
one(struct pass_conf *pc, const char *client, int code)
{
	struct session	*s = fix_session(pc, client);
	int64_t		 waited = rcpt(s, code);

	fix_session_free(s);
	return (waited);
}

static void
host(void)
{
	struct pass_conf	*pc = fix_conf("bad_rcpt_throttle { }");
	int64_t			 sum = 0;
	int			 i;

	for (i = 0; i < 10; i++)
		sum += one(pc, "198.51.100.1", 550);
	is_int(sum, 0, "ten bad ones in ten connections");
	is_int(one(pc, "198.51.100.1", 550), 1000, "the host waits now");
	is_int(one(pc, "198.51.100.2", 250), 0, "its neighbour does not");
	for (i = 0; i < 14; i++)
		(void)one(pc, "198.51.100.1", 550);
	is_int(one(pc, "198.51.100.1", 250), -1, "25: sent away");
	fix_pass(3600000);
	fix_pass(300000);
	is_int(one(pc, "198.51.100.1", 250), 0, "an hour later it is forgotten");
	/* Much mail, and some of it for who left: not half of it is bad. */
	for (sum = i = 0; i < 200; i++)
		sum += one(pc, "198.51.100.9", i % 3 == 1 ? 550 : 250);
	is_int(sum, 0, "a large sender with a third of bad ones");
	fix_conf_free(pc);

	pc = fix_conf("bad_rcpt_throttle { client after 3 in 10m of bad 100% "
	    "shutdown after 5 of bad 80% fold ip6 /48 }");
	(void)one(pc, "2001:db8::1", 550);
	(void)one(pc, "2001:db8::1", 550);
	(void)one(pc, "2001:db8:0:2::1", 550);
	is_int(one(pc, "2001:db8:0:1::1", 250), 1000, "ip6 /48");
	is_int(one(pc, "2001:db8::1", 550), 0, "one good one is enough");
	fix_conf_free(pc);
}

static void
spared(void)
{
	struct pass_conf	*pc = fix_conf("bad_rcpt_throttle { }");
	struct session		*s = fix_session(pc, "203.0.113.1");
	unsigned int		 before = fix_stored[EVENT_DICTIONARY];
	int64_t			 sum = 0;
	int			 i;

	s->ms.whitelisted = 1;
	for (i = 0; i < 40; i++)
		sum += rcpt(s, 550);
	is_int(sum, 0, "whitelisted: nothing");
	is_int(fix_stored[EVENT_DICTIONARY], before, "and no events");
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("bad_rcpt_throttle { shutdown after 10 of bad 60% }");
	s = fix_session(pc, "203.0.113.2");
	for (i = 0; i < 20; i++)
		sum += rcpt(s, i % 2 ? 250 : 550);
	is_int(rcpt(s, 250) < 0, 0, "of bad 60%: half is not enough");
	for (i = 0; i < 12; i++)
		(void)rcpt(s, 550);
	is_int(rcpt(s, 250), -1, "more is");
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	if (chain_open() == -1)
		return (1);
	session();
	host();
	spared();
	mod_bad("bad_rcpt_throttle", "after 0 delay 1s",
	    "after: \"0\" is not between 1 and 1000000");
	mod_bad("bad_rcpt_throttle", "after 1 delay 2m",
	    "after: the delay must be at most 60s");
	mod_bad("bad_rcpt_throttle", "shutdown after 5 of bad 101%",
	    "shutdown: the share of bad recipients must be from 1% to 100%");
	mod_bad("bad_rcpt_throttle", "shutdown after 5 of bad half",
	    "shutdown: the share of bad recipients must be from 1% to 100%");
	mod_bad("bad_rcpt_throttle", "client after 5 in 2d",
	    "client: the time must be between 1m and 1d");
	mod_bad("bad_rcpt_throttle", "at-most 5m",
	    "at-most: \"5m\" is not between 0s and 4m");
	return (done());
}
