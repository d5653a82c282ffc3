/* LINK: spamgreyd/pass/message spamgreyd/modules/milter spamgreydb/commands */
/*
 * Where a message's header ends: the text in the spool, and that all readers of
 * it find the same end.
 */
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/mime/mime.h"
#include "lib/mime/msghead.h"
#include "spamgreydb/commands/received.h"
#include "spamgreyd/modules/milter/head.h"
#include "regress/lib/tap.h"

#define SIZE	8192
#define BLANKS	"                "

/* A message through the filter, in pieces of that size. */
static size_t
filter(struct msghead *h, const char *const *drops, const char *in, size_t len,
    size_t piece, uint8_t out[SIZE])
{
	size_t	at, n = 0, m;

	memset(h, 0, sizeof(*h));
	h->drop = "X-Spamgreyd";
	h->drops = drops;
	for (at = 0; at < len; at += m) {
		m = len - at < piece ? len - at : piece;
		n += msghead_filter(h, (const uint8_t *)in + at, m, out + n);
	}
	return (n + msghead_finish(h, out + n));
}

/* What test_head() feeds, whole and in pieces of every size. */
static const struct {
	const char	*name, *in, *out;
	uint32_t	 dropped, received;
} heads[] = {
	{ "nothing", "", "", 0, 0 },
	{ "no field of ours", "From: a\r\n b\r\n\r\nx\r\n",
	    "From: a\r\n b\r\n\r\nx\r\n", 0, 0 },
	{ "one of ours",
	    "A: 1\r\nX-Spamgreyd: 5\r\nB: 2\r\n\r\nx\r\n",
	    "A: 1\r\nB: 2\r\n\r\nx\r\n", 1, 0 },
	{ "with continuation lines, any case, any suffix",
	    "x-SPAMGREYD-Score: 5\r\n more\r\n\tand\r\nB: 2\r\n c\r\n"
	    "X-Spamgreyd-Points: 1\r\nX-Spamgreyd: z\r\n y\r\n\r\n",
	    "B: 2\r\n c\r\n\r\n", 3, 0 },
	{ "others that begin alike", "X-Spamgrey: 1\r\nX: 2\r\n\r\n",
	    "X-Spamgrey: 1\r\nX: 2\r\n\r\n", 0, 0 },
	{ "ours in the body", "A: 1\r\n\r\nX-Spamgreyd: 5\r\n",
	    "A: 1\r\n\r\nX-Spamgreyd: 5\r\n", 0, 0 },
	{ "a body alone", "\r\nX-Spamgreyd: 5\r\nReceived: x\r\n",
	    "\r\nX-Spamgreyd: 5\r\nReceived: x\r\n", 0, 0 },
	{ "a first line that would go on with our own",
	    "\tX: 1\r\nX-Spamgreyd: 5\r\n\r\n",
	    "\r\n\tX: 1\r\nX-Spamgreyd: 5\r\n\r\n", 0, 0 },
	{ "a blank alone", " ", "\r\n ", 0, 0 },
	{ "a blank line that is folded is no end",
	    "A: 1\r\n \r\nX-Spamgreyd: 5\r\n \r\nB: 2\r\n\r\n",
	    "A: 1\r\n \r\nB: 2\r\n\r\n", 1, 0 },
	{ "Received", "Received: a\r\n b\r\nRECEIVED: c\r\n"
	    "received \t: d\r\nReceived-SPF: e\r\nReceiver: f\r\n"
	    "Received\r\nX-Received: g\r\n\r\nReceived: h\r\n",
	    "Received: a\r\n b\r\nRECEIVED: c\r\n"
	    "received \t: d\r\nReceived-SPF: e\r\nReceiver: f\r\n"
	    "\r\nReceived\r\nX-Received: g\r\n\r\nReceived: h\r\n", 0, 3 },
	{ "cut in what may be ours", "A: 1\r\nX-Spam",
	    "A: 1\r\n\r\nX-Spam", 0, 0 },
	{ "cut in what is", "A: 1\r\nX-Spamgreyd: 5", "A: 1\r\n", 1, 0 },
	{ "blanks without end", "Received" BLANKS BLANKS ": x\r\n\r\n",
	    "Received" BLANKS BLANKS ": x\r\n\r\n", 0, 1 },
	{ "a line that is no field",
	    "A: 1\r\nwhat is this\r\nX-Spamgreyd: 5\r\n\r\nb\r\n",
	    "A: 1\r\n\r\nwhat is this\r\nX-Spamgreyd: 5\r\n\r\n"
	    "b\r\n", 0, 0 },
	{ "text at once", "hello\r\nA: 1\r\n", "hello\r\nA: 1\r\n", 0, 0 },
	{ "a mailbox's first line",
	    "From a@b Mon Jan  1\r\nX-Spamgreyd: 5\r\nA: 1\r\n\r\nb\r\n",
	    "X-Mailbox-Line: From a@b Mon Jan  1\r\nA: 1\r\n\r\nb\r\n",
	    1, 0 },
	{ "several, marked",
	    ">From a\r\nFrom b\r\n>>>From \r\nReceived: c\r\n\r\n",
	    "X-Mailbox-Line: >From a\r\nX-Mailbox-Line: From b\r\n"
	    "X-Mailbox-Line: >>>From \r\nReceived: c\r\n\r\n", 0, 1 },
	{ "one alone", "From a", "X-Mailbox-Line: From a", 0, 0 },
	{ "a blank after one", "From a\r\n b: c\r\n",
	    "X-Mailbox-Line: From a\r\n\r\n b: c\r\n", 0, 0 },
	{ "a field of that name", "From : a@b\r\nFROM x\r\n",
	    "From : a@b\r\n\r\nFROM x\r\n", 0, 0 },
	{ "one behind a field", "A: 1\r\nFrom a\r\nB: 2\r\n",
	    "A: 1\r\n\r\nFrom a\r\nB: 2\r\n", 0, 0 }
};

