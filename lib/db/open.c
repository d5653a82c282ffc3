/*
 * The life of the database environment: open with recovery, going down,
 * tearing down and building again.  Only the process that holds the state
 * directory's lock may call these functions.
 *
 * A failed write of the log panics the environment for good, so there is no
 * half way: at the first error that is not "not found" the database counts as
 * down, db_reopen closes every handle and opens it again with recovery.  What
 * a commit reported is in the log and comes back.
 *
 *	build ──► up ──► db_fail ──► down ──► tear_down, build ──► up …
 *
 * Regions are DB_PRIVATE, which means malloc'ed: as files on a full disk they
 * would be sparse, and touching one would end the process by SIGBUS.  There is
 * no locking subsystem: the state directory's lock admits one process, it has
 * one thread of work, and a transaction of a thousand deletes would need a
 * lock for each page.  Nothing in the environment names a path, so the
 * directory can be moved.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/db/db_int.h"
#include "lib/base/log.h"

#define CACHE_DEFAULT	(64 * 1024 * 1024)
#define PAGE_SIZE_DB	4096	/* the file system's block: no torn pages */
#define LOG_FILE	(4 * 1024 * 1024)
#define LOG_BUFFER	(2 * 1024 * 1024)
#define LEAVE_MB	2	/* db_leave: a checkpoint of so little is quick */
/* Below this much free space a recovery only fails again. */
#define SPACE_NEEDED	(512 * 1024)

/*
 * libdb asks for the index key of a record that it is about to write.  The key
 * is a piece of the record itself: the five octets of `expire'.
 */
static int
index_key(DB *index, const DBT *key, const DBT *data, DBT *result)
{
	const uint8_t	*k = key->data;

	(void)index;
	if (key->size == 0 || k[0] == ENTRY_META ||
	    entry_raw_expire(data->data, data->size) == 0)
		return (DB_DONOTINDEX);
	memset(result, 0, sizeof(*result));
	result->data = (uint8_t *)data->data + ENTRY_EXPIRE_OFF;
	result->size = DB_EXPIRE_LEN;
	return (0);
}

/*
 * What libdb prints.  It may come from the checkpoint thread, which must not
 * log (the channel to the parent belongs to the main thread), so it is only
 * noted. The errno behind a panic stands nowhere but in this text.
 */
static void
note_error(const DB_ENV *env, const char *prefix, const char *msg)
{
	struct db	*db = env->app_private;

	(void)prefix;
	if (strstr(msg, strerror(ENOSPC)) != NULL)
		atomic_store(&db->cause, ENOSPC);
	else if (strstr(msg, strerror(EDQUOT)) != NULL)
		atomic_store(&db->cause, EDQUOT);
	else if (strstr(msg, strerror(EIO)) != NULL)
		atomic_store(&db->cause, EIO);
	pthread_mutex_lock(&db->mtx);
	if (db->msg[0] == '\0')
		strlcpy(db->msg, msg, sizeof(db->msg));
	if (strstr(msg, "checksum error") != NULL &&
	    !atomic_exchange(&db->torn, 1))
		strlcpy(db->torn_msg, msg, sizeof(db->torn_msg));
	pthread_mutex_unlock(&db->mtx);
}

/*
 * Is there room for a recovery? Asked before each try, which would read the
 * whole log and then fail.
 */
static int
space_left(const struct db *db)
{
	struct statvfs	sv;

	if (statvfs(db->dir, &sv) == -1)
		return (1);	/* whatever it is, the open will say it */
	return ((uint64_t)sv.f_bavail * sv.f_frsize >= SPACE_NEEDED);
}

/* The reason for people: the cause, not libdb's "run recovery". */
static void
set_why(struct db *db, int rc)
{
	int	cause = atomic_load(&db->cause);

	if (rc != DB_RUNRECOVERY && cause == 0)
		cause = rc;
	if (cause == ENOSPC || cause == EDQUOT || !space_left(db))
		strlcpy(db->why, cause == EDQUOT ? "disk quota exceeded" :
		    "disk full", sizeof(db->why));
	else if (cause > 0)
		strlcpy(db->why, strerror(cause), sizeof(db->why));
	else
		snprintf(db->why, sizeof(db->why), "database error: %s",
		    db_strerror(rc));
}

