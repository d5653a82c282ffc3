/*
 * Processes that nobody needs (role_def.alone): their death is their own.  One
 * is started again without the rest, at once when it had lived a while, else
 * after 1, 2, 4 … 30 s; when it says itself why it cannot work (MSG_LATER), in
 * such a time too.  It comes and goes with its part of the configuration.
 *
 * For the tracker there is one thing more: the machine's addresses, which it
 * may not ask for itself.
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

#define ALONE_LIVED_MS	10000		/* who lived longer is back at once */
#define ALONE_BACKOFF_MAX	30	/* s */
#define OURS_EVERY_MS	60000		/* looks for other addresses */

int
alone_wanted(const struct parent *p, enum role role)
{
	return (role != ROLE_TRACK || p->conf->track != NULL);
}

/* The addresses, and the number of the one interface that counts. */
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

/* After it got its configuration. */
void
alone_configured(struct parent *p, struct proc *pr)
{
	if (pr->role == ROLE_TRACK)
		send_ours(p, pr, 1);
}

static void
start(struct parent *p, struct proc *pr)
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

static void
tick(evutil_socket_t fd, short what, void *arg)
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
			start(p, pr);
		else if (pr->role == ROLE_TRACK && now >= p->ours_next)
			send_ours(p, pr, 0);
	}
}

/* The set is being started: all of it, with these too. */
void
alone_begin(struct parent *p)
{
	struct proc	*pr;
	int		 any = 0;

	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		any |= roles[pr->role]->alone;
	if (!any || (p->ev_alone == NULL && (p->ev_alone = event_new(p->base,
	    -1, EV_PERSIST, tick, p)) == NULL))
		return;
	event_add(p->ev_alone, &(struct timeval){ 1, 0 });
}

void
alone_end(struct parent *p)
{
	if (p->ev_alone != NULL)
		event_del(p->ev_alone);
}

/* Nobody waits for what it would have taken. */
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
	if (now - pr->since >= ALONE_LIVED_MS || pr->anew)
		pr->backoff = 0;
	else
		pr->backoff = pr->backoff == 0 ? 1 : pr->backoff * 2;
	if (pr->backoff > ALONE_BACKOFF_MAX)
		pr->backoff = ALONE_BACKOFF_MAX;
	pr->anew = 0;
	pr->again = now + (int64_t)pr->backoff * 1000;
	pr->taken = UINT32_MAX;
	parent_settle(p);
}

/* A reload: new ones begin, and who is not in the file any more ends. */
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
			/* the file may have cured what kept it from working */
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

/* MSG_LATER: why it ends, said once as long as it stays the same; no reason:
 * it wants to begin anew. */
void
alone_later(struct proc *pr, const char *why)
{
	if (why[0] == '\0')
		pr->anew = 1;
	else if (strcmp(pr->why, why) != 0)
		log_warnx("%s; trying again every %d s", why,
		    ALONE_BACKOFF_MAX);
	strlcpy(pr->why, why, sizeof(pr->why));
}

void
alone_ready(struct parent *p, struct proc *pr)
{
	(void)p;
	if (pr->why[0] != '\0')
		log_info("%s: it works now", pr->name);
	pr->why[0] = '\0';
}
