/*
 * What the tests of regress/db do with the database.
 *	dbtool fill DIR		writes entries in batches for ever; after each
 *				commit prints how many are on disk
 *	dbtool check DIR N	checks the database, and that it has entries
 *				0 … N-1
 *	dbtool full DIR		DIR is on its own small file system: fills it,
 *				TAP
 */
/* LIBS: -ldb */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/db/db.h"
#include "lib/base/log.h"
#include "regress/lib/tap.h"

#define BATCH	64

static struct db	*db;

static void
make(struct entry *e, char *buf, size_t size, unsigned long i)
{
	entry_init(e, ENTRY_GREY);
	memset(&e->net, 0, sizeof(e->net));
	e->net.b[10] = e->net.b[11] = 0xff;
	e->net.b[12] = 10;
	e->net.b[13] = (uint8_t)(i >> 16);
	e->net.b[14] = (uint8_t)(i >> 8);
	e->net.b[15] = (uint8_t)i;
	e->addr = e->net;
	e->hash = i * UINT64_C(0x9e3779b97f4a7c15);
	e->first = 1700000000;
	e->expire = e->pass = 1700000000 + (int64_t)(i / 100);
	e->block = 1;
	snprintf(buf, size, "<user%lu@a-domain-of-some-length.example.org>", i);
	e->helo = "mail.example.org";
	e->from = buf;
	e->to = "<to@example.net>";
}

static int
write_batch(unsigned long from)
{
	char		buf[128];
	struct entry	e;
	unsigned long	i;

	if (db_begin(db) != DB_OK)
		return (-1);
	for (i = from; i < from + BATCH; i++) {
		make(&e, buf, sizeof(buf), i);
		if (db_put(db, &e) != DB_OK) {
			db_abort(db);
			return (-1);
		}
	}
	return (db_commit(db) == DB_OK ? 0 : -1);
}

static int
is_there(unsigned long i)
{
	char		buf[128];
	struct entry	e, found;

	make(&e, buf, sizeof(buf), i);
	return (db_get(db, &e, &found) == DB_OK &&
	    strcmp(found.from, buf) == 0 && found.expire == e.expire);
}

static unsigned long
count_missing(unsigned long n)
{
	unsigned long	i, missing = 0;

	for (i = 0; i < n; i++)
		missing += !is_there(i);
	return (missing);
}

struct seen {
	unsigned long	n;
	struct db_pos	pos;
};

static int
see(const struct entry *e, void *arg)
{
	struct seen	*s = arg;

	(void)e;
	s->n++;
	return (0);
}

static unsigned long
count_all(void)
{
	struct seen	s;

	memset(&s, 0, sizeof(s));
	while (!s.pos.done)
		if (db_walk(db, &s.pos, "g", NULL, 5000, see, &s) != DB_OK)
			return (0);
	return (s.n);
}

static int
fill(const char *dir)
{
	unsigned long	n;

	if (db_open(&db, dir, NULL) == -1)
		return (1);
	for (n = 0; write_batch(n) == 0; n += BATCH) {
		printf("%lu\n", n + BATCH);
		fflush(stdout);
	}
	return (1);
}

static int
check(const char *dir, unsigned long n)
{
	unsigned long	missing, all;
	size_t		expired = 0, one;

	if (db_open(&db, dir, NULL) == -1)
		return (1);
	missing = count_missing(n);
	all = count_all();
	printf("promised %lu missing %lu there %lu\n", n, missing, all);
	/* The index must know each of them. */
	do {
		if (db_begin(db) != DB_OK || db_expire(db, INT64_MAX, 256, NULL,
		    NULL, &one) != DB_OK || db_commit(db) != DB_OK)
			return (1);
		expired += one;
	} while (one > 0);
	printf("expired %zu left %lu\n", expired, count_all());
	db_close(db);
	return (missing != 0 || all < n || expired != all);
}

static int
write_ballast(const char *path, long long leave)
{
	static char	block[65536];
	struct statvfs	sv;
	int		fd;

	memset(block, 'b', sizeof(block));
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		return (-1);
	while (fstatvfs(fd, &sv) == 0 &&
	    (long long)(sv.f_bavail * sv.f_frsize) > leave)
		if (write(fd, block, sizeof(block)) <= 0)
			break;
	return (close(fd));
}

