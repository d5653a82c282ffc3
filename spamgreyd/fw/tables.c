/*
 * Tables of blacklists: `blacklist ... table "NAME"' has its networks put
 * into a table (PF) or two sets (nftables) of the firewall, for rules of the
 * administrator's own that block or redirect.
 *
 * A comparison reads what is in a table and changes the differences, in
 * slices with the event loop between them.  What is wanted is made from the
 * lists for that time only, since a list of a million networks should not be
 * in memory twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw_int.h"

#define TABLES_RETRY_MS	30000	/* after a failure */
/* Comparisons that others' changes cause take at most a twentieth of the
 * time. */
#define TABLES_REST	20

struct ranges {
	struct fw_net	*v;
	size_t		 n, size, done;
	int		 failed;
};

/* A table that a list of the configuration names; by name, in r->tables. */
struct fw_table {
	struct fw_table	*next;
	char		*name;
	int		 kept;		/* the configuration still has it */
	int		 due;		/* to be compared, … */
	int64_t		 not_before;	/* … but not before; mono ms */
	int		 refill;	/* a difference was refused: clear it and
					   fill all of it */
	int		 working;
	int		 gone;		/* does not exist: looked for each second */
	int64_t		 last, took;	/* the last comparison: when (mono ms),
					   and how long it took (ms) */
	long		 count;		/* after our last change; -1: unknown */
	size_t		 wanted;	/* networks that the lists have */
	size_t		 share;		/* as many of these as there is room */
	struct ranges	 del, add;
};

/* The structure may be used again afterwards. */
static void
ranges_free(struct ranges *v)
{
	free(v->v);
	memset(v, 0, sizeof(*v));
}

/* One more network.  On failure v->failed is set and the list is
 * incomplete: its user must not act on it. */
static void
ranges_add(struct ranges *v, const struct fw_net *net)
{
	struct fw_net	*bigger;
	size_t		 size = v->size == 0 ? 256 : v->size * 2;

	if (v->failed)
		return;
	if (v->n == v->size) {
		bigger = reallocarray(v->v, size, sizeof(*bigger));
		if (bigger == NULL) {
			v->failed = 1;
			return;
		}
		v->v = bigger;
		v->size = size;
	}
	v->v[v->n++] = *net;
}

/* A callback: one range of addresses.  Other than 0 stops the walk. */
static int
add_range(const struct addr *lo, const struct addr *hi, void *arg)
{
	struct fw_net	net = { *lo, *hi };
	struct ranges	*v = arg;

	ranges_add(v, &net);
	return (v->failed);
}

/* The same for a network, which becomes a range. */
static int
add_prefix(const struct prefix *p, void *arg)
{
	struct addr	last;

	fw_net_last(p, &last);
	return (add_range(&p->addr, &last, arg));
}

/* A range for a firewall that knows only networks (PF): it is split into
 * the fewest networks that make it up. */
static int
add_networks(const struct addr *lo, const struct addr *hi, void *arg)
{
	return (addrset_split(lo, hi, add_prefix, arg));
}

/* A callback: collects ranges of several lists, which may overlap. */
static int
fold_range(const struct addr *lo, const struct addr *hi, void *arg)
{
	return (addrset_build_range(arg, lo, hi));
}

/* The networks of all lists that name this table, without overlap, in the
 * form that the driver takes.  Empty when no list names it any more. */
static void
table_wanted(const struct fw_role *r, const struct fw_table *t,
    struct ranges *v)
{
	const struct config	*conf = r->c->conf;
	const struct conf_list	*l;
	struct addrset_build	*b;

	if ((b = addrset_build_new()) == NULL) {
		v->failed = 1;
		return;
	}
	TAILQ_FOREACH(l, &conf->lists, entry)
		if (t->kept && l->table != NULL &&
		    strcmp(l->table, t->name) == 0 &&
		    addrset_each_range(conf->set, l->index, fold_range, b) != 0)
			v->failed = 1;
	if (addrset_build_fold(b) == -1 || addrset_build_each(b,
	    r->drv->tables->ranges ? add_range : add_networks, v) != 0)
		v->failed = 1;
	addrset_build_free(b);
}

