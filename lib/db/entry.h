/*
 * An entry of the database: its form in memory, on disk, and as a line.
 *
 * On disk, integers big-endian, times 40 bits:
 *	key	GREY	'g' net[16] hash[8]	hash: siphash of the normalised
 *						tuple, under the database's key;
 *						last of all types, so that keys that
 *						come in order fill pages to the end
 *		WHITE	'W' host[16]		host: address cut to `admit'
 *		TRAPPED	'T' host[16]
 *		SPAMTRAP 'S' address, lower case, no brackets
 *		STAMP	'D' host[16]		when the host was demoted
 *		VISIT	'P' net[16]		last visit at the primary MX
 *		REPUTE	'R' host[16]		good and bad messages of the host
 *		META	'M' name		the database's own facts
 *		GONE	'X' and the key of what was deleted: a tombstone
 *	data	version[1] flags[1] first[5] pass[5] expire[5] block[4]
 *		passed[4] addr[4|16] last[5] gen[5] (each if its flag says so)
 *		of WHITE then, if its flag says so: reason[1], and the sender
 *		and the recipient that it is for, each length[2] and bytes
 *		then:
 *		GONE	gone[5] was[5], then as what it was
 *		GREY	helo from to, each length[2] and bytes
 *		TRAPPED	reason[1]
 *		any but GREY and META may end in a comment, length[2] and bytes
 * `version' is 3.  A higher one is refused.  Version 2 lacks the reason of
 * WHITE, and version 1 last and gen (and GONE) too: they are read, and written
 * back as 3 when the entry is next written.  A
 * `last' that is not there is what entry_guess_last makes of the other times,
 * so that most entries need none.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/be.h"

#define ENTRY_VERSION	3
#define ENTRY_STR_MAX	1023	/* octets of helo, from, to kept, as spamd */
#define ENTRY_KEY_MAX	(1 + MAILADDR_KEY_MAX)
#define MAILADDR_KEY_MAX 1024
#define ENTRY_DATA_MAX	4096
#define ENTRY_LINE_MAX	16384	/* a printed line: each octet may be \xHH */

enum entry_type {
	ENTRY_GREY = 'g',
	ENTRY_WHITE = 'W',
	ENTRY_TRAPPED = 'T',
	ENTRY_SPAMTRAP = 'S',
	ENTRY_STAMP = 'D',
	ENTRY_VISIT = 'P',
	ENTRY_REPUTE = 'R',
	ENTRY_META = 'M',
	ENTRY_GONE = 'X'
};

#define ENTRY_F_IP6	1	/* addr is 16 octets */
#define ENTRY_F_GEN	2	/* gen is there; else 0 */
#define ENTRY_F_LAST	4	/* last is there; else entry_guess_last */
#define ENTRY_F_WHY	8	/* WHITE: its reason is there */
#define ENTRY_EXPIRE_OFF	12	/* of `expire' in the data */

struct entry {
	enum entry_type	 type;
	struct addr	 net;		/* GREY, VISIT: cut to `match'; else to `admit' */
	uint64_t	 hash;		/* GREY */
	struct addr	 addr;		/* the full address last seen or given */
	int64_t		 first;
	int64_t		 pass;
	int64_t		 expire;	/* 0: never */
	uint32_t	 block;		/* times refused; REPUTE: bad messages */
	uint32_t	 passed;	/* times passed; REPUTE: good messages */
	uint8_t		 reason;	/* TRAPPED: enum trap_reason; WHITE: enum
					   white_reason */
	/* For merging with what other machines know; see merge.h. */
	int64_t		 last;		/* when it was last asserted */
	int64_t		 gen;		/* the deletion after which it began; 0 */
	/* GONE: what is gone, when it went, and its own expiry then (`expire'
	 * is the tombstone's); last 0: nothing is known but that it is gone. */
	enum entry_type	 of;
	int64_t		 gone;
	int64_t		 was;
	/* Borrowed strings, never NULL; "" where the type has none. */
	const char	*helo;
	const char	*from;		/* GREY: as the client gave it, with brackets */
	const char	*to;		/* both of WHITE too, for its reason */
	const char	*rcpt;		/* SPAMTRAP: the address */
	const char	*comment;
};

#define ENTRY_TIME_MAX	BE_TIME_MAX

struct entry_key { uint8_t b[ENTRY_KEY_MAX]; size_t len; };
struct entry_data { uint8_t b[ENTRY_DATA_MAX]; size_t len; };

void	 entry_init(struct entry *, enum entry_type);
/* 0; -1: does not fit (a string longer than its maximum). */
int	 entry_encode(const struct entry *, struct entry_key *,
	    struct entry_data *);
int	 entry_encode_key(const struct entry *, struct entry_key *);
/* Only a key, as entry_encode_key made it; strbuf holds ENTRY_KEY_MAX. */
int	 entry_decode_key(const void *, size_t, struct entry *, char *strbuf);
/*
 * strbuf (ENTRY_DATA_MAX + ENTRY_KEY_MAX) receives the strings, which the
 * entry then borrows.  0; -1 malformed; -2 a version newer than ours.
 */
int	 entry_decode(const void *key, size_t keylen, const void *data,
	    size_t datalen, struct entry *, char *strbuf);
/* When an entry without `last' was last asserted; at least 1. */
int64_t	 entry_guess_last(const struct entry *);
/* Only the expiry, from raw data; 0 none or malformed. For the index. */
int64_t	 entry_raw_expire(const void *data, size_t datalen);

/*
 * One line in spamdb's form, without newline; see spamgreydb(8).  Returns
 * its length; dst holds ENTRY_LINE_MAX.  STAMP, VISIT, REPUTE, META and GONE:
 * 0, no line.
 */
size_t	 entry_line(const struct entry *, char *dst);
/*
 * Peer text as a field of such a line, and back in place: '|', '\', control
 * characters and octets from 0x7f on as \xHH.  dst holds four times the text
 * and a NUL.  get: -1 when a NUL comes out.
 */
size_t	 entry_put_text(char *dst, const char *);
int	 entry_get_text(char *);
/* Digits and nothing else, from 0 to max; -1. */
int	 entry_get_number(const char *, int64_t max, int64_t *);
/*
 * A line of spamdb's output (ours or OpenBSD's) back to an entry; the line
 * is changed, and the entry borrows from it.  net and hash are not set.
 * 0, or -1 and *why.
 */
int	 entry_parse_line(char *line, struct entry *, const char **why);

#endif
