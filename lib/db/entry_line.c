/*
 * An entry as a line in spamdb's form, and back.  Pure functions.  Text from a
 * peer is encoded so that the number of fields is fixed whatever a client
 * sent; lines of OpenBSD's spamdb, which encodes nothing, are read as well.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/ascii.h"
#include "lib/base/hosts.h"
#include "lib/db/entry.h"

#define FIELDS_MAX	10

/*
 * spamdb's field is a signed number of 64 bits: an entry that never expires
 * shows the greatest one, because 0 would mean that it has expired.
 */
static long long
shown_expire(const struct entry *e)
{
	return (e->expire == 0 ? (long long)INT64_MAX : (long long)e->expire);
}

/* The same escapes as in the log. */
size_t
entry_put_text(char *dst, const char *s)
{
	char		*d = dst;
	unsigned char	 c;

	for (; (c = (unsigned char)*s) != '\0'; s++) {
		if (c == '|' || c == '\\' || c < 0x20 || c >= 0x7f)
			d = ascii_escape(d, c);
		else
			*d++ = (char)c;
	}
	*d = '\0';
	return ((size_t)(d - dst));
}

/* ENTRY_LINE_MAX holds three strings of ENTRY_STR_MAX, each octet as \xHH. */
size_t
entry_line(const struct entry *e, char *dst)
{
	char	 ip[ADDR_STRLEN];
	char	*d = dst;

	switch (e->type) {
	case ENTRY_SPAMTRAP:
		memcpy(d, "SPAMTRAP|", 9);
		return (9 + entry_put_text(d + 9, e->rcpt));
	case ENTRY_TRAPPED:
		return ((size_t)snprintf(dst, ENTRY_LINE_MAX, "TRAPPED|%s|%lld",
		    addr_str(&e->addr, ip), shown_expire(e)));
	case ENTRY_WHITE:
		return ((size_t)snprintf(dst, ENTRY_LINE_MAX,
		    "WHITE|%s|||%lld|%lld|%lld|%u|%u", addr_str(&e->addr, ip),
		    (long long)e->first, (long long)e->pass,
		    shown_expire(e), e->block, e->passed));
	case ENTRY_GREY:
		d += snprintf(d, ENTRY_LINE_MAX, "GREY|%s|",
		    addr_str(&e->addr, ip));
		d += entry_put_text(d, e->helo);
		*d++ = '|';
		d += entry_put_text(d, e->from);
		*d++ = '|';
		d += entry_put_text(d, e->to);
		d += snprintf(d, ENTRY_LINE_MAX - (size_t)(d - dst),
		    "|%lld|%lld|%lld|%u|%u", (long long)e->first,
		    (long long)e->pass, (long long)e->expire, e->block,
		    e->passed);
		return ((size_t)(d - dst));
	default:
		dst[0] = '\0';
		return (0);
	}
}

/*
 * Decodes \xHH in place.  Any other backslash stands for itself, as in the
 * lines of OpenBSD's spamdb.  -1: a NUL came out of it.
 */
int
entry_get_text(char *s)
{
	char	*d = s;
	int	 hi, lo;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] == 'x' &&
		    (hi = ascii_hex(s[2])) != -1 &&
		    (lo = ascii_hex(s[3])) != -1) {
			if (hi == 0 && lo == 0)
				return (-1);
			*d++ = (char)(hi << 4 | lo);
			s += 4;
		} else
			*d++ = *s++;
	}
	*d = '\0';
	return (0);
}

/* strtoll would take signs and blanks, so the first character is checked. */
int
entry_get_number(const char *s, int64_t max, int64_t *v)
{
	char		*end;
	long long	 n;

	if (!ascii_is_digit(*s))
		return (-1);
	errno = 0;
	n = strtoll(s, &end, 10);
	if (errno != 0 || *end != '\0' || n > max)
		return (-1);
	*v = n;
	return (0);
}

/* 0, or the greatest number: never. */
static int
get_expire(const char *s, int64_t *v)
{
	if (entry_get_number(s, INT64_MAX, v) == -1)
		return (-1);
	if (*v == INT64_MAX)
		*v = 0;
	return (*v > ENTRY_TIME_MAX ? -1 : 0);
}

