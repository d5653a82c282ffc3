/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* throttle: what is counted for which key, what is deferred, and what is
 * learned. */
#include "regress/lib/module_fixture.h"

extern const struct module mod_throttle;
const struct module *const modules[] = { &mod_throttle, NULL };

#define HOST	"450 4.3.2 Too much mail from your host; " \
		"please try again later"
#define SENDER	"450 4.3.2 Too much mail from this sender; " \
		"please try again later"
#define DOMAIN	"450 4.3.2 Too much mail from this domain; " \
		"please try again later"
#define TO	"450 4.3.2 Too much mail for this domain; " \
		"please try again later"
#define BOUNCE	"450 4.3.2 Too much mail with an empty sender to this " \
		"recipient; please try again later"

/* A message with one recipient: what the recipient is answered. */
static const char *
message(struct session *s, const char *from, const char *to)
{
	if (mod_mail(s, from) == NULL)
		(void)mod_waits();
	if (fix_outcome == NULL || *fix_outcome != '\0')
		return ("refused at MAIL");
	return (mod_rcpt(s, to));
}

/* How many of n messages are taken. */
static int
taken(struct session *s, const char *from, const char *to, int n)
{
	int	i, good = 0;

	for (i = 0; i < n; i++)
		good += *message(s, from, to) == '\0';
	return (good);
}

static void
client(void)
{
	struct pass_conf	*pc = fix_conf("throttle { client 5 per 1m }");
	struct session		*s = fix_session(pc, "192.0.2.1");

	is_int(taken(s, "<a@example.com>", "<u@example.org>", 9), 5,
	    "five of nine");
	is_str(message(s, "<b@example.com>", "<u@example.org>"), HOST,
	    "the host's");
	is_str(mod_rcpt(s, "<v@example.org>"), HOST, "each recipient");
	s->ms.rcpt_is_role = 1;
	is_str(mod_rcpt(s, "<postmaster@example.org>"), "",
	    "but not postmaster");
	s->ms.rcpt_is_role = 0;
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.1");
	is_str(message(s, "<>", "<u@example.org>"), HOST,
	    "in another session, and bounces");
	fix_pass(12000);
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 3), 1,
	    "then one each 12s: what was put off was not counted");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.2");
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 9), 5,
	    "its neighbour's own five");
	s->ms.whitelisted = 1;
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 9), 9,
	    "whitelisted: no limit");
	fix_session_free(s);
	is_int(mod_stat("module.throttle.over-client"), 4 + 1 + 1 + 1 + 1 +
	    2 + 4, "the counter");
	fix_conf_free(pc);
}

static void
networks(void)
{
	struct pass_conf	*pc = fix_conf("throttle { client 2 per 1m for "
				    "198.51.100.0/24 client 0 per 1m for "
				    "10.0.0.0/8 sender no fold ip4 /24 "
				    "reply 451 }");
	struct session		*s = fix_session(pc, "198.51.100.1");

	is_int(taken(s, "<a@example.com>", "<u@example.org>", 3), 2,
	    "a network's own rate");
	ok(fix_outcome != NULL && strncmp(fix_outcome, "451 4.3.2 Too", 13) ==
	    0, "451");
	fix_session_free(s);
	s = fix_session(pc, "198.51.100.2");
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 3), 0,
	    "a /24 is one host");
	fix_session_free(s);
	s = fix_session(pc, "10.1.1.1");
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 500), 500,
	    "0: any number");
	fix_session_free(s);
	s = fix_session(pc, "203.0.113.1");
	is_int(taken(s, "<a@example.com>", "<u@example.org>", 400), 300,
	    "the others have 300 per 1m");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