static int
cmp_net(const void *va, const void *vb)
{
	const struct fw_net	*a = va, *b = vb;
	int			 c;

	if ((c = addr_cmp(&a->lo, &b->lo)) != 0)
		return (c);
	return (addr_cmp(&a->hi, &b->hi));
}

/* Sorts unless it is sorted already, which is the usual case: both the
 * kernel and the lists give them in order. */
static void
ranges_sort(struct ranges *v)
{
	size_t	i;

	for (i = 1; i < v->n; i++)
		if (cmp_net(&v->v[i - 1], &v->v[i]) > 0) {
			qsort(v->v, v->n, sizeof(*v->v), cmp_net);
			return;
		}
}

/* A callback of the driver's dump. */
static void
table_seen(const struct fw_net *net, void *arg)
{
	ranges_add(arg, net);
}

/* Fills t->del with what is in the table and not wanted, and t->add with
 * the opposite.  Sorts both. */
static void
table_differences(struct fw_table *t, struct ranges *have, struct ranges *want)
{
	size_t	i = 0, k = 0;
	int	c;

	ranges_sort(have);
	ranges_sort(want);
	while (i < have->n || k < want->n) {
		c = i == have->n ? 1 : k == want->n ? -1 :
		    cmp_net(&have->v[i], &want->v[k]);
		if (c < 0)
			ranges_add(&t->del, &have->v[i++]);
		else if (c > 0)
			ranges_add(&t->add, &want->v[k++]);
		else {
			i++;
			k++;
		}
	}
}

/* Ends a comparison that is under way. */
static void
table_forget(struct fw_table *t)
{
	ranges_free(&t->del);
	ranges_free(&t->add);
	t->working = 0;
}

/* A comparison failed; it is repeated after TABLES_RETRY_MS. */
static void
again_later(struct fw_table *t)
{
	table_forget(t);
	t->due = 1;
	t->not_before = clock_mono() + TABLES_RETRY_MS;
}

/* Makes a table that is gone again; any other result stays as it is. */
static enum fw_result
table_revived(struct fw_role *r, struct fw_table *t, enum fw_result rc)
{
	return (rc == FW_GONE ? r->drv->tables->revive(t->name) : rc);
}

/* How many networks this table may have: the room that hosts leave, less
 * what the tables before it in the list have taken.  SIZE_MAX: no limit. */
static size_t
table_share(const struct fw_role *r, const struct fw_table *t)
{
	const struct fw_table	*b;
	size_t			 n = fw_room_lists(r), used;

	for (b = r->tables; b != t && n != SIZE_MAX; b = b->next) {
		used = b->wanted < b->share ? b->wanted : b->share;
		n = n > used ? n - used : 0;
	}
	return (n);
}

/*
 * Reads a table and finds the differences.  A table too big to be read, or
 * one whose differences were refused before (t->refill), is cleared and filled
 * from the beginning.
 */
static void
table_compare(struct fw_role *r, struct fw_table *t)
{
	const struct fw_tables_ops	*ops = r->drv->tables;
	struct ranges			 have, want;
	enum fw_result			 rc;

	memset(&have, 0, sizeof(have));
	memset(&want, 0, sizeof(want));
	table_forget(t);
	t->due = 0;
	t->last = clock_mono();
	if (t->refill)
		rc = table_revived(r, t, ops->clear(t->name));
	else
		rc = ops->dump(t->name, table_seen, &have);
	if (rc == FW_BLIND) {		/* too big to be read in one call */
		ranges_free(&have);
		rc = ops->clear(t->name);
	} else if (rc == FW_GONE) {
		ranges_free(&have);
		rc = ops->revive(t->name);
	}
	if ((t->gone = rc == FW_GONE))
		return;
	table_wanted(r, t, &want);
	t->wanted = want.n;
	t->share = table_share(r, t);
	if (want.n > t->share)
		want.n = t->share;
	if (rc == FW_OK && !have.failed && !want.failed) {
		table_differences(t, &have, &want);
		t->working = 1;
	}
	if (!t->working || t->del.failed || t->add.failed)
		again_later(t);
	t->took = clock_mono() - t->last;
	ranges_free(&have);
	ranges_free(&want);
}

