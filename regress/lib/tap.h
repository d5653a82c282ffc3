/*
 * Prints TAP from C: ok(), is_int(), is_str(), skip(), done().  A test is a
 * main() that calls them and ends with `return (done());`.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	tap_count, tap_failed;

static inline void
tap_line(int good, const char *file, int line, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++tap_count, name);
	if (!good) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
}

static inline void
tap_int(long long got, long long want, const char *file, int line,
    const char *name)
{
	tap_line(got == want, file, line, name);
	if (got != want)
		printf("#      got: %lld\n# expected: %lld\n", got, want);
}

static inline void
tap_str(const char *got, const char *want, const char *file, int line,
    const char *name)
{
	int	good;

	good = (got == NULL || want == NULL) ? got == want :
	    strcmp(got, want) == 0;
	tap_line(good, file, line, name);
	if (!good)
		printf("#      got: %s\n# expected: %s\n",
		    got == NULL ? "NULL" : got, want == NULL ? "NULL" : want);
}

/* Reports one test that cannot run here, by its name and with the reason. */
static inline void
skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
	fflush(stdout);
}

#define ok(c, name)		tap_line(!!(c), __FILE__, __LINE__, name)
#define is_int(g, w, name)	tap_int((long long)(g), (long long)(w), \
				    __FILE__, __LINE__, name)
#define is_str(g, w, name)	tap_str(g, w, __FILE__, __LINE__, name)

static inline int
done(void)
{
	printf("1..%d\n", tap_count);
	return (tap_failed != 0);
}

#endif
