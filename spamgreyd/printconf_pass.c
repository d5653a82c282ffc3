/*
 * The pass block, and resolvers, as text: what printconf.c leaves to it.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_parse.h"
#include "printconf.h"

/* "192.0.2.1:53", "[2001:db8::1]:53" */
static int
put_resolver(struct buf *b, const char *text)
{
	const char	*colon = strrchr(text, ':');
	int		 bracket = *text == '[';

	return (buf_printf(b, "\t%.*s port %s\n",
	    (int)(colon - text) - 2 * bracket, text + bracket, colon + 1));
}

int
put_resolvers(struct buf *b, const struct conf_strings *list)
{
	const struct conf_string	*s;
	int				 r;

	if (TAILQ_EMPTY(list))
		return (0);
	r = buf_addstr(b, "resolver {\n");
	TAILQ_FOREACH(s, list, entry)
		r |= put_resolver(b, s->text);
	return (r | buf_addstr(b, "}\n"));
}

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

static int
put_relay(struct buf *b, const struct conf_relay *rel)
{
	static const char *const clients[] = { "", " xclient",
	    " proxy-protocol v1", " proxy-protocol v2", " transparent" };
	static const char *const tls[] = { "", " starttls try", " starttls",
	    " starttls verify " };
	const struct conf_string *s;
	int			 r;

	r = buf_addstr(b, "\trelay ");
	if (!TAILQ_EMPTY(&rel->domains)) {
		r |= buf_addstr(b, "domain {");
		TAILQ_FOREACH(s, &rel->domains, entry)
			r |= put_string(b, " ", s->text);
		r |= buf_addstr(b, " } ");
	}
	r |= buf_addstr(b, "to");
	r |= put_targets(b, rel);
	r |= buf_addstr(b, clients[rel->client]);
	r |= buf_addstr(b, tls[rel->tls]);
	if (rel->tls == RELAY_TLS_VERIFY)
		r |= put_string(b, "", rel->tls_name);
	if (rel->ca_file != NULL)
		r |= put_string(b, " ca ", rel->ca_file);
	return (r | buf_addstr(b, "\n"));
}

static int
put_points(struct buf *b, const char *what, int32_t milli)
{
	char	text[32];
	int	n;

	if (milli == 0)
		return (buf_printf(b, "\t%s no\n", what));
	n = snprintf(text, sizeof(text), "%d.%03d", milli / 1000,
	    milli % 1000);
	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	return (buf_printf(b, "\t%s %.*s\n", what, n, text));
}

static int
put_recipients(struct buf *b, const struct conf_pass *p)
{
	if (!p->has_recipients)
		return (0);
	if (TAILQ_EMPTY(&p->recipients))
		return (buf_addstr(b, "\trecipients { }\n"));
	return (put_strings(b, "recipients", &p->recipients, "\t"));
}

static int
put_word(struct buf *b, const struct conf_word *w)
{
	if (w->quoted)
		return (put_string(b, " ", w->text));
	return (buf_printf(b, " %s", w->text));
}

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

/* Words that no module's table has taken apart. */
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

static int
put_module(struct buf *b, const struct conf_module *m)
{
	const struct conf_option *o;
	const struct conf_string *s;
	unsigned int		 i;
	const char		*dot = strchr(m->name, '.');
	int			 r;

	r = dot == NULL ? buf_printf(b, "\tmodule %s {\n", m->name) :
	    buf_printf(b, "\tmodule %.*s \"%s\" {\n",
	    (int)(dot - m->name), m->name, dot + 1);
	TAILQ_FOREACH(o, &m->options, entry)
		r |= put_option(b, o);
	r |= put_raw(b, m);
	if (!TAILQ_EMPTY(&m->except)) {
		r |= buf_addstr(b, "\t\texcept {");
		TAILQ_FOREACH(s, &m->except, entry)
			r |= put_string(b, " ", s->text);
		r |= buf_addstr(b, " }\n");
	}
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

static int
put_settings(struct buf *b, const struct conf_pass *p)
{
	unsigned int	i;
	int		r;

	r = buf_printf(b, "\trelay check %s\n", p->relay_check ? "yes" : "no");
	if (p->early)
		r |= buf_addstr(b, "\trelay connect early\n");
	r |= put_points(b, "reject at", p->reject_at);
	r |= put_points(b, "mark at", p->mark_at);
	r |= buf_printf(b, "\treply rules %s\n",
	    p->reply_rules ? "yes" : "no");
	r |= p->subject_tag == NULL ? buf_addstr(b, "\tmark subject no\n") :
	    put_string(b, "\tmark subject ", p->subject_tag) |
	    buf_addstr(b, "\n");
	r |= buf_addstr(b, "\tstrategy");
	for (i = 0; i < CLASS_MAX; i++)
		r |= buf_printf(b, " %s %s", class_str(i),
		    strategy_str(p->strategy[i]));
	r |= buf_addstr(b, "\n");
	r |= put_recipients(b, p);
	r |= p->sessions == 0 ? buf_addstr(b, "\tlimit sessions auto\n") :
	    buf_printf(b, "\tlimit sessions %u\n", p->sessions);
	r |= p->per_host == 0 ? buf_addstr(b, "\tlimit per-host auto\n") :
	    buf_printf(b, "\tlimit per-host %u\n", p->per_host);
	r |= p->per_network == 0 ?
	    buf_addstr(b, "\tlimit per-network auto\n") :
	    buf_printf(b, "\tlimit per-network %u\n", p->per_network);
	r |= buf_printf(b, "\tlimit received %u\n\ttries %u\n", p->received,
	    p->tries);
	r |= put_size(b, "\tspool memory ", p->spool_memory);
	r |= put_size(b, "\tspool message ", p->spool_message);
	r |= p->spool_files == 0 ? buf_addstr(b, "\tspool files auto\n") :
	    put_size(b, "\tspool files ", p->spool_files);
	r |= buf_printf(b, "\tbare-newline %s\n",
	    p->reject_newlines ? "reject" : "normalise");
	r |= put_time(b, "\tsession ", p->session);
	r |= put_time(b, "\n\tscan ", p->scan);
	r |= p->client_name == 0 ? buf_addstr(b, "\n\tclient-name no") :
	    put_time(b, "\n\tclient-name ", p->client_name);
	r |= buf_addstr(b, "\n\ttimeout");
	for (i = 0; i < PT_MAX; i++) {
		r |= buf_printf(b, " %s", conf_timeouts[i]);
		r |= put_time(b, " ", p->timeout[i]);
	}
	return (r | buf_addstr(b, "\n"));
}

int
put_pass(struct buf *b, const struct config *c)
{
	const struct conf_relay		*rel;
	const struct conf_module	*m;
	int				 r;

	r = buf_addstr(b, "pass {\n");
	r |= put_listens(b, c, 1, "\t");
	TAILQ_FOREACH(rel, &c->pass->relays, entry)
		r |= put_relay(b, rel);
	r |= put_settings(b, c->pass);
	TAILQ_FOREACH(m, &c->pass->modules, entry)
		r |= put_module(b, m);
	return (r | buf_addstr(b, "}\n"));
}
