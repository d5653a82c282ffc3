/*
 * A mail server for fuzz targets of pass: it checks that it gets whole lines,
 * commands without control characters and no bare CR or LF, and the target says
 * what it answers.
 */
#ifndef FUZZ_MTA_H
#define FUZZ_MTA_H

#include <netinet/in.h>

#include <errno.h>

#include "regress/lib/pass_play.h"

struct peer {				/* one connection to the MTA */
	struct event	 ev;
	int		 fd;
	int		 data;		/* 0, or after 354 */
	size_t		 len;
	char		 line[70000];
};

static int		 listener;
static struct event	 listen_ev;
static unsigned int	 npeers;
static struct peer	*peer_last;	/* the newest; NULL: it is gone */

/* The target's: a line without its end.  -1: the connection is over. */
static int	peer_line(struct peer *, const char *);
static void	peer_begin(struct peer *);	/* its banner */

static void
peer_gone(struct peer *p)
{
	if (peer_last == p)
		peer_last = NULL;
	event_del(&p->ev);
	close(p->fd);
	free(p);
	npeers--;
}

static void
peer_say(struct peer *p, const char *text)
{
	(void)send(p->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
peer_read(evutil_socket_t fd, short what, void *arg)
{
	struct peer	*p = arg;
	char		 buf[8192];
	ssize_t		 n, i;

	(void)what;
	if ((n = recv(fd, buf, sizeof(buf), 0)) <= 0) {
		if (n == 0 || errno != EAGAIN)
			peer_gone(p);
		return;
	}
	for (i = 0; i < n; i++) {
		if (p->len == sizeof(p->line) - 1 ||
		    (buf[i] == '\0' && !p->data))
			abort();
		p->line[p->len++] = buf[i];
		/* No CR but before LF, no LF but after CR. */
		if (p->len > 1 && p->line[p->len - 2] == '\r' &&
		    buf[i] != '\n')
			abort();
		if (buf[i] != '\n')
			continue;
		if (p->len < 2 || p->line[p->len - 2] != '\r')
			abort();
		p->line[p->len - 2] = '\0';
		p->len = 0;
		if (peer_line(p, p->line) == -1) {
			peer_gone(p);
			return;
		}
	}
}

static void
peer_new(evutil_socket_t fd, short what, void *arg)
{
	struct peer	*p;
	int		 s;

	(void)what;
	(void)arg;
	if ((s = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) == -1)
		return;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		abort();
	p->fd = s;
	npeers++;
	event_assign(&p->ev, fixture.child.base, s, EV_READ | EV_PERSIST,
	    peer_read, p);
	event_add(&p->ev, NULL);
	peer_last = p;
	peer_begin(p);
}

static uint16_t
mta_listen(void)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (listener == -1 ||
	    bind(listener, (struct sockaddr *)&sin, len) == -1 ||
	    listen(listener, 128) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin, &len) == -1)
		abort();
	event_assign(&listen_ev, fixture.child.base, listener,
	    EV_READ | EV_PERSIST, peer_new, NULL);
	event_add(&listen_ev, NULL);
	return (ntohs(sin.sin_port));
}

#endif
