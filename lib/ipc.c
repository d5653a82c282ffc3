/*
 * Frames and their descriptors on a stream socket; see ipc.h.
 *
 * A descriptor must arrive with its frame, so it goes with the frame's first
 * octet: ipc_flush writes up to the next frame that has one, then begins a
 * sendmsg with that frame.  The receiver keeps descriptors in order of
 * arrival and gives one to each frame that is flagged.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc.h"

#define IPC_READ	65536	/* octets a read asks for */
#define IPC_NFDS	(sizeof(((struct ipc *)NULL)->infd) / sizeof(int))

struct ipc_outfd {
	size_t	ahead;		/* octets queued before its frame */
	int	fd;
};

void
ipc_init(struct ipc *ipc, int fd)
{
	int	flags;

	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = fd;
	if (fd != -1 && (flags = fcntl(fd, F_GETFL)) != -1 &&
	    !(flags & O_NONBLOCK))
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void
ipc_clear(struct ipc *ipc)
{
	unsigned int	i;

	for (i = 0; i < ipc->noutfd; i++)
		close(ipc->outfd[i].fd);
	for (i = 0; i < ipc->ninfd; i++)
		close(ipc->infd[i]);
	free(ipc->outfd);
	buf_free(&ipc->in);
	buf_free(&ipc->out);
	if (ipc->fd != -1)
		close(ipc->fd);
	memset(ipc, 0, sizeof(*ipc));
	ipc->fd = -1;
}

size_t
ipc_queued(const struct ipc *ipc)
{
	return (buf_len(&ipc->out));
}

/* Sending. */

void
ipc_put(struct ipc *ipc, const void *data, size_t len)
{
	if (ipc->failed || len == 0)
		return;
	if (len > IPC_MAX || buf_len(&ipc->out) - ipc->open + len > IPC_MAX)
		ipc->failed = EMSGSIZE;
	else if (buf_add(&ipc->out, data, len) == -1)
		ipc->failed = ENOMEM;
}

void
ipc_begin(struct ipc *ipc, uint16_t type, uint64_t id)
{
	struct ipc_hdr	h = { 0, type, 0, id };

	ipc->failed = 0;
	ipc->open = buf_len(&ipc->out);
	if (ipc->open > IPC_QUEUE_MAX)
		ipc->failed = ENOBUFS;
	ipc_put(ipc, &h, sizeof(h));
}

void
ipc_put_u8(struct ipc *ipc, uint8_t v)
{
	ipc_put(ipc, &v, sizeof(v));
}

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

void
ipc_put_data(struct ipc *ipc, const void *data, size_t len)
{
	if (len > IPC_MAX) {
		ipc->failed = EMSGSIZE;
		return;
	}
	ipc_put_u16(ipc, (uint16_t)len);
	ipc_put(ipc, data, len);
}

/* The NUL goes along, so that the receiver can borrow the string. */
void
ipc_put_str(struct ipc *ipc, const char *s)
{
	if (s == NULL)
		s = "";
	ipc_put_data(ipc, s, strlen(s) + 1);
}

static int
outfd_add(struct ipc *ipc, int fd)
{
	struct ipc_outfd	*p;

	if ((p = reallocarray(ipc->outfd, ipc->noutfd + 1, sizeof(*p))) ==
	    NULL)
		return (-1);
	ipc->outfd = p;
	p[ipc->noutfd].ahead = ipc->open;
	p[ipc->noutfd++].fd = fd;
	return (0);
}

int
ipc_send(struct ipc *ipc, int fd)
{
	struct ipc_hdr	h;
	uint8_t		*at;

	if (!ipc->failed && fd != -1 && outfd_add(ipc, fd) == -1)
		ipc->failed = ENOMEM;
	if (ipc->failed) {
		/* drop the frame whole */
		if (buf_len(&ipc->out) > ipc->open)
			ipc->out.end = ipc->out.start + ipc->open;
		if (fd != -1)
			close(fd);
		errno = ipc->failed;
		return (-1);
	}
	at = buf_ptr(&ipc->out) + ipc->open;
	memcpy(&h, at, sizeof(h));
	h.len = (uint32_t)(buf_len(&ipc->out) - ipc->open);
	h.flags = fd == -1 ? 0 : IPC_F_FD;
	memcpy(at, &h, sizeof(h));
	return (0);
}

int
ipc_send_empty(struct ipc *ipc, uint16_t type, uint64_t id)
{
	ipc_begin(ipc, type, id);
	return (ipc_send(ipc, -1));
}

static ssize_t
send_some(struct ipc *ipc, size_t len, int fd)
{
	union {
		struct cmsghdr	hdr;
		char		space[CMSG_SPACE(sizeof(int))];
	}		 control;
	struct msghdr	 mh;
	struct cmsghdr	*c;
	struct iovec	 iov = { buf_ptr(&ipc->out), len };

	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (fd != -1) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return (sendmsg(ipc->fd, &mh, MSG_NOSIGNAL));
}

static void
sent(struct ipc *ipc, size_t n, int with_fd)
{
	unsigned int	i;

	buf_drain_keep(&ipc->out, n);
	if (with_fd) {
		close(ipc->outfd[0].fd);
		ipc->noutfd--;
		memmove(ipc->outfd, ipc->outfd + 1,
		    ipc->noutfd * sizeof(*ipc->outfd));
	}
	for (i = 0; i < ipc->noutfd; i++)
		ipc->outfd[i].ahead -= n;
}

int
ipc_flush(struct ipc *ipc)
{
	ssize_t	n;
	size_t	len;
	int	fd;

	while ((len = buf_len(&ipc->out)) > 0) {
		fd = -1;
		if (ipc->noutfd > 0 && ipc->outfd[0].ahead == 0) {
			fd = ipc->outfd[0].fd;
			if (ipc->noutfd > 1)
				len = ipc->outfd[1].ahead;
		} else if (ipc->noutfd > 0)
			len = ipc->outfd[0].ahead;
		if ((n = send_some(ipc, len, fd)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == EWOULDBLOCK ||
			    errno == ENOBUFS)
				return (0);
			return (-1);
		}
		sent(ipc, (size_t)n, fd != -1);
	}
	if (ipc->out.size > IPC_READ)
		buf_free(&ipc->out);
	return (1);
}

/* Receiving. */

static void
take_fds(struct ipc *ipc, struct msghdr *mh)
{
	struct cmsghdr	*c;
	size_t		 i, n;
	int		 fd;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			if (ipc->fdok && ipc->ninfd < IPC_NFDS)
				ipc->infd[ipc->ninfd++] = fd;
			else
				close(fd);
		}
	}
	if (mh->msg_flags & MSG_CTRUNC)
		ipc->truncated = 1;
}

