/*
 * The form language of module.h: the words behind an option's keyword to
 * arguments.  Pure: knows no file, no module and no configuration, reports
 * nothing, and keeps nothing but the text of the last error.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/addrhint.h"
#include "conf_module.h"
#include "conf_parse.h"

#define FORM_WORD_MAX	32
#define NUMBER_MAX	INT64_C(4294967295)
#define SIZE_MAX_ARG	(INT64_C(1) << 50)
#define POINTS_MAX	INT64_C(1000000)	/* 1000 points */

struct reader {
	const struct module_option *opt;
	const struct conf_word	*words;
	size_t			 nwords, used;
	struct module_arg	*args;
	size_t			 nargs;
	char			 bounded;	/* what min and max are for */
};

static char	why[256];

static int __attribute__((__format__(printf, 1, 2)))
wrong(const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return (-1);
}

static int
is_punct(const struct conf_word *w, const char *text)
{
	return (!w->quoted && strcmp(w->text, text) == 0);
}

/* A word that can be a value: no brace, no end of a line. */
static int
is_value(const struct conf_word *w)
{
	return (w->quoted || (strcmp(w->text, "{") != 0 &&
	    strcmp(w->text, "}") != 0 && strcmp(w->text, "=") != 0 && strcmp(w->text, "\n") != 0));
}

/* Digits; past max it is max + 1.  What follows them, or NULL: none. */
static const char *
digits(const char *s, int64_t max, int64_t *v)
{
	if (!isdigit((unsigned char)*s))
		return (NULL);
	for (*v = 0; isdigit((unsigned char)*s); s++)
		if (*v <= max && (*v = *v * 10 + (*s - '0')) > max)
			*v = max + 1;
	return (s);
}

static int
number(const char *s, int64_t *n)
{
	int64_t	v;

	if ((s = digits(s, NUMBER_MAX, &v)) == NULL || *s != '\0')
		return (wrong("is not a number"));
	*n = v;
	return (0);
}

static int
time_ms(const char *s, int64_t *n)
{
	static const struct { const char *name; int64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 }
	};
	const char	*end;
	int64_t		 v;
	size_t		 i;

	if ((end = digits(s, CONF_TIME_MAX * 1000, &v)) == NULL)
		return (wrong("is not a time, as 30s, 5m, 4h or 36d"));
	if (*end == '\0')
		return (wrong("has no unit; write %ss, %sm, %sh or %sd", s, s,
		    s, s));
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0)
			break;
	if (i == sizeof(units) / sizeof(units[0]))
		return (wrong("is not a time: there are s, m, h, d and w"));
	if (v > CONF_TIME_MAX * 1000 / units[i].ms)
		return (wrong("is more than ten years"));
	*n = v * units[i].ms;
	return (0);
}

static int
size_octets(const char *s, int64_t *n)
{
	static const char	 units[] = "KMG";
	const char		*end, *unit;
	int64_t			 v, scale;

	if ((end = digits(s, SIZE_MAX_ARG, &v)) == NULL)
		return (wrong("is not a size, as 500K, 50M or 1G"));
	if (*end == '\0')
		return (wrong("has no unit; write %sK, %sM or %sG", s, s, s));
	if ((unit = strchr(units, *end)) == NULL || end[1] != '\0')
		return (wrong("is not a size: there are K, M and G"));
	scale = INT64_C(1) << (10 * (unit - units + 1));
	if (v > SIZE_MAX_ARG / scale)
		return (wrong("is too large"));
	*n = v * scale;
	return (0);
}

/* "-4.25": -4250. */
static int
points(const char *s, int64_t *n)
{
	int64_t	v, part = 0, scale = 100;
	int	minus = *s == '-';

	if ((s = digits(s + minus, POINTS_MAX / 1000, &v)) == NULL)
		return (wrong("is not a number of points, as 4, 0.5 or -3"));
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return (wrong("is not a number of points"));
		for (; isdigit((unsigned char)*s) && scale > 0; s++) {
			part += (*s - '0') * scale;
			scale /= 10;
		}
	}
	if (*s != '\0')
		return (wrong("is not a number of points; they have at most "
		    "three decimals"));
	v = v * 1000 + part;
	if (v > POINTS_MAX)
		return (wrong("is more than %lld points",
		    (long long)POINTS_MAX / 1000));
	*n = minus ? -v : v;
	return (0);
}

