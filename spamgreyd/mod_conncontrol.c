/*
 * Module conncontrol: how many connections a host may have open at once, as
 * sendmail's feature of that name with nodelay.  Acts when a connection comes,
 * and counts those that it refused for as long as they are there.  Memory is
 * one counter for each host that has a connection.
 */
#include <string.h>

#include "../lib/limit.h"
#include "../lib/log.h"
#include "../lib/nettab.h"
#include "module.h"

#define MAX_DEFAULT	50

struct conncontrol {
	int64_t			 max;		/* 0: no limit */
	int			 max_given;
	struct nettab		 nets;
	struct nettab_cut	 fold;
	int			 tempfail;
};

struct conncontrol_data {
	struct addr	host;
	uint8_t		counted;
};

enum { COUNT_OVER };
static const char *const counters[] = { "over", NULL };

static struct limit	*hosts;

extern const struct module mod_conncontrol;

static int
conncontrol_open(void)
{
	if ((hosts = limit_new()) == NULL) {
		log_warn("module conncontrol");
		return (-1);
	}
	return (0);
}

static void
conncontrol_close(void)
{
	limit_free(hosts);
	hosts = NULL;
}

static int
conncontrol_option(void *conf, const char *keyword,
    const struct module_arg *a, size_t n, int off, const char **error)
{
	struct conncontrol	*c = conf;

	(void)off;
	if (strcmp(keyword, "fold") == 0)
		return (nettab_cut(&c->fold, a[0].s, a[1].s, error));
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

static int
conncontrol_check(void *conf, const char **error)
{
	struct conncontrol	*c = conf;

	(void)error;
	nettab_cut_default(&c->fold, 32, 64);
	if (!c->max_given)
		c->max = MAX_DEFAULT;
	return (0);
}

static void
conncontrol_clear(void *conf)
{
	nettab_free(&((struct conncontrol *)conf)->nets);
}

static struct verdict
conncontrol_connect(struct msession *s, void *conf)
{
	const struct conncontrol	*c = conf;
	struct conncontrol_data		*d;
	const struct nettab_entry	*net;
	int64_t				 max;

	d = module_data(s, &mod_conncontrol);
	net = nettab_find(&c->nets, &s->client);
	max = net == NULL ? c->max : net->n;
	addr_cut(&s->client, &c->fold.cut, &d->host);
	/* All are counted: a reload may set a limit where there is none. */
	d->counted = limit_inc(hosts, &d->host) != 0;
	if (max == 0 || limit_get(hosts, &d->host) <= max)
		return (verdict_next());
	module_count(&mod_conncontrol, COUNT_OVER);
	if (c->tempfail)
		return (verdict_tempfail(452, "4.3.2",
		    "Too many open connections."));
	return (verdict_close(0, 421, "4.3.2", "Too many open connections."));
}

static struct verdict
conncontrol_gone(struct msession *s, void *conf)
{
	struct conncontrol_data	*d = module_data(s, &mod_conncontrol);

	(void)conf;
	if (d->counted)
		limit_dec(hosts, &d->host);
	d->counted = 0;
	return (verdict_next());
}

static const struct module_option options[] = {
	{ "max", "%n [ for %a ]", NULL, 0, 1000000, "50", 1, 0,
	    "open connections of a host; 0: any number" },
	{ "fold", "%w %s", "ip4|ip6", 0, 0, "ip6 /64", 1, 0,
	    "how much of the address is a host" },
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
