/*
 * The users whose rules spamd applies to one message, and what it found for
 * each.  Pure: it knows no connection and no session.
 */
#ifndef SPAMC_USERS_H
#define SPAMC_USERS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "spamgreyd/modules/spamassassin/spamc.h"

/* Users of one message. */
#define SPAMC_USERS_MAX	20

struct spamc_user {
	/* "" is spamd's own user. */
	char		 name[SPAMC_USER_MAX + 1];
	int		 flagged;	/* above this user's own threshold */
	int32_t		 score;		/* thousandths */
	int32_t		 required;
	char		*symbols;	/* NULL before the answer */
};

/*
 * A list of users in the order in which they were added.  A zeroed one is
 * empty.
 */
struct spamc_users {
	struct spamc_user *list;
	size_t		 n;
};

/*
 * Adds a user.  Returns 1 if the user is in the list now or was before, 0 if
 * the list is full, -1 if there is no memory.
 */
int	 spamc_users_add(struct spamc_users *, const char *name);
/* Frees all; the list is empty then and may be used again. */
void	 spamc_users_clear(struct spamc_users *);
/* Keeps a copy of the answer for user i.  Returns -1 if there is no memory. */
int	 spamc_users_answer(struct spamc_users *, size_t i,
	    const struct spamc_reply *, enum spamc_verb);
/*
 * The users with the lowest and the highest score, the first of several.  All
 * answers must be there, and the list must not be empty.  The pointer is valid
 * until the list changes.
 */
const struct spamc_user *spamc_users_lowest(const struct spamc_users *);
const struct spamc_user *spamc_users_highest(const struct spamc_users *);
/* How many users' own thresholds the message is above. */
size_t	 spamc_users_flagged(const struct spamc_users *);
/*
 * Appends the value of a header field, "ann score=1.5 required=5 ham; bob ...",
 * folded with "\n\t" between users and terminated by a NUL.  Returns -1 if
 * there is no memory.
 */
int	 spamc_users_field(const struct spamc_users *, struct buf *);

#endif
