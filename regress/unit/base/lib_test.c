/* Small files of lib/base: buffers, the clock, siphash, log lines. */
#include <errno.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/siphash.h"
#include "regress/lib/tap.h"

static char	last[LOG_LINE_MAX + 1];
static int	last_priority, lines;

static void
sink(int priority, const char *line, void *arg)
{
	last_priority = priority;
	lines++;
	snprintf(last, sizeof(last), "%s", line);
	errno = *(int *)arg;	/* a sink may spoil it */
}

static void
test_buf(void)
{
	struct buf	 b = { NULL, 0, 0, 0 };
	char		 text[300];
	uint32_t	 in = 0, out = 0, seed = 1, got;
	size_t		 n, most = 0;
	int		 i, wrong = 0;

	buf_drain(&b, 10);
	is_int(buf_len(&b), 0, "an empty buffer");
	buf_addstr(&b, "hello ");
	buf_printf(&b, "%d worlds", 3);
	buf_add(&b, NULL, 0);
	is_int(buf_len(&b), 14, "added");
	ok(memcmp(buf_ptr(&b), "hello 3 worlds", 14) == 0, "as it was given");
	buf_drain(&b, 6);
	ok(memcmp(buf_ptr(&b), "3 worlds", 8) == 0, "drained");
	buf_drain_keep(&b, 8);
	ok(buf_len(&b) == 0 && b.size > 0, "empty, memory kept");
	buf_drain(&b, 0);
	ok(b.data == NULL && b.size == 0, "empty, memory freed");
	memset(text, 'x', sizeof(text));
	text[299] = '\0';
	buf_printf(&b, "%s", text);
	is_int(buf_len(&b), 299, "a long printf");
	ok(strlen(text) == 299 && memcmp(buf_ptr(&b), text, 299) == 0,
	    "comes whole");
	errno = 0;
	ok(buf_reserve(&b, SIZE_MAX) == NULL && errno == ENOMEM,
	    "more than there is");
	is_int(buf_len(&b), 299, "leaves it as it was");
	buf_free(&b);
	/* A queue of numbers, filled and emptied unevenly. */
	for (i = 0; i < 20000; i++) {
		seed = seed * 1664525 + 1013904223;
		for (n = (seed >> 16) % 40; n > 0; n--, in++)
			buf_add(&b, &in, sizeof(in));
		seed = seed * 1664525 + 1013904223;
		for (n = (seed >> 16) % 41; n > 0 && buf_len(&b) > 0; n--) {
			memcpy(&got, buf_ptr(&b), sizeof(got));
			wrong += got != out++;
			if (seed & 0x100)
				buf_drain(&b, sizeof(got));
			else
				buf_drain_keep(&b, sizeof(got));
		}
		if (b.size > most)
			most = b.size;
	}
	is_int(wrong, 0, "first in, first out");
	is_int(buf_len(&b), (in - out) * sizeof(in), "none lost");
	ok(most < 65536, "and it does not grow for ever");
	buf_free(&b);
}

static void
test_siphash(void)
{
	/* The vectors of the paper's own program: key 00..0f, input 00..n-1. */
	static const struct {
		size_t		len;
		uint64_t	want;
	} t[] = {
		{ 0, UINT64_C(0x726fdb47dd0e0e31) },
		{ 1, UINT64_C(0x74f839c593dc67fd) },
		{ 7, UINT64_C(0xab0200f58b01d137) },
		{ 8, UINT64_C(0x93f5f5799a932462) },
		{ 15, UINT64_C(0xa129ca6149be45e5) },
		{ 63, UINT64_C(0x958a324ceb064572) }
	};
	uint8_t	key[16], in[64];
	size_t	i;
	char	name[40];

	for (i = 0; i < sizeof(in); i++) {
		in[i] = (uint8_t)i;
		key[i % 16] = (uint8_t)(i % 16);
	}
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(name, sizeof(name), "siphash of %zu octets",
		    t[i].len);
		ok(siphash24(key, in, t[i].len) == t[i].want, name);
	}
}

