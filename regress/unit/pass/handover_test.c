/* A hand-over made from its messages, and messages that are refused. */
/* LINK: spamgreyd/pass */
#include <sys/types.h>
#include <sys/socket.h>

#include "spamgreyd/pass/pass.h"
#include "regress/lib/tap.h"

static struct ipc	a, b;
static struct handed	hd;

/* The frame in the making, sent and received. */
static struct msg
through(void)
{
	struct msg	m;

	memset(&m, 0, sizeof(m));
	if (ipc_send(&a, -1) == -1 || ipc_flush(&a) != 1 ||
	    ipc_read(&b) != 1 || ipc_next(&b, &m) != 1)
		exit(1);
	return (m);
}

static void
begin(uint64_t id, const char *from, const char *helo, unsigned int flags)
{
	struct handover	h;
	struct msg	m;

	memset(&h, 0, sizeof(h));
	(void)addr_parse("192.0.2.1", &h.client);
	(void)addr_parse("198.51.100.1", &h.dst);
	h.port = 40000;
	h.dport = 25;
	h.flags = (uint8_t)flags;
	h.helo = helo;
	h.from = from;
	h.from_params = "SIZE=100";
	h.tls_version = "TLSv1.3";
	h.tls_cipher = "";
	(void)proto_put_handover(&a, id, &h);
	m = through();
	handed_begin(&hd, &m);
}

static void
rcpt(uint64_t id, const char *to, const char *params)
{
	struct msg	m;

	ipc_begin(&a, MSG_HANDOVER_RCPT, id);
	ipc_put_str(&a, to);
	ipc_put_str(&a, params);
	m = through();
	handed_rcpt(&hd, &m);
}

static void
input(uint64_t id, const char *data, size_t len)
{
	struct msg	m;

	ipc_begin(&a, MSG_HANDOVER_INPUT, id);
	ipc_put_data(&a, data, len);
	m = through();
	handed_input(&hd, &m);
}

/* "" when it is whole. */
static const char *
end(uint64_t id)
{
	struct msg	 m;
	const char	*why;

	ipc_begin(&a, MSG_HANDOVER_END, id);
	m = through();
	why = handed_end(&hd, &m);
	return (why == NULL ? "" : why);
}

#define UP	(HANDOVER_BANNER | HANDOVER_ESMTP)

static void
whole(void)
{
	const char	*to, *params;
	size_t		 at = 0;

	begin(7, "<a@x.example>", "mx.x.example", UP | HANDOVER_PENDING);
	rcpt(7, "<b@y.example>", "NOTIFY=NEVER");
	rcpt(7, "<c@y.example>", "");
	input(7, "DATA\r\n", 6);
	input(7, "QUIT\r\n", 6);
	is_str(end(7), "", "a whole hand-over is taken");
	is_str(hd.h.from, "<a@x.example>", "its sender");
	is_str(hd.h.from_params, "SIZE=100", "with parameters");
	is_str(hd.h.helo, "mx.x.example", "its HELO");
	is_str(hd.h.tls_version, "TLSv1.3", "its TLS");
	ok(handed_next(&hd, &at, &to, &params) == 1, "a recipient");
	is_str(to, "<b@y.example>", "its address");
	is_str(params, "NOTIFY=NEVER", "its parameters");
	ok(handed_next(&hd, &at, &to, &params) == 1, "another");
	is_str(to, "<c@y.example>", "its address");
	is_str(params, "", "no parameters");
	ok(handed_next(&hd, &at, &to, &params) == 0, "no more");
	is_int((int)buf_len(&hd.input), 12, "what was read ahead");
	ok(memcmp(buf_ptr(&hd.input), "DATA\r\nQUIT\r\n", 12) == 0,
	    "in its order");
	handed_clear(&hd);
	is_str(end(7), "it is not complete", "once only");
}

static void
at_connect(void)
{
	begin(8, "", "", 0);
	is_str(end(8), "", "at connect: nothing but the descriptor");
	begin(8, "<a@x.example>", "", 0);
	is_str(end(8), "it has a sender before its banner",
	    "no transaction before the banner");
	handed_clear(&hd);
}

static void
not_taken(void)
{
	static char	much[8192];
	int		i;

	is_str(end(1), "it is not complete", "no BEGIN");
	begin(1, "<a@x.example>", "h", UP);
	is_str(end(2), "it is not complete", "another's END");
	begin(1, "<a@x.example>", "h", UP | HANDOVER_PENDING);
	is_str(end(1), "its recipient is missing", "PENDING, and no recipient");
	begin(1, "", "h", UP);
	rcpt(1, "<b@y.example>", "");
	is_str(end(1), "it has a recipient and no sender", "no sender");
	begin(1, "<a@x.example>", "h\r\nRSET", UP);
	is_str(end(1), "it has control characters", "CRLF in HELO");
	begin(1, "<a@x.example>\n", "h", UP);
	is_str(end(1), "it has control characters", "LF in the sender");
	begin(1, "<a@x.example>\t", "h", UP);
	is_str(end(1), "it has control characters", "a tab in the sender");
	begin(1, "<a@x.example>", "h\tx", UP);
	rcpt(1, "<b@y.example>", "NOTIFY=NEVER\tORCPT=x");
	is_str(end(1), "", "a tab between parameters");
	begin(1, "<a@x.example>", "h", UP);
	rcpt(1, "<b@y.example>", "NOTIFY=\rNEVER");
	is_str(end(1), "a recipient is not a valid "
	    "address", "CR in a parameter");
	begin(1, "<a@x.example>", "h", UP);
	rcpt(1, "<b\t@y.example>", "");
	is_str(end(1), "a recipient is not a valid address",
	    "a tab in an address");
	begin(1, "<a@x.example>", "h", UP);
	rcpt(1, "", "");
	is_str(end(1), "a recipient is not a valid address", "no address");
	begin(1, "<a@x.example>", "h", UP);
	for (i = 0; i < PASS_HANDOVER_RCPTS; i++)
		rcpt(1, "<b@y.example>", "");
	is_str(end(1), "", "so many recipients");
	rcpt(1, "<b@y.example>", "");
	is_str(end(1), "it has too many recipients", "and one more");
	begin(1, "<a@x.example>", "h", UP);
	for (i = 0; i < PASS_IN_MAX / (int)sizeof(much); i++)
		input(1, much, sizeof(much));
	is_str(end(1), "", "so much input");
	input(1, much, 1);
	is_str(end(1), "the client has sent too much ahead",
	    "and an octet more");
	handed_clear(&hd);
}

/* Front gives one up when its queue is full, and begins the next. */
static void
broken_off(void)
{
	const char	*to, *params;
	size_t		 at = 0;

	begin(1, "<a@x.example>", "h", UP);
	rcpt(1, "<b@y.example>", "");
	begin(2, "<z@x.example>", "h", UP);
	rcpt(1, "<late@y.example>", "");
	rcpt(2, "<c@y.example>", "");
	is_str(end(2), "", "the next is whole");
	is_str(hd.h.from, "<z@x.example>", "with its sender");
	ok(handed_next(&hd, &at, &to, &params) == 1 &&
	    strcmp(to, "<c@y.example>") == 0, "and its recipient");
	ok(handed_next(&hd, &at, &to, &params) == 0, "alone");
	handed_clear(&hd);
}

int
main(void)
{
	int	fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1)
		return (1);
	ipc_init(&a, fd[0]);
	ipc_init(&b, fd[1]);
	whole();
	at_connect();
	not_taken();
	broken_off();
	ipc_clear(&a);
	ipc_clear(&b);
	return (done());
}
