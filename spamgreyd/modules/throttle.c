/*
 * Module throttle: defers mail when there is too much of it in a time, as
 * vthrottle did, but with token buckets, so that a burst is allowed.  The keys
 * are the client, the sender, the sender's domain, the recipient's domain for
 * mail to us, and the recipient for bounces.
 *
 * Anybody can write any sender and any recipient, so neither is a key on its
 * own that a command may count for.  A sender counts together with the client's
 * network, so that a forged sender cannot defer mail from elsewhere.  A
 * recipient must count wherever the mail comes from; therefore only delivered
 * messages count, and the transaction keeps its counts in `pending' until the
 * message has its reply.
 *
 * What is found at MAIL is answered at each RCPT, because mail to postmaster is
 * never deferred and only RCPT shows who it is for.  A deferred transaction
 * takes no tokens; otherwise a client that tries again would never get any.
 *
 * With `learn' nothing is deferred; the module logs every hour what limit each
 * key would have needed.  Memory is two tables of fixed size and the busiest
 * keys of the hour.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/base/nettab.h"
#include "lib/base/rate.h"
#include "lib/base/siphash.h"
#include "spamgreyd/runner/module.h"

/* Entries of the table of buckets and of the table of rates. */
#define KEYS		65536
/* Messages a minute. */
#define CLIENT_DEFAULT	300
#define LEARN_KEYS	32		/* of each kind, the busiest */
/* Bytes of a key in the log; longer keys are cut. */
#define LEARN_TEXT	192
/* Milliseconds between two reports. */
#define LEARN_EVERY	3600000
/* Keys of one transaction that wait for delivery; more are counted at once. */
#define PENDING		16
/*
 * Milliseconds: the time in which kinds without a limit are counted for learn.
 */
#define LEARN_PER	60000

/*
 * The kinds of keys, in the order in which they are checked; is_later says
 * which count at delivery only.
 */
enum kind { CLIENT, SENDER, SENDER_DOMAIN, RCPT_DOMAIN, BOUNCE, KINDS };
static const char *const names[KINDS] = {
	"client", "sender", "sender-domain", "recipient-domain", "bounce"
};

/* The settings; times are in milliseconds. */
struct throttle {
	struct { uint32_t n; int64_t per; } limit[KINDS];	/* n 0: none */
	/*
	 * A limit for all clients was given, so that the default does not
	 * apply.
	 */
	int			 client_given;
	/* The option `client N per T for NETWORK'. */
	struct nettab		 nets;
	struct nettab_cut	 fold, network;
	/* Client and sender are counted by recipients, not by messages. */
	int			 recipients;
	int64_t			 delay;
	int			 reply;
	int			 learn;
};
/*
 * The first kinds of the enum are those that MAIL counts; for bounces only
 * CLIENT, because all bounces have the same empty sender.
 */
#define SENDERS_KINDS	3

/*
 * What the recipients of a transaction add to one bucket when the message is
 * delivered.  The key is a hash, which bounds the memory of a session.
 */
struct pending {
	uint64_t	key;		/* hash */
	uint32_t	n;		/* recipients */
	uint32_t	limit;
	int64_t		per;
};

/* A session's state. */
struct throttle_data {
	/* The kind that was over its limit at MAIL, plus 1; 0: none was. */
	uint8_t		 over;
	uint8_t		 npending;
	/*
	 * s->messages when the transaction began: if it is larger at the end,
	 * the message was delivered.
	 */
	uint32_t	 messages;
	struct pending	 pending[PENDING];
};

/*
 * One bucket with its limit: n tokens in `per' milliseconds.  The text begins
 * with a letter for the kind and then has the address, so that kinds cannot
 * meet in one bucket; for senders " from " and the network follow.
 */
struct key {
	enum kind	 kind;
	uint32_t	 n;
	int64_t		 per;
	size_t		 len;
	char		 text[1 + MAILADDR_MAX + 6 + ADDR_STRLEN];
};

