/*
 * Module dnsbl: lists in the DNS (RFC 5782).  All zones are asked at once when
 * the host connects, so that the answers usually are there before they are
 * needed.  Each answer adds points or takes some away.  A list does not refuse
 * anybody on its own unless `reject at' says so.  A list that does not answer
 * adds nothing, and an answer that cannot be a list entry is ignored.
 *
 * The questions run while the session goes on.  RCPT waits for the answers only
 * if `reject at' is set; DATA always waits, so that all points are known when
 * the message is judged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/dns/dns.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/module.h"

#define ZONES_MAX	24
/* Bytes of a name that is shown in place of the zone: a label of the DNS. */
#define LABEL_MAX	63
#define CODES_MAX	32		/* of one zone */
/*
 * Milliseconds between two log lines about one zone, so that a list that was
 * shut down does not fill the log.
 */
#define QUIET		3600000
#define BUDGET_MIN	100

enum { COUNT_ASKED, COUNT_LISTED, COUNT_FAILED, COUNT_STRANGE };
static const char *const counters[] = {
	"asked", "listed", "failed", "strange", NULL
};

/*
 * Which answers a code stands for.  Without a range each of the four bytes must
 * be within its own bounds (127.0.x.2).  With a range the address as a whole
 * must be between lo and hi (127.0.0.2-127.0.0.7).
 */
struct code {
	uint8_t		lo[4], hi[4];
	int		range;
	/* In thousandths. */
	int32_t		points;
	int		trusted;
	/* As in the configuration, for the log and for headers. */
	char		text[40];
};

/*
 * The name that is asked for may contain a customer's key.  If the
 * administrator gave the zone another name, the key appears in the DNS question
 * only.
 */
struct zone {
	char		asked[DNS_NAME_MAX + 1];
	/* The name for replies, the log and header fields. */
	char		name[DNS_NAME_MAX + 1];
	struct code	codes[CODES_MAX];
	unsigned int	ncodes;
	/* The zone is dnswl.org, whose levels are known. */
	int		dnswl;
	int64_t		logged;		/* clock_mono of the last complaint */
};

struct conf {
	struct zone	*zones;
	unsigned int	 nzones;
	int64_t		 budget;
	int32_t		 reject_at;	/* 0: never */
};

/* One question.  It lies in the session's data, and forget cancels it. */
struct ask {
	struct dns_query *query;	/* NULL: answered, or never asked */
	uint64_t	 key;
	struct conf	*conf;
	unsigned int	 zone;
	/*
	 * Bits of the codes that matched, so that several addresses in one
	 * answer count a code only once.
	 */
	uint32_t	 codes;
};

/* A session's questions and what the answers were so far. */
struct data {
	struct ask	 asks[ZONES_MAX];
	/* Questions that are not answered yet. */
	unsigned int	 pending;
	/* Thousandths, of all answers so far. */
	int32_t		 sum;
	/*
	 * The hook that waits for the answers: 1 is DATA, 2 is RCPT, 0 is none.
	 */
	int		 waiting;
	/* The zone with the most points; the reply of `reject at' names it. */
	char		 listed[64];
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

/*
 * Four numbers of an address, of which "x" stands for any (127.0.x.2).
 * Advances *p behind them.  Returns -1 if it is not that.
 */
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

/*
 * A code of a zone: an address in 127.0.0.0/8, where lists put their answers
 * (RFC 5782, 2.1), or a range of such addresses.  Returns -1 if it is
 * malformed.
 */
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
		/* A range has two exact ends, in ascending order. */
		if (quad(&p, lo, hi) == -1 || memcmp(lo, hi, 4) != 0 ||
		    memcmp(c->lo, c->hi, 4) != 0 || memcmp(c->lo, lo, 4) > 0)
			return (-1);
		memcpy(c->hi, hi, 4);
		c->range = 1;
	}
	return (*p != '\0' || c->lo[0] != 127 || c->hi[0] != 127 ? -1 : 0);
}

