/*
 * The set of processes: they are started, connected, watched and ended
 * together.  The death of one ends the set, because what its peers know of it
 * is gone with it.  A new set starts from the configuration in force.
 * alone.c has the processes that may die without the rest.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/conf/conf.h"
#include "spamgreyd/parent/list/lists.h"

#define SET_KILL_MS	700		/* a child that has not ended by then is killed */
#define SET_LIVED_MS	10000		/* a set that lived longer restarts at once */
#define SET_BACKOFF_MAX	30		/* seconds */

/* Sets a timer of the parent, in milliseconds. */
static void
timer(struct event *ev, int64_t ms)
{
	struct timeval	tv = { ms / 1000, (ms % 1000) * 1000 };

	event_add(ev, &tv);
}

/* The channel of a child closed; its death follows as SIGCHLD. A child that
 * sent something malformed is killed. */
static void
proc_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct proc	*pr = arg;

	chan_free(ch);
	pr->chan = NULL;
	if (how == CHAN_BROKEN && pr->pid > 0)
		kill(pr->pid, SIGKILL);
}

/* Starts the process and its channel.  0, or -1: logged. */
static int
proc_spawn(struct parent *p, struct proc *pr)
{
	pid_t	pid;
	int	fd;

	pid = parent_spawn(p, roles[pr->role]->name, &fd);
	pr->pid = pid == -1 ? 0 : pid;
	if (pid == -1)
		return (-1);
	if ((pr->chan = chan_new(p->base, fd, pr->name, parent_rules, pr,
	    proc_ended)) == NULL) {
		log_warn("%s: cannot talk to the process", pr->name);
		return (-1);
	}
	chan_on_frame(pr->chan, parent_permits);
	return (0);
}

/* The first message: who the child is, and how it was started. */
static int
proc_hello(struct parent *p, struct proc *pr)
{
	struct ipc	*ipc = chan_ipc(pr->chan);

	ipc_begin(ipc, MSG_HELLO, 0);
	ipc_put_str(ipc, buildid);
	ipc_put_u8(ipc, (uint8_t)pr->role);
	ipc_put_u16(ipc, (uint16_t)pr->instance);
	ipc_put_u8(ipc, (uint8_t)p->privileged);
	/* With a new configuration it is not again, but for the first time. */
	ipc_put_u8(ipc, p->ever_ready && p->before == NULL);	/* again */
	ipc_put_u8(ipc, (uint8_t)p->verbose);
	return (chan_send(pr->chan, -1));
}

/* Gives a process its end of a socketpair to a peer.  The channel closes
 * fd. */
static int
proc_send_peer(struct proc *to, const struct proc *peer, int fd)
{
	struct ipc	*ipc = chan_ipc(to->chan);

	ipc_begin(ipc, MSG_PEER, 0);
	ipc_put_u8(ipc, (uint8_t)peer->role);
	ipc_put_u16(ipc, (uint16_t)peer->instance);
	return (chan_send(to->chan, fd));
}

/* Connects two processes whose rows name each other. */
static int
proc_wire(struct proc *a, struct proc *b)
{
	int	fd[2];

	if (a->chan == NULL || b->chan == NULL ||
	    !(roles[a->role]->peers & (1U << b->role)) ||
	    !(roles[b->role]->peers & (1U << a->role)))
		return (0);
	if (parent_pair(fd) == -1)
		return (-1);
	return (proc_send_peer(a, b, fd[0]) == -1 ||
	    proc_send_peer(b, a, fd[1]) == -1 ? -1 : 0);
}

/* Connects all pairs. */
static int
set_wire(struct parent *p)
{
	struct proc	*a, *b;

	for (a = p->procs; a < p->procs + p->nprocs; a++)
		for (b = a + 1; b < p->procs + p->nprocs; b++)
			if (proc_wire(a, b) == -1)
				return (-1);
	return (0);
}

/* Sends a copy of a descriptor that the parent keeps. */
static int
send_fd(struct proc *pr, uint16_t type, int fd)
{
	int	copy;

	if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		log_warn("cannot copy a descriptor for %s", pr->name);
		return (-1);
	}
	ipc_begin(chan_ipc(pr->chan), type, 0);
	return (chan_send(pr->chan, copy));
}

/* Each process gets its own open file of /dev/pf, with as few rights as it
 * needs. */
static int
proc_send_pf(struct parent *p, struct proc *pr, int flags)
{
	int	fd;

	if ((fd = open_pf(p, flags)) == -1)
		return (-1);
	ipc_begin(chan_ipc(pr->chan), MSG_PF, 0);
	return (chan_send(pr->chan, fd));
}

