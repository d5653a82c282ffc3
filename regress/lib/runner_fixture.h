/*
 * Runs the runner without the rest of pass: sessions by key, a clock and an
 * event loop of the test's own, a configuration from module blocks as text, and
 * a record of all log lines.  The functions of libevent's timers are replaced
 * here: a timer fires when the test moves the clock.  The test defines
 * modules[] or links the program's.  With FIX_REAL_LOOP, loop and clock are the
 * real ones.
 */
#ifndef RUNNER_FIXTURE_H
#define RUNNER_FIXTURE_H

#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/runner_int.h"
#include "regress/lib/module_words.h"
#include "regress/lib/tap.h"

#define FIX_SESSIONS	64
#define FIX_REJECT_AT	10000	/* the defaults, in thousandths of a point */
#define FIX_MARK_AT	4000
#define FIX_EVENTS	1024	/* all that one test makes */

/* The part of pass' structures that the runner and these tests use. */
struct pass_conf {
	struct config		*conf;
	struct module_chain	*chain;
};
#define RCPTS_ROLES	1
#define RCPTS_OTHERS	2
struct rcpt {
	TAILQ_ENTRY(rcpt)	 entry;
	char			*to, *params;
	int			 accepted;
};
struct ptx {
	int			 whose;		/* RCPTS_* */
	TAILQ_HEAD(, rcpt)	 rcpts;
};
struct session {
	struct msession		 ms;
	struct pass_conf	*pc;
	struct ptx		*tx;
};

static struct event_base	*fix_base;
static struct session		*fix_sessions[FIX_SESSIONS];
static uint64_t			 fix_keys;
static int64_t			 fix_now = 1000000;	/* ms */
static struct buf		 fix_log, fix_out;
static unsigned int		 fix_stored[EVENT_MAX];
static unsigned int		 fix_settled;

#ifndef FIX_REAL_LOOP
/* libevent's timers: the linker prefers the executable's definitions. */
static struct fix_event {
	struct event		*ev;
	event_callback_fn	 fn;
	void			*arg;
	int64_t			 due;		/* 0: not armed */
	int64_t			 every;		/* EV_PERSIST: the interval */
	int			 active;
} fix_events[FIX_EVENTS];

static inline struct fix_event *
fix_event_of(const struct event *ev)
{
	size_t	i;

	for (i = 0; i < FIX_EVENTS; i++)
		if (fix_events[i].ev == ev)
			return (&fix_events[i]);
	return (NULL);
}

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short what, event_callback_fn fn, void *arg)
{
	struct fix_event	*e = fix_event_of(ev);

	(void)base;
	(void)fd;
	if (e == NULL && (e = fix_event_of(NULL)) == NULL)
		abort();
	memset(e, 0, sizeof(*e));
	e->ev = ev;
	e->fn = fn;
	e->arg = arg;
	e->every = what & EV_PERSIST;
	return (0);
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	struct fix_event	*e = fix_event_of(ev);

	if (e == NULL || tv == NULL)
		abort();
	e->due = fix_now + tv->tv_sec * 1000 + tv->tv_usec / 1000;
	if (e->every != 0)
		e->every = e->due - fix_now;
	return (0);
}

int
event_del(struct event *ev)
{
	struct fix_event	*e = fix_event_of(ev);

	if (e != NULL)
		e->due = e->active = 0;
	return (0);
}

void
event_active(struct event *ev, int what, short n)
{
	struct fix_event	*e = fix_event_of(ev);

	(void)what;
	(void)n;
	if (e == NULL)
		abort();
	e->active = 1;
}

/* One turn of the loop, in which no time passes.  Returns the calls made. */
static inline unsigned int
fix_turn(void)
{
	struct fix_event	*e;
	unsigned int		 n = 0;
	size_t			 i;

	for (i = 0; i < FIX_EVENTS; i++) {
		e = &fix_events[i];
		if (!e->active && (e->due == 0 || e->due > fix_now))
			continue;
		e->active = 0;
		e->due = e->every != 0 ? fix_now + e->every : 0;
		n++;
		e->fn(-1, EV_TIMEOUT, e->arg);
	}
	return (n);
}

