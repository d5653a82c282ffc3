/*
 * For LD_PRELOAD: writes each change of the database's directory to a journal,
 * with its data and in order, and each fsync(2).  One lock holds the call and
 * its record together, so that the order in the journal is the one that the
 * kernel saw.
 *	RECORD		the journal; without it nothing is recorded
 *	RECORD_ACK	a descriptor: what is written to it is a promise
 *	RECORD_FAIL	the N-th sync of a *.db file fails with EIO, and what was
 *			written to the file since its last sync never gets to
 *			the disk (as a kernel does it that marks the pages clean)
 * Build: cc -shared -fPIC -o regress/obj/record.so regress/db/record.c -ldl
 */
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "regress/lib/record.h"

#define FDS	4096

int	open(const char *, int, ...);
int	open64(const char *, int, ...);
int	__open_2(const char *, int);
int	ftruncate64(int, off_t);
ssize_t	pwrite64(int, const void *, size_t, off_t);

static int	(*real_open)(const char *, int, ...);
static int	(*real_close)(int);
static int	(*real_fsync)(int), (*real_fdatasync)(int);
static int	(*real_ftruncate)(int, off_t);
static int	(*real_rename)(const char *, const char *);
static int	(*real_unlink)(const char *);
static int	(*real_mkdir)(const char *, mode_t);
static ssize_t	(*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t	(*real_write)(int, const void *, size_t);

static pthread_mutex_t	mtx = PTHREAD_MUTEX_INITIALIZER;
static int		journal = -1, ack = -1, fail_at;
static struct {
	char		name[RECORD_NAME];	/* "": not of the database */
	uint64_t	file;
	int		is_dir;
} fds[FDS];

#define REAL(name)	*(void **)&real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void
begin(void)
{
	const char	*s;

	REAL(open); REAL(close); REAL(fsync); REAL(fdatasync);
	REAL(ftruncate); REAL(rename); REAL(unlink); REAL(mkdir);
	REAL(pwrite); REAL(write);
	if ((s = getenv("RECORD")) == NULL)
		return;
	journal = real_open(s, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if ((s = getenv("RECORD_ACK")) != NULL)
		ack = atoi(s);
	if ((s = getenv("RECORD_FAIL")) != NULL)
		fail_at = atoi(s);
}

static void
put(enum record_op op, uint64_t file, uint64_t off, const char *name,
    const char *name2, const void *data, size_t len)
{
	struct record	r;
	struct timespec	ts;
	static char	pad[8];
	size_t		all = sizeof(r) + RECORD_PAD(len);
	struct iovec	iov[3] = { { &r, sizeof(r) }, { NULL, len },
			    { pad, RECORD_PAD(len) - len } };

	memset(&r, 0, sizeof(r));
	clock_gettime(CLOCK_MONOTONIC, &ts);
	r.time = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	r.op = op;
	r.file = file;
	r.off = off;
	r.len = (uint32_t)len;
	if (name != NULL)
		strncpy(r.name, name, RECORD_NAME - 1);
	if (name2 != NULL)
		strncpy(r.name2, name2, RECORD_NAME - 1);
	memcpy(&iov[1].iov_base, &data, sizeof(data));
	if (writev(journal, iov, 3) != (ssize_t)all)
		abort();
}

/* "db/grey.db", "db", or "." for the state directory; 0: something else. */
static int
name_of(const char *path, char *name)
{
	const char	*slash, *last = strrchr(path, '/');
	size_t		 len;

	if (journal == -1)
		return (0);
	if (last == NULL)
		last = path - 1;
	for (slash = last; slash > path && slash[-1] != '/'; slash--)
		;
	if (last > path && last - slash == 2 && strncmp(slash, "db", 2) == 0 &&
	    last[1] != '\0') {
		len = strlen(slash);
		if (len >= RECORD_NAME)
			return (0);
		memcpy(name, slash, len + 1);
		return (1);
	}
	strcpy(name, strcmp(last + 1, "db") == 0 ? "db" : ".");
	return (strcmp(last + 1, "db") == 0 || strcmp(path, ".") == 0 ||
	    (getenv("RECORD_STATE") != NULL &&
	    strcmp(path, getenv("RECORD_STATE")) == 0));
}

static int
do_open(const char *path, int flags, mode_t mode)
{
	char		name[RECORD_NAME];
	struct stat	st;
	int		fd, is_new, ours = name_of(path, name);

	pthread_mutex_lock(&mtx);
	is_new = ours && (flags & O_CREAT) && lstat(path, &st) == -1;
	fd = real_open(path, flags, mode);
	if (fd != -1 && fd < FDS && ours && fstat(fd, &st) == 0) {
		strcpy(fds[fd].name, name);
		fds[fd].file = st.st_ino;
		fds[fd].is_dir = S_ISDIR(st.st_mode);
		if (is_new)
			put(REC_CREATE, st.st_ino, 0, name, NULL, NULL, 0);
		else if (flags & O_TRUNC)
			put(REC_SIZE, st.st_ino, 0, NULL, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&mtx);
	return (fd);
}

#define OPEN(fn) int							\
fn(const char *path, int flags, ...)					\
{									\
	va_list	ap;							\
	int	mode = 0;						\
									\
	va_start(ap, flags);						\
	if (flags & O_CREAT)						\
		mode = va_arg(ap, int);					\
	va_end(ap);							\
	return (do_open(path, flags, (mode_t)mode));			\
}
OPEN(open)
OPEN(open64)

/* What open is with _FORTIFY_SOURCE and without a mode. */
int
__open_2(const char *path, int flags)
{
	return (do_open(path, flags, 0));
}

int
close(int fd)
{
	int	rc;

	pthread_mutex_lock(&mtx);
	if (fd >= 0 && fd < FDS)
		fds[fd].name[0] = '\0';
	rc = real_close(fd);
	pthread_mutex_unlock(&mtx);
	return (rc);
}

static int
ours(int fd)
{
	return (fd >= 0 && fd < FDS && fds[fd].name[0] != '\0');
}

static ssize_t
do_pwrite(int fd, const void *data, size_t len, off_t off)
{
	ssize_t	n;

	if (!ours(fd))
		return (real_pwrite(fd, data, len, off));
	pthread_mutex_lock(&mtx);
	if ((n = real_pwrite(fd, data, len, off)) > 0)
		put(REC_WRITE, fds[fd].file, (uint64_t)off, NULL, NULL, data,
		    (size_t)n);
	pthread_mutex_unlock(&mtx);
	return (n);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t off)
{
	return (do_pwrite(fd, data, len, off));
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t off)
{
	return (do_pwrite(fd, data, len, off));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t	n;
	off_t	off;

	if (journal != -1 && fd == ack) {
		pthread_mutex_lock(&mtx);
		put(REC_ACK, 0, 0, NULL, NULL, data, len);
		pthread_mutex_unlock(&mtx);
	}
	if (!ours(fd))
		return (real_write(fd, data, len));
	pthread_mutex_lock(&mtx);
	off = lseek(fd, 0, SEEK_CUR);
	if ((n = real_write(fd, data, len)) > 0)
		put(REC_WRITE, fds[fd].file, (uint64_t)off, NULL, NULL, data,
		    (size_t)n);
	pthread_mutex_unlock(&mtx);
	return (n);
}

static int
do_ftruncate(int fd, off_t size)
{
	int	rc;

	if (!ours(fd))
		return (real_ftruncate(fd, size));
	pthread_mutex_lock(&mtx);
	if ((rc = real_ftruncate(fd, size)) == 0)
		put(REC_SIZE, fds[fd].file, (uint64_t)size, NULL, NULL, NULL,
		    0);
	pthread_mutex_unlock(&mtx);
	return (rc);
}

int ftruncate(int fd, off_t size) { return (do_ftruncate(fd, size)); }
int ftruncate64(int fd, off_t size) { return (do_ftruncate(fd, size)); }

static int
do_sync(int fd, int (*real)(int))
{
	const char	*end;
	int		 rc = 0;

	if (!ours(fd))
		return (real(fd));
	pthread_mutex_lock(&mtx);
	end = strrchr(fds[fd].name, '.');
	if (fail_at > 0 && end != NULL && strcmp(end, ".db") == 0 &&
	    --fail_at == 0) {
		put(REC_SYNC_FAILED, fds[fd].file, 0, NULL, NULL, NULL, 0);
		errno = EIO;
		rc = -1;
	} else if ((rc = real(fd)) == 0)
		put(fds[fd].is_dir ? REC_SYNC_DIR : REC_SYNC, fds[fd].file, 0,
		    fds[fd].name, NULL, NULL, 0);
	pthread_mutex_unlock(&mtx);
	return (rc);
}

int fsync(int fd) { return (do_sync(fd, real_fsync)); }
int fdatasync(int fd) { return (do_sync(fd, real_fdatasync)); }

int
rename(const char *from, const char *to)
{
	char	a[RECORD_NAME], b[RECORD_NAME];
	int	rc, ours = name_of(from, a) & name_of(to, b);

	pthread_mutex_lock(&mtx);
	if ((rc = real_rename(from, to)) == 0 && ours)
		put(REC_RENAME, 0, 0, a, b, NULL, 0);
	pthread_mutex_unlock(&mtx);
	return (rc);
}

int
unlink(const char *path)
{
	char	a[RECORD_NAME];
	int	rc, ours = name_of(path, a);

	pthread_mutex_lock(&mtx);
	if ((rc = real_unlink(path)) == 0 && ours)
		put(REC_UNLINK, 0, 0, a, NULL, NULL, 0);
	pthread_mutex_unlock(&mtx);
	return (rc);
}

int
mkdir(const char *path, mode_t mode)
{
	char	a[RECORD_NAME];
	int	rc, ours = name_of(path, a);

	pthread_mutex_lock(&mtx);
	if ((rc = real_mkdir(path, mode)) == 0 && ours)
		put(REC_MKDIR, 0, 0, a, NULL, NULL, 0);
	pthread_mutex_unlock(&mtx);
	return (rc);
}
