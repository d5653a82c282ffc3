/*
 * What the reader of the configuration says: errors and warnings by file and
 * line.  It also keeps where each setting was given, so that a second one can
 * name the place of the first, and a check can name the place of a value.
 *
 * The state is of one run of the parser: conf_report_start() begins one.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/conf/conf_int.h"

#define WHERE_HASH	256		/* a power of two */
#define REPORT_LINE_MAX	4096

struct where {				/* of the arena */
	struct where		*next;
	const char		*what;
	struct lex_token	 tok;
};

static int	(*module_split)(struct conf_module *, conf_report, void *);

static conf_report	 report_fn;
static void		*report_arg;
static unsigned int	 errors;
static struct where	*wheres[WHERE_HASH];

void
conf_use_modules(int (*split)(struct conf_module *, conf_report, void *))
{
	module_split = split;
}

/* Begins a run. fn NULL: messages go to standard error. */
void
conf_report_start(conf_report fn, void *arg)
{
	report_fn = fn;
	report_arg = arg;
	errors = 0;
	conf_where_clear();
}

/* How many errors were reported in this run. */
unsigned int
conf_errors(void)
{
	return (errors);
}

/*
 * A line without anything that a terminal or a log could take for more: what a
 * file holds is quoted in messages.
 */
void
conf_say(conf_report fn, void *arg, const char *line)
{
	char			 safe[REPORT_LINE_MAX];
	size_t			 n = 0;

	for (; *line != '\0' && n < sizeof(safe) - 5; line++) {
		unsigned char	 c = (unsigned char)*line;

		if (c >= 0x20 && c < 0x7f)
			safe[n++] = (char)c;
		else {
			ascii_escape(safe + n, c);
			n += ASCII_ESCAPE_LEN;
		}
	}
	safe[n] = '\0';
	if (fn != NULL)
		fn(safe, arg);
	else
		fprintf(stderr, "%s\n", safe);
}

static void __attribute__((__format__(printf, 3, 0)))
message(const struct lex_token *at, const char *kind, const char *fmt,
    va_list ap)
{
	char	line[REPORT_LINE_MAX];
	int	n;

	if (at->line == 0)
		n = snprintf(line, sizeof(line), "%.1024s: %s", at->file, kind);
	else
		n = snprintf(line, sizeof(line), "%.1024s:%u: %s", at->file,
		    at->line, kind);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	conf_say(report_fn, report_arg, line);
}

/*
 * Reports an error at that place.  Past CONF_ERRORS_MAX they are only counted.
 */
void
conf_error(const struct lex_token *at, const char *fmt, ...)
{
	va_list	ap;

	if (++errors > CONF_ERRORS_MAX) {
		if (errors == CONF_ERRORS_MAX + 1)
			conf_say(report_fn, report_arg,
			    "too many errors; the rest is not shown");
		return;
	}
	va_start(ap, fmt);
	message(at, "", fmt, ap);
	va_end(ap);
}

/* Reports a warning, which does not make the configuration invalid. */
void
conf_warning(const struct lex_token *at, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	message(at, "warning: ", fmt, ap);
	va_end(ap);
}

/*
 * Checks a module's words, in a program that has modules.  What is wrong was
 * reported by line and counts as one error.
 */
void
conf_module_check(struct conf_module *m)
{
	if (module_split != NULL &&
	    module_split(m, report_fn, report_arg) == -1)
		errors++;
}

/* djb2, to a row of wheres[].  A file may have thousands of entries. */
static unsigned int
where_hash(const char *what)
{
	unsigned int	h = 5381;

	for (; *what != '\0'; what++)
		h = h * 33 + (unsigned char)*what;
	return (h & (WHERE_HASH - 1));
}

static const struct lex_token *
where_find(const char *what)
{
	const struct where	*w;

	for (w = wheres[where_hash(what)]; w != NULL; w = w->next)
		if (strcmp(w->what, what) == 0)
			return (&w->tok);
	return (NULL);
}

/*
 * See conf_int.h.  The text names the setting in the message, and is the key
 * by which conf_where() finds it.
 */
int
conf_once(const struct lex_token *at, const char *fmt, ...)
{
	const struct lex_token	*first;
	struct where		*w;
	va_list			 ap;
	char			 what[CONF_STRING_MAX + 64];
	unsigned int		 h;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if ((first = where_find(what)) != NULL) {
		conf_error(at, "%s given twice, first at %s:%u", what,
		    first->file, first->line);
		return (-1);
	}
	w = lex_alloc(sizeof(*w));
	w->what = lex_strdup(what, strlen(what));
	w->tok = *at;
	h = where_hash(what);
	w->next = wheres[h];
	wheres[h] = w;
	return (0);
}

const struct lex_token *
conf_where(const char *fmt, ...)
{
	va_list	ap;
	char	what[CONF_STRING_MAX + 64];

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return (where_find(what));
}

/*
 * Forgets all places.  They are of the arena, so this comes before it is freed.
 */
void
conf_where_clear(void)
{
	memset(wheres, 0, sizeof(wheres));
}
