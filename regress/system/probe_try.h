/*
 * What a process that was taken over would try (probe.c).  Each attempt has the
 * word of spamgreyd(8)'s table of processes that grants it, or "-".
 */
#ifndef PROBE_TRY_H
#define PROBE_TRY_H

#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct attempt {
	const char	*name;
	const char	*right;
	int		(*fn)(void);	/* >= 0: it could; -1 with errno: it is
					   refused; errno 0: there is nothing
					   to try it on */
	/* Without fn: a system call.  Any answer but ENOSYS shows that the
	 * sandbox let it through to the kernel. */
	long		 nr, arg[4];
};

#define FDS	256		/* descriptors that are looked at */

static pid_t	role_pid;	/* the role itself: the same user */
static pid_t	daemon_pid;	/* its parent */

/* The first descriptor for which test returns 1; -1 and errno 0: none. */
static int
find_fd(int (*test)(int))
{
	int	fd;

	for (fd = 0; fd < FDS; fd++)
		if (test(fd) == 1) {
			errno = 0;
			return (fd);
		}
	errno = 0;
	return (-1);
}

static int
is_type(int fd, mode_t type)
{
	struct stat	st;

	return (fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type);
}

static int
is_dir(int fd)
{
	return (is_type(fd, S_IFDIR));
}

static int
is_any(int fd)
{
	return (fcntl(fd, F_GETFD) != -1);
}

static int
socket_opt(int fd, int opt)
{
	int		value = 0;
	socklen_t	len = sizeof(value);

	return (getsockopt(fd, SOL_SOCKET, opt, &value, &len) == -1 ? -1 :
	    value);
}

static int
is_socket(int fd)
{
	return (socket_opt(fd, SO_TYPE) > 0);
}

static int
is_listener(int fd)
{
	return (socket_opt(fd, SO_ACCEPTCONN) == 1);
}

static int
is_tcp_listener(int fd)
{
	return (is_listener(fd) && socket_opt(fd, SO_DOMAIN) == AF_INET);
}

static int
is_netlink(int fd)
{
	return (socket_opt(fd, SO_DOMAIN) == AF_NETLINK);
}

/* A TCP address on this machine where nobody listens: being refused by the
 * peer shows that the call was allowed. */
static struct sockaddr_in
nobody_there(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET,
				    .sin_port = htons(9) };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (sin);
}

static int
reached(int r)
{
	return (r == -1 && (errno == ECONNREFUSED || errno == EINPROGRESS) ?
	    0 : r);
}

/* An address in the abstract name space, which no root directory hides. */
static socklen_t
abstract(struct sockaddr_un *sun)
{
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, "\0probe", 6);
	return ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + 6));
}

/* -- files -- */

static int open_passwd(void) { return (open("/etc/passwd", O_RDONLY)); }
static int open_conf(void) { return (open(getenv("PROBE_CONF"), O_RDONLY)); }
static int open_key(void) { return (open(getenv("PROBE_KEY"), O_RDONLY)); }
static int open_db(void) { return (open(getenv("PROBE_DB"), O_RDONLY)); }
static int open_proc(void) { return (open("/proc/self/mem", O_RDWR)); }
static int open_mem(void) { return (open("/dev/mem", O_RDWR)); }
static int open_pf_dev(void) { return (open("/dev/pf", O_RDWR)); }
static int make_file(void) { return (open("probe", O_CREAT | O_RDWR, 0600)); }
static int stat_passwd(void) { struct stat st;
	return (stat("/etc/passwd", &st)); }
static int remove_file(void) { return (unlink("probe")); }

/* Uses its own file: another attempt may not have made one. */
static int
rename_file(void)
{
	int	r = rename("probe", "probe2");

	if (r == -1 && errno == ENOENT)
		return (0);		/* allowed; the file is not there */
	if (r == 0)
		(void)rename("probe2", "probe");
	return (r);
}

static int
make_dir(void)
{
	int	r = mkdir("probedir", 0700);

	if (r == 0)
		(void)unlinkat(AT_FDCWD, "probedir", AT_REMOVEDIR);
	return (r);
}

static int
from_directory(void)
{
	int	fd = find_fd(is_dir);

	return (fd == -1 ? -1 : openat(fd, "../../../../../../etc/passwd",
	    O_RDONLY));
}

