/*
 * MIME's encodings, and encoded words of header fields.  See mimeword.h.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "mimeword.h"

#define WORD_MAX	1024		/* octets of one encoded word */

static int
b64_value(unsigned int c)
{
	if (c >= 'A' && c <= 'Z')
		return ((int)c - 'A');
	if (c >= 'a' && c <= 'z')
		return ((int)c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return ((int)c - '0' + 52);
	return (c == '+' ? 62 : c == '/' ? 63 : -1);
}

size_t
b64_decode(struct b64 *b, const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t	i, n = 0;
	int	v;

	for (i = 0; i < len; i++) {
		if (src[i] == '=') {
			/* What follows begins anew: some join two of them. */
			b->n = 0;
			b->bits = 0;
			continue;
		}
		if ((v = b64_value(src[i])) == -1)
			continue;
		b->bits = b->bits << 6 | (uint32_t)v;
		switch (++b->n) {
		case 2:
			dst[n++] = (uint8_t)(b->bits >> 4);
			break;
		case 3:
			dst[n++] = (uint8_t)(b->bits >> 2);
			break;
		case 4:
			dst[n++] = (uint8_t)b->bits;
			b->n = 0;
			break;
		default:
			break;
		}
	}
	return (n);
}

static int
hex(unsigned int c)
{
	if (c >= '0' && c <= '9')
		return ((int)c - '0');
	if (c >= 'A' && c <= 'F')
		return ((int)c - 'A' + 10);
	return (c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1);
}

/* One octet more; how many came out, at most 3. */
static size_t
qp_octet(struct qp *q, uint8_t c, uint8_t *dst)
{
	size_t	n;

	if (q->n == 0) {
		if (c == '=') {
			q->held[q->n++] = c;
			return (0);
		}
		dst[0] = c;
		return (1);
	}
	/* "=" blanks CRLF is a line that goes on. */
	if (c == '\n' && q->n == 1) {
		q->n = 0;
		return (0);
	}
	if ((c == '\r' || c == ' ' || c == '\t') && q->n == 1)
		return (0);
	if (q->n == 2 && hex(q->held[1]) >= 0 && hex(c) >= 0) {
		dst[0] = (uint8_t)(hex(q->held[1]) << 4 | hex(c));
		q->n = 0;
		return (1);
	}
	if (q->n == 1 && hex(c) >= 0) {
		q->held[q->n++] = c;
		return (0);
	}
	/* No escape after all. */
	n = q->n;
	memcpy(dst, q->held, n);
	q->n = 0;
	if (c == '=') {
		q->held[q->n++] = c;
		return (n);
	}
	dst[n++] = c;
	return (n);
}

size_t
qp_decode(struct qp *q, const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t	i, n = 0;

	if (src == NULL) {
		memcpy(dst, q->held, q->n);
		n = q->n;
		q->n = 0;
		return (n);
	}
	for (i = 0; i < len; i++)
		n += qp_octet(q, src[i], dst + n);
	return (n);
}

/* Where text goes. */
struct out {
	char	*dst;
	size_t	 size, n;
};

static void
put_octets(struct out *o, const char *text, size_t len)
{
	if (o->size - o->n > len) {
		memcpy(o->dst + o->n, text, len);
		o->n += len;
	}
}

static void
put_ascii(struct out *o, unsigned int c)
{
	char	one = (char)(c < 0x20 || c == 0x7f ? ' ' : c);

	put_octets(o, &one, 1);
}

static void
put_rune(struct out *o, uint32_t c)
{
	char	text[3];

	if (c < 0x80) {
		put_ascii(o, c);
		return;
	}
	if (c < 0x800) {
		text[0] = (char)(0xc0 | c >> 6);
		text[1] = (char)(0x80 | (c & 0x3f));
		put_octets(o, text, 2);
		return;
	}
	text[0] = (char)(0xe0 | c >> 12);
	text[1] = (char)(0x80 | (c >> 6 & 0x3f));
	text[2] = (char)(0x80 | (c & 0x3f));
	put_octets(o, text, 3);
}

/* What windows-1252 has where ISO 8859-1 has control characters. */
static const uint16_t cp1252[32] = {
	0x20ac, '?', 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, '?', 0x017d, '?',
	'?', 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, '?', 0x017e, 0x0178
};

/* The length of the UTF-8 character at s; 0: it is none. */
static size_t
utf8_len(const uint8_t *s, size_t len)
{
	size_t	n, i;

	n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 :
	    s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > len)
		return (0);
	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return (0);
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f))
		return (0);
	return (n);
}

static int
is_charset(const char *name, size_t len, const char *what)
{
	return (strlen(what) == len && strncasecmp(name, what, len) == 0);
}

