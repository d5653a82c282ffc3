/* What editors of other systems leave in text files; see textfile.h. */
#include <string.h>

#include "lib/base/textfile.h"

/* U+FEFF in UTF-8. */
size_t
text_bom(const char *text, size_t len)
{
	return (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
}

size_t
text_joined(const char *s, size_t len)
{
	if (len >= 2 && memcmp(s, "\\\n", 2) == 0)
		return (2);
	return (len >= 3 && memcmp(s, "\\\r\n", 3) == 0 ? 3 : 0);
}
