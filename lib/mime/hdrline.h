/*
 * What a line of a message's header is.  All that read a header ask here: the
 * spool on its way in, filters and changes, MIME, and spamgreydb learn; so the
 * header ends at the same place for all of them.  Pure functions.
 *
 * A field begins with its name (printable ASCII), blanks perhaps, and a colon,
 * all of it within HDRLINE_MAX octets.  A line that begins with a blank
 * continues the field before it.  An empty line, LF or CRLF, ends the header;
 * so does any other line, and that one already belongs to the body.
 */
#ifndef HDRLINE_H
#define HDRLINE_H

#include <stddef.h>
#include <stdint.h>

#define HDRLINE_MAX	998	/* octets of a line, RFC 5322 2.1.1 */

enum hdrline_kind {
	HDRLINE_MORE,		/* not known yet; at the end of all: a body */
	HDRLINE_FIELD,
	HDRLINE_FOLD,
	HDRLINE_EMPTY,
	HDRLINE_BODY
};

/* A line, octet by octet. */
struct hdrline {
	uint16_t	n;		/* octets of it that were seen */
	uint8_t		state;
	uint8_t		folds;		/* a field is before it */
};

/* field: a field, which the line may go on with, stands before it. */
void	 hdrline_begin(struct hdrline *, int field);
/* Its next octet.  FIELD comes at the colon; nothing is asked after anything
 * but MORE. */
enum hdrline_kind hdrline_octet(struct hdrline *, uint8_t);

/* A line, or its first HDRLINE_MAX octets: never MORE.  *name: the octets of
 * a field's name, *value: where its value begins. */
enum hdrline_kind hdrline_of(const void *, size_t len, int field,
	    size_t *name, size_t *value);

/* Does a line of HDRLINE_BODY begin as mailboxes begin a message: "From ",
 * with any number of '>' before it? */
int	 hdrline_is_mbox(const void *, size_t len);

#endif
