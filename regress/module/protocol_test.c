/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/* protocol: the events, names in HELO, and what each action does. */
#include "regress/lib/runner_fixture.h"

extern const struct module mod_protocol;
const struct module *const modules[] = { &mod_protocol, NULL };

static struct pass_conf	*pc;

/* HELO of that client: the verdict; the points to *points. */
static const char *
helo(const char *client, const char *name, int32_t *points)
{
	struct session	*s = fix_session(pc, client);
	const char	*v;

	s->ms.helo = name;
	(void)fix_logged();
	v = fix_stage(s, STAGE_HELO);
	if (points != NULL)
		*points = run_points(&s->ms);
	fix_session_free(s);
	return (v);
}

static void
defaults(void)
{
	int32_t	n;

	pc = fix_conf("protocol { }");
	is_str(helo("192.0.2.1", "client.example.net", &n), "", "a name");
	is_str(fix_logged(), "", "is nothing to tell");
	is_str(helo("192.0.2.1", "MX.example.org.", &n), "", "our own name");
	is_str(fix_logged(), "0000000000000abc pass protocol helo-own-name "
	    "helo=MX.example.org.\n", "is told");
	is_int(n, 0, "and no more");
	is_str(helo("192.0.2.1", "192.0.2.1", &n), "", "a bare address");
	is_str(fix_logged(), "0000000000000abc pass protocol helo-bare-ip "
	    "helo=192.0.2.1\n", "is told");
	is_str(helo("192.0.2.1", "[192.0.2.1]", &n), "", "in brackets");
	is_str(fix_logged(), "", "it is as it should be");
	is_str(helo("192.0.2.1", "[192.0.2.25]", &n), "", "our own address");
	is_str(fix_logged(), "0000000000000abc pass protocol helo-own-address "
	    "helo=[192.0.2.25]\n", "is told");
	is_str(helo("127.0.0.1", "mx.example.org", &n), "", "from loopback");
	is_str(fix_logged(), "", "it may have our name");
	is_str(helo("192.0.2.25", "mx.example.org", &n), "", "our own host");
	is_str(fix_logged(), "", "may too");
	is_str(helo("192.0.2.1", NULL, &n), "", "no HELO at all");
	fix_conf_free(pc);
}

static void
helo_actions(void)
{
	int32_t	n;

	pc = fix_conf("protocol { helo-own-name reject helo-own-address points "
	    "3 helo-bare-ip points 1.5 own-names { \"example.org\", mail } }");
	is_str(helo("192.0.2.1", "Example.ORG", &n), "550 5.7.1 The name in "
	    "HELO is the name of this server", "a name of ours");
	is_str(helo("192.0.2.1", "mail", &n), "550 5.7.1 The name in HELO is "
	    "the name of this server", "and another");
	is_str(helo("192.0.2.1", "mail.example.org", &n), "", "not one below");
	is_str(helo("192.0.2.1", "192.0.2.25", &n), "", "address and bare");
	is_int(n, 4500, "both count");
	is_str(helo("192.0.2.1", "[IPv6:::ffff:192.0.2.25]", &n), "", "IPv6");
	is_int(n, 3000, "in its form");
	is_str(helo("192.0.2.1", "[192.0.2.25", &n), "", "half a bracket");
	is_int(n, 0, "is no address");
	is_str(helo("192.0.2.1", "[]", &n), "", "empty brackets");
	is_str(helo("192.0.2.1", "[1234567890123456789012345678901234567890"
	    "1234567890]", &n), "", "a long text in brackets");
	is_str(helo("192.0.2.1", "", &n), "", "an empty HELO");
	fix_conf_free(pc);

	pc = fix_conf("protocol { helo-own-address reject helo-bare-ip "
	    "reject }");
	is_str(helo("192.0.2.1", "192.0.2.25", NULL), "550 5.7.1 The address "
	    "in HELO is the address of this server", "our address refused");
	is_str(helo("192.0.2.1", "192.0.2.1", NULL), "550 5.7.1 HELO needs a "
	    "host name, or an address in brackets", "a bare address refused");
	fix_conf_free(pc);
}

static void
event_actions(void)
{
	struct session	*s;
	struct verdict	 v;

	pc = fix_conf("protocol { pipelining reject foreign-command reject "
	    "bare-lf points 2 }");
	s = fix_session(pc, "192.0.2.1");
	v = run_event(&s->ms, EVENT_PIPELINING);
	is_str(fix_verdict(&v), "554 5.5.0 SMTP protocol synchronization "
	    "error; wait for each reply", "pipelining");
	v = run_event(&s->ms, EVENT_PIPELINING);
	is_int(v.kind, VERDICT_REJECT, "each time");
	v = run_event(&s->ms, EVENT_FOREIGN_COMMAND);
	is_str(fix_verdict(&v), "close 554 5.5.1 Not an SMTP command",
	    "a foreign command");
	v = run_event(&s->ms, EVENT_HTTP_COMMAND);
	is_int(v.kind, VERDICT_CLOSE, "HTTP is one");
	v = run_event(&s->ms, EVENT_BARE_LF);
	is_int(v.kind, VERDICT_NEXT, "a bare LF");
	s->ms.from = "<a@b>";
	(void)run_event(&s->ms, EVENT_BARE_LF);
	is_int(run_points(&s->ms), 2000, "counts once");
	run_new_message(&s->ms);
	is_int(run_points(&s->ms), 2000, "for the session");
	v = run_event(&s->ms, EVENT_EARLY_TALKER);
	is_int(v.kind, VERDICT_NEXT, "early talkers are greet_pause's");
	fix_session_free(s);
	fix_conf_free(pc);

	pc = fix_conf("protocol { bare-lf reject pipelining no helo-own-name "
	    "no }");
	s = fix_session(pc, "192.0.2.1");
	v = run_event(&s->ms, EVENT_BARE_LF);
	is_str(fix_verdict(&v), "554 5.5.2 Lines must end in CR LF, not in LF "
	    "alone", "a bare LF refused");
	(void)fix_logged();
	(void)run_event(&s->ms, EVENT_PIPELINING);
	s->ms.helo = "mx.example.org";
	is_str(fix_stage(s, STAGE_HELO), "", "what is off");
	is_str(fix_logged(), "", "is not even told");
	fix_session_free(s);
	fix_conf_free(pc);
}

int
main(void)
{
	fix_init();
	defaults();
	helo_actions();
	event_actions();
	return (done());
}
