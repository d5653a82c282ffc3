/*
 * Runs the pass role alone in one process.  The test plays store and a front,
 * and sets the verdicts of one module, "play".  Time moves only when the test
 * moves it, for the timers of the event loop too.
 */
#ifndef PASS_PLAY_H
#define PASS_PLAY_H

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

struct play {				/* what the module does at a stage */
	struct verdict	 v;
	int32_t		 points;
	int		 event;		/* -1: none */
	int		 once;		/* of v */
};

struct fixture {
	struct child	 child;
	struct chan	*store, *front;
	/* Called with what they and the module get, in words; may be NULL. */
	void		(*heard)(const char *who, const char *line);
	struct play	 play[STAGE_MAX];
	char		*wants[16];	/* at EOM, see play_want */
	size_t		 nwants;
	uint64_t	 waits;		/* key of the waiting session */
	int64_t		 offset;	/* s, of the loop's clock */
};
static struct fixture	fixture;

const char buildid[] = "fixture";

/* libevent calls this one, so its timers follow the test's clock. */
int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int	r;

	r = (int)syscall(SYS_clock_gettime, id, ts);
	if (r == 0 && id != CLOCK_REALTIME)
		ts->tv_sec += fixture.offset;
	return (r);
}

static inline void
fixture_advance(int64_t seconds)
{
	fixture.offset += seconds;
	clock_fake_advance(seconds);
}

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

static void fixture_hear(const char *, const char *, ...)
    __attribute__((__format__(printf, 2, 3)));

