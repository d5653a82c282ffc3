/*
 * UTF-8; see utf8.h.  The ranges are those of RFC 3629: no overlong forms, no
 * surrogates, nothing past U+10FFFF.
 */
#include "lib/base/utf8.h"

/*
 * The first octet tells the length; the second one has narrower limits after
 * four of them.
 */
int
utf8_state(const char *s, size_t len)
{
	const unsigned char	*u = (const unsigned char *)s;
	size_t			 n, i;

	n = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 :
	    u[0] >= 0xe0 && u[0] < 0xf0 ? 3 :
	    u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : 0;
	if (n == 0)
		return (-1);
	for (i = 1; i < n && i < len; i++)
		if ((u[i] & 0xc0) != 0x80)
			return (-1);
	/* Overlong, a surrogate, or past U+10FFFF. */
	if (len > 1 && ((u[0] == 0xe0 && u[1] < 0xa0) ||
	    (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xed && u[1] > 0x9f) ||
	    (u[0] == 0xf4 && u[1] > 0x8f)))
		return (-1);
	return (len >= n);
}

size_t
utf8_char(const char *s, size_t len)
{
	size_t	n;

	for (n = 1; n <= len && n <= UTF8_LEN_MAX; n++)
		switch (utf8_state(s, n)) {
		case 1:
			return (n);
		case -1:
			return (0);
		}
	return (0);
}

int
utf8_is_text(const char *s, size_t len)
{
	size_t	n;

	for (; len > 0; s += n, len -= n)
		if ((n = utf8_char(s, len)) == 0)
			return (0);
	return (1);
}

/*
 * All such characters have three octets.  The fullwidth block has ASCII's
 * order; the small forms have an order of their own; the rest is a list, made
 * from Unicode's NFKC decompositions.
 */
char
utf8_ascii(const char *s, size_t n)
{
	/* U+FE50 to U+FE6B; a blank where ASCII has no such character */
	static const char	 small[] = ", . ;:?! (){}  #&*+-<>= \\$%@";
	/* Others that NFKC turns into one of these. */
	static const struct {
		unsigned int	 c;
		char		 ascii;
	} other[] = {
		{ 0x203c, '!' }, { 0x2048, '!' }, { 0x2049, '!' },
		{ 0x207d, '(' }, { 0x207e, ')' }, { 0x208d, '(' },
		{ 0x208e, ')' }, { 0xfe10, ',' }, { 0xfe13, ':' },
		{ 0xfe14, ';' }, { 0xfe15, '!' }, { 0xfe35, '(' },
		{ 0xfe36, ')' }
	};
	const unsigned char	*u = (const unsigned char *)s;
	unsigned int		 c;
	size_t			 i;

	if (n != 3)
		return (0);
	c = (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	if (c >= 0xff01 && c <= 0xff5e)
		return ((char)(c - 0xfee0));
	if (c >= 0xfe50 && c < 0xfe50 + sizeof(small) - 1 &&
	    small[c - 0xfe50] != ' ')
		return (small[c - 0xfe50]);
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (other[i].c == c)
			return (other[i].ascii);
	return (0);
}
