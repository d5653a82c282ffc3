/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/*
 * regex: decoded header and body, each action, expressions that are refused,
 * and the limits of the examined text.
 */
#include "regress/lib/mimescan_fixture.h"

extern const struct module mod_regex;
const struct module *const modules[] = { &mod_regex, NULL };

static void
rules(void)
{
	struct pass_conf	*pc;
	struct session		*s;

	pc = fix_conf("regex { header \"Subject\" \"^cheap (pills|watches)\" "
	    "points 3\nheader \"X-Mailer\" \"^Bulk\" reject\nbody "
	    "\"free[[:blank:]]+money\" mark\nbody \"gr\303\274n\" tempfail\n"
	    "body \"^exactly$\" }");
	s = fix_session(pc, "192.0.2.1");
	is_str(scan_message(s, "Subject: hi\r\n\r\nx\r\n"), "|", "none");
	is_str(scan_message(s, "Subject: Cheap\r\n watches\r\n\r\nx\r\n"),
	    "| points=3 regex=3 regex-why=Subject:\\x20^cheap\\x20(pills\\x7cwatches)",
	    "a field, folded, any case");
	is_str(scan_message(s, "Subject: =?utf-8?q?cheap=20pills?=\r\n"
	    "Subject: cheap pills\r\n\r\n"),
	    "| points=3 regex=3 regex-why=Subject:\\x20^cheap\\x20(pills\\x7cwatches)",
	    "an encoded word; once a message");
	is_str(scan_message(s, "x-mailer: bulk\r\n\r\n"),
	    "550 5.7.1 The message contains content that is not allowed here| "
	    "points=0 "
	    "regex=unwanted regex-why=X-Mailer:\\x20^Bulk",
	    "a refusal does not tell the expression");
	pc->conf->pass->reply_rules = 1;
	is_str(scan_message(s, "x-mailer: bulk\r\n\r\n"),
	    "550 5.7.1 The message contains content that is not allowed here: "
	    "X-Mailer: "
	    "^Bulk| points=0 regex=unwanted regex-why=X-Mailer:\\x20^Bulk",
	    "with reply rules it does");
	pc->conf->pass->reply_rules = 0;
	is_str(scan_message(s, "Content-Transfer-Encoding: base64\r\n\r\n"
	    "RlJFRSAg\r\nTU9ORVk=\r\n"), "| points=0 regex=unwanted regex-why=body:\\x20"
	    "free[[:blank:]]+money", "base64 in broken lines");
	is_str(scan_message(s, "Content-Type: text/plain; charset=iso-8859-1"
	    "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ngr=FC=\r\n"
	    "n\r\n"), "451 4.7.1 The message contains content that is not "
	    "allowed here"
	    "| points=0 regex=unwanted regex-why=body:\\x20"
	    "gr\\xc3\\xbcn", "in UTF-8");
	is_str(scan_message(s, "\r\nexactly\r\n"),
	    "| points=0 regex=unwanted regex-why=body:\\x20^exactly$", "a whole line");
	is_str(scan_message(s, "Content-Type: image/png\r\n\r\nfree money\r\n"),
	    "|", "text alone is looked at");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
bounds(void)
{
	struct pass_conf	*pc = fix_conf("regex { max-size 4K body "
				    "\"needle\" mark\nheader \"S\" \"needle\" "
				    "reject }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	static char		 msg[20000];
	size_t			 at;
	int			 bad = 0;

	for (at = 900; at < 1100; at++) {
		memset(msg, 'x', 3000);
		memcpy(msg, "\r\n", 2);
		memcpy(msg + at, "needle", 6);
		memcpy(msg + 3000, "\r\n", 3);
		if (strstr(scan_message(s, msg), "unwanted") == NULL)
			bad++;
		memcpy(msg, "S: ", 3);
		if (strncmp(scan_message(s, msg), "550", 3) != 0)
			bad++;
	}
	is_int(bad, 0, "wherever a long line is cut");
	memset(msg, 'x', sizeof(msg));
	memcpy(msg, "\r\n", 2);
	for (at = 100; at < sizeof(msg); at += 100)
		msg[at] = '\n';
	memcpy(msg + 3950, "needle", 6);
	msg[sizeof(msg) - 1] = '\0';
	ok(strstr(scan_message(s, msg), "unwanted") != NULL, "within 4K");
	memset(msg + 3950, 'x', 6);
	memcpy(msg + 4250, "needle", 6);
	is_str(scan_message(s, msg), "|", "not beyond");
	is_int(mod_stat("module.regex.cut"), 2, "which is counted");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* A field costs a matcher something however short it is, as a line does. */
static void
many_fields(void)
{
	struct pass_conf	*pc = fix_conf("regex { max-size 4K header "
				    "\"S\" \"needle\" reject }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	static char		 msg[4000];
	int64_t			 cut = mod_stat("module.regex.cut");
	size_t			 n, i;

	for (n = i = 0; i < 90; i++)
		n += (size_t)snprintf(msg + n, sizeof(msg) - n, "S: x\r\n");
	snprintf(msg + n, sizeof(msg) - n, "S: needle\r\n\r\n");
	ok(strncmp(scan_message(s, msg), "550", 3) == 0, "the 91st field");
	for (; i < 200; i++)
		n += (size_t)snprintf(msg + n, sizeof(msg) - n, "S: x\r\n");
	snprintf(msg + n, sizeof(msg) - n, "S: needle\r\n\r\n");
	is_str(scan_message(s, msg), "|", "short fields come to an end too");
	is_int(mod_stat("module.regex.cut"), cut + 1, "which is counted too");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* What takes a matcher that backtracks for ever takes this one no time. */
static void
hostile(void)
{
	struct pass_conf	*pc = fix_conf("regex { body \"^(a*)*b$\" "
				    "mark\nbody \"^(a|aa)+$\" mark\nbody "
				    "\"(x+x+)+y\" mark }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	static char		 msg[2000];

	memset(msg, 'a', sizeof(msg) - 3);
	memcpy(msg, "\r\n", 2);
	memcpy(msg + sizeof(msg) - 4, "!\r\n", 4);
	is_str(scan_message(s, msg), "| points=0 regex=unwanted regex-why=body:\\x20"
	    "^(a\\x7caa)+$", "repetitions of repetitions end");
	memset(msg + 2, 'x', sizeof(msg) - 6);
	is_str(scan_message(s, msg), "|", "all of them");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* Where text can be hidden from the expressions, the message is unscannable. */
static void
hidden(void)
{
	struct pass_conf	*pc = fix_conf("regex { max-size 4K body "
				    "\"needle\" mark }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	int64_t			 past = mod_stat("module.regex.past-limits");
	static char		 msg[20000];
	size_t			 n = 0, at;
	int			 i;

	for (i = 0; i < 30; i++)
		n += (size_t)snprintf(msg + n, sizeof(msg) - n,
		    "Content-Type: message/rfc822\r\n\r\n");
	snprintf(msg + n, sizeof(msg) - n, "\r\nneedle\r\n");
	is_str(scan_message(s, msg), "| points=0 regex=unscannable "
	    "regex-why=nested\\x20too\\x20deeply", "nested too deeply");
	n = (size_t)snprintf(msg, sizeof(msg), "Content-Transfer-Encoding: "
	    "7bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
	for (at = n; at < sizeof(msg); at++)
		msg[at] = at % 50 == 0 ? '\n' : 'x';
	msg[2000] = '\0';
	is_str(scan_message(s, msg), "|", "two readings within max-size");
	msg[2000] = 'x';
	msg[sizeof(msg) - 1] = '\0';
	is_str(scan_message(s, msg), "| points=0 regex=unscannable regex-why="
	    "too\\x20much\\x20text\\x20with\\x20more\\x20than\\x20one"
	    "\\x20possible\\x20reading", "and beyond");
	is_int(mod_stat("module.regex.past-limits"), past + 2, "counted");
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	spool_limits(1024 * 1024, 16 * 1024 * 1024);
	rules();
	bounds();
	many_fields();
	hidden();
	hostile();
	mod_bad("regex", "body \"(a)\\1\" mark", "body: back references are "
	    "not allowed, because their run time has no limit");
	mod_bad("regex", "body \"((a{100}){100}){100}\" mark",
	    "body: repetitions {n,m} of more than 1000 in all are not allowed");
	mod_bad("regex", "body \"(a{,900}){,900}\" mark", "body: repetitions "
	    "{n,m} of more than 1000 in all are not allowed");
	mod_bad("regex", "body \"a{1,2000}\"", "body: repetitions {n,m} of "
	    "more than 1000 in all are not allowed");
	mod_bad("regex", "body \"(a\" mark", "body: Unmatched ( or \\(");
	mod_bad("regex", "header \"a b\" \"c\" mark", "header: a field name "
	    "must be printable ASCII without a colon");
	mod_bad("regex", "body \"\" mark",
	    "body: an expression must have 1 to 512 bytes");
	return (done());
}
