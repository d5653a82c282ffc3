/*
 * Between front and store: a recipient, and what greylisting decides about it.
 *
 *	front -> store	RCPT VISIT WHITE_SEEN OVERLIMIT
 *	store -> front	RCPT_ANSWER
 *
 * Only RCPT is answered, with the same id and sequence number, and after what
 * it changed is on disk.  The others only report something.  Events go the way
 * of smtp_store.h.
 */
#ifndef PROTO_FRONT_STORE_H
#define PROTO_FRONT_STORE_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_RCPT = 72,		/* struct rcpt_req; the id is the session */
	MSG_RCPT_ANSWER,	/* struct rcpt_answer */
	MSG_VISIT,		/* addr: this host connected to the primary
				   MX */
	MSG_OVERLIMIT,		/* no body: front refused a connection because
				   of a limit */
	MSG_WHITE_SEEN		/* addr: this WHITE host came to front, so it
				   is missing in the firewall's table: add it
				   again */
};

/* front -> store: one RCPT command.  The strings are the message's. */
struct rcpt_req {
	uint32_t	seq;		/* of the RCPT in its session; the
					   answer repeats it */
	struct addr	client;
	uint8_t		flags;		/* RCPT_F_* */
	const char	*helo;
	const char	*from;		/* with brackets */
	const char	*to;
	struct addr	mx;		/* with RCPT_F_LOWMX: which one */
};
#define RCPT_F_LOWMX	1		/* came to a low-priority-mx listener */
#define RCPT_F_WHITE	2		/* for front the host is WHITE or
					   whitelisted: add it to the firewall's
					   table, make no tuple */
#define RCPT_F_AGAIN	4		/* not the session's first RCPT */
#define RCPT_F_TO_US	16		/* the recipient's domain is an address
					   literal of this machine */

enum rcpt_verdict {
	RCPT_GREY = 1,			/* stored; `left' seconds to wait */
	RCPT_PASS,			/* the host is WHITE and in the table */
	RCPT_WHITE,			/* was WHITE or whitelisted already */
	RCPT_TRAPPED,			/* the host is trapped, by this or an
					   earlier recipient */
	RCPT_UNSTORED,			/* the database failed: the reply must
					   not say that waiting helps */
	RCPT_NOT_TO			/* a `not to' recipient, with a pass
					   block: hand the session over; the
					   host's state does not change */
};

/* store -> front: the decision.  The text is the message's. */
struct rcpt_answer {
	uint32_t	seq;
	uint8_t		verdict;
	uint8_t		reason;		/* TRAPPED: enum trap_reason */
	int64_t		left;		/* seconds */
	const char	*text;		/* UNSTORED: why, for the reply and the
					   log */
};


/* parent.h says what put and get return. */
int	 proto_put_rcpt(struct ipc *, uint64_t session, const struct rcpt_req *);
int	 proto_get_rcpt(struct msg *, struct rcpt_req *);
int	 proto_put_rcpt_answer(struct ipc *, uint64_t session,
	    const struct rcpt_answer *);
int	 proto_get_rcpt_answer(struct msg *, struct rcpt_answer *);

#endif
