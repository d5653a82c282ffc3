/*
 * The messages of the tests that compare bytes.  A seed and a number always
 * give the same message, so the program that sends it and the one that checks
 * it share only the number, which is in the envelope (m123@example.com).
 * Sizes are log-uniform from 1 byte to 1 MB, and 10 MB for the last messages.
 * The first messages are special cases, written by hand.  CR and LF occur only
 * as CRLF.  Everything else occurs: 8-bit and control characters, NUL, dots and
 * very long lines.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <err.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_LARGE	(10 * 1000 * 1000)
#define MESSAGE_BY_HAND	24

struct message {
	uint8_t	*data;		/* before dot-stuffing; ends in CRLF or is empty */
	size_t	 len;
};

static uint64_t	message_state;

/* splitmix64 */
static inline uint64_t
message_random(void)
{
	uint64_t	z = (message_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

static inline uint64_t
message_below(uint64_t n)
{
	return (message_random() % n);
}

/* Appends n random bytes from first to last, without CR and LF. */
static inline void
message_octets(uint8_t *p, size_t len, unsigned int first, unsigned int last)
{
	unsigned int	range = last - first + 1;
	uint64_t	r = 0;
	size_t		i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0)
			r = message_random();
		p[i] = (uint8_t)(first + (r & 0xff) % range);
		r >>= 8;
		if (p[i] == '\r' || p[i] == '\n')
			p[i] = 'x';
	}
}

/* Appends one line without its end, at most max bytes long. */
static inline size_t
message_line(uint8_t *p, size_t max)
{
	static const char *const	words[] = { ".", "..", "...", "QUIT",
		"RSET", "DATA", "From you", ". ", ".\t", "MAIL FROM:<x@y>",
		"250 ok", " folded", "Content-Type: text/plain", "--", "" };
	uint64_t			kind = message_below(100);
	const char			*word;
	size_t				len, dots;

	if (kind < 14) {
		word = words[message_below(sizeof(words) / sizeof(words[0]))];
		len = strlen(word) < max ? strlen(word) : max;
		memcpy(p, word, len);
		return (len);
	}
	if (kind < 16)
		len = (size_t)exp2((double)message_below(180) / 10);
	else if (kind < 30)
		len = message_below(1001);
	else
		len = message_below(79);
	if (len > max)
		len = max;
	if (kind < 40)
		message_octets(p, len, 0x80, 0xff);
	else if (kind < 48)
		message_octets(p, len, 0, 0xff);
	else if (kind < 52)
		message_octets(p, len, 0, 0x1f);
	else
		message_octets(p, len, 0x20, 0x7e);
	if (kind % 9 == 0) {
		dots = 1 + message_below(3);
		memset(p, '.', dots < len ? dots : len);
	}
	return (len);
}

static inline void
message_alloc(struct message *m, size_t len)
{
	m->len = 0;
	if ((m->data = malloc(len + 2)) == NULL)
		err(1, NULL);
}

/* Appends the same byte n times, and CRLF. */
static inline void
message_repeat(struct message *m, int c, size_t n)
{
	message_alloc(m, n);
	memset(m->data, c, n);
	memcpy(m->data + n, "\r\n", 2);
	m->len = n + 2;
}

static inline void
message_text(struct message *m, const char *text)
{
	message_alloc(m, strlen(text));
	memcpy(m->data, text, strlen(text));
	m->len = strlen(text);
}

static inline void
message_by_hand(struct message *m, unsigned int id)
{
	static const char *const	texts[] = { "", "\r\n", ".\r\n",
		"..\r\n", "...\r\n", ".\r\n.\r\n", "\r\n.\r\n", ".a\r\n",
		"\r\n\r\n\r\n", "Subject: no body\r\n", " begins folded\r\n",
		": no name\r\n", "Subject: x\r\n\r\n.\r\n.\r\nQUIT\r\n" };
	static const size_t		lengths[] = { 76, 998, 999, 1000,
		1001, 2047, 4096, 16384, 65536, 131072, 1000000 };
	size_t				n = sizeof(texts) / sizeof(texts[0]);

	if (id < n)
		message_text(m, texts[id]);
	else
		message_repeat(m, id % 2 ? 'x' : '.', lengths[id - n]);
}

/*
 * Makes message number id of that seed.  The first n messages are of any size,
 * those after them are large.  The caller frees m->data.
 */
static inline void
message_make(struct message *m, uint64_t seed, unsigned int id, unsigned int n)
{
	size_t	size, len;

	if (id < MESSAGE_BY_HAND && id < n) {
		message_by_hand(m, id);
		return;
	}
	message_state = seed * 0x2545f4914f6cdd1dULL + id;
	size = id >= n ? MESSAGE_LARGE :
	    (size_t)pow(1e6, (double)message_below(1000001) / 1e6);
	message_alloc(m, size + 256);
	/* Most have a header.  A message without one is relayed, too. */
	if (size > 200 && message_below(8) != 0)
		m->len = (size_t)snprintf((char *)m->data, size, "From: "
		    "<m%u@example.com>\r\nTo: <you@example.org>\r\nSubject: "
		    "message %u\r\nMessage-Id: <%u.%ju@example.com>\r\n\r\n",
		    id, id, id, (uintmax_t)seed);
	while (m->len < size) {
		len = message_line(m->data + m->len, size - m->len);
		m->len += len;
		memcpy(m->data + m->len, "\r\n", 2);
		if (m->len < size)
			m->len += 2;
	}
	/* Cut it to its size, and end it with CRLF again. */
	m->len = size;
	if (m->data[size - 1] == '\r')
		m->data[size - 1] = 'x';
	memcpy(m->data + size, "\r\n", 2);
	m->len = size + 2;
}

#endif
