/*
 * Letters, digits and words of ASCII, in any locale.  Protocols and file
 * formats are written in ASCII, and isalpha(3), tolower(3) and strcasecmp(3)
 * follow the locale of the process; these do not.  Anybody may call them; they
 * are pure functions, keep nothing and take any octet, also one of a signed
 * char.
 *
 * A "text" here is a pointer and a length, without a NUL at its end; a "word"
 * is a string constant of the caller's.
 */
#ifndef ASCII_H
#define ASCII_H

#include <stddef.h>

static inline int
ascii_is_digit(int c)
{
	return (c >= '0' && c <= '9');
}

static inline int
ascii_is_alpha(int c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

static inline int
ascii_is_alnum(int c)
{
	return (ascii_is_alpha(c) || ascii_is_digit(c));
}

/* What separates words on a line: a space or a tab. */
static inline int
ascii_is_blank(int c)
{
	return (c == ' ' || c == '\t');
}

/* A control character of ASCII, DEL among them; no octet from 0x80 on. */
static inline int
ascii_is_control(char c)
{
	return ((unsigned char)c < 0x20 || c == 0x7f);
}

static inline char
ascii_lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
}

/* The value of a hexadecimal digit in either case; -1: not a digit. */
static inline int
ascii_hex(int c)
{
	if (ascii_is_digit(c))
		return (c - '0');
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* The hexadecimal digit, in lower case, of the low four bits of v. */
static inline char
ascii_hex_digit(unsigned int v)
{
	return ("0123456789abcdef"[v & 0xf]);
}

/* Puts the string into lower case, in place. */
void	 ascii_lower_str(char *);
/* 1: the first len octets of both are the same, in any case. */
int	 ascii_same(const char *, const char *, size_t len);
/* 1: the text is the word, in any case. */
int	 ascii_equal(const char *text, size_t len, const char *word);
/* 1: the text begins with the word, in any case. */
int	 ascii_begins(const char *text, size_t len, const char *word);

#define ASCII_ESCAPE_LEN	4	/* octets of "\xHH" */
/* Writes the octet as "\xHH", without a NUL; returns the end of it. */
char	*ascii_escape(char *dst, unsigned char c);

#endif
