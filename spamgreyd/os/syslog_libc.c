/* syslog(3), where it never blocks: OpenBSD's uses sendsyslog(2). */
#include <syslog.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"

int
syslog_line(const char *ident, int priority, const char *line)
{
	static const char	*opened;

	/* It only notes the name: sendsyslog(2) needs no descriptor. */
	if (opened != ident) {
		openlog(ident, LOG_PID | LOG_NDELAY, LOG_DAEMON);
		opened = ident;
	}
	syslog(priority, "%s", line);
	return (0);
}
