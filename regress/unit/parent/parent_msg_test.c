/*
 * Which messages the parent accepts from its children, and how long it waits
 * for them. The test plays a child at the other end of a socketpair, in each
 * role and phase.
 */
/* LINK: spamgreyd/parent */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/proto/front_store.h"
#include "spamgreyd/parent/list/lists.h"
#include "regress/lib/tap.h"

const char		 buildid[] = "test";
static const struct role_def	def = { .name = "role" };
static const struct role_def	def_alone = { .name = "track", .alone = 1 };
const struct role_def *const	roles[ROLE_MAX] = {
	[ROLE_PARENT] = &def, [ROLE_FRONT] = &def, [ROLE_STORE] = &def,
	[ROLE_FW] = &def, [ROLE_PASS] = &def, [ROLE_TRACK] = &def_alone
};

static struct parent	 par;
static struct proc	*pr = &par.procs[0];
static struct chan	*child;
static char		 lines[4096];		/* the last lines of the log */
static unsigned int	 nlines, broken, daemon_ends, asked, sockets, later,
			 taken, started;

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	nlines++;
	if (strlen(lines) + strlen(line) + 2 > sizeof(lines))
		lines[0] = '\0';
	strlcat(lines, line, sizeof(lines));
	strlcat(lines, "\n", sizeof(lines));
}

/* The rest of the parent. */
void
parent_end(struct parent *p, int status)
{
	(void)p;
	daemon_ends += status == 1;
}
int
parent_go_back(struct parent *p)
{
	(void)p;
	return (0);
}
void
parent_reload(struct parent *p, int by, uint64_t id, const char *ticket)
{
	(void)p;
	(void)by;
	(void)id;
	(void)ticket;
	asked++;
}
void
load_request(struct parent *p, const char *name, int by, uint64_t id)
{
	(void)name;
	parent_reload(p, by, id, "");
}
void
parent_answer(struct chan *ch, uint64_t id, unsigned int status, int more,
    const char *text)
{
	(void)ch;
	(void)id;
	(void)status;
	(void)more;
	(void)text;
}
void
outcome_answer(struct parent *p, struct chan *ch, uint64_t id,
    const char *ticket)
{
	(void)p;
	(void)ch;
	(void)id;
	(void)ticket;
}
void
parent_taken(struct proc *p)
{
	(void)p;
	taken++;
}
void
set_front_start(struct parent *p)
{
	(void)p;
	started++;
}
void
alone_ready(struct parent *p, struct proc *q)
{
	(void)p;
	(void)q;
}
void
alone_later(struct proc *q, const char *why)
{
	(void)q;
	(void)why;
	later++;
}
static int	disk;
int
os_waits_for_disk(pid_t pid)
{
	(void)pid;
	return (disk);
}
int
open_transparent(const struct parent *p, unsigned int relay,
    unsigned int target, const struct addr *a, uint16_t port)
{
	(void)p;
	(void)relay;
	(void)target;
	(void)a;
	(void)port;
	sockets++;
	return (-1);
}
int
open_scanner(const struct parent *p, const char *module, unsigned int server)
{
	(void)p;
	(void)module;
	(void)server;
	sockets++;
	return (-1);
}

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)arg;
	broken = how == CHAN_BROKEN;
	pr->chan = NULL;
	chan_free(ch);
}

static void
child_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)how;
	(void)arg;
	child = NULL;
	chan_free(ch);
}

static unsigned int	pings, pongs;	/* pongs: it answers as yet */

static void
answer_ping(struct chan *ch, struct msg *m, void *arg)
{
	(void)m;
	(void)arg;
	pings++;
	if (pongs)
		(void)chan_send_empty(ch, MSG_PONG, 0);
}

static void
socket_answer(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	(void)msg_get_u32(m);
}

static void
turn(void)
{
	unsigned int	i;

	for (i = 0; i < 20; i++)
		event_base_loop(par.base, EVLOOP_NONBLOCK);
}

