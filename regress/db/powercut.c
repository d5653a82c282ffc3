/*
 * A power cut at any moment.
 *	powercut load DIR N CLOSE
 *				N steps of the load (power_load.h) on a new
 *				database, closed every CLOSE steps; run it with
 *				record.so
 *	powercut check NAME JOURNAL DIR MAX SEED [TUPLES]
 *				makes disk images from the journal, at most MAX,
 *				and has the database opened on each
 *
 * What a disk holds after a power cut: of each file all that was written
 * before its last sync, and of the later writes any part, in pages of 4 KiB of
 * a *.db file and sectors of 512 bytes of any other; its size as it was or
 * as it became; of the names in a directory those at its last sync, and any of
 * the later changes.
 *
 * TUPLES: the record of killload; then each tuple in it that was answered
 * before the cut must be there, instead of the load's entries.
 */
/* LIBS: -ldb */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>

#include <db.h>

#include "lib/base/log.h"
#include "lib/db/db_int.h"
#include "regress/lib/power_load.h"
#include "regress/lib/record.h"

#define SECTOR		512
#define PAGE		4096
#define FILES		256
#define NAMES		256
#define EACH_MAX	40	/* single writes tried at one point */

/* A write or a change of size that is not on disk yet. */
struct change {
	const struct record	*r;
	int			 doomed;	/* its sync failed */
};
struct file {
	uint64_t	 ino;
	uint8_t		*disk;
	size_t		 len, room;
	struct change	*pending;
	size_t		 npending, maxpending;
};
struct name {
	char		 name[RECORD_NAME];
	struct file	*file;			/* NULL: a directory */
};
struct dir {
	struct name	 n[NAMES];
	size_t		 count;
};

static struct file	 files[FILES];
static size_t		 nfiles;
static struct dir	 now, durable;
static struct { const struct record *r; struct file *f; } names[NAMES];
static size_t		 nnames;
static unsigned long	 acked;
static uint64_t		 seed;
static const char	*work, *tuples;

/* What of the changes reaches the disk. */
enum mode { NONE, ALL, BUT_ONE, ONE, SOME, TORN, NMODES };
static const char *const mode_name[] = { "none", "all", "one missing",
	"one present", "some", "torn" };
struct image {
	size_t		at;		/* after so many records */
	enum mode	mode;
	size_t		which;		/* BUT_ONE, ONE */
	uint64_t	seed;
};

static struct {
	unsigned long	writes, syncs, images, checked, lost, hand, broken, clean;
} sum;

/* splitmix64 */
static uint64_t
rnd(void)
{
	uint64_t	z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31));
}

/* The newest file of that inode. */
static struct file *
file_of(uint64_t ino)
{
	size_t	i;

	for (i = nfiles; i > 0; i--)
		if (files[i - 1].ino == ino)
			return (&files[i - 1]);
	return (NULL);
}

static void
put_name(struct dir *d, const char *name, struct file *f)
{
	size_t	i;

	for (i = 0; i < d->count && strcmp(d->n[i].name, name) != 0; i++)
		;
	if (i == NAMES)
		errx(1, "too many names");
	if (i == d->count)
		d->count++;
	strcpy(d->n[i].name, name);
	d->n[i].file = f;
}

static struct file *
take_name(struct dir *d, const char *name)
{
	struct file	*f;
	size_t		 i;

	for (i = 0; i < d->count; i++)
		if (strcmp(d->n[i].name, name) == 0) {
			f = d->n[i].file;
			d->n[i] = d->n[--d->count];
			return (f);
		}
	return (NULL);
}

/* f is the file that a renamed name meant. */
static void
change_names(struct dir *d, const struct record *r, struct file *f)
{
	if (r->op == REC_CREATE || r->op == REC_MKDIR)
		put_name(d, r->name, f);
	else
		take_name(d, r->name);
	if (r->op == REC_RENAME)
		put_name(d, r->name2, f);
}

static void
room_for(struct file *f, size_t len)
{
	if (len > f->room) {
		f->room = len + (1 << 20);
		if ((f->disk = realloc(f->disk, f->room)) == NULL)
			err(1, NULL);
	}
}

static void
set_size(struct file *f, size_t len)
{
	room_for(f, len);
	if (len > f->len)
		memset(f->disk + f->len, 0, len - f->len);
	f->len = len;
}

