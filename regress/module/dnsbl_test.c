/* LINK: spamgreyd/modules spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/* LIBS: -lcares */
/*
 * The module dnsbl alone.  The test plays the DNS, so it decides when an answer
 * comes.
 */
#include "lib/dns/dns.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_dnsbl;
const struct module *const modules[] = { &mod_dnsbl, NULL };

struct dns_query {
	char	 name[DNS_NAME_MAX + 1];
	dns_cb	 cb;
	void	*arg;
	int64_t	 ms;
};
static struct dns_query	 asked[32];
static unsigned int	 nasked, cancelled;

struct dns_query *
dns_ask(const char *name, enum dns_type type, int64_t ms, dns_cb cb, void *arg)
{
	struct dns_query	*q = &asked[nasked++ % 32];

	if (type != DNS_A)
		abort();
	strlcpy(q->name, name, sizeof(q->name));
	q->cb = cb;
	q->arg = arg;
	q->ms = ms;
	return (q);
}

void
dns_cancel(struct dns_query *q)
{
	if (q != NULL)
		cancelled++;
}

/* The answer to question i: addresses with blanks between; "" none; "!" no
 * answer. */
static void
answer(unsigned int i, const char *text)
{
	struct dns_answer	 a;
	char			 copy[200], *p, *word;

	memset(&a, 0, sizeof(a));
	a.status = *text == '\0' ? DNS_NOTHING : *text == '!' ? DNS_FAILED :
	    DNS_FOUND;
	a.why = *text == '!' ? "timeout: no answer" : NULL;
	strlcpy(copy, text, sizeof(copy));
	for (p = copy; *text != '!' && (word = strsep(&p, " ")) != NULL;)
		if (*word != '\0' && addr_parse(word, &a.addrs[a.naddrs++]) ==
		    -1)
			abort();
	asked[i].cb(&a, asked[i].arg);
}

#define CONF "dnsbl { zone \"bl.test\" { 127.0.0.2-127.0.0.7 points 4, " \
	"127.0.0.10 points 2 } zone \"list.dnswl.org\" { 127.0.x.2 points -3 " \
	"127.0.x.1 points -1 } "

static struct session *
begin(struct pass_conf *pc, const char *client)
{
	struct session	*s;

	nasked = cancelled = 0;
	s = fix_session(pc, client);
	is_str(fix_stage(s, STAGE_CONNECT), "", "connect waits for nobody");
	return (s);
}

static void
test_points(void)
{
	struct pass_conf	*pc = fix_conf(CONF "}");
	struct session		*s = begin(pc, "192.0.2.99");

	is_int(nasked, 2, "all zones at once");
	is_str(asked[0].name, "99.2.0.192.bl.test", "the first");
	is_str(asked[1].name, "99.2.0.192.list.dnswl.org", "the second");
	is_int(asked[0].ms, 3000, "within the budget");
	answer(0, "127.0.0.4 127.0.0.2 127.0.0.10");
	is_int(run_points(&s->ms), 6000, "each pattern counts once");
	is_int(run_vouched(&s->ms), 0, "nobody vouches");
	answer(1, "127.0.9.2");
	is_int(run_points(&s->ms), 3000, "a list of good repute takes away");
	is_int(run_vouched(&s->ms), 1, "… and, medium or high, vouches");
	is_str(fix_stage(s, STAGE_RCPT), "", "no refusal of its own");
	is_str(fix_stage(s, STAGE_DATA), "", "… nor at DATA");
	run_new_message(&s->ms);
	is_int(run_points(&s->ms), 3000, "the next message has the same points");
	fix_session_free(s);
	is_int(cancelled, 0, "nothing was under way any more");
	s = begin(pc, "2001:db8::1");
	is_str(asked[0].name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	    "8.b.d.0.1.0.0.2.bl.test", "IPv6 by nibbles");
	answer(1, "127.0.3.1");
	is_int(run_vouched(&s->ms), 0, "low repute does not vouch");
	fix_session_free(s);
	s = begin(pc, "2001:db8::1");
	answer(1, "127.0.3.3");
	is_int(run_points(&s->ms), 0, "an answer that no code of ours fits");
	is_int(run_vouched(&s->ms), 1, "… vouches all the same");
	fix_session_free(s);
	is_int(cancelled, 1, "a question under way is cancelled");
	fix_conf_free(pc);
}

