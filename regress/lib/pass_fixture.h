/*
 * Plays pass at the other end of front's channel: records in words each session
 * that is handed over, and answers as the test says.  A session that it accepts
 * stays open.  The test can write to the client of the last one, and what that
 * client sends is recorded.
 */
#ifndef PASS_FIXTURE_H
#define PASS_FIXTURE_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/log.h"
#include "spamgreyd/front/front.h"
#include "regress/lib/front_fixture.h"

enum pass_mode { PASS_OK, PASS_NO, PASS_SILENT, PASS_LOST };

struct pass_fixture {
	struct chan	*chan;		/* pass' end */
	void		(*heard)(const char *line);
	/* Called with an accepted session; NULL: its input is recorded. */
	void		(*taken)(int fd);
	enum pass_mode	 mode;
	const char	*why;		/* of PASS_NO */
	uint64_t	 id;		/* of the last one */
	uint64_t	 silent[256];	/* those without an answer */
	size_t		 nsilent;
	int		 fd;		/* its descriptor, -1 */
	struct event	*ev, *out_ev;
	FILE		*to;		/* input goes here, not into words */
	FILE		*from;		/* and this is sent, as there is room */
	char		 piece[8192];	/* of `from' */
	size_t		 at, len;
};
static struct pass_fixture	played = { .fd = -1 };

static void played_hear(const char *, ...)
    __attribute__((__format__(printf, 1, 2)));

static void
played_hear(const char *fmt, ...)
{
	char	line[40000];
	va_list	ap;

	if (played.heard == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	played.heard(line);
}

static void
played_close(void)
{
	if (played.ev != NULL)
		event_free(played.ev);
	if (played.out_ev != NULL)
		event_free(played.out_ev);
	played.ev = played.out_ev = NULL;
	if (played.fd != -1)
		close(played.fd);
	played.fd = -1;
}

static void
played_read(evutil_socket_t fd, short what, void *arg)
{
	char	buf[4096], enc[4 * sizeof(buf) + 1];
	ssize_t	n;

	(void)what;
	(void)arg;
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n > 0 && played.to != NULL) {
		if (fwrite(buf, 1, (size_t)n, played.to) != (size_t)n ||
		    fflush(played.to) != 0)
			abort();
		return;
	}
	if (n > 0) {
		played_hear("HEARS %s", log_encode(enc, sizeof(enc), buf,
		    (size_t)n));
		return;
	}
	played_hear(n == 0 ? "HEARS the end" : "HEARS an error");
	event_free(played.ev);
	played.ev = NULL;
}

