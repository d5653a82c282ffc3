/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/*
 * Modules that run one after another at EOM, beside those that do not: when
 * each is asked, what it sees, which results count, and whose time budget is
 * used.
 */
#include <sys/resource.h>

#include <signal.h>

#include "regress/lib/runner_fixture.h"

#define MESSAGE	"A: 1\r\nB: x\r\nA: 2\r\n\r\nbody\r\n"

extern const struct module mod_look, mod_first, mod_second;
static const struct module *const mods[3] = { &mod_look, &mod_first,
    &mod_second };
const struct module *const modules[] = { &mod_first, &mod_look, &mod_second,
    NULL };

/* What each does at EOM: waits, or says that at once; and what it saw. */
static struct {
	int		 waits;
	struct verdict	 v;
	void		(*wants)(struct msession *);
	char		 saw[200];
} fakes[3];
static char		 asked[8];
static struct pass_conf	*pc;
static struct session	*s;

static void
text_of(const struct spool *sp, char dst[200])
{
	ssize_t	n = spool_read(sp, 0, dst, 199);

	dst[n < 0 ? 0 : n] = '\0';
}

static struct verdict
eom(struct msession *ms, size_t i)
{
	(void)strncat(asked, &"lfs"[i], 1);
	text_of(i == 0 ? ms->spool : module_message(ms), fakes[i].saw);
	if (fakes[i].wants != NULL)
		fakes[i].wants(ms);
	return (fakes[i].waits ? verdict_wait(100000) : fakes[i].v);
}

static struct verdict
eom_look(struct msession *ms, void *conf)
{
	(void)conf;
	return (eom(ms, 0));
}

static struct verdict
eom_first(struct msession *ms, void *conf)
{
	(void)conf;
	return (eom(ms, 1));
}

static struct verdict
eom_second(struct msession *ms, void *conf)
{
	(void)conf;
	return (eom(ms, 2));
}

const struct module mod_look = {
	.name = "look", .hook = { [STAGE_EOM] = eom_look }
};
const struct module mod_first = {
	.name = "first", .on_error = ONERR_TEMPFAIL, .in_turn = 1,
	.hook = { [STAGE_EOM] = eom_first }
};
const struct module mod_second = {
	.name = "second", .on_error = ONERR_TEMPFAIL, .in_turn = 1,
	.hook = { [STAGE_EOM] = eom_second }
};

static void
begin(const char *conf)
{
	struct spool	*sp = spool_new();

	if (sp == NULL || spool_write(sp, MESSAGE, strlen(MESSAGE)) == -1)
		exit(1);
	memset(fakes, 0, sizeof(fakes));
	memset(asked, 0, sizeof(asked));
	pc = fix_conf(conf);
	s = fix_session(pc, "192.0.2.1");
	s->ms.from = "<a@b>";
	s->ms.spool = sp;
	(void)fix_logged();
}

static void
end(void)
{
	struct spool	*sp = (struct spool *)(uintptr_t)s->ms.spool;

	fix_session_free(s);
	fix_conf_free(pc);
	spool_free(sp);
}

static void
says(size_t i, struct verdict v)
{
	module_resume(s->ms.key, mods[i], v);
	fix_turn();
}

static void
want_insert(struct msession *ms)
{
	(void)msgedit_insert(module_edit(ms, &mod_first), 1, "A", "0");
}

static void
want_change(struct msession *ms)
{
	(void)msgedit_change(module_edit(ms, &mod_second), 2, "A", "one");
}

/* What is to be delivered, by all of them. */
static const char *
made(void)
{
	static char	 text[200];
	struct spool	*message = run_message(&s->ms), *out;
	struct msgedit	*e;

	if (run_edits(&s->ms, &e) == -1)
		return ("too much");
	out = e == NULL ? NULL : msgedit_apply(e, message == NULL ?
	    s->ms.spool : message);
	text_of(out != NULL ? out : message != NULL ? message : s->ms.spool,
	    text);
	msgedit_free(e);
	spool_free(out);
	spool_free(message);
	return (text);
}

