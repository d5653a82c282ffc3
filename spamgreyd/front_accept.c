/*
 * Front: listeners, what a host is when it connects, and the limits.  Whoever
 * is one too many gets a 421 with a text, also when the process is out of
 * descriptors: one is kept in reserve for that.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "../lib/tmpl.h"
#include "front.h"

#define OVERLIMIT_LOG	60		/* s between two lines of one kind */

static struct event	*pause_ev;	/* accepting again after an error */
static struct event	*hosts_ev;	/* no longer waiting for the states */

static void	listener_ready(evutil_socket_t, short, void *);

/*
 * Refusals for a limit are counted, and said in the log at once and then once
 * a minute: a flood must not become a flood of lines.
 */
static void
overlimit(enum front_stat stat, const char *limit, const struct addr *client)
{
	static int64_t	 logged[STAT_MAX];
	static uint64_t	 since[STAT_MAX];
	int64_t		 now = clock_mono();
	char		 a[ADDR_STRLEN];

	front.stat[stat]++;
	since[stat]++;
	store_overlimit();
	if (logged[stat] != 0 && now - logged[stat] < OVERLIMIT_LOG * 1000)
		return;
	log_event(0, "over-limit", "limit=%s refused=%llu address=%s", limit,
	    (unsigned long long)since[stat], addr_str(client, a));
	logged[stat] = now == 0 ? 1 : now;
	since[stat] = 0;
}

static void
refuse(int fd, const char *enhanced, const char *text)
{
	char	line[SMTP_REPLY_LINE_MAX + 1], junk[512];
	int	n;

	n = snprintf(line, sizeof(line), "421 %s %.200s %s\r\n", enhanced,
	    front.fc->conf->hostname, text);
	(void)send(fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* Input that nobody read would turn the end into a reset, and the
	 * client might never see the line. */
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, junk, sizeof(junk), MSG_DONTWAIT);
	close(fd);
}

/* whitelisted > TRAPPED > blacklisted > WHITE > unknown */
static enum conn_kind
host_kind(const struct addr *client, uint64_t *lists, unsigned int *reason)
{
	const struct front_conf	*fc = front.fc;
	const struct host	*h;
	int64_t			 now = clock_asof();

	*reason = TRAP_NONE;
	*lists = addrset_lookup_mask(fc->conf->set, client,
	    fc->black | fc->white);
	if (*lists & fc->white)
		return (KIND_WHITELISTED);
	h = hosts_get(front.hosts, client);
	if (h != NULL && h->trapped > now) {
		*reason = h->reason;
		return (KIND_TRAPPED);
	}
	if (*lists & fc->black)
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

/* 0: the counts have it now (or need not); -1: one too many. */
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

int
accept_count(struct conn *c)
{
	enum front_stat	 stat;
	const char	*limit;

	if (c->kind == KIND_WHITELISTED)
		return (0);
	/* By its own configuration, as conn_free counts it out. */
	if (count_in(c->fc->conf, &c->client, &stat, &limit) == 0) {
		c->flags |= F_COUNTED;
		return (0);
	}
	overlimit(stat, limit, &c->client);
	reply(c, "421 4.7.0 %s %s\r\n", c->fc->conf->hostname,
	    over_text(stat));
	return (-1);
}

/* One accepted descriptor (taken), with its addresses known. */
static void
accept_conn(struct listener *l, int fd, const struct addr *client,
    uint16_t port)
{
	struct conn	*c;
	enum front_stat	 stat;
	enum conn_kind	 kind;
	const char	*limit;
	uint64_t	 lists;
	unsigned int	 reason;

	front.stat[STAT_CONNECTIONS]++;
	if (!l->lowmx && front.fc->lowmx)
		store_visit(client);
	if (front.count >= front.fc->max) {
		overlimit(STAT_OVER_CONNECTIONS, "connections", client);
		refuse(fd, "4.3.2", "All places are taken, please try again "
		    "later");
		return;
	}
	kind = host_kind(client, &lists, &reason);
	/* Who is whitelisted is never throttled, but has no claim to the
	 * last place of all.  Who goes on to pass at once is counted there. */
	if (kind != KIND_WHITELISTED && !handover_at_connect(kind) &&
	    count_in(front.fc->conf, client, &stat, &limit) == -1) {
		overlimit(stat, limit, client);
		refuse(fd, "4.7.0", over_text(stat));
		return;
	}
	c = conn_new(l, fd, client, port, kind, lists & front.fc->black,
	    reason);
	if (c == NULL)
		return;
	conn_settle(c);
}

/* No descriptor is left but the one in reserve.  1: refused one, go on. */
static int
accept_reserve(struct listener *l)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);
	struct addr		client;
	int			fd;

	if (front.spare == -1)
		return (0);
	close(front.spare);
	fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		memset(&client, 0, sizeof(client));
		(void)addr_from_sa((struct sockaddr *)&ss, &client, NULL);
		front.stat[STAT_CONNECTIONS]++;
		overlimit(STAT_OVER_DESCRIPTORS, "descriptors", &client);
		refuse(fd, "4.3.2", "All places are taken, please try again "
		    "later");
	}
	front.spare = fcntl(front.nullfd, F_DUPFD_CLOEXEC, 0);
	return (fd != -1);
}

