/*
 * The header of a message in a spool, field by field, as a filter is shown it.
 * The only thing it reads is the spool.  What a field is, is decided by
 * lib/mime/hdrline, both here and where changes are made, so that the numbers
 * by which a filter names fields are the same.
 */
#ifndef MILTER_HEAD_H
#define MILTER_HEAD_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "spamgreyd/runner/module.h"

#define MILTER_WINDOW		8192
/* Bytes of a field that one call of milter_head_next skips at most. */
#define MILTER_PASSED		(64 * 1024)

struct milter_head {
	const struct spool	*spool;
	/* The position in the spool of the first byte that was not taken. */
	uint64_t		 at;
	int			 over;
	/* A field was seen. */
	int			 field;
	/* A field that does not fit is being skipped. */
	int			 passing;
	uint8_t			 window[MILTER_WINDOW];
	/* What the window holds; from corresponds to `at'. */
	size_t			 from, to;
};

void	 milter_head_begin(struct milter_head *, const struct spool *);
/*
 * Writes the next field into dst as "name NUL value NUL" and returns its
 * length.  Returns 0 if there are no more fields (the body begins at
 * milter_head_body), -1 with errno if the spool cannot be read, -2 if the field
 * does not fit and was skipped, and -3 if it does not fit and skipping it is
 * not finished: call again.  A fold in a value is "\n" and the blank.  space:
 * the value keeps the blank that follows the colon.
 */
ssize_t	 milter_head_next(struct milter_head *, uint8_t *dst, size_t room,
	    int space);
uint64_t milter_head_body(const struct milter_head *);

#endif
