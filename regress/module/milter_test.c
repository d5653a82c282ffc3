/* LINK: spamgreyd/modules/milter spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * The module milter with a filter that follows a script: what it gets at each
 * stage, and every verdict at every stage with its effect.
 */
#include "regress/lib/milter_fixture.h"

const struct module *const modules[] = { &mod_milter, NULL };

/* --- what it is told */

static void
test_stages(void)
{
	const char	*t;

	begin("", NULL);
	is_str(stage(STAGE_CONNECT), "", "CONNECT");
	t = told();
	ok(strncmp(t, "O/// \\06", 1) == 0 && t[0] == 'O', "the offer");
	ok(strstr(t, "DCj/mx.example.org/v/spamgreyd/_/[192.0.2.1]/") != NULL &&
	    strstr(t, "{client_addr}/192.0.2.1/") != NULL &&
	    strstr(t, "{client_port}/1234/") != NULL, t);
	ok(strstr(t, " C[192.0.2.1]/4\\04\\d2192.0.2.1/") != NULL,
	    "the address");
	ok(strstr(t, "{client_name}/[192.0.2.1]/{client_port}") != NULL &&
	    strstr(t, "{client_ptr}/[192.0.2.1]/{client_resolve}/FAIL/") !=
	    NULL, "who has no name");
	s->ms.tls_version = "TLSv1.3";
	s->ms.tls_cipher = "AES";
	is_str(stage(STAGE_HELO), "", "HELO");
	is_str(told(), "DH{tls_version}/TLSv1.3/{cipher}/AES/ Hclient.example/",
	    "with TLS' macros");
	s->ms.from = "<a@example.com>";
	s->ms.from_params = "SIZE=100 BODY=8BITMIME";
	is_str(stage(STAGE_MAIL), "", "MAIL");
	is_str(told(), "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ "
	    "M<a@example.com>/SIZE=100/BODY=8BITMIME/", "its parameters");
	s->ms.rcpt = "<b@example.org>";
	s->ms.rcpt_params = "NOTIFY=NEVER ORCPT=rfc822;b@example.org";
	is_str(stage(STAGE_RCPT), "", "RCPT");
	s->ms.accepted = 1;
	s->ms.rcpt_params = NULL;
	is_str(told(), "DRi/0000000000000abc-1/{rcpt_addr}/b@example.org/"
	    "{rcpt_host}/example.org/{rcpt_mailer}/smtp/ R<b@example.org>/"
	    "NOTIFY=NEVER/ORCPT=rfc822;b@example.org/",
	    "the recipient and its parameters");
	is_str(stage(STAGE_DATA), "", "DATA");
	is_str(told(), "DTi/0000000000000abc-1/{nrcpts}/1/ T", "T");
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), "", "EOM");
	is_str(told(), "LSubject/x\\0a\\09y/ LX-A/\\20two/ "
	    "DNi/0000000000000abc-1/{nrcpts}/1/ N Bbody\\0d\\0a "
	    "DEi/0000000000000abc-1/{nrcpts}/1/ E", "header, its folds, body, end");
	is_str(edited(), "nothing", "nothing is changed");
	is_str(next_to(STAGE_MAIL), "", "another message");
	s->ms.rcpt = "<c@example.org>";
	is_str(stage(STAGE_RCPT), "", "of which no more comes");
	(void)told();
	is_str(stage(STAGE_MAIL), "", "and one more");
	ok(strncmp(told(), "A DMi/0000000000000abc-3/", 20) == 0,
	    "A between messages");
	is_int(filter->conns, 1, "on one connection");
	fix_session_free(s);
	turn_until_gone();
	is_str(told(), "A Q", "A and Q at the end");
	fix_conf_free(pc);
}

/* Whose name is known, and whose leads elsewhere. */
static void
test_name(void)
{
	const char	*t;

	begin("", NULL);
	s->ms.name = s->ms.ptr = "mx.client.example";
	s->ms.resolve = "OK";
	is_str(stage(STAGE_CONNECT), "", "CONNECT of one with a name");
	t = told();
	ok(strstr(t, "/_/mx.client.example\\20[192.0.2.1]/") != NULL &&
	    strstr(t, "{client_name}/mx.client.example/{client_port}") != NULL
	    && strstr(t, "{client_ptr}/mx.client.example/{client_resolve}/OK/")
	    != NULL, t);
	ok(strstr(t, " Cmx.client.example/4\\04\\d2192.0.2.1/") != NULL,
	    "its name");
	fix_session_free(s);
	turn_until_gone();
	fix_conf_free(pc);
	begin("", NULL);
	s->ms.ptr = "mx.other.example";
	s->ms.resolve = "FORGED";
	is_str(stage(STAGE_CONNECT), "", "CONNECT of one with another's");
	t = told();
	ok(strstr(t, "{client_name}/[192.0.2.1]/{client_port}") != NULL &&
	    strstr(t, "{client_ptr}/mx.other.example/{client_resolve}/FORGED/")
	    != NULL && strstr(t, " C[192.0.2.1]/") != NULL, t);
	fix_session_free(s);
	turn_until_gone();
	fix_conf_free(pc);
}