static int
leave_root(void)
{
	int	fd = find_fd(is_dir);

	return (fd == -1 ? fchdir(0) : fchdir(fd));
}

/* -- the network -- */

static int
connect_tcp(void)
{
	struct sockaddr_in	sin = nobody_there();
	int			s = socket(AF_INET, SOCK_STREAM, 0);

	return (s == -1 ? -1 : reached(connect(s, (struct sockaddr *)&sin,
	    sizeof(sin))));
}

static int
send_udp(void)
{
	struct sockaddr_in	sin = nobody_there();
	int			s = socket(AF_INET, SOCK_DGRAM, 0);

	return (s == -1 ? -1 : (int)sendto(s, "x", 1, 0,
	    (struct sockaddr *)&sin, sizeof(sin)));
}

/* A socket that is connected by sending. */
static int
fast_open(int s)
{
	struct sockaddr_in	sin = nobody_there();

	return (reached((int)sendto(s, "x", 1, MSG_FASTOPEN | MSG_DONTWAIT,
	    (struct sockaddr *)&sin, sizeof(sin))));
}

/* A listening socket that is shut down is a socket like any other. */
static int
connect_listener(void)
{
	int	s = find_fd(is_tcp_listener);

	if (s == -1)
		return (-1);
	s = dup(s);
	(void)shutdown(s, SHUT_RDWR);
	return (fast_open(s));
}

static int
connect_sendmsg(void)
{
	struct sockaddr_in	sin = nobody_there();
	struct iovec		iov = { "x", 1 };
	struct msghdr		mh = { .msg_name = &sin,
				    .msg_namelen = sizeof(sin),
				    .msg_iov = &iov, .msg_iovlen = 1 };
	int			s = find_fd(is_tcp_listener);

	if (s == -1)
		return (-1);
	(void)shutdown(s, SHUT_RDWR);
	return (reached((int)sendmsg(s, &mh, MSG_FASTOPEN | MSG_DONTWAIT)));
}

/* The parent keeps the same socket for the next set of processes. */
static int
end_listener(void)
{
	int	s = find_fd(is_listener);

	return (s == -1 ? -1 : shutdown(s, SHUT_RD));
}

static int
filter_listener(void)
{
	struct sock_filter	none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog	f = { 1, &none };
	int			s = find_fd(is_listener);

	return (s == -1 ? -1 : setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &f,
	    sizeof(f)));
}

static int
filter_off(void)
{
	int	zero = 0, s = find_fd(is_socket);

	return (s == -1 ? -1 : setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER,
	    &zero, sizeof(zero)) == 0 || errno == ENOENT ? 0 : -1);
}

static int
filter_lock(void)
{
	int	one = 1, s = find_fd(is_socket);

	return (s == -1 ? -1 : setsockopt(s, SOL_SOCKET, SO_LOCK_FILTER, &one,
	    sizeof(one)));
}

static int
more_listeners(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	int			s = socket(AF_INET, SOCK_STREAM, 0);

	if (s == -1)
		s = find_fd(is_socket);
	else
		(void)bind(s, (struct sockaddr *)&sin, sizeof(sin));
	return (s == -1 ? -1 : listen(s, 5));
}

static int
bind_port(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	int			s = socket(AF_INET, SOCK_STREAM, 0);

	return (s == -1 ? -1 : bind(s, (struct sockaddr *)&sin, sizeof(sin)));
}

static int
accept_client(void)
{
	int	s = find_fd(is_listener);

	if (s == -1)
		return (-1);
	(void)fcntl(s, F_SETFL, O_NONBLOCK);
	return (accept(s, NULL, NULL) == -1 && errno != EAGAIN ? -1 : 0);
}

static int
abstract_stream(void)
{
	struct sockaddr_un	sun;
	socklen_t		len = abstract(&sun);
	int			s = socket(AF_UNIX, SOCK_STREAM, 0);

	return (s == -1 ? -1 : reached(connect(s, (struct sockaddr *)&sun,
	    len)));
}

/* An end of a pair sends to any address. */
static int
abstract_pair(int type)
{
	struct sockaddr_un	sun;
	socklen_t		len = abstract(&sun);
	int			fd[2];

	if (socketpair(AF_UNIX, type, 0, fd) == -1)
		return (-1);
	return (reached((int)sendto(fd[0], "x", 1, 0, (struct sockaddr *)&sun,
	    len)));
}

