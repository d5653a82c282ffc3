/*
 * Which hosts pass accepts, by its lists and the states of hosts.  A test over
 * sockets cannot show it, because all its clients are this machine.
 */
/* LINK: spamgreyd/pass spamgreyd/pass/mta spamgreyd/pass/message spamgreyd/pass/scan spamgreyd/runner spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls -lcares */
#include "spamgreyd/pass/accept.c"
#include "regress/lib/tap.h"

#define NOW	1700000000
#define REFUSED	(-1)

enum { WHITES, BLACKS, NLISTS };

const struct module *const	 modules[] = { NULL };
const char			 buildid[] = "test";
static struct config		*conf;
static struct pass_conf		 live;

void
child_fatal(struct child *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
	abort();
}

static struct addr
ip(const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

/* 192.0.2.0/28 is whitelisted, and from 192.0.2.8 on blacklisted. */
static void
make_lists(void)
{
	static const char *const	 nets[NLISTS] = { "192.0.2.0/28",
					    "192.0.2.8/29" };
	struct addrset_build		*b[NLISTS];
	struct prefix			 p;
	FILE				*f = tmpfile();
	int				 i;

	for (i = 0; i < NLISTS; i++) {
		b[i] = addrset_build_new();
		if (prefix_parse(nets[i], &p) == -1 ||
		    addrset_build_add(b[i], &p) == -1)
			abort();
	}
	if (prefix_parse("203.0.113.0/24", &p) == -1 ||
	    addrset_build_add(b[BLACKS], &p) == -1 ||
	    addrset_write(fileno(f), b, NLISTS) == -1 ||
	    (conf->set = addrset_map(fileno(f))) == NULL)
		abort();
	fclose(f);
	for (i = 0; i < NLISTS; i++)
		addrset_build_free(b[i]);
	live.white = 1 << WHITES;
	live.black = 1 << BLACKS;
}

static void
host(const char *text, int64_t white, int64_t trapped)
{
	struct host	h = { .white = white, .trapped = trapped };

	h.key = ip(text);
	if (hosts_set(pass.hosts, &h) == -1)
		abort();
}

static void
is_kind(const char *text, int want, const char *name)
{
	struct addr	a = ip(text);

	is_int(pass_host_kind(&a), want, name);
}

static void
is_trapped(const char *text, int want, const char *name)
{
	struct addr	a = ip(text);

	is_int(pass_host_trapped(&a), want, name);
}

int
main(void)
{
	clock_fake(NOW, 5000000);
	clock_judged(NOW);
	conf = config_new();
	live.conf = conf;
	pass.live = &live;
	if ((pass.hosts = hosts_new()) == NULL ||
	    hosts_begin(pass.hosts, &conf->grey.admit) == -1)
		return (1);
	hosts_end(pass.hosts);
	make_lists();

	is_kind("198.51.100.1", REFUSED, "an unknown host");
	host("198.51.100.1", NOW + 1, 0);
	is_kind("198.51.100.1", HANDOVER_WHITE, "a WHITE host");
	host("198.51.100.1", NOW, 0);
	is_kind("198.51.100.1", REFUSED, "one that was WHITE until now");
	host("198.51.100.1", NOW + 1, NOW + 1);
	is_kind("198.51.100.1", REFUSED, "a WHITE host that is trapped");
	is_trapped("198.51.100.1", 1, "is told so in its session");
	host("198.51.100.1", NOW + 1, NOW);
	is_kind("198.51.100.1", HANDOVER_WHITE, "its trap has ended");
	is_trapped("198.51.100.1", 0, "in its session too");
	host("203.0.113.1", NOW + 1, 0);
	is_kind("203.0.113.1", REFUSED, "a WHITE host that is blacklisted");
	is_kind("192.0.2.1", HANDOVER_WHITELISTED, "a whitelisted host");
	is_kind("192.0.2.9", HANDOVER_WHITELISTED,
	    "a host on a whitelist and a blacklist");
	host("192.0.2.1", 0, NOW + 1);
	is_kind("192.0.2.1", HANDOVER_WHITELISTED,
	    "a whitelisted host that is trapped");
	is_trapped("192.0.2.1", 0, "is not held up in its session");
	is_kind("127.0.0.1", HANDOVER_WHITE, "this machine");
	host("127.0.0.1", 0, NOW + 1);
	is_kind("127.0.0.1", HANDOVER_WHITE, "this machine, though trapped");
	is_trapped("127.0.0.1", 0, "this machine in its session");

	hosts_free(pass.hosts);
	config_free(conf);
	return (done());
}
