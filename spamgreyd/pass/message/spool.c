/*
 * The messages on their way; see spool.h.  The memory of a message grows by
 * doubling, up to the limits for one message and for all.  Then its bytes move
 * to a file, which has lost its name before the first byte is written, so that
 * nothing is left behind however the process ends.  Runs in pass; knows no
 * sessions and no events.
 *
 * The file is read and written by position (pread, pwrite), never by its
 * offset.  A descriptor that is given away must be read-only and have an offset
 * of its own.  Therefore it is opened by name before the file loses its name,
 * or it is that of a copy.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/unnamed.h"
#include "spamgreyd/pass/message/spool.h"

/* Bytes of the first allocation. */
#define SPOOL_MIN	4096

/*
 * A message.  At most one of mem and fd has its bytes, except while they move
 * to the file.  ro is allocated, because spool_fd gets a const spool and takes
 * the descriptor out of it.
 */
struct spool {
	uint64_t	 size;
	/* All bytes, or NULL. */
	uint8_t		*mem;
	/* The bytes that are allocated for mem. */
	size_t		 room;
	/* The file with all bytes, or -1. */
	int		 fd;
	/* The same file, read-only, to be given away; -1: none is ready. */
	int		*ro;
	/* 1: no line begins with a dot. */
	int		 plain;
	/* The errno with which the message was lost; 0: it was not. */
	int		 lost;
};

/* The limits, and what all messages use together, in bytes. */
static size_t	max_message = 128 * 1024, max_total = 256 * 1024 * 1024;
static uint64_t	max_files = UINT64_MAX;
static uint64_t	in_memory, in_files;
static uint32_t	messages;
static int	readers;

void
spool_readers(int want)
{
	readers = want;
}

void
spool_limits(size_t message, size_t total)
{
	max_message = message;
	max_total = total;
}

void
spool_files(uint64_t total)
{
	max_files = total;
}

struct spool *
spool_new(void)
{
	struct spool	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	if ((s->ro = malloc(sizeof(*s->ro))) == NULL) {
		free(s);
		return (NULL);
	}
	s->fd = *s->ro = -1;
	messages++;
	return (s);
}

static void
mem_free(struct spool *s)
{
	free(s->mem);
	s->mem = NULL;
	in_memory -= s->room;
	s->room = 0;
}

static void
file_close(struct spool *s)
{
	if (s->fd == -1)
		return;
	close(s->fd);
	s->fd = -1;
	if (*s->ro != -1)
		close(*s->ro);
	*s->ro = -1;
	in_files -= s->size;
}

void
spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	mem_free(s);
	file_close(s);
	free(s->ro);
	free(s);
	messages--;
}

/*
 * The message is lost.  Half a message is useless, so its memory and its file
 * are freed at once.  Returns -1 with errno.
 */
static int
lose(struct spool *s, int error)
{
	mem_free(s);
	file_close(s);
	s->size = 0;
	s->lost = error;
	errno = error;
	return (-1);
}

/*
 * Makes room for `need' bytes in memory.  Returns -1 if they belong into a
 * file, because of a limit or because there is no memory.
 */
static int
mem_grow(struct spool *s, size_t need)
{
	size_t	 room = s->room == 0 ? SPOOL_MIN : s->room;
	uint8_t	*p;

	if (need <= s->room)
		return (0);
	if (need > max_message)
		return (-1);
	while (room < need)
		room *= 2;
	if (room > max_message)
		room = max_message;
	if (in_memory - s->room + room > max_total)
		return (-1);
	if ((p = realloc(s->mem, room)) == NULL)
		return (-1);
	in_memory += room - s->room;
	s->mem = p;
	s->room = room;
	return (0);
}

/* Writes all bytes at that position.  Returns -1 with errno. */
static int
file_write(int fd, uint64_t at, const uint8_t *p, size_t len)
{
	ssize_t	n;

	for (; len > 0; p += n, at += (size_t)n, len -= (size_t)n)
		if ((n = pwrite(fd, p, len, (off_t)at)) <= 0) {
			if (n == -1 && errno != EINTR)
				return (-1);
			n = 0;
		}
	return (0);
}

/*
 * A new file without a name.  *ro, unless ro is NULL, is a read-only
 * descriptor.
 */
static int
file_new(int *ro)
{
	char	name[] = "message.XXXXXXXXXX";

	return (unnamed_open(name, ro));
}

/*
 * Returns 1 if the files may grow by that many bytes.  The database is on the
 * same disk and must not be left without room.
 */
static int
file_room(uint64_t more)
{
	return (in_files <= max_files && more <= max_files - in_files);
}

