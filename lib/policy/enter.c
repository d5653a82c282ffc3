/*
 * Entries that come as a whole: lines of an import, and entries that get a
 * new key.  Two records of the same thing are merged, so it does not matter
 * in which order they come, or how often.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/smtp/mailaddr.h"
#include "lib/policy/policy_int.h"

/*
 * Merges two records of a type that stays on this machine: the earliest
 * first, the latest of everything else.
 */
static void
merge_local(struct entry *e, const struct entry *old)
{
	if (old->first < e->first)
		e->first = old->first;
	if (old->pass > e->pass)
		e->pass = old->pass;
	e->expire = later_expiry(old->expire, e->expire);
	if (old->block > e->block)
		e->block = old->block;
	if (old->passed > e->passed)
		e->passed = old->passed;
	if (e->comment[0] == '\0')
		e->comment = old->comment;
}

/* Enters a visit or the counts of a host. */
static enum db_result
enter_local(struct policy *p, struct entry *e)
{
	struct entry	old;
	enum db_result	rc;

	if (e->type == ENTRY_VISIT)
		addr_cut(&e->addr, &p->conf->grey.match, &e->net);
	else
		policy_host(p, &e->addr, &e->net);
	rc = db_get(p->db, e, &old);
	if (rc != DB_OK && rc != DB_NONE && rc != DB_BAD)
		return (rc);
	if (rc == DB_OK)
		merge_local(e, &old);
	return (policy_store(p, e, rc != DB_NONE, &e->addr));
}

/* Checks what its type allows, and merges it. */
enum db_result
policy_enter(struct policy *p, const struct entry *from)
{
	struct entry		e = *from;
	struct merge_state	s;
	char			lower[MAILADDR_KEY_MAX];
	int			news;

	if (e.expire != 0 && e.expire <= policy_asof(p))
		return (DB_NONE);
	switch (e.type) {
	case ENTRY_VISIT:
	case ENTRY_REPUTE:
		return (enter_local(p, &e));
	case ENTRY_GONE:
		merge_from(&s, NULL, &e);
		return (policy_merge(p, &s, &news));
	case ENTRY_GREY:
		if (e.expire == 0)
			return (DB_NONE);	/* every tuple expires */
		break;
	case ENTRY_SPAMTRAP:
		if (mailaddr_rcpt(e.rcpt, lower, sizeof(lower)) == -1 ||
		    strchr(lower, '@') == NULL)
			return (DB_BAD);
		e.rcpt = lower;
		break;
	default:
		if (!merge_syncs(e.type))
			return (DB_BAD);
		break;
	}
	if (e.last == 0)
		return (policy_merge_line(p, &e));
	merge_from(&s, &e, NULL);
	return (policy_merge(p, &s, &news));
}