/*
 * The environment is lost.  Nothing is closed here: the caller may be in the
 * middle of a walk, with cursors and a transaction.  Logs one line for each
 * time; returns DB_DOWN, so that callers can return it.
 */
enum db_result
db_fail(struct db *db, int rc, const char *what)
{
	char	msg[sizeof(db->msg)];

	if (!db->up)
		return (DB_DOWN);
	db->up = 0;
	db->verified = 0;
	db->last_serial = db->serial;
	set_why(db, rc);
	/* A panic may be of the disk; these are of what stands in the file. */
	if (rc == DB_PAGE_NOTFOUND || rc == DB_VERIFY_BAD ||
	    rc == DB_SECONDARY_BAD || rc == EINVAL) {
		strlcpy(db->torn_msg, db_strerror(rc), sizeof(db->torn_msg));
		atomic_store(&db->torn, 1);
	}
	pthread_mutex_lock(&db->mtx);
	strlcpy(msg, db->msg, sizeof(msg));
	pthread_mutex_unlock(&db->mtx);
	strlcpy(db->logged, db->why, sizeof(db->logged));
	log_warnx("database in %s/%s is down: %s (%s: %s%s%s); nothing is "
	    "stored until it can be opened again", db->name, DB_SUBDIR,
	    db->why, what, db_strerror(rc), msg[0] != '\0' ? "; " : "", msg);
	return (DB_DOWN);
}

/* Of a panicked environment errors are of no use.  0: all was closed well. */
static int
close_all(struct db *db)
{
	struct db_handles	*h = &db->h;
	int			 rc = 0;

	db_thread_stop(db);
	if (h->txn != NULL)
		rc |= h->txn->abort(h->txn);
	if (h->index != NULL)
		rc |= h->index->close(h->index, db->up ? 0 : DB_NOSYNC);
	if (h->entries != NULL)
		rc |= h->entries->close(h->entries, db->up ? 0 : DB_NOSYNC);
	if (h->env != NULL)
		rc |= h->env->close(h->env, 0);
	memset(h, 0, sizeof(*h));
	db->up = 0;
	return (rc);
}

static void
tear_down(struct db *db)
{
	(void)close_all(db);
}

/* Each open of a file is a transaction of its own: half of one is undone. */
static int
open_file(struct db *db, DB **dbp, const char *name, uint32_t flags)
{
	int	rc;

	if ((rc = db_create(dbp, db->h.env, 0)) != 0)
		return (rc);
	if ((rc = (*dbp)->set_pagesize(*dbp, PAGE_SIZE_DB)) != 0 ||
	    (flags != 0 && (rc = (*dbp)->set_flags(*dbp, flags)) != 0))
		return (rc);
	return ((*dbp)->open(*dbp, NULL, name, NULL, DB_BTREE,
	    DB_CREATE | DB_AUTO_COMMIT | DB_THREAD, 0600));
}

/*
 * The cache is given in gigabytes and the rest; DB_RECOVER runs recovery each
 * time.
 */
static int
open_env(struct db *db, const char *home)
{
	DB_ENV	*env;
	int	 rc;

	if ((rc = db_env_create(&db->h.env, 0)) != 0)
		return (rc);
	env = db->h.env;
	env->app_private = db;
	env->set_errcall(env, note_error);
	if ((rc = env->set_cachesize(env, (uint32_t)(db->cache >> 30),
	    (uint32_t)(db->cache & 0x3fffffff), 1)) != 0 ||
	    (rc = env->set_lg_bsize(env, LOG_BUFFER)) != 0 ||
	    (rc = env->set_lg_max(env, LOG_FILE)) != 0)
		return (rc);
	return (env->open(env, home, DB_PRIVATE | DB_CREATE | DB_RECOVER |
	    DB_THREAD | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL, 0600));
}

