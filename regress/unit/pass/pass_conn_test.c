/*
 * The input and output of a session in pass: input is kept and used, replies
 * are written in pieces, either side ends it, timeouts.  The dialogue is played
 * by the test: it repeats each line and knows a few commands.
 */
/* LINK: spamgreyd/pass spamgreyd/smtpd */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"
#include "regress/lib/tap.h"

struct pass		pass;
static struct pass_conf	pc = { .refs = 1 };
static struct conf_pass	cp;
static struct session	*s;
static int		 peer;			/* the client's end */
static int		 ended = -1;		/* enum pass_end of the last one */
static int		 must_end, detached, timed;
static char		 got[500000];
static const char	*early;

/* What the role has besides. */
void
pass_conf_unref(struct pass_conf *p)
{
	p->refs--;
}

int
run_attach(struct msession *x, struct session *owner,
    const struct module_chain *chain)
{
	(void)x;
	(void)owner;
	(void)chain;
	return (0);
}

void
run_detach(struct msession *x)
{
	(void)x;
	detached++;
}

void
name_start(struct session *x)
{
	(void)x;
}

void
name_end(struct session *x)
{
	(void)x;
}

void
name_cancel(struct session *x)
{
	(void)x;
}

void
run_cancel(struct msession *x)
{
	(void)x;
}

void
ptx_free(struct session *x)
{
	(void)x;
}

void
relay_drop(struct session *x)
{
	(void)x;
}

int
relay_must_end(const struct session *x)
{
	(void)x;
	return (must_end);
}

static int	crowded, counted;

int
pass_crowded(void)
{
	return (crowded);
}

void
pass_count(struct session *x)
{
	(void)x;
	counted++;
}

void
pass_uncount(struct session *x)
{
	(void)x;
	counted--;
}

void
pass_log_end(const struct session *x)
{
	ended = x->end;
	s = NULL;
}

void
pass_greet(struct session *x)
{
	x->state = PS_COMMAND;
	pass_reply(x, "220 hello\r\n");
}

static void
on_time(struct session *x)
{
	timed++;
	x->state = PS_COMMAND;
	pass_reply(x, "250 now\r\n");
}

/* One line; in COMMAND only, but for who talks early. */
size_t
pass_input(struct session *x, const uint8_t *data, size_t len)
{
	const uint8_t	*nl = memchr(data, '\n', len);
	size_t		 n;

	if (x->state == PS_GREET)
		early = "early";
	if (x->state == PS_DATA)
		return (len);
	if (x->state != PS_COMMAND || nl == NULL)
		return (0);
	n = (size_t)(nl - data) + 1;
	if (n >= 4 && memcmp(data, "WAIT", 4) == 0)
		x->state = PS_MTA;
	else if (n >= 4 && memcmp(data, "DATA", 4) == 0)
		x->state = PS_DATA;
	else if (n >= 5 && memcmp(data, "TIMER", 5) == 0) {
		x->state = PS_STAGE;
		pass_timer(x, 0, on_time);
	} else if (n >= 4 && memcmp(data, "QUIT", 4) == 0) {
		pass_reply(x, "221 bye\r\n");
		pass_close(x, PE_QUIT);
	} else if (n >= 6 && memcmp(data, "REFUSE", 6) == 0) {
		pass_refuse(x, 550, "5.7.1", "no\r\nQUIT");
		pass_close(x, PE_REFUSED);
	} else if (n >= 3 && memcmp(data, "BIG", 3) == 0) {
		char	*big = malloc(400000);

		memset(big, 'x', 400000);
		(void)buf_add(&x->io.out, big, 400000);
		free(big);
	} else
		pass_reply(x, "250 %.*s\r\n", (int)n - 2, (const char *)data);
	return (n);
}

static void
turn(void)
{
	(void)event_base_loop(pass.base, EVLOOP_NONBLOCK);
}

static void
begin_early(const char *said)
{
	struct addr	client, dst;
	int		fd[2];

	if (peer > 0)
		close(peer);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1)
		exit(1);
	peer = fd[1];
	if (said != NULL && write(peer, said, strlen(said)) == -1)
		exit(1);
	(void)addr_parse("192.0.2.1", &client);
	(void)addr_parse("192.0.2.2", &dst);
	ended = -1;
	early = NULL;
	s = pass_session_new(fd[0], &client, 4000, &dst, 25, NULL,
	    HANDOVER_WHITE, NULL);
	if (s == NULL)
		exit(1);
	pass_begin(s);
	pass_settle(s);
}

static void
begin(void)
{
	begin_early(NULL);
}

