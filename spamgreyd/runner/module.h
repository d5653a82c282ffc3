/*
 * The contract of a post-pass module, and the whole of it: a module includes
 * this file, lib/, and nothing else of the daemon.
 *
 * The life of a message.  A host that passed connects; the runner calls each
 * module's CONNECT hook in the order of the file, then BANNER, and the client
 * gets its 220.  HELO, MAIL and RCPT are called before the command goes to
 * the MTA, RCPT_REPLY when the MTA has answered a recipient, DATA when the
 * client wants to send, EOM when the whole message lies in the spool and the
 * MTA has not seen any of it: the last chance to refuse it.  A session may
 * have many messages: MAIL to EOM again and again.  CLOSE comes once, when
 * the client is gone; forget, if there is one, after it or whenever the
 * runner no longer wants an answer: cancel what you started.  EVENT is called
 * whenever the dialogue notices something (enum host_event: s->event), out of
 * turn and at any time.
 *
 * A hook looks at *s, which it must not change, and returns a verdict:
 *
 *	verdict_next()		nothing against it
 *	verdict_wait(ms)	the answer comes by module_resume, after the
 *				hook returned; the session goes on from the
 *				event loop; later than ms is an error of the
 *				module
 *	verdict_delay(ms)	go on after that time
 *	verdict_tempfail(…)	4xx to this command
 *	verdict_reject(…)	5xx to this command
 *	verdict_close(…)	421 or 554, and the end of the session
 *	verdict_error(…)	it cannot tell (a scanner that does not
 *				answer): on-error says what becomes of it
 *
 * A refusal at RCPT is for that recipient, at MAIL, DATA and EOM for the
 * transaction, at CONNECT, BANNER and HELO for the session: MAIL is then
 * refused with it.  EVENT cannot wait or delay; its refusal is the
 * answer to the command at which the thing was noticed (before the banner: in
 * place of the banner).  EOM hooks of all modules run side by side (but those
 * with module.in_turn one after the other, each after the former has spoken),
 * all others one after the other, and the first refusal ends the round.
 *
 * Points are no verdict: module_points adds them, with a reason, whenever it
 * is called.  The runner holds their sum against `reject at' and `mark at'.
 *
 * The runner owns everything else: order, the time budget, what an error means
 * (on-error), `log-only' (every verdict but wait is logged and becomes next;
 * points are logged and not counted), `except', that postmaster and abuse are
 * never refused by points and dnsbl or throttles (module.spares_roles), the
 * exemption of whitelisted hosts (module.spares_whitelisted, and of modules
 * that have an EOM hook with `whitelist … no scan'), counters, the log line.  A
 * module never writes to a socket of the session and never frees it; it keeps
 * what it needs for one session in s's module data (module_data), and what it
 * needs for a host in tables of its own, bounded.
 *
 * A module is modules/NAME.c, or NAME.c in a folder modules/NAME/.  It
 * defines `const struct module mod_NAME'; the build finds it.
 */
#ifndef MODULE_H
#define MODULE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/event.h"
#include "spamgreyd/pass/message/edit.h"
#include "lib/conf/option.h"
#include "spamgreyd/pass/message/spool.h"
#include "lib/conf/strategy.h"

#define MODULES_MAX	32		/* in one configuration */
#define MODULE_REASON_MAX 160		/* octets of a reason for points */

enum stage {
	STAGE_CONNECT, STAGE_BANNER, STAGE_HELO, STAGE_MAIL, STAGE_RCPT,
	STAGE_RCPT_REPLY, STAGE_DATA, STAGE_EOM, STAGE_CLOSE, STAGE_EVENT,
	STAGE_MAX
};
const char *stage_str(enum stage);

