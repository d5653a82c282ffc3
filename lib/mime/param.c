/*
 * The parameters of Content-Type and Content-Disposition; see param.h.
 *
 * A parameter is looked for wherever its name and '=' stand in a copy of the
 * value: in one with comments, one without them, and, when it is folded, one
 * without the folds' blanks.  Work is bounded by HITS_MAX for each octet.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/mime/param.h"
#include "lib/mime/param_int.h"

/* May the octet stand in a parameter's name? */
static int
is_name(char c)
{
	return (ascii_is_alnum(c) || (c != '\0' &&
	    strchr("!#$%&'*+-.^_`{|}~", c) != NULL));
}

/* Is the parameter's name at p, with a '=' behind it? */
static int
hit_at(const char *p, const char *end, const char *name, struct hit *h)
{
	size_t	len = strlen(name);

	memset(h, 0, sizeof(*h));
	if ((size_t)(end - p) <= len || !ascii_begins(p, len, name))
		return (0);
	p += len;
	if (*p == '*') {
		h->coded = 1;		/* "name*" */
		for (p++; p < end && ascii_is_digit(*p); p++) {
			h->pieces = 1;
			h->coded = 0;
			if (h->piece < PIECE_MAX)
				h->piece = h->piece * 10 +
				    (unsigned int)(*p - '0');
		}
		if (h->pieces && p < end && *p == '*') {
			h->coded = 1;
			p++;
		}
	}
	p = param_skip_blanks(p, end);
	if (p == end || *p != '=')
		return (0);
	h->value = param_skip_blanks(p + 1, end);
	return (1);
}

/* All places of the copy where the parameter stands. */
static void
hits_find(struct want *w, const char *s, size_t len, const char *name)
{
	const char	*p, *end = s + len;
	struct hits	*hits = &w->hits;
	struct hit	 h;

	hits->n = 0;
	hits->end = end;
	w->list->work += len;
	for (p = s; p < end; p++) {
		if ((p > s && is_name(p[-1])) || !hit_at(p, end, name, &h))
			continue;
		if (hits->n == HITS_MAX) {
			w->list->past = 1;
			return;
		}
		hits->v[hits->n++] = h;
	}
}

/* charset'language'text? */
static int
is_like_coded(const struct octets *o)
{
	const char	*a = memchr(o->s, '\'', o->len);

	return (a != NULL && memchr(a + 1, '\'', o->len - (size_t)(a + 1 -
	    o->s)) != NULL);
}

/* A value in one piece; some readers take what looks coded as coded. */
static void
whole(struct want *w, const struct hit *h)
{
	unsigned int	i, n = param_readings(w, h, w->o);

	w->plain |= !h->coded;
	for (i = 0; i < n; i++) {
		param_value(w, &w->o[i], h->coded);
		if (!h->coded && w->names && is_like_coded(&w->o[i]))
			param_value(w, &w->o[i], 1);
	}
}

/* --- pieces */

/*
 * Readers differ in how they put pieces together: by number, the last of two
 * with one number, only up to the first number that is missing, or as they
 * stand.
 */
enum { IN_ORDER, LAST_COUNTS, TO_THE_HOLE, AS_THEY_STAND, ORDERS };

/* The piece that comes after that one in this order; -1: none. */
static int
piece_next(const struct hits *hits, int order, int before)
{
	const struct hit	*v = hits->v;
	int			 best = -1, i, n = (int)hits->n;

	if (order == AS_THEY_STAND) {
		for (i = before + 1; i < n; i++)
			if (v[i].pieces)
				return (i);
		return (-1);
	}
	for (i = 0; i < n; i++) {
		if (!v[i].pieces || (before >= 0 && v[i].piece <=
		    v[before].piece))
			continue;
		if (best == -1 || v[i].piece < v[best].piece ||
		    (order == LAST_COUNTS && v[i].piece == v[best].piece))
			best = i;
	}
	if (best >= 0 && order == TO_THE_HOLE && v[best].piece != (before < 0 ?
	    0 : v[before].piece + 1))
		return (-1);
	return (best);
}

/*
 * One piece more; a later step decodes it in the character set of the first.
 */
