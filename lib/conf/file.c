/*
 * What the lexer of spamgreyd.conf(5) stands on: the memory of one run of the
 * parser, whole files, and who can change them.  A file is read whole before it
 * is parsed, so that a change in the middle cannot be seen half old and half
 * new.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

struct block {				/* of the arena */
	struct block	*next;
	max_align_t	 data[];
};

static struct block	*arena;

/*
 * Zeroed memory of the arena.  It lives until lex_free_all() and is never freed
 * alone; the process ends when there is none.
 */
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

/* A copy of len bytes with a NUL behind them, of the arena. */
char *
lex_strdup(const char *s, size_t len)
{
	char	*copy = lex_alloc(len + 1);

	memcpy(copy, s, len);
	return (copy);
}

/* Frees the arena: every token, its text and what the parser made of them. */
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

/*
 * The whole file to a buffer that the caller frees, and its length to *len.
 * NULL with errno; EFBIG past CONF_FILE_MAX. (The buffer is not a string.)
 */
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

/* Reads the file and closes it, also when reading fails. */
char *
conf_file_read(int fd, size_t *len)
{
	char	*text = read_all(fd, len);
	int	 saved = errno;

	close(fd);
	errno = saved;
	return (text);
}

/*
 * Who can change what the daemon obeys.  A configuration runs commands and
 * names the files that root reads.  So it must belong to root, or to the user
 * who starts the daemon, and so must the directories that lead to it.  Lists
 * and files of recipients are data and are not checked.
 *
 * user_name and group_name: the names for messages, or the number as text when
 * there is none; static until the next call.
 */
static const char *
user_name(uid_t uid)
{
	static char		 number[16];
	const struct passwd	*pw = getpwuid(uid);

	if (pw != NULL)
		return (pw->pw_name);
	snprintf(number, sizeof(number), "%u", (unsigned int)uid);
	return (number);
}

static const char *
group_name(gid_t gid)
{
	static char		 number[16];
	const struct group	*gr = getgrgid(gid);

	if (gr != NULL)
		return (gr->gr_name);
	snprintf(number, sizeof(number), "%u", (unsigned int)gid);
	return (number);
}

/* May this user write what the daemon obeys? */
static int
is_trusted(uid_t uid)
{
	return (uid == 0 || uid == geteuid());
}

/*
 * Reports when others can write the file or directory of that name. what stands
 * before the name: "" for the file itself, or "the directory ".  Returns -1
 * when it must not be used.
 */
static int
check_mode(const struct lex_token *at, const char *name, const char *what,
    const struct stat *st)
{
	if ((st->st_mode & S_IWOTH) != 0) {
		conf_error(at, "%s%s can be written by everybody; run chmod "
		    "o-w %s", what, name, name);
		return (-1);
	}
	if ((st->st_mode & S_IWGRP) != 0)
		conf_warning(at, "%s%s can be written by the group %s: its "
		    "members can change what the daemon does; if they should "
		    "not, run chmod g-w %s", what, name,
		    group_name(st->st_gid), name);
	return (0);
}

/*
 * In a sticky directory (/tmp) others cannot replace a file or a directory
 * that is not theirs.  A directory of another user is only a warning: some
 * systems give /etc/mail to the user of their mail server.
 */
static int
check_above(const struct lex_token *at, const char *file)
{
	struct stat	st;
	char		path[PATH_MAX], *slash;
	int		rc = 0;

	if (realpath(file, path) == NULL)
		return (0);		/* a descriptor: /dev/stdin */
	while (rc == 0 && (slash = strrchr(path, '/')) != NULL &&
	    path[1] != '\0') {
		slash[slash == path] = '\0';
		if (conf_where("the directory %s", path) != NULL)
			break;
		(void)conf_once(at, "the directory %s", path);
		if (stat(path, &st) == -1)
			return (0);
		if (!is_trusted(st.st_uid))
			conf_warning(at, "%s is in the directory %s of the "
			    "user %s, who can replace it", file, path,
			    user_name(st.st_uid));
		if ((st.st_mode & S_ISVTX) == 0)
			rc = check_mode(at, path, "the directory ", &st);
	}
	return (rc);
}

/* May this file tell the daemon what to do? See user_name(). */
int
conf_file_trust(const char *file, const struct lex_token *from,
    const struct stat *st)
{
	struct lex_token	 tok;

	if (!S_ISREG(st->st_mode))
		return (0);		/* a pipe or descriptor of a shell */
	memset(&tok, 0, sizeof(tok));
	tok.file = file;
	if (from != NULL)
		tok = *from;
	if (!is_trusted(st->st_uid)) {
		conf_error(&tok, "%s belongs to the user %s, who is neither "
		    "root nor the one who starts the daemon; run chown on it",
		    file, user_name(st->st_uid));
		return (-1);
	}
	if (check_mode(&tok, file, "", st) == -1)
		return (-1);
	return (check_above(&tok, file));
}
