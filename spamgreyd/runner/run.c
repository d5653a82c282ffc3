/*
 * The stages of a session's modules.  Asks each module in the order of the
 * configuration, waits for those that need time, and makes one outcome of all
 * verdicts.  What `log-only', `except', `on-error' and sparing postmaster mean
 * is decided here, once for all modules.  Writes to no socket and frees no
 * session.
 *
 * An answer or a timer only wakes the run (run_wakes).  All progress is made
 * there or in run_stage, so that the answer of one module never calls another.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/runner_int.h"

/* Bytes of a text that is encoded for the log. */
#define TEXT_ENC	1100

const struct runner_ops	*runner;
struct event_base	*runner_base;

void
runner_init(struct event_base *base, const struct runner_ops *ops)
{
	runner_base = base;
	runner = ops;
}

/* The refusals are the last kinds of enum verdict_kind. */
static int
is_refusal(const struct verdict *v)
{
	return (v->kind >= VERDICT_TEMPFAIL);
}

/*
 * Returns 1 if all recipients that a refusal at this stage would affect are
 * postmaster or abuse.
 */
static int
to_roles(const struct msession *s, enum stage stage)
{
	if (stage == STAGE_RCPT || stage == STAGE_RCPT_REPLY)
		return (s->rcpt_is_role);
	return ((stage == STAGE_DATA || stage == STAGE_EOM) &&
	    runner->only_roles(s->mods->owner));
}

static void
log_verdict(const struct msession *s, const struct chain_link *link,
    enum stage stage, const char *how, const struct verdict *v)
{
	char	enc[TEXT_ENC];

	log_event(s->id, link->mod->name, "%sstage=%s reply=%d/%s text=%s",
	    how, stage_str(stage), v->code, v->enhanced,
	    log_encode_str(enc, sizeof(enc), v->text));
}

/*
 * Decides what a verdict comes to under the configuration (log-only, spared
 * roles); counts and logs it.  The verdict is not WAIT and not ERROR.
 */
static struct verdict
judge(struct msession *s, const struct chain_link *link, enum stage stage,
    const struct verdict *v)
{
	static const enum module_stat stats[] = {
		[VERDICT_DELAY] = MSTAT_DELAY,
		[VERDICT_TEMPFAIL] = MSTAT_TEMPFAIL,
		[VERDICT_REJECT] = MSTAT_REJECT,
		[VERDICT_CLOSE] = MSTAT_CLOSE
	};

	if (v->kind == VERDICT_NEXT)
		return (*v);
	if (link->log_only) {
		chain_count(link->mod, MSTAT_LOG_ONLY);
		if (is_refusal(v))
			log_verdict(s, link, stage, "log-only ", v);
		else
			log_event(s->id, link->mod->name,
			    "log-only stage=%s delay=%lldms", stage_str(stage),
			    (long long)v->ms);
		return (verdict_next());
	}
	if (is_refusal(v) && link->mod->spares_roles && to_roles(s, stage)) {
		chain_count(link->mod, MSTAT_SPARED);
		log_verdict(s, link, stage, "spared ", v);
		return (verdict_next());
	}
	chain_count(link->mod, stats[v->kind]);
	if (is_refusal(v))
		log_verdict(s, link, stage, "", v);
	else
		log_debug("%016llx pass %s stage=%s delay=%lldms",
		    (unsigned long long)s->id, link->mod->name,
		    stage_str(stage), (long long)v->ms);
	return (*v);
}

/*
 * The module did not answer in time, or reported an error: `on-error' decides.
 * `unsure' makes the message (1) or all messages of the session (2) marked.
 */
static struct verdict
module_failed(struct msession *s, size_t i, enum stage stage, const char *why)
{
	const struct chain_link	*link = &s->mods->chain->link[i];
	struct verdict		 v;
	char			 enc[TEXT_ENC];

	chain_count(link->mod, MSTAT_ERRORS);
	log_event(s->id, link->mod->name, "%serror=%s stage=%s on-error=%s",
	    link->log_only ? "log-only " : "", log_encode_str(enc, sizeof(enc),
	    why), stage_str(stage), onerror_str(link->on_error));
	/*
	 * Only some of the changes may have been noted: none of them is made.
	 */
	content_failed(&s->mods->one[i]);
	if (link->log_only || link->on_error == ONERR_ACCEPT)
		return (verdict_next());
	if (link->on_error == ONERR_MARK) {
		s->mods->one[i].unsure = stage >= STAGE_MAIL &&
		    stage <= STAGE_EOM ? 1 : 2;
		return (verdict_next());
	}
	v = verdict_tempfail(451, "4.3.0", "Mail scanning is temporarily "
	    "unavailable; please try again later");
	return (judge(s, link, stage, &v));
}