static void
test_head(void)
{
	struct msghead	h;
	uint8_t		out[SIZE];
	size_t		i, piece, n, len;
	int		good;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		len = strlen(heads[i].in);
		for (good = 1, piece = 1; piece <= len + 1; piece++) {
			n = filter(&h, NULL, heads[i].in, len, piece, out);
			good &= n == strlen(heads[i].out) &&
			    memcmp(out, heads[i].out, n) == 0 &&
			    h.dropped == heads[i].dropped &&
			    h.received == heads[i].received;
		}
		ok(good, heads[i].name);
	}
}

/* More names than one. */
static void
drops(void)
{
	static const char *const	 more[] = { "X-Spam", "X-R", NULL };
	static const char		 in[] = "X-Sp: 1\r\nx-spam-flag: NO\r\n"
	    "\tno\r\nReceived: a\r\nX-Spamgreyd: b\r\nX-Rspamd-Score: c\r\n"
	    "X: d\r\nX-Spam: e\r\n\r\nX-Spam: f\r\n";
	static const char		 want[] = "X-Sp: 1\r\nReceived: a\r\n"
	    "X: d\r\n\r\nX-Spam: f\r\n";
	struct msghead			 h;
	uint8_t				 out[SIZE];
	size_t				 piece, n, bad = 0;

	for (piece = 1; piece < sizeof(in); piece++) {
		n = filter(&h, more, in, sizeof(in) - 1, piece, out);
		bad += n != sizeof(want) - 1 || memcmp(out, want, n) != 0 ||
		    h.dropped != 4 || h.received != 1;
	}
	is_int(bad, 0, "several names, wherever it is cut");
}

/* A name that has no end within a line. */
static void
long_name(void)
{
	struct msghead	h;
	char		in[SIZE];
	uint8_t		out[SIZE];
	size_t		n;

	snprintf(in, sizeof(in), "%0*d:\r\n\r\n", HDRLINE_MAX - 1, 0);
	n = filter(&h, NULL, in, strlen(in), 1000, out);
	ok(n == strlen(in) && memcmp(in, out, n) == 0,
	    "a name that fits into a line is one");
	snprintf(in, sizeof(in), "%0*d:\r\n\r\n", HDRLINE_MAX, 0);
	n = filter(&h, NULL, in, strlen(in), 1000, out);
	ok(n == strlen(in) && memcmp(in, out, n) == 0 &&
	    h.begun == 0, "a longer one is none");
}

/* --- all who read it */

static void
on_data(const struct mime_part *p, const uint8_t *s, size_t len, void *arg)
{
	(void)p;
	(void)s;
	*(size_t *)arg += len;
}

static size_t
body_of_mime(const uint8_t *msg, size_t len)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls = { .data = on_data };
	size_t				 body = 0;
	struct mime			*m;

	m = mime_new(&limits, &calls, &body);
	if (m == NULL || mime_feed(m, msg, len) == -1 || mime_finish(m) == -1)
		exit(1);
	mime_free(m);
	return (len - body);
}

