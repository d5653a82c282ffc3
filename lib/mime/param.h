/*
 * The parameters of Content-Type and Content-Disposition, in each way in which
 * some reader of mail reads them: with comments and without, a value to the
 * next semicolon or to the next blank, a missing semicolon, quotes without an
 * end, pieces (RFC 2231) in their order or as they stand there, with holes,
 * and more. Pure but for the memory of a copy of the value.
 */
#ifndef MIMEPARAM_H
#define MIMEPARAM_H

#include <stddef.h>
#include <stdint.h>

#include "lib/mime/mime.h"

struct mimeparam_list {
	char		(*v)[MIME_NAME_MAX];	/* the caller's: room for max */
	unsigned int	 n, max;
	int		 past;		/* one has no room, or is too long */
	int		 unknown;	/* one is in an unknown character set */
	uint64_t	 work;		/* octets that were looked at for it */
	void		**memory;	/* kept from one call to the next, if not
					   NULL; zeroed at the beginning */
};

/* Names of files, as UTF-8; what is there already is not added again.  All
 * return -1 without memory. */
int	 mimeparam_names(const char *value, size_t len, const char *parameter,
	    struct mimeparam_list *);
/* Values as they are; *plain: it stands there without RFC 2231 too. */
int	 mimeparam_values(const char *value, size_t len, const char *parameter,
	    struct mimeparam_list *, int *plain);
/* What stands before the parameters, in lower case: to the first ';' without
 * blanks and comments, and the first word. */
int	 mimeparam_heads(const char *value, size_t len,
	    struct mimeparam_list *);
/* One more reading, unless it is there already. */
void	 mimeparam_add(struct mimeparam_list *, const char *, size_t len);

/* Frees what *memory has come to; NULL is fine. */
void	 mimeparam_free(void *memory);

/* name.c: a name as readers make a file's name of it: without control
 * characters or up to NUL, without marks of direction, quotes and a path. */
void	 mimename_add(struct mimeparam_list *, const char *, size_t len);

#endif
