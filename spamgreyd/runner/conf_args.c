/*
 * The language of forms (lib/conf/option.h): turns the words behind an option's
 * keyword into arguments.  Pure: it knows no file, no module and no
 * configuration, it reports nothing, and keeps nothing except the text of the
 * last error.
 *
 * A form is a row of elements: a word that must stand there, %X for a value, or
 * [ elements ] that may be left out as a whole.  Whether they are left out is
 * decided by the first of them.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrhint.h"
#include "lib/base/value.h"
#include "spamgreyd/runner/conf.h"

/* Bytes of one element of a form. */
#define FORM_WORD_MAX	32

/* The words and how many of them are used; the arguments made so far. */
struct reader {
	const struct module_option *opt;
	const struct conf_word	*words;
	size_t			 nwords, used;
	struct module_arg	*args;
	size_t			 nargs;
	/* The kind of value that the option's min and max are for; 0: none. */
	char			 bounded;
};

static char	why[256];

/* Notes what is wrong and returns -1. */
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

/*
 * Returns 1 if the word can be a value: it is not a brace, `=' or a line end.
 */
static int
is_value(const struct conf_word *w)
{
	return (w->quoted || (strcmp(w->text, "{") != 0 &&
	    strcmp(w->text, "}") != 0 && strcmp(w->text, "=") != 0 && strcmp(w->text, "\n") != 0));
}

/* Returns 1 if text is one of "a|b|c". */
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

/*
 * Converts a number of the kind %form.  The bounds of the option hold for one
 * kind only; others have those of the kind itself.  Returns 0, or -1 with why.
 */
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

/* Converts one word by %form.  Returns 0, or -1 with why. */
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

/* Takes the next word as the next argument. */
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

/*
 * Takes "{ any words }".  Each word becomes an argument with `braced' set; the
 * module gives them a meaning.
 */
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

/* Takes one element of the form; %r is "NUMBER per TIME". */
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

/* Returns 1 if the element would accept the next word. */
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
	/*
	 * A bare word is rather the keyword of the next option than a string.
	 */
	if (form[1] == 's')
		return (w->quoted);
	/* A value outside its bounds still is one; take() reports it. */
	anything.bounded = 0;
	return (is_value(w) && convert(&anything, form[1] == 'r' ? 'n' :
	    form[1], w, &a) == 0);
}

/* Copies the next element of the form to e.  Returns 0 if there is none. */
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

/*
 * Takes all elements.  first is set at the first element of a group, which
 * decides whether the group is skipped.
 */
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

/*
 * The bounds of the option are for the first number, time, size or points of
 * its form; of a rate they are for its number.
 */
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
