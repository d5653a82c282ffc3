/*
 * The room lib/db: the greylist database, its entries and their forms.  store
 * runs it in the daemon, and spamgreydb when no daemon does.  It may use
 * lib/base and libdb.  In the order to read:
 *
 *	entry		an entry in memory and on disk
 *	entry_line	as a line of spamdb, and back
 *	backup		as a line of an export, and back
 *	db.h		the database (this file); db_int.h inside of it
 *	db		transactions, single entries
 *	walk		walks, expiry
 *	open		open, recovery, checkpoints, close
 *	verify		is it whole? a new index; the mark of a clean end
 *	check		is each page of a file whole?
 *	damage		a new database of a damaged one
 *	salvage		what can be read of a damaged file; pages.h: how it lies
 *	files		syncs of directories, and after failed ones
 *	mark		was anything lost since the last run?
 *	grey		greylisting as a function of entry, time and settings
 *
 * The database: Berkeley DB, one transactional environment, one process, one
 * thread of database work (checkpoints have a thread of their own).  Every
 * handle is in struct db, which can be torn down and built again: after
 * DB_RUNRECOVERY, ENOSPC or EIO every call returns DB_DOWN, and db_reopen
 * runs recovery; nothing that db_commit reported is lost.
 *
 * Only the process that holds the state directory's lock (statedir.h) may open
 * it.  Entries that a call returns borrow their strings from the struct db and
 * are valid until the next call.
 */
#ifndef DB_H_SPAMGREY
#define DB_H_SPAMGREY

#include <stddef.h>
#include <stdint.h>

#include "lib/db/entry.h"

struct db;

struct db_opts {
	uint64_t	cache;		/* bytes; 0: 64 MB */
	const char	*name;		/* dir as messages call it; NULL: dir */
	/* A full disk or an I/O error does not make db_open fail: the database
	 * is then down, and db_reopen tries again. */
	int		may_be_down;
	int		strict;		/* do not open a damaged one */
};

enum db_result {
	DB_OK = 0,
	DB_NONE,		/* not found */
	DB_DOWN,		/* the environment is gone: db_reopen later */
	DB_NEWER,		/* written by a newer version */
	DB_BAD			/* a malformed entry; skipped, logged */
};

/*
 * dir: the state directory (already locked, see statedir.h).  The
 * database lives in dir/db/.  0 or -1 and a message logged that names the
 * file and the remedy.  Recovery is run on every open.
 */
int	 db_open(struct db **, const char *dir, const struct db_opts *);
void	 db_close(struct db *);		/* final checkpoint; NULL is fine */
/*
 * For a process that ends at once: db_close where that is quick, else nothing;
 * what was committed is in the log, and the next open reads it.  The handle
 * is not to be used again, and the process must exit.
 */
void	 db_leave(struct db *);
int	 db_is_up(const struct db *);
const char *db_why(const struct db *);	/* why it is down, in words */
/* One try: 0 up again, -1 still down (message logged when it changes). */
int	 db_reopen(struct db *);
/* 1: what it holds since then is what it held when it went down. */
int	 db_is_same(const struct db *);
/* The siphash key of this database's tuples. */
const uint8_t *db_hash_key(const struct db *);

enum db_result db_begin(struct db *);
enum db_result db_commit(struct db *);	/* durable when it returns DB_OK */
void	 db_abort(struct db *);
int	 db_in_txn(const struct db *);
/* How many entries there are, as the caller counts them: what an open that has
 * lost some is compared with. */
void	 db_counted(struct db *, uint64_t entries);
/* What was committed, and did not come back at an open. */
struct db_lost {
	unsigned int	times;		/* since db_open */
	int		made_again;	/* of the pages that could be read; else
					   only the log's end is missing */
	char		aside[40];	/* in the state directory: what was damaged */
	uint64_t	commits;	/* transactions */
	uint64_t	entries;	/* that there were at the last of them … */
	int64_t		time;		/* … and when it was (clock_wall) */
};
/* 1: it was damaged; 0: not since this process opened it. */
int	 db_lost(const struct db *, struct db_lost *);
/*
 * Call each minute: a checkpoint, in the thread, though less was logged than
 * would bring one, so that at rest the log is short and a restart quick.
 */
void	 db_rest(struct db *);

/* Inside a transaction or, for get, outside of one too. The entry borrows
 * from the db until its next call. */
enum db_result db_get(struct db *, const struct entry *key, struct entry *);
enum db_result db_put(struct db *, const struct entry *);
enum db_result db_del(struct db *, const struct entry *key);

/*
 * GREY: the slot of the tuple whose strings are in *e (net, hash from
 * entry's normalised strings already set): probes e->hash, e->hash+1 …
 * (at most 8) until `same' says yes or a slot is free; sets e->hash.
 * DB_OK: found, in *found; DB_NONE: free slot; DB_BAD: all 8 taken.
 */
enum db_result db_get_tuple(struct db *, struct entry *e,
	    int (*same)(const struct entry *, const struct entry *, void *),
	    void *arg, struct entry *found);

/* Where a walk stands, so that it can go on in a later slice. */
struct db_pos {
	struct entry_key key;	/* the last one seen; len 0: the beginning */
	int		 done;
};
/*
 * How keys are cut, so that a walk knows which networks an address may be in;
 * until it is called keys are taken for full addresses.
 */
void	 db_set_cuts(struct db *, const struct addr_cut *match,
	    const struct addr_cut *admit);
/*
 * In key order from *pos, entries whose type is in types (a string of type
 * letters; NULL all) and, for keys with an address, inside within or around
 * it (NULL: everywhere; else keys without an address are left out): calls fn
 * for each until fn returns non-zero, max entries were looked at, or the end
 * (pos->done).  fn must not write, but may db_get (which takes the entry's
 * strings).  In a transaction it sees what that wrote.
 */
enum db_result db_walk(struct db *, struct db_pos *, const char *types,
	    const struct prefix *within, size_t max,
	    int (*fn)(const struct entry *, void *), void *arg);
/*
 * Deletes at most max entries whose expire is > 0 and <= now, found by the
 * index; fn (may be NULL) is told of each before it goes.  Inside a
 * transaction.
 * *n: how many.
 */
enum db_result db_expire(struct db *, int64_t now, size_t max,
	    void (*fn)(const struct entry *, void *), void *arg, size_t *n);

/* META: small values by name. */
enum db_result db_meta_get(struct db *, const char *name, void *, size_t size,
	    size_t *len);
enum db_result db_meta_put(struct db *, const char *name, const void *,
	    size_t len);

struct db_stats {
	uint64_t	commits, puts, dels, reopens, checkpoints;
	uint64_t	bad;		/* malformed entries met */
	uint64_t	log_bytes;	/* written since the last open */
};
void	 db_stats(struct db *, struct db_stats *);

#endif
