/*
 * Messages of some MB that are made to cost much work.  Twice the bytes cost at
 * most twice the work, and never more than the bound for each byte; a message
 * over the bound is reported.  The test counts steps, not time.
 */
/* no valgrind */
#include <stdint.h>

#include "lib/mime/mime.h"
#include "regress/lib/tap.h"

#define SIZE	(1024 * 1024)

struct message {
	const char	*name;
	const char	*head;		/* once */
	const char	*each;		/* again and again up to a half … */
	const char	*tail;		/* … and this for the rest */
	int		 past;		/* it cannot be looked at */
};

static const struct message messages[] = {
	{ "boundaries of one header, and lines that are none",
	    "Content-Type: text/plain\r\n",
	    "Content-Type: multipart/m; boundary=N\r\n", "--y\r\n", 0 },
	{ "different boundaries of one header",
	    "Content-Type: text/plain\r\n",
	    "Content-Type: multipart/m; boundary=a%zu\r\n", "--y\r\n", 1 },
	{ "boundaries of one field", "Content-Type: multipart/m",
	    "; boundary=a%zu\r\n ", "\r\n--a\r\n", 1 },
	{ "parts in parts", "",
	    "Content-Type: multipart/m; boundary=b%zu\r\n\r\n--b%zu\r\n",
	    "--b\r\n", 1 },
	{ "messages in messages", "",
	    "Content-Type: message/rfc822\r\n\r\n", "--b\r\n", 1 },
	{ "encoded messages in messages", "",
	    "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
	    "quoted-printable\r\n\r\n", "x\r\n", 1 },
	{ "headers that can be read in several ways",
	    "Content-Type: multipart/m; boundary=x\r\n\r\n",
	    "--x\r\nContent-Type: text/a\r\nContent-Type: text/b\r\n"
	    "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: "
	    "7bit\r\n\r\n", "--xx\r\n", 1 },
	{ "parts without end",
	    "Content-Type: multipart/m; boundary=x\r\n\r\n", "--x\r\n",
	    "--x\r\n\r\n", 1 },
	{ "names in pieces", "",
	    "Content-Disposition: a; filename*1=a; filename*2=b; filename*4*=c;"
	    " filename*3=d; filename*9=e; filename*7=f\r\n", "x\r\n", 0 },
	{ "pieces in quotes that do not end", "",
	    "Content-Disposition: a; filename*1=\"a\"; filename*2=\"b; "
	    "filename*3=\"c\"\\\"; filename*4=d\"\r\n", "x\r\n", 0 },
	{ "last boundaries right behind others",
	    "Content-Type: multipart/m; boundary=x\r\n\r\n",
	    "--x\r\n--x--\r\n", "--x--\r\n", 1 },
	{ "messages of other types", "",
	    "Content-Type: message/a%zu\r\n\r\n", "x\r\n", 1 },
	{ "names in one field", "Content-Disposition: a",
	    "; filename=a%zu\r\n ", "\r\n\r\n", 1 },
	{ "names without semicolons", "Content-Disposition: a",
	    " filename=\r\n ", "\r\n\r\n", 1 },
	{ "words that begin and do not end", "",
	    "Subject: =?x?q?a=?x?q?a=?x?q?a=?x?q?a=?x?q?a=?x?q?a=?x?q?a=?x?q?"
	    "a=?x?q?a=?x?q?a=?x?q?a=?x?q?a\r\n", "x\r\n", 0 },
	{ "comments in comments", "Content-Type: text/plain ", "((((\r\n ",
	    "\r\n", 1 },
	{ "quotes without end", "",
	    "Content-Type: a/b; name=\"; name=\"; name=\"; name=\"\r\n",
	    "\r\n", 0 },
	{ "lines in headers that are no fields",
	    "Content-Type: multipart/m; boundary=x\r\n\r\n--x\r\nA: 1\r\n",
	    "a text\r\n", "--x\r\nA: 1\r\na text\r\n", 1 }
};

static char	text[2 * SIZE + 4096];

static size_t
build(const struct message *m, size_t size)
{
	size_t	n, i;

	n = (size_t)snprintf(text, 4096, "%s", m->head);
	for (i = 0; n < size / 2; i++)
		n += (size_t)snprintf(text + n, 4096, m->each, i, i);
	n += (size_t)snprintf(text + n, 4096, "\r\n\r\n");
	while (n < size)
		n += (size_t)snprintf(text + n, 4096, "%s", m->tail);
	return (n);
}

static uint64_t
work(size_t len, const char **past)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls;
	struct mime			*m = mime_new(&limits, &calls, NULL);
	uint64_t			 steps;

	if (m == NULL || mime_feed(m, (const uint8_t *)text, len) == -1 ||
	    mime_finish(m) == -1)
		exit(1);
	steps = mime_work(m);
	*past = mime_past(m);
	mime_free(m);
	return (steps);
}

int
main(void)
{
	const struct message	*m;
	const char		*past;
	uint64_t		 once, twice;
	size_t			 i, len;

	for (i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		m = &messages[i];
		len = build(m, SIZE);
		once = work(len, &past);
		ok((past != NULL) == m->past, m->name);
		ok(once <= MIME_WORK_FREE + MIME_WORK * (uint64_t)len + 200000,
		    "has its bound");
		len = build(m, 2 * SIZE);
		twice = work(len, &past);
		ok(twice <= 2 * once + once / 5 + 200000,
		    "and costs twice as much when it is twice as long");
		printf("# %zu octets, %llu and %llu steps, %s\n", len,
		    (unsigned long long)once, (unsigned long long)twice,
		    past == NULL ? "nothing past a limit" : past);
	}
	return (done());
}
