/*
 * The room pass: the SMTP proxy for hosts that passed, from the client to the
 * mail server (MTA), with the modules between them.  One process runs it, with
 * one event loop and one struct pass.  It decides nothing about hosts, which is
 * store's part, and speaks to other roles by lib/proto alone.  It uses lib
 * without policy, db and control, the rooms process, os, smtpd and runner, and
 * its own mta, message and scan.  This header is for its files only; modules do
 * not see it.
 *
 * A session is a client's connection.  The files in the order to read them:
 *	pass.c		the role: configurations, the parent's sockets, start, stop
 *	accept.c	who may come, and the limits
 *	conn.c		octets: the client's socket, its timers, its end
 *	session.c	a session made and freed, and found again
 *	name.c		the client's name in the DNS
 *	tls.c		STARTTLS of the client
 *	reply.c		what is said to the client
 *	smtp.c		lines to commands, and those outside of a transaction
 *	tx.c		a transaction as data
 *	mail.c		MAIL, RCPT, DATA: what the client is told
 *	rcpt.c		what we say of a recipient ourselves
 *	relay.c		what the MTA is asked, again when it must be
 *	body.c		the message: into the spool, through EOM, to the MTA
 *	edit.c		what modules change of it
 *	trace.c		our Received line
 *	log.c		lines of messages and sessions, counters
 *	runner.c	what the runner of the modules (runner.h) calls of it
 *	mta/		one connection to an MTA (knows no session)
 *	caps.c		what the MTA offers: learned, kept, told
 *	store.c		the channel to store: host states, events
 *	front.c		the channels to the fronts: hand-over
 *	handover.c	a hand-over put together from its messages
 *
 * The life of a session.  Exactly one thing is waited for at a time: `state'.
 * Every callback ends in pass_settle(), which writes what there is to write,
 * goes on with input that was kept, and frees the session when it is dead.
 * Nothing below it frees one.
 *
 *	GREET --CONNECT, BANNER stages; 220--> COMMAND
 *	COMMAND --a stage of the modules--> STAGE --its outcome--> …
 *	COMMAND --something for the MTA--> MTA --its reply--> COMMAND
 *	COMMAND --DATA: 354--> DATA --the dot--> STAGE (EOM) --> MTA --> COMMAND
 *	COMMAND --STARTTLS--> TLS_START --220 is sent--> HANDSHAKE --> COMMAND
 *	any --last reply queued--> CLOSING --it is sent--> LINGER --> DEAD
 */
#ifndef PASS_H
#define PASS_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/base/hosts.h"
#include "lib/base/limit.h"
#include "lib/proto/any_store.h"
#include "lib/proto/front_pass.h"
#include "lib/proto/smtp_store.h"
#include "lib/smtp/mailaddr.h"
#include "lib/mime/msghead.h"
#include "lib/smtp/data.h"
#include "lib/smtp/reply.h"
#include "lib/conf/config.h"
#include "spamgreyd/pass/mta/mta.h"
#include "spamgreyd/runner/runner.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/smtpd/smtpd.h"
#include "spamgreyd/pass/message/spool.h"

#define PASS_OUT_MAX		16384	/* octets of replies queued: no more
					   input is used */
#define PASS_IN_MAX		65536	/* octets of input kept while it
					   cannot be used */
/* ms until the client gets an answer, whatever is under way: a little less than
 * the times after which RFC 5321 4.5.3.2 lets it hang up. */
#define PASS_BUDGET_RCPT	285000	/* MAIL, and each RCPT */
#define PASS_BUDGET_DATA	110000
#define PASS_BUDGET_DOT		585000	/* the end of the message */
#define PASS_NOOP		60000	/* ms between NOOPs to a waiting MTA */
#define PASS_HANDOVER_RCPTS	1000	/* recipients of a hand-over */
#define PASS_PER_HOST		50	/* sessions of a host: the least that
					   is taken when none is set */
#define PASS_SLOW		300000	/* ms in which DATA … */
#define PASS_SLOW_BYTES		30000	/* … has so many octets, or is slow */
#define PASS_STOP_LINES		1000	/* more sessions than this at the end
					   have no line each in the log */
#define PASS_PARAMS_MAX		ENVELOPE_PARAMS_MAX
#define PASS_RCPTS_MAX		(1024 * 1024)	/* octets of a transaction's RCPTs */

enum pass_state {
	PS_GREET, PS_COMMAND, PS_STAGE, PS_MTA, PS_DATA, PS_TLS_START,
	PS_HANDSHAKE, PS_CLOSING, PS_LINGER, PS_DEAD
};

