/* LINK: spamgreyd/modules/spamassassin */
/*
 * SpamAssassin's protocol: answers of all versions, cut at every byte, and
 * invalid names of users.
 */
#include <stdio.h>
#include <string.h>

#include "spamgreyd/modules/spamassassin/spamc.h"
#include "regress/lib/tap.h"

/* Cut anywhere it needs more; whole it is good. */
static void
good(const char *text, enum spamc_verb verb, int eof, int32_t score,
    int32_t required, int flagged)
{
	struct spamc_reply	r;
	char			why[256] = "";
	size_t			i, len = strlen(text), bad = 0;

	for (i = 0; i < len; i++)
		bad += spamc_parse((const uint8_t *)text, i, 0, verb, &r, why,
		    sizeof(why)) != 0;
	is_int((long)bad, 0, "cut: more is needed");
	is_int(spamc_parse((const uint8_t *)text, len, 0, verb, &r, why,
	    sizeof(why)), !eof, why[0] == '\0' ? "whole" : why);
	is_int(spamc_parse((const uint8_t *)text, len, 1, verb, &r, why,
	    sizeof(why)), 1, "whole at its end");
	ok(r.score == score && r.required == required &&
	    r.flagged == flagged, "what it says");
}

static void
bad(const char *text, enum spamc_verb verb, const char *want)
{
	struct spamc_reply	r;
	char			why[256] = "";

	is_int(spamc_parse((const uint8_t *)text, strlen(text), 1, verb, &r,
	    why, sizeof(why)), -1, want);
	is_str(why, want, "why");
}

static void
user(const char *path, int local, const char *want)
{
	char	got[SPAMC_USER_MAX + 1];

	spamc_user(path, local, got);
	is_str(got, want, path);
}

int
main(void)
{
	char	line[2100];

	good("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15.2 / 5.0\r\n\r\n",
	    SPAMC_CHECK, 0, 15200, 5000, 1);
	good("SPAMD/1.5 0 EX_OK\nspam: no;-3/5\n\n", SPAMC_CHECK, 0, -3000,
	    5000, 0);
	good("SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nX: y\r\n"
	    "Spam: False ; 0.001 / 5.0\r\n\r\nA,B", SPAMC_SYMBOLS, 0, 1, 5000,
	    0);
	good("SPAMD/1.0 0 EX_OK\r\nSpam: Yes ; 99999999999999 / 5.12345\r\n"
	    "\r\nA,B", SPAMC_SYMBOLS, 1, 1000000, 5123, 1);
	bad("SPAMD/1.0 0 EX_OK\r\nSpam: Yes ; 1e3 / 5\r\n\r\n", SPAMC_CHECK,
	    "its score cannot be read");
	bad("SPAMD/1.0 0 EX_OK\r\nSpam: Yes ; 1. / 5\r\n\r\n", SPAMC_CHECK,
	    "its score cannot be read");
	bad("SPAMD/1.0 0 EX_OK\r\nSpam: Yes ; 1 / 5 x\r\n\r\n", SPAMC_CHECK,
	    "its score cannot be read");
	bad("SPAMD/1.0 0 EX_OK\r\nSpam Yes\r\n\r\n", SPAMC_CHECK,
	    "a line of its answer is not a header field");
	bad("SPAMD/1.0 0 EX_OK\r\n\r\n", SPAMC_CHECK,
	    "its answer has no score");
	bad("SPAMD/1.0 0 EX_OK\r\nContent-length: 1\r\nContent-length: 2\r\n"
	    "\r\n", SPAMC_CHECK, "its answer has two lengths");
	bad("SPAMD/1.0 64 EX_USAGE\r\n", SPAMC_CHECK,
	    "spamd said: SPAMD/1.0 64 EX_USAGE");
	bad("SPAMD/1.0 79 Timeout: x\r\n", SPAMC_CHECK,
	    "spamd said: SPAMD/1.0 79 Timeout: x");
	bad("SPAMD/ 0 EX_OK\r\n", SPAMC_CHECK,
	    "it does not speak spamd's protocol");
	bad("SPAMD/1.1 1234 EX_OK\r\n", SPAMC_CHECK,
	    "it does not speak spamd's protocol");
	bad("SPAMD/1.1 0 EX_OK", SPAMC_CHECK,
	    "its answer is incomplete");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	bad(line, SPAMC_CHECK,
	    "a line of its answer is too long or not text");
	user("<Ann@Example.ORG>", 0, "ann@example.org");
	user("<Ann+b@Example.ORG>", 1, "ann+b");
	user("<postmaster>", 1, "postmaster");
	user("<../../etc/passwd@x>", 0, "");
	user("<a'b@example.org>", 0, "");
	user("<\"a b\"@example.org>", 0, "");
	user("<-x@example.org>", 1, "");
	user("<..@example.org>", 1, "");
	return (done());
}