/* Sends the configuration, without the parts that the role does not need.
 * 0, or -1: the channel is broken or out of memory. */
int
set_configure(struct parent *p, struct proc *pr)
{
	static const enum conf_send	what[ROLE_MAX] = {
		[ROLE_FRONT] = SEND_FRONT, [ROLE_PASS] = SEND_PASS,
		[ROLE_STORE] = SEND_STORE
	};
	int	r;

	r = config_send(pr->chan, p->conf, what[pr->role]);
	if (r == 0)
		alone_configured(p, pr);
	return (r);
}

/* What a process needs besides its peers: descriptors first, the
 * configuration last, since it starts the privilege drop. */
static int
proc_equip(struct parent *p, struct proc *pr)
{
	if (pr->role == ROLE_STORE &&
	    (send_fd(pr, MSG_STATE_LOCK, p->lock) == -1 ||
	    send_fd(pr, MSG_CTL_LISTEN, p->control) == -1))
		return (-1);
	if (p->conf->fw == FW_PF && pr->role == ROLE_FW &&
	    proc_send_pf(p, pr, O_RDWR) == -1)
		return (-1);
	if (p->conf->fw == FW_PF && origdst_pf &&
	    (pr->role == ROLE_FRONT || pr->role == ROLE_PASS) &&
	    proc_send_pf(p, pr, O_RDONLY) == -1)
		return (-1);
	return (set_configure(p, pr));
}

/* One process alone, connected to those that run.  0, or -1: logged. */
int
set_proc_start(struct parent *p, struct proc *pr)
{
	struct proc	*o;

	if (proc_spawn(p, pr) == -1 || proc_hello(p, pr) == -1)
		return (-1);
	for (o = p->procs; o < p->procs + p->nprocs; o++)
		if (o != pr && proc_wire(pr, o) == -1)
			return (-1);
	return (proc_equip(p, pr));
}

/* Adds a process to the set without starting it.  The arrays are large
 * enough for all roles and fronts. */
void
set_add(struct parent *p, enum role role, unsigned int instance)
{
	struct proc	*pr = &p->procs[p->nprocs++];

	memset(pr, 0, sizeof(*pr));
	pr->parent = p;
	pr->role = role;
	pr->instance = instance;
	pr->taken = p->reloads;
	pr->since = clock_mono();
	if (role == ROLE_FRONT && p->conf->fronts > 1)
		snprintf(pr->name, sizeof(pr->name), "%s %u",
		    roles[role]->name, instance);
	else
		snprintf(pr->name, sizeof(pr->name), "%s", roles[role]->name);
}

/*
 * Starts all processes.  They are connected before any gets its
 * configuration.  What fails before the first set was ready ends the daemon;
 * later a reload is taken back, or the set ends and is started again.
 */
void
set_start(struct parent *p)
{
	struct proc	*pr;
	unsigned int	 i, r;

	p->nprocs = 0;
	p->started = p->filled = 0;
	p->last_warning[0] = '\0';
	p->state = SET_STARTING;
	p->set_since = clock_mono();
	for (r = ROLE_PARENT + 1; r < ROLE_MAX; r++) {
		if ((r == ROLE_PASS && p->conf->pass == NULL) ||
		    (roles[r]->alone && !alone_wanted(p, r)))
			continue;
		for (i = 0; i < (r == ROLE_FRONT ? p->conf->fronts : 1); i++)
			set_add(p, r, i);
	}
	if (p->conf->pass != NULL && open_spool(p) == -1)
		goto fail;
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (proc_spawn(p, pr) == -1 || proc_hello(p, pr) == -1)
			goto fail;
	if (set_wire(p) == -1)
		goto fail;
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (proc_equip(p, pr) == -1)
			goto fail;
	alone_begin(p);
	return;
fail:
	if (!p->ever_ready)
		parent_end(p, 1);
	else if (!parent_go_back(p))
		set_end(p);
}

/* Everything is ready: front accepts from now on.  Called more than once,
 * whichever condition comes last. */
void
set_front_start(struct parent *p)
{
	unsigned int	i;

	if (p->started || p->state != SET_RUNNING)
		return;
	p->started = 1;
	event_del(p->ev_start);
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].role == ROLE_FRONT &&
		    p->procs[i].chan != NULL)
			(void)chan_send_empty(p->procs[i].chan, MSG_START, 0);
	parent_reload_ready(p);
	log_info("ready");
	parent_started(p);
	if (p->conf->log_spamd)
		log_spamd(LOG_WARNING, "listening for incoming connections.");
	if (!p->loaded)
		load_started(p);
	p->loaded = 1;
}

