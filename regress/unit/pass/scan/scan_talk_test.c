/*
 * Besides a single question to a scanner: a long conversation, the log lines
 * about a scanner that is down, the options, the trace line.
 */
/* LINK: spamgreyd/pass/scan spamgreyd/pass/message */
#include "spamgreyd/pass/scan/scan_int.h"
#include "regress/lib/scan_ask.h"

/* --- a conversation */

static struct talk {
	struct scan_conn	*conn;
	int			 ready, gone, rooms, close_now;
	char			 lines[300];
	char			 why[300];
} t;

static void
talk_ready(struct scan_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	t.ready = 1;
}

/* Takes whole lines. */
static size_t
talk_input(struct scan_conn *c, const uint8_t *p, size_t len, const char *why,
    void *arg)
{
	const uint8_t	*nl;

	(void)arg;
	if (len == 0) {
		t.gone = 1;
		snprintf(t.why, sizeof(t.why), "%s", why);
		return (0);
	}
	if ((nl = memchr(p, '\n', len)) == NULL)
		return (0);
	snprintf(t.lines + strlen(t.lines), sizeof(t.lines) -
	    strlen(t.lines), "%.*s|", (int)(nl - p), (const char *)p);
	if (t.close_now) {
		scan_close(c);
		t.gone = 1;
	}
	return ((size_t)(nl - p) + 1);
}

static void
talk_room(struct scan_conn *c, void *arg)
{
	(void)arg;
	if (scan_queued(c) >= 1000)
		abort();
	t.rooms++;
}

static void
test_conn(void)
{
	static const char *const script[] = { "<3", ">one\ntw", "<6", ">o\n",
	    "slow", "pause", "<2000009", "close", NULL };
	static const char *const talks[] = { ">first\n", ">second\n", NULL };
	struct scan_conf	*c = conf_new(&tcp, NULL);
	static char		 big[1000000];
	int			 n;

	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	tcp.script[0] = script;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	ok(scan_write(t.conn, "abc", 3) == 0, "queued before it is connected");
	turn(&t.ready);
	for (n = 0; n < 1000 && strcmp(t.lines, "one|") != 0; n++)
		event_base_loop(base, EVLOOP_ONCE);
	scan_write(t.conn, "def", 3);
	for (n = 0; n < 1000 && strcmp(t.lines, "one|two|") != 0; n++)
		event_base_loop(base, EVLOOP_ONCE);
	is_str(t.lines, "one|two|", "what is not used is kept");
	scan_write(t.conn, big, sizeof(big));
	scan_write(t.conn, big, sizeof(big));
	scan_write(t.conn, "end", 3);
	is_int(scan_queued(t.conn), 2000003, "nothing is written at once");
	scan_on_room(t.conn, 1000, talk_room);
	while (!tcp.peers[0]->paused)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(t.rooms, 0, "no room yet");
	scanner_go(&tcp);
	turn(&t.gone);
	is_int(t.rooms, 1, "room is told once");
	is_str(after_colon(t.why), "it closed the connection", "its end too");
	ok(scan_write(t.conn, "x", 1) == 0, "(and nobody is hurt)");
	scan_close(t.conn);

	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	tcp.script[0] = talks;
	t.close_now = 1;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	turn(&t.gone);
	is_str(t.lines, "first|", "closed from inside");
	ok(scan_connect(c, 1, 1, talk_ready, talk_input, NULL) == NULL,
	    "there is no second server");
	scan_conf_free(c);
	c = conf_new(&sock, NULL);
	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	sock.refuse = ECONNREFUSED;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	turn(&t.gone);
	ok(!t.ready && strcmp(after_colon(t.why), "Connection refused") == 0,
	    "no connection: told the same way");
	scan_close(t.conn);
	scan_conf_free(c);
}

/* --- a scanner that is down */

static int64_t	stat_down, stat_asked, stat_failed;

static void
stat_seen(const char *name, int64_t value, void *arg)
{
	(void)arg;
	if (strcmp(name, "scan.test.down") == 0)
		stat_down = value;
	if (strcmp(name, "scan.test.asked") == 0)
		stat_asked = value;
	if (strcmp(name, "scan.test.failed") == 0)
		stat_failed = value;
}

