/*
 * Values as people write them: what is accepted, what is refused and why, and
 * that a written value is read as the same.
 */
#include <stdio.h>

#include "lib/base/value.h"
#include "regress/lib/tap.h"

static void
reads(enum value_kind kind, const char *text, int64_t want, const char *back)
{
	char	why[VALUE_WHY], again[VALUE_TEXT], name[80];
	int64_t	v = -7;

	snprintf(name, sizeof(name), "\"%s\" is read", text);
	is_int(value_read(kind, text, kind == VALUE_POINTS ? -5000 : 0,
	    value_max(kind), &v, why), 0, name);
	is_int(v, want, "as what it is");
	is_str(value_text(kind, want, again), back, "and written");
}

static void
fails(enum value_kind kind, const char *text, const char *want)
{
	char	why[VALUE_WHY] = "", name[80];
	int64_t	v = -7;

	snprintf(name, sizeof(name), "\"%s\" is not", text);
	is_int(value_read(kind, text, 1, 30, &v, why), -1, name);
	is_str(why, want, "and it says why");
	is_int(v, -7, "the value is left alone");
}

int
main(void)
{
	reads(VALUE_NUMBER, "0", 0, "0");
	reads(VALUE_NUMBER, "4294967295", 4294967295, "4294967295");
	reads(VALUE_SECONDS, "90s", 90, "90s");
	reads(VALUE_SECONDS, "3000ms", 3, "3s");
	reads(VALUE_SECONDS, "120s", 120, "2m");
	reads(VALUE_SECONDS, "2w", 1209600, "14d");
	reads(VALUE_SECONDS, "0h", 0, "0s");
	reads(VALUE_SECONDS, "3650d", VALUE_SECONDS_MAX, "3650d");
	reads(VALUE_MS, "250ms", 250, "250ms");
	reads(VALUE_MS, "1s", 1000, "1s");
	reads(VALUE_MS, "0ms", 0, "0s");
	reads(VALUE_SIZE, "64K", 65536, "64K");
	reads(VALUE_SIZE, "2048K", 2097152, "2M");
	reads(VALUE_SIZE, "1G", 1 << 30, "1G");
	reads(VALUE_SIZE, "0M", 0, "0K");
	reads(VALUE_POINTS, "4", 4000, "4");
	reads(VALUE_POINTS, "-0.5", -500, "-0.5");
	reads(VALUE_POINTS, "12.250", 12250, "12.25");
	reads(VALUE_PERCENT, "100%", 100, "100%");
	reads(VALUE_PREFIX, "/64", 64, "/64");

	fails(VALUE_NUMBER, "", "is not a number");
	fails(VALUE_NUMBER, "-1", "is not a number");
	fails(VALUE_NUMBER, "5x", "is not a number");
	fails(VALUE_NUMBER, "0", "is not between 1 and 30");
	fails(VALUE_NUMBER, "99999999999999999999", "is not between 1 and 30");
	fails(VALUE_SECONDS, "soon", "is not a time; write, for example, 30s, "
	    "5m, 4h, 36d or 2w");
	fails(VALUE_SECONDS, "30", "is not a time; write a unit, for example "
	    "30s or 30m");
	fails(VALUE_SECONDS, "1y", "is not a time; its units are ms, s, m, h, "
	    "d and w");
	fails(VALUE_SECONDS, "500ms", "is not a whole number of seconds");
	fails(VALUE_SECONDS, "99999999999999999w", "is more than ten years");
	fails(VALUE_SECONDS, "31s", "is not between 1s and 30s");
	fails(VALUE_MS, "31ms", "is not between 1ms and 30ms");
	fails(VALUE_SIZE, "big", "is not a size; write, for example, 500K, 50M "
	    "or 1G");
	fails(VALUE_SIZE, "50", "is not a size; write a unit, for example 50K "
	    "or 50M");
	fails(VALUE_SIZE, "50MB", "is not a size; its units are K, M and G");
	fails(VALUE_POINTS, ".5", "is not a number of points; write, for "
	    "example, 4, 0.5 or -3");
	fails(VALUE_POINTS, "5.", "is not a number of points");
	fails(VALUE_POINTS, "1.2345", "is not a number of points; they have at "
	    "most three decimals");
	fails(VALUE_POINTS, "5", "is not between 0.001 and 0.03");
	fails(VALUE_PERCENT, "50", "is not a percentage; write, for example, "
	    "50%");
	fails(VALUE_PERCENT, "31%", "is not between 1% and 30%");
	fails(VALUE_PREFIX, "24", "is not a prefix length; write /24");
	fails(VALUE_PREFIX, "/x", "is not a prefix length; write, for example, "
	    "/24");
	fails(VALUE_PREFIX, "/31", "is not between /1 and /30");
	return (done());
}
