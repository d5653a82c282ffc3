/*
 * learn { … }: whose Received lines are believed, how long counts live, and
 * from which count on something follows from them.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

#define WANTED	"not an address, a network (with all host bits 0) or the name of " \
		"a list"

static int
is_name(const char *s)
{
	size_t	len = strlen(s);

	return (len > 0 && len <= 63 && strspn(s,
	    "abcdefghijklmnopqrstuvwxyz0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") == len);
}

/* Addresses, networks and names of lists; those are looked for at the end. */
void
conf_learn_items(struct conf_strings *list, const char *what,
    const struct lex_items *items)
{
	const struct lex_item	*item;
	struct conf_string	*s;
	struct prefix		 p;

	for (item = items->first; item != NULL; item = item->next) {
		if (prefix_parse(item->tok.text, &p) == -1 &&
		    !is_name(item->tok.text)) {
			conf_error(&item->tok, "learn %s: \"%s\" is " WANTED,
			    what, item->tok.text);
			continue;
		}
		TAILQ_FOREACH(s, list, entry)
			if (strcmp(s->text, item->tok.text) == 0)
				break;
		if (s != NULL) {
			conf_error(&item->tok, "learn %s: %s given twice",
			    what, item->tok.text);
			continue;
		}
		if ((s = calloc(1, sizeof(*s))) == NULL)
			fatal("configuration");
		TAILQ_INSERT_TAIL(list, s, entry);
		conf_replace(&s->text, item->tok.text);
	}
}

static void
check_names(const struct config *c, const struct conf_strings *list,
    const char *what)
{
	const struct conf_string	*s;
	struct prefix			 p;
	char				 text[40];

	snprintf(text, sizeof(text), "learn %s", what);
	TAILQ_FOREACH(s, list, entry)
		if (prefix_parse(s->text, &p) == -1 &&
		    conf_list_find(c, s->text) == NULL)
			conf_error(conf_place(text), "learn %s: \"%s\" is "
			    WANTED, what, s->text);
}

void
conf_check_learn(const struct config *c)
{
	check_names(c, &c->learn.trusted, "trusted");
	check_names(c, &c->learn.except, "except");
}
