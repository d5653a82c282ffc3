/*
 * Making an image of address lists; see addrset.h.  Used by the parent and the
 * commands only.
 *
 * A list is two arrays of ranges that grow by appending.  Folding sorts them
 * and joins ranges that overlap or touch; after that a list is in the form of
 * the image, and two lists can be subtracted in one pass over both.  IPv4
 * ranges are numbers, IPv6 ranges are addresses, so each step stands here
 * twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addrset/addrset.h"
#include "lib/addrset/addrset_int.h"

/* Once it is folded: sorted, disjoint, and no two ranges touch. */
struct addrset_build {
	struct range4	*r4;
	struct range6	*r6;
	size_t		 n4, size4;
	size_t		 n6, size6;
	int		 folded;
};

/* An empty list is folded. */
struct addrset_build *
addrset_build_new(void)
{
	struct addrset_build	*b;

	if ((b = calloc(1, sizeof(*b))) != NULL)
		b->folded = 1;
	return (b);
}

/* NULL is fine. */
void
addrset_build_free(struct addrset_build *b)
{
	if (b == NULL)
		return;
	free(b->r4);
	free(b->r6);
	free(b);
}

/* Appends; folding comes later. -1: no memory. */
static int
add4(struct addrset_build *b, uint32_t lo, uint32_t hi)
{
	struct range4	*p;
	size_t		 n;

	if (b->n4 == b->size4) {
		n = b->size4 == 0 ? 16 : b->size4 * 2;
		if ((p = reallocarray(b->r4, n, sizeof(*p))) == NULL)
			return (-1);
		b->r4 = p;
		b->size4 = n;
	}
	b->r4[b->n4].lo = lo;
	b->r4[b->n4++].hi = hi;
	return (0);
}

/*
 * The same for IPv6.  What is left when networks are taken away from one that
 * holds the IPv4-mapped block may be a part of that block alone.  It is no
 * IPv4, and no host has such an address.
 */
static int
add6(struct addrset_build *b, const struct addr *lo, const struct addr *hi)
{
	struct range6	*p;
	size_t		 n;

	if (addr_is4(lo) && addr_is4(hi))
		return (0);
	if (b->n6 == b->size6) {
		n = b->size6 == 0 ? 16 : b->size6 * 2;
		if ((p = reallocarray(b->r6, n, sizeof(*p))) == NULL)
			return (-1);
		b->r6 = p;
		b->size6 = n;
	}
	b->r6[b->n6].lo = *lo;
	b->r6[b->n6++].hi = *hi;
	return (0);
}

/* Bits behind the length are ignored. */
int
addrset_build_add(struct addrset_build *b, const struct prefix *p)
{
	struct addr	lo = p->addr, hi = p->addr;

	addr_mask(&lo, p->len);
	addr_fill(&hi, p->len);
	return (addrset_build_range(b, &lo, &hi));
}

/* A range counts as IPv4 only when both of its ends are. */
int
addrset_build_range(struct addrset_build *b, const struct addr *lo,
    const struct addr *hi)
{
	b->folded = 0;
	if (addr_is4(lo) && addr_is4(hi))
		return (add4(b, addrset_v4(lo), addrset_v4(hi)));
	return (add6(b, lo, hi));
}

/* Host order in memory, addresses for the caller. */
int
addrset_build_each(const struct addrset_build *b,
    int (*fn)(const struct addr *, const struct addr *, void *), void *arg)
{
	struct addr	lo, hi;
	size_t		i;
	int		r;

	for (i = 0; i < b->n4; i++) {
		addrset_from_v4(b->r4[i].lo, &lo);
		addrset_from_v4(b->r4[i].hi, &hi);
		if ((r = fn(&lo, &hi, arg)) != 0)
			return (r);
	}
	for (i = 0; i < b->n6; i++)
		if ((r = fn(&b->r6[i].lo, &b->r6[i].hi, arg)) != 0)
			return (r);
	return (0);
}

