/*
 * What policy_stream and policy_show say of hosts, and why they are WHITE.
 */
/* LIBS: -ldb */
#include "regress/lib/policy_fixture.h"

static unsigned int	streamed, streamed_table;

static void
stream_host(const struct host *h, int64_t in, void *arg)
{
	(void)arg;
	streamed += h->white != 0 || h->trapped != 0;
	streamed_table += in != 0;
}

static void
fact(const char *name, const char *value, void *arg)
{
	char	*all = arg;

	strlcat(all, name, 8192);
	strlcat(all, "=", 8192);
	strlcat(all, value, 8192);
	strlcat(all, "\n", 8192);
}

static void
test_stream_show(void)
{
	static const struct policy_sink	s2 = { .host = stream_host };
	struct db_pos	pos;
	struct policy	*p2;
	static char	text[8192];
	unsigned int	i;
	char		client[32];
	struct addr	a;

	fresh();
	for (i = 0; i < 100; i++) {
		snprintf(client, sizeof(client), "10.0.%u.1", i);
		a = ip(client);
		policy_begin(p);
		policy_white(p, &a, 0, "");
		if (i < 10)
			policy_trap(p, &a, 0, TRAP_MANUAL, "");
		policy_commit(p);
	}
	p2 = policy_new(db, &s2, NULL);
	is_int(policy_configure(p2, conf), 0, "another policy");
	memset(&pos, 0, sizeof(pos));
	i = 0;
	while (!pos.done && policy_stream(p2, &pos, 16) == DB_OK)
		i++;
	ok(i >= 7, "in slices");
	is_int(streamed, 110, "each host, the trapped ones twice");
	is_int(streamed_table, 90, "in the table: not the trapped");
	policy_free(p2);

	rcpt("192.0.2.1", A, B);
	a = ip("192.0.2.2");
	is_int(policy_show(p, &a, fact, text), DB_OK, "show");
	ok(strstr(text, "state=unknown\n") != NULL,
	    "a host that only shares the network is unknown");
	ok(strstr(text, "\nneighbour=from ") != NULL &&
	    strstr(text, "\ntuple=") == NULL,
	    "the tuple is told as its neighbour's");
	ok(strstr(text, "network=192.0.2.0/24\n") != NULL, "network");
	ok(strstr(text, "passes in 180 seconds") != NULL, "what is next");
	a = ip("10.0.0.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=trapped (over white)\n") != NULL, "trapped");
	ok(strstr(text, "reason=manual\n") != NULL, "why");
	a = ip("10.1.0.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=unknown\n") != NULL, "unknown");
	a = ip("192.0.2.1");
	text[0] = '\0';
	policy_show(p, &a, fact, text);
	ok(strstr(text, "state=grey\n") != NULL &&
	    strstr(text, "\ntuple=from ") != NULL, "its own tuple is its own");
	ok(strstr(text, "command=to let it in: spamgreydb add 192.0.2.1\n") !=
	    NULL, "the command that lets it in");
	finish();
}

static const char *
shown(const char *addr)
{
	static char	text[8192];
	struct addr	a = ip(addr);

	text[0] = '\0';
	policy_show(p, &a, fact, text);
	return (text);
}

/* Why is it WHITE? */
static void
test_why(void)
{
	struct track_seen	seen;
	struct entry		e;
	enum tracked		did;

	fresh();
	rcpt("192.0.2.1", A, B);
	rcpt("192.0.2.3", "<other@b>", B);
	clock_fake_advance(conf->grey.pass);
	is_int(rcpt("192.0.2.1", A, B), RCPT_PASS, "a retry");
	ok(strstr(shown("192.0.2.1"), "\nwhy=it retried the message from "
	    A " to " B "\n") != NULL, "a retry, of which tuple");
	ok(strstr(shown("192.0.2.1"), "\nneighbour=from <other@b> ") != NULL &&
	    strstr(shown("192.0.2.1"), "\ntuple=from " A " ") != NULL,
	    "another's tuple is not told as its own");
	ok(strstr(shown("192.0.2.1"), "\ncommand=to send it back: spamgreydb "
	    "delete white 192.0.2.1\n") != NULL, "how it is sent back");
	ok(strstr(shown("192.0.2.3"), "\n#passes_at=") != NULL, "passes_at");
	policy_begin(p);
	commit(policy_extend(p, ipp("192.0.2.1"), ipp("192.0.2.1"), 1),
	    "good mail");
	ok(strstr(shown("192.0.2.1"), "=white_from=" A "\n") != NULL,
	    "does not change why");
	restart();
	ok(strstr(shown("192.0.2.1"), "=white_reason=retry\n") != NULL,
	    "it is kept on disk");
	policy_begin(p);
	commit(policy_white(p, ipp("192.0.2.1"), 0, ""), "by hand");
	ok(strstr(shown("192.0.2.1"), "\nwhy=by hand: ") != NULL, "is said");
	memset(&seen, 0, sizeof(seen));
	seen.host = ip("192.0.2.7");
	seen.outbound = 1;
	policy_begin(p);
	commit(policy_track(p, &seen, &did), "the tracker");
	ok(strstr(shown("192.0.2.7"), "\nwhy=by the tracker: ") != NULL,
	    "is said");
	entry_init(&e, ENTRY_WHITE);
	e.addr = ip("192.0.2.8");
	e.first = e.pass = T0;
	e.expire = T0 + 1000000;
	policy_begin(p);
	commit(policy_import(p, &e), "an import");
	ok(strstr(shown("192.0.2.8"), "\nwhy=by an import\n") != NULL,
	    "is said");
	finish();
}

int
main(void)
{
	if (policy_fix_init("policy_show_test") == -1)
		return (1);
	test_stream_show();
	test_why();
	policy_fix_end();
	return (done());
}
