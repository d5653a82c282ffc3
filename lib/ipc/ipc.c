/*
 * Frames over a stream socket; see ipc.h.  Nothing in a frame is trusted: its
 * length is checked before its body is waited for, and a descriptor that
 * nobody asked for is closed.
 *
 * The output buffer holds the whole frames that wait, `open' octets of them,
 * and behind them the frame being made.  `sent' counts all octets ever
 * written, so that the place of a descriptor among them stays right while the
 * buffer moves.
 *
 * A descriptor travels with the first octet of its frame.  The kernel ends a
 * read after the piece that carried one, but may put earlier octets before it;
 * so descriptors are matched by order alone to the frames that are flagged for
 * one, and one that got lost (MSG_CTRUNC) keeps its place as -1.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/ascii.h"
#include "lib/ipc/ipc.h"

#define IPC_READ	65536		/* room offered to one read */
#define IPC_KEEP	(256 * 1024)	/* an empty queue keeps so much memory */
#define IPC_INFD	(sizeof(((struct ipc *)0)->infd) / sizeof(int))

struct ipc_outfd {
	uint64_t	at;		/* where its frame begins, counted as `sent' */
	int		fd;
};

/*
 * A descriptor that cannot be made non-blocking fails later, in the first read
 * or write.
 */
void
ipc_init(struct ipc *ipc, int fd)
{
	int	flags;

	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = fd;
	if ((flags = fcntl(fd, F_GETFL)) != -1)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Closes descriptors that came and that no frame has taken. */
static void
ipc_close_infd(struct ipc *ipc)
{
	unsigned int	i;

	for (i = 0; i < ipc->ninfd; i++)
		if (ipc->infd[i] != -1)
			close(ipc->infd[i]);
	ipc->ninfd = 0;
}

/* Safe to call twice: the descriptor is then -1. */
void
ipc_clear(struct ipc *ipc)
{
	unsigned int	i;

	if (ipc->fd != -1)
		close(ipc->fd);
	for (i = 0; i < ipc->noutfd; i++)
		close(ipc->outfd[i].fd);
	free(ipc->outfd);
	ipc_close_infd(ipc);
	buf_free(&ipc->in);
	buf_free(&ipc->out);
	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = -1;
}

/* Forgets the frame being made, if there is one. */
static void
ipc_drop(struct ipc *ipc)
{
	ipc->out.end = ipc->out.start + ipc->open;
	ipc->failed = 0;
}

/* The length and the flags of the header follow in ipc_send. */
void
ipc_begin(struct ipc *ipc, uint16_t type, uint64_t id)
{
	struct ipc_hdr	hdr;

	ipc_drop(ipc);
	memset(&hdr, 0, sizeof(hdr));
	hdr.type = type;
	hdr.id = id;
	ipc_put(ipc, &hdr, sizeof(hdr));
}

/* The only way into a frame: here its size is bounded, and errors latch. */
void
ipc_put(struct ipc *ipc, const void *data, size_t len)
{
	if (ipc->failed)
		return;
	if (len > IPC_MAX || buf_len(&ipc->out) - ipc->open + len > IPC_MAX)
		ipc->failed = EMSGSIZE;
	else if (buf_add(&ipc->out, data, len) == -1)
		ipc->failed = ENOMEM;
}

void
ipc_put_u8(struct ipc *ipc, uint8_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

/* Host order: both ends run on this machine. */
void
ipc_put_u16(struct ipc *ipc, uint16_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

void
ipc_put_u32(struct ipc *ipc, uint32_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

void
ipc_put_u64(struct ipc *ipc, uint64_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

void
ipc_put_i64(struct ipc *ipc, int64_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

void
ipc_put_addr(struct ipc *ipc, const struct addr *a)
{
	ipc_put(ipc, a->b, sizeof(a->b));
}

/* The length has two octets, and a frame is never longer. */
void
ipc_put_data(struct ipc *ipc, const void *data, size_t len)
{
	if (len > IPC_MAX) {
		if (!ipc->failed)
			ipc->failed = EMSGSIZE;
		return;
	}
	ipc_put_u16(ipc, (uint16_t)len);
	ipc_put(ipc, data, len);
}

/* The NUL goes too, so that the receiver can use the string where it lies. */
void
ipc_put_str(struct ipc *ipc, const char *s)
{
	if (s == NULL)
		s = "";
	ipc_put_data(ipc, s, strlen(s) + 1);
}

/* Notes which frame the descriptor goes with, by the octets sent before it. */
static int
ipc_queue_fd(struct ipc *ipc, int fd)
{
	struct ipc_outfd	*p;
	unsigned int		 n;

	if (ipc->noutfd == ipc->sizeoutfd) {
		n = ipc->sizeoutfd == 0 ? 4 : ipc->sizeoutfd * 2;
		if ((p = reallocarray(ipc->outfd, n, sizeof(*p))) == NULL)
			return (-1);
		ipc->outfd = p;
		ipc->sizeoutfd = n;
	}
	ipc->outfd[ipc->noutfd].at = ipc->sent + ipc->open;
	ipc->outfd[ipc->noutfd++].fd = fd;
	return (0);
}

/* On any error the frame is dropped as a whole, and its descriptor closed. */
int
ipc_send(struct ipc *ipc, int fd)
{
	struct ipc_hdr	 hdr;
	uint8_t		*frame;
	size_t		 len;
	int		 error;

	len = buf_len(&ipc->out) - ipc->open;
	error = ipc->failed;
	if (error == 0 && len < sizeof(hdr))
		error = EINVAL;		/* no ipc_begin */
	if (error == 0 && ipc->open + len > IPC_QUEUE_MAX)
		error = ENOBUFS;
	if (error == 0 && fd != -1 && ipc_queue_fd(ipc, fd) == -1)
		error = ENOMEM;
	if (error != 0) {
		ipc_drop(ipc);
		if (fd != -1)
			close(fd);
		errno = error;
		return (-1);
	}
	frame = buf_ptr(&ipc->out) + ipc->open;
	memcpy(&hdr, frame, sizeof(hdr));
	hdr.len = (uint32_t)len;
	hdr.flags = fd != -1 ? IPC_F_FD : 0;
	memcpy(frame, &hdr, sizeof(hdr));
	ipc->open += len;
	return (0);
}

/* A frame being made is not counted. */
size_t
ipc_queued(const struct ipc *ipc)
{
	return (ipc->open);
}

/* One write of len octets, with the first waiting descriptor if asked. */
static ssize_t
ipc_write(struct ipc *ipc, size_t len, int with_fd)
{
	struct msghdr	 mh;
	struct iovec	 iov;
	struct cmsghdr	*cm;
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(sizeof(int))];
	} ctl;

	memset(&mh, 0, sizeof(mh));
	iov.iov_base = buf_ptr(&ipc->out);
	iov.iov_len = len;
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (with_fd) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.space;
		mh.msg_controllen = sizeof(ctl.space);
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cm), &ipc->outfd[0].fd, sizeof(int));
	}
	return (sendmsg(ipc->fd, &mh, MSG_NOSIGNAL));
}

/*
 * After a write of n octets: the descriptor that went with them is closed
 * here. A large queue gives its memory back, a small one keeps it.
 */
static void
ipc_wrote(struct ipc *ipc, size_t n, int with_fd)
{
	if (with_fd) {
		close(ipc->outfd[0].fd);
		ipc->noutfd--;
		memmove(ipc->outfd, ipc->outfd + 1,
		    ipc->noutfd * sizeof(*ipc->outfd));
	}
	ipc->sent += n;
	ipc->open -= n;
	if (ipc->out.size > IPC_KEEP)
		buf_drain(&ipc->out, n);
	else
		buf_drain_keep(&ipc->out, n);
}

/*
 * A write must end before the next frame that has a descriptor of its own,
 * since a descriptor goes with the first octet of a write.
 */
int
ipc_flush(struct ipc *ipc)
{
	ssize_t	n;
	size_t	len;
	int	with_fd;

	while (ipc->open > 0) {
		/* As far as the next frame with a descriptor of its own. */
		len = ipc->open;
		with_fd = ipc->noutfd > 0 && ipc->outfd[0].at == ipc->sent;
		if (ipc->noutfd > (with_fd ? 1u : 0u) &&
		    ipc->outfd[with_fd].at - ipc->sent < len)
			len = (size_t)(ipc->outfd[with_fd].at - ipc->sent);
		if ((n = ipc_write(ipc, len, with_fd)) == -1) {
			switch (errno) {
			case EINTR:
				continue;
			case EAGAIN:
			case ENOBUFS:		/* the kernel's, for now */
			case ETOOMANYREFS:	/* too many in flight, for now */
				return (0);
			default:
				return (-1);
			}
		}
		ipc_wrote(ipc, (size_t)n, with_fd);
	}
	return (1);
}

/*
 * What is moved counts as written, so that positions of descriptors stay
 * right.
 */
int
ipc_move(struct ipc *from, struct ipc *to)
{
	size_t	len = from->open;

	if (len == 0)
		return (0);
	if (buf_add(&to->in, buf_ptr(&from->out), len) == -1)
		return (-1);
	ipc_wrote(from, len, 0);
	return (0);
}

/*
 * Takes the descriptors that came beside the octets.  At most one is expected
 * in a read; more are closed.
 */
static void
ipc_control(struct ipc *ipc, struct msghdr *mh)
{
	struct cmsghdr	*cm;
	size_t		 i, n, got = 0;
	int		 fd;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(fd));
			if (!ipc->fdok || got > 0 || ipc->ninfd == IPC_INFD)
				close(fd);
			else {
				ipc->infd[ipc->ninfd++] = fd;
				got++;
			}
		}
	}
	if (mh->msg_flags & MSG_CTRUNC) {
		ipc->truncated = 1;
		if (ipc->fdok && got == 0 && ipc->ninfd < IPC_INFD)
			ipc->infd[ipc->ninfd++] = -1;
	}
}

