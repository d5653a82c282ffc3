/*
 * Between front and pass: a session that front hands over.
 *
 *	front -> pass	HANDOVER_BEGIN HANDOVER_RCPT... HANDOVER_INPUT...
 *			HANDOVER_END
 *	pass -> front	HANDOVER_OK HANDOVER_NO; CAPS (smtp_store.h)
 */
#ifndef PROTO_FRONT_PASS_H
#define PROTO_FRONT_PASS_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/ipc/ipc.h"

enum {
	MSG_HANDOVER_BEGIN = 88,	/* struct handover */
	MSG_HANDOVER_RCPT,	/* to str, params str: answered 250 before, but
				   the last one of all when HANDOVER_PENDING */
	MSG_HANDOVER_INPUT,	/* data: read ahead from the client */
	MSG_HANDOVER_END,	/* with the client's descriptor; without it,
				   what came since BEGIN is nothing */
	MSG_HANDOVER_OK,	/* id; the sender may close its descriptor */
	MSG_HANDOVER_NO		/* id; why str */
};

/* front -> pass: a session, as far as it came. */
enum handover_kind { HANDOVER_WHITE, HANDOVER_WHITELISTED, HANDOVER_NOT_TO };
struct handover {
	struct addr	client, dst;
	uint16_t	port, dport;
	uint8_t		kind;		/* enum handover_kind */
	uint8_t		flags;		/* HANDOVER_* */
	uint16_t	bad;		/* bad commands so far */
	uint16_t	events;		/* bits 1 << enum host_event */
	uint32_t	offered;	/* CAPS_* that its EHLO was told */
	uint32_t	listener;	/* its id in the configuration, 0 unknown:
					   whose certificate it is */
	int64_t		start;		/* clock_mono of the connection */
	const char	*helo;		/* "" none */
	const char	*from;		/* "" no transaction */
	const char	*from_params;
	const char	*tls_version, *tls_cipher;	/* "" in clear */
};
#define HANDOVER_BANNER	1		/* the banner is out */
#define HANDOVER_ESMTP	2		/* it said EHLO */
#define HANDOVER_PENDING 4		/* the last recipient has no answer yet */
#define HANDOVER_NO_TLS	8		/* its listener offers no STARTTLS */

int	 proto_put_handover(struct ipc *, uint64_t session,
	    const struct handover *);
int	 proto_get_handover(struct msg *, struct handover *);

#endif
