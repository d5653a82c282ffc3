/*
 * Questions to scripted scanners: every way of sending a message, every
 * failure of a server, several of them, time, cancelling; a long conversation;
 * the lines about a scanner that is down; the trace line for scanners.
 */
/* LINK: spamgreyd/scan.o spamgreyd/scan_conf.o spamgreyd/scan_conn.o spamgreyd/scan_hdr.o spamgreyd/scan_health.o spamgreyd/scan_send.o spamgreyd/scan_sock.o spamgreyd/spool.o */
#include <sys/types.h>
#include <sys/stat.h>

#include "../../lib/clock.h"
#include "../../lib/log.h"
#include "scan_fixture.h"

#define LARGE	3000000

static struct event_base *base;
static struct scanner	 tcp, tcp2, sock;
static char		 dir[] = "/tmp/scan_test.XXXXXX";
static struct spool	*spool;
static struct buf	 message, logged;

struct event_base *
module_base(void)
{
	return (base);
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	if (buf_printf(&logged, "%s\n", line) == -1)
		exit(1);
}

/* --- one question */

static struct user {
	struct scan	*scan;
	enum scan_how	 how;
	const char	*head, *before, *tail;
	int		 shut, eof_ends, cancel_in_more, cancel_in_done;
	int		 done, made, inside;
	char		 got[300];	/* the answer, or "! why" */
	unsigned int	 servers;	/* bits: made for these */
} u;

static int
make(struct scan_request *r, unsigned int server, void *arg)
{
	(void)arg;
	if (u.inside)
		abort();
	u.made++;
	u.servers |= 1U << server;
	r->how = u.how;
	r->spool = spool;
	r->shut = u.shut;
	if ((u.head != NULL && buf_addstr(&r->head, u.head) == -1) ||
	    (u.before != NULL && buf_addstr(&r->before, u.before) == -1) ||
	    (u.tail != NULL && buf_addstr(&r->tail, u.tail) == -1))
		return (-1);
	return (0);
}

/* A line is an answer; one that begins with "bad" is none. */
static int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	(void)arg;
	if (u.inside)
		abort();
	if (u.cancel_in_more) {
		scan_cancel(u.scan);
		return (p[0] == 'x' ? 0 : 1);
	}
	if (len >= 3 && memcmp(p, "bad", 3) == 0) {
		*why = "these are bad words";
		return (-1);
	}
	return (len > 0 && (p[len - 1] == '\n' || (eof && u.eof_ends)));
}

static void
done_with(const uint8_t *p, size_t len, const char *why, void *arg)
{
	(void)arg;
	if (u.inside)
		abort();
	u.done++;
	if (p == NULL)
		snprintf(u.got, sizeof(u.got), "! %s", why);
	else
		snprintf(u.got, sizeof(u.got), "%.*s", (int)len,
		    (const char *)p);
	if (u.cancel_in_done)
		scan_cancel(u.scan);
}

static void
turn(int *until)
{
	while (*until == 0)
		if (event_base_loop(base, EVLOOP_ONCE) != 0)
			abort();
}

static struct scan_conf *
conf_new(const struct scanner *a, const struct scanner *b)
{
	const struct scanner	*s[2] = { a, b };
	struct scan_conf	*c = scan_conf_new("test", 3310);
	struct module_arg	 arg[2];
	const char		*error;
	int			 i;

	for (i = 0; i < 2 && s[i] != NULL; i++) {
		memset(arg, 0, sizeof(arg));
		if (s[i]->port == 0) {
			arg[0].s = s[i]->path;
			if (scan_option(c, "socket", arg, 1, &error) != 1)
				exit(1);
			continue;
		}
		prefix_parse("127.0.0.1", &arg[0].prefix);
		arg[1].n = s[i]->port;
		if (scan_option(c, "server", arg, 2, &error) != 1)
			exit(1);
	}
	return (c);
}

static void
number(struct scan_conf *c, const char *keyword, int64_t n)
{
	struct module_arg	 arg = { .n = n };
	const char		*error;

	if (scan_option(c, keyword, &arg, 1, &error) != 1)
		exit(1);
}

