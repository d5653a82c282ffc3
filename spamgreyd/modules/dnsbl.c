/*
 * Lists in the DNS (RFC 5782): all zones are asked at once when the host
 * connects, and what they say adds points or takes some away.  A list never
 * refuses anybody on its own unless `reject at' says so, and one that does
 * not answer, or answers what no list entry looks like, adds nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/dns.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/module.h"

#define ZONES_MAX	24
#define LABEL_MAX	63		/* octets of a name in the DNS */
#define CODES_MAX	32		/* of one zone */
#define QUIET		3600000		/* ms between two lines about a zone */
#define BUDGET_MIN	100

enum { COUNT_ASKED, COUNT_LISTED, COUNT_FAILED, COUNT_STRANGE };
static const char *const counters[] = {
	"asked", "listed", "failed", "strange", NULL
};

/* Which answers: each octet within its bounds; or, as a range, the whole. */
struct code {
	uint8_t		lo[4], hi[4];
	int		range;
	int32_t		points;		/* 1/1000 */
	int		trusted;
	char		text[40];
};

/* What is asked may hold a customer's key: nothing but the question shows it
 * where the administrator has given the zone another name. */
struct zone {
	char		asked[DNS_NAME_MAX + 1];
	char		name[DNS_NAME_MAX + 1];	/* for replies, log and header */
	struct code	codes[CODES_MAX];
	unsigned int	ncodes;
	int		dnswl;
	int64_t		logged;		/* clock_mono of the last complaint */
};

struct conf {
	struct zone	*zones;
	unsigned int	 nzones;
	int64_t		 budget;
	int32_t		 reject_at;	/* 0: never */
};

struct ask {
	struct dns_query *query;	/* NULL: answered, or never asked */
	uint64_t	 key;
	struct conf	*conf;
	unsigned int	 zone;
	uint32_t	 codes;		/* bits: which of the zone's matched */
};

struct data {
	struct ask	 asks[ZONES_MAX];
	unsigned int	 pending;
	int32_t		 sum;		/* of all that is known */
	int		 waiting;	/* for a verdict: 1 at DATA, 2 at RCPT */
	char		 listed[64];	/* the zone with the most points */
	int32_t		 most;
};

const struct module mod_dnsbl;

/* --- the options */

static int
octet(const char **p, unsigned int *n)
{
	unsigned int	digits;

	*n = 0;
	for (digits = 0; **p >= '0' && **p <= '9' && digits < 4; digits++)
		*n = *n * 10 + (unsigned int)(*(*p)++ - '0');
	return (digits == 0 || *n > 255 ? -1 : 0);
}

/* "127.0.x.2": x is any number; -1: not that. */
static int
quad(const char **p, uint8_t lo[4], uint8_t hi[4])
{
	unsigned int	i, n;

	for (i = 0; i < 4; i++) {
		if (i > 0 && *(*p)++ != '.')
			return (-1);
		if (**p == 'x' || **p == 'X') {
			(*p)++;
			lo[i] = 0;
			hi[i] = 255;
			continue;
		}
		if (octet(p, &n) == -1)
			return (-1);
		lo[i] = hi[i] = (uint8_t)n;
	}
	return (0);
}

static int
code_parse(const char *text, struct code *c)
{
	const char	*p = text;
	uint8_t		 lo[4], hi[4];

	if (strlen(text) >= sizeof(c->text) || quad(&p, c->lo, c->hi) == -1)
		return (-1);
	strlcpy(c->text, text, sizeof(c->text));
	if (*p == '-') {
		p++;
		/* both ends exact, and in their order */
		if (quad(&p, lo, hi) == -1 || memcmp(lo, hi, 4) != 0 ||
		    memcmp(c->lo, c->hi, 4) != 0 || memcmp(c->lo, lo, 4) > 0)
			return (-1);
		memcpy(c->hi, hi, 4);
		c->range = 1;
	}
	return (*p != '\0' || c->lo[0] != 127 || c->hi[0] != 127 ? -1 : 0);
}

static int
points_parse(const char *text, int32_t *milli)
{
	char	*end;
	double	 d;

	/* no exponent, no infinity, no hexadecimal number */
	d = strtod(text, &end);
	if (end == text || text[strspn(text, "-.0123456789")] != '\0' ||
	    *end != '\0' || d < -1000 || d > 1000)
		return (-1);
	*milli = (int32_t)(d * 1000 + (d < 0 ? -0.5 : 0.5));
	return (0);
}