/* A comparison is carried out as far as there was room. */
static void
table_finish(struct fw_role *r, struct fw_table *t)
{
	size_t	in = t->wanted < t->share ? t->wanted : t->share;

	in -= t->add.n - t->add.done;
	if (t->add.done + t->del.n > 0)
		log_info("firewall: table %s: %zu networks added, %zu "
		    "removed, %zu in the table", t->name, t->add.done,
		    t->del.n, in);
	if (in < t->wanted) {
		t->share = in;
		fw_room_left_out(r);
	}
	t->refill = 0;
	t->not_before = clock_mono() + TABLES_RETRY_MS;
	t->count = r->drv->tables->count(t->name);
	table_forget(t);
}

/* One call to the kernel: the next slice of the differences. */
static void
table_slice(struct fw_role *r, struct fw_table *t)
{
	const struct fw_tables_ops	*ops = r->drv->tables;
	struct ranges			*v;
	enum fw_result			 rc;
	size_t				 n, room;

	v = t->del.done < t->del.n ? &t->del : &t->add;
	n = v->n - v->done;
	if (n > ops->slice)
		n = ops->slice;
	if (v == &t->add && n > 0 && n > (room = fw_room_add(r)))
		n = room;
	if (n == 0) {
		table_finish(r, t);
		return;
	}
	rc = (v == &t->del ? ops->del : ops->add)(t->name, v->v + v->done, n);
	if (rc == FW_FULL) {
		table_finish(r, t);
		return;
	}
	v->done += n;
	if (rc == FW_OK)
		return;
	/* The first failure may come from a wrong idea of what is in the table:
	 * begin again with an empty one.  A second one has another cause. */
	if (!t->refill) {
		table_forget(t);
		t->refill = t->due = 1;
		t->not_before = 0;
	} else {
		t->refill = 0;
		again_later(t);
	}
}

/* Has tables_step() called in the next turn of the loop. */
static void
soon(struct fw_role *r)
{
	static const struct timeval	now = { 0, 0 };

	(void)evtimer_add(r->tables_work, &now);
}

/* One step of the first table that has something to do.  Between two steps
 * the loop serves store. */
static void
tables_step(evutil_socket_t fd, short what, void *arg)
{
	struct fw_role	*r = arg;
	struct fw_table	*t;

	(void)fd;
	(void)what;
	if (!r->tried)
		return;			/* hosts come first */
	for (t = r->tables; t != NULL; t = t->next) {
		if (t->working)
			table_slice(r, t);
		else if (t->due && clock_mono() >= t->not_before)
			table_compare(r, t);
		else
			continue;
		soon(r);
		return;
	}
}

/* Tables that no list of the configuration names any more are emptied and
 * forgotten.  The table itself belongs to the administrator and stays. */
static void
drop_gone(struct fw_role *r)
{
	struct fw_table	**tp, *t;

	for (tp = &r->tables; (t = *tp) != NULL;) {
		if (t->kept) {
			tp = &t->next;
			continue;
		}
		(void)r->drv->tables->clear(t->name);
		*tp = t->next;
		table_forget(t);
		free(t->name);
		free(t);
	}
}

/* The table of that name, which is made if it is new.  Never NULL: without
 * memory for a name the process ends. */
static struct fw_table *
table_find(struct fw_role *r, const char *name)
{
	struct fw_table	*t;

	for (t = r->tables; t != NULL; t = t->next)
		if (strcmp(t->name, name) == 0)
			return (t);
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->name = strdup(name)) == NULL)
		fatalx("firewall: no memory for a table");
	t->next = r->tables;
	t->count = -1;
	r->tables = t;
	return (t);
}

