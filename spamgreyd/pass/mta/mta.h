/*
 * One connection to the mail server (MTA), as a careful SMTP client: it
 * connects to the targets of a relay in turn, reads the banner, says EHLO and
 * STARTTLS, tells the client's address, and then does what the caller wants,
 * one command at a time.  It knows nothing of sessions and modules.  All
 * replies and failures come by callback from the event loop, never from inside
 * the call that asked.
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

/*
 * The client for which the connection is made.  mta_open copies the texts,
 * except name, which is used during mta_open only.
 */
struct mta_client {
	uint64_t	 id;		/* for the log */
	struct addr	 addr, dst;
	uint16_t	 port, dport;
	const char	*helo;		/* NULL: none */
	int		 esmtp;
	const char	*hostname;	/* ours, for EHLO */
	/*
	 * The client's name by reverse DNS; NULL: none.  Valid during mta_open.
	 */
	const char	*name;
	/* The name could not be found out because of a temporary failure. */
	int		 name_later;
};

enum mta_what {
	MTA_READY,		/* greeted; ehlo is filled */
	MTA_REPLY,		/* to the command; reply is the whole of it */
	/*
	 * The connection is gone, or was never made; why says so.  The caller
	 * must free the mta.  A command that was under way gets no other
	 * answer.
	 */
	MTA_DEAD
};

enum mta_failure {
	MTAF_NONE, MTAF_CONNECT, MTAF_TIMEOUT, MTAF_CLOSED, MTAF_NONSENSE,
	/*
	 * The MTA does not accept the client's address as the configuration
	 * wants it.
	 */
	MTAF_TLS, MTAF_CLIENT,
	MTAF_REFUSED,		/* its banner or EHLO said 4xx, 5xx: reply */
	MTAF_SPOOL, MTAF_MEMORY
};

struct mta_event {
	enum mta_what		 what;
	enum mta_failure	 failure;
	/*
	 * DEAD: for the log and for a 451 reply, one line of printable ASCII.
	 * Of the target it only has the words that the target sent.
	 */
	const char		*why;
	const struct smtpreply	*reply;		/* REPLY, and DEAD if REFUSED */
	/* READY; has STARTTLS if it was offered before TLS. */
	const struct smtp_ehlo	*ehlo;
	/*
	 * DEAD: the final dot was sent, so the message may have been accepted.
	 */
	int			 after_dot;
};

typedef void (*mta_cb)(struct mta *, const struct mta_event *, void *arg);

/*
 * Begins to connect.  conf (through its hold on relay) must live as long as the
 * mta.  probe: says an EHLO of our own to learn what is offered, and no client
 * (PROXY with our own addresses, no XCLIENT).  If all targets fail, the failure
 * of the last one comes as DEAD.  Returns NULL if there is no memory.
 */
struct mta *mta_open(struct event_base *, const struct conf_pass *,
	    const struct conf_relay *, const struct mta_client *, int probe,
	    mta_cb, void *arg);
/*
 * May be called at any time; no callback comes afterwards.  Says QUIT if no
 * command is under way.
 */
void	 mta_free(struct mta *);

const struct smtp_ehlo *mta_ehlo(const struct mta *);
const struct conf_relay *mta_relay(const struct mta *);
const struct addr *mta_target(const struct mta *, uint16_t *port);
/* READY, and nothing is under way. */
int	 mta_idle(const struct mta *);

/*
 * A reply to a command is 2xx, 4xx or 5xx; 3xx is MTAF_NONSENSE, except 354 to
 * DATA.  A reply that nobody asked for is never taken for an answer: it ends
 * the connection.
 *
 * mta_command sends one line, without CRLF.  Its reply comes as MTA_REPLY,
 * within the timeout pt.  Returns -1 if the line has control characters or
 * another command is under way.
 */
int	 mta_command(struct mta *, const char *line, enum pass_timeout pt);
/*
 * Sends DATA and, after 354, head (lines with CRLF; may be empty) and the spool
 * with dots stuffed, and the final dot.  The reply that comes is the one to the
 * final dot, or to DATA if that was not 354.  The spool must stay until then;
 * head is copied.  A refusal in the middle of the message is reported as the
 * reply, and DEAD follows it.  Returns -1 if there is no memory or another
 * command is under way.
 */
int	 mta_data(struct mta *, const struct buf *head, const struct spool *);
/*
 * Returns 1 if the final dot was given to the system and the reply has not
 * come: the message may be accepted.  mta_free before that ends the message
 * without the dot, so that the MTA discards it.
 */
int	 mta_dotted(const struct mta *);

/*
 * The parent's answer to MSG_SOCK_ASK.  Takes fd over; -1: there is none and
 * error says why.
 */
void	 mta_socket(uint64_t id, uint32_t error, int fd);
/*
 * What mta calls of its process.  ask_socket asks the parent for a socket that
 * is bound to the given address, the client's, for that target of the relay.
 * The answer comes as mta_socket with the id.  Returns -1 if it could not be
 * asked.
 */
struct mta_calls {
	int	(*ask_socket)(uint64_t id, const struct conf_relay *,
		    unsigned int target, const struct addr *, uint16_t port);
};
/*
 * Called once, before mta_open.  The table stays the caller's.  Without it,
 * sockets with a client's address cannot be had.
 */
void	 mta_init(const struct mta_calls *);

/*
 * line.c, pure.  mta_xclient writes one command or two, without CRLF, and
 * returns -1 if they do not fit.  The others return the length of the header, 0
 * if it does not fit.
 */
int	 mta_xclient(const struct mta_client *, unsigned int attributes,
	    char *dst, size_t size, char *dst2, size_t size2);
size_t	 mta_proxy1(const struct mta_client *, char *dst, size_t size);
size_t	 mta_proxy2(const struct mta_client *, uint8_t *dst, size_t size);

#endif