/* One key that `learn' has seen: the most that was in any window of time. */
struct learned {
	char		 text[LEARN_TEXT];
	uint32_t	 peak;		/* 0: free */
	int64_t		 per;
};

/* The counters of the kinds come first, in the order of enum kind. */
enum { COUNT_OVER, COUNT_LEARNED = COUNT_OVER + KINDS };
static const char *const counters[] = {
	"over-client", "over-sender", "over-sender-domain",
	"over-recipient-domain", "over-bounce", "learned", NULL
};

/*
 * Buckets and rates belong to the process, so that a reload does not empty
 * them.  hashkey is random: a client cannot choose addresses whose hashes
 * collide.
 */
static struct tokens	*buckets;
static uint8_t		 hashkey[16];
static struct rate	*rates;			/* learn */
static struct learned	 learned[KINDS][LEARN_KEYS];
static int64_t		 learn_next;

extern const struct module mod_throttle;

static void
throttle_close(void)
{
	tokens_free(buckets);
	rate_free(rates);
	buckets = NULL;
	rates = NULL;
}

static int
throttle_open(void)
{
	if ((buckets = tokens_new(KEYS)) == NULL ||
	    (rates = rate_new(KEYS)) == NULL) {
		log_warn("module throttle");
		throttle_close();
		return (-1);
	}
	arc4random_buf(hashkey, sizeof(hashkey));
	return (0);
}

static int
limit_set(struct throttle *c, enum kind kind, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	if (off) {
		c->client_given |= kind == CLIENT;
		return (0);
	}
	if (a[1].n < 1000 || a[1].n > 86400000) {
		*error = "the time must be between 1s and 1d";
		return (-1);
	}
	if (n == 3)			/* client N per TIME for NETWORK */
		return (nettab_add(&c->nets, &a[2].prefix, a[0].n, a[1].n,
		    error));
	if (c->limit[kind].per != 0) {
		*error = "given twice without a network";
		return (-1);
	}
	c->client_given |= kind == CLIENT;
	c->limit[kind].n = (uint32_t)a[0].n;
	c->limit[kind].per = a[1].n;
	return (0);
}

static int
throttle_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct throttle	*c = conf;
	int		 kind;

	for (kind = 0; kind < KINDS; kind++)
		if (strcmp(keyword, names[kind]) == 0)
			return (limit_set(c, (enum kind)kind, a, n, off,
			    error));
	if (strcmp(keyword, "fold") == 0)
		return (nettab_cut(&c->fold, a[0].s, a[1].s, error));
	if (strcmp(keyword, "network") == 0)
		return (nettab_cut(&c->network, a[0].s, a[1].s, error));
	if (strcmp(keyword, "count") == 0)
		c->recipients = strcmp(a[0].s, "recipients") == 0;
	else if (strcmp(keyword, "delay") == 0)
		c->delay = a[0].n;
	else if (strcmp(keyword, "reply") == 0)
		c->reply = (int)a[0].n;
	else
		c->learn = 1;
	return (0);
}

/* Fills in the defaults of what was not given. */
static int
throttle_check(void *conf, const char **error)
{
	struct throttle	*c = conf;

	(void)error;
	nettab_cut_default(&c->fold, 32, 64);
	nettab_cut_default(&c->network, 24, 48);
	if (!c->client_given) {
		c->limit[CLIENT].n = CLIENT_DEFAULT;
		c->limit[CLIENT].per = 60000;
	}
	return (0);
}

static void
throttle_clear(void *conf)
{
	nettab_free(&((struct throttle *)conf)->nets);
}

/*
 * Appends the client's network to a sender's key.  An address has no blank, so
 * the blank in front of the network ends it.
 */
static void
add_network(char *dst, const struct throttle *c, const struct msession *s)
{
	struct addr	net;

	addr_cut(&s->client, &c->network.cut, &net);
	memcpy(dst, " from ", 6);
	addr_str(&net, dst + 6);
}

