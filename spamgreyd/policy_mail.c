/*
 * What hosts do behind the gate, as pass tells it: their messages, good and
 * bad.  From that follow how long a host stays WHITE, whether `of bad N%' of
 * its messages were, and who has sent so much good mail that one bad message
 * never traps or demotes it.
 *
 * In memory only, and bounded: MAIL_HOSTS_MAX hosts.  Those whose week is over
 * go first, then of those that sent least the one that was quiet longest, so
 * that no flood of newcomers makes a busy host forgotten.  A time is looked
 * at in slots of a sixth of an hour, a twelfth of a day or a seventh of a week,
 * whichever of these three holds it; the oldest slot counts as a whole.
 *
 * The database hears of good mail at most once in MAIL_WRITE_EVERY seconds for
 * each host.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"
#include "../lib/siphash.h"
#include "policy_int.h"

#define BUCKETS		16384
#define CLASSES		16		/* by the logarithm of the messages */
#define RINGS		3
#define SLOTS		(7 + 13 + 8)

static const struct {
	int64_t		width;		/* s, of a slot */
	unsigned int	n, at;		/* slots, and the first one's place */
} rings[RINGS] = {
	{ 600, 7, 0 }, { 7200, 13, 7 }, { 86400, 8, 20 }
};

struct count {
	uint32_t	good, bad;
};

struct mail_host {
	TAILQ_ENTRY(mail_host)	 lru;
	LIST_ENTRY(mail_host)	 hash;
	struct addr		 host;
	int64_t			 last;		/* mono s */
	int64_t			 written;	/* mono s; of WHITE, on disk */
	uint32_t		 unwritten;	/* good ones since then */
	unsigned int		 class;
	int64_t			 turn[RINGS];	/* the newest slot's number */
	struct count		 slot[SLOTS];
};

struct mails {
	TAILQ_HEAD(, mail_host)	 lru[CLASSES];	/* the quietest first */
	LIST_HEAD(, mail_host)	 bucket[BUCKETS];
	size_t			 n;
	uint8_t			 key[16];
};

struct mails *
mails_new(void)
{
	struct mails	*m;
	unsigned int	 i;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	for (i = 0; i < CLASSES; i++)
		TAILQ_INIT(&m->lru[i]);
	arc4random_buf(m->key, sizeof(m->key));
	return (m);
}

static void
drop(struct mails *m, struct mail_host *h)
{
	TAILQ_REMOVE(&m->lru[h->class], h, lru);
	LIST_REMOVE(h, hash);
	m->n--;
	free(h);
}

void
mails_free(struct mails *m)
{
	unsigned int		 i;
	struct mail_host	*h;

	if (m == NULL)
		return;
	for (i = 0; i < CLASSES; i++)
		while ((h = TAILQ_FIRST(&m->lru[i])) != NULL)
			drop(m, h);
	free(m);
}

size_t
mails_hosts(const struct mails *m)
{
	return (m->n);
}

static size_t
bucket(const struct mails *m, const struct addr *host)
{
	return (siphash24(m->key, host->b, sizeof(host->b)) % BUCKETS);
}

static struct mail_host *
lookup(const struct mails *m, const struct addr *host)
{
	struct mail_host	*h;

	LIST_FOREACH(h, &m->bucket[bucket(m, host)], hash)
		if (addr_cmp(&h->host, host) == 0)
			return (h);
	return (NULL);
}

static void
make_room(struct mails *m, int64_t now)
{
	struct mail_host	*h, *least = NULL;
	unsigned int		 i;

	for (i = 0; i < CLASSES; i++) {
		if ((h = TAILQ_FIRST(&m->lru[i])) == NULL)
			continue;
		if (now - h->last > MAIL_WEEK) {
			drop(m, h);
			return;
		}
		if (least == NULL)
			least = h;
	}
	drop(m, least);
}

/* The slots that have begun since the last message are empty. */
static void
advance(struct mail_host *h, int64_t now)
{
	int64_t		turn;
	unsigned int	r;

	for (r = 0; r < RINGS; r++) {
		turn = now / rings[r].width;
		if (turn - h->turn[r] > rings[r].n)
			h->turn[r] = turn - rings[r].n;
		while (h->turn[r] < turn) {
			h->turn[r]++;
			memset(&h->slot[rings[r].at + h->turn[r] %
			    rings[r].n], 0, sizeof(h->slot[0]));
		}
	}
}

static void
sum(const struct mail_host *h, int64_t within, int64_t now, uint64_t *good,
    uint64_t *bad)
{
	const struct count	*c;
	int64_t			 turn, oldest;
	unsigned int		 r = 0;

	while (r < RINGS - 1 && rings[r].width * (rings[r].n - 1) < within)
		r++;
	/* A clock that counts from a start may be less than the time. */
	oldest = now > within ? (now - within) / rings[r].width : 0;
	if (oldest <= h->turn[r] - rings[r].n)
		oldest = h->turn[r] - rings[r].n + 1;
	if (oldest < 0)
		oldest = 0;
	*good = *bad = 0;
	for (turn = oldest; turn <= h->turn[r]; turn++) {
		c = &h->slot[rings[r].at + turn % rings[r].n];
		*good += c->good;
		*bad += c->bad;
	}
}

