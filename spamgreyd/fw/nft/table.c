/*
 * Tables of blacklists in nftables; see fw/tables.c.  "NAME" is two interval
 * sets, NAME4 and NAME6, of the table that has the hosts' sets; rules about
 * them are the administrator's, so nothing is made here.
 */
#include <linux/netfilter/nf_tables.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "spamgreyd/fw/nft/nft.h"

#define TABLE_SLICE	2048	/* networks in a transaction */
#define TABLE_NAME_LEN	160	/* see set_name() */

/* The name of one of a table's two sets, in buf, which is also returned. */
static const char *
set_name(const char *table, int four, char buf[TABLE_NAME_LEN])
{
	snprintf(buf, TABLE_NAME_LEN, "%.150s%c", table, four ? '4' : '6');
	return (buf);
}

/* Both sets must exist and take intervals.  Otherwise fw_why() says what is
 * needed. */
static enum fw_result
table_open(const char *table)
{
	char		name[TABLE_NAME_LEN];
	uint32_t	flags, keylen;
	int		four, error;

	for (four = 1; four >= 0; four--) {
		error = nft_link_set(fw_nft_id(), set_name(table, four, name),
		    &flags, &keylen);
		if (error == 0 && keylen == (four ? 4 : 16) &&
		    (flags & NFT_SET_INTERVAL))
			continue;
		return (fw_set_why("firewall nftables: a blacklist names "
		    "table \"%s\": the set `%s %s' must exist with `type %s; "
		    "flags interval;'", table, fw_nft_id()->table, name, four ?
		    "ipv4_addr" : "ipv6_addr"));
	}
	return (FW_OK);
}

/* A key of the kernel (4 or 16 bytes) as an address. */
static void
to_addr(const uint8_t *key, size_t keylen, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	if (keylen == 4)
		a->b[10] = a->b[11] = 0xff;
	memcpy(a->b + 16 - keylen, key, keylen);
}

/* The last address of the family. */
static void
to_last(size_t keylen, struct addr *a)
{
	static const uint8_t	ones[16] = { 0xff, 0xff, 0xff, 0xff, 0xff,
				    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				    0xff, 0xff, 0xff, 0xff };

	to_addr(ones, keylen, a);
}

/* The address before this one. */
static void
addr_before(struct addr *a)
{
	int	i;

	for (i = 15; i >= 0 && a->b[i]-- == 0; i--)
		continue;
}

/* Gives the intervals to fn.  Each is a start and the end that follows it;
 * one without an end goes to the last address. */
static void
tell_ranges(const struct nft_edges *es, fw_net_seen fn, void *arg)
{
	struct fw_net	net;
	size_t		i;

	for (i = 0; i < es->n; i++) {
		if (es->e[i].end)
			continue;
		to_addr(es->e[i].key, es->keylen, &net.lo);
		if (i + 1 < es->n) {
			to_addr(es->e[i + 1].key, es->keylen, &net.hi);
			addr_before(&net.hi);
		} else
			to_last(es->keylen, &net.hi);
		fn(&net, arg);
	}
}

static enum fw_result
table_dump(const char *table, fw_net_seen fn, void *arg)
{
	struct nft_edges	es;
	char			name[TABLE_NAME_LEN];
	int			four, error = 0;

	for (four = 1; four >= 0 && error == 0; four--) {
		error = nft_edges_read(fw_nft_id(),
		    set_name(table, four, name), four ? 4 : 16, &es);
		if (error == 0)
			tell_ranges(&es, fn, arg);
		nft_edges_free(&es);
	}
	if (error == ENOENT)
		return (FW_GONE);
	if (error != 0) {
		errno = error;
		log_warn("nftables: cannot read set %s", name);
		return (FW_FAILED);
	}
	return (FW_OK);
}

/* Carries out the commands and frees the buffer. */
static enum fw_result
table_run(struct buf *b, const char *table)
{
	const char	*why;
	char		 text[512];

	if (fw_nft_run(b, &why) == 0)
		return (FW_OK);
	if (table_open(table) != FW_OK)
		return (FW_GONE);
	log_warnx("nftables: table \"%s\": %s", table,
	    log_encode_str(text, sizeof(text), why));
	return (FW_FAILED);
}

/* One command for each of the two sets, both in one transaction. */
static enum fw_result
table_change(const char *verb, const char *table, const struct fw_net *net,
    size_t n)
{
	struct buf	 b = { NULL, 0, 0, 0 };
	char		 lo[ADDR_STRLEN], hi[ADDR_STRLEN], name[TABLE_NAME_LEN];
	const char	*sep;
	size_t		 i;
	int		 four;

	for (four = 1; four >= 0; four--) {
		for (i = 0, sep = ""; i < n; i++) {
			if (addr_is4(&net[i].lo) != four)
				continue;
			if (*sep == '\0')
				(void)buf_printf(&b, "%s element %s %s %s { ",
				    verb, fw_nft_family(), fw_nft_id()->table,
				    set_name(table, four, name));
			(void)buf_printf(&b, "%s%s", sep,
			    addr_str(&net[i].lo, lo));
			if (addr_cmp(&net[i].lo, &net[i].hi) != 0)
				(void)buf_printf(&b, "-%s",
				    addr_str(&net[i].hi, hi));
			sep = ", ";
		}
		if (*sep != '\0')
			(void)buf_addstr(&b, " }\n");
	}
	return (table_run(&b, table));
}

static enum fw_result
table_add(const char *table, const struct fw_net *net, size_t n)
{
	return (table_change("add", table, net, n));
}

static enum fw_result
table_del(const char *table, const struct fw_net *net, size_t n)
{
	return (table_change("delete", table, net, n));
}

static enum fw_result
table_clear(const char *table)
{
	struct buf	b = { NULL, 0, 0, 0 };
	char		name[TABLE_NAME_LEN];
	int		four;

	for (four = 1; four >= 0; four--)
		(void)buf_printf(&b, "flush set %s %s %s\n", fw_nft_family(),
		    fw_nft_id()->table, set_name(table, four, name));
	return (table_run(&b, table));
}

/* A set is not made here: only the administrator knows its rules.  The
 * kernel's answer is all. */
static enum fw_result
table_revive(const char *table)
{
	return (table_open(table) == FW_OK ? FW_OK : FW_GONE);
}

/* Never asked for: this driver has events (watch), which tell changes. */
static long
table_count(const char *table)
{
	(void)table;
	return (0);
}

const struct fw_tables_ops fw_nft_tables = {
	.ranges = 1,
	.slice = TABLE_SLICE,
	.open = table_open,
	.dump = table_dump,
	.add = table_add,
	.del = table_del,
	.clear = table_clear,
	.revive = table_revive,
	.count = table_count
};
