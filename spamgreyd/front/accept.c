/*
 * Front: what a host is when it connects, and the limits. A client over a
 * limit gets a 421 with a text, also when the process has no descriptor left
 * but the one in reserve (smtpd/listener.c).
 */
#include <sys/types.h>

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/tmpl.h"
#include "spamgreyd/front/front.h"

static struct event	*hosts_ev;	/* no longer waiting for the states */

/* Counts a refusal for a limit, tells store that there was one, and logs it. */
static void
overlimit(enum front_stat stat, const char *limit, const struct addr *client)
{
	static struct overlimit	logged[STAT_MAX];

	front.stat[stat]++;
	tell_overlimit();
	overlimit_log(&logged[stat], limit, client);
}

/* Sends 421 and closes; there is no connection yet that could linger. */
static void
refuse_conn(int fd, const char *enhanced, const char *text)
{
	char	line[SMTP_REPLY_LINE_MAX + 1];
	int	n;

	n = snprintf(line, sizeof(line), "421 %s %.200s %s\r\n", enhanced,
	    front.live->conf->hostname, text);
	listener_refuse(fd, line, (size_t)n);
}

/*
 * What a host is: whitelisted, then trapped, then blacklisted, then white,
 * then unknown. *lists: the lists that have it; *reason: enum trap_reason of a
 * trapped one.
 *
 * The states are store's, judged with its clock, so that all processes agree
 * about when one ends.
 */
static enum conn_kind
front_host_kind(const struct addr *client, uint64_t *lists,
    unsigned int *reason)
{
	const struct front_conf	*live = front.live;
	const struct host	*h;
	int64_t			 now = clock_asof();

	*reason = TRAP_NONE;
	*lists = addrset_lookup_mask(live->conf->set, client,
	    live->black | live->white);
	if (*lists & live->white)
		return (KIND_WHITELISTED);
	h = hosts_get(front.hosts, client);
	if (h != NULL && h->trapped > now) {
		*reason = h->reason;
		return (KIND_TRAPPED);
	}
	if (*lists & live->black)
		return (KIND_BLACK);
	if (h != NULL && h->white > now)
		return (KIND_WHITE);
	return (KIND_GREY);
}

static const char *
over_text(enum front_stat stat)
{
	return (stat == STAT_OVER_HOST ?
	    "Too many connections from your address" :
	    "Too many connections from your network");
}

/*
 * Counts a connection of that host and its network, by that configuration. 0:
 * the counts have it now. -1: one too many (or no memory to count it), counted
 * nowhere; *stat and *limit say which limit.
 */
static int
count_in(const struct config *conf, const struct addr *client,
    enum front_stat *stat, const char **limit)
{
	struct addr		 host, net;
	uint32_t		 n;

	addr_cut(client, &conf->grey.admit, &host);
	addr_cut(client, &conf->limit.network, &net);
	n = limit_inc(front.by_host, &host);
	if (n == 0 || n > conf->limit.per_host) {
		if (n != 0)
			limit_dec(front.by_host, &host);
		*stat = STAT_OVER_HOST;
		*limit = "per-host";
		return (-1);
	}
	n = limit_inc(front.by_net, &net);
	if (n == 0 || n > conf->limit.per_network) {
		if (n != 0)
			limit_dec(front.by_net, &net);
		limit_dec(front.by_host, &host);
		*stat = STAT_OVER_NETWORK;
		*limit = "per-network";
		return (-1);
	}
	return (0);
}

void
accept_uncount(const struct config *conf, const struct addr *client)
{
	struct addr	host, net;

	addr_cut(client, &conf->grey.admit, &host);
	addr_cut(client, &conf->limit.network, &net);
	limit_dec(front.by_host, &host);
	limit_dec(front.by_net, &net);
}

