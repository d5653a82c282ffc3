/*
 * Pass: what the MTAs offer, so that a client is told no more than the MTA of
 * its mail can do, and no less. Each target is asked by a connection of our
 * own, hourly, and often until every relay has answered. What all of them
 * offer is kept on disk by store, and the fronts say the same. Nothing here
 * keeps anything else from starting.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "spamgreyd/pass/pass.h"

#define CAPS_TICK	5		/* s: asked so often while nothing is
					   known, as no client is served then */
#define CAPS_AGAIN	60		/* s: while it is known from an earlier run */
#define CAPS_EVERY	3600		/* s: once all have answered */
#define CAPS_SOON	5		/* s: while a client waits for it */
#define CAPS_DAY	86400		/* s: how long it counts that a session
					   was offered less than our question */
#define CAPS_TEXT	1500		/* octets of `relays' */

/* What is the clients' affair; the rest is between us and the MTA, or never
 * goes through us. */
#define CAPS_OFFERED	(CAPS_SIZE | CAPS_8BITMIME | CAPS_SMTPUTF8 | \
			    CAPS_DSN | CAPS_ENHANCED)

/* A relay with one target, asked for itself. */
struct ask {
	TAILQ_ENTRY(ask)	 entry;
	struct conf_relay	 relay;		/* a copy of `of' but its targets */
	struct conf_target	 target;
	const struct conf_relay	*of;
	struct mta		*mta;		/* under way */
	int			 known;		/* since this configuration */
	int			 failed;	/* and that was logged */
	uint32_t		 keywords;
	uint64_t		 size;
};
TAILQ_HEAD(asks, ask);

static struct asks	 asks = TAILQ_HEAD_INITIALIZER(asks);
static struct pass_conf	*conf;		/* that of asks; held */
static struct event	*tick_ev;
static int		 learned;	/* in this life, from this configuration */
static int64_t		 asked_last, tls_logged;	/* s, mono */
/* What a session was offered less than we, until when that counts. */
static struct {
	uint32_t	 keywords;
	uint64_t	 size;
	int64_t		 until;		/* s, mono */
} less;

static int64_t
now(void)
{
	return (clock_mono() / 1000);
}

/* The smaller limit; 0 is none. */
static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return (a == 0 || (b != 0 && b < a) ? b : a);
}

/*
 * The targets as text, in the order of the file: what was learned from other
 * targets says nothing about these. Of many only a hash. The caller frees it;
 * NULL: no memory.
 */
static char *
relays_text(const struct config *c)
{
	static const uint8_t		 key[16];
	const struct conf_relay		*r;
	const struct conf_target	*t;
	struct buf			 b = { 0 };
	char				 a[ADDR_STRLEN], sum[32], *text;
	int				 bad = 0;

	TAILQ_FOREACH(r, &c->pass->relays, entry) {
		bad |= buf_printf(&b, "%s%d/%d", buf_len(&b) > 0 ? " " : "",
		    (int)r->client, (int)r->tls);
		TAILQ_FOREACH(t, &r->targets, entry)
			bad |= buf_printf(&b, ",%s/%u", addr_str(&t->addr, a),
			    (unsigned int)t->port);
	}
	if (bad != 0 || buf_len(&b) == 0)
		text = NULL;
	else if (buf_len(&b) > CAPS_TEXT) {
		snprintf(sum, sizeof(sum), "sum %016llx",
		    (unsigned long long)siphash24(key, buf_ptr(&b),
		    buf_len(&b)));
		text = strdup(sum);
	} else
		text = strndup((char *)buf_ptr(&b), buf_len(&b));
	buf_free(&b);
	return (text);
}

static const char *
keywords_text(uint32_t keywords, char dst[96])
{
	static const struct {
		const char	*name;
		uint32_t	 bit;
	} t[] = {
		{ "SIZE", CAPS_SIZE }, { "8BITMIME", CAPS_8BITMIME },
		{ "SMTPUTF8", CAPS_SMTPUTF8 }, { "DSN", CAPS_DSN },
		{ "ENHANCEDSTATUSCODES", CAPS_ENHANCED }
	};
	size_t	i;

	(void)strlcpy(dst, "PIPELINING", 96);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (keywords & t[i].bit) {
			(void)strlcat(dst, ",", 96);
			(void)strlcat(dst, t[i].name, 96);
		}
	return (dst);
}

/*
 * Sets what is offered from now on; store and the fronts are told when it is
 * news.
 */
