/*
 * The machine's own addresses.  The tracker takes connections from them for
 * those of our mail server when the configuration names none; the parent reads
 * them, since track's sandbox does not allow it.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <net/if.h>

#include <ifaddrs.h>
#include <stdlib.h>

#include "spamgreyd/os/os.h"

static int
addr_order(const void *a, const void *b)
{
	return (addr_cmp(a, b));
}

/* Sorted, so that two lists can be compared byte by byte. */
int
os_addrs(struct addr *list, size_t max)
{
	struct ifaddrs	*all, *i;
	struct addr	 a;
	size_t		 n = 0;

	if (getifaddrs(&all) == -1)
		return (-1);
	for (i = all; i != NULL && n < max; i = i->ifa_next)
		if (i->ifa_addr != NULL &&
		    addr_from_sa(i->ifa_addr, &a, NULL) == 0 &&
		    !addr_is_loopback(&a))
			list[n++] = a;
	freeifaddrs(all);
	qsort(list, n, sizeof(*list), addr_order);
	return ((int)n);
}

uint32_t
os_ifindex(const char *name)
{
	return (name == NULL ? 0 : if_nametoindex(name));
}