/* A process of that role, in that phase. */
static void
begin(enum role role, enum proc_phase phase)
{
	static const struct chan_rule	any[] = {
		{ MSG_SOCK, 0, socket_answer }, { MSG_CONN, 0, socket_answer },
		{ MSG_PING, 0, answer_ping },
		{ 0, 0, NULL }
	};
	int	fd[2];

	chan_free(child);
	if (pr->chan != NULL)
		chan_free(pr->chan);
	turn();
	memset(pr, 0, sizeof(*pr));
	pr->parent = &par;
	pr->role = role;
	pr->phase = phase;
	snprintf(pr->name, sizeof(pr->name), "front 1");
	par.nprocs = 1;
	par.state = SET_RUNNING;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (pr->chan = chan_new(par.base, fd[0], pr->name, parent_rules, pr,
	    ended)) == NULL || (child = chan_new(par.base, fd[1], "parent",
	    any, NULL, child_ended)) == NULL)
		abort();
	chan_on_frame(pr->chan, parent_permits);
	lines[0] = '\0';
	nlines = broken = daemon_ends = asked = sockets = later = taken =
	    started = 0;
}

static void
say(uint16_t type)
{
	struct ipc	*ipc = chan_ipc(child);
	struct addr	 a;

	memset(&a, 0, sizeof(a));
	ipc_begin(ipc, type, 7);
	switch (type) {
	case MSG_READY:
		ipc_put_str(ipc, buildid);
		break;
	case MSG_LOG:
		ipc_put_u8(ipc, LOG_INFO);
		ipc_put_str(ipc, "a line");
		break;
	case MSG_FATAL:
	case MSG_LATER:
		ipc_put_str(ipc, "why");
		break;
	case CTL_ASK:
		ipc_put_u16(ipc, CTL_RELOAD);
		ipc_put_u8(ipc, 0);
		ipc_put_str(ipc, "");
		break;
	case MSG_SOCK_ASK:
		ipc_put_u16(ipc, 0);
		ipc_put_u16(ipc, 0);
		ipc_put_addr(ipc, &a);
		ipc_put_u16(ipc, 25);
		break;
	case MSG_CONN_ASK:
		ipc_put_str(ipc, "clamav");
		ipc_put_u16(ipc, 0);
		break;
	case MSG_BUSY:
		ipc_put_u8(ipc, 1);
		break;
	default:
		break;
	}
	(void)chan_send(child, -1);
}

/* Says it once, as such a process; 1: it was taken. */
static int
may(enum role role, enum proc_phase phase, uint16_t type)
{
	begin(role, phase);
	say(type);
	turn();
	return (!broken);
}

/* The roles that may, as letters. */
static const char *
who_may(enum proc_phase phase, uint16_t type)
{
	static const char	letter[ROLE_MAX + 1] = "-fswpt";
	static char		who[ROLE_MAX + 1];
	unsigned int		r, n = 0;

	for (r = ROLE_FRONT; r < ROLE_MAX; r++)
		if (may((enum role)r, phase, type))
			who[n++] = letter[r];
	who[n] = '\0';
	return (who);
}

static void
test_table(void)
{
	static const struct {
		uint16_t	 type;
		const char	*name, *starting, *ready, *leaving;
	} all[] = {
		{ MSG_READY, "READY", "fswpt", "", "" },
		{ MSG_CONF_DONE, "CONF_DONE", "", "fswpt", "" },
		{ MSG_LOG, "LOG", "fswpt", "fswpt", "fswpt" },
		{ MSG_FATAL, "FATAL", "fswpt", "fswpt", "" },
		{ MSG_FW_READY, "FW_READY", "w", "w", "" },
		{ CTL_ASK, "CTL_ASK", "", "s", "" },
		{ MSG_SOCK_ASK, "SOCK_ASK", "", "p", "" },
		{ MSG_CONN_ASK, "CONN_ASK", "", "p", "" },
		{ MSG_PONG, "PONG", "", "fswpt", "fswpt" },
		{ MSG_BUSY, "BUSY", "", "s", "" },
		{ MSG_LATER, "LATER", "t", "t", "" },
		{ MSG_START, "START", "", "", "" },
		{ MSG_RCPT, "RCPT", "", "", "" },
		{ 9999, "no message", "", "", "" }
	};
	char	name[64];
	size_t	i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(name, sizeof(name), "%s: before READY",
		    all[i].name);
		is_str(who_may(PROC_STARTING, all[i].type), all[i].starting,
		    name);
		snprintf(name, sizeof(name), "%s: while it works",
		    all[i].name);
		is_str(who_may(PROC_READY, all[i].type), all[i].ready, name);
		snprintf(name, sizeof(name), "%s: once it says that it ends",
		    all[i].name);
		is_str(who_may(PROC_LEAVING, all[i].type), all[i].leaving,
		    name);
	}
}

