/*
 * The heartbeat: a child that is stopped or hangs serves nobody, and nothing
 * else would show it.  Each tick of the parent asks each child, and kills it
 * when it has not answered for BEAT_MISSED ticks.  The ticks are counted, not
 * the time: a machine that was paused for an hour has had one tick, and so
 * has the child.
 *
 * No process is asked while the set starts.  A store that recovers its
 * database or waits for its disk is not killed: it serves again when that is
 * done.
 */
#include <sys/types.h>

#include <signal.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/parent/parent.h"

/* Only a process that is ready and not busy with one long task owes an
 * answer. */
static int
is_asked(const struct parent *p, const struct proc *pr)
{
	return (p->state == SET_RUNNING && pr->phase == PROC_READY &&
	    pr->chan != NULL && pr->pid > 0 && !pr->busy && !pr->hung);
}

/*
 * One tick for one process: asks, waits, or kills.  A store that waits for
 * its disk is left alone, since killing it cures nothing and costs a
 * recovery.
 */
static void
beat(struct parent *p, struct proc *pr)
{
	if (!is_asked(p, pr)) {
		pr->beat_asked = 0;
		return;
	}
	if (!pr->beat_asked) {
		pr->beat_asked = 1;
		pr->beat_silent = 0;
		(void)chan_send_empty(pr->chan, MSG_PING, 0);
		return;
	}
	if (++pr->beat_silent < BEAT_MISSED)
		return;
	if (pr->role == ROLE_STORE && os_waits_for_disk(pr->pid)) {
		if (pr->beat_silent == BEAT_MISSED)
			log_warnx("%s has not answered for %d s; it waits for "
			    "its disk", pr->name, BEAT_EVERY * BEAT_MISSED);
		return;
	}
	log_warnx("%s has not answered for %u s; it is killed", pr->name,
	    BEAT_EVERY * pr->beat_silent);
	pr->hung = 1;
	kill(pr->pid, SIGKILL);
}

void
parent_beat(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	struct proc	*pr;

	(void)fd;
	(void)what;
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++) {
		parent_log_settle(pr);
		beat(p, pr);
	}
}
