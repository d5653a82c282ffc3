/*
 * The role store: the only process that opens the database.  It answers the
 * RCPTs of the fronts, takes in what pass and track saw of hosts, tells the
 * fronts, pass and fw about every change of a host, serves the control socket
 * (ctl.c) and expires entries.  All decisions are made in lib/policy; this
 * file has the event loop, the order of messages, and what happens when the
 * disk fails.
 *
 * Long work (sending all host states, new keys for all entries, expiry) is
 * done in slices, one per turn of the loop, so that no RCPT waits for it.
 *
 * The order of messages is the contract with the fronts and pass: a change of
 * a host is sent to all of them after the commit that made it and before the
 * answer that caused it, on the same socket.  While all states are being
 * sent, changes are sent in between; in both cases the last message about a
 * host is the right one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "spamgreyd/store/ctl.h"

static struct store	store;

/* Seconds by which the time of a receiver may differ from ours (tell_clock). */
#define CLOCK_DRIFT	1

static const struct timeval	second = { 1, 0 };
static const struct timeval	at_once = { 0, 0 };
static const struct timeval	shortly = { 0, 20000 };

/* Has do_work called in the next turn of the loop. */
void
store_work_soon(struct store *st)
{
	if (st->ev_work != NULL && !evtimer_pending(st->ev_work, NULL))
		evtimer_add(st->ev_work, &at_once);
}

/*
 * Called by policy for each host state.  Inside of stream_work it is one of
 * all states, and goes only to those that asked for all.  Otherwise a commit
 * changed the host, and everybody is told.
 */
static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	struct store	*st = arg;
	char		 ip[ADDR_STRLEN];

	if (st->in_slice) {
		if (st->stream_peers)
			store_peers_send_host(st, h);
		if (st->stream_fw && in_table != 0)
			store_fw_host(st, &h->key, in_table);
		return;
	}
	log_debug("host %s white until %lld, trapped until %lld (%s), in the "
	    "table until %lld", addr_str(&h->key, ip), (long long)h->white,
	    (long long)h->trapped, trap_reason_str(h->reason),
	    (long long)in_table);
	store_peers_send_host(st, h);
	/* The batch that made it WHITE tells fw itself, and waits for it. */
	if (in_table == 0 || !store_batch_asks_fw(st, &h->key))
		store_fw_do(st, 0, &h->key, in_table);
}

static const struct policy_sink	sink = {
	.host = sink_host,
	.tell_peers = store_sync_say,
	.stats = store_sync_stats
};

/*
 * Tells fronts, pass and fw the time that expiries are compared with, or 0
 * while the clock is wrong.  They count on from it by themselves, so it is
 * sent again only when their time and ours differ by more than CLOCK_DRIFT.
 */
static void
tell_clock(struct store *st, int always)
{
	int64_t	asof = policy_asof(st->policy), mono = clock_mono();
	int64_t	theirs = st->asof == 0 ? 0 :
		    st->asof + (mono - st->asof_mono) / 1000;

	if (!always && (asof == 0) == (theirs == 0) &&
	    llabs(asof - theirs) <= CLOCK_DRIFT)
		return;
	st->asof = asof;
	st->asof_mono = mono;
	store_peers_send_clock(st, asof);
	if (st->fw != NULL && proto_put_clock(chan_ipc(st->fw), asof) == 0)
		(void)chan_send(st->fw, -1);
}

/*
 * Sends all host states again from the beginning: to fronts and pass if peers
 * is 1, the set of the table to fw if fw is 1.  A stream that was under way
 * starts again: its BEGIN makes the receiver drop what came before.
 */
static void
stream_begin(struct store *st, int peers, int fw)
{
	st->stream_peers |= peers;
	st->stream_fw |= fw;
	st->streaming = 1;
	memset(&st->stream_pos, 0, sizeof(st->stream_pos));
	if (st->stream_peers) {
		store_peers_begin(st);
		store_caps_send(st);
	}
	if (st->stream_fw && st->fw != NULL)
		(void)chan_send_empty(st->fw, MSG_FW_BEGIN, 0);
	store_work_soon(st);
}

