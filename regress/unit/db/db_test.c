/*
 * The database: walks in slices, probing, META, what a commit and a failed
 * checkpoint mean, and entries that are malformed or newer than this program.
 */
/* LIBS: -ldb */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <db.h>

#include "lib/db/db_int.h"
#include "lib/base/log.h"
#include "regress/lib/tap.h"

static char	dir[] = "/tmp/db_test.XXXXXX";
static char	last[LOG_LINE_MAX];
static struct db *db;

static void
keep(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	snprintf(last, sizeof(last), "%s", line);
	printf("# log: %s\n", line);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static int
reopen(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	db_close(db);
	return (db_open(&db, dir, &opts));
}

static struct entry
make(enum entry_type type, const char *ip, int64_t expire)
{
	struct entry	e;

	entry_init(&e, type);
	addr_parse(ip, &e.addr);
	e.net = e.addr;
	e.expire = expire;
	if (type == ENTRY_GREY) {
		addr_mask(&e.net, addr_is4(&e.net) ? 120 : 64);
		e.from = "<a@example.org>";
		e.to = "<b@example.net>";
	}
	return (e);
}

static void
put(const struct entry *e)
{
	db_begin(db);
	if (db_put(db, e) != DB_OK)
		abort();
	db_commit(db);
}

struct seen {
	unsigned int	n;
	char		text[4096];
	unsigned int	stop;
};

static int
see(const struct entry *e, void *arg)
{
	struct seen	*s = arg;
	char		 ip[ADDR_STRLEN];
	size_t		 len = strlen(s->text);

	snprintf(s->text + len, sizeof(s->text) - len, "%c%s ", e->type,
	    e->type == ENTRY_SPAMTRAP || e->type == ENTRY_META ? e->rcpt :
	    addr_str(&e->addr, ip));
	return (++s->n == s->stop);
}

static const char *
walk(const char *types, const char *within, size_t max, unsigned int *slices)
{
	static struct seen	s;
	struct prefix		p;
	struct db_pos		pos;
	unsigned int		n = 0;

	memset(&s, 0, sizeof(s));
	memset(&pos, 0, sizeof(pos));
	if (within != NULL && prefix_parse(within, &p) == -1)
		abort();
	while (!pos.done && n++ < 100)
		if (db_walk(db, &pos, types, within != NULL ? &p : NULL, max,
		    see, &s) != DB_OK)
			return ("failed");
	if (slices != NULL)
		*slices = n;
	return (s.text);
}

static void
test_walk(void)
{
	static const struct addr_cut	match = { 24, 64 }, admit = { 32, 64 },
					wide = { 16, 64 };
	static const char *const	all =
	    "Sa@example.org T192.0.2.9 W192.0.2.1 W198.51.100.1 "
	    "g192.0.2.1 g192.0.3.1 g2001:db8::1 ";
	struct entry	e;
	unsigned int	slices;

	e = make(ENTRY_WHITE, "198.51.100.1", 0);
	put(&e);
	e = make(ENTRY_WHITE, "192.0.2.1", 100);
	put(&e);
	e = make(ENTRY_GREY, "192.0.3.1", 100);
	put(&e);
	e = make(ENTRY_GREY, "192.0.2.1", 100);
	put(&e);
	e = make(ENTRY_GREY, "2001:db8::1", 100);
	put(&e);
	e = make(ENTRY_TRAPPED, "192.0.2.9", 100);
	put(&e);
	entry_init(&e, ENTRY_SPAMTRAP);
	e.rcpt = "a@example.org";
	put(&e);
	db_set_cuts(db, &match, &admit);
	is_str(walk("STWg", NULL, 1000, &slices), all, "all, in key order");
	is_int(slices, 1, "in one slice");
	is_str(walk("STWg", NULL, 1, &slices), all, "one a slice: the same");
	is_int(slices, 8, "in as many slices");
	is_str(walk("W", NULL, 2, NULL), "W192.0.2.1 W198.51.100.1 ",
	    "one type");
	is_str(walk("Tg", NULL, 2, NULL), "T192.0.2.9 g192.0.2.1 "
	    "g192.0.3.1 g2001:db8::1 ", "two types");
	is_str(walk(NULL, "192.0.2.0/24", 3, NULL),
	    "T192.0.2.9 W192.0.2.1 g192.0.2.1 ", "a network");
	is_str(walk(NULL, "192.0.2.77", 3, NULL), "g192.0.2.1 ",
	    "an address: the network that it is in");
	is_str(walk(NULL, "192.0.0.0/16", 3, NULL),
	    "T192.0.2.9 W192.0.2.1 g192.0.2.1 g192.0.3.1 ", "a wide one");
	is_str(walk(NULL, "2001:db8::ffff", 3, NULL), "g2001:db8::1 ",
	    "IPv6");
	is_str(walk("W", "10.0.0.0/8", 3, NULL), "", "nothing there");
	db_set_cuts(db, &wide, &admit);
	is_str(walk("g", "192.0.3.0/24", 3, NULL), "g192.0.3.1 ",
	    "a network, when keys are cut shorter than they were");
	db_set_cuts(db, &match, &admit);
}

static int
same_from(const struct entry *a, const struct entry *b, void *arg)
{
	(void)arg;
	return (strcmp(a->from, b->from) == 0);
}

static void
test_probe(void)
{
	struct entry	e, found;
	char		from[32];
	int		i;

	for (i = 0; i < 8; i++) {
		e = make(ENTRY_GREY, "203.0.113.1", 100);
		snprintf(from, sizeof(from), "<%d@example.org>", i);
		e.from = from;
		e.hash = UINT64_MAX - 2;
		is_int(db_get_tuple(db, &e, same_from, NULL, &found), DB_NONE,
		    "the same hash: a free slot");
		is_int(e.hash - (UINT64_MAX - 2), i, "the next one");
		put(&e);
	}
	e.hash = UINT64_MAX - 2;
	is_int(db_get_tuple(db, &e, same_from, NULL, &found), DB_OK,
	    "found by its strings");
	is_int(e.hash, 4, "where it is");
	e.from = "<other@example.org>";
	e.hash = UINT64_MAX - 2;
	is_int(db_get_tuple(db, &e, same_from, NULL, &found), DB_BAD,
	    "no ninth");
}

static void
test_txn(void)
{
	struct entry	e = make(ENTRY_WHITE, "198.51.100.77", 100), found;
	char		value[8];
	size_t		len;

	is_int(db_put(db, &e), DB_DOWN, "nothing is written without begin");
	is_int(db_begin(db), DB_OK, "begin");
	is_int(db_begin(db), DB_BAD, "not twice");
	is_int(db_put(db, &e), DB_OK, "put");
	is_int(db_get(db, &e, &found), DB_OK, "seen in the transaction");
	db_abort(db);
	is_int(db_get(db, &e, &found), DB_NONE, "aborted");
	is_int(db_meta_get(db, "x", value, sizeof(value), &len), DB_NONE,
	    "no such fact");
	db_begin(db);
	is_int(db_meta_put(db, "x", "12345678", 8), DB_OK, "META");
	db_commit(db);
	is_int(db_meta_get(db, "x", value, 8, &len), DB_OK, "and back");
	ok(len == 8 && memcmp(value, "12345678", 8) == 0, "its value");
	is_int(db_meta_get(db, "x", value, 7, &len), DB_BAD, "too small");
}

static void
test_expire(void)
{
	struct entry	e = make(ENTRY_WHITE, "198.51.100.76", 60), found;
	size_t		n;

	put(&e);
	db_begin(db);
	is_int(db_expire(db, 59, 256, NULL, NULL, &n), DB_OK, "expire");
	is_int(n, 0, "nothing before its second");
	is_int(db_expire(db, 60, 256, NULL, NULL, &n), DB_OK, "again");
	is_int(n, 1, "at its second");
	is_int(db_get(db, &e, &found), DB_NONE, "it is gone");
	db_commit(db);
}

static int
mode_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)type;
	(void)ftw;
	if ((st->st_mode & 077) == 0)
		return (0);
	printf("# %s: %o\n", path, st->st_mode);
	return (1);
}

