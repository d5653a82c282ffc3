/* LINK: spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf spamgreyd/modules */
/*
 * attachment: patterns of names and types, each action, limits, mistakes in the
 * configuration, and a session that ends during a scan.
 */
#include "spamgreyd/runner/mimescan.h"
#include "regress/lib/mimescan_fixture.h"

extern const struct module mod_attachment;
const struct module *const modules[] = { &mod_attachment, NULL };

#define MSG(type, disp)	"Subject: x\r\nContent-Type: multipart/mixed; " \
	"boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: " type \
	"\r\nContent-Disposition: " disp "\r\n\r\nMZ\r\n--b--\r\n"

static void
rules(void)
{
	struct pass_conf	*pc;
	struct session		*s;

	pc = fix_conf("attachment { name \"*.exe\" reject\nname \"*.scr\" "
	    "tempfail\nname \"*.doc?\" mark\nname \"*.zip\" points 2.5\n"
	    "name \"*.js\"\ntype \"application/x-msdownload\" mark\n"
	    "name \"invoice*.*.pdf\" reject }");
	s = fix_session(pc, "192.0.2.1");
	is_str(scan_message(s, MSG("text/plain", "inline")), "|",
	    "nothing that is not wanted");
	is_str(scan_message(s, MSG("text/plain", "x; filename=\"A.EXE\"")),
	    "550 5.7.1 The message contains content that is not allowed here: "
	    "A.EXE| "
	    "points=0 attachment=unwanted attachment-why=A.EXE", "a name, refused");
	is_str(scan_message(s, MSG("text/plain; name*0*=utf-8''a%2E; "
	    "name*1=exe", "x")), "550 5.7.1 The message contains content that "
	    "is not allowed here: a.exe| points=0 attachment=unwanted "
	    "attachment-why=a.exe",
	    "in pieces");
	is_str(scan_message(s, MSG("text/plain", "x; filename=b.scr")),
	    "451 4.7.1 The message contains content that is not allowed here: "
	    "b.scr| "
	    "points=0 attachment=unwanted attachment-why=b.scr", "put off");
	is_str(scan_message(s, MSG("text/plain", "x; filename=c.docm")),
	    "| points=0 attachment=unwanted attachment-why=c.docm", "marked");
	is_int(run_over(&s->ms), 1, "which counts");
	is_str(scan_message(s, MSG("text/plain", "x; filename=c.doc")), "|",
	    "one octet more is wanted");
	is_str(scan_message(s, MSG("text/plain", "x; filename=d.zip")),
	    "| points=2.5 attachment=2.5 attachment-why=d.zip", "points");
	is_str(scan_message(s, MSG("text/plain", "x; filename=e.js")),
	    "| points=0 attachment=unwanted attachment-why=e.js",
	    "the strategy of the class");
	is_str(scan_message(s, MSG("Application/X-MSDownload", "inline")),
	    "| points=0 attachment=unwanted attachment-why=application/x-msdownload",
	    "a type");
	is_str(scan_message(s, MSG("text/plain",
	    "x; filename=invoice.a.b.c.pdfx.pdf")), "550 5.7.1 The message "
	    "contains content that is not allowed here: "
	    "invoice.a.b.c.pdfx.pdf| points=0 "
	    "attachment=unwanted attachment-why=invoice.a.b.c.pdfx.pdf", "many stars");
	is_str(scan_message(s, MSG("application/x-msdownload",
	    "x; filename=f.exe")), "550 5.7.1 The message contains content "
	    "that is not allowed here: f.exe| points=0 attachment=unwanted "
	    "attachment-why=application/x-msdownload,\\x20f.exe", "the worst "
	    "of several");
	is_str(scan_message(s, ""), "|", "an empty message");
	is_int(mod_stat("module.attachment.types"), 2, "types are counted");
	is_int(mod_stat("module.attachment.names"), 8, "and names");
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf("attachment { name \"*.exe\" strategy unwanted reject }");
	s = fix_session(pc, "192.0.2.1");
	is_str(scan_message(s, MSG("text/plain", "x; filename=f.exe")),
	    "550 5.7.1 The message contains content that is not allowed here: "
	    "f.exe| "
	    "points=0 attachment=unwanted attachment-why=f.exe", "the module's strategy");
	fix_session_free(s);
	fix_conf_free(pc);
	pc = fix_conf("attachment { name \"*.exe\" reject log-only }");
	s = fix_session(pc, "192.0.2.1");
	(void)fix_logged();
	is_str(scan_message(s, MSG("text/plain", "x; filename=f.exe")), "|",
	    "log-only");
	is_str(fix_logged(), "0000000000000abc pass attachment log-only "
	    "found=unwanted name=f.exe strategy=reject\n", "is logged");
	fix_session_free(s);
	fix_conf_free(pc);
}