/*
 * One try; on failure everything is closed again and *what names the step that
 * failed.  Returns a code of libdb.
 */
static int
build(struct db *db, const char **what)
{
	struct db_handles	*h = &db->h;
	char			 home[PATH_MAX];
	int			 rc;

	snprintf(home, sizeof(home), "%s/%s", db->dir, db->sub);
	pthread_mutex_lock(&db->mtx);
	db->msg[0] = '\0';
	pthread_mutex_unlock(&db->mtx);
	atomic_store(&db->cause, 0);
	*what = "syncing its directory";
	db_files_init();
	db_memory_must(1);
	/* A process before this one may have died between the two. */
	if (db_sync_dir(db->dir) == -1 || db_sync_dir(home) == -1 ||
	    db_files_repair(home) == -1) {
		rc = errno;
		goto fail;
	}
	*what = "opening it with recovery";
	if ((rc = open_env(db, home)) != 0)
		goto fail;
	*what = "opening " DB_FILE_MAIN;
	if ((rc = open_file(db, &h->entries, DB_FILE_MAIN,
	    DB_CHKSUM)) != 0)
		goto fail;
	*what = "opening " DB_FILE_INDEX;
	if ((rc = open_file(db, &h->index, DB_FILE_INDEX,
	    DB_DUPSORT | DB_CHKSUM)) != 0 ||
	    (rc = h->entries->associate(h->entries, NULL, h->index, index_key,
	    DB_CREATE)) != 0)
		goto fail;
	*what = "starting the checkpoint thread";
	if ((rc = db_thread_start(db)) != 0)
		goto fail;
	db_memory_must(0);
	db->up = 1;
	db->why[0] = '\0';
	db->unsynced = 0;
	return (0);
 fail:
	db_memory_must(0);
	set_why(db, rc);
	tear_down(db);
	return (rc);
}

/* With `strict' a damaged database stays as it is.  DB_DOWN. */
static enum db_result
refuse(struct db *db, const char *what, const char *msg)
{
	if (db->up)
		tear_down(db);
	db_logs_back(db, DB_SUBDIR);
	if (strcmp(db->logged, "damaged") != 0)
		log_warnx("the database in %s/%s is damaged: %s: %s; `restart "
		    "strict' does not let it be opened: remove `strict' to go "
		    "on with what can be read, or move %s/%s away and enter a "
		    "backup with \"spamgreydb import\"", db->name, DB_SUBDIR,
		    what, msg, db->name, DB_SUBDIR);
	strlcpy(db->why, "damaged", sizeof(db->why));
	strlcpy(db->logged, db->why, sizeof(db->logged));
	return (DB_DOWN);
}

/* Is a part of the log missing?  The log as it was is kept then. */
static enum db_result
check_mark(struct db *db)
{
	unsigned int	 before = db->lost.times;
	enum db_result	 rc;
	DB_LOG_STAT	*st;
	char		 file[32] = "log.*";

	if ((rc = db_mark_check(db)) != DB_OK)
		return (rc);
	if (db->lost.times == before) {
		db_logs_drop(db);
		return (DB_OK);
	}
	if (!db->strict) {
		db_logs_aside(db);
		return (DB_OK);
	}
	if (db->h.env->log_stat(db->h.env, &st, 0) == 0) {
		snprintf(file, sizeof(file), "log.%010u", st->st_cur_file);
		free(st);
	}
	return (refuse(db, file, "commits at its end are missing"));
}

/*
 * The database's own records: its format, and the key of its hashes.  A new
 * database gets both.  0, or -1 and a message logged.
 */
