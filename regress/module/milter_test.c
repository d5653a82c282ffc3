/* LINK: spamgreyd/mod_milter.o spamgreyd/milter_sess.o spamgreyd/milter_send.o spamgreyd/milter_answer.o spamgreyd/milter_head.o spamgreyd/milter_proto.o spamgreyd/module_run.o spamgreyd/module_chain.o spamgreyd/module_named.o spamgreyd/module_points.o spamgreyd/module_api.o spamgreyd/module_content.o spamgreyd/conf_module.o spamgreyd/conf_module_args.o spamgreyd/conf_report.o spamgreyd/conf_file.o spamgreyd/conf_lex.o spamgreyd/conf_strategy.o spamgreyd/msgedit.o spamgreyd/msgedit_apply.o spamgreyd/scan.o spamgreyd/scan_conf.o spamgreyd/scan_conn.o spamgreyd/scan_health.o spamgreyd/scan_send.o spamgreyd/scan_sock.o spamgreyd/spool.o */
/*
 * The module milter with a scripted filter: what it is told at each stage,
 * every verdict at every stage, every change, what it does that it may not,
 * silence, and connections that are lost.
 */
#define FIX_REAL_LOOP
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <unistd.h>

#include "../../spamgreyd/milter.h"
#include "module_fixture.h"

extern const struct module mod_milter;
const struct module *const modules[] = { &mod_milter, NULL };

/*
 * The filter.  A rule is "X:packets": what is answered to the command X, the
 * rule's packets parted by '|', octets as \xHH.  "!close" and "!" (nothing)
 * instead; "!raw…" are octets as they are.  A rule is used up, but "X*:".
 * Without one, the answer is 'c', none to D, A, Q.
 */
#define RULES	12
struct filter {
	int		 lfd, fd;
	uint16_t	 port;
	struct event	*lev, *ev;
	const char	*rules[RULES];
	int		 used[RULES];
	struct buf	 in, heard;
	unsigned int	 conns;
	int		 stopped;	/* reads nothing */
};
static struct filter	filter;
static struct spool	*spool;

static size_t
octets(const char *s, size_t len, uint8_t *dst)
{
	unsigned int	v;
	size_t		n = 0, i;

	for (i = 0; i < len; i++)
		if (s[i] == '\\' && sscanf(s + i, "\\x%2x", &v) == 1) {
			dst[n++] = (uint8_t)v;
			i += 3;
		} else
			dst[n++] = (uint8_t)s[i];
	return (n);
}

static void
filter_hang_up(void)
{
	if (filter.fd == -1)
		return;
	event_free(filter.ev);
	close(filter.fd);
	filter.fd = -1;
	buf_free(&filter.in);
}

static void
filter_say(const char *text)
{
	uint8_t	b[4096];
	size_t	len, n;

	if (strncmp(text, "!raw", 4) == 0) {
		n = octets(text + 4, strlen(text) - 4, b);
		if (send(filter.fd, b, n, MSG_NOSIGNAL) != (ssize_t)n)
			abort();
		return;
	}
	for (;; text += len + 1) {
		len = strcspn(text, "|");
		n = octets(text, len, b + 4);
		b[0] = b[1] = 0;
		b[2] = (uint8_t)(n >> 8);
		b[3] = (uint8_t)n;
		if (send(filter.fd, b, n + 4, MSG_NOSIGNAL) != (ssize_t)n + 4)
			abort();
		if (text[len] == '\0')
			return;
	}
}

static const char *
filter_rule(char cmd)
{
	size_t	i;

	for (i = 0; i < RULES && filter.rules[i] != NULL; i++) {
		if (filter.rules[i][0] != cmd || filter.used[i])
			continue;
		if (filter.rules[i][1] == '*')
			return (filter.rules[i] + 3);
		filter.used[i] = 1;
		return (filter.rules[i] + 2);
	}
	if (strchr("DAQ", cmd) != NULL)
		return ("!");
	/* version 6, all actions, all steps wanted and answered */
	return (cmd == 'O' ? "O\\x00\\x00\\x00\\x06\\x00\\x00\\x01\\xff"
	    "\\x00\\x00\\x00\\x00" : "c");
}

