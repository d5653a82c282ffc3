/*
 * Packets as a firewall logs them: pflog (PF) and NFLOG (nftables), each with
 * its own header before an IPv4 or IPv6 packet.  The result is what the tracker
 * wants to know: which host opened a connection to which port of which host.
 *
 * Pure functions over bytes that anybody may have chosen: every length is
 * checked, whatever a header says.  Checksums are ignored, since packets that
 * this host sends have none yet when they are logged.
 */
#ifndef LOGPKT_H
#define LOGPKT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

#define LOGPKT_PFLOG	117	/* link types of capture files */
#define LOGPKT_NFLOG	239
#define LOGPKT_IFNAME	16	/* bytes of an interface's name, with NUL */

enum logpkt_dir {
	LOGPKT_UNKNOWN,		/* the log does not say (forwarded) */
	LOGPKT_IN,
	LOGPKT_OUT
};

struct logpkt {
	enum logpkt_dir	 dir;
	int		 passed;	/* the firewall let it pass */
	char		 ifname[LOGPKT_IFNAME];	/* pflog; else "" */
	uint32_t	 indev, outdev;	/* NFLOG: interface numbers; 0: none */
	const uint8_t	*ip;		/* the packet, within the frame */
	size_t		 iplen;
};

/* The first segment of a TCP connection; ports in host order. */
struct logsyn {
	struct addr	 src, dst;
	uint16_t	 sport, dport;
};

/* Parse a frame; the result points into it.  0, or -1: not such a header. */
int	 pflog_parse(const uint8_t *, size_t, struct logpkt *);
int	 nflog_parse(const uint8_t *, size_t, struct logpkt *);

/*
 * Parses an IPv4 or IPv6 packet.  1: a TCP segment with SYN and without ACK,
 * RST and FIN, filled in; 0: any other packet; -1: not a packet, or cut off
 * before its TCP flags.
 */
int	 logsyn_parse(const uint8_t *ip, size_t len, struct logsyn *);

#endif