static void
caps_publish(uint32_t keywords, uint64_t size)
{
	struct mta_caps	*c = &pass.caps;
	char		 text[96];
	int		 news;

	keywords = (keywords & CAPS_OFFERED) | CAPS_PIPELINING;
	if (!(keywords & CAPS_SIZE))
		size = 0;
	news = !c->known || c->keywords != keywords || c->size != size;
	c->known = 1;
	c->keywords = keywords;
	c->size = size;
	if (!news)
		return;
	log_event(0, "mta-offers", "keywords=%s size=%llu",
	    keywords_text(keywords, text), (unsigned long long)size);
	pass_store_caps();
	pass_front_caps();
}

/*
 * What all targets that have answered have in common. Nothing changes before
 * each relay has one that answered.
 */
static void
caps_sum(void)
{
	const struct conf_relay	*of = NULL;
	const struct ask	*a;
	uint32_t		 keywords = ~(uint32_t)0;
	uint64_t		 size = 0;
	int			 any = 1;

	TAILQ_FOREACH(a, &asks, entry) {
		if (a->of != of && !any)
			return;
		if (a->of != of)
			any = 0;
		of = a->of;
		if (!a->known)
			continue;
		any = 1;
		keywords &= a->keywords;
		size = smaller(size, a->size);
	}
	if (of == NULL || !any)
		return;
	learned = 1;
	if (now() < less.until) {
		keywords &= less.keywords;
		size = smaller(size, less.size);
	}
	caps_publish(keywords, size);
}

/*
 * Mail goes in clear to us although the MTA could do TLS: probably a line of
 * the configuration is missing. Logged at once, and daily.
 */
static void
caps_check_tls(void)
{
	const struct conf_listen	*l;
	const struct ask		*a;
	char				 t[ADDR_STRLEN], at[ADDR_STRLEN];

	if (tls_logged != 0 && now() - tls_logged < CAPS_DAY)
		return;
	TAILQ_FOREACH(a, &asks, entry)
		if (a->known && (a->keywords & CAPS_STARTTLS))
			break;
	if (a == NULL)
		return;
	TAILQ_FOREACH(l, &conf->conf->listens, entry) {
		if (!l->no_tls && (l->tls != NULL || conf->conf->tls != NULL))
			continue;
		log_warnx("the mail server %s port %u offers STARTTLS and our "
		    "listener on %s port %u does not: clients that could use "
		    "TLS with it now send mail in clear; set a certificate "
		    "(tls certificate \"...\" key \"...\")",
		    addr_str(&a->target.addr, t),
		    (unsigned int)a->target.port, addr_str(&l->addr, at),
		    (unsigned int)l->port);
		tls_logged = now() == 0 ? 1 : now();
	}
}

/* Logged once, until the target answers again. */
static void
ask_failed(struct ask *a, const char *why)
{
	char	t[ADDR_STRLEN], enc[512];

	if (a->failed)
		return;
	a->failed = 1;
	log_event(0, "mta-down", "target=%s port=%u why=%s",
	    addr_str(&a->target.addr, t), (unsigned int)a->target.port,
	    log_encode_str(enc, sizeof(enc), why));
}

/* The answer of one target, or its failure; the connection is done. */
static void
ask_told(struct mta *m, const struct mta_event *ev, void *arg)
{
	struct ask	*a = arg;
	char		 t[ADDR_STRLEN];

	if (ev->what == MTA_READY) {
		if (a->failed)
			log_event(0, "mta-up", "target=%s port=%u",
			    addr_str(&a->target.addr, t),
			    (unsigned int)a->target.port);
		a->failed = 0;
		a->known = 1;
		a->keywords = ev->ehlo->keywords;
		a->size = ev->ehlo->size;
	} else if (ev->what == MTA_DEAD)
		ask_failed(a, ev->why);
	mta_free(m);
	a->mta = NULL;
	caps_sum();
	caps_check_tls();
}

/* Asks all targets that are not being asked. */
static void
caps_ask(void)
{
	struct mta_client	 c;
	struct ask		*a;

	memset(&c, 0, sizeof(c));
	c.hostname = conf->conf->hostname;
	c.esmtp = 1;
	asked_last = now();
	TAILQ_FOREACH(a, &asks, entry)
		if (a->mta == NULL && (a->mta = mta_open(pass.base,
		    conf->conf->pass, &a->relay, &c, 1, ask_told, a)) == NULL)
			log_warn("pass: cannot ask the mail server what it "
			    "offers");
}

static void
caps_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (pass.stopping)
		return;
	if (now() - asked_last >= (learned ? CAPS_EVERY : pass.caps.known ?
	    CAPS_AGAIN : CAPS_TICK))
		caps_ask();
	caps_check_tls();
}

static void
asks_free(struct asks *list)
{
	struct ask	*a;

	while ((a = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, a, entry);
		mta_free(a->mta);
		free(a);
	}
}

