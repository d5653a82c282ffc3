/*
 * Linux: process titles by libbsd, privilege drop with the one capability
 * that the firewall needs, and the parent's death as a signal.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"
#include "spamgreyd.h"

#define OS_EMPTY	"/var/empty"

void
os_init(int argc, char **argv, char **envp)
{
	setproctitle_init(argc, argv, envp);
}

void
os_follow_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before the line above. */
	if (getppid() == 1)
		log_debug("started by init");
}

/* Permitted and effective: these capabilities and no other. */
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

static int
drop(const struct child *c, const struct passwd *pw, const char *root,
    int net_admin)
{
	if (chroot(root) == -1 || chdir("/") == -1) {
		log_warn("%s: chroot %s", c->def->name, root);
		return (-1);
	}
	if (net_admin && prctl(PR_SET_KEEPCAPS, 1) == -1) {
		log_warn("%s: keep capabilities", c->def->name);
		return (-1);
	}
	if (setgroups(1, &pw->pw_gid) == -1 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		log_warn("%s: become user %s", c->def->name, pw->pw_name);
		return (-1);
	}
	if (net_admin && caps_set(UINT64_C(1) << CAP_NET_ADMIN) == -1) {
		log_warn("%s: keep CAP_NET_ADMIN alone", c->def->name);
		return (-1);
	}
	return (0);
}

int
os_privdrop(const struct child *c)
{
	const struct passwd	*pw;
	const char		*root;

	setproctitle(c->role == ROLE_FRONT ? "%s %u" : "%s", c->def->name,
	    c->instance);
	if (c->privileged) {
		if ((pw = getpwnam(c->def->user)) == NULL) {
			log_warnx("%s: no user %s; `make install' makes it",
			    c->def->name, c->def->user);
			return (-1);
		}
		root = c->def->root == ROOT_STATE ? c->conf->statedir :
		    OS_EMPTY;
		if (drop(c, pw, root, c->role == ROLE_FW &&
		    c->conf->fw == FW_NFT) == -1)
			return (-1);
		/* A change of user clears what os_follow_parent set. */
		os_follow_parent();
	} else if (c->def->root == ROOT_STATE &&
	    chdir(c->conf->statedir) == -1) {
		log_warn("%s: %s", c->def->name, c->conf->statedir);
		return (-1);
	}
	if (prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		log_warn("%s: prctl", c->def->name);
		return (-1);
	}
	return (0);
}
