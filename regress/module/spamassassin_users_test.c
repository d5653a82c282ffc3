/* LINK: spamgreyd/modules/spamassassin spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * The module spamassassin with several users of one message: which users are
 * asked for, the outcome of their scores, and what the recipients' filters are
 * told.
 */
#define FIX_REAL_LOOP
#include "regress/lib/module_fixture.h"
#include "regress/lib/scan_fixture.h"

extern const struct module mod_spamassassin;
const struct module *const modules[] = { &mod_spamassassin, NULL };

#define USERS		8
#define OK(score)	">SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: " \
			    score "\r\n\r\nABC"
#define TO(score)	((const char *const []){ "<eof", OK(score), "close", \
			    NULL })
#define ANN		"<Ann+x@Example.Org>"
#define BOB		"<bob@example.org>"

static struct scanner	 tcp;
static struct spool	*spool;
static struct pass_conf	*pc;
static struct session	*session;
static struct rcpt	 rcpts[USERS];
static char		*edited;

/* A session with that block and recipients that the MTA took. */
static void
begin(const char *block, const char *const *names, size_t n)
{
	char	text[400];
	size_t	i;

	scanner_reset(&tcp);
	snprintf(text, sizeof(text), "spamassassin { server 127.0.0.1 port %u "
	    "\n %s }", tcp.port, block);
	pc = fix_conf(text);
	session = fix_session(pc, "192.0.2.1");
	session->ms.from = "<a@example.com>";
	session->ms.helo = "client.example";
	session->ms.spool = spool;
	if ((session->tx = calloc(1, sizeof(*session->tx))) == NULL)
		abort();
	TAILQ_INIT(&session->tx->rcpts);
	memset(rcpts, 0, sizeof(rcpts));
	for (i = 0; i < n; i++) {
		if ((rcpts[i].to = strdup(names[i])) == NULL)
			abort();
		rcpts[i].accepted = 1;
		TAILQ_INSERT_TAIL(&session->tx->rcpts, &rcpts[i], entry);
	}
}

/* The message as it is to be delivered; "": as it came. */
static char *
delivered(void)
{
	struct msgedit	*e = NULL;
	struct spool	*out;
	uint8_t		 text[4096];
	ssize_t		 n = 0;

	if (run_edits(&session->ms, &e) == -1)
		abort();
	if (e != NULL) {
		out = msgedit_apply(e, spool);
		n = spool_read(out, 0, text, sizeof(text));
		spool_free(out);
	}
	msgedit_free(e);
	free(edited);
	return (edited = strndup((char *)text, n < 0 ? 0 : (size_t)n));
}

static void
finish(void)
{
	size_t	i;

	(void)delivered();
	session->ms.spool = NULL;
	fix_session_free(session);
	fix_conf_free(pc);
	for (i = 0; i < USERS; i++)
		free(rcpts[i].to);
}

static const char *
scan(void)
{
	if (fix_stage(session, STAGE_EOM) == NULL)
		fix_wait(&fix_outcome);
	return (fix_outcome);
}

static void
test_first(void)
{
	static const char *const	to[] = { ANN, BOB };
	struct buf			*in = &tcp.in;

	begin("user first", to, 2);
	tcp.script[0] = TO("False ; 1.0 / 5.0");
	is_str(mod_rcpt(session, "<carl@example.org>"), "",
	    "user first: any recipient");
	is_str(scan(), "", "user first: a message");
	is_int(tcp.conns, 1, "is asked about once");
	ok(memmem(buf_ptr(in), buf_len(in), "\r\nUser: ann+x@example.org\r\n",
	    27) != NULL, "for the first recipient");
	is_str(delivered(), "", "and stays as it is");
	finish();
	begin("user first local-part", to, 2);
	tcp.script[0] = TO("False ; 1.0 / 5.0");
	(void)scan();
	ok(memmem(buf_ptr(in), buf_len(in), "\r\nUser: ann+x\r\n", 15) !=
	    NULL, "by the local part, if wanted");
	finish();
}

static void
test_each(void)
{
	static const char *const	to[] = { ANN, BOB, "<BOB@example.org>" };

	begin("user each", to, 3);
	tcp.script[0] = TO("True ; 12.5 / 5.0");
	tcp.script[1] = TO("False ; 1.0 / 20.0");
	is_str(scan(), "", "spam for one user only is relayed");
	is_int(tcp.conns, 2, "each user is asked for once");
	is_int(run_points(&session->ms), 1000, "the lowest score counts");
	is_int(run_over(&session->ms), 1, "the message is marked for the other");
	ok(strncmp(delivered(), "X-Spamgreyd-Users: ann+x@example.org "
	    "score=12.5 required=5.0 spam;\r\n\tbob@example.org score=1.0 "
	    "required=20.0 ham\r\n", 110) == 0,
	    "one header field has all results");
	finish();
	begin("user each", to, 2);
	tcp.script[0] = TO("False ; 1.0 / 5.0");
	tcp.script[1] = TO("False ; -1.0 / 5.0");
	(void)scan();
	is_int(run_over(&session->ms), 0, "ham for all is not marked");
	finish();
	begin("user each", to, 2);
	tcp.script[0] = TO("True ; 12.5 / 5.0");
	tcp.script[1] = TO("True ; 10.0 / 5.0");
	(void)scan();
	is_int(run_over(&session->ms), 2, "refused when every user would refuse");
	finish();
	begin("user each\nlog-only", to, 2);
	tcp.script[0] = TO("True ; 12.5 / 5.0");
	(void)scan();
	is_int(run_over(&session->ms), 0, "log-only does not mark");
	is_str(delivered(), "", "nor change the message");
	finish();
}

