/*
 * What hosts do behind the handover, as pass reports it: their good and bad
 * messages.  From this follow how long a host stays WHITE, whether `of bad
 * N%' of its messages were bad, and which hosts have sent so much good mail
 * that one bad message never traps or demotes them.
 *
 * It is in memory only, and bounded: MAIL_HOSTS_MAX hosts.  When it is full,
 * hosts without a message for a week go first; then, among the hosts that
 * sent least, the one that was quiet longest.  So no flood of new hosts makes
 * a busy host forgotten.
 *
 * Messages are counted in slots of time: of ten minutes for the last hour, of
 * two hours for the last day, of a day for the last week.  A question for a
 * time is answered from the finest of these that covers it; the oldest slot
 * counts as a whole.
 *
 * The database hears of good mail at most once in MAIL_WRITE_EVERY seconds
 * per host, and of the counts in REPUTE (learn.c) as rarely.  Counts that
 * wait to be written when a host is forgotten, or when we are killed, are
 * lost.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

#define BUCKETS		16384		/* of the hash table */
#define CLASSES		16		/* of hosts, by class_of */
#define RINGS		3		/* hour, day, week */
#define SLOTS		(7 + 13 + 8) /* of the three, one more than they last */
#define WRITE_MAX	128		/* hosts in a transaction */

static const struct {
	int64_t		width;		/* of a slot, seconds */
	unsigned int	n, at;		/* how many, and where they begin */
} rings[RINGS] = {
	{ 600, 7, 0 }, { 7200, 13, 7 }, { 86400, 8, 20 }
};

struct mail_count {
	uint32_t	good, bad;
};

/*
 * The messages of one host.  Each ring of slots has the number of its newest
 * slot in `turn'; a slot's place is its number modulo the ring's size.
 */
struct mail_host {
	TAILQ_ENTRY(mail_host)	 lru;
	LIST_ENTRY(mail_host)	 hash;
	struct addr		 host;
	int64_t			 last;		/* mono s */
	int64_t			 written;	/* mono s: WHITE on disk */
	uint32_t		 unwritten;	/* good ones since then */
	unsigned int		 class;
	int64_t			 turn[RINGS];	/* the newest slot's number */
	struct mail_count		 slot[SLOTS];
	/* Not in the REPUTE entry yet; the host is in `due' meanwhile. */
	TAILQ_ENTRY(mail_host)	 due;
	struct learn_add	 learn;
	struct addr		 client;	/* its last address */
	int64_t			 since;		/* mono s */
};

/*
 * All hosts: in a hash table, by how much they sent, and those that wait for
 * REPUTE.
 */
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

/* Says whether messages wait to be counted in its REPUTE entry. */
static int
is_due(const struct mail_host *h)
{
	return (h->learn.good > 0 || h->learn.bad > 0);
}

/* Forgets a host, with all that it waits for. */
static void
mail_host_drop(struct mails *m, struct mail_host *h)
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
			mail_host_drop(m, h);
	free(m);
}

size_t
mails_hosts(const struct mails *m)
{
	return (m->n);
}

/* The key is secret, so that a client cannot fill one bucket. */
static size_t
mail_bucket(const struct mails *m, const struct addr *host)
{
	return (siphash24(m->key, host->b, sizeof(host->b)) % BUCKETS);
}

static struct mail_host *
mail_host_lookup(const struct mails *m, const struct addr *host)
{
	struct mail_host	*h;

	LIST_FOREACH(h, &m->bucket[mail_bucket(m, host)], hash)
		if (addr_cmp(&h->host, host) == 0)
			return (h);
	return (NULL);
}

/* Forgets the host that is missed least (see the head of the file). */
static void
make_room(struct mails *m, int64_t now)
{
	struct mail_host	*h, *least = NULL;
	unsigned int		 i;

	for (i = 0; i < CLASSES; i++) {
		if ((h = TAILQ_FIRST(&m->lru[i])) == NULL)
			continue;
		if (now - h->last > MAIL_WEEK) {
			mail_host_drop(m, h);
			return;
		}
		if (least == NULL)
			least = h;
	}
	mail_host_drop(m, least);
}

/* Empties the slots that have begun since the host's last message. */
static void
advance_slots(struct mail_host *h, int64_t now)
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

