/* Mail addresses: matching, and the folding of senders. */
#include <stdlib.h>

#include "lib/smtp/mailaddr.h"
#include "regress/lib/tap.h"

/* Normalised as wanted, and once more changes nothing. */
static void
norm(const char *path, const char *want)
{
	char	once[MAILADDR_MAX], twice[MAILADDR_MAX], name[200];

	if (mailaddr_normalise_sender(path, once, sizeof(once)) == -1)
		strcpy(once, "(failed)");
	is_str(once, want, path);
	if (mailaddr_normalise_sender(once, twice, sizeof(twice)) == -1)
		strcpy(twice, "(failed)");
	snprintf(name, sizeof(name), "%s: twice is once", path);
	is_str(twice, once, name);
}

static void
same(const char *a, const char *b, int want, const char *name)
{
	char	x[MAILADDR_MAX], y[MAILADDR_MAX];

	mailaddr_normalise_sender(a, x, sizeof(x));
	mailaddr_normalise_sender(b, y, sizeof(y));
	is_int(strcmp(x, y) == 0, want, name);
	if ((strcmp(x, y) == 0) != want)
		printf("# %s\n# %s\n", x, y);
}

static void
test_plain(void)
{
	norm("<>", "");
	norm("", "");
	norm("<Alice@Example.ORG>", "Alice@example.org");
	norm("alice@example.org.", "alice@example.org");
	norm("<postmaster>", "postmaster");
	norm("<a@b@example.org>", "a@b@example.org");
	norm("<\"john 1+x\"@example.org>", "\"john 1+x\"@example.org");
	norm("<@a,@b:user@c>", "user@c");
	norm("<<x@y>>", "x@y");
	norm("<=@a.b>", "=@a.b");
	norm("<+@a.b>", "+@a.b");
	norm("<@a.b>", "@a.b");
	norm("<x@>", "x@");
	/* A soft hyphen folds to nothing, but not beside a bracket. */
	norm("<x@\xc2\xad" "2x>.>", "x@2x");
	norm("<x@2x>.\xc2\xad>", "x@2x");
	norm("<\xc3\xa4\xc3\xb6@\xc3\xa4.example>",
	    "\xc3\xa4\xc3\xb6@xn--4ca.example");
}

static void
test_schemes(void)
{
	norm("<prvs=1234ABCDEF=alice@example.org>", "alice@example.org");
	norm("<prvs=046a5c5c7a=ivan.petrov@example.org>",
	    "ivan.petrov@example.org");
	norm("<PRVS=14213f6d1=bob@example.org>", "bob@example.org");
	norm("<prvs=alice/1234ABCDEF@example.org>", "alice@example.org");
	norm("<prvs/1234ABCDEF/alice@example.org>", "alice@example.org");
	norm("<btv1==028b4a1f6ca==alice@example.org>", "alice@example.org");
	norm("<msprvs1=17612Zv5MVjXX=alice@example.org>",
	    "alice@example.org");
	norm("<prvs=nodigits=alice@example.org>",
	    "prvs=nodigits=alice@example.org");
	norm("<prvs=1a=@example.org>", "prvs=#a=@example.org");
	norm("<SRS0=HHH4=TT=example.org=alice@forwarder.example>",
	    "alice@example.org");
	norm("<SRS0+yAc3=2B=Example.ORG=bob@forwarder.example>",
	    "bob@example.org");
	norm("<SRS1=HHH=first.example==HHH4=TT=example.org=alice@second.example>",
	    "alice@example.org");
	norm("<SRS0=abc=de=example.org=prvs=1234abcdef=alice@f.example>",
	    "alice@example.org");
	norm("<srs0=nothing@example.org>", "srs#=nothing@example.org");
	norm("<SRS0=a=b=notadomain=x@example.org>",
	    "SRS#=a=b=notadomain=x@example.org");
	norm("<alice+news@example.org>", "alice@example.org");
	norm("<bounces+12345-ab12-joe=example.net@em.example.org>",
	    "bounces@em.example.org");
	norm("<list-bounces-joe=example.net@lists.example.org>",
	    "list-bounces@lists.example.org");
	norm("<dev-return-1234-joe=example.net@openbsd.example>",
	    "dev-return-#@openbsd.example");
	norm("<dev-return-1234-jean-luc=example.net@openbsd.example>",
	    "dev-return-#@openbsd.example");
	norm("<joe=example.net@example.org>", "joe=example.net@example.org");
}