/* So many seconds, in each of which scan looks; then the lines of the log. */
static unsigned int
lines(int seconds)
{
	unsigned int	 n = 0;
	const uint8_t	*p;
	size_t		 left;
	int		 i, k;

	buf_free(&logged);
	for (i = 0; i < seconds; i++) {
		clock_fake_advance(1);
		scan_tick();
		for (k = 0; k < 4; k++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (p = logged.data, left = logged.end; left > 0; p++, left--)
		n += *p == '\n';
	return (n);
}

static void
test_down(void)
{
	struct scan_conf	*c = conf_new(&sock, NULL);

	number(c, "tries", 1);
	fresh(SCAN_RAW);
	sock.script[0] = ok_script;
	ask(c);
	clock_fake(1700000000, 5000000);
	scan_stats(stat_seen, NULL);
	is_int(stat_down, 0, "nothing is wrong");
	fresh(SCAN_RAW);
	sock.refuse = ECONNREFUSED;
	ask(c);
	is_int(lines(599), 0, "nine minutes of failures: no line");
	is_int(lines(3), 1, "ten: a line");
	ok(memmem(buf_ptr(&logged), buf_len(&logged), "test: the scanner has "
	    "failed for 60", 35) != NULL, "that says so");
	is_int(lines(600), 10, "and one each minute, without any mail");
	scan_stats(stat_seen, NULL);
	ok(stat_down >= 1200 && stat_failed >= 1 && stat_asked >= 2, "stats");
	sock.refuse = 0;
	sock.script[0] = silent_script;
	(void)lines(61);
	is_int(lines(300), 0, "it takes connections again: no more lines");
	fresh(SCAN_RAW);
	sock.script[0] = ok_script;
	buf_free(&logged);
	ask(c);
	ok(memmem(buf_ptr(&logged), buf_len(&logged), "answers again", 13) !=
	    NULL, "it answers: that is a line");
	scan_stats(stat_seen, NULL);
	is_int(stat_down, 0, "and the stat is 0");
	fresh(SCAN_RAW);
	sock.refuse = ECONNREFUSED;
	ask(c);
	scan_conf_free(c);
	is_int(lines(700), 0, "of a configuration that is gone: nothing");
}

/* --- options, header */

static void
bad_option(const char *keyword, const char *s, const char *addr,
    const char *want)
{
	struct scan_conf	*c = scan_conf_new("test", 1);
	struct module_arg	 arg = { .s = s };
	const char		*error = "";

	if (addr != NULL)
		prefix_parse(addr, &arg.prefix);
	ok(scan_option(c, keyword, &arg, 1, &error) == -1 &&
	    strcmp(error, want) == 0, want);
	scan_conf_free(c);
}

static void
test_options(void)
{
	struct scan_conf	*c = scan_conf_new("test", 1);
	struct module_arg	 arg = { .s = "/run/x" };
	const char		*error = "";
	char			 path[200];
	int			 i;

	ok(scan_check(c, &error) == -1 && strstr(error, "no server") != NULL,
	    "no server is an error");
	is_int(scan_option(c, "points", &arg, 1, &error), 0, "not ours");
	for (i = 0; i < SCAN_SERVERS_MAX; i++)
		scan_option(c, "socket", &arg, 1, &error);
	ok(scan_servers(c) == 8 && scan_is_unix(c, 7) && !scan_is_unix(c, 8) &&
	    scan_check(c, &error) == 0, "eight servers");
	is_int(scan_option(c, "socket", &arg, 1, &error), -1, "not nine");
	scan_conf_free(c);
	bad_option("socket", "run/x", NULL,
	    "the path of a socket must begin with /");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[199] = '\0';
	bad_option("socket", path, NULL, "the path is too long for a socket");
	bad_option("server", "", "10.0.0.0/8",
	    "a server must be an address, not a network");
}

static void
test_received(void)
{
	struct scan_sender s;
	struct addr	 client;
	struct buf	 b = { 0 };

	memset(&s, 0, sizeof(s));
	clock_fake(1700000000, 1);
	s.id = 0xabc;
	s.client = &client;
	s.hostname = "mx.example.org";
	s.helo = "client.example\r\nEvil: (x)";
	s.from = "<a@example.com\r\nX>";
	s.esmtp = 1;
	s.tls_version = "TLSv1.3";
	addr_parse("192.0.2.1", &client);
	ok(scan_received(&s, &b) == 0 && buf_add(&b, "", 1) == 0, "made");
	is_str((char *)buf_ptr(&b),
	    "Return-Path: <a@example.com??X>\r\n"
	    "Received: from client.example??Evil:??x? (unknown [192.0.2.1])"
	    "\r\n\t(using TLSv1.3)\r\n\tby mx.example.org (Postfix) with "
	    "ESMTPS id 0000000000000abc\r\n\t(envelope-from "
	    "<a@example.com??X>);\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
	    "a trace line, with nothing foreign in it");
	buf_free(&b);
	s.name = "mx.client.example";
	ok(scan_received(&s, &b) == 0 && buf_add(&b, "", 1) == 0 &&
	    strstr((char *)buf_ptr(&b), "??x? (mx.client.example [192.0.2.1])")
	    != NULL, "with its name");
	buf_free(&b);
	s.helo = s.from = s.tls_version = s.name = NULL;
	s.esmtp = 0;
	addr_parse("2001:db8::1", &client);
	ok(scan_received(&s, &b) == 0 && buf_add(&b, "", 1) == 0, "made");
	is_str((char *)buf_ptr(&b),
	    "Return-Path: <>\r\n"
	    "Received: from unknown (unknown [IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.org (Postfix) with SMTP id 0000000000000abc\r\n"
	    "\t(envelope-from <>);\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
	    "of one who said nothing");
	buf_free(&b);
}

int
main(void)
{
	if (ask_begin() == -1)
		return (1);
	test_options();
	test_conn();
	test_down();
	test_received();
	ask_end();
	return (done());
}
