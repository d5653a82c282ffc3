/*
 * What modules call: the makers of verdicts, and what the runner does for
 * modules (module.h).  No module is known by its name here.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/rate.h"
#include "spamgreyd/runner/runner_int.h"

/* Bytes of a log line, hosts that are remembered, milliseconds of a day. */
#define API_LINE	1024
#define VOUCHED_HOSTS	4096
#define VOUCHED_MS	86400000

const char *
stage_str(enum stage stage)
{
	static const char *const names[STAGE_MAX] = {
		"connect", "banner", "helo", "mail", "rcpt", "rcpt-reply",
		"data", "eom", "close", "event"
	};

	return (stage < STAGE_MAX ? names[stage] : "unknown");
}

/* A zeroed verdict is VERDICT_NEXT. */
struct verdict
verdict_next(void)
{
	struct verdict	v;

	memset(&v, 0, sizeof(v));
	return (v);
}

/* A wait of 0 or less would be late at once. */
struct verdict
verdict_wait(int64_t ms)
{
	struct verdict	v = verdict_next();

	v.kind = VERDICT_WAIT;
	v.ms = ms < 1 ? 1 : ms;
	return (v);
}

/* A delay of 0 is no delay; a longer one is cut to what clients wait for. */
struct verdict
verdict_delay(int64_t ms)
{
	struct verdict	v = verdict_next();

	if (ms > 0) {
		v.kind = VERDICT_DELAY;
		v.ms = ms > MODULE_DELAY_MAX ? MODULE_DELAY_MAX : ms;
	}
	return (v);
}

/*
 * Makes a refusal.  Its text may contain hostile text, so everything except
 * printable ASCII is replaced: a line end would end the reply.
 */
