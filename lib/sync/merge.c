/*
 * Merging of entries; what it means is in merge.h.  No clock, no database, no
 * process: all of that is the caller's.
 *
 * The result does not depend on the order because each part is a maximum in
 * some order of its own.  A new field therefore belongs into one of the parts,
 * never beside them.
 */
#include <string.h>

#include "lib/sync/merge.h"

/* A deletion is kept at least so long behind what it deleted for ever. */
#define KEEP_FOREVER	(366 * INT64_C(86400))
#define KEEP_MAX	(10 * KEEP_FOREVER)

/* 0 means never, which is later than any time. */
static int64_t
later_expiry(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return (0);
	return (a > b ? a : b);
}

/* The later of two times of which 0 is the earliest. */
static int64_t
greater(int64_t a, int64_t b)
{
	return (a > b ? a : b);
}

/* 0 means unknown, as in a trap that came from spamdb. */
static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return (a == 0 ? b : a);
	return (a < b ? a : b);
}

int
merge_syncs(enum entry_type type)
{
	return (type == ENTRY_GREY || type == ENTRY_WHITE ||
	    type == ENTRY_TRAPPED || type == ENTRY_SPAMTRAP ||
	    type == ENTRY_STAMP);
}

/* Is there an assertion, or only a deletion? */
static int
has_times(const struct merge_state *s)
{
	return (s->e.last != 0);
}

/* What has expired counts as absent. */
static void
no_times(struct merge_state *s)
{
	s->e.last = s->e.gen = 0;
	s->e.first = s->e.pass = s->e.expire = 0;
	s->e.block = s->e.passed = 0;
}

/*
 * Of the two records, the living one has the times; the tombstone has the
 * deletion.
 */
void
merge_from(struct merge_state *s, const struct entry *live,
    const struct entry *tomb)
{
	s->gone = s->keep = 0;
	if (tomb != NULL) {
		s->e = *tomb;
		s->e.type = tomb->of;
		s->e.expire = tomb->was;
		s->gone = tomb->gone;
		s->keep = tomb->expire;
	}
	if (live != NULL) {
		s->e = *live;
		if (s->e.last == 0)
			s->e.last = entry_guess_last(live);
	}
	s->e.of = (enum entry_type)0;
	s->e.gone = s->e.was = 0;
}

/*
 * A deletion is kept longer than what it deleted; should it not have been,
 * what it deleted does not come back.
 */
void
merge_judge(struct merge_state *s, int64_t now)
{
	if (has_times(s) && s->e.expire != 0 && s->e.expire <= now)
		no_times(s);
	if (s->gone == 0 || s->keep > now)
		return;
	if (s->e.last <= s->gone)
		no_times(s);
	s->gone = s->keep = 0;
}

/* A tuple that has not passed carries its expiry in `pass'. */
static int
waits(const struct entry *e)
{
	return (e->type == ENTRY_GREY && e->pass >= e->expire);
}

/* Of the same generation: each time and counter by its own maximum. */
static void
merge_times(struct entry *a, const struct entry *b)
{
	int	a_waits = waits(a), b_waits = waits(b);

	a->expire = later_expiry(a->expire, b->expire);
	if (a->type == ENTRY_STAMP)
		a->first = greater(a->first, b->first);
	else
		a->first = earlier(a->first, b->first);
	if (a->type != ENTRY_GREY)
		a->pass = greater(a->pass, b->pass);
	else if (a_waits && b_waits)
		a->pass = a->expire;
	else if (a_waits || (!b_waits && b->pass < a->pass))
		a->pass = b->pass;
	if (b->block > a->block)
		a->block = b->block;
	if (b->passed > a->passed)
		a->passed = b->passed;
}

/*
 * The texts of an assertion in some fixed order, for two of the same second.
 * Why a host is WHITE does not belong to them.
 */
static int
words_cmp(const struct entry *a, const struct entry *b)
{
	int	r;

	if ((r = addr_cmp(&a->addr, &b->addr)) != 0 ||
	    (r = strcmp(a->rcpt, b->rcpt)) != 0 ||
	    (r = strcmp(a->comment, b->comment)) != 0)
		return (r);
	if (a->type == ENTRY_WHITE)
		return (0);
	if ((r = strcmp(a->helo, b->helo)) != 0 ||
	    (r = strcmp(a->from, b->from)) != 0 ||
	    (r = strcmp(a->to, b->to)) != 0)
		return (r);
	return (a->reason - b->reason);
}

/* Why a host is WHITE or TRAPPED, with what it was for. */
static void
take_reason(struct entry *a, const struct entry *b)
{
	a->from = b->from;
	a->to = b->to;
	a->reason = b->reason;
}

/* The texts of the later assertion. */
static void
take_words(struct entry *a, const struct entry *b)
{
	a->last = b->last;
	a->addr = b->addr;
	a->helo = b->helo;
	a->rcpt = b->rcpt;
	a->comment = b->comment;
	if (a->type != ENTRY_WHITE)
		take_reason(a, b);
}

