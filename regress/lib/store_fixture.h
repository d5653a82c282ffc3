/*
 * Runs the store role in one process.  The program that includes this file
 * plays its parent, its fronts, pass and fw, and sets the clock.  log_text has
 * all messages to them, in order.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define FRONTS	2
#define A	"<a@example.com>"
#define B	"<b@example.net>"

static struct child	 child;
static struct chan	*front[FRONTS], *fw, *pass;
static char		 log_text[1 << 20];	/* all messages, in order */
static int		 fw_answers = 1;
static uint64_t		 fw_asked;	/* the last id without an answer */
static unsigned int	 answers;
static char		 dir[1024], last_log[LOG_LINE_MAX];

void
child_busy(struct child *c, int busy)
{
	(void)c;
	(void)busy;
}

void
child_fatal(struct child *c, const char *fmt, ...)
{
	va_list	ap;

	(void)c;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\nBail out! the role cannot go on\n");
	exit(1);
}

static void
keep_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	snprintf(last_log, sizeof(last_log), "%s", line);
	printf("# log: %s\n", line);
}

/* "F0 …": a message to front 0; "P …": to pass; "W …": to fw. */
static void
note(const char *fmt, ...)
{
	size_t	len = strlen(log_text);
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(log_text + len, sizeof(log_text) - len, fmt, ap);
	va_end(ap);
}

static const char *
which(struct chan *ch)
{
	return (ch == pass ? "P" : ch == front[0] ? "F0" : "F1");
}

static const char *
verdict_name(unsigned int v)
{
	static const char *const	names[] = {
		"?", "grey", "pass", "white", "trapped", "unstored", "not-to"
	};

	return (names[v <= RCPT_NOT_TO ? v : 0]);
}

static void
on_front(struct chan *ch, struct msg *m, void *arg)
{
	struct rcpt_answer	a;
	struct host		h;
	struct mta_caps		c;
	char			ip[ADDR_STRLEN];
	uint8_t			up;
	int64_t			asof;
	struct addr_cut		cut;

	(void)arg;
	switch (m->type) {
	case MSG_CLOCK:
		proto_get_clock(m, &asof);
		note("%s clock %s\n", which(ch), asof == clock_wall() ?
		    "right" : asof == 0 ? "none" : "wrong");
		break;
	case MSG_HOSTS_BEGIN:
		proto_get_hosts_begin(m, &cut);
		note("%s begin\n", which(ch));
		break;
	case MSG_HOSTS_END:
		note("%s end\n", which(ch));
		break;
	case MSG_HOST:
		proto_get_host(m, &h);
		note("%s host %s %s%s\n", which(ch), addr_str(&h.key, ip),
		    h.white ? "white" : "", h.trapped ? "trapped" : "");
		break;
	case MSG_RCPT_ANSWER:
		proto_get_rcpt_answer(m, &a);
		note("%s answer %u/%u %s %s\n", which(ch),
		    (unsigned int)m->id, a.seq, verdict_name(a.verdict),
		    a.text);
		answers++;
		break;
	case MSG_CAPS:
		proto_get_caps(m, &c);
		note("%s caps %u %x %llu %s\n", which(ch), c.known,
		    c.keywords, (unsigned long long)c.size, c.relays);
		break;
	case MSG_STAT_ASK:
		note("%s stat\n", which(ch));
		break;
	case MSG_STORE_UP:
		up = msg_get_u8(m);
		note("%s up %u %s\n", which(ch), up, msg_get_str(m));
		break;
	default:
		break;
	}
}

static inline void
fw_done(uint64_t id)
{
	ipc_begin(chan_ipc(fw), MSG_FW_DONE, id);
	ipc_put_u8(chan_ipc(fw), 1);
	chan_send(fw, -1);
}

static void
on_fw(struct chan *ch, struct msg *m, void *arg)
{
	struct addr	a;
	char		ip[ADDR_STRLEN];
	uint8_t		plen;
	int64_t		until;

	(void)ch;
	(void)arg;
	switch (m->type) {
	case MSG_FW_BEGIN:
		note("W begin\n");
		return;
	case MSG_FW_END:
		note("W end\n");
		return;
	case MSG_CLOCK:
		proto_get_clock(m, &until);
		note("W clock %s\n", until == clock_wall() ? "right" :
		    until == 0 ? "none" : "wrong");
		return;
	default:
		break;
	}
	proto_get_fw(m, &a, &plen, &until);
	note("W %s %s/%u %s\n", m->type == MSG_FW_HOST ? "host" : "do",
	    addr_str(&a, ip), plen, until == HOST_FOREVER ? "ever" :
	    until ? "in" : "out");
	if (m->type == MSG_FW_DO && m->id != 0) {
		fw_asked = m->id;
		if (fw_answers)
			fw_done(m->id);
	}
}

static const struct chan_rule front_rules[] = {
	{ MSG_CLOCK, 0, on_front }, { MSG_HOSTS_BEGIN, 0, on_front },
	{ MSG_HOST, 0, on_front }, { MSG_HOSTS_END, 0, on_front }, { MSG_RCPT_ANSWER, 0, on_front },
	{ MSG_STORE_UP, 0, on_front }, { MSG_STAT_ASK, 0, on_front },
	{ MSG_CAPS, 0, on_front }, { 0, 0, NULL }
};
static const struct chan_rule fw_rules[] = {
	{ MSG_CLOCK, 0, on_fw }, { MSG_FW_BEGIN, 0, on_fw }, { MSG_FW_HOST, 0, on_fw },
	{ MSG_FW_END, 0, on_fw }, { MSG_FW_DO, 0, on_fw },
	{ MSG_STAT_ASK, 0, on_fw }, { 0, 0, NULL }
};

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)arg;
	note("ended %d\n", how);
	chan_free(ch);
}

