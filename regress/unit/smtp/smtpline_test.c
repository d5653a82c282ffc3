/* SMTP lines, verbs, paths and parameters. */
#include "lib/smtp/line.h"
#include "regress/lib/tap.h"

static void
test_line(void)
{
	static const struct {
		const char	*data;
		size_t		 len, max;
		enum smtp_line	 want;
		size_t		 line_len, used;
		int		 bare;
		const char	*name;
	} t[] = {
		{ "", 0, 10, SMTP_LINE_NONE, 0, 0, 0, "nothing" },
		{ "QUIT", 4, 10, SMTP_LINE_NONE, 0, 0, 0, "half a line" },
		{ "QUIT\r\n", 6, 10, SMTP_LINE_OK, 4, 6, 0, "CR LF" },
		{ "QUIT\n", 5, 10, SMTP_LINE_OK, 4, 5, 1, "bare LF" },
		{ "\n", 1, 10, SMTP_LINE_OK, 0, 1, 1, "only LF" },
		{ "\r\n", 2, 10, SMTP_LINE_OK, 0, 2, 0, "only CR LF" },
		{ "A\r\r\nB", 5, 10, SMTP_LINE_OK, 2, 4, 0, "one CR goes" },
		{ "A\r\nB\r\n", 6, 10, SMTP_LINE_OK, 1, 3, 0, "the first of two" },
		{ "QUIT\r", 5, 10, SMTP_LINE_NONE, 0, 0, 0, "CR, no LF yet" },
		{ "12345678\r\n", 10, 10, SMTP_LINE_OK, 8, 10, 0, "exactly max" },
		{ "123456789\r\n", 11, 10, SMTP_LINE_TOOLONG, 0, 0, 0,
		    "one too long" },
		{ "1234567890", 10, 10, SMTP_LINE_TOOLONG, 0, 0, 0,
		    "max without an end" },
		{ "123456789", 9, 10, SMTP_LINE_NONE, 0, 0, 0,
		    "max less one without an end" },
		{ "A\0B\r\n", 5, 10, SMTP_LINE_OK, 3, 5, 0, "NUL is an octet" }
	};
	size_t	i, n, used;
	int	bare, r;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		n = used = 0;
		bare = 0;
		r = smtp_line_find((const uint8_t *)t[i].data, t[i].len,
		    t[i].max, &n, &used, &bare);
		ok(r == (int)t[i].want && n == t[i].line_len &&
		    used == t[i].used && bare == t[i].bare, t[i].name);
	}
}

static void
test_tls(void)
{
	static const struct {
		const char	*data;
		size_t		 len;
		enum smtp_tls	 want;
		const char	*name;
	} t[] = {
		{ "", 0, SMTP_TLS_NO, "TLS: nothing" },
		{ "\x16", 1, SMTP_TLS_MAYBE, "TLS: one octet of it" },
		{ "\x16\x03", 2, SMTP_TLS_YES, "TLS: two" },
		{ "\x16\x03\x01\0\n\x01", 6, SMTP_TLS_YES, "TLS: 1.0" },
		{ "\x16\x03\x04\0\n\x01", 6, SMTP_TLS_YES, "TLS: 1.3" },
		{ "\x16\r\n", 3, SMTP_TLS_NO, "TLS: another version" },
		{ "\x15\x03\x01", 3, SMTP_TLS_NO, "TLS: an alert" },
		{ "EHLO", 4, SMTP_TLS_NO, "TLS: a command" }
	};
	size_t	i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		ok(smtp_tls_begins((const uint8_t *)t[i].data, t[i].len) ==
		    t[i].want, t[i].name);
}