/* Why a session ended: reason= of its last line. */
enum pass_end {
	PE_NONE, PE_QUIT, PE_HANGUP, PE_ERROR, PE_IDLE, PE_SESSION,
	PE_REFUSED, PE_BAD_COMMANDS, PE_FOREIGN, PE_TLS, PE_SHUTDOWN,
	PE_MEMORY, PE_TRAPPED, PE_NOT_TO, PE_MTA, PE_SLOW,
	PE_UNINVITED
};

/* Flags of a session. */
#define PF_SETTLING	0x0010		/* pass_settle is at work on it */
#define PF_TIMER	0x0020		/* the timer is set */
#define PF_COUNTED	0x0040		/* in the counts of its host and network */

struct tls;
struct edit_job;
struct rdns_query;

/* A configuration in use, with what is derived from it.  A session keeps the one
 * that it began with, by a reference. */
struct pass_conf {
	unsigned int	 refs;
	struct config	*conf;
	uint64_t	 black, white;	/* masks over the lists */
	uint64_t	 no_scan;	/* of those in white */
	struct tlsctx	*tls;		/* the global certificate, or NULL */
	struct module_chain *chain;	/* runner.h */
	uint32_t	 max;		/* sessions */
	uint32_t	 per_host, per_network;
};

/* One recipient of the transaction. */
struct rcpt {
	TAILQ_ENTRY(rcpt) entry;
	char		*to;		/* struct mailaddr's path: what the MTA
					   is told */
	char		*box;		/* and its box: what is compared */
	char		*params;
	uint64_t	 hash;		/* mailaddr_hash of to; 0: not yet */
	uint8_t		 accepted;	/* the client was told 250 */
	uint8_t		 replayed;	/* front told it, the MTA has not yet */
	uint8_t		 added;		/* a module's: no client waits for it */
	uint8_t		 known;		/* to the MTA that s->mta talks to */
	uint8_t		 role;		/* postmaster or abuse of ours */
	uint8_t		 routed;	/* has a source route */
	uint8_t		 is_literal;	/* at an address literal … */
	struct addr	 literal;	/* … this one */
};

/* Whose recipients are, as bits. */
#define RCPTS_ROLES		1	/* postmaster, abuse */
#define RCPTS_OTHERS		2

/* A mail transaction: from MAIL to its end. */
struct ptx {
	char		*from, *params;	/* with brackets; "" none */
	int		 smtputf8;
	int		 rcpt_kinds;	/* recipients so far: RCPTS_* */
	TAILQ_HEAD(rcpts, rcpt) rcpts;
	uint32_t	 naccepted, nrefused, ntempfail;
	const struct conf_relay *relay;	/* of its first recipient; NULL: none yet */
	int		 mailed;	/* the MTA has taken MAIL */
	int		 broken;	/* a recipient that the client believes
					   accepted was refused: 451 at DATA */
	size_t		 octets;	/* of the recipients */
	/* the body */
	struct spool	*spool;
	struct smtpdata_in in;
	struct msghead	 head;
	int		 toobig, lost;	/* past SIZE; errno of a failed spool */
	struct verdict	 refuse;	/* NEXT: none; a module's at MAIL, DATA */
};

/* Where the dialogue is: the client's command that has no answer yet, and
 * what its MTA is asked for that.  Of smtp.c, tx.c, body.c and relay.c. */
enum doing {
	DOING_NOTHING, DOING_HELO, DOING_MAIL, DOING_RCPT, DOING_DATA,
	DOING_DOT
};
struct session;
struct dialogue {
	uint8_t		 doing;		/* enum doing */
	uint8_t		 goal, ask;	/* relay.c */
	uint8_t		 fresh;		/* the connection is of this goal */
	uint8_t		 dirty;		/* the MTA needs RSET first */
	uint8_t		 closes;	/* enum pass_end: after this answer */
	uint8_t		 held;		/* the refusal in s->refuse is held back */
	uint8_t		 skip;		/* inside a line that is too long */
	uint8_t		 over;		/* a transaction has ended */
	uint8_t		 pending;	/* hand-over: its last RCPT waits */
	uint8_t		 noticed;	/* an event was noticed since the last
					   command; no second one is */
	struct rcpt	*rcpt;		/* the client's, that has no answer */
	struct rcpt	*asked;		/* the one that the MTA is told again */
	void		(*answered)(struct session *, const struct smtpreply *);
	const char	*why;		/* no answer: for a 451; static */
	struct smtpreply mta_reply;	/* the MTA's to a RCPT, kept */
	struct buf	 head;		/* before the message */
	uint64_t	 max;		/* octets of a message; 0: no limit */
	unsigned int	 events;	/* VIRUS, SPAM before this message */
	struct verdict	 notice;	/* EVENT's, for the next command */
};

