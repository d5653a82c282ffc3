/*
 * The message on its way to a mail server: its exact bytes, of every size, from
 * memory and from a file, to a slow reader, and to one that closes the
 * connection.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>

#include "regress/lib/mta_user.h"

static const char *const	data_todo[] = { "DATA", "idle", NULL };
static struct buf		text;		/* the message */
static uint64_t			seed = 88172645463325252u;

static uint32_t
rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return ((uint32_t)((seed >> 16) % below));
}

/* Lines with dots here and there (dots: one line of that many; 0: none). */
static void
make(size_t size, uint32_t dots, int ended)
{
	size_t	at = 0, n, i;
	uint8_t	*p;

	buf_free(&text);
	if (size == 0)
		return;
	if ((p = buf_reserve(&text, size)) == NULL)
		exit(1);
	while (at < size) {
		n = rnd(rnd(20) == 0 ? 3000 : 100);
		for (i = 0; i < n && at < size; i++)
			p[at++] = (uint8_t)(rnd(4) == 0 ? '/' + rnd(90) :
			    'a' + rnd(26));
		if (i < n && at == size)
			break;
		for (i = 0; i < 2 && at < size; i++)
			p[at++] = (uint8_t)"\r\n"[i];
		if (dots != 0 && rnd(dots) == 0)
			for (i = rnd(3) + 1; i > 0 && at < size; i--)
				p[at++] = '.';
	}
	if (ended && size >= 2)
		memcpy(p + size - 2, "\r\n", 2);
	else if (p[size - 1] == '\r' || p[size - 1] == '\n')
		p[size - 1] = 'x';
	/* (what was cut may have left half an end of line) */
	if (!ended && size >= 2 && p[size - 2] == '\r')
		p[size - 2] = 'x';
	else if (ended && size >= 3 && p[size - 3] == '\r')
		p[size - 3] = 'x';
	buf_grew(&text, size);
	spool_free(spool);
	if ((spool = spool_new()) == NULL || spool_write(spool, p, size) ==
	    -1)
		exit(1);
}

static void
none(void)
{
	buf_free(&text);
	spool_free(spool);
	if ((spool = spool_new()) == NULL)
		exit(1);
}

/* What must be on the wire, made in the plainest way. */
static void
stuffed(struct buf *want)
{
	const struct buf	*part[2] = { &head, &text };
	size_t			 i, k;
	uint8_t			 c, last = '\n';

	for (k = 0; k < 2; k++)
		for (i = 0; i < buf_len(part[k]); i++) {
			c = buf_ptr(part[k])[i];
			if (c == '.' && last == '\n')
				buf_add(want, ".", 1);
			buf_add(want, &c, 1);
			last = c;
		}
	buf_addstr(want, last == '\n' ? ".\r\n" : "\r\n.\r\n");
}

static void
arrives(const char *name)
{
	struct buf	want = { 0 }, *got = &server[0].body;

	open_mta(data_todo, 0);
	play();
	stuffed(&want);
	ok(buf_len(got) == buf_len(&want) && memcmp(buf_ptr(got),
	    buf_ptr(&want), buf_len(got)) == 0, name);
	if (buf_len(got) != buf_len(&want))
		printf("# %zu octets, not %zu\n", buf_len(got),
		    buf_len(&want));
	buf_free(&want);
	case_end("ready; 250 taken", "its answer");
}

#define TAKES	GREETED, "<DATA", ">354 go", "<.", ">250 taken", "<QUIT"

static const char *const	takes[] = { TAKES, NULL };
static const char *const	slow[] = { GREETED, "<DATA", ">354 go",
    "slow", "<.", ">250 taken", "<QUIT", NULL };

static void
send_it(const char *const *script, const char *name)
{
	server[0].script[0] = script;
	arrives(name);
}

static void
test_sizes(void)
{
	static const struct {
		size_t		 size;
		uint32_t	 dots;
		const char	*name;
	} t[] = {
		{ 1, 0, "an octet" }, { 2, 0, "two" }, { 3, 1, "three" },
		{ 100, 1, "a few" }, { 5000, 0, "some without dots" },
		{ 5000, 3, "some with dots" },
		{ 32764, 1, "about a window" }, { 32768, 2, "a window" },
		{ 65531, 4, "about two" }, { 131071, 0, "in memory" },
		{ 131072, 1, "as much as there may be in memory" },
		{ 131073, 1, "in a file" }, { 500000, 5, "larger" }
	};
	char	line[100];
	size_t	i;
	int	ended;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (ended = 0; ended < 2; ended++) {
			make(t[i].size, t[i].dots, ended);
			snprintf(line, sizeof(line), "%s%s", t[i].name,
			    ended ? "" : ", without an end of line");
			send_it(takes, line);
		}
}

static void
exactly(const char *s, const char *name)
{
	none();
	buf_addstr(&text, s);
	if (spool_write(spool, s, strlen(s)) == -1)
		exit(1);
	send_it(takes, name);
}