static void
order(void)
{
	begin("second { } look { } first { }");
	fakes[0].waits = fakes[1].waits = fakes[2].waits = 1;
	ok(fix_stage(s, STAGE_EOM) == NULL, "all take their time");
	is_str(asked, "ls", "who looks, and the first of those in turn");
	says(0, verdict_next());
	is_str(asked, "ls", "the one has no bearing on the other");
	fakes[2].v = verdict_next();
	says(2, verdict_delay(2000));
	is_str(asked, "ls", "who wants a delay has not spoken yet");
	fix_pass(2000);
	is_str(asked, "lsf", "then the next");
	ok(fix_outcome == NULL, "which is waited for");
	says(1, verdict_next());
	is_str(fix_outcome, "", "all have spoken");
	end();
	begin("first { } look { } second { }");
	fakes[0].waits = 1;
	ok(fix_stage(s, STAGE_EOM) == NULL, "both at once");
	is_str(asked, "lfs", "one after the other");
	says(0, verdict_next());
	is_str(fix_outcome, "", "and the one that looks last");
	is_str(made(), MESSAGE, "nothing is changed");
	end();
	begin("first { } look { } second { }");
	fakes[0].waits = fakes[1].waits = 1;
	(void)fix_stage(s, STAGE_EOM);
	says(0, verdict_reject(550, "5.7.1", "no"));
	is_str(fix_outcome, "550 5.7.1 no", "refused beside them");
	is_str(asked, "lf", "ends it");
	end();
}

static void
seen(void)
{
	begin("first { } look { } second { }");
	fakes[1].wants = want_insert;
	fakes[2].wants = want_change;
	fakes[0].waits = 1;
	(void)fix_stage(s, STAGE_EOM);
	is_str(fakes[1].saw, MESSAGE, "the first sees what came");
	is_str(fakes[2].saw, "A: 0\r\n" MESSAGE, "the next what is now");
	text_of(s->ms.spool, fakes[0].saw);
	is_str(fakes[0].saw, MESSAGE, "all others what came");
	says(0, verdict_next());
	is_str(made(), "A: 0\r\nA: one\r\nB: x\r\nA: 2\r\n\r\nbody\r\n",
	    "places count in what is seen");
	run_new_message(&s->ms);
	ok(module_message(&s->ms) == s->ms.spool, "the next message");
	end();
	begin("first { log-only } second { }");
	fakes[1].wants = want_insert;
	(void)fix_stage(s, STAGE_EOM);
	is_str(fakes[2].saw, MESSAGE, "log-only changes nothing for others");
	is_str(made(), MESSAGE, "nor for all");
	ok(strstr(fix_logged(), "first log-only changes=message") != NULL,
	    "logged");
	end();
	begin("first { on-error accept } second { }");
	fakes[1].wants = want_insert;
	fakes[1].v = verdict_error("broken");
	(void)fix_stage(s, STAGE_EOM);
	is_str(fakes[2].saw, MESSAGE, "nor does one that fails");
	end();
}

static void
want_places(struct msession *ms)
{
	struct msgedit	*e = module_edit(ms, &mod_look);

	(void)msgedit_change(e, 1, "a", NULL);
	(void)msgedit_change(e, 1, "B", "y");
	(void)msgedit_insert(e, 0, "Top", "t");
}

static void
want_all(struct msession *ms)
{
	(void)msgedit_change(module_edit(ms, &mod_look), 0, "A", NULL);
}

static void
want_value(struct msession *ms)
{
	(void)msgedit_change(module_edit(ms, &mod_first), 1, "A", "v");
}

/* One that looks at what came counts its places there. */
static void
others(void)
{
	begin("first { } look { }");
	fakes[0].wants = want_places;
	fakes[1].wants = want_insert;
	(void)fix_stage(s, STAGE_EOM);
	(void)fix_logged();
	is_str(made(), "Top: t\r\nA: 0\r\nA: 1\r\nB: y\r\nA: 2\r\n\r\nbody\r\n",
	    "a place that has moved is not taken for another");
	ok(strstr(fix_logged(), "look changes-passed-over=1 ") != NULL,
	    "which is logged");
	end();
	begin("first { } look { }");
	fakes[0].wants = want_places;
	fakes[1].wants = want_value;
	(void)fix_stage(s, STAGE_EOM);
	is_str(made(), "Top: t\r\nB: y\r\nA: 2\r\n\r\nbody\r\n",
	    "one that has not moved is the one");
	end();
	begin("first { } look { }");
	fakes[0].wants = want_all;
	fakes[1].wants = want_insert;
	(void)fix_stage(s, STAGE_EOM);
	is_str(made(), "B: x\r\n\r\nbody\r\n", "all are all");
	end();
	begin("first { log-only } look { }");
	fakes[0].wants = want_places;
	fakes[1].wants = want_insert;
	(void)fix_stage(s, STAGE_EOM);
	is_str(made(), "Top: t\r\nB: y\r\nA: 2\r\n\r\nbody\r\n",
	    "log-only moves nothing");
	end();
}

