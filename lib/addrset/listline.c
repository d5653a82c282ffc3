/*
 * Lines of address lists; see listline.h.  A list may have a million of them:
 * IPv4, which most are, is read without a copy.
 */
#include <string.h>

#include "lib/addrset/listline.h"

struct text {
	const char	*s, *end;
};

static const char	not_one[] = "is not an address, a network or a range, "
			    "as 192.0.2.1, 192.0.2.0/24 or 192.0.2.1 - 192.0.2.9";

static int
is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\r');
}

static int
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

static void
skip_blanks(struct text *t)
{
	while (t->s < t->end && is_blank(*t->s))
		t->s++;
}

/* Does an address end here? */
static int
at_end(const struct text *t)
{
	return (t->s == t->end || is_blank(*t->s) ||
	    memchr("#;,|/-", *t->s, 6) != NULL);
}

/* Four numbers of at most three digits, none with a zero before it: nobody
 * knows what base that would be. */
static int
take_v4(struct text *t, struct addr *a)
{
	static const uint8_t	mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char		*first;
	unsigned int		 i, n;

	memcpy(a->b, mapped, sizeof(mapped));
	for (i = 0; i < 4; i++) {
		if (i > 0 && (t->s == t->end || *t->s++ != '.'))
			return (-1);
		first = t->s;
		for (n = 0; t->s < t->end && is_digit(*t->s) &&
		    t->s - first < 4; t->s++)
			n = n * 10 + (unsigned int)(*t->s - '0');
		if (t->s == first || n > 255 ||
		    (*first == '0' && t->s - first > 1))
			return (-1);
		a->b[12 + i] = (uint8_t)n;
	}
	return (at_end(t) ? 0 : -1);
}

static int
take_addr(struct text *t, struct addr *a)
{
	struct text	 whole = *t;
	char		 copy[ADDR_STRLEN];
	size_t		 n;

	if (take_v4(t, a) == 0)
		return (0);
	*t = whole;
	for (n = 0; t->s < t->end && !at_end(t); t->s++) {
		if (n == sizeof(copy) - 1 || *t->s == '\0')
			return (-1);
		copy[n++] = *t->s;
	}
	copy[n] = '\0';
	return (strchr(copy, ':') != NULL ? addr_parse(copy, a) : -1);
}

void
listline_last(const struct prefix *p, struct addr *last)
{
	unsigned int	i = p->len / 8;

	*last = p->addr;
	if (p->len >= 128)
		return;
	last->b[i] |= (uint8_t)(0xff >> (p->len % 8));
	for (i++; i < sizeof(last->b); i++)
		last->b[i] = 0xff;
}

/* "/24": the network that the address is in, whatever its other bits are. */
static enum listline
take_length(struct text *t, int flags, struct addr *lo, struct addr *hi,
    const char **error)
{
	unsigned int	 max = addr_is4(lo) ? 32 : 128, len = 0;
	const char	*first = ++t->s;
	struct prefix	 p;

	for (; t->s < t->end && is_digit(*t->s) && t->s - first < 4; t->s++)
		len = len * 10 + (unsigned int)(*t->s - '0');
	if (t->s == first || !at_end(t)) {
		*error = "has no prefix length behind its /";
		return (LISTLINE_BAD);
	}
	if (len > max) {
		*error = max == 32 ? "the prefix length is more than 32" :
		    "the prefix length is more than 128";
		return (LISTLINE_BAD);
	}
	if (len == 0 && !(flags & LISTLINE_ALL)) {
		*error = "all addresses (/0) are not for a list of others";
		return (LISTLINE_BAD);
	}
	p.addr = *lo;
	p.len = (uint8_t)(128 - max + len);
	addr_mask(&p.addr, p.len);
	*lo = p.addr;
	listline_last(&p, hi);
	return (LISTLINE_RANGE);
}

/*
 * Behind blanks, dashes or both there may be the other end of a range; what is
 * no address is text, unless it was written as a range and is none.
 */
static enum listline
take_range(struct text *t, struct addr *lo, struct addr *hi,
    const char **error)
{
	const char	*from = t->s;
	int		 dash = 0;

	while (t->s < t->end && (is_blank(*t->s) || *t->s == '-'))
		dash |= *t->s++ == '-';
	if (t->s == t->end || t->s == from)
		return (LISTLINE_RANGE);
	from = t->s;
	if (take_addr(t, hi) == -1) {
		*hi = *lo;
		if (!dash || !is_digit(*from))
			return (LISTLINE_RANGE);
		*error = "the second address of the range is none";
		return (LISTLINE_BAD);
	}
	if (addr_is4(lo) != addr_is4(hi)) {
		*error = "the range has an IPv4 and an IPv6 address";
		return (LISTLINE_BAD);
	}
	if (addr_cmp(lo, hi) > 0) {
		*error = "the range ends before it begins";
		return (LISTLINE_BAD);
	}
	return (LISTLINE_RANGE);
}

enum listline
listline_parse(const char *line, size_t len, int flags, struct addr *lo,
    struct addr *hi, const char **error)
{
	struct text	t = { line, line + len };

	skip_blanks(&t);
	if (t.s == t.end || *t.s == '#' || *t.s == ';')
		return (LISTLINE_NONE);
	if (take_addr(&t, lo) == -1) {
		*error = not_one;
		return (LISTLINE_BAD);
	}
	*hi = *lo;
	if (t.s < t.end && *t.s == '/')
		return (take_length(&t, flags, lo, hi, error));
	return (take_range(&t, lo, hi, error));
}
