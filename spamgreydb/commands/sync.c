/*
 * spamgreydb sync host …: the side of a bulk sync that drives.  All ways to
 * the hosts are opened first, as whoever called us, since root is given up
 * when the database is opened here.  Then host by host: compare, and exchange
 * what differs batch by batch; each batch is on disk on both sides before the
 * next, so what an interrupted run did need not be done again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/sync/merge.h"
#include "spamgreydb/sync/sync.h"

#define PROGRESS_MS	200
#define SSH		"ssh"
#define PROGRAM		"spamgreydb"

struct peer {
	struct sync_link	 link;
	int			 failed;
	/* found; ours: only we have it */
	uint64_t		 ours, theirs, both;
	uint64_t		 taken, given;	/* changes here, and there */
	uint64_t		 differ;	/* in the end */
	uint64_t		 at_taken;	/* sync.taken when it was done */
	struct bulk_done	 here, there;	/* what was refused */
};

struct sync {
	struct sync_local	 local;
	const struct args	*args;
	struct peer		*peer;		/* whose turn it is */
	uint64_t		 taken;		/* of all peers */
	uint64_t		 get[BULK_ASK_MAX], put[BULK_ASK_MAX];
	size_t			 nget, nput;
	int			 progress;	/* standard error is a terminal */
	int64_t			 shown;
};

static void
show_progress(struct sync *s, int last)
{
	struct peer	*p = s->peer;
	int64_t		 now = clock_mono();

	if (!s->progress || (!last && now - s->shown < PROGRESS_MS))
		return;
	s->shown = now;
	fprintf(stderr, "\r%s: %zu entries here, %llu differ, %llu taken, "
	    "%llu given%s", p->link.host, s->local.set.n,
	    (unsigned long long)(p->ours + p->theirs + p->both),
	    (unsigned long long)p->taken, (unsigned long long)p->given,
	    last ? "\n" : "");
	fflush(stderr);
}

/* Are we of one version, one way of cutting keys, and about one time? */
static int
greet(struct sync *s, struct peer *p)
{
	struct bulk_hello	ours, h;
	struct bulk_get		f;
	int64_t			ahead;

	local_hello(&s->local, &ours);
	bulk_hello(&p->link.frame, &ours);
	if (link_ask(&p->link, BULK_HELLO, &f) == -1)
		return (-1);
	if (bulk_get_hello(&f, &h) == -1) {
		out_error("%s: its answer is malformed", p->link.host);
		return (-1);
	}
	if (h.version != BULK_VERSION) {
		out_error("%s: its spamgreydb speaks version %u of sync and "
		    "this one %u; install the same release on both",
		    p->link.host, h.version, BULK_VERSION);
		return (-1);
	}
	if (h.match4 != ours.match4 || h.match6 != ours.match6 ||
	    h.admit4 != ours.admit4 || h.admit6 != ours.admit6 ||
	    h.helo != ours.helo) {
		out_error("%s: its `match' (ip4 /%u ip6 /%u%s) or `admit' "
		    "(ip4 /%u ip6 /%u) is not ours; to be the same the two "
		    "databases need the same in both spamgreyd.conf",
		    p->link.host, h.match4, h.match6, h.helo ? " helo" : "",
		    h.admit4, h.admit6);
		return (-1);
	}
	ahead = h.now - clock_wall();
	if (ahead > MERGE_AHEAD || ahead < -MERGE_AHEAD) {
		out_error("%s: its clock is %lld seconds %s ours; at most %d "
		    "is allowed, so set one of them right", p->link.host,
		    (long long)(ahead < 0 ? -ahead : ahead),
		    ahead < 0 ? "behind" : "ahead of", MERGE_AHEAD);
		return (-1);
	}
	return (0);
}

/* Both sides look what there is, at the same time. */
static int
begin(struct sync *s, struct peer *p, struct bulk_sum *theirs)
{
	struct bulk_get	f;
	uint8_t		seed[BULK_SEED];
	int64_t		asof = clock_wall();
	int		rc;

	arc4random_buf(seed, sizeof(seed));
	bulk_start(&p->link.frame, seed, asof);
	rc = link_send(&p->link);
	if (rc == 0 && local_index(&s->local, seed, asof) == -1)
		return (-1);
	if (link_answer(&p->link, BULK_SUMS, &f) == -1)
		return (-1);
	if (rc == -1 || bulk_get_sum(&f, theirs) == -1 || f.left != 0) {
		out_error("%s: its answer is malformed", p->link.host);
		return (-1);
	}
	return (0);
}