static void
test_clock(void)
{
	int64_t	a = clock_mono(), w = clock_wall();

	ok(w > INT64_C(1600000000), "the wall clock is somewhere near now");
	ok(clock_mono() >= a, "the other never goes back");
	clock_fake(1000, 5000);
	ok(clock_wall() == 1000 && clock_mono() == 5000, "put somewhere");
	clock_fake_advance(90);
	ok(clock_wall() == 1090 && clock_mono() == 95000, "and moved");
}

static void
encode(const char *src, size_t len, size_t size, const char *want,
    const char *name)
{
	char	dst[64];

	memset(dst, 'Z', sizeof(dst));
	log_encode(dst, size, src, len);
	is_str(dst, want, name);
	ok(dst[size] == 'Z', "and not one octet further");
}

static void
test_encode(void)
{
	encode("abc", 3, 20, "abc", "plain");
	encode("a b", 3, 20, "a\\x20b", "blank");
	encode("a\0\n\x7f\xff", 5, 20, "a\\x00\\x0a\\x7f\\xff", "octets");
	encode("|\\\"", 3, 20, "\\x7c\\x5c\\x22", "separators");
	encode("", 0, 20, "", "nothing");
	encode("abcdef", 6, 7, "abcdef", "fits exactly");
	encode("abcdefg", 7, 7, "abc...", "one too long");
	encode("abc   ", 6, 12, "abc\\x20...", "never half an octet");
	encode("abcdef", 6, 4, "...", "room for the dots only");
	encode("abcdef", 6, 2, ".", "not even that");
	encode("abcdef", 6, 1, "", "room for nothing");
}

static void
test_log(void)
{
	static char	big[LOG_LINE_MAX * 2];
	int		spoil = 99;

	log_init("front");
	log_set_sink(sink, &spoil);
	errno = ENOENT;
	log_warn("open %s", "/x");
	is_int(errno, ENOENT, "errno is kept, whatever the sink does");
	is_str(last, "open /x: No such file or directory", "log_warn");
	is_int(last_priority, LOG_ERR, "is an error");
	log_warnx("x%d", 1);
	is_str(last, "x1", "log_warnx");
	log_info("i");
	is_int(last_priority, LOG_INFO, "log_info");
	lines = 0;
	log_debug("d");
	is_int(lines, 0, "no debug line is made");
	log_set_verbose(1);
	log_debug("d");
	ok(lines == 1 && last_priority == LOG_DEBUG, "unless asked for");
	log_event(0xabc, "connected", "address=%s", "192.0.2.1");
	is_str(last, "0000000000000abc front connected address=192.0.2.1",
	    "an event");
	log_event(UINT64_MAX, "gone", NULL);
	is_str(last, "ffffffffffffffff front gone", "an event without more");
	log_info("one\r\ntwo\x7f");
	is_str(last, "one??two?", "a line is a line");
	memset(big, 'y', sizeof(big) - 1);
	log_info("%s", big);
	is_int(strlen(last), LOG_LINE_MAX - 1, "a long line is cut");
	errno = ENOSPC;
	log_warn("%s", big);
	is_int(strlen(last), LOG_LINE_MAX - 1, "with its error too");
	log_event(1, "long", "%s", big);
	is_int(strlen(last), LOG_LINE_MAX - 1, "an event too");
}

/* What a process without a sink says, and how it ends. */
static void
test_fatal(void)
{
	char	out[200];
	ssize_t	n, got = 0;
	int	p[2], status;
	pid_t	pid;

	if (pipe(p) == -1 || (pid = fork()) == -1)
		exit(1);
	if (pid == 0) {
		dup2(p[1], STDERR_FILENO);
		log_set_sink(NULL, NULL);
		errno = EACCES;
		fatal("open %s", "/dev/pf");
	}
	close(p[1]);
	while ((n = read(p[0], out + got, sizeof(out) - 1 - (size_t)got)) > 0)
		got += n;
	out[got] = '\0';
	close(p[0]);
	waitpid(pid, &status, 0);
	is_str(out, "open /dev/pf: Permission denied\n",
	    "fatal goes to standard error");
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, "and ends with 1");
}

int
main(void)
{
	test_buf();
	test_siphash();
	test_clock();
	test_encode();
	test_log();
	test_fatal();
	return (done());
}