static void
heard(const uint8_t *p, size_t len)
{
	size_t	i;
	int	r = buf_addstr(&filter.heard, buf_len(&filter.heard) > 0 ?
		    " " : "");

	if (len > 3000)
		r |= buf_printf(&filter.heard, "%c(%zu)", p[0], len - 1);
	else
		for (i = 0; i < len; i++)
			r |= buf_printf(&filter.heard, p[i] == '\0' ? "/" :
			    p[i] > ' ' && p[i] <= '~' ? "%c" : "\\%02x", p[i]);
	if (r != 0)
		exit(1);
}

static void
filter_read(evutil_socket_t fd, short what, void *arg)
{
	uint8_t		 b[65536], *p;
	const char	*text;
	size_t		 len;
	ssize_t		 n;

	(void)what;
	(void)arg;
	if ((n = read(fd, b, sizeof(b))) <= 0) {
		filter_hang_up();
		return;
	}
	if (buf_add(&filter.in, b, (size_t)n) == -1)
		exit(1);
	while (buf_len(&filter.in) >= 5) {
		p = buf_ptr(&filter.in);
		len = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
		    (size_t)p[2] << 8 | p[3];
		if (len == 0 || len > 65536)
			abort();	/* more than a filter takes */
		if (buf_len(&filter.in) < len + 4)
			return;
		heard(p + 4, len);
		text = filter_rule((char)p[4]);
		buf_drain(&filter.in, len + 4);
		if (strcmp(text, "!close") == 0) {
			filter_hang_up();
			return;
		}
		if (strcmp(text, "!") != 0)
			filter_say(text);
	}
}

static void
filter_accept(evutil_socket_t lfd, short what, void *arg)
{
	(void)what;
	(void)arg;
	filter_hang_up();
	if ((filter.fd = accept(lfd, NULL, NULL)) == -1)
		abort();
	filter.conns++;
	filter.ev = event_new(pass.base, filter.fd, EV_READ | EV_PERSIST,
	    filter_read, NULL);
	if (!filter.stopped)
		event_add(filter.ev, NULL);
}

static void
filter_start(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	filter.fd = -1;
	filter.lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(filter.lfd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(filter.lfd, 8) == -1 || getsockname(filter.lfd,
	    (struct sockaddr *)&sin, &len) == -1)
		exit(1);
	filter.port = ntohs(sin.sin_port);
	filter.lev = event_new(pass.base, filter.lfd, EV_READ | EV_PERSIST,
	    filter_accept, NULL);
	event_add(filter.lev, NULL);
}

/* --- a session */

static struct pass_conf	*pc;
static struct session	*s;

static void
begin(const char *block, const char *const *rules)
{
	char	text[300];
	size_t	i;

	filter_hang_up();
	filter.conns = 0;
	memset(filter.used, 0, sizeof(filter.used));
	memset(filter.rules, 0, sizeof(filter.rules));
	for (i = 0; rules != NULL && rules[i] != NULL && i < RULES; i++)
		filter.rules[i] = rules[i];
	snprintf(text, sizeof(text), "milter { server 127.0.0.1 port %u \n "
	    "%s }", filter.port, block);
	pc = fix_conf(text);
	s = fix_session(pc, "192.0.2.1");
	s->ms.port = 1234;
	s->ms.helo = "client.example";
	s->ms.esmtp = 1;
	(void)fix_logged();
}

static void
turn_until_gone(void)
{
	while (filter.fd != -1)
		if (event_base_loop(pass.base, EVLOOP_ONCE) != 0)
			abort();
}

/* Until the filter has heard all and seen the end. */
static void
end(void)
{
	fix_session_free(s);
	turn_until_gone();
	fix_conf_free(pc);
	buf_free(&filter.heard);
}

/* The connection is lost, and the module has seen it. */
static void
lose(void)
{
	const struct milter	**data = module_data(&s->ms, &mod_milter);

	filter_hang_up();
	while ((*data)->conn != NULL)
		if (event_base_loop(pass.base, EVLOOP_ONCE) != 0)
			abort();
}

