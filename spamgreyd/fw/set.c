/*
 * The set that should be in the firewall's table: a hash table with open
 * addressing, keyed by address and prefix length.  Used by the role fw; it
 * knows neither messages nor the kernel.  Also here: what all drivers need to
 * compute with networks and times.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/siphash.h"
#include "spamgreyd/fw/fw.h"

#define TIME_MIN	60	/* s: see fw_time_left() */

static char	why[512];		/* of the last open() that failed */

/* Static memory, valid until the next fw_set_why(). */
const char *
fw_why(void)
{
	return (why);
}

enum fw_result
fw_set_why(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return (FW_FAILED);
}

void
fw_set_init(struct fw_set *s)
{
	memset(s, 0, sizeof(*s));
	/* Clients choose their addresses; they must not choose the bucket. */
	arc4random_buf(s->key, sizeof(s->key));
}

void
fw_set_free(struct fw_set *s)
{
	free(s->slot);
	s->slot = NULL;
	s->size = s->n = 0;
}

/* Where the search for a key begins.  The key is random for each process. */
static size_t
home(const struct fw_set *s, const struct addr *a, uint8_t plen)
{
	uint8_t	k[17];

	memcpy(k, a->b, 16);
	k[16] = plen;
	return ((size_t)siphash24(s->key, k, sizeof(k)) & (s->size - 1));
}

/* The slot that holds the key, or the free one where it would go. */
static size_t
find(const struct fw_set *s, const struct addr *a, uint8_t plen)
{
	size_t	i;

	for (i = home(s, a, plen); s->slot[i].used; i = (i + 1) & (s->size - 1))
		if (s->slot[i].plen == plen &&
		    memcmp(s->slot[i].addr.b, a->b, 16) == 0)
			break;
	return (i);
}

/* Doubles the table.  0, or -1: no memory, and the set is as before. */
static int
grow(struct fw_set *s)
{
	struct fw_set	 bigger = *s;
	size_t		 i;

	bigger.size = s->size == 0 ? 64 : s->size * 2;
	bigger.slot = calloc(bigger.size, sizeof(*bigger.slot));
	if (bigger.slot == NULL)
		return (-1);
	for (i = 0; i < s->size; i++)
		if (s->slot[i].used)
			bigger.slot[find(&bigger, &s->slot[i].addr,
			    s->slot[i].plen)] = s->slot[i];
	free(s->slot);
	*s = bigger;
	return (0);
}

struct fw_want *
fw_set_get(const struct fw_set *s, const struct addr *a, uint8_t plen)
{
	size_t	i;

	if (s->size == 0)
		return (NULL);
	i = find(s, a, plen);
	return (s->slot[i].used ? &s->slot[i] : NULL);
}

struct fw_want *
fw_set_put(struct fw_set *s, const struct addr *a, uint8_t plen)
{
	struct fw_want	*w;

	if ((w = fw_set_get(s, a, plen)) != NULL)
		return (w);
	/* At most two thirds full: then a search is short. */
	if ((s->n + 1) * 3 > s->size * 2 && grow(s) == -1)
		return (NULL);
	w = &s->slot[find(s, a, plen)];
	memset(w, 0, sizeof(*w));
	w->addr = *a;
	w->plen = plen;
	w->used = 1;
	s->n++;
	return (w);
}

/* Deletes by moving elements back instead of leaving marks, so that a set
 * that changes for years does not fill up with them. */
void
fw_set_drop(struct fw_set *s, const struct addr *a, uint8_t plen)
{
	size_t	hole, i, h;

	if (s->size == 0 || !s->slot[hole = find(s, a, plen)].used)
		return;
	/* Move back what was pushed past the hole, so that no search ends in
	 * it. */
	for (i = (hole + 1) & (s->size - 1); s->slot[i].used;
	    i = (i + 1) & (s->size - 1)) {
		h = home(s, &s->slot[i].addr, s->slot[i].plen);
		if (((i - h) & (s->size - 1)) >= ((i - hole) & (s->size - 1))) {
			s->slot[hole] = s->slot[i];
			hole = i;
		}
	}
	s->slot[hole].used = 0;
	s->n--;
}

struct fw_want *
fw_set_next(const struct fw_set *s, size_t *i)
{
	while (*i < s->size)
		if (s->slot[(*i)++].used)
			return (&s->slot[*i - 1]);
	return (NULL);
}

/* A network is IPv4 if it lies within ::ffff:0:0/96. */
static int
is4(const struct prefix *p)
{
	return (p->len >= 96 && addr_is4(&p->addr));
}

/* The order of fw_nets_fold(): IPv4 first, then by address, the wider
 * network before the ones in it. */
static int
cmp_prefix(const void *va, const void *vb)
{
	const struct prefix	*a = va, *b = vb;
	int			 c;

	/* Families apart: to a firewall ::/0 holds no IPv4 address. */
	if (is4(a) != is4(b))
		return (is4(b) - is4(a));
	if ((c = memcmp(a->addr.b, b->addr.b, 16)) != 0)
		return (c);
	return ((int)a->len - (int)b->len);	/* the wider one first */
}

/* Does outer hold all of p?  Never across the families. */
static int
within(const struct prefix *outer, const struct prefix *p)
{
	struct addr	a = p->addr;

	if (is4(outer) != is4(p) || outer->len > p->len)
		return (0);
	addr_mask(&a, outer->len);
	return (addr_cmp(&a, &outer->addr) == 0);
}

int64_t
fw_time_left(int64_t until, int64_t now)
{
	return (until - now > TIME_MIN ? until - now : TIME_MIN);
}

void
fw_net_last(const struct prefix *p, struct addr *last)
{
	unsigned int	i = p->len / 8;

	*last = p->addr;
	if (p->len >= 128)
		return;
	last->b[i] |= (uint8_t)(0xff >> (p->len % 8));
	for (i++; i < sizeof(last->b); i++)
		last->b[i] = 0xff;
}

/*
 * A twentieth of the limit is never used, since other tables of the firewall
 * need room too: pfctl(8) fails, and OpenBSD's kernel sleeps, where there is
 * none.
 */
size_t
fw_room_free(const struct fw_room *room)
{
	size_t	ours = room->limit - room->limit / FW_RESERVE;

	return (ours > room->used ? ours - room->used : 0);
}

int
fw_covers(const struct addr *net, uint8_t plen, const struct addr *a)
{
	struct prefix	outer = { *net, plen }, p = { *a, 128 };

	return (within(&outer, &p));
}

size_t
fw_nets_fold(struct prefix *p, size_t n)
{
	size_t	i, kept = 0;

	if (n > 1)
		qsort(p, n, sizeof(*p), cmp_prefix);
	for (i = 0; i < n; i++)
		if (kept == 0 || !within(&p[kept - 1], &p[i]))
			p[kept++] = p[i];
	return (kept);
}