static void
played_write(evutil_socket_t fd, short what, void *arg)
{
	ssize_t	n;

	(void)what;
	(void)arg;
	if (played.at == played.len) {
		played.at = 0;
		played.len = fread(played.piece, 1, sizeof(played.piece),
		    played.from);
	}
	if (played.len == 0) {
		fclose(played.from);
		played.from = NULL;
		event_free(played.out_ev);
		played.out_ev = NULL;
		played_hear("SENT");
		return;
	}
	n = send(fd, played.piece + played.at, played.len - played.at,
	    MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		played.at += (size_t)n;
}

/* Sends a whole file, as fast as front reads. */
static inline void
played_send(const char *file)
{
	if ((played.from = fopen(file, "r")) == NULL)
		abort();
	played.at = played.len = 0;
	played.out_ev = event_new(fixture.child.base, played.fd,
	    EV_WRITE | EV_PERSIST, played_write, NULL);
	event_add(played.out_ev, NULL);
}

static void
played_on_begin(struct chan *ch, struct msg *m, void *arg)
{
	static const char *const kinds[] = { "white", "whitelisted",
		"not-to" };
	struct handover	h;
	char		a[ADDR_STRLEN], b[ADDR_STRLEN];

	(void)ch;
	(void)arg;
	if (proto_get_handover(m, &h) == -1)
		abort();
	played_hear("BEGIN %s %s%s%s%s helo=%s from=%s params=%s "
	    "offered=%x bad=%u events=%x tls=%s dst=%s",
	    addr_str(&h.client, a), kinds[h.kind],
	    h.flags & HANDOVER_BANNER ? " banner" : "",
	    h.flags & HANDOVER_ESMTP ? " esmtp" : "",
	    h.flags & HANDOVER_PENDING ? " pending" : "", h.helo, h.from,
	    h.from_params, h.offered, h.bad, h.events, h.tls_version,
	    addr_str(&h.dst, b));
	if ((h.tls_version[0] == '\0') != (h.tls_cipher[0] == '\0'))
		abort();
	played.id = m->id;
}

static void
played_on_rcpt(struct chan *ch, struct msg *m, void *arg)
{
	const char	*to = msg_get_str(m), *params = msg_get_str(m);

	(void)ch;
	(void)arg;
	if (m->id != played.id)
		abort();
	played_hear("RCPT %s %s", to, params);
}

static void
played_on_input(struct chan *ch, struct msg *m, void *arg)
{
	const uint8_t	*data;
	size_t		 len;
	char		 enc[4 * IPC_MAX];

	(void)ch;
	(void)arg;
	data = msg_get_data(m, &len);
	if (m->id != played.id)
		abort();
	played_hear("INPUT %s", log_encode(enc, sizeof(enc),
	    (const char *)data, len));
}

static void
played_no(const char *why)
{
	ipc_begin(chan_ipc(played.chan), MSG_HANDOVER_NO, played.id);
	ipc_put_str(chan_ipc(played.chan), why);
	(void)chan_send(played.chan, -1);
}

static inline void
played_refuse(size_t n)
{
	size_t	i;

	if (n > played.nsilent)
		n = played.nsilent;
	for (i = 0; i < n; i++) {
		played.id = played.silent[i];
		played_no("after all");
	}
	played.nsilent -= n;
	memmove(played.silent, played.silent + n,
	    played.nsilent * sizeof(played.silent[0]));
}

static void
played_ok(void)
{
	(void)chan_send_empty(played.chan, MSG_HANDOVER_OK, played.id);
	if (played.taken != NULL) {
		played.taken(played.fd);
		played.fd = -1;
		return;
	}
	played.ev = event_new(fixture.child.base, played.fd,
	    EV_READ | EV_PERSIST, played_read, NULL);
	event_add(played.ev, NULL);
}

static void
played_on_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	if (m->id != played.id || m->fd == -1)
		abort();
	played_close();
	played.fd = msg_take_fd(m);
	played_hear("END");
	if (played.mode == PASS_OK)
		played_ok();
	else if (played.mode == PASS_SILENT && played.nsilent < 256)
		played.silent[played.nsilent++] = m->id;
	else if (played.mode != PASS_SILENT) {
		played_close();
		played_no(played.mode == PASS_NO ? played.why :
		    "its descriptor was lost");
	}
}

static const struct chan_rule played_rules[] = {
	{ MSG_HANDOVER_BEGIN, 0, played_on_begin },
	{ MSG_HANDOVER_RCPT, 0, played_on_rcpt },
	{ MSG_HANDOVER_INPUT, 0, played_on_input },
	{ MSG_HANDOVER_END, CHAN_FD, played_on_end },
	{ 0, 0, NULL }
};

static void
played_ended(struct chan *ch, enum chan_end end, void *arg)
{
	(void)end;
	(void)arg;
	played_hear("ENDED");
	played.chan = NULL;
	chan_free(ch);
}

/* Call it after fixture_init and before the first configuration. */
static void
played_init(struct child *child)
{
	int	sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == -1)
		abort();
	played.chan = chan_new(child->base, sv[0], "front", played_rules,
	    NULL, played_ended);
	if (played.chan == NULL)
		abort();
	role_front.peer(child, ROLE_PASS, 0, sv[1]);
}

#endif
