/*
 * Any bytes as a message: the result must not depend on the pieces of the input
 * (except for the pieces of data), stays within the limits, and each part that
 * begins also ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/mime/mime.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct seen {
	struct buf	 b;
	unsigned int	 parts, ends;
};

static void
add(struct seen *s, const void *p, size_t len)
{
	if (buf_add(&s->b, p, len) == -1)
		abort();
}

static void
on_field(const char *name, const char *value, void *arg)
{
	add(arg, name, strlen(name));
	add(arg, value, strlen(value) + 1);
}

static void
on_part(const struct mime_part *p, void *arg)
{
	struct seen	*s = arg;
	unsigned int	 i;

	if (p->depth > 21 || p->nnames > MIME_NAMES)
		abort();
	s->parts++;
	add(s, p->type, strlen(p->type) + 1);
	add(s, p->charset, strlen(p->charset) + 1);
	for (i = 0; i < p->nnames; i++) {
		if (p->name[i][0] == '\0' || strlen(p->name[i]) >=
		    MIME_NAME_MAX || strpbrk(p->name[i], "\r\n") != NULL)
			abort();
		add(s, p->name[i], strlen(p->name[i]) + 1);
	}
}

static void
on_data(const struct mime_part *p, const uint8_t *data, size_t len, void *arg)
{
	if (p->multipart || len == 0)
		abort();
	add(arg, data, len);
}

static void
on_end(const struct mime_part *p, void *arg)
{
	(void)p;
	((struct seen *)arg)->ends++;
}

static struct seen
parse(const uint8_t *data, size_t len, size_t piece)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls = { on_field, on_part, on_data,
					    on_end };
	struct seen			 s;
	struct mime			*m;
	size_t				 at, n;
	uint8_t				*copy;

	memset(&s, 0, sizeof(s));
	if ((m = mime_new(&limits, &calls, &s)) == NULL)
		abort();
	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		/* Of exactly its size. */
		if ((copy = malloc(n)) == NULL)
			abort();
		memcpy(copy, data + at, n);
		if (mime_feed(m, copy, n) == -1)
			abort();
		free(copy);
	}
	if (mime_finish(m) == -1 || s.parts != s.ends)
		abort();
	mime_free(m);
	return (s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen	a = parse(data, len, len + 1), b;
	size_t		piece;

	for (piece = 1; piece < 20; piece += 6) {
		b = parse(data, len, piece);
		if (a.parts != b.parts || buf_len(&a.b) != buf_len(&b.b) ||
		    (buf_len(&a.b) > 0 && memcmp(buf_ptr(&a.b), buf_ptr(&b.b),
		    buf_len(&a.b)) != 0))
			abort();
		buf_free(&b.b);
	}
	buf_free(&a.b);
	return (0);
}