struct session {
	struct client_io	 io;
	LIST_ENTRY(session)	 entry;
	struct msession		 ms;	/* what modules see; ms.key finds it */
	struct pass_conf	*live;
	int			 handed_tls; /* front does TLS and pumps */
	uint8_t			 state;	/* enum pass_state */
	uint8_t			 end;	/* enum pass_end */
	uint8_t			 kind;	/* enum handover_kind */
	unsigned int		 flags;	/* PF_* */
	struct event		 timer;	/* pass_timer: delays, budgets */
	struct event		 more;	/* reads on in the next turn */
	void			(*timer_fn)(struct session *);
	int64_t			 last;	/* clock_mono of the last progress */
	int64_t			 read_ms;	/* DATA: read for so long … */
	uint64_t		 read_from;	/* … since bytes_in was this */
	char			*helo;	/* ms.helo points here */
	char			*tls_version, *tls_cipher;	/* and ms' */
	char			*name;	/* of the client; and ms' */
	struct rdns_query	*rdns;	/* NULL: none under way */
	void			(*named)(struct session *,
				    const struct verdict *);	/* a stage's */
	enum stage		 named_stage;	/* that waits for the name */
	uint32_t		 offered; /* CAPS_* that its EHLO was told */
	unsigned int		 bad;	/* commands */
	struct ptx		*tx;	/* NULL: outside of one */
	struct mta		*mta;	/* NULL: none; kept between transactions */
	struct dialogue		 dialogue;
	struct edit_job		*edit;	/* its message in the making, or NULL */
	struct verdict		 refuse; /* of CONNECT, HELO: MAIL gets it */
	uint32_t		 delivered, refused, deferred;	/* messages */
	uint32_t		 rcpts;
	char			*log_from, *log_to;	/* of the first transaction */
};

/* The counters, by name in log.c. */
enum pass_stat {
	PSTAT_SESSIONS, PSTAT_HANDED, PSTAT_NOT_WHITE, PSTAT_LIMIT,
	PSTAT_DELIVERED, PSTAT_REFUSED, PSTAT_DEFERRED, PSTAT_RCPT,
	PSTAT_RCPT_REFUSED, PSTAT_RELAY_DENIED, PSTAT_LOOP, PSTAT_TOO_BIG,
	PSTAT_SPOOL_FULL, PSTAT_MTA_FAILED, PSTAT_TLS, PSTAT_TLS_FAILED,
	PSTAT_MARKED, PSTAT_POINTS_REJECTED, PSTAT_TIMEOUT, PSTAT_REPLAYED,
	PSTAT_TRAPPED, PSTAT_BYTES, PSTAT_NO_SCAN, PSTAT_LIMIT_HOST,
	PSTAT_LIMIT_NETWORK, PSTAT_SLOW, PSTAT_MAX
};

struct pass {
	struct child		*child;
	struct event_base	*base;
	struct chan		*store;		/* NULL: it is gone */
	struct pass_conf	*live;		/* in force */
	struct hosts		*hosts;
	struct mta_caps		 caps;		/* caps.relays is its own copy */
	LIST_HEAD(, session)	 sessions;
	uint32_t		 count;
	struct limit		*by_host, *by_net;
	struct listeners	 listeners;
	int			 stopping;
	int			 silent;	/* no line for each session */
	uint64_t		 rlimit;
	uint64_t		 stat[PSTAT_MAX];
};
extern struct pass pass;

/* pass.c */
void	 pass_conf_unref(struct pass_conf *);

/* accept.c: listeners, who may come, limits */
void	 pass_accept_init(struct child *);	/* while still privileged */
void	 pass_accept_configure(const struct config *);
void	 pass_accept_start(void);
void	 pass_accept_stop(void);
void	 pass_accept_hosts_ready(void);
/* The certificate of a listener, front's too; of one that is not (or no more)
 * known the global one.  NULL: none.  Not the caller's. */
struct tlsctx *pass_accept_cert(uint32_t listener);
int	 pass_host_trapped(const struct addr *);
/*
 * Has this client's host, or its network, as many sessions as it may have?
 * The limit's name, and it is counted and logged; NULL: no.
 */
const char *pass_over_limit(const struct addr *, enum handover_kind);
/* A session is counted for them, and not any more. */
void	 pass_count(struct session *);
void	 pass_uncount(struct session *);
/* Are more than half of the places taken? */
int	 pass_crowded(void);

