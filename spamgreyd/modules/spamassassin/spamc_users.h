/*
 * The users whose rules spamd applies to one message, and what it found for
 * each.  Pure: knows neither connection nor session.
 */
#ifndef SPAMC_USERS_H
#define SPAMC_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "spamgreyd/modules/spamassassin/spamc.h"

#define SPAMC_USERS_MAX	20		/* of one message */

struct spamc_user {
	char		 name[SPAMC_USER_MAX + 1];	/* "": nobody's */
	int		 flagged;	/* above this user's own threshold */
	int32_t		 score;		/* thousandths */
	int32_t		 required;
	char		*symbols;	/* NULL before the answer */
};

struct spamc_users {
	struct spamc_user *list;
	size_t		 n;
};

/* 1: the user is in the list now, or was; 0: the list is full; -1: no memory. */
int	 spamc_users_add(struct spamc_users *, const char *name);
void	 spamc_users_clear(struct spamc_users *);
/* Keeps the answer for user i; -1: no memory. */
int	 spamc_users_answer(struct spamc_users *, size_t i,
	    const struct spamc_reply *, enum spamc_verb);
/* Of answers that are all there: the user with the lowest and with the highest
 * score, the first of several.  The list is not empty. */
const struct spamc_user *spamc_users_lowest(const struct spamc_users *);
const struct spamc_user *spamc_users_highest(const struct spamc_users *);
/* How many users' own thresholds the message is above. */
size_t	 spamc_users_flagged(const struct spamc_users *);
/* The value of a header field, "ann score=1.5 required=5; bob …", folded with
 * "\n\t" between users and ended by a NUL; -1: no memory. */
int	 spamc_users_field(const struct spamc_users *, struct buf *);

#endif
