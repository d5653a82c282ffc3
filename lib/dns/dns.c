/*
 * The DNS in an event loop: c-ares asks, libevent waits, and this file keeps
 * the answers for as long as they are good.
 *
 * A channel of c-ares keeps its sockets while any of its questions is open. A
 * forger of answers must guess a question's port.  So a question takes an idle
 * channel, which opens a new socket for it, as long as there is one; when all
 * are busy, it takes any of them.
 *
 * The life of a query: dns_ask makes it and gives it to a channel; query_done
 * (from c-ares) or query_timer (its deadline) calls back once and frees it.  A
 * query whose deadline is over stays allocated until c-ares gives it back.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "lib/base/ascii.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "lib/dns/msg.h"

#define DNS_TRY_MS	1000	/* for one server, before the next is asked */
#define DNS_TRIES	2
#define DNS_BUCKETS	8192
#define DNS_CACHE_MAX	20000	/* answers */
#define DNS_NEGATIVE	60	/* s, of a negative answer without SOA */
#define DNS_CHANNELS	32
#define DNS_BAD		10	/* s that a failure is kept */
#define DNS_SWEEP	4	/* buckets that each new answer looks through */

struct channel {
	ares_channel		 ares;
	struct event		*timer;		/* c-ares' own */
	unsigned int		 open;		/* questions */
	int			 inside;	/* c-ares is at work on it */
};

struct dns_query {
	LIST_ENTRY(dns_query)	 entry;
	dns_cb			 cb;		/* NULL: cancelled, or answered */
	void			*arg;
	struct event		*timer;		/* its deadline; or: answer now */
	enum dns_type		 type;
	struct channel		*channel;	/* which one has it, or NULL */
	int			 asking;	/* … and is being told */
	struct dns_answer	*ready;		/* from the cache */
	char			 name[DNS_NAME_MAX + 1];
};

/*
 * An answer without the room that it does not use, which is a kilobyte for
 * most.  Behind the structure are the addresses, then the text, then the name
 * that was asked for.
 */
struct cached {
	TAILQ_ENTRY(cached)	 lru;
	LIST_ENTRY(cached)	 hash;
	int64_t			 until;		/* clock_mono */
	const char		*why;
	const char		*text, *name;
	uint32_t		 ttl;
	unsigned int		 naddrs;
	enum dns_type		 type;
	enum dns_status		 status;
	struct addr		 addrs[];
};

static struct {
	struct event_base		*base;
	struct channel			 channels[DNS_CHANNELS];
	unsigned int			 nchannels;
	struct event			**fds;	/* by descriptor */
	size_t				 nfds;
	LIST_HEAD(, dns_query)		 queries;
	TAILQ_HEAD(, cached)		 lru;	/* the oldest use first */
	LIST_HEAD(, cached)		 bucket[DNS_BUCKETS];
	uint64_t			 entries;
	size_t				 hand;	/* the bucket to sweep next */
	uint8_t				 key[16];
	int				 up;
	char				*servers;
} dns;

static const struct timeval	at_once = { 0, 0 };

static void	timer_set(struct channel *);

/*
 * The place of a question in the table: a keyed hash, because clients choose
 * names.
 */
static size_t
bucket(const char *name, enum dns_type type)
{
	char	b[DNS_NAME_MAX + 2];
	size_t	n = strlen(name);

	memcpy(b, name, n);
	b[n] = (char)type;
	return (siphash24(dns.key, b, n + 1) % DNS_BUCKETS);
}

static void
forget(struct cached *c)
{
	TAILQ_REMOVE(&dns.lru, c, lru);
	LIST_REMOVE(c, hash);
	dns.entries--;
	free(c);
}

/*
 * The answer, moved to the end of the list of use; NULL: none, or it is too
 * old.
 */
static const struct cached *
cache_get(const char *name, enum dns_type type)
{
	struct cached	*c;

	LIST_FOREACH(c, &dns.bucket[bucket(name, type)], hash)
		if (c->type == type && strcmp(c->name, name) == 0)
			break;
	if (c == NULL)
		return (NULL);
	if (clock_mono() >= c->until) {
		forget(c);
		return (NULL);
	}
	TAILQ_REMOVE(&dns.lru, c, lru);
	TAILQ_INSERT_TAIL(&dns.lru, c, lru);
	return (c);
}

