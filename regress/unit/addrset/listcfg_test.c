/* spamd-setup's lines: as it sends them, as it did before 2015, and
 * malformed. */
#include <string.h>

#include "lib/addrset/listcfg.h"
#include "lib/smtp/tmpl.h"
#include "regress/lib/tap.h"

static struct listcfg	c;
static char		got[4096];

static int
add(const struct prefix *p, void *arg)
{
	char	text[PREFIX_STRLEN];

	(void)arg;
	strlcat(got, got[0] == '\0' ? "" : " ", sizeof(got));
	strlcat(got, prefix_str(p, text), sizeof(got));
	return (0);
}

static enum listcfg_result
parse(const char *line)
{
	got[0] = '\0';
	return (listcfg_parse(line, strlen(line), &c, add, NULL));
}

static void
good(const char *line, const char *want)
{
	is_int(parse(line), LISTCFG_LIST, line);
	is_str(got, want, "its addresses");
}

static void
refused(const char *line, const char *why)
{
	is_int(parse(line), LISTCFG_BAD, line);
	ok(strstr(c.error, why) != NULL, c.error);
}

static int
full(const struct prefix *p, void *arg)
{
	(void)p;
	(void)arg;
	return (-1);
}

static void
test_good(void)
{
	/* What a real one sent (measured). */
	good("black1;\"Your address %A is on\\nlist \\\"one\\\" here\";inet;8;"
	    "10.0.0.1/32;10.0.0.2/32;192.0.2.64/26;192.0.2.128/25;"
	    "198.51.100.5/32;198.51.100.6/32;198.51.100.8/31;203.0.113.7/32",
	    "10.0.0.1 10.0.0.2 192.0.2.64/26 192.0.2.128/25 198.51.100.5 "
	    "198.51.100.6 198.51.100.8/31 203.0.113.7");
	is_str(c.tag, "black1", "the tag");
	is_str(c.message, "Your address %A is on\\nlist \"one\" here",
	    "the message is a template");
	is_int((int)c.count, 8, "the count");

	good("t;\"m\";2;192.0.2.1/32;198.51.100.0/24", "192.0.2.1 "
	    "198.51.100.0/24");
	good("t;\"m\";2;192.0.2.1/32;198.51.100.0/24;", "192.0.2.1 "
	    "198.51.100.0/24");
	good("t;\"m\";inet;1;192.0.2.1/32;", "192.0.2.1");
	good("t;\"m\";inet;1;192.0.2.1/32;inet6;2;2001:db8::/32;::1/128",
	    "192.0.2.1 2001:db8::/32 ::1");
	good("t;\"m\";inet6;1;::1/128;;;inet;1;192.0.2.1/32", "::1 192.0.2.1");
	good("t;\"m\";inet;0;inet6;1;::1/128", "::1");
	good("t;\"m\";inet;1;192.0.2.99/24", "192.0.2.0/24");
	good("t;\"m\";inet;1;192.0.2.1/32\r", "192.0.2.1");
	is_int(parse("t;"), LISTCFG_CLEAR, "t; clears");
	is_str(c.tag, "t", "its tag");
	is_int(parse(""), LISTCFG_NONE, "an empty line");
	is_int(parse("x"), LISTCFG_NONE, "a line of one character");
}