/* Their states of the ids waiting are merged here. */
static int
take(struct sync *s, struct peer *p)
{
	struct bulk_get	f;
	uint32_t	before;
	uint16_t	done;
	size_t		i, at = 0;

	while (at < s->nget) {
		bulk_begin(&p->link.frame, BULK_GET);
		for (i = at; i < s->nget; i++)
			bulk_id(&p->link.frame, s->get[i]);
		if (link_ask(&p->link, BULK_STATES, &f) == -1)
			return (-1);
		if (bulk_get_u16(&f, &done) == -1 || done == 0 ||
		    done > s->nget - at) {
			out_error("%s: its answer is malformed",
			    p->link.host);
			return (-1);
		}
		at += done;
		before = p->here.news;
		if (local_merge(&s->local, f.p, f.left, &p->here) == -1)
			return (-1);
		p->taken += p->here.news - before;
		s->taken += p->here.news - before;
	}
	s->nget = 0;
	return (0);
}

/* Ours are merged there; what was just taken is in them. */
static int
give(struct sync *s, struct peer *p)
{
	struct bulk_get		f;
	struct bulk_done	d;
	size_t			n, at = 0;

	while (at < s->nput) {
		bulk_begin(&p->link.frame, BULK_PUT);
		if (local_states(&s->local, s->put + at, s->nput - at,
		    &p->link.frame, &n) == -1)
			return (-1);
		at += n;
		if (link_ask(&p->link, BULK_DONE, &f) == -1)
			return (-1);
		if (bulk_get_done(&f, &d) == -1) {
			out_error("%s: its answer is malformed",
			    p->link.host);
			return (-1);
		}
		p->given += d.news;
		p->there.refused += d.refused;
		if (p->there.why[0] == '\0')
			strlcpy(p->there.why, d.why, sizeof(p->there.why));
	}
	s->nput = 0;
	return (0);
}

static int
exchange(struct sync *s)
{
	if (take(s, s->peer) == -1 || give(s, s->peer) == -1)
		return (-1);
	show_progress(s, 0);
	return (0);
}

static int
found(int ours, int theirs, uint64_t id, void *arg)
{
	struct sync	*s = arg;
	struct peer	*p = s->peer;

	if (ours && theirs)
		p->both++;
	else if (ours)
		p->ours++;
	else
		p->theirs++;
	if (s->args->dry)
		return (0);
	if (theirs)
		s->get[s->nget++] = id;
	if (ours)
		s->put[s->nput++] = id;
	if (s->nget == BULK_ASK_MAX || s->nput == BULK_ASK_MAX)
		return (exchange(s));
	return (0);
}

static int
still_differs(int ours, int theirs, uint64_t id, void *arg)
{
	struct peer	*p = arg;

	(void)ours;
	(void)theirs;
	(void)id;
	p->differ++;
	return (0);
}

static int
sync_peer(struct sync *s, struct peer *p)
{
	const struct sync_diff	 work = { found, s };
	const struct sync_diff	 check = { still_differs, p };
	struct bulk_sum		 theirs;
	struct bulk_get		 f;

	s->peer = p;
	s->nget = s->nput = 0;
	p->differ = 0;
	if (begin(s, p, &theirs) == -1)
		return (-1);
	show_progress(s, 0);
	if (sync_compare(&s->local, &p->link, &theirs, &work) == -1)
		return (-1);
	if (!s->args->dry && (exchange(s) == -1 ||
	    begin(s, p, &theirs) == -1 ||
	    sync_compare(&s->local, &p->link, &theirs, &check) == -1))
		return (-1);
	show_progress(s, 1);
	p->at_taken = s->taken;
	bulk_begin(&p->link.frame, BULK_END);
	return (link_ask(&p->link, BULK_DONE, &f));
}

