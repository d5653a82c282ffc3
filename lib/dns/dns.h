/*
 * The room lib/dns: the resolver client and what is read from its answers.
 * pass, the modules and spamgreydb spf use it.  It may use lib/base, c-ares
 * and libevent.  In the order to read:
 *
 *	dns		questions in an event loop, the cache (this file)
 *	msg		DNS messages as pure functions
 *	parse		one answer; the names that addresses are asked under
 *	rdns		the name of a host, looked up backwards and forwards
 *	spf		the syntax of SPF records
 *
 * Several headers: spamgreydb reads messages and SPF records without the
 * resolver client, and the modules need the client alone.
 *
 * Questions to the DNS in an event loop, through c-ares; one client for a
 * process, with state of its own.  Answers are cached for their TTL, negative
 * ones too (RFC 2308) and, briefly, failures.  Nothing here ever blocks.
 */
#ifndef DNS_H
#define DNS_H

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>

#include "lib/base/addr.h"

#define DNS_ADDRS_MAX	32	/* of one answer; more are left out */
#define DNS_TEXT_MAX	512	/* of a TXT or PTR; longer is cut */
#define DNS_NAME_MAX	255	/* octets of a name, RFC 1035 */

enum dns_type {
	DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28
};

enum dns_status {
	DNS_FOUND,		/* at least one record of that type */
	DNS_NOTHING,		/* the name or the type does not exist */
	DNS_FAILED		/* unknown: no answer in time, SERVFAIL … */
};

struct dns_answer {
	enum dns_status	 status;
	uint32_t	 ttl;			/* s, the least of all records */
	unsigned int	 naddrs;		/* A, AAAA */
	struct addr	 addrs[DNS_ADDRS_MAX];
	char		 text[DNS_TEXT_MAX];	/* the first TXT or PTR, or "";
						   hostile: encode it */
	const char	*why;			/* FAILED: in words */
};

struct dns_query;

/* Called once, from the loop, never from inside dns_ask.  The answer is valid
 * during the call. */
typedef void (*dns_cb)(const struct dns_answer *, void *arg);

/*
 * servers: "192.0.2.1:53,[2001:db8::1]:53".  Before the chroot
 * (c-ares reads its files here, once).  -1: logged.
 */
int	 dns_init(struct event_base *, const char *servers);
/* Other servers from now on, and an empty cache; the same ones: nothing to do.
 * -1: logged, nothing changed. */
int	 dns_servers(const char *servers);
/* Ends all queries without calling back, and frees everything. */
void	 dns_free(void);

/*
 * The answer comes within ms, if need be as FAILED.  NULL: no memory, or not a
 * name that can be asked for.  The query is the client's and must not be used
 * after its callback.
 */
struct dns_query *dns_ask(const char *name, enum dns_type, int64_t ms, dns_cb,
	    void *arg);
void	 dns_cancel(struct dns_query *);	/* cb is not called */

/* Pure: what a server's message answers to that question; any octets may come.
 * A message that does not answer it is FAILED (msg.h). */
void	 dns_parse(const uint8_t *, size_t len, const char *name,
	    enum dns_type, struct dns_answer *);
/*
 * The name under which a zone has that address (RFC 5782): the octets or
 * nibbles backwards, then the zone.  0, or -1: it does not fit into dst or into
 * a name.
 */
int	 dns_reverse(const struct addr *, const char *zone, char *dst,
	    size_t size);

#endif
