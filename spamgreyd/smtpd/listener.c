/*
 * Listening sockets of front and pass.  They came open from the parent; a
 * reload matches them by their number, so that a socket that stays is never
 * closed.  A client that cannot be served gets a 421 with a text, also when the
 * process is out of descriptors: one is kept in reserve for that.
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

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/smtpd/smtpd.h"

#define ACCEPT_BATCH	64	/* connections a turn of the loop: a full
				   backlog must not hold up the others */
#define OVERLIMIT_LOG	60000	/* ms between two lines of one kind */

/* 0 in logged means never, so a clock that stands at 0 is taken for 1. */
void
overlimit_log(struct overlimit *o, const char *limit,
    const struct addr *client)
{
	int64_t	now = clock_mono();
	char	a[ADDR_STRLEN];

	o->refused++;
	if (o->logged != 0 && now - o->logged < OVERLIMIT_LOG)
		return;
	log_event(0, "over-limit", "limit=%s refused=%llu address=%s", limit,
	    (unsigned long long)o->refused, addr_str(client, a));
	o->logged = now == 0 ? 1 : now;
	o->refused = 0;
}

/* The client is not served: no connection is made that could linger. */
void
listener_refuse(int fd, const void *text, size_t len)
{
	char	junk[512];

	(void)send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* Unread input would turn the end into a reset, and the client might
	 * never see the line. */
	(void)shutdown(fd, SHUT_WR);
	(void)recv(fd, junk, sizeof(junk), MSG_DONTWAIT);
	close(fd);
}

static void
spare_open(struct listeners *ls)
{
	ls->spare = fcntl(ls->nullfd, F_DUPFD_CLOEXEC, 0);
}

/*
 * No descriptor is left but the one in reserve: gives that up for one
 * connection, which is refused with a text. Without it the client would stay
 * in the backlog until it timed out. 1: one was refused, go on.
 */
static int
accept_reserve(struct listener *l)
{
	struct listeners	*ls = l->set;
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	struct addr		 client;
	int			 fd, saved;

	if (ls->spare == -1)
		return (0);
	close(ls->spare);
	fd = accept4(l->fd, (struct sockaddr *)&ss, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		memset(&client, 0, sizeof(client));
		(void)addr_from_sa((struct sockaddr *)&ss, &client, NULL);
		ls->role->no_descriptor(fd, &client);
	}
	saved = errno;
	spare_open(ls);
	errno = saved;
	return (fd != -1);
}

/* Listeners of the other role have no event. */
static void
listeners_watch(struct listeners *ls, int on)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &ls->list, entry) {
		if (l->ev == NULL)
			continue;
		if (on)
			event_add(l->ev, NULL);
		else
			event_del(l->ev);
	}
}

static void
listeners_again(evutil_socket_t fd, short what, void *arg)
{
	struct listeners	*ls = arg;

	(void)fd;
	(void)what;
	if (ls->spare == -1)
		spare_open(ls);
	if (ls->accepting)
		listeners_watch(ls, 1);
}

/* Without this the loop would spin on a listener that stays ready. */
static void
accept_pause(struct listeners *ls)
{
	struct timeval	second = { 1, 0 };

	log_warn("accept failed; trying again in a second");
	listeners_watch(ls, 0);
	event_add(ls->pause_ev, &second);
}

/* Accepts what waits, up to ACCEPT_BATCH. */
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
	l->set->role->batch();
	for (i = 0; i < ACCEPT_BATCH; i++) {
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
			/* EMFILE comes before the look at the queue. */
			if (errno == EAGAIN || errno == EWOULDBLOCK)
				return;
			accept_pause(l->set);
			return;
		}
		if (addr_from_sa((struct sockaddr *)&ss, &client, &port) ==
		    -1) {
			close(fd);
			continue;
		}
		l->set->role->accepted(l, fd, &client, port);
	}
}

struct listener *
listener_by_id(struct listeners *ls, uint32_t id)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &ls->list, entry)
		if (l->id == id)
			return (l);
	return (NULL);
}

/* Takes the socket of the configuration. */
static void
listener_socket(struct listener *l, struct conf_listen *cl)
{
	int	on = 1;

	l->fd = cl->fd;
	cl->fd = -1;
	evutil_make_socket_nonblocking(l->fd);
	/* Accepted sockets inherit it: no system call for each of them. */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->ev = event_new(l->set->child->base, l->fd, EV_READ | EV_PERSIST,
	    listener_ready, l);
	if (l->ev == NULL)
		fatalx("%s: out of memory", l->set->role->name);
}

/*
 * own: with its socket, which the configuration gives up; else a listener of
 * the other role, for its certificate alone. NULL: logged.
 */
static struct listener *
listener_new(struct listeners *ls, struct conf_listen *cl, int own)
{
	struct listener	*l;

	if (own && cl->fd == -1) {
		log_warnx("%s: listener %u came without its socket",
		    ls->role->name, cl->id);
		return (NULL);
	}
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("%s", ls->role->name);
	l->set = ls;
	l->id = cl->id;
	l->fd = -1;
	if (own)
		listener_socket(l, cl);
	TAILQ_INSERT_TAIL(&ls->list, l, entry);
	return (l);
}