/*
 * A number of points, for example -2.5, into thousandths.  Returns -1 if
 * invalid.
 */
static int
points_parse(const char *text, int32_t *milli)
{
	char	*end;
	double	 d;

	/*
	 * strtod() also accepts exponents, infinity and hexadecimal numbers:
	 * refuse these.
	 */
	d = strtod(text, &end);
	if (end == text || text[strspn(text, "-.0123456789")] != '\0' ||
	    *end != '\0' || d < -1000 || d > 1000)
		return (-1);
	*milli = (int32_t)(d * 1000 + (d < 0 ? -0.5 : 0.5));
	return (0);
}

/*
 * The codes of a zone: { CODE points N [trusted] ... }. Returns -1 and sets
 * *error if one is invalid or if there are none.
 */
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
 * Returns 1 if a label looks like a customer's key: it is longer than what
 * people call a list and has digits, or it is even longer and has no hyphens or
 * underscores.  In the zones of the two large lists that give out keys (keyed)
 * a shorter label is enough.  Encoded names (xn--) are not keys.  This only
 * causes a warning, so a wrong guess does no harm.
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

/*
 * Returns NULL, or a warning that a zone without a name of its own seems to
 * contain a key.  The text is static and does not show the key.
 */
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

/*
 * Returns 1 if s has 1 to max letters, digits, hyphens, underscores and dots.
 */
static int
is_name(const char *s, size_t max)
{
	size_t	len = strlen(s);

	return (len > 0 && len <= max && s[0] != '.' && strspn(s,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789-_.") == len);
}

/*
 * The option zone: ZONE [as NAME] { ... }. Returns 0, -1, or
 * MODULE_OPTION_WARNED.  conf_clear frees the zone also after a failure.
 */
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
	/*
	 * A question has the 32 nibbles of an IPv6 address, each with its dot,
	 * in front of the zone: 64 bytes.
	 */
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

/*
 * Returns 1 for an answer that is not an entry.  Lists answer 127.255.255.x or
 * 127.0.0.255 when they refuse the question (over the quota, a public
 * resolver).  An address outside of 127.0.0.0/8 usually means that the list was
 * shut down.
 */
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

/*
 * Code i of the question's zone matched: notes its points for the session,
 * once.
 */
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

/* The verdict of `reject at', which counts the lists' points only. */
static struct verdict
judge(const struct msession *s, const struct conf *conf, const struct data *d)
{
	char	ip[ADDR_STRLEN];

	if (conf->reject_at == 0 || d->sum < conf->reject_at)
		return (verdict_next());
	return (verdict_reject(550, "5.7.1", "Your address %s is listed by %s",
	    addr_str(&s->client, ip), d->listed));
}

/*
 * A question was answered or failed; failures include timeouts.  The question's
 * memory is the session's, so nothing is freed here.  When this was the last
 * answer, the hook that waits is resumed.
 */
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
		/*
		 * dnswl.org: the second byte is 0 and the last one is the level
		 * of trust: 2 is medium, 3 is high.  Such hosts are vouched
		 * for, whatever points the configuration gives them.
		 */
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

/*
 * Returns 1 for an address that no list contains: private, link-local, unique
 * local or loopback.  Asking would only tell the list about the local network.
 */
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

/*
 * Asks all zones.  A question that cannot be asked (the name is too long, or no
 * memory) is left out, as if the list had not answered.
 */
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

/*
 * Waits until all zones have answered.  The questions end by themselves when
 * the budget, which began when the host connected, is over; the extra second
 * only leaves the resolver's timer time to run.
 */
static struct verdict
wait_or(const struct msession *s, const struct conf *conf, struct data *d,
    int at_rcpt)
{
	if (d->pending == 0)
		return (at_rcpt ? judge(s, conf, d) : verdict_next());
	d->waiting = at_rcpt ? 2 : 1;
	return (verdict_wait(conf->budget + 1000));
}

/* Only `reject at' needs the answers here. */
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
