/*
 * Root as another user, for a moment.
 */
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/asuser.h"

static gid_t	*groups;	/* root's own; not NULL: somebody else now */
static int	 ngroups;

int
as_user_begin(uid_t uid, gid_t gid)
{
	int	saved;

	if (geteuid() != 0 || uid == 0)
		return (0);
	if ((ngroups = getgroups(0, NULL)) == -1 ||
	    (groups = calloc((size_t)ngroups + 1, sizeof(*groups))) == NULL)
		return (-1);
	if ((ngroups = getgroups(ngroups, groups)) != -1 &&
	    setgroups(1, &gid) == 0 && setegid(gid) == 0 && seteuid(uid) == 0)
		return (0);
	saved = errno;
	as_user_end();
	errno = saved;
	return (-1);
}

void
as_user_end(void)
{
	if (groups == NULL)
		return;
	if (seteuid(0) == -1 || setegid(getgid()) == -1 ||
	    (ngroups != -1 && setgroups(ngroups, groups) == -1))
		abort();
	free(groups);
	groups = NULL;
}
