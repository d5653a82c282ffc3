/*
 * Linux: seccomp through libseccomp.  What a role needs is a list.  All other
 * calls answer ENOSYS, so that a newer C library falls back to an older call
 * instead of dying.  What only an intruder would try kills the process.
 *
 * To find a missing call: strace -f -p PID and look for ENOSYS.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <unistd.h>

#include "spamgreyd/os/os.h"

#define S(name)	SCMP_SYS(name)

static const int common[] = {
	S(read), S(write), S(readv), S(writev), S(close), S(fstat),
	S(newfstatat), S(lseek), S(recvmsg), S(recvfrom), S(getsockopt),
	S(getsockname), S(getpeername), S(poll), S(ppoll), S(epoll_wait),
	S(epoll_pwait),
	S(epoll_ctl), S(epoll_create1), S(brk), S(munmap),
	S(mremap), S(madvise), S(futex), S(getrandom),
	S(clock_gettime), S(gettimeofday), S(time), S(clock_nanosleep),
	S(nanosleep), S(sched_yield), S(rt_sigaction), S(rt_sigprocmask),
	S(rt_sigreturn), S(sigaltstack), S(getpid), S(gettid), S(getuid),
	S(geteuid), S(getgid), S(getegid), S(exit), S(exit_group),
	S(restart_syscall), S(rseq), S(set_robust_list),
	S(sysinfo), S(uname), S(dup), S(timerfd_create),
	S(timerfd_settime), S(eventfd2), S(pipe2), S(sched_getaffinity)
};

static const int front[] = {
	S(accept), S(accept4)
};

/* Berkeley DB in the state directory, its checkpoint thread, the control
 * socket's clients. */
static const int store[] = {
	S(accept), S(accept4), S(open), S(openat), S(stat), S(lstat),
	S(access), S(faccessat), S(faccessat2), S(unlink), S(unlinkat),
	S(rename), S(renameat), S(renameat2), S(mkdir), S(mkdirat),
	S(ftruncate), S(fallocate), S(fsync), S(fdatasync), S(pread64),
	S(pwrite64), S(preadv), S(pwritev), S(getdents64), S(chmod),
	S(fchmod), S(fchmodat), S(flock), S(statfs),
	S(fstatfs), S(getcwd), S(select), S(pselect6), S(statx), S(msync),
	S(fadvise64), S(umask)
};

/* libnftables over netlink. */
static const int fw[] = {
	S(bind), S(select), S(pselect6), S(getppid)
};

/* The mail server, name servers, and files of the spool. */
static const int pass[] = {
	S(accept), S(accept4), S(connect), S(bind), S(sendmmsg), S(open),
	S(openat), S(unlink), S(unlinkat), S(ftruncate), S(fallocate),
	S(pread64), S(pwrite64), S(preadv), S(pwritev), S(stat), S(statx)
};

/* The process that reads lists: descriptors that it was given. */
static const int list_job[] = {
	S(fsync), S(fdatasync), S(ftruncate), S(statx)
};

/* No role ever needs these: whoever tries one has taken over the process. */
static const int deadly[] = {
	S(execve), S(execveat), S(ptrace), S(process_vm_readv),
	S(process_vm_writev), S(mount), S(umount2), S(pivot_root), S(chroot),
	S(setuid), S(setgid), S(setresuid), S(setresgid), S(setns),
	S(unshare), S(init_module), S(finit_module), S(kexec_load), S(bpf),
	S(perf_event_open), S(keyctl), S(add_key), S(request_key)
};

/* libseccomp returns a negative errno.  0; -1 with errno. */
static int
rule_done(int r)
{
	if (r == 0)
		return (0);
	errno = -r;
	return (-1);
}

/* Adds one action for each call of a list.  0; -1 with errno. */
static int
rules_add(scmp_filter_ctx ctx, uint32_t action, const int *list, size_t n)
{
	size_t	i;
	int	r;

	for (i = 0; i < n; i++)
		if ((r = seccomp_rule_add(ctx, action, list[i], 0)) != 0)
			return (rule_done(r));
	return (0);
}

