/*
 * The messages between the processes of one daemon, and on its control
 * socket.  One put/get pair a message, so that its layout lives in one place
 * (proto.c).  get: 0, or -1 when the frame is not exactly that message.
 *
 *	parent -> any	HELLO PEER CONF_* START LOGLEVEL PING QUIT
 *			CTL_RESULT(store)
 *	any -> parent	READY LOG PONG FATAL; store: CTL_ASK BUSY; fw: FW_READY
 *	front -> store	RCPT VISIT EVENT WHITE_SEEN OVERLIMIT STAT…
 *	store -> front	CLOCK HOSTS_BEGIN HOST CAPS HOSTS_END RCPT_ANSWER STORE_UP
 *			STAT_ASK
 *	store -> fw	CLOCK FW_BEGIN FW_HOST FW_END FW_DO STAT_ASK
 *	fw -> store	FW_DONE STAT…
 *	front -> pass	HANDOVER_BEGIN HANDOVER_RCPT* HANDOVER_INPUT* HANDOVER_END
 *	pass -> front	HANDOVER_OK HANDOVER_NO CAPS
 *	pass -> store	EVENT MAIL_SEEN CAPS STAT…
 *	store -> pass	CLOCK HOSTS_BEGIN HOST CAPS HOSTS_END STORE_UP STAT_ASK
 *	track -> store	TRACK STAT…;  store -> track  STAT_ASK
 *	track -> parent	LATER;  parent -> track  TRACK_OURS
 *	pass -> parent	SOCK_ASK CONN_ASK;  parent -> pass  SOCK CONN
 *	client <-> store CTL_*
 */
#ifndef PROTO_H
#define PROTO_H

#include <stdint.h>

#include "lib/smtp/caps.h"
#include "lib/db/entry.h"
#include "lib/base/event.h"
#include "lib/base/hosts.h"
#include "lib/ipc/ipc.h"

#define PROTO_VERSION	3	/* of the control socket */

