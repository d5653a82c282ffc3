/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/*
 * What modules find in a message: classes and their strategies, scores, changes
 * and errors; with log-only, and for postmaster.
 */
#include "regress/lib/cost.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_one, mod_two, mod_three;

/* What each finds at EOM, in this order. */
static struct {
	int			 found;		/* class, -1 nothing */
	const char		*name;
	int32_t			 score;
	const char		*symbols;
	const char		*error;
} fakes[2];

static const struct module *const mods[2] = { &mod_one, &mod_two };

static struct verdict
eom(struct msession *s, int i)
{
	if (fakes[i].score != 0)
		module_score(s, mods[i], fakes[i].score, fakes[i].symbols);
	if (fakes[i].error != NULL)
		return (verdict_error("%s", fakes[i].error));
	if (fakes[i].found >= 0)
		return (module_found(s, mods[i],
		    (enum content_class)fakes[i].found, fakes[i].name));
	return (verdict_next());
}

static struct verdict
eom_one(struct msession *s, void *conf)
{
	(void)conf;
	return (eom(s, 0));
}

static struct verdict
eom_two(struct msession *s, void *conf)
{
	(void)conf;
	return (eom(s, 1));
}

const struct module mod_one = {
	.name = "one", .on_error = ONERR_TEMPFAIL,
	.hook = { [STAGE_EOM] = eom_one }
};
const struct module mod_two = {
	.name = "two", .on_error = ONERR_MARK, .spares_roles = 1,
	.hook = { [STAGE_EOM] = eom_two }
};
const struct module mod_three = {
	.name = "three", .in_turn = 1, .on_error = ONERR_TEMPFAIL,
	.hook = { [STAGE_EOM] = eom_one }
};
const struct module *const modules[] = { &mod_one, &mod_two, &mod_three,
	NULL };

static void
reset(void)
{
	memset(fakes, 0, sizeof(fakes));
	fakes[0].found = fakes[1].found = -1;
	memset(fix_stored, 0, sizeof(fix_stored));
	(void)fix_logged();
}

/* A transaction with those recipients, until NULL. */
static void
transaction(struct session *s, const char *const *rcpts)
{
	struct rcpt	*r;

	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		exit(1);
	TAILQ_INIT(&s->tx->rcpts);
	for (; *rcpts != NULL; rcpts++) {
		if ((r = calloc(1, sizeof(*r))) == NULL ||
		    (r->to = strdup(*rcpts)) == NULL)
			exit(1);
		r->accepted = 1;
		TAILQ_INSERT_TAIL(&s->tx->rcpts, r, entry);
	}
	s->tx->whose = RCPTS_OTHERS;
	s->ms.from = "<a@b>";
}

static void
transaction_end(struct session *s)
{
	struct rcpt	*r;

	while ((r = TAILQ_FIRST(&s->tx->rcpts)) != NULL) {
		TAILQ_REMOVE(&s->tx->rcpts, r, entry);
		free(r->to);
		free(r);
	}
	free(s->tx);
	s->tx = NULL;
}

static const char *const	nobody[] = { NULL };

/* Header and log line, as one text. */
static const char *
told(const struct session *s)
{
	static struct buf	b;

	buf_free(&b);
	if (run_headers(&s->ms, &b) == -1)
		exit(1);
	run_log(&s->ms, &b);
	if (buf_add(&b, "", 1) == -1)
		exit(1);
	return ((const char *)buf_ptr(&b));
}

#define RCPTS_MAX	1000

static void
envelope_of(void *arg)
{
	struct session		*s = arg;
	struct module_envelope	 e;

	if (module_envelope(&s->ms, &mod_two, &e) == -1 || e.nrcpts != 0)
		abort();
	free(e.rcpts);
}

/* What n recipients cost that a module takes away, each at a domain that takes
 * work to be compared. */
static uint64_t
cost_of_rcpts(size_t n)
{
	static char		 text[RCPTS_MAX][64];
	const char		*rcpts[RCPTS_MAX + 1];
	struct pass_conf	*pc = fix_conf("three { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	uint64_t		 cost;
	size_t			 i;

	reset();
	for (i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "<a@b\303\274cher%zu.example>", i);
		rcpts[i] = text[i];
	}
	rcpts[n] = NULL;
	transaction(s, rcpts);
	for (i = 0; i < n; i++)
		if (module_rcpt_delete(&s->ms, &mod_three, text[i]) == -1)
			abort();
	cost = cost_of(envelope_of, s);
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
	return (cost);
}

