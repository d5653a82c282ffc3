/*
 * The promises of OpenBSD's sandbox, and what front and pass get there:
 * sandbox_pledge.c with a pledge(2) that the test defines.
 */
/* LINK: spamgreyd/os/origdst_none.c */
int	pledge(const char *, const char *);
int	unveil(const char *, const char *);

#include "spamgreyd/os/sandbox_pledge.c"

#include <stdio.h>
#include <string.h>

#include "regress/lib/tap.h"

static char	promises[256];

int
pledge(const char *p, const char *exec)
{
	(void)exec;
	snprintf(promises, sizeof(promises), " %s ", p);
	return (0);
}

int
unveil(const char *path, const char *how)
{
	(void)path;
	(void)how;
	return (0);
}

static int
promised(enum role role, const char *what)
{
	char	word[32];

	promises[0] = '\0';
	snprintf(word, sizeof(word), " %s ", what);
	if (sandbox_enter(role, NULL) == -1)
		return (-1);
	return (strstr(promises, word) != NULL);
}

/* What the makefile's variables of OpenBSD name. */
static int
openbsd_links(const char *object)
{
	char	 line[512];
	FILE	*f;
	int	 found = 0;

	if ((f = fopen("lib/build/OpenBSD.mk", "r")) == NULL)
		return (-1);
	while (fgets(line, sizeof(line), f) != NULL)
		found |= strstr(line, object) != NULL;
	fclose(f);
	return (found);
}

int
main(void)
{
	static const enum role	roles[] = { ROLE_FRONT, ROLE_PASS };
	size_t			i;

	for (i = 0; i < 2; i++) {
		is_int(promised(roles[i], "inet"), 1, "a network");
		is_int(promised(roles[i], "pf"), 0,
		    "front and pass do not promise pf");
	}
	is_int(openbsd_links("spamgreyd/os/origdst_none.c"), 1,
	    "OpenBSD asks nobody for the destination");
	is_int(origdst_pf, 0, "so the parent opens no /dev/pf for them");
	return (done());
}
