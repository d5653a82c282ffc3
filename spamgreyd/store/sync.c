/*
 * Store and the daemons of other machines: datagrams come in, are checked,
 * and the policy merges what they contain.  The parent opened the sockets and
 * read the key.  A datagram is as hostile as anything from the network until
 * its MAC is right, and its contents are checked even then.
 *
 * All datagrams that one turn of the loop finds are one transaction.  Nothing
 * is answered and nothing is sent on; what is lost here, the bulk sync finds.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/sync.h"

/* The datagrams of one turn, and the transaction for them. */
struct sync_turn {
	struct sync	*sy;
	struct addr	 from;
	int		 open;		/* the transaction is open */
	int		 failed;
	int64_t		 taken, known;	/* entries of the transaction */
};

/*
 * Returns 1 when a line may be logged; *quiet is how many were suppressed
 * since the last one.  Returns 0 when one was logged less than SYNC_LOG_EVERY
 * ago.
 */
int
sync_may_log(struct sync_log *l, unsigned long *quiet)
{
	int64_t	now = clock_mono();

	if (l->at != 0 && now - l->at < SYNC_LOG_EVERY) {
		l->quiet++;
		return (0);
	}
	*quiet = l->quiet;
	l->quiet = 0;
	l->at = now;
	return (1);
}

/* Counts a datagram or an entry that is refused, and logs why. */
static void
refuse_datagram(struct sync_turn *t, enum sync_stat what, const char *why)
{
	unsigned long	quiet;
	char		ip[ADDR_STRLEN];

	t->sy->stat[what]++;
	if (sync_may_log(&t->sy->log_refused, &quiet))
		log_warnx("sync: refused from %s: %s; %lu more since the last "
		    "line", addr_str(&t->from, ip), why, quiet);
}

/*
 * Turns a codec's word for what is wrong into the counter and into a log line
 * that says what to do.
 */
static void
refuse_malformed(struct sync_turn *t, const char *why)
{
	if (strcmp(why, "key") == 0)
		refuse_datagram(t, SY_BAD_KEY,
		    "it uses another key; all peers need the same key file");
	else if (strcmp(why, "time") == 0)
		refuse_datagram(t, SY_BAD_TIME,
		    "its clock and ours are more than five minutes apart, or "
		    "it is a replay");
	else if (strcmp(why, "version") == 0)
		refuse_datagram(t, SY_BAD_VERSION,
		    "unknown version of the protocol");
	else
		refuse_datagram(t, SY_BAD_FORM, why);
}

/*
 * Opens the turn's transaction with its first entry.  Returns -1 when the
 * database is down, or failed earlier in this turn.
 */
static int
transaction(struct sync_turn *t)
{
	if (!t->open && !t->failed) {
		t->failed = policy_begin(t->sy->store->policy) != DB_OK;
		t->open = !t->failed;
	}
	if (t->failed)
		t->sy->stat[SY_LOST]++;
	return (t->failed ? -1 : 0);
}

/*
 * Counts what became of one entry.  An error of the database undoes the whole
 * turn.
 */
static void
count_outcome(struct sync_turn *t, enum db_result rc, int news)
{
	if (rc == DB_BAD)
		refuse_datagram(t, SY_BAD_ENTRY, "an entry does not fit into "
		    "the database");
	else if (rc != DB_OK) {
		policy_abort(t->sy->store->policy);
		t->sy->stat[SY_LOST] += t->taken + t->known + 1;
		t->taken = t->known = 0;
		t->open = 0;
		t->failed = 1;
	} else if (news)
		t->taken++;
	else
		t->known++;
}

/* Merges one entry or deletion of version 3. */
static void
take3(struct sync_turn *t, const struct merge_state *s)
{
	const char	*why;
	enum db_result	 rc;
	int		 news = 0;

	if ((why = merge_refuse(s, clock_wall())) != NULL) {
		refuse_datagram(t, SY_BAD_ENTRY, why);
		return;
	}
	if (transaction(t) == -1)
		return;
	rc = policy_merge(t->sy->store->policy, s, &news);
	count_outcome(t, rc, news);
}

/*
 * Finds the window of a sender.  A new sender takes the place of the one that
 * was heard of longest ago: all senders hold the key, so none can push others
 * out on purpose.
 */