static void
test_streams(void)
{
	norm("<0102018f4a3b2c1d-5a6b7c8d-1234-4abc-9def-0123456789ab-000000"
	    "@eu-west-1.amazonses.com>", "#-#-#@eu-west-1.amazonses.com");
	same("<0102018f4a3b2c1d-5a6b7c8d-1234-4abc-9def-0123456789ab-000000"
	    "@amazonses.com>",
	    "<010001900aa0bb1c-fedcba98-4321-abcd-aaaa-fedcba987654-000000"
	    "@amazonses.com>", 1, "two messages of SES");
	norm("<bounce-md_30850198.5f1c2b3a.v1-0123456789abcdef0123456789abcdef"
	    "@mandrillapp.com>", "bounce-md_#.#.v#-#@mandrillapp.com");
	same("<bounce-md_30850198.5f1c2b3a.v1-0123456789abcdef0123456789abcdef"
	    "@mandrillapp.com>",
	    "<bounce-md_30850198.60aa11bb.v1-ff23456789abcdef0123456789abcdee"
	    "@mandrillapp.com>", 1, "two messages of mandrill");
	same("<bounce-mc.us11_12345678.1234567-abcdef0123@mail1.example>",
	    "<bounce-mc.us12_87654321.7654321-0123abcdef@mail1.example>", 1,
	    "two messages of mailchimp");
	same("<msg.9QxZ4vB7kLm2NpR8sTt1@x.example>",
	    "<msg.aZ1yB2xC3wD4vE5uF6@x.example>", 1, "long mixed tokens");
	same("<root@host1.example.org>", "<root@host2.example.org>", 0,
	    "numbers in the domain count");
	norm("<bounce-20240102@news.example>", "bounce-#@news.example");
	norm("<abc1def2@x.example>", "#@x.example");
	norm("<abc1def@x.example>", "abc#def@x.example");
	norm("<gh1ij2kl3mn4opqr@x.example>", "#@x.example");
	norm("<gh1ij2kl3mn4opq@x.example>", "gh#ij#kl#mn#opq@x.example");
	norm("<gh1ijklmnopqrst2@x.example>", "gh#ijklmnopqrst#@x.example");
}

static void
test_people(void)
{
	static const char *const who[] = {
		"alice@example.org", "bob@example.org", "ALICE.B@example.org",
		"deadbeef@example.org", "facade@example.org", "cafe@example.org",
		"decade.defaced@example.org", "a@example.org", "b@example.org",
		"alice@example.net", "alice@sub.example.org",
		"johnsmithfrombrooklyn1985@example.org",
		"maryjonesfromqueens1990@example.org", "jean-luc@example.org",
		"jean-marc@example.org", "o'hara@example.org",
		"alice=bob@example.org", "alice-list@example.org", ""
	};
	size_t	i, k, n = sizeof(who) / sizeof(who[0]);
	char	x[MAILADDR_MAX], y[MAILADDR_MAX], name[200];
	int	folded;

	for (i = 0; i < n; i++) {
		folded = 0;
		mailaddr_normalise_sender(who[i], x, sizeof(x));
		for (k = 0; k < n; k++) {
			mailaddr_normalise_sender(who[k], y, sizeof(y));
			if (k != i && strcmp(x, y) == 0)
				folded++;
		}
		snprintf(name, sizeof(name), "<%s> stays itself", who[i]);
		is_int(folded, 0, name);
	}
}

