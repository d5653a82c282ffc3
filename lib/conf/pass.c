/*
 * What the statements of the pass block set that are more than one value:
 * relays and their targets, strategies, timeouts, the words of a module.
 * parse.y calls it while it reads; check_pass.c checks the whole.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

/* While they are read. */
static struct conf_targets	resolvers = TAILQ_HEAD_INITIALIZER(resolvers);

/*
 * The beginning of the block.  A second one is an error, and its statements go
 * to the first.
 */
void
conf_pass_begin(struct config *c, const struct lex_token *at)
{
	(void)conf_once(at, "pass block");
	if (c->pass == NULL && (c->pass = conf_pass_new()) == NULL)
		fatal("configuration");
}

/*
 * A relay.  The default one, without domains, is put first wherever it stands
 * in the file: pass takes the first when no other has the domain.
 */
struct conf_relay *
conf_relay_add(struct config *c, const struct lex_token *at, int domains)
{
	struct conf_relay	*r;

	if ((r = conf_relay_new()) == NULL)
		fatal("configuration");
	conf_set_where(&r->where, at);
	if (domains)
		TAILQ_INSERT_TAIL(&c->pass->relays, r, entry);
	else {
		(void)conf_once(at, "relay to");
		TAILQ_INSERT_HEAD(&c->pass->relays, r, entry);
	}
	return (r);
}

/*
 * An address, with a port or the usual one (number NULL), at the end of the
 * list. what: the statement, for messages.
 */
void
conf_target_add(struct conf_targets *list, const char *what,
    const struct lex_token *address, const struct lex_token *number,
    uint16_t usual)
{
	struct conf_target	*t, *other;
	uint32_t		 port = usual;
	unsigned int		 n = 0;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("configuration");
	if (conf_address(address, what, &t->addr) == -1) {
		free(t);
		return;
	}
	if (number != NULL &&
	    conf_number(number, "port", 1, 65535, &port) == -1) {
		free(t);
		return;
	}
	t->port = (uint16_t)port;
	TAILQ_FOREACH(other, list, entry) {
		n++;
		if (addr_cmp(&t->addr, &other->addr) == 0 &&
		    t->port == other->port)
			conf_error(address, "%s port %u given twice",
			    address->text, port);
	}
	if (n == CONF_TARGETS_MAX)
		conf_error(address, "too many addresses: at most %d",
		    CONF_TARGETS_MAX);
	TAILQ_INSERT_TAIL(list, t, entry);
}

/*
 * The resolvers are collected here while they are read.  A syntax error in the
 * statement leaves some behind, which are dropped.
 */
struct conf_targets *
conf_resolver_begin(const struct lex_token *at)
{
	struct conf_target	*t;

	(void)conf_once(at, "resolver");
	/* what a syntax error left */
	while ((t = TAILQ_FIRST(&resolvers)) != NULL) {
		TAILQ_REMOVE(&resolvers, t, entry);
		free(t);
	}
	return (&resolvers);
}

/* The statement is complete: its addresses go to the configuration, as text. */
void
conf_resolver_end(struct config *c, const struct lex_token *at)
{
	struct conf_target	*t;

	if (TAILQ_EMPTY(&resolvers) && conf_errors() == 0)
		conf_error(at, "resolver: the address is missing");
	while ((t = TAILQ_FIRST(&resolvers)) != NULL) {
		TAILQ_REMOVE(&resolvers, t, entry);
		if (conf_resolver_add(&c->resolvers, &t->addr, t->port) == -1)
			fatal("configuration");
		free(t);
	}
}

/* How the mail server learns the client's address; one way only. */
void
conf_relay_client(struct conf_relay *r, const struct lex_token *at,
    enum relay_client client)
{
	if (r->client != CLIENT_RECEIVED)
		conf_error(at, "relay: only one of xclient, proxy-protocol "
		    "and transparent is allowed");
	r->client = client;
}

/* proxy-protocol v1, or v2. */
void
conf_relay_proxy(struct conf_relay *r, const struct lex_token *at,
    const struct lex_token *version)
{
	if (strcmp(version->text, "v1") == 0)
		conf_relay_client(r, at, CLIENT_PROXY1);
	else if (strcmp(version->text, "v2") == 0)
		conf_relay_client(r, at, CLIENT_PROXY2);
	else
		conf_error(version, "proxy-protocol \"%s\": must be v1 or v2",
		    version->text);
}

/*
 * starttls, with how much of it is required. name: what the certificate must
 * have, a host name or an address; NULL: it is not verified.
 */
void
conf_relay_tls(struct conf_relay *r, const struct lex_token *at,
    enum relay_tls tls, const struct lex_token *name)
{
	struct addr	a;

	if (r->tls != RELAY_CLEAR)
		conf_error(at, "relay: starttls given twice");
	r->tls = tls;
	if (name == NULL)
		return;
	if (addr_parse(name->text, &a) == 0)
		conf_replace(&r->tls_name, name->text);
	else
		(void)conf_hostname(name, &r->tls_name);
}

/*
 * ca FILE: only of starttls verify, which stands before it.  The file is read
 * when the configuration is loaded.
 */
void
conf_relay_ca(struct conf_relay *r, const struct lex_token *at,
    const struct lex_token *file)
{
	if (r->ca_file != NULL)
		conf_error(at, "relay: ca given twice");
	else if (r->tls != RELAY_TLS_VERIFY)
		conf_error(at, "relay: ca is allowed only after starttls "
		    "verify \"name\"");
	else
		(void)conf_path(file, "ca", &r->ca_file);
}

/*
 * strategy CLASS reject|tempfail|mark: what becomes of messages with such
 * content.
 */
