/*
 * Greylisting as a pure function; see grey.h.  No clock, no database, no
 * process: all of that is the caller's.
 */
#include "lib/db/entry.h"
#include "lib/db/grey.h"

/* A tuple that has not passed carries its expiry in `pass', as spamd's do. */
static int
has_passed(const struct entry *e)
{
	return (e->pass < e->expire);
}

/*
 * First sight, or treated as one: what was known of the tuple no longer
 * counts.
 */
static void
begin_anew(const struct grey_conf *conf, struct entry *e, int64_t now)
{
	e->type = ENTRY_GREY;
	e->first = now;
	e->expire = now + conf->grey;
	e->pass = e->expire;
	e->block = 0;
	e->passed = 0;
}

/* A counter that stays at its maximum instead of starting again at 0. */
static void
count_up(uint32_t *n)
{
	if (*n < UINT32_MAX)
		(*n)++;
}

enum grey_verdict
grey_decide(const struct grey_conf *conf, struct entry *e, int found,
    int64_t stamp, int64_t now, int64_t asof, int64_t *left)
{
	int	fresh;

	/* We never write a tuple with expire 0; one from a file must not live
	 * forever. */
	fresh = !found || e->expire <= asof || e->first < stamp;
	if (fresh)
		begin_anew(conf, e, now);
	else if (e->first > now && !has_passed(e)) {
		/* The clock went back: only the time waited so far is lost. */
		e->first = now;
		e->expire = now + conf->grey;
		e->pass = e->expire;
	}

	if (!fresh && (has_passed(e) || now - e->first >= conf->pass)) {
		if (!has_passed(e))
			e->pass = now;
		count_up(&e->passed);
		*left = 0;
		return (GREY_PASS);
	}
	count_up(&e->block);
	*left = conf->pass - (now - e->first);
	return (fresh ? GREY_NEW : GREY_WAIT);
}

/* The entry borrows no strings: the reason is the caller's to set. */
void
grey_promote(const struct grey_conf *conf, const struct entry *tuple,
    const struct addr *host, int64_t now, struct entry *white)
{
	entry_init(white, ENTRY_WHITE);
	white->net = *host;
	white->addr = tuple->addr;
	white->first = tuple->first;
	white->pass = now;
	white->expire = now + conf->white;
	white->block = tuple->block;
	white->passed = tuple->passed;
}
