/*
 * What children tell the parent, and what it answers.  A child is not
 * trusted: one table says which role may send what, and when.  A message that
 * is not in it ends the child.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/parent/list/lists.h"

#define FILL_S		10	/* front waits for the firewall's table */
#define SOCKET_SAY_MS	60000	/* between two lines about sockets */
#define SOCKET_QUEUE	16384	/* octets of answers with sockets: about 800 */

/* A child is ready.  The last one of the set makes the set run. */
static void
msg_ready(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	struct parent	*p = pr->parent;
	const char	*id = msg_get_str(m);
	unsigned int	 i;

	(void)ch;
	if (msg_end(m) == -1)
		return;
	if (strcmp(id, buildid) != 0) {
		log_warnx("%s is from another build; restart the daemon",
		    pr->name);
		parent_end(p, 1);
		return;
	}
	pr->phase = PROC_READY;
	if (roles[pr->role]->alone) {
		alone_ready(p, pr);
		return;
	}
	/* Too late: another one has died, and the set is ending. */
	if (p->state != SET_STARTING)
		return;
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].phase == PROC_STARTING &&
		    !roles[p->procs[i].role]->alone)
			return;
	p->state = SET_RUNNING;
	p->ever_ready = 1;
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].role != ROLE_FRONT &&
		    p->procs[i].chan != NULL)
			(void)chan_send_empty(p->procs[i].chan, MSG_START, 0);
	/* front waits for the firewall's table, but not for ever.  fw may have
	 * filled it before the last of the others was ready. */
	if (p->filled)
		set_front_start(p);
	else
		event_add(p->ev_start, &(struct timeval){ FILL_S, 0 });
}

/* It has taken a reload. */
static void
msg_conf_done(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	parent_taken(arg);
}

/* The firewall's table is filled: front may accept. */
static void
msg_fw_ready(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;

	(void)ch;
	(void)m;
	pr->parent->filled = 1;
	set_front_start(pr->parent);
}

/* Without -v debug lines are dropped here.  Of spamd's own lines the child
 * decides which need -v. */
static void
msg_log(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	int		 priority = msg_get_u8(m) & (LOG_PRIMASK |
			    LOG_AS_SPAMD);
	const char	*line = msg_get_str(m);

	(void)ch;
	/* The sender has already decided which of spamd's lines need -v. */
	if (msg_end(m) == 0 && (priority < LOG_DEBUG ||
	    (priority & LOG_AS_SPAMD) || pr->parent->verbose))
		parent_log(pr, priority, line);
}

/*
 * A child cannot go on, and says why.  Before the daemon was ever ready, this
 * ends it with the child's message, since another start would fail in the
 * same way.
 */
static void
msg_fatal(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	const char	*why = msg_get_str(m);

	(void)ch;
	if (msg_end(m) == -1)
		return;
	log_warnx("%s", why);
	/* One that has worked counts as any other death: the next one may be
	 * well, and its message is no reason to end the daemon. */
	if (pr->phase == PROC_READY) {
		pr->phase = PROC_LEAVING;
		if (pr->pid > 0)
			kill(pr->pid, SIGKILL);
		return;
	}
	pr->phase = PROC_LEAVING;
	/* If the set is ending already, because another one failed or a new
	 * configuration needs new processes, nothing more has to end. */
	if (roles[pr->role]->alone || pr->parent->state == SET_STOPPING ||
	    parent_go_back(pr->parent))
		return;
	pr->parent->status = 1;
	parent_end(pr->parent, 1);
}

static void
msg_pong(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;

	(void)ch;
	(void)m;
	pr->beat_asked = 0;
}

/* It begins or has ended one long task, and answers no heartbeat until
 * then. */
static void
msg_busy(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;

	(void)ch;
	pr->busy = msg_get_u8(m) != 0;
}

/* A process that the others can do without ends for now. */
static void
msg_later(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	const char	*why = msg_get_str(m);

	(void)ch;
	if (msg_end(m) == -1)
		return;
	pr->phase = PROC_LEAVING;
	alone_later(pr, why);
}

/* spamgreydb log: for the parent and all children. */
static void
set_verbose(struct parent *p, int verbose)
{
	unsigned int	i;

	p->verbose = verbose;
	log_set_verbose(verbose);
	for (i = 0; i < p->nprocs; i++) {
		if (p->procs[i].chan == NULL)
			continue;
		ipc_begin(chan_ipc(p->procs[i].chan), MSG_LOGLEVEL, 0);
		ipc_put_u8(chan_ipc(p->procs[i].chan), (uint8_t)verbose);
		(void)chan_send(p->procs[i].chan, -1);
	}
}

/* Store passes on a command of the control socket that the parent has to
 * carry out. */
static void
msg_ctl_ask(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	unsigned int	 type = msg_get_u16(m), value = msg_get_u8(m);
	const char	*text = msg_get_str(m);

	if (msg_end(m) == -1)
		return;
	switch (type) {
	case CTL_RELOAD:
		parent_reload(pr->parent, 1, m->id, text);
		break;
	case CTL_OUTCOME:
		outcome_answer(pr->parent, ch, m->id, text);
		break;
	case CTL_LOAD:
		load_request(pr->parent, text, 1, m->id);
		break;
	case CTL_STOP:
		parent_answer(ch, m->id, CTL_OK, 0, "ending");
		/* By a signal, so that the answer is sent before the end
		 * begins. */
		(void)kill(getpid(), SIGTERM);
		break;
	case CTL_LOG:
		set_verbose(pr->parent, value != 0);
		parent_answer(ch, m->id, CTL_OK, 0, value ? "log verbose" :
		    "log brief");
		break;
	default:
		parent_answer(ch, m->id, CTL_BADARG, 0,
		    "not a command of the parent");
		break;
	}
}

