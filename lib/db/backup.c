/*
 * The lines of an export.  What spamdb's form holds is left to entry_line.c;
 * here are only the fields behind it and the three kinds that spamdb lacks.
 * Pure functions, used by both programs.
 */
#include <stdio.h>
#include <string.h>

#include "lib/db/backup.h"
#include "lib/base/hosts.h"

#define FIELDS_MAX	10

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
#define OWN	(sizeof(own) / sizeof(own[0]))

static const char *
own_name(enum entry_type type)
{
	size_t	i;

	for (i = 0; i < OWN - 1 && own[i].type != type; i++)
		;
	return (own[i].name);
}

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
		d += snprintf(d, 128, "|%lld|%lld|%u|%u|%s|",
		    (long long)e->first, (long long)e->pass, e->block,
		    e->passed, trap_reason_str(e->reason));
		d += put_comment(d, e);
		break;
	case ENTRY_SPAMTRAP:
		d += entry_line(e, dst);
		d += snprintf(d, 128, "|%lld|%lld|%lld|%u|%u|",
		    (long long)e->first, (long long)e->pass,
		    (long long)e->expire, e->block, e->passed);
		d += put_comment(d, e);
		break;
	case ENTRY_STAMP:
	case ENTRY_VISIT:
	case ENTRY_REPUTE:
		d += snprintf(d, 256, "%s|%s|%lld|%lld|%lld|%u|%u",
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

static int
get_comment(char *s, struct entry *e, const char **why)
{
	e->comment = s;
	if (entry_get_text(s) == -1 || strlen(s) > ENTRY_STR_MAX) {
		*why = "the comment is too long, or has a NUL";
		return (-1);
	}
	return (0);
}

static int
get_time(const char *s, int64_t *v, const char **why)
{
	*why = "bad time";
	return (entry_get_number(s, ENTRY_TIME_MAX, v));
}

static int
get_counts(char **f, struct entry *e, const char **why)
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

/* Cuts at each '|', and says how many fields there were. */
static size_t
split(char *line, char **f)
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
field(char *line, unsigned int n)
{
	while (n > 0 && (line = strchr(line, '|')) != NULL) {
		line++;
		n--;
	}
	return (line);
}

static int
parse_own(char *line, enum entry_type type, struct entry *e, const char **why)
{
	char	*f[FIELDS_MAX];
	size_t	 n = split(line, f);

	entry_init(e, type);
	if (n != 7) {
		*why = "STAMP, VISIT and REPUTE have seven fields";
		return (-1);
	}
	*why = "not an address";
	if (addr_parse(f[1], &e->addr) == -1)
		return (-1);
	if (get_time(f[2], &e->first, why) == -1 ||
	    get_time(f[3], &e->pass, why) == -1 ||
	    get_time(f[4], &e->expire, why) == -1)
		return (-1);
	return (get_counts(f + 5, e, why));
}

static int
parse_trapped(char *rest, struct entry *e, const char **why)
{
	char		*f[FIELDS_MAX];
	unsigned int	 i;

	if (split(rest, f) != 6) {
		*why = "TRAPPED has three fields, or nine in an export";
		return (-1);
	}
	if (get_time(f[0], &e->first, why) == -1 ||
	    get_time(f[1], &e->pass, why) == -1 ||
	    get_counts(f + 2, e, why) == -1)
		return (-1);
	for (i = 0; i < TRAP_MAX; i++) {
		if (strcmp(f[4], trap_reason_str(i)) == 0)
			e->reason = (uint8_t)i;
	}
	return (get_comment(f[5], e, why));
}

static int
parse_spamtrap(char *rest, struct entry *e, const char **why)
{
	char	*f[FIELDS_MAX];

	if (split(rest, f) != 6) {
		*why = "SPAMTRAP has two fields, or eight in an export";
		return (-1);
	}
	if (get_time(f[0], &e->first, why) == -1 ||
	    get_time(f[1], &e->pass, why) == -1 ||
	    get_time(f[2], &e->expire, why) == -1 ||
	    get_counts(f + 3, e, why) == -1)
		return (-1);
	return (get_comment(f[5], e, why));
}

int
backup_parse(char *line, struct entry *e, const char **why)
{
	static const struct {
		const char	*name;
		unsigned int	 fields;	/* of spamdb's form */
		int		(*rest)(char *, struct entry *, const char **);
	} kinds[] = {
		{ "WHITE|", 9, get_comment },
		{ "TRAPPED|", 3, parse_trapped },
		{ "SPAMTRAP|", 2, parse_spamtrap }
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
		if ((rest = field(line, kinds[i].fields)) == NULL)
			break;
		rest[-1] = '\0';
		if (entry_parse_line(line, e, why) == -1)
			return (-1);
		return (kinds[i].rest(rest, e, why));
	}
	return (entry_parse_line(line, e, why));
}
