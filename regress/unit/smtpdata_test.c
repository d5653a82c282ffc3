/*
 * The body of DATA: what ends it and what does not, what becomes of bare CR
 * and LF and of dots, however the wire is cut; and the header filter.
 */
/* LIBS: -lm */
#include <stdint.h>

#include "../../lib/smtpdata.h"
#include "messages.h"
#include "tap.h"

#define SIZE	4096
#define BLANKS	"                "

struct decode_case {
	const char	*name;
	const char	*in;
	size_t		 len;		/* of in: it may hold NUL */
	const char	*out;
	size_t		 outlen;
	size_t		 used;		/* 0: the end does not come */
	int		 lf, cr, nul;
};
#define B(s)	s, sizeof(s) - 1

static const struct decode_case	decodes[] = {
	{ "nothing", B(".\r\n"), B(""), 3, 0, 0, 0 },
	{ "an empty line", B("\r\n.\r\n"), B("\r\n"), 5, 0, 0, 0 },
	{ "a line", B("a\r\n.\r\nQUIT\r\n"), B("a\r\n"), 6, 0, 0, 0 },
	{ "a stuffed dot", B("..\r\n..a\r\n.\r\n"), B(".\r\n.a\r\n"), 12,
	    0, 0, 0 },
	{ "a dot that should have been stuffed", B(".a\r\n.\r\n"), B("a\r\n"),
	    7, 0, 0, 0 },
	{ "dots in a line", B("a.b\r\n a.\r\n.\r\n"), B("a.b\r\n a.\r\n"), 13,
	    0, 0, 0 },
	{ "8-bit", B("\xff\x80\r\n.\r\n"), B("\xff\x80\r\n"), 7, 0, 0, 0 },
	{ "NUL stays", B("a\0b\r\n.\r\n"), B("a\0b\r\n"), 8, 0, 0, 1 },
	{ "a bare LF", B("a\nb\r\n.\r\n"), B("a\r\nb\r\n"), 8, 1, 0, 0 },
	{ "a bare CR", B("a\rb\r\n.\r\n"), B("a b\r\n"), 8, 0, 1, 0 },
	{ "CR before CRLF", B("a\r\r\n.\r\n"), B("a \r\n"), 7, 0, 1, 0 },
	{ "LF before CR", B("a\n\rb\r\n.\r\n"), B("a\r\n b\r\n"), 9, 1, 1, 0 },
	{ "no end: LF . CRLF", B("a\n.\r\nRSET\r\n"),
	    B("a\r\n.\r\nRSET\r\n"), 0, 1, 0, 0 },
	{ "no end: CR . CRLF", B("a\r.\r\nRSET\r\n"), B("a .\r\nRSET\r\n"),
	    0, 0, 1, 0 },
	{ "no end: LF . LF", B("a\n.\nRSET\r\n"), B("a\r\n.\r\nRSET\r\n"),
	    0, 1, 0, 0 },
	{ "no end: CRLF . LF", B("a\r\n.\nRSET\r\n"),
	    B("a\r\n\r\nRSET\r\n"), 0, 1, 0, 0 },
	{ "no end: CRLF . CR", B("a\r\n.\rRSET\r\n"), B("a\r\n RSET\r\n"),
	    0, 0, 1, 0 },
	{ "no end: CR . CR", B("a\r.\rRSET\r\n"), B("a . RSET\r\n"),
	    0, 0, 1, 0 },
	{ "no end: LF . CR LF", B("a\n.\r\n"), B("a\r\n.\r\n"), 0, 1, 0, 0 },
	{ "no end: CRLF . CR CRLF", B("a\r\n.\r\r\nRSET\r\n"),
	    B("a\r\n \r\nRSET\r\n"), 0, 0, 1, 0 },
	{ "no end: CRLF NUL . CRLF", B("a\r\n\0.\r\nRSET\r\n"),
	    B("a\r\n\0.\r\nRSET\r\n"), 0, 0, 0, 1 },
	{ "no end: CRLF . NUL CRLF", B("a\r\n.\0\r\nRSET\r\n"),
	    B("a\r\n\0\r\nRSET\r\n"), 0, 0, 0, 1 },
	{ "no end: CR NUL LF . CRLF", B("a\r\0\n.\r\nRSET\r\n"),
	    B("a \0\r\n.\r\nRSET\r\n"), 0, 1, 1, 1 },
	{ "no end: CRLF blank . CRLF", B("a\r\n .\r\nRSET\r\n"),
	    B("a\r\n .\r\nRSET\r\n"), 0, 0, 0, 0 },
	{ "the end after all that", B("a\n.\n.\r\nb\r\n.\r\nx"),
	    B("a\r\n.\r\n.\r\nb\r\n"), 13, 1, 0, 0 }
};

/* All of it in pieces of that size. */
static size_t
decode(struct smtpdata_in *s, const uint8_t *in, size_t len, size_t piece,
    uint8_t *out, size_t *outlen, int *end)
{
	size_t	at = 0, n, got;

	memset(s, 0, sizeof(*s));
	*outlen = 0;
	*end = 0;
	while (at < len && !*end) {
		n = len - at < piece ? len - at : piece;
		at += smtpdata_decode(s, in + at, n, out + *outlen, &got, end);
		*outlen += got;
	}
	return (at);
}

