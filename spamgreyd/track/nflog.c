/*
 * The header of Linux' NFLOG: family, version, group, then attributes of a
 * length and a type, each padded to four bytes.  They are in the byte order
 * of this machine; libpcap converts those of a file.
 *
 * It contains neither a direction nor what became of the packet.  `log group'
 * before an `accept' means that the packet passed.  The direction follows
 * from the hook; a packet that is only forwarded has none.
 */
#include <string.h>

#include "lib/base/be.h"
#include "spamgreyd/track/logpkt.h"

#define NFLOG_HDR	4
#define NFLOG_TLV	4
#define NFLOG_TLVS_MAX	64	/* the kernel has about 20 types */

/* nfnetlink_log.h */
#define TLV_PACKET_HDR	1
#define TLV_INDEV	4
#define TLV_OUTDEV	5
#define TLV_PAYLOAD	9
#define TLV_TYPE	0x3fff	/* above it: nested, byte order */

/* netfilter.h */
#define FAMILY_IP4	2
#define FAMILY_IP6	10
#define HOOK_PREROUTING	0
#define HOOK_INPUT	1
#define HOOK_FORWARD	2
#define HOOK_NONE	255

/* Lengths and types are in the order of the host that reads them. */
static uint16_t
host16(const uint8_t *p)
{
	uint16_t	v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

/* The hook decides.  Postrouting sees forwarded packets too, but these came
 * in by an interface.  Without a hook that decides, the interfaces do. */
static enum logpkt_dir
direction(unsigned int family, unsigned int hook, const struct logpkt *k)
{
	if (family == FAMILY_IP4 || family == FAMILY_IP6) {
		if (hook == HOOK_PREROUTING || hook == HOOK_INPUT)
			return (LOGPKT_IN);
		if (hook == HOOK_FORWARD)
			return (LOGPKT_UNKNOWN);
	}
	if (k->outdev != 0)
		return (k->indev != 0 ? LOGPKT_UNKNOWN : LOGPKT_OUT);
	return (k->indev != 0 ? LOGPKT_IN : LOGPKT_UNKNOWN);
}

/* One attribute of a packet; those with an impossible length are ignored. */
static void
attribute(unsigned int type, const uint8_t *value, size_t len,
    unsigned int *hook, struct logpkt *k)
{
	switch (type) {
	case TLV_PACKET_HDR:
		if (len >= 3)
			*hook = value[2];
		break;
	case TLV_INDEV:
		if (len == 4)
			k->indev = be_get32(value);
		break;
	case TLV_OUTDEV:
		if (len == 4)
			k->outdev = be_get32(value);
		break;
	case TLV_PAYLOAD:
		k->ip = value;
		k->iplen = len;
		break;
	default:
		break;
	}
}

/* A packet has few attributes, so that a limit on their number costs
 * nothing and bounds the work for a malformed one. */
int
nflog_parse(const uint8_t *p, size_t len, struct logpkt *k)
{
	unsigned int	family, hook = HOOK_NONE, n;
	size_t		at = NFLOG_HDR, tlv;

	memset(k, 0, sizeof(*k));
	if (len < NFLOG_HDR || p[1] != 0)
		return (-1);
	family = p[0];
	for (n = 0; n < NFLOG_TLVS_MAX && len - at >= NFLOG_TLV; n++) {
		tlv = host16(p + at);
		if (tlv < NFLOG_TLV || tlv > len - at)
			return (-1);
		attribute(host16(p + at + 2) & TLV_TYPE, p + at + NFLOG_TLV,
		    tlv - NFLOG_TLV, &hook, k);
		tlv = (tlv + 3) & ~(size_t)3;
		at = tlv > len - at ? len : at + tlv;
	}
	if (k->iplen == 0)
		return (-1);
	k->dir = direction(family, hook, k);
	k->passed = 1;
	return (0);
}
