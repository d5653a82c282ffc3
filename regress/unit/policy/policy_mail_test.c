/*
 * The effects of a host's mail: how long WHITE lasts, `on dictionary, virus,
 * spam … after N in TIME of bad N%', hosts that content never traps, and `not
 * to' with hand-over.  With a real database and a clock that the test moves.
 */
/* LIBS: -ldb */
#include <ftw.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define HOUR	3600
#define DAY	86400
#define A	"<a@example.com>"

static char		 dir[] = "/tmp/policy_mail_test.XXXXXX";
static struct db	*db;
static struct policy	*p;
static struct config	*conf;
static struct host	 told;
static int		 ntold;
static const char	*why_not;	/* of the last event */
static enum conf_action	 did;

static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)in_table;
	(void)arg;
	told = *h;
	ntold++;
}

static const struct policy_sink	sink = { .host = sink_host };

static void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static void
begin(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	mkdir(dir, 0700);
	clock_fake(T0, 1000000);
	conf = config_new();
	if (db_open(&db, dir, &opts) == -1 ||
	    (p = policy_new(db, &sink, NULL)) == NULL)
		abort();
}

static void
start(void)
{
	is_int(policy_configure(p, conf), 0, "configured");
	ntold = 0;
}

static void
finish(void)
{
	policy_free(p);
	db_close(db);
	config_free(conf);
}

