/*
 * MIME: parts, types, names in every spelling, decoded bytes, limits and broken
 * messages; each with the message cut into pieces in many ways.
 */
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/mime/mime.h"
#include "lib/mime/word.h"
#include "regress/lib/tap.h"

static struct buf	said;

static void
on_field(const char *name, const char *value, void *arg)
{
	(void)arg;
	(void)buf_printf(&said, "field %s=%s\n", name, value);
}

static void
on_part(const struct mime_part *p, void *arg)
{
	unsigned int	i;

	(void)arg;
	(void)buf_printf(&said, "part %u %s", p->depth, p->type);
	if (p->charset[0] != '\0')
		(void)buf_printf(&said, " charset=%s", p->charset);
	for (i = 0; i < p->nnames; i++)
		(void)buf_printf(&said, " [%s]", p->name[i]);
	(void)buf_addstr(&said, "\n");
}

static void
on_data(const struct mime_part *p, const uint8_t *s, size_t len, void *arg)
{
	(void)p;
	(void)arg;
	(void)buf_add(&said, s, len);
}

static void
on_end(const struct mime_part *p, void *arg)
{
	(void)arg;
	(void)buf_printf(&said, "end %u\n", p->depth);
}

static struct mime_limits	limits = { 5, 50 };

/* What is said of a message, in pieces of that size. */
static const char *
parse(const char *msg, size_t piece)
{
	static const struct mime_calls	calls = { on_field, on_part, on_data,
					    on_end };
	struct mime			*m = mime_new(&limits, &calls, NULL);
	size_t				 len = strlen(msg), at, n;

	buf_free(&said);
	if (m == NULL)
		exit(1);
	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		if (mime_feed(m, (const uint8_t *)msg + at, n) == -1)
			exit(1);
	}
	if (mime_finish(m) == -1)
		exit(1);
	if (mime_past(m) != NULL)
		(void)buf_printf(&said, "past %s\n", mime_past(m));
	mime_free(m);
	if (buf_add(&said, "", 1) == -1)
		exit(1);
	return ((const char *)buf_ptr(&said));
}

static void
gives(const char *msg, const char *want, const char *name)
{
	size_t	piece;
	int	bad = 0;

	is_str(parse(msg, 100000), want, name);
	for (piece = 1; piece < 40; piece++)
		if (strcmp(parse(msg, piece), want) != 0)
			bad++;
	is_int(bad, 0, "in pieces");
}

#define MULTI(type, b) "Content-Type: multipart/" type "; boundary=" b "\r\n\r\n"

static void
structure(void)
{
	gives("A: b\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n er\r\n\r\nhi\r\n",
	    "field A=b\nfield Subject=gr\303\274n er\npart 0 text/plain\n"
	    "hi\r\nend 0\n", "a plain message");
	gives("", "part 0 text/plain\nend 0\n", "nothing");
	gives("no header\r\n", "part 0 text/plain\nno header\r\nend 0\n",
	    "text at once");
	gives(MULTI("mixed", "x") "pre\r\n--x\r\n\r\none\r\n--x\r\n"
	    "Content-Type: TEXT/HTML; charset=\"ISO-8859-1\"\r\n\r\ntwo\r\n"
	    "--x--\r\npost\r\n",
	    "field Content-Type=multipart/mixed; boundary=x\n"
	    "part 0 multipart/mixed\nend 0\npart 1 text/plain\none\r\nend 1\n"
	    "part 1 text/html charset=ISO-8859-1\ntwo\r\nend 1\n",
	    "two parts");
	gives(MULTI("mixed", "\"a b.\"") "--a b.\r\n" MULTI("alternative", "c")
	    "--c\r\n\r\n1\r\n--c\r\n\r\n2\r\n--a b.  \r\n\r\n3\r\n",
	    "field Content-Type=multipart/mixed; boundary=\"a b.\"\n"
	    "part 0 multipart/mixed\nend 0\npart 1 multipart/alternative\n"
	    "end 1\npart 2 text/plain\n1\r\nend 2\npart 2 text/plain\n2\r\n"
	    "end 2\npart 1 text/plain\n3\r\nend 1\n",
	    "nested, the inner one not closed");
	gives("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n"
	    "Content-Type: text/x\r\n\r\nbody\r\n",
	    "field Content-Type=message/rfc822\npart 0 message/rfc822\nend 0\n"
	    "part 1 text/x\nbody\r\nend 1\n", "a message in it");
	gives("Content-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "Q29udGVudC1UeXBlOiB0ZXh0L3g7IG5hbWU9ImEuZXhlIg0KDQpib2R5DQo=\r\n",
	    "field Content-Type=message/rfc822\n"
	    "field Content-Transfer-Encoding=base64\n"
	    "part 0 message/rfc822\npart 1 text/x [a.exe]\nbody\r\nend 1\n"
	    "end 0\n", "or in its base64");
	gives(MULTI("digest", "d") "--d\r\n\r\nX: y\r\n\r\nm\r\n--d--\r\n",
	    "field Content-Type=multipart/digest; boundary=d\n"
	    "part 0 multipart/digest\nend 0\npart 1 message/rfc822\nend 1\n"
	    "part 2 text/plain\nm\r\nend 2\n", "a digest");
	gives(MULTI("mixed", "x") "--x\r\n\r\none\r\n--xtra\r\n"
	    "Content-Type: text/x\r\n\r\ntwo\r\n--x--\r\n",
	    "field Content-Type=multipart/mixed; boundary=x\n"
	    "part 0 multipart/mixed\nend 0\npart 1 text/plain\none\r\n"
	    "part 1 text/plain\nend 1\n--xtra\r\nContent-Type: text/x\r\n"
	    "\r\npart 1 text/x\ntwo\r\ntwo\r\nend 1\nend 1\n",
	    "a line that only begins with a boundary: read both ways");
	gives("Content-Type: multipart/mixed\r\n\r\n--x\r\n",
	    "field Content-Type=multipart/mixed\npart 0 multipart/mixed\n"
	    "--x\r\nend 0\n", "parts without a boundary");
}

