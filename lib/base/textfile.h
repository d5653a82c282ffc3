/*
 * What editors of other systems leave in text files: a byte order mark, lines
 * that end in CR LF.  Pure functions, for those who read configuration files
 * and lists.
 */
#ifndef TEXTFILE_H
#define TEXTFILE_H

#include <stddef.h>

/* How many octets the byte order mark at the head of a UTF-8 text has: 3, or 0
 * without one. */
size_t	 text_bom(const char *text, size_t len);
/* How many octets a backslash and the end of its line have, which is LF or CR
 * LF; 0: no joined line begins here. */
size_t	 text_joined(const char *s, size_t len);

#endif