/* Steps it does not want, steps it does not answer, lists. */
static void
test_options(void)
{
	static const char *const	none[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x7f", NULL };
	static const char *const	mute[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x00\\x01\\x00\\x1d\\xf4\\x80"
		"\\x00\\x00\\x00\\x00j {client_addr}\\x00"
		"\\x00\\x00\\x00\\x05\\x00", "C*:!", "H*:!", "M*:!", "R*:!",
		"T*:!", "L*:!", "N*:!", "B*:!", NULL };

	begin("", none);
	is_str(up_to(STAGE_EOM), "", "a filter that wants no step");
	ok(strstr(told(), "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ DRi/") != NULL,
	    "hears the macros and no command");
	end();
	begin("", mute);
	is_str(up_to(STAGE_EOM), "", "one that answers nothing but the end");
	is_str(told(), "O///\\06//\\01\\ff/\\1f\\f7\\ff "
	    "DCj/mx.example.org/{client_addr}/192.0.2.1/ "
	    "C[192.0.2.1]/4\\04\\d2192.0.2.1/ Hclient.example/ "
	    "DMi/0000000000000abc-1/{mail_addr}/a@example.com/"
	    "{mail_host}/example.com/{mail_mailer}/smtp/ M<a@example.com>/ "
	    "DRi/0000000000000abc-1/{rcpt_addr}/b@example.org/"
	    "{rcpt_host}/example.org/{rcpt_mailer}/smtp/ R<b@example.org>/ "
	    "DTi/0000000000000abc-1/{nrcpts}/0/ T LSubject/\\20x\\0a\\09y/ "
	    "LX-A/\\20\\20two/ DNi/0000000000000abc-1/{nrcpts}/0/ N Bbody\\0d\\0a E",
	    "its lists of macros, and blanks before values");
	end();
}

static void
verdict(enum stage at, const char *rule, const char *want)
{
	const char	*rules[] = { rule, NULL };

	begin("", rules);
	is_str(up_to(at), want, rule);
	end();
}

static void
test_verdicts(void)
{
	static const struct {
		const char	*answer, *want;
	}				 all[] = {
		{ "r", "550 5.7.1 Command rejected" },
		{ "t", "451 4.7.1 Service unavailable; please try again "
		    "later" },
		{ "d", "550 5.7.1 The message was rejected by a filter" },
		{ "4", "close 421 4.7.0 Closing the connection; please try "
		    "again later" },
		{ "y554 5.7.9 No %%100\\x00", "554 5.7.9 No %100" },
		{ "y450 later\\x00", "450 4.7.1 later" },
		{ "y550-5.1.1 one\\x0d\\x0a550 5.1.1 two\\x07\\x00",
		    "550 5.1.1 one two?" },
		{ "y421 4.3.2 down\\x00", "close 421 4.3.2 down" },
		{ "f", BROKEN }, { "z", BROKEN }, { "y250 ok\\x00", BROKEN },
		{ "y550 no end", BROKEN }, { "s", BROKEN },
		{ "hX\\x00y\\x00", BROKEN }
	};
	static const struct {
		char		cmd;
		enum stage	at;
	}				 cmds[] = {
		{ 'C', STAGE_CONNECT }, { 'H', STAGE_HELO },
		{ 'M', STAGE_MAIL }, { 'R', STAGE_RCPT }, { 'T', STAGE_DATA },
		{ 'L', STAGE_EOM }, { 'N', STAGE_EOM }, { 'E', STAGE_EOM }
	};
	char				 rule[80];
	size_t				 i, k;

	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++)
		for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
			/* (after the end a header is no mistake) */
			if (cmds[i].cmd == 'E' && all[k].answer[0] == 'h')
				continue;
			snprintf(rule, sizeof(rule), "%c:%s", cmds[i].cmd,
			    all[k].answer);
			verdict(cmds[i].at, rule, all[k].want);
		}
	is_int(mod_stat("module.milter.discarded"), 8, "discards, counted");
	verdict(STAGE_EOM, "E:p|p|p|c", "");
	verdict(STAGE_EOM, "M:p|c", "");
	begin("", NULL);
	is_str(up_to(STAGE_MAIL), "", "MAIL, and then");
	filter_say(filter, "c");
	turn_until_gone();
	is_str(stage(STAGE_RCPT), BROKEN, "an answer to nothing");
	end();
	begin("", (const char *const []){ "B:s", NULL });
	is_str(up_to(STAGE_EOM), BROKEN, "SKIP of one that did not ask for it");
	end();
}

