/*
 * Store and fw: which hosts belong into the firewall's table, and the answers
 * that wait until a host is there.  A slow fw delays those answers by
 * STORE_FW_WAIT at most, and nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "spamgreyd/store/ctl.h"

#define LATE_LOG_EVERY	60000		/* ms between lines about a late fw */

/*
 * fw lost a change.  It cannot notice that by itself, so the whole set is
 * sent again.
 */
static void
set_again(struct store *st)
{
	st->stream_again = 1;
	store_work_soon(st);
}

/*
 * Queues one message about a host.  fw does not know `admit', so the length
 * of the host's prefix goes with it.  until 0: the host is to leave the
 * table.
 */
static void
queue_fw(struct store *st, uint16_t type, uint64_t id, const struct addr *host,
    int64_t until)
{
	unsigned int	plen;

	if (st->fw == NULL)
		return;
	plen = addr_cut_len(host, &st->child->conf->grey.admit);
	if (proto_put_fw(chan_ipc(st->fw), type, id, host, (uint8_t)plen,
	    until) == -1 || chan_send(st->fw, -1) == -1) {
		log_warn("store: cannot queue a change for fw");
		set_again(st);
	}
}

void
store_fw_do(struct store *st, uint64_t id, const struct addr *host,
    int64_t until)
{
	queue_fw(st, MSG_FW_DO, id, host, until);
}

void
store_fw_host(struct store *st, const struct addr *host, int64_t until)
{
	queue_fw(st, MSG_FW_HOST, 0, host, until);
}

int
store_fw_look(struct store *st, uint64_t id, const struct addr *addr)
{
	const struct addr_cut	*cut = &st->child->conf->grey.admit;
	unsigned int		 plen = addr_cut_len(addr, cut);
	struct addr		 host = *addr;

	if (st->fw == NULL)
		return (-1);
	addr_mask(&host, plen);
	return (proto_put_fw(chan_ipc(st->fw), MSG_FW_LOOK, id, &host,
	    (uint8_t)plen, 0) == -1 ? -1 : chan_send(st->fw, -1));
}

int
store_fw_full(const struct store *st)
{
	return (st->fw != NULL && chan_queued(st->fw) > STORE_HIGH);
}

/* The wait is over: the answer goes out, and w is freed. */
static void
wait_end(struct store *st, struct fw_wait *w)
{
	TAILQ_REMOVE(&st->waits, w, entry);
	store_peer_answer(w->peer, w->session, &w->ans);
	free(w);
}

/*
 * Sets the timer for the oldest wait.  All waits are equally long, so the
 * list is in the order of their deadlines.
 */
static void
wait_timer(struct store *st)
{
	struct fw_wait	*w = TAILQ_FIRST(&st->waits);
	struct timeval	 tv;
	int64_t		 ms;

	if (w == NULL) {
		evtimer_del(st->ev_wait);
		return;
	}
	ms = w->deadline - clock_mono();
	if (ms < 0)
		ms = 0;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(st->ev_wait, &tv);
}

/*
 * Ends the waits whose deadline has passed: a client is not held up for the
 * sake of a table.
 */
static void
waits_late(evutil_socket_t fd, short what, void *arg)
{
	struct store	*st = arg;
	struct fw_wait	*w;
	int64_t		 now = clock_mono();

	(void)fd;
	(void)what;
	while ((w = TAILQ_FIRST(&st->waits)) != NULL && w->deadline <= now) {
		policy_count_fw_late(st->policy);
		if (now - st->late_logged >= LATE_LOG_EVERY) {
			log_warnx("store: fw did not answer within %d ms; "
			    "answering clients without waiting for it",
			    STORE_FW_WAIT);
			st->late_logged = now;
		}
		wait_end(st, w);
	}
	wait_timer(st);
}

/*
 * Sends the answer p when fw has the host in its table.  This alone tells fw
 * about a host that was just promoted: the commit leaves it out
 * (store_batch_asks_fw).  The state is read again here, since a later RCPT of
 * the batch may have trapped the host; fw heard of that by the commit.
 */
