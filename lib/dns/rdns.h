/*
 * The name of a host by the reverse DNS, as mail servers want it: the PTR of
 * its address, and the name's own addresses must have the address among them.
 * Never blocks; answers are cached as dns.h says.  Needs dns_init.
 */
#ifndef RDNS_H
#define RDNS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/dns/dns.h"

enum rdns_status {
	RDNS_OK,		/* name is its name */
	RDNS_FAIL,		/* it has none, or not a valid one */
	RDNS_FORGED,		/* name has other addresses, or none */
	RDNS_TEMP		/* unknown: no answer in time */
};
/* OK FAIL FORGED TEMP, as sendmail's ${client_resolve} */
const char *rdns_status_str(enum rdns_status);

struct rdns_query;

/* Called once, from the loop, never from inside rdns_ask.  name: a hostname;
 * "" with FAIL, and with TEMP when even that is not known; valid during the
 * call. */
typedef void (*rdns_cb)(enum rdns_status, const char *name, void *arg);

/* The answer comes within ms, for both questions together.  NULL: no question
 * can be asked (no name server, no memory). */
struct rdns_query *rdns_ask(const struct addr *, int64_t ms, rdns_cb,
	    void *arg);
void	 rdns_cancel(struct rdns_query *);	/* cb is not called; NULL is fine */

/*
 * Pure: text from a name server as a hostname, into dst of DNS_NAME_MAX + 1:
 * letters, digits, "-" and "_" in labels of 63 at most, the last of them no
 * number, 253 in all, a dot at its end left out.  -1: it is not
 * one.
 */
int	 rdns_hostname(const char *text, char *dst);

#endif
