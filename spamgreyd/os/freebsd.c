/* FreeBSD: the parent's death as a signal, foreign source addresses,
 * locking a bpf, and its own fetch(1). */
#include <sys/types.h>
#include <sys/procctl.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <net/bpf.h>
#include <netinet/in.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "spamgreyd/os/os.h"

void
os_init(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
}

void
os_title(const char *text)
{
	setproctitle("%s", text);
}

void
os_follow_parent(void)
{
	int	sig = SIGKILL;

	(void)procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &sig);
}

/* malloc keeps freed memory for some seconds by itself. */
void
os_keep_memory(void)
{
}

/* This system has no capabilities to keep. */
int
os_drop_begin(const char *name, int net_admin)
{
	(void)name;
	(void)net_admin;
	return (0);
}

int
os_drop_end(const char *name, int net_admin)
{
	(void)name;
	(void)net_admin;
	return (0);
}

int
os_socket_transparent(int family)
{
	int	fd, on = 1, saved;

	if ((fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0)) == -1)
		return (-1);
	if ((family == AF_INET6 ?
	    setsockopt(fd, IPPROTO_IPV6, IPV6_BINDANY, &on, sizeof(on)) :
	    setsockopt(fd, IPPROTO_IP, IP_BINDANY, &on, sizeof(on))) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

int
os_capture_lock(int fd)
{
	return (ioctl(fd, BIOCLOCK));
}

/* What the base system has, then a package. */
const char *const *
os_fetch(unsigned int n)
{
	static const char *const	fetch[] = { "/usr/bin/fetch", "-q", "-o", "-",
					    "--", NULL };
	static const char *const	curl[] = { "/usr/local/bin/curl", "-q",
					    "-fsSL", "--proto",
					    "=https,http,ftp", "--url", NULL };

	return (n == 0 ? fetch : n == 1 ? curl : NULL);
}

/* The state of a sleeping process does not tell what it waits for. */
int
os_waits_for_disk(pid_t pid)
{
	(void)pid;
	return (1);
}
