/*
 * Reads the files of spamd: lines of rc.conf.local, spamd.conf(5) in the form
 * of getcap(3), and spamd.alloweddomains.  The kind of a file is recognised by
 * its lines, not by its name.  Everything that is kept is a copy, owned by
 * struct convert.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/domain.h"
#include "spamgreydb/convert/convert.h"

#define MESSAGE_FILE	4096	/* bytes of a message's file, with a NUL */
#define QUOTED_MAX	60	/* characters quoted in a problem */

/* -1 stands for a number that was not given; 450 is spamd's default reply. */
void
convert_init(struct convert *cv)
{
	memset(cv, 0, sizeof(*cv));
	cv->connections = cv->blacklisted = cv->pass = cv->grey = -1;
	cv->white = cv->stutter = cv->stutter_for = cv->window = -1;
	cv->port = cv->track_white = -1;
	cv->reply = 450;
}

/* Frees all strings; the structure itself is the caller's. */
void
convert_free(struct convert *cv)
{
	size_t	i;

	for (i = 0; i < cv->nlists; i++) {
		free(cv->lists[i].name);
		free(cv->lists[i].file);
		free(cv->lists[i].message);
	}
	for (i = 0; i < cv->ntargets; i++)
		free(cv->targets[i]);
	for (i = 0; i < cv->ndomains; i++)
		free(cv->domains[i]);
	for (i = 0; i < cv->nproblems; i++)
		free(cv->problems[i]);
	for (i = 0; i < CONVERT_PROGRAMS; i++) {
		free(cv->flags[i].value);
		free(cv->flags[i].file);
	}
	free(cv->domains);
	free(cv->problems);
	free(cv->listen);
	free(cv->hostname);
	free(cv->low_mx);
	free(cv->banner);
	free(cv->certificate);
	free(cv->key);
	free(cv->sync_listen);
	free(cv->log_interface);
	free(cv->pflog);
}

/* Appends an item, which it takes.  Without memory the item is lost. */
static void
push(char ***list, size_t *n, char *item)
{
	char	**p;

	if (item == NULL ||
	    (p = reallocarray(*list, *n + 1, sizeof(*p))) == NULL) {
		free(item);
		return;
	}
	p[(*n)++] = item;
	*list = p;
}

/* Without memory the problem is lost, and the conversion goes on. */
void
convert_problem(struct convert *cv, const char *file, int line,
    const char *fmt, ...)
{
	va_list	 ap;
	char	*what, *all;
	int	 r;

	va_start(ap, fmt);
	r = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (r == -1)
		return;
	r = line > 0 ? asprintf(&all, "%s:%d: %s", file, line, what) :
	    asprintf(&all, "%s: %s", file, what);
	free(what);
	if (r != -1)
		push(&cv->problems, &cv->nproblems, all);
}

/* Says whether it may stand in spamgreyd.conf as it is. */
int
convert_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			return (0);
	return (1);
}

/* --- rc.conf.local */

/*
 * Returns the value of an assignment of the shell, made in place: without
 * quotes, and without a comment or a command behind it.
 */
static char *
rc_value(char *s)
{
	char	*d = s, *start = s, quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote == '\0' && (*s == '"' || *s == '\''))
			quote = *s;
		else if (quote != '\0' && *s == quote)
			quote = '\0';
		else if (quote == '\0' &&
		    (isspace((unsigned char)*s) || *s == ';' || *s == '#'))
			break;
		else if (*s == '\\' && quote == '"' &&
		    (s[1] == '"' || s[1] == '\\'))
			*d++ = *++s;
		else
			*d++ = *s;
	}
	*d = '\0';
	return (start);
}

/* The places in struct convert's flags, and in convert_finish's functions. */
enum { SPAMD, SPAMLOGD, SPAMD_SETUP };

static const struct {
	const char	*name;
	size_t		 program;
} variables[] = {
	{ "spamd_flags", SPAMD },
	{ "obspamd_flags", SPAMD },	/* obs...: FreeBSD's port of spamd */
	{ "spamlogd_flags", SPAMLOGD },
	{ "obspamlogd_flags", SPAMLOGD },
	{ "spamd_setup_flags", SPAMD_SETUP },
	{ "obspamd_setup_flags", SPAMD_SETUP }
};

/*
 * Returns the length of the name of the variable that the line sets; 0: it sets
 * none.
 */
