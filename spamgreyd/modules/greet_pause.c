/*
 * Module greet_pause: waits before the banner.  A mail server waits for the
 * banner, so a client that sends data during the pause is not one.  A host that
 * waited once does not have to wait again for a day: the pause finds out what
 * kind of program a host runs, and that does not change from one connection to
 * the next.
 *
 * BANNER starts the pause, EVENT (early talker) notices data during the pause,
 * and HELO remembers hosts that waited until the end.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrmap.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/module.h"

/* Hosts. When there are more, the host that waited longest ago is forgotten. */
#define REMEMBERED_MAX	65536
/*
 * Bytes.  With our name in front the line stays below the 512 bytes of a reply
 * (RFC 5321, 4.5.3.1.5).
 */
#define TEASER_MAX	200

enum talk { TALK_REJECT, TALK_POINTS, TALK_LOG };

/* The option `wait TIME for NETWORK'. */
struct special {
	struct prefix	 network;
	int64_t		 ms;
};
/* The settings; special and teaser are allocated and freed by greet_clear. */
struct conf {
	int64_t		 wait;		/* ms */
	int		 has_wait;
	struct special	*special;
	size_t		 nspecial;
	char		*teaser;
	enum talk	 talk;
	int32_t		 points;
	/* Milliseconds; 0: hosts are not remembered. */
	int64_t		 remember;
};

/* The pause of one session. */
struct data {
	/* clock_mono when the pause began; 0 if there was no pause. */
	int64_t		 began;
	int64_t		 wait;		/* ms; 0: there was none */
	/* It was noticed; later events of this session do not count again. */
	int		 talked;
};

/*
 * A host that waited.  by_time has the host that waited longest ago first.  It
 * owns the structures; the map only points to them.
 */
struct waiter {
	struct addr		 key;
	TAILQ_ENTRY(waiter)	 entry;
	int64_t			 until;	/* clock_mono */
};
/* A slot of the map; host is NULL in a free slot. */
struct slot {
	struct addr	 key;
	struct waiter	*host;
};
static struct addrmap	hosts;
static TAILQ_HEAD(, waiter) by_time = TAILQ_HEAD_INITIALIZER(by_time);

enum { COUNT_WAITED, COUNT_REMEMBERED, COUNT_TALKED };
static const char *const counters[] = {
	"waited", "remembered", "early-talkers", NULL
};

