/*
 * The parameters of MAIL and RCPT; see param.h.  Functions that check return
 * NULL, or the reply, which is static text.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/utf8.h"
#include "lib/smtp/caps.h"
#include "lib/smtp/line.h"
#include "lib/smtp/param.h"

#define UNKNOWN	"555 5.5.4 Parameter not recognised or not offered"
#define BAD	"501 5.5.4 Invalid parameter value"
#define SYNTAX	"501 5.5.4 Invalid parameters"

/*
 * Compares the value of a parameter without regard to case.  0 also without a
 * value.
 */
static int
value_is(const struct smtp_param *p, const char *word)
{
	return (p->value != NULL && ascii_equal(p->value, p->value_len, word));
}

/*
 * Returns the value of a hexadecimal digit, which xtext has in upper case only
 * (RFC 3461 4); -1: it is not one.
 */
static int
hex(char c)
{
	return (c >= 'a' && c <= 'f' ? -1 : ascii_hex(c));
}

/*
 * Says whether it is xtext (RFC 3461 4): printable ASCII without "+" and "=",
 * and "+XX" for any other byte.  The mail server would see an encoded control
 * character decoded, so that it is refused.
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

/*
 * Returns the keyword of EHLO that offers the parameter, as CAPS_*; 0: unknown.
 * rcpt: 1 for parameters of RCPT.
 */
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
		if (t[i].rcpt == rcpt &&
		    ascii_equal(p->name, p->name_len, t[i].name))
			return (t[i].caps);
	return (0);
}

/*
 * For the choice of a mail server: a session needs one that offers all of it.
 */
uint32_t
param_caps(const char *pos, size_t left, int rcpt)
{
	struct smtp_param	p;
	uint32_t		caps = 0;

	while (smtp_param_next(&pos, &left, &p) == 1)
		caps |= keyword(&p, rcpt);
	return (caps);
}

/*
 * SIZE has at most 20 digits (RFC 1870 3).  A number that does not fit into a
 * uint64_t counts as the largest one.
 */
static const char *
check_size(const struct smtp_param *p, uint64_t max, struct param_mail *out)
{
	uint64_t	n = 0;
	size_t		i;

	if (p->value == NULL || p->value_len == 0 || p->value_len > 20)
		return (BAD);
	for (i = 0; i < p->value_len; i++) {
		if (!ascii_is_digit(p->value[i]))
			return (BAD);
		n = n > UINT64_MAX / 10 - 1 ? UINT64_MAX :
		    n * 10 + (uint64_t)(p->value[i] - '0');
	}
	out->size = n;
	return (max != 0 && n > max ?
	    "552 5.3.4 Message exceeds the maximum size" : NULL);
}

/* Checks one parameter of MAIL and keeps what is needed of it. */
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
		/* BINARYMIME (RFC 3030) is never offered. */
		if (value_is(p, "BINARYMIME"))
			return (UNKNOWN);
		out->body8 = value_is(p, "8BITMIME");
		return (out->body8 || value_is(p, "7BIT") ? NULL : BAD);
	}
	if (caps == CAPS_SMTPUTF8) {
		out->smtputf8 = 1;
		return (p->value == NULL ? NULL : BAD);
	}
	if (ascii_equal(p->name, p->name_len, "RET"))
		return (value_is(p, "FULL") || value_is(p, "HDRS") ?
		    NULL : BAD);
	/* ENVID: RFC 3461 4.4 allows 100 bytes. */
	return (p->value != NULL && p->value_len <= 100 &&
	    is_xtext(p->value, p->value_len) ? NULL : BAD);
}

/* The first parameter that is refused decides the reply. */
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

/*
 * NOTIFY is NEVER alone, or SUCCESS, FAILURE and DELAY in any number and order
 * (RFC 3461 4.1).
 */
static const char *
check_notify(const struct smtp_param *p)
{
	const char	*s = p->value, *comma;
	size_t		 left = p->value_len, n;

	if (s == NULL)
		return (BAD);
	if (ascii_equal(s, left, "NEVER"))
		return (NULL);
	for (;;) {
		comma = memchr(s, ',', left);
		n = comma == NULL ? left : (size_t)(comma - s);
		if (!ascii_equal(s, n, "SUCCESS") &&
		    !ascii_equal(s, n, "FAILURE") &&
		    !ascii_equal(s, n, "DELAY"))
			return (BAD);
		if (comma == NULL)
			return (NULL);
		s += n + 1;
		left -= n + 1;
	}
}

/*
 * ORCPT is "type;address" with at most 500 bytes (RFC 3461 4.2).  Some clients
 * write = and + unencoded, which is accepted.  An encoded control character
 * would end up in a notification.  With SMTPUTF8 the address may have
 * characters outside of ASCII (RFC 6533).
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
		if (!ascii_is_alnum(*s) && *s != '-')
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

/* Like param_mail: the first parameter that is refused decides. */
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
		else if (ascii_equal(p.name, p.name_len, "NOTIFY"))
			error = check_notify(&p);
		else
			error = check_orcpt(&p, utf8);
		if (error != NULL)
			return (error);
	}
	return (r == 0 ? NULL : SYNTAX);
}
