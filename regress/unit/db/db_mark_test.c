/*
 * A damaged log is noticed by commits that are missing after recovery.  A child
 * fills the database and is killed; then its log or its mark is damaged.
 * After a clean end the files are not read again.
 */
/* LIBS: -ldb */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <unistd.h>

#include "lib/db/db_int.h"
#include "lib/base/log.h"
#include "regress/lib/tap.h"

#define BATCHES		100
#define BATCH		50

static char	 dir[] = "/tmp/db_mark_test.XXXXXX";
static struct db *db;

static unsigned int	lines;

static void
quiet(int priority, const char *line, void *arg)
{
	lines++;
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (strcmp(path, dir) == 0 ? 0 : remove(path));
}

static int
open_db(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	return (db_open(&db, dir, &opts));
}

static void
write_batch(unsigned int n)
{
	struct entry	e;
	unsigned int	i;
	char		ip[20], from[64];

	if (db_begin(db) != DB_OK)
		abort();
	for (i = 0; i < BATCH; i++) {
		entry_init(&e, ENTRY_GREY);
		snprintf(ip, sizeof(ip), "10.%u.%u.1", n, i);
		addr_parse(ip, &e.addr);
		e.net = e.addr;
		e.hash = n * 1000 + i;
		e.expire = 2000000000;
		snprintf(from, sizeof(from), "<sender-%u-%u@example.org>", n, i);
		e.helo = "mail.example.org";
		e.from = from;
		e.to = "<to@example.net>";
		if (db_put(db, &e) != DB_OK)
			abort();
	}
	db_counted(db, (n + 1) * BATCH);
	if (db_commit(db) != DB_OK)
		abort();
}

/* A new database in which a process was killed after its last commit. */
static void
fill(void)
{
	unsigned int	n;
	pid_t		pid;

	fflush(stdout);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if ((pid = fork()) == 0) {
		if (open_db() == -1)
			_exit(1);
		for (n = 0; n < BATCHES; n++)
			write_batch(n);
		kill(getpid(), SIGKILL);
	}
	if (pid == -1 || waitpid(pid, NULL, 0) != pid)
		abort();
}

static int
see(const struct entry *e, void *arg)
{
	(void)e;
	++*(unsigned long *)arg;
	return (0);
}

static unsigned long
count(void)
{
	struct db_pos	pos;
	unsigned long	n = 0;

	memset(&pos, 0, sizeof(pos));
	while (!pos.done)
		if (db_walk(db, &pos, "g", NULL, 5000, see, &n) != DB_OK)
			return (0);
	return (n);
}

/* Octets in the middle of the last log file, or at its end, are others. */
static void
spoil_log(int at_end)
{
	char		pattern[64], c;
	off_t		end;
	glob_t		g;
	int		fd;

	snprintf(pattern, sizeof(pattern), "%s/db/log.*", dir);
	if (glob(pattern, 0, NULL, &g) != 0 ||
	    (fd = open(g.gl_pathv[g.gl_pathc - 1], O_RDWR)) == -1 ||
	    (end = lseek(fd, 0, SEEK_END)) == -1)
		abort();
	/* What was not written yet is zero. */
	while (end > 0 && pread(fd, &c, 1, end - 1) == 1 && c == '\0')
		end--;
	if (pwrite(fd, "spoilt", 6, at_end ? end - 6 : end / 2) != 6)
		abort();
	close(fd);
	globfree(&g);
}

static const char *
mark_path(void)
{
	static char	path[64];

	snprintf(path, sizeof(path), "%s/db/mark", dir);
	return (path);
}

static void
test_damage(void)
{
	struct db_lost	lost;
	unsigned long	here;

	fill();
	ok(open_db() == 0 && !db_lost(db, &lost), "a kill loses nothing");
	is_int(count(), BATCHES * BATCH, "all entries are there");
	db_close(db);

	fill();
	spoil_log(0);
	is_int(open_db(), 0, "a log damaged in its middle");
	here = count();
	ok(here > 0 && here < BATCHES * BATCH, "has lost entries");
	ok(db_lost(db, &lost), "the loss is noticed");
	is_int((long)lost.commits, (long)(BATCHES - here / BATCH),
	    "it counts the lost commits");
	is_int((long)lost.entries, BATCHES * BATCH,
	    "it knows how many entries there were");
	ok(lost.time > 1700000000, "and when");
	write_batch(BATCHES);
	db_close(db);
	ok(open_db() == 0 && !db_lost(db, &lost), "it is told once");
	db_close(db);

	fill();
	spoil_log(1);
	is_int(open_db(), 0, "the last record is damaged");
	is_int(count(), (BATCHES - 1) * BATCH, "one batch is missing");
	ok(db_lost(db, &lost) && lost.commits == 1,
	    "one lost commit is noticed");
	db_close(db);
}