static const struct module_option options[] = {
	{ "wait", "%t [ for %a ]", NULL, 0, 300000, "5s", 1, 0,
	    "time before the banner; 0s: none; the longest network counts" },
	{ "teaser", "%s", NULL, 0, 0, "", 0, 0,
	    "text of a first line of the banner, said before the wait" },
	{ "on-talk", "%w [ %p ]", "reject|points|log", 0, 100000, "reject",
	    0, 0, "what is done with a client that talks before the banner" },
	{ "remember", "%t", NULL, 1000, INT64_C(31) * 86400000, "24h", 0, 1,
	    "for how long a host that waited need not wait again" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};

extern const struct module mod_greet_pause;

/* Tells addrmap which slots are in use. */
static int
slot_occupied(const void *slot)
{
	return (((const struct slot *)slot)->host != NULL);
}

static int
greet_open(void)
{
	return (addrmap_init(&hosts, sizeof(struct slot), slot_occupied));
}

/*
 * Hosts are remembered by address, IPv6 hosts by /64, because many hosts change
 * the lower half of their address every day.
 */
static void
host_key(const struct addr *client, struct addr *key)
{
	static const struct addr_cut	cut = { 32, 64 };

	addr_cut(client, &cut, key);
}

/* Removes the host from the map and from the list, and frees it. */
static void
host_forget(struct waiter *h)
{
	void	*slot;

	if ((slot = addrmap_get(&hosts, &h->key)) != NULL)
		addrmap_remove(&hosts, slot);
	TAILQ_REMOVE(&by_time, h, entry);
	free(h);
}

/*
 * Returns the entry of a host that need not wait, or NULL.  An entry that has
 * expired but was not swept yet does not count.
 */
static struct waiter *
host_find(const struct addr *client)
{
	struct slot	*slot;
	struct addr		 key;

	if (hosts.slots == NULL)
		return (NULL);
	host_key(client, &key);
	slot = addrmap_get(&hosts, &key);
	return (slot == NULL || slot->host->until <= clock_mono() ? NULL :
	    slot->host);
}

/*
 * Remembers that a host waited.  A new entry replaces an old one, so that the
 * list stays in the order of time.  Without memory the host is not remembered
 * and waits again.
 */
static void
host_remember(const struct addr *client, int64_t ms)
{
	struct slot	*slot;
	struct waiter		*h;
	struct addr		 key;

	if (hosts.slots == NULL)
		return;
	host_key(client, &key);
	if ((slot = addrmap_get(&hosts, &key)) != NULL)
		host_forget(slot->host);
	else if (hosts.used >= REMEMBERED_MAX)
		host_forget(TAILQ_FIRST(&by_time));
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return;
	h->key = key;
	h->until = clock_mono() + ms;
	if ((slot = addrmap_put(&hosts, &key)) == NULL) {
		free(h);
		return;
	}
	slot->host = h;
	TAILQ_INSERT_TAIL(&by_time, h, entry);
}

/*
 * Each second: forgets hosts whose time is over.  After a reload with a shorter
 * time an entry may stand behind one that lasts longer and then is forgotten
 * late; host_find looks at the time itself.
 */
static void
greet_tick(void)
{
	struct waiter	*h;
	int64_t		 now = clock_mono();

	while ((h = TAILQ_FIRST(&by_time)) != NULL && h->until <= now)
		host_forget(h);
}

/* The option wait, for all hosts or for a network. */
static int
option_wait(struct conf *c, const struct module_arg *a, size_t n,
    const char **error)
{
	struct special	*p;

	if (n == 1) {
		if (c->has_wait) {
			*error = "given twice without a network";
			return (-1);
		}
		c->wait = a[0].n;
		c->has_wait = 1;
		return (0);
	}
	p = reallocarray(c->special, c->nspecial + 1, sizeof(*p));
	if (p == NULL)
		fatal("greet_pause");
	c->special = p;
	p[c->nspecial].network = a[1].prefix;
	p[c->nspecial++].ms = a[0].n;
	return (0);
}

/*
 * The option teaser.  Printable ASCII only, because the text becomes a line of
 * the banner.
 */
static int
option_teaser(struct conf *c, const char *text, const char **error)
{
	const char	*p;

	for (p = text; *p >= 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0' || p == text || p - text > TEASER_MAX) {
		*error = "must be between 1 and 200 characters of printable "
		    "ASCII";
		return (-1);
	}
	if ((c->teaser = strdup(text)) == NULL)
		fatal("greet_pause");
	return (0);
}

static int
option_talk(struct conf *c, const struct module_arg *a, size_t n,
    const char **error)
{
	c->talk = strcmp(a[0].s, "reject") == 0 ? TALK_REJECT :
	    strcmp(a[0].s, "points") == 0 ? TALK_POINTS : TALK_LOG;
	if ((c->talk == TALK_POINTS) != (n == 2)) {
		*error = "must be reject, points and their number, or log";
		return (-1);
	}
	if (n == 2)
		c->points = (int32_t)a[1].n;
	return (0);
}

static int
greet_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct conf	*c = conf;

	if (strcmp(keyword, "wait") == 0)
		return (option_wait(c, a, n, error));
	if (strcmp(keyword, "teaser") == 0)
		return (option_teaser(c, a[0].s, error));
	if (strcmp(keyword, "on-talk") == 0)
		return (option_talk(c, a, n, error));
	c->remember = off ? 0 : a[0].n;
	return (0);
}

/*
 * Waits that are given for networks only leave the default for all other hosts.
 */
static int
greet_check(void *conf, const char **error)
{
	struct conf	*c = conf;

	(void)error;
	if (!c->has_wait)
		c->wait = 5000;
	return (0);
}

