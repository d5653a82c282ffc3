/*
 * Damage of each kind at each place of the database's files: the next start
 * has everything or says what is missing, keeps the damaged files and goes on;
 * it never crashes, and with `strict' it does not start and changes nothing.
 *	damage fill DIR N		a database that a kill has ended
 *	damage logs DIR N		the same, all of it in its log files only
 *	damage run FROM WORK N EVERY OTHER
 *	damage earlier FROM WORK N EVERY
 *					copies FROM to WORK and damages it there,
 *					at each EVERYth block of 4 KiB; N steps
 *					were acknowledged; OTHER: the index of
 *					another database; earlier: only log files
 *					before the last one
 */
/* LIBS: -ldb */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>

#include "lib/base/log.h"
#include "regress/lib/power_load.h"
#include "regress/lib/tap.h"

#define BLOCK	4096
#define LIMIT_S	60		/* a loop, not a slow machine */

enum kind { FLIP, ZERO, CUT, MISSING, OTHER, KINDS };
static const char *const kind_name[] = { "bytes changed", "block zeroed",
	"cut off", "missing", "another one" };

struct outcome {
	unsigned long	wrong, there;
	int		opened, said, kept, again, strict, loud, index;
};
struct row {
	unsigned long	images, whole, said, silent, refused, crashed, strict;
};

static const char	*from, *work, *other;
static unsigned long	 steps;
static int		*lines;		/* that were logged, in shared memory */

static void
log_out(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	++*lines;
	fprintf(stderr, "# log: %s\n", line);
}

static void
copy(const char *what, const char *to)
{
	char	cmd[3 * PATH_MAX];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s' && cp -R '%s' '%s'", to, what,
	    to);
	if (system(cmd) != 0)
		errx(1, "%s", cmd);
}

/* One damage to STATE/db/name at that offset. */
static void
spoil(const char *name, enum kind kind, off_t at)
{
	static const char	zero[BLOCK];
	char			path[PATH_MAX], byte[4];
	int			fd, i;

	snprintf(path, sizeof(path), "%s/db/%s", work, name);
	if (kind == MISSING || kind == OTHER) {
		if (unlink(path) == -1)
			err(1, "%s", path);
		if (kind == OTHER)
			copy(other, path);
		return;
	}
	if ((fd = open(path, O_RDWR)) == -1)
		err(1, "%s", path);
	if (kind == CUT && ftruncate(fd, at) == -1)
		err(1, "%s", path);
	if (kind == ZERO && pwrite(fd, zero, BLOCK, at) != BLOCK)
		err(1, "%s", path);
	if (kind == FLIP) {
		at += (at / BLOCK * 1237) % (BLOCK - 8);
		if (pread(fd, byte, sizeof(byte), at) != sizeof(byte))
			err(1, "%s", path);
		for (i = 0; i < 4; i++)
			byte[i] ^= 0x5a;
		if (pwrite(fd, byte, sizeof(byte), at) != sizeof(byte))
			err(1, "%s", path);
	}
	close(fd);
}

static int
is_kept(void)
{
	char	pattern[PATH_MAX];
	glob_t	g;
	int	rc;

	snprintf(pattern, sizeof(pattern), "%s/db.damaged.*/*", work);
	rc = glob(pattern, 0, NULL, &g) == 0;
	globfree(&g);
	return (rc);
}

static int
open_with(int strict)
{
	struct db_opts	opts = { .cache = 1024 * 1024, .strict = strict };

	return (db_open(&db, work, &opts));
}

/* Does the index know each entry?  They are all deleted by it, and are back
 * after that. */
static int
index_is_complete(void)
{
	unsigned long	n = load_count(), found = 0;
	size_t		one;
	int		rc;

	if (db_begin(db) != DB_OK)
		return (0);
	do {
		rc = db_expire(db, INT64_MAX, 1024, NULL, NULL, &one);
		found += one;
	} while (rc == DB_OK && one > 0);
	rc |= load_count() != 0;
	db_abort(db);
	return (rc == DB_OK && found == n && load_count() == n);
}

/* The next start, as store does it: a walk, and one more try when it finds the
 * damage. */
static void
start(struct outcome *o)
{
	struct db_lost	lost;
	unsigned long	n = steps;

	if (open_with(0) == -1)
		return;
	if (load_count() == ~0UL && db_reopen(db) == -1)
		return;
	o->opened = 1;
	o->wrong = load_check(&n, &o->there);
	if (!db_is_up(db)) {
		if (db_reopen(db) == -1)
			return;
		n = steps;
		o->wrong = load_check(&n, &o->there);
	}
	o->index = index_is_complete();
	o->said = db_lost(db, &lost);
	o->kept = is_kept();
	o->again = load_step(n + BACK + 1) == 0;
	db_close(db);
	o->again &= open_with(0) == 0 && load_count() != ~0UL;
	db_close(db);
}

static void
start_strict(struct outcome *o)
{
	*lines = 0;
	if (open_with(1) == 0) {
		o->strict = load_count() == ~0UL && db_reopen(db) == -1;
		db_close(db);
	} else
		o->strict = 1;
	o->loud = *lines > 0;
}

