/*
 * Logging; see log.h.  Every function keeps errno, so that a caller can log
 * and return.  Text from a peer must have gone through log_encode; a control
 * character that comes in all the same is printed as '?', so that a line is
 * always one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "lib/base/log.h"

static void	log_fmt(int, const char *, const char *, va_list)
		    __attribute__((__format__(printf, 3, 0)));

static const char	*log_role = "-";
static log_sink		 log_to;
static void		*log_arg;
static int		 log_verb;

/*
 * A descriptor 0 to 2 that is closed would be given to the next file that is
 * opened, and what a library prints would then go into that file.
 */
void
log_std(void)
{
	int	fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", fd == 1 ?
		    O_RDONLY : O_RDWR) != fd)
			_exit(1);
}

void
log_init(const char *role)
{
	log_role = role;
}

void
log_set_sink(log_sink sink, void *arg)
{
	log_to = sink;
	log_arg = arg;
}

void
log_set_verbose(int verbose)
{
	log_verb = verbose;
}

int
log_is_verbose(void)
{
	return (log_verb);
}

/*
 * Sends a line to the sink, or to standard error with its newline.  The buffer
 * has room for LOG_LINE_MAX + 1 octets.
 */
static void
log_out(int priority, char *line)
{
	size_t	len;

	for (len = 0; line[len] != '\0'; len++)
		if (ascii_is_control(line[len]))
			line[len] = '?';
	if (log_to != NULL) {
		log_to(priority, line, log_arg);
		return;
	}
	/* One write, so that lines of several processes do not mix. */
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) == -1)
		return;		/* there is nowhere left to say so */
}

/* Made once a second: a busy daemon logs thousands of lines in one. */
const char *
log_stamp(int64_t now)
{
	static char	str[32];
	static int64_t	made = -1;	/* the second that str is of */
	time_t		t = (time_t)now;
	struct tm	tm;

	if (now != made) {
		made = now;
		if (localtime_r(&t, &tm) == NULL ||
		    strftime(str, sizeof(str), "%b %e %T", &tm) == 0)
			str[0] = '\0';
	}
	return (str);
}

size_t
log_stamped(char *dst, size_t size, const char *program, long pid,
    const char *line)
{
	int	n;

	n = snprintf(dst, size, "%s %s[%ld]: %s\n", log_stamp(time(NULL)),
	    program, pid, line);
	if (n < 0)
		return (0);
	return ((size_t)n < size ? (size_t)n : size - 1);
}

/* One write, so that lines of several processes do not mix. */
void
log_stderr(const char *program, const char *text)
{
	char	line[LOG_LINE_MAX + 80];
	size_t	n = log_stamped(line, sizeof(line), program, (long)getpid(),
	    text);

	if (write(STDERR_FILENO, line, n) == -1)
		return;		/* there is nowhere left to say so */
}

/* Cut like any other line. */
void
log_line(int priority, const char *text)
{
	char	line[LOG_LINE_MAX + 1];
	int	saved = errno;

	(void)snprintf(line, LOG_LINE_MAX, "%s", text);
	log_out(priority, line);
	errno = saved;
}

/* what: the text of strerror to append, or NULL. A longer line is cut. */
static void
log_fmt(int priority, const char *what, const char *fmt, va_list ap)
{
	char	line[LOG_LINE_MAX + 1];
	size_t	len;
	int	n;

	n = vsnprintf(line, LOG_LINE_MAX, fmt, ap);
	if (n < 0)
		n = snprintf(line, LOG_LINE_MAX, "(%s)", fmt);
	len = n < LOG_LINE_MAX ? (size_t)n : LOG_LINE_MAX - 1;
	if (what != NULL)
		(void)snprintf(line + len, LOG_LINE_MAX - len, ": %s", what);
	log_out(priority, line);
}

void
log_warn(const char *fmt, ...)
{
	va_list	ap;
	int	saved = errno;

	va_start(ap, fmt);
	log_fmt(LOG_ERR, strerror(saved), fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_warnx(const char *fmt, ...)
{
	va_list	ap;
	int	saved = errno;

	va_start(ap, fmt);
	log_fmt(LOG_ERR, NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_info(const char *fmt, ...)
{
	va_list	ap;
	int	saved = errno;

	va_start(ap, fmt);
	log_fmt(LOG_INFO, NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

void
log_debug(const char *fmt, ...)
{
	va_list	ap;
	int	saved = errno;

	if (!log_verb)
		return;
	va_start(ap, fmt);
	log_fmt(LOG_DEBUG, NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

/*
 * The session first, so that grep with its number finds all lines of a
 * connection.
 */
void
log_event(uint64_t session, const char *event, const char *fmt, ...)
{
	va_list	ap;
	char	line[LOG_LINE_MAX + 1];
	int	n, saved = errno;

	n = snprintf(line, LOG_LINE_MAX, "%016" PRIx64 " %s %s%s", session,
	    log_role, event, fmt == NULL ? "" : " ");
	if (fmt != NULL && n > 0 && n < LOG_LINE_MAX) {
		va_start(ap, fmt);
		(void)vsnprintf(line + n, LOG_LINE_MAX - (size_t)n, fmt, ap);
		va_end(ap);
	}
	log_out(LOG_INFO, line);
	errno = saved;
}

/* The sink sees the flag and writes the line under spamd's name. */
void
log_spamd(int priority, const char *fmt, ...)
{
	va_list	ap;
	int	saved = errno;

	va_start(ap, fmt);
	log_fmt(priority | LOG_AS_SPAMD, NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

/* Leaves with status 1; the parent logs that the child died. */
void
fatal(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	log_fmt(LOG_CRIT, strerror(errno), fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	log_fmt(LOG_CRIT, NULL, fmt, ap);
	va_end(ap);
	exit(1);
}

/*
 * Where the text is cut, "..." takes the place of the last characters: `cut'
 * is the last place from which the three dots still fit, never within an
 * escape.
 */
char *
log_encode(char *dst, size_t dstsize, const void *src, size_t len)
{
	const unsigned char	*s = src;
	size_t			 i, n, need, cut = 0;

	if (dstsize == 0)
		return (dst);
	for (i = n = 0; i < len; i++) {
		need = s[i] <= ' ' || s[i] >= 0x7f || s[i] == '|' ||
		    s[i] == '\\' || s[i] == '"' ? ASCII_ESCAPE_LEN : 1;
		if (n + need >= dstsize)
			break;
		if (need == 1)
			dst[n++] = (char)s[i];
		else {
			ascii_escape(dst + n, s[i]);
			n += need;
		}
		/* The last place where "..." would still fit. */
		if (n + 3 < dstsize)
			cut = n;
	}
	if (i < len) {
		for (n = cut; n < cut + 3 && n + 1 < dstsize; n++)
			dst[n] = '.';
	}
	dst[n] = '\0';
	return (dst);
}

/* For a string that ends with its NUL. */
char *
log_encode_str(char *dst, size_t dstsize, const char *src)
{
	return (log_encode(dst, dstsize, src, strlen(src)));
}