/* session.c */
/* A connection of the client; h NULL: on a listener (cert its certificate).
 * Takes fd.  NULL: no memory; fd is closed then. */
struct session *pass_session_new(int fd, const struct addr *client,
	    uint16_t port, const struct addr *dst, uint16_t dport,
	    struct tlsctx *cert, enum handover_kind, const struct handover *h);
/* Before its banner: has it spoken already?  Then it is greeted. */
void	 pass_begin(struct session *);
struct session *pass_session_by_key(uint64_t);	/* NULL: gone */
void	 pass_session_free(struct session *);	/* of pass_settle alone */
uint64_t pass_next_key(int fd);

/* conn.c */
void	 pass_settle(struct session *);
void	 pass_read(struct session *);		/* what has come, and uses it */
void	 pass_wake(void);			/* there is a session */
/* Another ms of DATA have been read: is it slow? */
int	 pass_slow(struct session *, int64_t ms);
void	 pass_last_words(struct session *);	/* written once, and freed */
void	 pass_close(struct session *, enum pass_end);	/* after what is queued */
void	 pass_die(struct session *, enum pass_end);	/* now */
void	 pass_expel(struct session *, enum pass_end, const char *enhanced,
	    const char *text);			/* 421, and closed */
/* fn is called after ms, once; a later call replaces it; NULL: none. */
void	 pass_timer(struct session *, int64_t ms, void (*fn)(struct session *));

/* name.c */
void	 name_start(struct session *);
void	 name_end(struct session *);
/* As run_stage, but first the client's name is known, or its budget is over,
 * if the stage wants it. */
void	 name_stage(struct session *, enum stage,
	    void (*done)(struct session *, const struct verdict *v));
void	 name_cancel(struct session *);	/* that stage is not begun any more */
int	 name_awaited(const struct session *, enum stage);

/* tls.c: as front/tls.c */
int	 pass_tls_begin(struct session *);	/* -1: cannot */
void	 pass_tls_handshake(struct session *);

/* reply.c: queued, never written at once; the caller's text ends in
 * CRLF. */
