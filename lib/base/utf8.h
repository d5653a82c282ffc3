/*
 * UTF-8 as pure functions, for text that strangers send: any octets may come,
 * and no function reads past the length it was given.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

#define UTF8_LEN_MAX	4	/* octets of a character */

/*
 * What the first len octets, at least one, are: 1 a character, 0 the beginning
 * of one, -1 neither (overlong forms and surrogates among them).
 */
int	 utf8_state(const char *s, size_t len);
/* The length of the character at s; 0: not a character. */
size_t	 utf8_char(const char *s, size_t len);
/* 1: all of it is characters. */
int	 utf8_is_text(const char *s, size_t len);
/*
 * The ASCII character of which the one at s, of n octets, is a fullwidth, small
 * or other form; 0: it is not such a form.  Programs that normalise text read
 * one for the other.
 */
char	 utf8_ascii(const char *s, size_t n);

#endif
