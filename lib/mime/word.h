/*
 * Encoded words of header fields (RFC 2047) and the encodings of MIME, as pure
 * functions.  Nothing here allocates; a malformed text is read as a lenient
 * reader of mail would read it, never refused.
 */
#ifndef MIMEWORD_H
#define MIMEWORD_H

#include <stddef.h>
#include <stdint.h>

/*
 * A field's value without its folds, its encoded words decoded, as UTF-8, see
 * cset.h.  Control characters become blanks.  Always NUL terminates;
 * returns the octets, what has no room is left out.
 */
size_t	 mimeword_text(char *dst, size_t size, const char *src, size_t len);

/* Octets of that character set as mimeword_text has them. */
size_t	 mimeword_charset(char *dst, size_t size, const char *charset,
	    size_t charset_len, const uint8_t *src, size_t len);

/*
 * The same as one of several readings.  RAW: control characters stay, so that
 * NUL may be among them.  LITTLE: the octet order of UTF-16 that names none.
 * *seen, if not NULL: what of it there was to differ on.
 */
#define MIMEWORD_RAW	1
#define MIMEWORD_LITTLE	2
#define MIMEWORD_SEEN_ORDERS	1	/* the other octet order reads otherwise */
#define MIMEWORD_SEEN_UNKNOWN	2	/* an unknown character set */
size_t	 mimeword_text_as(char *dst, size_t size, const char *src, size_t len,
	    unsigned int flags, unsigned int *seen);
size_t	 mimeword_charset_as(char *dst, size_t size, const char *charset,
	    size_t charset_len, const uint8_t *src, size_t len,
	    unsigned int flags, unsigned int *seen);

/* What a letter of base64 stands for, 0 to 63; -1: not a letter of it. */
int	 b64_value(uint8_t);
/* base64, any octets between the letters skipped; in pieces, dst has room for
 * len + 3.  zeroed: at the beginning. */
struct b64 {
	uint32_t	bits;
	uint8_t		n;		/* letters held */
};
size_t	 b64_decode(struct b64 *, const uint8_t *src, size_t len, uint8_t *dst);

/* quoted-printable, in pieces, dst has room for len + 3.  At the end of all
 * src NULL: what was held. */
struct qp {
	uint8_t		held[3];
	uint8_t		n;
};
size_t	 qp_decode(struct qp *, const uint8_t *src, size_t len, uint8_t *dst);

#endif
