/*
 * What the parent opens for its children because it needs privilege or the
 * file system, or must outlive them: listeners, the control socket, the state
 * directory's lock, /dev/pf, transparent sockets, scanners' sockets.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/parent.h"

#define OPEN_WAIT	100	/* tenths of a second for an old daemon to end */
#define OPEN_BACKLOG	4096	/* the kernel lowers it to its own limit */
#define CONTROL_BACKLOG	16	/* commands that people type */

/* Sleeps for a tenth of a second.  Only before the event loop has begun. */
static void
tenth(void)
{
	const struct timespec	ts = { 0, 100000000 };

	/* Only before the event loop has begun. */
	nanosleep(&ts, NULL);
}

/* A listening socket.  -1 with errno. */
static int
bind_listener(const struct conf_listen *l)
{
	struct sockaddr_storage	ss;
	socklen_t		len;
	int			fd, on = 1, saved;

	len = addr_to_sa(&l->addr, l->port, &ss);
	if ((fd = socket(ss.ss_family, SOCK_STREAM, 0)) == -1)
		return (-1);
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 ||
	    listen(fd, OPEN_BACKLOG) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* Reports why, from errno.  If our own listener on another address is in
 * the way, the message says so, since only a restart helps. */
static void
listen_failed(const struct conf_listen *l, const struct config *old,
    void (*report)(const char *, void *), void *arg)
{
	const struct conf_listen	*o = NULL;
	char				 text[ADDR_STRLEN], other[ADDR_STRLEN];
	char				 line[256];
	const char			*why = strerror(errno);

	addr_str(&l->addr, text);
	if (errno == EADDRINUSE && old != NULL)
		TAILQ_FOREACH(o, &old->listens, entry)
			if (o->port == l->port && addr_is4(&o->addr) ==
			    addr_is4(&l->addr))
				break;
	if (o != NULL)
		snprintf(line, sizeof(line), "listen on %s port %u: in "
		    "use by the listener %s port %u of the configuration in "
		    "force; restart the daemon for this change", text,
		    l->port, addr_str(&o->addr, other), o->port);
	else
		snprintf(line, sizeof(line), "listen on %s port %u: %s%s",
		    text, l->port, why, errno == EADDRINUSE ?
		    "; is another daemon (spamd?) running there?" : "");
	report(line, arg);
}

/*
 * The children of a killed daemon keep its ports until they notice.  At the
 * start (old is NULL) there is nothing else to do, so that this waits for
 * them.  0, or -1: reported.
 */
static int
open_listener(struct conf_listen *l, const struct config *old,
    void (*report)(const char *, void *), void *arg)
{
	char	text[ADDR_STRLEN];
	int	i;

	for (i = 0; (l->fd = bind_listener(l)) == -1; i++) {
		if (errno != EADDRINUSE || old != NULL || i == OPEN_WAIT) {
			listen_failed(l, old, report, arg);
			return (-1);
		}
		if (i == 0)
			log_info("listen on %s port %u: in use, waiting",
			    addr_str(&l->addr, text), l->port);
		tenth();
	}
	return (0);
}

/* Can b's socket serve a? */
static int
listen_same(const struct conf_listen *a, const struct conf_listen *b)
{
	return (addr_cmp(&a->addr, &b->addr) == 0 && a->port == b->port);
}

/* The listeners of one kind.  Those that the old configuration has too keep
 * their socket and their id. */
static int
open_all(struct parent *p, struct conf_listens *all,
    const struct conf_listens *before, const struct config *old,
    void (*report)(const char *, void *), void *arg)
{
	struct conf_listen	*l, *o = NULL;
	int			 rc = 0;

	TAILQ_FOREACH(l, all, entry) {
		l->fd = -1;
		if (before != NULL)
			TAILQ_FOREACH(o, before, entry)
				if (listen_same(l, o))
					break;
		if (o != NULL) {
			l->id = o->id;
			if ((l->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0)) == -1) {
				log_warn("cannot keep a listener");
				return (-1);
			}
			continue;
		}
		l->id = ++p->listen_id;
		if (open_listener(l, old, report, arg) == -1)
			rc = -1;
	}
	return (rc);
}

/*
 * Listeners of both kinds: for mail, and for spamd-setup.  Those that both
 * configurations have keep their socket.  0, or -1: reported; the caller
 * frees conf, which closes the new ones, and old's are untouched.
 */
