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

#define RECEIVED_LINE_MAX	4096	/* octets of a line that are looked at */
#define RECEIVED_NAME_MAX	255

enum received_kind {
	RECEIVED_ADDR,		/* from this address */
	RECEIVED_LOCAL,		/* within a host: a pipe, LMTP, a command */
	RECEIVED_UNCLEAR	/* from another host, but it is unclear which */
};

struct received {
	enum received_kind	 kind;
	struct addr		 addr;
	int			 odd;		/* UNCLEAR: there is something where
						   an address stands, or a comment
						   has no end */
	char			 from[RECEIVED_NAME_MAX + 1];	/* "" none; as the
						   client said it, or its name */
	char			 by[RECEIVED_NAME_MAX + 1];
};

/* Where the header of a message begins: behind the lines of a mailbox. */
const char *received_header(const char *message, const char *end);
/*
 * The next Received line of a header: 1, and *pos moves behind it; 0: no more
 * before `end' or the end of the header.  The value includes its folds.
 */
int	 received_next(const char **pos, const char *end, const char **value,
	    size_t *len);
/* What is behind "Received:". */
void	 received_parse(const char *value, size_t len, struct received *);

#endif
