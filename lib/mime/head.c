/*
 * The header of a part: its fields, and the ways in which they may be read;
 * see mime_int.h.  A field is held until it is known that the next line does
 * not go on with it.  Its types, boundaries, character sets and encodings are
 * gathered in struct head; head_shapes combines them.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/mime/cset.h"
#include "lib/mime/mime_int.h"
#include "lib/mime/param.h"

#define FIELD_NAME_MAX	128
#define VALUES_MAX	8		/* readings of a parameter */

/* Values of a parameter, with memory for them. */
struct values {
	struct mimeparam_list	 list;
	char			 v[VALUES_MAX][MIME_NAME_MAX];
};

/* Empties it and keeps the memory of the field. */
void
head_clear(struct head *h)
{
	struct buf	field = h->field;

	buf_drain_keep(&field, buf_len(&field));
	memset(h, 0, sizeof(*h));
	h->field = field;
}

void
head_free(struct head *h)
{
	buf_free(&h->field);
}

/* -1: no memory. */
int
head_copy(struct head *dst, const struct head *src)
{
	size_t	len = buf_len(&src->field);

	*dst = *src;
	memset(&dst->field, 0, sizeof(dst->field));
	return (len == 0 ? 0 : buf_add(&dst->field, buf_ptr(&src->field),
	    len));
}

/* NULL without memory, and the parser is then broken. */
static struct values *
values_new(struct mime_shared *m)
{
	struct values	*v;

	if ((v = malloc(sizeof(*v))) == NULL) {
		m->broken = 1;
		return (NULL);
	}
	memset(&v->list, 0, sizeof(v->list));
	v->list.v = v->v;
	v->list.max = VALUES_MAX;
	v->list.memory = &m->memory;
	return (v);
}

/*
 * Empties the list for the next parameter, and counts the work of the last
 * one.
 */
static void
values_again(struct mime_shared *m, struct values *v)
{
	mime_work_add(m, v->list.work);
	v->list.n = 0;
	v->list.past = v->list.unknown = 0;
	v->list.work = 0;
}

/* --- names */

/* The names that the field gives the part, in all spellings. */
static void
names_of(struct reading *r, struct mime_shared *m, const char *value,
    size_t len)
{
	struct mimeparam_list	 l = { r->part.name, r->part.nnames,
				    MIME_NAMES, 0, 0, 0, &m->memory };

	if (mimeparam_names(value, len, "name", &l) == -1 ||
	    mimeparam_names(value, len, "filename", &l) == -1)
		m->broken = 1;
	r->part.nnames = l.n;
	mime_work_add(m, l.work);
	if (l.past)
		mime_past_set(m, "too many names");
	if (l.unknown)
		mime_past_set(m, "a name in an unknown character set");
}

/* --- types */

/* Has it parts? */
static int
is_multipart(const char *type)
{
	return (strncmp(type, "multipart/", 10) == 0);
}

static int
same_shape(const struct shape *a, const struct shape *b)
{
	return (strcmp(a->type, b->type) == 0 && strcmp(a->charset,
	    b->charset) == 0 && strcmp(a->boundary, b->boundary) == 0);
}

/* One way more to read the type, unless it is there already. */
static void
type_add(struct reading *r, struct mime_shared *m, const char *type,
    const char *charset, const char *boundary)
{
	struct head	*h = &r->head;
	struct shape	 s;
	unsigned int	 i;

	memset(&s, 0, sizeof(s));
	snprintf(s.type, sizeof(s.type), "%s", type);
	if (!is_multipart(type))
		snprintf(s.charset, sizeof(s.charset), "%s", charset);
	else
		snprintf(s.boundary, sizeof(s.boundary), "%s", boundary);
	for (i = 0; i < h->ntypes; i++)
		if (same_shape(&h->type[i], &s))
			return;
	if (h->ntypes == TYPES_MAX)
		mime_past_set(m, "it can be read in too many ways");
	else
		h->type[h->ntypes++] = s;
}

