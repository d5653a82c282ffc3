/*
 * The runner: asks the modules of a configuration at each stage of a session
 * and makes one outcome of their verdicts.  It is called by pass, the role that
 * has the sessions; modules see module.h and nothing of this file.
 *
 * It runs in the process and event loop of pass.  It includes nothing of pass
 * and calls it only through the functions in struct runner_ops, which pass
 * hands over once (runner_init).  It uses conf, message (spool, msgedit) and
 * lib/base.
 *
 * Its files, in the order to read them:
 *	module.h	the contract: what a module is and what it may call
 *	runner.h	this page
 *	runner_int.h	a session's state within the runner
 *	chain.c		the modules of a configuration, their counters
 *	named.c		modules that stand several times, each with a name
 *	run.c		a stage: ask, wait, decide
 *	api.c		what modules call: verdicts, points, events
 *	content.c	what modules say about a message
 *	turn.c		modules that see each other's changes
 *	points.c	sums, limits, header fields, log fields
 *	mimescan.h, mimescan.c	a message as MIME, for modules
 *	conf.h		blocks of the configuration to modules' settings:
 *	conf.c, conf_full.c, conf_args.c, conf_apply.c
 *
 * The handle of a session is its struct msession, which the role embeds in its
 * own struct session and fills in; `mods' in it is the runner's.  Between
 * run_attach and run_detach both must stay where they are.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/conf/config.h"
#include "spamgreyd/runner/module.h"

#define ENVELOPE_PARAMS_MAX	2048	/* bytes of the parameters of a path */

struct event_base;
struct session;			/* the role's; the runner only hands it back */

/* What the runner calls of the role. */
struct runner_ops {
	/* The session with that key; NULL: it is gone. */
	struct msession	*(*find)(uint64_t key);
	/*
	 * Called last when the runner was woken by the event loop and the
	 * session still exists: writes replies, continues, and may free the
	 * session.
	 */
	void	 (*settle)(struct session *);
	/* Queues one line of a banner, "220-text". */
	void	 (*teaser)(struct session *, const char *text);
	/* The host did this: for store's counters and reactions. */
	void	 (*event)(const struct session *, enum host_event);
	/*
	 * Returns 1 if all recipients of the transaction are postmaster or
	 * abuse, and 0 outside of a transaction.
	 */
	int	 (*only_roles)(const struct session *);
	/*
	 * Returns the accepted recipients in their order, one with each call;
	 * NULL: no more.  *at must be NULL at first and is the role's from then
	 * on.  Path and *params ("" without any) are valid as long as the
	 * transaction.
	 */
	const char *(*rcpt)(const struct session *, const void **at,
	    const char **params);
};
/* Once a process, before anything else of this file.  ops must stay. */
void	 runner_init(struct event_base *, const struct runner_ops *);

/*
 * Makes the modules of a configuration with their settings.  The chain points
 * to conf, which must stay as long.  Returns NULL if that failed, which was
 * logged.
 */
struct module_chain *chain_new(const struct config *conf);
void	 chain_free(struct module_chain *);	/* NULL is fine */
int	 chain_any(const struct module_chain *);	/* is there one? */
/* Does one want the client's name at CONNECT (module.asks_name)? */
int	 chain_names(const struct module_chain *);
/*
 * Calls the open() of all modules of the program, once, before the process
 * drops its privileges.  Returns -1 if one failed, which was logged.
 */
int	 chain_open(void);

/* A session begins: attaches its modules. Returns -1 if there is no memory. */
int	 run_attach(struct msession *, struct session *,
	    const struct module_chain *);
/*
 * The session ends: CLOSE and forget are called, and everything is freed.  Does
 * nothing if the session was never attached.
 */
void	 run_detach(struct msession *);

/*
 * Calls the modules of a stage.  done is called exactly once, from here or
 * later from the event loop (settle follows then): *v is NEXT or the refusal.
 * One stage at a time; EVENT comes by run_event.
 */
void	 run_stage(struct msession *, enum stage,
	    void (*done)(struct session *, const struct verdict *v));
void	 run_cancel(struct msession *);	/* done is not called any more */
int	 run_under_way(const struct msession *);
/* Calls the EVENT hooks, at any time; returns their verdict. */
struct verdict run_event(struct msession *, enum host_event);
/* A new transaction: points, finds and changes of the last message are gone. */
void	 run_new_message(struct msession *);

/* The sum of all points, in thousandths. */
int32_t	 run_points(const struct msession *);
/*
 * Compares the sum with `reject at' and `mark at'.  Returns 0 if it is below
 * both, 1 to mark the message, 2 to reject it; never 2 if all recipients are
 * postmaster or abuse.
 */
int	 run_over(const struct msession *);
/*
 * Appends the header field "X-Spamgreyd: ..." of a marked message, in lines
 * with CRLF.  Returns -1 if there is no memory.
 */
int	 run_headers(const struct msession *, struct buf *);
/*
 * Appends " points=4.5 dnsbl=4 dnsbl-why=zen..." for the log line, and nothing
 * if no module gave points.
 */
void	 run_log(const struct msession *, struct buf *);
/* The same for a reply: "points=4.5 dnsbl=4 (zen...)". */
void	 run_rules(const struct msession *, char *dst, size_t size);
/* "12 points, limit 10 (content 8, address on a blocklist 4)": the strongest
 * three reasons, without the name of any rule. */
void	 run_reasons(const struct msession *, char *dst, size_t size);
/*
 * Prefixes of the header fields that are not passed on.  The array ends with
 * NULL and is valid as long as the session is attached.
 */
const char *const *run_drops(const struct msession *);

/*
 * After EOM: the message with the changes of the modules in turn.  It is the
 * caller's from now on.  NULL: the message is as it came.
 */
struct spool *run_message(struct msession *);
/* The message of the modules in turn is not needed any more. */
void	 run_message_over(struct msession *);
/*
 * After EOM: the changes that the other modules want, joined in their order.
 * *edit is NULL if there are none, and otherwise the caller's to free.  Returns
 * -1 if there is no memory or there are too many changes.
 */
int	 run_edits(const struct msession *, struct msgedit **edit);

/* A change of the envelope that a module wants. */
enum envelope_kind { ENV_ADD, ENV_DELETE, ENV_FROM };
struct envelope {
	enum envelope_kind kind;
	char		*path, *params;	/* with brackets; "" none */
};
/* The n-th of all, from 0, until run_new_message; NULL: no more. */
const struct envelope *run_envelope(const struct msession *, size_t n);

/*
 * Returns 1 if this session has seen a list of good reputation vouch for the
 * host.
 */
int	 run_vouched(const struct msession *);

/* Counters "module.NAME.WHAT" of all modules that were ever configured. */
void	 run_stats(void (*)(const char *name, int64_t value, void *), void *);

#endif
