/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* greet_pause: the pause, clients without one, clients that talk in it, and
 * known clients. */
#include "regress/lib/runner_fixture.h"

extern const struct module mod_greet_pause;
const struct module *const modules[] = { &mod_greet_pause, NULL };

/* How long a new connection of that host waits for its banner, in ms; then it
 * says HELO, and goes. */
static int64_t
visit(struct pass_conf *pc, const char *client)
{
	struct session	*s = fix_session(pc, client);
	int64_t		 start = fix_now, waited;

	if (fix_stage(s, STAGE_BANNER) == NULL)
		fix_pass(400000);
	waited = fix_outcome_at - start;
	ok(fix_outcome != NULL && *fix_outcome == '\0', "the banner");
	(void)fix_stage(s, STAGE_HELO);
	fix_session_free(s);
	return (waited);
}

static void
waits(void)
{
	struct pass_conf	*pc = fix_conf("greet_pause { }");
	struct session		*s;

	is_int(visit(pc, "192.0.2.1"), 5000, "5s by default");
	is_int(visit(pc, "192.0.2.1"), 0, "then it is known");
	is_int(visit(pc, "192.0.2.2"), 5000, "its neighbour is not");
	is_int(visit(pc, "2001:db8::1"), 5000, "IPv6");
	is_int(visit(pc, "2001:db8::2"), 0, "is known by its /64");
	fix_pass(INT64_C(23) * 3600 * 1000);
	is_int(visit(pc, "192.0.2.1"), 0, "for a day");
	fix_pass(INT64_C(3600) * 1000);
	is_int(visit(pc, "192.0.2.1"), 5000, "and no longer");
	/* Who goes during the pause has not waited. */
	s = fix_session(pc, "192.0.2.9");
	ok(fix_stage(s, STAGE_BANNER) == NULL, "a pause");
	fix_pass(2000);
	fix_session_free(s);
	is_int(visit(pc, "192.0.2.9"), 5000, "was broken off: no credit");
	s = fix_session(pc, "192.0.2.10");
	s->ms.handed = 1;
	is_str(fix_stage(s, STAGE_BANNER), "", "nothing after a hand-over");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.10");
	s->ms.whitelisted = 1;
	is_str(fix_stage(s, STAGE_BANNER), "", "nor for the whitelisted");
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("greet_pause { wait 10s wait 0s for 198.51.100.0/24\n"
	    "wait 20s for 198.51.100.128/25 wait 1s for 2001:db8::/32\n"
	    "remember no }");
	is_int(visit(pc, "192.0.2.1"), 10000, "a wait of its own");
	is_int(visit(pc, "192.0.2.1"), 10000, "and nobody is known");
	is_int(visit(pc, "198.51.100.1"), 0, "0s: none");
	is_int(visit(pc, "198.51.100.129"), 20000, "the longest network");
	is_int(visit(pc, "2001:db8::5"), 1000, "an IPv6 network");
	is_int(visit(pc, "203.0.113.1"), 10000, "and none of them");
	fix_conf_free(pc);

	pc = fix_conf("greet_pause { wait 1s for 198.51.100.0/24 }");
	is_int(visit(pc, "203.0.113.77"), 5000,
	    "a wait for a network leaves the others theirs");
	fix_conf_free(pc);
}

