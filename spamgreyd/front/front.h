/*
 * Inside the front role only: what its files share.  One process,
 * one loop, one struct front.
 *
 * The life of a connection.  Every callback ends in conn_settle(), which
 * writes what there is to write, goes on with input that was kept, and frees
 * the connection when it is dead; nothing below it frees one, so that no
 * function ever returns to a caller whose connection is gone.
 *
 *	COMMAND --RCPT--> WAIT --answer of the store--> COMMAND
 *	COMMAND --DATA (trapped, blacklisted)--> DATA --> CLOSING
 *	COMMAND --STARTTLS--> TLS_START --220 is out--> HANDSHAKE --> COMMAND
 *	new, WAIT --the host is white--> HANDOVER --pass has it--> DEAD, or PUMP
 *	HANDOVER --pass does not take it--> COMMAND
 *	any --last reply is queued--> CLOSING --it is out--> LINGER --> DEAD
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
#include "lib/smtp/param.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/smtpd/smtpd.h"

#define FRONT_HOSTS_WAIT	10	/* s for store's host states at start */
#define FRONT_STORE_WAIT	30	/* s until a client is told "not stored" */
#define FRONT_STORE_HIGH	(1024 * 1024)	/* octets queued to store … */
#define FRONT_STORE_LOW		(256 * 1024)	/* … and when to go on */
#define FRONT_HANDOVER_WAIT	10	/* s for pass to take a session */
#define FRONT_PASS_HIGH		(1024 * 1024)	/* octets queued to pass */
#define FRONT_HANDOVERS		128	/* on their way at once: a descriptor
					   more for each, of CONF_FD_RESERVE */
#define FRONT_ENVELOPE_MAX	16384	/* octets of it kept for a hand-over */
#define FRONT_STUTTER_INPUT	512	/* octets kept of who talks meanwhile */
#define FRONT_OUT_MAX		4096	/* replies queued before more input */
#define FRONT_BODY_LINES	10	/* of a tarpitted message, as spamd */
#define FRONT_BODY_MAX		(64 * 1024)
#define FRONT_STOP_LINES	1000	/* connections with a line each at the end */

enum conn_kind {			/* by precedence at connect */
	KIND_GREY,			/* unknown */
	KIND_WHITE,
	KIND_PASS,			/* WHITE since a RCPT of this session */
	KIND_BLACK,
	KIND_TRAPPED,
	KIND_WHITELISTED
};

enum conn_state {
	ST_COMMAND,
	ST_WAIT,			/* for the store's answer to a RCPT */
	ST_DATA,			/* the body of who is trapped */
	ST_TLS_START,			/* its 220 is on the way */
	ST_HANDSHAKE,
	ST_HANDOVER,			/* on its way to pass */
	ST_PUMP,			/* in pass, and TLS is here */
	ST_CLOSING,
	ST_LINGER,
	ST_DEAD
};

enum conn_end {				/* the summary's reason= */
	END_NONE, END_QUIT, END_HANGUP, END_ERROR, END_IDLE, END_SESSION,
	END_REFUSED, END_BAD_COMMANDS, END_FOREIGN, END_TLS, END_SHUTDOWN,
	END_MEMORY, END_HANDOVER, END_HANDED, END_UNINVITED
};

#define F_BANNER	0x0001		/* its last octet is sent */
#define F_WHEEL		0x0008		/* waits in a slot for its next octet */
#define F_SKIP		0x0010		/* inside a line that is too long */
#define F_RUSH		0x0020		/* stutter no more */
#define F_LOWMX		0x0040
#define F_COUNTED	0x0080		/* in the per-host and network counts */
#define F_HEADERS	0x0200		/* DATA: before the empty line */
#define F_ASKED		0x0400		/* a RCPT went to the store before */
#define F_UNSTORED	0x0800
#define F_GREYED	0x1000
#define F_WHITE_SEEN	0x2000
#define F_ESMTP		0x4000		/* it said EHLO */
#define F_HANDED	0x8000		/* pass may have its socket */
#define F_IN_PASS	0x10000		/* pass has said so */
#define F_NO_HANDOVER	0x20000		/* pass did not want it */
#define F_TLS_COUNTED	0x40000		/* in the count of its network's TLS */

struct tls;

/* A configuration in use, with what is derived from it. */
struct front_conf {
	unsigned int	 refs;
	struct config	*conf;
	uint64_t	 black, white;	/* masks over the lists */
	int		 grey_code;
	char		*grey_enhanced;
	const char	*grey_text;	/* inside conf->grey_reply */
	struct tlsctx	*tls;		/* the global certificate, or NULL */
	uint32_t	 max;		/* connections */
	int		 lowmx;		/* some listener is low-priority-mx */
};

