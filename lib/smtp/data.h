/*
 * The body of DATA as pure functions: from the wire to the message and back.
 * Only CRLF.CRLF ends a message (RFC 5321 4.1.1.4).  A bare LF becomes CRLF
 * and a bare CR a space, so that no other server can see an end or a command
 * where this one saw none.  A leading dot is removed only after a CRLF that
 * the client itself sent, and every line that begins with a dot is given one
 * on the way out.
 *
 * Both directions work in pieces: the structure keeps what the next piece
 * needs.
 */
#ifndef SMTPDATA_H
#define SMTPDATA_H

#include <stddef.h>
#include <stdint.h>

struct smtpdata_in {
	uint8_t		state;		/* zeroed: at the beginning */
	uint8_t		bare_lf, bare_cr, nul;	/* were seen */
	uint8_t		dots;		/* a line may begin with a dot */
	uint32_t	lines;
};
/*
 * out has room for 2 * len + 4.  Returns how much of in was used: all, or up
 * to and with the end of data, when *end is set.
 */
size_t	 smtpdata_decode(struct smtpdata_in *, const uint8_t *in, size_t len,
	    uint8_t *out, size_t *outlen, int *end);

struct smtpdata_out {
	uint8_t		state;		/* zeroed: at the beginning */
};
/* in: CRLF lines.  out has room for 2 * len.  Returns the octets in out. */
size_t	 smtpdata_encode(struct smtpdata_out *, const uint8_t *in, size_t len,
	    uint8_t *out);
/* The end: ".\r\n", with CRLF before it if the last line had none.  out has
 * room for 5; returns the octets. */
size_t	 smtpdata_finish(struct smtpdata_out *, uint8_t *out);

#endif
