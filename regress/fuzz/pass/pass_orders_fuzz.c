/*
 * Whole sessions of pass.  The input is a sequence of orders to everything that
 * pass speaks with: four clients, on a listener or handed over by a front, in
 * clear or under TLS, a mail server (MTA), a module, store, the clock, and an
 * administrator who reloads.  An order is a byte, what it is for in the next
 * one.  Always:
 *	- each command has one reply, and each reply is valid SMTP;
 *	- a message that the client was told is accepted was accepted by the MTA;
 *	- the MTA gets a message at most once, in whole lines;
 *	- at the end no session, connection or limit is left over.
 */
/* LINK: spamgreyd/pass spamgreyd/pass/mta spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/pass/scan spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls -lcares -lcrypto */
/* FUZZ: -max_len=1500 */
#include <signal.h>

#include "regress/lib/fuzz_mta.h"
#include "regress/lib/fuzz_session.h"

#define QUEUE_MAX	16
#define RELOADS_MAX	4

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
	ORDER_HAND = ORDER_ROLE, ORDER_MTA_NEXT, ORDER_MTA_SAYS, ORDER_MTA_ANSWERS,
	ORDER_TIME, ORDER_RELOAD, ORDER_MODULE, ORDER_WANT, ORDER_RESUME,
	ORDER_HOST, ORDER_TLS, ORDER_DEAF, ORDER_CAPS, ORDER_MAX
};

/* What the MTA answers. */
enum { SAY_DEFAULT, SAY_2XX, SAY_MANY, SAY_4XX, SAY_5XX, SAY_421, SAY_354,
	SAY_JUNK, SAY_NOTHING, SAY_CLOSE, SAY_MAX };

static const char *const own_lines[] = {
	"RCPT TO:<s@example.org>\r\n", "RCPT TO:<abuse@example.org>\r\n",
	"Subject: x\r\nFrom: a@b\r\n\r\nx\r\n", "RCPT TO:<v@elsewhere.example>\r\n"
};

unsigned int		 fuzz_rounds = 40;	/* see replay.c */
static uint8_t		 queue[QUEUE_MAX];	/* the MTA's next answers */
static size_t		 nqueue;
static unsigned int	 taken, promised, sent;	/* messages */
static int		 reloaded, told;
static uint16_t		 port;
static struct tlsctx	*cert;
static uint64_t		 next_id;

static int
mta_says(struct peer *p, unsigned int what, const char *usual)
{
	switch (what % SAY_MAX) {
	case SAY_DEFAULT:
		peer_say(p, usual);
		break;
	case SAY_2XX:
		peer_say(p, "250 2.0.0 ok\r\n");
		break;
	case SAY_MANY:
		peer_say(p, "250-a\r\n250-SIZE 9\r\n250-XCLIENT ADDR\r\n"
		    "250 STARTTLS\r\n");
		break;
	case SAY_4XX:
		peer_say(p, "451 4.3.0 later\r\n");
		break;
	case SAY_5XX:
		peer_say(p, "550-5.1.1 no\r\n550 5.1.1 never\r\n");
		break;
	case SAY_421:
		peer_say(p, "421 4.3.2 bye\r\n");
		return (-1);
	case SAY_354:
		peer_say(p, "354 go on\r\n");
		p->data = 1;
		break;
	case SAY_JUNK:
		peer_say(p, "25\xff junk\r\n");
		break;
	case SAY_NOTHING:
		break;
	case SAY_CLOSE:
		return (-1);
	}
	return (0);
}

static unsigned int
mta_next(void)
{
	unsigned int	what = SAY_DEFAULT;

	if (nqueue > 0) {
		what = queue[0] % SAY_MAX;
		memmove(queue, queue + 1, --nqueue);
	}
	return (what);
}

static void
peer_begin(struct peer *p)
{
	if (mta_says(p, mta_next(), "220 mta\r\n") == -1)
		peer_gone(p);
}

