/*
 * Store and fw: what belongs into the firewall's table, and the answers that
 * wait until it is there.  A late fw delays those answers and nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "spamgreyd/store/ctl.h"

#define LATE_LOG_EVERY	60000		/* ms */

/* fw lost a change; it compares nothing, so it gets the whole set again. */
static void
set_again(struct store *st)
{
	st->stream_again = 1;
	store_work_soon(st);
}

/* A host's length goes with it: fw knows no `admit'. */
static void
send_fw(struct store *st, uint16_t type, uint64_t id, const struct addr *host,
    int64_t until)
{
	unsigned int	plen;

	if (st->fw == NULL)
		return;
	plen = addr_cut_len(host, &st->child->conf->grey.admit);
	if (proto_put_fw(chan_ipc(st->fw), type, id, host, (uint8_t)plen,
	    until) == -1 || chan_send(st->fw, -1) == -1) {
		log_warn("store: fw's queue");
		set_again(st);
	}
}

void
store_fw_do(struct store *st, uint64_t id, const struct addr *host,
    int64_t until)
{
	send_fw(st, MSG_FW_DO, id, host, until);
}

void
store_fw_host(struct store *st, const struct addr *host, int64_t until)
{
	send_fw(st, MSG_FW_HOST, 0, host, until);
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

static void
wait_end(struct store *st, struct fw_wait *w)
{
	TAILQ_REMOVE(&st->waits, w, entry);
	store_peer_answer(w->peer, w->session, &w->ans);
	free(w);
}

/* One timer, for the oldest: all wait equally long. */
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

/* The oldest waits are over; a client is not kept for a table. */
static void
late(evutil_socket_t fd, short what, void *arg)
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
			    "clients are answered without its word",
			    STORE_FW_WAIT);
			st->late_logged = now;
		}
		wait_end(st, w);
	}
	wait_timer(st);
}

/*
 * Only this tells fw of a host that was just promoted: the commit leaves it
 * out (store_batch_asks_fw).  The state is read again, because a later RCPT of
 * the batch may have trapped the host; the commit told fw of that.
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

/* The front is gone, and who asked with it. */
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

static void
on_done(struct chan *ch, struct msg *m, void *arg)
{
	struct store	*st = arg;
	struct fw_wait	*w;
	int		 good = msg_get_u8(m);

	(void)ch;
	if (msg_end(m) == -1)
		return;
	/* They come in order, but for those that were late. */
	TAILQ_FOREACH(w, &st->waits, entry)
		if (w->id >= m->id)
			break;
	if (w == NULL || w->id != m->id)
		return;
	if (!good)
		log_debug("store: fw could not add a host; said in its log");
	wait_end(st, w);
	wait_timer(st);
}

static void
on_stat(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	store_ctl_stat(m);
}

static void
on_looked(struct chan *ch, struct msg *m, void *arg)
{
	uint8_t		 status = msg_get_u8(m);
	const char	*text = msg_get_str(m);

	(void)ch;
	(void)arg;
	if (msg_end(m) == 0)
		store_ctl_table(m->id, status, text);
}

static const struct chan_rule fw_rules[] = {
	{ MSG_FW_LOOKED, 0, on_looked },
	{ MSG_FW_DONE, 0, on_done },
	{ MSG_STAT, 0, on_stat },
	{ MSG_STAT_END, 0, on_stat },
	{ 0, 0, NULL }
};

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct store	*st = arg;

	chan_free(ch);
	st->fw = NULL;
	/* The parent sees a death, and ends us; a broken fw it does not. */
	if (how == CHAN_BROKEN)
		fatalx("store: fw sent what it must not");
}

void
store_fw_peer(struct store *st, int fd)
{
	if (st->fw != NULL)
		child_fatal(st->child, "store: a second fw");
	st->fw = chan_new(st->child->base, fd, "fw", fw_rules, st, ended);
	st->ev_wait = evtimer_new(st->child->base, late, st);
	if (st->fw == NULL || st->ev_wait == NULL)
		child_fatal(st->child, "store: fw's socket: %s",
		    strerror(errno));
	chan_pause(st->fw);
}

void
store_fw_start(struct store *st)
{
	if (st->fw != NULL)
		chan_resume(st->fw);
}
