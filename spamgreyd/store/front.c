/*
 * Store and its peers, the fronts and pass.  RCPTs of fronts come in batches:
 * one read from the socket is one batch, one transaction and one sync to
 * disk, and all its answers leave together.  An answer is only sent after the
 * commit it depends on; when the commit fails, every answer of the batch says
 * that nothing was stored.  What pass reports (pass.c) comes in batches too,
 * and has no answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "spamgreyd/store/ctl.h"

/*
 * Opens the transaction of the batch with its first request.  Returns -1 when
 * the database is down, or failed earlier in this batch.
 */
int
store_batch_begin(struct peer *f)
{
	struct store	*st = f->store;

	if (st->batch == NULL) {
		st->batch = f;
		st->batch_bad = policy_begin(st->policy) != DB_OK;
	}
	return (st->batch_bad ? -1 : 0);
}

/*
 * Says whether on_peer_batch will tell fw about this host after the commit,
 * because an answer of the batch waits for fw.
 */
int
store_batch_asks_fw(const struct store *st, const struct addr *host)
{
	const struct peer	*f = st->batch;
	struct addr		 key;
	size_t			 i;

	for (i = 0; f != NULL && i < f->n; i++) {
		if (!f->batch[i].ask_fw)
			continue;
		addr_cut(&f->batch[i].client, &st->child->conf->grey.admit,
		    &key);
		if (addr_cmp(&key, host) == 0)
			return (1);
	}
	return (0);
}

/* One request failed, and so does the batch, as it is one transaction. */
void
store_batch_failed(struct store *st, enum db_result rc)
{
	if (!st->batch_bad) {
		policy_abort(st->policy);
		if (rc == DB_NEWER)
			log_warnx("store: an entry was written by a newer "
			    "version of this program; install that version");
	}
	st->batch_bad = 1;
}

/* Queues an answer to a RCPT of this session. */
void
store_peer_answer(struct peer *f, uint64_t session,
    const struct rcpt_answer *ans)
{
	if (f->chan == NULL)
		return;
	if (proto_put_rcpt_answer(chan_ipc(f->chan), session, ans) == -1 ||
	    chan_send(f->chan, -1) == -1)
		log_warn("store: cannot queue an answer for %s", f->name);
}

/*
 * Turns an answer into `unstored', with the reason as its text; front makes a
 * tempfail of it that promises nothing.
 */
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

static void	on_peer_batch(struct chan *, void *);

/*
 * One RCPT of a front.  The answer waits in the batch until the commit.
 * Promotions, and white hosts that are at front although they should not be,
 * wait for fw as well.
 */
static void
on_rcpt(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*f = arg;
	struct pending	*p;
	struct rcpt_req	 req;
	enum db_result	 rc;
	int		 known;

	if (proto_get_rcpt(m, &req) == -1)
		return;
	if (f->n == STORE_BATCH)	/* chan_set_batch prevents it */
		on_peer_batch(ch, f);
	p = &f->batch[f->n++];
	p->session = m->id;
	p->client = req.client;
	p->ans.seq = req.seq;
	p->ans.text = "";
	p->ask_fw = 0;
	if (store_batch_begin(f) == -1)
		return;			/* on_peer_batch says so */
	if ((rc = policy_rcpt(f->store->policy, &req, &p->ans,
	    &known)) != DB_OK) {
		store_batch_failed(f->store, rc);
		return;
	}
	if (f->store->child->conf->log_spamd)
		store_spamd_rcpt(f->store, &req, &p->ans, known);
	strlcpy(p->text, p->ans.text, sizeof(p->text));
	p->ans.text = p->text;
	p->ask_fw = p->ans.verdict == RCPT_PASS ||
	    (p->ans.verdict == RCPT_WHITE && !(req.flags & RCPT_F_AGAIN));
}

/*
 * A host connected to the primary MX.  There is no answer; with the database
 * down the visit is forgotten.
 */
static void
on_visit(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*f = arg;
	struct addr	 addr;
	enum db_result	 rc;

	(void)ch;
	msg_get_addr(m, &addr);
	if (msg_end(m) == -1 || !policy_keeps_visits(f->store->policy) ||
	    store_batch_begin(f) == -1)
		return;
	if ((rc = policy_visit(f->store->policy, &addr)) != DB_OK)
		store_batch_failed(f->store, rc);
}

/*
 * A white host was handed over to pass at connect: the firewall's table has
 * lost it, and gets it back.
 */
static void
on_white_seen(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*f = arg;
	struct store	*st = f->store;
	struct addr	 addr;
	struct host	 h;
	int64_t		 until;

	(void)ch;
	msg_get_addr(m, &addr);
	if (msg_end(m) == -1)
		return;
	policy_count_white_seen(st->policy);
	if (db_is_up(st->db) && policy_lookup(st->policy, &addr, &h,
	    &until) == DB_OK && until != 0)
		store_fw_do(st, 0, &h.key, until);
}

/* A front turned clients away, which now go to the next MX. */
static void
on_overlimit(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*f = arg;

	(void)ch;
	if (msg_end(m) == 0)
		policy_overlimit(f->store->policy);
}

/*
 * The end of a batch: commit, then the changes (sink_host sends them during
 * the commit), then the answers.
 */
