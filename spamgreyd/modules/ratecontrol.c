/*
 * Module ratecontrol: limits how many connections a host may make in a time, as
 * sendmail's feature of that name with `nodelay'.  It acts when a connection
 * comes, before the banner.  Connections that it refused count too, so a host
 * must pause before it is accepted again.  For hosts that are not known
 * (module_no_network) there also is a limit for the whole network, so that one
 * /48 does not count as 65,536 hosts.
 *
 * Memory is two tables of fixed size in which the busiest entries are kept
 * (lib/base/rate.h).
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/nettab.h"
#include "lib/base/rate.h"
#include "spamgreyd/runner/module.h"

/* Entries of the two tables. */
#define HOSTS		65536
#define NETWORKS	16384
/*
 * The limit of a network is this many times that of a host if no network-max is
 * given.
 */
#define NETWORK_TIMES	4
/* By default 300 connections in 60,000 milliseconds. */
#define MAX_DEFAULT	300
#define PER_DEFAULT	60000

/*
 * The settings; times are in milliseconds.  nets holds the limits given for
 * networks (`max N per T for NETWORK').
 */
struct ratecontrol {
	int64_t			 max, per;	/* max 0: no limit */
	int			 max_given;
	struct nettab		 nets;
	struct nettab_cut	 fold;
	int64_t			 net_max;	/* 0: no limit */
	int			 net_given;
	struct nettab_cut	 network;
	/* How long the 421 is held back. */
	int64_t			 hold;
	int			 tempfail;
};

/*
 * The key of a counter.  The time is part of it, because networks may have
 * times of their own.  The structure is cleared before use, because its padding
 * is hashed too.
 */
struct ratecontrol_key {
	struct addr	host;		/* or network */
	int64_t		per;
};

enum { COUNT_OVER, COUNT_OVER_NETWORK };
static const char *const counters[] = { "over", "over-network", NULL };

/* They belong to the process, so that a reload does not lose count. */
static struct rate	*hosts, *networks;

extern const struct module mod_ratecontrol;

static int
ratecontrol_open(void)
{
	if ((hosts = rate_new(HOSTS)) == NULL ||
	    (networks = rate_new(NETWORKS)) == NULL) {
		log_warn("module ratecontrol");
		return (-1);
	}
	return (0);
}

static void
ratecontrol_close(void)
{
	rate_free(hosts);
	rate_free(networks);
	hosts = networks = NULL;
}

static int
max_set(struct ratecontrol *c, const struct module_arg *a, size_t n,
    const char **error)
{
	if (a[1].n < 1000 || a[1].n > 86400000) {
		*error = "the time must be between 1s and 1d";
		return (-1);
	}
	if (n == 3)			/* max N per TIME for NETWORK */
		return (nettab_add(&c->nets, &a[2].prefix, a[0].n, a[1].n,
		    error));
	if (c->max_given) {
		*error = "given twice without a network";
		return (-1);
	}
	c->max = a[0].n;
	c->per = a[1].n;
	c->max_given = 1;
	return (0);
}

static int
ratecontrol_option(void *conf, const char *keyword,
    const struct module_arg *a, size_t n, int off, const char **error)
{
	struct ratecontrol	*c = conf;

	if (strcmp(keyword, "max") == 0)
		return (max_set(c, a, n, error));
	if (strcmp(keyword, "fold") == 0)
		return (nettab_cut(&c->fold, a[0].s, a[1].s, error));
	if (strcmp(keyword, "network") == 0)
		return (nettab_cut(&c->network, a[0].s, a[1].s, error));
	if (strcmp(keyword, "network-max") == 0) {
		c->net_max = a[0].n;
		c->net_given = 1;
		return (0);
	}
	if (strcmp(keyword, "hold") == 0)
		c->hold = off ? 0 : a[0].n;
	else
		c->tempfail = strcmp(a[0].s, "tempfail") == 0;
	return (0);
}

/*
 * Fills in the defaults: an IPv4 address or an IPv6 /64 is a host, a /24 or a
 * /48 is a network.
 */
