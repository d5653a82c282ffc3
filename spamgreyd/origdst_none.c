/*
 * Where there is no firewall that redirects: the local address is all that
 * is known.
 */
#include <sys/types.h>

#include "../lib/addr.h"
#include "spamgreyd.h"

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
