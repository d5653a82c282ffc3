/*
 * To the role's user and root directory.  What a system does besides is in
 * its os_*.c.
 */
#include <sys/types.h>

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/log.h"
#include "spamgreyd.h"

#define ROOT_EMPTY_DIR	"/var/empty"	/* not the user's home, which may be
					   made anything */

/* An ordinary user's daemon: no chroot, but store works by relative names. */
static int
stay(const struct child *c)
{
	if (c->def->root == ROOT_STATE && chdir(c->conf->statedir) == -1) {
		log_warn("%s: %s", c->def->name, c->conf->statedir);
		return (-1);
	}
	return (0);
}

int
privdrop(const struct child *c)
{
	const struct passwd	*pw;
	const char		*root;

	setproctitle(c->role == ROLE_FRONT ? "%s %u" : "%s", c->def->name,
	    c->instance);
	if (!c->privileged)
		return (stay(c) == -1 || os_drop_end(c) == -1 ? -1 : 0);
	if ((pw = getpwnam(c->def->user)) == NULL) {
		log_warnx("%s: no user %s; `make install' makes it",
		    c->def->name, c->def->user);
		return (-1);
	}
	root = c->def->root == ROOT_STATE ? c->conf->statedir :
	    ROOT_EMPTY_DIR;
	if (chroot(root) == -1 || chdir("/") == -1) {
		log_warn("%s: chroot %s", c->def->name, root);
		return (-1);
	}
	if (os_drop_begin(c) == -1)
		return (-1);
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		log_warn("%s: become user %s", c->def->name, pw->pw_name);
		return (-1);
	}
	return (os_drop_end(c));
}
