/*
 * The options of a module's block become the module's settings: first the
 * defaults of those that were not given, then the options, then the module's own
 * check of all.  The parent does this on trial (conf.c), pass for good.
 *
 * Without memory the process ends (fatal): a configuration is never half read.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/runner/conf.h"

/*
 * "NAME.name" is a module that may stand several times; only NAME is compared.
 */
const struct module *
conf_module_find(const char *name)
{
	size_t	i, len = strcspn(name, ".");

	for (i = 0; modules[i] != NULL; i++)
		if (strncmp(modules[i]->name, name, len) == 0 &&
		    modules[i]->name[len] == '\0')
			return (modules[i]);
	return (NULL);
}

/* Returns NULL if the module has no such option. */
const struct module_option *
conf_module_option(const struct module *mod, const char *keyword)
{
	const struct module_option	*o;

	for (o = mod->options; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, keyword) == 0)
			return (o);
	return (NULL);
}

/*
 * A word needs at least one character, so the array has room for all of them.
 */
struct conf_word *
conf_module_words(const char *def, size_t *n)
{
	struct conf_word	*words;
	size_t			 len;

	*n = 0;
	if ((words = calloc(strlen(def) + 1, sizeof(*words))) == NULL)
		fatal("configuration");
	for (def += strspn(def, " "); *def != '\0'; def += strspn(def, " ")) {
		if (*def == '"') {
			len = strcspn(++def, "\"");
			words[*n].quoted = 1;
		} else
			len = strcspn(def, " ");
		if ((words[*n].text = strndup(def, len)) == NULL)
			fatal("configuration");
		def += len;
		if (words[(*n)++].quoted && *def == '"')
			def++;
	}
	return (words);
}

/*
 * Gives one option to the module and reports what is wrong with it.  Returns
 * the number of failures, 0 or 1; a warning is not a failure.
 */
static unsigned int
apply(const struct module *mod, const struct module_option *opt,
    const struct conf_option *o, void *conf, conf_module_failed failed,
    void *arg)
{
	struct module_arg	*args;
	const char		*error = NULL;
	size_t			 nargs;
	int			 used, off, rc = -1;

	if ((args = calloc(o->nwords + 1, sizeof(*args))) == NULL)
		fatal("configuration");
	used = conf_module_args(opt, o->words, o->nwords, args, &nargs, &off,
	    &error);
	if (used >= 0 && (size_t)used != o->nwords)
		error = "too many words";
	else if (used >= 0) {
		error = "invalid value";
		rc = mod->option(conf, opt->keyword, args, nargs, off, &error);
	}
	free(args);
	if (rc != 0)
		failed(o->where, opt->keyword, error,
		    rc == MODULE_OPTION_WARNED, arg);
	return (rc == -1);
}

/* The same with the option's default. */
static unsigned int
apply_default(const struct module *mod, const struct module_option *opt,
    void *conf, conf_module_failed failed, void *arg)
{
	struct conf_option	o;
	unsigned int		failures;
	size_t			i;

	memset(&o, 0, sizeof(o));
	o.words = conf_module_words(opt->def, &o.nwords);
	failures = apply(mod, opt, &o, conf, failed, arg);
	for (i = 0; i < o.nwords; i++)
		free(o.words[i].text);
	free(o.words);
	return (failures);
}

/*
 * First the defaults of options that were not given, then all options.  Returns
 * the number of failures.
 */
unsigned int
conf_module_options(const struct module *mod, const struct conf_module *m,
    void *conf, conf_module_failed failed, void *arg)
{
	const struct module_option	*opt;
	const struct conf_option	*o;
	unsigned int			 failures = 0;

	for (opt = mod->options; opt != NULL && opt->keyword != NULL; opt++) {
		if (opt->def == NULL || opt->def[0] == '\0')
			continue;
		TAILQ_FOREACH(o, &m->options, entry)
			if (strcmp(o->keyword, opt->keyword) == 0)
				break;
		if (o == NULL)
			failures += apply_default(mod, opt, conf, failed, arg);
	}
	TAILQ_FOREACH(o, &m->options, entry) {
		if ((opt = conf_module_option(mod, o->keyword)) != NULL) {
			failures += apply(mod, opt, o, conf, failed, arg);
			continue;
		}
		failed(o->where, o->keyword, "no such option", 0, arg);
		failures++;
	}
	return (failures);
}

/* The module's check runs only if all options could be read. */
unsigned int
conf_module_apply(const struct module *mod, const struct conf_module *m,
    void *conf, conf_module_failed failed, void *arg)
{
	const char	*error = "its settings contradict each other";
	unsigned int	 failures;

	failures = conf_module_options(mod, m, conf, failed, arg);
	if (failures == 0 && mod->check != NULL &&
	    mod->check(conf, &error) == -1) {
		failed(NULL, NULL, error, 0, arg);
		failures++;
	}
	return (failures);
}
