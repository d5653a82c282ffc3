/*
 * The database: walks in slices, and expiry by the index.  Between two slices
 * a walk keeps only the last key it saw, never a cursor, so that anything may
 * be written in between.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/be.h"
#include "lib/db/db_int.h"

/* Types in key order. */
static const char	all_types[] = "DMPRSTWXg";

/* Does the key of this type begin with an address? */
static int
has_addr(int type)
{
	return (type == ENTRY_GREY || type == ENTRY_WHITE ||
	    type == ENTRY_TRAPPED || type == ENTRY_STAMP ||
	    type == ENTRY_VISIT || type == ENTRY_REPUTE);
}

/* Kept in 128ths, as prefixes are. */
void
db_set_cuts(struct db *db, const struct addr_cut *match,
    const struct addr_cut *admit)
{
	db->match4 = ADDR4_SKIP + match->ip4;
	db->match6 = match->ip6;
	db->admit4 = ADDR4_SKIP + admit->ip4;
	db->admit6 = admit->ip6;
}

/* How long the prefix is that a key of this type was cut to. */
static unsigned int
cut_len(const struct db *db, int type, const struct addr *addr)
{
	int	ip4 = addr_is4(addr);

	if (type == ENTRY_GREY || type == ENTRY_VISIT)
		return (ip4 ? db->match4 : db->match6);
	return (ip4 ? db->admit4 : db->admit6);
}

/* Is the key's network inside of the prefix, or the prefix inside of it? */
static int
overlaps(const struct db *db, const struct entry *e,
    const struct prefix *within)
{
	struct addr	a;
	unsigned int	len;

	if (prefix_has(within, &e->net))
		return (1);
	len = cut_len(db, e->type, &within->addr);
	if (len >= within->len)
		return (0);
	a = within->addr;
	addr_mask(&a, len);
	return (addr_cmp(&a, &e->net) == 0);
}

/* The first key of a type that can be of interest. */
static void
first_key(const struct db *db, int type, const struct prefix *within,
    struct entry_key *key)
{
	struct addr	a;

	key->b[0] = (uint8_t)type;
	key->len = 1;
	if (within == NULL || within->len == 0)
		return;
	a = within->addr;
	addr_mask(&a, cut_len(db, type, &a));
	memcpy(key->b + 1, a.b, sizeof(a.b));
	key->len = 1 + sizeof(a.b);
}

/* Is this entry past all that can be inside? */
static int
past(const struct entry *e, const struct prefix *within)
{
	struct addr	a = e->net;

	addr_mask(&a, within->len);
	return (addr_cmp(&a, &within->addr) > 0);
}

/* The next type that is wanted, from `type' on; 0: there are no more. */
static int
next_type(int type, const char *types, const struct prefix *within)
{
	const char	*t;

	for (t = all_types; *t != '\0'; t++) {
		if (*t < type || (types != NULL && strchr(types, *t) == NULL))
			continue;
		if (within != NULL && within->len > 0 && !has_addr(*t))
			continue;
		return (*t);
	}
	return (0);
}

struct walk {
	struct db		*db;
	struct db_pos		*pos;
	const char		*types;
	const struct prefix	*within;
	size_t			 left;
	int			(*fn)(const struct entry *, void *);
	void			*arg;
	int			 type;	/* being walked */
	struct entry_key	 seek;
};

/* What one entry of a walk leads to. */
enum step { GO_ON, NEXT_TYPE, STOP, ERR_NEWER };

/*
 * One entry of the bulk buffer.  A malformed entry counts as looked at and is
 * passed over.
 */
static enum step
walk_one(struct walk *w, DBT *key, DBT *data)
{
	const uint8_t	*k = key->data;
	struct entry	 e;
	enum db_result	 rc;

	if (key->size == 0 || k[0] != w->type)
		return (NEXT_TYPE);
	rc = db_decode(w->db, key, data, &e);
	if (rc == DB_NEWER)
		return (ERR_NEWER);
	if (rc == DB_OK && w->within != NULL && w->within->len > 0) {
		if (past(&e, w->within))
			return (NEXT_TYPE);
		if (!overlaps(w->db, &e, w->within))
			rc = DB_NONE;
	}
	if (key->size <= sizeof(w->pos->key.b)) {
		memcpy(w->pos->key.b, k, key->size);
		w->pos->key.len = key->size;
	}
	if (rc == DB_OK && w->fn(&e, w->arg) != 0)
		return (STOP);
	return (--w->left == 0 ? STOP : GO_ON);
}

/*
 * From w->seek through entries of w->type.  The buffer is read to its end
 * before anything else is asked of the database; the cursor is closed by then.
 */