static size_t
rc_name(const char *text)
{
	size_t	n = strspn(text, "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return (text[n] == '=' ? n : 0);
}

/*
 * Keeps the flags of a program.  The value that is set last counts; NO turns
 * the program off.
 */
static void
rc_flags(struct convert *cv, const char *file, int line, size_t program,
    const char *value)
{
	struct convert_flags	*f = &cv->flags[program];

	free(f->value);
	free(f->file);
	f->value = f->file = NULL;
	if (program == SPAMLOGD)
		cv->tracks = strcasecmp(value, "NO") != 0;
	if (strcasecmp(value, "NO") == 0)
		return;
	f->value = strdup(value);
	f->file = strdup(file);
	f->line = line;
}

/*
 * Takes a line of rc.conf.local.  1: it sets a variable, which may be of
 * another program; 0: it is something else.
 */
static int
rc_line(struct convert *cv, const char *file, int line, char *text)
{
	size_t	 n = rc_name(text), i;
	char	*value;

	if (n == 0)
		return (0);
	text[n] = '\0';
	value = rc_value(text + n + 1);
	if (strcmp(text, "spamd_black") == 0)
		cv->blacklist_only = strcasecmp(value, "NO") != 0;
	else if (strcmp(text, "obspamlogd_enable") == 0)
		cv->tracks = strcasecmp(value, "YES") == 0;
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (strcmp(text, variables[i].name) == 0)
			rc_flags(cv, file, line, variables[i].program, value);
	return (1);
}

/* --- spamd.conf: name:\ newline :capability:capability=value:\ … */

/* Reads up to three digits and moves *s behind them. */
static int
octal(char **s)
{
	int	v = 0, i;

	for (i = 0; i < 3 && **s >= '0' && **s <= '7'; i++)
		v = v * 8 + *(*s)++ - '0';
	return (v);
}

/*
 * Decodes the escapes of a string as getcap(3) does.  The caller frees it;
 * NULL: no memory.
 */
static char *
cap_string(const char *from, size_t len)
{
	static const char	in[] = "bBtTnNfFrReEcC", out[] =
	    "\b\b\t\t\n\n\f\f\r\r\033\033::";
	char			*copy, *s, *d;
	const char		*p;

	if ((copy = strndup(from, len)) == NULL)
		return (NULL);
	for (s = d = copy; *s != '\0';) {
		if (*s != '\\' || s[1] == '\0') {
			*d++ = *s++;
			continue;
		}
		s++;
		if (*s >= '0' && *s <= '7') {
			int	v = octal(&s);

			if (v != 0)
				*d++ = (char)v;
			continue;
		}
		p = strchr(in, *s);
		*d++ = p != NULL ? out[p - in] : *s;
		s++;
	}
	*d = '\0';
	return (copy);
}

/*
 * Returns the end of a capability: the next colon that is not in quotes, or the
 * NUL.
 */
static char *
cap_end(char *s)
{
	int	quoted = 0;

	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == ':' && !quoted)
			break;
	}
	return (s);
}

/* NULL: no record and no `all' has named it yet. */
static struct convert_list *
list_find(struct convert *cv, const char *name)
{
	size_t	i;

	for (i = 0; i < cv->nlists; i++)
		if (strcmp(cv->lists[i].name, name) == 0)
			return (&cv->lists[i]);
	return (NULL);
}

/*
 * `all' has the order of the lists, as words between colons or blanks.  It may
 * name lists that are defined further below.
 */
static void
record_all(struct convert *cv, const char *file, int line, char *caps)
{
	struct convert_list	*l;
	char			*w;

	cv->has_all = 1;
	while ((w = strsep(&caps, ": \t")) != NULL) {
		if (*w == '\0')
			continue;
		if ((l = list_find(cv, w)) == NULL) {
			if (cv->nlists == CONVERT_LISTS_MAX) {
				convert_problem(cv, file, line, "more than %d "
				    "lists", CONVERT_LISTS_MAX);
				return;
			}
			l = &cv->lists[cv->nlists];
			memset(l, 0, sizeof(*l));
			if ((l->name = strdup(w)) == NULL)
				return;
			cv->nlists++;
		}
		if (!l->used && cv->norder < CONVERT_LISTS_MAX) {
			l->used = 1;
			cv->order[cv->norder++] = (size_t)(l - cv->lists);
		}
	}
}

