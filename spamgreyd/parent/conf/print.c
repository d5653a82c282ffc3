/*
 * The configuration as text, defaults included: spamgreyd -nv.  The text parses
 * to the same configuration, and therefore prints in the same way again.
 *
 * lib/conf/schema.h has the order.  Settings that are one value are printed
 * from their rows; the functions here print the statements of several values.
 * All of them return 0, or -1 when there is no memory.  They do not stop at a
 * failure but combine the results with `|', because printing on without memory
 * does no harm.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "spamgreyd/parent/conf/print_int.h"

/* Prints a number with its unit, in the form that the parser reads. */
int
put_value(struct buf *b, const char *before, enum value_kind kind, int64_t v)
{
	char	text[VALUE_TEXT];

	return (buf_printf(b, "%s%s", before, value_text(kind, v, text)));
}

/*
 * Prints a string in quotes.  A quote in it is escaped; other backslashes
 * belong to the templates and stay as they are.
 */
int
put_string(struct buf *b, const char *before, const char *s)
{
	int	r;

	r = buf_addstr(b, before) | buf_addstr(b, "\"");
	for (; *s != '\0'; s++) {
		if (*s == '"')
			r |= buf_addstr(b, "\\");
		r |= buf_add(b, s, 1);
	}
	return (r | buf_addstr(b, "\""));
}

/*
 * Prints "name { ... }", an entry a line, without a newline behind the brace,
 * so that the statement can go on there.
 */
static int
put_braces(struct buf *b, const char *name, const struct conf_strings *list,
    const char *indent)
{
	const struct conf_string	*s;
	int				 r;

	r = buf_printf(b, "%s%s {\n", indent, name);
	TAILQ_FOREACH(s, list, entry)
		r |= buf_addstr(b, indent) | put_string(b, "\t", s->text) |
		    buf_addstr(b, "\n");
	return (r | buf_printf(b, "%s}", indent));
}

int
put_strings(struct buf *b, const char *name, const struct conf_strings *list,
    const char *indent)
{
	if (TAILQ_EMPTY(list))
		return (0);
	return (put_braces(b, name, list, indent) | buf_addstr(b, "\n"));
}

/* The same in one line, for parts of a statement. */
int
put_inline(struct buf *b, const char *before, const struct conf_strings *list)
{
	const struct conf_string	*s;
	int				 r;

	r = buf_printf(b, "%s {", before);
	TAILQ_FOREACH(s, list, entry)
		r |= put_string(b, " ", s->text);
	return (r | buf_addstr(b, " }"));
}

/*
 * The schema calls each put_NAME() from here on for the statement of that name,
 * if its block exists.
 */
int
put_restart(struct buf *b, const struct config *c)
{
	const char	*end = c->strict ? " strict\n" : "\n";

	if (c->restart_max == 0)
		return (buf_printf(b, "restart no%s", end));
	return (buf_printf(b, "restart %u", c->restart_max) |
	    put_value(b, " per ", VALUE_SECONDS, c->restart_within) |
	    buf_addstr(b, end));
}

/* `trap' belongs to the statement and follows its closing brace. */
int
put_domains(struct buf *b, const struct config *c)
{
	int	r;

	if (TAILQ_EMPTY(&c->domains))
		return (0);
	r = put_braces(b, "allowed domains", &c->domains, "");
	if (c->outside_after == 0)
		return (r | buf_addstr(b, " trap no\n"));
	return (r | buf_printf(b, " trap after %u", c->outside_after) |
	    put_value(b, " in ", VALUE_SECONDS, c->outside_within) |
	    buf_addstr(b, "\n"));
}

/* Only the names of the files are printed, never what is in them. */
static int
put_certificate(struct buf *b, const struct conf_tls *t)
{
	return (put_string(b, "tls certificate ", t->cert_file) |
	    put_string(b, " key ", t->key_file));
}

int
put_tls(struct buf *b, const struct config *c)
{
	if (c->tls == NULL)
		return (0);
	return (put_certificate(b, c->tls) | buf_addstr(b, "\n"));
}

/*
 * pass: 1 for the listeners of the pass block, 0 for the others.  A list has
 * both kinds, in the order of the file.
 */
