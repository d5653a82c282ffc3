/*
 * The room spf: the networks that a domain's SPF record allows.  walk.c
 * follows the record within RFC 7208's limits and asks through struct
 * spf_dns; dns.c is c-ares behind it.  It blocks, and belongs to
 * spamgreydb.
 */
#ifndef SPAMGREYDB_SPF_H
#define SPAMGREYDB_SPF_H

#include <stddef.h>

#include "lib/base/addr.h"
#include "lib/dns/spf.h"

#define SPF_LOOKUPS_MAX	10	/* RFC 7208 4.6.4: terms that ask the DNS */
#define SPF_VOID_MAX	2	/* the same: questions without an answer */
#define SPF_NAMES_MAX	10	/* of one mx */
#define SPF_ADDRS_MAX	64	/* of one name; more are an error */
/* A domain that allows more than a /8 of IPv4 or a /28 of IPv6 in all is
 * refused: as a whitelist it would let far too many hosts pass. */
#define SPF_WIDTH_IP4	8
#define SPF_WIDTH_IP6	28

enum spf_found {
	SPF_FOUND,
	SPF_VOID,		/* no such name, or no such record */
	SPF_NOBODY		/* no server answered */
};

/* The name of a mail exchanger. */
struct spf_name { char name[SPF_DOMAIN_MAX + 1]; };

/*
 * Asks one question and waits for the answer; arg is handed to each function.
 */
struct spf_dns {
	/* Copies the first SPF record of the name (version 1); *n is how many
	 * it has, which may be 0 with SPF_FOUND. */
	enum spf_found	(*txt)(void *, const char *name, char *record,
			    size_t size, size_t *n);
	/* Up to max addresses; *n, how many there are, may be more. */
	enum spf_found	(*addrs)(void *, const char *name, int v4,
			    struct addr *, size_t max, size_t *n);
	/* Up to max mail exchangers; *n as before. */
	enum spf_found	(*mx)(void *, const char *name, struct spf_name *,
			    size_t max, size_t *n);
	void		*arg;
};

/* What a domain allows.  All pointers belong to the result. */
struct spf_result {
	struct prefix	*nets;		/* sorted, disjoint */
	size_t		 nnets;
	char		**notes; /* what could not be expanded, and why */
	size_t		 nnotes;
	char		 error[640];	/* "": the walk succeeded */
};

/* Returns 0, or -1 with result->error: nothing may be used then.  Call
 * spf_result_free in both cases. */
int	 spf_walk(const struct spf_dns *, const char *domain,
	    struct spf_result *);
void	 spf_result_free(struct spf_result *);

/* dns.c.  server: "192.0.2.1[:53]", or NULL for the servers of the system.
 * Returns NULL when it failed, which is reported. */
struct spf_dns *spf_dns_new(const char *server);
void	 spf_dns_free(struct spf_dns *);

#endif