static void
join(struct want *w, const struct octets *o, const struct hit *h,
    int first_coded, int all)
{
	struct octets	piece;
	size_t		i;

	piece.len = o->len;
	memcpy(piece.s, o->s, o->len);
	if (h->coded && !first_coded && !all && w->names)
		piece.len = param_percent(piece.s, piece.len);
	for (i = 0; i < piece.len; i++) {
		param_octet(&w->all, piece.s[i]);
		/* A '%' of a piece that is not coded stays a '%'. */
		if (piece.s[i] == '%' && !h->coded && !all && first_coded) {
			param_octet(&w->all, '2');
			param_octet(&w->all, '5');
		}
	}
}

/*
 * The pieces in that order as one value; all: when one of them is coded, all
 * are.
 */
static void
joined(struct want *w, int order, int all)
{
	const struct hits	*hits = &w->hits;
	int			 i, first = -1, any = 0;

	w->all.len = 0;
	for (i = 0; i < (int)hits->n; i++)
		any |= hits->v[i].pieces && hits->v[i].coded;
	for (i = piece_next(hits, order, -1); i >= 0;
	    i = piece_next(hits, order, i)) {
		if (first == -1)
			first = i;
		if (w->all.len == sizeof(w->all.s))
			break;
		join(w, &w->piece[i], &hits->v[i], hits->v[first].coded, all);
	}
	if (first >= 0)
		param_value(w, &w->all, hits->v[first].coded || (all && any));
}

/* Do two pieces have one number? Each reader makes something else of that. */
static int
pieces_twice(const struct hits *hits)
{
	unsigned int	i, k;

	for (i = 0; i < hits->n; i++)
		for (k = i + 1; k < hits->n; k++)
			if (hits->v[i].pieces && hits->v[k].pieces &&
			    hits->v[i].piece == hits->v[k].piece)
				return (1);
	return (0);
}

/*
 * The pieces in each order, each in that reading of its value; returns how
 * many readings there are.  The character set stands in the first piece by
 * number.
 */
static unsigned int
pieces_as(struct want *w, unsigned int reading)
{
	unsigned int	i, n, most = 0;
	int		order, unknown = w->list->unknown;

	for (i = 0; i < w->hits.n; i++) {
		n = param_readings(w, &w->hits.v[i], w->o);
		if (w->hits.v[i].pieces && n > most)
			most = n;
		n = n <= reading ? n - 1 : reading;
		w->piece[i].len = w->o[n].len;
		memcpy(w->piece[i].s, w->o[n].s, w->o[n].len);
	}
	for (order = 0; order < ORDERS; order++) {
		w->list->work += VALUE_MAX / HITS_MAX * w->hits.n;
		joined(w, order, 0);
		joined(w, order, 1);
		if (order == IN_ORDER)
			unknown = w->list->unknown;
	}
	w->list->unknown = unknown;
	return (most);
}

/* The value in pieces, by each reading of its pieces. -1: no memory. */
static int
pieces(struct want *w)
{
	unsigned int	reading = 0;

	if (w->piece == NULL && (w->piece = malloc(HITS_MAX *
	    sizeof(*w->piece))) == NULL)
		return (-1);
	if (pieces_twice(&w->hits))
		w->list->past = 1;
	while (pieces_as(w, reading) > reading + 1)
		reading++;
	return (0);
}

/* --- copies of the value */

/* One copy of the value. */
static int
look(struct want *w, const char *s, size_t len, const char *name)
{
	unsigned int	i;
	int		any = 0;

	hits_find(w, s, len, name);
	for (i = 0; i < w->hits.n; i++)
		if (w->hits.v[i].pieces)
			any = 1;
		else
			whole(w, &w->hits.v[i]);
	return (any ? pieces(w) : 0);
}

/* Without line ends; a fold keeps its blanks or loses them. */
static size_t
unfold(char *dst, const char *s, size_t len, int blanks)
{
	size_t	i, n = 0;

	for (i = 0; i < len; i++) {
		if (s[i] != '\r' && s[i] != '\n') {
			dst[n++] = s[i];
			continue;
		}
		while (!blanks && i + 1 < len && strchr(" \t\r\n", s[i + 1]) !=
		    NULL && s[i + 1] != '\0')
			i++;
	}
	return (n);
}

