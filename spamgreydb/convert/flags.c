/*
 * The command lines of spamd(8), spamlogd(8) and spamd-setup(8).
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/convert/convert.h"

#define WORDS_MAX	128
#define CONNECTIONS_MAX	1000000		/* as the file allows */
#define HOURS_MAX	87600		/* ten years, as the file allows */

struct words {
	char	*v[WORDS_MAX];
	int	 n;
	char	*buf;
};

/* As sh splits them: blanks, quotes, backslashes.  -1: too many. */
static int
split(const char *s, struct words *w)
{
	char	*d, quote = '\0';
	int	 in = 0;

	w->n = 0;
	if ((d = w->buf = malloc(strlen(s) + 2)) == NULL)
		return (-1);
	for (; *s != '\0'; s++) {
		if (quote == '\0' && isspace((unsigned char)*s)) {
			if (in)
				*d++ = '\0';
			in = 0;
			continue;
		}
		if (!in) {
			if (w->n == WORDS_MAX)
				return (-1);
			w->v[w->n++] = d;
			in = 1;
		}
		if (quote == '\0' && (*s == '"' || *s == '\''))
			quote = *s;
		else if (quote != '\0' && *s == quote)
			quote = '\0';
		else if (*s == '\\' && quote != '\'' && s[1] != '\0')
			*d++ = *++s;
		else
			*d++ = *s;
	}
	*d = '\0';
	return (0);
}

struct flags {
	struct convert	*cv;
	const char	*name;		/* of the file */
	int		 line;
	const char	*program;
	struct words	 words;
	int		 at;		/* the word … */
	char		*rest;		/* … and what is left of it */
};

/* The next option letter; 0 at the end. */
static int
next(struct flags *f)
{
	char	*w;

	if (f->rest == NULL || *f->rest == '\0') {
		if (f->at == f->words.n)
			return (0);
		w = f->words.v[f->at];
		if (w[0] != '-' || w[1] == '\0' || strcmp(w, "--") == 0) {
			convert_problem(f->cv, f->name, f->line,
			    "%s: \"%s\" is no option", f->program, w);
			return (0);
		}
		f->at++;
		f->rest = w + 1;
	}
	return ((unsigned char)*f->rest++);
}

/* Its argument; NULL: there is none, which is said. */
static char *
argument(struct flags *f, int option)
{
	char	*a = NULL;

	if (f->rest != NULL && *f->rest != '\0')
		a = f->rest;
	else if (f->at < f->words.n)
		a = f->words.v[f->at++];
	f->rest = NULL;
	if (a == NULL)
		convert_problem(f->cv, f->name, f->line,
		    "%s: -%c without its argument", f->program, option);
	else if (!convert_printable(a)) {
		convert_problem(f->cv, f->name, f->line,
		    "%s: -%c: not printable", f->program, option);
		return (NULL);
	}
	return (a);
}

static void
text(struct flags *f, int option, char **to)
{
	const char	*a = argument(f, option);

	if (a == NULL)
		return;
	free(*to);
	*to = strdup(a);
}

/* A number in its bounds; -1 said. */
static long
number(struct flags *f, const char *what, const char *s, long min, long max)
{
	char	*end;
	long	 v;

	errno = 0;
	v = strtol(s, &end, 10);
	if (end == s || *end != '\0' || errno != 0 || v < min || v > max) {
		convert_problem(f->cv, f->name, f->line, "%s: %s %s is not a "
		    "number from %ld to %ld", f->program, what, s, min, max);
		return (-1);
	}
	return (v);
}

static void
count(struct flags *f, int option, long min, long max, long *to)
{
	const char	*a = argument(f, option);
	char		 what[3] = { '-', (char)option, '\0' };
	long		 v;

	if (a != NULL && (v = number(f, what, a, min, max)) != -1)
		*to = v;
}

/* -G pass:grey:white */
static void
times(struct flags *f)
{
	char	*a = argument(f, 'G'), *p;
	long	 v[3];
	int	 i;

	if (a == NULL)
		return;
	for (i = 0; i < 3; i++) {
		if ((p = strsep(&a, ":")) == NULL) {
			convert_problem(f->cv, f->name, f->line,
			    "spamd: -G wants three numbers, as 25:4:864");
			return;
		}
		if ((v[i] = number(f, "-G", p, i == 0 ? 0 : 1,
		    i == 0 ? HOURS_MAX * 60 : HOURS_MAX)) == -1)
			return;
	}
	f->cv->pass = v[0];
	f->cv->grey = v[1];
	f->cv->white = v[2];
}