static void
encodings(void)
{
	gives("Content-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8=\r\n!d2 9y"
	    "bGQ\r\n", "field Content-Transfer-Encoding=BASE64\n"
	    "part 0 text/plain\nhelloworldend 0\n",
	    "base64 with broken lines");
	gives("Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC a=\r\n"
	    "b =  \r\nc=zz=3\r\n",
	    "field Content-Transfer-Encoding=quoted-printable\n"
	    "part 0 text/plain\n\303\274 ab c=zz=3\r\nend 0\n",
	    "quoted-printable");
}

static void
names(const char *field, const char *want, const char *name)
{
	char	msg[2000], all[2100];

	snprintf(msg, sizeof(msg), "%s\r\n\r\n", field);
	snprintf(all, sizeof(all), "%s\n", want);
	is_str(strstr(parse(msg, 1000), "part 0 "), all, name);
}

#define CD	"Content-Disposition: attachment; "
#define PT	"part 0 text/plain "

static void
all_names(void)
{
	names(CD "filename=a.exe", PT "[a.exe]\nend 0", "a name");
	names(CD "filename=\"a \\\"b\\\".exe\"", PT "[a \"b\".exe] [a \\\"b\\\".exe] "
	    "[\".exe]\nend 0", "quoted");
	names(CD "filename=a b.exe ; x=y", PT "[a b.exe] [a]\nend 0",
	    "with blanks, as many read it");
	names(CD "FileName=\"a.exe. . \"", PT "[a.exe]\nend 0",
	    "blanks and dots at its end");
	names(CD "filename=\"=?utf-8?b?YS5leGU=?=\"", PT "[a.exe]\nend 0",
	    "an encoded word");
	names(CD "filename*=iso-8859-1'de'gr%fcn.exe",
	    PT "[gr\303\274n.exe]\nend 0", "a character set");
	names(CD "filename*0=\"a.\"; filename*1=e; filename*2=xe",
	    PT "[a.exe]\nend 0", "in pieces");
	names(CD "filename*1*=%65xe; filename*0*=utf-8''a%2E",
	    PT "[a.exe] [a]\nend 0", "in coded pieces of any order");
	names(CD "filename*0=\"100%25\"; filename*1*=%2Eexe",
	    PT "[100%25.exe] [100%.exe]\nend 0", "coded only in part");
	names(CD "filename=a.txt; filename*=utf-8''b.exe\r\n"
	    "Content-Type: text/plain; name=\"c.exe\"",
	    PT "[a.txt] [b.exe] [c.exe]\nend 0",
	    "all that some reader may show");
	names("Content-Type: application/x (comment; name=no) ; (x) name = "
	    "\"a.exe\"", "part 0 application/x [no)] [no] [a.exe]\nend 0",
	    "comments");
	names(CD "filename=\"a\r\n\t.exe\"", PT "[a .exe] [a.exe]\nend 0",
	    "a fold, with its blanks and without");
}

