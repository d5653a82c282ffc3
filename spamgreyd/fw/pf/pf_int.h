/*
 * Between fw_pf.c (the hosts' table) and fw_pf_table.c (tables of lists) only.
 */
#ifndef FW_PF_INT_H
#define FW_PF_INT_H

#include "spamgreyd/fw/fw.h"
#include "spamgreyd/os/pf_abi.h"

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
