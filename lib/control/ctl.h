/*
 * The room control: the commands of the control socket, carried out on a
 * policy.  The same code serves a client of the daemon (spamgreyd/store/ctl.c)
 * and spamgreydb by itself (spamgreydb/direct.c).  It knows frames (ipc), but
 * no descriptor, no event loop and no process.  Of lib it uses base, ipc,
 * proto, policy, db, smtp (mail addresses) and sync.
 *
 * Read in this order:
 *		ctl.c		the table of types, requests, slices
 *		edit.c		add, delete, get;  import.c  lines of a file
 *		learn.c		learn, list -r;  sync.c  the bulk sync
 *
 * The order of a conversation: HELLO, answered by HELLO; then one request at a
 * time, answered by any number of ENTRY, FACT and TEXT and by one END.  An
 * import is one request of many IMPORT frames and an IMPORT_END.  What breaks
 * this order, or is malformed, makes ctl_request return -1, and the caller
 * drops the client; nothing that a client sends may end the process.
 *
 * Long work goes in slices, so that a RCPT never waits for a command.  The
 * caller's loop, for each client:
 *
 *	ctl_busy 0:	read a frame, give it to ctl_request
 *	ctl_busy 1:	call ctl_work while it returns 1 and fewer than
 *			CTL_QUEUE_HIGH bytes are queued; when it returns 0
 *			another process is being asked (env.ask), and the
 *			caller calls ctl_answer
 */
#ifndef CTL_H
#define CTL_H

#include "lib/ipc/ipc.h"
#include "lib/policy/policy.h"

struct ctl;				/* one client */

/* What a client needs of its surroundings; copied by ctl_new, the pointers must
 * outlive the client. */
struct ctl_env {
	struct policy	*policy;
	struct db	*db;
	/* Asks another process: the parent (the types with a body in
	 * ctl_types), all for statistics (CTL_STATS), or fw (CTL_TABLE, text:
	 * an address).  The answer comes by ctl_answer, perhaps before this
	 * returns.  NULL: there is no daemon. */
	void		(*ask)(struct ctl *, uint16_t type, uint8_t arg,
			    const char *text, void *);
	/* What this client changed, as one line of key=value for the log, in
	 * which a client's text is encoded.  NULL: nothing is logged. */
	void		(*note)(struct ctl *, const char *line, void *);
	void		*arg;
};
#define CTL_QUEUE_HIGH	(1024 * 1024)	/* bytes */
#define CTL_SLICE_MS	5		/* a slice of ctl_work */

/*
 * Every type of frame on the control socket, requests first; the last row has
 * type 0.  This is the one list of them: the engine finds its handlers here,
 * the store role the types that a client may send, and spamgreydb the names
 * for its messages.
 */
enum ctl_sender { CTL_BY_CLIENT, CTL_BY_SERVER };
enum ctl_body {				/* what ctl_env.ask hands on */
	CTL_BODY_OWN,			/* nothing: the handler reads all */
	CTL_BODY_NONE, CTL_BODY_U8, CTL_BODY_STR
};
struct ctl_type {
	uint16_t	 type;		/* CTL_* of control.h */
	const char	*name;		/* lower case, as the command's word */
	enum ctl_sender	 sender;
	enum ctl_body	 body;
	int		(*handler)(struct ctl *, struct msg *); /* requests */
};
extern const struct ctl_type ctl_types[];
/* The row of a type; NULL: there is no such type. */
const struct ctl_type *ctl_type(uint16_t);

/* out gets the answers; the caller sends and owns it.  NULL: no memory. */
struct ctl *ctl_new(const struct ctl_env *, struct ipc *out);
void	 ctl_free(struct ctl *);
/*
 * One frame of the client, never while ctl_busy.  -1: malformed, or no memory;
 * the caller drops the client, after what is queued if that can be sent.
 */
int	 ctl_request(struct ctl *, struct msg *);
/* 1 while a request is being worked on, or waits for ctl_answer. */
int	 ctl_busy(const struct ctl *);
/*
 * One slice of at most CTL_SLICE_MS: 1 when there is more, 0 when there is
 * nothing to do now, -1 when the client must be dropped.
 */
int	 ctl_work(struct ctl *);
/*
 * The answer to env.ask: more 1 is a line of text before the end, more 0 the
 * end, with a CTL_* status.  ctl_answer_stat: a counter of another process,
 * before the end.  A late answer, to no question any more, is ignored.
 */
void	 ctl_answer(struct ctl *, uint8_t status, int more, const char *text);
void	 ctl_answer_stat(struct ctl *, const char *name, int64_t value);

#endif
