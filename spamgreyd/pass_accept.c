/*
 * Pass: listeners, who may come, and the limit.  The firewall sends only hosts
 * that passed here, so whoever else comes has found a way round the gate and
 * gets a 421, as does who is one too many, also when the process is out of
 * descriptors: one is kept in reserve for that.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/clock.h"
#include "../lib/log.h"
#include "os.h"
#include "pass.h"

#define LINES_MAX	100	/* about who is not white, a minute */
#define OVERLIMIT_LOG	60	/* s between two lines */

struct listener {
	TAILQ_ENTRY(listener)	 entry;
	uint32_t		 id;
	int			 fd;
	struct event		*ev;
	struct addr		 addr;
	uint16_t		 port;
	struct tlsctx		*tls;
	int			 keep;	/* while a reload is matched */
};

static TAILQ_HEAD(, listener) listens = TAILQ_HEAD_INITIALIZER(listens);
static struct event	*pause_ev;	/* accepting again after an error */
static int		 configured;

static void	listener_ready(evutil_socket_t, short, void *);

/* Each has its line; of a flood the rest is counted. */
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

/* As front's: at once, and then once a minute. */
static void
over_limit_log(const char *limit, const struct addr *client)
{
	static int64_t	 logged;
	static uint64_t	 since;
	int64_t		 now = clock_mono();
	char		 a[ADDR_STRLEN];

	since++;
	if (logged != 0 && now - logged < OVERLIMIT_LOG * 1000)
		return;
	log_event(0, "over-limit", "limit=%s refused=%llu address=%s", limit,
	    (unsigned long long)since, addr_str(client, a));
	logged = now == 0 ? 1 : now;
	since = 0;
}

static void
refuse(int fd, uint64_t id, const struct addr *client, const char *text)
{
	struct buf	out = { 0 };
	char		line[256], junk[512];

	snprintf(line, sizeof(line), "%.128s %s", pass.pc->conf->hostname,
	    text);
	if (pass_refusal(&out, pass.pc->conf, id, client, 421, "4.3.2",
	    line) == 0)
		(void)send(fd, buf_ptr(&out), buf_len(&out),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&out);
	/* Input that nobody read would turn the end into a reset, and the
	 * client might never see the line. */
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, junk, sizeof(junk), MSG_DONTWAIT);
	close(fd);
}

static void
refuse_limit(int fd, const struct addr *client)
{
	pass.stat[PSTAT_LIMIT]++;
	over_limit_log("sessions", client);
	refuse(fd, pass_next_key(fd), client, "All places are taken, please "
	    "try again later");
}

int
pass_crowded(void)
{
	return (pass.count > pass.pc->max / 2);
}

/* By that configuration, with which it is counted in and out. */
static void
keys(const struct pass_conf *pc, const struct addr *client, struct addr *host,
    struct addr *net)
{
	addr_cut(client, &pc->conf->grey.admit, host);
	addr_cut(client, &pc->conf->limit.network, net);
}

/*
 * Nearly all that come here are white, and all hosts of a big provider may be
 * in one network; so its number holds for them only while places are short, and
 * always for a host that is here for a `not to' recipient alone.
 */
const char *
pass_over_limit(const struct addr *client, enum handover_kind kind)
{
	const struct pass_conf	*pc = pass.pc;
	const char		*limit = NULL;
	struct addr		 host, net;

	if (kind == HANDOVER_WHITELISTED || addr_is_loopback(client))
		return (NULL);
	keys(pc, client, &host, &net);
	if (limit_get(pass.by_host, &host) >= pc->per_host) {
		pass.stat[PSTAT_LIMIT_HOST]++;
		limit = "per-host";
	} else if (limit_get(pass.by_net, &net) >= pc->per_network &&
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
	keys(s->pc, &s->ms.client, &host, &net);
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
	keys(s->pc, &s->ms.client, &host, &net);
	limit_dec(pass.by_host, &host);
	limit_dec(pass.by_net, &net);
	s->flags &= ~PF_COUNTED;
}

static uint64_t
lists_of(const struct addr *client)
{
	return (addrset_lookup_mask(pass.pc->conf->set, client,
	    pass.pc->black | pass.pc->white));
}

/*
 * enum handover_kind, or -1, for who may not come.  whitelisted > TRAPPED >
 * blacklisted > WHITE > unknown; the machine itself may always.
 */
static int
host_kind(const struct addr *client)
{
	const struct host	*h;
	uint64_t		 lists = lists_of(client);
	int64_t			 now = clock_asof();

	if (lists & pass.pc->white)
		return (HANDOVER_WHITELISTED);
	if (addr_is_loopback(client))
		return (HANDOVER_WHITE);
	h = hosts_get(pass.hosts, client);
	if ((h != NULL && h->trapped > now) || (lists & pass.pc->black))
		return (-1);
	return (h != NULL && h->white > now ? HANDOVER_WHITE : -1);
}

int
pass_host_trapped(const struct addr *client)
{
	const struct host	*h;

	if ((lists_of(client) & pass.pc->white) || addr_is_loopback(client))
		return (0);
	h = hosts_get(pass.hosts, client);
	return (h != NULL && h->trapped > clock_asof());
}

/* Where the client wanted to go, when the firewall sent it here. */
static void
conn_dst(int fd, const struct listener *l, const struct addr *client,
    uint16_t port, struct addr *dst, uint16_t *dport)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);
	struct addr		local;
	uint16_t		lport;

	*dst = l->addr;
	*dport = l->port;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa((struct sockaddr *)&ss, &local, &lport) == -1)
		return;
	*dst = local;
	*dport = lport;
	(void)origdst(fd, pass.child->pf, client, port, &local, lport, dst,
	    dport);
}

