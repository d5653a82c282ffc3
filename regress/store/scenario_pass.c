/*
 * The role store and pass: what hosts sent, and what the mail server offers.
 * Like scenario.c, with which it shares store_fixture.h.
 *	scenario_pass NAME DIR
 */
/* LINK: spamgreyd/store */
/* LIBS: -ldb -lcrypto */
#include "spamgreyd/store/store.h"
#include "regress/lib/store_fixture.h"

static void
send_event(const char *client, unsigned int event, uint8_t flags)
{
	struct event_msg	e;

	memset(&e, 0, sizeof(e));
	addr_parse(client, &e.client);
	e.event = (uint8_t)event;
	e.flags = flags;
	proto_put_event(chan_ipc(pass), 0x77, &e);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_mail(const char *client, int bad)
{
	struct mail_seen	s;

	memset(&s, 0, sizeof(s));
	addr_parse(client, &s.client);
	s.bad = (uint8_t)bad;
	proto_put_mail_seen(chan_ipc(pass), 0x77, &s);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_caps(uint32_t keywords, const char *relays)
{
	struct mta_caps	c = { 1, keywords, 10240000, relays };

	proto_put_caps(chan_ipc(pass), &c);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_white_seen(const char *client)
{
	struct addr	a;

	addr_parse(client, &a);
	ipc_begin(chan_ipc(front[1]), MSG_WHITE_SEEN, 0);
	ipc_put_addr(chan_ipc(front[1]), &a);
	if (chan_send(front[1], -1) == -1)
		abort();
}

static void
pass_caps(void)
{
	fresh_log();
	send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
	until("F1 caps");
	ok(has("F0 caps 1 12 10240000 127.0.0.1:25"),
	    "what the MTA offers: the fronts are told");
	fresh_log();
	send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
	settle();
	ok(!has("caps"), "the same again is no news");
}

static void
scenario_pass(void)
{
	struct config	*c = new_config();

	add_string(&c->not_to, "support@example.net");
	c->pass = conf_pass_new();
	begin(c);
	until("W end");
	until("P end");
	ok(before("P begin", "P end") && !has("caps"),
	    "pass is told all states; of the MTA nothing is known");
	pass_caps();

	/* It matures: pass knows it before the answer, as the fronts do. */
	rcpt(1, "192.0.2.1");
	until_answers(1);
	clock_fake_advance(200);
	fresh_log();
	rcpt(2, "192.0.2.1");
	until("answer 2/1 pass");
	ok(before("P host 192.0.2.1 white", "F0 answer 2/1 pass"),
	    "a promotion: pass knows before the answer");

	fresh_log();
	send_white_seen("192.0.2.1");
	until("W do 192.0.2.1/128 in");
	is_int((int64_t)fw_asked, 1, "white seen: put back, no answer wanted");
	send_white_seen("192.0.2.99");
	settle();
	ok(!has("192.0.2.99"), "an unknown host is not put into the table");

	/* Good mail: all hear of the new end, and the table too. */
	clock_fake_advance(3600);
	fresh_log();
	send_mail("192.0.2.1", 0);
	until("W do 192.0.2.1/128 in");
	ok(has("F1 host 192.0.2.1 white") && has("P host 192.0.2.1 white"),
	    "good mail extends WHITE, and all are told");

	fresh_log();
	send_event("192.0.2.1", EVENT_VIRUS, EVENT_F_VOUCHED);
	send_event("192.0.2.1", EVENT_VIRUS, EVENT_F_VOUCHED);
	settle();
	ok(!has("host") && strstr(last_log, "spared address=192.0.2.1 "
	    "event=virus why=vouched") != NULL, "vouched for: only logged");
	send_event("192.0.2.1", EVENT_VIRUS, 0);
	send_event("192.0.2.1", EVENT_VIRUS, 0);
	until("W do 192.0.2.1/128 out");
	ok(has("P host 192.0.2.1 \n") && has("F0 host 192.0.2.1 \n"),
	    "two viruses: demoted, and the table loses the host at once");
	ok(strstr(last_log, "demote address=192.0.2.1 event=virus") != NULL,
	    "logged");
	fresh_log();
	send_mail("192.0.2.1", 0);
	settle();
	ok(!has("host"), "a message under way does not undo it");

	fresh_log();
	send_rcpt(0, 3, "192.0.2.5", A, "<support@example.net>", 0);
	until("F0 answer 3/1 not-to");
	ok(!has("host") && !has("W "), "not to, handed over: nothing changes");
	role_store.stop(&child);
}

static struct policy *
policy(void)
{
	return (((struct store *)child.data)->policy);
}

/* Counts of messages are written to disk later, and at the end at once. */
static void
scenario_learn(void)
{
	struct config	*c = new_config();
	struct addr	 a;
	struct entry	 e;
	int		 status;
	pid_t		 pid;

	c->learn.trap.after = 3;
	fflush(stdout);
	if ((pid = fork()) == 0) {
		begin(c);
		until("W end");
		send_mail("192.0.2.1", 1);
		send_mail("192.0.2.1", 1);
		send_mail("192.0.2.2", 0);
		send_caps(CAPS_SIZE, "127.0.0.1:25");
		until("F1 caps");	/* so the messages are there */
		role_store.stop(&child);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "three messages, and the end");
	begin(c);
	until("W end");
	addr_parse("192.0.2.1", &a);
	ok(policy_repute(policy(), &a, &e) == DB_OK && e.block == 2 &&
	    e.passed == 0, "they were written before it ended");
	addr_parse("192.0.2.2", &a);
	ok(policy_repute(policy(), &a, &e) == DB_OK && e.block == 0 &&
	    e.passed == 1, "of both hosts");
	fresh_log();
	send_mail("192.0.2.1", 1);
	settle();
	ok(!has("host 192.0.2.1"), "a third: not at once");
	clock_fake_advance(601);
	until("P host 192.0.2.1 trapped");
	ok(has("F0 host 192.0.2.1 trapped") && has("F1 host 192.0.2.1 trapped"),
	    "with the next writing it is trapped, and all are told");
	role_store.stop(&child);
}

/* One role after another: what the MTA offers is on disk. */
static void
scenario_caps(void)
{
	int	status;
	pid_t	pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		begin(new_config());
		until("W end");
		send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
		until("F1 caps");
		role_store.stop(&child);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "told, and ended");
	begin(new_config());
	until("P end");
	until("F1 end");
	ok(before("F0 caps 1 12 10240000 127.0.0.1:25", "F0 end") &&
	    before("F1 caps", "F1 end") && before("P caps", "P end"),
	    "what the MTA offers is known before the states are");
	fresh_log();
	send_caps(CAPS_SIZE, "127.0.0.1:26");
	until("F0 caps 1 2 10240000 127.0.0.1:26");
	ok(has("P caps"), "news");
	role_store.stop(&child);
}

int
main(int argc, char **argv)
{
	static const struct scenario	all[] = {
		{ "pass", scenario_pass },
		{ "caps", scenario_caps },
		{ "learn", scenario_learn }
	};

	return (store_main(all, sizeof(all) / sizeof(all[0]), argc, argv));
}
