/*
 * The value of a parameter, in each way in which some reader of mail reads it:
 * with and without quotes, escapes, encoded words and percent signs.  See
 * param_int.h.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "lib/mime/param_int.h"
#include "lib/mime/word.h"

/* What readers strip; Python also strips the separators and form feeds. */
int
param_is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\v' || c == '\f' ||
	    (c >= 0x1c && c <= 0x1f));
}

const char *
param_skip_blanks(const char *p, const char *end)
{
	while (p < end && param_is_blank(*p))
		p++;
	return (p);
}

/* What has no room is left out; the caller then sees a full buffer. */
void
param_octet(struct octets *o, char c)
{
	if (o->len < sizeof(o->s))
		o->s[o->len++] = c;
}

/* From p to end without blanks at its end; quotes: they stay. */
static void
plain(struct octets *o, const char *p, const char *end, int quotes)
{
	while (end > p && param_is_blank(end[-1]))
		end--;
	for (o->len = 0; p < end && o->len < sizeof(o->s); p++)
		if (quotes || *p != '"')
			param_octet(o, *p);
}

/* The first octet of `stop' from p on, or end. */
const char *
param_to(const char *p, const char *end, const char *stop)
{
	while (p < end && (*p == '\0' || strchr(stop, *p) == NULL))
		p++;
	return (p);
}

/*
 * A value in quotes: unescaped, and as it stands there; where the quotes do
 * not end or something stands behind them, up to the ';' too.
 */
static unsigned int
quoted(const char *p, const char *end, struct octets o[READINGS])
{
	const char	*q, *from = p++;
	int		 escapes = 0, closed;

	o[0].len = o[1].len = 0;
	for (q = p; q < end && *q != '"' && q - p < 2 * VALUE_MAX; q++) {
		param_octet(&o[1], *q);
		if (*q == '\\' && q + 1 < end) {
			escapes = 1;
			param_octet(&o[1], *++q);
		}
		param_octet(&o[0], *q);
	}
	closed = q < end;
	q = closed ? param_skip_blanks(q + 1, end) : q;
	if (closed && (q == end || *q == ';'))
		return (escapes ? 2 : 1);
	plain(&o[2], from, param_to(closed ? q : p, end, ";"), 0);
	return (3);
}

/*
 * A value without quotes: to the ';', to a blank, without quotes in it, and to
 * what RFC 2231 does not allow in a value.
 */
static unsigned int
unquoted(const char *p, const char *end, int is_coded,
    struct octets o[READINGS])
{
	const char	*semicolon = param_to(p, end, ";");

	if (semicolon - p > VALUE_MAX)
		semicolon = p + VALUE_MAX;
	plain(&o[0], p, semicolon, 1);
	plain(&o[1], p, param_to(p, semicolon, " \t(\","), 1);
	plain(&o[2], p, semicolon, 0);
	plain(&o[3], p, param_to(p, semicolon, is_coded ? " \t()<>@,:\\\"/[]?=*" :
	    " \t()<>@,:\\\"/[]?=*'%"), 1);
	return (4);
}

/*
 * Where some readers see the end of a parameter: at a ';' before which there
 * is an even number of quotes, escaped ones not counted, wherever they stand.
 * Without such an end the first ';' is one.
 */
static const char *
even_end(const char *p, const char *end)
{
	int	odd = 0;

	for (; p < end && (odd || *p != ';'); p++)
		if (*p == '"' && p[-1] != '\\')
			odd = !odd;
	return (p);
}

/* The ways to read the value of a hit; returns how many. */
unsigned int
param_readings(struct want *w, const struct hit *h, struct octets o[READINGS])
{
	const char	*end = w->hits.end, *even;
	unsigned int	 n;

	if (end - h->value > 2 * VALUE_MAX)
		end = h->value + 2 * VALUE_MAX;
	w->list->work += (uint64_t)(param_to(h->value, end, ";") - h->value);
	n = h->value < end && *h->value == '"' ?
	    quoted(h->value, end, o) : unquoted(h->value, end, h->coded, o);
	even = even_end(h->value, end);
	w->list->work += (uint64_t)(even - h->value);
	if (even != param_to(h->value, end, ";"))
		plain(&o[n++], h->value, even, 0);
	return (n);
}

/* %XX to octets, in place; returns the new length. */
size_t
param_percent(char *s, size_t len)
{
	size_t	i, n = 0;

	for (i = 0; i < len; i++)
		if (s[i] == '%' && i + 2 < len && ascii_hex(s[i + 1]) >= 0 &&
		    ascii_hex(s[i + 2]) >= 0) {
			s[n++] = (char)(ascii_hex(s[i + 1]) << 4 |
			    ascii_hex(s[i + 2]));
			i += 2;
		} else
			s[n++] = s[i];
	return (n);
}

/* A text with encoded words, in either octet order. */
static void
words(struct want *w, const char *s, size_t len)
{
	char		text[VALUE_MAX + 1];
	unsigned int	seen = 0;
	size_t		n;

	n = mimeword_text_as(text, sizeof(text), s, len, MIMEWORD_RAW, &seen);
	mimename_add(w->list, text, n);
	if (seen & MIMEWORD_SEEN_ORDERS) {
		n = mimeword_text_as(text, sizeof(text), s, len, MIMEWORD_RAW |
		    MIMEWORD_LITTLE, NULL);
		mimename_add(w->list, text, n);
	}
	w->list->unknown |= (seen & MIMEWORD_SEEN_UNKNOWN) != 0;
}

/* charset'language'octets, or octets alone; s is changed. */
static void
coded(struct want *w, char *s, size_t len)
{
	char		 text[VALUE_MAX + 1], *a, *b = NULL;
	const char	*cs = "utf-8";
	size_t		 cslen = 5, n;
	unsigned int	 seen = 0, flags;

	if ((a = memchr(s, '\'', len)) != NULL)
		b = memchr(a + 1, '\'', len - (size_t)(a + 1 - s));
	if (b != NULL) {
		if (a > s) {
			cs = s;
			cslen = (size_t)(a - s);
		}
		len -= (size_t)(b + 1 - s);
		s = b + 1;
	}
	len = param_percent(s, len);
	if (!w->names) {
		mimeparam_add(w->list, s, len);
		return;
	}
	for (flags = MIMEWORD_RAW; ; flags |= MIMEWORD_LITTLE) {
		n = mimeword_charset_as(text, sizeof(text), cs, cslen,
		    (const uint8_t *)s, len, flags, &seen);
		mimename_add(w->list, text, n);
		if (memmem(text, n, "=?", 2) != NULL)
			words(w, text, n);
		if (!(seen & MIMEWORD_SEEN_ORDERS) || (flags &
		    MIMEWORD_LITTLE))
			break;
	}
	w->list->unknown |= (seen & MIMEWORD_SEEN_UNKNOWN) != 0;
}

/* One reading of a value becomes a name or stays as it is. */
void
param_value(struct want *w, struct octets *o, int is_coded)
{
	if (o->len == sizeof(o->s))
		w->list->past = 1;
	if (is_coded)
		coded(w, o->s, o->len);
	else if (w->names)
		words(w, o->s, o->len);
	else
		mimeparam_add(w->list, o->s, o->len);
}