/* Is text one of "a|b|c"? */
static int
one_of(const char *words, const char *text)
{
	size_t	len = strlen(text), n;

	for (; *words != '\0'; words += n + (words[n] == '|')) {
		n = strcspn(words, "|");
		if (n == len && memcmp(words, text, n) == 0)
			return (1);
	}
	return (0);
}

/* A bound as one writes it. */
static const char *
bound(char form, int64_t v, char text[32])
{
	static const struct { const char *name; int64_t ms; } units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
		{ "s", 1000 }, { "ms", 1 }
	};
	size_t	i = 0;

	switch (form) {
	case 't':
		if (v == 0)
			return ("0s");
		while (v % units[i].ms != 0)
			i++;
		snprintf(text, 32, "%lld%s", (long long)(v / units[i].ms),
		    units[i].name);
		break;
	case 'p':
		snprintf(text, 32, "%g", (double)v / 1000);
		break;
	case 'z':
		snprintf(text, 32, "%lldK", (long long)(v / 1024));
		break;
	default:
		snprintf(text, 32, "%lld", (long long)v);
		break;
	}
	return (text);
}

static int
in_bounds(const struct reader *r, char form, int64_t v)
{
	const struct module_option *o = r->opt;
	char	from[32], to[32];

	if (form != r->bounded || (o->min == 0 && o->max == 0) ||
	    (v >= o->min && v <= o->max))
		return (0);
	return (wrong("is not between %s and %s", bound(form, o->min, from),
	    bound(form, o->max, to)));
}

/* One word by %form to *a: 0, or -1 and why. */
static int
convert(const struct reader *r, char form, const struct conf_word *w,
    struct module_arg *a)
{
	char	hint[ADDRHINT_MAX];

	memset(a, 0, sizeof(*a));
	a->s = w->text;
	switch (form) {
	case 'n':
		a->kind = ARG_NUMBER;
		return (number(w->text, &a->n));
	case 't':
		a->kind = ARG_TIME;
		return (time_ms(w->text, &a->n));
	case 'z':
		a->kind = ARG_SIZE;
		return (size_octets(w->text, &a->n));
	case 'p':
		a->kind = ARG_POINTS;
		return (points(w->text, &a->n));
	case 's':
		a->kind = ARG_STRING;
		return (0);
	case 'a':
		a->kind = ARG_PREFIX;
		if (prefix_parse(w->text, &a->prefix) == -1)
			return (wrong("is neither an address nor a network "
			    "(whose host bits are 0)%s",
			    strchr(w->text, '/') != NULL ? "" :
			    addr_hint(w->text, hint)));
		return (0);
	default:			/* 'w' */
		a->kind = ARG_WORD;
		if (w->quoted || !one_of(r->opt->words, w->text))
			return (wrong("is none of %s", r->opt->words));
		return (0);
	}
}

/* The next word, by %form, to the next argument. */
static int
take(struct reader *r, char form)
{
	const struct conf_word	*w = &r->words[r->used];
	struct module_arg	*a = &r->args[r->nargs];
	char			 said[sizeof(why)];

	if (r->used == r->nwords || !is_value(w)) {
		static const char *const names[] = { "nnumber",
		    "ttime, as 5s", "zsize, as 50M", "pnumber of points",
		    "sstring", "aaddress or network", NULL };
		size_t	i;

		for (i = 0; names[i] != NULL; i++)
			if (names[i][0] == form)
				return (wrong("%s %s is missing", strchr("a",
				    form) != NULL ? "an" : "a", names[i] + 1));
		return (wrong("one of %s is missing", r->opt->words));
	}
	if (convert(r, form, w, a) == -1 ||
	    (a->kind <= ARG_POINTS && in_bounds(r, form, a->n) == -1)) {
		memcpy(said, why, sizeof(said));
		return (wrong("\"%.64s\" %.180s", w->text, said));
	}
	r->used++;
	r->nargs++;
	return (0);
}

