/* LINK: spamgreyd/parent/conf */
/* LIBS: -lz */
/*
 * The configuration from parent to child: it arrives with its lists,
 * descriptors and keys, and prints the same text; messages that no parent sends
 * are refused.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/ipc/chan.h"
#include "lib/base/log.h"
#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/conf.h"
#include "lib/list/lists.h"
#include "spamgreyd/runner/module.h"
#include "regress/lib/tap.h"

#define PEM_BYTES	20000		/* more than one message */

static struct event_base	*base;
static struct config		*building, *got;
static int			 result;	/* of config_recv, the last */
static char			 dir[] = "/tmp/conf_ipc.XXXXXX";
static char			 reported[4096];

static void
report(const char *line, void *arg)
{
	size_t	n = strlen(reported);

	(void)arg;
	snprintf(reported + n, sizeof(reported) - n, "%s\n", line);
}

static void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static void
h_conf(struct chan *c, struct msg *m, void *arg)
{
	(void)c;
	(void)arg;
	if (result == -1)
		return;
	if ((result = config_recv(&building, m)) == 1) {
		got = building;
		building = NULL;
	}
}

static void
ended(struct chan *c, enum chan_end how, void *arg)
{
	(void)c;
	(void)how;
	(void)arg;
	event_base_loopbreak(base);
}

static const struct chan_rule rules[] = {
	{ MSG_CONF_BEGIN, 0, h_conf },
	{ MSG_CONF_GLOBAL, 0, h_conf },
	{ MSG_CONF_GREY, 0, h_conf },
	{ MSG_CONF_LIMIT, 0, h_conf },
	{ MSG_CONF_STRING, 0, h_conf },
	{ MSG_CONF_LIST, 0, h_conf },
	{ MSG_CONF_SET, CHAN_FD, h_conf },
	{ MSG_CONF_REACTION, 0, h_conf },
	{ MSG_CONF_LISTEN, CHAN_FD, h_conf },
	{ MSG_CONF_PEM, 0, h_conf },
	{ MSG_CONF_FW, 0, h_conf },
	{ MSG_CONF_PASS, 0, h_conf },
	{ MSG_CONF_RELAY, 0, h_conf },
	{ MSG_CONF_TARGET, 0, h_conf },
	{ MSG_CONF_MODULE, 0, h_conf },
	{ MSG_CONF_OPTION, 0, h_conf },
	{ MSG_CONF_LEARN, 0, h_conf },
	{ MSG_CONF_TRACK, 0, h_conf },
	{ MSG_CONF_SYNC, CHAN_FD, h_conf },
	{ MSG_CONF_COMMIT, 0, h_conf },
	{ 0, 0, NULL }
};
static const struct chan_rule no_rules[] = { { 0, 0, NULL } };

static struct chan *left, *right;

static void
connect_ends(void)
{
	int	fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		fatal("socketpair");
	left = chan_new(base, fds[0], "parent", no_rules, NULL, ended);
	right = chan_new(base, fds[1], "child", rules, NULL, ended);
	if (left == NULL || right == NULL)
		fatal("chan");
}

/* Everything that left has queued arrives; the channels are gone then. */
static struct config *
transfer(void)
{
	struct config	*c;

	while (chan_queued(left) > 0 && event_base_loop(base, EVLOOP_ONCE) == 0)
		continue;
	chan_free(left);
	event_base_dispatch(base);	/* until right sees the end */
	chan_free(right);
	c = got;
	got = NULL;
	config_free(building);
	building = NULL;
	return (c);
}

static struct config *
round_trip(const struct config *c, enum conf_send what)
{
	connect_ends();
	result = 0;
	if (config_send(left, c, what) == -1)
		fatal("config_send");
	return (transfer());
}

static char *
text(const struct config *c)
{
	struct buf	 b = { NULL, 0, 0, 0 };
	char		*s;

	if (c == NULL)
		return (strdup("no configuration"));
	if (config_text(c, &b) == -1 || buf_add(&b, "", 1) == -1)
		fatal("config_text");
	s = strdup((const char *)buf_ptr(&b));
	buf_free(&b);
	return (s);
}

