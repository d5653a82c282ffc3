/*
 * Host states; see hosts.h.  A record is a struct host; one with neither time
 * set is a free place.
 */
#include <stdlib.h>

#include "lib/base/addrmap.h"
#include "lib/base/hosts.h"

struct hosts {
	struct addrmap	map;		/* of struct host; in force */
	struct addr_cut	cut;		/* of its keys */
	int		whole;		/* a stream has ended at least once */
	int		filling;	/* a stream is under way, into next */
	struct addrmap	next;
	struct addr_cut	next_cut;
};

static const char *const reasons[TRAP_MAX] = {
	[TRAP_NONE] = "none",
	[TRAP_SPAMTRAP] = "spamtrap",
	[TRAP_DOMAIN] = "domain",
	[TRAP_MX] = "low-priority-mx",
	[TRAP_EARLY] = "early-talker",
	[TRAP_PIPELINING] = "pipelining",
	[TRAP_FOREIGN] = "foreign-command",
	[TRAP_BARELF] = "bare-lf",
	[TRAP_MANUAL] = "manual",
	[TRAP_IMPORT] = "import",
	[TRAP_SYNC] = "sync",
	[TRAP_VIRUS] = "virus",
	[TRAP_SPAM] = "spam",
	[TRAP_DICTIONARY] = "dictionary",
	[TRAP_LEARN] = "learn"
};

/* A number from a newer version, or from a damaged file, is unknown. */
const char *
trap_reason_str(unsigned int reason)
{
	return (reason < TRAP_MAX ? reasons[reason] : "unknown");
}

const char *
white_reason_str(unsigned int reason)
{
	static const char *const names[WHITE_MAX] = {
		[WHITE_UNKNOWN] = "unknown",
		[WHITE_RETRY] = "retry",
		[WHITE_NOT_TO] = "not-to",
		[WHITE_MANUAL] = "manual",
		[WHITE_TRACKER] = "tracker",
		[WHITE_SYNC] = "sync",
		[WHITE_IMPORT] = "import"
	};

	return (names[reason < WHITE_MAX ? reason : WHITE_UNKNOWN]);
}

/* A host that is neither WHITE nor TRAPPED has no record. */
static int
host_occupied(const void *record)
{
	const struct host	*h = record;

	return (h->white != 0 || h->trapped != 0);
}

/* Until a stream says how keys are cut, they are full addresses. */
struct hosts *
hosts_new(void)
{
	struct hosts	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->cut.ip4 = ADDR4_BITS;
	h->cut.ip6 = ADDR_BITS;
	if (addrmap_init(&h->map, sizeof(struct host), host_occupied) == -1) {
		free(h);
		return (NULL);
	}
	return (h);
}

/* NULL is fine. */
void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	addrmap_free(&h->map);
	if (h->filling)
		addrmap_free(&h->next);
	free(h);
}

/*
 * Nobody relies on a table that was never complete: it is filled in place,
 * which saves the second table at each start.
 */
int
hosts_begin(struct hosts *h, const struct addr_cut *cut)
{
	if (!h->whole) {
		addrmap_clear(&h->map);
		h->cut = *cut;
		return (0);
	}
	if (h->filling)
		addrmap_free(&h->next);
	h->filling = 0;
	if (addrmap_init(&h->next, sizeof(struct host), host_occupied) == -1)
		return (-1);
	h->filling = 1;
	h->next_cut = *cut;
	return (0);
}

/* The new table takes the place of the old one, with its cut. */
void
hosts_end(struct hosts *h)
{
	h->whole = 1;
	if (!h->filling)
		return;
	addrmap_free(&h->map);
	h->map = h->next;
	h->cut = h->next_cut;
	h->filling = 0;
}

size_t
hosts_count(const struct hosts *h)
{
	return (h->map.used);
}

/* Enters, changes or removes one record. -1: no memory. */
static int
map_set(struct addrmap *m, const struct host *new)
{
	struct host	*old;

	if (host_occupied(new)) {
		if ((old = addrmap_put(m, &new->key)) == NULL)
			return (-1);
		*old = *new;
	} else if ((old = addrmap_get(m, &new->key)) != NULL)
		addrmap_remove(m, old);
	return (0);
}

/* Do the keys of the stream mean the same as those of the table in force? */
static int
same_cut(const struct hosts *h)
{
	return (h->cut.ip4 == h->next_cut.ip4 && h->cut.ip6 == h->next_cut.ip6);
}

/*
 * A state in a stream is the newest there is, like a change: both tables take
 * it.  But keys of another cut say nothing about the keys of the table in
 * force.
 */
int
hosts_set(struct hosts *h, const struct host *new)
{
	if (h->filling && map_set(&h->next, new) == -1)
		return (-1);
	return (!h->filling || same_cut(h) ? map_set(&h->map, new) : 0);
}

/*
 * While a stream with another cut is loading, a state of the new table counts
 * first: it is newer than anything in the table in force.
 */
const struct host *
hosts_get(const struct hosts *h, const struct addr *client)
{
	const struct host	*found;
	struct addr		 key;

	if (h->filling && !same_cut(h)) {
		addr_cut(client, &h->next_cut, &key);
		if ((found = addrmap_get(&h->next, &key)) != NULL)
			return (found);
	}
	addr_cut(client, &h->cut, &key);
	return (addrmap_get(&h->map, &key));
}

