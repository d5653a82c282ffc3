/* Hints for a text that is not an address. */
#include "lib/base/addrhint.h"
#include "regress/lib/tap.h"

static void
hint(const char *text, const char *want)
{
	char	buf[ADDRHINT_MAX];

	is_str(addr_hint(text, buf), want, text);
}

int
main(void)
{
	hint("0.0.0.0:25", "; write \"0.0.0.0 port 25\"");
	hint("[2001:db8::1]:25", "; write \"2001:db8::1 port 25\"");
	hint("[::1]", "; write ::1");
	hint("*:25",
	    "; write \"0.0.0.0 port 25\", and \":: port 25\" for IPv6");
	hint("*", "; write 0.0.0.0, and :: for IPv6");
	hint("any", "; write 0.0.0.0, and :: for IPv6");
	hint("localhost", "; write 127.0.0.1 or ::1");
	hint("192.0.2.0/24", "; a network is not allowed here, write an address");
	hint("mail.example.org",
	    "; host names are not looked up, write the address");
	hint("192.0.2.1:123456", "");
	hint("192.0.2.256", "");
	hint("192.0.2.1", "");
	hint("192.0.2.1:", "");
	hint(":25", "");
	hint("", "");
	hint("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:1",
	    "");
	return (done());
}
