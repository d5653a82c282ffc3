/*
 * The room store: the role that owns the database.  It runs in the process
 * "store" alone.  It uses lib (policy, control, db, proto, sync, conf),
 * process/, and nothing of another role; to the other processes it speaks by
 * messages only.
 *
 * Read in this order:
 *		store.c	the role: start, timers, long work in slices
 *		front.c	RCPTs in batches, answers, host states to all peers
 *		pass.c	events and messages that pass saw, the MTA's offers
 *		fw.c	changes for the firewall's table, answers that wait
 *		track.c	connections that the firewall logged
 *		spamd.c	spamd's own log lines
 *		sync.c	datagrams from other machines; sync_send.c to them
 *		ctl.c	clients of the control socket; its contract: ctl.h
 *
 * This header is for the files of the room only.  A pointer to struct store
 * or struct peer is valid for the life of the process, or until peer_ended;
 * only one thread exists, and nothing here blocks but a recovery of the
 * database (try_reopen).
 *
 * Several headers: ctl.h is the contract between ctl.c and store.c, and
 * sync.h that between sync.c and sync_send.c; the other files need neither.
 */
#ifndef STORE_H
#define STORE_H

#include <sys/queue.h>

#include "lib/policy/policy.h"
#include "lib/proto/any_store.h"
#include "lib/proto/control.h"
#include "lib/proto/front_store.h"
#include "lib/proto/smtp_store.h"
#include "lib/proto/store_fw.h"
#include "lib/proto/track_store.h"
#include "spamgreyd/process/process.h"

#define STORE_BATCH	128		/* requests in a transaction */
#define STORE_HIGH	(1024 * 1024)	/* bytes queued to a peer: pause */
#define STORE_LOW	(256 * 1024)	/* … and go on */
#define STORE_SLICE	256		/* entries in a slice of long work */
#define STORE_FW_WAIT	1000		/* ms that a promotion waits for fw */
#define STORE_REOPEN	2000		/* ms between tries to reopen */
#define STORE_MINUTE	60000		/* ms between expiry runs */

/*
 * An answer whose transaction is not committed yet.  Its text is copied,
 * since the policy's own text is valid until the next RCPT only.
 */
struct pending {
	uint64_t		session;
	struct rcpt_answer	ans;
	struct addr		client;
	int			ask_fw;	/* it waits for the table */
	char			text[160];
};

/* A front, or pass: a process that keeps a copy of the host states. */
struct peer {
	TAILQ_ENTRY(peer)	 entry;
	struct store		*store;
	enum role		 role;
	char			 name[16];	/* "front 1", "pass" */
	struct chan		*chan;
	int			 paused;	/* its queue is too long */
	struct pending		 batch[STORE_BATCH];
	size_t			 n;
};

/* An answer that waits until fw has a host in its table. */
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
	struct peer		*batch;		/* of this peer; NULL: none */
	struct buf		 spamd;		/* lines of spamd.c */
	int			 batch_bad;	/* the database failed in it */

	/* What pass last told of the MTA; relays NULL: nothing yet. */
	struct mta_caps		 caps;
	char			*caps_relays;
	int			 caps_unsaved;

	/* All host states are being sent: to fronts and pass, to fw. */
	int			 streaming, stream_peers, stream_fw;
	int			 stream_again;
	int			 in_slice; /* the sink gets all, no change */
	struct db_pos		 stream_pos;

	struct sync		*sync;		/* NULL: no peers */
	int64_t			 asof, asof_mono; /* told last, and when */
	int			 expiring;
	int			 learning; /* message counts wait for disk */
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
/* Opens the batch's transaction unless it is open.  Returns -1 when the
 * database is down, or failed earlier in this batch. */
int	 store_batch_begin(struct peer *);
void	 store_batch_failed(struct store *, enum db_result);
/* 1: an answer of the open batch waits for fw to have this host, so on_batch
 * sends it to fw after the commit; 0: nobody else tells fw. */
int	 store_batch_asks_fw(const struct store *, const struct addr *host);
/* Reads again from peers whose queue is short enough again. */
void	 store_peers_resume(struct store *);
void	 store_peers_send_host(struct store *, const struct host *);
void	 store_peers_send_clock(struct store *, int64_t asof);
/* Before and after all states. */
void	 store_peers_begin(struct store *);
void	 store_peers_end(struct store *);
void	 store_peers_send_up(struct store *, int up, const char *why);
/* Sends what is queued to all but one, before an answer leaves: a change of a
 * host reaches every peer before the answer that caused it. */
void	 store_peers_flush(struct store *, const struct peer *except);
int	 store_peers_full(const struct store *);	/* a queue is long */

/* spamd.c: spamd's log lines of a batch (`log spamd'), logged when the
 * batch is on disk, or never */
void	 store_spamd_rcpt(struct store *, const struct rcpt_req *,
	    const struct rcpt_answer *, int known);
void	 store_spamd_say(struct store *, int stored);

/* pass.c: what pass reports, and what the peers are told of the MTA */
extern const struct chan_rule store_pass_rules[];
void	 store_on_event(struct chan *, struct msg *, void *);
void	 store_on_stat(struct chan *, struct msg *, void *);
void	 store_caps_load(struct store *);	/* at start and reopening */
void	 store_caps_save(struct store *); /* if they are not on disk yet */
void	 store_caps_send(struct store *);	/* to all peers */

/* track.c */
void	 store_track_peer(struct store *, int fd);
void	 store_track_start(struct store *);

/* sync.c: datagrams that come; sync_send.c: those that are sent.
 * Call store_sync_configure before the old configuration is freed. */
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
/* Asks fw what the kernel's table has; the answer goes to store_ctl_table.
 * Returns -1 when it cannot be asked. */
int	 store_fw_look(struct store *, uint64_t id, const struct addr *);
/* The answer goes out when fw has the host, or is late. */
void	 store_fw_wait(struct store *, struct peer *, const struct pending *);
void	 store_fw_forget(struct store *, struct peer *);
int	 store_fw_full(const struct store *);

#endif
