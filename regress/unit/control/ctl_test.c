/*
 * The command engine: slices and their queue, one request at a time, requests
 * to other processes, import's protocol, the clock rule of expire.  With a real
 * database in its own directory, and a clock that stands still.
 */
/* LIBS: -ldb */
#include <sys/stat.h>

#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/control/ctl.h"
#include "regress/lib/tap.h"

#define NOW	INT64_C(1700000000)

static char		 dir[] = "/tmp/ctltest.XXXXXX";
static struct db	*db;
static struct policy	*policy;
static struct config	*conf;
static struct ipc	 in, out, client;	/* to ctl, from ctl, and received */
static struct ctl	*ctl;
static struct ctl_env	 env;
static unsigned int	 asked, notes, hosts_told;
static char		 asked_text[64];
static char		 last_note[256];

static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)h;
	(void)in_table;
	(void)arg;
	hosts_told++;
}

static void
no_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static void
ask(struct ctl *c, uint16_t type, uint8_t arg, const char *text, void *data)
{
	(void)c;
	(void)arg;
	(void)data;
	asked = type;
	strlcpy(asked_text, text, sizeof(asked_text));
}

static void
note(struct ctl *c, const char *line, void *arg)
{
	(void)c;
	(void)arg;
	notes++;
	strlcpy(last_note, line, sizeof(last_note));
}

static void
setup(void)
{
	static const struct policy_sink	 sink = { .host = sink_host };
	static const struct db_opts	 opts;
	char				 path[64];

	clock_fake(NOW, 1000);
	log_init("test");
	log_set_sink(no_log, NULL);
	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(path, sizeof(path), "%s/db", dir);
	(void)mkdir(path, 0700);
	if ((conf = config_new()) == NULL || db_open(&db, dir, &opts) == -1 ||
	    (policy = policy_new(db, &sink, NULL)) == NULL ||
	    policy_configure(policy, conf) == -1)
		exit(1);
	env.policy = policy;
	env.db = db;
	env.note = note;
	ipc_init(&in, -1);
	ipc_init(&out, -1);
	ipc_init(&client, -1);
}

static void
connect_again(void)
{
	ctl_free(ctl);
	ipc_clear(&out);
	ctl = ctl_new(&env, &out);
}

/* Hands the frame in `in' over: ctl_request's result. */
static int
request(void)
{
	struct ipc	server;
	struct msg	m;
	int		r = -2;

	ipc_init(&server, -1);
	(void)ipc_send(&in, -1);
	(void)ipc_move(&in, &server);
	if (ipc_next(&server, &m) == 1)
		r = ctl_request(ctl, &m);
	ipc_clear(&server);
	return (r);
}

static int
empty(uint16_t type, uint64_t id)
{
	ipc_begin(&in, type, id);
	return (request());
}

static int
hello(uint32_t version)
{
	ipc_begin(&in, CTL_HELLO, 0);
	ipc_put_u32(&in, version);
	return (request());
}

struct seen {
	unsigned int	hellos, entries, facts, texts, ends;
	char		clock[256];	/* the fact of that name */
	uint8_t		status;
	uint32_t	count;
	uint64_t	id;
	char		text[256];
};

/* Everything that ctl has said until now. */
static struct seen
hear(void)
{
	static struct seen	 s;
	struct msg		 m;
	const char		*text, *name;
	uint8_t			 kind;

	memset(&s, 0, sizeof(s));
	(void)ipc_move(&out, &client);
	while (ipc_next(&client, &m) == 1) {
		s.id = m.id;
		switch (m.type) {
		case CTL_HELLO:
			s.hellos++;
			break;
		case CTL_ENTRY:
			s.entries++;
			break;
		case CTL_FACT:
			if (proto_get_fact(&m, &name, &text) == 0) {
				s.facts++;
				if (strcmp(name, "clock") == 0)
					strlcpy(s.clock, text,
					    sizeof(s.clock));
			}
			break;
		case CTL_TEXT:
			if (proto_get_text(&m, &kind, &text) == 0)
				s.texts++;
			strlcpy(s.text, text, sizeof(s.text));
			break;
		case CTL_END:
			if (proto_get_end(&m, &s.status, &s.count, &text) == 0)
				s.ends++;
			strlcpy(s.text, text, sizeof(s.text));
			break;
		default:
			break;
		}
	}
	return (s);
}

static void
greeting(void)
{
	struct seen	s;

	connect_again();
	is_int(empty(CTL_STATS, 1), -1, "nothing before the greeting");
	connect_again();
	is_int(hello(PROTO_VERSION + 1), -1, "another version is sent away");
	s = hear();
	is_int(s.hellos, 1, "with ours");
	is_int(s.status, CTL_VERSION, "and the reason");
	connect_again();
	is_int(hello(PROTO_VERSION - 1), -1, "an older one too");
	connect_again();
	is_int(hello(PROTO_VERSION), 0, "our own is greeted");
	is_int(hello(PROTO_VERSION), -1, "once");
	connect_again();
	(void)hello(PROTO_VERSION);
	s = hear();
	is_int(empty(MSG_RCPT, 1), -1, "a message of front is no command");
	is_int(empty(CTL_END, 1), -1, "nor is an answer of ours");
}

