/*
 * The tracker's table: whose connections count, how often store is told of a
 * host, and its bound; and what store does with that, with a real database and
 * a clock that the test moves.
 */
/* LINK: spamgreyd/track */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "spamgreyd/track/track.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define EVERY	600000
#define DAY	86400

static struct track_hosts	*hosts;
static struct track_rules	 rules;
static struct track_seen	 got[TRACK_SEEN_MAX];

static struct addr
a(const char *text)
{
	struct addr	addr;

	if (addr_parse(text, &addr) == -1)
		abort();
	return (addr);
}

/* A SYN of OpenBSD's pflog. */
static int
see(const char *from, const char *to, int out, const char *ifname)
{
	static const uint8_t	tcp[20] = { 0, 99, 0, 25, [12] = 0x50, 2 };
	struct addr		src = a(from), dst = a(to);
	struct track_seen	seen;
	uint8_t			b[160] = { 100 };
	size_t			n;

	strlcpy((char *)b + 4, ifname, 16);
	b[60] = out ? 2 : 1;
	if (addr_is4(&src)) {
		b[1] = 2;
		b[100] = 0x45;
		b[109] = 6;
		memcpy(b + 112, src.b + 12, 4);
		memcpy(b + 116, dst.b + 12, 4);
		n = 120;
	} else {
		b[1] = 24;
		b[100] = 0x60;
		b[106] = 6;
		memcpy(b + 108, src.b, 16);
		memcpy(b + 124, dst.b, 16);
		n = 140;
	}
	memcpy(b + n, tcp, sizeof(tcp));
	return (track_hosts_see(hosts, &rules, LOGPKT_PFLOG, b,
	    n + sizeof(tcp), &seen));
}

static size_t
take(int all, int64_t now)
{
	return (track_hosts_take(hosts, all, EVERY, now, got,
	    TRACK_SEEN_MAX));
}

static void
make_rules(const char *mta, const char *interface)
{
	struct conf_track	*t = conf_track_new();
	struct conf_string	 s = { .text = (char *)(uintptr_t)mta };
	struct addr		 own[2] = { a("192.0.2.1"), a("2001:db8::1") };

	if (mta != NULL)
		TAILQ_INSERT_TAIL(&t->mta, &s, entry);
	t->interface = interface == NULL ? NULL : strdup(interface);
	is_int(track_rules_make(&rules, t, 7, own, 2), 0, "rules");
	if (mta != NULL)
		TAILQ_REMOVE(&t->mta, &s, entry);
	conf_track_free(t);
}

static void
test_rules(void)
{
	make_rules(NULL, NULL);
	ok(see("192.0.2.1", "198.51.100.1", 1, "em0"), "our own address");
	ok(see("2001:db8::1", "2001:db8:1::1", 1, "em0"), "IPv6");
	ok(!see("192.0.2.2", "198.51.100.1", 1, "em0"), "another's, out");
	ok(see("192.0.2.2", "192.0.2.1", 0, "em0"), "another's, in");
	ok(!see("192.0.2.1", "192.0.2.1", 0, "em0"), "ours, in: forged");
	ok(!see("192.0.2.1", "192.0.2.1", 1, "em0"), "from us to us");
	ok(!see("192.0.2.1", "127.0.0.1", 1, "lo0"), "to loopback");
	ok(!see("192.0.2.1", "224.0.0.1", 1, "em0"), "to a group");
	ok(!see("192.0.2.1", "169.254.0.1", 1, "em0"), "link-local");
	ok(!see("192.0.2.1", "0.0.0.1", 1, "em0"), "to 0.0.0.1");
	ok(!see("2001:db8::1", "fe80::1", 1, "em0"), "IPv6, link-local");
	ok(!see("2001:db8::1", "ff02::1", 1, "em0"), "IPv6, to a group");
	ok(!see("2001:db8::1", "::", 1, "em0"), "IPv6, to ::");
	make_rules("10.0.0.0/8", NULL);
	ok(!see("192.0.2.1", "198.51.100.1", 1, "em0"), "mta: not our own");
	ok(see("10.1.2.3", "198.51.100.1", 1, "em0"), "mta: its network");
	make_rules(NULL, "em1");
	ok(!see("192.0.2.1", "198.51.100.1", 1, "em0"), "another interface");
	ok(see("192.0.2.1", "198.51.100.1", 1, "em1"), "this one");
	is_int(track_hosts_counts(hosts)->elsewhere, 1, "and it is counted");
	rules.outbound = 0;
	ok(!see("192.0.2.1", "198.51.100.1", 1, "em1"), "outbound no");
	ok(see("198.51.100.1", "192.0.2.1", 0, "em1"), "but inbound");
	while (take(1, 0) > 0)
		continue;
	is_int(track_hosts_known(hosts), 0, "taken, and forgotten");
}

static void
test_often(void)
{
	make_rules(NULL, NULL);
	see("192.0.2.1", "198.51.100.1", 1, "em0");
	see("192.0.2.1", "198.51.100.1", 1, "em0");
	see("198.51.100.1", "192.0.2.1", 0, "em0");
	is_int(take(0, 1000), 2, "at once: as a target, and as a client");
	ok(got[0].outbound && got[0].count == 2 && !got[1].outbound &&
	    got[1].count == 1, "with their counts");
	is_int(take(0, 2000), 0, "once");
	see("192.0.2.1", "198.51.100.1", 1, "em0");
	is_int(take(0, 1000 + EVERY - 1), 0, "then not for a while");
	is_int(take(0, 1000 + EVERY), 1, "then again");
	ok(got[0].outbound && got[0].count == 1, "with what came since");
	is_int(track_hosts_known(hosts), 1, "who did not come is forgotten");
	is_int(take(0, 1000 + 2 * EVERY), 0, "and so the other");
	is_int(track_hosts_known(hosts), 0, "both");
}

