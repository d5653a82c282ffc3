/*
 * Inside this room only: one connection to an MTA.
 *
 *	mta.c		its life: targets in turn, time, failure, its end
 *	io.c		bytes in and out, the callbacks
 *	step.c		the dialogue up to READY, and what a reply means
 *	body.c		the message
 *	tls.c		STARTTLS
 *	line.c		XCLIENT and PROXY, pure
 *
 * The states in their order; those in brackets may be left out:
 *
 *	NEXT [SOCKET] CONNECT EHLO [HELO] [STARTTLS HANDSHAKE EHLO]
 *	[XCLIENT EHLO] READY
 *	READY --command--> COMMAND --reply--> READY
 *	READY --DATA--> DATA --354--> BODY --dot is out--> DOT --reply--> READY
 *	any --failure--> NEXT (before READY, another target), or DEAD
 *
 * A failure is not reported from the place where it is found: mta_fail closes
 * the socket, and the event `after_failure' does the rest from the loop.  So a
 * function may call mta_fail and return, and its caller still has a struct mta.
 * Only mta_tell calls the caller's function, which may free the mta: a function
 * that calls mta_tell must look at its result and must not touch the mta if
 * that is -1.
 */
#ifndef PASS_MTA_INT_H
#define PASS_MTA_INT_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/smtp/data.h"
#include "spamgreyd/pass/mta/mta.h"

/* Bytes of one read. */
#define MTA_READ	16384
/* Bytes of the window for a message that must be encoded. */
#define MTA_WINDOW	65536
/* Bytes that are written in one turn of the event loop. */
#define MTA_TURN	(8 * MTA_WINDOW)
#define MTA_WHY		256

enum mta_state {
	MS_NEXT, MS_SOCKET, MS_CONNECT, MS_EHLO, MS_HELO, MS_STARTTLS,
	MS_HANDSHAKE, MS_XCLIENT,
	MS_READY, MS_COMMAND, MS_DATA, MS_BODY, MS_DOT,
	MS_DEAD
};

#define MF_PROBE	0x001
/* STARTTLS failed with this target and is not required. */
#define MF_CLEAR	0x002
/* The MTA has accepted the client's address. */
#define MF_XCLIENT	0x004
/* The second XCLIENT command was sent. */
#define MF_XCLIENT2	0x008
/*
 * The reply is that of the last command and is emptied before the next input.
 */
#define MF_STALE	0x010
/* The MTA's reply began before our final dot was sent. */
#define MF_EARLY	0x020
#define MF_WDEAD	0x040	/* nothing can be written any more */
#define MF_WATCHED	0x080	/* io_read is added */
#define MF_WRITING	0x100	/* io_write is added */
/* What came without having been asked for is not a valid reply. */
#define MF_AHEAD_BAD	0x200
/* It was freed; only its memory is left. */
#define MF_FREED	0x800
/* No other target is tried. */
#define MF_FINAL	0x400

struct tls;

/* The message that is being sent. */
struct mta_body {
	const struct spool	*spool;
	struct smtpdata_out	 enc;
	/* Dot stuffed already. */
	struct buf		 head;
	/* Either the message is sent from the spool's memory ... */
	const uint8_t		*mem;
	/* sent counts the bytes of head, mem and end together. */
	size_t			 len, sent;
	uint8_t			 end[5];
	size_t			 endlen;
	/* ... or through a window: */
	uint8_t			*window;
	size_t			 size, from, to;
	uint64_t		 at;	/* in the spool */
	/* The final dot is in the window. */
	int			 ended;
};

struct mta {
	struct event		 io_read, io_write, timer, after_failure;
	LIST_ENTRY(mta)		 asking;	/* in MS_SOCKET */
	struct event_base	*base;
	const struct conf_pass	*conf;
	const struct conf_relay	*relay;
	const struct conf_target *target;
	/* The number of the target in the relay. */
	unsigned int		 index;
	/* Targets that were tried. */
	unsigned int		 tries;
	/* Its texts are the two below. */
	struct mta_client	 client;
	char			*helo, *hostname;
	mta_cb			 cb;
	void			*arg;
	/*
	 * Callbacks that are running.  If the mta is freed in one of them, its
	 * memory stays until the last one has returned.
	 */
	unsigned int		 uses;
	int			 fd;		/* -1: none */
	struct tls		*tls;
	enum mta_state		 state;
	unsigned int		 flags;
	/* The id of the request for a socket, in MS_SOCKET. */
	uint64_t		 ask;
	/* clock_mono when the connection to this target began. */
	int64_t			 began;
	/* clock_mono when the time of the current step is over; 0: no limit. */
	int64_t			 deadline;
	/* clock_mono when the timer fires; 0: it is not set. */
	int64_t			 fires;
	/* Commands that were not written yet. */
	struct buf		 out;
	/*
	 * The reply that is awaited, and what came without having been asked
	 * for.
	 */
	struct smtpreply	 reply, ahead;
	struct smtp_ehlo	 ehlo;
	char			*xclient2;	/* a second XCLIENT, or NULL */
	struct mta_body		 body;
	enum mta_failure	 failure;
	int			 after_dot;
	char			 why[MTA_WHY];
};

/* mta.c */
void	 mta_fail(struct mta *, enum mta_failure, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* The same, and no other target is tried. */
void	 mta_fail_final(struct mta *, enum mta_failure, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
void	 mta_wait(struct mta *, enum pass_timeout);	/* from now */
void	 mta_wait_none(struct mta *);

/* io.c */
/*
 * The socket is connecting: queues the PROXY header, if any, and waits for the
 * banner.
 */
void	 mta_io_begin(struct mta *);
/* Closes the socket; quit: says QUIT before. */
void	 mta_io_end(struct mta *, int quit);
/* Queues a line and its CRLF, writes it, and waits for its reply. */
void	 mta_say(struct mta *, enum mta_state, enum pass_timeout,
	    const char *line);
void	 mta_flush(struct mta *);
/*
 * Returns how much was written; 0: the socket accepts nothing now, or never
 * again (MF_WDEAD).
 */
size_t	 mta_write(struct mta *, const struct iovec *, int n);
void	 mta_want_write(struct mta *, int on);
/* Calls the caller's function. -1: the mta was freed. */
int	 mta_tell(struct mta *, const struct mta_event *);
/* Returns 1 if something came that was not asked for. */
int	 mta_has_ahead(const struct mta *);
void	 mta_fail_ahead(struct mta *);

/* step.c */
void	 mta_step(struct mta *);		/* a whole reply is there */
void	 mta_step_tls(struct mta *);		/* the handshake is done */

/* body.c */
int	 mta_body_init(struct mta *, const struct buf *head,
	    const struct spool *);		/* -1: no memory */
void	 mta_body_begin(struct mta *);
void	 mta_body_write(struct mta *);
void	 mta_body_free(struct mta *);

/* tls.c */
void	 mta_tls_begin(struct mta *);
void	 mta_tls_handshake(struct mta *);
/* As read(2) and write(2); errno is EAGAIN if TLS must wait. */
ssize_t	 mta_tls_read(struct mta *, void *, size_t);
ssize_t	 mta_tls_write(struct mta *, const void *, size_t);
void	 mta_tls_end(struct mta *);

#endif
