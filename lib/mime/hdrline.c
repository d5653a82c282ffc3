/*
 * The lines of a header, see hdrline.h.  A line is decided as early as
 * possible: at the latest at its colon, or at the first octet that no name may
 * have.
 */
#include <string.h>

#include "lib/mime/hdrline.h"

enum { AT_BEGIN, AT_CR, IN_NAME, AFTER_NAME };

/* A blank at its beginning continues a field only if one stands before it. */
void
hdrline_begin(struct hdrline *h, int field)
{
	h->n = 0;
	h->state = AT_BEGIN;
	h->folds = field != 0;
}

/* A blank continues a field, if there is one before it. */
static enum hdrline_kind
first_octet(struct hdrline *h, uint8_t c)
{
	if (c == ' ' || c == '\t')
		return (h->folds ? HDRLINE_FOLD : HDRLINE_BODY);
	if (c == '\n')
		return (HDRLINE_EMPTY);
	if (c == '\r') {
		h->state = AT_CR;
		return (HDRLINE_MORE);
	}
	h->state = IN_NAME;
	return (c < ' ' || c > '~' || c == ':' ? HDRLINE_BODY : HDRLINE_MORE);
}

/* Blanks may stand between the name and its colon, but nothing else. */
enum hdrline_kind
hdrline_octet(struct hdrline *h, uint8_t c)
{
	h->n++;
	if (h->state == AT_BEGIN)
		return (first_octet(h, c));
	if (h->state == AT_CR)
		return (c == '\n' ? HDRLINE_EMPTY : HDRLINE_BODY);
	if (c == ':')
		return (HDRLINE_FIELD);
	if (h->n >= HDRLINE_MAX)
		return (HDRLINE_BODY);
	if (c == ' ' || c == '\t') {
		h->state = AFTER_NAME;
		return (HDRLINE_MORE);
	}
	return (h->state == AFTER_NAME || c < ' ' || c > '~' ? HDRLINE_BODY :
	    HDRLINE_MORE);
}

/* A line that ends undecided is not a field. */
enum hdrline_kind
hdrline_of(const void *line, size_t len, int field, size_t *name,
    size_t *value)
{
	const uint8_t		*s = line;
	struct hdrline		 h;
	enum hdrline_kind	 kind = HDRLINE_MORE;
	size_t			 i;

	hdrline_begin(&h, field);
	for (i = 0; i < len && kind == HDRLINE_MORE; i++)
		kind = hdrline_octet(&h, s[i]);
	if (kind == HDRLINE_MORE)
		return (HDRLINE_BODY);
	if (kind == HDRLINE_FIELD) {
		*value = i;
		for (i--; s[i - 1] == ' ' || s[i - 1] == '\t'; i--)
			;
		*name = i;
	}
	return (kind);
}

/* Each program that quotes such a line puts one ">" more before it. */
int
hdrline_is_mbox(const void *line, size_t len)
{
	const char	*s = line, *end = s + len;

	while (s < end && *s == '>')
		s++;
	return (end - s >= 5 && memcmp(s, "From ", 5) == 0);
}
