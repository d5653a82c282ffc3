/*
 * The spool: several readers read what was written, from memory and from a
 * file; the limits hold; a full disk loses only the message; nothing is left
 * over.  The test starts "spool_test full" itself, in a file system of 64K.
 */
/* LINK: spamgreyd/pass/message */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "spamgreyd/pass/message/spool.h"
#include "regress/lib/tap.h"

static char	dir[] = "/tmp/spool_test.XXXXXX";

static uint8_t
octet(uint64_t at)
{
	return ((uint8_t)(at * 167 + (at >> 8) * 13 + (at >> 16)));
}

/* So many octets more, in pieces of that size. */
static int
fill(struct spool *s, size_t len, size_t piece)
{
	uint8_t	 b[8192];
	uint64_t at = spool_size(s), end = at + len;
	size_t	 n, i;

	for (; at < end; at += n) {
		n = end - at < piece ? (size_t)(end - at) : piece;
		for (i = 0; i < n; i++)
			b[i] = octet(at + i);
		if (spool_write(s, b, n) == -1)
			return (-1);
	}
	return (0);
}

static int
right(const struct spool *s, size_t piece)
{
	uint8_t	 b[8192];
	uint64_t at = 0;
	ssize_t	 n;
	size_t	 i;

	while ((n = spool_read(s, at, b, piece)) > 0) {
		for (i = 0; i < (size_t)n; i++)
			if (b[i] != octet(at + i))
				return (0);
		at += (size_t)n;
	}
	return (n == 0 && at == spool_size(s));
}

static uint64_t
memory(void)
{
	uint64_t	m, f;
	uint32_t	n;

	spool_stats(&m, &f, &n);
	return (m);
}

static uint64_t
files(void)
{
	uint64_t	m, f;
	uint32_t	n;

	spool_stats(&m, &f, &n);
	return (f);
}

static int
empty_directory(void)
{
	struct dirent	*d;
	DIR		*dp = opendir(".");
	int		 n = 0;

	while (dp != NULL && (d = readdir(dp)) != NULL)
		n++;
	if (dp != NULL)
		closedir(dp);
	return (n == 2);
}

static void
test_memory(void)
{
	struct spool	*s = spool_new();
	const uint8_t	*p;
	uint8_t		 b[8];
	size_t		 len = 1;

	ok(spool_mem(s, &len) != NULL && len == 0, "empty: in memory");
	is_int(spool_read(s, 0, b, 8), 0, "empty: its end");
	is_int(memory(), 0, "empty: no memory");
	ok(fill(s, 100000, 1000) == 0 && right(s, 777), "in memory");
	p = spool_mem(s, &len);
	ok(p != NULL && len == 100000 && p[99999] == octet(99999),
	    "all of it at once");
	ok(memory() >= 100000 && memory() <= 128 * 1024,
	    "memory: no more than one may have");
	is_int(spool_read(s, 99999, b, 8), 1, "the last octet");
	is_int(spool_read(s, 100000, b, 8), 0, "the end");
	is_int(spool_read(s, UINT64_MAX, b, 8), 0, "past the end");
	is_int(files(), 0, "no file");
	spool_free(s);
	is_int(memory(), 0, "freed");
	s = spool_new();
	fill(s, 100, 100);
	ok(memory() <= 4096, "a small message has little memory");
	spool_free(s);
	spool_free(NULL);
}

/* What is made in place. */
static void
test_room(void)
{
	struct spool	*s = spool_new();
	uint8_t		*p = spool_room(s, 3000, 20000);
	size_t		 i;

	ok(p != NULL && memory() >= 20000, "room for what will come");
	for (i = 0; i < 2500; i++)
		p[i] = octet(i);
	spool_wrote(s, 2500);
	ok(spool_size(s) == 2500 && right(s, 4096), "what was made counts");
	ok(fill(s, 1000, 100) == 0 && right(s, 4096), "a write goes behind it");
	ok(spool_room(s, 1000, 1 << 20) != NULL && memory() <= 128 * 1024,
	    "likely is no promise");
	ok(spool_room(s, 128 * 1024 - 3500, 0) != NULL &&
	    spool_room(s, 128 * 1024 - 3499, 0) == NULL, "up to the limit");
	spool_no_dots(s);
	is_int(spool_plain(s), 1, "no dots");
	fill(s, 1, 1);
	is_int(spool_plain(s), 0, "until the next write");
	spool_no_dots(s);
	spool_wrote(s, 0);
	is_int(spool_plain(s), 0, "also one in place");
	fill(s, 128 * 1024, 4096);
	ok(spool_room(s, 1, 1) == NULL, "a file has no room in memory");
	spool_free(s);
	is_int(memory() + files(), 0, "all is freed");
}