/* n lines of one frame, the first with this number in it. */
static int
import(uint64_t id, unsigned int from, unsigned int n)
{
	char		line[200];
	unsigned int	i;

	ipc_begin(&in, CTL_IMPORT, id);
	for (i = from; i < from + n; i++) {
		snprintf(line, sizeof(line), "GREY|10.%u.%u.1|h|<a@b.c>|"
		    "<d@e.f>|1|2|%lld|1|0", i >> 8, i & 255,
		    (long long)NOW + 86400);
		ipc_put_str(&in, line);
	}
	return (request());
}

static void
imports(void)
{
	struct seen	s;
	unsigned int	i, busy = 0, told = notes;

	connect_again();
	(void)hello(PROTO_VERSION);
	for (i = 0; i < 6000; i += 100) {
		if (import(1, i, 100) != 0)
			break;
		busy += ctl_busy(ctl);
		while (ctl_work(ctl) == 1)
			continue;
		if (ctl_busy(ctl))
			break;
	}
	is_int(i, 6000, "60 frames of 100 lines");
	is_int(busy, 60, "each is worked on before the next");
	ipc_begin(&in, CTL_IMPORT, 1);
	ipc_put_str(&in, "# comment");
	ipc_put_str(&in, "");
	ipc_put_str(&in, "no entry");
	is_int(request(), 0, "one more, of other lines");
	is_int(empty(CTL_STATS, 2), -1, "another request meanwhile");
	while (ctl_work(ctl) == 1)
		continue;
	is_int(empty(CTL_STATS, 2), -1, "nor between two frames");
	s = hear();
	is_int(s.texts, 1, "the bad line is told");
	is_str(s.text, "line 6003: not a line of spamdb (GREY, WHITE, "
	    "TRAPPED, SPAMTRAP)", "by its number");
	is_int(empty(CTL_IMPORT_END, 1), 0, "the end");
	s = hear();
	is_int(s.count, 6000, "counts them");
	is_int(s.status, CTL_FAILED, "is a failure for the bad line");
	is_int(notes, told + 1, "one line in the log");
	is_str(last_note, "import count=6000 bad=1 expired=0", "which says how many");
	is_int(empty(CTL_IMPORT_END, 2), 0, "an end without lines");
	s = hear();
	ok(s.ends == 1 && s.status == CTL_OK && s.count == 0, "is empty");
	(void)import(3, 0, 1);
	(void)ctl_work(ctl);
	is_int(import(4, 0, 1), -1, "a second import in the first");
}

static void
lists(void)
{
	struct ctl_list	l;
	struct seen	s;
	unsigned int	slices = 0, entries = 0;
	size_t		most = 0;

	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	memset(&l, 0, sizeof(l));
	(void)proto_put_list(&in, 9, &l);
	is_int(request(), 0, "a list");
	is_int(empty(CTL_STATS, 10), -1, "no other request before its end");
	is_int(policy_begin(policy), DB_OK, "somebody's transaction");
	is_int(ctl_work(ctl), 1, "is waited for");
	is_int(ipc_queued(&out), 0, "and nothing done meanwhile");
	policy_abort(policy);
	do {
		slices++;
		while (ctl_work(ctl) == 1 && ipc_queued(&out) < CTL_QUEUE_HIGH)
			continue;
		if (ipc_queued(&out) > most)
			most = ipc_queued(&out);
		s = hear();
		entries += s.entries;
	} while (ctl_busy(ctl) && slices < 100);
	is_int(entries, 6000, "all entries");
	ok(most < CTL_QUEUE_HIGH + 256 * 1024, "the queue is bounded");
	is_int(s.ends, 1, "one end");
	is_int(s.count, 6000, "with their number");
	is_int(s.id, 9, "and the request's");
	/* Its key is the network; the address that it shows is 10.0.0.1. */
	l.within.len = 128;
	(void)addr_parse("10.0.0.77", &l.within.addr);
	(void)proto_put_list(&in, 9, &l);
	is_int(request(), 0, "the list of an address");
	while (ctl_work(ctl) == 1)
		continue;
	is_int(hear().entries, 0, "without its neighbour's tuple");
	l.within.len = 129;
	(void)proto_put_list(&in, 9, &l);
	is_int(request(), -1, "a network that cannot be");
}

static int
reload(uint16_t type, uint64_t id)
{
	ipc_begin(&in, type, id);
	ipc_put_str(&in, "a ticket");
	return (request());
}

