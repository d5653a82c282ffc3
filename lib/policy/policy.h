/*
 * What the store decides, apart from any process: the database, the settings
 * and the clock go in; verdicts, host states and firewall changes come out.
 * Used by the store role, and by spamgreydb when no daemon runs.
 *
 * Changes are collected while a transaction is open and told through the
 * sink only after policy_commit made them durable; policy_abort forgets
 * them.  So nobody is ever told what the disk does not know.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#include "lib/db/db.h"
#include "lib/base/hosts.h"
#include "lib/sync/merge.h"
#include "lib/proto/proto.h"
#include "lib/conf/config.h"

struct policy;

struct policy_sink {
	/* The state of a host changed (both times 0: unknown again).  in_table:
	 * until when it belongs into the firewall's table, 0: not. */
	void	(*host)(const struct host *, int64_t in_table, void *arg);
	/* What this machine itself asserted or deleted, for its peers; its
	 * strings are valid during the call.  NULL: there are none. */
	void	(*say)(const struct merge_state *, void *arg);
	/* More figures for policy_stats; NULL: none. */
	void	(*stats)(void (*stat)(const char *, int64_t, void *), void *,
		    void *arg);
};

struct policy *policy_new(struct db *, const struct policy_sink *, void *arg);
void	 policy_free(struct policy *);
/*
 * Takes a configuration into use (borrowed until the next call).  -1: the
 * database could not be read, or there was no memory (the old one stays).
 * Counts networks' GREY entries on first use; when `match' or `admit' differ
 * from the last run's (META), entries are keyed anew: on first use before it
 * returns, later by policy_rekey; when spamtraps or allowed domains went, hosts
 * trapped for them are let go.  While the database is down the part that
 * needs it waits for policy_reopen.
 */
int	 policy_configure(struct policy *, const struct config *);
/* The lists of its configuration are others now. */
void	 policy_lists(struct policy *);
/*
 * Are there entries to be keyed anew?  At most max are looked at, in a
 * transaction of its own; *more: go on.  Host states change on the way, so
 * who keeps copies reads all of them again afterwards.
 */
int	 policy_must_rekey(const struct policy *);
enum db_result policy_rekey(struct policy *, size_t max, int *more);
/* One try to open the database again.  0: it is up; what was told through
 * the sink may differ from what is there: read all host states again. */
int	 policy_reopen(struct policy *);

enum db_result policy_begin(struct policy *);
enum db_result policy_commit(struct policy *);
void	 policy_abort(struct policy *);

/*
 * Decides one RCPT, inside a transaction, and fills in ans (its text is static,
 * or the policy's until the next call).  *known, unless known is NULL: 1 when
 * the tuple or the trap was there before.
 */
enum db_result policy_rcpt(struct policy *, const struct rcpt_req *,
	    struct rcpt_answer *, int *known);
/* Are visits at the primary of any use?  Front may ask too often. */
int	 policy_keeps_visits(const struct policy *);
enum db_result policy_visit(struct policy *, const struct addr *);
/* *did: what came of it (ACT_LOG: nothing), for the log; *why_not: something
 * would have, but the host is one that content never traps or demotes, for
 * this reason; else NULL. */
enum db_result policy_event(struct policy *, const struct event_msg *,
	    enum conf_action *did, const char **why_not);
/*
 * track.c: connections that the firewall logged; inside a transaction.
 * *did: what came of it.
 */
enum tracked {
	TRACKED_UNKNOWN,		/* it came by, and stays unknown */
	TRACKED_EXTENDED, TRACKED_WHITE,
	TRACKED_TRAPPED, TRACKED_DEMOTED, TRACKED_LISTED,	/* nothing */
	TRACKED_MAX
};
enum db_result policy_track(struct policy *, const struct track_seen *,
	    enum tracked *did);
const char *policy_tracked_str(enum tracked);
/* A message came to its end: good mail extends WHITE. */
enum db_result policy_mail(struct policy *, const struct mail_seen *);
void	 policy_overlimit(struct policy *);
/*
 * What of that waits to be counted in REPUTE entries is written: hosts whose
 * oldest uncounted message is MAIL_WRITE_EVERY old, or all.  At most max, in a
 * transaction of its own; *more: go on.
 */
enum db_result policy_mails_write(struct policy *, int all, size_t max,
	    int *more);

/*
 * `spamgreydb learn'.  Why a hop of a message's way (enum hop_kind) is passed
 * over; NULL: it is where the walk ends.
 */
const char *policy_trusts(const struct policy *, unsigned int kind,
	    const struct addr *);
struct learn_add {
	uint32_t	good, bad;	/* messages more */
	int		vouched;	/* as EVENT_F_VOUCHED */
	int		dry;		/* nothing is written */
};
struct learned {
	uint32_t	good, bad;	/* with these */
	enum {
		LEARNED_COUNT, LEARNED_TRAP, LEARNED_EXTEND
	}		did;
	const char	*why_not;	/* it would have trapped; NULL */
};
/* Inside a transaction; counts for the address' host, and does what `learn'
 * in the configuration says. */