static void
apply(struct file *f, const struct record *r, size_t from, size_t to)
{
	if (f->len < r->off + to)
		set_size(f, r->off + to);
	memcpy(f->disk + r->off + from, (const char *)(r + 1) + from,
	    to - from);
}

static void
apply_whole(struct file *f, const struct record *r)
{
	if (r->op == REC_SIZE)
		set_size(f, r->off);
	else
		apply(f, r, 0, r->len);
}

static void
pend(struct file *f, const struct record *r)
{
	if (f == NULL)
		return;		/* not of the database's files */
	if (f->npending == f->maxpending) {
		f->maxpending = f->maxpending * 2 + 64;
		f->pending = reallocarray(f->pending, f->maxpending,
		    sizeof(*f->pending));
		if (f->pending == NULL)
			err(1, NULL);
	}
	f->pending[f->npending].r = r;
	f->pending[f->npending++].doomed = 0;
}

static void
sync_file(struct file *f)
{
	size_t	i, left = 0;

	for (i = 0; f != NULL && i < f->npending; i++) {
		if (f->pending[i].doomed)
			f->pending[left++] = f->pending[i];
		else
			apply_whole(f, f->pending[i].r);
	}
	if (f != NULL)
		f->npending = left;
}

/* "db/x" is in "db", and "db" in ".". */
static int
is_in(const char *name, const char *dir)
{
	return ((strchr(name, '/') != NULL) == (strcmp(dir, "db") == 0));
}

static void
sync_dir(const char *dir)
{
	size_t	i, left = 0;

	for (i = 0; i < nnames; i++) {
		if (is_in(names[i].r->name, dir))
			change_names(&durable, names[i].r, names[i].f);
		else
			names[left++] = names[i];
	}
	nnames = left;
}

/* The model of the disk after one more record. */
static void
step(const struct record *r)
{
	struct file	*f = file_of(r->file);
	size_t		 i;

	switch (r->op) {
	case REC_CREATE:
		if (nfiles == FILES)
			errx(1, "too many files");
		f = &files[nfiles++];
		f->ino = r->file;
		break;
	case REC_WRITE:
	case REC_SIZE:
		pend(f, r);
		return;
	case REC_SYNC:
		sync_file(f);
		return;
	case REC_SYNC_FAILED:
		for (i = 0; f != NULL && i < f->npending; i++)
			f->pending[i].doomed = 1;
		return;
	case REC_SYNC_DIR:
		sync_dir(r->name);
		return;
	case REC_ACK:
		acked = strtoul((const char *)(r + 1), NULL, 10);
		return;
	case REC_RENAME:
		f = take_name(&now, r->name);
		break;
	}
	change_names(&now, r, f);
	if (nnames == NAMES)
		errx(1, "too many changes of names");
	names[nnames].r = r;
	names[nnames++].f = f;
}

/* How many changes are not on disk. */
static size_t
count_pending(void)
{
	size_t	i, n = nnames;

	for (i = 0; i < nfiles; i++)
		n += files[i].npending;
	return (n);
}

/* A change that the mode leaves to chance: parts of it, and perhaps the size
 * without the data. */
static void
apply_parts(struct file *f, const struct record *r, size_t unit,
    unsigned int chance)
{
	size_t	from, to;

	if (r->op == REC_SIZE) {
		if (rnd() % 8 < chance)
			set_size(f, r->off);
		return;
	}
	if (rnd() % 2 && f->len < r->off + r->len)
		set_size(f, r->off + r->len);
	for (from = 0; from < r->len; from = to) {
		to = ((r->off + from) / unit + 1) * unit - r->off;
		if (to > r->len)
			to = r->len;
		if (rnd() % 8 < chance)
			apply(f, r, from, to);
	}
}

static void
write_file(const char *name, const struct file *f)
{
	char	path[PATH_MAX];
	size_t	done = 0;
	ssize_t	n;
	int	fd;

	snprintf(path, sizeof(path), "%s/%s", work, name);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		err(1, "%s", path);
	while (done < f->len) {
		if ((n = write(fd, f->disk + done, f->len - done)) == -1)
			err(1, "%s", path);
		done += (size_t)n;
	}
	close(fd);
}

/* Does change number i of n reach the disk whole?  -1: parts of it. */
static int
reaches(const struct image *im, size_t i, size_t n)
{
	switch (im->mode) {
	case ALL:	return (1);
	case BUT_ONE:	return (i != im->which);
	case ONE:	return (i == im->which);
	case SOME:	return (-1);
	case TORN:	return (i == n - 1 ? -1 : 1);
	default:	return (0);
	}
}

