/*
 * Tables of blacklists in PF; see fw/tables.c.  They hold networks only, and
 * are persist tables of pf.conf; one that was flushed away is made again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/fw/pf/pf_int.h"

#define TABLE_SLICE	4096		/* networks in a request */

static uint8_t	*buf;			/* TABLE_SLICE elements */

/* What an errno means for the role.  ESRCH: no such table; ENOMEM: no room. */
static enum fw_result
table_failed(const char *table, const char *what, int error)
{
	if (error == ESRCH)
		return (FW_GONE);
	errno = error;
	if (error == ENOMEM)
		return (FW_FULL);
	log_warn("pf: cannot %s table <%s>", what, table);
	return (FW_FAILED);
}

/* A request with no element asks whether the table may be changed. */
static enum fw_result
table_open(const char *table)
{
	struct pf_abi_ioc	io;
	int			error;

	if (buf == NULL && (buf = calloc(TABLE_SLICE,
	    sizeof(struct pf_abi_addr_openbsd))) == NULL)
		return (fw_set_why("firewall pf: no memory"));
	switch (error = fw_pf_request(table, PF_ABI_ADDADDRS, NULL, 0, &io)) {
	case 0:
		return (FW_OK);
	case ESRCH:
		return (fw_set_why("firewall pf: there is no table <%s>, which "
		    "a blacklist names: add the line `table <%s> persist' to "
		    "pf.conf and load it with `pfctl -f /etc/pf.conf'", table,
		    table));
	case EPERM:
		return (fw_set_why("firewall pf: table <%s> cannot be "
		    "changed: remove `const' from its line in pf.conf",
		    table));
	default:
		return (fw_set_why("firewall pf: table <%s>: %s", table,
		    strerror(error)));
	}
}

/* Exceptions ("!address") are the administrator's and are not reported, so
 * that they stay. */
static enum fw_result
table_dump(const char *table, fw_net_seen fn, void *arg)
{
	struct pf_abi_ioc	io;
	struct prefix		p;
	struct fw_net		net;
	uint8_t			*all;
	size_t			 i, n, esize = fw_pf_esize();
	int			 error, not;

	if ((error = fw_pf_request(table, PF_ABI_GETADDRS, NULL, 0, &io)) != 0)
		return (table_failed(table, "read", error));
	/* What others add between the two calls is read the next time. */
	n = (size_t)io.size + 64;
	if ((all = reallocarray(NULL, n, esize)) == NULL)
		return (table_failed(table, "read", ENOMEM));
	error = fw_pf_request(table, PF_ABI_GETADDRS, all, n, &io);
	if (error == EINVAL || (error == 0 && (size_t)io.size > n)) {
		free(all);
		return (FW_BLIND);
	}
	if (error != 0) {
		free(all);
		return (table_failed(table, "read", error));
	}
	for (i = 0; i < (size_t)io.size; i++)
		if (fw_pf_get(all + i * esize, &p.addr, &p.len, &not) == 0 &&
		    !not) {
			net.lo = p.addr;
			fw_net_last(&p, &net.hi);
			fn(&net, arg);
		}
	free(all);
	return (FW_OK);
}

/* The prefix length of a range that is a network. */
static uint8_t
range_plen(const struct fw_net *net)
{
	struct prefix	p = { net->lo, 128 };
	struct addr	last;

	for (;; p.len--) {
		fw_net_last(&p, &last);
		if (p.len == 0 || addr_cmp(&last, &net->hi) >= 0)
			return (p.len);
	}
}

/* One request.  n is at most TABLE_SLICE, for which buf has room. */
static enum fw_result
table_change(const char *table, unsigned long req, const char *what,
    const struct fw_net *net, size_t n)
{
	struct pf_abi_ioc	io;
	size_t			i, esize = fw_pf_esize();
	int			error;

	for (i = 0; i < n; i++)
		fw_pf_put(buf + i * esize, &net[i].lo, range_plen(&net[i]));
	error = fw_pf_request(table, req, buf, n, &io);
	return (error == 0 ? FW_OK : table_failed(table, what, error));
}

static enum fw_result
table_add(const char *table, const struct fw_net *net, size_t n)
{
	struct fw_room	room;
	enum fw_result	r;

	/* Never past the limit; see choose() in pf.c. */
	if ((r = fw_pf_room(&room)) != FW_OK)
		return (r);
	if (n > fw_room_free(&room))
		return (FW_FULL);
	return (table_change(table, PF_ABI_ADDADDRS, "add to", net, n));
}

/* Networks that are not in the table are ignored by PF. */
static enum fw_result
table_del(const char *table, const struct fw_net *net, size_t n)
{
	return (table_change(table, PF_ABI_DELADDRS, "delete from", net, n));
}

/* Empties the table; it continues to exist. */
static enum fw_result
table_clear(const char *table)
{
	struct pf_abi_ioc	io;
	int			error;

	error = fw_pf_request(table, PF_ABI_CLRADDRS, NULL, 0, &io);
	return (error == 0 ? FW_OK : table_failed(table, "clear", error));
}

/* A persist table that was flushed away is made again: the rules that name
 * it use the new one. */
static enum fw_result
table_revive(const char *table)
{
	int	error;

	if ((error = fw_pf_make(table)) != 0)
		return (table_failed(table, "create", error));
	log_warnx("pf: table <%s> was gone; created again", table);
	return (FW_OK);
}

/* One call that returns no element. */
static long
table_count(const char *table)
{
	struct pf_abi_ioc	io;

	return (fw_pf_request(table, PF_ABI_GETADDRS, NULL, 0, &io) == 0 ?
	    io.size : -1);
}

const struct fw_tables_ops fw_pf_tables = {
	.slice = TABLE_SLICE,
	.open = table_open,
	.dump = table_dump,
	.add = table_add,
	.del = table_del,
	.clear = table_clear,
	.revive = table_revive,
	.count = table_count
};