static void
test_match(void)
{
	static const struct {
		const char	*rule, *box;
		int		 want;
	} t[] = {
		{ "example.org", "a@example.org", 1 },
		{ "example.org", "a@sub.example.org", 0 },
		{ "example.org", "a@badexample.org", 0 },
		{ "example.org", "a@example.org.evil", 0 },
		{ "example.org", "example.org", 0 },
		{ "example.org", "", 0 },
		{ "example.org", "a@", 0 },
		{ ".example.org", "a@sub.example.org", 1 },
		{ ".example.org", "a@x.sub.example.org", 1 },
		{ ".example.org", "a@example.org", 0 },
		{ ".example.org", "a@badexample.org", 0 },
		{ ".example.org", "a@.example.org", 0 },
		{ "@example.org", "a@example.org", 1 },
		{ "@example.org", "a@sub.example.org", 0 },
		{ "joe@example.org", "joe@example.org", 1 },
		{ "joe@example.org", "joey@example.org", 0 },
		{ "joe@example.org", "ajoe@example.org", 0 },
		{ "joe@example.org", "joe@sub.example.org", 0 },
		{ "joe@example.org", "joe", 0 },
		{ "", "a@b", 0 },
		{ ".", "a@b", 0 },
		{ "@", "a@b", 0 }
	};
	size_t	i;
	char	name[120];

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(name, sizeof(name), "'%s' %s %s", t[i].rule,
		    t[i].want ? "matches" : "does not match", t[i].box);
		is_int(mailaddr_match(t[i].rule, t[i].box), t[i].want, name);
	}
}

static void
test_parts(void)
{
	char		 dst[32];
	const char	*d;
	size_t		 n = 0;

	is_int(mailaddr_rcpt("<A@B.C>", dst, 6), 0, "fits exactly");
	is_str(dst, "a@b.c", "and without brackets");
	is_int(mailaddr_rcpt("<A@B.C>", dst, 5), -1, "does not fit");
	is_int(mailaddr_normalise_sender("<A@B.C>", dst, 5), -1,
	    "a sender that does not fit");
	is_int(mailaddr_rcpt("<A+x1@B.C>", dst, sizeof(dst)), 0,
	    "recipient");
	is_str(dst, "a+x1@b.c", "only lower case");
	d = mailaddr_domain("<a@b@c.d>", &n);
	ok(d != NULL && n == 3 && memcmp(d, "c.d", 3) == 0,
	    "domain is behind the last @");
	ok(mailaddr_domain("<postmaster>", &n) == NULL, "no domain");
	ok(mailaddr_domain("<>", &n) == NULL, "nothing at all");
	ok(mailaddr_domain("<a@>", &n) == NULL, "an empty one");
	ok(mailaddr_is_postmaster("postmaster"), "postmaster");
	ok(!mailaddr_is_postmaster("postmaster@x"), "not bare");
	ok(!mailaddr_is_postmaster("postmasters"), "not it");
	ok(mailaddr_is_role("postmaster", NULL), "role: bare");
	ok(mailaddr_is_role("abuse@example.org", "example.ORG"),
	    "role: abuse at the domain");
	ok(mailaddr_is_role("postmaster@example.org", "example.org."),
	    "role: postmaster, final dot");
	ok(mailaddr_is_role("abuse@xn--bcher-kva.example",
	    "b\xc3\xbc" "cher.example"), "role: the domain in its other form");
	ok(!mailaddr_is_role("abuse@sub.example.org", "example.org"),
	    "role: another domain");
	ok(!mailaddr_is_role("abuse@example.org", NULL),
	    "role: no domain given");
	ok(!mailaddr_is_role("xabuse@example.org", "example.org"),
	    "role: another user");
	ok(!mailaddr_is_role("abuse", "example.org"), "role: abuse alone");
	ok(mailaddr_same("<\"Joe\"@example.org.>", "joe@EXAMPLE.org"),
	    "two spellings of one");
	ok(!mailaddr_same("<joe@example.org>", "<joe@example.net>"),
	    "and two mailboxes");
}

/* What a recipient's path is taken for, with every flag or some. */
static void
check(const char *path, unsigned int flags, int code, const char *relayed,
    const char *box)
{
	struct mailaddr	 m;
	const char	*error;
	char		 name[300];

	error = mailaddr_check_rcpt(path, flags, &m);
	snprintf(name, sizeof(name), "%.200s: %d", path, code);
	is_int(error == NULL ? 0 : atoi(error), code, name);
	if (error != NULL || code != 0)
		return;
	is_str(m.path, relayed, "is relayed so");
	is_str(m.box, box, "is compared so");
}

