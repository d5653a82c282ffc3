/* LINK: spamgreyd/modules spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/* LIBS: -lcares */
/*
 * dnsbl_drive SERVERS BLOCK CLIENT …: one session after the other through the
 * module dnsbl, with the real resolver: connect, a recipient, DATA.  A line
 * each: "CLIENT POINTS vouched|- REPLY|-"; then what was logged, "log: …".
 */
#define FIX_REAL_LOOP
#include "lib/dns/dns.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_dnsbl;
const struct module *const modules[] = { &mod_dnsbl, NULL };

static void
session(struct pass_conf *pc, const char *client)
{
	static const char	rcpt[] = "<user@example.org>";
	struct session		*s = fix_session(pc, client);
	char			 reply[320];

	(void)fix_stage(s, STAGE_CONNECT);
	fix_wait(&fix_outcome);
	s->ms.rcpt = rcpt;
	(void)fix_stage(s, STAGE_RCPT);
	fix_wait(&fix_outcome);
	snprintf(reply, sizeof(reply), "%s", *fix_outcome == '\0' ? "-" :
	    fix_outcome);
	s->ms.rcpt = NULL;
	(void)fix_stage(s, STAGE_DATA);
	fix_wait(&fix_outcome);
	printf("%s %g %s %s\n", client, (double)run_points(&s->ms) / 1000,
	    run_vouched(&s->ms) ? "vouched" : "-", reply);
	fix_session_free(s);
}

int
main(int argc, char **argv)
{
	struct pass_conf	*pc;
	char			*text, *p, *line;
	int			 i;

	if (argc < 4)
		return (2);
	fix_init();
	if (dns_init(fix_base, argv[1]) == -1)
		return (1);
	pc = fix_conf(argv[2]);
	for (i = 3; i < argc; i++)
		session(pc, argv[i]);
	if ((p = text = strdup(fix_logged())) == NULL)
		return (1);
	while ((line = strsep(&p, "\n")) != NULL)
		if (*line != '\0')
			printf("log: %s\n", line);
	free(text);
	fix_conf_free(pc);
	dns_free();
	return (0);
}