static struct addr
ip(const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

static void
white(const char *client)
{
	struct addr	a = ip(client);

	if (policy_begin(p) != DB_OK || policy_white(p, &a, 0, "") != DB_OK ||
	    policy_commit(p) != DB_OK)
		abort();
	ntold = 0;
}

static void
mails(const char *client, int bad, unsigned int n)
{
	struct mail_seen	m = { ip(client), (uint8_t)bad, 0 };

	ntold = 0;
	while (n-- > 0)
		if (policy_begin(p) != DB_OK || policy_mail(p, &m) != DB_OK ||
		    policy_commit(p) != DB_OK)
			abort();
}

/* n events; what the last one led to is in did and why_not. */
static enum conf_action
events(const char *client, unsigned int what, uint8_t flags, unsigned int n)
{
	struct event_msg	ev = { ip(client), (uint8_t)what, flags };

	ntold = 0;
	while (n-- > 0)
		if (policy_begin(p) != DB_OK ||
		    policy_event(p, &ev, &did, &why_not) != DB_OK ||
		    policy_commit(p) != DB_OK)
			abort();
	return (did);
}

static struct host
state(const char *client)
{
	struct addr	a = ip(client);
	struct host	h;
	int64_t		table;

	if (policy_lookup(p, &a, &h, &table) != DB_OK)
		abort();
	return (h);
}

static void
entry(const char *client, struct entry *e)
{
	struct entry	key;
	struct addr	a = ip(client);

	host_entry_key(ENTRY_WHITE, &a, &key);
	if (db_get(db, &key, e) != DB_OK)
		abort();
}

static int64_t	stat_value;
static const char *stat_name;

static void
stat_one(const char *name, int64_t v, void *arg)
{
	(void)arg;
	if (strcmp(name, stat_name) == 0)
		stat_value = v;
}

static int64_t
stat_of(const char *name)
{
	stat_name = name;
	stat_value = -1;
	policy_stats(p, stat_one, NULL);
	return (stat_value);
}

static void
react(unsigned int event, enum conf_action action, uint32_t after,
    int64_t within, uint32_t bad)
{
	struct conf_reaction	*r = &conf->reaction[event];

	memset(r, 0, sizeof(*r));
	r->action = action;
	r->after = after;
	r->within = within;
	r->bad = bad;
}

static void
test_extend(void)
{
	struct entry	e;
	struct addr	a;
	int64_t		w;

	begin();
	start();
	w = conf->grey.white;
	white("192.0.2.1");
	clock_fake_advance(DAY);
	mails("192.0.2.1", 0, 1);
	ok(ntold == 1 && told.white == T0 + DAY + w,
	    "good mail: WHITE from now on");
	entry("192.0.2.1", &e);
	ok(e.expire == T0 + DAY + w && e.passed == 1 && e.first == T0,
	    "on disk, and counted");
	clock_fake_advance(300);
	mails("192.0.2.1", 0, 1000);
	is_int(ntold, 0, "a busy host is no write a message");
	clock_fake_advance(300);
	mails("192.0.2.1", 0, 1);
	ok(ntold == 1 && told.white == T0 + DAY + 600 + w,
	    "once in ten minutes");
	entry("192.0.2.1", &e);
	is_int(e.passed, 1002, "the count has all of them");
	is_int(stat_of("white extended"), 2, "two extensions");
	is_int(stat_of("mail good"), 1002, "counted in stats");
	is_int(stat_of("mail hosts"), 1, "of one host");
	clock_fake_advance(DAY);
	mails("192.0.2.1", 1, 1);
	is_int(ntold, 0, "bad mail extends nothing");
	is_int(stat_of("mail bad"), 1, "but counts");

	mails("192.0.2.2", 0, 1);
	ok(ntold == 0 && state("192.0.2.2").white == 0,
	    "who is not WHITE does not become it");
	a = ip("192.0.2.1");
	policy_begin(p);
	policy_trap(p, &a, 0, TRAP_MANUAL, "");
	policy_commit(p);
	mails("192.0.2.1", 0, 1);
	is_int(ntold, 0, "nor does who is trapped");
	policy_begin(p);
	policy_white(p, &a, HOST_FOREVER, "");
	policy_delete_trapped(p, &a);
	policy_commit(p);
	clock_fake_advance(DAY);
	mails("192.0.2.1", 0, 1);
	entry("192.0.2.1", &e);
	is_int(e.expire, 0, "for ever stays for ever");
	finish();

	/* A short life is not over before the next write. */
	begin();
	conf->grey.white = 400;
	start();
	white("192.0.2.1");
	mails("192.0.2.1", 0, 1);
	clock_fake_advance(100);
	mails("192.0.2.1", 0, 1);
	is_int(state("192.0.2.1").white, T0 + 500, "white 400s: each 100 s");
	finish();
}

static void
test_defaults(void)
{
	unsigned int	i;

	begin();
	start();
	white("192.0.2.1");
	white("192.0.2.2");
	events("192.0.2.1", EVENT_VIRUS, 0, 1);
	is_int(did, ACT_LOG, "one virus is logged");
	clock_fake_advance(DAY);
	is_int(events("192.0.2.1", EVENT_VIRUS, 0, 1), ACT_LOG,
	    "another one a day later too");
	clock_fake_advance(DAY - 1);
	is_int(events("192.0.2.1", EVENT_VIRUS, 0, 1), ACT_DEMOTE,
	    "two within a day: demoted");
	ok(ntold == 1 && told.white == 0 && told.trapped == 0,
	    "not trapped: it delivers at its next retry");
	is_int(events("192.0.2.1", EVENT_VIRUS, 0, 2), ACT_LOG,
	    "nothing is left to be taken");

	for (i = 0; i < 24; i++) {
		events("192.0.2.2", EVENT_DICTIONARY, 0, 1);
		clock_fake_advance(60);
	}
	is_int(did, ACT_LOG, "24 refused recipients");
	is_int(events("192.0.2.2", EVENT_DICTIONARY, 0, 1), ACT_DEMOTE,
	    "25 in an hour");
	white("192.0.2.3");
	is_int(events("192.0.2.3", EVENT_SPAM, 0, 100), ACT_LOG,
	    "spam is logged");
	is_int(stat_of("demoted"), 2, "counted");
	finish();
}

static void
test_trap(void)
{
	static const struct {
		unsigned int	event;
		uint8_t		reason;
	} all[] = {
		{ EVENT_DICTIONARY, TRAP_DICTIONARY },
		{ EVENT_VIRUS, TRAP_VIRUS }, { EVENT_SPAM, TRAP_SPAM }
	};
	unsigned int	i;
	struct host	h;

	begin();
	for (i = 0; i < 3; i++)
		react(all[i].event, ACT_TRAP, 1, 0, 0);
	conf->reaction[EVENT_SPAM].trap_for = HOUR;
	start();
	for (i = 0; i < 3; i++) {
		white("192.0.2.1");
		is_int(events("192.0.2.1", all[i].event, 0, 1), ACT_TRAP,
		    host_event_str(all[i].event));
		h = state("192.0.2.1");
		ok(h.reason == all[i].reason && h.white != 0,
		    "over WHITE, for its own reason");
	}
	is_int(events("192.0.2.9", EVENT_SPAM, 0, 1), ACT_TRAP, "spam");
	is_int(state("192.0.2.9").trapped, T0 + HOUR, "for its own time");
	finish();
}

static void
test_of_bad(void)
{
	begin();
	react(EVENT_SPAM, ACT_DEMOTE, 5, HOUR, 50);
	react(EVENT_DICTIONARY, ACT_DEMOTE, 3, HOUR, 50);
	start();

	white("192.0.2.1");
	mails("192.0.2.1", 0, 10);
	mails("192.0.2.1", 1, 8);
	is_int(events("192.0.2.1", EVENT_SPAM, 0, 8), ACT_LOG,
	    "8 bad of 18: not half");
	mails("192.0.2.1", 1, 2);
	is_int(events("192.0.2.1", EVENT_SPAM, 0, 1), ACT_DEMOTE,
	    "10 of 20: half, and the count had not begun anew");

	white("192.0.2.2");
	is_int(events("192.0.2.2", EVENT_SPAM, 0, 5), ACT_DEMOTE,
	    "the event may come before the message");

	/* What was good two hours ago is no part of this hour. */
	white("192.0.2.3");
	mails("192.0.2.3", 0, 15);
	clock_fake_advance(2 * HOUR);
	mails("192.0.2.3", 1, 5);
	is_int(events("192.0.2.3", EVENT_SPAM, 0, 5), ACT_DEMOTE,
	    "of the messages of that time");
	white("192.0.2.4");
	mails("192.0.2.4", 0, 15);
	clock_fake_advance(HOUR - 60);
	mails("192.0.2.4", 1, 5);
	is_int(events("192.0.2.4", EVENT_SPAM, 0, 5), ACT_LOG,
	    "all of them");

	white("192.0.2.5");
	is_int(events("192.0.2.5", EVENT_DICTIONARY, 0, 3), ACT_DEMOTE,
	    "recipients refused, and never a message");
	white("192.0.2.6");
	mails("192.0.2.6", 0, 1);
	is_int(events("192.0.2.6", EVENT_DICTIONARY, 0, 9), ACT_LOG,
	    "recipients refused, its message good");
	finish();
}

static void
test_spared(void)
{
	begin();
	react(EVENT_VIRUS, ACT_TRAP, 1, 0, 0);
	react(EVENT_SPAM, ACT_TRAP, 3, HOUR, 0);
	react(EVENT_EARLY_TALKER, ACT_TRAP, 1, 0, 0);
	start();
	white("192.0.2.1");
	is_int(events("192.0.2.1", EVENT_VIRUS, EVENT_F_VOUCHED, 1), ACT_LOG,
	    "vouched for: nothing is done");
	is_str(why_not, "vouched", "and why");
	is_int(ntold, 0, "nobody is told");
	is_int(events("192.0.2.1", EVENT_EARLY_TALKER, EVENT_F_VOUCHED, 1),
	    ACT_TRAP, "how it speaks is another matter");

	white("192.0.2.2");
	mails("192.0.2.2", 0, 19);
	is_int(mails_vouch(p->mails, &told.key) != 0 ||
	    events("192.0.2.2", EVENT_VIRUS, 0, 1) == ACT_LOG, 0,
	    "19 good messages are not enough");
	white("192.0.2.3");
	mails("192.0.2.3", 0, 20);
	is_int(events("192.0.2.3", EVENT_VIRUS, 0, 1), ACT_LOG, "20 are");
	is_str(why_not, "good-mail", "and why");
	mails("192.0.2.3", 1, 2);
	is_int(events("192.0.2.3", EVENT_VIRUS, 0, 1), ACT_LOG,
	    "ten for each bad one");
	mails("192.0.2.3", 1, 1);
	is_int(events("192.0.2.3", EVENT_VIRUS, 0, 1), ACT_TRAP,
	    "less than ten for each bad one");

	white("192.0.2.4");
	mails("192.0.2.4", 0, 20);
	clock_fake_advance(7 * DAY - 60);
	is_int(events("192.0.2.4", EVENT_VIRUS, 0, 1), ACT_LOG, "for a week");
	clock_fake_advance(DAY + 60);
	is_int(events("192.0.2.4", EVENT_VIRUS, 0, 1), ACT_TRAP,
	    "and not for ever");

	/* Logged once in so many as would have been a reaction. */
	white("192.0.2.5");
	mails("192.0.2.5", 0, 100);
	events("192.0.2.5", EVENT_SPAM, 0, 3);
	is_str(why_not, "good-mail", "the third would have trapped it");
	events("192.0.2.5", EVENT_SPAM, 0, 2);
	ok(why_not == NULL, "then it begins anew");
	is_int(stat_of("spared"), 5, "counted");
	finish();
}

/* More hosts than are kept: the busy one is not forgotten. */
static void
test_bounded(void)
{
	char		client[32];
	struct addr	busy = ip("192.0.2.1"), old = ip("192.0.2.2");
	struct mail_seen m;
	unsigned int	i;

	begin();
	start();
	mails("192.0.2.1", 0, 50);
	mails("192.0.2.2", 0, 1);
	policy_begin(p);
	for (i = 0; i < MAIL_HOSTS_MAX + 100; i++) {
		snprintf(client, sizeof(client), "10.%u.%u.%u", i >> 16,
		    i >> 8 & 255, i & 255);
		m.client = ip(client);
		m.bad = 0;
		if (policy_mail(p, &m) != DB_OK)
			abort();
	}
	policy_commit(p);
	is_int(stat_of("mail hosts"), MAIL_HOSTS_MAX, "bounded");
	ok(mails_vouch(p->mails, &busy), "the busy host is still known");
	white("192.0.2.2");
	for (i = 0; i < 19; i++)
		mails("192.0.2.2", 0, 1);
	ok(!mails_vouch(p->mails, &old), "the first of the quiet ones is not");
	/* A week later its place is worth no more than others'. */
	clock_fake_advance(8 * DAY);
	mails("198.51.100.1", 0, 1);
	is_int(stat_of("mail hosts"), MAIL_HOSTS_MAX, "one for one");
	ok(!mails_vouch(p->mails, &busy), "its week is over");
	finish();
}

static int
rcpt(const char *client, const char *to, uint8_t flags)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;

	memset(&req, 0, sizeof(req));
	req.client = ip(client);
	req.flags = flags;
	req.helo = "h";
	req.from = A;
	req.to = to;
	ntold = 0;
	if (policy_begin(p) != DB_OK || policy_rcpt(p, &req, &ans, NULL) != DB_OK ||
	    policy_commit(p) != DB_OK)
		abort();
	return (ans.verdict);
}