/* All states are sent; the receivers put the new copy in force. */
static void
stream_end(struct store *st)
{
	if (st->stream_peers)
		store_peers_end(st);
	if (st->stream_fw && st->fw != NULL)
		(void)chan_send_empty(st->fw, MSG_FW_END, 0);
	st->streaming = st->stream_peers = st->stream_fw = 0;
}

/* Sends one slice of the states.  Returns 1 when there are more. */
static int
stream_work(struct store *st)
{
	enum db_result	rc;

	st->in_slice = 1;
	rc = policy_stream(st->policy, &st->stream_pos, STORE_SLICE);
	st->in_slice = 0;
	if (rc != DB_OK) {
		store_check_up(st);	/* begins again when it is up */
		return (0);
	}
	if (!st->stream_pos.done)
		return (1);
	stream_end(st);
	return (0);
}

/* Expires entries in one transaction.  Returns 1 when there are more. */
static int
expire_work(struct store *st)
{
	size_t	n;
	int	more;

	if (policy_expire(st->policy, STORE_SLICE, &more, &n) != DB_OK)
		store_check_up(st);
	return (more);
}

/* Writes message counts in one transaction.  Returns 1 when there are more. */
static int
learn_work(struct store *st)
{
	int	more;

	if (policy_mails_write(st->policy, 0, STORE_BATCH, &more) != DB_OK)
		store_check_up(st);
	return (more);
}

/*
 * Moves entries to their new keys in one transaction, after `match' or
 * `admit' changed.  Returns 1 when there are more.  At the end all states are
 * sent again, since the keys of hosts are different now.
 */
static int
rekey_work(struct store *st)
{
	int	more;

	if (policy_rekey(st->policy, STORE_SLICE, &more) != DB_OK) {
		store_check_up(st);
		return (0);
	}
	if (!more)		/* host keys are others now */
		stream_begin(st, 1, 1);
	return (more);
}

/*
 * One slice of one kind of work; the loop goes round in between.  The order
 * is that of need: keys must be right before states are sent.
 */
static void
do_work(evutil_socket_t fd, short what, void *arg)
{
	struct store	*st = arg;
	int		 more = 0;

	(void)fd;
	(void)what;
	if (!db_is_up(st->db))
		return;
	if (store_peers_full(st) || store_fw_full(st)) {
		evtimer_add(st->ev_work, &shortly);
		return;
	}
	if (policy_must_rekey(st->policy)) {
		(void)rekey_work(st);
		more = 1;
	} else if (st->streaming)
		more = stream_work(st);
	else if (st->stream_again) {
		st->stream_again = 0;
		stream_begin(st, 1, 1);
	} else if (st->expiring)
		more = st->expiring = expire_work(st);
	else if (st->learning)
		more = st->learning = learn_work(st);
	if (more || (db_is_up(st->db) && (st->expiring || st->streaming ||
	    st->stream_again || st->learning)))
		store_work_soon(st);
}

/* Tells fronts and pass, once, when the database has gone down. */
void
store_check_up(struct store *st)
{
	if (!st->was_up || db_is_up(st->db))
		return;
	st->was_up = 0;
	st->last_try = clock_mono();
	st->expiring = st->learning = 0;
	store_peers_send_up(st, 0, db_why(st->db));
}

/*
 * Tries once to open the database again.  It blocks during a recovery, which
 * nothing else can use the process for; child_busy keeps the parent from
 * taking us for dead.
 */
static void
try_reopen(struct store *st)
{
	int	r;

	child_busy(st->child, 1);
	r = policy_reopen(st->policy);
	child_busy(st->child, 0);
	if (r == -1)
		return;
	st->was_up = 1;
	store_peers_send_up(st, 1, "");
	store_caps_load(st);
	/* A commit that was reported as failed may have reached the disk. */
	stream_begin(st, 1, 1);
}

