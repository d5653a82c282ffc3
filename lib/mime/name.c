/*
 * Names of files in mail, see param.h: what stands there is shown, cleaned
 * or cut by readers in several ways before a system sees it.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "lib/mime/cset.h"
#include "lib/mime/param.h"

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

/* Blanks and dots at the end are not seen by file systems. */
static void
add_trimmed(struct mimeparam_list *l, const char *s, size_t len)
{
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '.'))
		len--;
	mimeparam_add(l, s, len);
}

static uint32_t
rune(const uint8_t *s, size_t n)
{
	return (n == 2 ? (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f) :
	    n == 3 ? (uint32_t)(s[0] & 0x0f) << 12 |
	    (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f) : s[0]);
}

/* Characters that nobody sees: controls, joiners, marks of direction. */
static int
is_unseen(uint32_t c)
{
	return (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	    c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	    c == 0xfeff);
}

static int
is_space(uint32_t c)
{
	return (c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	    c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	    c == 0x3000);
}

/* Without what nobody sees; spaces of other kinds are blanks. */
static size_t
seen_only(char *dst, const char *s, size_t len)
{
	const uint8_t	*p = (const uint8_t *)s;
	size_t		 i, k, n = 0;
	uint32_t	 c;

	for (i = 0; i < len; i += k) {
		if ((k = mimecset_utf8(p + i, len - i)) == 0)
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