static long
rss(void)
{
	long	pages = 0;
	FILE	*f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return (pages * sysconf(_SC_PAGESIZE));
}

static void
no_log(int priority, const char *line, void *arg)
{
	(void)priority;
	*(unsigned long *)arg += 1;
	printf("# log: %s\n", line);
}

static void
to_stdout(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
	fflush(stdout);
}

/* Fill up, stay full for a while, get space back; n entries are promised
 * at the start.  Returns how many are at the end. */
static unsigned long
round_full(const char *ballast, long long leave, unsigned long n)
{
	struct entry	 e, found;
	char		 buf[128];
	unsigned long	 lines = 0, limit = n + 4000000, all;
	long		 before, after;
	int		 i, up = 0;

	is_int(write_ballast(ballast, leave), 0, "the disk is nearly full");
	while (n < limit && write_batch(n) == 0)
		n += BATCH;
	ok(n < limit, "writing fails in the end");
	ok(!db_is_up(db), "the database says that it is down");
	is_str(db_why(db), "disk full", "and why");
	make(&e, buf, sizeof(buf), 0);
	is_int(db_get(db, &e, &found), DB_DOWN, "get while down");
	is_int(db_begin(db), DB_DOWN, "begin while down");
	is_int(db_commit(db), DB_DOWN, "commit while down");

	write_ballast(ballast, 0);
	up += db_reopen(db) == 0;
	before = rss();
	log_set_sink(no_log, &lines);
	for (i = 0; i < 200; i++)
		up += db_reopen(db) == 0;
	/* Not the early way out by free space: real recoveries that fail. */
	write_ballast(ballast, 600 * 1024);
	for (i = 0; i < 20; i++)
		if (db_reopen(db) == 0) {
			while (write_batch(n) == 0)
				n += BATCH;
		}
	log_set_sink(to_stdout, NULL);
	after = rss();
	printf("# rss %ld KB, after 220 tries %ld KB\n", before / 1024,
	    after / 1024);
	ok(after < before + 80 * 1024 * 1024, "tries do not add up in memory");
	is_int(up, 0, "no try succeeds while the disk is full");
	is_int(db_reopen(db) == 0 && write_batch(n) == 0, 0,
	    "still full");

	ok(unlink(ballast) == 0, "space is back");
	is_int(db_reopen(db), 0, "reopened, same process");
	ok(db_is_up(db), "up");
	is_int(count_missing(n), 0, "nothing that was promised is missing");
	all = count_all();
	/* A batch whose commit failed may be there as a whole, not in part. */
	ok(all == n || all == n + BATCH, "no half batch");
	is_int(write_batch(n), 0, "writing works again");
	return (n + BATCH);
}

static int
full(const char *dir)
{
	struct db_opts	opts = { .cache = 8 * 1024 * 1024 };
	char		ballast[1024];
	unsigned long	n;
	struct stat	st;
	char		path[1100];

	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	if (db_open(&db, dir, &opts) == -1)
		return (1);
	snprintf(path, sizeof(path), "%s/db/grey.db", dir);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600,
	    "files have mode 0600");
	/* The log is what cannot be written first; then the pages. */
	n = round_full(ballast, 3 * 1024 * 1024, 0);
	n = round_full(ballast, 300 * 1024, n);
	n = round_full(ballast, 60 * 1024 * 1024, n);
	db_close(db);
	is_int(db_open(&db, dir, &opts), 0, "opened by the next start");
	is_int(count_missing(n), 0, "all there");
	db_close(db);
	return (done());
}

int
main(int argc, char **argv)
{
	log_init("dbtool");
	log_set_sink(to_stdout, NULL);
	if (argc == 3 && strcmp(argv[1], "fill") == 0)
		return (fill(argv[2]));
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return (check(argv[2], strtoul(argv[3], NULL, 10)));
	if (argc == 3 && strcmp(argv[1], "full") == 0)
		return (full(argv[2]));
	fprintf(stderr, "usage: dbtool fill|full DIR | check DIR N\n");
	return (2);
}
