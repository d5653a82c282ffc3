/*
 * The words of an SPF record (RFC 7208 4.6 and 12).  Pure: what they mean in
 * the DNS is for the caller, which asks it.
 */
#ifndef SPF_H
#define SPF_H

#include <stddef.h>

#include "lib/base/addr.h"

#define SPF_DOMAIN_MAX	255	/* octets of a name, RFC 1035 */
#define SPF_RECORD_MAX	65535	/* bytes, all that a TXT record holds */

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
						   expanded; it may be cut */
	struct prefix		 net;		/* IP */
	struct addr_cut		 cut;		/* A, MX */
};

/* Is a TXT of the DNS such a record, of version 1? */
int	 spf_is_record(const char *);
/* Where the reading of a record is. */
struct spf_reader {
	const char	*pos;
	int		 redirect, exp;		/* there was one */
};
/*
 * The next term of a record.  Modifiers that mean nothing here (exp, unknown
 * ones) are checked and passed over.  1; 0 the end; -1 the record has an error
 * of syntax, which RFC 7208 calls permanent, and *why (static) says which.
 */
void	 spf_start(struct spf_reader *, const char *record);
int	 spf_next(struct spf_reader *, struct spf_term *, const char **why);
/* Is all of the record well formed?  0, or -1 and *why. */
int	 spf_check(const char *record, const char **why);
const char *spf_mechanism_str(enum spf_mechanism);

#endif