static void
on_peer_batch(struct chan *ch, void *arg)
{
	struct peer	*f = arg;
	struct store	*st = f->store;
	struct pending	*p;
	enum db_result	 rc;
	int		 bad;

	if (st->batch != f)
		return;
	if (!st->batch_bad && (rc = policy_commit(st->policy)) != DB_OK)
		store_batch_failed(st, rc);
	bad = st->batch_bad;
	st->batch = NULL;
	st->batch_bad = 0;
	store_spamd_say(st, !bad);
	if (bad)
		store_check_up(st);
	store_peers_flush(st, f);
	for (p = f->batch; p < f->batch + f->n; p++) {
		if (bad)
			unstored(st, p);
		if (p->ans.verdict == RCPT_UNSTORED)
			policy_count_unstored(st->policy);
		if (p->ask_fw)
			store_fw_wait(st, f, p);
		else
			store_peer_answer(f, p->session, &p->ans);
	}
	f->n = 0;
	/* It reads its answers too slowly: take no more requests meanwhile. */
	if (chan_queued(ch) > STORE_HIGH) {
		chan_pause(ch);
		f->paused = 1;
	}
}

static const struct chan_rule front_rules[] = {
	{ MSG_RCPT, 0, on_rcpt },
	{ MSG_VISIT, 0, on_visit },
	{ MSG_EVENT, 0, store_on_event },
	{ MSG_WHITE_SEEN, 0, on_white_seen },
	{ MSG_OVERLIMIT, 0, on_overlimit },
	{ MSG_STAT, 0, store_on_stat },
	{ MSG_STAT_END, 0, store_on_stat },
	{ 0, 0, NULL }
};

/*
 * A peer is gone.  The parent notices when a process dies, and ends us too.
 * It does not notice one that sends garbage, so that ends us here.
 */
static void
peer_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct peer	*f = arg;
	struct store	*st = f->store;

	chan_free(ch);
	f->chan = NULL;
	if (st->batch == f) {		/* in the middle of a batch */
		if (!st->batch_bad)
			policy_abort(st->policy);
		st->batch = NULL;
		st->batch_bad = 0;
		store_spamd_say(st, 0);
	}
	store_fw_forget(st, f);
	TAILQ_REMOVE(&st->peers, f, entry);
	/* The parent sees a death, and ends us; a broken peer it does not. */
	if (how == CHAN_BROKEN)
		fatalx("store: %s sent a malformed or unexpected message",
		    f->name);
	free(f);
}

/*
 * Takes the socket to a front or to pass; nothing is read before
 * store_peer_start.  instance: which front, for its name in the log.
 */
void
store_peer_new(struct store *st, enum role role, unsigned int instance,
    int fd)
{
	struct peer	*f;

	if ((f = calloc(1, sizeof(*f))) == NULL)
		child_fatal(st->child, "store: no memory for a peer");
	f->store = st;
	f->role = role;
	if (role == ROLE_FRONT)
		snprintf(f->name, sizeof(f->name), "front %u", instance);
	else
		strlcpy(f->name, "pass", sizeof(f->name));
	f->chan = chan_new(st->child->base, fd, f->name, role == ROLE_FRONT ?
	    front_rules : store_pass_rules, f, peer_ended);
	if (f->chan == NULL)
		child_fatal(st->child, "store: socket to %s: %s", f->name,
		    strerror(errno));
	chan_set_batch(f->chan, STORE_BATCH);
	chan_on_batch(f->chan, on_peer_batch);
	chan_pause(f->chan);
	TAILQ_INSERT_TAIL(&st->peers, f, entry);
}

void
store_peer_start(struct peer *f)
{
	chan_resume(f->chan);
}

/* Reads again from the peers that have taken enough of their queue. */
void
store_peers_resume(struct store *st)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (f->paused && chan_queued(f->chan) < STORE_LOW) {
			f->paused = 0;
			chan_resume(f->chan);
		}
}

/*
 * Queues a host state to all peers.  A peer that missed one would have a
 * wrong copy, so in that case all states are sent again.
 */
void
store_peers_send_host(struct store *st, const struct host *h)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (proto_put_host(chan_ipc(f->chan), h) == -1 ||
		    chan_send(f->chan, -1) == -1) {
			log_warn("store: cannot queue a host for %s", f->name);
			st->stream_again = 1;
			store_work_soon(st);
		}
}

/* Writes what is queued, to all peers but one. */
void
store_peers_flush(struct store *st, const struct peer *except)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (f != except && chan_queued(f->chan) > 0)
			chan_flush(f->chan);
}

/* All states follow; the keys are cut as `admit' says. */
void
store_peers_begin(struct store *st)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (proto_put_hosts_begin(chan_ipc(f->chan),
		    &st->child->conf->grey.admit) == 0)
			(void)chan_send(f->chan, -1);
}

/* asof is a time, or 0 while the clock is wrong. */
void
store_peers_send_clock(struct store *st, int64_t asof)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (proto_put_clock(chan_ipc(f->chan), asof) == 0)
			(void)chan_send(f->chan, -1);
}

/* All states have been sent. */
void
store_peers_end(struct store *st)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		(void)chan_send_empty(f->chan, MSG_HOSTS_END, 0);
}

/* The database is up (1) or down (0), and why. */
void
store_peers_send_up(struct store *st, int up, const char *why)
{
	struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry) {
		ipc_begin(chan_ipc(f->chan), MSG_STORE_UP, 0);
		ipc_put_u8(chan_ipc(f->chan), (uint8_t)up);
		ipc_put_str(chan_ipc(f->chan), why);
		(void)chan_send(f->chan, -1);
	}
}

/* Returns 1 while a peer has so much in its queue that long work must wait. */
int
store_peers_full(const struct store *st)
{
	const struct peer	*f;

	TAILQ_FOREACH(f, &st->peers, entry)
		if (chan_queued(f->chan) > STORE_HIGH)
			return (1);
	return (0);
}
