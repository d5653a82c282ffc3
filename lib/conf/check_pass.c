/*
 * Checks of the pass block as a whole: the relays must not make the mail server
 * an open relay, must not lead back to our own listeners, and every name that
 * is used must exist.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/conf/conf_int.h"

#define RCPT_MAX	1024

/*
 * A token for messages from a "file:line" that was kept in a structure, because
 * tokens live only while the file is parsed.  It is of the arena.
 */
static const struct lex_token *
at_where(const char *where)
{
	struct lex_token	*t = lex_alloc(sizeof(*t));
	const char		*colon = strrchr(where, ':');

	if (colon == NULL)
		return (lex_main());
	t->file = lex_strdup(where, (size_t)(colon - where));
	t->line = (unsigned int)strtoul(colon + 1, NULL, 10);
	return (t);
}

/*
 * Without listen lines pass listens on loopback, where front hands sessions
 * over and the firewall redirects to.
 */
static void
check_listens(struct config *c)
{
	const struct conf_listen	*l;

	TAILQ_FOREACH(l, &c->listens, entry)
		if (l->pass)
			return;
	conf_listen_add(c, "127.0.0.1", CONF_PASS_PORT)->pass = 1;
	conf_listen_add(c, "::1", CONF_PASS_PORT)->pass = 1;
}

/* Is it 0.0.0.0 or ::, which is every address of this machine? */
static int
is_any(const struct addr *a)
{
	static const struct addr	any6;
	struct addr			any4;

	return (addr_cmp(a, &any6) == 0 ||
	    (addr_parse("0.0.0.0", &any4) == 0 && addr_cmp(a, &any4) == 0));
}

/*
 * Is it an address of this machine? When the system does not tell, no: then the
 * relay is tried, and a loop is found by its Received lines.
 */
static int
is_own(const struct addr *a)
{
	struct ifaddrs	*all, *i;
	struct addr	 own;
	int		 found = 0;

	if (addr_is_loopback(a))
		return (1);
	if (getifaddrs(&all) == -1)
		return (0);
	for (i = all; i != NULL && !found; i = i->ifa_next)
		found = i->ifa_addr != NULL &&
		    addr_from_sa(i->ifa_addr, &own, NULL) == 0 &&
		    addr_cmp(&own, a) == 0;
	freeifaddrs(all);
	return (found);
}

/*
 * Would a connection to the target arrive at this listener? A listener on all
 * addresses takes those to each address of the machine.
 */
static int
leads_back(const struct conf_listen *l, const struct conf_target *t)
{
	if (l->port != t->port || addr_is4(&l->addr) != addr_is4(&t->addr))
		return (0);
	return (addr_cmp(&l->addr, &t->addr) == 0 ||
	    (is_any(&l->addr) && is_own(&t->addr)));
}

/* A relay that leads to our own listener would be a loop. */
static void
check_target(const struct config *c, const struct lex_token *at,
    const struct conf_target *t)
{
	const struct conf_listen	*l;
	char				 text[ADDR_STRLEN], own[ADDR_STRLEN];

	addr_str(&t->addr, text);
	if (is_any(&t->addr)) {
		conf_error(at, "relay to \"%s\": not the address of a server", text);
		return;
	}
	TAILQ_FOREACH(l, &c->listens, entry)
		if (leads_back(l, t)) {
			conf_error(at, "relay to %s port %u: this is our own "
			    "listener (%s port %u of %s); write the address "
			    "of the mail server", text, t->port, addr_str(&l->addr, own),
			    l->port, l->pass ? "pass" : "front");
			return;
		}
}

/*
 * With transparent the connection to the mail server has the client's address,
 * which must be of the same family as the server's.  A warning, because the
 * clients of the other family may not exist.
 */
static void
check_families(const struct config *c, const struct conf_relay *r,
    const struct lex_token *at)
{
	const struct conf_listen	*l;
	const struct conf_target	*t;
	int				 is4, missing[2] = { 0, 0 };

	TAILQ_FOREACH(l, &c->listens, entry) {
		is4 = addr_is4(&l->addr) != 0;
		TAILQ_FOREACH(t, &r->targets, entry)
			if ((addr_is4(&t->addr) != 0) == is4)
				break;
		if (t == NULL)
			missing[is4] = 1;
	}
	if ((missing[0] || missing[1]) && conf_errors() == 0)
		conf_warning(at, "relay transparent: no target has an %s "
		    "address; clients over %s get 451", missing[1] ? "IPv4" : "IPv6",
		    missing[1] ? "IPv4" : "IPv6");
}

/*
 * Do the allowed domains have an address in the relay's domain? A domain of a
 * relay that none of them matches gets no mail. rule is a domain, ".domain" or
 * an address.
 */
static int
domain_allowed(const struct config *c, const char *rule)
{
	const struct conf_string	*s;
	const char			*at = strrchr(rule, '@'), *other;
	char				 path[RCPT_MAX];

	rule = at == NULL ? rule : at + 1;
	snprintf(path, sizeof(path), "postmaster@%s%s",
	    *rule == '.' ? "sub" : "", rule);
	TAILQ_FOREACH(s, &c->domains, entry) {
		other = strrchr(s->text, '@');
		if (mailaddr_match(s->text, path) || (other != NULL &&
		    strcmp(other + 1, rule) == 0))
			return (1);
	}
	return (0);
}

/* The first relay that has this domain, and *which says where; NULL: none. */
static const struct conf_relay *
first_with(const struct conf_pass *p, const char *domain,
    const struct conf_string **which)
{
	const struct conf_relay		*r;

	TAILQ_FOREACH(r, &p->relays, entry)
		TAILQ_FOREACH(*which, &r->domains, entry)
			if (strcmp((*which)->text, domain) == 0)
				return (r);
	return (NULL);
}

