/* Templates and the reply lines made from them. */
#include "lib/smtp/tmpl.h"
#include "regress/lib/tap.h"

static struct addr	client;

static void
reply(const char *name, const char *text, int code, const char *enhanced, int last,
    const char *want)
{
	struct buf	b = { NULL, 0, 0, 0 };

	if (tmpl_reply(&b, code, enhanced, text, &client, 180, last) == -1 ||
	    buf_add(&b, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&b), want, name);
	buf_free(&b);
}

/* The end of a refusal. */
static void
contacts(void)
{
	struct buf	b = { NULL, 0, 0, 0 };
	char		line[480], want[1024];

	ok(tmpl_contact(&b, 550, "5.7.1", "call 1 (%A)", 0xabc, &client) ==
	    0 && buf_add(&b, "", 1) == 0, "contact");
	is_str((const char *)buf_ptr(&b), "550 5.7.1 call 1 (192.0.2.7) "
	    "[0000000000000abc]\r\n", "with the session behind it");
	buf_free(&b);
	memset(line, 'x', sizeof(line));
	line[461] = '\0';
	snprintf(want, sizeof(want), "421-4.3.2 %s [0000000000000abc]\r\n",
	    line);
	want[3] = ' ';
	ok(tmpl_contact(&b, 421, "4.3.2", line, 0xabc, &client) == 0 &&
	    buf_add(&b, "", 1) == 0, "as long as fits");
	is_str((const char *)buf_ptr(&b), want, "on one line");
	buf_free(&b);
	line[461] = 'x';
	line[479] = '\0';
	snprintf(want, sizeof(want), "421-4.3.2 %s\r\n"
	    "421 4.3.2 [0000000000000abc]\r\n", line);
	ok(tmpl_contact(&b, 421, "4.3.2", line, 0xabc, &client) == 0 &&
	    buf_add(&b, "", 1) == 0, "one that is longer");
	is_str((const char *)buf_ptr(&b), want, "has two, and nothing is cut");
	buf_free(&b);
}

static void
checks(void)
{
	char	line[600];

	ok(tmpl_check("Go away, %A: %s seconds, 100%%", "As") == NULL, "fine");
	ok(tmpl_check("one\\ntwo", "") == NULL, "two lines as written");
	ok(tmpl_check("one\ntwo", "") == NULL, "two lines");
	ok(tmpl_check("", "As") != NULL, "empty");
	ok(tmpl_check("%A", "s") != NULL, "%A where it is not known");
	ok(tmpl_check("%s", "A") != NULL, "%s where it is not known");
	ok(tmpl_check("%x", "Asx") != NULL, "%x is nowhere known");
	ok(tmpl_check("50%", "As") != NULL, "a lone percent sign");
	ok(tmpl_check("a\tb", "As") != NULL, "a tab");
	ok(tmpl_check("a\rb", "As") != NULL, "a CR");
	ok(tmpl_check("gr\xc3\xbc" "ezi", "As") != NULL, "not ASCII");
	memset(line, 'x', sizeof(line));
	line[500] = '\0';
	ok(tmpl_check(line, "") == NULL, "500 octets and the code are a line");
	line[500] = 'x';
	line[501] = '\0';
	ok(tmpl_check(line, "") != NULL, "501 are not");
	line[250] = '\n';
	ok(tmpl_check(line, "") == NULL, "unless they are two lines");
	memset(line, 'x', sizeof(line));
	memcpy(line + 456, "%A", 3);
	ok(tmpl_check(line, "A") != NULL, "an address counts in full");
}

int
main(void)
{
	struct buf	b = { NULL, 0, 0, 0 };
	char		line[2000];
	size_t		i, longest = 0, from = 0;

	addr_parse("192.0.2.7", &client);
	checks();
	contacts();
	reply("%s and %A", "Wait %s seconds, %A", 451, "4.7.1", 1,
	    "451 4.7.1 Wait 180 seconds, 192.0.2.7\r\n");
	reply("%%", "100%% of %%A", 450, NULL, 1, "450 100% of %A\r\n");
	reply("three lines", "one\\ntwo\nthree", 550, "5.7.1", 1,
	    "550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n");
	reply("not the last", "one\\ntwo", 550, NULL, 0, "550-one\r\n550-two\r\n");
	reply("backslash, line break", "a\\\\n", 550, NULL, 1, "550-a\\\r\n550 \r\n");
	reply("backslash", "c:\\dir", 550, NULL, 1, "550 c:\\dir\r\n");
	reply("lone percent, line break", "50%\nof", 450, NULL, 1,
	    "450-50%\r\n450 of\r\n");
	reply("control characters", "a\rb\x80", 450, NULL, 1,
	    "450 a?b?\r\n");
	/* What check would refuse is still never more than a line. */
	memset(line, 'y', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	ok(tmpl_reply(&b, 550, "5.7.1", line, &client, 0, 1) == 0, "long text");
	for (i = 0; i < buf_len(&b); i++)
		if (buf_ptr(&b)[i] == '\n') {
			if (i + 1 - from > longest)
				longest = i + 1 - from;
			from = i + 1;
		}
	is_int(longest, 512, "is cut at a line's length");
	is_int(from, buf_len(&b), "and ends as a line");
	buf_free(&b);
	return (done());
}
