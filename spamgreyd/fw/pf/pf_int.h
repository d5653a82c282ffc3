/*
 * Room fw/pf: the PF driver of the role fw.  Of other rooms it uses fw.h,
 * os/pf_abi.h and lib.  Only its own files include this header:
 *
 *	pf.c		the hosts' table
 *	table.c		tables of blacklists
 *	layout.c	how OpenBSD and FreeBSD lay out an element
 */
#ifndef FW_PF_INT_H
#define FW_PF_INT_H

#include "spamgreyd/fw/fw.h"
#include "spamgreyd/os/pf_abi.h"

/* -- layout.c -- */

/* How one system's kernel lays out what the ioctls exchange. */
struct fw_pf_layout {
	const char	*name;
	int32_t		 esize;
	int32_t		 limit;		/* PF_LIMIT_TABLE_ENTRIES */
	size_t		 tstats, cnt;	/* a table's statistics; its count */
	/* not: the element is an exception ("!address").  get: 0, or -1: no
	 * address that we know. */
	void		(*put)(uint8_t *, const struct addr *, uint8_t plen,
			    int not);
	int		(*get)(const uint8_t *, struct addr *, uint8_t *plen,
			    int *not);
};

#define FW_PF_LAYOUTS	2
/* The one with the larger elements first: pf_open() allocates by it. */
extern const struct fw_pf_layout fw_pf_layouts[FW_PF_LAYOUTS];

/* -- pf.c -- */

/*
 * One request on a table, of n elements in buf, laid out as the system has
 * them.  io then holds the kernel's counts.  0 or errno; ESRCH: no such table.
 */
int	 fw_pf_request(const char *table, unsigned long req, void *buf,
	    size_t n, struct pf_abi_ioc *);
/* The size of an element, and one element from and to an address of ours.
 * fw_pf_get(): 0, or -1: not an address; *not: an exception. */
size_t	 fw_pf_esize(void);
void	 fw_pf_put(uint8_t *, const struct addr *, uint8_t plen);
int	 fw_pf_get(const uint8_t *, struct addr *, uint8_t *plen, int *not);
/* Makes a persist table.  0 or errno. */
int	 fw_pf_make(const char *table);
/* The limit of all tables and what they hold; FW_FAILED is logged. */
enum fw_result fw_pf_room(struct fw_room *);

extern const struct fw_tables_ops fw_pf_tables;

#endif
