/*
 * Which ids differ.  Ranges whose sums differ are split into sixteen parts,
 * and those again, until a range has so few entries that listing them costs
 * less than another split.  It goes depth first, so that differences are
 * found (and can be exchanged) from early on, and memory stays bounded
 * whatever the other side says.
 */
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/sync/sync.h"

#define LEAF		24	/* entries of theirs: list, do not split */
#define LEAF_ALONE	512	/* the same for a range where we have none */

/* A range, and what the other side has in it. */
struct node {
	struct bulk_range	range;
	struct bulk_sum		theirs;
};

struct compare {
	struct sync_local	*local;
	struct sync_link	*link;
	const struct sync_diff	*diff;
	struct node		*todo;		/* to be split */
	size_t			 n, size;
	struct node		 list[BULK_ASK_MAX];	/* to be listed */
	size_t			 nlist, items;
};

static int
bad_answer(struct compare *c)
{
	out_error("%s: its answer is malformed", c->link->host);
	return (-1);
}

/* Tells all of ours in a range in which they have nothing. */
static int
all_ours(struct compare *c, const struct bulk_range *r)
{
	size_t	i, from, to;

	bulkset_span(&c->local->set, r, &from, &to);
	for (i = from; i < to; i++)
		if (c->diff->fn(1, 0, c->local->set.v[i].id,
		    c->diff->arg) == -1)
			return (-1);
	return (0);
}

/* Compares the ids of a range on both sides, each in order. */
static int
compare_items(struct compare *c, const struct bulk_range *r,
    const struct bulk_item *it, size_t n)
{
	const struct bulk_member	*v = c->local->set.v;
	size_t				 i, from, to;
	int				 rc = 0;

	bulkset_span(&c->local->set, r, &from, &to);
	for (i = 0; rc == 0 && (i < n || from < to);) {
		if (i == n || (from < to && v[from].id < it[i].id))
			rc = c->diff->fn(1, 0, v[from++].id, c->diff->arg);
		else if (from == to || it[i].id < v[from].id)
			rc = c->diff->fn(0, 1, it[i++].id, c->diff->arg);
		else {
			if (it[i].sum != v[from].sum)
				rc = c->diff->fn(1, 1, it[i].id,
				    c->diff->arg);
			i++;
			from++;
		}
	}
	return (rc);
}

/*
 * Reads their ids of all ranges that were asked for, and checks that each is
 * in its range and in order.
 */
static int
read_items(struct compare *c, struct bulk_get *f, struct bulk_item *items)
{
	const struct bulk_range	*r;
	size_t			 i, n = 0;
	uint16_t		 j, count;

	for (i = 0; i < c->nlist; i++) {
		r = &c->list[i].range;
		if (bulk_get_u16(f, &count) == -1 ||
		    count != c->list[i].theirs.count)
			return (-1);
		for (j = 0; j < count; j++, n++) {
			if (bulk_get_item(f, &items[n]) == -1 ||
			    items[n].id < bulk_first(r) ||
			    items[n].id > bulk_last(r) ||
			    (j > 0 && items[n].id <= items[n - 1].id))
				return (-1);
		}
	}
	return (f->left == 0 ? 0 : -1);
}

/* Asks for the ids of the ranges that wait. */
static int
ask_list(struct compare *c)
{
	static struct bulk_item	items[BULK_ITEMS_MAX];
	struct bulk_get		f;
	size_t			i, at = 0, n = c->nlist;

	if (n == 0)
		return (0);
	bulk_begin(&c->link->frame, BULK_LIST);
	for (i = 0; i < n; i++)
		bulk_range(&c->link->frame, &c->list[i].range);
	if (link_ask(c->link, BULK_ITEMS, &f) == -1)
		return (-1);
	if (read_items(c, &f, items) == -1)
		return (bad_answer(c));
	c->nlist = c->items = 0;
	for (i = 0; i < n; i++) {
		if (compare_items(c, &c->list[i].range, items + at,
		    c->list[i].theirs.count) == -1)
			return (-1);
		at += c->list[i].theirs.count;
	}
	return (0);
}

