/*
 * OpenBSD: nothing that the others do in a way of their own.
 */
#include "spamgreyd.h"

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
os_drop_begin(const struct child *c)
{
	(void)c;
	return (0);
}

int
os_drop_end(const struct child *c)
{
	(void)c;
	return (0);
}
