/*
 * Any octets as the body of DATA: what comes out must not depend on how they
 * were cut into pieces, must be what a plain model says, must be free of CR and
 * LF by themselves, and must survive the way to the next server, on which it
 * holds its end once and no earlier.  The first octet seeds the cutting.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../lib/smtpdata.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct text {
	uint8_t	*p;
	size_t	 len;
};

static uint32_t	cut_state;

static size_t
cut(size_t left)
{
	size_t	n;

	if (cut_state == 0)
		return (left);
	cut_state = cut_state * 1103515245 + 12345;
	n = 1 + (cut_state >> 16) % 7;
	if ((cut_state >> 24) % 8 == 0)
		n *= 30;
	return (n < left ? n : left);
}

static void *
room(size_t n)
{
	void	*p;

	if ((p = malloc(n == 0 ? 1 : n)) == NULL)
		abort();
	return (p);
}

/* Each piece has an out of its own of exactly the size that is promised. */
static size_t
decode(const uint8_t *in, size_t len, struct text *t, int *end)
{
	struct smtpdata_in	 s = { 0 };
	uint8_t			*piece;
	size_t			 at = 0, n, used, outlen;

	t->p = room(2 * len + 4);
	t->len = 0;
	*end = 0;
	while (at < len && !*end) {
		n = cut(len - at);
		piece = room(2 * n + 4);
		used = smtpdata_decode(&s, in + at, n, piece, &outlen, end);
		if (outlen > 2 * n + 4 || used > n || (!*end && used != n))
			abort();
		memcpy(t->p + t->len, piece, outlen);
		t->len += outlen;
		at += used;
		free(piece);
	}
	return (at);
}

static void
encode(const struct text *in, struct text *t)
{
	struct smtpdata_out	 s = { 0 };
	uint8_t			*piece;
	size_t			 at, n, outlen;

	t->p = room(2 * in->len + 5);
	t->len = 0;
	for (at = 0; at < in->len; at += n) {
		n = cut(in->len - at);
		piece = room(2 * n);
		outlen = smtpdata_encode(&s, in->p + at, n, piece);
		if (outlen > 2 * n)
			abort();
		memcpy(t->p + t->len, piece, outlen);
		t->len += outlen;
		free(piece);
	}
	t->len += smtpdata_finish(&s, t->p + t->len);
}

/* The same, an octet at a time and with all of it in sight. */
static size_t
model(const uint8_t *in, size_t len, struct text *t)
{
	size_t	i = 0;
	int	bol = 1, lf;

	t->p = room(2 * len);
	t->len = 0;
	while (i < len) {
		lf = i + 1 < len && in[i + 1] == '\n';
		if (bol && in[i] == '.') {
			if (len - i > 2 && memcmp(in + i, ".\r\n", 3) == 0)
				return (i + 3);
			i++;
			bol = 0;
			continue;
		}
		bol = in[i] == '\r' && lf;
		if (in[i] == '\n' || bol) {
			t->p[t->len++] = '\r';
			t->p[t->len++] = '\n';
			i += bol ? 2 : 1;
		} else
			t->p[t->len++] = in[i++] == '\r' ? ' ' : in[i - 1];
	}
	return (0);
}

static void
clean(const struct text *t)
{
	size_t	i;

	for (i = 0; i < t->len; i++) {
		if (t->p[i] == '\n' && (i == 0 || t->p[i - 1] != '\r'))
			abort();
		if (t->p[i] == '\r' &&
		    (i + 1 == t->len || t->p[i + 1] != '\n'))
			abort();
	}
}

static void
head(const uint8_t *in, size_t len, struct text *t, struct msghead *h)
{
	uint8_t	*piece;
	size_t	 at, n, outlen;

	memset(h, 0, sizeof(*h));
	h->drop = "X-Spamgreyd";
	t->p = room(len + sizeof(h->held));
	t->len = 0;
	for (at = 0; at < len; at += n) {
		n = cut(len - at);
		piece = room(n + sizeof(h->held));
		outlen = msghead_filter(h, in + at, n, piece);
		if (outlen > n + sizeof(h->held))
			abort();
		memcpy(t->p + t->len, piece, outlen);
		t->len += outlen;
		free(piece);
	}
	t->len += msghead_finish(h, t->p + t->len);
}

/* A line at a time, all of it in sight. */
static void
head_model(const struct text *in, struct text *t, uint32_t *dropped)
{
	const uint8_t	*p = in->p, *end = in->p + in->len, *lf;
	size_t		 n;
	int		 drop = 0, body = 0;

	t->p = room(in->len + 2);
	t->len = 0;
	if (p < end && (*p == ' ' || *p == '\t')) {
		body = 1;
		t->p[t->len++] = '\r';
		t->p[t->len++] = '\n';
	}
	for (*dropped = 0; p < end; p += n) {
		lf = memchr(p, '\n', (size_t)(end - p));
		n = lf == NULL ? (size_t)(end - p) : (size_t)(lf - p) + 1;
		if (!body && *p != ' ' && *p != '\t') {
			drop = n >= 11 &&
			    strncasecmp((const char *)p, "x-spamgreyd", 11) == 0;
			*dropped += (uint32_t)drop;
			body = n == 2 && *p == '\r';
		}
		if (!body && drop)
			continue;
		memcpy(t->p + t->len, p, n);
		t->len += n;
	}
}

static void
same(const struct text *a, const struct text *b)
{
	if (a->len != b->len || memcmp(a->p, b->p, a->len) != 0)
		abort();
}

static void
heads(const struct text *message)
{
	struct msghead	h;
	struct text	a, b;
	uint32_t	dropped;

	head(message->p, message->len, &a, &h);
	head_model(message, &b, &dropped);
	same(&a, &b);
	if (h.dropped != dropped || h.held_len != 0)
		abort();
	free(a.p);
	free(b.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text	got, want, wire, again;
	uint8_t		seed;
	uint8_t		*in;
	size_t		used, i;
	int		end;

	if (size == 0)
		return (0);
	seed = *data++;
	size--;
	in = room(size + 5);
	memcpy(in, data, size);
	memcpy(in + size, "\r\n.\r\n", 5);
	used = model(in, size + 5, &want);
	for (i = 0; i < 2; i++) {
		cut_state = i == 0 ? 0 : seed + 1u;
		if (decode(in, size + 5, &got, &end) != used || !end)
			abort();
		same(&got, &want);
		clean(&got);
		encode(&got, &wire);
		clean(&wire);
		if (decode(wire.p, wire.len, &again, &end) != wire.len || !end)
			abort();
		same(&again, &got);
		heads(&got);
		free(got.p);
		free(wire.p);
		free(again.p);
	}
	free(want.p);
	free(in);
	return (0);
}
