/*
 * Reading a configuration from beginning to end: the files are parsed, and then
 * what can only be judged when everything is known is checked: values that
 * depend on each other, names that must exist, listeners that must be there.
 * Pass, lists, learn and sync have checks of their own, which are called from
 * here.
 *
 * A value that the file does not give is its default already (config_new), so a
 * check has to ask conf_where() when it matters whether the file gave it.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

/*
 * Where a setting was given, for an error about it.  When the file does not
 * give it, the main file without a line has to do.
 */
const struct lex_token *
conf_place(const char *what)
{
	const struct lex_token	*t = conf_where("%s", what);

	return (t != NULL ? t : lex_main());
}

/*
 * A tuple must be able to pass before it expires, and a host must stay WHITE
 * longer than a tuple waits.
 */
static void
check_greylist(const struct config *c)
{
	if (c->grey.pass >= c->grey.grey)
		conf_error(conf_place(conf_where("greylist pass") != NULL ?
		    "greylist pass" : "greylist grey"),
		    "greylist: pass must be shorter than grey, or no retry "
		    "could ever pass");
	if (c->grey.grey >= c->grey.white)
		conf_error(conf_place(conf_where("greylist grey") != NULL ?
		    "greylist grey" : "greylist white"),
		    "greylist: grey must be shorter than white");
}

/*
 * A limit that depends on another one: two that were both given must fit.  A
 * default is lowered without a word when the file lowers the limit above it, so
 * that one line is enough to make everything smaller.
 */
static void
check_limits(struct conf_limit *l)
{
	if (l->idle_stress > l->idle) {
		if (conf_where("limit idle-stress") != NULL)
			conf_error(conf_place("limit idle-stress"), "limit: "
			    "idle-stress must not be longer than idle");
		l->idle_stress = l->idle;
	}
	if (l->grey_per_host > l->grey_per_network) {
		if (conf_where("limit grey-per-host") != NULL)
			conf_error(conf_place("limit grey-per-host"), "limit: "
			    "grey-per-host (%u) must not be more than "
			    "grey-per-network (%u)", l->grey_per_host,
			    l->grey_per_network);
		l->grey_per_host = l->grey_per_network;
	}
	if (l->per_host > l->per_network) {
		if (conf_where("limit per-host") != NULL)
			conf_error(conf_place("limit per-host"), "limit: per-host "
			    "(%u) must not be more than per-network (%u)",
			    l->per_host, l->per_network);
		l->per_host = l->per_network;
	}
}

/*
 * Each process changes its root directory, so a relative path would mean
 * different files to them.  A path of a socket also has a limit of the kernel.
 */
static void
check_paths(const struct config *c)
{
	if (*c->statedir != '/')
		conf_error(conf_place("state directory"), "state directory \"%s\": "
		    "the name must begin with /", c->statedir);
	if (*c->socket != '/')
		conf_error(conf_place("control socket"), "control socket \"%s\": "
		    "the name must begin with /", c->socket);
	if (strlen(c->socket) > CONF_SOCKET_MAX)
		conf_error(conf_place("control socket"), "control socket: "
		    "the name may have at most %d bytes", CONF_SOCKET_MAX);
}

/*
 * The sets of hosts and those of whitelisted networks are updated by different
 * parts of fw, so no two of them may be the same set of nftables.
 */
static void
check_sets(const struct config *c)
{
	const char	*names[4] = { c->nft_set4, c->nft_set6, CONF_NFT_NET4,
			    CONF_NFT_NET6 };
	unsigned int	 i, j;

	if (c->fw != FW_NFT)
		return;
	for (i = 0; i < 2; i++) {
		for (j = i + 1; j < 4; j++)
			if (strcmp(names[i], names[j]) == 0)
				break;
		if (j < 4)
			conf_error(conf_place(i == 0 ? "firewall set ip4" :
			    "firewall set ip6"), "firewall: the set %s "
			    "cannot be used twice; net4 and net6 are "
			    "used for the whitelists", names[i]);
	}
}

/*
 * A listener that the file does not give. address is a constant of the program.
 */
struct conf_listen *
conf_listen_add(struct config *c, const char *address, uint16_t port)
{
	struct conf_listen	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->fd = -1;
	l->port = port;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
	if (addr_parse(address, &l->addr) == -1)
		fatalx("configuration: %s", address);
	return (l);
}

/*
 * The listeners of front; those of pass are checked in check_pass.c.
 * Without any there are two on loopback, where the firewall sends the
 * connections.
 */