static void
fresh(enum scan_how how)
{
	memset(&u, 0, sizeof(u));
	u.how = how;
	scanner_reset(&tcp);
	scanner_reset(&tcp2);
	scanner_reset(&sock);
}

static void
start(struct scan_conf *c)
{
	u.inside = 1;
	u.scan = scan_start(c, 1, make, more, done_with, NULL);
	u.inside = 0;
	if (u.scan == NULL)
		exit(1);
}

static void
ask(struct scan_conf *c)
{
	start(c);
	turn(&u.done);
}

/* The message: so many octets, each place different from its neighbours. */
static void
message_make(size_t len, size_t in_memory)
{
	uint8_t	*p;
	size_t	 i;

	spool_free(spool);
	buf_free(&message);
	spool_limits(in_memory, 100000000);
	spool = spool_new();
	if ((p = buf_reserve(&message, len + 1)) == NULL)
		exit(1);
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 167 + (i >> 8) * 13 + (i >> 16));
	buf_grew(&message, len);
	if (spool_write(spool, p, len) == -1)
		exit(1);
}

static int
same(const struct buf *b, size_t at, const char *before)
{
	size_t	n = strlen(before), m = buf_len(&message);

	return (buf_len(b) >= at + n + m &&
	    memcmp(buf_ptr(b) + at, before, n) == 0 &&
	    (m == 0 || memcmp(buf_ptr(b) + at + n, buf_ptr(&message), m) == 0));
}

/* Takes clamd's chunks apart, in place; -1: they are none. */
static int
unchunk(struct buf *b, size_t at)
{
	uint8_t	*p = buf_ptr(b), *dst = p + at;
	size_t	 len = buf_len(b), n, k = at;

	for (;;) {
		if (len - k < 4)
			return (-1);
		n = (size_t)p[k] << 24 | (size_t)p[k + 1] << 16 |
		    (size_t)p[k + 2] << 8 | p[k + 3];
		k += 4;
		if (n > len - k || n > 65536)
			return (-1);
		if (n == 0)
			break;
		memmove(dst, p + k, n);
		dst += n;
		k += n;
	}
	if (k != len)
		return (-1);
	b->end = b->start + (size_t)(dst - p);
	return (0);
}

static const char	*wait_all[] = { NULL, ">fine\n", NULL };
static char		 wait_text[20];

static void
wait_for(struct scanner *s, size_t octets)
{
	snprintf(wait_text, sizeof(wait_text), "<%zu", octets);
	wait_all[0] = wait_text;
	s->script[0] = wait_all;
}

/* --- sending */

static void
test_sizes(struct scanner *s, const char *name)
{
	static const size_t	 sizes[] = { 0, 1, 3, 65531, 65532, 65533,
		65535, 65536, 65537, 131063, 131064, 131065, 131072, LARGE };
	struct scan_conf	*c = conf_new(s, NULL);
	int			 raw = 1, chunked = 1;
	size_t			 i, n, m;

	for (i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = sizes[i / 2];
		message_make(n, i % 2 ? 0 : 10 * LARGE);
		fresh(SCAN_RAW);
		u.head = "HEAD\n";
		u.before = "Before: it\r\n";
		u.tail = "TAIL";
		wait_for(s, n + 5 + 12 + 4);
		ask(c);
		raw &= strcmp(u.got, "fine\n") == 0 &&
		    buf_len(&s->in) == n + 21 &&
		    memcmp(buf_ptr(&s->in), "HEAD\n", 5) == 0 &&
		    same(&s->in, 5, "Before: it\r\n") &&
		    memcmp(buf_ptr(&s->in) + n + 17, "TAIL", 4) == 0;
		fresh(SCAN_CHUNKED);
		u.head = "zINSTREAM";
		u.before = i % 4 ? "Received: x\r\n" : NULL;
		m = n + (i % 4 ? 13 : 0);
		wait_for(s, 9 + m + 4 * ((m + 65531) / 65532) + 4);
		ask(c);
		chunked &= strcmp(u.got, "fine\n") == 0 &&
		    unchunk(&s->in, 9) == 0 && buf_len(&s->in) == 9 + m &&
		    same(&s->in, 9, u.before == NULL ? "" : u.before);
	}
	ok(raw, name);
	ok(chunked, "in chunks");
	scan_conf_free(c);
}

