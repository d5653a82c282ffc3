/*
 * The state directory: made, given to its user, locked.  Runs as root at
 * times, in a directory that belongs to somebody else: nothing here follows
 * a link, and a file with a second name is not given away.
 */
#include <sys/types.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "statedir.h"

/* The directories above it, as mkdir -p makes them. */
static int
make_above(const char *dir)
{
	char	path[PATH_MAX], *p;

	if (strlcpy(path, dir, sizeof(path)) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(path, 0755) == -1 && errno != EEXIST)
			return (-1);
		*p = '/';
	}
	return (0);
}

/* Only what we put there?  Another's directory is not taken over. */
static int
only_ours(int fd)
{
	static const char *const names[] =
	    { ".", "..", "lock", "db", "spool", "lists" };
	struct dirent	*de;
	DIR		*d;
	size_t		 i, n = sizeof(names) / sizeof(names[0]);
	int		 ours = 1, copy;

	if ((copy = dup(fd)) == -1 || (d = fdopendir(copy)) == NULL)
		return (0);
	while (ours && (de = readdir(d)) != NULL) {
		for (i = 0; i < n && strcmp(de->d_name, names[i]) != 0; i++)
			continue;
		ours = i < n;
	}
	closedir(d);
	return (ours);
}

/* An open directory becomes uid's; -1 and a message. */
static int
own_dir(int fd, const char *path, int made, uid_t uid, gid_t gid)
{
	struct stat	st;

	if (geteuid() != 0)
		return (0);
	if (fstat(fd, &st) == -1) {
		log_warn("%s", path);
		return (-1);
	}
	if (st.st_uid == uid)
		return (0);
	if (!made && (st.st_uid != 0 || !only_ours(fd))) {
		log_warnx("%s belongs to user %u and is not a state directory "
		    "of this program: choose another, or, if it is right, "
		    "chown it to user %u", path, (unsigned int)st.st_uid,
		    (unsigned int)uid);
		return (-1);
	}
	if (fchown(fd, uid, gid) == -1) {
		log_warn("%s: chown to user %u", path, (unsigned int)uid);
		return (-1);
	}
	return (0);
}

/* Files that root left behind: the daemon's user must be able to write. */
static int
own_files(int dfd, const char *path, uid_t uid, gid_t gid)
{
	struct dirent	*de;
	struct stat	 st;
	DIR		*d;
	int		 fd, copy, rc = 0;

	if (geteuid() != 0)
		return (0);
	if ((copy = dup(dfd)) == -1 || (d = fdopendir(copy)) == NULL) {
		log_warn("%s", path);
		return (-1);
	}
	while (rc == 0 && (de = readdir(d)) != NULL) {
		fd = openat(dfd, de->d_name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd == -1)
			continue;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_nlink == 1 && st.st_uid != uid &&
		    fchown(fd, uid, gid) == -1) {
			log_warn("%s/%s: chown", path, de->d_name);
			rc = -1;
		}
		close(fd);
	}
	closedir(d);
	return (rc);
}

