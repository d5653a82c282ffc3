/*
 * Reading the two sets of hosts of the nftables driver (nft.c writes them).
 */
#include <errno.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/fw/nft/nft.h"

#define MS_A_SECOND	1000

struct hosts_dump {
	fw_seen		 fn;
	void		*arg;
	long		 n;
};

/* One element, as an address of ours. */
static void
on_host(const uint8_t *key, size_t keylen, int end, int64_t left, void *arg)
{
	struct hosts_dump	*d = arg;
	struct addr		 a;

	(void)end;
	memset(&a, 0, sizeof(a));
	if (keylen == 4)
		a.b[10] = a.b[11] = 0xff;
	else if (keylen != 16)
		return;
	memcpy(a.b + 16 - keylen, key, keylen);
	d->n++;
	/* A set knows addresses only: the rule masks what it compares. */
	d->fn(&a, 128, left == -1 ? -1 : left / MS_A_SECOND, d->arg);
}

/* Both sets, IPv4 first. */
static enum fw_result
read_hosts(struct hosts_dump *d)
{
	int	four, error = 0;

	for (four = 1; four >= 0 && error == 0; four--)
		error = nft_link_dump(fw_nft_id(), fw_nft_hosts_set(four),
		    on_host, d);
	if (error == ENOENT)
		return (FW_GONE);
	if (error != 0) {
		errno = error;
		log_warn("nftables: cannot read the sets of table %s %s",
		    fw_nft_family(), fw_nft_id()->table);
		return (FW_FAILED);
	}
	return (FW_OK);
}

enum fw_result
fw_nft_dump(fw_seen fn, void *arg)
{
	struct hosts_dump	d = { fn, arg, 0 };

	return (read_hosts(&d));
}

static void
ignore(const struct addr *a, uint8_t plen, int64_t left, void *arg)
{
	(void)a;
	(void)plen;
	(void)left;
	(void)arg;
}

/* The kernel knows no count of a set's elements: all of them are read. */
long
fw_nft_count(void)
{
	struct hosts_dump	d = { ignore, NULL, 0 };

	return (read_hosts(&d) == FW_OK ? d.n : -1);
}

struct nft_find {
	const struct addr	*addr;
	int			 there;
};

static void
find_host(const struct addr *a, uint8_t plen, int64_t left, void *arg)
{
	struct nft_find	*f = arg;

	(void)plen;
	(void)left;
	f->there |= addr_cmp(a, f->addr) == 0;
}

static void
find_net(const struct fw_net *net, void *arg)
{
	struct nft_find	*f = arg;

	f->there |= addr_is4(&net->lo) == addr_is4(f->addr) &&
	    addr_cmp(&net->lo, f->addr) <= 0 &&
	    addr_cmp(f->addr, &net->hi) <= 0;
}

/* The caller has cut the address to what the sets hold. */
enum fw_result
fw_nft_find(const struct addr *addr, int *there)
{
	struct nft_find	f = { addr, 0 };
	enum fw_result	rc;

	/* The networks of whitelists: NFT_NET4 and NFT_NET6 without the
	 * digit. */
	if ((rc = fw_nft_dump(find_host, &f)) == FW_OK)
		rc = fw_nft_tables.dump(NFT_NETS, find_net, &f);
	*there = f.there;
	return (rc);
}
