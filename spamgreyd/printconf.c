/*
 * The configuration as text, defaults too: spamgreyd -nv.  What it prints
 * parses to the same configuration, and so prints the same again.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "printconf.h"

#define UNIT_LEN	32

/* The longest unit that leaves no rest. */
static const char *
time_text(int64_t ms, char text[UNIT_LEN])
{
	static const struct { const char *name; int64_t ms; } units[] = {
		{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
		{ "s", 1000 }, { "ms", 1 }
	};
	size_t	i;

	for (i = 0; ms == 0 || ms % units[i].ms != 0; i++)
		if (ms == 0 && units[i].ms == 1000)
			break;
	snprintf(text, UNIT_LEN, "%lld%s", (long long)(ms / units[i].ms),
	    units[i].name);
	return (text);
}

int
put_time(struct buf *b, const char *before, int64_t seconds)
{
	char	text[UNIT_LEN];

	return (buf_printf(b, "%s%s", before, time_text(seconds * 1000, text)));
}

int
put_size(struct buf *b, const char *before, uint64_t size)
{
	static const char	units[] = "KMG";
	int			i;

	size /= 1024;
	for (i = 0; i < 2 && size % 1024 == 0; i++)
		size /= 1024;
	return (buf_printf(b, "%s%llu%c\n", before, (unsigned long long)size,
	    units[i]));
}

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

/* NULL or empty: not said. */
int
put_setting(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return (0);
	return (put_string(b, name, value) | buf_addstr(b, "\n"));
}

int
put_strings(struct buf *b, const char *name, const struct conf_strings *list,
    const char *indent)
{
	const struct conf_string	*s;
	int				 r;

	if (TAILQ_EMPTY(list))
		return (0);
	r = buf_printf(b, "%s%s {\n", indent, name);
	TAILQ_FOREACH(s, list, entry)
		r |= buf_addstr(b, indent) | put_string(b, "\t", s->text) |
		    buf_addstr(b, "\n");
	return (r | buf_printf(b, "%s}\n", indent));
}

static int
put_domains(struct buf *b, const struct config *c)
{
	const struct conf_string	*s;
	int				 r;

	if (TAILQ_EMPTY(&c->domains))
		return (0);
	r = buf_addstr(b, "allowed domains {\n");
	TAILQ_FOREACH(s, &c->domains, entry)
		r |= put_string(b, "\t", s->text) | buf_addstr(b, "\n");
	if (c->outside_after == 0)
		return (r | buf_addstr(b, "} trap no\n"));
	return (r | buf_printf(b, "} trap after %u", c->outside_after) |
	    put_time(b, " in ", c->outside_within) | buf_addstr(b, "\n"));
}

static int
put_tls(struct buf *b, const struct conf_tls *t)
{
	if (t == NULL)
		return (0);
	return (put_string(b, "tls certificate ", t->cert_file) |
	    put_string(b, " key ", t->key_file));
}

static int
put_general(struct buf *b, const struct config *c)
{
	int	r;

	r = put_setting(b, "hostname ", c->hostname);
	r |= put_setting(b, "state directory ", c->statedir);
	r |= put_setting(b, "control socket ", c->socket);
	if (c->restart_max == 0)
		r |= buf_addstr(b, "restart no\n");
	else
		r |= buf_printf(b, "restart %u", c->restart_max) |
		    put_time(b, " per ", c->restart_within) |
		    buf_addstr(b, "\n");
	r |= buf_printf(b, "front %u\n", c->fronts);
	r |= put_size(b, "database cache ", c->cache == 0 ? CONF_CACHE :
	    c->cache);
	r |= put_setting(b, "contact ", c->contact);
	r |= put_domains(b, c);
	if (c->local_routes)
		r |= buf_addstr(b, "local part routes yes\n");
	if (c->tls != NULL)
		r |= put_tls(b, c->tls) | buf_addstr(b, "\n");
	return (r);
}

int
put_listens(struct buf *b, const struct config *c, int pass,
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
			r |= buf_addstr(b, " ") | put_tls(b, l->tls);
		r |= buf_addstr(b, "\n");
	}
	return (r);
}

