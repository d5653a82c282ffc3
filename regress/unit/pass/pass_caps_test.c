/*
 * What mail servers offer: their common part, the saved one, what a session
 * uses, a reload, and the log.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include "spamgreyd/pass/caps.c"
#include "regress/lib/mta_fixture.h"

struct pass		 pass;
static struct config	 config;
static struct conf_pass	 conf_pass;
static struct conf_relay relay[2];
static struct conf_target target[3];
static struct conf_listen listener[2];
static struct server	 server[3];
static char		 heard[8192];	/* what store, fronts and log were told */
static char		 hostname[] = "gate.example";

static void
hear(const char *fmt, ...)
{
	size_t	n = strlen(heard);
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(heard + n, sizeof(heard) - n, fmt, ap);
	va_end(ap);
}

void
pass_store_caps(void)
{
	hear("store %d %x %llu; ", pass.caps.known,
	    (unsigned int)pass.caps.keywords,
	    (unsigned long long)pass.caps.size);
}

void
pass_front_caps(void)
{
	hear("fronts; ");
}

void
pass_conf_unref(struct pass_conf *pc)
{
	if (pc != NULL && --pc->refs == 0)
		free(pc);
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)arg;
	if (priority == LOG_ERR)
		hear("ERROR %.15s; ", line);
	else if (strncmp(line, "0000000000000000 - ", 19) == 0) {
		line += 19;
		hear("%.*s; ", strncmp(line, "mta-offers", 10) == 0 ? 200 :
		    (int)strcspn(line, " "), line);
	}
}

/* Until every question under way has its answer. */
static void
asked_all(void)
{
	struct ask	*a;
	int		 busy;

	do {
		busy = 0;
		TAILQ_FOREACH(a, &asks, entry)
			busy |= a->mta != NULL;
		if (busy)
			event_base_loop(pass.base, EVLOOP_ONCE);
	} while (busy);
	for (busy = 0; busy < 10; busy++)
		event_base_loop(pass.base, EVLOOP_NONBLOCK);
}

static void
tick(int64_t seconds)
{
	clock_fake_advance(seconds);
	event_active(tick_ev, EV_TIMEOUT, 1);
	event_base_loop(pass.base, EVLOOP_NONBLOCK);
	asked_all();
}

static struct pass_conf *
conf_new(void)
{
	struct pass_conf	*pc;

	if ((pc = calloc(1, sizeof(*pc))) == NULL)
		exit(1);
	pc->refs = 1;
	pc->conf = &config;
	return (pc);
}

static void
offers(const char *want, int want_known, const char *name)
{
	char		 got[128], text[96];
	uint64_t	 size;
	uint32_t	 keywords;
	int		 known;

	keywords = caps_offer(conf, &size, &known);
	is_int(known, want_known, name);
	snprintf(got, sizeof(got), "%s %llu", known ?
	    keywords_text(keywords, text) : "-", (unsigned long long)size);
	is_str(got, want, "what is offered");
}

static void
heard_is(const char *want, const char *name)
{
	is_str(heard, want, name);
	heard[0] = '\0';
}

/* The lines of single targets left out: which is first is chance. */
static void
heard_in_all(const char *want, const char *name)
{
	char	*p;

	while ((p = strstr(heard, "mta-up; ")) != NULL)
		memmove(p, p + 8, strlen(p + 8) + 1);
	while ((p = strstr(heard, "mta-down; ")) != NULL)
		memmove(p, p + 10, strlen(p + 10) + 1);
	heard_is(want, name);
}

static void
setup(void)
{
	int	i;

	config.hostname = hostname;
	config.pass = &conf_pass;
	TAILQ_INIT(&config.listens);
	TAILQ_INIT(&conf_pass.relays);
	for (i = 0; i < PT_MAX; i++)
		conf_pass.timeout[i] = 60;
	conf_pass.tries = 1;
	for (i = 0; i < 3; i++) {
		server_start(&server[i], pass.base);
		addr_parse("127.0.0.1", &target[i].addr);
		target[i].port = server[i].port;
	}
	TAILQ_INSERT_TAIL(&conf_pass.relays, &relay[0], entry);
	TAILQ_INSERT_TAIL(&conf_pass.relays, &relay[1], entry);
	TAILQ_INIT(&relay[0].targets);
	TAILQ_INIT(&relay[1].targets);
	TAILQ_INSERT_TAIL(&relay[0].targets, &target[0], entry);
	TAILQ_INSERT_TAIL(&relay[0].targets, &target[1], entry);
	TAILQ_INSERT_TAIL(&relay[1].targets, &target[2], entry);
}

#define HELLO	">220 mx", "<EHLO gate.example", ">250-mx"

