/*
 * Sync with the daemons of other machines by datagrams.  Only sync.c
 * (what comes in) and sync_send.c (what goes out) include this.
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include "lib/sync/v2.h"
#include "lib/sync/v3.h"
#include "spamgreyd/store/store.h"

#define SYNC_SENDERS	64		/* senders whose windows are kept */
#define SYNC_TURN	64		/* datagrams in a turn of the loop */
#define SYNC_QUEUE	(1024 * 1024)	/* bytes that wait for the kernel */
#define SYNC_LOG_EVERY	60000		/* ms between lines of a kind */

enum sync_stat {
	SY_SENT,		/* datagrams, one for each peer */
	SY_TAKEN,		/* entries and deletions that were new here */
	SY_KNOWN,		/* … that were known already */
	SY_LOST,		/* the database was down */
	SY_DROPPED,		/* the queue was full */
	SY_FAILED,		/* the kernel refused to send it */
	SY_TOO_LONG,		/* a tuple that version 2 cannot carry */
	SY_BAD_KEY, SY_BAD_TIME, SY_BAD_REPLAY, SY_BAD_VERSION, SY_BAD_FORM,
	SY_BAD_ENTRY,
	SY_MAX
};

/* Allows one log line a minute, and counts those it suppressed. */
struct sync_log {
	int64_t		at;		/* mono ms; 0 none yet */
	unsigned long	quiet;
};

/* A datagram that the kernel has not taken yet. */
struct sync_wait {
	TAILQ_ENTRY(sync_wait)	 entry;
	struct sockaddr_storage	 to;
	socklen_t		 tolen;
	int			 fd;	/* the configuration's */
	size_t			 len;
	uint8_t			 data[];
};

/* A sender of version 3, with the window that detects replays. */
struct sync_heard {
	struct sync3_window	 w;
	int64_t			 at;	/* mono ms, the last time */
};

/*
 * All of it; made when the first configuration has a sync block.  Windows and
 * counters outlive a reload, the sockets are the configuration's.
 */
struct sync {
	struct store		*store;
	const struct conf_sync	*conf;
	struct event		*ev_read[CONF_SYNC_MAX + 2];
	size_t			 nread;
	struct event		*ev_send;
	int64_t			 stat[SY_MAX];
	struct sync_log		 log_refused, log_failed;

	/* What we send.  named 0: the database has no id yet. */
	int			 named;
	uint64_t		 id, epoch, counter;
	uint32_t		 counter2;
	struct sync3_out	 out;
	TAILQ_HEAD(, sync_wait)	 waits;
	size_t			 waiting;	/* bytes in waits */

	/* What others send. */
	struct sync_heard	 heard[SYNC_SENDERS];
	size_t			 nheard;
};

/* sync.c */
int	 sync_may_log(struct sync_log *, unsigned long *quiet);

/* sync_send.c */
int	 sync_name(struct sync *);	/* gets id and epoch; -1: not now */
void	 sync_forget_waits(struct sync *);
void	 sync_send_later(evutil_socket_t, short, void *);

#endif
