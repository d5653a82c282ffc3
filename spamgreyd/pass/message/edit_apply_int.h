/*
 * What edit_apply.c (a message with its changes, read and written),
 * edit_plan.c (which change belongs to which field) and edit_write.c (bytes and
 * fields that are written) share.  A struct msgapply is one message; all of it
 * belongs to edit_apply.c, which makes and frees it.
 */
#ifndef MSGEDIT_APPLY_INT_H
#define MSGEDIT_APPLY_INT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/mime/hdrline.h"
#include "spamgreyd/pass/message/edit_int.h"

/* Bytes that are written at once. */
#define OUT_CHUNK	16384

/*
 * Where in the message the next byte is: at the beginning of a line, in a
 * field, or in the body.
 */
enum where { AT_LINE, IN_FIELD, IN_BODY };
/* What becomes of the field whose text comes. */
enum todo { TODO_KEEP, TODO_DROP, TODO_SUBJECT };
enum phase { COUNTING, MAKING, NEW_BODY, DONE };

/*
 * The changes of the fields of one name, and how many fields of that name there
 * were so far.
 */
struct named {
	const char	*name;
	/* The range of its changes in msgapply.changes. */
	size_t		 first, n;
	unsigned int	 seen;
};
struct msgapply {
	const struct msgedit	*e;
	const struct spool	*in;
	struct spool		*out;
	enum phase		 phase;
	/* The position up to which the message, or the new body, was read. */
	uint64_t		 at;
	/* A copy of e's changes, with all indices counted from the top. */
	struct edit		*edit;
	/* errno of the first failure; nothing is written after it. */
	int			 error;
	uint8_t			 chunk[OUT_CHUNK];
	size_t			 fill;
	/* The last byte that was written. */
	uint8_t			 last;
	enum where		 where;
	enum todo		 todo;
	struct hdrline		 line;
	/* The beginning of a line of which it is not known yet what it is. */
	uint8_t			 held[HDRLINE_MAX];
	size_t			 nheld;
	unsigned int		 fields;
	/* By position; of one position the newer change first. */
	const struct edit	**inserts;
	size_t			 ninserts, inserted;
	/* By name, index and age. */
	const struct edit	**changes;
	size_t			 nchanges;
	struct named		*names;
	size_t			 nnames;
	/* Removals by the beginning of the name. */
	const struct edit	**drops;
	size_t			 ndrops;
	/* By the number of the change: its field is added at the end. */
	uint8_t			*wanted;
	/* The subject from its name on, while it is collected. */
	struct buf		 subject;
	/* The tag is in the new header. */
	int			 tagged;
};

/* edit_plan.c */
/* Allocates all lists for the number of changes; -1: no memory. */
int	 msgapply_alloc(struct msgapply *);
/* Sorts the changes into the lists, and says which phase is the first. */
void	 msgapply_prepare(struct msgapply *);
/* The fields were counted: indices from the end become indices from the top. */
void	 msgapply_counted(struct msgapply *);
/* The changes of the fields of that name; NULL: it has none. */
struct named *msgapply_named(struct msgapply *, const char *name);
/* The newest change for that number of the name; NULL: there is no change. */
const struct edit *msgapply_change_of(const struct msgapply *,
	    const struct named *, unsigned int index);

/* edit_write.c: what fails is noted in error, and nothing is written after it. */
void	 msgapply_flush(struct msgapply *);
void	 msgapply_put(struct msgapply *, const void *, size_t);
void	 msgapply_put_str(struct msgapply *, const char *);
/*
 * A subject with its tag: field is the whole field without its last CRLF, its
 * value begins at `at'.
 */
void	 msgapply_put_subject(struct msgapply *, const char *field, size_t len,
	    size_t at);
void	 msgapply_put_edit(struct msgapply *, const struct edit *);
/* The collected subject is complete, or too long to be collected. */
void	 msgapply_subject_end(struct msgapply *);
void	 msgapply_subject_give_up(struct msgapply *);

#endif