static void
many_rcpts(void)
{
	uint64_t	once = cost_of_rcpts(RCPTS_MAX / 8);
	uint64_t	more = cost_of_rcpts(RCPTS_MAX);

	ok(more <= 24 * once || more < 50000,
	    "recipients are not folded once for each change");
	printf("# %llu, and %llu for 8 times as many\n",
	    (unsigned long long)once, (unsigned long long)more);
}

/* Every class with every strategy, the module's own and the pass block's. */
static void
matrix(void)
{
	static const char *const texts[CLASS_MAX] = {
		"The message contains a virus", "The message was rejected as "
		    "spam",
		"The message contains content that is not allowed here",
		"The message cannot be scanned"
	};
	struct pass_conf	*pc;
	struct session		*s;
	char			 block[64], want[160], what[80];
	const char		*got;
	int			 c, f, own;

	for (own = 0; own < 2; own++)
		for (c = 0; c < CLASS_MAX; c++)
			for (f = 0; f <= STRATEGY_MARK; f++) {
				reset();
				snprintf(block, sizeof(block), "one { %s%s %s }",
				    own ? "strategy " : "", own ? class_str(c) :
				    "", own ? strategy_str(f) : "");
				pc = fix_conf(block);
				pc->conf->pass->strategy[c] = own ?
				    (f + 1) % 3 : f;
				s = fix_session(pc, "192.0.2.1");
				transaction(s, nobody);
				fakes[0].found = c;
				fakes[0].name = "Thing (1)\n";
				snprintf(want, sizeof(want), f == STRATEGY_MARK ?
				    "" : "%s %s: Thing \\x281\\x29\\x0a",
				    f == STRATEGY_REJECT ? "550 5.7.1" :
				    "451 4.7.1", texts[c]);
				snprintf(what, sizeof(what), "%s of %s: %s",
				    class_str(c), own ? "the module" :
				    "the block", strategy_str(f));
				got = fix_stage(s, STAGE_EOM);
				is_str(got, want, what);
				is_int(run_over(&s->ms), 1, "it counts as marked");
				is_int(fix_stored[EVENT_VIRUS],
				    c == CLASS_VIRUS, "a virus is told");
				is_int(fix_stored[EVENT_SPAM],
				    c == CLASS_SPAM, "spam is told");
				transaction_end(s);
				fix_session_free(s);
				fix_conf_free(pc);
			}
}

