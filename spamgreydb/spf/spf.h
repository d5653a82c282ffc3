/*
 * The networks that a domain's SPF allows.  walk.c knows RFC 7208's limits
 * and asks through struct spf_dns; dns.c is c-ares behind it.
 */
#ifndef SPAMGREYDB_SPF_H
#define SPAMGREYDB_SPF_H

#include <stddef.h>

#include "lib/base/addr.h"
#include "lib/dns/spf.h"

#define SPF_LOOKUPS_MAX	10	/* RFC 7208 4.6.4: terms that ask */
#define SPF_VOID_MAX	2	/* … and of them without an answer */
#define SPF_NAMES_MAX	10	/* of one mx */
#define SPF_ADDRS_MAX	64	/* of one name; more are an error */
/* More than that a list of passed hosts is none: a /8, and a /28. */
#define SPF_WIDTH_IP4	8
#define SPF_WIDTH_IP6	28

enum spf_found {
	SPF_FOUND,
	SPF_VOID,			/* no such name, or nothing of the kind */
	SPF_NOBODY			/* no server answered */
};

struct spf_name { char name[SPF_DOMAIN_MAX + 1]; };

struct spf_dns {
	/* The name's record of version 1; *n is how many it has, the first is
	 * copied.  FOUND may have 0. */
	enum spf_found	(*txt)(void *, const char *name, char *record,
			    size_t size, size_t *n);
	/* Up to max; *n may say more. */
	enum spf_found	(*addrs)(void *, const char *name, int v4,
			    struct addr *, size_t max, size_t *n);
	enum spf_found	(*mx)(void *, const char *name, struct spf_name *,
			    size_t max, size_t *n);
	void		*arg;
};

struct spf_result {
	struct prefix	*nets;		/* sorted, disjoint */
	size_t		 nnets;
	char		**notes;	/* what could not be expanded, and why */
	size_t		 nnotes;
	char		 error[640];	/* "": none */
};

/* 0; -1 with error: nothing of it may be used.  Free it in both cases. */
int	 spf_walk(const struct spf_dns *, const char *domain,
	    struct spf_result *);
void	 spf_result_free(struct spf_result *);

/* dns.c.  server: "192.0.2.1[:53]", or NULL for the system's.  NULL: said. */
struct spf_dns *spf_dns_new(const char *server);
void	 spf_dns_free(struct spf_dns *);

#endif
