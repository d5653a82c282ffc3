/* Whose connections count for the tracker: what the configuration says, and
 * otherwise the machine's own addresses. */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/track/track.h"

/* The networks that the configuration gives for our mail server, in p.
 * Returns how many. */
static size_t
configured(const struct conf_track *t, struct prefix *p)
{
	const struct conf_string	*s;
	size_t				 n = 0;

	TAILQ_FOREACH(s, &t->mta, entry)
		if (n < CONF_TRACK_MTA && prefix_parse(s->text, &p[n]) == 0)
			n++;
	return (n);
}

/* Without configured networks the machine's own addresses count.  -1: no
 * memory, and *r is as before. */
int
track_rules_make(struct track_rules *r, const struct conf_track *t,
    uint32_t ifindex, const struct addr *ours, size_t n)
{
	struct prefix	*p;
	size_t		 i;

	if ((p = calloc(CONF_TRACK_MTA + n, sizeof(*p))) == NULL)
		return (-1);
	free(r->ours);
	r->ours = p;
	if (!TAILQ_EMPTY(&t->mta))
		r->nours = configured(t, p);
	else {
		for (i = 0; i < n; i++)
			p[i] = (struct prefix){ ours[i], 128 };
		r->nours = n;
	}
	r->outbound = t->outbound;
	r->ifindex = ifindex;
	strlcpy(r->ifname, t->interface == NULL ? "" : t->interface,
	    sizeof(r->ifname));
	return (0);
}

void
track_rules_free(struct track_rules *r)
{
	free(r->ours);
	memset(r, 0, sizeof(*r));
}