static void
marked(void)
{
	struct pass_conf	*pc = fix_conf("one { strategy virus mark } "
				    "two { strategy virus mark }");
	struct session		*s = fix_session(pc, "192.0.2.1");

	reset();
	transaction(s, nobody);
	fakes[0].found = fakes[1].found = CLASS_VIRUS;
	fakes[0].name = "Eicar";
	fakes[1].name = "Eicar-2\r\nX: y";
	is_str(fix_stage(s, STAGE_EOM), "", "two viruses, marked");
	is_int(fix_stored[EVENT_VIRUS], 1, "are one event");
	ok(s->ms.events & 1U << EVENT_VIRUS, "of the message");
	is_str(fix_logged(), "0000000000000abc pass one found=virus name=Eicar "
	    "strategy=mark\n0000000000000abc pass two found=virus "
	    "name=Eicar-2\\x0d\\x0aX:\\x20y strategy=mark\n", "in the log");
	is_str(told(s), "X-Spamgreyd: score=0 mark=4 reject=10; one=virus "
	    "(Eicar); two=virus\r\n\t(Eicar-2\\x0d\\x0aX: y)\r\n points=0 "
	    "one=virus one-why=Eicar two=virus two-why=Eicar-2\\x0d\\x0aX:\\x20y",
	    "header and line");
	module_event(&s->ms, &mod_one, EVENT_VIRUS);
	is_int(fix_stored[EVENT_VIRUS], 1, "nor is it told otherwise");
	(void)module_found(&s->ms, &mod_one, CLASS_UNWANTED, "a.exe");
	(void)module_found(&s->ms, &mod_one, CLASS_UNWANTED, "b.exe");
	ok(strstr(told(s), "one=unwanted one-why=a.exe,\\x20b.exe") != NULL,
	    "several of a class");
	run_new_message(&s->ms);
	is_int(run_over(&s->ms), 0, "the next message has nothing of it");
	is_str(told(s), "X-Spamgreyd: score=0 mark=4 reject=10\r\n",
	    "nor says so");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
log_only(void)
{
	struct pass_conf	*pc = fix_conf("one { log-only }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct msgedit		*e;

	reset();
	transaction(s, nobody);
	fakes[0].found = CLASS_VIRUS;
	fakes[0].name = "Eicar";
	fakes[0].score = 12000;
	fakes[0].symbols = "A,B";
	is_str(fix_stage(s, STAGE_EOM), "", "log-only: nothing against it");
	is_int(run_over(&s->ms), 0, "no mark");
	is_int(fix_stored[EVENT_VIRUS], 0, "no event");
	is_int(module_rcpt_add(&s->ms, &mod_one, "x@example.org", NULL), 0,
	    "a recipient");
	ok(run_envelope(&s->ms, 0) == NULL, "is not added");
	ok(module_edit(&s->ms, &mod_one) != NULL &&
	    msgedit_add(module_edit(&s->ms, &mod_one), "A", "b") == 0,
	    "a change");
	is_int(run_edits(&s->ms, &e), 0, "is");
	ok(e == NULL, "not made");
	is_str(fix_logged(), "0000000000000abc pass one log-only score=12 "
	    "symbols=A,\\x20B\n0000000000000abc pass one log-only found=virus "
	    "name=Eicar strategy=reject\n0000000000000abc pass one log-only "
	    "rcpt-add=<x@example.org>\n0000000000000abc pass one log-only "
	    "changes=message\n", "all of it is logged");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
scores(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	char			 many[900];
	size_t			 i;

	reset();
	transaction(s, nobody);
	fakes[0].score = 14000;
	fakes[0].symbols = "BAYES_99,URIBL_BLACK";
	fakes[1].score = -5000;
	fakes[1].symbols = "DNSWL";
	is_str(fix_stage(s, STAGE_EOM), "", "points are no verdict");
	is_int(run_points(&s->ms), 9000, "their sum");
	is_int(run_over(&s->ms), 2, "14 is refused at 10, whatever others say");
	is_str(told(s), "X-Spamgreyd: score=9 mark=4 reject=10; one=14 "
	    "(BAYES_99, URIBL_BLACK);\r\n\ttwo=-5 (DNSWL)\r\n points=9 one=14 one-why=BAYES_99,\\x20URIBL_BLACK two=-5 two-why=DNSWL", "each part is told");
	s->tx->whose = RCPTS_ROLES;
	is_int(run_over(&s->ms), 1, "postmaster gets it marked");
	s->tx->whose = RCPTS_OTHERS;
	pc->conf->pass->reject_at = 15000;
	is_int(run_over(&s->ms), 1, "below the limit the sum counts");
	pc->conf->pass->reject_at = FIX_REJECT_AT;
	run_new_message(&s->ms);
	is_int(run_over(&s->ms), 0, "and only this message");
	fakes[0].score = 7000;
	fakes[1].score = 4000;
	(void)fix_stage(s, STAGE_EOM);
	is_int(run_over(&s->ms), 2, "7 and 4 are refused");
	run_new_message(&s->ms);
	fakes[1].score = -4000;
	(void)fix_stage(s, STAGE_EOM);
	is_int(run_over(&s->ms), 0, "7 less 4 is not even marked");
	run_new_message(&s->ms);
	for (i = 0; i + 4 < sizeof(many); i += 4)
		memcpy(many + i, "ABC,", 4);
	many[i] = '\0';
	module_score(&s->ms, &mod_one, 1000, many);
	ok(strstr(told(s), "ABC, ABC, ...") != NULL, "symbols are cut, whole");
	run_new_message(&s->ms);
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	module_score(&s->ms, &mod_one, 1000, many);
	ok(strstr(told(s), "xxx...") != NULL, "or not, when there is one");
	ok(strlen(strstr(told(s), "\r\n\t(xxx")) < 1100, "within a line's bound");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
errors(void)
{
	struct pass_conf	*pc = fix_conf("one { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct msgedit		*e;

	reset();
	transaction(s, nobody);
	fakes[1].error = "no answer\nof it";
	(void)module_rcpt_add(&s->ms, &mod_two, "x@example.org", NULL);
	(void)msgedit_add(module_edit(&s->ms, &mod_two), "A", "b");
	(void)fix_logged();
	is_str(fix_stage(s, STAGE_EOM), "", "on-error mark");
	is_int(run_over(&s->ms), 1, "marks");
	is_str(fix_logged(), "0000000000000abc pass two "
	    "error=no\\x20answer\\x0aof\\x20it stage=eom on-error=mark\n",
	    "and says why");
	ok(run_envelope(&s->ms, 0) == NULL && run_edits(&s->ms, &e) == 0 && e == NULL,
	    "what it wanted before is not done");
	fakes[1].error = NULL;
	fakes[0].error = "closed";
	is_str(fix_stage(s, STAGE_EOM), "451 4.3.0 Mail scanning is "
	    "temporarily unavailable; please try again later", "on-error "
	    "tempfail");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
spared(void)
{
	struct pass_conf	*pc = fix_conf("two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");

	reset();
	transaction(s, nobody);
	s->tx->whose = RCPTS_ROLES;
	fakes[1].found = CLASS_VIRUS;
	fakes[1].name = "Eicar";
	is_str(fix_stage(s, STAGE_EOM), "", "postmaster is spared");
	is_int(run_over(&s->ms), 1, "but marked");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
changes(void)
{
	static const char *const rcpts[] = { "<a@example.org>",
	    "<b@example.org>", NULL };
	struct pass_conf	*pc = fix_conf("one { } two { }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	const struct envelope	*e;
	struct msgedit		*edit;
	int			 i, taken = 0;

	reset();
	transaction(s, rcpts);
	is_str(module_rcpt(&s->ms, 0), "<a@example.org>", "the recipients");
	is_str(module_rcpt(&s->ms, 1), "<b@example.org>", "in their order");
	ok(module_rcpt(&s->ms, 2) == NULL, "and their end");
	is_int(module_rcpt_delete(&s->ms, &mod_two, "<a@example.org>"), 0,
	    "one less, by the second");
	is_int(module_rcpt_add(&s->ms, &mod_one, "c@example.org",
	    "NOTIFY=NEVER"), 0, "one more, by the first");
	is_int(module_from_change(&s->ms, &mod_one, "<>", NULL), 0,
	    "no sender");
	is_int(module_rcpt_add(&s->ms, &mod_one, "<>", NULL), -1,
	    "nobody is no recipient");
	is_int(module_rcpt_add(&s->ms, &mod_one, "<c@d>\r\nRSET", NULL), -1,
	    "no second command");
	is_int(module_rcpt_add(&s->ms, &mod_one, "<c@d> X=y", NULL), -1,
	    "no parameter in the path");
	is_int(module_rcpt_add(&s->ms, &mod_one, "<c@d>", "X=\r\n"), -1,
	    "nor a line's end in those");
	e = run_envelope(&s->ms, 0);
	ok(e != NULL && e->kind == ENV_ADD &&
	    strcmp(e->path, "<c@example.org>") == 0 &&
	    strcmp(e->params, "NOTIFY=NEVER") == 0, "the first's first");
	e = run_envelope(&s->ms, 1);
	ok(e != NULL && e->kind == ENV_FROM && strcmp(e->path, "<>") == 0,
	    "then its second");
	e = run_envelope(&s->ms, 2);
	ok(e != NULL && e->kind == ENV_DELETE, "then the other's");
	ok(run_envelope(&s->ms, 3) == NULL, "and no more");
	for (i = 0; i < 2000; i++)
		taken += module_rcpt_add(&s->ms, &mod_one, "x@y", "") == 0;
	is_int(taken, 998, "so many of one module");
	is_int(run_edits(&s->ms, &edit), 0, "changes of the message");
	ok(edit == NULL, "there are none");
	(void)msgedit_add(module_edit(&s->ms, &mod_two), "X", "2");
	(void)msgedit_add(module_edit(&s->ms, &mod_one), "X", "1");
	is_int(run_edits(&s->ms, &edit), 0, "of both");
	ok(edit != NULL && !msgedit_empty(edit), "joined");
	msgedit_free(edit);
	run_new_message(&s->ms);
	ok(run_envelope(&s->ms, 0) == NULL, "the next message");
	transaction_end(s);
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	matrix();
	many_rcpts();
	marked();
	log_only();
	scores();
	errors();
	spared();
	changes();
	return (done());
}
