/*
 * The terms of SPF records, and malformed ones.
 */
#include <stdio.h>
#include <string.h>

#include "lib/dns/spf.h"
#include "regress/lib/tap.h"

/* The record as it was understood. */
static const char *
terms(const char *record)
{
	static char	 out[2048];
	struct spf_term	 t;
	struct spf_reader reader;
	const char	*why = NULL;
	char		 one[SPF_DOMAIN_MAX + 128], net[PREFIX_STRLEN];
	int		 r;

	out[0] = '\0';
	spf_start(&reader, record);
	while ((r = spf_next(&reader, &t, &why)) == 1) {
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

/* The records of RFC 7208's test-suite (openspf.org, 2014.04) that are about
 * syntax, and some more: well formed, and not. */
static void
test_syntax(void)
{
	static const char *const	good[] = {
	    "moo.cow-far_out=man:dog/cat ip4:192.0.2.1 -all",
	    "default=pass", "default=+", "redirect=t5.example.com ~all",
	    "a:foo.example.com/24", "a:foo:bar/baz.example.com",
	    "a:foo.example.xn--zckzah -all", "a//0 -all", "a/0 -all",
	    "ip6:::1.1.1.1/0", "ip6:Cafe:Babe:8000::/33", "ip4:1.2.3.4/32",
	    "exp=exp1.example.com redirect=e2.example.com",
	    "redirect=%{d}.d.spf.example.com.", "exp=msg.example.com. -all",
	    "a:macro%%percent%_%_space%-url-space.example.com -all",
	    "-all exp=%{ir}.example.com", "-all exp=msg8.%{D2}",
	    "a:%{H} -all", "a:%{H}.bar -all",
	    "exists:%{i}.%{l2r-}.user.%{d2}",
	    "exists:%{l2r+-}.user.%{d2}", "all -all", "mx:example.com//33",
	    "foo=%{i}%% bar=", "exists:%{d/}", "include:_spf.example.org."
	};
	static const char *const	bad[] = {
	    "ip4:1.2.3.4 -all moo", "moo.cow/far_out=man:dog/cat -all",
	    "moo.cow:far_out=man:dog/cat -all", "redirect:t2.example.com",
	    "a:foo-bar -all", "-all.", "-all:foobar", "-all/8", "ptr/0 -all",
	    "ptr:", "a/33 -all", "a//129 -all", "a/24/64 -all",
	    "a:example.com:8080", "a:111.222.33.44", "a:abc.123",
	    "a:example.-com", "a:museum", "a:museum.", "a:", "include +all",
	    "include:ip5.example.com/24 -all", "include: -all", "mx/33 -all",
	    "mx:example.com:8080", "exists:", "exists",
	    "exists:mail.example.com/24", "ip4:1.2.3.4/33", "ip4:1.2.3.4/032",
	    "ip4:1.2.3.4:8080", "ip4:1.2.3", "ip4:1.2.3.4//32",
	    "ip6:::1.1.1.1/129", "ip6:::1.1.1.1//33", "ip6::CAFE::BABE",
	    "redirect=-all ?all", "1up=foo", "=all", "exp= -all", "exp=-all",
	    "?all redirect=", "-all foo=%abc", "-all exp=%{r}.example.com",
	    "-exists:%(ir).sbl.example.com ?all",
	    "exists:foo%(ir).sbl.example.com ?all",
	    "exists:foo%.sbl.example.com ?all", "a:%{a}.example.com -all",
	    "a:\xef\xbb\xbfgarbage.example.net -all", "\x96" "all",
	    "exp=e13msg.example.com -all exp=e11msg.example.com",
	    "redirect=e12.example.com -all redirect=e12.example.com",
	    "redirect=a.example REDIRECT=a.example",
	    "Exp=a.example exp=%{d}.example", "exists:%{d0}", "exists:%{d",
	    "exists:%{dr2}", "exists:%", "redirect=%{d}x", "a:b.example/"
	};
	char		 record[200];
	const char	*why;
	size_t		 i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(record, sizeof(record), "v=spf1 %s", good[i]);
		is_int(spf_check(record, &why), 0, good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(record, sizeof(record), "v=spf1 %s", bad[i]);
		why = NULL;
		is_int(spf_check(record, &why), -1, bad[i]);
		ok(why != NULL, "… and why");
	}
}

static void
test_long(void)
{
	static char	 record[SPF_RECORD_MAX + 1];
	const char	*why;
	size_t		 n, terms;
	struct spf_reader r;
	struct spf_term	 t;

	strlcpy(record, "v=spf1", sizeof(record));
	for (n = 6, terms = 0; n + 40 < sizeof(record); terms++)
		n += (size_t)snprintf(record + n, sizeof(record) - n,
		    " ip4:10.%zu.%zu.0/24", terms / 256 % 256, terms % 256);
	spf_start(&r, record);
	while (spf_next(&r, &t, &why) == 1)
		terms--;
	is_int((long long)terms, 0, "a record of 65,000 bytes, all its terms");
	strlcpy(record, "v=spf1 foo=", sizeof(record));
	memset(record + 11, 'x', 400);
	strlcpy(record + 411, " exists:%{i}.", 100);
	memset(record + 424, 'y', 300);
	strlcpy(record + 724, ".example -all", 100);
	is_int(spf_check(record, &why), 0,
	    "a modifier of 400 bytes and a macro of 300");
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
	    "+a:%{d/}/24//128(macro)", "macros");
	is_str(terms("v=spf1 mx ip4:192.0.2.0/33"),
	    "+mx/32//128 ! ip4: or ip6: without a valid address",
	    "a length too long");
	is_str(terms("v=spf1 ip4:2001:db8::1"),
	    "! ip4: or ip6: without a valid address", "another kind");
	is_str(terms("v=spf1 ip6:192.0.2.1"),
	    "! ip4: or ip6: without a valid address", "and the other");
	is_str(terms("v=spf1 ip4:192.0.2.0/024"),
	    "! ip4: or ip6: without a valid address", "leading zeros");
	is_str(terms("v=spf1 ip4"),
	    "! ip4: or ip6: without a valid address", "no address");
	is_str(terms("v=spf1 a/24/64"), "! a malformed mechanism",
	    "one slash");
	is_str(terms("v=spf1 include"), "! a malformed mechanism",
	    "include of nothing");
	is_str(terms("v=spf1 all:x"), "! a malformed mechanism",
	    "all has no name");
	is_str(terms("v=spf1 foo"), "! an unknown mechanism", "unknown");
	is_str(terms("v=spf1 redirect="), "! redirect= without a name",
	    "redirect to nothing");
	is_str(terms("v=spf1 redirect=a.example redirect=b.example"),
	    "+redirect:a.example ! redirect= twice", "redirect= twice");
	is_str(terms("v=spf1 exp=a.example -all exp=a.example"),
	    "-all ! exp= twice", "exp= twice");
	test_syntax();
	test_long();
	return (done());
}
