/*
 * The statements of the pass block, and resolvers, as text: called by print.c
 * through the table of statements.  All return 0, or -1 when there is no
 * memory.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/strategy.h"
#include "spamgreyd/parent/conf/print_int.h"

/*
 * The configuration has resolvers as "192.0.2.1:53" or "[2001:db8::1]:53"; the
 * file has "address port number".
 */
static int
put_resolver(struct buf *b, const char *text)
{
	const char	*colon = strrchr(text, ':');
	int		 bracket = *text == '[';

	return (buf_printf(b, "\t%.*s port %s\n",
	    (int)(colon - text) - 2 * bracket, text + bracket, colon + 1));
}

/* Resolvers have a block of their own outside of pass. */
int
put_resolvers(struct buf *b, const struct config *c)
{
	const struct conf_strings	*list = &c->resolvers;
	const struct conf_string	*s;
	int				 r;

	if (TAILQ_EMPTY(list))
		return (0);
	r = buf_addstr(b, "resolver {\n");
	TAILQ_FOREACH(s, list, entry)
		r |= put_resolver(b, s->text);
	return (r | buf_addstr(b, "}\n"));
}

/* One target is printed alone, several in braces with commas between them. */
static int
put_targets(struct buf *b, const struct conf_relay *rel)
{
	const struct conf_target	*t;
	char				 text[ADDR_STRLEN];
	int				 r = 0, many;

	t = TAILQ_FIRST(&rel->targets);
	many = t != NULL && TAILQ_NEXT(t, entry) != NULL;
	if (many)
		r = buf_addstr(b, " {");
	TAILQ_FOREACH(t, &rel->targets, entry)
		r |= buf_printf(b, " %s port %u%s", addr_str(&t->addr, text),
		    t->port, TAILQ_NEXT(t, entry) != NULL ? "," : "");
	return (many ? r | buf_addstr(b, " }") : r);
}

/*
 * The two tables are in the order of enum relay_client and enum relay_tls.  For
 * `starttls verify' the name that the certificate must have follows.
 */
static int
put_relay(struct buf *b, const struct conf_relay *rel)
{
	static const char *const clients[] = { "", " xclient",
	    " proxy-protocol v1", " proxy-protocol v2", " transparent" };
	static const char *const tls[] = { "", " starttls try", " starttls",
	    " starttls verify " };
	int			 r;

	r = buf_addstr(b, "\trelay");
	if (!TAILQ_EMPTY(&rel->domains))
		r |= put_inline(b, " domain", &rel->domains);
	r |= buf_addstr(b, " to");
	r |= put_targets(b, rel);
	r |= buf_addstr(b, clients[rel->client]);
	r |= buf_addstr(b, tls[rel->tls]);
	if (rel->tls == RELAY_TLS_VERIFY)
		r |= put_string(b, "", rel->tls_name);
	if (rel->ca_file != NULL)
		r |= put_string(b, " ca ", rel->ca_file);
	return (r | buf_addstr(b, "\n"));
}

int
put_relays(struct buf *b, const struct config *c)
{
	const struct conf_relay	*rel;
	int			 r = 0;

	TAILQ_FOREACH(rel, &c->pass->relays, entry)
		r |= put_relay(b, rel);
	return (r);
}

int
put_pass_listens(struct buf *b, const struct config *c)
{
	return (put_listeners(b, c, 1, "\t"));
}

/*
 * Prints a head and every value of the pass block whose name begins with it,
 * all in one line: "timeout connect 30s ...".
 */
static int
put_steps(struct buf *b, const struct conf_pass *p, const char *head)
{
	const struct conf_scalar	*s;
	char				 name[CONF_NAME_MAX];
	char				 word[CONF_NAME_MAX];
	size_t				 len = strlen(head);
	int				 r;

	r = buf_printf(b, "\t%s", head);
	for (s = conf_scalars; s->form != NULL; s++) {
		if (s->block != CB_PASS || !s->own || !conf_has_value(s))
			continue;
		conf_name(s, name);
		if (strncmp(name, head, len) != 0 || name[len] != ' ')
			continue;
		r |= buf_addstr(b, name + len);
		r |= s->type == CT_WORD ? buf_printf(b, " %s",
		    conf_word(s, conf_get(s, p), word)) :
		    put_value(b, " ", VALUE_SECONDS, conf_get(s, p));
	}
	return (r | buf_addstr(b, "\n"));
}

