/* Lines of address lists: what they mean, or why they are malformed. */
#include <string.h>

#include "lib/addrset/listline.h"
#include "regress/lib/tap.h"

/* "lo hi", "-" nothing, or the error. */
static const char *
parse(const char *line, int flags)
{
	static char	 text[256];
	struct addr	 lo, hi;
	const char	*error = "no error";
	char		 a[ADDR_STRLEN], b[ADDR_STRLEN];

	switch (listline_parse(line, strlen(line), flags, &lo, &hi, &error)) {
	case LISTLINE_NONE:
		return ("-");
	case LISTLINE_RANGE:
		snprintf(text, sizeof(text), "%s %s", addr_str(&lo, a),
		    addr_str(&hi, b));
		return (text);
	case LISTLINE_BAD:
		break;
	}
	return (error);
}

static void
good(const char *line, const char *want)
{
	is_str(parse(line, 0), want, line);
}

static void
refused(const char *line, const char *why)
{
	const char	*got = parse(line, 0);

	ok(strstr(got, why) != NULL, line);
	printf("#      why: %s\n", got);
}

int
main(void)
{
	struct addr	 lo, hi;
	const char	*error;

	good("", "-");
	good(" \t\r", "-");
	good("# 192.0.2.1", "-");
	good("  ; a comment of Spamhaus", "-");
	good("192.0.2.1", "192.0.2.1 192.0.2.1");
	good("  192.0.2.1\r", "192.0.2.1 192.0.2.1");
	good("192.0.2.1 # text", "192.0.2.1 192.0.2.1");
	good("192.0.2.1#text", "192.0.2.1 192.0.2.1");
	good("192.0.2.1;text", "192.0.2.1 192.0.2.1");
	good("192.0.2.1 a spammer of 2003", "192.0.2.1 192.0.2.1");
	good("192.0.2.1 5 times", "192.0.2.1 192.0.2.1");
	good("192.0.2.1 - spammer", "192.0.2.1 192.0.2.1");
	good("192.0.2.0/24", "192.0.2.0 192.0.2.255");
	good("192.0.2.0/24 ; SBL1", "192.0.2.0 192.0.2.255");
	good("192.0.2.77/24", "192.0.2.0 192.0.2.255");
	good("0.0.0.0/8", "0.0.0.0 0.255.255.255");
	good("0.0.0.0", "0.0.0.0 0.0.0.0");
	good("255.255.255.255", "255.255.255.255 255.255.255.255");
	good("255.255.255.0/24", "255.255.255.0 255.255.255.255");
	good("0.0.0.0 - 255.255.255.255", "0.0.0.0 255.255.255.255");
	good("192.0.2.1 - 192.0.2.9", "192.0.2.1 192.0.2.9");
	good("192.0.2.1-192.0.2.9", "192.0.2.1 192.0.2.9");
	good("192.0.2.1 192.0.2.9 text", "192.0.2.1 192.0.2.9");
	good("192.0.2.1 -- 192.0.2.9", "192.0.2.1 192.0.2.9");
	good("192.0.2.1\t-\t192.0.2.1", "192.0.2.1 192.0.2.1");
	good("2001:db8::1", "2001:db8::1 2001:db8::1");
	good("2001:db8::/32 # all", "2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:"
	    "ffff:ffff");
	good("2001:db8::1-2001:db8::9", "2001:db8::1 2001:db8::9");
	good("::/1", ":: 7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	good("::ffff:192.0.2.1", "192.0.2.1 192.0.2.1");
	good("::ffff:192.0.2.0/24", "192.0.2.0 192.0.2.255");
	refused("192.0.2.0/33", "more than 32");
	refused("2001:db8::/129", "more than 128");
	refused("192.0.2.0/9999999999", "after the /");
	refused("192.0.2.0/", "after the /");
	refused("192.0.2.0/-1", "after the /");
	refused("192.0.2.0/24x", "after the /");
	refused("0.0.0.0/0", "all addresses");
	refused("::/0", "all addresses");
	is_str(parse("0.0.0.0/0", LISTLINE_ALL), "0.0.0.0 255.255.255.255",
	    "/0 where it is allowed");
	refused("192.0.2.9 - 192.0.2.1", "ends before it begins");
	refused("2001:db8::9-2001:db8::1", "ends before it begins");
	refused("192.0.2.1 - 2001:db8::1", "an IPv4 and an IPv6");
	refused("192.0.2.1-192.0.2", "second address");
	refused("192.0.2.1 - 192.0.2.256", "second address");
	refused("192.0.2.256", "is not an address");
	refused("192.0.2", "is not an address");
	refused("192.0.2.1.5", "is not an address");
	refused("192.0.2.01", "is not an address");
	refused("1920.0.2.1", "is not an address");
	refused("example.org", "is not an address");
	refused("deadbeef", "is not an address");
	refused("/24", "is not an address");
	refused("192.0.2.1foo", "is not an address");
	refused("fe80::1%em0", "is not an address");
	refused("<html>", "is not an address");
	refused("1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23:24",
	    "is not an address");
	ok(listline_parse("192.0.2.1\0", 10, 0, &lo, &hi, &error) ==
	    LISTLINE_BAD, "a NUL behind an address is no text");
	ok(listline_parse("\0", 1, 0, &lo, &hi, &error) == LISTLINE_BAD,
	    "nor a line");
	return (done());
}
