/*
 * Questions to a configuration: its lists, recipients, addresses, and what its
 * limits mean for descriptors.  For every process; the configuration is not
 * changed, but for the limits of config_check_descriptors.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/config.h"
#include "lib/smtp/mailaddr.h"

/* A walk: there are at most ADDRSET_LISTS_MAX. */
const struct conf_list *
config_list(const struct config *c, unsigned int index)
{
	const struct conf_list	*l;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->index == index)
			return (l);
	return (NULL);
}

uint64_t
config_mask(const struct config *c, enum conf_list_kind kind)
{
	const struct conf_list	*l;
	uint64_t		 mask = 0;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->kind == kind && l->index < ADDRSET_LISTS_MAX)
			mask |= UINT64_C(1) << l->index;
	return (mask);
}

/* The whitelists whose hosts' mail is not scanned. */
uint64_t
config_mask_no_scan(const struct config *c)
{
	const struct conf_list	*l;
	uint64_t		 mask = 0;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->kind == LIST_WHITE && l->no_scan &&
		    l->index < ADDRSET_LISTS_MAX)
			mask |= UINT64_C(1) << l->index;
	return (mask);
}

/*
 * recipients is sorted (check_recipients), so an array of their texts can be
 * searched.
 */
int
conf_pass_index(struct conf_pass *p)
{
	const struct conf_string	*s;
	size_t				 n = 0;

	TAILQ_FOREACH(s, &p->recipients, entry)
		n++;
	free(p->known);
	p->nknown = 0;
	if ((p->known = calloc(n == 0 ? 1 : n, sizeof(*p->known))) == NULL)
		return (-1);
	TAILQ_FOREACH(s, &p->recipients, entry)
		p->known[p->nknown++] = s->text;
	return (0);
}

/* For bsearch: a text against an entry of the index. */
static int
known_cmp(const void *name, const void *entry)
{
	return (strcmp(name, *(char *const *)entry));
}

/* The whole address, or "@domain", may be in the list. */
int
conf_recipient_known(const struct config *c, const char *box)
{
	const struct conf_pass	*p = c->pass;
	const char		*at;

	if (p == NULL || !p->has_recipients)
		return (1);
	if ((at = strrchr(box, '@')) == NULL)
		return (mailaddr_is_postmaster(box));
	return (mailaddr_is_role(box, at + 1) ||
	    bsearch(box, p->known, p->nknown, sizeof(*p->known),
	    known_cmp) != NULL ||
	    bsearch(at, p->known, p->nknown, sizeof(*p->known),
	    known_cmp) != NULL);
}

/* A tenth of limit tls unless it was set, but enough for a small site. */
uint32_t
conf_tls_per_network(const struct conf_limit *l)
{
	if (l->tls_per_network != 0)
		return (l->tls_per_network);
	return (l->tls / 10 > CONF_TLS_NETWORK_MIN ? l->tls / 10 :
	    CONF_TLS_NETWORK_MIN);
}

int
config_hands_over(const struct config *c)
{
	return (c->pass != NULL && c->handover);
}

int
conf_is_us(const struct config *c, const struct addr *a,
    const struct addr *dst)
{
	const struct conf_listen	*l;

	if (addr_cmp(a, dst) == 0)
		return (1);
	TAILQ_FOREACH(l, &c->listens, entry)
		if (addr_cmp(a, &l->addr) == 0)
			return (1);
	return (0);
}

struct lower {				/* a limit that may be too high */
	const char	*what;
	uint64_t	 rlim, room;
	unsigned int	 each;		/* descriptors that one takes */
};

/*
 * *limit, when it is auto, is what there is room for; when it is higher than
 * that, it is lowered, and a warning says which limit of open files would be
 * enough.
 */
static void
lower(const struct config *c, const struct lower *lo, uint32_t *limit,
    void (*report)(const char *, void *), void *arg)
{
	char	line[512];

	if (*limit == 0) {
		*limit = (uint32_t)lo->room;
		return;
	}
	if (*limit <= lo->room)
		return;
	snprintf(line, sizeof(line), "%.200s: warning: %s %u lowered to %llu: "
	    "the limit of open files is %llu, and %d are for other things; "
	    "raise it to %llu for that many", c->file, lo->what, *limit,
	    (unsigned long long)lo->room, (unsigned long long)lo->rlim,
	    CONF_FD_RESERVE,
	    (unsigned long long)*limit * lo->each + CONF_FD_RESERVE);
	if (report != NULL)
		report(line, arg);
	else
		fprintf(stderr, "%s\n", line);
	*limit = (uint32_t)lo->room;
}

/* socket and server are the options of every scanner. */
int
config_is_server(const struct conf_option *o)
{
	return (strcmp(o->keyword, "socket") == 0 ||
	    strcmp(o->keyword, "server") == 0);
}

/*
 * A module with several servers is one scanner: a session talks to one of them.
 */
unsigned int
config_scanners(const struct config *c)
{
	const struct conf_module	*m;
	const struct conf_option	*o;
	unsigned int			 n = 0;

	TAILQ_FOREACH(m, &c->pass->modules, entry) {
		TAILQ_FOREACH(o, &m->options, entry)
			if (config_is_server(o))
				break;
		n += o != NULL;
	}
	return (n);
}

/*
 * The connections to the client and to the mail server, and the spool; with
 * scanners one connection for each, and the spool to read.
 */
unsigned int
config_session_descriptors(const struct config *c)
{
	unsigned int	scanners = config_scanners(c);

	return (3 + (scanners > 0 ? scanners + 1 : 0));
}

/*
 * CONF_FD_RESERVE is for what is not a connection: channels, logs, listeners,
 * lists.  A number is never lowered to 0, which would be auto.
 */
void
config_check_descriptors(struct config *c, uint64_t rlim,
    void (*report)(const char *, void *), void *arg)
{
	struct lower	lo = { "limit connections", rlim, 0, 1 };

	lo.room = rlim > CONF_FD_RESERVE + 1 ? rlim - CONF_FD_RESERVE : 1;
	if (lo.room > CONF_CONNECTIONS_MAX)
		lo.room = CONF_CONNECTIONS_MAX;
	lower(c, &lo, &c->limit.connections, report, arg);
	if (c->pass == NULL)
		return;
	lo.what = "limit sessions";
	lo.each = config_session_descriptors(c);
	lo.room = rlim > CONF_FD_RESERVE + lo.each ?
	    (rlim - CONF_FD_RESERVE) / lo.each : 1;
	if (lo.room > CONF_CONNECTIONS_MAX)
		lo.room = CONF_CONNECTIONS_MAX;
	lower(c, &lo, &c->pass->sessions, report, arg);
}
