/*
 * Children are this program again, by fork and exec: each has its own address
 * layout, and inherits nothing but descriptor 3.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/parent/parent.h"

#define SPAWN_FD	3	/* CHILD_PARENT_FD of child.c, LIST_JOB_FD */

int
parent_pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fd) == -1) {
		log_warn("cannot create a socket pair");
		return (-1);
	}
	return (0);
}

/* In the child: execs the program with -x WHAT and fd as its descriptor 3.
 * Signals that libevent had blocked are unblocked.  Never returns. */
static void __attribute__((__noreturn__))
exec_self(char *program, const char *what, int fd)
{
	char		 flag[] = "-x", name[16];
	char		*argv[] = { program, flag, name, NULL };
	sigset_t	 none;

	strlcpy(name, what, sizeof(name));
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* dup2() clears FD_CLOEXEC, except where it has nothing to do. */
	if (fd == SPAWN_FD) {
		if (fcntl(fd, F_SETFD, 0) == -1)
			_exit(SPAWN_FAILED);
	} else if (dup2(fd, SPAWN_FD) == -1)
		_exit(SPAWN_FAILED);
	/* What the daemon was started with, which has no FD_CLOEXEC. */
	closefrom(SPAWN_FD + 1);
	execv(program, argv);
	_exit(SPAWN_FAILED);
}

pid_t
parent_spawn(const struct parent *p, const char *what, int *fd)
{
	int	pair[2];
	pid_t	pid;

	if (parent_pair(pair) == -1)
		return (-1);
	switch (pid = fork()) {
	case -1:
		log_warn("cannot fork");
		close(pair[0]);
		close(pair[1]);
		return (-1);
	case 0:
		exec_self(p->program, what, pair[1]);
	}
	close(pair[1]);
	*fd = pair[0];
	return (pid);
}
