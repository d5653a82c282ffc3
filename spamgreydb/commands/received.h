/*
 * The Received lines of a message, the newest first: which host handed it
 * over, as each mail server wrote it down.  For spamgreydb learn.  Pure
 * functions.  Any line may be forged: nothing here trusts it, and a line that
 * can be understood in two ways counts as unclear.
 */
#ifndef RECEIVED_H
#define RECEIVED_H

#include <stddef.h>

#include "lib/base/addr.h"

#define RECEIVED_LINE_MAX	4096	/* bytes of a line that are looked at */
#define RECEIVED_NAME_MAX	255	/* bytes of a host name */

enum received_kind {
	RECEIVED_ADDR,		/* from this address */
	RECEIVED_LOCAL,		/* within a host: a pipe, LMTP, a command */
	RECEIVED_UNCLEAR	/* from another host that is not known */
};

/* One Received line.  The names are for people, and are not checked. */
struct received {
	enum received_kind	 kind;
	struct addr		 addr;		/* with RECEIVED_ADDR */
	/* There is something that is not understood where an address stands,
	 * or a comment that does not end: do not trust `from'. */
	int			 odd;
	/* the client's HELO or its name; "": the line has none */
	char			 from[RECEIVED_NAME_MAX + 1];
	char			 by[RECEIVED_NAME_MAX + 1];
};

/* Returns where the header of a message begins: behind the lines of a
 * mailbox. */
const char *received_header(const char *message, const char *end);
/*
 * The next Received line of a header: 1, and *pos moves behind it; 0: no more
 * before `end' or the end of the header.  The value includes its folds.
 */
int	 received_next(const char **pos, const char *end, const char **value,
	    size_t *len);
/* Parses the value of a Received field; all of *r is set. */
void	 received_parse(const char *value, size_t len, struct received *);

#endif
