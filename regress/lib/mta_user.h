/*
 * Uses a connection to a mail server in place of pass: follows a list of
 * actions, and records in words what it is told.
 */
#ifndef MTA_USER_H
#define MTA_USER_H

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/mta/mta_int.h"
#include "regress/lib/mta_fixture.h"

static struct event_base	*base;
static int			 show_ehlo;	/* record READY's details */
static unsigned int		 next_targets;	/* lines of the log */
static struct server		 server[2];
static struct conf_pass		 conf;
static struct conf_relay	 relay;
static struct conf_target	 target[3];
static struct mta_client	 client;
static struct buf		 head;
static struct spool		*spool;

/* The actions of the caller of mta, and what it was told, in words. */
static struct {
	struct mta		*mta;
	const char *const	*todo;
	char			 told[4096];
	int			 dead, calls;
} user;

static void
told(const char *fmt, ...)
{
	size_t	n = strlen(user.told);
	va_list	ap;

	if (n > 0)
		n += (size_t)snprintf(user.told + n, sizeof(user.told) - n,
		    "; ");
	va_start(ap, fmt);
	vsnprintf(user.told + n, sizeof(user.told) - n, fmt, ap);
	va_end(ap);
}

static const char *const failures[] = {
	"none", "CONNECT", "TIMEOUT", "CLOSED", "NONSENSE", "TLS", "CLIENT",
	"REFUSED", "SPOOL", "MEMORY"
};

/* The next action.  "free" frees the connection now, "idle" does nothing. */
static void
user_next(void)
{
	const char	*what = *user.todo;

	if (what == NULL || strcmp(what, "idle") == 0)
		return;
	user.todo++;
	if (strcmp(what, "free") == 0) {
		mta_free(user.mta);
		user.mta = NULL;
	} else if (strcmp(what, "DATA") == 0)
		mta_data(user.mta, &head, spool);
	else if (mta_command(user.mta, what, PT_MAIL) == -1)
		told("no command");
}

static const char *
first_line(const struct smtpreply *r)
{
	static char	 line[600];
	size_t		 i;

	snprintf(line, sizeof(line), "%s", r->text);
	for (i = 0; line[i] != '\0'; i++)
		if (line[i] == '\r')
			line[i] = '\0';
	return (line);
}

static void
user_told(struct mta *m, const struct mta_event *ev, void *arg)
{
	if (arg != &user || m != user.mta)
		exit(1);
	if (user.calls)
		told("called from inside");
	user.calls = 1;
	switch (ev->what) {
	case MTA_READY:
		if (show_ehlo)
			told("ready %x %llu", (unsigned int)ev->ehlo->keywords,
			    (unsigned long long)ev->ehlo->size);
		else
			told("ready");
		break;
	case MTA_REPLY:
		told("%s", first_line(ev->reply));
		break;
	case MTA_DEAD:
		told("dead %s%s", failures[ev->failure], ev->after_dot ?
		    " after dot" : "");
		if ((ev->reply != NULL) != (ev->failure == MTAF_REFUSED) ||
		    ev->why == NULL || ev->why[0] == '\0')
			told("wrong event");
		if (ev->reply != NULL)
			told("%s", first_line(ev->reply));
		user.dead = 1;
		break;
	}
	if (ev->what != MTA_DEAD)
		user_next();
	user.calls = 0;
}

static void
open_mta(const char *const *todo, int probe)
{
	memset(&user, 0, sizeof(user));
	user.todo = todo;
	user.calls = 1;
	user.mta = mta_open(base, &conf, &relay, &client, probe, user_told,
	    &user);
	user.calls = 0;
}

