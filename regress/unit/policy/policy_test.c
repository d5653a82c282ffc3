/*
 * The store's policy, with a real database and a clock that the test moves.
 */
/* LIBS: -ldb */
#include <sys/resource.h>

#include <ftw.h>
#include <signal.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define HOUR	3600
#define DAY	86400

static char		 dir[] = "/tmp/policy_test.XXXXXX";
static struct db	*db;
static struct policy	*p;
static struct config	*conf;
static struct rcpt_answer ans;

/* What the sink was told. */
static struct host	 told;
static int64_t		 told_table;
static struct addr	 watched;	/* what was told of this one last … */
static int64_t		 watched_table;	/* … and for the table; -1: nothing */
static int		 ntold;

static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)arg;
	told = *h;
	told_table = in_table;
	if (addr_cmp(&h->key, &watched) == 0)
		watched_table = in_table;
	ntold++;
}

static const struct policy_sink	sink = { .host = sink_host };

static void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
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

static void
add_string(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

static void
add_list(enum conf_list_kind kind, unsigned int index, const char *name)
{
	struct conf_list	*l = calloc(1, sizeof(*l));

	l->kind = kind;
	l->index = index;
	l->name = strdup(name);
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&conf->lists, l, entry);
}

/* White and black list of one prefix each, as lists 0 and 1. */
static void
make_lists(const char *white, const char *black)
{
	struct addrset_build	*b[2] = { addrset_build_new(),
				    addrset_build_new() };
	struct prefix		 pfx;
	FILE			*f = tmpfile();

	prefix_parse(white, &pfx);
	addrset_build_add(b[0], &pfx);
	prefix_parse(black, &pfx);
	addrset_build_add(b[1], &pfx);
	if (addrset_write(fileno(f), b, 2) == -1)
		abort();
	conf->set = addrset_map(fileno(f));
	fclose(f);
	addrset_build_free(b[0]);
	addrset_build_free(b[1]);
	add_list(LIST_WHITE, 0, "partners");
	add_list(LIST_BLACK, 1, "ours");
}

/* A new database and policy at T0. */
static void
begin_with(struct config *c)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	mkdir(dir, 0700);
	clock_fake(T0, 1000000);
	conf = c;
	free(conf->hostname);
	conf->hostname = strdup("mx.example.org");
	if (db_open(&db, dir, &opts) == -1)
		abort();
	p = policy_new(db, &sink, NULL);
}

static void
start(void)
{
	is_int(policy_configure(p, conf), 0, "configured");
	ntold = 0;
}

static void
fresh(void)
{
	begin_with(config_new());
	start();
}

static void
finish(void)
{
	policy_free(p);
	db_close(db);
	config_free(conf);
}

static void
restart(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	policy_free(p);
	db_close(db);
	if (db_open(&db, dir, &opts) == -1)
		abort();
	p = policy_new(db, &sink, NULL);
	start();
}

static struct addr
ip(const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

static const struct addr *
ipp(const char *text)
{
	static struct addr	a;

	a = ip(text);
	return (&a);
}

static void
commit(enum db_result rc, const char *name)
{
	is_int(rc, DB_OK, name);
	is_int(policy_commit(p), DB_OK, "committed");
}

/* One RCPT in a transaction of its own; the verdict. */
static int
rcpt_flags(const char *client, const char *from, const char *to, uint8_t flags)
{
	struct rcpt_req	req;
	enum db_result	rc;

	memset(&req, 0, sizeof(req));
	req.seq = 7;
	req.client = ip(client);
	req.flags = flags;
	req.helo = "mail.example.com";
	req.from = from;
	req.to = to;
	ntold = 0;
	if (policy_begin(p) != DB_OK)
		return (-1);
	if ((rc = policy_rcpt(p, &req, &ans, NULL)) != DB_OK) {
		policy_abort(p);
		return (-(int)rc - 100);
	}
	if (ntold != 0)
		return (-2);		/* told before the commit */
	return (policy_commit(p) == DB_OK ? ans.verdict : -1);
}

static int
rcpt(const char *client, const char *from, const char *to)
{
	return (rcpt_flags(client, from, to, 0));
}

static int64_t
stat_value;
static const char *stat_name;

static void
stat_one(const char *name, int64_t value, void *arg)
{
	(void)arg;
	if (strcmp(name, stat_name) == 0)
		stat_value = value;
}

static int64_t
stat_of(const char *name)
{
	stat_name = name;
	stat_value = -1;
	policy_stats(p, stat_one, NULL);
	return (stat_value);
}

/* Expires all there is; how many. */
static size_t
expire(void)
{
	size_t	n, sum = 0;
	int	more = 1;

	while (more) {
		if (policy_expire(p, 256, &more, &n) != DB_OK)
			return ((size_t)-1);
		sum += n;
	}
	return (sum);
}

static int
tick(void)
{
	const char	*why;

	return (policy_clock(p, 0, &why));
}

/* Time as a running daemon sees it: never more than a day between two looks
 * at the clock. */
static void
pass_by(int64_t seconds)
{
	const char	*why;
	int64_t		 step;

	for (; seconds > 0; seconds -= step) {
		step = seconds < 86400 ? seconds : 86400;
		clock_fake_advance(step);
		(void)policy_clock(p, 0, &why);
	}
}

static struct host
host_of(const char *client)
{
	struct addr	a = ip(client), host;
	struct host	h;

	addr_cut(&a, &conf->grey.admit, &host);
	policy_host_times(p, &host, &h);
	return (h);
}

#define A	"<a@example.com>"
#define B	"<b@example.net>"

static void
test_greylisting(void)
{
	fresh();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "first sight is grey");
	is_int(ans.left, 180, "seconds left");
	is_int(ans.seq, 7, "sequence echoed");
	is_int(ntold, 0, "no host state changed");
	is_int(stat_of("entries grey"), 1, "one entry");
	clock_fake_advance(179);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "too early");
	is_int(ans.left, 1, "one second left");
	clock_fake_advance(1);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "matured");
	is_int(ntold, 1, "the sink is told, once, after the commit");
	ok(told.white == T0 + 180 + 36 * DAY && told.trapped == 0,
	    "WHITE for 36 days");
	is_int(told_table, told.white, "in the table as long");
	is_int(stat_of("entries grey"), 1, "the tuple stays");
	is_int(stat_of("entries white"), 1, "and WHITE is there");
	is_int(rcpt("192.0.2.1", A, "<other@example.net>"), RCPT_WHITE,
	    "the host is WHITE for any recipient");
	is_int(stat_of("entries grey"), 1, "no tuple for it");
	is_int(stat_of("white-at-front"), 1, "counted");
	is_int(rcpt_flags("192.0.2.1", A, B, RCPT_F_WHITE | RCPT_F_AGAIN),
	    RCPT_WHITE, "and again in the session");
	is_int(stat_of("white-at-front"), 1, "not counted twice");

	is_int(rcpt("192.0.2.2", A, B), RCPT_PASS,
	    "another host of the network passes with the same tuple");
	ok(host_of("192.0.2.2").white != 0, "and is WHITE itself");
	is_int(rcpt("192.0.2.3", "<x@example.com>", B), RCPT_GREY,
	    "with another tuple it is not");
	is_int(rcpt("192.0.3.2", A, B), RCPT_GREY, "nor another network");
	is_int(rcpt("192.0.3.2", "<A@EXAMPLE.com>", B), RCPT_GREY, "same key");
	is_int(rcpt("192.0.3.2", "<>", B), RCPT_GREY, "null sender too");
	is_int(rcpt("2001:db8::1", A, B), RCPT_GREY, "IPv6");
	clock_fake_advance(180);
	is_int(rcpt("2001:db8::ffff", A, B), RCPT_PASS, "from the same /64");
	is_int(told.key.b[15], 0, "the key is cut to /64");

	pass_by(36 * DAY);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY,
	    "WHITE that is past is not, though nothing expired it yet");
	finish();
}

