/*
 * The part of PF's interface that we use, as the bytes that OpenBSD and
 * FreeBSD agreed on with their own programs, in place of <net/pfvar.h>. So
 * the driver compiles everywhere, and both binary interfaces can be tested on
 * a machine that has no PF.
 *
 * The two systems differ in the size of an address, the number of AF_INET6,
 * the statistics of a table, the number of a limit, and the look-up of
 * translations.  Which one the kernel speaks is found by asking it
 * (fw/pf/pf.c), not at compile time.  `make syntax' compares this file with
 * the systems' own header (regress/fw/pfabi_*.c).
 *
 * Used by fw for tables and, on FreeBSD, by front and pass (origdst_pf.c).
 * There are no functions here.  A name is that of the system without its
 * prefix.
 */
#ifndef FW_PF_ABI_H
#define FW_PF_ABI_H

#include <stddef.h>
#include <stdint.h>

#define PF_ABI_NAME_MAX		32	/* with its NUL */
#define PF_ABI_INET		2
#define PF_ABI_INET6_OPENBSD	24
#define PF_ABI_INET6_FREEBSD	28
#define PF_ABI_OUT		2	/* direction */

/* pfrt_flags */
#define PF_ABI_PERSIST		0x01
#define PF_ABI_CONST		0x02
#define PF_ABI_ACTIVE		0x04

struct pf_abi_table {			/* struct pfr_table */
	char		 anchor[1024];
	char		 name[PF_ABI_NAME_MAX];
	uint32_t	 flags;
	uint8_t		 fback;
	uint8_t		 pad[3];
};

struct pf_abi_ioc {			/* struct pfioc_table */
	struct pf_abi_table table;
	void		*buffer;
	int32_t		 esize;		/* of an element; ENODEV when wrong */
	int32_t		 size;
	int32_t		 size2;
	int32_t		 nadd;
	int32_t		 ndel;
	int32_t		 nchange;
	int32_t		 flags;
	uint32_t	 ticket;
};

struct pf_abi_addr_openbsd {		/* struct pfr_addr */
	uint8_t		 addr[16];
	char		 ifname[16];
	uint32_t	 states;
	uint16_t	 weight;
	uint8_t		 af;
	uint8_t		 net;
	uint8_t		 not;
	uint8_t		 fback;
	uint8_t		 type;
	uint8_t		 pad[9];
};

struct pf_abi_addr_freebsd {		/* struct pfr_addr */
	uint8_t		 addr[16];
	uint8_t		 af;
	uint8_t		 net;
	uint8_t		 not;
	uint8_t		 fback;
};

struct pf_abi_tstats_openbsd {		/* struct pfr_tstats */
	struct pf_abi_table table;
	uint64_t	 packets[2][4], bytes[2][4];
	uint64_t	 match, nomatch;
	int64_t		 tzero;
	int32_t		 cnt;		/* addresses of the table */
	int32_t		 refcnt[2];
};

struct pf_abi_tstats_freebsd {		/* struct pfr_tstats */
	struct pf_abi_table table;
	uint64_t	 packets[2][3], bytes[2][3];
	uint64_t	 match, nomatch;
	long		 tzero;
	int32_t		 cnt;
	int32_t		 refcnt[2];
};

struct pf_abi_limit {			/* struct pfioc_limit */
	int32_t		 index;
	uint32_t	 limit;
};

/* PF_LIMIT_TABLE_ENTRIES: addresses of all tables together */
#define PF_ABI_ENTRIES_OPENBSD	4
#define PF_ABI_ENTRIES_FREEBSD	3

/* pfrio_flags: tables of anchors, too */
#define PF_ABI_ALLRSETS		0x40

struct pf_abi_natlook {			/* struct pfioc_natlook of FreeBSD */
	uint8_t		 saddr[16], daddr[16], rsaddr[16], rdaddr[16];
	uint16_t	 sport, dport, rsport, rdport;	/* network order */
	uint8_t		 af, proto, direction;
	uint8_t		 pad;
};

/* _IOWR('D', n, type), which both systems encode alike. */
#define PF_ABI_IOWR(n, type)	(0xc0000000UL | \
	    ((unsigned long)(sizeof(type) & 0x1fff) << 16) | 0x4400UL | (n))

