/*
 * The milter protocol (versions 2 to 6) as bytes, from the mail server's side.
 * The functions build packets and take packets apart; they know no connection,
 * no session and no time.  A packet from the filter is checked in full before
 * any of it is handed on.
 *
 * The numbers are those of sendmail's libmilter (mfapi.h and mfdef.h).
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
/* The first version that has a DATA command. */
#define MP_VERSION_DATA	4
/* Bytes of data in a packet that is sent, without its command. */
#define MP_DATA_MAX	65535
/* Bytes of data in a packet that is received. */
#define MP_IN_MAX	(512 * 1024)

/* Actions: what a filter may ask for. */
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

/*
 * Protocol steps: commands that the filter does not want (NO), commands that it
 * does not answer (NR), and other habits.
 */
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
/*
 * All steps except 0x800, with which a filter asks to be told of refused
 * recipients; they are never told here.
 */
#define MP_STEPS	0x1ff7ffU
/*
 * What versions before 6 know.  None of them can leave commands without an
 * answer.
 */
#define MP_ACTIONS_V2	0x03fU
#define MP_STEPS_V2	0x00007fU
#define MP_STEPS_V3	(MP_STEPS_V2 | MP_NOUNKNOWN)
#define MP_STEPS_V4	(MP_STEPS_V3 | MP_NODATA)

/* For which command a list of wanted macros is, as in the negotiation. */
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

/*
 * To the filter: these append one packet to the buffer.  They return 0, or -1
 * if there is no memory or the packet would be too long.
 */
int	 mp_put(struct buf *, uint8_t cmd, const void *, size_t);
int	 mp_offer(struct buf *);
int	 mp_connect(struct buf *, const char *name, const struct addr *,
	    uint16_t port);
/* Each string with its NUL. */
int	 mp_strings(struct buf *, uint8_t cmd, const char *const *, size_t n);
/*
 * The macros for a command, as far as they are in the list `wanted' (NULL:
 * all).  Without any no packet is added.
 */
int	 mp_macros(struct buf *, uint8_t cmd, const struct mp_macro *, size_t n,
	    const char *wanted);

/* --- from the filter */
/*
 * Takes the first packet from data.  Returns its length in bytes, 0 if it is
 * not complete, -1 if its length is invalid.  *p points into data.
 */
ssize_t	 mp_take(const uint8_t *data, size_t len, struct mp_packet *);
/*
 * The filter's answer to the offer.  Returns -1 and sets *why (static) if it is
 * invalid.  The macros in *o are freed by mp_options_clear.
 */
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
	/* One line; it may contain any byte except NUL, CR and LF. */
	char		 text[256];
};
/*
 * Parses an answer.  All pointers in *a point into the packet.  Returns -1 and
 * sets *why (static) if it is malformed.
 */
int	 mp_answer(const struct mp_packet *, struct mp_answer *,
	    const char **why);

#endif
