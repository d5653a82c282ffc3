/*
 * A growing byte buffer with a read end and a write end; no memory while it
 * is empty.  A zeroed struct buf is an empty one.
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

/* 0, or -1 with ENOMEM and the buffer as it was. */
int	 buf_add(struct buf *, const void *, size_t);
int	 buf_addstr(struct buf *, const char *);
int	 buf_printf(struct buf *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* Room for n bytes at the end, to be written and then counted by buf_grew. */
void	*buf_reserve(struct buf *, size_t n);
void	 buf_grew(struct buf *, size_t n);
void	 buf_drain(struct buf *, size_t n);	/* frees the memory when empty */
void	 buf_drain_keep(struct buf *, size_t n); /* keeps it */
void	 buf_free(struct buf *);

#endif