#define ADD(ctx, action, list) \
	rules_add(ctx, action, list, sizeof(list) / sizeof((list)[0]))

/* Allows a call when that argument has one of the values.  0; -1 with errno. */
static int
rules_arg(scmp_filter_ctx ctx, int call, unsigned int arg,
    const uint64_t *values, size_t n)
{
	size_t	i;
	int	r;

	for (i = 0; i < n; i++)
		if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
		    SCMP_CMP(arg, SCMP_CMP_EQ, values[i], 0))) != 0)
			return (rule_done(r));
	return (0);
}

#define ADD_ARG(ctx, call, arg, values) \
	rules_arg(ctx, call, arg, values, sizeof(values) / sizeof((values)[0]))

struct pair {
	uint64_t	a, b;
};

/* Allows setsockopt(2) for these pairs of level and option. */
static int
rules_options(scmp_filter_ctx ctx, const struct pair *o, size_t n)
{
	size_t	i;
	int	r;

	for (i = 0; i < n; i++)
		if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(setsockopt),
		    2, SCMP_A1(SCMP_CMP_EQ, o[i].a, 0),
		    SCMP_A2(SCMP_CMP_EQ, o[i].b, 0))) != 0)
			return (rule_done(r));
	return (0);
}

#define ADD_OPTIONS(ctx, list) \
	rules_options(ctx, list, sizeof(list) / sizeof((list)[0]))

/*
 * Descriptors.  No owner is set, which would get signals.  A socket is shut
 * down for writing only: otherwise a listening socket, which the parent has
 * too, would end and could then connect.  Sending does not connect.
 */
static int
rules_descriptors(scmp_filter_ctx ctx)
{
	static const uint64_t	commands[] = {
		F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC
	}, how[] = { SHUT_WR };
	int			r;

	if (ADD_ARG(ctx, S(fcntl), 1, commands) == -1 ||
	    ADD_ARG(ctx, S(shutdown), 1, how) == -1)
		return (-1);
	if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(sendto), 1,
	    SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0))) != 0)
		return (rule_done(r));
	return (rule_done(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(sendmsg), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0))));
}

/*
 * What every role may do to itself only, and memory that is never executable:
 * all code is mapped before the sandbox, and no library makes more.
 */
static int
rules_self(scmp_filter_ctx ctx)
{
	const uint64_t	self[] = { 0, (uint64_t)getpid() };
	size_t		i;
	int		r;

	for (i = 0; i < 2; i++)
		if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(prlimit64), 1,
		    SCMP_A0(SCMP_CMP_EQ, self[i], 0))) != 0)
			return (rule_done(r));
	if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(tgkill), 1,
	    SCMP_A0(SCMP_CMP_EQ, self[1], 0))) != 0 ||
	    (r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))) != 0)
		return (rule_done(r));
	return (rule_done(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(mprotect), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0))));
}

/* Threads, but no processes and no name spaces.  The flags of clone3 are in
 * memory, which a filter cannot see; the C library uses clone where clone3 does
 * not exist. */
static int
rules_threads(scmp_filter_ctx ctx)
{
	const uint64_t	thread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
	const uint64_t	spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
			    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
			    CLONE_NEWNET;

	return (rule_done(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, thread | spaces, thread))));
}

/* front makes a socketpair for a TLS session that it hands over.  An end of one
 * that is not a stream could send to any socket by its address. */
static int
rules_pair(scmp_filter_ctx ctx)
{
	return (rule_done(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(socketpair),
	    2, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0),
	    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM))));
}