static const char *const	all[] = { HELLO, ">250-PIPELINING",
    ">250-SIZE 5000", ">250-STARTTLS", ">250-AUTH PLAIN", ">250-8BITMIME",
    ">250-SMTPUTF8", ">250-DSN", ">250-CHUNKING", ">250-XCLIENT ADDR",
    ">250 ENHANCEDSTATUSCODES", "<QUIT", "close", NULL };
static const char *const	some[] = { HELLO, ">250-SIZE 4000",
    ">250-SMTPUTF8", ">250 8BITMIME", "<QUIT", "close", NULL };
static const char *const	none[] = { ">220 mx", "<EHLO gate.example",
    ">502 no", "<HELO gate.example", ">250 mx", "<QUIT", "close", NULL };
static const char *const	down[] = { ">421 not now", "<QUIT", "close",
    NULL };

static void
scripts(const char *const *a, const char *const *b, const char *const *c)
{
	int	i;

	for (i = 0; i < 3; i++) {
		if (server[i].wrong[0] != '\0')
			ok(0, server[i].wrong);
		server_reset(&server[i]);
	}
	server[0].script[0] = a;
	server[1].script[0] = b;
	server[2].script[0] = c;
}

static void
configure(void)
{
	static struct pass_conf	*mine;
	struct pass_conf	*pc = conf_new();

	caps_configure(pc);
	pass_conf_unref(mine);
	mine = pc;
}

#define ALL	"PIPELINING,SIZE,8BITMIME,SMTPUTF8,DSN,ENHANCEDSTATUSCODES"
#define SOME	"PIPELINING,SIZE,8BITMIME,SMTPUTF8"

static void
test_learned(void)
{
	scripts(down, down, down);
	configure();
	offers("- 0", 0, "nothing is known");
	caps_start();
	asked_all();
	offers("- 0", 0, "nobody has answered");
	heard_is("mta-down; mta-down; mta-down; ", "that is in the log");
	scripts(down, all, down);
	tick(60);
	offers("- 0", 0, "one relay has answered");
	heard_is("mta-up; ", "that too, once");
	scripts(NULL, NULL, NULL);
	clock_fake_advance(4);
	offers("- 0", 0, "a client asks again");
	asked_all();
	is_int(server[0].conns, 0, "nobody is asked so soon");
	scripts(down, down, all);
	clock_fake_advance(1);
	offers("- 0", 0, "but a second later");
	asked_all();
	offers(ALL " 5000", 1, "one target of each has answered");
	heard_in_all("mta-offers keywords=" ALL
	    " size=5000; store 1 3f 5000; fronts; ", "and all are told");
	scripts(NULL, NULL, NULL);
	tick(60);
	tick(3400);
	ok(server[0].conns == 0 && server[2].conns == 0,
	    "nobody is asked again within the hour");
	scripts(some, all, all);
	tick(200);
	is_int(server[0].conns, 1, "but then");
	offers(SOME " 4000", 1, "what all of them offer");
	heard_in_all("mta-offers keywords=" SOME
	    " size=4000; store 1 f 4000; fronts; ", "and all are told");
	scripts(down, down, down);
	tick(3600);
	offers(SOME " 4000", 1, "what was learned stays");
	scripts(some, all, all);
	tick(3600);
	heard[0] = '\0';
	scripts(some, all, none);
	tick(3600);
	offers("PIPELINING 0", 1, "one of them knows HELO alone");
	heard_is("mta-offers keywords=PIPELINING size=0; store 1 1 0; "
	    "fronts; ", "and all are told");
	scripts(some, all, all);
	tick(3600);
	offers(SOME " 4000", 1, "it has learned more");
	heard[0] = '\0';
}

static void
test_limit(void)
{
	config.limit.message_size = 3000;
	offers(SOME " 3000", 1, "our own limit is smaller");
	config.limit.message_size = 300000;
	offers(SOME " 4000", 1, "the MTA's is");
	config.limit.message_size = 0;
}

static void
test_seen(void)
{
	struct smtp_ehlo	e = { CAPS_SIZE | CAPS_8BITMIME |
	    CAPS_SMTPUTF8 | CAPS_DSN | CAPS_STARTTLS, 9000, 0 };

	caps_seen(&relay[0], &e);
	heard_is("", "a session that was offered as much, and more");
	e.keywords &= ~(uint32_t)CAPS_SMTPUTF8;
	e.size = 3500;
	caps_seen(&relay[0], &e);
	offers("PIPELINING,SIZE,8BITMIME 3500", 1, "one that was not");
	heard_is("mta-offers keywords=PIPELINING,SIZE,8BITMIME size=3500; "
	    "store 1 7 3500; fronts; ", "all are told at once");
	scripts(some, all, all);
	tick(3600);
	offers("PIPELINING,SIZE,8BITMIME 3500", 1, "asking does not change "
	    "it");
	heard_is("", "and nobody hears of it");
	scripts(some, all, all);
	tick(86400);
	offers(SOME " 4000", 1, "a day later it does");
	heard[0] = '\0';
}

