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
 * each host, and the counts that outlive us (learn.c) as seldom; those
 * that wait to be written when a host is forgotten, or we are killed, are lost.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

#define BUCKETS		16384
#define CLASSES		16		/* by the logarithm of the messages */
#define RINGS		3
#define SLOTS		(7 + 13 + 8)
#define WRITE_MAX	128		/* hosts a transaction */

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
	/* Not in the REPUTE entry yet; in `due' while there is any. */
	TAILQ_ENTRY(mail_host)	 due;
	struct learn_add	 learn;
	struct addr		 client;	/* the last of the host */
	int64_t			 since;		/* mono s */
};

struct mails {
	TAILQ_HEAD(, mail_host)	 lru[CLASSES];	/* the quietest first */
	LIST_HEAD(, mail_host)	 bucket[BUCKETS];
	TAILQ_HEAD(, mail_host)	 due;		/* the longest waiting first */
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
	TAILQ_INIT(&m->due);
	arc4random_buf(m->key, sizeof(m->key));
	return (m);
}

static int
is_due(const struct mail_host *h)
{
	return (h->learn.good > 0 || h->learn.bad > 0);
}

static void
drop(struct mails *m, struct mail_host *h)
{
	if (is_due(h))
		TAILQ_REMOVE(&m->due, h, due);
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

/* Who is trapped, or has become unknown meanwhile, does not come back by a
 * message that was under way. */
enum db_result
policy_extend(struct policy *p, const struct addr *host,
    const struct addr *full, uint32_t n)
{
	static struct words	w;
	struct entry	key, e;
	struct host	state;
	enum db_result	rc;
	int64_t		now = clock_wall();

	if ((rc = host_times(p, host, &state)) != DB_OK)
		return (rc);
	if (state.white == 0 || state.trapped != 0)
		return (DB_OK);
	host_key(ENTRY_WHITE, host, &key);
	if ((rc = db_get(p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	policy_own(&e, &w);
	e.passed = e.passed > UINT32_MAX - n ? UINT32_MAX : e.passed + n;
	e.expire = later(e.expire, now + p->conf->grey.white);
	p->stat[PST_EXTENDED]++;
	if ((rc = policy_put(p, &e, 1, &e.addr)) != DB_OK)
		return (rc);
	return (policy_changed(p, host, full));
}

/* For policy_mails_write. */
static void
learn_later(struct mails *m, struct mail_host *h, const struct mail_seen *seen,
    int64_t mono)
{
	if (!is_due(h)) {
		h->since = mono;
		TAILQ_INSERT_TAIL(&m->due, h, due);
	}
	plus1(seen->bad ? &h->learn.bad : &h->learn.good);
	h->learn.vouched = seen->vouched;
	h->client = seen->client;
}

enum db_result
policy_mail(struct policy *p, const struct mail_seen *m)
{
	struct mail_host	*h;
	struct addr		 host;
	int64_t			 mono = clock_mono() / 1000;
	int64_t			 every = p->conf->grey.white / 4;
	uint32_t		 n;

	p->stat[m->bad ? PST_MAIL_BAD : PST_MAIL_GOOD]++;
	policy_host(p, &m->client, &host);
	if ((h = count(p->mails, &host, m->bad, mono)) == NULL)
		return (DB_OK);
	learn_later(p->mails, h, m, mono);
	if (m->bad)
		return (DB_OK);
	plus1(&h->unwritten);
	if (every > MAIL_WRITE_EVERY)
		every = MAIL_WRITE_EVERY;
	if (mono - h->written < every)
		return (DB_OK);
	n = h->unwritten;
	h->unwritten = 0;
	h->written = mono;
	return (policy_extend(p, &h->host, &m->client, n));
}

/* What came of one; the rest of it is told by spamgreydb. */
static void
say(const struct mail_host *h, const struct learned *l)
{
	char	ip[ADDR_STRLEN];

	if (l->did == LEARNED_COUNT && l->why_not == NULL)
		return;
	log_info("learn: %s: %s, %u good and %u bad messages%s%s",
	    addr_str(&h->client, ip), policy_learned_str(l), l->good, l->bad,
	    l->why_not != NULL ? ", " : "",
	    l->why_not != NULL ? l->why_not : "");
}

/* A failure leaves all of them waiting. */
enum db_result
policy_mails_write(struct policy *p, int all, size_t max, int *more)
{
	struct learned		 l[WRITE_MAX];
	struct mail_host	*h;
	int64_t			 mono = clock_mono() / 1000;
	enum db_result		 rc;
	size_t			 i, n = 0;

	*more = 0;
	h = TAILQ_FIRST(&p->mails->due);
	if (h == NULL || (!all && mono - h->since < MAIL_WRITE_EVERY))
		return (DB_OK);
	if ((rc = policy_begin(p)) != DB_OK)
		return (rc);
	for (; rc == DB_OK && h != NULL && n < max && n < WRITE_MAX &&
	    (all || mono - h->since >= MAIL_WRITE_EVERY);
	    h = TAILQ_NEXT(h, due))
		rc = policy_learn(p, &h->client, &h->learn, &l[n++]);
	if (rc != DB_OK) {
		policy_abort(p);
		return (rc);
	}
	if ((rc = policy_commit(p)) != DB_OK)
		return (rc);
	for (i = 0; i < n; i++) {
		h = TAILQ_FIRST(&p->mails->due);
		TAILQ_REMOVE(&p->mails->due, h, due);
		say(h, &l[i]);
		memset(&h->learn, 0, sizeof(h->learn));
	}
	h = TAILQ_FIRST(&p->mails->due);
	*more = h != NULL && (all || mono - h->since >= MAIL_WRITE_EVERY);
	return (DB_OK);
}
