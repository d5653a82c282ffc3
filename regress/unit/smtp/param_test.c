/* The parameters of MAIL and RCPT. */
#include <string.h>

#include "lib/smtp/caps.h"
#include "lib/smtp/param.h"
#include "regress/lib/tap.h"

#define ALL	(CAPS_SIZE | CAPS_8BITMIME | CAPS_SMTPUTF8 | CAPS_DSN)

static const struct {
	int		 rcpt;		/* 2: and MAIL had SMTPUTF8 */
	uint32_t	 offered;
	const char	*text;
	int		 code;		/* 0: fine */
} t[] = {
	{ 0, 0, "", 0 }, { 0, ALL, "", 0 },
	{ 0, ALL, "SIZE=100", 0 }, { 0, ALL, "size=1000", 0 },
	{ 0, ALL, "SIZE=1001", 552 },
	{ 0, ALL, "SIZE=99999999999999999999", 552 },
	{ 0, ALL, "SIZE=18446744073709551617", 552 },
	{ 0, ALL, "SIZE=999999999999999999999", 501 },
	{ 0, ALL, "SIZE=1x", 501 }, { 0, ALL, "SIZE", 501 },
	{ 0, ALL, "SIZE=", 501 }, { 0, ALL & ~CAPS_SIZE, "SIZE=1", 555 },
	{ 0, 0, "SIZE=1", 555 }, { 0, ALL, "BODY=7BIT", 0 },
	{ 0, ALL, "BODY=8bitmime", 0 }, { 0, ALL, "BODY=BINARYMIME", 555 },
	{ 0, ALL, "BODY=x", 501 },
	{ 0, ALL & ~CAPS_8BITMIME, "BODY=8BITMIME", 555 },
	{ 0, ALL, "SMTPUTF8", 0 }, { 0, ALL, "SMTPUTF8=1", 501 },
	{ 0, CAPS_SIZE, "SMTPUTF8", 555 },
	{ 0, ALL, "RET=HDRS ENVID=a+20b", 0 }, { 0, ALL, "ENVID=a=b", 501 },
	{ 0, ALL & ~CAPS_DSN, "RET=FULL", 555 },
	{ 0, ALL & ~CAPS_DSN, "ENVID=x", 555 }, { 0, ALL, "RET=x", 501 },
	{ 0, ALL, "AUTH=<>", 555 }, { 0, ALL, "BY=5;R", 555 },
	{ 0, ALL, "NOTIFY=NEVER", 555 }, { 0, ALL, "=x", 501 },
	{ 0, ALL, "REQUIRETLS", 555 },
	{ 1, ALL, "NOTIFY=NEVER", 0 }, { 1, ALL, "NOTIFY=SUCCESS,DELAY", 0 },
	{ 1, ALL, "NOTIFY=NEVER,DELAY", 501 },
	{ 1, ALL, "ORCPT=rfc822;a@b", 0 }, { 1, ALL, "ORCPT=a@b", 501 },
	{ 1, ALL, "ORCPT=rfc822;a+2Bb=c+d@b", 0 },
	{ 1, ALL, "ORCPT=rfc822;a+0D+0ASubject:", 501 },
	{ 1, ALL, "ORCPT=rfc822;a+7Fb", 501 },
	{ 1, ALL, "ORCPT=rfc822;a\xc3\xbc@b", 501 },
	{ 2, ALL, "ORCPT=utf-8;a\xc3\xbc@b", 0 },
	{ 2, ALL, "ORCPT=utf-8;a\xfc@b", 501 },
	{ 1, ALL, "ORCPT=r(c;a@b", 501 }, { 1, ALL, "ORCPT=rfc822;", 501 },
	{ 0, ALL, "ENVID=a+0Ab", 501 }, { 0, ALL, "ENVID=a+7Fb", 501 },
	{ 1, ALL & ~CAPS_DSN, "ORCPT=rfc822;a@b", 555 },
	{ 1, 0, "NOTIFY=NEVER", 555 }, { 1, ALL, "SIZE=1", 555 },
	{ 1, ALL, "RRVS=2014-04-03T23:01:00Z", 555 }
};

static const struct {
	int		 rcpt;
	const char	*text;
	uint32_t	 want;
} caps[] = {
	{ 0, "", 0 }, { 0, "SIZE=1 BODY=7BIT", CAPS_SIZE | CAPS_8BITMIME },
	{ 0, "smtputf8", CAPS_SMTPUTF8 }, { 0, "RET=FULL", CAPS_DSN },
	{ 0, "ENVID=1", CAPS_DSN }, { 0, "X=1", 0 },
	{ 1, "NOTIFY=NEVER ORCPT=a;b", CAPS_DSN }, { 1, "SIZE=1", 0 }
};

int
main(void)
{
	struct param_mail	 pm;
	const char		*error;
	char			 name[128];
	size_t			 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		if (t[i].rcpt)
			error = param_rcpt(t[i].text, strlen(t[i].text),
			    t[i].offered, t[i].rcpt == 2);
		else
			error = param_mail(t[i].text, strlen(t[i].text),
			    t[i].offered, 1000, &pm);
		snprintf(name, sizeof(name), "%s %s (%#x)",
		    t[i].rcpt ? "RCPT" : "MAIL", t[i].text, t[i].offered);
		is_int(error == NULL ? 0 : atoi(error), t[i].code, name);
	}
	for (i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		is_int(param_caps(caps[i].text, strlen(caps[i].text),
		    caps[i].rcpt), caps[i].want, caps[i].text);
	(void)param_mail("SIZE=77 BODY=8BITMIME SMTPUTF8", 30, ALL, 0, &pm);
	ok(pm.size == 77 && pm.body8 && pm.smtputf8, "what was said is told");
	(void)param_mail("BODY=7BIT", 9, ALL, 0, &pm);
	ok(pm.size == 0 && !pm.body8 && !pm.smtputf8, "and what was not");
	return (done());
}
