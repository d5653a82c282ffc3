/*
 * The role fw: the firewall's table and nothing else.  It keeps its own copy
 * of the set that should be in the table: hosts as store sends them, networks
 * of the whitelists from the configuration.  It carries out store's changes
 * and answers each when the kernel has it.  It decides nothing about a host:
 * store says what belongs in the table, and until when.
 *
 * This file has the messages and the life of the role.  sync.c compares the
 * table with the copy, tables.c does the same for tables of blacklists, and
 * room.c watches the limit that PF has for all tables together.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/fw_int.h"

#define FW_BATCH	1024	/* changes a turn, in one call to the kernel */

/* One role a process, and this is its state.  fw_none until the first
 * configuration names another driver. */
static struct fw_role	role = { .drv = &fw_none };

/*
 * The prefix length that an element is keyed by in r->want.  A driver with
 * sets of their own for networks knows hosts by address only, so there it is
 * always 128.
 */
static uint8_t
key_plen(const struct fw_role *r, uint8_t plen)
{
	return (r->drv->nets != NULL ? 128 : plen);
}

/*
 * Called by sync.c after each comparison that went well; it acts on the
 * first.  front waits for MSG_FW_READY, so that a host that has passed is not
 * greylisted after a restart.
 */
void
fw_filled(struct fw_role *r)
{
	if (r->told)
		return;
	r->told = 1;
	log_info("firewall: %s, filled: %zu addresses", r->drv->name,
	    r->want.n);
	fw_room_start(r);
	(void)chan_send_empty(r->c->parent, MSG_FW_READY, 0);
}

/* Removes from r->want what neither store nor a list wants any more.  The
 * table itself is not touched: a comparison finds what is too much there. */
static void
sweep(struct fw_role *r)
{
	struct fw_list	gone;
	struct fw_want	*w;
	size_t		i = 0;

	memset(&gone, 0, sizeof(gone));
	while ((w = fw_set_next(&r->want, &i)) != NULL)
		if (w->by == 0 && w->queued == 0 &&
		    fw_list_add(&gone, &w->addr, w->plen, 0) == -1)
			break;
	for (i = 0; i < gone.n; i++)
		fw_set_drop(&r->want, &gone.h[i].addr, gone.h[i].plen);
	fw_list_free(&gone);
}

/* Notes store's word on a host: until 0 takes it back, HOST_FOREVER or a
 * time wants it.  0, or -1: no memory. */
static int
want_host(struct fw_role *r, const struct addr *a, uint8_t plen, int64_t until)
{
	struct fw_want	*w;

	if ((w = fw_set_put(&r->want, a, key_plen(r, plen))) == NULL)
		return (-1);
	w->stream = r->stream;
	/* A network of a list has no end of its own: the list has. */
	w->until = w->by & FW_BY_LIST ? HOST_FOREVER : until;
	if (until == 0)
		w->by &= (uint8_t)~FW_BY_STORE;
	else
		w->by |= FW_BY_STORE;
	return (0);
}

/* Store begins to send the whole set.  Hosts that the stream does not name
 * are no longer wanted once MSG_FW_END has come. */
static void
on_begin(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role	*r = arg;

	(void)ch;
	(void)m;
	r->stream++;
}

static void
on_host(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role	*r = arg;
	struct addr	 a;
	uint8_t		 plen;
	int64_t		 until;

	(void)ch;
	if (proto_get_fw(m, &a, &plen, &until) == -1)
		return;
	if (want_host(r, &a, plen, until) == -1)
		log_warn("firewall: cannot keep a host of the set");
}

/*
 * The whole set has come, so the table can be compared with it.  This happens
 * at the start, and again when store reloads or its clock becomes credible.
 */
static void
on_end(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role	*r = arg;
	struct fw_want	*w;
	size_t		 i = 0;

	(void)ch;
	(void)m;
	while ((w = fw_set_next(&r->want, &i)) != NULL)
		if ((w->by & FW_BY_STORE) && w->stream != r->stream)
			w->by &= (uint8_t)~FW_BY_STORE;
	sweep(r);
	r->complete = 1;
	fw_sync_start(r, r->told ? "store sent the set again" : "start");
}

/* A new element of r->change, which lives until the end of this turn.
 * NULL: no memory. */
