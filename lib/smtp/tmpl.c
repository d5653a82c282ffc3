/*
 * Message templates; see tmpl.h.  What spamgreyd -n checks is what a client
 * gets: both walk a template with the same function, line by line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/smtp/tmpl.h"

#define TMPL_HEAD_MAX	10	/* "NNN-X.X.X " */
#define TMPL_SECONDS_MAX 20	/* digits and sign of an int64_t */
#define CONTACT_LINE	480	/* octets that fit on a line with the head */

/*
 * The length of the line break at s, as a character or as it is written; 0:
 * none.
 */
static size_t
line_break(const char *s)
{
	if (s[0] == '\n')
		return (1);
	return (s[0] == '\\' && s[1] == 'n' ? 2 : 0);
}

/*
 * The longest that each line can become is counted, so that no reply is ever
 * cut.
 */
const char *
tmpl_check(const char *text, const char *allowed)
{
	const char	*s;
	size_t		 br, len = TMPL_HEAD_MAX;

	if (text[0] == '\0')
		return ("is empty");
	for (s = text; *s != '\0'; s++) {
		if ((br = line_break(s)) > 0) {
			s += br - 1;
			len = TMPL_HEAD_MAX;
			continue;
		}
		if (*s < 0x20 || *s > 0x7e)
			return ("contains a character that is not printable "
			    "ASCII");
		if (*s != '%')
			len++;
		else if (*++s == '%')
			len++;
		else if (*s == '\0' || strchr(allowed, *s) == NULL ||
		    (*s != 'A' && *s != 's'))
			return ("contains an unknown % sequence; write %% "
			    "for a percent sign");
		else
			len += *s == 'A' ? ADDR_STRLEN - 1 : TMPL_SECONDS_MAX;
		if (len + 2 > SMTP_REPLY_LINE_MAX)
			return ("has a line that is longer than 512 bytes "
			    "when it is sent; break it with \\n");
	}
	return (NULL);
}

/* Adds s to the line, cut where a reply line must end. */
static void
line_add(char *line, size_t *len, const char *s, size_t n)
{
	size_t	room = SMTP_REPLY_LINE_MAX - 2 - *len;

	if (n > room)
		n = room;
	memcpy(line + *len, s, n);
	*len += n;
}

/*
 * Each line begins with "NNN-"; the hyphen of the last one becomes a space.  A
 * template that tmpl_check refuses still makes a valid line.
 */
int
tmpl_reply(struct buf *out, int code, const char *enhanced, const char *text,
    const struct addr *client, int64_t seconds, int last)
{
	char		 line[SMTP_REPLY_LINE_MAX], a[ADDR_STRLEN];
	char		 head[32], num[TMPL_SECONDS_MAX + 1];
	const char	*s = text;
	size_t		 br, len;
	int		 more;

	(void)snprintf(num, sizeof(num), "%" PRId64, seconds);
	do {
		len = 0;
		(void)snprintf(head, sizeof(head), "%03d-%.20s%s", code,
		    enhanced == NULL ? "" : enhanced,
		    enhanced == NULL ? "" : " ");
		line_add(line, &len, head, strlen(head));
		for (; *s != '\0' && (br = line_break(s)) == 0; s++) {
			if (*s == '%' && s[1] == 'A' && client != NULL) {
				addr_str(client, a);
				line_add(line, &len, a, strlen(a));
				s++;
			} else if (*s == '%' && s[1] == 's') {
				line_add(line, &len, num, strlen(num));
				s++;
			} else {
				if (*s == '%' && s[1] == '%')
					s++;
				line_add(line, &len, *s < 0x20 || *s > 0x7e ?
				    "?" : s, 1);
			}
		}
		if ((more = *s != '\0'))
			s += br;
		if (!more && last)
			line[3] = ' ';
		memcpy(line + len, "\r\n", 2);
		if (buf_add(out, line, len + 2) == -1)
			return (-1);
	} while (more);
	return (0);
}

/*
 * The number of the session stands on a line of its own when the text is long.
 */
int
tmpl_contact(struct buf *out, int code, const char *enhanced,
    const char *contact, uint64_t id, const struct addr *client)
{
	char	text[SMTP_REPLY_LINE_MAX + 32];
	int	n;

	n = snprintf(text, sizeof(text), "%s [%016" PRIx64 "]", contact, id);
	if (n > CONTACT_LINE)
		snprintf(text, sizeof(text), "%.512s\\n[%016" PRIx64 "]",
		    contact, id);
	return (tmpl_reply(out, code, enhanced, text, client, 0, 1));
}