static int
ratecontrol_check(void *conf, const char **error)
{
	struct ratecontrol	*c = conf;

	(void)error;
	nettab_cut_default(&c->fold, 32, 64);
	nettab_cut_default(&c->network, 24, 48);
	if (!c->max_given) {
		c->max = MAX_DEFAULT;
		c->per = PER_DEFAULT;
	}
	return (0);
}

static void
ratecontrol_clear(void *conf)
{
	nettab_free(&((struct ratecontrol *)conf)->nets);
}

/*
 * Counts the connection for its network and returns 1 if the network has made
 * too many.  A limit that the administrator gave for the hosts of a network
 * (own) also determines the limit of that network.
 */
static int
over_network(const struct ratecontrol *c, const struct msession *s,
    const struct nettab_entry *own)
{
	struct ratecontrol_key	key;
	int64_t			max;

	if (module_no_network(s))
		return (0);
	max = own != NULL ? own->n * NETWORK_TIMES : c->net_given ?
	    c->net_max : c->max * NETWORK_TIMES;
	if (max == 0)
		return (0);
	memset(&key, 0, sizeof(key));
	key.per = own != NULL ? own->ms : c->per;
	addr_cut(&s->client, &c->network.cut, &key.host);
	return (rate_add(networks, &key, sizeof(key), key.per, clock_mono(),
	    1) > max);
}

/*
 * Counts the connection for its host and its network; the network is counted
 * even if the host itself is over its limit.
 */
static struct verdict
ratecontrol_connect(struct msession *s, void *conf)
{
	const struct ratecontrol	*c = conf;
	const struct nettab_entry	*net;
	struct ratecontrol_key		 key;
	int64_t				 max;
	int				 over_net;

	memset(&key, 0, sizeof(key));
	net = nettab_find(&c->nets, &s->client);
	max = net == NULL ? c->max : net->n;
	key.per = net == NULL ? c->per : net->ms;
	addr_cut(&s->client, &c->fold.cut, &key.host);
	over_net = over_network(c, s, net);
	if (max != 0 && rate_add(hosts, &key, sizeof(key), key.per,
	    clock_mono(), 1) > max)
		module_count(&mod_ratecontrol, COUNT_OVER);
	else if (over_net)
		module_count(&mod_ratecontrol, COUNT_OVER_NETWORK);
	else
		return (verdict_next());
	if (c->tempfail)
		return (verdict_tempfail(452, "4.3.2",
		    "Connection rate limit exceeded."));
	/*
	 * The reply is held back, because some clients connect again as soon as
	 * they get it.
	 */
	return (verdict_close(c->hold, 421, "4.3.2",
	    "Connection rate limit exceeded."));
}

static const struct module_option options[] = {
	{ "max", "%r [ for %a ]", NULL, 0, 1000000, "300 per 60s", 1, 0,
	    "connections of a host in a time; 0: any number" },
	{ "fold", "%w %s", "ip4|ip6", 0, 0, "ip6 /64", 1, 0,
	    "how much of the address is a host" },
	{ "network-max", "%n", NULL, 0, 1000000, NULL, 0, 0,
	    "connections of a network in that time; 0: any number" },
	{ "network", "%w %s", "ip4|ip6", 0, 0, "ip6 /48", 1, 0,
	    "how much of the address is a network" },
	{ "hold", "%t", NULL, 0, 60000, "5s", 0, 1,
	    "the 421 is said after that time" },
	{ "reply", "%w", "terminate|tempfail", 0, 0, "terminate", 0, 0,
	    "421 and closed, or 452" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

const struct module mod_ratecontrol = {
	.name = "ratecontrol",
	.options = options,
	.conf_size = sizeof(struct ratecontrol),
	.on_error = ONERR_ACCEPT,
	.spares_roles = 1,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = ratecontrol_option,
	.check = ratecontrol_check,
	.conf_clear = ratecontrol_clear,
	.open = ratecontrol_open,
	.close = ratecontrol_close,
	.hook = { [STAGE_CONNECT] = ratecontrol_connect }
};
