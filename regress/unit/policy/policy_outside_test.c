/*
 * Recipients outside of the allowed domains: they are counted for each host,
 * and only several domains in a time trap it.  With a real database and a clock
 * that the test moves.
 */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define HOUR	3600
#define HOST	"192.0.2.1"

static char		 dir[] = "/tmp/policy_outside_test.XXXXXX";
static struct db	*db;
static struct policy	*p;
static struct config	*conf;

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
open_policy(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	if (db_open(&db, dir, &opts) == -1 ||
	    (p = policy_new(db, NULL, NULL)) == NULL ||
	    policy_configure(p, conf) == -1)
		abort();
}

static void
allow(const char *domain)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(domain);
	TAILQ_INSERT_TAIL(&conf->domains, s, entry);
}

static void
begin(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	mkdir(dir, 0700);
	clock_fake(T0, 1000000);
	conf = config_new();
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	allow("example.org");
	open_policy();
}

static void
finish(void)
{
	policy_free(p);
	db_close(db);
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

#define DO(what)	do {						\
	if (policy_begin(p) != DB_OK || (what) != DB_OK ||		\
	    policy_commit(p) != DB_OK)					\
		abort();						\
} while (0)

static int
rcpt(const char *client, const char *to)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;

	memset(&req, 0, sizeof(req));
	req.client = ip(client);
	req.helo = "h";
	req.from = "<a@example.com>";
	req.to = to;
	DO(policy_rcpt(p, &req, &ans, NULL));
	if (ans.verdict == RCPT_TRAPPED && ans.reason != TRAP_DOMAIN)
		abort();
	return (ans.verdict);
}

static void
mails(const char *client, int bad, unsigned int n)
{
	struct mail_seen	m = { ip(client), (uint8_t)bad, 0 };

	while (n-- > 0)
		DO(policy_mail(p, &m));
}

static void
learn(const char *client, uint32_t good, uint32_t bad)
{
	struct learn_add	add = { good, bad, 0, 0 };
	struct learned		l;
	struct addr		a = ip(client);

	DO(policy_learn(p, &a, &add, &l));
}

static void
white(const char *client)
{
	struct addr	a = ip(client);

	DO(policy_white(p, &a, 0, ""));
}

/* The verdict on the last of three recipients in three domains. */
static int
three(const char *client)
{
	(void)rcpt(client, "<a@one.example>");
	(void)rcpt(client, "<a@two.example>");
	return (rcpt(client, "<a@three.example>"));
}

static int64_t	stat_value;

static void
stat_one(const char *name, int64_t value, void *arg)
{
	if (strcmp(name, arg) == 0)
		stat_value = value;
}

static int64_t
stat_of(const char *name)
{
	stat_value = -1;
	policy_stats(p, stat_one, (void *)(uintptr_t)name);
	return (stat_value);
}

static void
test_default(void)
{
	begin();
	is_int(conf->outside_after, 3, "by default after 3 domains");
	is_int(conf->outside_within, HOUR, "in an hour");
	is_int(rcpt(HOST, "<a@one.example>"), RCPT_GREY,
	    "one recipient outside is greylisted");
	is_int(rcpt(HOST, "<b@ONE.example.>"), RCPT_GREY,
	    "another in the same domain counts no more");
	is_int(rcpt(HOST, "<a@two.example>"), RCPT_GREY, "a second domain");
	is_int(rcpt(HOST, "<a@two.example>"), RCPT_GREY, "and again");
	is_int(rcpt(HOST, "<a@example.org>"), RCPT_GREY,
	    "an allowed domain does not count");
	is_int(rcpt("192.0.2.2", "<a@three.example>"), RCPT_GREY,
	    "another host has its own count");
	is_int(rcpt(HOST, "<a@three.example>"), RCPT_TRAPPED,
	    "a third domain within the hour traps");
	is_int(rcpt(HOST, "<a@example.org>"), RCPT_TRAPPED,
	    "the host, not the recipient");
	is_int(stat_of("outside"), 6, "counted");
	is_int(stat_of("trapped domain"), 1, "one trap");
	finish();
}

static void
test_time(void)
{
	begin();
	(void)rcpt(HOST, "<a@one.example>");
	clock_fake_advance(1800);
	(void)rcpt(HOST, "<a@two.example>");
	clock_fake_advance(1800);
	is_int(rcpt(HOST, "<a@three.example>"), RCPT_GREY,
	    "a domain of an hour ago counts no more");
	clock_fake_advance(1799);
	is_int(rcpt(HOST, "<a@one.example>"), RCPT_TRAPPED,
	    "named again it counts, with two others of the last hour");

	(void)rcpt("192.0.2.3", "<a@one.example>");
	(void)rcpt("192.0.2.3", "<a@two.example>");
	clock_fake_advance(3599);
	is_int(rcpt("192.0.2.3", "<a@three.example>"), RCPT_TRAPPED,
	    "the last second of the hour");
	finish();
}

