/*
 * The options of a module, as a table that its file has (module.h) and that
 * the configuration reads by: one row an option says which words may follow
 * its keyword, within which bounds, and what holds when the file does not have
 * it.  The same table checks the file, fills in the defaults, prints them
 * (-nv) and makes the arguments that the module gets.  Pure data; knows no
 * module and no file.
 *
 * The words of `form' are separated by blanks:
 *
 *	%n	a number
 *	%t	a time with its unit, "30s"; the argument is in milliseconds
 *	%z	a size with its unit, "50M"; in bytes
 *	%p	points, a decimal number, "-0.5"; in thousandths
 *	%r	a rate, "%n per %t", as two arguments
 *	%s	a string
 *	%a	an address or a network in CIDR notation
 *	%w	one of the words in `words' ("a|b|c")
 *	%*	any words in braces, each an argument ("=" too; "{" is not
 *		allowed among them)
 *	[ ]	what is between them may be left out.  It is taken when the next
 *		word of the file fits the first element (a string fits only
 *		when it is quoted).  Several may follow each other.
 *	else	that very word
 *
 * The form "" is a flag: the keyword stands alone.  All of an option is on one
 * line, except what is in braces.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdint.h>

#include "lib/base/addr.h"

struct module_option {
	const char	*keyword;	/* NULL ends the table */
	const char	*form;
	const char	*words;		/* for %w */
	/*
	 * Bounds for each value of the kind that comes first in form: a number
	 * as it is, a time in ms, a size in bytes, points in thousandths.  Both
	 * 0: no bounds.
	 */
	int64_t		 min, max;
	const char	*def;		/* the default, written as in the file;
					   "": none */
	int		 many;		/* may be given several times */
	int		 can_be_off;	/* "KEYWORD no" turns it off: the module
					   gets no arguments, and off is 1 */
	const char	*help;		/* one line */
};

enum arg_kind {
	ARG_NUMBER, ARG_TIME, ARG_SIZE, ARG_POINTS, ARG_STRING, ARG_PREFIX,
	ARG_WORD
};

/* One word behind the keyword, read by the form. */
struct module_arg {
	enum arg_kind	 kind;
	int64_t		 n;		/* NUMBER; TIME: ms; SIZE: bytes; POINTS:
					   thousandths */
	const char	*s;		/* the word itself, of every kind; valid
					   during the call only */
	int		 braced;	/* it stood in the braces of %* */
	struct prefix	 prefix;	/* PREFIX */
};

#endif
