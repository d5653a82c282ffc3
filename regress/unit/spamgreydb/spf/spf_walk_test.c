/*
 * What a domain's SPF record allows: order, includes, redirects, RFC 7208's
 * limits. The table below is the DNS.
 */
/* LINK: spamgreydb/spf */
#include <stdio.h>
#include <string.h>

#include "spamgreydb/spf/spf.h"
#include "regress/lib/tap.h"

static const struct {
	const char	*name;
	const char	*type;		/* spf, a, aaaa, mx; "" asked: nobody */
	const char	*data;		/* words, but for spf */
} zone[] = {
	{ "plain.example", "spf", "v=spf1 ip4:192.0.2.0/25 ip4:192.0.2.128/25 "
	    "ip6:2001:db8::/32 -all" },
	{ "names.example", "spf", "v=spf1 a mx/24//64 a:other.example -all" },
	{ "names.example", "a", "198.51.100.1" },
	{ "names.example", "aaaa", "2001:db8::1" },
	{ "names.example", "mx", "mx1.example mx2.example" },
	{ "mx1.example", "a", "203.0.113.7" },
	{ "mx2.example", "aaaa", "2001:db8:1::25" },
	{ "other.example", "a", "198.51.100.2 198.51.100.3" },
	{ "order.example", "spf", "v=spf1 -ip4:192.0.2.64/26 "
	    "ip4:192.0.2.0/24 ~all" },
	{ "inc.example", "spf", "v=spf1 include:plain.example "
	    "?include:order.example ip4:198.51.100.0/24 -all" },
	{ "child.example", "spf", "v=spf1 include:deny.example "
	    "ip4:192.0.2.0/24 -all" },
	{ "deny.example", "spf", "v=spf1 -ip4:192.0.2.0/24 -all" },
	{ "re.example", "spf", "v=spf1 ip4:203.0.113.0/24 "
	    "redirect=plain.example" },
	{ "re2.example", "spf", "v=spf1 redirect=plain.example ip4:203.0.113.1"
	    " ?all" },
	{ "after.example", "spf", "v=spf1 ip4:203.0.113.1 -all "
	    "ip4:203.0.113.2" },
	{ "macro.example", "spf", "v=spf1 exists:%{i}.x.example ptr "
	    "include:%{d2} ip4:203.0.113.1 -all" },
	{ "all.example", "spf", "v=spf1 +all" },
	{ "incall.example", "spf", "v=spf1 include:all.example -all" },
	{ "reall.example", "spf", "v=spf1 redirect=all.example" },
	{ "wide.example", "spf", "v=spf1 ip4:10.0.0.0/8 ip4:11.0.0.0/32 -all" },
	{ "eight.example", "spf", "v=spf1 ip4:10.0.0.0/8 -all" },
	{ "wide6.example", "spf", "v=spf1 ip6:2001::/27 -all" },
	{ "mapped.example", "spf", "v=spf1 ip6:::/0 -all" },
	{ "loop.example", "spf", "v=spf1 include:loop.example -all" },
	{ "bad.example", "spf", "v=spf1 ip4:192.0.2.1 foo:x -all" },
	{ "latebad.example", "spf", "v=spf1 -all foo:x" },
	{ "two.example", "spf", "v=spf1 -all" },
	{ "two.example", "spf", "v=spf1 ip4:192.0.2.1 -all" },
	{ "empty.example", "a", "192.0.2.1" },
	{ "inc0.example", "spf", "v=spf1 include:empty.example -all" },
	{ "void2.example", "spf", "v=spf1 a:v1.example a:v2.example "
	    "ip4:192.0.2.1" },
	{ "void3.example", "spf", "v=spf1 a:v1.example a:v2.example "
	    "a:v3.example" },
	{ "ten.example", "spf", "v=spf1 a:other.example a:other.example "
	    "a:other.example a:other.example a:other.example a:other.example "
	    "a:other.example a:other.example a:other.example a:other.example" },
	{ "eleven.example", "spf", "v=spf1 include:ten.example -all" },
	{ "down.example", "spf", "v=spf1 a:nobody.example -all" },
	{ "manymx.example", "spf", "v=spf1 mx -all" },
	{ "manymx.example", "mx", "a b c d e f g h i j k" },
	{ "none.example", "spf", "v=spf1 -all" },
};

static size_t
find(const char *name, const char *type, const char *out[16], size_t *n)
{
	size_t	i, known = 0;

	*n = 0;
	for (i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (strcmp(zone[i].name, name) != 0)
			continue;
		known = 1;
		if (strcmp(zone[i].type, type) == 0)
			out[(*n)++] = zone[i].data;
	}
	return (known);
}

static enum spf_found
txt(void *arg, const char *name, char *record, size_t size, size_t *n)
{
	const char	*found[16];

	(void)arg;
	if (strcmp(name, "nobody.example") == 0)
		return (SPF_NOBODY);
	if (!find(name, "spf", found, n))
		return (SPF_VOID);
	if (*n > 0)
		strlcpy(record, found[0], size);
	return (SPF_FOUND);
}

static enum spf_found
words(const char *name, const char *type, char list[16][64], size_t *n)
{
	const char	*found[16];
	char		 copy[256], *p, *w;

	if (strcmp(name, "nobody.example") == 0)
		return (SPF_NOBODY);
	if (!find(name, type, found, n) || *n == 0)
		return (SPF_VOID);
	strlcpy(copy, found[0], sizeof(copy));
	*n = 0;
	for (p = copy; (w = strsep(&p, " ")) != NULL;)
		strlcpy(list[(*n)++], w, 64);
	return (SPF_FOUND);
}

