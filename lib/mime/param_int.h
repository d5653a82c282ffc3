/*
 * What param.c (where a parameter stands) and value.c (how its value is read)
 * share; nobody else includes this.
 */
#ifndef LIB_MIME_PARAM_INT_H
#define LIB_MIME_PARAM_INT_H

#include <stddef.h>

#include "lib/mime/param.h"

#define HITS_MAX	32		/* of one parameter in a copy */
#define READINGS	5		/* of one hit's value */
#define VALUE_MAX	4096		/* octets of one */
#define PIECE_MAX	9999		/* number of a piece */

/* "name=", "name*=", "name*3=", "name*3*=" */
struct hit {
	unsigned int	 piece;
	int		 pieces, coded;
	const char	*value;
};
struct hits {
	struct hit	 v[HITS_MAX];
	unsigned int	 n;
	const char	*end;
};
/* Octets of a value; NUL may be among them. */
struct octets {
	char		 s[VALUE_MAX];
	size_t		 len;
};
/*
 * What is looked for, and memory for what is found: too much for a stack, and
 * kept from one parameter to the next.
 */
struct want {
	struct mimeparam_list	*list;
	int			 names;		/* else values as they are */
	int			 plain;
	struct hits		 hits;
	struct octets		 o[READINGS], all;
	struct octets		*piece;		/* of each hit, if some are */
};

/* What readers strip; Python also strips the separators and form feeds. */
int	 param_is_blank(char);
/* Past blanks; end at the latest. */
const char *param_skip_blanks(const char *p, const char *end);
/* The first octet of `stop' from p on, or end. */
const char *param_to(const char *p, const char *end, const char *stop);
/* Adds an octet; one that has no room is left out, and o is then full. */
void	 param_octet(struct octets *, char);
/* The ways to read the value of a hit; returns how many, at most READINGS. */
unsigned int param_readings(struct want *, const struct hit *,
	    struct octets o[READINGS]);
/* %XX to octets, in place; returns the new length. */
size_t	 param_percent(char *, size_t len);
/* Takes one reading of a value: a name in all its spellings, or as it is. */
void	 param_value(struct want *, struct octets *, int is_coded);

#endif