/* Traps of the configuration: spamtraps, and domains that are not ours. */
static void
trap_of_the_file(void)
{
	is_int(rcpt("192.0.2.1", A, "<john.doe@EXAMPLE.org>"), RCPT_TRAPPED,
	    "spamtrap of the file");
	is_int(ans.reason, TRAP_SPAMTRAP, "reason");
	ok(told.trapped == T0 + DAY && told_table == 0, "told");
	is_int(rcpt("192.0.2.1", A, "<b@example.org>"), RCPT_TRAPPED,
	    "any recipient from then on");
	is_int(rcpt("192.0.2.2", A, "<b@example.org>"), RCPT_GREY,
	    "another host is not trapped");
	is_int(rcpt("192.0.2.2", A, "<b@notexample.org>"), RCPT_TRAPPED,
	    "domains match on label boundaries");
	is_int(ans.reason, TRAP_DOMAIN, "reason");
	is_int(rcpt("192.0.2.3", A, "<b@sub.example.org>"), RCPT_GREY,
	    "a subdomain is allowed");
	is_int(rcpt("192.0.2.3", A, "<postmaster>"), RCPT_GREY,
	    "<postmaster> never traps");
	is_int(rcpt("192.0.2.3", A, "<Abuse@Example.org>"), RCPT_GREY,
	    "abuse@ allowed domain, even if somebody made it a spamtrap");
	is_int(rcpt("192.0.2.3", A, "<postmaster@mx.example.org>"), RCPT_GREY,
	    "postmaster@ hostname");
	is_int(rcpt("192.0.2.3", A, "<postmaster@example.com>"), RCPT_TRAPPED,
	    "postmaster@ elsewhere does");

}

/* A spamtrap of the database, however its address is written. */
static void
trap_of_the_database(void)
{
	int64_t	outside;

	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_spamtrap(p, "<Trap@Example.ORG>", 1, ""),
	    "spamtrap of the database");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_spamtrap(p, "<Trap>", 1, ""), DB_BAD,
	    "one without a domain is refused");
	policy_abort(p);
	is_int(rcpt("192.0.2.4", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "traps");

	is_int(rcpt("192.0.2.6", A, "<trap@example.org.>"), RCPT_TRAPPED,
	    "a final dot");
	is_int(rcpt("192.0.2.7", A, "<\"trap\"@example.org>"), RCPT_TRAPPED,
	    "quotes");
	is_int(rcpt("192.0.2.8", A, "<@a.example,@b.example:trap@example.org>"),
	    RCPT_TRAPPED, "a source route");
	is_int(rcpt("192.0.2.9", A, "<\"john.doe\"@example.org.>"),
	    RCPT_TRAPPED, "those of the file too");
	outside = stat_of("outside");
	is_int(rcpt("192.0.2.10", A, "<example.org>"), RCPT_GREY,
	    "a local part without a domain is one of ours");
	is_int(stat_of("outside"), outside, "and not counted as outside");
	is_int(rcpt("192.0.2.11", A, "<postmaster@[192.0.2.25]>"), RCPT_GREY,
	    "so is postmaster at an address literal");
	is_int(rcpt_flags("192.0.2.11", A, "<joe@[IPv6:2001:db8::25]>",
	    RCPT_F_TO_US), RCPT_GREY, "or anybody at a literal of ours");
	is_int(rcpt("192.0.2.12", A, "<joe@[192.0.2.25]>"), RCPT_TRAPPED,
	    "but not at another one");
	is_int(rcpt("192.0.2.13", A, "<x@evil.test(.example.org>"), RCPT_GREY,
	    "what is no address is not compared with rules");
}

