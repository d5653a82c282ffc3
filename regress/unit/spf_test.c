/*
 * The terms of SPF records, and what is none.
 */
#include <stdio.h>
#include <string.h>

#include "../../lib/spf.h"
#include "tap.h"

/* The record as it was understood. */
static const char *
terms(const char *record)
{
	static char	 out[2048];
	struct spf_term	 t;
	const char	*pos = record, *why = NULL;
	char		 one[SPF_DOMAIN_MAX + 128], net[PREFIX_STRLEN];
	int		 r;

	out[0] = '\0';
	while ((r = spf_next(&pos, &t, &why)) == 1) {
		snprintf(one, sizeof(one), "%s%s%s%s%s", out[0] ? " " : "",
		    t.pass ? "+" : "-", spf_mechanism_str(t.mechanism),
		    t.domain[0] ? ":" : "", t.domain);
		strlcat(out, one, sizeof(out));
		if (t.mechanism == SPF_IP) {
			strlcat(out, ":", sizeof(out));
			strlcat(out, prefix_str(&t.net, net), sizeof(out));
		}
		if (t.mechanism == SPF_A || t.mechanism == SPF_MX) {
			snprintf(one, sizeof(one), "/%u//%u", t.cut.ip4,
			    t.cut.ip6);
			strlcat(out, one, sizeof(out));
		}
		if (t.macro)
			strlcat(out, "(macro)", sizeof(out));
	}
	if (r == -1) {
		strlcat(out, out[0] ? " ! " : "! ", sizeof(out));
		strlcat(out, why, sizeof(out));
	}
	return (out);
}

int
main(void)
{
	ok(spf_is_record("v=spf1 -all") && spf_is_record("V=SPF1"),
	    "a record");
	ok(!spf_is_record("v=spf10 -all") && !spf_is_record("v=spf2.0/pra") &&
	    !spf_is_record(" v=spf1") && !spf_is_record(""), "none");
	is_str(terms("v=spf1"), "", "an empty one");
	is_str(terms("v=spf1   -all  "), "-all", "blanks");
	is_str(terms("v=spf1 ip4:192.0.2.1 IP4:192.0.2.77/25 ip6:2001:db8::/32"
	    " ip6:::1"),
	    "+ip:192.0.2.1 +ip:192.0.2.0/25 +ip:2001:db8::/32 +ip:::1",
	    "addresses");
	is_str(terms("v=spf1 a mx/24 mx:m.example.org//64 "
	    "a:x.example.org/28//60"),
	    "+a/32//128 +mx/24//128 +mx:m.example.org/32//64 "
	    "+a:x.example.org/28//60", "names, and how much of them");
	is_str(terms("v=spf1 ?include:a.example.org. ~ptr -exists:b.example +all"),
	    "-include:a.example.org -ptr -exists:b.example +all", "qualifiers");
	is_str(terms("v=spf1 redirect=_spf.example.org exp=e.%{d} foo=a:b/c"),
	    "+redirect:_spf.example.org", "modifiers");
	is_str(terms("v=spf1 exists:%{i}.x include:%{d2}.y redirect=%{d} "
	    "a:%{d/}/24"), "+exists:%{i}.x(macro) "
	    "+include:%{d2}.y(macro) +redirect:%{d}(macro) "
	    "+a:%{d/}/24/0//0(macro)", "macros");
	is_str(terms("v=spf1 mx ip4:192.0.2.0/33"),
	    "+mx/32//128 ! ip4: or ip6: without an address of its kind",
	    "a length too long");
	is_str(terms("v=spf1 ip4:2001:db8::1"),
	    "! ip4: or ip6: without an address of its kind", "another kind");
	is_str(terms("v=spf1 ip6:192.0.2.1"),
	    "! ip4: or ip6: without an address of its kind", "and the other");
	is_str(terms("v=spf1 ip4:192.0.2.0/024"),
	    "! ip4: or ip6: without an address of its kind", "leading zeros");
	is_str(terms("v=spf1 ip4"),
	    "! ip4: or ip6: without an address of its kind", "no address");
	is_str(terms("v=spf1 a/24/64"), "! a mechanism that has no such form",
	    "one slash");
	is_str(terms("v=spf1 include"), "! a mechanism that has no such form",
	    "include of nothing");
	is_str(terms("v=spf1 all:x"), "! a mechanism that has no such form",
	    "all has no name");
	is_str(terms("v=spf1 foo"), "! an unknown mechanism", "unknown");
	is_str(terms("v=spf1 redirect="), "! redirect= without a name",
	    "redirect to nothing");
	return (done());
}