/* How often libdb has waited for the disk to have its log. */
static uintmax_t
log_syncs(void)
{
	DB_LOG_STAT	*st;
	uintmax_t	 n;

	if (db->h.env->log_stat(db->h.env, &st, 0) != 0)
		abort();
	n = st->st_scount;
	free(st);
	return (n);
}

/* kill -9 keeps what only a power cut loses, so the waits are counted. */
static void
test_durable(void)
{
	struct entry	e = make(ENTRY_WHITE, "198.51.100.78", 100);
	uintmax_t	before = log_syncs();
	int		i;

	for (i = 1; i <= 10; i++) {
		e.expire = 100 + i;
		put(&e);
		if (log_syncs() - before != (uintmax_t)i)
			break;
	}
	is_int(i, 11, "each commit waits until the log is on the disk");
	db_begin(db);
	db_del(db, &e);
	db_commit(db);
}

static size_t
log_files(void)
{
	char	pattern[64];
	glob_t	g;
	size_t	n;

	snprintf(pattern, sizeof(pattern), "%s/db/log.*", dir);
	n = glob(pattern, 0, NULL, &g) == 0 ? g.gl_pathc : 0;
	globfree(&g);
	return (n);
}

/* A checkpoint removes the log that no recovery needs. */
static void
test_archive(void)
{
	struct db_stats	st;
	uint64_t	before;

	ok(log_files() > 2, "there are several log files");
	db_stats(db, &st);
	before = st.checkpoints;
	db_rest(db);
	do {
		sched_yield();
		db_stats(db, &st);
	} while (st.checkpoints == before && atomic_load(&db->thread_rc) == 0);
	ok(log_files() <= 2, "at rest the old ones are removed");
}

