/*
 * A damaged database: its files are kept beside it, in db.damaged.DATE, and a
 * new one is made of what can be read of it.
 *
 *	db.logs		the log as it was before a recovery, which cuts off what
 *			is behind a damaged record; gone again when nothing is
 *			missing
 *	db.new		being made; it becomes db when it is whole
 *	db.damaged.DATE	at most DAMAGED_MAX of them: the oldest and the newest
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/db/db_int.h"

#define LOGS		"db.logs"
#define DAMAGED		"db.damaged."
#define DAMAGED_MAX	3
#define COPY_BLOCK	(64 * 1024)
#define BATCH		256

/*
 * Is it the database itself that is wrong, and not the machine it is on? Those
 * errors go away or need an administrator, and the files are as they should be.
 */
int
db_is_damage(struct db *db, int rc)
{
	static const int others[] = { ENOMEM, EACCES, EPERM, EMFILE, ENFILE,
	    EROFS, ENOSPC, EDQUOT, EIO, EAGAIN, EINTR, ELOOP, ENOTDIR,
	    ENAMETOOLONG, EBUSY };
	size_t	i;

	if (atomic_load(&db->torn))
		return (1);
	if (atomic_load(&db->cause) != 0)
		return (0);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (rc == others[i])
			return (0);
	return (rc != 0);
}

void
db_path(const struct db *db, char *dst, const char *dir, const char *file)
{
	snprintf(dst, PATH_MAX, "%s/%s%s%s", db->dir, dir,
	    file[0] == '\0' ? "" : "/", file);
}

static int
is_log(const char *name)
{
	return (strncmp(name, "log.", 4) == 0);
}

int
db_each_file(const struct db *db, const char *dir, int logs,
    int (*fn)(const char *path, const char *name, void *), void *arg)
{
	struct dirent	*de;
	char		 path[PATH_MAX];
	DIR		*d;
	int		 rc = 0, saved;

	db_path(db, path, dir, "");
	if ((d = opendir(path)) == NULL)
		return (-1);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || (logs && !is_log(de->d_name)))
			continue;
		db_path(db, path, dir, de->d_name);
		rc = fn(path, de->d_name, arg);
	}
	saved = errno;
	closedir(d);
	errno = saved;
	return (rc);
}

static int
remove_file(const char *path, const char *name, void *arg)
{
	(void)name;
	(void)arg;
	return (unlink(path));
}