static void
write_file(const char *name, const char *what, mode_t mode)
{
	char	path[256];
	FILE	*f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "w")) == NULL || fputs(what, f) == EOF ||
	    fclose(f) != 0 || chmod(path, mode) == -1)
		fatal("%s", path);
}

static void
remove_files(void)
{
	static const char *const names[] = { "black", "white", "cert", "key",
	    "resolv" };
	char			 path[256];
	size_t			 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Bytes that begin and end as PEM; nobody looks into them here. */
static void
write_pem(const char *name, const char *kind)
{
	static char	body[PEM_BYTES + 1], whole[PEM_BYTES + 128];
	size_t		i;

	for (i = 0; i < PEM_BYTES; i++)
		body[i] = i % 65 == 64 ? '\n' : (char)('A' + (i * 7 + i / 65) % 26);
	snprintf(whole, sizeof(whole), "-----BEGIN %s-----\n%s\n-----END %s-----\n",
	    kind, body, kind);
	write_file(name, whole, 0600);
}

static struct config *
parse(const char *fmt, ...)
{
	static char	 whole[65536];
	struct config	*c;
	va_list		 ap;

	va_start(ap, fmt);
	vsnprintf(whole, sizeof(whole), fmt, ap);
	va_end(ap);
	reported[0] = '\0';
	c = config_parse_text("test.conf", whole, strlen(whole), NULL, 0,
	    report, NULL);
	if (c != NULL && config_load(c, report, NULL) == -1) {
		config_free(c);
		c = NULL;
	}
	if (c == NULL)
		printf("# %s", reported);
	return (c);
}

static struct config *
full(void)
{
	write_file("black", "192.0.2.0/24\n2001:db8::/32\n", 0644);
	write_file("white", "192.0.2.7 # a friend\n198.51.100.0/24\n", 0644);
	write_pem("cert", "CERTIFICATE");
	write_pem("key", "PRIVATE KEY");
	return (parse(
	    "hostname mx.example.org  contact \"ask us\"\n"
	    "restart no strict  front 3  database cache 16M\n"
	    "allowed domains { example.org .example.org } trap after 4 in 5h\n"
	    "spamtrap { a@example.org b@example.org }\n"
	    "tls certificate \"%s/cert\" key \"%s/key\"\n"
	    "listen on 127.0.0.1 port 2525 low-priority-mx no tls\n"
	    "listen on ::1 port 2525 tls certificate \"%s/cert\" key \"%s/key\"\n"
	    "firewall nftables table inet t set ip4 a ip6 b\n"
	    "greylist { pass 1m grey 2h white 3d trapped 4h\n"
	    "match ip4 /31 ip6 /63 helo admit ip4 /30 ip6 /62\n"
	    "not to { c@example.org } reply \"450 4.2.0 wait %%s\" }\n"
	    "tarpit { stutter 20ms for 3s message \"gone %%A\" reply 550 }\n"
	    "limit { connections 1 per-host 2 per-network 3 tls 4 network ip4 /20 ip6 /40 tls-per-network 3\n"
	    "bad-commands 5 line 600 recipients 7 grey-per-network 8\n"
	    "grey-per-host 6 idle 10s idle-stress 9s\n"
	    "session grey 11s trapped 12s message-size 13M }\n"
	    "blacklist b file \"%s/black\" message \"no %%A\" reply 550 except w\n"
	    "blacklist b2 file \"%s/black\"\n"
	    "whitelist w file \"%s/white\" no scan\n"
	    "on early-talker trap for 1h after 2 in 3h on bare-lf demote\n"
	    "on http-command log on pipelining trap\n"
	    "log spamd\n"
	    "track nflog 5 interface em0 mta { 192.0.2.25 2001:db8::/64 } "
	    "outbound no\n"
	    "learn { trusted { 192.0.2.0/24 w } except b decay 5d "
	    "trap after 7 of bad 90%% for 1h extend after 3 of good 60%% }\n",
	    dir, dir, dir, dir, dir, dir, dir));
}

static uint64_t
lists_of(const struct config *c, const char *address)
{
	struct addr	a;

	if (addr_parse(address, &a) == -1)
		fatalx("%s", address);
	return (addrset_lookup(c->set, &a));
}

static void
test_lists(const struct config *c)
{
	ok(c->set != NULL, "the compiled lists are mapped");
	is_int(lists_of(c, "192.0.2.1"), 3, "on both blacklists");
	is_int(lists_of(c, "192.0.2.7"), 6,
	    "excepted from the one, and on the whitelist");
	is_int(lists_of(c, "2001:db8::1"), 3, "IPv6 too");
	is_int(lists_of(c, "198.51.100.1"), 4, "on the whitelist only");
	is_int(lists_of(c, "203.0.113.1"), 0, "on none");
	is_int(config_mask(c, LIST_BLACK), 3, "the blacklists' mask");
	is_int(config_mask(c, LIST_WHITE), 4, "the whitelist's mask");
	is_int(config_mask_no_scan(c), 4, "no scan");
	is_str(config_list(c, 2)->name, "w", "a list by its index");
	is_int(config_list(c, 0)->count, 3,
	    "one excepted address makes two ranges of one");
	is_int(write(c->set_fd, "x", 1), -1,
	    "the lists cannot be written through what the children get");
	is_int(errno, EBADF, "because the descriptor is for reading");
}

static struct config	*lists_into;

static void
h_lists(struct chan *c, struct msg *m, void *arg)
{
	(void)c;
	(void)arg;
	if ((result = config_recv_lists(lists_into, m)) == -1)
		event_base_loopbreak(base);
}

static const struct chan_rule list_rules[] = {
	{ MSG_CONF_LIST, 0, h_lists },
	{ MSG_CONF_SET, CHAN_FD, h_lists },
	{ MSG_CONF_LISTS, 0, h_lists },
	{ 0, 0, NULL }
};

/* The lists of `from' into a configuration that is in force. */
static int
update(const struct config *from, struct config *to)
{
	int	fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		fatal("socketpair");
	left = chan_new(base, fds[0], "parent", no_rules, NULL, ended);
	right = chan_new(base, fds[1], "child", list_rules, NULL, ended);
	lists_into = to;
	result = -1;
	if (config_send_lists(left, from) == -1)
		fatal("config_send_lists");
	(void)transfer();
	return (result);
}

/* Only the lists are loaded anew: places and names stay, the rest is new. */
static void
test_update(struct config *c)
{
	struct config		*copy = round_trip(c, SEND_PLAIN);
	struct conf_list	*black, *more;
	const struct conf_list	*l;
	char			 hostname[256];

	if (copy == NULL)
		return;
	strlcpy(hostname, copy->hostname, sizeof(hostname));
	black = TAILQ_FIRST(&c->lists);
	free(black->message);
	black->message = strdup("another");
	black->count = 77;
	black->loaded = 1700000000;
	black->failed = 1700000001;
	more = lists_setup_add(c, "brought", "by spamd-setup");
	is_int(update(c, copy), 1, "lists alone arrive");
	l = config_list(copy, 0);
	is_str(l->message, "another", "a list's message");
	is_int(l->count, 77, "its count");
	is_int(l->loaded, 1700000000, "its time");
	is_int(l->failed, 1700000001, "its failure");
	l = config_list(copy, more->index);
	ok(l != NULL && strcmp(l->name, "brought") == 0 &&
	    l->source == SRC_SETUP, "a new one behind the others");
	is_int(lists_of(copy, "192.0.2.1"), 3, "the image is there");
	is_str(copy->hostname, hostname, "and nothing else changed");
	is_int(update(c, copy), 1, "once more");
	is_int(config_mask(copy, LIST_BLACK), 11, "makes none double");
	TAILQ_REMOVE(&c->lists, more, entry);
	conf_list_free(more);
	config_free(copy);
}

static void
test_full(const struct config *c)
{
	struct config		*copy;
	const struct conf_listen *l, *o;
	struct stat		 a, b;
	char			*want = text(c), *have;

	copy = round_trip(c, SEND_FRONT);
	have = text(copy);
	is_str(have, want, "what arrives prints the same");
	free(have);
	if (copy == NULL) {
		free(want);
		return;
	}
	test_lists(copy);
	is_int(copy->tls->cert_len, c->tls->cert_len, "a long certificate");
	ok(memcmp(copy->tls->cert, c->tls->cert, c->tls->cert_len) == 0,
	    "whole");
	ok(copy->tls->key_len == c->tls->key_len &&
	    memcmp(copy->tls->key, c->tls->key, c->tls->key_len) == 0,
	    "and its key");
	l = TAILQ_FIRST(&copy->listens);
	o = TAILQ_FIRST(&c->listens);
	is_int(l->id, o->id, "the listener's id");
	ok(l->fd != -1 && l->fd != o->fd, "a descriptor of its own");
	ok(fstat(l->fd, &a) == 0 && fstat(o->fd, &b) == 0 &&
	    a.st_ino == b.st_ino, "of the same socket");
	l = TAILQ_NEXT(l, entry);
	is_int(l->fd, -1, "none where there is none");
	ok(l->tls != NULL && l->tls->key_len == c->tls->key_len,
	    "a listener's own key");
	config_free(copy);

	copy = round_trip(c, SEND_PLAIN);
	have = text(copy);
	is_str(have, want, "without secrets it prints the same");
	ok(copy != NULL && copy->tls != NULL && copy->tls->key == NULL &&
	    copy->tls->cert == NULL, "but has no key");
	ok(copy != NULL && TAILQ_FIRST(&copy->listens)->fd == -1,
	    "and no listener's descriptor");
	config_free(copy);
	free(have);
	free(want);
}

/* So many strings that they need several messages. */
static void
test_many(void)
{
	static char	 list[60000];
	struct config	*c, *copy;
	char		*want, *have;
	size_t		 n = 0;
	int		 i;

	for (i = 0; i < 2000; i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n,
		    "user%d@example.org ", i);
	c = parse("hostname h.example\nspamtrap { %s}\n", list);
	if (c == NULL) {
		ok(0, "many strings parse");
		return;
	}
	copy = round_trip(c, SEND_PLAIN);
	want = text(c);
	have = text(copy);
	ok(strlen(want) > 2 * IPC_MAX, "two thousand strings");
	is_str(have, want, "all arrive, in their order");
	ok(copy != NULL && copy->set == NULL && copy->set_fd == -1,
	    "no lists, no descriptor");
	free(want);
	free(have);
	config_free(c);
	config_free(copy);
}

/* The block sync goes to store alone, with what was made of the key. */
static void
test_sync(void)
{
	struct conf_sync_sock	*k;
	struct config		*c, *copy;
	char			*want, *have;

	c = parse("hostname h.example\nsync { listen on 127.0.0.1 "
	    "key \"%s/black\" peer 127.0.0.2 peer 127.0.0.3 port 9 spamd "
	    "multicast \"lo\" ttl 3 spamd accept spamd }\n", dir);
	if (c == NULL) {
		ok(0, "sync parses");
		return;
	}
	memset(c->sync->key.v2, 'x', sizeof(c->sync->key.v2));
	c->sync->key.v2_len = sizeof(c->sync->key.v2);
	memset(c->sync->key.v3, 7, sizeof(c->sync->key.v3));
	c->sync->key.has = 1;
	k = TAILQ_FIRST(&c->sync->socks);
	if ((k->fd = open("/dev/null", O_RDWR)) == -1)
		fatal("/dev/null");
	want = text(c);
	copy = round_trip(c, SEND_STORE);
	have = text(copy);
	is_str(have, want, "sync prints the same at store");
	ok(strstr(want, "multicast \"lo\" port 8025 ttl 3 spamd") != NULL,
	    "and says what was in the file");
	ok(copy != NULL && copy->sync != NULL && memcmp(&copy->sync->key,
	    &c->sync->key, sizeof(c->sync->key)) == 0, "its key");
	ok(copy != NULL && copy->sync != NULL &&
	    TAILQ_FIRST(&copy->sync->socks)->fd != -1 &&
	    TAILQ_FIRST(&copy->sync->socks)->fd != k->fd, "its socket");
	config_free(copy);
	free(have);
	copy = round_trip(c, SEND_FRONT);
	ok(copy != NULL && copy->sync == NULL, "front has nothing of it");
	config_free(copy);
	copy = round_trip(c, SEND_PASS);
	ok(copy != NULL && copy->sync == NULL, "nor has pass");
	config_free(copy);
	copy = round_trip(c, SEND_PLAIN);
	ok(copy != NULL && copy->sync == NULL, "nor has fw");
	config_free(copy);
	config_free(c);
	free(want);
}

/* One message with that body after BEGIN; what config_recv made of it. */
static int
bad(uint16_t type, const void *body, size_t len, int begin)
{
	struct config	*c;

	connect_ends();
	result = 0;
	if (begin)
		chan_send_empty(left, MSG_CONF_BEGIN, 0);
	ipc_begin(chan_ipc(left), type, 0);
	ipc_put(chan_ipc(left), body, len);
	chan_send(left, -1);
	c = transfer();
	config_free(c);
	return (result);
}

static void
test_bad(void)
{
	static const uint16_t	 types[] = {
		MSG_CONF_GLOBAL, MSG_CONF_GREY, MSG_CONF_LIMIT,
		MSG_CONF_STRING, MSG_CONF_LIST, MSG_CONF_SET,
		MSG_CONF_REACTION, MSG_CONF_LISTEN, MSG_CONF_PEM, MSG_CONF_FW,
		MSG_CONF_PASS, MSG_CONF_RELAY, MSG_CONF_TARGET,
		MSG_CONF_MODULE, MSG_CONF_OPTION, MSG_CONF_SYNC
	};
	uint8_t			 zero[64], ones[64];
	char			 name[64];
	size_t			 i;

	memset(zero, 0, sizeof(zero));
	memset(ones, 0xff, sizeof(ones));
	is_int(bad(MSG_CONF_COMMIT, "", 0, 0), -1, "COMMIT without BEGIN");
	is_int(bad(MSG_CONF_COMMIT, "x", 1, 1), -1, "COMMIT with a body");
	is_int(bad(MSG_CONF_BEGIN, "x", 1, 0), -1, "BEGIN with a body");
	is_int(bad(MSG_CONF_COMMIT, "", 0, 1), 1, "BEGIN and COMMIT");
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(name, sizeof(name), "type %u, all ones", types[i]);
		is_int(bad(types[i], ones, sizeof(ones), 1), -1, name);
		snprintf(name, sizeof(name), "type %u, cut short", types[i]);
		is_int(bad(types[i], zero, 1, 1),
		    types[i] == MSG_CONF_STRING ? 0 : -1, name);
		snprintf(name, sizeof(name), "type %u before BEGIN", types[i]);
		is_int(bad(types[i], zero, 1, 0), -1, name);
	}
}