static int
no_checkpoint(DB_ENV *env, uint32_t kbytes, uint32_t minutes, uint32_t flags)
{
	(void)env;
	(void)kbytes;
	(void)minutes;
	(void)flags;
	return (EIO);
}

static void
test_checkpoint_fails(void)
{
	struct entry	e = make(ENTRY_WHITE, "198.51.100.79", 100);

	put(&e);
	db->h.env->txn_checkpoint = no_checkpoint;
	db_rest(db);
	while (atomic_load(&db->thread_rc) == 0)
		sched_yield();
	is_int(db_begin(db), DB_DOWN, "after a failed checkpoint it is down");
	is_int(db_is_up(db), 0, "for all");
	ok(strstr(last, "(checkpoint: ") != NULL, "and the log says why");
	is_int(db_reopen(db), 0, "it can be opened again");
	is_int(db_get(db, &e, &e), DB_OK, "with what was committed");
	is_int(db_begin(db), DB_OK, "and is written to");
	db_del(db, &e);
	is_int(db_commit(db), DB_OK, "again");
}

/* Behind its back, with libdb alone. */
static void
put_raw(const void *key, size_t klen, const void *data, size_t dlen)
{
	char	path[256];
	DB	*raw;
	DBT	 k, d;

	db_close(db);
	db = NULL;
	snprintf(path, sizeof(path), "%s/db/grey.db", dir);
	memset(&k, 0, sizeof(k));
	memset(&d, 0, sizeof(d));
	memcpy(&k.data, &key, sizeof(key));
	k.size = (uint32_t)klen;
	memcpy(&d.data, &data, sizeof(data));
	d.size = (uint32_t)dlen;
	if (db_create(&raw, NULL, 0) != 0 || raw->open(raw, NULL, path, NULL,
	    DB_BTREE, 0, 0) != 0 || raw->put(raw, NULL, &k, &d, 0) != 0)
		abort();
	raw->close(raw, 0);
}

