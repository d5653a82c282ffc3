/* LINK: spamgreyd/modules/clamav spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * The module clamav with scripted clamds: how it sends a message, every kind of
 * answer, failures of the server, and the outcome of each.
 */
#define FIX_REAL_LOOP
#include "regress/lib/module_fixture.h"
#include "regress/lib/scan_fixture.h"

extern const struct module mod_clamav;
const struct module *const modules[] = { &mod_clamav, NULL };

static struct scanner	 tcp, sock;
static char		 dir[] = "/tmp/clamav_test.XXXXXX";
static struct spool	*spool;

/* A message to a server that answers so: the outcome. */
static const char *
scanned(const char *block, struct scanner *s, const char *const *script)
{
	static char		 got[320];
	struct pass_conf	*pc;
	struct session		*session;
	char			 text[400];

	scanner_reset(&tcp);
	scanner_reset(&sock);
	s->script[0] = script;
	if (s == &tcp)
		snprintf(text, sizeof(text), "clamav { server 127.0.0.1 port "
		    "%u \n %s }", s->port, block);
	else
		snprintf(text, sizeof(text), "clamav { socket \"%s\" \n %s }",
		    s->path, block);
	pc = fix_conf(text);
	session = fix_session(pc, "192.0.2.1");
	session->ms.from = "<a@example.com>";
	session->ms.spool = spool;
	if (fix_stage(session, STAGE_EOM) == NULL)
		fix_wait(&fix_outcome);
	snprintf(got, sizeof(got), "%s", fix_outcome);
	session->ms.spool = NULL;
	fix_session_free(session);
	fix_conf_free(pc);
	return (got);
}

/* The same to both kinds, with its prefix before the words. */
static void
both(const char *words, const char *want)
{
	char		 fd[300], stream[300];
	const char	*fds[] = { "fd", fd, "close", NULL };
	const char	*streams[] = { "<18", stream, "close", NULL };

	snprintf(fd, sizeof(fd), ">>fd[10]: %s", words);
	snprintf(stream, sizeof(stream), ">>stream: %s", words);
	is_str(scanned("", &sock, fds), want, words);
	is_str(scanned("", &tcp, streams), want, words);
}

#define BROKEN	"451 4.3.0 Mail scanning is temporarily unavailable; please " \
    "try again later"

static void
test_sent(void)
{
	static const char *const	fds[] = { "fd", ">>fd[7]: OK", NULL };
	static const char *const	chunks[] = { "<28", ">>stream: OK",
		NULL };

	is_str(scanned("", &sock, fds), "", "unix socket");
	ok(buf_len(&sock.in) == 9 &&
	    memcmp(buf_ptr(&sock.in), "zFILDES\0", 9) == 0, "FILDES");
	ok(buf_len(&sock.file) == 10 && !sock.writable &&
	    memcmp(buf_ptr(&sock.file), "Subject: x", 10) == 0,
	    "the message is the descriptor's");
	is_str(scanned("", &tcp, chunks), "", "TCP");
	ok(buf_len(&tcp.in) == 28 && memcmp(buf_ptr(&tcp.in),
	    "zINSTREAM\0\0\0\0\x0aSubject: x\0\0\0", 28) == 0, "INSTREAM");
}

static void
test_answers(void)
{
	static const char *const	limit[] = { "<28",
		">>INSTREAM size limit exceeded. ERROR", "close", NULL };
	static const char *const	encrypted[] = { "fd",
		">>fd[1]: Heuristics.Encrypted.Zip FOUND", NULL };
	const char			*text;

	both("OK", "");
	text = scanned("", &sock, (const char *const []){ "fd",
	    ">>fd[7]: Eicar-Test(44d88612fea8a8f36de82e1278abb02f:68) FOUND",
	    NULL });
	ok(strncmp(text, "550 5.7.1 ", 10) == 0 &&
	    strstr(text, "Eicar-Test") != NULL &&
	    strstr(text, "44d8") == NULL, text);
	text = scanned("", &tcp, (const char *const []){ "<28",
	    ">>stream: Odd (name) FOUND", NULL });
	ok(strncmp(text, "550 5.7.1 ", 10) == 0, text);
	is_int(mod_stat("module.clamav.virus"), 2, "counted");
	ok(fix_stored[EVENT_VIRUS] == 2, "and an event each");
	both("Heuristics.Limits.Exceeded.MaxFileSize FOUND", "");
	both("Scan time limit reached ERROR", "");
	is_str(scanned("", &tcp, limit), "", "a stream that is too long: "
	    "unscannable, marked");
	is_str(scanned("", &sock, encrypted), "", "encrypted: too");
	is_int(mod_stat("module.clamav.unscannable"), 6, "counted");
	text = scanned("encrypted virus", &sock, encrypted);
	ok(strncmp(text, "550 5.7.1 ", 10) == 0, "encrypted virus");
	text = scanned("strategy unscannable tempfail", &sock, encrypted);
	ok(strncmp(text, "451 4.7.1 ", 10) == 0, text);
	text = scanned("max-size 1K", &sock, encrypted);
	ok(*text == '\0' && sock.conns == 1, "small enough for max-size");
}

