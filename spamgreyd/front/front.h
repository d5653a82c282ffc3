/*
 * The room front: the greylisting SMTP server and tarpit for hosts that have
 * not passed yet.  One process runs it, or some (`fronts'), each with one
 * event loop and one struct front.  It decides nothing about hosts, which is
 * store's part, and speaks to other roles by lib/proto alone.  It uses lib
 * without policy, db and control, and spamgreyd/process, os and smtpd.  In the
 * order to read them:
 *
 *	front.c		the role: configurations, start and stop
 *	accept.c	what a host is when it connects; limits
 *	conn.c		a connection's life: read, written, ended
 *	wheel.c		one timer for all: stuttered octets, timeouts
 *	smtp.c		from octets to commands; commands outside of a transaction
 *	tx.c		MAIL, RCPT, DATA
 *	reply.c		the texts of replies
 *	store.c		the channel to store
 *	pass.c		the channel to pass: sessions that go on there
 *	pump.c		a session under TLS that goes on in pass
 *	tls.c		STARTTLS, and who may begin it
 *	log.c		events, the summary of a connection, counters
 *	spamd.c		the lines that OpenBSD's spamd logs
 *
 * This header is for these files only.
 *
 * The life of a connection.  Every callback ends in conn_settle(), which
 * writes what there is to write, goes on with input that was kept, and frees
 * the connection when it is dead.  Nothing below it frees one, so that no
 * function ever returns to a caller whose connection is gone.
 *
 *	COMMAND --RCPT--> WAIT --store's answer--> COMMAND
 *	COMMAND --DATA (trapped, blacklisted)--> DATA --> CLOSING
 *	COMMAND --STARTTLS--> TLS_START --220 is sent--> HANDSHAKE --> COMMAND
 *	new, WAIT --the host is white--> HANDOVER --pass has it--> DEAD, or PUMP
 *	HANDOVER --pass refuses it--> COMMAND
 *	any --last reply queued--> CLOSING --it is sent--> LINGER --> DEAD
 */
#ifndef FRONT_H
#define FRONT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/base/hosts.h"
#include "lib/base/limit.h"
#include "lib/conf/config.h"
#include "lib/proto/any_store.h"
#include "lib/proto/front_pass.h"
#include "lib/proto/front_store.h"
#include "lib/proto/smtp_store.h"
#include "lib/smtp/param.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/smtpd/smtpd.h"

/* Times in seconds, sizes in octets. */
#define FRONT_HOSTS_WAIT	10	/* for the host states at start */
#define FRONT_STORE_WAIT	30	/* for store to answer a RCPT */
#define FRONT_STORE_HIGH	(1024 * 1024)	/* queued to store: RCPTs wait … */
#define FRONT_STORE_LOW		(256 * 1024)	/* … until it is this again */
#define FRONT_HANDOVER_WAIT	10	/* for pass to take a session */
#define FRONT_PASS_HIGH		(1024 * 1024)	/* queued to pass: no hand-over */
#define FRONT_HANDOVERS		128	/* hand-overs under way at once: each
					   takes a descriptor more, out of
					   CONF_FD_RESERVE */
#define FRONT_ENVELOPE_MAX	16384	/* of recipients kept for a hand-over */
#define FRONT_STUTTER_INPUT	512	/* kept from a client that talks
					   while we stutter */
#define FRONT_OUT_MAX		4096	/* replies queued: no more input */
#define FRONT_BODY_LINES	10	/* read of a tarpitted message, as
					   spamd does */
#define FRONT_BODY_MAX		(64 * 1024)
#define FRONT_STOP_LINES	1000	/* more connections than this at the
					   end have no line each in the log */
#define FRONT_STRESS_HIGH	90	/* % of the connections in use: stress
					   begins; no stuttering above it */
#define FRONT_STRESS_LOW	70	/* % below which it ends */

/* What a host is, the later ones first at connect. */
enum conn_kind {
	KIND_GREY,			/* unknown */
	KIND_WHITE,
	KIND_PASS,			/* WHITE since a RCPT of this session */
	KIND_BLACK,
	KIND_TRAPPED,
	KIND_WHITELISTED
};

enum conn_state {
	ST_COMMAND,
	ST_WAIT,			/* for store's answer to a RCPT */
	ST_DATA,			/* reads the message of a trapped or
					   blacklisted host */
	ST_TLS_START,			/* the 220 is not sent yet */
	ST_HANDSHAKE,
	ST_HANDOVER,			/* on its way to pass */
	ST_PUMP,			/* in pass; front does its TLS */
	ST_CLOSING,			/* the last reply is being sent */
	ST_LINGER,			/* waits for the client to close */
	ST_DEAD
};