/* The budget is of all together. */
static void
budget(void)
{
	begin("first { on-error accept } second { on-error accept } look { }");
	pc->conf->pass->scan = 10;
	fakes[1].waits = fakes[2].waits = 1;
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(9999);
	ok(fix_outcome == NULL, "the first has it all");
	fix_pass(1);
	is_str(fix_outcome, "", "and then there is no more");
	is_str(asked, "lf", "for the second, which is not asked");
	ok(strstr(fix_logged(), "second error=no-time-left") != NULL,
	    "an error of it");
	end();
	begin("first { on-error accept } second { } look { }");
	pc->conf->pass->scan = 10;
	fakes[1].waits = fakes[2].waits = 1;
	(void)fix_stage(s, STAGE_EOM);
	fix_pass(6000);
	says(1, verdict_next());
	is_str(asked, "lfs", "what the first has left");
	fix_pass(3999);
	ok(fix_outcome == NULL, "the second has");
	fix_pass(1);
	is_str(fix_outcome, "451 4.3.0 Mail scanning is temporarily "
	    "unavailable; please try again later", "and no more");
	end();
}

static void
begin_large(const char *conf)
{
	static char	line[1024];
	int		i;

	begin(conf);
	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	for (i = 0; i < 1024; i++)
		if (spool_write((struct spool *)(uintptr_t)s->ms.spool, line,
		    sizeof(line)) == -1)
			exit(1);
	fakes[1].wants = want_insert;
}

/* A large message is made anew in slices, between which others go on. */
static void
slices(void)
{
	int	turns = 0;

	begin_large("first { } second { } look { }");
	fakes[0].waits = 1;
	ok(fix_stage(s, STAGE_EOM) == NULL, "a large message");
	is_str(asked, "lf", "is made for the next");
	while (strcmp(asked, "lf") == 0 && turns++ < 100)
		(void)fix_turn();
	is_str(asked, "lfs", "which gets it then");
	ok(turns > 2, "a slice a turn");
	is_int(strncmp(fakes[2].saw, "A: 0\r\n" MESSAGE, strlen(MESSAGE) + 6),
	    0, "as it is by then");
	is_int(spool_size(module_message(&s->ms)),
	    spool_size(s->ms.spool) + 6, "the whole of it");
	says(0, verdict_next());
	is_str(fix_outcome, "", "all have spoken");
	end();
	begin_large("second { } first { } look { }");
	ok(fix_stage(s, STAGE_EOM) == NULL, "made after the last one too");
	fix_pass(0);
	is_str(fix_outcome, "", "before it is over");
	end();
	begin_large("first { } second { } look { }");
	fakes[0].waits = 1;
	(void)fix_stage(s, STAGE_EOM);
	(void)fix_turn();
	says(0, verdict_reject(550, "5.7.1", "no"));
	is_str(fix_outcome, "550 5.7.1 no", "refused meanwhile");
	fix_pass(0);
	is_str(asked, "lf", "it is made no more");
	end();
	begin_large("first { } second { } look { }");
	(void)fix_stage(s, STAGE_EOM);
	(void)fix_turn();
	end();
	is_str(asked, "lf", "the session ends meanwhile");
}

/* The message as it is now does not fit anywhere. */
static void
no_room(void)
{
	const struct rlimit	 none = { 0, RLIM_INFINITY };
	const struct rlimit	 all = { RLIM_INFINITY, RLIM_INFINITY };

	begin("first { } second { }");
	fakes[1].wants = want_insert;
	spool_limits(0, 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &none) == -1)
		exit(1);
	(void)fix_stage(s, STAGE_EOM);
	(void)setrlimit(RLIMIT_FSIZE, &all);
	is_str(fix_outcome, "452 4.3.1 There is no room for the message; "
	    "please try again later", "no room: put off");
	is_str(asked, "f", "the second is not asked");
	ok(strstr(fix_logged(), "first error=") != NULL, "logged");
	end();
}

int
main(void)
{
	fix_init();
	order();
	seen();
	others();
	budget();
	slices();
	no_room();
	return (done());
}