/* One accepted descriptor (taken), with its client known. */
static void
accept_conn(struct listener *l, int fd, const struct addr *client,
    uint16_t port)
{
	struct session	*s;
	struct addr	 dst;
	uint16_t	 dport;
	uint64_t	 id;
	int		 kind;

	if ((kind = host_kind(client)) == -1) {
		id = pass_next_key(fd);
		not_white_log(id, client);
		refuse(fd, id, client, "Not here, please try again later");
		return;
	}
	pass.stat[PSTAT_SESSIONS]++;
	if (pass.count >= pass.pc->max) {
		refuse_limit(fd, client);
		return;
	}
	if (pass_over_limit(client, (enum handover_kind)kind) != NULL) {
		refuse(fd, pass_next_key(fd), client, "Too many sessions from "
		    "your host or network, please try again later");
		return;
	}
	conn_dst(fd, l, client, port, &dst, &dport);
	s = pass_session_new(fd, client, port, &dst, dport, l->tls,
	    (enum handover_kind)kind, NULL);
	if (s == NULL)
		return;
	pass_begin(s);
	pass_settle(s);
}

/* No descriptor is left but the one in reserve.  1: refused one, go on. */
static int
accept_reserve(struct listener *l)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);
	struct addr		client;
	int			fd;

	if (pass.spare == -1)
		return (0);
	close(pass.spare);
	fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		memset(&client, 0, sizeof(client));
		(void)addr_from_sa((struct sockaddr *)&ss, &client, NULL);
		refuse_limit(fd, &client);
	}
	pass.spare = fcntl(pass.nullfd, F_DUPFD_CLOEXEC, 0);
	return (fd != -1);
}

static void
listeners_watch(int on)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listens, entry) {
		if (l->ev == NULL)
			continue;
		if (on)
			event_add(l->ev, NULL);
		else
			event_del(l->ev);
	}
}

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (pass.spare == -1)
		pass.spare = fcntl(pass.nullfd, F_DUPFD_CLOEXEC, 0);
	if (pass.accepting)
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
	if (pass.store != NULL)
		chan_drain(pass.store);
	for (i = 0; i < PASS_ACCEPT_BATCH; i++) {
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

	TAILQ_FOREACH(l, &listens, entry)
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
		log_warnx("pass: listener %u came without its socket",
		    cl->id);
		return (NULL);
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("pass");
	l->id = cl->id;
	l->fd = cl->fd;
	cl->fd = -1;
	evutil_make_socket_nonblocking(l->fd);
	/* Accepted sockets inherit it: no system call for each of them. */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->ev = event_new(pass.base, l->fd, EV_READ | EV_PERSIST,
	    listener_ready, l);
	if (l->ev == NULL)
		fatalx("pass: out of memory");
	TAILQ_INSERT_TAIL(&listens, l, entry);
	return (l);
}

/* One of front's: only its certificate is of interest, for who is handed over
 * before the banner. */
static struct listener *
listener_of_front(const struct conf_listen *cl)
{
	struct listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("pass");
	l->id = cl->id;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&listens, l, entry);
	return (l);
}

static void
listener_free(struct listener *l)
{
	TAILQ_REMOVE(&listens, l, entry);
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->fd != -1)
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
		tls = tlsctx_ref(pass.pc->tls);
	else if ((tls = tlsctx_new(cl->tls)) == NULL) {
		if (!configured)
			child_fatal(pass.child, "tls certificate %s key %s "
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
pass_accept_configure(const struct config *conf)
{
	struct conf_listen	*cl;
	struct listener		*l, *next;

	TAILQ_FOREACH(l, &listens, entry)
		l->keep = 0;
	TAILQ_FOREACH(cl, &conf->listens, entry) {
		l = listener_find(cl->id);
		if (l != NULL && (l->ev != NULL) != (cl->pass != 0)) {
			listener_free(l);	/* it was the other's */
			l = NULL;
		}
		if (l == NULL && (l = cl->pass ? listener_new(cl) :
		    listener_of_front(cl)) == NULL)
			continue;
		l->keep = 1;
		l->addr = cl->addr;
		l->port = cl->port;
		listener_tls(l, cl);
	}
	for (l = TAILQ_FIRST(&listens); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (!l->keep)
			listener_free(l);
	}
	configured = 1;
	if (pass.accepting)
		listeners_watch(1);
}

/* (front says it of its own) */
void
pass_accept_certs(void)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listens, entry)
		if (l->ev != NULL)
			tlsctx_expiry(l->tls);
}

struct tlsctx *
pass_accept_cert(uint32_t id)
{
	struct listener	*l = listener_find(id);

	return (l != NULL ? l->tls : pass.pc->tls);
}

static void
accept_begin(void)
{
	if (!pass.started || !pass.hosts_ready || pass.accepting)
		return;
	pass.accepting = 1;
	listeners_watch(1);
	log_debug("pass: accepting, %zu host states known",
	    hosts_count(pass.hosts));
}

/* START; and yet nobody is taken until the states of hosts are known: an
 * unknown host is refused here, not greylisted. */
void
pass_accept_start(void)
{
	pass.started = 1;
	if ((pause_ev = evtimer_new(pass.base, accept_again, NULL)) == NULL)
		fatalx("pass: out of memory");
	accept_begin();
}

void
pass_accept_hosts_ready(void)
{
	pass.hosts_ready = 1;
	accept_begin();
}

void
pass_accept_stop(void)
{
	pass.accepting = 0;
	listeners_watch(0);
}
