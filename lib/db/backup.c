/*
 * The lines of an export; see backup.h.  spamdb's own part of a line is left
 * to entry_line.c; here are only the fields behind it and the three kinds of
 * entries that spamdb does not have.  Pure functions, used by both programs.
 */
#include <stdio.h>
#include <string.h>

#include "lib/db/backup.h"
#include "lib/base/hosts.h"

#define FIELDS_MAX	10
#define REST_FIELDS	6	/* behind TRAPPED and SPAMTRAP */
#define NUMBERS_MAX	256	/* octets of a name, an address and numbers */

/* A comment is at most ENTRY_STR_MAX octets, so it always fits. */
static size_t
put_comment(char *dst, const struct entry *e)
{
	if (strlen(e->comment) > ENTRY_STR_MAX)
		return (0);
	return (entry_put_text(dst, e->comment));
}

/* The kinds that spamdb lacks; they have the same fields. */
static const struct {
	const char	*name;
	enum entry_type	 type;
} own[] = {
	{ "STAMP", ENTRY_STAMP },
	{ "VISIT", ENTRY_VISIT },
	{ "REPUTE", ENTRY_REPUTE }
};
#define OWN_FIELDS	7
#define OWN	(sizeof(own) / sizeof(own[0]))

/* The name of a kind that spamdb does not have. */
static const char *
own_name(enum entry_type type)
{
	size_t	i;

	for (i = 0; i < OWN - 1 && own[i].type != type; i++)
		;
	return (own[i].name);
}

/* spamdb's own line first, then what it has no field for. */
size_t
backup_line(const struct entry *e, char *dst)
{
	char	 ip[ADDR_STRLEN];
	char	*d = dst;

	switch (e->type) {
	case ENTRY_WHITE:
		d += entry_line(e, dst);
		if (e->comment[0] != '\0') {
			*d++ = '|';
			d += put_comment(d, e);
		}
		break;
	case ENTRY_TRAPPED:
		d += entry_line(e, dst);
		d += snprintf(d, NUMBERS_MAX, "|%lld|%lld|%u|%u|%s|",
		    (long long)e->first, (long long)e->pass, e->block,
		    e->passed, trap_reason_str(e->reason));
		d += put_comment(d, e);
		break;
	case ENTRY_SPAMTRAP:
		d += entry_line(e, dst);
		d += snprintf(d, NUMBERS_MAX, "|%lld|%lld|%lld|%u|%u|",
		    (long long)e->first, (long long)e->pass,
		    (long long)e->expire, e->block, e->passed);
		d += put_comment(d, e);
		break;
	case ENTRY_STAMP:
	case ENTRY_VISIT:
	case ENTRY_REPUTE:
		d += snprintf(d, NUMBERS_MAX, "%s|%s|%lld|%lld|%lld|%u|%u",
		    own_name(e->type),
		    addr_str(&e->addr, ip), (long long)e->first,
		    (long long)e->pass, (long long)e->expire, e->block,
		    e->passed);
		break;
	default:
		return (entry_line(e, dst));
	}
	return ((size_t)(d - dst));
}

/* The last field of a line: the rest of it, which may be empty. */
static int
field_comment(char *s, struct entry *e, const char **why)
{
	e->comment = s;
	if (entry_get_text(s) == -1 || strlen(s) > ENTRY_STR_MAX) {
		*why = "the comment is too long or contains a NUL";
		return (-1);
	}
	return (0);
}

/* Seconds since the epoch; -1 and *why. */
static int
field_time(const char *s, int64_t *v, const char **why)
{
	*why = "bad time";
	return (entry_get_number(s, ENTRY_TIME_MAX, v));
}

/* Two counters, each of 32 bits, from f[0] and f[1]. */
static int
field_counts(char **f, struct entry *e, const char **why)
{
	int64_t	block, passed;

	*why = "bad count";
	if (entry_get_number(f[0], UINT32_MAX, &block) == -1 ||
	    entry_get_number(f[1], UINT32_MAX, &passed) == -1)
		return (-1);
	e->block = (uint32_t)block;
	e->passed = (uint32_t)passed;
	return (0);
}

