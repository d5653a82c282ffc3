/*
 * syslog(3) where it never blocks (OpenBSD: sendsyslog(2)).
 */
#include <syslog.h>

#include "../lib/log.h"
#include "spamgreyd.h"

int
syslog_line(int priority, const char *line)
{
	static int	opened;

	if (!opened) {
		openlog("spamgreyd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
		opened = 1;
	}
	syslog(priority, "%s", line);
	return (0);
}
