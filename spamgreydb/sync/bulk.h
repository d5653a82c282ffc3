/*
 * What two processes of spamgreydb send each other in a bulk sync, through the
 * pipes of ssh: frames of octets, read and written by pure functions that know
 * neither descriptor nor database.  The process that a person or cron started
 * sends requests; `spamgreydb sync --server' answers each with one frame.
 * What is read is checked as if a stranger had written it.
 *
 *	frame	length[4] of what follows, type[1], body; big-endian
 *	HELLO	magic[16] version[2] then, of our version: now[8]
 *		match4[1] match6[1] admit4[1] admit6[1] helo[1]
 *							answered by HELLO
 *	START	seed[16] asof[8]			SUMS of all, one
 *	SPLIT	ranges					SUMS, 16 for each
 *	LIST	ranges					ITEMS
 *	GET	ids					STATES
 *	PUT	states (mergeio.h)			DONE
 *	END	(the server lets its database go)	DONE
 *	SUMS	count[4] sum[8], each
 *	ITEMS	for each range: n[2], n times id[8] sum[8], ids ascending
 *	STATES	how many of the ids[2] were looked up, then their states
 *	DONE	news[4] refused[4] why[2 and octets]
 *	ERROR	text, in place of an answer; the server ends
 *	range	depth[1] prefix[8]: ids whose first `depth' hexadecimal digits
 *		are the prefix's; the rest of the prefix is 0
 *
 * An id is a hash of a key under the run's seed, so ids are spread evenly and
 * each of the 16 parts of a range holds about as many.  A sum is the sum of the
 * hashes of the entries whose ids are in a range: equal on both sides if the
 * entries are equal, and different otherwise, except once in 2^64 times.
 */
#ifndef BULK_H
#define BULK_H

#include <stddef.h>
#include <stdint.h>

#define BULK_VERSION	1
#define BULK_MAGIC	"spamgreydb sync\n"	/* 16 octets */
#define BULK_MAGIC_LEN	16
#define BULK_BODY_MAX	65536
#define BULK_HEAD	5	/* octets of a frame before its body */
#define BULK_FRAME_MAX	(BULK_HEAD + BULK_BODY_MAX)
#define BULK_WAYS	16
#define BULK_DEPTH_MAX	16
#define BULK_ASK_MAX	256		/* ranges or ids in a request */
#define BULK_ITEMS_MAX	3500		/* of a LIST altogether */
#define BULK_SEED	16
#define BULK_TEXT_MAX	512

enum bulk_type {
	BULK_HELLO = 1, BULK_START, BULK_SPLIT, BULK_LIST, BULK_GET, BULK_PUT,
	BULK_END,
	BULK_SUMS = 64, BULK_ITEMS, BULK_STATES, BULK_DONE, BULK_ERROR
};

struct bulk_hello {
	uint16_t	version;	/* not ours: the rest is 0 */
	int64_t		now;
	uint8_t		match4, match6, admit4, admit6, helo;
};
struct bulk_range { uint64_t prefix; uint8_t depth; };
struct bulk_sum { uint32_t count; uint64_t sum; };
struct bulk_item { uint64_t id, sum; };
struct bulk_done {
	uint32_t	news, refused;
	char		why[BULK_TEXT_MAX];	/* the first of those refused */
};

/* A frame being made; bad latches when it does not fit. */
struct bulk_put {
	uint8_t	b[BULK_FRAME_MAX];
	size_t	len;
	int	bad;
};
void	 bulk_begin(struct bulk_put *, enum bulk_type);
void	 bulk_u16(struct bulk_put *, uint16_t);
void	 bulk_bytes(struct bulk_put *, const void *, size_t);
void	 bulk_hello(struct bulk_put *, const struct bulk_hello *);
void	 bulk_start(struct bulk_put *, const uint8_t seed[BULK_SEED],
	    int64_t asof);
void	 bulk_range(struct bulk_put *, const struct bulk_range *);
void	 bulk_id(struct bulk_put *, uint64_t);
void	 bulk_sum(struct bulk_put *, const struct bulk_sum *);
void	 bulk_item(struct bulk_put *, const struct bulk_item *);
void	 bulk_done(struct bulk_put *, const struct bulk_done *);
/* 0 and the frame is b, len; -1: it did not fit. */
int	 bulk_finish(struct bulk_put *);

/* A frame that came; get functions eat from the body. */
struct bulk_get {
	uint8_t		 type;
	const uint8_t	*p;
	size_t		 left;
};
/*
 * 1: *f is the first frame of these octets and took *used; 0: it is not complete
 * yet; -1: not a frame (an impossible length, an unknown type).
 */
int	 bulk_next(const uint8_t *, size_t len, struct bulk_get *f,
	    size_t *used);
/* 0, or -1: not there, or malformed.  The first three read whole bodies, the
 * others one item of a body. */
int	 bulk_get_hello(struct bulk_get *, struct bulk_hello *);
int	 bulk_get_start(struct bulk_get *, uint8_t seed[BULK_SEED],
	    int64_t *asof);
int	 bulk_get_done(struct bulk_get *, struct bulk_done *);
int	 bulk_get_range(struct bulk_get *, struct bulk_range *);
int	 bulk_get_id(struct bulk_get *, uint64_t *);
int	 bulk_get_u16(struct bulk_get *, uint16_t *);
int	 bulk_get_sum(struct bulk_get *, struct bulk_sum *);
int	 bulk_get_item(struct bulk_get *, struct bulk_item *);
/* The text of an ERROR, made printable; it may be empty. */
void	 bulk_get_text(const struct bulk_get *, char *, size_t);

/* The first and the last id of a range. */
uint64_t bulk_first(const struct bulk_range *);
uint64_t bulk_last(const struct bulk_range *);
/* Its i-th part of 16; depth is less than BULK_DEPTH_MAX. */
struct bulk_range bulk_part(const struct bulk_range *, unsigned int i);

#endif
