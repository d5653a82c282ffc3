/* FreeBSD: where a client that rdr sent here wanted to go (DIOCNATLOOK). If
 * PF knows no such state the answer is "unknown", which is no error. */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <netinet/in.h>

#include <string.h>

#include "lib/base/addr.h"
#include "spamgreyd/os/pf_abi.h"
#include "spamgreyd/os/os.h"

const int	origdst_pf = 1;

/* An address as PF has it; the bytes behind an IPv4 address must be zero. */
static void
put_addr(uint8_t dst[16], const struct addr *a)
{
	memset(dst, 0, 16);
	if (addr_is4(a))
		memcpy(dst, a->b + 12, 4);
	else
		memcpy(dst, a->b, 16);
}

/* The reverse. */
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

int
origdst(int fd, int pf, const struct addr *client, uint16_t cport,
    const struct addr *local, uint16_t lport, struct addr *dst,
    uint16_t *port)
{
	struct pf_abi_natlook	nl;
	int			is4 = addr_is4(client);

	(void)fd;
	if (pf == -1)
		return (-1);
	memset(&nl, 0, sizeof(nl));
	put_addr(nl.saddr, client);
	put_addr(nl.daddr, local);
	nl.sport = htons(cport);
	nl.dport = htons(lport);
	nl.af = is4 ? PF_ABI_INET : PF_ABI_INET6_FREEBSD;
	nl.proto = IPPROTO_TCP;
	nl.direction = PF_ABI_OUT;
	if (ioctl(pf, PF_ABI_NATLOOK, &nl) == -1)
		return (-1);
	get_addr(dst, nl.rdaddr, is4);
	*port = ntohs(nl.rdport);
	return (0);
}
