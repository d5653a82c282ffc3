/*
 * The parameters that MAIL and RCPT may have, as pure functions; of front and
 * of pass.  What the client's EHLO was not told of is refused with 555, so
 * that nobody relies on a thing that nobody does.
 */
#include <sys/types.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/smtp/caps.h"
#include "lib/smtp/line.h"
#include "lib/base/utf8.h"
#include "lib/smtp/param.h"

#define UNKNOWN	"555 5.5.4 Parameter not recognised or not offered"
#define BAD	"501 5.5.4 Bad value of a parameter"
#define SYNTAX	"501 5.5.4 Bad parameters"

static int
is(const char *text, size_t len, const char *word)
{
	return (len == strlen(word) && strncasecmp(text, word, len) == 0);
}

static int
value_is(const struct smtp_param *p, const char *word)
{
	return (p->value != NULL && is(p->value, p->value_len, word));
}

static int
hex(char c)
{
	static const char	 digits[] = "0123456789ABCDEF";
	const char		*p = c == '\0' ? NULL : strchr(digits, c);

	return (p == NULL ? -1 : (int)(p - digits));
}

/*
 * RFC 3461: "+HH", which must not hide a control character, or a printable
 * character other than + and =.
 */
static int
is_xtext(const char *s, size_t len)
{
	size_t	i;
	int	c;

	for (i = 0; i < len; i++) {
		if (s[i] == '+') {
			if (len - i < 3 || hex(s[i + 1]) == -1 ||
			    hex(s[i + 2]) == -1)
				return (0);
			c = hex(s[i + 1]) << 4 | hex(s[i + 2]);
			if (c < ' ' || c == 0x7f)
				return (0);
			i += 2;
		} else if (s[i] < '!' || s[i] > '~' || s[i] == '=')
			return (0);
	}
	return (len > 0);
}

/* Which keyword of EHLO tells of the parameter; 0: no such parameter. */
static uint32_t
keyword(const struct smtp_param *p, int rcpt)
{
	static const struct {
		const char	*name;
		int		 rcpt;
		uint32_t	 caps;
	} t[] = {
		{ "SIZE", 0, CAPS_SIZE }, { "BODY", 0, CAPS_8BITMIME },
		{ "SMTPUTF8", 0, CAPS_SMTPUTF8 }, { "RET", 0, CAPS_DSN },
		{ "ENVID", 0, CAPS_DSN }, { "NOTIFY", 1, CAPS_DSN },
		{ "ORCPT", 1, CAPS_DSN }
	};
	size_t	i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		if (t[i].rcpt == rcpt && is(p->name, p->name_len, t[i].name))
			return (t[i].caps);
	return (0);
}

uint32_t
param_caps(const char *pos, size_t left, int rcpt)
{
	struct smtp_param	p;
	uint32_t		caps = 0;

	while (smtp_param_next(&pos, &left, &p) == 1)
		caps |= keyword(&p, rcpt);
	return (caps);
}

/* SIZE: RFC 1870, at most 20 digits. */
static const char *
check_size(const struct smtp_param *p, uint64_t max, struct param_mail *out)
{
	uint64_t	n = 0;
	size_t		i;

	if (p->value == NULL || p->value_len == 0 || p->value_len > 20)
		return (BAD);
	for (i = 0; i < p->value_len; i++) {
		if (p->value[i] < '0' || p->value[i] > '9')
			return (BAD);
		n = n > UINT64_MAX / 10 - 1 ? UINT64_MAX :
		    n * 10 + (uint64_t)(p->value[i] - '0');
	}
	out->size = n;
	return (max != 0 && n > max ?
	    "552 5.3.4 The message is larger than we take" : NULL);
}

static const char *
mail_one(const struct smtp_param *p, uint32_t offered, uint64_t max,
    struct param_mail *out)
{
	uint32_t	caps = keyword(p, 0);

