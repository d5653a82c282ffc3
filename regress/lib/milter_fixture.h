/*
 * What the tests of the module milter share: filters that follow a script, one
 * or several in a chain, and a session that goes through the stages with them.
 */
#ifndef MILTER_FIXTURE_H
#define MILTER_FIXTURE_H

#define FIX_REAL_LOOP
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <unistd.h>

#include "spamgreyd/modules/milter/milter.h"
#include "regress/lib/module_fixture.h"

extern const struct module mod_milter;

/*
 * The script of a filter is a list of rules "X:packets": the answer to the
 * command X.  '|' separates packets; \xHH is a byte.  In place of packets,
 * "!close" closes the connection, "!" sends nothing, and "!raw…" sends the
 * bytes as they are.  Each rule is used once, except "X*:".  Without a rule the
 * answer is 'c', but none to D, A and Q.
 */
#define RULES	12
#define FILTERS	3
struct filter {
	int		 lfd, fd;
	uint16_t	 port;
	struct event	*lev, *ev;
	const char	*rules[RULES];
	int		 used[RULES];
	struct buf	 in, heard;
	unsigned int	 conns;
	int		 stopped;	/* does not read */
};
static struct filter	filters[FILTERS];
static struct filter	*const filter = &filters[0];
static struct spool	*spool;

static inline size_t
filter_octets(const char *s, size_t len, uint8_t *dst)
{
	unsigned int	v;
	size_t		n = 0, i;

	for (i = 0; i < len; i++)
		if (s[i] == '\\' && sscanf(s + i, "\\x%2x", &v) == 1) {
			dst[n++] = (uint8_t)v;
			i += 3;
		} else
			dst[n++] = (uint8_t)s[i];
	return (n);
}

static inline void
filter_hang_up(struct filter *f)
{
	if (f->fd == -1)
		return;
	event_free(f->ev);
	close(f->fd);
	f->fd = -1;
	buf_free(&f->in);
}

static inline void
filter_say(struct filter *f, const char *text)
{
	uint8_t	b[4096];
	size_t	len, n;

	if (strncmp(text, "!raw", 4) == 0) {
		n = filter_octets(text + 4, strlen(text) - 4, b);
		if (send(f->fd, b, n, MSG_NOSIGNAL) != (ssize_t)n)
			abort();
		return;
	}
	for (;; text += len + 1) {
		len = strcspn(text, "|");
		n = filter_octets(text, len, b + 4);
		b[0] = b[1] = 0;
		b[2] = (uint8_t)(n >> 8);
		b[3] = (uint8_t)n;
		if (send(f->fd, b, n + 4, MSG_NOSIGNAL) != (ssize_t)n + 4)
			abort();
		if (text[len] == '\0')
			return;
	}
}

static inline const char *
filter_rule(struct filter *f, char cmd)
{
	size_t	i;

	for (i = 0; i < RULES && f->rules[i] != NULL; i++) {
		if (f->rules[i][0] != cmd || f->used[i])
			continue;
		if (f->rules[i][1] == '*')
			return (f->rules[i] + 3);
		f->used[i] = 1;
		return (f->rules[i] + 2);
	}
	if (strchr("DAQ", cmd) != NULL)
		return ("!");
	/* version 6, all actions, all steps wanted and answered */
	return (cmd == 'O' ? "O\\x00\\x00\\x00\\x06\\x00\\x00\\x01\\xff"
	    "\\x00\\x00\\x00\\x00" : "c");
}

static inline void
heard(struct filter *f, const uint8_t *p, size_t len)
{
	size_t	i;
	int	r = buf_addstr(&f->heard, buf_len(&f->heard) > 0 ?
		    " " : "");

	if (len > 3000)
		r |= buf_printf(&f->heard, "%c(%zu)", p[0], len - 1);
	else
		for (i = 0; i < len; i++)
			r |= buf_printf(&f->heard, p[i] == '\0' ? "/" :
			    p[i] > ' ' && p[i] <= '~' ? "%c" : "\\%02x", p[i]);
	if (r != 0)
		exit(1);
}

