/*
 * Between edit.c (the list of changes) and edit_apply.c (what is made of
 * a message by them) only.
 */
#ifndef MSGEDIT_INT_H
#define MSGEDIT_INT_H

#include "spamgreyd/pass/message/edit.h"

#define MSGEDIT_NAME_MAX	128	/* octets of a field's name */

enum edit_kind { EDIT_ADD, EDIT_INSERT, EDIT_CHANGE, EDIT_DROP };
struct edit {
	enum edit_kind	 kind;
	unsigned int	 index;		/* DROP: 1 of a marked message alone */
	int		 from_end;	/* index 1 is the last one */
	char		*name;		/* DROP: how it begins */
	char		*value;		/* as it is to stand there, with the blank
					   after the colon; NULL: deleted */
};
struct msgedit {
	struct edit	*edit;		/* in the order they were asked for */
	size_t		 n, size;
	size_t		 octets;
	struct spool	*body;		/* NULL: stays as it is */
	int		 body_lent;	/* it is another's */
	uint8_t		 body_last;	/* its last octet, as it was given */
	char		*tag;
};

#endif
