/*
 * The database: transactions and single entries.  One thread only; see
 * open.c for the other one, which writes checkpoints.
 *
 * Every return code of libdb goes through db_fail, which takes anything but
 * "not found" for the end of this environment: after a failed write of the log
 * nothing else that it reports can be trusted.  Callers therefore see five
 * results and never an errno.
 *
 * Records are read into buffers of struct db, because DB_THREAD requires
 * memory of the caller's; that is why an entry lives only until the next call.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/db/db_int.h"
#include "lib/base/log.h"

/* A key to look for, or data to be written; libdb does not change it. */
void
db_dbt(DBT *t, const void *data, size_t len)
{
	memset(t, 0, sizeof(*t));
	/* libdb does not change what is put; its type has no const. */
	memcpy(&t->data, &data, sizeof(t->data));
	t->size = (uint32_t)len;
}

/* Room for a record to be read to. */
void
db_dbt_room(DBT *t, void *room, size_t size)
{
	memset(t, 0, sizeof(*t));
	t->data = room;
	t->ulen = (uint32_t)size;
	t->flags = DB_DBT_USERMEM;
}

/* A record as libdb returned it to an entry that borrows from db->str. */
enum db_result
db_decode(struct db *db, const DBT *key, const DBT *data, struct entry *e)
{
	int	rc;

	rc = entry_decode(key->data, key->size, data->data, data->size, e,
	    db->str);
	if (rc == 0)
		return (DB_OK);
	if (rc == -2)
		return (DB_NEWER);
	/* One line, not one for each: a damaged file may hold many. */
	if (db->bad++ == 0)
		log_warnx("database in %s: a malformed entry was skipped; "
		    "further ones are only counted (see stats)", db->name);
	return (DB_BAD);
}

/*
 * A checkpoint that could not be written is not a panic: the log still takes
 * commits.  But pages that do not reach the disk must come out of an ever
 * longer log at the next start, so it counts as a failure of the disk.
 */
static int
thread_failed(struct db *db)
{
	int	rc = atomic_load(&db->thread_rc);

	if (rc != 0)
		db_fail(db, rc, "checkpoint");
	return (rc != 0);
}

enum db_result
db_begin(struct db *db)
{
	int	rc;

	if (!db->up || thread_failed(db))
		return (DB_DOWN);
	if (db->h.txn != NULL)		/* the caller's mistake; not nested */
		return (DB_BAD);
	db->dirty = 0;
	rc = db->h.env->txn_begin(db->h.env, NULL, &db->h.txn, DB_TXN_SYNC);
	if (rc != 0) {
		db->h.txn = NULL;
		return (db_fail(db, rc, "begin"));
	}
	return (DB_OK);
}

enum db_result
db_commit(struct db *db)
{
	DB_TXN		*txn = db->h.txn;
	enum db_result	 result;
	int		 rc;

	if (!db->up || txn == NULL)
		return (DB_DOWN);
	if (db->dirty && (result = db_mark_count(db)) != DB_OK)
		return (result);
	db->h.txn = NULL;	/* gone, whatever commit says */
	if ((rc = txn->commit(txn, DB_TXN_SYNC)) != 0)
		return (db_fail(db, rc, "commit"));
	if (db->dirty)
		db_mark_done(db);
	db->stats.commits++;
	db_poke(db);
	return (DB_OK);
}

/* When the environment is down, tear_down ends the transaction. */
void
db_abort(struct db *db)
{
	DB_TXN	*txn = db->h.txn;
	int	 rc;

	if (txn == NULL || !db->up)
		return;
	db->h.txn = NULL;
	if ((rc = txn->abort(txn)) != 0)
		db_fail(db, rc, "abort");
}

int
db_in_txn(const struct db *db)
{
	return (db->up && db->h.txn != NULL);
}

/*
 * Reads a record as it is.  Without a transaction this is a plain read: there
 * are no locks, and nobody else writes.
 */
static enum db_result
get_raw(struct db *db, const void *k, size_t klen, DBT *key, DBT *data)
{
	int	rc;

	if (!db->up)
		return (DB_DOWN);
	db_dbt(key, k, klen);
	db_dbt_room(data, db->data, sizeof(db->data));
	rc = db->h.entries->get(db->h.entries, db->h.txn, key, data, 0);
	if (rc == DB_NOTFOUND)
		return (DB_NONE);
	if (rc == DB_BUFFER_SMALL)	/* longer than we ever write */
		return (DB_BAD);
	return (rc == 0 ? DB_OK : db_fail(db, rc, "read"));
}

enum db_result
db_get(struct db *db, const struct entry *want, struct entry *e)
{
	struct entry_key	 k;
	enum db_result		 rc;
	DBT			 key, data;

	if (entry_encode_key(want, &k) == -1)
		return (DB_NONE);
	if ((rc = get_raw(db, k.b, k.len, &key, &data)) != DB_OK)
		return (rc);
	return (db_decode(db, &key, &data, e));
}

