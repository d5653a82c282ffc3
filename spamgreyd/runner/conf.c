/*
 * A module's block of the configuration: its words become options by the
 * module's own table, and the options become the module's settings.  The
 * options that every module has (except, log-only, on-error, strategy) are read
 * here.  This runs in the parent, and again in pass, which gets the options as
 * they stand in the file.
 *
 * Without memory the process ends (fatal): a configuration is never half read.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/near.h"
#include "spamgreyd/runner/conf.h"

/* Bytes of "file:line", and of a whole message. */
#define WHERE_MAX	1200
#define LINE_MAX_OUT	4096

/* One block that is being split. */
struct splitter {
	struct conf_module	*m;
	const struct module	*mod;
	size_t			 at;		/* the next word */
	unsigned int		 errors;
	/* Lines where these options were given first; 0: not given. */
	unsigned int		 log_only, on_error;
	unsigned int		 strategy[CLASS_MAX];
	void	(*report)(const char *, void *);
	void	*arg;
};

/*
 * Reports one line: its place, "warning" or nothing, the module, and the text.
 */
static void __attribute__((__format__(printf, 4, 0)))
tell(struct splitter *s, const char *where, const char *kind, const char *fmt,
    va_list ap)
{
	char	 line[LINE_MAX_OUT];
	int	 n;

	n = snprintf(line, sizeof(line), "%.*s: %smodule %.64s: ", WHERE_MAX,
	    where, kind, s->m->name);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	conf_say(s->report, s->arg, line);
}

/* Reports a mistake; the configuration is refused. */
static void __attribute__((__format__(printf, 3, 4)))
complain(struct splitter *s, const char *where, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	tell(s, where, "", fmt, ap);
	va_end(ap);
	s->errors++;
}

static void __attribute__((__format__(printf, 3, 4)))
/* Reports a warning; the configuration is used all the same. */
warn(struct splitter *s, const char *where, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	tell(s, where, "warning: ", fmt, ap);
	va_end(ap);
}

/* Makes "file:line" of raw word i.  All words are from the block's own file. */
static const char *
where_of(const struct splitter *s, size_t i, char text[WHERE_MAX])
{
	const char	*where = s->m->where == NULL ? "" : s->m->where;
	const char	*colon = strrchr(where, ':');
	int		 len;

	len = colon == NULL ? (int)strlen(where) : (int)(colon - where);
	if (s->m->raw_line == NULL || i >= s->m->nraw)
		snprintf(text, WHERE_MAX, "%s", where);
	else
		snprintf(text, WHERE_MAX, "%.*s:%u", len, where,
		    s->m->raw_line[i]);
	return (text);
}

static int
is_mark(const struct conf_word *w, const char *text)
{
	return (!w->quoted && strcmp(w->text, text) == 0);
}

/*
 * Counts the words from i to the end of the statement: the end of the line, but
 * braces may contain several lines.
 */
static size_t
line_words(const struct conf_module *m, size_t i)
{
	size_t		from = i;
	unsigned int	depth = 0;

	for (; i < m->nraw; i++) {
		if (is_mark(&m->raw[i], "{"))
			depth++;
		else if (is_mark(&m->raw[i], "}") && depth > 0)
			depth--;
		else if (is_mark(&m->raw[i], "\n") && depth == 0)
			break;
	}
	return (i - from);
}

/*
 * Keeps in *best the name that is nearest to what was typed, and its distance
 * in *least.
 */
static void
nearest(const char *typed, const char *name, const char **best, int *least)
{
	int	d = near_word(typed, name);

	if (d != -1 && (*best == NULL || d < *least)) {
		*best = name;
		*least = d;
	}
}

static void
names_add(struct buf *b, const char *before, const char *name,
    const char *after)
{
	if (buf_printf(b, "%s%s%s", before, name, after) == -1)
		fatal("configuration");
}

/*
 * Appends "did you mean "a"?  Valid options are a, b and c", or only the second
 * part if no option is near.  The 40 bytes at the end include the NUL.
 */