/* What was kept, as an answer of its own.  NULL: no memory. */
static struct dns_answer *
cached_answer(const struct cached *c)
{
	struct dns_answer	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->status = c->status;
	a->ttl = c->ttl;
	a->naddrs = c->naddrs;
	a->why = c->why;
	memcpy(a->addrs, c->addrs, c->naddrs * sizeof(c->addrs[0]));
	memcpy(a->text, c->text, strlen(c->text) + 1);
	return (a);
}

/*
 * Each new answer makes the rest of the way around the table shorter, so one
 * that nobody asks for again does not stay until the cache is full.
 */
static void
sweep(void)
{
	struct cached	*c, *next;
	int64_t		 now = clock_mono();
	unsigned int	 i;

	for (i = 0; i < DNS_SWEEP; i++) {
		for (c = LIST_FIRST(&dns.bucket[dns.hand]); c != NULL;
		    c = next) {
			next = LIST_NEXT(c, hash);
			if (now >= c->until)
				forget(c);
		}
		dns.hand = (dns.hand + 1) % DNS_BUCKETS;
	}
}

/* Copies an answer into a piece of memory of its size.  NULL: no memory. */
static struct cached *
cached_new(const char *name, enum dns_type type, const struct dns_answer *a)
{
	struct cached	*c;
	size_t		 addrs = a->naddrs * sizeof(a->addrs[0]);
	size_t		 text = strlen(a->text) + 1, len = strlen(name) + 1;
	char		*p;

	if ((c = malloc(sizeof(*c) + addrs + text + len)) == NULL)
		return (NULL);
	c->type = type;
	c->status = a->status;
	c->ttl = a->ttl;
	c->naddrs = a->naddrs;
	c->why = a->why;
	memcpy(c->addrs, a->addrs, addrs);
	p = (char *)c->addrs + addrs;
	c->text = memcpy(p, a->text, text);
	c->name = memcpy(p + text, name, len);
	return (c);
}

/*
 * Keeps an answer for its TTL.  A negative answer without a TTL and a failure
 * are kept for a short time of their own, so that a broken zone is not asked
 * for each client.
 */
static void
cache_put(const char *name, enum dns_type type, const struct dns_answer *a)
{
	struct cached	*c;
	int64_t		 ttl = a->ttl;

	if (a->status == DNS_FAILED)
		ttl = DNS_BAD;
	else if (a->status == DNS_NOTHING && ttl == 0)
		ttl = DNS_NEGATIVE;
	sweep();
	if (ttl == 0 || cache_get(name, type) != NULL)
		return;
	if (dns.entries >= DNS_CACHE_MAX)
		forget(TAILQ_FIRST(&dns.lru));
	if ((c = cached_new(name, type, a)) == NULL)
		return;
	c->until = clock_mono() + ttl * 1000;
	TAILQ_INSERT_TAIL(&dns.lru, c, lru);
	LIST_INSERT_HEAD(&dns.bucket[bucket(name, type)], c, hash);
	dns.entries++;
}

static void
query_free(struct dns_query *q)
{
	LIST_REMOVE(q, entry);
	if (q->timer != NULL)
		event_free(q->timer);
	free(q->ready);
	free(q);
}

/* While c-ares has the query, it is freed when c-ares gives it back. */
static void
query_end(struct dns_query *q)
{
	q->cb = NULL;
	if (q->channel == NULL)
		query_free(q);
	else
		event_del(q->timer);
}

/*
 * The deadline is over, or an answer from the cache is due: it is told from
 * the loop and not from inside dns_ask.
 */
static void
query_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dns_query	*q = arg;
	struct dns_answer	 late;
	dns_cb			 cb = q->cb;
	void			*cbarg = q->arg;

	(void)fd;
	(void)what;
	memset(&late, 0, sizeof(late));
	if (q->ready != NULL)
		late = *q->ready;
	else {
		late.status = DNS_FAILED;
		late.why = "timeout: no answer";
	}
	query_end(q);
	if (cb != NULL)
		cb(&late, cbarg);
}

/*
 * From c-ares: the server's message, or why there is none.  c-ares may call
 * this from inside ares_query, and then the answer is told from the loop.
 */
