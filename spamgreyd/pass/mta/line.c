/*
 * What tells an MTA about the client: the XCLIENT command (Postfix), and the
 * header of HAProxy's PROXY protocol, version 1 (text) and 2 (binary).  Pure.
 * The client's own words are hostile and are only sent as xtext.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/be.h"
#include "spamgreyd/pass/mta/mta.h"

/* 512 bytes with CRLF (RFC 5321, 4.5.3.1.4). */
#define XCLIENT_LINE	510
/* Postfix accepts no longer name. */
#define XCLIENT_HELO_MAX 255

/* The first bytes of version 2; they cannot be the beginning of SMTP. */
static const uint8_t	signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Encodes src as xtext (RFC 3461, 4).  Returns -1 if there is no room. */
static int
xtext(const char *src, char *dst, size_t size)
{
	static const char	hex[] = "0123456789ABCDEF";
	const unsigned char	*s = (const unsigned char *)src;
	size_t			 n = 0;

	for (; *s != '\0'; s++) {
		if (n + 4 > size)
			return (-1);
		if (*s > ' ' && *s < 0x7f && *s != '+' && *s != '=')
			dst[n++] = (char)*s;
		else {
			dst[n++] = '+';
			dst[n++] = hex[*s >> 4];
			dst[n++] = hex[*s & 15];
		}
	}
	if (n >= size)
		return (-1);
	dst[n] = '\0';
	return (0);
}

/* The one or two commands that are being made; i is the current one. */
struct lines {
	char	*dst[2];
	size_t	 size[2];
	int	 i;
};

/*
 * Adds " NAME=value".  What does not fit into the first command begins the
 * second one: XCLIENT may be said several times.  The order stays.  Returns -1
 * if it fits into neither.
 */
static int
xclient_attribute(struct lines *l, const char *name, const char *value)
{
	size_t	len, max;
	int	n;

	for (; l->i < 2; l->i++) {
		len = strlen(l->dst[l->i]);
		max = l->size[l->i] < XCLIENT_LINE + 1 ? l->size[l->i] :
		    XCLIENT_LINE + 1;
		n = snprintf(l->dst[l->i] + len, max - len, "%s %s=%s",
		    len == 0 ? "XCLIENT" : "", name, value);
		if (n > 0 && (size_t)n < max - len)
			return (0);
		l->dst[l->i][len] = '\0';
	}
	return (-1);
}

/* An address; IPv6 ones have a prefix in XCLIENT. */
static int
xclient_addr(struct lines *l, const char *name, const struct addr *a)
{
	char	value[ADDR_STRLEN + 5], text[ADDR_STRLEN];

	snprintf(value, sizeof(value), "%s%s", addr_is4(a) ? "" : "IPV6:",
	    addr_str(a, text));
	return (xclient_attribute(l, name, value));
}

static int
xclient_port(struct lines *l, const char *name, uint16_t port)
{
	char	value[8];

	snprintf(value, sizeof(value), "%u", (unsigned int)port);
	return (xclient_attribute(l, name, value));
}

/*
 * The client's HELO.  If the client has not said HELO yet, or if its name is
 * too long for servers, the value is [UNAVAILABLE].
 */
static int
xclient_helo(struct lines *l, const char *helo)
{
	char	value[XCLIENT_HELO_MAX * 3 + 1];

	if (helo == NULL || helo[0] == '\0' ||
	    strlen(helo) > XCLIENT_HELO_MAX ||
	    xtext(helo, value, sizeof(value)) == -1)
		return (xclient_attribute(l, "HELO", "[UNAVAILABLE]"));
	if (xclient_attribute(l, "HELO", value) == 0 && l->i == 0)
		return (0);
	/*
	 * The name consists of escapes and would leave no room for the other
	 * attributes.
	 */
	l->dst[1][0] = '\0';
	l->i = 0;
	return (xclient_attribute(l, "HELO", "[UNAVAILABLE]"));
}

