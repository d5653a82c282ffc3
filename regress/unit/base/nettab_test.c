/* Settings by network: the longest prefix wins, and the families are
 * separate. */
#include "lib/base/nettab.h"
#include "regress/lib/tap.h"

static struct nettab	tab;

static int
add(const char *net, int64_t n)
{
	const char	*error = NULL;
	struct prefix	 p;

	if (prefix_parse(net, &p) == -1)
		exit(1);
	return (nettab_add(&tab, &p, n, n * 10, &error) == 0 &&
	    error == NULL ? 0 : -1);
}

static int64_t
find(const char *addr)
{
	const struct nettab_entry	*e;
	struct addr			 a;

	if (addr_parse(addr, &a) == -1)
		exit(1);
	if ((e = nettab_find(&tab, &a)) == NULL)
		return (-1);
	return (e->ms == e->n * 10 ? e->n : -2);
}

static int
cut(struct nettab_cut *c, const char *family, const char *length)
{
	const char	*error;

	return (nettab_cut(c, family, length, &error));
}

int
main(void)
{
	static const char *const	nets[] = { "192.0.2.0/24", "0.0.0.0/0",
		"192.0.2.128/25", "192.0.2.200", "10.0.0.0/8",
		"2001:db8::/32", "2001:db8:1::/48", "10.9.0.0/16",
		"198.51.100.0/24", "203.0.113.7" };
	struct nettab_cut		c = { { 0, 0 }, 0 };
	size_t				i;

	is_int(find("192.0.2.1"), -1, "empty");
	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (add(nets[i], (int64_t)i) == -1)
			break;
	is_int(i, sizeof(nets) / sizeof(nets[0]), "all are added");
	is_int(add("192.0.2.128/25", 99), -1, "one twice is an error");
	is_int(find("192.0.2.1"), 0, "/24");
	is_int(find("192.0.2.129"), 2, "/25 within it");
	is_int(find("192.0.2.200"), 3, "an address within that");
	is_int(find("10.8.0.1"), 4, "/8");
	is_int(find("10.9.0.1"), 7, "/16 within it");
	is_int(find("8.8.8.8"), 1, "/0");
	is_int(find("2001:db8:2::1"), 5, "/32");
	is_int(find("2001:db8:1::1"), 6, "/48 within it");
	is_int(find("2001:db9::1"), -1, "IPv6 has no /0 here");
	is_int(add("::/0", 50), 0, "now it has");
	is_int(find("2001:db9::1"), 50, "and it is found");
	is_int(find("203.0.113.7"), 9, "the first one of all");
	nettab_free(&tab);
	is_int(add("::/0", 1), 0, "::/0 alone");
	is_int(find("192.0.2.1"), -1, "has no IPv4 address");
	nettab_free(&tab);

	is_int(cut(&c, "ip6", "/48"), 0, "ip6 /48");
	is_int(cut(&c, "ip6", "/48"), -1, "twice");
	nettab_cut_default(&c, 24, 64);
	ok(c.cut.ip4 == 24 && c.cut.ip6 == 48, "what is left has the default");
	memset(&c, 0, sizeof(c));
	is_int(cut(&c, "ip4", "/33"), -1, "ip4 /33");
	is_int(cut(&c, "ip4", "24"), -1, "no slash");
	is_int(cut(&c, "ip4", "/"), -1, "no number");
	is_int(cut(&c, "ip4", "/ 8"), -1, "a blank");
	is_int(cut(&c, "ip4", "/8x"), -1, "a letter");
	is_int(cut(&c, "ip4", "/0"), 0, "ip4 /0");
	is_int(cut(&c, "ip6", "/128"), 0, "ip6 /128");
	return (done());
}