static enum spf_found
addrs(void *arg, const char *name, int v4, struct addr *a, size_t max,
    size_t *n)
{
	char		list[16][64];
	enum spf_found	rc = words(name, v4 ? "a" : "aaaa", list, n);
	size_t		i;

	(void)arg;
	for (i = 0; rc == SPF_FOUND && i < *n && i < max; i++)
		addr_parse(list[i], &a[i]);
	return (rc);
}

static enum spf_found
mx(void *arg, const char *name, struct spf_name *names, size_t max, size_t *n)
{
	char		list[16][64];
	enum spf_found	rc = words(name, "mx", list, n);
	size_t		i;

	(void)arg;
	for (i = 0; rc == SPF_FOUND && i < *n && i < max; i++)
		strlcpy(names[i].name, list[i], sizeof(names[i].name));
	return (rc);
}

static const struct spf_dns	dns = { txt, addrs, mx, NULL };

static const char *
allowed(const char *domain)
{
	static char		 out[2048];
	struct spf_result	 r;
	char			 net[PREFIX_STRLEN];
	size_t			 i;

	out[0] = '\0';
	if (spf_walk(&dns, domain, &r) == -1)
		snprintf(out, sizeof(out), "! %s", r.error);
	else
		for (i = 0; i < r.nnets; i++) {
			if (i > 0)
				strlcat(out, " ", sizeof(out));
			strlcat(out, prefix_str(&r.nets[i], net), sizeof(out));
		}
	for (i = 0; i < r.nnotes; i++) {
		strlcat(out, "; ", sizeof(out));
		strlcat(out, r.notes[i], sizeof(out));
	}
	spf_result_free(&r);
	return (out);
}

static void
networks(void)
{
	is_str(allowed("plain.example"), "192.0.2.0/24 2001:db8::/32",
	    "addresses, folded");
	is_str(allowed("names.example"), "198.51.100.1 198.51.100.2/31 "
	    "203.0.113.0/24 2001:db8::1 2001:db8:1::/64", "names");
	is_str(allowed("order.example"), "192.0.2.0/26 192.0.2.128/25",
	    "the first term that matches counts");
	is_str(allowed("inc.example"),
	    "192.0.2.0/24 198.51.100.0/24 2001:db8::/32", "include");
	is_str(allowed("child.example"), "192.0.2.0/24",
	    "what an included record refuses it has no word on");
	is_str(allowed("re.example"),
	    "192.0.2.0/24 203.0.113.0/24 2001:db8::/32", "redirect");
	is_str(allowed("re2.example"), "203.0.113.1",
	    "no redirect beside all");
	is_str(allowed("after.example"), "203.0.113.1", "nothing after all");
	is_str(allowed("macro.example"), "203.0.113.1; macro.example: "
	    "exists:%{i}.x.example needs a client or a message to be expanded;"
	    " left out; macro.example: ptr needs a client or a message to be "
	    "expanded; left out; macro.example: include:%{d2} needs a client "
	    "or a message to be expanded; left out", "macros are named");
	is_str(allowed("eight.example"), "10.0.0.0/8", "a /8 is allowed");
	is_str(allowed("void2.example"), "192.0.2.1", "two empty names");
	is_str(allowed("ten.example"), "198.51.100.2/31", "ten questions");
	is_str(allowed("none.example"), "", "nobody is allowed");
}

static void
refused(void)
{
	is_str(allowed("all.example"),
	    "! all.example: allows every address there is (+all)", "+all");
	is_str(allowed("incall.example"), "! incall.example: "
	    "include:all.example allows every address there is",
	    "+all included");
	is_str(allowed("reall.example"),
	    "! reall.example: allows every address there is (+all)",
	    "+all by redirect");
	is_str(allowed("wide.example"), "! wide.example: allows more than a "
	    "/8 of IPv4 or a /28 of IPv6 in all", "more than a /8");
	is_str(allowed("wide6.example"), "! wide6.example: allows more than a "
	    "/8 of IPv4 or a /28 of IPv6 in all", "more than a /28");
	is_str(allowed("mapped.example"), "! mapped.example: allows more than "
	    "a /8 of IPv4 or a /28 of IPv6 in all", "all of IPv6");
	is_str(allowed("loop.example"), "! loop.example: more than 10 terms "
	    "that ask the DNS (RFC 7208 4.6.4)", "a loop");
	is_str(allowed("eleven.example"), "! ten.example: more than 10 terms "
	    "that ask the DNS (RFC 7208 4.6.4)", "eleven questions");
	is_str(allowed("bad.example"), "! bad.example: its SPF record has an "
	    "unknown mechanism", "an error makes it void");
	is_str(allowed("latebad.example"), "! latebad.example: its SPF record "
	    "has an unknown mechanism", "behind all, too");
	is_str(allowed("two.example"), "! two.example: has 2 SPF records; one "
	    "is allowed", "two records");
	is_str(allowed("empty.example"), "! empty.example: has no SPF record",
	    "none");
	is_str(allowed("inc0.example"), "! empty.example: has no SPF record",
	    "none included");
	is_str(allowed("void3.example"), "! void3.example: v3.example: the "
	    "third name without an answer (RFC 7208 4.6.4)",
	    "three empty names");
	is_str(allowed("nobody.example"), "! nobody.example: no name server "
	    "answers; try again later", "nobody answers");
	is_str(allowed("down.example"), "! down.example: nobody.example: no "
	    "name server answers; try again later", "nor for a name");
	is_str(allowed("manymx.example"), "! manymx.example: manymx.example: "
	    "more than 10 mail exchangers (RFC 7208 4.6.4)", "eleven MX");
}

int
main(void)
{
	networks();
	refused();
	return (done());
}