/* Why a connection ended: reason= of its last line. */
enum conn_end {
	END_NONE, END_QUIT, END_HANGUP, END_ERROR, END_IDLE, END_SESSION,
	END_REFUSED, END_BAD_COMMANDS, END_FOREIGN, END_TLS, END_SHUTDOWN,
	END_MEMORY, END_HANDOVER, END_HANDED, END_UNINVITED
};

/* Flags of a connection. */
#define F_BANNER	0x0001		/* the whole banner is sent */
#define F_WHEEL		0x0008		/* waits in a slot for its next octet */
#define F_SKIP		0x0010		/* inside a line that is too long */
#define F_RUSH		0x0020		/* stutters no more */
#define F_LOWMX		0x0040		/* came to a low-priority-mx listener */
#define F_COUNTED	0x0080		/* in the per-host and network counts */
#define F_HEADERS	0x0200		/* DATA: before the empty line */
#define F_ASKED		0x0400		/* a RCPT went to the store before */
#define F_UNSTORED	0x0800		/* a RCPT could not be stored */
#define F_GREYED	0x1000		/* a RCPT was greylisted */
#define F_WHITE_SEEN	0x2000		/* store called the host white */
#define F_ESMTP		0x4000		/* said EHLO */
#define F_HANDED	0x8000		/* pass may have the socket */
#define F_IN_PASS	0x10000		/* pass has taken the session */
#define F_NO_HANDOVER	0x20000		/* pass refused the session */
#define F_TLS_COUNTED	0x40000		/* in the count of its network's TLS */

struct tls;

/* A configuration in use, with what is derived from it.  A connection keeps the
 * one that it began with, by a reference. */
struct front_conf {
	unsigned int	 refs;
	struct config	*conf;
	uint64_t	 black, white;	/* masks over the lists */
	int		 grey_code;	/* conf->grey_reply in its parts */
	char		*grey_enhanced;	/* NULL: it has none */
	const char	*grey_text;	/* inside of conf->grey_reply */
	struct tlsctx	*tls;		/* the global certificate, or NULL */
	uint32_t	 max;		/* connections */
	int		 lowmx;		/* some listener is low-priority-mx */
};

/* A mail transaction: between MAIL and its end. */
struct tx {
	TAILQ_ENTRY(tx)	 parked;	/* in front.parked: waits for room */
	struct conn	*conn;
	char		*from;		/* with brackets */
	char		*from_params;	/* NULL: none */
	char		*to;		/* of the last RCPT, as it came: pass
					   checks it again */
	char		*mailbox;	/* the same, checked: what store is
					   asked (struct mailaddr's path) */
	char		*to_params;
	struct buf	 rcpts;		/* those answered 250, for a hand-over:
					   "to\0params\0" each */
	uint32_t	 accepted;	/* recipients answered 250 */
	uint32_t	 passed;	/* whose host is white now */
	uint32_t	 tempfail;	/* answered 4xx */
	uint32_t	 refused;	/* answered 5xx */
	int64_t		 left;		/* s, the longest of its recipients */
	int		 is_parked;
	int		 too_long;	/* more recipients than are kept: this
					   session is not handed over */
	int		 smtputf8;
	int		 to_us;		/* `to' is at an address literal of ours */
};
TAILQ_HEAD(txs, tx);

/*
 * A connection.  19,000 of these are held at once, so a field is here only when
 * a silent connection needs it; the rest is in what is pointed to.  conn.c makes
 * and frees it.
 */
struct conn {
	struct client_io	 io;
	LIST_ENTRY(conn)	 slot;	/* of the wheel, with F_WHEEL */
	uint64_t		 id;	/* for the log and for messages */
	struct front_conf	*live;
	struct tx		*tx;	/* NULL: outside of a transaction */
	struct pump		*pump;	/* pump.c; NULL: none */
	char			*helo;	/* NULL: not said yet */
	char			*log_from, *log_to; /* of the first transaction */
	struct addr		 client;
	struct addr		 dst;	/* where the client wanted to go */
	uint64_t		 lists;	/* the blacklists that have it */
	int64_t			 start;	/* ms */
	uint32_t		 last;	/* s, last line read or octet written */
	uint32_t		 wait;	/* s, since when in ST_WAIT, HANDOVER */
	uint32_t		 seq;	/* of its RCPTs to store */
	uint32_t		 rcpts;	/* valid recipients so far */
	uint32_t		 body;	/* octets of DATA */
	uint32_t		 listener;	/* its id */
	uint32_t		 flags;	/* F_* */
	uint16_t		 port, dport;
	uint16_t		 bad;	/* bad commands so far */
	uint8_t			 kind;	/* enum conn_kind */
	uint8_t			 state;	/* enum conn_state */
	uint8_t			 end;	/* enum conn_end */
	uint8_t			 events;	/* bit 1 << enum host_event */
	uint8_t			 offered; /* CAPS_* that its EHLO was told */
	uint8_t			 reason;	/* enum trap_reason */
	uint8_t			 body_lines;	/* of DATA, past the header */
	uint8_t			 tls_minor;	/* 3: TLSv1.3; 0: never up */
	uint8_t			 handed;	/* enum handover_kind */
};

