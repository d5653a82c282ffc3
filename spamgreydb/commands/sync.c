/*
 * spamgreydb sync host ...: the side of a bulk sync that asks; sync/server.c is
 * the other side.  The connections to all hosts are opened first, as the user
 * who called, since root's privileges are dropped when the database is opened
 * here.  Then each host in turn is compared, and what differs is exchanged in
 * batches.  Each batch is on disk on both sides before the next one, so that
 * work of an interrupted run need not be repeated.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/clock.h"
#include "lib/sync/merge.h"
#include "spamgreydb/sync/sync.h"

#define PROGRESS_MS	200	/* ms between lines of progress */
#define ROUNDS		2	/* the second is for news of later hosts */
#define SSH		"ssh"		/* -e */
#define PROGRAM		"spamgreydb"	/* --program: on the other host */

/* One of the hosts, and what was done with it. */
struct sync_host {
	struct sync_link	 link;
	int			 failed;	/* reported; it is left out */
	/* ids found: only here, only there, different on both */
	uint64_t		 ours, theirs, both;
	uint64_t		 taken, given;	/* changes here and there */
	uint64_t		 differ;	/* ids that still differ */
	uint64_t		 at_taken;	/* run.taken when it was done */
	struct bulk_done	 here, there;	/* refused by each side */
};

/* The whole run. */
struct sync_run {
	struct sync_local	 local;
	const struct args	*args;
	struct sync_host	*peer;		/* the host that is done now */
	uint64_t		 taken;		/* changes from all hosts */
	/* the batch: ids whose states are to be taken and given */
	uint64_t		 get[BULK_ASK_MAX], put[BULK_ASK_MAX];
	size_t			 nget, nput;
	int			 progress; /* standard error is a terminal */
	int64_t			 shown;	/* clock_mono of the last progress */
};

/* Shows one line of progress, on a terminal only; last: the final one. */
static void
sync_progress(struct sync_run *s, int last)
{
	struct sync_host	*p = s->peer;
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

/*
 * Exchanges HELLO: both sides must have one version, cut addresses in the same
 * way, since the keys of entries depend on it, and have about the same time.
 * 0, or -1: reported.
 */
static int
greet(struct sync_run *s, struct sync_host *p)
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
		out_error("%s: its `match' (ip4 /%u ip6 /%u%s) or `admit' (ip4 "
			  "/%u ip6 /%u) differs from ours; both spamgreyd.conf "
			  "need the same values",
		    p->link.host, h.match4, h.match6, h.helo ? " helo" : "",
		    h.admit4, h.admit6);
		return (-1);
	}
	ahead = h.now - clock_wall();
	if (ahead > MERGE_AHEAD || ahead < -MERGE_AHEAD) {
		out_error("%s: its clock is %lld seconds %s ours; at most %d "
			  "are allowed; correct one of the clocks",
		    p->link.host, (long long)(ahead < 0 ? -ahead : ahead),
		    ahead < 0 ? "behind" : "ahead of", MERGE_AHEAD);
		return (-1);
	}
	return (0);
}

/*
 * Makes both sides index their database, at the same time and with a new seed:
 * *theirs is the sum of all that the other side has.  0, or -1: reported.
 */
static int
start_round(struct sync_run *s, struct sync_host *p, struct bulk_sum *theirs)
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

/*
 * Merges here the states that the other side has of the ids in get.  It may
 * answer fewer than were asked, if they do not fit into one frame; the others
 * are asked again.  0, or -1: reported.
 */
static int
take_theirs(struct sync_run *s, struct sync_host *p)
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

/*
 * Merges there the states that we have of the ids in put.  Changes that were
 * just taken are in them already.  0, or -1: reported.
 */
static int
give_ours(struct sync_run *s, struct sync_host *p)
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

/*
 * Takes first, so that what is given includes what was taken.  0, or -1:
 * reported.
 */
