/*
 * A message's header, field by field: see milter_head.h.
 */
#include <sys/types.h>

#include <errno.h>
#include <string.h>

#include "milter_head.h"

#define NONE	(-1)			/* the end of the message */
#define BROKEN	(-2)			/* the spool cannot be read */

void
milter_head_begin(struct milter_head *h, const struct spool *spool)
{
	h->spool = spool;
	h->at = 0;
	h->over = 0;
	h->from = h->to = 0;
}

/* The octet n after `at', which stays where it is. */
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

/* The octets up to the colon of a field that begins here; 0: it is none. */
static ssize_t
name_length(struct milter_head *h)
{
	size_t	n;
	int	c, blank = 0;

	for (n = 0; n < MSGEDIT_HELD; n++) {
		if ((c = peek(h, n)) == BROKEN)
			return (-1);
		if (c == ':')
			return ((ssize_t)n);
		if (n > 0 && (c == ' ' || c == '\t'))
			blank = 1;
		else if (blank || c <= ' ' || c > '~')
			return (0);
	}
	return (0);
}

/* The value, its last CRLF not; -1, -2 as above: what does not fit is passed
 * over, so that the next field is found. */
static ssize_t
take_value(struct milter_head *h, uint8_t *dst, size_t room)
{
	size_t	len = 0;
	int	c, next, over = 0;

	for (;;) {
		if ((c = peek(h, 0)) == BROKEN)
			return (-1);
		if (c == NONE)
			return (over ? -2 : (ssize_t)len);
		if (c == '\r' && peek(h, 1) == '\n') {
			skip(h, 1);
			continue;
		}
		skip(h, 1);
		if (c == '\n') {
			if ((next = peek(h, 0)) == BROKEN)
				return (-1);
			if (next != ' ' && next != '\t')
				return (over ? -2 : (ssize_t)len);
		}
		over |= len == room;
		/* (NUL cannot come from a client; a string would end there) */
		if (!over)
			dst[len++] = c == '\0' ? '?' : (uint8_t)c;
	}
}

ssize_t
milter_head_next(struct milter_head *h, uint8_t *dst, size_t room, int space)
{
	ssize_t	n, len;
	size_t	i;

	if (h->over)
		return (0);
	if ((n = name_length(h)) == -1)
		return (-1);
	if (n == 0) {
		h->over = 1;
		if (peek(h, 0) == '\r' && peek(h, 1) == '\n')
			skip(h, 2);
		return (0);
	}
	if ((size_t)n + 2 > room)
		return (-2);
	for (i = 0; i < (size_t)n; i++)
		dst[i] = (uint8_t)peek(h, i);
	skip(h, (size_t)n + 1);
	while (i > 0 && (dst[i - 1] == ' ' || dst[i - 1] == '\t'))
		i--;
	dst[i++] = '\0';
	if (!space && peek(h, 0) == ' ')
		skip(h, 1);
	if ((len = take_value(h, dst + i, room - i - 1)) < 0)
		return (len);
	i += (size_t)len;
	dst[i++] = '\0';
	return ((ssize_t)i);
}

uint64_t
milter_head_body(const struct milter_head *h)
{
	return (h->at);
}