/*
 * Makes the key of that kind for the current command.  Returns 0 if the kind
 * has no limit, or if there is nothing to count (no sender, an address without
 * a domain).  With `learn' kinds without a limit are counted too.
 */
static int
key_make(struct key *k, const struct throttle *c, enum kind kind,
    const struct msession *s)
{
	const struct nettab_entry	*net;
	const char			*path = s->from, *p;
	struct addr			 host;
	char				 addr[MAILADDR_MAX];
	size_t				 len;

	k->kind = kind;
	k->n = c->limit[kind].n;
	k->per = c->limit[kind].per;
	k->text[0] = (char)('A' + kind);
	if (kind == CLIENT) {
		if ((net = nettab_find(&c->nets, &s->client)) != NULL) {
			k->n = (uint32_t)net->n;
			k->per = net->ms;
		}
		addr_cut(&s->client, &c->fold.cut, &host);
		addr_str(&host, k->text + 1);
	} else {
		if (kind == RCPT_DOMAIN || kind == BOUNCE)
			path = s->rcpt;
		if (path == NULL ||
		    mailaddr_rcpt(path, addr, sizeof(addr)) == -1)
			return (0);
		p = addr;
		len = strlen(p);
		if ((kind == SENDER_DOMAIN || kind == RCPT_DOMAIN) &&
		    (p = mailaddr_domain(addr, &len)) == NULL)
			return (0);
		if (len == 0)
			return (0);
		memcpy(k->text + 1, p, len);
		k->text[1 + len] = '\0';
		if (path == s->from)
			add_network(k->text + 1 + len, c, s);
	}
	k->len = strlen(k->text);
	if (c->learn && k->per == 0)
		k->per = LEARN_PER;
	return (k->n != 0 || c->learn);
}

/*
 * Notes the rate of a key.  The table of a kind keeps the keys with the highest
 * rates: a new key replaces the one with the lowest rate if its own is higher.
 */
static void
learn(const struct key *k)
{
	struct learned	*l, *place = NULL;
	uint32_t	 n;
	int		 i;

	n = rate_add(rates, k->text, k->len, k->per, clock_mono(), 1);
	for (i = 0; i < LEARN_KEYS; i++) {
		l = &learned[k->kind][i];
		if (l->peak != 0 &&
		    strncmp(l->text, k->text + 1, LEARN_TEXT - 1) == 0) {
			place = l;
			break;
		}
		if (place == NULL || l->peak < place->peak)
			place = l;
	}
	if (n <= place->peak)
		return;
	snprintf(place->text, sizeof(place->text), "%s", k->text + 1);
	place->peak = n;
	place->per = k->per;
}

/* Returns 1 if this kind counts when the message is delivered. */
static int
is_later(enum kind kind)
{
	return (kind == RCPT_DOMAIN || kind == BOUNCE);
}

static uint64_t
key_hash(const struct key *k)
{
	return (siphash24(hashkey, k->text, k->len));
}

/*
 * Returns the transaction's entry for a key, and makes one if there is room.
 * NULL: there is no room, and the caller counts at once.
 */
static struct pending *
pending_find(struct throttle_data *d, const struct key *k)
{
	struct pending	*p;
	uint64_t	 hash = key_hash(k);

	for (p = d->pending; p < d->pending + d->npending; p++)
		if (p->key == hash)
			return (p);
	if (d->npending == PENDING)
		return (NULL);
	d->npending++;
	memset(p, 0, sizeof(*p));
	p->key = hash;
	p->limit = k->n;
	p->per = k->per;
	return (p);
}

/*
 * The last transaction is over.  If its message was delivered, its recipients
 * take their tokens now.  A bucket never holds more than `limit'.
 */
static void
pending_end(struct throttle_data *d, const struct msession *s)
{
	struct pending	*p;
	uint32_t	 i;

	if (s->messages > d->messages)
		for (p = d->pending; p < d->pending + d->npending; p++)
			for (i = 0; i < p->n && i < p->limit; i++)
				(void)tokens_take(buckets, &p->key,
				    sizeof(p->key), p->limit, p->per,
				    clock_mono(), 1);
	d->messages = s->messages;
	d->npending = 0;
}

