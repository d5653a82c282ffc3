/*
 * Inside of the role store (store*.c, but not store_ctl.c, which has its
 * contract in store_ctl.h).
 */
#ifndef STORE_H
#define STORE_H

#include <sys/queue.h>

#include "policy.h"
#include "spamgreyd.h"

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

struct front {
	TAILQ_ENTRY(front)	 entry;
	struct store		*store;
	unsigned int		 instance;
	struct chan		*chan;
	int			 paused;	/* its queue is long */
	struct pending		 batch[STORE_BATCH];
	size_t			 n;
};

/* An answer that waits for fw. */
struct fw_wait {
	TAILQ_ENTRY(fw_wait)	 entry;
	uint64_t		 id;
	struct front		*front;
	uint64_t		 session;
	struct rcpt_answer	 ans;
	int64_t			 deadline;	/* mono ms */
};

struct store {
	struct child		*child;
	struct db		*db;
	struct policy		*policy;
	TAILQ_HEAD(, front)	 fronts;
	struct chan		*fw;
	TAILQ_HEAD(, fw_wait)	 waits;		/* the oldest first */
	uint64_t		 last_wait;
	int64_t			 late_logged;	/* mono ms */
	int			 running;

	/* The open batch: at most one at a time, within one callback. */
	struct front		*batch;		/* whose; NULL: none is open */
	int			 batch_bad;	/* the database failed in it */

	/* All host states being told: to fronts, to fw. */
	int			 streaming, stream_fronts, stream_fw;
	int			 stream_again;
	int			 in_slice;	/* the sink tells, no change */
	struct db_pos		 stream_pos;

	int			 expiring;
	int			 was_up;
	int64_t			 last_try, last_minute;	/* mono ms */
	struct event		*ev_second, *ev_work, *ev_wait;
};

/* store.c */
void	 store_work_soon(struct store *);
void	 store_check_up(struct store *);

/* store_front.c */
void	 store_front_peer(struct store *, unsigned int instance, int fd);
void	 store_front_start(struct front *);	/* begin to read */
/* Reads those again whose queue is short again. */
void	 store_front_resume(struct store *);
void	 store_fronts_send_host(struct store *, const struct host *);
void	 store_fronts_send_empty(struct store *, uint16_t type);
void	 store_fronts_send_up(struct store *, int up, const char *why);
int	 store_fronts_full(const struct store *);	/* a queue is long */

/* store_fw.c */
void	 store_fw_peer(struct store *, int fd);
void	 store_fw_start(struct store *);
/* until 0: out of the table.  id 0: no answer is wanted. */
void	 store_fw_do(struct store *, uint64_t id, const struct addr *host,
	    int64_t until);
void	 store_fw_host(struct store *, const struct addr *host, int64_t until);
/* The answer goes out when fw has the host, or is late. */
void	 store_fw_wait(struct store *, struct front *, const struct pending *);
void	 store_fw_forget(struct store *, struct front *);
int	 store_fw_full(const struct store *);

/* store_front.c */
void	 store_front_answer(struct front *, uint64_t session,
	    const struct rcpt_answer *);

#endif
