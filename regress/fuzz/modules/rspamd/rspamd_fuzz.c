/* LINK: spamgreyd/modules/rspamd spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/* LIBS: -ljansson */
/*
 * Any bytes as rspamd's answer; the first one is the size of the pieces.  The
 * outcome is always one line of printable text, and a message goes on only if
 * the answer has an action or says that it was skipped.
 */
#include "spamgreyd/pass/scan/scan_int.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_rspamd;
const struct module *const modules[] = { &mod_rspamd, NULL };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct scan {
	scan_more	 more;
	scan_done	 done;
	void		*arg;
};
static struct scan	 asked;
static unsigned int	 nasked;

struct scan *
scan_start(struct scan_conf *conf, uint64_t session,
    int (*make)(struct scan_request *, unsigned int, void *), scan_more more,
    scan_done done, void *arg)
{
	(void)conf;
	(void)session;
	(void)make;
	asked.more = more;
	asked.done = done;
	asked.arg = arg;
	nasked++;
	return (&asked);
}

void
scan_cancel(struct scan *s)
{
	(void)s;
}

void
health_forget(const struct scan_conf *c)
{
	(void)c;
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *line != '\0'; line++)
		if ((unsigned char)*line < ' ' || (unsigned char)*line > '~')
			abort();
}

/* As scan does it: in pieces, until it is whole or none. */
static void
answer(const uint8_t *data, size_t size, size_t piece)
{
	const char	*why = NULL;
	size_t		 n = 0;
	int		 r = 0;

	do {
		n = size - n < piece ? size : n + piece;
		r = asked.more(data, n, 0, asked.arg, &why);
	} while (r == 0 && n < size);
	if (r == 0)
		r = asked.more(data, size, 1, asked.arg, &why);
	if (r == -1 && why == NULL)
		abort();
	if (r == 1)
		asked.done(data, n, NULL, asked.arg);
	else
		asked.done(NULL, 0, r == -1 ? why : "it ended", asked.arg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pass_conf	*pc;
	struct session		*s;
	struct msgedit		*edit = NULL;
	const char		*p;

	if (size < 1)
		return (0);
	fix_init();
	log_set_sink(sink, NULL);
	pc = fix_conf("rspamd { socket \"/x\" \n"
	    "on-error tempfail }");
	s = fix_session(pc, "192.0.2.1");
	if ((s->ms.spool = spool_new()) == NULL)
		exit(1);
	s->ms.from = "<a@example.com>";
	if (spool_write((struct spool *)(uintptr_t)s->ms.spool,
	    "Subject: x\r\n\r\n", 14) == -1)
		exit(1);
	nasked = 0;
	if (fix_stage(s, STAGE_EOM) != NULL || nasked != 1)
		abort();
	answer(data + 1, size - 1, (size_t)data[0] + 1);
	fix_pass(10);
	if (fix_outcome == NULL ||
	    (*fix_outcome == '\0' && memmem(data, size, "HTTP/1.", 7) == NULL))
		abort();
	for (p = fix_outcome; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			abort();
	if (run_edits(&s->ms, &edit) == 0 && edit != NULL)
		spool_free(msgedit_apply(edit, s->ms.spool));
	msgedit_free(edit);
	spool_free((struct spool *)(uintptr_t)s->ms.spool);
	fix_session_free(s);
	fix_conf_free(pc);
	return (0);
}
