/*
 * The text after DATA: what ends it and what does not, and what bare CR, LF and
 * dots become, with the input cut into pieces in every way.
 */
/* LIBS: -lm */
#include <stdint.h>

#include "lib/smtp/data.h"
#include "regress/lib/messages.h"
#include "regress/lib/tap.h"

#define SIZE	4096

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
	{ "ordinary lines before and after others",
	    B("a\r\n\r\nb\r\n..c\r\nd\r\ne\nf\r\n\r\r\ng\r\n.\r\n"),
	    B("a\r\n\r\nb\r\n.c\r\nd\r\ne\r\nf\r\n \r\ng\r\n"),
	    30, 1, 1, 0 },
	{ "the end after all that", B("a\n.\n.\r\nb\r\n.\r\nx"),
	    B("a\r\n.\r\n.\r\nb\r\n"), 13, 1, 0, 0 }
};

/* Does a line of it begin with a dot? */
static int
has_dots(const uint8_t *p, size_t len)
{
	return ((len > 0 && *p == '.') || memmem(p, len, "\n.", 2) != NULL);
}

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
			    s.nul == c->nul &&
			    (s.dots || !has_dots(out, n)) &&
			    (c->lf || s.dots == has_dots(out, n));
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
		    !s.bare_lf && s.dots == has_dots(back, outlen);
		free(m.data);
		free(wire);
		free(back);
	}
	is_int(good, 300, "300 messages come back octet for octet");
}

int
main(void)
{
	test_decode();
	test_encode();
	test_round_trip();
	return (done());
}
