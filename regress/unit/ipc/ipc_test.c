/* Frames byte by byte, and descriptors with their frames. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/ipc/ipc.h"
#include "regress/lib/tap.h"

static void
pair(struct ipc *a, struct ipc *b)
{
	int	sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		exit(1);
	ipc_init(a, sv[0]);
	ipc_init(b, sv[1]);
	b->fdok = 1;
}

static void
unpair(struct ipc *a, struct ipc *b)
{
	ipc_clear(a);
	ipc_clear(b);
}

static void
test_fields(void)
{
	struct ipc	 a, b;
	struct msg	 m;
	struct addr	 addr, got;
	const uint8_t	*data;
	size_t		 len;

	pair(&a, &b);
	addr_parse("2001:db8::7", &addr);
	ipc_begin(&a, 9, UINT64_C(0x0123456789abcdef));
	ipc_put_u8(&a, 0xab);
	ipc_put_u16(&a, 0xabcd);
	ipc_put_u32(&a, 0xdeadbeef);
	ipc_put_u64(&a, UINT64_MAX);
	ipc_put_i64(&a, INT64_MIN);
	ipc_put_addr(&a, &addr);
	ipc_put_str(&a, "hello");
	ipc_put_str(&a, NULL);
	ipc_put_data(&a, "a\0b", 3);
	is_int(ipc_queued(&a), 0, "an unfinished frame is not queued");
	is_int(ipc_flush(&a), 1, "nor written");
	is_int(ipc_send(&a, -1), 0, "send");
	is_int(ipc_flush(&a), 1, "flush");
	is_int(ipc_read(&b), 1, "read");
	is_int(ipc_next(&b, &m), 1, "a frame");
	is_int(m.type, 9, "type");
	ok(m.id == UINT64_C(0x0123456789abcdef), "id");
	is_int(msg_get_u8(&m), 0xab, "u8");
	is_int(msg_get_u16(&m), 0xabcd, "u16");
	is_int(msg_get_u32(&m), 0xdeadbeef, "u32");
	ok(msg_get_u64(&m) == UINT64_MAX, "u64");
	ok(msg_get_i64(&m) == INT64_MIN, "i64");
	msg_get_addr(&m, &got);
	is_int(addr_cmp(&addr, &got), 0, "addr");
	is_str(msg_get_str(&m), "hello", "str");
	is_str(msg_get_str(&m), "", "NULL is the empty string");
	is_int(msg_end(&m), -1, "not at the end yet");
	data = msg_get_data(&m, &len);
	ok(data != NULL && len == 3 && memcmp(data, "a\0b", 3) == 0, "data");
	is_int(msg_end(&m), 0, "at the end");
	is_int(msg_get_u8(&m), 0, "past it is 0");
	is_int(msg_end(&m), -1, "and an error that stays");
	is_int(ipc_next(&b, &m), 0, "no other frame");
	ipc_begin(&a, 9, 0);
	ipc_put_u8(&a, 0xab);
	ok(ipc_send(&a, -1) == 0 && ipc_flush(&a) == 1 &&
	    ipc_read(&b) == 1 && ipc_next(&b, &m) == 1, "a frame of one octet");
	is_int(msg_get_u16(&m), 0, "of which no two are read");
	ok(ipc_read(&b) == -1 && errno == EAGAIN, "nothing to read");
	ipc_clear(&a);
	is_int(ipc_read(&b), 0, "end of file");
	ipc_clear(&b);
}

static void
test_strings(void)
{
	static const struct {
		const char	*body;
		size_t		 len;
		const char	*name;
	} t[] = {
		{ "\0\0", 2, "length 0 has no NUL" },
		{ "\2\0ab", 4, "no NUL at the end" },
		{ "\3\0a\0\0", 5, "NUL inside" },
		{ "\5\0abc\0", 6, "longer than the frame" },
		{ "\1", 1, "half a length" },
		{ "", 0, "nothing" }
	};
	struct ipc	a, b;
	struct msg	m;
	size_t		i;

	pair(&a, &b);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ipc_begin(&a, 1, 0);
		ipc_put(&a, t[i].body, t[i].len);
		ipc_send(&a, -1);
		ipc_flush(&a);
		ipc_read(&b);
		ipc_next(&b, &m);
		ok(strcmp(msg_get_str(&m), "") == 0 && msg_end(&m) == -1,
		    t[i].name);
	}
	unpair(&a, &b);
}

static void
test_limits(void)
{
	struct ipc	a, b;
	struct msg	m;
	static uint8_t	block[IPC_MAX];
	int		i, p[2];
	char		ch;

	pair(&a, &b);
	ipc_begin(&a, 1, 1);
	ipc_send(&a, -1);
	ipc_begin(&a, 2, 2);
	ipc_put(&a, block, IPC_MAX - sizeof(struct ipc_hdr));
	is_int(ipc_send(&a, -1), 0, "a frame of exactly the maximum");
	ipc_begin(&a, 3, 3);
	ipc_put(&a, block, IPC_MAX - sizeof(struct ipc_hdr));
	ipc_put_u8(&a, 0);
	ipc_put_u8(&a, 0);
	if (pipe(p) == -1)
		exit(1);
	ok(ipc_send(&a, p[1]) == -1 && errno == EMSGSIZE, "one octet more");
	is_int(read(p[0], &ch, 1), 0, "its descriptor is closed");
	close(p[0]);
	ipc_begin(&a, 4, 4);
	ipc_put_data(&a, block, 70000);
	ok(ipc_send(&a, -1) == -1 && errno == EMSGSIZE, "data too long");
	ipc_begin(&a, 5, 5);
	ipc_begin(&a, 6, 6);
	ipc_send(&a, -1);
	ipc_flush(&a);
	for (i = 0; i < 3; i++) {
		static const int	want[] = { 1, 2, 6 };

		while (ipc_next(&b, &m) == 0)
			if (ipc_read(&b) != 1)
				break;
		is_int(m.type, want[i], "dropped frames leave no trace");
	}
	for (i = 0; ipc_queued(&a) + IPC_MAX <= IPC_QUEUE_MAX; i++) {
		ipc_begin(&a, 7, 0);
		ipc_put(&a, block, IPC_MAX - sizeof(struct ipc_hdr));
		if (ipc_send(&a, -1) == -1)
			break;
	}
	is_int(ipc_queued(&a), IPC_QUEUE_MAX, "the queue fills to its mark");
	ipc_begin(&a, 1, 0);
	ok(ipc_send(&a, -1) == -1 && errno == ENOBUFS,
	    "and takes no more");
	unpair(&a, &b);
}

/* Every way of cutting two frames into two writes. */
static void
test_pieces(void)
{
	struct ipc	a, b;
	struct msg	m;
	uint8_t		frames[64], *p;
	size_t		len, cut;
	int		n, wrong = 0;

	pair(&a, &b);
	ipc_begin(&a, 1, 1);
	ipc_put_str(&a, "one");
	ipc_send(&a, -1);
	ipc_begin(&a, 2, 2);
	ipc_put_u32(&a, 22);
	ipc_send(&a, -1);
	len = buf_len(&a.out);
	memcpy(frames, buf_ptr(&a.out), len);
	for (cut = 1; cut < len; cut++) {
		n = 0;
		p = frames;
		if (write(a.fd, p, cut) != (ssize_t)cut)
			exit(1);
		ipc_read(&b);
		while (ipc_next(&b, &m) == 1)
			wrong += m.type != ++n;
		if (write(a.fd, p + cut, len - cut) != (ssize_t)(len - cut))
			exit(1);
		ipc_read(&b);
		while (ipc_next(&b, &m) == 1)
			wrong += m.type != ++n;
		wrong += n != 2;
	}
	is_int(wrong, 0, "two frames cut anywhere are two frames");
	unpair(&a, &b);
}