/* TRAPPED stands over WHITE, and ends. */
static void
trap_over_white(void)
{
	struct entry	key, e;

	is_int(rcpt("192.0.2.5", A, "<support@example.org>"), RCPT_PASS,
	    "`not to' recipients pass at once");
	is_int(stat_of("entries grey"), 9, "without a tuple");
	is_int(rcpt("192.0.2.5", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "trapped over WHITE");
	ok(told.white != 0 && told.trapped != 0, "both are told");
	is_int(told_table, 0, "out of the table");
	clock_fake_advance(DAY - 1);
	is_int(rcpt("192.0.2.5", A, "<b@example.org>"), RCPT_TRAPPED,
	    "the last second");
	clock_fake_advance(1);
	is_int(rcpt("192.0.2.5", A, "<b@example.org>"), RCPT_WHITE,
	    "past: WHITE again, before any expiry run");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.2"), 0, TRAP_MANUAL, ""),
	    "a host that was trapped is trapped again");
	host_entry_key(ENTRY_TRAPPED, ipp("192.0.2.2"), &key);
	is_int(db_get(db, &key, &e), DB_OK, "there");
	ok(e.block == 1 && e.first == clock_wall(), "and counts as new");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_trapped(p, ipp("192.0.2.2")), "and let go");
	ntold = 0;
	(void)addr_parse("192.0.2.5", &watched);
	watched_table = -1;
	is_int(tick(), 1, "the clock is fine");
	ok(expire() > 0, "expiry run");
	ok(watched_table > clock_wall(),
	    "a trap that ended over WHITE: into the table again");
	is_int(ntold > 0, 1, "hosts are told of");
	is_int(stat_of("entries trapped"), 0, "no TRAPPED is left");
	ok(host_of("192.0.2.5").white != 0, "WHITE survived");
}

/* A trap by hand ends by hand. */
static void
trap_by_hand(void)
{
	struct addr	a = ip("192.0.2.1");

	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, &a, HOST_FOREVER, TRAP_MANUAL, "Joe said so"),
	    "trapped by hand, for ever");
	is_int(told.trapped, HOST_FOREVER, "told");
	pass_by(400 * DAY);
	is_int(rcpt("192.0.2.1", A, "<b@example.org>"), RCPT_TRAPPED,
	    "for ever");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_trapped(p, &a), "let go by hand");
	is_int(told.trapped, 0, "told");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_delete_trapped(p, &a), DB_NONE, "not there any more");
	policy_abort(p);
}

static void
test_trap(void)
{
	begin_with(config_new());
	add_string(&conf->spamtraps, "john.doe@example.org");
	add_string(&conf->spamtraps, "abuse@example.org");
	add_string(&conf->domains, "example.org");
	add_string(&conf->domains, ".example.org");
	add_string(&conf->not_to, "support@example.org");
	conf->outside_after = 1;
	start();
	trap_of_the_file();
	trap_of_the_database();
	trap_over_white();
	trap_by_hand();
	finish();
}

/* After TRAPPED ends the host that is still WHITE is told with its place. */
static void
test_trap_over_white(void)
{
	struct addr	a = ip("192.0.2.1");

	fresh();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, &a, 0, ""), "WHITE by hand");
	ok(told_table == T0 + 36 * DAY, "in the table");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, &a, T0 + 100, TRAP_MANUAL, ""), "TRAPPED");
	is_int(told_table, 0, "out");
	clock_fake_advance(100);
	tick();
	is_int(expire(), 1, "TRAPPED ends");
	ok(told.trapped == 0 && told_table == T0 + 36 * DAY,
	    "in the table again");
	pass_by(36 * DAY - 100);
	is_int(expire(), 1, "WHITE ends");
	ok(told.white == 0 && told_table == 0, "and is told, too");
	finish();
}

static void
test_demote(void)
{
	struct addr	a = ip("192.0.2.1");

	fresh();
	rcpt("192.0.2.1", A, B);
	clock_fake_advance(200);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "WHITE");
	clock_fake_advance(100);
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_delete_white(p, &a), "deleted by hand");
	ok(told.white == 0 && told_table == 0, "told");
	tick();
	expire();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY,
	    "the matured tuple does not undo it");
	is_int(ans.left, 180, "it begins anew");
	is_int(rcpt("192.0.2.2", A, B), RCPT_GREY, "so for its neighbours");
	clock_fake_advance(180);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "and passes again");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_demote(p, &a), DB_OK, "demoted");
	is_int(rcpt_flags("192.0.2.9", A, B, 0), -1,
	    "no transaction inside of one");
	policy_abort(p);
	ok(host_of("192.0.2.1").white != 0, "aborted: nothing happened");
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_demote(p, &a), DB_OK, "demoted");
	is_int(policy_demote(p, &a), DB_NONE, "not WHITE any more");
	policy_abort(p);
	clock_fake_advance(DAY);
	tick();
	expire();
	is_int(stat_of("entries stamp"), 0, "stamps go with the last tuple");
	finish();
}

static void
test_lists(void)
{
	begin_with(config_new());
	make_lists("198.51.100.0/24", "203.0.113.0/24");
	add_string(&conf->spamtraps, "trap@example.org");
	add_string(&conf->not_to, "support@example.org");
	start();
	is_int(rcpt("198.51.100.1", A, "<trap@example.org>"), RCPT_WHITE,
	    "whitelisted: never trapped");
	is_int(stat_of("entries grey"), 0, "no tuple");
	is_int(rcpt("203.0.113.1", A, B), RCPT_GREY, "blacklisted since");
	clock_fake_advance(200);
	is_int(rcpt("203.0.113.1", A, B), RCPT_GREY, "is not promoted");
	is_int(rcpt("203.0.113.1", A, "<support@example.org>"), RCPT_GREY,
	    "nor let through to a `not to' recipient");
	is_int(stat_of("entries white"), 0, "no WHITE");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("203.0.113.1"), 0, ""),
	    "WHITE by hand, but blacklisted");
	ok(told.white != 0 && told_table == 0, "not in the table");
	is_int(rcpt("203.0.113.1", A, "<c@example.net>"), RCPT_GREY,
	    "and greylisted, though it is WHITE");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("198.51.100.1"), 0,
	    TRAP_MANUAL, ""), "TRAPPED by hand, but whitelisted");
	is_int(told_table, HOST_FOREVER, "in the table");
	is_int(rcpt("198.51.100.1", A, B), RCPT_WHITE,
	    "whitelisted stands above TRAPPED");
	finish();
}