static int pair_dgram(void) { return (abstract_pair(SOCK_DGRAM)); }
static int pair_seqpacket(void) { int fd[2];
	return (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd)); }
static int pair_stream(void) { int fd[2];
	return (socketpair(AF_UNIX, SOCK_STREAM, 0, fd)); }

/* A batch that makes a table, as nft(8) sends it. */
static int
change_firewall(void)
{
	struct {
		struct nlmsghdr		begin;
		struct nfgenmsg		bg;
		struct nlmsghdr		make;
		struct nfgenmsg		mg;
		struct nlattr		attr;
		char			name[8];
		struct nlmsghdr		end;
		struct nfgenmsg		eg;
	} m = {
		{ 20, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 1, 0 },
		{ AF_UNSPEC, 0, htons(NFNL_SUBSYS_NFTABLES) },
		{ 32, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE,
		    NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 2, 0 },
		{ AF_INET, 0, 0 }, { 12, NFTA_TABLE_NAME }, "probe\0\0",
		{ 20, NFNL_MSG_BATCH_END, NLM_F_REQUEST, 3, 0 },
		{ AF_UNSPEC, 0, htons(NFNL_SUBSYS_NFTABLES) }
	};
	struct {
		struct nlmsghdr	h;
		struct nlmsgerr	e;
		char		more[512];
	} answer;
	struct sockaddr_nl	 to = { .nl_family = AF_NETLINK };
	int			 s = socket(AF_NETLINK, SOCK_RAW,
				    NETLINK_NETFILTER), saved = errno;

	if (s == -1 && (s = find_fd(is_netlink)) == -1) {
		errno = saved;
		return (-1);
	}
	if (sendto(s, &m, sizeof(m), 0, (struct sockaddr *)&to,
	    sizeof(to)) == -1 || recv(s, &answer, sizeof(answer), 0) == -1)
		return (-1);
	errno = -answer.e.error;
	return (answer.h.nlmsg_type == NLMSG_ERROR && errno != 0 ? -1 : 0);
}

static int
any_fd(void)
{
	return (find_fd(is_any));
}

/* Each of these lets the request through to the kernel unless ENOSYS. */
static int
ioctl_of(unsigned long request)
{
	char	arg[256] = "x";
	int	s = find_fd(is_socket);

	return (ioctl(s == -1 ? any_fd() : s, request, arg) == -1 &&
	    errno == ENOSYS ? -1 : 0);
}

static int ioctl_tty(void) { return (ioctl_of(TIOCSTI)); }
static int ioctl_owner(void) { return (ioctl_of(FIOSETOWN)); }
static int ioctl_async(void) { return (ioctl_of(FIOASYNC)); }
static int ioctl_if(void) { return (ioctl_of(SIOCSIFFLAGS)); }
static int ioctl_any(void) { return (ioctl_of(0x12345678)); }

