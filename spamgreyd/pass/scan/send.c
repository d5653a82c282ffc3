/*
 * A request as one sequence of bytes, of which any part can be made again.  So
 * the bytes that a slow scanner has not accepted need no memory; they are in
 * the spool.  Except for the spool, and for the one call that sends a
 * descriptor, this is pure.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spamgreyd/pass/scan/scan_int.h"

/* Bytes of the length in front of a chunk. */
#define PREFIX	4
/* Bytes of a chunk's data; all chunks but the last one are of this size. */
#define CHUNK	(SCAN_WINDOW - PREFIX)

static uint64_t
message_len(const struct scan_request *r)
{
	return (buf_len(&r->before) +
	    (r->spool == NULL ? 0 : spool_size(r->spool)));
}

/*
 * The length of the message as it is sent: with a length in front of each
 * chunk, and a length of 0 at the end.
 */
static uint64_t
body_len(const struct scan_request *r)
{
	uint64_t	m = message_len(r);

	switch (r->how) {
	case SCAN_RAW:
		return (m);
	case SCAN_CHUNKED:
		return (m + PREFIX * ((m + CHUNK - 1) / CHUNK) + PREFIX);
	default:
		return (0);
	}
}

uint64_t
request_len(const struct scan_request *r)
{
	return (buf_len(&r->head) + body_len(r) + buf_len(&r->tail));
}

/* Copies bytes of a buffer from position `at' on. */
static size_t
take(const struct buf *b, uint64_t at, uint8_t *dst, size_t room)
{
	size_t	n = buf_len(b) - (size_t)at;

	if (n > room)
		n = room;
	if (n > 0)
		memcpy(dst, buf_ptr(b) + at, n);
	return (n);
}

/*
 * Copies len bytes of the message, `before' included.  Returns -1 with errno if
 * the spool has fewer or cannot be read.
 */
static int
message_take(const struct scan_request *r, uint64_t at, uint8_t *dst,
    size_t len)
{
	size_t	before = buf_len(&r->before), n;
	ssize_t	got;

	if (at < before) {
		n = take(&r->before, at, dst, len);
		dst += n;
		len -= n;
		at += n;
	}
	while (len > 0) {
		if ((got = spool_read(r->spool, at - before, dst, len)) <= 0) {
			if (got == 0)
				errno = EIO;
			return (-1);
		}
		dst += got;
		at += (uint64_t)got;
		len -= (size_t)got;
	}
	return (0);
}

/* Copies the bytes of a chunk's length from byte i on. */
static size_t
length_take(uint32_t len, size_t i, uint8_t *dst, size_t room)
{
	size_t	n = 0;

	for (; i < PREFIX && n < room; i++)
		dst[n++] = (uint8_t)(len >> (8 * (PREFIX - 1 - i)));
	return (n);
}

/*
 * Copies bytes of the chunked message.  All positions can be calculated,
 * because the chunks are of one size.
 */
static ssize_t
chunks_take(const struct scan_request *r, uint64_t at, uint8_t *dst,
    size_t room)
{
	uint64_t	m = message_len(r), end = body_len(r) - PREFIX, from;
	uint32_t	len;
	size_t		n = 0, k, inside;

	for (; n < room && at < end + PREFIX; n += k, at += k) {
		if (at >= end) {
			k = length_take(0, (size_t)(at - end), dst + n,
			    room - n);
			continue;
		}
		/*
		 * The chunk's position in the message, and the position within
		 * the chunk.
		 */
		from = at / (CHUNK + PREFIX) * CHUNK;
		inside = (size_t)(at % (CHUNK + PREFIX));
		len = m - from < CHUNK ? (uint32_t)(m - from) : CHUNK;
		if (inside < PREFIX) {
			k = length_take(len, inside, dst + n, room - n);
			continue;
		}
		k = len - (inside - PREFIX);
		if (k > room - n)
			k = room - n;
		if (message_take(r, from + inside - PREFIX, dst + n, k) == -1)
			return (-1);
	}
	return ((ssize_t)n);
}

/* Copies bytes of the message in the form that `how' says. */
static ssize_t
body_take(const struct scan_request *r, uint64_t at, uint8_t *dst,
    size_t room)
{
	uint64_t	left = body_len(r) - at;

	if (left < room)
		room = (size_t)left;
	if (r->how == SCAN_CHUNKED)
		return (chunks_take(r, at, dst, room));
	if (message_take(r, at, dst, room) == -1)
		return (-1);
	return ((ssize_t)room);
}

/*
 * head, body and tail follow each other; a call may copy parts of all three.
 * With SCAN_FD_MESSAGE it stops after head, because the next byte goes with the
 * descriptor.
 */
ssize_t
request_fill(const struct scan_request *r, uint64_t at, uint8_t *dst,
    size_t room)
{
	uint64_t	head = buf_len(&r->head), body = body_len(r);
	size_t		n = 0;
	ssize_t		k;

	if (at < head) {
		n = take(&r->head, at, dst, room);
		at += n;
		if (r->how == SCAN_FD_MESSAGE)
			return ((ssize_t)n);
	}
	if (at < head + body && n < room) {
		if ((k = body_take(r, at - head, dst + n, room - n)) == -1)
			return (-1);
		n += (size_t)k;
		at += (size_t)k;
	}
	if (at >= head + body && at < request_len(r) && n < room)
		n += take(&r->tail, at - head - body, dst + n, room - n);
	return ((ssize_t)n);
}

/* The union aligns the control message; see cmsg(3). */
int
request_send_fd(const struct scan_request *r, int sock, int fd)
{
	union {
		struct cmsghdr	hdr;
		char		room[CMSG_SPACE(sizeof(int))];
	}		 control;
	struct msghdr	 msg;
	struct cmsghdr	*c;
	struct iovec	 iov;

	memset(&msg, 0, sizeof(msg));
	memset(&control, 0, sizeof(control));
	iov.iov_base = buf_ptr(&r->tail);
	iov.iov_len = 1;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control.room);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return (sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1);
}

void
request_clear(struct scan_request *r)
{
	buf_free(&r->head);
	buf_free(&r->before);
	buf_free(&r->tail);
	memset(r, 0, sizeof(*r));
}