/* Each domain may belong to one relay only, and should be an allowed one. */
static void
check_domains(const struct config *c, const struct conf_relay *r,
    const struct lex_token *at)
{
	const struct conf_relay		*before;
	const struct conf_string	*s, *first;

	TAILQ_FOREACH(s, &r->domains, entry) {
		if ((before = first_with(c->pass, s->text, &first)) != NULL &&
		    first != s)
			conf_error(at, "relay domain \"%s\" given twice, first "
			    "at %s", s->text, before->where);
		if (!TAILQ_EMPTY(&c->domains) && c->pass->relay_check &&
		    !domain_allowed(c, s->text))
			conf_warning(at, "relay domain \"%s\": not one of "
			    "the allowed domains; mail to it is refused",
			    s->text);
	}
}

/*
 * There must be a default relay, and mail for foreign domains must not be
 * relayed: the mail server sees connections from us, and may trust this machine
 * more than others.  That does not matter if it is told the client's address.
 */
static void
check_relays(const struct config *c)
{
	const struct conf_relay		*r;
	const struct conf_target	*t;
	const struct lex_token		*at;
	int				 told = 1;

	if (conf_where("relay to") == NULL)
		conf_error(conf_place("pass block"), "pass: \"relay to\" is "
		    "missing; write the address of the mail server");
	TAILQ_FOREACH(r, &c->pass->relays, entry) {
		at = at_where(r->where);
		if (TAILQ_EMPTY(&r->targets) && conf_errors() == 0)
			conf_error(at, "relay: the address is missing");
		if (TAILQ_EMPTY(&r->domains) && conf_errors() == 0 &&
		    r != TAILQ_FIRST(&c->pass->relays))
			conf_error(at, "relay domain: the domain is missing");
		TAILQ_FOREACH(t, &r->targets, entry)
			check_target(c, at, t);
		check_domains(c, r, at);
		if (r->client == CLIENT_TRANSPARENT)
			check_families(c, r, at);
		told = told && r->client != CLIENT_RECEIVED;
	}
	/* To the MTA all clients look like us: one that trusts us is open. */
	if (TAILQ_EMPTY(&c->domains) && c->pass->relay_check && !told)
		conf_error(conf_place("pass block"), "pass without allowed "
		    "domains would make the mail server an open relay; set "
		    "allowed domains, or send it the client's address "
		    "(xclient, proxy-protocol, transparent), or set \"relay "
		    "check no\" if it does not trust this machine more than "
		    "others");
}

/* For qsort: by the bytes of the text. */
static int
string_cmp(const void *a, const void *b)
{
	return (strcmp((*(struct conf_string *const *)a)->text,
	    (*(struct conf_string *const *)b)->text));
}

/*
 * Sorts the recipients, so that pass can search them, and removes those that
 * are given twice.  The list may have hundreds of thousands.
 */
static void
check_recipients(struct conf_pass *p)
{
	struct conf_string	**all, *s;
	size_t			  i, n = 0;

	TAILQ_FOREACH(s, &p->recipients, entry)
		n++;
	if (p->has_recipients && n == 0 && conf_errors() == 0)
		conf_warning(conf_place("recipients"), "recipients: the list "
		    "is empty; all mail except to postmaster and abuse is "
		    "refused");
	if ((all = calloc(n + 1, sizeof(struct conf_string *))) == NULL)
		fatal("configuration");
	for (i = 0; (s = TAILQ_FIRST(&p->recipients)) != NULL; i++) {
		TAILQ_REMOVE(&p->recipients, s, entry);
		all[i] = s;
	}
	qsort(all, n, sizeof(struct conf_string *), string_cmp);
	for (i = 0; i < n; i++)
		if ((s = TAILQ_LAST(&p->recipients, conf_strings)) != NULL &&
		    strcmp(s->text, all[i]->text) == 0) {
			free(all[i]->text);
			free(all[i]);
		} else
			TAILQ_INSERT_TAIL(&p->recipients, all[i], entry);
	free(all);
	if (conf_pass_index(p) == -1)
		fatal("configuration");
}

/*
 * The words of each module's block, by the table of the module, and the names
 * of lists in its except.  A module with a wrong name was reported when it was
 * read.
 */
static void
check_modules(const struct config *c)
{
	const struct conf_string	*s;
	struct conf_module		*m;
	struct prefix			 p;

	TAILQ_FOREACH(m, &c->pass->modules, entry) {
		/* a name that cannot be one is told of already */
		if (conf_where("module \"%s\"", m->name) != NULL)
			conf_module_check(m);
		TAILQ_FOREACH(s, &m->except, entry)
			if (prefix_parse(s->text, &p) == -1 &&
			    conf_list_find(c, s->text) == NULL)
				conf_error(at_where(m->where), "module %s: "
				    "except: there is no list \"%s\"",
				    m->name, s->text);
	}
}

/*
 * All checks of the pass block, and the values that depend on each other.
 * Called once, when the block is there.
 */
void
conf_check_pass(struct config *c)
{
	struct conf_pass	*p = c->pass;

	check_listens(c);
	check_relays(c);
	check_recipients(p);
	check_modules(c);
	if (p->mark_at != 0 && p->reject_at != 0 && p->mark_at >= p->reject_at)
		conf_error(conf_place(conf_where("pass mark at") != NULL ?
		    "pass mark at" : "pass reject at"), "pass: mark at must be less than "
		    "reject at, or nothing is ever marked");
	if (p->spool_message > p->spool_memory)
		conf_error(conf_place(conf_where("pass spool message") !=
		    NULL ? "pass spool message" : "pass spool memory"), "pass: "
		    "spool message must not be larger than spool memory");
}
