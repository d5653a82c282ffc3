/*
 * A server's reply, put together from its lines; pure but for the memory of
 * its text.  Bounded: more than SMTPREPLY_MAX octets is not a reply.  The text
 * keeps the server's words with CRLF ends; its control characters become '?',
 * so that it can be sent on to the client.
 *
 * A zeroed struct smtpreply is empty; it owns its text until smtpreply_clear.
 */
#ifndef SMTPREPLY_H
#define SMTPREPLY_H

#include <stddef.h>
#include <stdint.h>

#define SMTPREPLY_MAX	8192

struct smtpreply {
	int		 code;		/* 0: none yet */
	unsigned int	 lines;
	size_t		 len;
	char		*text;		/* NUL-terminated; NULL when empty */
};

enum smtpreply_result {
	SMTPREPLY_MORE,			/* all was used, no whole reply yet */
	SMTPREPLY_DONE,
	SMTPREPLY_BAD,			/* not SMTP: code out of 200…599, a code
					   that changes, too long; clear it */
	SMTPREPLY_NOMEM
};
/* *used: how much was taken; after DONE the rest belongs to the next one. */
enum smtpreply_result smtpreply_input(struct smtpreply *, const uint8_t *,
	    size_t len, size_t *used);
void	 smtpreply_clear(struct smtpreply *);	/* empty again, memory freed */
void	 smtpreply_reuse(struct smtpreply *);	/* empty again, memory kept */
/* Line n without code and separator: its text, *len long; NULL: no such. */
const char *smtpreply_line(const struct smtpreply *, unsigned int n,
	    size_t *len);

/*
 * The keywords of an EHLO reply.  Bits of `keywords' as in caps.h (CAPS_*);
 * size 0: no limit named.  xclient: bits of the attributes that it takes.
 */
struct smtp_ehlo {
	uint32_t	 keywords;
	uint64_t	 size;
	unsigned int	 xclient;	/* XCLIENT_* */
};
#define XCLIENT_NAME	1
#define XCLIENT_ADDR	2
#define XCLIENT_PORT	4
#define XCLIENT_PROTO	8
#define XCLIENT_HELO	16
#define XCLIENT_DESTADDR 32
#define XCLIENT_DESTPORT 64
void	 smtp_ehlo_parse(const struct smtpreply *, struct smtp_ehlo *);

#endif
