/* Linux: where a redirected client wanted to go, from connection tracking.
 * With TPROXY the local address is already the original one. */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include <string.h>

#include "lib/base/addr.h"
#include "spamgreyd/os/os.h"

const int	origdst_pf = 0;

int
origdst(int fd, int pf, const struct addr *client, uint16_t cport,
    const struct addr *local, uint16_t lport, struct addr *dst,
    uint16_t *port)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);
	int			r;

	(void)pf;
	(void)client;
	(void)cport;
	(void)local;
	(void)lport;
	/* The client's family, not the socket's: a listener on :: has IPv4
	 * clients as well. */
	if (addr_is4(local))
		r = getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &ss, &len);
	else
		r = getsockopt(fd, IPPROTO_IPV6, IP6T_SO_ORIGINAL_DST, &ss,
		    &len);
	if (r == -1)
		return (-1);
	return (addr_from_sa((struct sockaddr *)&ss, dst, port));
}
