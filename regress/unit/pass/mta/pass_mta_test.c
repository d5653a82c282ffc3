/*
 * The connection to a scripted mail server: every step with every failure,
 * several targets, XCLIENT and PROXY, the message and its end.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include "regress/lib/mta_user.h"

/*
 * Every step of a dialogue with everything that can go wrong at it.  The
 * dialogue is good up to the step; then comes the failure.
 */
enum { WHEN_BANNER, WHEN_EHLO, WHEN_XCLIENT, WHEN_EHLO2, WHEN_MAIL, WHEN_DATA,
    WHEN_DOT, WHEN_MAX };
static const char *const	when_name[WHEN_MAX] = { "banner", "EHLO",
    "XCLIENT", "second EHLO", "MAIL", "DATA", "dot" };

static const struct {
	const char	*name;
	const char	*step[4];
	const char	*want[WHEN_MAX];	/* NULL: as the one before */
} failure[] = {
	{ "nothing", { "hang" }, { "dead TIMEOUT; (60000)",
	    "dead TIMEOUT; (30000)", NULL, NULL, "dead TIMEOUT; (61000)",
	    "dead TIMEOUT; (110000)", "dead TIMEOUT after dot; (510000)" } },
	{ "the end", { "close" }, { "dead CLOSED", NULL, NULL, NULL, NULL,
	    NULL, "dead CLOSED after dot" } },
	{ "a reset", { "reset" }, { "dead CLOSED", NULL, NULL, NULL, NULL,
	    NULL, "dead CLOSED after dot" } },
	{ "what is not SMTP", { ">hello, world" }, { "dead NONSENSE", NULL,
	    NULL, NULL, NULL, NULL, "dead NONSENSE after dot" } },
	{ "a code that none is", { ">123 x" }, { "dead NONSENSE", NULL, NULL,
	    NULL, NULL, NULL, "dead NONSENSE after dot" } },
	{ "354", { ">354 x", "<*" }, { "dead NONSENSE", NULL, "dead CLIENT",
	    "dead NONSENSE", NULL, NULL /* the body comes */,
	    "dead NONSENSE after dot" } },
	{ "too much", { "huge" }, { "dead NONSENSE", NULL, NULL, NULL, NULL,
	    NULL, "dead NONSENSE after dot" } },
	{ "half a reply", { ">>250 o", "close" }, { "dead CLOSED", NULL, NULL,
	    NULL, NULL, NULL, "dead CLOSED after dot" } },
	{ "one line of many", { ">250-o", "hang" }, { "dead TIMEOUT; (60000)",
	    "dead TIMEOUT; (30000)", NULL, NULL, "dead TIMEOUT; (61000)",
	    "dead TIMEOUT; (110000)", "dead TIMEOUT after dot; (510000)" } },
	{ "4xx", { ">451 4.3.0 later", "<*", "close" }, {
	    "dead REFUSED; 451 4.3.0 later", NULL, NULL, NULL,
	    "451 4.3.0 later", "451 4.3.0 later", NULL } },
	{ "5xx", { ">554 5.7.1 never", "<*", "close" }, {
	    "dead REFUSED; 554 5.7.1 never", NULL, NULL, NULL,
	    "554 5.7.1 never", "554 5.7.1 never", NULL } },
	{ "421 and the end", { ">421 bye", "close" }, {
	    "dead REFUSED; 421 bye", NULL, NULL, NULL,
	    "421 bye; dead CLOSED", NULL, NULL } },
	{ "550", { ">550 no", "<*", "close" }, {
	    "dead REFUSED; 550 no", NULL, "dead CLIENT",
	    "dead REFUSED; 550 no", "550 no", "550 no", NULL } },
	{ "a reply too many", { ">250 ok", ">250 ok", "<*" }, {
	    "dead NONSENSE", NULL, NULL, NULL,
	    "250 ok; dead NONSENSE", "dead NONSENSE",
	    "250 ok; dead NONSENSE" } },
	{ "a reply and 421", { ">220 hello", ">421 bye", "close" }, {
	    "dead CLOSED", NULL, NULL, NULL,
	    "220 hello; dead CLOSED", "dead NONSENSE",
	    "220 hello; dead CLOSED" } }
};

static void
fail_at(int when, const char *const *steps, const char *want,
    const char *name)
{
	static const char *const	 good[] = {
		">220 mx",
		"<EHLO gate.example", XOFFER,
		XCLIENT, ">220 mx",
		"<EHLO client.example", OFFER,
		MAIL, ">250 ok",
		"<DATA", ">354 go",
		"<.", ">250 queued"
	};
	/* Where each step's answers begin in `good'. */
	static const int		 at[] = { 0, 2, 5, 7, 11, 13, 15 };
	static const char		*script[32];
	static const char *const	 only[] = { "MAIL FROM:<a@b>", "idle",
	    NULL };
	char				 all[512], line[200];
	int				 i, n = 0;

	for (i = 0; i < at[when]; i++)
		script[n++] = good[i];
	for (i = 0; i < 4 && steps[i] != NULL; i++)
		script[n++] = steps[i];
	script[n] = NULL;
	reset_conf();
	relay.client = CLIENT_XCLIENT;
	server[0].script[0] = script;
	open_mta(when == WHEN_MAIL ? only : mail_todo, 0);
	play();
	snprintf(all, sizeof(all), "%s%s%s",
	    when > WHEN_EHLO2 ? "ready; " : "",
	    when > WHEN_MAIL ? "250 ok; " : "",
	    want);
	snprintf(line, sizeof(line), "%s: %s", when_name[when], name);
	case_end(all, line);
}

static void
test_failures(void)
{
	const char	*want;
	size_t		 i;
	int		 when;

	message("one\r\n");
	for (i = 0; i < sizeof(failure) / sizeof(failure[0]); i++)
		for (when = 0, want = NULL; when < WHEN_MAX; when++) {
			if (failure[i].want[when] != NULL)
				want = failure[i].want[when];
			if (when == WHEN_DATA &&
			    strcmp(failure[i].name, "354") == 0)
				continue;
			fail_at(when, failure[i].step, want,
			    failure[i].name);
		}
}

int
main(void)
{
	user_start();
	test_failures();
	return (done());
}
