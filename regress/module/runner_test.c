/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/*
 * The runner, with modules that do what the test says: order, waiting, errors,
 * delays, log-only, except.
 */
#include <sys/mman.h>

#include <unistd.h>

#include "regress/lib/runner_fakes.h"

static void
order(void)
{
	struct pass_conf	*pc;
	struct session		*s;

	reset();
	pc = fix_conf("two { size 2 } one { } bare { log-only } sparing { }");
	s = fix_session(pc, "192.0.2.1");
	is_int(chain_any(pc->chain), 1, "there are modules");
	is_str(fix_stage(s, STAGE_CONNECT), "", "nothing against it");
	is_str(trace, "connect:two/2 connect:one/5 connect:sparing/5",
	    "asked in the order of the file, with settings and defaults");
	ok(!run_under_way(&s->ms), "no stage is under way");
	reset();
	fakes[1].v[STAGE_CONNECT] = verdict_close(5000, 421, "4.3.2", "Too %s",
	    "many");
	is_str(fix_stage(s, STAGE_CONNECT), "close 421 4.3.2 Too many",
	    "the first refusal");
	is_str(trace, "connect:two/2", "ends the round");
	is_str(fix_logged(), "0000000000000abc pass two stage=connect "
	    "reply=421/4.3.2 text=Too\\x20many\n", "it is logged");
	is_str(fix_stage(s, STAGE_HELO), "", "a stage without hooks");
	reset();
	fix_session_free(s);
	is_str(trace, "close:two/2 forget:two/0 close:one/5 forget:one/0 "
	    "close:sparing/5 forget:sparing/0", "the end is told");
	is_int(stat_of("module.two.calls"), 3, "calls are counted");
	is_int(stat_of("module.two.closed"), 1, "refusals are counted");
	is_int(stat_of("module.one.apples"), 0, "a counter of its own");
	module_count(&mod_one, 1);
	module_count(&mod_one, 77);
	is_int(stat_of("module.one.pears"), 1, "counts");
	fix_conf_free(pc);
	pc = fix_conf("");
	s = fix_session(pc, "192.0.2.1");
	is_int(chain_any(pc->chain), 0, "there are none");
	is_str(fix_stage(s, STAGE_EOM), "", "no module, no objection");
	is_int(run_over(&s->ms), 0, "nor points");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
waiting(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { }");
	struct session		*s = fix_session(pc, "192.0.2.1");

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	ok(fix_stage(s, STAGE_CONNECT) == NULL, "a module waits");
	is_str(trace, "connect:one/5", "and the others with it");
	ok(run_under_way(&s->ms), "the stage is under way");
	fix_pass(2999);
	ok(fix_outcome == NULL, "until its time");
	module_resume(s->ms.key, &mod_two, verdict_reject(550, "5.0.0", "no"));
	fix_pass(0);
	ok(fix_outcome == NULL, "another module's answer is not its");
	module_resume(s->ms.key, &mod_one, verdict_next());
	ok(fix_outcome == NULL, "nothing happens inside of module_resume");
	is_int(fix_settled, 0, "nothing at all");
	fix_turn();
	is_str(fix_outcome, "", "then it goes on");
	is_str(trace, IDLE, "with the others");
	is_int(fix_settled, 1, "and the session is settled");
	module_resume(s->ms.key, &mod_one, verdict_reject(550, "5.0.0", "no"));
	is_int(fix_turn(), 0, "an answer that nobody waits for is nothing");

	reset();
	ok(fix_stage(s, STAGE_MAIL) != NULL, "the next stage");
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	ok(fix_stage(s, STAGE_CONNECT) == NULL, "it waits again");
	module_resume(s->ms.key, &mod_one, verdict_reject(550, "5.7.1", "no"));
	fix_turn();
	is_str(fix_outcome, "550 5.7.1 no", "refused later");

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	fakes[0].resume_inside = 1;
	is_str(fix_stage(s, STAGE_CONNECT), "550 5.7.1 too quick",
	    "an answer from inside the hook is not lost");
	is_str(strchr(fix_logged(), '\n') == NULL ? "" : "lines", "lines",
	    "it is told of");
	fakes[0].v[STAGE_CONNECT] = verdict_next();
	is_str(fix_stage(s, STAGE_CONNECT), "", "without a WAIT it is nothing");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* Who does not answer in time. */
static void
late(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { }");
	struct session		*s = fix_session(pc, "192.0.2.1");

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	fakes[1].v[STAGE_CONNECT] = verdict_wait(1000);
	ok(fix_stage(s, STAGE_CONNECT) == NULL, "no answer");
	fix_pass(3000);
	ok(fix_outcome == NULL, "on-error accept: on to the next");
	is_str(trace, "connect:one/5 forget:one/0 connect:two/5",
	    "the module is told that nobody waits");
	fix_pass(1000);
	is_str(fix_outcome, "451 4.3.0 Mail scanning is temporarily "
	    "unavailable; please try again later", "on-error tempfail");
	is_str(fix_logged(), "0000000000000abc pass one error=no-answer-in-time "
	    "stage=connect on-error=accept\n0000000000000abc pass two "
	    "error=no-answer-in-time stage=connect on-error=tempfail\n"
	    "0000000000000abc pass two stage=connect reply=451/4.3.0 text="
	    "Mail\\x20scanning\\x20is\\x20temporarily\\x20unavailable;"
	    "\\x20please\\x20try\\x20again\\x20later\n",
	    "both are logged");

	reset();
	fakes[2].v[STAGE_CONNECT] = verdict_wait(1000);
	ok(fix_stage(s, STAGE_CONNECT) == NULL, "no answer");
	is_int(run_over(&s->ms), 0, "not marked");
	fix_pass(1000);
	is_str(fix_outcome, "", "on-error mark: goes on");
	is_int(run_over(&s->ms), 1, "and is marked");
	run_new_message(&s->ms);
	is_int(run_over(&s->ms), 1, "for the session");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* Answers that nobody waits for any more. */
static void
cancelled(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { }");
	struct session		*s = fix_session(pc, "192.0.2.1"), *t;
	uint64_t		 key;

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	(void)fix_stage(s, STAGE_CONNECT);
	module_resume(s->ms.key, &mod_one, verdict_next());
	run_cancel(&s->ms);
	is_str(trace, "connect:one/5 forget:one/0", "a stage is cancelled");
	fix_pass(5000);
	ok(fix_outcome == NULL && !run_under_way(&s->ms), "nothing comes of it");

	reset();
	t = fix_session(pc, "192.0.2.2");
	fakes[0].v[STAGE_CONNECT] = verdict_wait(3000);
	(void)fix_stage(t, STAGE_CONNECT);
	key = t->ms.key;
	module_resume(key, &mod_one, verdict_next());
	fix_session_free(t);
	ok(module_session(key) == NULL, "a session that is gone");
	module_resume(key, &mod_one, verdict_next());
	is_int(fix_turn(), 0, "has no answers");
	ok(module_session(s->ms.key) == &s->ms, "one that is there");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
delays(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int64_t			 start = fix_now;

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_delay(5000);
	fakes[1].v[STAGE_CONNECT] = verdict_delay(2000);
	ok(fix_stage(s, STAGE_CONNECT) == NULL, "a delay");
	module_resume(s->ms.key, &mod_one, verdict_next());
	fix_pass(10000);
	is_str(fix_outcome, "", "is over at last");
	is_int(fix_outcome_at - start, 7000, "after the sum of both");
	is_str(trace, "connect:one/5 connect:two/5", "both were asked");
	reset();
	start = fix_now;
	fakes[0].v[STAGE_CONNECT] = verdict_wait(5000);
	(void)fix_stage(s, STAGE_CONNECT);
	module_resume(s->ms.key, &mod_one, verdict_delay(3000));
	fix_pass(10000);
	is_int(fix_outcome_at - start, 3000, "an answer may be a delay");
	is_int(verdict_delay(INT64_MAX).ms, 300000, "five minutes at most");
	is_int(verdict_delay(0).kind, VERDICT_NEXT, "no delay is none");
	reset();
	is_str(fix_stage(s, STAGE_BANNER), "", "a banner");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
side_by_side(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int64_t			 start = fix_now;

	reset();
	fakes[0].v[STAGE_EOM] = verdict_wait(30000);
	fakes[1].v[STAGE_EOM] = verdict_wait(40000);
	fakes[2].v[STAGE_EOM] = verdict_delay(1000);
	ok(fix_stage(s, STAGE_EOM) == NULL, "the end of a message");
	is_str(trace, "eom:one/5 eom:two/5 eom:sparing/5", "all at once");
	fix_pass(2000);
	module_resume(s->ms.key, &mod_two, verdict_next());
	fix_pass(2000);
	ok(fix_outcome == NULL, "all are waited for");
	module_resume(s->ms.key, &mod_one, verdict_next());
	fix_turn();
	is_str(fix_outcome, "", "the last one ends it");
	is_int(fix_now - start, 4000, "as long as the slowest took");

	reset();
	fakes[0].v[STAGE_EOM] = verdict_wait(30000);
	fakes[1].v[STAGE_EOM] = verdict_wait(40000);
	(void)fix_stage(s, STAGE_EOM);
	module_resume(s->ms.key, &mod_two, verdict_reject(554, "5.7.1",
	    "Virus"));
	fix_turn();
	is_str(fix_outcome, "554 5.7.1 Virus", "the first refusal ends it");
	is_str(trace, "eom:one/5 eom:two/5 eom:sparing/5 forget:one/0",
	    "the others are told");

	reset();
	fakes[0].v[STAGE_EOM] = verdict_wait(30000);
	fakes[1].v[STAGE_EOM] = verdict_reject(554, "5.7.1", "At once");
	is_str(fix_stage(s, STAGE_EOM), "554 5.7.1 At once", "one at once");
	is_str(trace, "eom:one/5 eom:two/5 forget:one/0",
	    "the later ones are not even asked");

	reset();
	pc->conf->pass->scan = 10;
	start = fix_now;
	fakes[0].v[STAGE_EOM] = verdict_wait(30000);
	fakes[2].v[STAGE_EOM] = verdict_delay(30000);
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(60000);
	is_str(fix_outcome, "", "the scan budget ends");
	is_int(fix_outcome_at - start, 10000, "in its time");
	is_int(fix_armed(), 1, "no timer but the tick is left");
	reset();
	fakes[1].v[STAGE_EOM] = verdict_wait(5000);
	fakes[2].v[STAGE_EOM] = verdict_wait(8000);
	s->ms.from = "<a@b>";
	start = fix_now;
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(60000);
	is_int(fix_outcome_at - start, 5000, "each has its own deadline");
	fakes[1].v[STAGE_EOM] = verdict_next();
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(60000);
	is_int(run_over(&s->ms), 1, "an error marks the message");
	run_new_message(&s->ms);
	is_int(run_over(&s->ms), 0, "and not the next one");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
log_only(void)
{
	struct pass_conf	*pc = fix_conf("one { log-only } "
				    "two { log-only on-error tempfail }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int64_t			 start = fix_now;

	reset();
	fakes[0].v[STAGE_CONNECT] = verdict_delay(5000);
	fakes[1].v[STAGE_CONNECT] = verdict_reject(554, "5.7.1", "No %s",
	    "way\r\n250 ok\x80");
	is_str(fix_stage(s, STAGE_CONNECT), "", "log-only: nothing is done");
	is_str(fix_logged(), "0000000000000abc pass one log-only stage=connect "
	    "delay=5000ms\n0000000000000abc pass two log-only stage=connect "
	    "reply=554/5.7.1 text=No\\x20way??250\\x20ok?\n",
	    "but told; a reply's text is one line of ASCII");
	is_int(fix_now - start, 0, "nor was there a delay");
	fakes[0].points[STAGE_MAIL] = 20000;
	is_str(fix_stage(s, STAGE_MAIL), "", "points");
	is_int(run_points(&s->ms), 0, "do not count");
	is_str(fix_logged(), "0000000000000abc pass one log-only points=20 "
	    "reason=at\\x20mail\n", "but are told");
	module_event(&s->ms, &mod_one, EVENT_SPAM);
	is_int(fix_stored[EVENT_SPAM], 0, "no event");
	is_int(stat_of("module.one.log-only"), 3, "counted");
	fakes[1].v[STAGE_EOM] = verdict_wait(1000);
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(1000);
	is_str(fix_outcome, "", "its errors are no matter");
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("one { } two { log-only }");
	s = fix_session(pc, "192.0.2.1");
	module_event(&s->ms, &mod_one, EVENT_SPAM);
	is_int(fix_stored[EVENT_SPAM], 1, "an event goes to the store");
	module_event(&s->ms, &mod_sparing, EVENT_SPAM);
	is_int(fix_stored[EVENT_SPAM], 1, "of a module that is there");
	ok(module_data(&s->ms, &mod_sparing) == NULL, "which has data then");
	is_int(run_vouched(&s->ms), 0, "nobody vouches");
	module_vouch(&s->ms);
	is_int(run_vouched(&s->ms), 1, "somebody does");
	module_log(&s->ms, &mod_one, "seen %d", 5);
	is_str(strstr(fix_logged(), "pass one seen 5") == NULL ? "" : "there",
	    "there", "a line of its own");
	fix_session_free(s);
	fix_conf_free(pc);
}

static int
list_fd(const char *network)
{
	struct addrset_build	*b[2] = { NULL, addrset_build_new() };
	struct prefix		 p;
	int			 fd = memfd_create("set", 0);

	if (b[1] == NULL || fd == -1 || prefix_parse(network, &p) == -1 ||
	    addrset_build_add(b[1], &p) == -1 ||
	    addrset_write(fd, b, 2) == -1)
		exit(1);
	addrset_build_free(b[1]);
	return (fd);
}

static void
exceptions(void)
{
	static char		 name[] = "ours", other[] = "other";
	struct conf_list	 lists[2];
	struct pass_conf	*pc;
	struct session		*s;
	int			 fd = list_fd("198.51.100.0/24");

	reset();
	memset(lists, 0, sizeof(lists));
	lists[0].name = other;
	lists[1].name = name;
	lists[1].index = 1;
	pc = fix_conf("one { except { 192.0.2.0/25, ours } } two { except "
	    "2001:db8::/32 }");
	pc->conf->set = addrset_map(fd);
	TAILQ_INSERT_TAIL(&pc->conf->lists, &lists[0], entry);
	TAILQ_INSERT_TAIL(&pc->conf->lists, &lists[1], entry);
	s = fix_session(pc, "192.0.2.5");
	(void)fix_stage(s, STAGE_CONNECT);
	run_event(&s->ms, EVENT_EARLY_TALKER);
	fix_session_free(s);
	is_str(trace, "connect:two/5 event:two/5 close:two/5 forget:two/0",
	    "except a network");
	reset();
	s = fix_session(pc, "198.51.100.7");
	(void)fix_stage(s, STAGE_CONNECT);
	is_str(trace, "connect:two/5", "except a list");
	fix_session_free(s);
	reset();
	s = fix_session(pc, "192.0.2.130");
	(void)fix_stage(s, STAGE_CONNECT);
	is_str(trace, "connect:one/5 connect:two/5", "nobody else");
	fix_session_free(s);
	reset();
	s = fix_session(pc, "2001:db8::1");
	(void)fix_stage(s, STAGE_CONNECT);
	is_str(trace, "connect:one/5", "except an IPv6 network");
	fix_session_free(s);
	addrset_unmap(pc->conf->set);
	pc->conf->set = NULL;
	close(fd);
	chain_free(pc->chain);
	TAILQ_INIT(&pc->conf->lists);
	pc->chain = chain_new(pc->conf);
	ok(pc->chain == NULL, "a list that is not there");
	is_str(fix_logged(), "module one: except: unknown list \"ours\"\n",
	    "is said");
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	order();
	waiting();
	late();
	cancelled();
	delays();
	side_by_side();
	log_only();
	exceptions();
	return (done());
}