/*
 * ADDR comes last and NAME before it, because with the new client the right to
 * say XCLIENT may be lost.
 */
int
mta_xclient(const struct mta_client *c, unsigned int attributes, char *dst,
    size_t size, char *dst2, size_t size2)
{
	struct lines	l = { { dst, dst2 }, { size, size2 }, 0 };
	int		bad = 0;

	if (size == 0 || size2 == 0)
		return (-1);
	dst[0] = dst2[0] = '\0';
	if (attributes & XCLIENT_PROTO)
		bad |= xclient_attribute(&l, "PROTO", c->esmtp ? "ESMTP" :
		    "SMTP");
	if (attributes & XCLIENT_HELO)
		bad |= xclient_helo(&l, c->helo);
	if (attributes & XCLIENT_DESTADDR)
		bad |= xclient_addr(&l, "DESTADDR", &c->dst);
	if (attributes & XCLIENT_DESTPORT)
		bad |= xclient_port(&l, "DESTPORT", c->dport);
	if (attributes & XCLIENT_PORT)
		bad |= xclient_port(&l, "PORT", c->port);
	if (attributes & XCLIENT_NAME)
		bad |= xclient_attribute(&l, "NAME", c->name != NULL ? c->name :
		    c->name_later ? "[TEMPUNAVAIL]" : "[UNAVAILABLE]");
	if (attributes & XCLIENT_ADDR)
		bad |= xclient_addr(&l, "ADDR", &c->addr);
	return (bad == 0 ? 0 : -1);
}

/* In a header for IPv6, an IPv4 address is written as a mapped one. */
static void
addr6_str(const struct addr *a, char dst[INET6_ADDRSTRLEN])
{
	(void)inet_ntop(AF_INET6, a->b, dst, INET6_ADDRSTRLEN);
}

/* c NULL: the connection has no client to tell of. */
size_t
mta_proxy1(const struct mta_client *c, char *dst, size_t size)
{
	char	src[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int	n;

	if (c == NULL)
		n = snprintf(dst, size, "PROXY UNKNOWN\r\n");
	else if (addr_is4(&c->addr) && addr_is4(&c->dst))
		n = snprintf(dst, size, "PROXY TCP4 %s %s %u %u\r\n",
		    addr_str(&c->addr, src), addr_str(&c->dst, to),
		    (unsigned int)c->port, (unsigned int)c->dport);
	else {
		addr6_str(&c->addr, src);
		addr6_str(&c->dst, to);
		n = snprintf(dst, size, "PROXY TCP6 %s %s %u %u\r\n", src, to,
		    (unsigned int)c->port, (unsigned int)c->dport);
	}
	return (n > 0 && (size_t)n < size ? (size_t)n : 0);
}

/*
 * Signature, version and command, family and protocol, the length of what
 * follows, and the addresses and ports in network order.
 */
size_t
mta_proxy2(const struct mta_client *c, uint8_t *dst, size_t size)
{
	size_t	each = 0;
	int	four;

	four = c != NULL && addr_is4(&c->addr) && addr_is4(&c->dst);
	if (c != NULL)
		each = four ? 4 : 16;
	if (size < (c == NULL ? 16 : 16 + 2 * each + 4))
		return (0);
	memcpy(dst, signature, 12);
	dst[12] = c == NULL ? 0x20 : 0x21;		/* LOCAL, PROXY */
	dst[13] = c == NULL ? 0x00 : four ? 0x11 : 0x21; /* TCP over IPv4, 6 */
	dst[14] = 0;
	dst[15] = c == NULL ? 0 : (uint8_t)(2 * each + 4);
	if (c == NULL)
		return (16);
	memcpy(dst + 16, c->addr.b + 16 - each, each);
	memcpy(dst + 16 + each, c->dst.b + 16 - each, each);
	dst += 16 + 2 * each;
	be_put16(dst, c->port);
	be_put16(dst + 2, c->dport);
	return (16 + 2 * each + 4);
}
