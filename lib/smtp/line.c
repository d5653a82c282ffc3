/*
 * SMTP lines, verbs and paths; see line.h.  Everything here reads what a
 * stranger sent: no function reads past the length it was given, and none
 * needs a NUL.
 */
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/smtp/line.h"

#define TLS_HANDSHAKE	0x16	/* a record's type */
#define TLS_VERSION	0x03	/* … and the first octet of its version */

static const struct {
	const char	*name;
	enum smtp_verb	 verb;
} verbs[] = {
	{ "HELO", SMTP_HELO },
	{ "EHLO", SMTP_EHLO },
	{ "MAIL", SMTP_MAIL },
	{ "RCPT", SMTP_RCPT },
	{ "DATA", SMTP_DATA },
	{ "RSET", SMTP_RSET },
	{ "NOOP", SMTP_NOOP },
	{ "VRFY", SMTP_VRFY },
	{ "EXPN", SMTP_EXPN },
	{ "HELP", SMTP_HELP },
	{ "QUIT", SMTP_QUIT },
	{ "STARTTLS", SMTP_STARTTLS },
	{ "AUTH", SMTP_AUTH },
	{ "BDAT", SMTP_BDAT },
	{ "ETRN", SMTP_ETRN },
	{ "XCLIENT", SMTP_XCLIENT },
	{ "XFORWARD", SMTP_XFORWARD },
	{ NULL, SMTP_UNKNOWN }
};

static const char *const http_methods[] = {
	"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "TRACE",
	"PATCH", "PROPFIND", "PRI", NULL
};

/*
 * A line that is exactly max octets long with its end is still one; only more
 * without an end is too long.
 */
enum smtp_line
smtp_line_find(const uint8_t *data, size_t len, size_t max, size_t *line_len,
    size_t *used, int *bare_lf)
{
	const uint8_t	*lf;
	size_t		 look = len < max ? len : max, n;

	if (look == 0 || (lf = memchr(data, '\n', look)) == NULL)
		return (len >= max ? SMTP_LINE_TOOLONG : SMTP_LINE_NONE);
	n = (size_t)(lf - data);
	*used = n + 1;
	*bare_lf = n == 0 || data[n - 1] != '\r';
	*line_len = *bare_lf ? n : n - 1;
	return (SMTP_LINE_OK);
}

/* The record's type is handshake, its version 3.x (RFC 8446 5.1). */
enum smtp_tls
smtp_tls_begins(const uint8_t *data, size_t len)
{
	if (len == 0 || data[0] != TLS_HANDSHAKE)
		return (SMTP_TLS_NO);
	if (len == 1)
		return (SMTP_TLS_MAYBE);
	return (data[1] == TLS_VERSION ? SMTP_TLS_YES : SMTP_TLS_NO);
}

/*
 * "GET /": HTTP has one space and upper case; an SMTP verb may have any case.
 */
static int
is_http(const char *s, size_t word, size_t len)
{
	size_t	i;

	if (word + 1 >= len || s[word] != ' ' || ascii_is_blank(s[word + 1]))
		return (0);
	for (i = 0; http_methods[i] != NULL; i++)
		if (strlen(http_methods[i]) == word &&
		    memcmp(http_methods[i], s, word) == 0)
			return (1);
	return (0);
}

/*
 * A header line ("Subject: x") or a line that does not begin with a letter
 * comes from a program that does not speak SMTP.
 */
enum smtp_verb
smtp_verb_parse(const uint8_t *line, size_t len, const char **arg,
    size_t *arg_len)
{
	const char	*s = (const char *)line;
	size_t		 i, word, from, to;

	*arg = s;
	*arg_len = 0;
	for (i = 0; i < len; i++)
		if (ascii_is_control(s[i]) && s[i] != '\t')
			return (SMTP_UNKNOWN);
	if (len == 0)
		return (SMTP_UNKNOWN);
	if (!ascii_is_alpha(s[0]))
		return (SMTP_FOREIGN);
	for (word = 0; word < len && (ascii_is_alnum(s[word]) ||
	    s[word] == '-'); word++)
		continue;
	if (word < len && s[word] == ':')
		return (SMTP_FOREIGN);
	for (from = word; from < len && ascii_is_blank(s[from]); from++)
		continue;
	for (to = len; to > from && ascii_is_blank(s[to - 1]); to--)
		continue;
	*arg = s + from;
	*arg_len = to - from;
	if (word < len && !ascii_is_blank(s[word]))
		return (SMTP_UNKNOWN);
	for (i = 0; verbs[i].name != NULL; i++)
		if (ascii_equal(s, word, verbs[i].name))
			return (verbs[i].verb);
	return (is_http(s, word, len) ? SMTP_FOREIGN_HTTP : SMTP_UNKNOWN);
}

