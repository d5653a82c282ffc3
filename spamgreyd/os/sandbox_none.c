/*
 * No sandbox: for systems without one, and for builds with ASan or valgrind,
 * which need system calls that a sandbox would refuse.
 */
#include "spamgreyd/os/os.h"

int
sandbox_enter(enum role role, const struct config *conf)
{
	(void)role;
	(void)conf;
	return (0);
}

const char *
sandbox_name(void)
{
	return ("none");
}
