/*
 * What a word or string of the configuration means: numbers, times, sizes,
 * names, templates.  Each function reports by file and line what is wrong
 * and says what would be right; it leaves its result alone then.
 */
#include <sys/types.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addrhint.h"
#include "../lib/log.h"
#include "../lib/tmpl.h"
#include "conf_parse.h"

#define CONTACT_MAX	200	/* octets: it shares a reply line with a code
				   and a session id */
#define DOMAIN_MAX	255
#define LABEL_MAX	63
#define LIST_NAME_MAX	63
#define SPAN_LEN	32	/* a limit in a message */

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
 * Digits at the beginning of text, at most max; *end is what follows.
 * 0, or -1 when there are none; past max *value is max + 1.
 */
static int
digits(const char *text, uint64_t max, uint64_t *value, const char **end)
{
	if (!isdigit((unsigned char)*text))
		return (-1);
	for (*value = 0; isdigit((unsigned char)*text); text++)
		if (*value <= max)
			*value = *value * 10 + (uint64_t)(*text - '0');
	if (*value > max)
		*value = max + 1;
	*end = text;
	return (0);
}

int
conf_number(const struct lex_token *t, const char *what, uint32_t min,
    uint32_t max, uint32_t *result)
{
	const char	*end;
	uint64_t	 v;

	if (digits(t->text, max, &v, &end) == -1 || *end != '\0') {
		conf_error(t, "%s: \"%s\" is not a number", what, t->text);
		return (-1);
	}
	if (v < min || v > max) {
		conf_error(t, "%s: %s is not between %u and %u", what,
		    t->text, min, max);
		return (-1);
	}
	*result = (uint32_t)v;
	return (0);
}

/* Milliseconds of a time's unit; 0: none. */
static int64_t
unit_ms(const char *unit)
{
	static const struct { const char *name; int64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 }
	};
	size_t	i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].name) == 0)
			return (units[i].ms);
	return (0);
}

static int
time_parse(const struct lex_token *t, const char *what, int64_t *ms)
{
	const char	*end;
	uint64_t	 v;
	int64_t		 unit;

	if (digits(t->text, (uint64_t)CONF_TIME_MAX * 1000, &v, &end) == -1) {
		conf_error(t, "%s: \"%s\" is not a time, as 30s, 5m, 4h, 36d "
		    "or 2w", what, t->text);
		return (-1);
	}
	if (*end == '\0') {
		conf_error(t, "%s: %s has no unit; write %ss, %sm, %sh, %sd or "
		    "%sw", what, t->text, t->text, t->text, t->text, t->text,
		    t->text);
		return (-1);
	}
	if ((unit = unit_ms(end)) == 0) {
		conf_error(t, "%s: \"%s\" is not a unit of time; there are s, "
		    "m, h, d and w", what, end);
		return (-1);
	}
	if (v > (uint64_t)(CONF_TIME_MAX * 1000 / unit)) {
		conf_error(t, "%s: %s is more than ten years", what, t->text);
		return (-1);
	}
	*ms = (int64_t)v * unit;
	return (0);
}

/* A time as one writes it: by the longest unit that leaves no rest. */
static const char *
span(int64_t seconds, char text[SPAN_LEN])
{
	static const struct { char name; int64_t s; } units[] = {
		{ 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 }
	};
	size_t	i;

	for (i = 0; i < 3; i++)
		if (seconds >= units[i].s && seconds % units[i].s == 0)
			break;
	snprintf(text, SPAN_LEN, "%lld%c", (long long)(seconds / units[i].s),
	    units[i].name);
	return (text);
}

static const char *
size_text(uint64_t size, char text[SPAN_LEN])
{
	int	m = size % (1024 * 1024) == 0;

	snprintf(text, SPAN_LEN, "%llu%c", (unsigned long long)size /
	    (m ? 1024 * 1024 : 1024), m ? 'M' : 'K');
	return (text);
}

int
conf_time(const struct lex_token *t, const char *what, int64_t min,
    int64_t max, int64_t *seconds)
{
	char	from[SPAN_LEN], to[SPAN_LEN];
	int64_t	ms;

	if (time_parse(t, what, &ms) == -1)
		return (-1);
	if (ms % 1000 != 0) {
		conf_error(t, "%s: %s is not whole seconds", what, t->text);
		return (-1);
	}
	if (ms / 1000 < min || ms / 1000 > max) {
		conf_error(t, "%s: %s is not between %s and %s", what,
		    t->text, span(min, from), span(max, to));
		return (-1);
	}
	*seconds = ms / 1000;
	return (0);
}

int
conf_time_ms(const struct lex_token *t, const char *what, int64_t *result)
{
	int64_t	ms;

	if (time_parse(t, what, &ms) == -1)
		return (-1);
	if (ms < 1 || ms > CONF_STUTTER_MS_MAX) {
		conf_error(t, "%s: %s is not between 1ms and %ds", what,
		    t->text, CONF_STUTTER_MS_MAX / 1000);
		return (-1);
	}
	*result = ms;
	return (0);
}