void
fw_tables_take(struct fw_role *r, int first)
{
	const struct conf_list	*l;
	struct fw_table		*t;

	if (r->drv->tables == NULL)
		return;
	for (t = r->tables; t != NULL; t = t->next)
		t->kept = 0;
	TAILQ_FOREACH(l, &r->c->conf->lists, entry) {
		if (l->table == NULL)
			continue;
		t = table_find(r, l->table);
		if (!t->kept && t->count == -1 &&
		    r->drv->tables->open(t->name) != FW_OK) {
			/* As with the hosts' table: at the daemon's start it
			 * has to exist; later it is made, or awaited. */
			if (first && !r->c->again)
				child_fatal(r->c, "%s", fw_why());
			log_warnx("%s", fw_why());
		}
		t->kept = t->due = 1;
		t->not_before = 0;
		table_forget(t);
	}
	drop_gone(r);
	if (r->tables_work != NULL)
		soon(r);
}

int
fw_tables_init(struct fw_role *r)
{
	r->tables_work = evtimer_new(r->c->base, tables_step, r);
	if (r->tables_work == NULL)
		return (-1);
	soon(r);
	return (0);
}

/*
 * Another process changed something in the firewall.  A comparison may take
 * long, so that the next one waits TABLES_REST times as long as the last one
 * took.
 */
void
fw_tables_changed(struct fw_role *r)
{
	struct fw_table	*t;

	for (t = r->tables; t != NULL; t = t->next) {
		if (t->due)
			continue;
		t->due = 1;
		t->not_before = t->last + (t->took * TABLES_REST >
		    FW_CHANGED_MS ? t->took * TABLES_REST : FW_CHANGED_MS);
	}
}

/* The table did not exist when it was last looked for. */
static void
look_again(struct fw_role *r, struct fw_table *t)
{
	enum fw_result	rc = r->drv->tables->revive(t->name);

	if (rc == FW_GONE)
		return;
	t->gone = 0;
	t->due = 1;
	t->not_before = rc == FW_OK ? 0 : clock_mono() + TABLES_RETRY_MS;
}

/* Each second: looks for tables that are gone, asks the count of those
 * whose driver has no events, and begins what is due. */
void
fw_tables_tick(struct fw_role *r)
{
	struct fw_table	*t;
	int64_t		 now = clock_mono();

	for (t = r->tables; t != NULL; t = t->next) {
		if (t->gone && !t->due)
			look_again(r, t);
		if (!t->working && !t->due && !t->gone &&
		    r->drv->watch == NULL &&
		    r->drv->tables->count(t->name) != t->count) {
			t->due = 1;
			t->not_before = 0;
		}
		/* Some were left out: is there more room now? */
		if (!t->working && !t->due && t->share < t->wanted &&
		    now >= t->not_before && table_share(r, t) > t->share)
			t->due = 1;
		if (t->due && now >= t->not_before)
			soon(r);
	}
}

/* Compares all tables now, because the hosts need room or the lists
 * changed. */
void
fw_tables_again(struct fw_role *r)
{
	struct fw_table	*t;

	for (t = r->tables; t != NULL; t = t->next) {
		t->due = 1;
		t->not_before = 0;
		table_forget(t);
	}
	fw_tables_go(r);
}

void
fw_tables_go(struct fw_role *r)
{
	if (r->tables_work != NULL)
		soon(r);
}

/* By the kernel's own count; a table that is gone counts as empty. */
size_t
fw_tables_in(const struct fw_role *r)
{
	const struct fw_table	*t;
	size_t			 n = 0;
	long			 c;

	for (t = r->tables; t != NULL; t = t->next)
		if ((c = r->drv->tables->count(t->name)) > 0)
			n += (size_t)c;
	return (n);
}

size_t
fw_tables_count(const struct fw_role *r)
{
	const struct fw_table	*t;
	size_t			 n = 0;

	for (t = r->tables; t != NULL; t = t->next)
		n += t->wanted;
	return (n);
}

void
fw_tables_free(struct fw_role *r)
{
	struct fw_table	*t;

	while ((t = r->tables) != NULL) {
		r->tables = t->next;
		table_forget(t);
		free(t->name);
		free(t);
	}
	if (r->tables_work != NULL)
		event_free(r->tables_work);
	r->tables_work = NULL;
}
