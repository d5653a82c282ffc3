/*
 * Between front and pass: a session that front hands over.
 *
 *	front -> pass	HANDOVER_BEGIN HANDOVER_RCPT... HANDOVER_INPUT...
 *			HANDOVER_END
 *	pass -> front	HANDOVER_OK HANDOVER_NO; CAPS (smtp_store.h)
 *
 * All messages of a handover have the session's id.  front keeps the client
 * until HANDOVER_OK, so that after HANDOVER_NO it can answer the client itself.
 */
#ifndef PROTO_FRONT_PASS_H
#define PROTO_FRONT_PASS_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_HANDOVER_BEGIN = 88,	/* struct handover */
	MSG_HANDOVER_RCPT,	/* to str, params str: a recipient that front
				   has accepted with 250; with HANDOVER_PENDING
				   the last one has no answer yet */
	MSG_HANDOVER_INPUT,	/* data: what the client has sent and front has
				   not handled yet */
	MSG_HANDOVER_END,	/* with the client's descriptor; without it the
				   handover is cancelled */
	MSG_HANDOVER_OK,	/* id; the sender may close its descriptor */
	MSG_HANDOVER_NO		/* id; why str */
};

/* Why a session is handed over: the host is WHITE, it is on a whitelist, or
 * the recipient is one of `not to'. */
enum handover_kind { HANDOVER_WHITE, HANDOVER_WHITELISTED, HANDOVER_NOT_TO };
/*
 * front -> pass: how far the session has come.  The strings belong to the
 * message at the receiver, and to the session at the sender.
 */
struct handover {
	struct addr	client, dst;
	uint16_t	port, dport;
	uint8_t		kind;		/* enum handover_kind */
	uint8_t		flags;		/* HANDOVER_* */
	uint16_t	bad;		/* bad commands so far */
	uint16_t	events;		/* bits 1 << enum host_event */
	uint32_t	offered;	/* CAPS_* in the reply to its EHLO */
	uint32_t	listener;	/* the listener's id in the
					   configuration, for its certificate;
					   0: unknown */
	int64_t		start;		/* clock_mono (ms) when it connected */
	const char	*helo;		/* "": it sent no HELO yet */
	const char	*from;		/* "": no MAIL yet */
	const char	*from_params;
	const char	*tls_version, *tls_cipher;	/* "": no TLS */
};
#define HANDOVER_BANNER	1		/* the banner was sent */
#define HANDOVER_ESMTP	2		/* it sent EHLO, not HELO */
#define HANDOVER_PENDING 4		/* no answer to the last RCPT yet */
#define HANDOVER_NO_TLS	8		/* its listener offers no STARTTLS */

/* parent.h says what put and get return. */
int	 proto_put_handover(struct ipc *, uint64_t session,
	    const struct handover *);
int	 proto_get_handover(struct msg *, struct handover *);

#endif
