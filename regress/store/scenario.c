/*
 * The role store in one process with those around it: this program is its
 * parent, its fronts, its pass and its fw, and owns the clock.  One scenario a run,
 * because the role is one a process; TAP.
 *	scenario NAME DIR		DIR is empty (full: a small file system)
 */
/* LINK: spamgreyd/store.o spamgreyd/store_front.o spamgreyd/store_fw.o spamgreyd/store_pass.o spamgreyd/store_ctl.o spamgreyd/ctl.o spamgreyd/ctl_edit.o spamgreyd/ctl_import.o spamgreyd/policy.o spamgreyd/policy_conf.o spamgreyd/policy_edit.o spamgreyd/policy_event.o spamgreyd/policy_mail.o spamgreyd/policy_rcpt.o spamgreyd/policy_rules.o spamgreyd/policy_show.o spamgreyd/policy_tuple.o spamgreyd/config.o */
/* LIBS: -ldb */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/clock.h"
#include "../../lib/log.h"
#include "../../spamgreyd/store.h"
#include "tap.h"

#define T0	INT64_C(1700000000)
#define FRONTS	2
#define A	"<a@example.com>"
#define B	"<b@example.net>"

static struct child	 child;
static struct chan	*front[FRONTS], *fw, *pass;
static char		 log_text[1 << 20];	/* what came, in order */
static int		 fw_answers = 1;
static uint64_t		 fw_asked;	/* the last id that wants an answer */
static unsigned int	 answers;
static char		 dir[1024], last_log[LOG_LINE_MAX];

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

