/*
 * MIME, see mime.h: lines to headers, parts and their octets.  A boundary
 * counts at the beginning of a line that is no longer than LINE_HELD; parts
 * end where any boundary above theirs stands.  A message in a message whose
 * octets are encoded has a parser of its own.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "mime.h"
#include "mimeword.h"

#define LINE_HELD	1000
#define BOUNDARY_MAX	256
#define DEPTH_MAX	100		/* whatever the limits say */
#define FIELD_NAME_MAX	128

enum encoding { ENC_NONE, ENC_BASE64, ENC_QP };

/* A multipart that is open; its parts are one deeper. */
struct level {
	char		 boundary[BOUNDARY_MAX];
	size_t		 len;
	size_t		 word;		/* of it, up to a blank or comment */
	unsigned int	 depth;		/* of its parts */
	int		 digest;	/* they are messages, if nothing is said */
};

struct mime {
	struct mime_limits	 limits;
	struct mime_calls	 calls;
	void			*arg;
	unsigned int		 base;		/* depth of the outermost */
	unsigned int		*nparts;	/* of all of the message */
	unsigned int		 parts;
	const char		*past;
	int			 broken;	/* no memory */
	struct level		*level;
	unsigned int		 nlevels;
	struct mime_part	 part;
	int			 in_header;
	int			 open;		/* the part has been told */
	int			 octets;	/* its octets are data */
	enum encoding		 encoding;
	struct b64		 b64;
	struct qp		 qp;
	struct mime		*inner;		/* an encoded message in it */
	struct buf		 field;		/* name, colon, value, folds */
	int			 has_type;
	int			 cut;		/* the field was too long */
	int			 stray;		/* the header ended without an empty
						   line, and none came yet */
	uint8_t			 line[LINE_HELD];
	size_t			 nline;
	int			 rest;		/* of a line that is too long */
};

struct mime *
mime_new(const struct mime_limits *limits, const struct mime_calls *calls,
    void *arg)
{
	struct mime	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->limits = *limits;
	if (m->limits.depth > DEPTH_MAX)
		m->limits.depth = DEPTH_MAX;
	m->calls = *calls;
	m->arg = arg;
	m->nparts = &m->parts;
	m->in_header = 1;
	snprintf(m->part.type, sizeof(m->part.type), "text/plain");
	return (m);
}

void
mime_free(struct mime *m)
{
	if (m == NULL)
		return;
	mime_free(m->inner);
	buf_free(&m->field);
	free(m->level);
	free(m);
}

const char *
mime_past(const struct mime *m)
{
	return (m->past);
}

static void
past(struct mime *m, const char *what)
{
	if (m->past == NULL)
		m->past = what;
}

/* --- a part's octets */

static void
part_octets(struct mime *m, const uint8_t *s, size_t len)
{
	if (len == 0)
		return;
	if (m->inner != NULL) {
		if (mime_feed(m->inner, s, len) == -1)
			m->broken = 1;
		if (m->inner->past != NULL)
			past(m, m->inner->past);
	} else if (m->calls.data != NULL)
		m->calls.data(&m->part, s, len, m->arg);
}

static void
part_data(struct mime *m, const uint8_t *s, size_t len)
{
	uint8_t	out[LINE_HELD + 4];

	if (!m->octets)
		return;
	if (m->encoding == ENC_BASE64)
		part_octets(m, out, b64_decode(&m->b64, s, len, out));
	else if (m->encoding == ENC_QP)
		part_octets(m, out, qp_decode(&m->qp, s, len, out));
	else
		part_octets(m, s, len);
}

static void
part_end(struct mime *m)
{
	uint8_t	out[4];

	if (!m->open)
		return;
	if (m->octets && m->encoding == ENC_QP)
		part_octets(m, out, qp_decode(&m->qp, NULL, 0, out));
	if (m->inner != NULL) {
		(void)mime_finish(m->inner);
		mime_free(m->inner);
		m->inner = NULL;
	}
	if (m->calls.end != NULL)
		m->calls.end(&m->part, m->arg);
	m->open = m->octets = 0;
}

/* --- a part's header */

static void
header_begin(struct mime *m, unsigned int depth, int message)
{
	memset(&m->part, 0, sizeof(m->part));
	m->part.depth = depth;
	snprintf(m->part.type, sizeof(m->part.type), "%s", message ?
	    "message/rfc822" : "text/plain");
	m->encoding = ENC_NONE;
	memset(&m->b64, 0, sizeof(m->b64));
	memset(&m->qp, 0, sizeof(m->qp));
	m->in_header = 1;
	m->has_type = m->cut = m->stray = 0;
	buf_drain_keep(&m->field, buf_len(&m->field));
}

/* Where there are so many that one may not have been looked at, nobody knows
 * what it is. */
static void
names_of(struct mime *m, const char *value, size_t len, const char *parameter)
{
	m->part.nnames += mimeparam_get(value, len, parameter,
	    m->part.name + m->part.nnames, MIME_NAMES - m->part.nnames);
	if (m->part.nnames == MIME_NAMES)
		past(m, "too many names");
}