static int
peer_line(struct peer *p, const char *s)
{
	const unsigned char	*u;
	unsigned int		 what;

	if (p->data && strcmp(s, ".") != 0)
		return (0);
	what = mta_next();
	if (p->data) {
		p->data = 0;
		if (++sent > said_data)
			abort();	/* a message twice, or of nobody */
		taken += what <= SAY_MANY;
		return (mta_says(p, what == SAY_354 ? SAY_NOTHING : what,
		    "250 2.0.0 taken\r\n"));
	}
	for (u = (const unsigned char *)s; *u != '\0'; u++)
		if (*u < ' ' || *u == 0x7f)
			abort();
	if (strncmp(s, "EHLO ", 5) == 0)
		return (mta_says(p, what, "250-mta\r\n250-SIZE 5000\r\n"
		    "250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"));
	if (strcmp(s, "DATA") == 0)
		return (mta_says(p, what == SAY_DEFAULT ? SAY_354 : what, ""));
	if (strcmp(s, "QUIT") == 0)
		return (-1);
	if (strncmp(s, "MAIL FROM:<", 11) != 0 &&
	    strncmp(s, "RCPT TO:<", 9) != 0 && strncmp(s, "HELO ", 5) != 0 &&
	    strncmp(s, "XCLIENT ", 8) != 0 && strcmp(s, "RSET") != 0 &&
	    strcmp(s, "STARTTLS") != 0 && strcmp(s, "NOOP") != 0)
		abort();
	return (mta_says(p, what == SAY_354 ? SAY_DEFAULT : what,
	    "250 2.1.0 ok\r\n"));
}

static void
reply_seen(struct player *p)
{
	if (p->body && p->last_code < 300 && ++promised > taken)
		abort();		/* nobody has that message */
	player_replied(p);
}

static void
turn(void)
{
	players_turn(fixture.child.base, 8, reply_seen);
}

static void
add(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	if (s == NULL || (s->text = strdup(text)) == NULL)
		abort();
	TAILQ_INSERT_TAIL(list, s, entry);
}

static void
reload(uint8_t how)
{
	struct config		*conf;
	struct conf_relay	*relay;

	if (reloaded++ >= RELOADS_MAX)
		return;
	if ((conf = config_new()) == NULL ||
	    (conf->pass = conf_pass_new()) == NULL)
		abort();
	conf->contact = how & 1 ? NULL : strdup("Ask us");
	conf->limit.bad_commands = how & 2 ? 1 : 10;
	conf->pass->client_name = 0;	/* asks no DNS */
	conf->pass->relay_check = how & 4 ? 0 : 1;
	conf->pass->early = how >> 3 & 1;
	conf->pass->reject_newlines = how >> 4 & 1;
	conf->pass->per_host = how & 32 ? 1 : 0;
	add(&conf->domains, "example.org");
	add(&conf->not_to, "s@example.org");
	relay = fixture_relay(conf);
	relay->client = how & 64 ? CLIENT_XCLIENT : CLIENT_RECEIVED;
	fixture_target(relay, "127.0.0.1", port);
	if (how & 128)
		fixture_target(relay, "127.0.0.1", port);
	fixture_module(conf);
	fixture_configure(conf);
}

static void
setup(void)
{
	static struct conf_tls	*tls;
	int			 i;

	signal(SIGPIPE, SIG_IGN);
	log_init("pass");
	log_set_sink(fuzz_log, NULL);
	fixture_init();
	port = mta_listen();
	for (i = 0; i < PLAYERS; i++)
		players[i].fd = -1;
	reload(0);
	(void)chan_send_empty(fixture.store, MSG_HOSTS_END, 0);
	for (i = 0; i < 100 && !pass.caps.known; i++)
		turn();
	tls = fuzz_tls();
	if (!pass.caps.known || (cert = tlsctx_new(tls)) == NULL)
		abort();
	atexit(fuzz_count);
}

/* As it comes from a listener. */
static void
open_client(struct player *p, uint8_t how)
{
	struct addr	 a;
	struct session	*s;
	int		 fd;

	if (p->fd != -1)
		return;
	fd = player_open(p, &a);
	s = pass_session_new(fd, &a, 25, &a, 25, how & 1 ? cert : NULL,
	    (enum handover_kind)(how >> 1 & 1), NULL);
	if (s == NULL)
		abort();
	pass_begin(s);
	pass_settle(s);
}

static void
hand_text(uint16_t type, const char *a, const char *b)
{
	ipc_begin(chan_ipc(fixture.front), type, next_id);
	ipc_put_str(chan_ipc(fixture.front), a);
	ipc_put_str(chan_ipc(fixture.front), b);
	(void)chan_send(fixture.front, -1);
}