static void
test_fd(void)
{
	static const char *const script[] = { "fd", ">fine\n", NULL };
	struct scan_conf	*c = conf_new(&sock, NULL);
	int			 i, good = 1;

	for (i = 0; i < 4; i++) {
		message_make(i < 2 ? 1000 : 500000, 100000);
		spool_readers(i % 2);
		fresh(SCAN_FD_MESSAGE);
		u.head = "zFILDES";
		u.tail = "ab";
		sock.script[0] = script;
		ask(c);
		good &= strcmp(u.got, "fine\n") == 0 && !sock.writable &&
		    same(&sock.file, 0, "") &&
		    buf_len(&sock.file) == buf_len(&message) &&
		    buf_len(&sock.in) >= 8 &&
		    memcmp(buf_ptr(&sock.in), "zFILDESa", 8) == 0;
	}
	ok(good, "a descriptor: at its beginning, read only");
	fresh(SCAN_NOTHING);
	u.head = "PING\n";
	u.shut = 1;
	u.eof_ends = 1;
	sock.script[0] = (const char *const []){ "<eof", ">PONG", "close",
	    NULL };
	ask(c);
	ok(strcmp(u.got, "PONG") == 0 && buf_len(&sock.in) == 5,
	    "head alone, the sending half closed, an answer ended by its end");
	scan_conf_free(c);
	spool_readers(0);
}

/* It says its word and closes long before the message is out. */
static void
test_early(void)
{
	static const char *const says[] = { "<100000", ">too big\n", "close",
	    NULL };
	static const char *const resets[] = { "<100000", "reset", NULL };
	static const char *const slow[] = { "slow", "<100000", "pause",
	    "<3000000", ">at last\n", NULL };
	struct scan_conf	*c = conf_new(&sock, NULL);

	number(c, "tries", 1);
	message_make(LARGE, 10 * LARGE);
	fresh(SCAN_RAW);
	sock.script[0] = says;
	ask(c);
	is_str(u.got, "too big\n", "answers and closes early: it is read");
	scan_conf_free(c);
	c = conf_new(&tcp, NULL);
	number(c, "tries", 1);
	fresh(SCAN_RAW);
	tcp.script[0] = resets;
	ask(c);
	ok(strstr(u.got, "! 127.0.0.1 port ") != NULL, u.got);
	fresh(SCAN_RAW);
	tcp.script[0] = slow;
	start(c);
	while (tcp.peers[0] == NULL || !tcp.peers[0]->paused)
		event_base_loop(base, EVLOOP_ONCE);
	ok(buf_len(&tcp.in) < LARGE && !u.done, "a slow reader is waited for");
	scanner_go(&tcp);
	turn(&u.done);
	ok(strcmp(u.got, "at last\n") == 0 && same(&tcp.in, 0, ""),
	    "and gets all of it");
	scan_conf_free(c);
}

/* --- failures */

static const char *const ok_script[] = { ">fine\n", NULL };
static const char *const close_script[] = { "<500", "close", NULL };
static const char *const half_script[] = { "<500", ">half an ans", "close",
    NULL };
static const char *const bad_script[] = { ">bad\n", NULL };
static const char *const silent_script[] = { NULL };
static const char *const part_script[] = { ">a part", NULL };

static const char *
after_colon(const char *s)
{
	const char	*p = strchr(s, ':');

	return (p == NULL ? s : p + 2);
}

static void
one(struct scan_conf *c, struct scanner *s, const char *const *script,
    unsigned int conns, const char *want, const char *name)
{
	char	got[300];

	fresh(SCAN_RAW);
	s->script[0] = script;
	ask(c);
	snprintf(got, sizeof(got), "%u %s", s->conns, after_colon(u.got));
	ok(s->conns == conns && strcmp(after_colon(u.got), want) == 0, name);
	if (s->conns != conns || strcmp(after_colon(u.got), want) != 0)
		printf("# %s\n", got);
}

