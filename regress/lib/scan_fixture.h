/*
 * Scanners that follow a script, in the process and event loop of their client,
 * by TCP or by a unix socket, which is connected as the parent does it.  Each
 * connection follows the next script of the server, a list of steps:
 *	">text"		send it, as it is
 *	">>text"	the same, and a NUL
 *	"<n"		wait until n bytes came in all
 *	"<eof"		wait for the end of the input
 *	"fd"		wait for a descriptor, and read its file
 *	"slow"		from here on read only a little at a time
 *	"pause"		wait for scanner_go()
 *	"close" "reset"	end the connection
 * After its last step a connection reads on and sends nothing.  s->in has the
 * input of the last connection, and s->file has the descriptor's file.
 */
#ifndef SCAN_FIXTURE_H
#define SCAN_FIXTURE_H

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/buf.h"
#include "spamgreyd/pass/scan/scan.h"
#include "regress/lib/tap.h"

#define SCANNER_SCRIPTS	8
#define SCANNERS_MAX	8

struct scanner_peer;
struct scanner {
	int			 lfd;
	uint16_t		 port;		/* 0: unix */
	char			 path[100];
	struct event		*lev;
	const char *const	*script[SCANNER_SCRIPTS];
	unsigned int		 next, conns;
	struct scanner_peer	*peers[SCANNER_SCRIPTS];
	struct buf		 in, file;
	int			 refuse;	/* errno for the client */
	int			 writable;	/* the descriptor was writable, or
						   not at its beginning */
};
struct scanner_peer {
	struct scanner		*s;
	struct event		*ev, *wev;
	int			 fd, slow, eof, got, paused;
	size_t			 said;		/* bytes sent of a ">" step */
	const char *const	*step;
};

static struct event_base	*scan_fix_base;
static struct scanner		*scanners[SCANNERS_MAX];
static unsigned int		 nscanners;

static void
peer_end(struct scanner_peer *p, int reset)
{
	struct linger	hard = { 1, 0 };
	unsigned int	i;

	if (reset)
		setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	for (i = 0; i < SCANNER_SCRIPTS; i++)
		if (p->s->peers[i] == p)
			p->s->peers[i] = NULL;
	event_free(p->ev);
	event_free(p->wev);
	close(p->fd);
	free(p);
}

/* Reads the file from the descriptor's position to its end. */
static void
peer_file(struct scanner_peer *p, int fd)
{
	uint8_t	b[4096];
	ssize_t	n;

	p->got = 1;
	p->s->writable = lseek(fd, 0, SEEK_CUR) != 0 ||
	    (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
	while ((n = read(fd, b, sizeof(b))) > 0)
		if (buf_add(&p->s->file, b, (size_t)n) == -1)
			exit(1);
	close(fd);
}

/* Writes as much as the socket takes. */
static int
peer_say(struct scanner_peer *p, const char *t)
{
	int	two = t[1] == '>';
	size_t	len = strlen(t + 1 + two) + (size_t)two;
	ssize_t	n;

	n = send(p->fd, t + 1 + two + p->said, len - p->said, MSG_NOSIGNAL);
	if (n > 0)
		p->said += (size_t)n;
	if ((n > 0 && p->said < len) || (n == -1 && errno == EAGAIN)) {
		event_add(p->wev, NULL);
		return (0);
	}
	p->said = 0;
	return (1);
}

/* 1: it is done; 0: it needs more input; -1: the connection has ended. */
static int
peer_step(struct scanner_peer *p)
{
	const char	*t = *p->step;

	if (t == NULL)
		return (0);
	if (t[0] == '>') {
		if (!peer_say(p, t))
			return (0);
	} else if (strcmp(t, "<eof") == 0) {
		if (!p->eof)
			return (0);
	} else if (t[0] == '<') {
		if (buf_len(&p->s->in) < (size_t)atol(t + 1))
			return (0);
	} else if (strcmp(t, "fd") == 0) {
		if (!p->got)
			return (0);
	} else if (strcmp(t, "slow") == 0)
		p->slow = 1;
	else if (strcmp(t, "pause") == 0) {
		p->paused = 1;
		return (0);
	} else {
		peer_end(p, strcmp(t, "reset") == 0);
		return (-1);
	}
	p->step++;
	return (1);
}

static void
peer_play(struct scanner_peer *p)
{
	while (!p->paused && peer_step(p) == 1)
		;
}

static void
peer_read(evutil_socket_t fd, short what, void *arg)
{
	struct scanner_peer	*p = arg;
	uint8_t			 b[65536];
	union {
		struct cmsghdr	hdr;
		char		room[CMSG_SPACE(sizeof(int))];
	}			 control;
	struct iovec		 iov = { b, p->slow ? 1000 : sizeof(b) };
	struct msghdr		 m = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof(control.room) };
	ssize_t			 n;
	int			 got;

	(void)what;
	n = recvmsg(fd, &m, 0);
	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0 && m.msg_controllen >= CMSG_LEN(sizeof(int))) {
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(got));
		peer_file(p, got);
	}
	if (n > 0 && buf_add(&p->s->in, b, (size_t)n) == -1)
		exit(1);
	if (n <= 0) {
		p->eof = 1;
		event_del(p->ev);
	}
	peer_play(p);
}

