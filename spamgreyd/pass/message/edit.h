/*
 * Changes to a message that modules (milters, rspamd) ask for at EOM.  They are
 * kept as a list for each module, joined when all modules have answered, and
 * made in one pass over the spool into a new one.
 *
 * Modules that run side by side do not see each other's changes.  What each of
 * them means is the message as it came: the n-th field of a name, or of all, is
 * counted there, from the top (beginning with 1) or from the end, and no change
 * moves or hides a field for another change.  The lists are joined in the order
 * of the configuration, whichever module answered first.  Then:
 *
 *	a field is changed or removed by several: the last change counts; a
 *	    change of all fields of a name (index 0) is a change of each
 *	a removal is for fields that came, never for one that another change
 *	    adds before or after it; to remove all fields of a name and to
 *	    add one leaves that one, whoever asks for which
 *	several add fields: all are added, in their order; of several that are
 *	    inserted at the same place the last one is on top
 *	several change a field that does not exist: the last change's field is
 *	    added, once
 *	a new body: the last one
 *	the tag of the subject comes after all of that
 *
 * Modules that run in turn (milters; module.h) each get the message as the one
 * before has left it.  For those side by side that is the message that came.
 */
#ifndef MSGEDIT_H
#define MSGEDIT_H

#include <stddef.h>
#include <stdint.h>

#include "spamgreyd/pass/message/spool.h"

/* Changes of one message. */
#define MSGEDIT_MAX	1000
/* Bytes of all header text. */
#define MSGEDIT_OCTETS	(256 * 1024)

struct msgedit;

struct msgedit *msgedit_new(void);
void	 msgedit_free(struct msgedit *);
int	 msgedit_empty(const struct msgedit *);
/*
 * The functions below note one change.  name is a field name (RFC 5322 ftext);
 * value has no line end at its end.  A fold in it is "\n\t" or "\r\n ", as
 * milters give them, and becomes CRLF; what cannot stand in a header becomes
 * '?'.  Both are copied.  They return -1 if the name is invalid, there are too
 * many changes, or there is no memory.
 */
int	 msgedit_add(struct msgedit *, const char *name, const char *value);
/*
 * index 0 or 1: before the first field; n: before the n-th field of the message
 * as it came; more than there are: at the end.  Of two at one place the second
 * is on top (as with smfi_insheader; our own Received line is not counted).
 */
int	 msgedit_insert(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/*
 * From the end: 1 is at the end, n is above the last n - 1 fields of the
 * message as it came, more than there are is at the top.
 */
int	 msgedit_insert_last(struct msgedit *, unsigned int n, const char *name,
	    const char *value);
/*
 * value NULL removes the field. index 0 means all fields of that name; for more
 * than there are, the field is added at the end.  Of several changes of one
 * field the last one counts.
 */
int	 msgedit_change(struct msgedit *, unsigned int index, const char *name,
	    const char *value);
/* The n-th field from the end; 1 is the last one of that name. */
int	 msgedit_change_last(struct msgedit *, unsigned int n, const char *name,
	    const char *value);
/*
 * Removes every field that came and whose name begins with prefix, unless it is
 * changed by its name.  if_marked: only if the message is marked, as
 * msgedit_marked says.
 */
int	 msgedit_drop(struct msgedit *, const char *prefix, int if_marked);
void	 msgedit_marked(struct msgedit *, int marked);
/* Forgets all changes except msgedit_drop's. */
void	 msgedit_only_drops(struct msgedit *);
/*
 * The first call begins a new body, later calls continue it.  Line ends become
 * CRLF.
 */
int	 msgedit_body(struct msgedit *, const void *, size_t);
/* Puts the tag in front of the subject, unless the subject has it already. */
int	 msgedit_subject(struct msgedit *, const char *tag);

/*
 * Appends all changes of the second list to the first.  Left out are changes of
 * a field by its number (from_end: counted from the end) for which moved (NULL:
 * none) says that the number now is another field's; *passed is how many.  A
 * body stays the second's, which must outlive the first.  Returns -1 if there
 * are too many changes or no memory.
 */
int	 msgedit_join(struct msgedit *, const struct msgedit *,
	    int (*moved)(const char *name, int from_end, const void *arg),
	    const void *arg, unsigned int *passed);
/*
 * Returns 1 if after these changes the n-th field of that name, from the top or
 * from the end, may be another one.
 */
int	 msgedit_moves(const struct msgedit *, const char *name, int from_end);

/*
 * Makes the message with all changes, as a new spool of the caller.  NULL with
 * errno.
 */
struct spool *msgedit_apply(const struct msgedit *, const struct spool *);
/*
 * The same in steps, between which an event loop does other things.  Both the
 * changes and the message must stay until it is over.  msgapply_step reads at
 * least that many bytes more and returns 1 if all is done, 0 if not yet, -1
 * with errno.  msgapply_take gives the caller the new spool, once, when all is
 * done.
 */
struct msgapply;
struct msgapply *msgapply_new(const struct msgedit *, const struct spool *);
int	 msgapply_step(struct msgapply *, size_t octets);
struct spool *msgapply_take(struct msgapply *);
void	 msgapply_free(struct msgapply *);	/* NULL is fine */

/*
 * edit_slice.c: the same from the event loop.  Returns 1 if it is done already
 * and *out is the new spool; 0 if done will be called, once, with the new spool
 * or with NULL and an errno; -1 with errno.  The spool is the caller's.  *job
 * is for msgslice_cancel until then.
 */
struct event_base;
struct msgslice;
int	 msgslice_begin(struct msgslice **job, struct event_base *,
	    const struct msgedit *, const struct spool *, struct spool **out,
	    void (*done)(struct spool *, int error, void *arg), void *arg);
void	 msgslice_cancel(struct msgslice *);	/* NULL is fine */

#endif