static void
test_failures(struct scanner *s)
{
	static char		 huge[SCAN_ANSWER_MAX + 2];
	static const char	*huge_script[] = { NULL, NULL };
	struct scan_conf	*c = conf_new(s, NULL);

	message_make(500, 100000);
	one(c, s, close_script, 2, "it closed the connection without an "
	    "answer", "closed without a word: twice");
	one(c, s, half_script, 1, "it closed the connection in the middle of "
	    "its answer", "half an answer: once");
	one(c, s, bad_script, 1, "these are bad words", "an answer that is "
	    "none");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[0] = '>';
	huge_script[0] = huge;
	one(c, s, huge_script, 1, "its answer is too long", "one too long");
	number(c, "timeout", 1000);
	one(c, s, silent_script, 1, "no answer in time", "silence");
	one(c, s, part_script, 1, "no whole answer in time", "a part of one");
	fresh(SCAN_RAW);
	s->script[0] = close_script;
	s->script[1] = ok_script;
	number(c, "timeout", 10000);
	ask(c);
	ok(strcmp(u.got, "fine\n") == 0 && s->conns == 2, "tried again, with "
	    "one server");
	number(c, "tries", 1);
	one(c, s, close_script, 1, "it closed the connection without an "
	    "answer", "tries 1");
	scan_conf_free(c);
}

static void
test_servers(void)
{
	struct scan_conf	*c = conf_new(&tcp, &tcp2);
	struct scan_conf	*mixed = conf_new(&sock, &tcp);

	fresh(SCAN_RAW);
	tcp.script[0] = tcp2.script[0] = ok_script;
	ask(c);
	ok(tcp.conns == 1 && tcp2.conns == 0, "the first of two");
	fresh(SCAN_RAW);
	tcp.script[0] = close_script;
	tcp2.script[0] = ok_script;
	ask(c);
	ok(strcmp(u.got, "fine\n") == 0 && u.servers == 3, "it closes: the "
	    "second");
	fresh(SCAN_RAW);
	tcp.script[0] = tcp2.script[0] = ok_script;
	ask(c);
	ok(tcp.conns == 0 && tcp2.conns == 1, "for some time the second first");
	fresh(SCAN_RAW);
	tcp2.script[0] = close_script;
	tcp.script[0] = ok_script;
	ask(c);
	ok(tcp.conns == 1, "and the first when that fails");
	fresh(SCAN_RAW);
	tcp.script[0] = tcp2.script[0] = close_script;
	ask(c);
	ok(tcp.conns == 1 && tcp2.conns == 1 && u.got[0] == '!',
	    "both: that is all");
	scan_conf_free(c);
	c = conf_new(&tcp, &tcp2);
	number(c, "timeout", 2000);
	fresh(SCAN_RAW);
	tcp.script[0] = silent_script;
	tcp2.script[0] = ok_script;
	ask(c);
	is_str(u.got, "fine\n", "a silent one leaves time for the other");
	fresh(SCAN_RAW);
	tcp.script[0] = ok_script;
	sock.refuse = ENOENT;
	ask(mixed);
	ok(strcmp(u.got, "fine\n") == 0 && u.servers == 2, "no socket there: "
	    "the next is another kind, and made for that");
	scan_conf_free(c);
	scan_conf_free(mixed);
}

/* The parent says that the backlog is full, until there is room. */
static void
unbusy(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	((struct scanner *)arg)->refuse = 0;
}

static void
test_connect(void)
{
	static const struct timeval	 soon = { 0, 250000 };
	struct scan_conf		*c = conf_new(&sock, NULL);
	char				 want[300];

	fresh(SCAN_RAW);
	sock.script[0] = ok_script;
	sock.refuse = EAGAIN;
	event_base_once(base, -1, EV_TIMEOUT, unbusy, &sock, &soon);
	ask(c);
	is_str(u.got, "fine\n", "a full backlog is tried again");
	number(c, "connect", 300);
	number(c, "tries", 1);
	fresh(SCAN_RAW);
	sock.refuse = EAGAIN;
	ask(c);
	is_str(after_colon(u.got), "it is too busy to take a connection",
	    "not for ever");
	fresh(SCAN_RAW);
	sock.refuse = EACCES;
	ask(c);
	snprintf(want, sizeof(want), "! %s: Permission denied", sock.path);
	is_str(u.got, want, "what the parent says is told");
	fresh(SCAN_RAW);
	scan_ask_socket = NULL;
	ask(c);
	is_str(after_colon(u.got), "the connection could not be asked for",
	    "it cannot be asked");
	scan_ask_socket = scan_fix_ask;
	scan_socket(99999, 0, dup(0));
	scan_conf_free(c);
}

