/*
 * The readings of a message: each is one way to understand it.  A reading knows
 * the multiparts that it is in (levels), the header that it is reading (head.c)
 * and the decoder of the part's octets.  mime.c gives it lines.
 */
#include <sys/types.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/mime/mime_int.h"

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
void
level_free(struct level *l)
{
	struct level	*up;

	for (; l != NULL && --l->refs == 0; l = up) {
		up = l->up;
		free(l);
	}
}

/* The reading leaves all levels that are inside of that one. */
void
reading_level(struct reading *r, struct level *l)
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
void
reading_header(struct mime *m, struct reading *r, unsigned int depth, int message)
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

void
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
struct reading *
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
void
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

/* --- a part's octets */

/* Decoded octets: to the caller, or to the parser of the message in it. */
static void
part_octets(struct reading *r, struct mime_shared *m, const uint8_t *s,
    size_t len)
{
	if (len == 0)
		return;
	if (r->inner != NULL)
		(void)mime_inner_feed(r->inner, s, len);
	else if (m->calls.data != NULL)
		m->calls.data(&r->part, s, len, m->arg);
}

/* Octets of the part as they stand in the message. */
void
reading_data(struct reading *r, struct mime_shared *m, const uint8_t *s,
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
void
reading_part_end(struct reading *r, struct mime_shared *m)
{
	uint8_t	out[4];

	if (!r->open)
		return;
	if (r->octets && r->encoding == ENC_QP)
		part_octets(r, m, out, qp_decode(&r->qp, NULL, 0, out));
	if (r->inner != NULL) {
		mime_inner_finish(r->inner);
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
	    mime_inner_init(inner, m, r->part.depth + 1, r->part.reading) == -1) {
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
		reading_part_end(r, sh);
		reading_header(m, r, depth + 1, 0);
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
void
reading_header_end(struct mime *m, struct reading *r)
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
