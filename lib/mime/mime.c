/*
 * MIME, see mime.h: octets to lines, and lines to the readings of the message.
 *
 * A message begins with one reading.  Where readers of mail differ it is copied,
 * and each copy goes on in its own way (reading.c).  A boundary counts at the
 * beginning of a line that is no longer than a line may be; parts end where any
 * boundary above theirs stands, and there readings that have come to agree
 * become one.  A message in a message whose octets are encoded has a parser of
 * its own.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/mime/mime_int.h"
#include "lib/mime/param.h"

#define DEPTH_MAX	100		/* whatever the limits say */

/* --- parsers */

/* A parser begins with one reading, in a header. -1: no memory. */
int
mime_inner_init(struct mime *m, struct mime_shared *sh, unsigned int depth,
    unsigned int id)
{
	struct reading	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	m->shared = sh;
	m->reading[m->n++] = r;
	r->part.reading = id;
	reading_header(m, r, depth, 0);
	return (0);
}

struct mime *
mime_new(const struct mime_limits *limits, const struct mime_calls *calls,
    void *arg)
{
	struct mime		*m = calloc(1, sizeof(*m));
	struct mime_shared	*sh = calloc(1, sizeof(*sh));

	if (m == NULL || sh == NULL || mime_inner_init(m, sh, 0, 0) == -1) {
		free(m);
		free(sh);
		return (NULL);
	}
	sh->limits = *limits;
	if (sh->limits.depth > DEPTH_MAX)
		sh->limits.depth = DEPTH_MAX;
	sh->calls = *calls;
	sh->arg = arg;
	sh->ids = 1;
	m->top = 1;
	return (m);
}

/* The first reading's number is that of the reading whose message it is. */
void
mime_inner_free(struct mime *m)
{
	unsigned int	i;

	if (m == NULL)
		return;
	for (i = 0; i < m->n; i++) {
		if (i > 0)
			m->shared->ids &= ~(1u << m->reading[i]->part.reading);
		reading_free(m->reading[i]);
	}
	free(m);
}

void
mime_free(struct mime *m)
{
	struct mime_shared	*sh;

	if (m == NULL)
		return;
	sh = m->shared;
	mime_inner_free(m);
	mimeparam_free(sh->memory);
	free(sh);
}

const char *
mime_past(const struct mime *m)
{
	return (m->shared->past);
}

uint64_t
mime_work(const struct mime *m)
{
	return (m->shared->work);
}

/* --- lines */

static void	line_header(struct mime *, struct reading *, const uint8_t *,
		    size_t);

/* A line that belongs to what the reading is in. */
static void
line_body(struct mime *m, struct reading *r, const uint8_t *s, size_t len)
{
	if (r->in_header)
		line_header(m, r, s, len);
	else
		reading_data(r, m->shared, s, len);
}

/*
 * A line in a header.  A line that is not a field ends it and is the first one of
 * the body.  But in a part some readers pass over such a line, or take it for
 * more of the field before it, and go on.  (The header of the message itself
 * has an empty line there, see msghead.h.)
 */
static void
line_header(struct mime *m, struct reading *r, const uint8_t *s, size_t len)
{
	struct mime_shared	*sh = m->shared;
	struct reading		*c;
	unsigned int		 i, from;

	switch (head_line(r, sh, m->top, s, len)) {
	case 1:
		return;
	case -1:
		reading_header_end(m, r);
		return;
	}
	if (r->head.lenient) {
		head_join(r, sh, m->top, s, len);
		return;
	}
	if ((!m->top || r->part.depth > 0) &&
	    (c = reading_copy(m, r)) != NULL) {
		c->head.lenient = 1;
		head_join(c, sh, m->top, s, len);
	}
	from = m->n;
	reading_header_end(m, r);
	line_body(m, r, s, len);
	for (i = from; i < m->n; i++)
		line_body(m, m->reading[i], s, len);
}

/*
 * The boundary of that level: the reading leaves all that is in it.  Some
 * readers take parts behind the last boundary too, so the level stays open.
 */
static void
boundary_take(struct mime *m, struct reading *r, struct level *l, int closes)
{
	reading_part_end(r, m->shared);
	reading_level(r, l);
	r->in_header = 0;
	if (!closes)
		reading_header(m, r, l->depth, l->digest);
	r->fresh = 1;
}

/*
 * The level is held while the line is read: what the header opens may be the
 * only thing in it.
 */
static void
line_boundary(struct mime *m, struct reading *r, struct level *l, int closes)
{
	unsigned int	i, from = m->n;

	l->refs++;
	if (r->in_header)
		reading_header_end(m, r);
	boundary_take(m, r, l, closes);
	for (i = from; i < m->n; i++)
		boundary_take(m, m->reading[i], l, closes);
	level_free(l);
}

