/*
 * Any text as addresses and prefixes.  One that is accepted prints to a text
 * with the same meaning.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/addr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct prefix	p, p2;
	struct addr	a, a2;
	char		text[256], s[PREFIX_STRLEN];

	if (size >= sizeof(text))
		return (0);
	memcpy(text, data, size);
	text[size] = '\0';
	if (addr_parse(text, &a) == 0 &&
	    (addr_parse(addr_str(&a, s), &a2) == -1 || addr_cmp(&a, &a2) != 0))
		abort();
	if (prefix_parse(text, &p) == -1)
		return (0);
	if (p.len > 128 || prefix_parse(prefix_str(&p, s), &p2) == -1 ||
	    p.len != p2.len || addr_cmp(&p.addr, &p2.addr) != 0 ||
	    !prefix_has(&p, &p.addr))
		abort();
	return (0);
}
