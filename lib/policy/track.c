/*
 * Connections that the firewall logged, as track reports them.  A white host
 * that connected lives longer; an unknown one stays unknown.  A host that our
 * mail server connected to becomes WHITE, since it may answer.
 *
 * A verdict is never overruled by this: a trapped or blacklisted host gains
 * nothing, and a demoted host is not made WHITE again by our own mail (for
 * example by bounces of what it sent) while its STAMP is younger than `grey'.
 * It must pass the greylist, as the demotion demands.
 */
#include "lib/base/clock.h"
#include "lib/policy/policy_int.h"

static const char *const names[TRACKED_MAX] = {
	[TRACKED_UNKNOWN] = "unknown",
	[TRACKED_EXTENDED] = "extended",
	[TRACKED_WHITE] = "white",
	[TRACKED_TRAPPED] = "trapped",
	[TRACKED_DEMOTED] = "demoted",
	[TRACKED_LISTED] = "blacklisted"
};

const char *
policy_tracked_str(enum tracked t)
{
	return (names[t]);
}

/* Finds what follows from the connections, and does it. */
static enum db_result
decide_track(struct policy *p, const struct track_seen *seen, enum tracked *did)
{
	struct host_state	s;
	enum db_result	rc;

	if ((rc = policy_state(p, &seen->host, &s)) != DB_OK)
		return (rc);
	if (s.h.trapped != 0)
		*did = TRACKED_TRAPPED;
	else if (s.blacklisted)
		*did = TRACKED_LISTED;
	else if (s.h.white != 0) {
		*did = TRACKED_EXTENDED;
		return (policy_extend(p, &s.host, &seen->host, seen->count));
	} else if (!seen->outbound)
		*did = TRACKED_UNKNOWN;
	else if (s.stamp != 0 && s.stamp + p->conf->grey.grey > policy_asof(p))
		*did = TRACKED_DEMOTED;
	else {
		*did = TRACKED_WHITE;
		return (policy_white_for(p, &seen->host, 0, NULL,
		    WHITE_TRACKER));
	}
	return (DB_OK);
}

enum db_result
policy_track(struct policy *p, const struct track_seen *seen,
    enum tracked *did)
{
	static const enum policy_stat	stats[TRACKED_MAX] = {
		[TRACKED_UNKNOWN] = PST_TRACK_UNKNOWN,
		[TRACKED_EXTENDED] = PST_TRACK_EXTENDED,
		[TRACKED_WHITE] = PST_TRACK_WHITE,
		[TRACKED_TRAPPED] = PST_TRACK_TRAPPED,
		[TRACKED_DEMOTED] = PST_TRACK_DEMOTED,
		[TRACKED_LISTED] = PST_TRACK_LISTED
	};
	enum db_result	rc;

	if ((rc = decide_track(p, seen, did)) == DB_OK)
		p->stat[stats[*did]]++;
	return (rc);
}