static void
listener_free(struct listener *l)
{
	TAILQ_REMOVE(&l->set->list, l, entry);
	if (l->ev != NULL)
		event_free(l->ev);
	if (l->fd != -1)
		close(l->fd);
	tlsctx_unref(l->tls);
	free(l);
}

/*
 * The certificate for STARTTLS: none, the listener's own, or the global one.
 * At the first configuration one that cannot be used ends the process; at a
 * reload the one before stays, or STARTTLS is not offered.
 */
static void
listener_tls(struct listener *l, const struct conf_listen *cl,
    struct tlsctx *global)
{
	struct tlsctx	*tls;

	if (cl->no_tls)
		tls = NULL;
	else if (cl->tls == NULL)
		tls = tlsctx_ref(global);
	else if ((tls = tlsctx_renew(cl->tls, l->tls)) == NULL) {
		if (!l->set->configured)
			child_fatal(l->set->child, "tls certificate %s key %s "
			    "cannot be used; see the line above",
			    cl->tls->cert_file, cl->tls->key_file);
		log_warnx("the listener offers no STARTTLS");
	}
	tlsctx_unref(l->tls);
	l->tls = tls;
}

/* The listener of that statement; NULL: it is none of this role. */
static struct listener *
listener_match(struct listeners *ls, struct conf_listen *cl)
{
	int		 own = (cl->pass != 0) == (ls->role->pass != 0);
	struct listener	*l = listener_by_id(ls, cl->id);

	if (!own && !ls->role->others)
		return (NULL);
	if (l != NULL && (l->ev != NULL) != own) {
		listener_free(l);	/* a reload gave it to the other role */
		l = NULL;
	}
	return (l != NULL ? l : listener_new(ls, cl, own));
}

/* 0.0.0.0 or ::, which stands for all addresses of the machine. */
static int
any_address(const struct addr *a)
{
	static const uint8_t	zero[sizeof(a->b)];
	size_t			at = addr_is4(a) ? ADDR4_AT : 0;

	return (memcmp(a->b + at, zero, sizeof(zero) - at) == 0);
}

/*
 * Marks all, keeps those that the configuration has, frees the rest: a socket
 * that stays is never closed, and its backlog is not lost.
 */
void
listeners_configure(struct listeners *ls, const struct config *conf,
    struct tlsctx *global)
{
	struct conf_listen	*cl;
	struct listener		*l, *next;

	TAILQ_FOREACH(l, &ls->list, entry)
		l->keep = 0;
	TAILQ_FOREACH(cl, &conf->listens, entry) {
		if ((l = listener_match(ls, cl)) == NULL)
			continue;
		l->keep = 1;
		l->lowmx = cl->low_priority_mx;
		l->addr = cl->addr;
		l->port = cl->port;
		l->direct = conf->fw == FW_NONE;
		l->any = any_address(&cl->addr);
		listener_tls(l, cl, global);
	}
	for (l = TAILQ_FIRST(&ls->list); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (!l->keep)
			listener_free(l);
	}
	ls->configured = 1;
	if (ls->accepting)
		listeners_watch(ls, 1);
}

void
listeners_init(struct listeners *ls, const struct listener_role *role,
    struct child *child)
{
	memset(ls, 0, sizeof(*ls));
	ls->role = role;
	ls->child = child;
	TAILQ_INIT(&ls->list);
	if ((ls->nullfd = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		fatal("/dev/null");
	spare_open(ls);
	if (ls->spare == -1)
		fatal("descriptor in reserve");
	ls->pause_ev = evtimer_new(child->base, listeners_again, ls);
	if (ls->pause_ev == NULL)
		fatalx("%s: out of memory", role->name);
}

/* Both must have come: START of the parent, and the host states. */
static int
accept_begin(struct listeners *ls)
{
	if (!ls->started || !ls->hosts_ready || ls->accepting)
		return (0);
	ls->accepting = 1;
	listeners_watch(ls, 1);
	return (1);
}

int
listeners_start(struct listeners *ls)
{
	ls->started = 1;
	return (accept_begin(ls));
}

int
listeners_hosts_ready(struct listeners *ls)
{
	ls->hosts_ready = 1;
	return (accept_begin(ls));
}

void
listeners_stop(struct listeners *ls)
{
	ls->accepting = 0;
	listeners_watch(ls, 0);
}

void
listener_dst(const struct listener *l, int fd, const struct addr *client,
    uint16_t port, struct addr *dst, uint16_t *dport)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);
	struct addr		local;
	uint16_t		lport;

	*dst = l->addr;
	*dport = l->port;
	if (l->direct && !l->any)
		return;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa((struct sockaddr *)&ss, &local, &lport) == -1)
		return;
	*dst = local;
	*dport = lport;
	if (!l->direct)
		(void)origdst(fd, l->set->child->pf, client, port, &local,
		    lport, dst, dport);
}

void
listeners_expiry(struct listeners *ls)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &ls->list, entry)
		if (l->ev != NULL)
			tlsctx_expiry(l->tls);
}