/* By the beginning of a range; equal beginnings may come in any order. */
static int
cmp4(const void *va, const void *vb)
{
	const struct range4	*a = va, *b = vb;

	return (a->lo < b->lo ? -1 : a->lo > b->lo);
}

static int
cmp6(const void *va, const void *vb)
{
	const struct range6	*a = va, *b = vb;

	return (addr_cmp(&a->lo, &b->lo));
}

/*
 * After sorting by the beginning, a range either begins past the end of the
 * one before it, or becomes a part of it.  The end of the last possible
 * address has no successor to compare with.
 */
static void
fold4(struct addrset_build *b)
{
	size_t	i, n = 0;

	qsort(b->r4, b->n4, sizeof(*b->r4), cmp4);
	for (i = 1; i < b->n4; i++) {
		if (b->r4[n].hi == UINT32_MAX ||
		    b->r4[i].lo <= b->r4[n].hi + 1) {
			if (b->r4[i].hi > b->r4[n].hi)
				b->r4[n].hi = b->r4[i].hi;
		} else
			b->r4[++n] = b->r4[i];
	}
	b->n4 = n + 1;
}

/* The same; a successor of zero means that there is none. */
static void
fold6(struct addrset_build *b)
{
	static const struct addr	zero;
	struct addr			next;
	size_t				i, n = 0;

	qsort(b->r6, b->n6, sizeof(*b->r6), cmp6);
	for (i = 1; i < b->n6; i++) {
		next = b->r6[n].hi;
		addr_up(&next);
		if (addr_cmp(&next, &zero) == 0 ||
		    addr_cmp(&b->r6[i].lo, &next) <= 0) {
			if (addr_cmp(&b->r6[i].hi, &b->r6[n].hi) > 0)
				b->r6[n].hi = b->r6[i].hi;
		} else
			b->r6[++n] = b->r6[i];
	}
	b->n6 = n + 1;
}

int
addrset_build_fold(struct addrset_build *b)
{
	if (b->folded)
		return (0);
	if (b->n4 > 0)
		fold4(b);
	if (b->n6 > 0)
		fold6(b);
	b->folded = 1;
	return (0);
}

/* Ranges, not addresses. */
size_t
addrset_build_count(const struct addrset_build *b)
{
	return (b->n4 + b->n6);
}

/*
 * To out: what of a is not in b, both folded.  `from' is the first range of b
 * that may still reach into one of a; lo is how far the range of a was dealt
 * with.
 */
static int
subtract4(struct addrset_build *out, const struct addrset_build *a,
    const struct addrset_build *b)
{
	uint32_t	lo;
	size_t		i, k, from = 0;
	int		rest;

	for (i = 0; i < a->n4; i++) {
		lo = a->r4[i].lo;
		rest = 1;
		while (from < b->n4 && b->r4[from].hi < lo)
			from++;
		for (k = from; k < b->n4 && b->r4[k].lo <= a->r4[i].hi; k++) {
			if (b->r4[k].lo > lo &&
			    add4(out, lo, b->r4[k].lo - 1) == -1)
				return (-1);
			if (b->r4[k].hi >= a->r4[i].hi) {
				rest = 0;
				break;
			}
			lo = b->r4[k].hi + 1;
		}
		if (rest && add4(out, lo, a->r4[i].hi) == -1)
			return (-1);
	}
	return (0);
}