/* A RCPT of a host that says hello by that name. */
static int
rcpt_helo(const char *helo)
{
	struct rcpt_req	req = { .helo = helo, .from = A, .to = B };

	req.client = ip("192.0.2.1");
	if (policy_begin(p) != DB_OK)
		return (-1);
	if (policy_rcpt(p, &req, &ans, NULL) != DB_OK) {
		policy_abort(p);
		return (-1);
	}
	return (policy_commit(p) == DB_OK ? ans.verdict : -1);
}

static void
test_match_helo(void)
{
	struct entry	one, two;
	struct tuple	t;

	begin_with(config_new());
	start();
	is_int(rcpt_helo("one.example"), RCPT_GREY, "a HELO");
	is_int(rcpt_helo("two.example"), RCPT_GREY, "another HELO");
	is_int(stat_of("entries grey"), 1, "is the same tuple");
	finish();
	begin_with(config_new());
	conf->grey.match_helo = 1;
	start();
	is_int(rcpt_helo("one.example"), RCPT_GREY, "match helo: a HELO");
	is_int(rcpt_helo("one.example"), RCPT_GREY, "the same HELO");
	is_int(stat_of("entries grey"), 1, "is the same tuple");
	is_int(rcpt_helo("two.example"), RCPT_GREY, "another HELO");
	is_int(stat_of("entries grey"), 2, "is another tuple");
	clock_fake_advance(conf->grey.pass);
	is_int(rcpt_helo("three.example"), RCPT_GREY,
	    "a retry with a third HELO begins again");
	is_int(rcpt_helo("one.example"), RCPT_PASS,
	    "one with the first HELO passes");
	entry_init(&one, ENTRY_GREY);
	one.addr = ip("192.0.2.1");
	one.helo = "one.example";
	one.from = A;
	one.to = B;
	two = one;
	two.helo = "two.example";
	tuple_key(p, &two, &t);
	tuple_key(p, &one, &t);
	ok(one.hash != two.hash, "the HELO is in the hash");
	ok(tuple_same(&one, &one, &t), "the same tuple");
	ok(!tuple_same(&one, &two, &t),
	    "tuples with one hash are told apart by their HELO");
	finish();
}

/* A host on both lists is whitelisted, for the tracker too. */
static void
test_both_lists(void)
{
	struct track_seen	 seen = { 1, ip("203.0.113.7"), 1 };
	enum tracked		 did;

	begin_with(config_new());
	make_lists("203.0.113.7/32", "203.0.113.0/24");
	start();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_track(p, &seen, &did), "our mail to a host on both");
	is_int(did, TRACKED_WHITE, "makes it WHITE");
	seen.host = ip("203.0.113.8");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_track(p, &seen, &did), "to one that is blacklisted");
	is_int(did, TRACKED_LISTED, "does not");
	finish();
}

/* With a hand-over a `not to' recipient does not make its host WHITE. */
static void
test_not_to(void)
{
	begin_with(config_new());
	add_string(&conf->not_to, "support@example.org");
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	conf->handover = 1;
	start();
	is_int(rcpt("192.0.2.1", A, "<support@example.org>"), RCPT_NOT_TO,
	    "pass takes a `not to' recipient");
	is_int(ntold, 0, "its host stays what it is");
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "and is greylisted");
	finish();
}

/* Another tuple that has the hash of this one, as nobody can make it. */
static void
collide(const char *client, const char *from, const char *to,
    const char *other_from, const char *other_to)
{
	static struct tuple	 t;
	struct entry		 e;

	entry_init(&e, ENTRY_GREY);
	e.addr = ip(client);
	e.helo = "mail.example.com";
	e.from = from;
	e.to = to;
	tuple_key(p, &e, &t);
	e.from = other_from;
	e.to = other_to;
	e.first = T0 - DAY;
	e.pass = e.expire = T0 + DAY;
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_store(p, &e, 0, &e.addr), "a tuple of the same hash");
}

static void
test_collision(void)
{
	fresh();
	collide("192.0.2.1", A, B, "<x@example.com>", B);
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "another sender's tuple");
	collide("192.0.3.1", A, B, A, "<x@example.net>");
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "another recipient's");
	is_int(stat_of("entries grey"), 4, "each has its own");
	finish();
}

/* A commit that fails leaves no trace in counters, and nobody is told. */
static void
test_commit_fails(void)
{
	struct rlimit	old, none = { 0, 0 };

	fresh();
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "one tuple");
	getrlimit(RLIMIT_FSIZE, &old);
	none.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ntold = 0;
	is_int(policy_begin(p), DB_OK, "begin");
	is_int(policy_white(p, ipp("192.0.2.2"), 0, ""), DB_OK, "another host");
	is_int(stat_of("entries white"), 1, "is counted");
	setrlimit(RLIMIT_FSIZE, &none);
	is_int(policy_commit(p), DB_DOWN, "the log cannot be written");
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(stat_of("entries white"), 0, "and is not counted any more");
	is_int(ntold, 0, "nobody is told");
	finish();
}