/* Blanks at the end are no part of a boundary, in its line they do not count
 * either. */
static void
level_open(struct mime *m, const char *boundary)
{
	struct level	*l;
	size_t		 len;

	for (len = strlen(boundary); len > 0 && (boundary[len - 1] == ' ' ||
	    boundary[len - 1] == '\t'); len--)
		;
	if (len == 0)
		return;
	if (len >= BOUNDARY_MAX) {
		past(m, "a boundary that is too long");
		return;
	}
	if (m->part.depth >= m->limits.depth) {
		past(m, "nested too deeply");
		return;
	}
	l = reallocarray(m->level, m->nlevels + 1, sizeof(*l));
	if (l == NULL) {
		m->broken = 1;
		return;
	}
	m->level = l;
	l += m->nlevels++;
	memcpy(l->boundary, boundary, len);
	l->len = len;
	for (l->word = 0; l->word < len && strchr(" \t(",
	    boundary[l->word]) == NULL; l->word++)
		;
	l->depth = m->part.depth + 1;
	l->digest = strcmp(m->part.type, "multipart/digest") == 0;
}

/* The first one counts, as for most readers of mail; the parts and the names
 * of another one are seen by others. */
static void
field_type(struct mime *m, const char *value, size_t len)
{
	char	list[1][MIME_NAME_MAX], boundary[MIME_NAME_MAX];
	char	type[MIME_TYPE_MAX];
	unsigned int n;

	if (m->has_type) {
		names_of(m, value, len, "name");
		mimeparam_head(value, len, type, sizeof(type));
		if (!m->part.multipart &&
		    strncmp(type, "multipart/", 10) == 0 &&
		    mimeparam_raw(value, len, "boundary", boundary))
			level_open(m, boundary);
		return;
	}
	m->has_type = 1;
	mimeparam_head(value, len, m->part.type, sizeof(m->part.type));
	names_of(m, value, len, "name");
	if (mimeparam_get(value, len, "charset", list, 1) == 1)
		snprintf(m->part.charset, sizeof(m->part.charset), "%.31s",
		    list[0]);
	if (strncmp(m->part.type, "multipart/", 10) == 0 &&
	    mimeparam_raw(value, len, "boundary", boundary)) {
		n = m->nlevels;
		level_open(m, boundary);
		m->part.multipart = m->nlevels > n;
	}
}

static void
field_encoding(struct mime *m, const char *value, size_t len)
{
	char	word[32];

	mimeparam_head(value, len, word, sizeof(word));
	m->encoding = strcmp(word, "base64") == 0 ? ENC_BASE64 :
	    strcmp(word, "quoted-printable") == 0 ? ENC_QP : ENC_NONE;
}

static void
field_tell(struct mime *m, const char *name, const char *value, size_t len)
{
	char	*text;

	if ((text = malloc(3 * len + 1)) == NULL) {
		m->broken = 1;
		return;
	}
	(void)mimeword_text(text, 3 * len + 1, value, len);
	m->calls.field(name, text + strspn(text, " "), m->arg);
	free(text);
}

/* The field that is held is whole. */
static void
field_end(struct mime *m)
{
	const char	*p, *colon;
	char		 name[FIELD_NAME_MAX];
	size_t		 len = buf_len(&m->field), n;

	if (len == 0)
		return;
	p = (const char *)buf_ptr(&m->field);
	colon = memchr(p, ':', len);
	n = (size_t)(colon - p);
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	len -= (size_t)(colon + 1 - p);
	while (len > 0 && strchr("\r\n", colon[len]) != NULL)
		len--;
	if (n < sizeof(name)) {
		memcpy(name, p, n);
		name[n] = '\0';
		if (m->cut && strncasecmp(name, "Content-", 8) == 0)
			past(m, "a field that is too long");
		if (strcasecmp(name, "Content-Type") == 0)
			field_type(m, colon + 1, len);
		else if (strcasecmp(name, "Content-Disposition") == 0)
			names_of(m, colon + 1, len, "filename");
		else if (strcasecmp(name, "Content-Transfer-Encoding") == 0)
			field_encoding(m, colon + 1, len);
		if (m->part.depth == 0 && m->base == 0 &&
		    m->calls.field != NULL)
			field_tell(m, name, colon + 1, len);
	}
	m->cut = 0;
	buf_drain_keep(&m->field, buf_len(&m->field));
}

/* More of it: a fold, or the rest of a long line. */
static void
field_more(struct mime *m, const uint8_t *s, size_t len)
{
	if (buf_len(&m->field) + len > MIME_FIELD_MAX)
		m->cut = 1;
	else if (!m->cut && buf_add(&m->field, s, len) == -1)
		m->broken = 1;
}