/* Runs the event loop until nothing is ready. */
static void
turns(int n)
{
	while (n-- > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
time_is(int64_t mono)
{
	clock_fake(clock_wall(), mono);
	event_active(&user.mta->timer, EV_TIMEOUT, 1);
	turns(5);
}

/*
 * Tests that the timeout of a step comes at its time and not before.  (Of
 * connecting and waiting for the banner, only one is tested.)
 */
static void
time_passes(void)
{
	int64_t	left, all = 0;

	turns(20);
	while (user.mta != NULL && !user.dead && user.mta->deadline != 0) {
		left = user.mta->deadline - clock_mono();
		all += left;
		time_is(clock_mono() + left - 1);
		if (user.dead)
			told("too early");
		else
			time_is(clock_mono() + 1);
	}
	server[0].hung = server[1].hung = 0;
	if (all > 0)
		told("(%lld)", (long long)all);
}

static void
play(void)
{
	while (user.mta != NULL && !user.dead &&
	    (*user.todo == NULL || strcmp(*user.todo, "idle") != 0 ||
	    !mta_idle(user.mta))) {
		if (server[0].hung || server[1].hung)
			time_passes();
		else
			event_base_loop(base, EVLOOP_ONCE);
	}
	turns(20);
}

static void
close_mta(void)
{
	if (user.mta != NULL)
		mta_free(user.mta);
	user.mta = NULL;
	/* Read its last words before the next case. */
	while (server[0].live + server[1].live > 0)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
case_end(const char *want, const char *name)
{
	is_str(user.told, want, name);
	close_mta();
	if (server[0].wrong[0] != '\0' || server[1].wrong[0] != '\0')
		printf("# server: %s %s\n", server[0].wrong, server[1].wrong);
	ok(server[0].wrong[0] == '\0' && server[1].wrong[0] == '\0',
	    "said as expected");
	server_reset(&server[0]);
	server_reset(&server[1]);
}

static void
reset_conf(void)
{
	static const int64_t	times[PT_MAX] = { 10, 60, 30, 61, 240, 110,
	    170, 510 };

	memcpy(conf.timeout, times, sizeof(times));
	conf.tries = 2;
	relay.client = CLIENT_RECEIVED;
	relay.tls = RELAY_CLEAR;
	TAILQ_INIT(&relay.targets);
	TAILQ_INSERT_TAIL(&relay.targets, &target[0], entry);
	addr_parse("127.0.0.1", &target[0].addr);
	addr_parse("127.0.0.1", &target[1].addr);
	addr_parse("127.0.0.1", &target[2].addr);
	target[0].port = server[0].port;
	target[1].port = server[1].port;
	target[2].port = server[0].port;
	memset(&client, 0, sizeof(client));
	addr_parse("192.0.2.1", &client.addr);
	addr_parse("192.0.2.25", &client.dst);
	client.port = 4711;
	client.dport = 25;
	client.helo = "client.example";
	client.esmtp = 1;
	client.hostname = "gate.example";
}

#define HELLO	">220 mx", "<EHLO gate.example"
#define OFFER	">250-mx", ">250-SIZE 1000", ">250 DSN"
#define XOFFER	">250-mx", ">250 XCLIENT ADDR"
#define XCLIENT	"<XCLIENT ADDR=192.0.2.1"
#define GREETED	HELLO, OFFER
#define CLIENT_HELLO ">220 mx", "<EHLO client.example"
#define CLIENT_GREETED CLIENT_HELLO, OFFER
#define MAIL	"<MAIL FROM:<a@b>"

static const char *const	 mail_todo[] = { "MAIL FROM:<a@b>", "DATA",
    "idle", NULL };

static inline void
message(const char *text)
{
	spool_free(spool);
	if ((spool = spool_new()) == NULL ||
	    spool_write(spool, text, strlen(text)) == -1)
		exit(1);
}


static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	if (strstr(line, "then=next-target") != NULL)
		next_targets++;
}

static void
user_start(void)
{
	alarm(300);
	signal(SIGPIPE, SIG_IGN);
	log_set_sink(sink, NULL);
	clock_fake(1700000000, 1000000);
	if ((base = event_base_new()) == NULL || tls_init() == -1)
		exit(1);
	server_start(&server[0], base);
	server_start(&server[1], base);
	reset_conf();
}

#endif
