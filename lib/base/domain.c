/*
 * Domain names; see domain.h.  libidn2 is given one label at a time, so that a
 * label that it does not take changes nothing for the others.
 */
#include <idn2.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/domain.h"
#include "lib/base/utf8.h"

#define IDN_FLAGS	(IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)

/* Are all len octets below 0x80? */
static int
is_ascii(const char *s, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return (0);
	return (1);
}

static int
is_name_char(char c)
{
	return (ascii_is_alnum(c) || c == '-' || c == '_');
}

/*
 * A full stop, or one of the three characters that stand for one (UTS 46 2.3).
 */
static size_t
dot_len(const char *s, size_t len)
{
	if (len >= 1 && s[0] == '.')
		return (1);
	if (len >= 3 && (unsigned char)s[0] >= 0x80 &&
	    (memcmp(s, "\xe3\x80\x82", 3) == 0 ||
	    memcmp(s, "\xef\xbc\x8e", 3) == 0 ||
	    memcmp(s, "\xef\xbd\xa1", 3) == 0))
		return (3);
	return (0);
}

size_t
domain_final_dot(const char *s, size_t len)
{
	if (len >= 3 && dot_len(s + len - 3, 3) == 3)
		return (3);
	return (len >= 1 && s[len - 1] == '.' ? 1 : 0);
}

enum label { LABEL_NO_MEMORY, LABEL_NONE, LABEL_BAD, LABEL_OK };

/*
 * A label with characters outside of ASCII, as libidn2 maps it, into dst: its
 * A-label, or plain ASCII.  NONE: it has no such form; BAD: its form has
 * characters that no name has.
 */
static enum label
to_ascii(const char *s, size_t len, char dst[DOMAIN_NAME_MAX + 1])
{
	char	 label[DOMAIN_NAME_MAX + 1];
	uint8_t	*out = NULL;
	size_t	 i;
	int	 r;

	if (len > DOMAIN_NAME_MAX)
		return (LABEL_NONE);
	memcpy(label, s, len);
	label[len] = '\0';
	r = idn2_lookup_u8((const uint8_t *)label, &out, IDN_FLAGS);
	if (r != IDN2_OK || strlen((char *)out) > DOMAIN_NAME_MAX) {
		idn2_free(out);
		return (r == IDN2_MALLOC ? LABEL_NO_MEMORY : LABEL_NONE);
	}
	memcpy(dst, out, strlen((char *)out) + 1);
	idn2_free(out);
	for (i = 0; dst[i] != '\0'; i++)
		if (!is_name_char(dst[i]))
			return (LABEL_BAD);
	return (LABEL_OK);
}

/*
 * Label by label, each with the dot behind it.  A label that libidn2 does not
 * take is copied, so that two spellings of it still compare equal.
 */
int
domain_fold(const char *s, size_t len, char *dst, size_t size)
{
	const char	*end = s + len, *from;
	char		 ascii[DOMAIN_NAME_MAX + 1];
	size_t		 n, dot = 0, used = 0;
	enum label	 r;

	for (;;) {
		for (n = 0; s + n < end &&
		    (dot = dot_len(s + n, (size_t)(end - s) - n)) == 0; n++)
			continue;
		from = s;
		s += n;
		if (!is_ascii(from, n)) {
			if ((r = to_ascii(from, n, ascii)) == LABEL_NO_MEMORY)
				return (-1);
			if (r == LABEL_OK) {
				from = ascii;
				n = strlen(ascii);
			}
		}
		if (n >= size - used || size == 0)
			return (-1);
		for (; n > 0; n--)
			dst[used++] = ascii_lower(*from++);
		dst[used] = '\0';
		if (s == end)
			return (0);
		s += dot;
		if (size - used < 2)
			return (-1);
		dst[used++] = '.';
		dst[used] = '\0';
	}
}

/*
 * Are all characters those of a name, or outside of ASCII and no disguise of
 * an ASCII character? A label with a form in ASCII must not be here: the fold
 * would have replaced it.
 */
static int
is_label(const char *s, size_t len)
{
	char	ascii[DOMAIN_NAME_MAX + 1];
	char	c;
	size_t	i, n;

	if (len == 0 || len > DOMAIN_LABEL_MAX)
		return (0);
	for (i = 0; i < len; i += n) {
		if ((n = utf8_char(s + i, len - i)) == 0)
			return (0);
		c = n == 1 ? s[i] : utf8_ascii(s + i, n);
		if (c != '\0' && !is_name_char(c))
			return (0);
	}
	return (is_ascii(s, len) || to_ascii(s, len, ascii) == LABEL_NONE);
}

int
domain_is_atom(const char *s)
{
	size_t	n;

	if (strlen(s) > DOMAIN_NAME_MAX)
		return (0);
	for (;; s += n + 1) {
		n = strcspn(s, ".");
		if (!is_label(s, n))
			return (0);
		if (s[n] == '\0')
			return (1);
	}
}

int
domain_same(const char *a, const char *b)
{
	char	x[2 * DOMAIN_NAME_MAX], y[2 * DOMAIN_NAME_MAX];
	size_t	alen = strlen(a), blen = strlen(b);

	if (domain_fold(a, alen - domain_final_dot(a, alen), x,
	    sizeof(x)) == -1 ||
	    domain_fold(b, blen - domain_final_dot(b, blen), y,
	    sizeof(y)) == -1)
		return (0);
	return (strcmp(x, y) == 0);
}
