/*
 * How the scanners of each module are doing, over all configurations: counters,
 * and error lines about a scanner that has only failed for a long time.  When a
 * scanner fails and there is no mail, a connection to it is tried once a
 * minute.  So the state is known without mail, and no line is written about a
 * scanner that is back.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/scan/scan_int.h"

/* In milliseconds. */
#define MINUTE	60000

/*
 * One entry for each module; an empty name ends the list.  since is 0 while the
 * scanner works.
 */
static struct health {
	char		 module[32];
	/* The settings that were used last; NULL: they were freed. */
	struct scan_conf *conf;
	uint64_t	 asked, failed;
	/* Failures since the last success. */
	uint64_t	 row;
	/* clock_mono of the first of these failures; 0: there is none. */
	int64_t		 since;
	/* clock_mono of the last failure. */
	int64_t		 last;
	/* clock_mono of the last error line and of the last probe. */
	int64_t		 line, probed;
	struct scan_conn *probe;
	/* The server that the next probe tries. */
	unsigned int	 server;
	char		 why[SCAN_WHY];
}			healths[SCAN_MODULES_MAX];
static struct event	ticker;
static int		ticking;

/*
 * Returns the entry of a module, and makes one if it is new.  If the table is
 * full, modules share the last entry.
 */
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

/* The clock without 0, which means "never" here. */
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

/* The timer starts with the first question. */
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

/* A scanner that was reported as failing is reported as working again. */
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

/* Notes a failure, of a question or of a probe. */
static void
failed(struct health *h, const char *why)
{
	h->last = now_mono();
	if (h->since == 0)
		h->since = h->last;
	snprintf(h->why, sizeof(h->why), "%s", why);
}

/* A question has failed; probes are not counted here. */
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

/*
 * The settings are freed after a reload.  A probe that uses them must end
 * first.
 */
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

/*
 * The scanner accepts connections.  That alone is not a success, but not a
 * failure either; the time of the last failure stays as it is, so the error
 * lines end.
 */
static void
probe_ready(struct scan_conn *c, void *arg)
{
	struct health	*h = arg;

	h->probe = NULL;
	scan_close(c);
}

/* The probe failed, or the scanner sent something, which is fine. */
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

/*
 * Once a second for each module that fails: starts a probe if nothing was tried
 * for a minute, and writes an error line each minute after SCAN_DOWN_LOG
 * seconds.
 */
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
