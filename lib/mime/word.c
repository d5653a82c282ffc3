/*
 * MIME's encodings, and the encoded words of header fields; see word.h.
 *
 * Both decoders read as lenient readers of mail do: octets that are not base64
 * are skipped, and a malformed escape of quoted-printable stands for itself.
 * A virus scanner that was stricter would miss what a reader shows.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/mime/cset.h"
#include "lib/mime/word.h"

#define WORD_MAX	1024		/* octets of one encoded word */
#define CHARSET_MAX	64		/* … of its character set */

/* Letters, digits, "+" and "/"; "=" is not one. */
int
b64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (c - 'a' + 26);
	if (ascii_is_digit(c))
		return (c - '0' + 52);
	return (c == '+' ? 62 : c == '/' ? 63 : -1);
}

/*
 * Four letters make three octets; each octet is written as soon as its bits
 * are there.  Behind a "=" a new group begins: some mailers join two of them.
 */
size_t
b64_decode(struct b64 *b, const uint8_t *src, size_t len, uint8_t *dst)
{
	size_t	i, n = 0;
	int	v;

	for (i = 0; i < len; i++) {
		if (src[i] == '=') {
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

/*
 * One octet more; returns how many came out, at most 3.  "=" is held until it
 * is known whether it is an escape or a soft line end.
 */
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
	/* "=", blanks and CRLF: the line continues. */
	if (c == '\n' && q->n == 1) {
		q->n = 0;
		return (0);
	}
	if ((c == '\r' || c == ' ' || c == '\t') && q->n == 1)
		return (0);
	if (q->n == 2 && ascii_hex(q->held[1]) >= 0 && ascii_hex(c) >= 0) {
		dst[0] = (uint8_t)(ascii_hex(q->held[1]) << 4 | ascii_hex(c));
		q->n = 0;
		return (1);
	}
	if (q->n == 1 && ascii_hex(c) >= 0) {
		q->held[q->n++] = c;
		return (0);
	}
	/* It was not an escape. */
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

/* At the end an incomplete escape stands for itself. */
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
	char		*dst;
	size_t		 size, n;
	unsigned int	 flags, seen;
};

/* All of the text or none of it, so that no character is cut. */
static void
put_octets(struct out *o, const char *text, size_t len)
{
	if (o->size - o->n > len) {
		memcpy(o->dst + o->n, text, len);
		o->n += len;
	}
}

/* Control characters become blanks, unless they were asked for. */
static void
put_ascii(struct out *o, unsigned int c)
{
	char	one = (char)(c < 0x20 || c == 0x7f ? ' ' : c);

	if (o->flags & MIMEWORD_RAW)
		one = (char)c;
	put_octets(o, &one, 1);
}

/* UTF-8, each character as a whole or not at all. */
static void
put_text(struct out *o, const char *s, size_t len)
{
	size_t	i, n;

	for (i = 0; i < len; i += n) {
		n = 1;
		if ((unsigned char)s[i] < 0x80) {
			put_ascii(o, (unsigned char)s[i]);
			continue;
		}
		while (i + n < len && ((unsigned char)s[i + n] & 0xc0) == 0x80)
			n++;
		put_octets(o, s + i, n);
	}
}

/* Octets of a character set as UTF-8, in pieces that fit on the stack. */
static void
put_charset(struct out *o, const char *cs, size_t cslen, const uint8_t *s,
    size_t len)
{
	struct mimecset	c;
	char		text[MIMECSET_ROOM(64)];
	size_t		at, n;

	if (mimecset_has_orders(cs, cslen))
		o->seen |= MIMEWORD_SEEN_ORDERS;
	if (!mimecset_known(cs, cslen))
		o->seen |= MIMEWORD_SEEN_UNKNOWN;
	mimecset_init(&c, cs, cslen, (o->flags & MIMEWORD_LITTLE) != 0);
	for (at = 0; at < len; at += n) {
		n = len - at < 64 ? len - at : 64;
		put_text(o, text, mimecset_feed(&c, s + at, n, text));
	}
	put_text(o, text, mimecset_feed(&c, NULL, 0, text));
}

/* Always ends in a NUL, also when nothing fits. */
size_t
mimeword_charset_as(char *dst, size_t size, const char *charset,
    size_t charset_len, const uint8_t *src, size_t len, unsigned int flags,
    unsigned int *seen)
{
	struct out	o = { dst, size, 0, flags, 0 };

	if (size == 0)
		return (0);
	put_charset(&o, charset, charset_len, src, len);
	dst[o.n] = '\0';
	if (seen != NULL)
		*seen |= o.seen;
	return (o.n);
}

size_t
mimeword_charset(char *dst, size_t size, const char *charset,
    size_t charset_len, const uint8_t *src, size_t len)
{
	return (mimeword_charset_as(dst, size, charset, charset_len, src, len,
	    0, NULL));
}

/* The octets of the text of an encoded word. */
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
		    ascii_hex(text[i + 1]) >= 0 &&
		    ascii_hex(text[i + 2]) >= 0) {
			dst[n++] = (uint8_t)(ascii_hex(text[i + 1]) <<
			    4 | ascii_hex(text[i + 2]));
			i += 2;
		} else
			dst[n++] = (uint8_t)text[i];
	}
	return (n);
}

