/*
 * The commands of the control socket, carried out on a policy: the same
 * code serves a client of the daemon and spamgreydb on its own.  Long work
 * goes in slices: ctl_work does one and says whether there is more.
 */
#ifndef CTL_H
#define CTL_H

#include "lib/ipc/ipc.h"
#include "lib/policy/policy.h"

struct ctl;				/* one client */

/*
 * out: where answers are put (ipc_begin … ipc_send); the caller flushes it
 * and calls ctl_work again only while ipc_queued is below CTL_QUEUE_HIGH.
 * ask: reload, log and statistics of other processes; NULL without daemon.
 */
struct ctl_env {
	struct policy	*policy;
	struct db	*db;
	/* Asks the parent (CTL_RELOAD, CTL_LOAD, CTL_LOG, …) or gathers statistics
	 * (CTL_STATS) or the firewall's table (CTL_TABLE, text: an
	 * address); the answer comes by ctl_answer. */
	void		(*ask)(struct ctl *, uint16_t type, uint8_t arg,
			    const char *text, void *);
	/* What this client changed, one encoded line for the log; may be NULL. */
	void		(*note)(struct ctl *, const char *line, void *);
	void		*arg;
};
#define CTL_QUEUE_HIGH	(1024 * 1024)
#define CTL_SLICE_MS	5

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
	uint16_t	 type;		/* CTL_* of proto.h */
	const char	*name;		/* lower case, as the command's word */
	enum ctl_sender	 sender;
	enum ctl_body	 body;
	int		(*handler)(struct ctl *, struct msg *); /* requests */
};
extern const struct ctl_type ctl_types[];
/* The row of a type; NULL: there is no such type. */
const struct ctl_type *ctl_type(uint16_t);

struct ctl *ctl_new(const struct ctl_env *, struct ipc *out);
void	 ctl_free(struct ctl *);
/*
 * One request frame, never while ctl_busy.  -1: not understood, or no memory;
 * the caller drops the client (after what is queued, if it can be sent).
 */
int	 ctl_request(struct ctl *, struct msg *);
/* A request is being worked on or waits for ctl_answer: read no other. */
int	 ctl_busy(const struct ctl *);
/*
 * One slice of at most CTL_SLICE_MS: 1 there is more, 0 nothing to do now,
 * -1 the client must be dropped.
 */
int	 ctl_work(struct ctl *);
void	 ctl_answer(struct ctl *, uint8_t status, int more, const char *text);
void	 ctl_answer_stat(struct ctl *, const char *name, int64_t value);

#endif
