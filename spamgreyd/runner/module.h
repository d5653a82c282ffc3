/*
 * The contract between a module and the runner.  A module is one check of a
 * client or its mail after the gate: a blocklist, a limit, a scanner.  It
 * includes this file, the files of its own folder, lib (but not lib/proto),
 * and where it needs them pass/scan/scan.h, to ask a scanner, and
 * runner/mimescan.h, to look into MIME.  Nothing else of the daemon.
 *
 * A module is spamgreyd/modules/NAME.c, or modules/NAME/NAME.c when it has
 * several files, and defines `const struct module mod_NAME'.  The build finds
 * it by its name; no list has to be edited.  spamgreyd/README.md has a complete
 * example.
 *
 * THE LIFE OF A MESSAGE.  A host that passed the gate connects.  The runner
 * calls the CONNECT hook of each module in the order of the configuration, then
 * BANNER, and the client gets its 220.  HELO, MAIL and RCPT are called before
 * the command goes to the mail server (MTA), RCPT_REPLY when the MTA has
 * answered a recipient, DATA when the client wants to send, and EOM when the
 * whole message is in the spool and the MTA has not seen any of it: that is the
 * last chance to refuse it.  MAIL to EOM come again for each message of the
 * session.  CLOSE comes once, when the client is gone.  EVENT comes at any
 * time, also while another hook waits, when the dialogue notices something
 * (s->event).
 *
 * A HOOK looks at its session *s, which it must not change, and returns a
 * verdict:
 *
 *	verdict_next()		no objection
 *	verdict_wait(ms)	the verdict comes later, by module_resume, from
 *				the event loop.  If it does not come within ms,
 *				that is an error of the module
 *	verdict_delay(ms)	no objection, but go on only after that time
 *	verdict_tempfail(...)	a 4xx reply to this command
 *	verdict_reject(...)	a 5xx reply to this command
 *	verdict_close(...)	421 or 554, and the session ends
 *	verdict_error(...)	the module cannot tell, for example because its
 *				scanner does not answer; `on-error' in the
 *				configuration decides what becomes of the mail
 *
 * A refusal at RCPT is for that recipient; at MAIL, DATA and EOM for the
 * transaction; at CONNECT, BANNER and HELO for the session, whose MAIL is then
 * refused with it.  EVENT cannot wait or delay; its refusal becomes the answer
 * to the command at which the event was noticed, and before the banner the
 * answer in place of the banner.
 *
 * ORDER.  The modules are asked one after the other, and the first refusal ends
 * the stage.  At EOM all run side by side, except those with module.in_turn,
 * which run one after the other.
 *
 * WAITING.  A module that waits must be ready for the end of the wait: forget
 * (if it has one) is called when the runner no longer wants the answer, and
 * once more after CLOSE.  It cancels what was started; nothing may call back
 * with that session afterwards.  Keep s->key, not s, across the event loop:
 * module_session(key) gives s back as long as it is there.
 *
 * POINTS are not a verdict.  module_points adds them, with a reason, at any
 * time; the runner compares the sum with `reject at' and `mark at'.
 *
 * WHAT THE RUNNER DOES FOR ALL MODULES, so that none does it itself: the order,
 * the time budget, on-error, `log-only' (verdicts and points are logged and do
 * not count), `except', sparing postmaster and abuse (module.spares_roles) and
 * whitelisted hosts (module.spares_whitelisted, and `whitelist ... no scan' for
 * modules with an EOM hook), the counters, the log line.
 *
 * MEMORY.  Settings live in `conf' (conf_size bytes), one for each
 * configuration; after a reload sessions that began before keep the old one.
 * What belongs to one session lives in module_data (data_size bytes, zeroed,
 * freed by the runner).  What belongs to a host lives in tables of the module's
 * own, which must be bounded, because anybody can fill them.  A module never
 * writes to a socket of the session and never frees the session.  All runs in
 * one process and one event loop, so a hook must not block.
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
#define MODULE_REASON_MAX 160		/* bytes of a reason for points */

