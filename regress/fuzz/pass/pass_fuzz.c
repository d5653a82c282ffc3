/*
 * pass' dialogue with a client: the real role, a module that the test plays and
 * a mail server that accepts nearly everything.  The first byte says what the
 * client is and how it begins, the second what the module and the mail server
 * do; 0xff ends a segment.  Whatever a client sends, each reply line must be
 * valid SMTP; the mail server must get whole commands and messages without a
 * bare CR or LF; each 250 for a message comes from the mail server; and nothing
 * may be left over when the client is gone.
 */
/* LINK: spamgreyd/pass spamgreyd/pass/mta spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/pass/scan spamgreyd/smtpd spamgreyd/os/origdst_none.c */
/* LIBS: -ltls -lcares */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "regress/lib/fuzz_mta.h"

#define LINE_MAX_OUT	2100

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned int	 mood, taken, promised;
static char		 line[513];
static size_t		 line_len;

static void
quiet(int priority, const char *text, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			abort();
}

static void
peer_begin(struct peer *p)
{
	peer_say(p, "220 mta\r\n");
}

static int
peer_line(struct peer *p, const char *s)
{
	const unsigned char	*u;

	if (p->data) {
		if (strcmp(s, ".") != 0)
			return (0);
		p->data = 0;
		if (mood & 1)
			peer_say(p, "550 5.7.1 no\r\n");
		else {
			taken++;
			peer_say(p, "250 2.0.0 taken\r\n");
		}
		return (0);
	}
	for (u = (const unsigned char *)s; *u != '\0'; u++)
		if (*u < ' ' || *u == 0x7f)
			abort();
	if (strncmp(s, "EHLO ", 5) == 0)
		peer_say(p, "250-mta\r\n250-SIZE 5000\r\n250-8BITMIME\r\n"
		    "250-DSN\r\n250 SMTPUTF8\r\n");
	else if (strcmp(s, "DATA") == 0) {
		p->data = 1;
		peer_say(p, "354 go on\r\n");
	} else if (strcmp(s, "QUIT") == 0)
		return (-1);
	else if (strncmp(s, "RCPT TO:", 8) == 0 && (mood & 2) &&
	    strstr(s, "no") != NULL)
		peer_say(p, "550 5.1.1 no\r\n");
	else if (strncmp(s, "RCPT TO:", 8) == 0 && (mood & 4) &&
	    strstr(s, "die") != NULL)
		return (-1);
	else if (strncmp(s, "MAIL FROM:<", 11) == 0 ||
	    strncmp(s, "RCPT TO:<", 9) == 0 || strcmp(s, "RSET") == 0 ||
	    strcmp(s, "NOOP") == 0)
		peer_say(p, "250 2.1.0 ok\r\n");
	else
		abort();
	return (0);
}

static void
turn(void)
{
	int	i;

	for (i = 0; i < 12; i++)
		event_base_loop(fixture.child.base, EVLOOP_NONBLOCK);
}

static void
add(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	if (s == NULL || (s->text = strdup(text)) == NULL)
		abort();
	TAILQ_INSERT_TAIL(list, s, entry);
}

static void
setup(void)
{
	struct config	*conf;
	unsigned int	 i;

	log_init("pass");
	log_set_sink(quiet, NULL);
	fixture_init();
	if ((conf = config_new()) == NULL ||
	    (conf->pass = conf_pass_new()) == NULL)
		abort();
	conf->contact = strdup("Ask us");
	add(&conf->domains, "example.org");
	add(&conf->domains, "x.test");
	add(&conf->not_to, "s@example.org");
	fixture_target(fixture_relay(conf), "127.0.0.1", mta_listen());
	fixture_module(conf);
	fixture_configure(conf);
	(void)chan_send_empty(fixture.store, MSG_HOSTS_END, 0);
	for (i = 0; i < 100 && !pass.caps.known; i++)
		turn();
	if (!pass.caps.known)
		abort();
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
	if (line_len == 17 && memcmp(line, "250 2.0.0 taken", 15) == 0)
		promised++;
}

