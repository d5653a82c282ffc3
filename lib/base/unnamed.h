/*
 * A file without a name: its memory is freed with its last descriptor.  For
 * images and spooled messages that are handed to another process.
 */
#ifndef UNNAMED_H
#define UNNAMED_H

/*
 * template as for mkstemp(3).  The descriptor, to read and write; *ro, unless
 * ro is NULL, is the same file once more, to read only, so that a
 * process that gets it cannot change the file.  Safe in a directory of another
 * user.  -1 with errno.
 */
int	 unnamed_open(char *template, int *ro);

#endif