static void
query_done(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct dns_query	*q = arg;
	struct dns_answer	 a;
	dns_cb			 cb = q->cb;
	void			*cbarg = q->arg;

	(void)timeouts;
	if (msg != NULL && len > 0)
		dns_parse(msg, (size_t)len, q->name, q->type, &a);
	else {
		memset(&a, 0, sizeof(a));
		a.status = DNS_FAILED;
		a.why = ares_strerror(status);
	}
	if (status != ARES_ECANCELLED && status != ARES_EDESTRUCTION)
		cache_put(q->name, q->type, &a);
	q->channel->open--;
	q->channel = NULL;
	if (q->asking) {		/* from inside dns_ask: from the loop */
		if ((q->ready = malloc(sizeof(a))) != NULL)
			*q->ready = a;
		event_add(q->timer, &at_once);
		return;
	}
	query_free(q);
	if (cb != NULL)
		cb(&a, cbarg);
}

/*
 * Lets c-ares read and write; `inside' keeps new questions off the channel
 * while it works.
 */
static void
process(struct channel *c, ares_socket_t in, ares_socket_t out)
{
	c->inside++;
	ares_process_fd(c->ares, in, out);
	c->inside--;
	timer_set(c);
}

static void
fd_ready(evutil_socket_t fd, short what, void *arg)
{
	process(arg, what & EV_READ ? fd : ARES_SOCKET_BAD,
	    what & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static void
timer_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* c-ares says when it wants to be called again, if at all. */
static void
timer_set(struct channel *c)
{
	struct timeval	tv, *next;

	if ((next = ares_timeout(c->ares, NULL, &tv)) != NULL)
		event_add(c->timer, next);
	else
		event_del(c->timer);
}

/*
 * c-ares opened or closed a socket, or waits for something else on it.  Events
 * are kept by descriptor, in an array that grows.
 */
static void
fd_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct event	**p;
	size_t		  n = (size_t)fd + 16;
	short		  want = EV_PERSIST;

	if ((size_t)fd >= dns.nfds) {
		if ((p = reallocarray(dns.fds, n, sizeof(*p))) == NULL) {
			log_warn("dns");	/* the query ends at its deadline */
			return;
		}
		memset(p + dns.nfds, 0, (n - dns.nfds) * sizeof(*p));
		dns.fds = p;
		dns.nfds = n;
	}
	if (dns.fds[fd] != NULL) {
		event_free(dns.fds[fd]);
		dns.fds[fd] = NULL;
	}
	if (readable)
		want |= EV_READ;
	if (writable)
		want |= EV_WRITE;
	if (!readable && !writable)
		return;
	dns.fds[fd] = event_new(dns.base, fd, want, fd_ready, arg);
	if (dns.fds[fd] == NULL || event_add(dns.fds[fd], NULL) == -1)
		log_warnx("dns: no event for a socket");
}

/* The same servers for all channels. -1: logged. */
static int
servers_set(const char *servers)
{
	unsigned int	 i;
	int		 rc = ARES_SUCCESS;
	char		*copy;

	for (i = 0; i < dns.nchannels && rc == ARES_SUCCESS; i++)
		rc = ares_set_servers_ports_csv(dns.channels[i].ares, servers);
	if (rc != ARES_SUCCESS || (copy = strdup(servers)) == NULL) {
		log_warnx("dns: servers \"%s\": %s", servers,
		    ares_strerror(rc == ARES_SUCCESS ? ARES_ENOMEM : rc));
		return (-1);
	}
	free(dns.servers);
	dns.servers = copy;
	return (0);
}

/* No search list, no hosts file, no aliases file: a name is asked as it is. */
static int
channel_init(struct channel *c)
{
	static char		 hosts[] = "b";	/* the DNS alone, no files */
	struct ares_options	 o;
	int			 rc;

	memset(&o, 0, sizeof(o));
	o.timeout = DNS_TRY_MS;
	o.tries = DNS_TRIES;
	o.sock_state_cb = fd_state;
	o.sock_state_cb_data = c;
	o.lookups = hosts;
	o.ndomains = 0;
	o.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
	rc = ares_init_options(&c->ares, &o, ARES_OPT_TIMEOUTMS |
	    ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS |
	    ARES_OPT_DOMAINS | ARES_OPT_FLAGS | ARES_OPT_ROTATE);
	if (rc != ARES_SUCCESS) {
		log_warnx("dns: %s", ares_strerror(rc));
		return (-1);
	}
	if ((c->timer = evtimer_new(dns.base, timer_ready, c)) == NULL) {
		log_warnx("dns: no timer");
		ares_destroy(c->ares);
		return (-1);
	}
	return (0);
}

int
dns_init(struct event_base *base, const char *servers)
{
	int	rc;

	if ((rc = ares_library_init(ARES_LIB_INIT_ALL)) != ARES_SUCCESS) {
		log_warnx("dns: %s", ares_strerror(rc));
		return (-1);
	}
	dns.base = base;
	LIST_INIT(&dns.queries);
	TAILQ_INIT(&dns.lru);
	arc4random_buf(dns.key, sizeof(dns.key));
	dns.up = 1;
	while (dns.nchannels < DNS_CHANNELS &&
	    channel_init(&dns.channels[dns.nchannels]) == 0)
		dns.nchannels++;
	if (dns.nchannels < DNS_CHANNELS || servers_set(servers) == -1) {
		dns_free();
		return (-1);
	}
	return (0);
}

/*
 * c-ares allows new servers only when no question is open, so those that are
 * open fail, and are told so.
 */
int
dns_servers(const char *servers)
{
	struct cached	*c;
	unsigned int	 i;

	if (dns.servers != NULL && strcmp(servers, dns.servers) == 0)
		return (0);
	for (i = 0; i < dns.nchannels; i++)
		ares_cancel(dns.channels[i].ares);
	if (servers_set(servers) == -1)
		return (-1);
	while ((c = TAILQ_FIRST(&dns.lru)) != NULL)
		forget(c);
	return (0);
}

void
dns_free(void)
{
	struct dns_query	*q, *next;
	struct cached		*c;
	size_t			 i;

	if (!dns.up)
		return;
	for (q = LIST_FIRST(&dns.queries); q != NULL; q = next) {
		next = LIST_NEXT(q, entry);
		q->cb = NULL;
		if (q->channel == NULL)
			query_free(q);
	}
	for (i = 0; i < dns.nchannels; i++) {
		ares_destroy(dns.channels[i].ares);
		event_free(dns.channels[i].timer);
	}
	ares_library_cleanup();
	while ((c = TAILQ_FIRST(&dns.lru)) != NULL)
		forget(c);
	for (i = 0; i < dns.nfds; i++)
		if (dns.fds[i] != NULL)
			event_free(dns.fds[i]);
	free(dns.fds);
	free(dns.servers);
	memset(&dns, 0, sizeof(dns));
}

/* The deadline of a query in ms; 0: the next turn of the loop. */
static int
query_arm(struct dns_query *q, int64_t ms)
{
	struct timeval	tv = { ms / 1000, (ms % 1000) * 1000 };

	q->timer = evtimer_new(dns.base, query_timer, q);
	return (q->timer == NULL || event_add(q->timer, &tv) == -1 ? -1 : 0);
}

/* An idle channel, or any when all are busy; the search begins anywhere. */
static struct channel *
channel_pick(void)
{
	struct channel	*c;
	unsigned int	 i, from = arc4random_uniform(DNS_CHANNELS);

	for (i = 0; i < DNS_CHANNELS; i++) {
		c = &dns.channels[(from + i) % DNS_CHANNELS];
		if (c->open == 0 && !c->inside)
			return (c);
	}
	return (&dns.channels[from]);
}

struct dns_query *
dns_ask(const char *name, enum dns_type type, int64_t ms, dns_cb cb, void *arg)
{
	const struct cached	*known;
	struct dns_query	*q;
	struct dns_name		 check;
	struct channel		*c;
	size_t			 len = strlen(name);

	if (!dns.up || len > DNS_NAME_MAX ||
	    dns_name_from(&check, name) == -1 ||
	    (q = calloc(1, sizeof(*q))) == NULL)
		return (NULL);
	memcpy(q->name, name, len);
	ascii_lower_str(q->name);
	q->type = type;
	q->cb = cb;
	q->arg = arg;
	LIST_INSERT_HEAD(&dns.queries, q, entry);
	if ((known = cache_get(q->name, type)) != NULL) {
		q->ready = cached_answer(known);
		ms = 0;
	}
	if ((known != NULL && q->ready == NULL) || query_arm(q, ms) == -1) {
		query_free(q);
		return (NULL);
	}
	if (known != NULL)
		return (q);
	c = q->channel = channel_pick();
	c->open++;
	q->asking = 1;
	ares_query(c->ares, q->name, DNS_CLASS_IN, (int)type, query_done, q);
	q->asking = 0;
	timer_set(c);
	return (q);
}

void
dns_cancel(struct dns_query *q)
{
	if (q != NULL)
		query_end(q);
}
