/*
 * Character sets to UTF-8, see cset.h.  Each byte is handled by itself; struct
 * mimecset has what a set needs to remember:
 *
 *	held, nheld	bytes of a character that is not complete (UTF-8,
 *			UTF-16, UTF-32), or of an escape (ISO 2022, HZ)
 *	high		the first half of a pair of UTF-16
 *	bits, nbits	base64 that is not a unit yet (UTF-7)
 *	shifted		from here on bytes mean something other than ASCII
 *
 * A malformed character becomes '?', and the next byte begins another one.  The
 * functions for one byte write to dst, which always has room, and return how
 * many bytes they wrote.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/mime/cset.h"
#include "lib/mime/word.h"

/* How a set is decoded.  From K_UTF16 to K_HZ bytes of ASCII can mean something
 * else; see mimecset_is_wide. */
enum kind {
	K_ASCII, K_UTF8, K_LATIN1, K_LATIN9, K_CP1252, K_UTF16, K_UTF32, K_UTF7,
	K_EBCDIC, K_ISO2022, K_HZ, K_UNKNOWN
};
/* Which byte of a unit comes first; ORDER_NONE: the name does not say. */
enum order { ORDER_NONE, ORDER_BIG, ORDER_LITTLE };

/*
 * The first row that fits counts, so a longer name stands before one that it
 * begins with.  prefix: any name that begins like this.  The names are those
 * of IANA and those that mailers use without being registered.
 */
