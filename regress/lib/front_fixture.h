/*
 * Runs the front role alone in one process.  The test plays store, which
 * answers by the recipient's name, so that a client sees the same each time:
 *	grey…	GREY, 180 s left; "grey-N": N s left
 *	pass…	PASS		white…	WHITE
 *	trap…	TRAPPED (spamtrap)	full…	UNSTORED
 *	notto…	NOT_TO, when front could hand the session over; else PASS
 *	held…	no answer until fixture_release()
 * Anything else is GREY.
 */
#ifndef FRONT_FIXTURE_H
#define FRONT_FIXTURE_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

struct fixture {
	struct child	 child;
	struct chan	*store;		/* store's end */
	/* Called with each message to store, in words; may be NULL. */
	void		(*heard)(const char *line);
	/* Takes each RCPT to store in place of the answers by name; may be
	 * NULL. */
	void		(*asked)(uint64_t id, const struct rcpt_req *);
	uint64_t	 held_id;
	uint32_t	 held_seq;
	int		 holding;
	const char	*held_to;	/* the answer to a held one; "grey" */
};
static struct fixture	fixture = { .held_to = "grey" };

const char buildid[] = "fixture";

void
child_fatal(struct child *c, const char *fmt, ...)
{
	va_list	ap;

	(void)c;
	printf("fatal ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	exit(2);
}

static void fixture_hear(const char *, ...)
    __attribute__((__format__(printf, 1, 2)));

static void
fixture_hear(const char *fmt, ...)
{
	char	line[8192];
	va_list	ap;

	if (fixture.heard == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fixture.heard(line);
}

static int
fixture_is(const char *to, const char *word)
{
	return (strncmp(to[0] == '<' ? to + 1 : to, word, strlen(word)) == 0);
}

static void
fixture_verdict(const char *to, struct rcpt_answer *a)
{
	a->verdict = RCPT_GREY;
	a->left = 180;
	a->text = "";
	if (fixture_is(to, "grey-"))
		a->left = strtol(to + 6, NULL, 10) & 0xffff;
	else if (fixture_is(to, "pass"))
		a->verdict = RCPT_PASS;
	else if (fixture_is(to, "white"))
		a->verdict = RCPT_WHITE;
	else if (fixture_is(to, "trap")) {
		a->verdict = RCPT_TRAPPED;
		a->reason = TRAP_SPAMTRAP;
	} else if (fixture_is(to, "notto"))
		a->verdict = config_hands_over(fixture.child.conf) ?
		    RCPT_NOT_TO : RCPT_PASS;
	else if (fixture_is(to, "full")) {
		a->verdict = RCPT_UNSTORED;
		a->text = "the disk is full";
	}
}

static void
fixture_answer(uint64_t id, struct rcpt_answer *a)
{
	if (proto_put_rcpt_answer(chan_ipc(fixture.store), id, a) == 0)
		(void)chan_send(fixture.store, -1);
}

static inline void
fixture_release(void)
{
	struct rcpt_answer	a;

	if (!fixture.holding)
		return;
	memset(&a, 0, sizeof(a));
	fixture_verdict(fixture.held_to, &a);
	a.seq = fixture.held_seq;
	fixture.holding = 0;
	fixture_answer(fixture.held_id, &a);
}

static void
fixture_on_rcpt(struct chan *ch, struct msg *m, void *arg)
{
	struct rcpt_req		r;
	struct rcpt_answer	a;
	char			addr[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	if (proto_get_rcpt(m, &r) == -1)
		abort();
	fixture_hear("RCPT %s %s %s %s%s%s%s%s", addr_str(&r.client, addr),
	    r.helo, r.from, r.to, r.flags & RCPT_F_LOWMX ? " lowmx" : "",
	    r.flags & RCPT_F_WHITE ? " white" : "",
	    r.flags & RCPT_F_AGAIN ? " again" : "",
	    r.flags & RCPT_F_TO_US ? " to-us" : "");
	if (fixture.asked != NULL) {
		fixture.asked(m->id, &r);
		return;
	}
	if (fixture_is(r.to, "held")) {
		fixture.held_id = m->id;
		fixture.held_seq = r.seq;
		fixture.holding = 1;
		return;
	}
	memset(&a, 0, sizeof(a));
	a.seq = r.seq;
	fixture_verdict(r.to, &a);
	fixture_answer(m->id, &a);
}

static void
fixture_on_event(struct chan *ch, struct msg *m, void *arg)
{
	struct event_msg	e;
	char			addr[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	if (proto_get_event(m, &e) == -1)
		abort();
	fixture_hear("EVENT %s %s", host_event_str(e.event),
	    addr_str(&e.client, addr));
}

static void
fixture_on_visit(struct chan *ch, struct msg *m, void *arg)
{
	struct addr	a;
	char		addr[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	msg_get_addr(m, &a);
	fixture_hear("VISIT %s", addr_str(&a, addr));
}

static void
fixture_on_white_seen(struct chan *ch, struct msg *m, void *arg)
{
	struct addr	a;
	char		addr[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	msg_get_addr(m, &a);
	fixture_hear("WHITE-SEEN %s", addr_str(&a, addr));
}

static void
fixture_on_overlimit(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	fixture_hear("OVERLIMIT");
}

static void
fixture_on_stat(struct chan *ch, struct msg *m, void *arg)
{
	const char	*name;
	int64_t		 value;

	(void)ch;
	(void)arg;
	if (proto_get_stat(m, &name, &value) == -1)
		abort();
	fixture_hear("STAT %s %lld", name, (long long)value);
}

static void
fixture_on_stat_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	fixture_hear("STAT end");
}

static const struct chan_rule fixture_rules[] = {
	{ MSG_RCPT, 0, fixture_on_rcpt },
	{ MSG_EVENT, 0, fixture_on_event },
	{ MSG_VISIT, 0, fixture_on_visit },
	{ MSG_WHITE_SEEN, 0, fixture_on_white_seen },
	{ MSG_OVERLIMIT, 0, fixture_on_overlimit },
	{ MSG_STAT, 0, fixture_on_stat },
	{ MSG_STAT_END, 0, fixture_on_stat_end },
	{ 0, 0, NULL }
};

static void
fixture_ended(struct chan *ch, enum chan_end end, void *arg)
{
	(void)end;
	(void)arg;
	fixture_hear("ENDED");
	fixture.store = NULL;
	chan_free(ch);
}

/* Starts the role with its channel to store.  Configure it next. */
static void
fixture_init(void)
{
	int	sv[2];

	fixture.child.role = ROLE_FRONT;
	fixture.child.pf = -1;
	fixture.child.def = &role_front;
	if (fixture.child.base == NULL)
		fixture.child.base = event_base_new();
	if (fixture.child.base == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		abort();
	fixture.store = chan_new(fixture.child.base, sv[0], "front",
	    fixture_rules, NULL, fixture_ended);
	if (fixture.store == NULL)
		abort();
	role_front.peer(&fixture.child, ROLE_STORE, 0, sv[1]);
}

static void
fixture_configure(struct config *conf)
{
	struct config	*old = fixture.child.conf;

	fixture.child.conf = conf;
	role_front.configure(&fixture.child, old);
	config_free(old);
	if (old == NULL) {
		role_front.run(&fixture.child);
		role_front.start(&fixture.child);
	}
}

static inline void
fixture_host(const struct addr *a, int64_t white, int64_t trapped,
    uint8_t reason)
{
	struct host	h;

	memset(&h, 0, sizeof(h));
	addr_cut(a, &fixture.child.conf->grey.admit, &h.key);
	h.white = white;
	h.trapped = trapped;
	h.reason = reason;
	if (proto_put_host(chan_ipc(fixture.store), &h) == 0)
		(void)chan_send(fixture.store, -1);
}

static inline void
fixture_hosts_begin(void)
{
	if (proto_put_hosts_begin(chan_ipc(fixture.store),
	    &fixture.child.conf->grey.admit) == 0)
		(void)chan_send(fixture.store, -1);
}

/* Sends what store knows of the clock: that it is right, or "none". */
static inline void
fixture_clock(const char *word)
{
	if (proto_put_clock(chan_ipc(fixture.store),
	    strcmp(word, "none") == 0 ? 0 : clock_wall()) == 0)
		(void)chan_send(fixture.store, -1);
}

static inline void
fixture_hosts_end(void)
{
	(void)chan_send_empty(fixture.store, MSG_HOSTS_END, 0);
}

#endif
