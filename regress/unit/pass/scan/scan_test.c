/*
 * Questions to scripted scanners: every way to send a message, every failure of
 * a server, several servers, timeouts, cancelling.
 */
/* LINK: spamgreyd/pass/scan spamgreyd/pass/message */
#include <sys/types.h>
#include <sys/stat.h>

#include "regress/lib/scan_ask.h"

#define LARGE	3000000

static struct buf	 message;

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

static const char *const close_script[] = { "<500", "close", NULL };
static const char *const half_script[] = { "<500", ">half an ans", "close",
    NULL };
static const char *const bad_script[] = { ">bad\n", NULL };
static const char *const part_script[] = { ">a part", NULL };

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
	one(c, s, half_script, 1, "it closed the connection during its "
	    "answer", "half an answer: once");
	one(c, s, bad_script, 1, "these are bad words", "an answer that is "
	    "none");
	memset(huge, 'x', sizeof(huge) - 1);
	huge[0] = '>';
	huge_script[0] = huge;
	one(c, s, huge_script, 1, "its answer is too long", "one too long");
	number(c, "timeout", 1000);
	one(c, s, silent_script, 1, "timeout: no answer", "silence");
	one(c, s, part_script, 1, "timeout: its answer is incomplete", "a "
	    "part of one");
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

/* Where the scan budget is shorter than the time of an answer, it counts: of
 * two servers, one of which is silent, the other is asked before it is over. */
static void
test_budget(void)
{
	struct scan_conf	*c;

	scan_set_budget(2000);
	c = conf_new(&tcp, &tcp2);
	scan_set_budget(0);
	is_int(scan_time(c), 1800, "a part of the budget");
	number(c, "timeout", 1000);
	is_int(scan_time(c), 1000, "unless timeout is shorter");
	number(c, "timeout", 300000);
	fresh(SCAN_RAW);
	tcp.script[0] = silent_script;
	tcp2.script[0] = ok_script;
	ask(c);
	is_str(u.got, "fine\n", "the second answers");
	fresh(SCAN_RAW);
	tcp.script[0] = tcp2.script[0] = silent_script;
	ask(c);
	ok(strstr(u.got, "timeout: no answer") != NULL, "both are silent: a "
	    "failure of theirs, and not the runner's");
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

/* The channel to the parent is gone. */
static int
ask_fails(uint64_t id, const char *module, const char *path)
{
	(void)id;
	(void)module;
	(void)path;
	return (-1);
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
	is_str(after_colon(u.got), "it is too busy to accept a connection",
	    "not for ever");
	fresh(SCAN_RAW);
	sock.refuse = EACCES;
	ask(c);
	snprintf(want, sizeof(want), "! %s: Permission denied", sock.path);
	is_str(u.got, want, "what the parent says is told");
	fresh(SCAN_RAW);
	scan_init(base, ask_fails);
	ask(c);
	is_str(after_colon(u.got), "the connection could not be requested "
	    "from the parent",
	    "it cannot be asked");
	scan_init(base, scan_fix_ask);
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

/* A module reads an answer from its beginning each time; see LOOK_FREE. */
static void
test_long_answers(void)
{
	static char		 line[900000], piece[8000];
	static const char	*at_once[] = { line, ">\n", NULL };
	static const char	*late[] = { piece, "pause", ">\n", NULL };
	struct scan_conf	*c = conf_new(&tcp, NULL);

	memset(line, 'x', sizeof(line) - 1);
	memset(piece, 'x', sizeof(piece) - 1);
	line[0] = piece[0] = '>';
	fresh(SCAN_NOTHING);
	tcp.script[0] = at_once;
	ask(c);
	ok(u.got[0] == 'x', "a long answer");
	ok(u.looked <= 16 * sizeof(line), "is not looked at with each read");
	printf("# %zu octets looked at, of %zu\n", u.looked, sizeof(line));
	fresh(SCAN_NOTHING);
	tcp.script[0] = late;
	start(c);
	while (u.looked < sizeof(piece) - 2)
		event_base_loop(base, EVLOOP_ONCE);
	scanner_go(&tcp);
	turn(&u.done);
	ok(u.got[0] == 'x', "and its last octet is seen when no more comes");
	scan_conf_free(c);
}

int
main(void)
{
	if (ask_begin() == -1)
		return (1);
	test_sizes(&tcp, "by TCP, as it is");
	test_sizes(&sock, "by a unix socket, as it is");
	test_fd();
	test_early();
	test_failures(&tcp);
	test_failures(&sock);
	test_budget();
	test_servers();
	test_connect();
	test_cancel();
	test_long_answers();
	ask_end();
	return (done());
}