/*
 * Returns 1 if the bucket has no token for one more.  For kinds that count at
 * delivery the transaction's own pending recipients are added.
 */
static int
key_waits(struct throttle_data *d, const struct key *k, int64_t now)
{
	struct pending	*p;
	uint64_t	 hash;
	uint32_t	 n = 0;

	if (!is_later(k->kind))
		return (tokens_wait(buckets, k->text, k->len, k->n, k->per,
		    now, 1) > 0);
	if ((p = pending_find(d, k)) != NULL)
		n = p->n;
	hash = key_hash(k);
	return (n >= k->n || tokens_wait(buckets, &hash, sizeof(hash), k->n,
	    k->per, now, n + 1) > 0);
}

/* Takes a token now, or notes it for delivery. */
static void
key_take(struct throttle_data *d, const struct key *k, int64_t now)
{
	struct pending	*p;
	uint64_t	 hash;

	if (!is_later(k->kind)) {
		(void)tokens_take(buckets, k->text, k->len, k->n, k->per, now,
		    1);
		return;
	}
	if ((p = pending_find(d, k)) != NULL) {
		p->n++;
		return;
	}
	hash = key_hash(k);
	(void)tokens_take(buckets, &hash, sizeof(hash), k->n, k->per, now, 1);
}

/*
 * Counts one more of all these kinds.  Returns 0 if all had room; otherwise the
 * first kind that is over its limit, plus 1, and then nothing was counted.
 * look: only checks and counts nothing.
 */
static unsigned int
count(struct msession *s, const struct throttle *c, const enum kind *kinds,
    size_t n, int look)
{
	struct throttle_data	*d = module_data(s, &mod_throttle);
	struct key		 keys[KINDS];
	int64_t			 now = clock_mono();
	size_t			 i, nkeys = 0;

	for (i = 0; i < n; i++)
		if (key_make(&keys[nkeys], c, kinds[i], s))
			nkeys++;
	for (i = 0; i < nkeys; i++)
		if (c->learn) {
			if (!look)
				learn(&keys[i]);
		} else if (key_waits(d, &keys[i], now))
			return (keys[i].kind + 1);
	for (i = 0; i < nkeys && !c->learn && !look; i++)
		key_take(d, &keys[i], now);
	return (0);
}

static int
is_bounce(const struct msession *s)
{
	return (s->from == NULL || strcmp(s->from, "<>") == 0);
}

/*
 * MAIL: counts the message, or with `count recipients' only checks whether a
 * message has room now.  The client is told at RCPT (d->over); here it is only
 * delayed.
 */
static struct verdict
throttle_mail(struct msession *s, void *conf)
{
	static const enum kind	 kinds[SENDERS_KINDS] = { CLIENT, SENDER,
	    SENDER_DOMAIN };
	const struct throttle	*c = conf;
	struct throttle_data	*d = module_data(s, &mod_throttle);
	unsigned int		 over;

	pending_end(d, s);
	over = count(s, c, kinds, is_bounce(s) ? 1 : SENDERS_KINDS,
	    c->recipients);
	d->over = (uint8_t)(c->recipients ? 0 : over);
	return (over == 0 ? verdict_next() : verdict_delay(c->delay));
}

/*
 * RCPT: answers what MAIL found, then counts the recipient.  The runner ignores
 * the refusal if the mail is for postmaster and abuse only (spares_roles).
 */
