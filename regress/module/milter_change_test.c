/* LINK: spamgreyd/modules/milter spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * Changes by filters: by a single one, and by several in a chain, where each
 * sees the changes of those before it.
 */
#include "regress/lib/milter_fixture.h"

const struct module *const modules[] = { &mod_milter, NULL };

static void
test_changes(void)
{
	static const char *const	all[] = {
		"E:hX-Added\\x00one\\x0a\\x09two\\x00|"
		"i\\x00\\x00\\x00\\x01X-First\\x00f\\x00|"
		"m\\x00\\x00\\x00\\x01Subject\\x00new\\x00|"
		"m\\x00\\x00\\x00\\x01X-A\\x00\\x00|"
		"bother |bbody\\x0d\\x0a|p|+<d@example.org>\\x00|"
		"2e@example.org\\x00NOTIFY=NEVER\\x00|-<b@example.org>\\x00|"
		"e<x@example.net>\\x00|c", NULL };
	static const char *const	then[] = { "E:hX\\x00y\\x00|r", NULL };
	static const char *const	few[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00",
		"E:m\\x00\\x00\\x00\\x01Subject\\x00new\\x00|c", NULL };
	static const char *const	bad[] = { "E:hX Y\\x00y\\x00|c", NULL };
	const struct envelope		*e;

	begin("", all);
	is_str(up_to(STAGE_EOM), "", "changes");
	is_str(edited(), "X-First: f\r\nSubject: new\r\n"
	    "X-Added: one\r\n\ttwo\r\n\r\nother body\r\n", "the message");
	e = run_envelope(&s->ms, 0);
	ok(e != NULL && e->kind == ENV_ADD &&
	    strcmp(e->path, "<d@example.org>") == 0, "a recipient more");
	e = run_envelope(&s->ms, 1);
	ok(e != NULL && e->kind == ENV_ADD &&
	    strcmp(e->params, "NOTIFY=NEVER") == 0, "and with parameters");
	e = run_envelope(&s->ms, 2);
	ok(e != NULL && e->kind == ENV_DELETE, "one less");
	e = run_envelope(&s->ms, 3);
	ok(e != NULL && e->kind == ENV_FROM &&
	    strcmp(e->path, "<x@example.net>") == 0, "another sender");
	end();
	begin("", then);
	is_str(up_to(STAGE_EOM), "550 5.7.1 Command rejected", "refused after "
	    "changes");
	end();
	begin("", few);
	is_str(up_to(STAGE_EOM), BROKEN, "what it has not said it would do");
	end();
	begin("on-error accept", bad);
	is_str(up_to(STAGE_EOM), "", "no name of a header: an error");
	is_str(edited(), "nothing", "and nothing of it is done");
	end();
	begin("", (const char *const []){ "E:qwhy so\\x07\\x00|c", NULL });
	is_str(up_to(STAGE_EOM), "550 5.7.1 The message was rejected by a "
	    "filter: "
	    "why so?", "quarantine");
	end();
	begin("quarantine tempfail", (const char *const []){
	    "E:qwhy\\x00|a", NULL });
	is_str(up_to(STAGE_EOM), "451 4.7.1 The message cannot be accepted "
	    "now: "
	    "why", "quarantine tempfail");
	is_int(mod_stat("module.milter.held"), 2, "counted");
	end();
}

/* --- in a row */

static struct filter	*const second = &filters[1];

/* The loop, until that filter has heard it. */
static void
until(struct filter *f, const char *what)
{
	while (buf_len(&f->heard) == 0 || memmem(buf_ptr(&f->heard),
	    buf_len(&f->heard), what, strlen(what)) == NULL)
		if (event_base_loop(fix_base, EVLOOP_ONCE) != 0)
			abort();
}

/* What it has heard of the message, from its header on. */
static const char *
from_header(const char *heard)
{
	const char	*p = strstr(heard, " L");

	return (p == NULL ? "" : p + 1);
}

