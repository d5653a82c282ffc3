/*
 * For the time of one call root acts as the user that a directory belongs to,
 * so that it can do there only what that user could.
 */
#ifndef ASUSER_H
#define ASUSER_H

#include <sys/types.h>

/* Changes the effective user and all groups.  Nothing happens when the caller
 * is not root, or uid is.  0; -1 with errno, and nothing has changed. */
int	 as_user_begin(uid_t, gid_t);
/* Root again; keeps no errno.  A process that cannot come back is ended. */
void	 as_user_end(void);

#endif