static void
test_verb(void)
{
	static const struct {
		const char	*line;
		enum smtp_verb	 want;
		const char	*arg;
	} t[] = {
		{ "QUIT", SMTP_QUIT, "" },
		{ "quit  ", SMTP_QUIT, "" },
		{ "HeLo mail.example.org", SMTP_HELO, "mail.example.org" },
		{ "EHLO\tx ", SMTP_EHLO, "x" },
		{ "MAIL FROM:<a@b>  SIZE=1 ", SMTP_MAIL, "FROM:<a@b>  SIZE=1" },
		{ "RCPT TO:<a@b>", SMTP_RCPT, "TO:<a@b>" },
		{ "RCPT TO:<\xc3\xa4@b>", SMTP_RCPT, "TO:<\xc3\xa4@b>" },
		{ "DATA", SMTP_DATA, "" },
		{ "STARTTLS", SMTP_STARTTLS, "" },
		{ "BDAT 5 LAST", SMTP_BDAT, "5 LAST" },
		{ "XCLIENT ADDR=1.2.3.4", SMTP_XCLIENT, "ADDR=1.2.3.4" },
		{ "XFORWARD NAME=x", SMTP_XFORWARD, "NAME=x" },
		{ "ETRN x", SMTP_ETRN, "x" },
		{ "QUITX", SMTP_UNKNOWN, "" },
		{ "QUI", SMTP_UNKNOWN, "" },
		{ "QUIT/", SMTP_UNKNOWN, "/" },
		{ "", SMTP_UNKNOWN, "" },
		{ "VERB on", SMTP_UNKNOWN, "on" },
		{ "NOOP \x01", SMTP_UNKNOWN, "" },
		{ "NOOP \x7f", SMTP_UNKNOWN, "" },
		{ "EHLO a\rb", SMTP_UNKNOWN, "" },
		{ "GET / HTTP/1.0", SMTP_FOREIGN_HTTP, "/ HTTP/1.0" },
		{ "POST /x HTTP/1.1", SMTP_FOREIGN_HTTP, "/x HTTP/1.1" },
		{ "CONNECT a:25 HTTP/1.0", SMTP_FOREIGN_HTTP, "a:25 HTTP/1.0" },
		{ "PRI * HTTP/2.0", SMTP_FOREIGN_HTTP, "* HTTP/2.0" },
		{ "get / HTTP/1.0", SMTP_UNKNOWN, "/ HTTP/1.0" },
		{ "GET", SMTP_UNKNOWN, "" },
		{ "GETX / HTTP/1.0", SMTP_UNKNOWN, "/ HTTP/1.0" },
		{ "Subject: hello", SMTP_FOREIGN, "" },
		{ "X-Mailer:x", SMTP_FOREIGN, "" },
		{ " continued", SMTP_FOREIGN, "" },
		{ "<html>", SMTP_FOREIGN, "" },
		{ ".", SMTP_FOREIGN, "" },
		{ "\xff\xfe", SMTP_FOREIGN, "" }
	};
	const char	*arg;
	char		 got[256];
	size_t		 i, n;
	enum smtp_verb	 v;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		v = smtp_verb_parse((const uint8_t *)t[i].line,
		    strlen(t[i].line), &arg, &n);
		snprintf(got, sizeof(got), "%.*s", (int)n, arg);
		ok(v == t[i].want && strcmp(got, t[i].arg) == 0, t[i].line);
	}
	is_int(smtp_verb_parse((const uint8_t *)"NO\0P", 4, &arg, &n),
	    SMTP_UNKNOWN, "NUL inside");
}