int
put_listeners(struct buf *b, const struct config *c, int pass,
    const char *indent)
{
	const struct conf_listen	*l;
	char				 text[ADDR_STRLEN];
	int				 r = 0;

	TAILQ_FOREACH(l, &c->listens, entry) {
		if (l->pass != pass)
			continue;
		r |= buf_printf(b, "%slisten on %s port %u%s%s", indent,
		    addr_str(&l->addr, text), l->port,
		    l->low_priority_mx ? " low-priority-mx" : "",
		    l->no_tls ? " no tls" : "");
		if (l->tls != NULL)
			r |= buf_addstr(b, " ") |
			    put_certificate(b, l->tls);
		r |= buf_addstr(b, "\n");
	}
	return (r);
}

int
put_listens(struct buf *b, const struct config *c)
{
	return (put_listeners(b, c, 0, ""));
}

/* "firewall none" is printed too, like every default. */
int
put_firewall(struct buf *b, const struct config *c)
{
	switch (c->fw) {
	case FW_PF:
		return (put_string(b, "firewall pf table ", c->fw_table) |
		    buf_addstr(b, "\n"));
	case FW_NFT:
		return (buf_printf(b, "firewall nftables table %s ",
		    c->nft_family) |
		    put_string(b, "", c->nft_table) |
		    put_string(b, " set ip4 ", c->nft_set4) |
		    put_string(b, " ip6 ", c->nft_set6) |
		    buf_addstr(b, "\n"));
	case FW_NONE:
		break;
	}
	return (buf_addstr(b, "firewall none\n"));
}

int
put_not_to(struct buf *b, const struct config *c)
{
	return (put_strings(b, "not to", &c->not_to, "\t"));
}

/*
 * Two numbers in one statement: ms between two bytes, and for how many seconds
 * a grey host is slowed down.
 */
int
put_stutter(struct buf *b, const struct config *c)
{
	if (c->stutter_ms == 0)
		return (buf_addstr(b, "\tstutter no\n"));
	return (put_value(b, "\tstutter ", VALUE_MS, c->stutter_ms) |
	    put_value(b, " for ", VALUE_SECONDS, c->stutter_grey) |
	    buf_addstr(b, "\n"));
}

int
put_spamtraps(struct buf *b, const struct config *c)
{
	return (put_strings(b, "spamtrap", &c->spamtraps, ""));
}

/* A list that spamd-setup brought is not in the file, and is not printed. */
static int
put_list(struct buf *b, const struct conf_list *l)
{
	static const char *const	 sources[] = { " file ", " command ",
					    " url " };
	int				 r;

	if (l->source == SRC_SETUP)
		return (0);
	r = put_string(b, l->kind == LIST_BLACK ? "blacklist " : "whitelist ",
	    l->name);
	r |= put_string(b, sources[l->source], l->file);
	if (l->source != SRC_FILE)
		r |= put_value(b, " timeout ", VALUE_SECONDS, l->timeout);
	if (l->table != NULL)
		r |= put_string(b, " table ", l->table);
	if (l->kind == LIST_BLACK) {
		if (l->message != NULL)
			r |= put_string(b, " message ", l->message);
		r |= buf_printf(b, " reply %d", l->reply);
		if (!TAILQ_EMPTY(&l->except))
			r |= put_inline(b, " except", &l->except);
	} else if (l->no_scan)
		r |= buf_addstr(b, " no scan");
	return (r | buf_addstr(b, "\n"));
}

int
put_lists(struct buf *b, const struct config *c)
{
	const struct conf_list	*l;
	int			 r = 0;

	TAILQ_FOREACH(l, &c->lists, entry)
		r |= put_list(b, l);
	return (r);
}

int
put_setups(struct buf *b, const struct config *c)
{
	const struct conf_listen	*l;
	char				 text[ADDR_STRLEN];
	int				 r = 0;

	TAILQ_FOREACH(l, &c->setups, entry)
		r |= buf_printf(b, "spamd-setup on %s port %u\n",
		    addr_str(&l->addr, text), l->port);
	return (r);
}

/*
 * Every event is printed, defaults included.  `after' and `bad' are left out
 * where the parser would assume the same value.
 */
