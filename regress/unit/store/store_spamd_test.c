/* The lines in spamd's form that store logs for a RCPT, and when. */
/* LINK: spamgreyd/store */
#include "lib/base/log.h"
#include "spamgreyd/store/store.h"
#include "regress/lib/tap.h"

static char	got[8192];
static int	bad_priority;

static void
sink(int priority, const char *line, void *arg)
{
	(void)arg;
	if (priority != (LOG_DEBUG | LOG_AS_SPAMD))
		bad_priority = 1;
	strlcat(got, line, sizeof(got));
	strlcat(got, "\n", sizeof(got));
}

static struct config	 conf;
static struct child	 child;
static struct store	 st;
static char		 statedir[] = "/var/db/spamgreyd";

static void
addr(const char *text, struct addr *a)
{
	if (addr_parse(text, a) == -1)
		printf("Bail out! %s\n", text);
}

static void
rcpt(const char *client, const char *from, int verdict, int reason, int known)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;

	memset(&req, 0, sizeof(req));
	memset(&ans, 0, sizeof(ans));
	addr(client, &req.client);
	addr("192.0.2.25", &req.mx);
	req.helo = "mx.example.com";
	req.from = from;
	req.to = "<b@example.org>";
	ans.verdict = (uint8_t)verdict;
	ans.reason = (uint8_t)reason;
	store_spamd_rcpt(&st, &req, &ans, known);
}

static const char *
said(int stored)
{
	got[0] = '\0';
	store_spamd_say(&st, stored);
	return (got);
}

#define A	"198.51.100.7"
#define TAIL	" from <a@example.com> to <b@example.org>, helo mx.example.com\n"
#define TUPLE	A " mx.example.com <a@example.com> <b@example.org>\n"

int
main(void)
{
	conf.statedir = statedir;
	child.conf = &conf;
	st.child = &child;
	log_set_sink(sink, NULL);

	rcpt(A, "<a@example.com>", RCPT_GREY, TRAP_NONE, 0);
	is_str(got, "", "nothing before it is stored");
	is_str(said(1), "new entry " A TAIL, "new entry");
	is_str(said(1), "", "said once");
	rcpt(A, "<a@example.com>", RCPT_GREY, TRAP_NONE, 1);
	is_str(said(1), "updated entry " A TAIL, "updated entry");
	rcpt(A, "<a@example.com>", RCPT_PASS, TRAP_NONE, 1);
	is_str(said(1), "updated entry " A TAIL
	    "whitelisting " A " in /var/db/spamgreyd\n", "whitelisting");
	rcpt(A, "<a@example.com>", RCPT_TRAPPED, TRAP_SPAMTRAP, 0);
	is_str(said(1), "Trapping " A " for tuple " TUPLE
	    "new greytrap entry " A TAIL, "Trapping");
	rcpt(A, "<a@example.com>", RCPT_TRAPPED, TRAP_MX, 0);
	is_str(said(1), "Trapping " A " for trying 192.0.2.25 first for tuple "
	    TUPLE "new greytrap entry " A TAIL, "Trapping: the low-priority MX");
	rcpt(A, "<a@example.com>", RCPT_TRAPPED, TRAP_MX, 1);
	is_str(said(1), "updated greytrap entry " A TAIL, "trapped before");
	rcpt("2001:db8::1", "<>", RCPT_GREY, TRAP_NONE, 0);
	is_str(said(1), "new entry 2001:db8::1 from <> to <b@example.org>, "
	    "helo mx.example.com\n", "IPv6, and no sender");
	rcpt(A, "<a b\r\nJan  1 spamd: x|\x80@c>", RCPT_GREY, TRAP_NONE, 0);
	is_str(said(1), "new entry " A " from <a\\x20b\\x0d\\x0aJan\\x20\\x20"
	    "1\\x20spamd:\\x20x\\x7c\\x80@c> to <b@example.org>, helo "
	    "mx.example.com\n", "a peer's text is one word");
	rcpt(A, "<a@example.com>", RCPT_WHITE, TRAP_NONE, 0);
	rcpt(A, "<a@example.com>", RCPT_UNSTORED, TRAP_NONE, 0);
	rcpt(A, "<a@example.com>", RCPT_NOT_TO, TRAP_NONE, 0);
	is_str(said(1), "", "nothing of what spamd does not know");
	rcpt(A, "<a@example.com>", RCPT_GREY, TRAP_NONE, 0);
	rcpt(A, "<b@example.com>", RCPT_GREY, TRAP_NONE, 0);
	is_str(said(0), "", "nothing of what was not stored");
	is_str(said(1), "", "not later either");
	is_int(bad_priority, 0, "all as debug lines, under spamd's name");
	return (done());
}
