/*
 * Module bad_rcpt_throttle: slows down clients that name many recipients that
 * the mail server refuses, and finally disconnects them.  It corresponds to
 * sendmail's BadRcptThrottle and BadRcptShutdown.  Recipients are counted for
 * the session and for the host, not for the transaction, because a client can
 * begin a new transaction at any time.  Each refused recipient also is an event
 * `dictionary', to which the store process may react.
 *
 * RCPT only reads the counters and delays or disconnects; RCPT_REPLY, which has
 * the mail server's reply, only counts.  Memory is two tables of fixed size.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/nettab.h"
#include "lib/base/rate.h"
#include "spamgreyd/runner/module.h"

#define HOSTS		65536

/*
 * The settings.  Times are in milliseconds.  A share in percent is of all
 * recipients that got a final answer, good and bad; it keeps a mailing list
 * with many subscribers from being taken for a dictionary attack.
 */
struct bad_rcpt {
	uint32_t		 after;
	int64_t			 delay, at_most;
	uint32_t		 shutdown;	/* 0: never */
	uint32_t		 shutdown_bad;	/* percent; 0: any */
	uint32_t		 client;	/* 0: hosts are not counted */
	int64_t			 within;
	uint32_t		 client_bad;	/* percent; 0: any */
	struct nettab_cut	 fold;
};

/* Counters of one session, over all its transactions. */
struct bad_rcpt_data {
	uint32_t	good, bad;
	/* Milliseconds that this session was delayed so far. */
	int64_t		delayed;
	uint8_t		logged;
};

enum { COUNT_BAD, COUNT_SHUTDOWN };
static const char *const counters[] = { "bad", "shutdown", NULL };

/* Accepted and refused recipients by host, for all sessions of the process. */
static struct rate	*goods, *bads;

extern const struct module mod_bad_rcpt_throttle;

static void
bad_rcpt_close(void)
{
	rate_free(goods);
	rate_free(bads);
	goods = bads = NULL;
}

static int
bad_rcpt_open(void)
{
	if ((goods = rate_new(HOSTS)) == NULL ||
	    (bads = rate_new(HOSTS)) == NULL) {
		log_warn("module bad_rcpt_throttle");
		bad_rcpt_close();
		return (-1);
	}
	return (0);
}

/*
 * Parses a share such as "50%" into *v.  Returns -1 and sets *error if it is
 * not a number from 1 to 100 with a percent sign.
 */
static int
percent(const char *text, uint32_t *v, const char **error)
{
	char	*end;
	long	 n;

	n = *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : 0;
	if (n < 1 || n > 100 || strcmp(end, "%") != 0) {
		*error = "the share of bad recipients must be from 1% to 100%";
		return (-1);
	}
	*v = (uint32_t)n;
	return (0);
}

/*
 * One option.  The delay of a command stays far below the 5 minutes that
 * clients wait for the reply to RCPT (RFC 5321, 4.5.3.2.3).
 */
static int
bad_rcpt_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct bad_rcpt	*c = conf;

	if (strcmp(keyword, "fold") == 0)
		return (nettab_cut(&c->fold, a[0].s, a[1].s, error));
	if (strcmp(keyword, "at-most") == 0)
		c->at_most = a[0].n;
	else if (strcmp(keyword, "after") == 0) {
		if (a[1].n > 60000) {
			*error = "the delay must be at most 60s";
			return (-1);
		}
		c->after = (uint32_t)a[0].n;
		c->delay = a[1].n;
	} else if (strcmp(keyword, "shutdown") == 0) {
		c->shutdown = off ? 0 : (uint32_t)a[0].n;
		if (n == 2)
			return (percent(a[1].s, &c->shutdown_bad, error));
	} else {
		c->client = off ? 0 : (uint32_t)a[0].n;
		if (off)
			return (0);
		if (a[1].n < 60000 || a[1].n > 86400000) {
			*error = "the time must be between 1m and 1d";
			return (-1);
		}
		c->within = a[1].n;
		if (n == 3)
			return (percent(a[2].s, &c->client_bad, error));
	}
	return (0);
}

static int
bad_rcpt_check(void *conf, const char **error)
{
	struct bad_rcpt	*c = conf;

	(void)error;
	nettab_cut_default(&c->fold, 32, 64);
	return (0);
}

/*
 * Returns 1 if `bad' reaches the limit and is at least `share' percent of all
 * recipients.  A limit of 0 never applies.  The products are 64 bits wide and
 * cannot overflow.
 */
static int
is_over(uint32_t bad, uint32_t good, uint32_t limit, uint32_t share)
{
	return (limit != 0 && bad >= limit &&
	    (uint64_t)bad * 100 >= ((uint64_t)bad + good) * share);
}

