/*
 * To the role's user and root directory.  What a system does besides is in
 * its own file of os/.
 */
#include <sys/types.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"

#define ROOT_EMPTY_DIR	"/var/empty"	/* not the user's home, which may be
					   anything */

/* Enters the spool by descriptor, not by name: the state directory belongs
 * to another user, who might have put a link there.  0; -1 with errno. */
static int
enter_spool(const struct child *c, uid_t uid)
{
	int	fd;

	if ((fd = statedir_sub(c->conf->statedir, "spool", uid)) == -1)
		return (-1);
	if (fchdir(fd) == -1) {
		close(fd);
		return (-1);
	}
	close(fd);
	return (0);
}

/* The daemon of an ordinary user: no chroot, but store and pass work with
 * relative names.  0, or -1: logged. */
static int
stay(const struct child *c)
{
	if (c->def->root == ROOT_STATE && chdir(c->conf->statedir) == -1) {
		log_warn("%s: cannot enter %s", c->def->name,
		    c->conf->statedir);
		return (-1);
	}
	if (c->def->root == ROOT_SPOOL && enter_spool(c, geteuid()) == -1) {
		log_warn("%s: cannot enter %s/spool", c->def->name,
		    c->conf->statedir);
		return (-1);
	}
	return (0);
}

/* 0, or -1: logged. */
static int
change_root(const struct child *c, uid_t uid)
{
	const char	*root;

	if (c->def->root == ROOT_SPOOL) {
		if (enter_spool(c, uid) == 0 && chroot(".") == 0)
			return (0);
		log_warn("%s: cannot chroot to %s/spool", c->def->name,
		    c->conf->statedir);
		return (-1);
	}
	root = c->def->root == ROOT_STATE ? c->conf->statedir :
	    ROOT_EMPTY_DIR;
	if (chroot(root) == -1 || chdir("/") == -1) {
		log_warn("%s: cannot chroot to %s", c->def->name, root);
		return (-1);
	}
	return (0);
}

/* The nftables driver changes sets after the drop, which takes
 * CAP_NET_ADMIN. */
static int
needs_net_admin(const struct child *c)
{
	return (c->privileged && c->role == ROLE_FW && c->conf->fw == FW_NFT);
}

/* To the user and the root directory.  0, or -1: logged. */
static int
drop(const struct child *c)
{
	const struct passwd	*pw;
	char			 title[64];
	int			 net_admin = needs_net_admin(c);

	snprintf(title, sizeof(title), c->role == ROLE_FRONT ? "%s %u" : "%s",
	    c->def->name, c->instance);
	os_title(title);
	if (!c->privileged)
		return (stay(c) == -1 ||
		    os_drop_end(c->def->name, net_admin) == -1 ? -1 : 0);
	/* By name here: in the chroot there is no passwd file. */
	if ((pw = getpwnam(c->def->user)) == NULL) {
		log_warnx("%s: user %s is missing; `make install' creates it",
		    c->def->name, c->def->user);
		return (-1);
	}
	if (change_root(c, pw->pw_uid) == -1)
		return (-1);
	if (os_drop_begin(c->def->name, net_admin) == -1)
		return (-1);
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		log_warn("%s: cannot become user %s", c->def->name,
		    pw->pw_name);
		return (-1);
	}
	return (os_drop_end(c->def->name, net_admin));
}

/*
 * With -d, descriptors 0 to 2 are the administrator's terminal or a log, which
 * would take lines without the parent's limits.  From here on the process logs
 * to the parent only.
 */
int
privdrop(const struct child *c)
{
	int	null, i, r;

	if ((null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1) {
		log_warn("%s: cannot open /dev/null", c->def->name);
		return (-1);
	}
	r = drop(c);
	for (i = 0; i < 3 && r == 0; i++)
		if (dup2(null, i) == -1) {
			log_warn("%s: cannot leave the terminal",
			    c->def->name);
			r = -1;
		}
	close(null);
	return (r);
}