/* The last five fields: first, pass, expire, block, passed. */
static int
parse_numbers(char **f, struct entry *e, const char **why)
{
	int64_t	block, passed;

	if (entry_get_number(f[0], ENTRY_TIME_MAX, &e->first) == -1 ||
	    entry_get_number(f[1], ENTRY_TIME_MAX, &e->pass) == -1 ||
	    get_expire(f[2], &e->expire) == -1) {
		*why = "bad time";
		return (-1);
	}
	if (entry_get_number(f[3], UINT32_MAX, &block) == -1 ||
	    entry_get_number(f[4], UINT32_MAX, &passed) == -1) {
		*why = "bad count";
		return (-1);
	}
	e->block = (uint32_t)block;
	e->passed = (uint32_t)passed;
	return (0);
}

/*
 * spamd's own lines do not encode a | that a client sent, so such a line has
 * more fields than it should; which of them is which cannot be known.
 */
static int
parse_grey(char **f, size_t n, struct entry *e, const char **why)
{
	size_t	i;

	if (n != 10) {
		*why = n > 10 ? "GREY has more than ten fields "
		    "(an unescaped | in one of them?)" :
		    "GREY has fewer than ten fields";
		return (-1);
	}
	for (i = 2; i < 5; i++) {
		if (entry_get_text(f[i]) == -1) {
			*why = "a NUL in a field";
			return (-1);
		}
		if (strlen(f[i]) > ENTRY_STR_MAX) {
			*why = "a field is too long";
			return (-1);
		}
	}
	e->helo = f[2];
	e->from = f[3];
	e->to = f[4];
	return (parse_numbers(f + 5, e, why));
}

/* The address of a spamtrap is its key, so it must fit there. */
static int
parse_spamtrap(char **f, size_t n, struct entry *e, const char **why)
{
	if (n != 2) {
		*why = "SPAMTRAP has two fields";
		return (-1);
	}
	if (entry_get_text(f[1]) == -1) {
		*why = "a NUL in a field";
		return (-1);
	}
	if (strchr(f[1], '@') == NULL || strlen(f[1]) >= MAILADDR_KEY_MAX) {
		*why = "not a mail address";
		return (-1);
	}
	e->rcpt = f[1];
	return (0);
}

/* WHITE and TRAPPED; a line does not say why a host was trapped. */
static int
parse_host(char **f, size_t n, struct entry *e, const char **why)
{
	if (e->type == ENTRY_TRAPPED) {
		if (n != 3) {
			*why = "TRAPPED has three fields";
			return (-1);
		}
		e->reason = TRAP_IMPORT;
		if (get_expire(f[2], &e->expire) == -1) {
			*why = "bad time";
			return (-1);
		}
		return (0);
	}
	if (n != 9 || f[2][0] != '\0' || f[3][0] != '\0') {
		*why = "WHITE has nine fields, the third and fourth empty";
		return (-1);
	}
	return (parse_numbers(f + 4, e, why));
}

/*
 * The line is cut at each '|', whatever the kind, and the kind then checks the
 * number of fields.
 */
int
entry_parse_line(char *line, struct entry *e, const char **why)
{
	static const struct {
		const char	*name;
		enum entry_type	 type;
	} kinds[] = {
		{ "GREY", ENTRY_GREY }, { "WHITE", ENTRY_WHITE },
		{ "TRAPPED", ENTRY_TRAPPED }, { "SPAMTRAP", ENTRY_SPAMTRAP }
	};
	char	*f[FIELDS_MAX + 1];
	size_t	 i, n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	f[n++] = line;
	for (; *line != '\0'; line++) {
		if (*line != '|')
			continue;
		*line = '\0';
		if (n <= FIELDS_MAX)
			f[n] = line + 1;
		n++;
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(f[0], kinds[i].name) == 0)
			break;
	}
	if (i == sizeof(kinds) / sizeof(kinds[0])) {
		*why = "not a line of spamdb (GREY, WHITE, TRAPPED, SPAMTRAP)";
		return (-1);
	}
	entry_init(e, kinds[i].type);
	if (e->type == ENTRY_SPAMTRAP)
		return (parse_spamtrap(f, n, e, why));
	if (n < 2 || addr_parse(f[1], &e->addr) == -1) {
		*why = "not an address";
		return (-1);
	}
	if (e->type == ENTRY_GREY)
		return (parse_grey(f, n, e, why));
	return (parse_host(f, n, e, why));
}
