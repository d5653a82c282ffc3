/*
 * A message on its way through pass.  It is in memory up to a size; beyond
 * that, or when all messages together exceed theirs, it is in one unlinked file
 * in the process' working directory, which is STATE/spool.  It is written once
 * from front to back and then read any number of times.  Lines end in CRLF, and
 * dots are not stuffed.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct spool;

/*
 * The limits for all spools from now on.  message: bytes of one message in
 * memory; total: bytes of all messages in memory.
 */
void	 spool_limits(size_t message, size_t total);
/*
 * Bytes of all messages in files together; beyond that the disk counts as full.
 */
void	 spool_files(uint64_t);
struct spool *spool_new(void);			/* NULL: no memory */
void	 spool_free(struct spool *);		/* NULL is fine */
/*
 * Returns 0, or -1 with errno (ENOSPC, ENOMEM, EIO, EDQUOT): then the message
 * is lost, and all later writes and reads fail with that errno too.
 */
int	 spool_write(struct spool *, const void *, size_t);
/*
 * For a writer that makes the next bytes in place, without a copy: returns room
 * for len bytes behind the message, or NULL when it is not in memory; then
 * spool_write has to be used.  likely: how many bytes will soon be written.
 * spool_wrote says how many were made, at most len.
 */
uint8_t	*spool_room(struct spool *, size_t len, size_t likely);
void	 spool_wrote(struct spool *, size_t);
/*
 * The writer knows that no line of the message begins with a dot.  spool_plain
 * returns 1 when it has been said, until the next write.
 */
void	 spool_no_dots(struct spool *);
int	 spool_plain(const struct spool *);
uint64_t spool_size(const struct spool *);
/*
 * Copies up to len bytes from that position.  Returns how many, 0 at the end,
 * -1 with errno.
 */
ssize_t	 spool_read(const struct spool *, uint64_t at, void *, size_t len);
/*
 * Returns the whole message if it is in memory, otherwise NULL.  The pointer is
 * valid until the next write.
 */
const uint8_t *spool_mem(const struct spool *, size_t *len);
/*
 * Returns a descriptor of the whole message that can be given to another
 * process: it is read-only, stands at the beginning, and its position is shared
 * with nobody.  The caller closes it.  Returns -1 with errno.
 */
int	 spool_fd(const struct spool *);
/*
 * 1: from now on a message in a file keeps a read-only descriptor ready for the
 * first spool_fd.  Without it, and for further calls, spool_fd makes a copy of
 * the message.
 */
void	 spool_readers(int);
/* Bytes that all messages hold in memory and in files, and their number. */
void	 spool_stats(uint64_t *memory, uint64_t *files, uint32_t *messages);

#endif