static void
talkers(void)
{
	struct pass_conf	*pc = fix_conf("greet_pause { }");
	struct session		*s = fix_session(pc, "192.0.2.40");
	struct verdict		 v;

	ok(fix_stage(s, STAGE_BANNER) == NULL, "a pause");
	fix_pass(1500);
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_str(fix_verdict(&v), "close 554 5.5.1 Protocol error: data "
	    "received before the greeting", "who talks is refused");
	run_cancel(&s->ms);
	fix_session_free(s);
	is_int(visit(pc, "192.0.2.40"), 5000, "and has not waited");
	s = fix_session(pc, "192.0.2.41");
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_CLOSE, "before the pause has begun, too");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.41");
	s->ms.handed = 1;
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "but not after a hand-over");
	fix_session_free(s);
	is_int(visit(pc, "192.0.2.41"), 5000, "it waits once");
	s = fix_session(pc, "192.0.2.41");
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "nor of who is known");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.45");
	(void)fix_stage(s, STAGE_BANNER);
	v = run_event(&s->ms, EVENT_PIPELINING);
	is_int(v.kind, VERDICT_NEXT, "other events are not its matter");
	run_cancel(&s->ms);
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("greet_pause { wait 0s for 192.0.2.41 }");
	s = fix_session(pc, "192.0.2.41");
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "nor who need not wait");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* What else becomes of them. */
static void
talkers_go_on(void)
{
	struct pass_conf	*pc;
	struct session		*s;
	struct verdict		 v;

	pc = fix_conf("greet_pause { on-talk points 2.5 }");
	s = fix_session(pc, "192.0.2.42");
	(void)fix_stage(s, STAGE_BANNER);
	fix_pass(1500);
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "points: it goes on");
	(void)run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(run_points(&s->ms), 2500, "points, once");
	fix_pass(5000);
	is_str(fix_outcome, "", "the banner comes");
	(void)fix_stage(s, STAGE_HELO);
	fix_session_free(s);
	is_int(visit(pc, "192.0.2.42"), 5000, "it is not remembered");
	fix_conf_free(pc);

	pc = fix_conf("greet_pause { on-talk log teaser \"please wait\" }");
	s = fix_session(pc, "192.0.2.43");
	(void)fix_stage(s, STAGE_BANNER);
	is_str(fix_said(), "220-mx.example.org please wait\r\n", "a teaser");
	fix_pass(1500);
	(void)fix_logged();
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "log: it goes on");
	is_str(fix_logged(), "0000000000000abc pass greet_pause early-talker "
	    "after=1500ms\n", "and is logged");
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("greet_pause { log-only teaser \"wait\" }");
	s = fix_session(pc, "192.0.2.44");
	is_str(fix_stage(s, STAGE_BANNER), "", "log-only: no pause");
	is_str(fix_said(), "", "no teaser");
	(void)fix_stage(s, STAGE_HELO);
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf("greet_pause { }");
	is_int(visit(pc, "192.0.2.44"), 5000, "and nobody has waited");
	fix_conf_free(pc);
}

/* More hosts than are remembered: the oldest goes. */
static void
bounded(void)
{
	struct pass_conf	*pc = fix_conf("greet_pause { wait 1s }");
	struct session		*s;
	char			 client[32];
	int			 i;

	for (i = 0; i < 66000; i++) {
		snprintf(client, sizeof(client), "10.%d.%d.%d", i >> 16,
		    i >> 8 & 255, i & 255);
		s = fix_session(pc, client);
		(void)fix_stage(s, STAGE_BANNER);
		fix_now += 1000;
		clock_fake(1700000000 + fix_now / 1000, fix_now);
		while (fix_turn() > 0)
			;
		(void)fix_stage(s, STAGE_HELO);
		fix_session_free(s);
	}
	is_int(visit(pc, "10.1.1.207"), 0, "the newest is known");
	is_int(visit(pc, "10.0.0.0"), 1000, "the oldest is forgotten");
	fix_conf_free(pc);
}

static struct buf	said;
static void
report(const char *line, void *arg)
{
	(void)arg;
	if (buf_printf(&said, "%s\n", line) == -1)
		exit(1);
}

static void
bad(const char *block, const char *want)
{
	struct conf_module	*m = words_module("greet_pause", block);

	is_int(conf_module_split_all(m, report, NULL), -1, block);
	if (buf_add(&said, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&said), want, "what is said");
	buf_free(&said);
	words_free(m);
}

static void
errors(void)
{
	bad("wait 6m", "file:1: module greet_pause: wait: \"6m\" is not "
	    "between 0s and 5m\n");
	bad("wait 1s wait 2s", "file:1: module greet_pause: wait: given twice "
	    "without a network\n");
	bad("on-talk points", "file:1: module greet_pause: on-talk: must be "
	    "reject, points and their number, or log\n");
	bad("on-talk reject 5", "file:1: module greet_pause: on-talk: must be "
	    "reject, points and their number, or log\n");
	bad("teaser \"\"", "file:1: module greet_pause: teaser: must be "
	    "between 1 and 200 characters of printable ASCII\n");
}

int
main(void)
{
	fix_init();
	if (chain_open() == -1)
		return (1);
	waits();
	talkers();
	talkers_go_on();
	errors();
	bounded();
	return (done());
}