/* { CODE points N [trusted] … } */
static int
zone_codes(struct zone *z, const struct module_arg *args, size_t n,
    const char **error)
{
	struct code	*c;
	size_t		 i = 0;

	while (i < n) {
		if (z->ncodes == CODES_MAX) {
			*error = "too many codes for one zone";
			return (-1);
		}
		c = &z->codes[z->ncodes++];
		if (code_parse(args[i].s, c) == -1) {
			*error = "a code must be an address in 127.0.0.0/8 "
			    "(127.0.0.2, 127.0.x.3, 127.0.0.2-127.0.0.7)";
			return (-1);
		}
		if (n - i < 3 || strcmp(args[i + 1].s, "points") != 0 ||
		    points_parse(args[i + 2].s, &c->points) == -1) {
			*error = "each code must be followed by: points N";
			return (-1);
		}
		i += 3;
		if (i < n && strcmp(args[i].s, "trusted") == 0) {
			c->trusted = 1;
			i++;
		}
	}
	if (z->ncodes == 0) {
		*error = "a zone needs its codes, for example { 127.0.0.2 "
		    "points 4 }; otherwise a list that was shut down and "
		    "answers everything would list every host";
		return (-1);
	}
	return (0);
}

/*
 * Does a label look like a customer's key?  Hexadecimal digits, or letters and
 * digits mixed, longer than what people call a list; the zones of the two big
 * lists that give keys need less of a sign.
 */
static int
is_key(const char *label, size_t len, int keyed)
{
	size_t	i, digits = 0, marks = 0;

	for (i = 0; i < len; i++) {
		digits += label[i] >= '0' && label[i] <= '9';
		marks += label[i] == '-' || label[i] == '_';
	}
	if (len > 4 && strncasecmp(label, "xn--", 4) == 0)
		return (0);
	return ((len >= 10 && digits >= 3) || (len >= 16 && digits > 0) ||
	    (len >= (keyed ? 10 : 24) && marks == 0));
}

static int
has_suffix(const char *name, const char *suffix)
{
	size_t	n = strlen(name), s = strlen(suffix);

	return (n >= s && strcasecmp(name + n - s, suffix) == 0);
}

/* NULL, or the warning that a zone without a name seems to hold a key, which
 * the warning itself does not show. */
static const char *
key_warning(const char *zone)
{
	static char	 why[DNS_NAME_MAX + 160];
	const char	*label, *rest;
	int		 keyed = has_suffix(zone, ".dq.spamhaus.net") ||
			    has_suffix(zone, ".abusix.zone");

	for (label = zone; (rest = strchr(label, '.')) != NULL;
	    label = rest + 1) {
		if (!is_key(label, (size_t)(rest - label), keyed))
			continue;
		snprintf(why, sizeof(why), "the one that ends with \"%s\" "
		    "seems to hold a key, which clients and logs would show; "
		    "write zone \"...\" as \"NAME\" { ... }", rest);
		return (why);
	}
	return (NULL);
}

