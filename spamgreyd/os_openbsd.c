/*
 * OpenBSD: privilege drop by chroot and setres*id.
 */
#include <sys/types.h>

#include <grp.h>
#include <pwd.h>
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
	/* The end of the parent's socket is how a child learns of it. */
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
