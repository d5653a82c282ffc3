/* Linux: process titles, the one capability that the firewall needs, the
 * parent's death as a signal, and foreign source addresses. */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"

/* os_keep_memory: the bytes that stay free at the end of the heap, and the
 * largest block that comes from there. */
#define KEEP_MEMORY	(8 * 1024 * 1024)
#define KEEP_BLOCK	(1024 * 1024)

/* Where the kernel takes a process' arguments from, as ps(1) shows them. */
static struct {
	char	*text;
	size_t	 size;
} title;

/* The arguments move to other memory, since they are still read. */
void
os_init(int argc, char **argv, char **envp)
{
	char	*end;
	int	 i;

	(void)envp;
	if (argc < 1 || argv[0] == NULL)
		return;
	end = argv[0];
	for (i = 0; i < argc && argv[i] == end; i++)
		end += strlen(argv[i]) + 1;
	if (i < argc)
		return;
	title.text = argv[0];
	title.size = (size_t)(end - argv[0]);
	for (i = 0; i < argc; i++)
		if ((argv[i] = strdup(argv[i])) == NULL)
			fatal("cannot copy the arguments");
}

/* Not libbsd's setproctitle(): it leaves a full stop at the end of the
 * arguments. */
void
os_title(const char *text)
{
	if (title.size == 0)
		return;
	memset(title.text, 0, title.size);
	snprintf(title.text, title.size, "spamgreyd: %s", text);
}

/* A signal that cannot be caught, since a child without its parent has
 * nobody to serve. */
void
os_follow_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before the line above. */
	if (getppid() == 1)
		log_debug("started by init");
}

/* Each is set, because setting one stops malloc from adapting the other. */
void
os_keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, KEEP_BLOCK);
	mallopt(M_TRIM_THRESHOLD, KEEP_MEMORY);
}

/* Makes these the permitted and effective capabilities, and removes all
 * others.  0; -1 with errno. */
static int
caps_set(uint64_t caps)
{
	struct __user_cap_header_struct	h;
	struct __user_cap_data_struct	d[2];

	memset(&h, 0, sizeof(h));
	memset(d, 0, sizeof(d));
	h.version = _LINUX_CAPABILITY_VERSION_3;
	d[0].effective = d[0].permitted = (uint32_t)caps;
	d[1].effective = d[1].permitted = (uint32_t)(caps >> 32);
	return ((int)syscall(SYS_capset, &h, d));
}

/* Without this a change of user clears all capabilities. */
int
os_drop_begin(const char *name, int net_admin)
{
	if (net_admin && prctl(PR_SET_KEEPCAPS, 1) == -1) {
		log_warn("%s: cannot keep capabilities", name);
		return (-1);
	}
	return (0);
}

int
os_drop_end(const char *name, int net_admin)
{
	if (net_admin && caps_set(UINT64_C(1) << CAP_NET_ADMIN) == -1) {
		log_warn("%s: cannot keep CAP_NET_ADMIN alone", name);
		return (-1);
	}
	/* A change of user clears what os_follow_parent set. */
	os_follow_parent();
	if (prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_warn("%s: prctl", name);
		return (-1);
	}
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
	    setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)) :
	    setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on))) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* Every change of an NFLOG socket needs CAP_NET_ADMIN, which track has
 * dropped. */
int
os_capture_lock(int fd)
{
	(void)fd;
	return (0);
}

/* The options ignore configuration files, and allow no other protocols and not
 * many redirects: the URL may lead anywhere. */
const char *const *
os_fetch(unsigned int n)
{
	static const char *const	curl[] = { "/usr/bin/curl", "-q", "-fsSL",
					    "--proto", "=https,http,ftp",
					    "--max-redirs", "5", "--url", NULL };
	static const char *const	wget[] = { "/usr/bin/wget", "-nv", "-O", "-",
					    "--max-redirect=5", "--", NULL };

	return (n == 0 ? curl : n == 1 ? wget : NULL);
}

/* The state D is uninterruptible sleep. */
int
os_waits_for_disk(pid_t pid)
{
	char		 path[32], stat[128];
	const char	*end;
	ssize_t		 n;
	int		 fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	if (n <= 0)
		return (0);
	stat[n] = '\0';
	/* "pid (name) state …"; a name may contain brackets. */
	end = strrchr(stat, ')');
	return (end != NULL && end[1] == ' ' && end[2] == 'D');
}
