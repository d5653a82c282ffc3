/*
 * Between fw_pf.c (the hosts' table) and fw_pf_table.c (tables of lists) only.
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

/* One request on a table; 0 or errno.  Elements are as the system has them. */
int	 fw_pf_request(const char *table, unsigned long req, void *buf,
	    size_t n, struct pf_abi_ioc *);
size_t	 fw_pf_esize(void);
void	 fw_pf_put(uint8_t *, const struct addr *, uint8_t plen);
int	 fw_pf_get(const uint8_t *, struct addr *, uint8_t *plen, int *not);
int	 fw_pf_make(const char *table);		/* 0 or errno */
enum fw_result fw_pf_room(struct fw_room *);

extern const struct fw_tables_ops fw_pf_tables;

#endif