#define SOCKET(name, family, type, proto)	\
static int name(void) { return (socket(family, type, proto)); }
SOCKET(socket_raw, AF_INET, SOCK_RAW, IPPROTO_TCP)
SOCKET(socket_raw6, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
SOCKET(socket_ping, AF_INET, SOCK_DGRAM, IPPROTO_ICMP)
SOCKET(socket_sctp, AF_INET, SOCK_STREAM, IPPROTO_SCTP)
SOCKET(socket_mptcp, AF_INET, SOCK_STREAM, 262)
SOCKET(socket_udplite, AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)
SOCKET(socket_unix, AF_UNIX, SOCK_STREAM, 0)
SOCKET(socket_route, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)
SOCKET(socket_audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
SOCKET(socket_uevent, AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT)
SOCKET(socket_packet, AF_PACKET, SOCK_RAW, 0)
SOCKET(socket_alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(socket_vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET(socket_key, AF_KEY, SOCK_RAW, 2)
SOCKET(socket_can, AF_CAN, SOCK_RAW, 1)
SOCKET(socket_tipc, AF_TIPC, SOCK_SEQPACKET, 0)
SOCKET(socket_bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
SOCKET(socket_xdp, AF_XDP, SOCK_RAW, 0)

/* -- processes -- */

static int
exec_shell(void)
{
	char	*argv[] = { (char *)(uintptr_t)"sh", NULL };

	return (execv("/bin/sh", argv));
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
raw_clone(unsigned long flags)
{
	long	pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return (pid == -1 && errno == ENOSYS ? -1 : 0);
}

#define THREAD	(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static int clone_fork(void) { return (raw_clone(SIGCHLD)); }
static int clone_user(void) { return (raw_clone(CLONE_NEWUSER | SIGCHLD)); }
/* The kernel refuses them: a thread without a stack would be this one's end. */
static int clone_ns(void) { return (raw_clone(THREAD | CLONE_NEWUSER |
	CLONE_FS)); }
static int
clone_new3(void)
{
	uint64_t	args[11] = { [4] = SIGCHLD };
	long		pid = syscall(SYS_clone3, args, 64);

	if (pid == 0)
		_exit(0);
	return ((int)pid);
}

static int kill_role(void) { return (kill(role_pid, 0)); }
static int kill_parent(void) { return (kill(daemon_pid, 0)); }
static int kill_all(void) { return (kill(-1, 0)); }
static int tgkill_role(void) { return ((int)syscall(SYS_tgkill, role_pid,
	role_pid, 0)); }
static int tkill_role(void) { return ((int)syscall(SYS_tkill, role_pid, 0)); }
static int
queue_role(void)
{
	siginfo_t	si = { .si_signo = 0 };

	si.si_code = SI_QUEUE;
	return ((int)syscall(SYS_rt_sigqueueinfo, role_pid, 0, &si));
}

static int
own(int cmd, long arg)
{
	int	fd = find_fd(is_socket);

	return (fcntl(fd == -1 ? any_fd() : fd, cmd, arg) == -1 ? -1 : 0);
}

static int own_role(void) { return (own(F_SETOWN, role_pid)); }
static int own_signal(void) { return (own(F_SETSIG, SIGKILL)); }
static int
own_role_ex(void)
{
	struct f_owner_ex	o = { F_OWNER_PID, role_pid };
	int			fd = find_fd(is_socket);

	return (fcntl(fd == -1 ? any_fd() : fd, F_SETOWN_EX, &o));
}

static int lease(void) { return (own(F_SETLEASE, F_RDLCK) == -1 &&
	errno == ENOSYS ? -1 : 0); }
static int notify(void) { return (own(F_NOTIFY, 1) == -1 &&
	errno == ENOSYS ? -1 : 0); }

static int
limit_role(void)
{
	struct rlimit	rl;

	return (prlimit(role_pid, RLIMIT_NOFILE, NULL, &rl));
}

static int
limit_more(void)
{
	struct rlimit	rl = { RLIM_INFINITY, RLIM_INFINITY };

	return (setrlimit(RLIMIT_NOFILE, &rl));
}

static int priority_role(void) { return (setpriority(PRIO_PROCESS,
	(id_t)role_pid, 19)); }
static int affinity_role(void) { cpu_set_t s; CPU_ZERO(&s); CPU_SET(0, &s);
	return (sched_setaffinity(role_pid, sizeof(s), &s)); }

/* -- memory -- */

static int
map(int prot, int fd)
{
	return (mmap(NULL, 4096, prot, MAP_PRIVATE | (fd == -1 ? MAP_ANONYMOUS :
	    0), fd, 0) == MAP_FAILED ? -1 : 0);
}

static int map_wx(void) { return (map(PROT_READ | PROT_WRITE | PROT_EXEC,
	-1)); }
static int map_x(void) { return (map(PROT_READ | PROT_EXEC, -1)); }
static int
turn_x(void)
{
	void	*p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
turn_x_key(void)
{
	void	*p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return (pkey_mprotect(p, 4096, PROT_READ | PROT_EXEC, -1));
}

/* -- another way into the kernel -- */

#ifdef __x86_64__
static int
call_i386(void)
{
	long	r;

	__asm__ volatile ("int $0x80" : "=a" (r) : "a" (20L) : "memory",
	    "r8", "r9", "r10", "r11");
	errno = ENOSYS;
	return (r > 0 ? 0 : -1);
}

static int
call_x32(void)
{
	return ((int)syscall(0x40000000 + SYS_getpid));
}
#endif

static int
probe_call(const struct attempt *a)
{
	return (syscall(a->nr, a->arg[0], a->arg[1], a->arg[2], a->arg[3]) ==
	    -1 && errno == ENOSYS ? -1 : 0);
}

#endif