static void
test_reach(void)
{
	static const char *const	r[] = { "R:r", NULL };
	static const char *const	m[] = { "M:a", NULL };
	static const char *const	h[] = { "H:a", NULL };
	static const char *const	d[] = { "R:d", NULL };

	begin("", r);
	is_str(up_to(STAGE_RCPT), "550 5.7.1 Command rejected", "a recipient");
	s->ms.rcpt = "<c@example.org>";
	is_str(stage(STAGE_RCPT), "", "and only that one");
	end();
	begin("", m);
	is_str(up_to(STAGE_EOM), "", "accepted at MAIL");
	ok(strstr(told(), " R<") == NULL, "the rest it does not see");
	is_str(next_to(STAGE_RCPT), "", "the next message");
	ok(strstr(told(), " R<") != NULL, "it does");
	is_int(filter->conns, 1, "on the same connection");
	end();
	begin("", h);
	is_str(up_to(STAGE_EOM), "", "accepted at HELO");
	is_str(next_to(STAGE_EOM), "", "and the next message");
	turn_until_gone();
	ok(strstr(told(), " M<") == NULL && filter->conns == 1,
	    "it sees nothing more, and is hung up");
	end();
	begin("", d);
	is_str(up_to(STAGE_RCPT), "550 5.7.1 The message was rejected by a "
	    "filter",
	    "discarded at RCPT");
	is_str(stage(STAGE_RCPT), "550 5.7.1 The message was rejected by a "
	    "filter",
	    "is the whole message");
	is_str(next_to(STAGE_RCPT), "", "not the next one");
	end();
}

static void
test_conf(void)
{
	mod_bad("milter", "", "no server given; write socket \"/path\" or "
	    "server ADDRESS port N");
	mod_bad("milter.one", "", "no server given; write socket \"/path\" "
	    "or server ADDRESS port N");
	mod_bad("milter", "socket \"run/x\"", "socket: the path of a socket "
	    "must begin with /");
}

/* Two of them: settings, state and counters of their own. */
static void
test_two(void)
{
	char		 text[300];
	struct conf_module *m;
	const char	*rules[] = { "M:r", NULL };

	begin("", rules);
	fix_session_free(s);
	snprintf(text, sizeof(text), "server 127.0.0.1 port %u", filter->port);
	m = words_module("milter.second", text);
	is_int(conf_module_split_all(m, fix_report, NULL), 0, "a second one");
	TAILQ_INSERT_HEAD(&pc->conf->pass->modules, m, entry);
	chain_free(pc->chain);
	pc->chain = chain_new(pc->conf);
	ok(pc->chain != NULL && pc->chain->n == 2, "both in the chain");
	ok(pc->chain->link[0].mod != pc->chain->link[1].mod,
	    "are two modules");
	is_str(pc->chain->link[0].mod->name, "milter.second", "with names");
	ok(module_named("milter.second") == pc->chain->link[0].mod,
	    "a name is one module for good");
	ok(module_named("nothing.x") == NULL, "of no kind: none");
	s = fix_session(pc, "192.0.2.1");
	s->ms.helo = "x";
	ok(module_data(&s->ms, pc->chain->link[0].mod) !=
	    module_data(&s->ms, pc->chain->link[1].mod), "each its data");
	fix_session_free(s);
	is_int(mod_stat("module.milter.second.calls"), 1, "counted by name: "
	    "its CLOSE");
	fix_conf_free(pc);
}

/* A refusal of HELO stands until another HELO. */
static void
test_refused(void)
{
	const char	*rules[] = { "H:r", NULL };

	begin("", rules);
	is_str(stage(STAGE_CONNECT), "", "CONNECT");
	is_str(stage(STAGE_HELO), "550 5.7.1 Command rejected",
	    "a HELO that is refused");
	(void)told();
	is_str(stage(STAGE_MAIL), "550 5.7.1 Command rejected",
	    "a message after it is refused");
	is_str(told(), "", "and the filter is not asked");
	s->ms.helo = "other.example";
	is_str(stage(STAGE_HELO), "", "another HELO");
	ok(strstr(told(), "Hother.example/") != NULL, "is asked about");
	is_str(stage(STAGE_MAIL), "", "and its message is taken");
	end();
}

int
main(void)
{
	milter_init();
	test_stages();
	test_name();
	test_options();
	test_verdicts();
	test_refused();
	test_reach();
	test_conf();
	test_two();
	spool_free(spool);
	return (done());
}