/*
 * The length of the path at s: "<…>" with both brackets, or a bare word; 0:
 * none.
 */
static size_t
path_span(const char *s, size_t len)
{
	size_t	i = 0;
	int	angle, quoted = 0;

	if (len == 0)
		return (0);
	angle = s[0] == '<';
	for (i = angle ? 1 : 0; i < len; i++) {
		if (ascii_is_control(s[i]))
			return (0);
		if (s[i] == '\\') {
			if (++i == len || ascii_is_control(s[i]))
				return (0);
		} else if (s[i] == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (s[i] == '>')
			return (angle ? i + 1 : 0);
		else if (s[i] == '<')
			return (0);
		else if (ascii_is_blank(s[i]))
			break;
	}
	/* A path in brackets must have ended inside the loop. */
	return (angle || quoted ? 0 : i);
}

/*
 * The keyword may come with its colon or without.  Some clients send blanks
 * around the colon, and some leave out the brackets; both are accepted.
 */
int
smtp_path_parse(const char *arg, size_t len, const char *keyword, char *path,
    size_t pathsize, const char **params, size_t *params_len)
{
	const char	*end = arg + len;
	size_t		 n = strlen(keyword);
	int		 bare;

	if (n > 0 && keyword[n - 1] == ':')
		n--;
	if (len < n || !ascii_same(arg, keyword, n))
		return (-1);
	for (arg += n; arg < end && ascii_is_blank(*arg); arg++)
		continue;
	if (arg == end || *arg++ != ':')
		return (-1);
	for (; arg < end && ascii_is_blank(*arg); arg++)
		continue;
	if (arg == end)
		return (-1);
	if ((n = path_span(arg, (size_t)(end - arg))) == 0)
		return (-3);
	bare = arg[0] != '<';
	if (arg + n < end && !ascii_is_blank(arg[n]))
		return (-3);
	if (n + (bare ? 2 : 0) >= pathsize)
		return (-2);
	if (bare) {
		path[0] = '<';
		memcpy(path + 1, arg, n);
		path[n + 1] = '>';
		path[n + 2] = '\0';
	} else {
		memcpy(path, arg, n);
		path[n] = '\0';
	}
	for (arg += n; arg < end && ascii_is_blank(*arg); arg++)
		continue;
	for (; end > arg && ascii_is_blank(end[-1]); end--)
		continue;
	*params = arg;
	*params_len = (size_t)(end - arg);
	return (0);
}

/*
 * RFC 5321 4.1.2: a name of letters, digits and hyphens, then a value without
 * blanks.
 */
int
smtp_param_next(const char **pos, size_t *left, struct smtp_param *p)
{
	const char	*s = *pos, *end = s + *left;

	for (; s < end && ascii_is_blank(*s); s++)
		continue;
	*pos = s;
	*left = (size_t)(end - s);
	if (s == end)
		return (0);
	p->name = s;
	for (; s < end && (ascii_is_alnum(*s) || *s == '-'); s++)
		continue;
	p->name_len = (size_t)(s - p->name);
	p->value = NULL;
	p->value_len = 0;
	if (p->name_len == 0 || p->name[0] == '-')
		return (-1);
	if (s < end && *s == '=') {
		for (p->value = ++s; s < end && !ascii_is_blank(*s); s++)
			if (ascii_is_control(*s))
				return (-1);
		p->value_len = (size_t)(s - p->value);
		if (p->value_len == 0)
			return (-1);
	}
	if (s < end && !ascii_is_blank(*s))
		return (-1);
	*pos = s;
	*left = (size_t)(end - s);
	return (1);
}
