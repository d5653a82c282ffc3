/*
 * A message on its way: in memory up to a size, beyond that (or when all
 * messages together are above theirs) in one unlinked file of the process'
 * working directory, which is STATE/spool.  Written once from front to back,
 * then read by whoever wants, any number of times.  CRLF line ends, no dot
 * stuffing.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

struct spool;

/* message: octets of one in memory; total: of all of them. */
void	 spool_limits(size_t message, size_t total);
/* Octets in files, of all of them; beyond that the disk counts as full. */
void	 spool_files(uint64_t);
struct spool *spool_new(void);			/* NULL: no memory */
void	 spool_free(struct spool *);		/* NULL is fine */
/* 0, or -1 with errno (ENOSPC, ENOMEM, EIO, EDQUOT): the message is lost, and
 * every later write fails too. */
int	 spool_write(struct spool *, const void *, size_t);
uint64_t spool_size(const struct spool *);
/* Up to len octets from that place: how many, 0 at the end, -1 errno. */
ssize_t	 spool_read(const struct spool *, uint64_t at, void *, size_t len);
/* All of it, when it is in memory; else NULL. */
const uint8_t *spool_mem(const struct spool *, size_t *len);
/*
 * A descriptor of the whole message, for somebody else: it stands at the
 * beginning, its place is nobody else's, and nothing can be written with it.
 * The caller's to close.  -1 errno.
 */
int	 spool_fd(const struct spool *);
/* Messages in a file keep a descriptor ready for the first spool_fd (1); else,
 * and for the next ones, it is a copy. */
void	 spool_readers(int);
/* Octets held in memory and in files now, of all. */
void	 spool_stats(uint64_t *memory, uint64_t *files, uint32_t *messages);

#endif