/*
 * Blanks at the end do not belong to a boundary; in its line they do not count
 * either.
 */
static void
trim_boundaries(struct mime_shared *m, struct values *v)
{
	unsigned int	i, k = 0;
	size_t		len;

	for (i = 0; i < v->list.n; i++) {
		for (len = strlen(v->v[i]); len > 0 && strchr(" \t",
		    v->v[i][len - 1]) != NULL; len--)
			;
		if (len >= BOUNDARY_MAX) {
			mime_past_set(m, "a boundary that is too long");
			continue;
		}
		memmove(v->v[k], v->v[i], len);
		v->v[k][len] = '\0';
		if (len > 0)
			k++;
	}
	v->list.n = k;
	if (v->list.past)
		mime_past_set(m, "it can be read in too many ways");
}

/*
 * A type with each of its boundaries, or without one: readers that do not know
 * RFC 2231 see no boundary where it is used.
 */
static void
multipart_add(struct reading *r, struct mime_shared *m, const char *type,
    const char *value, size_t len, struct values *v)
{
	unsigned int	i;
	int		plain;

	values_again(m, v);
	if (mimeparam_values(value, len, "boundary", &v->list, &plain) == -1)
		m->broken = 1;
	trim_boundaries(m, v);
	for (i = 0; i < v->list.n; i++)
		type_add(r, m, type, "", v->v[i]);
	if (v->list.n == 0 || !plain)
		type_add(r, m, type, "", "");
}

/*
 * A type that has no parts, with each of its character sets and octet orders.
 * To some readers any message/ type is a message.
 */
static void
leaf_add(struct reading *r, struct mime_shared *m, const char *type,
    const char *value, size_t len, struct values *v)
{
	unsigned int	i;
	int		plain;

	values_again(m, v);
	if (strncmp(type, "text/", 5) == 0 && mimeparam_values(value, len,
	    "charset", &v->list, &plain) == -1)
		m->broken = 1;
	for (i = 0; i < v->list.n; i++)
		if (strlen(v->v[i]) >= MIME_CHARSET_MAX)
			mime_past_set(m, "an unknown character set");
		else {
			type_add(r, m, type, v->v[i], "");
			if (mimecset_has_orders(v->v[i], strlen(v->v[i])))
				type_add(r, m, type, strstr(v->v[i], "32") !=
				    NULL || strchr(v->v[i], '4') != NULL ?
				    "utf-32le" : "utf-16le", "");
		}
	if (v->list.n == 0)
		type_add(r, m, type, "", "");
	if (strncmp(type, "message/", 8) == 0 &&
	    strcmp(type, "message/delivery-status") != 0)
		type_add(r, m, "message/rfc822", "", "");
}

static void
type_take(struct reading *r, struct mime_shared *m, const char *type,
    const char *value, size_t len, struct values *v)
{
	if (is_multipart(type))
		multipart_add(r, m, type, value, len, v);
	else
		leaf_add(r, m, type, value, len, v);
}

/* "type/subtype", with exactly one slash. */
static int
is_media_type(const char *s)
{
	const char	*slash = strchr(s, '/');

	return (slash != NULL && slash > s && slash[1] != '\0' &&
	    strchr(slash + 1, '/') == NULL);
}

/*
 * A word that is not a type, such as "text", is plain text to some readers,
 * and to others the most frequent type that begins with it.
 */
static void
type_guess(struct reading *r, struct mime_shared *m, const char *type,
    const char *value, size_t len, struct values *v)
{
	static const char *const	first[] = { "multipart/mixed",
	    "message/rfc822", "application/octet-stream" };
	size_t				i, n;

	type_take(r, m, "text/plain", value, len, v);
	for (i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		n = strcspn(first[i], "/");
		if (strncmp(type, first[i], n) == 0 &&
		    (type[n] == '\0' || type[n] == '/'))
			type_take(r, m, first[i], value, len, v);
	}
}

