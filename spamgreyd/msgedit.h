/*
 * Changes to a message that modules (milters, rspamd) ask for at EOM: kept as
 * a list, and made in one pass over the spool into a new one when all have
 * spoken.  Indices count the message as it came, as in the milter protocol:
 * the n-th header field of that name from the top, beginning with 1.
 */
#ifndef MSGEDIT_H
#define MSGEDIT_H

#include <stddef.h>
#include <stdint.h>

#include "spool.h"

#define MSGEDIT_MAX	1000		/* changes of one message */
#define MSGEDIT_OCTETS	(256 * 1024)	/* of all header text */

struct msgedit;

struct msgedit *msgedit_new(void);
void	 msgedit_free(struct msgedit *);
int	 msgedit_empty(const struct msgedit *);
/*
 * name: a field name (RFC 5322 ftext); value: without CRLF at its end; folds
 * are "\n\t" or "\r\n " as milters give them and come out as CRLF; anything
 * else that is no header text becomes '?'.  -1: not a name, too much, or no
 * memory.
 */
int	 msgedit_add(struct msgedit *, const char *name, const char *value);
/* index 0 or 1: before the first field, n: before the n-th of the message as it
 * came, more than there are: at the end; of two at one place the second stands
 * above (as with smfi_insheader, our own Received line not counted). */
int	 msgedit_insert(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/* value NULL: the field goes.  index 0: all of that name; more than there are:
 * added at the end.  Of several changes of one field the last one counts. */
int	 msgedit_change(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/* The first call begins a new body, later ones go on with it. */
int	 msgedit_body(struct msgedit *, const void *, size_t);
/* The subject gets that in front, if it has not already. */
int	 msgedit_subject(struct msgedit *, const char *tag);

/*
 * All of the second's after all of the first's, without the changes of one
 * field by its number for which moved (NULL: none) says that the number is
 * that of another field by now; *passed: how many.  -1: too much, no memory.
 */
int	 msgedit_join(struct msgedit *, const struct msgedit *,
	    int (*moved)(const char *name, const void *arg), const void *arg,
	    unsigned int *passed);
/* Is the n-th field of that name another one after it? */
int	 msgedit_moves(const struct msgedit *, const char *name);

/* The message with all of it done, a new spool.  NULL with errno. */
struct spool *msgedit_apply(const struct msgedit *, const struct spool *);

#endif
