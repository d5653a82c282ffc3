/*
 * What a word or a string of the configuration means: an address, a name, a
 * template.  Each function returns 0 and sets its result, or reports by file
 * and line what is wrong and what would be right, leaves the result alone and
 * returns -1.  Numbers, times and sizes are read by lib/base/value.h.
 */
#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrhint.h"
#include "lib/base/log.h"
#include "lib/smtp/tmpl.h"
#include "lib/conf/conf_int.h"

#define CONTACT_MAX	200	/* octets: it shares a reply line with a code
				   and a session id */
#define DOMAIN_MAX	255
#define LABEL_MAX	63
#define LIST_NAME_MAX	63

/*
 * Sets a string to a copy of text; the old one is freed.  The process ends when
 * there is no memory, as everywhere in the parser.
 */
void
conf_replace(char **dst, const char *text)
{
	char	*copy;

	if ((copy = strdup(text)) == NULL)
		fatal("configuration");
	free(*dst);
	*dst = copy;
}

/*
 * A number of that kind between min and max, both included. what names the
 * setting in the message.
 */
int
conf_value(const struct lex_token *t, const char *what, enum value_kind kind,
    int64_t min, int64_t max, int64_t *result)
{
	char	why[VALUE_WHY];

	if (value_read(kind, t->text, min, max, result, why) == 0)
		return (0);
	conf_error(t, "%s: \"%s\" %s", what, t->text, why);
	return (-1);
}

int
conf_number(const struct lex_token *t, const char *what, uint32_t min,
    uint32_t max, uint32_t *result)
{
	int64_t	v;

	if (conf_value(t, what, VALUE_NUMBER, min, max, &v) == -1)
		return (-1);
	*result = (uint32_t)v;
	return (0);
}

int
conf_time(const struct lex_token *t, const char *what, int64_t min,
    int64_t max, int64_t *seconds)
{
	return (conf_value(t, what, VALUE_SECONDS, min, max, seconds));
}

/*
 * An IPv4 or IPv6 address.  The message has a hint when it looks like a name, a
 * network, or an address with a port.
 */
int
conf_address(const struct lex_token *t, const char *what, struct addr *a)
{
	char	hint[ADDRHINT_MAX];

	if (addr_parse(t->text, a) == 0)
		return (0);
	conf_error(t, "%s \"%s\": not an IPv4 or IPv6 address%s", what,
	    t->text, addr_hint(t->text, hint));
	return (-1);
}

int
conf_percent(const struct lex_token *t, const char *what, uint32_t *result)
{
	int64_t	v;

	if (conf_value(t, what, VALUE_PERCENT, 1, 100, &v) == -1)
		return (-1);
	*result = (uint32_t)v;
	return (0);
}

/*
 * Is it a domain? Labels of letters, digits, hyphens and underscores, or of
 * UTF-8, without a final dot. len: it need not end there.
 */
int
conf_is_domain(const char *s, size_t len)
{
	size_t	i, label = 0;

	if (len == 0 || len > DOMAIN_MAX)
		return (0);
	for (i = 0; i < len; i++) {
		unsigned char	 c = (unsigned char)s[i];

		if (c == '.') {
			if (label == 0 || s[i - 1] == '-')
				return (0);
			label = 0;
			continue;
		}
		if (!isalnum(c) && c != '_' && c < 0x80 &&
		    (c != '-' || label == 0))
			return (0);
		if (++label > LABEL_MAX)
			return (0);
	}
	return (s[len - 1] != '-' && s[len - 1] != '.');
}

