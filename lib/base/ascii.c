/* Words of ASCII; see ascii.h. */
#include <string.h>

#include "lib/base/ascii.h"

void
ascii_lower_str(char *s)
{
	for (; *s != '\0'; s++)
		*s = ascii_lower(*s);
}

/* Only letters of ASCII have a case; any other octet must be equal. */
int
ascii_same(const char *a, const char *b, size_t len)
{
	for (; len > 0; a++, b++, len--)
		if (ascii_lower(*a) != ascii_lower(*b))
			return (0);
	return (1);
}

int
ascii_equal(const char *text, size_t len, const char *word)
{
	return (strlen(word) == len && ascii_same(text, word, len));
}

int
ascii_begins(const char *text, size_t len, const char *word)
{
	size_t	n = strlen(word);

	return (n <= len && ascii_same(text, word, n));
}

/* The form of all escaped text of this program, in the log and in exports. */
char *
ascii_escape(char *dst, unsigned char c)
{
	*dst++ = '\\';
	*dst++ = 'x';
	*dst++ = ascii_hex_digit(c >> 4);
	*dst++ = ascii_hex_digit(c);
	return (dst);
}