/* What it has not read it cannot have looked into. */
static void
test_early(void)
{
	static const char *const	ok_said[] = { "slow", "<100",
		">>stream: OK", "pause", NULL };
	static const char *const	limit[] = { "slow", "<100",
		">>INSTREAM size limit exceeded. ERROR", "pause", NULL };
	static char			big[1024 * 1024];
	struct spool			*small = spool;
	int				i;

	spool = spool_new();
	for (i = 0; i < 16; i++)
		if (spool_write(spool, big, sizeof(big)) == -1)
			exit(1);
	(void)fix_logged();
	is_str(scanned("", &tcp, ok_said), BROKEN, "OK in the middle");
	ok(strstr(fix_logged(), "OK\\x20before") != NULL, "the log says it");
	is_str(scanned("", &tcp, limit), "", "a limit in the middle");
	spool_free(spool);
	spool = small;
}

static void
test_large(void)
{
	static char	 big[2000];
	struct spool	*small = spool;
	const char	*text;

	spool = spool_new();
	if (spool_write(spool, big, sizeof(big)) == -1)
		exit(1);
	is_str(scanned("max-size 1K", &sock, NULL), "", "larger: marked");
	is_int(sock.conns, 0, "and not sent");
	text = scanned("max-size 1K \n strategy unscannable tempfail", &sock,
	    NULL);
	ok(strncmp(text, "451 4.7.1 ", 10) == 0, "unscannable: refused");
	spool_free(spool);
	spool = small;
}

static void
test_errors(void)
{
	static const char *const	wrong[] = { "OK", "stream:OK",
		"stream: OK ", "stream: ok", "fd[]: OK", "fd[x]: OK",
		"stream: FOUND", "stream:  OK", "", "UNKNOWN COMMAND",
		"COMMAND READ TIMED OUT", "stream: Can't allocate memory ERROR",
		"stream: OK\n", "1: stream: OK", NULL };
	char				 said[100];
	const char			*script[] = { "<28", said, NULL };
	static const char *const	half[] = { "<28", ">stream: O",
		"close", NULL };
	static const char *const	gone[] = { "<28", "close", NULL };
	static const char *const	silent[] = { NULL };
	static char			 huge[6000];
	int				 i;

	for (i = 0; wrong[i] != NULL; i++) {
		snprintf(said, sizeof(said), ">>%s", wrong[i]);
		is_str(scanned("", &tcp, script), BROKEN, wrong[i]);
	}
	is_str(scanned("", &tcp, half), BROKEN, "half an answer");
	is_str(scanned("", &tcp, gone), BROKEN, "none");
	is_int(tcp.conns, 2, "asked twice");
	is_str(scanned("timeout 1s", &tcp, silent), BROKEN, "silence");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[0] = '>';
	script[1] = huge;
	is_str(scanned("", &tcp, script), BROKEN, "an endless answer");
	is_str(scanned("on-error accept", &tcp, gone), "", "on-error accept");
	(void)fix_logged();
	(void)scanned("", &tcp, gone);
	ok(strstr(fix_logged(), "error=127.0.0.1") != NULL, "the log says why");
}

/* A session that is gone takes its question with it. */
static void
test_forget(void)
{
	static const char *const	 silent[] = { NULL };
	struct pass_conf		*pc;
	struct session			*s;
	char				 text[200];
	int				 n;

	scanner_reset(&tcp);
	tcp.script[0] = silent;
	snprintf(text, sizeof(text), "clamav { server 127.0.0.1 port %u }",
	    tcp.port);
	pc = fix_conf(text);
	s = fix_session(pc, "192.0.2.1");
	s->ms.from = "<a@example.com>";
	s->ms.spool = spool;
	ok(fix_stage(s, STAGE_EOM) == NULL, "it waits");
	while (buf_len(&tcp.in) < 28)
		event_base_loop(fix_base, EVLOOP_ONCE);
	fix_session_free(s);
	for (n = 0; n < 1000 && !tcp.peers[0]->eof; n++)
		event_base_loop(fix_base, EVLOOP_ONCE);
	ok(tcp.peers[0]->eof, "forgotten: the connection is closed");
	fix_conf_free(pc);
}

int
main(void)
{
	alarm(120);
	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (1);
	fix_init();
	scan_fix_init(fix_base);
	scanner_start(&tcp, NULL);
	scanner_start(&sock, dir);
	if ((spool = spool_new()) == NULL ||
	    spool_write(spool, "Subject: x", 10) == -1)
		return (1);
	mod_bad("clamav", "max-size 5M", "no server given; write socket "
	    "\"/path\" or server ADDRESS port N");
	test_sent();
	test_answers();
	test_early();
	test_large();
	test_errors();
	test_forget();
	unlink(sock.path);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