static enum db_result
walk_bulk(struct walk *w, enum step *step)
{
	struct db	*db = w->db;
	DBC		*c;
	DBT		 key, bulk, k, d;
	void		*p;
	uint32_t	 flag = DB_SET_RANGE;
	int		 rc, rc2;

	if ((rc = db->h.entries->cursor(db->h.entries, db->h.txn, &c,
	    0)) != 0)
		return (db_fail(db, rc, "cursor"));
	*step = GO_ON;
	while (*step == GO_ON) {
		/* The key is only given: with a bulk buffer all keys are
		 * returned in there. */
		memcpy(db->key, w->seek.b, w->seek.len);
		db_dbt_room(&key, db->key, sizeof(db->key));
		key.size = (uint32_t)w->seek.len;
		db_dbt_room(&bulk, db->bulk, DB_BULK);
		rc = c->get(c, &key, &bulk, flag | DB_MULTIPLE_KEY);
		if (rc != 0)
			break;
		flag = DB_NEXT;
		DB_MULTIPLE_INIT(p, &bulk);
		while (*step == GO_ON) {
			memset(&k, 0, sizeof(k));
			memset(&d, 0, sizeof(d));
			DB_MULTIPLE_KEY_NEXT(p, &bulk, k.data, k.size, d.data,
			    d.size);
			if (p == NULL)
				break;
			*step = walk_one(w, &k, &d);
		}
	}
	rc2 = c->close(c);
	if (rc == DB_NOTFOUND) {
		rc = 0;
		*step = NEXT_TYPE;
	}
	if (rc == 0)
		rc = rc2;
	return (rc == 0 ? DB_OK : db_fail(db, rc, "walk"));
}

/*
 * A bulk read costs a copy of 256 KiB for each slice, however much of it is
 * used; for slices of some hundred entries and more that is still several
 * times faster than a cursor step each.
 */
enum db_result
db_walk(struct db *db, struct db_pos *pos, const char *types,
    const struct prefix *within, size_t max,
    int (*fn)(const struct entry *, void *), void *arg)
{
	struct walk	 w = { db, pos, types, within, max, fn, arg, 0,
			    { { 0 }, 0 } };
	enum db_result	 rc;
	enum step	 step;

	if (!db->up)
		return (DB_DOWN);
	if (pos->done || max == 0)
		return (DB_OK);
	if (pos->key.len > 0) {
		/* The least key behind the last one: the same and a zero. */
		w.type = pos->key.b[0];
		w.seek = pos->key;
		if (w.seek.len < sizeof(w.seek.b))
			w.seek.b[w.seek.len++] = 0;
	} else if ((w.type = next_type(0, types, within)) != 0)
		first_key(db, w.type, within, &w.seek);
	while (w.type != 0) {
		if ((rc = walk_bulk(&w, &step)) != DB_OK)
			return (rc);
		if (step == ERR_NEWER)
			return (DB_NEWER);
		if (step == STOP)
			return (DB_OK);
		if ((w.type = next_type(w.type + 1, types, within)) != 0)
			first_key(db, w.type, within, &w.seek);
	}
	pos->done = 1;
	return (DB_OK);
}

/*
 * Expiry: the index is sorted by second, so what is due stands at its begin
 * and the rest is never looked at.
 */
#define EXPIRE_MAX	1024	/* a transaction; the daemon asks for 256 */

/*
 * Collects the keys first: nothing is deleted under an open cursor.  The index
 * is sorted by second, so the walk ends at the first entry that is not due.
 */
static enum db_result
find_expired(struct db *db, int64_t now, size_t max,
    void (*fn)(const struct entry *, void *), void *arg, size_t *n)
{
	DBC		*c;
	DBT		 ikey, key, data;
	struct entry	 e;
	uint8_t		 raw[DB_EXPIRE_LEN];
	int		 rc, rc2;

	rc = db->h.index->cursor(db->h.index, db->h.txn, &c, 0);
	if (rc != 0)
		return (db_fail(db, rc, "cursor"));
	while (*n < max) {
		db_dbt_room(&ikey, raw, sizeof(raw));
		db_dbt_room(&key, db->key, sizeof(db->key));
		db_dbt_room(&data, db->data, sizeof(db->data));
		rc = c->pget(c, &ikey, &key, &data, DB_NEXT);
		if (rc != 0)
			break;
		if ((int64_t)be_get(raw, sizeof(raw)) > now)
			break;
		memcpy(db->expired[*n].b, key.data, key.size);
		db->expired[(*n)++].len = key.size;
		if (fn != NULL && db_decode(db, &key, &data, &e) == DB_OK)
			fn(&e, arg);
	}
	rc2 = c->close(c);
	if (rc == DB_NOTFOUND)
		rc = 0;
	if (rc == 0)
		rc = rc2;
	return (rc == 0 ? DB_OK : db_fail(db, rc, "expire"));
}

/*
 * Without memory for the keys nothing expires now; the next call tries again.
 */
enum db_result
db_expire(struct db *db, int64_t now, size_t max,
    void (*fn)(const struct entry *, void *), void *arg, size_t *n)
{
	enum db_result	 rc;
	DBT		 key;
	size_t		 i;
	int		 err;

	*n = 0;
	if (!db->up || db->h.txn == NULL)
		return (DB_DOWN);
	if (max > EXPIRE_MAX)
		max = EXPIRE_MAX;
	if (db->expired == NULL && (db->expired = calloc(EXPIRE_MAX,
	    sizeof(*db->expired))) == NULL)
		return (DB_BAD);
	if ((rc = find_expired(db, now, max, fn, arg, n)) != DB_OK)
		return (rc);
	for (i = 0; i < *n; i++) {
		db_dbt(&key, db->expired[i].b, db->expired[i].len);
		err = db->h.entries->del(db->h.entries, db->h.txn, &key, 0);
		if (err != 0 && err != DB_NOTFOUND)
			return (db_fail(db, err, "expire"));
		db->stats.dels++;
		db->dirty = 1;
		db->unsynced += 2 * db->expired[i].len + DB_LOG_DEL;
	}
	return (DB_OK);
}
