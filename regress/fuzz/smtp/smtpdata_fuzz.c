/*
 * Any bytes as the text after DATA: the result must not depend on the pieces,
 * must equal that of a simple model, must have no bare CR or LF, and must
 * arrive unchanged at the next server, where its end is found exactly once.
 * The first byte seeds the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/data.h"

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
same(const struct text *a, const struct text *b)
{
	if (a->len != b->len || memcmp(a->p, b->p, a->len) != 0)
		abort();
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
		free(got.p);
		free(wire.p);
		free(again.p);
	}
	free(want.p);
	free(in);
	return (0);
}
