/*
 * Between a client of the control socket (spamgreydb) and store; CTL_ASK and
 * CTL_RESULT go between store and the parent.  Both ends may be of different
 * versions: HELLO has PROTO_VERSION.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

#define PROTO_VERSION	3	/* of the control socket */

enum {
	CTL_HELLO = 128,	/* u32 version; the answer has the server's */
	CTL_LIST,		/* struct ctl_list */
	CTL_GET,		/* entries by exact key text: str */
	CTL_ADD,		/* struct ctl_edit */
	CTL_DELETE,		/* struct ctl_edit */
	CTL_SHOW,		/* addr */
	CTL_EXPIRE,		/* u8 flags: 1 clock-ok */
	CTL_IMPORT,		/* any number of lines, str each; answered by one CTL_END at CTL_IMPORT_END */
	CTL_IMPORT_END,
	CTL_STATS,
	CTL_RELOAD,		/* ticket str, of the client's choice: for
				   CTL_OUTCOME, when the processes start again
				   and the connection ends before the answer */
	CTL_LOG,		/* u8 verbose */
	/* answers */
	CTL_ENTRY,		/* struct ctl_entry: raw key and data of an entry */
	CTL_TEXT,		/* u8 kind (CTL_TEXT_*), str */
	CTL_FACT,		/* name str, value str: show, stats */
	CTL_END,		/* u8 status, u32 count, str text */
	CTL_ASK,		/* store -> parent: u16 type (CTL_RELOAD, CTL_LOG,
				   CTL_LOAD, CTL_STOP, CTL_OUTCOME), u8, str */
	CTL_RESULT,		/* parent -> store: id, u8 status, u8 more, str text */
	CTL_LEARN,		/* struct ctl_learn; answered by facts */
	CTL_REPUTE,		/* struct ctl_repute; answered by entries, whose
				   counts are those of now */
	CTL_LOAD,		/* name of a list str, "" all */
	/* bulk sync; lib/control/sync.c */
	CTL_SYNC_INDEX,		/* seed (16 octets), asof i64; answered by
				   ITEMs, and a fact: how many cannot be said */
	CTL_SYNC_ITEM,		/* id u64, sum u64, tomb u8, alone u64, key */
	CTL_SYNC_GET,		/* keys, each as data: at most CTL_SYNC_KEYS */
	CTL_SYNC_STATE,		/* lib/sync/mergeio.h's octets of one */
	CTL_SYNC_MERGE,		/* such octets of any number; END's count is
				   how many were news, facts how many were
				   refused and why the first was */
	CTL_STOP,		/* the daemon ends */
	CTL_TABLE,		/* addr: does the firewall's table have it?  OK,
				   NOTFOUND, FAILED (not looked), and a text;
				   the unspecified address: NOTFOUND when the
				   table is full */
	CTL_OUTCOME		/* ticket str: of the reload that had it; PENDING:
				   ask again.  NOTFOUND: there was none, or it is
				   too long ago */
};

struct entry;

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

struct ctl_edit {
	uint8_t		type;		/* one CTL_T_* bit; 0 with delete: whatever has the key */
	uint8_t		flags;		/* CTL_EDIT_* */
	int64_t		until;		/* 0: the configured lifetime; HOST_FOREVER */
	const char	*key;		/* address or mail address, as typed */
	const char	*comment;
};
#define CTL_EDIT_SPAMDB	1		/* spamdb's own semantics and messages */

/* A message's way, the newest Received line first, and what it is. */
enum hop_kind {
	HOP_ADDR,
	HOP_LOCAL,			/* handed over within a host */
	HOP_SELF,			/* from an address of the machine that asks,
					   or from its name without one */
	HOP_UNCLEAR			/* from an unknown host */
};
#define CTL_HOPS_MAX	100
#define CTL_SYNC_KEYS	64
struct ctl_learn {
	uint8_t		bad;
	uint8_t		dry;		/* only say what it would count */
	size_t		n;
	struct {
		uint8_t		kind;	/* enum hop_kind */
		struct addr	addr;	/* ADDR, SELF */
	} hop[CTL_HOPS_MAX];
};

struct ctl_repute {
	uint32_t	bad;		/* at least so many; 0: any */
	int64_t		since;		/* changed since then; 0: ever */
	struct prefix	within;		/* len 0: everywhere */
};

enum ctl_status {
	CTL_OK = 0, CTL_FAILED = 1, CTL_NOTFOUND = 2, CTL_BADARG = 3,
	CTL_PENDING = 4, CTL_VERSION = 5
};
#define CTL_TICKET_MAX	33	/* with its NUL */
enum ctl_text { CTL_TEXT_OUT = 0, CTL_TEXT_ERR = 1 };

int	 proto_put_list(struct ipc *, uint64_t id, const struct ctl_list *);
int	 proto_get_list(struct msg *, struct ctl_list *);
int	 proto_put_edit(struct ipc *, uint16_t type, uint64_t id,
	    const struct ctl_edit *);
int	 proto_get_edit(struct msg *, struct ctl_edit *);
int	 proto_put_learn(struct ipc *, uint64_t id, const struct ctl_learn *);
int	 proto_get_learn(struct msg *, struct ctl_learn *);
int	 proto_put_repute(struct ipc *, uint64_t id, const struct ctl_repute *);
int	 proto_get_repute(struct msg *, struct ctl_repute *);
/* The entry as it stands on disk; get decodes with strbuf as entry_decode. */
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