static int
exchange(struct sync_run *s)
{
	if (take_theirs(s, s->peer) == -1 || give_ours(s, s->peer) == -1)
		return (-1);
	sync_progress(s, 0);
	return (0);
}

/*
 * Called by sync_compare for an id that differs.  It is put into the batch, and
 * a full batch is exchanged.  A dry run only counts.
 */
static int
found(int ours, int theirs, uint64_t id, void *arg)
{
	struct sync_run	*s = arg;
	struct sync_host	*p = s->peer;

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

/* Called in the second comparison, after the exchange: it only counts. */
static int
still_differs(int ours, int theirs, uint64_t id, void *arg)
{
	struct sync_host	*p = arg;

	(void)ours;
	(void)theirs;
	(void)id;
	p->differ++;
	return (0);
}

/*
 * Compares, exchanges, and compares again to see what still differs.  0, or -1:
 * reported.
 */
static int
sync_peer(struct sync_run *s, struct sync_host *p)
{
	const struct sync_diff	 work = { found, s };
	const struct sync_diff	 check = { still_differs, p };
	struct bulk_sum		 theirs;
	struct bulk_get		 f;

	s->peer = p;
	s->nget = s->nput = 0;
	p->differ = 0;
	if (start_round(s, p, &theirs) == -1)
		return (-1);
	sync_progress(s, 0);
	if (sync_compare(&s->local, &p->link, &theirs, &work) == -1)
		return (-1);
	if (!s->args->dry && (exchange(s) == -1 ||
	    start_round(s, p, &theirs) == -1 ||
	    sync_compare(&s->local, &p->link, &theirs, &check) == -1))
		return (-1);
	sync_progress(s, 1);
	p->at_taken = s->taken;
	bulk_begin(&p->link.frame, BULK_END);
	return (link_ask(&p->link, BULK_DONE, &f));
}

/* 0, or -1: output failed, which is reported. */
static int
report_json(const struct sync_run *s, const struct sync_host *p)
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

/*
 * Prints what was done with one host.  Returns its part of the exit status: 0,
 * or 1 when it failed or an entry was refused.
 */
static int
report_host(const struct sync_run *s, const struct sync_host *p)
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
		printf("%s: %llu taken, %llu given; %llu bytes sent, %llu "
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

/* Opens the connections to all hosts.  Returns how many of them can be used. */
static int
open_peers(struct sync_run *s, struct sync_host *peers)
{
	const struct args	*a = s->args;
	int			 i, n = 0;

	for (i = 0; i < a->nkeys; i++) {
		struct sync_host	*p = &peers[i];

		p->failed = link_open(&p->link, a->rsh != NULL ? a->rsh : SSH,
		    a->keys[i], a->program != NULL ? a->program : PROGRAM) ==
		    -1 || greet(s, p) == -1;
		n += !p->failed;
	}
	return (n);
}

/*
 * A host that was done before a later one had news for us lacks that news, so
 * such hosts get a second round.
 */
static void
sync_all(struct sync_run *s, struct sync_host *peers)
{
	int	i, round;

	for (round = 0; round < (s->args->dry ? 1 : ROUNDS); round++) {
		for (i = 0; i < s->args->nkeys; i++) {
			struct sync_host	*p = &peers[i];

			if (p->failed || (round > 0 &&
			    p->at_taken == s->taken))
				continue;
			p->failed = sync_peer(s, p) == -1;
			if (p->failed && s->local.conn == NULL)
				return;		/* the database was lost */
		}
	}
}

/*
 * A host that fails does not keep the others from being synced.  --server is
 * the other side.
 */
int
cmd_sync(const struct args *args, struct config *conf)
{
	static struct sync_run	 s;
	struct sync_host		*peers;
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
			status |= report_host(&s, &peers[i]);
	if (s.local.unsaid > 0)
		out_error("%u entries here cannot be sent to others (they "
			  "contain control characters)",
		    s.local.unsaid);
	local_close(&s.local);
	for (i = 0; i < args->nkeys; i++)
		link_close(&peers[i].link);
	free(peers);
	return (status);
}