static void
test_decode(void)
{
	const struct decode_case	*c;
	struct smtpdata_in		 s;
	uint8_t				 out[SIZE];
	size_t				 i, piece, used, n;
	int				 end, good;

	for (i = 0; i < sizeof(decodes) / sizeof(decodes[0]); i++) {
		c = &decodes[i];
		for (good = 1, piece = 1; piece <= c->len + 1; piece++) {
			used = decode(&s, (const uint8_t *)c->in, c->len,
			    piece, out, &n, &end);
			good &= n == c->outlen && memcmp(out, c->out, n) == 0 &&
			    end == (c->used != 0) &&
			    used == (end ? c->used : c->len) &&
			    s.bare_lf == c->lf && s.bare_cr == c->cr &&
			    s.nul == c->nul;
		}
		ok(good, c->name);
	}
	decode(&s, (const uint8_t *)"a\nb\r\n\r\n.\r\n", 10, 10, out, &n, &end);
	is_int(s.lines, 3, "lines are counted");
}

static void
test_encode(void)
{
	static const struct {
		const char	*in, *out;
	} c[] = {
		{ "", ".\r\n" },
		{ "a\r\n", "a\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" },
		{ "a\r", "a\r\n.\r\n" },
		{ ".\r\n", "..\r\n.\r\n" },
		{ ".", "..\r\n.\r\n" },
		{ "..\r\n.a\r\n\r\n.\r\n", "...\r\n..a\r\n\r\n..\r\n.\r\n" },
		{ "a.\r\n b.c\r\n", "a.\r\n b.c\r\n.\r\n" }
	};
	struct smtpdata_out	s;
	uint8_t			out[SIZE];
	size_t			i, piece, at, n, len, m;
	int			good = 1;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		for (len = strlen(c[i].in), piece = 1; piece <= len + 1;
		    piece++) {
			memset(&s, 0, sizeof(s));
			for (n = at = 0; at < len; at += m) {
				m = len - at < piece ? len - at : piece;
				n += smtpdata_encode(&s,
				    (const uint8_t *)c[i].in + at, m, out + n);
			}
			n += smtpdata_finish(&s, out + n);
			good &= n == strlen(c[i].out) &&
			    memcmp(out, c[i].out, n) == 0;
		}
	ok(good, "dots are stuffed, the end is put, however it is cut");
}

/* To the wire and back, messages of every size and kind. */
static void
test_round_trip(void)
{
	struct smtpdata_out	 o;
	struct smtpdata_in	 s;
	struct message		 m;
	uint8_t			*wire, *back;
	size_t			 n, used, outlen, i;
	unsigned int		 id, good = 0;
	int			 end, early;

	for (id = 0; id < 300; id++) {
		message_make(&m, 4, id, 300);
		if ((wire = malloc(2 * m.len + 5)) == NULL ||
		    (back = malloc(4 * m.len + 16)) == NULL)
			err(1, NULL);
		memset(&o, 0, sizeof(o));
		n = smtpdata_encode(&o, m.data, m.len, wire);
		n += smtpdata_finish(&o, wire + n);
		for (early = 0, i = 0; i + 5 < n; i++)
			early |= memcmp(wire + i, "\r\n.\r\n", 5) == 0;
		used = decode(&s, wire, n, 1 + id * 97 % 65536, back, &outlen,
		    &end);
		good += !early && end && used == n && outlen == m.len &&
		    memcmp(back, m.data, m.len) == 0 && !s.bare_cr &&
		    !s.bare_lf;
		free(m.data);
		free(wire);
		free(back);
	}
	is_int(good, 300, "300 messages come back octet for octet");
}

static void
test_head(void)
{
	static const struct {
		const char	*name, *in, *out;
		uint32_t	 dropped, received;
	} c[] = {
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
		    "Received\r\nX-Received: g\r\n\r\nReceived: h\r\n", 0, 3 },
		{ "cut in what may be ours", "A: 1\r\nX-Spam",
		    "A: 1\r\nX-Spam", 0, 0 },
		{ "cut in what is", "A: 1\r\nX-Spamgreyd: 5", "A: 1\r\n", 1, 0 },
		{ "blanks without end", "Received" BLANKS BLANKS ": x\r\n\r\n",
		    "Received" BLANKS BLANKS ": x\r\n\r\n", 0, 0 }
	};
	struct msghead	h;
	uint8_t		out[SIZE];
	size_t		i, piece, at, n, m, len;
	int		good;

	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		len = strlen(c[i].in);
		for (good = 1, piece = 1; piece <= len + 1; piece++) {
			memset(&h, 0, sizeof(h));
			h.drop = "X-Spamgreyd";
			for (n = at = 0; at < len; at += m) {
				m = len - at < piece ? len - at : piece;
				n += msghead_filter(&h,
				    (const uint8_t *)c[i].in + at, m, out + n);
			}
			n += msghead_finish(&h, out + n);
			good &= n == strlen(c[i].out) &&
			    memcmp(out, c[i].out, n) == 0 &&
			    h.dropped == c[i].dropped &&
			    h.received == c[i].received;
		}
		ok(good, c[i].name);
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
	size_t				 piece, at, n, m, bad = 0;

	for (piece = 1; piece < sizeof(in); piece++) {
		memset(&h, 0, sizeof(h));
		h.drop = "X-Spamgreyd";
		h.drops = more;
		for (n = at = 0; at < sizeof(in) - 1; at += m) {
			m = sizeof(in) - 1 - at < piece ? sizeof(in) - 1 - at :
			    piece;
			n += msghead_filter(&h, (const uint8_t *)in + at, m,
			    out + n);
		}
		n += msghead_finish(&h, out + n);
		bad += n != sizeof(want) - 1 || memcmp(out, want, n) != 0 ||
		    h.dropped != 4 || h.received != 1;
	}
	is_int(bad, 0, "several names, wherever it is cut");
}

int
main(void)
{
	test_decode();
	test_encode();
	test_round_trip();
	test_head();
	drops();
	return (done());
}