static void
test_neutral(void)
{
	static const char *const	strange[] = { "127.255.255.252",
	    "127.255.255.254", "127.255.255.255", "127.0.0.255", "192.0.2.1",
	    "10.0.0.2" };
	static const char *const	private[] = { "10.1.2.3", "172.31.0.1",
	    "192.168.3.4", "169.254.1.1", "fd00::1", "fe80::1" };
	struct pass_conf		*pc = fix_conf(CONF "}");
	struct session			*s;
	size_t				 i;

	fix_logged();
	for (i = 0; i < sizeof(strange) / sizeof(*strange); i++) {
		s = begin(pc, "192.0.2.1");
		answer(0, strange[i]);
		answer(1, strange[i]);
		is_int(run_points(&s->ms), 0, strange[i]);
		is_int(run_vouched(&s->ms), 0, "… nor vouches");
		fix_session_free(s);
	}
	ok(strstr(fix_logged(), "zone bl.test answers 127.255.255.252") !=
	    NULL, "it is logged");
	s = begin(pc, "192.0.2.1");
	answer(0, "127.255.255.254");
	is_str(fix_logged(), "", "… but not each time");
	fix_session_free(s);
	fix_pass(3600000);
	s = begin(pc, "192.0.2.1");
	answer(0, "127.255.255.254");
	ok(strstr(fix_logged(), "bl.test") != NULL, "… once an hour");
	fix_session_free(s);
	s = begin(pc, "127.0.0.1");
	is_int(nasked, 0, "loopback is not asked about");
	fix_session_free(s);
	for (i = 0; i < sizeof(private) / sizeof(*private); i++) {
		s = begin(pc, private[i]);
		is_int(nasked, 0, private[i]);
		fix_session_free(s);
	}
	fix_conf_free(pc);
}

static void
test_waiting(void)
{
	struct pass_conf	*pc = fix_conf(CONF "reject at 5 }");
	struct session		*s = begin(pc, "192.0.2.5");

	s->ms.rcpt = "<user@example.org>";
	ok(fix_stage(s, STAGE_RCPT) == NULL, "RCPT waits for late answers");
	answer(0, "127.0.0.3 127.0.0.10");
	fix_pass(1);
	ok(fix_outcome == NULL, "… for all of them");
	answer(1, "!");
	fix_pass(1);
	is_str(fix_outcome, "550 5.7.1 Your address 192.0.2.5 is listed by "
	    "bl.test", "over `reject at': refused, with the list's name");
	is_str(fix_stage(s, STAGE_RCPT), "550 5.7.1 Your address 192.0.2.5 is "
	    "listed by bl.test", "the next one at once");
	s->ms.rcpt = "<postmaster@example.org>";
	s->ms.rcpt_is_role = 1;
	is_str(fix_stage(s, STAGE_RCPT), "", "but not postmaster");
	fix_session_free(s);

	s = begin(pc, "192.0.2.6");
	s->ms.rcpt = "<user@example.org>";
	ok(fix_stage(s, STAGE_RCPT) == NULL, "nobody answers");
	answer(0, "!");
	answer(1, "!");
	fix_pass(1);
	is_str(fix_outcome, "", "… the mail goes on, with no points");
	is_int(run_points(&s->ms), 0, "none");
	fix_session_free(s);

	s = begin(pc, "192.0.2.7");
	s->ms.rcpt = "<user@example.org>";
	ok(fix_stage(s, STAGE_RCPT) == NULL, "a resolver that is stuck");
	fix_pass(4500);
	ok(fix_outcome != NULL && *fix_outcome == '\0',
	    "… does not hold the mail past the budget");
	fix_session_free(s);
	is_int(cancelled, 2, "what is under way then is cancelled at the end");
	fix_conf_free(pc);

	pc = fix_conf(CONF "}");
	s = begin(pc, "192.0.2.8");
	is_str(fix_stage(s, STAGE_RCPT), "", "without `reject at' RCPT does "
	    "not wait");
	ok(fix_stage(s, STAGE_DATA) == NULL, "but DATA does");
	answer(0, "127.0.0.2");
	answer(1, "");
	fix_pass(1);
	is_str(fix_outcome, "", "… and never refuses");
	is_int(run_points(&s->ms), 4000, "the points are there by then");
	fix_session_free(s);
	fix_conf_free(pc);
}