static void
test_limits(void)
{
	char		from[64], client[64];
	unsigned int	i, grey = 0;

	begin_with(config_new());
	conf->limit.grey_per_host = 30;
	conf->limit.grey_per_network = 50;
	start();
	for (i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "<u%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		grey += rcpt("192.0.2.1", from, B) == RCPT_GREY;
	}
	is_int(grey, 30, "a host's number");
	is_int(ans.verdict, RCPT_UNSTORED, "past it: unstored");
	ok(strstr(ans.text, "host") != NULL, "says so");
	is_int(stat_of("entries grey"), 30, "nothing was stored");
	for (i = 0; i < 20; i++) {
		snprintf(from, sizeof(from), "<v%c@example.com>", 'a' + i);
		grey += rcpt("192.0.2.2", from, B) == RCPT_GREY;
	}
	is_int(grey, 50, "the network's number is reached");
	is_int(rcpt("192.0.2.2", A, B), RCPT_UNSTORED,
	    "a host that has twenty gets no more");
	ok(strstr(ans.text, "network") != NULL, "says so");
	for (grey = 0, i = 0; i < 25; i++) {
		snprintf(from, sizeof(from), "<w%c@example.com>", 'a' + i);
		grey += rcpt("192.0.2.3", from, B) == RCPT_GREY;
	}
	is_int(grey, 20, "another still gets its twenty");
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "another network is free");
	is_int(rcpt("192.0.2.1", "<uaa@example.com>", B), RCPT_GREY,
	    "a tuple that is there goes on");

	/* Two that take turns: each new tuple of one is the other's next. */
	for (grey = 0, i = 0; i < 26 * 26 * 26; i++) {
		snprintf(from, sizeof(from), "<y%c%c%c@example.com>",
		    'a' + i / 676, 'a' + i / 26 % 26, 'a' + i % 26);
		if (rcpt("192.0.2.4", from, B) != RCPT_GREY)
			break;
		grey += rcpt("192.0.2.5", from, B) == RCPT_GREY;
	}
	is_int(stat_of("entries grey"), 50 + 256 * 20 + 1,
	    "two hosts do not get round the network's number");

	/* IPv6 is counted by /48, whatever `match' says. */
	for (grey = 0, i = 0; i < 60; i++) {
		snprintf(client, sizeof(client), "2001:db8:1:%x::1", i);
		snprintf(from, sizeof(from), "<x%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		grey += rcpt(client, from, B) == RCPT_GREY;
	}
	is_int(grey, 60, "each new /64 still has its room");

	restart();
	is_int(rcpt("192.0.2.2", "<new@example.com>", B), RCPT_UNSTORED,
	    "counted anew after a restart");
	clock_fake_advance(DAY);
	tick();
	expire();
	is_int(stat_of("entries grey"), 0, "all expired");
	is_int(limit_keys(p->net_grey), 0, "no network is counted");
	is_int(limit_keys(p->host_grey), 0, "no host");
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "room again");

	/* What a network is, is a setting of its own. */
	is_int(rcpt("192.0.3.1", A, B), RCPT_GREY, "of another /24");
	is_int(limit_keys(p->net_grey), 2, "two networks");
	conf->limit.network.ip4 = 16;
	is_int(policy_configure(p, conf), 0, "a network is a /16 now");
	is_int(limit_keys(p->net_grey), 1, "counted again: one network");
	finish();
}

static void
add_lowmx(void)
{
	struct conf_listen	*l = calloc(1, sizeof(*l));

	l->low_priority_mx = 1;
	l->fd = -1;
	TAILQ_INSERT_TAIL(&conf->listens, l, entry);
}

static void
visit(const char *client)
{
	struct addr	a = ip(client);

	policy_begin(p);
	policy_visit(p, &a);
	policy_commit(p);
}

static void
test_lowmx(void)
{
	int	i;

	fresh();
	visit("192.0.2.1");
	is_int(stat_of("entries visit"), 0,
	    "no visits are kept without a low-priority MX");
	finish();

	begin_with(config_new());
	add_lowmx();
	start();
	visit("192.0.2.1");
	is_int(stat_of("entries visit"), 1, "visits are kept");
	clock_fake_advance(2 * HOUR);
	is_int(rcpt_flags("198.51.101.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "no trap before visits cover `grey' time");
	for (i = 0; i < 22; i++) {
		clock_fake_advance(HOUR);
		tick();
		visit("192.0.2.9");
	}
	is_int(rcpt_flags("198.51.102.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "low-priority MX first: trapped");
	is_int(ans.reason, TRAP_MX, "reason");
	is_int(rcpt_flags("192.0.2.77", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "its network was at the primary");
	is_int(rcpt("198.51.103.1", A, B), RCPT_GREY, "not at the primary");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("198.51.104.1"), 0, ""),
	    "a WHITE host");
	is_int(rcpt_flags("198.51.104.1", A, B, RCPT_F_LOWMX), RCPT_WHITE,
	    "is not trapped");

	restart();
	is_int(rcpt_flags("198.51.105.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "not within an hour of a start");
	clock_fake_advance(HOUR);
	is_int(rcpt_flags("198.51.106.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "then again: visits and first start are on disk");
	policy_overlimit(p);
	is_int(rcpt_flags("198.51.107.1", A, B, RCPT_F_LOWMX), RCPT_GREY,
	    "not within an hour of a limit");
	clock_fake_advance(HOUR);
	is_int(rcpt_flags("198.51.108.1", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "then again");
	clock_fake_advance(DAY);
	tick();
	is_int(rcpt_flags("192.0.2.78", A, B, RCPT_F_LOWMX), RCPT_TRAPPED,
	    "a visit counts for `grey' time and a little");
	finish();
}

static void
event(const char *client, unsigned int what)
{
	struct event_msg	ev = { ip(client), (uint8_t)what, 0 };
	enum conf_action	did = ACT_LOG;
	const char		*why_not;

	ntold = 0;
	policy_begin(p);
	policy_event(p, &ev, &did, &why_not);
	policy_commit(p);
	if ((did != ACT_LOG) != (ntold != 0))
		ok(0, "what it says it did is what the sink was told");
}

static void
test_events(void)
{
	struct conf_reaction	*r;
	unsigned int		 i;
	int			 all = 0;

	begin_with(config_new());
	make_lists("198.51.100.0/24", "203.0.113.0/24");
	r = &conf->reaction[EVENT_EARLY_TALKER];
	r->action = ACT_TRAP;
	r->trap_for = HOUR;
	r->after = 3;
	r->within = HOUR;
	conf->reaction[EVENT_PIPELINING].action = ACT_DEMOTE;
	start();
	event("192.0.2.1", EVENT_BARE_LF);
	is_int(ntold, 0, "log: the store does nothing");
	event("192.0.2.1", EVENT_HTTP_COMMAND);
	ok(ntold == 1 && told.trapped == T0 + HOUR &&
	    told.reason == TRAP_FOREIGN, "http-command traps at once");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.4"), HOST_FOREVER, TRAP_MANUAL, ""),
	    "trapped by hand, for ever");
	event("192.0.2.4", EVENT_HTTP_COMMAND);
	is_int(told.trapped, HOST_FOREVER, "an event does not shorten that");
	event("192.0.2.2", EVENT_EARLY_TALKER);
	clock_fake_advance(1800);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	event("192.0.2.3", EVENT_EARLY_TALKER);
	clock_fake_advance(1800);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	is_int(ntold, 0, "the third, but the first is an hour ago");
	clock_fake_advance(1799);
	event("192.0.2.2", EVENT_EARLY_TALKER);
	ok(ntold == 1 && told.reason == TRAP_EARLY, "three within an hour");
	event("192.0.2.2", EVENT_EARLY_TALKER);
	is_int(ntold, 0, "after a reaction three more are needed");
	for (i = 0; i < 5; i++) {
		event("198.51.100.1", EVENT_EARLY_TALKER);
		all += ntold;
	}
	is_int(all, 0, "whitelisted hosts are not trapped");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("192.0.2.9"), 0, ""),
	    "a WHITE host");
	event("192.0.2.9", EVENT_PIPELINING);
	ok(ntold == 1 && told.white == 0, "is demoted");
	event("192.0.2.9", EVENT_PIPELINING);
	is_int(ntold, 0, "only once");
	finish();
}

