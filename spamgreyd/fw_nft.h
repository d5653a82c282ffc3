/*
 * Reading nftables by netlink, for fw_nft.c: a set's facts, its elements, and
 * what others change.  libnftables does the writing; it has no events, and
 * its listing makes text of a hundred thousand elements only for us to parse.
 */
#ifndef FW_NFT_H
#define FW_NFT_H

#include <stddef.h>
#include <stdint.h>

#include "../lib/addr.h"
#include "../lib/buf.h"
#include "fw.h"

struct nft_id {
	uint8_t		 family;	/* NFPROTO_* */
	const char	*table;
};

/* end: the element ends an interval; left: ms until it expires, -1 never. */
typedef void (*nft_elem)(const uint8_t *key, size_t keylen, int end,
    int64_t left, void *arg);

/* Both sockets; 0, or -1 with errno. */
int	 nft_link_open(void);
void	 nft_link_close(void);
/* 0, or errno (ENOENT: no such table or set). */
int	 nft_link_set(const struct nft_id *, const char *set, uint32_t *flags,
	    uint32_t *keylen);
int	 nft_link_dump(const struct nft_id *, const char *set, nft_elem fn,
	    void *arg);
/* To be watched for reading. */
int	 nft_link_events(void);
/* Takes what has come: did another process change our table? */
int	 nft_link_changed(const struct nft_id *);

/* fw_nft.c: the table, once it is open; and commands, carried out as one
 * transaction, the buffer freed: 0, or -1 and the kernel's words. */
const struct nft_id *fw_nft_id(void);
const char *fw_nft_family(void);
int	 fw_nft_run(struct buf *, const char **why);

extern const struct fw_tables_ops fw_nft_tables;

/* fw_nft_nets.c: 1 the set (keys of 4 or 16 octets) holds exactly the
 * networks of its family, 0 not, -1 no such set. */
int	 nft_nets_same(const struct nft_id *, const char *set, size_t keylen,
	    const struct prefix *, size_t n);

#endif
