/*
 * What a process in Linux's sandbox cannot do to other processes, and still can
 * do to itself.  Each attempt runs in its own process.
 */
/* no valgrind */
/* LINK: spamgreyd/os/sandbox_seccomp.c */
/* LIBS: -lseccomp */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "spamgreyd/os/os.h"
#include "regress/lib/tap.h"

static pid_t	other;

#define KILLED	2

/*
 * 1: fn could do it in that role's sandbox; 0: ENOSYS; KILLED: the process was
 * killed for it; -1: something else.
 */
static int
can(enum role role, int (*fn)(void))
{
	pid_t		pid;
	int		status = 0, r;

	if ((pid = fork()) == -1)
		abort();
	if (pid == 0) {
		if (sandbox_enter(role, NULL) == -1)
			_exit(9);
		r = fn();
		_exit(r == 0 ? 1 : errno == ENOSYS ? 0 : 2);
	}
	if (waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return (KILLED);
	if (!WIFEXITED(status))
		return (-1);
	return (WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -1);
}

static int
signal_self(void)
{
	return ((int)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
}

static int
signal_other(void)
{
	return ((int)syscall(SYS_tgkill, other, other, 0));
}

static int
limit_self(void)
{
	struct rlimit	rl;

	return (getrlimit(RLIMIT_NOFILE, &rl));
}

static int
limit_other(void)
{
	struct rlimit	rl;

	return (prlimit(other, RLIMIT_NOFILE, NULL, &rl));
}

static int
map(int prot)
{
	return (mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	    MAP_FAILED ? -1 : 0);
}

static int
map_data(void)
{
	return (map(PROT_READ | PROT_WRITE));
}

static int
map_wx(void)
{
	return (map(PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int
map_exec(void)
{
	return (map(PROT_READ | PROT_EXEC));
}

static int
turn_exec(void)
{
	void	*p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(3);
	return (mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
socket_netfilter(void)
{
	return (socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER) == -1 ? -1 :
	    0);
}

static int
socket_route(void)
{
	return (socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) == -1 ? -1 : 0);
}

static int
socket_audit(void)
{
	return (socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT) == -1 ? -1 : 0);
}

static int
socket_inet(void)
{
	return (socket(AF_INET, SOCK_STREAM, 0) == -1 ? -1 : 0);
}

static int
socket_unix(void)
{
	return (socket(AF_UNIX, SOCK_STREAM, 0) == -1 ? -1 : 0);
}

static int
pair_unix(void)
{
	int	fd[2];

	return (socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
}

static void *
nothing(void *arg)
{
	return (arg);
}

static int
thread(void)
{
	pthread_t	t;

	if ((errno = pthread_create(&t, NULL, nothing, NULL)) != 0)
		return (-1);
	return (pthread_join(t, NULL) == 0 ? 0 : -1);
}

static int
process(void)
{
	pid_t	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL,
		    NULL);

	if (pid == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

static int
process3(void)
{
	uint64_t	args[11] = { [4] = SIGCHLD };
	pid_t		pid = (pid_t)syscall(SYS_clone3, args, 64);

	if (pid == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

/* A socket that the process was given: a listener, as its parent keeps it. */
static int	given;

static int
signal_owner(void)
{
	return (fcntl(given, F_SETOWN, other));
}

static int
end_given(void)
{
	return (shutdown(given, SHUT_RD));
}

static int
end_writing(void)
{
	return (shutdown(given, SHUT_WR));
}

static int
filter_given(void)
{
	int	one = 1;

	return (setsockopt(given, SOL_SOCKET, SO_LOCK_FILTER, &one,
	    sizeof(one)));
}

static int
connect_by_sendto(void)
{
	return (sendto(given, "x", 1, MSG_FASTOPEN, NULL, 0) == -1 &&
	    errno == ENOSYS ? -1 : 0);
}

static int
connect_by_sendmsg(void)
{
	struct msghdr	mh = { .msg_iovlen = 0 };

	return (sendmsg(given, &mh, MSG_FASTOPEN) == -1 && errno == ENOSYS ?
	    -1 : 0);
}

static int
pair_dgram(void)
{
	int	fd[2];

	return (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd));
}

static int
socket_mptcp(void)
{
	return (socket(AF_INET, SOCK_STREAM, 262) == -1 ? -1 : 0);
}

static int
device(void)
{
	return (ioctl(given, SIOCSIFFLAGS, NULL) == -1 && errno == ENOSYS ?
	    -1 : 0);
}

static void
test_given(void)
{
	static int	(*const never[])(void) = {
		signal_owner, end_given, filter_given, connect_by_sendto,
		connect_by_sendmsg, pair_dgram, socket_mptcp, device
	};
	static const char *const names[] = {
		"a socket's signals go to no other process",
		"a listening socket is not ended", "and gets no filter",
		"sendto does not connect", "sendmsg does not connect",
		"no pair of datagrams, which go to any address",
		"TCP is the only protocol of streams", "no ioctl"
	};
	size_t		i;
	enum role	r;
	int		could, ends = 1;

	if ((given = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    listen(given, 1) == -1)
		abort();
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		could = 0;
		for (r = ROLE_FRONT; r < ROLE_MAX; r++)
			could |= can(r, never[i]) != 0;
		ok(!could, names[i]);
	}
	for (r = ROLE_FRONT; r < ROLE_MAX; r++)
		ends &= can(r, end_writing) == 1;
	ok(ends, "connections are ended for writing");
}

static void
test_self(void)
{
	static const enum role	all[] = {
		ROLE_FRONT, ROLE_STORE, ROLE_FW, ROLE_PASS, ROLE_TRACK,
		ROLE_LIST
	};
	size_t			i;
	int			itself = 1, others = 0, data = 1, code = 0,
				forks = 0;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		itself &= can(all[i], signal_self) == 1 &&
		    can(all[i], limit_self) == 1;
		others |= can(all[i], signal_other) != 0 ||
		    can(all[i], limit_other) != 0;
		data &= can(all[i], map_data) == 1;
		code |= can(all[i], map_wx) != 0 ||
		    can(all[i], map_exec) != 0 || can(all[i], turn_exec) != 0;
		forks |= can(all[i], process) != 0 ||
		    can(all[i], process3) != 0;
	}
	ok(itself, "tgkill and prlimit64 for the process itself");
	ok(!others, "tgkill and prlimit64 for no other");
	ok(data, "memory for data");
	ok(!code, "no memory that can be executed");
	ok(!forks, "no role makes processes");
}

static int
run_program(void)
{
	return ((int)syscall(SYS_execve, "/nonexistent", NULL, NULL));
}

static int
trace_other(void)
{
	return ((int)syscall(SYS_ptrace, 16, other, NULL, NULL));
}

static int
become_root(void)
{
	return ((int)syscall(SYS_setresuid, 0, 0, 0));
}

static int
new_spaces(void)
{
	return ((int)syscall(SYS_unshare, 0));
}

static int
connect_given(void)
{
	struct sockaddr	sa = { .sa_family = AF_UNSPEC };

	return (connect(given, &sa, sizeof(sa)));
}

/* Whoever tries these has taken over the process. */
static void
test_deadly(void)
{
	static int	(*const deadly[])(void) = {
		run_program, trace_other, become_root, new_spaces
	};
	size_t		i;
	enum role	r;
	int		all = 1;

	for (i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
		for (r = ROLE_FRONT; r < ROLE_MAX; r++)
			all &= can(r, deadly[i]) == KILLED;
	ok(all, "an intruder's calls kill the process");
}

static void
test_connect(void)
{
	enum role	r;
	int		others = 0;

	for (r = ROLE_FRONT; r < ROLE_MAX; r++)
		if (r != ROLE_PASS)
			others |= can(r, connect_given) != 0;
	ok(!others, "no role but pass connects a socket");
	is_int(can(ROLE_PASS, connect_given), 1, "pass does");
}

static void
test_roles(void)
{
	is_int(can(ROLE_STORE, thread), 1, "store's clone makes threads");
	is_int(can(ROLE_FRONT, thread), 0, "nobody else has them");
	is_int(can(ROLE_FW, socket_netfilter), 1, "fw speaks to the firewall");
	ok(can(ROLE_FW, socket_route) == 0 && can(ROLE_FW, socket_audit) == 0,
	    "fw's netlink is of the netfilter protocol alone");
	is_int(can(ROLE_FW, socket_inet), 0, "and it has no network");
	is_int(can(ROLE_FRONT, pair_unix), 1, "front makes pairs");
	is_int(can(ROLE_FRONT, socket_inet), 0, "and no sockets");
	is_int(can(ROLE_PASS, socket_inet), 1, "pass connects");
	ok(can(ROLE_PASS, socket_unix) == 0 &&
	    can(ROLE_PASS, socket_netfilter) == 0, "to the internet alone");
	is_int(can(ROLE_STORE, socket_inet), 0, "store makes no sockets");
}

int
main(void)
{
	other = getpid();
	test_self();
	test_roles();
	test_given();
	test_connect();
	test_deadly();
	return (done());
}
