/*
 * Words that are nearly the same: what was mistyped, and what was meant.  For
 * messages that suggest a keyword.  A pure function.
 */
#ifndef NEAR_H
#define NEAR_H

#define NEAR_WORD_MAX	32	/* a longer word is near to none */

/*
 * How many letters of typed are missing, too many, wrong or exchanged, to be
 * word; -1 when that is too many to have been meant.  Upper and lower case are
 * the same, and a beginning of four letters or more is near.
 */
int	 near_word(const char *typed, const char *word);

#endif