/* A mail transaction: between MAIL and its end. */
struct tx {
	TAILQ_ENTRY(tx)	 parked;	/* its RCPT waits for room to store */
	struct conn	*conn;
	char		*from;
	char		*from_params;	/* NULL: none */
	char		*to;		/* the RCPT that is being asked for, as
					   it came: pass checks it again */
	char		*mailbox;	/* and checked (struct mailaddr's path) */
	char		*to_params;
	struct buf	 rcpts;		/* those answered 250, for a hand-over:
					   "to\0params\0" each */
	uint32_t	 accepted;
	uint32_t	 passed;
	uint32_t	 tempfail;
	uint32_t	 refused;
	int64_t		 left;		/* the longest time of its recipients */
	int		 is_parked;
	int		 too_long;	/* more than is kept: no hand-over */
	int		 smtputf8;
	int		 to_us;		/* `to' is at our address literal */
};
TAILQ_HEAD(txs, tx);

/*
 * 19,000 of these are held at once, so a field is here only when a silent
 * connection needs it; the rest is in what is pointed to.
 */
struct conn {
	struct client_io	 io;
	LIST_ENTRY(conn)	 slot;
	uint64_t		 id;	/* 40 bits counted, 24 the descriptor */
	struct front_conf	*live;
	struct tx		*tx;
	struct pump		*pump;	/* pump.c; NULL: none */
	char			*helo;
	char			*log_from;	/* of the first transaction */
	char			*log_to;
	struct addr		 client;
	struct addr		 dst;
	uint64_t		 lists;	/* the blacklists that have it */
	int64_t			 start;	/* ms */
	uint32_t		 last;	/* s, last line read or octet written */
	uint32_t		 wait;	/* s, since when in ST_WAIT, HANDOVER */
	uint32_t		 seq;
	uint32_t		 rcpts;
	uint32_t		 body;	/* octets of DATA */
	uint32_t		 listener;	/* its id */
	uint32_t		 flags;
	uint16_t		 port, dport;
	uint16_t		 bad;
	uint8_t			 kind;
	uint8_t			 state;
	uint8_t			 end;
	uint8_t			 events;	/* bit 1 << enum host_event */
	uint8_t			 offered; /* CAPS_* that its EHLO was told */
	uint8_t			 reason;	/* enum trap_reason */
	uint8_t			 body_lines;
	uint8_t			 tls_minor;	/* 3: TLSv1.3; 0: was never up */
	uint8_t			 handed;	/* enum handover_kind */
};

enum front_stat {
	STAT_CONNECTIONS, STAT_GREY, STAT_PASS, STAT_TRAPPED,
	STAT_BLACKLISTED, STAT_WHITE, STAT_UNSTORED, STAT_NONE,
	STAT_OVER_CONNECTIONS, STAT_OVER_HOST, STAT_OVER_NETWORK,
	STAT_OVER_DESCRIPTORS, STAT_EARLY, STAT_PIPELINING, STAT_BARE_LF,
	STAT_FOREIGN, STAT_HTTP, STAT_TLS, STAT_TLS_FAILED, STAT_TIMEOUT,
	STAT_RCPT, STAT_LATE, STAT_HANDED, STAT_HANDOVER_REFUSED, STAT_MAX
};

struct front {
	struct child		*child;
	struct event_base	*base;
	struct chan		*store;		/* NULL: it is gone */
	struct chan		*pass;		/* NULL: gone, or never there */
	uint32_t		 handovers;	/* on their way to pass */
	int			 handovers_wait; /* some have no place there */
	struct mta_caps		 caps;		/* relays is not kept */
	struct front_conf	*live;		/* in force */
	struct hosts		*hosts;
	struct limit		*by_host, *by_net;
	struct limit		*tls_net;	/* under TLS, of unknown hosts */
	struct listeners	 listeners;
	struct conn		**conns;	/* by descriptor */
	size_t			 nconns;	/* size of the array */
	uint32_t		 count;		/* connections now */
	uint32_t		 black;		/* of them trapped or blacklisted */
	uint32_t		 tls;		/* of them under TLS */
	uint64_t		 next_id;
	int			 stress;	/* 90 % were taken, not yet 70 % */
	int			 silent;	/* no line for each connection */
	uint64_t		 rlimit;
	struct txs		 parked;
	uint64_t		 stat[STAT_MAX];
};
extern struct front front;

/* front.c */
void	 front_conf_unref(struct front_conf *);

/* accept.c */
void	 accept_init(struct child *);	/* while still privileged */
void	 accept_configure(const struct config *);
void	 accept_start(void);
void	 accept_stop(void);
void	 accept_hosts_ready(void);
/* Counts one that was to be handed over and stays; -1: one too many, and the
 * refusal is queued. */
