/*
 * One connection to the MTA, as a careful SMTP client: connect to the targets
 * of a relay in turn, banner, EHLO, STARTTLS, the client's address, and then
 * what the caller wants, one command at a time.  Knows nothing of sessions or
 * modules; all replies and failures come by callback, from the loop, never
 * from inside the call that asked.
 */
#ifndef PASS_MTA_H
#define PASS_MTA_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/smtp/reply.h"
#include "lib/conf/config.h"
#include "spamgreyd/pass/message/spool.h"

struct event_base;
struct mta;

/* Whom we speak for; texts are copied. */
struct mta_client {
	uint64_t	 id;		/* for the log */
	struct addr	 addr, dst;
	uint16_t	 port, dport;
	const char	*helo;		/* NULL: none */
	int		 esmtp;
	const char	*hostname;	/* ours, for EHLO */
	const char	*name;		/* NULL: none; during mta_open */
	int		 name_later;	/* it could not be found out now */
};

enum mta_what {
	MTA_READY,		/* greeted; ehlo is filled */
	MTA_REPLY,		/* to the command; reply is the whole of it */
	MTA_DEAD		/* the connection is gone, or never came to be:
				   why says so; free it.  Any command that was
				   under way has no other answer. */
};

enum mta_failure {
	MTAF_NONE, MTAF_CONNECT, MTAF_TIMEOUT, MTAF_CLOSED, MTAF_NONSENSE,
	MTAF_TLS, MTAF_CLIENT,	/* it does not take the client's address as
				   the configuration says */
	MTAF_REFUSED,		/* its banner or EHLO said 4xx, 5xx: reply */
	MTAF_SPOOL, MTAF_MEMORY
};

struct mta_event {
	enum mta_what		 what;
	enum mta_failure	 failure;
	const char		*why;		/* DEAD: for the log and a 451; one
						   line of printable ASCII, of the
						   target nothing but its words */
	const struct smtpreply	*reply;		/* REPLY, and DEAD if REFUSED */
	const struct smtp_ehlo	*ehlo;		/* READY; STARTTLS stays in it when
						   it was offered before TLS */
	int			 after_dot;	/* DEAD: the final dot was sent: the
						   message may have been taken */
};

typedef void (*mta_cb)(struct mta *, const struct mta_event *, void *arg);

/*
 * Begins to connect; conf (its hold on relay) must live as long.  NULL: no
 * memory.  probe: an EHLO of our own to learn what is offered, no client
 * (PROXY with our own ends, no XCLIENT).  The failure of the last target, when
 * all failed, comes as DEAD.
 */
struct mta *mta_open(struct event_base *, const struct conf_pass *,
	    const struct conf_relay *, const struct mta_client *, int probe,
	    mta_cb, void *arg);
/* Any time; nothing is called any more.  Says QUIT if the connection is idle. */
void	 mta_free(struct mta *);

const struct smtp_ehlo *mta_ehlo(const struct mta *);
const struct conf_relay *mta_relay(const struct mta *);
const struct addr *mta_target(const struct mta *, uint16_t *port);
int	 mta_idle(const struct mta *);		/* READY, and nothing under way */
int	 mta_is_tls(const struct mta *);

/*
 * A reply is 2xx, 4xx or 5xx (3xx is NONSENSE, but 354 to DATA).  What comes
 * unasked is never taken for one: the connection ends.
 *
 * One command without CRLF (it holds no control characters; -1 if it does, or
 * no memory).  pt: which timeout.  Its reply comes as MTA_REPLY.
 */
int	 mta_command(struct mta *, const char *line, enum pass_timeout pt);
/*
 * DATA, its 354, then head (CRLF lines, may be empty) and the spool, dot
 * stuffed, and the end.  The reply is that to the final dot, or to DATA when
 * it was no 354.  spool must live until then; head is copied.  A refusal in
 * the middle of the message is the reply too, and DEAD follows it.
 */
int	 mta_data(struct mta *, const struct buf *head, const struct spool *);
/* A DATA is under way and its final dot is given to the system: the message
 * may be taken.  mta_free before that ends it without the dot. */
int	 mta_dotted(const struct mta *);

/* The parent's answer to MSG_SOCK_ASK; takes fd (-1: error). */
void	 mta_socket(uint64_t id, uint32_t error, int fd);
/*
 * What mta calls of its process.  ask_socket asks the parent for a socket that
 * is bound to that (the client's) address, for that target of the relay; the
 * answer comes as mta_socket with the id.  -1: it could not be asked.
 */
struct mta_calls {
	int	(*ask_socket)(uint64_t id, const struct conf_relay *,
		    unsigned int target, const struct addr *, uint16_t port);
};
/* Once, before mta_open; the table stays the caller's.  Without it no socket
 * with a client's address can be asked for. */
void	 mta_init(const struct mta_calls *);

/* line.c, pure: 0, or -1: it does not fit.  dst gets no CRLF. */
int	 mta_xclient(const struct mta_client *, unsigned int attributes,
	    char *dst, size_t size, char *dst2, size_t size2);
size_t	 mta_proxy1(const struct mta_client *, char *dst, size_t size);
size_t	 mta_proxy2(const struct mta_client *, uint8_t *dst, size_t size);

#endif
