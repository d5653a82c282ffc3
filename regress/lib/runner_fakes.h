/*
 * Modules for the tests of the runner.  At each stage they do what the test
 * says and record it.
 */
#ifndef RUNNER_FAKES_H
#define RUNNER_FAKES_H

#include "regress/lib/runner_fixture.h"

extern const struct module mod_one, mod_two, mod_sparing, mod_bare;

/* What each module does at each stage, and what it did. */
struct fake {
	struct verdict	 v[STAGE_MAX];
	int		 resume_inside;
	int32_t		 points[STAGE_MAX];
	int		 ticks;
};
static struct fake	fakes[3];
static char		trace[1024];

struct fake_conf {
	int	size;
};
struct fake_data {
	int	calls;
};

static const struct module *const fake_mods[3] = {
	&mod_one, &mod_two, &mod_sparing
};

static void
note(const char *what, const struct module *mod, int n)
{
	size_t	len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s%s:%s/%d",
	    len > 0 ? " " : "", what, mod->name, n);
}

static struct verdict
act(struct msession *s, int i, enum stage stage, void *conf)
{
	struct fake_data	*d = module_data(s, fake_mods[i]);
	struct fake_conf	*c = conf;

	d->calls++;
	note(stage_str(stage), fake_mods[i], c->size);
	if (fakes[i].points[stage] != 0)
		module_points(s, fake_mods[i], fakes[i].points[stage],
		    "at %s", stage_str(stage));
	if (fakes[i].resume_inside)
		module_resume(s->key, fake_mods[i],
		    verdict_reject(550, "5.7.1", "too quick"));
	return (fakes[i].v[stage]);
}

#define HOOK(n, stage) static struct verdict \
hook_##n##_##stage(struct msession *s, void *conf) \
{ \
	return (act(s, n, stage, conf)); \
}
#define HOOKS(n) HOOK(n, STAGE_CONNECT) HOOK(n, STAGE_BANNER) \
	HOOK(n, STAGE_MAIL) HOOK(n, STAGE_RCPT) HOOK(n, STAGE_EOM) \
	HOOK(n, STAGE_CLOSE) HOOK(n, STAGE_EVENT) \
static void forget_##n(struct msession *s, void *conf) \
{ \
	(void)s; \
	(void)conf; \
	note("forget", fake_mods[n], 0); \
} \
static void tick_##n(void) \
{ \
	fakes[n].ticks++; \
}
#define HOOK_TABLE(n) { \
	[STAGE_CONNECT] = hook_##n##_STAGE_CONNECT, \
	[STAGE_BANNER] = hook_##n##_STAGE_BANNER, \
	[STAGE_MAIL] = hook_##n##_STAGE_MAIL, \
	[STAGE_RCPT] = hook_##n##_STAGE_RCPT, \
	[STAGE_EOM] = hook_##n##_STAGE_EOM, \
	[STAGE_CLOSE] = hook_##n##_STAGE_CLOSE, \
	[STAGE_EVENT] = hook_##n##_STAGE_EVENT }
HOOKS(0)
HOOKS(1)
HOOKS(2)

static int
option(void *conf, const char *keyword, const struct module_arg *a, size_t n,
    int off, const char **error)
{
	(void)keyword;
	(void)n;
	(void)off;
	(void)error;
	((struct fake_conf *)conf)->size = (int)a[0].n;
	return (0);
}

static const struct module_option options[] = {
	{ "size", "%n", NULL, 0, 0, "5", 0, 0, "a number" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};
static const char *const own_counters[] = { "apples", "pears", NULL };

#define MODULE(n, NAME, ...) const struct module mod_##NAME = { \
	.name = #NAME, .options = options, \
	.conf_size = sizeof(struct fake_conf), \
	.data_size = sizeof(struct fake_data), .option = option, \
	.hook = HOOK_TABLE(n), .forget = forget_##n, .tick = tick_##n, \
	__VA_ARGS__ }
MODULE(0, one, .on_error = ONERR_ACCEPT, .counters = own_counters);
MODULE(1, two, .on_error = ONERR_TEMPFAIL, .says = "content");
static const char *const sparing_drops[] = { "X-One", "X-Two", NULL };
MODULE(2, sparing, .drops = sparing_drops, .spares_roles = 1, .spares_whitelisted = 1,
    .on_error = ONERR_MARK);
const struct module mod_bare = { .name = "bare" };

/* A module without an EOM hook. */
static unsigned int	 light_calls;

static struct verdict
hook_light(struct msession *s, void *conf)
{
	(void)s;
	(void)conf;
	light_calls++;
	return (verdict_next());
}
const struct module mod_light = { .name = "light",
    .hook = { [STAGE_CONNECT] = hook_light } };
const struct module *const modules[] = {
	&mod_bare, &mod_light, &mod_one, &mod_sparing, &mod_two, NULL
};

#define IDLE	"connect:one/5 connect:two/5 connect:sparing/5"

static inline void
reset(void)
{
	memset(fakes, 0, sizeof(fakes));
	trace[0] = '\0';
	(void)fix_logged();
	(void)fix_said();
	fix_settled = 0;
}

static int64_t	stat_value;
static inline void
stat_look(const char *name, int64_t value, void *arg)
{
	if (strcmp(name, arg) == 0)
		stat_value = value;
}
static inline int64_t
stat_of(const char *name)
{
	char	text[64];

	snprintf(text, sizeof(text), "%s", name);
	stat_value = -1;
	run_stats(stat_look, text);
	return (stat_value);
}

#endif
