/*
 * Replies of front and pass that depend on nothing but the command and its
 * argument, so that both roles say the same.  Nothing here sends or keeps
 * anything.  Also the pieces of a log line that both write.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/caps.h"
#include "lib/smtp/mailaddr.h"
#include "lib/smtp/tmpl.h"
#include "spamgreyd/smtpd/smtpd.h"

/*
 * VRFY never says whether a mailbox exists. HELP, EXPN and what is for trusted
 * clients only are not implemented.
 */
const char *
simple_reply(enum smtp_verb verb)
{
	switch (verb) {
	case SMTP_NOOP:
		return ("250 2.0.0 Ok");
	case SMTP_VRFY:
		return ("252 2.0.0 Cannot VRFY user, but will accept message");
	case SMTP_EXPN:
	case SMTP_HELP:
	case SMTP_ETRN:
	case SMTP_BDAT:
	case SMTP_XCLIENT:
	case SMTP_XFORWARD:
		return ("502 5.5.1 Command not implemented");
	case SMTP_AUTH:
		return ("503 5.5.1 Authentication is not enabled");
	case SMTP_UNKNOWN:
		return ("500 5.5.1 Command not recognised");
	default:
		return (NULL);
	}
}

/*
 * Without the offer it is as unknown a command as any other that is not
 * implemented.
 */
const char *
simple_starttls(size_t arg_len, int secure, uint32_t offered)
{
	if (arg_len > 0)
		return ("501 5.5.4 STARTTLS takes no parameters");
	if (secure)
		return ("503 5.5.1 TLS is already active");
	return (offered & CAPS_STARTTLS ? NULL :
	    "502 5.5.1 Command not implemented");
}

/* smtp_path_parse's results as refusals. */
const char *
simple_mail(const char *arg, size_t len, char *path, size_t size,
    const char **params, size_t *params_len)
{
	switch (smtp_path_parse(arg, len, "FROM:", path, size, params,
	    params_len)) {
	case 0:
		return (NULL);
	case -2:
		return (MAILADDR_LONG_SENDER);
	case -3:
		return (MAILADDR_BAD_SENDER);
	default:
		return ("501 5.5.4 Syntax: MAIL FROM:<address>");
	}
}

/* The same; only a sender may be empty. */
const char *
simple_rcpt(const char *arg, size_t len, char *path, size_t size,
    const char **params, size_t *params_len)
{
	switch (smtp_path_parse(arg, len, "TO:", path, size, params,
	    params_len)) {
	case 0:
		return (strcmp(path, "<>") == 0 ?
		    "501 5.1.3 The recipient address is empty" : NULL);
	case -2:
		return (MAILADDR_LONG_RCPT);
	case -3:
		return (MAILADDR_BAD_RCPT);
	default:
		return ("501 5.5.4 Syntax: RCPT TO:<address>");
	}
}

/* 5.5.x is a mistake in the dialogue; 5.1.3, 5.1.7 and 5.6.7 are about an
 * address, and 552 is about the message's size. */
int
simple_counts(const char *text)
{
	return (strncmp(text, "552", 3) != 0 &&
	    strncmp(text + 4, "5.5.", 4) == 0);
}

int
simple_split(const char *text, char enhanced[6], const char **rest)
{
	memcpy(enhanced, text + 4, 5);
	enhanced[5] = '\0';
	*rest = text + 10;
	return (atoi(text));
}

char *
simple_helo(const char *arg, size_t len)
{
	return (strndup(arg, len > ENTRY_STR_MAX ? ENTRY_STR_MAX : len));
}

int
simple_vprintf(struct buf *out, const char *fmt, va_list ap)
{
	char	line[SMTP_REPLY_LINE_MAX + 1];
	int	n;

	n = vsnprintf(line, sizeof(line), fmt, ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return (-1);
	return (buf_add(out, line, (size_t)n));
}

/* The text is made once a second at most, for banners come in thousands. */
const char *
simple_date(void)
{
	static char	str[40];
	static time_t	made;		/* the second that str is of */
	time_t		now = (time_t)clock_wall();
	struct tm	tm;

	if (now != made || str[0] == '\0') {
		made = now;
		if (gmtime_r(&now, &tm) == NULL || strftime(str, sizeof(str),
		    "%a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
			str[0] = '\0';
	}
	return (str);
}

char *
log_copy(const char *text)
{
	return (strndup(text, CLIENT_LOG_FIELD));
}

/*
 * The encoded text is cut so that three of them leave room on the line for
 * what follows.
 */
void
log_put_text(struct buf *b, const char *name, const char *text)
{
	char	enc[CLIENT_LOG_FIELD * 2];

	if (text != NULL)
		(void)buf_printf(b, " %s=%s", name,
		    log_encode(enc, sizeof(enc), text,
		    strnlen(text, CLIENT_LOG_FIELD)));
}

void
log_put_events(struct buf *b, unsigned int events)
{
	const char	*sep = " events=";
	unsigned int	 i;

	for (i = 0; i < EVENT_MAX; i++)
		if (events & 1u << i) {
			(void)buf_printf(b, "%s%s", sep, host_event_str(i));
			sep = ",";
		}
}
