/* OpenBSD: pledge(2) and unveil(2). fw cannot pledge, since "pf" does not
 * admit DIOCRADDADDRS and DIOCRDELADDRS; instead it sees no file. */
#include <unistd.h>

#include "spamgreyd/os/os.h"

/* conf is used for store only. */
int
sandbox_enter(enum role role, const struct config *conf)
{
	switch (role) {
	case ROLE_FRONT:
		return (pledge("stdio inet recvfd sendfd", NULL));
	case ROLE_STORE:
		if (unveil(".", "rwc") == -1 || unveil(NULL, NULL) == -1)
			return (-1);
		/* unix: accept(2) on the control socket */
		return (pledge(conf->sync == NULL ?
		    "stdio rpath wpath cpath fattr flock unix recvfd" :
		    "stdio rpath wpath cpath fattr flock unix inet recvfd",
		    NULL));
	case ROLE_PASS:
		/* its root is the spool; unix: the scanners' sockets */
		return (pledge("stdio rpath wpath cpath inet recvfd sendfd "
		    "unix", NULL));
	case ROLE_TRACK:
		/* bpf: the statistics of its handle */
		return (pledge("stdio recvfd bpf", NULL));
	case ROLE_FW:
		/* The lock alone would leave all of the root visible. */
		if (unveil("/", "") == -1 || unveil(NULL, NULL) == -1)
			return (-1);
		return (0);
	case ROLE_LIST:
		return (pledge("stdio recvfd", NULL));
	default:
		return (-1);
	}
}

const char *
sandbox_name(void)
{
	return ("pledge");
}