static struct sync3_window *
window_of(struct sync *sy, const struct sync3_hdr *h, const struct addr *from)
{
	struct sync_heard	*old = NULL, *s;
	char			 ip[ADDR_STRLEN];

	for (s = sy->heard; s < sy->heard + sy->nheard; s++) {
		if (s->w.id == h->id) {
			s->at = clock_mono();
			return (&s->w);
		}
		if (old == NULL || s->at < old->at)
			old = s;
	}
	if (sy->nheard < SYNC_SENDERS)
		old = &sy->heard[sy->nheard++];
	memset(old, 0, sizeof(*old));
	old->w.id = h->id;
	old->at = clock_mono();
	log_info("sync: peer %016llx is heard from %s",
	    (unsigned long long)h->id, addr_str(from, ip));
	return (&old->w);
}

/* Checks a datagram of version 3 and merges its entries. */
static void
datagram3(struct sync_turn *t, const uint8_t *data, size_t len)
{
	static char		 strbuf[MERGEIO_MAX];
	struct merge_state	 s;
	struct sync3_hdr	 h;
	const char		*why;
	size_t			 pos = SYNC3_HDR;

	if (!t->sy->conf->key.has) {
		refuse_datagram(t, SY_BAD_VERSION,
		    "it is of version 3, but there is no key here");
		return;
	}
	if ((why = sync3_open(data, len, &t->sy->conf->key, clock_wall(),
	    &h)) != NULL) {
		refuse_malformed(t, why);
		return;
	}
	if (t->sy->named && h.id == t->sy->id) {
		refuse_datagram(t, SY_BAD_REPLAY,
		    "it is our own, or its database is a copy of ours with the "
		    "same id");
		return;
	}
	if (!sync3_window(window_of(t->sy, &h, &t->from), &h)) {
		refuse_datagram(t, SY_BAD_REPLAY, "it came before, or too "
		    "late");
		return;
	}
	while (sync3_next(data, len, &pos, &s, strbuf))
		take3(t, &s);
}

/*
 * Merges one item of version 2, spamd's protocol: a tuple, or a host that is
 * WHITE or TRAPPED.
 */
static void
take2(const struct sync2_item *it, void *arg)
{
	struct sync_turn	*t = arg;
	struct rcpt_req	 req;
	enum db_result	 rc;

	if (transaction(t) == -1)
		return;
	if (it->type == SYNC2_GREY) {
		memset(&req, 0, sizeof(req));
		req.client = it->addr;
		req.helo = it->helo;
		req.from = it->from;
		req.to = it->to;
		rc = policy_peer_grey(t->sy->store->policy, &req);
	} else
		rc = policy_peer_host(t->sy->store->policy,
		    it->type == SYNC2_WHITE ? ENTRY_WHITE : ENTRY_TRAPPED,
		    &it->addr, (int64_t)it->expire);
	count_outcome(t, rc, it->type == SYNC2_GREY ||
	    (int64_t)it->expire > policy_asof(t->sy->store->policy));
}

/* Says whether this address may send version 2. */
static int
speaks2(const struct conf_sync *c, const struct addr *from)
{
	const struct conf_sync_peer	*p;

	if (c->accept_v2)
		return (1);
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->v2 && addr_cmp(&p->addr, from) == 0)
			return (1);
	return (0);
}

/* Checks a datagram of version 2 and merges its items. */
static void
datagram2(struct sync_turn *t, const uint8_t *data, size_t len)
{
	const char	*why;
	uint32_t	 counter;

	if (!speaks2(t->sy->conf, &t->from)) {
		refuse_datagram(t, SY_BAD_VERSION,
		    "it is of version 2 (spamd); to allow that, use `peer ... "
		    "spamd' or `accept spamd'");
		return;
	}
	if ((why = sync2_parse(data, len, &t->sy->conf->key, &counter, take2,
	    t)) != NULL)
		refuse_malformed(t, why);
}

/* Puts the turn on disk, all of it or nothing. */
static void
commit_turn(struct sync_turn *t)
{
	struct sync	*sy = t->sy;
	struct store	*st = sy->store;

	if (t->open) {
		if (policy_commit(st->policy) == DB_OK) {
			sy->stat[SY_TAKEN] += t->taken;
			sy->stat[SY_KNOWN] += t->known;
		} else {
			policy_abort(st->policy);
			sy->stat[SY_LOST] += t->taken + t->known;
			t->failed = 1;
		}
	}
	if (t->failed)
		store_check_up(st);
	store_peers_flush(st, NULL);
}