/* Asks all processes to end; one that has not ended after SET_KILL_MS is
 * killed.  What the children said last is still read. */
void
set_end(struct parent *p)
{
	struct proc	*pr;
	int		 alive = 0;

	if (p->state == SET_STOPPING || p->state == SET_NONE)
		return;
	p->state = SET_STOPPING;
	event_del(p->ev_start);
	alone_end(p);
	parent_reload_forget(p);
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++) {
		if (pr->chan != NULL) {
			(void)chan_send_empty(pr->chan, MSG_QUIT, 0);
			chan_flush(pr->chan);
		}
		if (pr->pid > 0)
			alive = 1;
	}
	timer(p->ev_set, alive ? SET_KILL_MS : 0);
}

/* 1: the configuration's `restart' allows one more set.  Counts this death. */
static int
restart_allowed(struct parent *p)
{
	int64_t		now = clock_mono();
	int64_t		within = p->conf->restart_within * 1000;
	unsigned int	i, kept = 0;

	if (p->conf->restart_max == 0) {
		log_warnx("restart no: the daemon ends");
		return (0);
	}
	for (i = 0; i < p->ndeaths; i++)
		if (now - p->deaths[i] < within)
			p->deaths[kept++] = p->deaths[i];
	p->ndeaths = kept;
	if (p->ndeaths >= p->conf->restart_max ||
	    p->ndeaths == PARENT_DEATHS_MAX) {
		log_warnx("more than %u restarts in %lld s: the daemon ends",
		    p->conf->restart_max,
		    (long long)p->conf->restart_within);
		return (0);
	}
	p->deaths[p->ndeaths++] = now;
	return (1);
}

/*
 * Sets the timer for the next set.  A set that died young makes the next one
 * wait longer: 1, 2, 4 ... 30 s.  One that was ended for a new configuration
 * does not wait.
 */
static void
set_again(struct parent *p)
{
	if (p->renew || clock_mono() - p->set_since >= SET_LIVED_MS) {
		p->renew = 0;
		p->backoff = 0;
		timer(p->ev_set, 0);
		return;
	}
	p->backoff = p->backoff == 0 ? 1 : p->backoff * 2;
	if (p->backoff > SET_BACKOFF_MAX)
		p->backoff = SET_BACKOFF_MAX;
	log_info("next start in %u s", p->backoff);
	timer(p->ev_set, (int64_t)p->backoff * 1000);
}

/* A process has ended; its last log lines are read first.  Unless it is one
 * that the others can do without, the whole set ends. */
static void
proc_died(struct parent *p, struct proc *pr, int status)
{
	pr->pid = 0;
	if (pr->chan != NULL) {
		/* Its last messages. */
		chan_drain(pr->chan);
		parent_log_end(pr);
		if (pr->chan != NULL)
			chan_free(pr->chan);
		pr->chan = NULL;
	}
	if (p->state == SET_STOPPING)
		return;
	if (roles[pr->role]->alone) {
		alone_died(p, pr, status);
		return;
	}
	if (WIFSIGNALED(status))
		log_warnx("%s died: signal %d (%s)", pr->name,
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_warnx("%s died: exit status %d%s", pr->name,
		    WEXITSTATUS(status), WEXITSTATUS(status) == SPAWN_FAILED ?
		    " (the program could not be started)" :
		    WEXITSTATUS(status) == CHILD_NO_MEMORY ?
		    " (it had no memory, not even to say so)" : "");
	if (!p->ever_ready) {
		log_warnx("start failed");
		parent_end(p, 1);
	} else if (parent_go_back(p))
		return;
	else if (!p->ending && !pr->hung && !restart_allowed(p))
		parent_end(p, 1);
	else
		set_end(p);
}

/* SIGCHLD: collects all that have ended.  Commands of lists
 * (parent/list/fetch.c) are children too. */
void
set_reaped(struct parent *p)
{
	unsigned int	i;
	pid_t		pid;
	int		status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		fetch_reaped(pid, status);
		for (i = 0; i < p->nprocs; i++)
			if (p->procs[i].pid == pid) {
				proc_died(p, &p->procs[i], status);
				break;
			}
	}
	if (p->state != SET_STOPPING)
		return;
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].pid > 0)
			return;
	p->state = SET_NONE;
	event_del(p->ev_set);
	if (p->ending)
		event_base_loopbreak(p->base);
	else
		set_again(p);
}