static void
fixture_hear(const char *who, const char *fmt, ...)
{
	char	line[8192];
	va_list	ap;

	if (fixture.heard == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fixture.heard(who, line);
}

/* The module. */
extern const struct module mod_play;

/*
 * What the module does at EOM:
 *	add NAME VALUE, insert N NAME VALUE, change N NAME VALUE,
 *	delete N NAME, body TEXT, rcpt-add PATH, rcpt-delete PATH, from PATH,
 *	found virus|spam|unwanted|unscannable NAME, error WHY
 * -1: it was refused.
 */
static int
play_want(struct msession *s, const char *text, struct verdict *v)
{
	struct msgedit	*e = module_edit(s, &mod_play);
	char		*copy = strdup(text), *arg = copy, *word, *name;
	unsigned int	 n = 0;
	int		 r;

	if (copy == NULL || e == NULL)
		abort();
	word = strsep(&arg, " ");
	if (strcmp(word, "insert") == 0 || strcmp(word, "change") == 0 ||
	    strcmp(word, "delete") == 0)
		n = (unsigned int)atoi(strsep(&arg, " "));
	if (strcmp(word, "body") == 0)
		r = msgedit_body(e, arg, strlen(arg));
	else if (strcmp(word, "rcpt-add") == 0)
		r = module_rcpt_add(s, &mod_play, arg, NULL);
	else if (strcmp(word, "rcpt-delete") == 0)
		r = module_rcpt_delete(s, &mod_play, arg);
	else if (strcmp(word, "from") == 0)
		r = module_from_change(s, &mod_play, arg, NULL);
	else if (strcmp(word, "error") == 0) {
		*v = verdict_error("%s", arg);
		r = 0;
	} else {
		name = strsep(&arg, " ");
		if (strcmp(word, "add") == 0)
			r = msgedit_add(e, name, arg);
		else if (strcmp(word, "insert") == 0)
			r = msgedit_insert(e, n, name, arg);
		else if (strcmp(word, "change") == 0)
			r = msgedit_change(e, n, name, arg);
		else if (strcmp(word, "delete") == 0)
			r = msgedit_change(e, n, name, NULL);
		else if (strcmp(word, "found") == 0) {
			*v = module_found(s, &mod_play, (enum content_class)
			    conf_class_find(name), arg);
			r = 0;
		} else
			abort();
	}
	free(copy);
	return (r);
}

static struct verdict
play_hook(struct msession *s, enum stage stage)
{
	struct play	*p = &fixture.play[stage];
	struct verdict	 v = p->v;
	size_t		 i;

	fixture_hear("mod", "%s from=%s rcpt=%s role=%d code=%d accepted=%u "
	    "messages=%u size=%lld", stage_str(stage),
	    s->from == NULL ? "-" : s->from, s->rcpt == NULL ? "-" : s->rcpt,
	    s->rcpt_is_role, s->reply_code, s->accepted, s->messages,
	    s->spool == NULL ? -1 : (long long)spool_size(s->spool));
	if (p->points != 0)
		module_points(s, &mod_play, p->points, "told so");
	if (p->event >= 0)
		module_event(s, &mod_play, (enum host_event)p->event);
	if (v.kind == VERDICT_WAIT)
		fixture.waits = s->key;
	for (i = 0; stage == STAGE_EOM && i < fixture.nwants; i++)
		if (play_want(s, fixture.wants[i], &v) == -1)
			fixture_hear("mod", "not taken: %s",
			    fixture.wants[i]);
	if (p->once)
		p->v = verdict_next();
	return (v);
}

#define PLAY(name, stage)						\
static struct verdict							\
play_##name(struct msession *s, void *conf)				\
{									\
	(void)conf;							\
	return (play_hook(s, stage));					\
}
PLAY(connect, STAGE_CONNECT)
PLAY(banner, STAGE_BANNER)
PLAY(helo, STAGE_HELO)
PLAY(mail, STAGE_MAIL)
PLAY(rcpt, STAGE_RCPT)
PLAY(reply, STAGE_RCPT_REPLY)
PLAY(data, STAGE_DATA)
PLAY(eom, STAGE_EOM)
PLAY(close, STAGE_CLOSE)
PLAY(event, STAGE_EVENT)

static int
play_option(void *conf, const char *keyword, const struct module_arg *args,
    size_t nargs, int off, const char **error)
{
	(void)conf;
	(void)keyword;
	(void)args;
	(void)nargs;
	(void)off;
	*error = "has no options";
	return (-1);
}

static void
play_forget(struct msession *s, void *conf)
{
	(void)conf;
	if (fixture.waits == s->key)
		fixture.waits = 0;
}

static const struct module_option play_options[] = {
	{ .keyword = NULL }
};
const struct module mod_play = {
	.name = "play",
	.options = play_options,
	.on_error = ONERR_TEMPFAIL,
	.option = play_option,
	.hook = {
		[STAGE_CONNECT] = play_connect, [STAGE_BANNER] = play_banner,
		[STAGE_HELO] = play_helo, [STAGE_MAIL] = play_mail,
		[STAGE_RCPT] = play_rcpt, [STAGE_RCPT_REPLY] = play_reply,
		[STAGE_DATA] = play_data, [STAGE_EOM] = play_eom,
		[STAGE_CLOSE] = play_close, [STAGE_EVENT] = play_event
	},
	.forget = play_forget
};
const struct module *const modules[] = { &mod_play, NULL };

/* Store. */
static void
store_event(struct chan *ch, struct msg *m, void *arg)
{
	struct event_msg	e;
	char			a[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	if (proto_get_event(m, &e) == -1)
		abort();
	fixture_hear("store", "EVENT %s %s", host_event_str(e.event),
	    addr_str(&e.client, a));
}

static void
store_mail(struct chan *ch, struct msg *m, void *arg)
{
	struct mail_seen	e;
	char			a[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	if (proto_get_mail_seen(m, &e) == -1)
		abort();
	fixture_hear("store", "MAIL %s %s", addr_str(&e.client, a),
	    e.bad ? "bad" : "good");
}

static void
peer_caps(struct chan *ch, struct msg *m, void *arg)
{
	struct mta_caps	c;

	(void)ch;
	if (proto_get_caps(m, &c) == -1)
		abort();
	fixture_hear(arg, "CAPS known=%d keywords=%#x size=%llu", c.known,
	    c.keywords, (unsigned long long)c.size);
}

static void
store_stat(struct chan *ch, struct msg *m, void *arg)
{
	const char	*name;
	int64_t		 value;

	(void)ch;
	(void)arg;
	if (proto_get_stat(m, &name, &value) == -1)
		abort();
	fixture_hear("store", "STAT %s %lld", name, (long long)value);
}

static void
store_stat_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	fixture_hear("store", "STAT end");
}

static const struct chan_rule store_rules[] = {
	{ MSG_EVENT, 0, store_event },
	{ MSG_MAIL_SEEN, 0, store_mail },
	{ MSG_CAPS, 0, peer_caps },
	{ MSG_STAT, 0, store_stat },
	{ MSG_STAT_END, 0, store_stat_end },
	{ 0, 0, NULL }
};

/* A front. */
static void
front_ok(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	fixture_hear("front", "OK %016llx", (unsigned long long)m->id);
}

static void
front_no(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	fixture_hear("front", "NO %016llx %s", (unsigned long long)m->id,
	    msg_get_str(m));
}

static const struct chan_rule front_rules[] = {
	{ MSG_HANDOVER_OK, 0, front_ok },
	{ MSG_HANDOVER_NO, 0, front_no },
	{ MSG_CAPS, 0, peer_caps },
	{ 0, 0, NULL }
};

static void
fixture_ended(struct chan *ch, enum chan_end end, void *arg)
{
	(void)ch;
	fixture_hear(arg, "ENDED %d", end);
	exit(2);
}

static struct chan *
fixture_peer(enum role role, const char *name, const struct chan_rule *rules)
{
	struct chan	*ch;
	int		 sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1 ||
	    (ch = chan_new(fixture.child.base, sv[0], name, rules,
	    (void *)(uintptr_t)name, fixture_ended)) == NULL)
		abort();
	role_pass.peer(&fixture.child, role, 0, sv[1]);
	return (ch);
}

/* Starts the role with its channels.  Configure it next. */
static void
fixture_init(void)
{
	enum stage	stage;

	clock_fake(1700000000, 5000000);
	for (stage = 0; stage < STAGE_MAX; stage++)
		fixture.play[stage].event = -1;
	fixture.child.role = ROLE_PASS;
	fixture.child.pf = -1;
	fixture.child.def = &role_pass;
	if (fixture.child.base == NULL)
		fixture.child.base = event_base_new();
	if (fixture.child.base == NULL)
		abort();
	fixture.store = fixture_peer(ROLE_STORE, "store", store_rules);
	fixture.front = fixture_peer(ROLE_FRONT, "front", front_rules);
}

static void
fixture_configure(struct config *conf)
{
	struct config	*old = fixture.child.conf;

	fixture.child.conf = conf;
	role_pass.configure(&fixture.child, old);
	config_free(old);
	if (old == NULL) {
		role_pass.run(&fixture.child);
		role_pass.start(&fixture.child);
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

/* Adds the module "play" to the configuration. */
static inline void
fixture_module(struct config *conf)
{
	struct conf_module	*m;

	if ((m = conf_module_new("play")) == NULL ||
	    (m->where = strdup("fixture:1")) == NULL)
		abort();
	TAILQ_INSERT_TAIL(&conf->pass->modules, m, entry);
}

static inline struct conf_relay *
fixture_relay(struct config *conf)
{
	struct conf_relay	*r;

	if ((r = conf_relay_new()) == NULL)
		abort();
	TAILQ_INSERT_TAIL(&conf->pass->relays, r, entry);
	return (r);
}

static inline void
fixture_target(struct conf_relay *r, const char *addr, uint16_t port)
{
	struct conf_target	*t;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    addr_parse(addr, &t->addr) == -1)
		abort();
	t->port = port;
	TAILQ_INSERT_TAIL(&r->targets, t, entry);
}

#endif