static void
test_file(void)
{
	struct spool	*s = spool_new();
	uint8_t		 b[4], c[4];
	size_t		 len;

	fill(s, 128 * 1024, 4096);
	ok(spool_mem(s, &len) != NULL, "at the limit: in memory");
	fill(s, 1, 1);
	ok(spool_mem(s, &len) == NULL, "past it: in a file");
	is_int(memory(), 0, "and no longer in memory");
	is_int(files(), 128 * 1024 + 1, "the file's octets");
	ok(empty_directory(), "which has no name");
	ok(fill(s, 300000, 5000) == 0 && right(s, 8191) && right(s, 1000),
	    "what was written is read");
	/* two readers in turn */
	ok(spool_read(s, 0, b, 4) == 4 && spool_read(s, 200000, c, 4) == 4 &&
	    b[0] == octet(0) && c[0] == octet(200000) &&
	    spool_read(s, 4, b, 4) == 4 && b[0] == octet(4),
	    "readers do not move each other");
	spool_free(s);
	is_int(files(), 0, "freed");
}

static int
fd_right(int fd, uint64_t size)
{
	uint8_t		b[1];
	struct stat	st;

	return (lseek(fd, 0, SEEK_CUR) == 0 && fstat(fd, &st) == 0 &&
	    (uint64_t)st.st_size == size && st.st_nlink == 0 &&
	    pread(fd, b, 1, (off_t)size - 1) == 1 && b[0] == octet(size - 1) &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}

/* Stands at the beginning, wherever the others are, and only reads. */
static int
fd_apart(int fd, size_t len)
{
	return (lseek(fd, 0, SEEK_CUR) == 0 &&
	    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY &&
	    write(fd, "x", 1) == -1 && fd_right(fd, len));
}

static void
test_fd(void)
{
	struct spool	*s = spool_new();
	size_t		 len;
	int		 a, b, i, good = 1;

	fill(s, 5000, 5000);
	a = spool_fd(s);
	ok(lseek(a, 100, SEEK_SET) == 100, "(one that was read from)");
	b = spool_fd(s);
	ok(a != b && fd_apart(b, 5000), "descriptors of a message in memory");
	ok(spool_mem(s, &len) != NULL && right(s, 100), "it stays there");
	is_int(files(), 0, "and has no file of its own for it");
	close(a);
	fill(s, 1000, 1000);
	ok(right(s, 100) && fd_right(b, 5000), "one that grows after all");
	spool_free(s);
	ok(fd_right(b, 5000), "a descriptor outlives the spool");
	close(b);
	for (i = 0; i < 4; i++) {
		spool_readers(i / 2);
		s = spool_new();
		fill(s, 500000, 8192);
		a = spool_fd(s);
		(void)lseek(a, 0, SEEK_END);
		b = spool_fd(s);
		good &= a != b && fd_apart(b, 500000) && right(s, 100) &&
		    (fcntl(a, F_GETFL) & O_ACCMODE) == O_RDONLY &&
		    lseek(a, 0, SEEK_SET) == 0 && fd_right(a, 500000);
		close(a);
		close(b);
		spool_free(s);
	}
	ok(good, "of a message in a file, with one ready and without");
	s = spool_new();
	a = spool_fd(s);
	ok(a != -1 && lseek(a, 0, SEEK_END) == 0, "of an empty one");
	close(a);
	spool_free(s);
	is_int(files(), 0, "all is freed");
	spool_readers(0);
}

static void
test_total(void)
{
	struct spool	*s[20];
	size_t		 i, len, inside = 0;
	int		 good = 1;

	spool_limits(65536, 10 * 65536);
	for (i = 0; i < 20; i++) {
		s[i] = spool_new();
		good &= fill(s[i], 65536, 1024) == 0;
		good &= memory() <= 10 * 65536;
	}
	for (i = 0; i < 20; i++) {
		inside += spool_mem(s[i], &len) != NULL;
		good &= right(s[i], 4096);
	}
	ok(good, "memory of all stays below its limit, all is there");
	is_int(inside, 10, "and it is used up to that");
	for (i = 0; i < 20; i++)
		spool_free(s[i]);
	spool_limits(0, 0);
	s[0] = spool_new();
	ok(fill(s[0], 10, 1) == 0 && right(s[0], 3) && memory() == 0,
	    "no memory at all: a file from the first octet");
	spool_free(s[0]);
	spool_limits(128 * 1024, 256 * 1024 * 1024);
	is_int(memory() + files(), 0, "all is freed");
}

static void
test_files(void)
{
	struct spool	*a, *b;

	spool_limits(0, 0);
	spool_files(100000);
	a = spool_new();
	b = spool_new();
	is_int(fill(a, 60000, 1000), 0, "files have room in all");
	is_int(fill(b, 60000, 1000), -1, "and an end: the disk is not ours");
	is_int(errno, ENOSPC, "as if it were full");
	is_int(files(), 60000, "what was lost is given back");
	spool_free(b);
	spool_limits(65536, 65536);
	b = spool_new();
	is_int(fill(b, 50000, 1000), 0, "memory is not counted");
	is_int(fill(b, 20000, 1000), -1, "until it becomes a file");
	spool_free(a);
	spool_free(b);
	spool_files(UINT64_MAX);
	spool_limits(128 * 1024, 256 * 1024 * 1024);
	is_int(memory() + files(), 0, "all is freed");
}

static void
test_refused(void)
{
	struct spool	*s = spool_new(), *other = spool_new();
	struct rlimit	 old, rl;
	uint8_t		 b[4];

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	rl = old;
	rl.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &rl);
	fill(other, 150000, 8192);
	ok(fill(s, 300000, 7000) == -1 && errno == EFBIG,
	    "a write that fails");
	ok(spool_write(s, "x", 1) == -1 && errno == EFBIG, "and every later");
	ok(spool_read(s, 0, b, 4) == -1 && errno == EFBIG, "it cannot be read");
	ok(spool_fd(s) == -1 && errno == EFBIG, "nor given away");
	is_int(files(), 150000, "what it took is given back");
	ok(right(other, 4096), "the others live");
	spool_free(s);
	spool_free(other);
	setrlimit(RLIMIT_FSIZE, &old);

	/* a directory that is gone takes no file */
	if (mkdir("gone", 0700) == -1 || chdir("gone") == -1 ||
	    rmdir("../gone") == -1)
		exit(1);
	s = spool_new();
	fill(s, 1000, 1000);
	ok(spool_fd(s) == -1 && errno == ENOENT, "no file to give away");
	ok(right(s, 10), "the message in memory lives");
	ok(fill(s, 200000, 1000) == -1 && errno == ENOENT, "no file at all");
	is_int(memory(), 0, "what it took is given back");
	if (chdir(dir) == -1)
		exit(1);
	spool_free(s);
}