static struct fw_change *
new_change(struct fw_role *r)
{
	struct fw_change	*bigger;
	size_t			 size;

	if (r->nchange == r->change_size) {
		size = r->change_size == 0 ? 64 : r->change_size * 2;
		bigger = reallocarray(r->change, size, sizeof(*bigger));
		if (bigger == NULL)
			return (NULL);
		r->change = bigger;
		r->change_size = size;
	}
	return (&r->change[r->nchange++]);
}

/*
 * Store asks for one change.  It is only collected here, and carried out
 * together with all others that came in this turn of the loop, in as few
 * calls to the kernel as possible.  The answer follows from fw_on_batch().
 */
static void
on_do(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role		*r = arg;
	struct fw_change	*c;
	struct fw_want		*w;
	struct addr		 a;
	uint8_t			 plen;
	int64_t			 until;

	if (proto_get_fw(m, &a, &plen, &until) == -1)
		return;
	if ((c = new_change(r)) == NULL) {
		log_warn("firewall: cannot keep a change");
		ipc_begin(chan_ipc(ch), MSG_FW_DONE, m->id);
		ipc_put_u8(chan_ipc(ch), 0);
		(void)chan_send(ch, -1);
		return;
	}
	c->addr = a;
	c->plen = key_plen(r, plen);
	c->id = m->id;
	c->first = r->nchange - 1;
	c->bad = 0;
	if (want_host(r, &a, plen, until) == -1) {
		c->bad = 1;
		return;
	}
	w = fw_set_get(&r->want, &c->addr, c->plen);
	if (w->queued != 0)
		c->first = w->queued - 1;	/* one call for both; the last
						   word on an address counts */
	else
		w->queued = (uint32_t)r->nchange;
}

/*
 * Sorts this turn's changes into the two lists of the driver's calls, in the
 * order of r->change.  settle() walks both in the same order, which is how a
 * result finds its change.
 */
static void
sort_changes(struct fw_role *r)
{
	struct fw_change	*c;
	struct fw_want		*w;
	size_t			 i;

	r->add.n = r->del.n = 0;
	for (i = 0; i < r->nchange; i++) {
		c = &r->change[i];
		w = fw_set_get(&r->want, &c->addr, c->plen);
		if (c->bad || c->first != i || w == NULL)
			continue;
		if (fw_list_add(w->by != 0 ? &r->add : &r->del, &c->addr,
		    c->plen, w->until) == -1)
			c->bad = 1;
		else if (w->by != 0)
			r->add.h[r->add.n - 1].in = w->in;
	}
}

/* Calls the driver in slices.  Deletions come first, since they make room.
 * Anything but FW_OK ends it, and the rest of the turn counts as failed. */
static enum fw_result
carry_out(struct fw_role *r)
{
	enum fw_result	rc = FW_OK;
	size_t		i, n;

	for (i = 0; i < r->del.n && rc == FW_OK; i += n) {
		n = r->del.n - i < r->drv->slice ? r->del.n - i : r->drv->slice;
		rc = r->drv->del(r->del.h + i, n);
	}
	for (i = 0; i < r->add.n && rc == FW_OK; i += n) {
		n = r->add.n - i < r->drv->slice ? r->add.n - i : r->drv->slice;
		rc = r->drv->add(r->add.h + i, n, clock_asof(), 0);
	}
	return (rc);
}

/*
 * Moves the results back from the two lists to the changes, updates r->want
 * and the figures.  failed: the driver gave up, so no element counts as done.
 */
static void
settle(struct fw_role *r, int failed)
{
	struct fw_change	*c;
	struct fw_want		*w;
	struct fw_list		*l;
	struct fw_host		*h;
	size_t			 i, adds = 0, dels = 0;
	int			 full = 0;

	for (i = 0; i < r->nchange; i++) {
		c = &r->change[i];
		if (c->first != i) {
			c->bad = r->change[c->first].bad;
			continue;
		}
		if ((w = fw_set_get(&r->want, &c->addr, c->plen)) == NULL)
			continue;
		w->queued = 0;
		if (c->bad)
			continue;
		l = w->by != 0 ? &r->add : &r->del;
		h = &l->h[w->by != 0 ? adds++ : dels++];
		c->bad = h->refused != 0 || failed;
		full |= h->refused == FW_NO_ROOM;
		w->in = w->by != 0 && !c->bad;
		if (c->bad)
			r->refused++;
		else if (w->by != 0)
			r->added++;
		else
			r->removed++;
		if (w->by == 0)
			fw_set_drop(&r->want, &c->addr, c->plen);
	}
	if (full)
		fw_room_full(r);
}

