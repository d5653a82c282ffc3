/*
 * MIME: parts, types, names in every spelling, decoded octets; limits; what is
 * broken; all of it however the message is cut into pieces.
 */
#include <stdint.h>

#include "../../lib/buf.h"
#include "../../lib/mime.h"
#include "../../lib/mimeword.h"
#include "tap.h"

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
	names(CD "filename=\"a \\\"b\\\".exe\"", PT "[a \"b\".exe]\nend 0",
	    "quoted");
	names(CD "filename=a b.exe ; x=y", PT "[a b.exe]\nend 0",
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
	    PT "[a.exe]\nend 0", "in coded pieces of any order");
	names(CD "filename*0=\"100%25\"; filename*1*=%2Eexe",
	    PT "[100%25.exe]\nend 0", "coded only in part");
	names(CD "filename=a.txt; filename*=utf-8''b.exe\r\n"
	    "Content-Type: text/plain; name=\"c.exe\"",
	    PT "[a.txt] [b.exe] [c.exe]\nend 0",
	    "all that some reader may show");
	names("Content-Type: application/x (comment; name=no) ; (x) name = "
	    "\"a.exe\"", "part 0 application/x [a.exe]\nend 0", "comments");
	names(CD "filename=\"a\r\n\t.exe\"", PT "[a .exe]\nend 0",
	    "a fold");
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
	for (i = 0; i < MIME_NAMES; i++)
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
	is_past(MULTI("mixed", "x") "--x\r\nwhat is this\r\n" EXE "\r\nM\r\n",
	    "a header that is broken", "fields behind a line that is none");
	ok(strstr(parse(MULTI("mixed", "x") "--x\r\nA text at once.\r\n\r\n"
	    "Content-Type: is what I mean\r\n--x--\r\n", 100), "past") == NULL,
	    "but not in a text");
}

int
main(void)
{
	structure();
	evasions();
	encodings();
	all_names();
	bounds();
	return (done());
}