int
open_listeners(struct parent *p, struct config *conf, const struct config *old,
    void (*report)(const char *, void *), void *arg)
{
	int	rc;

	rc = open_all(p, &conf->listens, old == NULL ? NULL : &old->listens,
	    old, report, arg);
	if (open_all(p, &conf->setups, old == NULL ? NULL : &old->setups, old,
	    report, arg) == -1)
		rc = -1;
	return (rc);
}

/*
 * Opens the directory of the control socket; *name is the socket's name in
 * it.  As root, a directory in which another user can change names is
 * refused: that user could put a link in the socket's place before its owner
 * is set.  The caller closes it.  -1: logged.
 */
static int
control_dir(const struct parent *p, const char *path, const char **name)
{
	struct stat	st;
	char		dir[PATH_MAX];
	const char	*slash = strrchr(path, '/');
	int		fd;

	*name = slash == NULL ? path : slash + 1;
	snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 :
	    slash == path ? 1 : (int)(slash - path), slash == NULL ? "." :
	    path);
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		log_warn("control socket %s: cannot create it%s", path,
		    errno == ENOENT ? "; create its directory first" : "");
		return (-1);
	}
	if (p->privileged && (fstat(fd, &st) == -1 || st.st_uid != 0 ||
	    ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))) {
		log_warnx("control socket %s: users other than root can "
		    "write to %s; choose another directory", path, dir);
		close(fd);
		return (-1);
	}
	return (fd);
}

/* Removes the socket that a killed daemon left.  Anything that is not a
 * socket is not ours and stays.  0, or -1: logged. */
static int
control_clear(int dfd, const char *name, const char *path)
{
	struct stat	st;

	if (fstatat(dfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return (0);
		log_warn("control socket %s: cannot inspect it", path);
		return (-1);
	}
	if (!S_ISSOCK(st.st_mode)) {
		log_warnx("control socket %s: the path exists and is not a "
		    "socket; remove it, or choose another path", path);
		return (-1);
	}
	if (unlinkat(dfd, name, 0) == -1) {
		log_warn("control socket %s: cannot remove the old one", path);
		return (-1);
	}
	return (0);
}

/* 1: a daemon answers on the socket; 0: none does. */
static int
control_alive(const struct sockaddr_un *sun)
{
	int	fd, r;

	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (0);
	r = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	close(fd);
	return (r == 0);
}

/* The socket, bound and given to the group that may use it.  -1: logged. */
static int
control_bind(const struct parent *p, const struct sockaddr_un *sun, int dfd,
    const char *name)
{
	mode_t	mask;
	int	fd, r;

	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1) {
		log_warn("control socket: cannot create one");
		return (-1);
	}
	mask = umask(0117);
	r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	umask(mask);
	if (r == -1 || (p->privileged && fchownat(dfd, name, 0, p->db_gid,
	    AT_SYMLINK_NOFOLLOW) == -1) || listen(fd, CONTROL_BACKLOG) == -1) {
		log_warn("control socket %s: cannot create it", sun->sun_path);
		close(fd);
		return (-1);
	}
	return (fd);
}

/* Makes the control socket, p->control.  0, or -1: logged. */
int
open_control(struct parent *p)
{
	struct sockaddr_un	 sun;
	const char		*path = p->conf->socket, *name;
	int			 dfd;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		log_warnx("control socket %s: the path is too long (at most "
		    "%zu bytes)", path, sizeof(sun.sun_path) - 1);
		return (-1);
	}
	if (control_alive(&sun)) {
		log_warnx("control socket %s: another daemon answers there",
		    path);
		return (-1);
	}
	if ((dfd = control_dir(p, path, &name)) == -1)
		return (-1);
	if (control_clear(dfd, name, path) == 0)
		p->control = control_bind(p, &sun, dfd, name);
	close(dfd);
	return (p->control == -1 ? -1 : 0);
}

/* The socket disappears with the daemon. */
void
close_control(struct parent *p)
{
	if (p->control == -1)
		return;
	close(p->control);
	(void)unlink(p->conf->socket);
	p->control = -1;
}

/* Makes the state directory and locks it, p->lock.  Waits for a daemon that
 * is just ending.  0, or -1: logged. */