static void
bounds(void)
{
	static char	msg[200000];
	size_t		i;

	msg[0] = '\0';
	for (i = 0; i < 10; i++)
		snprintf(msg + strlen(msg), sizeof(msg) - strlen(msg),
		    "%sContent-Type: multipart/mixed; boundary=b%zu\r\n\r\n"
		    "--b%zu\r\n", "", i, i);
	ok(strstr(parse(msg, 100), "past nested too deeply") != NULL,
	    "too deep");
	snprintf(msg, sizeof(msg), MULTI("mixed", "x"));
	for (i = 0; i < 60; i++)
		strlcat(msg, "--x\r\n\r\na\r\n", sizeof(msg));
	ok(strstr(parse(msg, 100), "past too many parts") != NULL,
	    "too many");
	msg[0] = '\0';
	for (i = 0; i < 10; i++)
		strlcat(msg, "Content-Type: message/rfc822\r\n\r\n",
		    sizeof(msg));
	ok(strstr(parse(msg, 100), "past nested too deeply") != NULL,
	    "messages in messages");
	memset(msg, 'x', sizeof(msg) - 1);
	memcpy(msg, "Subject: ", 9);
	msg[sizeof(msg) - 1] = '\0';
	ok(strlen(parse(msg, 777)) < MIME_FIELD_MAX + 100,
	    "a field has its bound");
}

/* Is it past a limit, and with these words? */
static void
is_past(const char *msg, const char *what, const char *name)
{
	char	line[100];

	snprintf(line, sizeof(line), "\npast %s\n", what);
	ok(strstr(parse(msg, 1000), line) != NULL, name);
}

#define EXE "Content-Disposition: attachment; filename=e.exe\r\n"

/* Is that in what is seen, and nothing past a limit? */
static void
sees(const char *msg, const char *want, const char *name)
{
	const char	*got = parse(msg, 1000);

	ok(strstr(got, want) != NULL && strstr(got, "\npast ") == NULL, name);
	if (strstr(got, want) == NULL || strstr(got, "\npast ") != NULL)
		printf("# got: %s\n", got);
}

/* Is that name among those of the fields? */
static void
name_is(const char *field, const char *want, const char *name)
{
	char	msg[2000], all[200];

	snprintf(msg, sizeof(msg), "%s\r\n\r\nM\r\n", field);
	snprintf(all, sizeof(all), "[%s]", want);
	sees(msg, all, name);
}

#define PARTS(x) "--" x "\r\n" EXE "\r\nM\r\n--" x "--\r\n"

static void
several_types(void)
{
	sees("Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n"
	    PARTS("a"), "[e.exe]", "the first of two boundaries");
	sees("Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n"
	    PARTS("b"), "[e.exe]", "the second of two boundaries");
	sees("Content-Type: multipart/mixed; boundary=a\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n" PARTS("a"),
	    "[e.exe]", "the first of two types");
	sees("Content-Type: multipart/mixed; boundary=a\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n" PARTS("b"),
	    "[e.exe]", "the second of two types");
	sees("Content-Type: multipart/mixed; boundary=a\r\n"
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--a\r\n"
	    MULTI("mixed", "c") "--b\r\n\r\nx\r\n" PARTS("c"), "[e.exe]",
	    "parts of one that the other one's boundary cuts");
	sees("Content-Type: multipart/mixed; boundary*=utf-8''%61b\r\n\r\n"
	    PARTS("ab"), "[e.exe]", "a coded boundary");
	sees("Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n"
	    "\r\n" PARTS("ab"), "[e.exe]", "a boundary in pieces");
	sees("Content-Type: multipart/mixed; boundary*=utf-8''ab\r\n\r\n"
	    "t\r\n--ab\r\n", "\n--ab\r\n",
	    "or none, to who does not know pieces");
	sees("Content-Type: multipart/mixed (c) boundary=a\r\n\r\n"
	    PARTS("a"), "[e.exe]", "a missing semicolon");
	sees("Content-Type: multipart; boundary=a\r\n\r\n" PARTS("a"),
	    "[e.exe]", "a type without its second half");
	sees("Content-Type: text; name=e.exe\r\n\r\nM\r\n",
	    "text/plain [e.exe]", "text alone");
	sees("Content-Type: multipart/mixed;\r\n boundary=\"a\r\n \"\r\n"
	    "\r\n" PARTS("a"), "[e.exe]", "a fold in the quotes");
	sees(MULTI("mixed", "a") "--ab\r\n" EXE "\r\nM\r\n", "[e.exe]",
	    "a line that begins with the boundary");
	sees(MULTI("mixed", "a") "--ab\r\n" EXE "\r\nM\r\n", "part 0",
	    "and is none to others");
	sees(MULTI("mixed", "a") "--a--\r\nx\r\n" PARTS("a"), "[e.exe]",
	    "parts behind the last one");
}