static void
test_clock(void)
{
	const char	*why = "";
	int		 i;

	fresh();
	is_int(tick(), 1, "fine at first");
	rcpt("192.0.2.1", A, B);
	clock_fake_advance(2 * DAY);
	is_int(tick(), 1, "two days ahead is fine");
	clock_fake_advance(8 * DAY);
	is_int(policy_clock(p, 0, &why), 0, "eight days in one go are not");
	ok(strstr(why, "ahead") != NULL && strstr(why, "--clock-ok") != NULL,
	    "says which way and the remedy");
	is_int(expire(), 0, "nothing expires");
	is_int(stat_of("entries grey"), 1, "still there");
	is_int(stat_of("clock out of range"), 1, "in stats");
	rcpt("198.51.100.5", A, B);
	is_int(tick(), 0, "writing does not make it right");
	restart();
	is_int(tick(), 0, "nor does a restart");
	is_int(policy_clock(p, 1, &why), 1, "--clock-ok does");
	is_int(expire(), 1, "expires");
	is_int(tick(), 1, "and stays right");

	clock_fake_advance(-3601);
	is_int(policy_clock(p, 0, &why), 0, "more than an hour behind");
	ok(strstr(why, "behind") != NULL, "says which way");
	clock_fake_advance(2);
	is_int(tick(), 1, "in range again by itself");
	for (i = 0; i < 20; i++) {
		clock_fake_advance(DAY);
		is_int(tick(), 1, "day by day");
	}
	restart();
	clock_fake_advance(7 * DAY + 1);
	is_int(tick(), 0, "off for more than a week");
	finish();
}

/* A jump of more than a week is nobody's reason to forget a host: neither the
 * one who looks it up, nor the tuples, nor what is told to others. */
static void
test_clock_jump(void)
{
	struct host	h;
	struct addr	a;
	int64_t		table;

	fresh();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("192.0.2.9"), 0, ""), "a WHITE host");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("192.0.2.8"), 0, TRAP_MANUAL, ""),
	    "a trapped one");
	rcpt("192.0.2.1", A, B);
	is_int(policy_asof(p), clock_wall(), "the clock is believed");
	clock_fake_advance(400 * DAY);
	/* Before any look at the clock, and with a write at once. */
	is_int(rcpt("192.0.2.9", A, B), RCPT_WHITE, "WHITE is WHITE");
	is_int(rcpt("192.0.2.8", A, B), RCPT_TRAPPED, "TRAPPED is TRAPPED");
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "a tuple goes on waiting");
	is_int(rcpt("198.51.100.5", A, B), RCPT_GREY, "one is stored");
	is_int(policy_asof(p), 0, "the clock is not believed");
	is_int(tick(), 0, "a write before that look did not make it right");
	a = *ipp("192.0.2.9");
	is_int(policy_lookup(p, &a, &h, &table), DB_OK, "looked up");
	ok(h.white == T0 + 36 * DAY && table == h.white,
	    "until when is told as it stands");
	is_int(expire(), 0, "nothing expires");
	clock_fake_advance(-400 * DAY);
	is_int(policy_asof(p), clock_wall(), "it is right, and believed");
	is_int(rcpt("192.0.2.9", A, B), RCPT_WHITE, "as before");
	finish();
}

static void
test_rekey(void)
{
	struct addr	a;
	int		more = 1, n = 0;
	unsigned int	i;
	char		client[32];
	struct config	*c2;

	fresh();
	rcpt("192.0.2.1", A, B);
	for (i = 0; i < 600; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.1", i / 200, i % 200);
		rcpt(client, A, B);
	}
	a = ip("2001:db8::5:1");
	policy_begin(p);
	policy_white(p, &a, 0, "");
	policy_commit(p);
	c2 = config_new();
	c2->grey.match.ip4 = 32;
	c2->grey.admit.ip6 = 128;
	is_int(policy_configure(p, c2), 0, "reloaded");
	is_int(policy_must_rekey(p), 1, "keys are to be made anew");
	while (more && policy_rekey(p, 100, &more) == DB_OK)
		n++;
	ok(n > 5, "in slices");
	is_int(policy_must_rekey(p), 0, "done");
	config_free(conf);
	conf = c2;
	is_int(stat_of("entries grey"), 601, "no entry was lost");
	is_int(stat_of("entries white"), 1, "nor the WHITE one");
	clock_fake_advance(180);
	is_int(rcpt("192.0.2.2", A, B), RCPT_GREY, "a neighbour is not known");
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "the host itself passes");
	is_int(rcpt("10.2.199.1", A, B), RCPT_PASS, "the last one too");
	is_int(rcpt("2001:db8::5:1", A, B), RCPT_WHITE, "admit cut anew");
	is_int(rcpt("2001:db8::5:2", A, B), RCPT_GREY, "its neighbour not");

	/* At a start it is done before anybody is served. */
	conf->grey.match.ip4 = 16;
	restart();
	is_int(policy_must_rekey(p), 0, "nothing is left to do");
	is_int(stat_of("entries grey"), 5, "tuples of a network are one now");
	is_int(rcpt("10.1.77.77", A, B), RCPT_PASS, "as old as the oldest");
	finish();
}