#define PF_ABI_NATLOOK		PF_ABI_IOWR(23, struct pf_abi_natlook)
#define PF_ABI_GETLIMIT		PF_ABI_IOWR(39, struct pf_abi_limit)
#define PF_ABI_ADDTABLES	PF_ABI_IOWR(61, struct pf_abi_ioc)
#define PF_ABI_GETTSTATS	PF_ABI_IOWR(64, struct pf_abi_ioc)
#define PF_ABI_CLRADDRS		PF_ABI_IOWR(66, struct pf_abi_ioc)
#define PF_ABI_ADDADDRS		PF_ABI_IOWR(67, struct pf_abi_ioc)
#define PF_ABI_DELADDRS		PF_ABI_IOWR(68, struct pf_abi_ioc)
#define PF_ABI_SETADDRS		PF_ABI_IOWR(69, struct pf_abi_ioc)
#define PF_ABI_GETADDRS		PF_ABI_IOWR(70, struct pf_abi_ioc)

_Static_assert(sizeof(struct pf_abi_table) == 1064, "pfr_table");
_Static_assert(sizeof(struct pf_abi_addr_openbsd) == 52, "pfr_addr, OpenBSD");
_Static_assert(sizeof(struct pf_abi_addr_freebsd) == 20, "pfr_addr, FreeBSD");
_Static_assert(offsetof(struct pf_abi_addr_openbsd, af) == 38, "pfra_af");
_Static_assert(offsetof(struct pf_abi_addr_openbsd, type) == 42, "pfra_type");
_Static_assert(offsetof(struct pf_abi_addr_freebsd, fback) == 19,
    "pfra_fback");
_Static_assert(sizeof(struct pf_abi_natlook) == 76, "pfioc_natlook");
_Static_assert(offsetof(struct pf_abi_natlook, af) == 72, "af");
_Static_assert(sizeof(struct pf_abi_limit) == 8, "pfioc_limit");
_Static_assert(sizeof(void *) != 8 ||
    sizeof(struct pf_abi_tstats_openbsd) == 1232, "pfr_tstats, OpenBSD");
_Static_assert(sizeof(void *) != 8 ||
    sizeof(struct pf_abi_tstats_freebsd) == 1200, "pfr_tstats, FreeBSD");
_Static_assert(sizeof(void *) != 8 ||
    offsetof(struct pf_abi_tstats_openbsd, cnt) == 1216, "pfrts_cnt");
_Static_assert(sizeof(void *) != 8 ||
    offsetof(struct pf_abi_tstats_freebsd, cnt) == 1184, "pfrts_cnt");
/* The values as they stand in the kernels; a pointer of four bytes makes the
 * structure, and so the request, smaller there too. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct pf_abi_ioc) == 1104,
    "pfioc_table");
_Static_assert(sizeof(void *) != 8 || PF_ABI_ADDTABLES == 0xc450443dUL,
    "DIOCRADDTABLES");
_Static_assert(sizeof(void *) != 8 || PF_ABI_CLRADDRS == 0xc4504442UL,
    "DIOCRCLRADDRS");
_Static_assert(sizeof(void *) != 8 || PF_ABI_ADDADDRS == 0xc4504443UL,
    "DIOCRADDADDRS");
_Static_assert(sizeof(void *) != 8 || PF_ABI_DELADDRS == 0xc4504444UL,
    "DIOCRDELADDRS");
_Static_assert(sizeof(void *) != 8 || PF_ABI_SETADDRS == 0xc4504445UL,
    "DIOCRSETADDRS");
_Static_assert(sizeof(void *) != 8 || PF_ABI_GETADDRS == 0xc4504446UL,
    "DIOCRGETADDRS");
_Static_assert(sizeof(void *) != 8 || PF_ABI_GETTSTATS == 0xc4504440UL,
    "DIOCRGETTSTATS");
_Static_assert(PF_ABI_GETLIMIT == 0xc0084427UL, "DIOCGETLIMIT");
_Static_assert(PF_ABI_NATLOOK == 0xc04c4417UL, "DIOCNATLOOK, FreeBSD");

#endif
