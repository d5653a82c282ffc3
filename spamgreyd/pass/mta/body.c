/*
 * A message on its way to the MTA.  It is in the spool and is not copied: if no
 * line begins with a dot, it is sent from memory, with header, message and end
 * in one write.  Otherwise, or from a file, or under TLS, it goes through a
 * window of fixed size.  No more is read than the MTA accepts.
 */
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/mta/mta_int.h"

/* Bytes of room in the window for which it is worth reading from the spool. */
#define WINDOW_LEAST	(MTA_WINDOW / 8)

/*
 * Bytes of a file before they are encoded; shared, because they are used at
 * once.
 */
static uint8_t	raw[MTA_WINDOW / 2];

/*
 * Encodes the header that we add.  In the worst case each byte gets a dot.
 * Returns -1 if there is no memory.
 */
static int
add_head(struct mta_body *b, const struct buf *head)
{
	uint8_t	*p;
	size_t	 len = buf_len(head);

	if (len == 0)
		return (0);
	if ((p = buf_reserve(&b->head, 2 * len)) == NULL)
		return (-1);
	buf_grew(&b->head, smtpdata_encode(&b->enc, buf_ptr(head), len, p));
	return (0);
}

int
mta_body_init(struct mta *m, const struct buf *head,
    const struct spool *spool)
{
	struct mta_body	*b = &m->body;

	mta_body_free(m);
	b->spool = spool;
	if (head != NULL && add_head(b, head) == -1) {
		mta_body_free(m);
		return (-1);
	}
	return (0);
}

void
mta_body_free(struct mta *m)
{
	buf_free(&m->body.head);
	free(m->body.window);
	memset(&m->body, 0, sizeof(m->body));
}

/* Only a line that begins with a dot must be changed for SMTP. */
static int
has_dots(const uint8_t *mem, size_t len)
{
	return (mem[0] == '.' || memmem(mem, len, "\n.", 2) != NULL);
}

/* Returns 0 if the message can be sent straight from memory, -1 if not. */
static int
direct_begin(struct mta_body *b)
{
	const uint8_t	*mem;
	uint8_t		 scrap[4];
	size_t		 len, tail;

	mem = spool_mem(b->spool, &len);
	if (mem == NULL || len == 0 ||
	    (!spool_plain(b->spool) && has_dots(mem, len)))
		return (-1);
	b->mem = mem;
	b->len = len;
	/*
	 * The end only depends on how the last line ends, so its last two bytes
	 * are encoded again for it.
	 */
	tail = len < 2 ? len : 2;
	memset(&b->enc, 0, sizeof(b->enc));
	(void)smtpdata_encode(&b->enc, mem + len - tail, tail, scrap);
	b->endlen = smtpdata_finish(&b->enc, b->end);
	return (0);
}

/*
 * Allocates the window: as large as the message needs, but at most MTA_WINDOW.
 * Returns -1 if there is no memory.
 */
static int
window_begin(struct mta_body *b)
{
	uint64_t	want;

	want = buf_len(&b->head) + 2 * spool_size(b->spool) + 16;
	b->size = want < MTA_WINDOW ? (size_t)want : MTA_WINDOW;
	return ((b->window = malloc(b->size)) == NULL ? -1 : 0);
}

/*
 * DATA was answered with 354.  A reply that comes from now on is too early
 * until the dot is out.
 */
void
mta_body_begin(struct mta *m)
{
	struct mta_body	*b = &m->body;

	m->state = MS_BODY;
	m->flags = (m->flags | MF_STALE) & ~(unsigned int)MF_EARLY;
	if ((m->tls != NULL || direct_begin(b) == -1) &&
	    window_begin(b) == -1) {
		mta_fail(m, MTAF_MEMORY, "out of memory");
		return;
	}
	mta_wait(m, PT_BLOCK);
	mta_flush(m);
}

/* Everything is written.  What the MTA says from now on is its reply. */
static void
body_done(struct mta *m)
{
	if (!(m->flags & MF_STALE))
		m->flags |= MF_EARLY;
	mta_want_write(m, 0);
	if (m->state != MS_BODY)
		return;
	m->state = MS_DOT;
	mta_wait(m, PT_DOT);
}

/*
 * The parts of header, message and end that are not written yet.  Returns how
 * many.
 */