static int
read_facts(struct db *db)
{
	static const char	*keyname = "hash-key", *fmtname = "format";
	enum db_result		 rc, mark;
	uint8_t			 format;
	size_t			 len;

	rc = db_meta_get(db, fmtname, &format, sizeof(format), &len);
	if (rc == DB_OK && (len != 1 || format > ENTRY_VERSION))
		rc = DB_NEWER;
	if (rc == DB_OK)
		rc = db_meta_get(db, keyname, db->hash_key,
		    sizeof(db->hash_key), &len);
	if (rc == DB_OK && len != sizeof(db->hash_key))
		rc = DB_BAD;
	if ((rc == DB_OK || rc == DB_NONE) && (mark = check_mark(db)) != DB_OK)
		rc = mark;
	if (rc == DB_NONE) {
		format = ENTRY_VERSION;
		arc4random_buf(db->hash_key, sizeof(db->hash_key));
		if ((rc = db_begin(db)) == DB_OK)
			rc = db_meta_put(db, fmtname, &format, sizeof(format));
		if (rc == DB_OK)
			rc = db_meta_put(db, keyname, db->hash_key,
			    sizeof(db->hash_key));
		if (rc == DB_OK)
			rc = db_commit(db);
	}
	if (rc == DB_NEWER)
		log_warnx("%s/%s was written by a newer version of this "
		    "program; install that version, or move the directory away",
		    db->name, DB_SUBDIR);
	else if (rc == DB_BAD)
		log_warnx("%s/%s/%s: the records about the database itself are "
		    "malformed; restore a backup, or move the directory away",
		    db->name, DB_SUBDIR, DB_FILE_MAIN);
	return (rc == DB_OK ? 0 : -1);
}

/*
 * Is it an error that goes away when somebody makes room or brings the disk
 * back?
 */
static int
is_passing(const struct db *db, int rc)
{
	int	cause = atomic_load(&db->cause);

	return (rc == ENOSPC || rc == EDQUOT || rc == EIO ||
	    cause == ENOSPC || cause == EDQUOT || cause == EIO);
}

/* STATE/db, when it is missing; 0, or -1 and a message logged. */
static int
make_home(const char *dir)
{
	char	home[PATH_MAX];

	db_finish_new(dir);
	if (snprintf(home, sizeof(home), "%s/%s", dir, DB_SUBDIR) >=
	    (int)sizeof(home)) {
		log_warnx("state directory %s: name too long", dir);
		return (-1);
	}
	if (mkdir(home, 0700) == -1 && errno != EEXIST) {
		log_warn("cannot make %s; check that the state directory "
		    "exists and belongs to this user", home);
		return (-1);
	}
	return (0);
}

/* NULL with errno. */
static struct db *
new_db(const char *dir, const struct db_opts *opts)
{
	struct db	*db;

	if ((db = calloc(1, sizeof(*db))) == NULL)
		return (NULL);
	db->dir = strdup(dir);
	db->name = strdup(opts != NULL && opts->name != NULL ? opts->name :
	    dir);
	db->bulk = malloc(DB_BULK);
	db->cache = opts != NULL && opts->cache != 0 ? opts->cache :
	    CACHE_DEFAULT;
	db->mark_fd = -1;
	db->sub = DB_SUBDIR;
	db->strict = opts != NULL && opts->strict;
	db->match4 = db->match6 = db->admit4 = db->admit6 =
	    ADDR_BITS;
	pthread_mutex_init(&db->mtx, NULL);
	pthread_cond_init(&db->cond, NULL);
	if (db->dir == NULL || db->name == NULL || db->bulk == NULL) {
		db_close(db);
		errno = ENOMEM;
		return (NULL);
	}
	return (db);
}

/* The entries are whole: the index goes, and libdb makes it again of them. */
static int
index_again(struct db *db, const char **what)
{
	int	rc;

	if (db->up)
		tear_down(db);
	*what = "moving " DB_FILE_INDEX;
	if (db_index_move(db, 1) == -1)
		return (errno);
	atomic_store(&db->torn, 0);
	if ((rc = build(db, what)) != 0 && db_is_damage(db, rc))
		(void)db_index_move(db, 0);
	if (rc != 0)
		return (rc);
	db->index_made = 1;
	return (0);
}