static void
others(void)
{
	struct seen	s;
	unsigned int	told;

	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	is_int(reload(CTL_RELOAD, 1), 0, "reload without a parent");
	s = hear();
	is_int(s.status, CTL_FAILED, "cannot be");
	env.ask = ask;
	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	is_int(empty(CTL_RELOAD, 2), -1, "a reload without a ticket");
	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	is_int(reload(CTL_RELOAD, 2), 0, "reload");
	is_int(asked, CTL_RELOAD, "is asked of the parent");
	is_str(asked_text, "a ticket", "with its ticket");
	ok(ctl_busy(ctl) && ctl_work(ctl) == 0, "and waited for");
	ctl_answer(ctl, CTL_OK, 1, "conf:1: syntax error");
	s = hear();
	ok(s.texts == 1 && s.ends == 0, "a line of the answer");
	ctl_answer(ctl, CTL_FAILED, 0, "the old one stays");
	s = hear();
	ok(s.ends == 1 && s.status == CTL_FAILED && !ctl_busy(ctl),
	    "and its end");
	told = notes;
	is_int(reload(CTL_OUTCOME, 3), 0, "how a reload came out");
	ok(asked == CTL_OUTCOME && strcmp(asked_text, "a ticket") == 0,
	    "is asked of the parent, by its ticket");
	is_int(notes, told, "and changes nothing that the log would tell");
	ctl_answer(ctl, CTL_PENDING, 0, "");
	s = hear();
	ok(s.ends == 1 && s.status == CTL_PENDING && !ctl_busy(ctl),
	    "that it is under way is an answer");
	ctl_answer(ctl, CTL_OK, 0, "late");
	ctl_answer_stat(ctl, "late", 1);
	s = hear();
	ok(s.ends == 0 && s.facts == 0, "an answer to nothing goes nowhere");
	env.ask = NULL;
}

static void
edits(void)
{
	struct ctl_edit	e = { CTL_T_WHITE, 0, 0, "192.0.2.1", "" };
	unsigned int	told = hosts_told;
	struct seen	s;

	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	(void)proto_put_edit(&in, CTL_ADD, 1, &e);
	is_int(request(), 0, "add");
	s = hear();
	is_int(s.status, CTL_OK, "is done when it is answered");
	is_int(hosts_told, told + 1, "and the others were told before");
	e.key = "192.0.2.1\n|x";
	(void)proto_put_edit(&in, CTL_DELETE, 2, &e);
	(void)request();
	s = hear();
	is_int(s.status, CTL_BADARG, "a key that is none");
	e.key = "\"a b|c\"@example.org";
	e.type = CTL_T_SPAMTRAP;
	(void)proto_put_edit(&in, CTL_ADD, 3, &e);
	(void)request();
	(void)hear();
	is_str(last_note, "add type=spamtrap key=\\x22a\\x20b\\x7cc\\x22"
	    "@example.org", "what a client gave is encoded in the log");
}

static int
expire(uint8_t flags, struct seen *s)
{
	int	r;

	ipc_begin(&in, CTL_EXPIRE, 1);
	ipc_put_u8(&in, flags);
	r = request();
	while (ctl_work(ctl) == 1)
		continue;
	*s = hear();
	return (r);
}

/* What `stats' says of the clock. */
static const char *
clock_stat(void)
{
	static struct seen	s;

	(void)empty(CTL_STATS, 1);
	ctl_answer(ctl, CTL_OK, 0, "");
	s = hear();
	return (s.ends == 1 ? s.clock : "no answer");
}

static void
clocks(void)
{
	struct seen	s;

	connect_again();
	(void)hello(PROTO_VERSION);
	(void)hear();
	(void)expire(0, &s);
	ok(s.status == CTL_OK && s.count == 0, "nothing has expired yet");
	is_str(clock_stat(), "", "stats has nothing to say of the clock");
	clock_fake(NOW + 30 * 86400, 2000);
	(void)expire(0, &s);
	is_int(s.status, CTL_FAILED, "a clock that is 30 days ahead");
	is_int(s.count, 0, "expires nothing");
	ok(strstr(s.text, "--clock-ok") != NULL, "and says what would");
	ok(strstr(clock_stat(), "hours ahead") != NULL, "stats says why");
	clock_fake(NOW - 7200, 3000);
	(void)expire(0, &s);
	is_int(s.status, CTL_FAILED, "one that is two hours behind too");
	ok(strstr(clock_stat(), "minutes behind") != NULL, "stats says why");
	clock_fake(NOW + 30 * 86400, 4000);
	(void)expire(1, &s);
	is_int(s.status, CTL_OK, "--clock-ok");
	is_int(s.count, 6000, "expires all tuples");
	is_str(clock_stat(), "", "stats has nothing to say any more");
	(void)expire(0, &s);
	ok(s.status == CTL_OK && s.count == 0, "the clock is right since");
	is_int(expire(2, &s), -1, "an unknown flag");
}

int
main(void)
{
	char	cmd[64];

	setup();
	greeting();
	imports();
	lists();
	others();
	edits();
	clocks();
	ctl_free(ctl);
	ipc_clear(&in);
	ipc_clear(&out);
	ipc_clear(&client);
	policy_free(policy);
	db_close(db);
	config_free(conf);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) != 0 || done());
}
