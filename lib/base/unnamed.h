/*
 * A file without a name: it goes with its last descriptor.
 */
#ifndef UNNAMED_H
#define UNNAMED_H

/*
 * template as for mkstemp(3).  The descriptor, to read and write; *ro, unless
 * ro is NULL, is the same file once more, to read only, so that who gets it
 * cannot change it.  Safe in a directory of another user.  -1 with errno.
 */
int	 unnamed_open(char *template, int *ro);

#endif
