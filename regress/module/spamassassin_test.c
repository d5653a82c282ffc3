/* LINK: spamgreyd/modules/spamassassin spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * The module spamassassin with scripted spamds: the request, every kind of
 * answer, malformed answers, the points, and the user of a message.
 */
#define FIX_REAL_LOOP
#include "regress/lib/module_fixture.h"
#include "regress/lib/scan_fixture.h"

extern const struct module mod_spamassassin;
const struct module *const modules[] = { &mod_spamassassin, NULL };

static struct scanner	 tcp, sock;
static char		 dir[] = "/tmp/spamassassin_test.XXXXXX";
static struct spool	*spool;
static int32_t		 points;
static int		 over;
static char		*header, *edited;

#define OK(score)	">SPAMD/1.1 0 EX_OK\r\nSpam: " score "\r\n\r\n"
#define BODY(score, n, body) ">SPAMD/1.1 0 EX_OK\r\nContent-length: " #n \
			    "\r\nSpam: " score "\r\n\r\n" body

/* One recipient that was taken, or two. */
static void
recipients(struct session *s, struct rcpt *r, const char *a, const char *b)
{
	char	*names[2];
	int	 i;

	names[0] = strdup(a);
	names[1] = b == NULL ? NULL : strdup(b);
	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		exit(1);
	TAILQ_INIT(&s->tx->rcpts);
	for (i = 0; i < 2 && names[i] != NULL; i++) {
		r[i].to = names[i];
		r[i].accepted = 1;
		TAILQ_INSERT_TAIL(&s->tx->rcpts, &r[i], entry);
	}
}

static char *
text_of(struct buf *b)
{
	char	*t = strndup(buf_len(b) == 0 ? "" :
		    (const char *)buf_ptr(b), buf_len(b));

	buf_free(b);
	if (t == NULL)
		exit(1);
	return (t);
}

/* The message as the modules want it, or "". */
static char *
edit_of(struct session *s)
{
	struct msgedit	*e = NULL;
	struct spool	*out;
	struct buf	 b = { 0 };
	uint8_t		 part[4096];
	ssize_t		 n;

	if (run_edits(&s->ms, &e) == -1)
		exit(1);
	if (e != NULL) {
		if ((out = msgedit_apply(e, spool)) == NULL)
			exit(1);
		while ((n = spool_read(out, buf_len(&b), part,
		    sizeof(part))) > 0)
			if (buf_add(&b, part, (size_t)n) == -1)
				exit(1);
		spool_free(out);
	}
	msgedit_free(e);
	return (text_of(&b));
}

/* A message to a server that answers so: the outcome. */
static const char *
scanned(const char *block, struct scanner *s, const char *const *script)
{
	static char		 got[320];
	struct pass_conf	*pc;
	struct session		*session;
	struct rcpt		 r[2];
	struct buf		 b = { 0 };
	char			 text[400];

	memset(r, 0, sizeof(r));
	scanner_reset(&tcp);
	scanner_reset(&sock);
	s->script[0] = script;
	if (s == &tcp)
		snprintf(text, sizeof(text), "spamassassin { server 127.0.0.1 "
		    "port %u \n %s }", s->port, block);
	else
		snprintf(text, sizeof(text), "spamassassin { socket \"%s\" \n "
		    "%s }", s->path, block);
	pc = fix_conf(text);
	session = fix_session(pc, "192.0.2.1");
	session->ms.from = "<a@example.com>";
	session->ms.helo = "client.example";
	session->ms.spool = spool;
	recipients(session, r, "<Ann+x@Example.Org>", NULL);
	if (fix_stage(session, STAGE_EOM) == NULL)
		fix_wait(&fix_outcome);
	snprintf(got, sizeof(got), "%s", fix_outcome);
	points = run_points(&session->ms);
	over = run_over(&session->ms);
	free(header);
	if (run_headers(&session->ms, &b) == -1)
		exit(1);
	header = text_of(&b);
	free(edited);
	edited = edit_of(session);
	session->ms.spool = NULL;
	free(r[0].to);
	fix_session_free(session);
	fix_conf_free(pc);
	return (got);
}

static char *
asked(struct scanner *s)
{
	static char	*text;

	free(text);
	return (text = text_of(&s->in));
}