/* A host name, as it is sent in greetings: ASCII only. */
int
conf_hostname(const struct lex_token *t, char **result)
{
	const char	*p;

	for (p = t->text; *p != '\0' && (unsigned char)*p < 0x80; p++)
		;
	if (*p != '\0' || !conf_is_domain(t->text, strlen(t->text))) {
		conf_error(t, "\"%s\" is not a host name", t->text);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* The name of a file: not empty, no control characters.  It need not exist. */
int
conf_path(const struct lex_token *t, const char *what, char **result)
{
	const char	*p;

	for (p = t->text; (unsigned char)*p >= 0x20 && *p != 0x7f; p++)
		;
	if (*t->text == '\0' || *p != '\0') {
		conf_error(t, "%s: \"%s\" is not a valid file name", what,
		    t->text);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* A template for replies (lib/smtp/tmpl.h) with only these % sequences. */
int
conf_template(const struct lex_token *t, const char *what,
    const char *allowed, char **result)
{
	const char	*why;

	if ((why = tmpl_check(t->text, allowed)) != NULL) {
		conf_error(t, "%s: %s", what, why);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* How to reach a person.  It shares a line of a reply with other text. */
int
conf_contact(const struct lex_token *t, char **result)
{
	const char	*p;

	for (p = t->text; *p >= 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0') {
		conf_error(t, "contact: must be printable ASCII, because it "
		    "is sent in replies");
		return (-1);
	}
	if (p == t->text || p - t->text > CONTACT_MAX) {
		conf_error(t, "contact: must have 1 to %d characters",
		    CONTACT_MAX);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/*
 * "451 4.7.1 text": returns 0 and *text at what follows the codes.  Without an
 * enhanced code the text follows the first code; one that is not of class 4 is
 * an error.
 */
static int
reply_codes(const char *s, const char **text)
{
	const char	*p;
	int		 i;

	if (strncmp(s, "450 ", 4) != 0 && strncmp(s, "451 ", 4) != 0)
		return (-1);
	*text = s + 4;
	p = s + 4;
	if (p[0] != '4' || p[1] != '.')
		return (isdigit((unsigned char)p[0]) && p[1] == '.' ? -1 : 0);
	for (p++, i = 0; i < 2; i++) {
		const char	*from = ++p;

		while (isdigit((unsigned char)*p))
			p++;
		if (p == from || p - from > 3 || *p != (i == 0 ? '.' : ' '))
			return (-1);
	}
	*text = p + 1;
	return (0);
}

/*
 * The whole reply to a grey host, with its code.  Only 450 and 451 make a mail
 * server try again.
 */
int
conf_grey_reply(const struct lex_token *t, char **result)
{
	const char	*text, *why;

	if (reply_codes(t->text, &text) == -1 || *text == '\0') {
		conf_error(t, "greylist reply: must be 450 or 451, an "
		    "optional code such as 4.7.1, and a text");
		return (-1);
	}
	if ((why = tmpl_check(text, "As")) != NULL) {
		conf_error(t, "greylist reply: %s", why);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* 450 or 550, to refuse trapped and blacklisted hosts with. */
int
conf_reply_code(const struct lex_token *t, const char *what, int *result)
{
	if (strcmp(t->text, "450") == 0)
		*result = 450;
	else if (strcmp(t->text, "550") == 0)
		*result = 550;
	else {
		conf_error(t, "%s: \"%s\" must be 450 (try again later) or "
		    "550 (refused for good)", what, t->text);
		return (-1);
	}
	return (0);
}

/*
 * The name of a table or set.  The firewall gets it as it is, so nothing else
 * than plain names is taken.
 */
int
conf_fw_name(const struct lex_token *t, const char *what, size_t max,
    char **result)
{
	size_t	len = strlen(t->text);

	if (len == 0 || len > max || !isalpha((unsigned char)*t->text) ||
	    strspn(t->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.-") != len) {
		conf_error(t, "%s \"%s\": must begin with a letter, contain "
		    "only letters, digits and _ . - and have at most %zu "
		    "characters", what, t->text, max);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* The name of a list; it becomes the name of a file in the state directory. */
int
conf_list_name(const struct lex_token *t)
{
	size_t	len = strlen(t->text);

	if (len != 0 && len <= LIST_NAME_MAX &&
	    strspn(t->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.-") == len)
		return (0);
	conf_error(t, "list \"%s\": a name may contain only letters, digits "
	    "and _ . - and have at most %d characters", t->text, LIST_NAME_MAX);
	return (-1);
}