senders(void)
{
	struct pass_conf	*pc = fix_conf("throttle { client no "
				    "sender-domain 103 per 1h }");
	struct session		*s = fix_session(pc, "192.0.2.9");

	is_int(taken(s, "<A@Shop.Example>", "<u@example.org>", 150), 100,
	    "a sender has 100 per 1m");
	is_str(fix_outcome, SENDER, "then it is put off");
	is_int(taken(s, "<b@shop.example>", "<u@example.org>", 5), 3,
	    "its domain has 103");
	is_str(fix_outcome, DOMAIN, "then all of them are put off");
	is_int(taken(s, "<b@sub.shop.example>", "<u@example.org>", 5), 5,
	    "but not another");
	is_int(taken(s, "<>", "<u@example.org>", 500), 500,
	    "<> is nobody's");
	is_int(taken(s, "<postmaster>", "<u@example.org>", 2), 2,
	    "a sender without a domain");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.200");
	is_str(message(s, "<a@shop.example>", "<u@example.org>"), SENDER,
	    "from another host of the network too");
	fix_session_free(s);
	s = fix_session(pc, "192.0.3.9");
	is_int(taken(s, "<a@shop.example>", "<u@example.org>", 150), 100,
	    "nobody elsewhere is put off by it");
	fix_session_free(s);
	fix_conf_free(pc);
}