/* Content-Type: each head of the value with all of its parameters. */
static void
field_type(struct reading *r, struct mime_shared *m, const char *value,
    size_t len)
{
	struct values	*heads = values_new(m), *v = values_new(m);
	unsigned int	 i;

	names_of(r, m, value, len);
	if (heads != NULL && v != NULL) {
		if (mimeparam_heads(value, len, &heads->list) == -1)
			m->broken = 1;
		if (heads->list.past)
			mime_past_set(m, "a type that is too long");
		mime_work_add(m, len);
		for (i = 0; i < heads->list.n; i++)
			if (is_media_type(heads->v[i]))
				type_take(r, m, heads->v[i], value, len, v);
			else
				type_guess(r, m, heads->v[i], value, len, v);
		if (heads->list.n == 0)
			type_guess(r, m, "", value, len, v);
		values_again(m, v);
	}
	free(heads);
	free(v);
}

/* --- encodings */

/* An encoding that is not known leaves the octets as they are. */
static enum encoding
encoding_of(const char *word)
{
	return (strcmp(word, "base64") == 0 ? ENC_BASE64 :
	    strcmp(word, "quoted-printable") == 0 ? ENC_QP : ENC_NONE);
}

/* What some readers decode and this one does not. */
static int
is_uuencode(const char *word)
{
	return (strcmp(word, "x-uuencode") == 0 ||
	    strcmp(word, "uuencode") == 0 || strcmp(word, "x-uue") == 0 ||
	    strcmp(word, "uue") == 0);
}

/* The whole value, and each of its words that names an encoding. */
static void
field_encoding(struct reading *r, struct mime_shared *m, const char *value,
    size_t len)
{
	struct values	*v = values_new(m);
	unsigned int	 i;
	size_t		 at, n;

	if (v == NULL)
		return;
	r->head.has_encoding = 1;
	if (mimeparam_heads(value, len, &v->list) == -1)
		m->broken = 1;
	mime_work_add(m, len);
	for (i = 0; i < v->list.n; i++) {
		r->head.encoding[encoding_of(v->v[i])] = 1;
		if (is_uuencode(v->v[i]))
			mime_past_set(m, "an encoding that is not supported");
	}
	if (v->list.n == 0)
		r->head.encoding[ENC_NONE] = 1;
	for (at = 0; at < len; at += n + 1) {
		for (n = 0; at + n < len && (ascii_is_alnum(value[at + n]) ||
		    value[at + n] == '-'); n++)
			;
		if (ascii_equal(value + at, n, "base64"))
			r->head.encoding[ENC_BASE64] = 1;
		if (ascii_equal(value + at, n, "quoted-printable"))
			r->head.encoding[ENC_QP] = 1;
	}
	free(v);
}

/* --- fields */

/*
 * A field of the message itself, decoded; in both octet orders when it has an
 * unclear one.
 */
static void
field_tell(struct mime_shared *m, const char *name, const char *value,
    size_t len)
{
	char		*text;
	unsigned int	 seen = 0;

	if ((text = malloc(3 * len + 1)) == NULL) {
		m->broken = 1;
		return;
	}
	(void)mimeword_text_as(text, 3 * len + 1, value, len, 0, &seen);
	m->calls.field(name, text + strspn(text, " "), m->arg);
	if (seen & MIMEWORD_SEEN_ORDERS) {
		(void)mimeword_text_as(text, 3 * len + 1, value, len,
		    MIMEWORD_LITTLE, NULL);
		m->calls.field(name, text + strspn(text, " "), m->arg);
	}
	free(text);
}

/*
 * The field that is held.  again: it was read before, without the lines that
 * were joined to it.
 */
