/*
 * Changes to a message that modules (milters, rspamd) ask for at EOM: kept as
 * a list for each module, joined when all have spoken, and made in one pass
 * over the spool into a new one.
 *
 * The modules that this is for run side by side, and so none sees what another
 * wants.  What each means is the message as it came: the n-th field of a name,
 * or of all, is counted there, from the top beginning with 1 or from the end,
 * and no change of anybody moves or hides a field from another.  The lists are
 * joined in the order of the configuration, whoever answered first, and then:
 *
 *	a field is changed or removed by several: the last one's word counts;
 *	    one that speaks of all of that name (index 0) speaks of each
 *	a removal is of fields that came: never of what another adds, before
 *	    or after it, so that to remove all of a name and to add one leaves
 *	    that one, whoever wants which
 *	several add: all of it stands there, in their order; inserted at the
 *	    same place, the last one's stands above
 *	several change a field that there is not: the last one's is added, once
 *	a new body: the last one's
 *	the subject's tag comes after all of that
 *
 * Modules that come in turn (milters; module.h) have each the message as the
 * one before it has left it; that is then what came, for those side by side.
 */
#ifndef MSGEDIT_H
#define MSGEDIT_H

#include <stddef.h>
#include <stdint.h>

#include "spamgreyd/pass/message/spool.h"

#define MSGEDIT_MAX	1000		/* changes of one message */
#define MSGEDIT_OCTETS	(256 * 1024)	/* of all header text */

struct msgedit;

struct msgedit *msgedit_new(void);
void	 msgedit_free(struct msgedit *);
int	 msgedit_empty(const struct msgedit *);
/*
 * name: a field name (RFC 5322 ftext); value: without CRLF at its end; folds
 * are "\n\t" or "\r\n " as milters give them and come out as CRLF; anything
 * else that is no header text becomes '?'.  -1: not a name, too much, or no
 * memory.
 */
int	 msgedit_add(struct msgedit *, const char *name, const char *value);
/* index 0 or 1: before the first field, n: before the n-th of the message as it
 * came, more than there are: at the end; of two at one place the second stands
 * above (as with smfi_insheader, our own Received line not counted). */
int	 msgedit_insert(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/* From the end: 1 is at the end, n above the last n - 1 fields of the message
 * as it came, more than there are: at the top. */
int	 msgedit_insert_last(struct msgedit *, unsigned int n, const char *name,
	    const char *value);
/* value NULL: the field goes.  index 0: all of that name; more than there are:
 * added at the end.  Of several changes of one field the last one counts. */
int	 msgedit_change(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/* The n-th from the end, 1 is the last one of that name. */
int	 msgedit_change_last(struct msgedit *, unsigned int n, const char *name,
	    const char *value);
/*
 * Every field as it came whose name begins so goes, whatever its number, but
 * what is changed by name.  if_marked: only of a message that is to be marked,
 * as msgedit_marked says.
 */
int	 msgedit_drop(struct msgedit *, const char *prefix, int if_marked);
void	 msgedit_marked(struct msgedit *, int marked);
void	 msgedit_only_drops(struct msgedit *);	/* the rest is forgotten */
/* The first call begins a new body, later ones go on with it. */
int	 msgedit_body(struct msgedit *, const void *, size_t);
/* The subject gets that in front, if it has not already. */
int	 msgedit_subject(struct msgedit *, const char *tag);

/*
 * All of the second's after all of the first's, without the changes of one
 * field by its number (from_end: counted from there) for which moved (NULL:
 * none) says that the number is that of another field by now; *passed: how
 * many.  A body stays the second's, who must outlive the first.  -1: too much,
 * no memory.
 */
int	 msgedit_join(struct msgedit *, const struct msgedit *,
	    int (*moved)(const char *name, int from_end, const void *arg),
	    const void *arg, unsigned int *passed);
/* Is the n-th field of that name, from the top or the end, another one after
 * it? */
int	 msgedit_moves(const struct msgedit *, const char *name, int from_end);

/* The message with all of it done, a new spool.  NULL with errno. */
struct spool *msgedit_apply(const struct msgedit *, const struct spool *);
/*
 * The same in slices, between which a loop does other things.  Both the changes
 * and the message stay until it is over.  step: some octets of it more; 1 it is
 * done, 0 not yet, -1 errno.  take: the new spool, once, when it is done.
 */
struct msgapply;
struct msgapply *msgapply_new(const struct msgedit *, const struct spool *);
int	 msgapply_step(struct msgapply *, size_t octets);
struct spool *msgapply_take(struct msgapply *);
void	 msgapply_free(struct msgapply *);	/* NULL is fine */

/*
 * edit_slice.c: the same from the event loop.  1: done at once, *out is it;
 * 0: done will be called, once, with the new spool, or NULL and why not; -1
 * errno.  *job: for cancel, until then.
 */
struct event_base;
struct msgslice;
int	 msgslice_begin(struct msgslice **job, struct event_base *,
	    const struct msgedit *, const struct spool *, struct spool **out,
	    void (*done)(struct spool *, int error, void *arg), void *arg);
void	 msgslice_cancel(struct msgslice *);	/* NULL is fine */

#endif
