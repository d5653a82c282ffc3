/*
 * Values as people write them; value.h has the forms.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/value.h"

struct unit {
	const char	*name;
	int64_t		 scale;
};

/* The largest first: value_text takes the first one that divides. */
static const struct unit times[] = {
	{ "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 },
	{ "m", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 }
};
static const struct unit sizes[] = {
	{ "G", 1024 * 1024 * 1024 }, { "M", 1024 * 1024 }, { "K", 1024 },
	{ NULL, 0 }
};

static int __attribute__((__format__(printf, 2, 3)))
wrong(char *why, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(why, VALUE_WHY, fmt, ap);
	va_end(ap);
	return (-1);
}

int64_t
value_max(enum value_kind kind)
{
	switch (kind) {
	case VALUE_NUMBER:
		return (VALUE_NUMBER_MAX);
	case VALUE_SECONDS:
		return (VALUE_SECONDS_MAX);
	case VALUE_MS:
		return (VALUE_MS_MAX);
	case VALUE_SIZE:
		return (VALUE_SIZE_MAX);
	case VALUE_POINTS:
		return (VALUE_POINTS_MAX);
	case VALUE_PERCENT:
		return (100);
	case VALUE_PREFIX:
		break;
	}
	return (128);
}

/*
 * The digits at the beginning of s, to *v.  Returns what follows them, or NULL
 * when there are none.  More than any value may be is VALUE_SIZE_MAX + 1, so
 * that no unit can make it overflow unseen.
 */
static const char *
digits(const char *s, int64_t *v)
{
	if (!isdigit((unsigned char)*s))
		return (NULL);
	for (*v = 0; isdigit((unsigned char)*s); s++)
		if (*v <= VALUE_SIZE_MAX)
			*v = *v * 10 + (*s - '0');
	if (*v > VALUE_SIZE_MAX)
		*v = VALUE_SIZE_MAX + 1;
	return (s);
}

/* The unit of that name; NULL: there is none. */
static const struct unit *
unit_find(const struct unit *u, const char *name)
{
	for (; u->name != NULL; u++)
		if (strcmp(u->name, name) == 0)
			return (u);
	return (NULL);
}

/* A time, to milliseconds. */
static int
read_time(const char *s, int64_t *v, char *why)
{
	const struct unit	*u;
	const char		*end;

	if ((end = digits(s, v)) == NULL)
		return (wrong(why, "is not a time; write, for example, 30s, 5m, "
		    "4h, 36d or 2w"));
	if (*end == '\0')
		return (wrong(why, "is not a time; write a unit, for example "
		    "%.32ss or %.32sm", s, s));
	if ((u = unit_find(times, end)) == NULL)
		return (wrong(why, "is not a time; its units are ms, s, m, h, "
		    "d and w"));
	if (*v > VALUE_MS_MAX / u->scale)
		return (wrong(why, "is more than ten years"));
	*v *= u->scale;
	return (0);
}

/*
 * A size, to bytes.  What is too large for its unit is too large for any limit,
 * and becomes more than all of them.
 */
static int
read_size(const char *s, int64_t *v, char *why)
{
	const struct unit	*u;
	const char		*end;

	if ((end = digits(s, v)) == NULL)
		return (wrong(why, "is not a size; write, for example, 500K, "
		    "50M or 1G"));
	if (*end == '\0')
		return (wrong(why, "is not a size; write a unit, for example "
		    "%.32sK or %.32sM", s, s));
	if ((u = unit_find(sizes, end)) == NULL)
		return (wrong(why, "is not a size; its units are K, M and G"));
	/* (what is too large for its unit is too large for any limit) */
	*v = *v > VALUE_SIZE_MAX / u->scale ? VALUE_SIZE_MAX + 1 :
	    *v * u->scale;
	return (0);
}

/* A decimal with at most three places, to thousandths. */
static int
read_points(const char *s, int64_t *v, char *why)
{
	int64_t	whole, part = 0, scale = 100;
	int	minus = *s == '-';

	if ((s = digits(s + minus, &whole)) == NULL)
		return (wrong(why, "is not a number of points; write, for "
		    "example, 4, 0.5 or -3"));
	if (*s == '.') {
		if (!isdigit((unsigned char)*++s))
			return (wrong(why, "is not a number of points"));
		for (; isdigit((unsigned char)*s) && scale > 0; s++) {
			part += (*s - '0') * scale;
			scale /= 10;
		}
	}
	if (*s != '\0')
		return (wrong(why, "is not a number of points; they have at "
		    "most three decimals"));
	whole = whole > VALUE_POINTS_MAX ? VALUE_POINTS_MAX + 1 :
	    whole * 1000 + part;
	*v = minus ? -whole : whole;
	return (0);
}

/* A time that must be whole seconds. */
static int
read_seconds(const char *s, int64_t *v, char *why)
{
	if (read_time(s, v, why) == -1)
		return (-1);
	if (*v % 1000 != 0)
		return (wrong(why, "is not a whole number of seconds"));
	*v /= 1000;
	return (0);
}

/*
 * Digits behind that first character (NUL: none) and before that rest. -1: the
 * text is something else.
 */
static int
read_digits(const char *s, char first, const char *rest, int64_t *v)
{
	if (first != '\0' && *s++ != first)
		return (-1);
	return ((s = digits(s, v)) == NULL || strcmp(s, rest) != 0 ? -1 : 0);
}

/* By the kind, without its limits. 0, or -1 and why. */
static int
read_kind(enum value_kind kind, const char *s, int64_t *v, char *why)
{
	switch (kind) {
	case VALUE_NUMBER:
		return (read_digits(s, '\0', "", v) == 0 ? 0 :
		    wrong(why, "is not a number"));
	case VALUE_SECONDS:
		return (read_seconds(s, v, why));
	case VALUE_MS:
		return (read_time(s, v, why));
	case VALUE_SIZE:
		return (read_size(s, v, why));
	case VALUE_POINTS:
		return (read_points(s, v, why));
	case VALUE_PERCENT:
		return (read_digits(s, '\0', "%", v) == 0 ? 0 :
		    wrong(why, "is not a percentage; write, for example, 50%%"));
	case VALUE_PREFIX:
		break;
	}
	if (read_digits(s, '/', "", v) == 0)
		return (0);
	if (read_digits(s, '\0', "", v) == 0)
		return (wrong(why, "is not a prefix length; write /%.32s", s));
	return (wrong(why, "is not a prefix length; write, for example, /24"));
}

int
value_read(enum value_kind kind, const char *text, int64_t min, int64_t max,
    int64_t *result, char why[VALUE_WHY])
{
	char	from[VALUE_TEXT], to[VALUE_TEXT];
	int64_t	v;

	if (read_kind(kind, text, &v, why) == -1)
		return (-1);
	if (v < min || v > max)
		return (wrong(why, "is not between %s and %s",
		    value_text(kind, min, from), value_text(kind, max, to)));
	*result = v;
	return (0);
}

/* The largest unit of the table that divides v; of 0 that one. */
static const char *
unit_text(const struct unit *u, int64_t v, const char *zero, char *text)
{
	while (v == 0 ? strcmp(u->name, zero) != 0 : v % u->scale != 0 &&
	    u[1].name != NULL)
		u++;
	snprintf(text, VALUE_TEXT, "%lld%s", (long long)(v / u->scale),
	    u->name);
	return (text);
}

static const char *
points_text(int64_t v, char *text)
{
	int	n;

	n = snprintf(text, VALUE_TEXT, "%s%lld.%03lld", v < 0 ? "-" : "",
	    (long long)(v < 0 ? -v : v) / 1000,
	    (long long)(v < 0 ? -v : v) % 1000);
	while (text[n - 1] == '0')
		n--;
	text[text[n - 1] == '.' ? n - 1 : n] = '\0';
	return (text);
}

/* See value.h.  Weeks are read, and written as days. */
const char *
value_text(enum value_kind kind, int64_t v, char text[VALUE_TEXT])
{
	switch (kind) {
	case VALUE_SECONDS:
		return (unit_text(times + 1, v * 1000, "s", text));
	case VALUE_MS:
		return (unit_text(times + 1, v, "s", text));
	case VALUE_SIZE:
		return (unit_text(sizes, v, "K", text));
	case VALUE_POINTS:
		return (points_text(v, text));
	case VALUE_NUMBER:
	case VALUE_PERCENT:
	case VALUE_PREFIX:
		break;
	}
	snprintf(text, VALUE_TEXT, "%s%lld%s", kind == VALUE_PREFIX ? "/" : "",
	    (long long)v, kind == VALUE_PERCENT ? "%" : "");
	return (text);
}
