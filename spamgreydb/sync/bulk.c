/*
 * The frames of a bulk sync, written and read.  Pure functions; nothing here
 * knows a descriptor or an entry.
 */
#include <string.h>

#include "spamgreydb/sync/bulk.h"

#define RANGE_LEN	9

static void
put_uint(struct bulk_put *w, uint64_t v, unsigned int n)
{
	if (w->bad || sizeof(w->b) - w->len < n) {
		w->bad = 1;
		return;
	}
	while (n-- > 0)
		w->b[w->len++] = (uint8_t)(v >> (8 * n));
}

void
bulk_begin(struct bulk_put *w, enum bulk_type type)
{
	w->len = 4;
	w->bad = 0;
	put_uint(w, type, 1);
}

void
bulk_u16(struct bulk_put *w, uint16_t v)
{
	put_uint(w, v, 2);
}

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

void
bulk_hello(struct bulk_put *w, const struct bulk_hello *h)
{
	bulk_begin(w, BULK_HELLO);
	bulk_bytes(w, BULK_MAGIC, BULK_MAGIC_LEN);
	put_uint(w, h->version, 2);
	put_uint(w, (uint64_t)h->now, 8);
	put_uint(w, h->match4, 1);
	put_uint(w, h->match6, 1);
	put_uint(w, h->admit4, 1);
	put_uint(w, h->admit6, 1);
	put_uint(w, h->helo, 1);
}

void
bulk_start(struct bulk_put *w, const uint8_t seed[BULK_SEED], int64_t asof)
{
	bulk_begin(w, BULK_START);
	bulk_bytes(w, seed, BULK_SEED);
	put_uint(w, (uint64_t)asof, 8);
}

void
bulk_range(struct bulk_put *w, const struct bulk_range *r)
{
	put_uint(w, r->depth, 1);
	put_uint(w, r->prefix, 8);
}

void
bulk_id(struct bulk_put *w, uint64_t id)
{
	put_uint(w, id, 8);
}

void
bulk_sum(struct bulk_put *w, const struct bulk_sum *s)
{
	put_uint(w, s->count, 4);
	put_uint(w, s->sum, 8);
}

void
bulk_item(struct bulk_put *w, const struct bulk_item *it)
{
	put_uint(w, it->id, 8);
	put_uint(w, it->sum, 8);
}

void
bulk_done(struct bulk_put *w, const struct bulk_done *d)
{
	size_t	len = strnlen(d->why, sizeof(d->why) - 1);

	bulk_begin(w, BULK_DONE);
	put_uint(w, d->news, 4);
	put_uint(w, d->refused, 4);
	put_uint(w, len, 2);
	bulk_bytes(w, d->why, len);
}

int
bulk_finish(struct bulk_put *w)
{
	size_t	end = w->len;

	if (w->bad)
		return (-1);
	w->len = 0;
	put_uint(w, end - 4, 4);
	w->len = end;
	return (0);
}

static int
get_uint(struct bulk_get *f, unsigned int n, uint64_t *v)
{
	*v = 0;
	if (f->left < n)
		return (-1);
	f->left -= n;
	while (n-- > 0)
		*v = *v << 8 | *f->p++;
	return (0);
}

static int
get_u8(struct bulk_get *f, uint8_t *v)
{
	uint64_t	u;

	if (get_uint(f, 1, &u) == -1)
		return (-1);
	*v = (uint8_t)u;
	return (0);
}

static int
get_u32(struct bulk_get *f, uint32_t *v)
{
	uint64_t	u;

	if (get_uint(f, 4, &u) == -1)
		return (-1);
	*v = (uint32_t)u;
	return (0);
}

/* A time that is none (before 1970, or past what an entry holds) is refused. */
static int
get_time(struct bulk_get *f, int64_t *v)
{
	uint64_t	u;

	if (get_uint(f, 8, &u) == -1 || u >> 40 != 0)
		return (-1);
	*v = (int64_t)u;
	return (0);
}

static int
is_type(unsigned int type)
{
	return ((type >= BULK_HELLO && type <= BULK_END) ||
	    (type >= BULK_SUMS && type <= BULK_ERROR));
}