/*
 * Takes a message in quotes, or reads the file that it names.  The file is cut
 * at MESSAGE_FILE - 1 bytes.
 */
static void
cap_message(struct convert *cv, const char *file, int line, struct
    convert_list *l, const char *value, size_t len)
{
	char	*path, *text;
	FILE	*fp;
	size_t	 n;

	free(l->message);
	l->message = NULL;
	if (len >= 2 && value[0] == '"') {
		l->message = cap_string(value + 1, len -
		    (value[len - 1] == '"' ? 2 : 1));
		return;
	}
	if ((path = strndup(value, len)) == NULL ||
	    (text = malloc(MESSAGE_FILE)) == NULL) {
		free(path);
		return;
	}
	if ((fp = fopen(path, "r")) == NULL)
		convert_problem(cv, file, line, "%s: the message's file %s "
		    "cannot be read", l->name, path);
	else {
		n = fread(text, 1, MESSAGE_FILE - 1, fp);
		text[n] = '\0';
		fclose(fp);
		l->message = strdup(text);
	}
	free(text);
	free(path);
}

/* Takes one capability of a list.  *method is set to a static string. */
static void
cap(struct convert *cv, const char *file, int line, struct convert_list *l,
    const char *s, size_t len, const char **method)
{
	static const char	*methods[] = { "file", "http", "https", "ftp",
				    "exec" };
	size_t			 i;

	if (len == 5 && memcmp(s, "black", 5) == 0)
		l->white = 0;
	else if (len == 5 && memcmp(s, "white", 5) == 0)
		l->white = 1;
	else if (len > 4 && memcmp(s, "msg=", 4) == 0)
		cap_message(cv, file, line, l, s + 4, len - 4);
	else if (len > 5 && memcmp(s, "file=", 5) == 0) {
		free(l->file);
		l->file = cap_string(s + 5, len - 5);
	} else if (len > 7 && memcmp(s, "method=", 7) == 0) {
		for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
			if (strlen(methods[i]) == len - 7 &&
			    memcmp(methods[i], s + 7, len - 7) == 0)
				break;
		if (i < sizeof(methods) / sizeof(methods[0]))
			*method = methods[i];
		else
			convert_problem(cv, file, line, "%s: the method "
			    "\"%.*s\" is unknown", l->name, (int)(len - 7 >
			    QUOTED_MAX ? QUOTED_MAX : len - 7), s + 7);
	} else
		convert_problem(cv, file, line, "%s: \"%.*s\" is unknown",
		    l->name, (int)(len > QUOTED_MAX ? QUOTED_MAX : len), s);
}

/*
 * Sets the method, and makes the URL of host and path, which spamd.conf has
 * without "http://".
 */
static void
list_source(struct convert_list *l, const char *method)
{
	char	*url;

	l->method = CV_FILE;
	if (strcmp(method, "exec") == 0)
		l->method = CV_COMMAND;
	else if (strcmp(method, "file") != 0) {
		l->method = CV_URL;
		if (l->file != NULL && asprintf(&url, "%s://%s", method,
		    l->file) != -1) {
			free(l->file);
			l->file = url;
		}
	}
}

/*
 * Takes a list with its capabilities.  The first definition of a name counts.
 */
static void
record_list(struct convert *cv, const char *file, int line, const char *name,
    char *caps)
{
	struct convert_list	*l;
	const char		*method = "file";
	char			*end;
	size_t			 skip;

	if ((l = list_find(cv, name)) == NULL) {
		if (cv->nlists == CONVERT_LISTS_MAX) {
			convert_problem(cv, file, line, "more than %d lists",
			    CONVERT_LISTS_MAX);
			return;
		}
		l = &cv->lists[cv->nlists];
		memset(l, 0, sizeof(*l));
		if ((l->name = strdup(name)) == NULL)
			return;
		cv->nlists++;
	} else if (l->file != NULL) {
		convert_problem(cv, file, line,
		    "%s: there is a list of that name already", name);
		return;
	}
	for (; *caps != '\0'; caps = *end == '\0' ? end : end + 1) {
		end = cap_end(caps);
		skip = strspn(caps, " \t");
		if (caps + skip < end)
			cap(cv, file, line, l, caps + skip,
			    (size_t)(end - caps) - skip, &method);
	}
	list_source(l, method);
}

