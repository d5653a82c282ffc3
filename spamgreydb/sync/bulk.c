/*
 * The frames of a bulk sync, written and read; see bulk.h.  Pure functions that
 * know neither descriptor nor entry.
 *
 * A writer fills one struct bulk_put: bulk_begin, then the items, then
 * bulk_finish, which tells whether everything fitted.  A reader gets one frame
 * from bulk_next.  The bulk_get functions then take items from the front of its
 * body; the caller refuses a frame if something is left over.
 */
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/be.h"
#include "spamgreydb/sync/bulk.h"

#define LENGTH		4		/* bytes of a frame's length */
#define RANGE_LEN	9		/* depth and prefix */
#define TIME_BITS	40		/* of a time in an entry */
#define DIGIT_BITS	4		/* of a hexadecimal digit of an id */

/*
 * Appends an integer of n bytes, big-endian.  If it does not fit, the frame is
 * bad from then on, and bulk_finish reports it.
 */
static void
frame_put(struct bulk_put *w, uint64_t v, unsigned int n)
{
	if (w->bad || sizeof(w->b) - w->len < n) {
		w->bad = 1;
		return;
	}
	be_put(w->b + w->len, v, n);
	w->len += n;
}

/* bulk_finish writes the length, when it is known. */
void
bulk_begin(struct bulk_put *w, enum bulk_type type)
{
	w->len = LENGTH;
	w->bad = 0;
	frame_put(w, type, 1);
}

void
bulk_u16(struct bulk_put *w, uint16_t v)
{
	frame_put(w, v, 2);
}

/* Appends bytes as they are, with the same check as frame_put. */
void
bulk_bytes(struct bulk_put *w, const void *src, size_t len)
{
	if (w->bad || sizeof(w->b) - w->len < len) {
		w->bad = 1;
		return;
	}
	memcpy(w->b + w->len, src, len);
	w->len += len;
}

/*
 * Every version has the magic and the version number first; the rest is our
 * version's.
 */
void
bulk_hello(struct bulk_put *w, const struct bulk_hello *h)
{
	bulk_begin(w, BULK_HELLO);
	bulk_bytes(w, BULK_MAGIC, BULK_MAGIC_LEN);
	frame_put(w, h->version, 2);
	frame_put(w, (uint64_t)h->now, 8);
	frame_put(w, h->match4, 1);
	frame_put(w, h->match6, 1);
	frame_put(w, h->admit4, 1);
	frame_put(w, h->admit6, 1);
	frame_put(w, h->helo, 1);
}

/* asof: the time for which both sides index, in seconds since 1970. */
void
bulk_start(struct bulk_put *w, const uint8_t seed[BULK_SEED], int64_t asof)
{
	bulk_begin(w, BULK_START);
	bulk_bytes(w, seed, BULK_SEED);
	frame_put(w, (uint64_t)asof, 8);
}

void
bulk_range(struct bulk_put *w, const struct bulk_range *r)
{
	frame_put(w, r->depth, 1);
	frame_put(w, r->prefix, 8);
}

void
bulk_id(struct bulk_put *w, uint64_t id)
{
	frame_put(w, id, 8);
}

void
bulk_sum(struct bulk_put *w, const struct bulk_sum *s)
{
	frame_put(w, s->count, 4);
	frame_put(w, s->sum, 8);
}

void
bulk_item(struct bulk_put *w, const struct bulk_item *it)
{
	frame_put(w, it->id, 8);
	frame_put(w, it->sum, 8);
}

/* A text without a NUL ends with its array. */
void
bulk_done(struct bulk_put *w, const struct bulk_done *d)
{
	size_t	len = strnlen(d->why, sizeof(d->why) - 1);

	bulk_begin(w, BULK_DONE);
	frame_put(w, d->news, 4);
	frame_put(w, d->refused, 4);
	frame_put(w, len, 2);
	bulk_bytes(w, d->why, len);
}

/* The length counts what follows it: type and body. */
int
bulk_finish(struct bulk_put *w)
{
	if (w->bad)
		return (-1);
	be_put32(w->b, (uint32_t)(w->len - LENGTH));
	return (0);
}

/* Takes an integer of n bytes; -1: there are fewer left. */
static int
frame_get(struct bulk_get *f, unsigned int n, uint64_t *v)
{
	*v = 0;
	if (f->left < n)
		return (-1);
	*v = be_get(f->p, n);
	f->p += n;
	f->left -= n;
	return (0);
}

/* The functions for a type are safe: n bytes cannot hold more. */
static int
frame_u8(struct bulk_get *f, uint8_t *v)
{
	uint64_t	u;

	if (frame_get(f, 1, &u) == -1)
		return (-1);
	*v = (uint8_t)u;
	return (0);
}

static int
frame_u32(struct bulk_get *f, uint32_t *v)
{
	uint64_t	u;

	if (frame_get(f, 4, &u) == -1)
		return (-1);
	*v = (uint32_t)u;
	return (0);
}

/*
 * Takes a time; -1 also if it is before 1970, or later than an entry can hold.
 */
static int
frame_time(struct bulk_get *f, int64_t *v)
{
	uint64_t	u;

	if (frame_get(f, 8, &u) == -1 || u >> TIME_BITS != 0)
		return (-1);
	*v = (int64_t)u;
	return (0);
}

/* Says whether this version knows the type. */
static int
is_frame_type(unsigned int type)
{
	return ((type >= BULK_HELLO && type <= BULK_END) ||
	    (type >= BULK_SUMS && type <= BULK_ERROR));
}

/*
 * The length is checked before the body is waited for, so that a peer cannot
 * make us wait for a frame that would be refused.  f points into p.
 */
