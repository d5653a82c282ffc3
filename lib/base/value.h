/*
 * Values as people write them: numbers, times with their unit, sizes, points,
 * percentages, prefix lengths.  The one reader of them, and the one writer:
 * spamgreyd.conf(5), the options of modules and the commands of spamgreydb
 * take and print the same forms.
 *
 * Pure: keeps nothing, allocates nothing, and any process may call it.
 */
#ifndef VALUE_H
#define VALUE_H

#include <stdint.h>

enum value_kind {
	VALUE_NUMBER,		/* 12 */
	VALUE_SECONDS,		/* 30s, 5m, 4h, 36d, 2w; in seconds */
	VALUE_MS,		/* the same and 250ms; in milliseconds */
	VALUE_SIZE,		/* 500K, 50M, 1G; in bytes */
	VALUE_POINTS,		/* 4, 0.5, -3.125; in thousandths */
	VALUE_PERCENT,		/* 80% */
	VALUE_PREFIX		/* /24 */
};

#define VALUE_WHY	160	/* bytes of a reason, with its NUL */
#define VALUE_TEXT	32	/* bytes of a value's text, with its NUL */

/* What no value may exceed, whatever its limits are. */
#define VALUE_NUMBER_MAX	INT64_C(4294967295)
#define VALUE_SECONDS_MAX	(INT64_C(3650) * 86400)	/* ten years */
#define VALUE_MS_MAX		(VALUE_SECONDS_MAX * 1000)
#define VALUE_SIZE_MAX		(INT64_C(1) << 50)
#define VALUE_POINTS_MAX	INT64_C(1000000)

/*
 * Reads the whole of text.  Returns 0 and sets *v, which is at least min and at
 * most max; or returns -1, leaves *v alone, and why says what is wrong, so that
 * it follows the quoted text: "80" is not a time; write a unit, ...
 */
int	 value_read(enum value_kind, const char *text, int64_t min, int64_t max,
	    int64_t *v, char why[VALUE_WHY]);
/* The largest value of that kind. */
int64_t	 value_max(enum value_kind);
/* The text that reads as v, with the largest unit that leaves no remainder.
 * Returns text. */
const char *value_text(enum value_kind, int64_t v, char text[VALUE_TEXT]);

#endif