static const struct {
	const char	*name;
	int		 prefix;
	enum kind	 kind;
	enum order	 order;
} names[] = {
	{ "utf-8", 0, K_UTF8, 0 }, { "utf8", 0, K_UTF8, 0 },
	{ "unicode-1-1-utf-8", 0, K_UTF8, 0 },
	{ "iso-8859-15", 0, K_LATIN9, 0 }, { "latin-9", 0, K_LATIN9, 0 },
	{ "iso-8859-1", 0, K_LATIN1, 0 }, { "latin1", 0, K_LATIN1, 0 },
	{ "iso8859-1", 0, K_LATIN1, 0 }, { "l1", 0, K_LATIN1, 0 },
	{ "windows-1252", 0, K_CP1252, 0 }, { "cp1252", 0, K_CP1252, 0 },
	{ "utf-16be", 0, K_UTF16, ORDER_BIG },
	{ "utf-16le", 0, K_UTF16, ORDER_LITTLE },
	{ "utf16be", 0, K_UTF16, ORDER_BIG },
	{ "utf16le", 0, K_UTF16, ORDER_LITTLE },
	{ "utf-16", 1, K_UTF16, 0 }, { "utf16", 1, K_UTF16, 0 },
	{ "utf_16", 1, K_UTF16, 0 }, { "u16", 0, K_UTF16, 0 },
	{ "ucs-2", 1, K_UTF16, 0 }, { "ucs2", 1, K_UTF16, 0 },
	{ "iso-10646-ucs-2", 0, K_UTF16, 0 },
	{ "csunicode", 0, K_UTF16, 0 }, { "unicode", 0, K_UTF16, 0 },
	{ "unicodefffe", 0, K_UTF16, ORDER_BIG },
	{ "utf-32be", 0, K_UTF32, ORDER_BIG },
	{ "utf-32le", 0, K_UTF32, ORDER_LITTLE },
	{ "utf32be", 0, K_UTF32, ORDER_BIG },
	{ "utf32le", 0, K_UTF32, ORDER_LITTLE },
	{ "utf-32", 1, K_UTF32, 0 }, { "utf32", 1, K_UTF32, 0 },
	{ "utf_32", 1, K_UTF32, 0 }, { "u32", 0, K_UTF32, 0 },
	{ "ucs-4", 1, K_UTF32, 0 }, { "ucs4", 1, K_UTF32, 0 },
	{ "iso-10646-ucs-4", 0, K_UTF32, 0 },
	{ "utf-7", 1, K_UTF7, 0 }, { "utf7", 1, K_UTF7, 0 },
	{ "utf_7", 1, K_UTF7, 0 }, { "u7", 0, K_UTF7, 0 },
	{ "unicode-1-1-utf-7", 0, K_UTF7, 0 }, { "csutf7", 0, K_UTF7, 0 },
	{ "x-unicode-2-0-utf-7", 0, K_UTF7, 0 },
	{ "ebcdic", 1, K_EBCDIC, 0 }, { "csebcdic", 1, K_EBCDIC, 0 },
	{ "x-ebcdic", 1, K_EBCDIC, 0 },
	{ "iso-2022", 1, K_ISO2022, 0 }, { "iso2022", 1, K_ISO2022, 0 },
	{ "iso_2022", 1, K_ISO2022, 0 }, { "csiso2022", 1, K_ISO2022, 0 },
	{ "x-cp5022", 1, K_ISO2022, 0 }, { "cp5022", 1, K_ISO2022, 0 },
	{ "hz", 1, K_HZ, 0 },
	/* Sets in which the bytes of ASCII mean ASCII. */
	{ "us-ascii", 1, K_ASCII, 0 }, { "ascii", 1, K_ASCII, 0 },
	{ "ansi_x3", 1, K_ASCII, 0 }, { "iso-8859", 1, K_ASCII, 0 },
	{ "iso8859", 1, K_ASCII, 0 }, { "iso_8859", 1, K_ASCII, 0 },
	{ "latin", 1, K_ASCII, 0 }, { "windows-", 1, K_ASCII, 0 },
	{ "x-windows-", 1, K_ASCII, 0 }, { "cp125", 1, K_ASCII, 0 },
	{ "win-125", 1, K_ASCII, 0 }, { "koi8", 1, K_ASCII, 0 },
	{ "gb", 1, K_ASCII, 0 }, { "x-gbk", 0, K_ASCII, 0 },
	{ "euc", 1, K_ASCII, 0 }, { "x-euc", 1, K_ASCII, 0 },
	{ "big5", 1, K_ASCII, 0 }, { "x-big5", 0, K_ASCII, 0 },
	{ "shift", 1, K_ASCII, 0 }, { "x-sjis", 0, K_ASCII, 0 },
	{ "sjis", 0, K_ASCII, 0 }, { "ks_c_5601", 1, K_ASCII, 0 },
	{ "ksc5601", 0, K_ASCII, 0 }, { "uhc", 0, K_ASCII, 0 },
	{ "tis-620", 0, K_ASCII, 0 }, { "tis620", 0, K_ASCII, 0 },
	{ "viscii", 0, K_ASCII, 0 }, { "mac", 1, K_ASCII, 0 },
	{ "x-mac", 1, K_ASCII, 0 }, { "johab", 0, K_ASCII, 0 },
	{ "x-unknown", 0, K_ASCII, 0 }, { "unknown-8bit", 0, K_ASCII, 0 },
	{ "unknown", 0, K_ASCII, 0 }, { "default", 0, K_ASCII, 0 },
	{ "none", 0, K_ASCII, 0 }, { "_autodetect", 1, K_ASCII, 0 }
};

/*
 * Returns the kind of a code page by its IBM number, the first one in the name:
 * those of the PC contain ASCII, those of the mainframe are EBCDIC.
 */
static enum kind
code_page(const char *name, size_t len)
{
	static const unsigned int	pc[] = { 437, 737, 775, 808, 850, 852,
	    855, 857, 858, 860, 861, 862, 863, 864, 865, 866, 869, 874, 922,
	    932, 936, 942, 943, 949, 950, 1006, 1125, 1131 };
	unsigned int			n = 0;
	size_t				i, digits = 0;

	for (i = 0; i < len && digits < 5; i++)
		if (ascii_is_digit(name[i])) {
			n = n * 10 + (unsigned int)(name[i] - '0');
			digits++;
		} else if (digits > 0)
			break;
	if (digits == 0)
		return (K_UNKNOWN);
	for (i = 0; i < sizeof(pc) / sizeof(pc[0]); i++)
		if (pc[i] == n)
			return (K_ASCII);
	return (K_EBCDIC);
}

/*
 * Returns the kind of the set with that name; *order is its byte order, if the
 * name says it.  Without a name it is ASCII (RFC 2045 5.2).
 */