/* Without comments; they may be nested, and quotes hide them. */
static size_t
uncomment(char *dst, const char *s, size_t len)
{
	size_t		i, n = 0;
	unsigned int	depth = 0;
	int		quotes = 0;

	for (i = 0; i < len; i++) {
		if (s[i] == '\\' && (depth > 0 || quotes) && i + 1 < len) {
			if (depth == 0)
				dst[n++] = s[i];
			i++;
		} else if (depth == 0 && s[i] == '"')
			quotes = !quotes;
		else if (!quotes && s[i] == '(') {
			depth++;
			continue;
		} else if (depth > 0 && s[i] == ')') {
			depth--;
			continue;
		}
		if (depth == 0)
			dst[n++] = s[i];
	}
	return (n);
}

/* All copies of the value. -1: no memory. */
static int
looks(struct want *w, const char *s, size_t len, const char *name)
{
	char	*a, *b;
	size_t	 n, k;
	int	 r;

	if ((a = calloc(2, len + 1)) == NULL)
		return (-1);
	b = a + len + 1;
	n = unfold(a, s, len, 1);
	r = look(w, a, n, name);
	if (r == 0 && memchr(a, '(', n) != NULL) {
		k = uncomment(b, a, n);
		r = look(w, b, k, name);
	}
	if (r == 0 && memchr(s, '\n', len) != NULL) {
		n = unfold(a, s, len, 0);
		k = uncomment(b, a, n);
		r = look(w, b, k, name);
	}
	free(a);
	return (r);
}

/* NULL is fine. */
void
mimeparam_free(void *memory)
{
	struct want	*w = memory;

	if (w != NULL)
		free(w->piece);
	free(w);
}

/* The memory is kept from one call to the next when the caller wants that. */
static int
parameter(const char *s, size_t len, const char *name,
    struct mimeparam_list *l, int names, int *is_plain)
{
	struct want	*w = l->memory == NULL ? NULL : *l->memory;
	int		 r;

	if (w == NULL) {
		if ((w = malloc(sizeof(*w))) == NULL)
			return (-1);
		w->piece = NULL;
	}
	w->list = l;
	w->names = names;
	w->plain = 0;
	r = looks(w, s, len, name);
	*is_plain = w->plain;
	if (l->memory != NULL)
		*l->memory = w;
	else
		mimeparam_free(w);
	return (r);
}

/* Each reading of a value becomes a name in all its spellings. */
int
mimeparam_names(const char *s, size_t len, const char *name,
    struct mimeparam_list *l)
{
	int	plain;

	return (parameter(s, len, name, l, 1, &plain));
}

/* Each reading of a value stays as it is. */
int
mimeparam_values(const char *s, size_t len, const char *name,
    struct mimeparam_list *l, int *is_plain)
{
	return (parameter(s, len, name, l, 0, is_plain));
}

/* Without blanks and quotes, in lower case. */
static void
head(struct mimeparam_list *l, const char *p, const char *end)
{
	char	text[MIME_TYPE_MAX];
	size_t	n = 0;

	for (; p < end && n < sizeof(text); p++)
		if (!param_is_blank(*p) && *p != '"')
			text[n++] = ascii_lower(*p);
	if (n == sizeof(text)) {
		l->past = 1;
		n--;
	}
	mimeparam_add(l, text, n);
}

/* Without comments and with them, to the ';' and to the first blank. */
int
mimeparam_heads(const char *s, size_t len, struct mimeparam_list *l)
{
	const char	*p, *end;
	char		*a, *b;
	size_t		 n, k;

	if ((a = calloc(2, len + 1)) == NULL)
		return (-1);
	b = a + len + 1;
	n = unfold(a, s, len, 1);
	k = uncomment(b, a, n);
	end = b + k;
	head(l, b, param_to(b, end, ";"));
	p = param_skip_blanks(b, end);
	head(l, p, param_to(p, end, "; \t,"));
	p = param_skip_blanks(a, a + n);
	head(l, p, param_to(p, a + n, "; \t,("));
	free(a);
	return (0);
}
