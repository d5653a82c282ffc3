/*
 * Room fw/nft: the nftables driver of the role fw.  Only fw runs it; of other
 * rooms it uses fw.h and lib.  libnftables does the writing.  Reading goes by
 * netlink and libmnl, since libnftables has no events, and its listing makes
 * text of a hundred thousand elements only for us to parse.
 *
 *	nft.c		the driver: names, sets, transactions, errors
 *	hosts.c		reading the sets of hosts
 *	nets.c		reading interval sets
 *	table.c		tables of blacklists
 *	link.c		netlink
 *	none.c		in place of all that on a system without nftables
 *
 * Only the files of the room include this header.
 */
#ifndef FW_NFT_H
#define FW_NFT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "spamgreyd/fw/fw.h"

/* The sets of whitelists' networks: NFT_NETS and the family's digit. */
#define NFT_NETS	"net"
#define NFT_NET4	NFT_NETS "4"
#define NFT_NET6	NFT_NETS "6"

/* Which table; borrowed from the driver, valid until it is closed. */
struct nft_id {
	uint8_t		 family;	/* NFPROTO_* */
	const char	*table;
};

/* -- link.c -- */

/* An element, of which key is borrowed for the call.  end: it ends an interval;
 * left: ms until the kernel drops it, -1 never. */
typedef void (*nft_elem)(const uint8_t *key, size_t keylen, int end,
    int64_t left, void *arg);

/* Opens both sockets, while the process is privileged.  0; -1 with errno, then
 * nft_link_close() is due all the same. */
int	 nft_link_open(void);
void	 nft_link_close(void);
/* What the set is (NFT_SET_* flags; the key's bytes).  0 or errno, which is
 * ENOENT when there is no such table or set. */
int	 nft_link_set(const struct nft_id *, const char *set, uint32_t *flags,
	    uint32_t *keylen);
/* Gives each element to fn, in no order.  0 or errno, ENOENT as above. */
int	 nft_link_dump(const struct nft_id *, const char *set, nft_elem fn,
	    void *arg);
/* The descriptor to be watched for reading; nft_link_close() closes it. */
int	 nft_link_events(void);
/* Reads the events that have come.  1: another process changed our table. */
int	 nft_link_changed(const struct nft_id *);

/* -- nft.c -- */

/* The table, once the driver is open. */
const struct nft_id *fw_nft_id(void);
const char *fw_nft_family(void);		/* "inet", "ip", "ip6" */
const char *fw_nft_hosts_set(int four);
/*
 * Carries out the commands of the buffer as one transaction and frees the
 * buffer.  0, or -1 and *why in the kernel's words, valid until the next call.
 */
int	 fw_nft_run(struct buf *, const char **why);

/* -- hosts.c: dump, count and find of fw_driver -- */
enum fw_result fw_nft_dump(fw_seen, void *arg);
long	 fw_nft_count(void);
enum fw_result fw_nft_find(const struct addr *, int *there);

/* -- nets.c -- */

/* The two kinds of ends of an interval set's intervals. */
struct nft_edge {
	uint8_t		 key[16];	/* the first 4 or 16 bytes; then zeros */
	uint8_t		 end;		/* the first key outside, not inside */
};
struct nft_edges {
	struct nft_edge	*e;
	size_t		 n, size;
	size_t		 keylen;	/* 4 or 16 */
	int		 failed;	/* no memory */
};

/* Reads the edges of a set, sorted.  0 or errno; nft_edges_free() either
 * way. */
int	 nft_edges_read(const struct nft_id *, const char *set, size_t keylen,
	    struct nft_edges *);
void	 nft_edges_free(struct nft_edges *);
/* 1: the set holds exactly the networks of its family; 0: it does not, or
 * cannot be read; -1: there is no such set. */
int	 nft_nets_same(const struct nft_id *, const char *set, size_t keylen,
	    const struct prefix *, size_t n);

/* -- table.c -- */
extern const struct fw_tables_ops fw_nft_tables;

#endif