static enum kind
charset_kind(const char *name, size_t len, enum order *order)
{
	size_t	i, n;

	*order = ORDER_NONE;
	if (len == 0)
		return (K_ASCII);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i].name);
		if ((names[i].prefix || len == n) &&
		    ascii_begins(name, len, names[i].name)) {
			*order = names[i].order;
			return (names[i].kind);
		}
	}
	if (ascii_begins(name, len, "cp") || ascii_begins(name, len, "ibm") ||
	    ascii_begins(name, len, "ccs") || ascii_begins(name, len, "csibm"))
		return (code_page(name, len));
	return (K_UNKNOWN);
}

int
mimecset_known(const char *name, size_t len)
{
	enum order	order;

	return (charset_kind(name, len, &order) != K_UNKNOWN);
}

/* The kinds from K_UTF16 to K_HZ are neighbours for this test. */
int
mimecset_is_wide(const char *name, size_t len)
{
	enum order	order;
	enum kind	kind = charset_kind(name, len, &order);

	return (kind >= K_UTF16 && kind <= K_HZ);
}

/* Only UTF-16 and UTF-32 have byte orders. */
int
mimecset_has_orders(const char *name, size_t len)
{
	enum order	order;
	enum kind	kind = charset_kind(name, len, &order);

	return ((kind == K_UTF16 || kind == K_UTF32) && order == ORDER_NONE);
}

/* An order in the name wins over the one that the caller assumes. */
void
mimecset_init(struct mimecset *c, const char *name, size_t len, int little)
{
	enum order	order;

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)charset_kind(name, len, &order);
	c->little = order == ORDER_LITTLE || (order == ORDER_NONE && little);
}

/* Writes a character as UTF-8: up to four bytes. */
static size_t
put_rune(char *dst, uint32_t c)
{
	if (c < 0x80) {
		dst[0] = (char)c;
		return (1);
	}
	if (c < 0x800) {
		dst[0] = (char)(0xc0 | c >> 6);
		dst[1] = (char)(0x80 | (c & 0x3f));
		return (2);
	}
	if (c < 0x10000) {
		dst[0] = (char)(0xe0 | c >> 12);
		dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (c & 0x3f));
		return (3);
	}
	dst[0] = (char)(0xf0 | c >> 18);
	dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (c & 0x3f));
	return (4);
}

/* windows-1252 from 0x80 to 0x9f, where ISO 8859-1 has control characters. */
static const uint16_t cp1252[32] = {
	0x20ac, '?', 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, '?', 0x017d, '?',
	'?', 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, '?', 0x017e, 0x0178
};

/*
 * The sets with one byte for each character.  latin-9 differs from latin-1 in a
 * few characters, of which only the euro sign is converted.
 */
static size_t
one_octet(const struct mimecset *c, uint8_t o, char *dst)
{
	if (o < 0x80)
		return (put_rune(dst, o));
	if (c->kind == K_CP1252 && o < 0xa0)
		return (put_rune(dst, cp1252[o - 0x80]));
	if (c->kind == K_LATIN9 && o == 0xa4)
		return (put_rune(dst, 0x20ac));
	if ((c->kind == K_CP1252 || c->kind == K_LATIN1 ||
	    c->kind == K_LATIN9) && o >= 0xa0)
		return (put_rune(dst, o));
	return (put_rune(dst, '?'));
}

/* --- UTF-8 */

/*
 * A byte that belongs to no character becomes one '?'; those behind it are
 * looked at again.
 */
static size_t
utf8_octet(struct mimecset *c, uint8_t o, char *dst)
{
	size_t	n = 0;
	int	r;

	c->held[c->nheld++] = o;
	while (c->nheld > 0 && (r = utf8_state((const char *)c->held,
	    c->nheld)) != 0) {
		if (r == 1) {
			memcpy(dst + n, c->held, c->nheld);
			n += c->nheld;
			c->nheld = 0;
		} else {
			dst[n++] = '?';
			memmove(c->held, c->held + 1, --c->nheld);
		}
	}
	return (n);
}

/* --- UTF-16 and UTF-32 */

/*
 * Takes a unit of UTF-16.  The first half of a pair waits in c->high for the
 * second; a half without the other becomes '?'.
 */
