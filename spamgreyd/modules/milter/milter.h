/*
 * Inside this folder only: a filter's settings, and one session's conversation
 * with it.
 *
 * The module milter speaks to a mail filter (milter) as sendmail and Postfix
 * do: each command of the client is told to the filter at its stage, and at EOM
 * the message.  What the client said before the filter was connected is told
 * again from the beginning; that is how a lost connection is repaired too.
 *
 * Several headers: proto.h (packets) and head.h (header fields) are pure and
 * have tests and fuzzers of their own.
 *
 * Its files, in the order to read them:
 *	proto.h, proto.c	packets of the protocol
 *	head.h, head.c		a message's header, field by field
 *	milter.c	the module: options, hooks
 *	sess.c		a conversation: connection, steps, timeouts
 *	send.c		what each step sends
 *	answer.c	what an answer means: verdicts, changes
 */
#ifndef MILTER_H
#define MILTER_H

#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "spamgreyd/modules/milter/head.h"
#include "spamgreyd/modules/milter/proto.h"
#include "spamgreyd/runner/module.h"
#include "spamgreyd/pass/scan/scan.h"

enum milter_count { MC_HELD, MC_DISCARDED, MC_RECONNECTED };

struct milter_conf {
	const struct module	*me;
	struct scan_conf	*scan;
	int64_t			 command, message;	/* ms */
	int			 hold_tempfail;		/* quarantine tempfail */
};

/* What is sent, in this order; a reconnection begins at the first. */
enum milter_step {
	STEP_CONNECT, STEP_HELO, STEP_MAIL, STEP_RCPT, STEP_DATA, STEP_HEADERS,
	STEP_EOH, STEP_BODY, STEP_END, STEP_DONE
};
enum milter_state {
	MILTER_NONE,		/* no connection */
	MILTER_CONNECTING, MILTER_OFFERED,
	MILTER_READY,
	MILTER_FAILED,		/* for this transaction */
	MILTER_OVER		/* it has accepted the whole session */
};
enum milter_wait { WAIT_NOTHING, WAIT_ANSWER, WAIT_ROOM, WAIT_TURN };

struct milter {
	const struct milter_conf *conf;
	uint64_t	 key;
	struct scan_conn *conn;
	unsigned int	 server;
	struct event	 timer;
	enum milter_state state;
	enum milter_wait wait;
	enum milter_step step;		/* the next */
	enum milter_step asked;		/* which WAIT_ANSWER is for */
	enum milter_step goal;		/* the hook's; STEP_DONE: none */
	int		 in_hook, answered;
	struct verdict	 answer;
	struct mp_options options;
	int		 helo_said;
	int		 in_message;	/* the filter is, from M to E */
	int		 decided;	/* nothing more of this message … */
	struct verdict	 fate;		/* … and that is why: NEXT accepted */
	struct verdict	 refusal;	/* of the session, at C or H */
	enum milter_step refused_at;
	struct verdict	 hold;		/* quarantine; NEXT: no */
	int		 told;		/* an error, of this transaction */
	int		 ready_once;
	int64_t		 failed_at;	/* clock_mono */
	int64_t		 since;		/* … of the last question */
	char		 why[256];
	unsigned int	 messages;
	const struct spool *message;	/* at the end: as filters before it have
					   left it */
	struct milter_head head;
	uint64_t	 body;		/* octets of it that are sent */
	uint64_t	 new_body;	/* … of another one that came */
	struct module_envelope env;	/* … and its envelope */
	int		 again;		/* which is being told again */
	size_t		 rcpt;		/* how many recipients of it were */
};

/* sess.c */
struct milter *milter_new(const struct milter_conf *, uint64_t key);
void	 milter_free(struct milter *);		/* Q */
struct verdict milter_ask(struct milter *, struct msession *,
	    enum milter_step goal);
void	 milter_forget(struct milter *);
/* The verdict of what was asked. */
void	 milter_finish(struct milter *, struct verdict);
/* The conversation cannot go on. */
void	 milter_fail(struct milter *, const char *why);
/* From the step that is next to the goal, as far as it goes now. */
void	 milter_advance(struct milter *, struct msession *);
void	 milter_timer(struct milter *, int64_t ms);

/* send.c: 1 it is to be answered, 0 it is not (or not sent), 2 first
 * there must be room, -1 it failed (milter_fail was called) or is decided. */
int	 milter_send(struct milter *, struct msession *, enum milter_step);

/* answer.c: octets used. */
size_t	 milter_packets(struct milter *, const uint8_t *, size_t);

#endif
