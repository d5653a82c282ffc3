/*
 * What a mail server offers in its EHLO reply: the keywords that we know, as
 * bits, and what is common to all mail servers that mail is relayed to.
 */
#ifndef LIB_CAPS_H
#define LIB_CAPS_H

#include <stdint.h>

#define CAPS_PIPELINING	0x01
#define CAPS_SIZE	0x02
#define CAPS_8BITMIME	0x04
#define CAPS_SMTPUTF8	0x08
#define CAPS_DSN	0x10
#define CAPS_ENHANCED	0x20	/* ENHANCEDSTATUSCODES */
#define CAPS_STARTTLS	0x40
#define CAPS_XCLIENT	0x80
#define CAPS_ALL	0xff

/*
 * What the MTA offers, the common part of all targets.  Learned by pass, kept
 * by store, told to front.  known 0: no MTA was ever reached.
 */
struct mta_caps {
	uint8_t		known;
	uint32_t	keywords;	/* CAPS_* */
	uint64_t	size;		/* bytes; 0: no limit named */
	const char	*relays;	/* the targets that this was learned from,
					   as text: it is void for others */
};

#endif
