/*
 * Root as another user, for the time of one call; see asuser.h.  Only
 * effective ids change, so that root can be taken back.
 */
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/asuser.h"

static gid_t	*groups;	/* root's own; not NULL: somebody else now */
static int	 ngroups;

/*
 * The order matters: groups can be changed only while the effective user is
 * root, so the user comes last.
 */
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

/*
 * A process that cannot take all ids back would go on with rights that it should
 * not have, so it ends.
 */
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
