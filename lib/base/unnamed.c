/* A file without a name; see unnamed.h. */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/unnamed.h"

/*
 * Are both descriptors of one file that has no name any more? Another user may
 * have put a file in its place or kept a second name of it.  Sets errno when
 * they are not.
 */
static int
is_same(int a, int b)
{
	struct stat	x, y;

	if (fstat(a, &x) == -1 || fstat(b, &y) == -1)
		return (0);
	errno = EPERM;
	return (x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
	    x.st_nlink == 0);
}

/*
 * The second descriptor is opened by name while the file still has one, and is
 * compared with the first afterwards: in a directory of another user the name
 * may have been given to another file in between.
 */
int
unnamed_open(char *template, int *ro)
{
	int	fd, fd2 = -1, saved;

	if ((fd = mkostemp(template, O_CLOEXEC)) == -1)
		return (-1);
	if (ro != NULL)
		fd2 = open(template, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
		    O_CLOEXEC);
	saved = errno;
	if (unlink(template) == 0) {
		errno = saved;
		if (ro == NULL ? is_same(fd, fd) :
		    fd2 != -1 && is_same(fd, fd2)) {
			if (ro != NULL)
				*ro = fd2;
			return (fd);
		}
	}
	saved = errno;
	close(fd);
	if (fd2 != -1)
		close(fd2);
	errno = saved;
	return (-1);
}
