/*
 * Inside of lib/policy only.
 */
#ifndef POLICY_INT_H
#define POLICY_INT_H

#include "lib/base/buf.h"
#include "lib/base/limit.h"
#include "lib/policy/policy.h"

#define GREY_HOST_ROOM	20	/* a host's, when its network is over */
#define GREY_NET_ROOM	(256 * GREY_HOST_ROOM)	/* all such hosts together */
#define LOWMX_GRACE	3600	/* seconds without trap after a start */
#define LIMIT_LOG_EVERY	60000	/* ms between lines about a limit */
#define REKEY_STEP	256
#define MAIL_HOSTS_MAX	50000	/* of mail.c: some 20 MB */
#define MAIL_WRITE_EVERY 600	/* s between writes of a busy host */
#define MAIL_WEEK	(7 * 86400)
#define MAIL_GOOD_ENOUGH 20	/* good messages in a week, … */
#define MAIL_GOOD_FOR_BAD 10	/* … so many for each bad one: spared */

/* rules.c.  Addresses and domains of the configuration, sorted. */
struct rules {
	char	**text;
	size_t	  n;
};
int	 rules_build(struct rules *, const struct conf_strings *);
void	 rules_free(struct rules *);
/* The same answer as mailaddr_match of any of them. */
int	 rules_match(const struct rules *, const char *box);

struct rule_set {
	struct rules	domains, spamtraps, not_to;
};

/* event.c.  What hosts did lately, in memory, bounded: when it is full,
 * the host that was quiet longest is forgotten. */
#define EVENTS_MEMORY_MAX	(16 * 1024 * 1024)
struct events;
struct events *events_new(void);
void	 events_free(struct events *);
void	 events_clear(struct events *);
size_t	 events_memory(const struct events *);
/* Counts one; 1 when it is at least the n-th within so many ms. */
int	 events_count(struct events *, const struct addr *, unsigned int event,
	    uint32_t n, int64_t within_ms, int64_t now_ms);
/* The same of different things: one that is named again counts once. */
int	 events_count_of(struct events *, const struct addr *,
	    unsigned int event, const void *what, size_t len, uint32_t n,
	    int64_t within_ms, int64_t now_ms);
void	 events_forget(struct events *, const struct addr *,
	    unsigned int event);

/* mail.c.  The messages of hosts (cut to `admit'), bounded. */
struct mails;
struct mails *mails_new(void);
void	 mails_free(struct mails *);
size_t	 mails_hosts(const struct mails *);
/* The messages of the last so many seconds, a week at most. */
void	 mails_sum(const struct mails *, const struct addr *host,
	    int64_t within, uint64_t *good, uint64_t *bad);
/* WHITE lives on, with n good messages more, unless it is trapped or gone. */
enum db_result	 policy_extend(struct policy *, const struct addr *host,
		    const struct addr *full, uint32_t n);
/* Has it sent so much good mail that content is not held against it? */
int	 mails_vouch(const struct mails *, const struct addr *host);

/* A change of a counter, so that an aborted transaction can be undone. */
struct tally {
	enum entry_type	type;
	struct addr	addr;	/* GREY: counted by network and host */
	int		delta;
};

enum policy_stat {
	PST_RCPT, PST_NEW, PST_WAIT, PST_PASS, PST_WHITE_AT_FRONT,
	PST_NOT_TO, PST_OUTSIDE, PST_TRAPPED_SPAMTRAP, PST_TRAPPED_DOMAIN, PST_TRAPPED_MX,
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
	uint64_t		 lost_said;	/* commits whose loss was logged */
	struct events		*events;
	struct events		*outside;	/* domains that are not allowed */
	struct mails		*mails;
	struct tally		*tally;
	size_t			 ntally, tally_size;
	struct host		*change;
	int64_t			*change_table;
	size_t			 nchange, change_size;
	int			 lost;	/* no memory for a change: no commit */
	struct buf		 said;	/* for sink.say, after the commit */
	int			 from_peer; /* while a peer's word is merged */

	/* Low-priority MX: since when visits are kept, 0 not kept; until when
	 * (mono ms) there is no trap. */
	int64_t			 visits_since;
	int64_t			 lowmx_grace;

	/* The clock rule. */
	int64_t			 newest, newest_written;
	int			 clock_bad;
	char			 clock_why[256];

	/* Keying anew. */
	int			 rekey, pending;
	struct db_pos		 rekey_pos;

