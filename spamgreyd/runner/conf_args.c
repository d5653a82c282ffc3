/*
 * The form language of module.h: the words behind an option's keyword to
 * arguments.  Pure: knows no file, no module and no configuration, reports
 * nothing, and keeps nothing but the text of the last error.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrhint.h"
#include "lib/base/value.h"
#include "spamgreyd/runner/conf.h"

#define FORM_WORD_MAX	32

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

/* A number by %form to *a, within the bounds of the option if they are for that
 * kind.  0, or -1 and why. */
static int
convert_number(const struct reader *r, char form, const struct conf_word *w,
    struct module_arg *a)
{
	static const struct {
		char		 form;
		enum arg_kind	 arg;
		enum value_kind	 value;
	} kinds[] = {
		{ 'n', ARG_NUMBER, VALUE_NUMBER }, { 't', ARG_TIME, VALUE_MS },
		{ 'z', ARG_SIZE, VALUE_SIZE }, { 'p', ARG_POINTS, VALUE_POINTS }
	};
	const struct module_option *o = r->opt;
	char		text[VALUE_WHY];
	int64_t		min, max;
	unsigned int	i;

	for (i = 0; kinds[i].form != form; i++)
		;
	a->kind = kinds[i].arg;
	max = value_max(kinds[i].value);
	min = form == 'p' ? -max : 0;
	if (form == r->bounded && (o->min != 0 || o->max != 0)) {
		min = o->min;
		max = o->max;
	}
	if (value_read(kinds[i].value, w->text, min, max, &a->n, text) == 0)
		return (0);
	return (wrong("%s", text));
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
	case 't':
	case 'z':
	case 'p':
		return (convert_number(r, form, w, a));
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
		static const char *const missing[] = {
		    "na number is missing",
		    "ta time is missing; write, for example, 5s",
		    "za size is missing; write, for example, 50M",
		    "pa number of points is missing", "sa string is missing",
		    "aan address or network is missing", NULL };
		size_t	i;

		for (i = 0; missing[i] != NULL; i++)
			if (missing[i][0] == form)
				return (wrong("%s", missing[i] + 1));
		return (wrong("one of %s is missing", r->opt->words));
	}
	if (convert(r, form, w, a) == -1) {
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
	struct reader		 anything = *r;
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
	/* (a value beyond its bounds is one, and take() says so) */
	anything.bounded = 0;
	return (is_value(w) && convert(&anything, form[1] == 'r' ? 'n' :
	    form[1], w, &a) == 0);
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
