/*
 * Module conncontrol: limits how many connections a host may have open at once,
 * as sendmail's feature of that name with `nodelay'.  It acts when a connection
 * comes, before the banner.  Connections that it refused are counted too until
 * they are closed.  For hosts that are not known (module_no_network) there also
 * is a limit for the whole network, so that one /48 does not count as 65,536
 * hosts.
 *
 * Memory is one counter for each host and network that has a connection open,
 * so it is bounded by the number of connections.
 */
#include <string.h>

#include "lib/base/limit.h"
#include "lib/base/log.h"
#include "lib/base/nettab.h"
#include "spamgreyd/runner/module.h"

#define MAX_DEFAULT	50
/*
 * The limit of a network is this many times that of a host if no network-max is
 * given.
 */
#define NETWORK_TIMES	4

/*
 * The settings. nets holds the limits given for networks (`max N for NETWORK').
 * fold says how many bits of an address are a host, network how many are a
 * network.
 */
struct conncontrol {
	int64_t			 max;		/* 0: no limit */
	int			 max_given;
	struct nettab		 nets;
	struct nettab_cut	 fold;
	int64_t			 net_max;	/* 0: no limit */
	int			 net_given;
	struct nettab_cut	 network;
	int			 tempfail;
};

/* What this connection was counted as: CLOSE takes back exactly that. */
struct conncontrol_data {
	struct addr	host, net;
	uint8_t		counted, net_counted;
};

enum { COUNT_OVER, COUNT_OVER_NETWORK };
static const char *const counters[] = { "over", "over-network", NULL };

/*
 * Open connections by host and by network.  They belong to the process, not to
 * a configuration, so that a reload does not lose count.
 */
static struct limit	*hosts, *networks;

extern const struct module mod_conncontrol;

static int
conncontrol_open(void)
{
	if ((hosts = limit_new()) == NULL || (networks = limit_new()) == NULL) {
		log_warn("module conncontrol");
		return (-1);
	}
	return (0);
}

static void
conncontrol_close(void)
{
	limit_free(hosts);
	limit_free(networks);
	hosts = networks = NULL;
}

static int
conncontrol_option(void *conf, const char *keyword,
    const struct module_arg *a, size_t n, int off, const char **error)
{
	struct conncontrol	*c = conf;

	(void)off;
	if (strcmp(keyword, "fold") == 0)
		return (nettab_cut(&c->fold, a[0].s, a[1].s, error));
	if (strcmp(keyword, "network") == 0)
		return (nettab_cut(&c->network, a[0].s, a[1].s, error));
	if (strcmp(keyword, "network-max") == 0) {
		c->net_max = a[0].n;
		c->net_given = 1;
		return (0);
	}
	if (strcmp(keyword, "reply") == 0) {
		c->tempfail = strcmp(a[0].s, "tempfail") == 0;
		return (0);
	}
	if (n == 2)			/* max N for NETWORK */
		return (nettab_add(&c->nets, &a[1].prefix, a[0].n, 0, error));
	if (c->max_given) {
		*error = "given twice without a network";
		return (-1);
	}
	c->max = a[0].n;
	c->max_given = 1;
	return (0);
}

/*
 * Fills in the defaults: an IPv4 address or an IPv6 /64 is a host, a /24 or a
 * /48 is a network.
 */
static int
conncontrol_check(void *conf, const char **error)
{
	struct conncontrol	*c = conf;

	(void)error;
	nettab_cut_default(&c->fold, 32, 64);
	nettab_cut_default(&c->network, 24, 48);
	if (!c->max_given)
		c->max = MAX_DEFAULT;
	return (0);
}

static void
conncontrol_clear(void *conf)
{
	nettab_free(&((struct conncontrol *)conf)->nets);
}

/*
 * Returns the limit of the client's network, 0 for none.  A limit that the
 * administrator gave for the hosts of a network (own) also determines the limit
 * of that network.
 */
static int64_t
network_max(const struct conncontrol *c, const struct nettab_entry *own)
{
	if (own != NULL)
		return (own->n * NETWORK_TIMES);
	return (c->net_given ? c->net_max : c->max * NETWORK_TIMES);
}

/*
 * Counts the connection for its network and returns 1 if the network has too
 * many.  The network of a known host is neither counted nor limited.
 */
static int
over_network(const struct conncontrol *c, struct msession *s,
    const struct nettab_entry *own)
{
	struct conncontrol_data	*d = module_data(s, &mod_conncontrol);
	int64_t			 max = network_max(c, own);

	if (module_no_network(s))
		return (0);
	addr_cut(&s->client, &c->network.cut, &d->net);
	d->net_counted = limit_inc(networks, &d->net) != 0;
	return (max != 0 && limit_get(networks, &d->net) > max);
}

static struct verdict
conncontrol_connect(struct msession *s, void *conf)
{
	const struct conncontrol	*c = conf;
	struct conncontrol_data		*d;
	const struct nettab_entry	*net;
	int64_t				 max;
	int				 over_net;

	d = module_data(s, &mod_conncontrol);
	net = nettab_find(&c->nets, &s->client);
	max = net == NULL ? c->max : net->n;
	addr_cut(&s->client, &c->fold.cut, &d->host);
	/*
	 * Every connection is counted, because a reload may set a limit later.
	 */
	d->counted = limit_inc(hosts, &d->host) != 0;
	over_net = over_network(c, s, net);
	if (max != 0 && limit_get(hosts, &d->host) > max)
		module_count(&mod_conncontrol, COUNT_OVER);
	else if (over_net)
		module_count(&mod_conncontrol, COUNT_OVER_NETWORK);
	else
		return (verdict_next());
	if (c->tempfail)
		return (verdict_tempfail(452, "4.3.2",
		    "Too many open connections."));
	return (verdict_close(0, 421, "4.3.2", "Too many open connections."));
}

/*
 * The connection is closed.  A count that could not be made (no memory) is not
 * taken back either.
 */
static struct verdict
conncontrol_gone(struct msession *s, void *conf)
{
	struct conncontrol_data	*d = module_data(s, &mod_conncontrol);

	(void)conf;
	if (d->counted)
		limit_dec(hosts, &d->host);
	if (d->net_counted)
		limit_dec(networks, &d->net);
	d->counted = d->net_counted = 0;
	return (verdict_next());
}

static const struct module_option options[] = {
	{ "max", "%n [ for %a ]", NULL, 0, 1000000, "50", 1, 0,
	    "open connections of a host; 0: any number" },
	{ "fold", "%w %s", "ip4|ip6", 0, 0, "ip6 /64", 1, 0,
	    "how much of the address is a host" },
	{ "network-max", "%n", NULL, 0, 1000000, NULL, 0, 0,
	    "open connections of a network; 0: any number" },
	{ "network", "%w %s", "ip4|ip6", 0, 0, "ip6 /48", 1, 0,
	    "how much of the address is a network" },
	{ "reply", "%w", "terminate|tempfail", 0, 0, "terminate", 0, 0,
	    "421 and closed, or 452" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

const struct module mod_conncontrol = {
	.name = "conncontrol",
	.options = options,
	.conf_size = sizeof(struct conncontrol),
	.data_size = sizeof(struct conncontrol_data),
	.on_error = ONERR_ACCEPT,
	.spares_roles = 1,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = conncontrol_option,
	.check = conncontrol_check,
	.conf_clear = conncontrol_clear,
	.open = conncontrol_open,
	.close = conncontrol_close,
	.hook = {
		[STAGE_CONNECT] = conncontrol_connect,
		[STAGE_CLOSE] = conncontrol_gone
	}
};
