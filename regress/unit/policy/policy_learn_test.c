/*
 * Reputation: counts and their halving, expiry, the limits for trap and extend,
 * exempted hosts, trusted relays, and messages of pass.  With a real database
 * and a clock that the test moves.
 */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define DAY	86400
#define H	"192.0.2.1"

static char		 dir[] = "/tmp/policy_learn_test.XXXXXX";
static struct db	*db;
static struct policy	*p;
static struct config	*conf;
static struct host	 told;
static int		 ntold;
static struct learned	 got;
static char		 logged[512];

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

static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)in_table;
	(void)arg;
	told = *h;
	ntold++;
}

static const struct policy_sink	sink = { .host = sink_host };

static void
keep_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	strlcpy(logged, line, sizeof(logged));
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
open_policy(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	if (db_open(&db, dir, &opts) == -1 ||
	    (p = policy_new(db, &sink, NULL)) == NULL ||
	    policy_configure(p, conf) == -1)
		abort();
	ntold = 0;
}

static void
begin(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	mkdir(dir, 0700);
	clock_fake(T0, 1000000);
	conf = config_new();
	open_policy();
}

static void
close_policy(void)
{
	policy_free(p);
	db_close(db);
}

static void
finish(void)
{
	close_policy();
	config_free(conf);
}