static void
option_names(const struct module *mod, const char *typed, struct buf *b)
{
	static const char *const	 common[] = { "except", "log-only",
	    "on-error", "strategy" };
	const struct module_option	*o;
	const char			*best = NULL;
	int				 least = 0;
	size_t				 i;

	for (o = mod->options; o != NULL && o->keyword != NULL; o++)
		nearest(typed, o->keyword, &best, &least);
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		nearest(typed, common[i], &best, &least);
	if (best != NULL)
		names_add(b, "did you mean \"", best,
		    "\"?  Valid options are ");
	else
		names_add(b, "valid options are ", "", "");

	for (o = mod->options; o != NULL && o->keyword != NULL; o++)
		names_add(b, "", o->keyword, ", ");
	if (buf_add(b, "except, log-only, on-error and strategy", 40) == -1)
		fatal("configuration");
}

static char *
copy(const char *text)
{
	char	*p;

	if ((p = strdup(text)) == NULL)
		fatal("configuration");
	return (p);
}

/*
 * A new option with copies of all texts; line ends within braces are left out.
 */
static struct conf_option *
option_new(const char *where, const char *keyword,
    const struct conf_word *words, size_t nwords)
{
	struct conf_option	*o;
	size_t			 i;

	if ((o = calloc(1, sizeof(*o))) == NULL ||
	    (o->words = calloc(nwords + 1, sizeof(*o->words))) == NULL)
		fatal("configuration");
	o->where = copy(where);
	o->keyword = copy(keyword);
	for (i = 0; i < nwords; i++) {
		if (is_mark(&words[i], "\n"))
			continue;
		o->words[o->nwords].text = copy(words[i].text);
		o->words[o->nwords++].quoted = words[i].quoted;
	}
	return (o);
}

/*
 * Adds one member of `except', which must be a network or look like a list's
 * name.
 */
static void
except_add(struct splitter *s, const char *where, const struct conf_word *w)
{
	struct conf_string	*str;
	struct prefix		 p;
	size_t			 len = strlen(w->text);

	if (prefix_parse(w->text, &p) == -1 && (len == 0 || len > 63 ||
	    strspn(w->text, "abcdefghijklmnopqrstuvwxyz0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") != len)) {
		complain(s, where, "except: \"%.64s\" is neither an address, a "
		    "network (whose host bits are 0) nor the name of a list",
		    w->text);
		return;
	}
	TAILQ_FOREACH(str, &s->m->except, entry)
		if (strcmp(str->text, w->text) == 0) {
			complain(s, where, "except: %s given twice", w->text);
			return;
		}
	if ((str = calloc(1, sizeof(*str))) == NULL)
		fatal("configuration");
	str->text = copy(w->text);
	TAILQ_INSERT_TAIL(&s->m->except, str, entry);
}

/*
 * Reads "except WORD" or "except { WORD ... }".  Returns how many of the n
 * words were used, or -1 if a mistake was reported.
 */
static int
take_except(struct splitter *s, const char *where,
    const struct conf_word *words, size_t n)
{
	size_t	i;

	if (n > 0 && !is_mark(&words[0], "{") && !is_mark(&words[0], "}")) {
		except_add(s, where, &words[0]);
		return (1);
	}
	if (n == 0 || !is_mark(&words[0], "{")) {
		complain(s, where, "except: addresses, networks or list names "
		    "in braces are missing");
		return (-1);
	}
	for (i = 1; i < n && !is_mark(&words[i], "}"); i++)
		if (!is_mark(&words[i], "\n"))
			except_add(s, where, &words[i]);
	if (i == n) {
		complain(s, where, "except: \"}\" is missing");
		return (-1);
	}
	return ((int)i + 1);
}

/*
 * Reports an option that is given a second time, and returns -1.  *seen is the
 * line of the first one.
 */
static int
once(struct splitter *s, unsigned int *seen, const char *where,
    const char *keyword)
{
	const char	*colon = strrchr(where, ':');
	unsigned int	 line = s->m->raw_line == NULL ? 1 :
			    s->m->raw_line[s->at];

	if (*seen != 0) {
		complain(s, where, "%s given twice, first at %.*s:%u", keyword,
		    colon == NULL ? 0 : (int)(colon - where), where, *seen);
		return (-1);
	}
	*seen = line;
	return (0);
}

