/*
 * Packets as a firewall logged them: pflog (PF) and NFLOG (nftables), each a
 * header of its own before an IPv4 or IPv6 packet.  From that follows what a
 * tracker wants to know: who opened a connection to whose port.
 *
 * Pure functions over octets that strangers chose: every length is checked,
 * nothing is believed because a header says so.  Checksums are never looked
 * at: what the host itself sends has none yet when it is logged.
 */
#ifndef LOGPKT_H
#define LOGPKT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

#define LOGPKT_PFLOG	117	/* link types of capture files */
#define LOGPKT_NFLOG	239
#define LOGPKT_IFNAME	16	/* octets of an interface's name, with NUL */

enum logpkt_dir {
	LOGPKT_UNKNOWN,		/* the log does not say (forwarded) */
	LOGPKT_IN,
	LOGPKT_OUT
};

struct logpkt {
	enum logpkt_dir	 dir;
	int		 passed;	/* the firewall let it through */
	char		 ifname[LOGPKT_IFNAME];	/* pflog; else "" */
	uint32_t	 indev, outdev;	/* NFLOG: interface numbers; 0: none */
	const uint8_t	*ip;		/* the packet, borrowed */
	size_t		 iplen;
};

/* What opens a connection. */
struct logsyn {
	struct addr	 src, dst;
	uint16_t	 sport, dport;
};

/* 0, or -1: not such a header. */
int	 pflog_parse(const uint8_t *, size_t, struct logpkt *);
int	 nflog_parse(const uint8_t *, size_t, struct logpkt *);

/*
 * An IPv4 or IPv6 packet.  1: a TCP segment with SYN and without ACK, RST and
 * FIN, filled in; 0: any other packet; -1: not one, or cut before its TCP
 * flags.
 */
int	 logsyn_parse(const uint8_t *ip, size_t len, struct logsyn *);

#endif