/* Checks the clock before anything expires: with a wrong clock nothing does. */
static void
every_minute(struct store *st)
{
	const char	*why;

	db_rest(st->db);
	if (policy_clock(st->policy, 0, &why))
		st->expiring = 1;
	st->learning = 1;
	store_check_up(st);
	store_work_soon(st);
}

/*
 * The timer of one second.  While the database is down it does nothing but
 * try to open it again.
 */
static void
every_second(evutil_socket_t fd, short what, void *arg)
{
	struct store	*st = arg;
	int64_t		 now = clock_mono();

	(void)fd;
	(void)what;
	store_check_up(st);
	tell_clock(st, 0);
	store_peers_resume(st);
	if (!st->was_up) {
		if (now - st->last_try >= STORE_REOPEN) {
			st->last_try = now;
			try_reopen(st);
		}
		return;
	}
	store_caps_save(st);
	store_sync_tick(st);
	if (now - st->last_minute >= STORE_MINUTE) {
		st->last_minute = now;
		every_minute(st);
	}
}

/*
 * For `spamgreydb stats': asks the other processes for their counters.
 * Returns how many were asked.
 */
static unsigned int
stat_ask(uint64_t id, void *arg)
{
	struct store	*st = arg;
	struct peer	*f;
	unsigned int	 n = 0;

	TAILQ_FOREACH(f, &st->peers, entry)
		n += chan_send_empty(f->chan, MSG_STAT_ASK, id) == 0;
	if (st->fw != NULL)
		n += chan_send_empty(st->fw, MSG_STAT_ASK, id) == 0;
	if (st->track != NULL)
		n += chan_send_empty(st->track, MSG_STAT_ASK, id) == 0;
	return (n);
}

/* For store_ctl: asks fw about its table.  Returns -1 when fw is not there. */
static int
table_ask(uint64_t id, const struct addr *addr, void *arg)
{
	return (store_fw_look(arg, id, addr));
}

/* For store_ctl: sends what is queued to the peers before its own answer. */
static void
tell_first(void *arg)
{
	store_peers_flush(arg, NULL);
}

/*
 * The parent hands over the socket to another process.  This is the first
 * call into the role, before role_configure and role_run.
 */
static void
role_peer(struct child *c, enum role who, unsigned int instance, int fd)
{
	struct store	*st = &store;

	if (st->child == NULL) {
		st->child = c;
		TAILQ_INIT(&st->peers);
		TAILQ_INIT(&st->waits);
	}
	if (who == ROLE_FRONT || who == ROLE_PASS)
		store_peer_new(st, who, instance, fd);
	else if (who == ROLE_FW)
		store_fw_peer(st, fd);
	else if (who == ROLE_TRACK)
		store_track_peer(st, fd);
	else
		child_fatal(c, "store: unexpected peer: role %d", who);
}

/*
 * A new configuration: which addresses are one host, and what belongs into
 * the table, may be different now.
 */
static void
role_configure(struct child *c, struct config *old)
{
	struct store	*st = &store;
	int		 cut;

	if (old == NULL)
		return;			/* run() opens the database */
	cut = memcmp(&old->grey.admit, &c->conf->grey.admit,
	    sizeof(old->grey.admit)) != 0;
	if (policy_configure(st->policy, c->conf) == -1) {
		/* The policy goes on with the old one, which must stay. */
		log_warnx("store: the old configuration stays in use");
		old->refs++;
		return;
	}
	store_sync_configure(st);
	store_check_up(st);
	if (db_is_up(st->db))
		stream_begin(st, cut, 1);
}

/*
 * The address lists were loaded again; what is in the table follows from
 * them.
 */
static void
role_lists(struct child *c)
{
	struct store	*st = &store;

	(void)c;
	policy_lists(st->policy);
	if (db_is_up(st->db))
		stream_begin(st, 0, 1);
}

/*
 * Keeps the descriptor that locks the state directory.  The parent has it
 * too, but may die before us, and the lock must last as long as the database
 * is open here.
 */
static void
on_lock(struct chan *ch, struct msg *m, void *arg)
{
	static int	lock = -1;

	(void)ch;
	(void)arg;
	if (lock == -1)
		lock = msg_take_fd(m);
}

