/*
 * Address lists in the configuration: where they come from, which texts and
 * tables go with them, and who else may bring lists (spamd-setup).  What is in
 * them is read elsewhere (lib/list/read.c, parent/list).
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/addrhint.h"
#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

#define SETUPS_MAX	4
#define TIMEOUT_MAX	3600

/*
 * The beginning of a statement: a list with its defaults, at the end of all.
 * Its index is its place in the compiled set, so it never changes.
 */
struct conf_list *
conf_list_new(struct config *conf, const struct lex_token *name,
    enum conf_list_kind kind)
{
	const struct conf_list	*before;
	struct conf_list	*list;

	if ((list = calloc(1, sizeof(*list))) == NULL)
		fatal("configuration");
	TAILQ_INIT(&list->except);
	list->kind = kind;
	list->reply = 450;
	list->timeout = CONF_LIST_TIMEOUT;
	if ((before = TAILQ_LAST(&conf->lists, conf_lists)) != NULL)
		list->index = before->index + 1;
	conf_set_where(&list->where, name);
	conf_replace(&list->name, name->text);
	conf_replace(&list->file, "");
	if (conf_list_name(name) == 0)
		conf_once(name, "list \"%s\"", name->text);
	if (list->index == ADDRSET_LISTS_MAX)
		conf_error(name, "too many lists: at most %d", ADDRSET_LISTS_MAX);
	TAILQ_INSERT_TAIL(&conf->lists, list, entry);
	return (list);
}

/*
 * Is it a URL that the system's ftp or curl can fetch? It becomes an argument
 * of that program, which is run without a shell.
 */
static int
is_url(const char *s)
{
	static const char *const schemes[] = { "https://", "http://",
				    "ftp://" };
	size_t			 i, n;

	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		n = strlen(schemes[i]);
		if (strncmp(s, schemes[i], n) == 0)
			break;
	}
	if (i == sizeof(schemes) / sizeof(schemes[0]) || s[n] == '\0')
		return (0);
	for (; *s != '\0'; s++)
		if (*s <= 0x20 || *s > 0x7e)
			return (0);
	return (1);
}

/*
 * file, command or url, whose text is checked by its kind.  A command is not
 * run and a URL not fetched here.
 */
void
conf_list_source(struct conf_list *l, enum conf_source source,
    const struct lex_token *t)
{
	l->source = source;
	switch (source) {
	case SRC_FILE:
		conf_path(t, "file", &l->file);
		break;
	case SRC_COMMAND:
		if (conf_path(t, "command", &l->file) == 0 && *t->text != '/')
			conf_error(t, "command \"%s\": the path of the "
			    "program must begin with /; it is run without a "
			    "shell, and blanks separate its arguments", t->text);
		break;
	default:
		if (!is_url(t->text))
			conf_error(t, "url \"%s\": must begin with https://, "
			    "http:// or ftp:// and contain only printable "
			    "ASCII",
			    t->text);
		conf_replace(&l->file, t->text);
		break;
	}
}

/* table NAME: the firewall gets the addresses of this list too. */
void
conf_list_table(struct conf_list *l, const struct lex_token *at,
    const struct lex_token *name)
{
	if (conf_once(at, "blacklist \"%s\": table", l->name) == 0)
		conf_fw_name(name, "table", CONF_PF_TABLE_MAX, &l->table);
}

/* timeout TIME, of a command or a URL. */
void
conf_list_timeout(struct conf_list *l, const struct lex_token *at,
    const struct lex_token *t)
{
	if (conf_once(at, "list \"%s\": timeout", l->name) == -1)
		return;
	if (l->source == SRC_FILE)
		conf_error(at, "list \"%s\": timeout is allowed only with "
		    "command and url", l->name);
	else
		conf_time(t, "timeout", 1, TIMEOUT_MAX, &l->timeout);
}

/*
 * spamd-setup on ADDRESS port N. Only loopback: whoever can connect there may
 * replace lists.
 */