static void
greet_clear(void *conf)
{
	struct conf	*c = conf;

	free(c->special);
	free(c->teaser);
}

/* Milliseconds for this client: the longest matching network decides. */
static int64_t
wait_for(const struct conf *c, const struct addr *client)
{
	const struct special	*best = NULL;
	size_t			 i;

	for (i = 0; i < c->nspecial; i++)
		if (prefix_has(&c->special[i].network, client) &&
		    (best == NULL ||
		    c->special[i].network.len >= best->network.len))
			best = &c->special[i];
	return (best == NULL ? c->wait : best->ms);
}

/* Returns 1 if the host has waited already and is still remembered. */
static int
host_known(const struct conf *c, const struct addr *client)
{
	return (c->remember > 0 && host_find(client) != NULL);
}

/*
 * The pause itself.  A session that front handed over in mid-session has its
 * banner already.
 */
static struct verdict
greet_banner(struct msession *s, void *conf)
{
	const struct conf	*c = conf;
	struct data		*d = module_data(s, &mod_greet_pause);
	int64_t			 ms = wait_for(c, &s->client);
	char			 line[TEASER_MAX + 260];

	if (ms == 0 || s->handed)
		return (verdict_next());
	if (host_known(c, &s->client)) {
		module_count(&mod_greet_pause, COUNT_REMEMBERED);
		return (verdict_next());
	}
	module_count(&mod_greet_pause, COUNT_WAITED);
	d->began = clock_mono();
	d->wait = ms;
	/*
	 * Each line of a banner begins with our name (RFC 5321, 4.2).  A name
	 * has at most 255 bytes, so line has room for name, blank and text.
	 */
	if (c->teaser != NULL) {
		snprintf(line, sizeof(line), "%.255s %s", s->hostname,
		    c->teaser);
		module_teaser(s, line);
	}
	return (verdict_delay(ms));
}

/*
 * HELO came after the banner: the host has waited and is remembered, but only
 * if the whole pause has passed.
 */
static struct verdict
greet_helo(struct msession *s, void *conf)
{
	const struct conf	*c = conf;
	struct data		*d = module_data(s, &mod_greet_pause);

	if (d->wait > 0 && !d->talked && c->remember > 0 &&
	    clock_mono() - d->began >= d->wait)
		host_remember(&s->client, c->remember);
	d->wait = 0;
	return (verdict_next());
}

/* Data came before the banner; acts once a session. */
static struct verdict
greet_event(struct msession *s, void *conf)
{
	const struct conf	*c = conf;
	struct data		*d = module_data(s, &mod_greet_pause);
	int64_t			 after = 0;

	if (s->event != EVENT_EARLY_TALKER || d->talked)
		return (verdict_next());
	/*
	 * Data may arrive together with the TCP handshake, before the pause
	 * begins.  It counts only if there would have been a pause.
	 */
	if (d->began != 0)
		after = clock_mono() - d->began;
	else if (s->handed || wait_for(c, &s->client) == 0 ||
	    host_known(c, &s->client))
		return (verdict_next());
	d->talked = 1;
	module_count(&mod_greet_pause, COUNT_TALKED);
	switch (c->talk) {
	case TALK_REJECT:
		return (verdict_close(0, 554, "5.5.1",
		    "Protocol error: data received before the greeting"));
	case TALK_POINTS:
		module_points(s, &mod_greet_pause, c->points,
		    "talked %lld ms into the pause", (long long)after);
		break;
	case TALK_LOG:
		module_log(s, &mod_greet_pause, "early-talker after=%lldms",
		    (long long)after);
		break;
	}
	return (verdict_next());
}

const struct module mod_greet_pause = {
	.name = "greet_pause",
	.says = "talking before the banner",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_ACCEPT,
	.spares_whitelisted = 1,
	.counters = counters,
	.option = greet_option,
	.check = greet_check,
	.conf_clear = greet_clear,
	.open = greet_open,
	.hook = {
		[STAGE_BANNER] = greet_banner,
		[STAGE_HELO] = greet_helo,
		[STAGE_EVENT] = greet_event
	},
	.tick = greet_tick
};