/* At most one line a minute, since a wrong configuration makes each
 * client's connection fail. */
static void
socket_failed(const struct addr *client, int error)
{
	static int64_t	last;
	int64_t		now = clock_mono();
	char		text[ADDR_STRLEN];

	if (last != 0 && now - last < SOCKET_SAY_MS)
		return;
	last = now;
	log_warnx("relay transparent: cannot open a socket with the address "
	    "%s: %s%s",
	    addr_str(client, text), strerror(error),
	    error == EPERM || error == EACCES ?
	    "; start the daemon as root" : error == EAFNOSUPPORT ?
	    "; add a target of the same family (IPv4 or IPv6)" : "");
}

/* Sockets for a pass that does not take them stay open here: past a limit it
 * gets no more.  1 with errno: that is reached. */
static int
is_full(const struct chan *ch)
{
	errno = EAGAIN;
	return (chan_queued(ch) > SOCKET_QUEUE);
}

/* pass asks for a socket with its client's address as the source, which
 * only root can bind. */
static void
msg_sock_ask(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	struct addr	 client;
	unsigned int	 relay = msg_get_u16(m), target = msg_get_u16(m);
	uint16_t	 port;
	int		 fd = -1, error = 0;

	msg_get_addr(m, &client);
	port = msg_get_u16(m);
	if (msg_end(m) == -1)
		return;
	if (is_full(ch) || (fd = open_transparent(pr->parent, relay, target,
	    &client, port)) == -1) {
		error = errno;
		socket_failed(&client, error);
	}
	ipc_begin(chan_ipc(ch), MSG_SOCK, m->id);
	ipc_put_u32(chan_ipc(ch), (uint32_t)error);
	(void)chan_send(ch, fd);
}

/* pass asks for a connection to a scanner's socket, which it cannot name in
 * its chroot.  What becomes of it is for pass to log. */
static void
msg_conn_ask(struct chan *ch, struct msg *m, void *arg)
{
	struct proc	*pr = arg;
	const char	*module = msg_get_str(m);
	unsigned int	 server = msg_get_u16(m);
	int		 fd = -1, error = 0;

	if (msg_end(m) == -1)
		return;
	if (is_full(ch) ||
	    (fd = open_scanner(pr->parent, module, server)) == -1)
		error = errno;
	ipc_begin(chan_ipc(ch), MSG_CONN, m->id);
	ipc_put_u32(chan_ipc(ch), (uint32_t)error);
	(void)chan_send(ch, fd);
}

#define ROLE(r)		(1U << (r))
#define ANY		(~0U)
#define STARTING	(1U << PROC_STARTING)
#define READY		(1U << PROC_READY)
#define LEAVING		(1U << PROC_LEAVING)

static const struct {
	uint16_t	 type;
	const char	*name;
	unsigned int	 roles, phases;
} permitted[] = {
	{ MSG_READY, "READY", ANY, STARTING },
	{ MSG_CONF_DONE, "CONF_DONE", ANY, READY },
	{ MSG_LOG, "LOG", ANY, STARTING | READY | LEAVING },
	{ MSG_FATAL, "FATAL", ANY, STARTING | READY },
	{ MSG_FW_READY, "FW_READY", ROLE(ROLE_FW), STARTING | READY },
	{ CTL_ASK, "CTL_ASK", ROLE(ROLE_STORE), READY },
	{ MSG_SOCK_ASK, "SOCK_ASK", ROLE(ROLE_PASS), READY },
	{ MSG_CONN_ASK, "CONN_ASK", ROLE(ROLE_PASS), READY },
	{ MSG_PONG, "PONG", ANY, READY | LEAVING },
	{ MSG_BUSY, "BUSY", ROLE(ROLE_STORE), READY },
	{ MSG_LATER, "LATER", ROLE(ROLE_TRACK), STARTING | READY }
};

/*
 * A table says which role may send which message in which phase of its life.
 * 0: this one is not permitted, which is logged, and the channel kills the
 * child.
 */
int
parent_permits(const struct msg *m, void *arg)
{
	static const char *const	when[] = {
		[PROC_STARTING] = "before it was ready",
		[PROC_READY] = "again",
		[PROC_LEAVING] = "after it reported why it ends"
	};
	const struct proc	*pr = arg;
	size_t			 i;

	for (i = 0; i < sizeof(permitted) / sizeof(permitted[0]); i++)
		if (permitted[i].type == m->type)
			break;
	if (i == sizeof(permitted) / sizeof(permitted[0]))
		log_warnx("%s: sent a message of type %u, which it may not "
		    "send; it is killed", pr->name, m->type);
	else if (!(permitted[i].roles & ROLE(pr->role)))
		log_warnx("%s: sent %s, which it may not send; it is killed",
		    pr->name, permitted[i].name);
	else if (!(permitted[i].phases & 1U << pr->phase))
		log_warnx("%s: sent %s %s; it is killed", pr->name,
		    permitted[i].name, when[pr->phase]);
	else
		return (1);
	return (0);
}

const struct chan_rule parent_rules[] = {
	{ MSG_READY, 0, msg_ready },
	{ MSG_CONF_DONE, 0, msg_conf_done },
	{ MSG_LOG, 0, msg_log },
	{ MSG_FATAL, 0, msg_fatal },
	{ MSG_FW_READY, 0, msg_fw_ready },
	{ CTL_ASK, 0, msg_ctl_ask },
	{ MSG_SOCK_ASK, 0, msg_sock_ask },
	{ MSG_CONN_ASK, 0, msg_conn_ask },
	{ MSG_PONG, 0, msg_pong },
	{ MSG_BUSY, 0, msg_busy },
	{ MSG_LATER, 0, msg_later },
	{ 0, 0, NULL }
};