/*
 * MSG_CMSG_CLOEXEC, so that no descriptor is inherited between two calls.  A
 * read that had room to spare has emptied the socket, unless it ended at a
 * descriptor.
 */
int
ipc_read(struct ipc *ipc)
{
	struct msghdr	mh;
	struct iovec	iov;
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(sizeof(int))];
	} ctl;
	ssize_t		n;

	if ((iov.iov_base = buf_reserve(&ipc->in, IPC_READ)) == NULL)
		return (-1);
	iov.iov_len = ipc->in.size - ipc->in.end;
	do {
		memset(&mh, 0, sizeof(mh));
		mh.msg_iov = &iov;
		mh.msg_iovlen = 1;
		mh.msg_control = ctl.space;
		mh.msg_controllen = sizeof(ctl.space);
		n = recvmsg(ipc->fd, &mh, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return (-1);
	ipc_control(ipc, &mh);
	if (n == 0)
		return (0);
	ipc->emptied = (size_t)n < iov.iov_len && mh.msg_controllen == 0 &&
	    !(mh.msg_flags & MSG_CTRUNC);
	buf_grew(&ipc->in, (size_t)n);
	return (1);
}

/* The octets of *m stay where they are until the next ipc_read. */
int
ipc_next(struct ipc *ipc, struct msg *m)
{
	struct ipc_hdr	hdr;

	if (buf_len(&ipc->in) < sizeof(hdr)) {
		/* All is read, and what is left belongs to no frame. */
		if (buf_len(&ipc->in) == 0)
			ipc_close_infd(ipc);
		return (0);
	}
	memcpy(&hdr, buf_ptr(&ipc->in), sizeof(hdr));
	if (hdr.len < sizeof(hdr) || hdr.len > IPC_MAX) {
		errno = EPROTO;
		return (-1);
	}
	if (buf_len(&ipc->in) < hdr.len)
		return (0);
	memset(m, 0, sizeof(*m));
	m->type = hdr.type;
	m->id = hdr.id;
	m->data = buf_ptr(&ipc->in) + sizeof(hdr);
	m->len = hdr.len - sizeof(hdr);
	m->fd = -1;
	if ((hdr.flags & IPC_F_FD) && ipc->ninfd > 0) {
		m->fd = ipc->infd[0];
		ipc->ninfd--;
		memmove(ipc->infd, ipc->infd + 1,
		    ipc->ninfd * sizeof(ipc->infd[0]));
	}
	buf_drain_keep(&ipc->in, hdr.len);
	return (1);
}

/* The next len octets of the body, or NULL and the error latched. */
static const uint8_t *
msg_get(struct msg *m, size_t len)
{
	const uint8_t	*p;

	if (m->err || m->len - m->pos < len) {
		m->err = 1;
		return (NULL);
	}
	p = m->data + m->pos;
	m->pos += len;
	return (p);
}

uint8_t
msg_get_u8(struct msg *m)
{
	const uint8_t	*p = msg_get(m, 1);

	return (p == NULL ? 0 : *p);
}

/* Copied, since the body of a frame has no alignment. */
uint16_t
msg_get_u16(struct msg *m)
{
	const uint8_t	*p;
	uint16_t	 v = 0;

	if ((p = msg_get(m, sizeof(v))) != NULL)
		memcpy(&v, p, sizeof(v));
	return (v);
}

uint32_t
msg_get_u32(struct msg *m)
{
	const uint8_t	*p;
	uint32_t	 v = 0;

	if ((p = msg_get(m, sizeof(v))) != NULL)
		memcpy(&v, p, sizeof(v));
	return (v);
}

uint64_t
msg_get_u64(struct msg *m)
{
	const uint8_t	*p;
	uint64_t	 v = 0;

	if ((p = msg_get(m, sizeof(v))) != NULL)
		memcpy(&v, p, sizeof(v));
	return (v);
}

int64_t
msg_get_i64(struct msg *m)
{
	const uint8_t	*p;
	int64_t		 v = 0;

	if ((p = msg_get(m, sizeof(v))) != NULL)
		memcpy(&v, p, sizeof(v));
	return (v);
}

/* All zeros when it is malformed. */
void
msg_get_addr(struct msg *m, struct addr *a)
{
	const uint8_t	*p;

	memset(a, 0, sizeof(*a));
	if ((p = msg_get(m, sizeof(a->b))) != NULL)
		memcpy(a->b, p, sizeof(a->b));
}

/* Borrowed from the channel, like all that a message hands out. */
const uint8_t *
msg_get_data(struct msg *m, size_t *len)
{
	const uint8_t	*p;
	size_t		 n;

	n = msg_get_u16(m);
	p = msg_get(m, n);
	*len = p == NULL ? 0 : n;
	return (p);
}

/* Exactly one NUL, at its end. */
const char *
msg_get_str(struct msg *m)
{
	const uint8_t	*p;
	size_t		 n;

	p = msg_get_data(m, &n);
	if (p == NULL || n == 0 || memchr(p, '\0', n) != p + n - 1) {
		m->err = 1;
		return ("");
	}
	return ((const char *)p);
}

const char *
msg_get_text(struct msg *m)
{
	const char	*s = msg_get_str(m);
	size_t		 i;

	for (i = 0; s[i] != '\0'; i++)
		if (ascii_is_control(s[i])) {
			m->err = 1;
			return ("");
		}
	return (s);
}

size_t
msg_left(const struct msg *m)
{
	return (m->err ? 0 : m->len - m->pos);
}

/* The last question of each reader: was everything there, and nothing more? */
int
msg_end(const struct msg *m)
{
	return (!m->err && m->pos == m->len ? 0 : -1);
}

int
msg_take_fd(struct msg *m)
{
	int	fd = m->fd;

	m->fd = -1;
	return (fd);
}
