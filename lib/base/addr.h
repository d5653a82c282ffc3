/*
 * Addresses: one type for both families.  An IPv4 address is kept as its
 * IPv4-mapped IPv6 form (::ffff:a.b.c.d), so that keys, masks and tables
 * need no family field; a peer that arrives as a mapped address is IPv4.
 * Prefix lengths inside the program count in 128ths (IPv4 /24 is 120); only
 * parsing and printing speak of /24.
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

/* How much of an address counts: prefix lengths of each family's own scale. */
struct addr_cut {
	uint8_t		ip4;	/* 0 to 32 */
	uint8_t		ip6;	/* 0 to 128 */
};

/* All return 0, or -1 for text that is not exactly one address or prefix. */
int	 addr_parse(const char *, struct addr *);
/* A bare address is a prefix of full length; host bits set is an error. */
int	 prefix_parse(const char *, struct prefix *);

const char *addr_str(const struct addr *, char [ADDR_STRLEN]);
/* A full-length prefix prints without "/n". */
const char *prefix_str(const struct prefix *, char [PREFIX_STRLEN]);

int	 addr_is4(const struct addr *);
int	 addr_is_loopback(const struct addr *);
int	 addr_cmp(const struct addr *, const struct addr *);
/* Clear the bits past len (128ths). */
void	 addr_mask(struct addr *, unsigned int len);
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
