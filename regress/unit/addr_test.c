/* Addresses and prefixes: text, masks, cuts, socket addresses. */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "../../lib/addr.h"
#include "tap.h"

static const char *
again(const char *text)
{
	static char	out[ADDR_STRLEN];
	struct addr	a;

	return (addr_parse(text, &a) == -1 ? "bad" : addr_str(&a, out));
}

static const char *
pagain(const char *text)
{
	static char	out[PREFIX_STRLEN];
	struct prefix	p;

	return (prefix_parse(text, &p) == -1 ? "bad" : prefix_str(&p, out));
}

static const char *
cut(const char *text, uint8_t ip4, uint8_t ip6)
{
	static char	out[ADDR_STRLEN];
	struct addr_cut	c = { ip4, ip6 };
	struct addr	a, b;

	if (addr_parse(text, &a) == -1)
		return ("bad");
	addr_cut(&a, &c, &b);
	return (addr_str(&b, out));
}

static void
text(void)
{
	is_str(again("192.0.2.1"), "192.0.2.1", "IPv4");
	is_str(again("2001:db8::1"), "2001:db8::1", "IPv6");
	is_str(again("::ffff:192.0.2.1"), "192.0.2.1", "mapped is IPv4");
	is_str(again("::"), "::", "the unspecified address");
	is_str(again("0.0.0.0"), "0.0.0.0", "and IPv4's own");
	is_str(again("192.0.2"), "bad", "three numbers");
	is_str(again("192.0.2.256"), "bad", "256");
	is_str(again("192.0.2.1 "), "bad", "a blank after it");
	is_str(again(""), "bad", "nothing");
	is_str(again("fe80::1%eth0"), "bad", "a zone");
	is_str(pagain("192.0.2.0/24"), "192.0.2.0/24", "IPv4 prefix");
	is_str(pagain("192.0.2.1"), "192.0.2.1", "a bare address is whole");
	is_str(pagain("192.0.2.1/32"), "192.0.2.1", "and so is /32");
	is_str(pagain("0.0.0.0/0"), "0.0.0.0/0", "all of IPv4");
	is_str(pagain("::/0"), "::/0", "all of IPv6");
	is_str(pagain("2001:db8::/32"), "2001:db8::/32", "IPv6 prefix");
	is_str(pagain("192.0.2.1/24"), "bad", "host bits set");
	is_str(pagain("2001:db8::1/32"), "bad", "host bits set, IPv6");
	is_str(pagain("192.0.2.0/33"), "bad", "/33");
	is_str(pagain("::/129"), "bad", "/129");
	is_str(pagain("192.0.2.0/"), "bad", "no length");
	is_str(pagain("192.0.2.0/-1"), "bad", "a negative length");
	is_str(pagain("192.0.2.0/024"), "bad", "a leading zero");
	is_str(pagain("/24"), "bad", "no address");
}

static void
cuts(void)
{
	struct prefix	p;
	struct addr	a;

	is_str(cut("192.0.2.77", 24, 64), "192.0.2.0", "IPv4 /24");
	is_str(cut("192.0.2.77", 32, 64), "192.0.2.77", "IPv4 /32");
	is_str(cut("192.0.2.77", 0, 64), "0.0.0.0", "IPv4 /0 stays IPv4");
	is_str(cut("192.0.2.255", 31, 64), "192.0.2.254", "IPv4 /31");
	is_str(cut("2001:db8:1:2:3:4:5:6", 24, 64), "2001:db8:1:2::",
	    "IPv6 /64");
	is_str(cut("2001:db8:1:2:3:4:5:6", 24, 0), "::", "IPv6 /0");
	is_str(cut("2001:db8:ffff::", 24, 33), "2001:db8:8000::", "IPv6 /33");
	prefix_parse("192.0.2.0/25", &p);
	addr_parse("192.0.2.127", &a);
	ok(prefix_has(&p, &a), "the last one inside");
	addr_parse("192.0.2.128", &a);
	ok(!prefix_has(&p, &a), "the first one outside");
	prefix_parse("::/0", &p);
	ok(!prefix_has(&p, &a), "::/0 has no IPv4");
	addr_parse("2001:db8::1", &a);
	ok(prefix_has(&p, &a), "but all of IPv6");
	addr_parse("127.3.2.1", &a);
	ok(addr_is_loopback(&a), "127.3.2.1 is loopback");
	addr_parse("::1", &a);
	ok(addr_is_loopback(&a), "::1 is loopback");
	addr_parse("::2", &a);
	ok(!addr_is_loopback(&a), "::2 is not");
}

static void
sockets(void)
{
	struct sockaddr_storage	ss;
	struct addr		a, b;
	uint16_t		port = 0;

	addr_parse("192.0.2.9", &a);
	is_int(addr_to_sa(&a, 25, &ss), sizeof(struct sockaddr_in),
	    "IPv4 makes a sockaddr_in");
	is_int(ss.ss_family, AF_INET, "of its family");
	ok(addr_from_sa((struct sockaddr *)&ss, &b, &port) == 0 &&
	    addr_cmp(&a, &b) == 0 && port == 25, "and back");
	addr_parse("2001:db8::9", &a);
	is_int(addr_to_sa(&a, 8025, &ss), sizeof(struct sockaddr_in6),
	    "IPv6 makes a sockaddr_in6");
	ok(addr_from_sa((struct sockaddr *)&ss, &b, &port) == 0 &&
	    addr_cmp(&a, &b) == 0 && port == 8025, "and back");
	ss.ss_family = AF_UNIX;
	is_int(addr_from_sa((struct sockaddr *)&ss, &b, NULL), -1,
	    "another family is refused");
}

int
main(void)
{
	text();
	cuts();
	sockets();
	return (done());
}
