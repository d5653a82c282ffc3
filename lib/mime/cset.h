/*
 * The character sets of mail, to UTF-8, in pieces.  Known are those in which
 * the octets of ASCII can mean something else (UTF-16, UTF-32, UTF-7, EBCDIC,
 * the shifts of ISO 2022 and HZ), and those of western Europe.  Of any other
 * set that contains ASCII, the octets of ASCII stay and each other octet
 * becomes '?'.  Pure functions; nothing is refused.
 */
#ifndef MIMECSET_H
#define MIMECSET_H

#include <stddef.h>
#include <stdint.h>

struct mimecset {
	uint8_t		kind;
	uint8_t		little;		/* octet order of UTF-16 and -32 */
	uint8_t		begun;
	uint8_t		shifted;	/* UTF-7, ISO 2022, HZ */
	uint8_t		nheld;
	uint8_t		held[4];
	uint32_t	bits;		/* UTF-7 */
	uint8_t		nbits;
	uint16_t	high;		/* half of a pair of UTF-16 */
};

/* little: the octet order of UTF-16 and UTF-32 where neither the name nor the
 * first octets say it: readers differ. */
void	 mimecset_init(struct mimecset *, const char *name, size_t len,
	    int little);
/* Is the name known?  If not, its octets may mean anything. */
int	 mimecset_known(const char *name, size_t len);
/* Can the octets of ASCII mean something else in it, also those of a line
 * end? */
int	 mimecset_is_wide(const char *name, size_t len);
/* Has it two octet orders, neither of them named? */
int	 mimecset_has_orders(const char *name, size_t len);

#define MIMECSET_ROOM(len)	(4 * (len) + 16)
/* dst has MIMECSET_ROOM(len).  Returns its octets; src NULL: the end. */
size_t	 mimecset_feed(struct mimecset *, const uint8_t *src, size_t len,
	    char *dst);

#endif
