/*
 * The milter protocol (versions 2 to 6) as octets, from the mail server's
 * side.  Pure: builds packets, takes packets apart, and knows of no
 * connection, no session and no time.  What comes is checked in full before
 * anything of it is handed on.
 */
#ifndef MILTER_PROTO_H
#define MILTER_PROTO_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"

#define MP_VERSION	6
#define MP_VERSION_MIN	2
#define MP_VERSION_DATA	4		/* the first that knows DATA */
#define MP_DATA_MAX	65535		/* octets behind a command, sent */
#define MP_IN_MAX	(512 * 1024)	/* … received */

/* Actions: what a filter may want to do. */
#define MP_ADDHDRS	0x001U
#define MP_CHGBODY	0x002U
#define MP_ADDRCPT	0x004U
#define MP_DELRCPT	0x008U
#define MP_CHGHDRS	0x010U
#define MP_QUARANTINE	0x020U
#define MP_CHGFROM	0x040U
#define MP_ADDRCPT_PAR	0x080U
#define MP_SETSYMLIST	0x100U
#define MP_ACTIONS	0x1ffU

/* Steps it does not want, steps it does not answer, and manners. */
#define MP_NOCONNECT	0x000001U
#define MP_NOHELO	0x000002U
#define MP_NOMAIL	0x000004U
#define MP_NORCPT	0x000008U
#define MP_NOBODY	0x000010U
#define MP_NOHDRS	0x000020U
#define MP_NOEOH	0x000040U
#define MP_NR_HDR	0x000080U
#define MP_NOUNKNOWN	0x000100U
#define MP_NODATA	0x000200U
#define MP_SKIP		0x000400U
#define MP_NR_CONN	0x001000U
#define MP_NR_HELO	0x002000U
#define MP_NR_MAIL	0x004000U
#define MP_NR_RCPT	0x008000U
#define MP_NR_DATA	0x010000U
#define MP_NR_UNKN	0x020000U
#define MP_NR_EOH	0x040000U
#define MP_NR_BODY	0x080000U
#define MP_HDR_LEADSPC	0x100000U
/* All but refused recipients (0x800), of which filters hear nothing here. */
#define MP_STEPS	0x1ff7ffU
/* What versions before 6 know: none of answers that are not given. */
#define MP_ACTIONS_V2	0x03fU
#define MP_STEPS_V2	0x00007fU
#define MP_STEPS_V3	(MP_STEPS_V2 | MP_NOUNKNOWN)
#define MP_STEPS_V4	(MP_STEPS_V3 | MP_NODATA)

enum mp_place {
	MP_AT_CONNECT, MP_AT_HELO, MP_AT_MAIL, MP_AT_RCPT, MP_AT_DATA,
	MP_AT_EOM, MP_AT_EOH, MP_PLACES
};

struct mp_options {
	uint32_t	 version, actions, steps;
	char		*macros[MP_PLACES];	/* those it wants, NULL: all */
};

struct mp_packet {
	uint8_t		 cmd;
	const uint8_t	*data;
	size_t		 len;
};

struct mp_macro {
	const char	*name;		/* as on the wire: "j", "{rcpt_addr}" */
	const char	*value;		/* NULL: there is none */
};

/* --- to the filter: appended; 0, or -1 without memory or if too long */
int	 mp_put(struct buf *, uint8_t cmd, const void *, size_t);
int	 mp_offer(struct buf *);
int	 mp_connect(struct buf *, const char *name, const struct addr *,
	    uint16_t port);
/* Each string with its NUL. */
int	 mp_strings(struct buf *, uint8_t cmd, const char *const *, size_t n);
/* The macros of a command, those that are in wanted; none: nothing. */
int	 mp_macros(struct buf *, uint8_t cmd, const struct mp_macro *, size_t n,
	    const char *wanted);

/* --- from the filter */
/* The octets of the first packet in data, 0 it is not whole yet, -1 there is
 * none of that length. */
ssize_t	 mp_take(const uint8_t *data, size_t len, struct mp_packet *);
/* Its answer to the offer; -1 and *why. */
int	 mp_negotiated(const struct mp_packet *, struct mp_options *,
	    const char **why);
void	 mp_options_clear(struct mp_options *);

enum mp_kind {
	/* the end of a step */
	MP_CONTINUE, MP_ACCEPT, MP_REJECT, MP_TEMPFAIL, MP_DISCARD,
	MP_REPLYCODE, MP_SHUTDOWN, MP_CONNFAIL, MP_SKIPS,
	/* not its end */
	MP_PROGRESS,
	/* changes, after the end of the message alone */
	MP_ADDHEADER, MP_INSHEADER, MP_CHGHEADER, MP_REPLBODY, MP_RCPT,
	MP_NORCPT_MORE, MP_FROM, MP_HOLD
};
struct mp_answer {
	enum mp_kind	 kind;
	uint32_t	 action;	/* which it needs, 0: none */
	uint32_t	 index;		/* INSHEADER, CHGHEADER */
	const char	*name, *value;	/* of a header; "" deletes it */
	const char	*path, *params;	/* RCPT, NORCPT_MORE, FROM; "" none */
	const uint8_t	*body;
	size_t		 len;
	const char	*reason;	/* HOLD */
	int		 code;		/* REPLYCODE: 400 to 599 */
	char		 enhanced[10];
	char		 text[256];	/* one line; may have any octets but
					   NUL, CR, LF */
};
/* What points anywhere points into the packet; -1 and *why. */
int	 mp_answer(const struct mp_packet *, struct mp_answer *,
	    const char **why);

#endif
