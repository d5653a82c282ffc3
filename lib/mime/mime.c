/*
 * MIME, see mime.h: lines to headers, parts and their octets, by each reading.
 *
 * A message begins with one reading.  Where readers of mail differ it is
 * copied, and each copy goes on in its own way (mime_int.h: struct reading). 
 * A boundary counts at the beginning of a line that is no longer than a line
 * may be; parts end where any boundary above theirs stands, and there readings
 * that have come to agree become one.  A message in a message whose octets are
 * encoded has a parser of its own.
 */
#include <sys/types.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mime/mime_int.h"
#include "lib/mime/param.h"

#define DEPTH_MAX	100		/* whatever the limits say */
#define LINE_HELD	sizeof(((struct mime *)NULL)->line)

static void	mime_inner_free(struct mime *);
static int	feed(struct mime *, const uint8_t *, size_t);
static void	parser_finish(struct mime *);

/* The first reason stays; later ones follow from it. */
void
mime_past_set(struct mime_shared *m, const char *what)
{
	if (m->past == NULL)
		m->past = what;
}

/*
 * Past the allowed work nothing more is read, and the message counts as past a
 * limit.
 */
void
mime_work_add(struct mime_shared *m, uint64_t steps)
{
	m->work += steps;
	if (m->work > MIME_WORK_FREE + MIME_WORK * m->fed && !m->over) {
		m->over = 1;
		mime_past_set(m, "it takes too much work to read");
	}
}

/* --- levels */

/* Releases a level, and those above it that nothing else is in. */
static void
level_free(struct level *l)
{
	struct level	*up;

	for (; l != NULL && --l->refs == 0; l = up) {
		up = l->up;
		free(l);
	}
}

/* The reading leaves all levels that are inside of that one. */
static void
level_to(struct reading *r, struct level *l)
{
	l->refs++;
	level_free(r->level);
	r->level = l;
}

/* A multipart begins: its parts are one level deeper. */
static void
level_open(struct reading *r, struct mime_shared *m, const struct shape *s)
{
	struct level	*l;

	if (r->part.depth >= m->limits.depth) {
		mime_past_set(m, "nested too deeply");
		return;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		m->broken = 1;
		return;
	}
	l->up = r->level;
	l->refs = 1;
	l->depth = r->part.depth + 1;
	l->digest = strcmp(s->type, "multipart/digest") == 0;
	l->len = strlen(s->boundary);
	memcpy(l->boundary, s->boundary, l->len);
	r->level = l;
	r->part.multipart = 1;
}

/* --- readings */

/* The header of a part begins; message: without a type it is a message. */
static void
header_begin(struct mime *m, struct reading *r, unsigned int depth, int message)
{
	r->part.header = m->now;
	r->part.depth = depth;
	snprintf(r->part.type, sizeof(r->part.type), "%s", message ?
	    "message/rfc822" : "text/plain");
	r->part.charset[0] = '\0';
	r->part.multipart = 0;
	r->part.nnames = 0;
	r->encoding = ENC_NONE;
	memset(&r->b64, 0, sizeof(r->b64));
	memset(&r->qp, 0, sizeof(r->qp));
	r->in_header = 1;
	r->fresh = 0;
	head_clear(&r->head);
}

static void
reading_free(struct reading *r)
{
	if (r == NULL)
		return;
	mime_inner_free(r->inner);
	head_free(&r->head);
	level_free(r->level);
	free(r);
}

/*
 * Another reading that has read the same so far.  NULL: there are too many, or
 * no memory.  Of the names only those in use are copied.
 */
static struct reading *
reading_copy(struct mime *m, const struct reading *r)
{
	struct mime_shared	*sh = m->shared;
	struct reading		*c;
	unsigned int		 id;
	size_t			 size;

	for (id = 0; id < MIME_READINGS && (sh->ids & 1u << id); id++)
		;
	if (id == MIME_READINGS || m->n == MIME_READINGS) {
		mime_past_set(sh, "it can be read in too many ways");
		return (NULL);
	}
	if ((c = malloc(sizeof(*c))) == NULL) {
		sh->broken = 1;
		return (NULL);
	}
	size = offsetof(struct reading, part) + offsetof(struct mime_part,
	    name) + r->part.nnames * sizeof(r->part.name[0]);
	memcpy(c, r, size);
	mime_work_add(sh, size / 16);
	if (head_copy(&c->head, &r->head) == -1)
		sh->broken = 1;
	if (c->level != NULL)
		c->level->refs++;
	c->part.reading = id;
	sh->ids |= 1u << id;
	m->reading[m->n++] = c;
	/* The copy has a part of its own, which begins and will end. */
	if (c->open && sh->calls.part != NULL)
		sh->calls.part(&c->part, sh->arg);
	return (c);
}

