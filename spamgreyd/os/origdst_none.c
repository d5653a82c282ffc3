/*
 * In place of that on a system where no part of the kernel can be asked: the
 * local address is all that is known.  OpenBSD's DIOCNATLOOK finds nothing
 * (in 7.8 it searches by a hash that it has not filled in); with divert-to
 * the local address is the one that the client called.
 */
#include <sys/types.h>

#include "lib/base/addr.h"
#include "spamgreyd/os/os.h"

const int	origdst_pf = 0;

int
origdst(int fd, int pf, const struct addr *client, uint16_t cport,
    const struct addr *local, uint16_t lport, struct addr *dst,
    uint16_t *port)
{
	(void)fd;
	(void)pf;
	(void)client;
	(void)cport;
	(void)local;
	(void)lport;
	(void)dst;
	(void)port;
	return (-1);
}