static void
test_edges(void)
{
	int	i;

	for (i = 0; i < 2; i++) {
		none();
		send_it(takes, "nothing");
		exactly(".", "a dot");
		exactly(".\r\n", "a line of a dot");
		exactly("..\r\n", "of two");
		exactly("\r\n", "an empty line");
		exactly("\r\n.\r\n", "and a dot");
		exactly("a\r\n.\r\nb\r\n", "a dot in the middle");
		exactly("a.\r\n", "one at the end of a line");
		exactly("x\r\n\r\n.", "one at the end of all");
		/* and all of it with a head */
		buf_addstr(&head, "Received: from x\r\n\tby y\r\n.dot: z\r\n");
	}
	for (i = 0; i < 30; i++) {
		make(1 + rnd(70000), 1 + rnd(4), i & 1);
		send_it(takes, "by chance");
	}
	buf_free(&head);
	for (i = 0; i < 5000; i++)
		buf_addstr(&head, ".X-Long-Head: of many lines\r\n");
	make(100, 1, 1);
	send_it(takes, "a head larger than the window");
	make(100, 0, 1);
	send_it(takes, "with a message that goes as it is");
	make(500000, 3, 1);
	send_it(takes, "with a large one");
	buf_free(&head);
}

/* No more than a window of it is ours at any time. */
static void
test_slow(void)
{
	size_t	most = 0, held;

	make(8 * 1024 * 1024, 5, 1);
	server[0].script[0] = slow;
	open_mta(data_todo, 0);
	while (user.mta != NULL && !user.dead && !(mta_idle(user.mta) &&
	    user.todo[0] != data_todo[0])) {
		event_base_loop(base, EVLOOP_ONCE);
		held = user.mta->body.size + user.mta->out.size +
		    user.mta->body.head.size;
		if (held > most)
			most = held;
	}
	ok(most > 0 && most <= MTA_WINDOW + 4096, "a window is all it takes");
	mta_free(user.mta);
	user.mta = NULL;
	server_reset(&server[0]);
	send_it(slow, "8 MB to one who reads slowly");
	make(120000, 0, 1);
	send_it(slow, "from memory to one who reads slowly");
}

static void
breaks(const char *const *script, const char *want, const char *name)
{
	server[0].script[0] = script;
	open_mta(data_todo, 0);
	play();
	case_end(want, name);
}

#define TAKEN	GREETED, "<DATA", ">354 go", "<#100000"
#define LARGE	(16 * 1024 * 1024)

static void
test_breaks(void)
{
	static const char *const	hangs[] = { TAKEN, "hang", NULL };
	static const char *const	closes[] = { TAKEN, "close", NULL };
	static const char *const	resets[] = { TAKEN, "reset", NULL };
	static const char *const	refuses[] = { TAKEN, ">552 5.3.4 too "
	    "big", "hang", NULL };
	static const char *const	says421[] = { TAKEN, ">421 bye",
	    "close", NULL };
	static const char *const	early[] = { TAKEN, ">250 taken",
	    "hang", NULL };
	static const char *const	half[] = { GREETED, "<DATA", ">354 go",
	    "<#10000", ">>25", "<.", ">>0 taken\r\n", "<*", NULL };
	static const char *const	halfno[] = { GREETED, "<DATA",
	    ">354 go", "<#10000", ">>45", "<.", ">>1 no\r\n", "<*", NULL };
	static const char *const	babbles[] = { GREETED, "<DATA",
	    ">354 go", ">250 taken", "hang", NULL };
	static const char *const	sorry[] = { GREETED, "<DATA",
	    ">354 go", ">421 bye", "close", NULL };

	make(LARGE, 0, 1);
	breaks(hangs, "ready; dead TIMEOUT; (170000)", "it does not read on");
	breaks(closes, "ready; dead CLOSED", "it closes in the message");
	breaks(resets, "ready; dead CLOSED", "so hard");
	breaks(refuses, "ready; 552 5.3.4 too big; dead CLOSED",
	    "it refuses in the message: that is the answer");
	breaks(early, "ready; dead NONSENSE",
	    "it cannot have taken what it has not seen");
	breaks(babbles, "ready; dead NONSENSE", "nor with its 354");
	breaks(sorry, "ready; dead CLOSED", "it goes with its 354");
	breaks(half, "ready; dead NONSENSE after dot",
	    "a yes that began before the end is none");
	breaks(halfno, "ready; 451 no; dead CLOSED", "a no is one");
	make(1000000, 3, 1);
	breaks(says421, "ready; 421 bye; dead CLOSED",
	    "421 in the message, and the end");
}

/* The spool's own file: it has no name, and can be written to. */
static int
spool_file(void)
{
	struct stat	st;
	int		fd;

	for (fd = 3; fd < 1000; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_nlink == 0 && st.st_size == LARGE &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
			return (fd);
	return (-1);
}

static void
test_spool(void)
{
	make(LARGE, 3, 1);
	server[0].script[0] = slow;
	open_mta(data_todo, 0);
	while (user.mta->state != MS_BODY)
		event_base_loop(base, EVLOOP_ONCE);
	if (ftruncate(spool_file(), 1000000) == -1)
		exit(1);
	while (!user.dead)
		event_base_loop(base, EVLOOP_ONCE);
	close_mta();
	is_int(buf_len(&server[0].body), 0, "there is no end of the message");
	case_end("ready; dead SPOOL", "the file cannot be read any more");
}

/* Freed in the middle: closed, and there is no dot. */
static void
test_freed(void)
{
	make(LARGE, 0, 1);
	server[0].script[0] = slow;
	open_mta(data_todo, 0);
	while (user.mta->state != MS_BODY)
		event_base_loop(base, EVLOOP_ONCE);
	mta_free(user.mta);
	user.mta = NULL;
	case_end("ready", "freed in the middle of a message");
	is_int(buf_len(&server[0].body), 0, "which is not taken");
}

int
main(void)
{
	user_start();
	test_sizes();
	test_edges();
	test_slow();
	test_breaks();
	test_spool();
	test_freed();
	spool_free(spool);
	buf_free(&text);
	return (done());
}