/* As a front hands it over. */
static void
hand_client(struct player *p, uint8_t how, uint8_t more)
{
	struct handover	h;
	int		fd;

	if (p->fd != -1)
		return;
	memset(&h, 0, sizeof(h));
	fd = player_open(p, &h.client);
	p->loose = 1;			/* some replies are front's */
	h.dst = h.client;
	h.kind = how & 3 ? (how & 3) - 1 : 0;
	h.flags = (how & 4 ? HANDOVER_BANNER : 0) |
	    (how & 8 ? HANDOVER_ESMTP : 0) | HANDOVER_NO_TLS |
	    (how & 16 ? HANDOVER_PENDING : 0);
	h.offered = CAPS_SIZE | CAPS_8BITMIME;
	h.start = clock_mono();
	h.helo = how & 4 ? "client" : "";
	h.from = how & 4 && more & 1 ? "<a@b>" : "";
	h.from_params = more & 2 ? "SIZE=5" : "";
	h.tls_version = h.tls_cipher = more & 4 ? "x" : "";
	next_id++;
	if (proto_put_handover(chan_ipc(fixture.front), next_id, &h) == -1 ||
	    chan_send(fixture.front, -1) == -1)
		abort();
	if (more & 8)
		hand_text(MSG_HANDOVER_RCPT, "<u@example.org>", "");
	if (more & 16)
		hand_text(MSG_HANDOVER_RCPT, more & 32 ? "<s@example.org>" :
		    "<x@elsewhere.example>", "");
	if (more & 64) {
		ipc_begin(chan_ipc(fixture.front), MSG_HANDOVER_INPUT, next_id);
		ipc_put_data(chan_ipc(fixture.front), "NOOP\r\nRS", 8);
		(void)chan_send(fixture.front, -1);
	}
	if (more & 128)
		close(fd);
	ipc_begin(chan_ipc(fixture.front), MSG_HANDOVER_END, next_id);
	(void)chan_send(fixture.front, more & 128 ? -1 : fd);
}

static struct verdict
verdict(uint8_t what)
{
	switch (what & 7) {
	case 1:
		return (verdict_tempfail(450, "4.7.1", "la\r\nter"));
	case 2:
		return (verdict_reject(550, "5.7.1", "never"));
	case 3:
		return (verdict_close(0, 421, "4.7.0", "go"));
	case 4:
		return (verdict_wait(1000));
	case 5:
		return (verdict_close(1000, 421, "4.7.0", "go"));
	case 6:
		return (verdict_error("it \r\n broke"));
	case 7:
		return (verdict_delay(1000));
	default:
		return (verdict_next());
	}
}

static void
module_order(uint8_t stage, uint8_t what)
{
	struct play	*p = &fixture.play[stage % STAGE_MAX];

	told = 1;
	p->v = verdict(what);
	p->points = (int32_t)(what >> 5) * 2500;
	p->event = what & 16 ? stage % EVENT_MAX : -1;
	p->once = what >> 3 & 1;
}

/* What it changes at EOM. */
static void
want(uint8_t what)
{
	static const char *const	wants[16] = {
		"add X-A b", "insert 0 X-B c", "change 1 Subject d",
		"delete 1 From", "body other\r\n.\r\ntext\r\n", "rcpt-add <n@example.org>",
		"rcpt-delete <u@example.org>", "from <c@d>", "found virus V",
		"found spam S", "found unwanted U", "found unscannable E",
		"error w", "add X: y\r\n z", "body ", "rcpt-add <>"
	};

	if (fixture.nwants < sizeof(fixture.wants) / sizeof(fixture.wants[0]) &&
	    (fixture.wants[fixture.nwants] = strdup(wants[what % 16])) != NULL)
		fixture.nwants++;
}

static void
resume(uint8_t what)
{
	uint64_t	key = fixture.waits;

	fixture.waits = 0;
	if (key != 0 && (what & 7) != 4)
		module_resume(key, &mod_play, verdict(what));
}

static void
host(uint8_t how)
{
	struct addr	a;

	if (addr_parse("192.0.2.1", &a) == -1)
		abort();
	told = 1;
	a.b[15] = 1 + how % PLAYERS;
	fixture_host(&a, how & 4 ? clock_wall() + 60 : 0,
	    how & 8 ? clock_wall() + 60 : 0, how & 8 ? TRAP_MANUAL : 0);
}

