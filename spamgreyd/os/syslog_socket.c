/*
 * A line to syslogd through our own non-blocking socket: the syslog(3) of
 * these systems waits for as long as syslogd does not read.  The socket is
 * opened again after syslogd was restarted.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/os/os.h"

static int	sock = -1;	/* connected to _PATH_LOG */

/* 0, or -1: syslogd is not there, or does not accept datagrams now. */
static int
syslog_open(void)
{
	struct sockaddr_un	sun;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	strlcpy(sun.sun_path, _PATH_LOG, sizeof(sun.sun_path));
	if ((sock = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1)
		return (-1);
	if (fcntl(sock, F_SETFL, O_NONBLOCK) == -1 ||
	    fcntl(sock, F_SETFD, FD_CLOEXEC) == -1 ||
	    connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(sock);
		sock = -1;
		return (-1);
	}
	return (0);
}

/* A second attempt on a new socket follows if syslogd was restarted. */
int
syslog_line(const char *ident, int priority, const char *line)
{
	char	text[LOG_LINE_MAX + 128];
	int	len, try;

	len = snprintf(text, sizeof(text), "<%d>%s %s[%d]: %s",
	    LOG_DAEMON | priority, log_stamp(clock_wall()), ident,
	    (int)getpid(), line);
	if (len < 0 || (size_t)len >= sizeof(text))
		len = sizeof(text) - 1;
	for (try = 0; try < 2; try++) {
		if (sock == -1 && syslog_open() == -1)
			return (-1);
		if (send(sock, text, (size_t)len, MSG_NOSIGNAL) != -1)
			return (0);
		if (errno == EAGAIN || errno == EWOULDBLOCK ||
		    errno == ENOBUFS)
			return (-1);
		close(sock);
		sock = -1;
	}
	return (-1);
}
