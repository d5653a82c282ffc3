/*
 * The header of pflog(4). Its first byte is its length, which differs between
 * the systems, and the packet follows at the next multiple of four:
 *
 *	OpenBSD				length 100, packet at 100
 *	FreeBSD 14 and later		length 69, packet at 72
 *	FreeBSD 13, DragonFly		length 61, packet at 64
 *
 * Only the part that all of them share is read, up to the direction.
 * AF_INET6 is 24 on OpenBSD, 28 on FreeBSD and DragonFly; a file may come
 * from another system than this one, so that both are accepted.
 */
#include <string.h>

#include "spamgreyd/track/logpkt.h"

#define PFLOG_AF	1
#define PFLOG_ACTION	2
#define PFLOG_IFNAME	4
#define PFLOG_DIR	60
#define PFLOG_MIN	61	/* up to and with the direction */

#define PF_PASS		0
#define PF_DIR_IN	1
#define PF_DIR_OUT	2
#define PF_AF_INET	2
#define PF_AF_INET6_OPENBSD	24
#define PF_AF_INET6_FREEBSD	28

/* AF_INET is 2 everywhere.  The packet's own version must agree with the
 * header's family. */
int
pflog_parse(const uint8_t *p, size_t len, struct logpkt *k)
{
	size_t		at;
	unsigned int	version;

	memset(k, 0, sizeof(*k));
	if (len < PFLOG_MIN || p[0] < PFLOG_MIN)
		return (-1);
	at = (p[0] + 3U) & ~(size_t)3;
	if (at >= len)
		return (-1);
	switch (p[PFLOG_AF]) {
	case PF_AF_INET:
		version = 4;
		break;
	case PF_AF_INET6_OPENBSD:
	case PF_AF_INET6_FREEBSD:
		version = 6;
		break;
	default:
		return (-1);
	}
	if (p[at] >> 4 != version)
		return (-1);
	k->passed = p[PFLOG_ACTION] == PF_PASS;
	k->dir = p[PFLOG_DIR] == PF_DIR_IN ? LOGPKT_IN :
	    p[PFLOG_DIR] == PF_DIR_OUT ? LOGPKT_OUT : LOGPKT_UNKNOWN;
	memcpy(k->ifname, p + PFLOG_IFNAME, LOGPKT_IFNAME - 1);
	k->ip = p + at;
	k->iplen = len - at;
	return (0);
}
