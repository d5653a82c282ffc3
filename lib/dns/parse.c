/*
 * What one answer of the DNS says, and the names that are asked for addresses.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/dns/msg.h"

struct taking {
	enum dns_type		 type;
	struct dns_answer	*a;
};

static int
take(const struct dns_rr *rr, void *arg)
{
	const struct taking	*t = arg;
	struct dns_answer	*a = t->a;
	struct dns_name		 name;
	struct addr		 addr;
	char			 text[DNS_TEXT_MAX];
	size_t			 len;

	switch (t->type) {
	case DNS_A:
	case DNS_AAAA:
		if (dns_rr_addr(rr, t->type, &addr) == -1)
			return (0);
		if (a->naddrs < DNS_ADDRS_MAX)
			a->addrs[a->naddrs++] = addr;
		return (1);
	case DNS_TXT:
		if (dns_rr_txt(rr, text, sizeof(text), &len) == -1)
			return (0);
		break;
	case DNS_PTR:
		if (dns_rr_ptr(rr, &name) == -1)
			return (0);
		dns_name_text(&name, text, sizeof(text));
		break;
	default:
		return (0);
	}
	if (a->text[0] == '\0')
		strlcpy(a->text, text, sizeof(a->text));
	return (1);
}

void
dns_parse(const uint8_t *msg, size_t len, const char *name,
    enum dns_type type, struct dns_answer *a)
{
	struct taking		t = { type, a };
	struct dns_result	r;

	memset(a, 0, sizeof(*a));
	r = dns_walk(msg, len, name, type, take, &t);
	a->status = r.status;
	a->ttl = r.ttl;
	a->why = r.why;
}

int
dns_reverse(const struct addr *addr, const char *zone, char *dst, size_t size)
{
	static const char	 hex[] = "0123456789abcdef";
	const uint8_t		*b = addr->b;
	char			 nibbles[65];
	int			 i, n;

	if (addr_is4(addr))
		n = snprintf(dst, size, "%u.%u.%u.%u.%s", b[15], b[14], b[13],
		    b[12], zone);
	else {
		for (i = 0; i < 16; i++) {
			nibbles[4 * i] = hex[b[15 - i] & 0x0f];
			nibbles[4 * i + 1] = '.';
			nibbles[4 * i + 2] = hex[b[15 - i] >> 4];
			nibbles[4 * i + 3] = '.';
		}
		nibbles[64] = '\0';
		n = snprintf(dst, size, "%s%s", nibbles, zone);
	}
	return (n < 0 || (size_t)n >= size || n > DNS_NAME_MAX ? -1 : 0);
}
