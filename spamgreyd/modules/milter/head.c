/*
 * Reads a message's header field by field: see head.h.  The spool is read
 * through a window of MILTER_WINDOW bytes, so that the length of a field does
 * not matter.
 */
#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include "lib/mime/hdrline.h"
#include "spamgreyd/modules/milter/head.h"

#define NONE	(-1)			/* the end of the message */
#define BROKEN	(-2)			/* the spool cannot be read */

void
milter_head_begin(struct milter_head *h, const struct spool *spool)
{
	h->spool = spool;
	h->at = 0;
	h->over = h->field = h->passing = 0;
	h->from = h->to = 0;
}

/*
 * Returns the byte n after `at' without taking it, or NONE or BROKEN. n must be
 * below MILTER_WINDOW; beyond the window it returns NONE.
 */
static int
peek(struct milter_head *h, size_t n)
{
	ssize_t	got;

	if (h->from + n < h->to)
		return (h->window[h->from + n]);
	memmove(h->window, h->window + h->from, h->to - h->from);
	h->to -= h->from;
	h->from = 0;
	got = spool_read(h->spool, h->at + h->to, h->window + h->to,
	    sizeof(h->window) - h->to);
	if (got < 0)
		return (BROKEN);
	h->to += (size_t)got;
	return (n < h->to ? h->window[n] : NONE);
}

static void
skip(struct milter_head *h, size_t n)
{
	h->from += n;
	h->at += n;
}

/*
 * Returns the length up to the colon of the field that begins here, 0 if there
 * is no field (the header has ended), -1 with errno.
 */
static ssize_t
name_length(struct milter_head *h)
{
	struct hdrline		line;
	enum hdrline_kind	kind = HDRLINE_MORE;
	size_t			n;
	int			c;

	hdrline_begin(&line, h->field);
	for (n = 0; kind == HDRLINE_MORE; n++) {
		if ((c = peek(h, n)) == BROKEN)
			return (-1);
		if (c == NONE)
			return (0);
		kind = hdrline_octet(&line, (uint8_t)c);
	}
	return (kind == HDRLINE_FIELD ? (ssize_t)n - 1 : 0);
}

/*
 * Takes up to len bytes of the value, without the CR of line ends.  dst NULL:
 * they are thrown away.  Returns 1 if the value has ended, 0 if not, -1 with
 * errno.
 */
static int
take_value(struct milter_head *h, uint8_t *dst, size_t len, size_t *taken)
{
	int	c, next;

	for (*taken = 0; *taken < len;) {
		if ((c = peek(h, 0)) == BROKEN)
			return (-1);
		if (c == NONE)
			return (1);
		skip(h, 1);
		if (c == '\r' && peek(h, 0) == '\n')
			continue;
		if (c == '\n') {
			if ((next = peek(h, 0)) == BROKEN)
				return (-1);
			if (next != ' ' && next != '\t')
				return (1);
		}
		/*
		 * NUL cannot come from a client, but if it did, a string would
		 * end there.
		 */
		if (dst != NULL)
			dst[*taken] = c == '\0' ? '?' : (uint8_t)c;
		(*taken)++;
	}
	return (0);
}

/*
 * Skips a field that does not fit, so that the next one is found.  It does so
 * in several calls, because a field may be as long as the message.
 */
static ssize_t
pass_over(struct milter_head *h)
{
	size_t	n;
	int	r;

	h->passing = 1;
	if ((r = take_value(h, NULL, MILTER_PASSED, &n)) == -1)
		return (-1);
	h->passing = r == 0;
	return (r == 0 ? -3 : -2);
}

ssize_t
milter_head_next(struct milter_head *h, uint8_t *dst, size_t room, int space)
{
	ssize_t	n;
	size_t	i, len;
	int	r;

	if (h->over)
		return (0);
	if (h->passing)
		return (pass_over(h));
	if ((n = name_length(h)) == -1)
		return (-1);
	if (n == 0) {
		h->over = 1;
		if (peek(h, 0) == '\r' && peek(h, 1) == '\n')
			skip(h, 2);
		else if (peek(h, 0) == '\n')
			skip(h, 1);
		return (0);
	}
	h->field = 1;
	if ((size_t)n + 2 > room) {
		skip(h, (size_t)n + 1);
		return (pass_over(h));
	}
	for (i = 0; i < (size_t)n; i++)
		dst[i] = (uint8_t)peek(h, i);
	skip(h, (size_t)n + 1);
	while (i > 0 && (dst[i - 1] == ' ' || dst[i - 1] == '\t'))
		i--;
	dst[i++] = '\0';
	if (!space && peek(h, 0) == ' ')
		skip(h, 1);
	/* A value that fills the room completely has no place for its NUL. */
	if ((r = take_value(h, dst + i, room - i, &len)) == -1)
		return (-1);
	if (r == 0)
		return (pass_over(h));
	i += len;
	dst[i++] = '\0';
	return ((ssize_t)i);
}

uint64_t
milter_head_body(const struct milter_head *h)
{
	return (h->at);
}