/* A sender without a domain and the domain of others: one text, two kinds. */
static void
kinds(void)
{
	struct pass_conf	*pc = fix_conf("throttle { client no "
				    "sender 5 per 1h sender-domain 2 per 1h }");
	struct session		*s = fix_session(pc, "192.0.2.9");

	is_int(taken(s, "<a@kind.example>", "<u@example.org>", 4), 2,
	    "a domain has two");
	is_int(taken(s, "<kind.example>", "<u@example.org>", 9), 5,
	    "a sender with the domain's name has its own five");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
recipients(void)
{
	struct pass_conf	*pc = fix_conf("throttle { client 4 per 1m "
				    "sender no recipient-domain 3 per 1h "
				    "bounce 2 per 1h count recipients "
				    "delay 7s }");
	struct session		*s = fix_session(pc, "192.0.2.20");
	char			 to[40];
	int			 i;

	(void)mod_mail(s, "<a@example.com>");
	is_str(fix_outcome, "", "MAIL");
	is_str(mod_rcpt(s, "<u@example.net>"), "", "the first");
	is_str(mod_rcpt(s, "<v@Example.NET.>"), "", "the second, however it is spelled");
	is_str(mod_rcpt(s, "<w@example.net>"), "", "the third");
	is_str(mod_rcpt(s, "<x@example.net>"), TO, "of one domain");
	is_str(mod_rcpt(s, "<x@example.info>"), "",
	    "the fourth of the client: what was put off was not counted");
	is_str(mod_rcpt(s, "<y@example.info>"), HOST, "is its last");
	ok(mod_mail(s, "<a@example.com>") == NULL, "the next MAIL waits");
	is_int(mod_waits(), 7000, "for the delay");
	is_str(fix_outcome, "", "and is taken");
	fix_session_free(s);

	s = fix_session(pc, "192.0.2.21");
	is_int(taken(s, "<>", "<Joe@example.edu>", 3), 3,
	    "bounces to one recipient that are not delivered put nobody off");
	fix_pass(60000);
	for (i = 0; i < 2; i++) {
		is_str(message(s, "<>", "<Joe@example.edu>"), "", "a bounce");
		s->ms.messages++;
	}
	is_str(message(s, "<>", "<Joe@example.edu>"), BOUNCE,
	    "those that were count");
	is_int(taken(s, "<a@example.com>", "<joe@example.edu>", 1), 1,
	    "mail is not");
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.22");
	is_str(message(s, "<>", "<joe@EXAMPLE.edu>"), BOUNCE,
	    "from anywhere");
	fix_session_free(s);
	fix_conf_free(pc);

	/* A stranger's transaction that comes to nothing takes nothing. */
	pc = fix_conf("throttle { client no sender no "
	    "recipient-domain 20 per 1h }");
	s = fix_session(pc, "192.0.2.23");
	for (i = 0; i < 5; i++)
		(void)taken(s, "<a@example.com>", "<u@ours.example>", 20);
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.24");
	(void)mod_mail(s, "<a@example.com>");
	for (i = 0; i < 20; i++)
		is_str(mod_rcpt(s, "<u@ours.example>"), "",
		    "recipients of mail that was not delivered do not count");
	is_str(mod_rcpt(s, "<u@ours.example>"), TO, "in one transaction 20");
	s->ms.messages++;
	fix_session_free(s);
	s = fix_session(pc, "192.0.2.25");
	is_str(message(s, "<a@example.com>", "<v@ours.example>"), TO,
	    "when it is delivered they do");
	/* More domains than a transaction's counts are kept for. */
	(void)mod_mail(s, "<a@example.com>");
	for (i = 0; i < 40; i++) {
		snprintf(to, sizeof(to), "<u@d%d.example>", i);
		is_str(mod_rcpt(s, to), "", "many domains");
	}
	for (i = 0; i < 19; i++)
		(void)mod_rcpt(s, "<u@d39.example>");
	is_str(fix_outcome, "", "each has its own count");
	is_str(mod_rcpt(s, "<u@d39.example>"), TO, "the last of them too");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
learning(void)
{
	struct pass_conf	*pc = fix_conf("throttle { learn client 2 per "
				    "10m sender 2 per 1m }");
	struct session		*s = fix_session(pc, "192.0.2.30");
	char			 from[64];
	const char		*log;
	int			 i;

	fix_pass(1000);
	(void)fix_logged();
	is_int(taken(s, "<a b@example.com>", "<u@example.org>", 40), 40,
	    "nothing is put off");
	for (i = 0; i < 500; i++) {
		snprintf(from, sizeof(from), "<x%d@example.com>", i);
		(void)message(s, from, "<u@example.org>");
		fix_pass(1000);
	}
	fix_pass(3600000);
	log = fix_logged();
	ok(strstr(log, " pass throttle learned client=192.0.2.30 needs=540 "
	    "per=600s\n") != NULL, "what the client needs");
	ok(strstr(log, " learned sender=a\\x20b@example.com\\x20from\\x20"
	    "192.0.2.0 needs=40 per=60s\n") != NULL, "what the sender needs");
	ok(strstr(log, " learned recipient-domain=example.org needs=10") !=
	    NULL, "what has no limit is learned too");
	for (i = 0; (log = strstr(log, "learned sender=")) != NULL; i++)
		log++;
	is_int(i, 32, "no more than that many of a kind");
	fix_pass(3600000);
	is_str(fix_logged(), "", "an hour without mail");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
log_only(void)
{
	struct pass_conf	*pc = fix_conf("throttle { log-only client 1 "
				    "per 1m delay 10s }");
	struct session		*s = fix_session(pc, "192.0.2.40");

	is_int(taken(s, "<a@example.com>", "<u@example.org>", 1), 1, "one");
	(void)fix_logged();
	is_str(mod_mail(s, "<a@example.com>"), "", "no delay");
	is_str(mod_rcpt(s, "<u@example.org>"), "", "no refusal");
	is_str(fix_logged(), "0000000000000abc pass throttle log-only "
	    "stage=mail delay=10000ms\n0000000000000abc pass throttle "
	    "log-only stage=rcpt reply=450/4.3.2 text=Too\\x20much\\x20mail"
	    "\\x20from\\x20your\\x20host;\\x20please"
	    "\\x20try\\x20again\\x20later\n", "what would have been");
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	if (chain_open() == -1)
		return (1);
	client();
	networks();
	senders();
	kinds();
	recipients();
	learning();
	log_only();
	mod_bad("throttle", "client 5 per 2d",
	    "client: the time must be between 1s and 1d");
	mod_bad("throttle", "client 5 per 1m client 6 per 1m",
	    "client: given twice without a network");
	mod_bad("throttle", "sender 0 per 1m",
	    "sender: \"0\" is not between 1 and 1000000");
	mod_bad("throttle", "reply 550",
	    "reply: \"550\" is not between 450 and 451");
	mod_bad("throttle", "count bytes",
	    "count: \"bytes\" is none of messages|recipients");
	return (done());
}
