/*
 * For the files of the policy only; see policy.h.
 */
#ifndef POLICY_INT_H
#define POLICY_INT_H

#include "lib/base/buf.h"
#include "lib/base/limit.h"
#include "lib/policy/policy.h"

/* Tuples that a host may still have when its network is over its limit, and
 * all such hosts of a network together. */
#define GREY_HOST_ROOM	20
#define GREY_NET_ROOM	(256 * GREY_HOST_ROOM)
/* Seconds after a start, or after a 421, in which coming to the low-priority
 * MX first traps nobody: the primary could not be reached. */
#define LOWMX_GRACE	3600
#define LIMIT_LOG_EVERY	60000	/* ms between lines about a limit */
#define REKEY_STEP	256	/* entries in a transaction of policy_rekey */
#define MAIL_HOSTS_MAX	50000	/* hosts in mail.c: about 20 MB */
#define MAIL_WRITE_EVERY 600	/* seconds between writes for a busy host */
#define MAIL_WEEK	(7 * 86400)
/* Content is not held against a host with so many good messages in a week,
 * and so many of them for each bad one. */
#define MAIL_GOOD_ENOUGH 20
#define MAIL_GOOD_FOR_BAD 10

/* rules.c: addresses and domains of the configuration, sorted. */
struct rules {
	char	**text;
	size_t	  n;
};
int	 rules_build(struct rules *, const struct conf_strings *);
void	 rules_free(struct rules *);
/* Returns 1 when mailaddr_match would match any of them. */
int	 rules_match(const struct rules *, const char *box);

struct rule_set {
	struct rules	domains, spamtraps, not_to;
};

/* event.c: what hosts did lately.  It is in memory only and bounded:
 * when it is full, the host that was quiet longest is forgotten. */
#define EVENTS_MEMORY_MAX	(16 * 1024 * 1024)
struct events;
struct events *events_new(void);
void	 events_free(struct events *);
void	 events_clear(struct events *);
size_t	 events_memory(const struct events *);
/* Counts an event.  Returns 1 when it is the n-th or more within the time. */
int	 events_count(struct events *, const struct addr *, unsigned int event,
	    uint32_t n, int64_t within_ms, int64_t now_ms);
/* The same for different things: a thing that comes again counts once. */
int	 events_count_of(struct events *, const struct addr *,
	    unsigned int event, const void *what, size_t len, uint32_t n,
	    int64_t within_ms, int64_t now_ms);
void	 events_forget(struct events *, const struct addr *,
	    unsigned int event);

/* mail.c: the messages of hosts (cut to `admit'), bounded. */
struct mails;
struct mails *mails_new(void);
void	 mails_free(struct mails *);
size_t	 mails_hosts(const struct mails *);
/* The messages of the last `within' seconds, a week at most. */
void	 mails_sum(const struct mails *, const struct addr *host,
	    int64_t within, uint64_t *good, uint64_t *bad);
/* Makes WHITE last longer and counts n good messages, unless the host is
 * trapped or not WHITE any more. */
enum db_result	 policy_extend(struct policy *, const struct addr *host,
		    const struct addr *full, uint32_t n);
/* Returns 1 when it has sent so much good mail that content is not held
 * against it. */
int	 mails_vouch(const struct mails *, const struct addr *host);

/* A change of a counter, kept so that policy_abort can undo it. */
struct tally {
	enum entry_type	type;
	struct addr	addr;	/* GREY: counted by network and host */
	int		delta;
};

enum policy_stat {
	PST_RCPT, PST_NEW, PST_WAIT, PST_PASS, PST_WHITE_AT_FRONT,
	PST_NOT_TO, PST_OUTSIDE, PST_TRAPPED_SPAMTRAP, PST_TRAPPED_DOMAIN,
	PST_TRAPPED_MX,
	PST_TRAPPED_EVENT, PST_DEMOTED, PST_OVER_LIMIT, PST_EXPIRED,
	PST_IMPORTED, PST_UNSTORED, PST_FW_LATE, PST_SPARED, PST_MAIL_GOOD,
	PST_MAIL_BAD, PST_EXTENDED, PST_LEARN_GOOD, PST_LEARN_BAD,
	PST_TRAPPED_LEARN, PST_UNSAID, PST_TRACK_UNKNOWN, PST_TRACK_EXTENDED,
	PST_TRACK_WHITE, PST_TRACK_TRAPPED, PST_TRACK_DEMOTED,
	PST_TRACK_LISTED, PST_TRACK_LOST, PST_MAX
};

struct policy {
	struct db		*db;
	struct policy_sink	 sink;
	void			*arg;
	const struct config	*conf;
	struct rule_set		 rules;
	uint64_t		 white_lists, black_lists;
	struct addr_cut		 net_cut;	/* of net_grey */
	struct addr_cut		 admit;	/* of host_grey */
	int			 started;

	struct limit		*net_grey, *host_grey;
	int64_t			 entries[256];	/* by type */
	unsigned int		 lost_said; /* damage that was logged: db_lost */
	struct events		*events;
	struct events		*outside;	/* domains outside of ours */
	struct mails		*mails;
	struct tally		*tally;
	size_t			 ntally, tally_size;
	struct host		*change;
	int64_t			*change_table;
	size_t			 nchange, change_size;
	int			 lost;	/* no memory for a change */
	struct buf		 for_peers; /* told after the commit */
	int			 from_peer; /* while a peer's word is merged */

