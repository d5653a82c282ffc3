/*
 * How the scanners of each module do, over all configurations: counters, and
 * the lines about one that has only failed for a long time.  A module whose
 * servers fail is looked after even when there is no mail: each minute one
 * connection is tried, so that nothing is said about one that is back.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/scan/scan_int.h"

#define MINUTE	60000

static struct health {
	char		 module[32];
	struct scan_conf *conf;		/* the newest that was used, or NULL */
	uint64_t	 asked, failed;
	uint64_t	 row;		/* failures without a success */
	int64_t		 since;		/* clock_mono of the first of them, 0 */
	int64_t		 last;		/* … of the last */
	int64_t		 line, probed;	/* … of the last line, connection */
	struct scan_conn *probe;
	unsigned int	 server;	/* to be tried next */
	char		 why[SCAN_WHY];
}			healths[SCAN_MODULES_MAX];
static struct event	ticker;
static int		ticking;

static struct health *
health_of(const char *module)
{
	struct health	*h;
	size_t		 i;

	for (i = 0; i < SCAN_MODULES_MAX; i++) {
		h = &healths[i];
		if (strcmp(h->module, module) == 0)
			return (h);
		if (h->module[0] == '\0') {
			snprintf(h->module, sizeof(h->module), "%s", module);
			return (h);
		}
	}
	return (&healths[SCAN_MODULES_MAX - 1]);
}

static int64_t
now_mono(void)
{
	int64_t	now = clock_mono();

	return (now == 0 ? 1 : now);
}

static void
ticker_fires(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	scan_tick();
}

void
health_begin(struct scan_conf *conf)
{
	static const struct timeval	second = { 1, 0 };
	struct health			*h = health_of(conf->module);

	h->conf = conf;
	h->asked++;
	if (ticking)
		return;
	if (event_assign(&ticker, scan_base, -1, EV_PERSIST, ticker_fires,
	    NULL) == 0 && event_add(&ticker, &second) == 0)
		ticking = 1;
}

void
health_good(const struct scan_conf *conf)
{
	struct health	*h = health_of(conf->module);

	if (h->line != 0)
		log_info("%s: the scanner answers again after %lld s",
		    h->module, (long long)((clock_mono() - h->since) / 1000));
	h->since = h->line = 0;
	h->row = 0;
}

static void
failed(struct health *h, const char *why)
{
	h->last = now_mono();
	if (h->since == 0)
		h->since = h->last;
	snprintf(h->why, sizeof(h->why), "%s", why);
}

void
health_bad(const struct scan_conf *conf, const char *why)
{
	struct health	*h = health_of(conf->module);

	h->failed++;
	h->row++;
	failed(h, why);
}

void
scan_outcome(struct scan_conf *conf, const char *why)
{
	health_begin(conf);
	if (why == NULL)
		health_good(conf);
	else
		health_bad(conf, why);
}

void
health_forget(const struct scan_conf *conf)
{
	size_t	i;

	for (i = 0; i < SCAN_MODULES_MAX; i++)
		if (healths[i].conf == conf) {
			scan_close(healths[i].probe);
			healths[i].probe = NULL;
			healths[i].conf = NULL;
		}
}

/* That it takes a connection is no answer yet, but no failure either. */
static void
probe_ready(struct scan_conn *c, void *arg)
{
	struct health	*h = arg;

	h->probe = NULL;
	scan_close(c);
}

static size_t
probe_input(struct scan_conn *c, const uint8_t *data, size_t len,
    const char *why, void *arg)
{
	struct health	*h = arg;

	(void)data;
	if (len == 0) {
		failed(h, why);
		h->server++;
	}
	h->probe = NULL;
	scan_close(c);
	return (len);
}

static void
health_tick(struct health *h, int64_t now)
{
	if (h->since == 0 || h->conf == NULL)
		return;
	if (h->probe == NULL && now - h->last >= MINUTE &&
	    now - h->probed >= MINUTE) {
		h->probed = now;
		h->probe = scan_connect(h->conf, 0,
		    h->server % scan_servers(h->conf), probe_ready,
		    probe_input, h);
	}
	if (now - h->since < SCAN_DOWN_LOG * 1000 || now - h->last > MINUTE ||
	    (h->line != 0 && now - h->line < MINUTE))
		return;
	h->line = now;
	log_warnx("%s: the scanner has failed for %lld s (%llu messages): %s; "
	    "check that it is running and that its address in the "
	    "configuration is right",
	    h->module, (long long)((now - h->since) / 1000),
	    (unsigned long long)h->row, h->why);
}

void
scan_tick(void)
{
	int64_t	now = now_mono();
	size_t	i;

	for (i = 0; i < SCAN_MODULES_MAX && healths[i].module[0] != '\0'; i++)
		health_tick(&healths[i], now);
}

void
scan_stats(void (*fn)(const char *name, int64_t value, void *), void *arg)
{
	const struct health	*h;
	char			 name[80];
	size_t			 i;

	for (i = 0; i < SCAN_MODULES_MAX && healths[i].module[0] != '\0'; i++) {
		h = &healths[i];
		snprintf(name, sizeof(name), "scan.%.31s.asked", h->module);
		fn(name, (int64_t)h->asked, arg);
		snprintf(name, sizeof(name), "scan.%.31s.failed", h->module);
		fn(name, (int64_t)h->failed, arg);
		snprintf(name, sizeof(name), "scan.%.31s.down", h->module);
		fn(name, h->since == 0 ? 0 :
		    (clock_mono() - h->since) / 1000, arg);
	}
}