int
bulk_next(const uint8_t *p, size_t len, struct bulk_get *f, size_t *used)
{
	struct bulk_get	head = { 0, p, len };
	uint64_t	n;

	if (get_uint(&head, 4, &n) == -1)
		return (0);
	if (n < 1 || n > 1 + BULK_BODY_MAX)
		return (-1);
	if (get_u8(&head, &f->type) == -1)
		return (0);
	if (!is_type(f->type))
		return (-1);
	if (head.left < n - 1)
		return (0);
	f->p = head.p;
	f->left = (size_t)n - 1;
	*used = 4 + (size_t)n;
	return (1);
}

int
bulk_get_u16(struct bulk_get *f, uint16_t *v)
{
	uint64_t	u;

	if (get_uint(f, 2, &u) == -1)
		return (-1);
	*v = (uint16_t)u;
	return (0);
}

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
		return (0);		/* whatever that one has to say */
	if (get_time(f, &h->now) == -1 || get_u8(f, &h->match4) == -1 ||
	    get_u8(f, &h->match6) == -1 || get_u8(f, &h->admit4) == -1 ||
	    get_u8(f, &h->admit6) == -1 || get_u8(f, &h->helo) == -1)
		return (-1);
	return (f->left == 0 && h->match4 <= 32 && h->match6 <= 128 &&
	    h->admit4 <= 32 && h->admit6 <= 128 && h->helo <= 1 ? 0 : -1);
}

int
bulk_get_start(struct bulk_get *f, uint8_t seed[BULK_SEED], int64_t *asof)
{
	if (f->left < BULK_SEED)
		return (-1);
	memcpy(seed, f->p, BULK_SEED);
	f->p += BULK_SEED;
	f->left -= BULK_SEED;
	return (get_time(f, asof) == -1 || f->left != 0 ? -1 : 0);
}

int
bulk_get_range(struct bulk_get *f, struct bulk_range *r)
{
	uint64_t	prefix;

	if (f->left < RANGE_LEN || get_u8(f, &r->depth) == -1 ||
	    get_uint(f, 8, &prefix) == -1 || r->depth > BULK_DEPTH_MAX)
		return (-1);
	r->prefix = prefix;
	return (bulk_first(r) == prefix ? 0 : -1);
}

int
bulk_get_id(struct bulk_get *f, uint64_t *id)
{
	return (get_uint(f, 8, id));
}

int
bulk_get_sum(struct bulk_get *f, struct bulk_sum *s)
{
	if (get_u32(f, &s->count) == -1 || get_uint(f, 8, &s->sum) == -1)
		return (-1);
	return (s->count == 0 && s->sum != 0 ? -1 : 0);
}

int
bulk_get_item(struct bulk_get *f, struct bulk_item *it)
{
	return (get_uint(f, 8, &it->id) == -1 ||
	    get_uint(f, 8, &it->sum) == -1 ? -1 : 0);
}

void
bulk_get_text(const struct bulk_get *f, char *dst, size_t size)
{
	size_t	i, n = f->left < size - 1 ? f->left : size - 1;

	for (i = 0; i < n; i++)
		dst[i] = f->p[i] < 0x20 || f->p[i] >= 0x7f ? '?' :
		    (char)f->p[i];
	dst[n] = '\0';
}

int
bulk_get_done(struct bulk_get *f, struct bulk_done *d)
{
	uint16_t	len;

	if (get_u32(f, &d->news) == -1 || get_u32(f, &d->refused) == -1 ||
	    bulk_get_u16(f, &len) == -1 || f->left != len ||
	    len >= sizeof(d->why))
		return (-1);
	bulk_get_text(f, d->why, sizeof(d->why));
	f->left = 0;
	return (0);
}

static uint64_t
free_bits(const struct bulk_range *r)
{
	return (r->depth == 0 ? UINT64_MAX :
	    r->depth >= BULK_DEPTH_MAX ? 0 : UINT64_MAX >> (4 * r->depth));
}

uint64_t
bulk_first(const struct bulk_range *r)
{
	return (r->prefix & ~free_bits(r));
}

uint64_t
bulk_last(const struct bulk_range *r)
{
	return (r->prefix | free_bits(r));
}

struct bulk_range
bulk_part(const struct bulk_range *r, unsigned int i)
{
	struct bulk_range	part = { r->prefix, (uint8_t)(r->depth + 1) };

	part.prefix |= (uint64_t)(i & 15) << (64 - 4 * part.depth);
	return (part);
}
