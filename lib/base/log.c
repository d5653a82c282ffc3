/*
 * Logging; see log.h.  Every function keeps errno, so that a caller can log
 * and return.  Peer text must have gone through log_encode; should a control
 * character come in all the same it is printed as '?', so that a line is
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

#include "lib/base/log.h"

static void	log_fmt(int, const char *, const char *, va_list)
		    __attribute__((__format__(printf, 3, 0)));

static const char	*log_role = "-";
static log_sink		 log_to;
static void		*log_arg;
static int		 log_verb;

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

/* line has room for LOG_LINE_MAX + 1 octets. */
static void
log_out(int priority, char *line)
{
	size_t	len;

	for (len = 0; line[len] != '\0'; len++)
		if ((unsigned char)line[len] < 0x20 || line[len] == 0x7f)
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

void
log_stderr(const char *program, const char *text)
{
	char		 line[LOG_LINE_MAX + 80];
	char		 stamp[32] = "";
	time_t		 now = time(NULL);
	struct tm	 tm;
	int		 n;

	if (localtime_r(&now, &tm) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%b %e %T ", &tm);
	n = snprintf(line, sizeof(line), "%s%s[%ld]: %s\n", stamp, program,
	    (long)getpid(), text);
	/* One write, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, (size_t)n < sizeof(line) ? (size_t)n :
	    sizeof(line) - 1) == -1)
		return;		/* there is nowhere left to say so */
}

void
log_line(int priority, const char *text)
{
	char	line[LOG_LINE_MAX + 1];
	int	saved = errno;

	(void)snprintf(line, LOG_LINE_MAX, "%s", text);
	log_out(priority, line);
	errno = saved;
}

/* what: strerror text to append, or NULL. */
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

char *
log_encode(char *dst, size_t dstsize, const void *src, size_t len)
{
	static const char	 hex[] = "0123456789abcdef";
	const unsigned char	*s = src;
	size_t			 i, n, need, cut = 0;

	if (dstsize == 0)
		return (dst);
	for (i = n = 0; i < len; i++) {
		need = s[i] <= ' ' || s[i] >= 0x7f || s[i] == '|' ||
		    s[i] == '\\' || s[i] == '"' ? 4 : 1;
		if (n + need >= dstsize)
			break;
		if (need == 1)
			dst[n++] = (char)s[i];
		else {
			dst[n++] = '\\';
			dst[n++] = 'x';
			dst[n++] = hex[s[i] >> 4];
			dst[n++] = hex[s[i] & 15];
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

char *
log_encode_str(char *dst, size_t dstsize, const char *src)
{
	return (log_encode(dst, dstsize, src, strlen(src)));
}