/* Cuts the line at each '|' and returns the number of fields. */
static size_t
split_fields(char *line, char **f)
{
	size_t	 n = 0;

	f[n++] = line;
	for (; *line != '\0'; line++) {
		if (*line != '|')
			continue;
		if (n == FIELDS_MAX)
			return (n + 1);
		*line = '\0';
		f[n++] = line + 1;
	}
	return (n);
}

/* Where the n-th field begins, or NULL. */
static char *
field_at(char *line, unsigned int n)
{
	while (n > 0 && (line = strchr(line, '|')) != NULL) {
		line++;
		n--;
	}
	return (line);
}

/* A kind that spamdb does not have: seven fields. */
static int
parse_own(char *line, enum entry_type type, struct entry *e, const char **why)
{
	char	*f[FIELDS_MAX];
	size_t	 n = split_fields(line, f);

	entry_init(e, type);
	if (n != OWN_FIELDS) {
		*why = "STAMP, VISIT and REPUTE have seven fields";
		return (-1);
	}
	*why = "not an address";
	if (addr_parse(f[1], &e->addr) == -1)
		return (-1);
	if (field_time(f[2], &e->first, why) == -1 ||
	    field_time(f[3], &e->pass, why) == -1 ||
	    field_time(f[4], &e->expire, why) == -1)
		return (-1);
	return (field_counts(f + 5, e, why));
}

/*
 * What an export adds to a TRAPPED line: first, pass, block, passed, reason,
 * comment.
 */
static int
rest_trapped(char *rest, struct entry *e, const char **why)
{
	char		*f[FIELDS_MAX];
	unsigned int	 i;

	if (split_fields(rest, f) != REST_FIELDS) {
		*why = "TRAPPED has three fields, or nine in an export";
		return (-1);
	}
	if (field_time(f[0], &e->first, why) == -1 ||
	    field_time(f[1], &e->pass, why) == -1 ||
	    field_counts(f + 2, e, why) == -1)
		return (-1);
	for (i = 0; i < TRAP_MAX; i++) {
		if (strcmp(f[4], trap_reason_str(i)) == 0)
			e->reason = (uint8_t)i;
	}
	return (field_comment(f[5], e, why));
}

/* What an export adds to a SPAMTRAP line. */
static int
rest_spamtrap(char *rest, struct entry *e, const char **why)
{
	char	*f[FIELDS_MAX];

	if (split_fields(rest, f) != REST_FIELDS) {
		*why = "SPAMTRAP has two fields, or eight in an export";
		return (-1);
	}
	if (field_time(f[0], &e->first, why) == -1 ||
	    field_time(f[1], &e->pass, why) == -1 ||
	    field_time(f[2], &e->expire, why) == -1 ||
	    field_counts(f + 3, e, why) == -1)
		return (-1);
	return (field_comment(f[5], e, why));
}

/*
 * A line may come from this program or from spamdb: it has the fields behind
 * spamdb's form, or it ends there.  The line is cut where spamdb's form ends,
 * and each half is read by itself.
 */
int
backup_parse(char *line, struct entry *e, const char **why)
{
	static const struct {
		const char	*name;
		unsigned int	 fields;	/* of spamdb's form */
		int		(*rest)(char *, struct entry *, const char **);
	} kinds[] = {
		{ "WHITE|", 9, field_comment },
		{ "TRAPPED|", 3, rest_trapped },
		{ "SPAMTRAP|", 2, rest_spamtrap }
	};
	char	*rest;
	size_t	 i, len;

	line[strcspn(line, "\r\n")] = '\0';
	for (i = 0; i < OWN; i++) {
		len = strlen(own[i].name);
		if (strncmp(line, own[i].name, len) == 0 && line[len] == '|')
			return (parse_own(line, own[i].type, e, why));
	}
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strncmp(line, kinds[i].name, strlen(kinds[i].name)) != 0)
			continue;
		if ((rest = field_at(line, kinds[i].fields)) == NULL)
			break;
		rest[-1] = '\0';
		if (entry_parse_line(line, e, why) == -1)
			return (-1);
		return (kinds[i].rest(rest, e, why));
	}
	return (entry_parse_line(line, e, why));
}
