/*
 * Logging.  A line goes to the sink: in a child of the daemon that is a
 * message to the parent, in the parent syslog(3) or standard error, in the
 * command standard error.  errno is kept.  No function here blocks by itself.
 * Anybody may call them; a process sets its role and its sink once, at start.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

#define LOG_LINE_MAX	2048	/* a longer line is cut */
#define LOG_AS_SPAMD	0x80	/* in a sink's priority: spamd's own line */

/* line has no newline and is already encoded. */
typedef void (*log_sink)(int priority, const char *line, void *arg);

/*
 * Opens /dev/null for each of the descriptors 0 to 2 that is closed, so that no
 * file opened later is read or written as a standard stream.  Writing to
 * standard output still fails when the caller had closed it.  To be called
 * before anything else is opened; ends the process when it fails.
 */
void	 log_std(void);
/* role: shown in event lines. Until a sink is set lines go to stderr. */
void	 log_init(const char *role);
void	 log_set_sink(log_sink, void *arg);
/* For a sink: writes the line to stderr as syslogd would, with the local time,
 * the program's name and our process id. */
void	 log_stderr(const char *program, const char *line);
/* The same with its newline, under that process id and not written: its length,
 * at most size. */
size_t	 log_stamped(char *dst, size_t size, const char *program, long pid,
	    const char *line);
/* "Nov 30 20:21:48", local time; static memory. */
const char *log_stamp(int64_t now);
void	 log_set_verbose(int);	/* 0: no LOG_DEBUG lines are even made */

void	 log_warn(const char *, ...)	/* LOG_ERR, with strerror(errno) */
	    __attribute__((__format__(printf, 1, 2)));
void	 log_warnx(const char *, ...)	/* LOG_ERR */
	    __attribute__((__format__(printf, 1, 2)));
void	 log_info(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	 log_debug(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
/* LOG_INFO: "<16-hex session> <role> <event> <fmt...>" (fmt may be NULL). */
void	 log_event(uint64_t session, const char *event, const char *fmt, ...)
	    __attribute__((__format__(printf, 3, 4)));
/* A line as OpenBSD's spamd has it, under its name (`log spamd'). */
void	 log_spamd(int priority, const char *fmt, ...)
	    __attribute__((__format__(printf, 2, 3)));
int	 log_is_verbose(void);
/* A finished line (from a child), straight to the sink. */
void	 log_line(int priority, const char *line);
/* log_warn(x) at LOG_CRIT, then exit(1). */
void	 fatal(const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));
void	 fatalx(const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));

/*
 * Peer text made safe for one field of a line: '|', '\', space, '"',
 * control characters and bytes from 0x7f on become \xHH.  Always NUL
 * terminates; when dst is too short the text ends in "...".  Returns dst.
 */
char	*log_encode(char *dst, size_t dstsize, const void *src, size_t len);
char	*log_encode_str(char *dst, size_t dstsize, const char *src);

#endif
