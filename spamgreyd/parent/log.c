/*
 * The log lines of children.  A process that was taken over, or that loops,
 * must not fill the disk or take all of the parent's time: each role has a
 * rate that is more than its work can need.  Lines beyond it are counted and
 * dropped.
 */
#include <sys/types.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/parent/parent.h"

/* Lines a second: a line a session or message, or more, with -v, for those who
 * meet the clients; for the others what happens to the machine. */
static const unsigned int rates[ROLE_MAX] = {
	[ROLE_FRONT] = 10000, [ROLE_PASS] = 10000, [ROLE_STORE] = 10000,
	[ROLE_FW] = 1000, [ROLE_TRACK] = 1000
};

/* Says how many lines were dropped, and begins to count again. */
static void
say_lost(struct proc *pr)
{
	if (pr->log_lost == 0)
		return;
	log_warnx("%s: %lu log lines dropped: more than %u in a second",
	    pr->name, pr->log_lost, rates[pr->role]);
	pr->log_lost = 0;
}

/* 1: this second's lines are used up.  A flood that is over is reported
 * when the next second begins. */
static int
is_over(struct proc *pr)
{
	int64_t	now = clock_mono();

	if (now - pr->log_since >= 1000) {
		if (!pr->log_flood)
			say_lost(pr);
		pr->log_since = now;
		pr->log_lines = 0;
		pr->log_flood = 0;
	}
	return (pr->log_lines >= rates[pr->role]);
}

/* A line of a child goes to the log, or is dropped and counted. */
void
parent_log(struct proc *pr, int priority, const char *line)
{
	if (is_over(pr)) {
		pr->log_lost++;
		pr->log_flood = 1;
		return;
	}
	pr->log_lines++;
	pr->parent->hold = 1;
	log_line(priority, line);
	pr->parent->hold = 0;
}

/* Called at each tick, so that the end of a flood is reported although no
 * further line comes. */
void
parent_log_settle(struct proc *pr)
{
	(void)is_over(pr);
}

/* The process has died: what it lost is reported now. */
void
parent_log_end(struct proc *pr)
{
	say_lost(pr);
}
