/*
 * Integers as octets, the most significant one first: the one reader and
 * writer of all big-endian forms (records on disk, datagrams, packets, frames
 * to other programs).  Pure functions that anybody may call.
 *
 * At a fixed place, be_get16() to be_get64() read and be_put16() to be_put64()
 * write; be_get and be_put take any width up to eight octets.  They check
 * nothing: the caller has made sure that the octets are there.
 *
 * For a form of several fields there are a reader and a writer with an end.
 * Nothing is read or written past the end.  An error latches in `bad', so
 * that a caller reads or writes all fields and looks at `bad' once; what a
 * reader returned before that is then worth nothing.
 */
#ifndef BE_H
#define BE_H

#include <stddef.h>
#include <stdint.h>

/* An unsigned integer of n octets, n at most 8. */
uint64_t be_get(const uint8_t *, size_t n);
/* The low n octets of v. */
void	 be_put(uint8_t *, uint64_t v, size_t n);

static inline uint16_t
be_get16(const uint8_t *p)
{
	return ((uint16_t)be_get(p, 2));
}

static inline uint32_t
be_get32(const uint8_t *p)
{
	return ((uint32_t)be_get(p, 4));
}

static inline uint64_t
be_get64(const uint8_t *p)
{
	return (be_get(p, 8));
}

static inline void
be_put16(uint8_t *p, uint16_t v)
{
	be_put(p, v, 2);
}

static inline void
be_put32(uint8_t *p, uint32_t v)
{
	be_put(p, v, 4);
}

static inline void
be_put64(uint8_t *p, uint64_t v)
{
	be_put(p, v, 8);
}

/*
 * A time on disk and on the wire: seconds since the epoch in forty bits, which
 * are enough for 34,000 years and three octets fewer than an int64_t.
 */
#define BE_TIME_LEN	5
#define BE_TIME_MAX	((INT64_C(1) << 40) - 1)

/* The caller sets p and end, and bad to 0; p moves. */
struct be_writer {
	uint8_t		*p, *end;
	int		 bad;
};
void	 be_write(struct be_writer *, uint64_t v, size_t n);
/* A time below 0 or past BE_TIME_MAX is bad. */
void	 be_write_time(struct be_writer *, int64_t);
void	 be_write_bytes(struct be_writer *, const void *, size_t len);
/* length[2] and the string without its NUL; longer than max is bad. */
void	 be_write_str(struct be_writer *, const char *, size_t max);

/* The same for reading; str is where the next string is copied to. */
struct be_reader {
	const uint8_t	*p, *end;
	char		*str;	/* the caller's: room for all strings and a NUL
				   each; NULL when no string is read */
	int		 bad;
};
uint64_t be_read(struct be_reader *, size_t n);	/* 0 when it is bad */
int64_t	 be_read_time(struct be_reader *);
void	 be_read_bytes(struct be_reader *, void *, size_t len);
/*
 * A string of len octets, copied to str with a NUL; it lives as long as the
 * caller's buffer.  "" when it is bad: too few octets, or a NUL among them.
 */
const char *be_read_text(struct be_reader *, size_t len);
/* The same with length[2] before it; longer than max is bad. */
const char *be_read_str(struct be_reader *, size_t max);
/* Octets that are left. */
size_t	 be_left(const struct be_reader *);

#endif
