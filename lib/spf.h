/*
 * The words of an SPF record (RFC 7208 4.6 and 12).  Pure: what they mean of
 * the DNS is for who asks it.
 */
#ifndef SPF_H
#define SPF_H

#include <stddef.h>

#include "addr.h"

#define SPF_DOMAIN_MAX	255	/* octets of a name, RFC 1035 */
#define SPF_RECORD_MAX	4096	/* octets; more is no record (RFC: 450 fit) */

enum spf_mechanism {
	SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP, SPF_EXISTS,
	SPF_REDIRECT
};

struct spf_term {
	enum spf_mechanism	 mechanism;
	int			 pass;		/* its qualifier is + */
	char			 domain[SPF_DOMAIN_MAX + 1];	/* "": the
						   record's own */
	int			 macro;		/* domain needs a message to be
						   expanded */
	struct prefix		 net;		/* IP */
	struct addr_cut		 cut;		/* A, MX */
};

/* Is a TXT of the DNS such a record, of version 1? */
int	 spf_is_record(const char *);
/*
 * The next term of a record; *pos begins at the record's text and is moved on.
 * Modifiers that mean nothing here (exp, unknown ones) are passed over.
 * 1; 0 the end; -1 it is no record, and *why (static).
 */
int	 spf_next(const char **pos, struct spf_term *, const char **why);
const char *spf_mechanism_str(enum spf_mechanism);

#endif
