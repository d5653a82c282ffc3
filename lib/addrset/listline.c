/*
 * Lines of address lists; see listline.h.  A list may have a million of them:
 * IPv4, which most are, is read without a copy.
 */
#include <string.h>

#include "lib/addrset/listline.h"
#include "lib/base/ascii.h"

/* What is left of a line. */
struct text {
	const char	*s, *end;
};

static const char	not_one[] = "is not an address, a network or a range, "
			    "for example 192.0.2.1, 192.0.2.0/24 or "
			    "192.0.2.1 - 192.0.2.9";

/* A CR at the end of a line of another system counts as a blank. */
static int
is_list_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\r');
}

static void
skip_list_blanks(struct text *t)
{
	while (t->s < t->end && is_list_blank(*t->s))
		t->s++;
}

/* Does an address end here? The NUL of the string is one of the six octets. */
static int
at_end(const struct text *t)
{
	return (t->s == t->end || is_list_blank(*t->s) ||
	    memchr("#;,|/-", *t->s, 6) != NULL);
}

/*
 * Four numbers of at most three digits, none with a zero before it: some
 * programs read 010 as octal.  -1: it is not one, and *t has moved.
 */
static int
take_v4(struct text *t, struct addr *a)
{
	uint8_t		 ip4[ADDR4_LEN];
	const char	*first;
	unsigned int	 i, n;

	for (i = 0; i < ADDR4_LEN; i++) {
		if (i > 0 && (t->s == t->end || *t->s++ != '.'))
			return (-1);
		first = t->s;
		for (n = 0; t->s < t->end && ascii_is_digit(*t->s) &&
		    t->s - first < 4; t->s++)
			n = n * 10 + (unsigned int)(*t->s - '0');
		if (t->s == first || n > 255 ||
		    (*first == '0' && t->s - first > 1))
			return (-1);
		ip4[i] = (uint8_t)n;
	}
	addr_set4(a, ip4);
	return (at_end(t) ? 0 : -1);
}

/* IPv6 is left to addr_parse, of a copy with an end. */
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

/* "/24": the network that the address is in, whatever its other bits are. */
static enum listline
take_length(struct text *t, int flags, struct addr *lo, struct addr *hi,
    const char **error)
{
	unsigned int	 max = addr_is4(lo) ? ADDR4_BITS : ADDR_BITS,
			 len = 0;
	const char	*first = ++t->s;

	for (; t->s < t->end && ascii_is_digit(*t->s) && t->s - first < 4;
	    t->s++)
		len = len * 10 + (unsigned int)(*t->s - '0');
	if (t->s == first || !at_end(t)) {
		*error = "has no prefix length after the /";
		return (LISTLINE_BAD);
	}
	if (len > max) {
		*error = max == ADDR4_BITS ?
		    "the prefix length is more than 32" :
		    "the prefix length is more than 128";
		return (LISTLINE_BAD);
	}
	if (len == 0 && !(flags & LISTLINE_ALL)) {
		*error = "means all addresses, which is not allowed in this list";
		return (LISTLINE_BAD);
	}
	len += ADDR_BITS - max;
	addr_mask(lo, len);
	*hi = *lo;
	addr_fill(hi, len);
	return (LISTLINE_RANGE);
}

/*
 * Behind blanks, dashes or both there may be the other end of a range.  What
 * is not an address there is a remark, unless it was written as a range.
 */
static enum listline
take_range(struct text *t, struct addr *lo, struct addr *hi,
    const char **error)
{
	const char	*from = t->s;
	int		 dash = 0;

	while (t->s < t->end && (is_list_blank(*t->s) || *t->s == '-'))
		dash |= *t->s++ == '-';
	if (t->s == t->end || t->s == from)
		return (LISTLINE_RANGE);
	from = t->s;
	if (take_addr(t, hi) == -1) {
		*hi = *lo;
		if (!dash || !ascii_is_digit(*from))
			return (LISTLINE_RANGE);
		*error = "the second address of the range is malformed";
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

/* The first character that is not blank decides: a remark, or an address. */
enum listline
listline_parse(const char *line, size_t len, int flags, struct addr *lo,
    struct addr *hi, const char **error)
{
	struct text	t = { line, line + len };

	skip_list_blanks(&t);
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