/* Sums the slots of the last `within' seconds. */
static void
mail_host_sum(const struct mail_host *h, int64_t within, int64_t now,
    uint64_t *good, uint64_t *bad)
{
	const struct mail_count	*c;
	int64_t			 turn, oldest;
	unsigned int		 r = 0;

	while (r < RINGS - 1 && rings[r].width * (rings[r].n - 1) < within)
		r++;
	/* The monotonic clock may have started less than `within' ago. */
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

/* The class of a host: the logarithm of its messages in a week. */
static unsigned int
class_of(const struct mail_host *h, int64_t now)
{
	uint64_t	good, bad;
	unsigned int	class = 0;

	mail_host_sum(h, MAIL_WEEK, now, &good, &bad);
	for (good += bad; good > 1 && class < CLASSES - 1; good >>= 1)
		class++;
	return (class);
}

/* Returns the host's record, a new one if there was none; NULL: no memory. */
static struct mail_host *
mail_host_find(struct mails *m, const struct addr *host, int64_t now)
{
	struct mail_host	*h;
	unsigned int		 r;

	if ((h = mail_host_lookup(m, host)) != NULL)
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
	LIST_INSERT_HEAD(&m->bucket[mail_bucket(m, host)], h, hash);
	m->n++;
	return (h);
}

/* Adds one, but never wraps. */
static void
increment(uint32_t *n)
{
	if (*n < UINT32_MAX)
		(*n)++;
}

/* Counts a message; NULL: no memory, and it is not counted. */
static struct mail_host *
mail_host_count(struct mails *m, const struct addr *host, int bad, int64_t now)
{
	struct mail_host	*h;
	struct mail_count		*c;
	unsigned int		 r;

	if ((h = mail_host_find(m, host, now)) == NULL)
		return (NULL);
	advance_slots(h, now);
	for (r = 0; r < RINGS; r++) {
		c = &h->slot[rings[r].at + h->turn[r] % rings[r].n];
		increment(bad ? &c->bad : &c->good);
	}
	h->last = now;
	TAILQ_REMOVE(&m->lru[h->class], h, lru);
	h->class = class_of(h, now);
	TAILQ_INSERT_TAIL(&m->lru[h->class], h, lru);
	return (h);
}

/* A host without a record has sent nothing. */
void
mails_sum(const struct mails *m, const struct addr *host, int64_t within,
    uint64_t *good, uint64_t *bad)
{
	const struct mail_host	*h;

	*good = *bad = 0;
	if ((h = mail_host_lookup(m, host)) != NULL)
		mail_host_sum(h, within, clock_mono() / 1000, good, bad);
}

/* Much good mail, and little bad. */
int
mails_vouch(const struct mails *m, const struct addr *host)
{
	uint64_t	good, bad;

	mails_sum(m, host, MAIL_WEEK, &good, &bad);
	return (good >= MAIL_GOOD_ENOUGH && good >= bad * MAIL_GOOD_FOR_BAD);
}

/*
 * A host that was trapped, or became unknown, while the message was under way
 * does not come back by it.
 */
enum db_result
policy_extend(struct policy *p, const struct addr *host,
    const struct addr *full, uint32_t n)
{
	static struct entry_strings	w;
	struct entry	key, e;
	struct host	state;
	enum db_result	rc;
	int64_t		now = clock_wall();

	if ((rc = policy_host_times(p, host, &state)) != DB_OK)
		return (rc);
	if (state.white == 0 || state.trapped != 0)
		return (DB_OK);
	host_entry_key(ENTRY_WHITE, host, &key);
	if ((rc = db_get(p->db, &key, &e)) != DB_OK)
		return (rc == DB_NONE || rc == DB_BAD ? DB_OK : rc);
	policy_own_strings(&e, &w);
	e.passed = e.passed > UINT32_MAX - n ? UINT32_MAX : e.passed + n;
	e.expire = later_expiry(e.expire, now + p->conf->grey.white);
	p->stat[PST_EXTENDED]++;
	if ((rc = policy_put(p, &e, 1, &e.addr)) != DB_OK)
		return (rc);
	return (policy_changed(p, host, full));
}

/* Keeps a message for policy_mails_write. */
static void
learn_later(struct mails *m, struct mail_host *h, const struct mail_seen *seen,
    int64_t mono)
{
	if (!is_due(h)) {
		h->since = mono;
		TAILQ_INSERT_TAIL(&m->due, h, due);
	}
	increment(seen->bad ? &h->learn.bad : &h->learn.good);
	h->learn.vouched = seen->vouched;
	h->client = seen->client;
}

/*
 * Counts a message.  Good mail is written to WHITE at most once in
 * MAIL_WRITE_EVERY seconds, or in a quarter of its lifetime if that is
 * shorter.
 */
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
	if ((h = mail_host_count(p->mails, &host, m->bad, mono)) == NULL)
		return (DB_OK);
	learn_later(p->mails, h, m, mono);
	if (m->bad)
		return (DB_OK);
	increment(&h->unwritten);
	if (every > MAIL_WRITE_EVERY)
		every = MAIL_WRITE_EVERY;
	if (mono - h->written < every)
		return (DB_OK);
	n = h->unwritten;
	h->unwritten = 0;
	h->written = mono;
	return (policy_extend(p, &h->host, &m->client, n));
}

/*
 * Logs what followed from the counts of a host; what spamgreydb reports is
 * logged by lib/control.
 */
static void
log_learned(const struct mail_host *h, const struct learned *l)
{
	char	ip[ADDR_STRLEN];

	if (l->did == LEARNED_COUNT && l->why_not == NULL)
		return;
	log_info("learn: %s: %s, %u good and %u bad messages%s%s",
	    addr_str(&h->client, ip), policy_learned_str(l), l->good, l->bad,
	    l->why_not != NULL ? ", " : "",
	    l->why_not != NULL ? l->why_not : "");
}

/* When anything fails, all of them go on waiting. */
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
		log_learned(h, &l[i]);
		memset(&h->learn, 0, sizeof(h->learn));
	}
	h = TAILQ_FIRST(&p->mails->due);
	*more = h != NULL && (all || mono - h->since >= MAIL_WRITE_EVERY);
	return (DB_OK);
}