static void
check_listens(struct config *c)
{
	const struct conf_listen	*l;
	unsigned int			 all = 0, n = 0, primary = 0;

	TAILQ_FOREACH(l, &c->listens, entry) {
		all++;
		n += !l->pass;
		primary += !l->pass && !l->low_priority_mx;
	}
	if (all > CONF_LISTEN_MAX)
		conf_error(lex_main(), "too many listen lines: at most %d",
		    CONF_LISTEN_MAX);
	if (n == 0) {
		conf_listen_add(c, "127.0.0.1", CONF_PORT);
		conf_listen_add(c, "::1", CONF_PORT);
	} else if (primary == 0)
		conf_warning(lex_main(), "every listen line has "
		    "low-priority-mx; without a primary MX here, no host is "
		    "trapped for skipping it");
}

/*
 * "of bad" compares the bad messages of a host with all of its messages.  Only
 * pass sees messages, so it is for events of pass, and needs a number to count
 * to.
 */
static void
check_reactions(const struct config *c)
{
	const struct lex_token	*at;
	const char		*name;
	unsigned int		 i;

	for (i = 0; i < EVENT_MAX; i++) {
		name = host_event_str(i);
		if (c->reaction[i].bad == 0 ||
		    (at = conf_where("on %s: of bad", name)) == NULL)
			continue;
		if (i != EVENT_DICTIONARY && i != EVENT_VIRUS &&
		    i != EVENT_SPAM)
			conf_error(at, "on %s: \"of bad\" is allowed only "
			    "for dictionary, virus and spam", name);
		else if (conf_where("on %s: after", name) == NULL)
			conf_error(at, "on %s: \"of bad\" requires \"after\"", name);
	}
}

/* The list of that name, black or white; NULL when there is none. */
const struct conf_list *
conf_list_find(const struct config *c, const char *name)
{
	const struct conf_list	*l;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (strcmp(l->name, name) == 0)
			return (l);
	return (NULL);
}

/*
 * Without hostname the system's name is used.  It goes into every greeting, so
 * a name that cannot be one is left out with a warning.
 */
static void
default_hostname(struct config *c)
{
	char	name[256];
	size_t	len;

	if (conf_where("hostname") != NULL)
		return;
	if (gethostname(name, sizeof(name)) == -1)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	len = strlen(name);
	if (conf_is_domain(name, len))
		conf_replace(&c->hostname, name);
	else
		conf_warning(lex_main(), "the name of this system, \"%s\", "
		    "is not a host name; using hostname %s; set hostname", name,
		    c->hostname);
}

/*
 * Checks the whole when all files were read.  Warnings about what is missing
 * are given only when there is no error, because an error may be the reason.
 */
void
conf_check(struct config *c)
{
	default_hostname(c);
	check_greylist(c);
	check_limits(&c->limit);
	check_paths(c);
	check_listens(c);
	conf_check_lists(c);
	check_sets(c);
	check_reactions(c);
	conf_check_learn(c);
	conf_check_sync(c);
	if (c->pass != NULL)
		conf_check_pass(c);
	if (c->fw == FW_NONE && c->pass == NULL && conf_errors() == 0)
		conf_warning(conf_place("firewall"), "firewall none: a host "
		    "that has passed still gets 451, because nothing sends "
		    "it to the mail server");
	else if (c->fw == FW_NONE && !c->handover && conf_errors() == 0)
		conf_warning(conf_place("handover"), "handover no with "
		    "firewall none: a host that has passed still gets 451, "
		    "because nothing sends it to pass");
}

/*
 * Parses a file, or a text that stands for it (text not NULL).  Everything that
 * the parser allocates for itself is freed at the end, whatever happened.
 * Returns the configuration, the caller's, or NULL after an error, which was
 * reported.
 */
static struct config *
parse(const char *file, const char *text, size_t len,
    const struct conf_define *defines, size_t ndefines, conf_report report,
    void *arg)
{
	struct config	*c;
	size_t		 i;
	int		 bad = 0;

	if ((c = config_new()) == NULL)
		fatal("configuration");
	conf_replace(&c->file, file);
	lex_start(report, arg);
	for (i = 0; i < ndefines; i++)
		lex_define(defines[i].name, defines[i].value);
	if (text != NULL)
		lex_push_text(file, text, len);
	else
		bad = lex_push_file(file, NULL) == -1;
	if (!bad) {
		bad = conf_grammar(c) != 0;
		conf_check(c);
	}
	if (bad || conf_errors() > 0) {
		config_free(c);
		c = NULL;
	}
	lex_end();
	return (c);
}

struct config *
config_parse(const char *file, const struct conf_define *defines,
    size_t ndefines, void (*report)(const char *, void *), void *arg)
{
	return (parse(file, NULL, 0, defines, ndefines, report, arg));
}

struct config *
config_parse_text(const char *file, const char *text, size_t len,
    const struct conf_define *defines, size_t ndefines,
    void (*report)(const char *, void *), void *arg)
{
	return (parse(file, text, len, defines, ndefines, report, arg));
}
