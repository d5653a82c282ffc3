/*
 * Settings by network; see nettab.h.  A search is one binary search for each
 * prefix length that occurs, and few lengths occur.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/nettab.h"

/* The order of the table: longer prefixes first, then by address. */
static int
prefix_order(const struct prefix *a, const struct prefix *b)
{
	if (a->len != b->len)
		return (a->len > b->len ? -1 : 1);
	return (addr_cmp(&a->addr, &b->addr));
}

/* The first place of the table that is not before p. */
static size_t
place_of(const struct nettab *t, const struct prefix *p)
{
	size_t	from = 0, to = t->n, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (prefix_order(&t->v[mid].prefix, p) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return (from);
}

/* Kept sorted; a configuration has few networks. */
int
nettab_add(struct nettab *t, const struct prefix *p, int64_t n, int64_t ms,
    const char **error)
{
	struct nettab_entry	*v;
	size_t			 at = place_of(t, p);

	if (at < t->n && prefix_order(&t->v[at].prefix, p) == 0) {
		*error = "given twice for the same network";
		return (-1);
	}
	if ((v = reallocarray(t->v, t->n + 1, sizeof(*v))) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	t->v = v;
	memmove(v + at + 1, v + at, (t->n - at) * sizeof(*v));
	v[at].prefix = *p;
	v[at].n = n;
	v[at].ms = ms;
	t->n++;
	return (0);
}

/*
 * For each length in turn: the address cut to that length is looked for.  When
 * it is not there, the search goes on at the first entry of the next shorter
 * length.
 */
const struct nettab_entry *
nettab_find(const struct nettab *t, const struct addr *a)
{
	struct prefix	p;
	size_t		at = 0;

	while (at < t->n) {
		p.len = t->v[at].prefix.len;
		p.addr = *a;
		addr_mask(&p.addr, p.len);
		at = place_of(t, &p);
		if (at < t->n && prefix_order(&t->v[at].prefix, &p) == 0 &&
		    prefix_has(&t->v[at].prefix, a))
			return (&t->v[at]);
		memset(&p.addr, 0xff, sizeof(p.addr));
		at = place_of(t, &p);
		if (at < t->n && prefix_order(&t->v[at].prefix, &p) == 0)
			at++;
	}
	return (NULL);
}

void
nettab_free(struct nettab *t)
{
	free(t->v);
	memset(t, 0, sizeof(*t));
}

/* The bits of `given' say which of the two families were set. */
int
nettab_cut(struct nettab_cut *c, const char *family, const char *length,
    const char **error)
{
	unsigned int	bit, max;
	char		*end;
	long		n;

	bit = strcmp(family, "ip4") == 0 ? NETTAB_IP4 : NETTAB_IP6;
	max = bit == NETTAB_IP4 ? ADDR4_BITS : ADDR_BITS;
	if (c->given & bit) {
		*error = "given twice for the same family";
		return (-1);
	}
	n = *length == '/' ? strtol(length + 1, &end, 10) : -1;
	if (n < 0 || n > (long)max || !ascii_is_digit(length[1]) ||
	    *end != '\0') {
		*error = bit == NETTAB_IP4 ? "must be ip4 / and a length from 0 to 32" :
		    "must be ip6 / and a length from 0 to 128";
		return (-1);
	}
	c->given |= (uint8_t)bit;
	if (bit == NETTAB_IP4)
		c->cut.ip4 = (uint8_t)n;
	else
		c->cut.ip6 = (uint8_t)n;
	return (0);
}

/* The defaults of the module, where the configuration says nothing. */
void
nettab_cut_default(struct nettab_cut *c, unsigned int ip4, unsigned int ip6)
{
	if ((c->given & NETTAB_IP4) == 0)
		c->cut.ip4 = (uint8_t)ip4;
	if ((c->given & NETTAB_IP6) == 0)
		c->cut.ip6 = (uint8_t)ip6;
	c->given = NETTAB_IP4 | NETTAB_IP6;
}