static const char *
stage(enum stage st)
{
	static char	got[320];

	if (fix_stage(s, st) == NULL)
		fix_wait(&fix_outcome);
	snprintf(got, sizeof(got), "%s", fix_outcome);
	return (got);
}

/* What it has heard since the last call. */
static const char *
told(void)
{
	static char	*text;

	free(text);
	text = strndup(buf_len(&filter.heard) == 0 ? "" :
	    (const char *)buf_ptr(&filter.heard), buf_len(&filter.heard));
	buf_free(&filter.heard);
	return (text);
}

/* To that stage: the last outcome, or the first that is one. */
static const char *
go(enum stage first, enum stage last)
{
	static const enum stage	all[] = { STAGE_CONNECT, STAGE_HELO,
				    STAGE_MAIL, STAGE_RCPT, STAGE_DATA,
				    STAGE_EOM };
	const char		*got = "";
	size_t			 i;

	for (i = 0; i < 6 && *got == '\0'; i++) {
		if (all[i] < first)
			continue;
		if (all[i] == STAGE_MAIL)
			s->ms.from = "<a@example.com>";
		if (all[i] == STAGE_RCPT)
			s->ms.rcpt = "<b@example.org>";
		if (all[i] == STAGE_EOM)
			s->ms.spool = spool;
		got = stage(all[i]);
		if (all[i] == last)
			break;
	}
	return (got);
}

static const char *
up_to(enum stage last)
{
	return (go(STAGE_CONNECT, last));
}

/* Another message of the same session. */
static const char *
next_to(enum stage last)
{
	s->ms.spool = NULL;
	run_new_message(s);
	return (go(STAGE_MAIL, last));
}

static struct spool *
message(const char *text)
{
	struct spool	*sp = spool_new();

	if (sp == NULL || spool_write(sp, text, strlen(text)) == -1)
		exit(1);
	return (sp);
}

/* What is to be delivered. */
static const char *
edited(void)
{
	static char	 text[1000];
	struct msgedit	*e;
	struct spool	*out;
	ssize_t		 n;

	if (run_edits(s, &e) == -1)
		exit(1);
	if (e == NULL)
		return ("nothing");
	if ((out = msgedit_apply(e, spool)) == NULL)
		exit(1);
	n = spool_read(out, 0, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	spool_free(out);
	msgedit_free(e);
	return (text);
}

#define BROKEN	"451 4.3.0 The checks of mail do not work at the moment, " \
		    "please try again later"

/* Blanks of the log's values are encoded. */
static void
logged(const char *text)
{
	const char	*log = fix_logged();
	char		 enc[200];

	(void)log_encode_str(enc, sizeof(enc), text);
	ok(strstr(log, enc) != NULL || strstr(log, text) != NULL, text);
	if (strstr(log, enc) == NULL && strstr(log, text) == NULL)
		printf("# %s\n", log);
}

/* --- what it is told */

static void
test_stages(void)
{
	const char	*t;

	begin("", NULL);
	is_str(stage(STAGE_CONNECT), "", "CONNECT");
	t = told();
	ok(strncmp(t, "O/// \\06", 1) == 0 && t[0] == 'O', "the offer");
	ok(strstr(t, "DCj/mx.example.org/v/spamgreyd/_/[192.0.2.1]/") != NULL &&
	    strstr(t, "{client_addr}/192.0.2.1/") != NULL &&
	    strstr(t, "{client_port}/1234/") != NULL, t);
	ok(strstr(t, " C[192.0.2.1]/4\\04\\d2192.0.2.1/") != NULL,
	    "the address");
	s->ms.tls_version = "TLSv1.3";
	s->ms.tls_cipher = "AES";
	is_str(stage(STAGE_HELO), "", "HELO");
	is_str(told(), "DH{tls_version}/TLSv1.3/{cipher}/AES/ Hclient.example/",
	    "with TLS' macros");
	s->ms.from = "<a@example.com>";
	s->ms.from_params = "SIZE=100 BODY=8BITMIME";
	is_str(stage(STAGE_MAIL), "", "MAIL");
	is_str(told(), "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ "
	    "M<a@example.com>/SIZE=100/BODY=8BITMIME/", "its parameters");
	s->ms.rcpt = "<b@example.org>";
	is_str(stage(STAGE_RCPT), "", "RCPT");
	is_str(told(), "DRi/0000000000000abc-1/{rcpt_addr}/b@example.org/"
	    "{rcpt_host}/example.org/{rcpt_mailer}/smtp/ R<b@example.org>/",
	    "the recipient");
	is_str(stage(STAGE_DATA), "", "DATA");
	is_str(told(), "DTi/0000000000000abc-1/ T", "T");
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), "", "EOM");
	is_str(told(), "LSubject/x\\0a\\09y/ LX-A/\\20two/ "
	    "DNi/0000000000000abc-1/ N Bbody\\0d\\0a "
	    "DEi/0000000000000abc-1/ E", "header, its folds, body, end");
	is_str(edited(), "nothing", "nothing is changed");
	is_str(next_to(STAGE_MAIL), "", "another message");
	s->ms.rcpt = "<c@example.org>";
	is_str(stage(STAGE_RCPT), "", "of which no more comes");
	(void)told();
	is_str(stage(STAGE_MAIL), "", "and one more");
	ok(strncmp(told(), "A DMi/0000000000000abc-3/", 20) == 0,
	    "A between messages");
	is_int(filter.conns, 1, "on one connection");
	fix_session_free(s);
	turn_until_gone();
	is_str(told(), "A Q", "A and Q at the end");
	fix_conf_free(pc);
}