/* The final outcome of a verdict that is not WAIT. */
static struct verdict
settle(struct msession *s, size_t i, enum stage stage, const struct verdict *v)
{
	if (v->kind == VERDICT_ERROR)
		return (module_failed(s, i, stage, v->text));
	return (judge(s, &s->mods->chain->link[i], stage, v));
}

/*
 * Returns 1 if module i is asked about this session at all: the client is not
 * excepted, and is not whitelisted where that matters to the module.
 */
static int
is_for(const struct msession *s, size_t i)
{
	const struct module	*mod = s->mods->chain->link[i].mod;

	return (!s->mods->one[i].excepted &&
	    !(s->whitelisted && mod->spares_whitelisted) &&
	    !(s->no_scan && mod->hook[STAGE_EOM] != NULL));
}

/*
 * Collects the prefixes of header fields that the session's modules reserve for
 * themselves.  Modules that only log reserve none.
 */
void
run_drops_init(struct msession *s)
{
	const struct chain_link	*link;
	const char *const	*d;
	size_t			 i, n = 0;

	for (i = 0; i < s->mods->n; i++) {
		link = &s->mods->chain->link[i];
		if (link->mod->drops == NULL || link->log_only ||
		    !is_for(s, i))
			continue;
		for (d = link->mod->drops; *d != NULL &&
		    n < MODULE_DROPS_MAX; d++)
			s->mods->drops[n++] = *d;
	}
}

const char *const *
run_drops(const struct msession *s)
{
	return (s->mods == NULL ? NULL : s->mods->drops);
}

static int
concerns(const struct msession *s, size_t i, enum stage stage)
{
	return (s->mods->chain->link[i].mod->hook[stage] != NULL &&
	    is_for(s, i));
}

/* The runner no longer wants the module's answer. */
static void
forget(struct msession *s, size_t i)
{
	const struct chain_link	*link = &s->mods->chain->link[i];
	struct module_one	*one = &s->mods->one[i];

	one->waits = one->answered = 0;
	if (link->mod->forget != NULL)
		link->mod->forget(s, link->conf);
}

static void
forget_waiting(struct msession *s)
{
	size_t	i;

	for (i = 0; i < s->mods->n; i++)
		if (s->mods->one[i].waits)
			forget(s, i);
}

/*
 * Calls a module's hook.  If the module called module_resume from its own hook,
 * that answer replaces a WAIT.
 */
static struct verdict
ask(struct msession *s, size_t i, enum stage stage)
{
	const struct chain_link	*link = &s->mods->chain->link[i];
	struct module_one	*one = &s->mods->one[i];
	struct verdict		 v;

	chain_count(link->mod, MSTAT_CALLS);
	one->in_hook = 1;
	v = link->mod->hook[stage](s, link->conf);
	one->in_hook = 0;
	if (one->answered && !one->waits) {
		one->answered = 0;
		if (v.kind == VERDICT_WAIT)
			v = one->answer;
	}
	return (v);
}

/*
 * Starts the timer for the earliest deadline of the modules that wait.  Without
 * one, the making of a message is under way and wakes the run.
 */
static void
arm(struct msession *s)
{
	int64_t			 due = INT64_MAX, left;
	struct timeval		 tv;
	size_t			 i;

	for (i = 0; i < s->mods->n; i++)
		if (s->mods->one[i].waits && s->mods->one[i].deadline < due)
			due = s->mods->one[i].deadline;
	if (due == INT64_MAX)
		return;
	left = due - clock_mono();
	if (left < 0)
		left = 0;
	tv.tv_sec = left / 1000;
	tv.tv_usec = (left % 1000) * 1000;
	if (event_add(&s->mods->ev, &tv) == -1)
		log_warnx("modules: cannot set a timer");
}

/*
 * The stage is over.  done may begin another stage or end the session, so
 * nothing of s may be used after it.
 */
static void
finish(struct msession *s, const struct verdict *v)
{
	struct run	*run = &s->mods->run;
	struct verdict	 outcome = *v;
	void		(*done)(struct session *, const struct verdict *);

	forget_waiting(s);
	turn_stop(s);
	event_del(&s->mods->ev);
	done = run->done;
	s->mods->under_way = 0;
	done(s->mods->owner, &outcome);
}

/*
 * Waits for module i until the time in *v has passed, but at EOM not beyond the
 * budget of the message.
 */
