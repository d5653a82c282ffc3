/*
 * The policy and other machines, with three databases in one process: what is
 * sent and what is not, what peers send, deletions, spamd's entries.  Three
 * machines with random changes end with the same entries, whatever was lost,
 * late or repeated.
 */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/db/backup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/sync/mergeio.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define NODES	3
#define MAILS	4096

struct node {
	char		 dir[40];
	struct db	*db;
	struct policy	*p;
	struct config	*conf;
	unsigned int	 nsaid;
	char		 said[64];	/* the kinds, in order */
};

static struct node	node[NODES];
/* What was said, on its way: octets, as in a datagram. */
static struct mail {
	uint8_t		b[MERGEIO_MAX];
	size_t		len;
} mail[MAILS];
static size_t		nmail;
static uint64_t		seed = 42;

static unsigned int
rnd(unsigned int n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((unsigned int)(seed >> 33) % n);
}

static void
say(const struct merge_state *s, void *arg)
{
	struct node	*n = arg;
	struct mail	*m = &mail[nmail++ % MAILS];

	m->len = merge_put(m->b, sizeof(m->b), s);
	if (n->nsaid < sizeof(n->said) - 1)
		n->said[n->nsaid] = (char)s->e.type;
	n->nsaid++;
}

static const struct policy_sink	sink = { .tell_peers = say };

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
	struct db_opts		 opts = { .cache = 1024 * 1024 };
	struct conf_string	*s;
	struct node		*n;

	clock_fake(T0, 1000);
	nmail = 0;
	for (n = node; n < node + NODES; n++) {
		memset(n, 0, sizeof(*n));
		strlcpy(n->dir, "/tmp/policy_sync_test.XXXXXX",
		    sizeof(n->dir));
		n->conf = config_new();
		n->conf->sync = conf_sync_new();
		s = calloc(1, sizeof(*s));
		s->text = strdup("trap@example.net");
		TAILQ_INSERT_TAIL(&n->conf->spamtraps, s, entry);
		s = calloc(1, sizeof(*s));
		s->text = strdup("support@example.net");
		TAILQ_INSERT_TAIL(&n->conf->not_to, s, entry);
		if (mkdtemp(n->dir) == NULL ||
		    db_open(&n->db, n->dir, &opts) == -1 ||
		    (n->p = policy_new(n->db, &sink, n)) == NULL ||
		    policy_configure(n->p, n->conf) == -1)
			abort();
	}
}

static void
end(void)
{
	struct node	*n;

	for (n = node; n < node + NODES; n++) {
		policy_free(n->p);
		db_close(n->db);
		config_free(n->conf);
		nftw(n->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
}

static struct addr
addr_of(const char *ip)
{
	struct addr	a;

	if (addr_parse(ip, &a) == -1)
		abort();
	return (a);
}

static unsigned int
rcpt(struct node *n, const char *ip, const char *from, const char *to)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;

	memset(&req, 0, sizeof(req));
	req.client = addr_of(ip);
	req.helo = "mx";
	req.from = from;
	req.to = to;
	if (policy_begin(n->p) != DB_OK ||
	    policy_rcpt(n->p, &req, &ans, NULL) != DB_OK ||
	    policy_commit(n->p) != DB_OK)
		abort();
	return (ans.verdict);
}

/* What peers said, taken as one; 1: it was news. */
static int
take(struct node *n, const struct mail *m)
{
	static char		strbuf[MERGEIO_MAX];
	struct merge_state	s;
	const char		*why;
	int			news;

	if (merge_get(m->b, m->len, &s, strbuf) != m->len)
		abort();
	if ((why = merge_refuse(&s, clock_wall())) != NULL) {
		printf("Bail out! refused: %s\n", why);
		exit(1);
	}
	if (policy_begin(n->p) != DB_OK ||
	    policy_merge(n->p, &s, &news) != DB_OK ||
	    policy_commit(n->p) != DB_OK)
		abort();
	return (news);
}

#define DO(n, call) do {						\
	if (policy_begin((n)->p) != DB_OK)				\
		abort();						\
	(void)(call);							\
	if (policy_commit((n)->p) != DB_OK)				\
		abort();						\
} while (0)