	if (caps == 0 || !(offered & caps))
		return (UNKNOWN);
	if (caps == CAPS_SIZE)
		return (check_size(p, max, out));
	if (caps == CAPS_8BITMIME) {
		/* RFC 3030, which is never offered. */
		if (value_is(p, "BINARYMIME"))
			return (UNKNOWN);
		out->body8 = value_is(p, "8BITMIME");
		return (out->body8 || value_is(p, "7BIT") ? NULL : BAD);
	}
	if (caps == CAPS_SMTPUTF8) {
		out->smtputf8 = 1;
		return (p->value == NULL ? NULL : BAD);
	}
	if (is(p->name, p->name_len, "RET"))
		return (value_is(p, "FULL") || value_is(p, "HDRS") ?
		    NULL : BAD);
	/* ENVID */
	return (p->value != NULL && p->value_len <= 100 &&
	    is_xtext(p->value, p->value_len) ? NULL : BAD);
}

const char *
param_mail(const char *pos, size_t left, uint32_t offered, uint64_t max,
    struct param_mail *out)
{
	struct smtp_param	 p;
	const char		*error;
	int			 r;

	memset(out, 0, sizeof(*out));
	while ((r = smtp_param_next(&pos, &left, &p)) == 1)
		if ((error = mail_one(&p, offered, max, out)) != NULL)
			return (error);
	return (r == 0 ? NULL : SYNTAX);
}

/* "NEVER" alone, or some of the other three. */
static const char *
check_notify(const struct smtp_param *p)
{
	const char	*s = p->value, *comma;
	size_t		 left = p->value_len, n;

	if (s == NULL)
		return (BAD);
	if (is(s, left, "NEVER"))
		return (NULL);
	for (;;) {
		comma = memchr(s, ',', left);
		n = comma == NULL ? left : (size_t)(comma - s);
		if (!is(s, n, "SUCCESS") && !is(s, n, "FAILURE") &&
		    !is(s, n, "DELAY"))
			return (BAD);
		if (comma == NULL)
			return (NULL);
		s += n + 1;
		left -= n + 1;
	}
}

/*
 * "rfc822;address".  Some write = and + as they are; a control character, in
 * hexadecimal, would end up in a notification.  With SMTPUTF8 there may be
 * other octets (RFC 6533).
 */
static const char *
check_orcpt(const struct smtp_param *p, int utf8)
{
	const char	*semi, *s, *end;
	int		 c;

	if (p->value == NULL || p->value_len > 500 ||
	    (semi = memchr(p->value, ';', p->value_len)) == NULL ||
	    semi == p->value || semi + 1 == p->value + p->value_len)
		return (BAD);
	end = p->value + p->value_len;
	for (s = p->value; s < semi; s++)
		if (!isalnum((unsigned char)*s) && *s != '-')
			return (BAD);
	for (s = semi + 1; s < end; s++) {
		c = (unsigned char)*s;
		if (c >= 0x80 && (!utf8 ||
		    utf8_char(s, (size_t)(end - s)) == 0))
			return (BAD);
		if (c >= 0x80)
			s += utf8_char(s, (size_t)(end - s)) - 1;
		if (c == '+' && end - s >= 3 && hex(s[1]) != -1 &&
		    hex(s[2]) != -1)
			c = hex(s[1]) << 4 | hex(s[2]);
		if (c < ' ' || c == 0x7f)
			return (BAD);
	}
	return (NULL);
}

const char *
param_rcpt(const char *pos, size_t left, uint32_t offered, int utf8)
{
	struct smtp_param	 p;
	const char		*error;
	uint32_t		 caps;
	int			 r;

	while ((r = smtp_param_next(&pos, &left, &p)) == 1) {
		caps = keyword(&p, 1);
		if (caps == 0 || !(offered & caps))
			error = UNKNOWN;
		else if (is(p.name, p.name_len, "NOTIFY"))
			error = check_notify(&p);
		else
			error = check_orcpt(&p, utf8);
		if (error != NULL)
			return (error);
	}
	return (r == 0 ? NULL : SYNTAX);
}