int
put_strategy(struct buf *b, const struct config *c)
{
	return (put_steps(b, c->pass, "strategy"));
}

int
put_timeouts(struct buf *b, const struct config *c)
{
	return (put_steps(b, c->pass, "timeout"));
}

/*
 * An empty list rejects every recipient; without a list all are accepted.  So
 * an empty one is printed too.
 */
int
put_recipients(struct buf *b, const struct config *c)
{
	if (!c->pass->has_recipients)
		return (0);
	if (TAILQ_EMPTY(&c->pass->recipients))
		return (buf_addstr(b, "\trecipients { }\n"));
	return (put_strings(b, "recipients", &c->pass->recipients, "\t"));
}

/* Prints a word of a module's option in the way in which the file had it. */
static int
put_word(struct buf *b, const struct conf_word *w)
{
	if (w->quoted)
		return (put_string(b, " ", w->text));
	return (buf_printf(b, " %s", w->text));
}

/* An option of a module, in a line of its own. */
static int
put_option(struct buf *b, const struct conf_option *o)
{
	size_t	i;
	int	r;

	r = buf_printf(b, "\t\t%s", o->keyword);
	for (i = 0; i < o->nwords; i++)
		r |= put_word(b, &o->words[i]);
	return (r | buf_addstr(b, "\n"));
}

/*
 * Prints the words of a module that no table of options has parsed, if any.  A
 * bare newline ends an option.
 */
static int
put_raw(struct buf *b, const struct conf_module *m)
{
	size_t	i;
	int	r = 0;

	for (i = 0; i < m->nraw; i++)
		if (!m->raw[i].quoted && strcmp(m->raw[i].text, "\n") == 0)
			r |= buf_addstr(b, "\n");
		else
			r |= put_word(b, &m->raw[i]);
	return (m->nraw > 0 ? r | buf_addstr(b, "\n") : r);
}

/*
 * A module with an instance is called "NAME.which" inside, and NAME "which" in
 * the file.  -1 for on_error and in strategy[]: not set, and not printed.
 */
static int
put_module(struct buf *b, const struct conf_module *m)
{
	const struct conf_option *o;
	unsigned int		 i;
	const char		*dot = strchr(m->name, '.');
	int			 r;

	r = dot == NULL ? buf_printf(b, "\tmodule %s {\n", m->name) :
	    buf_printf(b, "\tmodule %.*s \"%s\" {\n",
	    (int)(dot - m->name), m->name, dot + 1);
	TAILQ_FOREACH(o, &m->options, entry)
		r |= put_option(b, o);
	r |= put_raw(b, m);
	if (!TAILQ_EMPTY(&m->except))
		r |= put_inline(b, "\t\texcept", &m->except) |
		    buf_addstr(b, "\n");
	if (m->on_error != -1)
		r |= buf_printf(b, "\t\ton-error %s\n",
		    onerror_str((enum module_error)m->on_error));
	for (i = 0; i < CLASS_MAX; i++)
		if (m->strategy[i] >= 0)
			r |= buf_printf(b, "\t\tstrategy %s %s\n",
			    class_str(i),
			    strategy_str((enum conf_strategy)m->strategy[i]));
	if (m->log_only)
		r |= buf_addstr(b, "\t\tlog-only\n");
	return (r | buf_addstr(b, "\t}\n"));
}

int
put_modules(struct buf *b, const struct config *c)
{
	const struct conf_module	*m;
	int				 r = 0;

	TAILQ_FOREACH(m, &c->pass->modules, entry)
		r |= put_module(b, m);
	return (r);
}