/* Makes path (relative to at, or absolute) and opens it. */
static int
make_dir(int at, const char *path, const char *shown, int *made)
{
	int	fd;

	*made = mkdirat(at, path, 0700) == 0;
	if (!*made && errno != EEXIST) {
		log_warn("cannot make %s; make it, or name another with "
		    "`state directory'", shown);
		return (-1);
	}
	if ((fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		log_warn("cannot open %s; it must be a directory of this user",
		    shown);
	return (fd);
}

/* A run as root must leave nothing behind that the daemon's user, who comes
 * later, cannot write. */
int
statedir_make(const char *dir, uid_t uid, gid_t gid)
{
	char	path[PATH_MAX];
	int	fd, dbfd = -1, made, rc = -1;

	if (make_above(dir) == -1) {
		log_warn("cannot make the directory for %s; make it, or name "
		    "another with `state directory'", dir);
		return (-1);
	}
	if ((fd = make_dir(AT_FDCWD, dir, dir, &made)) == -1)
		return (-1);
	snprintf(path, sizeof(path), "%s/db", dir);
	if (own_dir(fd, dir, made, uid, gid) == 0 &&
	    (dbfd = make_dir(fd, "db", path, &made)) != -1 &&
	    own_dir(dbfd, path, made, uid, gid) == 0)
		rc = own_files(dbfd, path, uid, gid);
	if (dbfd != -1)
		close(dbfd);
	close(fd);
	return (rc);
}

static int
spool_open(const char *dir, struct stat *st)
{
	int	dfd, fd, saved;

	if ((dfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	fd = openat(dfd, "spool", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	saved = errno;
	close(dfd);
	if (fd != -1 && fstat(fd, st) == -1) {
		saved = errno;
		close(fd);
		fd = -1;
	}
	errno = saved;
	return (fd);
}

int
statedir_spool_open(const char *dir, uid_t uid)
{
	struct stat	st;
	int		fd;

	if ((fd = spool_open(dir, &st)) != -1 && st.st_uid != uid) {
		close(fd);
		errno = EPERM;
		return (-1);
	}
	return (fd);
}

/* A spool that root or the directory's owner made becomes uid's. */
static int
spool_own(int fd, const char *path, const char *dir, const struct stat *st,
    uid_t uid, gid_t gid)
{
	struct stat	above;

	if (geteuid() == 0 && st->st_uid != uid) {
		if (stat(dir, &above) == -1 ||
		    (st->st_uid != 0 && st->st_uid != above.st_uid)) {
			log_warnx("%s belongs to user %u; take it away, or "
			    "chown it to user %u", path,
			    (unsigned int)st->st_uid, (unsigned int)uid);
			return (-1);
		}
		if (fchown(fd, uid, gid) == -1) {
			log_warn("%s: chown to user %u", path,
			    (unsigned int)uid);
			return (-1);
		}
	}
	if ((st->st_mode & 07777) != 0700 && fchmod(fd, 0700) == -1) {
		log_warn("%s: chmod", path);
		return (-1);
	}
	return (0);
}

static void
spool_empty(int fd, const char *path)
{
	struct dirent	*de;
	DIR		*d;
	int		 copy;

	if ((copy = dup(fd)) == -1 || (d = fdopendir(copy)) == NULL) {
		log_warn("%s", path);
		return;
	}
	while ((de = readdir(d)) != NULL)
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    unlinkat(fd, de->d_name, 0) == -1)
			log_warn("%s: what an earlier run left is not removed",
			    path);
	closedir(d);
}

int
statedir_spool(const char *dir, uid_t uid, gid_t gid)
{
	struct stat	st;
	char		path[PATH_MAX];
	int		fd, rc;

	if (snprintf(path, sizeof(path), "%s/spool", dir) >=
	    (int)sizeof(path)) {
		log_warnx("%s: the name is too long", dir);
		return (-1);
	}
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		log_warn("cannot make %s; make it, or name another directory "
		    "with `state directory'", path);
		return (-1);
	}
	if ((fd = spool_open(dir, &st)) == -1) {
		log_warn("cannot open %s; it must be a directory, and of the "
		    "daemon's user", path);
		return (-1);
	}
	if ((rc = spool_own(fd, path, dir, &st, uid, gid)) == 0)
		spool_empty(fd, path);
	close(fd);
	return (rc);
}

/* The pid in the lock is for people; nothing is decided by it. */
static pid_t
read_pid(int fd)
{
	char	buf[32];
	ssize_t	n;
	long	pid;

	if ((n = pread(fd, buf, sizeof(buf) - 1, 0)) <= 0)
		return (0);
	buf[n] = '\0';
	pid = strtol(buf, NULL, 10);
	return (pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0);
}

void
statedir_owner(int fd)
{
	char	buf[32];
	int	n;

	n = snprintf(buf, sizeof(buf), "%ld\n", (long)getpid());
	/* Only for messages: on a full disk the lock still holds. */
	if (ftruncate(fd, 0) == -1 || pwrite(fd, buf, (size_t)n, 0) != n)
		log_debug("the lock does not name its owner");
}

int
statedir_lock(const char *dir, pid_t *pid)
{
	struct stat	st;
	char		path[PATH_MAX];
	int		fd, saved;

	*pid = 0;
	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		saved = errno;
		log_warn("%s; check that %s exists and belongs to this user",
		    path, dir);
		errno = saved == EWOULDBLOCK ? EIO : saved;
		return (-1);
	}
	/* Its owner is the directory's, whoever made it. */
	if (geteuid() == 0 && stat(dir, &st) == 0 &&
	    fchown(fd, st.st_uid, st.st_gid) == -1)
		log_warn("%s: chown", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		saved = errno;
		if (saved == EWOULDBLOCK)
			*pid = read_pid(fd);
		else
			log_warn("%s: lock", path);
		close(fd);
		errno = saved;
		return (-1);
	}
	statedir_owner(fd);
	return (fd);
}
