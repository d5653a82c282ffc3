/*
 * Module ratecontrol: how many connections a host may make in a time, as
 * sendmail's feature of that name with nodelay.  Acts when a connection comes;
 * those that it refused count too, so a host has to pause.  Hosts that are not
 * known have a limit for their network too, so that one /48 does not count as
 * 65,536 hosts.  Memory is tables of fixed size, in which the busiest are not
 * forgotten (lib/base/rate.h).
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/nettab.h"
#include "lib/base/rate.h"
#include "spamgreyd/runner/module.h"

#define HOSTS		65536
#define NETWORKS	16384
#define NETWORK_TIMES	4	/* a network's, if none is given */
#define MAX_DEFAULT	300
#define PER_DEFAULT	60000

struct ratecontrol {
	int64_t			 max, per;	/* max 0: no limit */
	int			 max_given;
	struct nettab		 nets;
	struct nettab_cut	 fold;
	int64_t			 net_max;	/* 0: no limit */
	int			 net_given;
	struct nettab_cut	 network;
	int64_t			 hold;
	int			 tempfail;
};

/* One window each, for networks may have theirs. */
struct ratecontrol_key {
	struct addr	host;		/* or network */
	int64_t		per;
};

enum { COUNT_OVER, COUNT_OVER_NETWORK };
static const char *const counters[] = { "over", "over-network", NULL };

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

/* Has its network made too many?  Whoever gave a network's hosts their own
 * number meant that network too. */
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
	/* Said at once, it would make some clients connect again at once. */
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
