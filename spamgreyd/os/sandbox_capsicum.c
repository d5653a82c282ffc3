/*
 * FreeBSD: capability mode for front and track, which open nothing.  store opens
 * database files by name and fw's ioctls on /dev/pf need no name either; fw
 * enters it, store stays with its user and its directory.  pass cannot enter
 * it either: connect(2) to the mail server names an address, which capability
 * mode refuses; it has its chroot.
 */
#include <sys/capsicum.h>

#include <errno.h>

#include "spamgreyd/os/os.h"

int
sandbox_enter(enum role role, const struct config *conf)
{
	(void)conf;
	if (role == ROLE_STORE || role == ROLE_PASS)
		return (0);
	if (cap_enter() == -1 && errno != ENOSYS)
		return (-1);
	return (0);
}

const char *
sandbox_name(void)
{
	return ("capsicum");
}