int
bulk_next(const uint8_t *p, size_t len, struct bulk_get *f, size_t *used)
{
	struct bulk_get	head = { 0, p, len };
	uint64_t	n;

	if (frame_get(&head, LENGTH, &n) == -1)
		return (0);
	if (n < 1 || n > 1 + BULK_BODY_MAX)
		return (-1);
	if (frame_u8(&head, &f->type) == -1)
		return (0);
	if (!is_frame_type(f->type))
		return (-1);
	if (head.left < n - 1)
		return (0);
	f->p = head.p;
	f->left = (size_t)n - 1;
	*used = LENGTH + (size_t)n;
	return (1);
}

int
bulk_get_u16(struct bulk_get *f, uint16_t *v)
{
	uint64_t	u;

	if (frame_get(f, 2, &u) == -1)
		return (-1);
	*v = (uint16_t)u;
	return (0);
}

/*
 * Of another version only the number is read, since the rest may mean anything;
 * the caller compares it.
 */
int
bulk_get_hello(struct bulk_get *f, struct bulk_hello *h)
{
	memset(h, 0, sizeof(*h));
	if (f->left < BULK_MAGIC_LEN ||
	    memcmp(f->p, BULK_MAGIC, BULK_MAGIC_LEN) != 0)
		return (-1);
	f->p += BULK_MAGIC_LEN;
	f->left -= BULK_MAGIC_LEN;
	if (bulk_get_u16(f, &h->version) == -1)
		return (-1);
	if (h->version != BULK_VERSION)
		return (0);
	if (frame_time(f, &h->now) == -1 || frame_u8(f, &h->match4) == -1 ||
	    frame_u8(f, &h->match6) == -1 || frame_u8(f, &h->admit4) == -1 ||
	    frame_u8(f, &h->admit6) == -1 || frame_u8(f, &h->helo) == -1)
		return (-1);
	return (f->left == 0 && h->match4 <= ADDR4_BITS &&
	    h->match6 <= ADDR_BITS && h->admit4 <= ADDR4_BITS &&
	    h->admit6 <= ADDR_BITS && h->helo <= 1 ? 0 : -1);
}

/* A body that is longer is malformed. */
int
bulk_get_start(struct bulk_get *f, uint8_t seed[BULK_SEED], int64_t *asof)
{
	if (f->left < BULK_SEED)
		return (-1);
	memcpy(seed, f->p, BULK_SEED);
	f->p += BULK_SEED;
	f->left -= BULK_SEED;
	return (frame_time(f, asof) == -1 || f->left != 0 ? -1 : 0);
}

/* The bits behind the depth must be zero, so that a range has only one form. */
int
bulk_get_range(struct bulk_get *f, struct bulk_range *r)
{
	uint64_t	prefix;

	if (f->left < RANGE_LEN || frame_u8(f, &r->depth) == -1 ||
	    frame_get(f, 8, &prefix) == -1 || r->depth > BULK_DEPTH_MAX)
		return (-1);
	r->prefix = prefix;
	return (bulk_first(r) == prefix ? 0 : -1);
}

int
bulk_get_id(struct bulk_get *f, uint64_t *id)
{
	return (frame_get(f, 8, id));
}

/* Without entries the sum must be 0. */
int
bulk_get_sum(struct bulk_get *f, struct bulk_sum *s)
{
	if (frame_u32(f, &s->count) == -1 || frame_get(f, 8, &s->sum) == -1)
		return (-1);
	return (s->count == 0 && s->sum != 0 ? -1 : 0);
}

int
bulk_get_item(struct bulk_get *f, struct bulk_item *it)
{
	return (frame_get(f, 8, &it->id) == -1 ||
	    frame_get(f, 8, &it->sum) == -1 ? -1 : 0);
}

/* The text is printed on a terminal, so that other bytes become '?'. */
void
bulk_get_text(const struct bulk_get *f, char *dst, size_t size)
{
	size_t	i, n = f->left < size - 1 ? f->left : size - 1;

	for (i = 0; i < n; i++)
		dst[i] = f->p[i] < 0x20 || f->p[i] >= 0x7f ? '?' :
		    (char)f->p[i];
	dst[n] = '\0';
}

/* The text must be all that is left of the body. */
int
bulk_get_done(struct bulk_get *f, struct bulk_done *d)
{
	uint16_t	len;

	if (frame_u32(f, &d->news) == -1 || frame_u32(f, &d->refused) == -1 ||
	    bulk_get_u16(f, &len) == -1 || f->left != len ||
	    len >= sizeof(d->why))
		return (-1);
	bulk_get_text(f, d->why, sizeof(d->why));
	f->left = 0;
	return (0);
}

/*
 * Returns the bits of an id that a range leaves open.  In C a shift by all 64
 * bits is undefined, so that the two ends are handled apart.
 */
static uint64_t
free_bits(const struct bulk_range *r)
{
	return (r->depth == 0 ? UINT64_MAX :
	    r->depth >= BULK_DEPTH_MAX ? 0 : UINT64_MAX >>
	    (DIGIT_BITS * r->depth));
}

/* The open bits are 0. */
uint64_t
bulk_first(const struct bulk_range *r)
{
	return (r->prefix & ~free_bits(r));
}

/* The open bits are 1. */
uint64_t
bulk_last(const struct bulk_range *r)
{
	return (r->prefix | free_bits(r));
}

/* The part has one more digit than the range, which is i. */
struct bulk_range
bulk_part(const struct bulk_range *r, unsigned int i)
{
	struct bulk_range	part = { r->prefix, (uint8_t)(r->depth + 1) };

	part.prefix |= (uint64_t)(i & (BULK_WAYS - 1)) <<
	    (64 - DIGIT_BITS * part.depth);
	return (part);
}
