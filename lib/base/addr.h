/*
 * The room lib/base: what every program and every process needs and what
 * knows neither messages between processes nor roles.  It may use the C library
 * and libidn2, and nothing else of this tree.  Read it in this order:
 *
 *	addr		addresses and prefixes (this file)
 *	addrhint	what was probably meant by a text that is not an address
 *	ascii, be	letters of ASCII; integers in network order
 *	utf8, textfile	characters and text files that strangers wrote
 *	domain		names of domains, and when two of them are the same
 *	value		times, sizes and numbers as people write them
 *	near		words that are nearly the same
 *	event		what a host did in its dialogue, as numbers and words
 *	buf		a growing byte buffer
 *	log		lines for the log, and the two ways to end a process
 *	clock		the only clock; tests move it
 *	siphash		the hash of all tables whose keys strangers choose
 *	addrmap		a table from addresses to records, and on top of it
 *	hosts, limit	host states; counters by host or network
 *	nettab		settings by network, the longest prefix wins
 *	rate		events in a time, token buckets
 *	statedir	the state directory: made, owned, locked; with
 *	asuser, unnamed	root acting as another user; a file without a name
 *
 * Several headers: each file is of use by itself, and most need only addr.
 *
 * Addresses: one type for both families.  An IPv4 address is kept as its
 * IPv4-mapped IPv6 form (::ffff:a.b.c.d), so that keys, masks and tables
 * need no family field; a peer that arrives as a mapped address is IPv4.
 * Prefix lengths inside the program count in 128ths (IPv4 /24 is 120); only
 * parsing and printing speak of /24.
 *
 * All functions are pure; anybody may call them.  The structures hold no
 * pointers and may be copied, compared with addr_cmp and sent as they are.
 */
#ifndef ADDR_H
#define ADDR_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#define ADDR_STRLEN	46	/* INET6_ADDRSTRLEN */
#define PREFIX_STRLEN	50

struct addr {
	uint8_t		b[16];	/* network order */
};

struct prefix {
	struct addr	addr;	/* bits past len are zero */
	uint8_t		len;	/* 0 to 128 */
};

/*
 * Lengths in bits.  An IPv4 address is the last ADDR4_BITS of the 128, behind
 * the ADDR4_SKIP that all mapped addresses share.
 */
#define ADDR_BITS	128
#define ADDR4_BITS	32
#define ADDR4_SKIP	(ADDR_BITS - ADDR4_BITS)
#define ADDR4_LEN	4			/* octets of IPv4 … */
#define ADDR4_AT	12			/* … and where they begin */

/* How much of an address counts: prefix lengths of each family's own scale. */
struct addr_cut {
	uint8_t		ip4;	/* 0 to 32 */
	uint8_t		ip6;	/* 0 to 128 */
};

/*
 * Both return 0, or -1 for text that is not exactly one address or prefix;
 * the result is then undefined.
 */
int	 addr_parse(const char *, struct addr *);
/* A bare address is a prefix of full length; host bits set is an error. */
int	 prefix_parse(const char *, struct prefix *);

/* Both print into the caller's buffer and return it. */
const char *addr_str(const struct addr *, char [ADDR_STRLEN]);
/* A full-length prefix prints without "/n". */
const char *prefix_str(const struct prefix *, char [PREFIX_STRLEN]);

/* The IPv4 address of these four octets, in network order. */
void	 addr_set4(struct addr *, const uint8_t ip4[ADDR4_LEN]);
int	 addr_is4(const struct addr *);
/* 127.0.0.0/8 or ::1. */
int	 addr_is_loopback(const struct addr *);
/* Less than, equal to or greater than 0, in the order of the octets. */
int	 addr_cmp(const struct addr *, const struct addr *);
/* Clear the bits past len (128ths). */
void	 addr_mask(struct addr *, unsigned int len);
/* Set the bits past len (128ths): the last address of a network. */
void	 addr_fill(struct addr *, unsigned int len);
/* The next address up or down; the last one wraps to ::, :: to the last. */
void	 addr_up(struct addr *);
void	 addr_down(struct addr *);
/* *dst = src cut to its family's length in the cut. */
void	 addr_cut(const struct addr *src, const struct addr_cut *,
	    struct addr *dst);
/* The length in 128ths that the cut has for this address' family. */
unsigned int addr_cut_len(const struct addr *, const struct addr_cut *);
/* An IPv6 prefix, ::/0 too, holds no IPv4 address. */
int	 prefix_has(const struct prefix *, const struct addr *);

/* From a sockaddr of either family; -1 for any other.  port may be NULL. */
int	 addr_from_sa(const struct sockaddr *, struct addr *, uint16_t *port);
/* To the family's own sockaddr; returns its length. port in host order. */
socklen_t addr_to_sa(const struct addr *, uint16_t port,
	    struct sockaddr_storage *);

#endif