/* Takes a whole record: its name, and what is behind the first colon. */
static void
record(struct convert *cv, const char *file, int line, char *text)
{
	char	*colon = strchr(text, ':'), *bar;

	*colon = '\0';
	if ((bar = strchr(text, '|')) != NULL)
		*bar = '\0';		/* its other names */
	if (strcmp(text, "all") == 0)
		record_all(cv, file, line, colon + 1);
	else if (*text != '\0')
		record_list(cv, file, line, text, colon + 1);
}

/* --- spamd.alloweddomains */

/*
 * Converts an international name to its A-labels; a name that cannot be
 * converted stays as it is, and add_domain refuses it.
 */
static void
to_ascii(char *text, char *dst, size_t size)
{
	char	*name = strrchr(text, '@');
	size_t	 n;

	name = name == NULL ? text : name + 1;
	n = (size_t)(name - text) + (*name == '.' ? 1 : 0);
	strlcpy(dst, text, size);
	if (convert_printable(text) || n >= size)
		return;
	if (domain_fold(text + n, strlen(text + n), dst + n, size - n) == -1)
		strlcpy(dst, text, size);
}

/* Keeps a line of spamd.alloweddomains, if it can stand in spamgreyd.conf. */
static void
add_domain(struct convert *cv, const char *file, int line, char *from)
{
	char	text[1024];

	to_ascii(from, text, sizeof(text));
	if (strlen(text) > 255 || !convert_printable(text) ||
	    strpbrk(text, " \t\"\\{},") != NULL) {
		convert_problem(cv, file, line, "\"%.60s\" is not understood",
		    text);
		return;
	}
	push(&cv->domains, &cv->ndomains, strdup(text));
}

/*
 * Joins lines that end in a backslash, in place.  *next is what follows them,
 * *lines their number.
 */
static char *
logical(char *text, char **next, int *lines)
{
	char	*d = text, *s = text;

	*lines = 0;
	for (;;) {
		while (*s != '\0' && *s != '\n')
			*d++ = *s++;
		++*lines;
		if (d > text && d[-1] == '\r')
			d--;
		if (d > text && d[-1] == '\\') {
			d--;
			if (*s++ == '\n')
				continue;
			s--;
		}
		break;
	}
	*next = *s == '\0' ? s : s + 1;
	*d = '\0';
	return (text);
}

/*
 * The kinds of files.  A file that sets a variable is the shell's, and lines in
 * it that are not understood are ignored; one with a colon has records of
 * getcap(3); any other has domains.  When somebody joined an rc.conf.local and
 * a spamd.conf, it counts as the shell's, and records in it are read too.
 */
enum kind { KIND_RC, KIND_CAP, KIND_DOMAINS };

/* The first line that sets a variable decides. */
static enum kind
file_kind(const char *text)
{
	enum kind	kind = KIND_DOMAINS;
	size_t		n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		text += strspn(text, " \t");
		n = strcspn(text, "\n");
		if (*text == '#')
			continue;
		if (rc_name(text) != 0)
			return (KIND_RC);
		if (memchr(text, ':', n) != NULL)
			kind = KIND_CAP;
	}
	return (kind);
}

/* Says whether a line of a shell's file is a record of getcap(3) after all. */
static int
is_record(const char *line)
{
	size_t	n = strcspn(line, ": \t/=;()$\"'[");

	return (n > 0 && line[n] == ':');
}

/* A byte order mark before the text is skipped. */
void
convert_text(struct convert *cv, const char *name, char *text)
{
	char		*line, *next, *end;
	enum kind	 kind;
	int		 at = 1, n;

	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	kind = file_kind(text);
	for (; *text != '\0'; text = next, at += n) {
		line = logical(text, &next, &n);
		line += strspn(line, " \t");
		end = line + strlen(line);
		while (end > line && isspace((unsigned char)end[-1]))
			*--end = '\0';
		if (*line == '\0' || *line == '#')
			continue;
		if (kind == KIND_DOMAINS)
			add_domain(cv, name, at, line);
		else if (kind == KIND_RC && rc_line(cv, name, at, line))
			continue;
		else if (kind == KIND_CAP ? strchr(line, ':') != NULL :
		    is_record(line))
			record(cv, name, at, line);
		else if (kind == KIND_CAP)
			convert_problem(cv, name, at, "\"%.60s\" is not "
			    "understood", line);
	}
}
