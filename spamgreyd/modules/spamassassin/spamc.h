/*
 * Several headers: this one and spamc_users.h are pure, with tests of their
 * own; spamassassin.c is the module, which asks and acts.
 *
 * The protocol of SpamAssassin's spamd, version SPAMC/1.5, from the client's
 * side.  The functions turn bytes into results; they know no connection and no
 * session.
 */
#ifndef SPAMC_H
#define SPAMC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* Bytes of a user's name, and of the names of all rules that hit. */
#define SPAMC_USER_MAX	320
#define SPAMC_SYMBOLS_MAX 4096

enum spamc_verb { SPAMC_CHECK, SPAMC_SYMBOLS, SPAMC_HEADERS };

struct spamc_reply {
	int		 flagged;	/* "Spam: True": by its own threshold */
	int32_t		 score;		/* thousandths */
	int32_t		 required;
	const uint8_t	*body;		/* of the answer, borrowed */
	size_t		 body_len;
};

/*
 * Appends the head of a question about a message of len bytes. user NULL or "":
 * spamd's own user.  Returns -1 if there is no memory.
 */
int	 spamc_head(struct buf *, enum spamc_verb, const char *user,
	    uint64_t len);
/*
 * The user that a recipient's path stands for: the whole address, or its local
 * part.  An address with characters that are risky in a file name or a query,
 * which spamd may make of it, becomes "": spamd's own user.
 */
void	 spamc_user(const char *path, int local,
	    char dst[SPAMC_USER_MAX + 1]);
/*
 * Parses the len bytes that have come so far; eof: there will be no more.
 * Returns 1 if the answer is complete, 0 if more is needed, and -1 with `why'
 * if it is malformed or an error of spamd's.  r->body points into the bytes.
 */
int	 spamc_parse(const uint8_t *, size_t len, int eof, enum spamc_verb,
	    struct spamc_reply *, char *why, size_t size);
/* The names of the rules that hit, "A,B,C"; "" if the answer has none. */
void	 spamc_symbols(const struct spamc_reply *, enum spamc_verb,
	    char dst[SPAMC_SYMBOLS_MAX + 1]);
/*
 * HEADERS: the next field "X-Spam-..." of the answer.  A fold in its value is
 * "\n" and what follows.  *at must be 0 at first.  Returns 0 if there are no
 * more.
 */
int	 spamc_field(const struct spamc_reply *, size_t *at, char *name,
	    size_t nsize, char *value, size_t vsize);

#endif