#define KEY "a1b2c3d4e5f6g7h8i9j0k1l2m3"
#define NAMED "dnsbl { zone \"" KEY ".zen.dq.spamhaus.net\" as " \
	"\"spamhaus-zen\" { 127.0.0.2 points 4 } "

/* The header field and what the log says, with a NUL; free() it. */
static char *
told(const struct session *s)
{
	struct buf	b = { NULL, 0, 0, 0 };
	char		*text;

	if (run_headers(&s->ms, &b) == -1)
		exit(1);
	run_log(&s->ms, &b);
	if ((text = strndup((const char *)buf_ptr(&b), buf_len(&b))) == NULL)
		exit(1);
	buf_free(&b);
	return (text);
}

/* What the zone is called by the administrator stands everywhere. */
static void
test_named(void)
{
	struct pass_conf	*pc = fix_conf(NAMED "reject at 4 }");
	struct session		*s;
	char			*text;

	log_set_verbose(1);
	fix_logged();
	s = begin(pc, "192.0.2.1");
	is_str(asked[0].name, "1.2.0.192." KEY ".zen.dq.spamhaus.net",
	    "the zone itself is asked");
	answer(0, "127.0.0.2");
	s->ms.rcpt = "<user@example.org>";
	is_str(fix_stage(s, STAGE_RCPT), "550 5.7.1 Your address 192.0.2.1 is "
	    "listed by spamhaus-zen", "a refusal tells the zone's name");
	s->ms.rcpt = NULL;
	text = told(s);
	is_str(text, "X-Spamgreyd: score=4 mark=4 reject=10; dnsbl=4 "
	    "(spamhaus-zen 127.0.0.2)\r\n points=4 dnsbl=4 dnsbl-why=spamhaus-zen\\x20"
	    "127.0.0.2", "so do the header field and the log");
	free(text);
	fix_session_free(s);
	s = begin(pc, "192.0.2.2");
	answer(0, "127.255.255.254");
	fix_session_free(s);
	s = begin(pc, "192.0.2.3");
	answer(0, "!");
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf(NAMED "log-only reject at 4 }");
	s = begin(pc, "192.0.2.1");
	answer(0, "127.0.0.2");
	s->ms.rcpt = "<user@example.org>";
	is_str(fix_stage(s, STAGE_RCPT), "", "log-only");
	fix_session_free(s);
	fix_conf_free(pc);
	if ((text = strdup(fix_logged())) == NULL)
		exit(1);
	ok(strstr(text, "zone spamhaus-zen answers 127.255.255.254") != NULL &&
	    strstr(text, "spamhaus-zen: timeout: no answer") != NULL &&
	    strstr(text, "points=4 reason=spamhaus-zen\\x20127.0.0.2") != NULL,
	    "strange and missing answers and log-only are logged by the name");
	ok(strstr(text, "a1b2") == NULL, "no line of the log tells the zone");
	free(text);
	log_set_verbose(0);
}

static unsigned int	 nsaid;
static char		 said[600];

static void
keep(const char *line, void *arg)
{
	(void)arg;
	nsaid++;
	strlcpy(said, line, sizeof(said));
}

/* want: what the warning must tell; NULL: there must be none. */
static void
warned(const char *block, const char *want, const char *name)
{
	struct conf_module	*m = words_module("dnsbl", block);

	nsaid = 0;
	is_int(conf_module_split_all(m, keep, NULL), 0, name);
	if (want == NULL)
		is_int(nsaid, 0, "… without a warning");
	else
		ok(nsaid == 1 && strstr(said, ": warning: module dnsbl: zone: ")
		    != NULL && strstr(said, want) != NULL &&
		    strstr(said, "a1b2") == NULL, "… with one that does not "
		    "tell the key");
	words_free(m);
}

