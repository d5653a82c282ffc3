/*
 * The header fields that are put in front of a message for a scanner only.  A
 * filter in front of the mail server sees no trace line of it yet, and rules
 * that look for the last relay would look at the one before it.  The fields
 * have the form of Postfix's, which all scanners can read.  Text from the
 * client is replaced where it has characters that do not belong there.
 */
#include <sys/types.h>

#include <string.h>
#include <time.h>

#include "lib/base/addr.h"
#include "lib/base/ascii.h"
#include "lib/base/clock.h"
#include "spamgreyd/pass/scan/scan.h"

/* Bytes of HELO and of the sender that are shown. */
#define HELO_MAX	255
#define FROM_MAX	512

/* Copies letters, digits and the characters in `also'; others become '?'. */
static void
clean(char *dst, size_t size, const char *src, const char *also)
{
	size_t	i;
	char	c;

	for (i = 0; i + 1 < size && (c = src[i]) != '\0'; i++)
		dst[i] = ascii_is_alnum(c) || strchr(also, c) != NULL ? c :
		    '?';
	dst[i] = '\0';
}

/*
 * The time is written as UTC.  Without a sender the Return-Path is "<>", as for
 * bounces.
 */
int
scan_received(const struct scan_sender *s, struct buf *b)
{
	char		a[ADDR_STRLEN], helo[HELO_MAX + 1], date[40];
	char		from[FROM_MAX + 1], tls[32];
	time_t		now = (time_t)clock_wall();
	struct tm	tm;

	clean(helo, sizeof(helo), s->helo == NULL ? "unknown" : s->helo,
	    ".-_:[]");
	clean(from, sizeof(from), s->from == NULL ? "<>" : s->from,
	    "<>@.!#$%&'*+-/=?^_`{|}~");
	clean(tls, sizeof(tls), s->tls_version == NULL ? "" : s->tls_version,
	    ".-_");
	if (gmtime_r(&now, &tm) == NULL || strftime(date, sizeof(date),
	    "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		return (-1);
	return (buf_printf(b, "Return-Path: %s\r\n"
	    "Received: from %s (%s [%s%s])\r\n"
	    "\t%s%s%sby %s (Postfix) with %s%s id %016llx\r\n"
	    "\t(envelope-from %s);\r\n\t%s\r\n",
	    from, helo, s->name == NULL ? "unknown" : s->name,
	    addr_is4(s->client) ? "" : "IPv6:",
	    addr_str(s->client, a), tls[0] == '\0' ? "" : "(using ",
	    tls, tls[0] == '\0' ? "" : ")\r\n\t", s->hostname,
	    s->esmtp ? "ESMTP" : "SMTP", tls[0] == '\0' ? "" : "S",
	    (unsigned long long)s->id, from, date));
}
