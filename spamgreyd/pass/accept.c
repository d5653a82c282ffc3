/*
 * Pass: who may come, and the limits. The firewall sends only hosts that
 * passed here, so any other host has found a way round the gate and gets a
 * 421. So does a host over a limit, also when the process has no descriptor
 * left but the one in reserve (smtpd/listener.c).
 */
#include <sys/types.h>

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/pass/pass.h"

#define LINES_MAX	100	/* log lines a minute about hosts that are not
				   white */

/*
 * A line for each; of a flood the rest is counted, and the number is logged a
 * minute later.
 */
static void
not_white_log(uint64_t id, const struct addr *client)
{
	static int64_t	 minute;
	static uint64_t	 lines, silent;
	int64_t		 now = clock_mono() / 60000;
	char		 a[ADDR_STRLEN];

	pass.stat[PSTAT_NOT_WHITE]++;
	if (now != minute) {
		if (silent > 0)
			log_event(0, "not-white", "without-a-line=%llu",
			    (unsigned long long)silent);
		minute = now;
		lines = silent = 0;
	}
	if (lines++ < LINES_MAX)
		log_event(id, "not-white", "address=%s", addr_str(client, a));
	else
		silent++;
}

static void
over_limit_log(const char *limit, const struct addr *client)
{
	static struct overlimit	logged;		/* one for all limits */

	overlimit_log(&logged, limit, client);
}

/*
 * Sends 421 and closes; there is no session yet. id stands in the reply and in
 * the log.
 */
static void
refuse_session(int fd, uint64_t id, const struct addr *client, const char *text)
{
	struct buf	out = { 0 };
	char		line[256];

	snprintf(line, sizeof(line), "%.128s %s", pass.live->conf->hostname,
	    text);
	(void)pass_refusal(&out, pass.live->conf, id, client, 421, "4.3.2",
	    line);
	listener_refuse(fd, buf_len(&out) > 0 ? buf_ptr(&out) : NULL,
	    buf_len(&out));
	buf_free(&out);
}

static void
refuse_limit(int fd, const struct addr *client)
{
	pass.stat[PSTAT_LIMIT]++;
	over_limit_log("sessions", client);
	refuse_session(fd, pass_next_key(fd), client, "Too many connections, "
	    "please try again later");
}

int
pass_crowded(void)
{
	return (pass.count > pass.live->max / 2);
}

/*
 * The keys of the counts, by the configuration with which a session is counted
 * in and out.
 */
static void
session_keys(const struct pass_conf *live, const struct addr *client,
    struct addr *host, struct addr *net)
{
	addr_cut(client, &live->conf->grey.admit, host);
	addr_cut(client, &live->conf->limit.network, net);
}

/*
 * Nearly all hosts here are white, and all hosts of a big provider may be in
 * one network. So the number of a network holds for them only while places are
 * short, and always for a host that is here for a `not to' recipient alone.
 */
const char *
pass_over_limit(const struct addr *client, enum handover_kind kind)
{
	const struct pass_conf	*live = pass.live;
	const char		*limit = NULL;
	struct addr		 host, net;

	if (kind == HANDOVER_WHITELISTED || addr_is_loopback(client))
		return (NULL);
	session_keys(live, client, &host, &net);
	if (limit_get(pass.by_host, &host) >= live->per_host) {
		pass.stat[PSTAT_LIMIT_HOST]++;
		limit = "per-host";
	} else if (limit_get(pass.by_net, &net) >= live->per_network &&
	    (kind == HANDOVER_NOT_TO || pass_crowded())) {
		pass.stat[PSTAT_LIMIT_NETWORK]++;
		limit = "per-network";
	}
	if (limit != NULL)
		over_limit_log(limit, client);
	return (limit);
}

void
pass_count(struct session *s)
{
	struct addr	host, net;

	if (s->ms.whitelisted || s->ms.loopback)
		return;
	session_keys(s->live, &s->ms.client, &host, &net);
	if (limit_inc(pass.by_host, &host) == 0)
		return;			/* no memory: not counted out either */
	if (limit_inc(pass.by_net, &net) == 0) {
		limit_dec(pass.by_host, &host);
		return;
	}
	s->flags |= PF_COUNTED;
}

