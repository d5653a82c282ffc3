/* LINK: spamgreyd/modules/milter spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * The module milter with a filter that breaks the protocol, does not answer,
 * closes the connection or does not read; and bodies of many packets.
 */
#include "regress/lib/milter_fixture.h"

const struct module *const modules[] = { &mod_milter, NULL };

static void
verdict(enum stage at, const char *rule, const char *want)
{
	const char	*rules[] = { rule, NULL };

	begin("", rules);
	is_str(up_to(at), want, rule);
	end();
}

/* --- what goes wrong */

static void
test_wrong(void)
{
	static const char *const	options[] = {
		"O:c", "O:O\\x00\\x00", "O:O\\x00\\x00\\x00\\x07"
		"\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\xff\\x00\\x00\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x00\\xff\\x00\\x00\\x00",
		"O:O\\x00\\x00\\x00\\x06\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00"
		"\\x00\\x00\\x00\\x09j\\x00",
		"O:!close", "O:!raw\\x00\\x00\\x00\\x00",
		"O:!raw\\x7f\\xff\\xff\\xff", "C:!close",
		"C:!raw\\x00\\x00\\x00\\x00", "C:!raw\\x40\\x00\\x00\\x00c"
	};
	size_t				i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		verdict(STAGE_CONNECT, options[i], BROKEN);
	verdict(STAGE_MAIL, "M:!raw\\x00\\x00\\x00\\x04y550", BROKEN);
}

static void
test_silence(void)
{
	static const char *const	m[] = { "M:!", NULL };
	static const char *const	o[] = { "O:!", NULL };
	static const char *const	e[] = { "E:!", NULL };
	static const char *const	half[] = { "R:!raw\\x00\\x00\\x00\\x01",
		NULL };

	begin("command 1s", o);
	is_str(up_to(STAGE_CONNECT), BROKEN, "no answer to the offer");
	logged("timeout: no answer to the options");
	end();
	begin("command 1s", m);
	is_str(up_to(STAGE_MAIL), BROKEN, "none to MAIL");
	end();
	begin("command 1s", half);
	is_str(up_to(STAGE_RCPT), BROKEN, "half of one to RCPT");
	is_str(stage(STAGE_RCPT), BROKEN, "the next recipient is not taken "
	    "unseen");
	is_str(stage(STAGE_DATA), BROKEN, "nor the message");
	is_str(stage(STAGE_EOM), "", "of which that was said");
	end();
	begin("message 1s", e);
	is_str(up_to(STAGE_EOM), BROKEN, "none to the whole message");
	end();
	begin("", e);
	pc->conf->pass->scan = 1;
	is_str(up_to(STAGE_EOM), BROKEN, "the budget is kept");
	is_str(next_to(STAGE_EOM), "", "the next message goes on a new "
	    "connection");
	is_int(filter->conns, 2, "as the old one is at another place");
	end();
}

/* Lost between messages, in a message, never there. */
static void
test_lost(void)
{
	static const char *const	none[] = { NULL };

	begin("", none);
	is_str(up_to(STAGE_EOM), "", "a message");
	lose();
	(void)told();
	is_str(next_to(STAGE_RCPT), "", "the filter was started anew");
	is_str(stage(STAGE_DATA), "", "it is told all");
	ok(strstr(told(), " Hclient.example/ ") != NULL, "the client too");
	is_int(filter->conns, 2, "on a new connection");
	is_int(mod_stat("module.milter.reconnected") > 0, 1, "counted");
	lose();
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), BROKEN, "lost in a message");
	is_str(next_to(STAGE_EOM), "", "and there for the next");
	end();
	begin("on-error accept", none);
	event_del(filter->lev);
	close(filter->lfd);
	is_str(up_to(STAGE_EOM), "", "nobody is there: on-error accept");
	logged("Connection refused");
	end();
	event_free(filter->lev);
	filter_start(filter);
}

/* A body of many packets, to a filter that takes them all, one that has seen
 * enough, one that takes nothing. */
