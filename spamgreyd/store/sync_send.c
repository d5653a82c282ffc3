/*
 * Store and the daemons of other machines: what this one asserted or deleted
 * is sent as datagrams, to each peer in its version.  It is called after the
 * commit, so nobody hears of anything that is not on disk.
 *
 * Entries of version 3 are collected until the end of the turn of the loop;
 * one of version 2 is sent at once.  What the kernel does not take waits in a
 * bounded queue; when that is full, datagrams are dropped and counted.  A
 * datagram is no promise: the bulk sync finds what was lost.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/be.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/sync.h"

#define META_NAME	"sync-id"	/* id[8] epoch[8] */
#define RETRY_MS	20

static const struct timeval	at_once = { 0, 0 };
static const struct timeval	shortly = { 0, RETRY_MS * 1000 };

/*
 * Gets the id of this database among its peers, which is made once, and an
 * epoch that is later than those of all starts before, whatever the clock
 * does.  Returns -1 while the database cannot be read; it is tried again each
 * second.
 */
int
sync_name(struct sync *sy)
{
	struct store	*st = sy->store;
	uint8_t		 b[16];
	uint64_t	 id = 0, epoch = (uint64_t)clock_wall();
	enum db_result	 rc;
	size_t		 len;

	if (sy->named)
		return (0);
	if (!db_is_up(st->db) || db_in_txn(st->db))
		return (-1);
	rc = db_meta_get(st->db, META_NAME, b, sizeof(b), &len);
	if (rc == DB_OK && len == sizeof(b)) {
		id = be_get64(b);
		if (epoch <= be_get64(b + 8))
			epoch = be_get64(b + 8) + 1;
	} else if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (-1);
	while (id == 0)
		arc4random_buf(&id, sizeof(id));
	be_put64(b, id);
	be_put64(b + 8, epoch);
	if (policy_begin(st->policy) != DB_OK)
		return (-1);
	if (db_meta_put(st->db, META_NAME, b, sizeof(b)) != DB_OK ||
	    policy_commit(st->policy) != DB_OK) {
		policy_abort(st->policy);
		return (-1);
	}
	sy->id = id;
	sy->epoch = epoch;
	sy->named = 1;
	return (0);
}

/* Drops what waits: the sockets it was meant for are closed soon. */
void
sync_forget_waits(struct sync *sy)
{
	struct sync_wait	*w;

	while ((w = TAILQ_FIRST(&sy->waits)) != NULL) {
		TAILQ_REMOVE(&sy->waits, w, entry);
		free(w);
	}
	sy->waiting = 0;
	sync3_begin(&sy->out);
}

/* Counts a datagram that the kernel refused, and logs why, once a minute. */
static void
send_failed(struct sync *sy, const struct sockaddr_storage *ss)
{
	struct addr	to;
	unsigned long	quiet;
	int		saved = errno;
	char		ip[ADDR_STRLEN] = "?";

	sy->stat[SY_FAILED]++;
	if (!sync_may_log(&sy->log_failed, &quiet))
		return;
	if (addr_from_sa((const struct sockaddr *)ss, &to, NULL) == 0)
		addr_str(&to, ip);
	log_warnx("sync: not sent to %s: %s; %lu more since the last line", ip,
	    strerror(saved), quiet);
}

/*
 * Sends one datagram.  Returns 1 when it is done with, sent or failed; 0 when
 * the kernel has no room now.
 */
static int
send_one(struct sync *sy, int fd, const struct sockaddr_storage *ss,
    socklen_t len, const uint8_t *data, size_t n)
{
	if (sendto(fd, data, n, 0, (const struct sockaddr *)ss, len) != -1) {
		sy->stat[SY_SENT]++;
		return (1);
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		return (0);
	send_failed(sy, ss);
	return (1);
}

/* Keeps a copy of a datagram for later. */
static void
queue_datagram(struct sync *sy, int fd, const struct sockaddr_storage *ss,
    socklen_t len, const uint8_t *data, size_t n)
{
	struct sync_wait	*w;

	if (sy->waiting + sizeof(*w) + n > SYNC_QUEUE ||
	    (w = malloc(sizeof(*w) + n)) == NULL) {
		sy->stat[SY_DROPPED]++;
		return;
	}
	w->fd = fd;
	w->to = *ss;
	w->tolen = len;
	w->len = n;
	memcpy(w->data, data, n);
	sy->waiting += sizeof(*w) + n;
	TAILQ_INSERT_TAIL(&sy->waits, w, entry);
	if (!evtimer_pending(sy->ev_send, NULL))
		evtimer_add(sy->ev_send, &shortly);
}

/*
 * Sends to one peer, behind the datagrams that wait, so that the order is
 * kept.
 */
static void
send_to(struct sync *sy, int fd, const struct addr *to, uint16_t port,
    const uint8_t *data, size_t n)
{
	struct sockaddr_storage	ss;
	socklen_t		len = addr_to_sa(to, port, &ss);

	if (!TAILQ_EMPTY(&sy->waits) ||
	    !send_one(sy, fd, &ss, len, data, n))
		queue_datagram(sy, fd, &ss, len, data, n);
}

/*
 * The socket that datagrams to this peer leave by, by its address family; -1:
 * there is none.
 */
static int
socket_for(const struct conf_sync *c, const struct addr *to)
{
	const struct conf_sync_sock	*k;

	TAILQ_FOREACH(k, &c->socks, entry)
		if (k->kind != SYNC_GROUP && k->fd != -1 &&
		    addr_is4(&k->addr) == addr_is4(to))
			return (k->fd);
	return (-1);
}

/* Sends to all peers and groups that speak this version. */
static void
send_to_peers(struct sync *sy, int v2, const uint8_t *data, size_t n)
{
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;
	int				 fd;

	TAILQ_FOREACH(p, &sy->conf->peers, entry)
		if (p->v2 == v2 && (fd = socket_for(sy->conf, &p->addr)) != -1)
			send_to(sy, fd, &p->addr, p->port, data, n);
	TAILQ_FOREACH(k, &sy->conf->socks, entry)
		if (k->kind == SYNC_GROUP && k->v2 == v2 && k->fd != -1)
			send_to(sy, k->fd, &k->addr, k->port, data, n);
}

/* Says whether any peer or group speaks this version. */
static int
has_version(const struct conf_sync *c, int v2)
{
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;

	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->v2 == v2)
			return (1);
	TAILQ_FOREACH(k, &c->socks, entry)
		if (k->kind == SYNC_GROUP && k->v2 == v2)
			return (1);
	return (0);
}