	/* Low-priority MX: since when visits are kept, 0 when they are not;
	 * until when (mono ms) it traps nobody. */
	int64_t			 visits_since;
	int64_t			 lowmx_grace;

	/* The clock rule: the newest time seen, and the one on disk. */
	int64_t			 newest, newest_written;
	int			 clock_bad;
	char			 clock_why[256];

	/* rekey: entries have old keys; pending: the database was down when
	 * the configuration changed. */
	int			 rekey, pending;
	struct db_pos		 rekey_pos;

	int64_t			 limit_logged;	/* mono ms */
	unsigned long		 limit_quiet;
	int64_t			 stat[PST_MAX];
	char			 text[160];
};

/* What is known of a host at this moment, filled in by policy_state. */
struct host_state {
	struct addr	host;
	uint64_t	lists;		/* bits of the lists that have it */
	int		whitelisted, blacklisted;
	struct host	h;		/* times: 0, or in the future */
	int64_t		stamp;		/* when it was demoted; 0: never */
};

/* policy.c.  policy_host cuts an address to the host it belongs to;
 * host_entry_key makes the key of one of the host's entries. */
void		 policy_host(const struct policy *, const struct addr *,
		    struct addr *host);
void		 host_entry_key(enum entry_type, const struct addr *host,
		    struct entry *);
enum db_result	 policy_host_times(struct policy *, const struct addr *host,
		    struct host *);
enum db_result	 policy_state(struct policy *, const struct addr *,
		    struct host_state *);
/* Notes the state of a host for the sink, after it was changed in the open
 * transaction.  full: its address, for the address lists. */
enum db_result	 policy_changed(struct policy *, const struct addr *host,
		    const struct addr *full);
/* Writes what this machine asserts now, and tells other machines after the
 * commit.  found: the entry was there (its last and gen must be in *e); old:
 * the address that it had (GREY). */
enum db_result	 policy_put(struct policy *, const struct entry *, int found,
		    const struct addr *old);
/* The same, but other machines are told nothing. */
enum db_result	 policy_store(struct policy *, const struct entry *, int found,
		    const struct addr *old);
enum db_result	 policy_del(struct policy *, const struct entry *);
uint64_t	 policy_entries(const struct policy *);
void		 policy_count(struct policy *, enum entry_type,
		    const struct addr *, int delta);
int64_t		 expiry_from_until(int64_t until, int64_t dflt);
int64_t		 later_expiry(int64_t, int64_t); /* 0 is never: the latest */

/* tuple.c: the normalised strings of a tuple, and room for another's. */
struct tuple {
	const struct grey_conf *conf;
	char	from[MAILADDR_KEY_MAX], to[MAILADDR_KEY_MAX];
	char	cmp_from[MAILADDR_KEY_MAX], cmp_to[MAILADDR_KEY_MAX];
};
/* Sets net and hash of *e from its address and strings. */
void		 tuple_key(const struct policy *, struct entry *e,
		    struct tuple *);
int		 tuple_same(const struct entry *, const struct entry *, void *);

/* sync.c.  The strings of an entry that db_get returned belong to the
 * database until its next call; here they get a place of their own. */
struct entry_strings {
	char	helo[ENTRY_STR_MAX + 1], from[ENTRY_STR_MAX + 1],
		to[ENTRY_STR_MAX + 1], comment[ENTRY_STR_MAX + 1],
		rcpt[MAILADDR_KEY_MAX];
};
/* Copies the strings; the entry points to the copies afterwards. */
void		 policy_own_strings(struct entry *, struct entry_strings *);
/* Sets last of an entry that is about to be written and, if it is a new one,
 * gen (merge.h). */
enum db_result	 policy_assert(struct policy *, struct entry *, int found);
void		 policy_queue_for_peers(struct policy *, const struct entry *);
/* Calls sink.tell_peers for all that was queued. */
void		 policy_tell_peers(struct policy *);
/* Deletes an entry (given by type and net, hash or rcpt) because somebody wants
 * it gone: leaves a tombstone for other machines. */
enum db_result	 policy_delete_entry(struct policy *, const struct entry *key);
/* Merges an entry of a file, which has its own times. */
enum db_result	 policy_merge_line(struct policy *, const struct entry *);

/* conf.c: a time in META, eight bytes, big-endian. */
enum db_result	 meta_put_time(struct policy *, const char *, int64_t);

/* rcpt.c */
enum db_result	 rcpt_traps(struct policy *, const char *box,
		    uint8_t *reason);

/* edit.c: policy_white with a reason. */
enum db_result	 policy_white_for(struct policy *, const struct addr *,
		    int64_t until, const char *comment, enum white_reason);
enum db_result	 policy_trap_host(struct policy *, const struct addr *full,
		    int64_t expire, unsigned int reason, const char *comment,
		    int extend);
/* Ends TRAPPED because of the configuration: leaves no tombstone. */
enum db_result	 policy_let_go(struct policy *, const struct addr *);

/* enter.c: policy_import without its counter.  An entry with last 0 is
 * from a line, and overrules a deletion on this machine; others are merged. */
enum db_result	 policy_enter(struct policy *, const struct entry *);

/* show.c: the address lists, for the statistics. */
void	 policy_list_stats(const struct policy *,
	    void (*stat)(const char *name, int64_t value, void *), void *arg);

#endif
