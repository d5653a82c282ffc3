/*
 * Names of files in mail, see param.h: readers show, clean or cut what
 * stands in the message in several ways before a file system sees it.  Each
 * result is one more reading of the name.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/mime/cset.h"
#include "lib/mime/param.h"

/* A reading that is there already, or empty, is not added. */
void
mimeparam_add(struct mimeparam_list *l, const char *s, size_t len)
{
	unsigned int	i;

	if (len == 0)
		return;
	if (len >= MIME_NAME_MAX) {
		l->past = 1;
		return;
	}
	for (i = 0; i < l->n; i++)
		if (memcmp(l->v[i], s, len) == 0 && l->v[i][len] == '\0')
			return;
	if (l->n == l->max) {
		l->past = 1;
		return;
	}
	memcpy(l->v[l->n], s, len);
	l->v[l->n++][len] = '\0';
}

/* File systems ignore blanks and dots at the end. */
static void
add_trimmed(struct mimeparam_list *l, const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '.'))
		len--;
	mimeparam_add(l, s, len);
}

/* The number of a character of n octets; four octets are never of interest. */
static uint32_t
rune(const uint8_t *s, size_t n)
{
	return (n == 2 ? (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f) :
	    n == 3 ? (uint32_t)(s[0] & 0x0f) << 12 |
	    (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f) : s[0]);
}

/* Characters that are not displayed: controls, joiners, marks of direction. */
static int
is_unseen(uint32_t c)
{
	return (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff);
}

/* Spaces of other kinds, which are displayed as blanks. */
static int
is_space(uint32_t c)
{
	return (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	    c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	    c == 0x3000);
}

/* Leaves out what is not displayed; other spaces become blanks. */
static size_t
seen_only(char *dst, const char *s, size_t len)
{
	const uint8_t	*p = (const uint8_t *)s;
	size_t		 i, k, n = 0;
	uint32_t	 c;

	for (i = 0; i < len; i += k) {
		if ((k = utf8_char(s + i, len - i)) == 0)
			k = 1;
		c = rune(p + i, k);
		if (is_space(c))
			dst[n++] = ' ';
		else if (k == 4 || !is_unseen(c)) {
			memcpy(dst + n, s + i, k);
			n += k;
		}
	}
	return (n);
}

/* Quotes and brackets around the name are removed, and the path before it. */
static void
add_seen(struct mimeparam_list *l, const char *s, size_t len)
{
	char		text[MIME_NAME_MAX];
	const char	*p;
	size_t		n, from = 0, i;

	n = seen_only(text, s, len);
	add_trimmed(l, text, n);
	/* Quotes and brackets around it, and what stands before it. */
	while (n > from && strchr(" .'\"<>", text[n - 1]) != NULL)
		n--;
	while (from < n && strchr(" '\"<>", text[from]) != NULL)
		from++;
	add_trimmed(l, text + from, n - from);
	for (p = text + from, i = from; i < n; i++)
		if (text[i] == '/' || text[i] == '\\')
			p = text + i + 1;
	add_trimmed(l, p, (size_t)(text + n - p));
}

/* A name ends at its NUL for programs in C, and goes on for others. */
void
mimename_add(struct mimeparam_list *l, const char *s, size_t len)
{
	char		 text[MIME_NAME_MAX];
	const char	*nul;
	size_t		 i;

	if (len >= MIME_NAME_MAX) {
		l->past = 1;
		len = MIME_NAME_MAX - 1;
	}
	for (i = 0; i < len; i++)
		text[i] = (unsigned char)s[i] < 0x20 || s[i] == 0x7f ? ' ' :
		    s[i];
	add_trimmed(l, text, len);
	add_seen(l, s, len);
	if ((nul = memchr(s, '\0', len)) != NULL)
		add_seen(l, s, (size_t)(nul - s));
}