/*
 * Before each RCPT: disconnects, delays, or lets the command pass.  The host's
 * own counters disconnect only together: the host must exceed both the limit of
 * a session and the limit of a host.
 */
static struct verdict
bad_rcpt_rcpt(struct msession *s, void *conf)
{
	const struct bad_rcpt	*c = conf;
	struct bad_rcpt_data	*d = module_data(s, &mod_bad_rcpt_throttle);
	struct addr		 host;
	uint32_t		 bad = 0, good = 0;
	int64_t			 ms, now = clock_mono();

	/* Adding 0 only reads the counters; RCPT_REPLY adds. */
	if (c->client != 0) {
		addr_cut(&s->client, &c->fold.cut, &host);
		bad = rate_add(bads, &host, sizeof(host), c->within, now, 0);
		good = rate_add(goods, &host, sizeof(host), c->within, now, 0);
	}
	if (is_over(d->bad, d->good, c->shutdown, c->shutdown_bad) ||
	    (is_over(bad, good, c->shutdown, c->shutdown_bad) &&
	    is_over(bad, good, c->client, c->client_bad))) {
		module_count(&mod_bad_rcpt_throttle, COUNT_SHUTDOWN);
		return (verdict_close(0, 421, "4.7.0",
		    "Too many bad recipients; closing connection"));
	}
	if (d->bad < c->after && !is_over(bad, good, c->client, c->client_bad))
		return (verdict_next());
	if (!d->logged)
		module_log(s, &mod_bad_rcpt_throttle,
		    "throttled bad=%u host-bad=%u host-good=%u", d->bad, bad,
		    good);
	d->logged = 1;
	/*
	 * All delays of a session together are at most `at-most', so that the
	 * last delay may be shorter and later commands are not delayed at all.
	 */
	ms = c->at_most - d->delayed < c->delay ? c->at_most - d->delayed :
	    c->delay;
	if (ms <= 0)
		return (verdict_next());
	d->delayed += ms;
	return (verdict_delay(ms));
}

/*
 * Counts the answer.  Tempfails (4xx) are not counted: they say nothing about
 * whether the recipient exists.
 */
static struct verdict
bad_rcpt_reply(struct msession *s, void *conf)
{
	const struct bad_rcpt	*c = conf;
	struct bad_rcpt_data	*d = module_data(s, &mod_bad_rcpt_throttle);
	struct rate		*table = goods;
	struct addr		 host;

	if (s->reply_code >= 500 && s->reply_code <= 599) {
		d->bad++;
		table = bads;
		module_count(&mod_bad_rcpt_throttle, COUNT_BAD);
		module_event(s, &mod_bad_rcpt_throttle, EVENT_DICTIONARY);
	} else if (s->reply_code >= 200 && s->reply_code <= 299)
		d->good++;
	else
		return (verdict_next());
	if (c->client != 0) {
		addr_cut(&s->client, &c->fold.cut, &host);
		rate_add(table, &host, sizeof(host), c->within, clock_mono(),
		    1);
	}
	return (verdict_next());
}

static const struct module_option options[] = {
	{ "after", "%n delay %t", NULL, 1, 1000000, "1 delay 1s", 0, 0,
	    "refused recipients of a session; each RCPT waits then" },
	{ "at-most", "%t", NULL, 0, 240000, "60s", 0, 0,
	    "the delays of a session in all" },
	{ "shutdown", "after %n [ of bad %s ]", NULL, 1, 1000000, "after 25",
	    0, 1, "refused recipients; then 421 and closed" },
	{ "client", "after %n in %t [ of bad %s ]", NULL, 1, 1000000,
	    "after 10 in 1h of bad 50%", 0, 1,
	    "refused recipients of a host in all its sessions" },
	{ "fold", "%w %s", "ip4|ip6", 0, 0, "ip6 /64", 1, 0,
	    "how much of the address is a host" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

const struct module mod_bad_rcpt_throttle = {
	.name = "bad_rcpt_throttle",
	.options = options,
	.conf_size = sizeof(struct bad_rcpt),
	.data_size = sizeof(struct bad_rcpt_data),
	.on_error = ONERR_ACCEPT,
	.spares_roles = 1,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = bad_rcpt_option,
	.check = bad_rcpt_check,
	.open = bad_rcpt_open,
	.close = bad_rcpt_close,
	.hook = {
		[STAGE_RCPT] = bad_rcpt_rcpt,
		[STAGE_RCPT_REPLY] = bad_rcpt_reply
	}
};
