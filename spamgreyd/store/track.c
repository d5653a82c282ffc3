/*
 * Store and track: connections that the firewall logged.  Each message is a
 * transaction of its own and has no answer.  While the database is down the
 * message is lost, and the next connection of the host makes up for it.
 *
 * Unlike the other processes, track may end and start again while the daemon
 * runs, so its socket can be replaced at any time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "spamgreyd/store/ctl.h"

/*
 * A host that became WHITE is an event for the log; the rest is for
 * debugging.
 */
static void
log_tracked(const struct track_seen *seen, enum tracked did)
{
	char	ip[ADDR_STRLEN];

	if (did == TRACKED_WHITE)
		log_event(0, "tracked", "address=%s white",
		    addr_str(&seen->host, ip));
	else
		log_debug("track: %s %s: %s",
		    seen->outbound ? "outbound" : "inbound",
		    addr_str(&seen->host, ip), policy_tracked_str(did));
}

/*
 * All connections of one message in one transaction.  did[i] is what seen[i]
 * led to.  On an error nothing is stored.
 */
static enum db_result
track_batch(struct store *st, const struct track_seen *seen, size_t n,
    enum tracked *did)
{
	enum db_result	rc;
	size_t		i;

	if ((rc = policy_begin(st->policy)) != DB_OK)
		return (rc);
	for (i = 0; i < n; i++)
		if ((rc = policy_track(st->policy, &seen[i], &did[i])) !=
		    DB_OK) {
			policy_abort(st->policy);
			return (rc);
		}
	return (policy_commit(st->policy));
}

/* One message of track; when it cannot be stored it is counted as lost. */
static void
on_track(struct chan *ch, struct msg *m, void *arg)
{
	struct store		*st = arg;
	struct track_seen	 seen[TRACK_SEEN_MAX];
	enum tracked		 did[TRACK_SEEN_MAX];
	size_t			 n, i;

	(void)ch;
	if (proto_get_track(m, seen, &n) == -1)
		return;
	if (!db_is_up(st->db) || track_batch(st, seen, n, did) != DB_OK) {
		policy_count_track_lost(st->policy, n);
		store_check_up(st);
		return;
	}
	for (i = 0; i < n; i++)
		log_tracked(&seen[i], did[i]);
}

static const struct chan_rule track_rules[] = {
	{ MSG_TRACK, 0, on_track },
	{ MSG_STAT, 0, store_on_stat },
	{ MSG_STAT_END, 0, store_on_stat },
	{ 0, 0, NULL }
};

/*
 * Unlike the others, track may die without us; if it sends garbage it only
 * loses its socket.
 */
static void
track_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct store	*st = arg;

	(void)how;
	chan_free(ch);
	if (st->track == ch)
		st->track = NULL;
}

/* Takes the socket to a new track, in place of the old one. */
void
store_track_peer(struct store *st, int fd)
{
	struct chan	*old = st->track;

	/* We may not have noticed yet that the old one has ended. */
	if (old != NULL) {
		chan_drain(old);
		if (st->track == old)
			chan_free(old);
	}
	if ((st->track = chan_new(st->child->base, fd, "track", track_rules,
	    st, track_ended)) == NULL) {
		log_warn("store: socket to track");
		return;
	}
	if (!st->running)
		chan_pause(st->track);
}

void
store_track_start(struct store *st)
{
	if (st->track != NULL)
		chan_resume(st->track);
}