static struct addr
ip(const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

static void
add_text(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

/* A list of one network, as the configuration compiles it. */
static void
add_list(const char *name, enum conf_list_kind kind, const char *net)
{
	struct addrset_build	*b = addrset_build_new();
	struct conf_list	*l = calloc(1, sizeof(*l));
	char			 path[] = "/tmp/policy_learn_set.XXXXXX";
	struct prefix		 pre;

	TAILQ_INIT(&l->except);
	l->kind = kind;
	l->name = strdup(name);
	TAILQ_INSERT_TAIL(&conf->lists, l, entry);
	prefix_parse(net, &pre);
	conf->set_fd = mkstemp(path);
	unlink(path);
	if (addrset_build_add(b, &pre) == -1 ||
	    addrset_write(conf->set_fd, &b, 1) == -1 ||
	    (conf->set = addrset_map(conf->set_fd)) == NULL)
		abort();
	addrset_build_free(b);
}

static void
learn_as(const char *addr, uint32_t good, uint32_t bad, int vouched, int dry)
{
	struct learn_add	add = { good, bad, vouched, dry };
	struct addr		a = ip(addr);

	ntold = 0;
	if (policy_begin(p) != DB_OK ||
	    policy_learn(p, &a, &add, &got) != DB_OK)
		abort();
	if (dry)
		policy_abort(p);
	else if (policy_commit(p) != DB_OK)
		abort();
}

static void
learn(const char *addr, uint32_t good, uint32_t bad)
{
	learn_as(addr, good, bad, 0, 0);
}

/* The counts as of now; -1: no entry. */
static int
has(const char *addr, uint32_t good, uint32_t bad)
{
	struct addr	a = ip(addr);
	struct entry	e;

	if (policy_repute(p, &a, &e) != DB_OK)
		return (-1);
	if (e.passed != good || e.block != bad)
		printf("# %u good, %u bad\n", e.passed, e.block);
	return (e.passed == good && e.block == bad);
}

static struct host
state(const char *client)
{
	struct addr	a = ip(client);
	struct host	h;
	int64_t		table;

	if (policy_lookup(p, &a, &h, &table) != DB_OK)
		abort();
	return (h);
}

static void
white(const char *client)
{
	struct addr	a = ip(client);

	if (policy_begin(p) != DB_OK || policy_white(p, &a, 0, "") != DB_OK ||
	    policy_commit(p) != DB_OK)
		abort();
}

static void
mails(const char *client, int bad, int vouched, unsigned int n)
{
	struct mail_seen	m = { ip(client), (uint8_t)bad,
				    (uint8_t)vouched };

	while (n-- > 0)
		if (policy_begin(p) != DB_OK || policy_mail(p, &m) != DB_OK ||
		    policy_commit(p) != DB_OK)
			abort();
}

static int
write_mails(int all)
{
	int	more = -1, n = 0;

	do {
		if (policy_mails_write(p, all, 2, &more) != DB_OK)
			return (-1);
		n++;
	} while (more);
	return (n);
}

static size_t
expire(void)
{
	size_t	n = 0;
	int	more;

	if (policy_expire(p, 100, &more, &n) != DB_OK)
		abort();
	return (n);
}

static void
counting(void)
{
	struct entry	e;
	struct addr	a = ip(H);

	begin();
	learn(H, 0, 1);
	ok(got.bad == 1 && got.good == 0 && got.did == LEARNED_COUNT &&
	    got.why_not == NULL, "the first one");
	learn(H, 1, 0);
	learn(H, 0, 1);
	ok(has(H, 1, 2) == 1, "good and bad are counted");
	is_int(ntold, 0, "nobody is told");
	ok(state(H).trapped == 0, "by default nothing follows");
	learn_as(H, 0, 1, 0, 1);
	is_int(got.bad, 3, "a dry run says what there would be");
	ok(has(H, 1, 2) == 1, "and counts nothing");
	learn("2001:db8::1", 0, 1);
	learn("2001:db8::2", 0, 1);
	ok(has("2001:db8::ffff", 0, 2) == 1, "IPv6: by the host, a /64");
	is_int(has("192.0.2.2", 0, 0), -1, "IPv4: by the address");
	close_policy();
	open_policy();
	ok(has(H, 1, 2) == 1, "all of it is on disk");
	policy_repute(p, &a, &e);
	ok(e.first == T0 && e.pass == T0, "with its times");
	if (policy_begin(p) != DB_OK || policy_delete_repute(p, &a) != DB_OK ||
	    policy_delete_repute(p, &a) != DB_NONE ||
	    policy_commit(p) != DB_OK)
		abort();
	is_int(has(H, 0, 0), -1, "deleted, once");
	learn(H, 0, UINT32_MAX - 1);
	learn(H, 0, 5);
	ok(has(H, 0, UINT32_MAX) == 1, "a count does not run over");
	finish();
}

static void
decaying(void)
{
	begin();
	conf->learn.decay = 10 * DAY;
	learn(H, 3, 8);
	pass_by(10 * DAY - 1);
	ok(has(H, 3, 8) == 1, "not before its time");
	clock_fake_advance(1);
	ok(has(H, 1, 4) == 1, "halved");
	pass_by(5 * DAY);
	learn(H, 0, 1);
	ok(has(H, 1, 5) == 1, "counted on what is left");
	pass_by(5 * DAY);
	ok(has(H, 0, 2) == 1, "halved again: by when it was first seen");
	learn(H, 0, 0);
	clock_fake_advance(-30 * DAY);
	ok(has(H, 0, 2) == 1, "a clock that goes back changes nothing");
	learn(H, 0, 1);
	ok(has(H, 0, 3) == 1, "and what was counted stays");
	finish();

	begin();
	conf->learn.decay = 10 * DAY;
	learn(H, 0, 5);
	learn("192.0.2.2", 0, 1);
	pass_by(10 * DAY - 1);
	is_int((int)expire(), 0, "nothing has decayed away");
	clock_fake_advance(1);
	is_int((int)expire(), 1, "one message, one half");
	is_int(has("192.0.2.2", 0, 0), -1, "is gone");
	pass_by(10 * DAY);
	ok(has(H, 0, 1) == 1, "five, two, one");
	is_int((int)expire(), 0, "is still there");
	pass_by(10 * DAY);
	ok(has(H, 0, 0) == 1, "and at last nothing");
	is_int((int)expire(), 1, "which expires");
	learn(H, 0, 3);
	pass_by(10 * DAY - 1);
	ok(has(H, 0, 3) == 1, "it begins anew from then");
	conf->learn.decay = 30 * DAY;
	clock_fake_advance(DAY);
	ok(has(H, 0, 3) == 1, "another decay is in force at once");
	pass_by(400 * DAY);
	ok(has(H, 0, 0) == 1, "very long is nothing, not more");
	finish();
}

static void
trapping(void)
{
	begin();
	conf->learn.trap.after = 3;
	learn(H, 0, 1);
	learn(H, 0, 1);
	is_int(state(H).trapped, 0, "two of three");
	learn_as(H, 0, 1, 0, 1);
	ok(got.did == LEARNED_TRAP && state(H).trapped == 0,
	    "dry: it would be trapped");
	learn(H, 0, 1);
	ok(got.did == LEARNED_TRAP && ntold == 1 &&
	    told.reason == TRAP_LEARN && told.trapped == T0 + 24 * 3600,
	    "the third: trapped for the usual time");
	conf->learn.trap_for = 3600;
	clock_fake_advance(3600);
	learn(H, 0, 1);
	is_int(state(H).trapped, T0 + 24 * 3600, "a shorter trap shortens none");
	conf->learn.trap_for = 2 * DAY;
	learn(H, 0, 1);
	is_int(state(H).trapped, T0 + 3600 + 2 * DAY, "a longer one extends it");
	ntold = 0;
	learn(H, 1, 0);
	ok(got.did == LEARNED_COUNT && ntold == 0, "a good one does nothing");

	/* 80%: 3 bad of 4 is less. */
	learn("192.0.2.2", 1, 2);
	learn("192.0.2.2", 0, 1);
	ok(got.did == LEARNED_COUNT && got.bad == 3, "three of four: 75%");
	learn("192.0.2.2", 0, 1);
	is_int(got.did, LEARNED_TRAP, "four of five: 80%");
	conf->learn.trap.percent = 1;
	learn("192.0.2.3", 296, 2);
	learn("192.0.2.3", 0, 1);
	is_int(got.did, LEARNED_TRAP, "1%, if that is what one wants");
	finish();

	/* What decayed does not count. */
	begin();
	conf->learn.trap.after = 3;
	learn(H, 0, 2);
	pass_by(30 * DAY);
	learn(H, 0, 1);
	ok(got.did == LEARNED_COUNT && got.bad == 2, "old ones are halved");
	learn(H, 0, 1);
	is_int(got.did, LEARNED_TRAP, "until there are three again");
	finish();
}

static void
extending(void)
{
	begin();
	conf->learn.extend.after = 2;
	white(H);
	pass_by(10 * DAY);
	learn(H, 1, 0);
	is_int(state(H).white, T0 + 36 * DAY, "one good: as before");
	learn_as(H, 1, 0, 0, 1);
	ok(got.did == LEARNED_EXTEND && state(H).white == T0 + 36 * DAY,
	    "dry: it would be extended");
	learn(H, 1, 0);
	ok(got.did == LEARNED_EXTEND && state(H).white == T0 + 46 * DAY &&
	    ntold == 1, "two: WHITE is extended, and told");
	learn(H, 0, 1);
	clock_fake_advance(DAY);
	learn(H, 1, 0);
	ok(got.did == LEARNED_COUNT && state(H).white == T0 + 46 * DAY,
	    "three of four good is less than 80%");
	learn("192.0.2.2", 5, 0);
	ok(got.did == LEARNED_COUNT && state("192.0.2.2").white == 0,
	    "who is not WHITE does not become so");
	finish();
}

static void
sparing(void)
{
	struct learned	l;

	begin();
	add_list("friends", LIST_WHITE, "198.51.100.0/24");
	if (policy_configure(p, conf) == -1)
		abort();
	conf->learn.trap.after = 1;
	learn("198.51.100.1", 0, 1);
	ok(got.did == LEARNED_COUNT && strcmp(got.why_not, "whitelisted") == 0
	    && state("198.51.100.1").trapped == 0, "whitelisted: only said");
	ok(has("198.51.100.1", 0, 1) == 1, "and counted");
	add_text(&conf->learn.except, "203.0.113.0/24");
	learn("203.0.113.9", 0, 1);
	is_str(got.why_not, "except", "a network that is excepted");
	learn("203.0.112.9", 0, 1);
	is_int(got.did, LEARNED_TRAP, "and its neighbour");
	learn_as("192.0.2.9", 0, 1, 1, 0);
	is_str(got.why_not, "vouched", "a list of good repute vouches");
	white("192.0.2.10");
	mails("192.0.2.10", 0, 0, 20);
	learn("192.0.2.10", 0, 1);
	is_str(got.why_not, "good-mail", "20 good messages, one bad");
	is_str(policy_learned_str(&got), "spared", "is what the log says");
	l = got;
	l.did = LEARNED_TRAP;
	is_str(policy_learned_str(&l), "trap", "or this");
	finish();

	/* A list that is no whitelist may be excepted, too. */
	begin();
	add_list("pools", LIST_BLACK, "198.51.100.0/24");
	if (policy_configure(p, conf) == -1)
		abort();
	add_text(&conf->learn.except, "pools");
	conf->learn.trap.after = 1;
	learn("198.51.100.1", 0, 1);
	is_str(got.why_not, "except", "a list that is excepted");
	finish();
}

static const char *
trusts(unsigned int kind, const char *addr)
{
	struct addr	a = ip(addr);
	const char	*why = policy_trusts(p, kind, &a);

	return (why == NULL ? "" : why);
}

static void
trusting(void)
{
	static const char *const	inside[] = { "10.1.2.3", "172.16.0.1",
	    "172.31.255.255", "192.168.1.1", "169.254.1.1", "100.64.0.1",
	    "100.127.255.255", "fd00::1", "fe80::1" };
	static const char *const	outside[] = { H, "172.15.0.1",
	    "172.32.0.1", "192.169.0.1", "100.63.255.255", "100.128.0.0",
	    "11.0.0.1", "2001:db8::1", "fec0::1" };
	size_t				i;

	begin();
	add_list("relays", LIST_WHITE, "198.51.100.0/24");
	if (policy_configure(p, conf) == -1)
		abort();
	for (i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		is_str(trusts(HOP_ADDR, inside[i]), "private", inside[i]);
	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		is_str(trusts(HOP_ADDR, outside[i]), "", outside[i]);
	is_str(trusts(HOP_ADDR, "127.0.0.9"), "loopback", "loopback");
	is_str(trusts(HOP_ADDR, "::1"), "loopback", "of IPv6");
	is_str(trusts(HOP_LOCAL, H), "local", "within a host");
	is_str(trusts(HOP_SELF, H), "self", "the machine itself");
	is_str(trusts(HOP_UNCLEAR, "127.0.0.1"), "", "unclear is the end");
	is_str(trusts(99, "127.0.0.1"), "", "and so is nonsense");
	is_str(trusts(HOP_ADDR, "198.51.100.7"), "", "a list, not named");
	add_text(&conf->learn.trusted, "relays");
	add_text(&conf->learn.trusted, "2001:db8:5::/48");
	is_str(trusts(HOP_ADDR, "198.51.100.7"), "trusted", "a list, named");
	is_str(trusts(HOP_ADDR, "2001:db8:5:1::1"), "trusted", "a network");
	is_str(trusts(HOP_ADDR, "2001:db8:6::1"), "", "not the next one");
	finish();
}

/* What pass says: batched, and then as good as anybody's word. */
static void
of_pass(void)
{
	begin();
	conf->learn.trap.after = 3;
	mails(H, 1, 0, 2);
	mails(H, 0, 0, 1);
	mails("192.0.2.2", 1, 0, 1);
	is_int(has(H, 0, 0), -1, "not at once");
	is_int(write_mails(0), 1, "nor before its time");
	is_int(has(H, 0, 0), -1, "which has not come");
	clock_fake_advance(MAIL_WRITE_EVERY - 1);
	mails("192.0.2.3", 1, 0, 3);
	(void)write_mails(0);
	is_int(has(H, 0, 0), -1, "nor a second before it");
	clock_fake_advance(1);
	(void)write_mails(0);
	ok(has(H, 1, 2) == 1, "then all of them in one");
	ok(has("192.0.2.2", 0, 1) == 1, "of every host");
	is_int(has("192.0.2.3", 0, 0), -1, "whose time has come");
	logged[0] = '\0';
	is_int(write_mails(1), 1, "all that is left, at the end");
	ok(has("192.0.2.3", 0, 3) == 1, "is written");
	ok(state("192.0.2.3").reason == TRAP_LEARN, "and traps");
	ok(strstr(logged, "learn: 192.0.2.3: trap, 0 good and 3 bad") != NULL,
	    "which is logged");
	mails("192.0.2.4", 1, 1, 3);
	(void)write_mails(1);
	ok(has("192.0.2.4", 0, 3) == 1 && state("192.0.2.4").trapped == 0,
	    "who is vouched for is counted, not trapped");
	ok(strstr(logged, "spared") != NULL &&
	    strstr(logged, "vouched") != NULL, "which is logged");
	learn(H, 0, 1);
	ok(got.bad == 3 && got.good == 1, "a person's word adds to pass's");
	mails("192.0.2.5", 1, 0, 1);
	mails("192.0.2.6", 1, 0, 1);
	mails("192.0.2.7", 1, 0, 1);
	is_int(write_mails(1), 2, "three hosts, two a transaction");
	ok(has("192.0.2.5", 0, 1) == 1 && has("192.0.2.6", 0, 1) == 1 &&
	    has("192.0.2.7", 0, 1) == 1, "none is left out");
	/* In somebody else's transaction nothing is lost. */
	mails("192.0.2.8", 1, 0, 1);
	if (policy_begin(p) != DB_OK)
		abort();
	is_int(write_mails(1), -1, "not in another transaction");
	policy_abort(p);
	is_int(write_mails(1), 1, "but after it");
	ok(has("192.0.2.8", 0, 1) == 1, "with nothing lost");
	finish();
}

/* Imports merge; another `admit' keys the entries anew. */
static void
keeping(void)
{
	struct entry	e;
	struct addr	a = ip("2001:db8:0:1::1");

	begin();
	entry_init(&e, ENTRY_REPUTE);
	e.addr = a;
	e.first = T0 - 100;
	e.pass = T0 - 50;
	e.expire = T0 + 60 * DAY;
	e.block = 5;
	e.passed = 2;
	if (policy_begin(p) != DB_OK || policy_import(p, &e) != DB_OK ||
	    policy_import(p, &e) != DB_OK || policy_commit(p) != DB_OK)
		abort();
	ok(has("2001:db8:0:1::2", 2, 5) == 1, "imported, twice, is once");
	close_policy();
	conf->grey.admit.ip6 = 48;
	open_policy();
	ok(has("2001:db8:0:77::2", 2, 5) == 1, "keyed anew");
	finish();
}

int
main(void)
{
	if (mkdtemp(dir) == NULL)
		return (1);
	log_init("test");
	log_set_sink(keep_log, NULL);
	counting();
	decaying();
	trapping();
	extending();
	sparing();
	trusting();
	of_pass();
	keeping();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
