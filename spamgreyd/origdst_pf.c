/*
 * PF: where a client that rdr-to sent here wanted to go (DIOCNATLOOK).  With
 * divert-to the local address already is the original one, and the look-up
 * finds nothing; neither does it on kernels that answer ENOENT always.  So
 * "unknown" is an answer, never an error.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>

#include "../lib/addr.h"
#include "fw_pf_abi.h"
#include "spamgreyd.h"

/* The addresses and ports are in the same places of both structures but
 * for two fields that OpenBSD has before the ports. */
union natlook {
	struct pf_abi_natlook_openbsd	o;
	struct pf_abi_natlook_freebsd	f;
};

static void
put_addr(uint8_t dst[16], const struct addr *a)
{
	memset(dst, 0, 16);
	if (addr_is4(a))
		memcpy(dst, a->b + 12, 4);
	else
		memcpy(dst, a->b, 16);
}

static void
get_addr(struct addr *a, const uint8_t src[16], int is4)
{
	memset(a, 0, sizeof(*a));
	if (is4) {
		a->b[10] = a->b[11] = 0xff;
		memcpy(a->b + 12, src, 4);
	} else
		memcpy(a->b, src, 16);
}

static int
look_openbsd(int pf, union natlook *nl)
{
	nl->o.proto = IPPROTO_TCP;
	nl->o.direction = PF_ABI_OUT;
	return (ioctl(pf, PF_ABI_NATLOOK_OPENBSD, nl));
}

static int
look_freebsd(int pf, union natlook *nl)
{
	nl->f.proto = IPPROTO_TCP;
	nl->f.direction = PF_ABI_OUT;
	return (ioctl(pf, PF_ABI_NATLOOK_FREEBSD, nl));
}

int
origdst(int fd, int pf, const struct addr *client, uint16_t cport,
    const struct addr *local, uint16_t lport, struct addr *dst,
    uint16_t *port)
{
	union natlook	nl;
	int		is4 = addr_is4(client);

	(void)fd;
	if (pf == -1)
		return (-1);
	memset(&nl, 0, sizeof(nl));
	put_addr(nl.o.saddr, client);
	put_addr(nl.o.daddr, local);
	nl.o.sport = htons(cport);
	nl.o.dport = htons(lport);
	nl.o.af = is4 ? PF_ABI_INET : PF_ABI_INET6_OPENBSD;
	if (look_openbsd(pf, &nl) == 0) {
		get_addr(dst, nl.o.rdaddr, is4);
		*port = ntohs(nl.o.rdport);
		return (0);
	}
	if (errno != ENOTTY && errno != ENODEV)
		return (-1);
	memset(&nl, 0, sizeof(nl));
	put_addr(nl.f.saddr, client);
	put_addr(nl.f.daddr, local);
	nl.f.sport = htons(cport);
	nl.f.dport = htons(lport);
	nl.f.af = is4 ? PF_ABI_INET : PF_ABI_INET6_FREEBSD;
	if (look_freebsd(pf, &nl) == -1)
		return (-1);
	get_addr(dst, nl.f.rdaddr, is4);
	*port = ntohs(nl.f.rdport);
	return (0);
}