/* Steps it does not want, steps it does not answer, lists, old versions. */
static void
test_options(void)
{
	static const char *const	none[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x7f", NULL };
	static const char *const	mute[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x00\\x01\\x00\\x1d\\xf4\\x80"
		"\\x00\\x00\\x00\\x00j {client_addr}\\x00"
		"\\x00\\x00\\x00\\x05\\x00", "C*:!", "H*:!", "M*:!", "R*:!",
		"T*:!", "L*:!", "N*:!", "B*:!", NULL };
	static const char *const	old[] = { "O:O\\x00\\x00\\x00\\x02"
		"\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00", NULL };

	begin("", none);
	is_str(up_to(STAGE_EOM), "", "a filter that wants no step");
	ok(strstr(told(), "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ DRi/") != NULL,
	    "hears the macros and no command");
	end();
	begin("", mute);
	is_str(up_to(STAGE_EOM), "", "one that answers nothing but the end");
	is_str(told(), "O///\\06//\\01\\ff/\\1f\\f7\\ff "
	    "DCj/mx.example.org/{client_addr}/192.0.2.1/ "
	    "C[192.0.2.1]/4\\04\\d2192.0.2.1/ Hclient.example/ "
	    "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ M<a@example.com>/ "
	    "DRi/0000000000000abc-1/{rcpt_addr}/b@example.org/"
	    "{rcpt_host}/example.org/{rcpt_mailer}/smtp/ R<b@example.org>/ "
	    "DTi/0000000000000abc-1/ T LSubject/\\20x\\0a\\09y/ "
	    "LX-A/\\20\\20two/ DNi/0000000000000abc-1/ N Bbody\\0d\\0a E",
	    "its lists of macros, and blanks before values");
	end();
	begin("", old);
	is_str(up_to(STAGE_EOM), "", "version 2");
	ok(strstr(told(), " T ") == NULL, "knows no DATA");
	end();
}

/* --- verdicts */

static void
verdict(enum stage at, const char *rule, const char *want)
{
	const char	*rules[] = { rule, NULL };

	begin("", rules);
	is_str(up_to(at), want, rule);
	end();
}

static void
test_verdicts(void)
{
	static const struct {
		const char	*answer, *want;
	}				 all[] = {
		{ "r", "550 5.7.1 Command rejected" },
		{ "t", "451 4.7.1 Service unavailable, please try again "
		    "later" },
		{ "d", "550 5.7.1 The message is not wanted here" },
		{ "4", "close 421 4.7.0 Closing the connection, please try "
		    "again later" },
		{ "y554 5.7.9 No %%100\\x00", "554 5.7.9 No %100" },
		{ "y450 later\\x00", "450 4.7.1 later" },
		{ "y550-5.1.1 one\\x0d\\x0a550 5.1.1 two\\x07\\x00",
		    "550 5.1.1 one two?" },
		{ "y421 4.3.2 down\\x00", "close 421 4.3.2 down" },
		{ "f", BROKEN }, { "z", BROKEN }, { "y250 ok\\x00", BROKEN },
		{ "y550 no end", BROKEN }, { "s", BROKEN },
		{ "hX\\x00y\\x00", BROKEN }
	};
	static const struct {
		char		cmd;
		enum stage	at;
	}				 cmds[] = {
		{ 'C', STAGE_CONNECT }, { 'H', STAGE_HELO },
		{ 'M', STAGE_MAIL }, { 'R', STAGE_RCPT }, { 'T', STAGE_DATA },
		{ 'L', STAGE_EOM }, { 'N', STAGE_EOM }, { 'E', STAGE_EOM }
	};
	char				 rule[80];
	size_t				 i, k;

	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
			/* (after the end a header is no mistake) */
			if (cmds[i].cmd == 'E' && all[k].answer[0] == 'h')
				continue;
			snprintf(rule, sizeof(rule), "%c:%s", cmds[i].cmd,
			    all[k].answer);
			verdict(cmds[i].at, rule, all[k].want);
		}
	is_int(mod_stat("module.milter.discarded"), 8, "discards, counted");
	verdict(STAGE_EOM, "E:p|p|p|c", "");
	verdict(STAGE_EOM, "M:p|c", "");
	begin("", NULL);
	is_str(up_to(STAGE_MAIL), "", "MAIL, and then");
	filter_say("c");
	turn_until_gone();
	is_str(stage(STAGE_RCPT), BROKEN, "an answer to nothing");
	end();
	begin("", (const char *const []){ "B:s", NULL });
	is_str(up_to(STAGE_EOM), BROKEN, "SKIP of one that did not ask for it");
	end();
}