/* Netlink of the firewall, and no other part of the kernel's. */
static int
rules_netfilter(scmp_filter_ctx ctx)
{
	static const struct pair	options[] = {
		{ SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_RCVBUFFORCE },
		{ SOL_SOCKET, SO_SNDBUF }, { SOL_SOCKET, SO_SNDBUFFORCE },
		{ SOL_SOCKET, SO_RCVTIMEO }, { SOL_NETLINK, NETLINK_EXT_ACK },
		{ SOL_NETLINK, NETLINK_ADD_MEMBERSHIP },
		{ SOL_NETLINK, NETLINK_DROP_MEMBERSHIP }
	};

	if (ADD_OPTIONS(ctx, options) == -1)
		return (-1);
	return (rule_done(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(socket), 2,
	    SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
	    SCMP_A2(SCMP_CMP_EQ, NETLINK_NETFILTER, 0))));
}

/* What front and pass set on connections.  Filters are not among it: one on a
 * listening socket would stay when the process has ended. */
static int
rules_clients(scmp_filter_ctx ctx)
{
	static const struct pair	options[] = {
		{ IPPROTO_TCP, TCP_NODELAY }
	};

	return (ADD_OPTIONS(ctx, options));
}

/* TCP and UDP sockets; no raw ones, and no other protocol. */
static int
rules_inet(scmp_filter_ctx ctx)
{
	static const uint64_t	families[] = { AF_INET, AF_INET6 };
	static const struct pair protocols[] = {
		{ SOCK_STREAM, 0 }, { SOCK_STREAM, IPPROTO_TCP },
		{ SOCK_DGRAM, 0 }, { SOCK_DGRAM, IPPROTO_UDP }
	}, options[] = {
		{ SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_SNDBUF }
	};
	size_t			i;
	int			r;

	for (i = 0; i < 8; i++)
		if ((r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, S(socket), 3,
		    SCMP_A0(SCMP_CMP_EQ, families[i / 4], 0),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, protocols[i % 4].a),
		    SCMP_A2(SCMP_CMP_EQ, protocols[i % 4].b, 0))) != 0)
			return (rule_done(r));
	return (ADD_OPTIONS(ctx, options));
}

/* Berkeley DB locks its files. */
static int
rules_locks(scmp_filter_ctx ctx)
{
	static const uint64_t	commands[] = { F_GETLK, F_SETLK, F_SETLKW };

	return (ADD_ARG(ctx, S(fcntl), 1, commands));
}

static int
rules_role(scmp_filter_ctx ctx, enum role role)
{
	switch (role) {
	case ROLE_FRONT:
		return (rules_pair(ctx) == -1 || rules_clients(ctx) == -1 ? -1 :
		    ADD(ctx, SCMP_ACT_ALLOW, front));
	case ROLE_STORE:
		return (rules_threads(ctx) == -1 ||
		    rules_locks(ctx) == -1 ? -1 :
		    ADD(ctx, SCMP_ACT_ALLOW, store));
	case ROLE_PASS:
		return (rules_inet(ctx) == -1 || rules_clients(ctx) == -1 ? -1 :
		    ADD(ctx, SCMP_ACT_ALLOW, pass));
	case ROLE_TRACK:
		return (0);	/* `common' is all that it needs */
	case ROLE_FW:
		return (rules_netfilter(ctx) == -1 ? -1 :
		    ADD(ctx, SCMP_ACT_ALLOW, fw));
	case ROLE_LIST:
		return (ADD(ctx, SCMP_ACT_ALLOW, list_job));
	default:
		errno = EINVAL;
		return (-1);
	}
}

int
sandbox_enter(enum role role, const struct config *conf)
{
	scmp_filter_ctx	ctx;
	int		r = -1;

	(void)conf;
	if ((ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS))) == NULL) {
		errno = ENOMEM;
		return (-1);
	}
	/* A call of another ABI ends the process, not one thread of it. */
	if (rule_done(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS)) == 0 &&
	    ADD(ctx, SCMP_ACT_ALLOW, common) == 0 &&
	    ADD(ctx, SCMP_ACT_KILL_PROCESS, deadly) == 0 &&
	    rules_descriptors(ctx) == 0 && rules_self(ctx) == 0 &&
	    rules_role(ctx, role) == 0)
		r = rule_done(seccomp_load(ctx));
	seccomp_release(ctx);
	return (r);
}

const char *
sandbox_name(void)
{
	return ("seccomp");
}
