/*
 * Whole sessions of the front role.  The input is a sequence of orders to
 * everything that front speaks with: four clients, in clear or under TLS, a
 * store, a pass, the clock, and an administrator who reloads.  An order is a
 * byte, what it is for in the next one.  Always:
 *	- store is asked about one RCPT of a session at a time;
 *	- each command has one reply, and each reply is valid SMTP;
 *	- no message is ever accepted here;
 *	- front is silent once pass has the session;
 *	- at the end no session, limit or hand-over is left over.
 */
/* LINK: spamgreyd/front spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls -lcrypto */
/* FUZZ: -max_len=1000 */
#include <sys/syscall.h>

#include <signal.h>
#include <time.h>

#include "lib/base/clock.h"
#include "regress/lib/pass_fixture.h"
#include "regress/lib/fuzz_session.h"

#define ASKED_MAX	64
#define RELOADS_MAX	4

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum {
	ORDER_ANSWER = ORDER_ROLE, ORDER_PASS, ORDER_TIME, ORDER_RELOAD, ORDER_HOST,
	ORDER_CAPS, ORDER_TLS, ORDER_DEAF, ORDER_PASS_DIES, ORDER_STAT,
	ORDER_MAX
};

static const char *const own_lines[] = {
	"RCPT TO:<v@example.org>\r\n", "VRFY u\r\n", "GET / HTTP/1.1\r\n",
	"Subject: x\r\n"
};

unsigned int		 fuzz_rounds = 150;	/* see replay.c */
static struct listener	 listener;
static int64_t		 offset;	/* s, of the loop's clock */
static int		 stutters, reloaded, told;
/* RCPTs that store has not answered. */
static struct {
	uint64_t	 id;
	uint32_t	 seq;
}			 asked[ASKED_MAX];
static size_t		 nasked;

/* libevent calls this one, so that its timers follow the orders. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int	r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && id != CLOCK_REALTIME)
		ts->tv_sec += offset;
	return (r);
}

static void
reply_seen(struct player *p)
{
	if (p->body && p->last_code < 400)
		abort();		/* a message was accepted */
	player_replied(p);
	if (p->len == 10 && memcmp(p->line, "421 pass", 8) == 0)
		p->last_words = 1;
}

static void
turn(void)
{
	players_turn(fixture.child.base, 4, reply_seen);
}

/* Store plays. */
static void
ask(uint64_t id, const struct rcpt_req *r)
{
	size_t	i;

	for (i = 0; i < nasked; i++)
		if (asked[i].id == id && asked[i].seq >= r->seq)
			abort();	/* twice */
	if (nasked == ASKED_MAX)
		memmove(asked, asked + 1, --nasked * sizeof(asked[0]));
	asked[nasked].id = id;
	asked[nasked++].seq = r->seq;
}

static void
answer(size_t k, uint8_t how)
{
	struct rcpt_answer	a;

	if (nasked == 0)
		return;
	k %= nasked;
	memset(&a, 0, sizeof(a));
	a.verdict = 1 + how % RCPT_NOT_TO;
	if (a.verdict == RCPT_NOT_TO && !config_hands_over(fixture.child.conf))
		a.verdict = RCPT_PASS;
	a.reason = a.verdict == RCPT_TRAPPED ? TRAP_SPAMTRAP : 0;
	a.left = how << 2;
	a.text = a.verdict == RCPT_UNSTORED ? "no \r\n room" : "";
	a.seq = asked[k].seq + (how & 0x80 ? 1 : 0);
	fixture_answer(asked[k].id, &a);
	if (how & 0x80)			/* (nobody waits for that one) */
		return;
	memmove(&asked[k], &asked[k + 1], (--nasked - k) * sizeof(asked[0]));
}

static void
host(uint8_t how)
{
	struct addr	a = { { 0 } };
	int64_t		until = clock_wall() + 60 * (how >> 3);

	if (addr_parse("192.0.2.1", &a) == -1)
		abort();
	told = 1;
	a.b[15] = 1 + how % PLAYERS;
	fixture_host(&a, how & 4 ? until : 0, how & 8 ? until : 0,
	    how & 8 ? TRAP_MANUAL : 0);
}

/* Pass plays. */
static void
taken(int fd)
{
	(void)send(fd, "421 pass\r\n", 10, MSG_NOSIGNAL);
	close(fd);
}

static void
caps(uint8_t how)
{
	struct mta_caps	 c = { .relays = "127.0.0.1:25" };
	struct chan	*ch = how & 0x80 ? played.chan : fixture.store;

	c.known = how & 1;
	c.keywords = c.known ? how & CAPS_ALL : 0;
	c.size = (c.keywords & CAPS_SIZE) ? (uint64_t)how << 8 : 0;
	if (ch != NULL && proto_put_caps(chan_ipc(ch), &c) == 0)
		(void)chan_send(ch, -1);
}

static void
pass_order(uint8_t how)
{
	if (how & 4)
		played_refuse(1 + (how >> 3));
	else
		played.mode = (enum pass_mode)(how & 3);
}

