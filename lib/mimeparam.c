/*
 * The parameters of Content-Type and Content-Disposition.  See mime.h.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mime.h"
#include "mimeword.h"

#define PIECES_MAX	64		/* of a parameter in pieces */

/* A parameter as it stands there. */
struct param {
	const char	*name;
	size_t		 name_len;
	char		 value[MIME_NAME_MAX];	/* without quotes */
	size_t		 value_len;
};

/* Blanks, line ends and comments. */
static const char *
skip(const char *p, const char *end)
{
	unsigned int	depth;

	for (; p < end; p++) {
		if (*p == '(') {
			for (depth = 1; depth > 0 && ++p < end;) {
				if (*p == '\\' && p + 1 < end)
					p++;
				else if (*p == '(')
					depth++;
				else if (*p == ')')
					depth--;
			}
			if (p == end)
				break;
		} else if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
			break;
	}
	return (p);
}

static void
value_add(struct param *pa, char c)
{
	if (c != '\r' && c != '\n' && pa->value_len + 1 < sizeof(pa->value))
		pa->value[pa->value_len++] = c;
}

/* At a value: to its end. */
static const char *
value_take(struct param *pa, const char *p, const char *end)
{
	pa->value_len = 0;
	if (p < end && *p == '"') {
		for (p++; p < end && *p != '"'; p++) {
			if (*p == '\\' && p + 1 < end)
				p++;
			value_add(pa, *p);
		}
		while (p < end && *p != ';')
			p++;
	} else {
		/* Blanks in it are not allowed, and read by many. */
		for (; p < end && *p != ';'; p++)
			value_add(pa, *p);
		while (pa->value_len > 0 &&
		    strchr(" \t", pa->value[pa->value_len - 1]) != NULL)
			pa->value_len--;
	}
	pa->value[pa->value_len] = '\0';
	return (p);
}

