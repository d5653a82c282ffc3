/* Any bytes as an SPF record of a name server. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dns/spf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char	 text[SPF_RECORD_MAX + 1];
	struct spf_reader reader;
	const char	*before, *why = NULL;
	struct spf_term	 t;
	struct addr	 a;
	int		 r;

	if (size > SPF_RECORD_MAX)
		size = SPF_RECORD_MAX;
	memcpy(text, data, size);
	text[size] = '\0';
	spf_start(&reader, text);
	for (;;) {
		before = reader.pos;
		if ((r = spf_next(&reader, &t, &why)) != 1)
			break;
		if (reader.pos <= before || strlen(t.domain) > SPF_DOMAIN_MAX ||
		    t.net.len > 128 || t.cut.ip4 > 32)
			abort();
		a = t.net.addr;
		addr_mask(&a, t.net.len);
		if (addr_cmp(&a, &t.net.addr) != 0)
			abort();
	}
	if (r == -1 && why == NULL)
		abort();
	return (0);
}