#define U	MAILADDR_UTF8
#define R	MAILADDR_ROUTES
#define UE	"\xc3\xbc"
#define D63	"123456789012345678901234567890123456789012345678901234567890abc"

static void
test_domains(void)
{
	static const char *const bad[] = {
		"<v@evil.test(.example.org>", "<v@evil.test(x).example.org>",
		"<v@(x)example.org>", "<v@evil.test,.example.org>",
		"<v@evil.test;.example.org>", "<v@evil.test:.example.org>",
		"<v@evil.test/.example.org>", "<v@evil.test .example.org>",
		"<v@evil.test\t.example.org>", "<v@evil.test\".example.org>",
		"<v@evil.test\\.example.org>", "<v@evil.test%.example.org>",
		"<v@evil.test!.example.org>", "<v@evil.test>.example.org>",
		"<v@evil.test<.example.org>", "<v@evil.test\x01.example.org>",
		"<v@evil.test\x7f.example.org>", "<v@evil.test'.example.org>",
		"<v@[192.0.2.1].example.org>", "<v@[192.0.2.1]>.example.org>",
		"<v@[evil.test(.example.org]>", "<v@[192.0.2]>", "<v@[]>",
		"<v@[IPv6:]>", "<v@[IPv6:192.0.2.1]>", "<v@[2001:db8::1]>",
		"<v@[192.0.2.1>", "<v@192.0.2.1]>", "<v@[x400:a]>",
		"<v@.example.org>", "<v@a..example.org>", "<v@example.org..>",
		"<v@.>", "<v@..>", "<v@...>", "<v@>", "<@>", "<@example.org>",
		"<v@" D63 "d.example.org>",
		"<v@" D63 "." D63 "." D63 "." D63 ".org>"
	};
	size_t	i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(bad[i], U | R, 501, NULL, NULL);
	check("<v@Example.ORG.>", 0, 0, "<v@Example.ORG>", "v@example.org");
	check("<v@x-Y_z.-a-.1>", 0, 0, "<v@x-Y_z.-a-.1>", "v@x-y_z.-a-.1");
	check("<v@" D63 ".org>", 0, 0, "<v@" D63 ".org>", "v@" D63 ".org");
	check("<v@[192.0.2.1]>", 0, 0, "<v@[192.0.2.1]>", "v@[192.0.2.1]");
	check("<v@[ipv6:2001:DB8:0::1]>", 0, 0, "<v@[ipv6:2001:DB8:0::1]>",
	    "v@[ipv6:2001:db8::1]");
	check("<v@[IPv6:::ffff:192.0.2.1]>", 0, 0,
	    "<v@[IPv6:::ffff:192.0.2.1]>", "v@[192.0.2.1]");
}