/* A module's option with more words than one message takes. */
static void
module_long(struct conf_pass *p)
{
	struct conf_module	*m = conf_module_new("dnsbl");
	struct conf_option	*o;
	char			 word[32];
	int			 i;

	m->log_only = 1;
	m->on_error = ONERR_MARK;
	m->strategy[CLASS_SPAM] = STRATEGY_TEMPFAIL;
	TAILQ_INSERT_TAIL(&p->modules, m, entry);
	if ((o = conf_option_new(m, "x:7", "zone")) == NULL)
		fatal("option");
	for (i = 0; i < 3000; i++) {
		snprintf(word, sizeof(word), "word%d", i);
		if (conf_option_add(o, word, i % 2) == -1)
			fatal("option");
	}
	if (conf_option_new(m, NULL, "flag") == NULL)
		fatal("option");
}

static void
test_module(const struct conf_pass *p)
{
	const struct conf_module	*m = TAILQ_FIRST(&p->modules);
	const struct conf_option	*o = TAILQ_FIRST(&m->options);
	char				 word[32];
	size_t				 i, same = 0;

	is_str(m->name, "dnsbl", "a module");
	is_int(m->log_only, 1, "which only logs");
	is_int(m->on_error, ONERR_MARK, "and what its errors mean");
	is_int(m->strategy[CLASS_SPAM], STRATEGY_TEMPFAIL, "its strategy");
	is_int(m->strategy[CLASS_VIRUS], -1, "or the pass block's");
	is_str(o->keyword, "zone", "its option");
	is_str(o->where, "x:7", "with its place");
	for (i = 0; i < o->nwords; i++) {
		snprintf(word, sizeof(word), "word%zu", i);
		same += strcmp(o->words[i].text, word) == 0 &&
		    o->words[i].quoted == i % 2;
	}
	is_int(same, 3000, "three thousand words, quoted or not");
	o = TAILQ_NEXT(o, entry);
	is_str(o->keyword, "flag", "the next option");
	ok(o->nwords == 0 && o->where == NULL, "has no words");
	ok(TAILQ_NEXT(o, entry) == NULL, "and is the last");
}