static void
test_path(void)
{
	static const struct {
		const char	*arg, *keyword;
		int		 want;
		const char	*path, *params;
	} t[] = {
		{ "FROM:<a@b.c>", "FROM:", 0, "<a@b.c>", "" },
		{ "FROM:<a@b.c>", "FROM", 0, "<a@b.c>", "" },
		{ "from: <a@b.c>", "FROM:", 0, "<a@b.c>", "" },
		{ "FROM :<a@b.c>", "FROM:", 0, "<a@b.c>", "" },
		{ "FROM:<>", "FROM:", 0, "<>", "" },
		{ "FROM:<> BODY=8BITMIME SIZE=10", "FROM:", 0, "<>",
		    "BODY=8BITMIME SIZE=10" },
		{ "TO:a@b.c", "TO:", 0, "<a@b.c>", "" },
		{ "TO:a@b.c NOTIFY=NEVER", "TO:", 0, "<a@b.c>",
		    "NOTIFY=NEVER" },
		{ "TO:<postmaster>", "TO:", 0, "<postmaster>", "" },
		{ "TO:<\"a b\"@c>", "TO:", 0, "<\"a b\"@c>", "" },
		{ "TO:<\"a>b\"@c> X", "TO:", 0, "<\"a>b\"@c>", "X" },
		{ "TO:<\"a\\\"b\"@c>", "TO:", 0, "<\"a\\\"b\"@c>", "" },
		{ "TO:<\"a<b\"@c>", "TO:", 0, "<\"a<b\"@c>", "" },
		{ "TO:<@x,@y:a@b>", "TO:", 0, "<@x,@y:a@b>", "" },
		{ "TO:<a@[IPv6:::1]>", "TO:", 0, "<a@[IPv6:::1]>", "" },
		{ "TO:\"a b\"@c", "TO:", 0, "<\"a b\"@c>", "" },
		{ "FROM:", "FROM:", -1, NULL, NULL },
		{ "FROM: ", "FROM:", -1, NULL, NULL },
		{ "FROM", "FROM:", -1, NULL, NULL },
		{ "", "FROM:", -1, NULL, NULL },
		{ "<a@b>", "FROM:", -1, NULL, NULL },
		{ "TO:<a@b>", "FROM:", -1, NULL, NULL },
		{ "FROM:<a@b", "FROM:", -3, NULL, NULL },
		{ "FROM:a@b>", "FROM:", -3, NULL, NULL },
		{ "FROM:<a@b>SIZE=1", "FROM:", -3, NULL, NULL },
		{ "FROM:<a@b>>", "FROM:", -3, NULL, NULL },
		{ "FROM:<<a@b>>", "FROM:", -3, NULL, NULL },
		{ "FROM:<a<b@c>", "FROM:", -3, NULL, NULL },
		{ "FROM:<a\001@b>", "FROM:", -3, NULL, NULL },
		{ "FROM:<\"a\177\"@b>", "FROM:", -3, NULL, NULL },
		{ "FROM:a\\", "FROM:", -3, NULL, NULL },
		{ "FROM:<a b@c>", "FROM:", -3, NULL, NULL },
		{ "FROM:<\"a@b>", "FROM:", -3, NULL, NULL },
		{ "FROM:<a\\", "FROM:", -3, NULL, NULL },
		{ "FROM:\"a", "FROM:", -3, NULL, NULL },
		{ "FROM:<123456789012345678901234567>", "FROM:", 0,
		    "<123456789012345678901234567>", "" },
		{ "FROM:<1234567890123456789012345678901>", "FROM:", -2, NULL,
		    NULL },
		{ "FROM:123456789012345678901234567890", "FROM:", -2, NULL,
		    NULL }
	};
	char		 path[32], got[64];
	const char	*params;
	size_t		 i, n;
	int		 r;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		params = "";
		n = 0;
		path[0] = '\0';
		r = smtp_path_parse(t[i].arg, strlen(t[i].arg), t[i].keyword,
		    path, sizeof(path), &params, &n);
		snprintf(got, sizeof(got), "%.*s", (int)n, params);
		ok(r == t[i].want && (r != 0 || (strcmp(path, t[i].path) == 0 &&
		    strcmp(got, t[i].params) == 0)), t[i].arg);
	}
}

/* The list as "NAME|NAME=value|…", or "!" behind what was good. */
static void
params(const char *list, const char *want)
{
	struct smtp_param	 p;
	const char		*pos = list;
	char			 got[256] = "";
	size_t			 left = strlen(list), n;
	int			 r;

	while ((r = smtp_param_next(&pos, &left, &p)) == 1) {
		n = strlen(got);
		snprintf(got + n, sizeof(got) - n, "%.*s%s%.*s|",
		    (int)p.name_len, p.name, p.value == NULL ? "" : "=",
		    (int)p.value_len, p.value == NULL ? "" : p.value);
	}
	if (r == -1)
		strcat(got, "!");
	is_str(got, want, list[0] == '\0' ? "(no parameters)" : list);
}

int
main(void)
{
	test_line();
	test_tls();
	test_verb();
	test_path();
	params("", "");
	params("  ", "");
	params("SIZE=100", "SIZE=100|");
	params("SIZE=100  BODY=8BITMIME SMTPUTF8", "SIZE=100|BODY=8BITMIME|"
	    "SMTPUTF8|");
	params("AUTH=<> RET=HDRS", "AUTH=<>|RET=HDRS|");
	params("ORCPT=rfc822;a+40b=c", "ORCPT=rfc822;a+40b=c|");
	params("X-1=2", "X-1=2|");
	params("SIZE=", "!");
	params("=1", "!");
	params("-X", "!");
	params("A B;C", "A|!");
	params("A=1 <x>", "A=1|!");
	params("A=1\0012", "!");
	return (done());
}
