/*
 * Processes that the others can do without (role_def.alone): the death of one
 * ends nothing else.  It is started again alone: at once when it had lived a
 * while, otherwise after 1, 2, 4 ... 30 s.  The same pause follows when it
 * says itself why it cannot work (MSG_LATER). It comes and goes with its part
 * of the configuration.
 *
 * The tracker needs one thing more: the machine's addresses, which its
 * sandbox does not let it read.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/parent.h"

#define ALONE_LIVED_MS	10000		/* one that lived longer is back at once */
#define ALONE_BACKOFF_MAX	30	/* s */
#define OURS_EVERY_MS	60000		/* between looks for other addresses */

/* Does the configuration ask for that role?  Only the tracker is alone so
 * far. */
int
alone_wanted(const struct parent *p, enum role role)
{
	return (role != ROLE_TRACK || p->conf->track != NULL);
}

/* Sends track the machine's addresses and the number of the interface that
 * it counts.  always: also when nothing changed since the last time. */
static void
send_ours(struct parent *p, struct proc *pr, int always)
{
	struct addr	 list[OS_ADDRS_MAX];
	struct ipc	*ipc;
	uint32_t	 ifindex;
	int		 n, i;

	p->ours_next = clock_mono() + OURS_EVERY_MS;
	if (pr->chan == NULL || p->conf->track == NULL)
		return;
	memset(list, 0, sizeof(list));
	if ((n = os_addrs(list, OS_ADDRS_MAX)) == -1) {
		log_warn("track: cannot read this machine's addresses");
		n = 0;
	}
	ifindex = os_ifindex(p->conf->track->interface);
	if (p->conf->track->interface != NULL && ifindex == 0 && always)
		log_warnx("track: interface %s does not exist; nothing is "
		    "counted until it does", p->conf->track->interface);
	if (!always && ifindex == p->ours_ifindex && n == p->nours &&
	    memcmp(list, p->ours, sizeof(list)) == 0)
		return;
	memcpy(p->ours, list, sizeof(list));
	p->nours = n;
	p->ours_ifindex = ifindex;
	ipc = chan_ipc(pr->chan);
	ipc_begin(ipc, MSG_TRACK_OURS, 0);
	ipc_put_u32(ipc, ifindex);
	for (i = 0; i < n; i++)
		ipc_put_addr(ipc, &list[i]);
	(void)chan_send(pr->chan, -1);
}

/* Called when a process has been sent its configuration. */
void
alone_configured(struct parent *p, struct proc *pr)
{
	if (pr->role == ROLE_TRACK)
		send_ours(p, pr, 1);
}

/* Starts the process again, in the place of one that ended. */
static void
alone_start(struct parent *p, struct proc *pr)
{
	pr->phase = PROC_STARTING;
	pr->beat_asked = pr->hung = 0;
	pr->since = clock_mono();
	pr->taken = p->reloads;
	if (set_proc_start(p, pr) == -1) {
		log_warnx("%s: cannot be started; trying again", pr->name);
		if (pr->pid > 0)
			kill(pr->pid, SIGKILL);
	}
	if (pr->pid == 0)
		alone_died(p, pr, 0);
}

/* Each second, while a set runs: starts what is due, and looks for changed
 * addresses each minute. */
static void
alone_tick(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	struct proc	*pr;
	int64_t		 now = clock_mono();

	(void)fd;
	(void)what;
	if (p->state != SET_RUNNING && p->state != SET_STARTING)
		return;
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++) {
		if (!roles[pr->role]->alone || !alone_wanted(p, pr->role))
			continue;
		if (pr->pid == 0 && now >= pr->again)
			alone_start(p, pr);
		else if (pr->role == ROLE_TRACK && now >= p->ours_next)
			send_ours(p, pr, 0);
	}
}

/* The set is being started, with these processes too. */
void
alone_begin(struct parent *p)
{
	struct proc	*pr;
	int		 any = 0;

	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		any |= roles[pr->role]->alone;
	if (!any || (p->ev_alone == NULL && (p->ev_alone = event_new(p->base,
	    -1, EV_PERSIST, alone_tick, p)) == NULL))
		return;
	event_add(p->ev_alone, &(struct timeval){ 1, 0 });
}

void
alone_end(struct parent *p)
{
	if (p->ev_alone != NULL)
		event_del(p->ev_alone);
}

/*
 * Its death ends nothing else, and no reload waits for it.  The pause before
 * the next start doubles with each death in the first ALONE_LIVED_MS, up to
 * ALONE_BACKOFF_MAX.
 */
void
alone_died(struct parent *p, struct proc *pr, int status)
{
	int64_t	now = clock_mono();

	if (WIFSIGNALED(status))
		log_warnx("%s died: signal %d (%s); it is started again",
		    pr->name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		log_warnx("%s died: exit status %d; it is started again",
		    pr->name, WEXITSTATUS(status));
	if (now - pr->since >= ALONE_LIVED_MS || pr->renew)
		pr->backoff = 0;
	else
		pr->backoff = pr->backoff == 0 ? 1 : pr->backoff * 2;
	if (pr->backoff > ALONE_BACKOFF_MAX)
		pr->backoff = ALONE_BACKOFF_MAX;
	pr->renew = 0;
	pr->again = now + (int64_t)pr->backoff * 1000;
	pr->taken = UINT32_MAX;		/* no reload waits for it */
	parent_settle(p);
}

/* A reload: starts those that the file asks for now, and ends those that it
 * no longer has. */
void
alone_reload(struct parent *p)
{
	struct proc	*pr;
	unsigned int	 r;

	for (r = ROLE_PARENT + 1; r < ROLE_MAX; r++) {
		if (!roles[r]->alone)
			continue;
		for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
			if (pr->role == r)
				break;
		if (pr < p->procs + p->nprocs) {
			/* The new configuration may let it work again. */
			pr->again = 0;
			pr->backoff = 0;
			pr->why[0] = '\0';
			if (alone_wanted(p, r) || pr->chan == NULL)
				continue;
			pr->taken = UINT32_MAX;
			(void)chan_send_empty(pr->chan, MSG_QUIT, 0);
		} else if (alone_wanted(p, r)) {
			set_add(p, r, 0);
			pr->taken = UINT32_MAX;
			alone_begin(p);
		}
	}
}

/*
 * MSG_LATER: the process says why it cannot work now and ends.  The reason is
 * logged once as long as it stays the same.  An empty reason means that it
 * only wants to start again, with its new configuration.
 */
void
alone_later(struct proc *pr, const char *why)
{
	if (why[0] == '\0')
		pr->renew = 1;
	else if (strcmp(pr->why, why) != 0)
		log_warnx("%s; trying again every %d s", why,
		    ALONE_BACKOFF_MAX);
	strlcpy(pr->why, why, sizeof(pr->why));
}

/* It works, perhaps after a time in which it did not. */
void
alone_ready(struct parent *p, struct proc *pr)
{
	(void)p;
	if (pr->why[0] != '\0')
		log_info("%s: it works now", pr->name);
	pr->why[0] = '\0';
}
