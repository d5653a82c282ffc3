/*
 * The state directory: made, given to its user, locked.  This runs as root at
 * times, in a directory that belongs to another user, who may put a link in
 * the place of anything at any moment.  So below it nothing changes its owner
 * but what a call has made itself; files are made as their user; no link is
 * followed, and what was opened is checked by its descriptor.
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

#include "lib/base/asuser.h"
#include "lib/base/log.h"
#include "lib/base/statedir.h"

/* The directories above it, as mkdir -p makes them; 0, or -1 with errno. */
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

/*
 * Does it hold only what this program puts there? A directory of somebody else
 * is not taken over.  What cannot be read counts as not ours.
 */
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
		/* db.damaged.DATE and the like */
		ours = i < n || strncmp(de->d_name, "db.", 3) == 0;
	}
	closedir(d);
	return (ours);
}

/*
 * The state directory itself, whose name comes from root's configuration: one
 * that this call made, or that root made for us, becomes uid's.
 */
static int
own_state(int fd, const char *path, int made, uid_t uid, gid_t gid)
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
	if (st.st_uid != 0 || (!made && !only_ours(fd))) {
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

/* Logs that STATE/name has the wrong owner, with the remedy; returns -1. */
static int
not_ours(const char *dir, const char *name, uid_t is, uid_t uid)
{
	log_warnx("%s/%s belongs to user %u, not to user %u; remove it, or, "
	    "if it is right, chown it to user %u", dir, name,
	    (unsigned int)is, (unsigned int)uid, (unsigned int)uid);
	return (-1);
}

/* Is it a file that the database opens by its name? */
static int
is_database(const char *name)
{
	return (strcmp(name, "grey.db") == 0 ||
	    strcmp(name, "expire.db") == 0 || strncmp(name, "log.", 4) == 0);
}

/*
 * Files that root or somebody else put there are named, and not given away:
 * the directory is another user's, so any of them may be a second name of a
 * file elsewhere.
 */
static int
check_files(int dfd, const char *path, uid_t uid)
{
	struct dirent	*de;
	struct stat	 st;
	DIR		*d;
	int		 copy, rc = 0;

	if ((copy = dup(dfd)) == -1 || (d = fdopendir(copy)) == NULL) {
		log_warn("%s", path);
		return (-1);
	}
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (!is_database(de->d_name) || fstatat(dfd, de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		if (st.st_uid != uid)
			rc = not_ours(path, de->d_name, st.st_uid, uid);
		else if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
			log_warnx("%s/%s is not a regular file with a single link; "
			    "remove it", path, de->d_name);
			rc = -1;
		}
	}
	closedir(d);
	return (rc);
}

/* STATE/db: made as its user, so that its owner need not be changed. */
static int
make_db(int dfd, const char *dir, uid_t uid, gid_t gid)
{
	struct stat	st;
	char		path[PATH_MAX];
	int		fd, rc, saved;

	snprintf(path, sizeof(path), "%s/db", dir);
	if (as_user_begin(uid, gid) == -1) {
		log_warn("cannot become user %u", (unsigned int)uid);
		return (-1);
	}
	rc = mkdirat(dfd, "db", 0700);
	saved = errno;
	as_user_end();
	errno = saved;
	if (rc == -1 && errno != EEXIST) {
		log_warn("cannot make %s; make it, or name another with "
		    "`state directory'", path);
		return (-1);
	}
	if ((fd = openat(dfd, "db", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC)) == -1 || fstat(fd, &st) == -1) {
		log_warn("cannot open %s; it must be a directory of user %u, "
		    "not a link", path, (unsigned int)uid);
		if (fd != -1)
			close(fd);
		return (-1);
	}
	rc = st.st_uid != uid ? not_ours(dir, "db", st.st_uid, uid) :
	    check_files(fd, path, uid);
	close(fd);
	return (rc);
}

/* A power cut must not take the new directory away with all that is in it. */
static void
sync_above(int fd)
{
	int	above;

	if ((above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return;		/* not ours to read; the system will sync it */
	(void)fsync(above);
	close(above);
}

/*
 * O_NOFOLLOW only for a directory that this call has made: the administrator
 * may have made the configured path a link.
 */
int
statedir_make(const char *dir, uid_t uid, gid_t gid)
{
	int	fd, made, rc = -1;

	if (make_above(dir) == -1) {
		log_warn("cannot make the directory for %s; make it, or name "
		    "another with `state directory'", dir);
		return (-1);
	}
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST) {
		log_warn("cannot make %s; make it, or name another with "
		    "`state directory'", dir);
		return (-1);
	}
	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (made ? O_NOFOLLOW : 0))) == -1) {
		log_warn("cannot open %s; it must be a directory of this user",
		    dir);
		return (-1);
	}
	if (made)
		sync_above(fd);
	if (own_state(fd, dir, made, uid, gid) == 0)
		rc = make_db(fd, dir, uid, gid);
	close(fd);
	return (rc);
}

/*
 * Opens a directory in the state directory, not through a link; -1 with errno.
 */