/* A process of another build is not taken for one of ours. */
static void
test_build(void)
{
	begin(ROLE_FRONT, PROC_STARTING);
	ipc_begin(chan_ipc(child), MSG_READY, 0);
	ipc_put_str(chan_ipc(child), "another");
	(void)chan_send(child, -1);
	turn();
	is_int(daemon_ends, 1, "a child of another build ends the daemon");
	ok(pr->phase == PROC_STARTING && strstr(lines, "another build") != NULL,
	    "and is never ready");
}

static void
test_refused(void)
{
	may(ROLE_FRONT, PROC_READY, CTL_ASK);
	is_int(asked, 0, "a front reloads nothing");
	ok(strstr(lines, "front 1: sent CTL_ASK, which it may not send") !=
	    NULL, "logged with the process and the message's name");
	may(ROLE_STORE, PROC_READY, CTL_ASK);
	is_int(asked, 1, "store may ask for it");
	may(ROLE_STORE, PROC_READY, MSG_SOCK_ASK);
	is_int(sockets, 0, "and gets no sockets");
	may(ROLE_PASS, PROC_STARTING, MSG_SOCK_ASK);
	ok(sockets == 0 && strstr(lines, "sent SOCK_ASK before it was ready")
	    != NULL, "nor does a pass that is not ready");
	may(ROLE_PASS, PROC_READY, MSG_SOCK_ASK);
	is_int(sockets, 1, "one that is, does");
	begin(ROLE_FRONT, PROC_STARTING);
	say(MSG_READY);
	say(MSG_READY);
	turn();
	ok(broken && strstr(lines, "front 1: sent READY again") != NULL,
	    "READY is said once");
	begin(ROLE_TRACK, PROC_READY);
	say(MSG_LATER);
	say(MSG_LATER);
	turn();
	ok(broken && later == 1, "why it ends is said once, too");
}

/* pass asks for so many sockets in one turn, and takes none. */
static unsigned int
given(uint16_t type, unsigned int n)
{
	begin(ROLE_PASS, PROC_READY);
	while (n-- > 0)
		say(type);
	chan_pause(child);
	turn();
	return (sockets);
}

static void
test_sockets(void)
{
	static const uint16_t	types[] = { MSG_SOCK_ASK, MSG_CONN_ASK };
	size_t			i;
	unsigned int		some;

	for (i = 0; i < 2; i++) {
		is_int(given(types[i], 500), 500, "sockets for a busy pass");
		some = given(types[i], 30000);
		ok(some >= 500 && some < 5000,
		    "one that takes none gets no more");
	}
}

/* What no table has, of any role in any phase, with or without a body. */
static void
test_unknown(void)
{
	static const uint16_t	known[] = {
		MSG_READY, MSG_CONF_DONE, MSG_LOG, MSG_FATAL, MSG_FW_READY,
		CTL_ASK, MSG_SOCK_ASK, MSG_CONN_ASK, MSG_PONG, MSG_BUSY,
		MSG_LATER
	};
	unsigned int	type, r, taken_any = 0, did = 0;
	size_t		i;

	for (type = 0; type < 700; type++) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (known[i] == type)
				break;
		if (i < sizeof(known) / sizeof(known[0]))
			continue;
		for (r = ROLE_FRONT; r < ROLE_MAX; r++) {
			begin((enum role)r, (enum proc_phase)(type % 3));
			ipc_begin(chan_ipc(child), (uint16_t)type, 0);
			if (type % 2)
				ipc_put_str(chan_ipc(child), "x");
			(void)chan_send(child, -1);
			turn();
			taken_any += !broken;
			did += daemon_ends + asked + sockets + later + taken +
			    started;
		}
	}
	is_int(taken_any, 0, "any other type ends the channel of any role");
	is_int(did, 0, "and does nothing");
}

/* A process that can be killed. */
static pid_t
sleeper(void)
{
	pid_t	pid;

	if ((pid = fork()) == -1)
		abort();
	if (pid == 0)
		for (;;)
			pause();
	return (pid);
}