static void
pair(int fd[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == -1)
		abort();
}

/* One turn of the loop; so many in one wait, and the test has failed. */
static void
until_turn(unsigned int n, const char *what)
{
	if (n == 1000000) {
		ok(0, what);
		exit(1);
	}
	event_base_loop(child.base, EVLOOP_ONCE);
}

/* Runs the loop until the text is in the log. */
static void
until(const char *text)
{
	unsigned int	n;

	for (n = 0; strstr(log_text, text) == NULL; n++)
		until_turn(n, text);
}

static inline void
until_answers(unsigned int want)
{
	unsigned int	n;

	for (n = 0; answers < want; n++)
		until_turn(n, "an answer to each recipient");
}

/* Does all that is ready, without waiting. */
static inline void
settle(void)
{
	int	i;

	for (i = 0; i < 50; i++)
		event_base_loop(child.base, EVLOOP_NONBLOCK);
}

static void
fresh_log(void)
{
	log_text[0] = '\0';
	answers = 0;
}

/* Tests that the log has both, and a before b. */
static inline int
before(const char *a, const char *b)
{
	const char	*pa = strstr(log_text, a), *pb = strstr(log_text, b);

	return (pa != NULL && pb != NULL && pa < pb);
}

static int
has(const char *text)
{
	return (strstr(log_text, text) != NULL);
}

/* How often something was sent. */
static inline unsigned int
times(const char *text)
{
	const char	*p = log_text;
	unsigned int	 n = 0;

	while ((p = strstr(p, text)) != NULL) {
		p += strlen(text);
		n++;
	}
	return (n);
}

static struct config *
new_config(void)
{
	struct config	*c = config_new();

	c->cache = 8 * 1024 * 1024;
	free(c->statedir);
	c->statedir = strdup(dir);
	return (c);
}

static inline void
add_string(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

static inline void
make_black(struct config *c, const char *text)
{
	struct addrset_build	*b = addrset_build_new();
	struct conf_list	*l = calloc(1, sizeof(*l));
	struct prefix		 p;
	FILE			*f = tmpfile();

	prefix_parse(text, &p);
	addrset_build_add(b, &p);
	if (addrset_write(fileno(f), &b, 1) == -1)
		abort();
	c->set = addrset_map(fileno(f));
	fclose(f);
	addrset_build_free(b);
	l->kind = LIST_BLACK;
	l->name = strdup("ours");
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&c->lists, l, entry);
}

static void
wire(void)
{
	int	fd[2];
	int	i;

	for (i = 0; i < FRONTS; i++) {
		pair(fd);
		role_store.peer(&child, ROLE_FRONT, (unsigned int)i, fd[0]);
		front[i] = chan_new(child.base, fd[1], "store", front_rules,
		    NULL, ended);
	}
	pair(fd);
	role_store.peer(&child, ROLE_PASS, 0, fd[0]);
	pass = chan_new(child.base, fd[1], "store", front_rules, NULL, ended);
	pair(fd);
	role_store.peer(&child, ROLE_FW, 0, fd[0]);
	fw = chan_new(child.base, fd[1], "store", fw_rules, NULL, ended);
}

static void
begin(struct config *c)
{
	child.role = ROLE_STORE;
	child.pf = -1;
	child.def = &role_store;
	child.base = event_base_new();
	child.conf = c;
	wire();
	role_store.configure(&child, NULL);
	role_store.run(&child);
}

static inline void
send_rcpt(int f, uint64_t session, const char *client, const char *from,
    const char *to, uint8_t flags)
{
	struct rcpt_req	r;

	memset(&r, 0, sizeof(r));
	r.seq = 1;
	addr_parse(client, &r.client);
	r.flags = flags;
	r.helo = "h";
	r.from = from;
	r.to = to;
	proto_put_rcpt(chan_ipc(front[f]), session, &r);
	if (chan_send(front[f], -1) == -1)
		abort();
}

static inline void
rcpt(uint64_t session, const char *client)
{
	send_rcpt(0, session, client, A, B, 0);
}

/* The policy's statistics, read from the role's memory. */
static const char	*stat_name;
static int64_t		 stat_value;

static void
stat_one(const char *name, int64_t v, void *arg)
{
	(void)arg;
	if (strcmp(name, stat_name) == 0)
		stat_value = v;
}

static inline int64_t
stat_of(struct policy *p, const char *name)
{
	stat_name = name;
	stat_value = -1;
	policy_stats(p, stat_one, NULL);
	return (stat_value);
}

static inline struct policy *
the_policy(void)
{
	return (((struct store *)child.data)->policy);
}

struct scenario {
	const char	*name;
	void		(*run)(void);
};

/* Arguments NAME DIR: runs that scenario in that empty directory. */
static int
store_main(const struct scenario *all, size_t n, int argc, char **argv)
{
	size_t	i;

	if (argc != 3) {
		fprintf(stderr, "usage: scenario NAME DIR\n");
		return (2);
	}
	snprintf(dir, sizeof(dir), "%s", argv[2]);
	if (chdir(dir) == -1)
		return (2);
	log_init("store");
	log_set_sink(keep_log, NULL);
	clock_fake(T0, 1000000);
	alarm(300);		/* so that a hang is a failure */
	for (i = 0; i < n; i++)
		if (strcmp(all[i].name, argv[1]) == 0) {
			all[i].run();
			return (done());
		}
	fprintf(stderr, "no scenario %s\n", argv[1]);
	return (2);
}

#endif
