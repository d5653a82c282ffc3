/*
 * The room policy: what the database says of a host, a tuple or a RCPT, and
 * how that changes.  The database, the configuration and the clock go in;
 * verdicts, host states and changes for the firewall come out.  It knows no
 * process and no event loop: the role store uses it, and spamgreydb when no
 * daemon runs.  Of lib it uses base, db, conf, addrset, smtp (mail addresses)
 * and sync (merging).
 *
 * Read in this order:
 *		policy.c	host states, transactions, counters
 *		rcpt.c		one RCPT: the precedence of the manual
 *		tuple.c		the key of a tuple;  rules.c  lists of addresses
 *		edit.c		what people change, import, expiry, the clock
 *		enter.c		whole entries;  sync.c  other machines
 *		event.c		rules that a host broke;  track.c  connections
 *		mail.c		messages in memory;  learn.c  messages in REPUTE
 *		conf.c		taking a configuration into use, new keys
 *		bulk.c		hashes for the bulk sync;  show.c  for people
 *
 * Transactions: policy_begin, any number of changes, policy_commit.  Changes
 * are collected meanwhile and told through the sink after the commit made
 * them durable; policy_abort forgets them.  So nobody is ever told anything
 * that is not on disk.  A function that needs a transaction, or opens its own,
 * says so below; all others only read.
 *
 * Functions that return enum db_result: DB_OK; DB_NONE, there is no such
 * entry; DB_BAD, the arguments or the entry are not acceptable; DB_DOWN, the
 * database failed, and the caller must abort; DB_NEWER, an entry was written
 * by a newer version.  Times are seconds since 1970 unless said otherwise.
 * Addresses are full addresses, which this room cuts to `match' or `admit'.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>

#include "lib/db/db.h"
#include "lib/base/hosts.h"
#include "lib/proto/control.h"
#include "lib/proto/front_store.h"
#include "lib/proto/smtp_store.h"
#include "lib/proto/track_store.h"
#include "lib/sync/merge.h"
#include "lib/conf/config.h"

struct policy;

/* Where changes go.  Called during policy_commit and policy_stream; it must
 * not call back into the policy. */
struct policy_sink {
	/* The state of a host changed (both times 0: it is unknown again).
	 * in_table: until when it belongs into the firewall's table; 0: it
	 * does not; HOST_FOREVER. */
	void	(*host)(const struct host *, int64_t in_table, void *arg);
	/* What this machine itself asserted or deleted, for other machines;
	 * its strings are valid during the call.  NULL: there are no others. */
	void	(*tell_peers)(const struct merge_state *, void *arg);
	/* More counters for policy_stats; NULL: none. */
	void	(*stats)(void (*stat)(const char *, int64_t, void *), void *,
		    void *arg);
};

/*
 * The database stays the caller's and must outlive the policy; the sink is
 * copied, arg is handed to it.  NULL: no memory.  policy_configure must be
 * called before anything else.
 */
struct policy *policy_new(struct db *, const struct policy_sink *, void *arg);
void	 policy_free(struct policy *);	/* NULL is fine */
/*
 * Takes a configuration into use; it is borrowed until the next call.  Returns
 * -1 when the database cannot be read or memory is short; then the old
 * configuration may still be in use and must not be freed.
 *
 * On first use it counts the GREY entries of all networks.  When `match' or
 * `admit' differ from the last run's (META), all entries get new keys: on
 * first use before this returns, later by policy_rekey.  Hosts that were
 * trapped by a recipient that is not a trap any more are released.  While the
 * database is down, the part that needs it waits for policy_reopen.
 */
int	 policy_configure(struct policy *, const struct config *);
/* The address lists of the configuration in use were loaded again. */
void	 policy_lists(struct policy *);
/*
 * policy_must_rekey returns 1 while entries still have keys that were cut by
 * another configuration.  policy_rekey looks at max entries at most, in a
 * transaction of its own; *more is 1 when it must be called again.  The keys
 * of hosts change by this, so whoever keeps a copy reads all of them again
 * afterwards (policy_stream).
 */
int	 policy_must_rekey(const struct policy *);
enum db_result policy_rekey(struct policy *, size_t max, int *more);
/*
 * Tries once to open the database again; this may block for a recovery.
 * Returns 0 when it is up.  What was told through the sink may differ from
 * what is on disk then, so read all host states again.  -1: still down.
 */
int	 policy_reopen(struct policy *);

