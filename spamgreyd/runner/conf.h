/*
 * The modules' blocks of the configuration: the words of the file become
 * options, the options arguments, the arguments a module's settings.  The
 * parent does this to check the file; pass does it again with the options that
 * the parent sends.  A program that uses this file links all modules;
 * spamgreydb does not.
 */
#ifndef CONF_MODULE_H
#define CONF_MODULE_H

#include <stddef.h>

#include "lib/conf/config.h"
#include "spamgreyd/runner/module.h"

/*
 * conf_args.c, pure: reads the words that follow an option's keyword by its
 * form (option.h).  args must have room for nwords entries; their texts are
 * those of the words.  *off is set if the word was "no".  Returns how many
 * words were used, or -1 with *error saying what is wrong, which is static
 * until the next call.
 */
int	 conf_module_args(const struct module_option *,
	    const struct conf_word *, size_t nwords, struct module_arg *args,
	    size_t *nargs, int *off, const char **error);

/*
 * Splits the text of a default into words: blanks separate them, quotes keep
 * them together.  The caller frees the array and the texts.
 */
struct conf_word *conf_module_words(const char *def, size_t *n);

/*
 * Turns m's raw words into its options by the module's table, gives all of them
 * to the module (option, check) and reports each mistake with its line.  The
 * raw words are freed.  0, or -1: something was reported.
 */
int	 conf_module_split_all(struct conf_module *,
	    void (*report)(const char *line, void *), void *arg);
/*
 * conf_full.c: the same, and then adds the defaults as if the file had them, so
 * that -nv prints them.
 */
int	 conf_module_split_full(struct conf_module *,
	    void (*report)(const char *line, void *), void *arg);

/* The module's option of that keyword; NULL: it has none. */
const struct module_option *conf_module_option(const struct module *,
	    const char *keyword);

/* The module of that name, or of "NAME.name", one of many; NULL: none. */
const struct module *conf_module_find(const char *name);

/* where NULL: not about one line; keyword NULL: not about one option. */
typedef void (*conf_module_failed)(const char *where, const char *keyword,
	    const char *error, int warning, void *);
/*
 * Fills a module's settings: defaults where the configuration has no option,
 * then the options, then its check.  conf is conf_size zeroed bytes; clearing
 * it (conf_clear) is left to the caller, also after failures.  Each failure and
 * each warning is told to failed.  Returns the number of failures.
 */
unsigned int conf_module_apply(const struct module *,
	    const struct conf_module *, void *conf, conf_module_failed,
	    void *arg);
/* The same without the module's check of all together. */
unsigned int conf_module_options(const struct module *,
	    const struct conf_module *, void *conf, conf_module_failed,
	    void *arg);

#endif
