/* LINK: spamgreydb/sync */
/*
 * Any bytes as frames of a bulk sync: as one stream, cut where the frames end.
 * Each body is read as its own type and as every other one.  Ranges stay within
 * their bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/sync/bulk.h"
#include "lib/sync/mergeio.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
ranges(struct bulk_get f)
{
	struct bulk_range	r, part;
	unsigned int		i;

	while (bulk_get_range(&f, &r) == 0) {
		if (bulk_first(&r) != r.prefix || bulk_last(&r) < r.prefix)
			abort();
		for (i = 0; r.depth < BULK_DEPTH_MAX && i < 16; i++) {
			part = bulk_part(&r, i);
			if (bulk_first(&part) < bulk_first(&r) ||
			    bulk_last(&part) > bulk_last(&r))
				abort();
		}
	}
}

static void
states(struct bulk_get f)
{
	static char		strbuf[MERGEIO_MAX];
	struct merge_state	s;
	uint16_t		done;
	size_t			n;

	if (bulk_get_u16(&f, &done) == -1)
		return;
	for (; (n = merge_get(f.p, f.left, &s, strbuf)) > 0; f.left -= n)
		f.p += n;
}

static void
body(const struct bulk_get *f)
{
	struct bulk_get		g = *f;
	struct bulk_hello	h;
	struct bulk_done	d;
	struct bulk_item	it;
	struct bulk_sum		s;
	uint8_t			seed[BULK_SEED];
	uint64_t		id;
	int64_t			asof;
	char			text[BULK_TEXT_MAX];
	size_t			i;

	if (bulk_get_hello(&g, &h) == 0 && h.version == BULK_VERSION &&
	    (g.left != 0 || h.match4 > 32 || h.admit6 > 128))
		abort();
	g = *f;
	(void)bulk_get_start(&g, seed, &asof);
	g = *f;
	if (bulk_get_done(&g, &d) == 0 && strlen(d.why) >= sizeof(d.why))
		abort();
	for (g = *f; bulk_get_sum(&g, &s) == 0;)
		;
	for (g = *f; bulk_get_item(&g, &it) == 0;)
		;
	for (g = *f; bulk_get_id(&g, &id) == 0;)
		;
	ranges(*f);
	states(*f);
	bulk_get_text(f, text, sizeof(text));
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bulk_get	f;
	size_t		used;

	for (; bulk_next(data, size, &f, &used) == 1; size -= used) {
		if (used > size || f.left > BULK_BODY_MAX)
			abort();
		body(&f);
		data += used;
	}
	/* The same octets as a body alone. */
	f.p = data;
	f.left = size > BULK_BODY_MAX ? BULK_BODY_MAX : size;
	body(&f);
	return (0);
}