static struct verdict __attribute__((__format__(printf, 4, 0)))
refusal(enum verdict_kind kind, int code, const char *enhanced,
    const char *fmt, va_list ap)
{
	struct verdict	 v = verdict_next();
	char		*p;

	v.kind = kind;
	v.code = code;
	snprintf(v.enhanced, sizeof(v.enhanced), "%s", enhanced);
	vsnprintf(v.text, sizeof(v.text), fmt, ap);
	for (p = v.text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return (v);
}

/*
 * The makers of refusals replace a code of the wrong class: it is a mistake of
 * the module, and the client must get a reply that means what the verdict says.
 */
struct verdict
verdict_tempfail(int code, const char *enhanced, const char *fmt, ...)
{
	struct verdict	v;
	va_list		ap;

	if (code < 400 || code > 499) {
		code = 451;
		enhanced = "4.3.0";
	}
	va_start(ap, fmt);
	v = refusal(VERDICT_TEMPFAIL, code, enhanced, fmt, ap);
	va_end(ap);
	return (v);
}

struct verdict
verdict_reject(int code, const char *enhanced, const char *fmt, ...)
{
	struct verdict	v;
	va_list		ap;

	if (code < 500 || code > 599) {
		code = 550;
		enhanced = "5.7.1";
	}
	va_start(ap, fmt);
	v = refusal(VERDICT_REJECT, code, enhanced, fmt, ap);
	va_end(ap);
	return (v);
}

/* Only 421 and 554 can end a session. */
struct verdict
verdict_close(int64_t ms, int code, const char *enhanced, const char *fmt, ...)
{
	struct verdict	v;
	va_list		ap;

	if (code != 421 && code != 554) {
		code = 421;
		enhanced = "4.3.2";
	}
	va_start(ap, fmt);
	v = refusal(VERDICT_CLOSE, code, enhanced, fmt, ap);
	va_end(ap);
	v.ms = ms < 0 ? 0 : ms > MODULE_DELAY_MAX ? MODULE_DELAY_MAX : ms;
	return (v);
}

/* The text is for the log.  It is cut to the size of a reply's text. */
struct verdict
verdict_error(const char *fmt, ...)
{
	struct verdict	v = verdict_next();
	va_list		ap;

	v.kind = VERDICT_ERROR;
	va_start(ap, fmt);
	vsnprintf(v.text, sizeof(v.text), fmt, ap);
	va_end(ap);
	return (v);
}

/* *link, unless NULL, is set to the module's link in the chain. */
struct module_one *
module_find(struct msession *s, const struct module *mod,
    const struct chain_link **link)
{
	const struct module_chain	*chain;
	size_t				 i;

	if (s->mods == NULL)
		return (NULL);
	chain = s->mods->chain;
	for (i = 0; i < s->mods->n; i++)
		if (chain->link[i].mod == mod) {
			if (link != NULL)
				*link = &chain->link[i];
			return (&s->mods->one[i]);
		}
	return (NULL);
}

void *
module_data(struct msession *s, const struct module *mod)
{
	struct module_one	*one = module_find(s, mod, NULL);

	return (one == NULL ? NULL : one->data);
}

static void __attribute__((__format__(printf, 3, 0)))
add_points(struct points *p, int32_t milli, const char *fmt, va_list ap)
{
	char	why[MODULE_REASON_MAX + 1];

	vsnprintf(why, sizeof(why), fmt, ap);
	points_add(p, milli, why);
}

/* Points of a module that is log-only. */
static void __attribute__((__format__(printf, 4, 0)))
log_points(struct msession *s, const struct module *mod, int32_t milli,
    const char *fmt, va_list ap)
{
	char	why[MODULE_REASON_MAX + 1], enc[MODULE_REASON_MAX * 4 + 1];

	vsnprintf(why, sizeof(why), fmt, ap);
	chain_count(mod, MSTAT_LOG_ONLY);
	log_event(s->id, mod->name, "log-only points=%g reason=%s",
	    (double)milli / 1000, log_encode_str(enc, sizeof(enc), why));
}

/*
 * Returns 1 if what happens now belongs to the message, 0 if it belongs to the
 * whole session.  Events belong to the session whenever they come.
 */
static int
of_message(const struct msession *s)
{
	if (s->mods->in_event)
		return (0);
	return (s->from != NULL || (s->mods->under_way &&
	    s->mods->run.stage >= STAGE_MAIL &&
	    s->mods->run.stage <= STAGE_EOM));
}

/*
 * Adds points to the message or the session, or logs them if the module is
 * log-only. 0 points are ignored.
 */
static void __attribute__((__format__(printf, 5, 0)))
give_points(struct msession *s, const struct module *mod, int message,
    int32_t milli, const char *fmt, va_list ap)
{
	const struct chain_link		*link;
	struct module_one		*one;

	if (milli == 0 || (one = module_find(s, mod, &link)) == NULL)
		return;
	if (link->log_only) {
		log_points(s, mod, milli, fmt, ap);
		return;
	}
	chain_count(mod, MSTAT_POINTS);
	add_points(message ? &one->message : &one->session, milli, fmt, ap);
}

void
module_points(struct msession *s, const struct module *mod, int32_t milli,
    const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	give_points(s, mod, of_message(s), milli, fmt, ap);
	va_end(ap);
}

void
module_session_points(struct msession *s, const struct module *mod,
    int32_t milli, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	give_points(s, mod, 0, milli, fmt, ap);
	va_end(ap);
}

/*
 * EVENT_VIRUS and EVENT_SPAM are reported once a message, other events each
 * time.
 */
void
module_event(struct msession *s, const struct module *mod,
    enum host_event event)
{
	const struct chain_link		*link;

	if (module_find(s, mod, &link) == NULL)
		return;
	if (link->log_only) {
		chain_count(mod, MSTAT_LOG_ONLY);
		log_event(s->id, mod->name, "log-only event=%s",
		    host_event_str(event));
		return;
	}
	if (event == EVENT_VIRUS || event == EVENT_SPAM) {
		content_event(s, event);
		return;
	}
	s->events |= 1U << event;
	runner->event(s->mods->owner, event);
}

void
module_count(const struct module *mod, unsigned int i)
{
	chain_count_own(mod, i);
}

/*
 * The line is cut at API_LINE bytes.  The module must have encoded hostile text
 * in it.
 */
void
module_log(struct msession *s, const struct module *mod, const char *fmt, ...)
{
	char	line[API_LINE];
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_event(s->id, mod->name, "%s", line);
}

/* A module that is log-only must not change what the client sees. */
void
module_teaser(struct msession *s, const char *text)
{
	size_t		 i;

	if (s->mods == NULL || !s->mods->under_way ||
	    s->mods->run.stage != STAGE_BANNER)
		return;
	for (i = 0; i < s->mods->n; i++)
		if (s->mods->one[i].in_hook && s->mods->chain->link[i].log_only)
			return;
	runner->teaser(s->mods->owner, text);
}

/*
 * Hosts for which module_vouch was called.  The answer of a list in the DNS
 * comes after CONNECT, too late for modules that act there; on the next
 * connection they know it.
 */
static struct rate	*vouched;

/* A host is what the greylist takes for one (grey admit). */
static void
host_of(const struct msession *s, struct addr *host)
{
	addr_cut(&s->client, &s->mods->chain->conf->grey.admit, host);
}

void
/* Without memory the host is only vouched for in this session. */
module_vouch(struct msession *s)
{
	struct addr	 host;

	if (s->mods != NULL)
		s->mods->vouched = 1;
	s->vouched = 1;
	host_of(s, &host);
	if (vouched != NULL || (vouched = rate_new(VOUCHED_HOSTS)) != NULL)
		(void)rate_add(vouched, &host, sizeof(host), VOUCHED_MS,
		    clock_mono(), 1);
}

int
run_was_vouched(const struct msession *s)
{
	struct addr	host;

	if (vouched == NULL)
		return (0);
	host_of(s, &host);
	return (rate_add(vouched, &host, sizeof(host), VOUCHED_MS,
	    clock_mono(), 0) > 0);
}

/*
 * For hosts that are known it does not matter what others in their network do.
 */
int
module_no_network(const struct msession *s)
{
	return (s->whitelisted || s->loopback || s->white || s->vouched);
}

/* A session that has no modules attached counts as gone. */
struct msession *
module_session(uint64_t key)
{
	struct msession	*s = runner->find(key);

	return (s == NULL || s->mods == NULL ? NULL : s);
}

/*
 * Only notes the verdict; the session continues from the event loop.  So a
 * module may call this from anywhere, and no session has changed when it
 * returns.  A second answer is ignored.
 */
void
module_resume(uint64_t key, const struct module *mod, struct verdict v)
{
	struct msession		*s = runner->find(key);
	struct module_one	*one;

	if (s == NULL || (one = module_find(s, mod, NULL)) == NULL ||
	    one->answered)
		return;
	if (one->in_hook)
		log_warnx("module %s: module_resume called from its own hook",
		    mod->name);
	else if (!one->waits)
		return;
	if (v.kind == VERDICT_WAIT)
		v = verdict_next();
	one->answer = v;
	one->answered = 1;
	if (s->mods->under_way && !one->in_hook)
		event_active(&s->mods->ev, EV_TIMEOUT, 0);
}

struct event_base *
module_base(void)
{
	return (runner_base);
}