/* What an encoded message in a message needs. */
static void
inner_open(struct mime *m)
{
	if (m->part.depth >= m->limits.depth) {
		past(m, "nested too deeply");
		return;
	}
	m->inner = mime_new(&m->limits, &m->calls, m->arg);
	if (m->inner == NULL) {
		m->broken = 1;
		return;
	}
	m->inner->base = m->inner->part.depth = m->part.depth + 1;
	m->inner->nparts = m->nparts;
}

static void
header_end(struct mime *m)
{
	int	message;

	field_end(m);
	m->in_header = 0;
	m->open = 1;
	if (++*m->nparts > m->limits.parts)
		past(m, "too many parts");
	if (m->calls.part != NULL)
		m->calls.part(&m->part, m->arg);
	m->octets = !m->part.multipart;
	message = strcmp(m->part.type, "message/rfc822") == 0 ||
	    strcmp(m->part.type, "message/global") == 0;
	if (!message)
		return;
	if (m->encoding != ENC_NONE)
		inner_open(m);
	else if (m->part.depth >= m->limits.depth)
		past(m, "nested too deeply");
	else {
		unsigned int	depth = m->part.depth + 1;

		part_end(m);
		header_begin(m, depth, 0);
	}
}

/* A line of a header: 0 if it was none. */
static int
header_line(struct mime *m, const uint8_t *s, size_t len)
{
	size_t	i;

	if (len == 0 || s[0] == '\n' || (s[0] == '\r' && len > 1 &&
	    s[1] == '\n')) {
		header_end(m);
		return (1);
	}
	if ((s[0] == ' ' || s[0] == '\t') && buf_len(&m->field) > 0) {
		field_more(m, s, len);
		return (1);
	}
	field_end(m);
	for (i = 0; i < len && s[i] > ' ' && s[i] < 0x7f && s[i] != ':'; i++)
		;
	while (i > 0 && i < len && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (i == 0 || i == len || s[i] != ':') {
		header_end(m);
		return (0);
	}
	if (buf_add(&m->field, s, len) == -1)
		m->broken = 1;
	return (1);
}

/*
 * A line after a header that ended at a line which is no field: some read on
 * there, and see types and names in what comes before the empty line.
 */
static void
stray_line(struct mime *m, const uint8_t *s, size_t len)
{
	if (s[0] == '\n' || (s[0] == '\r' && len > 1 && s[1] == '\n'))
		m->stray = 0;
	else if (len > 8 && strncasecmp((const char *)s, "Content-", 8) == 0 &&
	    memchr(s, ':', len) != NULL)
		past(m, "a header that is broken");
}

/* --- lines */

/* Is the line a boundary that is open?  Its level, -1 none; *closes. */
static int
boundary_of(const struct mime *m, const uint8_t *s, size_t len, int *closes)
{
	const struct level	*l;
	unsigned int		 i;
	size_t			 n;

	while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL &&
	    s[len - 1] != '\0')
		len--;
	if (len < 2 || s[0] != '-' || s[1] != '-')
		return (-1);
	n = len - 2;
	for (i = m->nlevels; i > 0; i--) {
		l = &m->level[i - 1];
		/* (to some that is all of it) */
		if (n > 0 && n == l->word && memcmp(s + 2, l->boundary, n) == 0)
			return ((int)i - 1);
		if (n < l->len || memcmp(s + 2, l->boundary, l->len) != 0)
			continue;
		*closes = n == l->len + 2 && memcmp(s + 2 + l->len, "--",
		    2) == 0;
		if (n == l->len || *closes)
			return ((int)i - 1);
	}
	return (-1);
}

/* A whole line with its end, or a piece of a long one. */
static void
line_take(struct mime *m, const uint8_t *s, size_t len, int begins)
{
	int	level, closes = 0;

	if (begins && len >= 2 && s[0] == '-' &&
	    (level = boundary_of(m, s, len, &closes)) >= 0) {
		if (m->in_header)
			header_end(m);
		part_end(m);
		m->nlevels = (unsigned int)level + (closes ? 0 : 1);
		if (!closes)
			header_begin(m, m->level[level].depth,
			    m->level[level].digest);
		return;
	}
	if (m->in_header) {
		if (begins) {
			if (header_line(m, s, len))
				return;
			/* The header's end was no empty line. */
			m->stray = 1;
			if (m->in_header)
				(void)header_line(m, (const uint8_t *)"\n", 1);
		} else {
			if (buf_len(&m->field) > 0)
				field_more(m, s, len);
			return;
		}
	} else if (m->stray && begins)
		stray_line(m, s, len);
	part_data(m, s, len);
}

int
mime_feed(struct mime *m, const uint8_t *s, size_t len)
{
	const uint8_t	*eol;
	size_t		 n;

	while (len > 0 && !m->broken) {
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
	return (m->broken ? -1 : 0);
}

int
mime_finish(struct mime *m)
{
	if (m->nline > 0)
		line_take(m, m->line, m->nline, !m->rest);
	m->nline = 0;
	if (m->in_header)
		header_end(m);
	part_end(m);
	return (m->broken ? -1 : 0);
}
