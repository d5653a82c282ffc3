/*
 * Any bytes as datagrams of version 3, and the same body with the right key,
 * length and time, as from a hostile peer.  Accepted states have the same bytes
 * when they are sent again.
 */
/* LIBS: -lcrypto */
#include <stdlib.h>
#include <string.h>

#include "lib/sync/v3.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define NOW	1700000000

static struct sync_key	key;

static void
walk(const uint8_t *d, size_t len)
{
	static char		strbuf[MERGEIO_MAX];
	uint8_t			again[MERGEIO_MAX];
	struct merge_state	s;
	struct sync3_hdr	h;
	size_t			pos = SYNC3_HDR, was = pos;

	if (sync3_open(d, len, &key, NOW, &h) != NULL)
		return;
	for (; sync3_next(d, len, &pos, &s, strbuf); was = pos) {
		(void)merge_refuse(&s, NOW);
		if (merge_put(again, sizeof(again), &s) != pos - was ||
		    memcmp(again, d + was, pos - was) != 0)
			abort();
	}
	if (pos != len)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t	d[SYNC3_BIG + 64], mac[SYNCMAC_V3_LEN];

	if (!key.has)
		synckey_make((const uint8_t *)"secret\n", 7, &key);
	if (size > sizeof(d))
		size = sizeof(d);
	memcpy(d, data, size);
	walk(d, size);
	if (size < SYNC3_HDR)
		return (0);
	d[0] = 3;
	d[1] = 0;
	d[2] = (uint8_t)(size >> 8);
	d[3] = (uint8_t)size;
	memcpy(d + 28, "\0\0\0\0\x65\x53\xf1\x00", 8);	/* NOW */
	memset(d + 36, 0, sizeof(mac));
	synckey_mac3(&key, d, size, mac);
	memcpy(d + 36, mac, sizeof(mac));
	walk(d, size);
	return (0);
}
