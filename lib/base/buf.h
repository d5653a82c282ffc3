/*
 * A growing byte buffer with a read end and a write end; it has no memory
 * while it is empty.  A zeroed struct buf is an empty one.  The buffer owns
 * its memory: buf_ptr is valid until the next call that adds or drains.
 */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t		*data;
	size_t		 start;	/* first unread byte */
	size_t		 end;	/* past the last byte */
	size_t		 size;	/* allocated */
};

#define buf_len(b)	((b)->end - (b)->start)
#define buf_ptr(b)	((b)->data + (b)->start)

/* Each appends; 0, or -1 with ENOMEM and the buffer as it was. */
int	 buf_add(struct buf *, const void *, size_t);
int	 buf_addstr(struct buf *, const char *);
int	 buf_printf(struct buf *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/*
 * Room for n bytes at the end, for the caller to write to; buf_grew then says
 * how many were written.  NULL with ENOMEM.
 */
void	*buf_reserve(struct buf *, size_t n);
void	 buf_grew(struct buf *, size_t n);
/* Takes n bytes off the read end.  When nothing is left, buf_drain frees the
 * memory and buf_drain_keep keeps it for what comes next. */
void	 buf_drain(struct buf *, size_t n);
void	 buf_drain_keep(struct buf *, size_t n);
void	 buf_free(struct buf *);		/* leaves an empty buffer */

#endif
