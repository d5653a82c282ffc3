/*
 * track ...: where the firewall logs connections (an interface of pflog, or a
 * group of NFLOG on Linux), and which connections out of this network are made
 * by our own mail servers.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

#define GROUP_MAX	65535

/* May it be the name of an interface? It need not exist now. */
static int
is_ifname(const char *s)
{
	size_t	len = strlen(s);

	return (len > 0 && len < CONF_IFNAME && strspn(s,
	    "abcdefghijklmnopqrstuvwxyz0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-@") == len);
}

/*
 * The beginning of the statement: a device, or "nflog" and its group.  There is
 * a structure afterwards even if something is wrong, so that the options which
 * follow have a place; the configuration is refused anyway.
 */
void
conf_track_begin(struct config *c, const struct lex_token *device,
    const struct lex_token *group)
{
	uint32_t	n = 0;

	(void)conf_once(device, "track");
	if (c->track == NULL && (c->track = conf_track_new()) == NULL)
		fatal("configuration");
	if (strcmp(device->text, "nflog") == 0) {
		if (group == NULL)
			conf_error(device, "track nflog: the number of the "
			    "group is missing; write the one of \"log "
			    "group\" in the firewall rules");
		else if (conf_number(group, "track nflog", 0, GROUP_MAX,
		    &n) == 0)
			c->track->group = (uint16_t)n;
		return;
	}
	if (group != NULL)
		conf_error(group, "track: a group number is allowed only "
		    "after nflog");
	if (!is_ifname(device->text))
		conf_error(device, "track: \"%s\" is not the name of an "
		    "interface",
		    device->text);
	conf_replace(&c->track->device, device->text);
}

/* interface NAME: only connections through it count. */
void
conf_track_interface(struct conf_track *t, const struct lex_token *at,
    const struct lex_token *name)
{
	if (conf_once(at, "track interface") == -1)
		return;
	if (!is_ifname(name->text))
		conf_error(name, "track interface: \"%s\" is not the name of "
		    "an interface", name->text);
	else
		conf_replace(&t->interface, name->text);
}

/* mta ...: addresses and networks of our mail servers, kept as text. */
void
conf_track_mta(struct conf_track *t, const struct lex_token *at,
    const struct lex_items *items)
{
	const struct lex_item	*item;
	struct conf_string	*s;
	struct prefix		 p;
	unsigned int		 n = 0;

	if (conf_once(at, "track mta") == -1)
		return;
	for (item = items->first; item != NULL; item = item->next) {
		if (prefix_parse(item->tok.text, &p) == -1) {
			conf_error(&item->tok, "track mta: \"%s\" is not an "
			    "address or a network (with all host bits 0)",
			    item->tok.text);
			continue;
		}
		if (++n == CONF_TRACK_MTA + 1)
			conf_error(&item->tok, "track mta: too many entries: "
			    "at most %u",
			    CONF_TRACK_MTA);
		if (n > CONF_TRACK_MTA)
			continue;
		if ((s = calloc(1, sizeof(*s))) == NULL)
			fatal("configuration");
		TAILQ_INSERT_TAIL(&t->mta, s, entry);
		conf_replace(&s->text, item->tok.text);
	}
	if (items->first == NULL)
		conf_error(at, "track mta: the list is empty");
}
