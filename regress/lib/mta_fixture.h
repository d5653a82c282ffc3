/*
 * A mail server (MTA) that follows a script, in the process and event loop of
 * its client, so that a test can make every order of events.  Each connection
 * follows the next script of the server, a list of steps:
 *	">text"		send it, with CRLF; further ">" steps in the same write
 *	">>text"	the same without CRLF (the rest of the line comes later)
 *	"<text"		wait for exactly that line; "<*" any line
 *	"<."		read a message to its dot, into server.body
 *	"<#n"		read n bytes, into server.body
 *	"pause"		wait for server_go()
 *	"slow"		from here on read only a little in each turn
 *	"tls"		STARTTLS from here on (server.cert, .key)
 *	"close" "reset"	end the connection
 *	"huge"		send 10,000 bytes without an end of line
 *	"hang"		do nothing any more; server.hung
 * server.wrong has the unexpected lines of the client.
 */
#ifndef MTA_FIXTURE_H
#define MTA_FIXTURE_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <event2/event.h>
#include <tls.h>

#include "lib/base/buf.h"
#include "regress/lib/tap.h"

#define SERVER_SCRIPTS	8

struct server {
	struct event_base	*base;
	int			 lfd;
	uint16_t		 port;
	struct event		*lev;
	const char *const	*script[SERVER_SCRIPTS];
	unsigned int		 next;		/* script */
	int			 hung;
	struct peer		*paused;
	char			 wrong[512];
	char			 heard[4096];	/* all lines, '|' between */
	struct buf		 body;
	struct tls		*ctx;
	unsigned int		 conns, live;	/* accepted; open now */
	struct peer		*dead[SERVER_SCRIPTS];	/* those at "hang" */
	unsigned int		 ndead;
};

struct peer {
	struct server		*s;
	struct event		*ev;
	int			 fd;
	struct tls		*tls;
	int			 handshake, slow;
	const char *const	*step;
	struct buf		 in, out;
	size_t			 seen;		/* of in, up to the dot */
};

static int	peer_go(struct peer *);

static void
peer_free(struct peer *p)
{
	if (p->s->paused == p)
		p->s->paused = NULL;
	if (p->tls != NULL) {
		(void)tls_close(p->tls);
		tls_free(p->tls);
	}
	if (p->ev != NULL) {
		event_free(p->ev);
		p->s->live--;
	}
	close(p->fd);
	buf_free(&p->in);
	buf_free(&p->out);
	free(p);
}

static void
peer_flush(struct peer *p)
{
	ssize_t	n = 0;

	while (buf_len(&p->out) > 0) {
		if (p->tls != NULL)
			n = tls_write(p->tls, buf_ptr(&p->out),
			    buf_len(&p->out));
		else
			n = send(p->fd, buf_ptr(&p->out), buf_len(&p->out),
			    MSG_NOSIGNAL);
		if (n <= 0)
			break;
		buf_drain(&p->out, (size_t)n);
	}
}

static int
peer_body(struct peer *p)
{
	uint8_t	*end;
	size_t	 len = buf_len(&p->in), from = p->seen > 4 ? p->seen - 4 : 0;

	p->seen = len;
	if (len >= 3 && memcmp(buf_ptr(&p->in), ".\r\n", 3) == 0)
		end = buf_ptr(&p->in) + 3;
	else if (len > 0 && (end = memmem(buf_ptr(&p->in) + from, len - from,
	    "\r\n.\r\n", 5)) != NULL)
		end += 5;
	else
		return (0);
	len = (size_t)(end - buf_ptr(&p->in));
	buf_free(&p->s->body);
	if (buf_add(&p->s->body, buf_ptr(&p->in), len) == -1)
		exit(1);
	buf_drain(&p->in, len);
	p->seen = 0;
	return (1);
}

/* 1: the step is done; 0: it needs more input. */
static int
peer_expect(struct peer *p, const char *want)
{
	struct server	*s = p->s;
	uint8_t		*lf;
	size_t		 n;
	char		 line[2100];

	if (strcmp(want, ".") == 0)
		return (peer_body(p));
	if (want[0] == '#') {
		n = (size_t)atoi(want + 1);
		if (buf_len(&p->in) < n)
			return (0);
		buf_free(&s->body);
		if (buf_add(&s->body, buf_ptr(&p->in), n) == -1)
			exit(1);
		buf_drain(&p->in, n);
		return (1);
	}
	if (buf_len(&p->in) == 0 || (lf = memchr(buf_ptr(&p->in), '\n',
	    buf_len(&p->in))) == NULL)
		return (0);
	n = (size_t)(lf - buf_ptr(&p->in));
	snprintf(line, sizeof(line), "%.*s", (int)(n > 0 ? n - 1 : 0),
	    (char *)buf_ptr(&p->in));
	buf_drain(&p->in, n + 1);
	if (s->heard[0] != '\0')
		strncat(s->heard, "|", sizeof(s->heard) - strlen(s->heard) - 1);
	strncat(s->heard, line, sizeof(s->heard) - strlen(s->heard) - 1);
	/* "text*": a line that begins with it */
	n = strcspn(want, "*");
	if (want[n] == '*' ? strncmp(want, line, n) != 0 :
	    strcmp(want, line) != 0)
		snprintf(s->wrong, sizeof(s->wrong), "%.200s, not %.200s",
		    line, want);
	return (1);
}