/* Do both go on in the same way whatever comes? */
static int
agree(const struct reading *a, const struct reading *b)
{
	if (a->level != b->level || a->in_header != b->in_header)
		return (0);
	return (a->in_header ? a->fresh && b->fresh && a->part.depth ==
	    b->part.depth : !a->open && !b->open);
}

/* Of two readings that agree the later one is freed. */
static void
readings_merge(struct mime *m)
{
	struct reading	*a, *b;
	unsigned int	 i, k;

	for (i = 0; i < m->n; i++)
		for (k = i + 1; k < m->n;) {
			a = m->reading[i];
			b = m->reading[k];
			if (!agree(a, b)) {
				k++;
				continue;
			}
			if (a->parts < b->parts)
				a->parts = b->parts;
			m->shared->ids &= ~(1u << b->part.reading);
			reading_free(b);
			memmove(m->reading + k, m->reading + k + 1,
			    (--m->n - k) * sizeof(m->reading[0]));
		}
}

/* --- parsers */

/* A parser begins with one reading, in a header. -1: no memory. */
static int
mime_init(struct mime *m, struct mime_shared *sh, unsigned int depth,
    unsigned int id)
{
	struct reading	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	m->shared = sh;
	m->reading[m->n++] = r;
	r->part.reading = id;
	header_begin(m, r, depth, 0);
	return (0);
}

