/*
 * Replies of a server, whole and in pieces, and what an EHLO reply says.
 */
#include "lib/smtp/caps.h"
#include "lib/smtp/reply.h"
#include "regress/lib/tap.h"

/* A reply as the name of a test: on one line. */
static const char *
name(const char *text)
{
	static char	 line[1024];
	size_t		 i;

	snprintf(line, sizeof(line), "%s", text);
	for (i = 0; line[i] != '\0'; i++)
		if (line[i] == '\r' || line[i] == '\n')
			line[i] = line[i] == '\r' ? '/' : ' ';
	return (line);
}

/* In pieces of `piece' octets: the result, and what was not used of it. */
static enum smtpreply_result
input(struct smtpreply *r, const char *text, size_t piece, size_t *rest)
{
	enum smtpreply_result	res = SMTPREPLY_MORE;
	size_t			len = strlen(text), at, n, used;

	for (at = 0; at < len && res == SMTPREPLY_MORE; at += used) {
		n = len - at < piece ? len - at : piece;
		res = smtpreply_input(r, (const uint8_t *)text + at, n, &used);
		if (res == SMTPREPLY_MORE && used != n)
			return (SMTPREPLY_NOMEM);
	}
	*rest = len - at;
	return (res);
}

static void
whole(const char *text, int code, unsigned int lines, const char *want,
    size_t left)
{
	static const size_t	 pieces[] = { 1, 2, 3, 7, 1000 };
	struct smtpreply	 r = { 0 };
	size_t			 i, rest;
	int			 good = 1;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (input(&r, text, pieces[i], &rest) != SMTPREPLY_DONE ||
		    r.code != code || r.lines != lines || rest != left ||
		    r.len != strlen(want) || strcmp(r.text, want) != 0) {
			good = 0;
			printf("# pieces of %zu: %d, %u lines, rest %zu, %s\n",
			    pieces[i], r.code, r.lines, rest,
			    r.text == NULL ? "NULL" : r.text);
		}
		if (i & 1)
			smtpreply_clear(&r);
		else
			smtpreply_reuse(&r);
	}
	ok(good, name(want));
	smtpreply_clear(&r);
	ok(r.text == NULL && r.len == 0 && r.code == 0, "cleared");
}

static void
result(const char *text, enum smtpreply_result want, const char *what)
{
	static const size_t	 pieces[] = { 1, 5, 100000 };
	struct smtpreply	 r = { 0 };
	size_t			 i, rest;
	int			 good = 1;

	for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (input(&r, text, pieces[i], &rest) != want)
			good = 0;
		smtpreply_clear(&r);
	}
	ok(good, what);
}

static void
test_long(void)
{
	struct smtpreply	 r = { 0 };
	char			*text;
	size_t			 used, n = SMTPREPLY_MAX + 100;

	if ((text = malloc(n + 1)) == NULL)
		exit(1);
	memset(text, 'x', n);
	memcpy(text, "250-", 4);
	text[n] = '\0';
	result(text, SMTPREPLY_BAD, "a line without end is no reply");
	for (used = 0; used + 10 < n; used += 10)
		memcpy(text + used, "250-12345\n", 10);
	result(text, SMTPREPLY_BAD, "lines without end are no reply");
	memset(text, 'x', n);
	memcpy(text, "250 ", 4);
	memcpy(text + SMTPREPLY_MAX - 3, "\r\n", 3);
	is_int(smtpreply_input(&r, (uint8_t *)text, strlen(text), &used),
	    SMTPREPLY_DONE, "as much as there may be");
	is_int(r.len, SMTPREPLY_MAX - 1, "all of it is kept");
	smtpreply_clear(&r);
	memcpy(text + SMTPREPLY_MAX - 3, "x\r\n", 4);
	is_int(smtpreply_input(&r, (uint8_t *)text, strlen(text), &used),
	    SMTPREPLY_BAD, "one octet more");
	smtpreply_clear(&r);
	free(text);
}

static void
one(struct smtpreply *r, const char *text)
{
	size_t	used;

	smtpreply_clear(r);
	if (smtpreply_input(r, (const uint8_t *)text, strlen(text), &used) !=
	    SMTPREPLY_DONE)
		ok(0, name(text));
}

static void
test_lines(void)
{
	struct smtpreply	 r = { 0 };
	const char		*p;
	size_t			 n;

	one(&r, "250-one\r\n250-\r\n250-three x\r\n250\r\n");
	ok((p = smtpreply_line(&r, 0, &n)) != NULL && n == 3 &&
	    memcmp(p, "one", 3) == 0, "line 0");
	ok((p = smtpreply_line(&r, 1, &n)) != NULL && n == 0, "an empty one");
	ok((p = smtpreply_line(&r, 2, &n)) != NULL && n == 7 &&
	    memcmp(p, "three x", 7) == 0, "line 2");
	ok((p = smtpreply_line(&r, 3, &n)) != NULL && n == 0, "a bare code");
	ok(smtpreply_line(&r, 4, &n) == NULL, "no more");
	smtpreply_clear(&r);
	ok(smtpreply_line(&r, 0, &n) == NULL, "no line of no reply");
}