/* Lets time pass, and stops at each millisecond at which a timer is due. */
static inline void
fix_pass(int64_t ms)
{
	int64_t	end = fix_now + ms, next;
	size_t	i;

	for (;;) {
		while (fix_turn() > 0)
			;
		next = end + 1;
		for (i = 0; i < FIX_EVENTS; i++)
			if (fix_events[i].due > fix_now &&
			    fix_events[i].due < next)
				next = fix_events[i].due;
		if (next > end)
			break;
		fix_now = next;
		clock_fake(1700000000 + fix_now / 1000, fix_now);
	}
	fix_now = end;
	clock_fake(1700000000 + fix_now / 1000, fix_now);
}

static inline unsigned int
fix_armed(void)
{
	unsigned int	n = 0;
	size_t		i;

	for (i = 0; i < FIX_EVENTS; i++)
		n += fix_events[i].due != 0 || fix_events[i].active;
	return (n);
}

#else
/* Runs until a stage has its outcome. */
static inline void
fix_wait(const char *const *outcome)
{
	while (*outcome == NULL)
		if (event_base_loop(fix_base, EVLOOP_ONCE) != 0)
			abort();
}
#endif

/* The functions that the runner calls of its role. */
static struct msession *
fix_find(uint64_t key)
{
	size_t	i;

	for (i = 0; i < FIX_SESSIONS; i++)
		if (fix_sessions[i] != NULL && fix_sessions[i]->ms.key == key)
			return (&fix_sessions[i]->ms);
	return (NULL);
}

static void
fix_settle(struct session *s)
{
	(void)s;
	fix_settled++;
}

static void
fix_teaser(struct session *s, const char *text)
{
	(void)s;
	if (buf_printf(&fix_out, "220-%s\r\n", text) == -1)
		exit(1);
}

static void
fix_event_store(const struct session *s, enum host_event event)
{
	(void)s;
	fix_stored[event]++;
}

static int
fix_only_roles(const struct session *s)
{
	return (s->tx != NULL && s->tx->whose == RCPTS_ROLES);
}

static const char *
fix_rcpt(const struct session *s, const void **at, const char **params)
{
	const struct rcpt	*r = *at;

	if (s->tx == NULL)
		return (NULL);
	r = r == NULL ? TAILQ_FIRST(&s->tx->rcpts) : TAILQ_NEXT(r, entry);
	while (r != NULL && !r->accepted)
		r = TAILQ_NEXT(r, entry);
	if ((*at = r) == NULL)
		return (NULL);
	*params = r->params;
	return (r->to);
}

static const struct runner_ops	fix_ops = {
	.find = fix_find, .settle = fix_settle, .teaser = fix_teaser,
	.event = fix_event_store, .only_roles = fix_only_roles,
	.rcpt = fix_rcpt
};

static inline void
fix_sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	if (buf_printf(&fix_log, "%s\n", line) == -1)
		exit(1);
}

static inline void
fix_init(void)
{
#ifdef FIX_REAL_LOOP
	if ((fix_base = event_base_new()) == NULL)
		exit(1);
#else
	clock_fake(1700000000 + fix_now / 1000, fix_now);
#endif
	runner_init(fix_base, &fix_ops);
	log_init("pass");
	log_set_sink(fix_sink, NULL);
}

/* Returns what was logged since the last call; valid until the next call. */
static inline const char *
fix_logged(void)
{
	static char	*text;

	free(text);
	text = buf_len(&fix_log) == 0 ? strdup("") :
	    strndup((const char *)buf_ptr(&fix_log), buf_len(&fix_log));
	buf_free(&fix_log);
	return (text);
}

/* Returns what was sent since the last call. */
static inline const char *
fix_said(void)
{
	static char	*text;

	free(text);
	text = buf_len(&fix_out) == 0 ? strdup("") :
	    strndup((const char *)buf_ptr(&fix_out), buf_len(&fix_out));
	buf_free(&fix_out);
	return (text);
}

static inline void
fix_report(const char *line, void *arg)
{
	(void)arg;
	printf("# %s\n", line);
}

