/*
 * Addresses and prefixes; see addr.h.  Pure functions.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/addr.h"

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int
addr_is4(const struct addr *a)
{
	return (memcmp(a->b, mapped, sizeof(mapped)) == 0);
}

int
addr_is_loopback(const struct addr *a)
{
	static const uint8_t	one[16] = { [15] = 1 };

	if (addr_is4(a))
		return (a->b[12] == 127);
	return (memcmp(a->b, one, sizeof(one)) == 0);
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	return (memcmp(a->b, b->b, sizeof(a->b)));
}

static int
addr_parse_v4(const char *s, struct addr *a)
{
	memcpy(a->b, mapped, sizeof(mapped));
	return (inet_pton(AF_INET, s, a->b + 12) == 1 ? 0 : -1);
}

int
addr_parse(const char *s, struct addr *a)
{
	if (strchr(s, ':') == NULL)
		return (addr_parse_v4(s, a));
	return (inet_pton(AF_INET6, s, a->b) == 1 ? 0 : -1);
}

int
prefix_parse(const char *s, struct prefix *p)
{
	struct addr	 masked;
	char		 text[ADDR_STRLEN];
	const char	*slash;
	size_t		 n;
	unsigned int	 len, max;

	max = strchr(s, ':') == NULL ? 32 : 128;
	len = max;
	if ((slash = strchr(s, '/')) == NULL)
		n = strlen(s);
	else {
		n = (size_t)(slash - s);
		if (slash[1] == '\0' || (slash[1] == '0' && slash[2] != '\0'))
			return (-1);
		for (len = 0, slash++; *slash != '\0'; slash++) {
			if (*slash < '0' || *slash > '9')
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
	p->len = (uint8_t)(128 - max + len);
	masked = p->addr;
	addr_mask(&masked, p->len);
	return (addr_cmp(&masked, &p->addr) == 0 ? 0 : -1);
}

const char *
addr_str(const struct addr *a, char s[ADDR_STRLEN])
{
	if (addr_is4(a))
		(void)inet_ntop(AF_INET, a->b + 12, s, ADDR_STRLEN);
	else
		(void)inet_ntop(AF_INET6, a->b, s, ADDR_STRLEN);
	return (s);
}

const char *
prefix_str(const struct prefix *p, char s[PREFIX_STRLEN])
{
	char		 text[ADDR_STRLEN];
	unsigned int	 len = p->len;

	addr_str(&p->addr, text);
	if (len >= 128)
		(void)snprintf(s, PREFIX_STRLEN, "%s", text);
	else {
		/* A mapped address shorter than /96 has bits past its length. */
		if (addr_is4(&p->addr) && len >= 96)
			len -= 96;
		(void)snprintf(s, PREFIX_STRLEN, "%s/%u", text, len);
	}
	return (s);
}

void
addr_mask(struct addr *a, unsigned int len)
{
	unsigned int	i = len / 8;

	if (len >= 128)
		return;
	a->b[i] &= (uint8_t)(0xff00 >> (len % 8));
	for (i++; i < sizeof(a->b); i++)
		a->b[i] = 0;
}

unsigned int
addr_cut_len(const struct addr *a, const struct addr_cut *cut)
{
	return (addr_is4(a) ? 96u + cut->ip4 : cut->ip6);
}

void
addr_cut(const struct addr *src, const struct addr_cut *cut, struct addr *dst)
{
	unsigned int	len = addr_cut_len(src, cut);

	*dst = *src;
	addr_mask(dst, len);
}

int
prefix_has(const struct prefix *p, const struct addr *a)
{
	struct addr	cut = *a;

	if (addr_is4(a) && p->len < 96)
		return (0);
	addr_mask(&cut, p->len);
	return (addr_cmp(&cut, &p->addr) == 0);
}

int
addr_from_sa(const struct sockaddr *sa, struct addr *a, uint16_t *port)
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	/* Copies, because the caller's storage may not be aligned. */
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&sin, sa, sizeof(sin));
		memcpy(a->b, mapped, sizeof(mapped));
		memcpy(a->b + 12, &sin.sin_addr, 4);
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

socklen_t
addr_to_sa(const struct addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;

	/* The BSDs' length octet is set by the kernel from the length given. */
	memset(ss, 0, sizeof(*ss));
	if (addr_is4(a)) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_family = AF_INET;
		sin.sin_port = htons(port);
		memcpy(&sin.sin_addr, a->b + 12, 4);
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
