/*
 * A compiled image in use; see addrset.h and addrset_int.h.  The image comes
 * from another process of the same daemon; it is checked as a whole before the
 * first look-up, so that no look-up can leave it.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addrset/addrset.h"
#include "lib/addrset/addrset_int.h"

#define STEP	16	/* IPv4 ranges in two lines of the cache */

/*
 * steps4 and steps6 hold the last address of each STEPth range: what a look-up
 * steps through stays in the cache, and only the range itself has to be
 * fetched from memory.
 */
struct addrset {
	const uint8_t		*map;
	size_t			 size;
	size_t			 n;
	struct addrset_list	 lists[ADDRSET_LISTS_MAX];
	uint32_t		*steps4[ADDRSET_LISTS_MAX];
	struct addr		*steps6[ADDRSET_LISTS_MAX];
};

/* Checked by image_valid: the array lies inside the image and is aligned. */
static const struct range4 *
list4(const struct addrset *s, size_t i)
{
	return ((const struct range4 *)(const void *)
	    (s->map + s->lists[i].off4));
}

static const struct range6 *
list6(const struct addrset *s, size_t i)
{
	return ((const struct range6 *)(const void *)
	    (s->map + s->lists[i].off6));
}

/* An array of n elements lies inside the image, at a multiple of 8. */
static int
array_fits(uint64_t off, uint64_t n, size_t each, size_t size)
{
	return (off % 8 == 0 && off <= size && n <= (size - off) / each);
}

/*
 * Are the ranges sorted and disjoint? Otherwise a search would answer
 * anything.
 */
static int
list_ordered(const struct addrset *s, size_t i)
{
	const struct range4	*r4 = list4(s, i);
	const struct range6	*r6 = list6(s, i);
	uint64_t		 k;

	for (k = 0; k < s->lists[i].n4; k++)
		if (r4[k].lo > r4[k].hi || (k > 0 && r4[k - 1].hi >= r4[k].lo))
			return (0);
	for (k = 0; k < s->lists[i].n6; k++)
		if (addr_cmp(&r6[k].lo, &r6[k].hi) > 0 || (k > 0 &&
		    addr_cmp(&r6[k - 1].hi, &r6[k].lo) >= 0))
			return (0);
	return (1);
}

/*
 * Copies the table of lists and checks all that a look-up relies on.  Nobody
 * changes the file afterwards: it has no name, and only its maker could write
 * to it.
 */
static int
image_valid(struct addrset *s)
{
	struct addrset_head	 head;
	const struct addrset_list *l;
	size_t			 i;

	if (s->size < sizeof(head))
		return (0);
	memcpy(&head, s->map, sizeof(head));
	if (head.magic != ADDRSET_MAGIC || head.size != s->size ||
	    head.n > ADDRSET_LISTS_MAX ||
	    head.n * sizeof(*l) > s->size - sizeof(head))
		return (0);
	s->n = (size_t)head.n;
	memcpy(s->lists, s->map + sizeof(head), s->n * sizeof(*l));
	for (i = 0; i < s->n; i++) {
		l = &s->lists[i];
		if (!array_fits(l->off4, l->n4, sizeof(struct range4),
		    s->size) || !array_fits(l->off6, l->n6,
		    sizeof(struct range6), s->size) || !list_ordered(s, i))
			return (0);
	}
	return (1);
}

/* Copies the ends that a look-up steps through. -1: no memory. */
static int
make_steps(struct addrset *s)
{
	const struct addrset_list	*l;
	size_t				 i, k, n4, n6;

	for (i = 0; i < s->n; i++) {
		l = &s->lists[i];
		n4 = (size_t)(l->n4 / STEP);
		n6 = (size_t)(l->n6 / STEP);
		s->steps4[i] = calloc(n4 + 1, sizeof(*s->steps4[i]));
		s->steps6[i] = calloc(n6 + 1, sizeof(*s->steps6[i]));
		if (s->steps4[i] == NULL || s->steps6[i] == NULL)
			return (-1);
		for (k = 0; k < n4; k++)
			s->steps4[i][k] = list4(s, i)[k * STEP + STEP - 1].hi;
		for (k = 0; k < n6; k++)
			s->steps6[i][k] = list6(s, i)[k * STEP + STEP - 1].hi;
	}
	return (0);
}

/*
 * EINVAL for a file that is not an image: the parent is of another version, or
 * wrote it only in part.
 */
struct addrset *
addrset_map(int fd)
{
	struct addrset	*s;
	struct stat	 st;
	void		*map;

	if (fstat(fd, &st) == -1)
		return (NULL);
	if (!S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)sizeof(struct addrset_head) ||
	    (uintmax_t)st.st_size > SIZE_MAX) {
		errno = EINVAL;
		return (NULL);
	}
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->size = (size_t)st.st_size;
	map = mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		free(s);
		return (NULL);
	}
	s->map = map;
	if (!image_valid(s)) {
		addrset_unmap(s);
		errno = EINVAL;
		return (NULL);
	}
	if (make_steps(s) == -1) {
		addrset_unmap(s);
		errno = ENOMEM;
		return (NULL);
	}
	return (s);
}

/*
 * munmap takes a pointer without const; the union avoids a cast that drops it.
 */