/*
 * A target to ask; it keeps what the same target answered under the
 * configuration before.
 */
static void
ask_add(const struct conf_relay *r, const struct conf_target *t,
    const struct asks *before)
{
	const struct ask	*b;
	struct ask		*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		fatal("pass");
	a->of = r;
	a->relay = *r;
	a->target.addr = t->addr;
	a->target.port = t->port;
	TAILQ_INIT(&a->relay.targets);
	TAILQ_INSERT_TAIL(&a->relay.targets, &a->target, entry);
	TAILQ_FOREACH(b, before, entry)
		if (b->target.port == t->port && b->relay.client ==
		    r->client && b->relay.tls == r->tls &&
		    addr_cmp(&b->target.addr, &t->addr) == 0) {
			a->known = b->known;
			a->keywords = b->keywords;
			a->size = b->size;
		}
	TAILQ_INSERT_TAIL(&asks, a, entry);
}

/* The relays are others: nothing is known of them. Store tells the fronts. */
static void
caps_forget(char *relays)
{
	int	known = pass.caps.known;

	free((void *)(uintptr_t)pass.caps.relays);
	memset(&pass.caps, 0, sizeof(pass.caps));
	pass.caps.relays = relays;
	memset(&less, 0, sizeof(less));
	learned = 0;
	if (known)
		pass_store_caps();
}

void
caps_configure(struct pass_conf *live)
{
	const struct conf_relay		*r;
	const struct conf_target	*t;
	struct asks			 before;
	struct pass_conf		*old = conf;
	char				*relays;

	if ((relays = relays_text(live->conf)) == NULL)
		fatalx("pass: out of memory");
	TAILQ_INIT(&before);
	TAILQ_CONCAT(&before, &asks, entry);
	conf = live;
	conf->refs++;
	TAILQ_FOREACH(r, &live->conf->pass->relays, entry)
		TAILQ_FOREACH(t, &r->targets, entry)
			ask_add(r, t, &before);
	asks_free(&before);
	pass_conf_unref(old);
	tls_logged = 0;
	if (pass.caps.relays == NULL || strcmp(pass.caps.relays, relays) != 0)
		caps_forget(relays);
	else
		free(relays);
	if (tick_ev == NULL)
		return;
	/* (those that were asked before are known at once) */
	caps_sum();
	caps_ask();
}

void
caps_start(void)
{
	struct timeval	every = { CAPS_TICK, 0 };

	tick_ev = event_new(pass.base, -1, EV_PERSIST, caps_tick, NULL);
	if (tick_ev == NULL || event_add(tick_ev, &every) == -1)
		fatalx("pass: out of memory");
	caps_ask();
}

/*
 * What store had on disk is good until the MTAs have answered. If it is of
 * other relays, store is told that it is void.
 */
void
caps_kept(const struct mta_caps *kept)
{
	if (!kept->known || learned || pass.caps.relays == NULL)
		return;
	if (strcmp(kept->relays, pass.caps.relays) != 0) {
		pass_store_caps();
		return;
	}
	pass.caps.known = 1;
	pass.caps.keywords = (kept->keywords & CAPS_OFFERED) |
	    CAPS_PIPELINING;
	pass.caps.size = kept->size;
	pass_front_caps();
}

/*
 * A client is being sent away because nothing is known: asks now, not at the
 * next tick.
 */
uint32_t
caps_offer(const struct pass_conf *live, uint64_t *size, int *known)
{
	if (!pass.caps.known && tick_ev != NULL &&
	    now() - asked_last >= CAPS_SOON)
		caps_ask();
	*known = pass.caps.known;
	*size = smaller(pass.caps.size, live->conf->limit.message_size);
	return (*known ? pass.caps.keywords : 0);
}

/*
 * A session was offered less than is known. Either the MTA is another one now,
 * which asking will show, or it offers less to that client; then we would
 * again and again promise more than holds, so it counts for a day.
 */
void
caps_seen(const struct conf_relay *relay, const struct smtp_ehlo *e)
{
	uint32_t	keywords = pass.caps.keywords;
	uint64_t	size = pass.caps.size;

	(void)relay;
	if (!pass.caps.known)
		return;
	keywords &= e->keywords | CAPS_PIPELINING;
	if (e->keywords & CAPS_SIZE)
		size = smaller(size, e->size);
	if (keywords == pass.caps.keywords && size == pass.caps.size)
		return;
	if (now() >= less.until) {
		less.keywords = ~(uint32_t)0;
		less.size = 0;
	}
	less.keywords &= e->keywords | CAPS_PIPELINING;
	less.size = smaller(less.size, e->size);
	less.until = now() + CAPS_DAY;
	caps_publish(keywords, size);
}
