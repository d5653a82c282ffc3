/*
 * Below the lexer of spamgreyd.conf(5): memory for one run of the parser, and
 * whole files.  A file is read before it is taken apart, so that one that
 * changes meanwhile cannot be seen half old and half new.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"
#include "conf_parse.h"

struct block {				/* of the arena */
	struct block	*next;
	max_align_t	 data[];
};

static struct block	*arena;

void *
lex_alloc(size_t size)
{
	struct block	*b;

	if ((b = calloc(1, sizeof(*b) + size)) == NULL)
		fatal("configuration");
	b->next = arena;
	arena = b;
	return (b->data);
}

char *
lex_strdup(const char *s, size_t len)
{
	char	*copy = lex_alloc(len + 1);

	memcpy(copy, s, len);
	return (copy);
}

void
lex_free_all(void)
{
	struct block	*b;

	while ((b = arena) != NULL) {
		arena = b->next;
		free(b);
	}
}

/*
 * Only the main file may be something else than a regular file (standard
 * input, a descriptor of a shell); an included FIFO would hold up a reload.
 */
int
conf_file_open(const char *file, int included, struct stat *st)
{
	int	fd, saved;

	if ((fd = open(file, O_RDONLY | O_CLOEXEC |
	    (included ? O_NONBLOCK : 0))) == -1)
		return (-1);
	if (fstat(fd, st) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	if (S_ISDIR(st->st_mode) || (included && !S_ISREG(st->st_mode))) {
		close(fd);
		errno = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
		return (-1);
	}
	return (fd);
}

static char *
read_all(int fd, size_t *len)
{
	char	*buf = NULL, *bigger;
	size_t	 size = 0;
	ssize_t	 n;

	*len = 0;
	for (;;) {
		if (*len == size) {
			if (size >= CONF_FILE_MAX) {
				errno = EFBIG;
				break;
			}
			size = size == 0 ? 8192 : size * 2;
			if ((bigger = realloc(buf, size)) == NULL)
				break;
			buf = bigger;
		}
		if ((n = read(fd, buf + *len, size - *len)) == 0)
			return (buf);
		if (n == -1) {
			if (errno == EINTR)
				continue;
			break;
		}
		*len += (size_t)n;
	}
	free(buf);
	return (NULL);
}

char *
conf_file_read(int fd, size_t *len)
{
	char	*text = read_all(fd, len);
	int	 saved = errno;

	close(fd);
	errno = saved;
	return (text);
}
