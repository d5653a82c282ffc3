/*
 * The modules of a configuration with their settings, in the order of the file,
 * and the counters of all modules, which outlive a configuration.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/runner/conf.h"
#include "spamgreyd/runner/runner_int.h"

/*
 * Rounds the size of a module's data up, so that the data that follows it in
 * the same piece of memory is aligned for any type.
 */
#define DATA_ALIGN(n)	(((n) + _Alignof(max_align_t) - 1) & \
			    ~(_Alignof(max_align_t) - 1))

/* As the counters are named in the statistics; other programs read them. */
static const char *const stat_names[MSTAT_MAX] = {
	"calls", "put-off", "refused", "closed", "delayed", "points", "found",
	"errors", "log-only", "spared"
};

/*
 * The counters, in the order of module_at.  They are allocated when the first
 * one is counted, and are never freed.
 */
static struct counters {
	int		configured;
	uint64_t	stat[MSTAT_MAX];
	uint64_t	own[MODULE_COUNTERS_MAX];
}			*counters;
static size_t		 ncounters;
static struct event	 ticker;
static int		 ticking;

/*
 * Returns the counters of a module.  A module that is not in the table gets the
 * extra entry at the end, which is never reported.
 */
static struct counters *
counters_of(const struct module *mod)
{
	size_t	i, n;

	if (counters == NULL) {
		for (n = 0; modules[n] != NULL; n++)
			;
		ncounters = n + MODULE_NAMED_MAX;
		if ((counters = calloc(ncounters + 1, sizeof(*counters))) ==
		    NULL)
			fatal("modules");
	}
	for (i = 0; i < ncounters; i++)
		if (module_at(i) == mod)
			break;
	return (&counters[i]);
}

void
chain_count(const struct module *mod, enum module_stat which)
{
	counters_of(mod)->stat[which]++;
}

void
chain_count_own(const struct module *mod, unsigned int i)
{
	if (i < MODULE_COUNTERS_MAX)
		counters_of(mod)->own[i]++;
}

void
run_stats(void (*fn)(const char *name, int64_t value, void *), void *arg)
{
	const struct counters	*c;
	const struct module	*mod;
	char			 name[128];
	size_t			 i, k;

	for (i = 0; (mod = module_at(i)) != NULL; i++) {
		c = counters_of(mod);
		if (!c->configured)
			continue;
		for (k = 0; k < MSTAT_MAX; k++) {
			snprintf(name, sizeof(name), "module.%s.%s",
			    mod->name, stat_names[k]);
			fn(name, (int64_t)c->stat[k], arg);
		}
		for (k = 0; mod->counters != NULL && mod->counters[k] != NULL &&
		    k < MODULE_COUNTERS_MAX; k++) {
			snprintf(name, sizeof(name), "module.%s.%s",
			    mod->name, mod->counters[k]);
			fn(name, (int64_t)c->own[k], arg);
		}
	}
}

/*
 * Compiles `except': networks stay as they are, names of lists become bits of
 * the compiled set of lists.  Returns -1 if that failed, which was logged.
 */
static int
except_compile(struct chain_link *link, const struct conf_module *m,
    const struct config *conf)
{
	const struct conf_string	*s;
	const struct conf_list		*l;
	size_t				 n = 0;

	TAILQ_FOREACH(s, &m->except, entry)
		n++;
	if ((link->except = calloc(n + 1, sizeof(*link->except))) == NULL) {
		log_warn("module %s", m->name);
		return (-1);
	}
	TAILQ_FOREACH(s, &m->except, entry) {
		if (prefix_parse(s->text, &link->except[link->nexcept]) == 0) {
			link->nexcept++;
			continue;
		}
		TAILQ_FOREACH(l, &conf->lists, entry)
			if (strcmp(l->name, s->text) == 0)
				break;
		if (l == NULL || l->index >= ADDRSET_LISTS_MAX) {
			log_warnx("module %s: except: unknown list \"%s\"",
			    m->name, s->text);
			return (-1);
		}
		link->except_lists |= UINT64_C(1) << l->index;
	}
	return (0);
}

/* Returns 1 if the client is in `except'. */
static int
excepts(const struct chain_link *link, const struct config *conf,
    const struct addr *client)
{
	size_t	i;

	for (i = 0; i < link->nexcept; i++)
		if (prefix_has(&link->except[i], client))
			return (1);
	return (link->except_lists != 0 && addrset_lookup_mask(conf->set,
	    client, link->except_lists) != 0);
}

/* Logs a failure.  The parent has logged the warnings, with their lines. */
static void
apply_failed(const char *where, const char *keyword, const char *error,
    int warning, void *arg)
{
	const struct conf_module	*m = arg;

	if (warning)
		return;
	log_warnx("%s: module %s: %s%s%s", where != NULL ? where :
	    m->where != NULL ? m->where : "configuration", m->name,
	    keyword != NULL ? keyword : "", keyword != NULL ? ": " : "", error);
}

/*
 * Fills one link of the chain: defaults of the module and of the pass block,
 * then the module's settings.  conf gets one byte more than conf_size, because
 * calloc() of 0 bytes may return NULL.  Returns -1 if something failed, which
 * was logged.
 */
