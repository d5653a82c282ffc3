/*
 * One answer of the DNS as a struct dns_answer, and the names under which
 * addresses are looked up.  Pure functions.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/dns/msg.h"

#define NIBBLES_LEN	64	/* 32 hexadecimal digits, each with its dot */

struct taking {
	enum dns_type		 type;
	struct dns_answer	*a;
};

/*
 * One record more.  Addresses past DNS_ADDRS_MAX are left out; of texts only
 * the first one is kept.
 */
static int
answer_take(const struct dns_rr *rr, void *arg)
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

/* Counts only records that answer the question, see msg.h. */
void
dns_parse(const uint8_t *msg, size_t len, const char *name,
    enum dns_type type, struct dns_answer *a)
{
	struct taking		t = { type, a };
	struct dns_result	r;

	memset(a, 0, sizeof(*a));
	r = dns_walk(msg, len, name, type, answer_take, &t);
	a->status = r.status;
	a->ttl = r.ttl;
	a->why = r.why;
}

/* A name longer than DNS_NAME_MAX cannot be asked for. */
int
dns_reverse(const struct addr *addr, const char *zone, char *dst, size_t size)
{
	const uint8_t	*b = addr->b;
	char		 nibbles[NIBBLES_LEN + 1];
	int		 i, n;

	if (addr_is4(addr))
		n = snprintf(dst, size, "%u.%u.%u.%u.%s", b[15], b[14], b[13],
		    b[12], zone);
	else {
		for (i = 0; i < 16; i++) {
			nibbles[4 * i] = ascii_hex_digit(b[15 - i]);
			nibbles[4 * i + 1] = '.';
			nibbles[4 * i + 2] = ascii_hex_digit(b[15 - i] >> 4);
			nibbles[4 * i + 3] = '.';
		}
		nibbles[NIBBLES_LEN] = '\0';
		n = snprintf(dst, size, "%s%s", nibbles, zone);
	}
	return (n < 0 || (size_t)n >= size || n > DNS_NAME_MAX ? -1 : 0);
}
