/*
 * Domain names as pure functions: which characters they may have, and the one
 * form in which two spellings of a name are compared.  For paths of SMTP, for
 * names in the configuration and for the DNS.
 */
#ifndef DOMAIN_H
#define DOMAIN_H

#include <stddef.h>

#define DOMAIN_NAME_MAX	255	/* octets, RFC 5321 4.5.3.1.2 */
#define DOMAIN_LABEL_MAX 63	/* octets, RFC 1035 2.3.4 */

/*
 * The form for comparing: ASCII in lower case, each label with other
 * characters as its A-label (UTS 46, non-transitional), the ideographic full
 * stops as dots.  A label that has no A-label stays, octet by octet, and so
 * does an A-label that does not decode.  What was folded folds to itself.
 * The final dot stays.  0; -1: no room, or no memory.
 */
int	 domain_fold(const char *s, size_t len, char *dst, size_t size);
/*
 * Is a folded name a dot-atom: labels of letters, digits, '-', '_', and
 * characters outside of ASCII that do not stand for another ASCII character
 * (as fullwidth parentheses do)?  No label may be empty or too long, and a final
 * dot is not allowed.
 */
int	 domain_is_atom(const char *folded);
/* Are two names the same?  A final dot means nothing. */
int	 domain_same(const char *, const char *);
/* How many of the len octets a final dot has: 0, 1, or 3 in UTF-8. */
size_t	 domain_final_dot(const char *, size_t len);

#endif