enum stage {
	STAGE_CONNECT, STAGE_BANNER, STAGE_HELO, STAGE_MAIL, STAGE_RCPT,
	STAGE_RCPT_REPLY, STAGE_DATA, STAGE_EOM, STAGE_CLOSE, STAGE_EVENT,
	STAGE_MAX
};
/* Its name in the log, static. */
const char *stage_str(enum stage);

/*
 * What a module sees of a session; read only.  Texts are valid during the hook;
 * those of the transaction are NULL, its numbers 0, outside of one.  Texts from
 * the client are hostile: encode them before they go anywhere.
 */
struct msession {
	uint64_t	 key;		/* for module_resume, module_session */
	uint64_t	 id;		/* in the log; the same in front */
	struct addr	 client;
	uint16_t	 port;
	struct addr	 dst;		/* where the client connected to */
	uint16_t	 dport;
	const char	*hostname;	/* ours */
	/*
	 * The client's name by reverse DNS, if that name has the client's
	 * address.  NULL: it has none, or it is not known yet.  It is known
	 * from EOM on, and at CONNECT with module.asks_name.
	 */
	const char	*name;
	/* The name by reverse DNS whatever address it has. */
	const char	*ptr;
	const char	*resolve;	/* "OK" "FAIL" "FORGED" "TEMP" */
	int		 whitelisted;	/* by a list of the configuration */
	int		 no_scan;	/* by a list with `no scan': no module
					   with an EOM hook is run */
	int		 loopback;
	int		 white;		/* it has passed the gate */
	int		 vouched;	/* module_vouch was called for the host
					   within the last day */
	int		 handed;	/* came from front in mid-session: the
					   banner is out, no BANNER stage */
	const char	*helo;		/* NULL before HELO; hostile */
	int		 esmtp;		/* it said EHLO */
	const char	*tls_version, *tls_cipher;	/* NULL: in clear */
	int64_t		 start;		/* clock_mono (ms) of the connection */
	/* the transaction */
	const char	*from;		/* with brackets */
	const char	*from_params;
	const char	*rcpt;		/* RCPT, RCPT_REPLY: this recipient */
	const char	*rcpt_params;	/* its parameters; "": none */
	int		 rcpt_is_role;	/* it is our postmaster or abuse */
	/*
	 * RCPT_REPLY: the MTA's code, or ours if the recipient is not in
	 * `recipients'.
	 */
	int		 reply_code;
	uint32_t	 accepted;	/* recipients that the MTA accepted */
	uint32_t	 messages;	/* relayed in this session so far */
	const struct spool *spool;	/* EOM: the message as it came */
	enum host_event	 event;		/* EVENT: which */
	/* All events so far, as bits 1 << enum host_event. */
	unsigned int	 events;
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
	/* WAIT, DELAY: the time; CLOSE: how long the reply is held back. */
	int64_t		 ms;
	char		 text[256];	/* one line, printable ASCII */
};
/* Texts of refusals become one line of printable ASCII, at most 255 bytes.  A
 * code of the wrong class is replaced by 451, 550 or 421. */
struct verdict	verdict_next(void);
struct verdict	verdict_wait(int64_t ms);
struct verdict	verdict_delay(int64_t ms);
struct verdict	verdict_tempfail(int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 3, 4)));
struct verdict	verdict_reject(int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 3, 4)));
/* code 421 or 554; sent after ms (0: at once), then the session is closed. */
struct verdict	verdict_close(int64_t ms, int code, const char *enhanced,
		    const char *, ...)
		    __attribute__((__format__(printf, 4, 5)));
/* The text is for the log alone, which encodes hostile text. */
struct verdict	verdict_error(const char *, ...)
		    __attribute__((__format__(printf, 1, 2)));

/* What module.option returns for an option that is accepted with a warning. */
#define MODULE_OPTION_WARNED	1