/* Runs fn in a process; 0 when it ended by itself. */
static int
in_child(void (*fn)(struct outcome *), struct outcome *o)
{
	pid_t	pid;
	int	status;

	fflush(NULL);
	if ((pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		alarm(LIMIT_S);
		fn(o);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return (status);
}

static void
try_one(struct row *row, const char *name, enum kind kind, off_t at)
{
	struct outcome	*o;
	int		 status, bad = 0;

	o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	if (o == MAP_FAILED)
		err(1, NULL);
	copy(from, work);
	spoil(name, kind, at);
	/* strict first: it must leave the entries as they are. */
	status = in_child(start_strict, o);
	status |= in_child(start, o);
	row->images++;
	if (status != 0)
		bad = (int)++row->crashed;
	else if (!o->opened || !o->again || !o->index)
		bad = (int)++row->refused;
	else if (o->wrong == 0)
		row->whole++;
	else if (o->said && o->kept)
		row->said++;
	else
		bad = (int)++row->silent;
	if (o->said && (!o->strict || !o->loud))
		bad = (int)++row->strict;
	/* The index is made again of the entries, and then nothing is lost. */
	if (strcmp(name, "expire.db") == 0 && (o->said || o->strict ||
	    (kind >= MISSING && !o->loud)))
		bad = (int)++row->silent;
	if (bad)
		printf("# %s, %s at %lld: status %d opened %d wrong %lu said %d "
		    "kept %d again %d strict %d loud %d index %d\n", name,
		    kind_name[kind], (long long)at, status, o->opened, o->wrong,
		    o->said, o->kept, o->again, o->strict, o->loud, o->index);
	munmap(o, sizeof(*o));
}

/* Each kind of damage at each place of one file. */
static void
try_file(const char *name, int every)
{
	struct row	row;
	struct stat	st;
	char		path[PATH_MAX], text[PATH_MAX];
	off_t		at;
	enum kind	kind;

	snprintf(path, sizeof(path), "%s/db/%s", from, name);
	if (stat(path, &st) == -1)
		err(1, "%s", path);
	for (kind = FLIP; kind < KINDS; kind++) {
		if (kind == OTHER && strcmp(name, "expire.db") != 0)
			break;
		memset(&row, 0, sizeof(row));
		for (at = 0; at + BLOCK <= st.st_size; at += every * BLOCK) {
			try_one(&row, name, kind, at);
			if (kind >= MISSING)
				break;
		}
		printf("# %-14s | %-13s | places %lu | all there %lu | said and "
		    "kept %lu | silent %lu | did not open %lu | crashed %lu | "
		    "not refused by strict %lu\n", name, kind_name[kind],
		    row.images, row.whole, row.said, row.silent, row.refused,
		    row.crashed, row.strict);
		snprintf(text, sizeof(text), "%s: %s", name, kind_name[kind]);
		ok(row.images > 0 && row.silent + row.refused + row.crashed +
		    row.strict == 0, text);
	}
}

/* N steps without a checkpoint. */
static int
fill_logs(const char *dir, unsigned long n)
{
	unsigned long	b;

	load_open(dir);
	for (b = 0; b < n; b++)
		if (load_step(b) == -1)
			return (2);
	return (0);		/* as if it was killed */
}

/* All log files but the last one. */
static int
run_earlier(int every)
{
	char	pattern[PATH_MAX];
	glob_t	g;
	size_t	i;

	snprintf(pattern, sizeof(pattern), "%s/db/log.*", from);
	if (glob(pattern, 0, NULL, &g) != 0)
		errx(1, "%s", pattern);
	ok(g.gl_pathc > 2, "there are several log files");
	for (i = 0; i + 1 < g.gl_pathc; i++)
		try_file(strrchr(g.gl_pathv[i], '/') + 1, every);
	globfree(&g);
	return (done());
}

static int
run(int every, int earlier)
{
	struct dirent	*de;
	char		 path[PATH_MAX];
	DIR		*d;

	lines = mmap(NULL, sizeof(*lines), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	snprintf(path, sizeof(path), "%s/db", from);
	if (lines == MAP_FAILED || (d = opendir(path)) == NULL)
		err(1, "%s", path);
	log_set_sink(log_out, NULL);
	if (earlier) {
		closedir(d);
		return (run_earlier(every));
	}
	while ((de = readdir(d)) != NULL)
		if (strchr(de->d_name, '.') != NULL && de->d_name[0] != '.')
			try_file(de->d_name, every);
	closedir(d);
	return (done());
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "fill") == 0)
		return (load_run(argv[2], strtoul(argv[3], NULL, 10), 90));
	if (argc == 4 && strcmp(argv[1], "logs") == 0)
		return (fill_logs(argv[2], strtoul(argv[3], NULL, 10)));
	if (argc < 6 || (strcmp(argv[1], "run") == 0 ? argc != 7 :
	    argc != 6 || strcmp(argv[1], "earlier") != 0))
		errx(2, "usage: damage fill|logs DIR N | run FROM WORK N EVERY "
		    "OTHER | earlier FROM WORK N EVERY");
	from = argv[2];
	work = argv[3];
	steps = strtoul(argv[4], NULL, 10);
	other = argv[6];
	return (run(atoi(argv[5]), argc == 6));
}