	int64_t			 limit_logged;	/* mono ms */
	unsigned long		 limit_quiet;
	int64_t			 stat[PST_MAX];
	char			 text[160];
};

/* What is known of a host at this moment. */
struct state {
	struct addr	host;
	uint64_t	lists;		/* those the address is on */
	int		whitelisted, blacklisted;
	struct host	h;		/* times judged: 0 or in the future */
	int64_t		stamp;		/* demoted when, 0 never */
};

/* policy.c */
void		 policy_host(const struct policy *, const struct addr *,
		    struct addr *host);
void		 host_key(enum entry_type, const struct addr *host,
		    struct entry *);
enum db_result	 host_times(struct policy *, const struct addr *host,
		    struct host *);
enum db_result	 policy_state(struct policy *, const struct addr *,
		    struct state *);
/* Notes the host's state for the sink. full: the address for the lists. */
enum db_result	 policy_changed(struct policy *, const struct addr *host,
		    const struct addr *full);
/* Writes what this machine asserts now; found: it was there (last and gen are
 * then what they were), old: its address then (GREY). */
enum db_result	 policy_put(struct policy *, const struct entry *, int found,
		    const struct addr *old);
/* The same without asserting or saying anything. */
enum db_result	 policy_store(struct policy *, const struct entry *, int found,
		    const struct addr *old);
enum db_result	 policy_del(struct policy *, const struct entry *);
uint64_t	 policy_entries(const struct policy *);
void		 policy_count(struct policy *, enum entry_type,
		    const struct addr *, int delta);
int64_t		 until_expire(int64_t until, int64_t dflt);
int64_t		 later(int64_t, int64_t);	/* of expiries: 0 is for ever */

/* tuple.c */
struct tuple {
	const struct grey_conf *conf;
	char	from[MAILADDR_KEY_MAX], to[MAILADDR_KEY_MAX];
	char	cmp_from[MAILADDR_KEY_MAX], cmp_to[MAILADDR_KEY_MAX];
};
/* Fills in net and hash of *e from addr and strings. */
void		 tuple_key(const struct policy *, struct entry *e,
		    struct tuple *);
int		 tuple_same(const struct entry *, const struct entry *, void *);

/* sync.c */
struct words {
	char	helo[ENTRY_STR_MAX + 1], from[ENTRY_STR_MAX + 1],
		to[ENTRY_STR_MAX + 1], comment[ENTRY_STR_MAX + 1],
		rcpt[MAILADDR_KEY_MAX];
};
/* The strings that the database lent become the entry's own, in words. */
void		 policy_own(struct entry *, struct words *);
/* Sets last and, when it begins anew, gen of what is about to be written. */
enum db_result	 policy_assert(struct policy *, struct entry *, int found);
void		 policy_say(struct policy *, const struct entry *);
void		 policy_said(struct policy *);		/* tells the sink */
/* Deletes an entry (its type, net, hash or rcpt are given) by hand: leaves a
 * tombstone.  DB_NONE: there is none. */
enum db_result	 policy_bury(struct policy *, const struct entry *key);
/* An entry of a file, with its times. */
enum db_result	 policy_merge_line(struct policy *, const struct entry *);

/* conf.c.  Times in META: eight octets, network order. */
enum db_result	 meta_put_time(struct policy *, const char *, int64_t);

/* rcpt.c */
enum db_result	 rcpt_traps(struct policy *, const char *box,
		    uint8_t *reason);

/* edit.c */
/* policy_white, and why. */
enum db_result	 policy_white_for(struct policy *, const struct addr *,
		    int64_t until, const char *comment, enum white_reason);
enum db_result	 policy_trap_host(struct policy *, const struct addr *full,
		    int64_t expire, unsigned int reason, const char *comment,
		    int extend);
/* TRAPPED ends because the configuration wants it: no tombstone. */
enum db_result	 policy_let_go(struct policy *, const struct addr *);

/* enter.c: policy_import without counting it; DB_NONE: it has expired
 * and is left out.  last 0: of a line, which
 * stands over what was deleted here before; else it is merged as it is. */
enum db_result	 policy_enter(struct policy *, const struct entry *);

/* show.c: the address lists, for the statistics. */
void	 policy_list_stats(const struct policy *,
	    void (*stat)(const char *name, int64_t value, void *), void *arg);

#endif