/* Counters; log.c has their names. */
enum front_stat {
	STAT_CONNECTIONS, STAT_GREY, STAT_PASS, STAT_TRAPPED,
	STAT_BLACKLISTED, STAT_WHITE, STAT_UNSTORED, STAT_NONE,
	STAT_OVER_CONNECTIONS, STAT_OVER_HOST, STAT_OVER_NETWORK,
	STAT_OVER_DESCRIPTORS, STAT_EARLY, STAT_PIPELINING, STAT_BARE_LF,
	STAT_FOREIGN, STAT_HTTP, STAT_TLS, STAT_TLS_FAILED, STAT_TIMEOUT,
	STAT_RCPT, STAT_LATE, STAT_HANDED, STAT_HANDOVER_REFUSED, STAT_MAX
};

/* All that this process has. */
struct front {
	struct child		*child;
	struct event_base	*base;
	struct chan		*store;		/* NULL: it is gone */
	struct chan		*pass;		/* NULL: gone, or never there */
	uint32_t		 handovers;	/* under way to pass */
	int			 handovers_wait; /* some wait for that to be
						    fewer */
	struct mta_caps		 caps;		/* what the mail server
						   offers, without relays */
	struct front_conf	*live;		/* in force */
	struct hosts		*hosts;
	struct limit		*by_host, *by_net;	/* connections of each */
	struct limit		*tls_net;	/* those under TLS, of unknown
						   hosts only */
	struct listeners	 listeners;
	struct conn		**conns;	/* by descriptor */
	size_t			 nconns;	/* size of the array */
	uint32_t		 count;		/* connections now */
	uint32_t		 black;		/* of them trapped or blacklisted */
	uint32_t		 tls;		/* of them under TLS */
	uint64_t		 next_id;
	int			 stress;	/* between FRONT_STRESS_HIGH
						   and FRONT_STRESS_LOW */
	int			 silent;	/* no line for each connection */
	uint64_t		 rlimit;	/* descriptors */
	struct txs		 parked;	/* RCPTs that wait for room */
	uint64_t		 stat[STAT_MAX];
};
extern struct front front;

/* front.c */
/* Gives up a reference; the last one frees it. */
void	 front_conf_unref(struct front_conf *);

/* accept.c */
void	 accept_init(struct child *);	/* while still privileged */
void	 accept_configure(const struct config *);
void	 accept_start(void);
void	 accept_stop(void);
void	 accept_hosts_ready(void);	/* store has sent all host states */
/* Counts a connection that pass refused, as it stays here.  -1: over a limit,
 * and the refusal is queued. */
int	 accept_count(struct conn *);
void	 accept_uncount(const struct config *, const struct addr *);

/* conn.c */
/* Takes fd.  The banner is queued, or the hand-over begun; conn_settle is next.
 * NULL: no memory, fd is closed. */
struct conn *conn_new(struct listener *, int fd, const struct addr *,
	    uint16_t port, enum conn_kind, uint64_t lists, unsigned reason);
struct conn *conn_by_id(uint64_t);	/* NULL: gone */
/* Writes, goes on, waits for what comes next; may free the connection, so that
 * it is the last thing a callback does. */
void	 conn_settle(struct conn *);
void	 conn_close(struct conn *, enum conn_end);	/* after what is queued */
void	 conn_die(struct conn *, enum conn_end);	/* now */
/* Sends 421 with that text and closes.  Where pass may speak on the socket, or
 * TLS is not up, it closes without a word. */
void	 conn_expel(struct conn *, enum conn_end, const char *enhanced,
	    const char *text);
void	 conn_due(struct conn *);	/* the wheel: its next octet is due */
void	 conn_free(struct conn *);
void	 conn_set_kind(struct conn *, enum conn_kind);
int	 conn_is_black(const struct conn *);	/* trapped or blacklisted */
int	 conn_stutters(const struct conn *);	/* octet by octet? */
uint32_t front_now(void);		/* seconds */

/* log.c */
void	 front_log_end(const struct conn *);
/* Counts, logs and tells store what the host did, once a session and kind. */
void	 front_event(struct conn *, enum host_event);
/* The enum front_stat that the session counts for. */
int	 front_stat_verdict(const struct conn *);
void	 front_stats(uint64_t id);	/* answers STAT_ASK of store */