int	 accept_count(struct conn *);

/* conn.c */
struct conn *conn_new(struct listener *, int fd, const struct addr *,
	    uint16_t port, enum conn_kind, uint64_t lists, unsigned reason);
struct conn *conn_by_id(uint64_t);	/* NULL: gone */
void	 conn_settle(struct conn *);
void	 conn_close(struct conn *, enum conn_end);	/* after what is queued */
void	 conn_die(struct conn *, enum conn_end);	/* now */
/* Says 421 with that text at once and closes. */
void	 conn_expel(struct conn *, enum conn_end, const char *enhanced,
	    const char *text);
void	 conn_due(struct conn *);	/* of the wheel: its next octet */
void	 conn_free(struct conn *);
void	 conn_set_kind(struct conn *, enum conn_kind);
int	 conn_is_black(const struct conn *);
int	 conn_stutters(const struct conn *);
uint32_t front_now(void);		/* seconds */

/* log.c */
void	 front_log_end(const struct conn *);
void	 front_event(struct conn *, enum host_event);
int	 front_stat_verdict(const struct conn *);
void	 front_stats(uint64_t id);

/* spamd.c: spamd's lines, with `log spamd' */
void	 front_spamd_connected(const struct conn *);
void	 front_spamd_ended(const struct conn *);
void	 front_spamd_rcpt(const struct conn *, const char *to);
void	 front_spamd_text(const struct conn *, const uint8_t *, size_t);

/* reply.c: queue a reply; never write. */
void	 reply(struct conn *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* A refusal: `contact' and the session end it. code is 5xx. */
void	 reply_5xx(struct conn *, int code, const char *enhanced,
	    const char *text);
void	 reply_banner(struct conn *);
void	 reply_ehlo(struct conn *);
uint64_t reply_size_max(const struct conn *);	/* of MAIL SIZE=; 0: none */
void	 reply_grey(struct conn *, int64_t left);
void	 reply_refused(struct conn *);	/* trapped and blacklisted */

/* smtp.c */
void	 smtp_input(struct conn *, const uint8_t *, size_t);
/* Goes on with input that was kept; 1: something was done. */
int	 smtp_resume(struct conn *);
void	 smtp_bad(struct conn *, int code, const char *enhanced, const char *text);
void	 smtp_bad_text(struct conn *, const char *);	/* "NNN X.X.X text" */

/* tx.c */
void	 tx_free(struct conn *);
void	 tx_mail(struct conn *, const char *, size_t);
void	 tx_rcpt(struct conn *, const char *, size_t);
void	 tx_data(struct conn *, const char *, size_t);
void	 tx_answer(struct conn *, const struct rcpt_answer *);
void	 tx_unstored(struct conn *, const char *);
void	 tx_not_handed(struct conn *);	/* the RCPT is answered here after all */
void	 tx_body_line(struct conn *, const uint8_t *, size_t);

/* front_store.c */
void	 front_store_peer(struct child *, int fd);
void	 rcpt_ask(struct conn *);	/* its tx->to; state becomes ST_WAIT */
void	 rcpt_unpark(void);
void	 tell_visit(const struct addr *);
void	 tell_white_seen(const struct addr *);
void	 tell_overlimit(void);
void	 tell_event(const struct conn *, enum host_event);

/* pass.c */
void	 handover_peer(struct child *, int fd);
/* MSG_CAPS of store, which has it on disk, or of pass; their last word holds,
 * for pass tells store all that it learns or unlearns. */
void	 handover_on_caps(struct chan *, struct msg *, void *);
int	 handover_at_connect(enum conn_kind);
int	 handover_possible(const struct conn *);
enum handover_kind handover_kind(const struct conn *);	/* WHITE, WHITELISTED */
void	 handover_begin(struct conn *, enum handover_kind);
void	 handover_step(struct conn *);
void	 handover_refused(struct conn *, const char *why);
void	 handover_late(struct conn *);
void	 handover_forget(struct conn *);	/* it is freed */
void	 handover_unpark(void);

/* pump.c */
int	 pump_new(struct conn *);
void	 pump_free(struct conn *);	/* none is fine */
void	 pump_start(struct conn *);
int	 pump_run(struct conn *);
int	 pump_wants(const struct conn *);

/* tls.c */
int	 front_tls_begin(struct conn *);	/* -1: cannot */
/* May this host begin it, as many as there are? */
int	 front_tls_room(const struct conn *);
void	 front_tls_handshake(struct conn *);
void	 front_tls_end(struct conn *);

/* wheel.c */
void	 wheel_init(void);
void	 wheel_start(void);		/* there is a connection */
void	 wheel_add(struct conn *);	/* its next octet is due a stutter later */
void	 wheel_del(struct conn *);

#endif
