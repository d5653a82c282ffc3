/*
 * Between front and store: a recipient and what greylisting says of it.
 *
 *	front -> store	RCPT VISIT WHITE_SEEN OVERLIMIT
 *	store -> front	RCPT_ANSWER
 */
#ifndef PROTO_FRONT_STORE_H
#define PROTO_FRONT_STORE_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_RCPT = 72,
	MSG_RCPT_ANSWER,
	MSG_VISIT,		/* addr: a connection came to the primary MX */
	MSG_OVERLIMIT,		/* front refused somebody for a limit */
	MSG_WHITE_SEEN		/* front -> store: addr: it is handed over at
				   connect; put it back into the table */
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

int	 proto_put_rcpt(struct ipc *, uint64_t session, const struct rcpt_req *);
int	 proto_get_rcpt(struct msg *, struct rcpt_req *);
int	 proto_put_rcpt_answer(struct ipc *, uint64_t session,
	    const struct rcpt_answer *);
int	 proto_get_rcpt_answer(struct msg *, struct rcpt_answer *);

#endif