/* Reads up to SYNC_TURN datagrams. */
static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t		data[SYNC3_BIG + 1];
	struct sync_turn	t;
	struct sockaddr_storage	ss;
	socklen_t		sslen;
	ssize_t			n;
	unsigned int		i;

	(void)what;
	memset(&t, 0, sizeof(t));
	t.sy = arg;
	for (i = 0; i < SYNC_TURN; i++) {
		sslen = sizeof(ss);
		if ((n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT,
		    (struct sockaddr *)&ss, &sslen)) == -1) {
			/* An ICMP error for something sent earlier. */
			if (errno == ECONNREFUSED || errno == EHOSTUNREACH ||
			    errno == ENETUNREACH)
				continue;
			break;
		}
		if (addr_from_sa((struct sockaddr *)&ss, &t.from, NULL) == -1)
			continue;
		if (n > 0 && data[0] == SYNC2_VERSION)
			datagram2(&t, data, (size_t)n);
		else
			datagram3(&t, data, (size_t)n);
	}
	commit_turn(&t);
}

/* Stops reading from all sockets; the sockets are the configuration's. */
static void
read_events_free(struct sync *sy)
{
	while (sy->nread > 0)
		event_free(sy->ev_read[--sy->nread]);
}

/* Called for the first configuration with sync.  NULL: no memory. */
static struct sync *
sync_new(struct store *st)
{
	struct sync	*sy;

	if ((sy = calloc(1, sizeof(*sy))) == NULL)
		return (NULL);
	sy->store = st;
	TAILQ_INIT(&sy->waits);
	if ((sy->ev_send = evtimer_new(st->child->base, sync_send_later,
	    sy)) == NULL) {
		free(sy);
		return (NULL);
	}
	return (sy);
}

/*
 * Takes the sockets, peers and key of the configuration in force.  Datagrams
 * that still waited for the old sockets are dropped.
 */
void
store_sync_configure(struct store *st)
{
	const struct conf_sync_sock	*k;
	struct sync			*sy = st->sync;
	struct event			*ev;

	if (sy != NULL) {
		read_events_free(sy);
		sync_forget_waits(sy);
		sy->conf = NULL;
	}
	if (st->child->conf->sync == NULL)
		return;
	if (sy == NULL && (sy = st->sync = sync_new(st)) == NULL) {
		log_warnx("sync: no memory; sync is off");
		return;
	}
	sy->conf = st->child->conf->sync;
	TAILQ_FOREACH(k, &sy->conf->socks, entry) {
		if (k->fd == -1 || sy->nread == sizeof(sy->ev_read) /
		    sizeof(sy->ev_read[0]))
			continue;
		if ((ev = event_new(st->child->base, k->fd, EV_READ |
		    EV_PERSIST, on_read, sy)) == NULL ||
		    event_add(ev, NULL) == -1) {
			log_warnx("sync: no memory for a socket");
			continue;
		}
		sy->ev_read[sy->nread++] = ev;
	}
	(void)sync_name(sy);
}

/* Counters for `spamgreydb stats'. */
void
store_sync_stats(void (*stat)(const char *, int64_t, void *), void *statarg,
    void *arg)
{
	static const char *const	names[SY_MAX] = {
		[SY_SENT] = "sync.sent", [SY_TAKEN] = "sync.taken",
		[SY_KNOWN] = "sync.known", [SY_LOST] = "sync.lost",
		[SY_DROPPED] = "sync.dropped", [SY_FAILED] = "sync.failed",
		[SY_TOO_LONG] = "sync.too-long",
		[SY_BAD_KEY] = "sync.refused.key",
		[SY_BAD_TIME] = "sync.refused.time",
		[SY_BAD_REPLAY] = "sync.refused.replay",
		[SY_BAD_VERSION] = "sync.refused.version",
		[SY_BAD_FORM] = "sync.refused.malformed",
		[SY_BAD_ENTRY] = "sync.refused.entry"
	};
	struct store			*st = arg;
	unsigned int			 i;

	if (st->sync == NULL)
		return;
	for (i = 0; i < SY_MAX; i++)
		stat(names[i], st->sync->stat[i], statarg);
	stat("sync.peers-heard", (int64_t)st->sync->nheard, statarg);
}
