/* LINK: spamgreydb/sync */
/*
 * What a bulk sync compares, with random changes in three databases: whenever
 * two have exchanged what their hashes say differs, their hashes are equal,
 * and so are the lines of their exports; and with equal hashes an exchange of
 * everything changes nothing.  Expiry goes on meanwhile, on each at its own time.
 */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/db/backup.h"
#include "spamgreydb/sync/bulkset.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/sync/mergeio.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define NODES	3
#define LINES	4096

struct node {
	char		 dir[48];
	struct db	*db;
	struct policy	*p;
	struct config	*conf;
	struct bulkset	 set;
	char		*line[LINES];
	size_t		 nlines;
	unsigned int	 unsaid;
};

static struct node		node[NODES];
static uint8_t			hash_seed[BULK_SEED];
static uint64_t			seed = 4711;
static const struct policy_sink	sink;
static const struct bulk_range	all;

static unsigned int
rnd(unsigned int n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((unsigned int)(seed >> 33) % n);
}

static void
no_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static void
begin(void)
{
	struct db_opts	 opts = { .cache = 1024 * 1024 };
	struct node	*n;

	clock_fake(T0, 1000);
	for (n = node; n < node + NODES; n++) {
		memset(n, 0, sizeof(*n));
		strlcpy(n->dir, "/tmp/policy_bulk_test.XXXXXX",
		    sizeof(n->dir));
		n->conf = config_new();
		if (mkdtemp(n->dir) == NULL ||
		    db_open(&n->db, n->dir, &opts) == -1 ||
		    (n->p = policy_new(n->db, &sink, n)) == NULL ||
		    policy_configure(n->p, n->conf) == -1)
			abort();
	}
}

static void
forget_lines(struct node *n)
{
	while (n->nlines > 0)
		free(n->line[--n->nlines]);
}

