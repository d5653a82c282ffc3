/*
 * Which logged packets are connections that count, and how often store hears
 * of each host: at once when the host is new to us, then only after a while,
 * with the number of connections since.  So a busy host costs store a bounded
 * number of writes, and so does a sender that makes our mail server write to
 * many hosts.
 *
 * The memory is bounded too: a host is known for as long as store need not
 * hear of it again.  When there is no room a new one is lost, and counted as
 * lost.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/siphash.h"
#include "spamgreyd/track/track.h"

#define BUCKETS	4096		/* five hosts in each when the table is full */

/* In `fresh' until store has heard of it, then in `told'. */
struct host_seen {
	TAILQ_ENTRY(host_seen)	 entry;
	LIST_ENTRY(host_seen)	 hash;
	struct track_seen	 seen;		/* count: not told yet */
	int64_t			 told;		/* ms; -1: never */
};
TAILQ_HEAD(host_list, host_seen);

struct track_hosts {
	struct host_list	 fresh, told;	/* the oldest first */
	/* The key is random: clients choose their addresses, and must not
	 * choose the bucket. */
	LIST_HEAD(, host_seen)	 bucket[BUCKETS];
	size_t			 n;
	uint8_t			 key[16];
	struct track_counts	 counts;
};

/* The caller frees it with track_hosts_free(). NULL: no memory. */
struct track_hosts *
track_hosts_new(void)
{
	struct track_hosts	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	TAILQ_INIT(&t->fresh);
	TAILQ_INIT(&t->told);
	arc4random_buf(t->key, sizeof(t->key));
	return (t);
}

/* Removes a host from its list and the table. */
static void
host_forget(struct track_hosts *t, struct host_list *list, struct host_seen *h)
{
	TAILQ_REMOVE(list, h, entry);
	LIST_REMOVE(h, hash);
	t->n--;
	free(h);
}

void
track_hosts_free(struct track_hosts *t)
{
	struct host_seen	*h;

	if (t == NULL)
		return;
	while ((h = TAILQ_FIRST(&t->fresh)) != NULL)
		host_forget(t, &t->fresh, h);
	while ((h = TAILQ_FIRST(&t->told)) != NULL)
		host_forget(t, &t->told, h);
	free(t);
}

/* Valid until track_hosts_free(). */
const struct track_counts *
track_hosts_counts(const struct track_hosts *t)
{
	return (&t->counts);
}

size_t
track_hosts_known(const struct track_hosts *t)
{
	return (t->n);
}

static int
is_ours(const struct track_rules *r, const struct addr *a)
{
	size_t	i;

	for (i = 0; i < r->nours; i++)
		if (prefix_has(&r->ours[i], a))
			return (1);
	return (0);
}

/* An address that no host could have that mails with us: loopback,
 * link-local, unspecified, multicast. */
static int
is_nobody(const struct addr *a)
{
	static const struct addr	zero;

	if (addr_is_loopback(a) || addr_cmp(a, &zero) == 0)
		return (1);
	if (addr_is4(a))
		return (a->b[12] == 0 || a->b[12] >= 224 ||
		    (a->b[12] == 169 && a->b[13] == 254));
	return (a->b[0] == 0xff || (a->b[0] == 0xfe &&
	    (a->b[1] & 0xc0) == 0x80));
}

/* Did the packet go through the interface that counts?  pflog has its name,
 * NFLOG its number. */
static int
is_there(const struct track_rules *r, const struct logpkt *k)
{
	if (r->ifname[0] == '\0')
		return (1);
	if (k->ifname[0] != '\0')
		return (strcmp(k->ifname, r->ifname) == 0);
	return (r->ifindex != 0 &&
	    (k->indev == r->ifindex || k->outdev == r->ifindex));
}

/*
 * Does the connection count, and in which direction?  Outbound is what our
 * mail server's address sends; where the log has no direction the address
 * alone decides.  A packet that comes in with our address as its source is
 * forged, and one that goes out with another's is not of our mail server.
 * Returns 1 with *seen filled in, or 0; either way it is counted.
 */