static int
link_fill(struct chain_link *link, struct conf_module *m,
    const struct config *conf)
{
	const struct module	*mod = link->mod;
	unsigned int		 i;

	link->log_only = m->log_only;
	link->on_error = m->on_error < 0 ? mod->on_error :
	    (enum module_error)m->on_error;
	for (i = 0; i < CLASS_MAX; i++)
		link->strategy[i] = m->strategy[i] >= 0 ?
		    (uint8_t)m->strategy[i] : conf->pass->strategy[i];
	if ((link->conf = calloc(1, mod->conf_size + 1)) == NULL) {
		log_warn("module %s", m->name);
		return (-1);
	}
	if (mod->self != NULL)
		mod->self(link->conf, mod);
	if (conf_module_apply(mod, m, link->conf, apply_failed, m) > 0)
		return (-1);
	return (except_compile(link, m, conf));
}

/* Each second: calls the tick of every module that was ever configured. */
static void
chain_tick(int fd, short what, void *arg)
{
	size_t	i;

	(void)fd;
	(void)what;
	(void)arg;
	for (i = 0; modules[i] != NULL; i++)
		if (modules[i]->tick != NULL &&
		    counters_of(modules[i])->configured)
			modules[i]->tick();
}

/*
 * Starts the timer for chain_tick.  A process has one, however many
 * configurations follow each other.
 */
static int
ticker_start(void)
{
	static const struct timeval	second = { 1, 0 };

	if (ticking)
		return (0);
	if (event_assign(&ticker, runner_base, -1, EV_PERSIST, chain_tick,
	    NULL) == -1 || event_add(&ticker, &second) == -1) {
		log_warnx("modules: cannot set a timer");
		return (-1);
	}
	ticking = 1;
	return (0);
}

/*
 * After a reload the new chain exists beside the old ones, which stay until
 * their last session has ended.
 */
struct module_chain *
chain_new(const struct config *conf)
{
	struct module_chain	*chain;
	struct chain_link	*link;
	struct conf_module	*m;
	size_t			 i;

	if ((chain = calloc(1, sizeof(*chain))) == NULL) {
		log_warn("modules");
		return (NULL);
	}
	chain->conf = conf;
	if (ticker_start() == -1)
		goto fail;
	if (conf->pass == NULL)
		return (chain);
	TAILQ_FOREACH(m, &conf->pass->modules, entry) {
		link = &chain->link[chain->n];
		if (chain->n == MODULES_MAX ||
		    (link->mod = module_named(m->name)) == NULL) {
			log_warnx("module %s: %s", m->name, chain->n ==
			    MODULES_MAX ? "too many modules" : "unknown or "
			    "used under too many names since the start");
			goto fail;
		}
		for (i = 0; i < chain->n; i++)
			if (chain->link[i].mod == link->mod) {
				log_warnx("module %s: given twice", m->name);
				goto fail;
			}
		chain->n++;
		if (link_fill(link, m, conf) == -1)
			goto fail;
		chain->data_size += DATA_ALIGN(link->mod->data_size);
		counters_of(link->mod)->configured = 1;
	}
	return (chain);
fail:
	chain_free(chain);
	return (NULL);
}

void
chain_free(struct module_chain *chain)
{
	struct chain_link	*link;
	size_t			 i;

	if (chain == NULL)
		return;
	for (i = 0; i < chain->n; i++) {
		link = &chain->link[i];
		if (link->conf != NULL && link->mod->conf_clear != NULL)
			link->mod->conf_clear(link->conf);
		free(link->conf);
		free(link->except);
	}
	free(chain);
}

int
chain_any(const struct module_chain *chain)
{
	return (chain != NULL && chain->n > 0);
}

int
chain_names(const struct module_chain *chain)
{
	size_t	i;

	for (i = 0; chain != NULL && i < chain->n; i++)
		if (chain->link[i].mod->asks_name)
			return (1);
	return (0);
}

/*
 * Opens all modules of the program, not only the configured ones: a reload may
 * configure any of them, and then the process has no privilege left to open
 * anything.
 */
int
chain_open(void)
{
	size_t	i;

	for (i = 0; modules[i] != NULL; i++)
		if (modules[i]->open != NULL && modules[i]->open() == -1) {
			log_warnx("module %s: cannot start", modules[i]->name);
			return (-1);
		}
	return (0);
}

/*
 * Attaches the modules to a session.  Their state and their data are one piece
 * of memory: the state, one entry for each module, then each module's data.
 */
int
run_attach(struct msession *s, struct session *owner,
    const struct module_chain *chain)
{
	struct module_state		*st;
	uint8_t				*data;
	size_t				 i, head;

	head = DATA_ALIGN(sizeof(*st) + chain->n * sizeof(st->one[0]));
	if ((st = calloc(1, head + chain->data_size + 1)) == NULL)
		return (-1);
	data = (uint8_t *)st + head;
	st->owner = owner;
	st->chain = chain;
	st->n = chain->n;
	for (i = 0; i < chain->n; i++) {
		st->one[i].data = data;
		data += DATA_ALIGN(chain->link[i].mod->data_size);
		st->one[i].excepted = (uint8_t)excepts(&chain->link[i],
		    chain->conf, &s->client);
	}
	s->mods = st;
	s->vouched = run_was_vouched(s);
	run_init(s);
	run_drops_init(s);
	return (0);
}