static void
test_garbage(void)
{
	static const uint32_t	lens[] = { 0, 1, 15, IPC_MAX + 1, 0x7fffffff,
				    0xffffffff };
	struct ipc_hdr		h;
	struct ipc		a, b;
	struct msg		m;
	size_t			i;
	char			name[60];

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		pair(&a, &b);
		memset(&h, 0, sizeof(h));
		h.len = lens[i];
		if (write(a.fd, &h, sizeof(h)) != (ssize_t)sizeof(h))
			exit(1);
		ipc_read(&b);
		snprintf(name, sizeof(name), "a length of %u", lens[i]);
		ok(ipc_next(&b, &m) == -1 && errno == EPROTO, name);
		ok(b.in.size <= 131072, "nothing was allocated for it");
		unpair(&a, &b);
	}
}

static ino_t
inode(int fd)
{
	struct stat	st;

	return (fstat(fd, &st) == -1 ? 0 : st.st_ino);
}

/* n pipes with frames before, between and behind, all queued at once. */
static void
test_descriptors(void)
{
	struct ipc	a, b;
	struct msg	m;
	static uint8_t	block[5000];
	ino_t		want[20];
	int		i, k, fd, p[2], r, flags = 0, wrong = 0, got = 0, n = 0;

	pair(&a, &b);
	for (i = 0; i < 20; i++) {
		for (k = 0; k < i % 4; k++) {
			ipc_begin(&a, 1, 0);
			ipc_put(&a, block, sizeof(block));
			ipc_send(&a, -1);
			n++;
		}
		if (pipe(p) == -1)
			exit(1);
		want[i] = inode(p[1]);
		close(p[0]);
		ipc_begin(&a, 2, (uint64_t)i);
		ipc_put(&a, block, (size_t)i * 200);
		ipc_send(&a, p[1]);
		n++;
	}
	/* The socket takes only some; the rest goes as it is read. */
	do {
		r = ipc_flush(&a);
		while (ipc_read(&b) == 1)
			while (ipc_next(&b, &m) == 1) {
				n--;
				fd = msg_take_fd(&m);
				if (m.type == 1) {
					wrong += fd != -1;
					continue;
				}
				wrong += fd == -1 || inode(fd) != want[got++];
				flags += (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
				close(fd);
			}
	} while (r == 0);
	is_int(n, 0, "all frames came");
	is_int(got, 20, "20 descriptors");
	is_int(wrong, 0, "each with the frame that it was sent with");
	is_int(flags, 20, "all close-on-exec");
	is_int(b.truncated, 0, "none lost");

	/* Queued and never sent: not leaked. */
	if (pipe(p) == -1)
		exit(1);
	ipc_begin(&a, 2, 0);
	ipc_send(&a, p[1]);
	unpair(&a, &b);
	is_int(read(p[0], block, 1), 0, "ipc_clear closes what was not sent");
	close(p[0]);
}

static void
raw_fds(int sock, const void *data, size_t len, const int *fds, int n)
{
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(8 * sizeof(int))];
	} ctl;
	struct msghdr	 mh;
	struct cmsghdr	*cm;
	struct iovec	 iov;
	union {
		const void	*from;
		void		*to;
	} u;

	u.from = data;
	iov.iov_base = u.to;
	iov.iov_len = len;
	memset(&mh, 0, sizeof(mh));
	memset(&ctl, 0, sizeof(ctl));
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = ctl.space;
	mh.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	cm = CMSG_FIRSTHDR(&mh);
	cm->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(cm), fds, (size_t)n * sizeof(int));
	if (sendmsg(sock, &mh, 0) == -1)
		exit(1);
}