void
addrset_unmap(struct addrset *s)
{
	union {
		const uint8_t	*from;
		void		*to;
	} map;
	size_t	i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++) {
		free(s->steps4[i]);
		free(s->steps6[i]);
	}
	map.from = s->map;
	(void)munmap(map.to, s->size);
	free(s);
}

size_t
addrset_lists(const struct addrset *s)
{
	return (s == NULL ? 0 : s->n);
}

/*
 * The first step that is not below a names a block of STEP ranges; the second
 * search finds the range in it.  Searching for the end of a range, not for its
 * beginning, leaves one comparison at the end.
 */
static int
has4(const struct range4 *r, uint64_t n, const uint32_t *steps, uint32_t a)
{
	uint64_t	lo = 0, hi = n / STEP, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (steps[mid] < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	lo *= STEP;
	hi = lo + STEP < n ? lo + STEP : n;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (r[mid].hi < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo < n && r[lo].lo <= a);
}

/* The same for IPv6. */
static int
has6(const struct range6 *r, uint64_t n, const struct addr *steps,
    const struct addr *a)
{
	uint64_t	lo = 0, hi = n / STEP, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (addr_cmp(&steps[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	lo *= STEP;
	hi = lo + STEP < n ? lo + STEP : n;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (addr_cmp(&r[mid].hi, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo < n && addr_cmp(&r[lo].lo, a) <= 0);
}

/* Bit i of the mask and of the answer stands for list i. */
uint64_t
addrset_lookup_mask(const struct addrset *s, const struct addr *a,
    uint64_t mask)
{
	uint64_t	found = 0, bit = 1;
	uint32_t	a4;
	size_t		i;
	int		is4 = addr_is4(a);

	if (s == NULL)
		return (0);
	a4 = addrset_v4(a);
	for (i = 0; i < s->n && mask != 0; i++, bit <<= 1) {
		if (!(mask & bit))
			continue;
		mask &= ~bit;
		if (is4 ? has4(list4(s, i), s->lists[i].n4, s->steps4[i], a4) :
		    has6(list6(s, i), s->lists[i].n6, s->steps6[i], a))
			found |= bit;
	}
	return (found);
}

uint64_t
addrset_lookup(const struct addrset *s, const struct addr *a)
{
	return (addrset_lookup_mask(s, a, UINT64_MAX));
}

/*
 * The range as prefixes no shorter than min, each as large as it can be: a
 * prefix is shortened as long as it begins at lo and does not end past hi.  A
 * part of an IPv6 range that would be an IPv4 prefix is left out.
 */
static int
range_each(struct addr lo, const struct addr *hi, unsigned int min,
    int (*fn)(const struct prefix *, void *), void *arg)
{
	struct prefix	p;
	struct addr	first, last = lo, end;
	unsigned int	len;
	int		r;

	for (;;) {
		for (len = ADDR_BITS; len > min; len--) {
			first = end = lo;
			addr_mask(&first, len - 1);
			addr_fill(&end, len - 1);
			if (addr_cmp(&first, &lo) != 0 ||
			    addr_cmp(&end, hi) > 0)
				break;
		}
		p.addr = last = lo;
		p.len = (uint8_t)len;
		addr_fill(&last, len);
		if ((min == ADDR4_SKIP || len < ADDR4_SKIP || !addr_is4(&lo)) &&
		    (r = fn(&p, arg)) != 0)
			return (r);
		if (addr_cmp(&last, hi) >= 0)
			return (0);
		lo = last;
		addr_up(&lo);
	}
}

int
addrset_split(const struct addr *lo, const struct addr *hi,
    int (*fn)(const struct prefix *, void *), void *arg)
{
	return (range_each(*lo, hi, addr_is4(lo) && addr_is4(hi) ? ADDR4_SKIP :
	    0, fn, arg));
}

/* The ranges of the image, without splitting them. */
int
addrset_each_range(const struct addrset *s, size_t i,
    int (*fn)(const struct addr *, const struct addr *, void *), void *arg)
{
	const struct range4	*r4;
	const struct range6	*r6;
	struct addr		 lo, hi;
	uint64_t		 k;
	int			 r;

	if (s == NULL || i >= s->n)
		return (0);
	r4 = list4(s, i);
	for (k = 0; k < s->lists[i].n4; k++) {
		addrset_from_v4(r4[k].lo, &lo);
		addrset_from_v4(r4[k].hi, &hi);
		if ((r = fn(&lo, &hi, arg)) != 0)
			return (r);
	}
	r6 = list6(s, i);
	for (k = 0; k < s->lists[i].n6; k++)
		if ((r = fn(&r6[k].lo, &r6[k].hi, arg)) != 0)
			return (r);
	return (0);
}

struct each {
	int	(*fn)(const struct prefix *, void *);
	void	*arg;
};

static int
each_range(const struct addr *lo, const struct addr *hi, void *arg)
{
	const struct each	*e = arg;

	return (addrset_split(lo, hi, e->fn, e->arg));
}

int
addrset_each(const struct addrset *s, size_t i,
    int (*fn)(const struct prefix *, void *), void *arg)
{
	struct each	e = { fn, arg };

	return (addrset_each_range(s, i, each_range, &e));
}
