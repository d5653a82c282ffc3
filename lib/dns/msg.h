/*
 * DNS messages as pure functions: does this message answer that question, and
 * what are the records? Any bytes may come.  Used by the resolver client and
 * by spamgreydb, which looks at more kinds of records.
 *
 * A record counts only when it belongs to the name that was asked, or to the
 * end of a chain of CNAME and DNAME records that begins there and lies in the
 * same message (RFC 2317 delegates reverse zones like that).
 */
#ifndef DNS_MSG_H
#define DNS_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/dns/dns.h"

#define DNS_CLASS_IN	1
#define DNS_CHAIN_MAX	8	/* aliases from the question to its answer */

/* A name as in a message, in lower case, without compression. */
struct dns_name {
	size_t		len;			/* with the root's zero */
	uint8_t		wire[DNS_NAME_MAX];
};

/* One record of the answer: its data, which a name in it may point out of. */
struct dns_rr {
	const uint8_t	*msg, *data;
	size_t		 msglen, len;
};

/* 1: the record has the shape of its type and was taken. */
typedef int	(*dns_rr_fn)(const struct dns_rr *, void *);

struct dns_result {
	enum dns_status	 status;
	uint32_t	 ttl;		/* s, at most a day; 0: unknown */
	const char	*why;		/* FAILED: in words */
};

/* Calls fn for each record of that type that answers the question, in order. */
struct dns_result dns_walk(const uint8_t *, size_t len, const char *name,
	    enum dns_type, dns_rr_fn, void *arg);

/* "host.example" or "host.example."; -1: not a name of the DNS.  A backslash
 * escapes nothing, and a name with one is refused. */
int	 dns_name_from(struct dns_name *, const char *);
/* Empty for the root; an octet that is not a letter, a digit, '-', '_' or '/'
 * is written as \DDD. */
void	 dns_name_text(const struct dns_name *, char *dst, size_t size);

/* The data of a record; -1: it does not have the shape of its type. */
int	 dns_rr_addr(const struct dns_rr *, enum dns_type, struct addr *);
int	 dns_rr_ptr(const struct dns_rr *, struct dns_name *);
int	 dns_rr_mx(const struct dns_rr *, struct dns_name *);
/* All strings of a TXT record in one, with a NUL behind; -1 also: one of its
 * bytes is NUL. *len is what there is, dst has what fits. */
int	 dns_rr_txt(const struct dns_rr *, char *dst, size_t size, size_t *len);

#endif
