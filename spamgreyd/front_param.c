/*
 * The parameters that MAIL and RCPT may have, as pure functions.  What the
 * client's EHLO was not told of is refused with 555, so that nobody relies
 * on a thing that nobody does.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "../lib/smtpline.h"
#include "front.h"

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

/* RFC 3461: "+HH" or a printable character other than + and =. */
static int
is_xtext(const char *s, size_t len)
{
	size_t	i;

	for (i = 0; i < len; i++) {
		if (s[i] == '+') {
			if (len - i < 3 ||
			    strchr("0123456789ABCDEF", s[i + 1]) == NULL ||
			    strchr("0123456789ABCDEF", s[i + 2]) == NULL)
				return (0);
			i += 2;
		} else if (s[i] < '!' || s[i] > '~' || s[i] == '=')
			return (0);
	}
	return (len > 0);
}

/* SIZE: RFC 1870, at most 20 digits. */
static const char *
check_size(const struct smtp_param *p, uint64_t max)
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
	return (max != 0 && n > max ?
	    "552 5.3.4 The message is larger than we take" : NULL);
}

static const char *
mail_one(const struct smtp_param *p, unsigned int offered, uint64_t max)
{
	if (!(offered & OFFER_EHLO))
		return (UNKNOWN);
	if (is(p->name, p->name_len, "SIZE"))
		return (offered & OFFER_SIZE ? check_size(p, max) : UNKNOWN);
	if (is(p->name, p->name_len, "BODY"))
		return (value_is(p, "7BIT") || value_is(p, "8BITMIME") ?
		    NULL : BAD);
	if (is(p->name, p->name_len, "SMTPUTF8"))
		return (p->value == NULL ? NULL : BAD);
	if (is(p->name, p->name_len, "RET"))
		return (value_is(p, "FULL") || value_is(p, "HDRS") ?
		    NULL : BAD);
	if (is(p->name, p->name_len, "ENVID"))
		return (p->value != NULL && p->value_len <= 100 &&
		    is_xtext(p->value, p->value_len) ? NULL : BAD);
	return (UNKNOWN);
}

const char *
param_mail(const char *pos, size_t left, unsigned int offered, uint64_t max)
{
	struct smtp_param	 p;
	const char		*error;
	int			 r;

	while ((r = smtp_param_next(&pos, &left, &p)) == 1)
		if ((error = mail_one(&p, offered, max)) != NULL)
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

static const char *
check_orcpt(const struct smtp_param *p)
{
	const char	*semi;

	if (p->value == NULL || p->value_len > 500 ||
	    (semi = memchr(p->value, ';', p->value_len)) == NULL ||
	    semi == p->value)
		return (BAD);
	/* With SMTPUTF8 it may hold other octets (RFC 6533). */
	return (p->value_len - (size_t)(semi - p->value) > 1 ? NULL : BAD);
}

const char *
param_rcpt(const char *pos, size_t left, unsigned int offered)
{
	struct smtp_param	 p;
	const char		*error;
	int			 r;

	while ((r = smtp_param_next(&pos, &left, &p)) == 1) {
		if (!(offered & OFFER_EHLO))
			error = UNKNOWN;
		else if (is(p.name, p.name_len, "NOTIFY"))
			error = check_notify(&p);
		else if (is(p.name, p.name_len, "ORCPT"))
			error = check_orcpt(&p);
		else
			error = UNKNOWN;
		if (error != NULL)
			return (error);
	}
	return (r == 0 ? NULL : SYNTAX);
}
