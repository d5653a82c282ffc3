/* A channel in an event loop: batches, writes, hostile peers, freeing. */
#include <sys/types.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/ipc/chan.h"
#include "lib/base/log.h"
#include "regress/lib/tap.h"

enum { T_PING = 1, T_PONG, T_FD, T_SHORT, T_FREE, T_PAUSE, T_FLOOD };

struct side {
	struct chan	*c;
	int		 got[16];
	int		 batches;
	int		 frames_at_batch[32];
	int		 frames;
	size_t		 max_queued;	/* seen in on_batch */
	int		 ended;
	enum chan_end	 how;
	int		 fd;
	uint64_t	 last_id;
	int		 free_in;	/* 1 handler, 2 batch */
};

static struct event_base	*base;
static char			 logged[LOG_LINE_MAX];

static int			 reads;		/* system calls */

/* In place of the C library's. */
ssize_t
recvmsg(int fd, struct msghdr *mh, int flags)
{
	static ssize_t	(*real)(int, struct msghdr *, int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "recvmsg");
	reads++;
	return (real(fd, mh, flags));
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	snprintf(logged, sizeof(logged), "%s", line);
}

static void
h_any(struct chan *c, struct msg *m, void *arg)
{
	struct side	*s = arg;

	s->got[m->type]++;
	s->frames++;
	s->last_id = m->id;
	while (msg_left(m) > 0)
		msg_get_u8(m);
	if (m->type == T_PING) {
		ipc_begin(chan_ipc(c), T_PONG, m->id);
		chan_send(c, -1);
	}
}

static void
h_fd(struct chan *c, struct msg *m, void *arg)
{
	struct side	*s = arg;

	(void)c;
	s->got[m->type]++;
	s->fd = msg_take_fd(m);
}

static void
h_short(struct chan *c, struct msg *m, void *arg)
{
	struct side	*s = arg;

	(void)c;
	s->got[m->type]++;
	msg_get_u8(m);
}

static void
h_free(struct chan *c, struct msg *m, void *arg)
{
	struct side	*s = arg;

	s->got[m->type]++;
	chan_free(c);
	s->c = NULL;
	/* The frame is still there for the rest of the handler. */
	ok(msg_get_u32(m) == 0xfeedbeef, "frame readable after chan_free");
}

static void
h_pause(struct chan *c, struct msg *m, void *arg)
{
	struct side	*s = arg;

	s->got[m->type]++;
	chan_pause(c);
}

static const struct chan_rule rules[] = {
	{ T_PING, 0, h_any }, { T_PONG, 0, h_any }, { T_FD, CHAN_FD, h_fd },
	{ T_SHORT, 0, h_short }, { T_FREE, 0, h_free },
	{ T_PAUSE, 0, h_pause }, { T_FLOOD, 0, h_any }, { 0, 0, NULL }
};

static void
ended(struct chan *c, enum chan_end how, void *arg)
{
	struct side	*s = arg;

	s->ended++;
	s->how = how;
	chan_free(c);
	s->c = NULL;
}

static void
batch(struct chan *c, void *arg)
{
	struct side	*s = arg;

	if (s->batches < 32)
		s->frames_at_batch[s->batches] = s->frames;
	s->batches++;
	if (chan_queued(c) > s->max_queued)
		s->max_queued = chan_queued(c);
	if (s->free_in == 2) {
		chan_free(c);
		s->c = NULL;
	}
}

static void
pair(struct side *a, struct side *b, int sv[2])
{
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->fd = b->fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		fatal("socketpair");
	a->c = chan_new(base, sv[0], "peer-b", rules, a, ended);
	b->c = chan_new(base, sv[1], "peer-a", rules, b, ended);
	chan_on_batch(a->c, batch);
	chan_on_batch(b->c, batch);
}

static void
unpair(struct side *a, struct side *b)
{
	chan_free(a->c);
	chan_free(b->c);
}

