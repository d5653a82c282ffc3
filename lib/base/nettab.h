/*
 * Settings by network: the longest prefix that contains the address wins.
 * Filled once, while a configuration is read, and then only looked up.  A
 * zeroed one is empty; nettab_free frees what was added.
 */
#ifndef NETTAB_H
#define NETTAB_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

struct nettab_entry {
	struct prefix	prefix;
	int64_t		n, ms;		/* what it is set to */
};

struct nettab {
	struct nettab_entry	*v;	/* by length, longest first; by address */
	size_t			 n;
};

/* -1: *error says why (given twice, no memory). */
int	 nettab_add(struct nettab *, const struct prefix *, int64_t n, int64_t ms,
	    const char **error);
/* The entry stays the table's; valid until the next nettab_add. */
const struct nettab_entry *nettab_find(const struct nettab *,
	    const struct addr *);		/* NULL: none */
void	 nettab_free(struct nettab *);

/*
 * "ip4" or "ip6" and "/LENGTH" into a cut.  -1: *error.  A zeroed struct
 * nettab_cut has neither; nettab_cut_default fills in what was not given.
 */
#define NETTAB_IP4	1
#define NETTAB_IP6	2
struct nettab_cut {
	struct addr_cut	cut;
	uint8_t		given;		/* NETTAB_IP4, NETTAB_IP6 */
};
int	 nettab_cut(struct nettab_cut *, const char *family, const char *length,
	    const char **error);
void	 nettab_cut_default(struct nettab_cut *, unsigned int ip4,
	    unsigned int ip6);

#endif
