/*
 * Does an interval set of nftables hold exactly these networks?  Asked before
 * the set is replaced as a whole, which is seldom needed.  Reads only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fw_nft.h"

/*
 * The ends of a set's intervals, to compare what is there with what ought to
 * be.  Two that touch count as one, for the kernel may keep either form.
 */
struct edge {
	uint8_t		 key[16];
	uint8_t		 end;
};

struct edges {
	struct edge	*e;
	size_t		 n, size;
	size_t		 keylen;
	int		 failed;
};

static void
add_edge(const uint8_t *key, size_t keylen, int end, int64_t left, void *arg)
{
	struct edges	*es = arg;
	struct edge	*bigger;
	size_t		 size = es->size == 0 ? 64 : es->size * 2;

	(void)left;
	if (es->failed || keylen != es->keylen)
		return;
	if (es->n == es->size) {
		bigger = reallocarray(es->e, size, sizeof(*bigger));
		if (bigger == NULL) {
			es->failed = 1;
			return;
		}
		es->e = bigger;
		es->size = size;
	}
	memset(&es->e[es->n], 0, sizeof(es->e[0]));
	memcpy(es->e[es->n].key, key, keylen);
	es->e[es->n++].end = (uint8_t)(end != 0);
}

static void
add_prefix(struct edges *es, const struct prefix *p)
{
	uint8_t		key[16] = { 0 };
	unsigned int	len = p->len - (es->keylen == 4 ? 96 : 0);
	int		i;

	memcpy(key, p->addr.b + 16 - es->keylen, es->keylen);
	add_edge(key, es->keylen, 0, -1, es);
	if (len == 0)
		return;			/* to the last address: no end */
	i = (int)(len - 1) / 8;
	key[i] = (uint8_t)(key[i] + (1 << (7 - (len - 1) % 8)));
	if (key[i] == 0)
		while (--i >= 0 && ++key[i] == 0)
			;
	if (i >= 0)
		add_edge(key, es->keylen, 1, -1, es);
}

static int
cmp_edge(const void *va, const void *vb)
{
	const struct edge	*a = va, *b = vb;
	int			 c;

	if ((c = memcmp(a->key, b->key, sizeof(a->key))) != 0)
		return (c);
	return ((int)b->end - (int)a->end);	/* the end, then a new start */
}

/* Sorted, and only where inside and outside really meet. */
static void
fold_edges(struct edges *es)
{
	size_t	i, kept = 0;

	if (es->n > 1)
		qsort(es->e, es->n, sizeof(es->e[0]), cmp_edge);
	for (i = 0; i < es->n; i++) {
		if (es->e[i].end == (kept % 2 == 0))
			continue;	/* an end outside, a start inside */
		if (!es->e[i].end && kept > 0 && memcmp(es->e[i].key,
		    es->e[kept - 1].key, sizeof(es->e[i].key)) == 0)
			kept--;		/* it begins where the last one ends */
		else
			es->e[kept++] = es->e[i];
	}
	es->n = kept;
}

int
nft_nets_same(const struct nft_id *id, const char *set, size_t keylen,
    const struct prefix *p, size_t n)
{
	struct edges	have, want;
	size_t		i;
	int		error, same = 0;

	memset(&have, 0, sizeof(have));
	memset(&want, 0, sizeof(want));
	have.keylen = want.keylen = keylen;
	if ((error = nft_link_dump(id, set, add_edge, &have)) == 0) {
		for (i = 0; i < n; i++)
			if ((p[i].len >= 96 && addr_is4(&p[i].addr)) ==
			    (keylen == 4))
				add_prefix(&want, &p[i]);
		fold_edges(&have);
		fold_edges(&want);
		same = !have.failed && !want.failed && have.n == want.n &&
		    (have.n == 0 || memcmp(have.e, want.e,
		    have.n * sizeof(have.e[0])) == 0);
	}
	free(have.e);
	free(want.e);
	return (error == ENOENT ? -1 : same);
}