/*
 * A recovery reads both files, and fails when either is damaged.  It does not
 * need the index: so when it fails, it is tried without.
 */
static int
open_any(struct db *db, const char **what)
{
	char	msg[sizeof(db->msg)];
	int	missing = db_index_missing(db), rc;

	if ((rc = build(db, what)) != 0) {
		if (missing || !db_is_damage(db, rc))
			return (rc);
		strlcpy(msg, db->msg[0] != '\0' ? db->msg : db_strerror(rc),
		    sizeof(msg));
		if ((rc = index_again(db, what)) != 0)
			return (rc);
		snprintf(db->index_why, sizeof(db->index_why),
		    "the recovery failed with it (%s)", msg);
	} else if (missing)
		strlcpy(db->index_why, "it was missing",
		    sizeof(db->index_why));
	else
		return (0);
	/* What libdb has made is read as pages next. */
	rc = db->h.env->txn_checkpoint(db->h.env, 0, 0, DB_FORCE);
	if (rc == 0)
		db_index_drop(db);
	return (rc);
}

/* After a recovery, which has written all pages.  Returns a code of libdb. */
static int
verify(struct db *db, const char **what)
{
	enum db_state	state = db_verify(db);
	int		rc = 0;

	*what = "after its recovery";
	if (state == DB_INDEX_DAMAGED && (rc = index_again(db, what)) == 0) {
		db_index_drop(db);
		state = DB_WHOLE;
	}
	if (state == DB_DAMAGED)
		rc = DB_VERIFY_BAD;
	if (rc == 0 && db->index_why[0] != '\0')
		db_index_say(db);
	db->index_why[0] = '\0';
	db->verified = state == DB_WHOLE;
	return (rc);
}

/*
 * Opens it, or what can be made of it.  Returns a code of libdb.
 *
 * After an error of a database that was open here, nobody else can have changed
 * its files, and what is missing is seen by the count of commits: the pages are
 * not read again unless libdb has found a damaged one.  They are at the next
 * start, as no end is clean after that.
 */
static int
open_or_make(struct db *db, const char **what, int again)
{
	char	msg[sizeof(db->msg)];
	int	rc, clean;

	*what = "removing the mark of its clean end";
	if ((rc = db_clean_take(db, &clean)) != 0) {
		set_why(db, rc);
		return (rc);
	}
	db->verified = clean;
	clean |= again && !atomic_load(&db->torn);
	if (!clean)
		db_logs_keep(db);
	if ((rc = open_any(db, what)) == 0 && ((clean &&
	    db->index_why[0] == '\0') || (rc = verify(db, what)) == 0))
		return (0);
	if (!db_is_damage(db, rc))
		return (rc);
	/* The recovery was good, and wrote all pages but the damaged one. */
	if (db->up)
		tear_down(db);
	strlcpy(msg, atomic_load(&db->torn) ? db->torn_msg :
	    db->msg[0] != '\0' ? db->msg :
	    db_strerror(rc), sizeof(msg));
	if (db->strict) {
		refuse(db, *what, msg);
		return (DB_VERIFY_BAD);
	}
	log_warnx("database in %s/%s is damaged: %s: %s; making it again of "
	    "what can be read", db->name, DB_SUBDIR, *what, msg);
	if ((rc = db_make_again(db, build, tear_down, what)) != 0)
		set_why(db, rc);
	return (rc);
}

/* The facts may be on the damaged page.  -1: logged. */
static int
facts(struct db *db, const char **what)
{
	if (read_facts(db) == 0)
		return (0);
	if (db->up || db->strict || !atomic_load(&db->torn))
		return (-1);
	tear_down(db);
	return (open_or_make(db, what, 1) == 0 ? read_facts(db) : -1);
}

