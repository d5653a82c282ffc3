/*
 * The classes of content and what may become of them, as words.  Pure; for the
 * parser, -nv and the log.
 */
#include <sys/types.h>

#include <string.h>

#include "config.h"
#include "module.h"

static const char *const classes[CLASS_MAX] = {
	"virus", "spam", "unwanted", "unscannable"
};
static const char *const strategies[STRATEGY_MARK + 1] = {
	"reject", "tempfail", "mark"
};

const char *
class_str(enum content_class class)
{
	return (class < CLASS_MAX ? classes[class] : "unknown");
}

const char *
strategy_str(enum conf_strategy strategy)
{
	return (strategy <= STRATEGY_MARK ? strategies[strategy] : "unknown");
}

int
conf_class_find(const char *word)
{
	int	i;

	for (i = 0; i < CLASS_MAX; i++)
		if (strcmp(word, classes[i]) == 0)
			return (i);
	return (-1);
}

int
conf_strategy_find(const char *word)
{
	int	i;

	for (i = 0; i <= STRATEGY_MARK; i++)
		if (strcmp(word, strategies[i]) == 0)
			return (i);
	return (-1);
}