static void
test_reach(void)
{
	static const char *const	r[] = { "R:r", NULL };
	static const char *const	m[] = { "M:a", NULL };
	static const char *const	h[] = { "H:a", NULL };
	static const char *const	d[] = { "R:d", NULL };

	begin("", r);
	is_str(up_to(STAGE_RCPT), "550 5.7.1 Command rejected", "a recipient");
	s->ms.rcpt = "<c@example.org>";
	is_str(stage(STAGE_RCPT), "", "and only that one");
	end();
	begin("", m);
	is_str(up_to(STAGE_EOM), "", "accepted at MAIL");
	ok(strstr(told(), " R<") == NULL, "the rest it does not see");
	is_str(next_to(STAGE_RCPT), "", "the next message");
	ok(strstr(told(), " R<") != NULL, "it does");
	is_int(filter.conns, 1, "on the same connection");
	end();
	begin("", h);
	is_str(up_to(STAGE_EOM), "", "accepted at HELO");
	is_str(next_to(STAGE_EOM), "", "and the next message");
	turn_until_gone();
	ok(strstr(told(), " M<") == NULL && filter.conns == 1,
	    "it sees nothing more, and is hung up");
	end();
	begin("", d);
	is_str(up_to(STAGE_RCPT), "550 5.7.1 The message is not wanted here",
	    "discarded at RCPT");
	is_str(stage(STAGE_RCPT), "550 5.7.1 The message is not wanted here",
	    "is the whole message");
	is_str(next_to(STAGE_RCPT), "", "not the next one");
	end();
}

/* --- changes */

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
	e = run_envelope(s, 0);
	ok(e != NULL && e->kind == ENV_ADD &&
	    strcmp(e->path, "<d@example.org>") == 0, "a recipient more");
	e = run_envelope(s, 1);
	ok(e != NULL && e->kind == ENV_ADD &&
	    strcmp(e->params, "NOTIFY=NEVER") == 0, "and with parameters");
	e = run_envelope(s, 2);
	ok(e != NULL && e->kind == ENV_DELETE, "one less");
	e = run_envelope(s, 3);
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
	is_str(up_to(STAGE_EOM), "550 5.7.1 The message is not wanted here: "
	    "why so?", "quarantine");
	end();
	begin("quarantine tempfail", (const char *const []){
	    "E:qwhy\\x00|a", NULL });
	is_str(up_to(STAGE_EOM), "451 4.7.1 The message cannot be taken now: "
	    "why", "quarantine tempfail");
	is_int(mod_stat("module.milter.held"), 2, "counted");
	end();
}