int
db_open(struct db **dbp, const char *dir, const struct db_opts *opts)
{
	struct db	*db;
	const char	*what;
	int		 rc;

	*dbp = NULL;
	if (make_home(dir) == -1)
		return (-1);
	if ((db = new_db(dir, opts)) == NULL) {
		log_warn("database in %s", dir);
		return (-1);
	}
	if ((rc = open_or_make(db, &what, 0)) != 0) {
		if (opts != NULL && opts->may_be_down && is_passing(db, rc)) {
			strlcpy(db->logged, db->why, sizeof(db->logged));
			log_warnx("database in %s/%s is down: %s (%s); nothing "
			    "is stored until it can be opened", db->name,
			    DB_SUBDIR, db->why, what);
			*dbp = db;
			return (0);
		}
		log_warnx("cannot open the database in %s/%s: %s: %s%s%s",
		    db->name, DB_SUBDIR, what, db->why, db->msg[0] ? "; " : "",
		    db->msg);
		db_close(db);
		return (-1);
	}
	if (facts(db, &what) == -1) {
		db_close(db);
		return (-1);
	}
	db->opened = 1;
	*dbp = db;
	return (0);
}

/*
 * The message of a failed try is logged once for each reason, not every 2 s.
 */
int
db_reopen(struct db *db)
{
	const char	*what = "no space";

	if (db->up)
		return (0);
	tear_down(db);
	if (!space_left(db)) {
		strlcpy(db->why, "disk full", sizeof(db->why));
	} else if (open_or_make(db, &what, db->opened) == 0) {
		if (facts(db, &what) == -1) {
			tear_down(db);
			return (-1);
		}
		db->opened = 1;
		db->stats.reopens++;
		db->logged[0] = '\0';
		log_info("database in %s/%s is up again", db->name, DB_SUBDIR);
		return (0);
	}
	if (strcmp(db->logged, db->why) != 0) {
		strlcpy(db->logged, db->why, sizeof(db->logged));
		log_warnx("database in %s/%s is still down: %s (%s)", db->name,
		    DB_SUBDIR, db->why, what);
	}
	return (-1);
}

/* The final checkpoint lets the next start read no log at all. */
void
db_close(struct db *db)
{
	DB_ENV	*env;
	int	 clean = 0;

	if (db == NULL)
		return;
	if (db->up) {
		db_thread_stop(db);
		db_abort(db);
		env = db->h.env;
		clean = env->txn_checkpoint(env, 0, 0, DB_FORCE) == 0 &&
		    env->log_archive(env, NULL, DB_ARCH_REMOVE) == 0 &&
		    db->up && db->verified && !atomic_load(&db->torn) &&
		    atomic_load(&db->thread_rc) == 0;
	}
	if (close_all(db) == 0 && clean)
		db_clean_put(db);
	pthread_cond_destroy(&db->cond);
	pthread_mutex_destroy(&db->mtx);
	if (db->mark_fd != -1)
		close(db->mark_fd);
	free(db->expired);
	free(db->bulk);
	free(db->dir);
	free(db->name);
	free(db);
}

/*
 * A checkpoint that is being written, or much log, would hold up an exit that
 * should be immediate; the next open reads the log instead.
 */
void
db_leave(struct db *db)
{
	DB_LOG_STAT	*st;
	uint32_t	 mb;
	int		 busy;

	if (db == NULL || !db->up)
		return;
	pthread_mutex_lock(&db->mtx);
	db->want = 0;
	busy = db->busy;
	pthread_mutex_unlock(&db->mtx);
	if (busy || db->h.env->log_stat(db->h.env, &st, 0) != 0)
		return;
	mb = st->st_wc_mbytes;
	free(st);
	if (mb < LEAVE_MB)
		db_close(db);
}

/* The count of the last commit tells, because all that is written is counted. */
int
db_is_same(const struct db *db)
{
	return (db->opened && db->stats.reopens > 0 && !db->lost.made_again &&
	    db->serial == db->last_serial);
}

int
db_is_up(const struct db *db)
{
	return (db->up);
}

const char *
db_why(const struct db *db)
{
	return (db->why);
}
