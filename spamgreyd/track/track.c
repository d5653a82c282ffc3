/*
 * The role track: it reads the connections that the firewall logged, and
 * tells store which hosts came in and which ones our mail server called.  It
 * has the handle that it opened while it was privileged, the sockets to
 * parent and store, and nothing else.  It decides nothing about a host.
 *
 * What it cannot have now (the interface, the permission, a group that
 * another program reads) it may have later, but only with privilege.  So it
 * says why, ends, and the parent starts it again after a while.  The other
 * processes do not notice.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/track/track.h"

#define READ_MAX	1000		/* frames in a turn of the loop */
#define STORE_FULL	(256 * 1024)	/* bytes queued to store: it gets no more */

struct track_role {
	struct child		*c;
	struct chan		*store;
	struct track_pcap	*pcap;
	struct track_hosts	*hosts;
	struct track_rules	 rules;
	struct event		*readable, *tick;
	uint64_t		 told;		/* hosts sent to store */
};

static struct track_role	role;	/* one a process */

/* Tells the parent why the tracker cannot work now, and ends.  The parent
 * starts another one after a while.  An empty reason asks for one at once. */
static void __attribute__((__noreturn__))
end_for_now(struct track_role *r, const char *why)
{
	ipc_begin(chan_ipc(r->c->parent), MSG_LATER, 0);
	ipc_put_str(chan_ipc(r->c->parent), why);
	(void)chan_send(r->c->parent, -1);
	chan_flush(r->c->parent);
	_exit(0);
}

/* A callback of track_pcap_read(): one logged packet. */
static void
on_frame(const uint8_t *p, size_t len, void *arg)
{
	struct track_role	*r = arg;
	struct track_seen	 seen;
	char			 ip[ADDR_STRLEN];

	if (track_hosts_see(r->hosts, &r->rules, track_pcap_linktype(r->pcap),
	    p, len, &seen))
		log_debug("track: %s %s", seen.outbound ? "outbound" :
		    "inbound", addr_str(&seen.host, ip));
}

/* The capture handle has something, or it is time to look. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct track_role	*r = arg;
	char			 err[TRACK_ERRLEN], why[TRACK_ERRLEN + 64];

	(void)fd;
	(void)what;
	if (track_pcap_read(r->pcap, READ_MAX, on_frame, r, err) !=
	    TRACK_READ_FAILED)
		return;
	snprintf(why, sizeof(why), "track: %s; opening it again", err);
	end_for_now(r, why);
}

/* How often store hears of a busy host: a few times in the life of its
 * WHITE entry, and at most once in TRACK_EVERY_MAX seconds. */
static int64_t
every_ms(const struct track_role *r)
{
	int64_t	every = r->c->conf->grey.white / 4;

	return ((every > TRACK_EVERY_MAX ? TRACK_EVERY_MAX : every) * 1000);
}

/* Sends store what waits, as long as its queue has room.  What does not fit
 * remains in the table of hosts. */
static void
tell_store(struct track_role *r)
{
	struct track_seen	seen[TRACK_SEEN_MAX];
	size_t			n;

	while (r->store != NULL && chan_queued(r->store) < STORE_FULL &&
	    (n = track_hosts_take(r->hosts, 0, every_ms(r), clock_mono(), seen,
	    TRACK_SEEN_MAX)) > 0) {
		if (proto_put_track(chan_ipc(r->store), seen, n) == -1 ||
		    chan_send(r->store, -1) == -1) {
			log_warn("track: cannot send to store");
			return;
		}
		r->told += n;
	}
}

/* Each second.  A bpf whose descriptor never becomes readable is read here. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	on_readable(fd, what, arg);
	tell_store(arg);
}

/* One MSG_STAT. */
static void
figure(struct track_role *r, uint64_t id, const char *name, uint64_t value)
{
	(void)proto_put_stat(chan_ipc(r->store), id, name, (int64_t)value);
	(void)chan_send(r->store, -1);
}

/* The names are part of what `spamgreydb stats' prints and must not change. */
static void
on_stat_ask(struct chan *ch, struct msg *m, void *arg)
{
	struct track_role		*r = arg;
	const struct track_counts	*n = track_hosts_counts(r->hosts);

	if (msg_end(m) == -1)
		return;
	figure(r, m->id, "track.packets", n->packets);
	figure(r, m->id, "track.malformed", n->malformed);
	figure(r, m->id, "track.other", n->other);
	figure(r, m->id, "track.elsewhere", n->elsewhere);
	figure(r, m->id, "track.not-ours", n->not_ours);
	figure(r, m->id, "track.seen", n->inbound + n->outbound);
	figure(r, m->id, "track.inbound", n->inbound);
	figure(r, m->id, "track.outbound", n->outbound);
	figure(r, m->id, "track.told", r->told);
	figure(r, m->id, "track.lost", n->lost);
	figure(r, m->id, "track.hosts", track_hosts_known(r->hosts));
	figure(r, m->id, "track.kernel-drops", track_pcap_drops(r->pcap));
	(void)chan_send_empty(ch, MSG_STAT_END, m->id);
}

