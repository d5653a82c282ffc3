/*
 * Holds spamgreyd/os/pf_abi.h against FreeBSD's own <net/pfvar.h>.  Read by
 * `make syntax' only; makes no code.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/ioctl.h>

#include <net/if.h>
#include <netinet/in.h>
#include <net/pfvar.h>

#include <stddef.h>

#include "spamgreyd/os/pf_abi.h"

#define SAME(a, b)	_Static_assert((a) == (b), #b)
#define OFFSET(t, f, T, F) \
	SAME(offsetof(struct t, f), offsetof(struct T, F))

SAME(sizeof(struct pf_abi_table), sizeof(struct pfr_table));
OFFSET(pf_abi_table, name, pfr_table, pfrt_name);
OFFSET(pf_abi_table, flags, pfr_table, pfrt_flags);
SAME(PF_ABI_NAME_MAX, PF_TABLE_NAME_SIZE);
SAME(PF_ABI_PERSIST, PFR_TFLAG_PERSIST);
SAME(PF_ABI_CONST, PFR_TFLAG_CONST);
SAME(PF_ABI_ACTIVE, PFR_TFLAG_ACTIVE);

SAME(sizeof(struct pf_abi_ioc), sizeof(struct pfioc_table));
OFFSET(pf_abi_ioc, buffer, pfioc_table, pfrio_buffer);
OFFSET(pf_abi_ioc, esize, pfioc_table, pfrio_esize);
OFFSET(pf_abi_ioc, size, pfioc_table, pfrio_size);
OFFSET(pf_abi_ioc, nadd, pfioc_table, pfrio_nadd);
OFFSET(pf_abi_ioc, ndel, pfioc_table, pfrio_ndel);
OFFSET(pf_abi_ioc, flags, pfioc_table, pfrio_flags);
SAME(PF_ABI_ALLRSETS, PFR_FLAG_ALLRSETS);

SAME(sizeof(struct pf_abi_addr_freebsd), sizeof(struct pfr_addr));
OFFSET(pf_abi_addr_freebsd, af, pfr_addr, pfra_af);
OFFSET(pf_abi_addr_freebsd, net, pfr_addr, pfra_net);
OFFSET(pf_abi_addr_freebsd, not, pfr_addr, pfra_not);
OFFSET(pf_abi_addr_freebsd, fback, pfr_addr, pfra_fback);
SAME(PF_ABI_INET, AF_INET);
SAME(PF_ABI_INET6_FREEBSD, AF_INET6);

SAME(sizeof(struct pf_abi_tstats_freebsd), sizeof(struct pfr_tstats));
OFFSET(pf_abi_tstats_freebsd, cnt, pfr_tstats, pfrts_cnt);
SAME(sizeof(struct pf_abi_limit), sizeof(struct pfioc_limit));
OFFSET(pf_abi_limit, limit, pfioc_limit, limit);
SAME(PF_ABI_ENTRIES_FREEBSD, PF_LIMIT_TABLE_ENTRIES);

SAME(PF_ABI_GETLIMIT, DIOCGETLIMIT);
SAME(PF_ABI_ADDTABLES, DIOCRADDTABLES);
SAME(PF_ABI_GETTSTATS, DIOCRGETTSTATS);
SAME(PF_ABI_CLRADDRS, DIOCRCLRADDRS);
SAME(PF_ABI_ADDADDRS, DIOCRADDADDRS);
SAME(PF_ABI_DELADDRS, DIOCRDELADDRS);
SAME(PF_ABI_SETADDRS, DIOCRSETADDRS);
SAME(PF_ABI_GETADDRS, DIOCRGETADDRS);

SAME(PF_ABI_NATLOOK, DIOCNATLOOK);
OFFSET(pf_abi_natlook, sport, pfioc_natlook, sport);
OFFSET(pf_abi_natlook, af, pfioc_natlook, af);
OFFSET(pf_abi_natlook, direction, pfioc_natlook, direction);
