/*
 * Host states; see hosts.h.  A record is a struct host; one with neither
 * time set is a free place.
 */
#include <stdlib.h>

#include "addrmap.h"
#include "hosts.h"

struct hosts {
	struct addrmap	map;	/* of struct host */
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

const char *
trap_reason_str(unsigned int reason)
{
	return (reason < TRAP_MAX ? reasons[reason] : "unknown");
}

static int
host_occupied(const void *record)
{
	const struct host	*h = record;

	return (h->white != 0 || h->trapped != 0);
}

struct hosts *
hosts_new(void)
{
	struct hosts	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	if (addrmap_init(&h->map, sizeof(struct host), host_occupied) == -1) {
		free(h);
		return (NULL);
	}
	return (h);
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	addrmap_free(&h->map);
	free(h);
}

void
hosts_clear(struct hosts *h)
{
	addrmap_clear(&h->map);
}

size_t
hosts_count(const struct hosts *h)
{
	return (h->map.used);
}

int
hosts_set(struct hosts *h, const struct host *new)
{
	struct host	*old;

	if (host_occupied(new)) {
		if ((old = addrmap_put(&h->map, &new->key)) == NULL)
			return (-1);
		*old = *new;
	} else if ((old = addrmap_get(&h->map, &new->key)) != NULL)
		addrmap_remove(&h->map, old);
	return (0);
}

const struct host *
hosts_get(const struct hosts *h, const struct addr *key)
{
	return (addrmap_get(&h->map, key));
}

struct each {
	void	(*fn)(const struct host *, void *);
	void	*arg;
};

static void
each_host(const void *record, void *arg)
{
	const struct each	*e = arg;

	e->fn(record, e->arg);
}

void
hosts_each(const struct hosts *h, void (*fn)(const struct host *, void *),
    void *arg)
{
	struct each	e = { fn, arg };

	addrmap_each(&h->map, each_host, &e);
}