static void
test_row(void)
{
	static const char *const	one[] = {
		"E:i\\x00\\x00\\x00\\x01" "Auth\\x00good\\x00|hX-End\\x00e\\x00|"
		"m\\x00\\x00\\x00\\x01Subject\\x00new\\x00|"
		"m\\x00\\x00\\x00\\x01X-A\\x00\\x00|bother\\x0d\\x0a|c", NULL };
	static const char *const	two[] = {
		"E:i\\x00\\x00\\x00\\x01" "Auth\\x00more\\x00|"
		"m\\x00\\x00\\x00\\x01X-End\\x00\\x00|"
		"m\\x00\\x00\\x00\\x01" "Auth\\x00" "better\\x00|c", NULL };

	begin("", one);
	chain(1, "second", "", two);
	is_str(up_to(STAGE_EOM), "", "two in a row");
	ok(strstr(told_to(filter), "LSubject/x\\0a\\09y/ LX-A/\\20two/") !=
	    NULL, "the first sees the message as it came");
	is_str(from_header(told_to(second)), "LAuth/good/ LSubject/new/ "
	    "LX-End/e/ DNi/0000000000000abc-1/{nrcpts}/0/ N Bother\\0d\\0a "
	    "DEi/0000000000000abc-1/{nrcpts}/0/ E",
	    "the second as the first has left it");
	is_str(edited(), "Auth: more\r\nAuth: better\r\nSubject: new\r\n"
	    "\r\nother\r\n", "and its places count in that");
	is_str(next_to(STAGE_EOM), "", "the next message");
	ok(strstr(told_to(second), "LX-A/") != NULL, "is seen as it comes");
	is_str(edited(), "nothing", "and not changed");
	end();
}

/* The second is told nothing of the message before the first has spoken. */
static void
test_turns(void)
{
	static const char *const	silent[] = { "E:!", NULL };
	static const char *const	no[] = { "E:r", NULL };

	begin("", silent);
	chain(1, "second", "", NULL);
	is_str(up_to(STAGE_DATA), "", "both know the transaction");
	ok(strstr(told_to(second), " T") != NULL, "up to DATA");
	s->ms.spool = spool;
	ok(fix_stage(s, STAGE_EOM) == NULL, "the first takes its time");
	until(filter, " E");
	is_str(told_to(second), "", "the second waits");
	filter_say(filter, "hX\\x00y\\x00|c");
	fix_wait(&fix_outcome);
	is_str(fix_outcome, "", "both have spoken");
	ok(strstr(told_to(second), "LX/y/") != NULL, "one after the other");
	end();
	begin("", no);
	chain(1, "second", "", NULL);
	is_str(up_to(STAGE_EOM), "550 5.7.1 Command rejected",
	    "refused by the first");
	ok(strstr(told_to(second), " L") == NULL,
	    "the second does not see it");
	is_str(next_to(STAGE_RCPT), "", "the next message");
	ok(strncmp(told_to(second), "A ", 2) == 0, "begins with A for it");
	end();
}

/* What does not count is not seen by the next either. */
static void
test_not_done(void)
{
	static const char *const	bad[] = {
		"E:hX\\x00y\\x00|+<d@example.org>\\x00|hX Y\\x00y\\x00|c", NULL };
	static const char *const	good[] = {
		"E:hX\\x00y\\x00|+<d@example.org>\\x00|c", NULL };
	static const char *const	silent[] = { "E:!", NULL };

	begin("on-error accept", bad);
	chain(1, "second", "", NULL);
	is_str(up_to(STAGE_EOM), "", "the first fails in its changes");
	ok(strstr(told_to(second), " LX/y/") == NULL &&
	    strstr(told_to(second), " A ") == NULL, "the second sees none");
	is_str(edited(), "nothing", "and none is made");
	end();
	begin("log-only", good);
	chain(1, "second", "", NULL);
	is_str(up_to(STAGE_EOM), "", "the first only logs");
	ok(strstr(told_to(second), " LX/y/") == NULL, "none either");
	is_str(edited(), "nothing", "made");
	logged("log-only changes=message");
	end();
	begin("on-error accept", silent);
	chain(1, "second", "", NULL);
	pc->conf->pass->scan = 1;
	is_str(up_to(STAGE_EOM), BROKEN, "no time is left for the second");
	logged("no-time-left");
	ok(strstr(told_to(second), " L") == NULL, "which is not asked");
	end();
}

/* --- the envelope */

static const char *const	rcpts[] = { "<b@example.org>",
    "<c@example.org>", "<B@example.org>", NULL };
#define OWN	"-<b@example.org>\\x00|+<d@example.org>\\x00|" \
		"2<f@example.org>\\x00NOTIFY=NEVER\\x00|" \
		"e<x@example.net>\\x00RET=HDRS\\x00|c"
