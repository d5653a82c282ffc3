/*
 * Integers, the most significant octet first; see be.h.  Octets are read and
 * written one by one: the form does not depend on the machine, and nothing
 * need be aligned.
 */
#include <string.h>

#include "lib/base/be.h"

uint64_t
be_get(const uint8_t *p, size_t n)
{
	uint64_t	v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return (v);
}

/*
 * From the last octet to the first, so that no shift reaches the width of v.
 */
void
be_put(uint8_t *p, uint64_t v, size_t n)
{
	for (; n > 0; v >>= 8)
		p[--n] = (uint8_t)v;
}

/* Is there room for n octets more?  Latches when there is not. */
static int
has_room(struct be_writer *w, size_t n)
{
	if ((size_t)(w->end - w->p) < n)
		w->bad = 1;
	return (!w->bad);
}

void
be_write(struct be_writer *w, uint64_t v, size_t n)
{
	if (!has_room(w, n))
		return;
	be_put(w->p, v, n);
	w->p += n;
}

/* A time out of range would be cut silently by the width, so it latches. */
void
be_write_time(struct be_writer *w, int64_t t)
{
	if (t < 0 || t > BE_TIME_MAX)
		w->bad = 1;
	be_write(w, (uint64_t)t, BE_TIME_LEN);
}

void
be_write_bytes(struct be_writer *w, const void *src, size_t len)
{
	if (!has_room(w, len))
		return;
	memcpy(w->p, src, len);
	w->p += len;
}

/* All of it or nothing: a string that is too long is never cut. */
void
be_write_str(struct be_writer *w, const char *s, size_t max)
{
	size_t	len = strlen(s);

	if (len > max) {
		w->bad = 1;
		return;
	}
	be_write(w, len, 2);
	be_write_bytes(w, s, len);
}

/* Are n octets left?  Latches when they are not. */
static int
has_octets(struct be_reader *r, size_t n)
{
	if (be_left(r) < n)
		r->bad = 1;
	return (!r->bad);
}

size_t
be_left(const struct be_reader *r)
{
	return ((size_t)(r->end - r->p));
}

/* The pointer moves only when all octets are there. */
uint64_t
be_read(struct be_reader *r, size_t n)
{
	if (!has_octets(r, n))
		return (0);
	r->p += n;
	return (be_get(r->p - n, n));
}

int64_t
be_read_time(struct be_reader *r)
{
	return ((int64_t)be_read(r, BE_TIME_LEN));
}

void
be_read_bytes(struct be_reader *r, void *dst, size_t len)
{
	if (!has_octets(r, len))
		return;
	memcpy(dst, r->p, len);
	r->p += len;
}

/* A NUL inside would hide the rest of the string from its users. */
const char *
be_read_text(struct be_reader *r, size_t len)
{
	char	*s = r->str;

	if (!has_octets(r, len) || memchr(r->p, '\0', len) != NULL) {
		r->bad = 1;
		return ("");
	}
	memcpy(s, r->p, len);
	s[len] = '\0';
	r->p += len;
	r->str += len + 1;
	return (s);
}

/* A length past max is bad even if so many octets are there. */
const char *
be_read_str(struct be_reader *r, size_t max)
{
	size_t	len = be_read(r, 2);

	if (len > max)
		r->bad = 1;
	return (r->bad ? "" : be_read_text(r, len));
}