static void
ehlo(const char *text, uint32_t keywords, uint64_t size, unsigned int xclient)
{
	struct smtpreply	r = { 0 };
	struct smtp_ehlo	e;

	one(&r, text);
	smtp_ehlo_parse(&r, &e);
	is_int(e.keywords, keywords, name(text));
	is_int(e.size, size, "its size");
	is_int(e.xclient, xclient, "its attributes");
	smtpreply_clear(&r);
}

static void
test_ehlo(void)
{
	ehlo("250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n"
	    "250-VRFY\r\n250-ETRN\r\n250-STARTTLS\r\n"
	    "250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN "
	    "DESTADDR DESTPORT\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
	    "250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n",
	    CAPS_PIPELINING | CAPS_SIZE | CAPS_STARTTLS | CAPS_XCLIENT |
	    CAPS_ENHANCED | CAPS_8BITMIME | CAPS_DSN | CAPS_SMTPUTF8,
	    10240000, XCLIENT_NAME | XCLIENT_ADDR | XCLIENT_PROTO |
	    XCLIENT_HELO | XCLIENT_PORT | XCLIENT_DESTADDR | XCLIENT_DESTPORT);
	ehlo("250-a\r\n250-size\r\n250 xclient  addr\r\n", CAPS_SIZE |
	    CAPS_XCLIENT, 0, XCLIENT_ADDR);
	ehlo("250-a\r\n250 SIZE 0\r\n", CAPS_SIZE, 0, 0);
	ehlo("250-a\r\n250 SIZE 12x\r\n", CAPS_SIZE, 0, 0);
	ehlo("250-a\r\n250 SIZE 99999999999999999999999\r\n", CAPS_SIZE, 0, 0);
	ehlo("250-a\r\n250 SIZE 1000000000000000000\r\n", CAPS_SIZE,
	    UINT64_C(1000000000000000000), 0);
	ehlo("250 STARTTLS\r\n", 0, 0, 0);
	ehlo("250-a\r\n250-DSNX\r\n250-XDSN\r\n250-DS\r\n250 \r\n", 0, 0, 0);
	ehlo("250-a\r\n250  DSN \r\n", CAPS_DSN, 0, 0);
	ehlo("502-a\r\n502 DSN\r\n", 0, 0, 0);
}

int
main(void)
{
	whole("250 ok\r\n", 250, 1, "250 ok\r\n", 0);
	whole("250-a\r\n250-\r\n250 c\r\nxyz", 250, 3,
	    "250-a\r\n250-\r\n250 c\r\n", 3);
	whole("250\r\n", 250, 1, "250\r\n", 0);
	whole("250-a\r\n250\r\n", 250, 2, "250-a\r\n250\r\n", 0);
	whole("220 a\n", 220, 1, "220 a\r\n", 0);
	whole("599 \r\n250 again\r\n", 599, 1, "599 \r\n", 11);
	whole("354 a\x01\x1f\x7f\tb\rc\r\r\n", 354, 1, "354 a????b?c?\r\n",
	    0);
	whole("250 \xc3\xa4\r\n", 250, 1, "250 \xc3\xa4\r\n", 0);
	result("", SMTPREPLY_MORE, "nothing");
	result("2", SMTPREPLY_MORE, "a digit");
	result("250", SMTPREPLY_MORE, "a code");
	result("250\r", SMTPREPLY_MORE, "a code and half an end");
	result("250 ok\r", SMTPREPLY_MORE, "half an end");
	result("250-ok\r\n", SMTPREPLY_MORE, "one line of many");
	result("250-ok\r\n25", SMTPREPLY_MORE, "a line and a bit");
	result("HTTP/1.1 400 Bad Request\r\n", SMTPREPLY_BAD, "of a web server");
	result("x", SMTPREPLY_BAD, "known by its first octet");
	result("\r\n", SMTPREPLY_BAD, "an empty line");
	result("150 a\r\n", SMTPREPLY_BAD, "below 200");
	result("600 a\r\n", SMTPREPLY_BAD, "above 599");
	result("25 a\r\n", SMTPREPLY_BAD, "two digits");
	result("2500 a\r\n", SMTPREPLY_BAD, "four digits");
	result("250\ta\r\n", SMTPREPLY_BAD, "a tab");
	result("250-a\r\n251 b\r\n", SMTPREPLY_BAD, "a code that changes");
	result("250-a\r\n\r\n", SMTPREPLY_BAD, "an empty line in between");
	test_long();
	test_lines();
	test_ehlo();
	return (done());
}