/* What a module sees of a session; read only. */
struct msession {
	uint64_t	 key;		/* for module_resume, module_session */
	uint64_t	 id;		/* in the log; the same in front */
	struct addr	 client;
	uint16_t	 port;
	struct addr	 dst;		/* where the client wanted to go */
	uint16_t	 dport;
	const char	*hostname;	/* ours */
	const char	*name;		/* the client's by the DNS, that leads
					   back to its address; NULL: unknown,
					   or not known yet (sure from EOM on;
					   at CONNECT with module.asks_name) */
	const char	*ptr;		/* the same, wherever it leads */
	const char	*resolve;	/* "OK" "FAIL" "FORGED" "TEMP" */
	int		 whitelisted;	/* by a list */
	int		 no_scan;	/* … whose hosts' mail is not looked into:
					   no module with an EOM hook is run */
	int		 loopback;
	int		 white;		/* it has passed the gate */
	int		 vouched;	/* a whitelist of the DNS knew the host well
					   within the last day */
	int		 handed;	/* came from front in mid-session: the
					   banner is out, no BANNER stage */
	const char	*helo;		/* NULL before HELO; hostile text */
	int		 esmtp;		/* it said EHLO */
	const char	*tls_version, *tls_cipher;	/* NULL: in clear */
	int64_t		 start;		/* clock_mono of the connection */
	/* the transaction; NULL and 0 outside of one */
	const char	*from;		/* with brackets */
	const char	*from_params;
	const char	*rcpt;		/* RCPT, RCPT_REPLY: this one */
	const char	*rcpt_params;	/* … and its parameters, "" none */
	int		 rcpt_is_role;	/* postmaster@ or abuse@ of ours */
	int		 reply_code;	/* RCPT_REPLY: the MTA's, or ours for a
					   recipient not in `recipients' */
	uint32_t	 accepted;	/* recipients the MTA took */
	uint32_t	 messages;	/* of this session, relayed so far */
	const struct spool *spool;	/* EOM: the message, else NULL */
	enum host_event	 event;		/* EVENT */
	unsigned int	 events;	/* all so far, bits 1 << enum host_event */
	struct module_state *mods;	/* the runner's own */
};

enum verdict_kind {
	VERDICT_NEXT, VERDICT_WAIT, VERDICT_DELAY, VERDICT_ERROR,
	VERDICT_TEMPFAIL, VERDICT_REJECT, VERDICT_CLOSE
};
struct verdict {
	enum verdict_kind kind;
	int		 code;		/* of the reply */
	char		 enhanced[10];	/* "4.3.2" */
	int64_t		 ms;		/* WAIT, DELAY; CLOSE: held back so long */
	char		 text[256];	/* one line, printable ASCII */
};
struct verdict	verdict_next(void);
struct verdict	verdict_wait(int64_t ms);
struct verdict	verdict_delay(int64_t ms);
struct verdict	verdict_tempfail(int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 3, 4)));
struct verdict	verdict_reject(int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 3, 4)));
/* code 421 or 554; said after ms (0: at once), and closed. */
struct verdict	verdict_close(int64_t ms, int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 4, 5)));
/* Why is for the log alone; hostile text is encoded. */
struct verdict	verdict_error(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));

/* What module.option returns for an option that is taken with a warning. */
#define MODULE_OPTION_WARNED	1

struct module {
	const char	*name;
	const struct module_option *options;	/* ends with keyword NULL */
	size_t		 conf_size;	/* of its settings, zeroed */
	size_t		 data_size;	/* of its data in each session, zeroed */
	enum module_error on_error;	/* the default */
	int		 many;		/* may stand several times, each with a
					   name: module NAME "name"; self then
					   says which one this is */
	int		 in_turn;	/* at EOM after those before it that are
					   too: it sees what they change */
	int		 asks_name;	/* CONNECT waits for the client's name */
	int		 spares_roles;	/* refusals at RCPT, EOM spare postmaster */
	int		 spares_whitelisted; /* not run for whitelisted hosts */
	const char	*says;		/* what its points are for, in a refusal
					   that is to tell no rules; NULL: its
					   name */
	int		 finds_rules;	/* what it finds is called by the rule
					   that found it (module_found) */
	const char *const *counters;	/* its own, ends with NULL; or NULL */
	const char *const *drops;	/* how the names of header fields begin
					   that none but it may write: those that
					   come from hosts it is for are not
					   passed on; ends with NULL; or NULL */

	/* Of many: before any option.  me, whose name is "NAME.name", is what
	 * all calls of the runner's want; it stays as long as the process. */
	void	 (*self)(void *conf, const struct module *me);
	/* One option, also each default; 0, or -1 and *error says what is
	 * wrong with it, or MODULE_OPTION_WARNED and *error is a warning.
	 * nargs 0 and off: "KEYWORD no". */
	int	 (*option)(void *conf, const char *keyword,
		    const struct module_arg *, size_t nargs, int off,
		    const char **error);
	/* All options are in: does it hang together?  (may be NULL) */
	int	 (*check)(void *conf, const char **error);
	void	 (*conf_clear)(void *conf);	/* what option allocated */
	/* Once a process, before it loses its privileges; 0 or -1, logged. */
	int	 (*open)(void);
	void	 (*close)(void);
	/* NULL: nothing to do at that stage. */
	struct verdict (*hook[STAGE_MAX])(struct msession *, void *conf);
	void	 (*forget)(struct msession *, void *conf);
	/* Every second, if not NULL: sweep tables. */
	void	 (*tick)(void);
};