void
conf_setup_new(struct config *conf, const struct lex_token *at,
    const struct lex_token *address, const struct lex_token *port)
{
	struct conf_listen	*l, *other;
	char			 text[ADDR_STRLEN], hint[ADDRHINT_MAX];
	uint32_t		 number = 0;
	unsigned int		 n = 0;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("configuration");
	l->fd = -1;
	if (addr_parse(address->text, &l->addr) == -1 ||
	    !addr_is_loopback(&l->addr))
		conf_error(address, "spamd-setup on \"%s\": must be a "
		    "loopback address, 127.0.0.1 or ::1%s", address->text,
		    addr_hint(address->text, hint));
	else if (conf_number(port, "port", 1, 65535, &number) == 0)
		conf_once(at, "spamd-setup on %s port %u",
		    addr_str(&l->addr, text), number);
	l->port = (uint16_t)number;
	TAILQ_FOREACH(other, &conf->setups, entry)
		n++;
	if (n == SETUPS_MAX)
		conf_error(at, "too many spamd-setup lines: at most %d", SETUPS_MAX);
	TAILQ_INSERT_TAIL(&conf->setups, l, entry);
}

/*
 * Removes names that were given before: then there are never more of them than
 * lists.
 */
static void
names_unique(struct conf_strings *names)
{
	struct conf_string	*s, *next, *before;

	for (s = TAILQ_FIRST(names); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		TAILQ_FOREACH(before, names, entry)
			if (before == s || strcmp(before->text, s->text) == 0)
				break;
		if (before != s) {
			TAILQ_REMOVE(names, s, entry);
			free(s->text);
			free(s);
		}
	}
}

/*
 * A table must be of the firewall that is used, and its sets must not be those
 * of something else.  PF has one table for both families; nftables has a set
 * for each, whose names end in 4 and 6.
 */
static void
check_table(const struct config *c, const struct conf_list *l)
{
	const struct lex_token	*at;
	char			 four[CONF_NFT_NAME_MAX + 2];
	char			 six[CONF_NFT_NAME_MAX + 2];
	const char		*taken[4] = { c->nft_set4, c->nft_set6,
				    CONF_NFT_NET4, CONF_NFT_NET6 };
	unsigned int		 i;

	if (l->table == NULL)
		return;
	if ((at = conf_where("blacklist \"%s\": table", l->name)) == NULL)
		at = lex_main();
	if (c->fw == FW_NONE)
		conf_error(at, "blacklist \"%s\": table requires a firewall, "
		    "but the configuration has \"firewall none\"", l->name);
	if (c->fw == FW_PF && strcmp(l->table, c->fw_table) == 0)
		conf_error(at, "blacklist \"%s\": table <%s> is already used "
		    "for the hosts that have passed", l->name, l->table);
	snprintf(four, sizeof(four), "%s4", l->table);
	snprintf(six, sizeof(six), "%s6", l->table);
	for (i = 0; i < 4 && c->fw == FW_NFT; i++)
		if (strcmp(four, taken[i]) == 0 || strcmp(six, taken[i]) == 0)
			conf_error(at, "blacklist \"%s\": the set %s is "
			    "already in use; the sets of table \"%s\" are %s "
			    "and %s",
			    l->name, taken[i], l->table, four, six);
}

/* See conf_int.h.  Names in except must be those of whitelists. */
void
conf_check_lists(struct config *c)
{
	const struct conf_list		*white;
	struct conf_list		*l;
	const struct conf_string	*s;
	const struct lex_token		*at;

	TAILQ_FOREACH(l, &c->lists, entry) {
		names_unique(&l->except);
		check_table(c, l);
		if ((at = conf_where("list \"%s\"", l->name)) == NULL)
			at = lex_main();
		TAILQ_FOREACH(s, &l->except, entry) {
			white = conf_list_find(c, s->text);
			if (white == NULL)
				conf_error(at, "blacklist \"%s\": except: "
				    "there is no whitelist \"%s\"", l->name,
				    s->text);
			else if (white->kind != LIST_WHITE)
				conf_error(at, "blacklist \"%s\": except: "
				    "\"%s\" is a blacklist, not a whitelist", l->name, s->text);
		}
	}
}