static void
target(struct flags *f)
{
	struct convert	*cv = f->cv;
	const char	*a = argument(f, 'Y');
	size_t		 i;

	if (a == NULL)
		return;
	/* spamlogd's are as a rule spamd's */
	for (i = 0; i < cv->ntargets; i++)
		if (strcmp(cv->targets[i], a) == 0)
			return;
	if (cv->ntargets == CONVERT_TARGETS_MAX)
		convert_problem(cv, f->name, f->line, "%s: more than %d -Y",
		    f->program, CONVERT_TARGETS_MAX);
	else if ((cv->targets[cv->ntargets] = strdup(a)) != NULL)
		cv->ntargets++;
}

static void
unknown(struct flags *f, int option)
{
	convert_problem(f->cv, f->name, f->line, "%s: -%c is no option of it "
	    "that is known here", f->program, option);
	f->rest = NULL;
}

/* With an argument: 1 it was one of these. */
static int
spamd_value(struct flags *f, int option)
{
	struct convert	*cv = f->cv;

	switch (option) {
	case 'B':
		count(f, 'B', 0, 0x7fffffff, &cv->blacklisted);
		return (1);
	case 'C':
		text(f, 'C', &cv->certificate);
		return (1);
	case 'c':
		count(f, 'c', 1, CONNECTIONS_MAX, &cv->connections);
		return (1);
	case 'G':
		times(f);
		return (1);
	case 'h':
		text(f, 'h', &cv->hostname);
		return (1);
	case 'K':
		text(f, 'K', &cv->key);
		return (1);
	case 'l':
		text(f, 'l', &cv->listen);
		return (1);
	case 'M':
		text(f, 'M', &cv->low_mx);
		return (1);
	case 'n':
		text(f, 'n', &cv->banner);
		return (1);
	case 'p':
		count(f, 'p', 1, 65535, &cv->port);
		return (1);
	case 'S':
		count(f, 'S', 0, 90, &cv->stutter_for);
		return (1);
	case 's':
		count(f, 's', 0, 10, &cv->stutter);
		return (1);
	case 'w':
		count(f, 'w', 0, 0x7fffffff, &cv->window);
		return (1);
	case 'Y':
		target(f);
		return (1);
	case 'y':
		text(f, 'y', &cv->sync_listen);
		return (1);
	default:
		return (0);
	}
}

static void
spamd_option(struct flags *f, int option)
{
	struct convert	*cv = f->cv;

	if (spamd_value(f, option))
		return;
	switch (option) {
	case '4':
		cv->reply = 450;
		break;
	case '5':
		cv->reply = 550;
		break;
	case 'b':
		cv->blacklist_only = 1;
		break;
	case 'd':
		cv->foreground = 1;
		break;
	case 'g':		/* before 4.1: greylisting, since the default */
		break;
	case 'v':
		cv->verbose = 1;
		break;
	default:
		unknown(f, option);
		break;
	}
}

static void
spamlogd_option(struct flags *f, int option)
{
	struct convert	*cv = f->cv;

	switch (option) {
	case 'D':
		break;
	case 'I':
		cv->inbound_only = 1;
		break;
	case 'i':
		text(f, 'i', &cv->log_interface);
		break;
	case 'l':
		text(f, 'l', &cv->pflog);
		break;
	case 'W':
		count(f, 'W', 1, 2160, &cv->track_white);
		break;
	case 'Y':
		target(f);
		break;
	default:
		unknown(f, option);
		break;
	}
}

static void
setup_option(struct flags *f, int option)
{
	switch (option) {
	case 'b':
		f->cv->setup_table = 1;
		break;
	case 'D':
	case 'd':
	case 'n':
		break;
	default:
		unknown(f, option);
		break;
	}
}

static void
all(struct convert *cv, const char *name, int line, const char *program,
    const char *flags, void (*fn)(struct flags *, int))
{
	struct flags	f;
	int		option;

	memset(&f, 0, sizeof(f));
	f.cv = cv;
	f.name = name;
	f.line = line;
	f.program = program;
	if (split(flags, &f.words) == -1)
		convert_problem(cv, name, line, "%s: too many flags", program);
	else
		while ((option = next(&f)) != 0)
			fn(&f, option);
	free(f.words.buf);
}

void
convert_spamd(struct convert *cv, const char *name, int line,
    const char *flags)
{
	all(cv, name, line, "spamd", flags, spamd_option);
}

void
convert_spamlogd(struct convert *cv, const char *name, int line,
    const char *flags)
{
	all(cv, name, line, "spamlogd", flags, spamlogd_option);
}

void
convert_setup(struct convert *cv, const char *name, int line,
    const char *flags)
{
	all(cv, name, line, "spamd-setup", flags, setup_option);
}