/* The next one from p on; NULL: there is none. */
static const char *
param_next(const char *p, const char *end, struct param *pa)
{
	for (;;) {
		p = skip(p, end);
		if (p == end)
			return (NULL);
		if (*p == ';') {
			p++;
			continue;
		}
		pa->name = p;
		while (p < end && strchr("=; \t\r\n(", *p) == NULL)
			p++;
		pa->name_len = (size_t)(p - pa->name);
		p = skip(p, end);
		if (p < end && *p == '=' && pa->name_len > 0)
			return (value_take(pa, skip(p + 1, end), end));
		while (p < end && *p != ';')
			p++;
	}
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* %XX to octets, in place; the new length. */
static size_t
percent(char *s, size_t len)
{
	size_t	i, n = 0;

	for (i = 0; i < len; i++)
		if (s[i] == '%' && i + 2 < len && hex(s[i + 1]) >= 0 &&
		    hex(s[i + 2]) >= 0) {
			s[n++] = (char)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
			i += 2;
		} else
			s[n++] = s[i];
	return (n);
}

/* What file systems do not see at the end of a name, and one that is there
 * already. */
static unsigned int
keep(char (*dst)[MIME_NAME_MAX], unsigned int n)
{
	size_t		len = strlen(dst[n]);
	unsigned int	i;

	while (len > 0 && (dst[n][len - 1] == ' ' || dst[n][len - 1] == '.'))
		dst[n][--len] = '\0';
	if (len == 0)
		return (n);
	for (i = 0; i < n; i++)
		if (strcmp(dst[i], dst[n]) == 0)
			return (n);
	return (n + 1);
}

/* "name", "name*", "name*3", "name*3*": -1 another one, 0 plain, 1 with a
 * character set, 2 a piece (*piece). */
static int
form(const struct param *pa, const char *name, unsigned int *piece, int *coded)
{
	size_t	len = strlen(name), i;

	*piece = 0;
	*coded = 0;
	if (pa->name_len < len || strncasecmp(pa->name, name, len) != 0)
		return (-1);
	if (pa->name_len == len)
		return (0);
	if (pa->name[len] != '*')
		return (-1);
	for (i = len + 1; i < pa->name_len && pa->name[i] >= '0' &&
	    pa->name[i] <= '9'; i++)
		if (*piece < PIECES_MAX)
			*piece = *piece * 10 + (unsigned int)(pa->name[i] - '0');
	if (i < pa->name_len && pa->name[i] == '*') {
		*coded = 1;
		i++;
	}
	if (i != pa->name_len)
		return (-1);
	return (i == len + 1 ? 1 : 2);
}

/* charset'language'octets, or octets alone. */
static void
coded_text(char *dst, char *value, size_t len, int has_charset)
{
	char	*a = NULL, *b = NULL, *text = value;
	size_t	 cslen = 0;

	if (has_charset && (a = memchr(value, '\'', len)) != NULL &&
	    (b = memchr(a + 1, '\'', len - (size_t)(a + 1 - value))) != NULL) {
		cslen = (size_t)(a - value);
		text = b + 1;
		len -= (size_t)(text - value);
	}
	len = percent(text, len);
	(void)mimeword_charset(dst, MIME_NAME_MAX, cslen > 0 ? value : "utf-8",
	    cslen > 0 ? cslen : 5, (const uint8_t *)text, len);
}

/* All pieces in their order; 0: there are none.  raw: as they are. */
static int
pieces(const char *value, size_t len, const char *name, char *dst, int raw)
{
	struct param	 pa;
	const char	*p;
	char		 all[MIME_NAME_MAX];
	size_t		 n = 0, i;
	unsigned int	 want, piece;
	int		 coded, first = 0, found = 0, again = 1;

	for (want = 0; again && want < PIECES_MAX; want++) {
		again = 0;
		p = value;
		while ((p = param_next(p, value + len, &pa)) != NULL) {
			if (form(&pa, name, &piece, &coded) != 2 ||
			    piece != want)
				continue;
			if (want == 0)
				first = coded;
			/* With a character set all is decoded at once. */
			else if (coded && !first && !raw)
				pa.value_len = percent(pa.value,
				    pa.value_len);
			for (i = 0; i < pa.value_len && n + 1 < sizeof(all);
			    i++)
				all[n++] = pa.value[i];
			again = found = 1;
			break;
		}
	}
	all[n] = '\0';
	if (raw)
		memcpy(dst, all, n + 1);
	else if (first)
		coded_text(dst, all, n, 1);
	else
		(void)mimeword_text(dst, MIME_NAME_MAX, all, n);
	return (found);
}

unsigned int
mimeparam_get(const char *value, size_t len, const char *name,
    char (*dst)[MIME_NAME_MAX], unsigned int max)
{
	struct param	 pa;
	const char	*p = value;
	unsigned int	 n = 0, piece;
	int		 coded, f;

	while (n < max && (p = param_next(p, value + len, &pa)) != NULL) {
		f = form(&pa, name, &piece, &coded);
		if (f == 0)
			(void)mimeword_text(dst[n], MIME_NAME_MAX, pa.value,
			    pa.value_len);
		else if (f == 1)
			coded_text(dst[n], pa.value, pa.value_len, 1);
		if (f == 0 || f == 1)
			n = keep(dst, n);
	}
	if (n < max && pieces(value, len, name, dst[n], 0))
		n = keep(dst, n);
	return (n);
}

int
mimeparam_raw(const char *value, size_t len, const char *name,
    char dst[MIME_NAME_MAX])
{
	struct param	 pa;
	const char	*p = value;
	unsigned int	 piece;
	int		 coded;

	while ((p = param_next(p, value + len, &pa)) != NULL)
		if (form(&pa, name, &piece, &coded) == 0) {
			memcpy(dst, pa.value, pa.value_len + 1);
			return (1);
		}
	return (pieces(value, len, name, dst, 1));
}

void
mimeparam_head(const char *value, size_t len, char *dst, size_t size)
{
	const char	*p = value, *end = value + len;
	size_t		 n = 0;

	while ((p = skip(p, end)) < end && *p != ';') {
		if (n + 1 < size)
			dst[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 :
			    *p);
		p++;
	}
	dst[n] = '\0';
}
