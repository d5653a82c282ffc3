/*
 * A module's block with its defaults filled in: -nv prints what is in effect,
 * whether the file has it or not, and the same is sent to pass.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/runner/conf.h"

/* Adds an option with its default.  It has no line of its own (where NULL). */
static void
add_default(struct conf_module *m, const struct module_option *opt)
{
	struct conf_option	*o;
	struct conf_word	*words;
	size_t			 i, n;

	if ((o = conf_option_new(m, NULL, opt->keyword)) == NULL)
		fatal("configuration");
	words = conf_module_words(opt->def, &n);
	for (i = 0; i < n; i++) {
		if (conf_option_add(o, words[i].text, words[i].quoted) == -1)
			fatal("configuration");
		free(words[i].text);
	}
	free(words);
}

/*
 * An option that may stand several times gets its default only if the file has
 * none of it.  An empty default means that there is nothing to add.
 */
int
conf_module_split_full(struct conf_module *m,
    void (*report)(const char *line, void *), void *arg)
{
	const struct module		*mod = conf_module_find(m->name);
	const struct module_option	*opt;
	const struct conf_option	*o;

	if (conf_module_split_all(m, report, arg) == -1)
		return (-1);
	if (m->on_error == -1)
		m->on_error = (int)mod->on_error;
	for (opt = mod->options; opt != NULL && opt->keyword != NULL; opt++) {
		TAILQ_FOREACH(o, &m->options, entry)
			if (strcmp(o->keyword, opt->keyword) == 0)
				break;
		if (o == NULL && opt->def != NULL && *opt->def != '\0')
			add_default(m, opt);
	}
	return (0);
}
