/*
 * HTTP/1.x replies: see httpreply.h.  Everything that two readers could read in
 * two ways (two lengths, a length and chunks, folded lines) is refused.  The
 * whole reply is parsed again from its beginning each time more of it has come,
 * which is simple and cheap enough for replies of this size.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "spamgreyd/modules/rspamd/httpreply.h"

/* Bytes of a line, lines of a head, bytes of a line with a chunk's size. */
#define LINE_LEN	8192
#define LINES		100
#define CHUNK_LINE	256

struct head {
	int	 status, has_length, chunked;
	size_t	 length;
};

/*
 * Takes one line without its end.  Returns 1, 0 if it is not complete, -1 if it
 * is too long or contains a NUL.
 */
static int
line_take(const uint8_t *p, size_t len, size_t *at, size_t max,
    const uint8_t **line, size_t *n)
{
	const uint8_t	*nl = memchr(p + *at, '\n', len - *at);

	*line = p + *at;
	*n = nl == NULL ? len - *at : (size_t)(nl - *line);
	if (*n >= max)
		return (-1);
	if (nl == NULL)
		return (0);
	*at += *n + 1;
	if (*n > 0 && (*line)[*n - 1] == '\r')
		(*n)--;
	return (memchr(*line, '\0', *n) == NULL ? 1 : -1);
}

static int
is(const uint8_t *p, size_t n, const char *word)
{
	return (ascii_equal((const char *)p, n, word));
}

/*
 * Parses "HTTP/1.1 200 OK".  Only final replies are accepted: an interim one
 * (1xx) is an error.
 */
static int
status_line(const uint8_t *p, size_t n, int *status)
{
	size_t	i;

	if (n < 12 || memcmp(p, "HTTP/1.", 7) != 0 ||
	    (p[7] != '0' && p[7] != '1') || p[8] != ' ')
		return (-1);
	for (*status = 0, i = 9; i < 12; i++) {
		if (!ascii_is_digit(p[i]))
			return (-1);
		*status = *status * 10 + (p[i] - '0');
	}
	return ((n == 12 || p[12] == ' ') && *status >= 200 ? 0 : -1);
}

/*
 * Returns NULL, or what is wrong with a Content-Length.  Two equal ones are
 * accepted.
 */
static const char *
length(const uint8_t *p, size_t n, struct head *h)
{
	size_t	i, v = 0;

	for (i = 0; i < n; i++) {
		if (!ascii_is_digit(p[i]))
			return ("its Content-Length is not a number");
		if ((v = v * 10 + (size_t)(p[i] - '0')) > HTTP_BODY_MAX)
			return ("its reply is too long");
	}
	if (n == 0 || (h->has_length && h->length != v))
		return ("its Content-Length is not a number");
	h->has_length = 1;
	h->length = v;
	return (NULL);
}

/*
 * Parses one header field; most are ignored.  Returns NULL, or what is wrong
 * with it: folded lines, encodings other than chunked, compressed bodies.
 */
static const char *
field(const uint8_t *p, size_t n, struct head *h)
{
	const uint8_t	*colon = memchr(p, ':', n), *v;
	size_t		 name, len;

	if (colon == NULL || colon == p || *p == ' ' || *p == '\t')
		return ("a line of its reply is not a header field");
	name = (size_t)(colon - p);
	v = colon + 1;
	len = n - name - 1;
	for (; len > 0 && (*v == ' ' || *v == '\t'); v++)
		len--;
	for (; len > 0 && (v[len - 1] == ' ' || v[len - 1] == '\t'); len--)
		;
	if (is(p, name, "Content-Length"))
		return (length(v, len, h));
	if (!is(p, name, "Transfer-Encoding"))
		return (is(p, name, "Content-Encoding") &&
		    !is(v, len, "identity") ? "its reply is encoded" : NULL);
	if (h->chunked || !is(v, len, "chunked"))
		return ("its Transfer-Encoding is unknown");
	h->chunked = 1;
	return (NULL);
}