int
accept_count(struct conn *c)
{
	enum front_stat	 stat;
	const char	*limit;

	if (c->kind == KIND_WHITELISTED)
		return (0);
	/* By its own configuration, as conn_free counts it out. */
	if (count_in(c->live->conf, &c->client, &stat, &limit) == 0) {
		c->flags |= F_COUNTED;
		return (0);
	}
	overlimit(stat, limit, &c->client);
	reply(c, "421 4.7.0 %s %s\r\n", c->live->conf->hostname,
	    over_text(stat));
	return (-1);
}

/*
 * A connection; takes fd. A host that goes on to pass at once is counted
 * there, and a whitelisted one is never throttled, but even that has no claim
 * to the last place of all.
 */
static void
front_accept_conn(struct listener *l, int fd, const struct addr *client,
    uint16_t port)
{
	struct conn	*c;
	enum front_stat	 stat;
	enum conn_kind	 kind;
	const char	*limit;
	uint64_t	 lists;
	unsigned int	 reason;
	int		 counted;

	front.stat[STAT_CONNECTIONS]++;
	if (!l->lowmx && front.live->lowmx)
		tell_visit(client);
	if (front.count >= front.live->max) {
		overlimit(STAT_OVER_CONNECTIONS, "connections", client);
		refuse_conn(fd, "4.3.2", "Too many connections, please try "
		    "again later");
		return;
	}
	kind = front_host_kind(client, &lists, &reason);
	counted = kind != KIND_WHITELISTED && !handover_at_connect(kind);
	if (counted &&
	    count_in(front.live->conf, client, &stat, &limit) == -1) {
		overlimit(stat, limit, client);
		refuse_conn(fd, "4.7.0", over_text(stat));
		return;
	}
	c = conn_new(l, fd, client, port, kind, lists & front.live->black,
	    reason);
	if (c != NULL)
		conn_settle(c);
	else if (counted)
		accept_uncount(front.live->conf, client);
}

/* No other descriptor is left. */
static void
accept_no_descriptor(int fd, const struct addr *client)
{
	front.stat[STAT_CONNECTIONS]++;
	overlimit(STAT_OVER_DESCRIPTORS, "descriptors", client);
	refuse_conn(fd, "4.3.2", "Too many connections, please try again "
	    "later");
}

/* What store has said of a host counts before its connection. */
static void
front_accept_batch(void)
{
	if (front.store != NULL)
		chan_drain(front.store);
}

static const struct listener_role accept_role = {
	.name = "front",
	.batch = front_accept_batch,
	.accepted = front_accept_conn,
	.no_descriptor = accept_no_descriptor
};

void
accept_init(struct child *c)
{
	listeners_init(&front.listeners, &accept_role, c);
}

void
accept_configure(const struct config *conf)
{
	listeners_configure(&front.listeners, conf, front.live->tls);
}

static void
front_accept_begun(void)
{
	log_debug("front: accepting, %zu host states known",
	    hosts_count(front.hosts));
}

/*
 * Mail must not stop because store is slow to send the host states: without
 * them every host is unknown, which delays mail and loses none.
 */
static void
accept_waited(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (front.listeners.hosts_ready)
		return;
	log_warnx("front: no host states from store within %d s; accepting "
	    "connections, and every host is unknown until they come",
	    FRONT_HOSTS_WAIT);
	accept_hosts_ready();
}

/* At START of the parent: accepts once the host states are known. */
void
accept_start(void)
{
	struct timeval	wait = { FRONT_HOSTS_WAIT, 0 };

	hosts_ev = evtimer_new(front.base, accept_waited, NULL);
	if (hosts_ev == NULL)
		fatalx("front: out of memory");
	if (!front.listeners.hosts_ready)
		event_add(hosts_ev, &wait);
	if (listeners_start(&front.listeners))
		front_accept_begun();
}

void
accept_hosts_ready(void)
{
	if (hosts_ev != NULL)
		event_del(hosts_ev);
	if (listeners_hosts_ready(&front.listeners))
		front_accept_begun();
}

void
accept_stop(void)
{
	listeners_stop(&front.listeners);
}
