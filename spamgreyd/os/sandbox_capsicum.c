/*
 * FreeBSD: capability mode for front, track and the process that reads lists,
 * which open nothing, and for fw, whose ioctls on /dev/pf need no name.
 *
 * store opens database files by name: it is confined by its user and its
 * directory.  pass has its chroot, because connect(2) to the mail server
 * names an address, which capability mode refuses.
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