static void
test_bounded(void)
{
	char			ip[32];
	uint64_t		lost = track_hosts_counts(hosts)->lost;
	size_t			i, n, sum = 0;

	for (i = 0; i < TRACK_HOSTS_MAX + 100; i++) {
		snprintf(ip, sizeof(ip), "198.18.%zu.%zu", i / 250,
		    1 + i % 250);
		see("192.0.2.1", ip, 1, "em0");
	}
	is_int(track_hosts_known(hosts), TRACK_HOSTS_MAX, "no more than that");
	is_int(track_hosts_counts(hosts)->lost - lost, 100,
	    "the rest is counted");
	while ((n = take(1, 0)) > 0)
		sum += n;
	is_int(sum, TRACK_HOSTS_MAX, "each is told once");
	is_int(track_hosts_known(hosts), 0, "and the table is empty");
}

static char		 dir[] = "/tmp/track_test.XXXXXX";
static struct policy	*p;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static const char *
tracked(const char *ip, int outbound, uint32_t count)
{
	struct track_seen	s = { (uint8_t)outbound, a(ip), count };
	enum tracked		did = TRACKED_MAX;

	if (policy_begin(p) != DB_OK || policy_track(p, &s, &did) != DB_OK ||
	    policy_commit(p) != DB_OK)
		return ("failed");
	return (policy_tracked_str(did));
}

static int64_t
white_until(const char *ip)
{
	struct addr	addr = a(ip);
	struct host	h;
	int64_t		table;

	return (policy_lookup(p, &addr, &h, &table) == DB_OK ? h.white : -1);
}

static void
edit(enum db_result (*fn)(struct policy *, const struct addr *), const char *ip)
{
	struct addr	addr = a(ip);

	if (policy_begin(p) != DB_OK || fn(p, &addr) != DB_OK ||
	    policy_commit(p) != DB_OK)
		abort();
}

static enum db_result
trap(struct policy *pol, const struct addr *addr)
{
	return (policy_trap(pol, addr, 0, TRAP_NONE, NULL));
}

static enum db_result
for_ever(struct policy *pol, const struct addr *addr)
{
	return (policy_white(pol, addr, HOST_FOREVER, NULL));
}

static void
test_policy(void)
{
	struct db_opts	 opts = { .cache = 1024 * 1024 };
	struct config	*conf = config_new();
	struct db	*db;
	int64_t		 white = conf->grey.white;

	if (mkdtemp(dir) == NULL)
		abort();
	clock_fake(T0, 1000000);
	if (db_open(&db, dir, &opts) == -1 ||
	    (p = policy_new(db, NULL, NULL)) == NULL ||
	    policy_configure(p, conf) == -1)
		abort();
	is_str(tracked("192.0.2.1", 0, 1), "unknown", "it came by: unknown");
	is_int(white_until("192.0.2.1"), 0, "and stays so");
	is_str(tracked("192.0.2.1", 1, 1), "white", "we called it: WHITE");
	is_int(white_until("192.0.2.1"), T0 + white, "for its whole time");
	clock_fake_advance(DAY);
	is_str(tracked("192.0.2.1", 0, 3), "extended", "it came by: extended");
	is_int(white_until("192.0.2.1"), T0 + DAY + white, "from now");
	clock_fake_advance(DAY);
	is_str(tracked("192.0.2.1", 1, 1), "extended", "we called it again");
	is_int(white_until("192.0.2.1"), T0 + 2 * DAY + white, "extended too");
	clock_fake(T0, 2000000);
	is_str(tracked("192.0.2.1", 0, 1), "extended", "the clock went back");
	is_int(white_until("192.0.2.1"), T0 + 2 * DAY + white,
	    "nothing is lost of it");
	/* Nothing ends while the clock is out of range. */
	clock_fake(T0 + 2 * DAY, 2000000);
	edit(for_ever, "192.0.2.9");
	is_str(tracked("192.0.2.9", 0, 1), "extended", "one that is for ever");
	is_int(white_until("192.0.2.9"), HOST_FOREVER, "stays so");
	edit(trap, "192.0.2.1");
	is_str(tracked("192.0.2.1", 1, 1), "trapped", "trapped over WHITE");
	edit(trap, "192.0.2.2");
	is_str(tracked("192.0.2.2", 1, 1), "trapped", "trapped");
	clock_fake_advance(conf->grey.trapped + 1);
	is_str(tracked("192.0.2.2", 1, 1), "white", "until that is over");
	edit(policy_demote, "192.0.2.2");
	is_str(tracked("192.0.2.2", 1, 1), "demoted", "demoted");
	is_int(white_until("192.0.2.2"), 0, "it stays unknown");
	clock_fake_advance(conf->grey.grey);
	is_str(tracked("192.0.2.2", 1, 1), "white", "until that is long ago");
	is_str(tracked("2001:db8::1", 1, 1), "white", "IPv6");
	is_str(tracked("2001:db8::2", 0, 1), "extended", "is its /64");
	policy_free(p);
	db_close(db);
	config_free(conf);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	if ((hosts = track_hosts_new()) == NULL)
		abort();
	test_rules();
	test_often();
	test_bounded();
	track_hosts_free(hosts);
	track_rules_free(&rules);
	test_policy();
	return (done());
}
