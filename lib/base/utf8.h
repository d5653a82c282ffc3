/*
 * UTF-8 as pure functions, of what strangers send.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The length of the character at s; 0: the octets are none. */
size_t	 utf8_char(const char *s, size_t len);
int	 utf8_is_text(const char *s, size_t len);
/*
 * The ASCII character that the one at s, of n octets, is a fullwidth, small or
 * other form of; 0: it is no such form.  Programs that normalise text read one for
 * the other.
 */
char	 utf8_ascii(const char *s, size_t n);

#endif