/*
 * Starts the role, unprivileged and in the sandbox: opens the database and
 * begins to read from the others.
 */
static void
role_run(struct child *c)
{
	struct store_ctl_role	 ctl;
	struct store		*st = &store;
	struct db_opts		 opts;
	struct peer		*f;
	const char		*why;

	c->data = st;
	memset(&opts, 0, sizeof(opts));
	opts.cache = c->conf->cache;
	opts.name = c->conf->statedir;
	opts.may_be_down = 1;
	opts.strict = c->conf->strict;
	/* The working directory is the state directory, chrooted or not. */
	if (db_open(&st->db, ".", &opts) == -1)
		child_fatal(c, "store: the database in %s cannot be opened",
		    c->conf->statedir);
	if ((st->policy = policy_new(st->db, &sink, st)) == NULL ||
	    policy_configure(st->policy, c->conf) == -1)
		child_fatal(c, "store: the database in %s cannot be used",
		    c->conf->statedir);
	st->late_logged = INT64_MIN / 2;
	st->last_minute = st->last_try = clock_mono();
	st->was_up = db_is_up(st->db);
	st->ev_second = event_new(c->base, -1, EV_PERSIST, every_second, st);
	st->ev_work = evtimer_new(c->base, do_work, st);
	if (st->ev_second == NULL || st->ev_work == NULL ||
	    event_add(st->ev_second, &second) == -1)
		child_fatal(c, "store: no memory");
	tell_clock(st, 1);
	if (st->was_up) {
		store_caps_load(st);
		stream_begin(st, 1, 1);
	} else {
		/* The fronts may accept clients; every answer is `unstored'
		 * for now.  The firewall's table stays as it is. */
		store_peers_begin(st);
		store_peers_end(st);
		store_peers_send_up(st, 0, db_why(st->db));
	}
	(void)policy_clock(st->policy, 0, &why);
	st->expiring = st->was_up;
	store_sync_configure(st);
	TAILQ_FOREACH(f, &st->peers, entry)
		store_peer_start(f);
	store_fw_start(st);
	store_track_start(st);
	memset(&ctl, 0, sizeof(ctl));
	ctl.child = c;
	ctl.policy = st->policy;
	ctl.db = st->db;
	ctl.stat_ask = stat_ask;
	ctl.table_ask = table_ask;
	ctl.tell_first = tell_first;
	ctl.arg = st;
	store_ctl_start(&ctl);
	st->running = 1;
}

/*
 * The last call.  Everything that is only in memory is written and sent.  No
 * batch is open here, because a batch ends in the callback that began it.
 */
static void
role_stop(struct child *c)
{
	struct store	*st = &store;
	struct peer	*f;
	int		 more = 1;

	(void)c;
	if (!st->running)
		return;
	store_ctl_stop();
	store_caps_save(st);
	while (more && db_is_up(st->db) && policy_mails_write(st->policy, 1,
	    STORE_BATCH, &more) == DB_OK)
		continue;
	TAILQ_FOREACH(f, &st->peers, entry)
		chan_flush(f->chan);
	store_sync_flush(st);
	policy_free(st->policy);
	db_leave(st->db);
}

static const struct chan_rule parent_rules[] = {
	{ MSG_STATE_LOCK, CHAN_FD, on_lock },
	{ MSG_CTL_LISTEN, CHAN_FD, store_ctl_listen },
	{ CTL_RESULT, 0, store_ctl_result },
	{ 0, 0, NULL }
};

const struct role_def role_store = {
	.name = "store",
	.user = CONF_DBUSER,
	.root = ROOT_STATE,
	.peers = 1U << ROLE_FRONT | 1U << ROLE_FW | 1U << ROLE_PASS |
	    1U << ROLE_TRACK,
	.parent_rules = parent_rules,
	.peer = role_peer,
	.configure = role_configure,
	.lists = role_lists,
	.run = role_run,
	.stop = role_stop
};
