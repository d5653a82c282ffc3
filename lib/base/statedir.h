/*
 * The state directory: made with its owner and mode if root finds it missing,
 * locked by one process at a time.  Called by the parent at start and by
 * spamgreydb when it opens the database itself.
 *
 *	STATE/lock	flock; holds the pid of the owner for messages
 *	STATE/db/	the database environment
 *	STATE/spool/	messages being scanned; _spamgreyd's
 */
#ifndef STATEDIR_H
#define STATEDIR_H

#include <sys/types.h>

/*
 * Makes dir (0700) and dir/db when they are missing.  As root: for uid:gid;
 * an existing dir of root's that holds nothing but what this program puts
 * there is given to it.  Nothing else that exists changes its owner: a dir/db,
 * or a file of the database in it, that is not uid's is refused.
 * 0, or -1 and a logged message with the remedy.
 */
int	 statedir_make(const char *dir, uid_t, gid_t);
/*
 * STATE/spool for uid: made when it is missing (0700), and emptied: what a
 * killed daemon left there is of no use.  Same returns.
 */
int	 statedir_spool(const char *dir, uid_t, gid_t);
/* A descriptor of STATE/name, if it is a directory (no link) of that user that
 * only its owner can write; -1 errno. */
int	 statedir_sub(const char *dir, const char *name, uid_t);
/* Made for this user when it is missing, and opened as above. */
int	 statedir_sub_make(const char *dir, const char *name);
/* The lock's descriptor, or -1: EWOULDBLOCK when another holds it (*pid
 * then its owner, 0 unknown), any other errno logged. */
int	 statedir_lock(const char *dir, pid_t *pid);
/* The lock names this process now: the daemon forks after taking it. */
void	 statedir_owner(int fd);

#endif