/* In a process of its own: makes the files as they are on the disk. */
static void
make_image(const struct image *im)
{
	struct dir	 d = durable;
	struct file	*f;
	unsigned int	 chance;
	size_t		 i, k, at = 0, n = count_pending();
	const char	*dot;
	int		 r;

	seed = im->seed;
	chance = 1 + (unsigned int)(rnd() % 7);
	for (i = 0; i < nnames; i++) {
		r = reaches(im, at++, n);
		if (r == 1 || (r == -1 && rnd() % 8 < chance))
			change_names(&d, names[i].r, names[i].f);
	}
	for (i = 0; i < nfiles; i++) {
		f = &files[i];
		dot = NULL;
		for (k = 0; k < now.count && dot == NULL; k++)
			if (now.n[k].file == f)
				dot = strrchr(now.n[k].name, '.');
		for (k = 0; k < f->npending; k++) {
			r = reaches(im, at++, n);
			if (f->pending[k].doomed)
				r = 0;
			if (r == 1)
				apply_whole(f, f->pending[k].r);
			else if (r == -1)
				apply_parts(f, f->pending[k].r, dot != NULL &&
				    strcmp(dot, ".db") == 0 ? PAGE : SECTOR,
				    chance);
		}
	}
	for (i = 0; i < d.count; i++)
		if (d.n[i].file == NULL) {
			char	path[PATH_MAX];

			snprintf(path, sizeof(path), "%s/%s", work, d.n[i].name);
			mkdir(path, 0700);
		}
	for (i = 0; i < d.count; i++) {
		char	path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/db", work);
		if (d.n[i].file != NULL && access(path, F_OK) == 0)
			write_file(d.n[i].name, d.n[i].file);
	}
}

