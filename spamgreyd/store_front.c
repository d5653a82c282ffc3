/*
 * Store and the fronts: RCPTs come in batches, one transaction and one sync a
 * batch, and all its answers leave together.  An answer is only ever sent
 * after the commit that it speaks of; when that fails, every answer of the
 * batch says that nothing was stored.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "store.h"
#include "store_ctl.h"

/*
 * Opens the batch's transaction with its first request.  -1: the database is
 * down, or failed earlier in this batch; there is nothing to ask it.
 */
static int
batch_begin(struct front *f)
{
	struct store	*st = f->store;

	if (st->batch == NULL) {
		st->batch = f;
		st->batch_bad = policy_begin(st->policy) != DB_OK;
	}
	return (st->batch_bad ? -1 : 0);
}

/* One request failed, so all of the batch does: it is one transaction. */
static void
batch_failed(struct store *st, enum db_result rc)
{
	if (!st->batch_bad) {
		policy_abort(st->policy);
		if (rc == DB_NEWER)
			log_warnx("store: an entry was written by a newer "
			    "version of this program; install that one");
	}
	st->batch_bad = 1;
}

void
store_front_answer(struct front *f, uint64_t session,
    const struct rcpt_answer *ans)
{
	if (f->chan == NULL)
		return;
	if (proto_put_rcpt_answer(chan_ipc(f->chan), session, ans) == -1 ||
	    chan_send(f->chan, -1) == -1)
		log_warn("store: an answer to front %u", f->instance);
}

/* The truth, in a text that promises nothing. */
static void
unstored(struct store *st, struct pending *p)
{
	p->ans.verdict = RCPT_UNSTORED;
	p->ans.reason = TRAP_NONE;
	p->ans.left = 0;
	p->ans.text = db_is_up(st->db) ? "the database is busy" :
	    db_why(st->db);
	p->ask_fw = 0;
}

static void	on_batch(struct chan *, void *);

static void
on_rcpt(struct chan *ch, struct msg *m, void *arg)
{
	struct front	*f = arg;
	struct pending	*p;
	struct rcpt_req	 req;
	enum db_result	 rc;

	if (proto_get_rcpt(m, &req) == -1)
		return;
	if (f->n == STORE_BATCH)	/* the channel sees to it; be sure */
		on_batch(ch, f);
	p = &f->batch[f->n++];
	p->session = m->id;
	p->client = req.client;
	p->ans.seq = req.seq;
	p->ans.text = "";
	p->ask_fw = 0;
	if (batch_begin(f) == -1)
		return;			/* on_batch says so */
	if ((rc = policy_rcpt(f->store->policy, &req, &p->ans)) != DB_OK) {
		batch_failed(f->store, rc);
		return;
	}
	strlcpy(p->text, p->ans.text, sizeof(p->text));
	p->ans.text = p->text;
	p->ask_fw = p->ans.verdict == RCPT_PASS ||
	    (p->ans.verdict == RCPT_WHITE && !(req.flags & RCPT_F_AGAIN));
}

/* No answer is waited for; with the database down it is only forgotten. */
static void
on_visit(struct chan *ch, struct msg *m, void *arg)
{
	struct front	*f = arg;
	struct addr	 addr;
	enum db_result	 rc;

	(void)ch;
	msg_get_addr(m, &addr);
	if (msg_end(m) == -1 || !policy_keeps_visits(f->store->policy) ||
	    batch_begin(f) == -1)
		return;
	if ((rc = policy_visit(f->store->policy, &addr)) != DB_OK)
		batch_failed(f->store, rc);
}

static void
on_event(struct chan *ch, struct msg *m, void *arg)
{
	struct front		*f = arg;
	struct event_msg	 ev;
	enum conf_action	 did;
	enum db_result		 rc;
	char			 ip[ADDR_STRLEN];

	(void)ch;
	if (proto_get_event(m, &ev) == -1 || batch_begin(f) == -1)
		return;
	if ((rc = policy_event(f->store->policy, &ev, &did)) != DB_OK)
		batch_failed(f->store, rc);
	else if (did != ACT_LOG)
		log_event(m->id, did == ACT_TRAP ? "trap" : "demote",
		    "address=%s event=%s", addr_str(&ev.client, ip),
		    host_event_str(ev.event));
}

static void
on_overlimit(struct chan *ch, struct msg *m, void *arg)
{
	struct front	*f = arg;

	(void)ch;
	if (msg_end(m) == 0)
		policy_overlimit(f->store->policy);
}

static void
on_stat(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	store_ctl_stat(m);
}