enum msg_type {
	MSG_NONE = 0,
	/* parent and children */
	MSG_HELLO,		/* build id (str), role u8, instance u16,
				   privileged u8, again u8, verbose u8 */
	MSG_READY,		/* build id (str) */
	MSG_PEER,		/* role u8, instance u16; with a descriptor */
	MSG_CONF_BEGIN,		/* layouts: parent/conf/ship.c */
	MSG_CONF_GLOBAL,
	MSG_CONF_GREY,
	MSG_CONF_LIMIT,
	MSG_CONF_STRING,	/* kind u8, text: domains, spamtraps, not-to */
	MSG_CONF_LIST,
	MSG_CONF_SET,		/* the compiled lists; with a descriptor */
	MSG_CONF_REACTION,
	MSG_CONF_LISTEN,	/* with a descriptor when it is new */
	MSG_CONF_PEM,		/* certificate or key bytes, in chunks */
	MSG_CONF_FW,
	MSG_CONF_COMMIT,
	MSG_CONF_DONE,		/* child -> parent: a new one is in force */
	MSG_START,		/* front may accept */
	MSG_LOG,		/* priority u8, line str */
	MSG_LOGLEVEL,		/* u8 */
	MSG_FATAL,		/* line str: the child cannot go on, do not restart */
	MSG_QUIT,
	MSG_STATE_LOCK,		/* with a descriptor that holds the lock */
	MSG_CTL_LISTEN,		/* the control socket, with its descriptor */
	MSG_PF,			/* a descriptor of /dev/pf: fw (writable);
				   FreeBSD: front and pass (read-only) */
	MSG_FW_READY,		/* fw -> parent: the table is filled */
	MSG_CONF_PASS,
	MSG_CONF_RELAY,		/* relay, then its targets, a message each */
	MSG_CONF_TARGET,
	MSG_CONF_MODULE,	/* module, then its options, a message each */
	MSG_CONF_OPTION,
	MSG_SOCK_ASK,		/* pass -> parent: id; relay u16, target u16,
				   addr, port u16: a socket bound to that
				   (foreign) address, for that target */
	MSG_SOCK,		/* id; errno u32; with a descriptor when 0 */
	MSG_CONN_ASK,		/* pass -> parent: id; module str, server u16: a
				   connection to the unix socket that this is in
				   the configuration in force */
	MSG_CONN,		/* id; errno u32; with a descriptor when 0 */
	MSG_CONF_LEARN,
	MSG_CONF_TRACK,
	MSG_TRACK_OURS,		/* parent -> track: u32 number of the interface
				   that `interface' names (0: none), then the
				   machine's addresses */
	MSG_LATER,		/* track -> parent: str: why it cannot work; it
				   ends, and is started again in a while */
	MSG_CONF_SYNC,		/* the block, then its sockets and peers, a
				   message each */
	MSG_CONF_LISTS,		/* the lists before it replace those in force;
				   answered by CONF_DONE */
	MSG_PING,		/* parent -> child: are you there? */
	MSG_PONG,
	MSG_BUSY,		/* store -> parent: u8: it recovers the database
				   and hears nothing; it has done so */
	/* front and store */
	MSG_RCPT = 64,
	MSG_RCPT_ANSWER,
	MSG_VISIT,		/* addr: a connection came to the primary MX */
	MSG_EVENT,		/* struct event_msg */
	MSG_OVERLIMIT,		/* front refused somebody for a limit */
	MSG_HOSTS_BEGIN,	/* struct addr_cut: of the keys that follow */
	MSG_HOST,
	MSG_HOSTS_END,
	MSG_STORE_UP,		/* u8 up, str why */
	MSG_WHITE_SEEN,		/* front -> store: addr: it is handed over at
				   connect; put it back into the table */
	MSG_MAIL_SEEN,		/* pass -> store: struct mail_seen */
	MSG_CAPS,		/* struct mta_caps */
	MSG_HANDOVER_BEGIN,	/* struct handover */
	MSG_HANDOVER_RCPT,	/* to str, params str: answered 250 before, but
				   the last one of all when HANDOVER_PENDING */
	MSG_HANDOVER_INPUT,	/* data: read ahead from the client */
	MSG_HANDOVER_END,	/* with the client's descriptor; without it,
				   what came since BEGIN is nothing */
	MSG_HANDOVER_OK,	/* id; the sender may close its descriptor */
	MSG_HANDOVER_NO,	/* id; why str */
	MSG_CLOCK,		/* store -> front, pass, fw: i64, see
				   clock_judged */
	/* store and fw */
	MSG_FW_BEGIN = 96,	/* the whole set follows */
	MSG_FW_HOST,		/* addr (cut to admit), plen u8, until i64 */
	MSG_FW_END,
	MSG_FW_DO,		/* id, addr, plen u8, until i64 (0: take out); answered when id */
	MSG_FW_DONE,		/* id, u8 ok */
	MSG_FW_LOOK,		/* id, addr, plen u8, i64 0: is it in the table?
				   the unspecified address: is there room? */
	MSG_FW_LOOKED,		/* id, u8 status (as CTL_END), str text */
	/* track and store */
	MSG_TRACK = 104,	/* struct track_seen, some of them */
	/* statistics, any child */
	MSG_STAT_ASK = 112,
	MSG_STAT,		/* name str, value i64 */
	MSG_STAT_END,
	/* control socket */
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

/* front -> store: one RCPT.  id of the message: the session. */
struct rcpt_req {
	uint32_t	seq;		/* of the RCPT in its session; echoed */
	struct addr	client;
	uint8_t		flags;		/* RCPT_F_* */
	const char	*helo;
	const char	*from;		/* with brackets */
	const char	*to;
	struct addr	mx;		/* with RCPT_F_LOWMX: which one */
};
#define RCPT_F_LOWMX	1		/* came to a low-priority-mx listener */
#define RCPT_F_WHITE	2		/* front saw it WHITE or whitelisted: put it
					   back into the table, make no tuple */
#define RCPT_F_AGAIN	4		/* not the session's first RCPT */
#define RCPT_F_TO_US	16		/* the recipient is at an address literal of
					   ours */

enum rcpt_verdict {
	RCPT_GREY = 1,			/* stored; left seconds to wait */
	RCPT_PASS,			/* the host is WHITE and in the table */
	RCPT_WHITE,			/* was WHITE or whitelisted already */
	RCPT_TRAPPED,			/* this recipient, or one before, trapped it */
	RCPT_UNSTORED,			/* not stored: nothing may be promised; text says why */
	RCPT_NOT_TO			/* `not to', when the configuration hands
					   over; the host stays what it is */
};

struct rcpt_answer {
	uint32_t	seq;
	uint8_t		verdict;
	uint8_t		reason;		/* TRAPPED: enum trap_reason */
	int64_t		left;		/* seconds */
	const char	*text;		/* UNSTORED: for the reply and the log */
};

/* What a host did (event.h); the store counts and reacts as `on' lines say. */
struct event_msg {
	struct addr	client;
	uint8_t		event;		/* enum host_event */
	uint8_t		flags;		/* EVENT_F_* */
};
#define EVENT_F_VOUCHED	1		/* a list of good repute vouches for it:
					   content never traps or demotes it */

/* pass -> store: a message came to its end, relayed or refused for what it is.
 * Good mail extends WHITE; both count for `of bad N%'. */
struct mail_seen {
	struct addr	client;
	uint8_t		bad;		/* refused as virus or spam */
	uint8_t		vouched;	/* as EVENT_F_VOUCHED */
};

/* track -> store: connections that the firewall logged, of one host. */
struct track_seen {
	uint8_t		outbound;	/* 0: it came by; 1: we called it */
	struct addr	host;
	uint32_t	count;		/* connections, at least 1 */
};
#define TRACK_SEEN_MAX	256		/* in one message */

/* front -> pass: a session, as far as it came. */
enum handover_kind { HANDOVER_WHITE, HANDOVER_WHITELISTED, HANDOVER_NOT_TO };
struct handover {
	struct addr	client, dst;
	uint16_t	port, dport;
	uint8_t		kind;		/* enum handover_kind */
	uint8_t		flags;		/* HANDOVER_* */
	uint16_t	bad;		/* bad commands so far */
	uint16_t	events;		/* bits 1 << enum host_event */
	uint32_t	offered;	/* CAPS_* that its EHLO was told */
	uint32_t	listener;	/* its id in the configuration, 0 unknown:
					   whose certificate it is */
	int64_t		start;		/* clock_mono of the connection */
	const char	*helo;		/* "" none */
	const char	*from;		/* "" no transaction */
	const char	*from_params;
	const char	*tls_version, *tls_cipher;	/* "" in clear */
};
#define HANDOVER_BANNER	1		/* the banner is out */
#define HANDOVER_ESMTP	2		/* it said EHLO */
#define HANDOVER_PENDING 4		/* the last recipient has no answer yet */
#define HANDOVER_NO_TLS	8		/* its listener offers no STARTTLS */

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

/*
 * put begins the frame and fills it; ipc_send or chan_send ends it (and is the
 * one that reports a failure; put only tells of it early).
 */
int	 proto_put_rcpt(struct ipc *, uint64_t session, const struct rcpt_req *);
int	 proto_get_rcpt(struct msg *, struct rcpt_req *);
int	 proto_put_rcpt_answer(struct ipc *, uint64_t session,
	    const struct rcpt_answer *);
int	 proto_get_rcpt_answer(struct msg *, struct rcpt_answer *);
int	 proto_put_event(struct ipc *, uint64_t session,
	    const struct event_msg *);
int	 proto_get_event(struct msg *, struct event_msg *);
int	 proto_put_mail_seen(struct ipc *, uint64_t session,
	    const struct mail_seen *);
int	 proto_get_mail_seen(struct msg *, struct mail_seen *);
int	 proto_put_track(struct ipc *, const struct track_seen *, size_t n);
/* *n: how many came; seen has room for TRACK_SEEN_MAX. */
int	 proto_get_track(struct msg *, struct track_seen *seen, size_t *n);
int	 proto_put_caps(struct ipc *, const struct mta_caps *);
int	 proto_get_caps(struct msg *, struct mta_caps *);
int	 proto_put_handover(struct ipc *, uint64_t session,
	    const struct handover *);
int	 proto_get_handover(struct msg *, struct handover *);
int	 proto_put_clock(struct ipc *, int64_t asof);
int	 proto_get_clock(struct msg *, int64_t *asof);
int	 proto_put_hosts_begin(struct ipc *, const struct addr_cut *);
int	 proto_get_hosts_begin(struct msg *, struct addr_cut *);
int	 proto_put_host(struct ipc *, const struct host *);
int	 proto_get_host(struct msg *, struct host *);
int	 proto_put_fw(struct ipc *, uint16_t type, uint64_t id,
	    const struct addr *, uint8_t plen, int64_t until);
int	 proto_get_fw(struct msg *, struct addr *, uint8_t *plen,
	    int64_t *until);
int	 proto_put_stat(struct ipc *, uint64_t id, const char *, int64_t);
int	 proto_get_stat(struct msg *, const char **, int64_t *);
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