static void
test_cancel(void)
{
	struct scan_conf	*c = conf_new(&tcp, NULL);
	struct scan_conf	*k = conf_new(&sock, NULL);
	int			 i;

	message_make(1000, 100000);
	fresh(SCAN_RAW);
	tcp.script[0] = sock.script[0] = silent_script;
	start(c);
	scan_cancel(u.scan);
	start(k);
	scan_cancel(u.scan);		/* the parent's answer comes later */
	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	scan_cancel(NULL);
	fresh(SCAN_RAW);
	tcp.script[0] = silent_script;
	start(c);
	while (buf_len(&tcp.in) < 1000)
		event_base_loop(base, EVLOOP_ONCE);
	scan_cancel(u.scan);
	is_int(u.done, 0, "cancelled: nothing is told");
	fresh(SCAN_RAW);
	tcp.script[0] = ok_script;
	u.cancel_in_more = 1;
	start(c);
	while (tcp.peers[0] == NULL || !tcp.peers[0]->eof)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(u.done, 0, "cancelled from inside");
	fresh(SCAN_RAW);
	tcp.script[0] = ok_script;
	u.cancel_in_done = 1;
	ask(c);
	is_int(u.done, 1, "cancelled when it is over");
	scan_conf_free(c);
	scan_conf_free(k);
}

/* --- a conversation */

static struct talk {
	struct scan_conn	*conn;
	int			 ready, gone, rooms, close_now;
	char			 lines[300];
	char			 why[300];
} t;

static void
talk_ready(struct scan_conn *c, void *arg)
{
	(void)c;
	(void)arg;
	t.ready = 1;
}

/* Takes whole lines. */
static size_t
talk_input(struct scan_conn *c, const uint8_t *p, size_t len, const char *why,
    void *arg)
{
	const uint8_t	*nl;

	(void)arg;
	if (len == 0) {
		t.gone = 1;
		snprintf(t.why, sizeof(t.why), "%s", why);
		return (0);
	}
	if ((nl = memchr(p, '\n', len)) == NULL)
		return (0);
	snprintf(t.lines + strlen(t.lines), sizeof(t.lines) -
	    strlen(t.lines), "%.*s|", (int)(nl - p), (const char *)p);
	if (t.close_now) {
		scan_close(c);
		t.gone = 1;
	}
	return ((size_t)(nl - p) + 1);
}

static void
talk_room(struct scan_conn *c, void *arg)
{
	(void)arg;
	if (scan_queued(c) >= 1000)
		abort();
	t.rooms++;
}