static void
test_fatal(void)
{
	int	status = 0;

	may(ROLE_FRONT, PROC_STARTING, MSG_FATAL);
	is_int(daemon_ends, 1, "fatal before READY ends the daemon");
	begin(ROLE_FRONT, PROC_STARTING);
	par.state = SET_STOPPING;
	say(MSG_FATAL);
	turn();
	ok(daemon_ends == 0 && strstr(lines, "why\n") != NULL,
	    "of a set that is ending already it is logged and ends no more");
	begin(ROLE_FRONT, PROC_READY);
	pr->pid = sleeper();
	say(MSG_FATAL);
	turn();
	is_int(daemon_ends, 0, "fatal after READY does not end the daemon");
	ok(strstr(lines, "why\n") != NULL, "it is logged");
	ok(waitpid(pr->pid, &status, 0) == pr->pid && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL, "and the process is ended");
	may(ROLE_TRACK, PROC_STARTING, MSG_FATAL);
	is_int(daemon_ends, 0, "of a role that nobody needs it never does");
}

static void
flood(unsigned int n)
{
	while (n-- > 0) {
		say(MSG_LOG);
		if (n % 1000 == 0)
			turn();
	}
	turn();
}

static void
test_log(void)
{
	begin(ROLE_FW, PROC_READY);
	flood(1000);
	is_int(nlines, 1000, "a thousand lines in a second are taken");
	flood(45000);
	is_int(nlines, 1000, "and no more");
	clock_fake_advance(1);
	flood(1001);
	is_int(nlines, 2000, "in the next second as many");
	ok(strstr(lines, "dropped") == NULL, "nothing is said in a flood");
	clock_fake_advance(1);
	parent_log_settle(pr);
	is_int(nlines, 2000, "nor before a second without");
	clock_fake_advance(1);
	parent_log_settle(pr);
	ok(nlines == 2001 && strstr(lines, "front 1: 45001 log lines dropped: "
	    "more than 1000 in a second") != NULL,
	    "what was dropped is counted, and said once");
	clock_fake_advance(1);
	parent_log_settle(pr);
	is_int(nlines, 2001, "once");
	flood(1);
	is_int(nlines, 2002, "a line after that is as any other");
	begin(ROLE_FRONT, PROC_READY);
	flood(45000);
	is_int(nlines, 10000, "a front has a line for each session");
}

static void
ticks(unsigned int n)
{
	while (n-- > 0) {
		parent_beat(-1, 0, &par);
		turn();
	}
}

static int
is_killed(void)
{
	return (pr->hung);
}

static void
test_beat(void)
{
	int	status = 0;

	begin(ROLE_FRONT, PROC_READY);
	pr->pid = sleeper();
	pings = 0;
	pongs = 1;
	ticks(50);
	is_int(pings, 50, "each tick asks a child that answers");
	ok(!is_killed(), "and leaves it alone");
	pongs = 0;
	clock_fake_advance(86400);
	ticks(1);
	ok(!is_killed(), "a machine that was paused has had one tick");
	ticks(BEAT_MISSED - 1);
	ok(!is_killed(), "until the last tick it may answer");
	ticks(1);
	ok(is_killed() && strstr(lines, "front 1 has not answered for 120 s; it "
	    "is killed") != NULL, "a child that hangs is killed, and that is said");
	ok(waitpid(pr->pid, &status, 0) == pr->pid && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL, "with the signal that nothing stops");
	is_int(pings, 51, "a question without an answer is not repeated");

	begin(ROLE_FRONT, PROC_STARTING);
	pings = 0;
	ticks(50);
	ok(pings == 0 && !is_killed(), "nobody is asked before its READY");
	begin(ROLE_FRONT, PROC_READY);
	par.state = SET_STARTING;
	ticks(50);
	ok(pings == 0 && !is_killed(), "nor while the set starts");

	begin(ROLE_STORE, PROC_READY);
	pr->pid = sleeper();
	say(MSG_BUSY);
	turn();
	ticks(50);
	ok(pings == 0 && !is_killed(), "nor a store that recovers");
	pr->busy = 0;
	disk = 1;
	ticks(50);
	ok(pings == 1 && !is_killed(), "one that waits for its disk is not dead");
	ok(strstr(lines, "it waits for its disk") != NULL, "which is said");
	disk = 0;
	ticks(1);
	ok(is_killed(), "but one that then hangs is");
	(void)waitpid(pr->pid, &status, 0);
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init("parent");
	log_set_sink(sink, NULL);
	clock_fake(1700000000, 1000000);
	if ((par.base = event_base_new()) == NULL)
		return (1);
	test_table();
	test_build();
	test_refused();
	test_sockets();
	test_unknown();
	test_fatal();
	test_log();
	test_beat();
	chan_free(child);
	chan_free(pr->chan);
	event_base_free(par.base);
	return (done());
}
