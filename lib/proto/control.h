/*
 * Between a client of the control socket (spamgreydb) and store; CTL_ASK and
 * CTL_RESULT go between store and the parent.  The two ends may be of different
 * releases, so a connection begins with HELLO, which has PROTO_VERSION.
 *
 *	client -> store	HELLO, then requests, one after the other
 *	store -> client	HELLO; for each request its answers (ENTRY, TEXT, FACT,
 *			SYNC_ITEM, SYNC_STATE), then END
 *	store -> parent	ASK
 *	parent -> store	RESULT...
 *
 * An answer has the id of its request.  lib/control has the requests'
 * functions; spamgreydb/direct.c runs them without a daemon, over the same
 * messages.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

#define PROTO_VERSION	3	/* of the control socket */

enum {
	CTL_HELLO = 128,	/* u32 PROTO_VERSION; the answer has the
				   server's */
	CTL_LIST,		/* struct ctl_list */
	CTL_GET,		/* entries by exact key text: str */
	CTL_ADD,		/* struct ctl_edit */
	CTL_DELETE,		/* struct ctl_edit */
	CTL_SHOW,		/* addr */
	CTL_EXPIRE,		/* u8 flags: 1 clock-ok */
	CTL_IMPORT,		/* any number of lines, str each; there is one
				   END for all of them, after IMPORT_END */
	CTL_IMPORT_END,		/* no body; the id of the IMPORTs */
	CTL_STATS,		/* no body; answered by facts */
	CTL_RELOAD,		/* ticket str, of the client's choice: for
				   CTL_OUTCOME, when the processes start again
				   and the connection ends before the answer */
	CTL_LOG,		/* u8 verbose */
	/* answers */
	CTL_ENTRY,		/* key and data of an entry, as on disk */
	CTL_TEXT,		/* u8 kind (CTL_TEXT_*), str: a line to print */
	CTL_FACT,		/* name str, value str: show, stats */
	CTL_END,		/* u8 enum ctl_status, u32 count, str text */
	CTL_ASK,		/* store -> parent: id; u16 type (CTL_RELOAD,
				   CTL_LOG, CTL_LOAD, CTL_STOP, CTL_OUTCOME),
				   u8, str: what the request had */
	CTL_RESULT,		/* parent -> store: id of the ASK; u8 status,
				   u8 more (1: another RESULT follows), str
				   text */
	CTL_LEARN,		/* struct ctl_learn; answered by facts */
	CTL_REPUTE,		/* struct ctl_repute; answered by entries, whose
				   counts are those of now */
	CTL_LOAD,		/* name of a list str; "": all lists */
	/* bulk sync; lib/control/sync.c */
	CTL_SYNC_INDEX,		/* seed (16 bytes), asof i64; answered by ITEMs
				   and a fact: how many entries cannot be sent
				   to others */
	CTL_SYNC_ITEM,		/* id u64, sum u64, tomb u8, alone u64, key */
	CTL_SYNC_GET,		/* keys, each as data: at most CTL_SYNC_KEYS */
	CTL_SYNC_STATE,		/* one state, in the form of
				   lib/sync/mergeio.h */
	CTL_SYNC_MERGE,		/* any number of such states; END's count is how
				   many of them changed something, facts say how
				   many were refused and why the first was */
	CTL_STOP,		/* no body: ends the daemon */
	CTL_TABLE,		/* addr: does the firewall's table have it?
				   Status OK, NOTFOUND or FAILED (it could not
				   be looked up), and a text; for the
				   unspecified address NOTFOUND means that the
				   table is full */
	CTL_OUTCOME		/* ticket str: how the reload with that ticket
				   ended.  PENDING: ask again.  NOTFOUND: no
				   such reload, or it is too long ago */
};

struct entry;

/* Which entries are wanted. */
struct ctl_list {
	uint8_t		types;		/* CTL_T_* bits; 0 all */
	struct prefix	within;		/* len 0: everywhere */
};
#define CTL_T_GREY	1
#define CTL_T_WHITE	2
#define CTL_T_TRAPPED	4
#define CTL_T_SPAMTRAP	8
#define CTL_T_STAMP	16		/* for an export; not among `all' */
#define CTL_T_VISIT	32
#define CTL_T_REPUTE	64