/*
 * The innermost level whose boundary the line is, NULL: none; *closes, and
 * *exact: it is that and nothing more.  To RFC 2046 a line that begins with a
 * boundary is one, to many readers only the whole line is.
 */
static struct level *
boundary_of(const struct reading *r, struct mime_shared *m, const uint8_t *s,
    size_t len, int *closes, int *exact)
{
	struct level	*l, *begins = NULL;
	size_t		 n, steps = 0;

	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL &&
	    s[len - 1] != '\0')
		len--;
	*closes = *exact = 0;
	if (len < 3 || s[0] != '-' || s[1] != '-')
		return (NULL);
	n = len - 2;
	for (l = r->level; l != NULL; l = l->up) {
		steps++;
		if (n < l->len || s[2] != (uint8_t)l->boundary[0])
			continue;
		steps += l->len / 8;
		if (memcmp(s + 2, l->boundary, l->len) != 0)
			continue;
		*closes = n == l->len + 2 && memcmp(s + 2 + l->len, "--",
		    2) == 0;
		if (n == l->len || *closes) {
			*exact = 1;
			break;
		}
		if (begins == NULL)
			begins = l;
	}
	mime_work_add(m, steps);
	return (*exact ? l : begins);
}

/*
 * A line to one reading; 1: it was a boundary for at least one of them.  What
 * is inside of an encoded message is not copied; and some readers pass over
 * all boundaries that follow one directly.
 */
static int
line_reading(struct mime *m, struct reading *r, const uint8_t *s, size_t len,
    int begins)
{
	struct level	*l;
	struct reading	*c, *d;
	int		 closes, exact, met = 0;

	mime_work_add(m->shared, len);
	if (begins && len >= 3 && s[0] == '-' && (l = boundary_of(r, m->shared,
	    s, len, &closes, &exact)) != NULL) {
		if (!exact && r->inner != NULL)
			mime_past_set(m->shared,
			    "it can be read in too many ways");
		c = exact || r->inner != NULL ? NULL : reading_copy(m, r);
		if (closes && r->in_header && r->fresh &&
		    (d = reading_copy(m, r)) != NULL)
			line_boundary(m, d, l, 0);
		line_boundary(m, c == NULL ? r : c, l, closes);
		if (c == NULL)
			return (1);
		met = 1;
	}
	r->fresh = 0;
	if (!r->in_header)
		reading_data(r, m->shared, s, len);
	else if (begins)
		line_header(m, r, s, len);
	else
		head_more(r, m->shared, s, len);
	return (met);
}

/* A whole line with its end, or a piece of a long one. */
static void
line_take(struct mime *m, const uint8_t *s, size_t len, int begins)
{
	unsigned int	i, n = m->n;
	int		met = 0;

	m->now = ++m->shared->lines;
	for (i = 0; i < n && !m->shared->broken && !m->shared->over; i++)
		met |= line_reading(m, m->reading[i], s, len, begins);
	if (met && m->n > 1)
		readings_merge(m);
}

/* Cuts the octets into lines; a line longer than LINE_HELD comes in pieces. */
int
mime_inner_feed(struct mime *m, const uint8_t *s, size_t len)
{
	struct mime_shared	*sh = m->shared;
	const uint8_t		*eol;
	size_t			 n;

	while (len > 0 && !sh->broken && !sh->over) {
		eol = memchr(s, '\n', len);
		n = eol != NULL ? (size_t)(eol - s) + 1 : len;
		if (n > LINE_HELD - m->nline)
			n = LINE_HELD - m->nline;
		memcpy(m->line + m->nline, s, n);
		m->nline += n;
		s += n;
		len -= n;
		if (m->line[m->nline - 1] == '\n') {
			line_take(m, m->line, m->nline, !m->rest);
			m->nline = 0;
			m->rest = 0;
		} else if (m->nline == LINE_HELD) {
			line_take(m, m->line, m->nline, !m->rest);
			m->nline = 0;
			m->rest = 1;
		}
	}
	return (sh->broken ? -1 : 0);
}

int
mime_feed(struct mime *m, const uint8_t *s, size_t len)
{
	m->shared->fed += len;
	return (mime_inner_feed(m, s, len));
}

/* The last line may have no end, and headers may be open. */
void
mime_inner_finish(struct mime *m)
{
	unsigned int	i;

	if (m->nline > 0)
		line_take(m, m->line, m->nline, !m->rest);
	m->nline = 0;
	for (i = 0; i < m->n; i++) {
		if (m->reading[i]->in_header && !m->shared->over)
			reading_header_end(m, m->reading[i]);
		reading_part_end(m->reading[i], m->shared);
	}
}

int
mime_finish(struct mime *m)
{
	mime_inner_finish(m);
	return (m->shared->broken ? -1 : 0);
}