static int
attribute_conn(struct track_hosts *t, const struct track_rules *r,
    const struct logpkt *k, const struct logsyn *s, struct track_seen *seen)
{
	int	ours = is_ours(r, &s->src);

	seen->count = 1;
	seen->outbound = k->dir == LOGPKT_OUT ||
	    (k->dir == LOGPKT_UNKNOWN && ours);
	seen->host = seen->outbound ? s->dst : s->src;
	if (seen->outbound != ours || (seen->outbound && !r->outbound) ||
	    is_nobody(&seen->host) ||
	    (seen->outbound && is_ours(r, &s->dst))) {
		t->counts.not_ours++;
		return (0);
	}
	if (seen->outbound)
		t->counts.outbound++;
	else
		t->counts.inbound++;
	return (1);
}

/* The table's entry of a host in that direction, which is made if it is
 * new.  NULL: no room or no memory. */
static struct host_seen *
host_find(struct track_hosts *t, const struct track_seen *seen)
{
	struct host_seen	*h;
	size_t			 b = siphash24(t->key, seen->host.b,
				    sizeof(seen->host.b)) % BUCKETS;

	LIST_FOREACH(h, &t->bucket[b], hash)
		if (h->seen.outbound == seen->outbound &&
		    addr_cmp(&h->seen.host, &seen->host) == 0)
			return (h);
	if (t->n >= TRACK_HOSTS_MAX ||
	    (h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->seen = *seen;
	h->seen.count = 0;
	h->told = -1;
	TAILQ_INSERT_TAIL(&t->fresh, h, entry);
	LIST_INSERT_HEAD(&t->bucket[b], h, hash);
	t->n++;
	return (h);
}

int
track_hosts_see(struct track_hosts *t, const struct track_rules *r,
    unsigned int linktype, const uint8_t *p, size_t len,
    struct track_seen *seen)
{
	struct host_seen	*h;
	struct logpkt		 k;
	struct logsyn		 s;
	int			 syn;

	t->counts.packets++;
	if ((linktype == LOGPKT_PFLOG ? pflog_parse(p, len, &k) :
	    nflog_parse(p, len, &k)) == -1 ||
	    (syn = logsyn_parse(k.ip, k.iplen, &s)) == -1) {
		t->counts.malformed++;
		return (0);
	}
	if (!k.passed || !syn || s.dport != TRACK_PORT) {
		t->counts.other++;
		return (0);
	}
	if (!is_there(r, &k)) {
		t->counts.elsewhere++;
		return (0);
	}
	if (!attribute_conn(t, r, &k, &s, seen))
		return (0);
	if ((h = host_find(t, seen)) == NULL)
		t->counts.lost++;
	else if (h->seen.count < UINT32_MAX)
		h->seen.count++;
	return (1);
}

/* Store is told about the host now: the entry moves to the end of `told'. */
static void
host_told(struct track_hosts *t, struct host_list *list, struct host_seen *h,
    int64_t now, struct track_seen *seen)
{
	*seen = h->seen;
	h->seen.count = 0;
	h->told = now;
	TAILQ_REMOVE(list, h, entry);
	TAILQ_INSERT_TAIL(&t->told, h, entry);
}

/*
 * Hosts in `told' that store should not hear of for a while are either told
 * again, when there were more connections, or forgotten.  With `all' a host
 * that was just told is met again in the same call, now with nothing to tell,
 * and is forgotten: the table becomes empty.
 */
size_t
track_hosts_take(struct track_hosts *t, int all, int64_t every_ms, int64_t now,
    struct track_seen *seen, size_t max)
{
	struct host_seen	*h;
	size_t			 n = 0;

	while (n < max && (h = TAILQ_FIRST(&t->told)) != NULL &&
	    (all || now - h->told >= every_ms)) {
		if (h->seen.count > 0)
			host_told(t, &t->told, h, now, &seen[n++]);
		else
			host_forget(t, &t->told, h);
	}
	while (n < max && (h = TAILQ_FIRST(&t->fresh)) != NULL)
		host_told(t, &t->fresh, h, now, &seen[n++]);
	return (n);
}
