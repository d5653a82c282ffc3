/*
 * `spamd-setup on ...': OpenBSD's spamd-setup(8), or a program that speaks
 * like it, brings lists.  Its port shows that the client is root of this
 * machine, and the parent looks at nothing else: the connection goes to a
 * process of spamgreyd/list, and the result is kept and compiled like any
 * list.  One connection is served at a time; others wait.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/proto/list.h"
#include "spamgreyd/parent/list/lists.h"

#define SETUP_LISTENERS	8
#define SETUP_S		300		/* a connection, from beginning to end */
#define SETUP_SAY_MS	60000		/* between two lines about others */

static struct {
	struct parent	*p;
	struct event	*ev[SETUP_LISTENERS];
	unsigned int	 n;
	/* the connection that is being taken */
	struct chan	*ch;
	pid_t		 pid;
	struct event	*late;
	int		 dir;
	int		 ended, good;
	unsigned int	 taken;
	char		 why[LIST_WHY_MAX];
} setup = { .dir = -1 };

/* Connections are accepted. */
static void
listen_again(void)
{
	unsigned int	i;

	for (i = 0; i < setup.n; i++)
		(void)event_add(setup.ev[i], NULL);
}

/* Further connections wait in the kernel's queue. */
static void
listen_stop(void)
{
	unsigned int	i;

	for (i = 0; i < setup.n; i++)
		(void)event_del(setup.ev[i]);
}

/* A complaint about what was sent. */
static void
setup_say(struct chan *ch, struct msg *m, void *arg)
{
	const char	*line = msg_get_str(m);
	char		 text[600];

	(void)ch;
	(void)arg;
	if (msg_end(m) == 0)
		log_warnx("%s", lists_printable(text, sizeof(text), line));
}

/* How many lists were accepted. */
static void
setup_taken(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	setup.taken = msg_get_u32(m);
}

/* The result, before the process ends. */
static void
setup_result(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	setup.good = msg_get_u8(m) != 0;
	lists_printable(setup.why, sizeof(setup.why), msg_get_str(m));
	setup.ended = 1;
}

static const struct chan_rule rules[] = {
	{ LJ_SAY, 0, setup_say },
	{ LJ_TAKEN, 0, setup_taken },
	{ LJ_END, 0, setup_result },
	{ 0, 0, NULL }
};

/* The connection is over, well or not.  If lists were accepted, all lists
 * are compiled again. */
static void
setup_finish(void)
{
	int	good = setup.ended && setup.good && setup.taken > 0;

	if (setup.ch != NULL)
		chan_free(setup.ch);
	setup.ch = NULL;
	if (setup.late != NULL)
		event_free(setup.late);
	setup.late = NULL;
	if (setup.dir != -1) {
		lists_keep(setup.dir, LIST_SETUP, good);
		close(setup.dir);
	}
	setup.dir = -1;
	if (!setup.ended || !setup.good)
		log_warnx("spamd-setup: no lists accepted: %s", setup.ended ?
		    setup.why : "the process that reads it died");
	listen_again();
	if (good) {
		log_info("spamd-setup: %u lists accepted", setup.taken);
		load_compile(setup.p);
	}
}

static void
setup_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)arg;
	if (how == CHAN_BROKEN) {
		kill(setup.pid, SIGKILL);
		setup.ended = 0;
	}
	setup_finish();
}

/* The connection takes too long; the end of its process follows. */
static void
setup_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_warnx("spamd-setup: connection closed after %d s", SETUP_S);
	kill(setup.pid, SIGKILL);
}

/*
 * Sends the process the names that are taken, the lists that spamd-setup
 * brought before, where to write the new ones, and the connection, which
 * starts it.  Takes conn.  0, or -1.
 */
static int
setup_give(int conn)
{
	const struct conf_list	*l;
	int			 before, out, r = 0;

	TAILQ_FOREACH(l, &setup.p->conf->lists, entry) {
		if (l->source == SRC_SETUP)
			continue;
		ipc_begin(chan_ipc(setup.ch), LJ_NAME, 0);
		ipc_put_str(chan_ipc(setup.ch), l->name);
		r |= chan_send(setup.ch, -1);
	}
	if ((before = lists_kept_open(setup.dir, LIST_SETUP)) != -1) {
		r |= lists_send_fd(setup.ch, LJ_SETUP, 0, before);
		close(before);
	}
	if ((out = lists_out_open(setup.dir, LIST_SETUP)) == -1) {
		log_warn("spamd-setup: cannot create %s/%s", LIST_DIR,
		    LIST_SETUP);
		close(conn);
		return (-1);
	}
	ipc_begin(chan_ipc(setup.ch), LJ_SETUP_OUT, 0);
	r |= chan_send(setup.ch, out);
	ipc_begin(chan_ipc(setup.ch), LJ_CONN, 0);
	ipc_put_i64(chan_ipc(setup.ch), clock_wall());
	return (chan_send(setup.ch, conn) | r);
}

/* Takes conn, and starts a process for it. */
static void
setup_take(int conn)
{
	const struct timeval	tv = { SETUP_S, 0 };

	setup.ended = setup.good = 0;
	setup.taken = 0;
	listen_stop();
	if ((setup.dir = lists_dir_make(setup.p)) != -1 &&
	    (setup.late = evtimer_new(setup.p->base, setup_late,
	    NULL)) != NULL &&
	    event_add(setup.late, &tv) == 0 &&
	    (setup.ch = lists_process(setup.p, setup.p->base, &setup.pid, rules,
	    NULL, setup_ended)) != NULL) {
		if (setup_give(conn) == 0)
			return;
		kill(setup.pid, SIGKILL);
	} else
		close(conn);
	setup_finish();
}

/* May the client bring lists?  Only root of this machine can bind a port
 * below 1024 of it.  Others are reset, as spamd does. */
static int
setup_allowed(int fd)
{
	static const struct linger	reset = { 1, 0 };
	static int64_t			last;
	struct sockaddr_storage		ss;
	socklen_t			len = sizeof(ss);
	struct addr			a;
	uint16_t			port;
	char				text[ADDR_STRLEN];

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    addr_from_sa((struct sockaddr *)&ss, &a, &port) == -1)
		return (0);
	if (addr_is_loopback(&a) && port < IPPORT_RESERVED)
		return (1);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (last == 0 || clock_mono() - last >= SETUP_SAY_MS) {
		last = clock_mono();
		log_warnx("spamd-setup: refused: %s port %u is not below %d",
		    addr_str(&a, text), port, IPPORT_RESERVED);
	}
	return (0);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	int	fd;

	(void)what;
	(void)arg;
	if ((fd = accept(lfd, NULL, NULL)) == -1) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_warn("spamd-setup: cannot accept a connection");
		return;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 || setup.ch != NULL ||
	    !setup_allowed(fd))
		close(fd);
	else
		setup_take(fd);
}

/* The listeners of p->conf, in place of those before. */
void
setup_configure(struct parent *p)
{
	const struct conf_listen	*l;

	setup_end();
	setup.p = p;
	TAILQ_FOREACH(l, &p->conf->setups, entry) {
		if (l->fd == -1 || setup.n == SETUP_LISTENERS)
			continue;
		setup.ev[setup.n] = event_new(p->base, l->fd,
		    EV_READ | EV_PERSIST, on_accept, NULL);
		if (setup.ev[setup.n] == NULL)
			fatalx("spamd-setup: no memory");
		setup.n++;
	}
	if (setup.ch == NULL)
		listen_again();
}

/* A connection that is being taken goes on. */
void
setup_end(void)
{
	while (setup.n > 0)
		event_free(setup.ev[--setup.n]);
}
