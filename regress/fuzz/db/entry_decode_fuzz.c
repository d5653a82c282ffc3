/*
 * Entries of a damaged disk; the first byte is the length of the key.  One that
 * is decoded is encoded to the same bytes again.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/db/entry.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char		strbuf[ENTRY_DATA_MAX + ENTRY_KEY_MAX];
	static char		line[ENTRY_LINE_MAX];
	static struct entry_key	key;
	static struct entry_data enc;
	struct entry		e;
	size_t			klen;

	if (size < 1 || size - 1 < data[0])
		return (0);
	klen = data[0];
	entry_raw_expire(data + 1 + klen, size - 1 - klen);
	if (entry_decode(data + 1, klen, data + 1 + klen, size - 1 - klen, &e,
	    strbuf) != 0)
		return (0);
	if (entry_line(&e, line) >= ENTRY_LINE_MAX)
		abort();
	if (e.type == ENTRY_META)
		return (0);
	if (entry_encode(&e, &key, &enc) == -1 || key.len != klen ||
	    memcmp(key.b, data + 1, klen) != 0)
		abort();
	/* An IPv4 address may have come in the long form, and an empty
	 * comment: those are written shorter. */
	if (entry_decode(key.b, key.len, enc.b, enc.len, &e, strbuf) != 0)
		abort();
	return (0);
}
