/*
 * The command lines of spamd(8), spamlogd(8) and spamd-setup(8), as
 * rc.conf.local has them.  A wrong option becomes a problem, and the others
 * still count.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/convert/convert.h"

#define WORDS_MAX	128		/* of one command line */
/* What spamgreyd.conf allows: connections, and ten years in hours. */
#define CONNECTIONS_MAX	1000000
#define HOURS_MAX	87600
/* What spamd and spamlogd allow. */
#define STUTTER_MAX	10		/* -s, seconds */
#define STUTTER_FOR_MAX	90		/* -S, seconds */
#define TRACK_HOURS_MAX	2160		/* -W, hours */

/* A command line as words, which lie in buf. */
struct flag_words {
	char	*v[WORDS_MAX];
	int	 n;
	char	*buf;
};

/*
 * Splits a command line as sh does: blanks, quotes, backslashes.  -1: too many
 * words, or no memory.  The caller frees w->buf in any case.
 */
static int
split_words(const char *s, struct flag_words *w)
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

/* A command line while its options are read. */
struct flags {
	struct convert	*cv;
	const char	*name;		/* of the file */
	int		 line;
	const char	*program;
	struct flag_words	 words;
	int		 at;		/* the next word */
	char		*rest;		/* letters left of the word before it;
					   NULL: none */
};

/*
 * Returns the next option letter; 0 at the end.  An operand ends the options
 * and is a problem, since none of the programs has one.
 */
static int
next_option(struct flags *f)
{
	char	*w;

	if (f->rest == NULL || *f->rest == '\0') {
		if (f->at == f->words.n)
			return (0);
		w = f->words.v[f->at];
		if (w[0] != '-' || w[1] == '\0' || strcmp(w, "--") == 0) {
			convert_problem(f->cv, f->name, f->line,
			    "%s: \"%s\" is not an option", f->program, w);
			return (0);
		}
		f->at++;
		f->rest = w + 1;
	}
	return ((unsigned char)*f->rest++);
}

/*
 * Returns the argument of an option: the rest of its word, or the next word.
 * NULL: there is none that can be used, which becomes a problem.
 */
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
		    "%s: the argument of -%c is missing", f->program, option);
	else if (!convert_printable(a)) {
		convert_problem(f->cv, f->name, f->line,
		    "%s: the argument of -%c is not printable", f->program,
		    option);
		return (NULL);
	}
	return (a);
}

/* An option with a text; the last one counts, as for spamd. */
static void
set_text(struct flags *f, int option, char **to)
{
	const char	*a = argument(f, option);

	if (a == NULL)
		return;
	free(*to);
	*to = strdup(a);
}

/*
 * Reads a number within its limits; -1: there is none, which becomes a problem.
 */
static long
parse_number(struct flags *f, const char *what, const char *s, long min,
    long max)
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

/* An option with a number; a wrong one leaves *to as it is. */
static void
set_number(struct flags *f, int option, long min, long max, long *to)
{
	const char	*a = argument(f, option);
	char		 what[3] = { '-', (char)option, '\0' };
	long		 v;

	if (a != NULL && (v = parse_number(f, what, a, min, max)) != -1)
		*to = v;
}

/* -G pass:grey:white, in minutes, hours and hours. */
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
			    "spamd: -G needs three numbers, for example "
			    "25:4:864");
			return;
		}
		if ((v[i] = parse_number(f, "-G", p, i == 0 ? 0 : 1,
		    i == 0 ? HOURS_MAX * 60 : HOURS_MAX)) == -1)
			return;
	}
	f->cv->pass = v[0];
	f->cv->grey = v[1];
	f->cv->white = v[2];
}

/*
 * -Y; spamlogd usually has the same peers as spamd, so that they are taken
 * once.
 */
static void
target(struct flags *f)
{
	struct convert	*cv = f->cv;
	const char	*a = argument(f, 'Y');
	size_t		 i;

	if (a == NULL)
		return;
	for (i = 0; i < cv->ntargets; i++)
		if (strcmp(cv->targets[i], a) == 0)
			return;
	if (cv->ntargets == CONVERT_TARGETS_MAX)
		convert_problem(cv, f->name, f->line, "%s: more than %d -Y",
		    f->program, CONVERT_TARGETS_MAX);
	else if ((cv->targets[cv->ntargets] = strdup(a)) != NULL)
		cv->ntargets++;
}

/*
 * The letters behind an unknown option may be its argument, so they are
 * skipped.
 */
static void
unknown(struct flags *f, int option)
{
	convert_problem(f->cv, f->name, f->line, "%s: unknown option -%c",
	    f->program, option);
	f->rest = NULL;
}

/*
 * Handles an option of spamd that has an argument: 1; 0: it is not one of
 * these.
 */
static int
spamd_value(struct flags *f, int option)
{
	struct convert	*cv = f->cv;

	switch (option) {
	case 'B':
		set_number(f, 'B', 0, 0x7fffffff, &cv->blacklisted);
		return (1);
	case 'C':
		set_text(f, 'C', &cv->certificate);
		return (1);
	case 'c':
		set_number(f, 'c', 1, CONNECTIONS_MAX, &cv->connections);
		return (1);
	case 'G':
		times(f);
		return (1);
	case 'h':
		set_text(f, 'h', &cv->hostname);
		return (1);
	case 'K':
		set_text(f, 'K', &cv->key);
		return (1);
	case 'l':
		set_text(f, 'l', &cv->listen);
		return (1);
	case 'M':
		set_text(f, 'M', &cv->low_mx);
		return (1);
	case 'n':
		set_text(f, 'n', &cv->banner);
		return (1);
	case 'p':
		set_number(f, 'p', 1, 65535, &cv->port);
		return (1);
	case 'S':
		set_number(f, 'S', 0, STUTTER_FOR_MAX, &cv->stutter_for);
		return (1);
	case 's':
		set_number(f, 's', 0, STUTTER_MAX, &cv->stutter);
		return (1);
	case 'w':
		set_number(f, 'w', 0, 0x7fffffff, &cv->window);
		return (1);
	case 'Y':
		target(f);
		return (1);
	case 'y':
		set_text(f, 'y', &cv->sync_listen);
		return (1);
	default:
		return (0);
	}
}

/* All options of spamd(8). */
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
	case 'g':		/* greylisting, the default since OpenBSD 4.1 */
		break;
	case 'v':
		cv->verbose = 1;
		break;
	default:
		unknown(f, option);
		break;
	}
}

/*
 * All options of spamlogd(8).  -D, which is for debugging, has no keyword here.
 */
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
		set_text(f, 'i', &cv->log_interface);
		break;
	case 'l':
		set_text(f, 'l', &cv->pflog);
		break;
	case 'W':
		set_number(f, 'W', 1, TRACK_HOURS_MAX, &cv->track_white);
		break;
	case 'Y':
		target(f);
		break;
	default:
		unknown(f, option);
		break;
	}
}

/*
 * All options of spamd-setup(8).  Only -b sets anything here: the others say
 * how spamd-setup itself runs.
 */
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

/* Gives each option of a command line to fn. */
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
	if (split_words(flags, &f.words) == -1)
		convert_problem(cv, name, line, "%s: too many flags", program);
	else
		while ((option = next_option(&f)) != 0)
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
