/*
 * Whitelists and blacklists, and the rules of `not to', domains and spamtraps.
 */
/* LIBS: -ldb */
#include "lib/smtp/mailaddr.h"
#include "regress/lib/policy_fixture.h"

static void
test_lists(void)
{
	begin_with(config_new());
	make_lists("198.51.100.0/24", "203.0.113.0/24");
	add_string(&conf->spamtraps, "trap@example.org");
	add_string(&conf->not_to, "support@example.org");
	start();
	is_int(rcpt("198.51.100.1", A, "<trap@example.org>"), RCPT_WHITE,
	    "whitelisted: never trapped");
	is_int(stat_of("entries grey"), 0, "no tuple");
	is_int(rcpt("203.0.113.1", A, B), RCPT_GREY, "blacklisted since");
	clock_fake_advance(200);
	is_int(rcpt("203.0.113.1", A, B), RCPT_GREY, "is not promoted");
	is_int(rcpt("203.0.113.1", A, "<support@example.org>"), RCPT_GREY,
	    "nor let through to a `not to' recipient");
	is_int(stat_of("entries white"), 0, "no WHITE");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_white(p, ipp("203.0.113.1"), 0, ""),
	    "WHITE by hand, but blacklisted");
	ok(told.white != 0 && told_table == 0, "not in the table");
	is_int(rcpt("203.0.113.1", A, "<c@example.net>"), RCPT_GREY,
	    "and greylisted, though it is WHITE");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_trap(p, ipp("198.51.100.1"), 0,
	    TRAP_MANUAL, ""), "TRAPPED by hand, but whitelisted");
	is_int(told_table, HOST_FOREVER, "in the table");
	is_int(rcpt("198.51.100.1", A, B), RCPT_WHITE,
	    "whitelisted stands above TRAPPED");
	finish();
}

/* A host on both lists is whitelisted, for the tracker too. */
static void
test_both_lists(void)
{
	struct track_seen	 seen = { 1, ip("203.0.113.7"), 1 };
	enum tracked		 did;

	begin_with(config_new());
	make_lists("203.0.113.7/32", "203.0.113.0/24");
	start();
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_track(p, &seen, &did), "our mail to a host on both");
	is_int(did, TRACKED_WHITE, "makes it WHITE");
	seen.host = ip("203.0.113.8");
	is_int(policy_begin(p), DB_OK, "begin");
	commit(policy_track(p, &seen, &did), "to one that is blacklisted");
	is_int(did, TRACKED_LISTED, "does not");
	finish();
}

/* With a hand-over a `not to' recipient does not make its host WHITE. */
static void
test_not_to(void)
{
	begin_with(config_new());
	add_string(&conf->not_to, "support@example.org");
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	conf->handover = 1;
	start();
	is_int(rcpt("192.0.2.1", A, "<support@example.org>"), RCPT_NOT_TO,
	    "pass takes a `not to' recipient");
	is_int(ntold, 0, "its host stays what it is");
	is_int(rcpt("192.0.2.1", A, B), RCPT_GREY, "and is greylisted");
	finish();
}

/* The sorted rules say what mailaddr_match says of each. */
static void
test_rules(void)
{
	static const char *const rules[] = {
		"example.org", ".example.org", "@example.net", "a@example.com",
		".co.example", "example.edu", "org"
	};
	static const char *const paths[] = {
		"x@example.org", "x@sub.example.org", "x@notexample.org",
		"x@example.net", "x@a.example.net", "a@example.com",
		"b@example.com", "x@a.b.co.example", "x@co.example",
		"x@example.edu", "x@org", "x@a.org",
		"postmaster", "", "@", "x@", "a@b@example.org", "x@.org"
	};
	struct conf_strings	list;
	struct rules		r;
	size_t			i, j;
	int			want;

	TAILQ_INIT(&list);
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		add_string(&list, rules[i]);
	is_int(rules_build(&r, &list), 0, "built");
	for (j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
		for (want = 0, i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
			want |= mailaddr_match(rules[i], paths[j]) != 0;
		is_int(rules_match(&r, paths[j]), want, paths[j]);
	}
	rules_free(&r);
	conf_strings_free(&list);
}

int
main(void)
{
	if (policy_fix_init("policy_list_test") == -1)
		return (1);
	test_lists();
	test_both_lists();
	test_not_to();
	test_rules();
	policy_fix_end();
	return (done());
}