static void
test_conn(void)
{
	static const char *const script[] = { "<3", ">one\ntw", "<6", ">o\n",
	    "slow", "pause", "<2000009", "close", NULL };
	static const char *const talks[] = { ">first\n", ">second\n", NULL };
	struct scan_conf	*c = conf_new(&tcp, NULL);
	static char		 big[1000000];

	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	tcp.script[0] = script;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	ok(scan_write(t.conn, "abc", 3) == 0, "queued before it is connected");
	turn(&t.ready);
	while (strcmp(t.lines, "one|") != 0)
		event_base_loop(base, EVLOOP_ONCE);
	scan_write(t.conn, "def", 3);
	while (strcmp(t.lines, "one|two|") != 0)
		event_base_loop(base, EVLOOP_ONCE);
	ok(1, "what is not used is kept");
	scan_write(t.conn, big, sizeof(big));
	scan_write(t.conn, big, sizeof(big));
	scan_write(t.conn, "end", 3);
	is_int(scan_queued(t.conn), 2000003, "nothing is written at once");
	scan_on_room(t.conn, 1000, talk_room);
	while (!tcp.peers[0]->paused)
		event_base_loop(base, EVLOOP_ONCE);
	is_int(t.rooms, 0, "no room yet");
	scanner_go(&tcp);
	turn(&t.gone);
	is_int(t.rooms, 1, "room is told once");
	is_str(after_colon(t.why), "it closed the connection", "its end too");
	ok(scan_write(t.conn, "x", 1) == 0, "(and nobody is hurt)");
	scan_close(t.conn);

	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	tcp.script[0] = talks;
	t.close_now = 1;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	turn(&t.gone);
	is_str(t.lines, "first|", "closed from inside");
	ok(scan_connect(c, 1, 1, talk_ready, talk_input, NULL) == NULL,
	    "there is no second server");
	scan_conf_free(c);
	c = conf_new(&sock, NULL);
	fresh(SCAN_RAW);
	memset(&t, 0, sizeof(t));
	sock.refuse = ECONNREFUSED;
	t.conn = scan_connect(c, 1, 0, talk_ready, talk_input, NULL);
	turn(&t.gone);
	ok(!t.ready && strcmp(after_colon(t.why), "Connection refused") == 0,
	    "no connection: told the same way");
	scan_close(t.conn);
	scan_conf_free(c);
}

/* --- a scanner that is down */

static int64_t	stat_down, stat_asked, stat_failed;

static void
stat_seen(const char *name, int64_t value, void *arg)
{
	(void)arg;
	if (strcmp(name, "scan.test.down") == 0)
		stat_down = value;
	if (strcmp(name, "scan.test.asked") == 0)
		stat_asked = value;
	if (strcmp(name, "scan.test.failed") == 0)
		stat_failed = value;
}

