/* Addresses and prefixes; see addr.h. Pure functions. */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/ascii.h"

#define LOOPBACK4	127	/* the first octet of 127.0.0.0/8 */

/* The first octets of an IPv4 address: ::ffff:0:0/96. */
static const uint8_t mapped[ADDR4_AT] = { [10] = 0xff, [11] = 0xff };

/*
 * The result is the same whatever the octets are: any IPv4 address is valid.
 */
void
addr_set4(struct addr *a, const uint8_t ip4[ADDR4_LEN])
{
	memcpy(a->b, mapped, sizeof(mapped));
	memcpy(a->b + ADDR4_AT, ip4, ADDR4_LEN);
}

int
addr_is4(const struct addr *a)
{
	return (memcmp(a->b, mapped, sizeof(mapped)) == 0);
}

/* All of 127.0.0.0/8 is loopback, but of IPv6 only ::1. */
int
addr_is_loopback(const struct addr *a)
{
	static const uint8_t	one[16] = { [15] = 1 };

	if (addr_is4(a))
		return (a->b[ADDR4_AT] == LOOPBACK4);
	return (memcmp(a->b, one, sizeof(one)) == 0);
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	return (memcmp(a->b, b->b, sizeof(a->b)));
}

/*
 * inet_pton takes four decimal numbers and nothing else: no "10.1", no octal.
 */
static int
addr_parse_v4(const char *s, struct addr *a)
{
	memcpy(a->b, mapped, sizeof(mapped));
	return (inet_pton(AF_INET, s, a->b + ADDR4_AT) == 1 ? 0 : -1);
}

/* Only IPv6 has colons, and every IPv6 address has one. */
int
addr_parse(const char *s, struct addr *a)
{
	if (strchr(s, ':') == NULL)
		return (addr_parse_v4(s, a));
	return (inet_pton(AF_INET6, s, a->b) == 1 ? 0 : -1);
}

/*
 * The length is read by hand: strtol takes signs and blanks, and "024" would
 * be read by some as octal.  Bits behind the length are an error of the
 * writer, who probably meant another length.
 */
int
prefix_parse(const char *s, struct prefix *p)
{
	struct addr	 masked;
	char		 text[ADDR_STRLEN];
	const char	*slash;
	size_t		 n;
	unsigned int	 len, max;

	max = strchr(s, ':') == NULL ? ADDR4_BITS : ADDR_BITS;
	len = max;
	if ((slash = strchr(s, '/')) == NULL)
		n = strlen(s);
	else {
		n = (size_t)(slash - s);
		if (slash[1] == '\0' || (slash[1] == '0' && slash[2] != '\0'))
			return (-1);
		for (len = 0, slash++; *slash != '\0'; slash++) {
			if (!ascii_is_digit(*slash))
				return (-1);
			len = len * 10 + (unsigned int)(*slash - '0');
			if (len > max)
				return (-1);
		}
	}
	if (n >= sizeof(text))
		return (-1);
	memcpy(text, s, n);
	text[n] = '\0';
	if (addr_parse(text, &p->addr) == -1)
		return (-1);
	p->len = (uint8_t)(ADDR_BITS - max + len);
	masked = p->addr;
	addr_mask(&masked, p->len);
	return (addr_cmp(&masked, &p->addr) == 0 ? 0 : -1);
}

/*
 * inet_ntop cannot fail: the family is known and the buffer is large enough.
 */
const char *
addr_str(const struct addr *a, char s[ADDR_STRLEN])
{
	if (addr_is4(a))
		(void)inet_ntop(AF_INET, a->b + ADDR4_AT, s, ADDR_STRLEN);
	else
		(void)inet_ntop(AF_INET6, a->b, s, ADDR_STRLEN);
	return (s);
}

/*
 * The length is printed on the scale of the family.  A mapped address that is
 * shorter than /96 is printed with its length in 128ths.
 */
