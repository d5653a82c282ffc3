/*
 * Datagrams of spamd's sync protocol, version 2, octet by octet.  Pure but for
 * the MAC.  IPv4 only, as there.
 *
 *	header	version[1]=2 family[1]=2 length[2] counter[4] hmac[20] zero[4]
 *	GREY	type[2]=1 length[2] timestamp[4] ip[4] from[2] to[2] helo[2]
 *		(lengths with NUL), the strings, zeros to a multiple of 16
 *	WHITE, TRAPPED	type[2]=2, 3 length[2]=16 timestamp[4] expire[4] ip[4]
 *	END	type[2]=0 length[2]=4
 *
 * Integers are big-endian; the HMAC-SHA1 is over all of it with zeros in its
 * own place.
 */
#ifndef SYNC2_H
#define SYNC2_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/sync/key.h"

#define SYNC2_VERSION	2	/* the first byte of a datagram */
#define SYNC2_MAX	1408	/* spamd's buffer: longer ones are cut there */
#define SYNC2_HDR	32
#define SYNC2_STR_MAX	1023	/* without the NUL */

enum sync2_type { SYNC2_END, SYNC2_GREY, SYNC2_WHITE, SYNC2_TRAPPED };

struct sync2_item {
	enum sync2_type	 type;
	uint32_t	 when;		/* epoch seconds; spamd ignores it */
	uint32_t	 expire;	/* WHITE, TRAPPED */
	struct addr	 addr;
	/* GREY; never NULL.  From and to with their brackets. */
	const char	*from, *to, *helo;
};

/*
 * One item.  Its length; 0: it is not IPv4, or does not fit into SYNC2_MAX, or
 * a string is too long or has a control character, or libcrypto failed.
 */
size_t	 sync2_build(uint8_t dst[SYNC2_MAX], uint32_t counter,
	    const struct sync2_item *, const struct sync_key *);

/*
 * Calls fn for each item, after the whole datagram was found to be valid; the
 * strings of an item are valid during the call.  NULL, or what is wrong with
 * the datagram.
 */
const char *sync2_parse(const uint8_t *, size_t len, const struct sync_key *,
	    uint32_t *counter, void (*fn)(const struct sync2_item *, void *),
	    void *arg);

#endif