static void
ask(const struct config *c, const char *path, int want)
{
	char	name[128];

	snprintf(name, sizeof(name), "%s is %sknown", path,
	    want ? "" : "not ");
	is_int(conf_recipient_known(c, path), want, name);
}

static void
test_recipients(const struct config *c)
{
	ask(c, "a@example.org", 1);
	ask(c, "z@example.org", 1);
	ask(c, "b@example.org", 0);
	ask(c, "a@example.net", 0);
	ask(c, "any@example.com", 1);
	ask(c, "any@sub.example.com", 0);
	ask(c, "postmaster", 1);
	ask(c, "postmaster@example.org", 1);
	ask(c, "abuse@example.net", 1);
	ask(c, "a", 0);
	ask(c, "", 0);
}

static void
test_resolvers(void)
{
	struct config		*c = config_new(), *copy;
	struct conf_string	*s;
	char			 path[256];

	snprintf(path, sizeof(path), "%s/resolv", dir);
	write_file("resolv", "# a comment\nsearch example.org\n"
	    "nameserver\t192.0.2.53 # one\nnameserver 2001:db8::53\n"
	    "nameservers 192.0.2.54\nnameserver fe80::1%eth0\n", 0644);
	is_int(conf_resolvers_system(c, path), 0, "the system's resolvers");
	copy = round_trip(c, SEND_PASS);
	ok(copy != NULL && (s = TAILQ_FIRST(&copy->resolvers)) != NULL,
	    "arrive");
	if (copy == NULL || s == NULL)
		return;
	is_str(s->text, "192.0.2.53:53", "the first");
	s = TAILQ_NEXT(s, entry);
	is_str(s != NULL ? s->text : "none", "[2001:db8::53]:53",
	    "the second");
	ok(s != NULL && TAILQ_NEXT(s, entry) == NULL, "and no others");
	is_int(conf_resolvers_system(copy, "/nonexistent"), 0,
	    "what the file names");
	is_str(TAILQ_FIRST(&copy->resolvers)->text, "192.0.2.53:53", "stays");
	config_free(copy);
	config_free(c);
	c = config_new();
	(void)conf_resolvers_system(c, "/nonexistent");
	is_str(TAILQ_FIRST(&c->resolvers)->text, "127.0.0.1:53",
	    "without resolv.conf it is this machine");
	config_free(c);
}