/* "F0 …": what a front was sent; "P …": pass; "W …": what fw was. */
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

	(void)arg;
	switch (m->type) {
	case MSG_HOSTS_BEGIN:
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

static void
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
	{ MSG_HOSTS_BEGIN, 0, on_front }, { MSG_HOST, 0, on_front },
	{ MSG_HOSTS_END, 0, on_front }, { MSG_RCPT_ANSWER, 0, on_front },
	{ MSG_STORE_UP, 0, on_front }, { MSG_STAT_ASK, 0, on_front },
	{ MSG_CAPS, 0, on_front }, { 0, 0, NULL }
};
static const struct chan_rule fw_rules[] = {
	{ MSG_FW_BEGIN, 0, on_fw }, { MSG_FW_HOST, 0, on_fw },
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

/* Turns the loop until what is wanted is there; alarm(2) ends a hang. */
static void
until(const char *text)
{
	while (strstr(log_text, text) == NULL)
		event_base_loop(child.base, EVLOOP_ONCE);
}

static void
until_answers(unsigned int n)
{
	while (answers < n)
		event_base_loop(child.base, EVLOOP_ONCE);
}

/* All that is to be done now, without waiting for anything. */
static void
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

/* a comes before b, and both are there. */
static int
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

static struct config *
new_config(void)
{
	struct config	*c = config_new();

	c->cache = 8 * 1024 * 1024;
	free(c->statedir);
	c->statedir = strdup(dir);
	return (c);
}

static void
add_string(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

static void
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

static void
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

static void
rcpt(uint64_t session, const char *client)
{
	send_rcpt(0, session, client, A, B, 0);
}

/* The policy's statistics, by a look into the role. */
static const char	*stat_name;
static int64_t		 stat_value;

static void
stat_one(const char *name, int64_t v, void *arg)
{
	(void)arg;
	if (strcmp(name, stat_name) == 0)
		stat_value = v;
}

static int64_t
stat_of(struct policy *p, const char *name)
{
	stat_name = name;
	stat_value = -1;
	policy_stats(p, stat_one, NULL);
	return (stat_value);
}

static struct policy *
the_policy(void)
{
	return (((struct store *)child.data)->policy);
}

static void
scenario_life(void)
{
	struct policy	*p;
	int64_t		 commits;
	char		 from[64];
	int		 i;

	begin(new_config());
	until("W end");
	until("F1 end");
	ok(before("F0 begin", "F0 end") && before("F1 begin", "F1 end"),
	    "each front is told all states");
	ok(before("W begin", "W end"), "fw is told the whole set");

	fresh_log();
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ok(has("F0 answer 1/1 grey"), "first sight");
	ok(!has("W "), "nothing for fw");

	/* It matures: table first, then both fronts, then the answer. */
	clock_fake_advance(200);
	fresh_log();
	fw_answers = 0;
	rcpt(2, "192.0.2.1");
	send_rcpt(0, 3, "198.51.100.1", A, B, 0);
	until_answers(1);
	settle();
	ok(has("F0 answer 3/1 grey"), "the other one of the batch is answered");
	ok(!has("answer 2/1"), "the promotion waits for fw");
	ok(has("W do 192.0.2.1/128 in"), "which has been asked");
	ok(has("F0 host 192.0.2.1 white") && has("F1 host 192.0.2.1 white"),
	    "both fronts know");
	fw_done(fw_asked);
	until_answers(2);
	ok(has("F0 answer 2/1 pass"), "fw's word: answered");
	ok(before("F0 host 192.0.2.1 white", "F0 answer 2/1 pass"),
	    "in this order");

	/* White and yet at front: put back before its first answer. */
	fresh_log();
	send_rcpt(1, 4, "192.0.2.1", A, B, RCPT_F_WHITE);
	until("W do 192.0.2.1/128 in");
	settle();
	is_int(answers, 0, "white at front waits for fw");
	fw_done(fw_asked);
	until_answers(1);
	ok(has("F1 answer 4/1 white"), "then it is answered");
	fresh_log();
	send_rcpt(1, 4, "192.0.2.1", A, B, RCPT_F_WHITE | RCPT_F_AGAIN);
	until_answers(1);
	ok(!has("W "), "only once a session");

	/* A dumb fw holds up a promotion for a second, no more. */
	fresh_log();
	rcpt(5, "192.0.2.7");
	until("W do 192.0.2.7/128 in");
	settle();
	is_int(answers, 0, "waits");
	clock_fake_advance(1);
	until_answers(1);
	ok(has("F0 answer 5/1 pass"), "fw is late: answered all the same");
	ok(strstr(last_log, "fw did not answer") != NULL, "and logged");
	fw_done(fw_asked);
	settle();
	is_int(answers, 1, "its late word answers nothing twice");
	fw_answers = 1;

	/* Many at once: one commit for each 128. */
	p = the_policy();
	commits = stat_of(p, "database commits");
	fresh_log();
	for (i = 0; i < 300; i++) {
		snprintf(from, sizeof(from), "<x%c%c@example.com>",
		    'a' + i / 26, 'a' + i % 26);
		send_rcpt(0, 100 + (uint64_t)i, "203.0.113.1", from, B, 0);
	}
	until_answers(300);
	is_int(stat_of(p, "grey-new") >= 300, 1, "all stored");
	is_int(stat_of(p, "database commits") - commits, 3,
	    "in three transactions");
	is_int(stat_of(p, "firewall late"), 1, "counted");
	role_store.stop(&child);
}

static void
scenario_expire(void)
{
	struct config	*c = new_config(), *c2;

	add_string(&c->spamtraps, "trap@example.net");
	add_string(&c->not_to, "support@example.net");
	begin(c);
	until("W end");
	send_rcpt(0, 1, "192.0.2.1", A, "<support@example.net>", 0);
	until("answer 1/1 pass");
	send_rcpt(0, 2, "192.0.2.1", A, "<trap@example.net>", 0);
	until("answer 2/1 trapped");
	ok(before("F0 host 192.0.2.1 whitetrapped", "F0 answer 2/1 trapped"),
	    "trapped over WHITE: the fronts know before the answer");
	ok(has("W do 192.0.2.1/128 out"), "out of the table");
	fresh_log();
	clock_fake_advance(86400 + 60);
	until("W do 192.0.2.1/128 in");
	ok(has("F0 host 192.0.2.1 white\n") && has("F1 host 192.0.2.1 white\n"),
	    "TRAPPED ended: the fronts know, and fw has it again");
	fresh_log();
	/* Day by day, as the clock rule wants it. */
	while (!has("W do 192.0.2.1/128 out")) {
		clock_fake_advance(86400);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	ok(has("F0 host 192.0.2.1 \n"), "WHITE ended: unknown again");

	/* Reload: a list that has the host, and a wider host. */
	fresh_log();
	send_rcpt(0, 3, "192.0.2.1", A, "<support@example.net>", 0);
	send_rcpt(0, 4, "198.51.100.1", A, "<support@example.net>", 0);
	until_answers(2);
	fresh_log();
	c2 = new_config();
	make_black(c2, "192.0.2.0/24");
	child.conf = c2;
	role_store.configure(&child, c);
	config_free(c);
	until("W end");
	ok(has("W host 198.51.100.1/128 in") && !has("W host 192.0.2.1"),
	    "reload: the blacklisted host is not in the set any more");
	ok(!has("F0 begin"), "host states are as they were");
	fresh_log();
	c = c2;
	c2 = new_config();
	c2->grey.admit.ip4 = 24;
	child.conf = c2;
	role_store.configure(&child, c);
	config_free(c);
	until("F1 end");
	until("W host 198.51.100.0/120 in");
	ok(has("F1 host 198.51.100.0 white"), "admit /24: hosts are networks");
	until("W end");
	role_store.stop(&child);
}

static void
send_event(const char *client, unsigned int event, uint8_t flags)
{
	struct event_msg	e;

	memset(&e, 0, sizeof(e));
	addr_parse(client, &e.client);
	e.event = (uint8_t)event;
	e.flags = flags;
	proto_put_event(chan_ipc(pass), 0x77, &e);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_mail(const char *client, int bad)
{
	struct mail_seen	s;

	memset(&s, 0, sizeof(s));
	addr_parse(client, &s.client);
	s.bad = (uint8_t)bad;
	proto_put_mail_seen(chan_ipc(pass), 0x77, &s);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_caps(uint32_t keywords, const char *relays)
{
	struct mta_caps	c = { 1, keywords, 10240000, relays };

	proto_put_caps(chan_ipc(pass), &c);
	if (chan_send(pass, -1) == -1)
		abort();
}

static void
send_white_seen(const char *client)
{
	struct addr	a;

	addr_parse(client, &a);
	ipc_begin(chan_ipc(front[1]), MSG_WHITE_SEEN, 0);
	ipc_put_addr(chan_ipc(front[1]), &a);
	if (chan_send(front[1], -1) == -1)
		abort();
}

static void
pass_caps(void)
{
	fresh_log();
	send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
	until("F1 caps");
	ok(has("F0 caps 1 12 10240000 127.0.0.1:25"),
	    "what the MTA offers: the fronts are told");
	fresh_log();
	send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
	settle();
	ok(!has("caps"), "the same again is no news");
}

static void
scenario_pass(void)
{
	struct config	*c = new_config();

	add_string(&c->not_to, "support@example.net");
	begin(c);
	until("W end");
	until("P end");
	ok(before("P begin", "P end") && !has("caps"),
	    "pass is told all states; of the MTA nothing is known");
	pass_caps();

	/* It matures: pass knows it before the answer, as the fronts do. */
	rcpt(1, "192.0.2.1");
	until_answers(1);
	clock_fake_advance(200);
	fresh_log();
	rcpt(2, "192.0.2.1");
	until("answer 2/1 pass");
	ok(before("P host 192.0.2.1 white", "F0 answer 2/1 pass"),
	    "a promotion: pass knows before the answer");

	fresh_log();
	send_white_seen("192.0.2.1");
	until("W do 192.0.2.1/128 in");
	is_int((int64_t)fw_asked, 1, "white seen: put back, no answer wanted");
	send_white_seen("192.0.2.99");
	settle();
	ok(!has("192.0.2.99"), "an unknown host is not put into the table");

	/* Good mail: all hear of the new end, and the table too. */
	clock_fake_advance(3600);
	fresh_log();
	send_mail("192.0.2.1", 0);
	until("W do 192.0.2.1/128 in");
	ok(has("F1 host 192.0.2.1 white") && has("P host 192.0.2.1 white"),
	    "good mail extends WHITE, and all are told");

	fresh_log();
	send_event("192.0.2.1", EVENT_VIRUS, EVENT_F_VOUCHED);
	send_event("192.0.2.1", EVENT_VIRUS, EVENT_F_VOUCHED);
	settle();
	ok(!has("host") && strstr(last_log, "spared address=192.0.2.1 "
	    "event=virus why=vouched") != NULL, "vouched for: only logged");
	send_event("192.0.2.1", EVENT_VIRUS, 0);
	send_event("192.0.2.1", EVENT_VIRUS, 0);
	until("W do 192.0.2.1/128 out");
	ok(has("P host 192.0.2.1 \n") && has("F0 host 192.0.2.1 \n"),
	    "two viruses: demoted, and the table loses the host at once");
	ok(strstr(last_log, "demote address=192.0.2.1 event=virus") != NULL,
	    "logged");
	fresh_log();
	send_mail("192.0.2.1", 0);
	settle();
	ok(!has("host"), "a message under way does not undo it");

	fresh_log();
	send_rcpt(0, 3, "192.0.2.5", A, "<support@example.net>",
	    RCPT_F_HANDOVER);
	until("F0 answer 3/1 not-to");
	ok(!has("host") && !has("W "), "not to, handed over: nothing changes");
	role_store.stop(&child);
}

/* One role after another: what the MTA offers is on disk. */
static void
scenario_caps(void)
{
	int	status;
	pid_t	pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		begin(new_config());
		until("W end");
		send_caps(CAPS_SIZE | CAPS_DSN, "127.0.0.1:25");
		until("F1 caps");
		role_store.stop(&child);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "told, and ended");
	begin(new_config());
	until("P end");
	until("F1 end");
	ok(before("F0 caps 1 12 10240000 127.0.0.1:25", "F0 end") &&
	    before("F1 caps", "F1 end") && before("P caps", "P end"),
	    "what the MTA offers is known before the states are");
	fresh_log();
	send_caps(CAPS_SIZE, "127.0.0.1:26");
	until("F0 caps 1 2 10240000 127.0.0.1:26");
	ok(has("P caps"), "news");
	role_store.stop(&child);
}

static void
ballast(long long leave)
{
	static char	block[65536];
	char		path[1100];
	struct statvfs	sv;
	int		fd;

	memset(block, 'b', sizeof(block));
	snprintf(path, sizeof(path), "%s/ballast", dir);
	if (leave < 0) {
		unlink(path);
		return;
	}
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		abort();
	while (fstatvfs(fd, &sv) == 0 &&
	    (long long)(sv.f_bavail * sv.f_frsize) > leave)
		if (write(fd, block, sizeof(block)) <= 0)
			break;
	close(fd);
}

static void
scenario_full(void)
{
	char		from[64];
	unsigned int	i, n, promised = 0;
	int64_t		rcpts;

	begin(new_config());
	until("W end");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ballast(1024 * 1024);
	/* Until the disk is full: what is promised is counted. */
	for (i = 0; !has("unstored"); i++) {
		fresh_log();
		for (n = 0; n < 64; n++) {
			char	ip[32];

			snprintf(ip, sizeof(ip), "10.%u.%u.%u", i / 250,
			    i % 250, n);
			snprintf(from, sizeof(from), "<x%c%c@example.com>",
			    'g' + n / 16, 'g' + n % 16);
			send_rcpt(0, 1000 + n, ip, from, B, 0);
		}
		until_answers(64);
		if (!has("unstored"))
			promised += 64;
	}
	ok(!has("grey"), "a batch is promised as a whole, or not at all");
	ok(has("unstored disk full"), "and the answer says why");
	ok(has("F0 up 0 disk full") && has("F1 up 0 disk full"),
	    "the fronts are told");
	fresh_log();
	rcpt(2, "192.0.2.9");
	until_answers(1);
	ok(has("answer 2/1 unstored disk full"), "as long as it lasts");
	clock_fake_advance(3);
	event_base_loop(child.base, EVLOOP_ONCE);
	event_base_loop(child.base, EVLOOP_ONCE);
	ok(!has("up 1"), "no room, no reopening");

	ballast(-1);
	fresh_log();
	while (!has("F1 up 1")) {
		clock_fake_advance(2);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	until("F0 end");
	until("W end");
	ok(has("F0 begin"), "up again by itself, states are told anew");
	rcpts = stat_of(the_policy(), "entries grey");
	printf("# promised %u, there %lld\n", promised + 1, (long long)rcpts);
	ok(rcpts >= promised + 1 && rcpts <= promised + 1 + 64,
	    "what was promised is there");
	fresh_log();
	clock_fake_advance(200);
	rcpt(3, "192.0.2.1");
	until_answers(1);
	ok(has("answer 3/1 pass"), "the first one passes");
	role_store.stop(&child);
}

static void
scenario_startfull(void)
{
	begin(new_config());
	until("W end");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	role_store.stop(&child);
	ballast(0);
	/* A new role takes a new process. */
	fflush(stdout);
	if (execl("/proc/self/exe", "scenario", "startfull2", dir, NULL) == -1)
		abort();
}

static void
scenario_startfull2(void)
{
	begin(new_config());
	until("F0 end");
	until("F0 up 0 disk full");
	ok(1, "starts with a full disk, and says so");
	ok(!has("W begin"), "the table is left as it is");
	rcpt(1, "192.0.2.1");
	until_answers(1);
	ok(has("answer 1/1 unstored disk full"), "unstored");
	ballast(-1);
	fresh_log();
	while (!has("F1 up 1")) {
		clock_fake_advance(2);
		event_base_loop(child.base, EVLOOP_ONCE);
	}
	until("W end");
	clock_fake_advance(200);
	rcpt(2, "192.0.2.1");
	until_answers(1);
	ok(has("answer 2/1 pass"), "up by itself; the tuple is there");
	role_store.stop(&child);
}

/* What a broken front may send: the role ends with a line, not by a signal. */
static void
garbage_one(const void *data, size_t len, const char *name)
{
	int	status, fd;
	pid_t	pid;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		alarm(60);
		begin(new_config());
		until("W end");
		fd = chan_ipc(front[0])->fd;
		if (write(fd, data, len) != (ssize_t)len)
			_exit(99);
		fflush(stdout);
		for (;;)
			event_base_loop(child.base, EVLOOP_ONCE);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1, name);
}

static void
scenario_garbage(void)
{
	struct ipc_hdr	h;
	uint8_t		b[256];
	unsigned int	i;
	int		status;
	pid_t		pid;

	memset(b, 0xff, sizeof(b));
	garbage_one(b, sizeof(b), "no frame at all");
	memset(b, 0, sizeof(b));
	garbage_one(b, sizeof(b), "zeroes");
	memset(&h, 0, sizeof(h));
	h.len = sizeof(h);
	h.type = MSG_FW_DO;
	garbage_one(&h, sizeof(h), "a message that a front may not send");
	h.type = MSG_RCPT;
	garbage_one(&h, sizeof(h), "a RCPT without a body");
	h.type = MSG_EVENT;
	h.len = sizeof(h) + 17;
	memcpy(b, &h, sizeof(h));
	memset(b + sizeof(h), 0xee, 17);
	garbage_one(b, h.len, "an event that there is not");
	for (i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(i * 7);
	h.type = MSG_RCPT;
	h.len = 200;
	memcpy(b, &h, sizeof(h));
	garbage_one(b, 200, "a RCPT of garbage");

	/* A front that goes away in the middle of a frame is not broken. */
	fflush(stdout);
	if ((pid = fork()) == 0) {
		alarm(60);
		begin(new_config());
		until("W end");
		if (write(chan_ipc(front[0])->fd, b, 60) != 60)
			_exit(99);
		chan_free(front[0]);
		settle();
		send_rcpt(1, 1, "192.0.2.1", A, B, 0);
		until_answers(1);
		_exit(has("F1 answer 1/1 grey") ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the other front is served on");
}

int
main(int argc, char **argv)
{
	static const struct {
		const char	*name;
		void		(*run)(void);
	} scenarios[] = {
		{ "life", scenario_life }, { "expire", scenario_expire },
		{ "full", scenario_full }, { "startfull", scenario_startfull },
		{ "startfull2", scenario_startfull2 },
		{ "garbage", scenario_garbage }, { "pass", scenario_pass },
		{ "caps", scenario_caps }
	};
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
	alarm(300);		/* a hang is a failure, not a hang */
	for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(scenarios[i].name, argv[1]) == 0) {
			scenarios[i].run();
			return (done());
		}
	fprintf(stderr, "no scenario %s\n", argv[1]);
	return (2);
}