static inline void
filter_read(evutil_socket_t fd, short what, void *arg)
{
	struct filter	*f = arg;
	uint8_t		 b[65536], *p;
	const char	*text;
	size_t		 len;
	ssize_t		 n;

	(void)what;
	if ((n = read(fd, b, sizeof(b))) <= 0) {
		filter_hang_up(f);
		return;
	}
	if (buf_add(&f->in, b, (size_t)n) == -1)
		exit(1);
	while (buf_len(&f->in) >= 5) {
		p = buf_ptr(&f->in);
		len = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
		    (size_t)p[2] << 8 | p[3];
		if (len == 0 || len > 65536)
			abort();	/* too many rules for a filter */
		if (buf_len(&f->in) < len + 4)
			return;
		heard(f, p + 4, len);
		text = filter_rule(f, (char)p[4]);
		buf_drain(&f->in, len + 4);
		if (strcmp(text, "!close") == 0) {
			filter_hang_up(f);
			return;
		}
		if (strcmp(text, "!") != 0)
			filter_say(f, text);
	}
}

static inline void
filter_accept(evutil_socket_t lfd, short what, void *arg)
{
	struct filter	*f = arg;

	(void)what;
	filter_hang_up(f);
	if ((f->fd = accept(lfd, NULL, NULL)) == -1)
		abort();
	f->conns++;
	f->ev = event_new(fix_base, f->fd, EV_READ | EV_PERSIST,
	    filter_read, f);
	if (!f->stopped)
		event_add(f->ev, NULL);
}

static inline void
filter_start(struct filter *f)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = -1;
	f->lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(f->lfd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(f->lfd, 8) == -1 || getsockname(f->lfd,
	    (struct sockaddr *)&sin, &len) == -1)
		exit(1);
	f->port = ntohs(sin.sin_port);
	f->lev = event_new(fix_base, f->lfd, EV_READ | EV_PERSIST,
	    filter_accept, f);
	event_add(f->lev, NULL);
}

/* --- a session */

static struct pass_conf	*pc;
static struct session	*s;

static inline void
filter_rules(struct filter *f, const char *const *rules)
{
	size_t	i;

	filter_hang_up(f);
	buf_free(&f->heard);
	f->conns = 0;
	memset(f->used, 0, sizeof(f->used));
	memset(f->rules, 0, sizeof(f->rules));
	for (i = 0; rules != NULL && rules[i] != NULL && i < RULES; i++)
		f->rules[i] = rules[i];
}

static inline void
begin_session(void)
{
	s = fix_session(pc, "192.0.2.1");
	s->ms.port = 1234;
	s->ms.helo = "client.example";
	s->ms.esmtp = 1;
	(void)fix_logged();
}

static inline void
begin(const char *block, const char *const *rules)
{
	char	text[300];

	filter_rules(filter, rules);
	snprintf(text, sizeof(text), "milter { server 127.0.0.1 port %u \n "
	    "%s }", filter->port, block);
	pc = fix_conf(text);
	begin_session();
}

/* Adds the next filter to the chain; its name is milter.NAME. */
static inline void
chain(unsigned int n, const char *name, const char *block,
    const char *const *rules)
{
	struct conf_module	*m;
	char			 words[300], full[64];

	filter_rules(&filters[n], rules);
	fix_session_free(s);
	chain_free(pc->chain);
	pc->chain = NULL;
	snprintf(full, sizeof(full), "milter.%s", name);
	snprintf(words, sizeof(words), "server 127.0.0.1 port %u \n %s",
	    filters[n].port, block);
	m = words_module(full, words);
	if (conf_module_split_all(m, fix_report, NULL) == -1)
		abort();
	TAILQ_INSERT_TAIL(&pc->conf->pass->modules, m, entry);
	begin_session();
}

static inline void
turn_until_gone(void)
{
	size_t	i;

	for (i = 0; i < FILTERS; i++)
		while (filters[i].fd != -1)
			if (event_base_loop(fix_base, EVLOOP_ONCE) != 0)
				abort();
}

/* Makes a transaction with those recipients, accepted by the mail server. */
static inline void
transaction(const char *const *rcpts)
{
	struct rcpt	*r;

	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		exit(1);
	TAILQ_INIT(&s->tx->rcpts);
	for (; *rcpts != NULL; rcpts++) {
		if ((r = calloc(1, sizeof(*r))) == NULL ||
		    (r->to = strdup(*rcpts)) == NULL ||
		    (r->params = strdup("")) == NULL)
			exit(1);
		r->accepted = 1;
		TAILQ_INSERT_TAIL(&s->tx->rcpts, r, entry);
		s->ms.accepted++;
	}
	s->tx->whose = RCPTS_OTHERS;
}