static int
direct_pieces(struct mta_body *b, struct iovec iov[3])
{
	const struct {
		const uint8_t	*p;
		size_t		 len;
	} piece[3] = {
		{ buf_len(&b->head) > 0 ? buf_ptr(&b->head) : NULL,
		    buf_len(&b->head) },
		{ b->mem, b->len }, { b->end, b->endlen }
	};
	size_t	skip = b->sent;
	int	i, n = 0;

	for (i = 0; i < 3; i++) {
		if (skip >= piece[i].len) {
			skip -= piece[i].len;
			continue;
		}
		/* An iovec has no const; sendmsg(2) only reads. */
		iov[n].iov_base = (void *)(uintptr_t)(piece[i].p + skip);
		iov[n++].iov_len = piece[i].len - skip;
		skip = 0;
	}
	return (n);
}

/* Sends straight from memory until the socket accepts nothing more. */
static void
direct_write(struct mta *m)
{
	struct mta_body	*b = &m->body;
	struct iovec	 iov[3];
	size_t		 w;
	int		 n;

	while ((n = direct_pieces(b, iov)) > 0) {
		if ((w = mta_write(m, iov, n)) == 0) {
			mta_want_write(m, !(m->flags & MF_WDEAD));
			return;
		}
		b->sent += w;
		mta_wait(m, PT_BLOCK);
	}
	body_done(m);
}

/*
 * Encodes the next bytes of the message into the window.  Room is counted
 * double, because encoding may double them, and 5 bytes are kept for the end.
 * Returns -1 with errno if the spool fails.
 */
static int
window_take(struct mta_body *b)
{
	const uint8_t	*mem;
	size_t		 len, room = (b->size - b->to - 5) / 2;
	ssize_t		 n;

	if ((mem = spool_mem(b->spool, &len)) != NULL) {
		mem += b->at;
		len -= (size_t)b->at;
		n = (ssize_t)(len < room ? len : room);
	} else {
		n = spool_read(b->spool, b->at, raw,
		    room < sizeof(raw) ? room : sizeof(raw));
		if (n <= 0) {
			if (n == 0)
				/* The spool is shorter than it was. */
				errno = EIO;
			return (-1);
		}
		mem = raw;
	}
	b->to += smtpdata_encode(&b->enc, mem, (size_t)n, b->window + b->to);
	b->at += (uint64_t)n;
	return (0);
}

/*
 * Fills the empty window with header and message, and with the end when all of
 * the message is in.  Returns -1 with errno if the spool fails.
 */
static int
window_fill(struct mta_body *b)
{
	uint64_t	all = spool_size(b->spool);
	size_t		n;

	b->from = b->to = 0;
	if ((n = buf_len(&b->head)) > 0) {
		if (n > b->size)
			n = b->size;
		memcpy(b->window, buf_ptr(&b->head), n);
		buf_drain(&b->head, n);
		b->to = n;
	}
	/*
	 * A few bytes of room are not worth a read of their own.  A window
	 * below full size holds the whole message at once.
	 */
	while (b->at < all && b->size - b->to >=
	    (b->size < MTA_WINDOW ? 5 + 2 : WINDOW_LEAST))
		if (window_take(b) == -1)
			return (-1);
	if (buf_len(&b->head) == 0 && b->at == all && b->size - b->to >= 5) {
		b->to += smtpdata_finish(&b->enc, b->window + b->to);
		b->ended = 1;
	}
	return (0);
}

/* Writes at most MTA_TURN bytes; then other connections have their turn. */
static void
window_write(struct mta *m)
{
	struct mta_body	*b = &m->body;
	struct iovec	 iov;
	size_t		 w, turn = 0;

	while (turn < MTA_TURN) {
		if (b->from == b->to && b->ended) {
			body_done(m);
			return;
		}
		if (b->from == b->to && window_fill(b) == -1) {
			mta_fail(m, MTAF_SPOOL, "the spool cannot be read: "
			    "%s", strerror(errno));
			return;
		}
		iov.iov_base = b->window + b->from;
		iov.iov_len = b->to - b->from;
		if ((w = mta_write(m, &iov, 1)) == 0)
			break;
		b->from += w;
		turn += w;
		mta_wait(m, PT_BLOCK);
	}
	mta_want_write(m, !(m->flags & MF_WDEAD));
}

void
mta_body_write(struct mta *m)
{
	if (m->body.window != NULL)
		window_write(m);
	else
		direct_write(m);
}
