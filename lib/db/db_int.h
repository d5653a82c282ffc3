/*
 * What the files of the database (db.c, open.c, checkpoint.c, memory.c,
 * verify.c, check.c, damage.c, salvage.c, files.c, walk.c, mark.c) share; nobody
 * else includes this.
 */
#ifndef DB_INT_H
#define DB_INT_H

#include <sys/types.h>

#include <pthread.h>
#include <stdatomic.h>

#include <db.h>

#include "lib/db/db.h"

#define DB_SUBDIR	"db"
#define DB_NEW		"db.new"	/* damage.c */
#define DB_FILE_MAIN	"grey.db"
#define DB_FILE_INDEX	"expire.db"
#define DB_FILE_MARK	"mark"
#define DB_EXPIRE_LEN	BE_TIME_LEN	/* the index' key */
#define DB_BULK		(256 * 1024)	/* of a walk: some 1,500 entries */
#define DB_PROBES	8		/* slots tried for a tuple */
/* What libdb logs for a record and its index entry, besides their octets. */
#define DB_LOG_PUT	300
#define DB_LOG_DEL	400

/* All that goes when the environment is torn down, and only that. */
struct db_handles {
	DB_ENV		*env;
	DB		*entries;
	DB		*index;		/* expiry second -> key */
	DB_TXN		*txn;
	pthread_t	 thread;	/* checkpoints */
	int		 has_thread;
};

struct db {
	struct db_handles h;
	char		*dir;
	char		*name;		/* for messages */
	const char	*sub;		/* DB_SUBDIR or DB_NEW */
	int		 strict;
	uint64_t	 cache;
	int		 up;
	char		 why[128];	/* it is down, in words for clients */
	char		 logged[256];	/* the last `why' that was logged */
	uint8_t		 hash_key[16];
	unsigned int	 match4, match6, admit4, admit6;	/* 128ths */
	uint64_t	 unsynced;	/* estimated log since the last poke */
	uint64_t	 bad;		/* malformed entries met */
	int		 dirty;		/* the transaction has written something */
	uint64_t	 serial;	/* commits so far, in all its life */
	uint64_t	 entries;	/* as its user counts them */
	int		 mark_fd;	/* -1: none */
	uint64_t	 last_serial;	/* when it went down */
	int		 opened;	/* it was up once */
	int		 verified;	/* every page was whole, at an open */
	int		 index_made;	/* the index was made again … */
	char		 index_why[300]; /* … because of this */
	uint64_t	 index_entries;
	struct db_lost	 lost;
	struct db_stats	 stats;

	/* Shared with the checkpoint thread; it logs nothing and touches
	 * nothing else of this structure but h.env. */
	pthread_mutex_t	 mtx;
	pthread_cond_t	 cond;
	uint32_t	 want;		/* MB of log that make a checkpoint; 0: sleep */
	uint32_t	 ckp_file;	/* the log file that the last one began in; the
					   thread's own */
	int		 busy;		/* a checkpoint is being written */
	int		 quit;
	char		 msg[256];	/* libdb's first words since up */
	char		 torn_msg[256];	/* … about a damaged page */
	atomic_int	 torn;		/* it found one */
	atomic_int	 cause;		/* errno behind a panic, 0 unknown */
	atomic_int	 thread_rc;	/* a checkpoint failed with this */
	atomic_ullong	 checkpoints;

	/* Where records are read to. */
	uint8_t		 key[ENTRY_KEY_MAX];
	uint8_t		 data[ENTRY_DATA_MAX];
	char		 str[ENTRY_DATA_MAX + ENTRY_KEY_MAX];
	uint8_t		*bulk;
	struct entry_key *expired;
};

/* open.c.  What a libdb return code means; marks the database as down. */
enum db_result	 db_fail(struct db *, int rc, const char *what);
/* checkpoint.c */
int		 db_thread_start(struct db *);	/* 0, or an errno */
void		 db_thread_stop(struct db *);	/* waits for a checkpoint */
void		 db_poke(struct db *);
/* memory.c.  1: libdb gets its memory, or the process ends. */
void		 db_memory_must(int);
/* files.c.  Have libdb sync directories too. */
void		 db_files_init(void);
int		 db_sync_dir(const char *path);
/* After a sync that failed: writes all files again, so that the next one is
 * true. */
int		 db_files_repair(const char *home);
/* damage.c */
int		 db_is_damage(struct db *, int rc);
/* STATE/dir/file, or STATE/dir when file is "". */
void		 db_path(const struct db *, char *dst, const char *dir,
		    const char *file);
/* Calls fn for each file of STATE/dir that is a log file, or for all.  0, or
 * -1 with errno as soon as fn fails. */
int		 db_each_file(const struct db *, const char *dir, int logs,
		    int (*fn)(const char *path, const char *name, void *),
		    void *);
void		 db_finish_new(const char *dir);
void		 db_logs_keep(const struct db *);
void		 db_logs_drop(const struct db *);
void		 db_logs_back(const struct db *, const char *dir);
void		 db_logs_aside(struct db *);
/* Makes the database again; it is open then.  A code of libdb or an errno. */
int		 db_make_again(struct db *, int (*build)(struct db *,
		    const char **), void (*tear_down)(struct db *),
		    const char **what);
/* salvage.c.  Calls fn with the key and the data of each record in a file that
 * can be read; ends when it fails.  0 or -1. */
int		 db_salvage(const char *path, int (*fn)(const void *, size_t,
		    const void *, size_t, void *), void *arg);
/* check.c.  0: all pages are whole; 1: page is not; -1: it cannot be read.
 * entries: those with an expiry, or of the index. */
struct db_check {
	uint32_t	 page;
	uint64_t	 entries;
};
int		 db_pages_check(const char *path, int index,
		    struct db_check *);
/* verify.c.  After a recovery; torn_msg or index_why says what is damaged. */
enum db_state { DB_WHOLE, DB_UNREAD, DB_INDEX_DAMAGED, DB_DAMAGED };
enum db_state	 db_verify(struct db *);
/* The mark of a clean end: removes it; 0 or an errno.  Writes it. */
int		 db_clean_take(const struct db *, int *clean);
void		 db_clean_put(const struct db *);
/* The index: is it missing?  Moves it out of the database, or back; 0 or -1.
 * Removes what was moved.  Logs that it was made again. */
int		 db_index_missing(const struct db *);
int		 db_index_move(const struct db *, int aside);
void		 db_index_drop(const struct db *);
void		 db_index_say(const struct db *);
/* mark.c.  After each open: what is missing. */
enum db_result	 db_mark_check(struct db *);
/* Counts the transaction that is about to be committed … */
enum db_result	 db_mark_count(struct db *);
void		 db_mark_done(struct db *);	/* … and was */
/* Of a damaged database: what its mark says, … */
void		 db_mark_last(struct db *);
/* … and of the new one: goes on from there. */
void		 db_mark_salvaged(struct db *);
/* db.c */
enum db_result	 db_decode(struct db *, const DBT *key, const DBT *data,
		    struct entry *);
void		 db_dbt(DBT *, const void *, size_t);
void		 db_dbt_room(DBT *, void *, size_t);

#endif
