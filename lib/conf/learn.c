/*
 * learn { ... }: which hosts' Received lines are believed, and which hosts are
 * never trapped.  The numbers of the block are in schema.h.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

#define WANTED	"not an address, a network (with all host bits 0) or the name " \
		"of a list"

/* May it be the name of a list? Whether there is one is known at the end. */
static int
is_name(const char *s)
{
	size_t	len = strlen(s);

	return (len > 0 && len <= 63 && strspn(s,
	    "abcdefghijklmnopqrstuvwxyz0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") == len);
}

/*
 * Addresses, networks and names of lists to the list, each once.  What is wrong
 * is reported and left out.
 */
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

/* Every name must be the one of a list. */
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

/* See conf_int.h.  Called when all lists are known. */
void
conf_check_learn(const struct config *c)
{
	check_names(c, &c->learn.trusted, "trusted");
	check_names(c, &c->learn.except, "except");
}
