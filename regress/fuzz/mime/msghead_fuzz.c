/* LINK: spamgreyd/pass/message spamgreyd/modules/milter spamgreydb/commands */
/*
 * Any bytes as a message: the spool's text does not depend on the pieces of the
 * input, grows by no more than the documented bound, does not change when it is
 * processed again, and has an empty line at the end of the header, where all
 * readers find that end.  The first byte is the size of the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/mime/mime.h"
#include "lib/mime/msghead.h"
#include "spamgreydb/commands/received.h"
#include "spamgreyd/modules/milter/head.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct text {
	uint8_t		*p;
	size_t		 len;
	uint32_t	 received;
};

static void *
room(size_t n)
{
	void	*p;

	if ((p = malloc(n == 0 ? 1 : n)) == NULL)
		abort();
	return (p);
}

static struct text
filter(const uint8_t *in, size_t len, size_t piece)
{
	struct msghead	 h;
	struct text	 t;
	uint8_t		*out;
	size_t		 at, n, got;

	memset(&h, 0, sizeof(h));
	h.drop = "X-Spamgreyd";
	t.p = room(MSGHEAD_ROOM(len));
	t.len = 0;
	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		out = room(MSGHEAD_ROOM(n));
		got = msghead_filter(&h, in + at, n, out);
		memcpy(t.p + t.len, out, got);
		t.len += got;
		free(out);
	}
	t.len += msghead_finish(&h, t.p + t.len);
	t.received = h.received;
	return (t);
}

static void
on_data(const struct mime_part *p, const uint8_t *s, size_t len, void *arg)
{
	(void)p;
	(void)s;
	*(size_t *)arg += len;
}

/* Where the body begins for MIME, of a message that is a plain text. */
static size_t
mime_body(const struct text *t)
{
	static const struct mime_limits	 limits = { 20, 500 };
	static const struct mime_calls	 calls = { .data = on_data };
	struct mime			*m;
	size_t				 body = 0;

	if ((m = mime_new(&limits, &calls, &body)) == NULL ||
	    mime_feed(m, t->p, t->len) == -1 || mime_finish(m) == -1)
		abort();
	mime_free(m);
	return (t->len - body);
}

/* Where it begins for filters; *received: fields of that name. */
static size_t
filter_body(const struct spool *sp, uint32_t *received)
{
	static struct milter_head	 h;
	static uint8_t			 dst[70000];
	ssize_t				 n;

	milter_head_begin(&h, sp);
	for (*received = 0; (n = milter_head_next(&h, dst, sizeof(dst), 0)) !=
	    0;) {
		if (n == -1)
			abort();
		*received += n > 9 && strcasecmp((char *)dst, "received") == 0;
	}
	return ((size_t)milter_head_body(&h));
}

static uint32_t
learn_received(const struct text *t)
{
	const char	*end = (const char *)t->p + t->len, *value;
	const char	*pos = received_header((const char *)t->p, end);
	uint32_t	 n = 0;
	size_t		 len;

	while (received_next(&pos, end, &value, &len))
		n++;
	return (n);
}

/* Where a field stands that is added at the header's end. */
static size_t
edit_body(const struct spool *sp, size_t size)
{
	static const char	 name[] = "Z-Fuzz-Target-Z";
	struct msgedit		*e = msgedit_new();
	struct spool		*out;
	struct text		 t;
	uint8_t			*p;

	if (e == NULL || msgedit_add(e, name, "x") == -1 ||
	    (out = msgedit_apply(e, sp)) == NULL)
		abort();
	t.p = room(size + 200);
	t.len = (size_t)spool_read(out, 0, t.p, size + 200);
	for (p = t.p; (p = memmem(p, t.len - (size_t)(p - t.p), name,
	    sizeof(name) - 1)) != NULL && p > t.p && p[-1] != '\n'; p++)
		;
	if (p == NULL)
		abort();
	size = (size_t)(p - t.p);
	spool_free(out);
	msgedit_free(e);
	free(t.p);
	return (size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text	 a, b;
	struct spool	*sp;
	uint32_t	 received;
	size_t		 piece, body;

	if (size == 0 || size > 30000)
		return (0);
	piece = 1 + data[0];
	data++;
	size--;
	a = filter(data, size, size + 1);
	b = filter(data, size, piece);
	if (a.len != b.len || memcmp(a.p, b.p, a.len) != 0 ||
	    a.received != b.received)
		abort();
	free(b.p);
	b = filter(a.p, a.len, piece);
	if (a.len != b.len || memcmp(a.p, b.p, a.len) != 0)
		abort();
	free(b.p);
	spool_limits(1 << 20, 1 << 24);
	if ((sp = spool_new()) == NULL || spool_write(sp, a.p, a.len) == -1)
		abort();
	/* Only clients of ours, who end lines with CRLF, come this far. */
	if (memchr(data, '\0', size) == NULL && memmem(data, size, "Content",
	    7) == NULL && memmem(data, size, "content", 7) == NULL) {
		body = filter_body(sp, &received);
		if (received != a.received || learn_received(&a) != received)
			abort();
		if (a.len > 0 && mime_body(&a) != body)
			abort();
		(void)edit_body(sp, a.len);
	}
	spool_free(sp);
	free(a.p);
	return (0);
}
