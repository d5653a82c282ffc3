/*
 * Host states by key: the same table as limit.c's, with another record; see
 * there for how deletion works.
 */
#include <stdlib.h>
#include <string.h>

#include "hosts.h"
#include "siphash.h"

#define HOSTS_MIN	64	/* slots; always a power of two */

struct hosts {
	struct host	*slots;	/* free: white and trapped both 0 */
	size_t		 size;
	size_t		 used;
	uint8_t		 hashkey[16];
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
	[TRAP_DICTIONARY] = "dictionary"
};

const char *
trap_reason_str(unsigned int reason)
{
	return (reason < TRAP_MAX ? reasons[reason] : "unknown");
}

struct hosts *
hosts_new(void)
{
	struct hosts	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	if ((h->slots = calloc(HOSTS_MIN, sizeof(*h->slots))) == NULL) {
		free(h);
		return (NULL);
	}
	h->size = HOSTS_MIN;
	arc4random_buf(h->hashkey, sizeof(h->hashkey));
	return (h);
}

void
hosts_free(struct hosts *h)
{
	if (h == NULL)
		return;
	free(h->slots);
	free(h);
}

void
hosts_clear(struct hosts *h)
{
	memset(h->slots, 0, h->size * sizeof(*h->slots));
	h->used = 0;
}

size_t
hosts_count(const struct hosts *h)
{
	return (h->used);
}

static int
occupied(const struct host *s)
{
	return (s->white != 0 || s->trapped != 0);
}

static size_t
home(const struct hosts *h, const struct addr *key)
{
	return (siphash24(h->hashkey, key->b, sizeof(key->b)) & (h->size - 1));
}

static struct host *
find(const struct hosts *h, const struct addr *key)
{
	size_t	i;

	for (i = home(h, key); occupied(&h->slots[i]);
	    i = (i + 1) & (h->size - 1))
		if (addr_cmp(&h->slots[i].key, key) == 0)
			break;
	return (&h->slots[i]);
}

static int
resize(struct hosts *h, size_t size)
{
	struct host	*old = h->slots, *new;
	size_t		 i, oldsize = h->size;

	if ((new = calloc(size, sizeof(*new))) == NULL)
		return (-1);
	h->slots = new;
	h->size = size;
	for (i = 0; i < oldsize; i++)
		if (occupied(&old[i]))
			*find(h, &old[i].key) = old[i];
	free(old);
	return (0);
}

static void
remove_slot(struct hosts *h, size_t hole)
{
	size_t	i, at, mask = h->size - 1;

	for (i = (hole + 1) & mask; occupied(&h->slots[i]);
	    i = (i + 1) & mask) {
		at = home(h, &h->slots[i].key);
		if (((i - at) & mask) >= ((i - hole) & mask)) {
			h->slots[hole] = h->slots[i];
			hole = i;
		}
	}
	memset(&h->slots[hole], 0, sizeof(h->slots[hole]));
	h->used--;
	if (h->size > HOSTS_MIN && h->used * 8 < h->size)
		(void)resize(h, h->size / 2);
}

int
hosts_set(struct hosts *h, const struct host *new)
{
	struct host	*s = find(h, &new->key);

	if (!occupied(new)) {
		if (occupied(s))
			remove_slot(h, (size_t)(s - h->slots));
		return (0);
	}
	if (!occupied(s)) {
		if ((h->used + 1) * 4 > h->size * 3) {
			if (resize(h, h->size * 2) == -1)
				return (-1);
			s = find(h, &new->key);
		}
		h->used++;
	}
	*s = *new;
	return (0);
}

const struct host *
hosts_get(const struct hosts *h, const struct addr *key)
{
	const struct host	*s = find(h, key);

	return (occupied(s) ? s : NULL);
}

void
hosts_each(const struct hosts *h, void (*fn)(const struct host *, void *),
    void *arg)
{
	size_t	i;

	for (i = 0; i < h->size; i++)
		if (occupied(&h->slots[i]))
			fn(&h->slots[i], arg);
}
