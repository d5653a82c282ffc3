/*
 * The growing byte buffer; see buf.h.  Memory doubles, and bytes are moved to
 * the front only when at least half of the buffer has been read, so that
 * adding and draining stay linear however they are mixed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

#define BUF_MIN		64

/*
 * Three ways to make room, the cheapest first: there is room at the end;
 * moving the unread bytes to the front makes room; more memory is needed.
 */
void *
buf_reserve(struct buf *b, size_t n)
{
	size_t	 len, size;
	uint8_t	*p;

	if (b->data != NULL && b->size - b->end >= n)
		return (b->data + b->end);
	len = buf_len(b);
	if (n > SIZE_MAX / 4 || len > SIZE_MAX / 4) {
		errno = ENOMEM;
		return (NULL);
	}
	if (b->data != NULL && b->start >= len && b->size - len >= n) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = len;
		return (b->data + b->end);
	}
	size = b->size == 0 ? BUF_MIN : b->size;
	while (size - len < n)
		size *= 2;
	if (b->start == 0) {
		if ((p = realloc(b->data, size)) == NULL)
			return (NULL);
	} else {
		/* Not realloc: it would copy what has been read, too. */
		if ((p = malloc(size)) == NULL)
			return (NULL);
		memcpy(p, b->data + b->start, len);
		free(b->data);
	}
	b->data = p;
	b->size = size;
	b->start = 0;
	b->end = len;
	return (b->data + b->end);
}

void
buf_grew(struct buf *b, size_t n)
{
	b->end += n;
}

int
buf_add(struct buf *b, const void *data, size_t n)
{
	void	*p;

	if (n == 0)
		return (0);
	if ((p = buf_reserve(b, n)) == NULL)
		return (-1);
	memcpy(p, data, n);
	b->end += n;
	return (0);
}

int
buf_addstr(struct buf *b, const char *s)
{
	return (buf_add(b, s, strlen(s)));
}

/*
 * The first try prints into the room that is there; only when the text is
 * longer is the exact room reserved and the text printed again.
 */
int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list	 ap;
	size_t	 room;
	char	*p;
	int	 n;

	if ((p = buf_reserve(b, BUF_MIN)) == NULL)
		return (-1);
	room = b->size - b->end;
	va_start(ap, fmt);
	n = vsnprintf(p, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room) {
		if ((p = buf_reserve(b, (size_t)n + 1)) == NULL)
			return (-1);
		va_start(ap, fmt);
		n = vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n < 0)
		return (-1);
	b->end += (size_t)n;
	return (0);
}

/* For buffers that fill again at once. */
void
buf_drain_keep(struct buf *b, size_t n)
{
	if (n >= buf_len(b))
		b->start = b->end = 0;
	else
		b->start += n;
}

/* The memory of an idle connection is worth more than the next allocation. */
void
buf_drain(struct buf *b, size_t n)
{
	if (n >= buf_len(b))
		buf_free(b);
	else
		b->start += n;
}

void
buf_free(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
