/*
 * FreeBSD: the parent's death as a signal.
 */
#include <sys/types.h>
#include <sys/procctl.h>

#include <signal.h>
#include "spamgreyd.h"

void
os_init(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
}

void
os_follow_parent(void)
{
	int	sig = SIGKILL;

	(void)procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &sig);
}

int
os_drop_begin(const struct child *c)
{
	(void)c;
	return (0);
}

int
os_drop_end(const struct child *c)
{
	(void)c;
	return (0);
}