static void
clear_dir(const char *path)
{
	struct dirent	*de;
	char		 sub[PATH_MAX];
	DIR		*dir = opendir(path);

	while (dir != NULL && (de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(sub, sizeof(sub), "%s/%s", path, de->d_name);
		if (unlink(sub) == -1) {
			clear_dir(sub);
			rmdir(sub);
		}
	}
	if (dir != NULL)
		closedir(dir);
}

static void
log_out(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	fprintf(stderr, "# log: %s\n", line);
}

/* libdb's own check of a file; 0 or its code. */
static int
verify(const char *name)
{
	char	 path[PATH_MAX];
	DB	*d;
	int	 rc;

	snprintf(path, sizeof(path), "%s/db/%s", work, name);
	if ((rc = db_create(&d, NULL, 0)) == 0)
		rc = d->verify(d, path, NULL, NULL, 0);
	return (rc);
}

/* The tuples in the database, as killload writes them. */
static struct {
	char	**text;
	size_t	  n, max;
} have;

static int
keep_tuple(const struct entry *e, void *arg)
{
	char	ip[ADDR_STRLEN], text[3 * ENTRY_STR_MAX];

	(void)arg;
	snprintf(text, sizeof(text), "%s|%s|%s", addr_str(&e->addr, ip),
	    e->from, e->to);
	if (have.n == have.max) {
		have.max = have.max * 2 + 1024;
		have.text = reallocarray(have.text, have.max,
		    sizeof(*have.text));
	}
	if (have.text == NULL || (have.text[have.n++] = strdup(text)) == NULL)
		err(1, NULL);
	return (0);
}

static int
by_text(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* Returns how many are missing of those that were answered before that time;
 * *all becomes how many those are. */
static unsigned long
check_tuples(uint64_t when, unsigned long *all)
{
	struct db_pos	 pos;
	unsigned long	 missing = 0;
	char		 line[2048], *text;
	double		 answered;
	int		 at;
	FILE		*f = fopen(tuples, "r");

	memset(&pos, 0, sizeof(pos));
	if (f == NULL)
		err(1, "%s", tuples);
	while (!pos.done)
		if (db_walk(db, &pos, "g", NULL, 5000, keep_tuple, NULL) !=
		    DB_OK)
			return (~0UL);
	qsort(have.text, have.n, sizeof(*have.text), by_text);
	*all = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		/* killload's times are in milliseconds. */
		if (sscanf(line, "%*f %lf %n", &answered, &at) != 1 ||
		    answered + 0.001 > (double)when / 1e9)
			continue;
		text = line + at;
		++*all;
		missing += bsearch(&text, have.text, have.n,
		    sizeof(*have.text), by_text) == NULL;
	}
	fclose(f);
	return (missing);
}

struct result {
	unsigned long	checked, lost;
	int		hand, broken, clean;
};

/* 1: the files are marked as those of a clean end, and not read at the next
 * start; so each page must be whole, and the index complete, as they are.
 * -1: they are not. */
static int
check_clean(void)
{
	char		path[PATH_MAX], text[64];
	struct db	d = { .dir = (char *)(uintptr_t)work };
	struct db_check	c[2];
	ssize_t		n;
	int		fd, clean;

	snprintf(path, sizeof(path), "%s/db/clean", work);
	if ((fd = open(path, O_RDONLY)) == -1)
		return (0);
	n = read(fd, text, sizeof(text));
	close(fd);
	if (db_clean_take(&d, &clean) != 0)
		err(1, "%s", path);
	if (!clean)
		return (0);
	if ((fd = open(path, O_WRONLY | O_CREAT, 0600)) == -1 ||
	    write(fd, text, (size_t)n) != n)
		err(1, "%s", path);
	close(fd);
	db_path(&d, path, DB_SUBDIR, DB_FILE_MAIN);
	fd = db_pages_check(path, 0, &c[0]);
	db_path(&d, path, DB_SUBDIR, DB_FILE_INDEX);
	fd |= db_pages_check(path, 1, &c[1]);
	return (fd == 0 && c[0].entries == c[1].entries ? 1 : -1);
}

/* The next start, and work after it. */
static void
start(struct result *r, uint64_t when)
{
	struct db_lost	lost;
	unsigned long	n = acked, all;

	r->hand = 1;
	r->clean = check_clean();
	r->broken = r->clean == -1;
	load_open(work);
	r->hand = 0;
	if (tuples != NULL)
		r->lost = check_tuples(when, &r->checked);
	else {
		r->lost = load_check(&n, &r->checked);
		r->broken |= load_step(n) == -1;
	}
	/* Nothing is missing, so nothing may be said to be. */
	r->broken |= r->lost == 0 && db_lost(db, &lost);
	db_close(db);
	r->broken |= verify("grey.db") != 0 || verify("expire.db") != 0;
	load_open(work);
	if (tuples == NULL) {
		n++;
		r->broken |= load_check(&n, &all) != 0;
	}
	db_close(db);
}

static void
try_image(const struct image *im, uint64_t when)
{
	struct result	*r;
	int		 status;
	pid_t		 pid;

	r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	clear_dir(work);
	if (r == MAP_FAILED || (pid = fork()) == -1)
		err(1, NULL);
	if (pid == 0) {
		make_image(im);
		start(r, when);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (status != 0 && !r->hand)
		r->broken = 1;
	sum.images++;
	sum.checked += r->checked;
	sum.lost += r->lost;
	sum.hand += (unsigned long)r->hand;
	sum.broken += (unsigned long)r->broken;
	sum.clean += r->clean == 1;
	if (r->lost != 0 || r->hand || r->broken)
		printf("# record %zu, %s %zu, seed %llu: lost %lu%s%s "
		    "(status %d)\n", im->at, mode_name[im->mode], im->which,
		    (unsigned long long)im->seed, r->lost,
		    r->hand ? ", does not open" : "",
		    r->broken ? ", broken" : "", status);
	munmap(r, sizeof(*r));
}

/* ---- which images ---- */

static struct image	*images;
static size_t		 nimages, maximages;

static void
add(size_t at, enum mode mode, size_t which)
{
	if (nimages == maximages) {
		maximages = maximages * 2 + 1024;
		images = reallocarray(images, maximages, sizeof(*images));
		if (images == NULL)
			err(1, NULL);
	}
	images[nimages].at = at;
	images[nimages].mode = mode;
	images[nimages].which = which;
	images[nimages++].seed = rnd();
}

/* All that can be tried just before record number `at' is done. */
static void
add_point(size_t at, const struct record *r)
{
	size_t	i, n = count_pending(), each = n < EACH_MAX ? n : EACH_MAX;
	int	is_sync = r->op == REC_SYNC || r->op == REC_SYNC_DIR;

	if (is_sync || r->op == REC_ACK) {
		add(at, NONE, 0);
		add(at, ALL, 0);
		add(at, SOME, 0);
	}
	if (n == 0 || (r->op == REC_WRITE && rnd() % 8 != 0))
		return;
	add(at, SOME, 0);
	add(at, TORN, 0);
	for (i = 0; is_sync && i < each; i++) {
		add(at, ONE, n <= EACH_MAX ? i : rnd() % n);
		add(at, BUT_ONE, n <= EACH_MAX ? i : rnd() % n);
	}
}

static void
forget(void)
{
	size_t	i;

	for (i = 0; i < nfiles; i++) {
		free(files[i].disk);
		free(files[i].pending);
	}
	memset(files, 0, sizeof(files));
	memset(&now, 0, sizeof(now));
	memset(&durable, 0, sizeof(durable));
	nfiles = nnames = 0;
	acked = 0;
	/* The daemon's state directory has one already. */
	if (tuples != NULL)
		put_name(&durable, "db", NULL);
}

static int
by_place(const void *a, const void *b)
{
	const struct image	*x = a, *y = b;

	return (x->at < y->at ? -1 : x->at > y->at);
}

/* Keeps max images, the same share of each mode as far as it has them. */
static void
choose(size_t max)
{
	struct image	t;
	size_t		i, k, left[NMODES], kept = 0;

	for (i = nimages; i > 1; i--) {
		k = rnd() % i;
		t = images[k];
		images[k] = images[i - 1];
		images[i - 1] = t;
	}
	for (i = 0; i < NMODES; i++)
		left[i] = max / NMODES;
	for (i = 0; i < nimages && nimages > max; i++) {
		if (left[images[i].mode] == 0)
			continue;
		left[images[i].mode]--;
		images[kept++] = images[i];
	}
	if (nimages > max)
		nimages = kept;
	qsort(images, nimages, sizeof(*images), by_place);
}

static const struct record **
read_journal(const char *path, size_t *n)
{
	const struct record	**all = NULL;
	struct stat		  st;
	const char		 *p;
	size_t			  at;
	int			  fd = open(path, O_RDONLY);

	if (fd == -1 || fstat(fd, &st) == -1 || (p = mmap(NULL,
	    (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		err(1, "%s", path);
	*n = 0;
	for (at = 0; at + sizeof(struct record) <= (size_t)st.st_size;) {
		if (*n % 4096 == 0 && (all = reallocarray(all, *n + 4096,
		    sizeof(*all))) == NULL)
			err(1, NULL);
		all[*n] = (const struct record *)(const void *)(p + at);
		at += sizeof(struct record) + RECORD_PAD(all[(*n)++]->len);
	}
	return (all);
}

static int
check(const char *name, const char *journal, size_t max)
{
	const struct record	**r;
	size_t			  i, k, n;

	r = read_journal(journal, &n);
	forget();
	for (i = 0; i < n; i++) {
		sum.writes += r[i]->op == REC_WRITE;
		sum.syncs += r[i]->op == REC_SYNC || r[i]->op == REC_SYNC_DIR;
		add_point(i, r[i]);
		step(r[i]);
	}
	choose(max);
	forget();
	for (i = k = 0; i < n; i++) {
		for (; k < nimages && images[k].at == i; k++)
			try_image(&images[k], r[i]->time);
		step(r[i]);
	}
	clear_dir(work);
	printf("# %s | writes %lu | sync points %lu | images %lu | tuples "
	    "checked %lu | lost %lu | needed a hand %lu | broken %lu | clean %lu\n", name,
	    sum.writes, sum.syncs, sum.images, sum.checked, sum.lost, sum.hand,
	    sum.broken, sum.clean);
	return (sum.images == 0 || sum.checked == 0 || sum.lost != 0 ||
	    sum.hand != 0 || sum.broken != 0);
}

int
main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_set_sink(log_out, NULL);
	if (argc == 5 && strcmp(argv[1], "load") == 0)
		return (load_run(argv[2], strtoul(argv[3], NULL, 10),
		    strtoul(argv[4], NULL, 10)));
	if (argc < 7 || strcmp(argv[1], "check") != 0)
		errx(2, "usage: powercut load DIR N CLOSE | check NAME JOURNAL DIR "
		    "MAX SEED [TUPLES]");
	work = argv[4];
	seed = strtoull(argv[6], NULL, 10);
	tuples = argv[7];
	return (check(argv[2], argv[3], strtoul(argv[5], NULL, 10)));
}