static void
test_locals(void)
{
	check("<a..b@x.org>", 0, 0, "<a..b@x.org>", "a..b@x.org");
	check("<.a.b.@x.org>", 0, 0, "<.a.b.@x.org>", ".a.b.@x.org");
	check("<A#$&'*+-/=?^_`{|}~1@x.org>", 0, 0,
	    "<A#$&'*+-/=?^_`{|}~1@x.org>", "a#$&'*+-/=?^_`{|}~1@x.org");
	check("<\"Tr\\ap\"@x.org>", 0, 0, "<\"Tr\\ap\"@x.org>",
	    "trap@x.org");
	check("<\"john doe\"@x.org>", 0, 0, "<\"john doe\"@x.org>",
	    "john doe@x.org");
	check("<\"a\\\"b\"@x.org>", 0, 0, "<\"a\\\"b\"@x.org>",
	    "a\"b@x.org");
	check("<PostMaster>", 0, 0, "<PostMaster>", "postmaster");
	check("<\"postmaster\">", 0, 0, "<\"postmaster\">", "postmaster");
	check("a@x.org", 0, 0, "<a@x.org>", "a@x.org");
	check("<>", U | R, 501, NULL, NULL);
	check("<\"\"@x.org>", U | R, 501, NULL, NULL);
	check("<@x.org>", U | R, 501, NULL, NULL);
	check("<t\\rap@x.org>", U | R, 501, NULL, NULL);
	check("<tr\"a\"p@x.org>", U | R, 501, NULL, NULL);
	check("<\"trap\"x@x.org>", U | R, 501, NULL, NULL);
	check("<\"trap@x.org>", U | R, 501, NULL, NULL);
	check("<\"trap\\\"@x.org>", U | R, 501, NULL, NULL);
	check("<\"@x.org>", U | R, 501, NULL, NULL);
	check("<(c)a@x.org>", U | R, 501, NULL, NULL);
	check("<a(c)@x.org>", U | R, 501, NULL, NULL);
	check("<a,b@x.org>", U | R, 501, NULL, NULL);
	check("<a:b@x.org>", U | R, 501, NULL, NULL);
	check("<a b@x.org>", U | R, 501, NULL, NULL);
	check("<a>b@x.org>", U | R, 501, NULL, NULL);
	check("<\"a>b\"@x.org>", U | R, 501, NULL, NULL);
	check("<\"a\x01\"@x.org>", U | R, 501, NULL, NULL);
	check("<\"a(c)\"@x.org>", U | R, 553, NULL, NULL);
	check("<\"a\\(c\"@x.org>", U | R, 553, NULL, NULL);
	check("<\"a,b\"@x.org>", U | R, 553, NULL, NULL);
	check("<\"e::v\"@x.org>", U | R, 553, NULL, NULL);
	check("<a@b@x.org>", U | R, 553, NULL, NULL);
	check("<\"a@b\"@x.org>", U | R, 553, NULL, NULL);
	check("<\"a\\@b\"@x.org>", U | R, 553, NULL, NULL);
	check("<a\\@b@x.org>", U | R, 553, NULL, NULL);
	check("<\"a@b\">", U | R, 553, NULL, NULL);
	check("<a%b@x.org>", 0, 553, NULL, NULL);
	check("<b!a@x.org>", 0, 553, NULL, NULL);
	check("<\"a\\%b\"@x.org>", 0, 553, NULL, NULL);
	check("<a%b>", 0, 553, NULL, NULL);
	check("<a%b@x.org>", R, 0, "<a%b@x.org>", "a%b@x.org");
	check("<b!\"a@x.org>", R, 501, NULL, NULL);
	check("<\"b!a\"@x.org>", R, 0, "<\"b!a\"@x.org>", "b!a@x.org");
}

static void
test_routes(void)
{
	check("<@a.b,@c.d:joe@x.org>", 0, 0, "<joe@x.org>", "joe@x.org");
	check("<@[192.0.2.1],@[IPv6:::1]:\"joe\"@x.org.>", 0, 0,
	    "<\"joe\"@x.org>", "joe@x.org");
	check("<@a.b:postmaster>", 0, 0, "<postmaster>", "postmaster");
	check("<@a.b:>", 0, 501, NULL, NULL);
	check("<@a.b,c.d:joe@x.org>", 0, 501, NULL, NULL);
	check("<@a.b,:joe@x.org>", 0, 501, NULL, NULL);
	check("<@:joe@x.org>", 0, 501, NULL, NULL);
	check("<@a(.b:joe@x.org>", 0, 501, NULL, NULL);
	check("<@[192.0.2.1:joe@x.org>", 0, 501, NULL, NULL);
	check("<@a.b:@c.d:joe@x.org>", 0, 553, NULL, NULL);
	check("<@a.b:joe@y.org@x.org>", R, 553, NULL, NULL);
}

