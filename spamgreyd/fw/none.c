/*
 * The driver for `firewall none': nothing is redirected, so nothing needs to
 * be let through.  The daemon itself hands the connection of a host that has
 * passed to the mail server.  Every call succeeds; there is no table to
 * compare with (dump is NULL) and none to fill again.
 */
#include "spamgreyd/fw/fw.h"

static enum fw_result
none_open(const struct config *conf, int fd)
{
	(void)conf;
	(void)fd;
	return (FW_OK);
}

static int
none_intact(void)
{
	return (1);
}

static enum fw_result
none_add(struct fw_host *h, size_t n, int64_t now, int fresh)
{
	(void)h;
	(void)n;
	(void)now;
	(void)fresh;
	return (FW_OK);
}

static enum fw_result
none_del(struct fw_host *h, size_t n)
{
	(void)h;
	(void)n;
	return (FW_OK);
}

static enum fw_result
none_nets(const struct prefix *p, size_t n)
{
	(void)p;
	(void)n;
	return (FW_OK);
}

static enum fw_result
none_revive(void)
{
	return (FW_OK);
}

static long
none_count(void)
{
	return (0);
}

/* There is no table, so that no host is in it. */
static enum fw_result
none_find(const struct addr *addr, int *there)
{
	(void)addr;
	*there = 0;
	return (FW_OK);
}

static void
none_close(void)
{
}

const struct fw_driver fw_none = {
	.name = "none",
	.slice = 4096,
	.open = none_open,
	.intact = none_intact,
	.add = none_add,
	.del = none_del,
	.nets = none_nets,
	.revive = none_revive,
	.clear = none_revive,
	.count = none_count,
	.find = none_find,
	.close = none_close
};