static int
take_word(struct reader *r, const char *text)
{
	if (r->used == r->nwords || !is_punct(&r->words[r->used], text))
		return (wrong("\"%s\" is missing", text));
	r->used++;
	return (0);
}

/* "{ any words }" */
static int
take_braces(struct reader *r)
{
	const struct conf_word	*w;
	struct module_arg	*a;

	if (take_word(r, "{") == -1)
		return (-1);
	for (; r->used < r->nwords; r->used++) {
		w = &r->words[r->used];
		if (is_punct(w, "}")) {
			r->used++;
			return (0);
		}
		if (is_punct(w, "{"))
			return (wrong("a brace within braces"));
		if (is_punct(w, "\n"))
			continue;
		a = &r->args[r->nargs++];
		memset(a, 0, sizeof(*a));
		a->kind = w->quoted ? ARG_STRING : ARG_WORD;
		a->s = w->text;
		a->braced = 1;
	}
	return (wrong("\"}\" is missing"));
}

/* One element of the form. */
static int
take_element(struct reader *r, const char *form)
{
	if (form[0] != '%')
		return (take_word(r, form));
	if (form[1] == '*')
		return (take_braces(r));
	if (form[1] != 'r')
		return (take(r, form[1]));
	if (take(r, 'n') == -1 || take_word(r, "per") == -1 ||
	    take(r, 't') == -1)
		return (-1);
	if (r->args[r->nargs - 1].n == 0)
		return (wrong("a rate needs a time longer than 0"));
	return (0);
}

/* Would the element take the next word? */
static int
fits(const struct reader *r, const char *form)
{
	const struct conf_word	*w = &r->words[r->used];
	struct module_arg	 a;

	if (r->used == r->nwords)
		return (0);
	if (form[0] != '%')
		return (is_punct(w, form));
	if (form[1] == '*')
		return (is_punct(w, "{"));
	/* A bare word is the next option's keyword sooner than a string. */
	if (form[1] == 's')
		return (w->quoted);
	return (is_value(w) && convert(r, form[1] == 'r' ? 'n' : form[1], w,
	    &a) == 0);
}

/* The next element of the form to e; 0: there is none. */
static int
next_element(const char **form, char e[FORM_WORD_MAX])
{
	size_t	len;

	*form += strspn(*form, " ");
	len = strcspn(*form, " ");
	if (len == 0 || len >= FORM_WORD_MAX)
		return (0);
	memcpy(e, *form, len);
	e[len] = '\0';
	*form += len;
	return (1);
}

static int
take_form(struct reader *r, const char *form)
{
	char	e[FORM_WORD_MAX];
	int	first = 0, skipping = 0;

	while (next_element(&form, e)) {
		if (strcmp(e, "[") == 0)
			first = 1;
		else if (strcmp(e, "]") == 0)
			skipping = 0;
		else if (!skipping) {
			if (first && !fits(r, e))
				skipping = 1;
			else if (take_element(r, e) == -1)
				return (-1);
			first = 0;
		}
	}
	return (0);
}

int
conf_module_args(const struct module_option *opt,
    const struct conf_word *words, size_t nwords, struct module_arg *args,
    size_t *nargs, int *off, const char **error)
{
	struct reader	 r = { opt, words, nwords, 0, args, 0, 0 };
	const char	*p;

	*nargs = 0;
	*off = 0;
	*error = why;
	if (opt->can_be_off && nwords > 0 && is_punct(&words[0], "no")) {
		*off = 1;
		return (1);
	}
	if ((p = strpbrk(opt->form, "%")) != NULL) {
		while (p != NULL && strchr("ntzpr", p[1]) == NULL)
			p = strchr(p + 1, '%');
		if (p != NULL)
			r.bounded = p[1] == 'r' ? 'n' : p[1];
	}
	if (take_form(&r, opt->form) == -1)
		return (-1);
	*nargs = r.nargs;
	return ((int)r.used);
}
