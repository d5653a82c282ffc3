/*
 * The whole front role with input from a socket.  The first byte says what the
 * host is and whether pass accepts sessions; 0xff ends a segment.  Whatever a
 * client sends, each reply line must be valid SMTP, and nothing may be left
 * over when the client is gone.
 */
/* LINK: spamgreyd/front spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "regress/lib/pass_fixture.h"

#define REPLY_MAX	512

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct listener	listener;
static char		line[REPLY_MAX + 1];
static size_t		line_len;

static void
quiet(int priority, const char *text, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			abort();
}

/* A short life in pass. */
static void
taken(int fd)
{
	(void)send(fd, "421 pass\r\n", 10, MSG_NOSIGNAL);
	close(fd);
}

static void
setup(void)
{
	struct config	*conf;

	log_init("front");
	log_set_sink(quiet, NULL);
	log_set_verbose(1);
	clock_fake(1700000000, 5000000);
	fixture_init();
	played_init(&fixture.child);
	played.taken = taken;
	played.why = "no \r\n room";
	if ((conf = config_new()) == NULL)
		abort();
	conf->stutter_ms = 0;
	conf->log_spamd = 1;
	conf->limit.message_size = 100000;
	conf->limit.recipients = 5;
	conf->contact = strdup("Ask %A");
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	fixture_configure(conf);
	fixture_hosts_end();
}

static void
turn(void)
{
	int	i;

	for (i = 0; i < 4; i++)
		event_base_loop(fixture.child.base, EVLOOP_NONBLOCK);
}

/* "NNN text" or "NNN-text", CRLF, at most 512 octets, nothing odd inside. */
static void
check_line(void)
{
	size_t	i;

	if (line_len < 6 || line[line_len - 2] != '\r' ||
	    (line[3] != ' ' && line[3] != '-') || line[0] < '2' ||
	    line[0] > '5' || !isdigit((unsigned char)line[1]) ||
	    !isdigit((unsigned char)line[2]))
		abort();
	for (i = 0; i < line_len - 2; i++)
		if (line[i] < ' ' || line[i] > '~')
			abort();
}

static void
replies(int fd)
{
	char	buf[4096];
	ssize_t	n, i;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (i = 0; i < n; i++) {
			if (line_len == REPLY_MAX)
				abort();
			line[line_len++] = buf[i];
			if (buf[i] == '\n') {
				check_line();
				line_len = 0;
			}
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum conn_kind kinds[] = {
		KIND_GREY, KIND_WHITE, KIND_WHITELISTED, KIND_TRAPPED,
		KIND_BLACK
	};
	struct addr	 client;
	struct conn	*c;
	const uint8_t	*end;
	size_t		 n;
	int		 sv[2];

	if (fixture.child.base == NULL)
		setup();
	if (size == 0 || size > 100000)
		return (0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1 ||
	    addr_parse("192.0.2.1", &client) == -1)
		abort();
	line_len = 0;
	played.mode = data[0] & 0x80 ? PASS_LOST : data[0] & 0x40 ? PASS_OK :
	    PASS_NO;
	c = conn_new(&listener, sv[0], &client, 1025, kinds[data[0] % 5], 0,
	    TRAP_MANUAL);
	if (c == NULL)
		abort();
	c->flags &= ~F_COUNTED;		/* did not go through the limits */
	conn_settle(c);
	for (data++, size--; size > 0; data += n, size -= n) {
		if ((end = memchr(data, 0xff, size)) == data) {
			n = 1;
			turn();
			continue;
		}
		n = end == NULL ? size : (size_t)(end - data);
		if (n > 8192)
			n = 8192;
		if (send(sv[1], data, n, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 &&
		    errno == EPIPE)
			break;
		turn();
		replies(sv[1]);
	}
	shutdown(sv[1], SHUT_WR);
	do {
		fixture_release();
		turn();
		replies(sv[1]);
	} while (fixture.holding);
	if (line_len != 0)
		abort();
	close(sv[1]);
	turn();
	turn();
	if (front.count != 0)
		abort();
	return (0);
}
