/*
 * The changes of a message in order: by position, by name and number, and by
 * prefix, so that each field of the message is looked up once.  Pure.
 */
#include <sys/types.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spamgreyd/pass/message/edit_apply_int.h"

static int
name_cmp(const void *key, const void *member)
{
	return (strcasecmp(key, ((const struct named *)member)->name));
}

struct named *
msgapply_named(struct msgapply *a, const char *name)
{
	return (bsearch(name, a->names, a->nnames, sizeof(*a->names),
	    name_cmp));
}

/* Returns the newest change for that number of the name, or NULL. */
const struct edit *
msgapply_change_of(const struct msgapply *a, const struct named *n,
    unsigned int index)
{
	size_t	lo = n->first, hi = n->first + n->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (a->changes[mid]->index <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo > n->first && a->changes[lo - 1]->index == index ?
	    a->changes[lo - 1] : NULL);
}

static int
insert_cmp(const void *x, const void *y)
{
	const struct edit	*a = *(const struct edit *const *)x;
	const struct edit	*b = *(const struct edit *const *)y;

	if (a->index != b->index)
		return (a->index < b->index ? -1 : 1);
	/* A later one is put above an earlier one at the same place. */
	return (a > b ? -1 : a < b);
}

/* By name and number; the newest change of a number comes last. */
static int
change_cmp(const void *x, const void *y)
{
	const struct edit	*a = *(const struct edit *const *)x;
	const struct edit	*b = *(const struct edit *const *)y;
	int			 r = strcasecmp(a->name, b->name);

	if (r != 0)
		return (r);
	if (a->index != b->index)
		return (a->index < b->index ? -1 : 1);
	return (a < b ? -1 : a > b);
}

static void
apply_sort(struct msgapply *a)
{
	qsort(a->inserts, a->ninserts, sizeof(*a->inserts), insert_cmp);
	qsort(a->changes, a->nchanges, sizeof(*a->changes), change_cmp);
}

/* Everything is allocated once, for the number of changes. */
int
msgapply_alloc(struct msgapply *a)
{
	size_t	n = a->e->n + 1;

	a->edit = calloc(n, sizeof(*a->edit));
	a->inserts = calloc(n, sizeof(*a->inserts));
	a->changes = calloc(n, sizeof(*a->changes));
	a->drops = calloc(n, sizeof(*a->drops));
	a->names = calloc(n, sizeof(*a->names));
	a->wanted = calloc(n, 1);
	a->out = spool_new();
	return (a->edit == NULL || a->inserts == NULL || a->changes == NULL ||
	    a->drops == NULL || a->names == NULL || a->wanted == NULL ||
	    a->out == NULL ? -1 : 0);
}

/*
 * Sorts the changes into those by position, by name, and by prefix, and
 * collects the names.  Removals that are for marked messages only have index 1
 * and are left out.
 */
void
msgapply_prepare(struct msgapply *a)
{
	struct edit	*one;
	struct named	*n;
	size_t		 i;

	a->phase = MAKING;
	for (i = 0; i < a->e->n; i++) {
		one = &a->edit[i];
		*one = a->e->edit[i];
		if (one->kind == EDIT_INSERT)
			a->inserts[a->ninserts++] = one;
		else if (one->kind == EDIT_CHANGE)
			a->changes[a->nchanges++] = one;
		else if (one->kind == EDIT_DROP && one->index == 0)
			a->drops[a->ndrops++] = one;
		if (one->from_end)
			a->phase = COUNTING;
	}
	apply_sort(a);
	for (i = 0; i < a->nchanges; i++) {
		n = a->nnames == 0 ? NULL : &a->names[a->nnames - 1];
		if (n == NULL || strcasecmp(n->name, a->changes[i]->name) != 0) {
			n = &a->names[a->nnames++];
			n->name = a->changes[i]->name;
			n->first = i;
		}
		n->n++;
	}
}

/*
 * All fields are counted: indices from the end become indices from the top, and
 * the message is read again from its beginning.  A field that does not exist
 * gets UINT_MAX.
 */
void
msgapply_counted(struct msgapply *a)
{
	struct named	*n;
	struct edit	*one;
	unsigned int	 there;
	size_t		 i;

	for (i = 0; i < a->e->n; i++) {
		one = &a->edit[i];
		if (!one->from_end)
			continue;
		if (one->kind == EDIT_CHANGE) {
			n = msgapply_named(a, one->name);
			there = n == NULL ? 0 : n->seen;
			one->index = one->index > there ? UINT_MAX :
			    there - one->index + 1;
		} else if (one->index > 0)
			one->index = one->index > a->fields ? 1 :
			    a->fields - one->index + 2;
		else
			one->index = UINT_MAX;
	}
	apply_sort(a);
	for (i = 0; i < a->nnames; i++)
		a->names[i].seen = 0;
	a->fields = 0;
	a->where = AT_LINE;
	hdrline_begin(&a->line, 0);
	a->at = 0;
	a->phase = MAKING;
}
