/* Addresses, prefixes, cuts and socket addresses. */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include "lib/base/addr.h"
#include "regress/lib/tap.h"

static void
test_text(void)
{
	static const struct {
		const char	*in, *out;	/* NULL: refused */
	} t[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "", NULL }, { "1", NULL }, { "1.2.3", NULL },
		{ "1.2.3.4.5", NULL }, { "1.2.3.256", NULL },
		{ "192.0.2.1 ", NULL }, { " 192.0.2.1", NULL },
		{ "0x7f.1.1.1", NULL }, { "::1%lo", NULL }, { ":::", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL }, { "12345::", NULL },
		{ "192.0.2.1/32", NULL }, { "[::1]", NULL }
	};
	struct addr	a;
	char		s[ADDR_STRLEN];
	size_t		i;
	int		r;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		r = addr_parse(t[i].in, &a);
		if (t[i].out == NULL)
			is_int(r, -1, t[i].in);
		else
			is_str(r == -1 ? NULL : addr_str(&a, s), t[i].out,
			    t[i].in);
	}
}

static void
test_prefix(void)
{
	static const struct {
		const char	*in, *out;
		int		 len;
	} t[] = {
		{ "192.0.2.0/24", "192.0.2.0/24", 120 },
		{ "192.0.2.1", "192.0.2.1", 128 },
		{ "192.0.2.1/32", "192.0.2.1", 128 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "128.0.0.0/1", "128.0.0.0/1", 97 },
		{ "::/0", "::/0", 0 },
		{ "2001:db8::/32", "2001:db8::/32", 32 },
		{ "2001:db8::1/128", "2001:db8::1", 128 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24", 120 },
		{ "192.0.2.1/24", NULL, 0 }, { "2001:db8::1/64", NULL, 0 },
		{ "192.0.2.0/33", NULL, 0 }, { "::/129", NULL, 0 },
		{ "192.0.2.0/", NULL, 0 }, { "192.0.2.0/-1", NULL, 0 },
		{ "192.0.2.0/024", NULL, 0 }, { "192.0.2.0/24x", NULL, 0 },
		{ "192.0.2.0/4294967320", NULL, 0 }, { "/24", NULL, 0 },
		{ "192.0.2/24", NULL, 0 }, { "", NULL, 0 },
		{ "192.0.2.0/ 24", NULL, 0 }, { "::ffff:0:0/80", NULL, 0 },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
		    NULL, 0 }
	};
	struct prefix	p;
	struct addr	a;
	char		s[PREFIX_STRLEN];
	size_t		i;
	int		r;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		r = prefix_parse(t[i].in, &p);
		if (t[i].out == NULL)
			is_int(r, -1, t[i].in);
		else {
			is_str(r == -1 ? NULL : prefix_str(&p, s), t[i].out,
			    t[i].in);
			is_int(p.len, t[i].len, "its length in 128ths");
		}
	}
	prefix_parse("192.0.2.0/24", &p);
	addr_parse("192.0.2.255", &a);
	ok(prefix_has(&p, &a), "the last address is inside");
	addr_parse("192.0.3.0", &a);
	ok(!prefix_has(&p, &a), "the next is not");
	prefix_parse("::/0", &p);
	ok(!prefix_has(&p, &a), "::/0 has no IPv4 address");
	addr_parse("ff02::1", &a);
	ok(prefix_has(&p, &a), "but every IPv6 one");
	prefix_parse("0.0.0.0/0", &p);
	ok(!prefix_has(&p, &a), "and 0.0.0.0/0 the other way round");
}

static void
test_cut(void)
{
	struct addr_cut	cut = { 24, 64 };
	struct addr	a, c;
	char		s[ADDR_STRLEN];
	unsigned int	i, wrong = 0, k;

	addr_parse("192.0.2.77", &a);
	addr_cut(&a, &cut, &c);
	is_str(addr_str(&c, s), "192.0.2.0", "IPv4 cut to /24");
	is_int(addr_cut_len(&a, &cut), 120, "which is 120");
	addr_parse("2001:db8:1:2:3:4:5:6", &a);
	addr_cut(&a, &cut, &a);
	is_str(addr_str(&a, s), "2001:db8:1:2::", "IPv6 cut to /64, in place");
	cut.ip4 = 0;
	cut.ip6 = 0;
	addr_parse("192.0.2.77", &a);
	addr_cut(&a, &cut, &c);
	is_str(addr_str(&c, s), "0.0.0.0", "cut to nothing it is still IPv4");
	for (i = 0; i <= 128; i++) {
		memset(a.b, 0xff, sizeof(a.b));
		addr_mask(&a, i);
		for (k = 0; k < 128; k++)
			wrong += ((a.b[k / 8] >> (7 - k % 8)) & 1) !=
			    (k < i ? 1 : 0);
	}
	is_int(wrong, 0, "every mask from 0 to 128");
	addr_parse("127.255.0.1", &a);
	ok(addr_is_loopback(&a) && addr_is4(&a), "127/8 is loopback");
	addr_parse("::1", &a);
	ok(addr_is_loopback(&a) && !addr_is4(&a), "::1 is loopback");
	addr_parse("128.0.0.1", &a);
	ok(!addr_is_loopback(&a), "128.0.0.1 is not");
	addr_parse("::2", &a);
	ok(!addr_is_loopback(&a), "nor ::2");
}

static void
test_sockaddr(void)
{
	struct sockaddr_storage	 ss;
	struct sockaddr_in6	 sin6;
	struct addr		 a, b;
	uint16_t		 port = 0;

	addr_parse("192.0.2.1", &a);
	is_int(addr_to_sa(&a, 25, &ss), sizeof(struct sockaddr_in),
	    "IPv4 has its own sockaddr");
	is_int(ss.ss_family, AF_INET, "and family");
	is_int(addr_from_sa((struct sockaddr *)&ss, &b, &port), 0, "and back");
	ok(addr_cmp(&a, &b) == 0 && port == 25, "with the port");
	addr_parse("2001:db8::1", &a);
	is_int(addr_to_sa(&a, 65535, &ss), sizeof(sin6), "IPv6");
	is_int(addr_from_sa((struct sockaddr *)&ss, &b, &port), 0, "and back");
	ok(addr_cmp(&a, &b) == 0 && port == 65535, "with the port");
	is_int(addr_from_sa((struct sockaddr *)&ss, &b, NULL), 0, "port NULL");
	/* What a dual-stack listener sees of an IPv4 client. */
	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	sin6.sin6_addr.s6_addr[10] = sin6.sin6_addr.s6_addr[11] = 0xff;
	sin6.sin6_addr.s6_addr[12] = 192;
	addr_from_sa((struct sockaddr *)&sin6, &b, NULL);
	ok(addr_is4(&b), "a mapped peer is IPv4");
	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	is_int(addr_from_sa((struct sockaddr *)&ss, &b, &port), -1,
	    "any other family is refused");
}

int
main(void)
{
	test_text();
	test_prefix();
	test_cut();
	test_sockaddr();
	return (done());
}
