/* UTF-8; see utf8.h. */
#include "lib/base/utf8.h"

size_t
utf8_char(const char *s, size_t len)
{
	const unsigned char	*u = (const unsigned char *)s;
	size_t			 n, i;

	if (len == 0)
		return (0);
	n = u[0] < 0x80 ? 1 : u[0] >= 0xc2 && u[0] < 0xe0 ? 2 :
	    u[0] >= 0xe0 && u[0] < 0xf0 ? 3 :
	    u[0] >= 0xf0 && u[0] < 0xf5 ? 4 : 0;
	if (n == 0 || n > len)
		return (0);
	for (i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return (0);
	/* overlong, a surrogate, or past U+10FFFF */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf4 && u[1] > 0x8f))
		return (0);
	return (n);
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

char
utf8_ascii(const char *s, size_t n)
{
	/* U+FE50 to U+FE6B; a blank where there is none */
	static const char	 small[] = ", . ;:?! (){}  #&*+-<>= \\$%@";
	/* what else becomes one of these or has one (NFKC) */
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
