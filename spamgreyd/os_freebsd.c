/*
 * FreeBSD: privilege drop by chroot and setres*id; the parent's death as a
 * signal.
 */
#include <sys/types.h>
#include <sys/procctl.h>

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/log.h"
#include "spamgreyd.h"

#define OS_EMPTY	"/var/empty"

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
os_privdrop(const struct child *c)
{
	const struct passwd	*pw;
	const char		*root;

	setproctitle(c->role == ROLE_FRONT ? "%s %u" : "%s", c->def->name,
	    c->instance);
	root = c->def->root == ROOT_STATE ? c->conf->statedir : OS_EMPTY;
	if (!c->privileged) {
		if (c->def->root == ROOT_STATE && chdir(root) == -1) {
			log_warn("%s: %s", c->def->name, root);
			return (-1);
		}
		return (0);
	}
	if ((pw = getpwnam(c->def->user)) == NULL) {
		log_warnx("%s: no user %s; `make install' makes it",
		    c->def->name, c->def->user);
		return (-1);
	}
	if (chroot(root) == -1 || chdir("/") == -1) {
		log_warn("%s: chroot %s", c->def->name, root);
		return (-1);
	}
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		log_warn("%s: become user %s", c->def->name, pw->pw_name);
		return (-1);
	}
	return (0);
}
