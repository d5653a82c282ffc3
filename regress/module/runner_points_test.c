/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/*
 * The runner, with modules that do what the test says: their own header fields,
 * exemptions, events, points and their header field, the teaser of the banner.
 */
#include "regress/lib/runner_fakes.h"

/* Fields that none but a module may write. */
static void
drops(void)
{
	struct pass_conf	*pc = fix_conf("one { } sparing { except "
				    "192.0.2.0/25 }");
	struct session		*s = fix_session(pc, "192.0.2.130");

	ok(run_drops(&s->ms)[0] == sparing_drops[0] &&
	    run_drops(&s->ms)[1] == sparing_drops[1] && run_drops(&s->ms)[2] == NULL,
	    "what a module wants dropped");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.1");
	ok(run_drops(&s->ms)[0] == NULL, "not of hosts that it is not for");
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf("sparing { log-only }");
	s = fix_session(pc, "192.0.2.130");
	ok(run_drops(&s->ms)[0] == NULL, "nor with log-only");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* Whitelisted hosts and postmaster, by a module that spares them. */
static void
sparing(void)
{
	struct pass_conf	*pc = fix_conf("sparing { } light { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.5");

	s->ms.whitelisted = 1;
	reset();
	(void)fix_stage(s, STAGE_CONNECT);
	is_str(trace, "connect:two/5", "whitelisted hosts are spared");
	s->ms.no_scan = 1;
	reset();
	(void)fix_stage(s, STAGE_CONNECT);
	fakes[1].v[STAGE_EOM] = verdict_reject(550, "5.7.1", "no");
	is_str(fix_stage(s, STAGE_EOM), "", "no scan: none looks into it");
	(void)run_event(&s->ms, EVENT_EARLY_TALKER);
	is_str(trace, "", "nor sees the session");
	is_int(light_calls, 2, "the others do, both times");
	s->ms.no_scan = 0;
	reset();
	fakes[1].v[STAGE_EOM] = verdict_reject(550, "5.7.1", "no");
	is_str(fix_stage(s, STAGE_EOM), "550 5.7.1 no",
	    "of other whitelists it is looked into");
	s->ms.whitelisted = 0;
	reset();
	fakes[2].v[STAGE_RCPT] = verdict_reject(550, "5.7.1", "no");
	is_str(fix_stage(s, STAGE_RCPT), "550 5.7.1 no", "a recipient");
	s->ms.rcpt_is_role = 1;
	(void)fix_logged();
	is_str(fix_stage(s, STAGE_RCPT), "", "postmaster is spared");
	is_str(fix_logged(), "0000000000000abc pass sparing spared stage=rcpt "
	    "reply=550/5.7.1 text=no\n", "which is told");
	is_int(stat_of("module.sparing.spared"), 1, "and counted");
	fakes[1].v[STAGE_RCPT] = verdict_reject(550, "5.1.1", "unknown");
	is_str(fix_stage(s, STAGE_RCPT), "550 5.1.1 unknown",
	    "not by a module that does not");
	fakes[2].v[STAGE_EOM] = verdict_reject(550, "5.7.1", "no");
	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		exit(1);
	s->tx->whose = RCPTS_OTHERS;
	is_str(fix_stage(s, STAGE_EOM), "550 5.7.1 no", "a message");
	s->tx->whose = RCPTS_ROLES;
	is_str(fix_stage(s, STAGE_EOM), "", "to postmaster alone is spared");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
events(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct verdict		 v;

	reset();
	v = run_event(&s->ms, EVENT_PIPELINING);
	is_int(v.kind, VERDICT_NEXT, "an event");
	is_str(trace, "event:one/5 event:two/5", "all hear of it");
	fakes[0].v[STAGE_EVENT] = verdict_close(0, 554, "5.5.1", "Talks early");
	fakes[1].v[STAGE_CONNECT] = verdict_delay(5000);
	(void)fix_stage(s, STAGE_CONNECT);
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_str(fix_verdict(&v), "close 554 5.5.1 Talks early", "its answer");
	ok(run_under_way(&s->ms), "comes while a stage is under way");
	is_int((int)s->ms.events, 1 << EVENT_PIPELINING |
	    1 << EVENT_EARLY_TALKER, "all are kept");
	run_cancel(&s->ms);
	fakes[0].v[STAGE_EVENT] = verdict_wait(5000);
	fakes[1].v[STAGE_EVENT] = verdict_delay(5000);
	v = run_event(&s->ms, EVENT_BARE_LF);
	is_int(v.kind, VERDICT_NEXT, "it can neither wait nor delay");
	is_int(fix_armed(), 1, "and nothing is left");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
points(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct buf		 b = { NULL, 0, 0, 0 };
	int			 i;

	reset();
	fakes[0].points[STAGE_CONNECT] = 2500;
	fakes[1].points[STAGE_EVENT] = 1000;
	fakes[2].points[STAGE_MAIL] = -250;
	(void)fix_stage(s, STAGE_CONNECT);
	s->ms.from = "<a@b>";
	(void)run_event(&s->ms, EVENT_BARE_LF);
	(void)fix_stage(s, STAGE_MAIL);
	is_int(run_points(&s->ms), 3250, "the sum");
	is_int(run_over(&s->ms), 0, "below the mark");
	run_new_message(&s->ms);
	is_int(run_points(&s->ms), 3500, "the message's part goes with it");
	module_session_points(&s->ms, &mod_one, 500, "later");
	is_int(run_over(&s->ms), 1, "marked");
	module_points(&s->ms, &mod_two, 6000, "by (a) \"scanner\" | x\r\nEvil");
	is_int(run_over(&s->ms), 2, "refused");
	run_log(&s->ms, &b);
	if (buf_add(&b, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&b), " points=10 one=3 one-why=at\\x20connect,\\x20later"
	    " two=7 two-why=at\\x20event,\\x20by\\x20(a)\\x20\\x22scanner\\x22\\x20\\x7c\\x20"
	    "x\\x0d\\x0aEvil", "in the log");
	buf_free(&b);
	is_int(run_headers(&s->ms, &b), 0, "in the header");
	if (buf_add(&b, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&b),
	    "X-Spamgreyd: score=10 mark=4 reject=10; one=3 (at connect, later);"
	    " two=7 (at\r\n\tevent, by \\x28a\\x29 \\x22scanner\\x22 \\x7c "
	    "x\\x0d\\x0aEvil)\r\n", "each module's part, folded");
	buf_free(&b);
	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		exit(1);
	s->tx->whose = RCPTS_ROLES;
	is_int(run_over(&s->ms), 1, "to postmaster alone: marked only");
	s->tx->whose = RCPTS_OTHERS;
	pc->conf->pass->reject_at = 0;
	is_int(run_over(&s->ms), 1, "reject at never");
	pc->conf->pass->mark_at = 0;
	is_int(run_over(&s->ms), 0, "mark at never");
	for (i = 0; i < 5000; i++)
		module_points(&s->ms, &mod_two, 1000000, "much and more of it");
	is_int(run_points(&s->ms), 1000000 + 3000 + 1000, "a part has its bound");
	is_int(run_headers(&s->ms, &b), 0, "and the header");
	ok(buf_len(&b) < 700, "has its own");
	buf_free(&b);
	run_new_message(&s->ms);
	run_log(&s->ms, &b);
	if (buf_add(&b, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&b), " points=4 one=3 one-why=at\\x20connect,\\x20later"
	    " two=1 two-why=at\\x20event", "the next message");
	buf_free(&b);
	fix_session_free(s);
	fix_conf_free(pc);
}

/* What a refusal tells: no rule, and of the reasons the strongest three. */
static void
reasons(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { } sparing { } "
				    "light { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	char			 text[200], small[12];

	reset();
	s->ms.from = "<a@b>";
	module_points(&s->ms, &mod_one, 500, "weak");
	module_points(&s->ms, &mod_sparing, 1500, "RULE_A");
	module_score(&s->ms, &mod_two, 9000, "RULE_B,RULE_C");
	module_session_points(&s->ms, &mod_light, 4250, "list.example");
	run_reasons(&s->ms, text, sizeof(text));
	is_str(text, "15.25 points, limit 10 (content 9, light 4.25, "
	    "sparing 1.5)", "the strongest three reasons in a refusal");
	run_new_message(&s->ms);
	module_session_points(&s->ms, &mod_light, -8250, "good.example");
	module_score(&s->ms, &mod_two, 11000, "RULE_B");
	run_reasons(&s->ms, text, sizeof(text));
	is_str(text, "11 points, limit 10 (content 11)",
	    "a score that was enough by itself");
	run_reasons(&s->ms, small, sizeof(small));
	is_str(small, "11 points, ", "no more than there is room for");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
teaser(void)
{
	struct pass_conf	*pc = fix_conf("one { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int			 before;

	reset();
	module_teaser(&s->ms, "hello");
	is_str(fix_said(), "", "no teaser outside of BANNER");
	fakes[0].v[STAGE_BANNER] = verdict_delay(1000);
	(void)fix_stage(s, STAGE_BANNER);
	module_teaser(&s->ms, "hello");
	is_str(fix_said(), "220-hello\r\n", "a line before the banner");
	before = fakes[0].ticks;
	fix_pass(3000);
	ok(fakes[0].ticks > before, "the modules tick");
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	drops();
	sparing();
	events();
	points();
	reasons();
	teaser();
	return (done());
}
