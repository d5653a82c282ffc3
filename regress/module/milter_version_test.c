/* LINK: spamgreyd/modules/milter spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * Filters of each version of the protocol: what each gets, what it can
 * negotiate, and what its version does not allow.
 */
#include "regress/lib/milter_fixture.h"

const struct module *const modules[] = { &mod_milter, NULL };

#define ID	"i/0000000000000abc-1/"
#define CONNECT	"C[192.0.2.1]/4\\04\\d2192.0.2.1/ "
#define ENVELOPE \
    "Hclient.example/ DM" ID "{mail_addr}/a@example.com/{mail_host}/" \
    "example.com/{mail_mailer}/smtp/ M<a@example.com>/ DR" ID "{rcpt_addr}/" \
    "b@example.org/{rcpt_host}/example.org/{rcpt_mailer}/smtp/ " \
    "R<b@example.org>/ "
#define ALL_J	"DCj/mx.example.org/"
#define HEADER	"LSubject/x\\0a\\09y/ LX-A/\\20two/ "

/* From its connection to the end, without the offer. */
static const char *
heard_by(int version, const char *steps, const char *more, const char *const *r)
{
	static char	options[200];
	const char	*rules[RULES] = { options };
	const char	*t;
	size_t		 i;

	snprintf(options, sizeof(options), "O:O\\x00\\x00\\x00\\x%02x"
	    "\\x00\\x00\\x01\\xff%s%s", (unsigned int)version, steps, more);
	for (i = 0; r != NULL && r[i] != NULL; i++)
		rules[i + 1] = r[i];
	begin("", rules);
	is_str(up_to(STAGE_EOM), "", options);
	t = strstr(told(), " DC");
	return (t == NULL ? "" : t + 1);
}

/* All steps wanted and answered: DATA since 4, later macros since 6. */
static void
test_steps(void)
{
	int		 v;
	const char	*t;

	for (v = 2; v <= 6; v++) {
		t = heard_by(v, "\\x00\\x00\\x00\\x00", "", NULL);
		ok(strncmp(t, ALL_J, strlen(ALL_J)) == 0 &&
		    strstr(t, "{client_addr}/192.0.2.1/") != NULL,
		    "macros of the connection");
		t = strstr(t, CONNECT);
		is_str(t == NULL ? "" : t, v < 4 ? CONNECT ENVELOPE HEADER
		    "N Bbody\\0d\\0a E" : v < 6 ? CONNECT ENVELOPE "T " HEADER
		    "N Bbody\\0d\\0a E" : CONNECT ENVELOPE "DT" ID
		    "{nrcpts}/0/ T " HEADER "DN" ID "{nrcpts}/0/ N "
		    "Bbody\\0d\\0a DE" ID "{nrcpts}/0/ E",
		    "and each step that the version has");
		end();
	}
}

/*
 * No answers, no DATA, no UNKNOWN, SKIP, blanks before values, and a list of
 * macros: each only from those who can have meant it.  Who does not can answer
 * is waited for, so each filter answers as its version does.
 */
static void
test_limits(void)
{
	static const char *const	mute[] = { "L*:!", NULL };
	static const char		list[] =
	    "\\x00\\x00\\x00\\x00j\\x00";
	const char			*t;
	int				 v;

	for (v = 2; v <= 5; v++) {
		t = heard_by(v, "\\x00\\x10\\x07\\x80", list, NULL);
		ok(strstr(t, "{client_addr}/") != NULL,
		    "no list of macros is taken");
		t = strstr(t, CONNECT);
		is_str(t == NULL ? "" : t, CONNECT ENVELOPE HEADER
		    "N Bbody\\0d\\0a E", "NODATA counts, where DATA is; no "
		    "blanks, and all is answered");
		end();
	}
	t = heard_by(6, "\\x00\\x10\\x07\\x80", list, mute);
	is_str(t, ALL_J " " CONNECT ENVELOPE "DT" ID "{nrcpts}/0/ "
	    "LSubject/\\20x\\0a\\09y/ "
	    "LX-A/\\20\\20two/ DN" ID "{nrcpts}/0/ N Bbody\\0d\\0a DE" ID
	    "{nrcpts}/0/ E", "version 6: all of it");
	end();
}

static void
limit(int version, const char *rule, int may)
{
	char		 options[100];
	const char	*rules[] = { options, rule, NULL };

	snprintf(options, sizeof(options), "O:O\\x00\\x00\\x00\\x%02x"
	    "\\x00\\x00\\x01\\xff\\x00\\x00\\x04\\x00", (unsigned int)version);
	begin("", rules);
	is_str(up_to(STAGE_EOM), may ? "" : BROKEN, rule);
	end();
}

/* What came with version 6, and what all have. */
static void
test_actions(void)
{
	static const char *const	late[] = { "B:s",
		"E:e<x@example.net>\\x00|c", "E:2<d@example.org>\\x00|c" };
	static const char *const	all[] = { "E:hX\\x00y\\x00|c",
		"E:i\\x00\\x00\\x00\\x01X\\x00y\\x00|c",
		"E:m\\x00\\x00\\x00\\x01X-A\\x00\\x00|c", "E:bx|c",
		"E:+<d@example.org>\\x00|c", "E:-<b@example.org>\\x00|c",
		"E:p|c", "M:p|c" };
	size_t				i;
	int				v;

	for (v = 2; v <= 6; v++) {
		for (i = 0; i < sizeof(late) / sizeof(late[0]); i++)
			limit(v, late[i], v == 6);
		for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			limit(v, all[i], 1);
	}
}

#define FIELDS		400000

static unsigned int	others;		/* turns that others had */
static struct event	*other;

static void
on_other(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	now = { 0, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	others++;
	event_add(other, &now);
}

/* A header as long as its sender likes, of which the filter answers nothing:
 * the whole of it is passed over, in turns. */
static void
test_many_fields(void)
{
	static const char *const	no_header[] = { "O:O\\x00\\x00\\x00"
		"\\x06\\x00\\x00\\x01\\xff\\x00\\x00\\x00\\x20", NULL };
	struct spool			*many = spool_new();
	struct spool			*mine = spool;
	size_t				 i;

	for (i = 0; i < FIELDS; i++)
		if (spool_write(many, "a:\r\n", 4) == -1)
			exit(1);
	begin("", no_header);
	is_str(up_to(STAGE_DATA), "", "a filter that wants no fields");
	other = event_new(fix_base, -1, 0, on_other, NULL);
	on_other(-1, 0, NULL);
	others = 0;
	spool = many;
	is_str(go(STAGE_EOM, STAGE_EOM), "", "a header of 400,000 of them");
	ok(others >= 3, "others have their turn before its end");
	printf("# %u turns of others\n", others);
	event_free(other);
	ok(strstr(told(), " La/") == NULL, "and no field was sent");
	end();
	spool = mine;
	spool_free(many);
}

int
main(void)
{
	milter_init();
	test_many_fields();
	test_steps();
	test_limits();
	test_actions();
	spool_free(spool);
	return (done());
}
