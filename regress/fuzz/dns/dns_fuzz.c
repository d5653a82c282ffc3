/*
 * Any bytes for dns_parse, as they can come over UDP.  The first byte chooses
 * the type; the question is the one in the message.  The text of a PTR record,
 * and the input itself, is accepted as a hostname or refused.
 */
/* LIBS: -levent_core -lcares */
#include <stdlib.h>
#include <string.h>

#include "lib/dns/msg.h"
#include "lib/dns/rdns.h"

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

/* The question's name, when it is plain; any other name else. */
static const char *
question(const uint8_t *p, size_t size, char name[DNS_NAME_MAX + 1])
{
	size_t	at = 12, n, used = 0;

	for (; at < size && (n = p[at]) != 0; at += n + 1) {
		if (n > 63 || n > size - at - 1 || used + n + 1 > DNS_NAME_MAX)
			return ("a.test");
		memcpy(name + used, p + at + 1, n);
		used += n;
		name[used++] = '.';
	}
	name[used] = '\0';
	return (name);
}

static int
on_mx(const struct dns_rr *rr, void *arg)
{
	struct dns_name	 n;
	char		 text[40];
	unsigned int	*count = arg;

	if (++*count > 1000 || dns_rr_mx(rr, &n) == -1)
		return (0);
	if (n.len == 0 || n.len > DNS_NAME_MAX || n.wire[n.len - 1] != 0)
		abort();
	dns_name_text(&n, text, sizeof(text));
	if (strlen(text) >= sizeof(text))
		abort();
	return (1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type	types[] = { DNS_A, DNS_AAAA, DNS_TXT,
	    DNS_PTR };
	struct dns_answer		a;
	char				text[600], name[DNS_NAME_MAX + 1];
	const char			*asked;
	unsigned int			count = 0;

	if (size == 0)
		return (0);
	asked = question(data + 1, size - 1, name);
	dns_parse(data + 1, size - 1, asked, types[data[0] % 4], &a);
	if (a.naddrs > DNS_ADDRS_MAX || memchr(a.text, '\0',
	    sizeof(a.text)) == NULL || (a.status == DNS_FAILED) !=
	    (a.why != NULL) || a.ttl > 86400)
		abort();
	(void)dns_walk(data + 1, size - 1, asked, DNS_MX, on_mx, &count);
	if (count > 1000)
		abort();
	check_name(a.text);
	if (size > sizeof(text))
		size = sizeof(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	check_name(text);
	return (0);
}
