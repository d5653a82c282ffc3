/*
 * A line of an address list, as people and spamd-setup(8) write them: an
 * address, a network (192.0.2.0/24) or a range (192.0.2.1 - 192.0.2.9), IPv4
 * or IPv6.  What stands behind it is ignored; "#" and ";" begin a comment. A
 * pure function.
 */
#ifndef LISTLINE_H
#define LISTLINE_H

#include <stddef.h>

#include "lib/base/addr.h"

enum listline {
	LISTLINE_NONE,		/* blank, or a comment */
	LISTLINE_RANGE,		/* from *lo to *hi, IPv4 if lo is; an IPv6
				   network such as ::/80 may end in the
				   IPv4-mapped block */
	LISTLINE_BAD		/* *error says why */
};

#define LISTLINE_ALL	1	/* flags: a network of all addresses (/0) is one */

/*
 * The line without its end; it may hold any octets.  lo and hi are set only
 * with RANGE, *error (a constant, to follow the line itself) only with BAD.
 */
enum listline listline_parse(const char *line, size_t len, int flags,
	    struct addr *lo, struct addr *hi, const char **error);

#endif