static int
is_name(const char *s, size_t max)
{
	size_t	len = strlen(s);

	return (len > 0 && len <= max && s[0] != '.' && strspn(s,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_.") == len);
}

/* ZONE [as NAME] { … } */
static int
zone_add(struct conf *conf, const struct module_arg *args, size_t n,
    const char **error)
{
	struct zone	*z;
	const char	*name = n > 1 && !args[1].braced ? args[1].s : NULL;
	size_t		 used = name == NULL ? 1 : 2;

	if (conf->nzones == ZONES_MAX) {
		*error = "too many zones";
		return (-1);
	}
	/* room for the nibbles of an IPv6 address before it */
	if (!is_name(args[0].s, DNS_NAME_MAX - 64)) {
		*error = "invalid zone name";
		return (-1);
	}
	if (name != NULL && !is_name(name, LABEL_MAX)) {
		*error = "a name for a zone must be at most 63 letters, "
		    "digits, hyphens, underscores and dots";
		return (-1);
	}
	z = reallocarray(conf->zones, conf->nzones + 1, sizeof(*z));
	if (z == NULL) {
		*error = "out of memory";
		return (-1);
	}
	conf->zones = z;
	z += conf->nzones++;
	memset(z, 0, sizeof(*z));
	strlcpy(z->asked, args[0].s, sizeof(z->asked));
	strlcpy(z->name, name != NULL ? name : z->asked, sizeof(z->name));
	z->dnswl = strcasecmp(z->asked, "dnswl.org") == 0 ||
	    has_suffix(z->asked, ".dnswl.org");
	if (zone_codes(z, args + used, n - used, error) == -1)
		return (-1);
	if (name != NULL || (*error = key_warning(z->asked)) == NULL)
		return (0);
	return (MODULE_OPTION_WARNED);
}

static int
option(void *arg, const char *keyword, const struct module_arg *args,
    size_t n, int off, const char **error)
{
	struct conf	*conf = arg;

	if (strcmp(keyword, "zone") == 0)
		return (zone_add(conf, args, n, error));
	if (strcmp(keyword, "budget") == 0)
		conf->budget = args[0].n;
	else
		conf->reject_at = off ? 0 : (int32_t)args[0].n;
	return (0);
}

static int
check(void *arg, const char **error)
{
	const struct conf	*conf = arg;

	if (conf->nzones > 0)
		return (0);
	*error = "no zone given; write zone \"NAME\" { CODE points N }";
	return (-1);
}

static void
conf_clear(void *arg)
{
	free(((struct conf *)arg)->zones);
}

/* --- answers */

static int
code_fits(const struct code *c, const uint8_t q[4])
{
	unsigned int	i;

	if (c->range)
		return (memcmp(q, c->lo, 4) >= 0 && memcmp(q, c->hi, 4) <= 0);
	for (i = 0; i < 4; i++)
		if (q[i] < c->lo[i] || q[i] > c->hi[i])
			return (0);
	return (1);
}

/* What a list says when it does not want to answer, or is none any more. */
static int
is_strange(const uint8_t q[4])
{
	static const uint8_t	over[4] = { 127, 0, 0, 255 };

	return (q[0] != 127 || memcmp(q, over, 4) == 0 ||
	    (q[1] == 255 && q[2] == 255));
}

static void
complain(struct zone *z, const uint8_t q[4])
{
	int64_t	now = clock_mono();

	module_count(&mod_dnsbl, COUNT_STRANGE);
	if (z->logged != 0 && now - z->logged < QUIET)
		return;
	z->logged = now == 0 ? 1 : now;
	log_warnx("dnsbl: zone %s answers %u.%u.%u.%u, which is not a list "
	    "entry (over the quota, a public resolver, or a list that was "
	    "shut down?); the answer is "
	    "ignored", z->name, q[0], q[1], q[2], q[3]);
}

static void
listed(struct msession *s, struct data *d, struct ask *a, unsigned int i)
{
	const struct zone	*z = &a->conf->zones[a->zone];
	const struct code	*c = &z->codes[i];

	if (a->codes & UINT32_C(1) << i)
		return;
	a->codes |= UINT32_C(1) << i;
	module_count(&mod_dnsbl, COUNT_LISTED);
	d->sum += c->points;
	if (c->points > d->most) {
		d->most = c->points;
		strlcpy(d->listed, z->name, sizeof(d->listed));
	}
	if (c->trusted)
		module_vouch(s);
	module_session_points(s, &mod_dnsbl, c->points, "%s %s", z->name,
	    c->text);
}

static struct verdict
judge(const struct msession *s, const struct conf *conf, const struct data *d)
{
	char	ip[ADDR_STRLEN];

	if (conf->reject_at == 0 || d->sum < conf->reject_at)
		return (verdict_next());
	return (verdict_reject(550, "5.7.1", "Your address %s is listed by %s",
	    addr_str(&s->client, ip), d->listed));
}

static void
answered(const struct dns_answer *ans, void *arg)
{
	struct ask	*a = arg;
	struct msession	*s = module_session(a->key);
	struct data	*d;
	struct zone	*z = &a->conf->zones[a->zone];
	unsigned int	 i, n;
	const uint8_t	*q;

	a->query = NULL;
	if (s == NULL)			/* forget has cancelled them all */
		return;
	d = module_data(s, &mod_dnsbl);
	d->pending--;
	if (ans->status == DNS_FAILED) {
		module_count(&mod_dnsbl, COUNT_FAILED);
		log_debug("dnsbl: %s: %s", z->name, ans->why);
	}
	for (n = 0; n < ans->naddrs; n++) {
		q = ans->addrs[n].b + 12;
		if (is_strange(q)) {
			complain(z, q);
			continue;
		}
		/* Medium and high there, whatever they are worth here. */
		if (z->dnswl && q[1] == 0 && (q[3] == 2 || q[3] == 3))
			module_vouch(s);
		for (i = 0; i < z->ncodes; i++)
			if (code_fits(&z->codes[i], q))
				listed(s, d, a, i);
	}
	if (d->pending == 0 && d->waiting) {
		module_resume(a->key, &mod_dnsbl, d->waiting == 2 ?
		    judge(s, a->conf, d) : verdict_next());
		d->waiting = 0;
	}
}

/* --- stages */

/* Addresses that no list has: private, link-local, loopback. */
static int
is_private(const struct addr *a)
{
	const uint8_t	*q = a->b + 12;

	if (addr_is_loopback(a))
		return (1);
	if (!addr_is4(a))
		return ((a->b[0] & 0xfe) == 0xfc ||
		    (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80));
	return (q[0] == 10 || q[0] == 127 || (q[0] == 172 &&
	    (q[1] & 0xf0) == 16) || (q[0] == 192 && q[1] == 168) ||
	    (q[0] == 169 && q[1] == 254));
}

static struct verdict
on_connect(struct msession *s, void *arg)
{
	struct conf	*conf = arg;
	struct data	*d = module_data(s, &mod_dnsbl);
	struct ask	*a;
	char		 name[DNS_NAME_MAX + 1];
	unsigned int	 i;

	if (is_private(&s->client))
		return (verdict_next());
	for (i = 0; i < conf->nzones; i++) {
		a = &d->asks[i];
		a->key = s->key;
		a->conf = conf;
		a->zone = i;
		if (dns_reverse(&s->client, conf->zones[i].asked, name,
		    sizeof(name)) == -1)
			continue;
		a->query = dns_ask(name, DNS_A, conf->budget, answered, a);
		if (a->query == NULL)
			continue;
		d->pending++;
		module_count(&mod_dnsbl, COUNT_ASKED);
	}
	return (verdict_next());
}

/* Until all have answered, but never past the budget, which began when the
 * host connected; the questions themselves end by then. */
static struct verdict
wait_or(const struct msession *s, const struct conf *conf, struct data *d,
    int at_rcpt)
{
	if (d->pending == 0)
		return (at_rcpt ? judge(s, conf, d) : verdict_next());
	d->waiting = at_rcpt ? 2 : 1;
	return (verdict_wait(conf->budget + 1000));
}

static struct verdict
on_rcpt(struct msession *s, void *arg)
{
	struct conf	*conf = arg;

	if (conf->reject_at == 0)
		return (verdict_next());
	return (wait_or(s, conf, module_data(s, &mod_dnsbl), 1));
}

static struct verdict
on_data(struct msession *s, void *arg)
{
	return (wait_or(s, arg, module_data(s, &mod_dnsbl), 0));
}

static void
forget(struct msession *s, void *arg)
{
	struct conf	*conf = arg;
	struct data	*d = module_data(s, &mod_dnsbl);
	unsigned int	 i;

	for (i = 0; i < conf->nzones; i++) {
		dns_cancel(d->asks[i].query);
		d->asks[i].query = NULL;
	}
	d->pending = 0;
	d->waiting = 0;
}

static const struct module_option options[] = {
	{ .keyword = "zone", .form = "%s [ as %s ] %*", .def = "", .many = 1,
	    .help = "a list, and the points of its answers" },
	{ .keyword = "budget", .form = "%t", .min = BUDGET_MIN, .max = 30000,
	    .def = "3s", .help = "how long all answers are waited for" },
	{ .keyword = "reject", .form = "at %p", .min = 1, .max = 1000000,
	    .def = "no", .can_be_off = 1,
	    .help = "points of the lists alone that refuse a recipient" },
	{ .keyword = NULL }
};

const struct module mod_dnsbl = {
	.name = "dnsbl",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.says = "address on a blocklist",
	.spares_roles = 1,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.hook = {
		[STAGE_CONNECT] = on_connect,
		[STAGE_RCPT] = on_rcpt,
		[STAGE_DATA] = on_data
	},
	.forget = forget
};