/* An entry to add or to delete.  The strings are the message's or the
 * caller's. */
struct ctl_edit {
	uint8_t		type;		/* one CTL_T_* bit; 0 with delete: an
					   entry of any type */
	uint8_t		flags;		/* CTL_EDIT_* */
	int64_t		until;		/* seconds since 1970; 0: the configured
					   lifetime; HOST_FOREVER */
	const char	*key;		/* address or mail address, as typed */
	const char	*comment;
};
#define CTL_EDIT_SPAMDB	1		/* with spamdb's rules and messages */

/* How a message came from one host to the next, by its Received line. */
enum hop_kind {
	HOP_ADDR,			/* from this address */
	HOP_LOCAL,			/* handed over within a host */
	HOP_SELF,			/* from an address of the machine that
					   asks, or from its name alone */
	HOP_UNCLEAR			/* from an unknown host */
};
#define CTL_HOPS_MAX	100	/* hops of a message that are looked at */
#define CTL_SYNC_KEYS	64	/* keys of one CTL_SYNC_GET */
/* One message that a user judged, and its way: the newest hop first. */
struct ctl_learn {
	uint8_t		bad;		/* 1: spam; 0: good mail */
	uint8_t		dry;		/* change nothing, only say what would
					   be counted */
	size_t		n;
	struct {
		uint8_t		kind;	/* enum hop_kind */
		struct addr	addr;	/* ADDR, SELF */
	} hop[CTL_HOPS_MAX];
};

/* Which counts of good and bad messages are wanted. */
struct ctl_repute {
	uint32_t	bad;		/* at least so many; 0: any */
	int64_t		since;		/* changed since then (seconds since
					   1970); 0: at any time */
	struct prefix	within;		/* len 0: everywhere */
};

/* How a request ended.  The numbers travel: a new one goes to the end. */
enum ctl_status {
	CTL_OK = 0, CTL_FAILED = 1, CTL_NOTFOUND = 2, CTL_BADARG = 3,
	CTL_PENDING = 4, CTL_VERSION = 5
};
#define CTL_TICKET_MAX	33	/* with its NUL */
/* Where a client prints a line: standard output or standard error. */
enum ctl_text { CTL_TEXT_OUT = 0, CTL_TEXT_ERR = 1 };

/*
 * parent.h says what put and get return.  A string of *e is borrowed from the
 * message, as in all of them.
 */
int	 proto_put_list(struct ipc *, uint64_t id, const struct ctl_list *);
int	 proto_get_list(struct msg *, struct ctl_list *);
int	 proto_put_edit(struct ipc *, uint16_t type, uint64_t id,
	    const struct ctl_edit *);
int	 proto_get_edit(struct msg *, struct ctl_edit *);
int	 proto_put_learn(struct ipc *, uint64_t id, const struct ctl_learn *);
int	 proto_get_learn(struct msg *, struct ctl_learn *);
int	 proto_put_repute(struct ipc *, uint64_t id, const struct ctl_repute *);
int	 proto_get_repute(struct msg *, struct ctl_repute *);
/*
 * The entry as it is on disk.  get decodes it; the entry then borrows its
 * strings from strbuf, as with entry_decode.
 */
int	 proto_put_entry(struct ipc *, uint64_t id, const struct entry *);
int	 proto_get_entry(struct msg *, struct entry *, char *strbuf);
int	 proto_put_text(struct ipc *, uint64_t id, uint8_t kind, const char *);
int	 proto_get_text(struct msg *, uint8_t *kind, const char **);
int	 proto_put_fact(struct ipc *, uint64_t id, const char *, const char *);
int	 proto_get_fact(struct msg *, const char **, const char **);
int	 proto_put_end(struct ipc *, uint64_t id, uint8_t status,
	    uint32_t count, const char *);
int	 proto_get_end(struct msg *, uint8_t *status, uint32_t *count,
	    const char **);

#endif
