/*
 * The lines of `spamgreydb export': spamdb's own form (entry.h), with what it
 * has no room for in fields behind it, so that an import gives back the same
 * entries.  Pure functions.
 *
 *	GREY		spamdb's ten fields, which are all there is
 *	WHITE		spamdb's nine, and the comment if there is one
 *	TRAPPED		spamdb's three, then first|pass|block|passed|reason|comment
 *	SPAMTRAP	spamdb's two, then first|pass|expire|block|passed|comment
 *	STAMP, VISIT	|ip|first|pass|expire|block|passed
 *	REPUTE		|ip|first|last|expire|bad|good
 */
#ifndef BACKUP_H
#define BACKUP_H

#include "lib/db/entry.h"

/* Its length without newline; dst holds ENTRY_LINE_MAX.  META: 0. */
size_t	 backup_line(const struct entry *, char *dst);
/*
 * A line of an export or of spamdb back to an entry; the line is changed and
 * the entry borrows from it.  net and hash are not set.  0, or -1 and *why.
 */
int	 backup_parse(char *line, struct entry *, const char **why);

#endif