/* In a file system of 64K. */
static int
full(void)
{
	struct spool	*s[3];
	int		 good;

	spool_limits(8192, 8192);
	s[0] = spool_new();
	s[1] = spool_new();
	good = fill(s[0], 20000, 1000) == 0;
	good &= fill(s[1], 100000, 3000) == -1 && errno == ENOSPC;
	good &= right(s[0], 1000);
	s[2] = spool_new();
	good &= fill(s[2], 20000, 1000) == 0 && right(s[2], 1000);
	spool_free(s[0]);
	spool_free(s[1]);
	spool_free(s[2]);
	good &= files() == 0 && memory() == 0 && empty_directory();
	return (good ? 0 : 1);
}

static void
test_full(const char *self)
{
	static const char	name[] = "a full disk loses that message alone";
	char			command[2 * PATH_MAX + 200];
	int			status;

	snprintf(command, sizeof(command), "unshare --mount --propagation "
	    "private sh -c 'mount -t tmpfs -o size=64k tmpfs \"$0\" 2>&1 && "
	    "cd \"$0\" || exit 77; exec \"$1\" full' '%s' '%s' >/dev/null "
	    "2>&1", dir, self);
	if (system("unshare --mount --propagation private true 2>/dev/null") !=
	    0) {
		skip(name, "no namespaces here");
		return;
	}
	status = system(command);
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 ||
	    WEXITSTATUS(status) == 127 || geteuid() != 0))
		skip(name, "no file system can be mounted here");
	else
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, name);
}

int
main(int argc, char *argv[])
{
	char	self[PATH_MAX];

	if (argc == 2 && strcmp(argv[1], "full") == 0)
		return (full());
	if (realpath(argv[0], self) == NULL || mkdtemp(dir) == NULL ||
	    chdir(dir) == -1)
		return (1);
	test_memory();
	test_room();
	test_file();
	test_fd();
	test_total();
	test_files();
	test_refused();
	test_full(self);
	ok(empty_directory(), "nothing is left over");
	if (chdir("/") == 0)
		rmdir(dir);
	return (done());
}
