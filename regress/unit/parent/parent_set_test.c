/*
 * How often and how soon the processes are restarted after deaths.
 */
/* LINK: spamgreyd/parent */
#include "spamgreyd/parent/set.c"
#include "regress/lib/tap.h"

const char			 buildid[] = "test";
static const struct role_def	 def = { .name = "role" };
/* front names store, and nobody names front. */
static const struct role_def	 def_front = { .name = "front",
				    .peers = 1U << ROLE_STORE };
static const struct role_def	 def_store = { .name = "store",
				    .peers = 1U << ROLE_PASS };
static const struct role_def	 def_pass = { .name = "pass",
				    .peers = 1U << ROLE_STORE };
const struct role_def *const	 roles[ROLE_MAX] = {
	[ROLE_PARENT] = &def, [ROLE_FRONT] = &def_front,
	[ROLE_STORE] = &def_store, [ROLE_FW] = &def, [ROLE_PASS] = &def_pass,
	[ROLE_TRACK] = &def
};
const int			 origdst_pf = 1;
const struct chan_rule		 parent_rules[] = { { 0, 0, NULL } };

static struct config	 conf;
static struct parent	 par;
static unsigned int	 ends;
static int		 pf_flags;

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
	pf_flags = flags;
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

/* A process with a channel that leads nowhere. */
static void
process(struct proc *pr, enum role role)
{
	int	fd[2];

	memset(pr, 0, sizeof(*pr));
	pr->parent = &par;
	pr->role = role;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (pr->chan = chan_new(par.base, fd[0], "role", parent_rules, pr,
	    proc_ended)) == NULL)
		abort();
	close(fd[1]);
}

/* 1: the parent connects the two. */
static int
wired(enum role a, enum role b)
{
	struct proc	pa, pb;
	int		both;

	process(&pa, a);
	process(&pb, b);
	is_int(proc_wire(&pa, &pb), 0, "two processes");
	both = (ipc_queued(chan_ipc(pa.chan)) > 0) +
	    (ipc_queued(chan_ipc(pb.chan)) > 0);
	chan_free(pa.chan);
	chan_free(pb.chan);
	return (both);
}

static void
test_wire(void)
{
	is_int(wired(ROLE_STORE, ROLE_PASS), 2, "that name each other");
	is_int(wired(ROLE_FRONT, ROLE_STORE), 0, "of which only one does");
	is_int(wired(ROLE_STORE, ROLE_FRONT), 0, "the other way round");
}

static void
test_pf(void)
{
	struct proc	pr;

	conf.fw = FW_PF;
	process(&pr, ROLE_FRONT);
	pf_flags = -1;
	(void)proc_equip(&par, &pr);
	is_int(pf_flags, O_RDONLY, "front may read /dev/pf");
	chan_free(pr.chan);
	process(&pr, ROLE_FW);
	(void)proc_equip(&par, &pr);
	is_int(pf_flags, O_RDWR, "fw may write it");
	chan_free(pr.chan);
}

/* A child that sent a malformed message is killed.  This one ends by itself
 * when nobody does that. */
static void
test_malformed(void)
{
	struct proc	pr;
	char		c;
	int		end[2], status = 0;

	process(&pr, ROLE_FRONT);
	if (pipe(end) == -1 || (pr.pid = fork()) == -1)
		abort();
	if (pr.pid == 0) {
		close(end[1]);
		_exit(read(end[0], &c, 1) == 0 ? 0 : 1);
	}
	close(end[0]);
	proc_ended(pr.chan, CHAN_BROKEN, &pr);
	close(end[1]);
	ok(waitpid(pr.pid, &status, 0) == pr.pid && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL && pr.chan == NULL,
	    "a child that sent a malformed message is killed");
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
	test_wire();
	test_pf();
	test_malformed();
	event_free(par.ev_set);
	event_free(par.ev_start);
	event_base_free(par.base);
	return (done());
}
