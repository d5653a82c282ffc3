/*
 * How often and how soon the processes are restarted after deaths.
 */
/* LINK: spamgreyd/parent */
#include "spamgreyd/parent/set.c"
#include "regress/lib/tap.h"

const char			 buildid[] = "test";
static const struct role_def	 def = { .name = "role" };
const struct role_def *const	 roles[ROLE_MAX] = {
	[ROLE_PARENT] = &def, [ROLE_FRONT] = &def, [ROLE_STORE] = &def,
	[ROLE_FW] = &def, [ROLE_PASS] = &def, [ROLE_TRACK] = &def
};
const int			 origdst_pf = 0;
const struct chan_rule		 parent_rules[] = { { 0, 0, NULL } };

static struct config	 conf;
static struct parent	 par;
static unsigned int	 ends;

/* The rest of the parent. */
void
parent_end(struct parent *p, int status)
{
	(void)p;
	(void)status;
	ends++;
}
void
parent_started(struct parent *p)
{
	(void)p;
}
int
parent_go_back(struct parent *p)
{
	(void)p;
	return (0);
}
int
parent_permits(const struct msg *m, void *arg)
{
	(void)m;
	(void)arg;
	return (1);
}
void
parent_reload_forget(struct parent *p)
{
	(void)p;
}
void
alone_begin(struct parent *p)
{
	(void)p;
}
void
alone_end(struct parent *p)
{
	(void)p;
}
void
alone_died(struct parent *p, struct proc *pr, int status)
{
	(void)p;
	(void)pr;
	(void)status;
}
void
alone_configured(struct parent *p, struct proc *pr)
{
	(void)p;
	(void)pr;
}
int
alone_wanted(const struct parent *p, enum role role)
{
	(void)p;
	(void)role;
	return (0);
}
int
open_pf(const struct parent *p, int flags)
{
	(void)p;
	(void)flags;
	return (-1);
}
int
open_spool(const struct parent *p)
{
	(void)p;
	return (-1);
}
int
config_send(struct chan *ch, const struct config *c, enum conf_send what)
{
	(void)ch;
	(void)c;
	(void)what;
	return (-1);
}
void
parent_reload_ready(struct parent *p)
{
	(void)p;
}
void
load_started(struct parent *p)
{
	(void)p;
}
void
fetch_reaped(pid_t pid, int status)
{
	(void)pid;
	(void)status;
}

static void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* A set that lived so long has ended: the seconds until the next one, by the
 * timer that is set, to its nearest. */
static int
pause_after(int64_t lived)
{
	struct timeval	at, now;

	par.set_since = clock_mono();
	clock_fake_advance(lived);
	set_again(&par);
	if (!event_pending(par.ev_set, EV_TIMEOUT, &at))
		return (-1);
	event_base_gettimeofday_cached(par.base, &now);
	event_del(par.ev_set);
	return ((int)(at.tv_sec - now.tv_sec +
	    (at.tv_usec - now.tv_usec + 500000) / 1000000));
}

static void
test_pause(void)
{
	static const int	pauses[] = { 1, 2, 4, 8, 16, 30, 30 };
	char			name[64];
	size_t			i;

	for (i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
		snprintf(name, sizeof(name), "the pause after %zu short lives",
		    i + 1);
		is_int(pause_after(9), pauses[i], name);
	}
	is_int(pause_after(10), 0, "none after one that lived");
	is_int(pause_after(1), 1, "and it begins again");
	par.renew = 1;
	is_int(pause_after(1), 0, "none for a new configuration");
	is_int(pause_after(1), 1, "which is one time");
}

/* One of the set dies; 1: the daemon goes on. */
static int
death(int hung)
{
	struct proc	*pr = &par.procs[0];

	par.nprocs = 1;
	par.state = SET_RUNNING;
	memset(pr, 0, sizeof(*pr));
	pr->parent = &par;
	pr->role = ROLE_FRONT;
	pr->hung = hung;
	ends = 0;
	proc_died(&par, pr, SIGKILL);
	event_del(par.ev_set);
	return (ends == 0);
}

static void
test_restart(void)
{
	unsigned int	i;
	int		all = 1;

	par.ever_ready = 1;
	conf.restart_max = 3;
	conf.restart_within = 60;
	for (i = 0; i < 3; i++)
		ok(death(0), "a restart that is allowed");
	ok(!death(0), "not one restart more than allowed");
	clock_fake_advance(59);
	ok(!death(0), "as long as they are within the time");
	clock_fake_advance(1);
	ok(death(0), "then there may be others");
	clock_fake_advance(60);
	for (i = 0; i < 50; i++)
		all &= death(1);
	ok(all, "a child that hung does not count for restart");
	ok(death(0) && death(0) && death(0) && !death(0),
	    "and leaves those that are allowed");
	conf.restart_max = 0;
	clock_fake_advance(600);
	ok(!death(0), "restart no");
}

int
main(void)
{
	log_init("parent");
	log_set_sink(quiet, NULL);
	clock_fake(1700000000, 5000000);
	par.conf = &conf;
	if ((par.base = event_base_new()) == NULL ||
	    (par.ev_set = evtimer_new(par.base, nothing, NULL)) == NULL ||
	    (par.ev_start = evtimer_new(par.base, nothing, NULL)) == NULL)
		return (1);
	test_pause();
	test_restart();
	event_free(par.ev_set);
	event_free(par.ev_start);
	event_base_free(par.base);
	return (done());
}