/* The pass block, made by hand: its parts and their ends. */
static void
test_pass(void)
{
	static const char *const rcpts[] =
	    { "@example.com", "a@example.org", "z@example.org" };
	struct config		*c = config_new(), *copy;
	struct conf_pass	*p = c->pass = conf_pass_new();
	struct conf_relay	*r = conf_relay_new();
	struct conf_target	*t;
	struct conf_string	*s;
	static uint8_t		 ca[PEM_BYTES];
	size_t			 i;

	TAILQ_INSERT_TAIL(&p->relays, r, entry);
	for (i = 0; i < 2; i++) {
		t = calloc(1, sizeof(*t));
		addr_parse(i == 0 ? "192.0.2.1" : "2001:db8::1", &t->addr);
		t->port = (uint16_t)(25 + i);
		TAILQ_INSERT_TAIL(&r->targets, t, entry);
	}
	memset(ca, 'c', sizeof(ca));
	if ((r->ca = malloc(sizeof(ca))) == NULL)
		fatal("malloc");
	memcpy(r->ca, ca, r->ca_len = sizeof(ca));
	r->client = CLIENT_PROXY2;
	r->tls = RELAY_TLS_VERIFY;
	r->tls_name = strdup("mta.example.org");
	p->has_recipients = 1;
	for (i = 0; i < 3; i++) {
		s = calloc(1, sizeof(*s));
		s->text = strdup(rcpts[i]);
		TAILQ_INSERT_TAIL(&p->recipients, s, entry);
	}
	p->reject_at = 12345;
	p->mark_at = 0;
	p->strategy[CLASS_VIRUS] = STRATEGY_MARK;
	p->subject_tag = strdup("[SPAM] ");
	p->timeout[PT_DOT] = 99;
	p->per_host = 60;
	p->per_network = 61;
	p->spool_files = 62 << 20;
	module_long(p);
	c->reaction[EVENT_SPAM].bad = 50;
	copy = round_trip(c, SEND_PASS);
	ok(copy != NULL && copy->pass != NULL, "a pass block arrives");
	if (copy == NULL || (p = copy->pass) == NULL)
		return;
	is_int(p->reject_at, 12345, "points");
	is_int(p->mark_at, 0, "or none");
	is_int(p->strategy[CLASS_VIRUS], STRATEGY_MARK, "strategies");
	is_int(p->strategy[CLASS_UNWANTED], STRATEGY_MARK, "and their defaults");
	is_str(p->subject_tag, "[SPAM] ", "the tag of a subject");
	is_int(p->timeout[PT_DOT], 99, "its timeouts");
	is_int(p->per_host, 60, "sessions of a host");
	is_int(p->per_network, 61, "and of a network");
	is_int((int64_t)p->spool_files, 62 << 20, "room for files");
	is_int(copy->reaction[EVENT_SPAM].bad, 50, "of bad 50%");
	is_int(copy->handover, 1, "hand-over by default");
	r = TAILQ_FIRST(&p->relays);
	is_int(r->client, CLIENT_PROXY2, "how the MTA learns the client");
	is_str(r->tls_name, "mta.example.org", "the name to verify");
	ok(r->ca_len == sizeof(ca) && memcmp(r->ca, ca, sizeof(ca)) == 0,
	    "the CAs");
	t = TAILQ_LAST(&r->targets, conf_targets);
	is_int(t->port, 26, "the second target");
	ok(!addr_is4(&t->addr), "by IPv6");
	test_module(p);
	test_recipients(copy);
	config_free(copy);
	copy = round_trip(c, SEND_FRONT);
	ok(copy != NULL && copy->pass != NULL &&
	    TAILQ_EMPTY(&copy->pass->recipients), "front has no recipients");
	ok(copy != NULL && TAILQ_FIRST(&copy->pass->relays)->ca == NULL,
	    "and no CAs");
	config_free(copy);
	config_free(c);
}