static int
put_reaction(struct buf *b, unsigned int event, const struct conf_reaction *a)
{
	static const char *const names[] = { "log", "trap", "demote" };
	int			 r;

	r = buf_printf(b, "on %s %s", host_event_str(event),
	    names[a->action]);
	if (a->action == ACT_TRAP && a->trap_for != 0)
		r |= put_value(b, " for ", VALUE_SECONDS, a->trap_for);
	if (a->action != ACT_LOG && a->after > 1)
		r |= buf_printf(b, " after %u", a->after) |
		    put_value(b, " in ", VALUE_SECONDS, a->within);
	if (a->bad != 0)
		r |= buf_printf(b, " of bad %u%%", a->bad);
	return (r | buf_addstr(b, "\n"));
}

int
put_reactions(struct buf *b, const struct config *c)
{
	unsigned int	i;
	int		r = 0;

	for (i = 0; i < EVENT_MAX; i++)
		r |= put_reaction(b, i, &c->reaction[i]);
	return (r);
}

int
put_trusted(struct buf *b, const struct config *c)
{
	return (put_strings(b, "trusted", &c->learn.trusted, "\t"));
}

int
put_except(struct buf *b, const struct config *c)
{
	return (put_strings(b, "except", &c->learn.except, "\t"));
}

/* of: "bad" or "good", the messages that are counted. */
static int
put_learn_rule(struct buf *b, const char *name, const struct conf_learn_rule *r,
    const char *of)
{
	if (r->after == 0)
		return (buf_printf(b, "\t%s no", name));
	return (buf_printf(b, "\t%s after %u of %s %u%%", name, r->after, of,
	    r->percent));
}

int
put_trap(struct buf *b, const struct config *c)
{
	const struct conf_learn	*l = &c->learn;
	int			 r;

	r = put_learn_rule(b, "trap", &l->trap, "bad");
	if (l->trap.after != 0 && l->trap_for != 0)
		r |= put_value(b, " for ", VALUE_SECONDS, l->trap_for);
	return (r | buf_addstr(b, "\n"));
}

int
put_extend(struct buf *b, const struct config *c)
{
	return (put_learn_rule(b, "extend", &c->learn.extend, "good") |
	    buf_addstr(b, "\n"));
}

/*
 * BPF devices have names and nflog has a group number; which one is set decides
 * the form.
 */
int
put_track(struct buf *b, const struct config *c)
{
	const struct conf_string	*s;
	const struct conf_track		*t = c->track;
	int				 r;

	if (t == NULL)
		return (0);
	r = t->device != NULL ? put_string(b, "track ", t->device) :
	    buf_printf(b, "track nflog %u", t->group);
	if (t->interface != NULL)
		r |= put_string(b, " interface ", t->interface);
	if (!TAILQ_EMPTY(&t->mta)) {
		r |= buf_addstr(b, " mta {");
		TAILQ_FOREACH(s, &t->mta, entry)
			r |= buf_printf(b, " %s", s->text);
		r |= buf_addstr(b, " }");
	}
	return (r | buf_printf(b, " outbound %s\n",
	    t->outbound ? "yes" : "no"));
}

/* A socket that only sends was added by the parent, and is not printed. */
int
put_socks(struct buf *b, const struct config *c)
{
	const struct conf_sync_sock	*k;
	char				 ip[ADDR_STRLEN];
	int				 r = 0;

	TAILQ_FOREACH(k, &c->sync->socks, entry)
		if (k->kind == SYNC_LISTEN)
			r |= buf_printf(b, "\tlisten on %s port %u\n",
			    addr_str(&k->addr, ip), k->port);
		else if (k->kind == SYNC_GROUP)
			r |= put_string(b, "\tmulticast ", k->ifname) |
			    buf_printf(b, " port %u ttl %u%s\n", k->port,
			    k->ttl, k->v2 ? " spamd" : "");
	return (r);
}

int
put_peers(struct buf *b, const struct config *c)
{
	const struct conf_sync_peer	*p;
	char				 ip[ADDR_STRLEN];
	int				 r = 0;

	TAILQ_FOREACH(p, &c->sync->peers, entry)
		r |= buf_printf(b, "\tpeer %s port %u%s\n",
		    addr_str(&p->addr, ip), p->port, p->v2 ? " spamd" : "");
	return (r);
}

