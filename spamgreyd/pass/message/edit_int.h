/*
 * What edit.c (the list of changes) and edit_*.c (a message with the
 * changes made) share.
 */
#ifndef MSGEDIT_INT_H
#define MSGEDIT_INT_H

#include "spamgreyd/pass/message/edit.h"

/* Bytes of a field's name. */
#define MSGEDIT_NAME_MAX	128

enum edit_kind { EDIT_ADD, EDIT_INSERT, EDIT_CHANGE, EDIT_DROP };
/* One change.  name and value are its own memory. */
struct edit {
	enum edit_kind	 kind;
	/*
	 * The number of the field; for DROP 1: only if the message is marked.
	 */
	unsigned int	 index;
	/* The index is counted from the end; 1 is the last one. */
	int		 from_end;
	/* The name of the field; for DROP how it begins. */
	char		*name;
	/*
	 * The value as it is written behind the colon, with its blank; NULL:
	 * the field is removed.
	 */
	char		*value;
};
struct msgedit {
	/* In the order in which they were asked for. */
	struct edit	*edit;
	size_t		 n, size;
	/* Bytes of all header text, bounded by MSGEDIT_OCTETS. */
	size_t		 octets;
	/* A new body; NULL: the body stays. */
	struct spool	*body;
	/* The body belongs to another list (msgedit_join). */
	int		 body_lent;
	/* The last byte of the body as it was given. */
	uint8_t		 body_last;
	char		*tag;
};

#endif
