/*
 * dns_parse takes whatever comes over UDP; the first octet chooses the type.
 * What a PTR says, and the input itself as such a text, is a hostname or none.
 */
/* LIBS: -levent_core -lcares */
#include <stdlib.h>
#include <string.h>

#include "../../lib/dns.h"
#include "../../lib/rdns.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Nothing gets out that may not stand in a header, a macro or a command. */
static void
check_name(const char *text)
{
	char	name[DNS_NAME_MAX + 1];
	size_t	len;

	memset(name, 'x', sizeof(name));
	if (rdns_hostname(text, name) == -1) {
		if (name[0] != '\0')
			abort();
		return;
	}
	len = strlen(name);
	if (len == 0 || len > 253 || name[0] == '.' || name[0] == '-' ||
	    name[len - 1] == '.' || strstr(name, "..") != NULL ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") != len || strncmp(text, name, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type	types[] = { DNS_A, DNS_AAAA, DNS_TXT,
	    DNS_PTR };
	struct dns_answer		a;
	char				text[600];

	if (size == 0)
		return (0);
	dns_parse(data + 1, size - 1, types[data[0] % 4], &a);
	if (a.naddrs > DNS_ADDRS_MAX || memchr(a.text, '\0',
	    sizeof(a.text)) == NULL || (a.status == DNS_FAILED) !=
	    (a.why != NULL) || a.ttl > 86400)
		abort();
	check_name(a.text);
	if (size > sizeof(text))
		size = sizeof(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	check_name(text);
	return (0);
}