static size_t
body_of_filter(const struct spool *sp)
{
	struct milter_head	h;
	uint8_t			dst[2000];

	milter_head_begin(&h, sp);
	while (milter_head_next(&h, dst, sizeof(dst), 0) > 0)
		;
	return ((size_t)milter_head_body(&h));
}

/* Where a field lands that is put at the end of the header. */
static size_t
body_of_changes(const struct spool *sp, const uint8_t *msg)
{
	struct msgedit	*e = msgedit_new();
	struct spool	*out;
	uint8_t		 text[SIZE];
	const uint8_t	*p;
	ssize_t		 n;
	size_t		 at;

	if (e == NULL || msgedit_add(e, "Z-Z-Z", "end") == -1 ||
	    (out = msgedit_apply(e, sp)) == NULL ||
	    (n = spool_read(out, 0, text, sizeof(text))) < 0)
		exit(1);
	p = memmem(text, (size_t)n, "Z-Z-Z: end\r\n", 12);
	at = p == NULL ? SIZE : (size_t)(p - text);
	spool_free(out);
	msgedit_free(e);
	/* (the empty line behind the header is not the body's) */
	return (memcmp(msg + at, "\r\n", 2) == 0 ? at + 2 : at);
}

static size_t
hops_of(const uint8_t *msg, size_t len)
{
	const char	*end = (const char *)msg + len, *value;
	const char	*pos = received_header((const char *)msg, end);
	size_t		 n = 0, vlen;

	while (received_next(&pos, end, &value, &vlen))
		n++;
	return (n);
}

/* Each finds that many Received fields, and the body there. */
static void
readers(const char *in, size_t body, size_t received, const char *name)
{
	struct msghead	 h;
	struct spool	*sp = spool_new();
	uint8_t		 out[SIZE];
	size_t		 n, m, f, e;
	char		 what[200];

	n = filter(&h, NULL, in, strlen(in), strlen(in) + 1, out);
	if (sp == NULL || spool_write(sp, out, n) == -1)
		exit(1);
	m = body_of_mime(out, n);
	f = body_of_filter(sp);
	e = body_of_changes(sp, out);
	snprintf(what, sizeof(what), "all readers: %s", name);
	ok(m == body && f == body && e == body && h.received == received &&
	    hops_of(out, n) == received, what);
	if (m != body || f != body || e != body)
		printf("# mime %zu filter %zu changes %zu want %zu\n", m, f,
		    e, body);
	spool_free(sp);
}

static void
all_readers(void)
{
	char	in[SIZE];

	spool_limits(65536, 65536);
	readers("A: 1\r\nReceived: x\r\n\r\nReceived: y\r\n", 21, 1,
	    "a message");
	readers("From a@b Mon\r\nReceived: x\r\n\r\nb\r\n", 45, 1,
	    "a mailbox's line before the header");
	readers("\r\nA: 1\r\n\r\nb\r\n", 2, 0, "an empty line at once");
	readers(" A: 1\r\nReceived: x\r\n\r\nb\r\n", 2, 0,
	    "a line that begins with a blank at once");
	readers("From a\r\n\tA: 1\r\n\r\nb\r\n", 26, 0,
	    "such a line behind a mailbox's");
	readers("A: 1\r\nno field\r\nReceived: x\r\n\r\nb\r\n", 8, 0,
	    "a line that is none");
	readers("A: 1\r\n \r\nReceived : x\r\n\r\nb\r\n", 25, 1,
	    "a line of blanks goes on");
	readers("A: 1\r\n\303\251: x\r\nReceived: x\r\n\r\nb\r\n", 8, 0,
	    "a name that is not ASCII");
	readers("A: 1\r\n: x\r\nReceived: x\r\n\r\nb\r\n", 8, 0,
	    "a field without a name");
	readers("text\r\nReceived: x\r\n\r\n", 0, 0, "no header");
	snprintf(in, sizeof(in), "A: 1\r\n%01500d: x\r\nReceived: x\r\n\r\n"
	    "b\r\n", 0);
	readers(in, 8, 0, "a name without end");
	snprintf(in, sizeof(in), "A: %01500d\r\nReceived: x\r\n\r\nb\r\n",
	    0);
	readers(in, 1505 + 13 + 2, 1, "a long value");
}

int
main(void)
{
	test_head();
	drops();
	long_name();
	all_readers();
	return (done());
}