static void
test_key(void)
{
	static const char *const	lists[] = { "zen.spamhaus.org",
	    "b.barracudacentral.org", "dnsbl-1.uceprotect.net",
	    "combined.mail.abusix.zone", "hostkarma.junkemailfilter.com",
	    "bl.0spam.org", "all.s5h.net", "ips.backscatterer.org",
	    "dnsbl.dronebl.org", "score.senderscore.com", "list.dnswl.org",
	    "zen.dq.spamhaus.net", "xn--bl-0123456789abcdef.example",
	    "spam.dnsbl.anonmails.de", "bl.spameatingmonkey.net" };
	char	block[300];
	size_t	i;

	for (i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		snprintf(block, sizeof(block), "zone \"%s\" { 127.0.0.2 "
		    "points 1 }", lists[i]);
		warned(block, NULL, lists[i]);
	}
	warned("zone \"" KEY ".zen.dq.spamhaus.net\" { 127.0.0.2 points 1 }",
	    "\".zen.dq.spamhaus.net\"", "a key and no name");
	warned("zone \"" KEY ".zen.dq.spamhaus.net\" as \"zen\" { 127.0.0.2 "
	    "points 1 }", NULL, "a key and a name");
	warned("zone \"a1b2c3d4e5f60718293a4b5c6d7e8f90.combined.mail.abusix."
	    "zone\" { 127.0.0.2 points 1 }", "combined.mail.abusix.zone",
	    "hexadecimal digits");
	warned("zone \"bl.a1b2c3d4-e5f6-0718-293a.lists.example\" { 127.0.0.2 "
	    "points 1 }", "lists.example", "groups of them, in the middle");
	warned("zone \"abcdefghijklmnop.zen.dq.spamhaus.net\" { 127.0.0.2 "
	    "points 1 }", "zen.dq.spamhaus.net", "letters only");
	warned("zone \"A1B2C3D4E5F6.example.org\" { 127.0.0.2 points 1 }",
	    "example.org", "capitals");
	warned("zone \"84719203\" as \"n\" { 127.0.0.2 points 1 }", NULL,
	    "a name for any zone");
}

static void
refused(const char *block, const char *why)
{
	struct conf_module	*m = words_module("dnsbl", block);

	is_int(conf_module_split_all(m, fix_report, NULL), -1, why);
	words_free(m);
}

int
main(void)
{
	fix_init();
	test_points();
	test_neutral();
	test_waiting();
	test_named();
	test_key();
	refused("", "no zone");
	refused("zone \"a.test\" { }", "a zone without codes");
	refused("zone \"a.test\" { 10.0.0.1 points 1 }", "no code of a list");
	refused("zone \"a.test\" { 127.0.0.7-127.0.0.2 points 1 }",
	    "a range backwards");
	refused("zone \"a.test\" { 127.0.x.1-127.0.0.2 points 1 }",
	    "a range with x");
	refused("zone \"a.test\" { 127.0.0.2 points many }", "no number");
	refused("zone \"a.test\" { 127.0.0.2 points 0x10 }", "no decimal");
	refused("zone \"a.test\" { 127.0.0.2 points 1e2 }", "no exponent");
	refused("zone \"a.test\" { 127.0.0.2 points nan }", "no number either");
	refused("zone \"a.test\" { 127.0.0.2 }", "no points");
	refused("zone \"a b\" { 127.0.0.2 points 1 }", "no name");
	refused("zone \"a.test\" { 127.0.0.256 points 1 }", "no octet");
	refused("zone \"a.test\" as \"x\" { }", "a name but no codes");
	refused("zone \"a.test\" as \"\" { 127.0.0.2 points 1 }",
	    "an empty name");
	refused("zone \"a.test\" as \"a b\" { 127.0.0.2 points 1 }",
	    "a name with a blank");
	refused("zone \"a.test\" as { 127.0.0.2 points 1 }", "as, no name");
	refused("zone \"a.test\" { \"127.0.0.2\" }",
	    "a quoted code is not a name");
	return (done());
}