/* One from a file, as the parent sends it: it prints the same. */
static void
test_pass_text(void)
{
	struct config	*c, *copy;
	char		*want, *have;

	write_pem("cert", "CERTIFICATE");
	c = parse("hostname h.example  allowed domains { a.example b.example }\n"
	    "firewall none handover no resolver { 127.0.0.1 port 5353 ::1 }\n"
	    "on spam demote after 3 in 1h of bad 40%%\n"
	    "pass { listen on ::1 port 9 no tls\n"
	    "relay to { 192.0.2.1 2001:db8::1 port 26 } xclient starttls try\n"
	    "relay domain { a.example .b.example } to 192.0.2.2 "
	    "transparent starttls verify n.example ca \"%s/cert\"\n"
	    "relay domain c.example to 192.0.2.3 proxy-protocol v1\n"
	    "relay check no relay connect early reject at 7.5 mark at no\n"
	    "recipients { A@a.example @b.example } limit sessions 44\n"
	    "limit received 45 reply rules yes\n"
	    "tries 3 spool memory 9M message 8K bare-newline reject\n"
	    "session 10m scan 11s client-name 9s timeout connect 1s banner 2s ehlo 3s "
	    "mail 4s rcpt 5s data 6s block 7s dot 8s }\n", dir);
	ok(c != NULL, "a pass block parses");
	if (c == NULL)
		return;
	copy = round_trip(c, SEND_PASS);
	want = text(c);
	have = text(copy);
	is_str(have, want, "what arrives at pass prints the same");
	ok(copy != NULL && TAILQ_FIRST(&copy->listens)->pass,
	    "its listener is pass'");
	ok(copy != NULL && !TAILQ_LAST(&copy->listens, conf_listens)->pass,
	    "the default ones are front's");
	ask(copy, "a@a.example", 1);
	ask(copy, "b@a.example", 0);
	free(want);
	free(have);
	config_free(c);
	config_free(copy);
}

