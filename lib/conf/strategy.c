/*
 * The words of strategy.h.
 */
#include <stddef.h>
#include <string.h>

#include "lib/conf/strategy.h"

static const char *const classes[CLASS_MAX] = {
	"virus", "spam", "unwanted", "unscannable"
};
static const char *const strategies[STRATEGY_MAX] = {
	"reject", "tempfail", "mark"
};
static const char *const onerrors[ONERR_MAX] = {
	"accept", "tempfail", "mark"
};

static int
find(const char *const *words, int n, const char *word)
{
	int	i;

	for (i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (i);
	return (-1);
}

const char *
class_str(enum content_class class)
{
	return (class < CLASS_MAX ? classes[class] : "unknown");
}

const char *
strategy_str(enum conf_strategy strategy)
{
	return (strategy < STRATEGY_MAX ? strategies[strategy] : "unknown");
}

const char *
onerror_str(enum module_error onerror)
{
	return (onerror < ONERR_MAX ? onerrors[onerror] : "unknown");
}

int
conf_class_find(const char *word)
{
	return (find(classes, CLASS_MAX, word));
}

int
conf_strategy_find(const char *word)
{
	return (find(strategies, STRATEGY_MAX, word));
}

int
conf_onerror_find(const char *word)
{
	return (find(onerrors, ONERR_MAX, word));
}
