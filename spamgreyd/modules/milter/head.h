/*
 * The header of a message in a spool, field by field, as a filter is shown it.
 * Pure but for the spool.  What a field is, lib/hdrline says, here and for the
 * changes: the numbers by which a filter changes fields are those.
 */
#ifndef MILTER_HEAD_H
#define MILTER_HEAD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "spamgreyd/runner/module.h"

#define MILTER_WINDOW		8192
#define MILTER_PASSED		(64 * 1024)	/* octets of a field that one call
						   passes over */

struct milter_head {
	const struct spool	*spool;
	uint64_t		 at;	/* what is not read of it yet */
	int			 over;
	int			 field;	/* one was there */
	int			 passing;	/* over one that does not fit */
	uint8_t			 window[MILTER_WINDOW];
	size_t			 from, to;	/* of the window, at `at' */
};

void	 milter_head_begin(struct milter_head *, const struct spool *);
/*
 * The next field as "name NUL value NUL" in dst: its length, 0 there is none
 * more (milter_head_body is where the body begins), -1 errno of the spool, -2
 * it does not fit and was passed over, -3 it does not fit and has no end yet:
 * call again.  Folds are "\n" and the blank; space: the value begins with the
 * blank that stood there.
 */
ssize_t	 milter_head_next(struct milter_head *, uint8_t *dst, size_t room,
	    int space);
uint64_t milter_head_body(const struct milter_head *);

#endif
