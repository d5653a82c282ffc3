/*
 * What the database needs of the file system besides reads and writes.
 *
 * A sync of a file does not have to bring its name to the disk, so a log file
 * that is new could be gone after a power cut, and with it what was committed
 * to it.  libdb does not sync directories.  So it opens, renames and removes
 * files by the functions here, which do it.
 *
 * After a sync that failed, a kernel may hold what was written for clean: the
 * next sync succeeds, and the data are not on the disk.  A recovery does not
 * help, because it reads the new pages from memory and finds nothing to do.
 * So all files are written again before the next open.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/db/db_int.h"

#define COPY_BLOCK	(64 * 1024)

/* A sync of a file failed; both threads. */
static atomic_int	sync_failed;

/* EINVAL: this file system does not sync directories.  0, or -1 with errno. */
int
db_sync_dir(const char *path)
{
	int	fd, rc, saved;

	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if ((rc = fsync(fd)) == -1 && errno == EINVAL)
		rc = 0;
	saved = errno;
	close(fd);
	errno = saved;
	return (rc);
}

/* Syncs the directory that a file is in. */
static int
sync_parent(const char *path)
{
	char	dir[PATH_MAX], *slash;

	if (strlcpy(dir, path, sizeof(dir)) >= sizeof(dir) ||
	    (slash = strrchr(dir, '/')) == NULL) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	*slash = '\0';
	return (db_sync_dir(dir));
}

/* A file whose name may not be on disk is removed again, so that the next try
 * makes it and syncs it. */
static int
make_file(const char *path, int flags, mode_t mode)
{
	int	fd, saved;

	if ((fd = open(path, flags, mode)) == -1 || sync_parent(path) == 0)
		return (fd);
	saved = errno;
	close(fd);
	(void)unlink(path);
	errno = saved;
	return (-1);
}

static int
file_open(const char *path, int flags, ...)
{
	va_list	ap;
	mode_t	mode = 0;
	int	fd;

	flags |= O_CLOEXEC;
	if ((flags & O_CREAT) == 0)
		return (open(path, flags));
	va_start(ap, flags);
	mode = (mode_t)va_arg(ap, int);
	va_end(ap);
	if ((flags & O_EXCL) == 0 && ((fd = open(path, flags & ~O_CREAT)) !=
	    -1 || errno != ENOENT))
		return (fd);
	return (make_file(path, flags, mode));
}

/* These three return 0 or an errno, as libdb expects of them. */
static int
file_rename(const char *from, const char *to)
{
	return (rename(from, to) == -1 || sync_parent(to) == -1 ? errno : 0);
}

/* In the order of the calls, so that no older log file outlives a newer one. */
static int
file_unlink(const char *path)
{
	return (unlink(path) == -1 || sync_parent(path) == -1 ? errno : 0);
}

static int
file_sync(int fd)
{
	int	rc;

	while ((rc = fdatasync(fd)) == -1 && errno == EINTR)
		;
	if (rc == 0)
		return (0);
	atomic_store(&sync_failed, 1);
	return (errno);
}

/* Before the first use of libdb; they are the process's own. */
void
db_files_init(void)
{
	db_env_set_func_open(file_open);
	db_env_set_func_rename(file_rename);
	db_env_set_func_unlink(file_unlink);
	db_env_set_func_fsync(file_sync);
}

/* Writes a file over itself, and syncs it. */
static int
write_again(const char *path, char *block)
{
	ssize_t	n;
	off_t	off = 0;
	int	fd, saved, rc = 0;

	if ((fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-1);
	while (rc == 0 && (n = pread(fd, block, COPY_BLOCK, off)) != 0) {
		if (n == -1 || pwrite(fd, block, (size_t)n, off) != n)
			rc = -1;
		off += n;
	}
	if (rc == 0 && (errno = file_sync(fd)) != 0)
		rc = -1;
	saved = errno;
	close(fd);
	errno = saved;
	return (rc);
}

/* 0, or -1 with errno: the disk still fails. */
int
db_files_repair(const char *home)
{
	struct dirent	*de;
	char		 path[PATH_MAX], *block;
	DIR		*d;
	int		 rc = 0, saved;

	if (!atomic_exchange(&sync_failed, 0))
		return (0);
	block = malloc(COPY_BLOCK);
	if (block == NULL || (d = opendir(home)) == NULL)
		rc = -1;
	else {
		while (rc == 0 && (de = readdir(d)) != NULL) {
			if (de->d_type == DT_DIR || de->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s", home, de->d_name);
			rc = write_again(path, block);
		}
		closedir(d);
	}
	saved = errno;
	free(block);
	if (rc == -1)
		atomic_store(&sync_failed, 1);
	errno = saved;
	return (rc);
}