/* The printer of each statement, by enum conf_part. */
static int	(*const parts[PART_MAX])(struct buf *, const struct config *) = {
#define STATEMENT(block, part, form)	[PART_##part] = put_##part,
#include "lib/conf/schema.h"
};

/*
 * Prints what follows the name of a setting: nothing for a flag, a word where
 * the value has one, otherwise the number or the string.
 */
static int
put_scalar_value(struct buf *b, const struct conf_scalar *r, const void *base)
{
	char		 word[CONF_NAME_MAX];
	const char	*s = conf_is_string(r) ? *conf_string(r, base) : NULL;
	int64_t		 v = conf_is_string(r) ? 0 : conf_get(r, base);

	if (r->type == CT_FLAG)
		return (0);
	if (s != NULL)
		return (put_string(b, " ", s));
	if (conf_word(r, v, word) != NULL)
		return (buf_printf(b, " %s", word));
	return (put_value(b, " ", r->type == CT_CODE ? VALUE_NUMBER :
	    (enum value_kind)conf_kind(r), v));
}

/*
 * Says whether a setting is printed: one without a default is left out while it
 * has no value.
 */
static int
is_said(const struct conf_scalar *r, const void *base)
{
	if (*r->def != '\0')
		return (1);
	return (conf_is_string(r) ? *conf_string(r, base) != NULL :
	    conf_get(r, base) != 0);
}

/*
 * Says whether two rows share a line.  They are neighbours in the table, and
 * the first words of their forms are equal; a ";" in the form forbids it.
 */
static int
same_line(const struct conf_scalar *r, const struct conf_scalar *next)
{
	if (r->form == NULL || next->form == NULL || r->block != next->block ||
	    !conf_is_grouped(r) || !conf_is_grouped(next) ||
	    strchr(r->form, ';') != NULL)
		return (0);
	return (strcspn(r->form, " ") == strcspn(next->form, " ") &&
	    strncmp(r->form, next->form, strcspn(r->form, " ")) == 0);
}

/*
 * Prints a setting of one value.  The first setting of a line prints the name
 * with its head, the others only the rest of their names, and the last one ends
 * the line.
 */
static int
put_scalar(struct buf *b, const struct conf_scalar *r, const void *base,
    const char *indent)
{
	char	name[CONF_NAME_MAX];
	int	joined = r != conf_scalars && same_line(r - 1, r), rc = 0;

	if (is_said(r, base)) {
		conf_name(r, name);
		rc = buf_printf(b, "%s%s", joined ? "" : indent,
		    joined ? strchr(name, ' ') : name) |
		    put_scalar_value(b, r, base);
	} else if (!joined)
		return (0);
	return (same_line(r, r + 1) ? rc : rc | buf_addstr(b, "\n"));
}

/*
 * Prints the rows of a block in their order, and the blocks within it.  Rows
 * that a statement prints itself (own) are skipped.
 */
static int
put_block(struct buf *b, const struct config *c, enum conf_block block)
{
	const struct conf_scalar	*r;
	const void			*base = conf_base_of(c, block);
	int				 rc = 0;

	for (r = conf_scalars; r->form != NULL; r++) {
		if (r->block != block)
			continue;
		if (r->type == CT_STATEMENT)
			rc |= parts[r->min](b, c);
		else if (r->type == CT_BRACES &&
		    conf_base_of(c, (enum conf_block)r->min) != NULL)
			rc |= buf_printf(b, "%s {\n",
			    conf_block_name((enum conf_block)r->min)) |
			    put_block(b, c, (enum conf_block)r->min) |
			    buf_addstr(b, "}\n");
		else if (!r->own)
			rc |= put_scalar(b, r, base, block == CB_TOP ? "" :
			    "\t");
	}
	return (rc);
}

int
config_text(const struct config *c, struct buf *b)
{
	return (put_block(b, c, CB_TOP) == 0 ? 0 : -1);
}

void
config_print(const struct config *c)
{
	struct buf	b = { NULL, 0, 0, 0 };

	if (config_text(c, &b) == -1)
		fprintf(stderr, "configuration: out of memory\n");
	else
		fwrite(buf_ptr(&b), 1, buf_len(&b), stdout);
	buf_free(&b);
}