static void
test_counts(void)
{
	char		to[64];
	unsigned int	i, trapped = 0;

	begin();
	for (i = 0; i < 500; i++) {
		snprintf(to, sizeof(to), "<a@d%u.evil.example>", i);
		trapped += rcpt(HOST, to) == RCPT_TRAPPED;
	}
	is_int(trapped, 0, "subdomains of one domain are one");
	is_int(rcpt(HOST, "<postmaster@one.example>"), RCPT_GREY,
	    "postmaster elsewhere is the second");
	is_int(rcpt(HOST, "<a@[192.0.2.9]>"), RCPT_TRAPPED,
	    "an address literal is one");

	is_int(rcpt("192.0.2.2", "<>"), RCPT_GREY, "nothing");
	is_int(rcpt("192.0.2.2", "<a@>"), RCPT_GREY, "no domain");
	is_int(rcpt("192.0.2.2", "<joe>"), RCPT_GREY, "a bare local part");
	is_int(rcpt("192.0.2.2", "<one.example>"), RCPT_GREY, "no local part");
	is_int(stat_of("outside"), 502, "malformed ones count for nothing");

	is_int(three("2001:db8::1"), RCPT_TRAPPED, "IPv6");
	is_int(rcpt("2001:db8::2", "<a@example.org>"), RCPT_TRAPPED,
	    "cut to admit, as each trap");
	finish();
}

static void
test_bounded(void)
{
	struct addr	host = ip("2001:db8::1");
	unsigned int	i;

	begin();
	for (i = 0; i < 30000; i++) {
		host.b[4] = (uint8_t)(i >> 8);
		host.b[5] = (uint8_t)i;
		(void)events_count_of(p->outside, &host, 0, "x", 1,
		    CONF_OUTSIDE_MAX, HOUR * 1000, clock_mono());
	}
	ok(events_memory(p->outside) <= EVENTS_MEMORY_MAX,
	    "all hosts together are bounded");
	finish();
}

static void
test_good(void)
{
	begin();
	mails("192.0.2.11", 0, 1);
	is_int(three("192.0.2.11"), RCPT_GREY, "good mail of this week");
	is_int(stat_of("spared"), 1, "spared");
	is_int(three("192.0.2.11"), RCPT_GREY, "again and again");
	mails("192.0.2.12", 1, 2);
	mails("192.0.2.12", 0, 1);
	is_int(three("192.0.2.12"), RCPT_TRAPPED, "more bad mail than good");
	learn("192.0.2.13", 2, 1);
	is_int(three("192.0.2.13"), RCPT_GREY, "good mail as learn counts it");
	learn("192.0.2.14", 1, 1);
	is_int(three("192.0.2.14"), RCPT_TRAPPED, "as much bad as good");
	white("192.0.2.15");
	is_int(three("192.0.2.15"), RCPT_TRAPPED,
	    "WHITE alone is not good mail where pass would have seen it");
	conf_pass_free(conf->pass);
	conf->pass = NULL;
	white("192.0.2.16");
	is_int(three("192.0.2.16"), RCPT_WHITE,
	    "without pass WHITE stands for it");
	finish();
}

static void
test_settings(void)
{
	begin();
	conf->outside_after = 1;
	is_int(rcpt(HOST, "<a@one.example>"), RCPT_TRAPPED,
	    "after 1: at once, as spamd");
	mails("192.0.2.2", 0, 1);
	is_int(rcpt("192.0.2.2", "<a@one.example>"), RCPT_GREY,
	    "but no host with good mail");
	conf->outside_after = 0;
	is_int(three("192.0.2.3"), RCPT_GREY, "trap no");
	conf->outside_after = 2;
	conf->outside_within = 60;
	(void)rcpt("192.0.2.4", "<a@one.example>");
	is_int(rcpt("192.0.2.4", "<a@two.example>"), RCPT_TRAPPED,
	    "after 2 in 1m");
	(void)rcpt("192.0.2.5", "<a@one.example>");
	clock_fake_advance(60);
	is_int(rcpt("192.0.2.5", "<a@two.example>"), RCPT_GREY, "too late");
	finish();
}

static void
test_lasts(void)
{
	begin();
	is_int(three(HOST), RCPT_TRAPPED, "trapped");
	(void)rcpt("192.0.2.2", "<a@one.example>");
	(void)rcpt("192.0.2.2", "<a@two.example>");
	policy_free(p);
	db_close(db);
	open_policy();
	is_int(rcpt(HOST, "<a@example.org>"), RCPT_TRAPPED,
	    "a trap survives a restart");
	is_int(rcpt("192.0.2.2", "<a@three.example>"), RCPT_GREY,
	    "a count does not");

	(void)rcpt("192.0.2.3", "<a@one.example>");
	(void)rcpt("192.0.2.3", "<a@two.example>");
	allow("two.example");
	if (policy_configure(p, conf) == -1)
		abort();
	is_int(rcpt("192.0.2.3", "<a@three.example>"), RCPT_GREY,
	    "a reload begins to count again: it may have allowed one");
	allow("three.example");
	if (policy_configure(p, conf) == -1)
		abort();
	is_int(rcpt(HOST, "<a@example.org>"), RCPT_GREY,
	    "the domain that trapped is allowed now: let go");
	finish();
}

int
main(void)
{
	log_init("policy_outside_test");
	log_set_sink(quiet, NULL);
	if (mkdtemp(dir) == NULL)
		return (1);
	test_default();
	test_time();
	test_counts();
	test_bounded();
	test_good();
	test_settings();
	test_lasts();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
