/*
 * Inside of this room only: one connection to an MTA.
 *
 *	mta.c		its life: targets in turn, time, failure, its end
 *	io.c		octets in and out, the callbacks
 *	step.c		the dialogue up to READY, and what a reply means
 *	body.c		the message
 *	tls.c		STARTTLS
 *	line.c		XCLIENT and PROXY, pure
 *
 * The states in their order; what stands in brackets may be left out:
 *
 *	NEXT [SOCKET] CONNECT EHLO [HELO] [STARTTLS HANDSHAKE EHLO]
 *	[XCLIENT EHLO] READY
 *	READY --command--> COMMAND --reply--> READY
 *	READY --DATA--> DATA --354--> BODY --dot is out--> DOT --reply--> READY
 *	any --failure--> NEXT (before READY, another target), or DEAD
 *
 * A failure is never told from where it is found: mta_fail closes the socket
 * and the event `after_failure' does the rest from the loop.  So a function here may
 * call mta_fail and return, and its caller still has a struct mta.  Only
 * mta_tell calls the caller's function, which may free it: whoever calls
 * mta_tell looks at what it returns and touches nothing when that is -1.
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

#define MTA_READ	16384		/* octets a read */
#define MTA_WINDOW	65536		/* of a message that must be encoded */
#define MTA_TURN	(8 * MTA_WINDOW) /* octets written a turn of the loop */
#define MTA_WHY		256

enum mta_state {
	MS_NEXT, MS_SOCKET, MS_CONNECT, MS_EHLO, MS_HELO, MS_STARTTLS,
	MS_HANDSHAKE, MS_XCLIENT,
	MS_READY, MS_COMMAND, MS_DATA, MS_BODY, MS_DOT,
	MS_DEAD
};

#define MF_PROBE	0x001
#define MF_CLEAR	0x002	/* STARTTLS was tried with this target and
				   failed, and need not be */
#define MF_XCLIENT	0x004	/* the MTA has the client's address */
#define MF_XCLIENT2	0x008	/* the second command is out */
#define MF_STALE	0x010	/* reply is the last one's: to be emptied */
#define MF_EARLY	0x020	/* its reply began before our dot was out */
#define MF_WDEAD	0x040	/* nothing can be written any more */
#define MF_WATCHED	0x080	/* io_read is added */
#define MF_WRITING	0x100	/* io_write is added */
#define MF_AHEAD_BAD	0x200	/* what came unasked is no reply at all */
#define MF_FREED	0x800	/* nothing of it is left but its memory */
#define MF_FINAL	0x400	/* no other target is to be tried */

struct tls;

/* The message on its way out. */
struct mta_body {
	const struct spool	*spool;
	struct smtpdata_out	 enc;
	struct buf		 head;	/* encoded */
	/* either straight from the spool's memory … */
	const uint8_t		*mem;
	size_t			 len, sent;	/* sent: of head, mem and end */
	uint8_t			 end[5];
	size_t			 endlen;
	/* … or through a window */
	uint8_t			*window;
	size_t			 size, from, to;
	uint64_t		 at;	/* in the spool */
	int			 ended;	/* the dot is in the window */
};

struct mta {
	struct event		 io_read, io_write, timer, after_failure;
	LIST_ENTRY(mta)		 asking;	/* in MS_SOCKET */
	struct event_base	*base;
	const struct conf_pass	*conf;
	const struct conf_relay	*relay;
	const struct conf_target *target;
	unsigned int		 index;		/* of target */
	unsigned int		 tries;		/* targets tried */
	struct mta_client	 client;	/* its texts are our own */
	char			*helo, *hostname;
	mta_cb			 cb;
	void			*arg;
	unsigned int		 uses;		/* on the stack: who frees it
						   meanwhile leaves the memory */
	int			 fd;		/* -1: none */
	struct tls		*tls;
	enum mta_state		 state;
	unsigned int		 flags;
	uint64_t		 ask;		/* its number in MS_SOCKET */
	int64_t			 began;		/* ms, of the connection */
	int64_t			 deadline;	/* ms, 0: none */
	int64_t			 fires;		/* ms, when timer does; 0 */
	struct buf		 out;
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
/* The connection is on its way: PROXY header, then wait for the banner. */
void	 mta_io_begin(struct mta *);
void	 mta_io_end(struct mta *, int quit);	/* closes the socket */
/* Queues a line and its CRLF, writes it, and waits for its reply. */
void	 mta_say(struct mta *, enum mta_state, enum pass_timeout,
	    const char *line);
void	 mta_flush(struct mta *);
/* How much was written; 0: the socket is full, or dead (MF_WDEAD). */
size_t	 mta_write(struct mta *, const struct iovec *, int n);
void	 mta_want_write(struct mta *, int on);
int	 mta_tell(struct mta *, const struct mta_event *);	/* -1: freed */
/* Something came that was not asked for. */
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
/* As read(2), write(2); errno EAGAIN. */
ssize_t	 mta_tls_read(struct mta *, void *, size_t);
ssize_t	 mta_tls_write(struct mta *, const void *, size_t);
void	 mta_tls_end(struct mta *);

#endif