static int
report_json(const struct sync *s, const struct peer *p)
{
	json_t	*o;

	if (s->args->dry)
		o = json_pack("{s:s,s:b,s:I,s:I,s:I}", "host", p->link.host,
		    "dry", 1, "take", (json_int_t)p->theirs, "give",
		    (json_int_t)p->ours, "merge", (json_int_t)p->both);
	else
		o = json_pack("{s:s,s:I,s:I,s:I,s:I}", "host", p->link.host,
		    "taken", (json_int_t)p->taken, "given",
		    (json_int_t)p->given, "refused", (json_int_t)
		    (p->here.refused + p->there.refused), "differ",
		    (json_int_t)p->differ);
	if (o == NULL || json_object_set_new(o, "sent",
	    json_integer((json_int_t)p->link.sent)) == -1 ||
	    json_object_set_new(o, "received",
	    json_integer((json_int_t)p->link.received)) == -1) {
		json_decref(o);
		o = NULL;
	}
	return (out_json(o));
}

/* 0, or 1: not everything is as it ought to be. */
static int
report(const struct sync *s, const struct peer *p)
{
	if (p->failed)
		return (1);
	if (s->args->json) {
		if (report_json(s, p) == -1)
			return (1);
	} else if (s->args->dry)
		printf("%s: would take %llu, give %llu and merge %llu\n",
		    p->link.host, (unsigned long long)p->theirs,
		    (unsigned long long)p->ours,
		    (unsigned long long)p->both);
	else {
		printf("%s: %llu taken, %llu given; %llu octets sent, %llu "
		    "received; ", p->link.host, (unsigned long long)p->taken,
		    (unsigned long long)p->given,
		    (unsigned long long)p->link.sent,
		    (unsigned long long)p->link.received);
		if (p->differ == 0)
			printf("the same now\n");
		else
			printf("%llu differ\n", (unsigned long long)p->differ);
	}
	if (p->here.refused > 0)
		out_error("%s: %u of its entries were refused here: %s",
		    p->link.host, p->here.refused, p->here.why);
	if (p->there.refused > 0)
		out_error("%s: it refused %u of our entries: %s",
		    p->link.host, p->there.refused, p->there.why);
	return (p->here.refused > 0 || p->there.refused > 0);
}

/* Ways to all of them, before the database is asked for. */
static int
open_peers(struct sync *s, struct peer *peers)
{
	const struct args	*a = s->args;
	int			 i, n = 0;

	for (i = 0; i < a->nkeys; i++) {
		struct peer	*p = &peers[i];

		p->failed = link_open(&p->link, a->rsh != NULL ? a->rsh : SSH,
		    a->keys[i], a->program != NULL ? a->program : PROGRAM) ==
		    -1 || greet(s, p) == -1;
		n += !p->failed;
	}
	return (n);
}

/*
 * Who was done before a later one had news for us has not got it; so once
 * more round for those.
 */
static void
sync_all(struct sync *s, struct peer *peers)
{
	int	i, round;

	for (round = 0; round < (s->args->dry ? 1 : 2); round++) {
		for (i = 0; i < s->args->nkeys; i++) {
			struct peer	*p = &peers[i];

			if (p->failed || (round > 0 &&
			    p->at_taken == s->taken))
				continue;
			p->failed = sync_peer(s, p) == -1;
			if (p->failed && s->local.conn == NULL)
				return;		/* nothing can be done */
		}
	}
}

int
cmd_sync(const struct args *args, struct config *conf)
{
	static struct sync	 s;
	struct peer		*peers;
	int			 i, status = 0;

	if (args->answer)
		return (sync_server(conf));
	if ((peers = calloc((size_t)args->nkeys, sizeof(*peers))) == NULL) {
		out_error("no memory");
		return (1);
	}
	s.args = args;
	s.local.conf = conf;
	s.progress = isatty(STDERR_FILENO);
	if (open_peers(&s, peers) > 0) {
		if (local_open(&s.local) == 0)
			sync_all(&s, peers);
		else
			status = 1;
	}
	if (s.local.conn != NULL || status == 0)
		for (i = 0; i < args->nkeys; i++)
			status |= report(&s, &peers[i]);
	if (s.local.unsaid > 0)
		out_error("%u entries here cannot be said to others (control "
		    "characters in them); they stay here only",
		    s.local.unsaid);
	local_close(&s.local);
	for (i = 0; i < args->nkeys; i++)
		link_close(&peers[i].link);
	free(peers);
	return (status);
}