/* policy_begin: DB_BAD when a transaction is open already. */
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
/*
 * A host connected to the primary MX.  policy_keeps_visits returns 0 when no
 * listener is a low-priority one, so that visits need no transaction at all.
 * policy_visit works inside a transaction.
 */
int	 policy_keeps_visits(const struct policy *);
enum db_result policy_visit(struct policy *, const struct addr *);
/*
 * A host broke a rule, or sent bad content; inside a transaction.  *did is what
 * the configuration made of it, for the log (ACT_LOG: nothing).  *why_not is
 * NULL, or the reason why a reaction that was due did not happen: content
 * never traps or demotes this host.  It is a static text.
 */
enum db_result policy_event(struct policy *, const struct event_msg *,
	    enum conf_action *did, const char **why_not);
/* Connections of one host that the firewall logged; inside a transaction.
 * *did: what they led to. */
enum tracked {
	TRACKED_UNKNOWN,	/* an unknown host connected; it stays so */
	TRACKED_EXTENDED,	/* a WHITE host lives longer */
	TRACKED_WHITE,		/* our mail server connected to it */
	/* nothing, because the host is trapped, was demoted lately, or is
	 * on a blacklist */
	TRACKED_TRAPPED, TRACKED_DEMOTED, TRACKED_LISTED,
	TRACKED_MAX
};
enum db_result policy_track(struct policy *, const struct track_seen *,
	    enum tracked *did);
const char *policy_tracked_str(enum tracked);	/* one word, static */
/* A message was relayed, or refused as spam or virus; inside a transaction.
 * Good mail makes WHITE last longer. */
enum db_result policy_mail(struct policy *, const struct mail_seen *);
/* A front answered 421 for a limit: the client goes to the next MX, so coming
 * there first traps nobody for LOWMX_GRACE. */
void	 policy_overlimit(struct policy *);
/*
 * Counts the messages of policy_mail in REPUTE entries: those of hosts whose
 * oldest uncounted message is MAIL_WRITE_EVERY old, or of all hosts.  At most
 * max hosts, in a transaction of its own; *more is 1 when there are others.
 * On an error all of them stay uncounted.
 */
enum db_result policy_mails_write(struct policy *, int all, size_t max,
	    int *more);

/*
 * For `spamgreydb learn': returns why a relay on the way of a message (enum
 * hop_kind) is trusted and passed over, as a static word; NULL: this is the
 * host that the message counts for.
 */
const char *policy_trusts(const struct policy *, unsigned int kind,
	    const struct addr *);
struct learn_add {
	uint32_t	good, bad;	/* messages to add */
	int		vouched;	/* as EVENT_F_VOUCHED */
	int		dry;		/* write nothing, only tell */
};
struct learned {
	uint32_t	good, bad;	/* the counts afterwards */
	enum {
		LEARNED_COUNT, LEARNED_TRAP, LEARNED_EXTEND
	}		did;
	const char	*why_not;	/* why it did not trap; NULL */
};
/* Inside a transaction: counts messages for the host of the address, and does
 * what `learn' in the configuration says. */
enum db_result policy_learn(struct policy *, const struct addr *,
	    const struct learn_add *, struct learned *);
const char *policy_learned_str(const struct learned *);	/* "trap", … */
/* Reads the REPUTE entry of the host, with its counts as of now. */
enum db_result policy_repute(struct policy *, const struct addr *,
	    struct entry *);
/* Halves the counts of an entry as often as was due since it was written. */
void	 policy_repute_now(struct policy *, struct entry *);
enum db_result policy_delete_repute(struct policy *, const struct addr *);

/*
 * Edits, inside a transaction.  until: 0 for the configured lifetime, or
 * HOST_FOREVER.  comment: NULL or "" leaves the old one.  DB_NONE: there was
 * nothing to delete.  policy_white does not end TRAPPED, which overrules WHITE
 * while it lasts.  policy_demote deletes WHITE in such a way that a tuple from
 * before does not bring it back.
 */
enum db_result policy_white(struct policy *, const struct addr *,
	    int64_t until, const char *comment);
enum db_result policy_trap(struct policy *, const struct addr *,
	    int64_t until, unsigned int reason, const char *comment);
enum db_result policy_demote(struct policy *, const struct addr *);
enum db_result policy_delete_white(struct policy *, const struct addr *);
enum db_result policy_delete_trapped(struct policy *, const struct addr *);
/* Deletes one tuple, or all tuples, whose last client had exactly this
 * address; *n: how many. */
enum db_result policy_delete_grey(struct policy *, const struct addr *,
	    int all, size_t *n);