/*
 * Writes a record, and by the association its index entry.  db->unsynced only
 * decides when it is worth waking the checkpoint thread; an estimate will do.
 */
static enum db_result
put_raw(struct db *db, const void *k, size_t klen, const void *d, size_t dlen)
{
	DBT	key, data;
	int	rc;

	if (!db->up || db->h.txn == NULL)
		return (DB_DOWN);
	db_dbt(&key, k, klen);
	db_dbt(&data, d, dlen);
	rc = db->h.entries->put(db->h.entries, db->h.txn, &key, &data, 0);
	if (rc != 0)
		return (db_fail(db, rc, "write"));
	db->stats.puts++;
	db->dirty = 1;
	db->unsynced += 2 * klen + dlen + DB_LOG_PUT;
	return (DB_OK);
}

enum db_result
db_put(struct db *db, const struct entry *e)
{
	struct entry_key	k;
	struct entry_data	d;

	if (entry_encode(e, &k, &d) == -1)
		return (DB_BAD);
	return (put_raw(db, k.b, k.len, d.b, d.len));
}

enum db_result
db_del(struct db *db, const struct entry *want)
{
	struct entry_key	k;
	DBT			key;
	int			rc;

	if (!db->up || db->h.txn == NULL)
		return (DB_DOWN);
	if (entry_encode_key(want, &k) == -1)
		return (DB_NONE);
	db_dbt(&key, k.b, k.len);
	rc = db->h.entries->del(db->h.entries, db->h.txn, &key, 0);
	if (rc == DB_NOTFOUND)
		return (DB_NONE);
	if (rc != 0)
		return (db_fail(db, rc, "delete"));
	db->stats.dels++;
	db->dirty = 1;
	db->unsynced += 2 * k.len + DB_LOG_DEL;
	return (DB_OK);
}

/*
 * A keyed hash of 64 bits collides neither by chance nor by design of a
 * stranger, who does not know the key; the probes make the answer right all
 * the same.  A deleted entry leaves a hole that hides those behind it; they
 * expire unseen, which costs a sender one more attempt.
 */
enum db_result
db_get_tuple(struct db *db, struct entry *e,
    int (*same)(const struct entry *, const struct entry *, void *),
    void *arg, struct entry *found)
{
	enum db_result	rc;
	unsigned int	i;

	for (i = 0; i < DB_PROBES; i++, e->hash++) {
		rc = db_get(db, e, found);
		if (rc == DB_OK && same(e, found, arg))
			return (DB_OK);
		if (rc == DB_BAD)	/* worth nothing: may be overwritten */
			return (DB_NONE);
		if (rc != DB_OK)
			return (rc);
	}
	return (DB_BAD);
}

/*
 * META: the database's own records, under a type of key that no walk of
 * entries looks at and that the index leaves out.  Data: a version octet, then
 * the value.
 */
static enum db_result
meta_key(const char *name, struct entry_key *k)
{
	struct entry	e;

	entry_init(&e, ENTRY_META);
	e.rcpt = name;
	return (entry_encode_key(&e, k) == -1 ? DB_BAD : DB_OK);
}

enum db_result
db_meta_get(struct db *db, const char *name, void *dst, size_t size,
    size_t *len)
{
	struct entry_key	 k;
	enum db_result		 rc;
	const uint8_t		*b;
	DBT			 key, data;

	if ((rc = meta_key(name, &k)) != DB_OK ||
	    (rc = get_raw(db, k.b, k.len, &key, &data)) != DB_OK)
		return (rc);
	b = data.data;
	if (data.size == 0 || b[0] == 0)
		return (DB_BAD);
	if (b[0] > ENTRY_VERSION)
		return (DB_NEWER);
	*len = data.size - 1;
	if (*len > size)
		return (DB_BAD);
	memcpy(dst, b + 1, *len);
	return (DB_OK);
}

enum db_result
db_meta_put(struct db *db, const char *name, const void *value, size_t len)
{
	struct entry_key	 k;
	struct entry_data	 d;
	enum db_result		 rc;

	if (len >= sizeof(d.b))
		return (DB_BAD);
	if ((rc = meta_key(name, &k)) != DB_OK)
		return (rc);
	d.b[0] = ENTRY_VERSION;
	memcpy(d.b + 1, value, len);
	return (put_raw(db, k.b, k.len, d.b, len + 1));
}

const uint8_t *
db_hash_key(const struct db *db)
{
	return (db->hash_key);
}

/* Bytes of log come from libdb; without them the value is 0. */
void
db_stats(struct db *db, struct db_stats *st)
{
	DB_LOG_STAT	*ls;

	*st = db->stats;
	st->checkpoints = atomic_load(&db->checkpoints);
	st->bad = db->bad;
	st->log_bytes = 0;
	if (db->up && db->h.env->log_stat(db->h.env, &ls, 0) == 0) {
		st->log_bytes = (uint64_t)ls->st_w_mbytes * 1024 * 1024 +
		    ls->st_w_bytes;
		free(ls);
	}
}