void	 pass_reply(struct session *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* Ours: "NNN X.X.X text", contact and session id as design 6.2 says. */
void	 pass_refuse(struct session *, int code, const char *enhanced,
	    const char *text);
void	 pass_refuse_verdict(struct session *, const struct verdict *);
/* The MTA's, unchanged. */
void	 pass_reply_mta(struct session *, const struct smtpreply *);
/* A refusal of ours without a session; id in it.  -1: no memory. */
int	 pass_refusal(struct buf *, const struct config *, uint64_t id,
	    const struct addr *client, int code, const char *enhanced,
	    const char *text);

/* smtp.c */
void	 pass_greet(struct session *);		/* CONNECT, BANNER, 220 */
/*
 * All input that waits, whenever more of it has come, in any state (before the
 * banner it is an early talker's), and when an answer is out: how much was
 * used.  What was not is kept.
 */
size_t	 pass_input(struct session *, const uint8_t *, size_t);
void	 pass_bad(struct session *, int code, const char *enhanced,
	    const char *text);
/* "NNN X.X.X text", ours.  bad: the client's mistake, which counts. */
void	 pass_refuse_text(struct session *, const char *text, int bad);
void	 pass_noticed(struct session *, enum host_event);
/* Is the host TRAPPED, and does that count for it?  own: only when this
 * session did what may have led to it. */
int	 dialogue_trapped(const struct session *, int own);
/* A module's refusal as the answer; one that closes does so in dialogue_closes,
 * later when it is to be held back. */
void	 dialogue_refuse(struct session *, const struct verdict *);
void	 dialogue_closes(struct session *);
/* A session of front goes on here: its envelope, then its input. */
void	 pass_resume_handover(struct session *, const struct handover *,
	    struct ptx *, int pending, const uint8_t *input, size_t len);

/* tx.c */
/* NULL: no memory.  params: "" none. */
struct ptx *ptx_new(const char *from, const char *params);
struct rcpt *ptx_add(struct ptx *, const struct mailaddr *,
	    const char *params);
void	 ptx_remove(struct ptx *, struct rcpt *);
void	 ptx_destroy(struct ptx *);		/* one of no session */
void	 ptx_free(struct session *);		/* its own, if it has one */

/* mail.c */
void	 ptx_mail(struct session *, const char *arg, size_t len);
void	 ptx_rcpt(struct session *, const char *arg, size_t len);
void	 ptx_data(struct session *);
void	 ptx_end(struct session *);		/* the transaction is over */
/* In s->tx, the last recipient being asked (pending) or all answered. */
void	 ptx_resume(struct session *, int pending);
/* A command's answer is queued: back to commands. */
void	 ptx_answered(struct session *);
/* The budget of what the client waits for begins. */
void	 ptx_budget(struct session *, enum doing);

/* rcpt.c: what we say of a recipient ourselves; NULL: nothing, else
 * "NNN X.X.X text".  parse: of its path, as config says; unknown: by the file
 * `recipients'. */
const char *rcpt_parse(const struct config *, const char *path, int utf8,
	    struct mailaddr *);
const char *rcpt_check(const struct session *, const struct rcpt *);
const char *rcpt_unknown(const struct session *, const struct rcpt *);
int	 rcpt_is_role(const struct session *, const struct rcpt *);
const struct conf_relay *rcpt_relay(const struct conf_pass *,
	    const struct rcpt *);

/* relay.c: what a session wants of its MTA.  answered is called once:
 * with the MTA's reply, or NULL when there is none (relay_refuse). */
void	 relay_early(struct session *);		/* connect, nothing more */
void	 relay_mail(struct session *,
	    void (*answered)(struct session *, const struct smtpreply *));
void	 relay_rcpt(struct session *, struct rcpt *,
	    void (*answered)(struct session *, const struct smtpreply *));
/* s->dialogue.head and the spool. */
void	 relay_data(struct session *,
	    void (*answered)(struct session *, const struct smtpreply *));
void	 relay_noop(struct session *);
/* The MTA is to hear of the transaction from its beginning, later. */
void	 relay_restart(struct session *);
void	 relay_drop(struct session *);		/* the connection, at once */
void	 relay_refuse(struct session *);	/* 451 with what went wrong */
/* The client is gone: must the session go on, as the MTA has the dot? */
int	 relay_must_end(const struct session *);

/* body.c */
void	 body_begin(struct session *);		/* 354 is queued */
/* Octets of DATA: how many were used. */
size_t	 body_input(struct session *, const uint8_t *, size_t);
void	 body_free(struct ptx *);

/* edit.c: what the modules and a mark change, when all have spoken.  done
 * is called once, from here or from the loop: NULL, or what to answer, "NNN
 * X.X.X text"; not when it was cancelled. */
void	 edit_begin(struct session *, int mark,
	    void (*done)(struct session *, const char *error));
void	 edit_cancel(struct session *);

/* runner.c: what the runner calls of a session. */
extern const struct runner_ops	pass_runner;

/* store.c */
void	 pass_store_peer(struct child *, int fd);
void	 pass_store_event(const struct session *, enum host_event);
void	 pass_store_mail(const struct session *, int bad);
void	 pass_store_caps(void);

/* front.c */
void	 pass_front_peer(struct child *, unsigned int instance, int fd);
void	 pass_front_caps(void);		/* to all of them */

/* handover.c, pure: what a front says of a session, until its END. */
struct handed {
	int		 open;		/* BEGIN came */
	uint64_t	 id;
	struct handover	 h;		/* its texts are copies */
	char		*texts[5];
	uint32_t	 nrcpts;
	struct buf	 rcpts;		/* to NUL params NUL, each */
	struct buf	 input;
	const char	*why;		/* it cannot be taken */
};
void	 handed_begin(struct handed *, struct msg *);
void	 handed_rcpt(struct handed *, struct msg *);
void	 handed_input(struct handed *, struct msg *);
/* END came.  NULL: it is whole; else why it cannot be taken. */
const char *handed_end(struct handed *, struct msg *);
/* The recipients in turn; *at is 0 at first.  0: no more. */
int	 handed_next(const struct handed *, size_t *at, const char **to,
	    const char **params);
void	 handed_clear(struct handed *);

/* caps.c */
void	 caps_configure(struct pass_conf *);	/* also at each reload */
void	 caps_start(void);			/* ask the MTAs, now and hourly */
void	 caps_kept(const struct mta_caps *);	/* what store had on disk */
/* What a session of ours tells at EHLO (CAPS_* without STARTTLS); 0 with
 * *known 0: nothing is known, 421. */
uint32_t caps_offer(const struct pass_conf *, uint64_t *size, int *known);
/* An MTA just answered EHLO in a session: has it changed? */
void	 caps_seen(const struct conf_relay *, const struct smtp_ehlo *);

/* trace.c: header lines of ours. -1: no memory. */
int	 trace_received(const struct session *, struct buf *);

/* log.c */
void	 pass_log_end(const struct session *);
/* One line for each message's end: from, to count, size, points, the MTA's
 * words. */
void	 pass_log_message(const struct session *, const char *outcome,
	    const char *reply);
void	 pass_stats(uint64_t id);

#endif
