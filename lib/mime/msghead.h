/*
 * A message's header on its way into the spool, as a pure function: what lies
 * there afterwards has a header that every reader takes for the same.
 *
 * Fields whose name begins with `drop' or one of `drops' (any case) are left
 * out, with their continuation lines; Received fields are counted; from the
 * empty line on everything goes through.  Where the header ends without one,
 * at a line that is not a field (hdrline.h), an empty line is put before it;
 * otherwise some readers would read on.  The same is done where the first line
 * begins with a blank, which would continue the field that is put above it.  The lines with which a
 * mailbox begins a message ("From a@b Mon …") become X-Mailbox-Line fields.
 * All of that is as Postfix does it.
 */
#ifndef MSGHEAD_H
#define MSGHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/mime/hdrline.h"

struct msghead {
	const char	*drop;		/* "X-Spamgreyd"; set by the caller */
	const char *const *drops;	/* more, ends with NULL; NULL: none */
	uint8_t		 state;
	uint8_t		 begun;		/* a field or a mailbox's line was seen */
	struct hdrline	 line;
	uint16_t	 held_len;
	uint8_t		 held[HDRLINE_MAX];	/* a line's beginning, undecided */
	uint32_t	 received;
	uint32_t	 dropped;	/* fields */
};
/* What may come out of len octets and of what was held: a line of seven octets
 * gets a name of sixteen. */
#define MSGHEAD_ROOM(len)	(4 * (len) + HDRLINE_MAX + 32)

/* Returns 1 when the header is over: the filter changes nothing any more. */
int	 msghead_over(const struct msghead *);
/* out has MSGHEAD_ROOM(len).  Returns the octets in out. */
size_t	 msghead_filter(struct msghead *, const uint8_t *in, size_t len,
	    uint8_t *out);
/* The end of the message, what was still held; out has MSGHEAD_ROOM(0). */
size_t	 msghead_finish(struct msghead *, uint8_t *out);

#endif