/* The runner's, for modules. */
/* The module's own data in that session (data_size octets). */
void	*module_data(struct msession *, const struct module *);
void	 module_points(struct msession *, const struct module *, int32_t milli,
	    const char *reason, ...)
	    __attribute__((__format__(printf, 4, 5)));
/* The same, for the session even if it is found out in a transaction: what
 * modules learn of the host.  Points of CONNECT, BANNER, HELO and EVENT are
 * the session's anyway, all others the message's. */
void	 module_session_points(struct msession *, const struct module *,
	    int32_t milli, const char *reason, ...)
	    __attribute__((__format__(printf, 4, 5)));
/*
 * What content is.  A module that finds something returns module_found(…) as
 * its verdict (or resumes with it): the runner makes of it what the class'
 * strategy says, the module's own or that of the pass block: reject (550),
 * tempfail (451) or mark, never discard.  VIRUS also is an event `virus', SPAM
 * an event `spam'.  name: what was found, for the reply, the log and the
 * header; hostile text, which is encoded.
 */
struct verdict	module_found(struct msession *, const struct module *,
		    enum content_class, const char *name);
/* The same where the module's own rule says what becomes of it. */
struct verdict	module_found_as(struct msession *, const struct module *,
		    enum content_class, enum conf_strategy, const char *name);
/* A scanner's score: points that negative ones of others do not lessen when
 * they alone reach `reject at'.  symbols: as module_points' reason. */
void	 module_score(struct msession *, const struct module *, int32_t milli,
	    const char *symbols);
/*
 * The same message is worth that much to the one of its recipients for whom it
 * is worth most: held against `mark at' in place of module_score's, and not
 * against `reject at', which would take it from the others.  mark: it is marked
 * whatever the points are.
 */
void	 module_score_some(struct msession *, const struct module *,
	    int32_t milli, int mark);
/*
 * EOM only: the changes that this module wants; of one that has failed only
 * what it drops (msgedit_drop) counts.  NULL without memory.  A
 * module that is in_turn sees and changes the message as those of its kind
 * before it have left it (module_message).  All others see it as it came; what
 * they want is made of it in the order of the file, after what those in turn
 * want, and an index other than 0 that these have moved is passed over, for
 * the field would be another.
 */
struct msgedit *module_edit(struct msession *, const struct module *);
/* EOM of a module that is in_turn: the message as it is now; valid until the
 * module has spoken. */
const struct spool *module_message(struct msession *);
/*
 * … and its envelope.  The texts are valid as long, rcpts is to be freed.
 * -1: no memory.
 */
struct module_rcpt_of {
	const char	*path, *params;
	uint64_t	 hash;		/* mailaddr_hash */
	int		 added;		/* by a module */
};
struct module_envelope {
	int		 changed;	/* it is not what the client said */
	const char	*from, *params;
	struct module_rcpt_of *rcpts;
	size_t		 nrcpts;
};
int	 module_envelope(struct msession *, const struct module *,
	    struct module_envelope *);
/*
 * EOM only: one more recipient, or one less, or another sender, for the MTA
 * (not checked against allowed domains: the administrator chose the module).
 * path with or without brackets; params NULL or "": none, of a sender the
 * client's.  -1: not an address, too many, or no memory.
 */
int	 module_rcpt_add(struct msession *, const struct module *,
	    const char *path, const char *params);
int	 module_rcpt_delete(struct msession *, const struct module *,
	    const char *path);
int	 module_from_change(struct msession *, const struct module *,
	    const char *path, const char *params);
/* The accepted recipients: NULL after the last. */
const char *module_rcpt(const struct msession *, unsigned int n);

/* What the host did, for store's reactions. */
void	 module_event(struct msession *, const struct module *,
	    enum host_event);
/* Counter i of module.counters. */
void	 module_count(const struct module *, unsigned int i);
/* A line in the log: "<session> pass <module> fmt…". */
void	 module_log(struct msession *, const struct module *, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* BANNER: "220-text" goes out before the delay that is returned. */
void	 module_teaser(struct msession *, const char *text);
/* A list of good repute vouches for the host: it is never trapped or demoted
 * for content. */
void	 module_vouch(struct msession *);
/* Is the host one that what its network does is not held against?  It is
 * whitelisted, white, vouched for, or this machine. */
int	 module_no_network(const struct msession *);
/* NULL: the session is gone. */
struct msession *module_session(uint64_t key);
/* The verdict that was waited for; of a session that is gone: ignored. */
void	 module_resume(uint64_t key, const struct module *, struct verdict);
/* The event loop, for modules that talk to others. */
struct event_base *module_base(void);

/* All there are, in the order of their names; ends with NULL (generated). */
extern const struct module *const modules[];

#endif