int
open_state(struct parent *p)
{
	const char	*dir = p->conf->statedir;
	pid_t		 pid = 0;
	int		 i;

	if (statedir_make(dir, p->db_uid, p->db_gid) == -1)
		return (-1);
	for (i = 0; (p->lock = statedir_lock(dir, &pid)) == -1; i++) {
		if (errno != EWOULDBLOCK)
			return (-1);
		if (i == OPEN_WAIT) {
			log_warnx("state directory %s: locked by process %ld; "
			    "is a daemon or spamgreydb running?", dir,
			    (long)pid);
			return (-1);
		}
		if (i == 0)
			log_info("state directory %s: locked by process %ld, "
			    "waiting", dir, (long)pid);
		tenth();
	}
	return (0);
}

/* A descriptor of /dev/pf, for one child.  -1: logged. */
int
open_pf(const struct parent *p, int flags)
{
	int	fd;

	(void)p;
	if ((fd = open("/dev/pf", flags | O_CLOEXEC)) == -1)
		log_warn("cannot open /dev/pf: `firewall pf' needs PF in the "
		    "kernel, and the daemon started as root");
	return (fd);
}

/* Makes the spool's directory for pass.  0, or -1: logged. */
int
open_spool(const struct parent *p)
{
	return (statedir_spool(p->conf->statedir, p->uid, p->gid));
}

/* The target of that index of a relay that is `transparent'. NULL: there is
 * none, or the relay is not. */
static const struct conf_target *
transparent_target(const struct parent *p, unsigned int relay,
    unsigned int target)
{
	const struct conf_relay		*r;
	const struct conf_target	*t;

	if (p->conf->pass == NULL)
		return (NULL);
	TAILQ_FOREACH(r, &p->conf->pass->relays, entry)
		if (relay-- == 0)
			break;
	if (r == NULL || r->client != CLIENT_TRANSPARENT)
		return (NULL);
	TAILQ_FOREACH(t, &r->targets, entry)
		if (target-- == 0)
			return (t);
	return (NULL);
}

/* A socket bound to the client's address and port.  -1 with errno. */
static int
bind_transparent(const struct addr *client, uint16_t port)
{
	struct sockaddr_storage	ss;
	socklen_t		len = addr_to_sa(client, port, &ss);
	int			fd, on = 1, saved;

	if ((fd = os_socket_transparent(ss.ss_family)) == -1)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&ss, len) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

/*
 * pass names a relay of the configuration and a client.  The parent's own
 * copy of the configuration decides whether it may have such a socket.  The
 * client's port is used too unless it is taken: a client on this machine has
 * it itself.
 */
int
open_transparent(const struct parent *p, unsigned int relay,
    unsigned int target, const struct addr *client, uint16_t port)
{
	const struct conf_target	*t;
	int				 fd;

	if ((t = transparent_target(p, relay, target)) == NULL) {
		errno = EPERM;
		return (-1);
	}
	if (addr_is4(&t->addr) != addr_is4(client)) {
		errno = EAFNOSUPPORT;
		return (-1);
	}
	if ((fd = bind_transparent(client, port)) == -1 &&
	    errno == EADDRINUSE && port != 0)
		fd = bind_transparent(client, 0);
	return (fd);
}

/*
 * The path of the n-th server of a module, in the order of the file, which is
 * how runner numbers them too.  NULL: there is none, or it is not a unix
 * socket.
 */
static const char *
scanner_path(const struct parent *p, const char *module, unsigned int server)
{
	const struct conf_module	*m;
	const struct conf_option	*o;

	if (p->conf->pass == NULL)
		return (NULL);
	TAILQ_FOREACH(m, &p->conf->pass->modules, entry)
		if (strcmp(m->name, module) == 0)
			break;
	if (m == NULL)
		return (NULL);
	TAILQ_FOREACH(o, &m->options, entry) {
		if (strcmp(o->keyword, "socket") != 0 &&
		    strcmp(o->keyword, "server") != 0)
			continue;
		if (server-- == 0)
			return (o->keyword[1] == 'o' && o->nwords > 0 ?
			    o->words[0].text : NULL);
	}
	return (NULL);
}

/* Never waits: a unix socket connects at once, or its backlog is full. */
int
open_scanner(const struct parent *p, const char *module, unsigned int server)
{
	struct sockaddr_un	 sun;
	const char		*path = scanner_path(p, module, server);
	int			 fd, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (path == NULL || path[0] != '/') {
		errno = EPERM;
		return (-1);
	}
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}