void
conf_pass_strategy(struct conf_pass *p, const struct lex_token *class,
    const struct lex_token *fate)
{
	int	c = conf_class_find(class->text);
	int	f = conf_strategy_find(fate->text);

	if (c == -1)
		conf_error(class, "strategy \"%s\": must be virus, spam, "
		    "unwanted or unscannable", class->text);
	if (f == -1)
		conf_error(fate, "strategy %s \"%s\": must be reject, tempfail "
		    "or mark; mail is never discarded", class->text,
		    fate->text);
	if (c != -1 && f != -1 &&
	    conf_once(class, "strategy %s", class->text) == 0)
		p->strategy[c] = (uint8_t)f;
}

/*
 * Text before the subject of marked mail.  It becomes part of a header field,
 * so it must be printable ASCII; blanks alone would be invisible.
 */
void
conf_subject(const struct lex_token *t, char **result)
{
	const char	*p;

	for (p = t->text; *p >= 0x20 && *p < 0x7f; p++)
		;
	if (*p != '\0' || p == t->text || p - t->text > CONF_SUBJECT_MAX ||
	    t->text[strspn(t->text, " ")] == '\0')
		conf_error(t, "mark subject: must have 1 to %d printable "
		    "ASCII characters", CONF_SUBJECT_MAX);
	else
		conf_replace(result, t->text);
}

/* timeout STEP TIME. The steps are those that the schema has rows for. */
void
conf_pass_timeout(struct config *c, const struct lex_token *step,
    const struct lex_token *value)
{
	char	name[CONF_NAME_MAX];

	snprintf(name, sizeof(name), "timeout %s", step->text);
	if (conf_find(CB_PASS, name) == NULL)
		conf_error(step, "timeout \"%s\": must be connect, banner, "
		    "ehlo, mail, rcpt, data, block or dot", step->text);
	else if (conf_once(step, "pass %s", name) == 0)
		conf_own(c, CB_PASS, name, value);
}

/* Appends a word of the block, with its line. *size is what is allocated. */
static void
word_add(struct conf_module *m, size_t *size, const struct lex_token *t)
{
	struct conf_word	*w;

	if (m->nraw == *size) {
		*size = *size == 0 ? 16 : *size * 2;
		m->raw = reallocarray(m->raw, *size, sizeof(*m->raw));
		m->raw_line = reallocarray(m->raw_line, *size,
		    sizeof(*m->raw_line));
		if (m->raw == NULL || m->raw_line == NULL)
			fatal("configuration");
	}
	w = &m->raw[m->nraw];
	if ((w->text = strdup(t->text)) == NULL)
		fatal("configuration");
	w->quoted = t->kind == LEX_STRING;
	m->raw_line[m->nraw++] = t->line;
}

/* Is it the end of an empty line? Those say nothing and are left out. */
static int
is_blank(const struct conf_module *m, const struct lex_token *t)
{
	const struct conf_word	*w;

	if (t->kind != LEX_NEWLINE)
		return (0);
	if (m->nraw == 0)
		return (1);
	w = &m->raw[m->nraw - 1];
	return (!w->quoted && strcmp(w->text, "\n") == 0);
}

#define LETTERS		"abcdefghijklmnopqrstuvwxyz0123456789_"
#define WHICH_MAX	24

/*
 * A module of that name, "NAME" or, of several of a kind, "NAME.which".  A
 * wrong name is reported, and there is a module all the same for the words that
 * follow.  NULL: no memory.
 */
static struct conf_module *
one_named(const struct lex_token *name, const struct lex_token *which)
{
	struct conf_module	*m;
	char			*full;
	int			 ok = 1;

	if (*name->text == '\0' ||
	    strspn(name->text, LETTERS) != strlen(name->text)) {
		conf_error(name, "\"%s\" is not a valid name of a module",
		    name->text);
		ok = 0;
	}
	if (which != NULL && (*which->text == '\0' || strlen(which->text) >
	    WHICH_MAX || strspn(which->text, LETTERS "-") !=
	    strlen(which->text))) {
		conf_error(which, "module %s: \"%s\" is not a valid name; "
		    "use at most %d of a-z, 0-9, _ and -", name->text, which->text,
		    WHICH_MAX);
		ok = 0;
	}
	if (asprintf(&full, "%s%s%s", name->text, which == NULL ? "" : ".",
	    which == NULL ? "" : which->text) == -1)
		return (NULL);
	if (ok)
		(void)conf_once(which == NULL ? name : which, "module \"%s\"",
		    full);
	m = conf_module_new(full);
	free(full);
	return (m);
}

/*
 * Reads the words of a module's block, up to and with its closing brace, which
 * is *last afterwards.  They are kept as they are: only the module knows what
 * they mean (runner/conf.c), and spamgreydb has no modules.
 */
void
conf_module_read(struct config *c, const struct lex_token *at,
    const struct lex_token *name, const struct lex_token *which,
    struct lex_token *last)
{
	struct conf_module	*m;
	struct lex_token	 t;
	size_t			 size = 0;
	unsigned int		 base = last->depth;

	if ((m = one_named(name, which)) == NULL)
		fatal("configuration");
	TAILQ_INSERT_TAIL(&c->pass->modules, m, entry);
	conf_set_where(&m->where, at);
	for (lex_next(&t); t.kind != LEX_EOF; lex_next(&t)) {
		if (t.kind == LEX_PUNCT && *t.text == '}' &&
		    t.depth == base + 1)
			break;
		if (t.kind != LEX_BAD && !is_blank(m, &t))
			word_add(m, &size, &t);
	}
	*last = t;
	if (m->nraw > 0) {
		t.kind = LEX_NEWLINE;
		if (is_blank(m, &t))
			free(m->raw[--m->nraw].text);
	}
}