/* Parts of a pass block that has not begun, or of what is not there. */
static void
test_pass_order(void)
{
	static const uint8_t	kinds[] = { 4, 5, 6 };
	static const char	pem[] = "\2\1\0x";
	char			name[64];
	size_t			i;

	for (i = 0; i < sizeof(kinds); i++) {
		snprintf(name, sizeof(name), "strings of kind %u without a "
		    "pass block", kinds[i]);
		is_int(bad(MSG_CONF_STRING, &kinds[i], 1, 1), -1, name);
	}
	is_int(bad(MSG_CONF_PEM, pem, sizeof(pem) - 1, 1), -1,
	    "CAs without a relay");
}

static void
test_descriptors(void)
{
	struct config		*c = config_new();
	struct conf_module	*m;
	struct conf_option	*o;

	reported[0] = '\0';
	config_check_descriptors(c, 20000, report, NULL);
	is_int(c->limit.connections, 20000 - CONF_FD_RESERVE,
	    "auto is the limit of open files less the reserve");
	is_str(reported, "", "silently");
	c->file = strdup("test.conf");
	c->limit.connections = 19000;
	config_check_descriptors(c, 20000, report, NULL);
	is_int(c->limit.connections, 19000, "what fits stays");
	is_str(reported, "", "silently");
	config_check_descriptors(c, 1024, report, NULL);
	is_int(c->limit.connections, 1024 - CONF_FD_RESERVE,
	    "what does not is lowered");
	is_str(reported, "test.conf: warning: limit connections 19000 lowered "
	    "to 768: the limit of open files is 1024, and 256 are for other "
	    "things; raise it to 19256 for that many\n",
	    "with a warning that names both");
	c->limit.connections = 0;
	config_check_descriptors(c, 10, report, NULL);
	is_int(c->limit.connections, 1, "never to none");
	reported[0] = '\0';
	c->limit.connections = 0;
	c->pass = conf_pass_new();
	config_check_descriptors(c, 1024, report, NULL);
	is_int(c->pass->sessions, 256, "a session takes three descriptors");
	is_str(reported, "", "silently");
	c->pass->sessions = 500;
	config_check_descriptors(c, 1024, report, NULL);
	is_int(c->pass->sessions, 256, "and their limit is lowered too");
	is_str(reported, "test.conf: warning: limit sessions 500 lowered to "
	    "256: the limit of open files is 1024, and 256 are for other "
	    "things; raise it to 1756 for that many\n", "with a warning");
	reported[0] = '\0';
	m = conf_module_new("clamav");
	TAILQ_INSERT_TAIL(&c->pass->modules, m, entry);
	if ((o = calloc(1, sizeof(*o))) == NULL)
		fatal("calloc");
	o->keyword = strdup("socket");
	TAILQ_INSERT_TAIL(&m->options, o, entry);
	c->pass->sessions = 0;
	config_check_descriptors(c, 1024, report, NULL);
	is_int(c->pass->sessions, 768 / 5, "a scanner takes two more of each");
	is_str(reported, "", "an automatic number is no warning");
	config_free(c);
}

int
main(void)
{
	struct config		*c;
	struct conf_listen	*l;

	log_init("test");
	log_set_sink(quiet, NULL);
	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	base = event_base_new();
	c = full();
	ok(c != NULL, "a full configuration");
	if (c != NULL) {
		l = TAILQ_FIRST(&c->listens);
		l->id = 77;
		l->fd = open("/dev/null", O_RDONLY);
		test_full(c);
		test_update(c);
	}
	config_free(c);
	test_many();
	test_sync();
	test_bad();
	test_pass();
	test_pass_text();
	test_pass_order();
	test_resolvers();
	test_descriptors();
	event_base_free(base);
	remove_files();
	return (done());
}