static void
test_not_to(void)
{
	struct conf_string	*s = calloc(1, sizeof(*s));
	const char		*to = "<support@example.net>";

	begin();
	s->text = strdup("support@example.net");
	TAILQ_INSERT_TAIL(&conf->not_to, s, entry);
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	start();
	is_int(rcpt("192.0.2.1", to, 0), RCPT_NOT_TO, "not to, with hand-over");
	is_int(rcpt("192.0.2.1", to, RCPT_F_AGAIN | RCPT_F_WHITE), RCPT_NOT_TO,
	    "whatever the session is, not to does not promote with hand-over");
	ok(ntold == 0 && state("192.0.2.1").white == 0,
	    "the host stays what it is");
	is_int(stat_of("entries grey") + stat_of("entries white"), 0,
	    "nothing is written");
	is_int(stat_of("passed not-to"), 2, "counted");
	is_int(rcpt("192.0.2.1", "<other@example.net>", 0),
	    RCPT_GREY, "any other recipient is greylisted");
	white("192.0.2.2");
	is_int(rcpt("192.0.2.2", to, 0), RCPT_WHITE,
	    "a WHITE host is WHITE");
	conf->handover = 0;
	is_int(rcpt("192.0.2.1", to, 0), RCPT_PASS,
	    "with handover no it passes");
	ok(state("192.0.2.1").white != 0, "and is WHITE");
	finish();
}

