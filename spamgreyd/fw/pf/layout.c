/*
 * The two binary layouts of PF's tables: how an address stands in an element,
 * and where a table's statistics have the number of its addresses.
 */
#include <stddef.h>
#include <string.h>

#include "spamgreyd/fw/pf/pf_int.h"

/* An address as PF has it, in dst.  Returns whether it is IPv4; the bytes
 * behind an IPv4 address must be zero. */
static int
put_union(uint8_t dst[16], const struct addr *a, uint8_t plen)
{
	struct addr	m = *a;

	addr_mask(&m, plen);	/* host bits are EINVAL */
	memset(dst, 0, 16);
	if (plen >= 96 && addr_is4(a)) {
		memcpy(dst, m.b + 12, 4);
		return (1);
	}
	memcpy(dst, m.b, 16);
	return (0);
}

/* The reverse: the kernel's address, family and length (inet6: the system's
 * AF_INET6). 0, or -1: another family or an impossible length. */
static int
get_union(const uint8_t src[16], int af, int inet6, uint8_t net,
    struct addr *a, uint8_t *plen)
{
	static const uint8_t	mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (af == PF_ABI_INET && net <= 32) {
		memcpy(a->b, mapped, 12);
		memcpy(a->b + 12, src, 4);
		*plen = (uint8_t)(net + 96);
	} else if (af == inet6 && net <= 128) {
		memcpy(a->b, src, 16);
		*plen = net;
	} else
		return (-1);
	return (0);
}

/* An element of OpenBSD. */
static void
put_openbsd(uint8_t *dst, const struct addr *a, uint8_t plen, int not)
{
	struct pf_abi_addr_openbsd	e;
	int				ip4;

	memset(&e, 0, sizeof(e));
	ip4 = put_union(e.addr, a, plen);
	e.af = ip4 ? PF_ABI_INET : PF_ABI_INET6_OPENBSD;
	e.net = (uint8_t)(ip4 ? plen - 96 : plen);
	e.not = (uint8_t)not;
	memcpy(dst, &e, sizeof(e));
}

/* An element of FreeBSD. */
static void
put_freebsd(uint8_t *dst, const struct addr *a, uint8_t plen, int not)
{
	struct pf_abi_addr_freebsd	e;
	int				ip4;

	memset(&e, 0, sizeof(e));
	ip4 = put_union(e.addr, a, plen);
	e.af = ip4 ? PF_ABI_INET : PF_ABI_INET6_FREEBSD;
	e.net = (uint8_t)(ip4 ? plen - 96 : plen);
	e.not = (uint8_t)not;
	memcpy(dst, &e, sizeof(e));
}

static int
get_openbsd(const uint8_t *src, struct addr *a, uint8_t *plen, int *not)
{
	struct pf_abi_addr_openbsd	e;

	memcpy(&e, src, sizeof(e));
	*not = e.not;
	return (get_union(e.addr, e.af, PF_ABI_INET6_OPENBSD, e.net, a, plen));
}

static int
get_freebsd(const uint8_t *src, struct addr *a, uint8_t *plen, int *not)
{
	struct pf_abi_addr_freebsd	e;

	memcpy(&e, src, sizeof(e));
	*not = e.not;
	return (get_union(e.addr, e.af, PF_ABI_INET6_FREEBSD, e.net, a, plen));
}

const struct fw_pf_layout fw_pf_layouts[FW_PF_LAYOUTS] = {
	{ "OpenBSD", sizeof(struct pf_abi_addr_openbsd),
	    PF_ABI_ENTRIES_OPENBSD, sizeof(struct pf_abi_tstats_openbsd),
	    offsetof(struct pf_abi_tstats_openbsd, cnt), put_openbsd,
	    get_openbsd },
	{ "FreeBSD", sizeof(struct pf_abi_addr_freebsd),
	    PF_ABI_ENTRIES_FREEBSD, sizeof(struct pf_abi_tstats_freebsd),
	    offsetof(struct pf_abi_tstats_freebsd, cnt), put_freebsd,
	    get_freebsd }
};