static void
test_sent(void)
{
	static const char *const	script[] = { "<eof",
		OK("False ; 1.0 / 5.0"), "close", NULL };
	const char			*text, *body;
	char				 want[100];

	is_str(scanned("ask check", &sock, script), "", "unix socket");
	text = asked(&sock);
	body = strstr(text, "\r\n\r\n");
	ok(body != NULL, "a head");
	if (body == NULL)
		return;
	snprintf(want, sizeof(want), "CHECK SPAMC/1.5\r\nContent-length: %zu"
	    "\r\n\r\n", strlen(body + 4));
	ok(strncmp(text, want, strlen(want)) == 0, "its head");
	ok(strncmp(body + 4, "Return-Path: <a@example.com>\r\nReceived: from "
	    "client.example (", 55) == 0, "a trace in front");
	ok(strstr(body, "[192.0.2.1]") != NULL, "with the client");
	ok(strlen(body) > 40 && strcmp(strstr(body + 4, "X-Spam-Flag"),
	    "X-Spam-Flag: NO\r\nSubject: x\r\n\r\nhi\r\n") == 0,
	    "and the message");
	is_str(edited, "", "which nothing changes");
	is_str(scanned("user fixed \"bob\"", &tcp, script), "", "TCP");
	ok(strstr(asked(&tcp), "\r\nUser: bob\r\n") != NULL, "user fixed");
	is_str(scanned("user recipient", &tcp, script), "", "recipient");
	ok(strstr(asked(&tcp), "\r\nUser: ann+x@example.org\r\n") != NULL,
	    "user recipient");
	is_str(scanned("user local-part", &tcp, script), "", "local part");
	ok(strstr(asked(&tcp), "\r\nUser: ann+x\r\n") != NULL,
	    "user local-part");
}

