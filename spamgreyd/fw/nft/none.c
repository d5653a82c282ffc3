/*
 * In place of fw/nft on a system without nftables: `firewall nftables' is
 * refused at the start.
 */
#include "spamgreyd/fw/fw.h"

static enum fw_result
nft_open(const struct config *conf, int fd)
{
	(void)conf;
	(void)fd;
	return (fw_set_why("firewall nftables: this system has no nftables; "
	    "write `firewall pf' or `firewall none'"));
}

static void
nft_close(void)
{
}

/* open() never succeeds, so nothing else is ever called. */
const struct fw_driver fw_nft = {
	.name = "nftables",
	.open = nft_open,
	.close = nft_close
};
