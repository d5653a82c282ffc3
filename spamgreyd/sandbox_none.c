/*
 * No sandbox: for systems without one, and for builds with ASan or valgrind,
 * which need system calls that a sandbox would refuse.
 */
#include "spamgreyd.h"

int
sandbox_enter(const struct child *c)
{
	(void)c;
	return (0);
}

const char *
sandbox_name(void)
{
	return ("none");
}