static void
test_points(void)
{
	const char	*got;

	is_str(scanned("ask check", &tcp, (const char *const []){ "<eof",
	    OK("False ; 4.9 / 5.0"), NULL }), "", "CHECK has no length");
	is_int(points, 4900, "4.9 points");
	is_str(scanned("", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 12.34 / 5.0", 9, "ABC,DEF_1"), NULL }), "",
	    "symbols");
	is_int(points, 12340, "12.34 points");
	is_int(over, 2, "refused by its score");
	ok(strstr(header, "spamassassin=12.34 (ABC, DEF_1)") != NULL, "the header");
	is_int(mod_stat("module.spamassassin.flagged"), 1, "counted");
	(void)scanned("", &tcp, (const char *const []){ "<eof",
	    BODY("False ; -2.25 / 5.0", 0, ""), NULL });
	is_int(points, -2250, "ham is less than nothing");
	got = scanned("flagged spam", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 3.0 / 2.5", 3, "ABC"), "close", NULL });
	is_str(got, "550 5.7.1 The message was rejected as spam: score 3.0 of "
	    "2.5", "flagged spam");
	is_int(fix_stored[EVENT_SPAM], 1, "an event");
	is_str(scanned("flagged spam", &tcp, (const char *const []){ "<eof",
	    BODY("False ; 3.0 / 9.5", 3, "ABC"), "close", NULL }), "",
	    "another threshold");
	is_str(scanned("flagged alone", &tcp, (const char *const []){ "<eof",
	    BODY("False ; 12.0 / 20.0", 3, "ABC"), "close", NULL }), "",
	    "flagged alone: a user's higher threshold");
	is_int(points, 0, "… no points");
	is_int(over, 0, "… and neither refused nor marked");
	is_str(scanned("flagged alone", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 21.0 / 20.0", 3, "ABC"), "close", NULL }),
	    "550 5.7.1 The message was rejected as spam: score 21.0 of 20.0",
	    "… above it refused");
}

static void
test_headers(void)
{
	(void)scanned("ask headers", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 5.5 / 5.0", 115, "X-Spam-Flag: YES\r\n"
	    "X-Spam-Status: Yes, score=5.5 tests=AA,BB,\r\n\tCC autolearn=no\r"
	    "\nX-Spam-Level: *****\r\nSubject: x\r\n\r\n"), NULL });
	is_int(points, 5500, "headers: points");
	ok(strstr(header, "spamassassin=5.5 (AA, BB, CC)") != NULL, "the header");
	ok(strstr(edited, "X-Spam-Flag: YES\r\n") != NULL &&
	    strstr(edited, "X-Spam-Level: *****\r\n") != NULL &&
	    strstr(edited, "X-Spam-Flag: NO") == NULL, "its fields");
	ok(strstr(edited, "tests=AA,BB,\r\n\tCC autolearn=no\r\n") != NULL,
	    "folds stay");
}

static const char	clean[] = "Subject: x\r\nX-Spam: 1\r\n\r\nX-Spam-B: 1\r\n";

/* A header full of what spamd would have written, in many ways. */
static void
test_forged(void)
{
	static const char	 forged[] = "X-Spam-Flag: NO\r\nX-Spam-Foo: 1\r"
				    "\nx-SPAM-status: No, score=-100\r\n\ttests="
				    "GOOD\r\nSubject: x\r\nX-Spam-Prev-Subject :"
				    " y\r\nX-Spam: 1\r\n\r\nX-Spam-B: 1\r\n";
	struct spool		*plain = spool;
	char			 want[300];

	spool = spool_new();
	if (spool == NULL || spool_write(spool, forged,
	    sizeof(forged) - 1) == -1)
		exit(1);
	(void)scanned("ask headers", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 5.5 / 5.0", 24, "X-Spam-Flag: YES\r\nA: b\r\n"),
	    NULL });
	snprintf(want, sizeof(want), "X-Spam-Flag: YES\r\n%s", clean);
	is_str(edited, want, "spam: spamd's field alone");
	(void)scanned("ask headers", &tcp, (const char *const []){ "<eof",
	    BODY("False ; 0.5 / 5.0", 17, "X-Spam-Level:\r\n\r\n"), NULL });
	snprintf(want, sizeof(want), "X-Spam-Level: \r\n%s", clean);
	is_str(edited, want, "ham: no flag, and none that came");
	(void)scanned("ask headers", &tcp, (const char *const []){ "<eof",
	    BODY("False ; 0.5 / 5.0", 6, "A: b\r\n"), NULL });
	is_str(edited, clean, "an answer without any field");
	(void)scanned("ask headers\non-error accept", &tcp,
	    (const char *const []){ "<eof", ">nonsense\r\n", "close", NULL });
	is_str(edited, clean, "no answer at all");
	/* The others leave a message as it is, unless it is marked. */
	(void)scanned("ask check", &tcp, (const char *const []){ "<eof",
	    OK("False ; 3.9 / 5.0"), "close", NULL });
	is_int(over, 0, "not marked");
	is_str(edited, "", "is not changed");
	(void)scanned("ask check", &tcp, (const char *const []){ "<eof",
	    OK("False ; 4.1 / 5.0"), "close", NULL });
	is_int(over, 1, "marked");
	is_str(edited, clean, "has no field that denies it");
	(void)scanned("", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 5.1 / 5.0", 3, "ABC"), NULL });
	is_str(edited, clean, "symbols: the same");
	(void)scanned("log-only", &tcp, (const char *const []){ "<eof",
	    BODY("True ; 5.1 / 5.0", 3, "ABC"), NULL });
	is_str(edited, "", "log-only changes nothing");
	spool_free(spool);
	spool = plain;
}

static void
test_large(void)
{
	static char	big[2000];
	struct spool	*small = spool;

	spool = spool_new();
	if (spool_write(spool, big, sizeof(big)) == -1)
		exit(1);
	is_str(scanned("max-size 1K", &tcp, NULL), "", "larger: goes on");
	is_int(tcp.conns, 0, "and not sent");
	is_int(points, 0, "no points");
	is_str(edited, "", "not changed");
	is_int(mod_stat("module.spamassassin.too-large"), 1, "counted");
	spool_free(spool);
	spool = spool_new();
	if (spool_write(spool, "X-Spam-Flag: NO\r\n\r\n", 19) == -1 ||
	    spool_write(spool, big, sizeof(big)) == -1)
		exit(1);
	(void)scanned("max-size 1K\nask headers", &tcp, NULL);
	is_int(tcp.conns, 0, "headers: not sent either");
	ok(strncmp(edited, "\r\n", 2) == 0,
	    "but what is forged is gone");
	spool_free(spool);
	spool = small;
}

#define BROKEN	"451 4.3.0 Mail scanning is temporarily unavailable; please " \
    "try again later"
static void
test_errors(void)
{
	static const char *const	 wrong[] = {
		"SPAMD/1.0 76 Bad header line: (Content-Length mismatch)\r\n",
		"SPAMD/1.0 79 Timeout: (30 second timeout)\r\n",
		"SPAMD/1.1 0 EX_OK\r\n\r\n", "SPAMD/1.1 0 EX_OK\r\nSpam: True",
		"SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5\r\n\r\n",
		"SPAMD/1.1 0 EX_OK\r\nSpam: Maybe ; 1 / 5\r\n\r\n",
		"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n"
		    "Spam: False ; 1 / 5\r\n\r\n",
		"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\n"
		    "Spam: True ; 1 / 5\r\n\r\nABC",
		"SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\n"
		    "Spam: True ; 1 / 5\r\n\r\nABC",
		"SPAMD/1.1 0 EX_OK\r\nContent-length: -2\r\n"
		    "Spam: True ; 1 / 5\r\n\r\n",
		"SPAMD/1.1 0 EX_OK\r\nContent-length: 99999999999999999999\r\n"
		    "Spam: True ; 1 / 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", "", NULL };
	char				 said[300], name[40];
	const char			*got;
	const char			*script[] = { "<eof", said, "close",
		NULL };
	static const char *const	 silent[] = { NULL };
	static char			 huge[6000];
	int				 i;

	for (i = 0; wrong[i] != NULL; i++) {
		snprintf(said, sizeof(said), ">%s", wrong[i]);
		snprintf(name, sizeof(name), "wrong answer %d", i);
		is_str(scanned("on-error tempfail", &tcp, script), BROKEN,
		    name);
		is_int(points, 0, "no points");
	}
	is_int(tcp.conns, 2, "none: asked twice");
	is_str(scanned("on-error tempfail\ntimeout 1s", &tcp, silent), BROKEN,
	    "silence");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[0] = '>';
	script[1] = huge;
	is_str(scanned("on-error tempfail", &tcp, script), BROKEN, "endless");
	is_str(scanned("", &tcp, script), "", "by default it goes on");
	script[1] = said;
	snprintf(said, sizeof(said), ">%s", wrong[0]);
	(void)fix_logged();
	(void)scanned("", &tcp, script);
	got = fix_logged();
	ok(strstr(got, "SPAMD/1.0\\x2076\\x20Bad") != NULL,
	    "the log says why");
}

/* One user's recipients alone. */
static void
test_user(void)
{
	static const char	 no[] = "452 4.5.3 One recipient at a time; "
	    "please send to this recipient again later";
	struct rcpt		 r[2];
	struct pass_conf	*pc;
	struct session		*s;
	int			 i;

	for (i = 0; i < 3; i++) {
		memset(r, 0, sizeof(r));
		pc = fix_conf(i == 0 ? "spamassassin { socket \"/x\" }" :
		    i == 1 ? "spamassassin { socket \"/x\" \n user recipient }"
		    : "spamassassin { socket \"/x\" \n user local-part }");
		s = fix_session(pc, "192.0.2.1");
		is_str(mod_rcpt(s, "<ann@example.org>"), "", "the first");
		recipients(s, r, "<ann@example.org>", NULL);
		is_str(mod_rcpt(s, "<ANN@example.org>"), "", "the same");
		is_str(mod_rcpt(s, "<bob@example.org>"), i == 0 ? "" : no,
		    "another");
		is_str(mod_rcpt(s, "<ann@example.net>"), i == 1 ? no : "",
		    "of another domain");
		free(r[0].to);
		fix_session_free(s);
		fix_conf_free(pc);
	}
	is_int(mod_stat("module.spamassassin.one-user"), 3, "counted");
}

int
main(void)
{
	static const char	message[] = "X-Spam-Flag: NO\r\nSubject: x\r\n"
				    "\r\nhi\r\n";

	alarm(120);
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (1);
	fix_init();
	scan_fix_init(fix_base);
	scanner_start(&tcp, NULL);
	scanner_start(&sock, dir);
	if ((spool = spool_new()) == NULL ||
	    spool_write(spool, message, sizeof(message) - 1) == -1)
		return (1);
	mod_bad("spamassassin", "max-size 500K", "no server given; write "
	    "socket \"/path\" or server ADDRESS port N");
	test_sent();
	test_points();
	test_headers();
	test_forged();
	test_large();
	test_errors();
	test_user();
	unlink(sock.path);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