int
conf_size(const struct lex_token *t, const char *what, uint64_t min,
    uint64_t max, uint64_t *result)
{
	static const char	 units[] = "KMG";
	const char		*end, *unit;
	char			 from[SPAN_LEN], to[SPAN_LEN];
	uint64_t		 v, scale = 1;

	if (digits(t->text, UINT64_MAX >> 8, &v, &end) == -1) {
		conf_error(t, "%s: \"%s\" is not a size, as 500K, 50M or 1G",
		    what, t->text);
		return (-1);
	}
	if (*end == '\0') {
		conf_error(t, "%s: %s has no unit; write %sK, %sM or %sG", what,
		    t->text, t->text, t->text, t->text);
		return (-1);
	}
	if ((unit = strchr(units, *end)) == NULL || end[1] != '\0') {
		conf_error(t, "%s: \"%s\" is not a unit of size; there are K, "
		    "M and G", what, end);
		return (-1);
	}
	scale <<= 10 * (unit - units + 1);
	if (v > max / scale || v * scale < min) {
		conf_error(t, "%s: %s is not between %s and %s", what,
		    t->text, size_text(min, from), size_text(max, to));
		return (-1);
	}
	*result = v * scale;
	return (0);
}

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

/* "50%" */
int
conf_percent(const struct lex_token *t, const char *what, uint32_t *result)
{
	const char	*end;
	uint64_t	 v;

	if (digits(t->text, 100, &v, &end) == -1 || strcmp(end, "%") != 0 ||
	    v < 1 || v > 100) {
		conf_error(t, "%s: \"%s\" is not between 1%% and 100%%", what,
		    t->text);
		return (-1);
	}
	*result = (uint32_t)v;
	return (0);
}

int
conf_prefixlen(const struct lex_token *t, unsigned int max, uint8_t *result)
{
	const char	*end;
	uint64_t	 v;

	if (digits(t->text, max, &v, &end) == 0 && *end == '\0') {
		conf_error(t, "\"%s\" is not a prefix length; write /%s",
		    t->text, t->text);
		return (-1);
	}
	if (*t->text != '/' || digits(t->text + 1, max, &v, &end) == -1 ||
	    *end != '\0' || v < 1 || v > max) {
		conf_error(t, "\"%s\" is not a prefix length between /1 and "
		    "/%u", t->text, max);
		return (-1);
	}
	*result = (uint8_t)v;
	return (0);
}

/* Letters, digits, hyphens and underscores, or UTF-8, on labels. */
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

int
conf_path(const struct lex_token *t, const char *what, char **result)
{
	const char	*p;

	for (p = t->text; (unsigned char)*p >= 0x20 && *p != 0x7f; p++)
		;
	if (*t->text == '\0' || *p != '\0') {
		conf_error(t, "%s: \"%s\" is not the name of a file", what,
		    t->text);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

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

int
conf_contact(const struct lex_token *t, char **result)
{
	const char	*p;

	for (p = t->text; *p >= 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0') {
		conf_error(t, "contact: a reply to a client may hold printable "
		    "ASCII only");
		return (-1);
	}
	if (p == t->text || p - t->text > CONTACT_MAX) {
		conf_error(t, "contact: must have between 1 and %d characters",
		    CONTACT_MAX);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

/* "451 4.7.1 text": 0, and *text at what follows the codes. */
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

int
conf_grey_reply(const struct lex_token *t, char **result)
{
	const char	*text, *why;

	if (reply_codes(t->text, &text) == -1 || *text == '\0') {
		conf_error(t, "greylist reply: must be 450 or 451, a code as "
		    "4.7.1 or none, and a text");
		return (-1);
	}
	if ((why = tmpl_check(text, "As")) != NULL) {
		conf_error(t, "greylist reply: %s", why);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

int
conf_reply_code(const struct lex_token *t, int *result)
{
	if (strcmp(t->text, "450") == 0)
		*result = 450;
	else if (strcmp(t->text, "550") == 0)
		*result = 550;
	else {
		conf_error(t, "reply \"%s\": must be 450 (try again later) or "
		    "550 (refused for good)", t->text);
		return (-1);
	}
	return (0);
}

int
conf_fw_name(const struct lex_token *t, const char *what, size_t max,
    char **result)
{
	size_t	len = strlen(t->text);

	if (len == 0 || len > max || !isalpha((unsigned char)*t->text) ||
	    strspn(t->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.-") != len) {
		conf_error(t, "%s \"%s\": must begin with a letter, hold "
		    "letters, digits and _ . - only and have at most %zu "
		    "characters", what, t->text, max);
		return (-1);
	}
	conf_replace(result, t->text);
	return (0);
}

int
conf_list_name(const struct lex_token *t)
{
	size_t	len = strlen(t->text);

	if (len != 0 && len <= LIST_NAME_MAX &&
	    strspn(t->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.-") == len)
		return (0);
	conf_error(t, "list \"%s\": a name holds letters, digits and _ . - "
	    "only and has at most %d characters", t->text, LIST_NAME_MAX);
	return (-1);
}