/* Runs until nothing is due; both ends live in this process. */
static void
spin(void)
{
	int	i;

	for (i = 0; i < 50; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
test_exchange(void)
{
	struct side	a, b;
	int		sv[2], i;

	pair(&a, &b, sv);
	for (i = 0; i < 100; i++)
		chan_send_empty(a.c, T_PING, (uint64_t)i);
	is_int(chan_queued(a.c), 100 * sizeof(struct ipc_hdr),
	    "sending only queues");
	spin();
	is_int(chan_queued(a.c), 0, "and the loop writes");
	is_int(b.got[T_PING], 100, "all arrived");
	is_int(a.got[T_PONG], 100, "all answered");
	is_int(a.last_id, 99, "ids in order");
	is_int(b.batches, 1, "what one turn sent is one batch");
	is_int(a.batches, 1, "and so are the answers");
	unpair(&a, &b);
}

static void
test_batch(void)
{
	struct side	a, b;
	int		sv[2], i, max = 0;

	pair(&a, &b, sv);
	chan_set_batch(b.c, 32);
	for (i = 0; i < 100; i++)
		chan_send_empty(a.c, T_PING, 1);
	spin();
	is_int(b.got[T_PING], 100, "all arrived in batches");
	is_int(b.batches, 4, "100 frames in batches of 32");
	for (i = 0; i < 4; i++)
		if (b.frames_at_batch[i] - (i ? b.frames_at_batch[i - 1] : 0)
		    > max)
			max = b.frames_at_batch[i] -
			    (i ? b.frames_at_batch[i - 1] : 0);
	is_int(max, 32, "none of them larger");
	is_int(b.max_queued, 32 * sizeof(struct ipc_hdr),
	    "the answers to each batch left before the next");
	unpair(&a, &b);
}

static struct side	*quiet;		/* has one frame to say … */
static struct side	*heard;		/* … to this one */
static int		 busy_when_heard;

/* The quiet one speaks in the first batch of the busy one. */
static void
fair_batch(struct chan *c, void *arg)
{
	struct side	*s = arg;

	(void)c;
	s->batches++;
	if (s->batches == 1) {
		chan_send_empty(quiet->c, T_FLOOD, 0);
		chan_flush(quiet->c);
	}
	if (heard->frames == 0)
		busy_when_heard = s->frames;
}

/* Whoever has always another batch ready must not keep others waiting. */
static void
test_fair(void)
{
	struct side	a, b, c, d;
	int		sv[2], i;

	pair(&a, &b, sv);
	pair(&c, &d, sv);
	quiet = &c;
	heard = &d;
	chan_set_batch(b.c, 8);
	chan_on_batch(b.c, fair_batch);
	for (i = 0; i < 800; i++)
		chan_send_empty(a.c, T_FLOOD, 0);
	for (i = 0; i < 50; i++)
		spin();
	is_int(b.frames, 800, "the busy one: all frames");
	is_int(d.frames, 1, "the other: its frame");
	ok(busy_when_heard <= 32, "heard between two batches");
	unpair(&a, &b);
	unpair(&c, &d);
}

static void
test_backpressure(void)
{
	struct side	a, b;
	uint8_t		block[8000];
	int		sv[2], i, sent = 0;

	memset(block, 7, sizeof(block));
	pair(&a, &b, sv);
	chan_pause(b.c);
	for (i = 0; i < 1000; i++) {
		ipc_begin(chan_ipc(a.c), T_FLOOD, (uint64_t)i);
		ipc_put(chan_ipc(a.c), block, sizeof(block));
		sent += chan_send(a.c, -1) == 0;
	}
	spin();
	is_int(sent, 1000, "8 MB queued");
	ok(chan_queued(a.c) > 0, "a full socket keeps the rest queued");
	is_int(b.got[T_FLOOD], 0, "paused: nothing is handled");
	chan_resume(b.c);
	for (i = 0; i < 1000 && b.got[T_FLOOD] < 1000; i++)
		spin();
	is_int(b.got[T_FLOOD], 1000, "resumed: everything comes");
	is_int(b.last_id, 999, "in order");
	is_int(chan_queued(a.c), 0, "nothing is left");
	unpair(&a, &b);
}

static void
test_pause_inside(void)
{
	struct side	a, b;
	int		sv[2];

	pair(&a, &b, sv);
	chan_send_empty(a.c, T_PAUSE, 0);
	chan_send_empty(a.c, T_PING, 0);
	spin();
	is_int(b.got[T_PAUSE], 1, "the frame that pauses is handled");
	is_int(b.got[T_PING], 0, "the one behind it is kept");
	chan_resume(b.c);
	spin();
	is_int(b.got[T_PING], 1, "and handled after resume");
	unpair(&a, &b);
}

static void
test_fd(void)
{
	struct side	a, b;
	int		sv[2], p[2];
	char		ch = 0;

	pair(&a, &b, sv);
	if (pipe(p) == -1)
		fatal("pipe");
	chan_send_empty(a.c, T_PING, 0);
	ipc_begin(chan_ipc(a.c), T_FD, 1);
	is_int(chan_send(a.c, p[1]), 0, "send a descriptor");
	chan_flush(a.c);
	ok(fcntl(p[1], F_GETFD) == -1, "the sender's is closed");
	spin();
	ok(b.fd != -1 && (fcntl(b.fd, F_GETFD) & FD_CLOEXEC),
	    "it arrives, close-on-exec");
	ok(write(b.fd, "x", 1) == 1 && read(p[0], &ch, 1) == 1 && ch == 'x',
	    "and is the same pipe");
	close(b.fd);
	close(p[0]);

	/* A descriptor with a type that has none. */
	if (pipe(p) == -1)
		fatal("pipe");
	ipc_begin(chan_ipc(a.c), T_PING, 1);
	chan_send(a.c, p[1]);
	spin();
	is_int(b.ended, 1, "a descriptor where none may be ends the channel");
	is_int(b.how, CHAN_BROKEN, "as broken");
	ok(strstr(logged, "peer-a") != NULL && strstr(logged, "type 1") != NULL,
	    "the log names peer and type");
	is_int(read(p[0], &ch, 1), 0, "and the descriptor was closed");
	close(p[0]);
	unpair(&a, &b);
}

static void
test_hostile(void)
{
	static const struct {
		uint32_t	len;
		uint16_t	type;
		size_t		send;
		const char	*name;
	} t[] = {
		{ 16, 77, 16, "unknown type" },
		{ 16, 0, 16, "type zero" },
		{ 15, T_PING, 16, "length below the header" },
		{ 0, T_PING, 16, "length zero" },
		{ IPC_MAX + 1, T_PING, 16, "length above the maximum" },
		{ 0xffffffff, T_PING, 16, "length of 4 GB" },
		{ 18, T_SHORT, 18, "body not consumed whole" },
		{ 16, T_SHORT, 16, "body too short" },
	};
	struct side	a, b;
	struct ipc_hdr	hdr;
	uint8_t		frame[32];
	char		name[80];
	size_t		i;
	int		sv[2];

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		pair(&a, &b, sv);
		memset(frame, 0, sizeof(frame));
		memset(&hdr, 0, sizeof(hdr));
		hdr.len = t[i].len;
		hdr.type = t[i].type;
		memcpy(frame, &hdr, sizeof(hdr));
		logged[0] = '\0';
		if (write(sv[0], frame, t[i].send) != (ssize_t)t[i].send)
			fatal("write");
		spin();
		snprintf(name, sizeof(name), "%s: ended once, broken, logged",
		    t[i].name);
		ok(b.ended == 1 && b.how == CHAN_BROKEN && logged[0] != '\0',
		    name);
		snprintf(name, sizeof(name), "%s: the other end sees EOF",
		    t[i].name);
		ok(a.ended == 1 && a.how == CHAN_EOF, name);
		unpair(&a, &b);
	}
}

static void
test_free(void)
{
	struct side	a, b;
	int		sv[2];

	pair(&a, &b, sv);
	ipc_begin(chan_ipc(a.c), T_FREE, 0);
	ipc_put_u32(chan_ipc(a.c), 0xfeedbeef);
	chan_send(a.c, -1);
	chan_send_empty(a.c, T_PING, 0);
	spin();
	is_int(b.got[T_PING], 0, "nothing is handled after chan_free");
	is_int(b.ended, 0, "nor the end told");
	is_int(b.batches, 0, "nor a batch");
	is_int(a.how, CHAN_EOF, "the peer sees the end");
	unpair(&a, &b);

	pair(&a, &b, sv);
	b.free_in = 2;
	chan_set_batch(b.c, 1);
	chan_send_empty(a.c, T_PING, 0);
	chan_send_empty(a.c, T_PING, 0);
	spin();
	is_int(b.batches, 1, "freed from on_batch");
	is_int(b.got[T_PING], 1, "which ended it at once");
	unpair(&a, &b);

	/* Freed with frames still queued and the flush event active. */
	pair(&a, &b, sv);
	chan_send_empty(a.c, T_PING, 0);
	chan_free(a.c);
	a.c = NULL;
	spin();
	is_int(b.how, CHAN_EOF, "freed while a flush was due");
	unpair(&a, &b);
}

static void
test_eof(void)
{
	struct side	a, b;
	int		sv[2], i;

	/* The last words of a peer that died are still heard. */
	pair(&a, &b, sv);
	for (i = 0; i < 10; i++)
		chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	chan_free(a.c);
	a.c = NULL;
	chan_send_empty(b.c, T_FLOOD, 0);	/* gets EPIPE */
	spin();
	is_int(b.got[T_FLOOD], 10, "frames before the end are handled");
	is_int(b.ended, 1, "then the end is told, once");
	is_int(b.how, CHAN_EOF, "as an end of file");
	unpair(&a, &b);
}

static void
test_drain(void)
{
	struct side	a, b;
	int		sv[2], i;

	pair(&a, &b, sv);
	chan_set_batch(b.c, 8);
	for (i = 0; i < 100; i++)
		chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	chan_drain(b.c);
	is_int(b.got[T_FLOOD], 100, "drain handles what is there, now");
	is_int(b.batches, 13, "in batches, the last one too");
	chan_free(a.c);
	a.c = NULL;
	chan_drain(b.c);
	is_int(b.ended, 0, "drain never tells the end itself");
	spin();
	is_int(b.ended, 1, "the loop does");
	unpair(&a, &b);
}

/* A read that empties the socket is not repeated, and nothing is lost by it. */
static void
test_short(void)
{
	struct ipc_hdr	hdr = { sizeof(hdr), T_FLOOD, 0, 0 };
	struct side	a, b;
	int		sv[2], p[2];

	pair(&a, &b, sv);
	chan_send_empty(a.c, T_FLOOD, 0);
	reads = 0;
	spin();
	is_int(b.got[T_FLOOD], 1, "a frame is read");
	is_int(reads, 1, "... by one system call");
	is_int(write(sv[0], &hdr, 5), 5, "a part of a frame");
	spin();
	is_int(write(sv[0], (char *)&hdr + 5, sizeof(hdr) - 5),
	    sizeof(hdr) - 5, "... and its rest, later");
	spin();
	is_int(b.got[T_FLOOD], 2, "... are a frame");

	/* Everything that is there is drained, beyond a descriptor too. */
	if (pipe(p) == -1)
		fatal("pipe");
	chan_send_empty(a.c, T_FLOOD, 0);
	ipc_begin(chan_ipc(a.c), T_FD, 0);
	chan_send(a.c, p[0]);
	chan_flush(a.c);
	chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	chan_drain(b.c);
	is_int(b.got[T_FLOOD], 4, "frames around a descriptor are drained");
	is_int(b.got[T_FD], 1, "... and its own");
	close(b.fd);
	close(p[1]);

	chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	shutdown(sv[0], SHUT_WR);
	spin();
	is_int(b.got[T_FLOOD], 5, "a frame before the peer's half-close");
	is_int(b.ended, 1, "... and then its end");
	is_int(b.how, CHAN_EOF, "... of file");
	unpair(&a, &b);

	pair(&a, &b, sv);
	chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	reads = 0;
	chan_drain(b.c);
	is_int(reads, 1, "one system call again");
	chan_free(a.c);
	a.c = NULL;
	spin();
	is_int(b.ended, 1, "the end of file after it is told");
	unpair(&a, &b);

	/* A peer that only reads no more makes nothing readable by that. */
	pair(&a, &b, sv);
	chan_send_empty(a.c, T_FLOOD, 0);
	chan_flush(a.c);
	shutdown(sv[0], SHUT_RD);
	chan_send_empty(b.c, T_FLOOD, 0);
	chan_flush(b.c);
	spin();
	is_int(b.got[T_FLOOD], 1, "a frame of a peer that reads no more");
	is_int(b.ended, 1, "... and its end");
	unpair(&a, &b);
}

/* What may wait leaves by itself, and before what is sent after it. */
static void
test_later(void)
{
	struct side	a, b;
	int		sv[2];

	pair(&a, &b, sv);
	ipc_begin(chan_ipc(a.c), T_FLOOD, 1);
	is_int(chan_send_later(a.c), 0, "a message that may wait");
	while (b.got[T_FLOOD] == 0)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(b.last_id, 1, "... leaves by itself");
	ipc_begin(chan_ipc(a.c), T_FLOOD, 2);
	chan_send_later(a.c);
	chan_send_empty(a.c, T_FLOOD, 3);
	reads = 0;
	spin();
	is_int(b.got[T_FLOOD], 3, "another leaves with the next message");
	is_int(b.last_id, 3, "... and before it");
	is_int(reads, 1, "... in the same write");
	unpair(&a, &b);
}

int
main(void)
{
	log_init("test");
	log_set_sink(sink, NULL);
	base = event_base_new();
	test_exchange();
	test_batch();
	test_fair();
	test_backpressure();
	test_pause_inside();
	test_fd();
	test_hostile();
	test_free();
	test_eof();
	test_drain();
	test_short();
	test_later();
	event_base_free(base);
	return (done());
}