struct module {
	/* The name in the configuration and in the log. */
	const char	*name;
	const struct module_option *options;	/* option.h; NULL: none */
	size_t		 conf_size;	/* of its settings, zeroed */
	/* The size of its data in each session, zeroed. */
	size_t		 data_size;
	enum module_error on_error;	/* the default of `on-error' */
	int		 many;		/* may be given several times, each with
					   a name: module NAME "name" */
	int		 in_turn;	/* at EOM it runs after those before it
					   that are in_turn too, and sees what
					   they change */
	/* CONNECT waits until the client's name is known. */
	int		 asks_name;
	int		 spares_roles;	/* its refusals do not count for mail to
					   postmaster and abuse alone */
	int		 spares_whitelisted; /* not run for whitelisted hosts */
	const char	*says;		/* what its points are for, in a refusal
					   that does not name rules; NULL: the
					   module's name */
	/*
	 * The names that it gives to module_found are names of rules.  A
	 * refusal shows them only with `reply rules yes'.
	 */
	int		 finds_rules;
	const char *const *counters;	/* its own, ends with NULL; or NULL */
	/*
	 * Prefixes of header fields that only this module may write.  Such
	 * fields of an incoming message are removed.  The array ends with NULL;
	 * may be NULL.
	 */
	const char *const *drops;

	/*
	 * With `many' only, before any option: tells the settings which module
	 * they are of.  me, whose name is "NAME.name", is what all calls of the
	 * runner below want; it stays as long as the process.
	 */
	void	 (*self)(void *conf, const struct module *me);
	/*
	 * One option of the configuration; each default comes in the same way.
	 * nargs 0 and off 1 is "KEYWORD no".  Returns 0; or -1 with *error
	 * (static) saying what is wrong; or MODULE_OPTION_WARNED, and *error is
	 * a warning.  The args are valid during the call only.
	 */
	int	 (*option)(void *conf, const char *keyword,
		    const struct module_arg *, size_t nargs, int off,
		    const char **error);
	/* All options were given: do they fit together?  May be NULL.  -1:
	 * *error says why not. */
	int	 (*check)(void *conf, const char **error);
	/* Frees what option allocated, also after a failure.  May be NULL. */
	void	 (*conf_clear)(void *conf);
	/* Once a process, before it drops its privileges, also when the module
	 * is not configured.  -1: it cannot start, which was logged. */
	int	 (*open)(void);
	void	 (*close)(void);
	/* NULL: nothing to do at that stage. */
	struct verdict (*hook[STAGE_MAX])(struct msession *, void *conf);
	/* The answer that is waited for is no longer wanted; also once after
	 * CLOSE.  Cancels what was started.  May be NULL. */
	void	 (*forget)(struct msession *, void *conf);
	/* Each second while the module is configured, to sweep its tables.  May
	 * be NULL. */
	void	 (*tick)(void);
};

/* --- what modules call.  The struct module is always the caller's own. */

/* The module's data in that session; NULL: the module is not configured for
 * it. */
void	*module_data(struct msession *, const struct module *);
/* NULL: the session is gone. */
struct msession *module_session(uint64_t key);
/*
 * The verdict that is waited for.  May be called from anywhere except the
 * module's own hook; the session goes on from the event loop.  Ignored when
 * nobody waits for it, or when the session is gone.
 */
void	 module_resume(uint64_t key, const struct module *, struct verdict);
/* The event loop, for modules that talk to others. */
struct event_base *module_base(void);

/*
 * Adds points, in thousandths, and their reason (at most MODULE_REASON_MAX
 * bytes, the rest is cut).  Given at CONNECT, BANNER, HELO and EVENT they
 * belong to the session, given later to the message.
 */
void	 module_points(struct msession *, const struct module *, int32_t milli,
	    const char *reason, ...)
	    __attribute__((__format__(printf, 4, 5)));
/* The same, for the session whenever it is called: for what a module learns
 * about the host. */
void	 module_session_points(struct msession *, const struct module *,
	    int32_t milli, const char *reason, ...)
	    __attribute__((__format__(printf, 4, 5)));