static const char *
hear(void)
{
	ssize_t	n;
	size_t	len = 0;

	turn();
	while (len < sizeof(got) - 1 &&
	    (n = read(peer, got + len, sizeof(got) - 1 - len)) > 0) {
		len += (size_t)n;
		turn();
	}
	got[len] = '\0';
	return (got);
}

static void
say(const char *text)
{
	if (write(peer, text, strlen(text)) != (ssize_t)strlen(text))
		exit(1);
}

static int
at_end(void)
{
	char	c;

	return (read(peer, &c, 1) == 0);
}

static void
dialogue(void)
{
	begin();
	is_str(hear(), "220 hello\r\n", "a banner");
	is_int(pass.count, 1, "a session");
	ok(pass_session_by_key(s->ms.key) == s, "found by its key");
	ok(pass_session_by_key(s->ms.key + (1 << 24)) == NULL,
	    "and by no other");
	say("one\r\ntwo\r\nthr");
	is_str(hear(), "250 one\r\n250 two\r\n", "lines in one piece");
	say("ee\r\n");
	is_str(hear(), "250 three\r\n", "a line in two pieces");
	say("WAIT\r\nfour\r\n");
	is_str(hear(), "", "input is kept while the MTA is waited for");
	s->state = PS_COMMAND;
	pass_reply(s, "250 waited\r\n");
	pass_settle(s);
	is_str(hear(), "250 waited\r\n250 four\r\n", "and used then");
	say("TIMER\r\nfive\r\n");
	is_str(hear(), "250 now\r\n250 five\r\n", "a timer");
	is_int(timed, 1, "once");
	say("QUIT\r\nsix\r\n");
	is_str(hear(), "221 bye\r\n", "QUIT is the end");
	ok(s == NULL && at_end(), "at once");
	is_int(ended, PE_QUIT, "for that reason");
	is_int(pass.count, 0, "no session");
	is_int(detached, 1, "the modules heard");
}

static void
early_talk(void)
{
	begin_early("x\r\n");
	is_str(early, "early", "who talks before the banner is noticed");
	is_str(hear(), "220 hello\r\n250 x\r\n", "and heard after it");
	pass_die(s, PE_ERROR);
	pass_settle(s);
	begin();
	ok(early == NULL, "who does not is not");
	pass_die(s, PE_ERROR);
	pass_settle(s);
}

/* The socket takes less than there is. */
static void
pieces(void)
{
	begin();
	say("BIG\r\nlast\r\n");
	turn();
	ok(buf_len(&s->io.out) > 0 && buf_len(&s->io.in) > 0,
	    "what the client does not read waits, and so does its input");
	is_int((int)strlen(hear()), 11 + 400000 + 10, "all of it comes");
	is_str(got + 11 + 400000, "250 last\r\n", "in its order");
	close(peer);
	peer = -1;
	turn();
	ok(s == NULL, "the client is gone");
	is_int(ended, PE_HANGUP, "hangup");
}

static void
half_closed(void)
{
	begin();
	say("one\r\nWAIT\r\n");
	shutdown(peer, SHUT_WR);
	is_str(hear(), "220 hello\r\n250 one\r\n", "half closed: an answer");
	ok(s != NULL, "it waits for the other");
	s->state = PS_COMMAND;
	pass_reply(s, "250 waited\r\n");
	pass_settle(s);
	is_str(hear(), "250 waited\r\n", "and gets it");
	ok(s == NULL, "no more");
	begin();
	say("DATA\r\nabc");
	turn();
	must_end = 1;
	shutdown(peer, SHUT_WR);
	turn();
	ok(s != NULL, "the MTA has the dot: the session lives");
	must_end = 0;
	pass_settle(s);
	ok(s == NULL, "and ends with that");
}

static void
refused(void)
{
	struct config	*conf = pc.conf;
	char		 want[256];

	begin();
	(void)hear();
	say("REFUSE\r\n");
	is_str(hear(), "550 5.7.1 no??QUIT\r\n", "one line, whatever the text");
	ok(s != NULL && s->state == PS_LINGER && at_end(),
	    "the client may read it");
	say("more\r\n");
	turn();
	close(peer);
	peer = -1;
	turn();
	ok(s == NULL, "then it is gone");
	conf->contact = strdup("+41 44 000 00 00 from %A");
	begin();
	(void)hear();
	snprintf(want, sizeof(want), "550-5.7.1 no??QUIT\r\n550 5.7.1 +41 44 "
	    "000 00 00 from 192.0.2.1 [%016llx]\r\n",
	    (unsigned long long)s->ms.id);
	say("REFUSE\r\n");
	is_str(hear(), want, "contact and session at its end");
	pass_die(s, PE_ERROR);
	pass_settle(s);
	free(conf->contact);
	conf->contact = NULL;
}

