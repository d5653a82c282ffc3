/*
 * Inside of the role store (not of ctl.c, which has its
 * contract in ctl.h).
 */
#ifndef STORE_H
#define STORE_H

#include <sys/queue.h>

#include "lib/policy/policy.h"
#include "spamgreyd/process/process.h"

#define STORE_BATCH	128		/* requests a transaction */
#define STORE_HIGH	(1024 * 1024)	/* octets queued to a peer: wait */
#define STORE_LOW	(256 * 1024)
#define STORE_SLICE	256		/* entries a turn of long work */
#define STORE_FW_WAIT	1000		/* ms for fw's word on a promotion */
#define STORE_REOPEN	2000		/* ms between tries */
#define STORE_MINUTE	60000		/* ms between expiry runs */

/* An answer whose transaction is not committed yet. */
struct pending {
	uint64_t		session;
	struct rcpt_answer	ans;
	struct addr		client;
	int			ask_fw;	/* the table first */
	char			text[160];
};

/* A front, or pass: who keeps a copy of the host states. */
struct peer {
	TAILQ_ENTRY(peer)	 entry;
	struct store		*store;
	enum role		 role;
	char			 name[16];	/* "front 1", "pass" */
	struct chan		*chan;
	int			 paused;	/* its queue is long */
	struct pending		 batch[STORE_BATCH];
	size_t			 n;
};

/* An answer that waits for fw. */
struct fw_wait {
	TAILQ_ENTRY(fw_wait)	 entry;
	uint64_t		 id;
	struct peer		*peer;
	uint64_t		 session;
	struct rcpt_answer	 ans;
	int64_t			 deadline;	/* mono ms */
};

struct store {
	struct child		*child;
	struct db		*db;
	struct policy		*policy;
	TAILQ_HEAD(, peer)	 peers;
	struct chan		*fw;
	struct chan		*track;		/* NULL: none runs now */
	TAILQ_HEAD(, fw_wait)	 waits;		/* the oldest first */
	uint64_t		 last_wait;
	int64_t			 late_logged;	/* mono ms */
	int			 running;

	/* The open batch: at most one at a time, within one callback. */
	struct peer		*batch;		/* whose; NULL: none is open */
	struct buf		 spamd;		/* of spamd.c */
	int			 batch_bad;	/* the database failed in it */

	/* What the MTA offers, as pass told it last; relays NULL: nothing. */
	struct mta_caps		 caps;
	char			*caps_relays;
	int			 caps_unsaved;

	/* All host states being told: to fronts and pass, to fw. */
	int			 streaming, stream_peers, stream_fw;
	int			 stream_again;
	int			 in_slice;	/* the sink tells, no change */
	struct db_pos		 stream_pos;

	struct sync		*sync;		/* NULL: no peers */
	int64_t			 asof, asof_mono;	/* as all were told last, and when */
	int			 expiring;
	int			 learning;	/* counts wait to be written */
	int			 was_up;
	int64_t			 last_try, last_minute;	/* mono ms */
	struct event		*ev_second, *ev_work, *ev_wait;
};

/* store.c */
void	 store_work_soon(struct store *);
void	 store_check_up(struct store *);

/* front.c */
void	 store_peer_new(struct store *, enum role, unsigned int instance,
	    int fd);
void	 store_peer_start(struct peer *);	/* begin to read */
void	 store_peer_answer(struct peer *, uint64_t session,
	    const struct rcpt_answer *);
/* Opens the batch's transaction, if there is none yet.  -1: the database is
 * down, or failed earlier in this batch. */
int	 store_batch_begin(struct peer *);
void	 store_batch_failed(struct store *, enum db_result);
/* 1: an answer of the open batch waits for fw to have this host, so on_batch
 * sends it to fw after the commit; 0: nobody else tells fw. */
int	 store_batch_asks_fw(const struct store *, const struct addr *host);
/* Reads those again whose queue is short again. */
void	 store_peers_resume(struct store *);
void	 store_peers_send_host(struct store *, const struct host *);
void	 store_peers_send_clock(struct store *, int64_t asof);
/* All states follow; they have all been told. */
void	 store_peers_begin(struct store *);
void	 store_peers_end(struct store *);
void	 store_peers_send_up(struct store *, int up, const char *why);
/* What is queued to them leaves now, before something else is said: a change of
 * a host is with all of them before the answer that caused it. */
void	 store_peers_flush(struct store *, const struct peer *except);
int	 store_peers_full(const struct store *);	/* a queue is long */

/* spamd.c: spamd's lines of a batch (`log spamd'), said when it is on
 * disk or not at all */
void	 store_spamd_rcpt(struct store *, const struct rcpt_req *,
	    const struct rcpt_answer *, int known);
void	 store_spamd_say(struct store *, int stored);

/* pass.c: what pass tells, and what it is told besides */
extern const struct chan_rule store_pass_rules[];
void	 store_on_event(struct chan *, struct msg *, void *);
void	 store_on_stat(struct chan *, struct msg *, void *);
void	 store_caps_load(struct store *);	/* at start and reopening */
void	 store_caps_save(struct store *);	/* if they are not on disk yet */
void	 store_caps_send(struct store *);	/* to all peers */

/* track.c */
void	 store_track_peer(struct store *, int fd);
void	 store_track_start(struct store *);

/* sync.c: what peers say; sync_send.c: what they are told.  A
 * configuration is taken into use before the old one is freed. */
void	 store_sync_configure(struct store *);
void	 store_sync_say(const struct merge_state *, void *store);
void	 store_sync_stats(void (*stat)(const char *, int64_t, void *), void *,
	    void *store);
void	 store_sync_tick(struct store *);	/* each second, database up */
void	 store_sync_flush(struct store *);	/* at the end, what waits */

/* fw.c */
void	 store_fw_peer(struct store *, int fd);
void	 store_fw_start(struct store *);
/* until 0: out of the table.  id 0: no answer is wanted. */
void	 store_fw_do(struct store *, uint64_t id, const struct addr *host,
	    int64_t until);
void	 store_fw_host(struct store *, const struct addr *host, int64_t until);
/* Asks what the kernel's table has; store_ctl_table tells it.  -1: cannot. */
int	 store_fw_look(struct store *, uint64_t id, const struct addr *);
/* The answer goes out when fw has the host, or is late. */
void	 store_fw_wait(struct store *, struct peer *, const struct pending *);
void	 store_fw_forget(struct store *, struct peer *);
int	 store_fw_full(const struct store *);

#endif