/* --- what goes wrong */

static void
test_wrong(void)
{
	static const char *const	options[] = {
		"O:c", "O:O\\x00\\x00", "O:O\\x00\\x00\\x00\\x07"
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\xff\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x00\\xff\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
		"\\x00\\x00\\x00\\x09j\\x00",
		"O:!close", "O:!raw\\x00\\x00\\x00\\x00",
		"O:!raw\\x7f\\xff\\xff\\xff", "C:!close",
		"C:!raw\\x00\\x00\\x00\\x00", "C:!raw\\x40\\x00\\x00\\x00c"
	};
	size_t				i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		verdict(STAGE_CONNECT, options[i], BROKEN);
	verdict(STAGE_MAIL, "M:!raw\\x00\\x00\\x00\\x08y550", BROKEN);
}

static void
test_silence(void)
{
	static const char *const	m[] = { "M:!", NULL };
	static const char *const	o[] = { "O:!", NULL };
	static const char *const	e[] = { "E:!", NULL };
	static const char *const	half[] = { "R:!raw\\x00\\x00\\x00\\x01",
		NULL };

	begin("command 1s", o);
	is_str(up_to(STAGE_CONNECT), BROKEN, "no answer to the offer");
	logged("no answer to the options in time");
	end();
	begin("command 1s", m);
	is_str(up_to(STAGE_MAIL), BROKEN, "none to MAIL");
	end();
	begin("command 1s", half);
	is_str(up_to(STAGE_RCPT), BROKEN, "half of one to RCPT");
	is_str(stage(STAGE_RCPT), BROKEN, "the next recipient is not taken "
	    "unseen");
	is_str(stage(STAGE_DATA), BROKEN, "nor the message");
	is_str(stage(STAGE_EOM), "", "of which that was said");
	end();
	begin("message 1s", e);
	is_str(up_to(STAGE_EOM), BROKEN, "none to the whole message");
	end();
	begin("", e);
	pc->conf->pass->scan = 1;
	is_str(up_to(STAGE_EOM), BROKEN, "the budget is kept");
	is_str(next_to(STAGE_EOM), "", "the next message goes on a new "
	    "connection");
	is_int(filter.conns, 2, "as the old one is at another place");
	end();
}

/* Lost between messages, in a message, never there. */
static void
test_lost(void)
{
	static const char *const	none[] = { NULL };

	begin("", none);
	is_str(up_to(STAGE_EOM), "", "a message");
	lose();
	(void)told();
	is_str(next_to(STAGE_RCPT), "", "the filter was started anew");
	is_str(stage(STAGE_DATA), "", "it is told all");
	ok(strstr(told(), " Hclient.example/ ") != NULL, "the client too");
	is_int(filter.conns, 2, "on a new connection");
	is_int(mod_stat("module.milter.reconnected") > 0, 1, "counted");
	lose();
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), BROKEN, "lost in a message");
	is_str(next_to(STAGE_EOM), "", "and there for the next");
	end();
	begin("on-error accept", none);
	event_del(filter.lev);
	close(filter.lfd);
	is_str(up_to(STAGE_EOM), "", "nobody is there: on-error accept");
	logged("Connection refused");
	end();
	event_free(filter.lev);
	filter_start();
}

/* A body of many packets, to a filter that takes them all, one that has seen
 * enough, one that takes nothing. */
