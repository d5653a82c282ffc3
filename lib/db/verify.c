/*
 * What an open makes sure of: that each page is whole, and that the index has
 * all entries.  The index can be made again of the entries without a loss,
 * which libdb does when it is not there; the other way round is damage.c.
 *
 * A clean end leaves STATE/db/clean when everything else is synced, with a sum
 * over the names and sizes of all files but the mark (mark.c), which is never
 * synced.  An open removes it, and syncs that, before anything else is written.
 * Where it is true, the files are those of a database that was whole, and are
 * not read again.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "lib/db/db_int.h"

#define CLEAN_FILE	"clean"
#define CLEAN_LEN	17		/* a sum of 16 digits, newline */
#define INDEX_ASIDE	"db.index"

static int
add_file(const char *path, const char *name, void *arg)
{
	static const uint8_t	key[16];	/* no protection */
	struct stat		st;
	char			text[PATH_MAX];
	int			n;

	if (strcmp(name, CLEAN_FILE) == 0 || strcmp(name, DB_FILE_MARK) == 0)
		return (0);
	if (lstat(path, &st) == -1)
		return (-1);
	n = snprintf(text, sizeof(text), "%s %lld", name,
	    (long long)st.st_size);
	*(uint64_t *)arg += siphash24(key, text, (size_t)n);
	return (0);
}

/* What the mark of a clean end says.  0 or -1. */
static int
clean_text(const struct db *db, char *text)
{
	uint64_t	sum = 0;

	if (db_each_file(db, DB_SUBDIR, 0, add_file, &sum) == -1)
		return (-1);
	snprintf(text, CLEAN_LEN + 1, "%016" PRIx64 "\n", sum);
	return (0);
}

int
db_clean_take(const struct db *db, int *clean)
{
	char	path[PATH_MAX], is[CLEAN_LEN + 1], want[CLEAN_LEN + 1];
	ssize_t	n;
	int	fd;

	*clean = 0;
	db_path(db, path, DB_SUBDIR, CLEAN_FILE);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1 &&
	    errno == ENOENT)
		return (0);
	if (fd != -1) {
		n = read(fd, is, CLEAN_LEN);
		close(fd);
		*clean = n == CLEAN_LEN && clean_text(db, want) == 0 &&
		    memcmp(is, want, CLEAN_LEN) == 0;
	}
	if (unlink(path) == -1)
		return (errno);
	db_path(db, path, DB_SUBDIR, "");
	return (db_sync_dir(path) == -1 ? errno : 0);
}

/* Without the mark the next open reads more; nothing else depends on it. */
void
db_clean_put(const struct db *db)
{
	char	path[PATH_MAX], text[CLEAN_LEN + 1];
	int	fd;

	db_path(db, path, DB_SUBDIR, CLEAN_FILE);
	if (clean_text(db, text) == -1 || (fd = open(path, O_WRONLY | O_CREAT |
	    O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) == -1)
		return;
	if (write(fd, text, CLEAN_LEN) == CLEAN_LEN && fsync(fd) == 0) {
		close(fd);
		db_path(db, path, DB_SUBDIR, "");
		(void)db_sync_dir(path);
		return;
	}
	close(fd);
	(void)unlink(path);
}

int
db_index_missing(const struct db *db)
{
	char	path[PATH_MAX];

	db_path(db, path, DB_SUBDIR, DB_FILE_INDEX);
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return (0);
	db_path(db, path, DB_SUBDIR, DB_FILE_MAIN);
	return (access(path, F_OK) == 0);
}

/* It is outside of the database until that is open without it. */
int
db_index_move(const struct db *db, int aside)
{
	char	in[PATH_MAX], out[PATH_MAX];

	db_path(db, in, DB_SUBDIR, DB_FILE_INDEX);
	db_path(db, out, INDEX_ASIDE, "");
	if (rename(aside ? in : out, aside ? out : in) == -1)
		return (-1);
	db_path(db, in, DB_SUBDIR, "");
	return (db_sync_dir(in));
}

void
db_index_drop(const struct db *db)
{
	char	path[PATH_MAX];

	db_path(db, path, INDEX_ASIDE, "");
	(void)unlink(path);
}

/* libdb's complaint is about the index if the entries are whole; when the index
 * was made again already, it is not. */
static enum db_state
judge_index(struct db *db, const struct db_check *main)
{
	struct db_check	index;
	char		path[PATH_MAX];
	int		rc;

	db_path(db, path, DB_SUBDIR, DB_FILE_INDEX);
	if ((rc = db_pages_check(path, 1, &index)) == 1)
		snprintf(db->index_why, sizeof(db->index_why),
		    "page %u was damaged", index.page);
	else if (rc == 0 && index.entries != main->entries)
		snprintf(db->index_why, sizeof(db->index_why),
		    "it had %" PRIu64 " entries instead of %" PRIu64,
		    index.entries, main->entries);
	else if (!atomic_load(&db->torn))
		return (rc == 0 ? DB_WHOLE : DB_UNREAD);
	else if (!db->index_made)
		strlcpy(db->index_why, db->torn_msg, sizeof(db->index_why));
	else
		return (DB_DAMAGED);
	return (DB_INDEX_DAMAGED);
}

enum db_state
db_verify(struct db *db)
{
	struct db_check	c;
	char		path[PATH_MAX];
	int		rc;

	db_path(db, path, DB_SUBDIR, DB_FILE_MAIN);
	if ((rc = db_pages_check(path, 0, &c)) == -1)
		return (atomic_load(&db->torn) ? DB_DAMAGED : DB_UNREAD);
	db->index_entries = c.entries;
	if (rc == 0)
		return (judge_index(db, &c));
	snprintf(db->torn_msg, sizeof(db->torn_msg), "%s: page %u",
	    DB_FILE_MAIN, c.page);
	atomic_store(&db->torn, 1);
	return (DB_DAMAGED);
}

void
db_index_say(const struct db *db)
{
	if (db->index_entries > 0)
		log_warnx("%s/%s/%s: %s; it was made again from %s, and its "
		    "%" PRIu64 " entries are complete", db->name, DB_SUBDIR,
		    DB_FILE_INDEX, db->index_why, DB_FILE_MAIN,
		    db->index_entries);
}