/* The times of the later generation; why a host is WHITE begins with them. */
static void
take_times(struct entry *a, const struct entry *b)
{
	a->gen = b->gen;
	a->first = b->first;
	a->pass = b->pass;
	a->expire = b->expire;
	a->block = b->block;
	a->passed = b->passed;
	if (a->type == ENTRY_WHITE)	/* it begins with what it is for */
		take_reason(a, b);
}

/* One form for equal states, so that a merge with itself changes nothing. */
static void
normal_form(struct merge_state *s)
{
	if (has_times(s) && waits(&s->e))
		s->e.pass = s->e.expire;
	if (s->gone == 0)
		s->keep = 0;
}

void
merge_states(struct merge_state *a, const struct merge_state *other,
    int64_t now)
{
	struct merge_state	b = *other;

	merge_judge(a, now);
	merge_judge(&b, now);
	a->gone = greater(a->gone, b.gone);
	a->keep = greater(a->keep, b.keep);
	if (has_times(&b)) {
		if (!has_times(a) || b.e.gen > a->e.gen)
			take_times(&a->e, &b.e);
		else if (b.e.gen == a->e.gen)
			merge_times(&a->e, &b.e);
	}
	if (b.e.last > a->e.last ||
	    (b.e.last == a->e.last && words_cmp(&b.e, &a->e) > 0))
		take_words(&a->e, &b.e);
	normal_form(a);
}

int
merge_live(const struct merge_state *s, struct entry *live)
{
	if (!has_times(s) || s->e.last <= s->gone)
		return (0);
	*live = s->e;
	return (1);
}

/* The times of an entry that lives stand in its own record. */
int
merge_tomb(const struct merge_state *s, struct entry *tomb)
{
	struct entry	live;

	if (s->gone == 0)
		return (0);
	*tomb = s->e;
	tomb->type = ENTRY_GONE;
	tomb->of = s->e.type;
	tomb->gone = s->gone;
	tomb->expire = s->keep;
	tomb->was = s->e.expire;
	if (merge_live(s, &live)) {
		tomb->last = tomb->gen = tomb->was = 0;
		tomb->first = tomb->pass = 0;
		tomb->block = tomb->passed = 0;
	}
	return (1);
}

int
merge_same(const struct merge_state *a, const struct merge_state *b)
{
	const struct entry	*x = &a->e, *y = &b->e;

	return (a->gone == b->gone && a->keep == b->keep &&
	    x->type == y->type && x->last == y->last && x->gen == y->gen &&
	    x->first == y->first && x->pass == y->pass &&
	    x->expire == y->expire && x->block == y->block &&
	    x->passed == y->passed && words_cmp(x, y) == 0);
}

/* Later than all that is known, whatever this machine's clock says. */
void
merge_assert(struct entry *e, int fresh, int64_t gone, int64_t since,
    int64_t now)
{
	if (fresh) {
		e->gen = greater(e->gen, gone);
		e->gen = greater(e->gen, since);
	}
	e->last = greater(greater(e->last, now), gone + 1);
	if (e->last > ENTRY_TIME_MAX)
		e->last = ENTRY_TIME_MAX;
}

/*
 * Kept as long as the longest-lived copy of the entry may last on a machine
 * that has not heard of the deletion.
 */
void
merge_delete(struct merge_state *s, int64_t now, int64_t life)
{
	int64_t	keep = now + life;

	s->gone = greater(greater(s->gone, now), s->e.last);
	if (has_times(s)) {
		if (s->e.expire == 0)
			keep = now + KEEP_FOREVER;
		else
			keep = greater(keep, s->e.expire);
	}
	s->keep = greater(s->keep, keep);
	if (s->keep > ENTRY_TIME_MAX)
		s->keep = ENTRY_TIME_MAX;
}

/*
 * Only what would let a peer damage this database: times that never end or lie
 * ahead.
 */
const char *
merge_refuse(const struct merge_state *s, int64_t now)
{
	int64_t	max = now + MERGE_AHEAD;

	if (!merge_syncs(s->e.type))
		return ("not a kind of entry that is synced");
	if (!has_times(s) && s->gone == 0)
		return ("neither an entry nor a deletion");
	if (s->e.last > max || s->e.gen > max || s->gone > max)
		return ("a time in the future");
	if (has_times(s) && s->e.first > max)
		return ("first seen in the future");
	if (s->e.type == ENTRY_GREY && has_times(s) && s->e.expire == 0)
		return ("a tuple that never expires");
	if (s->gone != 0 && (s->keep == 0 || s->keep > now + KEEP_MAX))
		return ("a deletion that is kept forever");
	if (s->e.type == ENTRY_STAMP && s->gone != 0)
		return ("a stamp that was deleted");
	return (NULL);
}