void
pass_uncount(struct session *s)
{
	struct addr	host, net;

	if (!(s->flags & PF_COUNTED))
		return;
	session_keys(s->live, &s->ms.client, &host, &net);
	limit_dec(pass.by_host, &host);
	limit_dec(pass.by_net, &net);
	s->flags &= ~PF_COUNTED;
}

static uint64_t
lists_of(const struct addr *client)
{
	return (addrset_lookup_mask(pass.live->conf->set, client,
	    pass.live->black | pass.live->white));
}

/*
 * enum handover_kind, or -1 for a host that may not come. Whitelisted, then
 * trapped, then blacklisted, then white, then unknown; the machine itself may
 * always.
 */
static int
pass_host_kind(const struct addr *client)
{
	const struct host	*h;
	uint64_t		 lists = lists_of(client);
	int64_t			 now = clock_asof();

	if (lists & pass.live->white)
		return (HANDOVER_WHITELISTED);
	if (addr_is_loopback(client))
		return (HANDOVER_WHITE);
	h = hosts_get(pass.hosts, client);
	if ((h != NULL && h->trapped > now) || (lists & pass.live->black))
		return (-1);
	return (h != NULL && h->white > now ? HANDOVER_WHITE : -1);
}

int
pass_host_trapped(const struct addr *client)
{
	const struct host	*h;

	if ((lists_of(client) & pass.live->white) || addr_is_loopback(client))
		return (0);
	h = hosts_get(pass.hosts, client);
	return (h != NULL && h->trapped > clock_asof());
}

/* A connection; takes fd. */
static void
pass_accept_conn(struct listener *l, int fd, const struct addr *client,
    uint16_t port)
{
	struct session	*s;
	struct addr	 dst;
	uint16_t	 dport;
	uint64_t	 id;
	int		 kind;

	if ((kind = pass_host_kind(client)) == -1) {
		id = pass_next_key(fd);
		not_white_log(id, client);
		refuse_session(fd, id, client, "Your host is not accepted "
		    "here, please try again later");
		return;
	}
	pass.stat[PSTAT_SESSIONS]++;
	if (pass.count >= pass.live->max) {
		refuse_limit(fd, client);
		return;
	}
	if (pass_over_limit(client, (enum handover_kind)kind) != NULL) {
		refuse_session(fd, pass_next_key(fd), client, "Too many "
		    "sessions from your host or network, please try again "
		    "later");
		return;
	}
	listener_dst(l, fd, client, port, &dst, &dport);
	s = pass_session_new(fd, client, port, &dst, dport, l->tls,
	    (enum handover_kind)kind, NULL);
	if (s == NULL)
		return;
	pass_begin(s);
	pass_settle(s);
}

/* What store has said of a host counts before its connection. */
static void
pass_accept_batch(void)
{
	if (pass.store != NULL)
		chan_drain(pass.store);
}

/* Front's listeners too: a session that it hands over before the banner begins
 * TLS here, with the certificate of its listener. */
static const struct listener_role accept_role = {
	.name = "pass",
	.pass = 1,
	.others = 1,
	.batch = pass_accept_batch,
	.accepted = pass_accept_conn,
	.no_descriptor = refuse_limit
};

void
pass_accept_init(struct child *c)
{
	listeners_init(&pass.listeners, &accept_role, c);
}

void
pass_accept_configure(const struct config *conf)
{
	listeners_configure(&pass.listeners, conf, pass.live->tls);
}

struct tlsctx *
pass_accept_cert(uint32_t id)
{
	struct listener	*l = listener_by_id(&pass.listeners, id);

	return (l != NULL ? l->tls : pass.live->tls);
}

static void
pass_accept_begun(void)
{
	log_debug("pass: accepting, %zu host states known",
	    hosts_count(pass.hosts));
}

/* At START of the parent.  Without the host states no host is accepted: here an
 * unknown host is refused, not greylisted. */
void
pass_accept_start(void)
{
	if (listeners_start(&pass.listeners))
		pass_accept_begun();
}

void
pass_accept_hosts_ready(void)
{
	if (listeners_hosts_ready(&pass.listeners))
		pass_accept_begun();
}

void
pass_accept_stop(void)
{
	listeners_stop(&pass.listeners);
}
