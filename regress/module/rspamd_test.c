/* LINK: spamgreyd/modules/rspamd spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/* LIBS: -ljansson */
/*
 * The module rspamd with scripted servers: the request, every action, every way
 * to give the length of an answer, and malformed answers.
 */
#define FIX_REAL_LOOP
#include "regress/lib/module_fixture.h"
#include "regress/lib/scan_fixture.h"

extern const struct module mod_rspamd;
const struct module *const modules[] = { &mod_rspamd, NULL };

#define BROKEN	"451 4.3.0 Mail scanning is temporarily unavailable; please " \
    "try again later"

static struct scanner	 tcp, sock;
static char		 dir[] = "/tmp/rspamd_test.XXXXXX";
static struct spool	*spool;
static int32_t		 points;
static int		 over;
static char		*header, *edited;
static char		 envelope[600], logged[4096];

#define HTTP		"HTTP/1.1 200 OK\r\n"

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

/* What is wanted of sender and recipients. */
static void
envelope_of(const struct session *s)
{
	static const char *const	 kinds[] = { "+", "-", "from=" };
	const struct envelope		*e;
	size_t				 i, n = 0;

	envelope[0] = '\0';
	for (i = 0; (e = run_envelope(&s->ms, i)) != NULL && n < 500; i++)
		n += (size_t)snprintf(envelope + n, sizeof(envelope) - n,
		    "%s%s ", kinds[e->kind], e->path);
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
		snprintf(text, sizeof(text), "rspamd { server 127.0.0.1 "
		    "port %u \n %s }", s->port, block);
	else
		snprintf(text, sizeof(text), "rspamd { socket \"%s\" \n "
		    "%s }", s->path, block);
	pc = fix_conf(text);
	session = fix_session(pc, "192.0.2.1");
	session->ms.from = "<a@example.com>";
	session->ms.helo = "client.example";
	session->ms.name = "mx.client.example";
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
	envelope_of(session);
	snprintf(logged, sizeof(logged), "%s", fix_logged());
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

/* An answer of that body, with its length. */
static const char *
answered(const char *block, const char *json)
{
	static char	 said[4096];
	const char	*script[] = { "<20", said, NULL };

	snprintf(said, sizeof(said), ">" HTTP "Content-Type: application/json"
	    "\r\nContent-Length: %zu\r\n\r\n%s", strlen(json), json);
	return (scanned(block, &tcp, script));
}

static void
test_sent(void)
{
	char		*text;
	const char	*body;

	is_str(answered("", "{\"action\":\"no action\",\"score\":1.5}"), "",
	    "no action");
	is_int(points, 0, "its score is only logged");
	text = asked(&tcp);
	body = strstr(text, "\r\n\r\n");
	ok(strncmp(text, "POST /checkv2 HTTP/1.1\r\n", 24) == 0 &&
	    body != NULL, "a question");
	ok(strstr(text, "\r\nIP: 192.0.2.1\r\n") != NULL, "IP");
	ok(strstr(text, "\r\nHelo: client.example\r\n") != NULL, "Helo");
	ok(strstr(text, "\r\nHostname: mx.client.example\r\n") != NULL,
	    "Hostname");
	ok(strstr(text, "\r\nFrom: <a@example.com>\r\n") != NULL, "From");
	ok(strstr(text, "\r\nRcpt: <Ann+x@Example.Org>\r\n") != NULL, "Rcpt");
	ok(strstr(text, "\r\nQueue-Id: 0000000000000abc\r\n") != NULL, "id");
	is_str(body, "\r\n\r\nX-Spam-Flag: NO\r\nSubject: x\r\n\r\nhi\r\n",
	    "the message");
}

static void
test_actions(void)
{
	is_str(answered("", "{\"action\":\"reject\",\"score\":16}"),
	    "550 5.7.1 The message was rejected as spam: reject, score 16.00",
	    "reject");
	is_str(answered("", "{\"action\":\"reject\",\"score\":16,\"reject\":"
	    "\"discard\",\"messages\":{\"smtp_message\":\"No\\r\\n250 x\"}}"),
	    "550 5.7.1 The message was rejected as spam: No\\x0d\\x0a250 x",
	    "its discard is a refusal, in one line");
	is_str(answered("", "{\"action\":\"discard\",\"score\":16}"),
	    "550 5.7.1 The message was rejected as spam: discard, score 16.00",
	    "so is the action");
	is_int(fix_stored[EVENT_SPAM], 3, "events");
	is_str(answered("", "{\"action\":\"soft reject\",\"score\":1,"
	    "\"messages\":{\"smtp_message\":\"Rate limit\"}}"),
	    "451 4.7.1 Rate limit", "soft reject");
	is_str(answered("", "{\"action\":\"greylist\",\"score\":5}"), "",
	    "greylist");
	is_int(over, 0, "goes on");
	is_str(answered("", "{\"action\":\"add header\",\"score\":7}"), "",
	    "add header");
	is_int(over, 1, "is a mark");
	is_str(answered("score points", "{\"action\":\"add header\",\"score\":"
	    "7.126,\"symbols\":{\"A_B\":{\"score\":1},\"C\":{}}}"), "",
	    "score points");
	is_int(points, 7126, "points");
	ok(strstr(header, "rspamd=7.126 (A_B, C)") != NULL, "the header");
	is_str(answered("", "{\"is_skipped\":true}"), "", "skipped");
	is_str(answered("", "{\"is_skipped\":true,\"action\":\"reject\","
	    "\"score\":null}"),
	    "550 5.7.1 The message was rejected as spam: reject, score 0.00",
	    "skipped, and an action");
}

static void
test_changes(void)
{
	is_str(answered("", "{\"action\":\"rewrite subject\",\"score\":7,"
	    "\"subject\":\"[spam] x\",\"milter\":{\"remove_headers\":{"
	    "\"X-Spam-Flag\":0},\"add_headers\":{\"X-A\":\"1\",\"X-B\":{"
	    "\"value\":\"2\",\"order\":0},\"X-C\":[\"3\",{\"value\":"
	    "\"4\\r\\nX-Evil: 5\"}]}}}"), "", "changes");
	ok(strstr(edited, "Subject: [spam] x\r\n") != NULL, "the subject");
	ok(strstr(edited, "X-Spam-Flag") == NULL, "a field less");
	ok(strncmp(edited, "X-B: 2\r\n", 8) == 0, "one in front");
	ok(strstr(edited, "X-A: 1\r\n") != NULL &&
	    strstr(edited, "X-C: 3\r\n") != NULL, "others behind");
	ok(strstr(edited, "\nX-Evil") == NULL, "no field in a field");
	is_str(answered("on-error tempfail", "{\"action\":\"no action\","
	    "\"score\":7,\"milter\":{\"add_headers\":{\"X A\":\"1\"}}}"),
	    BROKEN, "no name of a field");
}

/* A `milter' of rspamd's, with no action. */
static const char *
wishes(const char *block, const char *milter)
{
	static char	json[3000];

	snprintf(json, sizeof(json), "{\"action\":\"no action\",\"score\":1,"
	    "\"milter\":%s}", milter);
	return (answered(block, json));
}

/* Which field, from the top or the end. */
static void
test_places(void)
{
	static const char	message[] = "A: 1\r\nA: 2\r\nX-Mine: 0\r\n"
				    "A: 3\r\n\r\nhi\r\n";

	spool_free(spool);
	if ((spool = spool_new()) == NULL ||
	    spool_write(spool, message, sizeof(message) - 1) == -1)
		exit(1);
	(void)wishes("", "{\"remove_headers\":{\"a\":1}}");
	is_str(edited, "A: 2\r\nX-Mine: 0\r\nA: 3\r\n\r\nhi\r\n",
	    "the first of a name goes");
	(void)wishes("", "{\"remove_headers\":{\"A\":-1}}");
	is_str(edited, "A: 1\r\nA: 2\r\nX-Mine: 0\r\n\r\nhi\r\n", "the last");
	(void)wishes("", "{\"remove_headers\":{\"A\":[-3,2.0]}}");
	is_str(edited, "X-Mine: 0\r\nA: 3\r\n\r\nhi\r\n",
	    "the last but two, and the second");
	(void)wishes("", "{\"remove_headers\":{\"A\":0,\"B\":-1}}");
	is_str(edited, "X-Mine: 0\r\n\r\nhi\r\n", "all; what is not there");
	(void)wishes("", "{\"remove_headers\":{\"A\":[4,-4,2147483646]}}");
	is_str(edited, "A: 1\r\nA: 2\r\nX-Mine: 0\r\nA: 3\r\n\r\nhi\r\n",
	    "more than there are");
	(void)wishes("", "{\"add_headers\":{\"T\":{\"value\":\"t\",\"order\":1},"
	    "\"L\":{\"value\":\"l\",\"order\":-1},\"M\":{\"value\":\"m\","
	    "\"index\":-2},\"N\":{\"value\":\"n\"},\"F\":{\"value\":\"f\","
	    "\"order\":-9}}}");
	is_str(edited, "F: f\r\nT: t\r\nA: 1\r\nA: 2\r\nX-Mine: 0\r\nM: m\r\n"
	    "A: 3\r\nL: l\r\nN: n\r\n\r\nhi\r\n", "orders");
	(void)wishes("", "{\"add_headers\":{\"X-Mine\":\"1\",\"A\":\"4\"}}");
	is_str(edited, "A: 1\r\nA: 2\r\nA: 3\r\nX-Mine: 1\r\nA: 4\r\n\r\nhi"
	    "\r\n", "the client's own of a name that is its");
	(void)wishes("", "{\"add_headers\":{\"X-Mine\":\"1\"},"
	    "\"remove_headers\":{\"x-mine\":2}}");
	is_str(edited, "A: 1\r\nA: 2\r\nX-Mine: 0\r\nA: 3\r\nX-Mine: 1\r\n"
	    "\r\nhi\r\n", "but where it says itself what goes");
	is_str(wishes("on-error tempfail", "[]"), "", "an empty table");
	is_str(wishes("on-error tempfail", "{\"add_headers\":[],"
	    "\"remove_headers\":[]}"), "", "in it too");
	(void)answered("", "{\"action\":\"no action\",\"score\":1,"
	    "\"dkim-signature\":[\"v=1; a\",\"v=1; b\"]}");
	is_str(edited, "DKIM-Signature: v=1; a\r\nDKIM-Signature: v=1; b\r\n"
	    "A: 1\r\nA: 2\r\nX-Mine: 0\r\nA: 3\r\n\r\nhi\r\n", "signatures");
}

/* All else that its milter can want. */
static void
test_milter(void)
{
	static const char	spam[] = "{\"action\":\"add header\",\"score\":7,"
				    "\"milter\":{\"spam_header\":%s}}";
	char			json[200];
	int			stored;

	is_str(wishes("", "{\"change_from\":\"<new@example.com>\","
	    "\"add_rcpt\":[\"b@example.org\",\"<c@example.org>\"],"
	    "\"del_rcpt\":[\"<Ann+x@Example.Org>\"]}"), "", "the envelope");
	is_str(envelope, "from=<new@example.com> +<b@example.org> "
	    "+<c@example.org> -<Ann+x@Example.Org> ", "is changed");
	(void)wishes("", "{\"change_from\":\"<>\",\"add_rcpt\":"
	    "\"b@example.org\"}");
	is_str(envelope, "from=<> +<b@example.org> ", "one alone, no sender");
	snprintf(json, sizeof(json), spam, "\"Yes, 7\"");
	(void)answered("", json);
	ok(strstr(edited, "X-Spam: Yes, 7\r\n") != NULL, "a spam header");
	snprintf(json, sizeof(json), spam, "{\"X-A\":\"1\",\"a\":\"2\"}");
	(void)answered("", json);
	is_str(edited, "X-Mine: 0\r\nX-A: 1\r\na: 2\r\n\r\nhi\r\n",
	    "others, in place of those of the client");
	(void)wishes("", "{\"spam_header\":\"Yes\"}");
	is_str(edited, "", "not with another action");
	is_str(answered("", "{\"action\":\"reject\",\"score\":16,\"milter\":"
	    "{\"reject\":\"quarantine\",\"add_headers\":{\"B\":\"1\"}}}"),
	    "550 5.7.1 The message was rejected as spam: reject, score 16.00",
	    "nothing is held, nothing vanishes: rejected");
	stored = fix_stored[EVENT_SPAM];
	is_str(answered("score points", "{\"action\":\"reject\",\"score\":8,"
	    "\"milter\":{\"no_action\":true}}"), "", "no action is done");
	is_int(points, 8000, "its score counts");
	is_int(fix_stored[EVENT_SPAM], stored, "it is no spam for store");
	ok(strstr(edited, "X-Rspamd-Action: reject\r\n") != NULL,
	    "and is said in a field");
	ok(strstr(logged, "rspamd action=reject no-action score=8") != NULL,
	    "and in the log");
	is_str(answered("", "{\"action\":\"rewrite subject\",\"score\":8,"
	    "\"subject\":\"no\",\"milter\":{\"no_action\":true}}"), "",
	    "no other subject");
	ok(strstr(edited, "Subject") == NULL, "either");
}

/* What cannot be done is an error, and nothing of it is done. */
static void
test_undone(void)
{
	static const struct {
		const char	*milter, *why;
	}		 bad[] = {
		{ "{\"change_body\":\"x\"}", "its milter has "
		    "\"change_body\", which is unknown" },
		{ "7", "its milter is not an object" },
		{ "{\"remove_headers\":[1]}", "remove_headers is not an object" },
		{ "{\"remove_headers\":{\"A\":\"1\"}}", "has no number" },
		{ "{\"remove_headers\":{\"A\":1.5}}", "has no number" },
		{ "{\"remove_headers\":{\"A\":1e99}}", "has no number" },
		{ "{\"add_headers\":{\"A\":7}}", "has no value" },
		{ "{\"add_headers\":{\"A\":{\"order\":1}}}", "has no value" },
		{ "{\"add_headers\":{\"A\":{\"value\":\"1\",\"order\":\"1\"}}}",
		    "an order that is not a number" },
		{ "{\"add_headers\":{\"A\":\"1\",\"A B\":\"2\"}}",
		    "cannot be done" },
		{ "{\"change_from\":7}", "change_from is not a string" },
		{ "{\"change_from\":\"a b\"}", "cannot be done" },
		{ "{\"add_rcpt\":[\"b@example.org\",7]}", "entry that is not a string" },
		{ "{\"add_rcpt\":[\"<>\"]}", "cannot be done" },
		{ "{\"add_rcpt\":[\"b@example.org\\r\\nDATA\"]}",
		    "cannot be done" },
		{ "{\"del_rcpt\":{\"a\":1}}", "entry that is not a string" },
		{ "{\"reject\":true}", "reject is not a string" },
		{ "{\"no_action\":1}", "neither true nor false" },
		{ NULL, NULL }
	};
	char		 why[300];
	static char	 many[3000] = "{\"remove_headers\":{\"A\":[1";
	size_t		 i;

	for (i = 0; bad[i].milter != NULL; i++) {
		is_str(wishes("on-error tempfail", bad[i].milter), BROKEN,
		    bad[i].milter);
		(void)log_encode_str(why, sizeof(why), bad[i].why);
		ok(strstr(logged, "rspamd error=") != NULL &&
		    strstr(logged, why) != NULL, bad[i].why);
		is_str(edited, "", "nothing of it is done");
		is_str(envelope, "", "of neither");
	}
	for (i = 0; i < 500; i++)
		strlcat(many, ",1", sizeof(many));
	strlcat(many, "]}}", sizeof(many));
	is_str(wishes("on-error tempfail", many), BROKEN, "too many changes");
	is_str(wishes("", "{\"add_headers\":{\"A\":\"1\"},\"new\":1}"), "",
	    "by default the message goes on");
	is_str(edited, "", "as it came");
	is_str(answered("on-error tempfail", "{\"action\":\"reject\",\"score\":"
	    "16,\"milter\":{\"new\":1}}"), "550 5.7.1 The message was "
	    "rejected as spam: reject, score 16.00", "what is refused is "
	    "refused");
}

static void
test_lengths(void)
{
	is_str(scanned("", &tcp, (const char *const []){ "<20", ">" HTTP
	    "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"acti\r\n1C;x=y\r\n"
	    "on\":\"soft reject\",\"score\":1}\r\n0\r\n\r\n", NULL }),
	    "451 4.7.1 Please try again later", "chunks");
	is_str(scanned("", &sock, (const char *const []){ "<20", ">" HTTP
	    "\r\n{\"action\":\"soft reject\",\"score\":1}", "close", NULL }),
	    "451 4.7.1 Please try again later", "until the end");
}

static void
test_errors(void)
{
	static const char *const	 json[] = { "", "x", "[]", "{}", "{\"a",
		"{\"action\":\"no action\"}", "{\"score\":1}",
		"{\"action\":7,\"score\":1}",
		"{\"action\":\"odd\",\"score\":1}",
		"{\"action\":\"no action\",\"score\":\"1\"}",
		"{\"error\":\"x\"}", NULL };
	static const char *const	 http[] = { "", "SPAMD/1.1 0 EX_OK\r\n",
		"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
		HTTP "Content-Length: 3\r\n\r\n{}",
		HTTP "Content-Length: 1\r\n\r\n{}",
		HTTP "Content-Length: -1\r\n\r\n{}",
		HTTP "Content-Length: 99999999999999999999\r\n\r\n{}",
		HTTP "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		HTTP "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"
		    "\r\n{}",
		HTTP "Transfer-Encoding: gzip\r\n\r\n{}",
		HTTP "Content-Encoding: zstd\r\nContent-Length: 2\r\n\r\n{}",
		HTTP "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n",
		HTTP "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n{}",
		HTTP "Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n",
		HTTP "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		HTTP " folded: x\r\n\r\n{}", NULL };
	char				 said[300], name[40];
	const char			*script[] = { "<20", said, "close",
		NULL };
	static const char *const	 silent[] = { NULL };
	int				 i;

	for (i = 0; json[i] != NULL; i++)
		is_str(answered("on-error tempfail", json[i]), BROKEN,
		    json[i]);
	for (i = 0; http[i] != NULL; i++) {
		snprintf(said, sizeof(said), ">%s", http[i]);
		snprintf(name, sizeof(name), "wrong answer %d", i);
		is_str(scanned("on-error tempfail", &tcp, script), BROKEN,
		    name);
	}
	is_str(scanned("on-error tempfail\ntimeout 1s", &tcp, silent), BROKEN,
	    "silence");
	is_str(scanned("", &tcp, script), "", "by default it goes on");
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
	mod_bad("rspamd", "max-size 50M", "no server given; write "
	    "socket \"/path\" or server ADDRESS port N");
	test_sent();
	test_actions();
	test_changes();
	test_places();
	test_milter();
	test_undone();
	test_lengths();
	test_errors();
	unlink(sock.path);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