static void
end(void)
{
	struct node	*n;

	for (n = node; n < node + NODES; n++) {
		forget_lines(n);
		bulkset_clear(&n->set);
		policy_free(n->p);
		db_close(n->db);
		config_free(n->conf);
		nftw(n->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

#define DO(n, call) do {						\
	if (policy_begin((n)->p) != DB_OK)				\
		abort();						\
	(void)(call);							\
	if (policy_commit((n)->p) != DB_OK)				\
		abort();						\
} while (0)

static void
rcpt(struct node *n, const struct addr *a, const char *from, const char *to)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;

	memset(&req, 0, sizeof(req));
	req.client = *a;
	req.helo = rnd(2) ? "mx" : "mail";
	req.from = from;
	req.to = to;
	DO(n, policy_rcpt(n->p, &req, &ans, NULL));
}

static void
expire(struct node *n)
{
	size_t	k;
	int	more;

	(void)policy_clock(n->p, 1, &(const char *){ NULL });
	if (policy_expire(n->p, 100, &more, &k) != DB_OK)
		abort();
}

static void
step(void)
{
	struct node	*n = &node[rnd(NODES)];
	struct addr	 a;
	char		 ip[40], to[40];
	size_t		 k;

	snprintf(ip, sizeof(ip), rnd(3) ? "192.0.2.%u" : "2001:db8:%u::1",
	    rnd(20));
	snprintf(to, sizeof(to), "<u%c@example.net>", 'a' + (int)rnd(3));
	if (addr_parse(ip, &a) == -1)
		abort();
	switch (rnd(12)) {
	case 0:
		DO(n, policy_delete_white(n->p, &a));
		break;
	case 1:
		DO(n, policy_delete_trapped(n->p, &a));
		break;
	case 2:
		DO(n, policy_delete_grey(n->p, &a, 1, &k));
		break;
	case 3:
		DO(n, policy_trap(n->p, &a, clock_wall() + 60 + rnd(50000),
		    TRAP_MANUAL, "by hand"));
		break;
	case 4:
		DO(n, policy_spamtrap(n->p, to, (int)rnd(2), ""));
		break;
	case 5:
		clock_fake_advance(rnd(2000));
		break;
	case 6:
		expire(n);
		break;
	case 7:
		DO(n, policy_white(n->p, &a, clock_wall() + 60 + rnd(90000),
		    rnd(2) ? "partner" : ""));
		break;
	default:
		rcpt(n, &a, "<a@b>", to);
		break;
	}
}

static int
index_one(const struct entry *e, void *arg)
{
	static char		 line[ENTRY_LINE_MAX + 1];
	struct node		*n = arg;
	struct policy_digest	 d;
	struct entry_key	 key;
	int			 r;

	r = policy_digest(n->p, e, hash_seed, clock_wall(), &d);
	if (r == -1)
		n->unsaid++;
	if (r != 1)
		return (0);
	if (entry_encode_key(e, &key) == -1 || bulkset_add(&n->set,
	    d.tomb ? BULK_TOMB : BULK_LIVE, d.id, d.sum, key.b, key.len) == -1)
		abort();
	if (d.tomb) {
		if (bulkset_add(&n->set, BULK_TOMB_ALONE, d.id, d.alone,
		    key.b, key.len) == -1)
			abort();
	} else if (backup_line(e, line) > 0) {
		if (n->nlines == LINES)
			abort();
		n->line[n->nlines++] = strdup(line);
	}
	return (0);
}

static int
by_line(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

static void
make_index(struct node *n)
{
	struct db_pos	pos = { { { 0 }, 0 }, 0 };

	forget_lines(n);
	bulkset_clear(&n->set);
	n->unsaid = 0;
	while (!pos.done)
		if (db_walk(n->db, &pos, "DSTWXg", NULL, 1000, index_one,
		    n) != DB_OK)
			abort();
	if (bulkset_done(&n->set) == -1)
		abort();
	qsort(n->line, n->nlines, sizeof(n->line[0]), by_line);
}

/* What `from' knows of an id goes to `to', as octets. */
static void
send_state(struct node *from, const struct bulk_member *m, struct node *to)
{
	static char		strbuf[MERGEIO_MAX], keybuf[ENTRY_KEY_MAX];
	uint8_t			octets[MERGEIO_MAX];
	struct merge_state	s;
	struct entry		key;
	const uint8_t		*k;
	size_t			len;
	int			news = 0;

	k = bulkset_key(&from->set, m, &len);
	if (entry_decode_key(k, len, &key, keybuf) == -1)
		abort();
	if (policy_known(from->p, &key, &s) != DB_OK)
		return;
	if ((len = merge_put(octets, sizeof(octets), &s)) == 0 ||
	    merge_get(octets, len, &s, strbuf) != len ||
	    merge_refuse(&s, clock_wall()) != NULL)
		abort();
	if (policy_begin(to->p) != DB_OK ||
	    policy_merge(to->p, &s, &news) != DB_OK ||
	    policy_commit(to->p) != DB_OK)
		abort();
}

/* Those ids of a that b has not, or not the same. */
static void
send_all(struct node *a, struct node *b, int also_equal)
{
	const struct bulk_member	*m;
	size_t				 i;

	for (i = 0; i < a->set.n; i++) {
		m = bulkset_find(&b->set, a->set.v[i].id);
		if (also_equal || m == NULL || m->sum != a->set.v[i].sum)
			send_state(a, &a->set.v[i], b);
	}
}

/* As spamgreydb/commands/sync.c does it: theirs are taken, then ours are
 * given. */
static void
exchange(struct node *a, struct node *b)
{
	make_index(a);
	make_index(b);
	send_all(b, a, 0);
	send_all(a, b, 0);
	make_index(a);
	make_index(b);
}

static int
same_sums(const struct node *a, const struct node *b)
{
	struct bulk_sum	x, y;

	bulkset_sum(&a->set, &all, &x);
	bulkset_sum(&b->set, &all, &y);
	return (x.count == y.count && x.sum == y.sum);
}

static int
same_lines(const struct node *a, const struct node *b)
{
	size_t	i;

	if (a->nlines != b->nlines)
		return (0);
	for (i = 0; i < a->nlines; i++)
		if (strcmp(a->line[i], b->line[i]) != 0) {
			printf("# %s\n# %s\n", a->line[i], b->line[i]);
			return (0);
		}
	return (1);
}

/* Equal hashes mean that even an exchange of all would change nothing that
 * is hashed. */
static int
stays(struct node *a, struct node *b)
{
	struct bulk_sum	x, y;

	bulkset_sum(&a->set, &all, &x);
	send_all(a, b, 1);
	send_all(b, a, 1);
	make_index(a);
	make_index(b);
	bulkset_sum(&a->set, &all, &y);
	return (x.sum == y.sum && same_sums(a, b));
}

static void
test_lives(void)
{
	unsigned int	 round, i, sums = 0, lines = 0, quiet = 0, before = 0;
	size_t		 most = 0;
	struct node	*a, *b;

	begin();
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 120; i++)
			step();
		for (i = 0; i < BULK_SEED; i++)
			hash_seed[i] = (uint8_t)rnd(256);
		a = &node[round % NODES];
		b = &node[(round + 1) % NODES];
		make_index(a);
		make_index(b);
		before += (unsigned int)same_sums(a, b);
		exchange(a, b);
		sums += (unsigned int)same_sums(a, b);
		lines += (unsigned int)same_lines(a, b);
		if (a->nlines > most)
			most = a->nlines;
		quiet += (unsigned int)stays(a, b);
	}
	printf("# at most %zu lines\n", most);
	ok(most > 30, "there is something");
	is_int(before, 0, "that differs");
	is_int(sums, 60, "after an exchange the hashes are equal");
	is_int(lines, 60, "and the lines of the export");
	is_int(quiet, 60, "which no further exchange changes");
	exchange(&node[0], &node[1]);
	exchange(&node[0], &node[2]);
	exchange(&node[0], &node[1]);
	make_index(&node[2]);
	ok(same_sums(&node[0], &node[1]) && same_sums(&node[0], &node[2]),
	    "all three, the first one twice");
	ok(same_lines(&node[0], &node[1]) && same_lines(&node[0], &node[2]),
	    "and their lines");
	end();
}

static void
test_small(void)
{
	struct node	*a = &node[0], *b = &node[1];
	struct addr	 ip;
	struct bulk_sum	 s;

	begin();
	(void)addr_parse("192.0.2.1", &ip);
	rcpt(a, &ip, "<a\001b@c>", "<d@e>");
	make_index(a);
	is_int(a->unsaid, 1, "a control character is not said");
	DO(a, policy_learn(a->p, &ip, &(struct learn_add){ .bad = 1 },
	    &(struct learned){ 0 }));
	make_index(a);
	bulkset_sum(&a->set, &all, &s);
	is_int(s.count, 0, "REPUTE stays here");
	DO(a, policy_white(a->p, &ip, clock_wall() + 100, ""));
	make_index(a);
	make_index(b);
	ok(!same_sums(a, b), "WHITE differs");
	clock_fake_advance(100);
	make_index(a);
	ok(same_sums(a, b), "until it has expired");
	end();
}

int
main(void)
{
	log_init("test");
	log_set_sink(no_log, NULL);
	test_small();
	test_lives();
	return (done());
}