static inline void
transaction_end(void)
{
	struct rcpt	*r;

	if (s->tx == NULL)
		return;
	while ((r = TAILQ_FIRST(&s->tx->rcpts)) != NULL) {
		TAILQ_REMOVE(&s->tx->rcpts, r, entry);
		free(r->to);
		free(r->params);
		free(r);
	}
	free(s->tx);
	s->tx = NULL;
}

/* Runs until all filters have read everything and seen the end. */
static inline void
end(void)
{
	size_t	i;

	transaction_end();
	fix_session_free(s);
	turn_until_gone();
	fix_conf_free(pc);
	for (i = 0; i < FILTERS; i++)
		buf_free(&filters[i].heard);
}

/* Ends the connection, and runs until the module has seen that. */
static inline void
lose(void)
{
	const struct milter	**data = module_data(&s->ms, &mod_milter);

	filter_hang_up(filter);
	while ((*data)->conn != NULL)
		if (event_base_loop(fix_base, EVLOOP_ONCE) != 0)
			abort();
}

static inline const char *
stage(enum stage st)
{
	static char	got[320];

	if (fix_stage(s, st) == NULL)
		fix_wait(&fix_outcome);
	snprintf(got, sizeof(got), "%s", fix_outcome);
	return (got);
}

/* Returns what a filter has read since the last call. */
static inline const char *
told_to(struct filter *f)
{
	static char	*text;

	free(text);
	text = strndup(buf_len(&f->heard) == 0 ? "" :
	    (const char *)buf_ptr(&f->heard), buf_len(&f->heard));
	buf_free(&f->heard);
	return (text);
}

static inline const char *
told(void)
{
	return (told_to(filter));
}

/* Goes to that stage.  Returns the last outcome, or the first refusal. */
static inline const char *
go(enum stage first, enum stage last)
{
	static const enum stage	all[] = { STAGE_CONNECT, STAGE_HELO,
				    STAGE_MAIL, STAGE_RCPT, STAGE_DATA,
				    STAGE_EOM };
	const char		*got = "";
	size_t			 i;

	for (i = 0; i < 6 && *got == '\0'; i++) {
		if (all[i] < first)
			continue;
		if (all[i] == STAGE_MAIL)
			s->ms.from = "<a@example.com>";
		if (all[i] == STAGE_RCPT)
			s->ms.rcpt = "<b@example.org>";
		if (all[i] == STAGE_EOM)
			s->ms.spool = spool;
		got = stage(all[i]);
		if (all[i] == last)
			break;
	}
	return (got);
}

static inline const char *
up_to(enum stage last)
{
	return (go(STAGE_CONNECT, last));
}

/* Begins another message of the same session. */
static inline const char *
next_to(enum stage last)
{
	s->ms.spool = NULL;
	run_new_message(&s->ms);
	return (go(STAGE_MAIL, last));
}

static inline struct spool *
message(const char *text)
{
	struct spool	*sp = spool_new();

	if (sp == NULL || spool_write(sp, text, strlen(text)) == -1)
		exit(1);
	return (sp);
}

/* Returns the message to be delivered, when only filters change it. */
static inline const char *
edited(void)
{
	static char	 text[1000];
	struct msgedit	*e;
	struct spool	*out;
	ssize_t		 n;

	if (run_edits(&s->ms, &e) == -1 || e != NULL)
		exit(1);
	if ((out = run_message(&s->ms)) == NULL)
		return ("nothing");
	n = spool_read(out, 0, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	spool_free(out);
	return (text);
}

#define BROKEN	"451 4.3.0 Mail scanning is temporarily unavailable; please " \
    "try again later"

/* The log encodes blanks in values. */
static inline void
logged(const char *text)
{
	const char	*log = fix_logged();
	char		 enc[200];

	(void)log_encode_str(enc, sizeof(enc), text);
	ok(strstr(log, enc) != NULL || strstr(log, text) != NULL, text);
	if (strstr(log, enc) == NULL && strstr(log, text) == NULL)
		printf("# %s\n", log);
}

static int
no_unix_sockets(uint64_t id, const char *module, const char *path)
{
	(void)id;
	(void)module;
	(void)path;
	return (-1);
}

static inline void
milter_init(void)
{
	size_t	i;

	fix_init();
	scan_init(fix_base, no_unix_sockets);
	for (i = 0; i < FILTERS; i++)
		filter_start(&filters[i]);
	spool = message("Subject: x\r\n\ty\r\nX-A:  two\r\n\r\nbody\r\n");
}

#endif
