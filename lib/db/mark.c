/*
 * A mark beside the database: how many commits were durable, and how many
 * entries there were then.  libdb takes the first damaged record of its log
 * for the log's end and reports nothing, so a start with a damaged log would
 * be one with fewer entries and no message about it.
 *
 * Each transaction counts itself in a META entry, and the mark follows when
 * its commit is on disk.  The mark is not synced: after a power cut it may be
 * older than the database, which does no harm, and it is never newer.  So a
 * database that has counted less than its mark has lost the difference.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/be.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "lib/db/db_int.h"

#define META_COMMITS	"commits"
/* Of one length, so that a mark overwrites the one before wholly, and shorter
 * than any sector. */
#define MARK_TEXT	"commits %020" PRIu64 " entries %020" PRIu64 \
			    " time %020" PRId64
#define MARK_SUM	" sum %016" PRIx64 "\n"
#define MARK_LEN	120

/* A checksum, no protection: the key is zero. */
static uint64_t
sum_of(const char *text, size_t len)
{
	static const uint8_t	key[16];

	return (siphash24(key, text, len));
}

/* Logs that damage will not be detected from here on. */
static void
unwatched(const struct db *db)
{
	log_warn("cannot write %s/%s/%s; damage to the database log will not "
	    "be detected", db->name, db->sub, DB_FILE_MARK);
}

/* Writes the mark in place: one write shorter than a sector. */
static void
mark_write(struct db *db)
{
	char	text[MARK_LEN];
	int	n;

	if (db->mark_fd == -1)
		return;
	n = snprintf(text, sizeof(text), MARK_TEXT, db->serial, db->entries,
	    clock_wall());
	n += snprintf(text + n, sizeof(text) - (size_t)n, MARK_SUM,
	    sum_of(text, (size_t)n));
	if (pwrite(db->mark_fd, text, (size_t)n, 0) == n)
		return;
	/* The mark before it stays, which does no harm. */
	unwatched(db);
	close(db->mark_fd);
	db->mark_fd = -1;
}

/* -1: there is no mark, or it was written in part. */
static int
mark_read(int fd, struct db_lost *m)
{
	char		 text[MARK_LEN];
	const char	*sum;
	ssize_t		 n;
	uint64_t	 said;

	if ((n = pread(fd, text, sizeof(text) - 1, 0)) <= 0)
		return (-1);
	text[n] = '\0';
	if ((sum = strstr(text, " sum ")) == NULL ||
	    sscanf(sum, " sum %16" SCNx64, &said) != 1 ||
	    said != sum_of(text, (size_t)(sum - text)) ||
	    sscanf(text, "commits %" SCNu64 " entries %" SCNu64 " time %"
	    SCNd64, &m->commits, &m->entries, &m->time) != 3)
		return (-1);
	return (0);
}

/*
 * The file is opened without following a link: its directory belongs to
 * another user.
 */
static void
mark_open(struct db *db)
{
	char	path[PATH_MAX];

	if (db->mark_fd != -1)
		return;
	snprintf(path, sizeof(path), "%s/%s/%s", db->dir, db->sub,
	    DB_FILE_MARK);
	db->mark_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (db->mark_fd == -1)
		unwatched(db);
}

/* The count in the database. */
static enum db_result
serial_read(struct db *db)
{
	uint8_t		 b[8];
	enum db_result	 rc;
	size_t		 len;

	db->serial = 0;
	rc = db_meta_get(db, META_COMMITS, b, sizeof(b), &len);
	if (rc == DB_OK && len == sizeof(b))
		db->serial = be_get64(b);
	return (rc == DB_NONE ? DB_OK : rc);
}

void
db_mark_last(struct db *db)
{
	unsigned int	times = db->lost.times;

	mark_open(db);
	if (db->mark_fd == -1 || mark_read(db->mark_fd, &db->lost) == -1)
		memset(&db->lost, 0, sizeof(db->lost));
	db->lost.times = times;
	if (db->mark_fd != -1)
		close(db->mark_fd);
	db->mark_fd = -1;
}

void
db_mark_salvaged(struct db *db)
{
	uint64_t	last = db->lost.commits;

	if (serial_read(db) != DB_OK)
		return;		/* it is down: the caller sees that next */
	db->lost.commits = last > db->serial ? last - db->serial : 0;
	if (db->serial < last)
		db->serial = last;
}

/*
 * Compares the count in the database with that of the mark; what is missing
 * stands in db->lost from here on.
 */
enum db_result
db_mark_check(struct db *db)
{
	struct db_lost	 m = db->lost;
	enum db_result	 rc;

	if ((rc = serial_read(db)) != DB_OK)
		return (rc);
	mark_open(db);
	if (db->mark_fd == -1 || mark_read(db->mark_fd, &m) == -1 ||
	    m.commits <= db->serial)
		return (DB_OK);
	m.times++;
	m.made_again = 0;
	m.aside[0] = '\0';
	db->lost = m;
	db->lost.commits = m.commits - db->serial;
	/* The next one is counted from there, or it would be missed again. */
	db->serial = m.commits;
	return (DB_OK);
}

/* Part of the transaction that is about to be committed. */
enum db_result
db_mark_count(struct db *db)
{
	uint8_t	b[8];

	be_put64(b, db->serial + 1);
	return (db_meta_put(db, META_COMMITS, b, sizeof(b)));
}

void
db_mark_done(struct db *db)
{
	db->serial++;
	mark_write(db);
}

void
db_counted(struct db *db, uint64_t entries)
{
	db->entries = entries;
}

int
db_lost(const struct db *db, struct db_lost *lost)
{
	*lost = db->lost;
	return (db->lost.times > 0);
}
