/*
 * Which sync datagrams store takes: real ones over loopback, from a peer, from
 * strangers, and from ourselves.
 */
/* LINK: spamgreyd/store */
/* LIBS: -ldb -lcrypto */
#include <sys/stat.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "spamgreyd/store/sync.h"
#include "regress/lib/tap.h"

#define NOW	1700000000
#define PEER	77		/* its id */

static char		 dir[] = "/tmp/store_sync_test.XXXXXX";
static struct child	 child;
static struct store	 st;
static struct config	*conf;
static struct sync_key	 ours, other;
static int		 from;		/* the peer's socket */
static struct sockaddr_in to;
static uint64_t		 counter;

/* The rest of the role. */
void
store_check_up(struct store *s)
{
	(void)s;
}

void
store_peers_flush(struct store *s, const struct peer *except)
{
	(void)s;
	(void)except;
}

static void
on_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)h;
	(void)in_table;
	(void)arg;
}

static const struct policy_sink	sink = { .host = on_host };

static void
keep(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
}

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static const char	*want_name;
static int64_t		 want_value;

static void
stat_one(const char *name, int64_t value, void *arg)
{
	(void)arg;
	if (strcmp(name, want_name) == 0)
		want_value = value;
}

static int64_t
stat_of(const char *name)
{
	want_name = name;
	want_value = -1;
	store_sync_stats(stat_one, NULL, &st);
	return (want_value);
}

/* Sends it, and lets store read it. */
static void
datagram(const uint8_t *data, size_t len)
{
	if (sendto(from, data, len, 0, (struct sockaddr *)&to, sizeof(to)) !=
	    (ssize_t)len)
		abort();
	event_base_loop(child.base, EVLOOP_NONBLOCK);
}

/* A WHITE host as a peer tells it. */
static struct merge_state
white(const char *ip)
{
	struct merge_state	s;

	memset(&s, 0, sizeof(s));
	entry_init(&s.e, ENTRY_WHITE);
	if (addr_parse(ip, &s.e.addr) == -1)
		abort();
	s.e.last = NOW - 5;
	s.e.first = s.e.pass = NOW - 50;
	s.e.expire = NOW + 5000;
	return (s);
}

static void
tell(const struct merge_state *s, uint64_t id, int64_t when,
    const struct sync_key *key)
{
	struct sync3_out	o;
	struct sync3_hdr	h = { id, 5, ++counter, when };

	sync3_begin(&o);
	if (sync3_add(&o, s) != 1 || sync3_seal(&o, &h, key) == 0)
		abort();
	datagram(o.b, o.len);
}

/* The same in spamd's protocol. */
static void
tell2(const char *ip)
{
	struct sync2_item	it = { .type = SYNC2_WHITE, .when = NOW,
				    .expire = NOW + 5000, .from = "",
				    .to = "", .helo = "" };
	uint8_t			b[SYNC2_MAX];
	size_t			len;

	if (addr_parse(ip, &it.addr) == -1 ||
	    (len = sync2_build(b, (uint32_t)++counter, &it, &ours)) == 0)
		abort();
	datagram(b, len);
}

static int
is_white(const char *ip)
{
	struct host_state	s;
	struct addr		a;

	if (addr_parse(ip, &a) == -1 ||
	    policy_state(st.policy, &a, &s) != DB_OK)
		abort();
	return (s.h.white != 0);
}

static void
test_peer(void)
{
	struct merge_state	s = white("192.0.2.1");

	tell(&s, PEER, NOW, &ours);
	ok(is_white("192.0.2.1"), "what a peer tells is taken");
	is_int(stat_of("sync.taken"), 1, "and counted");
	counter--;
	tell(&s, PEER, NOW, &ours);
	is_int(stat_of("sync.refused.replay"), 1, "a replay is refused");
	tell(&s, PEER, NOW, &ours);
	is_int(stat_of("sync.known"), 1, "said again, it is known");
	is_int(stat_of("sync.taken"), 1, "and not new");
	tell(&s, PEER + 1, NOW, &ours);
	is_int(stat_of("sync.peers-heard"), 2, "another peer");
}