enum db_result policy_learn(struct policy *, const struct addr *,
	    const struct learn_add *, struct learned *);
const char *policy_learned_str(const struct learned *);	/* "trap", … */
/* The host's REPUTE entry, its counts as of now. */
enum db_result policy_repute(struct policy *, const struct addr *,
	    struct entry *);
/* Halves an entry's counts as often as has been due. */
void	 policy_repute_now(struct policy *, struct entry *);
enum db_result policy_delete_repute(struct policy *, const struct addr *);

/*
 * Edits, inside a transaction.  The address is the full one; until as in
 * ctl_edit.  DB_NONE: nothing to delete.  WHITE does not end TRAPPED, which
 * stands over it.
 */
enum db_result policy_white(struct policy *, const struct addr *,
	    int64_t until, const char *comment);
enum db_result policy_trap(struct policy *, const struct addr *,
	    int64_t until, unsigned int reason, const char *comment);
enum db_result policy_demote(struct policy *, const struct addr *);
enum db_result policy_delete_white(struct policy *, const struct addr *);
enum db_result policy_delete_trapped(struct policy *, const struct addr *);
/* One tuple / all tuples of exactly this client address. */
enum db_result policy_delete_grey(struct policy *, const struct addr *,
	    int all, size_t *n);
enum db_result policy_spamtrap(struct policy *, const char *rcpt, int add,
	    const char *comment);
/*
 * An entry as parsed from a line: net and hash are made here; what is there
 * already is merged (first = min, expire and pass = the later).  DB_BAD: it
 * does not fit.  One that is expired already is left out (DB_OK).
 */
enum db_result policy_import(struct policy *, const struct entry *);
/*
 * What peers say, inside a transaction; it is not said again (sink.say).  All
 * that is known of the key is merged (merge.h); *news: something changed.
 * DB_BAD: it does not fit.
 */
enum db_result policy_merge(struct policy *, const struct merge_state *,
	    int *news);
/*
 * The same of spamd's datagrams: a tuple is as one more RCPT here, with the
 * trap test, but for the low-priority MX; a host (ENTRY_WHITE, ENTRY_TRAPPED)
 * is asserted until expire at least, and WHITE ends no trap.
 */
enum db_result policy_peer_grey(struct policy *, const struct rcpt_req *);
enum db_result policy_peer_host(struct policy *, enum entry_type,
	    const struct addr *, int64_t expire);
/*
 * For a bulk sync.  policy_digest, in a walk: what a record is worth in a
 * comparison at `asof' with another machine's, all hashes under the seed; see
 * spamgreydb/sync/bulkset.h.  1: it is in *d; 0: nothing (expired, or of a kind that stays
 * local); -1: it cannot be said to others (control characters).
 * policy_known: all that is known of a record's key, an entry's or a
 * tombstone's, its strings valid until the next call; DB_NONE: nothing.
 */
struct policy_digest {
	uint64_t	id, sum;
	int		tomb;
	uint64_t	alone;		/* of a tombstone with no entry */
};
int	 policy_digest(const struct policy *, const struct entry *,
	    const uint8_t seed[16], int64_t asof, struct policy_digest *);
enum db_result policy_known(struct policy *, const struct entry *key,
	    struct merge_state *);
/*
 * Only net and hash of an entry as parsed: entries that are imported in the
 * order of type, net and hash fill pages, since that is the order on disk.
 */
void	 policy_import_key(const struct policy *, struct entry *);

/* At most max expired entries, in a transaction of its own; *more: go on. */
enum db_result policy_expire(struct policy *, size_t max, int *more,
	    size_t *n);
/*
 * The clock rule: 1 fine, 0 out of range (nothing expires; *why says it).
 * Call each minute; `ok' forces it right (spamgreydb expire --clock-ok).
 */
int	 policy_clock(struct policy *, int ok, const char **why);
/*
 * What expiries are compared with: the time, or 0 while the clock is out of
 * range and nothing has expired.  Everything that asks whether an entry still
 * counts asks this, and no other clock.
 */
int64_t	 policy_asof(struct policy *);
/* Why nothing expires now; "" when it does. */
const char *policy_clock_why(const struct policy *);

/* What the next visit of the address gets, in facts: for `show'. */
enum db_result policy_show(struct policy *, const struct addr *,
	    void (*fact)(const char *name, const char *value, void *),
	    void *arg);

/* All host states in slices: *pos as in db_walk; each goes to sink->host. */
enum db_result policy_stream(struct policy *, struct db_pos *, size_t max);

/* The state of an address' host now, and in_table as the sink has it: 0: not
 * in the table; else until when (HOST_FOREVER: for ever). */
enum db_result policy_lookup(struct policy *, const struct addr *,
	    struct host *, int64_t *in_table);

/* A white host went through front to pass; a RCPT was answered `unstored';
 * fw was late with its word. */
void	 policy_count_white_seen(struct policy *);
void	 policy_count_unstored(struct policy *);
void	 policy_count_fw_late(struct policy *);
void	 policy_count_track_lost(struct policy *, size_t);
void	 policy_stats(struct policy *,
	    void (*stat)(const char *name, int64_t value, void *), void *arg);

#endif