static void
wait_for(struct msession *s, size_t i, const struct verdict *v)
{
	const struct run	*run = &s->mods->run;
	struct module_one	*one = &s->mods->one[i];

	one->waits = 1;
	one->answered = 0;
	one->deadline = clock_mono() + v->ms;
	if (run->budget != 0 && one->deadline > run->budget)
		one->deadline = run->budget;
	/*
	 * A delay is an answer that is known already and becomes valid later
	 * (2).
	 */
	if (v->kind == VERDICT_DELAY) {
		one->answer = verdict_next();
		one->answered = 2;
	}
}

/*
 * Returns 1 if the wait for module i is over: *v is its verdict, judged.  It
 * has answered (1), its delay is over (2), or it is late.  Returns 0 if not.
 */
static int
came(struct msession *s, size_t i, int64_t now, struct verdict *v)
{
	const struct run	*run = &s->mods->run;
	struct module_one	*one = &s->mods->one[i];
	struct verdict		 answer;

	if (one->answered == 1 || (one->answered == 2 &&
	    one->deadline <= now)) {
		answer = one->answer;
		one->waits = one->answered = 0;
		*v = settle(s, i, run->stage, &answer);
		return (1);
	}
	if (one->answered == 0 && one->deadline <= now) {
		forget(s, i);
		*v = module_failed(s, i, run->stage, "no-answer-in-time");
		return (1);
	}
	return (0);
}

/*
 * All stages except EOM: asks one module after the other, from run->next on,
 * until one refuses or must be waited for.
 */
static void
advance(struct msession *s)
{
	struct run	*run = &s->mods->run;
	struct verdict	 v;
	size_t		 i;

	for (; run->next < s->mods->n; run->next++) {
		i = run->next;
		if (s->mods->one[i].waits) {
			if (!came(s, i, clock_mono(), &v)) {
				arm(s);
				return;
			}
			if (v.kind == VERDICT_DELAY) {
				wait_for(s, i, &v);
				arm(s);
				return;
			}
		} else {
			if (!concerns(s, i, run->stage))
				continue;
			v = ask(s, i, run->stage);
			if (v.kind != VERDICT_WAIT)
				v = settle(s, i, run->stage, &v);
			if (v.kind == VERDICT_WAIT ||
			    v.kind == VERDICT_DELAY) {
				wait_for(s, i, &v);
				arm(s);
				return;
			}
		}
		if (is_refusal(&v)) {
			finish(s, &v);
			return;
		}
	}
	v = verdict_next();
	finish(s, &v);
}

/* EOM: module i has answered or must be waited for. */
static void
eom_said(struct msession *s, size_t i, const struct verdict *v)
{
	struct run	*run = &s->mods->run;

	if (v->kind == VERDICT_WAIT || v->kind == VERDICT_DELAY) {
		wait_for(s, i, v);
		return;
	}
	if (is_refusal(v))
		run->refusal = *v;
	else if (s->mods->chain->link[i].mod->in_turn)
		turn_done(s, i);
}

static void
eom_ask(struct msession *s, size_t i)
{
	struct verdict	v;

	v = ask(s, i, STAGE_EOM);
	if (v.kind != VERDICT_WAIT)
		v = settle(s, i, STAGE_EOM, &v);
	eom_said(s, i, &v);
}

/*
 * EOM: asks the next modules in turn, until one of them must be waited for or
 * its changes are being made.  They share one budget: what the first one uses
 * is not there for the others.
 */
static void
eom_turn(struct msession *s)
{
	struct run	*run = &s->mods->run;
	struct verdict	 v;
	size_t		 i;

	while (run->next < s->mods->n && !is_refusal(&run->refusal) &&
	    !turn_busy(s)) {
		i = run->next++;
		if (!s->mods->chain->link[i].mod->in_turn ||
		    !concerns(s, i, STAGE_EOM))
			continue;
		if (clock_mono() >= run->budget) {
			v = module_failed(s, i, STAGE_EOM, "no-time-left");
			eom_said(s, i, &v);
		} else
			eom_ask(s, i);
	}
}

/*
 * EOM: takes the answers that have come.  The first refusal ends the stage;
 * otherwise it ends when no module is waited for.
 */
static void
gather(struct msession *s)
{
	struct run	*run = &s->mods->run;
	struct verdict	 v;
	int64_t		 now = clock_mono();
	size_t		 i, waiting;

	for (i = 0; i < s->mods->n && !is_refusal(&run->refusal); i++) {
		if (!s->mods->one[i].waits)
			continue;
		if (came(s, i, now, &v))
			eom_said(s, i, &v);
	}
	eom_turn(s);
	waiting = s->mods->making != NULL;
	for (i = 0; i < s->mods->n; i++)
		waiting += s->mods->one[i].waits;
	if (is_refusal(&run->refusal) || waiting == 0)
		finish(s, &run->refusal);
	else
		arm(s);
}

