/*
 * Mail addresses as pure functions: a path as SMTP calls it comes in, with or
 * without its angle brackets.  Nothing allocates; a result stands in the
 * caller's buffer.
 */
#ifndef MAILADDR_H
#define MAILADDR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

#define MAILADDR_MAX	1024	/* a path is at most 256 octets (RFC 5321
				   4.5.3.1.3); more is kept for the log */

/*
 * A recipient's path as a client sent it, checked: nothing else is matched or
 * relayed.  The domain is a dot-atom (domain.h) or an address literal; the
 * local part is atoms and dots, wherever these are, or quoted.  `box' is the
 * mailbox that the path is a spelling of, for comparing: the local part without
 * quotes and in lower case, the domain folded (domain.h), no source route, no
 * final dot.  `path' is what is relayed: as it came, but for these two.
 */
struct mailaddr {
	char		path[MAILADDR_MAX + 3];		/* with brackets */
	char		box[MAILADDR_MAX];
	int		has_domain;
	int		routed;		/* a source route came before it */
	int		is_literal;
	struct addr	literal;
};
#define MAILADDR_UTF8	1	/* MAIL had SMTPUTF8 */
#define MAILADDR_ROUTES	2	/* `local part routes yes': % and ! may be */

/* The replies to a path that smtp_path_parse has refused. */
#define MAILADDR_BAD_RCPT	"501 5.1.3 Bad recipient address syntax"
#define MAILADDR_BAD_SENDER	"501 5.1.7 Bad sender address syntax"
#define MAILADDR_LONG_RCPT	"501 5.1.3 The address is too long"
#define MAILADDR_LONG_SENDER	"501 5.1.7 The sender's address is too long"

/* NULL; or why it is refused, "NNN X.X.X text" with 501 or 553. */
const char *mailaddr_check_rcpt(const char *path, unsigned int flags,
	    struct mailaddr *);
/* The same for a sender's path, which is passed on as it came. */
const char *mailaddr_check_sender(const char *path);
/* The mailbox of an address with a domain that an administrator wrote, into
 * dst; -1: no recipient can have it. */
int	 mailaddr_box(const char *path, char *dst, size_t dstsize);
/*
 * The mailbox of any text, for texts that are only compared with each other and
 * are never relayed: keys of tuples, old entries.  -1: it does not fit.
 */
int	 mailaddr_rcpt(const char *path, char *dst, size_t dstsize);
/* Are two paths spellings of one mailbox? */
int	 mailaddr_same(const char *, const char *);
/* The same number for all spellings of one mailbox, never 0: an address that is
 * compared with many is folded only once. */
uint64_t mailaddr_hash(const char *path);
/* The part after the last '@' without brackets, or NULL; *len its length. */
const char *mailaddr_domain(const char *path, size_t *len);
/*
 * For the key of a tuple only: brackets off, domain folded, BATV
 * (prvs=tag=, prvs/…), SRS (SRS0=…=user, SRS1…) and VERP (+user=host,
 * -user=host) undone, runs of digits and hex words in the local part folded
 * to '#', "+extension" cut.  Two senders that a mailing program makes for
 * the same stream come out equal.  "<>" gives "".
 */
int	 mailaddr_normalise_sender(const char *path, char *dst, size_t dstsize);
/*
 * Does a rule match a mailbox?  "example.org": that domain; ".example.org":
 * its subdomains; "@example.org": that domain; "user@example.org": that
 * address.  The rule is as lib/conf/entries.c leaves it: folded as the mailbox
 * is.
 */
int	 mailaddr_match(const char *rule, const char *box);
/* postmaster (bare), or postmaster@ / abuse@ at domain (NULL: bare only). */
int	 mailaddr_is_postmaster(const char *box);
int	 mailaddr_is_role(const char *box, const char *domain);

#endif