/* Text: "name { block } name { block }"; blanks separate a block's words. */
static inline struct pass_conf *
fix_conf(const char *text)
{
	struct pass_conf	*pc;
	struct conf_module	*m;
	char			*copy, *p, *end, name[64];
	int			 depth, n;

	if ((pc = calloc(1, sizeof(*pc))) == NULL ||
	    (pc->conf = calloc(1, sizeof(*pc->conf))) == NULL ||
	    (pc->conf->pass = calloc(1, sizeof(*pc->conf->pass))) == NULL ||
	    (copy = strdup(text)) == NULL)
		exit(1);
	TAILQ_INIT(&pc->conf->lists);
	TAILQ_INIT(&pc->conf->pass->modules);
	pc->conf->pass->reject_at = FIX_REJECT_AT;
	pc->conf->pass->mark_at = FIX_MARK_AT;
	pc->conf->pass->scan = 60;
	pc->conf->pass->strategy[CLASS_UNWANTED] = STRATEGY_MARK;
	pc->conf->pass->strategy[CLASS_UNSCANNABLE] = STRATEGY_MARK;
	for (p = copy; sscanf(p, " %63[a-z0-9_] {%n", name, &n) == 1;
	    p = end + 1) {
		p += n;
		for (depth = 1, end = p; *end != '\0'; end++)
			if (*end == '{')
				depth++;
			else if (*end == '}' && --depth == 0)
				break;
		if (*end == '\0')
			abort();
		*end = '\0';
		m = words_module(name, p);
		if (conf_module_split_all(m, fix_report, NULL) == -1)
			abort();
		TAILQ_INSERT_TAIL(&pc->conf->pass->modules, m, entry);
	}
	free(copy);
	return (pc);
}

static inline void
fix_conf_free(struct pass_conf *pc)
{
	struct conf_module	*m;

	chain_free(pc->chain);
	while ((m = TAILQ_FIRST(&pc->conf->pass->modules)) != NULL) {
		TAILQ_REMOVE(&pc->conf->pass->modules, m, entry);
		words_free(m);
	}
	free(pc->conf->pass);
	free(pc->conf);
	free(pc);
}

static inline struct session *
fix_session(struct pass_conf *pc, const char *client)
{
	struct session	*s;
	size_t		 i;

	if (pc->chain == NULL && (pc->chain = chain_new(pc->conf)) == NULL)
		abort();
	for (i = 0; i < FIX_SESSIONS && fix_sessions[i] != NULL; i++)
		;
	if (i == FIX_SESSIONS || (s = calloc(1, sizeof(*s))) == NULL)
		abort();
	fix_sessions[i] = s;
	s->pc = pc;
	s->ms.key = ++fix_keys;
	s->ms.id = 0xabc;
	s->ms.hostname = "mx.example.org";
	s->ms.resolve = "FAIL";
	s->ms.start = clock_mono();
	if (addr_parse(client, &s->ms.client) == -1 ||
	    addr_parse("192.0.2.25", &s->ms.dst) == -1 ||
	    run_attach(&s->ms, s, pc->chain) == -1)
		abort();
	s->ms.loopback = addr_is_loopback(&s->ms.client);
	return (s);
}

static inline void
fix_session_free(struct session *s)
{
	size_t	i;
#ifndef FIX_REAL_LOOP
	struct fix_event	*e = fix_event_of(&s->ms.mods->ev);

	if (e != NULL)
		memset(e, 0, sizeof(*e));
#endif
	run_detach(&s->ms);
	for (i = 0; i < FIX_SESSIONS; i++)
		if (fix_sessions[i] == s)
			fix_sessions[i] = NULL;
	free(s->tx);
	free(s);
}

/* Returns the outcome of a session's stage: the reply, or "" for NEXT.  NULL:
 * it waits. */
static char		 fix_outcome_text[320];
static const char	*fix_outcome;
static unsigned int	 fix_outcomes;
static int64_t		 fix_outcome_at;

static inline const char *
fix_verdict(const struct verdict *v)
{
	static const char *const kinds[] = {
		[VERDICT_NEXT] = "", [VERDICT_WAIT] = "wait",
		[VERDICT_DELAY] = "delay", [VERDICT_ERROR] = "error ",
		[VERDICT_TEMPFAIL] = "", [VERDICT_REJECT] = "",
		[VERDICT_CLOSE] = "close "
	};

	if (v->kind == VERDICT_NEXT)
		return ("");
	snprintf(fix_outcome_text, sizeof(fix_outcome_text), "%s%d %s %s",
	    kinds[v->kind], v->code, v->enhanced, v->text);
	return (fix_outcome_text);
}

static inline void
fix_done(struct session *s, const struct verdict *v)
{
	(void)s;
	fix_outcome = fix_verdict(v);
	fix_outcome_at = fix_now;
	fix_outcomes++;
}

/* NULL: it waits. */
static inline const char *
fix_stage(struct session *s, enum stage stage)
{
	fix_outcome = NULL;
	run_stage(&s->ms, stage, fix_done);
	return (fix_outcome);
}

#endif