int
ipc_read(struct ipc *ipc)
{
	union {
		struct cmsghdr	hdr;
		char		space[CMSG_SPACE(sizeof(int) * IPC_NFDS)];
	}		 control;
	struct msghdr	 mh;
	struct iovec	 iov;
	ssize_t		 n;

	if ((iov.iov_base = buf_reserve(&ipc->in, IPC_READ)) == NULL)
		return (-1);
	iov.iov_len = IPC_READ;
	memset(&mh, 0, sizeof(mh));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = &control;
	mh.msg_controllen = sizeof(control.space);
	while ((n = recvmsg(ipc->fd, &mh, MSG_CMSG_CLOEXEC)) == -1)
		if (errno != EINTR)
			return (-1);
	take_fds(ipc, &mh);
	if (n == 0)
		return (0);
	buf_grew(&ipc->in, (size_t)n);
	return (1);
}

int
ipc_next(struct ipc *ipc, struct msg *m)
{
	struct ipc_hdr	h;

	memset(m, 0, sizeof(*m));
	m->fd = -1;
	if (buf_len(&ipc->in) < sizeof(h))
		return (0);
	memcpy(&h, buf_ptr(&ipc->in), sizeof(h));
	if (h.len < sizeof(h) || h.len > IPC_MAX) {
		errno = EPROTO;
		return (-1);
	}
	if (buf_len(&ipc->in) < h.len)
		return (0);
	m->type = h.type;
	m->id = h.id;
	m->data = buf_ptr(&ipc->in) + sizeof(h);
	m->len = h.len - sizeof(h);
	if ((h.flags & IPC_F_FD) && ipc->ninfd > 0) {
		m->fd = ipc->infd[0];
		ipc->ninfd--;
		memmove(ipc->infd, ipc->infd + 1,
		    ipc->ninfd * sizeof(ipc->infd[0]));
	}
	/* The octets stay where they are until the next ipc_read. */
	buf_drain_keep(&ipc->in, h.len);
	return (1);
}

static const uint8_t *
get(struct msg *m, size_t len)
{
	const uint8_t	*p = m->data + m->pos;

	if (m->err || len > m->len - m->pos) {
		m->err = 1;
		return (NULL);
	}
	m->pos += len;
	return (p);
}

static void
get_int(struct msg *m, void *dst, size_t len)
{
	const uint8_t	*p;

	if ((p = get(m, len)) == NULL)
		memset(dst, 0, len);
	else
		memcpy(dst, p, len);
}

uint8_t
msg_get_u8(struct msg *m)
{
	uint8_t	v;

	get_int(m, &v, sizeof(v));
	return (v);
}

uint16_t
msg_get_u16(struct msg *m)
{
	uint16_t	v;

	get_int(m, &v, sizeof(v));
	return (v);
}

uint32_t
msg_get_u32(struct msg *m)
{
	uint32_t	v;

	get_int(m, &v, sizeof(v));
	return (v);
}

uint64_t
msg_get_u64(struct msg *m)
{
	uint64_t	v;

	get_int(m, &v, sizeof(v));
	return (v);
}

int64_t
msg_get_i64(struct msg *m)
{
	int64_t	v;

	get_int(m, &v, sizeof(v));
	return (v);
}

void
msg_get_addr(struct msg *m, struct addr *a)
{
	get_int(m, a->b, sizeof(a->b));
}

const uint8_t *
msg_get_data(struct msg *m, size_t *len)
{
	const uint8_t	*p;

	*len = msg_get_u16(m);
	if ((p = get(m, *len)) == NULL)
		*len = 0;
	return (p);
}

const char *
msg_get_str(struct msg *m)
{
	const uint8_t	*p;
	size_t		 len;

	if ((p = msg_get_data(m, &len)) == NULL)
		return ("");
	/* exactly one NUL, at its end */
	if (len == 0 || memchr(p, '\0', len) != p + len - 1) {
		m->err = 1;
		return ("");
	}
	return ((const char *)p);
}

size_t
msg_left(const struct msg *m)
{
	return (m->len - m->pos);
}

int
msg_end(const struct msg *m)
{
	return (m->err || m->pos != m->len ? -1 : 0);
}

int
msg_take_fd(struct msg *m)
{
	int	fd = m->fd;

	m->fd = -1;
	return (fd);
}