/* One step.  1: it is done; 0: it needs more input; -1: it was the last. */
static int
peer_step(struct peer *p)
{
	struct linger	 hard = { 1, 0 };
	const char	*t = *p->step;
	char		 x[100];
	int		 i;

	if (t == NULL || (t[0] == '<' && !peer_expect(p, t + 1)))
		return (0);
	if (t[0] == '>') {
		buf_addstr(&p->out, t + (t[1] == '>' ? 2 : 1));
		if (t[1] != '>')
			buf_addstr(&p->out, "\r\n");
		if (p->step[1] == NULL || p->step[1][0] != '>')
			peer_flush(p);
	} else if (strcmp(t, "slow") == 0)
		p->slow = 1;
	else if (strcmp(t, "tls") == 0) {
		if (tls_accept_socket(p->s->ctx, &p->tls, p->fd) == -1)
			exit(1);
		p->handshake = 1;
		p->step++;
		return (0);
	} else if (strcmp(t, "huge") == 0) {
		memset(x, 'x', sizeof(x));
		memcpy(x, "250 ", 4);
		for (i = 0; i < 100; i++, memset(x, 'x', sizeof(x)))
			buf_add(&p->out, x, sizeof(x));
		peer_flush(p);
	} else if (strcmp(t, "hang") == 0) {
		p->s->hung = 1;
		p->s->dead[p->s->ndead++] = p;
		event_free(p->ev);	/* it does not read */
		p->ev = NULL;
		p->s->live--;
		return (-1);
	} else if (strcmp(t, "pause") == 0) {
		p->s->paused = p;
		return (0);
	} else if (t[0] != '<') {
		if (strcmp(t, "reset") == 0)
			setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard,
			    sizeof(hard));
		peer_free(p);
		return (-1);
	}
	p->step++;
	return (1);
}

/* Does all steps that it can do now.  -1: the connection has ended. */
static int
peer_go(struct peer *p)
{
	int	r;

	while ((r = peer_step(p)) == 1)
		;
	if (r == 0 && *p->step == NULL && buf_len(&p->in) > 0)
		snprintf(p->s->wrong, sizeof(p->s->wrong), "more than was "
		    "expected: %.*s", (int)(buf_len(&p->in) < 200 ?
		    buf_len(&p->in) : 200), (char *)buf_ptr(&p->in));
	return (r);
}

static void
peer_event(evutil_socket_t fd, short what, void *arg)
{
	struct peer	*p = arg;
	uint8_t		 data[65536];
	ssize_t		 n;
	size_t		 want = p->slow ? 20000 : sizeof(data);

	(void)what;
	if (p->handshake) {
		n = tls_handshake(p->tls);
		if (n == -1)
			peer_free(p);
		if (n != 0)
			return;
		p->handshake = 0;
		(void)peer_go(p);
		return;
	}
	do {
		n = p->tls != NULL ? tls_read(p->tls, data, want) :
		    recv(fd, data, want, 0);
		if (p->tls != NULL ? n == TLS_WANT_POLLIN :
		    n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			peer_free(p);
			return;
		}
		if (buf_add(&p->in, data, (size_t)n) == -1)
			exit(1);
		if (peer_go(p) == -1)
			return;
	} while (p->tls != NULL && !p->handshake);
}


static void
server_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct server	*s = arg;
	struct peer	*p;
	int		 fd;

	(void)what;
	if ((fd = accept(lfd, NULL, NULL)) == -1)
		return;
	evutil_make_socket_nonblocking(fd);
	s->conns++;
	s->live++;
	if (s->next >= SERVER_SCRIPTS || s->script[s->next] == NULL) {
		snprintf(s->wrong, sizeof(s->wrong), "a connection too many");
		s->live--;
		close(fd);
		return;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		exit(1);
	p->s = s;
	p->fd = fd;
	p->step = s->script[s->next++];
	p->ev = event_new(s->base, fd, EV_READ | EV_PERSIST, peer_event, p);
	event_add(p->ev, NULL);
	(void)peer_go(p);
}

static int
server_listen(int backlog, uint16_t *port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, backlog) == -1 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) == -1) {
		perror("listen");
		exit(1);
	}
	*port = ntohs(sin.sin_port);
	return (fd);
}

static void
server_start(struct server *s, struct event_base *base)
{
	memset(s, 0, sizeof(*s));
	s->base = base;
	s->lfd = server_listen(16, &s->port);
	s->lev = event_new(base, s->lfd, EV_READ | EV_PERSIST, server_accept,
	    s);
	event_add(s->lev, NULL);
}

static inline void
server_go(struct server *s)
{
	struct peer	*p = s->paused;

	s->paused = NULL;
	if (p == NULL)
		return;
	p->step++;
	(void)peer_go(p);
}

/* Makes the server ready for the next case: only its socket stays. */
static inline void
server_reset(struct server *s)
{
	while (s->ndead > 0)
		peer_free(s->dead[--s->ndead]);
	memset(s->script, 0, sizeof(s->script));
	s->next = s->conns = 0;
	s->hung = 0;
	s->paused = NULL;
	s->wrong[0] = s->heard[0] = '\0';
	buf_free(&s->body);
}

#endif
