/* Mail addresses: matching, and what of a sender counts. */
#include "../../lib/mailaddr.h"
#include "tap.h"

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
	norm("<\xc3\xa4\xc3\xb6@\xc3\xa4.example>",
	    "\xc3\xa4\xc3\xb6@\xc3\xa4.example");
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
		const char	*rule, *path;
		int		 want;
	} t[] = {
		{ "example.org", "<a@example.org>", 1 },
		{ "example.org", "<a@EXAMPLE.org.>", 1 },
		{ "example.org", "a@example.org", 1 },
		{ "example.org.", "<a@example.org>", 1 },
		{ "example.org", "<a@sub.example.org>", 0 },
		{ "example.org", "<a@badexample.org>", 0 },
		{ "example.org", "<a@example.org.evil>", 0 },
		{ "example.org", "<example.org>", 0 },
		{ "example.org", "<x@example.org@evil.net>", 0 },
		{ "example.org", "<\"x@evil.net\"@example.org>", 1 },
		{ "example.org", "<>", 0 },
		{ "example.org", "<a@>", 0 },
		{ ".example.org", "<a@sub.example.org>", 1 },
		{ ".example.org", "<a@x.sub.example.org>", 1 },
		{ ".example.org", "<a@example.org>", 0 },
		{ ".example.org", "<a@badexample.org>", 0 },
		{ ".example.org", "<a@.example.org>", 0 },
		{ "@example.org", "<a@example.org>", 1 },
		{ "@example.org", "<a@sub.example.org>", 0 },
		{ "Joe@example.org", "<joe@Example.org>", 1 },
		{ "joe@example.org", "<joey@example.org>", 0 },
		{ "joe@example.org", "<ajoe@example.org>", 0 },
		{ "joe@example.org", "<joe@sub.example.org>", 0 },
		{ "joe@example.org", "<joe>", 0 },
		{ "", "<a@b>", 0 },
		{ ".", "<a@b.>", 0 },
		{ "@", "<a@b>", 0 }
	};
	size_t	i;
	char	name[120];

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(name, sizeof(name), "'%s' %s %s", t[i].rule,
		    t[i].want ? "matches" : "does not match", t[i].path);
		is_int(mailaddr_match(t[i].rule, t[i].path), t[i].want, name);
	}
}

static void
test_parts(void)
{
	char		 dst[32];
	const char	*d;
	size_t		 n = 0;

	is_int(mailaddr_lower("<A@B.C>", dst, sizeof(dst)), 0, "lower");
	is_str(dst, "a@b.c", "and without brackets");
	is_int(mailaddr_lower("<A@B.C>", dst, 6), 0, "fits exactly");
	is_int(mailaddr_lower("<A@B.C>", dst, 5), -1, "does not fit");
	is_int(mailaddr_normalise_sender("<A@B.C>", dst, 5), -1,
	    "a sender that does not fit");
	is_int(mailaddr_normalise_rcpt("<A+x1@B.C>", dst, sizeof(dst)), 0,
	    "recipient");
	is_str(dst, "a+x1@b.c", "only lower case");
	d = mailaddr_domain("<a@b@c.d>", &n);
	ok(d != NULL && n == 3 && memcmp(d, "c.d", 3) == 0,
	    "domain is behind the last @");
	ok(mailaddr_domain("<postmaster>", &n) == NULL, "no domain");
	ok(mailaddr_domain("<>", &n) == NULL, "nothing at all");
	ok(mailaddr_domain("<a@>", &n) == NULL, "an empty one");
	ok(mailaddr_is_postmaster("<PostMaster>"), "postmaster");
	ok(!mailaddr_is_postmaster("<postmaster@x>"), "not bare");
	ok(!mailaddr_is_postmaster("<postmasters>"), "not it");
	ok(mailaddr_is_role("<postmaster>", NULL), "role: bare");
	ok(mailaddr_is_role("<Abuse@Example.org>", "example.ORG"),
	    "role: abuse at the domain");
	ok(mailaddr_is_role("<postmaster@example.org.>", "example.org"),
	    "role: postmaster, final dot");
	ok(!mailaddr_is_role("<abuse@sub.example.org>", "example.org"),
	    "role: another domain");
	ok(!mailaddr_is_role("<abuse@example.org>", NULL),
	    "role: no domain given");
	ok(!mailaddr_is_role("<xabuse@example.org>", "example.org"),
	    "role: another user");
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
	return (done());
}