/*
 * EOM begins: asks all modules side by side, except those in turn, of which one
 * is asked at a time.  The configured time is in seconds.
 */
static void
begin_all(struct msession *s)
{
	struct run	*run = &s->mods->run;
	size_t		 i;

	turn_clear(s);
	run->budget = clock_mono() + s->mods->chain->conf->pass->scan * 1000;
	for (i = 0; i < s->mods->n && !is_refusal(&run->refusal); i++)
		if (!s->mods->chain->link[i].mod->in_turn &&
		    concerns(s, i, STAGE_EOM))
			eom_ask(s, i);
	gather(s);
}

/*
 * The timer of the session has fired, or an answer has come.  The end of a
 * stage may end the session and free it, so only its key may be used
 * afterwards.
 */
static void
run_wakes(int fd, short what, void *arg)
{
	struct msession	*s = arg;
	struct session	*owner = s->mods->owner;
	uint64_t	 key = s->key;

	(void)fd;
	(void)what;
	if (!s->mods->under_way)
		return;
	if (s->mods->run.stage == STAGE_EOM)
		gather(s);
	else
		advance(s);
	if (runner->find(key) != NULL)
		runner->settle(owner);
}

void
run_init(struct msession *s)
{
	event_assign(&s->mods->ev, runner_base, -1, 0, run_wakes, s);
}

void
run_stage(struct msession *s, enum stage stage,
    void (*done)(struct session *, const struct verdict *v))
{
	struct run	*run = &s->mods->run;

	if (s->mods->under_way) {
		log_warnx("modules: stage %s began during stage %s",
		    stage_str(stage), stage_str(run->stage));
		run_cancel(s);
	}
	run->stage = stage;
	run->next = 0;
	run->budget = 0;
	run->refusal = verdict_next();
	run->done = done;
	s->mods->under_way = 1;
	if (stage == STAGE_EOM)
		begin_all(s);
	else
		advance(s);
}

int
run_under_way(const struct msession *s)
{
	return (s->mods != NULL && s->mods->under_way);
}

void
run_cancel(struct msession *s)
{
	if (!run_under_way(s))
		return;
	forget_waiting(s);
	turn_stop(s);
	event_del(&s->mods->ev);
	s->mods->under_way = 0;
}

/*
 * The EVENT hooks.  A module whose hook is running now is not called again from
 * inside it.
 */
struct verdict
run_event(struct msession *s, enum host_event event)
{
	const struct chain_link	*link;
	struct verdict		 v;
	size_t			 i;

	s->event = event;
	s->events |= 1U << event;
	for (i = 0; s->mods != NULL && i < s->mods->n; i++) {
		link = &s->mods->chain->link[i];
		if (!concerns(s, i, STAGE_EVENT) || s->mods->one[i].in_hook)
			continue;
		chain_count(link->mod, MSTAT_CALLS);
		s->mods->in_event++;
		v = link->mod->hook[STAGE_EVENT](s, link->conf);
		s->mods->in_event--;
		if (v.kind == VERDICT_WAIT || v.kind == VERDICT_DELAY) {
			(void)module_failed(s, i, STAGE_EVENT,
			    "waits-at-an-event");
			continue;
		}
		v = settle(s, i, STAGE_EVENT, &v);
		if (is_refusal(&v))
			return (v);
	}
	return (verdict_next());
}

int
run_vouched(const struct msession *s)
{
	return (s->mods != NULL && s->mods->vouched);
}

/*
 * Ends the modules' part of a session.  CLOSE is called before forget, so that
 * a module still has its data.
 */
void
run_detach(struct msession *s)
{
	const struct chain_link	*link;
	size_t			 i;

	if (s->mods == NULL)
		return;
	run_cancel(s);
	for (i = 0; i < s->mods->n; i++) {
		link = &s->mods->chain->link[i];
		if (concerns(s, i, STAGE_CLOSE)) {
			chain_count(link->mod, MSTAT_CALLS);
			(void)link->mod->hook[STAGE_CLOSE](s, link->conf);
		}
		if (is_for(s, i) && link->mod->forget != NULL)
			link->mod->forget(s, link->conf);
		points_clear(&s->mods->one[i].session);
		points_clear(&s->mods->one[i].message);
		content_new_message(&s->mods->one[i]);
	}
	turn_clear(s);
	event_del(&s->mods->ev);
	free(s->mods);
	s->mods = NULL;
}