/*
 * The module found something in the message.  Returns the verdict to return or
 * to resume with: what the strategy of that class says, of the module or of the
 * pass block (550, 451, or NEXT and the message is marked).  CLASS_VIRUS and
 * CLASS_SPAM also are the events of these names.  name: what was found, for the
 * reply, the log and the header; hostile text is encoded.
 */
struct verdict	module_found(struct msession *, const struct module *,
		    enum content_class, const char *name);
/* The same when the module's own rule decides what becomes of the message. */
struct verdict	module_found_as(struct msession *, const struct module *,
		    enum content_class, enum conf_strategy, const char *name);
/*
 * A scanner's score, in thousandths.  Counts as points of the message, and
 * rejects it when it alone reaches `reject at', whatever negative points other
 * modules give.  symbols: the reason; NULL: none.
 */
void	 module_score(struct msession *, const struct module *, int32_t milli,
	    const char *symbols);
/*
 * The score of the same message for the recipient for whom it is highest.  It
 * counts for `mark at' in place of module_score's.  It does not count for
 * `reject at', because a refusal would take the message from the other
 * recipients.  mark: the message is marked whatever its points are.
 */
void	 module_score_some(struct msession *, const struct module *,
	    int32_t milli, int mark);

/*
 * EOM only: the list of the module's changes to the message, to be filled in
 * (pass/message/edit.h); the runner's.  NULL: no memory.  After an error of the
 * module only what it drops (msgedit_drop) counts.
 *
 * A module that is in_turn sees and changes the message as those before it have
 * left it.  All others see it as it came; their changes are made in the order
 * of the configuration, after those of the modules in turn.  A change of the
 * n-th field is skipped when these have moved that field.
 */
struct msgedit *module_edit(struct msession *, const struct module *);
/* EOM of a module that is in_turn: the message as it is now, valid until the
 * module has given its verdict. */
const struct spool *module_message(struct msession *);

/* The envelope as the modules in turn before this one have left it.  Its texts
 * are valid until the verdict; rcpts is the caller's to free. */
struct module_rcpt_of {
	const char	*path, *params;	/* with brackets; "" none */
	uint64_t	 hash;		/* mailaddr_hash of path */
	int		 added;		/* by a module */
};
struct module_envelope {
	int		 changed;	/* it is not what the client said */
	const char	*from, *params;
	struct module_rcpt_of *rcpts;
	size_t		 nrcpts;
};
/* -1: no memory. */
int	 module_envelope(struct msession *, const struct module *,
	    struct module_envelope *);
/*
 * EOM only: adds or removes a recipient, or replaces the sender, for the MTA.
 * Not checked against the allowed domains, because the administrator chose the
 * module.  path: with or without brackets.  params NULL or "": none; of a
 * sender: those of the client.  -1: not an address, too many changes, or no
 * memory.
 */
int	 module_rcpt_add(struct msession *, const struct module *,
	    const char *path, const char *params);
int	 module_rcpt_delete(struct msession *, const struct module *,
	    const char *path);
int	 module_from_change(struct msession *, const struct module *,
	    const char *path, const char *params);
/* The n-th accepted recipient, from 0; NULL: no more. */
const char *module_rcpt(const struct msession *, unsigned int n);

/* The host did this: for store, which counts and reacts (`on EVENT'). */
void	 module_event(struct msession *, const struct module *,
	    enum host_event);
/* Adds one to counter i of module.counters. */
void	 module_count(const struct module *, unsigned int i);
/* A line in the log: "<session> pass <module> fmt...". */
void	 module_log(struct msession *, const struct module *, const char *, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* BANNER only: sends "220-text" before the delay that the hook returns. */
void	 module_teaser(struct msession *, const char *text);
/* A list of good reputation vouches for the host, which is then never trapped
 * or demoted for content.  Remembered for a day. */
void	 module_vouch(struct msession *);
/* Is the host exempt from what is counted for its network?  It is when it is
 * whitelisted, white, vouched for, or this machine. */
int	 module_no_network(const struct msession *);

/* All modules of the program, in the order of their names; ends with NULL.
 * Made by lib/build/modules.sh. */
extern const struct module *const modules[];

#endif