static const struct chan_rule store_rules[] = {
	{ MSG_STAT_ASK, 0, on_stat_ask },
	{ 0, 0, NULL }
};

/* The parent notices when store dies, and ends this process too. */
static void
store_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct track_role	*r = arg;

	chan_free(ch);
	r->store = NULL;
	if (how == CHAN_BROKEN)
		fatalx("track: store sent a malformed message");
}

/* Store is the only peer.  Its messages are read once the role runs. */
static void
role_peer(struct child *c, enum role who, unsigned int instance, int fd)
{
	struct track_role	*r = &role;

	(void)instance;
	if (who != ROLE_STORE || r->store != NULL)
		child_fatal(c, "track: unexpected peer: role %d",
		    who);
	if ((r->store = chan_new(c->base, fd, "store", store_rules, r,
	    store_ended)) == NULL)
		child_fatal(c, "track: store's socket: %s", strerror(errno));
	chan_pause(r->store);
}

/* Two names that may both be NULL. */
static int
differ(const char *a, const char *b)
{
	return (a == NULL || b == NULL ? a != b : strcmp(a, b) != 0);
}

/* Opens the capture, which takes privilege.  A reload that names another
 * interface or group therefore takes another process. */
static void
role_configure(struct child *c, struct config *old)
{
	struct track_role	*r = &role;
	char			 err[TRACK_ERRLEN];

	r->c = c;
	if (c->conf->track == NULL)
		end_for_now(r, "");
	if (old == NULL) {
		if ((r->pcap = track_pcap_live(c->conf->track, err)) == NULL)
			end_for_now(r, err);
	} else if (differ(old->track->device, c->conf->track->device) ||
	    old->track->group != c->conf->track->group)
		end_for_now(r, "");
}

/*
 * The machine's addresses, without which no connection can be attributed:
 * reading begins with the first of these messages.  The parent sends more
 * when they change.
 */
static void
on_ours(struct chan *ch, struct msg *m, void *arg)
{
	struct track_role	*r = &role;
	struct addr		 ours[OS_ADDRS_MAX];
	uint32_t		 ifindex = msg_get_u32(m);
	size_t			 n = 0;

	(void)ch;
	(void)arg;
	while (!m->err && msg_left(m) > 0 && n < OS_ADDRS_MAX)
		msg_get_addr(m, &ours[n++]);
	if (msg_end(m) == -1)
		return;
	if (track_rules_make(&r->rules, r->c->conf->track, ifindex, ours,
	    n) == -1) {
		log_warnx("track: no memory for the machine's addresses");
		return;
	}
	if (!evtimer_pending(r->tick, NULL)) {
		if (r->readable != NULL)
			(void)event_add(r->readable, NULL);
		(void)event_add(r->tick, &(struct timeval){ 1, 0 });
	}
}

/* Everything but the reading: on_ours() begins that. */
static void
role_run(struct child *c)
{
	struct track_role	*r = &role;
	int			 fd = track_pcap_fd(r->pcap);

	if ((r->hosts = track_hosts_new()) == NULL || (r->tick = event_new(
	    c->base, -1, EV_PERSIST, on_tick, r)) == NULL ||
	    (fd != -1 && (r->readable = event_new(c->base, fd, EV_READ |
	    EV_PERSIST, on_readable, r)) == NULL))
		child_fatal(c, "track: no memory");
	if (r->store != NULL)
		chan_resume(r->store);
	if (c->conf->track->device != NULL)
		log_info("track: reading %s", c->conf->track->device);
	else
		log_info("track: reading nflog group %u",
		    c->conf->track->group);
}

/* Store still gets what was seen in the last second. */
static void
role_stop(struct child *c)
{
	struct track_role	*r = &role;

	(void)c;
	tell_store(r);
	if (r->store != NULL)
		chan_flush(r->store);
	track_pcap_close(r->pcap);
	track_hosts_free(r->hosts);
	track_rules_free(&r->rules);
}

static const struct chan_rule parent_rules[] = {
	{ MSG_TRACK_OURS, 0, on_ours },
	{ 0, 0, NULL }
};

const struct role_def role_track = {
	.name = "track",
	.user = CONF_USER,
	.root = ROOT_EMPTY,
	.alone = 1,
	.peers = 1U << ROLE_STORE,
	.parent_rules = parent_rules,
	.peer = role_peer,
	.configure = role_configure,
	.run = role_run,
	.stop = role_stop
};