static int
sub_open(int dfd, const char *name, struct stat *st)
{
	int	fd, saved;

	if ((fd = openat(dfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC)) == -1)
		return (-1);
	if (fstat(fd, st) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

static int
state_open(const char *dir)
{
	return (open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/*
 * A directory that its group or others can write may hold files of anybody, so
 * it is refused.
 */
int
statedir_sub(const char *dir, const char *name, uid_t uid)
{
	struct stat	st;
	int		dfd, fd, saved;

	if ((dfd = state_open(dir)) == -1)
		return (-1);
	fd = sub_open(dfd, name, &st);
	saved = errno;
	close(dfd);
	if (fd != -1 && (st.st_uid != uid || (st.st_mode & 022) != 0)) {
		close(fd);
		fd = -1;
		saved = EPERM;
	}
	errno = saved;
	return (fd);
}

int
statedir_sub_make(const char *dir, const char *name)
{
	int	dfd, fd, saved;

	if ((dfd = state_open(dir)) == -1)
		return (-1);
	fd = mkdirat(dfd, name, 0700);
	saved = errno;
	close(dfd);
	if (fd == -1 && saved != EEXIST) {
		errno = saved;
		return (-1);
	}
	return (statedir_sub(dir, name, geteuid()));
}

/* 1 only when it is certain. */
static int
is_empty(int fd)
{
	struct dirent	*de;
	DIR		*d;
	int		 copy, empty = 1;

	if ((copy = dup(fd)) == -1 || (d = fdopendir(copy)) == NULL)
		return (0);
	while (empty && (de = readdir(d)) != NULL)
		empty = strcmp(de->d_name, ".") == 0 ||
		    strcmp(de->d_name, "..") == 0;
	closedir(d);
	return (empty);
}

/*
 * A spool that this call made becomes uid's.  Neither that user nor the owner
 * of the state directory could make it: the one has no rights there, the other
 * may not give files away.  The check that it is root's and empty keeps out
 * what the owner of the state directory might have moved into its place.
 */
static int
spool_own(int fd, const char *dir, int made, const struct stat *st, uid_t uid,
    gid_t gid)
{
	if (geteuid() == 0 && st->st_uid != uid) {
		if (!made || st->st_uid != 0 || !is_empty(fd))
			return (not_ours(dir, "spool", st->st_uid, uid));
		if (fchown(fd, uid, gid) == -1) {
			log_warn("%s/spool: chown to user %u", dir,
			    (unsigned int)uid);
			return (-1);
		}
	}
	if ((st->st_mode & 07777) != 0700 && fchmod(fd, 0700) == -1) {
		log_warn("%s/spool: chmod", dir);
		return (-1);
	}
	return (0);
}

/*
 * Removes what an earlier run left; a file that cannot be removed is logged.
 */
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
	int		dfd, fd, made, rc;

	snprintf(path, sizeof(path), "%s/spool", dir);
	if ((dfd = state_open(dir)) == -1) {
		log_warn("%s", dir);
		return (-1);
	}
	made = mkdirat(dfd, "spool", 0700) == 0;
	if (!made && errno != EEXIST) {
		log_warn("cannot make %s; make it, or name another directory "
		    "with `state directory'", path);
		close(dfd);
		return (-1);
	}
	fd = sub_open(dfd, "spool", &st);
	close(dfd);
	if (fd == -1) {
		log_warn("cannot open %s; it must be a directory, and of the "
		    "daemon's user", path);
		return (-1);
	}
	if ((rc = spool_own(fd, dir, made, &st, uid, gid)) == 0)
		spool_empty(fd, path);
	close(fd);
	return (rc);
}

/*
 * The pid in the lock is for messages; nothing is decided by it.  0: unknown.
 */
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
		log_debug("cannot write the process id into the lock file");
}

/*
 * Opened as the state directory's user, who may put anything in its place: as
 * root a second name of another's file would be given away and overwritten.
 */
static int
lock_open(int dfd, const char *path)
{
	struct stat	above, st;
	int		fd, saved;

	if (fstat(dfd, &above) == -1 ||
	    as_user_begin(above.st_uid, above.st_gid) == -1) {
		log_warn("%s", path);
		return (-1);
	}
	fd = openat(dfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC, 0600);
	saved = errno;
	as_user_end();
	errno = saved;
	if (fd == -1) {
		log_warn("%s; it must be a file of the user that the state "
		    "directory belongs to", path);
		return (-1);
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_nlink != 1 ||
	    st.st_uid != (geteuid() == 0 ? above.st_uid : geteuid())) {
		log_warnx("%s is not a regular file with a single link that "
		    "belongs to the owner of the state directory; remove it", path);
		close(fd);
		errno = EPERM;
		return (-1);
	}
	return (fd);
}

int
statedir_lock(const char *dir, pid_t *pid)
{
	char	path[PATH_MAX];
	int	dfd, fd, saved;

	*pid = 0;
	snprintf(path, sizeof(path), "%s/lock", dir);
	if ((dfd = state_open(dir)) == -1) {
		saved = errno;
		log_warn("%s; check that it exists and belongs to this user",
		    dir);
		errno = saved;
		return (-1);
	}
	fd = lock_open(dfd, path);
	saved = errno;
	close(dfd);
	if (fd == -1) {
		errno = saved == EWOULDBLOCK ? EIO : saved;
		return (-1);
	}
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
