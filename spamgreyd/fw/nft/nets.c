/*
 * The interval sets of nftables: what they hold, as the ends of its intervals,
 * and whether that is exactly a list of networks.  The second is asked before a
 * set is replaced as a whole, which is seldom needed.  Reads only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/fw/nft/nft.h"

#define EDGES_MIN	256		/* the first allocation */

/* One more; 0, or -1: no memory. */
static int
edges_add(struct nft_edges *es, const uint8_t *key, int end)
{
	struct nft_edge	*bigger;
	size_t		 size = es->size == 0 ? EDGES_MIN : es->size * 2;

	if (es->n == es->size) {
		bigger = reallocarray(es->e, size, sizeof(*bigger));
		if (bigger == NULL)
			return (-1);
		es->e = bigger;
		es->size = size;
	}
	memset(&es->e[es->n], 0, sizeof(es->e[0]));
	memcpy(es->e[es->n].key, key, es->keylen);
	es->e[es->n++].end = (uint8_t)(end != 0);
	return (0);
}

/* A callback of nft_link_dump(). */
static void
on_elem(const uint8_t *key, size_t keylen, int end, int64_t left, void *arg)
{
	struct nft_edges	*es = arg;

	(void)left;
	if (!es->failed && keylen == es->keylen &&
	    edges_add(es, key, end) == -1)
		es->failed = 1;
}

/* At the same key an end comes before the start of the next interval. */
static int
cmp_edge(const void *va, const void *vb)
{
	const struct nft_edge	*a = va, *b = vb;
	int			 c;

	if ((c = memcmp(a->key, b->key, sizeof(a->key))) != 0)
		return (c);
	return ((int)b->end - (int)a->end);
}

/* qsort(3) must not get NULL. */
static void
edges_sort(struct nft_edges *es)
{
	if (es->n > 1)
		qsort(es->e, es->n, sizeof(es->e[0]), cmp_edge);
}

/* The kernel sends elements in no order. */
int
nft_edges_read(const struct nft_id *id, const char *set, size_t keylen,
    struct nft_edges *es)
{
	int	error;

	memset(es, 0, sizeof(*es));
	es->keylen = keylen;
	if ((error = nft_link_dump(id, set, on_elem, es)) != 0)
		return (error);
	if (es->failed)
		return (ENOMEM);
	edges_sort(es);
	return (0);
}

void
nft_edges_free(struct nft_edges *es)
{
	free(es->e);
	es->e = NULL;
	es->n = es->size = 0;
}

/* The two ends of a network; 0, or -1: no memory. */
static int
edges_add_prefix(struct nft_edges *es, const struct prefix *p)
{
	uint8_t		key[16] = { 0 };
	unsigned int	len = p->len - (es->keylen == 4 ? 96 : 0);
	int		i;

	memcpy(key, p->addr.b + 16 - es->keylen, es->keylen);
	if (edges_add(es, key, 0) == -1)
		return (-1);
	if (len == 0)
		return (0);		/* to the last address: no end */
	i = (int)(len - 1) / 8;
	key[i] = (uint8_t)(key[i] + (1 << (7 - (len - 1) % 8)));
	if (key[i] == 0)
		while (--i >= 0 && ++key[i] == 0)
			;
	/* Past the last address there is no end either. */
	return (i >= 0 ? edges_add(es, key, 1) : 0);
}

/*
 * Keeps of sorted edges those where inside and outside really meet: two
 * intervals that touch become one, for the kernel may keep either form.
 */
static void
edges_fold(struct nft_edges *es)
{
	size_t	i, kept = 0;

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

/* Compares edges, since the kernel may join networks or split them: only
 * what is inside counts. */
int
nft_nets_same(const struct nft_id *id, const char *set, size_t keylen,
    const struct prefix *p, size_t n)
{
	struct nft_edges	have, want = { .keylen = keylen };
	size_t			i;
	int			error, same = 0;

	if ((error = nft_edges_read(id, set, keylen, &have)) == 0) {
		for (i = 0; i < n && error == 0; i++)
			if ((p[i].len >= 96 && addr_is4(&p[i].addr)) ==
			    (keylen == 4) &&
			    edges_add_prefix(&want, &p[i]) == -1)
				error = ENOMEM;
		edges_sort(&want);
		edges_fold(&have);
		edges_fold(&want);
		same = error == 0 && have.n == want.n && (have.n == 0 ||
		    memcmp(have.e, want.e, have.n * sizeof(have.e[0])) == 0);
	}
	nft_edges_free(&have);
	nft_edges_free(&want);
	return (error == ENOENT ? -1 : same);
}
