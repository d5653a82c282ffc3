/*
 * The connection to a mail server: which target is used, how it learns the
 * client's address, what happens between commands, and the end at any time.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include "regress/lib/mta_user.h"

static const char *const	idle_todo[] = { "idle", NULL };
static const char *const	free_todo[] = { "free", NULL };

#define PLAY(n, ...) do {						\
	static const char *const	steps[] = { __VA_ARGS__, NULL };	\
	server[n].script[server_scripts(&server[n])] = steps;		\
} while (0)

static int
server_scripts(const struct server *s)
{
	int	n;

	for (n = 0; n < SERVER_SCRIPTS && s->script[n] != NULL; n++)
		;
	return (n);
}

static void
go(const char *const *todo, const char *want, const char *name)
{
	open_mta(todo, 0);
	play();
	case_end(want, name);
	reset_conf();
}

static void
two_targets(void)
{
	TAILQ_INSERT_TAIL(&relay.targets, &target[1], entry);
}

static uint16_t
closed_port(void)
{
	uint16_t	port;

	close(server_listen(1, &port));
	return (port);
}

static void
test_targets(void)
{
	two_targets();
	target[0].port = closed_port();
	PLAY(1, GREETED, "<QUIT");
	next_targets = 0;
	go(idle_todo, "ready", "the first target is down");
	is_int(next_targets, 1, "which is in the log");

	two_targets();
	PLAY(0, ">421 busy", "<QUIT", "close");
	PLAY(1, GREETED, "<QUIT");
	go(idle_todo, "ready", "the first one is busy");

	two_targets();
	PLAY(0, ">220 mx", "<EHLO gate.example", "close");
	PLAY(1, GREETED, "<QUIT");
	go(idle_todo, "ready", "it goes away in the middle");

	two_targets();
	PLAY(0, "hang");
	PLAY(1, GREETED, "<QUIT");
	open_mta(idle_todo, 0);
	turns(10);
	clock_fake(clock_wall(), clock_mono() + 60001);
	event_active(&user.mta->timer, EV_TIMEOUT, 1);
	server[0].hung = 0;
	play();
	case_end("ready", "it says nothing");
	reset_conf();

	two_targets();
	PLAY(0, ">554 5.3.2 never", "<QUIT", "close");
	PLAY(1, ">451 4.3.2 later", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 451 4.3.2 later", "both refuse");

	two_targets();
	PLAY(0, ">554 5.3.2 never", "<QUIT", "close");
	target[1].port = closed_port();
	go(idle_todo, "dead CONNECT", "one refuses and one is down");

	two_targets();
	conf.tries = 1;
	PLAY(0, ">421 busy", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 421 busy", "one try");

	two_targets();
	TAILQ_INSERT_TAIL(&relay.targets, &target[2], entry);
	target[0].port = closed_port();
	PLAY(1, ">421 busy", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 421 busy", "two tries of three");

	two_targets();
	TAILQ_INSERT_TAIL(&relay.targets, &target[2], entry);
	conf.tries = 3;
	PLAY(0, ">421 busy", "<QUIT", "close");
	PLAY(1, ">421 busy", "<QUIT", "close");
	PLAY(0, GREETED, "<QUIT");
	go(idle_todo, "ready", "the third one");

	two_targets();
	PLAY(0, GREETED, MAIL, "close");
	go(mail_todo, "ready; dead CLOSED", "once it was ready no other one");
}

/* A port that takes no connections: its queue is full. */
static void
test_connect(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	uint16_t		port;
	int			lfd, fds[3], i;

	lfd = server_listen(0, &port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons(port);
	for (i = 0; i < 3; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	target[0].port = port;
	open_mta(idle_todo, 0);
	turns(5);
	server[0].hung = 1;
	play();
	case_end("dead CONNECT; (10000)", "no connection in time");
	reset_conf();
	conf.timeout[PT_BANNER] = 3;
	target[0].port = port;
	open_mta(idle_todo, 0);
	turns(5);
	server[0].hung = 1;
	play();
	case_end("dead CONNECT; (10000)", "the banner's time is shorter");
	reset_conf();
	for (i = 0; i < 3; i++)
		close(fds[i]);
	close(lfd);
}

static void
test_ehlo(void)
{
	show_ehlo = 1;
	PLAY(0, ">220-mx", ">220-is here", ">220 and talks",
	    "<EHLO gate.example", ">250-mx", ">250-SIZE 1234", ">250-DSN",
	    ">250 STARTTLS", "<QUIT");
	go(idle_todo, "ready 52 1234", "a long banner");
	PLAY(0, ">220 mx", "<EHLO gate.example", ">500 what?",
	    "<HELO gate.example", ">250 mx", "<QUIT");
	go(idle_todo, "ready 0 0", "HELO");
	PLAY(0, ">220 mx", "<EHLO gate.example", ">500 what?",
	    "<HELO gate.example", ">550 no", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 550 no", "neither");
	PLAY(0, ">220 mx", "<EHLO gate.example", ">450 not now", "<QUIT",
	    "close");
	go(idle_todo, "dead REFUSED; 450 not now", "no HELO after 4xx");
	PLAY(0, ">220 mx", "<EHLO gate.example", ">500 what?", "<QUIT",
	    "close");
	relay.tls = RELAY_TLS;
	go(idle_todo, "dead REFUSED; 500 what?", "no HELO where TLS must be");
	relay.client = CLIENT_XCLIENT;
	PLAY(0, ">220 mx", "<EHLO gate.example", ">500 what?", "<QUIT",
	    "close");
	go(idle_todo, "dead REFUSED; 500 what?", "nor where XCLIENT must");
	relay.client = CLIENT_XCLIENT;
	PLAY(0, ">220 mx", "<EHLO gate.example", ">500 what?",
	    "<HELO gate.example", ">250 mx", "<QUIT");
	open_mta(idle_todo, 1);
	play();
	case_end("ready 0 0", "a question of our own needs none");
	show_ehlo = 0;
	reset_conf();
}

#define XALL	">250 XCLIENT NAME ADDR PROTO HELO PORT DESTADDR DESTPORT LOGIN"

static void
test_xclient(void)
{
	static char	helo[200];

	relay.client = CLIENT_XCLIENT;
	PLAY(0, HELLO, ">250-mx", XALL, "<XCLIENT PROTO=ESMTP "
	    "HELO=client.example DESTADDR=192.0.2.25 DESTPORT=25 PORT=4711 "
	    "NAME=[UNAVAILABLE] ADDR=192.0.2.1", ">220 mx",
	    "<EHLO client.example", OFFER, "<QUIT");
	go(idle_todo, "ready", "XCLIENT");

	relay.client = CLIENT_XCLIENT;
	client.helo = helo;
	memset(helo, '=', 150);
	PLAY(0, HELLO, ">250-mx", XALL, "<*", ">220 mx", "<XCLIENT "
	    "PORT=4711 NAME=[UNAVAILABLE] ADDR=192.0.2.1", ">220 mx", "<*",
	    OFFER, "<QUIT");
	go(idle_todo, "ready", "XCLIENT in two");

	relay.client = CLIENT_XCLIENT;
	client.helo = helo;
	PLAY(0, HELLO, ">250-mx", XALL, "<*", ">220 mx", "<*", ">550 no",
	    "<QUIT", "close");
	go(idle_todo, "dead CLIENT", "the second of two is refused");

	relay.client = CLIENT_XCLIENT;
	client.helo = "a b";
	PLAY(0, HELLO, XOFFER, XCLIENT, ">220 mx", "<EHLO [192.0.2.1]",
	    OFFER, "<QUIT");
	go(idle_todo, "ready", "a HELO that is none");

	relay.client = CLIENT_XCLIENT;
	client.helo = NULL;
	PLAY(0, HELLO, XOFFER, XCLIENT, ">220 mx", "<EHLO [192.0.2.1]",
	    OFFER, "<QUIT");
	go(idle_todo, "ready", "no HELO");

	relay.client = CLIENT_XCLIENT;
	PLAY(0, HELLO, XOFFER, "<QUIT");
	open_mta(idle_todo, 1);
	play();
	case_end("ready", "a question of our own has no client");
	reset_conf();
}

static void
test_xclient_refused(void)
{
	relay.client = CLIENT_XCLIENT;
	PLAY(0, GREETED, "<QUIT", "close");
	go(idle_todo, "dead CLIENT", "XCLIENT is not offered");

	relay.client = CLIENT_XCLIENT;
	PLAY(0, HELLO, ">250-mx", ">250 XCLIENT NAME HELO", "<QUIT", "close");
	go(idle_todo, "dead CLIENT", "XCLIENT without ADDR is");

	two_targets();
	relay.client = CLIENT_XCLIENT;
	PLAY(0, GREETED, "<QUIT", "close");
	PLAY(1, HELLO, XOFFER, XCLIENT, ">220 mx", "<EHLO client.example",
	    OFFER, "<QUIT");
	go(idle_todo, "ready", "another target offers it");

	two_targets();
	relay.client = CLIENT_XCLIENT;
	PLAY(0, HELLO, XOFFER, XCLIENT, ">554 5.7.1 not you", "<QUIT",
	    "close");
	go(idle_todo, "dead REFUSED; 554 5.7.1 not you",
	    "who is refused is so everywhere");

	two_targets();
	relay.client = CLIENT_XCLIENT;
	PLAY(0, HELLO, XOFFER, XCLIENT, ">220 mx", "<EHLO client.example",
	    ">504 5.5.2 bad name", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 504 5.5.2 bad name",
	    "also for its name");
}

static void
test_proxy(void)
{
	static const char	v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
	    "\xc0\0\x02\x01\xc0\0\x02\x19\x12\x67\0\x19";

	relay.client = CLIENT_PROXY1;
	PLAY(0, "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25", CLIENT_GREETED,
	    "<QUIT");
	go(idle_todo, "ready", "PROXY v1: the client's name in EHLO");
	relay.client = CLIENT_PROXY1;
	client.helo = "a\xc3\xa4";
	PLAY(0, "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25", ">220 mx",
	    "<EHLO [192.0.2.1]", OFFER, "<QUIT");
	go(idle_todo, "ready", "… or its address for a name that is none");
	relay.client = CLIENT_PROXY1;
	addr_parse("2001:db8::1", &client.addr);
	client.helo = NULL;
	PLAY(0, "<PROXY TCP6 2001:db8::1 ::ffff:192.0.2.25 4711 25", ">220 mx",
	    "<EHLO [IPv6:2001:db8::1]", OFFER, "<QUIT");
	go(idle_todo, "ready", "… of IPv6 too");
	addr_parse("192.0.2.1", &client.addr);
	two_targets();
	relay.client = CLIENT_PROXY1;
	PLAY(0, "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25", ">220 mx",
	    "<EHLO client.example", ">504 5.5.2 bad name", "<QUIT", "close");
	go(idle_todo, "dead REFUSED; 504 5.5.2 bad name",
	    "a client's name that is refused is so everywhere");
	relay.client = CLIENT_PROXY1;
	PLAY(0, "<PROXY TCP4 127.0.0.1 127.0.0.1 *", GREETED, "<QUIT");
	open_mta(idle_todo, 1);
	play();
	case_end("ready", "PROXY v1, a question of our own");

	relay.client = CLIENT_PROXY2;
	PLAY(0, "<#28", CLIENT_GREETED, "<QUIT");
	open_mta(idle_todo, 0);
	play();
	ok(buf_len(&server[0].body) == 28 && memcmp(buf_ptr(&server[0].body),
	    v2, 28) == 0, "its octets");
	case_end("ready", "PROXY v2");
	PLAY(0, "<#28", GREETED, "<QUIT");
	open_mta(idle_todo, 1);
	play();
	ok(buf_len(&server[0].body) == 28 && memcmp(buf_ptr(&server[0].body),
	    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1", 24) == 0,
	    "our own ends");
	case_end("ready", "PROXY v2, a question of our own");
	reset_conf();
}

/* To a server that knows nothing of it the header is a line, or several. */
static void
test_proxy_unknown(void)
{
	relay.client = CLIENT_PROXY1;
	PLAY(0, ">220 mx", "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25",
	    "<EHLO client.example", ">502 what?", "<QUIT", "close");
	go(idle_todo, "dead CLIENT", "PROXY v1 is no command there");
	relay.client = CLIENT_PROXY1;
	PLAY(0, "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25", ">220 mx",
	    ">502 what?", "<QUIT", "close");
	go(idle_todo, "dead CLIENT", "and the answer comes with the banner");
	relay.client = CLIENT_PROXY2;
	PLAY(0, "<#28", ">220 mx", ">500 what?", ">500 what?", ">221 bye",
	    "close");
	go(idle_todo, "dead CLIENT", "PROXY v2 is several lines there");
}

static uint64_t		 asked_id;
static unsigned int	 asked_target;
static int		 ask_result;

static int
ask_socket(uint64_t id, const struct conf_relay *r, unsigned int t,
    const struct addr *a, uint16_t port)
{
	asked_id = id;
	asked_target = t;
	return (r == &relay && addr_cmp(a, &client.addr) == 0 && port == 0 ?
	    ask_result : -1);
}

static void
answer(int error)
{
	mta_socket(asked_id, (uint32_t)error, error != 0 ? -1 :
	    socket(AF_INET, SOCK_STREAM, 0));
}

static const struct mta_calls calls = { .ask_socket = ask_socket };

static void
test_transparent(void)
{
	relay.client = CLIENT_TRANSPARENT;
	go(idle_todo, "dead CLIENT", "nobody to ask for the socket");
	mta_init(&calls);
	ask_result = -1;
	relay.client = CLIENT_TRANSPARENT;
	go(idle_todo, "dead CLIENT", "it cannot be asked for");
	ask_result = 0;
	relay.client = CLIENT_TRANSPARENT;
	PLAY(0, CLIENT_GREETED, "<QUIT");
	open_mta(idle_todo, 0);
	turns(3);
	is_int(server[0].conns, 0, "no connection without it");
	mta_socket(asked_id + 1, 0, socket(AF_INET, SOCK_STREAM, 0));
	answer(0);
	play();
	answer(0);
	case_end("ready", "a socket of the parent");
	two_targets();
	relay.client = CLIENT_TRANSPARENT;
	PLAY(1, CLIENT_GREETED, "<QUIT");
	open_mta(idle_todo, 0);
	answer(EPERM);
	turns(3);
	is_int(asked_target, 1, "an error, and another is asked for");
	answer(0);
	play();
	case_end("ready", "with that the other target");
	reset_conf();
	relay.client = CLIENT_TRANSPARENT;
	open_mta(idle_todo, 0);
	server[0].hung = 1;
	play();
	case_end("dead CLIENT; (10000)", "it does not come");
	addr_parse("2001:db8::1", &client.addr);
	go(idle_todo, "dead CLIENT", "the client's address is of IPv6");
	relay.client = CLIENT_TRANSPARENT;
	open_mta(idle_todo, 0);
	mta_free(user.mta);
	user.mta = NULL;
	answer(0);
	case_end("", "it comes when nobody waits any more");
	relay.client = CLIENT_TRANSPARENT;
	PLAY(0, CLIENT_HELLO, ">500 what?", "<HELO client.example", ">250 mx",
	    "<QUIT");
	open_mta(idle_todo, 0);
	answer(0);
	play();
	case_end("ready", "HELO has the client's name too");
	reset_conf();
	relay.client = CLIENT_TRANSPARENT;
	PLAY(0, CLIENT_HELLO, ">550 not you", "<QUIT", "close");
	open_mta(idle_todo, 0);
	answer(0);
	play();
	case_end("dead REFUSED; 550 not you", "that name is refused");
	reset_conf();
	relay.client = CLIENT_TRANSPARENT;
	PLAY(0, GREETED, "<QUIT");
	open_mta(idle_todo, 1);
	play();
	case_end("ready", "a question of our own needs none");
	reset_conf();
}

static void
idle(const char *want, const char *name)
{
	open_mta(idle_todo, 0);
	play();
	server_go(&server[0]);
	while (!user.dead)
		event_base_loop(base, EVLOOP_ONCE);
	case_end(want, name);
}

static void
test_idle(void)
{
	PLAY(0, GREETED, "pause", "close");
	idle("ready; dead CLOSED", "it closes when nothing is asked");
	PLAY(0, GREETED, "pause", "reset");
	idle("ready; dead CLOSED", "so hard");
	PLAY(0, GREETED, "pause", ">421 4.4.2 idle", "close");
	idle("ready; dead CLOSED", "it says so before");
	PLAY(0, GREETED, "pause", ">250 ok");
	idle("ready; dead NONSENSE", "it answers what nobody asked");
	PLAY(0, GREETED, "pause", ">554 no");
	idle("ready; dead NONSENSE", "or refuses it");
	PLAY(0, GREETED, "pause", ">hello");
	idle("ready; dead NONSENSE", "or talks");

	/* Half an answer waits for the command: it is none to it. */
	PLAY(0, GREETED, "pause", ">>250 o", "pause");
	open_mta(idle_todo, 0);
	play();
	server_go(&server[0]);
	while (mta_idle(user.mta))
		event_base_loop(base, EVLOOP_ONCE);
	is_int(mta_command(user.mta, "NOOP", PT_MAIL), 0, "a command");
	while (!user.dead)
		event_base_loop(base, EVLOOP_ONCE);
	case_end("ready; dead NONSENSE", "half an answer before the command");
	/* So does a whole one that came behind another. */
	PLAY(0, GREETED, MAIL, ">250 ok", ">250 ok");
	go(mail_todo, "ready; 250 ok; dead NONSENSE",
	    "an answer to a command that was not said yet");
}

static void
test_why(void)
{
	const char	*why;

	PLAY(0, GREETED, "pause", ">421 4.4.2 \x80\x01idle", "close");
	open_mta(idle_todo, 0);
	play();
	server_go(&server[0]);
	while (!user.dead)
		event_base_loop(base, EVLOOP_ONCE);
	why = user.mta->why;
	is_str(why, "it ended the connection: 421 4.4.2 ??idle",
	    "the reason, in printable octets");
	case_end("ready; dead CLOSED", "with which it ends");
}

static void
test_commands(void)
{
	PLAY(0, GREETED, "<NOOP", ">250 ok", "<QUIT");
	open_mta(idle_todo, 0);
	is_int(mta_command(user.mta, "NOOP", PT_MAIL), -1, "not ready yet");
	is_int(mta_data(user.mta, NULL, NULL), -1, "nor for data");
	play();
	is_int(mta_idle(user.mta), 1, "idle");
	is_int(mta_command(user.mta, "NOOP\r\nRSET", PT_MAIL), -1, "CRLF");
	is_int(mta_command(user.mta, "NO\nOP", PT_MAIL), -1, "LF");
	is_int(mta_command(user.mta, "NOOP \x7f", PT_MAIL), -1, "DEL");
	is_int(mta_command(user.mta, "NOOP", PT_MAIL), 0, "good");
	is_int(mta_idle(user.mta), 0, "not idle");
	is_int(mta_command(user.mta, "NOOP", PT_MAIL), -1, "one at a time");
	play();
	case_end("ready; 250 ok", "and its answer");
}

/* Freed in whatever state, nothing is called any more. */
static void
test_free(void)
{
	static const char *const	in_reply[] = { "MAIL FROM:<a@b>",
	    "free", NULL };
	int				 state;

	PLAY(0, GREETED, "<QUIT", "close");
	go(free_todo, "ready", "freed when it is told that it is ready");
	PLAY(0, GREETED, MAIL, ">250 ok", "<QUIT", "close");
	go(in_reply, "ready; 250 ok", "freed when it is told the reply");
	PLAY(0, GREETED, MAIL, ">250 ok", ">250 ok", "<*");
	go(in_reply, "ready; 250 ok", "with more behind it");
	message("x\r\n");
	for (state = MS_CONNECT; state <= MS_DOT; state++) {
		if (state == MS_HELO || state == MS_STARTTLS || state ==
		    MS_HANDSHAKE || state == MS_READY || state == MS_BODY)
			continue;	/* not here, or no state to stay in */
		relay.client = CLIENT_XCLIENT;
		PLAY(0, HELLO, XOFFER, XCLIENT, ">220 mx", "<*", OFFER, MAIL,
		    ">250 ok", "<DATA", ">354 go", "<.", ">250 ok", "<*");
		open_mta(mail_todo, 0);
		while (user.mta->state != (enum mta_state)state)
			event_base_loop(base, EVLOOP_ONCE);
		mta_free(user.mta);
		user.mta = NULL;
		while (server[0].conns == 0)
			event_base_loop(base, EVLOOP_ONCE);
		close_mta();
		server_reset(&server[0]);
	}
	reset_conf();
	target[0].port = closed_port();
	open_mta(idle_todo, 0);
	mta_free(user.mta);
	user.mta = NULL;
	turns(3);
	case_end("", "freed before it is told of a failure");
	mta_free(NULL);
	reset_conf();
}

int
main(void)
{
	user_start();
	test_targets();
	test_connect();
	test_ehlo();
	test_xclient();
	test_xclient_refused();
	test_proxy();
	test_proxy_unknown();
	test_transparent();
	test_idle();
	test_why();
	test_commands();
	test_free();
	return (done());
}