/*
 * Parses the status line and all fields.  Returns 1 with *at behind the empty
 * line, 0 if it is not complete, -1 and *why.
 */
static int
head_parse(const uint8_t *p, size_t len, size_t *at, struct head *h,
    const char **why)
{
	const uint8_t	*line;
	size_t		 n;
	int		 i, got;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < LINES; i++) {
		if ((got = line_take(p, len, at, LINE_LEN, &line, &n)) == 0)
			return (0);
		*why = "a line of its reply is too long or not text";
		if (got == -1)
			return (-1);
		*why = "it does not speak HTTP";
		if (i == 0 && status_line(line, n, &h->status) == -1)
			return (-1);
		if (i > 0 && n == 0) {
			*why = "its reply has two lengths";
			return (h->chunked && h->has_length ? -1 : 1);
		}
		if (i > 0 && (*why = field(line, n, h)) != NULL)
			return (-1);
	}
	*why = "its reply has too many lines";
	return (-1);
}

/*
 * Parses the size of a chunk, "1a3f;extension".  Seven hexadecimal digits are
 * more than HTTP_BODY_MAX needs.  Returns -1 if it is not a number.
 */
static int
chunk_size(const uint8_t *p, size_t n, size_t *size)
{
	size_t	i;
	int	v;

	for (*size = 0, i = 0; i < n && i < 7; i++) {
		if ((v = ascii_hex(p[i])) == -1)
			break;
		*size = *size * 16 + (size_t)v;
	}
	return (i > 0 && (i == n || p[i] == ';' || p[i] == ' ') ? 0 : -1);
}

/*
 * Reads the fields that may follow the last chunk up to the empty line, which
 * must be the end of the reply.  Returns 1, 0 or -1 as line_take does.
 */
static int
trailer(const uint8_t *p, size_t len, size_t at)
{
	const uint8_t	*line;
	size_t		 n;
	int		 i, got;

	for (i = 0; i < LINES; i++) {
		got = line_take(p, len, &at, LINE_LEN, &line, &n);
		if (got != 1)
			return (got);
		if (n == 0)
			return (at == len ? 1 : -1);
	}
	return (-1);
}

/*
 * Reads the chunks and adds them to body unless it is NULL.  Returns 1 if all
 * are there, 0 if more is needed, -1 if they are malformed or there is no
 * memory.
 */
static int
chunks(const uint8_t *p, size_t len, size_t at, struct buf *body)
{
	const uint8_t	*line;
	size_t		 n, size, sum = 0;
	int		 got;

	for (;;) {
		got = line_take(p, len, &at, CHUNK_LINE, &line, &n);
		if (got != 1)
			return (got);
		if (chunk_size(line, n, &size) == -1 ||
		    (sum += size) > HTTP_BODY_MAX)
			return (-1);
		if (size == 0)
			return (trailer(p, len, at));
		if (len - at < size + 2)
			return (0);
		if (p[at + size] != '\r' || p[at + size + 1] != '\n')
			return (-1);
		if (body != NULL && buf_add(body, p + at, size) == -1)
			return (-1);
		at += size + 2;
	}
}

/*
 * Without a length and without chunks the body ends with the connection (eof).
 */
int
http_parse(const uint8_t *p, size_t len, int eof, int *status,
    struct buf *body, const char **why)
{
	struct head	h;
	size_t		at = 0, n;
	int		got;

	got = head_parse(p, len, &at, &h, why);
	if (got == 1) {
		n = len - at;
		*status = h.status;
		*why = "its chunks are malformed";
		if (h.chunked)
			got = chunks(p, len, at, body);
		else if (n > (h.has_length ? h.length : HTTP_BODY_MAX)) {
			*why = "its reply is longer than it says";
			got = -1;
		} else
			got = h.has_length ? n == h.length : eof;
		if (got == 1 && !h.chunked && body != NULL && n > 0 &&
		    buf_add(body, p + at, n) == -1) {
			*why = "out of memory";
			got = -1;
		}
	}
	if (got == 0 && eof) {
		*why = "its reply is incomplete";
		got = -1;
	}
	return (got);
}
