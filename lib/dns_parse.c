/*
 * DNS messages as pure functions.  Names are c-ares' business
 * (ares_expand_name bounds its steps); the rest is counted here.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include <ares.h>

#include "dns.h"

#define HEADER		12
#define RR_FIXED	10	/* type, class, TTL, length */
#define TYPE_SOA	6
#define CLASS_IN	1
#define RCODE_NXDOMAIN	3
#define TTL_MAX		86400

struct rr {
	unsigned int	 type, class;
	uint32_t	 ttl;
	const uint8_t	*data;
	size_t		 len;
};

static unsigned int
get16(const uint8_t *p)
{
	return ((unsigned int)p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)get16(p) << 16 | get16(p + 2));
}

/* Past a name: 0, or -1.  text gets it when not NULL. */
static int
skip_name(const uint8_t *msg, size_t len, size_t *at, char *text, size_t size)
{
	char	*name;
	long	 used;

	if (*at >= len || ares_expand_name(msg + *at, msg, (int)len, &name,
	    &used) != ARES_SUCCESS)
		return (-1);
	if (text != NULL)
		snprintf(text, size, "%s", name);
	ares_free_string(name);
	if (used <= 0 || (size_t)used > len - *at)
		return (-1);
	*at += (size_t)used;
	return (0);
}

static int
next_rr(const uint8_t *msg, size_t len, size_t *at, struct rr *rr)
{
	if (skip_name(msg, len, at, NULL, 0) == -1 || len - *at < RR_FIXED)
		return (-1);
	rr->type = get16(msg + *at);
	rr->class = get16(msg + *at + 2);
	rr->ttl = get32(msg + *at + 4);
	rr->len = get16(msg + *at + 8);
	*at += RR_FIXED;
	if (rr->len > len - *at)
		return (-1);
	rr->data = msg + *at;
	*at += rr->len;
	/* RFC 2181 8: the top bit set is zero; a day is enough for anybody */
	if (rr->ttl > INT32_MAX)
		rr->ttl = 0;
	if (rr->ttl > TTL_MAX)
		rr->ttl = TTL_MAX;
	return (0);
}

/* The strings of a TXT record, one after the other. */
static void
take_txt(const struct rr *rr, struct dns_answer *a)
{
	size_t	at = 0, n, used = 0;

	while (at < rr->len) {
		n = rr->data[at++];
		if (n > rr->len - at)
			n = rr->len - at;
		if (n > sizeof(a->text) - 1 - used)
			n = sizeof(a->text) - 1 - used;
		memcpy(a->text + used, rr->data + at, n);
		used += n;
		at += rr->data[at - 1];
	}
	a->text[used] = '\0';
}

/* 1: the record is one that was asked for. */
static int
take(const uint8_t *msg, size_t len, const struct rr *rr, enum dns_type type,
    struct dns_answer *a)
{
	struct addr	*to = &a->addrs[a->naddrs];
	size_t		 at = (size_t)(rr->data - msg);

	if (rr->class != CLASS_IN || rr->type != (unsigned int)type)
		return (0);
	switch (type) {
	case DNS_A:
		if (rr->len != 4)
			return (0);
		if (a->naddrs < DNS_ADDRS_MAX) {
			memset(to->b, 0, 10);
			memset(to->b + 10, 0xff, 2);
			memcpy(to->b + 12, rr->data, 4);
			a->naddrs++;
		}
		return (1);
	case DNS_AAAA:
		if (rr->len != 16)
			return (0);
		if (a->naddrs < DNS_ADDRS_MAX) {
			memcpy(to->b, rr->data, 16);
			a->naddrs++;
		}
		return (1);
	case DNS_TXT:
		if (a->text[0] == '\0')
			take_txt(rr, a);
		return (1);
	case DNS_PTR:
		if (a->text[0] == '\0')
			return (skip_name(msg, len, &at, a->text,
			    sizeof(a->text)) == 0);
		return (1);
	}
	return (0);
}

/* How long "there is none" is good for: RFC 2308 5. */
static void
negative_ttl(const uint8_t *msg, size_t len, size_t at, unsigned int count,
    struct dns_answer *a)
{
	struct rr	rr;
	uint32_t	minimum;

	for (; count > 0 && next_rr(msg, len, &at, &rr) == 0; count--)
		if (rr.type == TYPE_SOA && rr.len >= 20) {
			minimum = get32(rr.data + rr.len - 4);
			a->ttl = rr.ttl < minimum ? rr.ttl : minimum;
			return;
		}
}

static void
failed(struct dns_answer *a, const char *why)
{
	memset(a, 0, sizeof(*a));
	a->status = DNS_FAILED;
	a->why = why;
}

void
dns_parse(const uint8_t *msg, size_t len, enum dns_type type,
    struct dns_answer *a)
{
	struct rr	 rr;
	unsigned int	 rcode, i, found = 0;
	uint32_t	 ttl = TTL_MAX;
	size_t		 at = HEADER;

	memset(a, 0, sizeof(*a));
	if (len < HEADER || len > 65535 || !(msg[2] & 0x80)) {
		failed(a, "not an answer");
		return;
	}
	rcode = msg[3] & 0x0f;
	if (rcode != 0 && rcode != RCODE_NXDOMAIN) {
		failed(a, rcode == 2 ? "server failure" : rcode == 5 ?
		    "refused by the server" : "an error of the server");
		return;
	}
	for (i = get16(msg + 4); i > 0; i--) {
		if (skip_name(msg, len, &at, NULL, 0) == -1 || len - at < 4) {
			failed(a, "malformed answer");
			return;
		}
		at += 4;
	}
	for (i = get16(msg + 6); i > 0; i--) {
		if (next_rr(msg, len, &at, &rr) == -1) {
			failed(a, "malformed answer");
			return;
		}
		if (rr.ttl < ttl)
			ttl = rr.ttl;
		found += (unsigned int)take(msg, len, &rr, type, a);
	}
	a->status = found > 0 ? DNS_FOUND : DNS_NOTHING;
	if (found > 0)
		a->ttl = ttl;
	else
		negative_ttl(msg, len, at, get16(msg + 8), a);
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