/* Adds (add 1) or deletes a spamtrap.  DB_BAD: not a mail address. */
enum db_result policy_spamtrap(struct policy *, const char *rcpt, int add,
	    const char *comment);
/*
 * Enters an entry that was parsed from a line, inside a transaction.  Its net
 * and hash are made here, and it is merged with what is there already.
 * DB_BAD: it does not fit; DB_NONE: it has expired and is left out.
 */
enum db_result policy_import(struct policy *, const struct entry *);
/*
 * Merges what another machine knows (merge.h), inside a transaction; it is not
 * passed on to other machines.  *news: 1 when something changed here.
 * DB_BAD: it does not fit.
 */
enum db_result policy_merge(struct policy *, const struct merge_state *,
	    int *news);
/*
 * The same for spamd's datagrams.  A tuple counts as one more RCPT here, which
 * may trap the host (but not for the low-priority MX).  A host (ENTRY_WHITE,
 * ENTRY_TRAPPED) is asserted until expire at least; WHITE does not end a trap.
 */
enum db_result policy_peer_grey(struct policy *, const struct rcpt_req *);
enum db_result policy_peer_host(struct policy *, enum entry_type,
	    const struct addr *, int64_t expire);
/*
 * For the bulk sync.  policy_digest hashes a record for the comparison with
 * another machine's (bulkset.h): two machines that know the same of a key at
 * the time asof get the same hashes under the same seed.  It may be called in
 * a walk.  Returns 1 with *d; 0 when the record takes no part (it has expired,
 * or its type stays local); -1 when it cannot be sent (control characters).
 * policy_known reads all that is known of a record's key, which may be an
 * entry's or a tombstone's; its strings are valid until the next call.
 */
struct policy_digest {
	uint64_t	id;		/* of the key */
	uint64_t	sum;		/* of the state */
	int		tomb;		/* the record is a tombstone */
	uint64_t	alone;		/* its sum when there is no entry */
};
int	 policy_digest(const struct policy *, const struct entry *,
	    const uint8_t seed[16], int64_t asof, struct policy_digest *);
enum db_result policy_known(struct policy *, const struct entry *key,
	    struct merge_state *);
/*
 * Sets net and hash of a parsed entry, and nothing else.  Type, net and hash
 * are the order on disk: an import that is sorted by them fills whole pages.
 */
void	 policy_import_key(const struct policy *, struct entry *);

/* Deletes expired entries, max at most, in a transaction of its own.  *n: how
 * many; *more: 1 when there may be others. */
enum db_result policy_expire(struct policy *, size_t max, int *more,
	    size_t *n);
/*
 * The clock rule: a clock that jumped must not empty the database.  Returns 1
 * when the clock is plausible; 0 when it is not: nothing expires then, and *why
 * says why (valid until the next call).  Call it each minute.  ok 1 takes the
 * clock as right whatever it says (spamgreydb expire --clock-ok).
 */
int	 policy_clock(struct policy *, int ok, const char **why);
/*
 * The time that expiries are compared with, or 0 while the clock is out of
 * range and nothing has expired.  Whether an entry still counts is decided by
 * this and by no other clock.
 */
int64_t	 policy_asof(struct policy *);
/* Why nothing expires now; "" while entries do expire. */
const char *policy_clock_why(const struct policy *);

/*
 * For `spamgreydb show': tells fact() what is known of the address, why, and
 * what its next visit will get.  Names that begin with # (a number) or = (a
 * text) are for programs.
 */
enum db_result policy_show(struct policy *, const struct addr *,
	    void (*fact)(const char *name, const char *value, void *),
	    void *arg);

/* All host states in slices of max entries; *pos as in db_walk.  Each state
 * goes to sink->host. */
enum db_result policy_stream(struct policy *, struct db_pos *, size_t max);

/* Reads the state of the host of an address, and in_table as the sink gets
 * it. */
enum db_result policy_lookup(struct policy *, const struct addr *,
	    struct host *, int64_t *in_table);

/* Counters of the caller: a white host came to front; a RCPT was answered
 * `unstored'; fw did not answer in time; connections that track saw could not
 * be stored. */
void	 policy_count_white_seen(struct policy *);
void	 policy_count_unstored(struct policy *);
void	 policy_count_fw_late(struct policy *);
void	 policy_count_track_lost(struct policy *, size_t);
/* All counters, for `spamgreydb stats'.  The names are part of what users
 * parse and stay. */
void	 policy_stats(struct policy *,
	    void (*stat)(const char *name, int64_t value, void *), void *arg);

#endif