/* Commit, then the changes (the sink's work), then the answers. */
static void
on_batch(struct chan *ch, void *arg)
{
	struct front	*f = arg;
	struct store	*st = f->store;
	struct pending	*p;
	enum db_result	 rc;
	int		 bad;

	if (st->batch != f)
		return;
	if (!st->batch_bad && (rc = policy_commit(st->policy)) != DB_OK)
		batch_failed(st, rc);
	bad = st->batch_bad;
	st->batch = NULL;
	st->batch_bad = 0;
	if (bad)
		store_check_up(st);
	for (p = f->batch; p < f->batch + f->n; p++) {
		if (bad)
			unstored(st, p);
		if (p->ans.verdict == RCPT_UNSTORED)
			policy_count_unstored(st->policy);
		if (p->ask_fw)
			store_fw_wait(st, f, p);
		else
			store_front_answer(f, p->session, &p->ans);
	}
	f->n = 0;
	/* It does not read what it asked for: no more of it until it does. */
	if (chan_queued(ch) > STORE_HIGH) {
		chan_pause(ch);
		f->paused = 1;
	}
}

static const struct chan_rule front_rules[] = {
	{ MSG_RCPT, 0, on_rcpt },
	{ MSG_VISIT, 0, on_visit },
	{ MSG_EVENT, 0, on_event },
	{ MSG_OVERLIMIT, 0, on_overlimit },
	{ MSG_STAT, 0, on_stat },
	{ MSG_STAT_END, 0, on_stat },
	{ 0, 0, NULL }
};

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct front	*f = arg;
	struct store	*st = f->store;

	chan_free(ch);
	f->chan = NULL;
	if (st->batch == f) {		/* it broke off in the middle */
		if (!st->batch_bad)
			policy_abort(st->policy);
		st->batch = NULL;
		st->batch_bad = 0;
	}
	store_fw_forget(st, f);
	TAILQ_REMOVE(&st->fronts, f, entry);
	/* The parent sees a death, and ends us; a broken front it does not. */
	if (how == CHAN_BROKEN)
		fatalx("store: front %u sent what it must not", f->instance);
	free(f);
}

void
store_front_peer(struct store *st, unsigned int instance, int fd)
{
	struct front	*f;
	char		 name[32];

	snprintf(name, sizeof(name), "front %u", instance);
	if ((f = calloc(1, sizeof(*f))) == NULL)
		child_fatal(st->child, "store: no memory for %s", name);
	f->store = st;
	f->instance = instance;
	f->chan = chan_new(st->child->base, fd, name, front_rules, f, ended);
	if (f->chan == NULL)
		child_fatal(st->child, "store: socket of %s: %s", name,
		    strerror(errno));
	chan_set_batch(f->chan, STORE_BATCH);
	chan_on_batch(f->chan, on_batch);
	chan_pause(f->chan);
	TAILQ_INSERT_TAIL(&st->fronts, f, entry);
}

void
store_front_start(struct front *f)
{
	chan_resume(f->chan);
}

void
store_front_resume(struct store *st)
{
	struct front	*f;

	TAILQ_FOREACH(f, &st->fronts, entry)
		if (f->paused && chan_queued(f->chan) < STORE_LOW) {
			f->paused = 0;
			chan_resume(f->chan);
		}
}

void
store_fronts_send_host(struct store *st, const struct host *h)
{
	struct front	*f;

	TAILQ_FOREACH(f, &st->fronts, entry)
		if (proto_put_host(chan_ipc(f->chan), h) == -1 ||
		    chan_send(f->chan, -1) == -1) {
			/* Its copy would be wrong: all of it anew, later. */
			log_warn("store: queue of front %u", f->instance);
			st->stream_again = 1;
			store_work_soon(st);
		}
}

void
store_fronts_send_empty(struct store *st, uint16_t type)
{
	struct front	*f;

	TAILQ_FOREACH(f, &st->fronts, entry)
		(void)chan_send_empty(f->chan, type, 0);
}

void
store_fronts_send_up(struct store *st, int up, const char *why)
{
	struct front	*f;

	TAILQ_FOREACH(f, &st->fronts, entry) {
		ipc_begin(chan_ipc(f->chan), MSG_STORE_UP, 0);
		ipc_put_u8(chan_ipc(f->chan), (uint8_t)up);
		ipc_put_str(chan_ipc(f->chan), why);
		(void)chan_send(f->chan, -1);
	}
}

int
store_fronts_full(const struct store *st)
{
	const struct front	*f;

	TAILQ_FOREACH(f, &st->fronts, entry)
		if (chan_queued(f->chan) > STORE_HIGH)
			return (1);
	return (0);
}