/* 1 when nobody holds the pipe's write end any more. */
static int
closed(int rd)
{
	char	ch;

	return (read(rd, &ch, 1) == 0);
}

static void
test_hostile_descriptors(void)
{
	struct ipc_hdr	h = { sizeof(h), 1, 0, 0 };
	struct ipc	a, b;
	struct msg	m;
	int		p[2], q[2], fds[8], i;

	/* With a frame that is not flagged. */
	pair(&a, &b);
	if (pipe(p) == -1)
		exit(1);
	raw_fds(a.fd, &h, sizeof(h), &p[1], 1);
	close(p[1]);
	ipc_read(&b);
	ok(ipc_next(&b, &m) == 1 && m.fd == -1, "an unflagged frame has none");
	is_int(ipc_next(&b, &m), 0, "that was all");
	ok(closed(p[0]), "the descriptor that nobody asked for is closed");
	close(p[0]);

	/* Flagged, without one. */
	h.flags = IPC_F_FD;
	if (write(a.fd, &h, sizeof(h)) != (ssize_t)sizeof(h))
		exit(1);
	ipc_read(&b);
	ok(ipc_next(&b, &m) == 1 && m.fd == -1, "flagged without one is -1");

	/* Eight at once: more than may come with a frame. */
	if (pipe(p) == -1)
		exit(1);
	for (i = 0; i < 8; i++)
		fds[i] = p[1];
	raw_fds(a.fd, &h, sizeof(h), fds, 8);
	close(p[1]);
	ipc_read(&b);
	ok(ipc_next(&b, &m) == 1 && m.fd != -1, "of eight, one is given");
	ok(b.truncated, "and the loss of the others is noticed");
	close(msg_take_fd(&m));
	ok(closed(p[0]), "no other stays open");
	close(p[0]);

	/* To an end that takes none. */
	b.fdok = 0;
	if (pipe(q) == -1)
		exit(1);
	raw_fds(a.fd, &h, sizeof(h), &q[1], 1);
	close(q[1]);
	ipc_read(&b);
	ok(ipc_next(&b, &m) == 1 && m.fd == -1, "fdok 0: none is given");
	ok(closed(q[0]), "it is closed at once");
	close(q[0]);
	unpair(&a, &b);
}