static void
field_read(struct reading *r, struct mime_shared *m, int top, int again)
{
	const char	*p;
	char		 name[FIELD_NAME_MAX];
	size_t		 len = buf_len(&r->head.field), n, at;

	if (len == 0)
		return;
	p = (const char *)buf_ptr(&r->head.field);
	if (hdrline_of(p, len, 0, &n, &at) != HDRLINE_FIELD ||
	    n >= sizeof(name))
		return;
	memcpy(name, p, n);
	name[n] = '\0';
	while (len > at && strchr("\r\n", p[len - 1]) != NULL &&
	    p[len - 1] != '\0')
		len--;
	mime_work_add(m, len);
	if (r->head.cut && ascii_begins(name, n, "Content-"))
		mime_past_set(m, "a field that is too long");
	p += at;
	len -= at;
	if (ascii_equal(name, n, "Content-Type"))
		field_type(r, m, p, len);
	else if (ascii_equal(name, n, "Content-Disposition"))
		names_of(r, m, p, len);
	else if (ascii_equal(name, n, "Content-Transfer-Encoding"))
		field_encoding(r, m, p, len);
	if (top && r->part.depth == 0 && !again && m->calls.field != NULL)
		field_tell(m, name, p, len);
}

/* The field that is held is complete. */
static void
field_end(struct reading *r, struct mime_shared *m, int top)
{
	field_read(r, m, top, r->head.joined);
	r->head.cut = r->head.joined = 0;
	buf_drain_keep(&r->head.field, buf_len(&r->head.field));
}

void
head_more(struct reading *r, struct mime_shared *m, const uint8_t *s,
    size_t len)
{
	struct head	*h = &r->head;

	if (buf_len(&h->field) == 0)
		return;
	if (buf_len(&h->field) + len > MIME_FIELD_MAX)
		h->cut = 1;
	else if (!h->cut && buf_add(&h->field, s, len) == -1)
		m->broken = 1;
}

int
head_line(struct reading *r, struct mime_shared *m, int top,
    const uint8_t *s, size_t len)
{
	struct head	*h = &r->head;
	size_t		 name, value;

	switch (hdrline_of(s, len, h->any, &name, &value)) {
	case HDRLINE_FOLD:
		head_more(r, m, s, len);
		return (1);
	case HDRLINE_FIELD:
		field_end(r, m, top);
		h->any = 1;
		if (buf_add(&h->field, s, len) == -1)
			m->broken = 1;
		return (1);
	case HDRLINE_EMPTY:
		field_end(r, m, top);
		return (-1);
	default:
		return (0);
	}
}

void
head_join(struct reading *r, struct mime_shared *m, int top,
    const uint8_t *s, size_t len)
{
	struct head	*h = &r->head;

	if (buf_len(&h->field) == 0)
		return;
	if (!h->joined)
		field_read(r, m, top, 0);
	h->joined = 1;
	head_more(r, m, (const uint8_t *)" ", 1);
	head_more(r, m, s, len);
}

/* --- all of it */

/*
 * Every type with every encoding.  A multipart counts once: its own encoding
 * changes nothing, because its parts have theirs.
 */
unsigned int
head_shapes(struct reading *r, struct mime_shared *m, int top, int digest,
    struct shape s[SHAPES_MAX])
{
	struct head	*h = &r->head;
	unsigned int	 i, e, n = 0;
	int		 leaf;

	field_end(r, m, top);
	if (h->ntypes == 0)
		type_add(r, m, digest ? "message/rfc822" : "text/plain", "",
		    "");
	if (!h->has_encoding)
		h->encoding[ENC_NONE] = 1;
	for (i = 0; i < h->ntypes; i++) {
		leaf = h->type[i].boundary[0] == '\0';
		for (e = 0; e < ENC_MAX; e++) {
			if (leaf ? !h->encoding[e] : e > 0)
				continue;
			if (n == SHAPES_MAX) {
				mime_past_set(m,
				    "it can be read in too many ways");
				return (n);
			}
			s[n] = h->type[i];
			s[n++].encoding = (enum encoding)e;
		}
	}
	return (n);
}