const char *
prefix_str(const struct prefix *p, char s[PREFIX_STRLEN])
{
	char		 text[ADDR_STRLEN];
	unsigned int	 len = p->len;

	addr_str(&p->addr, text);
	if (len >= ADDR_BITS)
		(void)snprintf(s, PREFIX_STRLEN, "%s", text);
	else {
		if (addr_is4(&p->addr) && len >= ADDR4_SKIP)
			len -= ADDR4_SKIP;
		(void)snprintf(s, PREFIX_STRLEN, "%s/%u", text, len);
	}
	return (s);
}

/* 0xff00 shifted right by n has, in its low octet, the n high bits set. */
void
addr_mask(struct addr *a, unsigned int len)
{
	unsigned int	i = len / 8;

	if (len >= ADDR_BITS)
		return;
	a->b[i] &= (uint8_t)(0xff00 >> (len % 8));
	for (i++; i < sizeof(a->b); i++)
		a->b[i] = 0;
}

/* 0xff shifted right by n has the 8 - n low bits set. */
void
addr_fill(struct addr *a, unsigned int len)
{
	unsigned int	i = len / 8;

	if (len >= ADDR_BITS)
		return;
	a->b[i] |= (uint8_t)(0xff >> (len % 8));
	for (i++; i < sizeof(a->b); i++)
		a->b[i] = 0xff;
}

/* Carries from the last octet on. */
void
addr_up(struct addr *a)
{
	size_t	i;

	for (i = sizeof(a->b); i > 0 && ++a->b[i - 1] == 0; i--)
		continue;
}

/* Borrows from the last octet on. */
void
addr_down(struct addr *a)
{
	size_t	i;

	for (i = sizeof(a->b); i > 0 && a->b[i - 1]-- == 0; i--)
		continue;
}

unsigned int
addr_cut_len(const struct addr *a, const struct addr_cut *cut)
{
	return (addr_is4(a) ? ADDR4_SKIP + (unsigned int)cut->ip4 : cut->ip6);
}

void
addr_cut(const struct addr *src, const struct addr_cut *cut, struct addr *dst)
{
	unsigned int	len = addr_cut_len(src, cut);

	*dst = *src;
	addr_mask(dst, len);
}

/*
 * A prefix shorter than ADDR4_SKIP would hold all mapped addresses with it; to
 * everybody who writes one, 2000::/3 or ::/0 means IPv6.
 */
int
prefix_has(const struct prefix *p, const struct addr *a)
{
	struct addr	cut = *a;

	if (addr_is4(a) && p->len < ADDR4_SKIP)
		return (0);
	addr_mask(&cut, p->len);
	return (addr_cmp(&cut, &p->addr) == 0);
}

/* Copies, because the storage of the caller may not be aligned. */
int
addr_from_sa(const struct sockaddr *sa, struct addr *a, uint16_t *port)
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&sin, sa, sizeof(sin));
		addr_set4(a, (const uint8_t *)&sin.sin_addr);
		if (port != NULL)
			*port = ntohs(sin.sin_port);
		return (0);
	case AF_INET6:
		memcpy(&sin6, sa, sizeof(sin6));
		memcpy(a->b, &sin6.sin6_addr, 16);
		if (port != NULL)
			*port = ntohs(sin6.sin6_port);
		return (0);
	default:
		return (-1);
	}
}

/*
 * The kernel sets the length octet of the BSDs from the length that is given.
 */
socklen_t
addr_to_sa(const struct addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	memset(ss, 0, sizeof(*ss));
	if (addr_is4(a)) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		sin.sin_port = htons(port);
		memcpy(&sin.sin_addr, a->b + ADDR4_AT, ADDR4_LEN);
		memcpy(ss, &sin, sizeof(sin));
		return (sizeof(sin));
	}
	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	sin6.sin6_port = htons(port);
	memcpy(&sin6.sin6_addr, a->b, 16);
	memcpy(ss, &sin6, sizeof(sin6));
	return (sizeof(sin6));
}