/* spamd.c: spamd's lines, with `log spamd' */
void	 front_spamd_connected(const struct conn *);
void	 front_spamd_ended(const struct conn *);
void	 front_spamd_rcpt(const struct conn *, const char *to);
void	 front_spamd_text(const struct conn *, const uint8_t *, size_t);

/* reply.c: queue a reply; never write. */
void	 reply(struct conn *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* A refusal with 5xx, which ends in `contact' and the session. */
void	 reply_5xx(struct conn *, int code, const char *enhanced,
	    const char *text);
void	 reply_banner(struct conn *);
void	 reply_ehlo(struct conn *);
/* The largest SIZE= that MAIL may name; 0: no limit. */
uint64_t reply_size_max(const struct conn *);
void	 reply_grey(struct conn *, int64_t left);	/* s */
void	 reply_refused(struct conn *);	/* trapped and blacklisted */

/* smtp.c */
/* Octets of the client, used at once where that is possible, else kept. */
void	 smtp_input(struct conn *, const uint8_t *, size_t);
/* Goes on with input that was kept; 1: some was used. */
int	 smtp_resume(struct conn *);
/* A refusal that counts as a bad command: one too many ends the session. */
void	 smtp_bad(struct conn *, int code, const char *enhanced, const char *text);
void	 smtp_bad_text(struct conn *, const char *);	/* "NNN X.X.X text" */

/* tx.c */
/* The transaction is over, if there is one. */
void	 tx_free(struct conn *);
/* The commands, with their argument. */
void	 tx_mail(struct conn *, const char *, size_t);
void	 tx_rcpt(struct conn *, const char *, size_t);
void	 tx_data(struct conn *, const char *, size_t);
/* Store's answer to the RCPT that waits. */
void	 tx_answer(struct conn *, const struct rcpt_answer *);
/* No answer: the RCPT gets a 451 that says why. */
void	 tx_unstored(struct conn *, const char *why);
/* Pass refused the session: the RCPT is answered here after all. */
void	 tx_not_handed(struct conn *);
/* A line of a trapped host's message, read and forgotten. */
void	 tx_body_line(struct conn *, const uint8_t *, size_t);

/* store.c */
void	 front_store_peer(struct child *, int fd);	/* takes fd */
/* Asks store about tx->mailbox, at once or when there is room; ST_WAIT. */
void	 rcpt_ask(struct conn *);
void	 rcpt_unpark(void);		/* is there room again? */
/* What store is told, without an answer. */
void	 tell_visit(const struct addr *);
void	 tell_white_seen(const struct addr *);
void	 tell_overlimit(void);
void	 tell_event(const struct conn *, enum host_event);

/* pass.c */
void	 handover_peer(struct child *, int fd);	/* takes fd */
/* MSG_CAPS of store, which keeps it on disk, or of pass.  The last one holds, as
 * pass tells store all that it learns. */
void	 handover_on_caps(struct chan *, struct msg *, void *);
/* Does such a host go to pass before its banner? */
int	 handover_at_connect(enum conn_kind);
/* Can this session go to pass now? */
int	 handover_possible(const struct conn *);
enum handover_kind handover_kind(const struct conn *);	/* WHITE, WHITELISTED */
/* ST_HANDOVER; what was said before is sent first. */
void	 handover_begin(struct conn *, enum handover_kind);
void	 handover_step(struct conn *);	/* that is sent: queues it to pass */
/* It goes on here, as it would without pass. */
void	 handover_refused(struct conn *, const char *why);
void	 handover_late(struct conn *);	/* pass has not answered in time */
void	 handover_forget(struct conn *);	/* it is freed */
void	 handover_unpark(void);

/* pump.c */
/* The other end of a new socketpair, for pass; -1 with errno. */
int	 pump_new(struct conn *);
void	 pump_free(struct conn *);	/* if there is one */
void	 pump_start(struct conn *);	/* pass has the session */
/* Moves octets both ways; 1: there is something for the client, or its end. */
int	 pump_run(struct conn *);
int	 pump_wants(const struct conn *);	/* is the client to be read? */

/* tls.c */
int	 front_tls_begin(struct conn *);	/* -1: cannot */
/* May this host begin TLS, with as many sessions under TLS as there are? */
int	 front_tls_room(const struct conn *);
void	 front_tls_handshake(struct conn *);
void	 front_tls_end(struct conn *);

/* wheel.c */
void	 wheel_init(void);
void	 wheel_start(void);		/* there is a connection */
void	 wheel_add(struct conn *);	/* its next octet is due a stutter later */
void	 wheel_del(struct conn *);

#endif