static void
listeners_watch(int on)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &front.listens, entry)
		if (on)
			event_add(l->ev, NULL);
		else
			event_del(l->ev);
}

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (front.spare == -1)
		front.spare = fcntl(front.nullfd, F_DUPFD_CLOEXEC, 0);
	if (front.accepting)
		listeners_watch(1);
}

/* Without this the loop would spin on a listener that stays ready. */
static void
accept_pause(void)
{
	struct timeval	second = { 1, 0 };

	log_warn("accept; going on in a second");
	listeners_watch(0);
	event_add(pause_ev, &second);
}

static void
listener_ready(evutil_socket_t lfd, short what, void *arg)
{
	struct listener		*l = arg;
	struct sockaddr_storage	 ss;
	struct addr		 client;
	socklen_t		 len;
	uint16_t		 port;
	int			 fd, i;

	(void)what;
	/* What store has said of a host counts before its connection. */
	if (front.store != NULL)
		chan_drain(front.store);
	for (i = 0; i < FRONT_ACCEPT_BATCH; i++) {
		len = sizeof(ss);
		fd = accept4(lfd, (struct sockaddr *)&ss, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return;
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			if ((errno == EMFILE || errno == ENFILE) &&
			    accept_reserve(l))
				continue;
			accept_pause();
			return;
		}
		if (addr_from_sa((struct sockaddr *)&ss, &client, &port) ==
		    -1) {
			close(fd);
			continue;
		}
		accept_conn(l, fd, &client, port);
	}
}

static struct listener *
listener_find(uint32_t id)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &front.listens, entry)
		if (l->id == id)
			return (l);
	return (NULL);
}

static struct listener *
listener_new(struct conf_listen *cl)
{
	struct listener	*l;
	int		 on = 1;

	if (cl->fd == -1) {
		log_warnx("front: listener %u came without its socket",
		    cl->id);
		return (NULL);
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("front");
	l->id = cl->id;
	l->fd = cl->fd;
	cl->fd = -1;
	evutil_make_socket_nonblocking(l->fd);
	/* Accepted sockets inherit it: no system call for each of them. */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->ev = event_new(front.base, l->fd, EV_READ | EV_PERSIST,
	    listener_ready, l);
	if (l->ev == NULL)
		fatalx("front: out of memory");
	TAILQ_INSERT_TAIL(&front.listens, l, entry);
	return (l);
}

static void
listener_free(struct listener *l)
{
	TAILQ_REMOVE(&front.listens, l, entry);
	event_free(l->ev);
	close(l->fd);
	tlsctx_unref(l->tls);
	free(l);
}

static void
listener_tls(struct listener *l, const struct conf_listen *cl)
{
	struct tlsctx	*tls;

	if (cl->no_tls)
		tls = NULL;
	else if (cl->tls == NULL)
		tls = tlsctx_ref(front.fc->tls);
	else if ((tls = tlsctx_new(cl->tls)) == NULL) {
		if (!front.configured)
			child_fatal(front.child, "tls certificate %s key %s "
			    "cannot be used; see the line above",
			    cl->tls->cert_file, cl->tls->key_file);
		log_warnx("%s", l->tls != NULL ?
		    "the certificate in use before stays" :
		    "the listener offers no STARTTLS");
		return;
	}
	tlsctx_unref(l->tls);
	l->tls = tls;
}

void
accept_configure(const struct config *conf)
{
	struct conf_listen	*cl;
	struct listener		*l, *next;

	TAILQ_FOREACH(l, &front.listens, entry)
		l->keep = 0;
	TAILQ_FOREACH(cl, &conf->listens, entry) {
		if (cl->pass)
			continue;
		l = listener_find(cl->id);
		if (l == NULL && (l = listener_new(cl)) == NULL)
			continue;
		l->keep = 1;
		l->lowmx = cl->low_priority_mx;
		l->addr = cl->addr;
		l->port = cl->port;
		listener_tls(l, cl);
	}
	for (l = TAILQ_FIRST(&front.listens); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (!l->keep)
			listener_free(l);
	}
	if (front.accepting)
		listeners_watch(1);
}

static void
accept_begin(void)
{
	if (!front.started || !front.hosts_ready || front.accepting)
		return;
	front.accepting = 1;
	listeners_watch(1);
	log_debug("front: accepting, %zu host states known",
	    hosts_count(front.hosts));
}

static void
accept_waited(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (front.hosts_ready)
		return;
	log_warnx("front: store has not sent the host states within %d s; "
	    "accepting, and every host is unknown until it has",
	    FRONT_HOSTS_WAIT);
	accept_hosts_ready();
}

/* START: from here on hosts may come, once their states are known. */
void
accept_start(void)
{
	struct timeval	wait = { FRONT_HOSTS_WAIT, 0 };

	front.started = 1;
	pause_ev = evtimer_new(front.base, accept_again, NULL);
	hosts_ev = evtimer_new(front.base, accept_waited, NULL);
	if (pause_ev == NULL || hosts_ev == NULL)
		fatalx("front: out of memory");
	if (!front.hosts_ready)
		event_add(hosts_ev, &wait);
	accept_begin();
}

void
accept_hosts_ready(void)
{
	front.hosts_ready = 1;
	if (hosts_ev != NULL)
		event_del(hosts_ev);
	accept_begin();
}

void
accept_stop(void)
{
	front.accepting = 0;
	listeners_watch(0);
}