/* The same for IPv6. */
static int
subtract6(struct addrset_build *out, const struct addrset_build *a,
    const struct addrset_build *b)
{
	struct addr	lo, hi;
	size_t		i, k, from = 0;
	int		rest;

	for (i = 0; i < a->n6; i++) {
		lo = a->r6[i].lo;
		rest = 1;
		while (from < b->n6 && addr_cmp(&b->r6[from].hi, &lo) < 0)
			from++;
		for (k = from; k < b->n6 &&
		    addr_cmp(&b->r6[k].lo, &a->r6[i].hi) <= 0; k++) {
			if (addr_cmp(&b->r6[k].lo, &lo) > 0) {
				hi = b->r6[k].lo;
				addr_down(&hi);
				if (add6(out, &lo, &hi) == -1)
					return (-1);
			}
			if (addr_cmp(&b->r6[k].hi, &a->r6[i].hi) >= 0) {
				rest = 0;
				break;
			}
			lo = b->r6[k].hi;
			addr_up(&lo);
		}
		if (rest && add6(out, &lo, &a->r6[i].hi) == -1)
			return (-1);
	}
	return (0);
}

/* For a list that must not be changed. NULL: no memory. */
static struct addrset_build *
folded_copy(const struct addrset_build *b)
{
	struct addrset_build	*c;
	size_t			 i;

	if ((c = addrset_build_new()) == NULL)
		return (NULL);
	for (i = 0; i < b->n4; i++)
		if (add4(c, b->r4[i].lo, b->r4[i].hi) == -1)
			goto fail;
	for (i = 0; i < b->n6; i++)
		if (add6(c, &b->r6[i].lo, &b->r6[i].hi) == -1)
			goto fail;
	c->folded = 0;
	if (addrset_build_fold(c) == 0)
		return (c);
fail:
	addrset_build_free(c);
	return (NULL);
}

/* The result is built beside the list and swapped in when it is complete. */
int
addrset_build_subtract(struct addrset_build *a, const struct addrset_build *b)
{
	struct addrset_build	*copy = NULL, *out, tmp;
	int			 r = -1;

	if (addrset_build_fold(a) == -1)
		return (-1);
	if (!b->folded && (b = copy = folded_copy(b)) == NULL)
		return (-1);
	if ((out = addrset_build_new()) != NULL &&
	    subtract4(out, a, b) == 0 && subtract6(out, a, b) == 0) {
		tmp = *a;
		*a = *out;
		*out = tmp;
		r = 0;
	}
	addrset_build_free(out);
	addrset_build_free(copy);
	return (r);
}

/* 0, or -1 with errno. */
static int
write_all(int fd, const void *data, size_t len)
{
	const uint8_t	*p = data;
	ssize_t		 n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		p += n;
		len -= (size_t)n;
	}
	return (0);
}

/*
 * The head, the table, then the arrays of each list without gaps: both kinds
 * of ranges have sizes that are multiples of 8, so each array is aligned.
 */
int
addrset_write(int fd, struct addrset_build *const *lists, size_t n)
{
	struct addrset_list	table[ADDRSET_LISTS_MAX];
	struct addrset_head	head;
	uint64_t		at;
	size_t			i;

	if (n > ADDRSET_LISTS_MAX) {
		errno = EINVAL;
		return (-1);
	}
	memset(table, 0, sizeof(table));
	at = sizeof(head) + n * sizeof(table[0]);
	for (i = 0; i < n; i++) {
		table[i].off4 = table[i].off6 = at;
		if (lists[i] == NULL)
			continue;
		if (addrset_build_fold(lists[i]) == -1)
			return (-1);
		table[i].n4 = lists[i]->n4;
		table[i].off6 = at + lists[i]->n4 * sizeof(struct range4);
		table[i].n6 = lists[i]->n6;
		at = table[i].off6 + lists[i]->n6 * sizeof(struct range6);
	}
	head.magic = ADDRSET_MAGIC;
	head.size = at;
	head.n = n;
	if (write_all(fd, &head, sizeof(head)) == -1 ||
	    write_all(fd, table, n * sizeof(table[0])) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (lists[i] != NULL && (write_all(fd, lists[i]->r4,
		    lists[i]->n4 * sizeof(struct range4)) == -1 ||
		    write_all(fd, lists[i]->r6,
		    lists[i]->n6 * sizeof(struct range6)) == -1))
			return (-1);
	return (0);
}