static unsigned int
class_of(const struct mail_host *h, int64_t now)
{
	uint64_t	good, bad;
	unsigned int	class = 0;

	sum(h, MAIL_WEEK, now, &good, &bad);
	for (good += bad; good > 1 && class < CLASSES - 1; good >>= 1)
		class++;
	return (class);
}

/* The host's record, a new one if need be; NULL: no memory. */
static struct mail_host *
find(struct mails *m, const struct addr *host, int64_t now)
{
	struct mail_host	*h;
	unsigned int		 r;

	if ((h = lookup(m, host)) != NULL)
		return (h);
	if (m->n >= MAIL_HOSTS_MAX)
		make_room(m, now);
	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->host = *host;
	h->written = INT64_MIN / 2;
	for (r = 0; r < RINGS; r++)
		h->turn[r] = now / rings[r].width;
	TAILQ_INSERT_TAIL(&m->lru[0], h, lru);
	LIST_INSERT_HEAD(&m->bucket[bucket(m, host)], h, hash);
	m->n++;
	return (h);
}

static void
plus1(uint32_t *n)
{
	if (*n < UINT32_MAX)
		(*n)++;
}

static struct mail_host *
count(struct mails *m, const struct addr *host, int bad, int64_t now)
{
	struct mail_host	*h;
	struct count		*c;
	unsigned int		 r;

	if ((h = find(m, host, now)) == NULL)
		return (NULL);
	advance(h, now);
	for (r = 0; r < RINGS; r++) {
		c = &h->slot[rings[r].at + h->turn[r] % rings[r].n];
		plus1(bad ? &c->bad : &c->good);
	}
	h->last = now;
	TAILQ_REMOVE(&m->lru[h->class], h, lru);
	h->class = class_of(h, now);
	TAILQ_INSERT_TAIL(&m->lru[h->class], h, lru);
	return (h);
}

void
mails_sum(const struct mails *m, const struct addr *host, int64_t within,
    uint64_t *good, uint64_t *bad)
{
	const struct mail_host	*h;

	*good = *bad = 0;
	if ((h = lookup(m, host)) != NULL)
		sum(h, within, clock_mono() / 1000, good, bad);
}

/* Much good mail, and little bad: content is no reason against such a host. */
int
mails_vouch(const struct mails *m, const struct addr *host)
{
	uint64_t	good, bad;

	mails_sum(m, host, MAIL_WEEK, &good, &bad);
	return (good >= MAIL_GOOD_ENOUGH && good >= bad * MAIL_GOOD_FOR_BAD);
}

/* WHITE lives on; who is trapped, or has become unknown meanwhile, does not
 * come back by a message that was under way. */
static enum db_result
extend(struct policy *p, struct mail_host *h, const struct addr *client,
    int64_t mono)
{
	struct entry	key, e;
	struct host	state;
	enum db_result	rc;
	int64_t		now = clock_wall();
	char		comment[ENTRY_STR_MAX + 1];
	uint32_t	n = h->unwritten;

	h->unwritten = 0;
	h->written = mono;
	if ((rc = host_times(p, &h->host, now, &state)) != DB_OK)
		return (rc);
	if (state.white == 0 || state.trapped != 0)
		return (DB_OK);
	host_key(ENTRY_WHITE, &h->host, &key);
	if ((rc = db_get(p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	strlcpy(comment, e.comment, sizeof(comment));
	e.comment = comment;
	e.passed = e.passed > UINT32_MAX - n ? UINT32_MAX : e.passed + n;
	e.expire = later(e.expire, now + p->conf->grey.white);
	p->stat[PST_EXTENDED]++;
	if ((rc = policy_put(p, &e, 1, &e.addr)) != DB_OK)
		return (rc);
	return (policy_changed(p, &h->host, client));
}

enum db_result
policy_mail(struct policy *p, const struct mail_seen *m)
{
	struct mail_host	*h;
	struct addr		 host;
	int64_t			 mono = clock_mono() / 1000;
	int64_t			 every = p->conf->grey.white / 4;

	p->stat[m->bad ? PST_MAIL_BAD : PST_MAIL_GOOD]++;
	policy_host(p, &m->client, &host);
	if ((h = count(p->mails, &host, m->bad, mono)) == NULL || m->bad)
		return (DB_OK);
	plus1(&h->unwritten);
	if (every > MAIL_WRITE_EVERY)
		every = MAIL_WRITE_EVERY;
	if (mono - h->written < every)
		return (DB_OK);
	return (extend(p, h, &m->client, mono));
}