static void
limits(void)
{
	struct pass_conf	*pc = fix_conf("attachment { max-depth 2 "
				    "max-parts 4 name \"*.exe\" reject }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct spool		*sp;
	char			 deep[2000] = "", line[100];
	int			 i;

	for (i = 0; i < 4; i++) {
		snprintf(line, sizeof(line), "Content-Type: multipart/mixed; "
		    "boundary=b%d\r\n\r\n--b%d\r\n", i, i);
		strlcat(deep, line, sizeof(deep));
	}
	is_str(scan_message(s, deep), "| points=0 attachment=unscannable attachment-why=nested\\x20too\\x20deeply", "too deep is unscannable");
	snprintf(deep, sizeof(deep), "Content-Type: multipart/mixed; "
	    "boundary=b\r\n\r\n");
	for (i = 0; i < 5; i++)
		strlcat(deep, "--b\r\n\r\nx\r\n", sizeof(deep));
	is_str(scan_message(s, deep), "| points=0 attachment=unscannable attachment-why=too\\x20many\\x20parts", "so are too many");
	is_int(mod_stat("module.attachment.past-limits"), 2, "counted");
	/* The client goes while its message is looked at. */
	if ((sp = spool_new()) == NULL || spool_write(sp, "A: b\r\n", 6) == -1)
		exit(1);
	s->ms.spool = sp;
	ok(fix_stage(s, STAGE_EOM) == NULL, "a message is looked at");
	fix_session_free(s);
	spool_free(sp);
	is_int(fix_turn(), 0, "and no more when its session is gone");
	fix_conf_free(pc);
}

/* A long message leaves the loop to others in between. */
static void
slices(void)
{
	struct pass_conf	*pc = fix_conf("attachment { name \"*.exe\" }");
	struct session		*s = fix_session(pc, "192.0.2.1");
	struct spool		*sp = spool_new();
	static char		 line[65536];
	int			 i, turns = 0;

	memset(line, 'x', sizeof(line));
	if (sp == NULL || spool_write(sp, "\r\n", 2) == -1)
		exit(1);
	for (i = 0; i < 64; i++)
		if (spool_write(sp, line, sizeof(line)) == -1)
			exit(1);
	s->ms.spool = sp;
	ok(fix_stage(s, STAGE_EOM) == NULL, "4M");
	while (fix_outcome == NULL && turns < 10000)
		turns += (int)fix_turn();
	ok(turns >= 10, "are many slices");
	is_str(fix_outcome, "", "and found fine");
	s->ms.spool = NULL;
	fix_session_free(s);
	spool_free(sp);
	fix_conf_free(pc);
}

/* A part whose look takes 10 ms. */
static void
on_slow_part(const struct mime_part *p, void *arg)
{
	unsigned int	*parts = arg;

	(void)p;
	(*parts)++;
	fix_now += 10;
	clock_fake(1700000000, fix_now);
}

static void
on_slow_done(const char *past, const char *why, void *arg)
{
	(void)past;
	(void)why;
	(void)arg;
}

/* A slice ends by the clock, not only by its octets. */
static void
slow_parts(void)
{
	static const struct mime_limits	 limits = { 20, 100000 };
	static const struct mime_calls	 calls = { .part = on_slow_part };
	struct spool			*sp = spool_new();
	struct mimescan			*m;
	unsigned int			 parts = 0, i;

	if (sp == NULL || spool_write(sp,
	    "Content-Type: multipart/m; boundary=x\r\n\r\n", 41) == -1)
		exit(1);
	for (i = 0; i < 10000; i++)
		if (spool_write(sp, "--x\r\n\r\n", 7) == -1)
			exit(1);
	m = mimescan_start(sp, 0, &limits, &calls, on_slow_done, &parts);
	for (i = 0; i < 1000 && parts == 0; i++)
		(void)fix_turn();
	ok(parts > 0 && parts <= 256 / 7 + 2,
	    "what takes long ends a slice after some octets");
	mimescan_stop(m);
	spool_free(sp);
}

int
main(void)
{
	fix_init();
	spool_limits(1024 * 1024 * 16, 64 * 1024 * 1024);
	rules();
	limits();
	slices();
	slow_parts();
	mod_bad("attachment", "name \"\" reject",
	    "name: a pattern must have 1 to 256 bytes");
	mod_bad("attachment", "name \"a\" points",
	    "name: must be reject, tempfail, mark, points and their number, "
	    "or nothing");
	mod_bad("attachment", "name \"a\" reject 4",
	    "name: must be reject, tempfail, mark, points and their number, "
	    "or nothing");
	return (done());
}
