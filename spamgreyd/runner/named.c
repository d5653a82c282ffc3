/*
 * Modules that may stand several times in a configuration.  For each name there
 * is one copy of the struct module.  It stays as long as the process lives,
 * because its counters do and sessions point to it.  To the runner such a copy
 * is a module like any other.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/runner/conf.h"
#include "spamgreyd/runner/runner_int.h"

static const struct module	*named[MODULE_NAMED_MAX];
static size_t			 nnamed;

const struct module *
module_at(size_t i)
{
	size_t	n;

	for (n = 0; modules[n] != NULL; n++)
		if (n == i)
			return (modules[n]);
	return (i - n < nnamed ? named[i - n] : NULL);
}

/*
 * Returns the module of that name.  "KIND.name" is a copy of the module KIND,
 * made when the name is first used; only kinds with `many' can have copies.
 */
const struct module *
module_named(const char *name)
{
	const struct module	*kind = conf_module_find(name);
	struct module		*mod;
	size_t			 i;

	if (kind == NULL || strcmp(kind->name, name) == 0)
		return (kind);
	for (i = 0; i < nnamed; i++)
		if (strcmp(named[i]->name, name) == 0)
			return (named[i]);
	if (!kind->many || nnamed == MODULE_NAMED_MAX ||
	    (mod = malloc(sizeof(*mod))) == NULL)
		return (NULL);
	*mod = *kind;
	if ((mod->name = strdup(name)) == NULL) {
		free(mod);
		return (NULL);
	}
	named[nnamed++] = mod;
	return (mod);
}