/* 'W', 'T', 'B'oth or '-'. */
static char
host(struct node *n, const char *ip)
{
	struct addr	a = addr_of(ip);
	struct host	h;
	int64_t		table;

	if (policy_lookup(n->p, &a, &h, &table) != DB_OK)
		abort();
	return (h.white != 0 && h.trapped != 0 ? 'B' : h.white != 0 ? 'W' :
	    h.trapped != 0 ? 'T' : '-');
}

/* Why a host is WHITE there. */
static int
reason(struct node *n, const struct addr *addr)
{
	struct entry	key, e;
	struct addr	at;

	policy_host(n->p, addr, &at);
	host_entry_key(ENTRY_WHITE, &at, &key);
	return (db_get(n->db, &key, &e) == DB_OK ? e.reason : -1);
}

static void
test_said(void)
{
	struct node	*a = &node[0], *b = &node[1];
	struct addr	 ip = addr_of("192.0.2.1"), ip6 = addr_of("2001:db8::1");

	begin();
	is_int(rcpt(a, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_GREY, "a RCPT");
	is_str(a->said, "g", "is said");
	is_int(take(b, &mail[0]), 1, "and is news");
	is_int(take(b, &mail[0]), 0, "once");
	is_str(b->said, "", "what a peer said is not said again");
	clock_fake_advance(node[0].conf->grey.pass);
	is_int(rcpt(b, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_PASS,
	    "a retry at another machine passes");
	is_str(b->said, "gW", "which says that it passed, and WHITE");
	ok(take(a, &mail[1]) && take(a, &mail[2]), "both are news");
	is_int(host(a, "192.0.2.1"), 'W', "WHITE on both");
	DO(a, policy_delete_white(a->p, &ip));
	is_str(a->said, "gWD", "deleted by hand: that, and the stamp");
	is_int(take(b, &mail[4]), 1, "the stamp first, as it happens");
	is_int(host(b, "192.0.2.1"), 'W', "is not the deletion");
	take(b, &mail[3]);
	is_int(host(b, "192.0.2.1"), '-', "which comes late");
	is_int(take(b, &mail[2]), 0, "the WHITE of before does not come back");
	is_int(rcpt(b, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_GREY,
	    "nor does its old tuple count");
	is_int(rcpt(a, "192.0.2.9", "<a@b>", "<trap@example.net>"),
	    RCPT_TRAPPED, "a trap");
	is_int(take(b, &mail[nmail - 1]), 1, "is news");
	is_int(host(b, "192.0.2.9"), 'T', "and stands");
	DO(a, policy_spamtrap(a->p, "Joe@example.org", 1, "his"));
	DO(a, policy_white(a->p, &ip6, 0, "partner"));
	take(b, &mail[nmail - 2]);
	take(b, &mail[nmail - 1]);
	is_int(host(b, "2001:db8::1"), 'W', "IPv6");
	is_int(reason(b, &ip6), WHITE_SYNC, "WHITE by sync");
	is_int(reason(a, &ip6), WHITE_MANUAL, "by hand where it was added");
	DO(b, policy_white(b->p, &ip6, 0, "partner"));
	take(a, &mail[nmail - 1]);
	is_int(reason(a, &ip6), WHITE_MANUAL,
	    "what a peer says later does not change why");
	is_int(b->p->entries[ENTRY_SPAMTRAP], 1, "a spamtrap");
	DO(a, policy_spamtrap(a->p, "joe@example.org", 0, ""));
	take(b, &mail[nmail - 1]);
	is_int(b->p->entries[ENTRY_SPAMTRAP], 0, "and its deletion");
	is_int(a->p->stat[PST_UNSAID], 0, "nothing was left unsaid");
	rcpt(a, "192.0.2.8", "<a\n@b>", "<c@d>");
	is_int(a->p->stat[PST_UNSAID], 1, "but a control character");
	end();
}

static void
import(struct node *n, const char *text)
{
	struct entry	 e;
	const char	*why;
	char		 line[256];

	strlcpy(line, text, sizeof(line));
	if (backup_parse(line, &e, &why) == -1)
		abort();
	DO(n, policy_import(n->p, &e));
}

/* Time as a running daemon sees it: never more than a day between two looks
 * at the clock. */
static void
pass_by(struct node *n, int64_t seconds)
{
	const char	*why;
	int64_t		 step;

	for (; seconds > 0; seconds -= step) {
		step = seconds < 86400 ? seconds : 86400;
		clock_fake_advance(step);
		(void)policy_clock(n->p, 0, &why);
	}
}

static void
test_import(void)
{
	static const char	trapped[] = "TRAPPED|192.0.2.7|1700050000";
	struct node		*a = &node[0];
	struct addr		 ip = addr_of("192.0.2.7");

	begin();
	import(a, trapped);
	is_str(a->said, "", "an import is not said");
	DO(a, policy_delete_trapped(a->p, &ip));
	is_int(a->p->entries[ENTRY_GONE], 1, "a tombstone");
	is_int(host(a, "192.0.2.7"), '-', "deleted");
	import(a, trapped);
	is_int(host(a, "192.0.2.7"), 'T', "who imports it anew has it");
	pass_by(a, 80 * 86400);
	DO(a, DB_OK);
	while (a->p->entries[ENTRY_GONE] > 0) {
		size_t	k;
		int	more;

		if (policy_expire(a->p, 100, &more, &k) != DB_OK || k == 0)
			break;
	}
	is_int(a->p->entries[ENTRY_GONE], 0, "tombstones expire");
	end();
}

static void
peer_grey(struct node *n, const char *ip, const char *to)
{
	struct rcpt_req	req;

	memset(&req, 0, sizeof(req));
	req.client = addr_of(ip);
	req.helo = "mx";
	req.from = "<a@b>";
	req.to = to;
	DO(n, policy_peer_grey(n->p, &req));
}

static void
test_spamd(void)
{
	struct node	*a = &node[0];
	struct addr	 ip = addr_of("192.0.2.3");
	struct entry	 key, e;

	begin();
	peer_grey(a, "192.0.2.1", "<c@d>");
	is_int(a->p->entries[ENTRY_GREY], 1, "GREY of a spamd");
	clock_fake_advance(a->conf->grey.pass);
	peer_grey(a, "192.0.2.1", "<c@d>");
	is_int(host(a, "192.0.2.1"), 'W', "matures here");
	peer_grey(a, "192.0.2.2", "<Trap@Example.net>");
	is_int(host(a, "192.0.2.2"), 'T', "the trap test is ours");
	peer_grey(a, "192.0.2.4", "<support@example.net>");
	is_int(host(a, "192.0.2.4"), '-', "a peer's not to promotes nobody");
	DO(a, policy_peer_host(a->p, ENTRY_TRAPPED, &ip, T0 - 1));
	is_int(host(a, "192.0.2.3"), '-', "an expiry that is past is dropped");
	is_int(a->p->entries[ENTRY_TRAPPED], 1, "and not stored");
	DO(a, policy_peer_host(a->p, ENTRY_TRAPPED, &ip, T0 + 9000));
	DO(a, policy_peer_host(a->p, ENTRY_WHITE, &ip, T0 + 5000));
	is_int(host(a, "192.0.2.3"), 'B', "WHITE ends no trap");
	host_entry_key(ENTRY_WHITE, &ip, &key);
	is_int(db_get(a->db, &key, &e), DB_OK, "it is there");
	ok(e.expire == T0 + 5000 && e.block == 0 && e.passed == 0,
	    "its expiry as sent");
	DO(a, policy_peer_host(a->p, ENTRY_WHITE, &ip, T0 + 7000));
	DO(a, policy_peer_host(a->p, ENTRY_WHITE, &ip, T0 + 6000));
	is_int(db_get(a->db, &key, &e), DB_OK, "again");
	ok(e.expire == T0 + 7000 && e.passed == 2, "the latest expiry");
	is_str(a->said, "", "nothing of it is said again");
	end();
}

/* What is added again right after its deletion lives on all machines. */
static void
test_again(void)
{
	struct node	*a = &node[0], *b = &node[1];
	struct addr	 ip = addr_of("192.0.2.1");
	size_t		 i;

	begin();
	DO(a, policy_trap(a->p, &ip, T0 + 9000, TRAP_MANUAL, ""));
	DO(a, policy_delete_trapped(a->p, &ip));
	DO(a, policy_trap(a->p, &ip, T0 + 9000, TRAP_MANUAL, ""));
	is_int(host(a, "192.0.2.1"), 'T', "trapped, let go, trapped");
	for (i = 0; i < nmail; i++)
		take(b, &mail[i]);
	is_int(host(b, "192.0.2.1"), 'T', "there too, within a second");
	end();
}

/* A deletion outlives what it deleted: a peer may have that for longer. */
static void
test_tombstone(void)
{
	struct node	*a = &node[0], *b = &node[1];
	struct addr	 ip = addr_of("192.0.2.1");
	size_t		 n;
	int		 more;

	begin();
	DO(a, policy_trap(a->p, &ip, T0 + 100, TRAP_MANUAL, ""));
	DO(b, policy_trap(b->p, &ip, T0 + 9000, TRAP_MANUAL, ""));
	clock_fake_advance(1);
	DO(a, policy_delete_trapped(a->p, &ip));
	clock_fake_advance(200);
	(void)policy_expire(a->p, 100, &more, &n);
	is_int(take(a, &mail[1]), 1, "a peer's trap from before the deletion");
	is_int(host(a, "192.0.2.1"), '-', "does not come back");
	end();
}

/* A peer that knows the tuple from before a demotion begins it again. */
static void
test_demoted(void)
{
	struct node	*a = &node[0], *b = &node[1];
	struct addr	 ip = addr_of("192.0.2.1");

	begin();
	rcpt(a, "192.0.2.1", "<a@b>", "<c@d>");
	take(b, &mail[nmail - 1]);
	clock_fake_advance(a->conf->grey.pass);
	is_int(rcpt(a, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_PASS, "WHITE");
	DO(a, policy_demote(a->p, &ip));
	is_int(rcpt(a, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_GREY, "demoted");
	is_int(take(b, &mail[nmail - 1]), 1, "of that a peer hears no more "
	    "than the new tuple");
	is_int(rcpt(b, "192.0.2.1", "<a@b>", "<c@d>"), RCPT_GREY,
	    "which waits there too");
	end();
}

/* A peer's spamtrap traps, however the peer writes it. */
static void
test_spamtrap(void)
{
	struct node		*a = &node[0];
	struct merge_state	 s;
	struct entry		 e;
	int			 news;

	begin();
	entry_init(&e, ENTRY_SPAMTRAP);
	e.rcpt = "Joe@Example.ORG";
	e.first = e.pass = e.last = clock_wall();
	merge_from(&s, &e, NULL);
	DO(a, policy_merge(a->p, &s, &news));
	is_int(rcpt(a, "192.0.2.1", "<a@b>", "<joe@example.org>"),
	    RCPT_TRAPPED, "a spamtrap of a peer in capitals");
	end();
}

static char	lines[NODES][1 << 20];

static int
keep(const struct entry *e, void *arg)
{
	struct mail		*m = &mail[nmail];
	struct merge_state	 s;
	char			*dst = arg;
	static char		 line[ENTRY_LINE_MAX];

	if (e->type != ENTRY_GONE && !merge_syncs(e->type))
		return (0);		/* META */
	nmail++;

	if (nmail > MAILS)
		abort();
	merge_from(&s, e->type == ENTRY_GONE ? NULL : e,
	    e->type == ENTRY_GONE ? e : NULL);
	m->len = merge_put(m->b, sizeof(m->b), &s);
	if (backup_line(e, line) > 0) {
		strlcat(dst, line, sizeof(lines[0]));
		strlcat(dst, "\n", sizeof(lines[0]));
	}
	return (0);
}

static void
dump(struct node *n, char *text)
{
	struct db_pos	pos = { { { 0 }, 0 }, 0 };

	text[0] = '\0';
	while (!pos.done)
		if (db_walk(n->db, &pos, NULL, NULL, 1000, keep, text) !=
		    DB_OK)
			abort();
}

static int
by_line(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* GREY keys are hashed by a secret of each: the order of lines is not theirs. */
static char *
sorted(char *text)
{
	static char	 out[NODES][1 << 20];
	static int	 turn;
	char		*line[4096], *dst = out[turn++ % NODES];
	size_t		 n = 0, i;

	for (; (line[n] = strsep(&text, "\n")) != NULL && *line[n] != '\0';
	    n++)
		if (n == 4095)
			abort();
	qsort(line, n, sizeof(line[0]), by_line);
	*dst = '\0';
	for (i = 0; i < n; i++) {
		strlcat(dst, line[i], sizeof(out[0]));
		strlcat(dst, "\n", sizeof(out[0]));
	}
	return (dst);
}

static void
step(unsigned int i)
{
	struct node	*n = &node[rnd(NODES)];
	struct addr	 a;
	char		 ip[40], to[40];
	size_t		 k;

	snprintf(ip, sizeof(ip), rnd(3) ? "192.0.2.%u" : "2001:db8:%u::1",
	    rnd(20));
	snprintf(to, sizeof(to), "<u%c@example.net>", 'a' + (int)rnd(3));
	a = addr_of(ip);
	switch (rnd(10)) {
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
		DO(n, policy_trap(n->p, &a, clock_wall() + 60 + rnd(5000),
		    TRAP_MANUAL, "by hand"));
		break;
	case 4:
		DO(n, policy_spamtrap(n->p, to, (int)rnd(2), ""));
		break;
	case 5:
		clock_fake_advance(rnd(200));
		break;
	default:
		rcpt(n, ip, "<a@b>", to);
		break;
	}
	/* A third is lost; what comes may be old, and come again. */
	for (k = rnd(4); k > 0 && nmail > 0; k--)
		take(&node[rnd(NODES)], &mail[(i * 7 + rnd(50)) %
		    (nmail < MAILS ? nmail : MAILS)]);
}

static void
test_lives(void)
{
	unsigned int	 i, k;
	char		*text[NODES];
	size_t		 all;

	begin();
	for (i = 0; i < 1500; i++)
		step(i);
	/* All to all, as the bulk sync does. */
	nmail = 0;
	for (k = 0; k < NODES; k++)
		dump(&node[k], lines[k]);
	printf("# %zu records in all; %u said; %s", nmail, node[0].nsaid +
	    node[1].nsaid + node[2].nsaid,
	    strcmp(sorted(lines[0]), sorted(lines[1])) == 0 ?
	    "equal before\n" : "different before\n");
	for (k = 0, all = nmail; k < NODES; k++)
		for (i = 0; i < all; i++)
			take(&node[k], &mail[(i * 13 + k) % all]);
	for (k = 0; k < NODES; k++) {
		nmail = 0;
		dump(&node[k], lines[k]);
		text[k] = sorted(lines[k]);
	}
	printf("# %lld GREY %lld WHITE %lld TRAPPED %lld SPAMTRAP %lld gone\n",
	    (long long)node[0].p->entries[ENTRY_GREY],
	    (long long)node[0].p->entries[ENTRY_WHITE],
	    (long long)node[0].p->entries[ENTRY_TRAPPED],
	    (long long)node[0].p->entries[ENTRY_SPAMTRAP],
	    (long long)node[0].p->entries[ENTRY_GONE]);
	ok(strlen(text[0]) > 500, "there is something");
	is_str(text[1], text[0], "the second is as the first");
	is_str(text[2], text[0], "the third is as the first");
	for (k = 0; k < NODES; k++) {
		struct policy	*p = node[k].p;
		int64_t		 had[256];

		/* What traps no longer is let go, then all is counted. */
		for (i = 0; i < 2; i++) {
			memcpy(had, p->entries, sizeof(had));
			p->pending = 1;
			if (policy_configure(p, node[k].conf) == -1)
				abort();
		}
		ok(memcmp(had, p->entries, sizeof(had)) == 0,
		    "its counters are what a recount says");
	}
	end();
}

int
main(void)
{
	log_init("test");
	log_set_sink(no_log, NULL);
	test_said();
	test_import();
	test_spamd();
	test_again();
	test_tombstone();
	test_demoted();
	test_spamtrap();
	test_lives();
	return (done());
}