/* Both forms of a domain are one. */
static void
test_idn(void)
{
	char	x[64], y[64];

	check("<v@b" UE "cher.example>", 0, 553, NULL, NULL);
	check("<b" UE "@x.org>", 0, 553, NULL, NULL);
	check("<v@B\xc3\x9c" "CHER.Example.>", U, 0,
	    "<v@B\xc3\x9c" "CHER.Example>", "v@xn--bcher-kva.example");
	check("<v@bu\xcc\x88" "cher.example>", U, 0,
	    "<v@bu\xcc\x88" "cher.example>", "v@xn--bcher-kva.example");
	check("<v@XN--Bcher-KVA.example>", 0, 0, "<v@XN--Bcher-KVA.example>",
	    "v@xn--bcher-kva.example");
	check("<v@fa\xc3\x9f.example>", U, 0, "<v@fa\xc3\x9f.example>",
	    "v@xn--fa-hia.example");
	check("<v@b" UE "cher\xe3\x80\x82" "example\xef\xbc\x8e>", U, 0,
	    "<v@b" UE "cher\xe3\x80\x82" "example>",
	    "v@xn--bcher-kva.example");
	check("<B" UE "@x.org>", U, 0, "<B" UE "@x.org>", "b" UE "@x.org");
	/* No such names, and yet names. */
	check("<v@xn--zzzzzzzzz99999.example>", 0, 0,
	    "<v@xn--zzzzzzzzz99999.example>", "v@xn--zzzzzzzzz99999.example");
	check("<v@xn--.example>", 0, 0, "<v@xn--.example>",
	    "v@xn--.example");
	check("<v@A\xe2\x98\x83.b" UE "cher.example>", U, 0,
	    "<v@A\xe2\x98\x83.b" UE "cher.example>",
	    "v@a\xe2\x98\x83.xn--bcher-kva.example");
	check("<v@-" UE "-.example>", U, 0, "<v@-" UE "-.example>",
	    "v@-" UE "-.example");
	/* What folds to something else than a name, or is no text. */
	check("<v@evil.test\xef\xbc\x88.example.org>", U | R, 501, NULL,
	    NULL);
	check("<v@evil.test\xef\xbc\x88\xe2\x98\x83.example.org>", U | R,
	    501, NULL, NULL);
	check("<v@evil\xef\xb9\xab.example.org>", U | R, 501, NULL, NULL);
	check("<v@a\xe3\x80\x82.example.org>", U | R, 501, NULL, NULL);
	check("<v@\xc2\xad.example.org>", U | R, 501, NULL, NULL);
	check("<v@b\xfc" "cher.example>", U | R, 501, NULL, NULL);
	check("<v@evil.test\xc0\xa8.example.org>", U | R, 501, NULL, NULL);
	check("<v\xfc@example.org>", U | R, 501, NULL, NULL);
	check("<v\xef\xbc\xa0" "evil.test@example.org>", U | R, 553, NULL,
	    NULL);
	check("<v\xef\xbc\x85" "evil.test@example.org>", U, 553, NULL,
	    NULL);
	check("<v\xef\xbc\x88@example.org>", U | R, 553, NULL, NULL);
	check("<v\xe2\x80\xbc" "evil.test@example.org>", U, 553, NULL,
	    NULL);
	check("<v\xef\xb8\xb5" "c@example.org>", U | R, 553, NULL,
	    NULL);
	/* One tuple. */
	same("<joe@b" UE "cher.example>", "<joe@xn--bcher-kva.example>", 1,
	    "a sender's domain in both forms");
	is_int(mailaddr_rcpt("<joe@B" UE "cher.example>", x, sizeof(x)), 0,
	    "a recipient");
	is_int(mailaddr_rcpt("<joe@xn--bcher-kva.example>", y, sizeof(y)), 0,
	    "and the other form");
	is_str(x, y, "are one");
	is_int(mailaddr_rcpt("<joe@B" UE "cher.example>", x, 23), -1,
	    "without room for its A-label");
}