static void
test_body(void)
{
	static const char *const	skip[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x01\\xff\\x00\\x00\\x04\\x00", "B:s", NULL };
	static const char *const	mute[] = { "O:O\\x00\\x00\\x00\\x06"
		"\\x00\\x00\\x01\\xff\\x00\\x08\\x00\\x00", "B*:!", NULL };
	static char			 big[300000];
	struct spool			*small = spool;
	size_t				 i;

	spool = message("Subject: x\r\n\r\n");
	memset(big, 'x', sizeof(big));
	for (i = 0; i < 20; i++)
		if (spool_write(spool, big, sizeof(big)) == -1)
			exit(1);
	begin("", NULL);
	is_str(up_to(STAGE_EOM), "", "6 MB, each packet answered");
	ok(strstr(told(), "N B(65535) B(65535) B(65535)") != NULL,
	    "in whole packets");
	end();
	begin("", skip);
	is_str(up_to(STAGE_EOM), "", "SKIP");
	ok(strstr(told(), "N B(65535) DE") != NULL, "after one packet");
	end();
	begin("", mute);
	is_str(up_to(STAGE_EOM), "", "none answered");
	end();
	begin("command 1s", (const char *const []){ "O:O\\x00\\x00\\x00\\x06"
	    "\\x00\\x00\\x01\\xff\\x00\\x08\\x00\\x00", "B*:!", NULL });
	is_str(up_to(STAGE_DATA), "", "one that stops");
	event_del(filter->ev);
	s->ms.spool = spool;
	is_str(stage(STAGE_EOM), BROKEN, "has an end");
	filter_hang_up(filter);
	end();
	spool_free(spool);
	spool = message("X: ");
	if (spool_write(spool, big, sizeof(big)) == -1 ||
	    spool_write(spool, "\r\n\r\n", 4) == -1)
		exit(1);
	begin("strategy unscannable reject", NULL);
	ok(strncmp(up_to(STAGE_EOM), "550 5.7.1 The message cannot be scanned",
	    39) == 0, "a field longer than a packet");
	end();
	begin("", (const char *const []){ "O:O\\x00\\x00\\x00\\x06"
	    "\\x00\\x00\\x01\\xff\\x00\\x00\\x00\\x20", NULL });
	is_str(up_to(STAGE_EOM), "", "and a filter that wants no header");
	end();
	spool_free(spool);
	spool = small;
}

/* A body that fills the disk. */
static void
test_endless(void)
{
	static const uint8_t	head[] = { 0, 1, 0, 1, 'b' };
	static uint8_t		packet[sizeof(head) + 65536];
	size_t			at = 0, sent = 0;
	ssize_t			n;

	memcpy(packet, head, sizeof(head));
	begin("message 300s", (const char *const []){ "E:!", NULL });
	is_str(up_to(STAGE_DATA), "", "a filter");
	s->ms.spool = spool;
	ok(fix_stage(s, STAGE_EOM) == NULL, "that takes its time");
	while (memmem(buf_ptr(&filter->heard), buf_len(&filter->heard), " E",
	    2) == NULL)
		(void)event_base_loop(fix_base, EVLOOP_ONCE);
	while (filter->fd != -1 && sent < 64 * 1024 * 1024) {
		n = send(filter->fd, packet + at, sizeof(packet) - at,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			sent += (size_t)n;
			at = (at + (size_t)n) % sizeof(packet);
		}
		(void)event_base_loop(fix_base, EVLOOP_NONBLOCK);
		if (fix_outcome != NULL)
			break;
	}
	ok(sent < 32 * 1024 * 1024, "a new body without an end is cut off");
	fix_wait(&fix_outcome);
	is_str(fix_outcome, BROKEN, "and an error");
	logged("its new body is too large");
	end();
}

int
main(void)
{
	milter_init();
	test_wrong();
	test_silence();
	test_lost();
	test_body();
	test_endless();
	spool_free(spool);
	return (done());
}