static void
test_tls(void)
{
	struct conf_tls	tls = { 0 };

	memset(listener, 0, sizeof(listener));
	addr_parse("127.0.0.1", &listener[0].addr);
	addr_parse("::1", &listener[1].addr);
	TAILQ_INSERT_TAIL(&config.listens, &listener[0], entry);
	TAILQ_INSERT_TAIL(&config.listens, &listener[1], entry);
	config.tls = &tls;
	tick(60);
	heard_is("", "all listeners have a certificate");
	listener[1].no_tls = 1;
	tick(60);
	heard_is("ERROR the mail server; ", "one has none");
	tick(60);
	heard_is("", "that is said once");
	scripts(some, all, all);
	tick(86400);
	heard_is("ERROR the mail server; ", "a day");
	listener[1].no_tls = 0;
	config.tls = NULL;
	listener[0].tls = &tls;
	scripts(some, all, all);
	tick(86400);
	heard_is("ERROR the mail server; ", "no certificate for all");
	listener[1].tls = &tls;
	scripts(some, all, all);
	tick(86400);
	heard_is("", "each its own");
	TAILQ_INIT(&config.listens);
}

static void
test_reload(void)
{
	struct mta_caps	kept = { 1, CAPS_SIZE | CAPS_DSN | CAPS_STARTTLS,
	    777, NULL };
	char		*text;

	scripts(some, all, all);
	configure();
	offers(SOME " 4000", 1, "a reload with the same relays");
	asked_all();
	is_int(server[0].conns, 1, "asks them");
	heard_is("", "nothing is new");
	TAILQ_REMOVE(&relay[0].targets, &target[0], entry);
	scripts(NULL, down, all);
	configure();
	offers(ALL " 5000", 1, "without the one that offered less");
	heard_is("store 0 0 0; mta-offers keywords=" ALL " size=5000; "
	    "store 1 3f 5000; fronts; ", "the old offer is void, then known");
	asked_all();
	heard[0] = '\0';
	target[1].port = server[0].port;
	scripts(down, NULL, all);
	configure();
	offers("- 0", 0, "with another one");
	heard_is("store 0 0 0; ", "nothing is known any more");
	kept.relays = "elsewhere";
	caps_kept(&kept);
	offers("- 0", 0, "what was kept of others is not ours");
	heard_is("store 0 0 0; ", "and void");
	text = strdup(pass.caps.relays);
	kept.relays = text;
	kept.known = 0;
	caps_kept(&kept);
	offers("- 0", 0, "nothing was kept");
	kept.known = 1;
	caps_kept(&kept);
	offers("PIPELINING,SIZE,DSN 777", 1, "what was kept of these is");
	heard_is("fronts; ", "and the fronts are told");
	asked_all();
	offers("PIPELINING,SIZE,DSN 777", 1, "while one does not answer");
	scripts(some, NULL, all);
	tick(60);
	offers(SOME " 4000", 1, "until it does");
	heard[0] = '\0';
	caps_kept(&kept);
	offers(SOME " 4000", 1, "what was kept comes too late");
	heard_is("", "and changes nothing");
	free(text);
}

static void
test_text(void)
{
	struct conf_target	many[200];
	char			*a, *b;
	size_t			 i;

	a = relays_text(&config);
	ok(a != NULL && strlen(a) < 100, "few targets as they are");
	free(a);
	for (i = 0; i < 200; i++) {
		addr_parse("2001:db8:1234:5678:9abc:def0:1234:5678",
		    &many[i].addr);
		many[i].port = (uint16_t)i;
		TAILQ_INSERT_TAIL(&relay[1].targets, &many[i], entry);
	}
	a = relays_text(&config);
	many[199].port++;
	b = relays_text(&config);
	ok(a != NULL && strlen(a) < 100, "many as their sum");
	ok(b != NULL && strcmp(a, b) != 0, "which differs");
	free(a);
	free(b);
}

int
main(void)
{
	alarm(120);
	signal(SIGPIPE, SIG_IGN);
	log_set_sink(sink, NULL);
	clock_fake(1700000000, 5000000);
	if ((pass.base = event_base_new()) == NULL)
		return (1);
	setup();
	test_learned();
	test_limit();
	test_seen();
	test_tls();
	test_reload();
	test_text();
	return (done());
}