static void
several_encodings(void)
{
#define CTE "Content-Transfer-Encoding: "
	sees(CTE "7bit\r\n" CTE "base64\r\n\r\naGVsbG8=\r\n", "hello",
	    "the second of two encodings");
	sees(CTE "7bit\r\n" CTE "base64\r\n\r\naGVsbG8=\r\n", "aGVsbG8=",
	    "the first of them");
	sees(CTE "base64\r\n" CTE "8bit\r\n\r\naGVsbG8=\r\n", "hello",
	    "in the other order");
	sees(CTE "ba(c)se64\r\n\r\naGVsbG8=\r\n", "hello",
	    "a comment in an encoding");
	sees(CTE "\r\n\r\naGVsbG8=\r\n", "aGVsbG8=", "an empty encoding");
	sees(CTE "x base64\r\n\r\naGVsbG8=\r\n", "hello",
	    "a word before it");
	sees("Content-Type: message/rfc822\r\n" CTE "7bit\r\n" CTE "base64"
	    "\r\n\r\nQ29udGVudC1UeXBlOiB0ZXh0L3g7IG5hbWU9ImEuZXhlIg0KDQpi"
	    "b2R5DQo=\r\n", "text/x [a.exe]", "of a message in it");
}

static void
several_headers(void)
{
	sees(MULTI("mixed", "x") "--x\r\nContent-Disposition: attachment;\r\n"
	    "filename=e.exe\r\n\r\nM\r\n--x--\r\n", "[e.exe]",
	    "a folded parameter without its blank");
	sees(MULTI("mixed", "x") "--x\r\nContent-Type: multipart/mixed;\r\n"
	    "boundary=y\r\n\r\n--y\r\n" EXE "\r\nM\r\n--x--\r\n",
	    "[e.exe]", "a folded boundary without its blank");
	sees(MULTI("mixed", "x") "--x\r\nContent-Disposition: attachment;\r\n"
	    "filename=e.exe\r\n\r\nM\r\n--x--\r\n",
	    "\nfilename=e.exe\r\n", "which is text to others");
	sees(MULTI("mixed", "x") "--x\r\nFrom a@b\r\n" EXE "\r\nM\r\n",
	    "[e.exe]", "a mailbox's line in a part");
	sees(MULTI("mixed", "x") "--x\r\nA: 1\r\n \r\n" EXE "\r\nM\r\n",
	    "[e.exe]", "a line of blanks");
}