static char	fact_text[512];

static void
fact(const char *name, const char *value, void *arg)
{
	if (strcmp(name, arg) == 0)
		snprintf(fact_text, sizeof(fact_text), "%s", value);
}

static const char *
fact_of(const char *client, const char *name)
{
	struct addr	a = ip(client);
	char		want[32];

	snprintf(want, sizeof(want), "%s", name);
	fact_text[0] = '\0';
	if (policy_show(p, &a, fact, want) != DB_OK)
		abort();
	return (fact_text);
}

static void
test_show(void)
{
	begin();
	start();
	is_str(fact_of("192.0.2.1", "mail"), "", "no mail, no word of it");
	mails("192.0.2.1", 0, 21);
	mails("192.0.2.1", 1, 1);
	is_str(fact_of("192.0.2.1", "mail"), "21 good, 1 bad in 7 days; "
	    "content is not held against it", "show: its mail");
	mails("192.0.2.1", 1, 2);
	is_str(fact_of("192.0.2.1", "mail"), "21 good, 3 bad in 7 days",
	    "more bad than that");
	white("192.0.2.1");
	ok(strstr(fact_of("192.0.2.1", "next visit"), "one 451") != NULL,
	    "without firewall and pass one 451");
	if ((conf->pass = conf_pass_new()) == NULL)
		abort();
	ok(strstr(fact_of("192.0.2.1", "next visit"), "handed over") != NULL,
	    "with pass none");
	conf->handover = 0;
	ok(strstr(fact_of("192.0.2.1", "next visit"), "one 451") != NULL,
	    "handover no: as without pass");
	finish();
}

int
main(void)
{
	log_init("policy_mail_test");
	log_set_sink(quiet, NULL);
	if (mkdtemp(dir) == NULL)
		return (1);
	test_extend();
	test_defaults();
	test_trap();
	test_of_bad();
	test_spared();
	test_bounded();
	test_not_to();
	test_show();
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return (done());
}