static void
test_refused(void)
{
	static const uint8_t	junk[] = "\003\000junk";
	struct merge_state	s = white("192.0.2.2");

	tell(&s, st.sync->id, NOW, &ours);
	is_int(stat_of("sync.refused.replay"), 2, "our own datagram");
	ok(!is_white("192.0.2.2"), "is not taken");
	tell(&s, PEER, NOW, &other);
	is_int(stat_of("sync.refused.key"), 1, "another key");
	tell(&s, PEER, NOW + SYNC3_SKEW + 1, &ours);
	is_int(stat_of("sync.refused.time"), 1, "a clock that is ahead");
	tell(&s, PEER, NOW - SYNC3_SKEW - 1, &ours);
	is_int(stat_of("sync.refused.time"), 2, "an old datagram");
	datagram(junk, sizeof(junk));
	datagram(junk, 0);
	is_int(stat_of("sync.refused.malformed"), 2, "junk, and nothing");
	s.e.last = NOW + MERGE_AHEAD + 1;
	tell(&s, PEER, NOW, &ours);
	is_int(stat_of("sync.refused.entry"), 1, "an entry of the future");
	tell2("192.0.2.2");
	is_int(stat_of("sync.refused.version"), 1,
	    "spamd's protocol from a stranger");
	ok(!is_white("192.0.2.2"), "nothing of that is taken");
	is_int(stat_of("sync.peers-heard"), 2,
	    "and no stranger takes a place among the peers");
}

static void
test_spamd(void)
{
	struct merge_state	 s = white("192.0.2.5");
	struct conf_sync_peer	*p = conf_sync_peer_add(conf->sync);

	if (p == NULL || addr_parse("127.0.0.2", &p->addr) == -1)
		abort();
	p->v2 = 1;
	tell2("192.0.2.3");
	is_int(stat_of("sync.refused.version"), 2,
	    "spamd's protocol is for the peer that is named");
	addr_parse("127.0.0.1", &p->addr);
	p->v2 = 0;
	tell2("192.0.2.3");
	is_int(stat_of("sync.refused.version"), 3, "and has `spamd'");
	p->v2 = 1;
	tell2("192.0.2.3");
	ok(is_white("192.0.2.3"), "that one is taken");
	p->v2 = 0;
	conf->sync->accept_v2 = 1;
	tell2("192.0.2.4");
	ok(is_white("192.0.2.4"), "accept spamd: from all that have the key");
	memset(&conf->sync->key, 0, sizeof(conf->sync->key));
	tell(&s, PEER, NOW, &ours);
	is_int(stat_of("sync.refused.version"), 4,
	    "version 3 without a key here");
	ok(!is_white("192.0.2.5"), "is not taken");
}

static int
udp(struct sockaddr_in *sin)
{
	socklen_t	len = sizeof(*sin);
	int		fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    bind(fd, (struct sockaddr *)sin, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)sin, &len) == -1)
		abort();
	return (fd);
}

int
main(void)
{
	struct db_opts		 opts = { .cache = 1024 * 1024 };
	struct conf_sync_sock	*k;
	struct sockaddr_in	 sin;

	log_init("store");
	log_set_sink(keep, NULL);
	clock_fake(NOW, 5000000);
	synckey_make((const uint8_t *)"secret\n", 7, &ours);
	synckey_make((const uint8_t *)"other\n", 6, &other);
	conf = config_new();
	if (mkdtemp(dir) == NULL || db_open(&st.db, dir, &opts) == -1 ||
	    (conf->sync = conf_sync_new()) == NULL ||
	    (k = conf_sync_sock_add(conf->sync, SYNC_LISTEN)) == NULL)
		return (1);
	k->fd = udp(&to);
	from = udp(&sin);
	conf->sync->key = ours;
	child.conf = conf;
	child.base = event_base_new();
	st.child = &child;
	st.policy = policy_new(st.db, &sink, NULL);
	if (policy_configure(st.policy, conf) != 0)
		return (1);
	store_sync_configure(&st);
	test_peer();
	test_refused();
	test_spamd();
	policy_free(st.policy);
	db_close(st.db);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
