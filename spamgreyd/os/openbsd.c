/* OpenBSD: foreign source addresses, locking a bpf, and its own ftp(1).
 * What the others do in a way of their own it has in libc, or needs not. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include <net/bpf.h>

#include <errno.h>
#include <stdlib.h>
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
	/* The end of the parent's socket is how a child learns of it. */
}

/* malloc keeps some freed pages by itself. */
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
	if (setsockopt(fd, SOL_SOCKET, SO_BINDANY, &on,
	    sizeof(on)) == -1) {
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

/* What the base system has. */
const char *const *
os_fetch(unsigned int n)
{
	static const char *const	ftp[] = { "/usr/bin/ftp", "-V", "-M", "-o",
					    "-", "--", NULL };

	return (n == 0 ? ftp : NULL);
}

/* The state of a sleeping process does not tell what it waits for. */
int
os_waits_for_disk(pid_t pid)
{
	(void)pid;
	return (1);
}