static void
test_flagged(void)
{
	static const char *const	to[] = { ANN, BOB };

	begin("user each\nflagged spam", to, 2);
	tcp.script[0] = TO("False ; 3.0 / 9.0");
	tcp.script[1] = TO("True ; 3.0 / 2.5");
	is_str(scan(), "", "above one user's threshold: relayed");
	is_int(run_over(&session->ms), 1, "and marked");
	is_int(fix_stored[EVENT_SPAM], 0, "it is no event");
	finish();
	begin("user each\nflagged spam", to, 2);
	tcp.script[0] = TO("True ; 4.0 / 3.0");
	tcp.script[1] = TO("True ; 3.0 / 2.5");
	is_str(scan(), "550 5.7.1 The message was rejected as spam: score 3.0 "
	    "of 2.5", "above the threshold of all: refused");
	is_int(fix_stored[EVENT_SPAM], 1, "which is an event");
	finish();
}

/* A check that fails is a failure of all: nobody is said to have refused. */
static void
test_failed(void)
{
	static const char *const	to[] = { ANN, BOB };

	begin("user each\ntries 1\non-error tempfail", to, 2);
	tcp.script[0] = TO("True ; 12.5 / 5.0");
	tcp.script[1] = (const char *const []){ "<eof", ">nonsense\r\n",
	    "close", NULL };
	ok(strncmp(scan(), "451 4.3.0 ", 10) == 0, "one check fails: on-error");
	is_int(run_points(&session->ms), 0, "no points");
	finish();
}

/* No more than four at a time, whatever the client sends. */
static void
test_at_once(void)
{
	static const char *const	 to[] = { "<a@x.test>", "<b@x.test>",
		"<c@x.test>", "<d@x.test>", "<e@x.test>", "<f@x.test>" };
	static const char *const	 waits[] = { "<eof", "pause",
		OK("False ; 1.0 / 5.0"), "close", NULL };
	unsigned int			 most = 0, open, i, n, left = 6;

	begin("user each", to, 6);
	tcp.script[0] = waits;
	ok(fix_stage(session, STAGE_EOM) == NULL, "six users: it waits");
	while (fix_outcome == NULL) {
		for (open = n = i = 0; i < SCANNER_SCRIPTS; i++)
			if (tcp.peers[i] != NULL) {
				open++;
				n += tcp.peers[i]->paused ? 1 : 0;
			}
		if (open > most)
			most = open;
		if (n == (left < 4 ? left : 4)) {
			scanner_go(&tcp);
			left--;
		}
		if (event_base_loop(fix_base, EVLOOP_ONCE) != 0)
			abort();
	}
	is_int(most, 4, "four are asked for at once");
	is_int(tcp.conns, 6, "and all in the end");
	finish();
}

/* There is room for 20 users; the others come again. */
static void
test_room(void)
{
	static const char	no[] = "452 4.5.3 Too many recipients at a "
	    "time; please send to this recipient again later";
	char			name[40];
	int			i, bad = 0;

	begin("user each", NULL, 0);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "<u%d@x.test>", i);
		bad += strcmp(mod_rcpt(session, name), "") != 0;
		bad += strcmp(mod_answer(session, 250), "") != 0;
		/* not taken by the MTA: takes no place */
		bad += strcmp(mod_rcpt(session, "<no@x.test>"), "") != 0 &&
		    i < 19;
		if (i < 19)
			bad += strcmp(mod_answer(session, 550), "") != 0;
	}
	is_int(bad, 0, "20 users in one message");
	is_str(mod_rcpt(session, "<u20@x.test>"), no, "no more than 20 users");
	is_str(mod_rcpt(session, "<U3@x.test>"), "", "one of them again");
	(void)mod_answer(session, 250);
	(void)fix_stage(session, STAGE_MAIL);
	is_str(mod_rcpt(session, "<u20@x.test>"), "", "the next transaction");
	is_int(mod_stat("module.spamassassin.one-user"), 2, "counted");
	finish();
}

int
main(void)
{
	static const char	message[] = "Subject: x\r\n\r\nhi\r\n";

	alarm(120);
	fix_init();
	scan_fix_init(fix_base);
	scanner_start(&tcp, NULL);
	if ((spool = spool_new()) == NULL ||
	    spool_write(spool, message, sizeof(message) - 1) == -1)
		return (1);
	mod_bad("spamassassin", "user recipient local-part",
	    "user: a second word is \"local-part\", after \"first\" or \"each\"");
	mod_bad("spamassassin", "user each \"ann\"",
	    "user: only \"fixed\" can be followed by a user name");
	test_first();
	test_each();
	test_flagged();
	test_failed();
	test_at_once();
	test_room();
	return (done());
}