/* Returns as take_except. */
static int
take_on_error(struct splitter *s, const char *where,
    const struct conf_word *words, size_t n)
{
	int	i;

	if (n > 0 && !words[0].quoted &&
	    (i = conf_onerror_find(words[0].text)) != -1) {
		if (once(s, &s->on_error, where, "on-error") == 0)
			s->m->on_error = i;
		return (1);
	}
	complain(s, where, "on-error: must be accept, tempfail or mark");
	return (-1);
}

/* Reads "strategy CLASS reject|tempfail|mark ...".  Returns as take_except. */
static int
take_strategy(struct splitter *s, const char *where,
    const struct conf_word *words, size_t n)
{
	char	 what[32];
	size_t	 i;
	int	 class, fate;

	for (i = 0; i + 1 < n && !words[i].quoted &&
	    (class = conf_class_find(words[i].text)) != -1; i += 2) {
		if (words[i + 1].quoted ||
		    (fate = conf_strategy_find(words[i + 1].text)) == -1) {
			complain(s, where, "strategy %s: must be reject, "
			    "tempfail or mark; mail is never discarded",
			    class_str((enum content_class)class));
			return (-1);
		}
		snprintf(what, sizeof(what), "strategy %s",
		    class_str((enum content_class)class));
		if (once(s, &s->strategy[class], where, what) == 0)
			s->m->strategy[class] = (int8_t)fate;
	}
	if (i == 0) {
		complain(s, where, "strategy: must be followed by virus, "
		    "spam, unwanted or unscannable and by reject, tempfail or "
		    "mark");
		return (-1);
	}
	return ((int)i);
}

/*
 * Reads an option of the module's own.  It is only checked for its form and
 * kept as words; try_options gives it to the module.  Returns as take_except.
 */
static int
take_option(struct splitter *s, const char *where,
    const struct conf_word *words, size_t n)
{
	const char		*keyword = s->m->raw[s->at].text, *error;
	const struct module_option *opt = conf_module_option(s->mod, keyword);
	struct module_arg	*args;
	struct conf_option	*o;
	struct buf		 b = { NULL, 0, 0, 0 };
	size_t			 nargs;
	int			 used, off;

	if (opt == NULL) {
		option_names(s->mod, keyword, &b);
		complain(s, where, "unknown option \"%.64s\"; %s", keyword,
		    (const char *)buf_ptr(&b));
		buf_free(&b);
		return (-1);
	}
	if ((args = calloc(n + 1, sizeof(*args))) == NULL)
		fatal("configuration");
	used = conf_module_args(opt, words, n, args, &nargs, &off, &error);
	free(args);
	if (used == -1) {
		complain(s, where, "%s: %s", keyword, error);
		return (-1);
	}
	TAILQ_FOREACH(o, &s->m->options, entry)
		if (!opt->many && strcmp(o->keyword, keyword) == 0) {
			complain(s, where, "%s given twice, first at %s",
			    keyword, o->where);
			return (used);
		}
	o = option_new(where, keyword, words, (size_t)used);
	TAILQ_INSERT_TAIL(&s->m->options, o, entry);
	return (used);
}