static void
test_foreign(void)
{
	struct entry	e = make(ENTRY_WHITE, "192.0.2.99", 0), found;
	struct entry_key key;
	struct entry_data data;
	struct db_pos	pos;
	struct seen	s;

	put_raw("Wshort", 6, "\1junk", 5);
	is_int(reopen(), 0, "a malformed entry is no obstacle");
	is_str(walk("W", NULL, 3, NULL), "W192.0.2.1 W198.51.100.1 ",
	    "it is skipped");
	ok(strstr(last, "malformed") != NULL, "and logged");

	entry_encode(&e, &key, &data);
	data.b[0] = ENTRY_VERSION + 1;
	put_raw(key.b, key.len, data.b, data.len);
	is_int(reopen(), 0, "an entry of a newer version");
	is_int(db_get(db, &e, &found), DB_NEWER, "is told apart");
	memset(&pos, 0, sizeof(pos));
	memset(&s, 0, sizeof(s));
	is_int(db_walk(db, &pos, "W", NULL, 100, see, &s), DB_NEWER,
	    "by a walk too");
	put_raw("Mformat", 7, "\1\4", 2);
	is_int(reopen(), -1, "a newer format is not opened");
	ok(strstr(last, "newer version") != NULL, "and says why");
}

/* What was committed is there after db_leave, whether it had much to write
 * (and left that to the next open) or little (and closed). */
static void
test_leave(unsigned int count, const char *name)
{
	struct entry	e;
	unsigned int	i;
	char		ip[ADDR_STRLEN];
	pid_t		pid;
	size_t		n = 0, gone = 0;
	int		status = -1;

	db_close(db);
	db = NULL;
	if ((pid = fork()) == 0) {
		if (reopen() == -1 || db_begin(db) != DB_OK)
			_exit(1);
		for (i = 0; i < count; i++) {
			snprintf(ip, sizeof(ip), "10.%u.%u.%u", i >> 16,
			    i >> 8 & 255, i & 255);
			e = make(ENTRY_WHITE, ip, 50);
			if (db_put(db, &e) != DB_OK)
				_exit(2);
		}
		if (db_commit(db) != DB_OK)
			_exit(3);
		db_leave(db);
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, name);
	is_int(reopen(), 0, "... opens again");
	snprintf(ip, sizeof(ip), "10.%u.%u.%u", (count - 1) >> 16,
	    (count - 1) >> 8 & 255, (count - 1) & 255);
	e = make(ENTRY_WHITE, ip, 0);
	is_int(db_get(db, &e, &e), DB_OK, "... and has the last entry");
	(void)db_begin(db);
	do {
		if (db_expire(db, 60, 256, NULL, NULL, &n) != DB_OK)
			break;
		gone += n;
	} while (n > 0);
	is_int(gone, count, "... and all others");
	is_int(db_commit(db), DB_OK, "... for good");
}

int
main(void)
{
	uint8_t	key[16];

	umask(0);
	log_set_sink(keep, NULL);
	if (mkdtemp(dir) == NULL)
		return (1);
	is_int(reopen(), 0, "made");
	memcpy(key, db_hash_key(db), sizeof(key));
	test_walk();
	test_probe();
	test_txn();
	test_expire();
	test_durable();
	is_int(nftw(dir, mode_one, 8, FTW_PHYS), 0,
	    "no other user may read anything");
	test_checkpoint_fails();
	is_int(reopen(), 0, "opened again");
	ok(memcmp(key, db_hash_key(db), sizeof(key)) == 0,
	    "with the same key of its hashes");
	test_leave(10, "left with little to write");
	test_leave(40000, "left with much to write");
	test_archive();
	test_foreign();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
