/*
 * Several headers: this one and spamc_users.h are pure, with tests of their
 * own; spamassassin.c is the module, which asks and acts.
 *
 * The protocol of SpamAssassin's spamd, as its client: SPAMC/1.5.  Pure: octets
 * in, a result out; knows neither connection nor session.
 */
#ifndef SPAMC_H
#define SPAMC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

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

/* The head of a question; user NULL or "": none is named.  -1: no memory. */
int	 spamc_head(struct buf *, enum spamc_verb, const char *user,
	    uint64_t len);
/*
 * The user that a recipient's path stands for, whole or its local part.  What
 * may not be in a name (it may become part of a path or of a query there) makes
 * it "", nobody's.
 */
void	 spamc_user(const char *path, int local,
	    char dst[SPAMC_USER_MAX + 1]);
/*
 * An answer so far, eof: all of it.  1 it is whole; 0 more is needed; -1 it is
 * none, or an error of spamd's: why says so.
 */
int	 spamc_parse(const uint8_t *, size_t len, int eof, enum spamc_verb,
	    struct spamc_reply *, char *why, size_t size);
/* The names of the rules that hit, "A,B,C"; "" when none are told. */
void	 spamc_symbols(const struct spamc_reply *, enum spamc_verb,
	    char dst[SPAMC_SYMBOLS_MAX + 1]);
/*
 * HEADERS: the next field "X-Spam-…" of the answer, its value with folds as
 * "\n" and what follows.  *at is 0 at first.  0: no more.
 */
int	 spamc_field(const struct spamc_reply *, size_t *at, char *name,
	    size_t nsize, char *value, size_t vsize);

#endif