#define ID	"i/0000000000000abc-1/"

/* A transaction of two recipients, of which the first filter makes another. */
static void
changed(const char *const *one, const char *const *two)
{
	begin("", one);
	chain(1, "second", "", two);
	is_str(up_to(STAGE_RCPT), "", "b, and");
	s->ms.rcpt = "<c@example.org>";
	is_str(stage(STAGE_RCPT), "", "c");
	transaction(rcpts);
	s->ms.rcpt = NULL;
	is_str(stage(STAGE_DATA), "", "DATA");
	(void)told_to(second);
	s->ms.spool = spool;
}

static void
test_envelope(void)
{
	static const char *const	one[] = { "E:" OWN, NULL };
	static const char *const	none[] = { "E:-<b@example.org>\\x00|"
		"-<c@example.org>\\x00|c", NULL };
	static const char *const	accepts[] = { "M:a", NULL };

	changed(one, NULL);
	is_str(stage(STAGE_EOM), "", "another sender, other recipients");
	is_str(told_to(second), "A DM" ID "{mail_addr}/x@example.net/"
	    "{mail_host}/example.net/{mail_mailer}/smtp/ "
	    "M<x@example.net>/RET=HDRS/ "
	    "DR" ID "{rcpt_addr}/c@example.org/{rcpt_host}/example.org/"
	    "{rcpt_mailer}/smtp/ R<c@example.org>/ "
	    "DR" ID "{rcpt_addr}/d@example.org/{rcpt_host}/example.org/"
	    "{rcpt_mailer}/smtp/ R<d@example.org>/ "
	    "DR" ID "{rcpt_addr}/f@example.org/{rcpt_host}/example.org/"
	    "{rcpt_mailer}/smtp/ R<f@example.org>/NOTIFY=NEVER/ "
	    "DT" ID "{nrcpts}/3/ T LSubject/x\\0a\\09y/ LX-A/\\20two/ "
	    "DN" ID "{nrcpts}/3/ N Bbody\\0d\\0a DE" ID "{nrcpts}/3/ E",
	    "the second is told all again");
	end();
	changed(none, NULL);
	is_str(stage(STAGE_EOM), "", "nobody is left");
	until(second, "A");
	is_str(told_to(second), "A", "the second has nothing to see");
	end();
	changed(one, accepts);
	is_str(stage(STAGE_EOM), "", "one that has accepted at MAIL");
	is_str(told_to(second), "", "is not asked again");
	end();
}

/* What the second says of what it is told again. */
static void
test_envelope_answers(void)
{
	static const char *const	one[] = { "E:" OWN, NULL };
	/* (two recipients as the client told, then c, d, f) */
	static const char *const	added[] = { "R:c", "R:c", "R:c",
		"R:y550 5.1.1 no\\x00", "R:t", NULL };
	static const char *const	own[] = { "R:c", "R:c", "R:r", NULL };
	static const char *const	from[] = { "M:c", "M:t", NULL };
	static const char *const	mute[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x01\\xff\\x00\\x00\\xc0\\x00", "M*:!", "R*:!", NULL };
	const struct envelope		*e;

	changed(one, added);
	is_str(stage(STAGE_EOM), "", "who was added and is refused");
	ok(strstr(told_to(second), " E") != NULL, "is no end");
	e = run_envelope(&s->ms, 4);
	ok(e != NULL && e->kind == ENV_DELETE &&
	    strcmp(e->path, "<d@example.org>") == 0, "but taken off again");
	e = run_envelope(&s->ms, 5);
	ok(e != NULL && e->kind == ENV_DELETE &&
	    strcmp(e->path, "<f@example.org>") == 0, "and the other");
	end();
	changed(one, own);
	is_str(stage(STAGE_EOM), "550 5.7.1 Command rejected",
	    "the client's own refused is the message");
	end();
	changed(one, from);
	is_str(stage(STAGE_EOM), "451 4.7.1 Service unavailable; please try "
	    "again later", "and so is the sender");
	end();
	changed(one, mute);
	is_str(stage(STAGE_EOM), "", "one that does not answer these");
	ok(strstr(told_to(second), "R<f@example.org>") != NULL,
	    "hears them all");
	end();
}

int
main(void)
{
	milter_init();
	test_changes();
	test_row();
	test_turns();
	test_not_done();
	test_envelope();
	test_envelope_answers();
	spool_free(spool);
	return (done());
}
