/*
 * Makes a module's block from a text, as the parser makes it, and frees it.
 * Blanks and commas separate words, quotes hold a word together, and braces are
 * words of their own.
 */
#ifndef MODULE_WORDS_H
#define MODULE_WORDS_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/runner/conf.h"

static inline void
words_add(struct conf_module *m, const char *text, size_t len, int quoted,
    unsigned int line)
{
	m->raw = realloc(m->raw, (m->nraw + 1) * sizeof(*m->raw));
	m->raw_line = realloc(m->raw_line,
	    (m->nraw + 1) * sizeof(*m->raw_line));
	if (m->raw == NULL || m->raw_line == NULL ||
	    (m->raw[m->nraw].text = strndup(text, len)) == NULL)
		exit(1);
	m->raw[m->nraw].quoted = (uint8_t)quoted;
	m->raw_line[m->nraw++] = line;
}

static inline struct conf_module *
words_module(const char *name, const char *text)
{
	struct conf_module	*m;
	unsigned int		 line = 1;
	size_t			 len;

	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->name = strdup(name)) == NULL ||
	    (m->where = strdup("file:1")) == NULL)
		exit(1);
	m->on_error = -1;
	memset(m->strategy, -1, sizeof(m->strategy));
	TAILQ_INIT(&m->except);
	TAILQ_INIT(&m->options);
	for (;; text += len) {
		text += strspn(text, " \t,");
		if (*text == '\0')
			return (m);
		if (*text == '"') {
			text++;
			len = strcspn(text, "\"");
			words_add(m, text, len, 1, line);
			if (text[len] == '"')
				len++;
			continue;
		}
		if ((len = strcspn(text, " \t\n{},\"")) == 0)
			len = 1;
		words_add(m, text, len, 0, line);
		if (*text == '\n')
			line++;
	}
}

static inline void
words_free(struct conf_module *m)
{
	struct conf_option	*o;
	struct conf_string	*s;
	size_t			 i;

	while ((o = TAILQ_FIRST(&m->options)) != NULL) {
		TAILQ_REMOVE(&m->options, o, entry);
		for (i = 0; i < o->nwords; i++)
			free(o->words[i].text);
		free(o->words);
		free(o->keyword);
		free(o->where);
		free(o);
	}
	while ((s = TAILQ_FIRST(&m->except)) != NULL) {
		TAILQ_REMOVE(&m->except, s, entry);
		free(s->text);
		free(s);
	}
	for (i = 0; i < m->nraw; i++)
		free(m->raw[i].text);
	free(m->raw);
	free(m->raw_line);
	free(m->name);
	free(m->where);
	free(m);
}

#endif