/*
 * One turn's changes: at most one call of each kind, then all answers.  If
 * the table is gone it is made again if possible, and the changes are tried
 * once more.
 */
void
fw_on_batch(struct chan *ch, void *arg)
{
	struct fw_role	*r = arg;
	enum fw_result	 rc;
	size_t		 i;

	if (r->nchange == 0)
		return;
	sort_changes(r);
	if ((rc = carry_out(r)) == FW_GONE && (rc = r->drv->revive()) ==
	    FW_OK) {
		if (r->complete)
			fw_sync_start(r, "the table was gone");
		rc = carry_out(r);
	}
	if (rc == FW_GONE)
		r->gone = 1;
	settle(r, rc != FW_OK);
	for (i = 0; i < r->nchange; i++) {
		if (r->change[i].id == 0)
			continue;
		ipc_begin(chan_ipc(ch), MSG_FW_DONE, r->change[i].id);
		ipc_put_u8(chan_ipc(ch), !r->change[i].bad);
		(void)chan_send(ch, -1);
	}
	r->nchange = 0;
}

/* Store decides whether the system's clock is credible, and tells the
 * others. */
static void
on_clock(struct chan *ch, struct msg *m, void *arg)
{
	int64_t	asof;

	(void)ch;
	(void)arg;
	if (proto_get_clock(m, &asof) == 0)
		clock_judged(asof);
}

/*
 * The parent notices when store dies and ends this process too.  A store that
 * lives and sends nonsense is not noticed by the parent, so that ends fw from
 * here.
 */
static void
store_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct fw_role	*r = arg;

	chan_free(ch);
	r->store = NULL;
	if (how == CHAN_BROKEN)
		fatalx("fw: store sent a malformed message");
}

static const struct chan_rule store_rules[] = {
	{ MSG_CLOCK, 0, on_clock },
	{ MSG_FW_BEGIN, 0, on_begin },
	{ MSG_FW_HOST, 0, on_host },
	{ MSG_FW_END, 0, on_end },
	{ MSG_FW_DO, 0, on_do },
	{ MSG_FW_LOOK, 0, fw_on_look },
	{ MSG_STAT_ASK, 0, fw_on_stat },
	{ 0, 0, NULL }
};

/* Store is the only peer.  Its messages are read once there is a driver. */
static void
role_peer(struct child *c, enum role who, unsigned int instance, int fd)
{
	struct fw_role	*r = &role;

	(void)instance;
	if (who != ROLE_STORE || r->store != NULL)
		child_fatal(c, "fw: unexpected peer: role %d", who);
	r->store = chan_new(c->base, fd, "store", store_rules, r, store_ended);
	if (r->store == NULL)
		child_fatal(c, "fw: store's socket: %s", strerror(errno));
	chan_on_batch(r->store, fw_on_batch);
	chan_set_batch(r->store, FW_BATCH);
	/* Resumed by role_run(), when there is a driver to work with. */
	chan_pause(r->store);
}

struct prefixes {
	struct prefix	*p;
	size_t		 n, size;
};

/* A callback of addrset_each(): one more network.  0, or -1: no memory. */
static int
add_net(const struct prefix *p, void *arg)
{
	struct prefixes	*v = arg;
	struct prefix	*bigger;
	size_t		 size = v->size == 0 ? 64 : v->size * 2;

	if (v->n == v->size) {
		bigger = reallocarray(v->p, size, sizeof(*bigger));
		if (bigger == NULL)
			return (-1);
		v->p = bigger;
		v->size = size;
	}
	v->p[v->n++] = *p;
	return (0);
}

/*
 * For a driver whose networks live in the hosts' table (PF): makes the
 * networks of the whitelists wanted in r->want like hosts.  0, or -1: no
 * memory.
 */
static int
want_nets(struct fw_role *r)
{
	struct fw_want	*w;
	size_t		 i = 0;

	while ((w = fw_set_next(&r->want, &i)) != NULL)
		w->by &= (uint8_t)~FW_BY_LIST;
	for (i = 0; i < r->nnets; i++) {
		if ((w = fw_set_put(&r->want, &r->nets[i].addr,
		    r->nets[i].len)) == NULL)
			return (-1);
		w->by |= FW_BY_LIST;
		w->until = HOST_FOREVER;
	}
	sweep(r);
	return (0);
}

/*
 * Reads the networks of all whitelists from the configuration into r->nets,
 * sorted and without those inside another.  1: they changed; 0: they did not;
 * -1: no memory, and the old ones stay.
 */