struct mime *
mime_new(const struct mime_limits *limits, const struct mime_calls *calls,
    void *arg)
{
	struct mime		*m = calloc(1, sizeof(*m));
	struct mime_shared	*sh = calloc(1, sizeof(*sh));

	if (m == NULL || sh == NULL || mime_init(m, sh, 0, 0) == -1) {
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
static void
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

/* --- a part's octets */

/* Decoded octets: to the caller, or to the parser of the message in it. */
static void
part_octets(struct reading *r, struct mime_shared *m, const uint8_t *s,
    size_t len)
{
	if (len == 0)
		return;
	if (r->inner != NULL)
		(void)feed(r->inner, s, len);
	else if (m->calls.data != NULL)
		m->calls.data(&r->part, s, len, m->arg);
}

/* Octets of the part as they stand in the message. */
static void
part_data(struct reading *r, struct mime_shared *m, const uint8_t *s,
    size_t len)
{
	uint8_t	out[LINE_HELD + 4];

	if (!r->octets)
		return;
	if (r->encoding == ENC_BASE64)
		part_octets(r, m, out, b64_decode(&r->b64, s, len, out));
	else if (r->encoding == ENC_QP)
		part_octets(r, m, out, qp_decode(&r->qp, s, len, out));
	else
		part_octets(r, m, s, len);
}

/* What a decoder still holds belongs to the part. */
static void
part_end(struct reading *r, struct mime_shared *m)
{
	uint8_t	out[4];

	if (!r->open)
		return;
	if (r->octets && r->encoding == ENC_QP)
		part_octets(r, m, out, qp_decode(&r->qp, NULL, 0, out));
	if (r->inner != NULL) {
		parser_finish(r->inner);
		mime_inner_free(r->inner);
		r->inner = NULL;
	}
	if (m->calls.end != NULL)
		m->calls.end(&r->part, m->arg);
	r->open = r->octets = 0;
}

/* --- a part's header is over */

/* The types that are messages themselves. */
static int
is_message(const char *type)
{
	return (strcmp(type, "message/rfc822") == 0 ||
	    strcmp(type, "message/global") == 0 ||
	    strcmp(type, "message/news") == 0);
}

/*
 * A message in a message that is encoded: its lines appear only when decoded.
 */
static void
inner_open(struct reading *r, struct mime_shared *m)
{
	struct mime	*inner;

	if ((inner = calloc(1, sizeof(*inner))) == NULL ||
	    mime_init(inner, m, r->part.depth + 1, r->part.reading) == -1) {
		free(inner);
		m->broken = 1;
		return;
	}
	inner->reading[0]->part.header = ++m->lines;
	inner->reading[0]->parts = r->parts;
	r->inner = inner;
}

/* Tells the caller of the part in this way of reading it. */
static void
shape_tell(struct reading *r, struct mime_shared *m, const struct shape *s)
{
	snprintf(r->part.type, sizeof(r->part.type), "%s", s->type);
	snprintf(r->part.charset, sizeof(r->part.charset), "%s", s->charset);
	if (m->calls.part != NULL)
		m->calls.part(&r->part, m->arg);
}

/* The reading goes on with the header read in this way. */
static void
shape_take(struct mime *m, struct reading *r, const struct shape *s)
{
	struct mime_shared	*sh = m->shared;
	unsigned int		 depth = r->part.depth;

	r->in_header = 0;
	r->open = 1;
	r->encoding = s->encoding;
	if (++r->parts > sh->limits.parts)
		mime_past_set(sh, "too many parts");
	if (s->boundary[0] != '\0')
		level_open(r, sh, s);
	shape_tell(r, sh, s);
	r->octets = !r->part.multipart;
	if (!is_message(s->type))
		return;
	if (depth >= sh->limits.depth)
		mime_past_set(sh, "nested too deeply");
	else if (r->encoding != ENC_NONE)
		inner_open(r, sh);
	else {
		part_end(r, sh);
		header_begin(m, r, depth + 1, 0);
	}
}

/*
 * Does a way to read the header differ from an earlier one only in words, and
 * not in how the message is read from here?
 */
static int
is_told_only(const struct shape *s, unsigned int i)
{
	unsigned int	k;

	for (k = 0; s[i].boundary[0] != '\0' && k < i; k++)
		if (strcmp(s[k].boundary, s[i].boundary) == 0 &&
		    (strcmp(s[k].type, "multipart/digest") == 0) ==
		    (strcmp(s[i].type, "multipart/digest") == 0))
			return (1);
	return (0);
}

/* Each way to read the header but the first becomes a reading of its own. */
static void
header_end(struct mime *m, struct reading *r)
{
	struct mime_shared	*sh = m->shared;
	struct shape		 s[SHAPES_MAX];
	struct reading		*c[SHAPES_MAX];
	unsigned int		 i, n;

	n = head_shapes(r, sh, m->top, r->level != NULL && r->level->digest &&
	    r->part.depth == r->level->depth, s);
	c[0] = r;
	for (i = 1; i < n; i++)
		c[i] = is_told_only(s, i) ? NULL : reading_copy(m, r);
	for (i = 1; i < n; i++)
		if (c[i] == NULL) {
			shape_tell(r, sh, &s[i]);
			if (sh->calls.end != NULL)
				sh->calls.end(&r->part, sh->arg);
		}
	for (i = 0; i < n; i++)
		if (c[i] != NULL)
			shape_take(m, c[i], &s[i]);
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
		part_data(r, m->shared, s, len);
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
		header_end(m, r);
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
	header_end(m, r);
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
	part_end(r, m->shared);
	level_to(r, l);
	r->in_header = 0;
	if (!closes)
		header_begin(m, r, l->depth, l->digest);
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
		header_end(m, r);
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
		part_data(r, m->shared, s, len);
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
static int
feed(struct mime *m, const uint8_t *s, size_t len)
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
	return (feed(m, s, len));
}

/* The last line may have no end, and headers may be open. */
static void
parser_finish(struct mime *m)
{
	unsigned int	i;

	if (m->nline > 0)
		line_take(m, m->line, m->nline, !m->rest);
	m->nline = 0;
	for (i = 0; i < m->n; i++) {
		if (m->reading[i]->in_header && !m->shared->over)
			header_end(m, m->reading[i]);
		part_end(m->reading[i], m->shared);
	}
}

int
mime_finish(struct mime *m)
{
	parser_finish(m);
	return (m->shared->broken ? -1 : 0);
}
