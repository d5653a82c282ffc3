/*
 * dns_parse takes whatever comes over UDP; the first octet chooses the type.
 */
/* LIBS: -levent_core -lcares */
#include <stdlib.h>
#include <string.h>

#include "../../lib/dns.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type	types[] = { DNS_A, DNS_AAAA, DNS_TXT,
	    DNS_PTR };
	struct dns_answer		a;

	if (size == 0)
		return (0);
	dns_parse(data + 1, size - 1, types[data[0] % 4], &a);
	if (a.naddrs > DNS_ADDRS_MAX || memchr(a.text, '\0',
	    sizeof(a.text)) == NULL || (a.status == DNS_FAILED) !=
	    (a.why != NULL) || a.ttl > 86400)
		abort();
	return (0);
}