static void
replies(int fd)
{
	char	buf[4096];
	ssize_t	n, i;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (i = 0; i < n; i++) {
			if (line_len == sizeof(line) - 1)
				abort();
			line[line_len++] = buf[i];
			if (buf[i] == '\n') {
				check_line();
				line_len = 0;
			}
		}
}

/* What the module says in this run. */
static void
module_mood(uint8_t what)
{
	static const enum stage	stages[] = {
		STAGE_CONNECT, STAGE_HELO, STAGE_MAIL, STAGE_RCPT,
		STAGE_RCPT_REPLY, STAGE_DATA, STAGE_EOM, STAGE_EVENT
	};
	enum stage	st;
	struct play	*p;

	for (st = 0; st < STAGE_MAX; st++) {
		fixture.play[st].v = verdict_next();
		fixture.play[st].points = 0;
	}
	p = &fixture.play[stages[what & 7]];
	switch (what >> 3 & 7) {
	case 1:
		p->v = verdict_tempfail(450, "4.7.1", "later");
		break;
	case 2:
		p->v = verdict_reject(550, "5.7.1", "never");
		break;
	case 3:
		p->v = verdict_close(0, 421, "4.7.0", "go");
		break;
	case 4:
		p->v = verdict_wait(1000);
		break;
	case 5:
		p->v = verdict_close(1000, 421, "4.7.0", "go");
		break;
	case 6:
		p->points = 11000;
		break;
	case 7:
		p->v = verdict_delay(1000);
		break;
	}
}

/* A session as it comes from a listener, or from a front. */
static struct session *
begin(int fd, unsigned int how)
{
	struct addr	 client, dst;
	struct session	*s;
	struct handover	 h;
	struct mailaddr	 m;
	struct ptx	*tx;

	if (addr_parse("192.0.2.1", &client) == -1 ||
	    addr_parse("192.0.2.2", &dst) == -1)
		abort();
	memset(&h, 0, sizeof(h));
	h.flags = HANDOVER_BANNER | HANDOVER_ESMTP;
	h.offered = CAPS_SIZE | CAPS_8BITMIME;
	h.start = clock_mono();
	h.helo = "client";
	h.from = "<a@b>";
	h.from_params = "SIZE=5";
	h.tls_version = h.tls_cipher = "";
	s = pass_session_new(fd, &client, 25, &dst, 25, NULL,
	    (enum handover_kind)(how % 3), how & 4 ? &h : NULL);
	if (s == NULL)
		abort();
	if (!(how & 4)) {
		pass_begin(s);
	} else {
		tx = ptx_new(h.from, h.from_params);
		if (tx == NULL || mailaddr_check_rcpt("<no@example.org>", 0,
		    &m) != NULL || ptx_add(tx, &m, "") == NULL ||
		    mailaddr_check_rcpt("<s@example.org>", 0, &m) != NULL ||
		    ptx_add(tx, &m, "") == NULL)
			abort();
		pass_resume_handover(s, &h, tx, (how & 8) != 0,
		    (const uint8_t *)"NOOP\r\n", 6);
	}
	pass_settle(s);
	return (s);
}

static void
finish(int fd)
{
	int	i;

	shutdown(fd, SHUT_WR);
	for (i = 0; i < 40 && (pass.count > 0 || npeers > 0); i++) {
		turn();
		replies(fd);
		/* Whatever waits has come to its time. */
		if (i > 4)
			fixture_advance(100);
	}
	if (line_len != 0 || pass.count != 0 || npeers != 0)
		abort();
	if (promised > taken)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t	*end;
	size_t		 n;
	int		 sv[2];

	if (fixture.child.base == NULL)
		setup();
	if (size < 2 || size > 60000)
		return (0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1)
		abort();
	line_len = 0;
	taken = promised = 0;
	mood = data[1] >> 6 | (data[0] & 16) >> 2;
	module_mood(data[1]);
	begin(sv[0], data[0] & 15);
	for (data += 2, size -= 2; size > 0; data += n, size -= n) {
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
	finish(sv[1]);
	close(sv[1]);
	return (0);
}