static void
wait_sweep(void)
{
	struct session	*x = s;
	int		 i;

	/* the loop's own clock is not ours: the sweep comes within a second */
	for (i = 0; i < 100 && s == x && s != NULL &&
	    s->state != PS_LINGER; i++)
		(void)event_base_loop(pass.base, EVLOOP_ONCE);
}

static void
timeouts(void)
{
	begin();
	(void)hear();
	clock_fake_advance(299);
	say("one\r\n");
	is_str(hear(), "250 one\r\n", "a command in time");
	clock_fake_advance(301);
	wait_sweep();
	is_str(hear(), "421 4.4.2 mx.example.org Timeout, closing\r\n",
	    "an idle client is told");
	is_int(s->end, PE_IDLE, "idle");
	clock_fake_advance(CLIENT_LINGER + 1);
	while (s != NULL)
		(void)event_base_loop(pass.base, EVLOOP_ONCE);
	is_int(ended, PE_IDLE, "and lingers no longer than that");
	begin();
	say("DATA\r\n");
	(void)hear();
	s->ms.start = clock_mono() - 4000 * 1000;
	say("a line of a message that moves\r\n");
	turn();
	clock_fake_advance(100);
	say("QUIT\r\n");
	turn();
	ok(s != NULL && s->state == PS_DATA, "DATA that moves has no end");
	s->state = PS_COMMAND;
	wait_sweep();
	is_str(hear(), "421 4.4.2 mx.example.org This connection has lasted "
	    "too long\r\n", "a session has");
	is_int(s->end, PE_SESSION, "session-time");
	pass_die(s, PE_NONE);
	pass_settle(s);
	begin();
	(void)hear();
	say("BIG\r\nBIG\r\nBIG\r\n");
	turn();
	clock_fake_advance(301);
	wait_sweep();
	ok(s == NULL, "who does not read either is not told");
	is_int(pass.stat[PSTAT_TIMEOUT], 3, "counted");
}

/* So many seconds of DATA at that rate: is it slow at some time? */
static int
is_slow(unsigned int seconds, uint64_t rate)
{
	int	slow = 0;

	s->read_ms = 0;
	s->read_from = s->io.bytes_in;
	while (seconds-- > 0) {
		s->io.bytes_in += rate;
		slow |= pass_slow(s, 1000);
	}
	return (slow);
}

static void
slow_data(void)
{
	int64_t	had;

	begin();
	say("DATA\r\n");
	(void)hear();
	is_int(is_slow(299, 0), 0, "less than five minutes are never slow");
	is_int(is_slow(300, 0), 1, "five minutes of nothing are");
	is_int(is_slow(300, 99), 1, "99 octets a second are slow");
	is_int(is_slow(3600, 101), 0, "101 are not");
	(void)is_slow(290, 0);
	s->io.bytes_in += PASS_SLOW_BYTES;
	is_int(pass_slow(s, 20000), 0, "what has caught up is not");

	/* Time in which we do not read is not the client's. */
	s->read_ms = 0;
	s->state = PS_MTA;
	clock_fake_advance(2);
	(void)event_base_loop(pass.base, EVLOOP_ONCE);
	is_int(s->read_ms, 0, "nor while it waits for the mail server");
	s->state = PS_DATA;
	pass_settle(s);
	clock_fake_advance(200);
	(void)event_base_loop(pass.base, EVLOOP_ONCE);
	ok(s->read_ms > 0 && s->read_ms <= 5000,
	    "when the loop stood still, a few seconds count");

	had = s->read_ms = PASS_SLOW;
	say("x");
	turn();
	(void)event_base_loop(pass.base, EVLOOP_ONCE);
	ok(s != NULL && s->state == PS_DATA && s->read_ms >= had,
	    "a slow one may stay while there are places");
	crowded = 1;
	wait_sweep();
	is_str(hear(), "421 4.4.2 mx.example.org Your message arrives too "
	    "slowly\r\n", "but not while more than half are taken");
	is_int(s->end, PE_SLOW, "slow-data");
	is_int(pass.stat[PSTAT_SLOW], 1, "counted");
	crowded = 0;
	pass_die(s, PE_NONE);
	pass_settle(s);
	is_int(counted, 0, "each is counted in and out");
}

int
main(void)
{
	clock_fake(1000000, 5000000);
	pc.conf = config_new();
	free(pc.conf->hostname);
	pc.conf->hostname = strdup("mx.example.org");
	pc.conf->pass = &cp;
	cp.session = 3600;
	pc.conf->limit.idle = 300;
	pass.live = &pc;
	if ((pass.base = event_base_new()) == NULL)
		return (1);
	LIST_INIT(&pass.sessions);
	dialogue();
	early_talk();
	pieces();
	half_closed();
	refused();
	timeouts();
	slow_data();
	return (done());
}