/* Reads the statement at s->at. */
static void
split_one(struct splitter *s)
{
	struct conf_module	*m = s->m;
	const struct conf_word	*w = &m->raw[s->at], *rest = w + 1;
	size_t			 n = line_words(m, s->at + 1);
	char			 where[WHERE_MAX];
	int			 used;

	where_of(s, s->at, where);
	if (w->quoted) {
		/* A string may be a secret, so it is not shown. */
		complain(s, where, "unexpected string; an option is expected");
		used = -1;
	} else if (is_mark(w, "{") || is_mark(w, "}") ||
	    is_mark(w, "=")) {
		complain(s, where, "unexpected \"%.64s\"; an option is "
		    "expected",
		    w->text);
		used = -1;
	} else if (strcmp(w->text, "except") == 0)
		used = take_except(s, where, rest, n);
	else if (strcmp(w->text, "on-error") == 0)
		used = take_on_error(s, where, rest, n);
	else if (strcmp(w->text, "strategy") == 0)
		used = take_strategy(s, where, rest, n);
	else if (strcmp(w->text, "log-only") == 0) {
		if (once(s, &s->log_only, where, "log-only") == 0)
			m->log_only = 1;
		used = 0;
	} else
		used = take_option(s, where, rest, n);
	/*
	 * After a mistake the rest of its line is skipped, so that one mistake
	 * causes one message.
	 */
	s->at += 1 + (used == -1 ? n : (size_t)used);
}

/* What conf_module_apply finds. Without a place it is about the whole block. */
static void
apply_failed(const char *where, const char *keyword, const char *error,
    int warning, void *arg)
{
	struct splitter	*s = arg;

	if (where == NULL)
		where = s->m->where == NULL ? "" : s->m->where;
	if (warning)
		warn(s, where, "%s: %s", keyword, error);
	else if (keyword == NULL)
		complain(s, where, "%s", error);
	else
		complain(s, where, "%s: %s", keyword, error);
}

/* Frees the words, which nobody needs after they were split. */
static void
raw_free(struct conf_module *m)
{
	size_t	i;

	for (i = 0; i < m->nraw; i++)
		free(m->raw[i].text);
	free(m->raw);
	free(m->raw_line);
	m->raw = NULL;
	m->raw_line = NULL;
	m->nraw = 0;
}

/* Reports an unknown module and suggests the nearest name. */
static void
no_module(struct splitter *s)
{
	struct buf	 b = { NULL, 0, 0, 0 };
	const char	*best = NULL;
	int		 least = 0;
	size_t		 i;

	for (i = 0; modules[i] != NULL; i++)
		nearest(s->m->name, modules[i]->name, &best, &least);
	if (best != NULL)
		names_add(&b, "did you mean \"", best,
		    "\"?  Valid modules are ");
	else
		names_add(&b, "valid modules are ", "", "");
	for (i = 0; modules[i] != NULL; i++)
		names_add(&b, i == 0 ? "" : ", ", modules[i]->name, "");
	if (buf_add(&b, "", 1) == -1)
		fatal("configuration");
	complain(s, s->m->where == NULL ? "" : s->m->where,
	    "unknown module; %s", (const char *)buf_ptr(&b));
	buf_free(&b);
}

/*
 * Lets the module itself check its options, with settings that are freed again.
 * If some options could not be read, the others are tried all the same, but not
 * the module's check of all together.
 */
static void
try_options(struct splitter *s)
{
	void	*conf;

	if ((conf = calloc(1, s->mod->conf_size + 1)) == NULL)
		fatal("configuration");
	if (s->mod->self != NULL)
		s->mod->self(conf, s->mod);
	if (s->errors > 0)
		(void)conf_module_options(s->mod, s->m, conf, apply_failed, s);
	else
		(void)conf_module_apply(s->mod, s->m, conf, apply_failed, s);
	if (s->mod->conf_clear != NULL)
		s->mod->conf_clear(conf);
	free(conf);
}

/*
 * A block that has a name, "KIND.name", is only allowed for kinds that may
 * stand several times.
 */
int
conf_module_split_all(struct conf_module *m,
    void (*report)(const char *line, void *), void *arg)
{
	struct splitter	s = { .m = m, .report = report, .arg = arg };

	if ((s.mod = conf_module_find(m->name)) == NULL)
		no_module(&s);
	else if (!s.mod->many && strchr(m->name, '.') != NULL)
		complain(&s, m->where == NULL ? "" : m->where,
		    "may appear only once and takes no name");
	else {
		while (s.at < m->nraw)
			if (is_mark(&m->raw[s.at], "\n"))
				s.at++;
			else
				split_one(&s);
		try_options(&s);
	}
	raw_free(m);
	return (s.errors > 0 ? -1 : 0);
}