static void
caps(uint8_t how)
{
	struct mta_caps	c = { .relays = "127.0.0.1:25" };

	c.known = 1;
	c.keywords = how & CAPS_ALL;
	if (proto_put_caps(chan_ipc(fixture.store), &c) == 0)
		(void)chan_send(fixture.store, -1);
}

static void
mta_raw(struct feed *f)
{
	size_t		 len;
	const uint8_t	*data = feed_data(f, &len);

	if (peer_last == NULL || len == 0)
		return;
	taken++;			/* (it may say so) */
	(void)send(peer_last->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The answer that it owed, or one that nobody waits for. */
static void
mta_answers(uint8_t what)
{
	if (peer_last == NULL || peer_last->data)
		return;
	what %= SAY_MAX;
	if (what == SAY_354)
		what = SAY_DEFAULT;
	taken += what <= SAY_MANY;
	if (mta_says(peer_last, what, "250 ok\r\n") == -1)
		peer_gone(peer_last);
}

static void
role_order(unsigned int kind, struct player *p, uint8_t arg, struct feed *f)
{
	switch (kind) {
	case ORDER_OPEN:
		open_client(p, arg);
		break;
	case ORDER_HAND:
		hand_client(p, arg, feed_byte(f));
		break;
	case ORDER_MTA_NEXT:
		if (nqueue < QUEUE_MAX)
			queue[nqueue++] = arg;
		break;
	case ORDER_MTA_SAYS:
		mta_raw(f);
		break;
	case ORDER_MTA_ANSWERS:
		mta_answers(arg);
		break;
	case ORDER_TIME:
		fixture_advance(order_seconds(arg));
		break;
	case ORDER_RELOAD:
		reload(arg);
		break;
	case ORDER_MODULE:
		module_order(arg, feed_byte(f));
		break;
	case ORDER_WANT:
		want(arg);
		break;
	case ORDER_RESUME:
		resume(arg);
		break;
	case ORDER_HOST:
		host(arg);
		break;
	case ORDER_TLS:
		player_begin_tls(p);
		break;
	case ORDER_DEAF:
		p->deaf = !p->deaf;
		break;
	case ORDER_CAPS:
		caps(arg);
		break;
	}
}

static void
order(struct feed *f)
{
	uint8_t		 what = feed_byte(f), arg = feed_byte(f);
	unsigned int	 kind;
	struct player	*p = &players[arg >> 6];

	kind = (what & ~ORDER_AT_ONCE) % ORDER_MAX;
	if (!player_order(p, kind, arg, f, own_lines))
		role_order(kind, p, arg, f);
	if (!(what & ORDER_AT_ONCE))
		turn();
}

static void
quiet_module(void)
{
	int	i;

	for (i = 0; i < STAGE_MAX; i++) {
		fixture.play[i].v = verdict_next();
		fixture.play[i].points = 0;
		fixture.play[i].event = -1;
		fixture.play[i].once = 0;
	}
	while (fixture.nwants > 0)
		free(fixture.wants[--fixture.nwants]);
}

static void
finish(void)
{
	int	i;

	quiet_module();
	nqueue = 0;
	for (i = 0; i < PLAYERS; i++)
		players[i].deaf = 0;
	/* Whatever waits has come to its time. */
	for (i = 0; i < 10; i++) {
		turn();
		fixture_advance(i < 5 ? 2 : 130);
	}
	turn();
	for (i = 0; i < PLAYERS; i++) {
		player_check(&players[i]);
		player_close(&players[i]);
	}
	for (i = 0; pass.count > 0 || npeers > 0; i++) {
		if (i == 100)
			abort();
		turn();
		fixture_advance(100);
	}
	if (limit_keys(pass.by_host) != 0 || limit_keys(pass.by_net) != 0)
		abort();
}

/* As at the beginning. */
static void
restore(void)
{
	int	i;

	if (reloaded > 0) {
		reloaded = 0;
		reload(0);
		reloaded = 0;
	}
	for (i = 0; told && i < PLAYERS; i++)
		host((uint8_t)i);
	caps(CAPS_SIZE | CAPS_8BITMIME | CAPS_DSN | CAPS_SMTPUTF8);
	turn();
	fixture.waits = 0;
	taken = promised = said_data = sent = 0;
	told = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed	f = { data, size };

	if (fixture.child.base == NULL) {
		setup();
		restore();
	}
	if (size > 1500)
		return (0);
	while (f.n > 0)
		order(&f);
	finish();
	restore();
	return (0);
}
