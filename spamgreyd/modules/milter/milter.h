/*
 * Inside this folder only: a filter's settings, and one session's conversation
 * with it.
 *
 * The module milter speaks to a mail filter (milter) as sendmail and Postfix
 * do.  Each command of the client is sent to the filter at its stage, and at
 * EOM the message.  When the filter is connected later, or again after the
 * connection was lost, it first gets what the client said before, from the
 * beginning of the session.
 *
 * Several headers: proto.h (packets) and head.h (header fields) are pure and
 * have tests and fuzzers of their own.
 *
 * The files, in the order to read them:
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
	/* The setting `quarantine tempfail'. */
	int			 hold_tempfail;
};

/*
 * The steps, in the order in which they are sent.  A new connection begins at
 * the first.
 */
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
/*
 * What the conversation waits for: nothing, an answer of the filter, room in
 * the socket's queue, or the next turn of the event loop.
 */
enum milter_wait { WAIT_NOTHING, WAIT_ANSWER, WAIT_ROOM, WAIT_TURN };

/*
 * The conversation of one session.  It belongs to the session's module data and
 * lives from the first hook to CLOSE; its connection may come and go.
 */
struct milter {
	const struct milter_conf *conf;
	uint64_t	 key;
	struct scan_conn *conn;
	unsigned int	 server;
	struct event	 timer;
	enum milter_state state;
	enum milter_wait wait;
	/* The step that is sent next. */
	enum milter_step step;
	/* The step that WAIT_ANSWER is for. */
	enum milter_step asked;
	/* The step up to which the hook asks; STEP_DONE: no hook waits. */
	enum milter_step goal;
	int		 in_hook, answered;
	struct verdict	 answer;
	struct mp_options options;
	int		 helo_said;
	/* The filter is in a message: MAIL was sent, and its end was not. */
	int		 in_message;
	/* The filter has decided the message; nothing more of it is sent. */
	int		 decided;
	/* That decision; NEXT: it accepted the message. */
	struct verdict	 fate;
	/* The refusal of the session at CONNECT or HELO, in refused_at. */
	struct verdict	 refusal;
	enum milter_step refused_at;
	/* The refusal for a quarantine; NEXT: none was asked for. */
	struct verdict	 hold;
	/* An error was reported for this transaction. */
	int		 told;
	/* The filter has answered in this session. */
	int		 ready_once;
	int64_t		 failed_at;	/* clock_mono */
	/* clock_mono of the last question. */
	int64_t		 since;
	char		 why[256];
	unsigned int	 messages;
	/* At EOM: the message as the filters before this one have left it. */
	const struct spool *message;
	struct milter_head head;
	/* Bytes of the message's body that were sent. */
	uint64_t	 body;
	/* Bytes of a new body that the filter has sent. */
	uint64_t	 new_body;
	/*
	 * The envelope of the message, as filters before this one have left it.
	 */
	struct module_envelope env;
	/*
	 * The envelope differs from what this filter was told, and is sent
	 * again.
	 */
	int		 again;
	/* How many recipients of that envelope were sent. */
	size_t		 rcpt;
};

/* sess.c */
struct milter *milter_new(const struct milter_conf *, uint64_t key);
void	 milter_free(struct milter *);		/* Q */
struct verdict milter_ask(struct milter *, struct msession *,
	    enum milter_step goal);
void	 milter_forget(struct milter *);
/*
 * Gives the verdict of the hook that waits: as its return value if it still
 * runs, by module_resume otherwise.
 */
void	 milter_finish(struct milter *, struct verdict);
/*
 * The conversation cannot go on: the connection is closed and the hook gets an
 * error.
 */
void	 milter_fail(struct milter *, const char *why);
/* Sends the steps from the next one to the goal, as far as is possible now. */
void	 milter_advance(struct milter *, struct msession *);
/* Starts the timer of the current wait. */
void	 milter_timer(struct milter *, int64_t ms);

/*
 * send.c.  Sends one step.  Returns 1 if the filter will answer it, 0 if it
 * will not, or if nothing had to be sent, 2 if the queue has no room now, and
 * -1 if it failed (milter_fail was called) or the message is decided.
 */
int	 milter_send(struct milter *, struct msession *, enum milter_step);

/*
 * answer.c.  Takes the whole packets from the input and acts on them.  Returns
 * how many bytes were used.
 */
size_t	 milter_packets(struct milter *, const uint8_t *, size_t);

#endif