/* valgrind does not tell the kernel of a lower limit of descriptors. */
static int
under_valgrind(void)
{
	const char	*preload = getenv("LD_PRELOAD");

	return (preload != NULL && strstr(preload, "vgpreload") != NULL);
}

/* No descriptor is left at the receiver: it is lost, the next is not. */
static void
test_lost(void)
{
	struct ipc	a, b;
	struct msg	m;
	ino_t		second;
	struct rlimit	old, low;
	int		p[2], q[2], i, n, hog[256];

	pair(&a, &b);
	if (pipe(p) == -1 || pipe(q) == -1 ||
	    getrlimit(RLIMIT_NOFILE, &old) == -1)
		exit(1);
	second = inode(q[1]);
	ipc_begin(&a, 1, 1);
	ipc_send(&a, p[1]);
	ipc_begin(&a, 2, 2);
	ipc_send(&a, q[1]);
	ipc_flush(&a);
	low = old;
	low.rlim_cur = 128;
	if (setrlimit(RLIMIT_NOFILE, &low) == -1)
		exit(1);
	for (n = 0; n < 256 && (hog[n] = dup(b.fd)) != -1; n++)
		continue;
	ipc_read(&b);
	for (i = 0; i < n; i++)
		close(hog[i]);
	(void)setrlimit(RLIMIT_NOFILE, &old);
	is_int(b.truncated, 1, "a lost descriptor is noticed");
	while (ipc_read(&b) == 1)
		continue;
	ok(ipc_next(&b, &m) == 1 && m.type == 1 && m.fd == -1,
	    "its frame has none");
	ok(ipc_next(&b, &m) == 1 && m.type == 2 && inode(m.fd) == second,
	    "the next frame has its own");
	close(msg_take_fd(&m));
	close(p[0]);
	close(q[0]);
	unpair(&a, &b);
}

int
main(void)
{
	test_fields();
	test_strings();
	test_limits();
	test_pieces();
	test_garbage();
	test_descriptors();
	test_hostile_descriptors();
	if (under_valgrind())
		skip("a lost descriptor", "valgrind keeps the limit of "
		    "descriptors from the kernel");
	else
		test_lost();
	return (done());
}
