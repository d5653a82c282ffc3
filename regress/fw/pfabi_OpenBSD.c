/*
 * Holds spamgreyd/os/pf_abi.h against OpenBSD's own <net/pfvar.h>.  Read by
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

SAME(sizeof(struct pf_abi_addr_openbsd), sizeof(struct pfr_addr));
OFFSET(pf_abi_addr_openbsd, af, pfr_addr, pfra_af);
OFFSET(pf_abi_addr_openbsd, net, pfr_addr, pfra_net);
OFFSET(pf_abi_addr_openbsd, not, pfr_addr, pfra_not);
OFFSET(pf_abi_addr_openbsd, fback, pfr_addr, pfra_fback);
SAME(PF_ABI_INET, AF_INET);
SAME(PF_ABI_INET6_OPENBSD, AF_INET6);

SAME(sizeof(struct pf_abi_tstats_openbsd), sizeof(struct pfr_tstats));
OFFSET(pf_abi_tstats_openbsd, cnt, pfr_tstats, pfrts_cnt);
SAME(sizeof(struct pf_abi_limit), sizeof(struct pfioc_limit));
OFFSET(pf_abi_limit, limit, pfioc_limit, limit);
SAME(PF_ABI_ENTRIES_OPENBSD, PF_LIMIT_TABLE_ENTRIES);

SAME(PF_ABI_GETLIMIT, DIOCGETLIMIT);
SAME(PF_ABI_ADDTABLES, DIOCRADDTABLES);
SAME(PF_ABI_GETTSTATS, DIOCRGETTSTATS);
SAME(PF_ABI_CLRADDRS, DIOCRCLRADDRS);
SAME(PF_ABI_ADDADDRS, DIOCRADDADDRS);
SAME(PF_ABI_DELADDRS, DIOCRDELADDRS);
SAME(PF_ABI_SETADDRS, DIOCRSETADDRS);
SAME(PF_ABI_GETADDRS, DIOCRGETADDRS);

OFFSET(pf_abi_addr_openbsd, ifname, pfr_addr, pfra_ifname);
OFFSET(pf_abi_addr_openbsd, type, pfr_addr, pfra_type);