/* A directory of ours with its files; it may be missing. */
static void
remove_dir(const struct db *db, const char *dir)
{
	char	path[PATH_MAX];

	(void)db_each_file(db, dir, 0, remove_file, NULL);
	db_path(db, path, dir, "");
	(void)unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

static int
add_size(const char *path, const char *name, void *arg)
{
	struct stat	st;

	(void)name;
	if (lstat(path, &st) == 0)
		*(uint64_t *)arg += (uint64_t)st.st_size;
	return (0);
}

struct copy {
	const char	*to;		/* a directory */
	char		*block;
};

static int
copy_file(const char *path, const char *name, void *arg)
{
	struct copy	*c = arg;
	char		 dst[PATH_MAX];
	ssize_t		 n = -1;
	int		 from, to = -1;

	if (snprintf(dst, sizeof(dst), "%s/%s", c->to, name) >=
	    (int)sizeof(dst) ||
	    (from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-1);
	if ((to = open(dst, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) != -1)
		while ((n = read(from, c->block, COPY_BLOCK)) > 0)
			if (write(to, c->block, (size_t)n) != n) {
				n = -1;
				break;
			}
	if (to != -1)
		close(to);
	close(from);
	return (n == 0 ? 0 : -1);
}

/*
 * The copy is for people.  Where there is no room for it, the database is
 * opened without.  A copy that is there already is of a start that did not come
 * to its end, and nearer to the truth.
 */
void
db_logs_keep(const struct db *db)
{
	struct statvfs	sv;
	struct copy	c;
	char		to[PATH_MAX], part[PATH_MAX];
	uint64_t	size = 0;

	db_path(db, to, LOGS, "");
	db_path(db, part, LOGS "~", "");
	if (access(to, F_OK) == 0 || statvfs(db->dir, &sv) == -1 ||
	    db_each_file(db, DB_SUBDIR, 1, add_size, &size) == -1 ||
	    size > (uint64_t)sv.f_bavail * sv.f_frsize / 4)
		return;
	remove_dir(db, LOGS "~");
	c.to = part;
	if ((c.block = malloc(COPY_BLOCK)) == NULL)
		return;
	if (mkdir(part, 0700) == -1 ||
	    db_each_file(db, DB_SUBDIR, 1, copy_file, &c) == -1 ||
	    rename(part, to) == -1)
		remove_dir(db, LOGS "~");
	free(c.block);
}

void
db_logs_drop(const struct db *db)
{
	remove_dir(db, LOGS);
}

static int
move_file(const char *path, const char *name, void *arg)
{
	char	dst[PATH_MAX];

	if (snprintf(dst, sizeof(dst), "%s/%s", (const char *)arg, name) >=
	    (int)sizeof(dst))
		return (-1);
	return (rename(path, dst));
}

/* The log is again what it was before the recovery, in STATE/dir. */
void
db_logs_back(const struct db *db, const char *dir)
{
	char	path[PATH_MAX];

	db_path(db, path, LOGS, "");
	if (access(path, F_OK) == -1)
		return;
	(void)db_each_file(db, dir, 1, remove_file, NULL);
	db_path(db, path, dir, "");
	if (db_each_file(db, LOGS, 0, move_file, path) == 0)
		remove_dir(db, LOGS);
	(void)db_sync_dir(path);
}

static int
by_name(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* Makes room for one more: the newest goes, because the first ones hold what
 * there was before anything was lost. */
static void
prune(const struct db *db)
{
	struct dirent	*de;
	char		*name[64];
	size_t		 n = 0;
	DIR		*d;

	if ((d = opendir(db->dir)) == NULL)
		return;
	while (n < 64 && (de = readdir(d)) != NULL)
		if (strncmp(de->d_name, DAMAGED, strlen(DAMAGED)) == 0 &&
		    (name[n] = strdup(de->d_name)) != NULL)
			n++;
	closedir(d);
	qsort(name, n, sizeof(name[0]), by_name);
	while (n > 0) {
		if (n-- >= DAMAGED_MAX)
			remove_dir(db, name[n]);
		free(name[n]);
	}
}

/* Moves STATE/dir to a name with the date, and remembers that. */
static int
set_aside(struct db *db, const char *dir)
{
	char		from[PATH_MAX], to[PATH_MAX];
	struct tm	tm;
	time_t		now = (time_t)clock_wall();

	prune(db);
	if (gmtime_r(&now, &tm) == NULL || strftime(db->lost.aside,
	    sizeof(db->lost.aside), DAMAGED "%Y%m%d-%H%M%S", &tm) == 0)
		strlcpy(db->lost.aside, DAMAGED "0", sizeof(db->lost.aside));
	db_path(db, from, dir, "");
	db_path(db, to, db->lost.aside, "");
	remove_dir(db, db->lost.aside);	/* of this second */
	if (rename(from, to) == -1) {
		db->lost.aside[0] = '\0';
		return (-1);
	}
	return (0);
}

/* What a recovery has cut off is missing, and the rest is whole. */
void
db_logs_aside(struct db *db)
{
	(void)set_aside(db, LOGS);
}

struct made {
	struct db	*db;
	uint64_t	 entries;
	size_t		 batch;
	int		 has_key;
};

/* One record of the damaged database, if it is one, into the new one. */
static int
put_salvaged(const void *key, size_t klen, const void *data, size_t dlen,
    void *arg)
{
	struct made	*m = arg;
	struct db	*db = m->db;
	const char	*k = key;
	struct entry	 e;
	DBT		 kt, dt;
	int		 rc;

	if (k[0] != ENTRY_META &&
	    entry_decode(key, klen, data, dlen, &e, db->str) != 0)
		return (0);
	m->has_key |= klen == 9 && memcmp(key, "Mhash-key", 9) == 0;
	if (db->h.txn == NULL && db->h.env->txn_begin(db->h.env, NULL,
	    &db->h.txn, DB_TXN_NOSYNC) != 0)
		return (-1);
	db_dbt(&kt, key, klen);
	db_dbt(&dt, data, dlen);
	rc = db->h.entries->put(db->h.entries, db->h.txn, &kt, &dt, 0);
	if (rc == 0 && ++m->batch % BATCH == 0) {
		DB_TXN	*txn = db->h.txn;

		db->h.txn = NULL;
		rc = txn->commit(txn, 0);
		db_poke(db);
	}
	return (rc == 0 ? 0 : -1);
}

static int
count_one(const struct entry *e, void *arg)
{
	(void)e;
	++*(uint64_t *)arg;
	return (0);
}

/*
 * The records about the database itself.  When the key of the hashes is lost,
 * tuples need new keys, which the policy gives them when it finds that they are
 * cut in an unknown way.
 */
static int
put_facts(struct made *m)
{
	static const uint8_t	 unknown[5], format = ENTRY_VERSION;
	struct db		*db = m->db;

	if (db->h.txn == NULL && db_begin(db) != DB_OK)
		return (-1);
	arc4random_buf(db->hash_key, sizeof(db->hash_key));
	if (db_meta_put(db, "format", &format, sizeof(format)) != DB_OK ||
	    (!m->has_key && (db_meta_put(db, "hash-key", db->hash_key,
	    sizeof(db->hash_key)) != DB_OK || (m->batch > 0 &&
	    db_meta_put(db, "cuts", unknown, sizeof(unknown)) != DB_OK))))
		return (-1);
	return (0);
}

/* Fills the new database, which is open.  0, or -1: it is down. */
static int
fill(struct db *db, struct made *m)
{
	struct db_pos	pos = { { { 0 }, 0 }, 0 };
	char		path[PATH_MAX];

	memset(m, 0, sizeof(*m));
	m->db = db;
	db_path(db, path, DB_SUBDIR, DB_FILE_MAIN);
	if (db_salvage(path, put_salvaged, m) == -1 || put_facts(m) == -1)
		return (-1);
	db_mark_salvaged(db);
	if (db_commit(db) != DB_OK)
		return (-1);
	while (!pos.done)
		if (db_walk(db, &pos, NULL, NULL, 5000, count_one,
		    &m->entries) != DB_OK)
			return (-1);
	return (db->h.env->txn_checkpoint(db->h.env, 0, 0, DB_FORCE) == 0 ?
	    0 : -1);
}

int
db_make_again(struct db *db, int (*build)(struct db *, const char **),
    void (*tear_down)(struct db *), const char **what)
{
	struct made	made;
	char		home[PATH_MAX], fresh[PATH_MAX];
	int		rc;

	*what = "making it again";
	db_mark_last(db);
	remove_dir(db, DB_NEW);
	db_path(db, fresh, DB_NEW, "");
	db_path(db, home, DB_SUBDIR, "");
	if (mkdir(fresh, 0700) == -1)
		return (errno);
	db->sub = DB_NEW;
	if ((rc = build(db, what)) == 0 && fill(db, &made) == -1)
		rc = db->up ? DB_RUNRECOVERY : EIO;
	tear_down(db);
	db->sub = DB_SUBDIR;
	if (rc != 0)
		return (rc);
	/* From here on the log is one of the files that are kept. */
	db_logs_back(db, DB_SUBDIR);
	if (set_aside(db, DB_SUBDIR) == -1 || rename(fresh, home) == -1 ||
	    db_sync_dir(db->dir) == -1)
		return (errno);
	atomic_store(&db->torn, 0);
	db->entries = made.entries;
	db->lost.made_again = 1;
	db->lost.times++;
	return (build(db, what));
}

/* A power cut has come between the two renames above. */
void
db_finish_new(const char *dir)
{
	char	home[PATH_MAX], fresh[PATH_MAX];

	snprintf(fresh, sizeof(fresh), "%s/%s", dir, DB_NEW);
	snprintf(home, sizeof(home), "%s/%s", dir, DB_SUBDIR);
	if (access(home, F_OK) == -1 && access(fresh, F_OK) == 0)
		(void)rename(fresh, home);
}
