/*
 * Mail addresses as pure functions: what SMTP calls a path comes in, with or
 * without its angle brackets.
 */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stddef.h>

#define MAILADDR_MAX	1024	/* a path is at most 256 octets (RFC 5321
				   4.5.3.1.3); more is kept for the log, then cut */

/* "<A@B.C>" to "a@b.c"; -1 when it does not fit or holds a NUL. */
int	 mailaddr_lower(const char *path, char *dst, size_t dstsize);
/*
 * The mailbox that a recipient's path is another spelling of: lower case, a
 * source route, quotes, backslashes and the domain's final dot taken off.  For
 * comparing with spamtraps, allowed domains and the like.  Same returns.
 */
int	 mailaddr_rcpt(const char *path, char *dst, size_t dstsize);
/* The part after the last '@' without brackets, or NULL; *len its length. */
const char *mailaddr_domain(const char *path, size_t *len);
/*
 * For the key of a tuple only: brackets off, domain lower case, BATV
 * (prvs=tag=, prvs/…), SRS (SRS0=…=user, SRS1…) and VERP (+user=host,
 * -user=host) undone, runs of digits and hex words in the local part folded
 * to '#', "+extension" cut.  Two senders that a mailing program makes for
 * the same stream come out equal.  "<>" gives "".
 */
int	 mailaddr_normalise_sender(const char *path, char *dst, size_t dstsize);
/* Brackets off, all lower case. */
int	 mailaddr_normalise_rcpt(const char *path, char *dst, size_t dstsize);
/*
 * Does a rule match?  "example.org": that domain; ".example.org": its
 * subdomains; "@example.org": that domain; "user@example.org": that address.
 * Case-insensitive, on label boundaries, a final dot of the domain ignored.
 */
int	 mailaddr_match(const char *rule, const char *path);
/* postmaster (bare), or postmaster@ / abuse@ at domain (NULL: bare only). */
int	 mailaddr_is_postmaster(const char *path);
int	 mailaddr_is_role(const char *path, const char *domain);

#endif