static void
test_refused(void)
{
	char	line[128];

	refused("t;\"m\";inet;1;192.0.2.0/0", "/0");
	refused("t;\"m\";inet;1;192.0.2.0/33", "is not a network");
	refused("t;\"m\";inet;1;192.0.2.0", "no prefix length");
	refused("t;\"m\";inet;1;junk", "no prefix length");
	refused("t;\"m\";inet;1;junk/24", "is not an address");
	refused("t;\"m\";inet;1;::1/128", "is not a network");
	refused("t;\"m\";inet6;1;192.0.2.1/32", "is not a network");
	refused("t;\"m\";inet;1;192.0.2.1-192.0.2.9/32", "is not a network");
	refused("t;\"m\";inet;1;192.0.2.1,/31", "is not a network");
	refused("t;\"m\";atm;1;192.0.2.0/24", "inet, inet6");
	refused("t;\"m\";inet;-1;192.0.2.0/24", "no count");
	refused("t;\"m\";inet;0", "the list has no addresses");
	refused("t;\"m\"", "the list has no addresses");
	refused("t;\"m\";inet;2;127.0.0.8/32;", "the count is 2");
	refused("t;\"m\";inet;3;127.0.0.8/32", "the count is 3");
	refused("t;\"m\";inet;2;127.0.0.8/32;;127.0.0.9/32", "the count is 2");
	refused("t;\"m\";inet;1;127.0.0.8/32;127.0.0.9/32", "is the count right");
	refused("t;\"m\";inet", "no count");
	refused("t;\"m\";inet;99999999999999999999;1.2.3.4/32", "no count");
	refused("t;\"m\";inet;1;192.0.2.1/32;inet;1;192.0.2.2/32", "twice");
	refused("t;\"m\";1;192.0.2.1/32;inet6;1;::1/128", "twice");
	refused("t;\"m\";inet;;1.2.3.4/32", "no count");
	refused("t;\"m\";inet;100000001;1.2.3.4/32", "no count");
	refused("t;message;inet;1;192.0.2.1/32", "not in quotes");
	refused("t;\"message;inet;1;192.0.2.1/32", "not in quotes");
	refused("t;\"message\"inet;1;192.0.2.1/32", "not in quotes");
	refused("tag", "begin with the name");
	refused(";\"m\";inet;1;192.0.2.1/32", "begin with the name");
	refused("a b;\"m\";inet;1;192.0.2.1/32", "begin with the name");
	is_str(c.tag, "", "a tag that is none is not told");
	refused("../../etc/passwd;\"m\";inet;1;192.0.2.1/32", "begin with the name");

	snprintf(line, sizeof(line), "%063d;\"m\";inet;1;192.0.2.1/32", 7);
	good(line, "192.0.2.1");
	snprintf(line, sizeof(line), "%064d;\"m\";inet;1;192.0.2.1/32", 7);
	refused(line, "begin with the name");
}

static void
test_message(void)
{
	static struct {
		struct listcfg	c;
		char		guard[4096];
	} guarded;
	char	line[8192];
	size_t	i;

	good("t;\"50% of %% %A %x \\\\ \\n\\n\";inet;1;192.0.2.1/32",
	    "192.0.2.1");
	is_str(c.message, "50%% of %% %A %%x \\ ", "escapes as in spamd; no "
	    "empty line at the end");
	ok(tmpl_check(c.message, "A") == NULL, "and it is a template");
	good("t;\"caf\xc3\xa9\t!\";inet;1;192.0.2.1/32", "192.0.2.1");
	is_str(c.message, "caf" "???" "!", "printable ASCII only");
	good("t;\"\";inet;1;192.0.2.1/32", "192.0.2.1");
	is_str(c.message, "", "an empty message is none");
	snprintf(line, sizeof(line), "t;\"%05000d\";inet;1;192.0.2.1/32", 7);
	good(line, "192.0.2.1");
	ok(tmpl_check(c.message, "A") == NULL && strlen(c.message) > 400,
	    "a message too long for a reply line is cut");
	memset(guarded.guard, 'x', sizeof(guarded.guard));
	is_int(listcfg_parse(line, strlen(line), &guarded.c, add, NULL),
	    LISTCFG_LIST, "again");
	for (i = 0; i < sizeof(guarded.guard) && guarded.guard[i] == 'x'; i++)
		continue;
	is_int((int)i, (int)sizeof(guarded.guard), "and nothing is overwritten");
	is_int(listcfg_parse("t;\"m\";inet;1;1.2.3.4/32", 23, &c, full, NULL),
	    LISTCFG_BAD, "no memory is said");
}

int
main(void)
{
	test_good();
	test_refused();
	test_message();
	return (done());
}
