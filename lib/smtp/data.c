/*
 * The body of DATA; see data.h.  Pure functions: no memory of their own,
 * no input and output.  The wire is cut at line feeds by memchr(3).  Ordinary
 * lines are copied together, others one at a time; single octets are looked at
 * only where such a line begins or a piece ends.
 */
#include <string.h>

#include "lib/smtp/data.h"

enum in_state {
	IN_BOL,		/* after CRLF of the client's own, or at the start */
	IN_LINE,	/* in a line, or after a bare LF: a dot is a dot */
	IN_CR,		/* a CR is kept back: of a CRLF, or bare? */
	IN_DOT,		/* a dot where a line begins is kept back */
	IN_DOT_CR	/* ".\r" is: the end, or not? */
};

enum out_state {
	OUT_BOL,	/* a dot that comes now begins a line */
	OUT_LINE,
	OUT_CR		/* the last octet was a CR */
};

/* Writes CRLF. */
static size_t
data_line_end(struct smtpdata_in *s, uint8_t *out)
{
	out[0] = '\r';
	out[1] = '\n';
	s->lines++;
	return (2);
}

/*
 * One octet that only its predecessor explains.  *used: whether it was taken;
 * an octet that was not is looked at again in the new state.  Returns how many
 * octets were written.
 */
static size_t
decode_edge(struct smtpdata_in *s, uint8_t c, uint8_t *out, size_t *used,
    int *end)
{
	size_t	n = 0;

	*used = 1;
	switch (s->state) {
	case IN_BOL:
		if (c == '.')
			s->state = IN_DOT;
		else {
			s->state = IN_LINE;
			*used = 0;
		}
		return (0);
	case IN_DOT:
		if (c == '\r') {
			s->state = IN_DOT_CR;
			return (0);
		}
		*used = 0;	/* the dot itself is gone */
		if (c == '.')
			s->dots = 1;
		s->state = IN_LINE;
		return (0);
	case IN_DOT_CR:
		if (c == '\n') {
			s->state = IN_BOL;
			*end = 1;
			return (0);
		}
		break;
	default:
		if (c == '\n') {
			n = data_line_end(s, out);
			s->state = IN_BOL;
			return (n);
		}
		break;
	}
	/* So the CR that was kept back is a bare one. */
	*used = 0;
	s->bare_cr = 1;
	s->state = IN_LINE;
	out[0] = ' ';
	return (1);
}

/* Copies what has no LF, each CR as a space. */
static void
copy_line(struct smtpdata_in *s, uint8_t *out, const uint8_t *in, size_t len)
{
	uint8_t	*p;

	memcpy(out, in, len);
	for (p = out; (p = memchr(p, '\r', len - (size_t)(p - out))) != NULL;
	    p++) {
		*p = ' ';
		s->bare_cr = 1;
	}
}

/*
 * The rest of a line, up to its LF (NULL: it goes on after the piece).  A CR
 * at the end of the piece is kept back until it is known what follows it.
 */
static size_t
decode_line(struct smtpdata_in *s, const uint8_t *in, const uint8_t *lf,
    size_t len, uint8_t *out, size_t *used)
{
	size_t	n;

	n = lf == NULL ? len : (size_t)(lf - in);
	*used = lf == NULL ? len : n + 1;
	if (n > 0 && in[n - 1] == '\r') {
		n--;
		s->state = lf == NULL ? IN_CR : IN_BOL;
	} else if (lf != NULL) {
		s->bare_lf = s->dots = 1;
		s->state = IN_LINE;
	}
	copy_line(s, out, in, n);
	if (lf != NULL)
		n += data_line_end(s, out + n);
	return (n);
}

/*
 * Returns how many octets, from the beginning of a line on, are whole lines
 * that stay as they are: none begins with a dot, and each has one CR and one
 * LF, at its end.
 */
static size_t
plain_lines(struct smtpdata_in *s, const uint8_t *in, size_t len)
{
	const uint8_t	*p = in, *end = in + len, *lf;

	while (p < end && *p != '.' &&
	    (lf = memchr(p, '\n', (size_t)(end - p))) != NULL && lf > p &&
	    lf[-1] == '\r' &&
	    memchr(p, '\r', (size_t)(lf - 1 - p)) == NULL) {
		p = lf + 1;
		s->lines++;
	}
	return ((size_t)(p - in));
}

/*
 * The place of the next LF is kept while single octets are decoded, so that no
 * octet is searched more often than twice.
 */
size_t
smtpdata_decode(struct smtpdata_in *s, const uint8_t *in, size_t len,
    uint8_t *out, size_t *outlen, int *end)
{
	const uint8_t	*lf = NULL;
	size_t		 at = 0, n = 0, used;
	int		 no_more = 0;

	*end = 0;
	while (at < len && !*end) {
		if (s->state == IN_BOL &&
		    (used = plain_lines(s, in + at, len - at)) > 0) {
			memcpy(out + n, in + at, used);
			n += used;
			at += used;
			continue;
		}
		if (s->state != IN_LINE) {
			n += decode_edge(s, in[at], out + n, &used, end);
			at += used;
			continue;
		}
		if (!no_more && (lf == NULL || lf < in + at)) {
			lf = memchr(in + at, '\n', len - at);
			no_more = lf == NULL;
		}
		n += decode_line(s, in + at, lf, len - at, out + n, &used);
		at += used;
	}
	if (!s->nul && at > 0 && memchr(in, '\0', at) != NULL)
		s->nul = 1;
	*outlen = n;
	return (at);
}

/* A run goes out in one copy, up to where a dot has to be put in. */
size_t
smtpdata_encode(struct smtpdata_out *s, const uint8_t *in, size_t len,
    uint8_t *out)
{
	const uint8_t	*p = in, *end = in + len, *from = in;
	size_t		 n = 0;

	if (len == 0)
		return (0);
	if (s->state == OUT_BOL && *in == '.')
		out[n++] = '.';
	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL &&
	    ++p < end) {
		if (*p != '.')
			continue;
		memcpy(out + n, from, (size_t)(p - from));
		n += (size_t)(p - from);
		out[n++] = '.';
		from = p;
	}
	memcpy(out + n, from, (size_t)(end - from));
	n += (size_t)(end - from);
	s->state = end[-1] == '\n' ? OUT_BOL :
	    end[-1] == '\r' ? OUT_CR : OUT_LINE;
	return (n);
}

/* A CR that was the last octet is completed to CRLF. */
size_t
smtpdata_finish(struct smtpdata_out *s, uint8_t *out)
{
	const char	*text;
	size_t		 n;

	text = s->state == OUT_BOL ? ".\r\n" :
	    s->state == OUT_CR ? "\n.\r\n" : "\r\n.\r\n";
	n = strlen(text);
	memcpy(out, text, n);
	s->state = OUT_BOL;
	return (n);
}