/* Seals and sends what was collected for version 3. */
static void
flush3(struct sync *sy)
{
	struct sync3_hdr	h;
	size_t			n;

	if (sy->out.len == 0)
		return;
	h.id = sy->id;
	h.epoch = sy->epoch;
	h.counter = ++sy->counter;
	h.time = clock_wall();
	if ((n = sync3_seal(&sy->out, &h, &sy->conf->key)) > 0)
		send_to_peers(sy, 0, sy->out.b, n);
	else
		sy->stat[SY_FAILED]++;
	sync3_begin(&sy->out);
}

/* Adds a state to the datagram that is being collected. */
static void
add_v3(struct sync *sy, const struct merge_state *s)
{
	int	r;

	/* Without an id nothing can be sent: the database was down. */
	if (!sy->named) {
		sy->stat[SY_LOST]++;
		return;
	}
	if ((r = sync3_add(&sy->out, s)) == 0) {
		flush3(sy);
		r = sync3_add(&sy->out, s);
	}
	if (r != 1)
		sy->stat[SY_FAILED]++;
	else if (!evtimer_pending(sy->ev_send, NULL))
		evtimer_add(sy->ev_send, &at_once);
}

/*
 * Sends what spamd understands of a state: that an IPv4 entry is there.
 * Deletions and the other types do not exist in version 2.
 */
static void
send_v2(struct sync *sy, const struct merge_state *s)
{
	static uint8_t		data[SYNC2_MAX];
	struct sync2_item	it;
	struct entry		e;
	size_t			n;

	if (!merge_live(s, &e) || !addr_is4(&e.addr))
		return;
	memset(&it, 0, sizeof(it));
	switch (e.type) {
	case ENTRY_GREY:
		it.type = SYNC2_GREY;
		break;
	case ENTRY_WHITE:
		it.type = SYNC2_WHITE;
		break;
	case ENTRY_TRAPPED:
		it.type = SYNC2_TRAPPED;
		break;
	default:
		return;
	}
	it.when = (uint32_t)clock_wall();
	/* An entry that never expires gets the largest time of the field. */
	it.expire = e.expire == 0 || e.expire > UINT32_MAX ? UINT32_MAX :
	    (uint32_t)e.expire;
	it.addr = e.addr;
	it.from = e.from;
	it.to = e.to;
	it.helo = e.helo;
	if ((n = sync2_build(data, sy->counter2, &it, &sy->conf->key)) == 0) {
		sy->stat[SY_TOO_LONG]++;
		return;
	}
	sy->counter2++;
	send_to_peers(sy, 1, data, n);
}

/*
 * Called by the policy after the commit for each entry that this machine
 * asserted or deleted.
 */
void
store_sync_say(const struct merge_state *s, void *arg)
{
	struct store	*st = arg;
	struct sync	*sy = st->sync;

	if (sy == NULL || sy->conf == NULL)
		return;
	if (has_version(sy->conf, 0))
		add_v3(sy, s);
	if (has_version(sy->conf, 1))
		send_v2(sy, s);
}

/* The timer ev_send: sends what waits and what was collected. */
void
sync_send_later(evutil_socket_t fd, short what, void *arg)
{
	struct sync		*sy = arg;
	struct sync_wait	*w;

	(void)fd;
	(void)what;
	if (sy->conf == NULL)
		return;
	while ((w = TAILQ_FIRST(&sy->waits)) != NULL &&
	    send_one(sy, w->fd, &w->to, w->tolen, w->data, w->len)) {
		TAILQ_REMOVE(&sy->waits, w, entry);
		sy->waiting -= sizeof(*w) + w->len;
		free(w);
	}
	flush3(sy);
	if (!TAILQ_EMPTY(&sy->waits) && !evtimer_pending(sy->ev_send, NULL))
		evtimer_add(sy->ev_send, &shortly);
}

/* Each second: gets the id if the database was down before. */
void
store_sync_tick(struct store *st)
{
	if (st->sync != NULL && st->sync->conf != NULL)
		(void)sync_name(st->sync);
}

/* At the end of the role: sends what can still be sent. */
void
store_sync_flush(struct store *st)
{
	if (st->sync != NULL)
		sync_send_later(-1, 0, st->sync);
}