/* So many seconds, in each of which scan looks; then the lines of the log. */
static unsigned int
lines(int seconds)
{
	unsigned int	 n = 0;
	const uint8_t	*p;
	size_t		 left;
	int		 i, k;

	buf_free(&logged);
	for (i = 0; i < seconds; i++) {
		clock_fake_advance(1);
		scan_tick();
		for (k = 0; k < 4; k++)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (p = logged.data, left = logged.end; left > 0; p++, left--)
		n += *p == '\n';
	return (n);
}

static void
test_down(void)
{
	struct scan_conf	*c = conf_new(&sock, NULL);

	number(c, "tries", 1);
	fresh(SCAN_RAW);
	sock.script[0] = ok_script;
	ask(c);
	clock_fake(1700000000, 5000000);
	scan_stats(stat_seen, NULL);
	is_int(stat_down, 0, "nothing is wrong");
	fresh(SCAN_RAW);
	sock.refuse = ECONNREFUSED;
	ask(c);
	is_int(lines(599), 0, "nine minutes of failures: no line");
	is_int(lines(3), 1, "ten: a line");
	ok(memmem(buf_ptr(&logged), buf_len(&logged), "test: the scanner has "
	    "only failed for 60", 36) != NULL, "that says so");
	is_int(lines(600), 10, "and one each minute, without any mail");
	scan_stats(stat_seen, NULL);
	ok(stat_down >= 1200 && stat_failed >= 1 && stat_asked >= 2, "stats");
	sock.refuse = 0;
	sock.script[0] = silent_script;
	(void)lines(61);
	is_int(lines(300), 0, "it takes connections again: no more lines");
	fresh(SCAN_RAW);
	sock.script[0] = ok_script;
	buf_free(&logged);
	ask(c);
	ok(memmem(buf_ptr(&logged), buf_len(&logged), "answers again", 13) !=
	    NULL, "it answers: that is a line");
	scan_stats(stat_seen, NULL);
	is_int(stat_down, 0, "and the stat is 0");
	fresh(SCAN_RAW);
	sock.refuse = ECONNREFUSED;
	ask(c);
	scan_conf_free(c);
	is_int(lines(700), 0, "of a configuration that is gone: nothing");
}

/* --- options, header */

static void
bad_option(const char *keyword, const char *s, const char *addr,
    const char *want)
{
	struct scan_conf	*c = scan_conf_new("test", 1);
	struct module_arg	 arg = { .s = s };
	const char		*error = "";

	if (addr != NULL)
		prefix_parse(addr, &arg.prefix);
	ok(scan_option(c, keyword, &arg, 1, &error) == -1 &&
	    strcmp(error, want) == 0, want);
	scan_conf_free(c);
}

static void
test_options(void)
{
	struct scan_conf	*c = scan_conf_new("test", 1);
	struct module_arg	 arg = { .s = "/run/x" };
	const char		*error = "";
	char			 path[200];
	int			 i;

	ok(scan_check(c, &error) == -1 && strstr(error, "no server") != NULL,
	    "no server is an error");
	is_int(scan_option(c, "points", &arg, 1, &error), 0, "not ours");
	for (i = 0; i < SCAN_SERVERS_MAX; i++)
		scan_option(c, "socket", &arg, 1, &error);
	ok(scan_servers(c) == 8 && scan_is_unix(c, 7) && !scan_is_unix(c, 8) &&
	    scan_check(c, &error) == 0, "eight servers");
	is_int(scan_option(c, "socket", &arg, 1, &error), -1, "not nine");
	scan_conf_free(c);
	bad_option("socket", "run/x", NULL,
	    "the path of a socket begins with /");
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[199] = '\0';
	bad_option("socket", path, NULL, "the path is too long for a socket");
	bad_option("server", "", "10.0.0.0/8",
	    "a server is one address, not a network");
}

static void
test_received(void)
{
	struct msession	 s;
	struct buf	 b = { 0 };

	memset(&s, 0, sizeof(s));
	clock_fake(1700000000, 1);
	s.id = 0xabc;
	s.hostname = "mx.example.org";
	s.helo = "client.example\r\nEvil: (x)";
	s.from = "<a@example.com\r\nX>";
	s.esmtp = 1;
	s.tls_version = "TLSv1.3";
	addr_parse("192.0.2.1", &s.client);
	ok(scan_received(&s, &b) == 0 && buf_add(&b, "", 1) == 0, "made");
	is_str((char *)buf_ptr(&b),
	    "Return-Path: <a@example.com??X>\r\n"
	    "Received: from client.example??Evil:??x? (unknown [192.0.2.1])"
	    "\r\n\t(using TLSv1.3)\r\n\tby mx.example.org (Postfix) with "
	    "ESMTPS id 0000000000000abc\r\n\t(envelope-from "
	    "<a@example.com??X>);\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
	    "a trace line, with nothing foreign in it");
	buf_free(&b);
	s.helo = s.from = s.tls_version = NULL;
	s.esmtp = 0;
	addr_parse("2001:db8::1", &s.client);
	ok(scan_received(&s, &b) == 0 && buf_add(&b, "", 1) == 0, "made");
	is_str((char *)buf_ptr(&b),
	    "Return-Path: <>\r\n"
	    "Received: from unknown (unknown [IPv6:2001:db8::1])\r\n"
	    "\tby mx.example.org (Postfix) with SMTP id 0000000000000abc\r\n"
	    "\t(envelope-from <>);\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
	    "of one who said nothing");
	buf_free(&b);
}

int
main(void)
{
	alarm(120);		/* a hang is a failure, not a hang */
	if (mkdtemp(dir) == NULL || chdir(dir) == -1 ||
	    (base = event_base_new()) == NULL)
		return (1);
	log_init("pass");
	log_set_sink(sink, NULL);
	scan_fix_init(base);
	scanner_start(&tcp, NULL);
	scanner_start(&tcp2, NULL);
	scanner_start(&sock, dir);
	test_options();
	test_sizes(&tcp, "by TCP, as it is");
	test_sizes(&sock, "by a unix socket, as it is");
	test_fd();
	test_early();
	test_failures(&tcp);
	test_failures(&sock);
	test_servers();
	test_connect();
	test_cancel();
	test_conn();
	test_down();
	test_received();
	unlink(sock.path);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
	return (done());
}