/*
 * Opens a file and copies the bytes in memory to it.  Returns -1 with errno,
 * and then nothing has changed.
 */
static int
file_open(struct spool *s)
{
	int	error;

	if (!file_room(s->size)) {
		errno = ENOSPC;
		return (-1);
	}
	if ((s->fd = file_new(readers ? s->ro : NULL)) == -1)
		return (-1);
	in_files += s->size;
	if (s->size == 0 || file_write(s->fd, 0, s->mem, s->size) == 0)
		return (0);
	error = errno;
	file_close(s);
	errno = error;
	return (-1);
}

/* A failure loses the whole message, see lose(). */
int
spool_write(struct spool *s, const void *data, size_t len)
{
	if (s->lost != 0) {
		errno = s->lost;
		return (-1);
	}
	if (len == 0)
		return (0);
	s->plain = 0;
	if (s->fd == -1) {
		if (len <= max_message && s->size <= max_message &&
		    mem_grow(s, (size_t)s->size + len) == 0) {
			memcpy(s->mem + s->size, data, len);
			s->size += len;
			return (0);
		}
		if (file_open(s) == -1)
			return (lose(s, errno));
	}
	mem_free(s);
	if (!file_room(len))
		return (lose(s, ENOSPC));
	if (file_write(s->fd, s->size, data, len) == -1)
		return (lose(s, errno));
	s->size += len;
	in_files += len;
	return (0);
}

uint8_t *
spool_room(struct spool *s, size_t len, size_t likely)
{
	size_t	most = likely > len ? likely : len;

	if (s->lost != 0 || s->fd != -1 || len > max_message ||
	    s->size > max_message)
		return (NULL);
	if ((most > max_message ||
	    mem_grow(s, (size_t)s->size + most) == -1) &&
	    mem_grow(s, (size_t)s->size + len) == -1)
		return (NULL);
	return (s->mem + s->size);
}

void
spool_wrote(struct spool *s, size_t len)
{
	s->plain = 0;
	s->size += len;
}

void
spool_no_dots(struct spool *s)
{
	s->plain = 1;
}

int
spool_plain(const struct spool *s)
{
	return (s->plain);
}

uint64_t
spool_size(const struct spool *s)
{
	return (s->size);
}

ssize_t
spool_read(const struct spool *s, uint64_t at, void *dst, size_t len)
{
	ssize_t	n;

	if (s->lost != 0) {
		errno = s->lost;
		return (-1);
	}
	if (at >= s->size)
		return (0);
	if (len > s->size - at)
		len = (size_t)(s->size - at);
	if (s->mem != NULL) {
		memcpy(dst, s->mem + at, len);
		return ((ssize_t)len);
	}
	while ((n = pread(s->fd, dst, len, (off_t)at)) == -1 &&
	    errno == EINTR)
		;
	/* Somebody has truncated the file. */
	if (n == 0) {
		errno = EIO;
		return (-1);
	}
	return (n);
}

const uint8_t *
spool_mem(const struct spool *s, size_t *len)
{
	static const uint8_t	none[1];

	if (s->lost != 0 || (s->mem == NULL && s->size != 0))
		return (NULL);
	*len = (size_t)s->size;
	return (s->mem == NULL ? none : s->mem);
}

/* Copies the whole message to another file. */
static int
copy(const struct spool *s, int fd)
{
	static uint8_t	 piece[65536];
	uint64_t	 at;
	ssize_t		 n;

	if (s->mem != NULL)
		return (file_write(fd, 0, s->mem, s->size));
	for (at = 0; at < s->size; at += (uint64_t)n)
		if ((n = spool_read(s, at, piece, sizeof(piece))) == -1 ||
		    file_write(fd, at, piece, (size_t)n) == -1)
			return (-1);
	return (0);
}

/*
 * A copy is made on the disk even of a message in memory, because only a file
 * can be given away as a descriptor.
 */
int
spool_fd(const struct spool *s)
{
	int	fd, ro = -1, error;

	if (s->lost != 0) {
		errno = s->lost;
		return (-1);
	}
	if (*s->ro != -1) {
		ro = *s->ro;
		*s->ro = -1;
		return (ro);
	}
	if ((fd = file_new(&ro)) == -1)
		return (-1);
	if (copy(s, fd) == -1) {
		error = errno;
		close(ro);
		ro = -1;
		errno = error;
	}
	error = errno;
	close(fd);
	errno = error;
	return (ro);
}

void
spool_stats(uint64_t *memory, uint64_t *files, uint32_t *count)
{
	*memory = in_memory;
	*files = in_files;
	*count = messages;
}