/* A value whose encoded words are looked for. */
struct words {
	const char	*end;
	const char	*no_end;	/* no "?=" begins before it */
};

/*
 * "?=" from p on, and before end.  Each octet is looked at once, however many
 * words begin and do not end.
 */
static const char *
word_end(struct words *w, const char *p, const char *end)
{
	const char	*q = w->no_end != NULL && w->no_end > p ? w->no_end : p;

	for (; q + 1 < end; q++)
		if (q[0] == '?' && q[1] == '=')
			return (q);
	w->no_end = q;
	return (NULL);
}

/*
 * "=?charset?Q?text?=" at s: its length and its parts; 0: there is none.  A
 * language behind the character set (RFC 2231 5) does not belong to it.
 */
static size_t
word_find(struct words *w, const char *s, size_t *cslen, const char **text,
    size_t *textlen)
{
	size_t		 len = (size_t)(w->end - s);
	const char	*end = s + (len < WORD_MAX ? len : WORD_MAX), *p, *q;

	if (len < 8 || s[0] != '=' || s[1] != '?')
		return (0);
	if (end - s > 2 + CHARSET_MAX)
		end = s + 2 + CHARSET_MAX;
	for (p = s + 2; p < end && *p != '?'; p++)
		if (*p <= ' ' || *p > '~')
			return (0);
	end = s + (len < WORD_MAX ? len : WORD_MAX);
	if (end - p < 5 || *p != '?' || p == s + 2 || p[2] != '?' ||
	    strchr("BbQq", p[1]) == NULL || p[1] == '\0')
		return (0);
	if ((q = word_end(w, p + 3, end)) == NULL)
		return (0);
	*cslen = (size_t)(p - s) - 2;
	if (memchr(s + 2, '*', *cslen) != NULL)
		*cslen = (size_t)((const char *)memchr(s + 2, '*', *cslen) -
		    s) - 2;
	*text = p + 3;
	*textlen = (size_t)(q - *text);
	return ((size_t)(q - s) + 2);
}

/* Text at s that is not an encoded word; returns how much of it was used. */
static size_t
put_plain(struct out *o, const char *s, size_t len)
{
	size_t	n;

	if ((unsigned char)*s < 0x80) {
		if (*s != '\r' && *s != '\n')
			put_ascii(o, (unsigned char)*s);
		return (1);
	}
	if ((n = utf8_char(s, len)) == 0) {
		put_ascii(o, '?');
		return (1);
	}
	put_octets(o, s, n);
	return (n);
}

/* Blanks between two encoded words are not shown (RFC 2047 6.2). */
size_t
mimeword_text_as(char *dst, size_t size, const char *src, size_t len,
    unsigned int flags, unsigned int *seen)
{
	struct out	 o = { dst, size, 0, flags, 0 };
	struct words	 w = { src + len, NULL };
	uint8_t		 raw[WORD_MAX + 4];
	const char	*text;
	size_t		 i = 0, n, k, cslen, textlen, before = 0;
	int		 after_word = 0;

	if (size == 0)
		return (0);
	while (i < len) {
		n = word_find(&w, src + i, &cslen, &text, &textlen);
		if (n > 0) {
			if (after_word)
				o.n = before;
			k = word_octets(text[-2], text, textlen, raw);
			put_charset(&o, src + i + 2, cslen, raw, k);
			before = o.n;
			after_word = 1;
			i += n;
			continue;
		}
		if (strchr(" \t\r\n", src[i]) == NULL || src[i] == '\0')
			after_word = 0;
		i += put_plain(&o, src + i, len - i);
	}
	dst[o.n] = '\0';
	if (seen != NULL)
		*seen |= o.seen;
	return (o.n);
}

size_t
mimeword_text(char *dst, size_t size, const char *src, size_t len)
{
	return (mimeword_text_as(dst, size, src, len, 0, NULL));
}