static struct verdict
throttle_rcpt(struct msession *s, void *conf)
{
	static const char *const whose[KINDS] = {
		"from your host", "from this sender", "from this domain",
		"for this domain", "with an empty sender to this recipient"
	};
	const struct throttle		*c = conf;
	const struct throttle_data	*d = module_data(s, &mod_throttle);
	enum kind			 kinds[KINDS];
	size_t				 n = 0;
	unsigned int			 over = d->over;

	if (c->recipients)
		kinds[n++] = CLIENT;
	if (c->recipients && !is_bounce(s)) {
		kinds[n++] = SENDER;
		kinds[n++] = SENDER_DOMAIN;
	}
	kinds[n++] = RCPT_DOMAIN;
	if (is_bounce(s))
		kinds[n++] = BOUNCE;
	if (over == 0 && (over = count(s, c, kinds, n, 0)) == 0)
		return (verdict_next());
	module_count(&mod_throttle, COUNT_OVER + over - 1);
	return (verdict_tempfail(c->reply, "4.3.2", "Too much mail %s; please "
	    "try again later", whose[over - 1]));
}

/* CLOSE: the last transaction of the session counts too. */
static struct verdict
throttle_gone(struct msession *s, void *conf)
{
	(void)conf;
	pending_end(module_data(s, &mod_throttle), s);
	return (verdict_next());
}

static void
learn_log(void)
{
	const struct learned	*l;
	char			 text[4 * LEARN_TEXT];
	int			 kind, i;

	for (kind = 0; kind < KINDS; kind++)
		for (i = 0; i < LEARN_KEYS; i++) {
			l = &learned[kind][i];
			if (l->peak == 0)
				continue;
			module_count(&mod_throttle, COUNT_LEARNED);
			log_event(0, "throttle", "learned %s=%s needs=%u "
			    "per=%llds", names[kind], log_encode_str(text,
			    sizeof(text), l->text), l->peak,
			    (long long)(l->per / 1000));
		}
	memset(learned, 0, sizeof(learned));
}

/* The first tick after the start begins the first hour. */
static void
throttle_tick(void)
{
	int64_t	now = clock_mono();

	if (learn_next == 0)
		learn_next = now + LEARN_EVERY;
	if (now < learn_next)
		return;
	learn_next = now + LEARN_EVERY;
	learn_log();
}

static const struct module_option options[] = {
	{ "client", "%r [ for %a ]", NULL, 0, 1000000, "300 per 1m", 1, 1,
	    "of a host in a time; for a network: 0 for any number" },
	{ "sender", "%r", NULL, 1, 1000000, "100 per 1m", 0, 1,
	    "of a sender's address from one network" },
	{ "sender-domain", "%r", NULL, 1, 1000000, "", 0, 1,
	    "of all senders of a domain from one network" },
	{ "recipient-domain", "%r", NULL, 1, 1000000, "", 0, 1,
	    "recipients of a domain, of delivered mail" },
	{ "bounce", "%r", NULL, 1, 1000000, "", 0, 1,
	    "from <> to a recipient, delivered" },
	{ "count", "%w", "messages|recipients", 0, 0, "messages", 0, 0,
	    "what client, sender and sender-domain count" },
	{ "fold", "%w %s", "ip4|ip6", 0, 0, "ip6 /64", 1, 0,
	    "how much of the address is a host" },
	{ "network", "%w %s", "ip4|ip6", 0, 0, "ip6 /48", 1, 0,
	    "how much of the address a sender counts with" },
	{ "delay", "%t", NULL, 0, 60000, "0s", 0, 0,
	    "MAIL of who is over waits so long" },
	{ "reply", "%n", NULL, 450, 451, "450", 0, 0, "450 or 451" },
	{ "learn", "", NULL, 0, 0, "", 0, 0,
	    "put nothing off, log what each would need" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

const struct module mod_throttle = {
	.name = "throttle",
	.options = options,
	.conf_size = sizeof(struct throttle),
	.data_size = sizeof(struct throttle_data),
	.on_error = ONERR_ACCEPT,
	.spares_roles = 1,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = throttle_option,
	.check = throttle_check,
	.conf_clear = throttle_clear,
	.open = throttle_open,
	.close = throttle_close,
	.hook = {
		[STAGE_MAIL] = throttle_mail,
		[STAGE_RCPT] = throttle_rcpt,
		[STAGE_CLOSE] = throttle_gone
	},
	.tick = throttle_tick
};