static size_t
unit(struct mimecset *c, uint32_t u, char *dst)
{
	size_t	n = 0;

	if (u >= 0xdc00 && u < 0xe000 && c->high != 0) {
		n = put_rune(dst, 0x10000 + (u - 0xdc00) +
		    ((uint32_t)(c->high - 0xd800) << 10));
		c->high = 0;
		return (n);
	}
	if (c->high != 0)
		n = put_rune(dst, '?');
	c->high = 0;
	if (u >= 0xd800 && u < 0xdc00)
		c->high = (uint16_t)u;
	else
		n += put_rune(dst + n, u >= 0xdc00 && u < 0xe000 ? '?' : u);
	return (n);
}

/* The first unit may be a byte order mark, which is not written. */
static size_t
wide_octet(struct mimecset *c, uint8_t o, char *dst)
{
	size_t		size = c->kind == K_UTF16 ? 2 : 4, i;
	uint32_t	u = 0, mark = size == 2 ? 0xfffe : 0xfffe0000U;

	c->held[c->nheld++] = o;
	if (c->nheld < size)
		return (0);
	c->nheld = 0;
	for (i = 0; i < size; i++)
		u = u << 8 | c->held[c->little ? size - 1 - i : i];
	if (!c->begun) {
		c->begun = 1;
		if (u == mark)		/* it is in the other order */
			c->little = !c->little;
		if (u == mark || u == 0xfeff)
			return (0);
	}
	if (size == 2)
		return (unit(c, u, dst));
	return (put_rune(dst, u > 0x10ffff || (u >= 0xd800 && u < 0xe000) ?
	    '?' : u));
}

/* --- UTF-7 */

/*
 * UTF-7 (RFC 2152): base64 of UTF-16 stands between '+' and the first byte that
 * is not a letter of base64; a '-' there is dropped, and "+-" is '+'.  shifted:
 * 1 behind '+', 2 behind base64.
 */
static size_t
utf7_octet(struct mimecset *c, uint8_t o, char *dst)
{
	int	v;
	size_t	n = 0;

	if (c->shifted == 0) {
		if (o != '+')
			return (put_rune(dst, o < 0x80 ? o : '?'));
		c->shifted = 1;
		c->bits = c->nbits = 0;
		return (0);
	}
	if ((v = b64_value(o)) >= 0) {
		c->shifted = 2;
		c->bits = c->bits << 6 | (uint32_t)v;
		c->nbits = (uint8_t)(c->nbits + 6);
		if (c->nbits < 16)
			return (0);
		c->nbits = (uint8_t)(c->nbits - 16);
		return (unit(c, c->bits >> c->nbits & 0xffff, dst));
	}
	if (o == '-' && c->shifted == 1)
		dst[n++] = '+';
	else if (o != '-')
		n = put_rune(dst, o < 0x80 ? o : '?');
	c->shifted = 0;
	c->high = 0;
	return (n);
}

/* --- EBCDIC */

/*
 * Knows the characters that all code pages of EBCDIC have at the same place:
 * letters, digits and some others, in pairs of byte and character.
 */
static size_t
ebcdic_octet(uint8_t o, char *dst)
{
	static const char	other[] = {
		0x05, '\t', 0x0d, '\r', 0x15, '\n', 0x25, '\n', 0x40, ' ',
		0x4b, '.', 0x4c, '<', 0x4d, '(', 0x4e, '+', 0x50, '&',
		0x5c, '*', 0x5d, ')', 0x5e, ';', 0x60, '-', 0x61, '/',
		0x6b, ',', 0x6c, '%', 0x6d, '_', 0x6e, '>', 0x6f, '?',
		0x7a, ':', 0x7d, '\'', 0x7e, '=', 0x7f, '"', 0x00, 0x00
	};
	static const struct { uint8_t from, to; char is; } runs[] = {
		{ 0x81, 0x89, 'a' }, { 0x91, 0x99, 'j' }, { 0xa2, 0xa9, 's' },
		{ 0xc1, 0xc9, 'A' }, { 0xd1, 0xd9, 'J' }, { 0xe2, 0xe9, 'S' },
		{ 0xf0, 0xf9, '0' }
	};
	size_t			 i;

	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (o >= runs[i].from && o <= runs[i].to)
			return (put_rune(dst, (uint32_t)(runs[i].is + o -
			    runs[i].from)));
	for (i = 0; i < sizeof(other); i += 2)
		if ((uint8_t)other[i] == o)
			return (put_rune(dst, (uint8_t)other[i + 1]));
	return (put_rune(dst, '?'));
}