static void
more_names(void)
{
	name_is(CD "filename=x.bat (comment)", "x.bat", "a comment behind it");
	name_is(CD "filename=x.()bat", "x.bat", "a comment in it");
	name_is(CD "filename(c)=(d)x.bat", "x.bat", "comments around the =");
	name_is(CD "(a;b=c) filename=x.bat", "x.bat", "and before it");
	name_is(CD "filename=\"a(b).exe\"", "a(b).exe", "no comment in quotes");
	name_is("Content-Disposition: attachment filename=x.bat", "x.bat",
	    "no semicolon");
	name_is(CD "x=\"a\" filename=x.bat", "x.bat", "none behind quotes");
	name_is(CD "filename=\"x.bat", "x.bat", "quotes without an end");
	name_is(CD "filename=\"x.bat; size=3", "x.bat",
	    "quotes that a semicolon ends");
	name_is(CD "filename=\"x.\"bat", "x.bat", "text behind the quotes");
	name_is(CD "filename='x.bat'", "x.bat", "other quotes");
	name_is(CD "filename=\"x.b\\at\"", "x.bat", "an escape");
	name_is(CD "filename=\"x.b\\at\"", "x.b\\at", "or none");
	name_is(CD "filename=\"C:\\a\\x.bat\"", "x.bat", "a path");
	name_is(CD "filename*1=x.; filename*2=bat", "x.bat",
	    "pieces that begin at 1");
	name_is(CD "filename*0=x.; filename*5=bat", "x.bat",
	    "pieces with a hole");
	name_is(CD "filename*0=x.bat; filename*2=.txt", "x.bat",
	    "or up to it");
	name_is(CD "filename*1=bat; filename*0=x.", "x.bat",
	    "in another order");
	name_is(CD "filename*1=x.; filename*0=bat", "x.bat",
	    "or as they stand there");
	is_past("Content-Transfer-Encoding: X-UUencode\r\n\r\nbegin 644 x\r\n",
	    "an encoding that is not supported", "uuencode");
	is_past(CD "filename*0=x.txt; filename*0=y.; filename*1=bat\r\n\r\n",
	    "too many names", "a piece twice");
	name_is(CD "filename*0=\"x\".bat", "x.bat",
	    "a piece with text behind its quotes");
	name_is(CD "filename=x\";y.bat", "x;y.bat",
	    "a semicolon behind a quote");
	name_is(CD "filename=\"x\\\\\";y.bat\"", "x\\\\;y.bat",
	    "a semicolon behind quotes that end for some");
	name_is(CD "filename\f=x.bat", "x.bat", "a form feed for a blank");
	name_is(CD "filename=x.bat*y", "x.bat", "to a '*'");
	name_is(CD "filename=utf-8''x%2Ebat", "x.bat",
	    "coded, and does not say so");
	name_is(CD "filename*00=x.; filename*01=bat", "x.bat", "zeros");
	name_is(CD "filename=a.txt; filename=x.bat", "x.bat", "twice");
	name_is(CD "name=x.bat", "x.bat", "the other parameter");
	name_is("Content-Type: text/plain; name=a.txt; name=x.bat", "x.bat",
	    "in the other field");
	name_is("Content-Disposition: inline\r\n" CD "filename=x.bat",
	    "x.bat", "in a second field");
	name_is(CD "filename=\"x.bat \xe2\x80\xae\"", "x.bat",
	    "a mark of direction at its end");
	name_is(CD "filename=\"x.b\xe2\x80\x8b" "at\"", "x.bat",
	    "a space without width");
	name_is(CD "filename=\"\xe2\x80\xaetab.x\"", "\xe2\x80\xaetab.x",
	    "which stands in one of its spellings");
	name_is(CD "filename=\"x.bat\xc2\xa0\"", "x.bat",
	    "another blank at its end");
	name_is(CD "filename=\"x.bat\t. .\"", "x.bat", "blanks and dots");
}

/* Encodings of names in which ASCII's octets are others. */
static void
coded_names(void)
{
	name_is(CD "filename==?utf-16be?b?AGEALgBlAHgAZQ==?=", "a.exe",
	    "UTF-16");
	name_is(CD "filename==?utf-16le?b?YQAuAGUAeABlAA==?=", "a.exe",
	    "of the other order");
	name_is(CD "filename==?utf-16?b?YQAuAGUAeABlAA==?=", "a.exe",
	    "of an order that is not said");
	name_is(CD "filename==?utf-16?b?//5hAC4AZQB4AGUA?=", "a.exe",
	    "or in its first octets");
	name_is(CD "filename==?utf-32be?q?=00=00=00a=00=00=00.=00=00=00b?=",
	    "a.b", "UTF-32");
	name_is(CD "filename==?utf-7?q?a+AC4-exe?=", "a.exe", "UTF-7");
	name_is(CD "filename*=utf-7''a%2BAC4-exe", "a.exe",
	    "UTF-7 by RFC 2231");
	name_is(CD "filename==?ibm037?q?=81K=85=A7=85?=", "a.exe", "EBCDIC");
	name_is(CD "filename*=cp500''%81K%85%A7%85", "a.exe",
	    "EBCDIC by RFC 2231");
	name_is(CD "filename*=utf-16''a%00.%00e%00x%00e%00", "a.exe",
	    "UTF-16 by RFC 2231");
	name_is(CD "filename==?iso-2022-jp?q?a=1B(B.=1B(Be=1B(Bxe?=", "a.exe",
	    "escapes of ISO 2022");
	name_is(CD "filename==?hz-gb-2312?q?a.e~=0Axe?=", "a.exe", "HZ");
	name_is(CD "filename==?shift_jis?q?=83e.exe?=", "?e.exe",
	    "one that holds ASCII");
	name_is(CD "filename*=utf-8''a.exe%00.txt", "a.exe",
	    "a name with NUL, cut there");
	name_is(CD "filename*=utf-8''a%00.exe", "a.exe",
	    "or without it");
	name_is(CD "filename==?utf-8?q?a.exe=00?=", "a.exe",
	    "NUL in an encoded word");
	is_past(CD "filename*=x-nobody-knows''%81K%85\r\n\r\n",
	    "a name in an unknown character set", "one that nobody knows");
}