static void
test_release(void)
{
	struct config	*c2;

	begin_with(config_new());
	add_string(&conf->spamtraps, "one@example.org");
	add_string(&conf->spamtraps, "two@example.org");
	add_string(&conf->domains, "example.org");
	conf->outside_after = 1;
	start();
	rcpt("192.0.2.1", A, "<one@example.org>");
	rcpt("192.0.2.2", A, "<two@example.org>");
	rcpt("192.0.2.3", A, "<x@example.net>");
	rcpt("192.0.2.4", A, "<x@example.com>");
	policy_begin(p);
	policy_trap(p, ipp("192.0.2.5"), 0, TRAP_MANUAL, "");
	policy_commit(p);
	c2 = config_new();
	add_string(&c2->spamtraps, "two@example.org");
	add_string(&c2->domains, "example.org");
	add_string(&c2->domains, "example.net");
	is_int(policy_configure(p, c2), 0, "reloaded");
	config_free(conf);
	conf = c2;
	is_int(host_of("192.0.2.1").trapped, 0, "its spamtrap is gone");
	ok(host_of("192.0.2.2").trapped != 0, "this one is not");
	is_int(host_of("192.0.2.3").trapped, 0, "the domain is ours now");
	ok(host_of("192.0.2.4").trapped != 0, "this one is not");
	ok(host_of("192.0.2.5").trapped != 0, "by hand: stays");
	finish();
}

static void
import(const char *text)
{
	char		line[512];
	struct entry	e;
	const char	*why;

	snprintf(line, sizeof(line), "%s", text);
	if (entry_parse_line(line, &e, &why) == -1)
		abort();
	policy_begin(p);
	is_int(policy_import(p, &e), e.expire != 0 && e.expire <= clock_wall() ?
	    DB_NONE : DB_OK, text);
	policy_commit(p);
}

static void
test_import(void)
{
	struct entry	key, e;

	fresh();
	import("GREY|192.0.2.1|h|" A "|" B "|1699999900|1700014300|1700014300|1|0");
	import("GREY|192.0.2.9|h|" A "|" B "|1699999800|1700014200|1700014200|2|0");
	is_int(stat_of("entries grey"), 1, "the same tuple is merged");
	clock_fake_advance(20);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "as old as the older");
	import("WHITE|192.0.2.20|||1600000000|1600000000|1700100000|3|4");
	import("WHITE|192.0.2.20|||1500000000|1650000000|1700200000|1|9");
	host_entry_key(ENTRY_WHITE, ipp("192.0.2.20"), &key);
	is_int(db_get(db, &key, &e), DB_OK, "there");
	ok(e.first == 1500000000 && e.pass == 1650000000 &&
	    e.expire == 1700200000 && e.block == 3 && e.passed == 9, "merged");
	import("WHITE|192.0.2.21|||1|1|1600000000|3|4");
	is_int(host_of("192.0.2.21").white, 0, "what is past is left out");
	import("TRAPPED|192.0.2.22|1700086400");
	is_int(host_of("192.0.2.22").reason, TRAP_IMPORT, "its reason");
	import("SPAMTRAP|TRAP@example.org");
	is_int(rcpt("192.0.2.30", A, "<trap@example.org>"), RCPT_TRAPPED,
	    "a spamtrap that was imported");
	is_int(stat_of("entries white"), 2, "counted");
	finish();
}

static void
test_delete_grey(void)
{
	struct addr	a = ip("192.0.2.1");
	size_t		n;
	unsigned int	i;
	char		from[64];

	fresh();
	for (i = 0; i < 150; i++) {
		snprintf(from, sizeof(from), "<u%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		rcpt("192.0.2.1", from, B);
	}
	rcpt("192.0.2.2", A, B);
	policy_begin(p);
	commit(policy_delete_grey(p, &a, 0, &n), "one tuple");
	is_int(n, 1, "one");
	is_int(stat_of("entries grey"), 150, "the others stay");
	policy_begin(p);
	commit(policy_delete_grey(p, &a, 1, &n), "all of the address");
	is_int(n, 149, "all");
	is_int(stat_of("entries grey"), 1, "its neighbour's stays");
	policy_begin(p);
	is_int(policy_delete_grey(p, &a, 1, &n), DB_NONE, "none left");
	policy_abort(p);
	finish();
}

static unsigned int	streamed, streamed_table;

static void
stream_host(const struct host *h, int64_t in, void *arg)
{
	(void)arg;
	streamed += h->white != 0 || h->trapped != 0;
	streamed_table += in != 0;
}

static void
fact(const char *name, const char *value, void *arg)
{
	char	*all = arg;

	strlcat(all, name, 8192);
	strlcat(all, "=", 8192);
	strlcat(all, value, 8192);
	strlcat(all, "\n", 8192);
}

static void
test_stream_show(void)
{
	static const struct policy_sink	s2 = { .host = stream_host };
	struct db_pos	pos;
	struct policy	*p2;
	static char	text[8192];
	unsigned int	i;
	char		client[32];
	struct addr	a;

	fresh();
	for (i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "10.0.%u.1", i);
		a = ip(client);
		policy_begin(p);
		policy_white(p, &a, 0, "");
		if (i < 10)
			policy_trap(p, &a, 0, TRAP_MANUAL, "");
		policy_commit(p);
	}
	p2 = policy_new(db, &s2, NULL);
	is_int(policy_configure(p2, conf), 0, "another policy");
	memset(&pos, 0, sizeof(pos));
	i = 0;
	while (!pos.done && policy_stream(p2, &pos, 16) == DB_OK)
		i++;
	ok(i >= 7, "in slices");
	is_int(streamed, 110, "each host, the trapped ones twice");
	is_int(streamed_table, 90, "in the table: not the trapped");
	policy_free(p2);

	rcpt("192.0.2.1", A, B);
	a = ip("192.0.2.2");
	is_int(policy_show(p, &a, fact, text), DB_OK, "show");
	ok(strstr(text, "state=unknown\n") != NULL,
	    "a host that only shares the network is unknown");
	ok(strstr(text, "\nneighbour=from ") != NULL &&
	    strstr(text, "\ntuple=") == NULL,
	    "the tuple is told as its neighbour's");
	ok(strstr(text, "network=192.0.2.0/24\n") != NULL, "network");
	ok(strstr(text, "passes in 180 seconds") != NULL, "what is next");
	a = ip("10.0.0.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=trapped (over white)\n") != NULL, "trapped");
	ok(strstr(text, "reason=manual\n") != NULL, "why");
	a = ip("10.1.0.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=unknown\n") != NULL, "unknown");
	a = ip("192.0.2.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=grey\n") != NULL &&
	    strstr(text, "\ntuple=from ") != NULL, "its own tuple is its own");
	ok(strstr(text, "command=to let it in: spamgreydb add 192.0.2.1\n") !=
	    NULL, "the command that lets it in");
	finish();
}