/* --- ISO 2022 and HZ */

/*
 * Escapes disappear; a character that is not ASCII becomes '?' for each byte.
 * nheld: 1 behind ESC, 2 behind the next byte, which held[0] keeps.
 */
static size_t
iso2022_octet(struct mimecset *c, uint8_t o, char *dst)
{
	if (c->nheld > 0) {			/* in an escape */
		if (o == 0x1b) {
			c->nheld = 1;
			return (0);
		}
		if (o < 0x20 || o > 0x7e)
			c->nheld = 0;
		else {
			/* ESC, bytes from 0x20 to 0x2f, and one that ends it:
			 * "$" is a set of two bytes, "(I" katakana. */
			if (c->nheld == 1)
				c->held[0] = o;
			c->nheld = 2;
			if (o >= 0x20 && o <= 0x2f)
				return (0);
			c->nheld = 0;
			c->shifted = (uint8_t)(c->held[0] == '$' ||
			    (c->held[0] == '(' && o == 'I'));
			return (0);
		}
	}
	if (o == 0x1b) {
		c->nheld = 1;
		return (0);
	}
	if (o == 0x0e || o == 0x0f) {		/* SO shifts, SI ends it */
		c->shifted = o == 0x0e;
		return (0);
	}
	if (o == '\n')
		c->shifted = 0;
	return (put_rune(dst, o >= 0x80 || (c->shifted && o > ' ') ? '?' : o));
}

/*
 * HZ (RFC 1843): ~{ and ~} shift, ~~ is ~, and ~ before the end of a line means
 * nothing.  The end of a line ends a shift, here and in ISO 2022.
 */
static size_t
hz_octet(struct mimecset *c, uint8_t o, char *dst)
{
	if (c->nheld > 0) {
		c->nheld = 0;
		if (o == '{' || o == '}') {
			c->shifted = o == '{';
			return (0);
		}
		if (o == '~')
			return (put_rune(dst, '~'));
		if (o == '\n')
			return (0);
		dst[0] = '~';
		return (1 + put_rune(dst + 1, o < 0x80 ? o : '?'));
	}
	if (o == '~') {
		c->nheld = 1;
		return (0);
	}
	if (o == '\n')
		c->shifted = 0;
	return (put_rune(dst, o >= 0x80 || (c->shifted && o > ' ') ? '?' : o));
}

/* Writes what is left of a character that was not completed. */
static size_t
charset_finish(struct mimecset *c, char *dst)
{
	size_t	n = 0, i;

	if (c->kind == K_UTF8)
		for (i = 0; i < c->nheld; i++)
			dst[n++] = '?';
	else if (c->kind == K_HZ && c->nheld > 0)
		dst[n++] = '~';
	else if (c->high != 0 || (c->nheld > 0 && c->kind != K_ISO2022))
		dst[n++] = '?';
	c->nheld = 0;
	c->high = 0;
	return (n);
}

/*
 * Each byte makes at most four bytes of UTF-8, and a held one a '?' before
 * them.
 */
size_t
mimecset_feed(struct mimecset *c, const uint8_t *s, size_t len, char *dst)
{
	size_t	i, n = 0;

	if (s == NULL)
		return (charset_finish(c, dst));
	for (i = 0; i < len; i++)
		switch (c->kind) {
		case K_UTF8:
			n += utf8_octet(c, s[i], dst + n);
			break;
		case K_UTF16:
		case K_UTF32:
			n += wide_octet(c, s[i], dst + n);
			break;
		case K_UTF7:
			n += utf7_octet(c, s[i], dst + n);
			break;
		case K_EBCDIC:
			n += ebcdic_octet(s[i], dst + n);
			break;
		case K_ISO2022:
			n += iso2022_octet(c, s[i], dst + n);
			break;
		case K_HZ:
			n += hz_octet(c, s[i], dst + n);
			break;
		default:
			n += one_octet(c, s[i], dst + n);
			break;
		}
	return (n);
}