static void
peer_write(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	peer_play(arg);
}

static void
scanner_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct scanner		*s = arg;
	struct scanner_peer	*p;
	int			 fd;

	(void)what;
	if ((fd = accept(lfd, NULL, NULL)) == -1)
		return;
	if (s->conns == SCANNER_SCRIPTS || (p = calloc(1, sizeof(*p))) == NULL)
		abort();
	evutil_make_socket_nonblocking(fd);
	buf_free(&s->in);
	buf_free(&s->file);
	p->s = s;
	p->fd = fd;
	p->step = s->script[s->next];
	if (p->step == NULL)
		abort();
	if (s->next + 1 < SCANNER_SCRIPTS && s->script[s->next + 1] != NULL)
		s->next++;
	s->peers[s->conns++] = p;
	p->ev = event_new(scan_fix_base, fd, EV_READ | EV_PERSIST, peer_read,
	    p);
	p->wev = event_new(scan_fix_base, fd, EV_WRITE, peer_write, p);
	event_add(p->ev, NULL);
	peer_play(p);
}

/* tcp: listens on a free port of 127.0.0.1; otherwise on a socket in dir. */
static inline void
scanner_start(struct scanner *s, const char *dir)
{
	struct sockaddr_in	 sin = { .sin_family = AF_INET };
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	socklen_t		 len = sizeof(sin);
	int			 r;

	memset(s, 0, sizeof(*s));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->lfd = socket(dir == NULL ? AF_INET : AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dir == NULL) {
		r = bind(s->lfd, (struct sockaddr *)&sin, sizeof(sin));
		getsockname(s->lfd, (struct sockaddr *)&sin, &len);
		s->port = ntohs(sin.sin_port);
	} else {
		snprintf(s->path, sizeof(s->path), "%s/s%u", dir, nscanners);
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", s->path);
		r = bind(s->lfd, (struct sockaddr *)&sun, sizeof(sun));
	}
	if (r == -1 || listen(s->lfd, 16) == -1 || nscanners == SCANNERS_MAX) {
		perror("scanner");
		exit(1);
	}
	s->lev = event_new(scan_fix_base, s->lfd, EV_READ | EV_PERSIST,
	    scanner_accept, s);
	event_add(s->lev, NULL);
	scanners[nscanners++] = s;
}

static inline void
scanner_go(struct scanner *s)
{
	unsigned int	i;

	for (i = 0; i < SCANNER_SCRIPTS; i++)
		if (s->peers[i] != NULL && s->peers[i]->paused) {
			s->peers[i]->paused = 0;
			s->peers[i]->step++;
			peer_play(s->peers[i]);
			return;
		}
	abort();
}

/* Makes the scanner ready for the next case: only its socket stays. */
static inline void
scanner_reset(struct scanner *s)
{
	unsigned int	i;

	for (i = 0; i < SCANNER_SCRIPTS; i++) {
		if (s->peers[i] != NULL)
			peer_end(s->peers[i], 0);
		s->script[i] = NULL;
	}
	s->next = s->conns = 0;
	s->refuse = s->writable = 0;
	buf_free(&s->in);
	buf_free(&s->file);
}

/* Plays the parent, whose answer comes from the event loop. */
struct scan_fix_ask {
	uint64_t	id;
	char		path[100];
};

static void
scan_fix_answer(evutil_socket_t unused, short what, void *arg)
{
	struct scan_fix_ask	*a = arg;
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	unsigned int		 i;
	int			 fd = -1, error = 0;

	(void)unused;
	(void)what;
	for (i = 0; i < nscanners; i++)
		if (strcmp(scanners[i]->path, a->path) == 0)
			error = scanners[i]->refuse;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", a->path);
	if (error == 0 && ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0)) == -1 || connect(fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == -1)) {
		error = errno;
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	scan_socket(a->id, (uint32_t)error, fd);
	free(a);
}

static int
scan_fix_ask(uint64_t id, const char *module, const char *path)
{
	static const struct timeval	 now = { 0, 0 };
	struct scan_fix_ask		*a;

	(void)module;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (-1);
	a->id = id;
	snprintf(a->path, sizeof(a->path), "%s", path);
	return (event_base_once(scan_fix_base, -1, EV_TIMEOUT,
	    scan_fix_answer, a, &now));
}

static inline void
scan_fix_init(struct event_base *base)
{
	scan_fix_base = base;
	scan_init(base, scan_fix_ask);
	signal(SIGPIPE, SIG_DFL);	/* a missing MSG_NOSIGNAL kills */
}

#endif