/* Several ways to read it are some; many have no end. */
static void
too_many_ways(void)
{
	static char	msg[60000];
	size_t		i;

	strlcpy(msg, "Content-Type: multipart/mixed", sizeof(msg));
	for (i = 0; i < 12; i++)
		snprintf(msg + strlen(msg), sizeof(msg) - strlen(msg),
		    "; boundary=b%zu", i);
	strlcat(msg, "\r\n\r\n--b0\r\n\r\n", sizeof(msg));
	is_past(msg, "it can be read in too many ways",
	    "a dozen of boundaries");
	is_past(MULTI("mixed", "x") "--x\r\nContent-Type: message/rfc822\r\n"
	    CTE "base64\r\n\r\nU3ViamVjdDogYQ0K\r\n--xy\r\nDQphDQo=\r\n"
	    "--x--\r\n", "it can be read in too many ways",
	    "what begins like a boundary, within an encoded message");
	/* Readings that agree again are one. */
	strlcpy(msg, MULTI("mixed", "x"), sizeof(msg));
	for (i = 0; i < 40; i++)
		strlcat(msg, "--x\r\n" CTE "7bit\r\n" CTE "base64\r\n\r\n"
		    "aGVsbG8=\r\n", sizeof(msg));
	sees(msg, "hello", "many parts of two readings each");
}

/* What some readers of mail see, and what others do. */
static void
evasions(void)
{
	static char	msg[40000];
	size_t		i;

	ok(strstr(parse(MULTI("mixed", "\"x \t\"") "--x\r\n" EXE "\r\nM\r\n"
	    "--x \t--\r\n", 100), "[e.exe]") != NULL,
	    "a boundary that ends in blanks");
	ok(strstr(parse(MULTI("mixed", "x (is it)") "--x\r\n" EXE "\r\nM\r\n"
	    "--x--\r\n", 100), "[e.exe]") != NULL,
	    "a boundary with a comment");
	ok(strstr(parse("Content-Type: text/plain\r\n" MULTI("mixed", "x")
	    "t\r\n--x\r\n" EXE "\r\nM\r\n--x--\r\n", 100), "[e.exe]") !=
	    NULL, "parts by the second type");
	ok(strstr((const char *)buf_ptr(&said), "\nt\r\n") != NULL,
	    "which is text by the first");
	snprintf(msg, sizeof(msg), "Content-Type: multipart/mixed; boundary="
	    "%0300d\r\n\r\n--%0300d\r\n" EXE "\r\nM\r\n", 0, 0);
	is_past(msg, "a boundary that is too long", "of 300 octets");
	strlcpy(msg, "Content-Type: application/x", sizeof(msg));
	for (i = 0; i <= MIME_NAMES; i++)
		snprintf(msg + strlen(msg), sizeof(msg) - strlen(msg),
		    "; name=n%zu.txt", i);
	strlcat(msg, "\r\n" EXE "\r\nM\r\n", sizeof(msg));
	is_past(msg, "too many names", "names that hide another one");
	strlcpy(msg, "Content-Disposition: attachment;\r\n", sizeof(msg));
	for (i = 0; i < 20; i++)
		snprintf(msg + strlen(msg), sizeof(msg) - strlen(msg),
		    " x%zu=%0900d;\r\n", i, 0);
	strlcat(msg, " filename=e.exe\r\n\r\nM\r\n", sizeof(msg));
	is_past(msg, "a field that is too long", "a name behind much else");
	sees(MULTI("mixed", "x") "--x\r\nwhat is this\r\n" EXE "\r\nM\r\n",
	    "[e.exe]", "fields behind a line that is none");
	ok(strstr(parse(MULTI("mixed", "x") "--x\r\nA text at once.\r\n\r\n"
	    "Content-Type: is what I mean\r\n--x--\r\n", 100), "past") == NULL,
	    "but not in a text");
}

int
main(void)
{
	structure();
	evasions();
	several_types();
	several_encodings();
	several_headers();
	more_names();
	coded_names();
	too_many_ways();
	encodings();
	all_names();
	bounds();
	return (done());
}
