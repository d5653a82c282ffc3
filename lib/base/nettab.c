/*
 * Settings by network; see nettab.h.  One search by halves for each length
 * that occurs, and few do.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/nettab.h"

/* The order of the table. */
static int
compare(const struct prefix *a, const struct prefix *b)
{
	if (a->len != b->len)
		return (a->len > b->len ? -1 : 1);
	return (addr_cmp(&a->addr, &b->addr));
}

/* The first place of the table that is not before p. */
static size_t
lower(const struct nettab *t, const struct prefix *p)
{
	size_t	from = 0, to = t->n, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (compare(&t->v[mid].prefix, p) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return (from);
}

int
nettab_add(struct nettab *t, const struct prefix *p, int64_t n, int64_t ms,
    const char **error)
{
	struct nettab_entry	*v;
	size_t			 at = lower(t, p);

	if (at < t->n && compare(&t->v[at].prefix, p) == 0) {
		*error = "given twice for the same network";
		return (-1);
	}
	if ((v = reallocarray(t->v, t->n + 1, sizeof(*v))) == NULL) {
		*error = "no memory";
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

const struct nettab_entry *
nettab_find(const struct nettab *t, const struct addr *a)
{
	struct prefix	p;
	size_t		at = 0;

	while (at < t->n) {
		p.len = t->v[at].prefix.len;
		p.addr = *a;
		addr_mask(&p.addr, p.len);
		at = lower(t, &p);
		if (at < t->n && compare(&t->v[at].prefix, &p) == 0 &&
		    prefix_has(&t->v[at].prefix, a))
			return (&t->v[at]);
		/* on to the next shorter length */
		memset(&p.addr, 0xff, sizeof(p.addr));
		at = lower(t, &p);
		if (at < t->n && compare(&t->v[at].prefix, &p) == 0)
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

int
nettab_cut(struct nettab_cut *c, const char *family, const char *length,
    const char **error)
{
	unsigned int	bit, max;
	char		*end;
	long		n;

	bit = strcmp(family, "ip4") == 0 ? 1 : 2;
	max = bit == 1 ? 32 : 128;
	if (c->given & bit) {
		*error = "given twice for the same family";
		return (-1);
	}
	n = *length == '/' ? strtol(length + 1, &end, 10) : -1;
	if (n < 0 || n > (long)max || length[1] < '0' || length[1] > '9' ||
	    *end != '\0') {
		*error = bit == 1 ? "must be ip4 / and 0 to 32" :
		    "must be ip6 / and 0 to 128";
		return (-1);
	}
	c->given |= (uint8_t)bit;
	if (bit == 1)
		c->cut.ip4 = (uint8_t)n;
	else
		c->cut.ip6 = (uint8_t)n;
	return (0);
}

void
nettab_cut_default(struct nettab_cut *c, unsigned int ip4, unsigned int ip6)
{
	if ((c->given & 1) == 0)
		c->cut.ip4 = (uint8_t)ip4;
	if ((c->given & 2) == 0)
		c->cut.ip6 = (uint8_t)ip6;
	c->given = 3;
}