void
store_fw_wait(struct store *st, struct peer *f, const struct pending *p)
{
	struct fw_wait	*w;
	struct host	 h;
	int64_t		 until = 0;

	if (st->fw == NULL)
		w = NULL;
	else if (policy_lookup(st->policy, &p->client, &h, &until) != DB_OK) {
		set_again(st);
		w = NULL;
	} else if (until == 0)
		w = NULL;
	else if ((w = calloc(1, sizeof(*w))) == NULL)
		store_fw_do(st, 0, &h.key, until);
	if (w == NULL) {
		store_peer_answer(f, p->session, &p->ans);
		return;
	}
	w->id = ++st->last_wait;
	w->peer = f;
	w->session = p->session;
	w->ans = p->ans;
	w->ans.text = "";
	w->deadline = clock_mono() + STORE_FW_WAIT;
	TAILQ_INSERT_TAIL(&st->waits, w, entry);
	store_fw_do(st, w->id, &h.key, until);
	if (TAILQ_FIRST(&st->waits) == w)
		wait_timer(st);
}

/* The front is gone, and so are its clients that wait for an answer. */
void
store_fw_forget(struct store *st, struct peer *f)
{
	struct fw_wait	*w, *next;

	for (w = TAILQ_FIRST(&st->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->peer != f)
			continue;
		TAILQ_REMOVE(&st->waits, w, entry);
		free(w);
	}
}

/*
 * fw has made the change that this id asked for.  The list is in the order of
 * ids, so the search ends at the first id that is not smaller; an id that is
 * not there was late and is answered already.
 */
static void
on_fw_done(struct chan *ch, struct msg *m, void *arg)
{
	struct store	*st = arg;
	struct fw_wait	*w;
	int		 good = msg_get_u8(m);

	(void)ch;
	if (msg_end(m) == -1)
		return;
	TAILQ_FOREACH(w, &st->waits, entry)
		if (w->id >= m->id)
			break;
	if (w == NULL || w->id != m->id)
		return;
	if (!good)
		log_debug("store: fw could not add a host; see its log line");
	wait_end(st, w);
	wait_timer(st);
}

/* A counter of fw, for `spamgreydb stats'. */
static void
on_fw_stat(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	store_ctl_stat(m);
}

/* fw looked into its table, for `spamgreydb show'. */
static void
on_looked(struct chan *ch, struct msg *m, void *arg)
{
	uint8_t		 status = msg_get_u8(m);
	const char	*text = msg_get_text(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == 0)
		store_ctl_table(m->id, status, text);
}

static const struct chan_rule fw_rules[] = {
	{ MSG_FW_LOOKED, 0, on_looked },
	{ MSG_FW_DONE, 0, on_fw_done },
	{ MSG_STAT, 0, on_fw_stat },
	{ MSG_STAT_END, 0, on_fw_stat },
	{ 0, 0, NULL }
};

/*
 * The parent notices when fw dies, and ends us too.  It does not notice a fw
 * that sends garbage, so that ends us here.
 */
static void
fw_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct store	*st = arg;

	chan_free(ch);
	st->fw = NULL;
	/* The parent sees a death, and ends us; a broken fw it does not. */
	if (how == CHAN_BROKEN)
		fatalx("store: fw sent a malformed or unexpected message");
}

/* Takes the socket to fw; nothing is read before store_fw_start. */
void
store_fw_peer(struct store *st, int fd)
{
	if (st->fw != NULL)
		child_fatal(st->child, "store: a second fw");
	st->fw = chan_new(st->child->base, fd, "fw", fw_rules, st, fw_ended);
	st->ev_wait = evtimer_new(st->child->base, waits_late, st);
	if (st->fw == NULL || st->ev_wait == NULL)
		child_fatal(st->child, "store: socket to fw: %s",
		    strerror(errno));
	chan_pause(st->fw);
}

void
store_fw_start(struct store *st)
{
	if (st->fw != NULL)
		chan_resume(st->fw);
}