static void
pass_dies(void)
{
	if (played.chan == NULL)
		return;
	played_close();
	chan_free(played.chan);
	played.chan = NULL;
	played.nsilent = 0;
}

static void
reload(uint8_t how)
{
	struct config	*conf;

	if (reloaded++ >= RELOADS_MAX)	/* a certificate takes its time */
		return;
	if ((conf = config_new()) == NULL)
		abort();
	stutters |= how & 1;
	conf->stutter_ms = how & 1 ? 1000 : 0;
	conf->log_spamd = how >> 1 & 1;
	conf->limit.message_size = how & 4 ? 0 : 100000;
	conf->limit.recipients = how & 8 ? 100 : 5;
	conf->limit.per_host = how & 16 ? 1 : 0;
	conf->limit.bad_commands = how & 32 ? 1 : 10;
	conf->contact = how & 64 ? NULL : strdup("Ask %A");
	if (!(how & 128) && (conf->pass = conf_pass_new()) == NULL)
		abort();
	if (how & 32 || fixture.child.conf == NULL)
		conf->tls = fuzz_tls();
	fixture_configure(conf);
	if (conf->tls == NULL)
		return;
	tlsctx_unref(listener.tls);
	listener.tls = tlsctx_ref(front.live->tls);
}

static void
setup(void)
{
	size_t	i;

	signal(SIGPIPE, SIG_IGN);
	log_init("front");
	log_set_sink(fuzz_log, NULL);
	log_set_verbose(1);
	clock_fake(1700000000, 5000000);
	fixture_init();
	fixture.asked = ask;
	played_init(&fixture.child);
	played.taken = taken;
	played.why = "no \r\n room";
	for (i = 0; i < PLAYERS; i++)
		players[i].fd = -1;
	reload(0);
	fixture_hosts_end();
	atexit(fuzz_count);
}

static void
open_client(struct player *p, uint8_t how)
{
	struct addr	 a;
	struct conn	*c;
	int		 fd;

	if (p->fd != -1)
		return;
	fd = player_open(p, &a);
	/* (a PASS host is one since a RCPT of its session) */
	c = conn_new(&listener, fd, &a, 1025, how % 5 == KIND_PASS ?
	    KIND_WHITELISTED : (enum conn_kind)(how % 5), 0, TRAP_MANUAL);
	if (c == NULL)
		abort();
	c->flags &= ~F_COUNTED;		/* did not go through the limits */
	conn_settle(c);
}

static void
pass_time(int64_t seconds)
{
	offset += seconds;
	clock_fake_advance(seconds);
}

static void
role_order(unsigned int kind, struct player *p, uint8_t arg, struct feed *f)
{
	switch (kind) {
	case ORDER_OPEN:
		open_client(p, arg);
		break;
	case ORDER_ANSWER:
		answer(arg & 7, feed_byte(f));
		break;
	case ORDER_PASS:
		pass_order(arg);
		break;
	case ORDER_TIME:
		pass_time(order_seconds(arg));
		break;
	case ORDER_RELOAD:
		reload(arg);
		break;
	case ORDER_HOST:
		host(arg);
		break;
	case ORDER_CAPS:
		caps(arg);
		break;
	case ORDER_TLS:
		player_begin_tls(p);
		break;
	case ORDER_DEAF:
		p->deaf = !p->deaf;
		break;
	case ORDER_PASS_DIES:
		pass_dies();
		break;
	case ORDER_STAT:
		(void)chan_send_empty(fixture.store, MSG_STAT_ASK, 1);
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
finish(void)
{
	int	i;

	for (i = 0; i < PLAYERS; i++)
		players[i].deaf = 0;
	played.mode = PASS_OK;
	played_refuse(sizeof(played.silent) / sizeof(played.silent[0]));
	for (i = 0; i < 8 || nasked > 0; i++) {
		answer(0, 0);
		turn();
	}
	for (i = 0; i < PLAYERS; i++) {
		if (!stutters)
			player_check(&players[i]);
		player_close(&players[i]);
	}
	/* Whatever waits has come to its time. */
	for (i = 0; front.count > 0; i++) {
		if (i == 100)
			abort();
		pass_time(i < 50 ? 2 : 3601);
		turn();
		nasked = 0;
	}
	if (front.black != 0 || front.tls != 0 || front.handovers != 0 ||
	    !TAILQ_EMPTY(&front.parked) || limit_keys(front.by_host) != 0 ||
	    limit_keys(front.by_net) != 0 || limit_keys(front.tls_net) != 0)
		abort();
}

/* As at the beginning. */
static void
restore(void)
{
	int	i;

	if (played.chan == NULL)
		played_init(&fixture.child);
	if (reloaded) {
		reloaded = 0;
		reload(0);
	}
	for (i = 0; told && i < PLAYERS; i++)
		host((uint8_t)i);
	turn();
	nasked = 0;
	stutters = reloaded = told = 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed	f = { data, size };

	if (fixture.child.base == NULL)
		setup();
	if (size > 1000)
		return (0);
	while (f.n > 0)
		order(&f);
	finish();
	restore();
	return (0);
}