static void
test_senders(void)
{
	static const struct {
		const char	*path;
		int		 code;
	} t[] = {
		{ "<>", 0 }, { "<a@b.c>", 0 }, { "<a@b@c,d;e!f%g@[x]>", 0 },
		{ "<@a,@b:c@d>", 0 }, { "<\"john doe\"@x>", 0 },
		{ "<\"a(b)\"@x>", 0 }, { "<@a:\"a b\"@x>", 0 },
		{ "<b\xfc@x>", 0 }, { "<a\\b\"@x>", 0 }, { "<x..y.@z>", 0 },
		{ "<a(b@c>", 501 }, { "<a@c(b>", 501 }, { "<a)b@c>", 501 },
		{ "<a\\(b@c>", 501 }, { "<a b@c>", 501 }, { "<a>b@c>", 501 },
		{ "<a\\>b@c>", 501 }, { "<\"a>b\"@c>", 501 },
		{ "<\"a\\>b\"@c>", 501 }, { "<x\"a b\"@c>", 501 },
		{ "<x\"(b\"@c>", 501 }, { "<\"a\"\"(b\"@c>", 501 },
		{ "<\"a\" b@c>", 501 }, { "<\"a@c>", 501 },
		{ "<a\tb@c>", 501 }, { "<a\r@c>", 501 }, { "<a\n@c>", 501 },
		{ "<\"a\\\n\"@c>", 501 }, { "<a\x7f@c>", 501 }
	};
	size_t		 i;
	const char	*error;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		error = mailaddr_check_sender(t[i].path);
		is_int(error == NULL ? 0 : atoi(error), t[i].code, t[i].path);
	}
}

/* What an administrator writes. */
static void
test_box(void)
{
	char	box[64];

	is_int(mailaddr_box("\"John Doe\"@Example.org", box, sizeof(box)), 0,
	    "quotes");
	is_str(box, "john doe@example.org", "are taken off");
	is_int(mailaddr_box("john doe@example.org", box, sizeof(box)), -1,
	    "a blank needs them");
	is_int(mailaddr_box("<t@b" UE "cher.example>", box, sizeof(box)), 0,
	    "brackets, and a name outside of ASCII");
	is_str(box, "t@xn--bcher-kva.example", "are folded");
	is_int(mailaddr_box("a(b)@x", box, sizeof(box)), -1, "a comment");
	is_int(mailaddr_box("a@b@x", box, sizeof(box)), -1, "a route");
	is_int(mailaddr_box("@a:b@x", box, sizeof(box)), -1, "another one");
	is_int(mailaddr_box("a@[192.0.2.1]", box, sizeof(box)), -1,
	    "a literal");
	is_int(mailaddr_box("postmaster", box, sizeof(box)), -1,
	    "without a domain");
	is_int(mailaddr_box("@x", box, sizeof(box)), -1, "with nothing else");
	is_int(mailaddr_box("a@xyz.example", box, 13), -1, "no room");
}

/* Whatever a client writes: the same mailbox is the same string. */
static void
test_spellings(void)
{
	static const struct {
		const char	*path, *want;
	} t[] = {
		{ "<Trap@Example.ORG>", "trap@example.org" },
		{ "<trap@example.org.>", "trap@example.org" },
		{ "<\"trap\"@example.org>", "trap@example.org" },
		{ "<\"Tr\\ap\"@example.org.>", "trap@example.org" },
		{ "<t\\rap@example.org>", "trap@example.org" },
		{ "<tr\"a\"p@example.org>", "trap@example.org" },
		{ "<@a.b,@c.d:trap@example.org>", "trap@example.org" },
		{ "<@a.b:\"trap\"@example.org>", "trap@example.org" },
		{ "<\"PostMaster\">", "postmaster" },
		{ "<\"a b\"@example.org>", "a b@example.org" },
		{ "<\"a@b\"@example.org>", "a@b@example.org" },
		{ "<trap%example.org@example.org>",
		    "trap%example.org@example.org" },
		{ "<@example.org>", "@example.org" },
		{ "<@example.org:>", "@example.org:" },
		{ "<a@.>", "a@." },
		{ "<a@>", "a@" },
		{ "<>", "" }
	};
	char	dst[64], tight[17];
	size_t	i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		is_int(mailaddr_rcpt(t[i].path, dst, sizeof(dst)), 0,
		    t[i].path);
		is_str(dst, t[i].want, t[i].path);
	}
	is_int(mailaddr_rcpt("<trap@example.org>", tight, sizeof(tight)), 0,
	    "just enough room");
	is_int(mailaddr_rcpt("<trap1@example.org>", tight, sizeof(tight)), -1,
	    "not enough");
}

int
main(void)
{
	test_spellings();
	test_plain();
	test_schemes();
	test_streams();
	test_people();
	test_match();
	test_parts();
	test_domains();
	test_locals();
	test_routes();
	test_idn();
	test_senders();
	test_box();
	return (done());
}
