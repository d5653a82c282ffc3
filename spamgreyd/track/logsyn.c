/*
 * Is this packet the first one of a TCP connection, and between which hosts?
 * IPv4 options and IPv6 extension headers are skipped; a later fragment has
 * no TCP header and does not count.
 */
#include <string.h>

#include "lib/base/be.h"
#include "spamgreyd/track/logpkt.h"

#define IP4_MIN		20	/* octets of the header */
#define IP4_FRAGMENT	0x1fff	/* offset, of octets 6 and 7 */
#define IP6_FRAGMENT	0xfff8	/* … and of a fragment header */
#define IP6_HDR		40
#define TCP_FLAGS	13	/* of the TCP header; what must be there */
#define IP6_EXT_MAX	8	/* extension headers; no mailer sends one */

#define PROTO_HOPOPTS	0
#define PROTO_TCP	6
#define PROTO_ROUTING	43
#define PROTO_FRAGMENT	44
#define PROTO_AH	51
#define PROTO_DSTOPTS	60

#define TH_FIN_		0x01
#define TH_SYN_		0x02
#define TH_RST_		0x04
#define TH_ACK_		0x10

/* 1: the first segment of a connection; 0: another one; -1: cut before its
 * flags. */
static int
tcp(const uint8_t *p, size_t len, struct logsyn *s)
{
	if (len <= TCP_FLAGS)
		return (-1);
	s->sport = be_get16(p);
	s->dport = be_get16(p + 2);
	return ((p[TCP_FLAGS] & (TH_SYN_ | TH_ACK_ | TH_RST_ | TH_FIN_)) ==
	    TH_SYN_);
}

/* The same for an IPv4 packet. */
static int
ip4(const uint8_t *p, size_t len, struct logsyn *s)
{
	size_t	hlen = (size_t)(p[0] & 0xf) * 4;

	if (len < IP4_MIN || hlen < IP4_MIN || hlen > len)
		return (-1);
	if (p[9] != PROTO_TCP || (be_get16(p + 6) & IP4_FRAGMENT) != 0)
		return (0);
	addr_set4(&s->src, p + 12);
	addr_set4(&s->dst, p + 16);
	return (tcp(p + hlen, len - hlen, s));
}

/*
 * Returns the length of an extension header of that type, and in *next what
 * follows.  0: not such a header, or TCP cannot follow.
 */
static size_t
ip6_ext(unsigned int type, const uint8_t *p, size_t len, unsigned int *next)
{
	if (len < 8)
		return (0);
	*next = p[0];
	switch (type) {
	case PROTO_HOPOPTS:
	case PROTO_ROUTING:
	case PROTO_DSTOPTS:
		return ((p[1] + (size_t)1) * 8);
	case PROTO_FRAGMENT:
		return ((be_get16(p + 2) & IP6_FRAGMENT) != 0 ? 0 : 8);
	case PROTO_AH:
		return ((p[1] + (size_t)2) * 4);
	default:
		return (0);
	}
}

/* Is that a type of extension header that can stand before TCP? */
static int
is_ext(unsigned int type)
{
	return (type == PROTO_HOPOPTS || type == PROTO_ROUTING ||
	    type == PROTO_DSTOPTS || type == PROTO_FRAGMENT ||
	    type == PROTO_AH);
}

/* The same for an IPv6 packet: extension headers are skipped. */
static int
ip6(const uint8_t *p, size_t len, struct logsyn *s)
{
	size_t		at = IP6_HDR, n;
	unsigned int	type, i;

	if (len < IP6_HDR)
		return (-1);
	memcpy(s->src.b, p + 8, 16);
	memcpy(s->dst.b, p + 24, 16);
	/* No host sends these, so that nobody can speak for an IPv4 host. */
	if (addr_is4(&s->src) || addr_is4(&s->dst))
		return (0);
	type = p[6];
	for (i = 0; is_ext(type); i++) {
		if (i == IP6_EXT_MAX ||
		    (n = ip6_ext(type, p + at, len - at, &type)) == 0)
			return (0);
		if (n > len - at)
			return (-1);
		at += n;
	}
	return (type == PROTO_TCP ? tcp(p + at, len - at, s) : 0);
}

/* The version is the high half of the first octet. */
int
logsyn_parse(const uint8_t *p, size_t len, struct logsyn *s)
{
	memset(s, 0, sizeof(*s));
	if (len == 0)
		return (-1);
	switch (p[0] >> 4) {
	case 4:
		return (ip4(p, len, s));
	case 6:
		return (ip6(p, len, s));
	default:
		return (-1);
	}
}