/* The mark is only ever a witness: without a good one nothing is claimed. */
static void
test_mark(void)
{
	struct db_lost	lost;
	struct stat	before, after;
	char		other[64];
	int		fd;

	fill();
	if ((fd = open(mark_path(), O_RDWR)) == -1 ||
	    pwrite(fd, "9", 1, 27) != 1)
		abort();
	close(fd);
	ok(open_db() == 0 && !db_lost(db, &lost), "a torn mark claims nothing");
	db_close(db);
	fill();
	unlink(mark_path());
	ok(open_db() == 0 && !db_lost(db, &lost), "nor does a missing one");
	write_batch(BATCHES);
	db_close(db);
	ok(access(mark_path(), R_OK) == 0, "which is made again");
	snprintf(other, sizeof(other), "%s/other", dir);
	if (rename(mark_path(), other) == -1 ||
	    symlink(other, mark_path()) == -1 || stat(other, &before) == -1)
		abort();
	ok(open_db() == 0 && !db_lost(db, &lost), "a symbolic link");
	write_batch(BATCHES + 1);
	db_close(db);
	ok(stat(other, &after) == 0 &&
	    before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
	    before.st_mtim.tv_nsec == after.st_mtim.tv_nsec,
	    "is not followed");
}

static int
is_clean(void)
{
	char	path[64];

	snprintf(path, sizeof(path), "%s/db/clean", dir);
	return (access(path, F_OK) == 0);
}

/* A page in the middle of the entries becomes zero, which libdb's checksums do
 * not show; or the file gets one more, which libdb does not read. */
static void
spoil_page(int longer)
{
	static const char	zero[4096];
	char			path[64];
	struct stat		st;
	off_t			at;
	int			fd;

	snprintf(path, sizeof(path), "%s/db/grey.db", dir);
	if ((fd = open(path, O_RDWR)) == -1 || fstat(fd, &st) == -1)
		abort();
	at = st.st_size / 8192 * 4096;
	if (longer ? ftruncate(fd, st.st_size + 4096) == -1 :
	    pwrite(fd, zero, sizeof(zero), at) != sizeof(zero))
		abort();
	close(fd);
}

/* Opens it, and returns how many lines that logged. */
static unsigned int
open_lines(void)
{
	lines = 0;
	return (open_db() == 0 ? lines : 1000);
}

static void
test_clean(void)
{
	fill();
	ok(!is_clean(), "a kill is no clean end");
	is_int(open_db(), 0, "the next start");
	db_close(db);
	ok(is_clean(), "a close is one");
	spoil_page(0);
	is_int(open_lines(), 0, "its pages are not read again");
	ok(!is_clean(), "while it is open it is not clean");
	db_close(db);
	spoil_page(1);
	ok(open_lines() > 0, "the mark is not believed for other files");
	db_close(db);

	fill();
	spoil_page(0);
	ok(open_lines() > 0, "without the mark the pages are read");
	db_close(db);
}

/* An error while it is open, of which the files know nothing. */
static void
test_reopen(void)
{
	fill();
	is_int(open_db(), 0, "open");
	ok(!db_is_same(db), "before an error there is nothing to compare");
	db_fail(db, EIO, "test");
	spoil_page(0);
	ok(db_reopen(db) == 0 && db_is_same(db),
	    "after it the pages are not read, and the commits are the same");
	db_close(db);
	ok(!is_clean(), "but the end is not clean, so that the next start does");
	ok(open_lines() > 0, "which it does");
	write_batch(BATCHES);
	db->serial--;
	db_fail(db, EIO, "commit");
	ok(db_reopen(db) == 0 && !db_is_same(db),
	    "a commit that failed and is there");
	db_close(db);
}

int
main(void)
{
	alarm(300);
	log_set_sink(quiet, NULL);
	if (mkdtemp(dir) == NULL)
		return (1);
	test_damage();
	test_mark();
	test_clean();
	test_reopen();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	rmdir(dir);
	return (done());
}