static const char *
shown(const char *addr)
{
	static char	text[8192];
	struct addr	a = ip(addr);

	text[0] = '\0';
	policy_show(p, &a, fact, text);
	return (text);
}

/* Why is it WHITE? */
static void
test_why(void)
{
	struct track_seen	seen;
	struct entry		e;
	enum tracked		did;

	fresh();
	rcpt("192.0.2.1", A, B);
	rcpt("192.0.2.3", "<other@b>", B);
	clock_fake_advance(conf->grey.pass);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "a retry");
	ok(strstr(shown("192.0.2.1"), "\nwhy=it retried the message from "
	    A " to " B "\n") != NULL, "a retry, of which tuple");
	ok(strstr(shown("192.0.2.1"), "\nneighbour=from <other@b> ") != NULL &&
	    strstr(shown("192.0.2.1"), "\ntuple=from " A " ") != NULL,
	    "another's tuple is not told as its own");
	ok(strstr(shown("192.0.2.1"), "\ncommand=to send it back: spamgreydb "
	    "delete white 192.0.2.1\n") != NULL, "how it is sent back");
	ok(strstr(shown("192.0.2.3"), "\n#passes_at=") != NULL, "passes_at");
	policy_begin(p);
	commit(policy_extend(p, ipp("192.0.2.1"), ipp("192.0.2.1"), 1),
	    "good mail");
	ok(strstr(shown("192.0.2.1"), "=white_from=" A "\n") != NULL,
	    "does not change why");
	restart();
	ok(strstr(shown("192.0.2.1"), "=white_reason=retry\n") != NULL,
	    "it is kept on disk");
	policy_begin(p);
	commit(policy_white(p, ipp("192.0.2.1"), 0, ""), "by hand");
	ok(strstr(shown("192.0.2.1"), "\nwhy=by hand: ") != NULL, "is said");
	memset(&seen, 0, sizeof(seen));
	seen.host = ip("192.0.2.7");
	seen.outbound = 1;
	policy_begin(p);
	commit(policy_track(p, &seen, &did), "the tracker");
	ok(strstr(shown("192.0.2.7"), "\nwhy=by the tracker: ") != NULL,
	    "is said");
	entry_init(&e, ENTRY_WHITE);
	e.addr = ip("192.0.2.8");
	e.first = e.pass = T0;
	e.expire = T0 + 1000000;
	policy_begin(p);
	commit(policy_import(p, &e), "an import");
	ok(strstr(shown("192.0.2.8"), "\nwhy=by an import\n") != NULL,
	    "is said");
	finish();
}

/* The sorted rules say what mailaddr_match says of each. */
static void
test_rules(void)
{
	static const char *const rules[] = {
		"example.org", ".example.org", "@example.net", "a@example.com",
		".co.example", "example.edu", "org"
	};
	static const char *const paths[] = {
		"x@example.org", "x@sub.example.org", "x@notexample.org",
		"x@example.net", "x@a.example.net", "a@example.com",
		"b@example.com", "x@a.b.co.example", "x@co.example",
		"x@example.edu", "x@org", "x@a.org",
		"postmaster", "", "@", "x@", "a@b@example.org", "x@.org"
	};
	struct conf_strings	list;
	struct rules		r;
	size_t			i, j;
	int			want;

	TAILQ_INIT(&list);
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		add_string(&list, rules[i]);
	is_int(rules_build(&r, &list), 0, "built");
	for (j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
		for (want = 0, i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
			want |= mailaddr_match(rules[i], paths[j]) != 0;
		is_int(rules_match(&r, paths[j]), want, paths[j]);
	}
	rules_free(&r);
	conf_strings_free(&list);
}

int
main(void)
{
	log_init("policy_test");
	log_set_sink(quiet, NULL);
	if (mkdtemp(dir) == NULL)
		return (1);
	test_greylisting();
	test_trap();
	test_trap_over_white();
	test_demote();
	test_lists();
	test_match_helo();
	test_both_lists();
	test_not_to();
	test_collision();
	test_commit_fails();
	test_limits();
	test_lowmx();
	test_events();
	test_clock();
	test_clock_jump();
	test_rekey();
	test_release();
	test_import();
	test_delete_grey();
	test_stream_show();
	test_why();
	test_rules();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
