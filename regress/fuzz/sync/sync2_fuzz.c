/*
 * Any bytes as datagrams of version 2, and the same body with the right key and
 * length, as from a hostile peer.  Accepted entries can be sent again.
 */
/* LIBS: -lcrypto */
#include <stdlib.h>
#include <string.h>

#include "lib/sync/mergeio.h"
#include "lib/sync/v2.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct sync_key	key;

static void
take(const struct sync2_item *it, void *arg)
{
	static uint8_t	d[SYNC2_MAX];
	struct sync2_item got = *it;

	(void)arg;
	if (!addr_is4(&got.addr) || !merge_clean(got.from) ||
	    !merge_clean(got.to) || !merge_clean(got.helo) ||
	    sync2_build(d, 1, &got, &key) == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t		d[SYNC2_MAX + 64], mac[SYNCMAC_V2_LEN];
	uint32_t	counter;

	if (key.v2_len == 0)
		synckey_make((const uint8_t *)"secret\n", 7, &key);
	if (size > sizeof(d))
		size = sizeof(d);
	memcpy(d, data, size);
	(void)sync2_parse(d, size, &key, &counter, take, NULL);
	if (size < SYNC2_HDR)
		return (0);
	d[0] = d[1] = 2;
	d[2] = (uint8_t)(size >> 8);
	d[3] = (uint8_t)size;
	memset(d + 8, 0, sizeof(mac));
	synckey_mac2(&key, d, size, mac);
	memcpy(d + 8, mac, sizeof(mac));
	(void)sync2_parse(d, size, &key, &counter, take, NULL);
	return (0);
}
