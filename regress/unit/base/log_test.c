/* What the sink gets, and that text of a peer cannot make a line of its own. */
#include <errno.h>

#include "lib/base/log.h"
#include "regress/lib/tap.h"

static char	last[LOG_LINE_MAX + 64];
static int	last_priority, lines;

static void
sink(int priority, const char *line, void *arg)
{
	(void)arg;
	snprintf(last, sizeof(last), "%s", line);
	last_priority = priority;
	lines++;
}

static const char *
enc(const void *src, size_t len, size_t size)
{
	static char	dst[256];

	memset(dst, 'Z', sizeof(dst));
	log_encode(dst, size, src, len);
	/* nothing past its end was written */
	return (dst[size] == 'Z' && strlen(dst) < size ? dst : "overrun");
}

int
main(void)
{
	char	big[LOG_LINE_MAX * 2];

	log_init("front");
	log_set_sink(sink, NULL);
	errno = ENOENT;
	log_warn("open %s", "x");
	is_str(last, "open x: No such file or directory", "strerror is added");
	is_int(errno, ENOENT, "errno is kept");
	is_int(last_priority, LOG_ERR, "as an error");
	log_event(0xabc, "disconnected", "seconds=%d", 3);
	is_str(last, "0000000000000abc front disconnected seconds=3",
	    "an event");
	log_event(1, "connected", NULL);
	is_str(last, "0000000000000001 front connected", "a bare event");
	lines = 0;
	log_debug("not seen");
	is_int(lines, 0, "no debug lines unless verbose");
	log_set_verbose(1);
	log_debug("seen");
	is_int(lines, 1, "verbose ones");
	log_info("two\nlines\tand\033");
	is_str(last, "two?lines?and?", "a line is one line");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	log_info("%s", big);
	ok(strlen(last) < LOG_LINE_MAX, "a long line is cut");
	log_spamd(LOG_INFO, "%s: connected (%d/%d)", "192.0.2.1", 1, 0);
	ok(strcmp(last, "192.0.2.1: connected (1/0)") == 0 &&
	    last_priority == (LOG_INFO | LOG_AS_SPAMD), "a line of spamd's");
	is_int(log_is_verbose(), 1, "verbose");
	log_line(LOG_NOTICE, "as it is");
	ok(strcmp(last, "as it is") == 0 && last_priority == LOG_NOTICE,
	    "a child's line");
	is_str(enc("a b|c\\d\r\n\"\x7f\xff", 12, 100),
	    "a\\x20b\\x7cc\\x5cd\\x0d\\x0a\\x22\\x7f\\xff", "encoded");
	is_str(enc("\0x", 2, 20), "\\x00x", "a NUL too");
	is_str(enc("<a@example.org>", 15, 100), "<a@example.org>",
	    "an address stays readable");
	is_str(enc("abcdefghij", 10, 8), "abcd...", "cut with dots");
	is_str(enc("\n\n\n\n", 4, 10), "\\x0a...", "never inside an escape");
	is_str(enc("abc", 3, 1), "", "no room at all");
	return (done());
}