static int
take_nets(struct fw_role *r, const struct config *conf)
{
	struct prefixes	v = { NULL, 0, 0 };
	uint64_t	mask = config_mask(conf, LIST_WHITE);
	size_t		i;

	for (i = 0; i < ADDRSET_LISTS_MAX; i++)
		if ((mask >> i & 1) && conf->set != NULL &&
		    addrset_each(conf->set, i, add_net, &v) != 0) {
			free(v.p);
			return (-1);
		}
	v.n = fw_nets_fold(v.p, v.n);
	if (v.n == r->nnets && (v.n == 0 ||
	    memcmp(v.p, r->nets, v.n * sizeof(*v.p)) == 0)) {
		free(v.p);
		return (0);
	}
	free(r->nets);
	r->nets = v.p;
	r->nnets = v.n;
	return (r->drv->nets == NULL && want_nets(r) == -1 ? -1 : 1);
}

/* The driver that the configuration names.  It never changes in the life of
 * a process. */
static const struct fw_driver *
driver(const struct config *conf)
{
	switch (conf->fw) {
	case FW_PF:
		return (&fw_pf);
	case FW_NFT:
		return (&fw_nft);
	default:
		return (&fw_none);
	}
}

/*
 * A missing table at the daemon's start is a mistake that somebody has to
 * mend, so the daemon does not start.  If the table went while fw was dead,
 * it is made again or awaited, as it is when it goes while fw lives.
 */
static void
open_table(struct fw_role *r)
{
	enum fw_result	rc = r->drv->open(r->c->conf, r->c->pf);

	if (rc == FW_GONE && r->c->again)
		r->gone = 1;
	else if (rc != FW_OK)
		child_fatal(r->c, "%s", fw_why());
}

/* After a new configuration or new lists: tables of blacklists and networks
 * of whitelists follow.  first: there was no configuration before. */
static void
take_lists(struct fw_role *r, int first)
{
	fw_tables_take(r, first);
	switch (take_nets(r, r->c->conf)) {
	case -1:
		log_warn("firewall: cannot keep the networks of the "
		    "whitelists");
		break;
	case 1:
		if (r->complete)
			fw_sync_start(r, "whitelists changed");
	}
}

/* Only lists changed. */
static void
role_lists(struct child *c)
{
	(void)c;
	take_lists(&role, 0);
}

/* A change of the driver or the table starts new processes
 * (parent/reload.c), so that only lists can differ here. */
static void
role_configure(struct child *c, struct config *old)
{
	struct fw_role	*r = &role;

	if (old == NULL) {
		r->c = c;
		r->drv = driver(c->conf);
		fw_set_init(&r->want);
		open_table(r);
	}
	take_lists(r, old == NULL);
}

/* Each second. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fw_sync_tick(arg);
}

/* Unprivileged from here on: the driver's own events and the clock begin,
 * and store's messages are read. */
static void
role_run(struct child *c)
{
	static const struct timeval	second = { .tv_sec = 1 };
	struct fw_role			*r = &role;

	r->tick = event_new(c->base, -1, EV_PERSIST, on_tick, r);
	if (r->tick == NULL || event_add(r->tick, &second) == -1 ||
	    fw_sync_init(r) == -1 || fw_tables_init(r) == -1 ||
	    (r->drv->watch != NULL &&
	    r->drv->watch(c->base, fw_sync_changed, r) == -1))
		child_fatal(c, "fw: no memory");
	if (r->store != NULL)
		chan_resume(r->store);
}

/* The table keeps its addresses: hosts that have passed get through while
 * the daemon does not run. */
static void
role_stop(struct child *c)
{
	struct fw_role	*r = &role;

	(void)c;
	if (r->store != NULL)
		chan_free(r->store);
	r->store = NULL;
	if (r->tick != NULL)
		event_free(r->tick);
	r->tick = NULL;
	fw_sync_free(r);
	fw_tables_free(r);
	fw_list_free(&r->add);
	fw_list_free(&r->del);
	fw_set_free(&r->want);
	free(r->change);
	r->change = NULL;
	free(r->nets);
	r->nets = NULL;
	r->drv->close();
}

const struct role_def role_fw = {
	.name = "fw",
	.user = CONF_USER,
	.root = ROOT_EMPTY,
	.peers = 1U << ROLE_STORE,
	.peer = role_peer,
	.configure = role_configure,
	.lists = role_lists,
	.run = role_run,
	.stop = role_stop
};