static void
put_charset(struct out *o, const char *cs, size_t cslen, const uint8_t *s,
    size_t len)
{
	size_t	i, n;
	int	utf8, latin, euro, win;

	utf8 = is_charset(cs, cslen, "utf-8") || is_charset(cs, cslen, "utf8");
	euro = is_charset(cs, cslen, "iso-8859-15");
	win = is_charset(cs, cslen, "windows-1252") ||
	    is_charset(cs, cslen, "cp1252");
	latin = euro || win || is_charset(cs, cslen, "iso-8859-1") ||
	    is_charset(cs, cslen, "latin1");
	for (i = 0; i < len; i++) {
		if (s[i] < 0x80)
			put_ascii(o, s[i]);
		else if (utf8 && (n = utf8_len(s + i, len - i)) > 0) {
			put_octets(o, (const char *)s + i, n);
			i += n - 1;
		} else if (win && s[i] < 0xa0)
			put_rune(o, cp1252[s[i] - 0x80]);
		else if (euro && s[i] == 0xa4)
			put_rune(o, 0x20ac);
		else if (latin && s[i] >= 0xa0)
			put_rune(o, s[i]);
		else
			put_ascii(o, '?');
	}
}

size_t
mimeword_charset(char *dst, size_t size, const char *charset,
    size_t charset_len, const uint8_t *src, size_t len)
{
	struct out	o = { dst, size, 0 };

	if (size == 0)
		return (0);
	put_charset(&o, charset, charset_len, src, len);
	dst[o.n] = '\0';
	return (o.n);
}

/* The octets of an encoded word's text. */
static size_t
word_octets(int encoding, const char *text, size_t len, uint8_t *dst)
{
	struct b64	b = { 0, 0 };
	size_t		i, n = 0;

	if (encoding == 'B' || encoding == 'b')
		return (b64_decode(&b, (const uint8_t *)text, len, dst));
	for (i = 0; i < len; i++) {
		if (text[i] == '_')
			dst[n++] = ' ';
		else if (text[i] == '=' && i + 2 < len &&
		    hex((unsigned char)text[i + 1]) >= 0 &&
		    hex((unsigned char)text[i + 2]) >= 0) {
			dst[n++] = (uint8_t)(hex((unsigned char)text[i + 1]) <<
			    4 | hex((unsigned char)text[i + 2]));
			i += 2;
		} else
			dst[n++] = (uint8_t)text[i];
	}
	return (n);
}

/* "=?charset?Q?text?=" at s: its length and parts; 0: it is none. */
static size_t
word_find(const char *s, size_t len, size_t *cslen, const char **text,
    size_t *textlen)
{
	const char	*end = s + (len < WORD_MAX ? len : WORD_MAX), *p, *q;

	if (len < 8 || s[0] != '=' || s[1] != '?')
		return (0);
	for (p = s + 2; p < end && *p != '?'; p++)
		if (*p <= ' ' || *p > '~')
			return (0);
	if (end - p < 5 || p == s + 2 || p[2] != '?' ||
	    strchr("BbQq", p[1]) == NULL || p[1] == '\0')
		return (0);
	for (q = p + 3; q + 1 < end && !(q[0] == '?' && q[1] == '='); q++)
		if (*q == '\r' || *q == '\n')
			return (0);
	if (q + 1 >= end)
		return (0);
	/* A language after the character set (RFC 2231 5) is none of it. */
	*cslen = (size_t)(p - s) - 2;
	if (memchr(s + 2, '*', *cslen) != NULL)
		*cslen = (size_t)((const char *)memchr(s + 2, '*', *cslen) -
		    s) - 2;
	*text = p + 3;
	*textlen = (size_t)(q - *text);
	return ((size_t)(q - s) + 2);
}

size_t
mimeword_text(char *dst, size_t size, const char *src, size_t len)
{
	struct out	 o = { dst, size, 0 };
	uint8_t		 raw[WORD_MAX + 4];
	const char	*text;
	size_t		 i = 0, n, k, cslen, textlen, before = 0;
	int		 after_word = 0;

	if (size == 0)
		return (0);
	while (i < len) {
		n = word_find(src + i, len - i, &cslen, &text, &textlen);
		if (n > 0) {
			/* Blanks between two of them are not there. */
			if (after_word)
				o.n = before;
			k = word_octets(text[-2], text, textlen, raw);
			put_charset(&o, src + i + 2, cslen, raw, k);
			before = o.n;
			after_word = 1;
			i += n;
			continue;
		}
		if (src[i] == '\r' || src[i] == '\n') {
			i++;
			continue;
		}
		if (src[i] != ' ' && src[i] != '\t')
			after_word = 0;
		if ((unsigned char)src[i] < 0x80) {
			put_ascii(&o, (unsigned char)src[i]);
			i++;
		} else if ((k = utf8_len((const uint8_t *)src + i,
		    len - i)) > 0) {
			put_octets(&o, src + i, k);
			i += k;
		} else {
			put_ascii(&o, '?');
			i++;
		}
	}
	dst[o.n] = '\0';
	return (o.n);
}