static int
put_firewall(struct buf *b, const struct config *c)
{
	switch (c->fw) {
	case FW_PF:
		return (put_setting(b, "firewall pf table ", c->fw_table));
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

static int
put_greylist(struct buf *b, const struct config *c)
{
	const struct grey_conf	*g = &c->grey;
	int			 r;

	r = buf_addstr(b, "greylist {\n");
	r |= put_time(b, "\tpass ", g->pass);
	r |= put_time(b, "\n\tgrey ", g->grey);
	r |= put_time(b, "\n\twhite ", g->white);
	r |= put_time(b, "\n\ttrapped ", g->trapped);
	r |= buf_printf(b, "\n\tmatch ip4 /%u ip6 /%u%s\n", g->match.ip4,
	    g->match.ip6, g->match_helo ? " helo" : "");
	r |= buf_printf(b, "\tadmit ip4 /%u ip6 /%u\n", g->admit.ip4,
	    g->admit.ip6);
	r |= put_strings(b, "not to", &c->not_to, "\t");
	r |= put_setting(b, "\treply ", c->grey_reply);
	return (r | buf_addstr(b, "}\n"));
}

static int
put_tarpit(struct buf *b, const struct config *c)
{
	char	text[UNIT_LEN];
	int	r;

	if (c->stutter_ms == 0)
		r = buf_addstr(b, "tarpit {\n\tstutter no\n");
	else
		r = buf_printf(b, "tarpit {\n\tstutter %s",
		    time_text(c->stutter_ms, text)) |
		    put_time(b, " for ", c->stutter_grey) |
		    buf_addstr(b, "\n");
	r |= put_setting(b, "\tmessage ", c->trap_message);
	return (r | buf_printf(b, "\treply %d\n}\n", c->trap_reply));
}

static int
put_limit(struct buf *b, const struct conf_limit *l)
{
	int	r;

	r = buf_addstr(b, "limit {\n\tconnections ");
	r |= l->connections == 0 ? buf_addstr(b, "auto\n") :
	    buf_printf(b, "%u\n", l->connections);
	r |= buf_printf(b, "\tper-host %u\n\tper-network %u\n"
	    "\tnetwork ip4 /%u ip6 /%u\n\ttls %u\n\ttls-per-network ",
	    l->per_host, l->per_network, l->network.ip4, l->network.ip6, l->tls);
	r |= l->tls_per_network == 0 ? buf_addstr(b, "auto\n") :
	    buf_printf(b, "%u\n", l->tls_per_network);
	r |= buf_printf(b, "\tbad-commands %u\n\tline %u\n\trecipients %u\n"
	    "\tgrey-per-network %u\n\tgrey-per-host %u\n",
	    l->bad_commands, l->line, l->recipients, l->grey_per_network,
	    l->grey_per_host);
	r |= put_time(b, "\tidle ", l->idle);
	r |= put_time(b, "\n\tidle-stress ", l->idle_stress);
	r |= put_time(b, "\n\tsession grey ", l->session_grey);
	r |= put_time(b, " trapped ", l->session_trapped);
	if (l->message_size == 0)
		r |= buf_addstr(b, "\n\tmessage-size no\n");
	else
		r |= put_size(b, "\n\tmessage-size ", l->message_size);
	return (r | buf_addstr(b, "}\n"));
}

static int
put_list(struct buf *b, const struct conf_list *l)
{
	static const char *const	 sources[] = { " file ", " command ",
					    " url " };
	const struct conf_string	*s;
	int				 r;

	if (l->source == SRC_SETUP)
		return (0);
	r = put_string(b, l->kind == LIST_BLACK ? "blacklist " : "whitelist ",
	    l->name);
	r |= put_string(b, sources[l->source], l->file);
	if (l->source != SRC_FILE)
		r |= put_time(b, " timeout ", l->timeout);
	if (l->table != NULL)
		r |= put_string(b, " table ", l->table);
	if (l->kind == LIST_BLACK) {
		if (l->message != NULL)
			r |= put_string(b, " message ", l->message);
		r |= buf_printf(b, " reply %d", l->reply);
		if (!TAILQ_EMPTY(&l->except)) {
			r |= buf_addstr(b, " except {");
			TAILQ_FOREACH(s, &l->except, entry)
				r |= put_string(b, " ", s->text);
			r |= buf_addstr(b, " }");
		}
	} else if (l->no_scan)
		r |= buf_addstr(b, " no scan");
	return (r | buf_addstr(b, "\n"));
}

static int
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

static int
put_reaction(struct buf *b, unsigned int event, const struct conf_reaction *a)
{
	static const char *const names[] = { "log", "trap", "demote" };
	int			 r;

	r = buf_printf(b, "on %s %s", host_event_str(event),
	    names[a->action]);
	if (a->action == ACT_TRAP && a->trap_for != 0)
		r |= put_time(b, " for ", a->trap_for);
	if (a->action != ACT_LOG && a->after > 1)
		r |= buf_printf(b, " after %u", a->after) |
		    put_time(b, " in ", a->within);
	if (a->bad != 0)
		r |= buf_printf(b, " of bad %u%%", a->bad);
	return (r | buf_addstr(b, "\n"));
}

static int
put_learn_rule(struct buf *b, const char *name, const struct conf_learn_rule *r,
    const char *of)
{
	if (r->after == 0)
		return (buf_printf(b, "\t%s no", name));
	return (buf_printf(b, "\t%s after %u of %s %u%%", name, r->after, of,
	    r->percent));
}

static int
put_learn(struct buf *b, const struct conf_learn *l)
{
	int	r;

	r = buf_addstr(b, "learn {\n");
	r |= put_strings(b, "trusted", &l->trusted, "\t");
	r |= put_strings(b, "except", &l->except, "\t");
	r |= put_time(b, "\tdecay ", l->decay) | buf_addstr(b, "\n");
	r |= put_learn_rule(b, "trap", &l->trap, "bad");
	if (l->trap.after != 0 && l->trap_for != 0)
		r |= put_time(b, " for ", l->trap_for);
	r |= buf_addstr(b, "\n");
	r |= put_learn_rule(b, "extend", &l->extend, "good");
	return (r | buf_addstr(b, "\n}\n"));
}

static int
put_track(struct buf *b, const struct conf_track *t)
{
	const struct conf_string	*s;
	int				 r;

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

static int
put_sync(struct buf *b, const struct conf_sync *s)
{
	const struct conf_sync_sock	*k;
	const struct conf_sync_peer	*p;
	char				 ip[ADDR_STRLEN];
	int				 r;

	if (s == NULL)
		return (0);
	r = buf_addstr(b, "sync {\n");
	r |= put_setting(b, "\tkey ", s->key_file);
	TAILQ_FOREACH(k, &s->socks, entry)
		if (k->kind == SYNC_LISTEN)
			r |= buf_printf(b, "\tlisten on %s port %u\n",
			    addr_str(&k->addr, ip), k->port);
		else if (k->kind == SYNC_GROUP)
			r |= put_string(b, "\tmulticast ", k->ifname) |
			    buf_printf(b, " port %u ttl %u%s\n", k->port,
			    k->ttl, k->v2 ? " spamd" : "");
	TAILQ_FOREACH(p, &s->peers, entry)
		r |= buf_printf(b, "\tpeer %s port %u%s\n",
		    addr_str(&p->addr, ip), p->port, p->v2 ? " spamd" : "");
	if (s->accept_v2)
		r |= buf_addstr(b, "\taccept spamd\n");
	return (r | buf_addstr(b, "}\n"));
}

int
config_text(const struct config *c, struct buf *b)
{
	const struct conf_list	*l;
	unsigned int		 i;
	int			 r;

	r = put_general(b, c);
	r |= put_listens(b, c, 0, "");
	r |= put_firewall(b, c);
	r |= put_greylist(b, c);
	r |= put_tarpit(b, c);
	r |= put_limit(b, &c->limit);
	r |= put_strings(b, "spamtrap", &c->spamtraps, "");
	TAILQ_FOREACH(l, &c->lists, entry)
		r |= put_list(b, l);
	r |= put_setups(b, c);
	for (i = 0; i < EVENT_MAX; i++)
		r |= put_reaction(b, i, &c->reaction[i]);
	r |= put_learn(b, &c->learn);
	r |= put_sync(b, c->sync);
	r |= buf_printf(b, "handover %s\n", c->handover ? "yes" : "no");
	if (c->log_spamd)
		r |= buf_addstr(b, "log spamd\n");
	r |= put_resolvers(b, &c->resolvers);
	if (c->track != NULL)
		r |= put_track(b, c->track);
	if (c->pass != NULL)
		r |= put_pass(b, c);
	return (r == 0 ? 0 : -1);
}

void
config_print(const struct config *c)
{
	struct buf	b = { NULL, 0, 0, 0 };

	if (config_text(c, &b) == -1)
		fprintf(stderr, "configuration: no memory to print it\n");
	else
		fwrite(buf_ptr(&b), 1, buf_len(&b), stdout);
	buf_free(&b);
}