static void
test_body(void)
{
	static const char *const	skip[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x01\\xff\\x00\\x00\\x04\\x00", "B:s", NULL };
	static const char *const	mute[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x01\\xff\\x00\\x08\\x00\\x00", "B*:!", NULL };
	static char			 big[300000];
	struct spool			*small = spool;
	size_t				 i;

	spool = message("Subject: x\r\n\r\n");
	memset(big, 'x', sizeof(big));
	for (i = 0; i < 20; i++)
		if (spool_write(spool, big, sizeof(big)) == -1)
			exit(1);
	begin("", NULL);
	is_str(up_to(STAGE_EOM), "", "6 MB, each packet answered");
	ok(strstr(told(), "N B(65535) B(65535) B(65535)") != NULL,
	    "in whole packets");
	end();
	begin("", skip);
	is_str(up_to(STAGE_EOM), "", "SKIP");
	ok(strstr(told(), "N B(65535) DE") != NULL, "after one packet");
	end();
	begin("", mute);
	is_str(up_to(STAGE_EOM), "", "none answered");
	end();
	begin("command 1s", (const char *const []){ "O:O\\x00\\x00\\x00\\x06"
	    "\\x00\\x00\\x01\\xff\\x00\\x08\\x00\\x00", "B*:!", NULL });
	is_str(up_to(STAGE_DATA), "", "one that stops");
	event_del(filter.ev);
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), BROKEN, "has an end");
	filter_hang_up();
	end();
	spool_free(spool);
	spool = message("X: ");
	if (spool_write(spool, big, sizeof(big)) == -1 ||
	    spool_write(spool, "\r\n\r\n", 4) == -1)
		exit(1);
	begin("strategy unscannable reject", NULL);
	ok(strncmp(up_to(STAGE_EOM), "550 5.7.1 The message cannot be examined",
	    40) == 0, "a field longer than a packet");
	end();
	begin("", (const char *const []){ "O:O\\x00\\x00\\x00\\x06"
	    "\\x00\\x00\\x01\\xff\\x00\\x00\\x00\\x20", NULL });
	is_str(up_to(STAGE_EOM), "", "and a filter that wants no header");
	end();
	spool_free(spool);
	spool = small;
}

static void
test_conf(void)
{
	mod_bad("milter", "", "no server to ask; write socket \"/path\" or "
	    "server ADDRESS port N");
	mod_bad("milter.one", "", "no server to ask; write socket \"/path\" "
	    "or server ADDRESS port N");
	mod_bad("milter", "socket \"run/x\"", "socket: the path of a socket "
	    "begins with /");
}

/* Two of them: settings, state and counters of their own. */
static void
test_two(void)
{
	char		 text[300];
	struct conf_module *m;
	const char	*rules[] = { "M:r", NULL };

	begin("", rules);
	fix_session_free(s);
	snprintf(text, sizeof(text), "server 127.0.0.1 port %u", filter.port);
	m = words_module("milter.second", text);
	is_int(conf_module_split_all(m, fix_report, NULL), 0, "a second one");
	TAILQ_INSERT_HEAD(&pc->conf->pass->modules, m, entry);
	chain_free(pc->chain);
	pc->chain = chain_new(pc->conf);
	ok(pc->chain != NULL && pc->chain->n == 2, "both in the chain");
	ok(pc->chain->link[0].mod != pc->chain->link[1].mod,
	    "are two modules");
	is_str(pc->chain->link[0].mod->name, "milter.second", "with names");
	ok(module_named("milter.second") == pc->chain->link[0].mod,
	    "a name is one module for good");
	ok(module_named("nothing.x") == NULL, "of no kind: none");
	s = fix_session(pc, "192.0.2.1");
	s->ms.helo = "x";
	ok(module_data(&s->ms, pc->chain->link[0].mod) !=
	    module_data(&s->ms, pc->chain->link[1].mod), "each its data");
	fix_session_free(s);
	is_int(mod_stat("module.milter.second.calls"), 1, "counted by name: "
	    "its CLOSE");
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	filter_start();
	spool = message("Subject: x\r\n\ty\r\nX-A:  two\r\n\r\nbody\r\n");
	test_stages();
	test_options();
	test_verdicts();
	test_reach();
	test_changes();
	test_wrong();
	test_silence();
	test_lost();
	test_body();
	test_conf();
	test_two();
	spool_free(spool);
	return (done());
}