/* A range to be listed. */
static int
later_list(struct compare *c, const struct node *node)
{
	if ((c->nlist == BULK_ASK_MAX ||
	    c->items + node->theirs.count > BULK_ITEMS_MAX) &&
	    ask_list(c) == -1)
		return (-1);
	c->list[c->nlist++] = *node;
	c->items += node->theirs.count;
	return (0);
}

/* A range to be split. */
static int
later_split(struct compare *c, const struct node *node)
{
	struct node	*more;
	size_t		 size;

	if (c->n == c->size) {
		size = c->size == 0 ? 1024 : 2 * c->size;
		if ((more = reallocarray(c->todo, size,
		    sizeof(*more))) == NULL) {
			out_error("no memory");
			return (-1);
		}
		c->todo = more;
		c->size = size;
	}
	c->todo[c->n++] = *node;
	return (0);
}

/* Decides what to do with a range. */
static int
compare_range(struct compare *c, const struct node *node)
{
	struct bulk_sum	ours;
	uint32_t	theirs = node->theirs.count;

	bulkset_sum(&c->local->set, &node->range, &ours);
	if (ours.count == theirs && ours.sum == node->theirs.sum)
		return (0);
	if (theirs == 0)
		return (all_ours(c, &node->range));
	if (node->range.depth == BULK_DEPTH_MAX && theirs > 1)
		return (bad_answer(c));
	if (theirs <= LEAF || (ours.count == 0 && theirs <= LEAF_ALONE) ||
	    node->range.depth == BULK_DEPTH_MAX)
		return (later_list(c, node));
	return (later_split(c, node));
}

/*
 * Reads the sums of the parts, which together must have as many entries as
 * the whole.
 */
static int
read_sums(struct bulk_get *f, const struct node *whole,
    struct bulk_sum sums[BULK_WAYS])
{
	uint64_t	count = 0;
	unsigned int	i;

	for (i = 0; i < BULK_WAYS; i++) {
		if (bulk_get_sum(f, &sums[i]) == -1)
			return (-1);
		count += sums[i].count;
	}
	return (count == whole->theirs.count ? 0 : -1);
}

/* Splits the ranges that were put aside last, which are the deepest. */
static int
ask_split(struct compare *c)
{
	static struct bulk_sum	sums[BULK_ASK_MAX][BULK_WAYS];
	static struct node	asked[BULK_ASK_MAX];
	struct node		part;
	struct bulk_get		f;
	size_t			i, n;
	unsigned int		j;

	n = c->n < BULK_ASK_MAX ? c->n : BULK_ASK_MAX;
	c->n -= n;
	memcpy(asked, c->todo + c->n, n * sizeof(*asked));
	bulk_begin(&c->link->frame, BULK_SPLIT);
	for (i = 0; i < n; i++)
		bulk_range(&c->link->frame, &asked[i].range);
	if (link_ask(c->link, BULK_SUMS, &f) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (read_sums(&f, &asked[i], sums[i]) == -1)
			return (bad_answer(c));
	if (f.left != 0)
		return (bad_answer(c));
	for (i = 0; i < n; i++) {
		for (j = 0; j < BULK_WAYS; j++) {
			part.range = bulk_part(&asked[i].range, j);
			part.theirs = sums[i][j];
			if (compare_range(c, &part) == -1)
				return (-1);
		}
	}
	return (0);
}

/* Splits before it lists: deeper ranges first. */
int
sync_compare(struct sync_local *local, struct sync_link *l,
    const struct bulk_sum *theirs, const struct sync_diff *diff)
{
	static struct compare	c;
	struct node		all;
	int			rc;

	memset(&c, 0, sizeof(c));
	memset(&all, 0, sizeof(all));
	c.local = local;
	c.link = l;
	c.diff = diff;
	all.theirs = *theirs;
	rc = compare_range(&c, &all);
	while (rc == 0 && (c.n > 0 || c.nlist > 0))
		rc = c.n > 0 ? ask_split(&c) : ask_list(&c);
	free(c.todo);
	return (rc);
}
